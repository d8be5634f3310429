"""Reading CSV and TSV so that no row is lost, bent or read half, at the speed of polars.

A block of the file is first *measured*: where quoted cells begin and end, how many fields each record has. If every
record is well formed the block is given to polars. If not, it is read record by record, the broken ones are set aside
with their line number, and the rest is kept. (Left to itself a fast reader fills short rows with blanks, cuts long
ones, or swallows the rows after an unclosed quote.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from connectors.errors import SourceError
from connectors.files.records import ROW, Record, measured, next_record, split, unquoted
from connectors.files.source import BLOCK_BYTES, Encoding, utf8_blocks

__all__ = ["RAW", "SHOWN", "Bad", "Batch", "Delimited", "Part", "distinct"]

RAW = "\x00raw"
"""Column with the row as it came, where the file holds more than its cells (JSON)."""

DELIMITERS = (",", ";", "\t", "|")
SHOWN = 100_000
"""At most this many characters of a broken row are kept with it."""


@dataclass(frozen=True)
class Bad:
    """A row that could not be read: where, why, and what it was."""

    where: str
    error: str
    raw: str


@dataclass(frozen=True)
class Batch:
    """Some rows of a file: text cells (absent ones empty), the column `ROW`, maybe `RAW`; and the rows set aside."""

    cells: pl.DataFrame
    bad: list[Bad] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """Some whole records of a file.

    Parameters
    ----------
    data : bytes
        As UTF-8, line ends included.
    line, row : int
        Number of the first line and of the first row.
    count : int
        Rows in it, blank lines not counted.
    frame : polars.DataFrame or None
        The rows, where all are well formed.
    singly : list of Record
        The records otherwise.
    """

    data: bytes
    line: int
    row: int
    count: int
    frame: pl.DataFrame | None
    singly: list[Record] = field(default_factory=list)


class Delimited:
    """A CSV or TSV file: its header, and its rows in batches.

    Parameters
    ----------
    path : Path
    encoding : Encoding
        See `connectors.files.source.detect`.
    delimiter : str
        Found from the first lines where it is empty.

    Attributes
    ----------
    delimiter : str
    header : list of str
        Names as in the file.
    columns : list of str
        The same, made distinct: an empty name becomes ``column 3``, a repeated one ``name (2)``.
    notes : list of str
        What a person should know about the header.
    preamble : bytes
        Everything before the first row, header included, as UTF-8.

    Raises
    ------
    SourceError
        When there is no header.
    """

    def __init__(self, path: Path, encoding: Encoding, *, delimiter: str = "") -> None:
        self.path = path
        self.encoding = encoding
        self.notes: list[str] = []
        head = next(utf8_blocks(path, encoding), b"")
        hint = re.match(rb"sep=([^\r\n])\r?\n", head, re.IGNORECASE)
        # The first line "sep=;" is a hint that spreadsheets write and read.
        start = hint.end() if hint else 0
        while head[start : start + 1] in (b"\n", b"\r"):
            start += 1
        self.delimiter = delimiter or (hint.group(1).decode("latin-1") if hint else _sniff(head))
        if not self.delimiter.isascii():
            raise SourceError(f"{path}: the delimiter {self.delimiter!r} is not a plain character.", platform="files")
        self._mark = self.delimiter.encode()
        first = next_record(head, start, self._mark, final=True)
        if first is None or first.fields is None:
            raise SourceError(
                f"{path}: the header (line 1) cannot be read: {first.error if first else 'it never ends'}. "
                "The first line must hold the column names.",
                platform="files",
            )
        try:
            self.header = [unquoted(f).decode("utf-8").strip() for f in first.fields]
        except UnicodeDecodeError:
            raise SourceError(
                f"{path}: the header is not text in {encoding.name}. Name the right encoding.", platform="files"
            ) from None
        if not any(self.header) or b"\0" in head[start : first.end]:
            raise SourceError(
                f"{path}: no column names in the first line; this is not a table in text form.", platform="files"
            )
        self.columns, notes = distinct(self.header)
        self.notes += notes
        self.preamble = head[: first.end]

    def batches(self) -> Iterator[Batch]:
        """All rows, in order, a part of the file at a time."""
        for part in self.parts():
            yield Batch(part.frame) if part.frame is not None else self._tolerant(part)

    def parts(self) -> Iterator[Part]:
        """The file behind its header, cut where records end."""
        line, row = 1 + self.preamble.count(b"\n"), 1
        blocks = self._body_blocks()
        data, ended, wanting = b"", False, True
        while True:
            if wanting:
                block = next(blocks, None)
                ended = block is None
                data += block or b""
            if ended and not data:
                return
            window = data[: 2 * BLOCK_BYTES]
            done = measured(window, self._mark, self.columns, row, final=ended and len(window) == len(data))
            if done is not None:
                frame, used = done
                yield Part(data[:used], line, row, frame.height, frame)
                row += frame.height
            else:
                records, used = split(data, self._mark, len(self.columns), final=ended)
                yield Part(data[:used], line, row, len(records), None, records)
                row += len(records)
            line += data.count(b"\n", 0, used)
            data = data[used:]
            wanting = not ended and (used == 0 or len(data) < BLOCK_BYTES)

    def records(self, part: Part) -> Iterator[Record]:
        """The records of a part one by one, also where it was read at once."""
        if part.frame is None:
            yield from part.singly
            return
        position = 0
        while position < len(part.data):
            found, end = split(part.data[position:], self._mark, len(self.columns), final=True)
            for record in found:
                yield Record(record.start + position, record.end + position, record.fields, record.error)
            position += end

    def _body_blocks(self) -> Iterator[bytes]:
        skip = len(self.preamble)
        for block in utf8_blocks(self.path, self.encoding):
            if skip < len(block):
                yield block[skip:]
            skip = max(0, skip - len(block))

    def _tolerant(self, part: Part) -> Batch:
        rows: list[list[str]] = []
        numbers: list[int] = []
        bad: list[Bad] = []
        line, position = part.line, 0
        for number, record in enumerate(part.singly, start=part.row):
            line += part.data.count(b"\n", position, record.start)
            position = record.start
            error = record.error
            if record.fields is not None:
                try:
                    rows.append([unquoted(f).decode("utf-8") for f in record.fields[: len(self.columns)]])
                    numbers.append(number)
                    continue
                except UnicodeDecodeError:
                    error = f"it holds bytes that are not {self.encoding.name}"
            raw = part.data[record.start : record.end].rstrip(b"\r\n")[: SHOWN * 4].decode("utf-8", "backslashreplace")
            bad.append(Bad(f"line {line}", f"Line {line} of {self.path.name}: {error}.", raw[:SHOWN]))
        cells = {name: [row[i] for row in rows] for i, name in enumerate(self.columns)}
        frame = pl.DataFrame(cells, schema=dict.fromkeys(self.columns, pl.String))
        return Batch(frame.with_columns(pl.Series(ROW, numbers, dtype=pl.Int64)), bad)


def distinct(header: list[str]) -> tuple[list[str], list[str]]:
    """Column names made distinct and not empty, and a note for each that had to be changed."""
    names: list[str] = []
    notes: list[str] = []
    for number, given in enumerate(header, start=1):
        name = given.replace("\0", "") or f"column {number}"
        count = 2
        while name in names:
            name, count = f"{given or f'column {number}'} ({count})", count + 1
        if given and name != given:
            notes.append(f"the column name {given!r} occurs more than once; column {number} is read as {name!r}")
        names.append(name)
    return names, notes


def _sniff(head: bytes) -> str:
    """The delimiter that splits the first line and gives the following ones as many fields."""
    best, best_score = ",", (0.0, 0)
    for mark in DELIMITERS:
        widths: list[int] = []
        position = 0
        while position < len(head) and len(widths) < 100:
            record = next_record(head, position, mark.encode(), final=True)
            if record is None:
                break
            position = record.end
            if record.fields is not None and head[record.start : record.end].strip():
                widths.append(len(record.fields))
        if len(widths) > 0 and widths[0] > 1:
            score = (sum(w == widths[0] for w in widths) / len(widths), widths[0])
            if score > best_score:
                best, best_score = mark, score
    return best
