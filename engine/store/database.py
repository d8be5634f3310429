"""One open knowledge base: SQLite in WAL mode, or PostgreSQL. Several processes may hold one at the same time."""

from __future__ import annotations

import fcntl
import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from engine.errors import ConfigError, StoreError

__all__ = ["Store"]

_LOCK_WAIT_MS = 30_000
_MIGRATION_LOCK = 7_205_759_403
"""Number of the advisory lock that lets one PostgreSQL process migrate at a time; any constant will do."""
_ROWS_PER_STATEMENT = 5_000


class Store:
    """The knowledge base.

    Parameters
    ----------
    url : str
        ``sqlite:///file``, ``sqlite://`` is refused (several processes must see one database), or
        ``postgresql+psycopg://user:password@host/name``.

    Raises
    ------
    ConfigError
        When the address cannot be used.
    StoreError
        When the database was made by a newer version.
    """

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self._arrow_turn = threading.Lock()
        self.engine = sa.create_engine(self.url, pool_pre_ping=True)
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)
        try:
            self._migrate()
        except sa.exc.OperationalError as error:
            raise ConfigError(f"The database {self.url.render_as_string()} cannot be opened: {error.orig}") from None

    def __repr__(self) -> str:
        return f"Store({self.url.render_as_string(hide_password=True)!r})"

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a single-file database."""
        return self.url.get_backend_name() == "sqlite"

    def close(self) -> None:
        """Release all connections."""
        self.engine.dispose()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that writes; SQLite takes its write lock at once, so that two writers queue and never deadlock."""
        with self._translated(), self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads: one consistent picture, never blocked by a writer."""
        with self._translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Only one holder of that name at a time, over all processes; waits for it. A dead process holds nothing."""
        if self.is_sqlite:
            path = Path(f"{self.url.database}.{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock")
            with path.open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
            return
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        with self.engine.connect() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_lock(number)))
            connection.commit()
            try:
                yield
            finally:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(number)))
                connection.commit()

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        """All rows of a query as dictionaries."""
        with self.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def frame(self, query: sa.Select[Any], schema: Mapping[str, Any]) -> pl.DataFrame:
        """All rows of a query as a frame of that schema, columns by name."""
        with self.read() as connection:
            result = connection.execute(query)
            names = list(result.keys())
            found = {name: list(values) for name, values in zip(names, zip(*result.all(), strict=True), strict=False)}
        return pl.DataFrame({name: found.get(name, []) for name in schema}, schema=dict(schema), strict=False)

    def arrow(self, query: str) -> pl.DataFrame:
        """All rows of a read-only SQL text, moved as Arrow batches without Python objects."""
        # The page's threads share this one connection; each needs its own transaction.
        with self._arrow_turn:
            with self._adbc.cursor() as cursor:
                if self.is_sqlite:
                    # SQLite's columns have no type: the driver infers it from the first batch, and refuses a second one in
                    # which a column that was null so far holds text or a fraction. So all rows are one batch.
                    cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "1000000000"})
                cursor.execute(query)
                frame = pl.from_arrow(cursor.fetch_arrow_table())
            self._adbc.rollback()
        return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()

    def insert(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows in bounded statements; nothing happens for none."""
        for start in range(0, len(rows), _ROWS_PER_STATEMENT):
            connection.execute(sa.insert(table), [dict(row) for row in rows[start : start + _ROWS_PER_STATEMENT]])

    def next_number(self, connection: sa.Connection, column: sa.Column[int]) -> int:
        """The number after the highest of a column; no other process can take the same one until this transaction ends."""
        if not self.is_sqlite:
            connection.execute(sa.text(f"LOCK TABLE {column.table.name} IN SHARE ROW EXCLUSIVE MODE"))
        return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0))).scalar_one()) + 1

    @cached_property
    def upsert(self) -> Any:
        """The dialect's ``insert`` with ``on_conflict_do_update`` and ``on_conflict_do_nothing``."""
        if self.is_sqlite:
            from sqlalchemy.dialects.sqlite import insert as sqlite_insert

            return sqlite_insert
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert

    @cached_property
    def _adbc(self) -> Any:
        if self.is_sqlite:
            import adbc_driver_sqlite.dbapi as sqlite

            return sqlite.connect(str(self.url.database))
        import adbc_driver_postgresql.dbapi as postgresql

        return postgresql.connect(self.url.set(drivername="postgresql").render_as_string(hide_password=False))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.OperationalError as error:
            text = str(error.orig)
            if "locked" in text:
                text += f"; another process held the write lock for more than {_LOCK_WAIT_MS // 1000} s"
            raise StoreError(
                f"The database {self.url.render_as_string()} could not be used: {text}. Nothing was changed."
            ) from error

    def _migrate(self) -> None:
        configuration = Config()
        configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        head = ScriptDirectory.from_config(configuration).get_current_head()
        with self.engine.connect() as connection, connection.begin():
            current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return
        if current is not None and current not in {
            s.revision for s in ScriptDirectory.from_config(configuration).walk_revisions()
        }:
            raise StoreError(
                f"The database {self.url.render_as_string()} was made by a newer version (revision {current}). Upgrade channelmend."
            )
        with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigError(
            f"{url!r} is not a database address. Use sqlite:///file.db or postgresql+psycopg://user@host/name."
        ) from None
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise ConfigError(f"Database {backend!r} is not supported; use sqlite or postgresql.")
    if backend == "sqlite" and (not parsed.database or parsed.database == ":memory:"):
        raise ConfigError("An in-memory database is seen by one process only; name a file: sqlite:///channelmend.db")
    if backend == "sqlite":
        folder = Path(parsed.database or "").resolve().parent
        if not folder.is_dir():
            raise ConfigError(f"The folder {folder} of the database does not exist.")
    return parsed.set(drivername="postgresql+psycopg") if backend == "postgresql" else parsed


def _configure_sqlite(connection: Any, _: Any) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` chooses the kind of lock.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", f"busy_timeout={_LOCK_WAIT_MS}", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")
