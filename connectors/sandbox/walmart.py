"""The offline twin of Walmart Marketplace, written from its own description and its guides, not from the connector.

It keeps what catches callers out: one cursor for all pages of items, which the server moves on and forgets after two
minutes; orders older than seven days that stay hidden; 404 for a list without rows; feeds that are accepted whole and
refused item by item; prices that show late. Feeds have the allowance of Walmart's sandbox, thirty an hour.

Made up, because nobody publishes it: the codes of the errors in a feed's report, and how often one must ask before a feed
is done. The demo's prices stay in the currency of its catalogue.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.sandbox.routes import Call, Desk, Meter, Refusal, RoutedTwin, basic_of, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document
from connectors.sandbox.walmart_shapes import file_of, gateway, refused, specification
from connectors.sandbox.walmart_store import NODE, Account, lines_of, milliseconds, statuses, units

__all__ = ["TWIN"]

_PARTNER = "10001234"
_HEADER = {"businessUnit", "locale", "version"}
_MANDATORY = ("wm_qos.correlation_id", "wm_svc.name")
_CURSOR_LIVES = timedelta(minutes=2)
_FEED_LIMITS = {"price": 10_000_000, "inventory": 10_000_000, "MP_MAINTENANCE": 25_000_000}
_RATES = {
    "items": (1.0, 60),
    "item": (1.0, 60),
    "orders": (5000 / 60, 5000),
    "order": (1.0, 60),
    "inventory": (200 / 60, 200),
    "price": (100 / 3600, 100),
    "spec": (3 / 60, 3),
    "feed": (30 / 3600, 30),
    "feeds": (5000 / 60, 5000),
}
"""Operation to calls a second and calls at once; what is posted as a feed is counted by its type."""


class WalmartTwin(RoutedTwin):
    """The interface ``/v3``."""

    name = "walmart"
    carrier = "UPS"
    state: Account
    scopes: ClassVar[dict[str, str]] = dict.fromkeys(
        (
            "reports",
            "item",
            "shipping",
            "price",
            "lagtime",
            "feeds",
            "returns",
            "orders",
            "rules",
            "inventory",
            "content",
        ),
        "full_access",
    )

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.state = Account(self.clock)
        self.state.load(self.catalogue)
        self.desk = Desk(self._secrets, self.clock, lives_s=900)
        self.permissions = dict(self.scopes)
        self._client = (str(uuid.UUID(int=self._secrets.getrandbits(128))), self._secrets.randbytes(32).hex())
        self._meters: dict[str, Meter] = {}
        self._cursors: dict[str, tuple[datetime, int, list[str]]] = {}
        self._feeds: dict[str, Document] = {}

    @property
    def credentials(self) -> dict[str, str]:
        return {"api_address": self.base_url, "client_id": self._client[0], "client_secret": self._client[1]}

    def greeting(self) -> Incoming:
        headers = {
            "wm_sec.access_token": self.desk.issue("eyJ"),
            "wm_qos.correlation_id": "b3261d2d-028a-4ef7-8602-633c23200af6",
            "wm_svc.name": "Walmart Marketplace",
            "accept": "application/json",
        }
        return Incoming("GET", "/v3/token/detail", (), headers, b"")

    # ---- who is calling, and how fast --------------------------------------------------------------------------

    def unauthorised(self) -> Answer:
        return gateway(401, "UNAUTHORIZED.GMP_GATEWAY_API", "Unauthorized token or incorrect authorization header.")

    def forget_tokens(self) -> None:
        self.desk.forget()

    def identify(self, call: Call) -> Answer | None:
        self._mandatory(call)
        if not self.desk.holds(call.incoming.headers.get("wm_sec.access_token", "")):
            return self.unauthorised()
        return None

    def answer(self, incoming: Incoming) -> Answer:
        try:
            answer = super().answer(incoming)
        except Refusal as refusal:
            answer = refusal.answer
        echo = incoming.headers.get("wm_qos.correlation_id", "")
        return Answer(answer.status, answer.body, {**answer.headers, "wm_qos.correlation_id": echo})

    def meter(self, call: Call, operation: str) -> Answer | None:
        bucket = self.bucket(operation, call.query.get("feedType", ""))
        if bucket is None or (wait := bucket.take()) == 0:
            return None
        refused = gateway(429, "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API", "The request threshold was violated.")
        return Answer(429, refused.body, {**refused.headers, "retry-after": str(int(wait) + 1)})

    def headers(self, call: Call, operation: str) -> Mapping[str, str]:
        bucket = self.bucket(operation, call.query.get("feedType", ""))
        if bucket is None:
            return {}
        full = self.clock() + timedelta(seconds=(bucket.burst - bucket.level) / bucket.per_second)
        return {"x-current-token-count": str(int(bucket.level)), "x-next-replenishment-time": str(milliseconds(full))}

    def not_found(self, call: Call) -> Answer:
        return gateway(404, "CONTENT_NOT_FOUND.GMP_GATEWAY_API", "Requested content could not be found.")

    def wrong_method(self, call: Call) -> Answer:
        return gateway(405, "METHOD_NOT_ALLOWED.GMP_GATEWAY_API", "The method is not allowed here.")

    def unreadable(self, call: Call, error: ValueError) -> Answer:
        return refused(400, "INVALID_REQUEST_CONTENT", f"The request cannot be read: {error}")

    def bucket(self, operation: str, kind: str = "") -> Meter | None:
        """The allowance of an operation, of feeds by their kind; None where there is none."""
        if operation not in _RATES:
            return None
        name = f"{operation} {kind}" if operation == "feed" else operation
        if name not in self._meters:
            self._meters[name] = Meter(*_RATES[operation], self.clock)
        return self._meters[name]

    def _mandatory(self, call: Call) -> None:
        for name in _MANDATORY:
            if not call.incoming.headers.get(name):
                raise Refusal(
                    gateway(400, "INVALID_REQUEST_HEADER.GMP_GATEWAY_API", f"The header {name.upper()} is missing.")
                )

    @route("POST", "/v3/token", public=True)
    def _token(self, call: Call) -> Answer:
        self._mandatory(call)
        if call.form.get("grant_type") != "client_credentials":
            return gateway(400, "INVALID_REQUEST_PARAM.GMP_GATEWAY_API", "grant_type is missing or not known.")
        if basic_of(call.incoming.headers) != self._client:
            return gateway(401, "INVALID_CLIENT.GMP_GATEWAY_API", "Client id or client secret is not valid.")
        return _json({"access_token": self.desk.issue("eyJ"), "token_type": "Bearer", "expires_in": 900})

    @route("GET", "/v3/token/detail")
    def _detail(self, call: Call) -> Answer:
        now = self.clock()
        found = {"is_valid": True, "is_channel_match": True, "scopes": self.permissions}
        times = {"issued_at": str(milliseconds(now)), "expire_at": str(milliseconds(now + timedelta(seconds=900)))}
        return _json(found | times)

    # ---- items -------------------------------------------------------------------------------------------------

    @route("GET", "/v3/items", operation="items")
    def _items(self, call: Call) -> Answer:
        limit = _bounded(call, "limit", 20, 1000)
        token = call.query.get("nextCursor", "*")
        if token == "*":
            keys = [key for key in self.state.products if call.query.get("sku") in (None, key)]
            token = f"AoE/{self._secrets.randbytes(9).hex()}+{len(keys)}=="
            self._cursors[token] = (self.clock() + _CURSOR_LIVES, 0, keys)
        until, start, keys = self._cursors.get(token, (self.clock(), 0, []))
        if self.clock() >= until:
            return refused(400, "INVALID_REQUEST_PARAM", "The cursor has expired or is not valid.", field="nextCursor")
        if not keys:
            return self.not_found(call)
        # The cursor stays; the server moves on.
        self._cursors[token] = (until, start + limit, keys)
        found = [self._item(key) for key in self.window(keys, start, limit) if key in self.state.products]
        return _json({"ItemResponse": found, "totalItems": len(keys), "nextCursor": token})

    @route("GET", "/v3/items/([^/]+)", operation="item")
    def _one_item(self, call: Call) -> Answer:
        kind = call.query.get("productIdType", "SKU")
        member = {"SKU": "sku", "GTIN": "gtin", "UPC": "upc"}.get(kind)
        if member is None:
            return refused(400, "INVALID_REQUEST_PARAM", f"productIdType {kind} is not known.", field="productIdType")
        found = [self._item(key) for key, row in self.state.products.items() if row[member] == call.args[0]]
        return _json({"ItemResponse": found, "totalItems": len(found)}) if found else self.not_found(call)

    def _item(self, key: str) -> Document:
        row = self.state.products[key]
        late = self.state.late.pop(key, None)
        return row if late is None else row | {"price": row["price"] | {"amount": late}}

    @route("POST", "/v3/items/spec", operation="spec")
    def _spec(self, call: Call) -> Answer:
        asked = call.json
        known = {row["productType"] for row in self.state.products.values() if row["productType"]}
        kinds = [name for name in asked.get("productTypes", ()) if name in known]
        if len(asked.get("productTypes", ())) > 20 or not re.fullmatch(
            r"5\.0\.\d{8}-\S+-api", asked.get("version", "")
        ):
            return refused(400, "INVALID_REQUEST_CONTENT", "Give at most 20 product types and the full version.")
        if not kinds:
            return self.not_found(call)
        return _json({"schema": specification(kinds, asked["version"])})

    @route("PUT", "/v3/price", operation="price")
    def _price(self, call: Call) -> Answer:
        body = call.json
        if error := self._set_price(body):
            return refused(400, *error)
        said = "Thank you. Your price has been updated. Please allow up to five minutes for this change to be reflected on the site."
        return _json({"ItemPriceResponse": {"mart": "WALMART_US", "sku": body["sku"], "message": said}})

    def _set_price(self, body: Document) -> tuple[str, str] | None:
        row = self.state.products.get(body.get("sku", ""))
        if row is None:
            return "ERR_PDI_0009", f"No item has the SKU {body.get('sku')}."
        current = body["pricing"][0]["currentPrice"]
        amount = current.get("amount")
        if not isinstance(amount, int | float) or isinstance(amount, bool) or amount <= 0:
            return "ERR_PDI_0011", f"The price {amount!r} is not a number above 0."
        if Decimal(str(amount)) * 100 % 1 != 0 or current.get("currency") != row["price"]["currency"]:
            return (
                "ERR_PDI_0012",
                f"The price {amount} {current.get('currency')} has a wrong currency or too many decimals.",
            )
        self.state.late[body["sku"]] = row["price"]["amount"]
        row["price"]["amount"] = float(amount)
        return None

    # ---- stock -------------------------------------------------------------------------------------------------

    @route("GET", "/v3/inventories", operation="inventory")
    def _levels(self, call: Call) -> Answer:
        limit = _bounded(call, "limit", 10, 50)
        token = call.query.get("nextCursor", "")
        start = int(token.partition(" ")[2]) if token else 0
        keys = list(self.state.collections.get("levels", {}))
        if not keys:
            return self.not_found(call)
        rows = [self._level(key) for key in self.window(keys, start, limit)]
        more = {"nextCursor": f"NTVmZjIx {start + limit}"} if start + limit < len(keys) else {}
        return _json({"meta": {"totalCount": len(keys), **more}, "elements": {"inventories": rows}})

    @route("GET", "/v3/inventories/([^/]+)", operation="inventory")
    def _one_level(self, call: Call) -> Answer:
        if call.args[0] not in self.state.collections.get("levels", {}):
            return self.not_found(call)
        return _json(self._level(call.args[0]))

    def _level(self, sku: str) -> Document:
        level = self.state.collections["levels"][sku]
        free = max(0, level["input"] - level["reserved"])
        amounts = {"inputQty": level["input"], "availToSellQty": free, "reservedQty": level["reserved"]}
        node = {name: {"unit": "EACH", "amount": amount} for name, amount in amounts.items()}
        return {"sku": sku, "nodes": [{"shipNode": level["node"], **node}]}

    @route("GET PUT", "/v3/inventory", operation="inventory")
    def _inventory(self, call: Call) -> Answer:
        sku = call.query.get("sku", "")
        level = self.state.collections.get("levels", {}).get(sku)
        if level is None or call.query.get("shipNode", level["node"]) != level["node"]:
            return self.not_found(call)
        if call.incoming.method == "PUT" and (error := self._set_level(call.json, level["node"])):
            return refused(400, *error)
        return _json({"sku": sku, "quantity": {"unit": "EACH", "amount": level["input"]}})

    def _set_level(self, body: Document, node: str) -> tuple[str, str] | None:
        level = self.state.collections.get("levels", {}).get(body.get("sku", ""))
        if level is None or level["node"] != node:
            return "ERR_INV_0001", f"There is no item {body.get('sku')} in the ship node {node}."
        quantity = body.get("quantity")
        amount, unit = (quantity.get("amount"), quantity.get("unit")) if isinstance(quantity, dict) else (None, "")
        if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0 or unit != "EACH":
            return "ERR_INV_0002", "The quantity needs the unit EACH and a whole amount."
        level["input"] = amount
        return None

    # ---- feeds -------------------------------------------------------------------------------------------------

    @route("POST", "/v3/feeds", operation="feed")
    def _feed(self, call: Call) -> Answer:
        kind = call.query.get("feedType", "")
        if kind not in _FEED_LIMITS:
            return refused(400, "INVALID_REQUEST_PARAM", f"feedType {kind!r} is not known.", field="feedType")
        content = file_of(call.incoming)
        if len(content) > _FEED_LIMITS[kind]:
            return refused(400, "FILE_TOO_LARGE", f"The file has {len(content)} bytes.")
        number = f"{self._secrets.randbytes(16).hex().upper()}@AU8BAQA"
        node = call.query.get("shipNode", NODE)
        self._feeds[number] = {"kind": kind, "node": node, "content": content, "asked": 0, "report": None, "failed": []}
        return _json({"feedId": number})

    @route("GET", "/v3/feeds/([^/]+)", operation="feeds")
    def _feed_status(self, call: Call) -> Answer:
        feed = self._feeds.get(call.args[0])
        if feed is None:
            return self.not_found(call)
        limit, start = _bounded(call, "limit", 50, 50), int(call.query.get("offset", 0))
        feed["asked"] += 1
        rows = self._worked(feed)
        # A large feed takes longer: who asks once is too early.
        if rows is None:
            counts = dict.fromkeys(("itemsReceived", "itemsSucceeded", "itemsFailed", "itemsProcessing"), 0)
            return _json(
                {"feedId": call.args[0], "feedStatus": "INPROGRESS", **counts, "offset": start, "limit": limit}
            )
        good = sum(row["ingestionStatus"] == "SUCCESS" for row in rows)
        found: Document = {
            "feedId": call.args[0],
            "feedStatus": "ERROR" if feed["failed"] else "PROCESSED",
            "itemsReceived": len(rows),
            "itemsSucceeded": good,
            "itemsFailed": len(rows) - good,
            "itemsProcessing": 0,
            "offset": start,
            "limit": limit,
        }
        if feed["failed"]:
            found["ingestionErrors"] = {"ingestionError": feed["failed"]}
        if call.query.get("includeDetails") == "true":
            found["itemDetails"] = {"itemIngestionStatus": self.window(rows, start, limit)}
        return _json(found)

    def _worked(self, feed: Document) -> list[Document] | None:
        """The report of a feed; None while it is worked on."""
        if feed["report"] is not None:
            return feed["report"]
        try:
            body = json.loads(feed["content"])
            rows = body[{"price": "Price", "inventory": "Inventory", "MP_MAINTENANCE": "MPItem"}[feed["kind"]]]
            if feed["kind"] == "MP_MAINTENANCE" and set(body["MPItemFeedHeader"]) != _HEADER:
                raise ValueError("the header should NOT have additional properties")
        except (ValueError, KeyError, TypeError) as error:
            feed["failed"] = [{"type": "DATA_ERROR", "code": "ERR_EXT_DATA_0101119", "description": str(error)}]
            feed["report"] = []
            return feed["report"]
        if len(rows) > 5 and feed["asked"] < 2:
            return None
        work = {
            "price": self._set_price,
            "inventory": lambda row: self._set_level(row, feed["node"]),
            "MP_MAINTENANCE": self._maintain,
        }[feed["kind"]]
        feed["report"] = [_ingested(index, row, work(row)) for index, row in enumerate(rows)]
        return feed["report"]

    def _maintain(self, body: Document) -> tuple[str, str] | None:
        orderable = body["Orderable"]
        row = self.state.products.get(orderable.get("sku", ""))
        identifier = orderable.get("productIdentifiers", {})
        if row is None:
            return "ERR_PDI_0009", f"No item has the SKU {orderable.get('sku')}."
        known = {"GTIN": row["gtin"], "UPC": row["upc"]}
        if known.get(identifier.get("productIdType")) != identifier.get("productId"):
            return "ERR_EXT_DATA_0101013", "The product identifier is not the item's."
        if list(body["Visible"]) != [row["productType"]]:
            return "ERR_EXT_DATA_0101119", "The product type is not the item's."
        visible = body["Visible"][row["productType"]]
        if not 1 <= len(visible.get("productName", "-")) <= 199:
            return "ERR_EXT_DATA_0101203", "productName should have 1 to 199 characters."
        row["productName"] = visible.get("productName", row["productName"])
        return None

    # ---- orders ------------------------------------------------------------------------------------------------

    @route("GET", "/v3/orders", operation="orders")
    def _orders(self, call: Call) -> Answer:
        limit, start = _bounded(call, "limit", 100, 200), 0
        asked = call.query
        if "hasMoreElements" in asked:
            # The plus sign is part of the cursor: who decodes it on the way asks for something else.
            found = re.fullmatch(r"(\d+)\+", asked.get("poIndex", ""))
            if found is None or asked.get("partnerId") != _PARTNER:
                return refused(400, "INVALID_REQUEST_PARAM", "The cursor is not valid.", field="nextCursor")
            start = int(found[1])
        created = _moment(asked.get("createdStartDate"), self.clock() - timedelta(days=7))
        changed = _moment(asked.get("lastModifiedStartDate"), datetime(1970, 1, 1, tzinfo=UTC))
        rows = [
            order
            for order in self.state.orders.values()
            if order["orderDate"] >= milliseconds(created)
            and order["modified"] >= changed
            and order["shipNode"]["type"] == asked.get("shipNodeType", "SellerFulfilled")
        ]
        if not rows:
            return self.not_found(call)
        more = {}
        if start + limit < len(rows):
            kept = "".join(
                f"&{name}={quote(asked[name], safe=':')}"
                for name in ("createdStartDate", "lastModifiedStartDate", "shipNodeType")
                if name in asked
            )
            cursor = f"?limit={limit}&hasMoreElements=true&soIndex={len(rows)}&poIndex={start + limit}%2B&partnerId={_PARTNER}"
            more = {"nextCursor": cursor + kept}
        page = [_shown(order) for order in self.window(rows, start, limit)]
        meta = {"totalCount": len(rows), "limit": limit, **more}
        return _json({"list": {"meta": meta, "elements": {"order": page}}})

    @route("GET", r"/v3/orders/([^/]+)", operation="orders")
    def _one_order(self, call: Call) -> Answer:
        return _json({"order": _shown(self._order(call))})

    @route("POST", r"/v3/orders/([^/]+)/acknowledge", operation="order")
    def _acknowledge(self, call: Call) -> Answer:
        order = self._order(call)
        for line in lines_of(order):
            if amount := units(line, "Created"):
                self.state.move(order, line, amount, ("Created",), {"status": "Acknowledged"})
        return _json({"order": _shown(order)})

    @route("POST", r"/v3/orders/([^/]+)/cancel", operation="order")
    def _cancel(self, call: Call) -> Answer:
        order = self._order(call)
        self._apply(order, call.json["orderCancellation"], ("Created", "Acknowledged"), ("cancellationReason",))
        return _json({"order": _shown(order)})

    @route("POST", r"/v3/orders/([^/]+)/shipping", operation="order")
    def _ship(self, call: Call) -> Answer:
        order = self._order(call)
        self._apply(order, call.json["orderShipment"], ("Acknowledged",), ("trackingInfo",))
        return _json({"order": _shown(order)})

    def _apply(self, order: Document, body: Document, before: tuple[str, ...], members: tuple[str, ...]) -> None:
        known = {line["lineNumber"]: line for line in lines_of(order)}
        wanted = [(one, status) for one in body["orderLines"]["orderLine"] for status in statuses(one)]
        for one, status in wanted:
            line = known.get(one["lineNumber"])
            amount = int(status["statusQuantity"]["amount"])
            if line is None or units(line, *before) < amount:
                said = f"Line {one['lineNumber']} has no {amount} unit(s) in the state {' or '.join(before)}."
                raise Refusal(refused(400, "INVALID_REQUEST_CONTENT", said))
            carrier = status.get("trackingInfo", {}).get("carrierName", {})
            if "otherCarrier" in carrier and not status["trackingInfo"].get("trackingURL"):
                raise Refusal(refused(400, "INVALID_REQUEST_CONTENT", "trackingURL is mandatory with otherCarrier."))
        for one, status in wanted:
            after = {"status": status["status"], "told": True} | {name: status[name] for name in members}
            amount = int(status["statusQuantity"]["amount"])
            self.state.move(order, known[one["lineNumber"]], amount, before, after)

    def _order(self, call: Call) -> Document:
        order = self.state.orders.get(call.args[0])
        if order is None:
            raise Refusal(self.not_found(call))
        return order


def _ingested(index: int, row: Document, error: tuple[str, str] | None) -> Document:
    sku = row.get("sku") or row.get("Orderable", {}).get("sku", "")
    shown: Document = {"martId": 0, "sku": sku, "index": index, "ingestionStatus": "DATA_ERROR" if error else "SUCCESS"}
    if error:
        one = {"type": "DATA_ERROR", "code": error[0], "description": error[1]}
        shown["ingestionErrors"] = {"ingestionError": [one]}
    return shown


def _shown(order: Document) -> Document:
    """An order without what is the twin's own."""
    plain = json.loads(json.dumps({name: value for name, value in order.items() if name != "modified"}))
    for line in lines_of(plain):
        for one in statuses(line):
            one.pop("told", None)
    return plain


def _bounded(call: Call, name: str, default: int, most: int) -> int:
    value = call.query.get(name, str(default))
    if not value.isdigit() or not 1 <= int(value) <= most:
        raise Refusal(refused(400, "INVALID_REQUEST_PARAM", f"{name} {value} is not from 1 to {most}.", field=name))
    return int(value)


def _moment(value: str | None, default: datetime) -> datetime:
    if value is None:
        return default
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _json(value: Any) -> Answer:
    return Answer.json(200, value)


TWIN = WalmartTwin
