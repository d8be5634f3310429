"""Guessing what a column means from its name, for tables that no known system wrote.

A guess is a help, not a decision: each is reported with its reason, what is not understood stays in the raw payload,
and a mapping of the merchant's own goes before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl
from babel.numbers import list_currencies

from connectors.files.forms import UNITS, unit_of

__all__ = ["Guess", "guess"]

_PRODUCT = {
    "record_key": "record_key uniq_id unique_id id product_id item_id article_id object_id offer_id listing_id asin handle",
    "parent_key": "parent_key parent parent_id parent_sku item_group_id",
    "sku": "sku seller_sku merchant_sku stock_keeping_unit article_number item_number artikelnummer article_no item_no reference",
    "gtin": "gtin ean ean13 upc barcode bar_code isbn gtin13 gtin14 ean_code upc_code code",
    "mpn": "mpn model_no model_number part_number manufacturer_part_number modelno model",
    "title": "title name product_name product_title item_name item_title titel bezeichnung nom designation nombre titulo",
    "description": "description desc long_description product_description body beschreibung descripcion about_product",
    "brand": "brand brands brand_name manufacturer vendor make maker marke hersteller marque marca",
    "category": "category category_path category_name categories product_category category_tree kategorie categorie main_category "
    "product_type department",
    "condition": "condition item_condition zustand etat",
    "price": "price retail_price regular_price list_price unit_price selling_price msrp rrp mrp preis prix precio",
    "sale_price": "sale_price discounted_price special_price discount_price offer_price promo_price angebotspreis",
    "currency": "currency currency_code waehrung devise",
    "quantity": "quantity qty stock stock_quantity inventory inventory_quantity available_quantity number_available_in_stock bestand lager",
    "images": "images image image_url image_urls image_link image_src picture picture_url main_image photo bild bild_url",
    "weight_g": "weight shipping_weight ship_weight package_weight item_weight gewicht poids peso",
    "length_mm": "length package_length item_length laenge depth dim1",
    "width_mm": "width package_width item_width breite largeur dim2",
    "height_mm": "height package_height item_height hoehe hauteur dim3",
    "lead_time_days": "lead_time lead_time_to_ship handling_time leadtime lieferzeit",
    "language": "language lang locale sprache langue",
    "status": "status product_status state",
    "updated_at": "updated_at modified_at last_modified date_modified updated",
    "attributes.colour": "color colour farbe couleur",
    "attributes.size": "size groesse taille",
    "attributes.material": "material",
}
_ORDER = {
    "record_key": "record_key order_id order_number order_no order_key invoice_no invoice_number bestellnummer id",
    "ordered_at": "ordered_at order_date purchase_date created_at invoice_date date bestelldatum",
    "shipped_at": "shipped_at ship_date dispatch_date shipping_date versanddatum",
    "status": "status order_status state_of_order",
    "currency": "currency currency_code",
    "total": "total order_total total_price grand_total amount gesamtbetrag",
    "buyer_name": "buyer_name customer_name billing_name customer name kunde",
    "email": "email buyer_email customer_email e_mail mail",
    "phone": "phone buyer_phone customer_phone telephone phone_number telefon",
    "ship_name": "ship_name recipient recipient_name ship_to_name shipping_name",
    "ship_street": "ship_street street address address1 address_line1 ship_address shipping_address strasse",
    "ship_city": "ship_city city town shipping_city ort stadt",
    "ship_region": "ship_region state province shipping_state region bundesland",
    "ship_postal_code": "ship_postal_code postal_code postcode zip zip_code shipping_zip plz",
    "ship_country": "ship_country country country_code shipping_country land",
    "updated_at": "updated_at modified_at last_modified",
    "line.line_key": "line_key line_id row_id order_item_id line_number",
    "line.sku": "sku product_id seller_sku item_sku article_number stock_code",
    "line.quantity": "quantity qty quantity_purchased units menge",
    "line.unit_price": "unit_price item_price price",
}
_STOCK = {
    "record_key": "record_key stock_id inventory_item_id id",
    "parent_key": "parent_key product_id item_id",
    "sku": "sku seller_sku article_number item_number artikelnummer",
    "location": "location warehouse location_id location_name lager store",
    "quantity": "quantity qty stock available on_hand available_quantity inventory bestand",
    "updated_at": "updated_at modified_at last_modified",
}
_NAMES: Mapping[str, Mapping[str, str]] = {"product": _PRODUCT, "order": _ORDER, "stock": _STOCK}
_ENTITIES = {"product", "item", "article", "offer", "variant"}
_CURRENCIES = {code.lower() for code in list_currencies()}
_GTIN = r"^\d{8,14}$"
_WHOLE = r"^\s*-?\d+\s*$"


@dataclass(frozen=True)
class Guess:
    """A column, the field that it seems to hold, and why; ``refused`` says why it was not taken after all."""

    column: str
    field: str
    unit: str = ""
    currency: str = ""
    reason: str = ""
    refused: str = ""


def guess(cells: pl.DataFrame, kind: str, *, taken: Iterable[str] = ()) -> list[Guess]:
    """The most likely column for each field, best name first; fields in `taken` are left alone.

    Parameters
    ----------
    cells : polars.DataFrame
        Text cells of the first rows; values are evidence where a name can mean two things.
    kind : str
        ``product``, ``order`` or ``stock``.
    taken : iterable of str
        Fields that are already known.
    """
    done = set(taken)
    used: set[str] = set()
    found: list[Guess] = []
    forms = {column: _readings(column) for column in cells.columns}
    for field, text in _NAMES[kind].items():
        if field in done:
            continue
        names = [name.replace("_", "") for name in text.split()]
        ranked = sorted(
            (names.index(key), order, column, unit, currency)
            for order, column in enumerate(cells.columns)
            for key, unit, currency in forms[column]
            if key in names and column not in used
        )
        for _, _, column, unit, currency in ranked:
            made = _judged(cells[column], column, field, unit, currency)
            found.append(made)
            if not made.refused:
                used.add(column)
                break
    return [g for g in found if not (g.refused and g.column in used)]


def _readings(column: str) -> list[tuple[str, str, str]]:
    """Ways to read a column name: (key without blanks, unit, currency), the plainest first."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", column)
    words = [
        w for w in re.split(r"[\W_]+", spaced.lower().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")) if w
    ]
    if not words:
        return []
    readings = [("".join(words), "", "")]
    last = words[-1]
    if len(words) > 1 and last in UNITS:
        readings.append(("".join(words[:-1]), last, ""))
    if len(words) > 1 and last in _CURRENCIES:
        readings.append(("".join(words[:-1]), "", last.upper()))
    if len(words) > 1 and words[0] in _ENTITIES:
        rest = words[1:]
        readings += [("".join(rest), "", "")]
        if len(rest) > 1 and last in UNITS:
            readings.append(("".join(rest[:-1]), last, ""))
        if len(rest) > 1 and last in _CURRENCIES:
            readings.append(("".join(rest[:-1]), "", last.upper()))
    return readings


def _judged(cells: pl.Series, column: str, field: str, unit: str, currency: str) -> Guess:
    values = cells.filter(cells != "").head(2_000)
    reason = (
        f"by its name{f', {unit} by its ending' if unit else ''}{f', {currency} by its ending' if currency else ''}"
    )
    refused = ""
    home = unit_of(field)
    if unit and (not home or UNITS[unit][0] != home):
        refused = f"{unit} is no unit of {field}"
    elif currency and field not in ("price", "sale_price", "total", "line.unit_price"):
        refused = f"{currency} is no part of {field}"
    elif column.lower() == "code" and _share(values, _GTIN) < 0.6:
        refused = "fewer than 60 % of its values have 8 to 14 digits"
    elif field == "quantity" and column.lower() in ("quantity", "qty") and len(values) and _share(values, _WHOLE) < 0.5:
        refused = "fewer than half of its values are whole numbers"
    return Guess(column, field, unit, currency, reason, refused)


def _share(values: pl.Series, pattern: str) -> float:
    return float(values.str.contains(pattern).mean() or 0.0) if len(values) else 0.0  # type: ignore[arg-type]
