"""What the twin of Magento stores: products with options, categories and sources, orders with addresses, shipments.

Written from the fact sheet and Adobe's description of 2.4.9. A product's custom attributes are kept as a map and shown as
a list; times are UTC without a zone when they are shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from connectors.sandbox.catalogue import slug
from connectors.sandbox.shelf import Document, Shelf, moment_of

__all__ = ["SELECTS", "TEXTS", "Shop", "plain", "shown_product"]

TEXTS = frozenset(
    [
        "description",
        "short_description",
        "meta_title",
        "meta_description",
        "url_key",
        "gtin",
        "mpn",
        "special_price",
        "special_from_date",
        "special_to_date",
    ]
)
"""Attributes that hold text, numbers or dates. A shop drops what it has no attribute for."""

SELECTS = frozenset(["manufacturer", "material", "version", "colour", "size", "shoe_size", "capacity"])
"""Attributes whose values are numbers of options."""

_STATUS = {
    "pending": ("new", "pending"),
    "paid": ("processing", "processing"),
    "fulfilled": ("complete", "complete"),
    "cancelled": ("canceled", "canceled"),
}
_ADDRESS_FIELDS = {
    "phone": "telephone",
    "ship_city": "city",
    "ship_region": "region",
    "ship_postal_code": "postcode",
    "ship_country": "country_id",
}


class Shop(Shelf):
    """One shop with one source. SKUs are the keys of products, as in every route."""

    # One setting of the shop decides between http and https for all pictures, a price is a number without notation, and a
    # country is a column of two letters.
    impossible = frozenset({"images-http", "price-one-decimal", "country-name"})

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.collections |= {"stock": {}, "options": {}, "categories": {}, "shipments": {}}
        self.category("Default Category", parent=None)

    # ---- what the catalogue becomes --------------------------------------------------------------------------------

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """A product, or its variants and the configurable product above them."""
        if not product["variants"]:
            self._put(product, product, product["attributes"], at, visibility=4)
            return {product["key"]: product["sku"]}
        children = [
            self._put(
                product | {"title": f"{product['title']}-{'-'.join(one['options'].values())}"}, one, one["options"], at
            )
            for one in product["variants"]
        ]
        parent = self._put(product, product | {"sku": product["key"]}, product["attributes"], at, visibility=4)
        parent["type_id"] = "configurable"
        parent["extension_attributes"]["configurable_product_links"] = [one["id"] for one in children]
        self.collections["stock"].pop(f"default/{product['key']}")
        return {one["key"]: one["sku"] for one in product["variants"]} | {product["key"]: product["key"]}

    def _put(
        self, product: Document, item: Document, named: Document, at: datetime | None, *, visibility: int = 1
    ) -> Document:
        customs = {
            "description": product["description"],
            "url_key": slug(f"{product['title']} {item['sku']}"),
            "gtin": item["gtin"],
            "mpn": item["mpn"],
            "manufacturer": self.option("manufacturer", product["brand"]),
            "tax_class_id": "2",
        } | {
            slug(name).replace("-", "_"): self.option(slug(name).replace("-", "_"), value)
            for name, value in named.items()
        }
        customs |= {"special_price": f"{float(item['sale_price']):.6f}"} if item["sale_price"] else {}
        changed = at or moment_of(product["updated_at"])
        number = self.next_number("product", 11)
        row: Document = {
            "id": number,
            "sku": item["sku"],
            "name": product["title"],
            "attribute_set_id": 4,
            "price": float(item["price"] or 0),
            "status": 1 if product["status"] == "active" else 2,
            "visibility": visibility,
            "type_id": "simple",
            "created_at": moment_of(product["created_at"]),
            "updated_at": changed,
            "extension_attributes": {"website_ids": [1], "category_links": self._links(product["category"])},
            "product_links": [],
            "options": [],
            "media_gallery_entries": [
                {
                    "id": self.next_number("picture"),
                    "media_type": "image",
                    "label": product["title"],
                    "position": place,
                    "disabled": False,
                    "types": ["image", "small_image", "thumbnail"] if place == 1 else [],
                    "file": f"/{address.rpartition('/')[2][0]}/{address.rpartition('/')[2][1]}/{address.rpartition('/')[2]}",
                }
                for place, address in enumerate(product["images"], 1)
            ],
            "tier_prices": [],
            "custom_attributes": {code: value for code, value in customs.items() if value},
        }
        if item["weight_g"]:
            row["weight"] = round(float(item["weight_g"]) / 1000, 6)
        self.products[item["sku"]] = row
        self.collections["stock"][f"default/{item['sku']}"] = {
            "sku": item["sku"],
            "source_code": "default",
            "quantity": int(item["quantity"] or 0),
            "status": 1,
            "source_item_id": number,
        }
        return row

    def put_order(self, order: Document, at: datetime | None) -> str:
        """An order with its address; one that is done has a shipment."""
        number = self.next_number("order", 1)
        state, status = _STATUS[order["status"]]
        changed, placed = at or moment_of(order["updated_at"]), moment_of(order["ordered_at"])
        first, _, last = order["buyer_name"].partition(" ")
        total = float(order["total"])
        self.orders[str(number)] = {
            "entity_id": number,
            "increment_id": f"{number:09d}",
            "created_at": at or placed,
            "updated_at": changed,
            "state": state,
            "status": status,
            "base_currency_code": order["currency"],
            "order_currency_code": order["currency"],
            "base_grand_total": total,
            "grand_total": total,
            "shipping_amount": float(order["shipping"]),
            "customer_email": order["email"],
            "customer_firstname": first,
            "customer_lastname": last,
            "customer_is_guest": 1,
            "items": [one for line in order["lines"] for one in self._lines(number, line, status)],
            "billing_address": self._address(number, "billing", order, order["buyer_name"]),
            "extension_attributes": {
                "shipping_assignments": [
                    {
                        "shipping": {
                            "address": self._address(number, "shipping", order, order["ship_name"]),
                            "method": "flatrate_flatrate",
                        },
                        "items": [],
                    }
                ]
            },
        }
        if status == "complete":
            self.ship(str(number), [], moment_of(order["shipped_at"]))
        return str(number)

    def _lines(self, order: int, line: Document, status: str) -> list[Document]:
        """A variant is two lines: the configurable product with the price, and the variant itself below it."""
        product = self.products.get(line["sku"], {"id": 0, "name": line["sku"]})
        is_variant = any(
            product["id"] in one["extension_attributes"].get("configurable_product_links", ())
            for one in self.products.values()
        )
        quantity, price = int(line["quantity"]), float(line["unit_price"])
        row: Document = {
            "item_id": self.next_number("line"),
            "order_id": order,
            "sku": line["sku"],
            "name": product["name"],
            "product_id": product["id"],
            "product_type": "configurable" if is_variant else "simple",
            "qty_ordered": quantity,
            "qty_shipped": quantity if status == "complete" else 0,
            "qty_canceled": quantity if status == "canceled" else 0,
            "qty_refunded": 0,
            "price": round(price / 1.2, 4),
            "price_incl_tax": price,
        }
        if not is_variant:
            return [row]
        below = {"item_id": self.next_number("line"), "parent_item_id": row["item_id"], "product_type": "simple"}
        return [row, row | below | {"price": 0, "price_incl_tax": 0}]

    def _address(self, order: int, kind: str, given: Document, name: str) -> Document:
        first, _, last = name.partition(" ")
        return {
            "entity_id": self.next_number("address", 1),
            "parent_id": order,
            "address_type": kind,
            "firstname": first,
            "lastname": last,
            "street": [given["ship_street"]],
            "city": given["ship_city"],
            "region": given["ship_region"],
            "postcode": given["ship_postal_code"],
            "country_id": given["ship_country"],
            "telephone": given["phone"],
            "email": given["email"],
        }

    # ---- parts that other tables hold ------------------------------------------------------------------------------

    def option(self, code: str, label: str) -> str:
        """The number of an option, made where there is none yet; nothing for no words."""
        if not label:
            return ""
        options = self.collections["options"].setdefault(code, {})
        known = next((number for number, one in options.items() if one == label), None)
        if known is None:
            known = str(self.next_number("option", 5))
            options[known] = label
        return known

    def category(self, name: str, parent: str | None) -> str:
        """The number of a category below another one, made where there is none yet; None: below the root of the catalogue."""
        rows = self.collections["categories"]
        known = next((key for key, one in rows.items() if (one["name"], one["parent"]) == (name, parent)), None)
        if known is None:
            known = str(self.next_number("category", 2))
            rows[known] = {"name": name, "parent": parent}
        return known

    def _links(self, path: str) -> list[Document]:
        if not path:
            return []
        at: str | None = self.category("Default Category", parent=None)
        for name in path.split(" > "):
            at = self.category(name, at)
        return [{"position": 0, "category_id": at}]

    def ship(self, order_key: str, tracks: list[Document], at: datetime) -> int:
        """The number of a new shipment of an order."""
        number = self.next_number("shipment", 1)
        self.collections["shipments"][str(number)] = {
            "entity_id": number,
            "order_id": int(order_key),
            "created_at": at,
            "items": [],
            "comments": [],
            "tracks": [
                {"entity_id": self.next_number("track"), "order_id": int(order_key), "parent_id": number}
                | {"weight": 0, "qty": 1, "description": ""}
                | one
                for one in tracks
            ],
        }
        return number

    # ---- what tests ask and do -------------------------------------------------------------------------------------

    def awaiting(self, step: str) -> list[str]:
        """Orders that are paid and not sent."""
        return [key for key, row in self.orders.items() if step == "shipment" and row["state"] == "processing"]

    def parcels(self) -> list[tuple[str, str]]:
        """Every track of every shipment."""
        rows = self.collections["shipments"].values()
        return [(str(row["order_id"]), track["track_number"]) for row in rows for track in row["tracks"]]

    def change(self, record_key: str, field: str, value: str) -> None:
        """A change in the shop's own pages; stock has no time of change."""
        if record_key in self.collections["stock"] and field == "quantity":
            self.collections["stock"][record_key]["quantity"] = int(value)
        elif record_key in self.products:
            self._change_product(self.products[record_key], field, value)
        elif record_key in self.orders:
            self._change_order(self.orders[record_key], field, value)
        else:
            raise KeyError(f"There is no record {record_key!r}")

    def _change_product(self, row: Document, field: str, value: str) -> None:
        customs = row["custom_attributes"]
        if field == "title":
            row["name"] = value
        elif field == "price":
            row["price"] = float(value)
        elif field == "status":
            row["status"] = 1 if value == "active" else 2
        elif field == "weight_g":
            row["weight"] = float(value) / 1000
        elif field == "category":
            row["extension_attributes"]["category_links"] = self._links(value)
        elif field == "brand":
            customs["manufacturer"] = self.option("manufacturer", value)
        elif field in ("description", "gtin", "mpn"):
            customs[field] = value
        elif field == "sale_price":
            customs["special_price"] = value
        elif field == "quantity":
            self.collections["stock"][f"default/{row['sku']}"]["quantity"] = int(value)
            return
        elif field == "images":
            names = [one.rpartition("/")[2] for one in json.loads(value)]
            row["media_gallery_entries"] = [
                {"id": self.next_number("picture"), "media_type": "image", "label": "", "position": place}
                | {"disabled": False, "types": [], "file": f"/n/e/{name}"}
                for place, name in enumerate(names, 1)
            ]
        else:
            raise KeyError(f"A product has no field {field!r}")
        row["updated_at"] = self.later(row["updated_at"])

    def _change_order(self, row: Document, field: str, value: str) -> None:
        address = row["extension_attributes"]["shipping_assignments"][0]["shipping"]["address"]
        if field == "email":
            row["customer_email"] = value
        elif field == "ship_name":
            address["firstname"], _, address["lastname"] = value.partition(" ")
        elif field == "ship_street":
            address["street"] = value.split("\n")
        elif field in _ADDRESS_FIELDS:
            address[_ADDRESS_FIELDS[field]] = value
        else:
            raise KeyError(f"An order has no field {field!r}")
        row["updated_at"] = self.later(row["updated_at"])


def plain(value: Any) -> Any:
    """A document with its times as Magento writes them."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def shown_product(row: Document, view: str) -> Document:
    """A product as it is shown in a store view, whose own values cover the global ones."""
    own = row.get("views", {}).get(view, {})
    shown = plain(
        {name: value for name, value in row.items() if name != "views"} | {k: v for k, v in own.items() if k == "name"}
    )
    customs = row["custom_attributes"] | own.get("custom_attributes", {})
    return shown | {
        "custom_attributes": [{"attribute_code": code, "value": one} for code, one in customs.items() if one]
    }
