"""What a policy, a threshold, a rule's switch or a model would have done to the past.

Each past issue keeps the confidence, the error bound and the counts that were known when it was weighed, so a replay judges
with what was known then. The verdicts of people are the truth it is measured against. Of corrections that were made without
asking only the undone ones are known to be wrong, and nothing is known of the others: so the share of wrong ones is measured
on the issues that a person was asked about, blind audits among them.

What is not stored is not replayed: which groups were demoted at the time, and the proof from past decisions that another
model would have had.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import sqlalchemy as sa

from engine.policy import Policy, judge
from engine.store.database import Store
from engine.store.decisions import decision_state, undone_sequences
from engine.store.tables import auto_correction_rules
from engine.versions import open_registry, trained_until
from models.confidence import CATEGORICAL, FEATURES
from models.risk import clopper_pearson, lower_bound, upper_bound

if TYPE_CHECKING:
    from engine.workspace import Workspace

__all__ = ["HISTORY", "History", "Replay", "replay"]

HISTORY: dict[str, pl.DataType | type[pl.DataType]] = {
    "issue_id": pl.String,
    "candidate_id": pl.String,
    "pattern_id": pl.String,
    "connection": pl.String,
    "channel": pl.String,
    "kind": pl.String,
    "field": pl.String,
    "rule_id": pl.String,
    "record_key": pl.String,
    "corrector": pl.String,
    "confidence": pl.Float64,
    "lower": pl.Float64,
    "error_bound": pl.Float64,
    "evidence": pl.Int64,
    "pattern_approved": pl.Float64,
    "sequence": pl.Int64,
    "closed_at": pl.Datetime("us", "UTC"),
    "closed_by": pl.String,
    "formula": pl.Float64,
    "was_automatic": pl.Boolean,
    "is_judged": pl.Boolean,
    "is_wrong": pl.Boolean,
}
"""Schema of `History.look`, one row a past issue with a suggestion.

``confidence``, ``lower``, ``error_bound`` and ``formula`` (the mission's) are what was said before anybody decided.
``closed_by``: who decided, empty for a correction that stands as it was made. ``was_automatic``: the policy of the time let it pass, to be corrected or to be audited. ``is_judged``: a person was asked
about it. ``is_wrong``: a person did not approve it, or undid it. ``sequence`` is null where nobody has decided.
"""

_COLUMNS = (
    "c.issue_id, c.candidate_id, i.pattern_id, i.connection, i.channel, i.kind, i.field, i.rule_id, i.record_key, c.corrector, c.confidence, "
    "c.lower, c.error_bound, c.evidence, CAST(c.features ->> 'pattern_approved' AS DOUBLE PRECISION) AS pattern_approved, "
    "CAST(c.features ->> 'formula' AS DOUBLE PRECISION) AS formula"
)
_OVERLAP = timedelta(minutes=10)
"""Corrections are read again for so long: one is dated when it is made, and seen when its transaction ends."""


class History:
    """Past issues as they were weighed, kept in memory and brought up to date when asked. One per process; threads may share it.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._state = (0, 0)
        self._automatic_until: datetime | None = None
        self._rows = pl.DataFrame(schema=HISTORY)

    def look(self) -> pl.DataFrame:
        """Every past issue with a suggestion, schema `HISTORY`; only what is new is read."""
        with self._lock:
            state = decision_state(self._store)
            known = self._rows
            if state[1] != self._state[1]:
                gone = undone_sequences(self._store).implode()
                known = known.filter(~pl.col("sequence").is_in(gone).fill_null(False))
            decided = self._decided(after=self._state[0])
            automatic = self._automatic()
            if decided.height or automatic.height:
                # An automatic correction that is undone becomes a decision, which tells more.
                rows = pl.concat([known, automatic, decided])
                known = rows.unique("issue_id", keep="last", maintain_order=True)
            newest = decided.select(pl.col("sequence").max().fill_null(0)).item()
            self._rows, self._state = known, (max(state[0], newest), state[1])
            return known

    def _decided(self, *, after: int) -> pl.DataFrame:
        frame = self._store.arrow(
            f"SELECT {_COLUMNS}, d.sequence, {self._time('d.decided_at')} AS closed_at, d.decided_by AS closed_by, d.origin IN ('audit', 'undo') AS was_automatic, "
            "d.origin IN ('review', 'audit') AS is_judged, d.human_decision <> 'approved' AS is_wrong "
            "FROM correction_decisions d JOIN candidates c ON c.candidate_id = d.candidate_id JOIN issues i ON i.issue_id = c.issue_id "
            f"WHERE d.undone_at IS NULL AND d.sequence > {after} ORDER BY d.sequence"
        )
        return _typed(frame)

    def _automatic(self) -> pl.DataFrame:
        """Corrections made without asking that nobody undid, those that are known already left out."""
        since = ""
        if self._automatic_until is not None:
            first = self._automatic_until - _OVERLAP
            since = f"AND x.written_at >= '{first.replace(tzinfo=None) if self._store.is_sqlite else first}'"
        frame = self._store.arrow(
            f"SELECT {_COLUMNS}, NULL AS sequence, {self._time('x.written_at')} AS closed_at, '' AS closed_by, 1 = 1 AS was_automatic, "
            "1 = 0 AS is_judged, 1 = 0 AS is_wrong "
            "FROM corrections x JOIN candidates c ON c.issue_id = x.issue_id AND c.rank = 1 JOIN issues i ON i.issue_id = x.issue_id "
            f"WHERE x.is_automatic AND x.undoes IS NULL AND x.status <> 'undone' {since} ORDER BY x.written_at, x.correction_id"
        )
        rows = _typed(frame)
        if rows.height:
            self._automatic_until = rows["closed_at"][-1]
        return rows.join(self._rows.select("issue_id"), on="issue_id", how="anti", maintain_order="left")

    def _time(self, column: str) -> str:
        return column if self._store.is_sqlite else f"{column} AT TIME ZONE 'UTC'"


@dataclass(frozen=True)
class Replay:
    """Outcome of a replay.

    Attributes
    ----------
    replayed : int
        Past issues with a suggestion that were judged anew.
    automatic : int
        How many would be corrected without asking, blind audits among them.
    changed : int
        How many would be treated otherwise than they were: asked instead of corrected, or corrected instead of asked.
    undone : int
        Corrections made without asking that people found to be wrong.
    prevented : int
        How many of these would have been asked first.
    judged : int
        Of `automatic`, those that a person was asked about.
    wrong : int
        Of `judged`, those that were not approved.
    wrong_interval : tuple of float
        95 % interval (Clopper-Pearson) of the share of wrong ones among `judged`; (0, 1) when there are none.
    by_rule : polars.DataFrame
        The same numbers for each ``rule_id``, and the ends of the interval as ``wrong_low`` and ``wrong_high``.
    """

    replayed: int
    automatic: int
    changed: int
    undone: int
    prevented: int
    judged: int
    wrong: int
    wrong_interval: tuple[float, float]
    by_rule: pl.DataFrame

    @property
    def automatic_share(self) -> float:
        """Share of past issues that would not have needed a person, 0..1."""
        return self.automatic / self.replayed if self.replayed else 0.0

    def __str__(self) -> str:
        """The answer in sentences."""
        if not self.replayed:
            return "There are no past issues to replay yet."
        low, high = self.wrong_interval
        said = [
            f"{self.automatic:,} of {self.replayed:,} past issues ({self.automatic_share * 100:.0f} %) would be corrected without asking; "
            f"{self.changed:,} would be treated otherwise than they were."
        ]
        if self.judged:
            said.append(
                f"Of the {self.judged:,} that people have judged {self.wrong:,} would be wrong: "
                f"{self.wrong / self.judged * 100:.2f} % (95 % interval {low * 100:.2f} to {high * 100:.2f} %)."
            )
        if self.undone:
            said.append(
                f"{self.prevented:,} of the {self.undone:,} wrong automatic corrections would have been prevented."
            )
        return " ".join(said)


def replay(
    workspace: Workspace,
    policy: Policy,
    *,
    version: int | None = None,
    rules: Mapping[str, float | None] | None = None,
    since: datetime | None = None,
) -> Replay:
    """Judge every past issue with a suggestion again.

    Parameters
    ----------
    policy : Policy
    version : int, optional
        Confidence by this version of the model instead of the one of the time. Only what is later than the decisions it was
        fitted on is replayed, and of that only other records.
    rules : mapping of str to float or None, optional
        Rule or pattern to the threshold of its automatic rule, 0..1; None switches it off. Others stay as they are today.
    since : datetime, optional
        Issues closed before are left out.

    Raises
    ------
    RegistryError
        When there is no such version.
    """
    rows = workspace.history.look()
    if version is not None:
        rows = _weighed_by(workspace, version, rows)
    if since is not None:
        rows = rows.filter(pl.col("closed_at") >= since)
    rows = _with_switches(workspace, rows, rules or {})
    # An audit is an automatic correction that somebody looks at first; drawn anew it would only blur the counts.
    judged = judge(rows, replace(policy, audit_share=0.0)).with_columns(
        (pl.col("action") != "review").alias("is_automatic"),
        (pl.col("was_automatic") & ~pl.col("is_judged") & pl.col("is_wrong")).alias("was_undone"),
    )
    asked = pl.col("is_automatic") & pl.col("is_judged")
    counts = {
        "replayed": pl.len(),
        "automatic": pl.col("is_automatic").sum(),
        "changed": (pl.col("is_automatic") != pl.col("was_automatic")).sum(),
        "undone": pl.col("was_undone").sum(),
        "prevented": (pl.col("was_undone") & ~pl.col("is_automatic")).sum(),
        "judged": asked.sum(),
        "wrong": (asked & pl.col("is_wrong")).sum(),
    }
    counted = [one.cast(pl.Int64).alias(name) for name, one in counts.items()]
    total = judged.select(counted).row(0, named=True)
    by_rule = judged.group_by("rule_id").agg(counted).sort("replayed", "rule_id", descending=[True, False])
    wrong, known = by_rule["wrong"].to_numpy(), by_rule["judged"].to_numpy()
    return Replay(
        **total,
        wrong_interval=clopper_pearson(total["wrong"], total["judged"]),
        by_rule=by_rule.with_columns(
            pl.Series("wrong_low", lower_bound(wrong, known, certainty=0.975), dtype=pl.Float64),
            pl.Series("wrong_high", upper_bound(wrong, known, certainty=0.975), dtype=pl.Float64),
        ),
    )


def _with_switches(workspace: Workspace, rows: pl.DataFrame, rules: Mapping[str, float | None]) -> pl.DataFrame:
    """The rows with the switches and thresholds of their automatic rules, and whether their field can be written."""
    table = auto_correction_rules.c
    query = sa.select(
        table.pattern_id,
        table.is_active.label("pattern_active"),
        table.confidence_threshold.label("pattern_threshold"),
    )
    schema = {"pattern_id": pl.String, "pattern_active": pl.Boolean, "pattern_threshold": pl.Float64}
    places = rows.select("connection", "kind", "field").unique()
    writable = [workspace.is_writable(*place) for place in places.iter_rows()]
    rows = rows.join(workspace.store.frame(query, schema), on="pattern_id", how="left").join(
        places.with_columns(pl.Series("is_writable", writable, dtype=pl.Boolean)), on=places.columns, how="left"
    )
    for name, threshold in rules.items():
        mine = (pl.col("rule_id") == name) | (pl.col("pattern_id") == name)
        rows = rows.with_columns(
            pl.when(mine).then(threshold is not None).otherwise("pattern_active").alias("pattern_active"),
            pl.when(mine).then(threshold or 0.0).otherwise("pattern_threshold").alias("pattern_threshold"),
        )
    return rows


def _weighed_by(workspace: Workspace, version: int, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that a version has not seen, with what it says of them."""
    registry = open_registry(workspace)
    model, last_seen = registry.load(version), trained_until(registry, version)
    seen = rows.filter(pl.col("sequence") <= last_seen)
    if seen.height:
        rows = rows.filter(
            pl.col("closed_at") > seen["closed_at"].max(), pl.col("sequence").fill_null(last_seen + 1) > last_seen
        )
        rows = rows.join(seen.select("record_key").unique(), on="record_key", how="anti", maintain_order="left")
    shape = pl.Struct({name: pl.String if name in CATEGORICAL else pl.Float64 for name in (*FEATURES, *CATEGORICAL)})
    stored = workspace.store.arrow(
        "SELECT candidate_id, CAST(features AS TEXT) AS features FROM candidates WHERE issue_id IN "
        "(SELECT issue_id FROM issues WHERE status <> 'pending')"
    ).cast({"candidate_id": pl.String, "features": pl.String})
    found = rows.select("candidate_id").join(stored, on="candidate_id", how="left", maintain_order="left")
    said = model.predict(found["features"].str.json_decode(shape).struct.unnest())
    return rows.with_columns(said.select("confidence", "lower", "error_bound", "evidence"))


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    when = pl.col("closed_at")
    if frame.schema["closed_at"] == pl.String:
        when = when.str.to_datetime(time_unit="us")
    # A column without any value has no type of its own.
    when = when.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return frame.with_columns(when.alias("closed_at")).select(
        pl.col(name).cast(dtype) for name, dtype in HISTORY.items()
    )
