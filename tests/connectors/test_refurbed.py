"""What is peculiar to refurbed: calls that are all POST, units and lines, batches with a status for each, states."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import polars as pl
import pytest

from connectors.errors import CredentialError, PlatformError
from connectors.limits import Limiter
from connectors.manners import Patience
from connectors.platform import ACCEPTANCES, CHANGES, SHIPMENTS, Connection, connector, platform
from connectors.platforms.refurbed import Refurbed
from connectors.remote import credentials
from connectors.sandbox import make_catalogue, twins

CATALOGUE = make_catalogue(3, products=16, orders=16, defects=0.0)
ADDRESS = "https://tracking.example.com/003404"
IMEI = "490154203237518"


class Wire(httpx.BaseTransport):
    """Real HTTP that keeps what was sent and loses the answers that `lose` names."""

    def __init__(self, lose: str = "", *, arrives: bool = True, count: int = 1) -> None:
        self.lose, self.arrives, self.count = lose, arrives, count
        self.inner = httpx.HTTPTransport()
        self.sent: list[tuple[str, Any]] = []

    def of(self, name: str) -> list[Any]:
        return [body for path, body in self.sent if path.endswith(f"/{name}")]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.method == "POST"
        self.sent.append((request.url.path, json.loads(request.read())))
        is_lost = bool(self.lose) and self.count > 0 and request.url.path.endswith(self.lose)
        self.count -= is_lost
        response = self.inner.handle_request(request) if self.arrives or not is_lost else None
        if is_lost or response is None:
            _ = response and response.read()
            raise httpx.ReadTimeout("no answer", request=request)
        return response


@pytest.fixture
def twin() -> Iterator[Any]:
    running = twins()["refurbed"](catalogue=CATALOGUE, seed=3).start()
    yield running
    running.stop()


@pytest.fixture
def open_(twin: Any, opening: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **changed: opening(twin, **({"patience": Patience(read_s=2.0, attempts=3)} | changed))


def offers(twin: Any) -> list[dict[str, Any]]:
    return list(twin.state.products.values())


def push(one: Any, *rows: tuple[str, str, str], kind: str = "product") -> list[tuple[str, str, str]]:
    changes = pl.DataFrame(
        [(str(number), kind, key, "", field, "", value) for number, (key, field, value) in enumerate(rows)],
        schema=CHANGES,
        orient="row",
    )
    return one.push(changes).select("status", "code", "message").rows()


def parcel(key: str, **changed: Any) -> pl.DataFrame:
    row = {
        "shipment_id": "s1",
        "order_key": key,
        "line_key": "",
        "quantity": "",
        "carrier": "DHL",
        "tracking_number": "003404",
        "tracking_url": ADDRESS,
        "shipped_at": "",
        "identifiers": [],
    } | changed
    return pl.DataFrame([row], schema=SHIPMENTS)


def answer(key: str, accepted: bool, line: str = "", reason: str = "") -> pl.DataFrame:
    return pl.DataFrame([(key, line, accepted, reason)], schema=ACCEPTANCES, orient="row")


def told(results: pl.DataFrame) -> tuple[str, str]:
    return results["status"][0], results["code"][0]


def order_of(twin: Any, units: int, state: str = "ACCEPTED") -> tuple[str, list[dict[str, Any]]]:
    """An order made to hold so many units of one offer."""
    key = next(iter(twin.state.orders))
    order = twin.state.orders[key]
    item = order["items"][0]
    plain = item | {"parcel_tracking_url": None, "item_identifiers": [], "shipment_status": None, "state": state}
    order["items"] = [plain | {"id": str(95_001 + number)} for number in range(units)]
    return key, order["items"]


class TestReading:
    def test_an_offer(self, twin: Any, open_: Any) -> None:
        stored = offers(twin)[0]
        stored |= {"reference_min_price": "10.00", "stock": 4, "state": "OK", "battery_condition": "NEW"}
        row = open_().read("product", [(stored["id"], "")]).row(0, named=True)
        assert (row["sku"], row["title"], row["condition"]) == (stored["sku"], stored["instance_name"], "A")
        assert (row["price"], row["currency"], row["quantity"]) == (stored["reference_price"], "EUR", "4")
        assert row["status"] == "active"
        assert {one["key"]: one["value"] for one in row["attributes"]} == {
            "state": "OK",
            "warranty": "M12",
            "taxation": "GROSS",
            "real_taxation": "GROSS",
            "min_price": "10.00",
            "instance_id": stored["instance_id"],
            "shipping_profile_id": "901",
            "shipping_profile": "Standard",
            "battery_condition": "NEW",
        }

    def test_where_an_offer_does_not_show_and_why_it_was_turned_down(self, twin: Any, open_: Any) -> None:
        stored = offers(twin)[0]
        reason = {"free_text": "Wrong configuration", "category": "CONFIGURATION_DOES_NOT_EXIST"}
        stored |= {"reference_price": "0.50", "state": "REJECTED", "rejection_reason": reason}
        row = open_().read("product", [(stored["id"], "")]).row(0, named=True)
        shown = {one["key"]: one["value"] for one in row["attributes"]}
        assert shown["visibility_hidden"] == "AT, DE, FR, SE"
        assert shown["rejection_category"] == "CONFIGURATION_DOES_NOT_EXIST"
        assert shown["rejection_reason"] == "Wrong configuration"
        assert row["status"] == "draft"

    def test_an_old_offer_without_a_sku_is_named_by_its_identifier(self, twin: Any, open_: Any) -> None:
        stored = offers(twin)[0]
        stored["sku"] = ""
        one = open_()
        assert one.read("product", [(stored["id"], "")])["sku"].to_list() == [""]
        assert push(one, (stored["id"], "quantity", "3"))[0][0] == "accepted"
        assert stored["stock"] == 3

    def test_units_of_one_offer_are_one_line(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 3)
        items[2] |= {"total_charged": "1.00"}
        other = items[0] | {"id": "95009", "sku": "OTHER", "offer_data": {"offer_id": "7"}}
        twin.state.orders[key]["items"] = [items[0], other, items[1], items[2]]
        pages = list(open_().fetch("order"))
        lines = pl.concat([page.records["order_line"] for page in pages]).filter(pl.col("order_key") == key)
        assert lines.select("record_key", "line_key", "sku", "quantity", "unit_price").rows() == [
            (f"{key}/95001", "95001", items[0]["sku"], "2", items[0]["total_charged"]),
            (f"{key}/95009", "95009", "OTHER", "1", items[0]["total_charged"]),
            (f"{key}/95003", "95003", items[0]["sku"], "1", "1.00"),
        ]
        assert [one["id"] for one in json.loads(lines["raw"][0])] == ["95001", "95002"]

    def test_units_without_sku_are_told_apart_by_their_offer(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 2)
        items[0] |= {"sku": "", "offer_data": {"offer_id": "7"}}
        items[1] |= {"sku": "", "offer_data": {"offer_id": "8"}}
        pages = list(open_().fetch("order"))
        lines = pl.concat([page.records["order_line"] for page in pages]).filter(pl.col("order_key") == key)
        assert lines["line_key"].to_list() == ["95001", "95002"]

    def test_street_and_number_come_together_and_the_state_as_it_is(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 1, "SHIPPED")
        items[0]["shipment_status"] = "DELIVERED"
        twin.state.orders[key]["shipping_address"] |= {"street_name": "Am Anger", "house_no": "5b"}
        row = open_().read("order", [(key, "")]).row(0, named=True)
        assert (row["ship_street"], row["status"]) == ("Am Anger 5b", "SHIPPED")
        assert json.loads(row["raw"])["items"][0]["shipment_status"] == "DELIVERED"

    def test_lists_are_read_by_identifier_a_hundred_at_a_time(self, twin: Any, open_: Any) -> None:
        twin.state.add(make_catalogue(4, products=130, orders=0, defects=0.0, day=2))
        wire = Wire()
        pages = list(open_(transport=wire).fetch("product"))
        assert sum(page.records["product"].height for page in pages) == len(offers(twin))
        bodies = wire.of("ListOffers")
        assert all(one["sort"] == {"by": "ID", "order": "ASC"} for one in bodies)
        assert bodies[0]["pagination"] == {"limit": 100}
        assert bodies[1]["pagination"] == {"limit": 100, "starting_after": offers(twin)[99]["id"]}

    def test_named_records_come_in_one_call(self, twin: Any, open_: Any) -> None:
        wire = Wire()
        keys = [(one["id"], "") for one in offers(twin)[:5]]
        assert open_(transport=wire).read("product", [*keys, ("nonsense", "")]).height == 5
        (body,) = wire.of("ListOffers")
        assert body["filter"] == {"id": {"any_of": [key for key, _ in keys]}}

    def test_nothing_claims_to_know_what_changed(self) -> None:
        assert not platform("refurbed").incremental


class TestOffers:
    def test_an_update_names_what_changes_and_nothing_else(self, twin: Any, open_: Any) -> None:
        stored = offers(twin)[0]
        wire = Wire()
        one = open_(transport=wire)
        assert push(one, (stored["id"], "price", "299.90"))[0][0] == "accepted"
        assert wire.of("UpdateOffer") == [{"identifier": {"id": stored["id"]}, "reference_price": "299.90"}]
        assert push(one, (stored["id"], "quantity", "0"), kind="stock")[0][0] == "accepted"
        assert wire.of("UpdateOffer")[1] == {"identifier": {"id": stored["id"]}, "stock": 0}

    def test_clearing_has_words_of_its_own(self, twin: Any, open_: Any) -> None:
        stored = offers(twin)[0]
        stored |= {"reference_min_price": "1.00", "secondary_shipping_profile_id": "902"}
        wire = Wire()
        rows = push(
            open_(transport=wire),
            (stored["id"], "attributes.min_price", ""),
            (stored["id"], "attributes.secondary_shipping_profile_id", ""),
        )
        assert [row[0] for row in rows] == ["accepted", "accepted"]
        (body,) = wire.of("UpdateOffer")
        assert body["delete_reference_min_price"] is True
        assert body["delete_secondary_shipping_profile_id"] is True
        assert (stored["reference_min_price"], stored["secondary_shipping_profile_id"]) == (None, None)

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("price", "12.505", "at most 2 decimals"),
            ("price", "0.00", "above 0"),
            ("price", "12,50", "12.50"),
            ("quantity", "4294967296", "4294967295"),
            ("quantity", "-1", "whole number"),
            ("condition", "Grade A", "AA, A, B, C"),
            ("attributes.warranty", "12 months", "M12"),
            ("attributes.taxation", "NET", "MARGINAL"),
            ("attributes.shipping_profile_id", "Standard", "number"),
            ("attributes.shipping_profile_id", "", "number"),
        ],
    )
    def test_what_would_be_refused_is_not_sent(self, twin: Any, open_: Any, field: str, value: str, said: str) -> None:
        wire = Wire()
        ((status, code, message),) = push(open_(transport=wire), (offers(twin)[0]["id"], field, value))
        assert (status, code) == ("refused", "invalid")
        assert said in message
        assert not wire.of("UpdateOffer")

    def test_a_minimum_price_stays_below_the_price(self, twin: Any, open_: Any) -> None:
        stored, one = offers(twin)[0], open_()
        stored |= {"reference_price": "100.00", "reference_min_price": "90.00"}
        key = stored["id"]
        assert push(one, (key, "price", "80.00"))[0][1] == "invalid"
        assert push(one, (key, "attributes.min_price", "110.00"))[0][1] == "invalid"
        both = push(one, (key, "price", "80.00"), (key, "attributes.min_price", "70.00"))
        assert [row[0] for row in both] == ["accepted", "accepted"]
        assert (stored["reference_price"], stored["reference_min_price"]) == ("80.00", "70.00")
        assert {row[1] for row in push(one, (key, "price", "60.00"), (key, "attributes.min_price", "65.00"))} == {
            "invalid"
        }

    def test_fifty_offers_go_in_one_call(self, twin: Any, open_: Any) -> None:
        twin.state.add(make_catalogue(4, products=70, orders=0, defects=0.0, day=2))
        wire = Wire()
        rows = [(one["id"], "quantity", "5") for one in offers(twin)[:51]]
        assert {row[0] for row in push(open_(transport=wire), *rows)} == {"accepted"}
        assert [len(one["offers"]) for one in wire.of("BatchUpdateOffers")] == [50, 1]

    def test_each_offer_of_a_batch_has_its_own_status(self, twin: Any, open_: Any) -> None:
        good, gone, bad = offers(twin)[:3]
        twin.state.products.pop(gone["id"])
        rows = push(
            open_(),
            (good["id"], "quantity", "5"),
            (gone["id"], "quantity", "5"),
            (bad["id"], "attributes.shipping_profile_id", "999"),
        )
        assert [row[:2] for row in rows] == [("accepted", ""), ("refused", "missing"), ("refused", "INVALID_ARGUMENT")]
        assert "invalid shipping_profile_id" in rows[2][2]
        assert good["stock"] == 5

    def test_a_bad_field_in_a_batch_spoils_none_of_its_neighbours(self, twin: Any, open_: Any) -> None:
        one, other = offers(twin)[:2]
        rows = push(
            open_(),
            (one["id"], "quantity", "5"),
            (one["id"], "attributes.shipping_profile_id", "999"),
            (other["id"], "quantity", "6"),
        )
        assert [row[:2] for row in rows] == [("accepted", ""), ("refused", "INVALID_ARGUMENT"), ("accepted", "")]
        assert (one["stock"], other["stock"]) == (5, 6)

    def test_only_what_failed_for_the_moment_goes_again(self, twin: Any, open_: Any) -> None:
        keys = [one["id"] for one in offers(twin)[:3]]
        twin.passing += [(keys[1], 14), (keys[1], 8)]
        wire, pauses = Wire(), []
        one = open_(transport=wire, sleep=pauses.append)
        assert [row[0] for row in push(one, *[(key, "quantity", "5") for key in keys])] == ["accepted"] * 3
        assert [[row["identifier"]["id"] for row in body["offers"]] for body in wire.of("BatchUpdateOffers")] == [
            keys,
            [keys[1]],
            [keys[1]],
        ]
        assert pauses == [2.0, 4.0]

    def test_what_goes_on_failing_is_given_up(self, twin: Any, open_: Any) -> None:
        keys = [one["id"] for one in offers(twin)[:2]]
        twin.passing += [(keys[0], 14)] * 9
        rows = push(open_(), *[(key, "quantity", "5") for key in keys])
        assert [row[:2] for row in rows] == [("refused", "UNAVAILABLE"), ("accepted", "")]

    def test_an_answer_that_names_fewer_offers_leaves_the_rest_unknown(self, twin: Any, open_: Any) -> None:
        whole = twin._batch
        twin._batch = lambda call, *names: _shortened(whole(call, *names))
        rows = push(open_(), *[(one["id"], "quantity", "5") for one in offers(twin)[:3]])
        assert [row[:2] for row in rows] == [("accepted", ""), ("accepted", ""), ("refused", "unknown")]

    def test_a_token_that_may_only_read(self, twin: Any, open_: Any) -> None:
        twin.denied |= {"UpdateOffer", "BatchUpdateOffers"}
        one = open_()
        assert one.check().ok
        with pytest.raises(CredentialError, match=r"PERMISSION_DENIED.*UpdateOffer.*permission"):
            push(one, (offers(twin)[0]["id"], "quantity", "5"))


def _shortened(whole: Any) -> Any:
    body = json.loads(whole.body)
    return type(whole).json(200, {"results": body["results"][:-1]})


class TestAcceptance:
    def test_every_unit_is_accepted_and_only_new_ones(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 3, "NEW")
        items[1]["state"] = "SHIPPED"
        wire = Wire()
        assert told(open_(transport=wire).accept(answer(key, True))) == ("accepted", "")
        assert wire.of("BatchUpdateOrderItemsState") == [
            {"updates": [{"id": "95001", "state": "ACCEPTED"}, {"id": "95003", "state": "ACCEPTED"}]}
        ]
        assert [one["state"] for one in items] == ["ACCEPTED", "SHIPPED", "ACCEPTED"]

    @pytest.mark.parametrize(
        ("reason", "state"), [("", "REJECTED"), ("sold out", "REJECTED"), ("cancelled", "CANCELLED")]
    )
    def test_who_did_not_want_it(self, twin: Any, open_: Any, reason: str, state: str) -> None:
        key, items = order_of(twin, 2, "NEW")
        assert told(open_().accept(answer(key, False, reason=reason))) == ("accepted", "")
        assert [one["state"] for one in items] == [state, state]

    def test_lines_are_answered_one_by_one(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 2, "NEW")
        items[1] |= {"sku": "OTHER"}
        both = pl.concat([answer(key, True, "95001"), answer(key, False, "95002")])
        assert told(open_().accept(both)) == ("accepted", "")
        assert [one["state"] for one in items] == ["ACCEPTED", "REJECTED"]

    def test_a_line_without_an_answer_keeps_waiting(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 2, "NEW")
        items[1] |= {"sku": "OTHER"}
        assert told(open_().accept(answer(key, True, "95001"))) == ("accepted", "")
        assert [one["state"] for one in items] == ["ACCEPTED", "NEW"]

    def test_what_is_final_cannot_be_accepted(self, twin: Any, open_: Any) -> None:
        key, _ = order_of(twin, 1, "CANCELLED")
        results = open_().accept(answer(key, True))
        assert told(results) == ("refused", "conflict")
        assert "CANCELLED" in results["message"][0]

    @pytest.mark.parametrize(("arrives", "expected"), [(True, ("accepted", "")), (False, ("refused", "unknown"))])
    def test_an_answer_that_is_lost_is_settled_by_reading(
        self, twin: Any, open_: Any, arrives: bool, expected: tuple[str, str]
    ) -> None:
        key, items = order_of(twin, 2, "NEW")
        wire = Wire("BatchUpdateOrderItemsState", arrives=arrives)
        assert told(open_(transport=wire).accept(answer(key, True))) == expected
        assert len(wire.of("BatchUpdateOrderItemsState")) == 1, "never sent twice"
        assert {one["state"] for one in items} == {"ACCEPTED" if arrives else "NEW"}


class TestShipment:
    def test_address_carrier_and_identifiers_go_along(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 1)
        wire = Wire()
        sent = parcel(key, carrier="Österreichische Post", identifiers=[IMEI, "SN-77"])
        assert told(open_(transport=wire).ship(sent)) == ("accepted", "")
        assert wire.of("BatchUpdateOrderItemsState") == [
            {
                "updates": [
                    {
                        "id": "95001",
                        "state": "SHIPPED",
                        "parcel_tracking_url": ADDRESS,
                        "item_identifiers": [
                            {"identifier_type": "IMEI", "value": IMEI},
                            {"identifier_type": "SERIAL_NUMBER", "value": "SN-77"},
                        ],
                        "parcel_carrier_tracking_number": {"carrier": "austrian-post", "tracking_number": "003404"},
                    }
                ]
            }
        ]
        assert items[0]["state"] == "SHIPPED"

    def test_each_unit_has_its_identifier(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 2)
        assert told(open_().ship(parcel(key, identifiers=["SN-1", "SN-2"]))) == ("accepted", "")
        assert [one["item_identifiers"][0]["value"] for one in items] == ["SN-1", "SN-2"]

    def test_a_part_of_a_line_leaves_once(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 3)
        one, part = open_(), parcel(key, line_key="95001", quantity="2", identifiers=["SN-1", "SN-2"])
        assert told(one.ship(part)) == ("accepted", "")
        assert [unit["state"] for unit in items] == ["SHIPPED", "SHIPPED", "ACCEPTED"]
        assert told(one.ship(part)) == ("accepted", ""), "told twice, sent once"
        assert [unit["state"] for unit in items] == ["SHIPPED", "SHIPPED", "ACCEPTED"]
        rest = parcel(key, tracking_url=f"{ADDRESS}2", tracking_number="003405")
        assert told(one.ship(rest)) == ("accepted", "")
        assert [unit["parcel_tracking_url"] for unit in items] == [ADDRESS, ADDRESS, f"{ADDRESS}2"]
        assert twin.state.parcels() == [(key, "003404"), (key, "003405")]

    @pytest.mark.parametrize(
        ("changed", "code", "said"),
        [
            ({"tracking_url": ""}, "invalid", "tracking address"),
            ({"tracking_url": "ftp://x.example/1"}, "invalid", "tracking address"),
            ({"carrier": "Pigeon"}, "invalid", "austrian-post"),
            ({"identifiers": ["490154203237517", "SN"]}, "invalid", "check digit"),
            ({"identifiers": ["SN-1", "SN-2", "SN-3"]}, "invalid", "one for each unit"),
            ({"line_key": "95001", "quantity": "3"}, "conflict", "2 accepted units"),
            ({"line_key": "12"}, "missing", "95001"),
            ({"order_key": "999999999999"}, "missing", "999999999999"),
            ({"order_key": "../1"}, "missing", "no order"),
        ],
    )
    def test_a_parcel_that_would_be_refused(
        self, twin: Any, open_: Any, changed: dict[str, Any], code: str, said: str
    ) -> None:
        key, items = order_of(twin, 2)
        wire = Wire()
        results = open_(transport=wire).ship(parcel(key, **changed))
        assert told(results) == ("refused", code)
        assert said in results["message"][0]
        assert not wire.of("BatchUpdateOrderItemsState")
        assert {one["state"] for one in items} == {"ACCEPTED"}

    @pytest.mark.parametrize("state", ["NEW", "CANCELLED", "SHIPPED"])
    def test_units_in_another_state_cannot_leave(self, twin: Any, open_: Any, state: str) -> None:
        key, items = order_of(twin, 1, state)
        items[0]["parcel_tracking_url"] = f"{ADDRESS}9" if state == "SHIPPED" else None
        results = open_().ship(parcel(key))
        assert told(results) == ("refused", "conflict")
        assert state in results["message"][0]

    def test_without_a_carrier_the_address_is_enough(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 1)
        wire = Wire()
        assert told(open_(transport=wire).ship(parcel(key, carrier=""))) == ("accepted", "")
        assert "parcel_carrier_tracking_number" not in wire.of("BatchUpdateOrderItemsState")[0]["updates"][0]
        assert not wire.of("ListAvailableCarriers")

    def test_the_list_of_carriers_is_kept(self, twin: Any, open_: Any) -> None:
        wire = Wire()
        one = open_(transport=wire)
        for number in range(2):
            key, _ = order_of(twin, 1)
            one.ship(parcel(key, tracking_url=f"{ADDRESS}{number}"))
        assert len(wire.of("ListAvailableCarriers")) == 1

    def test_some_units_fail_and_are_counted(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 3)
        moved = twin._moved

        def refuse(body: dict[str, Any]) -> Any:
            items[1]["state"] = "CANCELLED" if body["id"] == "95002" else items[1]["state"]
            return moved(body)

        twin._moved = refuse
        twin._move_items = lambda call: twin._batch(call, "updates", "order_item", refuse)
        results = open_().ship(parcel(key))
        assert told(results) == ("refused", "INVALID_ARGUMENT")
        assert results["message"][0].startswith("1 of 3 units: INVALID_ARGUMENT: illegal state transition")

    def test_many_units_go_fifty_at_a_time(self, twin: Any, open_: Any) -> None:
        key, items = order_of(twin, 51)
        wire = Wire()
        assert told(open_(transport=wire).ship(parcel(key))) == ("accepted", "")
        assert [len(one["updates"]) for one in wire.of("BatchUpdateOrderItemsState")] == [50, 1]
        assert {one["state"] for one in items} == {"SHIPPED"}


class TestAccount:
    @pytest.mark.parametrize("before", ["", "Plain ", "plain  ", "Authorization: Plain "])
    def test_the_word_before_a_token_may_come_along(self, twin: Any, open_: Any, before: str) -> None:
        found = open_(credentials={"api_token": before + twin.credentials["api_token"]}).check()
        assert found.ok, found.messages
        assert "AT, DE, FR, SE" in found.messages[0]

    def test_a_pasted_token_shows_in_no_message(self, twin: Any, open_: Any) -> None:
        one = open_(credentials={"api_token": "Plain 0123456789wrong"})
        text = " ".join(one.check().messages)
        assert "UNAUTHENTICATED" in text
        assert "two months" in text
        assert "0123456789wrong" not in text

    def test_a_merchant_id_is_taken_and_not_used(self, twin: Any) -> None:
        field = next(one for one in platform("refurbed").credentials if one.name == "merchant_id")
        assert field.replaced_by
        assert not field.required
        given = twin.credentials | {"merchant_id": "4711"}
        known, _ = credentials(Connection("shop", "refurbed", given), platform("refurbed"))
        assert "merchant_id" not in known

    def test_the_caller_says_who_it_is(self, twin: Any) -> None:
        seen: list[httpx.Headers] = []

        def reply(request: httpx.Request) -> httpx.Response:
            seen.append(request.headers)
            return httpx.Response(200, json={})

        one = connector(Connection("s", "refurbed", {"api_token": "abcdef"}), transport=httpx.MockTransport(reply))
        assert one.check().ok
        assert {head["authorization"] for head in seen} == {"Plain abcdef"}
        assert all("Channelmend" in head["user-agent"] for head in seen)

    def test_an_error_is_told_by_its_name(self, open_: Any) -> None:
        with pytest.raises(PlatformError, match="INVALID_ARGUMENT: pagination limit is too large"):
            open_().ask(Refurbed.streams["product"], {"limit": "101"})


class TestLimits:
    @staticmethod
    def paused(**headers: str) -> float:
        limit = Limiter(Refurbed.site.limits, clock=lambda: 1_000.0)
        limit.answered(headers)
        return limit.take()

    def test_ten_calls_at_once_and_then_ten_a_second(self) -> None:
        limit = Limiter(Refurbed.site.limits, clock=lambda: 0.0)
        assert [limit.take() for _ in range(10)] == [0.0] * 10
        assert limit.take() == pytest.approx(0.1)

    def test_the_headers_say_when_to_go_on(self) -> None:
        assert self.paused(**{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1007"}) == pytest.approx(7)

    @pytest.mark.parametrize("resets", [970, 87_400])
    def test_a_clock_that_is_wrong_stops_nobody(self, resets: int) -> None:
        wait = self.paused(**{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(resets)})
        assert 0 < wait < 1

    def test_headers_that_are_missing_say_nothing(self) -> None:
        assert self.paused() == 0.0
