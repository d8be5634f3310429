"""What a policy would have done to the decisions of the past.

Each decided issue keeps the confidence, the error bound and the counts that were known when it was asked, so a replay
judges with what was known then; the person's verdict is the truth it is measured against.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from engine.policy import Policy, judge
from engine.store.database import Store
from engine.store.decisions import decisions_frame
from models.risk import clopper_pearson

__all__ = ["Replay", "replay"]


@dataclass(frozen=True)
class Replay:
    """Outcome of a replay.

    Attributes
    ----------
    decided : int
        Decisions that were replayed: those with a suggestion.
    automatic : int
        How many would have been made without asking: reviews that the policy prevents.
    wrong : int
        How many of these a person had not approved.
    wrong_interval : tuple of float
        95 % interval (Clopper-Pearson) of the share of wrong automatic corrections; (0, 1) when there are none.
    by_rule : polars.DataFrame
        ``rule_id, decided, automatic, wrong``.
    """

    decided: int
    automatic: int
    wrong: int
    wrong_interval: tuple[float, float]
    by_rule: pl.DataFrame

    @property
    def automatic_share(self) -> float:
        """Share of decided issues that would not have needed a person, 0..1."""
        return self.automatic / self.decided if self.decided else 0.0


def replay(store: Store, policy: Policy, *, since: datetime | None = None) -> Replay:
    """Judge every past decision with a suggestion again, under `policy`.

    Parameters
    ----------
    since : datetime, optional
        Decisions before are left out.
    """
    asked = store.arrow(
        "SELECT candidate_id, confidence, lower, error_bound, CAST(features AS TEXT) AS features FROM candidates "
        "WHERE candidate_id IN (SELECT candidate_id FROM correction_decisions WHERE undone_at IS NULL)"
    )
    decisions = decisions_frame(store)
    if since is not None:
        decisions = decisions.filter(pl.col("decided_at") >= since)
    if asked.is_empty() or decisions.is_empty():
        return Replay(
            0,
            0,
            0,
            (0.0, 1.0),
            pl.DataFrame(
                schema={"rule_id": pl.String, "decided": pl.UInt32, "automatic": pl.UInt32, "wrong": pl.UInt32}
            ),
        )
    known = asked.with_columns(pl.col("features").str.json_decode(pl.Struct({"pattern_approved": pl.Float64}))).unnest(
        "features"
    )
    joined = decisions.drop("confidence").join(known, on="candidate_id", how="inner")
    judged = judge(joined, policy).with_columns(
        (pl.col("action") == "auto").alias("is_automatic"), (pl.col("verdict") != "approved").alias("is_wrong")
    )
    counts = (
        pl.len().alias("decided"),
        pl.col("is_automatic").sum().alias("automatic"),
        (pl.col("is_automatic") & pl.col("is_wrong")).sum().alias("wrong"),
    )
    total = judged.select(counts).row(0, named=True)
    interval = clopper_pearson(total["wrong"], total["automatic"], certainty=0.95) if total["automatic"] else (0.0, 1.0)
    return Replay(
        **total,
        wrong_interval=interval,
        by_rule=judged.group_by("rule_id").agg(counts).sort("decided", "rule_id", descending=[True, False]),
    )
