"""A merchant's own files as a platform: read from CSV, TSV, JSON Lines, Parquet and XLSX, corrected beside them.

Corrections are written to ``<name>.corrected<ending>`` beside the source, in the same columns, delimiter and encoding;
only the changed cells differ, and a cell that gets its former value back is the source's own bytes again. The source
is never written. Reading prefers the corrected file, until the source is exported again (is newer): then the corrected
file is out of date and the next push starts from the new source. Workbooks are corrected as a CSV file, one JSON
document as JSON Lines.

Every reading is a whole one: a file does not say which of its rows changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from connectors.errors import SourceError
from connectors.files.corrections import push_changes
from connectors.files.plan import load_mapping
from connectors.files.reading import Reading
from connectors.files.shape import Keys
from connectors.files.source import current, find
from connectors.platform import CHANGES, Check, Connection, Connector, CredentialField, Page, Platform, Traffic
from connectors.record import FIELDS, conform, empty

__all__ = ["PLATFORM", "Files"]

_NOT_WRITABLE = {"record_key", "parent_key", "level", "order_key", "line_key", "updated_at"}


class Files(Connector):
    """Connector to the files that a path names; see the module for what it writes where.

    Parameters
    ----------
    connection : Connection
    batch_rows : int
        Most records on a page.
    """

    def __init__(self, connection: Connection, *, batch_rows: int = 50_000) -> None:
        self.traffic = Traffic()
        self._options = {key: str(value).strip() for key, value in connection.credentials.items() if value}
        self._batch_rows = batch_rows
        self.kind = self._options.get("kind", "product")
        if self.kind not in ("product", "order", "stock"):
            raise SourceError(
                f"Connection {connection.name!r}: kind is {self.kind!r}; it must be product, order or stock.",
                platform="files",
                connection=connection.name,
            )
        if "path" not in self._options:
            raise SourceError(
                f"Connection {connection.name!r}: path is missing. Name a file, a folder, or a pattern such as exports/*.csv.",
                platform="files",
                connection=connection.name,
            )
        self._mapping = load_mapping(self._options.get("mapping"))

    def check(self) -> Check:
        """Whether the files can be read, and as what each of their columns is read."""
        lines: list[str] = []
        try:
            for path in find(self._options["path"]):
                newest = current(path)
                lines += self._open(newest, Keys(), path if newest != path else None).report()
                if newest != path:
                    lines.append(f"{newest.name} holds the corrections and is read in place of {path.name}")
        except SourceError as error:
            return Check(False, (*lines, str(error)))
        return Check(True, tuple(lines))

    def fetch(self, kind: str, *, since: datetime | None = None) -> Iterator[Page]:
        """All records of the files, if they hold that kind; `since` has no effect, because a file does not tell."""
        if kind != self.kind:
            return
        keys = Keys()
        for path in find(self._options["path"]):
            newest = current(path)
            yield from self._open(newest, keys, path if newest != path else None)

    def read(self, kind: str, keys: Sequence[tuple[str, str]]) -> pl.DataFrame:
        """The named records as the files (corrected ones first) say now; missing ones are left out."""
        names = [key for key, _ in keys]
        found = [
            page.records[kind].filter(pl.col("record_key").is_in(names))
            for page in self.fetch("order" if kind == "order_line" else kind)
            if kind in page.records
        ]
        return conform(pl.concat(found), kind) if found else empty(kind)

    def push(self, changes: pl.DataFrame) -> pl.DataFrame:
        """Write the changes beside the source files, each file whole or not at all; one row of `RESULTS` each.

        Raises
        ------
        SourceError
            When a corrected file cannot be written; it is then as it was before.
        """
        return push_changes(
            find(self._options["path"]), changes.select(list(CHANGES)), self._open, self._options.get("encoding", "")
        )

    def close(self) -> None:
        """Nothing is kept open."""

    def _open(self, path: Path, keys: Keys, like: Path | None = None) -> Reading:
        return Reading(
            path,
            layout=self._options.get("layout", "auto"),
            mapping=self._mapping,
            kind=self.kind,
            batch_rows=self._batch_rows,
            currency=self._options.get("currency", ""),
            language=self._options.get("language", ""),
            encoding=self._options.get("encoding", ""),
            keys=keys,
            like=like,
        )


def _open(connection: Connection, **options: Any) -> Connector:
    """A connector to files; clocks, sleeps and whatever else a network needs mean nothing here."""
    return Files(connection, **{name: value for name, value in options.items() if name == "batch_rows"})


def _optional(name: str, label: str, text: str, default: str = "") -> CredentialField:
    return CredentialField(name, label, text, secret=False, required=False, default=default)


def _writable(kind: str) -> frozenset[str]:
    return frozenset(f.name for f in FIELDS[kind]) - _NOT_WRITABLE


PLATFORM = Platform(
    name="files",
    title="Files (CSV, TSV, JSON Lines, Parquet, XLSX)",
    docs="https://www.rfc-editor.org/rfc/rfc4180",
    credentials=(
        CredentialField("path", "Path", "A file, a folder, or a pattern such as exports/*.csv.", secret=False),
        _optional("kind", "Kind", "What the files hold: product, order or stock.", "product"),
        _optional("layout", "Layout", "auto, guess, none, shopify, woocommerce, google_merchant or canonical.", "auto"),
        _optional("mapping", "Mapping", 'JSON such as {"Preis": "price"}, or the path of a TOML or JSON file.'),
        _optional("currency", "Currency", "ISO 4217 code for rows that name none."),
        _optional("language", "Language", "ISO 639-1 code of titles and descriptions."),
        _optional("encoding", "Encoding", "Only where it is guessed wrong: cp1252, latin-1, utf-16, ..."),
    ),
    readable={kind: frozenset(f.name for f in FIELDS[kind]) for kind in FIELDS},
    writable={kind: _writable(kind) for kind in ("product", "order", "order_line", "stock")},
    open=_open,
)
