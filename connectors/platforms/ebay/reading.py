"""eBay's documents as canonical records.

A product comes as ``{"item", "offer", "category", "terms"}``: an inventory item, its offer on the connection's
marketplace, the path of the offer's category, and what its policies say. A product in variations comes as ``{"group",
"members"}``; the members are products of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from connectors.mapping import LENGTH, WEIGHT, Amount, Joined, Payload, Source, at, plain_number, text

__all__ = [
    "CODES",
    "GROUP",
    "GROUP_FIELDS",
    "ITEM_FIELDS",
    "LENGTHS",
    "LINE_FIELDS",
    "ORDER_FIELDS",
    "SIDES",
    "STOCK_FIELDS",
    "WEIGHTS",
    "group_key",
]

GROUP = "group:"
"""Before the key of a group of variations in a record key: sellers choose these keys and SKUs alike, and a group may
have the key of an item."""

CODES = ("ean", "upc", "isbn")
"""Lists of product identifiers of an item, in the order in which one is shown as the GTIN."""

SIDES = ("length", "width", "height")
WEIGHTS = {"KILOGRAM": WEIGHT["kg"], "GRAM": WEIGHT["g"], "POUND": WEIGHT["lb"], "OUNCE": WEIGHT["oz"]}
LENGTHS = {"CENTIMETER": LENGTH["cm"], "METER": LENGTH["m"], "INCH": LENGTH["in"], "FEET": Amount(Decimal("304.8"))}
"""Units of the description; a foot is 304.8 mm (NIST Handbook 44, appendix C, read 2026-11-23)."""


def group_key(item: Payload) -> str:
    """Key of the group that an item is a variation of; empty where it is sold alone."""
    return next((text(one) for one in item.get("groupIds") or item.get("inventoryItemGroupKeys") or []), "")


def _gtin(payload: Payload) -> str:
    product = at(payload, "item.product") or {}
    return next((text(product[kind][0]) for kind in CODES if product.get(kind)), "")


def _measured(document: str, name: str, units: Mapping[str, Amount]) -> Source:
    def read(payload: Payload) -> str:
        found = at(payload, f"item.packageWeightAndSize.{document}") or {}
        value, unit = text(found.get(name)), text(found.get("unit"))
        if value and unit not in units:
            raise ValueError(f"unit {unit!r} is not one of {', '.join(units)}")
        return units[unit].to_canonical(value) if value else ""

    return read


def _status(offer: Payload | None) -> str:
    if at(offer, "listing.listingStatus") in ("ENDED", "EBAY_ENDED", "INACTIVE"):
        return "archived"
    return "active" if offer and offer.get("status") == "PUBLISHED" else "draft"


def _attributes(aspects: Mapping[str, Any], facts: Mapping[str, Any]) -> list[dict[str, str]]:
    named = {name: ", ".join(text(one) for one in values) for name, values in aspects.items()}
    return [{"key": name, "value": shown} for name, value in {**named, **facts}.items() if (shown := text(value))]


_EACH = frozenset({"offer_id", "offer_quantity", "original_retail_price"})
"""Facts of an offer that each variation has for itself."""


def _offer_facts(payload: Payload) -> dict[str, Any]:
    paths = {
        "category_id": "offer.categoryId",
        "return_policy_id": "offer.listingPolicies.returnPolicyId",
        "payment_policy_id": "offer.listingPolicies.paymentPolicyId",
        "fulfillment_policy_id": "offer.listingPolicies.fulfillmentPolicyId",
        "return_policy": "terms.return_policy",
        "returns_accepted": "terms.returns_accepted",
        "return_days": "terms.return_days",
        "merchant_location_key": "offer.merchantLocationKey",
        "listing_duration": "offer.listingDuration",
        "listing_id": "offer.listing.listingId",
        "offer_id": "offer.offerId",
        "marketplace": "offer.marketplaceId",
        "vat_percentage": "offer.tax.vatPercentage",
        "original_retail_price": "offer.pricingSummary.originalRetailPrice.value",
        "include_catalog_product_details": "offer.includeCatalogProductDetails",
        "offer_quantity": "offer.availableQuantity",
    }
    return {name: at(payload, path) for name, path in paths.items()}


def _item_attributes(payload: Payload) -> list[dict[str, str]]:
    own = {
        "subtitle": at(payload, "item.product.subtitle"),
        "epid": at(payload, "item.product.epid"),
        "condition_description": at(payload, "item.conditionDescription"),
    }
    return _attributes(at(payload, "item.product.aspects") or {}, own | _offer_facts(payload))


def _group_attributes(payload: Payload) -> list[dict[str, str]]:
    """The specifics that all variants share, and those in which they differ with all their values."""
    varied = {one["name"]: one["values"] for one in at(payload, "group.variesBy.specifications") or []}
    aspects = {**(at(payload, "group.aspects") or {}), **varied}
    offer = {name: value for name, value in _offer_facts(_member(payload)).items() if name not in _EACH}
    return _attributes(aspects, {"subtitle": at(payload, "group.subtitle")} | offer)


def _member(payload: Payload) -> Payload:
    found: Payload = payload["members"][0] if payload["members"] else {}
    return found


def _first(path: str) -> Source:
    """A value of the first variant, for what all variants of a listing share."""
    return lambda payload: at(_member(payload), path)


def _order_status(order: Payload) -> Any:
    if at(order, "cancelStatus.cancelState") == "CANCELED":
        return "CANCELED"
    payment = order.get("orderPaymentStatus")
    return payment if payment in ("PENDING", "FAILED") else order.get("orderFulfillmentStatus")


def _ship(path: str) -> Callable[[Payload], Any]:
    def read(order: Payload) -> Any:
        steps = [at(one, "shippingStep.shipTo") for one in order.get("fulfillmentStartInstructions") or []]
        return at(next((one for one in steps if one), {}), path)

    return read


def _street(order: Payload) -> str:
    return Joined(("addressLine1", "addressLine2"), ", ")(_ship("contactAddress")(order) or {})


def _unit_price(line: Payload) -> str:
    """The price of one unit: eBay gives that of the whole line, before discounts."""
    value, quantity = text(at(line, "lineItemCost.value")), int(line.get("quantity") or 1)
    number = plain_number(value)
    return value if number is None or quantity == 1 else f"{round(number / quantity, 4).normalize():f}"


def _level(payload: Payload) -> str:
    return "variant" if group_key(payload["item"]) else "single"


def _parent(payload: Payload) -> str:
    key = group_key(payload["item"])
    return GROUP + key if key else ""


def _language(locale: Any) -> str:
    return text(locale).partition("_")[0]


ITEM_FIELDS: Mapping[str, Source] = {
    "record_key": "item.sku",
    "parent_key": _parent,
    "level": _level,
    "sku": "item.sku",
    "gtin": _gtin,
    "mpn": "item.product.mpn",
    "title": "item.product.title",
    "description": lambda payload: at(payload, "offer.listingDescription") or at(payload, "item.product.description"),
    "brand": "item.product.brand",
    "category": "category",
    "condition": "item.condition",
    "price": "offer.pricingSummary.price.value",
    "currency": "offer.pricingSummary.price.currency",
    "quantity": "item.availability.shipToLocationAvailability.quantity",
    "images": lambda payload: at(payload, "item.product.imageUrls") or [],
    "weight_g": _measured("weight", "value", WEIGHTS),
    **{f"{side}_mm": _measured("dimensions", side, LENGTHS) for side in SIDES},
    "lead_time_days": "terms.lead_time_days",
    "language": lambda payload: _language(at(payload, "item.locale")),
    "status": lambda payload: _status(payload.get("offer")),
    "attributes": _item_attributes,
}
"""Of an item that is sold alone or as a variation."""

GROUP_FIELDS: Mapping[str, Source] = {
    "record_key": lambda payload: GROUP + payload["group"]["inventoryItemGroupKey"],
    "level": lambda payload: "parent",
    "title": "group.title",
    "description": "group.description",
    "images": lambda payload: at(payload, "group.imageUrls") or [],
    "brand": _first("item.product.brand"),
    "category": _first("category"),
    "condition": _first("item.condition"),
    "lead_time_days": _first("terms.lead_time_days"),
    "language": lambda payload: _language(at(_member(payload), "item.locale")),
    "status": lambda payload: _status(at(_member(payload), "offer")),
    "attributes": _group_attributes,
}
"""Of a product in variations."""

STOCK_FIELDS: Mapping[str, Source] = {
    "record_key": "item.sku",
    "parent_key": "item.sku",
    "sku": "item.sku",
    "quantity": "item.availability.shipToLocationAvailability.quantity",
}

ORDER_FIELDS: Mapping[str, Source] = {
    "record_key": "orderId",
    "ordered_at": "creationDate",
    "status": _order_status,
    "currency": "pricingSummary.total.currency",
    "total": "pricingSummary.total.value",
    "buyer_name": "buyer.buyerRegistrationAddress.fullName",
    "email": "buyer.buyerRegistrationAddress.email",
    "phone": _ship("primaryPhone.phoneNumber"),
    "ship_name": _ship("fullName"),
    "ship_street": _street,
    "ship_city": _ship("contactAddress.city"),
    "ship_region": _ship("contactAddress.stateOrProvince"),
    "ship_postal_code": _ship("contactAddress.postalCode"),
    "ship_country": _ship("contactAddress.countryCode"),
    "updated_at": "lastModifiedDate",
}

LINE_FIELDS: Mapping[str, Source] = {
    "line_key": "lineItemId",
    "sku": "sku",
    "quantity": "quantity",
    "unit_price": _unit_price,
}
