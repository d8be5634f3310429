"""The Mirakl twin against the platform's description and fact sheet, spoken to as anybody would."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.sandbox import Twin, make_catalogue, serve
from connectors.sandbox.mirakl_store import DEBIT_DELAY

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def market(clock: Clock) -> Iterator[Callable[..., Twin]]:
    running = []

    def start(**options: Any) -> Twin:
        catalogue = make_catalogue(6, products=16, orders=12, defects=0.0)
        context = serve("mirakl", catalogue=catalogue, clock=clock, **options)
        running.append(context)
        return context.__enter__()

    yield start
    for one in running:
        one.__exit__(None, None, None)


def ask(twin: Twin, method: str, path: str, key: str | None = None, **options: Any) -> httpx.Response:
    headers = {"authorization": twin.credentials["api_key"] if key is None else key}
    return httpx.request(method, f"{twin.base_url}/api/{path}", headers=headers, **options)


def upload(twin: Twin, path: str, rows: list[list[str]], delimiter: str = ";") -> httpx.Response:
    target = io.StringIO()
    csv.writer(target, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    return ask(twin, "POST", path, files={"file": ("import.csv", target.getvalue().encode(), "text/csv")})


def report(twin: Twin, path: str) -> list[list[str]]:
    found = ask(twin, "GET", path)
    assert found.status_code == 200
    return list(csv.reader(io.StringIO(found.text), delimiter=";"))


def an_offer(twin: Twin) -> dict[str, Any]:
    return next(one for one in twin.state.products.values() if one["discount_price"] and one["quantity"])


def body_of(offer: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "shop_sku": offer["shop_sku"],
        "product_id": offer["product_sku"],
        "product_id_type": "SKU",
        "state_code": "11",
        "price": 50,
        "update_delete": "update",
    } | changed


def an_order(twin: Twin, state: str, lines: int = 1) -> dict[str, Any]:
    return next(o for o in twin.state.orders.values() if o["order_state"] == state and len(o["lines"]) >= lines)


class TestAccess:
    def test_the_key_goes_without_a_scheme_word(self, market: Callable[..., Twin]) -> None:
        twin = market()
        key = twin.credentials["api_key"]
        assert ask(twin, "GET", "account").status_code == 200
        for wrong in (f"Bearer {key}", "", key + "x"):
            answer = ask(twin, "GET", "account", key=wrong)
            assert (answer.status_code, answer.json()) == (401, {"status": 401, "message": "Unauthorized"})

    def test_another_shop_than_the_users_is_forbidden(self, market: Callable[..., Twin]) -> None:
        twin = market()
        own = ask(twin, "GET", "account").json()["shop_id"]
        assert ask(twin, "GET", "account", params={"shop_id": own}).status_code == 200
        assert ask(twin, "GET", "offers", params={"shop_id": own + 1}).status_code == 403

    def test_addresses_and_methods(self, market: Callable[..., Twin]) -> None:
        twin = market()
        assert ask(twin, "GET", "nowhere").status_code == 404
        assert ask(twin, "DELETE", "offers").status_code == 405
        assert ask(twin, "POST", "offers", content=b"{").status_code == 400

    def test_what_an_operator_switches_on_is_an_option(self, market: Callable[..., Twin]) -> None:
        twin = market(features={"shipment.multi_shipment": True, "offer_prices_decimals": "4"})
        found = ask(twin, "GET", "platform/configuration").json()["features"]
        assert found["shipment"]["multi_shipment"] is True
        assert found["offer_prices_decimals"] == "4"
        with pytest.raises(KeyError, match="shipment.many"):
            market(features={"shipment.many": True})

    def test_who_is_too_fast_is_told_how_long_to_wait(self, market: Callable[..., Twin], clock: Clock) -> None:
        twin = market(is_strict=True)
        offers = {"offers": [body_of(an_offer(twin))]}
        assert ask(twin, "POST", "offers", json=offers).status_code == 201
        refused = ask(twin, "POST", "offers", json=offers)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        clock.now += timedelta(seconds=60)
        assert ask(twin, "POST", "offers", json=offers).status_code == 201


class TestLists:
    @pytest.mark.parametrize("path", ["offers", "orders"])
    def test_pages_have_ten_rows_unless_asked_and_a_hundred_at_most(
        self, market: Callable[..., Twin], path: str
    ) -> None:
        twin = market()
        first = ask(twin, "GET", path).json()
        assert len(first[path]) == 10
        assert first["total_count"] > 10
        rest = ask(twin, "GET", path, params={"offset": 10, "max": 100}).json()[path]
        assert len(rest) == first["total_count"] - 10
        assert not [one for one in rest if one in first[path]]
        assert ask(twin, "GET", path, params={"max": 101}).status_code == 400

    def test_more_than_a_hundred_orders_at_once_are_refused(self, market: Callable[..., Twin]) -> None:
        twin = market()
        answer = ask(twin, "GET", "orders", params={"order_ids": ",".join(str(n) for n in range(101))})
        assert answer.status_code == 400
        assert "limit of 100 is exceeded for the parameter" in answer.json()["message"]

    def test_offers_are_sorted_by_total_price_unless_asked(self, market: Callable[..., Twin]) -> None:
        twin = market()
        prices = [one["total_price"] for one in ask(twin, "GET", "offers", params={"max": 100}).json()["offers"]]
        assert prices == sorted(prices)
        found = ask(twin, "GET", "offers", params={"max": 100, "sort": "productTitle"}).json()["offers"]
        assert [one["product_title"] for one in found] == sorted(one["product_title"] for one in found)
        assert ask(twin, "GET", "offers", params={"sort": "shopSku"}).status_code == 400

    def test_a_price_is_the_reduced_one_only_while_the_discount_runs(
        self, market: Callable[..., Twin], clock: Clock
    ) -> None:
        twin = market()
        offer = an_offer(twin)

        def shown() -> dict[str, Any]:
            return ask(twin, "GET", "offers", params={"sku": offer["shop_sku"]}).json()["offers"][0]

        assert shown()["price"] == offer["discount_price"] < offer["price"] == shown()["discount"]["origin_price"]
        clock.now = datetime(2031, 1, 1, tzinfo=UTC)
        assert shown()["price"] == offer["price"]
        assert shown()["all_prices"][0]["unit_discount_price"] == offer["discount_price"]

    def test_a_lead_time_of_nothing_is_the_default_and_zero_is_one(self, market: Callable[..., Twin]) -> None:
        twin = market()
        offer = an_offer(twin)
        for stored, expected in ((None, 2), (0, 1), (5, 5)):
            offer["leadtime_to_ship"] = stored
            found = ask(twin, "GET", "offers", params={"sku": offer["shop_sku"]}).json()["offers"][0]
            assert found["leadtime_to_ship"] == expected

    def test_an_offer_that_is_sold_out_is_inactive(self, market: Callable[..., Twin]) -> None:
        twin = market()
        offer = an_offer(twin)
        twin.state.edit(offer["shop_sku"], "quantity", "0")
        found = ask(twin, "GET", "offers", params={"sku": offer["shop_sku"]}).json()["offers"][0]
        assert (found["active"], found["inactivity_reasons"]) == (False, ["ZERO_QUANTITY"])


class TestOffers:
    def test_what_is_not_sent_goes_back_to_its_default(self, market: Callable[..., Twin]) -> None:
        twin = market()
        offer = an_offer(twin)
        assert offer["description"] and offer["leadtime_to_ship"] and offer["offer_additional_fields"]
        answer = ask(twin, "POST", "offers", json={"offers": [body_of(offer)]})
        assert (answer.status_code, list(answer.json())) == (201, ["import_id"])
        assert offer["quantity"] == 0
        assert offer["price"] == 50
        assert offer["description"] == ""
        assert not offer["offer_additional_fields"]
        assert {offer[name] for name in ("discount_price", "leadtime_to_ship", "internal_description")} == {None}

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"state_code": "99"}, "state 99 does not exist"),
            ({"price": 0}, "greater than 0"),
            ({"price": None}, "fields price are required"),
            ({"price": 12.345}, "at most 2 decimals"),
            ({"price": -1}, "greater than 0"),
            ({"quantity": -1}, "positive integer"),
            ({"logistic_class": "HUGE"}, "logistic class HUGE"),
            ({"product_id": "other"}, "product does not exist"),
            ({"offer_additional_fields": [{"code": "taste", "value": "sweet"}]}, "field taste"),
        ],
    )
    def test_a_bad_line_is_reported_and_changes_nothing(
        self, market: Callable[..., Twin], changed: dict[str, Any], reason: str
    ) -> None:
        twin = market()
        bad, good = list(twin.state.products.values())[:2]
        before = dict(bad)
        offers = [body_of(good, quantity=4), body_of(bad, **changed)]
        number = ask(twin, "POST", "offers", json={"offers": offers}).json()["import_id"]
        state = ask(twin, "GET", f"offers/imports/{number}").json()
        assert state["status"] == "COMPLETE", "complete does not mean without errors"
        assert (state["lines_in_success"], state["lines_in_error"], state["has_error_report"]) == (1, 1, True)
        headers, row = report(twin, f"offers/imports/{number}/error_report")
        assert row[headers.index("sku")] == bad["shop_sku"]
        assert reason in row[headers.index("error-message")]
        assert bad == before
        assert good["quantity"] == 4

    def test_the_product_of_an_offer_cannot_be_exchanged(self, market: Callable[..., Twin]) -> None:
        twin = market()
        one, other = list(twin.state.products.values())[:2]
        body = body_of(one, product_id=other["product_sku"])
        number = ask(twin, "POST", "offers", json={"offers": [body]}).json()["import_id"]
        assert "cannot be changed" in report(twin, f"offers/imports/{number}/error_report")[1][1]

    def test_an_offer_is_made_and_deleted(self, market: Callable[..., Twin]) -> None:
        twin = market()
        ean = an_offer(twin)["references"][0]["reference"]
        new = body_of(an_offer(twin), shop_sku="NEW-1", product_id=ean, product_id_type="EAN", quantity="3")
        ask(twin, "POST", "offers", json={"offers": [new]})
        assert twin.state.products["NEW-1"]["quantity"] == 3
        ask(twin, "POST", "offers", json={"offers": [new | {"update_delete": "delete"}]})
        assert "NEW-1" not in twin.state.products

    def test_an_operator_may_demand_a_tax_code_and_a_period(self, market: Callable[..., Twin]) -> None:
        demands = {"tax_collection.product_tax_code_mandatory": True, "pricing.discount_period_required": True}
        twin = market(features=demands)
        offer = an_offer(twin)
        bodies = [body_of(offer), body_of(offer, product_tax_code="TX1", discount={"price": 5})]
        number = ask(twin, "POST", "offers", json={"offers": bodies}).json()["import_id"]
        reasons = [row[1] for row in report(twin, f"offers/imports/{number}/error_report")[1:]]
        assert "tax code" in reasons[0]
        assert "start date" in reasons[1]


class TestPricesAndStock:
    def test_prices_that_are_not_in_the_file_are_deleted(self, market: Callable[..., Twin]) -> None:
        twin = market()
        offer = an_offer(twin)
        sku, stock = offer["shop_sku"], offer["quantity"]
        head = ["offer-sku", "price", "discount-price", "channels", "price-ranges"]
        rows = [head, [sku, "50", "45", "", "5|44,10|40.5"], [sku, "60", "", "FR", ""]]
        assert upload(twin, "offers/pricing/imports", rows).status_code == 201
        found = ask(twin, "GET", "offers", params={"sku": sku}).json()["offers"][0]
        assert [one.get("channel_code") for one in found["all_prices"]] == [None, "FR"]
        thresholds = [one["quantity_threshold"] for one in found["all_prices"][0]["volume_prices"]]
        assert thresholds == [1, 5, 10]
        upload(twin, "offers/pricing/imports", [["offer-sku", "price"], [sku, "50"]])
        found = ask(twin, "GET", "offers", params={"sku": sku}).json()["offers"][0]
        assert len(found["all_prices"]) == 1
        assert "unit_discount_price" not in found["all_prices"][0]
        assert offer["quantity"] == stock

    @pytest.mark.parametrize(
        ("rows", "reason"),
        [
            ([["12,50", ""]], "not a number"),
            ([["50", "FR"]], "default price"),
            ([["50", ""], ["-1", "FR"]], "greater than 0"),
            ([["50", ""]] + [["50", f"C{n}"] for n in range(50)], "At most 50"),
            ([["1.234", ""]], "at most 2 decimals"),
        ],
    )
    def test_one_bad_price_keeps_all_of_the_offer(
        self, market: Callable[..., Twin], rows: list[list[str]], reason: str
    ) -> None:
        twin = market()
        offer = an_offer(twin)
        before = dict(offer)
        head = ["offer-sku", "price", "channels"]
        answer = upload(twin, "offers/pricing/imports", [head, *([offer["shop_sku"], *row] for row in rows)])
        number = answer.json()["import_id"]
        state = ask(twin, "GET", "offers/pricing/imports", params={"import_id": number}).json()["data"][0]
        assert (state["lines_in_error"], state["lines_in_success"], state["offers_in_error"]) == (len(rows), 0, 1)
        lines = report(twin, f"offers/pricing/imports/{number}/error_report")
        assert len(lines) == len(rows) + 1
        assert lines[1][0] == "2"
        assert reason in lines[1][1]
        assert offer == before

    def test_stock_changes_alone(self, market: Callable[..., Twin]) -> None:
        twin = market()
        offer = an_offer(twin)
        before = dict(offer)
        head = ["offer-sku", "quantity", "warehouse-code", "update-delete"]
        rows = [
            head,
            [offer["shop_sku"], "7", "", "update"],
            ["nobody", "1", "", ""],
            [offer["shop_sku"] + "x", "-1", "", ""],
        ]
        number = upload(twin, "offers/stock/imports", rows).json()["import_id"]
        state = ask(twin, "GET", f"offers/stock/imports/{number}/status").json()
        assert (state["status"], state["lines_in_success"], state["lines_in_error"]) == ("COMPLETE", 1, 2)
        assert {name for name in offer if offer[name] != before[name]} == {"quantity", "changed"}
        assert offer["quantity"] == 7
        assert report(twin, f"offers/stock/imports/{number}/error_report")[1][1:3] == [
            "The offer does not exist",
            "nobody",
        ]

    def test_stock_by_warehouse(self, market: Callable[..., Twin]) -> None:
        twin = market(warehouses=("W1", "W2"))
        offer = an_offer(twin)
        head = ["offer-sku", "quantity", "warehouse-code"]
        upload(twin, "offers/stock/imports", [head, [offer["shop_sku"], "7", "W1"], [offer["shop_sku"], "2", "W2"]])
        found = ask(twin, "GET", "offers", params={"sku": offer["shop_sku"]}).json()["offers"][0]
        assert found["quantity"] == 9
        assert found["warehouses"] == [{"code": "W1", "quantity": 7}, {"code": "W2", "quantity": 2}]
        number = upload(twin, "offers/stock/imports", [head, [offer["shop_sku"], "7", "W9"]]).json()["import_id"]
        assert "W9" in report(twin, f"offers/stock/imports/{number}/error_report")[1][1]

    def test_a_file_with_the_wrong_delimiter_is_refused(self, market: Callable[..., Twin]) -> None:
        twin = market(features={"operator_csv_delimiter": "COMMA"})
        rows = [["offer-sku", "quantity"], [an_offer(twin)["shop_sku"], "7"]]
        assert upload(twin, "offers/stock/imports", rows).status_code == 400
        assert upload(twin, "offers/stock/imports", rows, delimiter=",").status_code == 201
        assert ask(twin, "POST", "offers/stock/imports", data={"other": "x"}).status_code == 400

    def test_an_import_is_worked_on_and_without_errors_there_is_no_report(self, market: Callable[..., Twin]) -> None:
        twin = market(patience=1)
        rows = [["offer-sku", "quantity"], [an_offer(twin)["shop_sku"], "7"]]
        number = upload(twin, "offers/stock/imports", rows).json()["import_id"]
        path = f"offers/stock/imports/{number}/status"
        assert [ask(twin, "GET", path).json()["status"] for _ in range(2)] == ["RUNNING", "COMPLETE"]
        assert ask(twin, "GET", f"offers/stock/imports/{number}/error_report").status_code == 404
        assert ask(twin, "GET", "offers/stock/imports/999/status").status_code == 404


class TestExport:
    @staticmethod
    def exported(twin: Twin, **asked: Any) -> list[dict[str, Any]]:
        body = {"export_type": "application/json"} | asked
        number = ask(twin, "POST", "offers/export/async", json=body).json()["tracking_id"]
        state = ask(twin, "GET", f"offers/export/async/status/{number}").json()
        assert state["status"] == "COMPLETED"
        headers = {"authorization": twin.credentials["api_key"]}
        return [row for url in state["urls"] for row in httpx.get(url, headers=headers).json()]

    def test_a_full_export_leaves_out_what_is_not_sold_unless_asked(self, market: Callable[..., Twin]) -> None:
        twin = market()
        twin.state.edit(an_offer(twin)["shop_sku"], "quantity", "0")
        some, everything = self.exported(twin), self.exported(twin, include_inactive_offers=True)
        assert len(everything) == len(twin.state.products) > len(some)
        assert all(one["active"] for one in some)
        assert "product_title" not in everything[0]

    def test_a_differential_export_has_what_changed_and_what_was_deleted(
        self, market: Callable[..., Twin], clock: Clock
    ) -> None:
        twin = market()
        one, other = list(twin.state.products.values())[:2]
        clock.now += timedelta(minutes=1)
        twin.state.edit(one["shop_sku"], "quantity", "0")
        ask(twin, "POST", "offers", json={"offers": [body_of(other, update_delete="delete")]})
        found = {
            row["shop_sku"]: row["deleted"] for row in self.exported(twin, last_request_date="2026-11-25T09:00:30Z")
        }
        assert found == {one["shop_sku"]: False, other["shop_sku"]: True}
        body = {"export_type": "application/json", "last_request_date": "2026-11-25T09:00:00Z"}
        refused = ask(twin, "POST", "offers/export/async", json=body | {"include_inactive_offers": True})
        assert refused.status_code == 400

    def test_an_export_is_pending_for_a_while(self, market: Callable[..., Twin]) -> None:
        twin = market(patience=2)
        number = ask(twin, "POST", "offers/export/async", json={"export_type": "application/json"}).json()[
            "tracking_id"
        ]
        states = [ask(twin, "GET", f"offers/export/async/status/{number}").json() for _ in range(3)]
        assert [one["status"] for one in states] == ["PENDING", "PENDING", "COMPLETED"]
        assert "urls" not in states[0]


class TestOrders:
    @pytest.mark.parametrize(
        ("decide", "code"),
        [
            (lambda lines: [{"id": lines[0], "accepted": True}], "ORDER_LINE_ACCEPTANCE_DECISION_MISSING"),
            (lambda lines: [{"id": one, "accepted": True} for one in [*lines, lines[0]]], "ORDER_LINE_DUPLICATE_ID"),
            (lambda lines: [{"id": one, "accepted": True} for one in [*lines, "x"]], "ORDER_LINE_NOT_FOUND"),
        ],
    )
    def test_every_line_is_decided_in_one_call(
        self, market: Callable[..., Twin], decide: Callable[[list[str]], list[Any]], code: str
    ) -> None:
        twin = market()
        order = next(o for o in twin.state.orders.values() if len(o["lines"]) > 1)
        twin.state.move(order, "WAITING_ACCEPTANCE")
        lines = [line["order_line_id"] for line in order["lines"]]
        answer = ask(twin, "PUT", f"orders/{order['order_id']}/accept", json={"order_lines": decide(lines)})
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert order["order_state"] == "WAITING_ACCEPTANCE"

    def test_an_accepted_order_can_be_shipped_when_the_buyer_has_paid(
        self, market: Callable[..., Twin], clock: Clock
    ) -> None:
        twin = market()
        order = an_order(twin, "WAITING_ACCEPTANCE")
        key = order["order_id"]

        def shown() -> dict[str, Any]:
            return ask(twin, "GET", "orders", params={"order_ids": key}).json()["orders"][0]

        assert shown()["customer"]["shipping_address"]["street_1"] == ""
        lines = [{"id": line["order_line_id"], "accepted": True} for line in order["lines"]]
        assert ask(twin, "PUT", f"orders/{key}/accept", json={"order_lines": lines}).status_code == 204
        assert shown()["order_state"] == "WAITING_DEBIT_PAYMENT"
        assert ask(twin, "PUT", f"orders/{key}/ship").status_code == 400
        clock.now += DEBIT_DELAY
        assert shown()["order_state"] == "SHIPPING"
        assert shown()["customer"]["shipping_address"]["street_1"]
        assert len(shown()["customer"]["shipping_address"]["country_iso_code"]) == 3
        again = ask(twin, "PUT", f"orders/{key}/accept", json={"order_lines": lines})
        assert (again.status_code, again.json()["code"]) == (400, "ORDER_INVALID_STATE")

    def test_a_buyer_s_address_of_mail_is_the_operator_s(self, market: Callable[..., Twin]) -> None:
        twin = market()
        for order in ask(twin, "GET", "orders", params={"max": 100}).json()["orders"]:
            assert order["customer_notification_email"].endswith("@notification.mirakl.net")

    def test_an_operator_may_show_addresses_before_the_acceptance(self, market: Callable[..., Twin]) -> None:
        twin = market(features={"order_workflows.shipping_and_billing_details_before_acceptance": True})
        key = an_order(twin, "WAITING_ACCEPTANCE")["order_id"]
        found = ask(twin, "GET", "orders", params={"order_ids": key}).json()["orders"][0]
        assert found["customer"]["shipping_address"]["street_1"]

    def test_a_shipment_needs_tracking_and_the_right_state(self, market: Callable[..., Twin]) -> None:
        twin = market()
        key = an_order(twin, "SHIPPING")["order_id"]
        refused = ask(twin, "PUT", f"orders/{key}/ship")
        assert (refused.status_code, refused.json()["message"][:37]) == (400, "Tracking details are mandatory for th")
        assert ask(twin, "PUT", f"orders/{key}/tracking", json={"carrier_code": "NOBODY"}).status_code == 400
        assert ask(twin, "PUT", f"orders/{key}/tracking", json={"tracking_number": "1"}).status_code == 400
        told = {"carrier_code": "DHL", "tracking_number": "JJD1"}
        assert ask(twin, "PUT", f"orders/{key}/tracking", json=told).status_code == 204
        assert ask(twin, "PUT", f"orders/{key}/ship").status_code == 204
        assert ask(twin, "PUT", f"orders/{key}/ship").status_code == 400
        assert twin.state.parcels() == [(key, "JJD1")]
        assert ask(twin, "PUT", "orders/none/ship").status_code == 404

    def test_the_update_date_finds_what_the_creation_date_misses(
        self, market: Callable[..., Twin], clock: Clock
    ) -> None:
        twin = market()
        key = an_order(twin, "SHIPPING")["order_id"]
        clock.now += timedelta(hours=1)
        ask(twin, "PUT", f"orders/{key}/tracking", json={"carrier_code": "DHL", "tracking_number": "JJD1"})

        def found(name: str) -> list[str]:
            answer = ask(twin, "GET", "orders", params={name: "2026-11-25T09:30:00Z"}).json()
            return [one["order_id"] for one in answer["orders"]]

        assert found("start_update_date") == [key]
        assert found("start_date") == []

    def test_shipments_only_where_an_order_may_have_several(self, market: Callable[..., Twin]) -> None:
        assert ask(market(), "POST", "shipments", json={"shipments": []}).status_code == 403
        twin = market(features={"shipment.multi_shipment": True})
        order = an_order(twin, "SHIPPING")
        line = order["lines"][0]
        waiting = ask(twin, "GET", "shipments/items_to_ship", params={"order_id": order["order_id"]}).json()["data"]
        assert waiting[0]["shipment_lines"][0]["quantity"] == line["quantity"]
        parcel = {
            "order_id": order["order_id"],
            "shipped": True,
            "shipment_lines": [{"order_line_id": line["order_line_id"], "quantity": line["quantity"]}],
            "tracking": {"carrier_code": "DHL", "tracking_number": "JJD1"},
        }
        answer = ask(twin, "POST", "shipments", json={"shipments": [parcel, parcel]})
        assert answer.status_code == 201
        assert [one["status"] for one in answer.json()["shipment_success"]] == ["SHIPPED"]
        assert len(answer.json()["shipment_errors"]) == 1
        told = ask(twin, "GET", "shipments", params={"order_id": order["order_id"]}).json()
        assert [one["tracking"]["tracking_number"] for one in told["data"]] == ["JJD1"]
        assert "next_page_token" not in told


class TestReference:
    def test_categories_hang_together(self, market: Callable[..., Twin]) -> None:
        twin = market()
        nodes = {one["code"]: one for one in ask(twin, "GET", "hierarchies").json()["hierarchies"]}
        for offer in ask(twin, "GET", "offers", params={"max": 100}).json()["offers"]:
            one = nodes[offer["category_code"]]
            assert one["label"] == offer["category_label"]
            for level in range(one["level"] - 1, 0, -1):
                one = nodes[one["parent_code"]]
                assert one["level"] == level

    def test_attributes_of_a_category_come_with_those_of_all(self, market: Callable[..., Twin]) -> None:
        twin = market()
        code = an_offer(twin)["category_code"]
        found = ask(twin, "GET", "products/attributes", params={"hierarchy": code}).json()["attributes"]
        assert {one["hierarchy_code"] for one in found} == {"", code}
        lists = {one["code"] for one in ask(twin, "GET", "values_lists").json()["values_lists"]}
        assert {one["type_parameter"] for one in found if one["type"] == "LIST" and one["type_parameter"]} <= lists

    def test_the_operator_s_lists(self, market: Callable[..., Twin]) -> None:
        twin = market()
        assert {one["code"] for one in ask(twin, "GET", "offers/states").json()["offer_states"]} == {"11", "10", "4"}
        assert "DHL" in {one["code"] for one in ask(twin, "GET", "shipping/carriers").json()["carriers"]}
        assert ask(twin, "GET", "shipping/logistic_classes").json()["logistic_classes"]
        shown = ask(twin, "GET", "additional_fields", params={"entities": "SHOP"}).json()
        assert shown == {"additional_fields": [], "total_count": 0}
