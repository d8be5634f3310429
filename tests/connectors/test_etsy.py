"""What is peculiar to Etsy: tokens of one use, inventories written whole, forms, pictures, mails to buyers, quotas."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import polars as pl
import pytest

from connectors.errors import CredentialError, PlatformError, RateLimitError
from connectors.limits import Limiter, Limits, Rate, Room
from connectors.platform import CHANGES, SHIPMENTS, Connection, Connector, connector, platform
from connectors.platforms.etsy import PLATFORM, Etsy
from connectors.sandbox import Twin, make_catalogue, serve

CREDENTIALS = {"keystring": "k" * 24, "shared_secret": "s" * 10, "refresh_token": "1.refresh", "shop_id": "4711"}

Open = Callable[..., Connector]


@pytest.fixture
def twin() -> Iterator[Twin]:
    with serve("etsy", catalogue=make_catalogue(5, 42, orders=16, defects=0.0), seed=5) as running:
        yield running


class Spy(httpx.BaseTransport):
    """The real network to the twin, noting what is sent; `instead` may answer in its place."""

    def __init__(self, instead: Callable[[httpx.Request], httpx.Response | None] = lambda request: None) -> None:
        self.inner = httpx.HTTPTransport()
        self.instead = instead
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        return self.instead(request) or self.inner.handle_request(request)

    def sent(self, method: str, part: str = "") -> list[httpx.Request]:
        return [one for one in self.requests if one.method == method and part in one.url.path]

    def close(self) -> None:
        self.inner.close()


@pytest.fixture
def open_(twin: Twin, opening: Open) -> Open:
    return lambda of=None, **options: opening(of or twin, **options)


def faked(answer: Callable[[httpx.Request], Any], **options: Any) -> tuple[Connector, list[httpx.Request]]:
    """A connector whose network answers what the function gives (status 200), tokens apart; and what it asked."""
    asked: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth/token"):
            return httpx.Response(200, json={"access_token": "1.a", "expires_in": 3600, "refresh_token": "1.next"})
        asked.append(request)
        found = answer(request)
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    fixed = {"transport": httpx.MockTransport(respond), "sleep": lambda _: None, "random": lambda: 0.5}
    credentials = CREDENTIALS | {"keystring": f"key-{id(asked)}"}
    return connector(Connection("etsy-shop", "etsy", credentials), **(fixed | options)), asked


def a_page(*rows: Any, count: int | None = None) -> dict[str, Any]:
    return {"count": len(rows) if count is None else count, "results": list(rows)}


def changes(*rows: tuple[str, str, str], kind: str = "product") -> pl.DataFrame:
    """A push: record key, field, value."""
    values = [
        (f"c{number}", kind, key, key.partition("/")[0] if "/" in key else "", field, "", value)
        for number, (key, field, value) in enumerate(rows)
    ]
    return pl.DataFrame(values, schema=CHANGES, orient="row")


def outcome(results: pl.DataFrame) -> tuple[str, str, str]:
    assert results.height == 1
    return results["status"][0], results["code"][0], results["message"][0]


def records(one: Connector, kind: str = "product") -> pl.DataFrame:
    pages = list(one.fetch(kind))
    assert all(page.quarantined.is_empty() for page in pages)
    return pl.concat([page.records[kind] for page in pages])


def varied(twin: Twin) -> dict[str, Any]:
    """A listing with variants that is on sale."""
    rows = twin.state.products.values()
    return next(row for row in rows if len(row["inventory"]["products"]) > 1 and row["state"] == "active")


def plain(twin: Twin) -> dict[str, Any]:
    """A listing without variants that is on sale."""
    rows = twin.state.products.values()
    return next(row for row in rows if len(row["inventory"]["products"]) == 1 and row["state"] == "active")


def keys(twin: Twin, row: dict[str, Any]) -> list[str]:
    return [twin.state.key_of(row, one) for one in row["inventory"]["products"]]


def parcel(key: str, *, number: str = "T-1", carrier: str = "DHL") -> pl.DataFrame:
    row = ("s1", key, "", "", carrier, number, "", "2026-11-24T10:00:00Z", [])
    return pl.DataFrame([row], schema=SHIPMENTS, orient="row")


class TestOpening:
    def test_every_call_carries_both_halves_of_the_key_and_the_merchants_token(self, open_: Open, twin: Twin) -> None:
        spy = Spy()
        assert open_(transport=spy).check().ok
        called = [one for one in spy.requests if "oauth" not in one.url.path]
        key = f"{twin.credentials['keystring']}:{twin.credentials['shared_secret']}"
        assert {one.headers["x-api-key"] for one in called} == {key}
        assert all(one.headers["authorization"].startswith("Bearer 12345678.") for one in called)

    def test_a_token_is_asked_for_as_an_app_without_a_secret(self, open_: Open, twin: Twin) -> None:
        spy, before = Spy(), twin.credentials["refresh_token"]
        open_(transport=spy).check()
        (asked,) = spy.sent("POST", "/v3/public/oauth/token")
        form = {name: values[0] for name, values in parse_qs(asked.content.decode()).items()}
        assert form == {
            "grant_type": "refresh_token",
            "client_id": twin.credentials["keystring"],
            "refresh_token": before,
        }

    def test_the_new_refresh_token_is_kept_before_anything_else_happens(self, open_: Open, twin: Twin) -> None:
        kept: list[tuple[str, int]] = []
        spy = Spy()
        one = open_(transport=spy, remember=lambda new: kept.append((new["refresh_token"], len(spy.sent("GET")))))
        one.check()
        assert kept == [(twin.credentials["refresh_token"], 0)]
        twin.fault("expired-token")
        assert one.check().ok, "the next one is used, not the first"
        assert kept[1][0] == twin.credentials["refresh_token"] != kept[0][0]

    def test_a_used_refresh_token_is_named_as_what_it_is(self, open_: Open, twin: Twin) -> None:
        old = twin.credentials
        twin._refresh_token = twin._new_refresh_token()
        answer = open_(credentials=old).check()
        assert not answer.ok
        assert "authorise the app again" in answer.messages[0]
        assert old["refresh_token"] not in answer.messages[0]

    @pytest.mark.parametrize("typed", ["my-shop", "12 34", ""])
    def test_a_shop_is_known_by_its_number(self, typed: str) -> None:
        with pytest.raises(CredentialError, match="shop_id"):
            connector(Connection("etsy-shop", "etsy", CREDENTIALS | {"shop_id": typed}))

    def test_what_older_guides_name_is_answered_with_what_is_needed(self) -> None:
        old = {one.name: one.replaced_by for one in PLATFORM.credentials if one.replaced_by}
        assert set(old) == {"api_key", "access_token"}
        assert "shared_secret" in old["api_key"]
        assert "refresh_token" in old["access_token"]


class TestCheck:
    @pytest.mark.parametrize(
        ("scopes", "missing"),
        [
            ("listings_r listings_w", ["shops_r", "transactions_r"]),
            ("shops_r transactions_r", ["listings_r"]),
        ],
    )
    def test_rights_that_are_missing_are_named(self, open_: Open, scopes: str, missing: list[str]) -> None:
        with serve("etsy", catalogue=make_catalogue(5, 2, orders=1, defects=0.0), scopes=scopes) as twin:
            answer = open_(twin).check()
        assert not answer.ok
        assert f"lacks: {', '.join(missing)}." in answer.messages[0]

    def test_a_wrong_key_is_not_taken_for_a_missing_right(self, open_: Open) -> None:
        answer = open_(credentials={"shared_secret": "wrong-0123"}).check()
        assert not answer.ok
        assert "keystring:shared_secret" in answer.messages[0]
        assert "lacks" not in answer.messages[0]

    def test_a_shop_of_somebody_else(self, open_: Open, twin: Twin) -> None:
        answer = open_(credentials={"shop_id": "1"}).check()
        assert not answer.ok
        assert f"for shop {twin.state.shop_id}" in answer.messages[0]


class TestReading:
    def test_a_listing_with_variants_is_a_parent_and_its_variants(self, open_: Open, twin: Twin) -> None:
        row, found = varied(twin), records(open_())
        number = str(row["listing_id"])
        parent = found.row(by_predicate=pl.col("record_key") == number, named=True)
        assert (parent["level"], parent["price"], parent["sku"], parent["title"]) == ("parent", "", "", row["title"])
        variants = found.filter(pl.col("parent_key") == number)
        assert variants["sku"].to_list() == [one["sku"] for one in row["inventory"]["products"]]
        assert set(variants["level"]) == {"variant"}
        assert set(variants["weight_g"]) == {parent["weight_g"]}, "a listing has one weight"
        (colour,) = variants["attributes"][0]
        assert colour == {"key": "Colour", "value": row["inventory"]["products"][0]["values"][0]["values"][0]}

    def test_variants_keep_their_keys_although_their_numbers_change(self, open_: Open, twin: Twin) -> None:
        one, row = open_(), varied(twin)
        before = twin.state.inventory(row, profiles=True)
        key = keys(twin, row)[0]
        assert outcome(one.push(changes((key, "quantity", "31"))))[0] == "accepted"
        after = twin.state.inventory(row, profiles=True)
        assert before["products"][0]["product_id"] != after["products"][0]["product_id"]
        assert one.read("product", [(key, "")])["quantity"].to_list() == ["31"]
        assert one.read("stock", [(key, "")])["quantity"].to_list() == ["31"]

    def test_listings_of_every_state_are_read(self, open_: Open, twin: Twin) -> None:
        rows = list(twin.state.products.values())
        for row, state in zip(rows, ("inactive", "sold_out", "expired", "draft"), strict=False):
            row["state"] = state
        found = records(open_()).filter(pl.col("level") != "variant")
        assert set(found["status"]) == {"active", "inactive", "sold_out", "expired", "draft"}
        assert found.height == len(rows)

    def test_what_is_put_on_sale_during_the_walk_is_not_lost(self, open_: Open, twin: Twin) -> None:
        row = plain(twin)
        row["state"] = "expired"

        def renew(request: httpx.Request) -> None:
            if request.url.params.get("state") == "inactive":
                row["state"] = "active"

        found = records(open_(transport=Spy(renew)))
        assert str(row["listing_id"]) in found["record_key"].to_list()

    def test_a_quiet_shop_is_not_walked_twice(self, open_: Open, twin: Twin) -> None:
        records(open_(), "stock")
        lists = [path for method, path, _ in twin.requests if path.endswith("/listings")]
        assert len(lists) == len(("before", "active", "inactive", "sold_out", "draft", "expired", "after"))

    def test_many_listings_are_read_back_in_one_call(self, open_: Open, twin: Twin) -> None:
        one = open_()
        wanted = [(key, "") for row in twin.state.products.values() for key in keys(twin, row)]
        drafts = [row for row in twin.state.products.values() if row["state"] == "draft"]
        assert one.read("stock", wanted).height == len(wanted)
        listings = [path for _, path, _ in twin.requests if "/listings/" in path]
        assert len(listings) == 1 + len(drafts), "what the common call leaves out is asked for alone"

    def test_listings_of_other_shops_are_none_of_ours(self, open_: Open, twin: Twin) -> None:
        assert open_().read("product", [(str(twin.other_shop["listing_id"]), "")]).is_empty()

    def test_the_tree_of_categories_is_asked_for_once(self, open_: Open, twin: Twin) -> None:
        one = open_()
        records(one)
        records(one)
        assert len([path for _, path, _ in twin.requests if path.endswith("/nodes")]) == 1

    @pytest.mark.parametrize(
        ("amount", "divisor", "currency", "shown"),
        [
            (1250, 100, "EUR", "12.50"),
            (1200, 1, "JPY", "1200"),
            (5, 100, "USD", "0.05"),
            (1234567, 1000, "KWD", "1234.567"),
        ],
    )
    def test_money_comes_as_a_number_and_a_divisor(self, amount: int, divisor: int, currency: str, shown: str) -> None:
        money = {"amount": amount, "divisor": divisor, "currency_code": currency}
        receipt = {"receipt_id": 1, "grandtotal": money, "created_timestamp": 1_760_000_000}
        receipt["transactions"] = [{"transaction_id": 2, "quantity": 1, "price": money}]
        one, _ = faked(lambda request: a_page(receipt))
        (found,) = one.fetch("order")
        assert found.records["order"].select("total", "currency").row(0) == (shown, currency)
        assert found.records["order_line"]["unit_price"].to_list() == [shown]
        assert found.records["order"]["ordered_at"].to_list() == ["2025-10-09T08:53:20Z"]

    @pytest.mark.parametrize(
        ("unit", "length", "weight_unit", "weight", "shown"),
        [
            ("in", 2.0, "oz", 1.0, ("50.8", "28.35")),
            ("inches", 2.0, "lb", 1.0, ("50.8", "453.592")),
            ("ft", 1.0, "g", 12.5, ("304.8", "12.5")),
            ("cm", 2.5, "kg", 1.5, ("25", "1500")),
            (None, None, None, None, ("", "")),
        ],
    )
    def test_measures_in_the_units_of_the_listing(
        self, unit: Any, length: Any, weight_unit: Any, weight: Any, shown: tuple[str, str]
    ) -> None:
        listing = {
            "listing_id": 1,
            "state": "active",
            "item_length": length,
            "item_dimensions_unit": unit,
            "item_weight": weight,
            "item_weight_unit": weight_unit,
        }
        one, _ = faked(lambda request: a_page(listing) if request.url.params.get("state") == "active" else a_page())
        (row,) = records(one).select("length_mm", "weight_g").iter_rows()
        assert row == shown

    def test_an_address_that_is_withheld_is_no_fault(self, open_: Open) -> None:
        catalogue = make_catalogue(5, 3, orders=4, defects=0.0)
        with serve("etsy", catalogue=catalogue, addresses=False) as twin:
            found = records(open_(twin), "order")
        assert found.height == 4
        assert set(found["ship_street"]) | set(found["email"]) | set(found["ship_country"]) == {""}

    def test_a_deleted_product_is_left_out(self) -> None:
        products = [
            {"product_id": 1, "sku": "A", "is_deleted": True, "offerings": [], "property_values": []},
            {"product_id": 2, "sku": "B", "is_deleted": False, "offerings": [], "property_values": []},
        ]
        listing = {"listing_id": 1, "state": "active", "inventory": {"products": products}}
        one, _ = faked(lambda request: a_page(listing) if request.url.params.get("state") == "active" else a_page())
        assert records(one).select("level", "sku").rows() == [("single", "B")]

    def test_two_variants_of_the_same_values_are_set_aside(self) -> None:
        values = [{"property_id": 200, "property_name": "Colour", "values": ["Blue"]}]
        products = [{"product_id": n, "sku": f"A{n}", "offerings": [], "property_values": values} for n in (1, 2)]
        listing = {"listing_id": 1, "state": "active", "inventory": {"products": products}}
        one, _ = faked(lambda request: a_page(listing) if request.url.params.get("state") == "active" else a_page())
        pages = list(one.fetch("product"))
        assert "same values" in pl.concat([page.quarantined for page in pages])["error"][0]

    def test_receipts_are_asked_for_by_change_and_walked_by_creation(self) -> None:
        one, asked = faked(lambda request: a_page())
        list(one.fetch("order", since=datetime(2026, 11, 24, 12, 0, tzinfo=UTC)))
        assert dict(asked[0].url.params) == {
            "min_last_modified": "1795521300",
            "sort_on": "created",
            "sort_order": "asc",
            "legacy": "false",
            "limit": "100",
            "offset": "0",
        }
        list(one.fetch("order", since=datetime(1999, 1, 1, tzinfo=UTC)))
        assert asked[-1].url.params["min_last_modified"] == "946684800", "Etsy takes no earlier time"

    def test_more_receipts_than_may_be_skipped(self) -> None:
        receipts = [
            {"receipt_id": n, "created_timestamp": 1_700_000_000 + n, "grandtotal": None} for n in range(1, 12_501)
        ]

        def answer(request: httpx.Request) -> Any:
            params = request.url.params
            offset, limit = int(params["offset"]), int(params["limit"])
            assert offset < 12_000
            rows = [one for one in receipts if one["created_timestamp"] >= int(params.get("min_created", 0))]
            return a_page(*rows[offset : offset + limit], count=len(rows))

        one, asked = faked(answer)
        seen = [key for page in one.fetch("order") for key in page.records["order"]["record_key"]]
        assert sorted(map(int, seen)) == list(range(1, 12_501))
        assert asked[-1].url.params["min_created"] == "1700010000"


class TestInventory:
    def test_all_variants_of_a_listing_go_in_one_write(self, open_: Open, twin: Twin) -> None:
        spy, row = Spy(), varied(twin)
        some = [(key, "price", f"{20 + n}.50") for n, key in enumerate(keys(twin, row))]
        results = open_(transport=spy).push(changes(*some, (keys(twin, row)[0], "quantity", "9")))
        assert set(results["status"]) == {"accepted"}
        assert len(spy.sent("PUT")) == 1
        assert [one["amount"] for one in row["inventory"]["products"]] == [2050 + 100 * n for n in range(len(some))]
        assert row["inventory"]["products"][0]["quantity"] == 9

    def test_nothing_else_of_the_tree_changes(self, open_: Open, twin: Twin) -> None:
        row = varied(twin)
        for number, one in enumerate(row["inventory"]["products"]):
            one |= {"is_enabled": number != 1, "readiness_state_id": 701 + number}
        before = json.loads(json.dumps(row["inventory"]))
        open_().push(changes((keys(twin, row)[0], "price", "77.70")))
        before["products"][0]["amount"] = 7770
        assert row["inventory"] == before

    def test_only_what_the_description_knows_is_sent_back(self, open_: Open, twin: Twin) -> None:
        spy, row = Spy(), varied(twin)
        open_(transport=spy).push(changes((keys(twin, row)[0], "sku", "NEW-1")))
        (sent,) = spy.sent("PUT")
        assert dict(sent.url.params) == {"legacy": "false"}
        body = json.loads(sent.content)
        assert set(body) == {
            "products",
            "price_on_property",
            "quantity_on_property",
            "sku_on_property",
            "readiness_state_on_property",
        }
        for product in body["products"]:
            assert set(product) == {"sku", "property_values", "offerings"}
            (offering,) = product["offerings"]
            assert set(offering) == {"price", "quantity", "is_enabled", "readiness_state_id"}
            assert isinstance(offering["price"], float), "required even where the SKU alone changes, and no object"
            assert all("scale_name" not in one and "value_pairs" not in one for one in product["property_values"])

    def test_what_may_not_differ_is_refused_with_the_reason(self, open_: Open, twin: Twin) -> None:
        row = varied(twin)
        for one in row["inventory"]["products"]:
            one["amount"] = 2000
        row["inventory"]["price_on_property"] = []
        first, *others = keys(twin, row)
        before = twin.state.dump()
        one = open_()
        results = one.push(changes((first, "price", "30.00"), (first, "quantity", "9")))
        assert results["status"].to_list() == ["refused", "accepted"], "the neighbour goes all the same"
        assert "change all variants alike" in results["message"][0]
        assert row["inventory"]["products"][0]["amount"] == 2000
        assert twin.state.dump() != before
        alike = one.push(changes(*((key, "price", "30.00") for key in (first, *others))))
        assert set(alike["status"]) == {"accepted"}

    def test_the_product_itself_has_no_price_where_variants_have(self, open_: Open, twin: Twin) -> None:
        row = varied(twin)
        status, code, message = outcome(open_().push(changes((str(row["listing_id"]), "price", "30.00"))))
        assert (status, code) == ("refused", "invalid")
        assert "variants" in message

    def test_a_variant_that_is_gone(self, open_: Open, twin: Twin) -> None:
        key = f"{varied(twin)['listing_id']}/200=Octarine"
        assert outcome(open_().push(changes((key, "price", "30.00"))))[:2] == ("refused", "missing")
        assert outcome(open_().push(changes(("nonsense", "price", "30.00"))))[:2] == ("refused", "missing")

    def test_quantities_of_nothing_are_answered_in_etsys_words(self, open_: Open, twin: Twin) -> None:
        row = varied(twin)
        before = twin.state.dump()
        results = open_().push(changes(*((key, "quantity", "0") for key in keys(twin, row)), kind="stock"))
        assert results["status"].to_list().count("refused") == 1, "all but the last one may be 0"
        assert "at least one offering" in results.filter(pl.col("status") == "refused")["message"][0]
        assert twin.state.dump() != before

    def test_a_value_that_etsy_refuses_spoils_none_of_the_others(self, open_: Open, twin: Twin) -> None:
        row = varied(twin)
        first, second = keys(twin, row)[:2]

        def refuse(request: httpx.Request) -> httpx.Response | None:
            bad = request.method == "PUT" and b'"BAD"' in request.content
            return httpx.Response(400, json={"error": "sku is reserved"}) if bad else None

        results = open_(transport=Spy(refuse)).push(changes((first, "sku", "BAD"), (second, "price", "30.00")))
        assert results["status"].to_list() == ["refused", "accepted"]
        assert "reserved" in results["message"][0]

    def test_what_was_changed_meanwhile_is_read_anew(self, open_: Open, twin: Twin) -> None:
        row, conflicts = plain(twin), [1]

        def once(request: httpx.Request) -> httpx.Response | None:
            if request.method != "PUT" or not conflicts:
                return None
            conflicts.clear()
            row["inventory"]["products"][0]["quantity"] = 77
            return httpx.Response(409, json={"error": "conflict"})

        assert (
            outcome(open_(transport=Spy(once)).push(changes((str(row["listing_id"]), "price", "30.00"))))[0]
            == "accepted"
        )
        assert row["inventory"]["products"][0]["quantity"] == 77, "the other's change stays"
        assert row["inventory"]["products"][0]["amount"] == 3000

    def test_a_conflict_that_stays_is_told(self, open_: Open, twin: Twin) -> None:
        spy = Spy(lambda request: httpx.Response(409, json={"error": "conflict"}) if request.method == "PUT" else None)
        key = str(plain(twin)["listing_id"])
        assert outcome(open_(transport=spy).push(changes((key, "price", "30.00"))))[0] == "refused"
        assert len(spy.sent("PUT")) == 2

    def test_a_third_variation_is_announced(self) -> None:
        values = [{"property_id": n, "property_name": f"P{n}", "value_ids": [n], "values": ["x"]} for n in (1, 2, 3)]
        money = {"amount": 1000, "divisor": 100, "currency_code": "EUR"}
        offering = {"offering_id": 5, "price": money, "quantity": 1, "is_enabled": True, "is_deleted": False}
        product = {"product_id": 4, "sku": "A", "offerings": [offering], "property_values": values}
        one, asked = faked(lambda request: {"products": [product], "price_on_property": []})
        one.push(changes(("1/1=x;2=x;3=x", "quantity", "7")))
        assert asked[-1].url.params["max_variations_supported"] == "3"
        body = json.loads(asked[-1].content)
        assert body["products"][0]["offerings"] == [{"price": 10.0, "quantity": 7, "is_enabled": True}]
        assert "readiness_state_id" not in body["products"][0]["offerings"][0], "what was not shown is not sent"

    @pytest.mark.parametrize(
        ("field", "value"),
        [("price", "12,50"), ("price", "12.505"), ("price", "0"), ("quantity", "1.5"), ("quantity", "٣")],
    )
    def test_values_of_another_form_are_not_sent(self, open_: Open, twin: Twin, field: str, value: str) -> None:
        spy = Spy()
        key = str(plain(twin)["listing_id"])
        assert outcome(open_(transport=spy).push(changes((key, field, value))))[:2] == ("refused", "invalid")
        assert not spy.sent("PUT")


class TestForm:
    def form(self, spy: Spy) -> dict[str, str]:
        (sent,) = spy.sent("PATCH")
        assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
        return {name: values[0] for name, values in parse_qs(sent.content.decode(), keep_blank_values=True).items()}

    def test_only_the_changed_fields_are_sent(self, open_: Open, twin: Twin) -> None:
        spy, row = Spy(), plain(twin)
        key = str(row["listing_id"])
        results = open_(transport=spy).push(changes((key, "title", "Another title"), (key, "price", "30.00")))
        assert set(results["status"]) == {"accepted"}
        assert self.form(spy) == {"title": "Another title"}, "a price in a form would be passed over without a word"

    def test_who_made_it_goes_with_its_two_companions(self, open_: Open, twin: Twin) -> None:
        spy = Spy()
        open_(transport=spy).push(changes((str(plain(twin)["listing_id"]), "attributes.who_made", "collective")))
        assert self.form(spy) == {"who_made": "collective", "when_made": "2020_2026", "is_supply": "false"}

    def test_a_weight_goes_in_the_unit_of_the_listing(self, open_: Open, twin: Twin) -> None:
        row = plain(twin)
        row |= {"item_weight": 1.5, "item_weight_unit": "lb"}
        assert outcome(open_().push(changes((str(row["listing_id"]), "weight_g", "1000"))))[0] == "accepted"
        assert (round(row["item_weight"], 4), row["item_weight_unit"]) == (2.2046, "lb")
        row |= {"item_weight": None, "item_weight_unit": None}
        assert outcome(open_().push(changes((str(row["listing_id"]), "weight_g", "1000"))))[0] == "accepted"
        assert (row["item_weight"], row["item_weight_unit"]) == (1000.0, "g")

    def test_tags_go_as_one_text_with_commas(self, open_: Open, twin: Twin) -> None:
        spy, row = Spy(), plain(twin)
        open_(transport=spy).push(changes((str(row["listing_id"]), "attributes.tags", "men's gift, hand-made")))
        assert self.form(spy) == {"tags": "men's gift,hand-made"}
        assert row["tags"] == ["men's gift", "hand-made"]

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("title", "Lamp for $5", "not $"),
            ("title", "Oven 200 °C", "not °"),
            ("title", "  ", "must not be empty"),
            ("title", "Kettle & cup & plate", "more of &"),
            ("title", "100 % wool, 20 % off", "more of %"),
            ("description", " ", "says something"),
            ("weight_g", "0", "above 0"),
            ("length_mm", "20 cm", "above 0"),
            ("attributes.tags", "gift!", "holds !"),
            ("attributes.tags", "Gift, gift", "twice"),
            ("attributes.materials", "half-linen", "holds -"),
            ("attributes.who_made", "my aunt", "i_did"),
            ("attributes.when_made", "last year", "made_to_order"),
            ("attributes.is_supply", "yes", "true or false"),
            ("attributes.shipping_profile_id", "express", "number"),
            ("category", "No > Such > Category", "levels joined by"),
            ("images", "[]", "1 to 20 pictures"),
            ("images", json.dumps([f"https://cdn.example.com/{n}.jpg" for n in range(21)]), "1 to 20 pictures"),
        ],
    )
    def test_what_must_not_be_sent_is_refused_with_what_would_be_right(
        self, open_: Open, twin: Twin, field: str, value: str, words: str
    ) -> None:
        spy, before = Spy(), twin.state.dump()
        status, code, message = outcome(
            open_(transport=spy).push(changes((str(plain(twin)["listing_id"]), field, value)))
        )
        assert status == "refused"
        assert code in ("invalid", "unknown_value")
        assert words in message
        assert not spy.sent("PATCH")
        assert twin.state.dump() == before

    @pytest.mark.parametrize(
        ("before", "value", "status"),
        [
            ("active", "inactive", "accepted"),
            ("inactive", "active", "accepted"),
            ("sold_out", "active", "refused"),
            ("draft", "active", "refused"),
            ("expired", "active", "refused"),
            ("active", "draft", "refused"),
        ],
    )
    def test_nothing_is_published_or_renewed(
        self, open_: Open, twin: Twin, before: str, value: str, status: str
    ) -> None:
        row = plain(twin)
        row["state"] = before
        quantity = row["inventory"]["products"][0]["quantity"]
        assert outcome(open_().push(changes((str(row["listing_id"]), "status", value))))[0] == status
        assert row["state"] == (value if status == "accepted" else before)
        assert row["inventory"]["products"][0]["quantity"] == quantity

    def test_a_category_that_is_none_holds_up_nothing_else(self, open_: Open, twin: Twin) -> None:
        row = plain(twin)
        key = str(row["listing_id"])
        results = open_().push(changes((key, "category", "No > Such"), (key, "title", "Another title")))
        assert results["code"].to_list() == ["unknown_value", ""]
        assert row["title"] == "Another title"

    def test_a_category_goes_by_its_number(self, open_: Open, twin: Twin) -> None:
        row = plain(twin)
        path, node = next((path, one) for path, one in twin.state.nodes.items() if one["id"] != row["taxonomy_id"])
        assert outcome(open_().push(changes((str(row["listing_id"]), "category", path))))[0] == "accepted"
        assert row["taxonomy_id"] == node["id"]

    @pytest.mark.parametrize("field", ["title", "weight_g", "attributes.tags"])
    def test_what_all_variants_share_is_not_changed_on_one(self, open_: Open, twin: Twin, field: str) -> None:
        row, before = varied(twin), twin.state.dump()
        status, code, message = outcome(open_().push(changes((keys(twin, row)[0], field, "1000"))))
        assert (status, code) == ("refused", "invalid")
        assert f"product {row['listing_id']}" in message
        assert twin.state.dump() == before


class TestPictures:
    def push(self, one: Connector, row: dict[str, Any], *addresses: str) -> tuple[str, str, str]:
        return outcome(one.push(changes((str(row["listing_id"]), "images", json.dumps(addresses)))))

    def test_known_pictures_are_only_put_in_order(self, open_: Open, twin: Twin) -> None:
        spy, row = Spy(), plain(twin)
        addresses = [image["url"] for image in row["images"]]
        assert self.push(open_(transport=spy), row, *reversed(addresses))[0] == "accepted"
        assert [image["url"] for image in row["images"]] == addresses[::-1]
        assert not spy.sent("POST", "/images")

    def test_a_new_picture_is_fetched_and_brought_to_etsy(self, open_: Open, twin: Twin) -> None:
        def host(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(200, content=b"\xff\xd8picture") if request.url.host == "cdn.example.com" else None

        spy, row = Spy(host), plain(twin)
        kept = row["images"][0]
        assert self.push(open_(transport=spy), row, "https://cdn.example.com/new.jpg", kept["url"])[0] == "accepted"
        assert [image["listing_image_id"] for image in row["images"]][1] == kept["listing_image_id"]
        assert len(row["images"]) == 2
        (fetched,) = [one for one in spy.requests if one.url.host == "cdn.example.com"]
        assert "x-api-key" not in fetched.headers
        assert "authorization" not in fetched.headers
        (brought,) = spy.sent("POST", "/images")
        assert b"\xff\xd8picture" in brought.content
        assert b'filename="new.jpg"' in brought.content

    def test_a_picture_that_cannot_be_fetched_is_no_fault_of_etsy(self, open_: Open, twin: Twin) -> None:
        def host(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(404) if request.url.host == "cdn.example.com" else None

        row = plain(twin)
        before = list(row["images"])
        status, code, message = self.push(open_(transport=Spy(host)), row, "https://cdn.example.com/gone.jpg")
        assert (status, code) == ("refused", "invalid")
        assert "https://cdn.example.com/gone.jpg cannot be fetched" in message
        assert row["images"] == before


class TestShipping:
    @pytest.fixture
    def key(self, twin: Twin) -> str:
        return twin.state.awaiting("shipment")[0]

    def test_the_buyer_gets_one_mail_for_one_parcel(self, open_: Open, twin: Twin, key: str) -> None:
        one = open_()
        for _ in range(3):
            assert outcome(one.ship(parcel(key)))[0] == "accepted"
        assert twin.mails == 1
        assert outcome(one.ship(parcel(key, number="T-2")))[0] == "accepted", "a second parcel is another one"
        assert twin.mails == 2

    def test_an_answer_that_is_lost_costs_no_second_mail(self, open_: Open, twin: Twin, key: str) -> None:
        one = open_()
        one.check()
        twin.fault("truncated", path="/tracking")
        with pytest.raises(PlatformError):
            one.ship(parcel(key))
        assert outcome(one.ship(parcel(key)))[0] == "accepted"
        assert twin.mails == 1

    def test_a_carrier_that_etsy_does_not_know_is_another_one(self, open_: Open, twin: Twin, key: str) -> None:
        assert outcome(open_().ship(parcel(key, carrier="Kurier Schmidt")))[0] == "accepted"
        assert twin.state.orders[key]["shipments"][0]["carrier_name"] == "other"
        assert twin.mails == 1

    def test_a_parcel_without_a_number_marks_the_order(self, open_: Open, twin: Twin, key: str) -> None:
        twin.state.orders[key]["country_iso"] = "DE"
        spy = Spy()
        one = open_(transport=spy)
        for _ in range(2):
            assert outcome(one.ship(parcel(key, number="")))[0] == "accepted"
        (sent,) = spy.sent("POST", "/tracking")
        assert json.loads(sent.content) == {}
        assert twin.state.orders[key]["is_shipped"]

    def test_a_parcel_to_india_needs_a_number(self, open_: Open, twin: Twin, key: str) -> None:
        twin.state.orders[key]["country_iso"] = "IN"
        assert "India" in outcome(open_().ship(parcel(key, number="")))[2]
        assert twin.mails == 0

    @pytest.mark.parametrize(
        ("paid", "status"), [(False, "payment processing"), (True, "Canceled"), (True, "fully refunded")]
    )
    def test_what_is_not_paid_or_no_longer_wanted_stays(
        self, open_: Open, twin: Twin, key: str, paid: bool, status: str
    ) -> None:
        """The case of a state is not to be relied on (etsy/open-api issue 806)."""
        spy = Spy()
        one = open_(transport=spy)
        receipt = twin.state.receipt(twin.state.orders[key]) | {"is_paid": paid, "status": status}
        spy.instead = lambda request: httpx.Response(200, json=receipt) if request.method == "GET" else None
        assert outcome(one.ship(parcel(key)))[:2] == ("refused", "conflict")
        assert twin.mails == 0

    def test_other_refusals_are_told(self, open_: Open, twin: Twin, key: str) -> None:
        def refuse(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(400, json={"error": "too late"}) if "/tracking" in request.url.path else None

        assert outcome(open_(transport=Spy(refuse)).ship(parcel(key))) == ("refused", "refused", "too late")


class TestLimits:
    def test_the_figures_of_an_answer(self) -> None:
        headers = {
            "x-limit-per-second": "10",
            "x-remaining-this-second": "7",
            "x-limit-per-day": "10000",
            "x-remaining-today": "9000",
        }
        room = Etsy.site.limits.room(headers)
        assert room == Room(remaining=7, resets_s=1.0, per_second=8.0, remaining_today=9000, per_day=10_000)
        assert Etsy.site.limits.room({}) == Room(resets_s=1.0)

    def test_a_servers_own_daily_quota_counts(self) -> None:
        now = [0.0]
        limits = Limits(
            Rate(per_second=1000, burst=1000, per_day=3), room=lambda headers: Room(per_day=5, remaining_today=3)
        )
        limiter = Limiter(limits, clock=lambda: now[0])
        limiter.take()
        limiter.answered({})
        for _ in range(3):
            limiter.take()
        with pytest.raises(RateLimitError, match="The 5 calls a day"):
            limiter.take()
        now[0] += 86_401
        limiter.take()

    def test_a_day_that_is_used_up_ends_the_run_at_once(self, open_: Open) -> None:
        with serve("etsy", catalogue=make_catalogue(5, 2, orders=1, defects=0.0), per_day=4) as twin:
            slept: list[float] = []
            one = open_(twin, sleep=slept.append)
            with pytest.raises(RateLimitError):
                for _ in range(6):
                    records(one, "order")
            assert sum(slept) < 60, "nobody waits a day"
            assert len([1 for _, path, _ in twin.requests if "/receipts" in path]) <= 5

    def test_a_second_that_is_used_up_is_waited_out(self, open_: Open, twin: Twin) -> None:
        one = open_()
        slept: list[float] = []
        one.client._sleep = slept.append  # type: ignore[attr-defined]
        twin.fault("429", path="/receipts")
        assert records(one, "order").height == 16
        assert 1.0 in slept


class TestRequirements:
    def test_properties_are_told_and_never_judged(self, open_: Open, twin: Twin) -> None:
        category = next(iter(records(open_())["category"]))
        found = open_().requirements([category, category, "No > Such"])
        assert set(found["category"]) == {category}
        rows = {row["field"]: row for row in found.iter_rows(named=True)}
        assert rows["attributes.who_made"]["level"] == "required"
        assert rows["attributes.Occasion"]["level"] == "recommended", "it cannot be seen whether a listing has it"
        assert rows["attributes.Occasion"]["type"] == "text"
        assert rows["attributes.Occasion"]["values"] == ["Birthday", "Wedding"]
        assert rows["attributes.Primary color"]["level"] == "optional"


def test_what_it_cannot_do_is_said() -> None:
    found = platform("etsy")
    assert not {"brand", "gtin", "sale_price"} & (found.readable["product"] | found.writable["product"])
    assert found.incremental == {"order"}
    assert any("fee" in note for note in found.notes)
    assert "when_made" not in str([one.default for one in found.credentials])
