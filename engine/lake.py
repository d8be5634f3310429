"""Record snapshots as Parquet: append-only, written atomically, newest row of a key wins.

A file holds only rows that are new or different from what the lake already knows, so a full sync of an unchanged
catalogue writes nothing. A record that is gone at its source leaves a row with ``is_gone``.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import polars as pl

from connectors.record import FIELDS, SCHEMA_VERSION, empty, schema
from engine.errors import StoreError

__all__ = ["Lake"]

_BOOKKEEPING = {
    "connection": pl.String,
    "run_id": pl.String,
    "is_gone": pl.Boolean,
    "schema_version": pl.Int32,
    "fingerprint": pl.UInt64,
}


class Lake:
    """The snapshots of one workspace.

    Parameters
    ----------
    folder : pathlib.Path
        Made when absent. Files are ``<kind>/<connection>/<time in ns>-<run_id>.parquet``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def write(
        self, connection: str, kind: str, frame: pl.DataFrame, *, run_id: str, is_gone: bool = False
    ) -> pl.DataFrame:
        """Store the rows that are new or different; gives those rows.

        Raises
        ------
        StoreError
            When the disk refuses (full, read only). No half-written file stays behind.
        """
        stamped = frame.with_columns(
            pl.lit(connection).alias("connection"),
            pl.lit(run_id).alias("run_id"),
            pl.lit(is_gone).alias("is_gone"),
            pl.lit(SCHEMA_VERSION, dtype=pl.Int32).alias("schema_version"),
            _fingerprint(kind, is_gone=is_gone).alias("fingerprint"),
        ).unique("record_key", keep="last", maintain_order=True)
        known = self._rows(connection, kind).select("record_key", "fingerprint").collect(engine="streaming")
        changed = stamped.join(known, on=["record_key", "fingerprint"], how="anti", maintain_order="left")
        if changed.height:
            self._write_file(self._folder(connection, kind) / f"{time.time_ns():020d}-{run_id}.parquet", changed)
        return changed.select(list(schema(kind)))

    def current(self, connection: str, kind: str) -> pl.LazyFrame:
        """Every record as last seen, canonical columns; those gone at their source are left out."""
        return self._rows(connection, kind).filter(~pl.col("is_gone")).select(list(schema(kind)))

    def find(
        self, connection: str, kind: str, keys: Sequence[str], *, fields: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """The named records as last seen, in no particular order; unknown keys are left out.

        Parameters
        ----------
        connection, kind : str
        keys : sequence of str
        fields : sequence of str, optional
            Columns beside the key; all when left out.
        """
        # Only their rows are looked through for the newest, so that one decision does not wait for a whole catalogue.
        named = pl.col("record_key").is_in(list(dict.fromkeys(keys)))
        columns = schema(kind) if fields is None else dict.fromkeys(("record_key", *fields))
        rows = self._rows(connection, kind, named).filter(~pl.col("is_gone")).select(list(columns))
        return rows.collect(engine="streaming")

    def mark_gone(self, connection: str, kind: str, seen: pl.Series, *, run_id: str) -> int:
        """Note that records which a complete reading did not meet are gone; gives their number."""
        rows = (
            self.current(connection, kind)
            .filter(~pl.col("record_key").is_in(seen.implode()))
            .collect(engine="streaming")
        )
        return self.write(connection, kind, rows, run_id=run_id, is_gone=True).height

    def erase(self, connection: str, *, keys: Sequence[str] = (), customers: Sequence[str] = ()) -> int:
        """Take a customer out of every snapshot of a connection's orders; gives the number of orders.

        Parameters
        ----------
        keys : sequence of str
            Record keys of the orders.
        customers : sequence of str
            What identifies the customer in the platform's own payload (a user name or number): orders that hold one of
            them as a whole JSON value are erased.

        Raises
        ------
        StoreError
            When a snapshot cannot be written anew; it is then as it was before.
        """
        quoted = [json.dumps(one, ensure_ascii=False) for one in customers if one]
        named = pl.col("record_key").is_in(list(keys))
        for one in quoted:
            named = named | pl.col("raw").str.contains(f":{one}", literal=True)
        personal = [one.name for one in FIELDS["order"] if one.personal]
        erased: set[str] = set()
        for path in sorted(self._folder(connection, "order").glob("*.parquet")):
            frame = pl.read_parquet(path)
            hit = frame.filter(named)["record_key"]
            if hit.is_empty():
                continue
            erased |= set(hit)
            gone = pl.col("record_key").is_in(hit.implode())
            blank = [pl.when(gone).then(pl.lit("")).otherwise(pl.col(name)).alias(name) for name in [*personal, "raw"]]
            self._write_file(path, frame.with_columns(blank))
        return len(erased)

    def files(self, kind: str) -> list[Path]:
        """Every snapshot file of a kind, oldest first within a connection."""
        return sorted((self.folder / kind).glob("*/*.parquet"))

    def _folder(self, connection: str, kind: str) -> Path:
        return self.folder / kind / quote(connection, safe="")

    def _rows(self, connection: str, kind: str, named: pl.Expr | None = None) -> pl.LazyFrame:
        paths = sorted(self._folder(connection, kind).glob("*.parquet"))
        if not paths:
            return (
                empty(kind)
                .lazy()
                .with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in _BOOKKEEPING.items())
            )
        # File names start with their time, so the last row of a key is the newest.
        rows = pl.scan_parquet(paths)
        rows = rows if named is None else rows.filter(named)
        return rows.unique("record_key", keep="last", maintain_order=True)

    def _write_file(self, path: Path, frame: pl.DataFrame) -> None:
        unfinished = path.with_suffix(".unfinished")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(unfinished, statistics=False)
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            unfinished.replace(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise StoreError(
                f"A snapshot of {frame.height} records could not be written to {path.parent}: {error}. "
                "Nothing half-written was kept; free some space and run the job again, it reads the same records once more."
            ) from error


def _fingerprint(kind: str, *, is_gone: bool) -> pl.Expr:
    columns = [pl.col(name) if dtype == pl.String else _as_text(name) for name, dtype in schema(kind).items()]
    return pl.concat_str([pl.lit(str(is_gone)), *columns], separator="\x1f").hash(seed=1)


def _as_text(name: str) -> pl.Expr:
    return pl.struct(name).struct.json_encode()
