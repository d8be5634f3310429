"""What is peculiar to WooCommerce: signatures, values stored otherwise, categories, recorded answers of a real shop."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from connectors.errors import CredentialError
from connectors.manners import Manners
from connectors.platform import CHANGES, Connection, connector
from connectors.platforms.woocommerce import _MANNERS
from connectors.sandbox import make_catalogue, serve

SHARED = Path(os.environ.get("CHANNELMEND_SHARED", Path(__file__).parents[3] / "shared"))
RECORDED = SHARED / "specs" / "woocommerce" / "recorded.json"
KEYS = {"consumer_key": "ck_0123456789", "consumer_secret": "cs_9876543210"}

SETTINGS = {
    "settings/general": [{"id": "woocommerce_currency", "value": "EUR"}],
    "settings/products": [
        {"id": "woocommerce_weight_unit", "value": "kg"},
        {"id": "woocommerce_dimension_unit", "value": "cm"},
    ],
    "products/categories": [
        {"id": 15, "name": "Uncategorized", "parent": 0},
        {"id": 16, "name": "Kitchen &amp; Table", "parent": 0},
        {"id": 17, "name": "Cups", "parent": 16},
        {"id": 18, "name": "Gifts", "parent": 0},
        {"id": 19, "name": "Cups", "parent": 18},
    ],
    "products/brands": [{"id": 21, "name": "Acme", "parent": 0}, {"id": 22, "name": "Nord &amp; Sons", "parent": 0}],
}


class Scripted:
    """A shop with one product; lists come from `SETTINGS`, what is sent is kept and stored as `store` says."""

    def __init__(self, **product: Any) -> None:
        self.product = {
            "id": 7,
            "type": "simple",
            "name": "Cup",
            "regular_price": "10.00",
            "sale_price": "",
            "manage_stock": True,
            "stock_quantity": 3,
            "categories": [{"id": 15, "name": "Uncategorized"}],
            "brands": [],
            "images": [{"id": 91, "src": "https://x.example/a.jpg"}, {"id": 92, "src": "https://x.example/b.jpg"}],
            "weight": "1.3",
        } | product
        self.sent: list[dict[str, Any]] = []
        self.requests: list[httpx.Request] = []
        self.rewrite: dict[str, Any] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        route = request.url.path.partition("/wc/v3/")[2]
        if route in SETTINGS:
            rows = SETTINGS[route]
            return httpx.Response(200, json=rows[int(request.url.params.get("offset", 0)) :])
        if request.method == "PUT":
            body = json.loads(request.content)
            self.sent.append(body)
            self.product |= body | self.rewrite
        if route == "products/7":
            return httpx.Response(200, json=self.product)
        if route == "products":
            return httpx.Response(200, json=[] if int(request.url.params.get("offset", 0)) else [self.product])
        if route in {"variations", "orders"}:
            return httpx.Response(200, json=[])
        return httpx.Response(404, json={"code": "rest_no_route", "message": "No route", "data": {"status": 404}})

    def open(self, address: str = "https://shop.example", **changed: str) -> Any:
        credentials = {"store_url": address, **KEYS, **changed}
        return connector(
            Connection("shop", "woocommerce", credentials),
            transport=httpx.MockTransport(self),
            sleep=lambda seconds: None,
        )

    def push(self, *changes: tuple[str, str], kind: str = "product", key: str = "7") -> list[tuple[str, str]]:
        rows = [(str(index), kind, key, "", field, "", value) for index, (field, value) in enumerate(changes)]
        result = self.open().push(pl.DataFrame(rows, schema=CHANGES, orient="row"))
        return list(result.select("status", "code").iter_rows())


ACCEPTED = ("accepted", "")


class TestSending:
    @pytest.mark.parametrize(
        ("field", "value", "body"),
        [
            ("title", "Cup & saucer", {"name": "Cup & saucer"}),
            ("price", "12.50", {"regular_price": "12.50"}),
            ("sale_price", "9.90", {"sale_price": "9.90"}),
            ("sale_price", "", {"sale_price": ""}),
            ("weight_g", "1234.5", {"weight": "1.2345"}),
            ("width_mm", "85", {"dimensions": {"width": "8.5"}}),
            ("quantity", "9", {"stock_quantity": 9}),
            ("gtin", "4006381333931", {"global_unique_id": "4006381333931"}),
            ("category", "Kitchen & Table > Cups", {"categories": [{"id": 17}]}),
            ("category", "Gifts", {"categories": [{"id": 18}]}),
            ("brand", "Nord & Sons", {"brands": [{"id": 22}]}),
            (
                "images",
                '["https://x.example/b.jpg", "https://y.example/n.jpg"]',
                {"images": [{"id": 92}, {"src": "https://y.example/n.jpg"}]},
            ),
        ],
    )
    def test_only_the_field_is_sent(self, field: str, value: str, body: dict[str, Any]) -> None:
        shop = Scripted()
        shop.push((field, value))
        assert shop.sent == [body]

    def test_other_categories_stay(self) -> None:
        shop = Scripted(categories=[{"id": 17, "name": "Cups"}, {"id": 15, "name": "Uncategorized"}])
        assert shop.push(("category", "Gifts > Cups")) == [ACCEPTED]
        assert shop.sent == [{"categories": [{"id": 15}, {"id": 19}]}]

    def test_a_category_that_would_not_show_is_refused(self) -> None:
        shop = Scripted(categories=[{"id": 17, "name": "Cups"}, {"id": 19, "name": "Cups"}])
        assert shop.push(("category", "Gifts")) == [("refused", "invalid")]
        assert shop.sent == []

    @pytest.mark.parametrize(("field", "value"), [("category", "Cups"), ("category", "Mugs"), ("brand", "acme")])
    def test_names_that_are_unknown_or_ambiguous(self, field: str, value: str) -> None:
        assert Scripted().push((field, value)) == [("refused", "unknown_value")]

    @pytest.mark.parametrize(
        ("field", "value", "product"),
        [
            ("price", "12,50", {}),
            ("price", "5.00", {"sale_price": "8.00"}),
            ("price", "", {"sale_price": "8.00"}),
            ("sale_price", "10.00", {}),
            ("sale_price", "5.00", {"regular_price": ""}),
            ("quantity", "2.5", {}),
            ("quantity", "5", {"manage_stock": False}),
            ("gtin", "ABC", {}),
            ("sku", " X", {}),
            ("title", " ", {}),
            ("weight_g", "1,3 kg", {}),
            ("brand", "Acme", {"brands": [{"id": 21}, {"id": 22}]}),
        ],
    )
    def test_what_the_shop_would_store_otherwise_is_not_sent(
        self, field: str, value: str, product: dict[str, Any]
    ) -> None:
        shop = Scripted(**product)
        assert shop.push((field, value)) == [("refused", "invalid")]
        assert shop.sent == []

    def test_both_prices_together(self) -> None:
        shop = Scripted(sale_price="8.00")
        assert shop.push(("price", "5.00"), ("sale_price", "4.00")) == [ACCEPTED, ACCEPTED]
        assert shop.sent == [{"regular_price": "5.00", "sale_price": "4.00"}]

    def test_an_answer_that_holds_another_value_is_no_success(self) -> None:
        shop = Scripted()
        shop.rewrite = {"stock_quantity": 3}
        assert shop.push(("quantity", "9")) == [("refused", "stored_otherwise")]

    def test_a_key_never_leaves_its_place_in_the_address(self) -> None:
        for key in ("../settings/general", "7/variations/8", "7?force=true", ""):
            shop = Scripted()
            assert shop.push(("title", "X"), key=key) == [("refused", "missing")]
            assert shop.requests == []

    def test_without_brands(self) -> None:
        shop = Scripted()
        del shop.product["brands"]
        assert shop.push(("brand", "Acme")) == [("refused", "not_writable")]


class TestAccount:
    def test_https_uses_basic(self) -> None:
        shop = Scripted()
        shop.open().check()
        assert shop.requests[0].headers["authorization"].startswith("Basic ")
        assert "consumer" not in str(shop.requests[0].url)

    def test_plain_http_is_signed_and_sends_no_secret(self) -> None:
        shop = Scripted()
        shop.open("http://shop.example").check()
        assert "authorization" not in shop.requests[0].headers
        assert shop.requests[0].url.params["oauth_consumer_key"] == KEYS["consumer_key"]
        assert KEYS["consumer_secret"] not in str(shop.requests[0].url)

    def test_keys_in_the_query_where_the_header_is_dropped(self) -> None:
        shop = Scripted()
        shop.open(key_in_query="yes").check()
        assert shop.requests[0].url.params["consumer_secret"] == KEYS["consumer_secret"]
        with pytest.raises(CredentialError, match="https only"):
            shop.open("http://shop.example", key_in_query="yes")

    def test_an_unknown_unit_stops_everything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(SETTINGS, "settings/products", [{"id": "woocommerce_weight_unit", "value": "stone"}])
        result = Scripted().open().check()
        assert not result.ok
        assert "stone" in result.messages[0]


class TestReading:
    def test_names_are_unescaped_and_paths_joined(self) -> None:
        shop = Scripted(
            name="Cup &amp; <b>saucer</b> &eacute;",
            categories=[{"id": 18, "name": "Gifts"}, {"id": 17, "name": "Cups"}],
            brands=[{"id": 22, "name": "Nord &amp; Sons"}],
        )
        row = next(shop.open().fetch("product")).records["product"].row(0, named=True)
        assert row["title"] == "Cup & <b>saucer</b> &eacute;"
        assert row["category"] == "Kitchen & Table > Cups"
        assert row["brand"] == "Nord & Sons"
        assert (row["weight_g"], row["currency"], row["quantity"]) == ("1300", "EUR", "3")

    def test_a_record_of_the_wrong_shape_is_quarantined(self) -> None:
        shop = Scripted(categories="none")
        (page,) = shop.open().fetch("product")
        assert page.records["product"].is_empty()
        assert page.quarantined["record_key"].to_list() == ["7"]

    def test_an_inherited_sku_is_not_an_own_one(self) -> None:
        catalogue = make_catalogue(6, products=16, orders=1, defects=0.0)
        with serve("woocommerce", catalogue=catalogue, seed=5) as twin:
            one = connector(Connection("shop", "woocommerce", twin.credentials))
            rows = pl.concat([page.records["product"] for page in one.fetch("product")])
            row = rows.filter(pl.col("level") == "variant").row(0, named=True)
            change = [("c", "product", row["record_key"], row["parent_key"], "sku", row["sku"], "")]
            assert one.push(pl.DataFrame(change, schema=CHANGES, orient="row"))["status"].to_list() == ["accepted"]
            assert one.read("product", [(row["record_key"], row["parent_key"])])["sku"].to_list() == [""]
            one.close()


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, Any]]:
    if not RECORDED.is_file():
        pytest.skip(f"no recorded exchanges at {RECORDED} (CHANNELMEND_SHARED)")
    return {one["name"]: one for one in json.loads(RECORDED.read_text())}


class TestRecorded:
    """Answers of a real shop, 2026-11-23."""

    @pytest.mark.parametrize(
        ("name", "kind", "expected"),
        [
            (
                "list products, one row whole",
                "product",
                {
                    "record_key": "11",
                    "level": "single",
                    "sku": "SKU-001",
                    "gtin": "4006381333931",
                    "price": "5.00",
                    "sale_price": "4.00",
                    "quantity": "-6",
                    "weight_g": "250",
                    "width_mm": "85",
                    "brand": "Maison Brûlée",
                    "updated_at": "2026-11-23T12:13:20Z",
                },
            ),
            ("get variable product", "product", {"record_key": "31", "level": "parent", "sku": "TEE"}),
            (
                "variations of a product",
                "product",
                {"record_key": "32", "parent_key": "31", "level": "variant", "sku": "TEE-RS", "sale_price": "14.90"},
            ),
            ("get product without price and SKU", "product", {"record_key": "27", "price": "", "quantity": ""}),
            (
                "list orders, one row whole",
                "order",
                {
                    "record_key": "50",
                    "total": "23.80",
                    "buyer_name": "Jane Doe 0",
                    "ship_city": "Lyon",
                    "ordered_at": "2026-11-23T12:12:12Z",
                    "shipped_at": "",
                },
            ),
        ],
    )
    def test_payloads_become_records(
        self, recorded: dict[str, dict[str, Any]], name: str, kind: str, expected: dict[str, str]
    ) -> None:
        body = recorded[name]["response"]["body"]
        payload = body[0] if isinstance(body, list) else body
        rows = [row for of, row in Scripted().open().records(kind, payload) if of == kind]
        assert len(rows) == 1
        assert {field: rows[0][field] for field in expected} == expected

    def test_every_recorded_error_has_words(self, recorded: dict[str, dict[str, Any]]) -> None:
        manners: Manners = _MANNERS
        errors = [one for one in recorded.values() if one["response"]["status"] >= 400]
        checked = 0
        for one in errors:
            body = one["response"]["body"]
            if isinstance(body, dict) and "code" in body:
                assert manners.words(body).startswith(f"{body['code']}: ")
                checked += 1
        assert checked > 40

    def test_what_the_shop_mangles_is_refused_here(self, recorded: dict[str, dict[str, Any]]) -> None:
        fields = {
            "regular_price": "price",
            "sale_price": "sale_price",
            "weight": "weight_g",
            "global_unique_id": "gtin",
        }
        names = [
            "update: regular_price with a comma",
            "update: regular_price with text",
            "update: regular_price with thousands separator",
            "update: regular_price negative",
            "update: sale_price above regular_price",
            "update: weight with comma and unit",
            "update: weight negative",
            "update: global_unique_id with letters",
        ]
        for name in names:
            exchange = recorded[name]
            assert exchange["response"]["status"] == 200, "the real shop said that all is well"
            ((field, value),) = exchange["request"]["body"].items()
            assert Scripted().push((fields[field], value)) == [("refused", "invalid")], name


def test_many_products_go_in_one_batch_and_each_has_its_own_answer() -> None:
    with serve("woocommerce", catalogue=make_catalogue(6, products=24, orders=2, defects=0.0), seed=5) as twin:
        one = connector(Connection("shop", "woocommerce", twin.credentials))
        rows = pl.concat([page.records["product"] for page in one.fetch("product")])
        singles = rows.filter(pl.col("level") == "single").head(5).rows(named=True)
        variants = rows.filter(pl.col("level") == "variant").head(4).rows(named=True)
        taken = singles[0]["sku"]
        values = [("title", f"Thing {number}") for number in range(4)] + [("sku", taken)]
        wanted = [
            (str(number), "product", row["record_key"], row["parent_key"], field, "", value)
            for number, (row, (field, value)) in enumerate(zip(singles, values, strict=True))
        ]
        wanted += [
            (f"v{number}", "product", row["record_key"], row["parent_key"], "price", "", "77.70")
            for number, row in enumerate(variants)
        ]
        results = one.push(pl.DataFrame(wanted, schema=CHANGES, orient="row"))
        assert results["status"].to_list() == ["accepted"] * 4 + ["refused"] + ["accepted"] * 4, results
        assert "sku" in results["code"][4]
        writes = [path for method, path, _ in twin.requests if method in ("POST", "PUT")]
        parents = {row["parent_key"] for row in variants}
        assert sum(path.endswith("/products/batch") for path in writes) == 1
        assert sum("/variations/batch" in path for path in writes) == len(parents)
        now = one.read("product", [(row["record_key"], row["parent_key"]) for row in (*singles, *variants)])
        assert set(now.filter(pl.col("level") == "variant")["price"]) == {"77.70"}
        assert set(now.filter(pl.col("level") == "single")["title"]) >= {f"Thing {number}" for number in range(4)}
        one.close()
