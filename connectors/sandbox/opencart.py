"""The offline twin of an OpenCart shop: the core's routes of 3.0, 4.0 or 4.1, and beside them the REST Admin API extension.

The core answers as live shops of 4.0.2.3 and 4.1.0.4 did (recorded 2026-11-23); 3.0 follows its source. What the core does
with an order that a connector never asks of it (building a cart into a new order) is not here: such a call is answered
like any other unknown one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.opencart_store import Shop, escaped
from connectors.sandbox.routes import Call, Refusal, RoutedTwin, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document

__all__ = ["TWIN", "OpenCartTwin"]

_NO_PAGE = (
    '<!DOCTYPE html>\n<html dir="ltr" lang="en">\n<head>\n  <meta charset="UTF-8"/>\n'
    "  <title>The page you requested cannot be found!</title>\n</head>\n<body></body>\n</html>"
)
_NO_SESSION = (
    "<b>Typed property Opencart\\System\\Library\\Session::$session_id must not be accessed before initialization</b>: in "
    "<b>/var/www/system/library/session.php</b> on line <b>56</b>"
)
_FORBIDDEN = {"error": "You do not have permission to access this page."}
_NO_ORDER = {"error": "Warning: Order could not be found!"}
_MODIFIED = {"success": "Success: You have modified orders!"}
_WINDOW_S = 450
_SESSION = timedelta(hours=1)
_PRODUCT_NUMBERS = {"price": 4, "weight": 8, "length": 8, "width": 8, "height": 8}
"""Column to its decimal places."""

_PRODUCT_TEXTS = ("model", "sku", "upc", "ean", "jan", "isbn", "mpn")
_LENGTHS = {"model": 64, "sku": 64, "upc": 12, "ean": 14, "jan": 13, "isbn": 17, "mpn": 64}


class OpenCartTwin(RoutedTwin):
    """A shop in euro with an English and a German text for each product, two hours ahead of UTC.

    Parameters
    ----------
    catalogue, seed, port, clock
        As for `Twin`.
    release : {"3.0", "4.0", "4.1"}
    allowed : sequence of str
        Addresses on the API user's list; 4.0 takes them from X-Forwarded-For where that is sent.
    noisy : bool
        Whether PHP prints a notice before every answer of the extension.
    """

    name = "opencart"
    state: Shop
    new_values = {"status": "draft"}

    def __init__(
        self,
        *,
        catalogue: Catalogue | None = None,
        seed: int = 0,
        port: int = 0,
        clock: Callable[[], datetime] | None = None,
        release: str = "4.1",
        allowed: tuple[str, ...] = ("127.0.0.1",),
        noisy: bool = False,
    ) -> None:
        super().__init__(catalogue=catalogue, seed=seed, port=port, clock=clock)
        self.state = Shop(self.clock)
        self.state.load(self.catalogue)
        self.release = release
        self.allowed = allowed
        self.noisy = noisy
        self.key = self._secrets.randbytes(64).hex()
        self.extension_key = self._secrets.randbytes(16).hex()
        self._sessions: dict[str, datetime] = {}

    @property
    def credentials(self) -> dict[str, str]:
        """Both keys: the API user's and the extension's."""
        return {"store_url": self.base_url, "api_key": self.key, "extension_key": self.extension_key}

    def greeting(self) -> Incoming:
        """A list of one product."""
        headers = {"x-oc-restadmin-id": self.extension_key}
        return Incoming("GET", "/api/rest_admin/products/limit/1/page/1", (), headers, b"")

    def unauthorised(self) -> Answer:
        """What the extension says to an unknown key."""
        return Answer.json(403, {"success": 0, "error": ["Invalid or missing secret key"], "data": []})

    def forget_tokens(self) -> None:
        """End every session."""
        self._sessions.clear()

    def identify(self, call: Call) -> Answer | None:
        """The extension looks at its key; the core looks for itself."""
        if call.incoming.path.endswith("/index.php"):
            return None
        return None if call.incoming.headers.get("x-oc-restadmin-id") == self.extension_key else self.unauthorised()

    def not_found(self, call: Call) -> Answer:
        """The shop's own page."""
        return _page()

    def unreadable(self, call: Call, error: ValueError) -> Answer:
        """What the extension says to a body that is no JSON."""
        return self._wrapped([f"Invalid request body: {error}"], status=400)

    # ---- the extension -----------------------------------------------------------------------------------------

    @route("GET", r"/api/rest_admin/products/limit/(\d+)/page/(\d+)")
    def _products(self, call: Call) -> Answer:
        return self._listed(call, [self.state.shown_product(row) for row in self.state.products.values()])

    @route("GET PUT", r"/api/rest_admin/products/(\d+)")
    def _product(self, call: Call) -> Answer:
        row = self.state.products.get(call.args[0])
        if row is None:
            return self._wrapped(["Product not found"], status=404)
        if call.incoming.method == "PUT":
            self._save(row, call.json)
            return self._wrapped(data={"product_id": row["product_id"]})
        return self._wrapped(data=self.state.shown_product(row))

    @route("PUT", r"/api/rest_admin/products/quantity")
    def _quantities(self, call: Call) -> Answer:
        for one in call.json:
            row = self.state.products.get(str(one.get("product_id")))
            if row is not None:
                row["quantity"] = _whole(one.get("quantity"))
                row["date_modified"] = self.state.later(row["date_modified"])
        return self._wrapped(data=[])

    @route("GET", r"/api/rest_admin/manufacturers/limit/(\d+)/page/(\d+)")
    def _manufacturers(self, call: Call) -> Answer:
        return self._listed(call, list(self.state.collections["manufacturers"].values()))

    @route("GET", r"/api/rest_admin/orders/details/limit/(\d+)/page/(\d+)")
    def _orders(self, call: Call) -> Answer:
        return self._listed(call, [self.state.shown_order(row) for row in self.state.orders.values()])

    @route("GET", r"/api/rest_admin/orders/details/modified_from/([^/]+)")
    def _changed_orders(self, call: Call) -> Answer:
        since = self.state.from_local(call.args[0])
        rows = [row for row in self.state.orders.values() if row["date_modified"] >= since]
        return self._wrapped(data=[self.state.shown_order(row) for row in rows])

    @route("GET", r"/api/rest_admin/orders/(\d+)")
    def _order(self, call: Call) -> Answer:
        row = self.state.orders.get(call.args[0])
        if row is None:
            return self._wrapped(["Order not found"], status=404)
        return self._wrapped(data=self.state.shown_order(row, whole=True))

    @route("PUT", r"/api/rest_admin/orderhistory/(\d+)")
    def _history(self, call: Call) -> Answer:
        if call.args[0] not in self.state.orders:
            return self._wrapped(["Order not found"], status=404)
        self.state.add_history(call.args[0], call.json)
        return self._wrapped(data=[])

    @route("PUT", r"/api/rest_admin/trackingnumber/(\d+)")
    def _tracking(self, call: Call) -> Answer:
        row = self.state.orders.get(call.args[0])
        if row is None:
            return self._wrapped(["Order not found"], status=404)
        row |= {"tracking": call.json["tracking"], "date_modified": self.state.later(row["date_modified"])}
        return self._wrapped(data=[])

    @route("GET", r"/api/rest_admin/utc_offset")
    def _offset(self, call: Call) -> Answer:
        return self._wrapped(data={"offset": int(self.state.offset.total_seconds())})

    def _listed(self, call: Call, rows: list[Document]) -> Answer:
        size, page = int(call.args[0]), int(call.args[1])
        return self._wrapped(data=self.window(rows, (page - 1) * size, size))

    def _wrapped(self, errors: list[str] | None = None, *, data: Any = None, status: int = 200) -> Answer:
        body = {"success": 0 if errors else 1, "error": errors or [], "data": [] if data is None else data}
        answer = Answer.json(status, body)
        noise = b"<b>Notice</b>: Undefined index: tax_class_id in <b>/var/www/product.php</b> on line <b>12</b><br />"
        return Answer(status, noise + answer.body, answer.headers) if self.noisy else answer

    def _save(self, row: Document, body: Document) -> None:
        """Members that are sent are stored; of the texts all that were there are replaced by those that are sent."""
        errors = []
        for name, longest in _LENGTHS.items():
            if len(str(body.get(name, ""))) > longest:
                errors.append(f"{name} must be less than {longest} characters!")
        for one in body.get("product_description", ()):
            if not 1 <= len(html.unescape(str(one.get("name", "")))) <= 255:
                errors.append("Product Name must be greater than 1 and less than 255 characters!")
        if errors:
            raise Refusal(self._wrapped(errors, status=400))
        for name, places in _PRODUCT_NUMBERS.items():
            if name in body:
                row[name] = _decimal(body[name], places)
        for name in _PRODUCT_TEXTS:
            if name in body:
                row[name] = str(body[name])
        if "quantity" in body:
            row["quantity"] = _whole(body["quantity"])
        for name in ("status", "manufacturer_id"):
            if name in body:
                row[name] = str(body[name])
        if "product_description" in body:
            row["product_description"] = [dict(one) for one in body["product_description"]]
        row["date_modified"] = self.state.later(row["date_modified"])

    # ---- the core ----------------------------------------------------------------------------------------------

    @route("GET POST", r"/(?:shop/)?index\.php")
    def _core(self, call: Call) -> Answer:
        asked = call.query.get("route", "")
        is_form = call.incoming.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        form = dict(parse_qsl(call.incoming.body.decode("utf-8", "replace"), keep_blank_values=True)) if is_form else {}
        if self.release == "4.1":
            return self._signed(call, form)
        if asked in ("api/account/login", "api/login"):
            return self._login(call, form) if (asked == "api/login") == (self.release == "3.0") else _page()
        routes = self._old_routes() if self.release == "3.0" else self._new_routes()
        if asked not in routes or not self._has_session(call):
            return self._no_session(call) if asked in routes else _page()
        return routes[asked](call, form)

    def _new_routes(self) -> Mapping[str, Callable[[Call, Mapping[str, str]], Answer]]:
        """Of 4.0.2; the bar of 4.0.0 and 4.0.1 still works there."""
        pairs = {"load": self._load, "addHistory": self._add_history}
        return {f"api/sale/order{sign}{name}": handler for name, handler in pairs.items() for sign in ".|"} | {
            "api/sale/cart": self._empty_cart
        }

    def _old_routes(self) -> Mapping[str, Callable[[Call, Mapping[str, str]], Answer]]:
        return {
            "api/order/history": self._add_history,
            "api/order/info": self._info,
            "api/cart/products": self._empty_cart,
        }

    def _login(self, call: Call, form: Mapping[str, str]) -> Answer:
        if form.get("username", "Default") != "Default" or form.get("key") != self.key:
            if self.release == "3.0":
                return Answer.json(200, [])
            return Answer.json(200, {"error": "Warning: Incorrect API Key!"})
        address = "127.0.0.1" if self.release == "3.0" else call.incoming.headers.get("x-forwarded-for", "127.0.0.1")
        if address not in self.allowed:
            said = f"Warning: Your IP {address} is not allowed to access this API!"
            return Answer.json(200, {"error": {"ip": said} if self.release == "3.0" else said})
        token = self._secrets.randbytes(13).hex()
        self._sessions[token] = self.clock() + _SESSION
        return Answer.json(200, {"success": "Success: API session successfully started!", "api_token": token})

    def _has_session(self, call: Call) -> bool:
        cookie = re.search(r"OCSESSID=([0-9a-f]+)", call.incoming.headers.get("cookie", ""))
        if cookie and self.release == "4.0":
            # The cookie goes by the shop's own session of a day, and the list of addresses is not looked at.
            return cookie[1] in self._sessions
        token = call.query.get("api_token", "")
        until = self._sessions.get(token)
        if until is None or self.clock() >= until or "127.0.0.1" not in self.allowed:
            return False
        self._sessions[token] = self.clock() + _SESSION
        return True

    def _no_session(self, call: Call) -> Answer:
        if self.release == "3.0":
            return Answer.json(200, {"error": "Warning: You do not have permission to access the API!"})
        return Answer(500, _NO_SESSION.encode(), _HTML) if "api_token" in call.query else _page()

    def _load(self, call: Call, form: Mapping[str, str]) -> Answer:
        return Answer.json(200, _MODIFIED if call.query.get("order_id") in self.state.orders else _NO_ORDER)

    def _info(self, call: Call, form: Mapping[str, str]) -> Answer:
        row = self.state.orders.get(call.query.get("order_id", ""))
        if row is None:
            return Answer.json(200, {"error": "Warning: The order could not be found!"})
        return Answer.json(200, {"order": self.state.shown_order(row), "success": "Success: You have modified orders!"})

    def _add_history(self, call: Call, form: Mapping[str, str]) -> Answer:
        key = form.get("order_id") or call.query.get("order_id", "")
        if key not in self.state.orders:
            return Answer.json(200, _NO_ORDER)
        self.state.add_history(key, {**form, "comment": escaped(form.get("comment", ""))})
        return Answer.json(200, _MODIFIED)

    def _empty_cart(self, call: Call, form: Mapping[str, str]) -> Answer:
        totals = [{"title": "Sub-Total", "text": "$0.00"}, {"title": "Total", "text": "$0.00"}]
        return Answer.json(200, {"products": [], "vouchers": [], "totals": totals, "shipping_required": False})

    def _signed(self, call: Call, form: Mapping[str, str]) -> Answer:
        if not self._is_signed(call, form):
            return Answer.json(403, _FORBIDDEN, {"content-type": "text/html; charset=UTF-8"})
        asked = call.query["call"]
        if asked == "history_add":
            return self._add_history(call, form)
        if asked == "cart":
            return self._cart(form)
        return Answer.json(200, {"error": "API call not found"})

    def _is_signed(self, call: Call, form: Mapping[str, str]) -> bool:
        query = call.query
        needed = ("route", "call", "username", "store_id", "language", "currency", "time", "signature")
        if any(name not in query for name in needed) or query["route"].lower() != "api/order":
            return False
        if query["username"] != "Default" or "127.0.0.1" not in self.allowed:
            return False
        now = self.clock().timestamp()
        if not query["time"].isdigit() or abs(now - int(query["time"])) > _WINDOW_S:
            return False
        cleaned = {name: escaped(value.strip()) for name, value in form.items()}
        body = urlencode(cleaned).replace("~", "%7E")
        folder = call.incoming.path.rpartition("/")[0] + "/"
        parts = [query["route"], query["call"], query["username"], call.incoming.headers.get("host", ""), folder]
        parts += [query["store_id"], query["language"], query["currency"]]
        parts += [hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(), query["time"]]
        text = "".join(f"{one}\n" for one in parts)
        mac = base64.b64encode(hmac.new(self.key.encode(), text.encode(), hashlib.sha1).digest()).decode()
        return hmac.compare_digest(mac, query["signature"])

    def _cart(self, form: Mapping[str, str]) -> Answer:
        """The row of each product that is named, enabled and in stock: what a product looks like to the core of 4.1."""
        answer: Document = {"success": "Success: You have modified your shopping cart!", "products": [], "totals": []}
        errors = {}
        for name, key in form.items():
            place = re.fullmatch(r"product\[(\d+)\]\[product_id\]", name)
            if place is None:
                continue
            row = self.state.products.get(key)
            count = int(form.get(f"product[{place[1]}][quantity]", "1"))
            if row is None or row["status"] != "1":
                errors[f"product_{place[1]}_product"] = "Warning: Product could not be found!"
            elif int(row["quantity"]) < count:
                said = "Product not available in the desired quantity or not in stock!"
                errors[f"product_{place[1]}_product"] = said
            else:
                answer["products"].append(self._cart_row(row, count))
        amount = sum((Decimal(one["price"]) * int(one["quantity"]) for one in answer["products"]), Decimal(0))
        answer["totals"] = [
            {
                "extension": "opencart",
                "code": code,
                "title": title,
                "value": float(amount),
                "text": f"${amount:.2f}",
                "sort_order": n,
            }
            for n, (code, title) in ((1, ("sub_total", "Sub-Total")), (9, ("total", "Total")))
        ]
        if errors:
            answer = {"error": errors | {"warning": "Warning: Please check the cart carefully for errors!"}} | answer
            answer.pop("success")
        return Answer.json(200, answer)

    def _cart_row(self, row: Document, count: int) -> Document:
        price = Decimal(row["price"])
        return {
            "product_id": row["product_id"],
            "name": row["product_description"][0]["name"],
            "model": row["model"],
            "quantity": count,
            "stock": True,
            "price": str(price),
            "price_text": f"${price:.2f}",
            "total_text": f"${price * count:.2f}",
            "weight": str(Decimal(row["weight"]) * count),
            "option": [],
        }


_HTML = {"content-type": "text/html; charset=utf-8"}


def _page() -> Answer:
    return Answer(404, _NO_PAGE.encode(), _HTML)


def _decimal(value: Any, places: int) -> str:
    """A number as the column stores it: what is no number becomes what MySQL makes of its beginning."""
    found = re.match(r"\s*-?\d+(?:\.\d+)?", str(value))
    return f"{Decimal(found[0].strip()) if found else Decimal(0):.{places}f}"


def _whole(value: Any) -> str:
    found = re.match(r"\s*-?\d+", str(value))
    return str(int(found[0])) if found else "0"


TWIN = OpenCartTwin
