"""Writing corrections beside a source file, cell by cell, so that nothing else in it changes by a byte.

The corrected file is always made from the *source* and the cells that differ from it, never from its own former state:
a cell that gets its former value back is the source's own bytes again, so undo is exact.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.errors import SourceError
from connectors.files.delimited import Delimited
from connectors.files.formats import json_rows, numbered_lines, texts, workbook_batches
from connectors.files.forms import Unwritable
from connectors.files.source import SUFFIXES, corrected, detect, utf8_blocks

__all__ = ["Edits", "Target", "write_corrected"]

Edits = Mapping[int, Mapping[str, str]]
"""Row number to column to the new cell."""

_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


def write_corrected(source: Path, columns: list[str], edits: Edits, *, encoding: str = "") -> Path:
    """Write the source with some cells changed beside it, whole or not at all, and give its path.

    Parameters
    ----------
    source : Path
    columns : list of str
        Column names as the reader gave them.
    edits : mapping
        Every cell that differs from the source.
    encoding : str
        As it was given to the reader.

    Raises
    ------
    SourceError
        When the file cannot be written (full disk, no permission), or the source changed meanwhile; a former corrected
        file is then still there as it was.
    """
    target = corrected(source)
    before = source.stat()
    kind = SUFFIXES[source.suffix.lower()]
    handle = -1
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            if kind == "delimited":
                file.writelines(_delimited(source, edits, encoding))
            elif kind == "json":
                file.writelines(_json_lines(source, edits, encoding))
            elif kind == "parquet":
                _parquet(source, file, columns, edits)
            else:
                file.writelines(_workbook(source, columns, edits))
            file.flush()
            os.fsync(file.fileno())
        now = source.stat()
        if (now.st_mtime_ns, now.st_size) != (before.st_mtime_ns, before.st_size):
            raise SourceError(
                f"{source} changed while its corrections were written. Sync it again, then push again.",
                platform="files",
            )
        Path(temporary).chmod(before.st_mode & 0o777)
        Path(temporary).replace(target)
    except OSError as error:
        raise SourceError(
            f"{target} cannot be written: {error.strerror or error}. Free some space or allow writing to the folder; "
            "nothing was changed.",
            platform="files",
        ) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    return target


class Target:
    """What the cells of a file can hold.

    Parameters
    ----------
    source : Path
    encoding : str
        Name of the codec; empty for file types that have none.
    """

    def __init__(self, source: Path, encoding: str) -> None:
        self._encoding = encoding
        self._schema = pq.read_schema(source) if SUFFIXES[source.suffix.lower()] == "parquet" else None

    def check(self, columns: list[str], column: str, cell: str) -> None:
        """Check that a cell can stand in that column.

        Raises
        ------
        Unwritable
            When the file's encoding lacks a character, or the column's type another value.
        """
        if "\0" in cell:
            raise Unwritable("a zero byte cannot be written")
        if self._schema is not None:
            _typed(cell, self._schema.field(columns.index(column)).type)
        try:
            cell.encode(self._encoding or "utf-8")
        except UnicodeEncodeError as error:
            raise Unwritable(f"{cell[error.start]!r} does not exist in the file's encoding {self._encoding}") from None


def _delimited(source: Path, edits: Edits, declared: str) -> Iterator[bytes]:
    encoding = detect(source, declared)
    table = Delimited(source, encoding)
    plain = encoding.name in ("utf-8", "ascii") and encoding.newline == "\n"

    def own(data: bytes) -> bytes:
        if plain:
            return data
        text = data.decode("utf-8", "surrogateescape")
        if encoding.newline == "\r":
            text = text.replace("\n", "\r")
        return text.encode(
            encoding.name, "strict" if encoding.name.startswith(("utf-16", "utf-32")) else "surrogateescape"
        )

    yield encoding.mark
    yield own(table.preamble)
    numbers = sorted(edits)
    for part in table.parts():
        if not any(part.row <= number < part.row + part.count for number in numbers):
            yield own(part.data)
            continue
        position = 0
        for number, record in enumerate(table.records(part), start=part.row):
            yield own(part.data[position : record.start])
            whole = part.data[record.start : record.end]
            position = record.end
            if number in edits and record.fields is not None:
                fields = list(record.fields)
                tail = whole[sum(map(len, fields)) + len(fields) - 1 :]
                for column, cell in edits[number].items():
                    index = table.columns.index(column)
                    fields[index] = _field(cell, fields[index], table.delimiter)
                whole = table.delimiter.encode().join(fields) + tail
            yield own(whole)
        yield own(part.data[position:])


def _field(cell: str, former: bytes, delimiter: str) -> bytes:
    needs_quotes = any(mark in cell for mark in (delimiter, '"', "\n", "\r"))
    if needs_quotes or former.startswith(b'"'):
        return b'"' + cell.replace('"', '""').encode("utf-8") + b'"'
    return cell.encode("utf-8")


def _json_lines(source: Path, edits: Edits, declared: str) -> Iterator[bytes]:
    encoding = detect(source, declared)
    blocks = utf8_blocks(source, encoding)
    is_document = source.suffix.lower() == ".json"
    rows = json_rows(source, encoding) if is_document else numbered_lines(blocks)
    yield encoding.mark
    for number, raw in rows:
        if number in edits:
            text = raw.decode("utf-8")
            for column, cell in edits[number].items():
                text = _with_value(text, column, cell)
            raw = text.encode("utf-8")
        line = raw.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n" if is_document else raw
        yield (
            line
            if encoding.name in ("utf-8", "ascii")
            else line.decode("utf-8", "surrogateescape").encode(encoding.name, "surrogateescape")
        )


def _with_value(text: str, column: str, cell: str) -> str:
    """The JSON object with one value replaced, every other character as it was."""
    decoder = json.JSONDecoder(parse_float=str, parse_int=str)
    blank = re.compile(r"[\s,]*")
    position = text.index("{") + 1
    while True:
        position = blank.match(text, position).end()  # type: ignore[union-attr]
        if text[position] == "}":
            comma = "" if text[:position].rstrip().endswith("{") else ", "
            return (
                f"{text[:position]}{comma}{json.dumps(column)}: {json.dumps(cell, ensure_ascii=False)}{text[position:]}"
            )
        key, position = decoder.raw_decode(text, position)
        start = re.compile(r"\s*:\s*").match(text, position).end()  # type: ignore[union-attr]
        _, position = decoder.raw_decode(text, start)
        if key.strip() == column:
            return text[:start] + _json_value(cell, text[start:position]) + text[position:]


def _json_value(cell: str, former: str) -> str:
    if former[:1] in "-0123456789" and _JSON_NUMBER.fullmatch(cell):
        return cell
    if former[:1] in "[{" or former in ("true", "false"):
        try:
            if json.dumps(json.loads(cell), ensure_ascii=False) == cell:
                return cell
        except ValueError:
            return json.dumps(cell, ensure_ascii=False)
    return "null" if former == "null" and not cell else json.dumps(cell, ensure_ascii=False)


def _parquet(source: Path, file: BinaryIO, columns: list[str], edits: Edits) -> None:
    with pq.ParquetFile(source) as table, pq.ParquetWriter(file, table.schema_arrow) as writer:
        done = 0
        for batch in table.iter_batches(batch_size=50_000):
            arrays = list(batch.columns)
            here = {n - done - 1: row for n, row in edits.items() if done < n <= done + batch.num_rows}
            for index, name in enumerate(columns):
                cells = {place: row[name] for place, row in here.items() if name in row}
                if cells:
                    values = arrays[index].to_pylist()
                    for place, cell in cells.items():
                        values[place] = _typed(cell, arrays[index].type)
                    arrays[index] = pa.array(values, type=arrays[index].type)
            writer.write_batch(pa.record_batch(arrays, schema=batch.schema))
            done += batch.num_rows


def _typed(cell: str, dtype: pa.DataType) -> object:
    """The value of a typed column that reads as the cell."""
    value: object = None
    try:
        if pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype):
            return cell
        if cell:
            if pa.types.is_integer(dtype):
                value = int(cell)
            elif pa.types.is_floating(dtype):
                value = float(cell)
            elif pa.types.is_boolean(dtype):
                value = {"true": True, "false": False}[cell]
            elif pa.types.is_nested(dtype):
                value = json.loads(cell)
            else:
                value = pa.scalar(cell).cast(dtype).as_py()
        shown = texts(pl.DataFrame(pa.table({"cell": pa.array([value], type=dtype)})))["cell"][0]
    except (ValueError, KeyError, TypeError, pa.ArrowException):
        shown = None
    if shown != cell:
        raise Unwritable(f"the column has the type {dtype}, which cannot hold {cell[:80]!r} as it is written")
    return value


def _workbook(source: Path, columns: list[str], edits: Edits) -> Iterator[bytes]:
    _, batches = workbook_batches(source, 50_000)
    # Spreadsheets take a CSV file for one in UTF-8 only if it starts with the mark.
    yield b"\xef\xbb\xbf" + _csv([tuple(columns)])
    done = 0
    for batch in batches:
        rows = []
        for number, row in enumerate(batch.cells.select(columns).iter_rows(), start=done + 1):
            changed = edits.get(number, {})
            rows.append(tuple(changed.get(c, cell) for c, cell in zip(columns, row, strict=True)) if changed else row)
        done += len(rows)
        yield _csv(rows)


def _csv(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("utf-8")
