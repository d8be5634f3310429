"""Replay: the same requests against a twin that holds what the recorded shop held give the same answers."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from connectors.sandbox import Catalogue, make_catalogue, serve
from connectors.sandbox.woocommerce_saving import BLANK

NOW = datetime(2026, 11, 23, 12, 15, 48, tzinfo=UTC)
BASE = "/wp-json/wc/v3"
CATEGORIES = {16: "Coffee", 17: "Tea", 18: "Kitchen &amp; Table", 19: "Clothing"}
BRANDS = {21: "Maison Brûlée", 22: "Acme", 23: "Nordlys"}
ERRORS = ("code", "message", "data")
LOOSE = {
    "price_html",
    "_links",
    "related_ids",
    "permalink",
    "permalink_template",
    "total_sales",
    "average_rating",
    "meta_data",
    "slug",
    "attributes",
    "images",
}
"""Members whose values hang on what the recorded shop had beside (links, sales, related things)."""

SILENT = LOOSE | {
    name + ending
    for name in ("date_created", "date_modified", "date_completed", "date_paid")
    for ending in ("", "_gmt")
}

BETWEEN = {"update: stock": {"regular_price": "13.90"}}
"""What the recorder set back between two exchanges without recording it: the price that stands in the next answers."""

REPLAYED = (
    "no key",
    "wrong key, Basic over https",
    "right key, wrong secret, Basic over https",
    "Basic over plain http",
    "wrong key in query over https",
    "key in query over plain http",
    "read-only key writes",
    "write-only key reads",
    "key of a customer account reads products",
    "key of a customer account writes a product",
    "key of a customer account reads orders",
    "key of a customer account creates a product",
    "unknown route",
    "unknown product",
    "unknown product, update",
    "an order id asked as product",
    "malformed JSON body",
    "method not allowed",
    "per_page over the limit",
    "page zero",
    "per_page -1",
    "modified_after date only",
    "modified_after not a date",
    "filter by unknown sku",
    "variation under the wrong parent",
    "variations of a simple product",
    "create a simple product",
    "create with an SKU already used by a product",
    "create with an SKU already used by a variation",
    "update: SKU of another product",
    "update: global_unique_id with letters",
    "update: global_unique_id with a wrong check digit",
    "update price only, other fields stay",
    "update: regular_price as a JSON number",
    "update: regular_price with a comma",
    "update: regular_price with text",
    "update: regular_price with thousands separator",
    "update: regular_price negative",
    "update: regular_price with five decimals",
    "update: sale_price below regular",
    "update: sale_price above regular_price",
    "update: sale_price taken away with an empty string",
    "update: sale dates",
    "update: read-only price",
    "update: price emptied",
    "update: stock",
    "update: stock zero",
    "update: stock negative",
    "update: stock as a string of digits",
    "update: stock not an integer",
    "update: stock as text",
    "update: weight and dimensions",
    "update: weight as a JSON number",
    "update: weight with comma and unit",
    "update: weight negative",
    "update: weight emptied",
    "update: categories replace the set",
    "update: unknown category",
    "update: categories emptied",
    "update: brand by id",
    "update: brand by name",
    "update: unknown brand",
    "update: brands emptied",
    "update: text fields",
    "update: name emptied",
    "update: unknown status",
    "update: unknown type",
    "update: two wrong fields at once",
    "update: unknown field",
    "update: image from an address the shop cannot fetch",
    "update: image without file extension",
    "PATCH works like PUT",
    "POST on the item works like PUT",
    "form-encoded body",
    "update variation: price and stock",
    "parent takes over the stock",
    "variation whose parent manages stock",
    "stock sent to a variation whose parent manages stock",
    "variation updated by the product route",
    "price sent to a variable parent",
    "update variation: SKU of another product",
    "update variation: the parent's SKU",
    "batch, empty body",
    "batch with a read-only key",
    "create a category that exists",
    "create a category without name",
    "create a brand that exists",
    "name with & is given escaped",
    "unknown order",
    "a product id asked as order",
    "order statuses",
    "orders, unknown status",
    "update order: unknown status",
    "update order: status with wc- prefix",
    "update order: billing in part",
    "update order: invalid e-mail",
    "update order with a read-only key",
    "settings with a key of a customer account",
    "current currency",
    "system status with _fields",
    "system status with a key of a customer account",
    "system status without key",
    "variations write on the flat route",
    "WordPress core route with a wc key",
)


@pytest.fixture(scope="module")
def recorded(shared):
    content = json.loads((shared / "specs/woocommerce/recorded.json").read_text())
    return {one["name"]: one for one in content}


@pytest.fixture(scope="module")
def twin(recorded):
    nothing = Catalogue([], [], make_catalogue(0, 1, orders=0, defects=0).truth)
    with serve("woocommerce", catalogue=nothing, clock=lambda: NOW) as running:
        furnish(running.state, recorded)
        yield running


def furnish(state, recorded):
    """Put in what the recorded shop held when the exchanges began, as far as they touch it."""
    for taxonomy, names in (("categories", CATEGORIES), ("brands", BRANDS)):
        for number, name in names.items():
            state.terms[taxonomy][number] = {
                "id": number,
                "name": name,
                "slug": name.lower().replace(" &amp; ", "-"),
                "parent": 0,
            }
    state.terms["tags"][25] = {"id": 25, "name": "gift", "slug": "gift", "parent": 0}
    rows = [
        recorded[name]["response"]["body"]
        for name in ("get simple product", "get product without price and SKU", "get variable product")
    ]
    variations = recorded["variations of a product"]["response"]["body"]
    whole = recorded['get variation with an "any" attribute and no SKU']["response"]["body"]
    for shown in (*rows, *variations, whole | {"regular_price": "21.00", "sale_price": ""}):
        state.products[shown["id"]] = row_of(shown)
    state.products[36]["sku"] = ""
    for number, sku in ((12, "SKU-002"), (13, "SKU-003")):
        state.products[number] = {
            **BLANK,
            "id": number,
            "sku": sku,
            "name": sku,
            "created": NOW,
            "modified": NOW,
            "meta": [],
        }
    state.products[34] = row_of(variations[1] | {"id": 34, "sku": "TEE-BS"})
    order = recorded["list orders, one row whole"]["response"]["body"][0]
    for number in (50, 51):
        state.orders[number] = order_row(order, number)
    street = recorded["update order: billing in part"]["response"]["body"]["billing"]
    state.orders[51]["billing"] |= {name: street[name] for name in ("last_name", "address_1", "email")}
    state._next["post"] = 80


def row_of(shown):
    kept = {
        name: shown[name]
        for name in BLANK
        if name in shown and name not in ("images", "attributes", "categories", "brands", "tags")
    }
    return {
        **BLANK,
        **kept,
        "parent": shown.get("parent_id", 0),
        "gtin": shown.get("global_unique_id", ""),
        "stock": shown["stock_quantity"],
        **shown["dimensions"],
        **{one: [term["id"] for term in shown.get(one, [])] for one in ("categories", "brands")},
        "tags": [],
        "attributes": [
            {"name": one["name"], "option": one["option"]} for one in shown["attributes"] if "option" in one
        ],
        "meta": [],
        "created": NOW,
        "modified": NOW,
    }


def order_row(shown, number):
    return {
        "id": number,
        "lines": [],
        "meta": [],
        "created": NOW,
        "modified": NOW,
        "paid": None,
        "completed": None,
        **{
            name: shown[name]
            for name in ("status", "currency", "total", "shipping_total", "customer_note", "transaction_id")
        },
        **{name: shown[name] for name in ("payment_method", "payment_method_title")},
        "billing": dict(shown["billing"]),
        "shipping": dict(shown["shipping"]),
    }


def send(twin, exchange):
    request = exchange["request"]
    names = {"rw": "read_write", "ro": "read", "wo": "write", "nocap": "incapable"}

    def real(text):
        for short, kind in names.items():
            pair = twin.keys[kind]
            text = text.replace(f"<consumer_key_{short}>", pair.key).replace(f"<consumer_secret_{short}>", pair.secret)
        return text

    headers = {"Content-Type": request["headers"].get("Content-Type", "application/json")}
    auth = None
    given = request["headers"].get("Authorization", "")
    if given.startswith("Basic base64("):
        key, _, secret = real(given.removeprefix("Basic base64(").removesuffix(")")).partition(":")
        auth = (key, secret)
    if request["scheme"] == "https":
        headers["X-Forwarded-Proto"] = "https"
    query = {name: real(str(value)) for name, value in (request["query"] or {}).items()}
    body = request["body"]
    content = body if isinstance(body, str) else json.dumps(body) if body is not None else None
    return httpx.request(
        request["method"], twin.base_url + request["path"], params=query, headers=headers, auth=auth, content=content
    )


@pytest.mark.parametrize("name", REPLAYED)
def test_the_twin_answers_as_the_live_shop_did(twin, recorded, name):
    exchange = recorded[name]
    expected = exchange["response"]
    if name in BETWEEN:
        twin.state.save_product(twin.state.products[80], BETWEEN[name])
    answer = send(twin, exchange)
    assert answer.status_code == expected["status"], answer.text
    body, wanted = answer.json(), expected["body"]
    if answer.status_code >= 400:
        assert {key: body[key] for key in ERRORS} == {key: wanted[key] for key in ERRORS}
    elif isinstance(wanted, list):
        assert len(body) == len(wanted)
    else:
        missing = set(wanted) - set(body)
        assert not missing - {"price_html"}
        same = [key for key in wanted if key in body and key not in SILENT]
        assert {key: body[key] for key in same} == {key: wanted[key] for key in same}


def test_every_replayed_exchange_is_in_the_recording(recorded):
    assert not set(REPLAYED) - set(recorded)
    assert len(REPLAYED) > 100


def test_lists_carry_the_headers_of_the_live_shop(recorded):
    shop = recorded["list products, middle page"]
    catalogue = make_catalogue(1, 34, orders=0, defects=0)
    singles = Catalogue([one for one in catalogue.products if not one["variants"]], [], catalogue.truth)
    with serve("woocommerce", catalogue=singles) as twin:
        answer = send(twin, shop)
    wanted = shop["response"]["headers"]
    relations = [link["rel"] for link in httpx.Response(200, headers={"Link": wanted["Link"]}).links.values()]
    assert list(answer.links) == relations == ["prev", "next"]
    for relation in relations:
        mine = httpx.URL(answer.links[relation]["url"])
        theirs = httpx.URL(httpx.Response(200, headers={"Link": wanted["Link"]}).links[relation]["url"])
        assert (mine.path, mine.query) == (theirs.path, theirs.query)
    assert answer.headers["allow"] == wanted["Allow"]
    assert answer.headers["x-wp-totalpages"] == str(-(-int(answer.headers["x-wp-total"]) // 3))
