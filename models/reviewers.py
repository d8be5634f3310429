"""How often reviewers err, from decisions that two or more of them made about the same suggestion.

Nobody knows which of two reviewers that disagree is wrong. Each reviewer errs with a rate of their own, the truth of each
item is unknown, and both are drawn in turn given the other (Gibbs sampling), so that the intervals contain what cannot be
known: with two reviewers only, their disagreements say how often *one* of them errs, and hardly which.

References
----------
A. P. Dawid, A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied
Statistics 28(1), 1979: the model, here with one error rate for each reviewer.
B. Carpenter, "Multilevel Bayesian models of categorical data annotation", 2008: the same with priors, by sampling.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.special import expit, logit

__all__ = ["REVIEWERS", "reviewer_errors"]

PRIOR_ERRORS, PRIOR_RIGHT = 1.0, 19.0
"""Belief before any second review: as if one of twenty decisions had been wrong. Chosen, and weak on purpose."""

REVIEWERS: dict[str, type[pl.DataType]] = {
    "reviewer": pl.String,
    "double_reviewed": pl.Int64,
    "disagreements": pl.Int64,
    "error": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
"""Schema of `reviewer_errors`."""

_SWEEPS, _FORGOTTEN = 2_000, 400
_WORST = 0.49
"""A reviewer who errs more often than that would be right when believed the other way round, and nobody could tell."""


def reviewer_errors(
    items: Sequence[str], reviewers: Sequence[str], accepted: ArrayLike, *, certainty: float = 0.90, seed: int = 0
) -> pl.DataFrame:
    """Error rate of each reviewer.

    Parameters
    ----------
    items, reviewers : sequence of str, length n
        What was judged, and who judged it; items with one judgement only are left out.
    accepted : array-like of bool, shape (n,)
        Whether the suggestion was accepted.
    certainty : float
        Of the two-sided interval, 0..1 exclusive.
    seed : int

    Returns
    -------
    polars.DataFrame
        ``reviewer, double_reviewed, disagreements, error, low, high``, in alphabetical order. ``disagreements`` counts
        items on which somebody else said something else.

    Examples
    --------
    >>> items = [str(i // 2) for i in range(400)]
    >>> found = reviewer_errors(items, ["ana", "bo"] * 200, [True] * 400)
    >>> found["error"].round(2).to_list()
    [0.0, 0.0]
    """
    frame = pl.DataFrame(
        {"item": list(items), "reviewer": list(reviewers), "accepted": np.asarray(accepted, dtype=bool)},
        schema_overrides={"item": pl.String, "reviewer": pl.String},
    ).filter(pl.len().over("item") > 1)
    if frame.is_empty():
        return pl.DataFrame(schema=REVIEWERS)
    names = frame["reviewer"].unique().sort()
    who = frame["reviewer"].replace_strict(names, pl.int_range(len(names), eager=True)).to_numpy()
    what = frame["item"].rank("dense").to_numpy().astype(int) - 1
    errors = _sampled_errors(what, who, frame["accepted"].to_numpy(), np.random.default_rng(seed))
    low, high = np.quantile(errors, [(1 - certainty) / 2, (1 + certainty) / 2], axis=0)
    counted = (
        frame.with_columns((pl.col("accepted").n_unique().over("item") > 1).alias("differs"))
        .group_by("reviewer")
        .agg(
            pl.len().cast(pl.Int64).alias("double_reviewed"),
            pl.col("differs").sum().cast(pl.Int64).alias("disagreements"),
        )
        .sort("reviewer")
    )
    return counted.with_columns(pl.Series("error", errors.mean(axis=0)), pl.Series("low", low), pl.Series("high", high))


def _sampled_errors(what: np.ndarray, who: np.ndarray, accepted: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Error rates drawn from their posterior, shape (sweeps, reviewers)."""
    given = np.bincount(who)
    rate = np.full(len(given), PRIOR_ERRORS / (PRIOR_ERRORS + PRIOR_RIGHT))
    share, kept = 0.5, []
    count = what.max() + 1
    for sweep in range(_SWEEPS + _FORGOTTEN):
        says = np.where(accepted, 1.0, -1.0) * -logit(rate)[who]
        truth = random.random(count) < expit(logit(share) + np.bincount(what, weights=says, minlength=count))
        share = np.clip(random.beta(1 + truth.sum(), 1 + (~truth).sum()), 1e-6, 1 - 1e-6)
        wrong = np.bincount(who, weights=accepted != truth[what], minlength=len(given))
        rate = np.clip(random.beta(PRIOR_ERRORS + wrong, PRIOR_RIGHT + given - wrong), 1e-9, _WORST)
        if sweep >= _FORGOTTEN:
            kept.append(rate)
    return np.array(kept)
