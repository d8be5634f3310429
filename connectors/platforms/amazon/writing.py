"""From a value to the patches of a listing, so that nothing else in it changes.

A writer gives the part of an attribute that a value sets: members that are put into the stored entry (None takes one
out), a list that replaces all entries, or None for the whole attribute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from connectors.changes import InvalidError, image_addresses
from connectors.mapping import Amount, Payload, at, plain_number, text
from connectors.platforms.amazon.reading import (
    IMAGES,
    MILLIMETRES,
    WEIGHTS,
    currency_of,
    entry,
    family,
    offer,
    own_stock,
    price,
    stock,
    submitted,
)
from connectors.rest import Writer

__all__ = ["PRODUCT_WRITERS", "patches", "write_quantity"]

_FREE = ("bullet_point", "color", "size", "material", "manufacturer", "country_of_origin", "item_type_keyword")
"""Attributes beside the canonical columns that can be written."""

_IN_A_LANGUAGE = frozenset({"item_name", "product_description", "bullet_point", "color", "size", "material"})

_CHOSEN = {"purchasable_offer": offer, "fulfillment_availability": own_stock}
"""Attributes whose entries differ in more than place and language, to ours. For them the operation ``merge`` is documented: tutorials "Merge a listing" and "Manage purchasable offer"
of developer-docs.amazon.com/sp-api (read 2026-11-25)."""


def patches(item: Payload, fragment: Mapping[str, Any], marketplace: str, currency: str) -> Iterator[dict[str, Any]]:
    """The fewest patches that bring a fragment into a listing.

    Parameters
    ----------
    item : mapping
        The listing as it is stored, in one marketplace.
    fragment : mapping
        Attribute to the part that the writers gave.
    marketplace, currency : str
        For what is new.
    """
    language = text(entry(item, "item_name").get("language_tag"))
    for name, part in fragment.items():
        stored, path = item["attributes"].get(name) or [], f"/attributes/{name}"
        blank = {"marketplace_id": marketplace}
        if language and name in _IN_A_LANGUAGE:
            blank["language_tag"] = language
        mine = _CHOSEN[name](item) if name in _CHOSEN else entry(item, name)
        if part is None:
            if stored:
                yield {"op": "delete", "path": path, "value": stored}
        elif isinstance(part, list):
            yield {"op": "replace", "path": path, "value": [{**blank, **one} for one in part]}
        elif name in _CHOSEN and None not in part.values():
            selectors = {**blank, "currency": currency_of(item) or currency, "audience": "ALL"}
            yield {
                "op": "merge",
                "path": path,
                "value": [{**(selectors if name == "purchasable_offer" else {}), **part}],
            }
        else:
            whole = {key: value for key, value in {**(mine or blank), **part}.items() if value is not None}
            if whole != (mine or blank):
                others = [one for one in stored if one is not mine]
                yield {"op": "replace", "path": path, "value": [whole, *others]}


def _words(attribute: str, *, needed: str = "") -> Writer:
    def write(value: str, item: Payload) -> dict[str, Any]:
        if needed and not value.strip():
            raise InvalidError(f"{needed} must not be empty: Amazon refuses the listing.")
        return {attribute: {"value": value} if value.strip() else None}

    return write


def _lines(attribute: str) -> Writer:
    return lambda value, item: {attribute: [{"value": one} for one in value.splitlines() if one.strip()] or None}


def _amount(name: str, value: str, item: Payload) -> float:
    number = plain_number(value)
    if number is None or number <= 0:
        raise InvalidError(f"{name} {value!r} is not a plain number above 0 with a point, such as 12.50.")
    if family(item)[0] == "parent":
        raise InvalidError(f"A variation parent is not sold and has no {name}; set it on its variants.")
    return _number(number)


def _write_price(value: str, item: Payload) -> dict[str, Any]:
    return {"purchasable_offer": {"our_price": [{"schedule": [{"value_with_tax": _amount("price", value, item)}]}]}}


def _write_sale_price(value: str, item: Payload) -> dict[str, Any]:
    if not value.strip():
        return {"purchasable_offer": {"discounted_price": None}}
    number = _amount("sale_price", value, item)
    regular = plain_number(at(item, "together.price") or price(item))
    if regular is not None and number >= regular:
        raise InvalidError(f"sale_price {value!r} is not below the price {regular}; Amazon would not show it.")
    known = submitted(item, "discounted_price")
    dates = {name: known.get(name) or new for name, new in item["sale_dates"].items()}
    return {"purchasable_offer": {"discounted_price": [{"schedule": [{"value_with_tax": number, **dates}]}]}}


def _whole(name: str, value: str, most: int) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) > most:
        raise InvalidError(f"{name} {value!r} is not a whole number from 0 to {most}.")
    return int(value)


def write_quantity(value: str, item: Payload) -> dict[str, Any]:
    """Sets the stock of the merchant's own warehouse."""
    channel = text(stock(item).get("fulfillmentChannelCode")) or "DEFAULT"
    if family(item)[0] == "parent":
        raise InvalidError("A variation parent is not sold and has no stock; set it on its variants.")
    if channel != "DEFAULT":
        raise InvalidError(f"Amazon counts this stock ({channel}); a count of ours would take the offer out of there.")
    number = _whole("quantity", value, 999_999_999)
    return {"fulfillment_availability": {"fulfillment_channel_code": "DEFAULT", "quantity": number}}


def _write_lead_time(value: str, item: Payload) -> dict[str, Any]:
    # Amazon takes no lead time without a stock: that of the same push, or else the live one.
    units = text(at(item, "together.quantity") or stock(item).get("quantity")) or "0"
    part = write_quantity(units, item)["fulfillment_availability"]
    days = _whole("lead_time_days", value, 30) if value.strip() else None
    return {"fulfillment_availability": {**part, "lead_time_to_ship_max_days": days}}


def _measure(name: str, attribute: str, member: str, units: Mapping[str, Amount], default: str) -> Writer:
    def write(value: str, item: Payload) -> dict[str, Any]:
        stored = entry(item, attribute)
        unit = text((stored.get(member) or {} if member else stored).get("unit"))
        unit = unit if unit.lower() in units else default
        number = plain_number(units[unit.lower()].from_canonical(value) or "")
        if value.strip() and (number is None or number < 0):
            raise InvalidError(f"{name} {value!r} is not a plain number such as 350.")
        part = None if number is None else {"unit": unit, "value": _number(number)}
        return {attribute: {member: part} if member else part}

    return write


def _write_images(value: str, item: Payload) -> dict[str, Any]:
    wanted = image_addresses(value)
    if len(wanted) > len(IMAGES):
        raise InvalidError(f"Amazon keeps {len(IMAGES)} images, and these are {len(wanted)}; leave some out.")
    places = dict(zip(IMAGES, wanted, strict=False))
    return {name: {"media_location": places[name]} if name in places else None for name in IMAGES}


def _number(number: Decimal) -> float:
    return int(number) if number == number.to_integral_value() else float(number)


PRODUCT_WRITERS: dict[str, Writer] = {
    "title": _words("item_name", needed="title"),
    "description": _words("product_description"),
    "mpn": _words("part_number"),
    "images": _write_images,
    "price": _write_price,
    "sale_price": _write_sale_price,
    "quantity": write_quantity,
    "lead_time_days": _write_lead_time,
    "weight_g": _measure("weight_g", "item_package_weight", "", WEIGHTS, "grams"),
    **{
        f"{side}_mm": _measure(f"{side}_mm", "item_package_dimensions", side, MILLIMETRES, "millimeters")
        for side in ("length", "width", "height")
    },
    **{f"attributes.{name}": _words(name) for name in _FREE},
    "attributes.bullet_point": _lines("bullet_point"),
}
"""Canonical field to what sets it."""
