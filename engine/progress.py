"""How far a pattern has come: asked, asked with more confidence, automatic, asked again; and what is still missing.

A pattern is judged by its newest question, with the counts of decisions of today. So what is told here is what the next
run would do, whether or not it has an issue at the moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import sqlalchemy as sa

from engine.drift import alarm_texts, demotions, standing_evidence, with_trust
from engine.error_bounds import slip_rate, with_error_bounds
from engine.features import with_counts
from engine.policy import Policy, judge
from engine.store.queue import best_candidate
from engine.store.tables import auto_correction_rules, issues
from models.confidence import CATEGORICAL, FEATURES
from models.risk import pooled_error_bound

if TYPE_CHECKING:
    from engine.workspace import Workspace

__all__ = ["PROGRESS", "Phase", "approvals_missing", "demoted", "progress"]


class Phase(StrEnum):
    """Where a pattern is on its way; the mission's four phases."""

    ASK = "ask"
    """Nobody has decided about it: every issue is asked."""
    ASK_WITH_HIGHER_CONFIDENCE = "ask with higher confidence"
    """It is known, and still asked."""
    AUTOMATIC = "automatic"
    """It is corrected without asking; a random share is audited."""
    ADJUST = "adjust"
    """It was automatic, and is asked again."""


PROGRESS: dict[str, pl.DataType | type[pl.DataType]] = {
    "pattern_id": pl.String,
    "phase": pl.String,
    "corrector": pl.String,
    "approved": pl.Int64,
    "needed": pl.Int64,
    "decided": pl.Int64,
    "confidence": pl.Float64,
    "lower": pl.Float64,
    "error_bound": pl.Float64,
    "error_budget": pl.Float64,
    "evidence": pl.Int64,
    "applied": pl.Int64,
    "is_demoted": pl.Boolean,
    "audit_share": pl.Float64,
    "explanation": pl.String,
}
"""Schema of `progress`.

``approved`` of ``decided`` decisions on this pattern and corrector count; ``needed`` is the number of approvals at which it
would become automatic if no more are refused, null where that is far. ``evidence`` counts the decisions on the whole rule,
``applied`` the corrections made without asking. ``explanation`` says why it is not automatic, and is empty where it is.
"""

_STEPS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 500, 1000)
"""Numbers of further approvals that are tried; in between the next higher one is told."""


def progress(workspace: Workspace, pattern_ids: Sequence[str] | None = None) -> pl.DataFrame:
    """How far patterns have come, schema `PROGRESS`.

    Parameters
    ----------
    pattern_ids : sequence of str, optional
        All patterns that have ever had a suggestion when left out.
    """
    asked = _newest_questions(workspace, pattern_ids)
    if asked.is_empty():
        return pl.DataFrame(schema=PROGRESS)
    workspace.watch.look()
    decisions, changes = workspace.knowledge.refresh(), workspace.watch.changes()
    standing = standing_evidence(decisions, changes)
    rows = with_counts(asked, standing)
    predicted = workspace.model.predict(rows).select("confidence", "lower", "error_bound", "evidence")
    certainty = workspace.policy.certainty
    slips = slip_rate(workspace.store, certainty=certainty)
    past = workspace.model.past
    rows = with_error_bounds(rows.with_columns(predicted), standing, past, certainty=certainty, slips=slips)
    trust = demotions(decisions, changes, workspace.policy)
    writable = {key: workspace.is_writable(*key) for key in rows.select("connection", "kind", "field").iter_rows()}
    is_writable = [writable[key] for key in rows.select("connection", "kind", "field").iter_rows()]
    best = with_trust(
        rows.with_columns(pl.Series("is_writable", is_writable, dtype=pl.Boolean)), trust, workspace.policy
    )
    judged = judge(best, workspace.policy).with_columns(approvals_missing(best, workspace.policy))
    approved, applied = pl.col("pattern_approved").cast(pl.Int64), pl.col("applied").fill_null(0)
    phase = (
        pl.when(pl.col("action") != "review")
        .then(pl.lit(Phase.AUTOMATIC.value))
        .when(applied > 0)
        .then(pl.lit(Phase.ADJUST.value))
        .when(pl.col("pattern_decided") > 0)
        .then(pl.lit(Phase.ASK_WITH_HIGHER_CONFIDENCE.value))
        .otherwise(pl.lit(Phase.ASK.value))
    )
    return judged.with_columns(
        phase.alias("phase"),
        approved.alias("approved"),
        (approved + pl.col("missing")).alias("needed"),
        pl.col("pattern_decided").cast(pl.Int64).alias("decided"),
        applied.alias("applied"),
        pl.lit(workspace.policy.error_budget).alias("error_budget"),
    ).select(pl.col(name).cast(dtype) for name, dtype in PROGRESS.items())


def approvals_missing(rows: pl.DataFrame, policy: Policy) -> pl.Series:
    """Further approvals, none refused, until a pattern has enough of them and its error bound is within the budget.

    Parameters
    ----------
    rows : polars.DataFrame
        Candidates with the counts that `models.risk.pooled_error_bound` needs.

    Returns
    -------
    polars.Series
        ``missing``, one of a few steps and never too low; null where 1,000 would not be enough.
    """
    missing = np.full(rows.height, np.nan)
    counts = [f"{level}_{what}" for level in ("corrector", "rule", "pattern") for what in ("decided", "approved")]
    for step in _STEPS:
        more = rows.with_columns(pl.col(counts) + step)
        within = pooled_error_bound(more, certainty=policy.certainty).to_numpy() <= policy.error_budget
        enough = within & (more["pattern_approved"].to_numpy() >= policy.min_occurrences)
        missing = np.where(np.isnan(missing) & enough, step, missing)
    return pl.Series("missing", missing).fill_nan(None).cast(pl.Int64)


def demoted(workspace: Workspace) -> list[str]:
    """What is asked again because its error rate has risen, in words; see `engine.drift.alarm_texts`."""
    changes = workspace.watch.changes()
    if changes.is_empty():
        return []
    return alarm_texts(demotions(workspace.knowledge.refresh(), changes, workspace.policy))


def _newest_questions(workspace: Workspace, pattern_ids: Sequence[str] | None) -> pl.DataFrame:
    """The newest issue with a suggestion of each pattern: its features, and what the admin said of the pattern."""
    best, rule = best_candidate.c, auto_correction_rules.c
    newest = sa.func.row_number().over(
        partition_by=issues.c.pattern_id, order_by=(issues.c.detected_at.desc(), issues.c.issue_id)
    )
    ranked = (
        sa.select(issues.c.issue_id, issues.c.pattern_id, issues.c.connection, best.candidate_id, newest.label("place"))
        .select_from(issues.join(best_candidate, best.issue_id == issues.c.issue_id))
        .where(sa.true() if pattern_ids is None else issues.c.pattern_id.in_(list(pattern_ids)))
        .subquery()
    )
    query = (
        sa.select(
            ranked.c.issue_id,
            ranked.c.pattern_id,
            ranked.c.connection,
            best.features,
            rule.confidence_threshold.label("pattern_threshold"),
            rule.is_active.label("pattern_active"),
            rule.application_count.label("applied"),
        )
        .select_from(
            ranked.join(best_candidate, best.candidate_id == ranked.c.candidate_id).outerjoin(
                auto_correction_rules, rule.pattern_id == ranked.c.pattern_id
            )
        )
        .where(ranked.c.place == 1)
        .order_by(ranked.c.pattern_id)
    )
    schema: dict[str, type[pl.DataType]] = dict.fromkeys(("issue_id", "pattern_id", "connection"), pl.String)
    schema |= {"pattern_threshold": pl.Float64, "pattern_active": pl.Boolean, "applied": pl.Int64}
    schema |= dict.fromkeys(FEATURES, pl.Float64) | dict.fromkeys(CATEGORICAL, pl.String)
    rows = [{**row, **row["features"]} for row in workspace.store.rows(query)]
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
