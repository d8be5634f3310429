"""Synthetic products with known kinds of faults, written batch by batch so that any number of rows can be made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from connectors import record

__all__ = ["write_products"]

_NOUNS = ("lantern", "tent", "kettle", "chair", "backpack", "knife", "bottle", "hammock", "stove", "torch")
_WORDS = ("steel", "folding", "compact", "für draußen", "light", "camping", "double", "blue", "with hook", "waterproof", "travel", "400 lumens")  # fmt: skip
_SENTENCES = (
    "<p>Made for long days outside and short evenings in the garden.</p>",
    "<p>The handle is wrapped in cotton &amp; stays warm in the cold.</p>",
    "<ul><li>washable</li><li>spare parts for ten years</li></ul>",
    "<p>Passt in jeden Rucksack und wiegt fast nichts.</p>",
    "<p>Tested by people who use it every day.</p>",
)
_BRANDS = ("Norvik", "Bär & Söhne", "Tarnstone", "Hearth & Oak", "Klangwerk", "Lumia")
_CATEGORIES = (
    "Outdoor > Camping > Lanterns",
    "Outdoor > Camping > Tents",
    "Home > Kitchen > Kettles",
    "Sports > Hiking > Bags",
)
_CURRENCIES = ("EUR", "USD", "GBP")


def write_products(path: Path, rows: int, *, batch_rows: int = 50_000, faults: float = 0.05, seed: int = 1) -> None:
    """A Parquet file of canonical products.

    Parameters
    ----------
    path : pathlib.Path
    rows : int
    batch_rows : int
        Rows of a row group.
    faults : float
        About this share of the rows has one faulty field, 0 to 1.
    seed : int
        The same seed gives the same file.
    """
    chance = np.random.default_rng(seed)
    writer = None
    for start in range(0, rows, batch_rows):
        table = _batch(start, min(batch_rows, rows - start), faults, chance).to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _batch(start: int, rows: int, faults: float, chance: np.random.Generator) -> pl.DataFrame:
    def pick(values: tuple[str, ...]) -> pl.Series:
        return pl.Series(values)[chance.integers(0, len(values), rows)]

    number = pl.Series(np.arange(start, start + rows)).cast(pl.String)
    cents = pl.Series(chance.integers(199, 49_999, rows))
    frame = pl.DataFrame(
        {
            "number": number, "noun": pick(_NOUNS), "a": pick(_WORDS), "b": pick(_WORDS), "c": pick(_WORDS),
            "s1": pick(_SENTENCES), "s2": pick(_SENTENCES), "s3": pick(_SENTENCES), "brand": pick(_BRANDS),
            "category": pick(_CATEGORIES), "currency": pick(_CURRENCIES), "cents": cents,
            "weight_g": pl.Series(chance.integers(20, 20_000, rows)).cast(pl.String),
            "quantity": pl.Series(chance.integers(0, 500, rows)).cast(pl.String),
            "fault": pl.Series(np.where(chance.random(rows) < faults, chance.integers(0, 10, rows), -1)),
        }
    )  # fmt: skip
    frame = frame.with_columns(body=pl.format("400{}", pl.col("number").str.zfill(9)))
    digits = [pl.col("body").str.slice(i, 1).cast(pl.Int64) * (3 if i % 2 else 1) for i in range(12)]
    check_digit = (10 - pl.sum_horizontal(digits) % 10) % 10
    money = pl.format("{}.{}", pl.col("cents") // 100, (pl.col("cents") % 100).cast(pl.String).str.zfill(2))
    reduced = pl.format(
        "{}.{}", pl.col("cents") * 8 // 1000, (pl.col("cents") * 8 // 10 % 100).cast(pl.String).str.zfill(2)
    )
    title = pl.format("{} {} {}, {} no. {}", *(pl.col(c) for c in ("brand", "noun", "a", "b", "number")))
    policies = [
        pl.struct(pl.lit(f"{name}_policy_id").alias("key"), pl.lit("6196944000").alias("value"))
        for name in ("return", "payment", "fulfillment")
    ]
    clean = frame.select(
        "fault",
        record_key="number",
        sku=pl.format("SKU-{}", "number"),
        gtin=pl.concat_str("body", check_digit.cast(pl.String)),
        mpn=pl.format("M{}", "number"),
        title=title,
        description=pl.concat_str("s1", "s2", "s3"),
        brand="brand",
        category="category",
        condition=pl.lit("new"),
        price=money,
        sale_price=pl.when(pl.col("cents") % 3 == 0).then(reduced).otherwise(pl.lit("")),
        currency="currency",
        quantity="quantity",
        weight_g="weight_g",
        lead_time_days=pl.lit("2"),
        language=pl.lit("en"),
        status=pl.lit("active"),
        images=pl.concat_list(
            pl.format("https://cdn.example.com/{}-1.jpg", "number"),
            pl.format("https://cdn.example.com/{}-2.jpg", "number"),
        ),
        attributes=pl.concat_list(policies),
    )
    return record.conform(_spoiled(clean).drop("fault"), "product")


def _spoiled(frame: pl.DataFrame) -> pl.DataFrame:
    def where(fault: int, field: str, value: pl.Expr) -> pl.Expr:
        return pl.when(pl.col("fault") == fault).then(value).otherwise(pl.col(field)).alias(field)

    return frame.with_columns(
        where(0, "brand", pl.lit("N/A")),
        where(1, "price", pl.col("price").str.replace(".", ",", literal=True)),
        where(2, "title", pl.concat_str(pl.lit(" "), pl.col("title").str.replace(" ", "  ", literal=True))),
        where(3, "gtin", pl.col("gtin").str.slice(1)),
        where(4, "description", pl.lit("")),
        where(5, "sale_price", pl.lit("99999.00")),
        where(6, "currency", pl.lit("euro")),
        where(7, "quantity", pl.lit("-1")),
        where(8, "condition", pl.lit("")),
    ).with_columns(where(9, "title", pl.col("title").str.replace_all(" ", " and again ", literal=True)))
