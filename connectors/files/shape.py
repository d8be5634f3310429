"""From rows of cells to canonical records: what a plan says, for a whole batch at a time.

Every frame of records carries two columns beside the canonical ones: `ROW`, the row that its own values stand in, and
`TOP`, the row that the values of its product stand in; a correction is written there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import polars as pl

from connectors.files.delimited import RAW
from connectors.files.forms import FORMS
from connectors.files.plan import Entry, Plan
from connectors.files.records import ROW
from connectors.record import ATTRIBUTES, FIELDS

__all__ = ["TOP", "Keys", "cells_of", "shaped"]

TOP = "\x00top"
"""Column with the row that holds what belongs to the product as a whole."""

_HANDLE, _ITEM, _PLACE = "\x00handle", "\x00item", "\x00place"
_ITEM_ATTRIBUTES = ["inventory_policy"]
"""Attributes of layouts with handles that belong to the variant; the others stand on a product's first row."""
_PRODUCT_TEXT = [f.name for f in FIELDS["product"] if f.level == "product" and f.dtype == pl.String]
_ITEM_TEXT = [f.name for f in FIELDS["product"] if f.level == "item"]


class Keys:
    """Record keys that are distinct within one reading: the second ``A1`` becomes ``A1#2``.

    Keeps 8 bytes for each key seen.
    """

    def __init__(self) -> None:
        self._seen = np.empty(0, dtype=np.uint64)
        self._repeated: dict[str, int] = {}

    def distinct(self, keys: pl.Series) -> pl.Series:
        """The keys, later ones of the same name numbered from 2."""
        found = self.again(keys)
        frame = pl.DataFrame({"key": keys, "seen": found}).with_columns(
            before=pl.when("seen")
            .then(pl.col("key").replace_strict(self._repeated, default=1, return_dtype=pl.Int64))
            .otherwise(0)
            if self._repeated
            else pl.col("seen").cast(pl.Int64),
            number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("key"),
        )
        frame = frame.with_columns(total=pl.col("before") + pl.col("number"))
        again = frame.filter(pl.col("total") > 1).group_by("key").agg(pl.col("total").max())
        self._repeated.update(zip(again["key"].to_list(), again["total"].to_list(), strict=True))
        name = pl.when(pl.col("total") > 1).then(pl.format("{}#{}", "key", "total")).otherwise(pl.col("key"))
        return frame.select(name.alias(keys.name)).to_series()

    def again(self, keys: pl.Series) -> np.ndarray:
        """Which of the keys were seen in an earlier call; all of them are remembered."""
        hashes = keys.hash(seed=1).to_numpy()
        found = np.zeros(len(keys), dtype=bool)
        if self._seen.size:
            place = np.searchsorted(self._seen, hashes)
            found = self._seen[np.minimum(place, self._seen.size - 1)] == hashes
        # Two sorted runs: the stable sort merges them in linear time, where a union would hash everything again.
        self._seen = np.concatenate([self._seen, np.sort(hashes[~found])])
        self._seen.sort(kind="stable")
        return found


def shaped(cells: pl.DataFrame, plan: Plan, keys: Keys) -> dict[str, pl.DataFrame]:
    """Records of a batch by kind, canonical columns and `ROW` and `TOP`, in the order of the file.

    Parameters
    ----------
    cells : polars.DataFrame
        Text columns and `ROW`; all rows of one product or order must be in the same batch.
    plan : Plan
    keys : Keys
        Of this reading.
    """
    columns = [c for c in cells.columns if c not in (ROW, RAW)]
    if not columns:
        return {plan.kind: pl.DataFrame()}
    filled = pl.any_horizontal(pl.col(columns).str.strip_chars() != "")
    cells = cells.filter(filled)
    frame = _flat(cells, plan, columns)
    if plan.shape == "handles":
        frame = _by_handle(frame, cells, plan)
    elif plan.shape == "types":
        frame = _by_type(frame, cells, plan)
    elif plan.kind == "order":
        return _orders(frame, cells, plan, keys)
    else:
        frame = frame.with_columns(
            _first_filled(["record_key", "sku", "gtin"] if plan.kind == "product" else ["record_key", "sku"])
        )
        if plan.kind == "product" and not plan.of("level"):
            frame = frame.with_columns(level=pl.lit("single"))
    return {plan.kind: frame.with_columns(keys.distinct(frame["record_key"]))}


def cells_of(cells: pl.DataFrame, plan: Plan, field: str) -> pl.Series:
    """The text of one field for each row, before the rows of one product are put together."""
    return _value(cells, plan.of(field), plan.constants.get(field, ""))


def _flat(cells: pl.DataFrame, plan: Plan, columns: list[str]) -> pl.DataFrame:
    series: list[pl.Series] = []
    for one in FIELDS[plan.kind]:
        if one.dtype == ATTRIBUTES:
            series.append(_attributes(cells, plan).alias(one.name))
        elif one.dtype != pl.String:
            series.append(_lists(cells, plan.of(one.name)).alias(one.name))
        else:
            series.append(_value(cells, plan.of(one.name), plan.constants.get(one.name, "")).alias(one.name))
    frame = pl.DataFrame(series)
    raw = cells[RAW] if RAW in cells.columns else cells.select(pl.struct(columns).struct.json_encode()).to_series()
    return frame.with_columns(raw.alias("raw"), cells[ROW].alias(ROW), cells[ROW].alias(TOP))


def _value(cells: pl.DataFrame, entries: Iterable[Entry], constant: str = "") -> pl.Series:
    value: pl.Series | None = None
    for e in entries:
        read = FORMS[e.form].read(cells[e.column], e.unit)
        value = read if value is None else value.zip_with(value != "", read)
    if value is None:
        return pl.repeat(constant, cells.height, dtype=pl.String, eager=True)
    return (
        value.zip_with(value != "", pl.repeat(constant, cells.height, dtype=pl.String, eager=True))
        if constant
        else value
    )


def _lists(cells: pl.DataFrame, entries: list[Entry]) -> pl.Series:
    none = pl.Series([[]] * 1, dtype=pl.List(pl.String)).new_from_index(0, cells.height)
    if not entries:
        return none
    lists = [FORMS["images"].read(cells[e.column], e.unit).alias(str(i)) for i, e in enumerate(entries)]
    return pl.DataFrame(lists).select(pl.concat_list(pl.all())).to_series() if len(lists) > 1 else lists[0]


def _attributes(cells: pl.DataFrame, plan: Plan) -> pl.Series:
    named = [e for e in plan.entries if e.field.startswith("attributes.")]
    read = [FORMS[e.form].read(cells[e.column], e.unit).alias(f"\x00{i}") for i, e in enumerate(named)]
    parts = [
        pl.struct(key=pl.lit(e.field.removeprefix("attributes.")), value=pl.col(f"\x00{i}"))
        for i, e in enumerate(named)
    ]
    if plan.shape != "handles":
        parts += [pl.struct(key=pl.col(n).str.strip_chars(), value=pl.col(v)) for n, v in plan.pairs]
    maps = [_maps(cells[e.column]).alias(f"\x00map{i}") for i, e in enumerate(plan.of("<attributes>"))]
    lists = ([_filled_map(parts)] if parts else []) + [pl.col(m.name) for m in maps]
    if not lists:
        return pl.Series([[]], dtype=ATTRIBUTES).new_from_index(0, cells.height)
    return cells.with_columns(*read, *maps).select(pl.concat_list(lists).alias("attributes")).to_series()


def _maps(column: pl.Series) -> pl.Series:
    """JSON objects as maps; text that is none becomes the value of the key ``text``."""
    cells = column.unique()
    maps = []
    for cell in cells:
        try:
            found = json.loads(cell) if cell.strip() else {}
        except (ValueError, RecursionError):
            found = {"text": cell}
        pairs = found.items() if isinstance(found, dict) else [("text", cell)]
        maps.append(
            [
                {"key": str(k), "value": v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)}
                for k, v in pairs
                if v not in (None, "")
            ]
        )
    known = pl.DataFrame({"cell": cells, "map": pl.Series(maps, dtype=ATTRIBUTES)})
    return pl.DataFrame({"cell": column}).join(known, on="cell", how="left", maintain_order="left")["map"]


def _first_filled(names: list[str]) -> pl.Expr:
    """The first of the columns that is not empty, else the place in the file, as ``record_key``."""
    key = pl.format("row {}", pl.col(ROW))
    for name in reversed(names):
        key = pl.when(pl.col(name).str.strip_chars() != "").then(pl.col(name)).otherwise(key)
    return key.alias("record_key")


def _by_handle(frame: pl.DataFrame, cells: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """One product for each handle: ``single``, or ``parent`` and ``variant`` rows; further image rows are gathered."""
    price, compare = _value(cells, plan.of("<price>")), _value(cells, plan.of("<compare>"))
    reduced = (compare.cast(pl.Float64, strict=False) > price.cast(pl.Float64, strict=False)).fill_null(False)
    empty = pl.repeat("", cells.height, dtype=pl.String, eager=True)
    handle = _value(cells, plan.of("<handle>"))
    place = next((c for c in cells.columns if c.strip().lower() == "image position"), None)
    frame = frame.with_columns(
        compare.zip_with(reduced, price).alias("price"),
        price.zip_with(reduced, empty).alias("sale_price"),
        handle.alias(_HANDLE),
        (
            cells[place].cast(pl.Int64, strict=False)
            if place
            else pl.repeat(None, cells.height, dtype=pl.Int64, eager=True)
        ).alias(_PLACE),
        _lists(cells, plan.of("<variant_image>")).alias("own_images"),
    )
    frame = frame.with_columns(
        pl.when(pl.col(_HANDLE) == "").then(pl.format("row {}", pl.col(ROW))).otherwise(pl.col(_HANDLE)).alias(_HANDLE)
    )
    options = _options(frame[_HANDLE], cells, plan)
    values = pl.element().struct.field("value")
    frame = frame.with_columns(
        options,
        options.to_frame().select(pl.col("options").list.eval(values).list.join("/").alias("option")).to_series(),
    )
    plain = _value(cells, [Entry(value, "") for _, value in plan.pairs])
    frame = frame.with_columns(plain.alias("first_option"))
    item = pl.any_horizontal(pl.col("sku", "gtin", "price", "quantity", "first_option") != "")
    frame = frame.with_columns(item.alias(_ITEM))
    any_item = pl.col(_ITEM).any().over(_HANDLE)
    frame = frame.with_columns((pl.col(_ITEM) | (~any_item & (pl.int_range(pl.len()).over(_HANDLE) == 0))).alias(_ITEM))

    of_item = pl.element().struct.field("key").is_in(_ITEM_ATTRIBUTES)

    def first(name: str) -> pl.Expr:
        return pl.col(name).filter(pl.col(name) != "").first().fill_null("")

    tops = frame.group_by(_HANDLE, maintain_order=True).agg(
        *(first(name) for name in _PRODUCT_TEXT),
        pl.col("images")
        .sort_by(_PLACE, nulls_last=True, maintain_order=True)
        .list.explode(keep_nulls=False, empty_as_null=False)
        .drop_nulls()
        .unique(maintain_order=True),
        pl.col("attributes").first().list.filter(~of_item).alias("top_attributes"),
        pl.col(ROW).first().alias(TOP),
        pl.col(_ITEM).sum().alias("items"),
        pl.when(pl.len() > 1)
        .then(pl.format("[{}]", pl.col("raw").str.join(",")))
        .otherwise(pl.col("raw").first())
        .first()
        .alias("all_raw"),
    )
    rows = (
        frame.filter(_ITEM)
        .drop([TOP, *_PRODUCT_TEXT])
        .join(tops.rename({"images": "all_images"}), on=_HANDLE, how="left", maintain_order="left")
    )
    names = [f.name for f in FIELDS["product"]] + ["raw", ROW, TOP]
    singles = rows.filter(pl.col("items") == 1).with_columns(
        record_key=pl.col(_HANDLE),
        parent_key=pl.lit(""),
        level=pl.lit("single"),
        images="all_images",
        attributes=pl.concat_list("top_attributes", pl.col("attributes").list.filter(of_item), "options"),
        raw="all_raw",
    )
    variants = rows.filter(pl.col("items") > 1).with_columns(
        record_key=pl.format(
            "{}/{}",
            pl.col(_HANDLE),
            pl.when(pl.col("option") != "").then("option").otherwise(pl.format("row {}", pl.col(ROW))),
        ),
        parent_key=pl.col(_HANDLE),
        level=pl.lit("variant"),
        images="own_images",
        attributes=pl.concat_list(pl.col("attributes").list.filter(of_item), "options"),
        **{name: pl.lit("") for name in _PRODUCT_TEXT},
    )
    parents = tops.filter(pl.col("items") > 1).with_columns(
        record_key=pl.col(_HANDLE),
        parent_key=pl.lit(""),
        level=pl.lit("parent"),
        attributes="top_attributes",
        raw="all_raw",
        updated_at=pl.lit(""),
        **{name: pl.lit("") for name in _ITEM_TEXT},
        **{ROW: pl.col(TOP)},
    )
    rank = pl.col("level") == "variant"
    return pl.concat([f.select(names) for f in (singles, parents, variants)]).sort(
        [TOP, rank, pl.col(ROW)], maintain_order=True
    )


def _options(handles: pl.Series, cells: pl.DataFrame, plan: Plan) -> pl.Series:
    """Options as a map; their names stand on the first row of a product only. The option of a product without is left out."""
    if not plan.pairs:
        return pl.Series("options", [[]], dtype=ATTRIBUTES).new_from_index(0, cells.height)
    frame = cells.with_columns(handles.alias(_HANDLE))
    parts = []
    for name, value in plan.pairs:
        named = pl.col(name).str.strip_chars()
        key = named.filter(named != "").first().over(_HANDLE).fill_null("")
        default = (key == "Title") & (pl.col(value) == "Default Title")
        parts.append(pl.struct(key=pl.when(default).then(pl.lit("")).otherwise(key), value=pl.col(value)))
    return frame.select(_filled_map(parts).alias("options")).to_series()


def _filled_map(parts: list[pl.Expr]) -> pl.Expr:
    filled = (pl.element().struct.field("value") != "") & (pl.element().struct.field("key") != "")
    return pl.concat_list(parts).cast(ATTRIBUTES).list.filter(filled)


def _by_type(frame: pl.DataFrame, cells: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Parents and variants as a type column tells; a variant names its parent as ``id:12`` or by SKU."""
    types = _value(cells, plan.of("<type>")).str.to_lowercase()
    parent = _value(cells, plan.of("<parent>")).str.strip_chars()
    words = pl.lit(types).str.replace_all(" ", "", literal=True).str.split(",")
    level = (
        pl.when(words.list.contains("variation"))
        .then(pl.lit("variant"))
        .when(words.list.contains("variable"))
        .then(pl.lit("parent"))
        .otherwise(pl.lit("single"))
    )
    frame = frame.with_columns(level=level, parent_key=pl.lit(parent.str.strip_prefix("id:"))).with_columns(
        _first_filled(["record_key", "sku"])
    )
    named = frame.filter((pl.col("level") == "parent") & (pl.col("sku") != "")).unique(
        "sku", keep="first", maintain_order=True
    )
    by_sku = ~pl.lit(parent.str.starts_with("id:")) & (pl.col("parent_key") != "")
    known = pl.col("parent_key").replace(named["sku"], named["record_key"])
    return frame.with_columns(parent_key=pl.when(by_sku).then(known).otherwise(pl.col("parent_key")))


def _orders(frame: pl.DataFrame, cells: pl.DataFrame, plan: Plan, keys: Keys) -> dict[str, pl.DataFrame]:
    """Orders, one for each distinct key, and their lines, one for each row that names an article."""
    frame = frame.with_columns(_first_filled(["record_key"]))
    lines = pl.DataFrame(
        [
            frame["record_key"].alias("order_key"),
            _value(cells, plan.of("line.line_key")).alias("line_key"),
            _value(cells, plan.of("line.sku")).alias("sku"),
            _value(cells, plan.of("line.quantity")).alias("quantity"),
            _value(cells, plan.of("line.unit_price")).alias("unit_price"),
            frame["raw"],
            frame[ROW],
            frame[TOP],
        ]
    ).filter(pl.any_horizontal(pl.col("sku", "quantity", "unit_price") != ""))
    lines = lines.with_columns(
        line_key=pl.when(pl.col("line_key") == "").then(pl.col(ROW).cast(pl.String)).otherwise(pl.col("line_key"))
    ).with_columns(record_key=pl.format("{}/{}", "order_key", "line_key"))
    text = [f.name for f in FIELDS["order"] if f.name != "record_key"]
    orders = frame.group_by("record_key", maintain_order=True).agg(
        *(pl.col(n).filter(pl.col(n) != "").first().fill_null("") for n in text), pl.col("raw", ROW, TOP).first()
    )
    orders = orders.filter(pl.Series(~keys.again(orders["record_key"])))
    names = [f.name for f in FIELDS["order_line"]] + ["raw", ROW, TOP]
    return {
        "order": orders.select([f.name for f in FIELDS["order"]] + ["raw", ROW, TOP]),
        "order_line": lines.select(names),
    }
