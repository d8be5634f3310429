"""What a listing says, live values before submitted ones, and what the schema of a product type demands.

A function here gets a listing from which `here` has taken the entries of other marketplaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connectors.mapping import LENGTH, WEIGHT, Amount, Payload, at, money, text

__all__ = [
    "IMAGES", "LISTING_FIELDS", "MILLIMETRES", "STOCK_FIELDS", "WEIGHTS", "currency_of", "demands", "entry", "family", "here",
    "offer", "own_stock", "price", "product_type", "stock", "submitted",
]  # fmt: skip

_Reader = Callable[[Payload], Any]

WEIGHTS = {"grams": WEIGHT["g"], "kilograms": WEIGHT["kg"], "pounds": WEIGHT["lb"], "ounces": WEIGHT["oz"]}
MILLIMETRES = {
    "millimeters": LENGTH["mm"],
    "centimeters": LENGTH["cm"],
    "meters": LENGTH["m"],
    "inches": LENGTH["in"],
}
IMAGES = ["main_product_image_locator", *(f"other_product_image_locator_{number}" for number in range(1, 9))]

_FIELDS = {
    "item_name": "title",
    "product_description": "description",
    "brand": "brand",
    "part_number": "mpn",
    "externally_assigned_product_identifier": "gtin",
    "condition_type": "condition",
    "purchasable_offer": "price",
    "fulfillment_availability": "quantity",
    "main_product_image_locator": "images",
    "item_package_weight": "weight_g",
    "item_package_dimensions": "length_mm",
}
"""Attribute of Amazon to the canonical field that shows it; any other one is an attribute of ours, too."""

_TYPES = {"price": "number", "quantity": "integer", "weight_g": "number", "length_mm": "number"}


def here(item: Payload, marketplace: str) -> dict[str, Any]:
    """The listing as it is in one marketplace.

    Raises
    ------
    ValueError
        When it has not the shape of a listing.
    """
    kept = {
        name: [one for one in item.get(name) or () if one.get("marketplaceId", marketplace) == marketplace]
        for name in ("summaries", "offers", "relationships", "productTypes")
    }
    attributes = {
        name: [one for one in entries if one.get("marketplace_id", marketplace) == marketplace]
        for name, entries in (item.get("attributes") or {}).items()
    }
    issues = [one for one in item.get("issues") or () if marketplace in one.get("marketplaceIds", (marketplace,))]
    return {**item, **kept, "attributes": attributes, "issues": issues}


def entry(listing: Payload, attribute: str) -> Payload:
    """The first value of an attribute; empty where there is none."""
    return next(iter(listing["attributes"].get(attribute) or ()), {})


def offer(listing: Payload) -> Payload:
    """The submitted offer to everybody, not the one to businesses."""
    offers = listing["attributes"].get("purchasable_offer") or ()
    return next((one for one in offers if one.get("audience", "ALL") == "ALL"), {})


def submitted(listing: Payload, name: str) -> Payload:
    """The one entry in the schedule of a price: ``our_price`` or ``discounted_price``."""
    prices = offer(listing).get(name) or [{}]
    return next(iter(prices[0].get("schedule") or ()), {})


def _live(listing: Payload) -> Payload:
    offers = (one for one in listing["offers"] if one["offerType"] == "B2C")
    return next((one["price"] for one in offers if (at(one, "audience.value") or "ALL") == "ALL"), {})


def currency_of(listing: Payload) -> str:
    """The currency of the offer; empty where there is none."""
    return text(offer(listing).get("currency") or _live(listing).get("currencyCode"))


def price(listing: Payload) -> str:
    """The live price; the submitted one where the offer is not live, or reduced so that the live price may be another."""
    if _live(listing) and not submitted(listing, "discounted_price"):
        return text(_live(listing)["amount"])
    return money(submitted(listing, "our_price").get("value_with_tax"), currency_of(listing))


def _sale_price(listing: Payload) -> str:
    return money(submitted(listing, "discounted_price").get("value_with_tax"), currency_of(listing))


def stock(listing: Payload) -> Payload:
    """The live stock: the merchant's own, or else that in Amazon's warehouses."""
    found = listing.get("fulfillmentAvailability") or []
    return next((one for one in found if one["fulfillmentChannelCode"] == "DEFAULT"), next(iter(found), {}))


def own_stock(listing: Payload) -> Payload:
    """The submitted stock of the merchant's own warehouse."""
    found = listing["attributes"].get("fulfillment_availability") or ()
    return next((one for one in found if one.get("fulfillment_channel_code") == "DEFAULT"), {})


def family(listing: Payload) -> tuple[str, str]:
    """Level, and the SKU of the parent."""
    links = [one for some in listing["relationships"] for one in some["relationships"] if one["type"] == "VARIATION"]
    parents = [sku for one in links for sku in one.get("parentSkus") or ()]
    if any(one.get("childSkus") for one in links) or entry(listing, "parentage_level").get("value") == "parent":
        return "parent", ""
    return ("variant", parents[0]) if parents else ("single", "")


def product_type(listing: Payload) -> str:
    """Name of the product type; ``PRODUCT`` is taken for every one."""
    summary = _summary("productType")(listing)
    types: Payload = next(iter(listing["productTypes"]), {})
    return text(summary or types.get("productType")) or "PRODUCT"


def _summary(name: str, otherwise: _Reader = lambda listing: None) -> _Reader:
    return lambda listing: at(next(iter(listing["summaries"]), {}), name) or otherwise(listing)


def _value(attribute: str) -> _Reader:
    return lambda listing: entry(listing, attribute).get("value")


def _measure(attribute: str, member: str, units: Mapping[str, Amount]) -> _Reader:
    def read(listing: Payload) -> str:
        found = entry(listing, attribute)
        found = found.get(member) or {} if member else found
        value, unit = text(found.get("value")), text(found.get("unit"))
        known = units.get(unit.lower())
        return known.to_canonical(value) if known else f"{value} {unit}".strip()

    return read


def _images(listing: Payload) -> list[str]:
    places = [text(entry(listing, name).get("media_location")) for name in IMAGES]
    return [one for one in places if one] or [one for one in [text(_summary("mainImage.link")(listing))] if one]


def _attributes(listing: Payload) -> list[dict[str, str]]:
    """Everything else that has a plain value, and what Amazon itself says about the listing."""
    plain = {
        name: "\n".join(text(one["value"]) for one in entries)
        for name, entries in listing["attributes"].items()
        if name not in _FIELDS and all(isinstance(one.get("value"), str | int | float) for one in entries)
    }
    issues = [one for one in listing["issues"] if one["severity"] == "ERROR"]
    actions = {act["action"] for one in issues for act in at(one, "enforcements.actions") or ()}
    told = {
        "asin": text(_summary("asin")(listing)),
        "product_type": product_type(listing),
        "fulfillment_channel": text(stock(listing).get("fulfillmentChannelCode")),
        "amazon_issues": "\n".join(f"{one['code']}: {one['message']}" for one in issues),
        "amazon_enforcements": ", ".join(sorted(actions)),
    }
    return [{"key": name, "value": value} for name, value in (plain | told).items() if value]


LISTING_FIELDS: dict[str, str | _Reader] = {
    "record_key": "sku",
    "parent_key": lambda listing: family(listing)[1],
    "level": lambda listing: family(listing)[0],
    "sku": "sku",
    "gtin": _value("externally_assigned_product_identifier"),
    "mpn": _value("part_number"),
    "title": _summary("itemName", _value("item_name")),
    "description": _value("product_description"),
    "brand": _value("brand"),
    "condition": _summary("conditionType", _value("condition_type")),
    "price": price,
    "sale_price": _sale_price,
    "currency": currency_of,
    "quantity": lambda listing: stock(listing).get("quantity"),
    "images": _images,
    "weight_g": _measure("item_package_weight", "", WEIGHTS),
    "length_mm": _measure("item_package_dimensions", "length", MILLIMETRES),
    "width_mm": _measure("item_package_dimensions", "width", MILLIMETRES),
    "height_mm": _measure("item_package_dimensions", "height", MILLIMETRES),
    "lead_time_days": lambda listing: own_stock(listing).get("lead_time_to_ship_max_days"),
    "language": lambda listing: text(entry(listing, "item_name").get("language_tag"))[:2],
    "status": lambda listing: "active" if _summary("status")(listing) else "draft",
    "attributes": _attributes,
    "updated_at": _summary("lastUpdatedDate"),
}
"""Fields of a product."""

STOCK_FIELDS: dict[str, str | _Reader] = {
    "record_key": "sku",
    "parent_key": "sku",
    "sku": "sku",
    "location": lambda listing: stock(listing).get("fulfillmentChannelCode"),
    "quantity": lambda listing: stock(listing).get("quantity"),
    "updated_at": _summary("lastUpdatedDate"),
}
"""Fields of a stock level."""


def demands(schema: Payload) -> Iterator[dict[str, Any]]:
    """What the JSON schema of a product type asks for: rows of `connectors.platform.REQUIREMENTS` without the category.

    Attributes that are optional and may hold anything are left out. Bounds and lists of words are those of a single
    value, so they are given for attributes with one value only, and not where ours has another unit.
    """
    required = schema.get("required") or ()
    for name, attribute in (schema.get("properties") or {}).items():
        field = _FIELDS.get(name, f"attributes.{name}")
        value = at(attribute, "items.properties.value") or {}
        single = attribute.get("maxUniqueItems") == 1 and field not in _TYPES
        kind = _TYPES.get(field) or {"number": "number", "integer": "integer", "boolean": "boolean"}.get(
            text(value.get("type")), "text"
        )
        words = [text(one) for one in value.get("enum") or ()] if single and kind == "text" else []
        low, high = ("minLength", "maxLength") if kind == "text" else ("minimum", "maximum")
        bounds = {"minimum": value.get(low), "maximum": value.get(high)} if single and not words else {}
        row = {
            "field": field,
            "label": text(attribute.get("title")) or name,
            "level": "required" if name in required else "optional",
            "type": "choice" if words else kind,
            "minimum": bounds.get("minimum"),
            "maximum": bounds.get("maximum"),
            "pattern": "",
            "values": words,
        }
        if name in required or words or any(one is not None for one in bounds.values()):
            yield row
