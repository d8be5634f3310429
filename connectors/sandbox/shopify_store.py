"""The database of a Shopify shop: products, variants, stock items and levels, orders, files.

Source: fact sheet and schema of version 2026-10 (read 2026-11-23); what is not documented is said to be so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from connectors.sandbox import vocabulary
from connectors.sandbox.catalogue import Catalogue, slug
from connectors.sandbox.defects import TRUTH
from connectors.sandbox.server import State

__all__ = ["CDN", "IMPOSSIBLE", "Row", "Store", "gid", "number", "taxonomy"]

Row = dict[str, Any]

IMPOSSIBLE = frozenset(
    {
        "price-one-decimal",
        "sale-price-above-price",
        "images-http",
        "email-trailing-space",
        "country-name",
        "country-lower-case",
    }
)
"""Defects that a Shopify shop cannot hold: money has two decimals, the lower of its two prices is the one that is paid,
pictures live on its own https servers, countries are an enumeration, e-mail addresses hold no blanks."""

CDN = "https://images.example.com/s/files"
_STATUSES = {"active": "ACTIVE", "draft": "DRAFT", "archived": "ARCHIVED"}
_WORDINGS = {
    "paid": ("PAID", "UNFULFILLED"),
    "fulfilled": ("PAID", "FULFILLED"),
    "pending": ("PENDING", "UNFULFILLED"),
    "cancelled": ("VOIDED", "UNFULFILLED"),
}
_ORDER_FIELDS = {
    "ship_street": "address1",
    "ship_city": "city",
    "ship_region": "provinceCode",
    "ship_postal_code": "zip",
    "ship_country": "countryCode",
}
_FIRST = {
    "Fulfillment": 5_200_000_000_001,
    "Product": 8_100_000_000_001,
    "ProductVariant": 44_100_000_000_001,
    "InventoryItem": 46_100_000_000_001,
    "MediaImage": 30_100_000_000_001,
    "Order": 5_100_000_000_001,
    "LineItem": 13_100_000_000_001,
    "MailingAddress": 17_100_000_000_001,
    "Customer": 7_100_000_000_001,
    "InventoryAdjustmentGroup": 1,
    "Job": 1,
}


def gid(kind: str, number: int | str) -> str:
    """Shopify's global identifier."""
    return f"gid://shopify/{kind}/{number}"


def number(text: str, kind: str) -> int:
    """The number inside a global identifier of that kind; 0 where the text is none."""
    head, _, tail = text.partition("?")[0].rpartition("/")
    return int(tail) if head == f"gid://shopify/{kind}" and tail.isdigit() else 0


def taxonomy() -> dict[str, str]:
    """Identifier of every category that the demo catalogue touches, ancestors included, to its full name."""
    found: dict[str, str] = {}
    for kind in vocabulary.KINDS:
        levels, parts = kind.category.split(" > "), kind.taxonomy.split("-")
        for depth in range(1, len(levels) + 1):
            found["-".join(parts[:depth])] = " > ".join(levels[:depth])
    return found


class Store(State):
    """Everything the shop holds.

    Parameters
    ----------
    clock : callable
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.products: dict[int, Row] = {}
        self.variants: dict[int, Row] = {}
        self.media: dict[int, Row] = {}
        self.orders: dict[int, Row] = {}
        self.locations: dict[int, Row] = {
            61_000_000_001: {
                "id": 61_000_000_001,
                "name": "Lager Leipzig",
                "city": "Leipzig",
                "zip": "04109",
                "country": "DE",
            },
            61_000_000_002: {
                "id": 61_000_000_002,
                "name": "Entrepôt Lyon",
                "city": "Lyon",
                "zip": "69002",
                "country": "FR",
            },
        }
        self.taxonomy = taxonomy()
        self._next = dict(_FIRST)
        self._truth: list[Row] = []

    # ---- what a test or a demo does -------------------------------------------------------------------------

    def add(self, catalogue: Catalogue, *, at: datetime | None = None) -> None:
        """Let a delivery arrive; see `State.add`. None takes the shop's present time."""
        self.load(catalogue, at=at or self.now())

    def load(self, catalogue: Catalogue, *, at: datetime | None = None) -> None:
        """Put a catalogue into the shop, changed at its own times unless `at` is given."""
        possible = catalogue.without(IMPOSSIBLE)
        keys: dict[str, str] = {}
        with self.lock:
            for product in possible.products:
                self._load_product(product, at, keys)
            by_sku = {row["sku"]: row for row in self.variants.values() if row["sku"]}
            for order in possible.orders:
                keys[order["key"]] = self._load_order(order, by_sku, at)
            self._truth += [row | {"record": keys[row["record"]]} for row in possible.truth.iter_rows(named=True)]

    def truth(self) -> pl.DataFrame:
        """The faults in the shop; ``record`` is the variant's identifier where a product has one variant only."""
        return pl.DataFrame(self._truth, schema=TRUTH, orient="row")

    def dump(self) -> Row:
        """Everything stored as plain JSON values."""
        with self.lock:
            content = {"products": self.products, "variants": self.variants, "media": self.media, "orders": self.orders}
            return json.loads(json.dumps(content, default=_plain, sort_keys=True))

    def edit(self, record_key: str, field: str, value: str) -> None:
        """A change in the shop's admin pages; see `State.edit`. A product is also found by its only variant's key."""
        with self.lock:
            variant = self.variants.get(number(record_key, "ProductVariant"))
            product = self.products.get(variant["product"] if variant else number(record_key, "Product"))
            order = self.orders.get(number(record_key, "Order"))
            if order:
                self._edit_order(order, field, value)
                self._later(order)
            elif product:
                variant = variant or self.variants[product["variants"][0]]
                self._edit_product(product, variant, field, value)
                self._later(variant)
                self._later(product)
            else:
                raise KeyError(f"The shop has no record {record_key!r}")

    def _later(self, row: Row) -> None:
        row["updated"] = max(self.now(), row["updated"] + timedelta(seconds=1))

    # ---- saving ----------------------------------------------------------------------------------------------

    def next_id(self, kind: str) -> int:
        """The next free number of a kind."""
        value = self._next[kind]
        self._next[kind] += 1
        return value

    def touch(self, product: Row, variants: Iterable[Row] = ()) -> None:
        """Note that a product (and variants of it) changed now."""
        for row in (product, *variants):
            row["updated"] = self.now()

    def upload(self, address: str, alt: str) -> Row:
        """A file that the shop fetches and keeps under its own address; ready a moment later."""
        media: Row = {"id": self.next_id("MediaImage"), "url": "", "alt": alt, "status": "UPLOADED", "source": address}
        media |= {"created": self.now(), "updated": self.now()}
        self.media[media["id"]] = media
        return media

    def settle(self) -> None:
        """Finish the uploads that are under way."""
        for media in self.media.values():
            if media["status"] in ("UPLOADED", "PROCESSING"):
                name = media["source"].partition("?")[0].rpartition("/")[2] or f"{media['id']}.jpg"
                media["url"] = f"{CDN}/{name}?v={int(media['updated'].timestamp())}"
                media["status"] = "READY"

    # ---- from the neutral catalogue --------------------------------------------------------------------------

    def _load_product(self, product: Row, at: datetime | None, keys: dict[str, str]) -> None:
        created = _read(product["created_at"]) if at is None else at
        updated = _read(product["updated_at"]) if at is None else at
        row: Row = {
            "id": self.next_id("Product"),
            "title": product["title"],
            "handle": f"{slug(product['title'])[:60]}-{product['key'].lower()}",
            "descriptionHtml": product["description"],
            "vendor": product["brand"],
            "productType": product["category"].rpartition(" > ")[2],
            "category": product["taxonomy"] if product["category"] else None,
            "tags": sorted({product["language"], *product["attributes"].values()}),
            "status": _STATUSES[product["status"]],
            "seo": {"title": None, "description": None},
            "media": [],
            "options": list(product["variants"][0]["options"]) if product["variants"] else ["Title"],
            "variants": [],
            "created": created,
            "updated": updated,
        }
        for url in product["images"]:
            media = {"id": self.next_id("MediaImage"), "url": url, "alt": "", "status": "READY", "source": url}
            self.media[media["id"]] = media | {"created": created, "updated": created}
            row["media"].append(media["id"])
        self.products[row["id"]] = row
        for one in product["variants"] or [product]:
            variant = self._loaded_variant(one, row, created, updated)
            keys[one["key"]] = gid("ProductVariant", variant["id"])
        if product["variants"]:
            keys[product["key"]] = gid("Product", row["id"])

    def _loaded_variant(self, item: Row, product: Row, created: datetime, updated: datetime) -> Row:
        sale, price = item["sale_price"], item["price"]
        quantity = int(item["quantity"] or 0)
        here, there = self.locations
        variant: Row = {
            "id": self.next_id("ProductVariant"),
            "item": self.next_id("InventoryItem"),
            "product": product["id"],
            "position": len(product["variants"]) + 1,
            "sku": item["sku"],
            "barcode": item["gtin"] or None,
            "price": _money(sale or price),
            "compareAtPrice": _money(price) if sale else None,
            "options": item.get("options") or {"Title": "Default Title"},
            "weight": _weight(item["weight_g"]),
            "tracked": True,
            "requiresShipping": True,
            "taxable": True,
            "policy": "DENY",
            "cost": None,
            "origin": None,
            "harmonizedSystemCode": None,
            "levels": {here: quantity - quantity // 3, there: quantity // 3},
            "created": created,
            "updated": updated,
        }
        self.variants[variant["id"]] = variant
        product["variants"].append(variant["id"])
        return variant

    def _load_order(self, order: Row, by_sku: Mapping[str, Row], at: datetime | None) -> str:
        first, _, last = order["buyer_name"].partition(" ")
        ship_first, _, ship_last = order["ship_name"].partition(" ")
        paid, sent = _WORDINGS[order["status"]]
        placed = _read(order["ordered_at"]) if at is None else at
        address = {
            "address1": order["ship_street"],
            "address2": None,
            "city": order["ship_city"],
            "company": None,
            "provinceCode": order["ship_region"] or None,
            "zip": order["ship_postal_code"],
            "countryCode": order["ship_country"],
            "phone": order["phone"],
        }
        shipping = {"id": self.next_id("MailingAddress"), "firstName": ship_first, "lastName": ship_last, **address}
        billing = {"id": self.next_id("MailingAddress"), "firstName": first, "lastName": last, **address}
        row: Row = {
            "id": self.next_id("Order"),
            "number": int(order["key"]),
            "email": order["email"],
            "phone": order["phone"],
            "note": None,
            "poNumber": None,
            "tags": [],
            "attributes": [],
            "currency": order["currency"],
            "total": order["total"],
            "shipping": order["shipping"],
            "paid": paid,
            "sent": sent,
            "shippingAddress": shipping,
            "billingAddress": billing,
            "customer": {"id": self.next_id("Customer"), "firstName": first, "lastName": last},
            "lines": [self._line(line, by_sku) for line in order["lines"]],
            "created": placed,
            "updated": _read(order["updated_at"]) if at is None else at,
            "fulfilled": (_read(order["shipped_at"]) if at is None else at) if order["shipped_at"] else None,
            "cancelled": placed + timedelta(hours=3) if order["status"] == "cancelled" else None,
        }
        row["parcels"] = []
        if row["fulfilled"]:
            whole = {str(line["id"]): line["quantity"] for line in row["lines"]}
            row["parcels"].append(self.parcel(row["fulfilled"], whole, "DHL", f"JD{row['number']:012d}", None))
        self.orders[row["id"]] = row
        return gid("Order", row["id"])

    def parcel(self, at: datetime, lines: Mapping[str, int], company: str, number: str, url: str | None) -> Row:
        """A parcel with so many of each line."""
        tracking = {"company": company, "number": number, "url": url}
        return {"id": self.next_id("Fulfillment"), "at": at, "lines": dict(lines), "tracking": tracking}

    def awaiting(self, step: str) -> list[str]:
        """Orders that are paid, alive and not sent; nothing waits for an acceptance."""
        rows = self.orders.values() if step == "shipment" else ()
        return [
            gid("Order", row["id"])
            for row in rows
            if row["paid"] == "PAID" and row["sent"] != "FULFILLED" and not row["cancelled"]
        ]

    def parcels(self) -> list[tuple[str, str]]:
        """Those that were told of since the shop opened: the catalogue's own are older than their orders' last change."""
        return [
            (gid("Order", row["id"]), one["tracking"]["number"])
            for row in self.orders.values()
            for one in row["parcels"]
            if not one["tracking"]["number"].startswith("JD0")
        ]

    def _line(self, line: Row, by_sku: Mapping[str, Row]) -> Row:
        variant = by_sku.get(line["sku"])
        product = self.products[variant["product"]] if variant else None
        return {
            "id": self.next_id("LineItem"),
            "variant": variant["id"] if variant else None,
            "title": product["title"] if product else line["sku"],
            "vendor": product["vendor"] if product else None,
            "sku": line["sku"],
            "quantity": int(line["quantity"]),
            "price": line["unit_price"],
        }

    # ---- foreign edits ---------------------------------------------------------------------------------------

    def _edit_product(self, product: Row, variant: Row, field: str, value: str) -> None:
        simple = {"title": "title", "description": "descriptionHtml", "brand": "vendor"}
        if field in simple:
            product[simple[field]] = value
        elif field == "category":
            product["category"] = next((one for one, name in self.taxonomy.items() if name == value), None)
        elif field == "status":
            product["status"] = _STATUSES[value]
        elif field == "images":
            kept = {self.media[one]["url"]: one for one in product["media"]}
            product["media"] = [kept[url] if url in kept else self.upload(url, "")["id"] for url in json.loads(value)]
            self.settle()
        elif field == "price":
            variant["compareAtPrice" if variant["compareAtPrice"] else "price"] = _money(value)
        elif field == "sale_price":
            regular = variant["compareAtPrice"] or variant["price"]
            variant["price"], variant["compareAtPrice"] = (_money(value), regular) if value else (regular, None)
        elif field == "sku":
            variant["sku"] = value
        elif field == "gtin":
            variant["barcode"] = value or None
        elif field == "weight_g":
            variant["weight"] = _weight(value)
        elif field == "quantity":
            first, *others = variant["levels"]
            variant["levels"][first] = int(value) - sum(variant["levels"][one] for one in others)
        else:
            known = (
                *simple,
                "category",
                "status",
                "images",
                "price",
                "sale_price",
                "sku",
                "gtin",
                "weight_g",
                "quantity",
            )
            raise KeyError(f"A product of the shop has no field {field!r}; it has {', '.join(sorted(known))}")

    def _edit_order(self, order: Row, field: str, value: str) -> None:
        address = order["shippingAddress"]
        if field == "email":
            order["email"] = value
        elif field == "phone":
            order["phone"] = address["phone"] = value
        elif field in _ORDER_FIELDS:
            address[_ORDER_FIELDS[field]] = value
        elif field == "ship_name":
            address["firstName"], _, address["lastName"] = value.partition(" ")
        else:
            known = ("email", "phone", "ship_name", *_ORDER_FIELDS)
            raise KeyError(f"An order of the shop has no field {field!r}; it has {', '.join(sorted(known))}")


def _money(text: str | Decimal) -> str:
    return f"{Decimal(text):.2f}"


def _weight(grams: str) -> Row | None:
    if not grams:
        return None
    value = Decimal(grams)
    if value >= 1000 or value == 0:
        return {"unit": "KILOGRAMS", "value": float(value / 1000)}
    return {"unit": "GRAMS", "value": float(value)}


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"{type(value).__name__} is no JSON value")
