"""Recognised tables as data: which column of which export says which canonical field, and in what form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from connectors.files.forms import UNITS
from connectors.record import FIELDS

__all__ = ["ANY_UNIT", "LAYOUTS", "Column", "Layout", "key_of", "recognise", "unit_in"]

ANY_UNIT = "(unit)"
"""Unit of a column that names its unit in brackets: ``Weight (kg)``."""


@dataclass(frozen=True)
class Column:
    """One column of a layout.

    Parameters
    ----------
    source : str
        Name in the file; compared without case, blanks and punctuation.
    field : str
        Canonical field, or ``attributes.<name>``. A name in angle brackets (``<type>``) is for the layout's own shape.
    form : str
        Name in `connectors.files.forms.FORMS`.
    unit : str
        Unit of the numbers, or `ANY_UNIT`.
    """

    source: str
    field: str
    form: str = "text"
    unit: str = ""


@dataclass(frozen=True)
class Layout:
    """A table that some system writes in the same way for everybody.

    Parameters
    ----------
    name, title : str
        For settings, and for people.
    source : str
        Where its columns are documented, and the date that was read.
    kind : str
        Kind of record; empty where it fits every kind.
    signatures : tuple of frozenset of str
        The layout is recognised when all names of one of them are there (as `key_of` gives them).
    columns : tuple of Column
        Two columns of one field: the first that is not empty counts (lists: one after the other).
    shape : {"flat", "handles", "types"}
        How rows become records: one each; rows of one product repeat its handle; a column tells parents and variants.
    pairs : tuple of (str, str)
        Regular expressions of column keys that hold the name and the value of an attribute; ``#`` is a number.
    """

    name: str
    title: str
    source: str
    kind: str
    signatures: tuple[frozenset[str], ...]
    columns: tuple[Column, ...]
    shape: str = "flat"
    pairs: tuple[tuple[str, str], ...] = ()


def key_of(name: str) -> str:
    """A column name without case, blanks and punctuation, and without the prefix ``g:`` of feeds."""
    return re.sub(r"[\W_]+", "", re.sub(r"^g:", "", name.strip().casefold()))


def unit_in(name: str) -> tuple[str, str]:
    """Key of the name without the unit in brackets behind it, and that unit; empty where there is none."""
    found = re.fullmatch(r"(.*\S)\s*\((\w+)\)\s*", name)
    if found and found.group(2).lower() in UNITS:
        return key_of(found.group(1)), found.group(2).lower()
    return key_of(name), ""


def recognise(columns: Iterable[str], *, kind: str = "product") -> Layout | None:
    """The layout that a table with these columns has, None where it is no known one."""
    names = list(columns)
    keys = {key_of(name) for name in names} | {unit_in(name)[0] for name in names}
    for layout in LAYOUTS.values():
        if layout.kind == kind and any(signature <= keys for signature in layout.signatures):
            return layout
    ours = {f.name for f in FIELDS[kind]} | ({f.name for f in FIELDS["order_line"]} if kind == "order" else set())
    given = {name for name in names if name not in ("raw", "") and not name.startswith("attributes.")}
    if given and given <= ours or {"record_key"} < given & ours:
        return LAYOUTS["canonical"]
    return None


def _keys(*names: str) -> frozenset[str]:
    return frozenset(key_of(name) for name in names)


def _columns(*rows: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


_SHOPIFY = Layout(
    name="shopify",
    title="Shopify product export",
    source="https://help.shopify.com/en/manual/products/import-export/using-csv (product CSV columns, older and current names), read 2026-11-23",
    kind="product",
    shape="handles",
    signatures=(
        _keys("Handle", "Title", "Variant Price"),
        _keys("Handle", "Title", "Body (HTML)"),
        _keys("Handle", "Title", "Option1 Value"),
        _keys("Handle", "Title", "Vendor"),
        _keys("URL handle", "Title"),
    ),
    columns=_columns(
        ("Handle", "<handle>"),
        ("URL handle", "<handle>"),
        ("Title", "title"),
        ("Body (HTML)", "description"),
        ("Description", "description"),
        ("Vendor", "brand"),
        ("Product Category", "category"),
        ("Google Shopping / Google Product Category", "category"),
        ("Type", "attributes.product_type"),
        ("Type", "category"),
        ("Tags", "attributes.tags"),
        ("Status", "status"),
        ("Published", "status", "published"),
        ("Published on online store", "status", "published"),
        ("Variant SKU", "sku"),
        ("SKU", "sku"),
        ("Variant Barcode", "gtin"),
        ("Barcode", "gtin"),
        ("Google Shopping / MPN", "mpn"),
        ("Google Shopping / Manufacturer part number (MPN)", "mpn"),
        ("Google Shopping / Condition", "condition"),
        ("Variant Price", "<price>"),
        ("Price", "<price>"),
        ("Variant Compare At Price", "<compare>"),
        ("Compare-at price", "<compare>"),
        ("Variant Inventory Qty", "quantity"),
        ("Inventory quantity", "quantity"),
        ("Variant Grams", "weight_g"),
        ("Weight value (grams)", "weight_g"),
        ("Image Src", "images", "images"),
        ("Product image URL", "images", "images"),
        ("Variant Image", "<variant_image>"),
        ("Variant image URL", "<variant_image>"),
        ("Google Shopping / Gender", "attributes.gender"),
        ("Google Shopping / Age Group", "attributes.age_group"),
        ("Variant Inventory Policy", "attributes.inventory_policy"),
        ("Gift Card", "attributes.gift_card"),
    ),
    pairs=(("option#name", "option#value"),),
)

_WOOCOMMERCE = Layout(
    name="woocommerce",
    title="WooCommerce product export",
    source="WooCommerce core, class WC_Product_CSV_Exporter and its importer (column names, escapes), read 2026-11-23",
    kind="product",
    shape="types",
    signatures=(
        _keys("Type", "SKU", "Name", "Regular price"),
        _keys("ID", "Type", "Name", "Published"),
        _keys("Type", "SKU", "Name", "Published"),
        _keys("ID", "SKU", "Name", "Regular price", "Categories"),
    ),
    columns=_columns(
        ("ID", "record_key"),
        ("Type", "<type>"),
        ("Parent", "<parent>"),
        ("SKU", "sku", "guarded"),
        ("GTIN, UPC, EAN, or ISBN", "gtin", "guarded"),
        ("Name", "title", "guarded"),
        ("Published", "status", "published_number"),
        ("Description", "description", "lines"),
        ("Short description", "attributes.short_description", "lines"),
        ("Regular price", "price", "guarded"),
        ("Sale price", "sale_price", "guarded"),
        ("Categories", "category", "first_path"),
        ("Categories", "attributes.categories"),
        ("Tags", "attributes.tags"),
        ("Brands", "brand", "guarded"),
        ("Images", "images", "images"),
        ("Stock", "quantity", "guarded"),
        ("In stock?", "attributes.in_stock"),
        ("Backorders allowed?", "attributes.backorders"),
        ("Tax status", "attributes.tax_status"),
        ("Tax class", "attributes.tax_class"),
        ("Shipping class", "attributes.shipping_class"),
        ("Visibility in catalog", "attributes.visibility"),
        ("Weight", "weight_g", "measure", ANY_UNIT),
        ("Length", "length_mm", "measure", ANY_UNIT),
        ("Width", "width_mm", "measure", ANY_UNIT),
        ("Height", "height_mm", "measure", ANY_UNIT),
    ),
    pairs=(("attribute#name", "attribute#values"),),
)

_GOOGLE = Layout(
    name="google_merchant",
    title="Google Merchant feed",
    source="https://support.google.com/merchants/answer/7052112 (product data specification), read 2026-11-23",
    kind="product",
    signatures=(
        _keys("id", "title", "link", "image_link"),
        _keys("id", "title", "price", "availability"),
        _keys("id", "title", "image_link", "price"),
        _keys("id", "title", "google_product_category"),
    ),
    columns=_columns(
        ("id", "record_key"),
        ("id", "sku"),
        ("item_group_id", "parent_key"),
        ("title", "title"),
        ("description", "description"),
        ("brand", "brand"),
        ("gtin", "gtin"),
        ("mpn", "mpn"),
        ("google_product_category", "category"),
        ("product_type", "category"),
        ("product_type", "attributes.product_type"),
        ("condition", "condition"),
        ("price", "price", "amount"),
        ("sale_price", "sale_price", "amount"),
        ("price", "currency", "amount_currency"),
        ("sale_price", "currency", "amount_currency"),
        ("image_link", "images", "images"),
        ("additional_image_link", "images", "images"),
        ("quantity", "quantity"),
        ("sell_on_google_quantity", "quantity"),
        ("shipping_weight", "weight_g", "measure"),
        ("product_weight", "weight_g", "measure"),
        ("shipping_length", "length_mm", "measure"),
        ("shipping_width", "width_mm", "measure"),
        ("shipping_height", "height_mm", "measure"),
        ("product_length", "length_mm", "measure"),
        ("product_width", "width_mm", "measure"),
        ("product_height", "height_mm", "measure"),
        ("max_handling_time", "lead_time_days"),
        ("content_language", "language"),
        *(
            (name, f"attributes.{name}")
            for name in [
                "link",
                "availability",
                "color",
                "size",
                "gender",
                "age_group",
                "material",
                "pattern",
                "size_type",
                "size_system",
                "multipack",
                "is_bundle",
                "adult",
                "identifier_exists",
                "shipping",
                "tax",
                "energy_efficiency_class",
                "custom_label_0",
                "custom_label_1",
                "custom_label_2",
                "custom_label_3",
                "custom_label_4",
            ]
        ),
    ),
)

_CANONICAL = Layout(
    name="canonical",
    title="Channelmend's own column names",
    source="connectors/record.py",
    kind="",
    signatures=(),
    columns=(),
)

LAYOUTS: dict[str, Layout] = {one.name: one for one in (_SHOPIFY, _WOOCOMMERCE, _GOOGLE, _CANONICAL)}
"""Known layouts by name, in the order in which they are tried."""
