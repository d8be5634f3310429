"""What is peculiar to Shopify: prices, weights, scopes, lists that overflow, addresses, images."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.changes import Change, InvalidError
from connectors.errors import CredentialError, ProtocolError
from connectors.platform import CHANGES, Connection, connector
from connectors.platforms.shopify import documents
from connectors.platforms.shopify.bulk import regrouped
from connectors.platforms.shopify.reading import prices
from connectors.platforms.shopify.writing import _address_input, _price_input
from connectors.sandbox import Twin, make_catalogue, serve

MONEY = st.decimals(1, 9999, places=2, allow_nan=False, allow_infinity=False).map(str)


@pytest.fixture
def twin() -> Iterator[Twin]:
    with serve("shopify", catalogue=make_catalogue(6, products=16, orders=6, defects=0.0), seed=5) as running:
        yield running


def open_shop(twin: Twin, **changed: str) -> Any:
    return connector(Connection("shop", "shopify", {**twin.credentials, **changed}))


class Scripted:
    """A shop that answers each document by its name from a script."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name: iter(value if isinstance(value, list) else [value]) for name, value in answers.items()}
        self.answers.setdefault("Count", itertools.repeat({"data": {"productsCount": {"count": 3}}}))
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        name = body["query"].split()[1].partition("(")[0]
        self.sent.append((name, body["variables"]))
        return httpx.Response(200, json=next(self.answers[name]))

    def open(self) -> Any:
        credentials = {"shop_domain": "scripted.myshopify.com", "access_token": "shpat_0123456789"}
        return connector(
            Connection("shop", "shopify", credentials), transport=httpx.MockTransport(self), sleep=lambda seconds: None
        )


NOTHING_MORE = {"hasNextPage": False, "endCursor": None}
SHOP = {"data": {"shop": {"name": "S", "currencyCode": "EUR"}, "currentAppInstallation": {"accessScopes": []}}}


def product(number: int, **changed: Any) -> dict[str, Any]:
    variant = {
        "id": f"gid://shopify/ProductVariant/{number}",
        "price": "5.00",
        "inventoryItem": {"id": "i", "tracked": True, "measurement": {"weight": {"unit": "POUNDS", "value": 0.25}}},
    }
    return {
        "id": f"gid://shopify/Product/{number}",
        "title": f"P{number}",
        "updatedAt": "2026-11-20T00:00:00Z",
        "hasOnlyDefaultVariant": True,
        "media": {"pageInfo": NOTHING_MORE, "nodes": []},
        "variants": {"pageInfo": NOTHING_MORE, "nodes": [variant]},
    } | changed


def page(*nodes: Any, cursor: str = "") -> dict[str, Any]:
    info = {"hasNextPage": bool(cursor), "endCursor": cursor or None}
    return {"data": {"products": {"pageInfo": info, "nodes": list(nodes)}}}


class TestPrices:
    @pytest.mark.parametrize(
        ("price", "compare_at", "expected"),
        [
            ("8.00", "10.00", ("10.00", "8.00")),
            ("8.00", "", ("8.00", "")),
            ("8.00", "8.00", ("8.00", "")),
            ("8.00", "5.00", ("8.00", "")),
        ],
    )
    def test_regular_and_reduced(self, price: str, compare_at: str, expected: tuple[str, str]) -> None:
        assert prices(price, compare_at) == expected

    @given(MONEY, MONEY, MONEY, MONEY)
    def test_what_is_pushed_is_what_is_read_and_undo_restores_it(self, p: str, c: str, new_p: str, new_s: str) -> None:
        """Whatever stands there, a push that is not refused reads back as pushed, and its undo as before."""
        for before in ({"price": p, "compareAtPrice": c}, {"price": p, "compareAtPrice": None}):
            regular, reduced = prices(before["price"] or "", before["compareAtPrice"] or "")
            for new in ({"price": new_p}, {"price": new_p, "sale_price": new_s}, {"sale_price": ""}):
                try:
                    after = {**before, **_price_input(new, before)}
                except InvalidError:
                    continue
                now = prices(after["price"] or "", after["compareAtPrice"] or "")
                assert now == (new.get("price", regular), new.get("sale_price", reduced))
                former = {"price": regular, "sale_price": reduced}
                undone = {**after, **_price_input({name: former[name] for name in new}, after)}
                assert prices(undone["price"] or "", undone["compareAtPrice"] or "") == (regular, reduced)

    def test_a_compare_at_price_that_reduces_nothing_shows(self) -> None:
        node = product(1)
        node["variants"]["nodes"][0]["compareAtPrice"] = "4.00"
        shop = Scripted(Products=page(node), Shop=SHOP)
        row = next(shop.open().fetch("product")).records["product"].row(0, named=True)
        assert (row["price"], row["sale_price"]) == ("5.00", "")
        assert {"key": "compare_at_price", "value": "4.00"} in row["attributes"]

    def test_no_price_may_be_emptied(self) -> None:
        with pytest.raises(InvalidError, match="price ''"):
            _price_input({"price": ""}, {"price": "5.00"})


class TestFetch:
    def test_weights_come_in_grams_and_pages_in_order(self) -> None:
        shop = Scripted(Products=[page(product(1), cursor="c1"), page(product(2))], Shop=SHOP)
        rows = pl.concat([one.records["product"] for one in shop.open().fetch("product")])
        assert rows["weight_g"].to_list() == ["113.398", "113.398"]
        assert [variables["after"] for name, variables in shop.sent if name == "Products"] == [None, "c1"]

    def test_a_record_of_the_wrong_shape_is_quarantined(self) -> None:
        broken = [product(2, title={"en": "x"}), product(3, media=None), product(4, id=None)]
        shop = Scripted(Products=page(product(1), *broken, product(5)), Shop=SHOP)
        (only,) = shop.open().fetch("product")
        assert only.records["product"]["title"].to_list() == ["P1", "P5"]
        assert only.quarantined.height == 3
        assert only.quarantined["record_key"].to_list()[:2] == ["gid://shopify/Product/2", "gid://shopify/Product/3"]
        assert "title: expected text" in only.quarantined["error"][0]
        assert json.loads(only.quarantined["raw"][0])["title"] == {"en": "x"}

    def test_a_product_that_comes_twice_is_given_again_only_if_newer(self) -> None:
        again = product(1, title="Newer", updatedAt="2026-11-21T00:00:00Z")
        shop = Scripted(Products=[page(product(1), product(2), cursor="c1"), page(product(2), again)], Shop=SHOP)
        pages = [one.records["product"]["title"].to_list() for one in shop.open().fetch("product")]
        assert pages == [["P1", "P2"], ["Newer"]]

    def test_pages_shrink_until_the_platform_can_afford_them(self) -> None:
        costly = {"errors": [{"message": "too much", "extensions": {"code": "MAX_COST_EXCEEDED"}}]}
        shop = Scripted(Products=[costly, costly, page(product(1), cursor="c1"), page(product(2))], Shop=SHOP)
        list(shop.open().fetch("product"))
        sizes = [variables["first"] for name, variables in shop.sent if name == "Products"]
        assert sizes == [200, 100, 50, 50]

    def test_lists_that_overflow_are_fetched_to_their_end(self, twin: Twin) -> None:
        one = open_shop(twin)
        whole = pl.concat([each.records["product"] for each in one.fetch("product")])
        small = open_shop(twin)
        small._reader._sizes["product"] = {"first": 3, "nested": 1, "media": 1}
        parts = pl.concat([each.records["product"] for each in small.fetch("product")])
        assert parts.drop("raw").equals(whole.drop("raw"))
        assert small.traffic.requests > one.traffic.requests


class TestAccount:
    def test_missing_scopes_are_listed(self) -> None:
        answer = json.loads(json.dumps(SHOP))
        answer["data"]["currentAppInstallation"]["accessScopes"] = [
            {"handle": "write_products"},
            {"handle": "read_orders"},
        ]
        result = Scripted(Shop=answer).open().check()
        assert not result.ok
        text = " ".join(result.messages)
        assert "missing: write_orders, read_inventory, write_inventory" in text
        assert "has: read_orders, write_products" in text

    def test_client_credentials_instead_of_a_token(self, twin: Twin) -> None:
        one = open_shop(twin, access_token="")
        assert one.check().ok
        assert ("POST", "/admin/oauth/access_token", 200) in twin.requests

    def test_neither_token_nor_app(self, twin: Twin) -> None:
        with pytest.raises(CredentialError, match="access_token"):
            open_shop(twin, access_token="", api_key="")

    @pytest.mark.parametrize("domain", ["mystore.com", "evil.example", "https://x.myshopify.com.evil.example"])
    def test_the_token_goes_to_the_platforms_own_domain_only(self, domain: str) -> None:
        with pytest.raises(CredentialError, match=r"myshopify\.com"):
            connector(Connection("shop", "shopify", {"shop_domain": domain, "access_token": "shpat_1"}))

    def test_a_bare_name_is_completed(self) -> None:
        seen = []
        transport = httpx.MockTransport(lambda request: seen.append(request.url.host) or httpx.Response(404))
        credentials = {"shop_domain": "mystore", "access_token": "shpat_1"}
        result = connector(Connection("shop", "shopify", credentials), transport=transport).check()
        assert seen == ["mystore.myshopify.com"]
        assert "shop_domain" in result.messages[0]


class TestWriting:
    def test_stock_that_changed_meanwhile_is_a_conflict(self, twin: Twin) -> None:
        one = open_shop(twin)
        row = next(one.fetch("stock")).records["stock"].row(0, named=True)
        wrong = str(int(row["quantity"]) + 1)
        change = [("c", "stock", row["record_key"], row["parent_key"], "quantity", wrong, "3")]
        result = one.push(pl.DataFrame(change, schema=CHANGES, orient="row"))
        assert result["code"].to_list() == ["conflict"]
        assert one.read("stock", [(row["record_key"], "")])["quantity"][0] == row["quantity"]

    def test_two_variants_of_one_product_go_in_one_call_and_fail_alone(self, twin: Twin) -> None:
        one = open_shop(twin)
        products = pl.concat([each.records["product"] for each in one.fetch("product")])
        variants = products.filter(pl.col("level") == "variant")
        siblings = variants.filter(pl.col("parent_key") == variants["parent_key"][0])
        first, second = siblings.head(2).iter_rows(named=True)
        rows = [
            ("good", "product", first["record_key"], first["parent_key"], "sku", first["sku"], "OK-1"),
            ("bad", "product", second["record_key"], second["parent_key"], "sku", second["sku"], "x" * 300),
            ("also", "product", second["record_key"], second["parent_key"], "gtin", second["gtin"], "4006381333931"),
        ]
        result = one.push(pl.DataFrame(rows, schema=CHANGES, orient="row"))
        now = one.read("product", [(row[2], row[3]) for row in rows[:2]])
        by_key = {row["record_key"]: row for row in now.iter_rows(named=True)}
        assert result["status"].to_list() == ["accepted", "refused", "accepted"]
        assert result["code"][1] not in {"", "unknown"}
        assert by_key[first["record_key"]]["sku"] == "OK-1"
        assert by_key[second["record_key"]]["sku"] == second["sku"]
        assert by_key[second["record_key"]]["gtin"] == "4006381333931"

    def test_an_address_is_sent_whole(self) -> None:
        current = {
            "address1": "A 1",
            "city": "B",
            "firstName": "C",
            "lastName": "D",
            "countryCodeV2": "DE",
            "zip": None,
        }
        change = Change("c", "order", "o", "", "ship_city", "B", "Bremen")
        assert _address_input([change], current) == {
            "address1": "A 1",
            "city": "Bremen",
            "firstName": "C",
            "lastName": "D",
            "countryCode": "DE",
        }
        with pytest.raises(InvalidError, match="no shipping address"):
            _address_input([change], None)

    def test_images_keep_what_is_there_and_get_the_order_asked_for(self, twin: Twin) -> None:
        one = open_shop(twin)
        products = pl.concat([each.records["product"] for each in one.fetch("product")])
        row = products.filter(pl.col("images").list.len() >= 2).row(0, named=True)
        old = row["images"]
        wanted = ["https://images.example.com/new.jpg", old[1]]
        change = [("c", "product", row["record_key"], row["parent_key"], "images", json.dumps(old), json.dumps(wanted))]
        assert one.push(pl.DataFrame(change, schema=CHANGES, orient="row"))["status"].to_list() == ["accepted"]
        now = one.read("product", [(row["record_key"], row["parent_key"])])["images"].to_list()[0]
        assert len(now) == 2
        assert "new" in now[0]
        assert now[1] == old[1]


def test_a_refused_app_secret_is_told_with_the_connections_name(twin: Twin) -> None:
    result = open_shop(twin, access_token="", api_secret="wrong-secret-123").check()
    assert not result.ok
    assert "'shop' (shopify)" in result.messages[0]
    assert "Check the key and the secret of the app" in result.messages[0]
    assert "wrong-secret-123" not in result.messages[0]


class TestBulk:
    @pytest.fixture
    def many(self) -> Iterator[Twin]:
        with serve("shopify", catalogue=make_catalogue(5, products=40, orders=2), seed=5) as twin:
            yield twin

    def test_a_whole_catalogue_comes_by_bulk_as_it_comes_by_pages(self, many: Twin) -> None:
        found = {}
        for limit in ("1", "100000"):
            account = Connection("shop", "shopify", {**many.credentials, "bulk_from": limit})
            one = connector(account, sleep=lambda seconds: None)
            pages = [page.records["product"] for page in one.fetch("product")]
            found[limit] = pl.concat(pages).sort("record_key").drop("raw")
            one.close()
        assert found["1"].equals(found["100000"])
        assert any("/files/bulk-" in path for _, path, _ in many.requests)

    def test_while_another_bulk_operation_runs_the_pages_are_read(self, many: Twin) -> None:
        account = Connection("shop", "shopify", {**many.credentials, "bulk_from": "1"})
        first, second = (connector(account, sleep=lambda seconds: None) for _ in range(2))
        graphql = first._graphql  # type: ignore[attr-defined]
        graphql.execute(documents.BULK_START, {"query": documents.BULK_PRODUCTS}, idempotent=False)
        rows = pl.concat([page.records["product"] for page in second.fetch("product")])
        assert rows.height > 40

    @pytest.mark.parametrize(
        ("lines", "word"),
        [
            ([b'{"id": "a"}', b"{"], "damaged"),
            ([b'{"id": "v", "__parentId": "a"}'], "belongs to nothing"),
            ([b'{"id": "a"}'], "1 lines instead of 2"),
        ],
    )
    def test_a_file_that_is_not_whole_is_not_used(self, lines: list[bytes], word: str) -> None:
        with pytest.raises(ProtocolError, match=word):
            list(regrouped(lines, 2))


def test_part_of_a_line_is_shipped_and_then_the_rest() -> None:
    with serve("shopify", catalogue=make_catalogue(5, products=12, orders=30, defects=0.0), seed=5) as twin:
        one = connector(Connection("shop", "shopify", twin.credentials), sleep=lambda seconds: None)
        rows = pl.concat([page.records["order_line"] for page in one.fetch("order")])
        waiting = twin.state.awaiting("shipment")
        line = rows.filter(pl.col("order_key").is_in(waiting) & (pl.col("quantity").cast(pl.Int64) > 1)).row(
            0, named=True
        )

        def parcel(number: str, quantity: str) -> dict[str, list[str]]:
            return {
                "shipment_id": [number],
                "order_key": [line["order_key"]],
                "line_key": [line["line_key"]],
                "quantity": [quantity],
                "tracking_number": [number],
                "carrier": ["DHL"],
            }

        assert one.ship(pl.DataFrame(parcel("p1", "1")))["status"].to_list() == ["accepted"]
        assert line["order_key"] in twin.state.awaiting("shipment")
        too_many = one.ship(pl.DataFrame(parcel("p2", "9")))
        assert too_many["code"].to_list() == ["invalid"]
        assert len(twin.state.parcels()) == 1
        assert one.ship(pl.DataFrame(parcel("p3", "")))["status"].to_list() == ["accepted"]
        assert [number for _, number in twin.state.parcels()] == ["p1", "p3"]
