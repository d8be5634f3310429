"""What is sent to Walmart: values that it takes, rows of feeds, and what happens to an order's lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.changes import Acceptance, InvalidError, Outcome, Shipment
from connectors.mapping import Payload, at, plain_number, text
from connectors.platforms.walmart.reading import lines, order_status, statuses, units

__all__ = [
    "FEEDS",
    "Feed",
    "cancelled",
    "ingestion_errors",
    "is_single",
    "node_of",
    "outcome",
    "price",
    "quantity",
    "shipped",
    "title",
]

_CARRIERS = (
    "UPS", "USPS", "FedEx", "Airborne", "OnTrac", "DHL Ecommerce - US", "DHL", "LS", "UDS", "UPSMI", "FDX", "PILOT",
    "ESTES", "SAIA", "FDS Express", "Seko Worldwide", "HIT Delivery", "FEDEXSP", "RL Carriers",
    "Metropolitan Warehouse & Delivery", "China Post", "YunExpress", "Yellow Freight Sys", "AIT Worldwide Logistics",
    "Chukou1", "Sendle", "Landmark Global", "Sunyou", "Yanwen", "4PX", "GLS", "OSM Worldwide", "FIRST MILE",
    "AM Trucking", "CEVA", "India Post", "SF Express", "CNE", "TForce Freight", "AxleHire", "LSO", "Royal Mail",
    "ABF Freight System", "WanB", "Roadrunner Freight", "Meyer Distribution", "AAA Cooper", "Canada Post",
    "Southeastern Freight Lines", "Japan Post", "Correos de Mexico", "XPO Logistics", "JD Logistics", "YDH", "JCEX",
    "Flyt", "Deutsche Post", "Better Trucks", "Asendia", "SFC", "UBI", "ePost Global", "YF Logistics", "RXO",
    "Estes Express", "Shypmax", "WIN.IT America", "PITT OHIO", "PostNord Sweden", "Equick", "Whistl", "Tusou",
    "Shiprocket", "DTDC", "PTS",
)  # fmt: skip
_REASONS = (
    "CUSTOMER_REQUESTED_SELLER_TO_CANCEL",
    "SELLER_CANCEL_PRICING_ERROR",
    "SELLER_CANCEL_OUT_OF_STOCK",
    "SELLER_CANCEL_FRAUD_STOP_SHIPMENT",
    "SELLER_CANCEL_ADDRESS_NOT_SERVICEABLE",
)


# ---- values --------------------------------------------------------------------------------------------------------


def price(value: str, current: Payload) -> dict[str, Any]:
    """The part ``price``."""
    number = plain_number(value)
    if number is None or number <= 0 or number != round(number, 2):
        raise InvalidError(
            f"price {value!r} is not a plain amount above 0 with a point and at most two places, such as 12.50."
        )
    currency = text(at(current, "price.currency")) or "USD"
    return {"price": {"currentPriceType": "BASE", "currentPrice": {"currency": currency, "amount": float(number)}}}


def title(value: str, current: Payload) -> dict[str, Any]:
    """The part ``content``: a feed knows an item by its identifier and its product type."""
    if not value.strip() or len(value) > 199:
        raise InvalidError(f"title has {len(value)} characters; Walmart takes 1 to 199 that are not all blank.")
    kind, gtin, upc = (text(current.get(name)) for name in ("productType", "gtin", "upc"))
    if not kind or not (gtin or upc):
        lacking = "neither GTIN nor UPC" if kind else "no product type"
        raise InvalidError(
            f"A title is changed by product type and identifier, and Walmart shows {lacking} for this item. Complete it in "
            "Seller Center."
        )
    identifier = {"productIdType": "GTIN" if gtin else "UPC", "productId": gtin or upc}
    return {"content": {"identifier": identifier, "type": kind, "visible": {"productName": value}}}


def quantity(value: str, current: Payload) -> dict[str, Any]:
    """The part ``quantity``."""
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise InvalidError(f"quantity {value!r} is not a whole number of units, such as 7.")
    return {"quantity": {"unit": "EACH", "amount": int(value)}}


def is_single(part: Mapping[str, Any]) -> bool:
    """Whether there is a call for one record: not for content, and not for a price in another currency."""
    currency = at(part, "price.currentPrice.currency")
    return "content" not in part and currency in (None, "USD", "CAD")


def node_of(key: str) -> tuple[str, str]:
    """SKU and ship node of a stock level; a SKU may hold a slash, the number of a node does not."""
    sku, _, node = key.rpartition("/")
    return sku, node


# ---- feeds ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Feed:
    """One kind of feed.

    Parameters
    ----------
    part : str
        Part of a prepared record that it carries.
    rows : str
        Member that holds the rows.
    header : callable
        ``header(version of the item specification)``.
    row : callable
        ``row(SKU, part)``.
    """

    part: str
    rows: str
    header: Callable[[str], dict[str, Any]]
    row: Callable[[str, Any], dict[str, Any]]


def _content_row(sku: str, part: Mapping[str, Any]) -> dict[str, Any]:
    orderable = {"sku": sku, "productIdentifiers": part["identifier"]}
    return {"Orderable": orderable, "Visible": {part["type"]: part["visible"]}}


def _content_header(version: str) -> dict[str, Any]:
    return {"MPItemFeedHeader": {"businessUnit": "WALMART_US", "locale": "en", "version": version}}


FEEDS = {
    "price": Feed(
        "price",
        "Price",
        lambda version: {"PriceHeader": {"version": "1.7"}},
        lambda sku, part: {"sku": sku, "pricing": [part]},
    ),
    "inventory": Feed(
        "quantity",
        "Inventory",
        lambda version: {"InventoryHeader": {"version": "1.4"}},
        lambda sku, part: {"sku": sku, "quantity": part},
    ),
    "MP_MAINTENANCE": Feed("content", "MPItem", _content_header, _content_row),
}
"""Type of feed to its form. The row of a price and of a stock level is also the body of a single call."""


def ingestion_errors(said: Payload) -> str:
    """What a feed, or a row of its report, says is wrong."""
    errors = at(said, "ingestionErrors.ingestionError") or []
    found = (f"{text(one.get('code'))}: {text(one.get('description'))}" for one in errors)
    return "; ".join(found) or "no reason is given"


def outcome(row: Payload) -> Outcome:
    """What became of an item, by its row of a feed's report."""
    status = text(row.get("ingestionStatus"))
    if status == "SUCCESS":
        return Outcome()
    if status == "DATA_ERROR":
        return Outcome("refused", ingestion_errors(row))
    return Outcome(
        "unknown", f"Walmart says {status or 'nothing'} of this item: {ingestion_errors(row)}. Push it again."
    )


# ---- orders --------------------------------------------------------------------------------------------------------


def cancelled(order: Payload, acceptance: Acceptance) -> list[dict[str, Any]]:
    """The lines that are refused, as a cancellation names them; none where they have been cancelled already."""
    found = []
    for line in lines(order):
        said = acceptance.of(text(line["lineNumber"]))
        if said is None and units(line, "Created"):
            raise InvalidError(f"Walmart acknowledges an order as a whole; line {line['lineNumber']} has no answer.")
        left = units(line, "Created", "Acknowledged")
        if said is None or said.accepted or not left:
            continue
        if said.reason not in _REASONS:
            raise InvalidError(f"reason {said.reason!r} is none of Walmart's: {', '.join(_REASONS)}.")
        found.append(_moved(line, left, {"status": "Cancelled", "cancellationReason": said.reason}))
    return found


def shipped(order: Payload, shipment: Shipment, now: float) -> list[dict[str, Any]]:
    """The lines of a parcel, as a shipment names them; none where Walmart has been told of it.

    Raises
    ------
    InvalidError
        When it must not be sent: it triggers the charge.
    """
    known = {text(line["lineNumber"]): line for line in lines(order)}
    named = {one.line_key: one.quantity for one in shipment.lines} or dict.fromkeys(known)
    if unknown := sorted(set(named) - set(known)):
        raise InvalidError(f"The order has no line {', '.join(unknown)}; it has {', '.join(known)}.")
    tracking = _tracking(order, shipment, now)
    told = {
        key for key, line in known.items() if any(_number(one) == shipment.tracking_number for one in statuses(line))
    }
    found = []
    for key, wanted in named.items():
        line = known[key]
        left = units(line, "Acknowledged")
        if key in told:
            continue
        if units(line, "Created"):
            raise InvalidError(f"Line {key} is not acknowledged; accept the order first.", "conflict")
        if shipment.lines and (wanted or 1) > left:
            raise InvalidError(f"Line {key} has {left} unit(s) left to ship, not {wanted or 'any'}.", "conflict")
        if left:
            body = _moved(line, wanted or left, {"status": "Shipped", "trackingInfo": tracking})
            number = text(line.get("sellerOrderId")) or shipment.order_key
            found.append(body | {"intentToCancelOverride": False, "sellerOrderId": number})
    if not found and not told:
        raise InvalidError(f"The order is {order_status(order)}: nothing is left to ship.", "conflict")
    return found


def _number(status: Payload) -> str:
    return text(at(status, "trackingInfo.trackingNumber"))


def _tracking(order: Payload, shipment: Shipment, now: float) -> dict[str, Any]:
    if not shipment.tracking_number.strip() or not shipment.carrier.strip():
        raise InvalidError("Walmart takes no shipment without a carrier and a tracking number.")
    is_known = shipment.carrier in _CARRIERS
    if not is_known and not shipment.tracking_url:
        raise InvalidError(
            f"carrier {shipment.carrier!r} is none of Walmart's, so it needs a tracking_url; Walmart knows, among others, UPS, "
            "USPS, FedEx, DHL and OnTrac."
        )
    left = shipment.shipped_at.timestamp() if shipment.shipped_at else now
    return {
        "shipDateTime": int(left * 1000),
        "carrierName": {"carrier" if is_known else "otherCarrier": shipment.carrier},
        "methodCode": text(at(order, "shippingInfo.methodCode")) or "Standard",
        "trackingNumber": shipment.tracking_number,
    } | ({"trackingURL": shipment.tracking_url} if shipment.tracking_url else {})


def _moved(line: Payload, amount: int, state: Mapping[str, Any]) -> dict[str, Any]:
    quantity = {"unitOfMeasurement": "EACH", "amount": str(amount)}
    moved = {"statusQuantity": quantity, **state}
    return {"lineNumber": text(line["lineNumber"]), "orderLineStatuses": {"orderLineStatus": [moved]}}
