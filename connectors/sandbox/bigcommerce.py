"""The offline twin of a BigCommerce store, written from the fact sheet and BigCommerce's description, not from the connector."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from connectors.sandbox.bigcommerce_store import STATUSES, Shop, address_of, shown_order, shown_variant
from connectors.sandbox.routes import Call, Refusal, RoutedTwin, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document

__all__ = ["TWIN"]

_WINDOW_S = 30
_LARGEST = {"products": 10, "variants": 50, "adjustments": 2000}
_TEXTS: Mapping[str, tuple[int, int]] = {"name": (1, 250), "sku": (0, 255), "upc": (0, 14), "gtin": (0, 14), "page_title": (0, 255), "description": (0, 10**6), "mpn": (0, 255), "meta_description": (0, 65535), "search_keywords": (0, 65535), "warranty": (0, 65535)}  # fmt: skip
_NUMBERS = ("weight", "width", "depth", "height", "price", "sale_price")
_VARIANT_FIELDS = frozenset({"price", "sale_price", "weight", "width", "height", "depth", "upc", "gtin", "mpn", "sku"})
_PRODUCT_FIELDS = frozenset([*_TEXTS, *_NUMBERS, "categories", "brand_id", "is_visible", "condition"])
_CONDITIONS = ("New", "Used", "Refurbished")
_SCOPES = {"products": "store_v2_products", "orders": "store_v2_orders", "inventory": "store_inventory", "store": "store_v2_information_read_only"}  # fmt: skip


class BigCommerceTwin(RoutedTwin):
    """A store with one location and one category tree.

    Parameters
    ----------
    quota : int
        Calls in 30 seconds: 150 on the smaller plans, many more on the largest.
    lacks : sequence of str
        Scopes that the API account was not given.
    """

    name = "bigcommerce"
    state: Shop
    new_values = {
        "ship_region": "Bremen",
        "attributes.page_title": "A title for search engines",
        "attributes.meta_description": "A description for search engines",
        "attributes.search_keywords": "kettle, cup",
        "attributes.warranty": "Two years",
    }

    def __init__(self, *, quota: int = 60_000, lacks: Sequence[str] = (), **options: Any) -> None:
        super().__init__(**options)
        self.quota = quota
        self.lacks = frozenset(lacks)
        self.state = Shop(self.clock)
        self.state.load(self.catalogue)
        self._hash = f"tw{self._secrets.randrange(10**8):08d}"
        self._token = self._secrets.randbytes(16).hex()
        self._secret = self._secrets.randbytes(32).hex()
        self._window = self.clock()
        self._calls = 0
        self.links_fail = False
        """Whether saving a product leaves its page's address behind, which is answered with 207."""

    # ---- who is asking ---------------------------------------------------------------------------------------------

    @property
    def credentials(self) -> dict[str, str]:
        return {
            "store_hash": self._hash,
            "access_token": self._token,
            "client_id": self._secret[:31],
            "client_secret": self._secret,
            "api_address": self.base_url,
        }

    def greeting(self) -> Incoming:
        headers = {"x-auth-token": self._token, "accept": "application/json"}
        return Incoming("GET", f"/stores/{self._hash}/v2/store", (), headers, b"")

    def unauthorised(self) -> Answer:
        return _problem(401, "Unauthorized")

    def identify(self, call: Call) -> Answer | None:
        if call.args[0] != self._hash:
            return _problem(404, "The requested store does not exist.")
        return None if call.incoming.headers.get("x-auth-token") == self._token else self.unauthorised()

    def meter(self, call: Call, operation: str) -> Answer | None:
        if (self.clock() - self._window).total_seconds() >= _WINDOW_S:
            self._window, self._calls = self.clock(), 0
        if self._calls >= self.quota:
            return _problem(429, "You have made too many requests.")
        self._calls += 1
        if _SCOPES[operation] in self.lacks:
            return _problem(403, "Your client does not have the required scope(s) to make this request.")
        return None

    def headers(self, call: Call, operation: str) -> Mapping[str, str]:
        left_s = _WINDOW_S - (self.clock() - self._window).total_seconds()
        return {
            "x-rate-limit-requests-left": str(self.quota - self._calls),
            "x-rate-limit-requests-quota": str(self.quota),
            "x-rate-limit-time-window-ms": str(_WINDOW_S * 1000),
            "x-rate-limit-time-reset-ms": str(max(0, int(left_s * 1000))),
        }

    def not_found(self, call: Call) -> Answer:
        return _problem(404, "The requested resource was not found.")

    def wrong_method(self, call: Call) -> Answer:
        return _problem(405, "Method not allowed.")

    def unreadable(self, call: Call, error: ValueError) -> Answer:
        return _problem(400, "Input is invalid.", {"body": str(error)})

    # ---- the store -------------------------------------------------------------------------------------------------

    @route("GET", r"/stores/(\w+)/v2/store", operation="store")
    def _store(self, call: Call) -> Answer:
        about = {"name": "Twin", "domain": "twin.mybigcommerce.com", "secure_url": "https://twin.mybigcommerce.com"}
        units = {"weight_units": "KGS", "dimension_units": "Centimeters"}
        return _json(
            {"id": self._hash, "currency": "EUR", "language": "de", "plan_level": "Pro Plan", **about, **units}
        )

    @route("GET", r"/stores/(\w+)/v3/catalog/brands", operation="products")
    def _brands(self, call: Call) -> Answer:
        rows = self.state.collections["brands"]
        return self._page(call, [{"id": int(key), "name": one["name"]} for key, one in rows.items()])

    @route("GET", r"/stores/(\w+)/v3/catalog/trees/categories", operation="products")
    def _categories(self, call: Call) -> Answer:
        rows = self.state.collections["categories"]
        shown = [{"category_id": int(key), "tree_id": 1, "is_visible": True, **one} for key, one in rows.items()]
        return self._page(call, shown)

    # ---- catalogue -------------------------------------------------------------------------------------------------

    @route("GET", r"/stores/(\w+)/v3/catalog/products", operation="products")
    def _products(self, call: Call) -> Answer:
        query = call.query
        rows = list(self.state.products.values())
        if "id:in" in query:
            wanted = set(query["id:in"].split(","))
            rows = [row for row in rows if str(row["id"]) in wanted]
        if "date_modified:min" in query:
            since = self._moment(query["date_modified:min"])
            rows = [row for row in rows if row["date_modified"] >= since]
        rows.sort(key=lambda row: row["id"], reverse=query.get("direction") == "desc")
        included = query.get("include", "").split(",")
        largest = 10 if {"options", "modifiers"} & set(included) else 250
        return self._page(call, rows, largest=largest, shown=lambda row: self._shown(row, query))

    def _moment(self, text: str) -> datetime:
        """A bare date gets the present time of day."""
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.combine(datetime.fromisoformat(text), self.clock().time(), UTC)
        return datetime.fromisoformat(text)

    def _shown(self, row: Document, query: Mapping[str, str]) -> Document:
        included = query.get("include", "").split(",")
        hidden = {"variants", "images", "custom_fields"} - set(included)
        levels = [self.state.level(one["id"]) for one in row["variants"]]
        level = sum(levels) if row["variants"] else self.state.level(row["base_variant_id"])
        shown = {name: value for name, value in row.items() if name not in hidden} | {"inventory_level": level}
        if "variants" in included:
            pairs = zip(row["variants"], levels, strict=True)
            shown["variants"] = [shown_variant(row, one, at) for one, at in pairs] or [shown_variant(row, None, level)]
        if cut := query.get("include_fields"):
            shown = {name: value for name, value in shown.items() if name in {"id", *cut.split(","), *included}}
        return shown

    @route("GET", r"/stores/(\w+)/v3/catalog/products/(\d+)", operation="products")
    def _one_product(self, call: Call) -> Answer:
        return _json({"data": self._shown(self._product(call.args[1]), call.query), "meta": {}})

    @route("PUT", r"/stores/(\w+)/v3/catalog/products/(\d+)", operation="products")
    def _put_product(self, call: Call) -> Answer:
        row = self._product(call.args[1])
        self._check(row, call.json, call.args[1])
        self._save(row, call.json)
        shown = {"data": self._shown(row, call.query), "meta": {}}
        if not self.links_fail:
            return _json(shown)
        errors = {"status": 207, "title": "The product was saved in part.", "type": _TYPE}
        return _json(shown | {"errors": errors | {"errors": {"custom_url": "could not be updated"}}}, 207)

    @route("PUT", r"/stores/(\w+)/v3/catalog/products", operation="products")
    def _put_products(self, call: Call) -> Answer:
        bodies = self._few(call.json, "products")
        rows = [self._product(str(one.get("id"))) for one in bodies]
        for row, one in zip(rows, bodies, strict=True):
            self._check(row, one, str(row["id"]))
        for row, one in zip(rows, bodies, strict=True):
            self._save(row, one)
        return _json({"data": [self._shown(row, call.query) for row in rows], "meta": {}})

    def _product(self, key: str) -> Document:
        row = self.state.products.get(key)
        if row is None:
            raise Refusal(_problem(404, "A product was not found with the given id."))
        return row

    def _few(self, bodies: Any, kind: str) -> Sequence[Document]:
        if not isinstance(bodies, list):
            raise Refusal(_problem(422, "JSON data is missing or invalid", {"body": "must be a list"}))
        if len(bodies) > _LARGEST[kind]:
            raise Refusal(_problem(413, f"At most {_LARGEST[kind]} {kind} can be updated at once."))
        return bodies

    def _check(self, row: Document, body: Document, key: str) -> None:
        """Refuse what the description forbids; nothing of a body with one bad field is stored."""
        bad = {
            name: f"must have {least} to {most} characters"
            for name, (least, most) in _TEXTS.items()
            if name in body and not (isinstance(body[name], str) and least <= len(body[name]) <= most)
        }
        is_variant = "/" in key
        for name in _NUMBERS:
            value = body.get(name, 0)
            if value is None and is_variant:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 9_999_999_999:
                bad[name] = "must be a number of 0 or more"
        if body.get("condition", "New") not in _CONDITIONS:
            bad["condition"] = f"must be one of {', '.join(_CONDITIONS)}"
        if bad:
            raise Refusal(_problem(422, "JSON data is missing or invalid", bad))
        if not is_variant and body.get("name", "").lower() in self.state.taken_names(key):
            raise Refusal(_problem(409, "The product name is a duplicate."))
        if body.get("sku") in self.state.taken_skus(key):
            raise Refusal(_problem(409, "The product sku is a duplicate."))
        known = {
            "categories": set(self.state.collections["categories"]),
            "brands": set(self.state.collections["brands"]),
        }
        if not {str(one) for one in body.get("categories") or ()} <= known["categories"]:
            raise Refusal(_problem(409, "A category does not exist."))
        if body.get("brand_id") and str(body["brand_id"]) not in known["brands"]:
            raise Refusal(_problem(409, "The brand does not exist."))

    def _save(self, row: Document, body: Document) -> None:
        row |= {name: body[name] for name in _PRODUCT_FIELDS if name in body}
        row["date_modified"] = self.state.later(row["date_modified"])

    @route("PUT", r"/stores/(\w+)/v3/catalog/products/(\d+)/variants/(\d+)", operation="products")
    def _put_variant(self, call: Call) -> Answer:
        row, one = self._variant(call.args[2], call.args[1])
        self._save_variant(row, one, call.json)
        return _json({"data": shown_variant(row, one, self.state.level(one["id"])), "meta": {}})

    @route("PUT", r"/stores/(\w+)/v3/catalog/variants", operation="products")
    def _put_variants(self, call: Call) -> Answer:
        bodies = self._few(call.json, "variants")
        try:
            found = [self._variant(str(one.get("id"))) for one in bodies]
            for (row, one), body in zip(found, bodies, strict=True):
                self._check(row, body, f"{row['id']}/{one['id']}")
        except Refusal as refusal:
            return Answer.json(422, {"batch_errors": [_decoded(refusal)]})
        for (row, one), body in zip(found, bodies, strict=True):
            self._save_variant(row, one, body)
        shown = [shown_variant(row, one, self.state.level(one["id"])) for row, one in found]
        return _json({"data": shown, "meta": {}})

    def _variant(self, key: str, product: str = "") -> tuple[Document, Document]:
        for row in self.state.products.values():
            for one in row["variants"]:
                if str(one["id"]) == key and product in ("", str(row["id"])):
                    return row, one
        raise Refusal(_problem(404, "A variant was not found with the given id."))

    def _save_variant(self, row: Document, one: Document, body: Document) -> None:
        self._check(row, body, f"{row['id']}/{one['id']}")
        one |= {name: body[name] for name in _VARIANT_FIELDS if name in body}
        row["date_modified"] = self.state.later(row["date_modified"])

    # ---- pictures --------------------------------------------------------------------------------------------------

    @route("POST", r"/stores/(\w+)/v3/catalog/products/(\d+)/images", operation="products")
    def _add_picture(self, call: Call) -> Answer:
        row, body = self._product(call.args[1]), call.json
        address = body.get("image_url", "")
        if not re.fullmatch(r"https?://\S+", address) or len(address) > 255:
            return _problem(422, "The image could not be downloaded.")
        picture = self.state.picture(row["id"], address, body.get("sort_order", 0), is_first=False)
        row["images"].append(picture)
        self._arrange(row, picture, body)
        return _json({"data": {name: picture[name] for name in picture if name != "image_file"}, "meta": {}})

    @route("PUT DELETE", r"/stores/(\w+)/v3/catalog/products/(\d+)/images/(\d+)", operation="products")
    def _one_picture(self, call: Call) -> Answer:
        row = self._product(call.args[1])
        picture = next((one for one in row["images"] if str(one["id"]) == call.args[2]), None)
        if picture is None:
            return _problem(404, "An image was not found with the given id.")
        if call.incoming.method == "DELETE":
            row["images"].remove(picture)
            row["date_modified"] = self.state.later(row["date_modified"])
            return Answer(204)
        self._arrange(row, picture, call.json)
        return _json({"data": {name: picture[name] for name in picture if name != "image_file"}, "meta": {}})

    def _arrange(self, row: Document, picture: Document, body: Document) -> None:
        if body.get("is_thumbnail"):
            for one in row["images"]:
                one["is_thumbnail"] = one is picture
        picture["sort_order"] = body.get("sort_order", picture["sort_order"])
        row["date_modified"] = self.state.later(row["date_modified"])

    # ---- stock -----------------------------------------------------------------------------------------------------

    @route("GET", r"/stores/(\w+)/v3/inventory/items", operation="inventory")
    def _items(self, call: Call) -> Answer:
        rows = [
            (row, one or row, number)
            for row in self.state.products.values()
            for one, number in [(one, one["id"]) for one in row["variants"]] or [(None, row["base_variant_id"])]
        ]
        if "variant_id:in" in call.query:
            wanted = set(call.query["variant_id:in"].split(","))
            rows = [row for row in rows if str(row[2]) in wanted]
        return self._page(call, rows, largest=1000, shown=lambda row: self._item(*row))

    def _item(self, row: Document, item: Document, variant: int) -> Document:
        level = self.state.level(variant, late=True)
        identity = {"sku": item["sku"], "variant_id": variant, "product_id": row["id"]}
        location = {
            "location_id": 1,
            "location_code": "BC-LOCATION-1",
            "location_name": "Default location",
            "available_to_sell": level,
            "total_inventory_onhand": level,
            "location_enabled": True,
            "settings": {"safety_stock": 0, "is_in_stock": level > 0, "warning_level": 0, "bin_picking_number": ""},
        }
        return {"identity": identity, "locations": [location]}

    @route("PUT", r"/stores/(\w+)/v3/inventory/adjustments/absolute", operation="inventory")
    def _adjust(self, call: Call) -> Answer:
        items = call.json.get("items") or []
        self._few(items, "adjustments")
        bad = {
            str(place): "unknown location or variant, or no whole number of 0 or more"
            for place, one in enumerate(items)
            if f"{one.get('location_id')}/{one.get('variant_id')}" not in self.state.collections["stock"]
            or not isinstance(one.get("quantity"), int)
            or one["quantity"] < 0
        }
        if bad or not items:
            return _problem(422, "Inventory adjustment is invalid.", bad)
        for one in items:
            key = f"{one['location_id']}/{one['variant_id']}"
            self.state.late[key] = (self.state.collections["stock"][key]["quantity"], 1)
            self.state.collections["stock"][key]["quantity"] = one["quantity"]
        return _json({"transaction_id": self._secrets.randbytes(8).hex()})

    # ---- orders ----------------------------------------------------------------------------------------------------

    @route("GET", r"/stores/(\w+)/v2/orders", operation="orders")
    def _orders(self, call: Call) -> Answer:
        rows = list(self.state.orders.values())
        if "min_date_modified" in call.query:
            since = _either(call.query["min_date_modified"])
            rows = [row for row in rows if row["date_modified"] >= since]
        return self._bare(call, rows, lambda row: self._order_shown(row, call))

    def _order_shown(self, row: Document, call: Call) -> Document:
        asked = call.query.get("include", "").split(",")
        is_whole = any(one.startswith("consignments") for one in asked)
        lines = "consignments.line_items" in asked
        return shown_order(row, f"{self.base_url}/stores/{self._hash}/v2", whole=is_whole, lines=lines)

    @route("GET", r"/stores/(\w+)/v2/orders/(\d+)", operation="orders")
    def _one_order(self, call: Call) -> Answer:
        return _json(self._order_shown(self._order(call), call))

    @route("GET", r"/stores/(\w+)/v2/orders/(\d+)/products", operation="orders")
    def _order_products(self, call: Call) -> Answer:
        return self._bare(call, self._order(call)["lines"], lambda one: one)

    @route("GET", r"/stores/(\w+)/v2/orders/(\d+)/shipping_addresses", operation="orders")
    def _order_addresses(self, call: Call) -> Answer:
        return self._bare(call, [self._order(call)["shipping"]], lambda one: one)

    @route("PUT", r"/stores/(\w+)/v2/orders/(\d+)", operation="orders")
    def _put_order(self, call: Call) -> Answer:
        """The members that are sent; an address is replaced as a whole."""
        row, body = self._order(call), call.json
        if "billing_address" in body:
            self._check_address(body["billing_address"])
            row["billing"] = address_of(body["billing_address"])
        if "status_id" in body:
            if body["status_id"] not in STATUSES:
                return _problems(400, "The field 'status_id' is invalid.")
            row["status_id"] = body["status_id"]
        row["date_modified"] = self.state.later(row["date_modified"])
        return _json(self._order_shown(row, call))

    @route("PUT", r"/stores/(\w+)/v2/orders/(\d+)/shipping_addresses/(\d+)", operation="orders")
    def _put_address(self, call: Call) -> Answer:
        row, body = self._order(call), call.json
        if str(row["shipping"]["id"]) != call.args[2]:
            return _problems(404, "The requested resource was not found.")
        self._check_address(body)
        kept = {name: row["shipping"][name] for name in ("id", "order_id")}
        row["shipping"] = address_of(body) | {"shipping_method": body.get("shipping_method", "")} | kept
        row["date_modified"] = self.state.later(row["date_modified"])
        return _json(row["shipping"])

    @staticmethod
    def _check_address(body: Document) -> None:
        if not body.get("zip"):
            raise Refusal(_problems(400, "The field 'zip' is required."))

    @route("GET", r"/stores/(\w+)/v2/orders/(\d+)/shipments", operation="orders")
    def _shipments(self, call: Call) -> Answer:
        rows = self.state.collections["shipments"].values()
        return self._bare(call, [row for row in rows if str(row["order_id"]) == call.args[1]], lambda one: one)

    @route("POST", r"/stores/(\w+)/v2/orders/(\d+)/shipments", operation="orders")
    def _ship(self, call: Call) -> Answer:
        row, body = self._order(call), call.json
        lines = {one["id"]: one for one in row["lines"]}
        items = body.get("items") or []
        if body.get("order_address_id") != row["shipping"]["id"] or not items:
            return _problems(400, "The field 'order_address_id' or 'items' is invalid.")
        for one in items:
            line = lines.get(one["order_product_id"])
            if line is None or one["quantity"] > line["quantity"] - line["quantity_shipped"]:
                return _problems(400, "The field 'items' is invalid: more than is left to be shipped.")
        for one in items:
            lines[one["order_product_id"]]["quantity_shipped"] += one["quantity"]
        is_done = all(one["quantity_shipped"] == one["quantity"] for one in row["lines"])
        row |= {"status_id": 2 if is_done else 3, "date_shipped": self.state.now()}
        row["date_modified"] = self.state.later(row["date_modified"])
        number = self.state.next_number("shipment", 1)
        names = ("tracking_number", "tracking_carrier", "tracking_link", "shipping_provider", "comments")
        shipment = {name: body.get(name, "") for name in names} | {
            "id": number,
            "order_id": row["id"],
            "order_address_id": row["shipping"]["id"],
            "date_created": format_datetime(self.state.now()),
            "items": items,
        }
        self.state.collections["shipments"][str(number)] = shipment
        return _json(shipment, 201)

    def _order(self, call: Call) -> Document:
        row = self.state.orders.get(call.args[1])
        if row is None:
            raise Refusal(_problems(404, "The requested resource was not found."))
        return row

    # ---- lists -----------------------------------------------------------------------------------------------------

    def _page(
        self, call: Call, rows: Sequence[Any], *, largest: int = 250, shown: Callable[[Any], Any] = lambda row: row
    ) -> Answer:
        """A page of V3."""
        size = min(int(call.query.get("limit", 50)), largest)
        page = max(1, int(call.query.get("page", 1)))
        data = [shown(row) for row in self.window(rows, (page - 1) * size, size)]
        pages = -(-len(rows) // size)
        links = {"current": f"?page={page}&limit={size}"}
        links |= {"next": f"?page={page + 1}&limit={size}"} if page < pages else {}
        counted = {"total": len(rows), "count": len(data), "per_page": size, "current_page": page, "total_pages": pages}
        return _json({"data": data, "meta": {"pagination": {**counted, "links": links}}})

    def _bare(self, call: Call, rows: Sequence[Any], shown: Callable[[Any], Any]) -> Answer:
        """A page of V2: a bare list, and 204 without a body where nothing is."""
        size = min(int(call.query.get("limit", 50)), 250)
        page = max(1, int(call.query.get("page", 1)))
        found = [shown(row) for row in self.window(rows, (page - 1) * size, size)]
        return _json(found) if found else Answer(204)


_TYPE = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"


def _json(value: Any, status: int = 200) -> Answer:
    return Answer.json(status, value)


def _problem(status: int, title: str, errors: Mapping[str, str] | None = None) -> Answer:
    """A refusal of V3."""
    return Answer.json(status, {"status": status, "title": title, "type": _TYPE, "errors": dict(errors or {})})


def _problems(status: int, message: str) -> Answer:
    """A refusal of V2."""
    return Answer.json(status, [{"status": status, "message": message}])


def _decoded(refusal: Refusal) -> Any:
    return json.loads(refusal.answer.body)


def _either(text: str) -> datetime:
    """A time of a filter of V2: ISO 8601 or RFC 2822."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)


TWIN = BigCommerceTwin
