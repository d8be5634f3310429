"""Trust that is lost at once and earned anew: where the error rate of a group of corrections has risen, a person is asked.

Two streams are watched apart, since they are errors of different things: *automatic*, what blind audits and undos say of
corrections made without asking, for each corrector x rule and each pattern of it; and *human*, what people say of
suggestions they were asked about, for each pattern, if the product was confident of them. Counting the doubtful ones
too, the human stream would ring whenever the easy part becomes automatic and leaves the hard one to people; so it would
over a whole rule, whose easy patterns become automatic first.

Changes follow from the decisions that stand and from nothing else: every process finds the same ones, and a decision
taken back takes its alarm along. They are kept in a table, so that the page sees at once what a job has found.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl
import sqlalchemy as sa

from engine import audit
from engine.policy import Policy
from engine.store.database import Store
from engine.store.decisions import decision_state, decisions_frame
from engine.store.tables import error_changes
from models.drift import Change, ErrorStream
from models.risk import upper_bound

__all__ = ["CHANGES", "Watch", "alarm_texts", "demotions", "standing_evidence", "with_trust"]

CHANGES: dict[str, pl.DataType | type[pl.DataType]] = {
    "change_id": pl.String,
    "stream": pl.String,
    "corrector": pl.String,
    "rule_id": pl.String,
    "pattern_id": pl.String,
    "rang_at": pl.Int64,
    "since": pl.Int64,
    "error_before": pl.Float64,
    "error_after": pl.Float64,
    "noticed_at": pl.Datetime("us", "UTC"),
}
"""Schema of `Watch.changes`. ``pattern_id`` is empty for a whole rule; ``rang_at`` and ``since`` are sequence numbers of
the decision that made it ring and of the first one after the change."""

RAISED_AUDIT_SHARE = 0.10
"""Share of blind audits after an alarm; five times the usual one, chosen so that 30 audits need about 300 corrections."""

AUDITS_AFTER_ALARM = 30
"""Audits after which the usual share is enough again: with none of them wrong, the error is below 9.5 % (95 %, Clopper-Pearson)."""

CONFIDENT = 0.80
"""Confidence from which an answer of people counts here: the mission's floor, below which nothing is made without asking.
A constant, not the setting: an alarm that has rung does not go away when the floor is moved."""

_AUTOMATIC = ("audit", "undo")
_GROUP = ("corrector", "rule_id", "pattern_id")
_NOBODY = "channelmend"


@dataclass
class _Group:
    """The stream of one group and the sequence numbers of what it took in."""

    stream: ErrorStream = field(default_factory=ErrorStream)
    sequences: list[int] = field(default_factory=list)


class Watch:
    """Watches the decisions of a knowledge base for errors that rise. One per process; threads may share it.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._state = (0, 0)
        self._groups: dict[tuple[str, ...], _Group] = {}

    def look(self) -> pl.DataFrame:
        """Take in the decisions that are new; gives the alarms that they raised and nobody has noted yet, schema `CHANGES`."""
        with self._lock:
            state = decision_state(self._store)
            if state == self._state:
                return pl.DataFrame(schema=CHANGES)
            is_anew = state[1] != self._state[1]
            if is_anew:
                self._groups = {}
            decisions = decisions_frame(self._store, after=0 if is_anew else self._state[0])
            # A decision that came after the state was read is left to the next look, or it would be taken in twice.
            rows = [_row(*one) for one in self._take(decisions.filter(pl.col("sequence") <= state[0]))]
            new = self._note(rows, withdraw_until=state[0] if is_anew else 0)
            self._state = state
        return new

    def changes(self) -> pl.DataFrame:
        """Every change that stands, rises and the falls after them, oldest first, schema `CHANGES`."""
        table = error_changes
        query = sa.select(*(table.c[name] for name in CHANGES)).where(table.c.withdrawn_at.is_(None))
        return self._store.frame(query.order_by(table.c.rang_at, table.c.change_id), CHANGES)

    def _take(self, decisions: pl.DataFrame) -> Iterator[tuple[tuple[str, ...], Change, _Group]]:
        judged = decisions.filter(pl.col("corrector") != "", _speaks()).with_columns(
            pl.when(pl.col("origin").is_in(_AUTOMATIC))
            .then(pl.lit("automatic"))
            .otherwise(pl.lit("human"))
            .alias("stream"),
            (pl.col("verdict") != "approved").alias("is_wrong"),
        )
        of_rule = judged.filter(pl.col("stream") == "automatic").with_columns(pl.lit("").alias("pattern_id"))
        for level in (judged, of_rule):
            for *names, wrong, sequences in (
                level.group_by("stream", *_GROUP, maintain_order=True).agg("is_wrong", "sequence").iter_rows()
            ):
                group = self._groups.setdefault(tuple(names), _Group())
                group.sequences += sequences
                for change in group.stream.extend(wrong):
                    yield tuple(names), change, group

    def _note(self, rows: list[dict[str, object]], *, withdraw_until: int) -> pl.DataFrame:
        """Write changes, withdraw those up to a decision that do not follow any more; gives the rises that are new."""
        table = error_changes
        if not rows and not withdraw_until:
            return pl.DataFrame(schema=CHANGES)
        fresh = []
        with self._store.write() as transaction:
            for row in rows:
                statement = self._store.upsert(table).values(row)
                statement = statement.on_conflict_do_update(
                    index_elements=list(_KEY), set_={"withdrawn_at": None}, where=table.c.withdrawn_at.is_not(None)
                )
                # Nothing comes back where another process has noted it already.
                fresh += [row for _ in transaction.execute(statement.returning(table.c.change_id))]
            if withdraw_until:
                follow = {tuple(row[name] for name in _KEY) for row in rows}
                query = sa.select(table.c.change_id, *(table.c[name] for name in _KEY)).where(
                    table.c.withdrawn_at.is_(None), table.c.rang_at <= withdraw_until
                )
                gone = [one[0] for one in transaction.execute(query) if tuple(one[1:]) not in follow]
                withdrawn = sa.update(table).where(table.c.change_id.in_(gone))
                transaction.execute(withdrawn.values(withdrawn_at=datetime.now(UTC)))
            found = pl.DataFrame(fresh, schema=CHANGES).filter(pl.col("error_after") > pl.col("error_before"))
            for row in found.iter_rows(named=True):
                details = {name: row[name] for name in (*_KEY, "since", "error_before", "error_after")}
                where = f"{row['corrector']} on {row['rule_id']}"
                audit.append(
                    self._store, transaction, who=_NOBODY, action="trust.demoted", subject=where, details=details
                )
        return found


_KEY = ("stream", *_GROUP, "rang_at")


def standing_evidence(decisions: pl.DataFrame, changes: pl.DataFrame) -> pl.DataFrame:
    """The decisions that still say something: those of a group from before its last change are left out.

    Parameters
    ----------
    decisions : polars.DataFrame
        Columns ``corrector, rule_id, pattern_id, sequence`` among them.
    changes : polars.DataFrame
        Schema `CHANGES`.
    """
    if changes.is_empty():
        return decisions
    first = pl.col("since").max().alias("first")
    whole = changes.filter(pl.col("pattern_id") == "").group_by("corrector", "rule_id").agg(first)
    own = changes.filter(pl.col("pattern_id") != "").group_by(_GROUP).agg(first)
    return (
        decisions.join(whole, on=["corrector", "rule_id"], how="left", maintain_order="left")
        .join(own, on=_GROUP, how="left", suffix="_own", maintain_order="left")
        .filter(pl.col("sequence") >= pl.max_horizontal("first", "first_own").fill_null(0))
        .drop("first", "first_own")
    )


def demotions(decisions: pl.DataFrame, changes: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """What has become of the groups that have had an alarm: ``corrector, rule_id, pattern_id, is_demoted, audit_share, before, after``.

    A group is demoted until the decisions after the change alone, without what was believed before, prove an error rate
    within the budget of what the product is confident of; at the usual settings that takes 45 approvals in a row. After the alarm the audit share is raised,
    until `AUDITS_AFTER_ALARM` audits have been made. ``before`` and ``after`` are the error rates around the last rise.

    Parameters
    ----------
    decisions : polars.DataFrame
        Standing decisions, `engine.store.decisions.decisions_frame`.
    changes : polars.DataFrame
        Schema `CHANGES`.
    """
    is_rise = pl.col("error_after") > pl.col("error_before")
    groups = (
        changes.sort("rang_at")
        .group_by(_GROUP)
        .agg(
            pl.col("since").max(),
            pl.col("rang_at").filter(is_rise).last(),
            pl.col("error_before").filter(is_rise).last().alias("before"),
            pl.col("error_after").filter(is_rise).last().alias("after"),
        )
        .filter(pl.col("rang_at").is_not_null())
    )
    whole, own = groups.filter(pl.col("pattern_id") == ""), groups.filter(pl.col("pattern_id") != "")
    held = ("sequence", "verdict", "origin", "confidence")
    members = pl.concat(
        [
            whole.join(decisions.select("corrector", "rule_id", *held), on=["corrector", "rule_id"], how="left"),
            own.join(decisions.select(*_GROUP, *held), on=_GROUP, how="left"),
        ]
    )
    after = (pl.col("sequence") >= pl.col("since")) & _speaks()
    counted = members.group_by(*_GROUP, "before", "after").agg(
        after.fill_null(False).sum().alias("decided"),
        (after & (pl.col("verdict") != "approved")).fill_null(False).sum().alias("wrong"),
        ((pl.col("sequence") > pl.col("rang_at")) & (pl.col("origin") == "audit")).sum().alias("audits"),
    )
    bound = upper_bound(counted["wrong"].to_numpy(), counted["decided"].to_numpy(), certainty=policy.certainty)
    usual, raised = policy.audit_share, max(policy.audit_share, RAISED_AUDIT_SHARE)
    return counted.select(
        *_GROUP,
        pl.Series("is_demoted", bound > policy.error_budget, dtype=pl.Boolean),
        pl.when(pl.col("audits") < AUDITS_AFTER_ALARM).then(raised).otherwise(usual).alias("audit_share"),
        "before",
        "after",
    ).sort(_GROUP)


def with_trust(best: pl.DataFrame, trust: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """The candidates with ``is_demoted`` and ``audit_share`` beside them, for `engine.policy.judge`.

    Parameters
    ----------
    best : polars.DataFrame
        ``corrector, rule_id, pattern_id`` among the columns.
    trust : polars.DataFrame
        What `demotions` gives. What is said of a whole rule holds for each of its patterns.
    """
    trust = trust.select(*_GROUP, "is_demoted", "audit_share")
    whole = trust.filter(pl.col("pattern_id") == "").drop("pattern_id")
    own = trust.filter(pl.col("pattern_id") != "")
    joined = best.join(whole, on=["corrector", "rule_id"], how="left", maintain_order="left").join(
        own, on=_GROUP, how="left", suffix="_own", maintain_order="left"
    )
    return joined.with_columns(
        pl.any_horizontal("is_demoted", "is_demoted_own").fill_null(False).alias("is_demoted"),
        pl.max_horizontal("audit_share", "audit_share_own").fill_null(policy.audit_share).alias("audit_share"),
    ).drop("is_demoted_own", "audit_share_own")


def alarm_texts(trust: pl.DataFrame) -> list[str]:
    """The demotions in force in words, one for each corrector and rule, for the notes of a run and the page.

    Parameters
    ----------
    trust : polars.DataFrame
        What `demotions` gives.
    """
    demoted = trust.filter("is_demoted").unique(["corrector", "rule_id"], keep="first", maintain_order=True)
    return [
        f"{row['corrector']} on {row['rule_id']} is asked again until it has earned trust anew: "
        f"{row['after'] * 100:.0f} % were wrong in the latest decisions, {row['before'] * 100:.0f} % before"
        for row in demoted.iter_rows(named=True)
    ]


def _speaks() -> pl.Expr:
    """Whether a decision says how good automatic corrections are, or would be."""
    return pl.col("origin").is_in(_AUTOMATIC) | (pl.col("confidence") >= CONFIDENT).fill_null(False)


def _row(names: tuple[str, ...], change: Change, group: _Group) -> dict[str, object]:
    return {
        "change_id": str(uuid.uuid4()),
        **dict(zip(("stream", *_GROUP), names, strict=True)),
        "rang_at": group.sequences[change.rang_at - 1],
        "since": group.sequences[change.since - 1],
        "error_before": change.before,
        "error_after": change.after,
        "noticed_at": datetime.now(UTC),
    }
