"""The offline twin of a WooCommerce shop: REST API wc/v3 as version 11.0.1 speaks it, traps included.

A request with the header ``X-Forwarded-Proto: https`` counts as sent over https, as in a shop behind a proxy that is
set up rightly; everything else is plain http, where only OAuth 1.0a signatures are taken.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from connectors.redaction import basic
from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.server import Answer, Incoming, Twin
from connectors.sandbox.woocommerce_auth import AuthenticationError, Gate, Key
from connectors.sandbox.woocommerce_check import ORDER, PRODUCT, VARIATION, Refusal, check_body, check_list, moment
from connectors.sandbox.woocommerce_list import filtered, links, ordered
from connectors.sandbox.woocommerce_shapes import ORDER_STATUSES, Shapes, selected
from connectors.sandbox.woocommerce_store import Row, Store

__all__ = ["TWIN", "WooCommerceTwin"]

_BASE = "/wp-json/wc/v3"
_BATCH_LIMIT = 100
_WRITES = ("POST", "PUT", "PATCH")
_NOT_FOUND = '<!DOCTYPE html><html><head><title>Page not found</title></head><body class="error404"><h1>Page not found</h1></body></html>'
_VARIATION_ROUTE = (
    "To manipulate product variations you should use the /products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint."
)
_CANNOT = {
    "view": "Sorry, you cannot list resources.",
    "edit": "Sorry, you are not allowed to edit this resource.",
    "create": "Sorry, you are not allowed to create resources.",
}


@dataclass
class _Call:
    """One authenticated request on its way through a handler."""

    method: str
    path: str
    query: dict[str, str]
    pairs: tuple[tuple[str, str], ...]
    data: Row
    site: str
    ids: list[int] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def context(self) -> str:
        """``view`` unless asked otherwise; what a write answers is always ``edit``."""
        return self.query.get("context", "view") if self.method in ("GET", "HEAD") else "edit"


Handler = Callable[[_Call], Answer]


class WooCommerceTwin(Twin):
    """A shop in euro, kilograms and centimetres, by default in the time zone of Paris.

    Parameters
    ----------
    catalogue, seed, port, clock
        As for `Twin`.
    timezone : str
        The shop's own time zone.

    Attributes
    ----------
    keys : dict of str to Key
        ``read_write``, ``read``, ``write`` and ``incapable`` (a customer's account).
    """

    name = "woocommerce"
    state: Store

    def __init__(
        self,
        *,
        catalogue: Catalogue | None = None,
        seed: int = 0,
        port: int = 0,
        clock: Callable[[], datetime] | None = None,
        timezone: str = "Europe/Paris",
    ) -> None:
        super().__init__(catalogue=catalogue, seed=seed, port=port, clock=clock)
        self._zone = ZoneInfo(timezone)
        self.state = Store(self.clock)
        self.state.load(self.catalogue)
        self.keys = {kind: self._key(kind) for kind in ("read_write", "read", "write", "incapable")}
        self._gate = Gate({one.key: one for one in self.keys.values()})
        self._site = ""
        self._shapes = Shapes(self.state, self._zone, lambda: self._site)
        self._routes: list[tuple[tuple[str, ...], re.Pattern[str], Handler]] = self._make_routes()

    def _key(self, kind: str) -> Key:
        key, secret = (hashlib.sha1(self._secrets.randbytes(16), usedforsecurity=False).hexdigest() for _ in range(2))
        permission = "read_write" if kind == "incapable" else kind
        return Key(f"ck_{key}", f"cs_{secret}", permission, kind != "incapable")

    @property
    def credentials(self) -> dict[str, str]:
        """Address and the key pair that may read and write."""
        pair = self.keys["read_write"]
        return {"store_url": self.base_url, "consumer_key": pair.key, "consumer_secret": pair.secret}

    def greeting(self) -> Incoming:
        """A short list of products, as over https."""
        pair = self.keys["read_write"]
        headers = {"x-forwarded-proto": "https", "authorization": f"Basic {basic(pair.key, pair.secret)}"}
        return Incoming("GET", f"{_BASE}/products", (("per_page", "2"),), headers, b"")

    def unauthorised(self) -> Answer:
        """The answer to an unknown key."""
        return self._error(Refusal(401, "woocommerce_rest_cannot_view", _CANNOT["view"]), self._site)

    def answer(self, incoming: Incoming) -> Answer:
        """Authenticate, find the route, check the arguments, do it."""
        secure = incoming.headers.get("x-forwarded-proto", "") == "https"
        self._site = f"{'https' if secure else 'http'}://{incoming.headers.get('host', '')}"
        path = incoming.path.removeprefix("/index.php")
        method = incoming.headers.get("x-http-method-override", incoming.method).upper()
        if not path.startswith("/wp-json"):
            return Answer(404, _NOT_FOUND.encode(), {"content-type": "text/html; charset=UTF-8"})
        if path.rstrip("/") in ("/wp-json", _BASE):
            return self._index(path.rstrip("/"))
        try:
            return self._authorised(incoming, method, path, secure)
        except AuthenticationError as error:
            return self._error(Refusal(401, error.code, str(error)), self._site)
        except Refusal as error:
            return self._error(error, self._site)

    def _authorised(self, incoming: Incoming, method: str, path: str, secure: bool) -> Answer:
        if not path.startswith(("/wp-json/wc/", "/wp-json/wc-")):
            raise Refusal(401, "rest_not_logged_in", "You are not currently logged in.")
        key = self._gate.identify(
            method,
            self._site + incoming.path,
            incoming.query,
            incoming.headers.get("authorization", ""),
            secure=secure,
            now_s=int(self.clock().timestamp()),
        )
        found = [
            (pattern.fullmatch(path.removeprefix(_BASE)), methods, handler)
            for methods, pattern, handler in self._routes
        ]
        matches = [(match, methods, handler) for match, methods, handler in found if match]
        fitting = [
            (match, handler)
            for match, methods, handler in matches
            if method in methods or (method == "HEAD" and "GET" in methods)
        ]
        if not fitting or not path.startswith(_BASE + "/"):
            raise Refusal(404, "rest_no_route", "No route was found matching the URL and request method.")
        match, handler = fitting[0]
        assert match is not None
        call = _Call(method, path, dict(incoming.query), incoming.query, {}, self._site)
        if method not in ("GET", "HEAD"):
            call.data = _body(incoming)
        if key is None or not key.capable:
            intent = "view" if method in ("GET", "HEAD") else "edit" if re.search(r"/\d+$|/batch$", path) else "create"
            raise Refusal(401 if key is None else 403, f"woocommerce_rest_cannot_{intent}", _CANNOT[intent])
        call.ids = [int(one) for one in match.groups() if one and one.isdigit()]
        call.words = [one for one in match.groups() if one and not one.isdigit()]
        return self._finished(
            call, handler(call), sorted({one for _, methods, _ in matches for one in methods}, key=_METHOD_ORDER.index)
        )

    def _finished(self, call: _Call, answer: Answer, allowed: list[str]) -> Answer:
        value = selected(json.loads(answer.body), call.query.get("_fields", ""))
        headers = {
            "link": f'<{call.site}/wp-json/>; rel="https://api.w.org/"',
            **answer.headers,
            "allow": ", ".join(allowed),
        }
        if "_envelope" in call.query:
            shown = {name: text for name, text in headers.items() if name not in ("content-type",)}
            return Answer.json(200, {"body": value, "status": answer.status, "headers": shown})
        return Answer.json(answer.status, value, headers)

    def _make_routes(self) -> list[tuple[tuple[str, ...], re.Pattern[str], Handler]]:
        item, read = ("GET", *_WRITES, "DELETE"), ("GET",)
        table: tuple[tuple[tuple[str, ...], str, Handler], ...] = (
            (("GET", "POST"), r"/products", self._products),
            (_WRITES, r"/products/batch", self._products_batch),
            (item, r"/products/(\d+)", self._product),
            (("GET", "POST"), r"/products/(\d+)/variations", self._variations_of),
            (_WRITES, r"/products/(\d+)/variations/batch", self._variations_batch),
            (item, r"/products/(\d+)/variations/(\d+)", self._variation),
            (read, r"/variations", self._all_variations),
            (("GET", "POST"), r"/products/(categories|brands|tags)", self._terms),
            (read, r"/products/(categories|brands|tags)/(\d+)", self._term),
            (read, r"/orders", self._orders),
            (_WRITES, r"/orders/batch", self._orders_batch),
            (("GET", *_WRITES), r"/orders/(\d+)", self._order),
            (
                read,
                r"/orders/statuses",
                lambda call: Answer.json(200, [{"slug": one, "name": name} for one, name in ORDER_STATUSES]),
            ),
            (read, r"/settings/(general|products)", self._settings),
            (("GET", *_WRITES), r"/settings/(general|products)/(\w+)", self._setting),
            (read, r"/system_status", lambda call: Answer.json(200, self._shapes.system_status())),
            (
                read,
                r"/data/currencies/current",
                lambda call: Answer.json(200, {"code": "EUR", "name": "Euro", "symbol": "&euro;"}),
            ),
        )
        return [(methods, re.compile(pattern), handler) for methods, pattern, handler in table]

    # ---- products and variations -----------------------------------------------------------------------------

    def _products(self, call: _Call) -> Answer:
        if call.method == "POST":
            check_body(call.data, PRODUCT)
            row = self.state.new_product(call.data)
            location = {"location": f"{call.site}{_BASE}/products/{row['id']}"}
            return Answer.json(201, self._shapes.product(row, "edit"), location)
        check_list(call.query, "products")
        with_variations = any(call.query.get(name) for name in ("sku", "search_sku", "global_unique_id"))
        rows = [row for row in self.state.products.values() if with_variations or row["type"] != "variation"]
        rows = filtered(rows, call.query)
        return self._listed(call, rows, lambda row: self._shapes.product(row, call.context))

    def _product(self, call: _Call) -> Answer:
        row = self.state.products.get(call.ids[0])
        if row is None:
            raise Refusal(
                404 if call.method in ("GET", "HEAD", "DELETE") else 400,
                "woocommerce_rest_product_invalid_id",
                "Invalid ID.",
            )
        if call.method in _WRITES:
            if row["type"] == "variation":
                raise Refusal(404, "woocommerce_rest_invalid_product_id", _VARIATION_ROUTE)
            check_body(call.data, PRODUCT)
            self.state.save_product(row, call.data)
        if call.method == "DELETE":
            return Answer.json(200, self._deleted(row, call))
        return Answer.json(200, self._shapes.product(row, call.context))

    def _deleted(self, row: Row, call: _Call) -> Row:
        shown = self._shapes.product(row, "edit")
        if call.query.get("force") in ("true", "1"):
            for one in (row, *self.state.variations(row["id"])):
                del self.state.products[one["id"]]
        elif row["status"] == "trash":
            raise Refusal(410, "woocommerce_rest_already_trashed", "The product has already been deleted.")
        else:
            row |= {"status": "trash", "modified": self.state.now()}
        return shown

    def _products_batch(self, call: _Call) -> Answer:
        def create(data: Row) -> Row:
            return self._shapes.product(self.state.new_product(data), "edit")

        def update(data: Row) -> Row:
            row = self.state.products.get(data.get("id") or 0)
            if row is None:
                raise Refusal(400, "woocommerce_rest_product_invalid_id", "Invalid ID.")
            if row["type"] == "variation":
                raise Refusal(404, "woocommerce_rest_invalid_product_id", _VARIATION_ROUTE)
            self.state.save_product(row, data)
            return self._shapes.product(row, "edit")

        def delete(number: int) -> Row:
            row = self.state.products.get(number)
            if row is None:
                raise Refusal(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")
            return self._deleted(row, call)

        return _batch(call.data, create, update, delete)

    def _variations_of(self, call: _Call) -> Answer:
        parent = call.ids[0]
        if call.method == "POST":
            if parent not in self.state.products:
                raise Refusal(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")
            check_body(call.data, VARIATION)
            return Answer.json(201, self._shapes.variation(self.state.new_product(call.data, parent=parent), "edit"))
        check_list(call.query, "variations")
        rows = filtered(self.state.variations(parent), call.query)
        return self._listed(call, rows, lambda row: self._shapes.variation(row, call.context))

    def _all_variations(self, call: _Call) -> Answer:
        check_list(call.query, "variations")
        rows = filtered([row for row in self.state.products.values() if row["type"] == "variation"], call.query)
        return self._listed(call, rows, lambda row: self._shapes.variation(row, call.context))

    def _variation(self, call: _Call) -> Answer:
        row = self._variation_row(*call.ids)
        if call.method in _WRITES:
            check_body(call.data, VARIATION)
            self.state.save_product(row, call.data)
        shown = self._shapes.variation(row, call.context)
        if call.method == "DELETE":
            del self.state.products[row["id"]]
        return Answer.json(200, shown)

    def _variation_row(self, parent: int, number: int) -> Row:
        row = self.state.products.get(number)
        if row is None or row["type"] != "variation" or row["parent"] != parent:
            raise Refusal(404, "woocommerce_rest_product_variation_invalid_id", "Invalid ID.")
        return row

    def _variations_batch(self, call: _Call) -> Answer:
        parent = call.ids[0]

        def create(data: Row) -> Row:
            return self._shapes.variation(self.state.new_product(data, parent=parent), "edit")

        def update(data: Row) -> Row:
            row = self._variation_row(parent, data.get("id") or 0)
            self.state.save_product(row, data)
            return self._shapes.variation(row, "edit")

        def delete(number: int) -> Row:
            row = self._variation_row(parent, number)
            del self.state.products[number]
            return self._shapes.variation(row, "edit")

        return _batch(call.data, create, update, delete)

    # ---- orders, terms, settings -----------------------------------------------------------------------------

    def _orders(self, call: _Call) -> Answer:
        check_list(call.query, "orders")
        rows = filtered(list(self.state.orders.values()), call.query)
        return self._listed(call, rows, self._shapes.order, orders=True)

    def _order(self, call: _Call) -> Answer:
        row = self.state.orders.get(call.ids[0])
        if row is None:
            raise Refusal(
                404 if call.method in ("GET", "HEAD") else 400, "woocommerce_rest_shop_order_invalid_id", "Invalid ID."
            )
        if call.method in _WRITES:
            check_body(call.data, ORDER)
            self.state.save_order(row, call.data)
        return Answer.json(200, self._shapes.order(row))

    def _orders_batch(self, call: _Call) -> Answer:
        def update(data: Row) -> Row:
            row = self.state.orders.get(data.get("id") or 0)
            if row is None:
                raise Refusal(400, "woocommerce_rest_shop_order_invalid_id", "ID is invalid.")
            self.state.save_order(row, data, checked=False)
            return self._shapes.order(row)

        def refuse(item: Any) -> Row:
            raise Refusal(400, "woocommerce_rest_cannot_create", "This shop takes orders through its checkout only.")

        return _batch(call.data, refuse, update, refuse)

    def _terms(self, call: _Call) -> Answer:
        taxonomy = call.words[0]
        if call.method == "POST":
            if not str(call.data.get("name") or ""):
                raise Refusal(400, "rest_missing_callback_param", "Missing parameter(s): name", params=["name"])
            term = self.state.add_term(taxonomy, str(call.data["name"]), int(call.data.get("parent") or 0))
            location = {"location": f"{call.site}{_BASE}/products/{taxonomy}/{term['id']}"}
            return Answer.json(201, self._shapes.term(taxonomy, term), location)
        check_list(call.query, "terms")
        rows = list(self.state.terms[taxonomy].values())
        if text := call.query.get("search", "").lower():
            rows = [
                row for row in rows if text in row["name"].lower() or text.replace("&", "&amp;") in row["name"].lower()
            ]
        if call.query.get("slug"):
            rows = [row for row in rows if row["slug"] in call.query["slug"].split(",")]
        if call.query.get("parent"):
            rows = [row for row in rows if row["parent"] == int(call.query["parent"])]
        ordering = {"orderby": "name", "order": "asc", **call.query}
        return self._listed(call, rows, lambda row: self._shapes.term(taxonomy, row), ordering=ordering)

    def _term(self, call: _Call) -> Answer:
        taxonomy = call.words[0]
        term = self.state.terms[taxonomy].get(call.ids[0])
        if term is None:
            raise Refusal(404, "woocommerce_rest_term_invalid", "Resource does not exist.")
        return Answer.json(200, self._shapes.term(taxonomy, term))

    def _settings(self, call: _Call) -> Answer:
        group = self._shapes.settings(call.words[0]) or []
        return Answer.json(200, [{name: value for name, value in one.items() if name != "group_id"} for one in group])

    def _setting(self, call: _Call) -> Answer:
        group, name = call.words
        if name not in self.state.settings:
            raise Refusal(404, "rest_setting_setting_invalid", "Invalid setting.")
        if call.method in _WRITES and "value" in call.data:
            self.state.settings[name] = str(call.data["value"])
        found = [one for one in self._shapes.settings(group) or [] if one["id"] == name]
        if not found:
            raise Refusal(404, "rest_setting_setting_invalid", "Invalid setting.")
        return Answer.json(200, found[0])

    # ---- lists and errors ------------------------------------------------------------------------------------

    def _listed(
        self,
        call: _Call,
        rows: list[Row],
        shape: Callable[[Row], Row],
        *,
        orders: bool = False,
        ordering: Mapping[str, str] | None = None,
    ) -> Answer:
        query = call.query
        gmt = query.get("dates_are_gmt", "") in ("true", "1")
        for name, column, after in _WINDOWS:
            if name in query:
                bound = moment(query[name], self._zone, gmt)
                rows = [row for row in rows if (row[column] > bound if after else row[column] < bound)]
        rows = ordered(rows, ordering or query)
        size = int(query.get("per_page", 10))
        page = int(query.get("page", 1))
        start = int(query["offset"]) if query.get("offset") else (page - 1) * size
        total, pages = len(rows), math.ceil(len(rows) / size)
        shown = rows[start : start + size]
        if orders and not shown:
            total = pages = 0
        headers = {"x-wp-total": str(total), "x-wp-totalpages": str(pages)}
        if found := links(call.site + call.path, call.pairs, page, pages, orders=orders):
            headers["link"] = found
        return Answer.json(200, [shape(row) for row in shown], headers)

    def _index(self, path: str) -> Answer:
        routes = sorted(f"/wc/v3{pattern.pattern}" for _, pattern, _ in self._routes)
        link = {"link": f'<{self._site}/wp-json/>; rel="https://api.w.org/"', "allow": "GET"}
        if path == _BASE:
            return Answer.json(200, {"namespace": "wc/v3", "routes": {name: {} for name in ("/wc/v3", *routes)}}, link)
        offset = self._zone.utcoffset(self.state.now().replace(tzinfo=None))
        hours = offset.total_seconds() / 3600 if offset else 0
        index: Row = {
            "name": "Channelmend demo shop",
            "url": self._site,
            "gmt_offset": hours,
            "timezone_string": str(self._zone),
            "namespaces": ["wc/v3", "wp/v2"],
            "authentication": [],
            "routes": {name: {} for name in ("/", "/wc/v3", *routes)},
        }
        return Answer.json(200, index, link)

    def _error(self, refusal: Refusal, site: str) -> Answer:
        return Answer.json(refusal.status, refusal.body(), {"link": f'<{site}/wp-json/>; rel="https://api.w.org/"'})


_METHOD_ORDER = ("GET", "POST", "PUT", "PATCH", "DELETE")
_WINDOWS = (
    ("after", "created", True),
    ("before", "created", False),
    ("modified_after", "modified", True),
    ("modified_before", "modified", False),
)


def _body(incoming: Incoming) -> Row:
    text = incoming.body.decode(errors="replace")
    if not text.strip():
        return {}
    if "x-www-form-urlencoded" in incoming.headers.get("content-type", ""):
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        message = "Invalid JSON body passed."
        raise Refusal(400, "rest_invalid_json", message, json_error_code=4, json_error_message="Syntax error") from None
    return value if isinstance(value, dict) else {}


def _batch(
    data: Row, create: Callable[[Row], Row], update: Callable[[Row], Row], delete: Callable[[int], Row]
) -> Answer:
    """Run the items one after another; each failure stays at its position and the rest goes on."""
    lists = {name: data[name] for name in ("create", "update", "delete") if data.get(name)}
    if not all(isinstance(one, list) for one in lists.values()):
        message = "<p>There has been a critical error on this website.</p>"
        raise Refusal(500, "internal_server_error", message)
    if sum(map(len, lists.values())) > _BATCH_LIMIT:
        message = f"Unable to accept more than {_BATCH_LIMIT} items for this request."
        raise Refusal(413, "woocommerce_rest_request_entity_too_large", message)
    answer: dict[str, list[Row]] = {}
    steps: dict[str, Callable[[Any], Row]] = {"create": create, "update": update, "delete": delete}
    for name, items in lists.items():
        for item in items:
            number = item if name == "delete" else 0 if name == "create" else item.get("id")
            try:
                shown = steps[name](item)
            except Refusal as error:
                shown = {"id": number, "error": error.body()}
            answer.setdefault(name, []).append(shown)
    return Answer.json(200, answer or [])


TWIN = WooCommerceTwin
