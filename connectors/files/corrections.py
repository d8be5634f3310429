"""Finding the cells that a change of a record means, and proving that the file then says what was wanted."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Protocol

import polars as pl

from connectors.files.forms import FORMS, Unwritable
from connectors.files.plan import Entry, Plan
from connectors.files.reading import Reading
from connectors.files.records import ROW
from connectors.files.shape import TOP, Keys, shaped
from connectors.files.source import current
from connectors.files.writing import Target, write_corrected
from connectors.platform import RESULTS
from connectors.record import FIELDS

__all__ = ["push_changes"]

_PRODUCT_FIELDS = {f.name for f in FIELDS["product"] if f.level == "product"}
_IDENTIFIERS = {"record_key", "parent_key", "level", "order_key", "line_key"}


class Opener(Protocol):
    """Opens a file for reading as its connection says; ``like`` is the source that a corrected file was made from."""

    def __call__(self, path: Path, keys: Keys, like: Path | None = None) -> Reading:
        """A fresh reading."""
        ...


@dataclasses.dataclass
class _Change:
    """One wanted value, where it belongs, and what came of it."""

    correction_id: str
    kind: str
    record_key: str
    field: str
    before: str | None
    value: str
    code: str = "not-found"
    message: str = ""
    cells: dict[tuple[int, str], str] = dataclasses.field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        return not self.code


def push_changes(paths: list[Path], changes: pl.DataFrame, opened: Opener, encoding: str) -> pl.DataFrame:
    """Write changes into the corrected files and answer each.

    Parameters
    ----------
    paths : list of Path
        Source files, in the order in which they are read.
    changes : polars.DataFrame
        Schema `connectors.platform.CHANGES`.
    opened : callable
        Opens a file for reading, given its path and the keys of this reading.
    encoding : str
        As it was given to the reader.

    Returns
    -------
    polars.DataFrame
        Schema `connectors.platform.RESULTS`, in the order of `changes`. Codes of refusals: ``not-found``, ``conflict``
        (the file says something else than `before`), ``no-column``, ``not-writable``.
    """
    wanted = [
        _Change(row["correction_id"], row["kind"], row["record_key"], row["field"], row["before"], row["value"] or "")
        for row in changes.iter_rows(named=True)
    ]
    keys = Keys()
    for path in paths:
        base = current(path)
        like = path if base != path else None
        reading = opened(base, keys, like)
        target = Target(path, opened(path, Keys()).encoding)
        fresh: dict[int, dict[str, str]] = {}
        for records, cells in reading.frames():
            found = _located(records, wanted)
            if found:
                _decide(found, records, cells, reading, target)
                for change, _ in found:
                    for (row, column), cell in change.cells.items() if change.accepted else []:
                        fresh.setdefault(row, {})[column] = cell
        if fresh:
            edits = dict(_differences(opened(path, Keys()), opened(base, Keys(), like))) if like else {}
            for row, cells_of_row in fresh.items():
                edits[row] = edits.get(row, {}) | cells_of_row
            edits = _without_same(edits, opened(path, Keys()), reading.plan)
            write_corrected(path, reading.columns, edits, encoding=encoding)
    rows = [
        (c.correction_id, "accepted" if c.accepted else "refused", c.code, c.message or _default_message(c))
        for c in wanted
    ]
    return pl.DataFrame(rows, schema=RESULTS, orient="row")


def _default_message(change: _Change) -> str:
    return "" if change.accepted else f"No {change.kind} {change.record_key!r} is in the file any more. Sync it again."


def _located(records: dict[str, pl.DataFrame], wanted: list[_Change]) -> list[tuple[_Change, dict[str, object]]]:
    """Changes whose record is on this page, with the record."""
    found = []
    for kind, frame in records.items():
        names = {c.record_key for c in wanted if c.kind == kind}
        if not names or not frame.height:
            continue
        rows = {r["record_key"]: r for r in frame.filter(pl.col("record_key").is_in(list(names))).iter_rows(named=True)}
        found += [(c, rows[c.record_key]) for c in wanted if c.kind == kind and c.record_key in rows]
    return found


def _decide(
    found: list[tuple[_Change, dict[str, object]]],
    records: dict[str, pl.DataFrame],
    cells: pl.DataFrame,
    reading: Reading,
    target: Target,
) -> None:
    """Work out the new cells of each change, and refuse those after which the file would not say what was wanted."""
    plan = reading.plan
    places = {c for change, record in found for c in (record[ROW], record[TOP])}
    rows = {r[ROW]: r for r in cells.filter(pl.col(ROW).is_in(list(places))).iter_rows(named=True)}
    for change, record in found:
        change.code, change.message = "", ""
        now = _value(record, change.field)
        wanted = _same(change.field, now, change.value)
        if change.before is not None and not wanted and not _same(change.field, now, change.before):
            change.code = "conflict"
            change.message = f"The file says {now[:200]!r} where {change.before[:200]!r} was read. Sync it again."
            continue
        if wanted:
            continue
        try:
            change.cells = _cells_for(change, record, rows, plan)
            for (row, column), cell in change.cells.items():
                target.check(reading.columns, column, cell)
                rows[row] = {**rows[row], column: cell}
        except LookupError as error:
            change.code, change.message = "no-column", str(error.args[0])
        except Unwritable as error:
            change.code, change.message = "not-writable", f"{change.field} was not changed: {error}."
    while failed := _unproven([f for f in found if f[0].accepted and f[0].cells], cells, plan):
        for change, read in failed:
            change.code, change.cells = "not-writable", {}
            change.message = (
                f"{change.field} was not changed: the file would read {read[:200]!r} instead of {change.value[:200]!r}."
            )


def _unproven(
    found: list[tuple[_Change, dict[str, object]]], cells: pl.DataFrame, plan: Plan
) -> list[tuple[_Change, str]]:
    """Changes that do not read back, if all their cells were written."""
    if not found:
        return []
    edited: dict[str, dict[int, str]] = {}
    for change, _ in found:
        for (row, column), cell in change.cells.items():
            edited.setdefault(column, {})[row] = cell
    after = cells.with_columns(
        pl.coalesce(pl.col(ROW).replace_strict(new, default=None, return_dtype=pl.String), pl.col(column)).alias(column)
        for column, new in edited.items()
    )
    places = list({record[TOP] for _, record in found})
    was = {(k, r[ROW], r.get("level", "")): r for k, f in shaped(cells, plan, Keys()).items() for r in _at(f, places)}
    now = {(k, r[ROW], r.get("level", "")): r for k, f in shaped(after, plan, Keys()).items() for r in _at(f, places)}
    failed = []
    for change, record in found:
        key = (change.kind, record[ROW], record.get("level", ""))
        if key not in now or now[key]["record_key"] != was[key]["record_key"]:
            failed.append((change, "another record, because this column identifies it"))
            continue
        read = _value(now[key], change.field)
        if not _same(change.field, read, change.value):
            failed.append((change, read))
    return failed


def _at(frame: pl.DataFrame, places: list[object]) -> Iterator[dict[str, object]]:
    return frame.filter(pl.col(TOP).is_in(places)).iter_rows(named=True)


def _cells_for(
    change: _Change, record: dict[str, object], rows: dict[object, dict[str, str]], plan: Plan
) -> dict[tuple[int, str], str]:
    """Place and new text of the cells that a change means.

    Raises
    ------
    LookupError
        When the file has no column for the field.
    Unwritable
        When the value cannot be written there.
    """
    if change.field in _IDENTIFIERS:
        raise Unwritable("it identifies the row")
    row, top = int(str(record[ROW])), int(str(record[TOP]))
    name = f"line.{change.field}" if change.kind == "order_line" else change.field
    if plan.shape == "handles" and change.field in ("price", "sale_price"):
        return {(row, column): cell for column, cell in _prices(change, rows[row], plan).items()}
    if plan.shape == "handles" and change.field == "images":
        raise Unwritable("the images of this layout stand on several rows; change them in the shop")
    entries = plan.of(name)
    if not entries:
        for name_column, value_column in plan.pairs:
            if change.field == f"attributes.{rows[top][name_column].strip()}":
                return {(row, value_column): change.value}
        raise LookupError(f"The file has no column for {change.field}. Add one to it, or give a mapping that names it.")
    place = top if plan.shape == "handles" and change.field in _PRODUCT_FIELDS else row
    if change.field == "images" and len(entries) > 1:
        return _split_images(change.value, entries, rows[place], place)
    entry = next(
        (e for e in entries if len(FORMS[e.form].read(pl.Series([rows[place][e.column]]), e.unit)[0])), entries[0]
    )
    return {(place, entry.column): FORMS[entry.form].write(change.value, rows[place][entry.column], entry.unit)}


def _split_images(value: str, entries: list[Entry], row: dict[str, str], place: int) -> dict[tuple[int, str], str]:
    addresses = _images(value)
    first, second = entries[0], entries[1]
    cells = {(place, first.column): addresses[0] if addresses else ""}
    cells[(place, second.column)] = FORMS[second.form].write(json.dumps(addresses[1:]), row[second.column], second.unit)
    return cells | {(place, e.column): "" for e in entries[2:]}


def _prices(change: _Change, row: dict[str, str], plan: Plan) -> dict[str, str]:
    """Cells of price and compare-at price: on sale, the regular price stands in the compare-at column."""
    price = next((e.column for e in plan.of("<price>")), "")
    compare = next((e.column for e in plan.of("<compare>")), "")
    if not price:
        raise LookupError("The file has no column for the price.")
    on_sale = (
        bool(compare)
        and _number(row[compare]) is not None
        and (_number(row[price]) or 0) < (_number(row[compare]) or 0)
    )
    if change.field == "price":
        return {compare if on_sale else price: change.value}
    if not compare:
        raise LookupError("The file has no column for a compare-at price, so nothing can be on sale in it.")
    if not change.value:
        return {price: row[compare], compare: ""} if on_sale else {}
    return {price: change.value} if on_sale else {price: change.value, compare: row[price]}


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _differences(source: Reading, base: Reading) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of the corrected file that differ from the source, with the cells that do."""
    for cells, other in _aligned(source.tables(), base.tables()):
        names = [c for c in cells.columns if not c.startswith("\0") and c in other.columns]
        both = cells.select(ROW, *names).join(other.select(ROW, *names), on=ROW, suffix="\0new", maintain_order="left")
        changed = both.filter(pl.any_horizontal(pl.col(n) != pl.col(f"{n}\0new") for n in names))
        for row in changed.iter_rows(named=True):
            yield row[ROW], {n: row[f"{n}\0new"] for n in names if row[n] != row[f"{n}\0new"]}


def _aligned(
    left: Iterator[pl.DataFrame], right: Iterator[pl.DataFrame]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Both tables in parts of the same rows; batches end at other places where cells are longer in one of them."""
    held: pl.DataFrame | None = None
    for part in left:
        if not part.height:
            continue
        last = part[ROW][-1]
        while held is None or not held.height or held[ROW][-1] < last:
            following = next(right, None)
            if following is None:
                break
            held = following if held is None else pl.concat([held, following], how="diagonal")
        if held is None:
            return
        yield part, held.filter(pl.col(ROW) <= last)
        held = held.filter(pl.col(ROW) > last)


def _without_same(edits: dict[int, dict[str, str]], source: Reading, plan: Plan) -> dict[int, dict[str, str]]:
    """The edits without cells that mean again what the source says, so that the source's own bytes stand there."""
    entries: dict[str, list[Entry]] = {}
    for entry in plan.entries:
        entries.setdefault(entry.column, []).append(entry)

    def same(column: str, old: str, new: str) -> bool:
        if old == new or column not in entries:
            return old == new
        both = pl.Series([old, new])
        return all(_equal(FORMS[e.form].read(both, e.unit).to_list()) for e in entries[column])

    left: dict[int, dict[str, str]] = {}
    for cells in source.tables():
        for row in cells.filter(pl.col(ROW).is_in(list(edits))).iter_rows(named=True):
            changed = {
                column: cell for column, cell in edits[row[ROW]].items() if not same(column, row.get(column, ""), cell)
            }
            if changed:
                left[row[ROW]] = changed
    return left


def _equal(pair: list[object]) -> bool:
    return pair[0] == pair[1]


def _value(record: dict[str, object], name: str) -> str:
    if not name.startswith("attributes."):
        return _shown(record.get(name))
    pairs: list[dict[str, str]] = record.get("attributes") or []  # type: ignore[assignment]
    return next((p["value"] for p in pairs if p["key"] == name.removeprefix("attributes.")), "")


def _shown(value: object) -> str:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


def _same(name: str, left: str, right: str) -> bool:
    if name != "images":
        return left == right
    try:
        return _images(left) == _images(right)
    except Unwritable:
        return False


def _images(value: str) -> list[str]:
    try:
        found = json.loads(value) if value else []
    except (ValueError, RecursionError):
        found = [value]
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Unwritable(f"{value[:80]!r} is not a JSON list of addresses")
    return found
