"""The offline twin of Back Market, written from its own description 0.1.1 and its guide, not from the connector.

A listing holds a price, a comment and a warranty for each country; ``Accept-Language`` chooses which of them is meant, and
a code that Back Market does not know counts as France without a word. An order moves line by line. The firewall stands in
front of everything: whoever does not say who he is, or is too fast, gets its web page.

Made up, because nobody publishes it: the number of a listing that is offline (3), and the form of a task's report (a list
of lines, each with its errors).
"""

from __future__ import annotations

import csv
import io
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlencode

from stdnum import luhn

from connectors.sandbox.routes import Call, Refusal, RoutedTwin, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document, Shelf, moment_of

__all__ = ["TWIN"]

_COUNTRIES = (
    "fr-fr", "fr-be", "es-es", "de-de", "de-at", "it-it", "en-gb", "nl-nl", "pt-pt", "en-ie", "el-gr", "sk-sk", "sv-se",
)  # fmt: skip
_CURRENCIES = {"en-gb": "GBP", "sv-se": "SEK"}
_GRADES = {"EXCELLENT": 0, "VERY_GOOD": 1, "GOOD": 2, "FAIR": 3}
_ONLINE, _OFFLINE = 2, 3
_PAID, _ACCEPTED, _SHIPPED, _CANCELLED, _REFUNDED_BEFORE, _REFUNDED_AFTER, _PENDING = 1, 2, 3, 4, 5, 6, 8
_BEFORE = {
    _ACCEPTED: _PAID,
    _SHIPPED: _ACCEPTED,
    _CANCELLED: _PAID,
    _REFUNDED_BEFORE: _ACCEPTED,
    _REFUNDED_AFTER: _SHIPPED,
}
"""New state of a line to the one that it must have."""

_ORDER_NEW, _ORDER_ACCEPTED, _ORDER_DONE, _ORDER_PENDING = 1, 3, 9, 10
_NOT_LISTED = (0, 8)
_USER_AGENT = re.compile(r"BM-[^;\s]+;[^@\s;]+@[^@\s;]+")
_LARGEST_FILE = 15_000
_CHALLENGE = "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body>{}</body></html>"


class Shop(Shelf):
    """Listings and orders of one merchant."""

    impossible = frozenset(
        {
            # Brand, category, description, pictures, identifiers and weights belong to the shared product.
            "brand-blank",
            "brand-placeholder",
            "category-missing",
            "description-missing",
            "description-junk",
            "images-http",
            "images-missing",
            "gtin-lost-zero",
            "gtin-wrong-digit",
            "weight-zero",
            "weight-missing",
            "weight-unit-slip",
            # A title has at most 200 characters, a listing one price with two places, an address a country's code.
            "title-too-long",
            "sale-price-above-price",
            "price-one-decimal",
            "country-name",
            "country-lower-case",
        }
    )

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.spelling = "snake"

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        keys = {}
        for item in product["variants"] or [product]:
            number = self.next_number("listing", 4567)
            key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"backmarket/listing/{number}"))
            grade = list(_GRADES)[number % len(_GRADES)]
            options = " - ".join(item.get("options", {}).values())
            self.products[key] = {
                "id": key,
                "listing_id": number,
                "product_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"backmarket/product/{number}")),
                "backmarket_id": number + 100_000,
                "title": f"{product['title']} - {options}" if options else product["title"],
                "sku": item["sku"],
                "quantity": int(item["quantity"] or 0),
                "grade": grade,
                "state": _GRADES[grade],
                "publication_state": _ONLINE if product["status"] == "active" else _OFFLINE,
                "new_battery": False,
                "shippings": [],
                "countries": {"fr-fr": _terms(item["price"], item["currency"])},
            }
            keys[item["key"]] = key
        if not product["variants"]:
            return keys
        # What is wrong with the product as a whole shows on its first listing.
        return {product["key"]: keys[product["variants"][0]["key"]], **keys}

    def shown(self, fault: Document) -> Document | None:
        title = self.products.get(fault["record"], {}).get("title", "")
        if fault["field"] == "title" and title != fault["dirty"]:
            return None
        return fault

    def put_order(self, order: Document, at: datetime | None) -> str:
        number = self.next_number("order", 50_001)
        state, line_state = {
            "paid": (_ORDER_NEW, _PAID),
            "pending": (_ORDER_PENDING, _PENDING),
            "fulfilled": (_ORDER_DONE, _SHIPPED),
            "cancelled": (_ORDER_DONE, _CANCELLED),
        }[order["status"]]
        listings = {row["sku"]: row for row in self.products.values()}
        shipped = moment_of(order["shipped_at"]) if order["shipped_at"] else None
        placed = at or moment_of(order["ordered_at"])
        self.orders[str(number)] = {
            "order_id": number,
            "state": state,
            "buyer": order["buyer_name"],
            "email": order["email"],
            "phone": order["phone"],
            "recipient": order["ship_name"],
            "street": order["ship_street"],
            "city": order["ship_city"],
            "region": order["ship_region"],
            "postal_code": order["ship_postal_code"],
            "country": order["ship_country"],
            "currency": order["currency"],
            "price": f"{Decimal(order['total']) - Decimal(order['shipping']):.2f}",
            "shipping_price": order["shipping"],
            "country_code": _country_of(order["ship_country"]),
            "date_creation": placed,
            "date_payment": placed,
            "date_modification": at or moment_of(order["updated_at"]),
            "date_shipping": shipped,
            "tracking_number": f"00340434{number:012d}" if shipped else "",
            "tracking_url": "",
            "shipper_display": "DHL" if shipped else "",
            "told": False,
            "orderlines": [
                {
                    "id": self.next_number("line", 37_195),
                    "date_creation": placed,
                    "state": line_state,
                    "listing": line["sku"],
                    "listing_id": listings.get(line["sku"], {}).get("listing_id", 0),
                    "product": listings.get(line["sku"], {}).get("title", ""),
                    "quantity": int(line["quantity"]),
                    "price": line["unit_price"],
                    "shipping_price": "0.00",
                    "currency": order["currency"],
                    "imei": "",
                    "serial_number": "",
                }
                for line in order["lines"]
            ],
        }
        return str(number)

    def change(self, record_key: str, field: str, value: str) -> None:
        row = self.products.get(record_key)
        if row is None:
            raise KeyError(f"There is no record {record_key!r}")
        terms = row["countries"]["fr-fr"]
        if field == "quantity":
            row["quantity"] = int(value)
        elif field in ("title", "sku"):
            row[field] = value
        elif field == "price":
            terms["price"] = f"{Decimal(value):.2f}"
        elif field.removeprefix("attributes.") in terms:
            terms[field.removeprefix("attributes.")] = value
        else:
            raise KeyError(f"A listing has no field {field!r}")

    def terms(self, listing: Document, country: str) -> Document:
        """What holds of a listing in that country; France's figures in the country's currency until others are set."""
        known = listing["countries"]
        return known.get(country) or {**known["fr-fr"], "currency": _CURRENCIES.get(country, "EUR")}

    def listing(self, row: Document, country: str) -> Document:
        """A listing as a caller of that country sees it."""
        return {name: value for name, value in row.items() if name != "countries"} | self.terms(row, country)

    def order(self, row: Document) -> Document:
        """An order as it is answered; members without a value are left out."""
        hidden = ("buyer", "email", "phone", "recipient", "street", "city", "region", "postal_code", "country", "told")
        shown = {name: value for name, value in row.items() if name not in hidden and value is not None}
        return shown | {
            "shipping_address": self._address(row, row["recipient"]),
            "billing_address": self._address(row, row["buyer"]),
            "is_backship": False,
            "paypal_reference": None,
        }

    def awaiting(self, step: str) -> list[str]:
        wanted = {"acceptance": _ORDER_NEW, "shipment": _ORDER_ACCEPTED}[step]
        return [key for key, row in self.orders.items() if row["state"] == wanted]

    def parcels(self) -> list[tuple[str, str]]:
        return [(key, row["tracking_number"]) for key, row in self.orders.items() if row["told"]]

    def touch(self, order: Document) -> None:
        """Note that an order changed, and what its lines make of it."""
        order["date_modification"] = self.later(order["date_modification"])
        states = {line["state"] for line in order["orderlines"]}
        if _PAID not in states:
            order["state"] = _ORDER_ACCEPTED if _ACCEPTED in states else _ORDER_DONE

    def _address(self, row: Document, name: str) -> Document:
        first, _, last = name.partition(" ")
        names = (
            ("first_name", "last_name", "postal_code", "phone")
            if self.spelling == "snake"
            else ("firstName", "lastName", "postalCode", "phoneNumber")
        )
        members = dict(zip(names, (first, last, row["postal_code"], row["phone"]), strict=True))
        same = {
            "company": "",
            "street": row["street"],
            "street2": "",
            "city": row["city"],
            "state": row["region"],
            "country": row["country"],
        }
        return members | same | ({"email": row["email"]} if self.spelling == "snake" else {})


class BackMarketTwin(RoutedTwin):
    """The platform of Europe.

    Parameters
    ----------
    spelling : {"snake", "camel"}
        How members of addresses are written: as they arrive, or as the description has them.
    **options
        As for `Twin`.
    """

    name = "backmarket"
    state: Shop
    absent_key = "00000000-0000-4000-8000-000000000000"
    new_values: ClassVar[Mapping[str, str]] = {
        "attributes.min_price": "2.50",
        "attributes.warranty_delay": "24",
        "attributes.comment": "Opened, tested, cleaned and given a new battery.",
    }

    def __init__(self, *, spelling: str = "snake", **options: Any) -> None:
        super().__init__(**options)
        self.state = Shop(self.clock)
        self.state.spelling = spelling
        self.state.load(self.catalogue)
        self.token = self._secrets.randbytes(24).hex()
        self._tasks: dict[str, Document] = {}
        self._calls: dict[str, list[datetime]] = {"": [], "catalogue": []}
        self._lines: list[datetime] = []
        self._blocked: dict[str, datetime] = {}

    @property
    def credentials(self) -> dict[str, str]:
        return {"api_address": self.base_url, "token": self.token, "user_agent": "Norvik;it@norvik.example"}

    def greeting(self) -> Incoming:
        headers = {"authorization": f"Basic {self.token}", "user-agent": "BM-Norvik-Probe;it@norvik.example"}
        return Incoming("GET", "/ws/listings", (("page-size", "1"),), headers, b"")

    def unauthorised(self) -> Answer:
        return _error(401, "unauthorized", "Authentication credentials were not provided or are wrong.")

    def identify(self, call: Call) -> Answer | None:
        headers = call.incoming.headers
        if not _USER_AGENT.fullmatch(headers.get("user-agent", "")):
            return _page(403, "Sorry, you have been blocked")
        return None if headers.get("authorization", "") == f"Basic {self.token}" else self.unauthorised()

    def meter(self, call: Call, operation: str) -> Answer | None:
        now, most = self.clock(), 20 if operation else 200
        if now < self._blocked.get(operation, now):
            return _page(429, "You are being rate limited")
        recent = [one for one in self._calls[operation] if now - one < timedelta(seconds=10)]
        self._calls[operation] = [*recent, now]
        if len(recent) < most:
            return None
        self._blocked[operation] = now + timedelta(seconds=10)
        return _page(429, "You are being rate limited")

    def not_found(self, call: Call) -> Answer:
        return _error(404, "not_found", "Not found.")

    def unreadable(self, call: Call, error: ValueError) -> Answer:
        return _error(400, "invalid", str(error))

    @route("GET", r"/ws/listings/?")
    def _listings(self, call: Call) -> Answer:
        query = call.query
        rows = [
            self.state.listing(row, _country(call))
            for row in self.state.products.values()
            if int(query.get("min_quantity", 0)) <= row["quantity"] <= int(query.get("max_quantity", 10**9))
            and query.get("publication_state", str(row["publication_state"])) == str(row["publication_state"])
        ]
        return self._paged(call, rows)

    @route("GET", r"/ws/listings/detail/?")
    def _detail(self, call: Call) -> Answer:
        query = call.query
        for row in self.state.products.values():
            same_sku = query.get("sku", "").casefold() == row["sku"].casefold()
            if query.get("id") == row["id"] or query.get("listing_id") == str(row["listing_id"]) or same_sku:
                return Answer.json(200, self.state.listing(row, _country(call)) | {"statuscode": 200})
        return self.not_found(call)

    @route("GET POST", r"/ws/listings/((?!detail)[^/]+)/?")
    def _one_listing(self, call: Call) -> Answer:
        row = next(
            (one for one in self.state.products.values() if call.args[0] in (one["id"], str(one["listing_id"]))), None
        )
        if row is None:
            return self.not_found(call)
        if call.incoming.method == "POST":
            self._count_lines(1)
            self._update(row, call.json or {}, _country(call))
        return Answer.json(200, self.state.listing(row, _country(call)) | {"statuscode": 200})

    @route("POST", r"/ws/listings/?", operation="catalogue")
    def _file(self, call: Call) -> Answer:
        body = call.json or {}
        for name in ("catalog", "quotechar", "delimiter", "encoding"):
            if not body.get(name):
                raise Refusal(Answer.json(400, f"parameter {name} not found"))
        lines = csv.DictReader(io.StringIO(body["catalog"]), delimiter=body["delimiter"], quotechar=body["quotechar"])
        rows = list(lines)
        if len(rows) > _LARGEST_FILE:
            raise Refusal(Answer.json(400, f"catalog has more than {_LARGEST_FILE} lines"))
        self._count_lines(len(rows))
        number = 1_011_013 + len(self._tasks)
        self._tasks[str(number)] = {"rows": rows, "country": _country(call), "asked": 0, "result": {}}
        return Answer.json(200, {"bodymessage": number, "statuscode": 200})

    @route("GET", r"/ws/tasks/([0-9]+)/?")
    def _task(self, call: Call) -> Answer:
        task = self._tasks.get(call.args[0])
        if task is None:
            return self.not_found(call)
        task["asked"] += 1
        if task["asked"] == 2:
            task["result"] = [self._apply(row, task["country"]) for row in task["rows"]]
        answer = {
            "task_id": int(call.args[0]),
            "action_status": 9 if task["asked"] >= 2 else 0,
            "last_action_error": None,
            "result": task["result"],
            "statuscode": 200,
        }
        return Answer.json(200, answer)

    @route("GET", r"/ws/orders/?")
    def _orders(self, call: Call) -> Answer:
        query = call.query
        changed, placed = (_moment(query.get(name)) for name in ("date_modification", "date_creation"))
        rows = [
            self.state.order(row)
            for row in self.state.orders.values()
            if row["state"] not in _NOT_LISTED
            and (changed is None or row["date_modification"] >= changed)
            and (placed is None or row["date_creation"] >= placed)
            and query.get("country_code", row["country_code"]) == row["country_code"]
            and query.get("state", str(row["state"])) == str(row["state"])
        ]
        return self._paged(call, rows)

    @route("GET POST", r"/ws/orders/([0-9]+)/?")
    def _one_order(self, call: Call) -> Answer:
        row = self.state.orders.get(call.args[0])
        if row is None:
            return self.not_found(call)
        if call.incoming.method == "POST":
            self._move(row, call.json or {})
        return Answer.json(200, self.state.order(row))

    @route("PATCH", r"/ws/orderlines/([0-9]+)/?")
    def _one_line(self, call: Call) -> Answer:
        for order in self.state.orders.values():
            for line in order["orderlines"]:
                if str(line["id"]) == call.args[0]:
                    return self._identify_device(order, line, call.json or {})
        return self.not_found(call)

    def _identify_device(self, order: Document, line: Document, body: Document) -> Answer:
        if not body.get("imei") and not body.get("serial_number"):
            raise Refusal(_error(400, "invalid", "At least one of imei or serial_number must be provided."))
        self._store(line, body, status=422)
        self.state.touch(order)
        return Answer.json(200, {name: line[name] for name in ("imei", "serial_number")})

    def _store(self, line: Document, body: Document, *, status: int) -> None:
        for name in ("imei", "serial_number"):
            value = body.get(name) or ""
            if value and line[name] not in ("", value):
                raise Refusal(_error(status, "already_registered", f"{name} is registered and cannot be corrected."))
            if name == "imei" and value and not (re.fullmatch(r"[0-9]{15}", value) and luhn.is_valid(value)):
                raise Refusal(_error(status, "invalid_imei", "The value needs to be a valid IMEI."))
            line[name] = value or line[name]

    def _move(self, order: Document, body: Document) -> None:
        new = body.get("new_state")
        if new not in _BEFORE:
            raise Refusal(Answer.json(400, f"new_state {new} must be in 2,3,4,5,6"))
        if body.get("order_id") != order["order_id"]:
            raise Refusal(Answer.json(400, "order_id must be the one of the address"))
        lines = order["orderlines"]
        if new == _SHIPPED:
            lines = self._ship(order, body)
        else:
            lines = [line for line in lines if line["listing"].casefold() == str(body.get("sku", "")).casefold()]
        if not lines:
            raise Refusal(Answer.json(400, "sku not found"))
        if wrong := [line["state"] for line in lines if line["state"] != _BEFORE[new]]:
            raise Refusal(Answer.json(400, f"orderline of state {wrong[0]} cannot get state {new}"))
        for line in lines:
            line["state"] = new
        if new == _SHIPPED:
            order |= {
                "tracking_number": body["tracking_number"],
                "tracking_url": body.get("tracking_url", ""),
                "shipper_display": body.get("shipper", ""),
                "date_shipping": _moment(body.get("date_shipping")) or self.state.now(),
                "told": True,
            }
        self.state.touch(order)

    def _ship(self, order: Document, body: Document) -> list[Document]:
        """The lines that leave: all that were not cancelled or refunded before."""
        if not body.get("tracking_number"):
            raise Refusal(Answer.json(400, "tracking_number is required"))
        lines = [one for one in order["orderlines"] if one["state"] not in (_CANCELLED, _REFUNDED_BEFORE)]
        if body.get("imei") or body.get("serial_number"):
            if len(lines) != 1 or lines[0]["quantity"] != 1:
                raise Refusal(Answer.json(400, "imei is for orders of one orderline with a quantity of 1"))
            self._store(lines[0], body, status=400)
        return lines

    def _update(self, listing: Document, body: Document, country: str) -> None:
        """All that was sent, or nothing."""
        terms = dict(self.state.terms(listing, country))
        if body.get("price") is not None:
            if body.get("currency", "EUR") != terms["currency"]:
                raise Refusal(Answer.json(400, f"currency must be {terms['currency']} on market {country}"))
            terms["price"] = _amount("price", body["price"])
        if "min_price" in body:
            terms["min_price"] = None if body["min_price"] is None else _amount("min_price", body["min_price"])
        if terms["min_price"] is not None and Decimal(terms["price"]) < Decimal(terms["min_price"]):
            raise Refusal(Answer.json(400, "price is below min_price"))
        if "comment" in body:
            if len(body["comment"] or "") > 500:
                raise Refusal(Answer.json(400, "comment has more than 500 characters"))
            terms["comment"] = body["comment"]
        if "warranty_delay" in body:
            terms["warranty_delay"] = _whole("warranty_delay", body["warranty_delay"], least=12)
        if "quantity" in body:
            listing["quantity"] = _whole("quantity", body["quantity"], least=0)
        if terms != self.state.terms(listing, country):
            listing["countries"][country] = terms

    def _apply(self, row: Mapping[str, str | None], country: str) -> Document:
        sku = row.get("sku") or ""
        listing = next((one for one in self.state.products.values() if one["sku"].casefold() == sku.casefold()), None)
        if listing is None:
            return {"sku": sku, "errors": ["product_id or ean is required to create a listing"]}
        try:
            self._update(listing, {name: row[name] for name in ("price", "quantity") if row.get(name)}, country)
        except Refusal as refusal:
            return {"sku": sku, "errors": [refusal.answer.body.decode().strip('"')]}
        return {"sku": sku, "errors": []}

    def _count_lines(self, count: int) -> None:
        now = self.clock()
        self._lines = [one for one in self._lines if now - one < timedelta(hours=1)]
        if len(self._lines) + count > 2000:
            raise Refusal(_error(429, "too_many_requests", "More than 2000 lines of SKUs in an hour."))
        self._lines += [now] * count

    def _paged(self, call: Call, rows: list[Document]) -> Answer:
        page, size = int(call.query.get("page", 1)), min(50, int(call.query.get("page-size", 10)))
        if page < 1 or (page > 1 and (page - 1) * size >= len(rows)):
            return _error(404, "invalid_page", "Invalid page.")
        body = {
            "count": len(rows),
            "next": self._link(call, page + 1) if page * size < len(rows) else None,
            "previous": self._link(call, page - 1) if page > 1 else None,
            "results": self.window(rows, (page - 1) * size, size),
        }
        return Answer.json(200, body)

    def _link(self, call: Call, page: int) -> str:
        return f"{self.base_url}{call.incoming.path}?{urlencode(call.query | {'page': str(page)})}"


def _terms(price: str, currency: str) -> Document:
    return {
        "price": f"{Decimal(price):.2f}",
        "currency": currency,
        "min_price": f"{Decimal(price) / 10:.2f}",
        "max_price": "9999.00",
        "warranty_delay": 12,
        "comment": "Opened, tested and cleaned.",
    }


def _country_of(iso: str) -> str:
    return next((code for code in _COUNTRIES if code.endswith(f"-{iso.lower()}")), "fr-fr")


def _country(call: Call) -> str:
    asked = call.incoming.headers.get("accept-language", "").lower()
    return asked if asked in _COUNTRIES else "fr-fr"


def _moment(value: str | None) -> datetime | None:
    return moment_of(value) if value else None


def _amount(name: str, value: Any) -> str:
    if not re.fullmatch(r"[0-9]+(\.[0-9]{1,2})?", str(value)) or Decimal(str(value)) <= 0:
        raise Refusal(Answer.json(400, f"{name} is not a valid amount"))
    return f"{Decimal(str(value)):.2f}"


def _whole(name: str, value: Any, *, least: int) -> int:
    if not re.fullmatch(r"[0-9]+", str(value)) or int(value) < least:
        raise Refusal(Answer.json(400, f"{name} must be a whole number from {least} on"))
    return int(value)


def _error(status: int, code: str, message: str) -> Answer:
    return Answer.json(status, {"error": {"code": code, "message": message}, "requestId": "7d1f6c0e4b"})


def _page(status: int, words: str) -> Answer:
    headers = {"content-type": "text/html; charset=UTF-8", "server": "cloudflare", "cf-ray": "931354450813d142-CDG"}
    return Answer(status, _CHALLENGE.format(words).encode(), headers)


TWIN = BackMarketTwin
