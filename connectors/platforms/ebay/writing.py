"""What is sent to eBay to set a field, and the checks that keep it from storing something else.

A fragment says where its values go: ``item`` and ``offer`` replace those documents with the values put in, ``live`` are
price and quantity as ``bulk_update_price_quantity`` takes them, ``group`` replaces the group of a product in variations,
and ``members`` holds a fragment for each of its items. None removes a member.

References
----------
Lengths, forms and conditions: Sell Inventory API 1.18.4 (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any

from connectors.changes import InvalidError, Shipment, image_addresses
from connectors.mapping import Amount, Payload, at, plain_number, text
from connectors.platforms.ebay.reading import CODES, GROUP, LENGTHS, SIDES, WEIGHTS, group_key
from connectors.rest import merged

__all__ = ["CURRENCIES", "WRITERS", "live_request", "parcel", "quantity", "whole_group", "whole_item", "whole_offer"]

CURRENCIES = {
    "EBAY_US": "USD", "EBAY_MOTORS_US": "USD", "EBAY_CA": "CAD", "EBAY_GB": "GBP", "EBAY_IE": "EUR", "EBAY_AU": "AUD",
    "EBAY_DE": "EUR", "EBAY_AT": "EUR", "EBAY_CH": "CHF", "EBAY_FR": "EUR", "EBAY_BE": "EUR", "EBAY_NL": "EUR",
    "EBAY_IT": "EUR", "EBAY_ES": "EUR", "EBAY_PL": "PLN", "EBAY_HK": "HKD", "EBAY_SG": "SGD", "EBAY_MY": "MYR",
    "EBAY_PH": "PHP", "EBAY_TW": "TWD",
}  # fmt: skip
"""Marketplace to the currency of its listings, for offers that have no price yet (ISO 4217, as known 2026-11-25)."""

_CONDITIONS = (
    "NEW", "LIKE_NEW", "NEW_OTHER", "NEW_WITH_DEFECTS", "CERTIFIED_REFURBISHED", "EXCELLENT_REFURBISHED",
    "VERY_GOOD_REFURBISHED", "GOOD_REFURBISHED", "SELLER_REFURBISHED", "USED_EXCELLENT", "USED_VERY_GOOD", "USED_GOOD",
    "USED_ACCEPTABLE", "FOR_PARTS_OR_NOT_WORKING", "PRE_OWNED_EXCELLENT", "PRE_OWNED_FAIR",
)  # fmt: skip
"""Type ConditionEnum. MANUFACTURER_REFURBISHED is left out: eBay makes CERTIFIED_REFURBISHED of it without saying so."""

Fragment = dict[str, Any]
Writer = Callable[[str, Payload], Fragment]

_ITEM_GIVEN = frozenset({"sku", "locale", "groupIds", "inventoryItemGroupKeys"})
_OFFER_GIVEN = frozenset({"offerId", "sku", "marketplaceId", "format", "status", "listing"})
_GROUP_GIVEN = frozenset({"inventoryItemGroupKey"})


def whole_item(item: Payload, part: Payload) -> Fragment:
    """An inventory item as it is sent to replace itself, with the part put in."""
    whole = _whole(item, _ITEM_GIVEN, part)
    shipped = at(whole, "availability.shipToLocationAvailability")
    if shipped:
        # eBay divides the quantity among formats by itself.
        shipped.pop("allocationByFormat", None)
    return whole


def whole_offer(offer: Payload, part: Payload) -> Fragment:
    """An offer as it is sent to replace itself, with the part put in."""
    return _whole(offer, _OFFER_GIVEN, part)


def whole_group(group: Payload, part: Payload) -> Fragment:
    """A group as it is sent to replace itself, with the part put in."""
    return _whole(group, _GROUP_GIVEN, part)


def live_request(payload: Payload, part: Payload) -> Fragment:
    """One SKU of ``bulk_update_price_quantity``."""
    item, offer = payload["item"], payload.get("offer") or {}
    request: Fragment = {"sku": item["sku"]}
    change = {"price": part["price"]} if "price" in part else {}
    if "quantity" in part:
        request["shipToLocationAvailability"] = {"quantity": part["quantity"]}
        total = at(item, "availability.shipToLocationAvailability.quantity")
        # An offer that shows the whole stock goes on to do so; one with a quantity of its own was capped on purpose.
        if offer.get("status") == "PUBLISHED" and total is not None and offer.get("availableQuantity") == total:
            change["availableQuantity"] = part["quantity"]
    return request | ({"offers": [{"offerId": offer["offerId"], **change}]} if change else {})


def parcel(shipment: Shipment, order: Payload, known: Sequence[Payload]) -> Fragment | None:
    """A parcel as it is told of; None when eBay knows of it already.

    Raises
    ------
    InvalidError
        When the order cannot be sent so.
    """
    number, carrier = shipment.tracking_number, shipment.carrier
    if bool(number) != bool(carrier):
        raise InvalidError("eBay takes carrier and tracking number together, or neither of them.")
    if not re.fullmatch(r"[A-Za-z0-9]*", number):
        right = re.sub(r"[^A-Za-z0-9]", "", number)
        raise InvalidError(f"tracking number {number!r} may have letters and digits only, such as {right!r}.")
    lines = {text(one.get("lineItemId")): one for one in order.get("lineItems") or []}
    if unknown := [one.line_key for one in shipment.lines if one.line_key not in lines]:
        raise InvalidError(f"order {shipment.order_key} has no line {unknown[0]!r}; it has {', '.join(lines)}.")
    wanted = {one.line_key: one.quantity for one in shipment.lines} or dict.fromkeys(lines)
    waiting = [key for key in wanted if lines[key].get("lineItemFulfillmentStatus") != "FULFILLED"]
    if number in [text(one.get("shipmentTrackingNumber")) for one in known] if number else not waiting:
        return None
    if at(order, "cancelStatus.cancelState") == "CANCELED":
        raise InvalidError(f"order {shipment.order_key} was cancelled; it must not be sent.")
    told = [{"lineItemId": key, "quantity": wanted[key] or lines[key]["quantity"]} for key in waiting or wanted]
    tracking = {"shippingCarrierCode": carrier, "trackingNumber": number} if number else {}
    moment = shipment.shipped_at and shipment.shipped_at.astimezone(UTC)
    sent = {"shippedDate": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"} if moment else {}
    return {"lineItems": told, **tracking, **sent}


def _whole(document: Payload, given: frozenset[str], part: Payload) -> Fragment:
    kept = {name: value for name, value in document.items() if name not in given}
    found: Fragment = _without_none(merged(kept, part))
    return found


def _without_none(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: _without_none(one) for name, one in value.items() if one is not None}


# ---- where a value goes ----------------------------------------------------------------------------------------------


def _of_item(current: Payload, field: str, part: Fragment, *, each: bool = False) -> Fragment:
    """A part of an item or its offer; of a product in variations it is for each variant, or for none."""
    if "group" not in current:
        return part
    if not each:
        raise InvalidError(f"{field} belongs to the variants of this product; change it there.")
    return {"members": part}


def _of_product(current: Payload, field: str, name: str, value: Any, part: Fragment) -> Fragment:
    """What a listing has once: it lies in the group where there is one, else in the part."""
    _not_a_variant(current, field)
    return {"group": {name: value}} if "group" in current else part


def _not_a_variant(current: Payload, field: str) -> None:
    key = group_key(current.get("item") or {})
    if key:
        raise InvalidError(f"{field} belongs to the product {GROUP}{key} and all its variants; change it there.")


def _offer(current: Payload) -> Payload:
    """The offer of an item; of a product in variations that of the first item that has one."""
    offer: Payload | None = next((one["offer"] for one in current.get("members", [current]) if one.get("offer")), None)
    if not offer:
        raise InvalidError(
            "This SKU has no fixed-price offer on the marketplace of this connection. Make one at eBay first."
        )
    return offer


# ---- text ------------------------------------------------------------------------------------------------------------


def _fit(field: str, value: str, most: int) -> str | None:
    if len(value) > most:
        raise InvalidError(f"{field} has {len(value)} characters; eBay takes {most}.")
    return value or None


def _title(value: str, current: Payload) -> Fragment:
    if not value.strip():
        raise InvalidError("title must not be empty.")
    fit = _fit("title", value, 80)
    return _of_product(current, "title", "title", fit, {"item": {"product": {"title": fit}}})


def _subtitle(value: str, current: Payload) -> Fragment:
    fit = _fit("subtitle", value, 55)
    return _of_product(current, "subtitle", "subtitle", fit, {"item": {"product": {"subtitle": fit}}})


def _description(value: str, current: Payload) -> Fragment:
    """The listing's own description where there is one: that of the item is then not shown."""
    of_listing = "group" in current or bool(at(current, "offer.listingDescription"))
    fit = _fit("description", value, 500_000 if of_listing else 4000)
    part = {"offer": {"listingDescription": fit}} if of_listing else {"item": {"product": {"description": fit}}}
    return _of_product(current, "description", "description", fit, part)


def _brand(value: str, current: Payload) -> Fragment:
    return _of_item(current, "brand", {"item": {"product": {"brand": _fit("brand", value, 65)}}}, each=True)


def _mpn(value: str, current: Payload) -> Fragment:
    return _of_item(current, "mpn", {"item": {"product": {"mpn": _fit("mpn", value, 65)}}})


def _condition(value: str, current: Payload) -> Fragment:
    if value not in _CONDITIONS:
        raise InvalidError(f"condition {value!r} is not one of eBay's: {', '.join(_CONDITIONS)}.")
    return _of_item(current, "condition", {"item": {"condition": value}}, each=True)


def _category(value: str, current: Payload) -> Fragment:
    _not_a_variant(current, "category")
    _offer(current)
    number = current["category_number"](value) if value else None
    return _of_item(current, "category", {"offer": {"categoryId": number}}, each=True)


def _images(value: str, current: Payload) -> Fragment:
    addresses = image_addresses(value)
    if plain := [one for one in addresses if not one.startswith("https://")]:
        raise InvalidError(f"images: {plain[0]!r} is not https; eBay takes pictures over https only.")
    most = 12 if group_key(current.get("item") or {}) else 24
    if len(addresses) > most:
        raise InvalidError(f"images holds {len(addresses)} addresses; eBay takes {most}.")
    if "group" in current:
        return {"group": {"imageUrls": addresses}}
    return {"item": {"product": {"imageUrls": addresses}}}


def _gtin(value: str, current: Payload) -> Fragment:
    """The first identifier of the item, put into the list that its length belongs to."""
    product = at(current, "item.product") or {}
    before = {kind: list(product.get(kind) or []) for kind in CODES}
    shown = next((kind for kind in CODES if before[kind]), "ean")
    place = shown
    if value.isdigit() and not (shown == "isbn" and value[:3] in ("978", "979")):
        place = "upc" if len(value) == 12 else "ean"
    after = {**before, shown: before[shown][1:]}
    after[place] = ([value] if value else []) + after[place]
    changed = {kind: some or None for kind, some in after.items() if some != before[kind]}
    return _of_item(current, "gtin", {"item": {"product": changed}})


# ---- numbers ---------------------------------------------------------------------------------------------------------


def _amount(field: str, value: str, offer: Payload) -> dict[str, str]:
    number = plain_number(value)
    if number is None or number <= 0 or number != round(number, 2):
        raise InvalidError(f"{field} {value!r} is not a plain number above 0 with a point, such as 12.50.")
    usual = CURRENCIES.get(text(offer.get("marketplaceId")), "")
    currency = text(at(offer, "pricingSummary.price.currency")) or usual
    if not currency:
        raise InvalidError(f"{field}: the currency of this offer is not known. Set a first price at eBay.")
    return {"value": value, "currency": currency}


def _price(value: str, current: Payload) -> Fragment:
    _of_item(current, "price", {})
    offer = _offer(current)
    price = _amount("price", value, offer)
    original = plain_number(text(at(offer, "pricingSummary.originalRetailPrice.value")))
    if original is not None and Decimal(value) >= original:
        raise InvalidError(
            f"price {value!r} is not below the original price {original}, which is shown struck through."
        )
    is_live = offer.get("status") == "PUBLISHED"
    return {"live": {"price": price}} if is_live else {"offer": {"pricingSummary": {"price": price}}}


def _original_price(value: str, current: Payload) -> Fragment:
    _of_item(current, "original_retail_price", {})
    offer = _offer(current)
    amount = _amount("original_retail_price", value, offer) if value else None
    price = plain_number(text(at(offer, "pricingSummary.price.value")))
    if amount and price is not None and Decimal(value) <= price:
        raise InvalidError(f"original_retail_price {value!r} is not above the price {price}.")
    return {"offer": {"pricingSummary": {"originalRetailPrice": amount}}}


def quantity(value: str, current: Payload) -> Fragment:
    """Units that can be sold, all warehouses together."""
    _of_item(current, "quantity", {})
    if not re.fullmatch(r"\d{1,9}", value):
        raise InvalidError(f"quantity {value!r} is not a whole number of at least 0, such as 7.")
    if at(current, "item.availability.shipToLocationAvailability.availabilityDistributions"):
        raise InvalidError("The quantity of this item is divided among warehouses; change it in Seller Hub.")
    return {"live": {"quantity": int(value)}}


def _number(field: str, value: str, unit: Amount) -> float | int:
    found = unit.from_canonical(value)
    if found is None or Decimal(found) < 0:
        raise InvalidError(f"{field} {value!r} is not a plain number of at least 0 with a point, such as 12.5.")
    return float(found) if "." in found else int(found)


def _is_american(current: Payload) -> bool:
    return text(at(current, "item.locale")) == "en_US"


def _weight(value: str, current: Payload) -> Fragment:
    unit = text(at(current, "item.packageWeightAndSize.weight.unit")) or ("OUNCE" if _is_american(current) else "GRAM")
    weight = {"value": _number("weight_g", value, WEIGHTS[unit]), "unit": unit} if value else None
    return _of_item(current, "weight_g", {"item": {"packageWeightAndSize": {"weight": weight}}})


def _side(side: str) -> Writer:
    def write(value: str, current: Payload) -> Fragment:
        sizes = at(current, "item.packageWeightAndSize.dimensions") or {}
        unit = text(sizes.get("unit")) or ("INCH" if _is_american(current) else "CENTIMETER")
        given = current.get("together", {})
        others = [given.get(f"{one}_mm", text(sizes.get(one))) for one in SIDES if one != side]
        if bool(value) != all(others) or bool(value) != any(others):
            raise InvalidError("eBay takes length, width and height of a package together; give all three, or none.")
        size = {side: _number(f"{side}_mm", value, LENGTHS[unit]), "unit": unit} if value else None
        return _of_item(current, f"{side}_mm", {"item": {"packageWeightAndSize": {"dimensions": size}}})

    return write


# ---- the offer -------------------------------------------------------------------------------------------------------


def _on_offer(field: str, pattern: str, wanted: str, *path: str) -> Writer:
    def write(value: str, current: Payload) -> Fragment:
        if value and not re.fullmatch(pattern, value):
            raise InvalidError(f"{field} {value!r} is not {wanted}.")
        _offer(current)
        part: Any = {"true": True, "false": False}.get(value, value or None)
        for name in reversed(("offer", *path)):
            part = {name: part}
        return _of_item(current, field, part, each=True)

    return write


def _policy(kind: str) -> Writer:
    wanted = f"the number of a {kind} policy of this account"
    return _on_offer(f"{kind}_policy_id", r"\d{1,20}", wanted, "listingPolicies", f"{kind}PolicyId")


WRITERS: Mapping[str, Writer] = {
    "title": _title,
    "description": _description,
    "brand": _brand,
    "mpn": _mpn,
    "gtin": _gtin,
    "category": _category,
    "condition": _condition,
    "images": _images,
    "price": _price,
    "quantity": quantity,
    "weight_g": _weight,
    **{f"{side}_mm": _side(side) for side in SIDES},
    "attributes.subtitle": _subtitle,
    "attributes.original_retail_price": _original_price,
    **{f"attributes.{kind}_policy_id": _policy(kind) for kind in ("return", "payment", "fulfillment")},
    "attributes.merchant_location_key": _on_offer(
        "merchant_location_key", r".{1,36}", "a key of 1 to 36 characters", "merchantLocationKey"
    ),
    "attributes.include_catalog_product_details": _on_offer(
        "include_catalog_product_details", "true|false", "true or false", "includeCatalogProductDetails"
    ),
}
"""Canonical field of a product to what sets it."""
