"""A WooCommerce shop's database as a test or a demo handles it: deliveries arrive, somebody edits, everything is dumped."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl

from connectors.sandbox.catalogue import Catalogue, slug
from connectors.sandbox.defects import TRUTH
from connectors.sandbox.woocommerce_saving import BLANK, WORDINGS, Row, Tables
from connectors.sandbox.woocommerce_text import sanitised

__all__ = ["IMPOSSIBLE", "Row", "Store"]

IMPOSSIBLE = frozenset({"sale-price-above-price", "email-trailing-space"})
"""Defects that WooCommerce mends or refuses whenever a record is saved, so that a shop cannot hold them."""

_STATUSES = {"active": "publish", "draft": "draft", "archived": "private"}
_ORDER_FIELDS = {
    "email": ("billing", "email"),
    "phone": ("billing", "phone"),
    "ship_street": ("shipping", "address_1"),
    "ship_city": ("shipping", "city"),
    "ship_region": ("shipping", "state"),
    "ship_postal_code": ("shipping", "postcode"),
    "ship_country": ("shipping", "country"),
}


class Store(Tables):
    """Everything the shop holds.

    Parameters
    ----------
    clock : callable
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self._truth: list[Row] = []

    def add(self, catalogue: Catalogue, *, at: datetime | None = None) -> None:
        """Let a delivery arrive; see `State.add`. None takes the shop's present time."""
        self.load(catalogue, at=at or self.now())

    def load(self, catalogue: Catalogue, *, at: datetime | None = None) -> None:
        """Put a catalogue into the tables, changed at its own times unless `at` is given."""
        possible = catalogue.without(IMPOSSIBLE)
        keys: dict[str, str] = {}
        with self.lock:
            for product in possible.products:
                self._load_product(product, at, keys)
            by_sku = {row["sku"]: row for row in self.products.values() if row["sku"]}
            for order in possible.orders:
                keys[order["key"]] = self._load_order(order, by_sku, at)
            self._truth += [row | {"record": keys[row["record"]]} for row in possible.truth.iter_rows(named=True)]

    def truth(self) -> pl.DataFrame:
        """The faults in the shop; names with ``&`` as WordPress stores them, no category shows as the default one."""
        shown = []
        for row in self._truth:
            seen = dict(row)
            for side in ("dirty", "right"):
                if row["field"] == "title" and row[side] is not None:
                    seen[side] = sanitised(row[side])
            if row["defect"] == "category-missing":
                seen["dirty"] = "Uncategorized"
            shown.append(seen)
        return pl.DataFrame(shown, schema=TRUTH, orient="row")

    def dump(self) -> Row:
        """Everything stored as plain JSON values."""
        with self.lock:
            content = {"products": self.products, "orders": self.orders, "settings": self.settings, **self.terms}
            return json.loads(json.dumps(content, default=_iso, sort_keys=True))

    def edit(self, record_key: str, field: str, value: str) -> None:
        """A change in the shop's admin pages; see `State.edit`."""
        with self.lock:
            key = int(record_key) if record_key.isdigit() else 0
            if key in self.products:
                row = self.products[key]
                before = row["modified"]
                self.save_product(row, self._product_change(row, field, value))
                row["modified"] = max(self.now(), before + timedelta(seconds=1))
            elif key in self.orders:
                row = self.orders[key]
                before = row["modified"]
                self.save_order(row, _order_change(row, field, value))
                row["modified"] = max(self.now(), before + timedelta(seconds=1))
            else:
                raise KeyError(f"The shop has no record {record_key!r}")

    # ---- from the neutral catalogue --------------------------------------------------------------------------

    def _load_product(self, product: Row, at: datetime | None, keys: dict[str, str]) -> None:
        row = self._loaded(product, at)
        options = sorted({name for one in product["variants"] for name in one["options"]})
        row |= {
            "type": "variable" if product["variants"] else "simple",
            "name": sanitised(product["title"]),
            "slug": f"{slug(product['title'])[:60]}-{product['key'].lower()}",
            "status": _STATUSES[product["status"]],
            "description": product["description"],
            "length": _shifted(product["length_mm"], -1),
            "width": _shifted(product["width_mm"], -1),
            "height": _shifted(product["height_mm"], -1),
            "categories": [self._category(product["category"])],
            "brands": [self._brand(product["brand"])] if product["brand"] else [],
            "images": [{"id": self.next_id("media"), "src": url, "name": "", "alt": ""} for url in product["images"]],
            "attributes": [
                {"name": name, "variation": False, "options": [value]} for name, value in product["attributes"].items()
            ]
            + [
                {
                    "name": name,
                    "variation": True,
                    "options": list(dict.fromkeys(one["options"][name] for one in product["variants"])),
                }
                for name in options
            ],
        }
        if product["variants"]:
            row |= {"manage_stock": False, "stock": None, "stock_status": "instock"}
        self.products[row["id"]] = row
        keys[product["key"]] = str(row["id"])
        for one in product["variants"]:
            variation = self._loaded(
                one | {"created_at": product["created_at"], "updated_at": product["updated_at"]}, at
            )
            variation |= {
                "type": "variation",
                "parent": row["id"],
                "status": "publish",
                "attributes": [{"name": name, "option": value} for name, value in one["options"].items()],
            }
            self.products[variation["id"]] = variation
            keys[one["key"]] = str(variation["id"])

    def _loaded(self, item: Row, at: datetime | None) -> Row:
        row = copy.deepcopy(BLANK)
        return row | {
            "id": self.next_id("post"),
            "sku": item["sku"],
            "gtin": item["gtin"],
            "regular_price": item["price"],
            "sale_price": item["sale_price"],
            "weight": _shifted(item["weight_g"], -3),
            "manage_stock": True,
            "stock": int(item["quantity"] or 0),
            "stock_status": "instock" if int(item["quantity"] or 0) else "outofstock",
            "meta": [{"id": self.next_id("meta"), "key": "_supplier_code", "value": item["mpn"]}]
            if item["mpn"]
            else [],
            "created": _read(item["created_at"]) if at is None else at,
            "modified": _read(item["updated_at"]) if at is None else at,
        }

    def _category(self, path: str) -> int:
        number = 0
        for name in path.split(" > ") if path else ():
            number = self._term("categories", name, number)
        return number or self.default_category

    def _brand(self, name: str) -> int:
        return self._term("brands", name, 0)

    def _term(self, taxonomy: str, name: str, parent: int) -> int:
        stored = sanitised(name)
        for one in self.terms[taxonomy].values():
            if one["name"] == stored and one["parent"] == parent:
                return int(one["id"])
        term: Row = {"id": self.next_id("term"), "name": stored, "slug": slug(name) or "n-a", "parent": parent}
        self.terms[taxonomy][term["id"]] = term
        return int(term["id"])

    def _load_order(self, order: Row, by_sku: Mapping[str, Row], at: datetime | None) -> str:
        first, _, last = order["buyer_name"].partition(" ")
        ship_first, _, ship_last = order["ship_name"].partition(" ")
        address = {
            "company": "",
            "address_1": order["ship_street"],
            "address_2": "",
            "city": order["ship_city"],
            "state": order["ship_region"],
            "postcode": order["ship_postal_code"],
            "country": order["ship_country"],
        }
        placed = _read(order["ordered_at"]) if at is None else at
        row: Row = {
            "id": self.next_id("post"),
            "status": WORDINGS[order["status"]],
            "currency": order["currency"],
            "total": order["total"],
            "shipping_total": order["shipping"],
            "billing": {
                "first_name": first,
                "last_name": last,
                **address,
                "email": order["email"],
                "phone": order["phone"],
            },
            "shipping": {"first_name": ship_first, "last_name": ship_last, **address, "phone": ""},
            "lines": [self._line(line, by_sku) for line in order["lines"]],
            "customer_note": "",
            "payment_method": "bacs",
            "payment_method_title": "Bank transfer",
            "transaction_id": "",
            "meta": [],
            "created": placed,
            "modified": _read(order["updated_at"]) if at is None else at,
            "paid": placed if order["status"] in ("paid", "fulfilled") else None,
            "completed": max(placed, _read(order["shipped_at"])) if order["shipped_at"] else None,
        }
        self.orders[row["id"]] = row
        return str(row["id"])

    def _line(self, line: Row, by_sku: Mapping[str, Row]) -> Row:
        product = by_sku.get(line["sku"])
        parent = self.products.get(product["parent"]) if product else None
        return {
            "id": self.next_id("line"),
            "name": (parent or product or {"name": line["sku"]})["name"],
            "product_id": (parent or product or {"id": 0})["id"],
            "variation_id": product["id"] if product and parent else 0,
            "quantity": int(line["quantity"]),
            "sku": line["sku"],
            "total": f"{Decimal(line['unit_price']) * int(line['quantity']):.2f}",
            "unit_price": line["unit_price"],
        }

    def _product_change(self, row: Row, field: str, value: str) -> Row:
        changes: dict[str, Callable[[], Row]] = {
            "title": lambda: {"name": value},
            "description": lambda: {"description": value},
            "sku": lambda: {"sku": value},
            "gtin": lambda: {"global_unique_id": value},
            "price": lambda: {"regular_price": value},
            "sale_price": lambda: {"sale_price": value},
            "quantity": lambda: {"manage_stock": True, "stock_quantity": value},
            "weight_g": lambda: {"weight": _shifted(value, -3)},
            "length_mm": lambda: {"dimensions": {"length": _shifted(value, -1)}},
            "width_mm": lambda: {"dimensions": {"width": _shifted(value, -1)}},
            "height_mm": lambda: {"dimensions": {"height": _shifted(value, -1)}},
            "brand": lambda: {"brands": [{"id": self._brand(value)}] if value else []},
            "category": lambda: {"categories": [{"id": self._category(value)}]},
            "status": lambda: {"status": _STATUSES[value]},
            "images": lambda: {"images": [_kept(row, url) for url in json.loads(value)]},
        }
        if field not in changes:
            raise KeyError(f"A product of the shop has no field {field!r}; it has {', '.join(sorted(changes))}")
        return changes[field]()


def _order_change(row: Row, field: str, value: str) -> Row:
    if field in _ORDER_FIELDS:
        side, name = _ORDER_FIELDS[field]
        return {side: {name: value}}
    if field in ("ship_name", "buyer_name"):
        first, _, last = value.partition(" ")
        return {"shipping" if field == "ship_name" else "billing": {"first_name": first, "last_name": last}}
    if field == "status":
        return {"status": value}
    known = (*_ORDER_FIELDS, "ship_name", "buyer_name", "status")
    raise KeyError(f"An order of the shop has no field {field!r}; it has {', '.join(sorted(known))}")


def _kept(row: Row, url: str) -> Row:
    present = next((one for one in row["images"] if one["src"] == url), None)
    return {"id": present["id"]} if present else {"src": url}


def _shifted(text: str, places: int) -> str:
    return f"{Decimal(text).scaleb(places).normalize():f}" if text else ""


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _iso(moment: object) -> str:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"{type(moment).__name__} is no JSON value")
