"""What the OpenCart twin stores: products with their texts in two languages, manufacturers, orders with their histories."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.sandbox.shelf import Document, Shelf, moment_of

__all__ = ["STATUSES", "Shop", "escaped"]

STATUSES = {"paid": "2", "fulfilled": "3", "pending": "1", "cancelled": "7"}
_NAMES = {"1": "Pending", "2": "Processing", "3": "Shipped", "5": "Complete", "7": "Canceled"}
_ORDER_FIELDS = {
    "email": "email",
    "phone": "telephone",
    "ship_street": "shipping_address_1",
    "ship_city": "shipping_city",
    "ship_postal_code": "shipping_postcode",
}


class Shop(Shelf):
    """The tables of a shop. Texts are stored HTML-escaped, amounts with four places, times in UTC (shown as local ones)."""

    impossible = frozenset(
        {
            "category-missing",  # the extension shows no categories
            "price-one-decimal",  # the column has four places
            "country-name",  # countries are chosen from a list
            "country-lower-case",
        }
    )
    offset = timedelta(hours=2)

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """A product for each item: options of a product have no SKU of their own."""
        keys = {}
        for item in product["variants"] or [product]:
            key = str(self.next_number("product", 28))
            name = " ".join([product["title"], *item.get("options", {}).values()])
            self.products[key] = {
                "product_id": key,
                "model": item["key"],
                "sku": item["sku"],
                "upc": item["gtin"] if len(item["gtin"]) == 12 else "",
                "ean": item["gtin"] if len(item["gtin"]) != 12 else "",
                "jan": "",
                "isbn": "",
                "mpn": item["mpn"],
                "quantity": str(int(item["quantity"] or 0)),
                "price": f"{Decimal(item['price']):.4f}",
                "special": f"{Decimal(item['sale_price']):.4f}" if item["sale_price"] else "",
                "tax_class_id": "9",
                "weight": f"{Decimal(item['weight_g'] or 0) / 1000:.8f}",
                "weight_class_id": "1",
                "length": f"{Decimal(product['length_mm']) / 10:.8f}",
                "width": f"{Decimal(product['width_mm']) / 10:.8f}",
                "height": f"{Decimal(product['height_mm']) / 10:.8f}",
                "length_class_id": "1",
                "manufacturer_id": self._manufacturer(product["brand"]),
                "status": "1" if product["status"] == "active" else "0",
                "images": list(product["images"]),
                "product_description": [
                    {
                        "language_id": "1",
                        "name": escaped(name),
                        "description": escaped(product["description"]),
                        "meta_title": escaped(name),
                    },
                    {"language_id": "2", "name": f"DE {key}", "description": "", "meta_title": f"DE {key}"},
                ],
                "date_modified": at or moment_of(product["updated_at"]),
            }
            keys[item["key"]] = key
        if not product["variants"]:
            keys[product["key"]] = key
        return keys

    def put_order(self, order: Document, at: datetime | None) -> str:
        """An order with its lines."""
        key = str(self.next_number("order", 101))
        first, _, last = order["buyer_name"].partition(" ")
        ship_first, _, ship_last = order["ship_name"].partition(" ")
        placed = at or moment_of(order["ordered_at"])
        self.orders[key] = {
            "order_id": key,
            "order_status_id": STATUSES[order["status"]],
            "firstname": first,
            "lastname": last,
            "email": order["email"],
            "telephone": order["phone"],
            "shipping_firstname": ship_first,
            "shipping_lastname": ship_last,
            "shipping_address_1": escaped(order["ship_street"]),
            "shipping_city": escaped(order["ship_city"]),
            "shipping_zone": escaped(order["ship_region"]),
            "shipping_postcode": order["ship_postal_code"],
            "shipping_country": order["ship_country"],
            "shipping_iso_code_2": order["ship_country"],
            "currency_code": order["currency"],
            "currency_value": "1.00000000",
            "total": f"{Decimal(order['total']):.4f}",
            "products": [
                {
                    "order_product_id": str(self.next_number("line", 1)),
                    "name": line["sku"],
                    "model": line["sku"],
                    "sku": line["sku"],
                    "quantity": line["quantity"],
                    "price": f"{Decimal(line['unit_price']):.4f}",
                }
                for line in order["lines"]
            ],
            "histories": [],
            "tracking": "",
            "date_added": placed,
            "date_modified": at or moment_of(order["updated_at"]),
        }
        return key

    def change(self, record_key: str, field: str, value: str) -> None:
        """An edit in the shop's admin pages."""
        row, order = self.products.get(record_key), self.orders.get(record_key)
        if row is not None:
            self._change_product(row, field, value)
        elif order is not None and field in _ORDER_FIELDS:
            order[_ORDER_FIELDS[field]] = escaped(value)
        elif order is not None:
            raise KeyError(f"An order has no field {field!r}")
        else:
            raise KeyError(f"There is no record {record_key!r}")
        changed = row or order
        assert changed is not None
        changed["date_modified"] = self.later(changed["date_modified"])

    def _change_product(self, row: Document, field: str, value: str) -> None:
        texts = {"title": "name", "description": "description"}
        if field in texts:
            row["product_description"][0][texts[field]] = escaped(value)
        elif field == "price":
            row["price"] = f"{Decimal(value):.4f}"
        elif field in ("quantity", "sku", "mpn"):
            row[field] = value
        elif field == "gtin":
            row |= {"upc": "", "ean": value}
        elif field == "weight_g":
            row["weight"] = f"{Decimal(value) / 1000:.8f}"
        elif field in ("length_mm", "width_mm", "height_mm"):
            row[field.removesuffix("_mm")] = f"{Decimal(value) / 10:.8f}"
        elif field == "brand":
            row["manufacturer_id"] = self._manufacturer(value)
        elif field == "status":
            row["status"] = "1" if value == "active" else "0"
        elif field == "images":
            row["images"] = json.loads(value)
        else:
            raise KeyError(f"A product has no field {field!r}")

    def shown(self, fault: Document) -> Document | None:
        """A weight that is missing is 0 to the column."""
        return fault | {"dirty": "0"} if fault["defect"] == "weight-missing" else fault

    def shown_product(self, row: Document) -> Document:
        """A product as the extension gives it."""
        makers = self.collections["manufacturers"]
        return {
            **{name: value for name, value in row.items() if name not in ("images", "special", "date_modified")},
            "id": row["product_id"],
            "manufacturer": makers.get(row["manufacturer_id"], {}).get("name", ""),
            "price_exclude_tax": row["price"],
            "special": {"price": row["special"]} if row["special"] else [],
            "image": row["images"][0] if row["images"] else "",
            "images": row["images"][1:],
            "original_image": row["images"][0] if row["images"] else "",
            "original_images": row["images"],
            "date_modified": self._local(row["date_modified"]),
        }

    def shown_order(self, row: Document, *, whole: bool = False) -> Document:
        """An order as the extension gives it: histories only when it is asked for alone."""
        hidden = () if whole else ("histories",)
        return {
            **{name: value for name, value in row.items() if name not in hidden},
            "order_status": _NAMES.get(row["order_status_id"], ""),
            "date_added": self._local(row["date_added"]),
            "date_modified": self._local(row["date_modified"]),
        }

    def add_history(self, key: str, line: Document) -> None:
        """Add a line, and take over its status unchecked: 0 where there is none."""
        row = self.orders[key]
        now = self.later(row["date_modified"])
        status = str(line.get("order_status_id", "0"))
        comment = str(line.get("comment", ""))
        row["histories"].append({"order_status_id": status, "comment": comment, "date_added": self._local(now)})
        row |= {"order_status_id": status, "date_modified": now}

    def awaiting(self, step: str) -> list[str]:
        """Orders that are paid and not shipped; nothing waits for an acceptance."""
        return [key for key, row in self.orders.items() if step == "shipment" and row["order_status_id"] == "2"]

    def parcels(self) -> list[tuple[str, str]]:
        """A parcel for each history line that speaks of one."""
        return [
            (key, row["tracking"])
            for key, row in self.orders.items()
            for line in row["histories"]
            if row["tracking"] and row["tracking"] in line["comment"]
        ]

    def from_local(self, text: str) -> datetime:
        """The instant of a local time."""
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) - self.offset

    def _local(self, moment: datetime) -> str:
        return (moment.astimezone(UTC) + self.offset).strftime("%Y-%m-%d %H:%M:%S")

    def _manufacturer(self, name: str) -> str:
        makers = self.collections.setdefault("manufacturers", {})
        if not name:
            return "0"
        for key, one in makers.items():
            if one["name"] == escaped(name):
                return key
        key = str(self.next_number("manufacturer", 5))
        makers[key] = {"manufacturer_id": key, "name": escaped(name), "sort_order": "0"}
        return key


def escaped(value: Any) -> str:
    """A text as OpenCart cleans it (PHP's ENT_COMPAT): an apostrophe stays."""
    return html.escape(str(value), quote=False).replace('"', "&quot;")
