"""How fields of a listing are written, and how its inventory is made anew with changes in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.changes import Change, InvalidError, Outcomes, image_addresses
from connectors.mapping import WEIGHT, Amount, Payload, at, plain_number, text
from connectors.platforms.etsy.reading import LENGTHS, key_of, offering_of, products_of
from connectors.rest import Writer

__all__ = ["NEEDS_CURRENT", "OFFERED", "WRITERS", "changed_tree", "quantity"]

OFFERED = ("price", "quantity", "sku")
"""Fields of the inventory; each has a list of the properties on which it may vary."""

_MADE = ("who_made", "when_made", "is_supply")


def quantity(value: str, current: Payload) -> dict[str, Any]:
    """Units of a product."""
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise InvalidError(f"quantity {value!r} is not a whole number of units, such as 7.")
    return {"quantity": int(value)}


def changed_tree(listing: str, inventory: Payload, changes: Sequence[Change]) -> tuple[dict[str, Any] | None, Outcomes]:
    """The whole inventory with the changes in it, in the form that Etsy takes, and what was said of those left out.

    Returns
    -------
    (dict or None, dict)
        No tree where no change is left.
    """
    products = {key_of(listing, one): one for one in products_of({"inventory": inventory})}
    outcomes: Outcomes = {}
    fragments: dict[str, Mapping[str, Any]] = {}
    for one in changes:
        try:
            fragments[one.correction_id] = WRITERS[one.field](one.value, _product(listing, products, one))
        except InvalidError as error:
            outcomes |= error.outcomes([one])
    good = [one for one in changes if one.correction_id in fragments]
    for name, properties in _uneven(inventory, _tree(inventory, products, good, fragments)):
        spoilt = [one for one in good if one.field == name]
        outcomes |= InvalidError(
            f"{name} may differ between variants of this listing only by the properties {properties or 'none'}: change all "
            "variants alike, or let it vary at Etsy first."
        ).outcomes(spoilt)
        good = [one for one in good if one not in spoilt]
    return (_tree(inventory, products, good, fragments) if good else None), outcomes


def _product(listing: str, products: Mapping[str, Payload], change: Change) -> Payload:
    if change.record_key in products:
        return products[change.record_key]
    if change.record_key == listing and products:
        raise InvalidError(f"{change.field} belongs to the variants of the product; change it there.")
    raise InvalidError(f"The listing has no variant {change.record_key!r} any more.", "missing")


def _tree(
    inventory: Payload,
    products: Mapping[str, Payload],
    changes: Iterable[Change],
    fragments: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Only what the description knows: Etsy refuses its own answer as soon as one member of it is too many."""
    wanted: dict[str, dict[str, Any]] = {}
    for one in changes:
        wanted.setdefault(one.record_key, {}).update(fragments[one.correction_id])
    on_property = {
        f"{name}_on_property": inventory[f"{name}_on_property"]
        for name in (*OFFERED, "readiness_state")
        if inventory.get(f"{name}_on_property") is not None
    }
    return {"products": [_sent(one, wanted.get(key, {})) for key, one in products.items()]} | on_property


def _sent(product: Payload, wanted: Mapping[str, Any]) -> dict[str, Any]:
    price = at(offering_of(product), "price") or {}
    present = {"price": int(price.get("amount", 0)) / int(price.get("divisor") or 1)}
    offering = {k: v for k, v in offering_of(product).items() if k in ("quantity", "is_enabled", "readiness_state_id")}
    kept = ("property_id", "property_name", "scale_id", "value_ids", "values")
    return {
        "sku": wanted.get("sku", product.get("sku") or ""),
        "property_values": [
            {k: one[k] for k in kept if k in one and (one[k] is not None or k == "scale_id")}
            for one in product.get("property_values") or []
        ],
        "offerings": [present | offering | {k: v for k, v in wanted.items() if k != "sku"}],
    }


def _uneven(inventory: Payload, tree: Mapping[str, Any]) -> list[tuple[str, list[int]]]:
    """Fields that differ between products which their properties do not tell apart; Etsy refuses the tree then."""
    found = []
    for name in OFFERED:
        properties = list(inventory.get(f"{name}_on_property") or [])
        groups: dict[tuple[str, ...], set[Any]] = {}
        for product in tree["products"]:
            values = {one["property_id"]: ",".join(one["values"]) for one in product["property_values"]}
            value = product["sku"] if name == "sku" else product["offerings"][0].get(name)
            groups.setdefault(tuple(values.get(one, "") for one in properties), set()).add(value)
        if any(len(some) > 1 for some in groups.values()):
            found.append((name, properties))
    return found


def _price(value: str, current: Payload) -> dict[str, Any]:
    number, divisor = plain_number(value), int(at(offering_of(current), "price.divisor") or 100)
    if number is None or number <= 0 or number * divisor % 1:
        raise InvalidError(f"price {value!r} is not a plain amount above 0 with a point, such as 12.50.")
    return {"price": float(number)}


def _title(value: str, current: Payload) -> dict[str, Any]:
    if not value.strip() or (strange := _strange(value, "LP", ("Nd", "Sm", "Zs"), "™©®")):
        raise InvalidError(
            "title must not be empty and holds letters, digits, punctuation and mathematical signs alone"
            f"{f', not {strange}' if value.strip() else ''}."
        )
    if twice := [sign for sign in "%:&+" if value.count(sign) > 1]:
        raise InvalidError(f"title may hold each of '%', ':', '&' and '+' once; it has more of {' '.join(twice)}.")
    return {"title": value}


def _strange(value: str, classes: str, kinds: Sequence[str], signs: str) -> str:
    """The signs of a text that are in none of these classes and kinds of Unicode."""
    found = ((sign, unicodedata.category(sign)) for sign in value)
    return " ".join(sign for sign, kind in found if kind[0] not in classes and kind not in kinds and sign not in signs)


def _size(name: str, unit: str, units: Mapping[str, Amount], default: str) -> Writer:
    """In the unit that the listing has; only where it has none, a unit is set, too."""

    def write(value: str, current: Payload) -> dict[str, Any]:
        number, known = plain_number(value), current.get(unit) or default
        if number is None or number <= 0:
            raise InvalidError(f"{name} {value!r} is not a plain number above 0; Etsy keeps no other.")
        return {name: units[known].from_canonical(value)} | ({} if current.get(unit) else {unit: default})

    return write


def _listed(name: str, signs: str) -> Writer:
    """A list that goes as one text with commas."""

    def write(value: str, current: Payload) -> dict[str, Any]:
        entries = [one.strip() for one in value.split(",") if one.strip()]
        if strange := _strange("".join(entries), "L", ("Nd", "Zs"), signs):
            raise InvalidError(f"{name} holds {strange}, which Etsy refuses; letters, digits, blanks{signs} are taken.")
        if len({one.casefold() for one in entries}) < len(entries):
            raise InvalidError(f"{name} names an entry twice, which Etsy refuses.")
        return {name: ",".join(entries)}

    return write


def _word(name: str, pattern: str, wanted: str) -> Writer:
    def write(value: str, current: Payload) -> dict[str, Any]:
        if not re.fullmatch(pattern, value):
            raise InvalidError(f"{name} {value!r} is not {wanted}.")
        return {name: value}

    return write


def _made(name: str, pattern: str, wanted: str) -> Writer:
    """One of three members that are taken together only: the others go as they are."""
    check = _word(name, pattern, wanted)

    def write(value: str, current: Payload) -> dict[str, Any]:
        same = {one: text(current.get(one)) for one in _MADE}
        return {one: known for one, known in same.items() if known} | dict(check(value, current))

    return write


def _status(value: str, current: Payload) -> dict[str, Any]:
    if value not in ("active", "inactive") or current.get("state") not in ("active", "inactive"):
        raise InvalidError(
            f"status goes between active and inactive only; from {current.get('state')} to {value!r} the listing would be "
            "renewed or published for a fee, or it is impossible. Do that at Etsy."
        )
    return {"state": value}


_NUMBER = r"[1-9][0-9]{0,17}"

WRITERS: Mapping[str, Writer] = {
    "price": _price,
    "quantity": quantity,
    "sku": lambda value, current: {"sku": value},
    "title": _title,
    "description": _word("description", r"(?s).*\S.*", "a text that says something"),
    "category": lambda value, current: {"category": value},
    "images": lambda value, current: {"images": image_addresses(value)},
    "status": _status,
    "weight_g": _size("item_weight", "item_weight_unit", WEIGHT, "g"),
    "length_mm": _size("item_length", "item_dimensions_unit", LENGTHS, "mm"),
    "width_mm": _size("item_width", "item_dimensions_unit", LENGTHS, "mm"),
    "height_mm": _size("item_height", "item_dimensions_unit", LENGTHS, "mm"),
    "attributes.tags": _listed("tags", "-'™©®"),
    "attributes.materials": _listed("materials", ""),
    "attributes.who_made": _made("who_made", "i_did|someone_else|collective", "i_did, someone_else or collective"),
    "attributes.when_made": _made("when_made", "[a-z0-9]+(_[a-z0-9]+)*", "a time such as made_to_order or 1990s"),
    "attributes.is_supply": _made("is_supply", "true|false", "true or false"),
    "attributes.should_auto_renew": _word("should_auto_renew", "true|false", "true or false"),
    "attributes.shipping_profile_id": _word("shipping_profile_id", _NUMBER, "the number of a shipping profile"),
    "attributes.return_policy_id": _word("return_policy_id", _NUMBER, "the number of a return policy"),
    "attributes.shop_section_id": _word("shop_section_id", _NUMBER, "the number of a section of the shop"),
}
"""Canonical field to what sets it: `OFFERED` in the inventory, the others in the listing's form."""

NEEDS_CURRENT = frozenset(
    {"images", "status", "weight_g", "length_mm", "width_mm", "height_mm"} | {f"attributes.{name}" for name in _MADE}
)
"""Fields of the form whose writer must know the listing as it is stored."""
