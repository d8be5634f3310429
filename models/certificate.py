"""From which confidence on corrections may be made without asking: a proof from past decisions.

Every decision was made about a suggestion that had a confidence at the time. The decisions are walked from the surest
down; at each step the question is how many of those at least as sure were wrong at worst. The bound of a candidate is the
worst one met on the way down to its confidence, so a budget holds for everything above the step at which it was first
exceeded. That is fixed sequence testing: each threshold is tested only if all above it were proven, so the certainty holds
for the threshold that is found, not for each of them alone, and for any budget.

A group of corrections may have a walk of its own, which can only help it. What is proven for all together does not hold
for a group that is proven to be worse: its lower bound is taken where that is higher.

References
----------
A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, "Learn then Test: calibrating predictive algorithms to
achieve risk control", 2021, section 4 (fixed sequence testing).
C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26(4), 1934.
G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in Medicine
27(10), 2008 (the difference between what was refused and what was refused by mistake).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from models.risk import lower_bound, upper_bound

__all__ = [
    "FIRST_STEP",
    "NO_SLIPS",
    "SlipRate",
    "Walk",
    "certified_bounds",
    "rate_without_slips",
    "slip_rate_of",
    "walk",
]

FloatArray = NDArray[np.float64]

FIRST_STEP = 45
"""Decisions at the first step, at least: with none wrong the bound is 5 % at a certainty of 90 %."""

_FIRST_SHARE, _GROWTH = 0.2, 1.15
"""The first step takes in a fifth of the decisions, each later one 15 % more. A shorter first step would end most walks at
once: one slip among 45 decisions is 8 % at worst. Chosen on streams that are in no table of results."""

_MOST_EXCUSED = 0.25
"""Reviewers who seem to err more often are not believed to: where they disagree that much the suggestions are doubtful."""


class SlipRate(NamedTuple):
    """Share of decisions in which the reviewers themselves err, 0..0.5, with one-sided bounds."""

    estimate: float
    least: float
    most: float


NO_SLIPS = SlipRate(0.0, 0.0, 0.0)


class Walk(NamedTuple):
    """Steps from the surest decisions down, each an array of shape (n_steps,).

    Attributes
    ----------
    threshold : ndarray
        Confidence from which on a step counts, falling.
    bound : ndarray
        Upper bound of the error rate, the worst until here, 0..1.
    decisions : ndarray of int
        Decisions at least as sure.
    """

    threshold: FloatArray
    bound: FloatArray
    decisions: NDArray[np.int64]

    def step_of(self, confidence: ArrayLike) -> NDArray[np.int64]:
        """Place of the step that each confidence belongs to; the number of steps where it is below all."""
        return np.searchsorted(-self.threshold, -np.asarray(confidence, dtype=float), side="left")


def walk(confidence: ArrayLike, is_wrong: ArrayLike, *, certainty: float = 0.90, slips: SlipRate = NO_SLIPS) -> Walk:
    """The steps of a group of decisions.

    Parameters
    ----------
    confidence : array-like of float, shape (n,)
        What the suggestion's confidence was before the decision.
    is_wrong : array-like of bool, shape (n,)
    certainty : float
        Of the bounds, 0..1 exclusive.
    slips : SlipRate
        Of those who decided.

    Returns
    -------
    Walk
        Without steps while there are fewer than `FIRST_STEP` decisions.

    Examples
    --------
    >>> found = walk([0.99] * 60 + [0.60] * 40, [False] * 60 + [True] * 20 + [False] * 20)
    >>> found.threshold.tolist(), found.bound.round(3).tolist(), found.decisions.tolist()
    ([0.99, 0.6], [0.038, 0.261], [60, 100])
    """
    sureness, wrong = np.asarray(confidence, dtype=float), np.asarray(is_wrong, dtype=float)
    order = np.argsort(-sureness, kind="stable")
    sureness, wrong_so_far = sureness[order], np.cumsum(wrong[order])
    ends: list[int] = []
    wanted = max(FIRST_STEP, int(np.ceil(len(sureness) * _FIRST_SHARE)))
    while wanted <= len(sureness) and (not ends or ends[-1] < len(sureness)):
        # Equal confidences cannot be told apart, so they belong to one step.
        ends.append(int(np.searchsorted(-sureness, -sureness[wanted - 1], side="right")))
        wanted = min(int(np.ceil(ends[-1] * _GROWTH)), len(sureness))
    decisions = np.array(ends, dtype=np.int64)
    if not ends:
        return Walk(np.empty(0), np.empty(0), decisions)
    _, bound = rate_without_slips(wrong_so_far[decisions - 1], decisions, certainty=certainty, slips=slips)
    return Walk(sureness[decisions - 1], np.maximum.accumulate(bound), decisions)


def slip_rate_of(apart: int, decided: int, *, certainty: float = 0.90) -> SlipRate:
    """The slips of reviewers of whom two decided the same `decided` times, and `apart` of those times not alike.

    Two who err in the share s each, independently, disagree in ``2 s (1 - s)``. Without second reviews it is 0, so that
    nothing is excused.
    """
    if not decided:
        return NO_SLIPS
    disagreement = (
        apart / decided,
        float(lower_bound(apart, decided, certainty=certainty)),
        float(upper_bound(apart, decided, certainty=certainty)),
    )
    return SlipRate(*((1 - np.sqrt(max(0.0, 1 - 2 * share))) / 2 for share in disagreement))


def rate_without_slips(
    wrong: ArrayLike, decided: ArrayLike, *, certainty: float = 0.90, slips: SlipRate = NO_SLIPS
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bound of the rate at which suggestions are wrong, when the reviewers themselves err.

    A suggestion that is wrong with probability r is refused with ``p = r (1 - s) + (1 - r) s``, which is solved for r. The
    limits of the difference ``p - s`` come from those of p (Clopper-Pearson) and of s by the method of variance estimates
    recovery; without slips they are Clopper-Pearson's own.

    Parameters
    ----------
    wrong, decided : array-like of float, shape (n,) or scalar
        Refused decisions and all.
    certainty : float
        Of each bound, 0..1 exclusive.
    slips : SlipRate

    Examples
    --------
    >>> [float(one.round(3)) for one in rate_without_slips(4, 200)]
    [0.009, 0.039]
    >>> [float(one.round(3)) for one in rate_without_slips(4, 200, slips=SlipRate(0.02, 0.01, 0.04))]
    [0.0, 0.022]
    """
    refused, counted = np.asarray(wrong, dtype=float), np.asarray(decided, dtype=float)
    seen = refused / np.maximum(counted, 1)
    low = lower_bound(refused, counted, certainty=certainty)
    high = upper_bound(refused, counted, certainty=certainty)
    # Among the refused are those that were refused by mistake: no more of those can have been than were refused in all.
    erred = np.minimum(slips.estimate, np.minimum(seen, _MOST_EXCUSED))
    down = np.hypot(seen - low, np.maximum(slips.most - erred, 0))
    up = np.hypot(high - seen, np.maximum(erred - slips.least, 0))
    middle, apart = seen - erred, 1 - 2 * erred
    # Above one half slips would hide errors instead of feigning them; no budget is near that, and nothing is proven there.
    return np.clip((middle - down) / apart, 0, low), np.clip((middle + up) / apart, 0, high)


def certified_bounds(
    rows: pl.DataFrame,
    decisions: pl.DataFrame,
    *,
    groups: Sequence[Sequence[str]],
    certainty: float = 0.90,
    slips: SlipRate = NO_SLIPS,
) -> pl.DataFrame:
    """Upper bound of the error rate of each candidate and everything as sure as it, from past decisions.

    Parameters
    ----------
    rows : polars.DataFrame
        ``confidence`` and the columns that `groups` name.
    decisions : polars.DataFrame
        ``confidence`` (before the decision), ``is_wrong`` (bool) and the same columns.
    groups : sequence of sequence of str
        Columns that make a group, widest first. The widest has a walk of its own; all can only raise the bound.
    certainty : float
    slips : SlipRate
        Of those who decided.

    Returns
    -------
    polars.DataFrame
        ``error_bound`` (0..1; 1 where nothing is proven) and ``evidence``, the number of decisions behind it.
    """
    known = decisions.select(pl.col("confidence").cast(pl.Float64), "is_wrong", *{n for by in groups for n in by})
    together = walk(known["confidence"], known["is_wrong"], certainty=certainty, slips=slips)
    asked = rows["confidence"].to_numpy()
    step = together.step_of(asked)
    bound, evidence = _read(together, step)
    least = [np.zeros(rows.height) for _ in groups]
    own_bound, own_evidence = np.ones(rows.height), np.zeros(rows.height, dtype=np.int64)
    for place, by in enumerate(groups):
        parts = known.partition_by(list(by), as_dict=True)
        members = rows.select(by).with_row_index("row").group_by(by, maintain_order=True).agg("row")
        for *names, mine in members.iter_rows():
            part = parts.get(tuple(names))
            if part is None:
                continue
            part = part.sort("confidence", descending=True)
            sureness, wrong = part["confidence"].to_numpy(), np.cumsum(part["is_wrong"].to_numpy())
            if len(together.threshold):
                at = np.minimum(step[mine], len(together.threshold) - 1)
                count = np.searchsorted(-sureness, -together.threshold[at], side="right")
                errors = np.where(count > 0, wrong[np.maximum(count - 1, 0)], 0)
                least[place][mine], _ = rate_without_slips(errors, count, certainty=certainty, slips=slips)
            if place == 0:
                own = walk(sureness, part["is_wrong"].to_numpy(), certainty=certainty, slips=slips)
                own_bound[mine], own_evidence[mine] = _read(own, own.step_of(asked[mine]))
    narrower = np.max([np.zeros(rows.height), *least[1:]], axis=0)
    together_bound, own_bound = np.maximum(bound, np.maximum(least[0], narrower)), np.maximum(own_bound, narrower)
    is_own = own_bound < together_bound
    return pl.DataFrame(
        {
            "error_bound": np.where(is_own, own_bound, together_bound),
            "evidence": np.where(is_own, own_evidence, evidence),
        }
    )


def _read(steps: Walk, step: NDArray[np.int64]) -> tuple[FloatArray, NDArray[np.int64]]:
    """Bound and decisions of each step; 1 and 0 below all."""
    if not len(steps.threshold):
        return np.ones(len(step)), np.zeros(len(step), dtype=np.int64)
    is_below = step == len(steps.threshold)
    at = np.minimum(step, len(steps.threshold) - 1)
    return np.where(is_below, 1.0, steps.bound[at]), np.where(is_below, 0, steps.decisions[at])
