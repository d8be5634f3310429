"""How wrong a corrector may be at worst: bounds on an error rate from few decisions, with and without a prior.

The operator states a budget ("at most 5 wrong in 100") and a certainty ("sure to 90 %"); a group of corrections may be
made without asking when the upper bound of its error rate is within the budget.

Clean approvals in a row until a bound at certainty 0.90 is within a budget of 0.05, no other decisions known:

>>> from models.priors import PRIORS, DEFAULT_PRIOR
>>> for name, prior in {**PRIORS, "any other": DEFAULT_PRIOR}.items():
...     needed = [approvals_needed(prior.acceptance, prior.strength, errors=wrong) for wrong in (0, 1, 2)]
...     print(f"{name:<12} {prior.acceptance:.2f} {prior.strength:>3.0f}   {needed}")
price        0.99  61   [4, 32, 59]
description  0.85  10   [81, 108, 133]
category     0.78  10   [101, 127, 151]
brand        0.72  10   [117, 142, 167]
weight       0.65  10   [135, 160, 184]
any other    0.80  10   [95, 121, 146]

The columns are the prior's acceptance, its strength in decisions, and the approvals needed beside 0, 1 and 2 refusals.
Without any prior, 45 clean approvals are needed:

>>> approvals_needed(0.0, 0.0)
45

References
----------
C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26(4), 1934. Its one-sided limits are quantiles of Beta(k + 1, n - k) and Beta(k, n - k + 1).

J. G. Ibrahim, M.-H. Chen, "Power prior distributions for regression models", Statistical Science 15(1), 2000: decisions
of another group count with a weight between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from models.priors import LEVELS, SHARE_BORROWED, counts, own_doubt, priors

__all__ = [
    "BORROWED_AT_MOST",
    "approvals_needed",
    "clopper_pearson",
    "error_bound",
    "lower_bound",
    "pooled_bound",
    "pooled_error_bound",
    "upper_bound",
]

FloatArray = NDArray[np.float64]

BORROWED_AT_MOST = 60.0
"""Decisions that prior and wider groups together may count for, so that a pattern's own refusals always tell."""

_WRONG_BORROWED, _LEAST_BORROWED = 1.5, 10.0
"""Wrong decisions that may be borrowed, unless that would leave fewer than ten decisions borrowed in all."""


def upper_bound(errors: ArrayLike, decisions: ArrayLike, *, certainty: float = 0.95) -> FloatArray:
    """One-sided Clopper-Pearson upper bound of an error rate; 1 where nothing was decided.

    Parameters
    ----------
    errors, decisions : array-like of float, shape (n,) or scalar
        ``0 <= errors <= decisions``; fractions are allowed (weighted counts).
    certainty : float
        In 0..1, exclusive: the bound is below the truth in at most ``1 - certainty`` of the cases.

    Raises
    ------
    ValueError
        When counts or certainty are out of range.

    Examples
    --------
    >>> round(float(upper_bound(0, 59)), 4)
    0.0495
    """
    return error_bound(errors, decisions, prior_error=0.0, prior_strength=0.0, certainty=certainty)


def lower_bound(errors: ArrayLike, decisions: ArrayLike, *, certainty: float = 0.95) -> FloatArray:
    """One-sided Clopper-Pearson lower bound of an error rate; 0 where nothing was decided. Arguments as `upper_bound`."""
    wrong, decided = _checked(errors, decisions, certainty)
    found = betaincinv(np.maximum(wrong, 1e-12), decided - wrong + 1, 1 - certainty)
    return np.where(wrong > 0, found, 0.0)


def clopper_pearson(errors: float, decisions: float, *, certainty: float = 0.95) -> tuple[float, float]:
    """Two-sided interval of an error rate, ``(lower, upper)``; ``(0, 1)`` where nothing was decided.

    >>> low, high = clopper_pearson(1, 20)
    >>> round(low, 4), round(high, 4)
    (0.0013, 0.2487)
    """
    one_sided = (1 + certainty) / 2
    low = float(lower_bound(errors, decisions, certainty=one_sided))
    return low, float(upper_bound(errors, decisions, certainty=one_sided))


def error_bound(
    errors: ArrayLike,
    decisions: ArrayLike,
    *,
    prior_error: ArrayLike,
    prior_strength: ArrayLike,
    certainty: float = 0.90,
) -> FloatArray:
    """Upper bound of an error rate when something was believed before.

    The prior counts as `prior_strength` decisions of which the share `prior_error` was wrong. As in Clopper-Pearson one
    more error is assumed than was seen, so the bound with strength 0 *is* Clopper-Pearson's, and a prior error near zero
    cannot make it vanish.

    Parameters
    ----------
    errors, decisions : array-like of float
        ``0 <= errors <= decisions``.
    prior_error : array-like of float
        In 0..1.
    prior_strength : array-like of float
        In decisions, >= 0.
    certainty : float
        In 0..1, exclusive.

    Returns
    -------
    ndarray of float
        In 0..1; never falls with one more error, never rises with one more right decision.

    Raises
    ------
    ValueError
        When a count, the prior or the certainty is out of range.
    """
    wrong, decided = _checked(errors, decisions, certainty)
    share, strength = np.asarray(prior_error, dtype=float), np.asarray(prior_strength, dtype=float)
    if not (np.all((share >= 0) & (share <= 1)) and np.all((strength >= 0) & np.isfinite(strength))):
        raise ValueError(
            f"prior_error must be in 0..1 and prior_strength finite and >= 0, not {_ends(share)} and {_ends(strength)}"
        )
    wrong_at_worst = 1 + strength * share + wrong
    right = strength * (1 - share) + decided - wrong
    return np.where(right > 0, betaincinv(wrong_at_worst, np.maximum(right, 1e-12), certainty), 1.0)


def pooled_bound(
    groups: Sequence[tuple[ArrayLike, ArrayLike]],
    *,
    prior_error: ArrayLike,
    prior_strength: ArrayLike,
    shares: Sequence[float] = tuple(SHARE_BORROWED.values()),
    least_error: ArrayLike = 0.0,
    certainty: float = 0.90,
) -> FloatArray:
    """Upper bound of the error rate of the last, narrowest group, which borrows from the wider ones.

    Parameters
    ----------
    groups : sequence of (errors, decisions)
        Widest first, each without the decisions of the next: corrector elsewhere, rule elsewhere, pattern.
    prior_error, prior_strength : array-like of float
        As in `error_bound`.
    shares : sequence of float
        What a decision of each wider group counts, one less than there are groups.
    least_error : array-like of float
        Error rate, 0..1, below which prior and wider groups together may not talk the group down; for a candidate
        about which its own corrector is in doubt.
    certainty : float

    Returns
    -------
    ndarray of float
        In 0..1.
    """
    if len(shares) != len(groups) - 1:
        raise ValueError(f"{len(groups)} groups need {len(groups) - 1} shares, not {len(shares)}")
    weight = np.asarray(prior_strength, dtype=float)
    wrong = weight * np.asarray(prior_error, dtype=float)
    for (errors, decisions), share in zip(groups[:-1], shares, strict=True):
        weight = weight + share * np.asarray(decisions, dtype=float)
        wrong = wrong + share * np.asarray(errors, dtype=float)
    error = np.divide(wrong, weight, out=np.zeros_like(wrong + weight), where=weight > 0)
    # The share of errors is kept when the weight is cut, so an unreliable corrector is not forgiven. A group in which
    # some is refused is a mixed one: the more, the less its average says of a single pattern.
    mixed = np.divide(_WRONG_BORROWED, error, out=np.full_like(error, np.inf), where=error > 0)
    most = np.minimum(np.maximum(BORROWED_AT_MOST, prior_strength), np.maximum(mixed, _LEAST_BORROWED))
    errors, decisions = groups[-1]
    return error_bound(
        errors,
        decisions,
        prior_error=np.clip(np.maximum(error, least_error), 0, 1),
        prior_strength=np.minimum(weight, most),
        certainty=certainty,
    )


def pooled_error_bound(frame: pl.DataFrame, *, certainty: float = 0.90) -> pl.Series:
    """Upper bound of the error rate for each candidate.

    Parameters
    ----------
    frame : polars.DataFrame
        ``corrector, safe, agreement, corrector_score`` and the counts ``corrector_decided, corrector_approved``,
        ``rule_*`` and ``pattern_*``; absent columns mean nothing is known.
    certainty : float
        How sure the bound must be, 0..1 exclusive.

    Returns
    -------
    polars.Series
        ``error_bound``, floats in 0..1, in the order of the rows.
    """
    acceptance, strength = priors(frame)
    held = counts(frame)
    bound = pooled_bound(
        [(held[level].refused, held[level].refused + held[level].approved) for level in LEVELS],
        prior_error=1 - acceptance,
        prior_strength=strength,
        least_error=1 - own_doubt(frame),
        certainty=certainty,
    )
    return pl.Series("error_bound", bound, dtype=pl.Float64)


def approvals_needed(
    acceptance: float,
    strength: float,
    *,
    errors: int = 0,
    budget: float = 0.05,
    certainty: float = 0.90,
    most: int = 100_000,
) -> int | None:
    """Approvals, beside `errors` refusals, from which on the bound is within the budget; None if not within `most`."""
    approvals = np.arange(most + 1)
    bound = error_bound(
        np.full(most + 1, errors),
        approvals + errors,
        prior_error=1 - acceptance,
        prior_strength=strength,
        certainty=certainty,
    )
    within = np.flatnonzero(bound <= budget)
    return int(within[0]) if len(within) else None


def _checked(errors: ArrayLike, decisions: ArrayLike, certainty: float) -> tuple[FloatArray, FloatArray]:
    wrong, decided = np.asarray(errors, dtype=float), np.asarray(decisions, dtype=float)
    if not 0 < certainty < 1:
        raise ValueError(f"certainty must be between 0 and 1, exclusive, not {certainty}")
    if not (np.all(wrong >= 0) and np.all(wrong <= decided) and np.all(np.isfinite(decided))):
        raise ValueError(f"errors must be in 0..decisions, not {_ends(wrong)} of {_ends(decided)}")
    return wrong, decided


def _ends(values: FloatArray) -> str:
    return f"{values.min():g}..{values.max():g}" if values.size > 1 else f"{values.item():g}" if values.size else "none"
