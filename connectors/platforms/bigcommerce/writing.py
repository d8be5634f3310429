"""How BigCommerce is written: what sets a field, batches, pictures, whole addresses, adjustments of stock, parcels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from babel import Locale

from connectors.changes import InvalidError, Outcome, Outcomes, Shipment, image_addresses, split_name
from connectors.errors import RefusedError
from connectors.mapping import Payload, at, plain_number, text
from connectors.platforms.bigcommerce.reading import MEASURES, Reading, delivery, own_or, picture
from connectors.rest import Prepared, Stream, merged

__all__ = ["ORDER_WRITERS", "PRODUCT_WRITERS", "Writing", "quantity"]

_PRODUCTS_AT_ONCE = 10
_LOCALE = Locale("en")
_CONDITIONS = {"new": "New", "used": "Used", "refurbished": "Refurbished"}
_IN_BULK = frozenset({"price", "sale_price", "upc", *MEASURES.values()})
_PROVIDERS = ("auspost", "canadapost", "endicia", "usps", "fedex", "ups", "royalmail")
_TRACKED = ("dhl", "dpd", "gls", "ups", "usps", "fedex", "tnt", "hermes")

Writer = Callable[[str, Payload], dict[str, Any]]


def _of_product(write: Writer) -> Writer:
    """For fields that a variant shares with its product."""

    def checked(value: str, current: Payload) -> dict[str, Any]:
        if "of" in current:
            raise InvalidError(f"This belongs to the product; change it on product {current['of']['id']}.")
        return write(value, current)

    return checked


def _text(name: str, longest: int, shortest: int = 0) -> Writer:
    def write(value: str, current: Payload) -> dict[str, Any]:
        if not shortest <= len(value) <= longest or (shortest and not value.strip()):
            raise InvalidError(f"{name} has {len(value)} characters; BigCommerce takes {shortest} to {longest}.")
        return {name: value}

    return write


def _number(name: str, value: str) -> float:
    number = plain_number(value)
    if number is None or number < 0:
        raise InvalidError(f"{name} {value!r} is not a plain number of 0 or more with a point, such as 12.50.")
    return float(number)


def _sale_price(value: str, current: Payload) -> dict[str, Any]:
    if not value:
        return {"sale_price": None if "of" in current else 0.0}
    regular = text(current.get("together", {}).get("price") or own_or(current, current.get("of", {}), "price"))
    if not 0 < _number("sale_price", value) < _number("price", regular):
        raise InvalidError(f"sale_price {value} must be above 0 and below the price {regular}.")
    return {"sale_price": float(value)}


def _gtin(value: str, current: Payload) -> dict[str, Any]:
    """Into the field that holds it already: many stores keep it in ``upc``."""
    name = "upc" if current.get("upc") and not current.get("gtin") else "gtin"
    return _text(name, 14)(value, current)


def _measure(field: str) -> Writer:
    def write(value: str, current: Payload) -> dict[str, Any]:
        _number(field, value)
        return {MEASURES[field]: float(current["shop"].unit(field).from_canonical(value) or 0)}

    return write


def _choice(name: str, values: Mapping[str, Any]) -> Writer:
    def write(value: str, current: Payload) -> dict[str, Any]:
        if value not in values:
            raise InvalidError(f"{value!r} is not one of {', '.join(values)}.")
        return {name: values[value]}

    return write


def _images(value: str, current: Payload) -> dict[str, Any]:
    wanted = image_addresses(value)
    if long := [one for one in wanted if len(one) > 255]:
        raise InvalidError(f"A picture's address has {len(long[0])} characters; BigCommerce takes up to 255.")
    return {"images": wanted}


def quantity(value: str, current: Payload) -> dict[str, Any]:
    """What sets the stock at a location."""
    if not re.fullmatch(r"\d{1,9}", value):
        raise InvalidError(f"quantity {value!r} is not a whole number of 0 or more, such as 7.")
    return {"quantity": int(value)}


def _email(value: str, current: Payload) -> dict[str, Any]:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) or ".." in value:
        raise InvalidError(f"The new e-mail address ({len(value)} characters) is none.")
    return {"billing": {"email": value}}


def _name(part: str, find: Callable[[Payload], Mapping[str, Any]]) -> Writer:
    def write(value: str, current: Payload) -> dict[str, Any]:
        known = find(current)
        first, last = split_name(value, text(known.get("first_name")), text(known.get("last_name")))
        return {part: {"first_name": first, "last_name": last}}

    return write


def _part(part: str, name: str) -> Writer:
    return lambda value, current: {part: {name: value}}


def _street(value: str, current: Payload) -> dict[str, Any]:
    first, _, second = value.partition("\n")
    return {"shipping": {"street_1": first, "street_2": second}}


def _country(value: str, current: Payload) -> dict[str, Any]:
    name = _LOCALE.territories.get(value)
    if not re.fullmatch(r"[A-Z]{2}", value) or not name:
        raise InvalidError(f"ship_country {value!r} is not the code of a country, such as DE.")
    return {"shipping": {"country_iso2": value, "country": name}}


PRODUCT_WRITERS: dict[str, Writer] = {
    "title": _of_product(_text("name", 250, 1)),
    "description": _of_product(lambda value, current: {"description": value}),
    "brand": _of_product(lambda value, current: {"brand_id": current["shop"].brand_id(value)}),
    "category": _of_product(lambda value, current: {"categories": current["shop"].category_ids(value, current)}),
    "condition": _of_product(_choice("condition", _CONDITIONS)),
    "status": _of_product(_choice("is_visible", {"active": True, "draft": False})),
    "images": _of_product(_images),
    "sku": _text("sku", 255, 1),
    "gtin": _gtin,
    "mpn": _text("mpn", 255),
    "price": lambda value, current: {"price": _number("price", value)},
    "sale_price": _sale_price,
    **{field: _measure(field) for field in MEASURES},
    "attributes.page_title": _of_product(_text("page_title", 255)),
    "attributes.meta_description": _of_product(_text("meta_description", 65535)),
    "attributes.search_keywords": _of_product(_text("search_keywords", 65535)),
    "attributes.warranty": _of_product(_text("warranty", 65535)),
}
ORDER_WRITERS: dict[str, Writer] = {
    "buyer_name": _name("billing", lambda payload: payload.get("billing_address") or {}),
    "email": _email,
    "phone": _part("billing", "phone"),
    "ship_name": _name("shipping", delivery),
    "ship_street": _street,
    "ship_city": _part("shipping", "city"),
    "ship_region": _part("shipping", "state"),
    "ship_postal_code": _part("shipping", "zip"),
    "ship_country": _country,
}
_SHIPPING_MEMBERS = (
    "first_name",
    "last_name",
    "company",
    "street_1",
    "street_2",
    "city",
    "state",
    "zip",
    "country",
    "country_iso2",
    "phone",
    "email",
    "shipping_method",
    "form_fields",
)


class Writing(Reading):
    """The writing half of a store."""

    # ---- writing -----------------------------------------------------------------------------------------------

    def current(self, kind: str, keys: Sequence[tuple[str, str]]) -> dict[str, Payload]:
        """The records as they are stored, a variant with its product, each with the store that writers ask."""
        found: dict[str, Payload] = {}
        for key, payload in super().current(kind, keys).items():
            variant = next(
                (one for one in payload.get("variants") or () if key == f"{payload['id']}/{one['id']}"), None
            )
            found[key] = {**(variant or payload), **({"of": payload} if variant else {}), "shop": self}
        return found

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """One record: an order's addresses, pictures of a product, and everything else each in the calls they need."""
        if kind == "order":
            self._put_order(prepared)
            return {}
        if kind == "stock":
            self._adjust([prepared])
            return {}
        fragment = prepared.fragment
        pictures = fragment.pop("images", None)
        outcomes = self._put_fields(prepared, fragment) if fragment else {}
        if pictures is not None:
            self._put_pictures(prepared.key, pictures, prepared.current)
        return outcomes

    def _put_fields(self, prepared: Prepared, fragment: Mapping[str, Any]) -> Outcomes:
        product, _, variant = prepared.key.partition("/")
        path = f"v3/catalog/products/{product}" + (f"/variants/{variant}" if variant else "")
        answer = self.client.send("PUT", path, body=fragment)
        # 207: the product is saved, and some part of it (stock, address of its page) is not.
        failed = at(answer.value, "errors.errors") or {} if answer.status == 207 else {}
        return {
            one.correction_id: Outcome("refused", f"{name} {failed[name]}")
            for changes, part in prepared.parts
            for name in part
            if name in failed
            for one in changes
        }

    def _put_pictures(self, key: str, wanted: Sequence[str], current: Payload) -> None:
        path = f"v3/catalog/products/{key}/images"
        known = {picture(one): one["id"] for one in current.get("images") or ()}
        for place, address in enumerate(wanted):
            about = {"sort_order": place, "is_thumbnail": place == 0}
            if address in known:
                self.client.send("PUT", f"{path}/{known[address]}", body=about)
            else:
                self.client.send("POST", path, body=about | {"image_url": address})
        for address, number in known.items():
            if address not in wanted:
                self.client.send("DELETE", f"{path}/{number}")

    def _put_order(self, prepared: Prepared) -> None:
        fragment, order = prepared.fragment, prepared.current
        if billing := fragment.get("billing"):
            whole = merged(order.get("billing_address") or {}, billing)
            self.client.send("PUT", f"v2/orders/{prepared.key}", body={"billing_address": whole})
        if shipping := fragment.get("shipping"):
            address = delivery(order)
            if not address:
                raise InvalidError("Nothing of this order is sent, so it has no address.")
            whole = {name: address[name] for name in _SHIPPING_MEMBERS if address.get(name) is not None} | shipping
            self.client.send("PUT", f"v2/orders/{prepared.key}/shipping_addresses/{address['id']}", body=whole)

    def _adjust(self, prepared: Sequence[Prepared]) -> None:
        items = []
        for one in prepared:
            location, _, variant = one.key.partition("/")
            items.append({"location_id": int(location), "variant_id": int(variant), **one.fragment})
        body = {"reason": "Correction by Channelmend", "items": items}
        self.client.send("PUT", "v3/inventory/adjustments/absolute", body=body)

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Adjustments in one call, products by ten, variants by fifty; a batch that is refused goes one by one."""
        if kind == "stock":
            return self._batch(kind, prepared, partial(self._adjust, prepared))
        outcomes: Outcomes = {}
        products: list[Prepared] = []
        variants: list[Prepared] = []
        rest: list[Prepared] = []
        for one in prepared:
            is_variant, names = "/" in one.key, set(one.fragment)
            batch = variants if is_variant and names <= _IN_BULK else products if not is_variant else rest
            (rest if "images" in names else batch).append(one)
        for start in range(0, len(products), _PRODUCTS_AT_ONCE):
            some = products[start : start + _PRODUCTS_AT_ONCE]
            outcomes |= self._batch(kind, some, partial(self._put_list, "v3/catalog/products", some))
        if variants:
            outcomes |= self._batch(kind, variants, partial(self._put_list, "v3/catalog/variants", variants))
        return outcomes | {key: one for other in rest for key, one in self._put_record(kind, other).items()}

    def _put_list(self, path: str, prepared: Sequence[Prepared]) -> None:
        body = [{"id": int(one.key.rpartition("/")[2]), **one.fragment} for one in prepared]
        answer = self.client.send("PUT", path, body=body)
        if answer.status == 207:
            raise RefusedError("Some of the batch failed.", status=207)

    def _batch(self, kind: str, prepared: Sequence[Prepared], send: Callable[[], None]) -> Outcomes:
        try:
            send()
        except RefusedError:
            return {key: one for other in prepared for key, one in self._put_record(kind, other).items()}
        return {key: one for other in prepared for key, one in other.all(Outcome()).items()}

    # ---- parcels -----------------------------------------------------------------------------------------------

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """One shipment for each address that the parcel's lines go to; what the store knows already is not sent again."""
        if not self.is_key("order", shipment.order_key):
            raise InvalidError(f"{shipment.order_key!r} is not the number of an order.", "missing")
        if len(shipment.tracking_number) > 50 or len(shipment.tracking_url) > 500:
            raise InvalidError("BigCommerce takes tracking numbers of 50 and tracking links of 500 characters.")
        order = self.item(self.streams["order"], shipment.order_key)
        if order is None:
            raise InvalidError(f"BigCommerce has no order {shipment.order_key}.", "missing")
        path = f"v2/orders/{shipment.order_key}/shipments"
        pages = self.walk(Stream(path, {}, pages=self.streams["order"].pages))
        known = {text(one.get("tracking_number")) for rows in pages for one in rows}
        if shipment.tracking_number and shipment.tracking_number in known:
            return Outcome()
        carrier = re.sub(r"[^a-z]", "", shipment.carrier.lower())
        about = {
            "tracking_number": shipment.tracking_number,
            "shipping_provider": carrier if carrier in _PROVIDERS else "",
            "tracking_carrier": carrier if carrier in _TRACKED else "",
            "comments": shipment.carrier,
        } | ({"tracking_link": shipment.tracking_url} if shipment.tracking_url else {})
        for address, items in _to_send(order, shipment).items():
            body = about | {"order_address_id": address, "items": items}
            self.client.send("POST", path, body=body)
        return Outcome()


def _to_send(order: Payload, shipment: Shipment) -> dict[int, list[dict[str, int]]]:
    """Address to the lines of a parcel with what is left to be sent of them."""
    lines = {
        text(line["id"]): (one["id"], int(line["quantity"]) - int(line.get("quantity_shipped") or 0))
        for one in at(order, "consignments.shipping") or ()
        for line in one.get("line_items") or ()
    }
    wanted = {one.line_key: one.quantity for one in shipment.lines} or dict.fromkeys(lines)
    if unknown := sorted(set(wanted) - set(lines)):
        raise InvalidError(f"The order has no line {', '.join(unknown)} that is sent; it has {', '.join(lines)}.")
    found: dict[int, list[dict[str, int]]] = {}
    for key, quantity in wanted.items():
        address, left = lines[key]
        if left > 0:
            found.setdefault(address, []).append({"order_product_id": int(key), "quantity": quantity or left})
    if not found:
        raise InvalidError("Everything of this order is sent already, with another tracking number.")
    return found
