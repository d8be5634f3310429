"""How Magento is written: what sets a field, lists of prices and of stock, bulks with a deadline, parcels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connectors.changes import InvalidError, Outcome, Outcomes, Shipment, split_name
from connectors.errors import RefusedError
from connectors.imports import poll
from connectors.mapping import Payload, at, plain_number, text
from connectors.platforms.magento.reading import PAGES, STATES, Reading, customs, delivery, filters
from connectors.rest import Prepared, Stream, merged

__all__ = ["ADDRESS_WRITERS", "LIST_SIZE", "PRODUCT_WRITERS", "Writing", "quantity", "said"]

LIST_SIZE = 20
_BULK_FROM = 10
_BULK_DEADLINE_S = 120.0
_COMPLETE, _AGAIN, _OPEN = 1, 2, 4
_BULK_ROUTE = "async/bulk/V1/products/bySku"
_PLAIN_SKU = re.compile(r"[A-Za-z0-9_.-]+")
_CARRIERS = ("dhl", "fedex", "ups", "usps")
_ADDRESS_NEEDS = ("address_type", "city", "country_id", "firstname", "lastname", "postcode", "telephone")


def said(body: Mapping[str, Any]) -> str:
    """A message with its placeholders filled: parameters come as a map, as a list of values or as a list of maps."""
    message, given = text(body.get("message")), body.get("parameters") or {}
    if isinstance(given, list):
        named = {name: value for one in given if isinstance(one, Mapping) for name, value in one.items()}
        names = dict.fromkeys(re.findall(r"%(\w+)", message))
        given = named | dict(zip(names, (one for one in given if not isinstance(one, Mapping)), strict=False))
    return re.sub(r"%(\w+)", lambda found: text(given.get(found[1], found[0])), message)


def _number(name: str, value: str, *, above_zero: bool = False) -> float:
    number = plain_number(value)
    if number is None or number < 0 or (above_zero and not number):
        least = "above 0" if above_zero else "of 0 or more"
        raise InvalidError(f"{name} {value!r} is not a plain number {least} with a point, such as 12.50.")
    return float(number)


def _title(value: str, current: Payload) -> dict[str, Any]:
    if not value.strip() or len(value) > 255:
        raise InvalidError(f"title has {len(value)} characters; Magento keeps 1 to 255 and would cut the rest.")
    return {"name": value}


def _sale_price(value: str, current: Payload) -> dict[str, Any]:
    if not value:
        return {"custom_attributes": {"special_price": ""}}
    regular = text(current.get("together", {}).get("price") or current.get("price"))
    if _number("sale_price", value, above_zero=True) >= _number("price", regular):
        raise InvalidError(f"sale_price {value} is not below the price {regular}; Magento would not reduce anything.")
    return {"custom_attributes": {"special_price": value}}


def _weight(value: str, current: Payload) -> dict[str, Any]:
    _number("weight_g", value)
    return {"weight": float(current["shop"].weight_unit.from_canonical(value) or 0)}


def _status(value: str, current: Payload) -> dict[str, Any]:
    codes = {name: int(code) for code, name in STATES.items()}
    if value not in codes:
        raise InvalidError(f"status {value!r} is not one of {', '.join(codes)}.")
    return {"status": codes[value]}


def _custom(code: str) -> Callable[[str, Payload], dict[str, Any]]:
    return lambda value, current: current["shop"].custom(code, value)


def _chosen(setting: str) -> Callable[[str, Payload], dict[str, Any]]:
    return lambda value, current: current["shop"].custom(current["shop"].setting(setting), value)


def quantity(value: str, current: Payload) -> dict[str, Any]:
    """What sets the stock of a source."""
    if not re.fullmatch(r"-?\d{1,9}", value):
        raise InvalidError(f"quantity {value!r} is not a whole number, such as 7.")
    return {"quantity": int(value)}


def _address_part(name: str, needed: bool = True) -> Callable[[str, Payload], dict[str, Any]]:
    def write(value: str, current: Payload) -> dict[str, Any]:
        if needed and not value.strip():
            raise InvalidError(f"{name} must not be empty in an address of Magento.")
        return {name: value}

    return write


def _country(value: str, current: Payload) -> dict[str, Any]:
    if not re.fullmatch(r"[A-Z]{2}", value):
        raise InvalidError(f"ship_country {value!r} is not a code of two capital letters, such as DE.")
    return {"country_id": value}


def _recipient(value: str, current: Payload) -> dict[str, Any]:
    address = delivery(current)
    first, last = split_name(value, text(address.get("firstname")), text(address.get("lastname")))
    if not first or not last:
        raise InvalidError(f"ship_name {value!r} needs a first and a last name.")
    return {"firstname": first, "lastname": last}


PRODUCT_WRITERS: dict[str, Callable[[str, Payload], Mapping[str, Any]]] = {
    "title": _title,
    "description": _custom("description"),
    "brand": _chosen("brand_attribute"),
    "gtin": _chosen("gtin_attribute"),
    "mpn": _chosen("mpn_attribute"),
    "category": lambda value, current: current["shop"].category_links(value, current),
    "price": lambda value, current: {"price": _number("price", value)},
    "sale_price": _sale_price,
    "weight_g": _weight,
    "status": _status,
    "attributes.short_description": _custom("short_description"),
    "attributes.meta_title": _custom("meta_title"),
    "attributes.meta_description": _custom("meta_description"),
}
ADDRESS_WRITERS: dict[str, Callable[[str, Payload], Mapping[str, Any]]] = {
    "ship_name": _recipient,
    "ship_street": lambda value, current: {"street": value.split("\n")},
    "ship_city": _address_part("city"),
    "ship_postal_code": _address_part("postcode", needed=False),
    "ship_country": _country,
    "phone": _address_part("telephone"),
}


class Writing(Reading):
    """The writing half of a shop."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._bulk_works = True

    # ---- writing -----------------------------------------------------------------------------------------------

    def custom(self, code: str, value: str) -> dict[str, Any]:
        """The part of a body that sets a custom attribute, with the option's number for its words.

        Raises
        ------
        InvalidError
            When the shop has no such attribute, which it would not say, or no such option.
        """
        attribute = self.attribute(code)
        if attribute is None:
            raise InvalidError(
                f"The shop has no attribute {code!r}, and Magento drops unknown ones without a word. Make it, or name another "
                "one in the connection."
            )
        if value and attribute["frontend_input"] in ("select", "multiselect"):
            numbers = {text(one["label"]): text(one["value"]) for one in attribute.get("options") or ()}
            if not numbers.get(value):
                raise InvalidError(
                    f"The attribute {code!r} has no option {value!r}. Add it under Stores > Attributes > Product.",
                    "unknown_value",
                )
            value = numbers[value]
        return {"custom_attributes": {code: value}}

    def category_links(self, value: str, current: Payload) -> dict[str, Any]:
        """The part of a body that puts a product into another main category; its other categories stay.

        Raises
        ------
        InvalidError
            When there is no such category, or more than one.
        """
        fitting = [key for key, path in self.categories.items() if path == value]
        if value and len(fitting) != 1:
            raise InvalidError(
                f"{len(fitting)} categories of the shop have the path {value!r}; it must be one.", "unknown_value"
            )
        links = list(at(current, "extension_attributes.category_links") or ())
        main = self.main_link(current)
        new = [{"category_id": key, "position": (main or {}).get("position", 0)} for key in fitting if value]
        place = links.index(main) if main in links else 0
        kept = [one for one in links if one is not main and text(one["category_id"]) not in fitting]
        return {"extension_attributes": {"category_links": kept[:place] + new + kept[place:]}}

    def current(self, kind: str, keys: Sequence[tuple[str, str]]) -> dict[str, Payload]:
        """The records as they are stored, and the shop beside them, which writers ask."""
        return {key: {**payload, "shop": self} for key, payload in super().current(kind, keys).items()}

    def body(self, kind: str, prepared: Prepared) -> Any:
        """The changed fields of a product; the whole address of an order and the whole source item with the change in it."""
        if kind == "stock":
            return {"sourceItems": [self._source_item(prepared)]}
        if kind == "order":
            stored = {name: value for name, value in delivery(prepared.current).items() if value is not None}
            if not stored:
                raise InvalidError("Nothing of this order is sent, so it has no address.")
            return {"entity": merged(dict.fromkeys(_ADDRESS_NEEDS, "") | stored, prepared.fragment)}
        fragment = prepared.fragment
        values = fragment.pop("custom_attributes", {})
        listed = [{"attribute_code": code, "value": value} for code, value in values.items()]
        return {
            "product": {"sku": prepared.key, **fragment, **({"custom_attributes": listed} if listed else {})},
        }

    def _source_item(self, prepared: Prepared) -> dict[str, Any]:
        # The status stays: whether something is offered is the merchant's own switch.
        names = ("sku", "source_code", "quantity", "status")
        return {name: prepared.current[name] for name in names} | prepared.fragment

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """One record."""
        if kind == "product" and not _PLAIN_SKU.fullmatch(prepared.key):
            self.client.send("POST", "V1/products", body=self.body(kind, prepared), idempotent=True)
            return {}
        return super().put(kind, prepared)

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Source items in one list; prices in lists of their own; other fields of products as a bulk."""
        if kind == "stock":
            body = {"sourceItems": [self._source_item(one) for one in prepared]}
            try:
                self.client.send("POST", "V1/inventory/source-items", body=body, idempotent=True)
            except RefusedError:
                return self._one_by_one(kind, prepared)
            return _for_all(prepared, lambda one: Outcome())
        prices: list[Prepared] = []
        reduced: list[Prepared] = []
        rest: list[Prepared] = []
        for one in prepared:
            is_price = set(one.fragment) == {"price"}
            (prices if is_price else reduced if _special(one) else rest).append(one)
        outcomes = self._price_list("base-prices", prices, lambda one: one.fragment)
        outcomes |= self._price_list("special-price", reduced, _special)
        if self._bulk_works and len(rest) >= _BULK_FROM:
            return outcomes | self._bulk(rest)
        return outcomes | self._one_by_one(kind, rest)

    def _price_list(self, route: str, prepared: Sequence[Prepared], price: Callable[[Prepared], Any]) -> Outcomes:
        """The answer to a list of prices names the failed rows alone."""
        store = 0 if self.setting("store_code") == "all" else self.shop["id"]
        failed: dict[str, str] = {}
        for start in range(0, len(prepared), LIST_SIZE):
            some = prepared[start : start + LIST_SIZE]
            rows = [{"sku": one.key, "store_id": store, **price(one)} for one in some]
            answer = self.client.send("POST", f"V1/products/{route}", body={"prices": rows}, idempotent=True).value
            failed |= {text(sku): said(row) for row in answer or () for sku in row["parameters"]}
        return _for_all(prepared, lambda one: Outcome("refused", failed[one.key]) if one.key in failed else Outcome())

    def _bulk(self, prepared: Sequence[Prepared]) -> Outcomes:
        body = [self.body("product", one) for one in prepared]
        try:
            answer = self.client.send("PUT", _BULK_ROUTE, body=body, idempotent=True).value
        except RefusedError:
            self._bulk_works = False
            return self._one_by_one("product", prepared)
        refused = {
            one["id"]: text(one.get("error_message")) for one in answer["request_items"] if one["status"] != "accepted"
        }
        ran: dict[int, Mapping[str, Any]] = {}

        def done(operations: Sequence[Mapping[str, Any]]) -> bool:
            ran.update({one["id"]: one for one in operations if one["status"] != _OPEN})
            return len(ran) + len(refused) >= len(prepared)

        path = f"V1/bulk/{answer['bulk_uuid']}/detailed-status"
        state = poll(
            self.client,
            lambda: self.client.send("GET", path).value["operations_list"],
            done,
            first_s=0.5,
            longest_s=15.0,
            deadline_s=_BULK_DEADLINE_S,
        )
        self._bulk_works = state is not None
        outcomes: Outcomes = {}
        for number, one in enumerate(prepared):
            operation = ran.get(number)
            if number in refused:
                outcomes |= one.all(Outcome("refused", refused[number]))
            elif operation is None or operation["status"] == _AGAIN:
                outcomes |= self._put_record("product", one)
            else:
                is_done = operation["status"] == _COMPLETE
                outcomes |= one.all(Outcome() if is_done else Outcome("refused", text(operation["result_message"])))
        return outcomes

    def _one_by_one(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        return {key: value for one in prepared for key, value in self._put_record(kind, one).items()}

    # ---- parcels -----------------------------------------------------------------------------------------------

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """A shipment of the lines that are left, with its track; one that the shop has already is not sent again."""
        if not self.is_key("order", shipment.order_key):
            raise InvalidError(f"{shipment.order_key!r} is not the number of an order.", "missing")
        order = self.client.send("GET", f"V1/orders/{shipment.order_key}").value
        asked = filters("order_id", ("eq", shipment.order_key))
        known = self.walk(Stream("V1/shipments", {}, rows="items", pages=PAGES), asked)
        tracks = [track for rows in known for one in rows for track in one.get("tracks") or ()]
        if any(text(one["track_number"]) == shipment.tracking_number for one in tracks):
            return Outcome()
        carrier = shipment.carrier.strip().lower()
        track = {
            "track_number": shipment.tracking_number,
            "title": shipment.carrier or "Parcel",
            "carrier_code": carrier if carrier in _CARRIERS else "custom",
        }
        body = {
            "items": _shipped(order, shipment),
            "notify": True,
            "tracks": [track] if shipment.tracking_number else [],
            "arguments": {"extension_attributes": {"source_code": self.setting("source_code")}},
        }
        self.client.send("POST", f"V1/order/{shipment.order_key}/ship", body=body)
        return Outcome()


def _special(prepared: Prepared) -> dict[str, Any] | None:
    """A reduced price with its dates, where it is all that changes and both dates are known."""
    value = prepared.fragment.get("custom_attributes", {}).get("special_price")
    known = customs(prepared.current)
    dates = {f"price_{end}": known.get(f"special_{end}_date", "") for end in ("from", "to")}
    is_alone = value and {one.field for one in prepared.changes} == {"sale_price"}
    return {"price": float(value), **dates} if is_alone and all(dates.values()) else None


def _for_all(prepared: Sequence[Prepared], outcome: Callable[[Prepared], Outcome]) -> Outcomes:
    return {key: value for one in prepared for key, value in one.all(outcome(one)).items()}


def _shipped(order: Payload, shipment: Shipment) -> list[dict[str, Any]]:
    """The lines of a parcel with what is left to be sent of them."""
    left: dict[str, Decimal] = {}
    for line in order.get("items") or ():
        gone = sum(Decimal(text(line.get(name)) or 0) for name in ("qty_shipped", "qty_canceled", "qty_refunded"))
        if not line.get("parent_item_id") and not line.get("is_virtual"):
            left[text(line["item_id"])] = Decimal(text(line["qty_ordered"])) - gone
    wanted = {one.line_key: one.quantity for one in shipment.lines} or dict.fromkeys(left)
    if unknown := sorted(set(wanted) - set(left)):
        raise InvalidError(f"The order has no line {', '.join(unknown)} that can be sent; it has {', '.join(left)}.")
    items = [
        {"order_item_id": int(key), "qty": float(left[key] if quantity is None else quantity)}
        for key, quantity in wanted.items()
        if left[key] > 0
    ]
    if not items:
        raise InvalidError("Everything of this order is sent already, with another tracking number.")
    return items
