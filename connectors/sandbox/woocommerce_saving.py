"""The tables of a WooCommerce shop and what saving a row of them does.

Saving keeps WooCommerce's habits: prices and weights are reduced to digits, a sale price above the regular one is
dropped, unknown categories become the default one, unknown brands are taken off, stock goes only where it is managed.
Source: fact sheet and recorded exchanges of WooCommerce 11.0.1 (2026-11-23).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from connectors.sandbox.catalogue import slug
from connectors.sandbox.server import State
from connectors.sandbox.woocommerce_check import Refusal
from connectors.sandbox.woocommerce_text import cleaned, decimal_text, global_unique_id, sanitised, whole_number

__all__ = ["BLANK", "WORDINGS", "Row", "Tables"]

Row = dict[str, Any]

WORDINGS = {"paid": "processing", "fulfilled": "completed", "pending": "on-hold", "cancelled": "cancelled"}
"""The catalogue's states of an order in the shop's words."""

_TAXONOMIES = ("categories", "brands", "tags")
_UPLOADS = "https://media.shop.example.com/wp-content/uploads"
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif")
_TEXTS = ("description", "short_description", "purchase_note")
_PLAIN = ("external_url", "button_text", "tax_class", "shipping_class", "post_password")
_WORDS = ("catalog_visibility", "tax_status", "backorders", "stock_status")
_SWITCHES = ("featured", "virtual", "downloadable", "sold_individually", "reviews_allowed")

BLANK: Row = {
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
"""A product as it is before anything is said about it."""


class Tables(State):
    """Posts, orders, terms and settings, and the saving of them.

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
        self.default_category = self.add_term("categories", "Uncategorized")["id"]

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
                *WORDINGS.values(),
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
            **BLANK,
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
        term: Row = {
            "id": self.next_id("term"),
            "name": name,
            "slug": slug(name.replace("&amp;", "")),
            "parent": parent,
        }
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


def _switch(value: Any) -> bool:
    return value not in (False, 0, "0", "false", "", None, "no")


def _number(text: str) -> Decimal:
    digits = text.replace("-", "", 1) if text.startswith("-") else text
    return (Decimal(-1) if text.startswith("-") else Decimal(1)) * Decimal(digits.replace("-", "") or "0")
