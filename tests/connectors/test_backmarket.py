"""What is peculiar to Back Market: headers, the firewall, countries, guarded prices, files with reports, orders in steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import polars as pl
import pytest

from connectors.errors import CredentialError, PlatformError
from connectors.platform import ACCEPTANCES, CHANGES, SHIPMENTS, Connection, Connector, connector, platform
from connectors.platforms.backmarket import PLATFORM, BackMarket
from connectors.sandbox import Twin, make_catalogue, serve

CREDENTIALS = {"token": "0123456789abcdef", "user_agent": "Norvik;it@norvik.example"}
GOOD_IMEI, OTHER_IMEI, BAD_IMEI = "490154203237518", "356938035643809", "490154203237519"

Open = Callable[..., Connector]


@pytest.fixture
def twin() -> Iterator[Twin]:
    with serve("backmarket", catalogue=make_catalogue(5, 16, orders=20, defects=0.0), seed=5) as running:
        yield running


@pytest.fixture
def open_(twin: Twin, opening: Open) -> Open:
    def open_one(of: Twin | None = None, sleep: Callable[[float], None] = lambda _: None, **typed: str) -> Connector:
        return opening(of or twin, typed, sleep=sleep)

    return open_one


def answering(*answers: httpx.Response, **typed: str) -> tuple[Connector, list[httpx.Request]]:
    """A connector whose network gives these answers, the last one for ever; and what it asked."""
    asked: list[httpx.Request] = []
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        found = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(found.status_code, content=found.content, headers=found.headers)

    return (
        connector(
            Connection("bm", "backmarket", CREDENTIALS | typed),
            transport=httpx.MockTransport(answer),
            sleep=lambda _: None,
            random=lambda: 0.5,
        ),
        asked,
    )


def empty_page() -> httpx.Response:
    return httpx.Response(200, json={"count": 0, "next": None, "previous": None, "results": []})


def changes(*rows: tuple[str, str, str], kind: str = "product") -> pl.DataFrame:
    """A push: record key, field, value."""
    values = [(f"c{number}", kind, key, "", field, "", value) for number, (key, field, value) in enumerate(rows)]
    return pl.DataFrame(values, schema=CHANGES, orient="row")


def outcome(results: pl.DataFrame) -> tuple[str, str, str]:
    assert results.height == 1
    return results["status"][0], results["code"][0], results["message"][0]


def listings(one: Connector) -> pl.DataFrame:
    return pl.concat([page.records["product"] for page in one.fetch("product")])


def attributes(row: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in row["attributes"]}


def accepted(one: Connector, twin: Twin, **wanted: Any) -> dict[str, Any]:
    """An order of that many lines and units, accepted."""
    for key in twin.state.awaiting("acceptance"):
        lines = twin.state.orders[key]["orderlines"]
        if len(lines) == wanted.get("lines", 1) and lines[0]["quantity"] == wanted.get("units", lines[0]["quantity"]):
            one.accept(pl.DataFrame([(key, "", True, "")], schema=ACCEPTANCES, orient="row"))
            return twin.state.orders[key]
    raise LookupError(wanted)


def parcel(
    order: dict[str, Any], *, number: str = "T-1", line: str = "", units: str = "", devices: tuple[str, ...] = ()
):
    row = (f"s/{order['order_id']}", str(order["order_id"]), line, units, "DHL", number, "", "2026-11-24T10:00:00Z")
    return pl.DataFrame([(*row, list(devices))], schema=SHIPMENTS, orient="row")


class TestOpening:
    def test_every_call_says_who_calls_and_for_which_country(self) -> None:
        one, asked = answering(empty_page(), countries="de-de")
        assert one.check().ok
        for request in asked:
            assert request.headers["user-agent"] == "BM-Norvik-Channelmend;it@norvik.example"
            assert request.headers["accept-language"] == "de-de"
            assert request.headers["authorization"] == "Basic 0123456789abcdef", "as it was given, not encoded again"
            assert request.headers["accept"] == "application/json"

    def test_a_whole_user_agent_is_left_as_it_is(self) -> None:
        one, asked = answering(empty_page(), user_agent="BM-Norvik-Stock;it@norvik.example")
        one.check()
        assert asked[0].headers["user-agent"] == "BM-Norvik-Stock;it@norvik.example"

    @pytest.mark.parametrize(
        ("typed", "host", "country"),
        [
            ("EU", "www.backmarket.fr", "fr-fr"),
            ("NA", "www.backmarket.com", "en-us"),
            ("ap", "www.backmarket.co.jp", "ja-jp"),
            ("EU preprod", "preprod.backmarket.fr", "fr-fr"),
            ("na/preprod", "preprod.backmarket.com", "en-us"),
        ],
    )
    def test_each_platform_has_its_own_host(self, typed: str, host: str, country: str) -> None:
        one, asked = answering(empty_page(), platform=typed)
        assert one.check().ok
        assert {(request.url.host, request.headers["accept-language"]) for request in asked} == {(host, country)}

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("platform", "US", "EU, NA or AP"),
            ("countries", "US", "fr-fr, fr-be"),
            ("countries", "fr-fr, en-us", "en-us"),
            ("user_agent", "Norvik", "mail address"),
            ("user_agent", "Norvik;nobody", "mail address"),
        ],
    )
    def test_what_the_server_would_take_for_something_else_is_refused_at_once(
        self, name: str, value: str, words: str
    ) -> None:
        with pytest.raises(CredentialError, match=words):
            connector(Connection("bm", "backmarket", CREDENTIALS | {name: value}))

    def test_what_older_guides_name_is_answered_with_what_is_needed(self) -> None:
        old = {one.name: one for one in PLATFORM.credentials if one.replaced_by}
        assert set(old) == {"api_key", "api_secret", "seller_id"}
        assert all("token" in one.replaced_by for one in old.values())
        with pytest.raises(CredentialError, match="token"):
            connector(Connection("bm", "backmarket", {"api_key": "k", "api_secret": "s", "seller_id": "1"}))
        one, asked = answering(empty_page(), api_key="k-not-used", seller_id="4711-not-used")
        one.check()
        assert "not-used" not in str([(request.url, request.headers.raw) for request in asked])

    def test_further_countries_are_told_of(self) -> None:
        one, _ = answering(empty_page(), countries="de-de fr-fr")
        assert "once more for each of: fr-fr" in one.check().messages[-1]


class TestWhatIsWrong:
    def test_a_page_of_the_firewall_is_no_wrong_token(self) -> None:
        page = httpx.Response(403, html="<html>Sorry, you have been blocked</html>", headers={"cf-ray": "93135-CDG"})
        one, asked = answering(page)
        answer = one.check()
        assert not answer.ok
        assert "user_agent" in answer.messages[0]
        assert "cf-ray" in answer.messages[0]
        assert "token" not in answer.messages[0]
        assert len(asked) == 6, "slowly, again and again"

    def test_the_firewalls_challenge_in_json(self) -> None:
        body = {"errors": [{"code": "bot-need-challenge", "message": "Forbidden", "challengePath": "/x"}]}
        one, _ = answering(httpx.Response(403, json=body))
        assert "firewall" in one.check().messages[0]

    def test_the_firewalls_mark_of_the_call_is_kept(self) -> None:
        one, _ = answering(httpx.Response(403, html="<html/>", headers={"cf-ray": "93135-CDG"}))
        with pytest.raises(PlatformError) as caught:
            list(one.fetch("order"))
        assert caught.value.request_id == "93135-CDG"

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_wrong_token_is_named_so(self, status: int) -> None:
        body = {"error": {"code": "forbidden", "message": "Not a merchant."}, "requestId": "r1"}
        one, asked = answering(httpx.Response(status, json=body))
        answer = one.check()
        assert "token" in answer.messages[0]
        assert "forbidden: Not a merchant." in answer.messages[0]
        assert len(asked) == 1

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"error": {"code": "c1", "message": "m1"}, "requestId": "r"}, "c1: m1"),
            ({"errors": [{"code": "c1", "message": "m1"}, {"code": "c2", "message": "m2"}]}, "c1: m1; c2: m2"),
            ({"error": {"code": "c1", "message": "m1"}, "status": 400, "title": "t", "type": None}, "c1: m1"),
            ("parameter catalog not found", "parameter catalog not found"),
            ("<html>blocked</html>", "a web page of the firewall"),
        ],
    )
    def test_errors_come_in_many_forms(self, body: Any, words: str) -> None:
        assert BackMarket.site.manners.words(body) == words


class TestReading:
    def test_fifty_on_a_page_and_a_hyphen_in_the_name(self, open_: Open, twin: Twin) -> None:
        twin.state.add(make_catalogue(5, 120, orders=0, day=2, defects=0.0))
        one = open_()
        assert listings(one).height == len(twin.state.products) > 150
        assert len(twin.requests) == -(-len(twin.state.products) // 50)

    def test_a_next_link_without_a_size_is_followed(self) -> None:
        rows = [{"id": f"{n:08d}-0000-4000-8000-000000000000", "sku": f"A{n}", "price": "1.00"} for n in range(3)]
        first = {
            "count": 3,
            "next": "https://www.backmarket.fr/ws/listings?page=2",
            "previous": None,
            "results": rows[:2],
        }
        second = {"count": 3, "next": None, "previous": None, "results": rows[2:]}
        one, asked = answering(httpx.Response(200, json=first), httpx.Response(200, json=second))
        assert listings(one)["sku"].to_list() == ["A0", "A1", "A2"]
        assert [request.url.query for request in asked] == [b"page=1&page-size=50", b"page=2"]

    def test_a_next_link_never_leads_to_another_host(self) -> None:
        first = {
            "count": 2,
            "next": "https://elsewhere.example/ws/listings?page=2",
            "previous": None,
            "results": [{"id": "x"}],
        }
        last = {"count": 2, "next": None, "previous": None, "results": [{"id": "y"}]}
        one, asked = answering(httpx.Response(200, json=first), httpx.Response(200, json=last))
        listings(one)
        assert {request.url.host for request in asked} == {"www.backmarket.fr"}

    def test_what_a_listing_holds(self, open_: Open, twin: Twin) -> None:
        row = listings(open_()).row(0, named=True)
        stored = twin.state.products[row["record_key"]]
        assert (row["condition"], row["currency"], row["sku"]) == (stored["grade"], "EUR", stored["sku"])
        assert row["level"] == ""
        known = attributes(row)
        assert known["warranty_delay"] == "12"
        assert known["max_price"] == "9999.00"
        assert known["publication_state"] == "2"
        assert known["product_id"] == stored["product_id"]

    def test_a_grade_that_comes_as_a_number_only(self) -> None:
        rows = [{"id": f"{n}", "state": state} for n, state in enumerate((9, 0, 1, 2, 3, 4, 7))]
        page = {"count": len(rows), "next": None, "previous": None, "results": rows}
        one, _ = answering(httpx.Response(200, json=page))
        assert listings(one)["condition"].to_list() == [
            "PREMIUM",
            "EXCELLENT",
            "VERY_GOOD",
            "GOOD",
            "FAIR",
            "STALLONE",
            "7",
        ]

    def test_a_listing_that_is_not_online(self) -> None:
        page = {"count": 2, "next": None, "previous": None, "results": [
            {"id": "a", "publication_state": 2}, {"id": "b", "publication_state": 3},
        ]}  # fmt: skip
        one, _ = answering(httpx.Response(200, json=page))
        assert listings(one)["status"].to_list() == ["active", "offline"]

    @pytest.mark.parametrize("spelling", ["snake", "camel"])
    def test_addresses_come_in_two_spellings(self, spelling: str) -> None:
        with serve("backmarket", catalogue=make_catalogue(5, 4, orders=3, defects=0.0), spelling=spelling) as twin:
            one = connector(Connection("bm", "backmarket", twin.credentials))
            for row in next(iter(one.fetch("order"))).records["order"].iter_rows(named=True):
                stored = twin.state.orders[row["record_key"]]
                assert row["ship_name"] == stored["recipient"]
                assert row["ship_postal_code"] == stored["postal_code"]
                assert row["phone"] == stored["phone"]
                assert row["email"] == (stored["email"] if spelling == "snake" else "")
            one.close()

    @pytest.mark.parametrize(
        ("state", "lines", "status"),
        [
            (1, [1], "to accept"),
            (10, [8], "payment pending"),
            (3, [2, 2], "to ship"),
            (9, [3, 3], "shipped"),
            (9, [4], "cancelled"),
            (9, [3, 6], "refunded after shipping, shipped"),
            (9, [5], "refunded before shipping"),
            (9, [7], "unpaid"),
            (9, [], "9"),
            (77, [3], "shipped"),
        ],
    )
    def test_a_processed_order_says_in_its_lines_what_became_of_it(
        self, state: int, lines: list[int], status: str
    ) -> None:
        order = {
            "order_id": 5978,
            "state": state,
            "price": "299.25",
            "shipping_price": "5.99",
            "orderlines": [{"id": number, "state": one, "quantity": 1} for number, one in enumerate(lines, 1)],
        }
        page = {"count": 1, "next": None, "previous": None, "results": [order]}
        one, _ = answering(httpx.Response(200, json=page))
        (found,) = one.fetch("order")
        assert found.records["order"]["status"].to_list() == [status]
        assert found.records["order"]["total"].to_list() == ["305.24"], "the price is without the delivery"

    def test_an_order_without_a_state_is_set_aside(self) -> None:
        page = {"count": 1, "next": None, "previous": None, "results": [{"order_id": 5978, "orderlines": []}]}
        one, _ = answering(httpx.Response(200, json=page))
        (found,) = one.fetch("order")
        assert found.quarantined["raw"].to_list() == ['{"order_id":5978,"orderlines":[]}']

    def test_keys_of_another_form_are_not_asked_for(self, open_: Open, twin: Twin) -> None:
        one = open_()
        assert one.read("product", [("detail", ""), ("17", ""), ("../orders", "")]).is_empty()
        assert one.read("order", [("../listings", ""), ("١٢", "")]).is_empty()
        assert not twin.requests


class TestPrices:
    def test_a_price_is_written_for_the_own_country_alone(self, open_: Open, twin: Twin) -> None:
        key, row = next(iter(twin.state.products.items()))
        assert outcome(open_(countries="de-de").push(changes((key, "price", "77.70"))))[0] == "accepted"
        assert row["countries"]["de-de"]["price"] == "77.70"
        assert row["countries"]["fr-fr"]["price"] != "77.70"

    def test_a_price_goes_with_the_currency_of_its_market(self, open_: Open, twin: Twin) -> None:
        key, row = next(iter(twin.state.products.items()))
        assert outcome(open_(countries="en-gb").push(changes((key, "price", "77.70"))))[0] == "accepted"
        assert row["countries"]["en-gb"] == row["countries"]["fr-fr"] | {"price": "77.70", "currency": "GBP"}

    def test_nothing_but_the_changed_fields_is_sent(self) -> None:
        key = "7a97a1b6-547e-4718-bc72-5b84aca91b09"
        stored = {"id": key, "sku": "A", "price": "160.99", "currency": "EUR", "comment": "kept", "quantity": 3}
        one, asked = answering(httpx.Response(200, json=stored))
        one.push(changes((key, "price", "150.5"), (key, "quantity", "0")))
        assert [request.method for request in asked] == ["GET", "POST"]
        assert json.loads(asked[1].content) == {"price": "150.50", "currency": "EUR", "quantity": 0}

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("price", "12,50", "with a point"),
            ("price", "12.505", "two places"),
            ("price", "0", "above 0"),
            ("price", "1.00", "below the listing's own min_price"),
            ("price", "99999.00", "max_price"),
            ("quantity", "-1", "whole number"),
            ("quantity", "1.5", "whole number"),
            ("quantity", "٣", "whole number"),
            ("attributes.warranty_delay", "6", "from 12 on"),
            ("attributes.warranty_delay", "two years", "months"),
            ("attributes.comment", "x" * 501, "at most 500"),
            ("attributes.min_price", "9000.00", "above the price"),
            ("attributes.min_price", "5,00", "with a point"),
        ],
    )
    def test_what_must_not_be_sent_is_refused_with_what_would_be_right(
        self, open_: Open, twin: Twin, field: str, value: str, words: str
    ) -> None:
        key = next(key for key, row in twin.state.products.items() if float(row["countries"]["fr-fr"]["min_price"]) > 1)
        before = twin.state.dump()
        status, code, message = outcome(open_().push(changes((key, field, value))))
        assert (status, code) == ("refused", "invalid")
        assert words in message
        assert twin.state.dump() == before

    def test_a_floor_and_a_price_may_fall_together(self, open_: Open, twin: Twin) -> None:
        key, row = next(iter(twin.state.products.items()))
        results = open_().push(changes((key, "price", "1.00"), (key, "attributes.min_price", "0.90")))
        assert results["status"].to_list() == ["accepted", "accepted"]
        assert (row["countries"]["fr-fr"]["price"], row["countries"]["fr-fr"]["min_price"]) == ("1.00", "0.90")

    def test_a_floor_can_be_taken_away(self) -> None:
        key = "7a97a1b6-547e-4718-bc72-5b84aca91b09"
        one, asked = answering(httpx.Response(200, json={"id": key, "price": "160.99", "min_price": "150.00"}))
        assert outcome(one.push(changes((key, "attributes.min_price", ""))))[0] == "accepted"
        assert json.loads(asked[1].content) == {"min_price": None}

    def test_a_step_that_is_too_large_is_refused_where_the_merchant_wants_it_so(self, open_: Open, twin: Twin) -> None:
        key, row = next(iter(twin.state.products.items()))
        price = float(row["countries"]["fr-fr"]["price"])
        one = open_(largest_price_step="30")
        assert "largest_price_step" in outcome(one.push(changes((key, "price", f"{price * 0.6:.2f}"))))[2]
        assert outcome(one.push(changes((key, "price", f"{price * 0.8:.2f}"))))[0] == "accepted"

    def test_stock_is_set_and_never_counted_down_for_orders(self, open_: Open, twin: Twin) -> None:
        one = open_()
        before = {key: row["quantity"] for key, row in twin.state.products.items()}
        accepted(one, twin)
        assert {key: row["quantity"] for key, row in twin.state.products.items()} == before


class TestFiles:
    @pytest.fixture
    def many(self, twin: Twin) -> list[str]:
        twin.state.add(make_catalogue(5, 60, orders=0, day=2, defects=0.0))
        return list(twin.state.products)[:60]

    def test_many_prices_go_as_one_file(self, open_: Open, twin: Twin, many: list[str]) -> None:
        results = open_().push(changes(*((key, "price", f"{300 + n}.00") for n, key in enumerate(many))))
        assert set(results["status"]) == {"accepted"}
        posted = [path for method, path, _ in twin.requests if method == "POST"]
        assert posted == ["/ws/listings"]
        prices = [twin.state.products[key]["countries"]["fr-fr"]["price"] for key in many]
        assert prices == [f"{300 + n}.00" for n in range(60)]

    def test_stock_never_goes_by_file(self, open_: Open, twin: Twin, many: list[str]) -> None:
        rows = [(key, "price", "300.00") for key in many] + [(many[0], "quantity", "3")]
        assert set(open_().push(changes(*rows))["status"]) == {"accepted"}
        posted = [path for method, path, _ in twin.requests if method == "POST"]
        assert sorted(posted) == ["/ws/listings", f"/ws/listings/{many[0]}"]
        assert twin.state.products[many[0]]["quantity"] == 3

    def test_no_file_where_it_would_need_a_currency(self, open_: Open, twin: Twin, many: list[str]) -> None:
        open_(countries="en-gb").push(changes(*((key, "price", "300.00") for key in many)))
        assert "/ws/listings" not in [path for method, path, _ in twin.requests if method == "POST"]
        assert twin.state.products[many[0]]["countries"]["en-gb"]["price"] == "300.00"

    def test_each_line_of_the_report_counts_for_itself(self, open_: Open, twin: Twin, many: list[str]) -> None:
        def meanwhile(_: float) -> None:
            twin.state.products[many[0]]["countries"]["fr-fr"]["min_price"] = "400.00"
            (task,) = twin._tasks.values()
            task["rows"] = [row for row in task["rows"] if row["sku"] != twin.state.products[many[1]]["sku"]]
            task["rows"][5]["sku"] = task["rows"][5]["sku"].lower()

        results = open_(sleep=meanwhile).push(changes(*((key, "price", "300.00") for key in many)))
        assert results["code"].to_list()[:2] == ["refused", "unknown"]
        assert "min_price" in results["message"][0]
        assert set(results["status"].to_list()[2:]) == {"accepted"}

    @pytest.mark.parametrize(
        ("status", "code", "words"),
        [(8, "task_failed", "interrupted"), (0, "unknown", "not finished"), (7, "unknown", "not finished")],
    )
    def test_a_task_that_fails_or_never_ends(
        self, twin: Twin, many: list[str], status: int, code: str, words: str
    ) -> None:
        class Stuck(httpx.HTTPTransport):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                if "/ws/tasks/" not in request.url.path:
                    return super().handle_request(request)
                body = {
                    "task_id": 1,
                    "action_status": status,
                    "last_action_error": "Task has been interrupted.",
                    "result": {},
                }
                return httpx.Response(200, json=body | {"statuscode": 200})

        one = connector(Connection("bm", "backmarket", twin.credentials), transport=Stuck(), sleep=lambda _: None)
        results = one.push(changes(*((key, "price", "300.00") for key in many)))
        one.close()
        assert set(results["code"]) == {code}
        assert words in results["message"][0]

    @pytest.mark.parametrize(
        "result",
        [
            [{"sku": "A", "errors": []}, {"sku": "B", "errors": ["too high", "too late"]}],
            [{"sku": "a"}, {"sku": "b", "error": "too high; too late"}],
            {"A": [], "B": ["too high", "too late"]},
            {"A": {"errors": []}, "B": {"errors": ["too high", "too late"]}},
            {"A": "", "B": "too high; too late"},
        ],
    )
    def test_a_report_is_read_in_each_likely_form(self, result: Any) -> None:
        from connectors.platforms.backmarket import report_of

        assert report_of(result) == {"a": "", "b": "too high; too late"}

    def test_a_report_of_nothing(self) -> None:
        from connectors.platforms.backmarket import report_of

        assert report_of(None) == report_of({}) == report_of([]) == {}


class TestAcceptance:
    def say(self, one: Connector, key: str, *lines: tuple[str, bool, str]) -> tuple[str, str, str]:
        return outcome(one.accept(pl.DataFrame([(key, *line) for line in lines], schema=ACCEPTANCES, orient="row")))

    def order(self, twin: Twin, lines: int) -> tuple[str, list[dict[str, Any]]]:
        return next(
            (key, twin.state.orders[key]["orderlines"])
            for key in twin.state.awaiting("acceptance")
            if len(twin.state.orders[key]["orderlines"]) == lines
        )

    def test_each_line_is_answered_by_its_sku(self, open_: Open, twin: Twin) -> None:
        key, lines = self.order(twin, 2)
        said = self.say(open_(), key, (str(lines[0]["id"]), True, ""), (str(lines[1]["id"]), False, "0"))
        assert said[0] == "accepted"
        assert [line["state"] for line in lines] == [2, 4]
        assert twin.state.orders[key]["state"] == 3

    def test_a_line_that_nobody_spoke_of_stays(self, open_: Open, twin: Twin) -> None:
        key, lines = self.order(twin, 2)
        self.say(open_(), key, (str(lines[0]["id"]), True, ""))
        assert [line["state"] for line in lines] == [2, 1]

    def test_what_is_done_is_not_done_again(self, open_: Open, twin: Twin) -> None:
        one = open_()
        key, _ = self.order(twin, 2)
        self.say(one, key, ("", True, ""))
        posted = len([1 for method, *_ in twin.requests if method == "POST"])
        assert self.say(one, key, ("", True, ""))[0] == "accepted"
        assert len([1 for method, *_ in twin.requests if method == "POST"]) == posted == 2

    def test_an_order_that_is_not_paid_waits(self, open_: Open, twin: Twin) -> None:
        key = next(key for key, row in twin.state.orders.items() if row["state"] == 10)
        status, code, message = self.say(open_(), key, ("", True, ""))
        assert (status, code) == ("refused", "conflict")
        assert "paid line" in message

    def test_a_reason_is_a_number_of_back_market(self, open_: Open, twin: Twin) -> None:
        key, lines = self.order(twin, 1)
        assert "21" in self.say(open_(), key, ("", False, "sold out"))[2]
        assert lines[0]["state"] == 1

    def test_two_lines_of_one_sku_get_one_answer(self, open_: Open, twin: Twin) -> None:
        key, lines = self.order(twin, 2)
        lines[1]["listing"] = lines[0]["listing"]
        one = open_()
        status, _, message = self.say(one, key, (str(lines[0]["id"]), True, ""), (str(lines[1]["id"]), False, ""))
        assert status == "refused"
        assert "by SKU" in message
        assert self.say(one, key, ("", True, ""))[0] == "accepted"
        assert [line["state"] for line in lines] == [2, 2]

    def test_an_order_that_is_not_there(self, open_: Open) -> None:
        assert self.say(open_(), "999999", ("", True, ""))[:2] == ("refused", "missing")
        assert self.say(open_(), "../listings", ("", True, ""))[:2] == ("refused", "missing")


class TestShipping:
    def test_one_parcel_with_the_device_of_its_one_line(self, open_: Open, twin: Twin) -> None:
        one = open_()
        order = accepted(one, twin, lines=1, units=1)
        assert outcome(one.ship(parcel(order, devices=(GOOD_IMEI, "SN-0001"))))[0] == "accepted"
        line = order["orderlines"][0]
        assert (line["state"], line["imei"], line["serial_number"]) == (3, GOOD_IMEI, "SN-0001")
        assert (order["tracking_number"], order["shipper_display"]) == ("T-1", "DHL")
        assert order["date_shipping"].isoformat() == "2026-11-24T10:00:00+00:00"
        assert not [path for method, path, _ in twin.requests if method == "PATCH"]

    def test_devices_of_several_lines_go_line_by_line(self, open_: Open, twin: Twin) -> None:
        one = open_()
        order = accepted(one, twin, lines=2)
        first, second = (str(line["id"]) for line in order["orderlines"])
        rows = pl.concat(
            [parcel(order, line=first, devices=(GOOD_IMEI,)), parcel(order, line=second, devices=(OTHER_IMEI,))]
        )
        assert outcome(one.ship(rows))[0] == "accepted"
        assert [line["imei"] for line in order["orderlines"]] == [GOOD_IMEI, OTHER_IMEI]
        assert [path for method, path, _ in twin.requests if method == "PATCH"] == [
            f"/ws/orderlines/{first}",
            f"/ws/orderlines/{second}",
        ]

    @pytest.mark.parametrize("wrong", [BAD_IMEI, GOOD_IMEI[:14], GOOD_IMEI + "0", "1" * 15])
    def test_a_wrong_imei_is_never_sent(self, open_: Open, twin: Twin, wrong: str) -> None:
        one = open_()
        order = accepted(one, twin, lines=1, units=1)
        before = twin.state.dump()
        status, code, message = outcome(one.ship(parcel(order, devices=(wrong,))))
        assert (status, code) == ("refused", "invalid")
        assert "15 digits" in message
        assert wrong not in message
        assert twin.state.dump() == before

    def test_an_identifier_that_is_stored_stays(self, open_: Open, twin: Twin) -> None:
        one = open_()
        order = accepted(one, twin, lines=1, units=1)
        order["orderlines"][0]["imei"] = OTHER_IMEI
        status, code, message = outcome(one.ship(parcel(order, devices=(GOOD_IMEI,))))
        assert (status, code) == ("refused", "conflict")
        assert "for good" in message
        assert outcome(one.ship(parcel(order, devices=(OTHER_IMEI,))))[0] == "accepted"

    def test_more_than_a_line_can_hold(self, open_: Open, twin: Twin) -> None:
        one = open_()
        order = accepted(one, twin, lines=1)
        assert "one IMEI" in outcome(one.ship(parcel(order, devices=(GOOD_IMEI, OTHER_IMEI))))[2]
        assert "50 characters" in outcome(one.ship(parcel(order, devices=("S" * 51,))))[2]

    def test_a_device_of_an_order_of_several_lines_needs_its_line(self, open_: Open, twin: Twin) -> None:
        one = open_()
        order = accepted(one, twin, lines=2)
        assert "name the line" in outcome(one.ship(parcel(order, devices=(GOOD_IMEI,))))[2]

    def test_an_order_leaves_whole(self, open_: Open, twin: Twin) -> None:
        one = open_()
        order = accepted(one, twin, lines=2)
        status, _, message = outcome(one.ship(parcel(order, line=str(order["orderlines"][0]["id"]))))
        assert status == "refused"
        assert "one parcel" in message
        assert [line["state"] for line in order["orderlines"]] == [2, 2]

    @pytest.mark.parametrize("state", [1, 10])
    def test_an_order_that_is_not_accepted_or_not_paid_stays(self, open_: Open, twin: Twin, state: int) -> None:
        order = next(row for row in twin.state.orders.values() if row["state"] == state)
        status, code, message = outcome(open_().ship(parcel(order)))
        assert (status, code) == ("refused", "conflict")
        assert f"state {state}" in message
        assert not twin.state.parcels()

    def test_a_second_parcel_of_another_number(self, open_: Open, twin: Twin) -> None:
        one = open_()
        order = accepted(one, twin, lines=1)
        one.ship(parcel(order))
        assert outcome(one.ship(parcel(order)))[0] == "accepted"
        assert outcome(one.ship(parcel(order, number="T-2")))[:2] == ("refused", "conflict")
        assert order["tracking_number"] == "T-1"

    @pytest.mark.parametrize(("number", "words"), [("", "empty"), ("T" * 201, "200")])
    def test_a_tracking_number_is_needed(self, open_: Open, twin: Twin, number: str, words: str) -> None:
        one = open_()
        order = accepted(one, twin, lines=1)
        assert words in outcome(one.ship(parcel(order, number=number)))[2]

    def test_a_refunded_line_stays_behind(self, open_: Open, twin: Twin) -> None:
        one = open_()
        order = accepted(one, twin, lines=2)
        order["orderlines"][0]["state"] = 5
        assert outcome(one.ship(parcel(order)))[0] == "accepted"
        assert [line["state"] for line in order["orderlines"]] == [5, 3]


class TestLimits:
    def test_the_hours_lines_are_kept(self) -> None:
        limits = BackMarket.site.limits
        assert limits.operations["listing"].burst + limits.operations["listing"].per_second * 3600 <= 2000
        assert limits.default.burst + limits.default.per_second * 10 <= 200
        assert limits.operations["catalogue"].burst + limits.operations["catalogue"].per_second * 10 <= 20

    def test_a_block_of_the_firewall_is_waited_out(self) -> None:
        block = httpx.Response(429, html="<html>You are being rate limited</html>", headers={"cf-ray": "93135-CDG"})
        waited: list[float] = []
        one, asked = answering(block, block, empty_page())
        one.client._sleep = waited.append  # type: ignore[attr-defined]
        assert listings(one).is_empty()
        assert len(asked) == 3
        assert waited.count(10.0) == 2


def test_what_it_cannot_do_is_said() -> None:
    found = platform("backmarket")
    assert "title" not in found.writable["product"]
    assert any("Title" in note for note in found.notes)
    assert any("never be corrected" in note for note in found.notes)
