"""What the confidence model may see of a candidate, computed in joins over the decisions that stand.

Every feature is a fact known at the moment of the question; it is stored with the candidate, so that a later training
sees exactly what was known then and nothing of what came after. No personal value enters: of observed and proposed text
only similarity, lengths and class of change are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from rapidfuzz import fuzz

from models.confidence import FEATURES

__all__ = ["decision_counts", "with_counts", "with_features"]

_COMPARED_CHARACTERS = 400
_RECENT = 5
"""The mission's formula looks at the last five decisions of a pattern."""

_LIKELY = 0.5
"""Refusing what was less likely is no surprise. It is most of what people are still asked about once the rest of a pattern
is automatic, and says nothing against that rest."""

_HERE = ("corrector", "rule_id", "connection")


def decision_counts(decisions: pl.DataFrame, by: Sequence[str], prefix: str) -> pl.DataFrame:
    """Decided and approved per group: columns `by`, ``<prefix>_decided``, ``<prefix>_approved``."""
    return decisions.group_by(by).agg(
        pl.len().cast(pl.Float64).alias(f"{prefix}_decided"),
        (pl.col("verdict") == "approved").sum().cast(pl.Float64).alias(f"{prefix}_approved"),
    )


def with_features(
    proposed: pl.DataFrame,
    decisions: pl.DataFrame,
    similar: pl.DataFrame,
    frequencies: pl.DataFrame,
    safe: dict[str, bool],
) -> pl.DataFrame:
    """The candidates with every feature of `models.confidence.FEATURES` beside them.

    Parameters
    ----------
    proposed : polars.DataFrame
        Candidates joined with their questions: schemas ``CANDIDATES`` and ``QUESTIONS``.
    decisions : polars.DataFrame
        Standing decisions, oldest first, schema ``DECISIONS``, and ``confidence``, which was said before each.
    similar : polars.DataFrame
        `engine.knowledge.Knowledge.similar_patterns` of the patterns in `proposed`.
    frequencies : polars.DataFrame
        ``field, value, value_frequency``: share of the value among the records' values of that field.
    safe : dict
        Rule to whether its correction cannot change the meaning (`engine.rules.Rule.fix`).
    """
    frame = (
        proposed.with_columns(
            pl.col("score").rank("ordinal", descending=True).over("issue_id").cast(pl.Float64).alias("corrector_rank"),
            (pl.len().over("issue_id", "value") / pl.len().over("issue_id")).alias("agreement"),
            pl.len().over("issue_id").cast(pl.Float64).alias("candidate_count"),
            pl.col("score").alias("corrector_score"),
            pl.col("rule_id")
            .replace_strict(safe, default=False, return_dtype=pl.Boolean)
            .cast(pl.Float64)
            .alias("safe"),
        )
        .pipe(with_counts, decisions)
        .join(_neighbourhood(decisions, similar), on=["pattern_id", "corrector"], how="left")
        .join(_same_value(decisions), on=["field", "observed", "value"], how="left", nulls_equal=True)
        .join(frequencies, on=["field", "value"], how="left")
    )
    frame = frame.with_columns(_shape_of_change(frame))
    return frame.with_columns(*(pl.col(name).cast(pl.Float64).fill_null(0.0) for name in FEATURES))


def with_counts(rows: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """The rows with what these decisions say of their corrector, rule and pattern, in place of what they said of it before.

    Parameters
    ----------
    rows : polars.DataFrame
        ``corrector, rule_id, connection, pattern_id`` among the columns.
    decisions : polars.DataFrame
        Oldest first, schema ``DECISIONS``, and ``confidence``, which was said before each.
    """
    counted = (
        (["corrector"], decision_counts(decisions, ("corrector",), "corrector")),
        (["corrector", "rule_id"], decision_counts(decisions, ("corrector", "rule_id"), "rule")),
        (list(_HERE), decision_counts(decisions, _HERE, "connection")),
        (["pattern_id", "corrector"], _pattern_history(decisions)),
    )
    for by, found in counted:
        names = [name for name in found.columns if name not in by]
        rows = rows.drop(names, strict=False).join(found, on=by, how="left", maintain_order="left")
        rows = rows.with_columns(pl.col(names).fill_null(0.0))
    return rows


def _pattern_history(decisions: pl.DataFrame) -> pl.DataFrame:
    rejected = pl.col("verdict") == "rejected"
    return decisions.group_by("pattern_id", "corrector", maintain_order=True).agg(
        pl.len().cast(pl.Float64).alias("pattern_decided"),
        (pl.col("verdict") == "approved").sum().cast(pl.Float64).alias("pattern_approved"),
        (rejected & (pl.col("confidence") >= _LIKELY))
        .tail(_RECENT)
        .sum()
        .cast(pl.Float64)
        .alias("pattern_recent_surprises"),
        _formula().alias("formula"),
    )


def _formula() -> pl.Expr:
    """The mission's confidence formula over the verdicts of a group, oldest first; see `models.confidence.formula_confidence`."""
    verdict = pl.col("verdict")
    approval_rate = (verdict == "approved").mean()
    data_boost = (verdict.len() / 10).clip(upper_bound=0.2)
    recent = (verdict.tail(_RECENT) == "rejected").sum() * 0.1
    return (approval_rate * 0.8 + data_boost - recent).clip(0, 1)


def _neighbourhood(decisions: pl.DataFrame, similar: pl.DataFrame) -> pl.DataFrame:
    """Acceptance among the nearest decided patterns, by the same corrector; a far neighbour counts little."""
    counts = decision_counts(decisions, ("pattern_id", "corrector"), "neighbour").rename({"pattern_id": "neighbour_id"})
    weight = pl.col("similarity").clip(0, 1).pow(4) * pl.col("neighbour_decided").log1p()
    share = pl.col("neighbour_approved") / pl.col("neighbour_decided")
    return (
        similar.join(counts, on="neighbour_id", how="inner")
        .group_by("pattern_id", "corrector")
        .agg(
            ((weight * share).sum() / weight.sum().clip(1e-9)).alias("neighbour_acceptance"),
            pl.col("similarity").max().alias("neighbour_similarity"),
            pl.col("similarity").filter(share < 0.5).max().alias("rejection_similarity"),
        )
    )


def _same_value(decisions: pl.DataFrame) -> pl.DataFrame:
    accepted = decisions.filter(pl.col("verdict") != "rejected").select(
        "field", "observed", pl.col("final").alias("value"), pl.lit(1.0).alias("yes"), pl.lit(0.0).alias("no")
    )
    refused = decisions.filter((pl.col("verdict") != "approved") & (pl.col("suggested") != pl.col("final"))).select(
        "field", "observed", pl.col("suggested").alias("value"), pl.lit(0.0).alias("yes"), pl.lit(1.0).alias("no")
    )
    return (
        pl.concat([accepted, refused])
        .group_by("field", "observed", "value")
        .agg(pl.col("yes").sum().alias("same_value_approved"), pl.col("no").sum().alias("same_value_rejected"))
    )


def _shape_of_change(frame: pl.DataFrame) -> list[pl.Series | pl.Expr]:
    before, after = pl.col("observed").str.strip_chars(), pl.col("value")
    pairs = frame.select(
        before.str.slice(0, _COMPARED_CHARACTERS), after.str.slice(0, _COMPARED_CHARACTERS)
    ).iter_rows()
    return [
        pl.Series("edit_similarity", [fuzz.ratio(a, b) / 100 for a, b in pairs], dtype=pl.Float64),
        (
            pl.min_horizontal(before.str.len_chars(), after.str.len_chars())
            / pl.max_horizontal(before.str.len_chars(), after.str.len_chars()).clip(1)
        ).alias("length_ratio"),
        (before.str.replace_all(r"[^0-9]", "") != after.str.replace_all(r"[^0-9]", ""))
        .cast(pl.Float64)
        .alias("digits_changed"),
        (
            before.str.to_lowercase().str.replace_all(r"[^\p{L}]", "")
            != after.str.to_lowercase().str.replace_all(r"[^\p{L}]", "")
        )
        .cast(pl.Float64)
        .alias("letters_changed"),
        (before == "").cast(pl.Float64).alias("was_empty"),
    ]
