"""The WooCommerce twin against what a live shop of version 11.0.1 answered."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from authlib.oauth1 import ClientAuth
from authlib.oauth1.rfc5849.signature import generate_signature_base_string
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox import Catalogue, make_catalogue, serve
from connectors.sandbox.woocommerce_auth import AuthenticationError, Gate, Key, base_string
from connectors.sandbox.woocommerce_text import autop, decimal_text, global_unique_id, is_email, sanitised, whole_number

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


class Shop:
    """Speaks to a twin as over https."""

    def __init__(self, twin, key="read_write"):
        pair = twin.keys[key]
        self.client = httpx.Client(
            base_url=f"{twin.base_url}/wp-json/wc/v3",
            auth=(pair.key, pair.secret),
            headers={"X-Forwarded-Proto": "https"},
            verify=False,
        )

    def __getattr__(self, name):
        return getattr(self.client, name)


@pytest.fixture
def twin(small):
    with serve("woocommerce", catalogue=small, clock=lambda: NOW) as running:
        yield running


@pytest.fixture
def shop(twin):
    one = Shop(twin)
    yield one
    one.client.close()


def first(shop, kind="simple"):
    return next(row for row in shop.get("/products", params={"per_page": 100}).json() if row["type"] == kind)


# ---- text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent, stored",
    [
        ("12,50", "1250"),
        ("abc", ""),
        ("1,234.56", "1234.56"),
        ("-5", "-5"),
        ("12.34567", "12.34567"),
        ("1,3 kg", "13"),
        (9.5, "9.5"),
        ("", ""),
    ],
)
def test_decimals_in_a_shop_with_a_decimal_point(sent, stored):
    assert decimal_text(sent, ".") == stored


@pytest.mark.parametrize(
    "sent, stored", [("12,50", "12.50"), ("12.50", "12.50"), ("1.234,56", "1234.56"), ("1,3", "1.3")]
)
def test_decimals_in_a_shop_with_a_decimal_comma(sent, stored):
    assert decimal_text(sent, ",") == stored


@pytest.mark.parametrize(
    "sent, stored", [("ABC", ""), ("4006381333930", "4006381333930"), ("0-306-40615-X", "0-306-40615-X")]
)
def test_identifiers_keep_digits_hyphens_and_a_last_x(sent, stored):
    assert global_unique_id(sent) == stored


def test_names_and_descriptions_lose_what_could_run():
    assert sanitised('Cold Brew & <b>Bottle</b> "XL"') == 'Cold Brew &amp; <b>Bottle</b> "XL"'
    assert sanitised('<p onclick="x()">Line</p><script>alert(1)</script>') == "<p>Line</p>alert(1)"


@given(st.text(max_size=80))
def test_sanitising_twice_is_sanitising_once(text):
    assert sanitised(sanitised(text)) == sanitised(text)


@pytest.mark.parametrize("stored, shown", [("<p>Glass</p>", "<p>Glass</p>\n"), ("plain", "<p>plain</p>\n"), ("", "")])
def test_descriptions_are_shown_in_paragraphs(stored, shown):
    assert autop(stored) == shown


@pytest.mark.parametrize("sent, units", [("x", 0), ("8", 8), (-2, -2), ("12abc", 12), (None, 0)])
def test_units_are_read_as_php_reads_them(sent, units):
    assert whole_number(sent) == units


@pytest.mark.parametrize(
    "text, fine",
    [
        ("ann@example.com", True),
        ("a..b@example.com", True),
        ("not-an-address", False),
        ("a@b..com", False),
        ("a@example.com ", False),
    ],
)
def test_addresses_of_mail(text, fine):
    assert is_email(text) is fine


# ---- who is asking -----------------------------------------------------------------------------------------------


def signed_like_the_live_shop(vector, secret, now_s):
    key = Key(vector["consumer_key"], secret)
    names = ("oauth_nonce", "oauth_timestamp", "oauth_signature_method", "oauth_signature")
    query = (*vector["query"].items(), ("oauth_consumer_key", key.key), *((name, vector[name]) for name in names))
    return Gate({key.key: key}).identify(vector["method"], vector["url"], query, "", secure=False, now_s=now_s)


def vectors(shared):
    observed = json.loads((shared / "specs/woocommerce/observed.json").read_text())
    return next(one["observed"] for one in observed if "vectors" in one["name"])


def test_signatures_that_a_live_shop_took_are_taken(shared):
    found = vectors(shared)
    assert len(found) >= 3
    for vector in found:
        key = signed_like_the_live_shop(vector, vector["consumer_secret"], int(vector["oauth_timestamp"]))
        assert key.key == vector["consumer_key"]
        with pytest.raises(AuthenticationError, match="does not match"):
            signed_like_the_live_shop(vector, "cs_other", int(vector["oauth_timestamp"]))
        with pytest.raises(AuthenticationError, match="Invalid timestamp"):
            signed_like_the_live_shop(vector, vector["consumer_secret"], int(vector["oauth_timestamp"]) + 16 * 60)


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
@pytest.mark.parametrize("place", ["HEADER", "QUERY"])
def test_signatures_made_by_a_library_are_taken_over_plain_http(small, method, place):
    with serve("woocommerce", catalogue=small) as twin:
        pair = twin.keys["read_write"]
        ClientAuth.register_signature_method("HMAC-SHA256", _sha256)
        signer = ClientAuth(pair.key, pair.secret, signature_method=method, signature_type=place)
        url = f"{twin.base_url}/wp-json/wc/v3/products?search=a%20%26%20b&_fields=id%2Cname&include%5B0%5D=11"
        signed, headers, _ = signer.prepare("GET", url, {}, b"")
        answer = httpx.get(signed, headers=headers)
        assert answer.status_code == 200, answer.text
        assert httpx.get(signed, headers=headers).json()["message"].startswith("Invalid nonce")


def _sha256(client, request):
    return _signature(f"{client.client_secret}&", generate_signature_base_string(request), hashlib.sha256)


def _signature(key, text, digest):
    return base64.b64encode(hmac.new(key.encode(), text.encode(), digest).digest()).decode()


def test_a_nonce_is_taken_once_within_the_window():
    key = Key("ck_1", "cs_1")
    gate = Gate({"ck_1": key})

    def ask(now_s, nonce):
        query = [
            ("oauth_consumer_key", "ck_1"),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", str(now_s)),
        ]
        signature = _signature("cs_1&", base_string("GET", "http://shop/x", query), hashlib.sha1)
        return gate.identify(
            "GET", "http://shop/x", (*query, ("oauth_signature", signature)), "", secure=False, now_s=now_s
        )

    assert ask(1_000_000, "a") is key
    with pytest.raises(AuthenticationError, match="nonce has already been used"):
        ask(1_000_000, "a")
    assert ask(1_000_000, "b") is key
    assert ask(1_000_000 + 16 * 60, "a") is key


def test_basic_is_not_seen_over_plain_http(twin):
    pair = twin.keys["read_write"]
    answer = httpx.get(f"{twin.base_url}/wp-json/wc/v3/products", auth=(pair.key, pair.secret))
    assert (answer.status_code, answer.json()["code"]) == (401, "woocommerce_rest_cannot_view")


@pytest.mark.parametrize(
    "kind, method, status, code",
    [
        ("read", "PUT", 401, "woocommerce_rest_authentication_error"),
        ("write", "GET", 401, "woocommerce_rest_authentication_error"),
        ("incapable", "GET", 403, "woocommerce_rest_cannot_view"),
        ("incapable", "PUT", 403, "woocommerce_rest_cannot_edit"),
    ],
)
def test_permissions(twin, kind, method, status, code):
    answer = Shop(twin, kind).request(method, "/products/11", json={"name": "x"} if method == "PUT" else None)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


# ---- lists -------------------------------------------------------------------------------------------------------


def test_pages_are_complete_and_linked(shop, twin):
    seen, url = [], "/products?per_page=5&orderby=id&order=asc"
    while url:
        answer = shop.get(url)
        seen += [row["id"] for row in answer.json()]
        following = answer.links.get("next", {}).get("url")
        url = following.replace("https://", "http://") if following else None
    products = twin.state.dump()["products"].values()
    assert seen == sorted(row["id"] for row in products if row["type"] != "variation")
    assert int(answer.headers["x-wp-total"]) == len(seen)


def test_the_default_page_has_ten_rows_newest_first(shop):
    ids = [row["id"] for row in shop.get("/products").json()]
    assert len(ids) == 10
    assert ids == sorted(ids, reverse=True) or len(set(ids)) == 10


def test_changed_since_is_exclusive_and_takes_gmt_or_shop_time(shop):
    rows = shop.get("/products", params={"per_page": 100, "orderby": "modified", "order": "asc"}).json()
    middle = rows[len(rows) // 2]
    expected = [row["id"] for row in rows if row["date_modified_gmt"] > middle["date_modified_gmt"]]
    ask = {"per_page": 100, "orderby": "modified", "order": "asc", "_fields": "id"}
    gmt = shop.get("/products", params={**ask, "modified_after": middle["date_modified_gmt"], "dates_are_gmt": "true"})
    local = shop.get("/products", params={**ask, "modified_after": middle["date_modified"]})
    zulu = shop.get("/products", params={**ask, "modified_after": middle["date_modified_gmt"] + "Z"})
    assert (
        [row["id"] for row in gmt.json()]
        == [row["id"] for row in local.json()]
        == [row["id"] for row in zulu.json()]
        == expected
    )


def test_zulu_together_with_gmt_shifts_the_window(shop):
    rows = shop.get("/products", params={"per_page": 100, "orderby": "modified", "order": "asc"}).json()
    ask = {
        "per_page": 100,
        "modified_after": rows[0]["date_modified_gmt"] + "Z",
        "dates_are_gmt": "true",
        "_fields": "id",
    }
    assert len(shop.get("/products", params=ask).json()) < len(rows) - 1


def test_a_variation_without_sku_shows_its_parents(shop, twin):
    parent = first(shop, "variable")
    shop.put(f"/products/{parent['id']}", json={"sku": "PARENT"})
    variation = parent["variations"][0]
    path = f"/products/{parent['id']}/variations/{variation}"
    assert shop.put(path, json={"sku": ""}).json()["sku"] == "PARENT"
    assert [row["id"] for row in shop.get("/products", params={"sku": "PARENT"}).json()] == [parent["id"]]


# ---- writes ------------------------------------------------------------------------------------------------------


def test_a_write_leaves_every_other_field(shop, twin):
    row = first(shop)
    before = twin.state.dump()
    shop.put(f"/products/{row['id']}", json={"regular_price": "77.10", "sale_price": ""})
    after = twin.state.dump()
    changed = {
        name
        for name, value in after["products"][str(row["id"])].items()
        if before["products"][str(row["id"])][name] != value
    }
    assert changed <= {"regular_price", "sale_price", "modified"}
    others = {key: value for key, value in after["products"].items() if key != str(row["id"])}
    assert others == {key: value for key, value in before["products"].items() if key != str(row["id"])}


def test_a_write_that_is_refused_writes_nothing(shop, twin):
    row = first(shop)
    before = twin.state.dump()
    answer = shop.put(
        f"/products/{row['id']}", json={"name": "x", "stock_quantity": "many", "weight": 1.5, "status": "live"}
    )
    assert answer.status_code == 400
    assert set(answer.json()["data"]["params"]) == {"stock_quantity", "weight", "status"}
    assert twin.state.dump() == before


def test_batches_are_not_checked_and_go_on_after_a_failure(shop):
    row = first(shop)
    update = [
        {"id": row["id"], "regular_price": 9.5, "weight": 1.5, "status": "live", "stock_quantity": "x"},
        {"id": 999999, "name": "x"},
    ]
    answer = shop.post("/products/batch", json={"update": update})
    good, bad = answer.json()["update"]
    assert (good["regular_price"], good["weight"], good["status"], good["stock_quantity"]) == ("9.5", "1.5", "draft", 0)
    assert bad == {
        "id": 999999,
        "error": {"code": "woocommerce_rest_product_invalid_id", "message": "Invalid ID.", "data": {"status": 400}},
    }


def test_a_variation_is_written_on_its_own_route_only(shop):
    parent = first(shop, "variable")
    variation = parent["variations"][0]
    assert (
        shop.put(f"/products/{variation}", json={"name": "x"}).json()["code"] == "woocommerce_rest_invalid_product_id"
    )
    answer = shop.put(
        f"/products/{parent['id']}/variations/{variation}", json={"regular_price": "5.00", "sale_price": ""}
    )
    assert answer.json()["price"] == "5.00"
    assert shop.get(f"/products/{parent['id']}").json()["price"] == "5.00"


def test_pictures_are_kept_by_id_and_fetched_by_address(shop):
    row = next(row for row in shop.get("/products", params={"per_page": 100}).json() if len(row["images"]) > 1)
    kept = row["images"][1]
    answer = shop.put(
        f"/products/{row['id']}", json={"images": [{"id": kept["id"]}, {"src": "https://example.com/a/new.jpg"}]}
    )
    images = answer.json()["images"]
    assert images[0]["src"] == kept["src"]
    assert images[1]["src"].startswith("https://media.shop.example.com/") and images[1]["src"].endswith("/new.jpg")
    refused = shop.put(f"/products/{row['id']}", json={"images": [{"src": "http://example.invalid/a.jpg"}]})
    assert refused.json()["code"] == "woocommerce_product_image_upload_error"


def test_own_writes_move_the_time_even_when_nothing_changes(small):
    moments = iter(NOW + timedelta(seconds=step) for step in range(10_000))
    with serve("woocommerce", catalogue=small, clock=lambda: next(moments)) as twin:
        shop = Shop(twin)
        row = first(shop)
        again = shop.put(f"/products/{row['id']}", json={}).json()
        assert again["date_modified_gmt"] > row["date_modified_gmt"]


def test_orders_are_merged_and_checked(shop, twin):
    order = shop.get("/orders", params={"per_page": 1}).json()[0]
    answer = shop.put(f"/orders/{order['id']}", json={"billing": {"phone": "+33199001122"}})
    assert answer.json()["billing"] == order["billing"] | {"phone": "+33199001122"}
    wrong = shop.put(f"/orders/{order['id']}", json={"billing": {"email": "not-an-address"}})
    assert wrong.json()["data"]["params"] == {"billing": "Invalid email address."}
    assert shop.put(f"/orders/{order['id']}", json={"status": "shipped"}).status_code == 400
    batch = shop.post("/orders/batch", json={"update": [{"id": order["id"], "status": "shipped"}]})
    assert batch.json()["update"][0]["status"] == "pending"


def test_an_empty_shop_works():
    nothing = Catalogue([], [], make_catalogue(0, 1, orders=0, defects=0).truth)
    with serve("woocommerce", catalogue=nothing) as twin:
        answer = Shop(twin).get("/products")
        assert (answer.json(), answer.headers["x-wp-total"]) == ([], "0")
