"""What PrestaShop lets one change, field by field: the records and nodes that hold it, and the values that are not sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.changes import Change, InvalidError, split_name
from connectors.mapping import plain_number, text
from connectors.platforms.prestashop.reading import (
    SIZES,
    TEXTS,
    Item,
    code_node,
    is_variant,
    net_price,
    phone_node,
    sale_of,
    tax_factor,
)
from connectors.platforms.prestashop.wire import Row, Wire, links
from connectors.rest import Update

__all__ = ["REDUCTION", "UPDATES", "checked", "holds", "key_of", "reduce"]

Writer = Callable[[str, Item], Mapping[str, Any]]
"""Gives resource to the nodes that a value sets. The item also holds the ``shop`` and what it is searched by (``find``)."""

REDUCTION = "specific_prices"
"""The resource of reductions: records beside the product, written by `reduce`."""

_BATCH = 20
"""The shop works on one body in one PHP request and may index each product for its search: 10 to 50 are sensible (fact
sheet, "Bulk", read 2026-11-25)."""

_NEVER = "0000-00-00 00:00:00"
_ILLEGAL = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_SIZE_OF = {"meta_title": 255, "meta_description": 512}
_NARROWING = ("id_cart", "id_currency", "id_country", "id_group", "id_customer", "id_specific_price_rule")
_FOR_ALL = {
    **dict.fromkeys((*_NARROWING[:-1], "id_shop", "reduction", "reduction_tax"), "0"),
    "from_quantity": "1",
    "reduction_type": "amount",
    "from": _NEVER,
    "to": _NEVER,
}


def checked(name: str, value: str, form: str, wanted: str) -> str:
    """The value when it has that form and XML can carry it.

    Raises
    ------
    InvalidError
        When not, naming the value and what is wanted.
    """
    if not re.fullmatch(form, value, re.DOTALL):
        raise InvalidError(f"{name} {value[:80]!r} is not {wanted}.")
    if _ILLEGAL.search(value):
        raise InvalidError(f"{name} holds control characters, which XML cannot carry. Take them out.")
    return value


def _own(name: str, node: str, form: str, wanted: str) -> Writer:
    """Sets a field of the product or combination itself."""
    return lambda value, item: {item["resource"]: {node: checked(name, value, form, wanted)}}


def _worded(name: str, node: str, form: str = ".*", wanted: str = "text") -> Writer:
    """Sets a text in the language of the connection; the other languages stay."""

    def write(value: str, item: Item) -> Mapping[str, Any]:
        return {"products": {node: {"language": {item["shop"].language: checked(name, value, form, wanted)}}}}

    return write


def _chosen(name: str, node: str, choices: Mapping[str, str]) -> Writer:
    def write(value: str, item: Item) -> Mapping[str, Any]:
        if value not in choices:
            raise InvalidError(f"{name} {value!r} is not one of {', '.join(choices)}.")
        return {"products": {node: choices[value]}}

    return write


def _shared(writers: Mapping[str, Writer]) -> dict[str, Writer]:
    """The writers of what all combinations of a product share."""

    def refusing(name: str, write: Writer) -> Writer:
        def write_product(value: str, item: Item) -> Mapping[str, Any]:
            if is_variant(item):
                raise InvalidError(
                    f"{name} belongs to the product {item['parent']}, not to its combination: change it there."
                )
            return write(value, item)

        return write_product

    return {name: refusing(name, write) for name, write in writers.items()}


def _typed_price(name: str, value: str, item: Item) -> Decimal:
    """A typed price without tax."""
    number, factor = plain_number(value), tax_factor(item)
    if number is None or not 0 <= number < 10**10 or number != round(number, 6):
        raise InvalidError(
            f"{name} {value!r} is not a plain number from 0 with a point, such as 12.50, of at most 6 decimals."
        )
    if factor == 0:
        raise InvalidError(
            f"{name}: the product costs nothing yet, so the shop does not tell its tax. Set a price there first."
        )
    return number if factor is None else round(number / factor, 6)


def _price(value: str, item: Item) -> Mapping[str, Any]:
    """Of a combination what it has beyond the product, below zero where it is cheaper."""
    base = Decimal(item["product"]["price"]) if is_variant(item) else 0
    return {item["resource"]: {"price": text(_typed_price("price", value, item) - base)}}


def _sale_price(value: str, item: Item) -> Mapping[str, Any]:
    new = item.get("together", {}).get("price")
    base = net_price(item) if new is None else _typed_price("price", new, item)
    sale = _typed_price("sale_price", value, item) if value else None
    if sale is not None and sale >= base:
        raise InvalidError(f"sale_price {value} is not below the price.")
    return {REDUCTION: {"sale": "" if sale is None else text(sale), "base": text(base)}}


def _measure(name: str, node: str, unit: str) -> Writer:
    def write(value: str, item: Item) -> Mapping[str, Any]:
        amount = getattr(item["shop"], unit).from_canonical(value)
        if amount is None or Decimal(amount) < 0:
            raise InvalidError(f"{name} {value!r} is not a plain number from 0, such as 350.")
        base = Decimal(item["product"][node]) if is_variant(item) else 0
        return {item["resource"]: {node: text(Decimal(amount) - base)}}

    return write


def _gtin(value: str, item: Item) -> Mapping[str, Any]:
    if value and value == text(item["own"].get("upc")):
        # It shows as soon as no European code stands before it.
        return {item["resource"]: {"ean13": ""}}
    node = code_node(item) if len(value) <= 12 else "ean13"
    most = 13 if is_variant(item) else 14
    return {item["resource"]: {node: checked("gtin", value, rf"\d{{0,{most}}}", f"at most {most} digits")}}


def _brand(value: str, item: Item) -> Mapping[str, Any]:
    return {"products": {"id_manufacturer": item["find"]("manufacturers", value) if value else "0"}}


def _category(value: str, item: Item) -> Mapping[str, Any]:
    """The new one takes the place of the one before; what else the product is listed under stays, Home among it."""
    home, before = item["shop"].settings["PS_HOME_CATEGORY"], text(item["product"]["id_category_default"])
    new = item["find"]("categories", value) if value else home
    if not new:
        raise InvalidError("The shop does not tell which category is its home (PS_HOME_CATEGORY): choose one by name.")
    listed = links(item["product"], "categories")
    if value and new in listed:
        return {"products": {"id_category_default": new}}
    kept = [one for one in listed if one != before or one == home]
    groups = {"categories": list(dict.fromkeys([*kept, new]))}
    return {"products": {"id_category_default": new, "associations": groups}}


def _quantity(value: str, item: Item) -> Mapping[str, Any]:
    if text(item["own"].get("depends_on_stock")) == "1":
        raise InvalidError("The quantity follows from the shop's own stock management: change it there.")
    number = checked("quantity", value, r"-?\d{1,10}", "a whole number, such as 7")
    if not -(2**31) <= int(number) < 2**31:
        raise InvalidError(f"quantity {value} is beyond the 32 bits that the shop has for it.")
    return {"stock_availables": {"quantity": number}}


def _name(resource: str, whose: str) -> Writer:
    def write(value: str, item: Item) -> Mapping[str, Any]:
        person = item[whose]
        names = split_name(value, text(person.get("firstname")), text(person.get("lastname")))
        pairs = zip(("firstname", "lastname"), names, strict=True)
        wanted = "a first and a last name of at most 255 characters"
        return {resource: {node: checked("name", one, ".{1,255}", wanted) for node, one in pairs}}

    return write


def _address(name: str, node: str, most: int) -> Writer:
    return lambda value, item: {
        "addresses": {node: checked(name, value, f".{{0,{most}}}", f"at most {most} characters")}
    }


def _phone(value: str, item: Item) -> Mapping[str, Any]:
    return _address("phone", phone_node(item), 32)(value, item)


def _email(value: str, item: Item) -> Mapping[str, Any]:
    return {"customers": {"email": checked("email", value, ".{1,255}", "an address of at most 255 characters")}}


_SAME = {name: {one: one for one in choices} for name, choices in (
    ("condition", ("new", "used", "refurbished")), ("visibility", ("both", "catalog", "search", "none")),
)}  # fmt: skip

UPDATES = {
    "product": Update(
        path="products",
        replaces=True,
        many=_BATCH,
        many_from=3,
        together=(frozenset({"price", "sale_price"}),),
        fields={
            "sku": _own("sku", "reference", r"[^<>;={}]{0,64}", "at most 64 characters without < > ; = { }"),
            "mpn": _own("mpn", "mpn", ".{0,40}", "at most 40 characters"),
            "gtin": _gtin,
            "price": _price,
            "sale_price": _sale_price,
            "weight_g": _measure("weight_g", "weight", "weight"),
            **_shared(
                {
                    "title": _worded("title", "name", r"(?=.*\S)[^<>{}]{1,128}", "1 to 128 characters without < > { }"),
                    "description": _worded("description", "description"),
                    "brand": _brand,
                    "category": _category,
                    "condition": _chosen("condition", "condition", _SAME["condition"]),
                    "status": _chosen("status", "active", {"active": "1", "draft": "0"}),
                    "attributes.visibility": _chosen("visibility", "visibility", _SAME["visibility"]),
                    **{name: _measure(name, node, "length") for name, node in SIZES.items()},
                    **{
                        f"attributes.{name}": _worded(name, node, f".{{0,{most}}}", f"at most {most} characters")
                        for name, node in TEXTS.items()
                        for most in (_SIZE_OF.get(name, 65535),)
                        if name != "link_rewrite"
                    },
                    "attributes.link_rewrite": _worded(
                        "link_rewrite", "link_rewrite", r"[\w-]{1,128}", "1 to 128 letters, digits and hyphens"
                    ),
                }
            ),
        },
    ),
    "order": Update(
        path="orders",
        replaces=True,
        fields={
            "buyer_name": _name("customers", "customer"),
            "email": _email,
            "phone": _phone,
            "ship_name": _name("addresses", "address"),
            "ship_street": _address("ship_street", "address1", 128),
            "ship_city": _address("ship_city", "city", 64),
            "ship_postal_code": _address("ship_postal_code", "postcode", 12),
        },
    ),
    "stock": Update(path="stock_availables", replaces=True, many=_BATCH, many_from=3, fields={"quantity": _quantity}),
}
"""Kind to how it is written. Sizes and forms: PrestaShop 9.1.4, ``definition`` of its classes (read 2026-11-25); what an
older release wants beyond that it says itself."""


def key_of(resource: str, item: Item) -> str:
    """Identifier of the record of a resource that holds a part of the item.

    Raises
    ------
    InvalidError
        When it is gone, as a customer whose data were erased.
    """
    holder = {"products": "product", "customers": "customer", "addresses": "address"}.get(resource, "own")
    key = text(item[holder].get("id"))
    if not key:
        raise InvalidError(f"The shop has no longer the one of {resource} that this belongs to.", "missing")
    return key


def holds(row: Mapping[str, Any], change: Change) -> bool:
    """Whether a row has the value of a change, be it a number written otherwise."""
    attributes = {f"attributes.{one['key']}": one["value"] for one in row.get("attributes") or ()}
    shown = text({**row, **attributes}.get(change.field))
    numbers = plain_number(shown), plain_number(change.value)
    return shown == change.value or (None not in numbers and numbers[0] == numbers[1])


def reduce(wire: Wire, item: Item, wanted: Mapping[str, str], *, now: float) -> None:
    """Change, make or end the reduction that every buyer gets on this product or combination.

    Parameters
    ----------
    wire : Wire
    item : mapping
    wanted : mapping of str to str
        ``sale`` (empty: none) and ``base``: prices without tax.
    now : float
        Seconds since 1970.

    Raises
    ------
    InvalidError
        When the reduction is not one that a price describes, or not this record's own.
    """
    product = text(item["product"]["id"])
    variant = text(item["own"]["id"]) if is_variant(item) else "0"
    moment = f"{datetime.fromtimestamp(now, UTC).astimezone(item['shop'].zone):%Y-%m-%d %H:%M:%S}"
    rows = wire.of(REDUCTION, "id_product", [product])
    shops = ("", "0", item["shop"].number)
    mine = [
        row for row in rows if text(row.get("id_shop")) in shops and text(row.get("id_product_attribute")) == variant
    ]
    own = [row for row in mine if _is_for_all(row, moment)]
    if not own and not wanted["sale"]:
        if sale_of(item):
            raise InvalidError(
                "The reduction comes from a rule, a group or the product as a whole: end it in the shop."
            )
    elif not own:
        ids = {"id_shop": wire.shop or "0", "id_product": product, "id_product_attribute": variant}
        wire.add(REDUCTION, {**_FOR_ALL, **ids, "price": wanted["sale"]})
    elif not wanted["sale"]:
        wire.call("DELETE", f"{REDUCTION}/{text(own[0]['id'])}")
    else:
        wire.save(REDUCTION, {text(own[0]["id"]): _in_its_own_way(own[0], wanted)})


def _in_its_own_way(row: Row, wanted: Mapping[str, str]) -> dict[str, str]:
    """What makes a reduction come to the price: another price where it is one, an amount off where it is that."""
    price, reduction = Decimal(row["price"]), Decimal(row["reduction"])
    if price >= 0 and not reduction:
        return {"price": wanted["sale"]}
    if price < 0 and text(row.get("reduction_type")) == "amount" and text(row.get("reduction_tax")) == "0":
        return {"reduction": text(Decimal(wanted["base"]) - Decimal(wanted["sale"]))}
    raise InvalidError(
        "The reduction is a percentage or an amount with tax: change it in the shop, so that it stays one."
    )


def _is_for_all(row: Row, moment: str) -> bool:
    """Whether a reduction is in force for every buyer of one piece."""
    begins, ends = text(row.get("from")), text(row.get("to"))
    is_now = (begins == _NEVER or begins <= moment) and (ends == _NEVER or moment <= ends)
    return is_now and int(row.get("from_quantity") or 1) <= 1 and not any(int(row.get(one) or 0) for one in _NARROWING)
