"""The queue of issues: what was detected, what is pending, what has gone, and the candidates of each."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from engine.store.database import Store
from engine.store.tables import candidates, corrections, issue_patterns, issues
from engine.types import ISSUES, Status

__all__ = [
    "best_candidate",
    "close_issues",
    "issues_frame",
    "known_fingerprints",
    "mark_audits",
    "record_issues",
    "reopen_issues",
    "replace_candidates",
    "with_fingerprint",
]

OBSERVED_CHARACTERS = 2000
"""Longest observed text kept with an issue; the whole value stays in the lake."""
SETTLED = (Status.PENDING, Status.REJECTED, Status.UNDONE, Status.FAILED)
"""An issue in one of these states is not opened a second time while the value stays the same."""


def with_fingerprint(detected: pl.DataFrame, connection: str) -> pl.DataFrame:
    """The frame with a column ``fingerprint``: the same broken value of the same record has the same one in every run."""
    columns = ("kind", "record_key", "field", "rule_id", "observed")
    marks = [
        hashlib.sha256("\x1f".join((connection, *row)).encode()).hexdigest()
        for row in detected.select(columns).iter_rows()
    ]
    return detected.with_columns(pl.Series("fingerprint", marks, dtype=pl.String))


def known_fingerprints(store: Store, connection: str, kind: str | None = None) -> pl.DataFrame:
    """Issues that are open or settled at that connection: ``issue_id, record_key, rule_id, fingerprint, status``."""
    being_pushed = sa.select(corrections.c.issue_id).where(
        corrections.c.connection == connection, corrections.c.status.in_(("written", "sent"))
    )
    query = sa.select(
        issues.c.issue_id, issues.c.record_key, issues.c.rule_id, issues.c.fingerprint, issues.c.status
    ).where(
        issues.c.connection == connection,
        issues.c.kind == kind if kind else sa.true(),
        sa.or_(issues.c.status.in_(SETTLED), issues.c.issue_id.in_(being_pushed)),
    )
    return store.frame(query, dict.fromkeys(("issue_id", "record_key", "rule_id", "fingerprint", "status"), pl.String))


def record_issues(store: Store, found: pl.DataFrame, *, connection: str, channel: str, run_id: str) -> pl.DataFrame:
    """Open new issues and count their patterns.

    Parameters
    ----------
    found : polars.DataFrame
        Schema `engine.types.DETECTED` with ``pattern_id``, ``signature`` (JSON text), ``description``, ``fingerprint``,
        ``observed`` already masked where personal.

    Returns
    -------
    polars.DataFrame
        `found` with a column ``issue_id``; an issue that another process opened meanwhile is left out.
    """
    now = datetime.now(UTC)
    found = found.unique("fingerprint", maintain_order=True).with_columns(
        pl.Series("issue_id", [str(uuid.uuid4()) for _ in range(found["fingerprint"].n_unique())], dtype=pl.String)
    )
    shared = {
        "connection": connection,
        "channel": channel,
        "run_id": run_id,
        "status": Status.PENDING,
        "reason": "",
        "detected_at": now,
    }
    names = [
        "issue_id",
        "pattern_id",
        "kind",
        "record_key",
        "parent_key",
        "field",
        "rule_id",
        "severity",
        "observed",
        "fingerprint",
    ]
    rows = [
        row | shared
        for row in found.select(names).with_columns(pl.col("observed").str.slice(0, OBSERVED_CHARACTERS)).to_dicts()
    ]
    with store.write() as transaction:
        _count_patterns(store, transaction, found, channel, now)
        inserted: set[str] = set()
        for start in range(0, len(rows), 1000):
            statement = store.upsert(issues).values([{"is_audit": False, **row} for row in rows[start : start + 1000]])
            arrived = transaction.execute(statement.on_conflict_do_nothing().returning(issues.c.issue_id))
            inserted.update(arrived.scalars())
    return found.filter(pl.col("issue_id").is_in(list(inserted)))


def _count_patterns(store: Store, transaction: sa.Connection, found: pl.DataFrame, channel: str, now: datetime) -> None:
    counted = found.group_by("pattern_id", maintain_order=True).agg(
        pl.col("rule_id").first(), pl.col("signature").first(), pl.col("description").first(), pl.len().alias("count")
    )
    for row in counted.iter_rows(named=True):
        statement = store.upsert(issue_patterns).values(
            pattern_id=row["pattern_id"],
            marketplace_name=channel,
            issue_type=row["rule_id"],
            issue_description=row["description"],
            pattern_signature=json.loads(row["signature"]),
            occurrence_count=row["count"],
            last_seen_at=now,
            first_seen_at=now,
        )
        new = {"occurrence_count": issue_patterns.c.occurrence_count + row["count"], "last_seen_at": now}
        transaction.execute(statement.on_conflict_do_update(index_elements=["pattern_id"], set_=new))


def close_issues(
    transaction: sa.Connection,
    issue_ids: Sequence[str],
    status: Status,
    *,
    reason: str = "",
    only: Sequence[Status] = (Status.PENDING,),
) -> set[str]:
    """Close issues that have one of the statuses `only`; gives those that were changed. `reason` is shown beside the issue."""
    changed: set[str] = set()
    values = {"status": status, "closed_at": datetime.now(UTC), "reason": reason[:400]}
    for start in range(0, len(issue_ids), 500):
        part = list(issue_ids[start : start + 500])
        statement = sa.update(issues).where(issues.c.issue_id.in_(part), issues.c.status.in_(only)).values(values)
        changed.update(transaction.execute(statement.returning(issues.c.issue_id)).scalars())
    return changed


def reopen_issues(transaction: sa.Connection, issue_ids: Sequence[str], *, reason: str) -> list[str]:
    """Put undone issues back into the queue; gives those that are pending again.

    One whose fault has been found anew meanwhile is pending already under another identifier, and stays closed.
    """
    opened: list[str] = []
    for start in range(0, len(issue_ids), 500):
        part = issues.c.issue_id.in_(list(issue_ids[start : start + 500]))
        query = sa.select(issues.c.fingerprint, issues.c.issue_id).where(part, issues.c.status == Status.UNDONE)
        closed = {row.fingerprint: row.issue_id for row in transaction.execute(query)}
        waiting = sa.select(issues.c.fingerprint).where(
            issues.c.fingerprint.in_(list(closed)), issues.c.status == Status.PENDING
        )
        for mark in transaction.execute(waiting).scalars():
            closed.pop(mark)
        opened += closed.values()
    values = {"status": Status.PENDING, "closed_at": None, "reason": reason[:400]}
    for start in range(0, len(opened), 500):
        part = issues.c.issue_id.in_(opened[start : start + 500])
        transaction.execute(sa.update(issues).where(part).values(values))
    return opened


def replace_candidates(
    store: Store, rows: Sequence[Mapping[str, Any]], issue_ids: Sequence[str], explanations: Mapping[str, str]
) -> None:
    """Put these candidates in the place of all earlier ones of the issues, and note beside each issue why it waits."""
    issue_ids = sorted(issue_ids)
    with store.write() as transaction:
        for start in range(0, len(issue_ids), 500):
            part = issue_ids[start : start + 500]
            # Two runs that weigh the same issues would each delete what was there before and both insert.
            of_part = sa.select(issues.c.issue_id).where(issues.c.issue_id.in_(part)).order_by(issues.c.issue_id)
            transaction.execute(of_part.with_for_update())
            transaction.execute(sa.delete(candidates).where(candidates.c.issue_id.in_(part)))
        store.insert(transaction, candidates, rows)
        if explanations:
            statement = sa.update(issues).where(
                issues.c.issue_id == sa.bindparam("b_issue_id"), issues.c.status == Status.PENDING
            )
            transaction.execute(
                statement.values(reason=sa.bindparam("b_reason")),
                [{"b_issue_id": k, "b_reason": v[:400]} for k, v in explanations.items()],
            )


def mark_audits(store: Store, drawn: pl.DataFrame) -> None:
    """Mark issues as blind audits, ``issue_id`` drawn with probability ``audit_share``; an earlier draw stands."""
    with store.write() as transaction:
        for (share,), part in drawn.partition_by("audit_share", as_dict=True).items():
            for (ids,) in part.group_by(pl.int_range(pl.len()) // 500).agg("issue_id").select("issue_id").iter_rows():
                mine = issues.c.issue_id.in_(ids), issues.c.is_audit.is_(False)
                transaction.execute(sa.update(issues).where(*mine).values(is_audit=True, propensity=share))


best_candidate = sa.select(candidates).where(candidates.c.rank == 1).subquery("best_candidate")
"""The first candidate of each issue."""


def issues_frame(store: Store, *conditions: sa.ColumnElement[bool], limit: int | None = None) -> pl.DataFrame:
    """Issues with their best candidate, schema `engine.types.ISSUES`, the newest first and the surest first within a run."""
    best = best_candidate.c
    query = (
        sa.select(
            *(issues.c[name] for name in ISSUES if name in issues.c),
            best.value.label("suggested"),
            best.corrector,
            best.confidence,
        )
        .select_from(issues.outerjoin(best_candidate, best.issue_id == issues.c.issue_id))
        .where(*conditions)
        .order_by(issues.c.detected_at.desc(), best.confidence.desc().nulls_last(), issues.c.issue_id)
    )
    return store.frame(query.limit(limit) if limit else query, ISSUES)
