"""What the Etsy twin stores, and how it shows it: listings with their inventories, receipts, the tree of categories."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.sandbox import vocabulary
from connectors.sandbox.shelf import Document, Shelf, moment_of

__all__ = ["CURRENCY", "STATES", "Shop", "money"]

CURRENCY = "EUR"
STATES = ("active", "inactive", "sold_out", "draft", "expired")
_PROPERTIES = {"Colour": 200, "Size": 100, "Shoe size": 55571649, "Capacity": 513}
_STATUS = {"paid": "paid", "fulfilled": "completed", "pending": "payment processing", "cancelled": "canceled"}
_SIZES = ("item_length", "item_width", "item_height")
_TEXTS = {"title": "title", "description": "description", "status": "state"}


class Shop(Shelf):
    """One shop. A listing has one weight, so the variants of a product are listed by their weights."""

    impossible = frozenset(
        {
            # Etsy has no such field, or a picture of its own and a price in whole cents.
            "brand-blank",
            "brand-placeholder",
            "gtin-lost-zero",
            "gtin-wrong-digit",
            "sale-price-above-price",
            "images-http",
            "price-one-decimal",
            "phone-as-typed",
            # What Etsy refuses when it is saved.
            "title-mojibake",
            "title-entities",
            "title-too-long",
            "description-missing",
            "description-junk",
            "images-missing",
            "category-missing",
            "weight-zero",
            "email-double-dot",
            "email-trailing-space",
            "country-name",
            "country-lower-case",
        }
    )

    def __init__(self, clock: Callable[[], datetime], shop_id: int) -> None:
        super().__init__(clock)
        self.shop_id = shop_id
        self.writes: dict[str, int] = {}
        """How often an inventory was written: numbers of products and offerings follow from it."""
        self.nodes: dict[str, Document] = {}
        for kind in vocabulary.KINDS:
            self._node(kind.category)

    # ---- what arrives ----------------------------------------------------------------------------------------------

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        """Listings for a product, one for each weight."""
        keys: dict[str, str] = {}
        by_weight: dict[str, list[Document]] = {}
        for item in product["variants"]:
            by_weight.setdefault(item["weight_g"], []).append(item)
        for items in by_weight.values():
            names = [one for one in items[0]["options"] if len({item["options"][one] for item in items}) > 1]
            common = [value for name, value in items[0]["options"].items() if name not in names]
            keys |= self._list(product, items, names, " ".join([product["title"], *common]), at)
        return keys or self._list(product, [product], [], product["title"], at)

    def _list(
        self, product: Document, items: list[Document], names: list[str], title: str, at: datetime | None
    ) -> dict[str, str]:
        number = self.next_number("listing", 1_200_000_001)
        weight, is_heavy = items[0]["weight_g"], number % 2
        changed = at or moment_of(product["updated_at"])
        addresses = [re.sub(r"^http:", "https:", one) for one in product["images"]]
        while len(addresses) < 2:
            addresses.append(f"https://images.example.com/{product['key'].lower()}-detail-{len(addresses)}.jpg")
        document = {
            "listing_id": number,
            "title": title,
            "description": re.sub(r"\s*<[^>]*>\s*", " ", product["description"]).strip(),
            "state": "active" if product["status"] == "active" else "draft",
            "taxonomy_id": self._node(product["category"])["id"] if product["category"] else None,
            "tags": ["handmade", product["key"].partition("-")[0].lower()],
            "materials": [re.sub(r"[^\w\s]", " ", product["attributes"].get("Material") or "wood")],
            "who_made": "i_did",
            "when_made": "2020_2026",
            "is_supply": False,
            "listing_type": "physical",
            "item_weight": None if not weight else float(Decimal(weight) / (1000 if is_heavy else 1)),
            "item_weight_unit": None if not weight else "kg" if is_heavy else "g",
            **{name: float(product[f"{name.removeprefix('item_')}_mm"]) for name in _SIZES},
            "item_dimensions_unit": "mm",
            "language": product["language"],
            "shipping_profile_id": 801,
            "return_policy_id": 901,
            "shop_section_id": 31,
            "should_auto_renew": True,
            "images": [{"listing_image_id": self.next_number("image", 5_000_001), "url": one} for one in addresses],
            "inventory": {
                "products": [_product(item, names) for item in items],
                **{f"{name}_on_property": [_PROPERTIES[one] for one in names] for name in ("price", "quantity", "sku")},
                "readiness_state_on_property": [],
            },
            "created": moment_of(product["created_at"]),
            "changed": changed,
        }
        self.products[str(number)] = document
        return {
            item["key"]: self.key_of(document, one)
            for item, one in zip(items, document["inventory"]["products"], strict=True)
        }

    def put_order(self, order: Document, at: datetime | None) -> str:
        """A receipt."""
        number = self.next_number("receipt", 3_000_000_001)
        shipped = moment_of(order["shipped_at"]) if order["shipped_at"] else None
        self.orders[str(number)] = {
            "receipt_id": number,
            "status": _STATUS[order["status"]],
            "is_paid": order["status"] in ("paid", "fulfilled"),
            "is_shipped": shipped is not None,
            "name": order["ship_name"],
            "first_line": order["ship_street"],
            "second_line": None,
            "city": order["ship_city"],
            "state": order["ship_region"] or None,
            "zip": order["ship_postal_code"],
            "country_iso": order["ship_country"],
            "buyer_email": order["email"],
            "total": order["total"],
            "shipping": order["shipping"],
            "created": at or moment_of(order["ordered_at"]),
            "changed": at or moment_of(order["updated_at"]),
            "shipments": [{"tracking_code": f"00340434{number:012d}", "carrier_name": "dhl", "told": shipped}]
            if shipped
            else [],
            "lines": [
                {
                    "transaction_id": self.next_number("transaction", 4_000_000_001),
                    "sku": line["sku"],
                    "quantity": int(line["quantity"]),
                    "price": line["unit_price"],
                }
                for line in order["lines"]
            ],
        }
        return str(number)

    def change(self, record_key: str, field: str, value: str) -> None:
        """A change in the shop's own pages."""
        number, _, _ = record_key.partition("/")
        row = self.products.get(number)
        product = (
            next((p for p in row["inventory"]["products"] if self.key_of(row, p) == record_key), None) if row else None
        )
        if row is None or (product is None and record_key != number):
            raise KeyError(f"There is no record {record_key!r}")
        product = product or row["inventory"]["products"][0]
        if field in _TEXTS:
            row[_TEXTS[field]] = value
        elif field == "sku":
            product["sku"] = value
        elif field == "quantity":
            product["quantity"] = int(value)
        elif field == "price":
            product["amount"] = int(Decimal(value) * 100)
        elif field == "weight_g":
            row |= {"item_weight": float(value), "item_weight_unit": "g"}
        elif field == "category":
            row["taxonomy_id"] = self._node(value)["id"] if value else None
        elif field == "images":
            known = {one["url"]: one for one in row["images"]}
            row["images"] = [
                known.get(one) or {"listing_image_id": self.next_number("image"), "url": one}
                for one in json.loads(value)
            ]
        else:
            raise KeyError(f"A listing has no field {field!r}")
        row["changed"] = self.later(row["changed"])

    def awaiting(self, step: str) -> list[str]:
        """Receipts that are paid and have not left."""
        if step != "shipment":
            return []
        return [key for key, row in self.orders.items() if row["is_paid"] and not row["is_shipped"]]

    def parcels(self) -> list[tuple[str, str]]:
        """Parcels that were told of by a call."""
        told = [(key, one) for key, row in self.orders.items() for one in row["shipments"] if one.get("by_call")]
        return [(key, one["tracking_code"]) for key, one in told]

    # ---- what is shown ---------------------------------------------------------------------------------------------

    def key_of(self, listing: Document, product: Document) -> str:
        """The record key of a product."""
        values = ";".join(sorted(f"{one['property_id']}={','.join(one['values'])}" for one in product["values"]))
        return f"{listing['listing_id']}/{values}" if values else str(listing["listing_id"])

    def listing(self, row: Document, includes: set[str], *, profiles: bool) -> Document:
        """A listing with what was asked for beside it."""
        products = row["inventory"]["products"]
        hidden = ("images", "inventory", "created", "changed")
        created, changed = int(row["created"].timestamp()), int(row["changed"].timestamp())
        shown = {name: value for name, value in row.items() if name not in hidden}
        shown |= {
            "user_id": 12345678,
            "shop_id": self.shop_id,
            "creation_timestamp": created,
            "created_timestamp": created,
            "original_creation_timestamp": created,
            "ending_timestamp": created + 120 * 86_400,
            "last_modified_timestamp": changed,
            "updated_timestamp": changed,
            "state_timestamp": created,
            "quantity": sum(one["quantity"] for one in products if one["is_enabled"]),
            "price": money(min(one["amount"] for one in products)),
            "skus": [one["sku"] for one in products],
            "has_variations": len(products) > 1,
            "processing_min": 1,
            "processing_max": 3,
            "url": f"https://www.etsy.com/listing/{row['listing_id']}",
            "is_taxable": True,
            "style": [],
        }
        if profiles:
            shown["readiness_state_id"] = products[0]["readiness_state_id"] if row["state"] == "active" else None
        if "Images" in includes:
            shown["images"] = [self.image(row, one, rank) for rank, one in enumerate(row["images"], 1)]
        if "Inventory" in includes:
            shown["inventory"] = self.inventory(row, profiles=profiles)
        return shown

    def image(self, row: Document, image: Document, rank: int) -> Document:
        """A picture of a listing."""
        return {
            "listing_id": row["listing_id"],
            "listing_image_id": image["listing_image_id"],
            "rank": rank,
            "url_fullxfull": image["url"],
            "url_75x75": image["url"],
            "full_width": 2000,
            "full_height": 1600,
            "alt_text": None,
        }

    def inventory(self, row: Document, *, profiles: bool) -> Document:
        """The tree of a listing's products; every write gives all of them new numbers."""
        number, writes = str(row["listing_id"]), self.writes.get(str(row["listing_id"]), 0)
        shown = []
        for place, one in enumerate(row["inventory"]["products"], 1):
            offering = {
                "offering_id": _number(number, writes, place, "offering"),
                "quantity": one["quantity"],
                "is_enabled": one["is_enabled"],
                "is_deleted": False,
                "price": money(one["amount"]),
            }
            values = [
                {
                    "property_id": value["property_id"],
                    "property_name": value["property_name"],
                    "scale_id": value["scale_id"],
                    "scale_name": None,
                    "value_ids": [_number(number, writes, 0, text) for text in value["values"]],
                    "values": value["values"],
                    "value_pairs": [],
                }
                for value in one["values"]
            ]
            shown.append(
                {
                    "product_id": _number(number, writes, place, "product"),
                    "sku": one["sku"],
                    "is_deleted": False,
                    "offerings": [offering | ({"readiness_state_id": one["readiness_state_id"]} if profiles else {})],
                    "property_values": values,
                }
            )
        return {"products": shown} | {name: row["inventory"][name] for name in row["inventory"] if name != "products"}

    def receipt(self, row: Document, *, address: bool = True) -> Document:
        """A receipt with its transactions."""
        created, changed = int(row["created"].timestamp()), int(row["changed"].timestamp())
        place = ("first_line", "second_line", "city", "state", "zip", "country_iso")
        goods = sum((Decimal(line["price"]) * line["quantity"] for line in row["lines"]), Decimal(0))
        return {
            "receipt_id": row["receipt_id"],
            "receipt_type": 0,
            "seller_user_id": 12345678,
            "seller_email": None,
            "buyer_user_id": 87654321,
            "buyer_email": row["buyer_email"] if address else None,
            "name": row["name"],
            **{name: row[name] if address else None for name in place},
            "formatted_address": None,
            "status": row["status"],
            "payment_method": "cc",
            "is_paid": row["is_paid"],
            "is_shipped": row["is_shipped"],
            "create_timestamp": created,
            "created_timestamp": created,
            "update_timestamp": changed,
            "updated_timestamp": changed,
            "grandtotal": money(_cents(row["total"])),
            "total_price": money(_cents(goods)),
            "subtotal": money(_cents(goods)),
            "total_shipping_cost": money(_cents(row["shipping"])),
            "total_tax_cost": money(0),
            "total_vat_cost": money(0),
            "discount_amt": money(0),
            "gift_wrap_price": money(0),
            "shipments": [
                {
                    "receipt_shipping_id": row["receipt_id"] + place_,
                    "shipment_notification_timestamp": int(one["told"].timestamp()),
                    "carrier_name": one["carrier_name"],
                    "tracking_code": one["tracking_code"],
                }
                for place_, one in enumerate(row["shipments"], 1)
            ],
            "transactions": [self._transaction(row, line) for line in row["lines"]],
            "refunds": [],
        }

    def _transaction(self, row: Document, line: Document) -> Document:
        created = int(row["created"].timestamp())
        return {
            "transaction_id": line["transaction_id"],
            "receipt_id": row["receipt_id"],
            "seller_user_id": 12345678,
            "buyer_user_id": 87654321,
            "create_timestamp": created,
            "created_timestamp": created,
            "paid_timestamp": created if row["is_paid"] else None,
            "shipped_timestamp": None,
            "quantity": line["quantity"],
            "transaction_type": "listing",
            "is_digital": False,
            "sku": line["sku"],
            "price": money(_cents(line["price"])),
            "shipping_cost": money(0),
            "variations": [],
            "product_data": [],
        }

    # ---- categories ------------------------------------------------------------------------------------------------

    def _node(self, path: str) -> Document:
        if path not in self.nodes:
            above, _, name = path.rpartition(" > ")
            parent = self._node(above) if above else None
            number = len(self.nodes) + 1
            self.nodes[path] = {
                "id": number,
                "level": parent["level"] + 1 if parent else 0,
                "name": name,
                "parent_id": parent["id"] if parent else None,
                "children": [],
                "full_path_taxonomy_ids": [*(parent["full_path_taxonomy_ids"] if parent else []), number],
            }
            if parent:
                parent["children"].append(self.nodes[path])
        return self.nodes[path]

    def roots(self) -> list[Document]:
        """The tree of categories."""
        return [node for node in self.nodes.values() if node["parent_id"] is None]

    def later_than(self, row: Document) -> datetime:
        """The time of a change to a document."""
        return max(self.now(), row["changed"] + timedelta(seconds=1))


def money(cents: int) -> Document:
    """An amount as Etsy shows it."""
    return {"amount": cents, "divisor": 100, "currency_code": CURRENCY}


def _cents(amount: Any) -> int:
    return int(Decimal(str(amount)) * 100)


def _product(item: Document, names: list[str]) -> Document:
    return {
        "sku": item["sku"],
        "amount": _cents(item["price"]),
        "quantity": int(item["quantity"] or 0),
        "is_enabled": True,
        "readiness_state_id": 701,
        "values": [
            {
                "property_id": _PROPERTIES[name],
                "property_name": name,
                "scale_id": None,
                "values": [item["options"][name]],
            }
            for name in names
        ],
    }


def _number(*parts: Any) -> int:
    return int(hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:10], 16) + 1
