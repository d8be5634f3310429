"""Reading JSON Lines, Parquet and XLSX into the same batches of text cells as a CSV file.

Numbers become the text that a person would have typed: those of JSON as they stand in the file (``1.10`` keeps its
zero), those of typed columns and workbook cells as the shortest decimal that means the same. Dates become ISO 8601.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import fastexcel
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.errors import SourceError
from connectors.files.delimited import RAW, SHOWN, Bad, Batch, distinct
from connectors.files.records import RECORD_LIMIT, ROW
from connectors.files.source import Encoding, utf8_blocks

__all__ = ["json_batches", "json_rows", "numbered_lines", "parquet_batches", "texts", "workbook_batches"]

DOCUMENT_LIMIT = 256 * 2**20
"""Largest JSON document (one array) in bytes; JSON Lines have no limit."""
WORKBOOK_LIMIT = 512 * 2**20
"""Most bytes that a workbook may unpack to. A sheet of 1,048,576 rows by 12 columns stays below it."""
CELL_LIMIT = 20_000_000
"""Most cells between the first and the last one of a sheet; the reader needs 32 bytes for each, filled or not."""

_FAR_ROW = re.compile(rb"""row\s[^>]{0,300}?\br=["'](\d{6,7})["']""")
_FAR_CELL = re.compile(rb"""\sr=["'][A-Za-z]{1,3}(\d{6,7})["']""")
_WIDE_CELL = re.compile(rb"""\sr=["']([A-Za-z]{2,3})\d{1,7}["']""")
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def json_batches(path: Path, encoding: Encoding) -> Iterator[Batch]:
    """Rows of a file with one JSON object a line, or of one JSON array of objects; the object stays in `RAW`.

    A value that is itself an object or a list becomes JSON text. A line that is no object is set aside.

    Raises
    ------
    SourceError
        When a JSON document is broken as a whole or too large for memory.
    """
    rows: list[dict[str, str]] = []
    bad: list[Bad] = []
    size = 0
    for number, raw in json_rows(path, encoding):
        found = _object(raw)
        if isinstance(found, str):
            shown = raw[: SHOWN * 4].decode("utf-8", "backslashreplace")[:SHOWN]
            bad.append(Bad(f"line {number}", f"Line {number} of {path.name}: {found}.", shown))
        else:
            rows.append(found | {ROW: str(number), RAW: raw.decode("utf-8")})
        size += len(raw)
        if size > 8 * 2**20:
            yield _json_batch(rows, bad)
            rows, bad, size = [], [], 0
    yield _json_batch(rows, bad)


def json_rows(path: Path, encoding: Encoding) -> Iterator[tuple[int, bytes]]:
    """Each object as bytes, with its line number (in a JSON array: its place in it, from 1)."""
    blocks = utf8_blocks(path, encoding)
    first = next(blocks, b"")
    if path.suffix.lower() == ".json" and first.lstrip()[:1] != b"{":
        yield from _elements(path, first, blocks)
        return
    for number, line in numbered_lines(chain([first], blocks)):
        if line.strip():
            yield number, line.rstrip(b"\r\n")


def numbered_lines(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their ends, numbered from 1. One longer than `RECORD_LIMIT` comes in pieces, each with a number."""
    number, pending = 0, b""
    for block in blocks:
        *lines, pending = (pending + block).split(b"\n")
        for line in lines:
            number += 1
            yield number, line + b"\n"
        if len(pending) > RECORD_LIMIT:
            number += 1
            yield number, pending
            pending = b""
    if pending:
        yield number + 1, pending


def parquet_batches(path: Path, batch_rows: int) -> Iterator[Batch]:
    """Rows of a Parquet file.

    Raises
    ------
    SourceError
        When the file is no Parquet file or is damaged.
    """
    done = 0
    try:
        with pq.ParquetFile(path) as file:
            names, _ = distinct(list(file.schema_arrow.names))
            for part in file.iter_batches(batch_size=batch_rows):
                frame = texts(pl.DataFrame(pa.table(part.columns, names=names)))
                frame = frame.with_columns(pl.int_range(done + 1, done + 1 + frame.height, dtype=pl.Int64).alias(ROW))
                done += frame.height
                yield _without_zero_bytes(frame, path)
            if not done:
                yield Batch(pl.DataFrame(schema=dict.fromkeys(names, pl.String) | {ROW: pl.Int64}))
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{path} is not a Parquet file that can be read: {error}.", platform="files") from error


def workbook_batches(path: Path, batch_rows: int) -> tuple[list[str], Iterator[Batch]]:
    """Notes, and the rows of the first sheet of a workbook; its first row that is not empty holds the column names.

    Raises
    ------
    SourceError
        When the file is no workbook, is protected by a password, or would unpack to more than memory should hold.
    """
    _examine(path)
    try:
        reader = fastexcel.read_excel(path)
        names = reader.sheet_names
        frame = reader.load_sheet(0, header_row=None, dtypes="string").to_polars()
    except fastexcel.FastExcelError as error:
        raise SourceError(f"{path} is not a workbook that can be read: {error}.", platform="files") from error
    if not frame.height:
        raise SourceError(f"{path}: the first sheet, {names[0]!r}, is empty. Put the table there.", platform="files")
    frame = frame.select(pl.all().cast(pl.String).fill_null(""))
    header = ["" if cell is None else str(cell).strip() for cell in frame.row(0)]
    columns, notes = distinct(header)
    if len(names) > 1:
        notes.append(f"only the first sheet, {names[0]!r}, is read; left out: {', '.join(names[1:])}")
    day = pl.all().str.replace(r"^(\d{4}-\d\d-\d\d) 00:00:00$", "$1")
    time = pl.all().str.replace(r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)$", "${1}T${2}")
    body = frame.rename(dict(zip(frame.columns, columns, strict=True))).slice(1).with_columns(day).with_columns(time)
    body = body.with_columns(pl.int_range(1, 1 + body.height, dtype=pl.Int64).alias(ROW))
    parts = body.iter_slices(batch_rows) if body.height else iter([body])
    return notes, (_without_zero_bytes(part, path) for part in parts)


def texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Every column as text: missing values empty, numbers shortest, times ISO 8601, lists and structs JSON."""
    return frame.select(_as_text(name, dtype).fill_null("").alias(name) for name, dtype in frame.schema.items())


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.String:
        return column
    if dtype.is_float():
        whole = (column == column.round(0)) & (column.abs() < 1e15)
        return (
            pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
        )
    if isinstance(dtype, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if dtype.time_zone else column.dt.replace_time_zone("UTC")
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    if dtype == pl.Binary:
        text = column.cast(pl.String, strict=False)
        return pl.coalesce(text, column.bin.encode("base64"))
    if dtype.is_nested():
        start = len(json.dumps(name, ensure_ascii=False)) + 2
        encoded = pl.struct(name).struct.json_encode().str.slice(start).str.strip_suffix("}")
        return pl.when(column.is_null()).then(pl.lit("")).otherwise(encoded)
    return column.cast(pl.String, strict=False)


def _without_zero_bytes(frame: pl.DataFrame, path: Path) -> Batch:
    """Text with a zero byte cannot be stored by most databases, so such a row is set aside whatever brought it."""
    names = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    if not names:
        return Batch(frame)
    zero = frame.select(pl.any_horizontal(pl.col(names).str.contains("\0", literal=True))).to_series()
    if not zero.any():
        return Batch(frame)
    bad = [
        Bad(f"row {row[ROW]}", f"Row {row[ROW]} of {path.name}: it holds a zero byte.", json.dumps(row)[:SHOWN])
        for row in frame.filter(zero).rename({ROW: ROW}).to_dicts()
    ]
    return Batch(frame.filter(~zero), bad)


def _json_batch(rows: list[dict[str, str]], bad: list[Bad]) -> Batch:
    names = dict.fromkeys(key for row in rows for key in row if key != ROW)
    cells: dict[str, list[str]] = {name: [row.get(name, "") for row in rows] for name in names}
    frame = pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String))
    return Batch(frame.with_columns(pl.Series(ROW, [int(row[ROW]) for row in rows], dtype=pl.Int64)), bad)


def _object(raw: bytes) -> dict[str, str] | str:
    """Keys and cells of a JSON object, or why there are none."""
    if len(raw) > RECORD_LIMIT:
        return f"it is longer than {RECORD_LIMIT // 2**20} MB, the most that is read as one row"
    try:
        text = raw.decode("utf-8")
        # Numbers stay as they are written: a float would lose the zero of "1.10" and the end of a long identifier.
        found = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
        if not isinstance(found, dict):
            return "it is not a JSON object ({...})"
        if any(isinstance(value, dict | list) for value in found.values()):
            nested = json.loads(text)
            found = {k: nested[k] if isinstance(v, dict | list) else v for k, v in found.items()}
    except UnicodeDecodeError:
        return "it holds bytes that are not UTF-8"
    except (ValueError, RecursionError) as error:
        return f"it is not JSON: {error}"
    if b"\\u0000" in raw or b"\0" in raw:
        return "it holds a zero byte"
    cells = {name.strip() or "column": _cell(value) for name, value in found.items()}
    if _HALF_CHARACTER.search(raw):
        try:
            json.dumps(cells, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            return "it holds half a character (a lone surrogate)"
    return cells


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)


def _elements(path: Path, first: bytes, blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    if path.stat().st_size > DOCUMENT_LIMIT:
        raise SourceError(
            f"{path} is one JSON document of more than {DOCUMENT_LIMIT // 2**20} MB. Save it as JSON Lines (one object a line).",
            platform="files",
        )
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    try:
        text = b"".join([first, *blocks]).decode("utf-8")
        position = re.compile(r"\s*\[\s*").match(text)
        if position is None:
            raise ValueError("it does not start with [ or {")
        at, number = position.end(), 0
        after = re.compile(r"\s*([,\]])\s*")
        while text[at : at + 1] != "]":
            _, end = decoder.raw_decode(text, at)
            number += 1
            yield number, text[at:end].encode("utf-8")
            comma = after.match(text, end)
            if comma is None:
                raise ValueError(f"a comma is missing behind element {number}")
            if comma.group(1) == "]":
                return
            at = comma.end()
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not JSON: {error}.", platform="files") from error


def _examine(path: Path) -> None:
    """Refuse a workbook that would not fit into memory, before the reader (which has no limits of its own) sees it."""
    total, last_row, last_column = 0, 99_999, 26
    try:
        with zipfile.ZipFile(path) as archive:
            for part in archive.infolist():
                tail = b""
                with archive.open(part) as stream:
                    while chunk := stream.read(2**20):
                        total += len(chunk)
                        if total > WORKBOOK_LIMIT:
                            raise _too_large(path, f"unpacks to more than {WORKBOOK_LIMIT // 2**20} MB")
                        text = tail + chunk
                        rows = {*_FAR_ROW.findall(text), *_FAR_CELL.findall(text)}
                        last_row = max([last_row, *map(int, rows)])
                        last_column = max([last_column, *map(_column_number, {*_WIDE_CELL.findall(text)})])
                        tail = chunk[-512:]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise SourceError(
            f"{path} is not an XLSX workbook, is damaged, or has a password: {error}. Save it again as XLSX or CSV.",
            platform="files",
        ) from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.", platform="files") from error
    if last_row > 99_999 or last_column > 200:
        cells = last_row * last_column
        if cells > CELL_LIMIT:
            raise _too_large(
                path, f"reaches to row {last_row:,} and column {last_column:,}: {cells:,} cells, filled or not"
            )


def _too_large(path: Path, why: str) -> SourceError:
    return SourceError(f"{path} {why}, more than is read from a workbook. Save the sheet as CSV.", platform="files")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
