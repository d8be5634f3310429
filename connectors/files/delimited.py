"""Reading CSV and TSV so that no row is lost, bent or read half, at the speed of polars.

A block of the file is first *measured*: where quoted cells begin and end, how many fields each record has. If every
record is well formed the block is given to polars. If not, it is read record by record, the broken ones are set aside
with their line number, and the rest is kept. (Left to itself a fast reader fills short rows with blanks, cuts long
ones, or swallows the rows after an unclosed quote.)

The form read is that of RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180, read 2026-11-23), with these liberties that
lose nothing: any of ``, ; tab |`` as delimiter, any line end, blank lines, a surplus of *empty* fields at the end of a
row, and a quote character inside an unquoted cell (``24" screen``), which is taken as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from connectors.errors import SourceError
from connectors.files.source import BLOCK_BYTES, Encoding, utf8_blocks

__all__ = ["RAW", "ROW", "Bad", "Batch", "Delimited", "Part", "Record", "distinct", "unquoted"]

ROW = "\x00row"
"""Column with the number of a row in its file, from 1 behind the header; broken rows count. No file can have this name."""
RAW = "\x00raw"
"""Column with the row as it came, where the file holds more than its cells (JSON)."""

DELIMITERS = (",", ";", "\t", "|")
RECORD_LIMIT = 32 * 2**20
"""Longest record in bytes. A longer one is a file that is not what it seems, or an attack."""
TOGETHER = 10_000
"""Records read one by one before the fast way is tried again."""
SHOWN = 100_000
"""At most this many characters of a broken row are kept with it."""

_QUOTE, _NEWLINE, _RETURN = 0x22, 0x0A, 0x0D
_UNCLOSED = "a quote is opened and never closed"


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
class Record:
    """One record of a block: its fields as bytes, quotes included, or why it is broken; `end` is where the next starts."""

    start: int
    end: int
    fields: list[bytes] | None
    error: str = ""


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
        first = _record(head, start, self._mark, final=True)
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


def measured(data: bytes, mark: bytes, columns: list[str], row: int, *, final: bool) -> tuple[pl.DataFrame, int] | None:
    """The frame of a block whose every record is well formed, and the bytes used; None where one is not.

    Parameters
    ----------
    data : bytes
        Starts at the start of a record.
    mark : bytes
        The delimiter.
    columns : list of str
        Names; every record must have as many fields, or be a blank line.
    row : int
        Number of the first row.
    final : bool
        Whether the file ends here, so that the last record needs no line end.
    """
    # A carriage return alone is text, but the fast reader takes it for a line end where it ends a cell.
    if not data or b"\0" in data or data.count(b"\r") != data.count(b"\r\n"):
        return None
    octets = np.frombuffer(data, dtype=np.uint8)
    places = np.flatnonzero((octets == _QUOTE) | (octets == mark[0]) | (octets == _NEWLINE))
    kinds = octets[places]
    quotes = kinds == _QUOTE
    outside = (np.cumsum(quotes, dtype=np.int64) & 1) == 0
    ends = places[(kinds == _NEWLINE) & outside]
    if final and (not ends.size or ends[-1] != len(data) - 1):
        if outside.size and not outside[-1]:
            return None
        ends = np.append(ends, len(data))
    if not ends.size:
        return None
    used = min(int(ends[-1]) + 1, len(data))
    if not _quotes_are_legal(octets, places[quotes & (places < used)], used, mark[0]):
        return None
    starts = np.concatenate(([0], ends[:-1] + 1))
    marks = places[(kinds == mark[0]) & outside]
    widths = np.searchsorted(marks, ends) - np.searchsorted(marks, starts)
    lengths = ends - starts
    blank = (lengths == 0) | ((lengths == 1) & (octets[np.minimum(starts, len(data) - 1)] == _RETURN))
    if not bool(np.all(blank | (widths == len(columns) - 1))):
        return None
    try:
        frame = pl.read_csv(
            data[:used],
            has_header=False,
            separator=mark.decode(),
            schema=dict.fromkeys(columns, pl.String),
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.height != len(starts):
        return None
    frame = frame.filter(~pl.Series(blank)) if bool(blank.any()) else frame
    return frame.with_columns(pl.int_range(row, row + frame.height, dtype=pl.Int64).alias(ROW)), used


def unquoted(raw: bytes) -> bytes:
    """The cell that a raw field stands for."""
    return raw[1:-1].replace(b'""', b'"') if raw[:1] == b'"' else raw


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


def _quotes_are_legal(octets: np.ndarray, quotes: np.ndarray, used: int, mark: int) -> bool:
    """Whether quotes open only at the start of a field and close only at its end; a doubled one closes and opens."""
    if quotes.size % 2:
        return False
    opening, closing = quotes[0::2], quotes[1::2]
    before = octets[np.maximum(opening - 1, 0)]
    if not bool(np.all((opening == 0) | np.isin(before, (mark, _NEWLINE, _QUOTE)))):
        return False
    last = len(octets) - 1
    after = octets[np.minimum(closing + 1, last)]
    second = octets[np.minimum(closing + 2, last)]
    at_end = closing + 1 >= used
    line_end = (after == _RETURN) & ((second == _NEWLINE) | (closing + 2 >= used))
    return bool(np.all(at_end | line_end | np.isin(after, (mark, _NEWLINE, _QUOTE))))


def split(data: bytes, mark: bytes, width: int, *, final: bool) -> tuple[list[Record], int]:
    """The next records of a block, whole ones only, and where they end.

    A broken one ends with its first line, so that the next row is not lost with it.
    """
    records: list[Record] = []
    position = 0
    while position < len(data) and len(records) < TOGETHER:
        record = _record(data, position, mark, final=final)
        if record is None:
            if len(data) - position <= RECORD_LIMIT:
                break
            error = f"it does not end within {RECORD_LIMIT // 2**20} MB, the most that is read as one row"
            record = _broken(data, position, error)
        elif record.fields is not None:
            record = _judged(data, record, mark, width)
        position = record.end
        if record.error or data[record.start : record.end].strip(b"\r\n"):
            records.append(record)
    return records, position


def _judged(data: bytes, record: Record, mark: bytes, width: int) -> Record:
    """The record, or why a row of that form does not fit under the header."""
    fields = record.fields or []
    whole = data[record.start : record.end]
    if b"\0" in whole:
        return Record(record.start, record.end, None, "it holds a zero byte")
    if not whole.strip(b"\r\n") or (
        len(fields) >= width and not any(f.strip() not in (b"", b'""') for f in fields[width:])
    ):
        return record
    error = f"it has {len(fields)} field{'s' * (len(fields) != 1)} where the header has {width}"
    return Record(record.start, _first_line_alone(data, record, mark, width) or record.end, None, error)


def _first_line_alone(data: bytes, record: Record, mark: bytes, width: int) -> int:
    """End of the first line, if all lines that an unclosed quote there swallowed are good records by themselves."""
    first = data.find(b"\n", record.start, record.end) + 1
    position = first
    while 0 < position < record.end:
        following = _record(data, position, mark, final=True)
        if following is None or following.fields is None or len(following.fields) != width:
            return 0
        position = following.end
    return first if position == record.end else 0


def _record(data: bytes, start: int, mark: bytes, *, final: bool) -> Record | None:
    """The record that starts there; None where its end is not in the block."""
    size = len(data)
    fields: list[bytes] = []
    position, several_lines, literal = start, False, False
    line_end = data.find(b"\n", start)
    while True:
        if data[position : position + 1] == b'"':
            close = data.find(b'"', position + 1)
            while close != -1 and data[close + 1 : close + 2] == b'"':
                close = data.find(b'"', close + 2)
            if not final and (close == -1 or close + 2 >= size):
                return None
            if close == -1:
                return _broken(data, start, _UNCLOSED)
            fields.append(data[position : close + 1])
            if data.find(b"\n", position, close) != -1:
                several_lines = True
                line_end = data.find(b"\n", close)
            end = close + 1
            if data[end : end + 1] == mark:
                position = end + 1
                continue
            if data[end : end + 1] == b"\r" and data[end + 1 : end + 2] in (b"\n", b""):
                end += 1
            if data[end : end + 1] not in (b"\n", b""):
                return _broken(data, start, _UNCLOSED if several_lines else "there is text behind a closing quote")
        else:
            stop = data.find(mark, position, line_end if line_end != -1 else size)
            if stop == -1 and line_end == -1 and not final:
                return None
            end = stop if stop != -1 else (line_end if line_end != -1 else size)
            raw = data[position:end]
            literal = literal or b'"' in raw
            if stop != -1:
                fields.append(raw)
                position = stop + 1
                continue
            fields.append(raw[:-1] if raw.endswith(b"\r") else raw)
        if several_lines and literal:
            # A quote that was opened by mistake meets the next row's quotes out of step.
            return _broken(data, start, _UNCLOSED)
        return Record(start, min(end + 1, size), fields)


def _broken(data: bytes, start: int, error: str) -> Record:
    line_end = data.find(b"\n", start)
    return Record(start, len(data) if line_end == -1 else line_end + 1, None, error)


def _sniff(head: bytes) -> str:
    """The delimiter that splits the first line and gives the following ones as many fields."""
    best, best_score = ",", (0.0, 0)
    for mark in DELIMITERS:
        widths: list[int] = []
        position = 0
        while position < len(head) and len(widths) < 100:
            record = _record(head, position, mark.encode(), final=True)
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
