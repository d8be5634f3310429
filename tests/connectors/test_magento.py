"""What is peculiar to Magento: signed calls, SKUs of any kind, numbers behind words, lists of prices, bulks with a deadline."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import polars as pl
import pytest

from connectors.errors import CredentialError, ProtocolError
from connectors.mapping import money
from connectors.platform import CHANGES, SHIPMENTS, Connection, Connector, connector
from connectors.platforms.magento import PLATFORM
from connectors.sandbox import Twin, make_catalogue, serve
from connectors.sandbox.magento import MagentoTwin

CREDENTIALS = {
    "store_url": "https://shop.example.com",
    "access_token": "token-0123456789",
    "access_token_secret": "token-secret-0123456789",
    "consumer_key": "key-0123456789",
    "consumer_secret": "secret-0123456789",
}
AWKWARD = ["A/B 1", "A+B", "A (2)", "50%", "A,B", "ÄÖ", "A&B=C"]

Open = Callable[..., Connector]


class Recorder(httpx.BaseTransport):
    """Passes calls on and keeps them."""

    def __init__(self, inner: httpx.BaseTransport | None = None) -> None:
        self.inner = inner or httpx.HTTPTransport(verify=False)
        self.asked: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        return self.inner.handle_request(request)

    def bodies(self, path: str = "") -> list[Any]:
        """Bodies of what was written, in order."""
        written = [one for one in self.asked if one.method != "GET" and path in one.url.path]
        return [json.loads(one.content) for one in written]


@pytest.fixture(scope="module")
def catalogue():
    return make_catalogue(5, 16, orders=12, defects=0.0)


@pytest.fixture(scope="module")
def host(catalogue) -> Iterator[Twin]:
    """The one server of this module; each test puts a twin of its own behind it."""
    with serve("magento", catalogue=catalogue) as running:
        yield running


@pytest.fixture
def twin(host: Twin) -> Twin:
    return MagentoTwin(catalogue=host.catalogue, seed=5).take_over(host)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def open_(twin: Twin, recorder: Recorder, opening: Open) -> Open:
    def open_one(of: Twin | None = None, sleep: Callable[[float], None] = lambda _: None, **typed: str) -> Connector:
        return opening(of or twin, typed, sleep=sleep, transport=recorder)

    return open_one


def answering(answer: Callable[[httpx.Request], httpx.Response], **typed: str) -> tuple[Connector, Recorder]:
    """A connector of a shop that answers so; and what it was asked."""
    recorder = Recorder(httpx.MockTransport(answer))
    credentials = {name: value for name, value in (CREDENTIALS | typed).items() if value}
    options = {"sleep": lambda _: None, "random": lambda: 0.5, "transport": recorder}
    return connector(Connection("shop", "magento", credentials), **options), recorder


def listed(*items: dict[str, Any], total: int | None = None) -> httpx.Response:
    return httpx.Response(200, json={"items": list(items), "total_count": len(items) if total is None else total})


def shop(**lists: Any) -> Callable[[httpx.Request], httpx.Response]:
    """A shop in yen and pounds that has these lists (products, orders, source_items)."""
    about = {"code": "default", "id": 1, "base_currency_code": "JPY", "weight_unit": "lbs", "locale": "ja_JP"}
    about |= {"base_url": "https://shop.example.com/", "secure_base_media_url": "https://cdn.example.com/media/"}
    tree = [{"id": 2, "name": "Default", "children_data": [{"id": 3, "name": "Home", "children_data": []}]}]
    tree[0]["children_data"][0]["children_data"] = [{"id": 4, "name": "Lamps", "children_data": []}]
    tree[0]["children_data"].append({"id": 5, "name": "Sale", "children_data": []})
    brand = {
        "attribute_code": "manufacturer",
        "frontend_input": "select",
        "options": [{"label": "Norvik", "value": "7"}],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.rpartition("/V1/")[2]
        fixed = {"store/storeConfigs": [about], "categories": {"children_data": tree}}
        if path in fixed:
            return httpx.Response(200, json=fixed[path])
        if path == "products/attributes/manufacturer":
            return httpx.Response(200, json=brand)
        if path == "products" and "configurable" in str(request.url):
            return listed()
        found = lists.get(path.rpartition("/")[2].replace("-", "_"))
        return (
            listed(*found)
            if found is not None
            else httpx.Response(404, json={"message": "Request does not match any route."})
        )

    return answer


def fetched(one: Connector, kind: str = "product", of: str = "") -> pl.DataFrame:
    return pl.concat([page.records[of or kind] for page in one.fetch(kind)])


def changes(*rows: tuple[str, str, str], kind: str = "product") -> pl.DataFrame:
    """A push: record key, field, value."""
    values = [(f"c{number}", kind, key, "", field, "", value) for number, (key, field, value) in enumerate(rows)]
    return pl.DataFrame(values, schema=CHANGES, orient="row")


def outcome(results: pl.DataFrame) -> tuple[str, str, str]:
    assert results.height == 1
    return results["status"][0], results["code"][0], results["message"][0]


def attributes(row: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in row["attributes"]}


PRODUCT = {
    "id": 11,
    "sku": "L-1",
    "name": "Lamp",
    "price": 2990.0,
    "status": 1,
    "visibility": 4,
    "type_id": "simple",
    "attribute_set_id": 4,
    "weight": 2,
    "created_at": "2026-11-01 08:00:00",
    "updated_at": "2026-11-20 09:30:00",
    "extension_attributes": {
        "category_links": [{"category_id": "5", "position": 3}, {"category_id": "4", "position": 1}],
    },
    "media_gallery_entries": [
        {"id": 1, "media_type": "image", "position": 1, "disabled": False, "types": [], "file": "/b/a/back.jpg"},
        {
            "id": 2,
            "media_type": "image",
            "position": 2,
            "disabled": False,
            "types": ["image"],
            "file": "/f/r/front.jpg",
        },
        {"id": 3, "media_type": "image", "position": 3, "disabled": True, "types": [], "file": "/h/i/hidden.jpg"},
        {"id": 4, "media_type": "external-video", "position": 4, "disabled": False, "types": [], "file": "/v/i/v.jpg"},
    ],
    "custom_attributes": [
        {"attribute_code": "description", "value": "<p>Bright</p>"},
        {"attribute_code": "manufacturer", "value": "7"},
        {"attribute_code": "special_price", "value": "1990.000000"},
        {"attribute_code": "category_ids", "value": ["5", "4"]},
        {"attribute_code": "gtin", "value": "4006381333931"},
        {"attribute_code": "features", "value": ["bright", "warm"]},
    ],
}


class TestReading:
    def test_a_product_as_a_live_shop_gives_it(self) -> None:
        stock = [
            {"sku": "L-1", "source_code": "default", "quantity": 3},
            {"sku": "L-1", "source_code": "east", "quantity": 4},
        ]
        one, _ = answering(shop(products=[PRODUCT], source_items=stock))
        row = fetched(one).row(0, named=True)
        expected = {
            "record_key": "L-1",
            "level": "single",
            "brand": "Norvik",
            "category": "Home > Lamps",
            "price": "2990",
            "sale_price": "1990",
            "currency": "JPY",
            "quantity": "7",
            "gtin": "4006381333931",
            "weight_g": "907.185",
            "language": "ja",
            "status": "active",
            "description": "<p>Bright</p>",
            "updated_at": "2026-11-20T09:30:00Z",
            "images": [
                "https://cdn.example.com/media/catalog/product/f/r/front.jpg",
                "https://cdn.example.com/media/catalog/product/b/a/back.jpg",
            ],
        }
        assert {name: row[name] for name in expected} == expected
        assert attributes(row)["features"] == "bright,warm"
        assert "category_ids" not in attributes(row)

    def test_an_option_that_is_gone_stays_a_number(self) -> None:
        gone = copy.deepcopy(PRODUCT)
        gone["custom_attributes"][1]["value"] = "99"
        one, _ = answering(shop(products=[gone], source_items=[]))
        assert fetched(one)["brand"].to_list() == ["99"]

    @pytest.mark.parametrize(
        ("value", "currency", "shown"),
        [
            (29.949999999999999, "EUR", "29.95"),
            (29.9499999999, "EUR", "29.95"),
            (19.9, "EUR", "19.90"),
            (12.3456, "EUR", "12.3456"),
            ("12.500000", "EUR", "12.50"),
            (1200.0, "JPY", "1200"),
            (1.5, "KWD", "1.500"),
            ("twelve", "EUR", "twelve"),
            (None, "EUR", ""),
        ],
    )
    def test_floats_are_rounded_to_the_currency_and_no_further(self, value: Any, currency: str, shown: str) -> None:
        assert money(value, currency) == shown

    def test_a_shop_without_sources_still_shows_its_products(self) -> None:
        one, _ = answering(shop(products=[PRODUCT]))
        assert fetched(one)["quantity"].to_list() == [""]

    def test_variants_are_found_by_their_configurable_product(self, open_: Open) -> None:
        rows = fetched(open_())
        variants, parents = rows.filter(level="variant"), rows.filter(level="parent")
        assert set(variants["parent_key"]) == set(parents["record_key"])
        assert variants["quantity"].str.len_chars().min() > 0
        assert parents["quantity"].to_list() == [""] * parents.height
        options = attributes(variants.row(0, named=True))
        assert options.keys() & {"capacity", "size", "colour"}
        assert not any(value.isdigit() for name, value in options.items() if name in ("capacity", "size", "colour"))

    def test_a_variant_is_one_line_with_the_price_of_the_configurable_product(self, open_: Open, twin: Twin) -> None:
        one = open_()
        raw = [row for order in twin.state.dump()["orders"].values() for row in order["items"]]
        children = [row for row in raw if "parent_item_id" in row]
        assert children, "the catalogue sells a variant"
        lines = fetched(one, "order", of="order_line")
        assert not set(lines["line_key"]) & {str(row["item_id"]) for row in children}
        sold = lines.filter(pl.col("sku").is_in([row["sku"] for row in children]))
        assert all(float(price) > 0 for price in sold["unit_price"])

    def test_an_order_of_downloads_has_no_address(self) -> None:
        order = {
            "entity_id": 5,
            "created_at": "2026-11-20 09:30:00",
            "items": [],
            "grand_total": 10,
            "customer_firstname": None,
        }
        order |= {"billing_address": {"firstname": "Ann", "lastname": "Lee"}, "extension_attributes": {}}
        one, _ = answering(shop(orders=[order]))
        row = fetched(one, "order").row(0, named=True)
        assert (row["buyer_name"], row["ship_city"], row["ordered_at"]) == ("Ann Lee", "", "2026-11-20T09:30:00Z")

    def test_changes_are_asked_for_in_utc_without_a_zone(self, open_: Open, recorder: Recorder) -> None:
        list(open_().fetch("order", since=datetime(2026, 11, 20, 10, 0, tzinfo=UTC)))
        query = dict(recorder.asked[-1].url.params)
        assert query["searchCriteria[filterGroups][0][filters][0][value]"] == "2026-11-20 09:55:00"
        assert query["searchCriteria[filterGroups][0][filters][0][conditionType]"] == "gteq"

    def test_a_list_ends_at_its_total_although_a_page_behind_it_repeats_the_last(
        self, open_: Open, recorder: Recorder
    ) -> None:
        one = open_()
        assert fetched(one, "order").height == 12
        assert len([request for request in recorder.asked if request.url.path.endswith("/orders")]) == 1

    def test_a_total_that_is_never_reached_ends_in_an_error(self) -> None:
        order = {"entity_id": 5, "created_at": "2026-11-20 09:30:00", "items": [], "grand_total": 10}
        one, recorder = answering(lambda request: listed(order, total=900))
        with pytest.raises(ProtocolError, match="1 of 900"):
            list(one.fetch("order"))
        assert len(recorder.asked) < 10

    def test_what_is_cut_names_the_list_of_its_rows(self, open_: Open, recorder: Recorder) -> None:
        fetched(open_())
        cut = [dict(one.url.params)["fields"] for one in recorder.asked if "fields" in one.url.params]
        assert cut
        assert all(one.startswith("items[") for one in cut)


class TestKeys:
    @pytest.fixture
    def awkward(self, catalogue) -> Iterator[Twin]:
        changed = copy.deepcopy(catalogue)
        for sku, product in zip(AWKWARD, [one for one in changed.products if not one["variants"]], strict=False):
            product["sku"] = product["key"] = sku
        with serve("magento", catalogue=changed, seed=5) as running:
            yield running

    @pytest.mark.parametrize("sku", AWKWARD)
    def test_every_sku_is_read_and_written(self, awkward: Twin, open_: Open, recorder: Recorder, sku: str) -> None:
        one = open_(awkward)
        assert one.read("product", [(sku, "")])["record_key"].to_list() == [sku]
        assert outcome(one.push(changes((sku, "title", "Another lamp"))))[0] == "accepted"
        assert one.read("product", [(sku, "")])["title"].to_list() == ["Another lamp"]
        assert recorder.bodies() == [{"product": {"sku": sku, "name": "Another lamp"}}]
        key = f"default/{sku}"
        assert outcome(one.push(changes((key, "quantity", "77"), kind="stock")))[0] == "accepted"
        assert one.read("stock", [(key, sku)])["quantity"].to_list() == ["77"]

    def test_no_sku_stands_in_a_path_that_a_server_or_a_signature_would_spoil(
        self, awkward: Twin, open_: Open, recorder: Recorder
    ) -> None:
        one = open_(awkward)
        one.push(changes(*((sku, "title", "Another lamp") for sku in AWKWARD)))
        written = {request.url.raw_path.partition(b"?")[0] for request in recorder.asked if request.method != "GET"}
        assert written == {b"/rest/all/V1/products"}

    def test_a_gone_sku_makes_no_new_product(self, open_: Open, twin: Twin, recorder: Recorder) -> None:
        before = twin.state.dump()
        assert outcome(open_().push(changes(("NO-SUCH", "title", "A lamp"))))[1] == "missing"
        assert not recorder.bodies()
        assert twin.state.dump() == before

    @pytest.mark.parametrize("key", [".", "..", "", " "])
    def test_a_key_that_is_no_sku_goes_nowhere(self, open_: Open, recorder: Recorder, key: str) -> None:
        assert outcome(open_().push(changes((key, "title", "A lamp"))))[1] == "missing"
        assert not recorder.bodies()


class TestAuthentication:
    def test_calls_are_signed_with_sha256_and_no_token_goes_alone(self, open_: Open, recorder: Recorder) -> None:
        assert open_().check().ok
        headers = {one.headers["authorization"] for one in recorder.asked}
        assert all(one.startswith("OAuth ") and 'oauth_signature_method="HMAC-SHA256"' in one for one in headers)
        assert len(headers) == len(recorder.asked), "no nonce is used twice"

    def test_a_bare_token_is_explained_where_it_is_refused(self, open_: Open, recorder: Recorder) -> None:
        answer = open_(consumer_key="", consumer_secret="", access_token_secret="").check()
        assert not answer.ok
        assert "Allow OAuth Access Tokens" in " ".join(answer.messages)
        assert recorder.asked[0].headers["authorization"].startswith("Bearer ")

    def test_a_bare_token_works_where_the_merchant_allows_it(self, catalogue, open_: Open) -> None:
        with serve("magento", catalogue=catalogue, seed=5, bearer=True) as running:
            assert open_(running, consumer_key="", consumer_secret="", access_token_secret="").check().ok

    def test_three_of_four_values_are_not_enough_to_sign(self, open_: Open) -> None:
        with pytest.raises(CredentialError, match="consumer_key or consumer_secret is not"):
            open_(consumer_secret="")

    def test_signed_calls_may_go_unencrypted_and_bare_tokens_only_by_leave(self) -> None:
        bare = {
            "consumer_key": "",
            "consumer_secret": "",
            "access_token_secret": "",
            "store_url": "http://shop.example.com",
        }
        one, recorder = answering(shop(orders=[]), store_url="http://shop.example.com")
        list(one.fetch("order"))
        assert recorder.asked[0].url.scheme == "http"
        with pytest.raises(CredentialError, match="over http everybody"):
            answering(shop(), **bare)
        one, recorder = answering(shop(orders=[]), **bare, plain_http="yes")
        list(one.fetch("order"))
        assert recorder.asked[0].headers["authorization"].startswith("Bearer ")

    @pytest.mark.parametrize(
        ("typed", "start"),
        [
            ("shop.example.com", "https://shop.example.com/rest/all/V1/"),
            ("https://shop.example.com/fr/", "https://shop.example.com/fr/rest/all/V1/"),
            ("https://shop.example.com/index.php", "https://shop.example.com/index.php/rest/all/V1/"),
            ("https://shop.example.com/rest/V1", "https://shop.example.com/rest/all/V1/"),
        ],
    )
    def test_the_address_is_what_a_browser_shows(self, typed: str, start: str) -> None:
        one, recorder = answering(shop(orders=[]), store_url=typed)
        list(one.fetch("order"))
        assert str(recorder.asked[0].url).startswith(start)

    def test_missing_resources_are_all_named(self, catalogue, open_: Open) -> None:
        lacks = ("Magento_Sales::sales", "Magento_InventoryApi::source")
        with serve("magento", catalogue=catalogue, seed=5, lacks=lacks) as running:
            answer = open_(running).check()
        assert not answer.ok
        assert all(one in " ".join(answer.messages) for one in lacks)

    def test_a_wrong_store_view_is_named(self, open_: Open) -> None:
        answer = open_(store_code="fr").check()
        assert not answer.ok
        assert "store_code" in " ".join(answer.messages)

    def test_every_credential_says_where_it_is_found(self) -> None:
        assert {"store_url", "access_token", "consumer_key", "consumer_secret"} <= {
            one.name for one in PLATFORM.credentials
        }
        assert all(one.help for one in PLATFORM.credentials)


class TestWords:
    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"message": "No %fieldName.", "parameters": {"fieldName": "sku"}}, "No sku."),
            ({"message": "No %1 and %2.", "parameters": ["sku", "name"]}, "No sku and name."),
            (
                {"message": "Not %resources.", "parameters": [{"resources": "Magento_Sales::sales"}]},
                "Not Magento_Sales::sales.",
            ),
            ({"message": "Bad.", "errors": [{"message": "Row %1", "parameters": ["3"]}]}, "Bad.; Row 3"),
            ({"message": "50 %", "parameters": []}, "50 %"),
        ],
    )
    def test_placeholders_are_filled(self, body: dict[str, Any], said: str) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "GET":
                return shop(products=[PRODUCT], source_items=[])(request)
            return httpx.Response(400, json=body)

        one, _ = answering(answer)
        assert outcome(one.push(changes(("L-1", "title", "A lamp"))))[2] == said

    def test_a_deadlock_is_tried_again(self) -> None:
        left = [httpx.Response(400, json={"message": "SQLSTATE[40001]: Deadlock found"}), httpx.Response(200, json={})]

        def answer(request: httpx.Request) -> httpx.Response:
            return left.pop(0) if request.method == "PUT" else shop(products=[PRODUCT], source_items=[])(request)

        one, _ = answering(answer)
        assert outcome(one.push(changes(("L-1", "title", "A lamp"))))[0] == "accepted"
        assert not left


class TestWriting:
    @pytest.fixture
    def row(self, open_: Open) -> dict[str, Any]:
        singles = fetched(open_()).filter((pl.col("level") == "single") & (pl.col("sale_price") == ""))
        return singles.row(0, named=True)

    def test_only_what_changes_is_sent_and_all_of_it_in_one_call(
        self, open_: Open, row: dict[str, Any], recorder: Recorder
    ) -> None:
        key = row["record_key"]
        sent = changes(
            (key, "title", "A lamp"),
            (key, "gtin", "4006381333931"),
            (key, "description", "Bright"),
            (key, "weight_g", "1250"),
        )
        assert set(open_().push(sent)["status"]) == {"accepted"}
        (body,) = recorder.bodies()
        customs = body["product"].pop("custom_attributes")
        assert body == {"product": {"sku": key, "name": "A lamp", "weight": 1.25}}
        assert {one["attribute_code"]: one["value"] for one in customs} == {
            "gtin": "4006381333931",
            "description": "Bright",
        }

    def test_an_attribute_that_the_shop_lacks_would_be_dropped_and_is_refused(
        self, open_: Open, row: dict[str, Any], recorder: Recorder
    ) -> None:
        status, code, message = outcome(
            open_(gtin_attribute="ean").push(changes((row["record_key"], "gtin", "4006381333931")))
        )
        assert (status, code) == ("refused", "invalid")
        assert "'ean'" in message
        assert not recorder.bodies()

    def test_a_brand_without_an_option_is_refused(self, open_: Open, row: dict[str, Any], recorder: Recorder) -> None:
        assert outcome(open_().push(changes((row["record_key"], "brand", "Nobody"))))[1] == "unknown_value"
        assert not recorder.bodies()

    def test_another_main_category_leaves_the_others(self, open_: Open, row: dict[str, Any], twin: Twin) -> None:
        document = twin.state.products[row["record_key"]]
        sale = twin.state.category("Sale", parent="2")
        main = document["extension_attributes"]["category_links"][0]["category_id"]
        document["extension_attributes"]["category_links"].append({"category_id": sale, "position": 9})
        other = next(one for one in fetched(open_())["category"] if one and one != row["category"])
        one = open_()
        assert outcome(one.push(changes((row["record_key"], "category", other))))[0] == "accepted"
        links = [link["category_id"] for link in document["extension_attributes"]["category_links"]]
        assert sale in links
        assert main not in links
        assert one.read("product", [(row["record_key"], "")])["category"].to_list() == [other]
        assert outcome(one.push(changes((row["record_key"], "category", ""))))[0] == "accepted"
        assert [link["category_id"] for link in document["extension_attributes"]["category_links"]] == [sale]

    def test_a_sale_price_is_judged_by_the_price_beside_it(self, open_: Open, row: dict[str, Any], twin: Twin) -> None:
        one, key = open_(), row["record_key"]
        assert outcome(one.push(changes((key, "sale_price", str(float(row["price"]) + 5)))))[1] == "invalid"
        both = changes((key, "price", "500.00"), (key, "sale_price", "450.00"))
        assert set(one.push(both)["status"]) == {"accepted"}
        read = one.read("product", [(key, "")]).row(0, named=True)
        assert (read["price"], read["sale_price"]) == ("500.00", "450.00")
        assert outcome(one.push(changes((key, "sale_price", ""))))[0] == "accepted"
        assert one.read("product", [(key, "")])["sale_price"].to_list() == [""]

    def test_a_store_view_is_written_where_it_is_read_and_nowhere_else(
        self, open_: Open, row: dict[str, Any], twin: Twin
    ) -> None:
        german, everywhere, key = open_(store_code="de"), open_(), row["record_key"]
        assert outcome(german.push(changes((key, "title", "Eine Lampe"))))[0] == "accepted"
        assert german.read("product", [(key, "")])["title"].to_list() == ["Eine Lampe"]
        assert everywhere.read("product", [(key, "")])["title"].to_list() == [row["title"]]
        assert outcome(everywhere.push(changes((key, "title", "A lamp"))))[0] == "accepted"
        assert german.read("product", [(key, "")])["title"].to_list() == ["Eine Lampe"]

    def test_weights_go_in_the_unit_of_the_shop(self, catalogue, open_: Open, recorder: Recorder) -> None:
        with serve("magento", catalogue=catalogue, seed=5, weight_unit="lbs") as running:
            one = open_(running)
            key = fetched(one).filter(level="single")["record_key"][0]
            one.push(changes((key, "weight_g", "907.185")))
            assert recorder.bodies()[-1]["product"]["weight"] == 2
            assert one.read("product", [(key, "")])["weight_g"].to_list() == ["907.185"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("title", ""),
            ("title", "x" * 256),
            ("status", "archived"),
            ("price", ""),
            ("weight_g", ""),
            ("sale_price", "0"),
        ],
    )
    def test_what_would_be_cut_or_misread_is_not_sent(
        self, open_: Open, row: dict[str, Any], recorder: Recorder, field: str, value: str
    ) -> None:
        assert outcome(open_().push(changes((row["record_key"], field, value))))[1] == "invalid"
        assert not recorder.bodies()


class TestPriceLists:
    def singles(self, one: Connector) -> list[str]:
        rows = fetched(one).filter((pl.col("level") == "single") & (pl.col("sale_price") == ""))
        return rows["record_key"].to_list()

    def test_prices_of_many_products_are_one_call_and_failed_rows_are_told_by_their_sku(
        self, open_: Open, twin: Twin, recorder: Recorder
    ) -> None:
        one = open_()
        first, second, third = self.singles(one)[:3]
        honest = twin._price
        twin._price = lambda route, row: honest(route, row | {"price": -1} if row["sku"] == second else row)
        results = one.push(changes((first, "price", "11.50"), (second, "price", "12.50"), (third, "price", "13.50")))
        assert results["status"].to_list() == ["accepted", "refused", "accepted"]
        assert second in results["message"][1]
        (body,) = recorder.bodies()
        assert [price["store_id"] for price in body["prices"]] == [0, 0, 0]
        assert one.read("product", [(third, "")])["price"].to_list() == ["13.50"]

    def test_prices_of_a_store_view_name_the_view(self, open_: Open, recorder: Recorder) -> None:
        one = open_(store_code="de")
        first, second = self.singles(one)[:2]
        one.push(changes((first, "price", "11.50"), (second, "price", "12.50")))
        assert [price["store_id"] for price in recorder.bodies("base-prices")[0]["prices"]] == [2, 2]

    def test_lists_keep_to_the_size_that_a_shop_may_demand(self, open_: Open, recorder: Recorder) -> None:
        with serve(
            "magento", catalogue=make_catalogue(5, 70, orders=0, defects=0.0), seed=5, input_limits=True
        ) as running:
            one = open_(running)
            keys = self.singles(one)[:45]
            assert set(one.push(changes(*((key, "price", "9.50") for key in keys)))["status"]) == {"accepted"}
            stock = [(f"default/{key}", "quantity", "8") for key in keys]
            assert set(one.push(changes(*stock, kind="stock"))["status"]) == {"accepted"}
        assert [len(body["prices"]) for body in recorder.bodies("base-prices")] == [20, 20, 5]
        assert [len(body["sourceItems"]) for body in recorder.bodies("source-items")] == [20, 20, 5]

    def test_a_sale_price_with_both_dates_goes_as_a_special_price_and_keeps_them(
        self, open_: Open, twin: Twin, recorder: Recorder
    ) -> None:
        one = open_()
        dated, bare = self.singles(one)[:2]
        dates = {"special_from_date": "2026-11-01 00:00:00", "special_to_date": "2026-12-31 00:00:00"}
        twin.state.products[dated]["custom_attributes"] |= dates
        assert set(one.push(changes((dated, "sale_price", "0.50"), (bare, "sale_price", "0.60")))["status"]) == {
            "accepted"
        }
        ((listed_price,),) = [body["prices"] for body in recorder.bodies("special-price")]
        assert (listed_price["price_from"], listed_price["price_to"]) == tuple(dates.values())
        assert len(recorder.bodies()) == 2
        read = one.read("product", [(dated, ""), (bare, "")])
        assert sorted(read["sale_price"]) == ["0.50", "0.60"]

    def test_the_status_of_a_source_item_is_the_merchants_own(self, open_: Open, twin: Twin) -> None:
        key = next(iter(twin.state.collections["stock"]))
        twin.state.collections["stock"][key]["status"] = 0
        assert outcome(open_().push(changes((key, "quantity", "5"), kind="stock")))[0] == "accepted"
        assert twin.state.collections["stock"][key] | {"source_item_id": 0} == {
            "sku": key.partition("/")[2],
            "source_code": "default",
            "quantity": 5,
            "status": 0,
            "source_item_id": 0,
        }

    def test_one_bad_source_item_spoils_none_of_its_list(self, open_: Open, twin: Twin) -> None:
        good, gone = list(twin.state.collections["stock"])[:2]
        row = twin.state.collections["stock"].pop(gone)
        twin.state.collections["stock"][f"east/{row['sku']}"] = row | {"source_code": "east"}
        sent = changes((good, "quantity", "5"), (f"east/{row['sku']}", "quantity", "6"), kind="stock")
        results = open_().push(sent)
        assert results["status"].to_list() == ["accepted", "refused"]
        assert "east" in results["message"][1]


class TestBulk:
    def titles(self, one: Connector, count: int = 12) -> list[tuple[str, str, str]]:
        keys = fetched(one)["record_key"].to_list()[:count]
        return [(key, "title", f"Numbered lamp {number}") for number, key in enumerate(keys)]

    def bulks(self, recorder: Recorder) -> int:
        return len([one for one in recorder.asked if "/async/bulk/" in one.url.path])

    def test_each_operation_has_its_own_outcome(self, open_: Open, twin: Twin, recorder: Recorder) -> None:
        pauses: list[float] = []
        one = open_(sleep=pauses.append)
        rows = self.titles(one)
        lost, locked = rows[3][0], rows[5][0]
        honest = twin._save
        reason = 'The "Product Name" attribute value is empty.'

        def save(view: str, body: dict[str, Any]) -> Any:
            if body["sku"] == lost:
                from connectors.sandbox.magento import _refused
                from connectors.sandbox.routes import Refusal

                raise Refusal(_refused(400, reason))
            return honest(view, body)

        twin._save, twin.deadlocks = save, {locked}
        results = one.push(changes(*rows))
        assert results["status"].to_list() == ["accepted" if key != lost else "refused" for key, _, _ in rows]
        assert results.filter(status="refused")["message"].to_list() == [reason]
        assert self.bulks(recorder) == 1
        single = [request for request in recorder.asked if request.method == "PUT" and "async" not in request.url.path]
        assert [request.url.path.rpartition("/")[2] for request in single] == [locked], "only what may be tried again"
        assert pauses
        assert one.read("product", [(locked, "")])["title"].to_list() == [rows[5][2]]

    def test_a_bulk_that_nobody_works_on_is_left_at_the_deadline_for_single_calls(
        self, catalogue, open_: Open, recorder: Recorder
    ) -> None:
        pauses: list[float] = []
        with serve("magento", catalogue=catalogue, seed=5, consumer_runs=False) as running:
            one = open_(running, sleep=pauses.append)
            rows = self.titles(one)
            assert set(one.push(changes(*rows))["status"]) == {"accepted"}
            assert 100 < sum(pauses) < 200
            waited = len(pauses)
            assert set(one.push(changes(*rows))["status"]) == {"accepted"}
            assert self.bulks(recorder) == 1, "a shop without a consumer is not asked twice"
            assert max(pauses[waited:], default=0) < 1
            assert one.read("product", [(rows[0][0], "")])["title"].to_list() == [rows[0][2]]

    def test_a_shop_without_bulks_gets_single_calls(self, open_: Open, twin: Twin, recorder: Recorder) -> None:
        one = open_()
        rows = self.titles(one)
        twin._table = [entry for entry in twin._table if entry[-1] != "_bulk"]
        assert set(one.push(changes(*rows))["status"]) == {"accepted"}
        assert self.bulks(recorder) == 1
        assert len(recorder.bodies()) == 1 + len(rows)

    def test_an_element_that_is_rejected_at_once_is_told(self) -> None:
        products = [PRODUCT | {"id": number, "sku": f"L-{number}"} for number in range(11)]

        def answer(request: httpx.Request) -> httpx.Response:
            if "/async/" in request.url.path:
                items = [{"id": number, "status": "accepted"} for number in range(10)]
                items.append({"id": 10, "status": "rejected", "error_message": "Error processing 10 element"})
                return httpx.Response(202, json={"bulk_uuid": "u-1", "request_items": items, "errors": True})
            if "detailed-status" in request.url.path:
                done = [{"id": number, "status": 1, "result_message": ""} for number in range(10)]
                return httpx.Response(200, json={"operations_list": done})
            return shop(products=products, source_items=[])(request)

        one, _ = answering(answer)
        results = one.push(changes(*((f"L-{number}", "title", "A lamp") for number in range(11))))
        assert results["status"].to_list() == ["accepted"] * 10 + ["refused"]
        assert results["message"][10] == "Error processing 10 element"


class TestOrders:
    def parcel(
        self, key: str, line: str = "", quantity: str = "", carrier: str = "DHL", number: str = "0034043"
    ) -> pl.DataFrame:
        row = ("s1", key, line, quantity, carrier, number, "", "2026-11-24T10:00:00Z", [])
        return pl.DataFrame([row], schema=SHIPMENTS, orient="row")

    def test_an_address_goes_whole_with_its_number_so_that_no_second_one_appears(
        self, open_: Open, twin: Twin, recorder: Recorder
    ) -> None:
        one, key = open_(), next(iter(twin.state.orders))
        before = copy.deepcopy(
            twin.state.orders[key]["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
        )
        sent = changes((key, "ship_city", "Bremen"), (key, "ship_name", "Ann Mary Lee"), kind="order")
        assert set(one.push(sent)["status"]) == {"accepted"}
        ((entity),) = [body["entity"] for body in recorder.bodies()]
        assert entity["entity_id"] == before["entity_id"]
        after = twin.state.orders[key]["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
        assert {name for name in after if after[name] != before[name]} == {"city", "firstname", "lastname"}
        assert twin.state.orders[key]["billing_address"]["city"] != "Bremen" or before["city"] == "Bremen"

    @pytest.mark.parametrize(("field", "value"), [("ship_country", "Germany"), ("ship_city", ""), ("ship_name", "Ann")])
    def test_what_an_address_cannot_be_is_refused(
        self, open_: Open, twin: Twin, recorder: Recorder, field: str, value: str
    ) -> None:
        key = next(iter(twin.state.orders))
        twin.state.orders[key]["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]["lastname"] = (
            ""
        )
        assert outcome(open_().push(changes((key, field, value), kind="order")))[1] == "invalid"
        assert not recorder.bodies()

    def test_an_order_without_address_has_none_to_correct(self) -> None:
        order = {"entity_id": 5, "created_at": "2026-11-20 09:30:00", "items": [], "grand_total": 10}

        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json=order)

        one, recorder = answering(answer)
        assert outcome(one.push(changes(("5", "ship_city", "Bremen"), kind="order")))[1] == "invalid"
        assert not recorder.bodies()

    def test_a_parcel_names_lines_source_and_track(self, open_: Open, twin: Twin, recorder: Recorder) -> None:
        key = twin.state.awaiting("shipment")[0]
        assert outcome(open_().ship(self.parcel(key)))[0] == "accepted"
        (body,) = recorder.bodies()
        lines = [one for one in twin.state.orders[key]["items"] if "parent_item_id" not in one]
        assert body["items"] == [{"order_item_id": one["item_id"], "qty": one["qty_ordered"]} for one in lines]
        assert body["tracks"] == [{"track_number": "0034043", "title": "DHL", "carrier_code": "dhl"}]
        assert body["arguments"] == {"extension_attributes": {"source_code": "default"}}

    def test_a_parcel_told_of_twice_is_one_shipment_and_another_one_is_refused(self, open_: Open, twin: Twin) -> None:
        one, key = open_(), twin.state.awaiting("shipment")[0]
        assert outcome(one.ship(self.parcel(key)))[0] == "accepted"
        assert outcome(one.ship(self.parcel(key)))[0] == "accepted"
        assert twin.state.parcels() == [(key, "0034043")]
        assert outcome(one.ship(self.parcel(key, number="other")))[1] == "invalid"

    def test_part_of_a_line_leaves_and_later_the_rest(self, open_: Open, twin: Twin, recorder: Recorder) -> None:
        one, key = open_(), twin.state.awaiting("shipment")[0]
        line = twin.state.orders[key]["items"][0]
        line["qty_ordered"] = 3
        assert outcome(one.ship(self.parcel(key, str(line["item_id"]), "1", "Bike courier")))[0] == "accepted"
        assert recorder.bodies()[0]["tracks"][0] == {
            "track_number": "0034043",
            "title": "Bike courier",
            "carrier_code": "custom",
        }
        assert key in twin.state.awaiting("shipment")
        assert outcome(one.ship(self.parcel(key, number="second")))[0] == "accepted"
        assert recorder.bodies()[1]["items"][0] == {"order_item_id": line["item_id"], "qty": 2}

    @pytest.mark.parametrize(("key", "line", "code"), [("", "4711", "invalid"), ("NO-NUMBER", "", "missing")])
    def test_what_cannot_be_sent_is_said(self, open_: Open, twin: Twin, key: str, line: str, code: str) -> None:
        parcel = self.parcel(key or twin.state.awaiting("shipment")[0], line)
        assert outcome(open_().ship(parcel))[1] == code
        assert not twin.state.parcels()

    def test_the_source_is_a_setting_and_a_wrong_one_is_told_in_the_shops_words(self, open_: Open, twin: Twin) -> None:
        status, _, message = outcome(open_(source_code="east").ship(self.parcel(twin.state.awaiting("shipment")[0])))
        assert status == "refused"
        assert '"east"' in message
