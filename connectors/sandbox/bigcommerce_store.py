"""What the twin of BigCommerce stores: products with variants, brands, category trees, stock at locations, orders.

Written from the fact sheet and BigCommerce's own description. A product without options keeps no variant of its own: its
base variant is made when it is shown. Stock is kept apart and put into products when they are shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from babel import Locale

from connectors.sandbox.catalogue import slug
from connectors.sandbox.shelf import Document, Shelf, moment_of

__all__ = ["STATUSES", "Shop", "address_of", "shown_order", "shown_variant"]

_NAMES = Locale("en").territories
STATUSES = {
    0: "Incomplete",
    1: "Pending",
    2: "Shipped",
    3: "Partially Shipped",
    5: "Cancelled",
    10: "Completed",
    11: "Awaiting Fulfillment",
}
_STATUS = {"pending": 1, "paid": 11, "fulfilled": 2, "cancelled": 5}
_ADDRESS = ("first_name", "last_name", "company", "street_1", "street_2", "city", "state", "zip", "country", "country_iso2", "phone", "email")  # fmt: skip
_TEXTS = {"title": "name", "description": "description", "mpn": "mpn", "sku": "sku", "gtin": "gtin"}
_NUMBERS = {"price": "price", "sale_price": "sale_price"}
_GRAMS = 1000
_MILLIMETRES = 10
_SIZES = {"length_mm": "depth", "width_mm": "width", "height_mm": "height"}
_ORDER_FIELDS = {
    "email": ("billing", "email"),
    "phone": ("billing", "phone"),
    "ship_city": ("shipping", "city"),
    "ship_region": ("shipping", "state"),
    "ship_postal_code": ("shipping", "zip"),
    "ship_street": ("shipping", "street_1"),
    "ship_country": ("shipping", "country_iso2"),
}


class Shop(Shelf):
    """One store that weighs in kilograms, measures in centimetres and has one location."""

    # Pictures are copied to the store's own address, a weight is part of every product, a price is a number without
    # notation, and the code of a country follows from its name.
    impossible = frozenset({"images-http", "weight-missing", "price-one-decimal", "country-name", "country-lower-case"})

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.collections |= {"brands": {}, "categories": {}, "stock": {}, "shipments": {}}
        self.late: dict[str, tuple[int, int]] = {}
        """Stock to the number that is still shown, and how often."""

    # ---- what the catalogue becomes --------------------------------------------------------------------------------

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """A product; its variants become variants of it, with the price of the first as its own."""
        number = self.next_number("product", 77)
        first = (product["variants"] or [product])[0]
        changed = at or moment_of(product["updated_at"])
        row: Document = {
            "id": number,
            "name": product["title"],
            "type": "physical",
            "sku": "" if product["variants"] else product["sku"],
            "description": product["description"],
            "weight": _kilograms(first["weight_g"]),
            "depth": float(product["length_mm"] or 0) / _MILLIMETRES,
            "width": float(product["width_mm"] or 0) / _MILLIMETRES,
            "height": float(product["height_mm"] or 0) / _MILLIMETRES,
            "price": float(first["price"] or 0),
            "sale_price": 0.0 if product["variants"] else float(product["sale_price"] or 0),
            "categories": self._path(product["category"]),
            "brand_id": self.brand(product["brand"]),
            "inventory_tracking": "variant" if product["variants"] else "product",
            "is_visible": product["status"] == "active",
            "availability": "available",
            "condition": product["condition"].title(),
            "upc": "",
            "gtin": "" if product["variants"] else product["gtin"],
            "mpn": "" if product["variants"] else product["mpn"],
            "page_title": "",
            "meta_description": "",
            "search_keywords": "",
            "warranty": "",
            "custom_url": {"url": f"/{slug(product['title'])}-{number}/", "is_customized": False},
            "custom_fields": [
                {"id": self.next_number("field"), "name": name, "value": value}
                for name, value in product["attributes"].items()
            ],
            "images": [
                self.picture(number, address, place, is_first=place == 0)
                for place, address in enumerate(product["images"])
            ],
            "date_created": moment_of(product["created_at"]),
            "date_modified": changed,
            **({} if product["variants"] else {"base_variant_id": self.next_number("variant", 60)}),
            "variants": [self._variant(number, product, one) for one in product["variants"]],
        }
        self.products[str(number)] = row
        if not product["variants"]:
            self.collections["stock"][f"1/{row['base_variant_id']}"] = {"quantity": int(product["quantity"] or 0)}
            return {product["key"]: str(number)}
        keys = {product["key"]: str(number)}
        for one, given in zip(row["variants"], product["variants"], strict=True):
            self.collections["stock"][f"1/{one['id']}"] = {"quantity": int(given["quantity"] or 0)}
            keys[given["key"]] = f"{number}/{one['id']}"
        return keys

    def _variant(self, product: int, above: Document, item: Document) -> Document:
        number = self.next_number("variant", 60)
        return {
            "id": number,
            "product_id": product,
            "sku": item["sku"],
            "sku_id": number + 1000,
            "price": float(item["price"] or 0),
            "sale_price": float(item["sale_price"]) if item["sale_price"] else None,
            "weight": _kilograms(item["weight_g"]),
            **{name: float(above[field] or 0) / _MILLIMETRES for field, name in _SIZES.items()},
            "upc": "",
            "gtin": item["gtin"],
            "mpn": item["mpn"],
            "option_values": [
                {"id": self.next_number("value"), "label": label, "option_id": 1, "option_display_name": name}
                for name, label in item["options"].items()
            ],
        }

    def picture(self, product: int, address: str, place: int, *, is_first: bool) -> Document:
        """A picture, copied to the store's own address."""
        number = self.next_number("picture", 300)
        name = address.rpartition("/")[2].partition("?")[0]
        base = f"https://cdn11.example.com/s-twin/products/{product}/images/{number}/{name}"
        return {
            "id": number,
            "product_id": product,
            "is_thumbnail": is_first,
            "sort_order": place,
            "description": "",
            "image_file": name,
            **{f"url_{size}": f"{base}?c={size}" for size in ("zoom", "standard", "thumbnail", "tiny")},
            "date_modified": self.now(),
        }

    def put_order(self, order: Document, at: datetime | None) -> str:
        """An order with one address that all of it goes to."""
        number = self.next_number("order", 100)
        status = _STATUS[order["status"]]
        lines = [self._line(number, one, order) for one in order["lines"]]
        self.orders[str(number)] = {
            "id": number,
            "status_id": status,
            "date_created": at or moment_of(order["ordered_at"]),
            "date_modified": at or moment_of(order["updated_at"]),
            "date_shipped": moment_of(order["shipped_at"]) if order["shipped_at"] else None,
            "currency_code": order["currency"],
            "total_inc_tax": f"{float(order['total']):.4f}",
            "shipping_cost_inc_tax": f"{float(order['shipping']):.4f}",
            "billing": self._address(order, order["buyer_name"], order["email"]),
            "shipping": self._address(order, order["ship_name"], order["email"])
            | {"id": self.next_number("address", 500), "order_id": number, "shipping_method": "Flat rate"},
            "lines": lines,
        }
        return str(number)

    def _line(self, order: int, line: Document, given: Document) -> Document:
        product, variant = self._sold(line["sku"])
        quantity, price = int(line["quantity"]), f"{float(line['unit_price']):.4f}"
        return {
            "id": self.next_number("line", 20),
            "order_id": order,
            "product_id": product,
            "variant_id": variant,
            "name": line["sku"],
            "sku": line["sku"],
            "type": "physical",
            "quantity": quantity,
            "quantity_shipped": quantity if given["status"] == "fulfilled" else 0,
            "base_price": price,
            "price_inc_tax": price,
            "price_ex_tax": f"{float(line['unit_price']) / 1.2:.4f}",
        }

    def _sold(self, sku: str) -> tuple[int, int]:
        for row in self.products.values():
            if row.get("base_variant_id") and row["sku"] == sku:
                return row["id"], row["base_variant_id"]
            for one in row["variants"]:
                if one["sku"] == sku:
                    return row["id"], one["id"]
        return 0, 0

    @staticmethod
    def _address(order: Document, name: str, email: str) -> Document:
        first, _, last = name.partition(" ")
        code = order["ship_country"]
        return dict.fromkeys(_ADDRESS, "") | {
            "first_name": first,
            "last_name": last,
            "street_1": order["ship_street"],
            "city": order["ship_city"],
            "state": order["ship_region"],
            "zip": order["ship_postal_code"],
            "country": _NAMES.get(code, code),
            "country_iso2": code,
            "phone": order["phone"],
            "email": email,
        }

    # ---- parts that other tables hold ------------------------------------------------------------------------------

    def brand(self, name: str) -> int:
        """The number of a brand, made where there is none yet; 0 for no name."""
        rows = self.collections["brands"]
        if not name:
            return 0
        known = next((int(key) for key, one in rows.items() if one["name"] == name), 0)
        if not known:
            known = self.next_number("brand", 30)
            rows[str(known)] = {"name": name}
        return known

    def _path(self, path: str) -> list[int]:
        rows, parent = self.collections["categories"], 0
        for name in path.split(" > ") if path else ():
            known = next(
                (int(key) for key, one in rows.items() if (one["name"], one["parent_id"]) == (name, parent)), 0
            )
            if not known:
                known = self.next_number("category", 18)
                rows[str(known)] = {"name": name, "parent_id": parent}
            parent = known
        return [parent] if parent else []

    def level(self, variant: int, *, late: bool = False) -> int:
        """Stock of a variant at the one location; a number that was just set shows a little later."""
        key = f"1/{variant}"
        old, times = self.late.pop(key, (0, 0)) if late else (0, 0)
        if times > 1:
            self.late[key] = (old, times - 1)
        return old if times else int(self.collections["stock"].get(key, {"quantity": 0})["quantity"])

    def taken_names(self, without: str) -> set[str]:
        """Names of all other products."""
        return {row["name"].lower() for key, row in self.products.items() if key != without}

    def taken_skus(self, without: str) -> set[str]:
        """SKUs of all other products and variants; a variant's key is ``product/variant``."""
        found = {key: row["sku"] for key, row in self.products.items()}
        found |= {f"{key}/{one['id']}": one["sku"] for key, row in self.products.items() for one in row["variants"]}
        return {sku for key, sku in found.items() if sku and key != without}

    # ---- what tests ask and do -------------------------------------------------------------------------------------

    def awaiting(self, step: str) -> list[str]:
        """Orders that are paid and not sent."""
        return [key for key, row in self.orders.items() if step == "shipment" and row["status_id"] == 11]

    def parcels(self) -> list[tuple[str, str]]:
        """Every shipment that the store was told of."""
        return [(str(row["order_id"]), row["tracking_number"]) for row in self.collections["shipments"].values()]

    def change(self, record_key: str, field: str, value: str) -> None:
        """A change in the store's own pages; a variant's change is one of its product."""
        product, _, variant = record_key.partition("/")
        if record_key in self.orders and field in (*_ORDER_FIELDS, "ship_name", "buyer_name"):
            self._change_order(self.orders[record_key], field, value)
        elif record_key in self.collections["stock"] and field == "quantity":
            self.collections["stock"][record_key]["quantity"] = int(value)
        elif product in self.products:
            row = self.products[product]
            item = next((one for one in row["variants"] if str(one["id"]) == variant), row)
            self._change_item(row, item, field, value)
        else:
            raise KeyError(f"There is no record {record_key!r}")

    def _change_item(self, row: Document, item: Document, field: str, value: str) -> None:
        if field in _TEXTS:
            item[_TEXTS[field]] = value
        elif field in _NUMBERS:
            item[_NUMBERS[field]] = float(value)
        elif field == "weight_g":
            item["weight"] = _kilograms(value)
        elif field in _SIZES:
            item[_SIZES[field]] = float(value) / _MILLIMETRES
        elif field == "brand":
            row["brand_id"] = self.brand(value)
        elif field == "category":
            row["categories"] = self._path(value)
        elif field == "status":
            row["is_visible"] = value == "active"
        elif field == "condition":
            row["condition"] = value.title()
        elif field == "quantity":
            self.collections["stock"][f"1/{item.get('base_variant_id') or item['id']}"]["quantity"] = int(value)
        elif field == "images":
            row["images"] = [
                self.picture(row["id"], one, place, is_first=place == 0) for place, one in enumerate(json.loads(value))
            ]
        else:
            raise KeyError(f"A product has no field {field!r}")
        row["date_modified"] = self.later(row["date_modified"])

    def _change_order(self, row: Document, field: str, value: str) -> None:
        if field in ("ship_name", "buyer_name"):
            address = row["shipping" if field == "ship_name" else "billing"]
            address["first_name"], _, address["last_name"] = value.partition(" ")
        else:
            where, name = _ORDER_FIELDS[field]
            row[where][name] = value
        row["date_modified"] = self.later(row["date_modified"])


def _kilograms(grams: str) -> float:
    return float(grams or 0) / _GRAMS


def address_of(body: Document) -> Document:
    """An address as it is stored: what is not sent is empty."""
    return {name: body.get(name) or "" for name in _ADDRESS}


def shown_variant(row: Document, variant: Document | None, level: int) -> Document:
    """A variant, or the base variant of a product without options."""
    if variant is not None:
        return variant | {
            "inventory_level": level,
            "calculated_price": variant["sale_price"] or variant["price"] or row["price"],
        }
    bare = dict.fromkeys(("price", "sale_price", "weight", "width", "height", "depth"))
    names = ("sku", "upc", "gtin", "mpn")
    return {
        "id": row["base_variant_id"],
        "product_id": row["id"],
        "sku_id": None,
        "option_values": [],
        "inventory_level": level,
        "calculated_price": row["sale_price"] or row["price"],
        **bare,
        **{name: row[name] for name in names},
    }


def shown_order(row: Document, base: str, *, whole: bool, lines: bool) -> Document:
    """An order as V2 shows it: money as text, times as RFC 2822, sub-resources as links unless they were asked for."""
    link = f"{base}/orders/{row['id']}"
    shown: dict[str, Any] = {
        name: row[name] for name in ("id", "status_id", "currency_code", "total_inc_tax", "shipping_cost_inc_tax")
    }
    shown |= {
        "status": STATUSES[row["status_id"]],
        "date_created": format_datetime(row["date_created"]),
        "date_modified": format_datetime(row["date_modified"]),
        "date_shipped": format_datetime(row["date_shipped"]) if row["date_shipped"] else "",
        "billing_address": row["billing"],
        "items_total": sum(one["quantity"] for one in row["lines"]),
        "items_shipped": sum(one["quantity_shipped"] for one in row["lines"]),
        "is_deleted": False,
        "products": {"url": f"{link}/products", "resource": f"/orders/{row['id']}/products"},
        "shipping_addresses": {
            "url": f"{link}/shipping_addresses",
            "resource": f"/orders/{row['id']}/shipping_addresses",
        },
    }
    if not whole:
        return shown
    address = {name: value for name, value in row["shipping"].items() if name != "order_id"}
    items = row["lines"] if lines else [{"url": f"{link}/products", "resource": f"/orders/{row['id']}/products"}]
    shipping = [address | {"line_items": items}]
    return shown | {
        "consignments": {"pickups": [], "shipping": shipping, "downloads": [], "email": {"gift_certificates": []}}
    }
