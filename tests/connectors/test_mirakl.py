"""What is peculiar to Mirakl: offers written whole, prices and stock by imports, exports, two ways of shipping."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import polars as pl
import pytest

from connectors.errors import CredentialError, UnavailableError
from connectors.limits import TokenBucket
from connectors.platform import ACCEPTANCES, CHANGES, SHIPMENTS, Connection, Connector, connector, platform
from connectors.sandbox import Catalogue, Twin, make_catalogue, serve

HEALTHY = make_catalogue(6, products=16, orders=12, defects=0.0)

Market = Callable[..., Twin]
Open = Callable[..., Connector]


@pytest.fixture
def market() -> Iterator[Market]:
    running = []

    def start(catalogue: Catalogue = HEALTHY, **options: Any) -> Twin:
        context = serve("mirakl", catalogue=catalogue, **options)
        running.append(context)
        return context.__enter__()

    yield start
    for one in running:
        one.__exit__(None, None, None)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def open_(pauses: list[float]) -> Iterator[Open]:
    opened: list[Connector] = []

    def open_one(credentials: dict[str, str], **options: Any) -> Connector:
        settings = {"sleep": pauses.append, "random": lambda: 0.5} | options
        opened.append(connector(Connection("shop", "mirakl", credentials), **settings))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def changes(*rows: tuple[str, str, str], kind: str = "product") -> pl.DataFrame:
    """Changes of (record, field, value); a stock record names its offer before the warehouse."""
    made = [
        (str(n), kind, key, key.partition("@")[0] if kind == "stock" else "", field, "", value)
        for n, (key, field, value) in enumerate(rows)
    ]
    return pl.DataFrame(made, schema=CHANGES, orient="row")


def answers(results: pl.DataFrame) -> list[tuple[str, str]]:
    return list(results.select("status", "code").iter_rows())


def parcel(key: str, number: str = "JJD1", carrier: str = "DHL", *lines: tuple[str, str]) -> pl.DataFrame:
    rows = [
        ("s1", key, line, count, carrier, number, f"https://track.example.com/{number}", "", [])
        for line, count in lines or [("", "")]
    ]
    return pl.DataFrame(rows, schema=SHIPMENTS, orient="row")


def an_offer(twin: Twin, *, reduced: bool) -> dict[str, Any]:
    return next(one for one in twin.state.products.values() if bool(one["discount_price"]) == reduced)


def an_order(twin: Twin, state: str, lines: int = 1) -> dict[str, Any]:
    order = next(one for one in twin.state.orders.values() if len(one["lines"]) >= lines)
    for line in order["lines"]:
        line["state"] = state
    twin.state.move(order, state)
    return order


def sent(twin: Twin, method: str, path: str) -> int:
    return sum((one, where) == (method, f"/api/{path}") for one, where, _ in twin.requests)


class Scripted:
    """A marketplace of one offer whose answers are given: path to body, or to a function of the request."""

    OFFER = {
        "shop_sku": "A-1",
        "offer_id": 1,
        "product_sku": "MKP1",
        "active": True,
        "category_code": "lamps",
        "category_label": "Lamps",
        "currency_iso_code": "EUR",
        "product_references": [{"reference_type": "EAN", "reference": "4006381333931"}],
        "product_title": "Lamp",
        "quantity": 3,
        "state_code": "11",
        "all_prices": [{"unit_origin_price": 10, "price": 10, "volume_prices": []}],
    }

    def __init__(self, **answers: Any) -> None:
        self.answers = {
            "platform/configuration": {"features": {}},
            "hierarchies": {"hierarchies": []},
            "offers": {"offers": [self.OFFER], "total_count": 1},
        } | {path.replace("__", "/"): body for path, body in answers.items()}
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        body = self.answers.get(f"{request.method} {request.url.host}")
        body = self.answers[request.url.path.removeprefix("/api/")] if body is None else body
        found = body(request) if callable(body) else body
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    def open(self, open_: Open, **credentials: str) -> Connector:
        given = {"api_url": "https://market.example.net", "api_key": "key-0123456789"} | credentials
        own = TokenBucket(per_second=1000, burst=1000)
        return open_(given, transport=httpx.MockTransport(self), clock=lambda: 1_764_000_000.0, limit=own)


class TestAccount:
    @pytest.mark.parametrize("typed", ["", "/", "/api", "/api/"])
    def test_the_key_is_sent_bare_to_the_address_in_any_spelling(self, open_: Open, typed: str) -> None:
        script = Scripted()
        one = script.open(open_, api_url=f"https://market.example.net{typed}")
        assert one.read("product", [("A-1", "")]).height == 1
        assert {request.headers["authorization"] for request in script.requests} == {"key-0123456789"}
        assert script.requests[0].url.path == "/api/offers"
        assert "shop_id" not in script.requests[0].url.params

    def test_the_shop_goes_with_every_call(self, open_: Open) -> None:
        script = Scripted()
        script.open(open_, shop_id="2000").read("product", [("A-1", "")])
        assert [request.url.params["shop_id"] for request in script.requests] == ["2000"] * len(script.requests)

    def test_a_shop_that_is_no_number_is_refused_at_once(self, open_: Open) -> None:
        with pytest.raises(CredentialError, match="shop_id is 'my shop'"):
            Scripted().open(open_, shop_id="my shop")

    def test_the_check_tells_whose_key_it_is(self, market: Market, open_: Open) -> None:
        twin = market()
        found = open_(twin.credentials).check()
        assert found.ok
        assert f"Shop {twin.shop_id} (Demo Merchant), currency EUR" in found.messages[0]
        assert "accepted by the seller" in found.messages[0]
        twin.shop_state = "SUSPENDED"
        assert "SUSPENDED: buyers see none" in open_(twin.credentials).check().messages[1]

    def test_the_check_tells_what_is_wrong(self, market: Market, open_: Open) -> None:
        twin = market()
        other = open_({**twin.credentials, "shop_id": "1"}).check()
        assert not other.ok
        assert "not allowed to access the shop 1" in other.messages[0]
        assert "shop_id" in other.messages[0]
        wrong = open_({**twin.credentials, "api_key": "0000-wrong-key"}).check()
        assert "refused in production" in wrong.messages[0]
        assert "0000-wrong-key" not in wrong.messages[0]


class TestOffers:
    def test_the_price_is_the_full_one_while_a_discount_runs(self, market: Market, open_: Open) -> None:
        twin = market()
        stored = an_offer(twin, reduced=True)
        row = open_(twin.credentials).read("product", [(stored["shop_sku"], "")]).row(0, named=True)
        assert json.loads(row["raw"])["price"] == stored["discount_price"], "what buyers pay today"
        assert (float(row["price"]), float(row["sale_price"])) == (stored["price"], stored["discount_price"])

    def test_an_offer_in_canonical_form(self, market: Market, open_: Open) -> None:
        twin = market()
        stored = an_offer(twin, reduced=False)
        twin.state.edit(stored["shop_sku"], "quantity", "0")
        row = open_(twin.credentials).read("product", [(stored["shop_sku"], "")]).row(0, named=True)
        attributes = {one["key"]: one["value"] for one in row["attributes"]}
        assert row["category"].count(" > ") >= 2, "a path, although the list gives the last label"
        assert row["gtin"] == stored["references"][0]["reference"]
        assert row["mpn"] == stored["references"][1]["reference"]
        assert (row["condition"], row["status"], row["currency"]) == ("11", "draft", "EUR")
        assert attributes["inactivity_reasons"] == "ZERO_QUANTITY"
        assert attributes["ecotax"] == "0.25", "the operator's own field"
        assert attributes["product_id"] == stored["product_sku"]
        assert attributes["logistic_class"] == stored["logistic_class"]

    def test_categories_are_read_once_and_again_for_a_new_one(self, market: Market, open_: Open) -> None:
        twin = market()
        for _ in range(2):
            assert not (
                pl.concat(p.records["product"] for p in open_(twin.credentials).fetch("product"))["category"] == ""
            ).any()
        assert sent(twin, "GET", "hierarchies") == 1
        first = next(iter(twin.state.products.values()))
        twin.state.collections["categories"]["new"] = {"code": "new", "label": "New", "level": 1, "parent_code": ""}
        first["category_code"] = "new"
        assert open_(twin.credentials).read("product", [(first["shop_sku"], "")])["category"].to_list() == ["New"]
        assert sent(twin, "GET", "hierarchies") == 2

    def test_a_key_of_one_offer_never_finds_another(self, market: Market, open_: Open) -> None:
        twin = market()
        one = open_(twin.credentials)
        key = next(iter(twin.state.products))
        assert one.read("product", [(key, ""), (key.lower(), ""), (key[:-1], "")])["record_key"].to_list() == [key]


class TestWholeOffer:
    def test_a_change_of_one_field_wipes_none_of_the_others(self, market: Market, open_: Open) -> None:
        twin = market()
        stored = an_offer(twin, reduced=True)
        stored |= {
            "price_additional_info": "With recycling",
            "product_tax_code": "TX1",
            "available_started": "2026-01-01T00:00:00Z",
            "available_ended": "2030-01-01T00:00:00Z",
            "allow_quote_requests": True,
            "eco_contributions": [
                {"epr_category_code": "FR-DEA", "eco_contribution_amount": 0.2, "producer_id": "FR1"}
            ],
            "msrp": 99.5,
        }
        before = {**stored}
        result = open_(twin.credentials).push(changes((stored["shop_sku"], "description", "Another text")))
        assert answers(result) == [("accepted", "")]
        moved = {name for name in stored if stored[name] != before[name]}
        assert moved == {"description", "changed"}
        assert stored["description"] == "Another text"

    def test_volume_and_channel_prices_are_said_again(self, market: Market, open_: Open) -> None:
        twin = market()
        stored = an_offer(twin, reduced=True)
        volumes = [{"quantity_threshold": 5, "unit_origin_price": stored["price"] - 1, "unit_discount_price": 1.5}]
        french = {"context": {"channel_codes": ["FR"]}, "unit_origin_price": 77.0, "volume_prices": []}
        stored |= {"volumes": volumes, "prices": [french]}
        open_(twin.credentials).push(changes((stored["shop_sku"], "lead_time_days", "9")))
        assert stored["leadtime_to_ship"] == 9
        assert stored["volumes"] == volumes
        assert stored["prices"][0]["context"] == french["context"]
        assert stored["prices"][0]["unit_origin_price"] == 77.0
        assert stored["discount_price"] and stored["discount_end"]

    @pytest.mark.parametrize(
        "context",
        [
            {"channel_codes": ["FR", "CA"]},
            {"customer_group_ids": ["G1"]},
            {"channel_codes": ["FR"], "start_date": "2026-12-01T00:00:00Z"},
        ],
    )
    def test_prices_that_cannot_be_said_again_keep_the_offer_as_it_is(
        self, market: Market, open_: Open, context: dict[str, Any]
    ) -> None:
        twin = market()
        stored = an_offer(twin, reduced=False)
        stored["prices"] = [{"context": context, "unit_origin_price": 7.0, "volume_prices": []}]
        result = open_(twin.credentials).push(changes((stored["shop_sku"], "description", "x")))
        assert answers(result) == [("refused", "invalid")]
        assert "back office" in result["message"][0]
        assert sent(twin, "POST", "offers") == 0

    def test_a_bad_offer_in_an_import_spoils_none_of_the_others(self, market: Market, open_: Open) -> None:
        twin = market()
        keys = list(twin.state.products)[:5]
        rows = [(key, "condition", "99" if key == keys[2] else "10") for key in keys]
        result = open_(twin.credentials).push(changes(*rows))
        assert [status for status, _ in answers(result)] == ["accepted"] * 2 + ["refused"] + ["accepted"] * 2
        assert result["message"][2] == "The offer state 99 does not exist"
        assert sent(twin, "POST", "offers") == 1, "one import for all of them"

    def test_what_the_operator_has_switched_off_is_not_sent(self, market: Market, open_: Open) -> None:
        off = {"lead_time_to_ship_by_sellers_enabled": "NO", "order_conditions.maximum_order_quantity": False}
        twin = market(features=off)
        stored = an_offer(twin, reduced=False)
        key, one = stored["shop_sku"], open_(twin.credentials)
        result = one.push(changes((key, "lead_time_days", "4"), (key, "attributes.max_order_quantity", "4")))
        assert answers(result) == [("refused", "invalid")] * 2
        assert "PC01" in result["message"][0]
        assert sent(twin, "POST", "offers") == 0

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("lead_time_days", "0", "send 1"),
            ("lead_time_days", "two", "whole number"),
            ("condition", " ", "OF61"),
            ("attributes.available_end_date", "2026-12-01", "moment in UTC"),
            ("attributes.allow_quote_requests", "yes", "true or false"),
            ("quantity", "-1", "whole number"),
        ],
    )
    def test_what_would_be_refused_or_stored_otherwise_is_not_sent(
        self, market: Market, open_: Open, field: str, value: str, words: str
    ) -> None:
        twin = market()
        result = open_(twin.credentials).push(changes((next(iter(twin.state.products)), field, value)))
        assert answers(result) == [("refused", "invalid")]
        assert words in result["message"][0]
        assert not [one for one in twin.requests if one[0] != "GET"]


class TestPrices:
    def test_all_other_prices_of_the_offer_stay(self, market: Market, open_: Open) -> None:
        twin = market()
        stored = an_offer(twin, reduced=True)
        volumes = [{"quantity_threshold": 5, "unit_origin_price": stored["price"] - 1, "unit_discount_price": 1.5}]
        others = [
            {"context": {"channel_codes": ["FR"]}, "unit_origin_price": 77.0, "volume_prices": []},
            {
                "context": {
                    "channel_codes": ["FR"],
                    "customer_group_ids": ["G1"],
                    "start_date": "2026-12-01T00:00:00Z",
                },
                "unit_origin_price": 66.5,
                "unit_discount_price": 60.0,
                "discount_start_date": "2026-12-02T00:00:00Z",
                "volume_prices": [],
            },
        ]
        stored |= {"volumes": volumes, "prices": others}
        before = {**stored}
        result = open_(twin.credentials).push(changes((stored["shop_sku"], "price", "500.25")))
        assert answers(result) == [("accepted", "")]
        assert stored["price"] == 500.25
        assert stored["volumes"] == volumes
        assert stored["prices"] == others
        assert {name for name in stored if stored[name] != before[name]} == {"price", "changed"}

    def test_a_price_for_several_channels_at_once_is_left_alone(self, market: Market, open_: Open) -> None:
        twin = market()
        stored = an_offer(twin, reduced=False)
        both = {"context": {"channel_codes": ["FR", "CA"]}, "unit_origin_price": 7.0, "volume_prices": []}
        stored["prices"] = [both]
        result = open_(twin.credentials).push(changes((stored["shop_sku"], "price", "8.00")))
        assert answers(result) == [("refused", "invalid")]
        assert stored["prices"] == [both]

    def test_price_and_reduced_price_go_together(self, market: Market, open_: Open) -> None:
        twin = market()
        stored = an_offer(twin, reduced=True)
        key, one = stored["shop_sku"], open_(twin.credentials)
        alone = one.push(changes((key, "price", "0.10")))
        assert answers(alone) == [("refused", "invalid")]
        assert "send both together" in alone["message"][0]
        both = one.push(changes((key, "price", "0.10"), (key, "sale_price", "0.05")))
        assert answers(both) == [("accepted", "")] * 2
        assert (stored["price"], stored["discount_price"]) == (0.1, 0.05)
        assert one.push(changes((key, "sale_price", "")))["status"].to_list() == ["accepted"]
        assert (stored["discount_price"], stored["discount_start"], stored["discount_end"]) == (None, None, None)

    def test_the_operator_s_decimal_places(self, market: Market, open_: Open) -> None:
        for places, status in (("2", "refused"), ("4", "accepted")):
            twin = market(features={"offer_prices_decimals": places})
            key = an_offer(twin, reduced=False)["shop_sku"]
            assert open_(twin.credentials).push(changes((key, "price", "12.505")))["status"].to_list() == [status]

    def test_a_discount_without_its_period_where_that_is_demanded(self, market: Market, open_: Open) -> None:
        twin = market(features={"pricing.discount_period_required": True})
        new, running = an_offer(twin, reduced=False), an_offer(twin, reduced=True)
        rows = ((new["shop_sku"], "sale_price", "0.50"), (running["shop_sku"], "sale_price", "0.50"))
        result = open_(twin.credentials).push(changes(*rows))
        assert answers(result) == [("refused", "invalid"), ("accepted", "")]
        assert "first and the last moment" in result["message"][0]

    def test_a_file_with_commas_where_the_operator_uses_them(self, market: Market, open_: Open) -> None:
        twin = market(features={"operator_csv_delimiter": "COMMA"})
        stored = an_offer(twin, reduced=False)
        stored["volumes"] = [{"quantity_threshold": n, "unit_origin_price": 1.0 + n} for n in (5, 10)]
        before = list(stored["volumes"])
        result = open_(twin.credentials).push(changes((stored["shop_sku"], "price", "99.00")))
        assert answers(result) == [("accepted", "")]
        assert [one["unit_origin_price"] for one in stored["volumes"]] == [one["unit_origin_price"] for one in before]

    def test_the_report_tells_which_offer_failed_and_why(self, market: Market, open_: Open) -> None:
        twin = market()
        good, bad = list(twin.state.products.values())[:2]
        bad["prices"] = [
            {"context": {"channel_codes": [f"C{n}"]}, "unit_origin_price": 7.0, "volume_prices": []} for n in range(50)
        ]
        rows = ((good["shop_sku"], "price", "400.00"), (bad["shop_sku"], "price", "400.00"))
        result = open_(twin.credentials).push(changes(*rows))
        assert answers(result) == [("accepted", ""), ("refused", "refused")]
        assert result["message"][1] == "At most 50 prices are allowed for an offer"


class TestStock:
    def test_stock_is_written_alone(self, market: Market, open_: Open) -> None:
        twin = market()
        stored = an_offer(twin, reduced=True)
        before = {**stored}
        result = open_(twin.credentials).push(changes((stored["shop_sku"], "quantity", "17"), kind="stock"))
        assert answers(result) == [("accepted", "")]
        assert {name for name in stored if stored[name] != before[name]} == {"quantity", "changed"}
        assert sent(twin, "POST", "offers") == 0

    def test_warehouses_are_records_of_their_own(self, market: Market, open_: Open) -> None:
        twin = market(warehouses=("W1", "W2"))
        one = open_(twin.credentials)
        stock = pl.concat(page.records["stock"] for page in one.fetch("stock"))
        assert stock.height == 2 * len(twin.state.products)
        assert set(stock["location"]) == {"W1", "W2"}
        assert set(stock["parent_key"]) == set(twin.state.products)
        key = next(iter(twin.state.products))
        kept = {row["code"]: row["quantity"] for row in twin.state.products[key]["warehouses"]}["W2"]
        assert answers(one.push(changes((f"{key}@W1", "quantity", "41"), kind="stock"))) == [("accepted", "")]
        assert twin.state.products[key]["warehouses"] == [
            {"code": "W1", "quantity": 41},
            {"code": "W2", "quantity": kept},
        ]
        both = changes((f"{key}@W1", "quantity", "1"), (f"{key}@W2", "quantity", "2"), kind="stock")
        assert answers(one.push(both)) == [("accepted", "")] * 2
        assert twin.state.products[key]["quantity"] == 3
        assert one.read("stock", [(f"{key}@W2", key)])["quantity"].to_list() == ["2"]

    def test_an_offer_with_warehouses_is_not_written_whole(self, market: Market, open_: Open) -> None:
        twin = market(warehouses=("W1", "W2"))
        key, one = an_offer(twin, reduced=False)["shop_sku"], open_(twin.credentials)
        rows = ((key, "quantity", "5"), (key, "description", "x"), (key, "price", "700.00"))
        result = one.push(changes(*rows))
        assert answers(result) == [("refused", "invalid"), ("refused", "invalid"), ("accepted", "")]
        assert "warehouse" in result["message"][0] and "warehouse" in result["message"][1]

    def test_a_warehouse_that_is_gone_is_missing(self, market: Market, open_: Open) -> None:
        twin = market(warehouses=("W1",))
        key = next(iter(twin.state.products))
        result = open_(twin.credentials).push(changes((f"{key}@W9", "quantity", "5"), kind="stock"))
        assert answers(result) == [("refused", "missing")]

    def test_the_whole_export_is_made_once_a_day(self, market: Market, open_: Open) -> None:
        twin = market()
        one = open_(twin.credentials)
        first, second = (pl.concat(page.records["stock"] for page in one.fetch("stock")) for _ in range(2))
        assert sent(twin, "POST", "offers/export/async") == 1
        assert first.height == second.height == len(twin.state.products)
        assert first.sort("record_key")["quantity"].equals(second.sort("record_key")["quantity"])
        assert not (first["updated_at"] == "").any()


class TestImports:
    def test_an_import_is_asked_after_at_the_pace_of_the_platform(
        self, market: Market, open_: Open, pauses: list[float]
    ) -> None:
        twin = market(patience=2)
        key, one = next(iter(twin.state.products)), open_(twin.credentials)
        assert answers(one.push(changes((key, "quantity", "5")))) == [("accepted", "")]
        assert pauses == [15.0, 30.0]
        pauses.clear()
        assert answers(one.push(changes((key, "price", "500.00")))) == [("accepted", "")]
        assert pauses == [60.0, 60.0]

    def test_an_import_that_does_not_end_is_unknown(self, market: Market, open_: Open) -> None:
        twin = market(patience=10_000)
        result = open_(twin.credentials).push(changes((next(iter(twin.state.products)), "quantity", "5")))
        assert answers(result) == [("refused", "unknown")]
        assert "not finished" in result["message"][0]

    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            ({"lines_in_success": 1, "lines_in_error": 0}, ("accepted", "")),
            ({"lines_in_success": 0, "lines_in_error": 0}, ("refused", "unknown")),
            ({}, ("accepted", "")),
            ({"status": "FAILED", "reason_status": "The file is empty"}, ("refused", "refused")),
        ],
    )
    def test_what_the_report_leaves_open_is_unknown(
        self, open_: Open, state: dict[str, Any], expected: tuple[str, str]
    ) -> None:
        script = Scripted(
            offers__stock__imports={"import_id": "7"},
            offers__stock__imports__7__status={"status": "COMPLETE", "has_error_report": False, "import_id": "7"}
            | state,
        )
        result = script.open(open_).push(changes(("A-1", "quantity", "5")))
        assert answers(result) == [expected]
        if "reason_status" in state:
            assert result["message"][0] == "The file is empty"

    @pytest.mark.parametrize(
        "report",
        [
            '"error-line";"error-message";"offer-sku"\n"2";"Too many";"A-1"\n',
            '\ufeff"offer-sku";"quantity";"error-message"\n"A-1";"5";"Too many"\n',
            '"line";"reason";"shop_sku"\n"2";"Too many";"A-1"\n"3";"Too many";"A-1"\n',
        ],
    )
    def test_a_report_is_read_whatever_the_order_of_its_columns(self, open_: Open, report: str) -> None:
        script = self.reporting(report)
        result = script.open(open_).push(changes(("A-1", "quantity", "5")))
        assert answers(result) == [("refused", "refused")]
        assert result["message"][0] == "Too many"

    def test_a_report_that_cannot_be_read_leaves_the_change_unknown(self, open_: Open) -> None:
        result = self.reporting("what;ever\n1;2\n").open(open_).push(changes(("A-1", "quantity", "5")))
        assert answers(result) == [("refused", "unknown")]

    def test_an_import_that_is_refused_whole(self, open_: Open) -> None:
        refusal = httpx.Response(400, json={"status": 400, "message": "The file has no header"})
        result = Scripted(offers__stock__imports=refusal).open(open_).push(changes(("A-1", "quantity", "5")))
        assert answers(result) == [("refused", "refused")]
        assert result["message"][0] == "The file has no header", "the reason stands in the body alone"

    def test_who_is_too_fast_waits_as_long_as_told(self, open_: Open, pauses: list[float]) -> None:
        refusals = [httpx.Response(429, headers={"retry-after": "23"}, json={"message": "Too Many Requests"})]
        script = Scripted(
            offers__stock__imports=lambda _: refusals.pop() if refusals else {"import_id": "7"},
            offers__stock__imports__7__status={"status": "COMPLETE", "has_error_report": False},
        )
        one = script.open(open_)
        assert answers(one.push(changes(("A-1", "quantity", "5")))) == [("accepted", "")]
        assert pauses[0] == 23.0
        assert one.traffic.throttled == 1

    @staticmethod
    def reporting(content: str) -> Scripted:
        return Scripted(
            offers__stock__imports={"import_id": "7"},
            offers__stock__imports__7__status={"status": "COMPLETE", "has_error_report": True, "lines_in_error": 1},
            offers__stock__imports__7__error_report=httpx.Response(200, content=content.encode()),
        )


class TestExport:
    STATUS = "offers__export__async__status__9"

    def test_few_changed_offers_are_read_one_by_one_and_many_with_the_list(self, market: Market, open_: Open) -> None:
        twin = market(make_catalogue(5, products=150, orders=1, defects=0.0))
        now = datetime.now(UTC)
        keys = list(twin.state.products)
        assert len(keys) > 200

        def changed(some: list[str]) -> tuple[set[str], int]:
            for key in some:
                twin.state.edit(key, "quantity", "77")
            twin.requests.clear()
            found = pl.concat(page.records["product"] for page in open_(twin.credentials).fetch("product", since=now))
            return set(found["record_key"]), sent(twin, "GET", "offers")

        assert changed([]) == (set(), 0)
        assert changed(keys[:2]) == (set(keys[:2]), 3)
        assert changed(keys[:9]) == (set(keys[:9]), 1 + -(-len(keys) // 100))

    def test_deleted_offers_are_not_given(self, market: Market, open_: Open) -> None:
        twin = market()
        now, (gone, sold_out) = datetime.now(UTC), list(twin.state.products)[:2]
        twin.state.edit(sold_out, "quantity", "0")
        twin.state.collections["deleted"][gone] = twin.state.products.pop(gone) | {"changed": twin.clock()}
        one = open_(twin.credentials)
        stock = pl.concat(page.records["stock"] for page in one.fetch("stock", since=now))
        assert stock["record_key"].to_list() == [sold_out]

    def test_the_export_is_waited_for(self, market: Market, open_: Open, pauses: list[float]) -> None:
        twin = market(patience=2)
        assert pl.concat(page.records["stock"] for page in open_(twin.credentials).fetch("stock")).height > 10
        assert pauses == [10.0, 20.0]

    def test_an_export_that_fails_is_told_with_its_reason(self, open_: Open) -> None:
        failed = {"status": "FAILED", "error": {"code": "1", "detail": "Internal error"}}
        script = Scripted(offers__export__async={"tracking_id": "9"}, **{self.STATUS: failed})
        with pytest.raises(UnavailableError, match=r"OF52.*Internal error"):
            list(script.open(open_).fetch("stock"))

    def test_a_file_at_the_instance_is_called_at_the_address_that_was_typed(self, open_: Open) -> None:
        """The platform's own example names the instance with http and an address that is not well encoded."""
        url = "http://market.example.net/api/offers/export/async/file/5715?file=of52-export%offers/0.json"
        row = {"shop_sku": "A-1", "quantity": 4, "last_updated": "2026-11-25T08:00:00Z"}
        script = Scripted(
            offers__export__async={"tracking_id": "9"},
            offers__export__async__file__5715=[row],
            **{self.STATUS: {"status": "COMPLETED", "urls": [url]}},
        )
        stock = pl.concat(page.records["stock"] for page in script.open(open_, shop_id="2000").fetch("stock"))
        assert stock["quantity"].to_list() == ["4"]
        asked = script.requests[-1].url
        assert asked.scheme == "https"
        assert asked.params["file"] == "of52-export%offers/0.json"

    def test_a_file_elsewhere_is_fetched_without_the_key(self, open_: Open) -> None:
        row = {"shop_sku": "A-1", "quantity": 4}
        state = {"status": "COMPLETED", "urls": ["https://store.example.org/9/0.json?signature=abc"]}
        script = Scripted(offers__export__async={"tracking_id": "9"}, **{self.STATUS: state})
        script.answers["GET store.example.org"] = [row]
        assert pl.concat(page.records["stock"] for page in script.open(open_).fetch("stock")).height == 1
        assert "authorization" not in script.requests[-1].headers


class TestOrders:
    def test_a_hundred_orders_at_a_time(self, market: Market, open_: Open) -> None:
        twin = market(make_catalogue(5, products=4, orders=130, defects=0.0))
        one = open_(twin.credentials)
        orders = pl.concat(page.records["order"] for page in one.fetch("order"))
        assert orders.height == 130, "a page has ten orders unless asked for more"
        twin.requests.clear()
        keys = [(key, "") for key in orders["record_key"]]
        assert one.read("order", keys).height == 130
        assert sent(twin, "GET", "orders") == 2

    def test_changes_are_asked_for_by_the_date_of_update(self, open_: Open) -> None:
        script = Scripted(orders={"orders": [], "total_count": 0})
        list(script.open(open_).fetch("order", since=datetime(2026, 11, 25, 9, tzinfo=UTC)))
        asked = dict(script.requests[0].url.params)
        assert asked["start_update_date"] == "2026-11-25T08:55:00Z"
        assert "start_date" not in asked and "customer_debited" not in asked

    def test_an_order_before_and_after_the_buyer_has_paid(self, market: Market, open_: Open) -> None:
        twin = market()
        order = an_order(twin, "WAITING_ACCEPTANCE")
        key, one = order["order_id"], open_(twin.credentials)
        row = one.read("order", [(key, "")]).row(0, named=True)
        assert [row[name] for name in ("ship_street", "ship_country", "phone")] == ["", "", ""]
        twin.state.move(order, "SHIPPING")
        row = one.read("order", [(key, "")]).row(0, named=True)
        assert row["ship_street"] and len(row["ship_country"]) == 3, "the code as it came"
        assert row["email"].endswith("@notification.mirakl.net")

    def accept(self, one: Connector, key: str, *rows: tuple[str, bool]) -> tuple[str, str]:
        frame = pl.DataFrame([(key, line, yes, "") for line, yes in rows], schema=ACCEPTANCES, orient="row")
        return answers(one.accept(frame))[0]

    def test_lines_are_accepted_and_refused_in_one_call(self, market: Market, open_: Open) -> None:
        twin = market()
        order = an_order(twin, "WAITING_ACCEPTANCE", lines=2)
        key, one = order["order_id"], open_(twin.credentials)
        first, *others = [line["order_line_id"] for line in order["lines"]]
        assert self.accept(one, key, (first, True)) == ("refused", "invalid"), "a line is left open"
        assert sent(twin, "PUT", f"orders/{key}/accept") == 0
        decision = [(first, False), *((line, True) for line in others)]
        assert self.accept(one, key, *decision) == ("accepted", "")
        assert [line["state"] for line in order["lines"]][:2] == ["REFUSED", "WAITING_DEBIT_PAYMENT"]
        assert self.accept(one, key, *decision) == ("accepted", "")
        assert sent(twin, "PUT", f"orders/{key}/accept") == 1, "said twice, done once"
        assert self.accept(one, key, ("", True)) == ("refused", "conflict"), "decided otherwise before"

    def test_an_order_that_does_not_exist_or_is_not_there_yet(self, market: Market, open_: Open) -> None:
        twin = market()
        one = open_(twin.credentials)
        assert self.accept(one, "none", ("", True)) == ("refused", "missing")
        assert self.accept(one, "a,b", ("", True)) == ("refused", "missing")
        order = an_order(twin, "STAGING")
        assert self.accept(one, order["order_id"], ("", True)) == ("refused", "conflict")


class TestShipping:
    def test_tracking_first_and_then_the_shipment(self, market: Market, open_: Open) -> None:
        twin = market()
        key = an_order(twin, "SHIPPING")["order_id"]
        assert answers(open_(twin.credentials).ship(parcel(key, carrier="dhl"))) == [("accepted", "")]
        puts = [path.rpartition("/")[2] for method, path, _ in twin.requests if method == "PUT"]
        assert puts == ["tracking", "ship"]
        assert twin.state.orders[key]["tracking"] == {"carrier_code": "DHL", "tracking_number": "JJD1"}

    def test_a_carrier_that_is_not_registered(self, market: Market, open_: Open) -> None:
        twin = market()
        key = an_order(twin, "SHIPPING")["order_id"]
        open_(twin.credentials).ship(parcel(key, carrier="Bike Messenger"))
        told = twin.state.orders[key]["tracking"]
        assert told["carrier_name"] == "Bike Messenger"
        assert told["carrier_url"].startswith("https://track.example.com/")
        strict = market(features={"disable_seller_alternative_carrier": True})
        key = an_order(strict, "SHIPPING")["order_id"]
        result = open_(strict.credentials).ship(parcel(key, carrier="Bike Messenger"))
        assert answers(result) == [("refused", "invalid")]
        assert "DHL, UPS, CLP" in result["message"][0]

    def test_a_repetition_goes_on_where_the_first_try_broke_off(self, market: Market, open_: Open) -> None:
        twin = market()
        key, one = an_order(twin, "SHIPPING")["order_id"], open_(twin.credentials)
        twin.fault("401", path="/ship")
        with pytest.raises(CredentialError):
            one.ship(parcel(key))
        assert twin.state.orders[key]["order_state"] == "SHIPPING"
        assert answers(one.ship(parcel(key))) == [("accepted", "")]
        assert answers(one.ship(parcel(key))) == [("accepted", "")]
        assert twin.state.parcels() == [(key, "JJD1")]
        assert answers(one.ship(parcel(key, "JJD2"))) == [("refused", "conflict")]

    def test_an_order_that_is_not_to_be_shipped(self, market: Market, open_: Open) -> None:
        twin = market()
        key = an_order(twin, "WAITING_DEBIT")["order_id"]
        result = open_(twin.credentials).ship(parcel(key))
        assert answers(result) == [("refused", "conflict")]
        assert "WAITING_DEBIT" in result["message"][0]
        assert not [one for one in twin.requests if one[0] == "PUT"]

    def test_a_part_of_an_order_where_only_the_whole_can_be_shipped(self, market: Market, open_: Open) -> None:
        twin = market()
        order = an_order(twin, "SHIPPING", lines=2)
        line = order["lines"][0]["order_line_id"]
        result = open_(twin.credentials).ship(parcel(order["order_id"], "JJD1", "DHL", (line, "")))
        assert answers(result) == [("refused", "invalid")]
        assert "one shipment an order" in result["message"][0]

    def test_several_parcels_where_the_operator_allows_them(self, market: Market, open_: Open) -> None:
        twin = market(features={"shipment.multi_shipment": True})
        order = an_order(twin, "SHIPPING", lines=2)
        key, one = order["order_id"], open_(twin.credentials)
        first, second = order["lines"][:2]
        first["quantity"] = 3
        line = first["order_line_id"]
        assert answers(one.ship(parcel(key, "N1", "DHL", (line, "2")))) == [("accepted", "")]
        assert answers(one.ship(parcel(key, "N1", "DHL", (line, "2")))) == [("accepted", "")]
        assert twin.state.parcels() == [(key, "N1")], "told of twice, sent once"
        too_many = one.ship(parcel(key, "N2", "DHL", (line, "2")))
        assert answers(too_many) == [("refused", "conflict")]
        assert line in too_many["message"][0]
        assert order["order_state"] == "SHIPPING"
        assert answers(one.ship(parcel(key, "N3"))) == [("accepted", "")], "all that is left"
        assert twin.state.left(order) == {}
        shipped = twin.state.shipments["shipment-2"]["shipment_lines"]
        assert {row["order_line_id"]: row["quantity"] for row in shipped}[line] == 1
        assert second["order_line_id"] in {row["order_line_id"] for row in shipped}
        assert order["order_state"] == "SHIPPED"
        assert sent(twin, "PUT", f"orders/{key}/ship") == 0
        read = one.read("order", [(key, "")])
        assert read["shipped_at"][0]

    def test_the_list_of_errors_counts_although_the_answer_is_good(self, open_: Open) -> None:
        order = {"order_id": "O-A", "order_state": "SHIPPING", "order_lines": [], "last_updated_date": "x"}
        waiting = {"order_id": "O-A", "shipment_lines": [{"order_line_id": "O-A-1", "quantity": 1}]}
        script = Scripted(
            platform__configuration={"features": {"shipment": {"multi_shipment": True}}},
            orders={"orders": [order], "total_count": 1},
            shipping__carriers={"carriers": []},
            shipments__items_to_ship={"data": [waiting]},
            shipments=lambda r: (
                {"data": []}
                if r.method == "GET"
                else httpx.Response(
                    201, json={"shipment_success": [], "shipment_errors": [{"order_id": "O-A", "message": "Too late."}]}
                )
            ),
        )
        result = script.open(open_).ship(parcel("O-A"))
        assert answers(result) == [("refused", "refused")]
        assert result["message"][0] == "Too late."


class TestRequirements:
    def test_what_the_operator_publishes(self, market: Market, open_: Open) -> None:
        twin = market(features={"tax_collection.product_tax_code_mandatory": True, "offer_prices_decimals": "3"})
        one = open_(twin.credentials)
        category = pl.concat(page.records["product"] for page in one.fetch("product"))["category"][0]
        found = one.requirements([category, "No > Such"])
        rows = {(row["category"], row["field"]): row for row in found.iter_rows(named=True)}
        assert rows["", "condition"]["values"] == ["11", "10", "4"]
        assert rows["", "attributes.product_tax_code"]["level"] == "required"
        assert rows["", "attributes.ecotax"]["type"] == "number"
        assert rows["", "price"]["pattern"] == r"\d+(?:\.\d{1,3}0*)?"
        title = rows[category, "title"]
        assert (title["level"], title["minimum"], title["maximum"]) == ("required", 3.0, 200.0)
        colour = rows[category, "attributes.colour"]
        assert (colour["type"], colour["level"]) == ("choice", "recommended"), "no offer shows it"
        assert {"BLACK", "black"} <= set(colour["values"]), "by code and by label"
        assert (category, "attributes.old_reference") not in rows, "switched off"
        assert {name for name, _ in rows} == {"", category}

    def test_a_published_demand_names_no_healthy_offer(self, market: Market, open_: Open) -> None:
        twin = market()
        one = open_(twin.credentials)
        products = pl.concat(page.records["product"] for page in one.fetch("product"))
        found = one.requirements(products["category"].unique().to_list())
        readable = {"price", "condition", "title", "brand", "category", "attributes.product_description"}
        assert set(found.filter(level="required")["field"]) == readable


def test_what_is_said_of_the_platform() -> None:
    one = platform("mirakl")
    assert one.incremental == {"product", "order", "stock"}
    assert {"title", "brand", "gtin", "category", "images"}.isdisjoint(one.writable["product"])
    assert "order" not in one.writable
    assert {"api_url", "api_key", "shop_id"} == {field.name for field in one.credentials}
    assert [field.name for field in one.credentials if field.required] == ["api_url", "api_key"]


def test_a_correction_is_pushed_proven_and_taken_back(tmp_path: Any) -> None:
    from engine import Workspace
    from engine.settings import load_settings

    paths = {"lake": tmp_path / "lake", "key_file": tmp_path / "key", "database": f"sqlite:///{tmp_path / 'base.db'}"}
    workspace = Workspace(settings=load_settings(embedder="character", **paths))
    with serve("mirakl", catalogue=make_catalogue(7, 24, orders=4, defects=0.3)) as twin:
        workspace.connect("mirakl", name="shop", credentials=twin.credentials)
        workspace.sync("shop")
        row = next(
            one
            for one in workspace.issues(status="pending").drop_nulls("suggested").iter_rows(named=True)
            if one["field"] == "description"
        )
        before = {**twin.state.products[row["record_key"]]}
        workspace.decide([row["issue_id"]], "approved", by="ana")
        run = workspace.push("shop")
        stored = twin.state.products[row["record_key"]]
        assert run.counts["verified"] == 1
        assert stored["description"] == row["suggested"] != before["description"]
        assert {name for name in stored if stored[name] != before[name]} == {"description", "changed"}
        workspace.undo(workspace.corrections(status="verified")["correction_id"].to_list(), by="ana")
        workspace.push("shop")
        assert stored["description"] == before["description"]
    workspace.close()


def test_a_clock_that_is_behind_loses_nothing(market: Market, open_: Open) -> None:
    twin = market()
    twin.skew = -timedelta(minutes=4)
    one, key = open_(twin.credentials), next(iter(twin.state.products))
    cursor = list(one.fetch("stock"))[-1].cursor
    twin.state.edit(key, "quantity", "55")
    found = pl.concat(page.records["stock"] for page in one.fetch("stock", since=datetime.fromisoformat(cursor)))
    assert found.filter(pl.col("record_key") == key)["quantity"].to_list() == ["55"]
