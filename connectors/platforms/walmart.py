"""Walmart Marketplace (US): interface v3, item specification 5.0 (fact sheet of 2026-11-25).

What differs from other platforms:

- The token travels in ``WM_SEC.ACCESS_TOKEN`` and lives 15 minutes; every request, that for a token too, has a correlation
  identifier of its own.
- The list of items has one cursor for all its pages, which the server moves on and forgets after about two minutes: it is
  read in one go and once more from the start where it broke off. It does not tell what changed, nor descriptions, brands,
  pictures and weights; what cannot be read back is not written.
- The cursor of the orders is a ready query that must be sent letter by letter. Without ``createdStartDate`` orders older
  than seven days are hidden, and an empty list is answered with 404.
- Prices may be set singly 100 times an hour, in US and Canadian dollars; more of them, and every title, go as a feed, and
  so do many stock levels. A feed that was processed can hold refused items, so its report is read item by item. A new
  price shows within five minutes.
- A stock level counts what the seller has in a ship node (``inputQty``); units of open orders are still in it.
- Countries have three letters; those of Walmart's own markets are given in the canonical two.

Unconfirmed, and what is done about it: how many items a page may have (50 by one document, 1,000 by another; setting
``page_size``, 50 unless changed); which specification an account may still use (setting ``item_spec_version``); whether
orders by their changes are also cut at seven days (both bounds are sent); whether an item price is that of a unit where a
line has several (the total is taken from the order's summary, or added up where every line is one unit). An order does not
tell when it was changed, so ``updated_at`` stays empty and the server alone decides what is new. ``price`` in version 1.7
and ``inventory`` in version 1.4 are the older forms of those two feeds; the newer ``PRICE_AND_PROMOTION`` has no published
form that could be checked. Identifiers of products are not changed: Walmart would merge the offer into another product.

References
----------
Fact sheet of 2026-11-25 with developer.walmart.com "Rate limiting", "Update bulk prices", "Bulk item maintenance" and "Get
spec" (read 2026-11-25): the limits below, in calls a minute unless said otherwise; ``X-Next-Replenishment-Time`` counts
milliseconds since 1970. The description of Walmart's interface by api-evangelist, commit d9aaf1dd (2026-06-27): shapes.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
import polars as pl

from connectors.auth import ClientCredentials
from connectors.changes import Acceptance, InvalidError, Outcome, Outcomes, Shipment, outcome_of
from connectors.errors import Action, PlatformError, ProtocolError, RefusedError
from connectors.imports import LATE, poll
from connectors.limits import Limits, Rate, Room
from connectors.manners import Answer, Manners
from connectors.mapping import Payload, at, plain_number, text
from connectors.paginate import Counted, Cursor, Linked
from connectors.platform import REQUIREMENTS, Capability, CredentialField
from connectors.rest import ADDRESS, Opening, Prepared, RestConnector, Site, Stream, Update, address_or

__all__ = ["PLATFORM"]

_NEWEST_SPEC = "5.0.20260608-18_15_07-api"
_HISTORY = timedelta(days=180)
_COUNTRIES = {"USA": "US", "CAN": "CA", "MEX": "MX", "CHL": "CL", "PRI": "PR"}
_SINGLY = 10
"""Up to so many prices or stock levels are set one by one, and as many items read; more go as a feed, or as the list."""

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
_SCOPES = {"item": "items", "inventory": "stock", "orders": "orders", "price": "prices", "feeds": "feeds"}
_CANONICAL = {
    "sku": "sku",
    "productIdentifiers": "gtin",
    "price": "price",
    "productName": "title",
    "shortDescription": "description",
    "brand": "brand",
    "condition": "condition",
    "mainImageUrl": "images",
    "manufacturerPartNumber": "mpn",
}
"""Members of the item specification to canonical fields."""

# ---- how the platform is reached ---------------------------------------------------------------------------------


def _stamp(request: httpx.Request) -> None:
    request.headers["WM_QOS.CORRELATION_ID"] = str(uuid.uuid4())


class _Token(ClientCredentials):
    """The grant of client credentials, with a correlation identifier of its own for each token."""

    _advice = (
        "Check client_id and client_secret (Seller Center > Settings > API key management); the sandbox has keys of its own "
        "and its own address."
    )

    def _token_request(self, request: httpx.Request) -> httpx.Request:
        asked = super()._token_request(request)
        _stamp(asked)
        return asked


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    channel = given.get("channel_type", "")
    return {"WM_SVC.NAME": "Walmart Marketplace"} | ({"WM_CONSUMER.CHANNEL.TYPE": channel} if channel else {})


def _auth(opening: Opening) -> httpx.Auth:
    return _Token(
        f"{opening.address}/v3/token",
        opening.given["client_id"],
        opening.given["client_secret"],
        basic=True,
        token_headers=_headers(opening.given),
        header="WM_SEC.ACCESS_TOKEN",
        scheme="",
        known=opening.known,
        clock=opening.environment.clock,
    )


def _errors(body: Any) -> list[Mapping[str, Any]]:
    """The errors of a body, which come in three forms."""
    found = (body.get("errors") or body.get("error") or []) if isinstance(body, Mapping) else []
    found = found.get("error") or [] if isinstance(found, Mapping) else found
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _words(body: Any) -> str:
    said = []
    for one in _errors(body):
        code = text(one.get("code")).partition(".")[0]
        said.append(": ".join(part for part in (code, text(one.get("description") or one.get("info"))) if part))
    return "; ".join(said)


def _judge(answer: Answer) -> None:
    """An answer with status 200 may hold errors, too."""
    if any(one.get("severity", "ERROR") == "ERROR" for one in _errors(answer.value)):
        words = _words(answer.value)
        raise RefusedError(
            f"Walmart answered with status {answer.status} and yet refused: {words}",
            status=answer.status,
            request_id=answer.request_id,
            words=words,
        )


def _room(headers: Mapping[str, str]) -> Room:
    if "x-current-token-count" not in headers:
        return Room()
    resets = headers.get("x-next-replenishment-time") or headers.get("x-next-replenish-time")
    left_s = max(0.0, float(resets) / 1000 - time.time()) if resets else None
    return Room(remaining=float(headers["x-current-token-count"]), resets_s=left_s)


def _per_minute(calls: float, burst: float = 0) -> Rate:
    return Rate(per_second=calls / 60, burst=burst or calls)


# ---- what an item and an order hold --------------------------------------------------------------------------------


def _status(item: Payload) -> str:
    if item.get("lifecycleStatus") in ("ARCHIVED", "RETIRED"):
        return "archived"
    return "active" if item.get("publishedStatus") == "PUBLISHED" else text(item.get("publishedStatus")).lower()


def _attributes(item: Payload) -> list[dict[str, str]]:
    names = {"wpid": "wpid", "upc": "upc", "shelf": "shelf", "variant_group_id": "variantGroupId"}
    found = {name: text(item.get(member)) for name, member in names.items()}
    found |= {
        "published_status": text(item.get("publishedStatus")),
        "lifecycle_status": text(item.get("lifecycleStatus")),
    }
    found["unpublished_reasons"] = "; ".join(at(item, "unpublishedReasons.reason") or [])
    return [{"key": name, "value": value} for name, value in found.items() if value]


def _moment(value: Any) -> str:
    """Milliseconds since 1970 as ISO 8601; anything else as it came."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return text(value)
    return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _lines(order: Payload) -> list[Mapping[str, Any]]:
    return at(order, "orderLines.orderLine") or []


def _statuses(line: Payload) -> list[Mapping[str, Any]]:
    return at(line, "orderLineStatuses.orderLineStatus") or []


def _units(line: Payload, *names: str) -> int:
    """How many units of a line are in these states."""
    return sum(int(Decimal(one["statusQuantity"]["amount"])) for one in _statuses(line) if one["status"] in names)


def _order_status(order: Payload) -> str:
    return ", ".join(sorted({text(one["status"]) for line in _lines(order) for one in _statuses(line)}))


def _charges(line: Payload, kind: str = "") -> Decimal:
    """What is charged for a line, with the tax unless only one kind of charge is wanted."""
    found = [one for one in at(line, "charges.charge") or [] if kind in ("", one["chargeType"])]
    amounts = [one["chargeAmount"]["amount"] for one in found]
    taxes = [at(one, "tax.taxAmount.amount") or 0 for one in found if not kind]
    return sum((Decimal(str(one)) for one in (*amounts, *taxes)), Decimal(0))


def _total(order: Payload) -> str:
    summary = at(order, "orderSummary.totalAmount.currencyAmount")
    if summary is not None:
        return text(summary)
    lines = _lines(order)
    is_plain = all(text(at(line, "orderLineQuantity.amount")) == "1" for line in lines)
    return text(sum((_charges(line) for line in lines), Decimal(0))) if is_plain else ""


def _currency(order: Payload) -> str:
    charges = [one for line in _lines(order) for one in at(line, "charges.charge") or []]
    return text(
        at(order, "orderSummary.totalAmount.currencyUnit") or (charges and charges[0]["chargeAmount"]["currency"])
    )


def _shipped_at(order: Payload) -> str:
    parcels = [at(one, "trackingInfo.shipDateTime") for line in _lines(order) for one in _statuses(line)]
    return _moment(max((one for one in parcels if one), default=None))


_PLACE = "shippingInfo.postalAddress"


def _street(order: Payload) -> str:
    return ", ".join(one for name in ("address1", "address2") if (one := text(at(order, f"{_PLACE}.{name}"))))


def _country(order: Payload) -> str:
    given = text(at(order, f"{_PLACE}.country"))
    return _COUNTRIES.get(given, given)


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- what is written -----------------------------------------------------------------------------------------------


def _price(value: str, current: Payload) -> dict[str, Any]:
    number = plain_number(value)
    if number is None or number <= 0 or number != round(number, 2):
        raise InvalidError(
            f"price {value!r} is not a plain amount above 0 with a point and at most two places, such as 12.50."
        )
    currency = text(at(current, "price.currency")) or "USD"
    return {"price": {"currentPriceType": "BASE", "currentPrice": {"currency": currency, "amount": float(number)}}}


def _title(value: str, current: Payload) -> dict[str, Any]:
    if not value.strip() or len(value) > 199:
        raise InvalidError(f"title has {len(value)} characters; Walmart takes 1 to 199 that are not all blank.")
    kind, gtin, upc = (text(current.get(name)) for name in ("productType", "gtin", "upc"))
    if not kind or not (gtin or upc):
        raise InvalidError(
            "A title is changed by product type and identifier, and Walmart shows "
            f"{'no product type' if not kind else 'neither GTIN nor UPC'} for this item. Complete it in Seller Center."
        )
    identifier = {"productIdType": "GTIN" if gtin else "UPC", "productId": gtin or upc}
    return {"content": {"identifier": identifier, "type": kind, "visible": {"productName": value}}}


def _quantity(value: str, current: Payload) -> dict[str, Any]:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise InvalidError(f"quantity {value!r} is not a whole number of units, such as 7.")
    return {"quantity": {"unit": "EACH", "amount": int(value)}}


def _price_row(key: str, part: Any) -> dict[str, Any]:
    return {"sku": key, "pricing": [part]}


def _stock_row(key: str, part: Any) -> dict[str, Any]:
    return {"sku": _node_of(key)[0], "quantity": part}


def _content_row(key: str, part: Any) -> dict[str, Any]:
    orderable = {"sku": key, "productIdentifiers": part["identifier"]}
    return {"Orderable": orderable, "Visible": {part["type"]: part["visible"]}}


def _node_of(key: str) -> tuple[str, str]:
    """SKU and ship node of a stock level; a SKU may hold a slash, the number of a node does not."""
    sku, _, node = key.rpartition("/")
    return sku, node


class Walmart(RestConnector):
    """One seller's account."""

    site = Site(
        address=lambda given: address_or(given, "https://marketplace.walmartapis.com"),
        auth=_auth,
        headers=_headers,
        stamp=_stamp,
        manners=Manners(
            "walmart",
            request_id=("wm_qos.correlation_id",),
            words=_words,
            judge=_judge,
            advice={
                Action.REAUTHENTICATE: "Check client_id, client_secret and the permissions of the key (Seller Center > "
                "Settings > API key management); sandbox and production have keys of their own."
            },
        ),
        # Walmart tells what is left with every answer; feeds have ten calls an hour, the sandbox thirty.
        limits=Limits(
            _per_minute(3000, 200),
            operations={
                "items": _per_minute(60),
                "item": _per_minute(60),
                "order": _per_minute(60),
                "inventory": _per_minute(200),
                "price": _per_minute(100 / 60, 100),
                "spec": _per_minute(3),
                **{f"feed {name}": _per_minute(10 / 60, 30) for name in ("price", "inventory", "MP_MAINTENANCE")},
            },
            room=_room,
        ),
        account=lambda given: given["client_id"],
    )
    streams = {
        "product": Stream(
            path="v3/items",
            rows="ItemResponse",
            pages=Cursor("nextCursor", next="nextCursor", size=50, start="*", total="totalItems", steady=True),
            operation="items",
            item="v3/items/{key}",
            item_operation="item",
            fields={
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
            },
        ),
        "order": Stream(
            path="v3/orders",
            rows="list.elements.order",
            pages=Linked(
                lambda answer: text(at(answer.value, "list.meta.nextCursor")), size=200, total="list.meta.totalCount"
            ),
            since=lambda moment: {"lastModifiedStartDate": _instant(moment)},
            item="v3/orders/{key}",
            lines="orderLines.orderLine",
            fields={
                "record_key": "purchaseOrderId",
                "ordered_at": lambda order: _moment(order.get("orderDate")),
                "status": _order_status,
                "currency": _currency,
                "total": _total,
                "email": "customerEmailId",
                "phone": "shippingInfo.phone",
                "ship_name": f"{_PLACE}.name",
                "ship_street": _street,
                "ship_city": f"{_PLACE}.city",
                "ship_region": f"{_PLACE}.state",
                "ship_postal_code": f"{_PLACE}.postalCode",
                "ship_country": _country,
                "shipped_at": _shipped_at,
            },
            line_fields={
                "line_key": "lineNumber",
                "sku": "item.sku",
                "quantity": "orderLineQuantity.amount",
                "unit_price": lambda line: text(_charges(line, "PRODUCT")),
            },
        ),
        "stock": Stream(
            path="v3/inventories",
            rows="elements.inventories",
            pages=Cursor("nextCursor", next="meta.nextCursor", size=50, total="meta.totalCount"),
            operation="inventory",
            item="v3/inventories/{key}",
            item_operation="inventory",
            fields={
                "record_key": lambda level: f"{level['sku']}/{level['shipNode']}",
                "parent_key": "sku",
                "sku": "sku",
                "location": "shipNode",
                "quantity": "inputQty.amount",
            },
        ),
    }
    # Everything goes through put_many, which decides between single calls and feeds: single titles would use feeds up.
    updates = {
        "product": Update(
            path="v3/price",
            method="PUT",
            needs_current=frozenset({"price", "title"}),
            fields={"price": _price, "title": _title},
            many=1000,
            many_from=1,
            operation="price",
        ),
        "stock": Update(
            path="v3/inventory",
            method="PUT",
            fields={"quantity": _quantity},
            many=1000,
            many_from=1,
            operation="inventory",
        ),
    }

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        size = self._given["page_size"]
        if not size.isdigit() or not 1 <= int(size) <= 1000:
            raise self.credential_error(f"page_size is {size!r}; it must be a whole number from 1 to 1000, such as 50.")
        items = type(self).streams["product"]
        self.streams = {**type(self).streams, "product": replace(items, pages=replace(items.pages, size=int(size)))}  # type: ignore[misc, type-var]

    def examine(self) -> list[str]:
        """What the token may do; a missing permission is named."""
        detail = self.client.send("GET", "v3/token/detail").value
        scopes = detail.get("scopes") or {}
        closed = [name for name in _SCOPES if scopes.get(name) == "no_access"]
        if detail.get("is_valid") is False or closed:
            raise self.credential_error(
                f"the key may not use: {', '.join(_SCOPES[one] for one in closed) or 'anything, its token is not valid'}. "
                "Open Seller Center > Settings > API key management and give it access."
            )
        found = super().examine()
        if limited := [label for name, label in _SCOPES.items() if scopes.get(name) == "view_only"]:
            found.append(f"The key may only view {', '.join(limited)}: corrections there will be refused.")
        return found

    # ---- reading -----------------------------------------------------------------------------------------------

    def ask(self, stream: Stream, params: Mapping[str, str], query: str = "") -> Answer:
        """One page; a list without rows is answered with 404."""
        try:
            return super().ask(stream, params, query)
        except RefusedError as error:
            if error.status != 404 or query:
                raise
            return Answer(200, httpx.Headers(), None)

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Pages; items once more from the start where their cursor ended too early, orders of every kind of node."""
        if kind == "order":
            earliest = datetime.fromtimestamp(self._environment.clock(), UTC) - _HISTORY
            bounds = {"createdStartDate": _instant(earliest)}
            bounds |= {"lastModifiedStartDate": _instant(max(since, earliest))} if since else {}
            for name in self._given["ship_node_types"].replace(",", " ").split():
                yield from self.walk(self.streams["order"], bounds | {"shipNodeType": name})
            return
        came = False
        try:
            for rows in super().batches(kind, since):
                came = True
                yield rows
        except (RefusedError, ProtocolError) as error:
            if not came or error.status not in (None, 400):
                raise
            yield from super().batches(kind, since)

    def records(self, kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The row of a payload; one for each ship node of a stock level."""
        if kind != "stock":
            yield from super().records(kind, payload)
            return
        for node in payload["nodes"]:
            yield from super().records(kind, {"sku": payload["sku"], **node})

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """The named records, one by one; many items come faster with the whole list."""
        if kind == "product" and len(keys) > _SINGLY:
            wanted = {key for key, _ in keys}
            for rows in self.batches(kind, None):
                yield from (row for row in rows if row.get("sku") in wanted)
            return
        if kind == "stock":
            skus = dict.fromkeys(_node_of(key)[0] for key, _ in keys if self.is_key(kind, key))
            yield from (found for sku in skus if (found := self.item(self.streams[kind], sku)))
            return
        yield from super().payloads(kind, keys)

    def item(self, stream: Stream, key: str, parent: str = "") -> Mapping[str, Any] | None:
        """One record; an item comes as a list of one, an order with or without a wrapper."""
        if stream.path == "v3/items":
            stream = replace(stream, item=f"{stream.item}?productIdType=SKU")
        found = super().item(stream, key, parent) or {}
        rows = found.get("ItemResponse") or [found.get("responseRecord") or found.get("order") or found]
        return next((row for row in rows if key in (row.get("sku"), row.get("purchaseOrderId"))), None)

    def requirements(self, categories: Sequence[str]) -> pl.DataFrame:
        """The item specification of these product types."""
        rows: list[dict[str, Any]] = []
        version = self._given["item_spec_version"]
        for start in range(0, len(categories), 20):
            body = {"feedType": "MP_ITEM", "version": version, "productTypes": list(categories[start : start + 20])}
            answer = self.client.send("POST", "v3/items/spec", body=body, idempotent=True, operation="spec")
            item = at(answer.value, "schema.properties.MPItem.items.properties") or {}
            source = f"https://marketplace.walmartapis.com/v3/items/spec, MP_ITEM {version}"
            for category, visible in (at(item, "Visible.properties") or {}).items():
                for part in (item.get("Orderable") or {}, visible):
                    rows += [{"category": category, "source": source, **one} for one in _required(part)]
        return pl.DataFrame(rows, schema=REQUIREMENTS)

    # ---- writing -----------------------------------------------------------------------------------------------

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Prices, titles and stock levels, each in the way that Walmart has for so many."""
        outcomes: Outcomes = {}
        prices, titles, levels = (_with(name, prepared) for name in ("price", "content", "quantity"))
        dollars = all(one.fragment["price"]["currentPrice"]["currency"] in ("USD", "CAD") for one in prices)
        for some, is_single in ((prices, len(prices) <= _SINGLY and dollars), (levels, len(levels) <= _SINGLY)):
            for one in some if is_single else ():
                outcomes |= self._put_record(kind, one)
        if len(prices) > _SINGLY or not dollars:
            outcomes |= self._feed("price", prices, "price", _price_row)
        if titles:
            outcomes |= self._feed("MP_MAINTENANCE", titles, "content", _content_row)
        if len(levels) > _SINGLY:
            nodes: dict[str, list[Prepared]] = {}
            for one in levels:
                nodes.setdefault(_node_of(one.key)[1], []).append(one)
            for node, some in nodes.items():
                outcomes |= self._feed("inventory", some, "quantity", _stock_row, shipNode=node)
        return outcomes

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """One price or one stock level."""
        update, part = self.updates[kind], prepared.fragment
        if kind == "product":
            self.client.send(
                "PUT", update.path, body=_price_row(prepared.key, part["price"]), operation=update.operation
            )
            return {}
        sku, node = _node_of(prepared.key)
        body = _stock_row(prepared.key, part["quantity"])
        self.client.send(
            "PUT", update.path, params={"sku": sku, "shipNode": node}, body=body, operation=update.operation
        )
        return {}

    def is_key(self, kind: str, key: str) -> bool:
        """Whether a key can be one of Walmart's; that of a stock level names a ship node."""
        return super().is_key(kind, key) and (kind != "stock" or all(_node_of(key)))

    def _feed(
        self,
        name: str,
        prepared: Sequence[Prepared],
        part: str,
        row: Callable[[str, Any], dict[str, Any]],
        **params: str,
    ) -> Outcomes:
        """Send one feed and read its report; what that does not name is unknown."""
        header: dict[str, Any] = {
            "price": {"PriceHeader": {"version": "1.7"}},
            "inventory": {"InventoryHeader": {"version": "1.4"}},
            "MP_MAINTENANCE": {
                "MPItemFeedHeader": {
                    "businessUnit": "WALMART_US",
                    "locale": "en",
                    "version": self._given["item_spec_version"],
                }
            },
        }[name]
        member = {"price": "Price", "inventory": "Inventory", "MP_MAINTENANCE": "MPItem"}[name]
        body = header | {member: [row(one.key, one.fragment[part]) for one in prepared]}
        try:
            report = self._report(name, body, params)
        except PlatformError as error:
            failed = outcome_of(error)
            return {key: one for some in prepared for key, one in some.all(failed).items()}
        if report is None:
            return {key: one for some in prepared for key, one in some.all(LATE).items()}
        outcomes: Outcomes = {}
        for one in prepared:
            said = report.get(_node_of(one.key)[0] if part == "quantity" else one.key)
            if said is not None:
                outcomes |= one.all(said)
        return outcomes

    def _report(self, name: str, body: Mapping[str, Any], params: Mapping[str, str]) -> dict[str, Outcome] | None:
        """SKU to what became of it; None when the feed is not finished in time."""
        sent = self.client.send(
            "POST",
            "v3/feeds",
            params={"feedType": name, **params},
            files={"file": (f"{name}.json", json.dumps(body, ensure_ascii=False).encode(), "application/json")},
            idempotent=True,
            operation=f"feed {name}",
        ).value
        path = f"v3/feeds/{quote(sent['feedId'], safe='')}"
        state = poll(
            self.client,
            lambda: self.client.send("GET", path, params={"includeDetails": "false"}).value,
            lambda found: found["feedStatus"] in ("PROCESSED", "ERROR"),
            first_s=15,
            longest_s=120,
        )
        if state is None:
            return None
        details = Stream(
            path=path,
            rows="itemDetails.itemIngestionStatus",
            fields={},
            pages=Counted(size=50, total="itemsReceived"),
            params={"includeDetails": "true"},
        )
        report = {text(row.get("sku")): _outcome(row) for rows in self.walk(details) for row in rows}
        if state["feedStatus"] == "ERROR" and not report:
            raise RefusedError(f"Walmart could not read the feed: {_said(state)}", words=_said(state))
        return report

    # ---- orders ------------------------------------------------------------------------------------------------

    def send_acceptance(self, acceptance: Acceptance) -> Outcome:
        """Acknowledge the order as a whole, then cancel the lines that are refused; told twice, done once."""
        order = self._order(acceptance.order_key)
        path = f"v3/orders/{quote(acceptance.order_key, safe='')}"
        new = [line for line in _lines(order) if _units(line, "Created")]
        refused = []
        for line in _lines(order):
            said = acceptance.of(text(line["lineNumber"]))
            if said is None and line in new:
                raise InvalidError(
                    f"Walmart acknowledges an order as a whole; line {line['lineNumber']} has no answer."
                )
            if said is not None and not said.accepted and _units(line, "Created", "Acknowledged"):
                if said.reason not in _REASONS:
                    raise InvalidError(f"reason {said.reason!r} is none of Walmart's: {', '.join(_REASONS)}.")
                refused.append((line, said.reason))
        if new:
            self.client.send("POST", f"{path}/acknowledge", idempotent=True, operation="order")
        if refused:
            lines = [
                _line_body(line, _units(line, "Created", "Acknowledged"), "Cancelled", {"cancellationReason": reason})
                for line, reason in refused
            ]
            body = {"orderCancellation": {"orderLines": {"orderLine": lines}}}
            self.client.send("POST", f"{path}/cancel", body=body, operation="order")
        return Outcome()

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """One parcel of an acknowledged order; told of twice, sent once, for it triggers the charge."""
        order = self._order(shipment.order_key)
        tracking = self._tracking(order, shipment)
        named = {one.line_key: one.quantity for one in shipment.lines}
        known = {text(line["lineNumber"]): line for line in _lines(order)}
        if unknown := sorted(set(named) - set(known)):
            raise InvalidError(f"The order has no line {', '.join(unknown)}; it has {', '.join(known)}.")
        lines = []
        for key, line in known.items():
            told = [at(one, "trackingInfo.trackingNumber") for one in _statuses(line)]
            if (named and key not in named) or shipment.tracking_number in told:
                continue
            open_units = _units(line, "Acknowledged")
            wanted = named.get(key) or open_units
            if _units(line, "Created"):
                raise InvalidError(f"Line {key} is not acknowledged; accept the order first.", "conflict")
            if wanted > open_units or (named and not open_units):
                raise InvalidError(f"Line {key} has {open_units} unit(s) left to ship, not {wanted}.", "conflict")
            if wanted:
                extra = {
                    "intentToCancelOverride": False,
                    "sellerOrderId": line.get("sellerOrderId") or shipment.order_key,
                }
                lines.append(_line_body(line, wanted, "Shipped", {"trackingInfo": tracking}) | extra)
        if lines:
            body = {"orderShipment": {"orderLines": {"orderLine": lines}}}
            path = f"v3/orders/{quote(shipment.order_key, safe='')}/shipping"
            self.client.send("POST", path, body=body, operation="order")
        elif not any(shipment.tracking_number in json.dumps(line) for line in known.values()):
            raise InvalidError(f"The order is {_order_status(order)}: nothing is left to ship.", "conflict")
        return Outcome()

    def _tracking(self, order: Payload, shipment: Shipment) -> dict[str, Any]:
        if not shipment.tracking_number.strip() or not shipment.carrier.strip():
            raise InvalidError("Walmart takes no shipment without a carrier and a tracking number.")
        is_known = shipment.carrier in _CARRIERS
        if not is_known and not shipment.tracking_url:
            raise InvalidError(
                f"carrier {shipment.carrier!r} is none of Walmart's, so it needs a tracking_url; Walmart knows, among others, "
                "UPS, USPS, FedEx, DHL and OnTrac."
            )
        left = shipment.shipped_at.timestamp() if shipment.shipped_at else self._environment.clock()
        return {
            "shipDateTime": int(left * 1000),
            "carrierName": {"carrier" if is_known else "otherCarrier": shipment.carrier},
            "methodCode": text(at(order, "shippingInfo.methodCode")) or "Standard",
            "trackingNumber": shipment.tracking_number,
        } | ({"trackingURL": shipment.tracking_url} if shipment.tracking_url else {})

    def _order(self, key: str) -> Mapping[str, Any]:
        order = self.item(self.streams["order"], key) if self.is_key("order", key) else None
        if order is None:
            raise InvalidError(f"Walmart has no order {key!r}.", "missing")
        return order


def _line_body(line: Payload, units: int, status: str, more: Mapping[str, Any]) -> dict[str, Any]:
    quantity = {"unitOfMeasurement": "EACH", "amount": str(units)}
    states = [{"status": status, "statusQuantity": quantity, **more}]
    return {"lineNumber": text(line["lineNumber"]), "orderLineStatuses": {"orderLineStatus": states}}


def _with(name: str, prepared: Sequence[Prepared]) -> list[Prepared]:
    """The records of which that part is to be set, with that part alone."""
    found = [replace(one, parts=tuple(part for part in one.parts if name in part[1])) for one in prepared]
    return [one for one in found if one.parts]


def _said(row: Payload) -> str:
    errors = at(row, "ingestionErrors.ingestionError") or []
    return (
        "; ".join(f"{text(one.get('code'))}: {text(one.get('description'))}" for one in errors) or "no reason is given"
    )


def _outcome(row: Payload) -> Outcome:
    status = text(row.get("ingestionStatus"))
    if status == "SUCCESS":
        return Outcome()
    if status == "DATA_ERROR":
        return Outcome("refused", _said(row))
    return Outcome(
        "unknown", f"Walmart reports {status or 'no status'} for this item ({_said(row)}). Push it again later."
    )


def _required(part: Payload) -> Iterator[dict[str, Any]]:
    """The fields of one part of an item specification that have a column of their own.

    Attributes are left out: items are listed without them, and a demand would be held against every one.
    """
    for name, schema in (part.get("properties") or {}).items():
        if name not in _CANONICAL:
            continue
        kind = schema["type"] if schema.get("type") in ("number", "integer") else "text"
        low, high = ("minLength", "maxLength") if kind == "text" else ("minimum", "maximum")
        # Of pictures and identifiers the length says nothing: the one is a list, the other padded.
        is_bounded = name not in ("mainImageUrl", "productIdentifiers")
        yield {
            "field": _CANONICAL[name],
            "label": text(schema.get("title") or name),
            "level": "required" if name in (part.get("required") or ()) else "optional",
            "type": "choice" if schema.get("enum") else kind,
            "minimum": schema.get(low) if is_bounded else None,
            "maximum": schema.get(high) if is_bounded else None,
            "pattern": "",
            "values": [text(one) for one in schema.get("enum") or ()],
        }


PLATFORM = Walmart.describe(
    name="walmart",
    title="Walmart Marketplace",
    docs="https://developer.walmart.com/us-marketplace",
    credentials=(
        CredentialField("client_id", "Client ID", "Seller Center > Settings > API key management > Production keys"),
        CredentialField("client_secret", "Client secret", "shown beside the client ID"),
        CredentialField(
            "channel_type",
            "Channel type",
            "WM_CONSUMER.CHANNEL.TYPE; only where Walmart gave you one, as it does to solution providers",
            secret=False,
            required=False,
        ),
        CredentialField(
            "ship_node_types",
            "Kinds of orders",
            "SellerFulfilled, 3PLFulfilled and WFSFulfilled, those that you want with a comma between them",
            secret=False,
            required=False,
            default="SellerFulfilled",
        ),
        CredentialField(
            "page_size",
            "Items of a page",
            "50; a large catalogue is read faster with up to 1000, where the account may",
            secret=False,
            required=False,
            default="50",
        ),
        CredentialField(
            "item_spec_version",
            "Item specification",
            "version of Walmart's item specification, in full; the newest stands in the developer portal under 'Item spec: "
            "versioning and diff reporting'",
            secret=False,
            required=False,
            default=_NEWEST_SPEC,
        ),
        ADDRESS,
        CredentialField(
            "consumer_id",
            "Consumer ID",
            required=False,
            replaced_by="requests are no longer signed; create client_id and client_secret under API key management",
        ),
        CredentialField(
            "private_key",
            "Private key",
            required=False,
            replaced_by="requests are no longer signed; create client_id and client_secret under API key management",
        ),
    ),
    setup=(
        "Open Seller Center > Settings > API key management and choose 'Production keys'.",
        "Give the key full access to items, prices, inventory, orders and feeds.",
        "Copy client ID and client secret. For the sandbox, copy its own keys and type https://sandbox.walmartapis.com into "
        "the address.",
    ),
    notes=(
        "Items are listed without description, brand, pictures and weight; these are neither checked nor changed.",
        "Items do not tell when they were changed: every sync reads all of them. Orders are read by their changes, at most "
        "those of the last 180 days.",
        "A title is changed by a maintenance feed, which needs the item's product type and GTIN or UPC and may take hours.",
        "Identifiers are not changed: Walmart would merge the offer into another product.",
        "Stock is what you have in a ship node, units of open orders included.",
        "The buyer's mail address is a relay of Walmart's; serial numbers of a parcel are not sent.",
        "This is the interface of the US; Canada, Mexico and Chile are moving to Walmart's global interface.",
    ),
    settles_s=300.0,
    extra=frozenset({Capability.ACCEPT_ORDERS, Capability.SHIP_ORDERS, Capability.REQUIREMENTS}),
)
