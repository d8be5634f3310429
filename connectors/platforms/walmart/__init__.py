"""Walmart Marketplace (US): interface v3, item specification 5.0 (fact sheet of 2026-11-25).

A package and not one file because there are three ways of writing with reports of their own: `access` has the token and
the limits, `reading` the records, `writing` single calls and feeds.

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
- Countries have three letters, and US telephone numbers ten digits without the country's code.

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
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import polars as pl

from connectors.changes import Acceptance, InvalidError, Outcome, Outcomes, Shipment, outcome_of
from connectors.errors import PlatformError, ProtocolError, RefusedError
from connectors.imports import LATE, poll
from connectors.manners import Answer
from connectors.mapping import at, text
from connectors.paginate import Counted, Cursor, Linked
from connectors.platform import REQUIREMENTS, Capability, CredentialField
from connectors.platforms.walmart import writing
from connectors.platforms.walmart.access import SITE
from connectors.platforms.walmart.reading import ITEM, LINE, ORDER, demands, instant, lines, units
from connectors.rest import ADDRESS, Prepared, RestConnector, Stream, Update
from connectors.webhooks import Delivery, Event, Password, Webhook, identified

__all__ = ["NEWEST_SPEC", "PLATFORM"]

NEWEST_SPEC = "5.0.20260608-18_15_07-api"
"""Item specification that is used unless the merchant names another one."""

_HISTORY = timedelta(days=180)
_SINGLY = 10
"""Up to so many prices or stock levels are set one by one, and as many items read; more go as a feed, or as the list."""

_SCOPES = {"item": "items", "inventory": "stock", "orders": "orders", "price": "prices", "feeds": "feeds"}
"""Permission of a key to what we need it for."""


class Walmart(RestConnector):
    """One seller's account."""

    site = SITE
    streams = {
        "product": Stream(
            path="v3/items",
            rows="ItemResponse",
            pages=Cursor("nextCursor", next="nextCursor", size=50, start="*", total="totalItems", steady=True),
            operation="items",
            item="v3/items/{key}?productIdType=SKU",
            item_operation="item",
            fields=ITEM,
        ),
        "order": Stream(
            path="v3/orders",
            rows="list.elements.order",
            pages=Linked(
                lambda answer: text(at(answer.value or {}, "list.meta.nextCursor")),
                size=200,
                total="list.meta.totalCount",
            ),
            since=lambda moment: {"lastModifiedStartDate": instant(moment)},
            item="v3/orders/{key}",
            lines="orderLines.orderLine",
            fields=ORDER,
            line_fields=LINE,
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
    # Everything goes through put_many, which chooses between single calls and feeds: titles sent singly would use feeds up.
    updates = {
        "product": Update(
            path="v3/price",
            method="PUT",
            needs_current=frozenset({"price", "title"}),
            fields={"price": writing.price, "title": writing.title},
            many=1000,
            many_from=1,
            operation="price",
        ),
        "stock": Update(
            path="v3/inventory",
            method="PUT",
            fields={"quantity": writing.quantity},
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
        items = self.streams["product"]
        sized = replace(items, pages=replace(items.pages, size=int(size)))  # type: ignore[type-var]
        self.streams = {**self.streams, "product": sized}  # type: ignore[misc]

    # ---- reading -----------------------------------------------------------------------------------------------

    def examine(self) -> list[str]:
        """What the key may do; a missing permission is named."""
        detail = self.client.send("GET", "v3/token/detail").value
        scopes = detail.get("scopes") or {}
        closed = [label for name, label in _SCOPES.items() if scopes.get(name) == "no_access"]
        if closed:
            raise self.credential_error(
                f"the key has no access to {', '.join(closed)}. Open Seller Center > Settings > API key management and give it."
            )
        found = super().examine()
        if limited := [label for name, label in _SCOPES.items() if scopes.get(name) == "view_only"]:
            found.append(f"The key may only view {', '.join(limited)}: corrections there will be refused.")
        return found

    def ask(self, stream: Stream, params: Mapping[str, str], query: str = "") -> Answer:
        """One page; a list without rows is answered with 404."""
        try:
            return super().ask(stream, params, query)
        except RefusedError as error:
            if error.status != 404 or query:
                raise
            return Answer(404, httpx.Headers(), None)

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Pages: items once more from the start where their cursor ended too early, orders of each kind of node."""
        if kind == "order":
            yield from self._orders(since)
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
        """The row of a payload, and one for each ship node of a stock level."""
        if kind != "stock":
            yield from super().records(kind, payload)
            return
        for node in payload["nodes"]:
            yield from super().records(kind, {"sku": payload["sku"], **node})

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """The named records one by one; many items come faster with the whole list."""
        if kind == "product" and len(keys) > _SINGLY:
            wanted = {key for key, _ in keys}
            for rows in self.batches(kind, None):
                yield from (row for row in rows if row.get("sku") in wanted)
            return
        if kind == "stock":
            skus = dict.fromkeys(writing.node_of(key)[0] for key, _ in keys if self.is_key(kind, key))
            yield from (found for sku in skus if (found := self.item(self.streams[kind], sku)))
            return
        yield from super().payloads(kind, keys)

    def item(self, stream: Stream, key: str, parent: str = "") -> Mapping[str, Any] | None:
        """One record; an item comes as a list of one, an order with or without a wrapper."""
        found = super().item(stream, key, parent) or {}
        rows = found.get("ItemResponse") or [found.get("responseRecord") or found.get("order") or found]
        return next((row for row in rows if key in (row.get("sku"), row.get("purchaseOrderId"))), None)

    def is_key(self, kind: str, key: str) -> bool:
        """Whether a key can be one of Walmart's; that of a stock level names a ship node."""
        return super().is_key(kind, key) and (kind != "stock" or all(writing.node_of(key)))

    def requirements(self, categories: Sequence[str]) -> pl.DataFrame:
        """The item specification of these product types."""
        rows: list[dict[str, Any]] = []
        version = self._given["item_spec_version"]
        source = f"https://marketplace.walmartapis.com/v3/items/spec, MP_ITEM {version}"
        for start in range(0, len(categories), 20):
            body = {"feedType": "MP_ITEM", "version": version, "productTypes": list(categories[start : start + 20])}
            answer = self.client.send("POST", "v3/items/spec", body=body, idempotent=True, operation="spec")
            item = at(answer.value, "schema.properties.MPItem.items.properties") or {}
            for category, visible in (at(item, "Visible.properties") or {}).items():
                for part in (item.get("Orderable") or {}, visible):
                    rows += [{"category": category, "source": source, **one} for one in demands(part)]
        return pl.DataFrame(rows, schema=REQUIREMENTS)

    def _orders(self, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        stream = self.streams["order"]
        earliest = datetime.fromtimestamp(self._environment.clock(), UTC) - _HISTORY
        bounds = {"createdStartDate": instant(earliest)}
        if since is not None and stream.since is not None:
            bounds |= stream.since(max(since, earliest))
        for name in self._given["ship_node_types"].replace(",", " ").split():
            yield from self.walk(stream, bounds | {"shipNodeType": name})

    # ---- writing -----------------------------------------------------------------------------------------------

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Prices, titles and stock levels, each in the way that Walmart has for so many."""
        outcomes: Outcomes = {}
        for name, feed in writing.FEEDS.items():
            some = _with(feed.part, prepared)
            if len(some) <= _SINGLY and all(writing.is_single(one.fragment) for one in some):
                for one in some:
                    outcomes |= self._put_record(kind, one)
                continue
            nodes: dict[str, list[Prepared]] = {}
            for one in some:
                nodes.setdefault(writing.node_of(one.key)[1] if name == "inventory" else "", []).append(one)
            for node, of_node in nodes.items():
                outcomes |= self._feed(name, of_node, {"shipNode": node} if node else {})
        return outcomes

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """One price or one stock level."""
        name, sku, params = "price", prepared.key, {}
        if kind == "stock":
            name, (sku, node) = "inventory", writing.node_of(prepared.key)
            params = {"sku": sku, "shipNode": node}
        feed, update = writing.FEEDS[name], self.updates[kind]
        body = feed.row(sku, prepared.fragment[feed.part])
        self.client.send(update.method, update.path, params=params, body=body, operation=update.operation)
        return {}

    def _feed(self, name: str, prepared: Sequence[Prepared], params: Mapping[str, str]) -> Outcomes:
        """Send one feed and read its report; what that does not name is unknown."""
        feed = writing.FEEDS[name]
        skus = [writing.node_of(one.key)[0] if name == "inventory" else one.key for one in prepared]
        rows = [feed.row(sku, one.fragment[feed.part]) for sku, one in zip(skus, prepared, strict=True)]
        try:
            body = feed.header(self._given["item_spec_version"]) | {feed.rows: rows}
            report = self._report(name, body, params) or dict.fromkeys(skus, LATE)
        except PlatformError as error:
            report = dict.fromkeys(skus, outcome_of(error))
        outcomes: Outcomes = {}
        for sku, one in zip(skus, prepared, strict=True):
            outcomes |= one.all(report[sku]) if sku in report else {}
        return outcomes

    def _report(self, name: str, body: Mapping[str, Any], params: Mapping[str, str]) -> dict[str, Outcome]:
        """SKU to what became of it; empty when the feed is not finished in time."""
        sent = self.client.send(
            "POST",
            "v3/feeds",
            params={"feedType": name, **params},
            files={"file": (f"{name}.json", json.dumps(body, ensure_ascii=False).encode(), "application/json")},
            idempotent=True,
            operation=f"feed {name}",
        )
        path = f"v3/feeds/{quote(sent.value['feedId'], safe='')}"
        state = poll(
            self.client,
            lambda: self.client.send("GET", path, params={"includeDetails": "false"}).value,
            lambda found: found["feedStatus"] in ("PROCESSED", "ERROR"),
            first_s=15,
            longest_s=120,
        )
        if state is None:
            return {}
        details = Stream(
            path=path,
            rows="itemDetails.itemIngestionStatus",
            fields={},
            pages=Counted(size=50, total="itemsReceived"),
            params={"includeDetails": "true"},
        )
        report = {text(row.get("sku")): writing.outcome(row) for rows in self.walk(details) for row in rows}
        if state["feedStatus"] == "ERROR" and not report:
            words = writing.ingestion_errors(state)
            raise RefusedError(f"Walmart could not work on the feed: {words}", words=words)
        return report

    # ---- orders ------------------------------------------------------------------------------------------------

    def send_acceptance(self, acceptance: Acceptance) -> Outcome:
        """Acknowledge the order as a whole, then cancel the lines that are refused; told twice, done once."""
        order = self._order(acceptance.order_key)
        refused = writing.cancelled(order, acceptance)
        path = f"v3/orders/{quote(acceptance.order_key, safe='')}"
        if any(units(line, "Created") for line in lines(order)):
            self.client.send("POST", f"{path}/acknowledge", idempotent=True, operation="order")
        if refused:
            body = {"orderCancellation": {"orderLines": {"orderLine": refused}}}
            self.client.send("POST", f"{path}/cancel", body=body, operation="order")
        return Outcome()

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """One parcel of an acknowledged order; told of twice, sent once."""
        order = self._order(shipment.order_key)
        if found := writing.shipped(order, shipment, self._environment.clock()):
            body = {"orderShipment": {"orderLines": {"orderLine": found}}}
            path = f"v3/orders/{quote(shipment.order_key, safe='')}/shipping"
            self.client.send("POST", path, body=body, operation="order")
        return Outcome()

    def _order(self, key: str) -> Mapping[str, Any]:
        order = self.item(self.streams["order"], key) if self.is_key("order", key) else None
        if order is None:
            raise InvalidError(f"Walmart has no order {key!r}.", "missing")
        return order


def _with(name: str, prepared: Sequence[Prepared]) -> list[Prepared]:
    """The records of which that part is to be set, with that part alone."""
    found = [replace(one, parts=tuple(part for part in one.parts if name in part[1])) for one in prepared]
    return [one for one in found if one.parts]


_EVENTS = {"PO_": "order", "OFFER_": "product", "BUY_BOX_": "product", "INVENTORY_": "stock"}


def _events(delivery: Delivery) -> Iterator[Event]:
    """One event a delivery. The shape of the payload is not described, so only its type is used: what changed is read."""
    found = re.search(rb'"eventType"\s*:\s*"([A-Z_]{1,60})"', delivery.body)
    topic = found[1].decode() if found else ""
    kind = next((kind for start, kind in _EVENTS.items() if topic.startswith(start)), "")
    yield Event(identified(delivery, "wm_qos.correlation_id"), topic, kind)


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
            default=NEWEST_SPEC,
        ),
        CredentialField(
            "webhook_user",
            "User of the webhooks",
            "yours; given to Walmart as userName (BASIC_AUTH) when an event is subscribed; only for events",
            secret=False,
            required=False,
        ),
        CredentialField("webhook_password", "Password of the webhooks", "yours; beside the user", required=False),
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
        "Countries are ISO 3166-1 alpha-3.",
        "Stock is what you have in a ship node, units of open orders included.",
        "The buyer's mail address is a relay of Walmart's; serial numbers of a parcel are not sent.",
        "This is the interface of the US; Canada, Mexico and Chile are moving to Walmart's global interface.",
    ),
    webhook=Webhook(
        Password("webhook_user", "webhook_password"),
        _events,
        topics=("PO_CREATED", "PO_LINE_AUTOCANCELLED", "OFFER_UNPUBLISHED", "INVENTORY_OOS"),
    ),
    settles_s=300.0,
    extra=frozenset({Capability.ACCEPT_ORDERS, Capability.SHIP_ORDERS, Capability.REQUIREMENTS}),
)
