"""Opening a file that somebody else wrote: which one, in what encoding, and as a stream of UTF-8.

Everything behind this module sees UTF-8 bytes, whatever the file holds. Bytes that the encoding does not explain stay
in the stream as they are (they are not valid UTF-8), so that the one row that holds them is set aside and no other.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from glob import has_magic
from pathlib import Path

from charset_normalizer import from_bytes

from connectors.errors import SourceError

__all__ = ["BLOCK_BYTES", "SUFFIXES", "Encoding", "corrected", "current", "detect", "find", "require", "utf8_blocks"]

BLOCK_BYTES = 8 * 2**20
"""How much of a file is looked at together. Large enough for the vectorised reader, small beside any memory."""

SUFFIXES = {
    ".csv": "delimited",
    ".tsv": "delimited",
    ".tab": "delimited",
    ".txt": "delimited",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
}
"""File name ending to the reader that understands it."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LEGACY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp932", "gb18030", "big5", "cp949", "cp850", "mac_roman"]
_NOT_ASCII = re.compile(rb"[^\n]*[\x80-\xff][^\n]*")
_WESTERN = frozenset("äöüßÄÖÜéèêëÉÈÊàâáãÀÂÁçÇñÑíìîïÍÎóòôõÓÔøØåÅæÆœŒúùûÚ€£§°®™©–—‘’‚“”„…«»×·•²½¼µ¡¿´\xa0")
_SPECIAL = re.compile(r"[^\x00-\x7f]")
_SPECIAL_RUN = re.compile(r"[\u00c0-\u024f]{2,}")
_SAMPLE_BYTES = 64 * 2**10
_SAMPLE_LINES = 2_000


@dataclass(frozen=True)
class Encoding:
    """How the bytes of a file become text.

    Parameters
    ----------
    name : str
        Name of the codec, as Python knows it.
    mark : bytes
        Byte order mark at the start; empty where there is none.
    newline : str
        ``"\\n"`` (also for ``"\\r\\n"``) or ``"\\r"`` for files of very old systems.
    note : str
        What a person should know: that it was guessed, or is not what was declared; empty where it is certain.
    """

    name: str = "utf-8"
    mark: bytes = b""
    newline: str = "\n"
    note: str = ""


def find(path: str) -> list[Path]:
    """The data files that a path names: itself, those in a folder, or those that a pattern (``*.csv``) matches.

    Files that this program wrote (``name.corrected.csv``) are left out: they belong to their source.

    Raises
    ------
    SourceError
        When there is none.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        found = [p for p in sorted(place.iterdir()) if p.is_file() and p.suffix.lower() in SUFFIXES]
    elif place.exists() or not has_magic(str(place)):
        return [require(place)]
    else:
        found = sorted(p for p in _matches(place) if p.is_file() and p.suffix.lower() in SUFFIXES)
    found = [p for p in found if not _is_ours(p)]
    if not found:
        raise SourceError(
            f"{path} holds no file that can be read. Known endings: {', '.join(SUFFIXES)}.", platform="files"
        )
    return found


def require(path: Path) -> Path:
    """The path again, if it is a file that can be read and is not empty.

    Raises
    ------
    SourceError
        When it is missing, a folder, empty, not readable, or of an ending that no reader knows.
    """
    try:
        if path.is_dir():
            raise SourceError(f"{path} is a folder, not a file. Name a file in it.", platform="files")
        with path.open("rb") as file:
            first = file.read(1)
    except FileNotFoundError:
        raise SourceError(
            f"There is no file {path}. Check the path (read from {Path.cwd()}).", platform="files"
        ) from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.", platform="files") from error
    if not first:
        raise SourceError(f"{path} is empty (0 bytes). Export it again.", platform="files")
    if path.suffix.lower() not in SUFFIXES:
        raise SourceError(
            f"{path.name} ends in {path.suffix or 'nothing'!r}, which no reader knows. Known endings: {', '.join(SUFFIXES)}.",
            platform="files",
        )
    return path


def corrected(path: Path) -> Path:
    """Where the corrections of a source file are written: beside it, never over it.

    Workbooks cannot be changed in place without losing their looks, so their corrections become a CSV file.
    """
    kind = SUFFIXES[path.suffix.lower()]
    suffix = {"workbook": ".csv", "json": ".jsonl"}.get(kind, path.suffix)
    return path.with_name(f"{path.stem}.corrected{suffix}")


def current(path: Path) -> Path:
    """The file that holds the newest state: the corrected one, unless the source was exported again after it."""
    ours = corrected(path)
    try:
        return ours if ours.stat().st_mtime_ns >= path.stat().st_mtime_ns else path
    except OSError:
        return path


def detect(path: Path, declared: str = "") -> Encoding:
    """The encoding of a text file.

    A byte order mark is believed first, then `declared` if the whole file fits it, then UTF-8 if the whole file fits,
    then charset-normalizer's judgement of the lines that are not ASCII (cp1252 where it is as likely as any other).

    Raises
    ------
    SourceError
        When `declared` is no known encoding, or the file cannot be read.
    """
    if declared:
        try:
            declared = codecs.lookup(declared).name
        except LookupError:
            raise SourceError(
                f"{declared!r} is no known encoding. Use for example utf-8, cp1252, latin-1 or utf-16.",
                platform="files",
            ) from None
    head = b"".join(_blocks(path, limit=_SAMPLE_BYTES))
    newline = "\r" if b"\r" in head and b"\n" not in head else "\n"
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, mark, newline if name == "utf-8" else _wide_newline(head, name))
    wide = _without_mark(head)
    if wide and declared in ("", "utf-8"):
        return Encoding(wide, b"", _wide_newline(head, wide), f"read as {wide} (guessed from its zero bytes)")
    if declared and declared not in ("utf-8", "utf-8-sig"):
        if _fits(path, declared):
            newline = _wide_newline(head, declared) if declared.startswith(("utf-16", "utf-32")) else newline
            return Encoding({"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(declared, declared), b"", newline)
        guess = _guess(path)
        return Encoding(guess, b"", newline, f"declared as {declared}, which it is not; read as {guess}")
    if _fits(path, "utf-8"):
        return Encoding("utf-8", b"", newline)
    guess = _guess(path)
    if guess == "utf-8":
        return Encoding("utf-8", b"", newline, "UTF-8, but some rows hold bytes that are not")
    return Encoding(
        guess, b"", newline, f"{'declared as utf-8, which it is not; ' if declared else ''}read as {guess} (guessed)"
    )


def utf8_blocks(path: Path, encoding: Encoding) -> Iterator[bytes]:
    """The text of the file as UTF-8, in blocks of about `BLOCK_BYTES`, without byte order mark, lines ended by ``\\n``.

    Raises
    ------
    SourceError
        When the file vanishes or cannot be read any further.
    """
    blocks = _blocks(path, skip=len(encoding.mark))
    if encoding.name not in ("utf-8", "ascii"):
        blocks = _recoded(blocks, encoding.name)
    for block in blocks:
        yield block.replace(b"\r", b"\n") if encoding.newline == "\r" else block


def _recoded(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    # Python's UTF-16 and UTF-32 decoders have no way to keep a broken unit; U+FFFD is then visible in the cell.
    errors = "replace" if name.startswith(("utf-16", "utf-32")) else "surrogateescape"
    decoder = codecs.getincrementaldecoder(name)(errors)
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def _blocks(path: Path, *, skip: int = 0, limit: int | None = None) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            file.seek(skip)
            if limit is not None:
                yield file.read(limit)
                return
            yield from iter(partial(file.read, BLOCK_BYTES), b"")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}.", platform="files") from error


def _fits(path: Path, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)("strict")
    try:
        for block in _blocks(path):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _guess(path: Path) -> str:
    lines: list[bytes] = []
    for block in _blocks(path):
        lines += [m.group()[:4096] for m in _NOT_ASCII.finditer(block)][: _SAMPLE_LINES - len(lines)]
        if len(lines) >= _SAMPLE_LINES:
            break
    if sum(map(_is_utf8, lines)) > len(lines) // 2:
        return "utf-8"
    sample = b"\n".join(lines)[:_SAMPLE_BYTES]
    if _reads_as_western(sample):
        return "cp1252"
    matches = list(from_bytes(sample, cp_isolation=_LEGACY))
    if not matches:
        return "cp1252" if _decodes(sample, "cp1252") else "latin-1"
    best = matches[0]
    western = [m for m in matches if "cp1252" in m.could_be_from_charset and m.chaos <= best.chaos]
    name = "cp1252" if western and western[0].coherence >= best.coherence - 0.1 else best.encoding
    return name if _decodes(b"\n".join(lines), name) else "latin-1"


def _reads_as_western(sample: bytes) -> bool:
    """Whether the sample reads as a western language in cp1252: known letters and signs, seldom two in a row.

    On the few short words of a catalogue most encodings look alike to a statistical detector.
    """
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        return False
    special = _SPECIAL.findall(text)
    runs = _SPECIAL_RUN.findall(text)
    return all(c in _WESTERN for c in special) and sum(map(len, runs)) <= 0.3 * len(special)


def _is_utf8(line: bytes) -> bool:
    return _decodes(line, "utf-8")


def _decodes(data: bytes, name: str) -> bool:
    try:
        data.decode(name)
    except UnicodeError:
        return False
    return True


def _without_mark(head: bytes) -> str:
    """UTF-16 without a mark: in western text every second byte is zero."""
    half = len(head) // 2
    if half < 4:
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > half * 0.6 and even < half * 0.1:
        return "utf-16-le"
    if even > half * 0.6 and odd < half * 0.1:
        return "utf-16-be"
    return ""


def _wide_newline(head: bytes, name: str) -> str:
    text = head.decode(name, "replace")
    return "\r" if "\r" in text and "\n" not in text else "\n"


def _is_ours(path: Path) -> bool:
    return path.stem.endswith(".corrected")


def _matches(pattern: Path) -> Iterator[Path]:
    parts = pattern.parts
    fixed = next(i for i, part in enumerate(parts) if has_magic(part))
    return Path(*parts[:fixed]).glob(str(Path(*parts[fixed:])))
