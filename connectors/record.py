"""The canonical schema of everything a channel holds, so that no layer above needs a channel's own names.

A frame of records has one row an item. All scalar values are **text, as they came**: a price ``"1.299,00 €"`` must
survive until a check has judged it, so nothing is parsed, rounded or repaired on the way in. `typed` gives the
parsed view for metrics and notebooks. The channel's own payload stays beside it in the column ``raw`` (JSON text).

Products and their variants share one kind. ``level`` tells them apart: ``single`` (or empty) is a product that is
sold as it is, ``parent`` a product that is sold only through its variants, ``variant`` one of those, with
``parent_key`` naming its parent. A field that belongs to the product (title, description, ...) is judged on
``single`` and ``parent`` rows; one that belongs to the sellable item (price, SKU, ...) on ``single`` and ``variant``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

import polars as pl

__all__ = [
    "ATTRIBUTES",
    "FIELDS",
    "KINDS",
    "SCHEMA_VERSION",
    "Field",
    "Money",
    "conform",
    "empty",
    "field",
    "schema",
    "typed",
]

SCHEMA_VERSION = 1
"""Written into every snapshot; raised when a column changes its meaning."""

ATTRIBUTES = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))
"""Type of a map of text to text. Arrow's map type is a list of key and value, and so is ours."""

Level = Literal["product", "item", "both"]


@dataclass(frozen=True)
class Field:
    """One canonical column.

    Parameters
    ----------
    name : str
        Column name; a unit is part of it (``weight_g``).
    meaning : str
        What the value is, for the documentation.
    dtype : polars data type
        How it is stored: text as it came, except lists and maps.
    parsed : polars data type
        How `typed` shows it.
    level : {"product", "item", "both"}
        Whether it belongs to the product as a whole or to the item that is sold.
    personal : bool
        Whether it is personal data of a customer; such a value never reaches a model, a log or an index.
    """

    name: str
    meaning: str
    dtype: pl.DataType | type[pl.DataType] = pl.String
    parsed: pl.DataType | type[pl.DataType] = pl.String
    level: Level = "both"
    personal: bool = False


_DECIMAL = pl.Decimal(18, 4)
_TIME = pl.Datetime("us", "UTC")

FIELDS: dict[str, tuple[Field, ...]] = {
    "product": (
        Field("record_key", "The channel's own identifier of this row."),
        Field("parent_key", "The identifier of the product that this row belongs to; empty where there is none."),
        Field("level", "single, parent or variant; empty counts as single."),
        Field("sku", "The merchant's stock keeping unit.", level="item"),
        Field("gtin", "GTIN-8, -12 (UPC), -13 (EAN, ISBN) or -14, digits as they came.", level="item"),
        Field("mpn", "The manufacturer's part number.", level="item"),
        Field("title", "Name of the product.", level="product"),
        Field("description", "Description; may hold HTML.", level="product"),
        Field("brand", "Brand or manufacturer.", level="product"),
        Field("category", "Category path (levels joined by ' > ') or the channel's category name.", level="product"),
        Field("condition", "new, refurbished, used, or the channel's own grade.", level="product"),
        Field("price", "Regular price of one unit, in `currency`.", parsed=_DECIMAL, level="item"),
        Field(
            "sale_price",
            "Reduced price of one unit, in `currency`; empty when not reduced.",
            parsed=_DECIMAL,
            level="item",
        ),
        Field("currency", "ISO 4217 code of the prices.", level="item"),
        Field("quantity", "Units that can be sold.", parsed=pl.Int64, level="item"),
        Field(
            "images",
            "Image addresses, the main image first.",
            dtype=pl.List(pl.String),
            parsed=pl.List(pl.String),
            level="product",
        ),
        Field("weight_g", "Shipping weight in grams.", parsed=pl.Float64, level="item"),
        Field("length_mm", "Package length in millimetres.", parsed=pl.Float64, level="item"),
        Field("width_mm", "Package width in millimetres.", parsed=pl.Float64, level="item"),
        Field("height_mm", "Package height in millimetres.", parsed=pl.Float64, level="item"),
        Field("lead_time_days", "Days from order to dispatch.", parsed=pl.Float64, level="item"),
        Field("language", "ISO 639-1 code of title and description.", level="product"),
        Field("status", "active, draft or archived.", level="product"),
        Field(
            "attributes",
            "Everything else that has a name: colour, size, policies, ...",
            dtype=ATTRIBUTES,
            parsed=ATTRIBUTES,
        ),
        Field("updated_at", "When the channel last changed it, ISO 8601, UTC.", parsed=_TIME),
    ),
    "order": (
        Field("record_key", "The channel's own identifier of the order."),
        Field("ordered_at", "When it was placed, ISO 8601, UTC.", parsed=_TIME),
        Field("status", "The channel's own state of the order."),
        Field("currency", "ISO 4217 code of `total`."),
        Field("total", "What the buyer pays in all.", parsed=_DECIMAL),
        Field("buyer_name", "Name of the buyer.", personal=True),
        Field("email", "E-mail address of the buyer.", personal=True),
        Field("phone", "Telephone number of the buyer, E.164 when valid.", personal=True),
        Field("ship_name", "Recipient.", personal=True),
        Field("ship_street", "Street and number.", personal=True),
        Field("ship_city", "City.", personal=True),
        Field("ship_region", "State, province or region.", personal=True),
        Field("ship_postal_code", "Postal code.", personal=True),
        Field("ship_country", "ISO 3166-1 alpha-2 code of the country."),
        Field("shipped_at", "When it was dispatched, ISO 8601, UTC; empty until then.", parsed=_TIME),
        Field("updated_at", "When the channel last changed it, ISO 8601, UTC.", parsed=_TIME),
    ),
    "order_line": (
        Field("record_key", "`order_key` and `line_key` joined by '/'."),
        Field("order_key", "`record_key` of the order."),
        Field("line_key", "The channel's own identifier of the line."),
        Field("sku", "The merchant's stock keeping unit."),
        Field("quantity", "Units ordered.", parsed=pl.Int64),
        Field("unit_price", "Price of one unit, in the order's currency.", parsed=_DECIMAL),
    ),
    "stock": (
        Field("record_key", "The channel's own identifier of this stock level."),
        Field("parent_key", "`record_key` of the product row it counts."),
        Field("sku", "The merchant's stock keeping unit."),
        Field("location", "Warehouse or location; empty where the channel has one only."),
        Field("quantity", "Units that can be sold.", parsed=pl.Int64),
        Field("updated_at", "When the channel last changed it, ISO 8601, UTC.", parsed=_TIME),
    ),
}
"""Kind of record to its columns, in order. The column ``raw`` (JSON text) follows in every frame."""

KINDS = tuple(FIELDS)


def field(kind: str, name: str) -> Field:
    """Description of a column; ``attributes.colour`` is described by ``attributes``.

    Raises
    ------
    KeyError
        When `kind` has no such column; the message lists those it has.
    """
    root = name.partition(".")[0]
    for one in FIELDS[kind]:
        if one.name == root:
            return one
    raise KeyError(f"{kind} has no field {name!r}; it has {', '.join(f.name for f in FIELDS[kind])}")


def schema(kind: str) -> dict[str, pl.DataType | type[pl.DataType]]:
    """Column names and stored types of a kind, ``raw`` last."""
    return {f.name: f.dtype for f in FIELDS[kind]} | {"raw": pl.String}


def empty(kind: str) -> pl.DataFrame:
    """A frame of that kind without rows."""
    return pl.DataFrame(schema=schema(kind))


def conform(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    """The frame with exactly the canonical columns: missing ones empty, numbers as text, the rest kept in ``raw``.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns named as in `FIELDS`; others are moved into ``raw`` so that nothing is lost. ``images`` may be text
        holding one address, ``attributes`` a struct or JSON text.
    kind : str
        One of `KINDS`.

    Returns
    -------
    polars.DataFrame
        Same rows in the same order, columns of `schema`. Missing text is the empty string, never null.
    """
    wanted = schema(kind)
    others = [name for name in frame.columns if name not in wanted]
    columns: list[pl.Expr] = []
    for name, dtype in wanted.items():
        if name == "raw":
            columns.append(_raw(frame, others))
        elif name not in frame.columns:
            columns.append(_absent(dtype).alias(name))
        elif dtype == pl.String:
            columns.append(_text(frame.schema[name], name))
        elif dtype == ATTRIBUTES:
            columns.append(_attributes(frame, name))
        else:
            columns.append(_list(frame.schema[name], name))
    return frame.select(columns) if frame.width else empty(kind)


def typed(frame: pl.DataFrame | pl.LazyFrame, kind: str) -> pl.LazyFrame:
    """The frame with prices as decimals, times as UTC instants and measures as numbers; what cannot be read is null."""
    columns = []
    for one in FIELDS[kind]:
        column = pl.col(one.name)
        if one.parsed == one.dtype:
            columns.append(column)
        elif one.parsed == _TIME:
            columns.append(
                column.str.to_datetime(time_zone="UTC", time_unit="us", strict=False, format="%+").alias(one.name)
            )
        else:
            columns.append(column.str.strip_chars().cast(one.parsed, strict=False))
    return frame.lazy().with_columns(columns)


@dataclass(frozen=True)
class Money:
    """An amount with its currency; never a float.

    Parameters
    ----------
    amount : decimal.Decimal
    currency : str
        ISO 4217 code.
    """

    amount: Decimal
    currency: str

    @classmethod
    def parse(cls, amount: str | int | Decimal, currency: str) -> Money:
        """Read a plain decimal.

        Raises
        ------
        ValueError
            When the amount is not a plain decimal number.
        """
        try:
            value = Decimal(str(amount).strip())
        except InvalidOperation:
            raise ValueError(f"{amount!r} is not a plain decimal amount such as 12.50") from None
        if not value.is_finite():
            raise ValueError(f"{amount!r} is not a finite amount")
        return cls(value, currency.upper())


def _absent(dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    return pl.lit("") if dtype == pl.String else pl.lit([], dtype=dtype)


def _text(dtype: pl.DataType, name: str) -> pl.Expr:
    column = pl.col(name)
    if dtype.is_float():
        # 12.0 read from a number column was "12" or "12.0" at the source; the shorter text is what people type.
        column = (
            pl.when(column == column.round(0))
            .then(column.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(column.cast(pl.String))
        )
    elif isinstance(dtype, pl.Datetime):
        column = column.dt.convert_time_zone("UTC") if dtype.time_zone else column.dt.replace_time_zone("UTC")
        column = column.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    elif dtype != pl.String:
        column = column.cast(pl.String, strict=False)
    return column.fill_null("").alias(name)


def _list(dtype: pl.DataType, name: str) -> pl.Expr:
    column = pl.col(name)
    if not isinstance(dtype, pl.List):
        text = column.cast(pl.String, strict=False).fill_null("").str.strip_chars()
        column = pl.when(text == "").then(pl.lit([], dtype=pl.List(pl.String))).otherwise(pl.concat_list(text))
    return column.cast(pl.List(pl.String)).fill_null([]).list.drop_nulls().alias(name)


def _attributes(frame: pl.DataFrame, name: str) -> pl.Expr:
    if frame.schema[name] == ATTRIBUTES:
        return pl.col(name).fill_null(pl.lit([], dtype=ATTRIBUTES))
    pairs = [
        [{"key": str(k), "value": str(v)} for k, v in _mapping(value).items() if v is not None] for value in frame[name]
    ]
    return pl.lit(pl.Series(name, pairs, dtype=ATTRIBUTES))


def _mapping(value: object) -> Mapping[str, object]:
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return {"text": value}
    return value if isinstance(value, Mapping) else {}


def _raw(frame: pl.DataFrame, others: list[str]) -> pl.Expr:
    if "raw" in frame.columns:
        return pl.col("raw").cast(pl.String).fill_null("")
    if not others:
        return pl.lit("").alias("raw")
    return pl.struct(others).struct.json_encode().alias("raw")
