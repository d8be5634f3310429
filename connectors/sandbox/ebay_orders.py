"""The fulfillment interface of the eBay twin: orders and parcels.

References
----------
Sell Fulfillment API 1.20.7 (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.sandbox.ebay_check import refuse
from connectors.sandbox.ebay_store import Inventory, instant_ms
from connectors.sandbox.routes import Call, RoutedTwin, route
from connectors.sandbox.server import Answer
from connectors.sandbox.shelf import Document

__all__ = ["FULFILLMENT", "OrderInterface"]

FULFILLMENT = "/sell/fulfillment/v1"

_MAIL, _PERSON = timedelta(days=14), timedelta(days=90)
"""For how long an order shows the buyer's address for mail, and name, street and telephone."""


class OrderInterface(RoutedTwin):
    """Orders are listed by rows, those of 90 days unless a filter asks for others."""

    state: Inventory

    @route("GET", f"{FULFILLMENT}/order")
    def _orders(self, call: Call) -> Answer:
        limit, start = call.query.get("limit", "50"), call.query.get("offset", "0")
        if not re.fullmatch(r"\d{1,3}", limit) or not 1 <= int(limit) <= 200:
            raise refuse(31100, f"Invalid limit: {limit}", "APIFULFILLMENT")
        if not start.isdigit():
            raise refuse(31000, f"Invalid offset: {start}", "APIFULFILLMENT")
        rows = sorted(self._wanted(call), key=lambda one: one["creationDate"], reverse=True)
        if "orderIds" in call.query:
            # Everything else is then ignored.
            limit, start = "50", "0"
        size = int(limit)
        shown = [self._shown_order(one) for one in self.window(rows, int(start), size)]
        address = f"https://api.ebay.com{FULFILLMENT}/order?limit={size}&offset="
        found: Document = {"href": f"{address}{start}", "total": len(rows), "limit": size, "offset": int(start)}
        if int(start) + size < len(rows):
            found["next"] = f"{address}{int(start) + size}"
        return Answer.json(200, found | {"orders": shown})

    @route("GET", f"{FULFILLMENT}/order/([^/]+)")
    def _one_order(self, call: Call) -> Answer:
        return Answer.json(200, self._shown_order(self._order(call.args[0])))

    @route("GET", f"{FULFILLMENT}/order/([^/]+)/shipping_fulfillment")
    def _parcels(self, call: Call) -> Answer:
        parcels = self._order(call.args[0])["fulfillments"]
        return Answer.json(200, {"total": len(parcels), "fulfillments": _shown(parcels)})

    @route("POST", f"{FULFILLMENT}/order/([^/]+)/shipping_fulfillment")
    def _ship(self, call: Call) -> Answer:
        order, body = self._order(call.args[0]), call.json
        number, carrier = body.get("trackingNumber", ""), body.get("shippingCarrierCode", "")
        if bool(number) != bool(carrier) or not re.fullmatch(r"[A-Za-z0-9]*", number):
            raise refuse(32300, "Invalid shipment tracking number or carrier", "APIFULFILLMENT")
        moment = self.state.now()
        if "shippedDate" in body:
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["shippedDate"]):
                raise refuse(32500, "Invalid shipped date", "APIFULFILLMENT")
            moment = datetime.fromisoformat(body["shippedDate"])
        if order["cancelStatus"]["cancelState"] != "NONE_REQUESTED":
            raise refuse(32600, "Invalid input data", "APIFULFILLMENT")
        lines = {one["lineItemId"]: one for one in order["lineItems"]}
        sent = [
            {"lineItemId": one["lineItemId"], "quantity": one.get("quantity", 1)} for one in body.get("lineItems", [])
        ]
        if not sent or (unknown := [one["lineItemId"] for one in sent if one["lineItemId"] not in lines]):
            raise refuse(32200, f"Invalid line item id: {unknown[0] if sent else ''}", "APIFULFILLMENT")
        if len({one["lineItemId"] for one in sent}) != len(sent):
            raise refuse(32210, "Duplicate line item in the request", "APIFULFILLMENT")
        if any(one["quantity"] > lines[one["lineItemId"]]["quantity"] for one in sent):
            raise refuse(32600, "Invalid input data", "APIFULFILLMENT")
        name = self.state.put_parcel(order, sent, moment, carrier, number)
        for one in sent:
            lines[one["lineItemId"]]["lineItemFulfillmentStatus"] = "FULFILLED"
        is_whole = all(one["lineItemFulfillmentStatus"] == "FULFILLED" for one in lines.values())
        order["orderFulfillmentStatus"] = "FULFILLED" if is_whole else "IN_PROGRESS"
        order["lastModifiedDate"] = self.state.later(order["lastModifiedDate"])
        place = f"https://api.ebay.com{call.incoming.path}/{name}"
        return Answer.json(201, {}, {"location": place})

    def _order(self, key: str) -> Document:
        if key not in self.state.orders:
            raise refuse(32100, f"Invalid order ID: {key}", "APIFULFILLMENT", status=404)
        return self.state.orders[key]

    def _wanted(self, call: Call) -> list[Document]:
        orders, query = list(self.state.orders.values()), call.query
        if "orderIds" in query:
            wanted = query["orderIds"].split(",")
            if len(wanted) > 50:
                raise refuse(30900, "Exceeded maximum number of order IDs (the current limit is 50)", "API_FULFILLMENT")
            return [one for one in orders if one["orderId"] in wanted]
        if "filter" not in query:
            return [one for one in orders if one["creationDate"] >= self.state.now() - _PERSON]
        pairs = re.findall(r"(\w+):(\[[^\]]*\]|\{[^}]*\})", query["filter"])
        if ",".join(f"{name}:{value}" for name, value in pairs) != query["filter"]:
            raise refuse(30800, f"Invalid filter value {query['filter']}", "APIFULFILLMENT")
        given = dict(pairs)
        for name, value in given.items():
            if name == "orderfulfillmentstatus":
                if value not in ("{NOT_STARTED|IN_PROGRESS}", "{FULFILLED|IN_PROGRESS}"):
                    raise refuse(30800, f"Invalid filter value {value} for filter {name}", "APIFULFILLMENT")
                orders = [one for one in orders if one["orderFulfillmentStatus"] in value[1:-1].split("|")]
            elif name in ("creationdate", "lastmodifieddate"):
                first, last = self._range(value)
                member = "creationDate" if name == "creationdate" else "lastModifiedDate"
                if name == "creationdate" or "creationdate" not in given:
                    orders = [one for one in orders if first <= one[member] <= last]
            else:
                raise refuse(30700, f"Invalid filter name: {name}", "APIFULFILLMENT")
        return orders

    def _range(self, value: str) -> tuple[datetime, datetime]:
        form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        if not re.fullmatch(rf"\[{form}\.\.(?:{form})?\]", value):
            raise refuse(30810, "Invalid date format", "APIFULFILLMENT")
        first, _, last = value[1:-1].partition("..")
        now = self.state.now() + timedelta(seconds=1)
        start, end = datetime.fromisoformat(first), datetime.fromisoformat(last) if last else now
        if start > now or (last and end > now):
            raise refuse(30850, "Start and end dates can't be in the future", "APIFULFILLMENT")
        if end - start > timedelta(days=731):
            raise refuse(
                30830, "Time range between start date and end date must be within '2' years.", "APIFULFILLMENT"
            )
        return start, end

    def _shown_order(self, order: Document) -> Document:
        shown: Document = _shown({name: value for name, value in order.items() if name != "fulfillments"})
        place = f"https://api.ebay.com{FULFILLMENT}/order/{order['orderId']}/shipping_fulfillment"
        shown["fulfillmentHrefs"] = [f"{place}/{one['fulfillmentId']}" for one in order["fulfillments"]]
        age = self.state.now() - order["creationDate"]
        people = [
            shown["buyer"]["buyerRegistrationAddress"],
            shown["fulfillmentStartInstructions"][0]["shippingStep"]["shipTo"],
        ]
        for one in people:
            if age > _MAIL:
                one.pop("email", None)
            if age > _PERSON:
                one.pop("fullName", None)
                one.pop("primaryPhone", None)
                one["contactAddress"].pop("addressLine1", None)
        return shown


def _shown(value: Any) -> Any:
    """A copy with times as eBay writes them."""
    if isinstance(value, datetime):
        return instant_ms(value)
    if isinstance(value, Mapping):
        return {name: _shown(one) for name, one in value.items()}
    return [_shown(one) for one in value] if isinstance(value, list) else value
