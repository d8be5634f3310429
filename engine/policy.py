"""Who acts on a candidate: the product by itself, or a person. One function, a frame in and a frame out.

A correction is made without asking only if all of this holds, and the first that does not is said to the reviewer:

1. automatic correction is switched on, the pattern's automatic rule has not been switched off, and its error rate has
   not risen;
2. the pattern has at least ``min_occurrences`` approvals of this corrector;
3. the confidence's lower end is at least the operator's floor (or the pattern's own, higher threshold);
4. the upper bound of the error rate is within the error budget;
5. the platform can be written to.

A small random share of what passes goes to review all the same, as a blind audit; it is the only unbiased measure of
how good the automatic corrections are.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from engine.settings import Settings

__all__ = ["Policy", "judge"]


@dataclass(frozen=True)
class Policy:
    """The numbers that `judge` goes by.

    Parameters
    ----------
    enabled : bool
    floor : float
        Lowest confidence for an automatic correction, 0..1.
    min_occurrences : int
        Approvals that the pattern needs.
    error_budget : float
        Highest share of wrong automatic corrections, 0..1.
    certainty : float
        How sure the error bound must be, 0.5..1.
    audit_share : float
        Share of automatic corrections that a person sees blind instead, 0..1.
    seed : int
        Of the draw of audits.
    """

    enabled: bool = True
    floor: float = 0.80
    min_occurrences: int = 3
    error_budget: float = 0.05
    certainty: float = 0.90
    audit_share: float = 0.02
    seed: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The policy that the settings describe."""
        return cls(
            enabled=settings.ai_monitoring.enabled and settings.knowledge_management.enabled,
            floor=settings.ai_monitoring.confidence_threshold,
            min_occurrences=settings.knowledge_management.min_occurrences,
            error_budget=settings.error_budget.share,
            certainty=settings.error_budget.certainty,
            audit_share=settings.error_budget.audit_share,
            seed=settings.seed,
        )


def judge(best: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Decide for the best candidate of each issue.

    Parameters
    ----------
    best : polars.DataFrame
        ``issue_id, confidence, lower, error_bound, pattern_approved``, and where known ``pattern_threshold`` (the
        pattern's own threshold), ``pattern_active`` (its automatic rule is not switched off), ``is_demoted`` (its error
        rate has risen, see `engine.drift`), ``is_writable`` and ``audit_share`` (instead of the policy's).
    policy : Policy

    Returns
    -------
    polars.DataFrame
        The same rows with ``action`` (``auto``, ``audit`` or ``review``), ``explanation`` and ``audit_share``, with which
        an audit was drawn.
    """
    floor = pl.max_horizontal(pl.lit(policy.floor), _optional(best, "pattern_threshold", pl.Float64, 0.0))
    obstacles = [
        (pl.lit(not policy.enabled), pl.lit("automatic correction is switched off in the settings")),
        (
            ~_optional(best, "pattern_active", pl.Boolean, True),
            pl.lit("the automatic rule of this pattern is switched off"),
        ),
        (
            _optional(best, "is_demoted", pl.Boolean, False),
            pl.lit("it has begun to be wrong more often, and is asked until it has earned trust anew"),
        ),
        (~_optional(best, "is_writable", pl.Boolean, True), pl.lit("this channel does not let this field be written")),
        (
            pl.col("pattern_approved") < policy.min_occurrences,
            pl.format(
                "approved {} of {} times needed before it may be automatic",
                pl.col("pattern_approved").cast(pl.Int64),
                pl.lit(policy.min_occurrences),
            ),
        ),
        (
            pl.col("lower") < floor,
            pl.format(
                "confidence {} % is below the floor of {} %", _percent("lower"), (floor * 100).round(0).cast(pl.Int64)
            ),
        ),
        (
            pl.col("error_bound") > policy.error_budget,
            pl.format(
                "up to {} % may be wrong, the error budget is {} %",
                _percent("error_bound"),
                pl.lit(round(policy.error_budget * 100, 1)),
            ),
        ),
    ]
    explanation = pl.coalesce(pl.when(hinders).then(text) for hinders, text in obstacles)
    share = _optional(best, "audit_share", pl.Float64, policy.audit_share)
    # 53 bits of the hash, so that they fit a float whole.
    drawn = (pl.col("issue_id").hash(seed=policy.seed) // 2**11).cast(pl.Float64) < share * 2**53
    action = (
        pl.when(explanation.is_not_null())
        .then(pl.lit("review"))
        .when(drawn)
        .then(pl.lit("audit"))
        .otherwise(pl.lit("auto"))
    )
    return best.with_columns(
        action.alias("action"), explanation.fill_null("").alias("explanation"), share.alias("audit_share")
    )


def _optional(frame: pl.DataFrame, name: str, dtype: type[pl.DataType], default: object) -> pl.Expr:
    return pl.col(name).cast(dtype).fill_null(default) if name in frame.columns else pl.lit(default, dtype=dtype)


def _percent(name: str) -> pl.Expr:
    return (pl.col(name) * 100).round(1)
