"""Accepting orders (OR21) and telling of parcels, both ways: OR23 with OR24, or ST01 where the operator allows several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connectors.changes import Acceptance, InvalidError, Outcome, Shipment
from connectors.mapping import Payload, at, text
from connectors.platforms.mirakl.instance import Instance

__all__ = ["accept", "ship"]

_LEFT = ("SHIPPED", "TO_COLLECT", "RECEIVED", "CLOSED")
"""States of an order that has been shipped."""


def accept(instance: Instance, order: Payload, acceptance: Acceptance) -> Outcome:
    """Decide about every line in one call; what was decided so before is not decided again.

    Raises
    ------
    InvalidError
        When a line is left open, or was decided otherwise.
    """
    decisions: dict[str, bool] = {}
    for line in order["order_lines"]:
        said = acceptance.of(line["order_line_id"])
        if said is None:
            raise InvalidError(
                f"Line {line['order_line_id']} is not decided; OR21 takes all lines of an order at once."
            )
        decisions[line["order_line_id"]] = said.accepted
    if order["order_state"] == "WAITING_ACCEPTANCE":
        body = {"order_lines": [{"id": key, "accepted": value} for key, value in decisions.items()]}
        instance.client.send("PUT", _path(order, "accept"), body=body)
        return Outcome()
    states = {line["order_line_id"]: line["order_line_state"] for line in order["order_lines"]}
    if order["order_state"] == "STAGING" or any(
        (states[key] != "REFUSED") != value for key, value in decisions.items()
    ):
        raise InvalidError(f"The order is {order['order_state']}; this decision cannot be made any more.", "conflict")
    return Outcome()


def ship(instance: Instance, order: Payload, shipment: Shipment) -> Outcome:
    """Tell of a parcel; told of twice, it is one.

    Raises
    ------
    InvalidError
        When the order is not to be shipped, or the parcel holds what is not left to ship.
    """
    return (
        _ship_some(instance, order, shipment)
        if instance.says("shipment.multi_shipment")
        else _ship_all(instance, order, shipment)
    )


def _ship_all(instance: Instance, order: Payload, shipment: Shipment) -> Outcome:
    """OR23 says how, OR24 that it left; a repetition does both again until the order has been shipped."""
    sent = {one.line_key: one.quantity for one in shipment.lines}
    whole = {
        one["order_line_id"]: one["quantity"] for one in order["order_lines"] if one["order_line_state"] != "REFUSED"
    }
    if sent and any(key not in sent or sent[key] not in (None, quantity) for key, quantity in whole.items()):
        raise InvalidError("This marketplace takes one shipment an order; send all its lines in one parcel.")
    if order["order_state"] in _LEFT:
        if text(order.get("shipping_tracking")) == shipment.tracking_number:
            return Outcome()
        raise InvalidError(f"The order is {order['order_state']} already, with another tracking number.", "conflict")
    _must_ship(order)
    instance.client.send("PUT", _path(order, "tracking"), body=_tracking(instance, shipment, "carrier_url"))
    instance.client.send("PUT", _path(order, "ship"))
    return Outcome()


def _ship_some(instance: Instance, order: Payload, shipment: Shipment) -> Outcome:
    """ST01, after ST11 has shown that there is no such parcel and ST12 what is left."""
    shipped = instance.get("shipments", order_id=order["order_id"], limit="100")["data"]
    if any(text(at(one, "tracking.tracking_number")) == shipment.tracking_number for one in shipped):
        return Outcome()
    _must_ship(order)
    left = _left(instance.get("shipments/items_to_ship", order_id=order["order_id"], limit="100")["data"])
    wanted = {one.line_key: one.quantity for one in shipment.lines} or dict.fromkeys(left)
    if missing := [key for key, quantity in wanted.items() if (quantity or 1) > left.get(key, 0)]:
        raise InvalidError(f"Of {', '.join(missing)} fewer units are left to ship than the parcel holds.", "conflict")
    lines = [{"order_line_id": key, "quantity": quantity or left[key]} for key, quantity in wanted.items()]
    parcel = {"order_id": order["order_id"], "shipped": True, "shipment_lines": lines}
    body = {"shipments": [parcel | {"tracking": _tracking(instance, shipment, "tracking_url")}]}
    errors = instance.client.send("POST", "api/shipments", body=body).value["shipment_errors"]
    reasons = "; ".join(text(one.get("message")) for one in errors)
    return Outcome("refused", reasons or "The shipment was refused.") if errors else Outcome()


def _left(rows: list[Mapping[str, Any]]) -> dict[str, int]:
    """Line to the units that are left to ship; a line comes several times where it lies in several packages."""
    left: dict[str, int] = {}
    for line in (one for row in rows for one in row.get("shipment_lines") or ()):
        left[line["order_line_id"]] = left.get(line["order_line_id"], 0) + line["quantity"]
    return left


def _must_ship(order: Payload) -> None:
    if order["order_state"] != "SHIPPING":
        raise InvalidError(
            f"The order is {order['order_state']}; only an order in SHIPPING can be shipped.", "conflict"
        )


def _tracking(instance: Instance, shipment: Shipment, address: str) -> dict[str, str]:
    """The carrier by its code where it is registered (SH21), else by name and address."""
    name = shipment.carrier.casefold()
    for one in instance.carriers:
        if name in (one["code"].casefold(), one["label"].casefold()):
            return {"carrier_code": one["code"], "tracking_number": shipment.tracking_number}
    if instance.says("disable_seller_alternative_carrier"):
        known = ", ".join(one["code"] for one in instance.carriers)
        raise InvalidError(f"This marketplace takes registered carriers only: {known}; not {shipment.carrier!r}.")
    given = {address: shipment.tracking_url, "tracking_number": shipment.tracking_number}
    return {"carrier_name": shipment.carrier} | {name: value for name, value in given.items() if value}


def _path(order: Payload, step: str) -> str:
    return f"api/orders/{quote(order['order_id'], safe='')}/{step}"
