"""What a listing, its variants and a receipt hold, in canonical text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.mapping import LENGTH, WEIGHT, Amount, Joined, Payload, Source, at, text

__all__ = ["LENGTHS", "LINE", "LISTING", "RECEIPT", "item_of", "key_of", "moment", "offering_of", "products_of"]

LENGTHS = {**LENGTH, "inches": LENGTH["in"], "ft": Amount(Decimal("304.8"))}
"""Units of length that Etsy knows, in millimetres."""

_TOLD = (
    "who_made", "when_made", "is_supply", "listing_type", "taxonomy_id", "shipping_profile_id", "return_policy_id",
    "shop_section_id", "should_auto_renew", "readiness_state_id",
)  # fmt: skip


def moment(path: str) -> Callable[[Payload], str]:
    """Source of a time that comes in seconds since 1970."""

    def read(payload: Payload) -> str:
        seconds = at(payload, path)
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""

    return read


def products_of(payload: Payload) -> list[dict[str, Any]]:
    """The products of a listing's inventory: one, or one for each combination of its variations."""
    return [one for one in at(payload, "inventory.products") or [] if not one.get("is_deleted")]


def offering_of(product: Payload) -> Payload:
    """What a product costs and how many there are."""
    return next((one for one in product.get("offerings") or [] if not one.get("is_deleted")), {})


def key_of(listing: str, product: Payload) -> str:
    """What names a variant for good: its numbers change with every write, its values do not."""
    values = (f"{one['property_id']}={','.join(one['values'])}" for one in product.get("property_values") or [])
    own = ";".join(sorted(values))
    return f"{listing}/{own}" if own else listing


def item_of(product: Payload) -> dict[str, Any]:
    """The fields of what is sold."""
    offering = offering_of(product)
    return {
        "sku": text(product.get("sku")),
        "price": _money(offering.get("price")),
        "currency": text(at(offering, "price.currency_code")),
        "quantity": text(offering.get("quantity")),
    }


def _money(value: Any) -> str:
    """An amount as a decimal with the places that its divisor has."""
    if not value:
        return ""
    divisor = int(value["divisor"]) or 1
    return f"{Decimal(int(value['amount'])) / divisor:.{len(str(divisor)) - 1}f}"


def _measure(name: str, unit: str, units: Mapping[str, Amount]) -> Callable[[Payload], str]:
    def read(payload: Payload) -> str:
        value, known = text(payload.get(name)), units.get(payload.get(unit) or "")
        return known.to_canonical(value) if known else value

    return read


def _images(payload: Payload) -> list[str]:
    ranked = sorted(payload.get("images") or [], key=lambda one: one.get("rank") or 0)
    return [image["url_fullxfull"] for image in ranked]


def _attributes(payload: Payload) -> list[dict[str, str]]:
    found = {name: text(payload.get(name)) for name in _TOLD}
    found |= {name: ", ".join(payload.get(name) or []) for name in ("tags", "materials")}
    return [{"key": name, "value": value} for name, value in found.items() if value]


def _shipped(receipt: Payload) -> str:
    told = "shipment_notification_timestamp"
    return next((moment(told)(one) for one in receipt.get("shipments") or [] if one.get(told)), "")


LISTING: Mapping[str, Source] = {
    "record_key": "listing_id",
    "title": "title",
    "description": "description",
    "images": _images,
    "weight_g": _measure("item_weight", "item_weight_unit", WEIGHT),
    "length_mm": _measure("item_length", "item_dimensions_unit", LENGTHS),
    "width_mm": _measure("item_width", "item_dimensions_unit", LENGTHS),
    "height_mm": _measure("item_height", "item_dimensions_unit", LENGTHS),
    "lead_time_days": "processing_max",
    "language": "language",
    "status": "state",
    "attributes": _attributes,
    "updated_at": moment("updated_timestamp"),
}
"""Canonical fields of a listing as a whole."""

RECEIPT: Mapping[str, Source] = {
    "record_key": "receipt_id",
    "ordered_at": moment("created_timestamp"),
    "status": "status",
    "currency": "grandtotal.currency_code",
    "total": lambda receipt: _money(receipt.get("grandtotal")),
    "email": "buyer_email",
    "ship_name": "name",
    "ship_street": Joined(("first_line", "second_line"), ", "),
    "ship_city": "city",
    "ship_region": "state",
    "ship_postal_code": "zip",
    "ship_country": "country_iso",
    "shipped_at": _shipped,
    "updated_at": moment("updated_timestamp"),
}
"""Canonical fields of a receipt; its address is withheld from some apps, which is no fault of the order."""

LINE: Mapping[str, Source] = {
    "line_key": "transaction_id",
    "sku": "sku",
    "quantity": "quantity",
    "unit_price": lambda transaction: _money(transaction.get("price")),
}
"""Canonical fields of a transaction."""
