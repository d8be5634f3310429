"""What is peculiar to Cdiscount: packages and their reports, prices with taxes, orders told once, lost answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import polars as pl
import pytest

from connectors.errors import CredentialError, ProtocolError, UnavailableError
from connectors.manners import Patience
from connectors.platform import ACCEPTANCES, CHANGES, SHIPMENTS, Connection, connector, platform
from connectors.remote import credentials
from connectors.sandbox import make_catalogue, twins

CATALOGUE = make_catalogue(3, products=16, orders=16, defects=0.0)


class Losing(httpx.BaseTransport):
    """Real HTTP that loses answers: `lose(request)` says which, `arrives` whether the request was carried out."""

    def __init__(self, lose: Callable[[httpx.Request], bool], *, count: int = 1, arrives: bool = True) -> None:
        self.lose, self.count, self.arrives = lose, count, arrives
        self.inner = httpx.HTTPTransport()
        self.sent: list[tuple[str, str, Any]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        is_lost = self.count > 0 and self.lose(request)
        self.count -= is_lost
        content = request.read()
        if request.headers.get("content-type") == "application/json":
            self.sent.append((request.method, request.url.path, json.loads(content)))
        if is_lost and not self.arrives:
            raise httpx.ReadTimeout("no answer", request=request)
        response = self.inner.handle_request(request)
        if is_lost:
            response.read()
            raise httpx.ReadTimeout("no answer", request=request)
        return response


def nothing(request: httpx.Request) -> bool:
    return False


def posts(end: str) -> Callable[[httpx.Request], bool]:
    return lambda request: request.method == "POST" and request.url.path.endswith(end)


@pytest.fixture
def twin() -> Iterator[Any]:
    running = twins()["cdiscount"](catalogue=CATALOGUE, seed=3).start()
    yield running
    running.stop()


@pytest.fixture
def open_(twin: Any, opening: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **changed: opening(twin, **({"patience": Patience(read_s=2.0, attempts=3)} | changed))


def offers(twin: Any) -> list[dict[str, Any]]:
    return list(twin.state.products.values())


def plain(twin: Any) -> dict[str, Any]:
    """An offer that is not reduced."""
    return next(one for one in offers(twin) if "originPrice" not in one["integrationPrice"])


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
        "carrier": "Colissimo",
        "tracking_number": "6A123",
        "tracking_url": "https://track.example.com/6A123",
        "shipped_at": "",
        "identifiers": [],
    } | changed
    return pl.DataFrame([row], schema=SHIPMENTS)


def answer(key: str, accepted: bool, line: str = "") -> pl.DataFrame:
    return pl.DataFrame([(key, line, accepted, "")], schema=ACCEPTANCES, orient="row")


def told(results: pl.DataFrame) -> tuple[str, str]:
    return results["status"][0], results["code"][0]


class TestReading:
    def test_an_offer_with_its_taxes_modes_and_reduction(self, twin: Any, open_: Any) -> None:
        stored = plain(twin)
        stored["integrationPrice"] |= {"price": 9.9, "originPrice": 12.5}
        stored["product"]["gtin"] = "12345678"
        row = open_().read("product", [(stored["offerId"], "")]).row(0, named=True)
        assert (row["price"], row["sale_price"], row["currency"]) == ("12.5", "9.9", "EUR")
        assert (row["sku"], row["gtin"], row["condition"]) == (stored["sellerExternalReference"], "12345678", "New")
        assert row["lead_time_days"] == "2"
        assert {one["key"]: one["value"] for one in row["attributes"]} == {
            "product_reference": stored["product"]["reference"],
            "delivery_modes": "TRK",
            "vat": "20",
            "ecotax": "0",
        }

    def test_a_price_before_reduction_that_is_the_price_is_no_reduction(self, twin: Any, open_: Any) -> None:
        stored = plain(twin)
        stored["integrationPrice"] |= {"price": 12.5, "originPrice": 12.5}
        row = open_().read("product", [(stored["offerId"], "")]).row(0, named=True)
        assert (row["price"], row["sale_price"]) == ("12.5", "")

    def test_an_offer_out_of_stock_is_inactive(self, twin: Any, open_: Any) -> None:
        stored = offers(twin)[0]
        stored["quantity"] = 0
        one = open_()
        assert one.read("product", [(stored["offerId"], "")])["status"].to_list() == ["draft"]
        stored["quantity"] = 3
        assert one.read("product", [(stored["offerId"], "")])["status"].to_list() == ["active"]

    def test_addresses_show_from_preparation_on(self, twin: Any, open_: Any) -> None:
        waiting, ready = twin.state.awaiting("acceptance")[0], twin.state.awaiting("shipment")[0]
        rows = {row["record_key"]: row for page in open_().fetch("order") for row in page.records["order"].to_dicts()}
        assert (rows[waiting]["ship_street"], rows[waiting]["ship_country"]) == ("", "")
        assert rows[waiting]["buyer_name"]
        assert rows[ready]["ship_street"]
        assert rows[ready]["ship_city"]

    def test_a_company_stands_for_a_recipient_without_name(self, twin: Any, open_: Any) -> None:
        key = twin.state.awaiting("shipment")[0]
        for line in twin.state.orders[key]["lines"]:
            line["shippingAddress"] |= {"firstName": None, "lastName": "", "companyName": "Norvik SARL"}
            line["shippingAddress"] |= {"addressLine1": "Bât. 3", "addressLine3": "5 rue des Lilas"}
        row = open_().read("order", [(key, "")]).row(0, named=True)
        assert row["ship_name"] == "Norvik SARL"
        assert row["ship_street"] == "Bât. 3, 5 rue des Lilas"

    def test_pages_follow_the_link_and_keep_the_channel(self) -> None:
        """The link of a page may be relative and may leave the channel out, which every call must name."""
        asked: list[dict[str, str]] = []

        def reply(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/token"):
                return httpx.Response(200, json={"access_token": "t0k3n-t0k3n", "expires_in": 7200})
            asked.append(dict(request.url.params))
            cursor = request.url.params.get("cursor", "")
            link = {"": '</offers?cursor=abc&limit=1000>; rel="next"', "abc": "</offers?cursor=d>; rel=next"}.get(
                cursor
            )
            row = {"offerId": f"o{len(asked)}", "sellerExternalReference": "A"}
            return httpx.Response(200, json={"items": [row]}, headers={"Link": link} if link else {})

        given = {"client_id": "link-client", "client_secret": "link-secret", "seller_id": "1"}
        options = {"transport": httpx.MockTransport(reply), "sleep": lambda seconds: None}
        one = connector(Connection("shop", "cdiscount", given), **options)
        found = [key for page in one.fetch("stock") for key in page.records["stock"]["record_key"]]
        assert found == ["o1", "o2", "o3"]
        assert [row["salesChannelId"] for row in asked] == ["CDISFR"] * 3
        assert [row.get("cursor") for row in asked] == [None, "abc", "d"]

    @pytest.mark.parametrize("count", [1, 2])
    def test_a_last_page_without_its_rows_is_asked_for_once_more(self, open_: Any, twin: Any, count: int) -> None:
        twin._largest_page = len(offers(twin)) - 1
        twin.fault("missing-page", count=count)
        found = [key for page in open_().fetch("product") for key in page.records["product"]["record_key"]]
        assert len(found) == len(offers(twin)) - (count == 2), "two empty answers in a row are the end"


class TestOffers:
    def test_a_price_takes_its_taxes_and_nothing_else_along(self, twin: Any, open_: Any) -> None:
        stored = plain(twin)
        before = json.loads(json.dumps(stored, default=str))
        lines = Losing(nothing)
        assert push(open_(transport=lines), (stored["offerId"], "price", "19.90"))[0][0] == "accepted"
        (_, _, (request,)) = next(one for one in lines.sent if one[1].endswith("/offer-requests"))
        assert request == {
            "sellerExternalReference": stored["sellerExternalReference"],
            "price": {"price": 19.9, "currencyCode": "EUR", "taxes": before["integrationPrice"]["taxes"]},
        }
        after = json.loads(json.dumps(stored, default=str))
        assert after["integrationPrice"] == before["integrationPrice"] | {"price": 19.9}
        assert {name for name in before if before[name] != after[name]} == {"integrationPrice", "updatedAt"}

    def test_a_quantity_goes_alone(self, twin: Any, open_: Any) -> None:
        stored = offers(twin)[0]
        lines = Losing(nothing)
        assert push(open_(transport=lines), (stored["offerId"], "quantity", "0"), kind="stock")[0][0] == "accepted"
        (_, _, (request,)) = next(one for one in lines.sent if one[1].endswith("/offer-requests"))
        assert request == {"sellerExternalReference": stored["sellerExternalReference"], "quantity": 0}
        assert stored["quantity"] == 0

    def test_a_reduction_begins_moves_and_ends(self, twin: Any, open_: Any) -> None:
        stored, one = plain(twin), open_()
        key, price = stored["offerId"], stored["integrationPrice"]["price"]
        assert push(one, (key, "sale_price", "0.50"))[0][0] == "accepted"
        assert stored["integrationPrice"] | {"price": 0.5, "originPrice": price} == stored["integrationPrice"]
        assert push(one, (key, "price", "99.00"))[0][0] == "accepted"
        assert (stored["integrationPrice"]["price"], stored["integrationPrice"]["originPrice"]) == (0.5, 99.0)
        assert push(one, (key, "sale_price", ""))[0][0] == "accepted"
        assert stored["integrationPrice"]["price"] == 99.0
        assert "originPrice" not in stored["integrationPrice"]
        both = push(one, (key, "price", "20.00"), (key, "sale_price", "15.00"))
        assert [row[0] for row in both] == ["accepted", "accepted"]
        assert (stored["integrationPrice"]["price"], stored["integrationPrice"]["originPrice"]) == (15.0, 20.0)

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("price", "12.505", "at most 2 decimals"),
            ("price", "0", "above 0"),
            ("price", "12,50", "12.50"),
            ("quantity", "3.5", "whole number"),
            ("quantity", "-1", "whole number"),
            ("lead_time_days", "two", "whole number"),
        ],
    )
    def test_what_octopia_refuses_is_not_sent(self, twin: Any, open_: Any, field: str, value: str, said: str) -> None:
        ((status, code, message),) = push(open_(), (offers(twin)[0]["offerId"], field, value))
        assert (status, code) == ("refused", "invalid")
        assert said in message
        assert not twin.packages

    def test_a_price_below_the_reduced_one_is_not_sent(self, twin: Any, open_: Any) -> None:
        stored = plain(twin)
        stored["integrationPrice"] |= {"price": 9.9, "originPrice": 12.5}
        ((_, code, message),) = push(open_(), (stored["offerId"], "price", "9.50"))
        assert code == "invalid"
        assert "9.5" in message
        assert not twin.packages

    def test_an_offer_without_taxes_needs_the_setting(self, twin: Any, open_: Any) -> None:
        stored = plain(twin)
        del stored["integrationPrice"]["taxes"]
        ((_, code, message),) = push(open_(), (stored["offerId"], "price", "19.90"))
        assert code == "invalid"
        assert "'taxes'" in message
        one = open_(credentials={"taxes": "VAT=20; Ecotax=0.12"})
        assert push(one, (stored["offerId"], "price", "19.90"))[0][0] == "accepted"
        assert stored["integrationPrice"]["taxes"] == [
            {"code": "VAT", "value": 20.0},
            {"code": "Ecotax", "value": 0.12},
        ]

    def test_many_offers_share_one_package_in_uploads_of_a_hundred(self, twin: Any, open_: Any) -> None:
        twin.state.add(make_catalogue(4, products=130, orders=0, defects=0.0, day=2))
        lines = Losing(nothing)
        rows = [(one["offerId"], "quantity", "5") for one in offers(twin)[:201]]
        assert {row[0] for row in push(open_(transport=lines), *rows)} == {"accepted"}
        sizes = [len(body) for _, path, body in lines.sent if path.endswith("/offer-requests")]
        assert sizes == [100, 100, 1]
        assert len(twin.packages) == 1

    def test_each_offer_has_its_own_result(self, twin: Any, open_: Any) -> None:
        good, bad = offers(twin)[:2]
        keys = good["offerId"], bad["offerId"]

        def gone_before_the_upload(request: httpx.Request) -> bool:
            if posts("/offer-packages")(request):
                bad["sellerExternalReference"] = "renamed meanwhile"
            return False

        one = open_(transport=Losing(gone_before_the_upload))
        first, second = push(one, (keys[0], "quantity", "4"), (keys[1], "quantity", "4"))
        assert first == ("accepted", "", "")
        assert second == (
            "refused",
            "36",
            "Rejected: This offer does not exist and cannot be updated. Create it first.",
        )

    def test_a_reference_goes_once_into_a_package(self, twin: Any, open_: Any) -> None:
        first, second = offers(twin)[:2]
        second["sellerExternalReference"] = first["sellerExternalReference"]
        rows = push(open_(), (first["offerId"], "quantity", "4"), (second["offerId"], "quantity", "5"))
        assert [row[:2] for row in rows] == [("accepted", ""), ("refused", "invalid")]
        assert "same reference" in rows[1][2]
        assert first["quantity"] == 4

    def test_what_the_report_leaves_out_is_unknown(self, twin: Any, open_: Any) -> None:
        named, silent = offers(twin)[:2]
        twin.unreported.add(silent["sellerExternalReference"])
        rows = push(open_(), (named["offerId"], "quantity", "4"), (silent["offerId"], "quantity", "4"))
        assert [row[:2] for row in rows] == [("accepted", ""), ("refused", "unknown")]

    def test_a_report_of_many_pages_is_read_whole(self, twin: Any, open_: Any) -> None:
        twin._largest_page = 3
        rows = push(open_(), *[(one["offerId"], "quantity", "4") for one in offers(twin)[:11]])
        assert [row[0] for row in rows] == ["accepted"] * 11

    def test_a_package_that_never_ends_is_unknown(self, twin: Any, open_: Any) -> None:
        twin._questions = 10_000
        ((_, code, message),) = push(open_(), (offers(twin)[0]["offerId"], "quantity", "4"))
        assert code == "unknown"
        assert "not finished" in message

    def test_a_package_that_is_rejected_as_a_whole(self, twin: Any, open_: Any) -> None:
        def reject(package: dict[str, Any]) -> None:
            package["state"] = "Rejected"

        twin._integrate = reject
        ((status, code, message),) = push(open_(), (offers(twin)[0]["offerId"], "quantity", "4"))
        assert (status, code) == ("refused", "Rejected")
        assert "no reason" in message


class TestLostAnswers:
    def test_an_upload_that_is_lost_changes_nothing_and_is_not_repeated(self, twin: Any, open_: Any) -> None:
        stored = offers(twin)[0]
        before = twin.state.dump()
        lines = Losing(posts("/offer-requests"))
        with pytest.raises(UnavailableError):
            push(open_(transport=lines), (stored["offerId"], "quantity", "4"))
        assert twin.state.dump() == before
        assert len([1 for one in lines.sent if one[1].endswith("/offer-requests")]) == 1

    def test_closing_twice_does_no_harm(self, twin: Any, open_: Any) -> None:
        stored = offers(twin)[0]
        one = open_(transport=Losing(lambda request: request.method == "PATCH"))
        assert push(one, (stored["offerId"], "quantity", "4"))[0][0] == "accepted"
        assert stored["quantity"] == 4

    @pytest.mark.parametrize("arrives", [True, False])
    def test_after_closing_silence_is_unknown(self, twin: Any, open_: Any, arrives: bool) -> None:
        lines = Losing(lambda request: request.method == "PATCH", count=99, arrives=arrives)
        ((_, code, message),) = push(open_(transport=lines), (offers(twin)[0]["offerId"], "quantity", "4"))
        assert code == "unknown"
        assert "read it back" in message

    @pytest.mark.parametrize(("arrives", "expected"), [(True, ("accepted", "")), (False, ("refused", "unknown"))])
    def test_a_parcel_whose_answer_is_lost(self, twin: Any, open_: Any, arrives: bool, expected: Any) -> None:
        key = twin.state.awaiting("shipment")[0]
        lines = Losing(posts("/shipments"), arrives=arrives)
        assert told(open_(transport=lines).ship(parcel(key))) == expected
        assert len([1 for one in lines.sent if one[1].endswith("/shipments")]) == 1, "never sent twice"
        assert ((key, "6A123") in twin.state.parcels()) is arrives

    @pytest.mark.parametrize(("arrives", "expected"), [(True, ("accepted", "")), (False, ("refused", "unknown"))])
    def test_an_acceptance_whose_answer_is_lost(self, twin: Any, open_: Any, arrives: bool, expected: Any) -> None:
        key = twin.state.awaiting("acceptance")[0]
        lines = Losing(posts("/approval-status"), arrives=arrives)
        assert told(open_(transport=lines).accept(answer(key, True))) == expected
        assert len([1 for one in lines.sent if one[1].endswith("/approval-status")]) == 1, "never sent twice"

    def test_a_parcel_is_unknown_when_the_order_cannot_be_read_again(self, twin: Any, open_: Any) -> None:
        key = twin.state.awaiting("shipment")[0]
        is_down: list[bool] = []

        def down(request: httpx.Request) -> bool:
            is_down.extend([True] if posts("/shipments")(request) else [])
            return bool(is_down)

        assert told(open_(transport=Losing(down, count=99)).ship(parcel(key))) == ("refused", "unknown")


class TestOrders:
    def test_the_carrier_is_named_by_its_label(self, twin: Any, open_: Any) -> None:
        key = twin.state.awaiting("shipment")[0]
        lines = Losing(nothing)
        assert told(open_(transport=lines).ship(parcel(key, carrier="mondialrelay"))) == ("accepted", "")
        assert lines.sent[-1][2] == [
            {
                "parcelNumber": "6A123",
                "carrierName": "Mondial Relay",
                "trackingUrl": "https://track.example.com/6A123",
            }
        ]

    @pytest.mark.parametrize(
        ("changed", "code", "said"),
        [
            ({"carrier": "pcc"}, "invalid", "Colis Privé Express"),
            ({"carrier": "Nobody"}, "invalid", "Colissimo"),
            ({"tracking_number": " "}, "invalid", "parcel number"),
            ({"line_key": "half"}, "invalid", "one parcel for the whole order"),
            ({"order_key": "SCID1"}, "missing", "SCID1"),
            ({"order_key": "../offers"}, "missing", "no order"),
        ],
    )
    def test_a_parcel_that_would_be_refused(
        self, twin: Any, open_: Any, changed: dict[str, str], code: str, said: str
    ) -> None:
        key = twin.state.awaiting("shipment")[0]
        results = open_().ship(parcel(key, **changed))
        assert told(results) == ("refused", code)
        assert said in results["message"][0]
        assert not twin.state.parcels()

    def test_all_lines_by_name_are_the_whole_order(self, twin: Any, open_: Any) -> None:
        key = twin.state.awaiting("shipment")[0]
        lines = twin.state.orders[key]["lines"]
        rows = [parcel(key, line_key=one["orderLineId"], quantity=str(one["quantity"])) for one in lines]
        assert told(open_().ship(pl.concat(rows))) == ("accepted", "")
        assert twin.state.parcels() == [(key, "6A123")]

    def test_a_second_parcel_is_not_sent(self, twin: Any, open_: Any) -> None:
        key, one = twin.state.awaiting("shipment")[0], open_()
        one.ship(parcel(key))
        results = one.ship(parcel(key, tracking_number="6A999"))
        assert told(results) == ("refused", "invalid")
        assert "6A123" in results["message"][0]
        assert twin.state.parcels() == [(key, "6A123")]

    def test_what_octopia_ships_is_not_ours_to_tell(self, twin: Any, open_: Any) -> None:
        key = twin.state.awaiting("shipment")[0]
        twin.state.orders[key]["supplyMode"] = "Fulfillment"
        results = open_().ship(parcel(key))
        assert told(results) == ("refused", "invalid")
        assert "Fulfillment" in results["message"][0]

    def test_an_order_that_waits_cannot_be_shipped_yet(self, twin: Any, open_: Any) -> None:
        results = open_().ship(parcel(twin.state.awaiting("acceptance")[0]))
        assert told(results) == ("refused", "conflict")
        assert "WaitingAcceptance" in results["message"][0]

    def test_an_order_is_refused_as_a_whole(self, twin: Any, open_: Any) -> None:
        key, one = twin.state.awaiting("acceptance")[0], open_()
        assert told(one.accept(answer(key, False))) == ("accepted", "")
        assert one.read("order", [(key, "")])["status"].to_list() == ["Refused"]
        assert told(one.accept(answer(key, False))) == ("accepted", ""), "said twice, done once"
        results = one.accept(answer(key, True))
        assert told(results) == ("refused", "conflict")
        assert "Refused" in results["message"][0]

    def test_lines_that_disagree_are_not_sent(self, twin: Any, open_: Any) -> None:
        key = twin.state.awaiting("acceptance")[0]
        lines = twin.state.orders[key]["lines"]
        first = lines[0]["orderLineId"]
        twin.state.orders[key]["lines"] = [lines[0], lines[0] | {"orderLineId": f"{first}x"}]
        one = open_()
        both = pl.concat([answer(key, True), answer(key, False, first)])
        assert told(one.accept(both)) == ("refused", "invalid")
        assert told(one.accept(answer(key, True, first))) == ("refused", "invalid"), "the other line has no answer"
        assert key in twin.state.awaiting("acceptance")


class TestAccount:
    def test_the_test_names_the_delivery_modes(self, open_: Any) -> None:
        found = open_().check()
        assert found.ok
        assert "TRK, REG" in " ".join(found.messages)

    def test_a_seller_who_did_not_delegate(self, open_: Any) -> None:
        found = open_(credentials={"seller_id": "11111"}).check()
        assert not found.ok
        text = " ".join(found.messages)
        assert "seller_id" in text
        assert "delegated" in text
        assert "may not act for that seller" in text

    def test_a_channel_without_offers_is_empty(self, open_: Any) -> None:
        one = open_(credentials={"sales_channel_id": "OTHER"})
        assert sum(page.records["product"].height for page in one.fetch("product")) == 0

    def test_a_token_page_that_is_a_web_page(self, twin: Any, open_: Any) -> None:
        twin.fault("html", count=99, path="openid-connect")
        with pytest.raises(ProtocolError, match="token address"):
            list(open_().fetch("order"))

    def test_names_of_older_guides_are_taken_and_not_used(self, twin: Any, open_: Any) -> None:
        fields = {one.name: one for one in platform("cdiscount").credentials}
        old = ["api_key", "api_token", "seller_login"]
        assert all(fields[name].replaced_by and not fields[name].required for name in old)
        given = twin.credentials | dict.fromkeys(old, "old-value")
        known, _ = credentials(Connection("shop", "cdiscount", given), platform("cdiscount"))
        assert not set(old) & set(known)
        assert known["sales_channel_id"] == "CDISFR"
        with pytest.raises(CredentialError, match="client_id.*client_secret.*seller_id"):
            connector(Connection("shop", "cdiscount", dict.fromkeys(old, "old-value")))

    def test_one_token_serves_all_calls(self, twin: Any, open_: Any) -> None:
        with suppress(StopIteration):
            open_().check()
            open_().check()
        assert len([1 for _, path, _ in twin.requests if path.endswith("/token")]) == 1
