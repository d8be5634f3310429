"""Decisions: written once, never changed, taken back by a mark; and the automatic rules that grow from them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from engine.store.database import Store
from engine.store.tables import auto_correction_rules, correction_decisions
from engine.types import DECISIONS

__all__ = ["add_decisions", "decision_state", "decisions_frame", "note_automatic", "take_back", "undone_sequences"]

_ISSUE_DATA = pl.Struct(dict.fromkeys(("connection", "channel", "kind", "field", "rule_id", "observed"), pl.String))
_SUGGESTION = pl.Struct({"corrector": pl.String, "value": pl.String})
_FINAL = pl.Struct({"value": pl.String})


def add_decisions(store: Store, transaction: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write decisions in the order given; gives their identifiers.

    Parameters
    ----------
    rows : sequence of mappings
        Columns of ``correction_decisions`` without ``decision_id``, ``sequence`` and ``decided_at``.
    """
    first = store.next_number(transaction, correction_decisions.c.sequence)
    now = datetime.now(UTC)
    made = [
        {
            "propensity": 1.0,
            "note": "",
            **row,
            "decision_id": str(uuid.uuid4()),
            "sequence": first + offset,
            "decided_at": now,
        }
        for offset, row in enumerate(rows)
    ]
    store.insert(transaction, correction_decisions, made)
    return [row["decision_id"] for row in made]


def take_back(transaction: sa.Connection, issue_ids: Sequence[str]) -> int:
    """Mark the standing decisions of issues as undone, so that nothing is learned from them; gives their number."""
    table = correction_decisions
    statement = sa.update(table).where(table.c.issue_id.in_(issue_ids), table.c.undone_at.is_(None))
    return transaction.execute(statement.values(undone_at=datetime.now(UTC))).rowcount


def decision_state(store: Store) -> tuple[int, int]:
    """Highest sequence number and number of decisions taken back: while both stay, nothing has changed.

    Both come from an index, so that asking before every use costs nothing.
    """
    table = correction_decisions
    # Two queries in one: asked together, SQLite would read the whole table for either.
    last = sa.select(sa.func.max(table.c.sequence)).scalar_subquery()
    undone = sa.select(sa.func.count()).where(table.c.undone_at.is_not(None)).scalar_subquery()
    with store.read() as transaction:
        row = transaction.execute(sa.select(sa.func.coalesce(last, 0), undone)).one()
    return int(row[0]), int(row[1])


def undone_sequences(store: Store) -> pl.Series:
    """Sequence numbers of the decisions that were taken back, from the same index."""
    frame = store.arrow("SELECT sequence FROM correction_decisions WHERE undone_at IS NOT NULL")
    return frame.get_column("sequence").cast(pl.Int64)


def decisions_frame(store: Store, *, after: int = 0) -> pl.DataFrame:
    """Standing decisions with a sequence number above `after`, oldest first.

    Returns
    -------
    polars.DataFrame
        Schema `engine.types.DECISIONS`, then ``candidate_id``, ``origin``, ``propensity``, ``confidence`` and ``sequence``.
    """
    time = "decided_at" if store.is_sqlite else "decided_at AT TIME ZONE 'UTC' AS decided_at"
    frame = store.arrow(
        "SELECT decision_id, issue_id, pattern_id, CAST(issue_data AS TEXT) AS issue_data, CAST(ai_suggestion AS TEXT) AS ai_suggestion, "
        f"human_decision AS verdict, CAST(final_solution AS TEXT) AS final_solution, decided_by, {time}, candidate_id, origin, "
        "CAST(propensity AS DOUBLE PRECISION) AS propensity, CAST(confidence_score AS DOUBLE PRECISION) AS confidence, sequence "
        f"FROM correction_decisions WHERE undone_at IS NULL AND sequence > {int(after)} ORDER BY sequence"
    )
    extra: dict[str, Any] = {
        "candidate_id": pl.String,
        "origin": pl.String,
        "propensity": pl.Float64,
        "confidence": pl.Float64,
        "sequence": pl.Int64,
    }
    if frame.is_empty():
        return pl.DataFrame(schema=DECISIONS | extra)
    when = (
        pl.col("decided_at").str.to_datetime(time_unit="us")
        if frame.schema["decided_at"] == pl.String
        else pl.col("decided_at")
    )
    return (
        frame.with_columns(
            pl.col("issue_data").str.json_decode(_ISSUE_DATA),
            pl.col("ai_suggestion").str.json_decode(_SUGGESTION),
            pl.col("final_solution").str.json_decode(_FINAL),
            when.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("decided_at"),
        )
        .with_columns(
            pl.col("ai_suggestion").struct.field("value").fill_null("").alias("suggested"),
            pl.col("ai_suggestion").struct.field("corrector").fill_null("").alias("corrector"),
            pl.col("final_solution").struct.field("value").fill_null("").alias("final"),
        )
        .unnest("issue_data")
        .with_columns(pl.col(name).cast(dtype) for name, dtype in extra.items())
        .select([*DECISIONS, *extra])
    )


def note_automatic(store: Store, transaction: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep the automatic rule of each pattern up to date.

    Parameters
    ----------
    rows : sequence of mappings
        ``pattern_id``, ``corrector``, ``threshold``, ``success_rate`` (or None), ``applied`` (how many now).
    """
    table = auto_correction_rules
    now = datetime.now(UTC)
    for row in rows:
        statement = store.upsert(table).values(
            auto_rule_id=str(uuid.uuid4()),
            pattern_id=row["pattern_id"],
            correction_logic={"corrector": row["corrector"]},
            confidence_threshold=row["threshold"],
            success_rate=row["success_rate"],
            application_count=row["applied"],
            is_active=True,
            created_at=now,
        )
        # is_active and the threshold belong to the admin who may have changed them.
        new = {"application_count": table.c.application_count + row["applied"], "success_rate": row["success_rate"]}
        transaction.execute(statement.on_conflict_do_update(index_elements=["pattern_id"], set_=new))
