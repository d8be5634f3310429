"""Clean records of twelve vendors, from public product and address data: what is broken later is known to be right now.

Every cell comes from a public data set but these: SKU, e-mail address (first name, last name and a public mail provider, for there is no
set with real ones that may be used), image address, quantity, and the GTINs of data sets without any, which are made from the
digits of real ones with a check digit of their own (GS1 General Specifications, section 7.9).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import phonenumbers
import polars as pl

__all__ = ["ALIASES", "ATTRIBUTES", "VENDORS", "Row", "Vendor", "canonical_values", "catalogue"]

Row = dict[str, Any]

GRAMS_PER_POUND = 453.59237
MILLIMETRES_PER_INCH = 25.4

COUNTRIES = {
    "USA": "US",
    "Canada": "CA",
    "Great Britan": "GB",
    "Germany": "DE",
    "France": "FR",
    "Spain": "ES",
    "Switzerland": "CH",
    "Poland": "PL",
    "Japan": "JP",
    "Malaysia": "MY",
    "Thiland": "TH",
    "Brazil": "BR",
}
"""Country as the directory of stores spells it, to ISO 3166-1."""

ATTRIBUTES = (
    "Manufacturer",
    "Interface",
    "Capacity",
    "Generation",
    "Rotational Speed",
    "Color(s)",
    "Width",
    "Pack Quantity",
)
"""Attributes of WDC PAVE of which raw and normal value are both known and differ often."""

ALIASES = {"Hewlett-Packard": "HP", "Hewlett-Packard Proliant": "HP ProLiant"}
"""What the merchant calls normal after the drift, in place of what was normal before."""

_PROVIDERS = ("gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "aol.com")


@dataclass(frozen=True)
class Vendor:
    """One supplier of the merchant: what it sells, how it writes, and when it joins.

    Parameters
    ----------
    name : str
        Also the name of its connection.
    channel : str
    source : str
        Data set of its products.
    share : slice
        Its part of the shuffled data set.
    countries : tuple of str
        Of its customers.
    currency : str
    joins_at : float
        Share of the stream, 0..1, from which it delivers.
    habits : dict
        How it writes prices, dates and missing values, and what is odd but true of its records.
    """

    name: str
    channel: str
    source: str
    share: tuple[float, float]
    countries: tuple[str, ...]
    currency: str
    joins_at: float = 0.0
    habits: dict[str, str] = field(default_factory=dict)


VENDORS = (
    Vendor(
        "acorn",
        "woocommerce",
        "bestbuy",
        (0, 1),
        ("USA",),
        "USD",
        habits={"price": "thousands", "date": "m/d/Y", "empty": "", "odd": "capitals, domain"},
    ),
    Vendor(
        "birch",
        "woocommerce",
        "amazon_us",
        (0, 0.4),
        ("USA", "Canada"),
        "USD",
        habits={"price": "symbol", "date": "m/d/y", "empty": "N/A", "odd": "weightless, dispatch"},
    ),
    Vendor(
        "hazel",
        "shopify",
        "pave",
        (0, 0.4),
        ("USA", "Canada"),
        "USD",
        habits={"price": "thousands", "date": "m/d/Y", "empty": "", "odd": "backorder, dispatch"},
    ),
    Vendor(
        "cedar",
        "shopify",
        "flipkart",
        (0, 0.5),
        ("Great Britan",),
        "INR",
        habits={"price": "rupees", "date": "d/m/Y", "empty": "-", "odd": "no brand, domain"},
    ),
    Vendor(
        "dogwood",
        "woocommerce",
        "flipkart",
        (0.5, 1),
        ("Germany", "Switzerland", "Poland"),
        "EUR",
        habits={"price": "comma", "date": "d.m.Y", "empty": "", "odd": "capitals, domain"},
    ),
    Vendor(
        "elder",
        "shopify",
        "amazon_us",
        (0.4, 0.7),
        ("USA",),
        "USD",
        habits={"price": "whole", "date": "m/d/Y", "empty": "N/A", "odd": "backorder, weightless"},
    ),
    Vendor(
        "fir",
        "woocommerce",
        "toys",
        (0, 0.5),
        ("Great Britan",),
        "GBP",
        habits={"price": "symbol", "date": "d/m/y", "empty": "", "odd": "capitals"},
    ),
    Vendor(
        "ginkgo",
        "woocommerce",
        "toys",
        (0.5, 1),
        ("France", "Spain"),
        "EUR",
        habits={"price": "comma", "date": "d/m/Y", "empty": "-", "odd": "backorder"},
    ),
    Vendor(
        "ivy",
        "woocommerce",
        "food",
        (0, 1),
        ("France", "Germany"),
        "EUR",
        habits={"price": "comma", "date": "d.m.Y", "empty": "N/A", "odd": "no brand, dispatch"},
    ),
    Vendor(
        "juniper",
        "woocommerce",
        "amazon_us",
        (0.7, 1),
        ("Japan", "Malaysia", "Thiland"),
        "USD",
        habits={"price": "thousands", "date": "Y/m/d", "empty": "", "odd": "weightless"},
    ),
    Vendor(
        "kapok",
        "woocommerce",
        "pave",
        (0.4, 0.7),
        ("USA",),
        "USD",
        joins_at=0.30,
        habits={"price": "symbol", "date": "m/d/Y", "empty": "-", "odd": "no brand"},
    ),
    Vendor(
        "larch",
        "shopify",
        "pave",
        (0.7, 1),
        ("Brazil", "Spain"),
        "BRL",
        joins_at=0.55,
        habits={"price": "comma", "date": "d/m/Y", "empty": "N/A", "odd": "backorder"},
    ),
)
"""Largest first: the n-th delivers in proportion to 1/n (Zipf)."""


def catalogue(vendor: Vendor, data: Path, random: np.random.Generator) -> tuple[Iterator[Row], Iterator[Row]]:
    """Clean products and clean orders of a vendor, without end and in an order of their own; products come again only when all were there."""
    return _products(vendor, data, random), _orders(vendor, data, random)


def canonical_values(data: Path) -> dict[str, list[str]]:
    """Attribute to the values that are normal in WDC PAVE, sorted; what the merchant's own rules ask for."""
    pairs = _pave_pairs(data)
    found = {
        name: sorted(part["normal"].unique()) for (name,), part in pairs.partition_by("attribute", as_dict=True).items()
    }
    return {str(name): found[name] for name in ATTRIBUTES}


def _products(vendor: Vendor, data: Path, random: np.random.Generator) -> Iterator[Row]:
    frame = _plain(_SOURCES[vendor.source](data))
    order = np.random.default_rng(11).permutation(frame.height)
    part = order[int(vendor.share[0] * frame.height) : int(vendor.share[1] * frame.height)]
    turn = 0
    while True:
        for place in random.permutation(part):
            row = frame.row(int(place), named=True)
            key = f"{vendor.name}-{place}-{turn}"
            yield {
                "record_key": key,
                "sku": key.upper(),
                "gtin": row.get("gtin") or _gtin(random),
                "title": row["title"],
                "description": row.get("description") or f"{row['title']} by {row['brand']}.",
                "brand": row["brand"],
                "category": row.get("category") or "Home > Other goods",
                "condition": "new",
                "price": f"{float(row['price']):.2f}",
                "sale_price": "",
                "currency": vendor.currency,
                "quantity": str(int(random.integers(1, 200))),
                "images": [f"https://images.example.com/{key}.jpg"],
                "weight_g": str(round(row.get("weight_g") or 450)),
                "length_mm": str(round(row.get("length_mm") or 300)),
                "width_mm": str(round(row.get("width_mm") or 200)),
                "height_mm": str(round(row.get("height_mm") or 100)),
                "language": "en",
                "status": "active",
                "attributes": dict(row.get("attributes") or {}),
                "_raw_attributes": dict(row.get("raw_attributes") or {}),
                "_has_weight": bool(row.get("weight_g")),
                "_has_description": bool(row.get("description")),
                "_has_category": bool(row.get("category")),
            }
        turn += 1


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Without the rows that are at fault in the data set itself: capitals, mark-up, brands that are none, parcels that are too long."""
    text = pl.col("title", "brand").str.replace_all(r"\s+", " ").str.strip_chars()
    sides = [name for name in ("length_mm", "width_mm", "height_mm") if name in frame.columns]
    return frame.with_columns(text).filter(
        pl.col("title").str.count_matches(r"\p{Ll}") > pl.col("title").str.count_matches(r"\p{Lu}"),
        ~pl.col("title").str.contains(r"[<>&]"),
        ~pl.col("brand").str.to_lowercase().is_in(["unknown", "n/a", "none", "-"]),
        pl.col("brand").str.len_chars() > 1,
        pl.col("title").str.len_chars().is_between(10, 200),
        *(pl.col(name) < 2_700 for name in sides),
    )


def _gtin(random: np.random.Generator) -> str:
    """A UPC of a company whose prefix begins with zero, as most of North America's do, written as GTIN-13."""
    digits = "00" + "".join(map(str, random.integers(0, 10, 10)))
    check = -sum(int(one) * (3 if place % 2 else 1) for place, one in enumerate(digits)) % 10
    return f"{digits}{check}"


def _orders(vendor: Vendor, data: Path, random: np.random.Generator) -> Iterator[Row]:
    sales = _clean_sales(data)
    stores = _clean_stores(data).filter(pl.col("country").is_in([COUNTRIES[one] for one in vendor.countries]))
    number = 0
    while True:
        for place in random.permutation(stores.height):
            store, sale = stores.row(int(place), named=True), sales.row(int(random.integers(sales.height)), named=True)
            number += 1
            first, _, last = str(sale["name"]).partition(" ")
            local = f"{first}.{last}".lower().replace(" ", "").replace("'", "")
            yield {
                "record_key": f"{vendor.name}-o{number}",
                "ordered_at": sale["ordered_at"],
                "shipped_at": sale["shipped_at"],
                "status": "shipped",
                "currency": vendor.currency,
                "total": f"{sale['total']:.2f}",
                "buyer_name": sale["name"],
                "email": f"{local}{int(random.integers(1, 99))}@{random.choice(_PROVIDERS)}",
                "phone": store["phone"],
                "ship_name": sale["name"],
                "ship_street": store["street"],
                "ship_city": store["city"],
                "ship_region": store["region"],
                "ship_postal_code": store["postal_code"],
                "ship_country": store["country"],
                "_typed_phone": store["typed_phone"],
            }


@cache
def _clean_sales(data: Path) -> pl.DataFrame:
    return (
        pl.read_parquet(data / "orders" / "superstore.parquet")
        .select(
            pl.col("Order Date").str.to_date("%m/%d/%Y").dt.strftime("%Y-%m-%dT10:00:00Z").alias("ordered_at"),
            pl.col("Ship Date").str.to_date("%m/%d/%Y").dt.strftime("%Y-%m-%dT16:00:00Z").alias("shipped_at"),
            pl.col("Customer Name").alias("name"),
            pl.col("Sales").cast(pl.Float64).clip(0.5).alias("total"),
        )
        .filter(pl.col("name").str.contains(r"^[A-Za-z]+ [A-Za-z'-]+$"))
    )


@cache
def _clean_stores(data: Path) -> pl.DataFrame:
    frame = pl.read_parquet(data / "store_contacts" / "starbucks_directory.parquet").filter(
        pl.col("Country").is_in(list(COUNTRIES)), pl.col("Phone_Number").is_not_null(), pl.col("City").is_not_null()
    )
    rows = []
    for one in frame.iter_rows(named=True):
        country = COUNTRIES[one["Country"]]
        typed = str(one["Phone_Number"]).strip()
        try:
            number = phonenumbers.parse(typed, country)
        except phonenumbers.NumberParseException:
            continue
        code = str(one["Postcode"] or "").strip()
        if country == "US":
            code = code[:5] if len(code) in (5, 9) and code.isdigit() else ""
        street = str(one["Street_Address"] or "").strip()
        if not phonenumbers.is_valid_number(number) or not code or not any(c.isdigit() for c in street):
            continue
        rows.append(
            {
                "country": country,
                "phone": phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
                "typed_phone": typed,
                "postal_code": code,
                "street": street,
                "city": str(one["City"]).strip(),
                "region": str(one["State"] or "").strip(),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _bestbuy(data: Path) -> pl.DataFrame:
    return (
        pl.read_parquet(data / "bestbuy" / "products.parquet")
        .select(
            "title",
            "description",
            "brand",
            pl.col("category_path").alias("category"),
            pl.col("price_usd").cast(pl.Float64).alias("price"),
        )
        .filter(pl.col("price") > 0, pl.col("description").str.len_chars() > 20)
        .drop_nulls()
    )


def _amazon_us(data: Path) -> pl.DataFrame:
    sides = {f"dim{i}_in": name for i, name in enumerate(("length_mm", "width_mm", "height_mm"), start=1)}
    return (
        pl.read_parquet(data / "amazon_us_electronics" / "products.parquet")
        .select(
            "title",
            "brand",
            pl.col("price_usd").cast(pl.Float64, strict=False).alias("price"),
            (pl.col("ship_weight_lb").cast(pl.Float64, strict=False) * GRAMS_PER_POUND).alias("weight_g"),
            *(
                (pl.col(old).cast(pl.Float64, strict=False) * MILLIMETRES_PER_INCH).alias(new)
                for old, new in sides.items()
            ),
        )
        .drop_nulls()
        .filter(
            pl.col("price") > 0,
            pl.col("weight_g").is_between(20, 60_000),
            pl.col("length_mm") > 1,
            pl.col("height_mm") > 1,
        )
    )


def _flipkart(data: Path) -> pl.DataFrame:
    return (
        pl.read_parquet(data / "flipkart" / "products.parquet")
        .select(
            "title",
            "brand",
            pl.col("category_clean").alias("category"),
            pl.col("discounted_price").cast(pl.Float64, strict=False).alias("price"),
        )
        .drop_nulls()
        .filter(pl.col("price") > 0, pl.col("brand") != "")
    )


def _toys(data: Path) -> pl.DataFrame:
    return (
        pl.read_parquet(data / "amazon_uk_toys" / "products.parquet")
        .select(
            "title",
            pl.col("manufacturer").alias("brand"),
            pl.col("category_path").alias("category"),
            pl.col("price_gbp").cast(pl.Float64, strict=False).alias("price"),
        )
        .drop_nulls()
        .filter(pl.col("price") > 0)
    )


def _food(data: Path) -> pl.DataFrame:
    return (
        pl.read_parquet(data / "openfoodfacts" / "products.parquet")
        .filter(
            pl.col("gtin_check_ok").cast(pl.String).str.to_lowercase() == "true",
            pl.col("code").cast(pl.String).str.contains(r"^[013-9]\d{12}$"),
        )
        .select(
            pl.col("product_name").alias("title"),
            pl.col("brands").str.split(",").list.first().str.strip_chars().alias("brand"),
            pl.col("main_category").str.replace(r"^[a-z]{2}:", "").str.replace_all("-", " ").alias("category"),
            pl.lit(3.49).alias("price"),
            pl.col("code").cast(pl.String).alias("gtin"),
        )
        .drop_nulls(["title", "brand"])
        .filter(pl.col("title").str.len_chars() > 3, pl.col("brand") != "")
    )


def _pave(data: Path) -> pl.DataFrame:
    pairs = _pave_pairs(data)
    offers = (
        pl.read_parquet(data / "wdc_pave" / "normalised.parquet")
        .group_by("offer_id", maintain_order=True)
        .agg(pl.col("title").first(), pl.col("category").first())
    )
    attributes = pairs.group_by("offer_id", maintain_order=True).agg(
        pl.struct("attribute", "raw", "normal").alias("pairs")
    )
    rows = [
        {
            "title": str(one["title"])[:200].strip(' "'),
            "brand": "Generic",
            "category": one["category"],
            "price": 49.90,
            "attributes": {p["attribute"].lower(): p["normal"] for p in one["pairs"]},
            "raw_attributes": {p["attribute"].lower(): p["raw"] for p in one["pairs"]},
        }
        for one in offers.join(attributes, on="offer_id").iter_rows(named=True)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "title": pl.String,
            "brand": pl.String,
            "category": pl.String,
            "price": pl.Float64,
            "attributes": pl.Object,
            "raw_attributes": pl.Object,
        },
    )


def _pave_pairs(data: Path) -> pl.DataFrame:
    folder = data / "wdc_pave"
    sides = []
    for file, name in (("extraction", "raw"), ("normalised", "normal")):
        frame = pl.read_parquet(folder / f"{file}.parquet").filter(
            pl.col("values").list.len() > 0, pl.col("attribute").is_in(ATTRIBUTES)
        )
        sides.append(frame.select("offer_id", "attribute", pl.col("values").list.first().alias(name)))
    return (
        sides[0]
        .join(sides[1], on=["offer_id", "attribute"])
        .unique(["offer_id", "attribute"], keep="first", maintain_order=True)
    )


_SOURCES = {
    "bestbuy": _bestbuy,
    "amazon_us": _amazon_us,
    "flipkart": _flipkart,
    "toys": _toys,
    "food": _food,
    "pave": _pave,
}
