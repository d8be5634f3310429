"""Decisions and what follows from them: knowledge, a correction in the outbox, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
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
from engine.store.queue import best_candidate, close_issues, reopen_issues
from engine.store.tables import correction_decisions, corrections, issues
from engine.types import Status, Verdict
from engine.vault import Vault, mask

__all__ = ["apply_automatic", "decide", "undo", "undo_decisions"]

Writable = Callable[[str, str, str], bool]
"""``(connection, kind, field)`` to whether the platform lets that field be written."""

_UNDOABLE = ("written", "sent", "verified", "manual")


def decide(
    store: Store,
    vault: Vault,
    lake: Lake,
    issue_ids: Sequence[str],
    verdict: Verdict,
    *,
    by: str,
    writable: Writable,
    values: Mapping[str, str] | None = None,
    note: str = "",
) -> int:
    """Record a person's verdict on pending issues, and write the corrections that follow; gives the number decided.

    Parameters
    ----------
    values : mapping of str to str, optional
        Issue to the person's own value, for ``modified``.

    Raises
    ------
    ConfigError
        When an issue is unknown, is not pending any more, or has no suggestion to approve. Nothing is changed then.
    """
    writable = cache(writable)
    rows = _pending(store, issue_ids)
    _check(rows, issue_ids, verdict, values)
    observed = _values(lake, rows)
    before = observed | _values_under_way(store, vault, rows)
    observed |= _values_under_way(store, vault, rows, ways_back_only=True)
    decided, written = [], []
    own = values or {}
    for row in rows:
        suggested = vault.unseal(row["value"] or "")
        final = {Verdict.APPROVED: suggested, Verdict.REJECTED: ""}.get(verdict, own.get(row["issue_id"], ""))
        origin = "audit" if row["is_audit"] else "review"
        decided.append(_decision(row, observed[row["issue_id"]], suggested, final, verdict, by, origin, note))
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
    writable = cache(writable)
    rows = _pending(store, judged["issue_id"].to_list())
    # Of several issues with one field only the surest is corrected now; the next look at the record judges the rest.
    best: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for row in rows:
        place = (row["connection"], row["kind"], row["record_key"], row["field"])
        if place not in best or row["confidence"] > best[place]["confidence"]:
            best[place] = row
    rows = list(best.values())
    before = _values(lake, rows) | _values_under_way(store, vault, rows)
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
    with store.write() as transaction:
        rows = _locked_corrections(transaction, corrections.c.correction_id, correction_ids)
        problems = [f"{name}: unknown" for name in set(correction_ids) - {row["correction_id"] for row in rows}]
        problems += [f"{r['correction_id']}: it is {r['status']}" for r in rows if r["status"] not in _UNDOABLE]
        problems += [f"{r['correction_id']}: it is itself an undo" for r in rows if r["undoes"]]
        if problems:
            raise ConfigError("These corrections cannot be undone:", sorted(problems))
        asked = {row["issue_id"]: row for row in _issue_rows(store, [r["issue_id"] for r in rows if r["is_automatic"]])}
        _take_back_corrections(store, transaction, rows, by)
        take_back(transaction, [row["issue_id"] for row in rows if not row["is_automatic"]])
        refused = [
            _decision(one, "", "", "", Verdict.REJECTED, by, "undo", "", observed=one["observed"])
            for one in asked.values()
        ]
        add_decisions(store, transaction, refused)
        states = (Status.APPROVED, Status.MODIFIED, Status.AUTO_CORRECTED)
        close_issues(transaction, [row["issue_id"] for row in rows], Status.UNDONE, only=states)
        details = {"correction_ids": list(correction_ids)[:100]}
        subject = f"{len(rows)} corrections"
        audit.append(store, transaction, who=by, action="correction.undone", subject=subject, details=details)
    return len(rows)


def undo_decisions(store: Store, issue_ids: Sequence[str], *, by: str) -> int:
    """Take a person's decisions on issues back, as if they had not been made; gives the number of issues that wait again.

    What was learned is unlearned, corrections that followed are undone, and the issues are pending again; a rejection,
    which has no correction, is taken back only so. An issue whose correction has failed meanwhile stays as it is, and so
    does one that no person decided. One that a sync has found anew is unlearned but not opened a second time.
    """
    with store.write() as transaction:
        ids = _decided(transaction, issue_ids)
        made = [r for r in _locked_corrections(transaction, corrections.c.issue_id, ids) if not r["undoes"]]
        stuck = {row["issue_id"] for row in made if row["status"] not in (*_UNDOABLE, "undone")}
        ids = [name for name in ids if name not in stuck]
        undone = [row for row in made if row["status"] in _UNDOABLE and row["issue_id"] not in stuck]
        _take_back_corrections(store, transaction, undone, by)
        take_back(transaction, ids)
        close_issues(transaction, ids, Status.UNDONE, only=(Status.APPROVED, Status.MODIFIED, Status.REJECTED))
        opened = reopen_issues(transaction, ids, reason=f"taken back by {by}")
        details = {"issue_ids": opened[:100]}
        subject = f"{len(opened)} issues"
        audit.append(store, transaction, who=by, action="issue.reopened", subject=subject, details=details)
    return len(opened)


def _decided(transaction: sa.Connection, issue_ids: Sequence[str]) -> list[str]:
    """Those of the issues on which a person's decision stands, in the order given."""
    table, found = correction_decisions, set[str]()
    for start in range(0, len(issue_ids), 500):
        part = table.c.issue_id.in_(list(issue_ids[start : start + 500]))
        found.update(
            transaction.execute(sa.select(table.c.issue_id).where(part, table.c.undone_at.is_(None))).scalars()
        )
    return [name for name in dict.fromkeys(issue_ids) if name in found]


def _locked_corrections(
    transaction: sa.Connection, column: sa.Column[str], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Corrections by a column of theirs; no push can send one of them until the transaction ends."""
    rows: list[dict[str, Any]] = []
    for start in range(0, len(names), 500):
        query = sa.select(corrections).where(column.in_(list(names[start : start + 500]))).with_for_update()
        rows += [dict(row) for row in transaction.execute(query).mappings()]
    return rows


def _take_back_corrections(
    store: Store, transaction: sa.Connection, rows: Sequence[Mapping[str, Any]], by: str
) -> None:
    """Mark corrections as undone; for those that have left, the way back is put into the outbox."""
    same = ("issue_id", "connection", "kind", "record_key", "parent_key", "field", "corrector")
    inverse = [
        {name: row[name] for name in same}
        | {"before": row["after"], "after": row["before"], "undoes": row["correction_id"]}
        | {"is_automatic": False, "written_by": by}
        for row in rows
        if row["status"] not in ("written", "manual")
    ]
    mark(transaction, [row["correction_id"] for row in rows], "undone")
    write_corrections(store, transaction, inverse)


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


def _check(
    rows: Sequence[Mapping[str, Any]], issue_ids: Sequence[str], verdict: Verdict, values: Mapping[str, str] | None
) -> None:
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
    if verdict == Verdict.MODIFIED and set(issue_ids) - set(values or ()):
        problems.append("modified needs the value to write: value=...")
    if verdict != Verdict.MODIFIED and values is not None:
        problems.append(f"a value goes with modified only, not with {verdict.value}")
    if problems:
        raise ConfigError("These decisions cannot be made; nothing was changed:", problems)


def _values_under_way(
    store: Store, vault: Vault, rows: Sequence[Mapping[str, Any]], *, ways_back_only: bool = False
) -> dict[str, str]:
    """Issue to the value its field will have once the outbox is empty; issues of other fields are left out."""
    wanted = {row["issue_id"]: (row["connection"], row["kind"], row["record_key"], row["field"]) for row in rows}
    keys = list({place[2] for place in wanted.values()})
    values: dict[tuple[str, str, str, str], str] = {}
    for start in range(0, len(keys), 500):
        query = sa.select(corrections).where(
            corrections.c.connection.in_({place[0] for place in wanted.values()}),
            corrections.c.status.in_(("written", "sent")),
            corrections.c.record_key.in_(keys[start : start + 500]),
            corrections.c.undoes.is_not(None) if ways_back_only else sa.true(),
        )
        opened = store.rows(query.order_by(corrections.c.written_at, corrections.c.correction_id))
        values |= {(one["connection"], one["kind"], one["record_key"], one["field"]): one["after"] for one in opened}
    return {name: vault.unseal(values[place]) for name, place in wanted.items() if place in values}


def _values(lake: Lake, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Issue to the value that its field had when its record was last read."""
    found: dict[str, str] = {}
    frame = pl.DataFrame(
        [{k: r[k] for k in ("issue_id", "connection", "kind", "record_key", "field")} for r in rows],
        infer_schema_length=None,
    )
    for (connection, kind), part in frame.partition_by("connection", "kind", as_dict=True).items():
        roots = sorted({name.partition(".")[0] for name in part["field"]})
        records = lake.find(str(connection), str(kind), part["record_key"].to_list(), fields=roots)
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
        "propensity": row["propensity"] if origin == "audit" else 1.0,
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
