"""What an offer (OF21) and an order (OR11) hold, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from connectors.mapping import Joined, Payload, Source, at, text

__all__ = ["LINE", "OFFER", "ORDER", "category_paths", "context_of", "default_price", "full_price"]


def context_of(price: Payload) -> dict[str, Any]:
    """What limits a price to some buyers, channels or time; empty for the default price."""
    found = {name: value for name, value in (price.get("context") or {}).items() if value}
    if price.get("channel_code"):
        found.setdefault("channel_codes", [price["channel_code"]])
    return found


def default_price(offer: Payload) -> Payload:
    """The price for everybody, with its discount."""
    return next((one for one in offer.get("all_prices") or () if not context_of(one)), {})


def full_price(offer: Payload) -> Any:
    """The price without discount; the member ``price`` is the reduced one while a discount runs."""
    found = (default_price(offer).get("unit_origin_price"), at(offer, "discount.origin_price"), offer.get("price"))
    return next((one for one in found if one is not None), None)


def category_paths(hierarchies: Iterable[Payload]) -> dict[str, str]:
    """Code of each category (H11) to the labels from the root to it."""
    nodes = {one["code"]: one for one in hierarchies}

    def labels(code: str, below: tuple[str, ...]) -> list[str]:
        one = nodes.get(code)
        if one is None or code in below:
            return []
        return [*labels(text(one.get("parent_code")), (*below, code)), text(one.get("label")) or code]

    return {code: " > ".join(labels(code, ())) for code in nodes}


def _of_default(member: str) -> Source:
    return lambda offer: default_price(offer).get(member)


def _reference(kinds: str) -> Source:
    """The first reference of the product whose type begins so; types are the operator's own words."""
    pattern = re.compile(kinds, re.IGNORECASE)
    return lambda offer: next(
        (one["reference"] for one in offer["product_references"] if pattern.match(one["reference_type"])), None
    )


_ATTRIBUTES: Mapping[str, Source] = {
    "product_id": "product_sku",
    "product_id_type": lambda offer: "SKU",
    "product_description": "product_description",
    "category_code": "category_code",
    "inactivity_reasons": lambda offer: ", ".join(offer.get("inactivity_reasons") or ()),
    "internal_description": "internal_description",
    "price_additional_info": "price_additional_info",
    "logistic_class": "logistic_class.code",
    "product_tax_code": "product_tax_code",
    "min_order_quantity": "min_order_quantity",
    "max_order_quantity": "max_order_quantity",
    "package_quantity": "package_quantity",
    "min_quantity_alert": "min_quantity_alert",
    "allow_quote_requests": "allow_quote_requests",
    "available_start_date": "available_start_date",
    "available_end_date": "available_end_date",
    "discount_start_date": _of_default("discount_start_date"),
    "discount_end_date": _of_default("discount_end_date"),
}
"""What every instance has; the operator's own fields come beside these by their code."""


def _attributes(offer: Payload) -> list[dict[str, str]]:
    found: dict[str, str] = {}
    for one in offer.get("offer_additional_fields") or ():
        value = one.get("value")
        found[one["code"]] = "|".join(value) if isinstance(value, list) else text(value)
    found |= {
        name: text(source(offer) if callable(source) else at(offer, source)) for name, source in _ATTRIBUTES.items()
    }
    return [{"key": name, "value": value} for name, value in found.items() if value]


def _shipped_at(order: Payload) -> str:
    return max((text(line.get("shipped_date")) for line in order["order_lines"]), default="")


OFFER: Mapping[str, Source] = {
    "record_key": "shop_sku",
    "sku": "shop_sku",
    "gtin": _reference(r"ean|gtin|upc|isbn|jan"),
    "mpn": _reference(r"mpn"),
    "title": "product_title",
    "description": "description",
    "brand": "product_brand",
    "condition": "state_code",
    "price": full_price,
    "sale_price": _of_default("unit_discount_price"),
    "currency": "currency_iso_code",
    "quantity": "quantity",
    "lead_time_days": "leadtime_to_ship",
    "status": lambda offer: "active" if offer["active"] else "draft",
    "attributes": _attributes,
}
"""An offer as a product; its category needs H11."""

ORDER: Mapping[str, Source] = {
    "record_key": "order_id",
    "ordered_at": "created_date",
    "status": "order_state",
    "currency": "currency_iso_code",
    "total": "total_price",
    "buyer_name": Joined(("customer.firstname", "customer.lastname")),
    "email": "customer_notification_email",
    "phone": "customer.shipping_address.phone",
    "ship_name": Joined(("customer.shipping_address.firstname", "customer.shipping_address.lastname")),
    "ship_street": Joined(("customer.shipping_address.street_1", "customer.shipping_address.street_2"), ", "),
    "ship_city": "customer.shipping_address.city",
    "ship_region": "customer.shipping_address.state",
    "ship_postal_code": "customer.shipping_address.zip_code",
    "ship_country": "customer.shipping_address.country_iso_code",
    "shipped_at": _shipped_at,
    "updated_at": "last_updated_date",
}

LINE: Mapping[str, Source] = {
    "line_key": "order_line_id",
    "sku": "offer_sku",
    "quantity": "quantity",
    "unit_price": "price_unit",
}
