"""What sets a field of an offer: each writer gives the part of an import that it belongs to.

``offer`` goes with the whole offer (OF24), ``price`` with all its prices (PRI01), ``quantity`` with its stock (STO01).
The offer that a writer gets carries ``features`` (PC01) and ``warehouse`` (of the record that is changed).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.changes import InvalidError
from connectors.mapping import Payload, at, plain_number, text
from connectors.rest import Writer

__all__ = ["FIELDS", "quantity"]


def _amount(column: str) -> Writer:
    """Writer of a price; an empty reduced price ends the discount."""

    def write(value: str, offer: Payload) -> dict[str, Any]:
        if not value and column == "discount-price":
            return {"price": dict.fromkeys((column, "discount-start-date", "discount-end-date"), "")}
        number, places = plain_number(value), int(text(offer["features"].get("offer_prices_decimals")) or "2")
        if number is None or number <= 0:
            raise InvalidError(f"{value!r} is not a plain number above 0 with a point, such as 12.50.")
        if -int(number.normalize().as_tuple().exponent) > places:
            raise InvalidError(f"{value!r} has more decimal places than the {places} that this marketplace takes.")
        return {"price": {column: value}}

    return write


def quantity(value: str, offer: Payload) -> dict[str, Any]:
    """The stock of an offer, or of it in one warehouse."""
    if not re.fullmatch(r"\d{1,9}", value):
        raise InvalidError(f"quantity {value!r} is not a whole number of at least 0, such as 7.")
    if offer.get("warehouses") and not offer["warehouse"]:
        raise InvalidError("The stock of this offer is kept by warehouse; change the stock record of the warehouse.")
    return {"quantity": {offer["warehouse"]: value}}


def _moment(name: str) -> Writer:
    def write(value: str, offer: Payload) -> dict[str, Any]:
        # A moment without a zone would be taken for one in the operator's time zone.
        if value and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
            raise InvalidError(f"{value!r} is not a moment in UTC, such as 2026-11-27T00:00:00Z.")
        return {"offer": {name: value or None}}

    return write


def _whole(name: str, feature: str = "") -> Writer:
    def write(value: str, offer: Payload) -> dict[str, Any]:
        if feature and at(offer["features"], feature) in (False, "NO"):
            raise InvalidError(f"This marketplace does not let sellers set {name} (PC01: {feature}).")
        if value and not re.fullmatch(r"\d{1,9}", value):
            raise InvalidError(f"{name} {value!r} is not a whole number, such as 7.")
        return {"offer": {name: int(value) if value else None}}

    return write


def _free(name: str) -> Writer:
    return lambda value, offer: {"offer": {name: value or None}}


def _condition(value: str, offer: Payload) -> dict[str, Any]:
    if not value.strip():
        raise InvalidError("The condition must not be empty: give one of the operator's codes (OF61), such as 11.")
    return {"offer": {"state_code": value}}


def _lead_time(value: str, offer: Payload) -> dict[str, Any]:
    if value == "0":
        raise InvalidError("A lead time of 0 days is shown as 1; send 1.")
    return dict(_whole("leadtime_to_ship", "lead_time_to_ship_by_sellers_enabled")(value, offer))


def _flag(name: str) -> Writer:
    def write(value: str, offer: Payload) -> dict[str, Any]:
        if value not in ("true", "false", ""):
            raise InvalidError(f"{name} is {value!r}; it must be true or false.")
        return {"offer": {name: value == "true"}}

    return write


FIELDS: Mapping[str, Writer] = {
    "price": _amount("price"),
    "sale_price": _amount("discount-price"),
    "quantity": quantity,
    "description": _free("description"),
    "condition": _condition,
    "lead_time_days": _lead_time,
    "attributes.internal_description": _free("internal_description"),
    "attributes.price_additional_info": _free("price_additional_info"),
    "attributes.logistic_class": _free("logistic_class"),
    "attributes.product_tax_code": _free("product_tax_code"),
    "attributes.min_order_quantity": _whole("min_order_quantity", "order_conditions.minimum_order_quantity"),
    "attributes.max_order_quantity": _whole("max_order_quantity", "order_conditions.maximum_order_quantity"),
    "attributes.package_quantity": _whole("package_quantity", "order_conditions.package_order_quantity"),
    "attributes.min_quantity_alert": _whole("min_quantity_alert"),
    "attributes.allow_quote_requests": _flag("allow_quote_requests"),
    "attributes.available_start_date": _moment("available_started"),
    "attributes.available_end_date": _moment("available_ended"),
}
"""Fields of a product that a seller may set."""
