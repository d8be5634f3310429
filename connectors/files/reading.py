"""Reading one file from end to end: which reader, which plan, batches of bounded size, and a report of what was done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import polars as pl

from connectors.errors import SourceError
from connectors.files.delimited import Bad, Batch, Delimited
from connectors.files.formats import json_batches, parquet_batches, workbook_batches
from connectors.files.plan import Plan, bind, extended, load_mapping
from connectors.files.records import ROW
from connectors.files.shape import TOP, Keys, cells_of, shaped
from connectors.files.source import SUFFIXES, detect, require
from connectors.platform import QUARANTINE, Page
from connectors.record import conform, empty

__all__ = ["Reading", "read_file"]

BATCH_BYTES = 64 * 2**20
"""A page is handed on when its cells reach this size, even if it has fewer rows."""
_LONGEST_GROUP = 8
"""Rows of one product are kept together over this many times the size of a batch, then cut all the same."""


class Reading(Iterator[Page]):
    """The pages of one file, and what is known of how it is read.

    Parameters
    ----------
    path, layout, mapping, kind, batch_rows, currency, language, encoding
        See `read_file`.
    keys : Keys, optional
        Shared between the files of one folder, so that record keys are distinct in all of them.
    like : Path, optional
        The source of a corrected file: encoding, delimiter and plan are those of the source, whatever the corrections say.

    Attributes
    ----------
    plan : Plan
        Column by column; ``plan.layout`` is the layout's name.
    columns : list of str
        All columns of the file.
    encoding : str
        Empty for file types that have none.
    notes : list of str
        What a person should know; complete when the last page was read.
    rows, quarantined : int
        Records handed on and rows set aside so far.
    """

    def __init__(
        self,
        path: Path,
        *,
        layout: str = "auto",
        mapping: Mapping[str, Mapping[str, str]] | None = None,
        kind: str = "product",
        batch_rows: int = 50_000,
        currency: str = "",
        language: str = "",
        encoding: str = "",
        keys: Keys | None = None,
        like: Path | None = None,
    ) -> None:
        if batch_rows < 1:
            raise SourceError(f"batch_rows is {batch_rows}; it must be at least 1.", platform="files")
        self.path = require(path)
        self.kind = kind
        self.encoding = ""
        self.notes: list[str] = []
        self.rows = 0
        self.quarantined = 0
        self.delimited: Delimited | None = None
        self._batch_rows = batch_rows
        self._keys = keys or Keys()
        constants = {"product": {"currency": currency, "language": language}, "order": {"currency": currency}}
        self._bind = partial(bind, kind=kind, layout=layout, mapping=mapping, constants=constants.get(kind, {}))
        self._batches = self._open(encoding, like)
        self._first = self._first_with_columns()
        self.columns = [c for c in self._first.cells.columns if not c.startswith("\0")]
        if not self.columns:
            why = f" First problem: {self._first.bad[0].error}" if self._first.bad else ""
            raise SourceError(f"{self.path} holds no row that can be read.{why}", platform="files")
        model = (
            self
            if like is None
            else Reading(
                like,
                layout=layout,
                mapping=mapping,
                kind=kind,
                batch_rows=batch_rows,
                currency=currency,
                language=language,
                encoding=encoding,
            )
        )
        self.plan: Plan = self._bind(self._first.cells) if model is self else model.plan
        self._pages = self._read()

    def __iter__(self) -> Reading:
        return self

    def __next__(self) -> Page:
        return next(self._pages)

    def report(self) -> list[str]:
        """Lines for a person: layout, encoding, what each column is read as, what is left, what is odd."""
        titles = {"guess": "column names (guessed)", "mapping": "the given mapping"}
        lines = [f"{self.path.name}: read by {titles.get(self.plan.layout, f'layout {self.plan.layout}')}"]
        if self.encoding:
            marks = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
            how = (
                f", columns separated by {marks.get(self.delimited.delimiter, self.delimited.delimiter)}"
                if self.delimited
                else ""
            )
            lines.append(f"encoding {self.encoding}{how}")
        return lines + self.notes + self.plan.report(self.columns)

    def frames(self) -> Iterator[tuple[dict[str, pl.DataFrame], pl.DataFrame]]:
        """Records with their row numbers, and the cells they come from; for whoever writes into the file."""
        for batch in self._whole_groups():
            if batch.cells.width > 1:
                yield shaped(batch.cells, self._plan_for(batch.cells), self._keys), batch.cells

    def tables(self) -> Iterator[pl.DataFrame]:
        """The cells only, with their row numbers."""
        for batch in self._all_batches():
            if batch.cells.width > 1:
                self._plan_for(batch.cells)
                yield batch.cells

    def _read(self) -> Iterator[Page]:
        for batch in self._whole_groups():
            records = shaped(batch.cells, self._plan_for(batch.cells), self._keys) if batch.cells.height else {}
            kinds = [self.kind, "order_line"] if self.kind == "order" else [self.kind]
            frames = {k: conform(records[k].drop(ROW, TOP), k) if k in records else empty(k) for k in kinds}
            self.rows += frames[self.kind].height
            self.quarantined += len(batch.bad)
            yield Page(frames, _quarantine(batch.bad))
        if not self.rows and not self.quarantined:
            self.notes.append(f"{self.path.name} has a header and no rows")
        if self.quarantined:
            self.notes.append(f"{self.quarantined} rows of {self.path.name} could not be read and are set aside")

    def _plan_for(self, cells: pl.DataFrame) -> Plan:
        new = [c for c in cells.columns if not c.startswith("\0") and c not in self.columns]
        if new:
            self.columns += new
            try:
                following = self._bind(cells)
            except SourceError:
                following = self.plan
            self.plan = extended(self.plan, following)
        missing = {e.column for e in self.plan.entries} - set(cells.columns)
        if missing:
            for name in missing:
                cells.insert_column(0, pl.repeat("", cells.height, dtype=pl.String, eager=True).alias(name))
        return self.plan

    def _first_with_columns(self) -> Batch:
        bad: list[Bad] = []
        for batch in self._batches:
            bad += batch.bad
            if batch.cells.width > 1:
                return Batch(batch.cells, bad)
        return Batch(pl.DataFrame(schema={ROW: pl.Int64}), bad)

    def _open(self, declared: str, like: Path | None) -> Iterator[Batch]:
        reader = SUFFIXES[self.path.suffix.lower()]
        if reader == "parquet":
            return parquet_batches(self.path, self._batch_rows)
        if reader == "workbook":
            notes, batches = workbook_batches(self.path, self._batch_rows)
            self.notes += notes
            return batches
        if like is not None and SUFFIXES[like.suffix.lower()] != reader:
            like = None
        encoding = detect(like or self.path, declared)
        self.encoding = encoding.name
        if encoding.note:
            self.notes.append(encoding.note)
        if reader == "json":
            return json_batches(self.path, encoding)
        delimiter = Delimited(like, encoding).delimiter if like is not None else ""
        self.delimited = Delimited(self.path, encoding, delimiter=delimiter)
        self.notes += self.delimited.notes
        return _header_first(self.delimited)

    def _whole_groups(self) -> Iterator[Batch]:
        """Batches of at most the wanted size that never part the rows of one product or order."""
        field = "<handle>" if self.plan.shape == "handles" else "record_key" if self.kind == "order" else ""
        held: list[Batch] = []
        rows, size = 0, 0
        limit = self._batch_rows
        for batch in self._all_batches():
            for part in batch.cells.iter_slices(self._batch_rows) if batch.cells.height else [batch.cells]:
                if rows and rows + part.height > limit:
                    ready, held = self._cut(held, field)
                    if ready is not None:
                        yield ready
                    rows, size = _extent(held)
                    limit = min(max(self._batch_rows, 2 * rows), _LONGEST_GROUP * self._batch_rows)
                held.append(Batch(part))
                rows, size = rows + part.height, size + int(part.estimated_size())
            if batch.bad:
                held.append(Batch(batch.cells.clear(), batch.bad))
            if size >= BATCH_BYTES:
                ready, held = self._cut(held, field)
                if ready is not None:
                    yield ready
                rows, size = _extent(held)
        yield _joined(held) if held else Batch(self._first.cells.clear())

    def _cut(self, held: list[Batch], field: str) -> tuple[Batch | None, list[Batch]]:
        whole = _joined(held)
        cells = whole.cells
        if not field or not cells.height or cells.height >= _LONGEST_GROUP * self._batch_rows:
            return whole, []
        group = cells_of(cells, self.plan, field)
        last = group[-1]
        others = (group != last).arg_true()
        if not len(others) or not last:
            return (whole, []) if not last else (None, [whole])
        start = int(others[-1]) + 1
        return Batch(cells.head(start), whole.bad), [Batch(cells.slice(start))]

    def _all_batches(self) -> Iterator[Batch]:
        yield self._first
        yield from self._batches


def read_file(
    path: str | Path,
    *,
    layout: str = "auto",
    mapping: str | Path | Mapping[str, object] | None = None,
    kind: str = "product",
    batch_rows: int = 50_000,
    currency: str = "",
    language: str = "",
    encoding: str = "",
) -> Reading:
    """The records of a CSV, TSV, JSON Lines, Parquet or XLSX file, page by page.

    Parameters
    ----------
    path : str or Path
    layout : str
        ``auto`` (recognise, else guess by column name), ``guess``, ``none`` (`mapping` alone), or a name in
        `connectors.files.layouts.LAYOUTS`.
    mapping : str, Path or mapping, optional
        See `connectors.files.plan.load_mapping`; goes before the layout, column by column.
    kind : {"product", "order", "stock"}
        Kind of records. Pages of orders hold ``order`` and ``order_line``.
    batch_rows : int
        Most rows on a page; rows of one product or order stay together and may exceed it.
    currency, language : str
        For rows that name none: ISO 4217, ISO 639-1.
    encoding : str
        Overrides detection, if the file fits it.

    Returns
    -------
    Reading
        An iterator of `Page`; its ``report()`` says what was read as what and what was left in the raw payload.
        Broken rows are in ``Page.quarantined`` with their line number and raw text.

    Raises
    ------
    SourceError
        When the file as a whole cannot be read, or the layout or mapping does not fit.
    """
    if kind not in ("product", "order", "stock"):
        raise SourceError(
            f"There is no kind {kind!r} of records in files; there are product, order and stock.", platform="files"
        )
    return Reading(
        Path(path).expanduser(),
        layout=layout,
        mapping=load_mapping(mapping),
        kind=kind,
        batch_rows=batch_rows,
        currency=currency,
        language=language,
        encoding=encoding,
    )


def _header_first(table: Delimited) -> Iterator[Batch]:
    found = False
    for batch in table.batches():
        found = True
        yield batch
    if not found:
        yield Batch(pl.DataFrame(schema=dict.fromkeys(table.columns, pl.String) | {ROW: pl.Int64}))


def _extent(batches: list[Batch]) -> tuple[int, int]:
    return sum(b.cells.height for b in batches), int(sum(b.cells.estimated_size() for b in batches))


def _joined(batches: list[Batch]) -> Batch:
    frames = [b.cells for b in batches]
    bad: list[Bad] = [one for b in batches for one in b.bad]
    if len(frames) == 1:
        return Batch(frames[0], bad)
    # Objects of a JSON file need not all have the same keys.
    names = list(dict.fromkeys(name for f in frames for name in f.columns))
    cells = pl.concat(frames, how="diagonal").select(names)
    return Batch(cells.with_columns(pl.col(pl.String).fill_null("")), bad)


def _quarantine(bad: list[Bad]) -> pl.DataFrame:
    return pl.DataFrame([(b.where, b.error, b.raw) for b in bad], schema=QUARANTINE, orient="row")
