"""The twin of Back Market against facts of its description and its guide."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.sandbox import Twin, make_catalogue, serve
from connectors.sandbox.server import Answer, Incoming

AGENT = "BM-Norvik-Stock;it@norvik.example"
GOOD_IMEI = "490154203237518"

Ask = Callable[..., tuple[int, Any]]


class Clock:
    """A clock that stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def twin(clock: Clock) -> Iterator[Twin]:
    with serve("backmarket", catalogue=make_catalogue(5, 60, orders=60, defects=0.0), clock=clock) as running:
        yield running


def raw(twin: Twin, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    address = urlsplit(path)
    sent = {"authorization": f"Basic {twin.token}", "user-agent": AGENT, **headers}  # type: ignore[attr-defined]
    content = b"" if body is None else json.dumps(body).encode()
    return twin.answer(Incoming(method, address.path, tuple(parse_qsl(address.query)), sent, content))


@pytest.fixture
def ask(twin: Twin) -> Ask:
    def asked(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        answer = raw(twin, method, path, body, **{name.replace("_", "-"): value for name, value in headers.items()})
        return answer.status, json.loads(answer.body)

    return asked


def first(twin: Twin) -> dict[str, Any]:
    return next(iter(twin.state.products.values()))


def order(twin: Twin, state: int, lines: int = 1) -> dict[str, Any]:
    return next(row for row in twin.state.orders.values() if row["state"] == state and len(row["orderlines"]) == lines)


class TestTheDoor:
    @pytest.mark.parametrize("agent", ["", "Mozilla/5.0", "Norvik", "BM-Norvik-Stock"])
    def test_who_does_not_say_who_he_is_meets_the_firewall(self, twin: Twin, agent: str) -> None:
        answer = raw(twin, "GET", "/ws/listings", **{"user-agent": agent})
        assert answer.status == 403
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["server"] == "cloudflare"
        assert answer.headers["cf-ray"]

    @pytest.mark.parametrize("value", ["", "Basic wrong", "Bearer {token}"])
    def test_a_token_that_is_wrong_or_dressed_otherwise(self, twin: Twin, value: str) -> None:
        shown = value.replace("{token}", twin.token)  # type: ignore[attr-defined]
        answer = raw(twin, "GET", "/ws/listings", authorization=shown)
        assert answer.status == 401
        assert set(json.loads(answer.body)) == {"error", "requestId"}

    def test_two_hundred_calls_in_ten_seconds(self, twin: Twin, clock: Clock) -> None:
        assert {raw(twin, "GET", "/ws/listings").status for _ in range(200)} == {200}
        blocked = raw(twin, "GET", "/ws/listings")
        assert (blocked.status, "retry-after" in blocked.headers) == (429, False)
        assert blocked.headers["content-type"].startswith("text/html"), "the firewall says it, not the interface"
        clock.now += timedelta(seconds=9)
        assert raw(twin, "GET", "/ws/listings").status == 429
        clock.now += timedelta(seconds=2)
        assert raw(twin, "GET", "/ws/listings").status == 200

    def test_twenty_files_in_ten_seconds(self, twin: Twin) -> None:
        body = {"catalog": "sku;price\nx;1.00", "quotechar": '"', "delimiter": ";", "encoding": "utf-8"}
        assert [raw(twin, "POST", "/ws/listings", body).status for _ in range(21)] == [200] * 20 + [429]
        assert raw(twin, "GET", "/ws/listings").status == 200, "counted apart"

    def test_two_thousand_lines_an_hour(self, ask: Ask, clock: Clock) -> None:
        lines = "\n".join(f"x{number};1.00" for number in range(2000))
        body = {"catalog": f"sku;price\n{lines}", "quotechar": '"', "delimiter": ";", "encoding": "utf-8"}
        assert ask("POST", "/ws/listings", body)[0] == 200
        clock.now += timedelta(minutes=59)
        assert ask("POST", "/ws/listings", body)[0] == 429
        clock.now += timedelta(minutes=2)
        assert ask("POST", "/ws/listings", body)[0] == 200


class TestLists:
    def test_ten_on_a_page_unless_asked_and_fifty_at_most(self, ask: Ask) -> None:
        assert len(ask("GET", "/ws/listings")[1]["results"]) == 10
        assert len(ask("GET", "/ws/listings?page-size=500")[1]["results"]) == 50
        assert len(ask("GET", "/ws/listings?page_size=50")[1]["results"]) == 10, "ignored without a word"

    def test_links_lead_through_the_list(self, ask: Ask, twin: Twin) -> None:
        seen, address = [], "/ws/listings?page-size=50"
        while address:
            status, body = ask("GET", address)
            assert (status, body["count"]) == (200, len(twin.state.products))
            seen += [row["id"] for row in body["results"]]
            address = body["next"] or ""
        assert seen == list(twin.state.products)
        assert body["previous"].endswith("page=1")

    def test_a_page_behind_the_end(self, ask: Ask) -> None:
        assert ask("GET", "/ws/listings?page=99")[0] == 404

    def test_listings_by_state_and_stock(self, ask: Ask, twin: Twin) -> None:
        offline = ask("GET", "/ws/listings?publication_state=3&page-size=50")[1]["results"]
        assert {row["publication_state"] for row in offline} == {3}
        some = ask("GET", "/ws/listings?min_quantity=5&max_quantity=9&page-size=50")[1]["results"]
        assert some
        assert all(5 <= row["quantity"] <= 9 for row in some)

    def test_orders_that_are_new_or_unpaid_are_not_listed(self, ask: Ask, twin: Twin) -> None:
        known = len(twin.state.orders)
        order(twin, 1)["state"] = 0
        order(twin, 1)["state"] = 8
        assert ask("GET", "/ws/orders")[1]["count"] == known - 2

    def test_orders_changed_since_then(self, ask: Ask, twin: Twin, clock: Clock) -> None:
        row = order(twin, 1)
        ask(
            "POST",
            f"/ws/orders/{row['order_id']}",
            {"order_id": row["order_id"], "new_state": 2, "sku": row["orderlines"][0]["listing"]},
        )
        found = ask("GET", f"/ws/orders?date_modification={clock.now:%Y-%m-%dT%H:%M:%SZ}")[1]["results"]
        assert [one["order_id"] for one in found] == [row["order_id"]]

    def test_orders_by_country_and_state(self, ask: Ask) -> None:
        found = ask("GET", "/ws/orders?country_code=de-de&state=9&page-size=50")[1]["results"]
        assert found
        assert {(one["country_code"], one["state"]) for one in found} == {("de-de", 9)}

    def test_a_time_that_is_none(self, ask: Ask) -> None:
        assert ask("GET", "/ws/orders?date_modification=yesterday")[0] == 400

    def test_a_listing_by_its_sku_without_regard_to_case(self, ask: Ask, twin: Twin) -> None:
        row = first(twin)
        assert ask("GET", f"/ws/listings/detail?sku={row['sku'].lower()}")[1]["id"] == row["id"]
        assert ask("GET", f"/ws/listings/detail?listing_id={row['listing_id']}")[1]["id"] == row["id"]
        assert ask("GET", "/ws/listings/detail?sku=nothing")[0] == 404

    def test_the_old_number_of_a_listing_still_leads_to_it(self, ask: Ask, twin: Twin) -> None:
        row = first(twin)
        assert ask("GET", f"/ws/listings/{row['listing_id']}")[1] == ask("GET", f"/ws/listings/{row['id']}")[1]
        assert ask("GET", "/ws/listings/17")[0] == 404


class TestListings:
    def test_only_what_is_sent_changes(self, ask: Ask, twin: Twin) -> None:
        row = first(twin)
        before = ask("GET", f"/ws/listings/{row['id']}")[1]
        status, after = ask("POST", f"/ws/listings/{row['id']}", {"quantity": 3})
        assert (status, after["statuscode"]) == (200, 200)
        assert after == before | {"quantity": 3}

    def test_a_country_has_its_own_price_and_all_share_the_stock(self, ask: Ask, twin: Twin) -> None:
        path = f"/ws/listings/{first(twin)['id']}"
        french = ask("GET", path)[1]["price"]
        body = {"price": "99.50", "currency": "EUR", "quantity": 7}
        assert ask("POST", path, body, accept_language="de-de")[1]["price"] == "99.50"
        assert ask("GET", path, accept_language="fr-fr")[1]["price"] == french
        assert ask("GET", path, accept_language="fr-fr")[1]["quantity"] == 7

    def test_a_code_that_is_none_means_france_without_a_word(self, ask: Ask, twin: Twin) -> None:
        path = f"/ws/listings/{first(twin)['id']}"
        assert ask("POST", path, {"price": "99.50"}, accept_language="US")[0] == 200
        assert ask("GET", path, accept_language="fr-fr")[1]["price"] == "99.50"

    @pytest.mark.parametrize(
        ("body", "language", "words"),
        [
            ({"price": "99.50"}, "en-gb", "GBP"),
            ({"price": "99.50", "currency": "USD"}, "fr-fr", "EUR"),
            ({"price": "12,50"}, "fr-fr", "price"),
            ({"price": "0"}, "fr-fr", "price"),
            ({"price": "0.01"}, "fr-fr", "min_price"),
            ({"quantity": -1}, "fr-fr", "quantity"),
            ({"warranty_delay": 11}, "fr-fr", "12"),
            ({"comment": "x" * 501}, "fr-fr", "500"),
        ],
    )
    def test_a_wrong_value_is_answered_by_a_plain_text(
        self, ask: Ask, twin: Twin, body: dict[str, Any], language: str, words: str
    ) -> None:
        before = twin.state.dump()
        status, answer = ask("POST", f"/ws/listings/{first(twin)['id']}", body, accept_language=language)
        assert status == 400
        assert isinstance(answer, str)
        assert words in answer
        assert twin.state.dump() == before

    def test_a_floor_may_be_nothing(self, ask: Ask, twin: Twin) -> None:
        assert ask("POST", f"/ws/listings/{first(twin)['id']}", {"min_price": None})[1]["min_price"] is None


class TestFiles:
    @pytest.mark.parametrize("missing", ["catalog", "quotechar", "delimiter", "encoding"])
    def test_all_four_members_are_needed(self, ask: Ask, missing: str) -> None:
        body = {"catalog": "sku\nx", "quotechar": '"', "delimiter": ";", "encoding": "utf-8"}
        del body[missing]
        assert ask("POST", "/ws/listings", body) == (400, f"parameter {missing} not found")

    def test_too_many_lines(self, ask: Ask) -> None:
        body = {"catalog": "sku\n" + "x\n" * 15_001, "quotechar": '"', "delimiter": ";", "encoding": "utf-8"}
        assert ask("POST", "/ws/listings", body)[0] == 400

    def test_a_task_takes_its_time_and_reports_line_by_line(self, ask: Ask, twin: Twin) -> None:
        row = first(twin)
        text = f'"sku";"price"\n"{row["sku"].lower()}";"99.50"\n"nothing";"1.00"\n"{row["sku"]}";"0"'
        body = {"catalog": text, "quotechar": '"', "delimiter": ";", "encoding": "utf-8"}
        number = ask("POST", "/ws/listings", body)[1]["bodymessage"]
        assert ask("GET", f"/ws/tasks/{number}")[1]["action_status"] == 0
        assert row["countries"]["fr-fr"]["price"] != "99.50", "not at once"
        done = ask("GET", f"/ws/tasks/{number}")[1]
        assert (done["action_status"], done["last_action_error"]) == (9, None)
        assert [bool(one["errors"]) for one in done["result"]] == [False, True, True]
        assert row["countries"]["fr-fr"]["price"] == "99.50"

    def test_a_task_that_is_not_there(self, ask: Ask) -> None:
        assert ask("GET", "/ws/tasks/1")[0] == 404


class TestOrders:
    def move(self, ask: Ask, row: dict[str, Any], new: Any, **more: Any) -> tuple[int, Any]:
        return ask("POST", f"/ws/orders/{row['order_id']}", {"order_id": row["order_id"], "new_state": new, **more})

    @pytest.mark.parametrize("new", [9, 1, 0, 7, "2", None])
    def test_states_that_a_merchant_cannot_set(self, ask: Ask, twin: Twin, new: Any) -> None:
        assert self.move(ask, order(twin, 1), new) == (400, f"new_state {new} must be in 2,3,4,5,6")

    def test_a_line_is_accepted_by_its_sku(self, ask: Ask, twin: Twin) -> None:
        row = order(twin, 1, lines=2)
        assert self.move(ask, row, 2) == (400, "sku not found")
        assert self.move(ask, row, 2, sku="nothing") == (400, "sku not found")
        for line in row["orderlines"]:
            assert row["state"] == 1
            assert self.move(ask, row, 2, sku=line["listing"])[0] == 200
        assert row["state"] == 3, "all lines are accepted: to ship"
        assert self.move(ask, row, 2, sku=row["orderlines"][0]["listing"])[0] == 400, "not twice"

    def test_the_order_in_the_address_and_in_the_body_are_the_same(self, ask: Ask, twin: Twin) -> None:
        row = order(twin, 1)
        assert ask("POST", f"/ws/orders/{row['order_id']}", {"order_id": 1, "new_state": 2, "sku": "x"})[0] == 400

    def test_a_cancelled_order_counts_as_processed(self, ask: Ask, twin: Twin) -> None:
        row = order(twin, 1)
        assert self.move(ask, row, 4, sku=row["orderlines"][0]["listing"])[1]["state"] == 9
        assert row["orderlines"][0]["state"] == 4

    def test_nothing_leaves_before_it_is_accepted(self, ask: Ask, twin: Twin) -> None:
        assert self.move(ask, order(twin, 1), 3, tracking_number="T-1")[0] == 400
        waiting = next(row for row in twin.state.orders.values() if row["state"] == 10)
        assert self.move(ask, waiting, 3, tracking_number="T-1")[0] == 400
        assert not twin.state.parcels()

    def shippable(self, ask: Ask, twin: Twin, *, units: int = 1, lines: int = 1) -> dict[str, Any]:
        row = order(twin, 1, lines)
        for line in row["orderlines"]:
            line["quantity"] = units
            self.move(ask, row, 2, sku=line["listing"])
        return row

    def test_all_lines_leave_in_one_parcel(self, ask: Ask, twin: Twin) -> None:
        row = self.shippable(ask, twin, lines=2)
        assert self.move(ask, row, 3) == (400, "tracking_number is required")
        status, shown = self.move(
            ask, row, 3, tracking_number="T-1", shipper="DHL", date_shipping="2026-11-24T08:00:00Z"
        )
        assert (status, shown["state"], shown["tracking_number"]) == (200, 9, "T-1")
        assert shown["date_shipping"] == "2026-11-24T08:00:00Z"
        assert [line["state"] for line in shown["orderlines"]] == [3, 3]
        assert twin.state.parcels() == [(str(row["order_id"]), "T-1")]
        assert self.move(ask, row, 6, sku=row["orderlines"][0]["listing"])[0] == 200, "refunded after shipping"

    def test_a_device_in_the_parcel_of_one_line_and_one_unit(self, ask: Ask, twin: Twin) -> None:
        row = self.shippable(ask, twin, units=2)
        assert self.move(ask, row, 3, tracking_number="T-1", imei=GOOD_IMEI)[0] == 400
        row["orderlines"][0]["quantity"] = 1
        assert self.move(ask, row, 3, tracking_number="T-1", imei="490154203237519")[0] == 400, "its check digit"
        assert self.move(ask, row, 3, tracking_number="T-1", imei=GOOD_IMEI)[0] == 200
        assert row["orderlines"][0]["imei"] == GOOD_IMEI

    def test_a_device_once_stored_cannot_be_corrected(self, ask: Ask, twin: Twin) -> None:
        path = f"/ws/orderlines/{order(twin, 1)['orderlines'][0]['id']}"
        assert ask("PATCH", path, {})[0] == 400
        assert ask("PATCH", path, {"imei": "490154203237519"})[0] == 422
        assert ask("PATCH", path, {"imei": GOOD_IMEI, "serial_number": "SN-1"}) == (
            200,
            {"imei": GOOD_IMEI, "serial_number": "SN-1"},
        )
        assert ask("PATCH", path, {"imei": "356938035643809"})[0] == 422
        assert ask("PATCH", path, {"serial_number": "SN-2"})[0] == 422
        assert ask("PATCH", "/ws/orderlines/1", {"serial_number": "SN-2"})[0] == 404

    def test_stock_is_not_touched_by_an_answer(self, ask: Ask, twin: Twin) -> None:
        before = {key: row["quantity"] for key, row in twin.state.products.items()}
        self.shippable(ask, twin)
        assert {key: row["quantity"] for key, row in twin.state.products.items()} == before

    def test_an_order_that_is_not_there(self, ask: Ask) -> None:
        assert ask("GET", "/ws/orders/1")[0] == 404

    def test_addresses_as_the_description_has_them(self) -> None:
        with serve("backmarket", catalogue=make_catalogue(5, 4, orders=1, defects=0.0), spelling="camel") as twin:
            (row,) = json.loads(raw(twin, "GET", "/ws/orders").body)["results"]
        assert {"firstName", "lastName", "postalCode", "phoneNumber", "city", "country"} <= set(row["shipping_address"])
        assert not {"first_name", "email"} & set(row["shipping_address"])


def test_the_codes_of_its_countries_are_those_of_the_description(shared: Any) -> None:
    from connectors.sandbox.backmarket import _COUNTRIES

    text = (shared / "specs" / "backmarket" / "backmarket-seller.openapi.json").read_text()
    known = json.loads(text)["components"]["schemas"]["CountryCode"]["enum"]
    assert set(_COUNTRIES) == set(known) - {"en-us", "ja-jp", "en-au"}
