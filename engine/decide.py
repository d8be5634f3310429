"""Decisions and what follows from them: knowledge, a correction in the outbox, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.record import field
from engine import audit
from engine.detect import observed_text
from engine.errors import ConfigError
from engine.lake import Lake
from engine.store.database import Store
from engine.store.decisions import add_decisions, note_automatic, take_back
from engine.store.outbox import mark, write_corrections
from engine.store.queue import best_candidate, close_issues
from engine.store.tables import corrections, issues
from engine.types import Status, Verdict
from engine.vault import Vault, mask

__all__ = ["apply_automatic", "decide", "undo"]

Writable = Callable[[str, str, str], bool]
"""``(connection, kind, field)`` to whether the platform lets that field be written."""


def decide(
    store: Store,
    vault: Vault,
    lake: Lake,
    issue_ids: Sequence[str],
    verdict: Verdict,
    *,
    by: str,
    writable: Writable,
    value: str | None = None,
    note: str = "",
) -> int:
    """Record a person's verdict on pending issues, and write the corrections that follow; gives the number decided.

    Parameters
    ----------
    value : str or None
        The person's own value, for ``modified``.

    Raises
    ------
    ConfigError
        When an issue is unknown, is not pending any more, or has no suggestion to approve. Nothing is changed then.
    """
    rows = _pending(store, issue_ids)
    _check(rows, issue_ids, verdict, value)
    before = _values(store, lake, rows)
    decided, written = [], []
    for row in rows:
        suggested = vault.unseal(row["value"] or "")
        final = {Verdict.APPROVED: suggested, Verdict.MODIFIED: value or "", Verdict.REJECTED: ""}[verdict]
        origin = "audit" if row["is_audit"] else "review"
        decided.append(_decision(row, before[row["issue_id"]], suggested, final, verdict, by, origin, note))
        if verdict != Verdict.REJECTED:
            written.append(
                _correction(vault, row, before[row["issue_id"]], final, by=by, is_automatic=False, writable=writable)
            )
    with store.write() as transaction:
        ids = [row["issue_id"] for row in rows]
        if len(close_issues(transaction, ids, Status(verdict.value), reason=note)) < len(ids):
            raise ConfigError(
                "Somebody else decided some of these issues at this moment; nothing was changed. Reload and try again."
            )
        add_decisions(store, transaction, decided)
        write_corrections(store, transaction, written)
        audit.append(
            store,
            transaction,
            who=by,
            action=f"issue.{verdict.value}",
            subject=f"{len(ids)} issues",
            details={"issue_ids": ids[:100]},
        )
    return len(rows)


def apply_automatic(
    store: Store, vault: Vault, lake: Lake, judged: pl.DataFrame, *, threshold: float, writable: Writable
) -> int:
    """Close pending issues as corrected without asking and put the corrections into the outbox; gives their number.

    Parameters
    ----------
    judged : polars.DataFrame
        ``issue_id, pattern_id, pattern_decided, pattern_approved`` of the issues that `engine.policy.judge` let pass.
    """
    if judged.is_empty():
        return 0
    rows = _pending(store, judged["issue_id"].to_list())
    # Of several issues with one field only the surest is corrected now; the next look at the record judges the rest.
    best: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for row in rows:
        place = (row["connection"], row["kind"], row["record_key"], row["field"])
        if place not in best or row["confidence"] > best[place]["confidence"]:
            best[place] = row
    rows = list(best.values())
    before = _values(store, lake, rows)
    with store.write() as transaction:
        changed = close_issues(transaction, [row["issue_id"] for row in rows], Status.AUTO_CORRECTED)
        rows = [row for row in rows if row["issue_id"] in changed]
        made = [
            _correction(
                vault,
                r,
                before[r["issue_id"]],
                vault.unseal(r["value"]),
                by="channelmend",
                is_automatic=True,
                writable=writable,
            )
            for r in rows
        ]
        write_corrections(store, transaction, made)
        applied = judged.filter(pl.col("issue_id").is_in([row["issue_id"] for row in rows]))
        counted = applied.group_by("pattern_id").agg(
            pl.len().alias("applied"),
            pl.col("corrector").first(),
            (pl.col("pattern_approved").first() / pl.col("pattern_decided").first().clip(1)).alias("success_rate"),
        )
        note_automatic(store, transaction, [row | {"threshold": threshold} for row in counted.to_dicts()])
    return len(rows)


def undo(store: Store, correction_ids: Sequence[str], *, by: str) -> int:
    """Take corrections back: the former value returns to the platform with the next push, and what was learned is unlearned.

    A decision behind the correction is taken back, as if it had not been made. An automatic correction that a person
    undoes is a rejection, and that is learned.

    Raises
    ------
    ConfigError
        When a correction is unknown, is itself an undo, or cannot be undone any more. Nothing is changed then.
    """
    rows = store.rows(sa.select(corrections).where(corrections.c.correction_id.in_(correction_ids)))
    problems = [f"{name}: unknown" for name in set(correction_ids) - {row["correction_id"] for row in rows}]
    problems += [
        f"{r['correction_id']}: it is {r['status']}"
        for r in rows
        if r["status"] not in ("written", "sent", "verified", "manual")
    ]
    problems += [f"{r['correction_id']}: it is itself an undo" for r in rows if r["undoes"]]
    if problems:
        raise ConfigError("These corrections cannot be undone:", sorted(problems))
    issue_rows = {row["issue_id"]: row for row in _issue_rows(store, [row["issue_id"] for row in rows])}
    never_sent = [row["correction_id"] for row in rows if row["status"] in ("written", "manual")]
    inverse = [
        {
            name: row[name]
            for name in ("issue_id", "connection", "kind", "record_key", "parent_key", "field", "corrector")
        }
        | {
            "before": row["after"],
            "after": row["before"],
            "undoes": row["correction_id"],
            "is_automatic": False,
            "written_by": by,
        }
        for row in rows
        if row["correction_id"] not in never_sent
    ]
    refused = [
        _decision(
            issue_rows[r["issue_id"]],
            "",
            "",
            "",
            Verdict.REJECTED,
            by,
            "undo",
            "",
            observed=issue_rows[r["issue_id"]]["observed"],
        )
        for r in rows
        if r["is_automatic"]
    ]
    with store.write() as transaction:
        mark(transaction, [row["correction_id"] for row in rows], "undone")
        write_corrections(store, transaction, inverse)
        take_back(transaction, [row["issue_id"] for row in rows if not row["is_automatic"]])
        add_decisions(store, transaction, refused)
        states = (Status.APPROVED, Status.MODIFIED, Status.AUTO_CORRECTED)
        close_issues(transaction, [row["issue_id"] for row in rows], Status.UNDONE, only=states)
        audit.append(
            store,
            transaction,
            who=by,
            action="correction.undone",
            subject=f"{len(rows)} corrections",
            details={"correction_ids": list(correction_ids)[:100]},
        )
    return len(rows)


def _issue_rows(store: Store, issue_ids: Sequence[str]) -> list[dict[str, Any]]:
    best = best_candidate.c
    rows: list[dict[str, Any]] = []
    for start in range(0, len(issue_ids), 500):
        query = (
            sa.select(issues, best.candidate_id, best.value, best.corrector, best.confidence)
            .select_from(issues.outerjoin(best_candidate, best.issue_id == issues.c.issue_id))
            .where(issues.c.issue_id.in_(list(issue_ids[start : start + 500])))
        )
        rows += store.rows(query)
    return rows


def _pending(store: Store, issue_ids: Sequence[str]) -> list[dict[str, Any]]:
    order = {name: place for place, name in enumerate(dict.fromkeys(issue_ids))}
    return sorted(_issue_rows(store, list(order)), key=lambda row: order[row["issue_id"]])


def _check(rows: Sequence[Mapping[str, Any]], issue_ids: Sequence[str], verdict: Verdict, value: str | None) -> None:
    problems = [
        f"{name}: there is no such issue" for name in sorted(set(issue_ids) - {row["issue_id"] for row in rows})
    ]
    problems += [f"{row['issue_id']}: it is {row['status']} already" for row in rows if row["status"] != Status.PENDING]
    if verdict == Verdict.APPROVED:
        problems += [
            f"{r['issue_id']}: there is no suggestion to approve; use modified with a value"
            for r in rows
            if r["value"] is None
        ]
    if verdict == Verdict.MODIFIED and value is None:
        problems.append("modified needs the value to write: value=...")
    if verdict != Verdict.MODIFIED and value is not None:
        problems.append(f"a value goes with modified only, not with {verdict.value}")
    if problems:
        raise ConfigError("These decisions cannot be made; nothing was changed:", problems)


def _values(store: Store, lake: Lake, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Issue to the value its field has now: as last read, or as an open correction of the same field will leave it."""
    found: dict[str, str] = {}
    frame = pl.DataFrame(
        [{k: r[k] for k in ("issue_id", "connection", "kind", "record_key", "field")} for r in rows],
        infer_schema_length=None,
    )
    for (connection, kind), part in frame.partition_by("connection", "kind", as_dict=True).items():
        records = lake.find(str(connection), str(kind), part["record_key"].to_list())
        for (name,), cells in part.partition_by("field", as_dict=True).items():
            values = records.select("record_key", observed_text(str(kind), str(name)).alias("value"))
            found |= dict(cells.join(values, on="record_key", how="inner").select("issue_id", "value").iter_rows())
    if missing := [row["issue_id"] for row in rows if row["issue_id"] not in found]:
        raise ConfigError(
            "The records of these issues are not in the lake any more; sync the connection and decide again:", missing
        )
    return found


def _decision(
    row: Mapping[str, Any],
    observed_now: str,
    suggested: str,
    final: str,
    verdict: Verdict,
    by: str,
    origin: str,
    note: str,
    *,
    observed: str | None = None,
) -> dict[str, Any]:
    hidden = field(row["kind"], row["field"]).personal
    shown = (lambda text: mask(text) if text else "") if hidden else (lambda text: text)
    return {
        "pattern_id": row["pattern_id"],
        "issue_id": row["issue_id"],
        "candidate_id": row["candidate_id"],
        "issue_data": {
            **{name: row[name] for name in ("connection", "channel", "kind", "field", "rule_id")},
            "observed": shown(observed_now) if observed is None else observed,
        },
        "ai_suggestion": {"corrector": row["corrector"] or "", "value": shown(suggested)},
        "human_decision": verdict.value,
        "final_solution": {"value": shown(final)},
        "decided_by": by,
        "confidence_score": row["confidence"],
        "origin": origin,
        "note": note,
    }


def _correction(
    vault: Vault, row: Mapping[str, Any], before: str, after: str, *, by: str, is_automatic: bool, writable: Writable
) -> dict[str, Any]:
    hidden = field(row["kind"], row["field"]).personal
    stored = (lambda text: vault.seal(text, shown=mask(text))) if hidden else (lambda text: text)
    allowed = writable(row["connection"], row["kind"], row["field"])
    return {
        **{name: row[name] for name in ("issue_id", "connection", "kind", "record_key", "parent_key", "field")},
        "before": stored(before),
        "after": stored(after),
        "corrector": (row["corrector"] or "")
        if is_automatic or after == vault.unseal(row["value"] or "")
        else "person",
        "confidence": row["confidence"],
        "is_automatic": is_automatic,
        "written_by": by,
        "status": "written" if allowed else "manual",
        "message": "" if allowed else "this channel does not let this field be written; change it there by hand",
    }
