"""Runs of jobs, their cursors, and the records they had to put into quarantine."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl
import sqlalchemy as sa

from engine.store.database import Store
from engine.store.tables import cursors, quarantine, runs
from engine.vault import Vault

__all__ = ["cursor", "finish_run", "last_runs", "put_in_quarantine", "set_cursor", "start_run"]


def start_run(store: Store, *, connection: str, job: str) -> str:
    """Note that a job has begun; gives the run's identifier."""
    run_id = str(uuid.uuid4())
    row = {
        "run_id": run_id,
        "connection": connection,
        "job": job,
        "status": "running",
        "started_at": datetime.now(UTC),
        "counts": {},
        "error": "",
    }
    with store.write() as transaction:
        transaction.execute(sa.insert(runs), row)
    return run_id


def finish_run(store: Store, run_id: str, *, status: str, counts: Mapping[str, object], error: str = "") -> None:
    """Note how a job ended: ``done``, or ``failed`` with the error's text."""
    with store.write() as transaction:
        values = {"status": status, "finished_at": datetime.now(UTC), "counts": dict(counts), "error": error[:4000]}
        transaction.execute(sa.update(runs).where(runs.c.run_id == run_id).values(values))


def last_runs(store: Store, *, count: int = 50) -> list[dict[str, object]]:
    """The newest runs, newest first."""
    return store.rows(sa.select(runs).order_by(runs.c.started_at.desc()).limit(count))


def cursor(store: Store, connection: str, kind: str) -> datetime | None:
    """From when an incremental reading starts; None for a complete one."""
    with store.read() as transaction:
        return transaction.execute(
            sa.select(cursors.c.since).where(cursors.c.connection == connection, cursors.c.kind == kind)
        ).scalar()


def set_cursor(store: Store, connection: str, kind: str, since: datetime) -> None:
    """Everything up to `since` is stored."""
    with store.write() as transaction:
        statement = store.upsert(cursors).values(connection=connection, kind=kind, since=since)
        transaction.execute(
            statement.on_conflict_do_update(index_elements=["connection", "kind"], set_={"since": since})
        )


def put_in_quarantine(
    store: Store, vault: Vault, frame: pl.DataFrame, *, run_id: str, connection: str, kind: str
) -> int:
    """Keep records that could not be read, payload sealed since it may be personal; gives their number."""
    now = datetime.now(UTC)
    rows = [
        {
            "quarantine_id": str(uuid.uuid4()),
            "run_id": run_id,
            "connection": connection,
            "kind": kind,
            "record_key": row["record_key"],
            "error": row["error"],
            "sealed_raw": vault.seal(row["raw"]),
            "created_at": now,
        }
        for row in frame.iter_rows(named=True)
    ]
    if rows:
        with store.write() as transaction:
            store.insert(transaction, quarantine, rows)
    return len(rows)
