"""Corrections on their way: written before the push, sent, verified by reading back.

::

    written --claim--> sent --read back--> verified
       |                 |--> failed     the platform refused, or stored something else
       |                 |--> conflict   the value at the platform is neither the old nor the new one
       `--> undone before it was ever sent

    manual: the channel does not let the field be written; a person makes the change there
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from engine.store.database import Store
from engine.store.tables import corrections

__all__ = ["OUTBOX", "corrections_frame", "mark", "open_corrections", "write_corrections"]

OUTBOX = {column.name: pl.String for column in corrections.c} | {
    "confidence": pl.Float64,
    "is_automatic": pl.Boolean,
    "attempts": pl.Int64,
    "written_at": pl.Datetime("us", "UTC"),
    "sent_at": pl.Datetime("us", "UTC"),
    "verified_at": pl.Datetime("us", "UTC"),
}
"""Schema of a frame of corrections."""


def write_corrections(store: Store, transaction: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Put corrections into the outbox, in the transaction of the decision that asks for them; gives their identifiers."""
    now = datetime.now(UTC)
    made = [
        {
            "status": "written",
            "confidence": None,
            "undoes": None,
            "message": "",
            "attempts": 0,
            **row,
            "correction_id": str(uuid.uuid4()),
            "written_at": now,
        }
        for row in rows
    ]
    store.insert(transaction, corrections, made)
    return [row["correction_id"] for row in made]


def open_corrections(store: Store, connection: str, *, without: Sequence[str] = (), count: int = 1000) -> pl.DataFrame:
    """The oldest corrections that are written or sent and not settled, schema `OUTBOX`; those of a crashed push included."""
    query = (
        sa.select(corrections)
        .where(
            corrections.c.connection == connection,
            corrections.c.status.in_(("written", "sent")),
            corrections.c.correction_id.not_in(without),
        )
        .order_by(corrections.c.written_at, corrections.c.correction_id)
        .limit(count)
    )
    return store.frame(query, OUTBOX)


def corrections_frame(store: Store, *conditions: sa.ColumnElement[bool], limit: int | None = None) -> pl.DataFrame:
    """Corrections, newest first, schema `OUTBOX`; personal values are still sealed."""
    query = (
        sa.select(corrections).where(*conditions).order_by(corrections.c.written_at.desc(), corrections.c.correction_id)
    )
    return store.frame(query.limit(limit) if limit else query, OUTBOX)


def mark(
    transaction: sa.Connection, correction_ids: Sequence[str], status: str, *, messages: Mapping[str, str] | None = None
) -> set[str]:
    """Move corrections on; the time of ``sent`` and ``verified`` is noted, ``sent`` counts an attempt.

    Gives those that were moved: one that a person has undone meanwhile stays undone.
    """
    now = datetime.now(UTC)
    values: dict[str, Any] = {"status": status}
    if status == "sent":
        values |= {"sent_at": now, "attempts": corrections.c.attempts + 1}
    if status == "verified":
        values["verified_at"] = now
    table, moved = corrections, set[str]()
    for start in range(0, len(correction_ids), 500):
        part = table.c.correction_id.in_(list(correction_ids[start : start + 500]))
        statement = sa.update(table).where(part, table.c.status != "undone").values(values)
        moved.update(transaction.execute(statement.returning(table.c.correction_id)).scalars())
    for correction_id, message in (messages or {}).items():
        transaction.execute(
            sa.update(table).where(table.c.correction_id == correction_id).values(message=message[:2000])
        )
    return moved
