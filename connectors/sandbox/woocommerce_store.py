"""The database of a WooCommerce shop: posts, terms and orders, and what saving them does.

Saving keeps WooCommerce's habits: prices and weights are reduced to digits, a sale price above the regular one is
dropped, unknown categories become the default one, unknown brands are taken off, stock goes only where it is managed.
Source: fact sheet and recorded exchanges of WooCommerce 11.0.1 (2026-11-23).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from connectors.sandbox.catalogue import Catalogue, slug
from connectors.sandbox.defects import TRUTH
from connectors.sandbox.server import State
from connectors.sandbox.woocommerce_check import Refusal
from connectors.sandbox.woocommerce_text import cleaned, decimal_text, global_unique_id, sanitised, whole_number

__all__ = ["IMPOSSIBLE", "Store"]

Row = dict[str, Any]

IMPOSSIBLE = frozenset({"sale-price-above-price", "email-trailing-space"})
"""Defects that WooCommerce mends or refuses whenever a record is saved, so that a shop cannot hold them."""

_TAXONOMIES = ("categories", "brands", "tags")
_UPLOADS = "https://media.shop.example.com/wp-content/uploads"
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif")
_TEXTS = ("description", "short_description", "purchase_note")
_PLAIN = ("external_url", "button_text", "tax_class", "shipping_class", "post_password")
_WORDS = ("catalog_visibility", "tax_status", "backorders", "stock_status")
_SWITCHES = ("featured", "virtual", "downloadable", "sold_individually", "reviews_allowed")
_WORDINGS = {"paid": "processing", "fulfilled": "completed", "pending": "on-hold", "cancelled": "cancelled"}
_STATUSES = {"active": "publish", "draft": "draft", "archived": "private"}
_ADDRESS = ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country")
_ORDER_FIELDS = {
    "email": ("billing", "email"),
    "phone": ("billing", "phone"),
    "ship_street": ("shipping", "address_1"),
    "ship_city": ("shipping", "city"),
    "ship_region": ("shipping", "state"),
    "ship_postal_code": ("shipping", "postcode"),
    "ship_country": ("shipping", "country"),
}


class Store(State):
    """Everything the shop holds.

    Parameters
    ----------
    clock : callable
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.products: dict[int, Row] = {}
        self.orders: dict[int, Row] = {}
        self.terms: dict[str, dict[int, Row]] = {taxonomy: {} for taxonomy in _TAXONOMIES}
        self.settings = {
            "woocommerce_currency": "EUR",
            "woocommerce_price_decimal_sep": ".",
            "woocommerce_price_num_decimals": "2",
            "woocommerce_default_country": "FR",
            "woocommerce_weight_unit": "kg",
            "woocommerce_dimension_unit": "cm",
            "woocommerce_manage_stock": "yes",
        }
        self._next = {"post": 11, "term": 15, "meta": 20, "line": 1, "media": 1001}
        self._truth: list[Row] = []
        self.default_category = self.add_term("categories", "Uncategorized")["id"]

    # ---- what a test or a demo does -------------------------------------------------------------------------

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

    # ---- saving ----------------------------------------------------------------------------------------------

    def save_product(self, row: Row, data: Mapping[str, Any]) -> None:
        """Write some fields of a product or variation; the others stay.

        Raises
        ------
        Refusal
            When an identifier is taken or an image cannot be fetched; nothing is written then.
        """
        new = copy.deepcopy(row)
        for name in _TEXTS:
            if name in data:
                new[name] = sanitised(str(data[name]))
        if "name" in data:
            new["name"] = sanitised(str(data["name"]))
        for name in (*_PLAIN, *_WORDS, *_SWITCHES):
            if name in data:
                new[name] = _switch(data[name]) if name in _SWITCHES else data[name]
        if "status" in data:
            new["status"] = (
                data["status"]
                if data["status"] in ("draft", "pending", "private", "publish", "future", "trash")
                else "draft"
            )
        if "type" in data and row["type"] != "variation":
            new["type"] = data["type"]
        self._save_identifiers(new, data)
        self._save_numbers(new, data)
        for taxonomy in _TAXONOMIES:
            if taxonomy in data:
                new[taxonomy] = self._known_terms(taxonomy, data[taxonomy])
        if "images" in data:
            new["images"] = [self._image(one, row["images"]) for one in data["images"]]
        if data.get("image"):
            new["images"] = [self._image(data["image"], row["images"])]
        if "attributes" in data:
            new["attributes"] = copy.deepcopy(data["attributes"])
        self._save_meta(new, data)
        for name in ("menu_order", "download_limit", "download_expiry"):
            if name in data:
                new[name] = whole_number(data[name])
        new["modified"] = self.now()
        moved = new["type"] == "variation" and any(
            new[one] != row[one] for one in ("regular_price", "sale_price", "stock")
        )
        row.clear()
        row.update(new)
        if moved and row["parent"] in self.products:
            self.products[row["parent"]]["modified"] = self.now()

    def save_order(self, row: Row, data: Mapping[str, Any], *, checked: bool = True) -> None:
        """Write some fields of an order; nested addresses are merged.

        Parameters
        ----------
        checked : bool
            False for batches, where an unknown status silently becomes ``pending``.
        """
        for side in ("billing", "shipping"):
            if isinstance(data.get(side), Mapping):
                row[side] |= {name: str(value) for name, value in data[side].items() if name in row[side]}
        for name in ("customer_note", "payment_method", "payment_method_title", "transaction_id"):
            if name in data:
                row[name] = str(data[name])
        if "status" in data:
            known = {
                *_WORDINGS.values(),
                "pending",
                "processing",
                "refunded",
                "failed",
                "checkout-draft",
                "auto-draft",
                "trash",
            }
            row["status"] = data["status"] if checked or data["status"] in known else "pending"
            if row["status"] == "completed" and not row["completed"]:
                row["completed"] = self.now()
            if row["status"] in ("processing", "completed") and not row["paid"]:
                row["paid"] = self.now()
        self._save_meta(row, data)
        row["modified"] = self.now()

    def new_product(self, data: Mapping[str, Any], *, parent: int = 0) -> Row:
        """A product (or, with `parent`, a variation) with the defaults of the shop; stored."""
        row = {
            **_BLANK,
            "type": "variation" if parent else "simple",
            "parent": parent,
            "created": self.now(),
            "modified": self.now(),
        }
        row = copy.deepcopy(row)
        row["id"] = self.next_id("post")
        if not parent:
            row["categories"] = [self.default_category]
            row["name"] = "Product"
        self.save_product(row, data)
        row["slug"] = row["slug"] or slug(row["name"])
        self.products[row["id"]] = row
        return row

    def add_term(self, taxonomy: str, name: str, parent: int = 0) -> Row:
        """A category, brand or tag.

        Raises
        ------
        Refusal
            When its name exists beside it.
        """
        name = sanitised(cleaned(name))
        for one in self.terms[taxonomy].values():
            if one["name"].lower() == name.lower() and one["parent"] == parent:
                message = "A term with the name provided already exists with this parent."
                raise Refusal(400, "term_exists", message, resource_id=one["id"])
        term = {"id": self.next_id("term"), "name": name, "slug": slug(name.replace("&amp;", "")), "parent": parent}
        self.terms[taxonomy][term["id"]] = term
        return term

    def next_id(self, kind: str) -> int:
        """The next free number of a table."""
        number = self._next[kind]
        self._next[kind] += 1
        return number

    def variations(self, parent: int) -> list[Row]:
        """Variations of a product, oldest first."""
        return [row for row in self.products.values() if row["parent"] == parent and row["type"] == "variation"]

    # ---- parts of saving -------------------------------------------------------------------------------------

    def _save_identifiers(self, new: Row, data: Mapping[str, Any]) -> None:
        if "sku" in data:
            sku = cleaned(str(data["sku"] or ""))
            if sku and (owner := next((one for one in self._others(new) if one["sku"] == sku), None)):
                if owner["status"] == "trash":
                    message = (
                        f"The product with SKU ({sku}) you are trying to insert is already present in the lookup table"
                    )
                    raise Refusal(400, "woocommerce_rest_product_not_created", message)
                raise Refusal(
                    400,
                    "product_invalid_sku",
                    "Invalid or duplicated SKU.",
                    resource_id=owner["id"],
                    unique_sku=self._free(sku),
                )
            new["sku"] = sku
        if "global_unique_id" in data:
            gtin = global_unique_id(str(data["global_unique_id"] or ""))
            if gtin and (owner := next((one for one in self._others(new) if one["gtin"] == gtin), None)):
                message = "Invalid or duplicated GTIN, UPC, EAN or ISBN."
                raise Refusal(
                    400,
                    "product_invalid_global_unique_id",
                    message,
                    resource_id=owner["id"],
                    unique_global_unique_id=gtin + "-1",
                )
            new["gtin"] = gtin

    def _others(self, row: Row) -> list[Row]:
        return [one for one in self.products.values() if one["id"] != row.get("id")]

    def _free(self, sku: str) -> str:
        taken = {one["sku"] for one in self.products.values()}
        number = 1
        while f"{sku}-{number}" in taken:
            number += 1
        return f"{sku}-{number}"

    def _save_numbers(self, new: Row, data: Mapping[str, Any]) -> None:
        separator = self.settings["woocommerce_price_decimal_sep"]
        if new["type"] != "variable":
            for name in ("regular_price", "sale_price"):
                if name in data:
                    new[name] = decimal_text(data[name], separator)
        if new["sale_price"] and (
            not new["regular_price"] or _number(new["sale_price"]) > _number(new["regular_price"])
        ):
            new["sale_price"] = ""
        for name in ("date_on_sale_from", "date_on_sale_to"):
            if name in data or f"{name}_gmt" in data:
                text = data.get(f"{name}_gmt") or data.get(name)
                new[name] = str(text).replace("Z", "") if text else None
        if "weight" in data:
            new["weight"] = decimal_text(data["weight"], separator)
        if isinstance(data.get("dimensions"), Mapping):
            for name in ("length", "width", "height"):
                if name in data["dimensions"]:
                    new[name] = decimal_text(data["dimensions"][name], separator)
        if "manage_stock" in data:
            new["manage_stock"] = data["manage_stock"] != "parent" and _switch(data["manage_stock"])
            if not new["manage_stock"]:
                new["stock"] = None
        if "stock_quantity" in data and new["manage_stock"]:
            new["stock"] = whole_number(data["stock_quantity"])
        if new["manage_stock"]:
            new["stock"] = new["stock"] or 0
            new["stock_status"] = (
                "instock" if new["stock"] > 0 else "outofstock" if new["backorders"] == "no" else "onbackorder"
            )

    def _known_terms(self, taxonomy: str, wanted: Any) -> list[int]:
        ids = (
            [whole_number(one.get("id")) for one in wanted if isinstance(one, Mapping)]
            if isinstance(wanted, list)
            else []
        )
        known = [one for one in dict.fromkeys(ids) if one in self.terms[taxonomy]]
        return known or ([self.default_category] if taxonomy == "categories" else [])

    def _image(self, wanted: Mapping[str, Any], present: list[Row]) -> Row:
        number = whole_number(wanted.get("id"))
        if number:
            image = next((one for row in self.products.values() for one in row["images"] if one["id"] == number), None)
            image = image or next((one for one in present if one["id"] == number), None)
            if image is None:
                message = f"#{number} is an invalid image ID."
                raise Refusal(400, "woocommerce_product_invalid_image_id", message)
            image = dict(image)
        else:
            image = self._fetched(str(wanted.get("src", "")))
        return image | {name: str(wanted[name]) for name in ("name", "alt") if name in wanted}

    def _fetched(self, address: str) -> Row:
        """The shop downloads a picture and keeps its own copy, under its own address."""
        parts = urlsplit(address)
        name = parts.path.rpartition("/")[2]
        reason = ""
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.hostname.endswith(".invalid"):
            reason = "A valid URL was not provided."
        elif not name.lower().endswith(_IMAGE_ENDINGS):
            reason = "Not Found"
        if reason:
            message = f"Error getting remote image {address}. Error: {reason}"
            raise Refusal(400, "woocommerce_product_image_upload_error", message)
        stem, dot, ending = name.rpartition(".")
        taken = {one["src"] for row in self.products.values() for one in row["images"]}
        place, number = f"{_UPLOADS}/{self.now():%Y/%m}", 0
        source = f"{place}/{name}"
        while source in taken:
            number += 1
            source = f"{place}/{stem}-{number}{dot}{ending}"
        return {"id": self.next_id("media"), "src": source, "name": stem, "alt": ""}

    def _save_meta(self, new: Row, data: Mapping[str, Any]) -> None:
        for entry in data.get("meta_data") or []:
            present = [one for one in new["meta"] if one["id"] == entry.get("id") or one["key"] == entry.get("key")]
            if present:
                present[0]["value"] = copy.deepcopy(entry.get("value"))
            else:
                new["meta"].append(
                    {"id": self.next_id("meta"), "key": entry.get("key"), "value": copy.deepcopy(entry.get("value"))}
                )

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
        row = copy.deepcopy(_BLANK)
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
        term = {"id": self.next_id("term"), "name": stored, "slug": slug(name) or "n-a", "parent": parent}
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
        row = {
            "id": self.next_id("post"),
            "status": _WORDINGS[order["status"]],
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
            "completed": _read(order["shipped_at"]) if order["shipped_at"] else None,
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


_BLANK: Row = {
    "id": 0,
    "type": "simple",
    "parent": 0,
    "name": "",
    "slug": "",
    "status": "publish",
    "description": "",
    "short_description": "",
    "sku": "",
    "gtin": "",
    "regular_price": "",
    "sale_price": "",
    "date_on_sale_from": None,
    "date_on_sale_to": None,
    "manage_stock": False,
    "stock": None,
    "stock_status": "instock",
    "backorders": "no",
    "weight": "",
    "length": "",
    "width": "",
    "height": "",
    "categories": [],
    "brands": [],
    "tags": [],
    "images": [],
    "attributes": [],
    "meta": [],
    "featured": False,
    "catalog_visibility": "visible",
    "virtual": False,
    "downloadable": False,
    "sold_individually": False,
    "reviews_allowed": True,
    "tax_status": "taxable",
    "tax_class": "",
    "external_url": "",
    "button_text": "",
    "shipping_class": "",
    "post_password": "",
    "purchase_note": "",
    "menu_order": 0,
    "download_limit": -1,
    "download_expiry": -1,
}


def _kept(row: Row, url: str) -> Row:
    present = next((one for one in row["images"] if one["src"] == url), None)
    return {"id": present["id"]} if present else {"src": url}


def _switch(value: Any) -> bool:
    return value not in (False, 0, "0", "false", "", None, "no")


def _number(text: str) -> Decimal:
    digits = text.replace("-", "", 1) if text.startswith("-") else text
    return (Decimal(-1) if text.startswith("-") else Decimal(1)) * Decimal(digits.replace("-", "") or "0")


def _shifted(text: str, places: int) -> str:
    return f"{Decimal(text).scaleb(places).normalize():f}" if text else ""


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _iso(moment: object) -> str:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"{type(moment).__name__} is no JSON value")
