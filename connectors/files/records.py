"""Where the records of a delimited file begin and end: measured for a whole block at once, or found one by one.

The form read is that of RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180, read 2026-11-23), with these liberties that
lose nothing: any line end, blank lines, a surplus of *empty* fields at the end of a row, and a quote character inside
an unquoted cell (``24" screen``), which is taken as text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

__all__ = ["RECORD_LIMIT", "ROW", "Record", "measured", "next_record", "split", "unquoted"]

ROW = "\x00row"
"""Column with the number of a row in its file, from 1 behind the header; broken rows count. No file can have this name."""

RECORD_LIMIT = 32 * 2**20
"""Longest record in bytes. A longer one is a file that is not what it seems, or an attack."""
TOGETHER = 10_000
"""Records read one by one before the fast way is tried again."""
_QUOTE, _NEWLINE, _RETURN = 0x22, 0x0A, 0x0D
_UNCLOSED = "a quote is opened and never closed"


@dataclass(frozen=True)
class Record:
    """One record of a block: its fields as bytes, quotes included, or why it is broken; `end` is where the next starts."""

    start: int
    end: int
    fields: list[bytes] | None
    error: str = ""


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
        record = next_record(data, position, mark, final=final)
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
        following = next_record(data, position, mark, final=True)
        if following is None or following.fields is None or len(following.fields) != width:
            return 0
        position = following.end
    return first if position == record.end else 0


def next_record(data: bytes, start: int, mark: bytes, *, final: bool) -> Record | None:
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
