"""What Walmart's items, orders and item specifications hold, in canonical words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.mapping import Payload, Source, at, text

__all__ = ["ITEM", "LINE", "ORDER", "demands", "instant", "lines", "order_status", "statuses", "units"]

_PLACE = "shippingInfo.postalAddress"
_CANONICAL = {
    "sku": "sku",
    "productIdentifiers": "gtin",
    "price": "price",
    "productName": "title",
    "condition": "condition",
}
"""Members of the item specification that the list of items shows, to canonical fields."""


def instant(moment: datetime) -> str:
    """A time as Walmart takes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def lines(order: Payload) -> list[Mapping[str, Any]]:
    """The lines of an order."""
    return at(order, "orderLines.orderLine") or []


def statuses(line: Payload) -> list[Mapping[str, Any]]:
    """The states of a line, each with the units that are in it."""
    return at(line, "orderLineStatuses.orderLineStatus") or []


def units(line: Payload, *names: str) -> int:
    """How many units of a line are in these states."""
    return sum(int(Decimal(one["statusQuantity"]["amount"])) for one in statuses(line) if one["status"] in names)


def order_status(order: Payload) -> str:
    """The states of an order's lines, each once."""
    return ", ".join(sorted({text(one["status"]) for line in lines(order) for one in statuses(line)}))


def demands(part: Payload) -> Iterator[dict[str, Any]]:
    """The fields of one part of an item specification, as far as the list of items shows them.

    What is listed without (brand, pictures, every attribute) would be held against each single item.
    """
    for name, schema in (part.get("properties") or {}).items():
        if name not in _CANONICAL:
            continue
        kind = schema["type"] if schema.get("type") in ("number", "integer") else "text"
        low, high = ("minLength", "maxLength") if kind == "text" else ("minimum", "maximum")
        yield {
            "field": _CANONICAL[name],
            "label": text(schema.get("title") or name),
            "level": "required" if name in (part.get("required") or ()) else "optional",
            "type": "choice" if schema.get("enum") else kind,
            "minimum": schema.get(low),
            "maximum": schema.get(high),
            "pattern": "",
            "values": [text(one) for one in schema.get("enum") or ()],
        }


def _moment(value: Any) -> str:
    """Milliseconds since 1970 as ISO 8601; anything else as it came."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return text(value)
    return instant(datetime.fromtimestamp(value / 1000, UTC))


def _status(item: Payload) -> str:
    if item.get("lifecycleStatus") in ("ARCHIVED", "RETIRED"):
        return "archived"
    return "active" if item.get("publishedStatus") == "PUBLISHED" else text(item.get("publishedStatus")).lower()


def _attributes(item: Payload) -> list[dict[str, str]]:
    names = {
        "published_status": "publishedStatus",
        "lifecycle_status": "lifecycleStatus",
        "variant_group_id": "variantGroupId",
        "wpid": "wpid",
        "upc": "upc",
        "shelf": "shelf",
    }
    found = {name: text(item.get(member)) for name, member in names.items()}
    found["unpublished_reasons"] = "; ".join(at(item, "unpublishedReasons.reason") or [])
    return [{"key": name, "value": value} for name, value in found.items() if value]


def _charges(line: Payload) -> list[Mapping[str, Any]]:
    return at(line, "charges.charge") or []


def _unit_price(line: Payload) -> str:
    amounts = [one["chargeAmount"]["amount"] for one in _charges(line) if one["chargeType"] == "PRODUCT"]
    return text(_sum(amounts)) if amounts else ""


def _total(order: Payload) -> str:
    summary = at(order, "orderSummary.totalAmount.currencyAmount")
    if summary is not None:
        return text(summary)
    if any(text(at(line, "orderLineQuantity.amount")) != "1" for line in lines(order)):
        return ""
    charges = [one for line in lines(order) for one in _charges(line)]
    taxes = [at(one, "tax.taxAmount.amount") or 0 for one in charges]
    return text(_sum([one["chargeAmount"]["amount"] for one in charges] + taxes))


def _sum(amounts: list[Any]) -> Decimal:
    return sum((Decimal(str(one)) for one in amounts), Decimal(0))


def _currency(order: Payload) -> str:
    charged = [one["chargeAmount"]["currency"] for line in lines(order) for one in _charges(line)]
    return text(at(order, "orderSummary.totalAmount.currencyUnit")) or next(iter(charged), "")


def _shipped_at(order: Payload) -> str:
    times = [at(one, "trackingInfo.shipDateTime") for line in lines(order) for one in statuses(line)]
    return _moment(max((one for one in times if one), default=None))


def _street(order: Payload) -> str:
    return ", ".join(one for name in ("address1", "address2") if (one := text(at(order, f"{_PLACE}.{name}"))))


ITEM: dict[str, Source] = {
    "record_key": "sku",
    "sku": "sku",
    "gtin": lambda item: text(item.get("gtin")) or text(item.get("upc")),
    "title": "productName",
    "category": "productType",
    "condition": "condition",
    "price": "price.amount",
    "currency": "price.currency",
    "status": _status,
    "attributes": _attributes,
}
ORDER: dict[str, Source] = {
    "record_key": "purchaseOrderId",
    "ordered_at": lambda order: _moment(order.get("orderDate")),
    "status": order_status,
    "currency": _currency,
    "total": _total,
    "email": "customerEmailId",
    "phone": "shippingInfo.phone",
    "ship_name": f"{_PLACE}.name",
    "ship_street": _street,
    "ship_city": f"{_PLACE}.city",
    "ship_region": f"{_PLACE}.state",
    "ship_postal_code": f"{_PLACE}.postalCode",
    "ship_country": f"{_PLACE}.country",
    "shipped_at": _shipped_at,
}
LINE: dict[str, Source] = {
    "line_key": "lineNumber",
    "sku": "item.sku",
    "quantity": "orderLineQuantity.amount",
    "unit_price": _unit_price,
}
