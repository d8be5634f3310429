"""How wrong a correction may be at worst, the better of two proofs: what is believed of its pattern, or past decisions on everything as sure.

The first works from the first hour and needs a corrector that is believed in; see `models.risk`. The second needs decisions
and no belief, and holds for patterns that are new; see `models.certificate`.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import sqlalchemy as sa

from engine.store.database import Store
from engine.store.tables import correction_decisions, second_reviews
from models.certificate import NO_SLIPS, SlipRate, certified_bounds, slip_rate_of

__all__ = ["slip_rate", "with_error_bounds"]

_GROUPS = (("corrector", "rule_id"), ("corrector", "rule_id", "connection"))
_ASKED = ("review", "audit")
"""Origins of decisions that say how often suggestions are right. Undone automatic corrections are only the wrong ones among
those; they speak through the features and the watch over drift."""


def with_error_bounds(
    rows: pl.DataFrame, decisions: pl.DataFrame, past: pl.DataFrame, *, certainty: float, slips: SlipRate = NO_SLIPS
) -> pl.DataFrame:
    """The candidates with ``error_bound`` and ``evidence`` of the better proof.

    Parameters
    ----------
    rows : polars.DataFrame
        ``confidence, corrector, rule_id, connection``, and ``error_bound`` and ``evidence`` from the model.
    decisions : polars.DataFrame
        Standing evidence, schema `engine.types.DECISIONS`.
    past : polars.DataFrame
        ``sequence, confidence``: what the model that made `rows` says of past decisions, see
        `models.confidence.ConfidenceModel.past`. Those that are not in it count with what was said to them at the time.
    certainty : float
        Of the bounds, 0.5..1 exclusive.
    slips : SlipRate
        Of the reviewers, see `slip_rate`.
    """
    told = (
        decisions.filter(pl.col("origin").is_in(_ASKED), pl.col("corrector") != "", pl.col("confidence").is_not_null())
        .join(past.rename({"confidence": "said_now"}), on="sequence", how="left")
        .with_columns(
            pl.coalesce("said_now", "confidence").alias("confidence"),
            (pl.col("verdict") != "approved").alias("is_wrong"),
        )
    )
    proven = certified_bounds(rows, told, groups=_GROUPS, certainty=certainty, slips=slips)
    believed = rows["error_bound"].to_numpy()
    is_better = proven["error_bound"].to_numpy() < believed
    return rows.with_columns(
        pl.Series("error_bound", np.where(is_better, proven["error_bound"], believed), dtype=pl.Float64),
        pl.Series("evidence", np.where(is_better, proven["evidence"], rows["evidence"]), dtype=pl.Int64),
    )


def slip_rate(store: Store, *, certainty: float = 0.90) -> SlipRate:
    """How often the reviewers err, from decisions drawn at random that two people made; see `models.certificate.slip_rate_of`."""
    first, second = correction_decisions.c, second_reviews.c
    is_apart = (first.human_decision == "approved") != (second.verdict == "approved")
    counted = [sa.func.count().label("decided"), sa.func.sum(sa.case((is_apart, 1), else_=0)).label("apart")]
    query = (
        sa.select(*counted)
        .select_from(second_reviews.join(correction_decisions, first.decision_id == second.decision_id))
        .where(second.reason == "drawn", first.undone_at.is_(None))
    )
    total, apart = store.rows(query)[0].values()
    return slip_rate_of(apart or 0, total, certainty=certainty)
