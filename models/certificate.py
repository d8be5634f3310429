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
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from models.risk import lower_bound, upper_bound

__all__ = ["FIRST_STEP", "Walk", "certified_bounds", "walk", "without_slips"]

FloatArray = NDArray[np.float64]

FIRST_STEP = 45
"""Decisions at the first step, at least: with none wrong the bound is 5 % at a certainty of 90 %."""

_FIRST_SHARE, _GROWTH = 0.2, 1.15
"""The first step takes in a fifth of the decisions, each later one 15 % more. A shorter first step would end most walks at
once: one slip among 45 decisions is 8 % at worst. Chosen on streams that are in no table of results."""


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


def walk(confidence: ArrayLike, is_wrong: ArrayLike, *, certainty: float = 0.90) -> Walk:
    """The steps of a group of decisions.

    Parameters
    ----------
    confidence : array-like of float, shape (n,)
        What the suggestion's confidence was before the decision.
    is_wrong : array-like of bool, shape (n,)
    certainty : float
        Of the bounds, 0..1 exclusive.

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
    bound = upper_bound(wrong_so_far[decisions - 1], decisions, certainty=certainty)
    return Walk(sureness[decisions - 1], np.maximum.accumulate(bound), decisions)


def without_slips(bound: ArrayLike, slips: float) -> FloatArray:
    """An error rate of suggestions from one of decisions, when reviewers themselves err in the share `slips`.

    A suggestion that is wrong with probability r is refused with ``r (1 - s) + (1 - r) s``, which is solved for r.

    >>> float(without_slips(0.05, 0.02).round(4)), float(without_slips(0.01, 0.02))
    (0.0313, 0.0)
    """
    return np.clip((np.asarray(bound, dtype=float) - slips) / (1 - 2 * slips), 0, 1)


def certified_bounds(
    rows: pl.DataFrame,
    decisions: pl.DataFrame,
    *,
    groups: Sequence[Sequence[str]],
    certainty: float = 0.90,
    slips: float = 0.0,
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
    slips : float
        Share of decisions, 0..0.5, in which the reviewers themselves err.

    Returns
    -------
    polars.DataFrame
        ``error_bound`` (0..1; 1 where nothing is proven) and ``evidence``, the number of decisions behind it.
    """
    known = decisions.select(pl.col("confidence").cast(pl.Float64), "is_wrong", *{n for by in groups for n in by})
    together = walk(known["confidence"], known["is_wrong"], certainty=certainty)
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
                least[place][mine] = lower_bound(errors, count, certainty=certainty)
            if place == 0:
                own = walk(sureness, part["is_wrong"].to_numpy(), certainty=certainty)
                own_bound[mine], own_evidence[mine] = _read(own, own.step_of(asked[mine]))
    narrower = np.max([np.zeros(rows.height), *least[1:]], axis=0)
    together_bound, own_bound = np.maximum(bound, np.maximum(least[0], narrower)), np.maximum(own_bound, narrower)
    is_own = own_bound < together_bound
    return pl.DataFrame(
        {
            "error_bound": without_slips(np.where(is_own, own_bound, together_bound), slips),
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
