"""What the eBay twin takes of a body: the members of each document, their lengths and forms, and eBay's own errors.

References
----------
Sell Inventory API 1.18.4 and Sell Fulfillment API 1.20.7: lengths, forms and error identifiers (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors.sandbox.routes import Refusal
from connectors.sandbox.server import Answer
from connectors.sandbox.shelf import Document

__all__ = ["CONDITIONS", "check_group", "check_item", "check_offer", "check_price", "error", "fault", "kept", "refuse"]

CONDITIONS = (
    "NEW",
    "LIKE_NEW",
    "NEW_OTHER",
    "NEW_WITH_DEFECTS",
    "CERTIFIED_REFURBISHED",
    "EXCELLENT_REFURBISHED",
    "VERY_GOOD_REFURBISHED",
    "GOOD_REFURBISHED",
    "SELLER_REFURBISHED",
    "USED_EXCELLENT",
    "USED_VERY_GOOD",
    "USED_GOOD",
    "USED_ACCEPTABLE",
    "FOR_PARTS_OR_NOT_WORKING",
    "PRE_OWNED_EXCELLENT",
    "PRE_OWNED_FAIR",
)
_AS_NEW = CONDITIONS[:4]

_ITEM = (
    "availability",
    "condition",
    "conditionDescription",
    "conditionDescriptors",
    "packageWeightAndSize",
    "product",
)
_OFFER = (
    "availableQuantity",
    "categoryId",
    "charity",
    "extendedProducerResponsibility",
    "hideBuyerDetails",
    "includeCatalogProductDetails",
    "listingDescription",
    "listingDuration",
    "listingPolicies",
    "listingStartDate",
    "lotSize",
    "merchantLocationKey",
    "pricingSummary",
    "quantityLimitPerBuyer",
    "regulatory",
    "secondaryCategoryId",
    "storeCategoryNames",
    "tax",
)
_GROUP = ("aspects", "description", "imageUrls", "subtitle", "title", "variantSKUs", "variesBy", "videoIds")
_LENGTHS = {"title": 80, "subtitle": 55, "description": 4000, "brand": 65, "mpn": 65}
_GROUP_LENGTHS = {"title": 80, "subtitle": 55, "description": 500_000}


def fault(number: int, message: str, domain: str = "API_INVENTORY", category: str = "REQUEST") -> Document:
    """One error as eBay lists it."""
    return {
        "errorId": number,
        "domain": domain,
        "subdomain": "Selling",
        "category": category,
        "message": message,
        "longMessage": message,
    }


def error(status: int, number: int, message: str, domain: str = "API_INVENTORY", category: str = "REQUEST") -> Answer:
    """An answer with one error."""
    return Answer.json(status, {"errors": [fault(number, message, domain, category)]})


def refuse(number: int, message: str, domain: str = "API_INVENTORY", status: int = 400) -> Refusal:
    """The refusal of a request, to be raised."""
    return Refusal(error(status, number, message, domain))


def kept(body: Any) -> Any:
    """A body as it is stored: what is null or empty is not there."""
    if isinstance(body, Mapping):
        found = {name: kept(value) for name, value in body.items()}
        return {name: value for name, value in found.items() if value not in (None, "", [], {})}
    return [kept(one) for one in body] if isinstance(body, list) else body


def check_item(body: Any) -> tuple[Document, list[Document]]:
    """An inventory item as it is stored, and the warnings about it."""
    item, warnings = _members(body, _ITEM), []
    product = item.get("product", {})
    _fits(product, _LENGTHS)
    _images(product.get("imageUrls", []))
    _aspects(product.get("aspects", {}))
    for kind in ("ean", "upc", "isbn"):
        if not isinstance(product.get(kind, []), list):
            raise refuse(2004, f"Could not serialize field [product.{kind}]")
    if item.get("condition") == "MANUFACTURER_REFURBISHED":
        item["condition"] = "CERTIFIED_REFURBISHED"
    if item.get("condition", "NEW") not in CONDITIONS:
        raise refuse(2004, "Could not serialize field [condition]")
    if "conditionDescription" in item and item.get("condition") in _AS_NEW:
        del item["conditionDescription"]
        warnings.append(fault(25402, "System warning. Condition Description has been dropped.", category="APPLICATION"))
    shipped = item.get("availability", {}).get("shipToLocationAvailability", {})
    if "allocationByFormat" in shipped:
        raise refuse(2004, "Could not serialize field [availability.shipToLocationAvailability.allocationByFormat]")
    _whole("quantity", shipped.get("quantity", 0), 25004)
    _package(item.get("packageWeightAndSize", {}))
    return item, warnings


def check_group(body: Any) -> Document:
    """A group as it is stored."""
    group = _members(body, _GROUP)
    _fits(group, _GROUP_LENGTHS)
    _images(group.get("imageUrls", []))
    _aspects(group.get("aspects", {}))
    if not group.get("variantSKUs"):
        raise refuse(25013, "Invalid data in the Inventory Item Group. variantSKUs is missing.")
    return group


def check_offer(body: Any, currency: str, categories: Mapping[str, str], policies: Mapping[str, list[str]]) -> Document:
    """An offer as it is stored, without what cannot be changed."""
    offer = _members(body, _OFFER)
    if len(offer.get("listingDescription", "")) > 500_000:
        raise refuse(25709, "Invalid value for listingDescription.")
    if len(offer.get("merchantLocationKey", "")) > 36:
        raise refuse(25012, "Invalid inventory location.")
    if offer.get("listingDuration", "GTC") != "GTC":
        raise refuse(25006, "Invalid listing option. listingDuration")
    if "categoryId" in offer and offer["categoryId"] not in categories.values():
        raise refuse(25005, "The offer has an invalid category ID.")
    if "availableQuantity" in offer:
        _whole("availableQuantity", offer["availableQuantity"], 25004)
    for name, known in policies.items():
        if offer.get("listingPolicies", {}).get(name, known[0]) not in known:
            raise refuse(25035, "The specified policy is not found for the market place")
    summary = offer.get("pricingSummary", {})
    for name in ("price", "originalRetailPrice"):
        if name in summary:
            check_price(summary[name], currency)
    original = summary.get("originalRetailPrice")
    if original and Decimal(original["value"]) <= Decimal(summary.get("price", original)["value"]):
        raise refuse(25003, "The offer has an invalid price. The original retail price must be above the price.")
    return {"includeCatalogProductDetails": True} | offer


def check_price(price: Any, currency: str) -> None:
    """Refuse a price that is no plain number above 0 with two decimals at most, or in a foreign currency."""
    value = price.get("value") if isinstance(price, Mapping) else None
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,12}(\.\d{1,2})?", value) or not Decimal(value):
        raise refuse(25003, f"The offer has an invalid price. {value!r}")
    if price.get("currency") != currency:
        raise refuse(25003, f"The offer has an invalid price. The currency of the marketplace is {currency}.")


def _members(body: Any, known: tuple[str, ...]) -> Document:
    if not isinstance(body, Mapping):
        raise refuse(2001, "Invalid request body")
    if strange := [name for name in body if name not in known]:
        raise refuse(2004, f"Could not serialize field [{strange[0]}]")
    found: Document = kept(body)
    return found


def _fits(document: Mapping[str, Any], lengths: Mapping[str, int]) -> None:
    for name, most in lengths.items():
        value = document.get(name, "")
        if not isinstance(value, str) or len(value) > most:
            raise refuse(25709, f"Invalid value for {name}. It may have {most} characters.")


def _images(addresses: Any) -> None:
    if len(addresses) > 24:
        raise refuse(25014, "The listing has invalid pictures. At most 24 are taken.")
    if wrong := [one for one in addresses if not str(one).startswith("https://")]:
        raise refuse(25015, f"The listing has an invalid picture URL. {wrong[0]}")


def _aspects(aspects: Any) -> None:
    if not isinstance(aspects, Mapping) or not all(isinstance(one, list) for one in aspects.values()):
        raise refuse(2004, "Could not serialize field [product.aspects]")
    for name, values in aspects.items():
        if len(name) > 40 or any(len(one) > 50 for one in values):
            raise refuse(25502, f"Invalid attribute information. {name}")


def _whole(name: str, value: Any, number: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise refuse(number, f"The listing has an invalid quantity. {name}")


def _package(package: Mapping[str, Any]) -> None:
    sizes = package.get("dimensions", {})
    weight = package.get("weight", {})
    needed = ((sizes, ("length", "width", "height", "unit")), (weight, ("value", "unit")))
    if any(document and not set(names) <= set(document) for document, names in needed):
        raise refuse(25715, "Invalid values for dimensions and/or weight of shipping package.")
    numbers = [value for document in (sizes, weight) for name, value in document.items() if name != "unit"]
    if any(not isinstance(one, int | float) or one < 0 for one in numbers):
        raise refuse(25715, "Invalid values for dimensions and/or weight of shipping package.")
    units = (sizes.get("unit", "INCH"), weight.get("unit", "POUND"))
    if units[0] not in ("INCH", "FEET", "CENTIMETER", "METER") or units[1] not in (
        "POUND",
        "OUNCE",
        "KILOGRAM",
        "GRAM",
    ):
        raise refuse(25715, "Invalid values for dimensions and/or weight of shipping package.")
