"""The offline twin of a Mirakl marketplace: one shop, served as the seller interface describes it.

Imports and exports are worked on for as many questions as `MiraklTwin.patience` says. What the operator has switched on
is an option (`features`, by dotted path as in PC01), and so are the pace (`is_strict`: 429 with ``Retry-After`` to calls
that come faster than documented) and warehouses.
"""

from __future__ import annotations

import csv
import hashlib
import io
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import HTTP
from functools import partial
from typing import Any, ClassVar

from connectors.sandbox import mirakl_views as views
from connectors.sandbox import vocabulary
from connectors.sandbox.mirakl_store import ADDITIONAL_FIELDS, LOGISTIC_CLASSES, STATES, LineError, Shop
from connectors.sandbox.routes import Call, Meter, Refusal, RoutedTwin, route
from connectors.sandbox.server import Answer, Incoming, instant
from connectors.sandbox.shelf import Document

__all__ = ["TWIN"]

CARRIERS = {"DHL": "DHL", "UPS": "UPS", "CLP": "Colissimo"}

_PACE_S = {"OF24": 60, "PRI01": 60, "STO01": 60, "STO02": 15, "OF52": 60, "OF53": 10, "ST12": 300}
"""Seconds between two calls, as each operation's description allows at most (read 2026-11-23)."""

_SETTLED = ("SHIPPED", "TO_COLLECT", "RECEIVED", "CLOSED")


@dataclass
class _Job:
    """An import or an export that is worked on."""

    number: str
    created: datetime
    asked: int = 0
    good: int = 0
    failed: list[tuple[int, str, Mapping[str, Any]]] = field(default_factory=list)
    headers: tuple[str, ...] = ()
    offers: int = 0
    rows: list[Document] = field(default_factory=list)


class MiraklTwin(RoutedTwin):
    """A marketplace of one operator, seen by one shop.

    Parameters
    ----------
    features : mapping
        Changes to what the operator has switched on: dotted path in PC01 to value.
    warehouses : tuple of str
    is_strict : bool
    patience : int
        How many questions find an import or export still running.
    **options
        As for `Twin`.
    """

    name = "mirakl"
    state: Shop
    absent_key = "Order_99999-A"
    carrier = "DHL"
    new_values: ClassVar[Mapping[str, str]] = {
        "condition": "10",
        "attributes.available_start_date": "2026-11-27T00:00:00Z",
        "attributes.available_end_date": "2026-12-31T00:00:00Z",
        "attributes.internal_description": "Shelf 99",
        "attributes.price_additional_info": "Recycling included",
        "attributes.logistic_class": "XL",
        "attributes.product_tax_code": "TX1",
        "attributes.min_order_quantity": "2",
        "attributes.max_order_quantity": "5",
        "attributes.package_quantity": "3",
        "attributes.min_quantity_alert": "7",
        "attributes.allow_quote_requests": "true",
    }

    def __init__(
        self,
        *,
        features: Mapping[str, Any] | None = None,
        warehouses: tuple[str, ...] = (),
        is_strict: bool = False,
        patience: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.features = views.features(features or {})
        self.patience = patience
        self.shop_state = "OPEN"
        self.state = Shop(self.clock, self.features, warehouses)
        self.state.load(self.catalogue)
        self.shop_id = 2000 + self._secrets.randrange(1000)
        self._key = str(uuid.UUID(bytes=self._secrets.randbytes(16)))
        self._jobs: dict[str, _Job] = {}
        self._meters = {
            name: Meter(1 / seconds, 1, self.clock) for name, seconds in (_PACE_S if is_strict else {}).items()
        }

    @property
    def credentials(self) -> dict[str, str]:
        return {"api_url": self.base_url, "api_key": self._key}

    def greeting(self) -> Incoming:
        return Incoming("GET", "/api/account", (), {"authorization": self._key}, b"")

    def unauthorised(self) -> Answer:
        return _refusal(401, "Unauthorized")

    def not_found(self, call: Call) -> Answer:
        return _refusal(404, "Not Found")

    def wrong_method(self, call: Call) -> Answer:
        return _refusal(405, "Method Not Allowed")

    def unreadable(self, call: Call, error: ValueError) -> Answer:
        return _refusal(400, f"Bad request: {error}")

    def identify(self, call: Call) -> Answer | None:
        if call.incoming.headers.get("authorization") != self._key:
            return self.unauthorised()
        shop = call.query.get("shop_id", str(self.shop_id))
        return None if shop == str(self.shop_id) else _refusal(403, f"You are not allowed to access the shop {shop}")

    def meter(self, call: Call, operation: str) -> Answer | None:
        meter = self._meters.get(operation)
        seconds = meter.take() if meter else 0.0
        advice = {"retry-after": str(int(seconds) + 1)}
        return Answer.json(429, {"status": 429, "message": "Too Many Requests"}, advice) if seconds else None

    # ---- the shop and its operator ---------------------------------------------------------------------------------

    @route("GET", "/api/account")
    def _account(self, call: Call) -> Answer:
        return _json(views.account(self.shop_id, self.shop_state, self.state))

    @route("GET", "/api/platform/configuration")
    def _configuration(self, call: Call) -> Answer:
        return _json(views.configuration(self.features))

    @route("GET", "/api/shipping/carriers")
    def _carriers(self, call: Call) -> Answer:
        found = [
            {
                "code": code,
                "label": label,
                "standard_code": code,
                "tracking_url": f"https://{code}.example/{{trackingId}}",
            }
            for code, label in CARRIERS.items()
        ]
        return _json({"carriers": found})

    @route("GET", "/api/shipping/logistic_classes")
    def _logistic_classes(self, call: Call) -> Answer:
        found = [{"code": code, "label": label, "description": label} for code, label in LOGISTIC_CLASSES.items()]
        return _json({"logistic_classes": found})

    @route("GET", "/api/offers/states")
    def _states(self, call: Call) -> Answer:
        found = [{"code": code, "label": label} for code, label in STATES.items()]
        return _json({"offer_states": found, "total_count": len(found)})

    @route("GET", "/api/additional_fields")
    def _additional_fields(self, call: Call) -> Answer:
        found = [one | {"entity": "OFFER", "editable": True} for one in ADDITIONAL_FIELDS]
        wanted = call.query.get("entities", "OFFER").split(",")
        shown = found if "OFFER" in wanted else []
        return _json({"additional_fields": shown, "total_count": len(shown)})

    @route("GET", "/api/hierarchies")
    def _hierarchies(self, call: Call) -> Answer:
        found = [one | {"label_translations": []} for one in self.state.collections["categories"].values()]
        return _json({"hierarchies": found})

    @route("GET", "/api/products/attributes")
    def _attributes(self, call: Call) -> Answer:
        return _json({"attributes": views.attributes(self.state, call.query.get("hierarchy", ""))})

    @route("GET", "/api/values_lists")
    def _values_lists(self, call: Call) -> Answer:
        values = [
            {"code": one["en"].upper(), "label": one["en"], "label_translations": []} for one in vocabulary.COLOURS
        ]
        return _json(
            {"values_lists": [{"code": "colours", "label": "Colours", "label_translations": [], "values": values}]}
        )

    # ---- offers ----------------------------------------------------------------------------------------------------

    @route("GET", "/api/offers")
    def _offers(self, call: Call) -> Answer:
        rows = list(self.state.products.values())
        if sku := call.query.get("sku"):
            rows = [one for one in rows if one["shop_sku"] == sku]
        shown = [views.offer(one, self.state) for one in rows]
        orders: dict[str, Callable[[Document], Any]] = {
            "totalPrice": lambda one: one["total_price"],
            "price": lambda one: (one["price"], one["total_price"]),
            "productTitle": lambda one: (one["product_title"], one["total_price"]),
        }
        wanted = call.query.get("sort", "totalPrice")
        if wanted not in orders:
            raise Refusal(_refusal(400, f"The sort field {wanted} is unknown"))
        return self._paged("offers", sorted(shown, key=orders[wanted]), call)

    @route("POST", "/api/offers", operation="OF24")
    def _replace_offers(self, call: Call) -> Answer:
        headers = ("sku", "product-id", "product-id-type", "price", "quantity", "state")
        job = self._job(headers)
        for number, body in enumerate(call.json["offers"], 1):
            names = ("shop_sku", "product_id", "product_id_type", "price", "quantity", "state_code")
            row = {header: str(body.get(name, "")) for header, name in zip(headers, names, strict=True)}
            self._try(job, [(number, row)], partial(self.state.replace_offer, body))
        return _json({"import_id": int(job.number)}, 201)

    @route("GET", r"/api/offers/imports/(\d+)")
    def _offer_import(self, call: Call) -> Answer:
        job, status = self._asked(call.args[0])
        counts = {"lines_read": job.good + len(job.failed), "lines_in_pending": 0, "mode": "NORMAL", "type": "MIRAKL"}
        changed = {"offer_deleted": 0, "offer_inserted": 0, "offer_updated": job.offers}
        return _json(self._state(job, status) | counts | changed | {"import_id": int(job.number), "reason_status": ""})

    @route("POST", "/api/offers/pricing/imports", operation="PRI01")
    def _price_import(self, call: Call) -> Answer:
        return self._file(call, ("offer-sku", "price"), self.state.rewrite_prices)

    @route("GET", "/api/offers/pricing/imports")
    def _price_imports(self, call: Call) -> Answer:
        wanted = [value for name, value in call.incoming.query if name == "import_id"] or list(self._jobs)
        data = []
        for number in wanted:
            job, status = self._asked(number)
            counts = {
                "offers_updated": job.offers,
                "offers_in_error": len({row["offer-sku"] for _, _, row in job.failed}),
            }
            ours = {"origin": "API", "reason_status": "", "shop_id": self.shop_id}
            data.append(self._state(job, status) | counts | ours)
        return _json({"data": data})

    @route("POST", "/api/offers/stock/imports", operation="STO01")
    def _stock_import(self, call: Call) -> Answer:
        return self._file(call, ("offer-sku", "quantity"), self.state.count_stock)

    @route("GET", r"/api/offers/stock/imports/(\d+)/status", operation="STO02")
    def _stock_import_state(self, call: Call) -> Answer:
        job, status = self._asked(call.args[0])
        return _json(self._state(job, status) | {"shop_id": self.shop_id})

    @route("GET", r"/api/offers/(?:stock/|pricing/)?imports/(\d+)/error_report")
    def _error_report(self, call: Call) -> Answer:
        job = self._found(call.args[0])
        if not job.failed:
            return self.not_found(call)
        content = views.report(job.headers, job.failed, self._delimiter)
        kind = "application/octet-stream" if "sku" in job.headers else "text/csv"
        return Answer(200, content, {"content-type": kind})

    @route("POST", "/api/offers/export/async", operation="OF52")
    def _export(self, call: Call) -> Answer:
        asked = call.json or {}
        if asked.get("export_type", "text/csv") != "application/json":
            return _refusal(400, "This twin exports application/json")
        since = asked.get("last_request_date")
        if since and "include_inactive_offers" in asked:
            return _refusal(400, "include_inactive_offers cannot be used with last_request_date")
        job = self._job(())
        moment = datetime.fromisoformat(since) if since else datetime(1970, 1, 1, tzinfo=UTC)
        gone = self.state.collections["deleted"].values() if since else ()
        rows = [(one, False) for one in self.state.products.values()] + [(one, True) for one in gone]
        everything = bool(since) or asked.get("include_inactive_offers", False)
        job.rows = [
            views.exported(one, is_deleted=is_deleted)
            for one, is_deleted in rows
            if one["changed"] >= moment and (everything or views.is_active(one))
        ]
        return _json({"tracking_id": job.number})

    @route("GET", r"/api/offers/export/async/status/(\d+)", operation="OF53")
    def _export_state(self, call: Call) -> Answer:
        job, status = self._asked(call.args[0])
        if status == "RUNNING":
            return _json({"status": "PENDING", "last_updated": instant(job.created)})
        # The instance names itself with http, and the file's name is not well encoded, as in the description's example.
        address = f"{self.base_url}/api/offers/export/async/file/{job.number}?file=of52-export%offers/0.json"
        return _json({"status": "COMPLETED", "last_updated": instant(job.created), "urls": [address]})

    @route("GET", r"/api/offers/export/async/file/(\d+)")
    def _export_file(self, call: Call) -> Answer:
        return _json(self._found(call.args[0]).rows)

    # ---- orders ----------------------------------------------------------------------------------------------------

    @route("GET", "/api/orders")
    def _orders(self, call: Call) -> Answer:
        self.state.debit(self.state.now())
        rows = sorted(self.state.orders.values(), key=lambda one: (one["created"], one["order_id"]))
        if keys := call.query.get("order_ids"):
            wanted = keys.split(",")
            if len(wanted) > 100:
                return _refusal(400, "The limit of 100 is exceeded for the parameter order_ids")
            rows = [one for one in rows if one["order_id"] in wanted]
        if states := call.query.get("order_state_codes"):
            rows = [one for one in rows if one["order_state"] in states.split(",")]
        for name, member in (("start_update_date", "changed"), ("start_date", "created")):
            if since := call.query.get(name):
                rows = [one for one in rows if one[member] >= datetime.fromisoformat(since)]
        return self._paged("orders", rows, call, self._shown)

    @route("PUT", r"/api/orders/([^/]+)/accept")
    def _accept(self, call: Call) -> Answer:
        order = self._order(call)
        if order["order_state"] != "WAITING_ACCEPTANCE":
            raise Refusal(_refusal(400, f"The order is in state {order['order_state']}", "ORDER_INVALID_STATE"))
        decisions = call.json["order_lines"]
        said = {one["id"]: one["accepted"] for one in decisions}
        known = {line["order_line_id"] for line in order["lines"]}
        for is_wrong, code in (
            (len(said) < len(decisions), "ORDER_LINE_DUPLICATE_ID"),
            (said.keys() - known, "ORDER_LINE_NOT_FOUND"),
            (known - said.keys(), "ORDER_LINE_ACCEPTANCE_DECISION_MISSING"),
        ):
            if is_wrong:
                raise Refusal(_refusal(400, "The decision about the order lines is not valid", code))
        for line in order["lines"]:
            line["state"] = line["state"] if said[line["order_line_id"]] else "REFUSED"
        order["accepted"] = self.state.now()
        self.state.move(order, "WAITING_DEBIT_PAYMENT" if any(said.values()) else "REFUSED")
        return Answer(204)

    @route("PUT", r"/api/orders/([^/]+)/tracking")
    def _tracking(self, call: Call) -> Answer:
        order, told = self._order(call), call.json
        if order["order_state"] not in ("SHIPPING", *_SETTLED):
            raise Refusal(_refusal(400, f"The order is in state {order['order_state']}"))
        self._judge(told)
        order |= {"tracking": dict(told), "changed": self.state.later(order["changed"])}
        return Answer(204)

    @route("PUT", r"/api/orders/([^/]+)/ship")
    def _ship(self, call: Call) -> Answer:
        order = self._order(call)
        if order["order_state"] != "SHIPPING":
            raise Refusal(_refusal(400, f"The order must be in state SHIPPING but is in state {order['order_state']}"))
        if not order["tracking"].get("tracking_number"):
            raise Refusal(_refusal(400, "Tracking details are mandatory for this shipping method"))
        order["told"] = True
        self.state.move(order, "SHIPPED")
        return Answer(204)

    @route("GET", "/api/shipments")
    def _shipments(self, call: Call) -> Answer:
        wanted = [value for name, value in call.incoming.query if name == "order_id"]
        rows = [one for one in self.state.shipments.values() if not wanted or one["order_id"] in wanted]
        return self._sought([views.shipment(one) for one in rows], call)

    @route("GET", "/api/shipments/items_to_ship", operation="ST12")
    def _items_to_ship(self, call: Call) -> Answer:
        wanted = [value for name, value in call.incoming.query if name == "order_id"]
        rows = []
        for key, order in self.state.orders.items():
            left = self.state.left(order) if order["order_state"] == "SHIPPING" else {}
            if left and (not wanted or key in wanted):
                address = self._shown(order)["customer"]["shipping_address"]
                lines = [{"order_line_id": line, "quantity": quantity} for line, quantity in left.items()]
                times = {"shipping_date": instant(order["changed"]), "shipping_type_code": "STD"}
                rows.append({"order_id": key, "shipment_lines": lines, "shipping_address": address} | times)
        return self._sought(rows, call)

    @route("POST", "/api/shipments")
    def _create_shipments(self, call: Call) -> Answer:
        if not self.features["shipment"]["multi_shipment"]:
            return _refusal(403, "Multi-shipment is not activated on this platform")
        good, bad = [], []
        for body in call.json["shipments"]:
            try:
                good.append(views.shipment(self._create_shipment(body)))
            except LineError as error:
                bad.append({"order_id": body["order_id"], "message": str(error)})
        return _json({"shipment_success": good, "shipment_errors": bad}, 201)

    def _create_shipment(self, body: Document) -> Document:
        order = self.state.orders.get(body["order_id"])
        if order is None or order["order_state"] != "SHIPPING":
            found = order["order_state"] if order else "unknown"
            raise LineError(f"The order status must be 'SHIPPING' but it is '{found}'.")
        left = self.state.left(order)
        if any(one["quantity"] > left.get(one["order_line_id"], 0) for one in body["shipment_lines"]):
            raise LineError("Shipment quantity is invalid.")
        key, now = f"shipment-{self.state.next_number('shipment')}", self.state.now()
        shipped = now if body.get("shipped") else None
        stored = {
            "id": key,
            "order_id": body["order_id"],
            "shipment_lines": body["shipment_lines"],
            "tracking": body.get("tracking", {}),
            "status": "SHIPPED" if shipped else "SHIPPING",
            "created_date": now,
            "last_updated_date": now,
            "shipped_date": shipped,
        }
        self.state.shipments[key] = stored
        if not self.state.left(order):
            self.state.move(order, "SHIPPED")
        return stored

    # ---- inside ----------------------------------------------------------------------------------------------------

    @property
    def _delimiter(self) -> str:
        return "," if self.features["operator_csv_delimiter"] == "COMMA" else ";"

    def _shown(self, order: Document) -> Document:
        anonymous = hashlib.sha256(f"{self._key}/{order['order_id']}".encode()).hexdigest()[:25]
        return views.order(order, self.state, anonymous)

    def _judge(self, tracking: Document) -> None:
        code = tracking.get("carrier_code")
        if code and code not in CARRIERS:
            raise Refusal(_refusal(400, f"The carrier code {code} does not exist"))
        if not code and not tracking.get("carrier_name"):
            raise Refusal(_refusal(400, "The carrier name is required for an unregistered carrier"))

    def _order(self, call: Call) -> Document:
        order = self.state.orders.get(call.args[0])
        if order is None:
            raise Refusal(_refusal(404, f"Order {call.args[0]} not found", "ORDER_NOT_FOUND"))
        return order

    def _paged(
        self, name: str, rows: Sequence[Document], call: Call, show: Callable[[Document], Document] = lambda one: one
    ) -> Answer:
        """Offset paging: 10 rows unless asked otherwise, 100 at most."""
        offset, size = int(call.query.get("offset", 0)), int(call.query.get("max", 10))
        if not 1 <= size <= 100 or offset < 0:
            return _refusal(400, "max must be between 1 and 100, and offset at least 0")
        return _json({name: [show(one) for one in self.window(rows, offset, size)], "total_count": len(rows)})

    def _sought(self, rows: Sequence[Document], call: Call) -> Answer:
        """Seek paging: 10 rows unless asked otherwise, 100 at most; no next token on the last page."""
        start, size = int(call.query.get("page_token", 0)), int(call.query.get("limit", 10))
        if not 1 <= size <= 100:
            return _refusal(400, "limit must be between 1 and 100")
        following = {"next_page_token": str(start + size)} if start + size < len(rows) else {}
        return _json({"data": self.window(rows, start, size)} | following)

    def _job(self, headers: tuple[str, ...]) -> _Job:
        number = str(len(self._jobs) + 2001)
        self._jobs[number] = _Job(number, self.state.now(), headers=headers)
        return self._jobs[number]

    def _found(self, number: str) -> _Job:
        if number not in self._jobs:
            raise Refusal(_refusal(404, f"Import {number} not found"))
        return self._jobs[number]

    def _asked(self, number: str) -> tuple[_Job, str]:
        job = self._found(number)
        job.asked += 1
        return job, "COMPLETE" if job.asked > self.patience else "RUNNING"

    def _state(self, job: _Job, status: str) -> Document:
        is_done = status == "COMPLETE"
        return {
            "import_id": job.number,
            "date_created": instant(job.created),
            "status": status,
            "has_error_report": is_done and bool(job.failed),
            "lines_in_success": job.good if is_done else 0,
            "lines_in_error": len(job.failed) if is_done else 0,
        }

    def _try(self, job: _Job, lines: Sequence[tuple[int, Mapping[str, str]]], work: Callable[[], None]) -> None:
        """Carry out the lines of one offer: all of them, or none."""
        try:
            work()
        except LineError as error:
            job.failed += [(number, str(error), row) for number, row in lines]
            return
        job.good += len(lines)
        job.offers += 1

    def _file(
        self, call: Call, needed: tuple[str, ...], work: Callable[[str, list[Mapping[str, str]]], None]
    ) -> Answer:
        """An import of a CSV file, offer by offer."""
        reader = csv.DictReader(io.StringIO(_uploaded(call.incoming)), delimiter=self._delimiter)
        headers = tuple(reader.fieldnames or ())
        if missing := [name for name in needed if name not in headers]:
            return _refusal(400, f"The columns {', '.join(missing)} are missing; check the delimiter")
        job = self._job(headers)
        offers: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
        for number, row in enumerate(reader, 2):
            offers.setdefault(row["offer-sku"], []).append((number, row))
        for sku, lines in offers.items():
            self._try(job, lines, partial(work, sku, [row for _, row in lines]))
        return _json({"import_id": job.number}, 201)


def _uploaded(incoming: Incoming) -> str:
    """The text of the part ``file`` of a multipart message."""
    head = f"content-type: {incoming.headers.get('content-type', '')}\r\n\r\n".encode()
    message = message_from_bytes(head + incoming.body, policy=HTTP)
    parts = message.iter_parts() if message.is_multipart() else ()
    for part in parts:
        if part.get_param("name", header="content-disposition") == "file":
            return bytes(part.get_payload(decode=True)).decode("utf-8")
    raise Refusal(_refusal(400, "Required part 'file' is not present"))


def _json(value: Any, status: int = 200) -> Answer:
    return Answer.json(status, value)


def _refusal(status: int, message: str, code: str = "") -> Answer:
    return Answer.json(status, {"status": status, "message": message} | ({"code": code} if code else {}))


TWIN = MiraklTwin
