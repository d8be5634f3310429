"""The classifier behind the confidence once there are enough decisions: which candidates people accept.

A logistic regression and boosted trees, averaged in log odds: the first carries over to names and sizes that it has seen
little of, the second knows what only holds together. In both a sign is fixed where the direction is known: one more approval
can never speak against a candidate, one more refusal never for it. The state is numbers, so a saved model holds no code.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from models.boosted_trees import BoostedTrees
from models.priors import floats

__all__ = ["CATEGORICAL", "DIRECTIONS", "AcceptanceClassifier"]

FloatArray = NDArray[np.float64]

CATEGORICAL = ("corrector", "rule_id", "field", "channel", "kind")
"""Names beside the numbers; see `models.confidence.FEATURES`."""

DIRECTIONS: dict[str, int] = {
    "believed": 1,
    "believed_of_rule": 1,
    "believed_here": 1,
    "formula": 1,
    "pattern_approved": 1,
    "pattern_refused": -1,
    "pattern_recent_surprises": -1,
    "same_value_approved": 1,
    "same_value_rejected": -1,
    "neighbour_approval": 1,
    "rejection_similarity": -1,
    "corrector_score": 1,
    "corrector_rank": -1,
    "agreement": 1,
    "candidate_count": 0,
    "neighbour_similarity": 0,
    "value_frequency": 0,
    "edit_similarity": 0,
    "length_ratio": 0,
    "digits_changed": 0,
    "letters_changed": 0,
    "was_empty": 0,
    "safe": 0,
}
"""Input to its sign: 1 may only raise the probability, -1 only lower it, 0 either."""

_COUNTED = ("pattern_approved", "pattern_refused", "same_value_approved", "same_value_rejected")
_FEWEST_OF_A_NAME = 10


class AcceptanceClassifier(BaseEstimator):
    """Logistic regression and boosted trees with fixed signs over the features of a candidate.

    Parameters
    ----------
    penalty : float
        Weight of the squared coefficients, in labels: the larger, the closer to the mean.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_inputs,)
        Of the numeric inputs, in the order of `DIRECTIONS`.
    names_ : list of (column, value)
        Names with a coefficient of their own; rarer and unknown ones have none.
    coefficients_ : ndarray of shape (n_inputs + len(names_),)
    intercept_ : float
    trees_ : BoostedTrees
        Over the numeric inputs alone.
    """

    mean_: FloatArray
    scale_: FloatArray
    names_: list[tuple[str, str]]
    coefficients_: FloatArray
    intercept_: float
    trees_: BoostedTrees

    def __init__(self, *, penalty: float = 2.0) -> None:
        self.penalty = penalty

    def fit(self, candidates: pl.DataFrame, accepted: NDArray[np.bool_], *, weight: FloatArray | None = None) -> Self:
        """Learn from decided candidates.

        Parameters
        ----------
        candidates : polars.DataFrame
            Features and the columns ``believed``, ``believed_of_rule`` and ``believed_here`` (log odds before the classifier).
        accepted : ndarray of bool, shape (n,)
        weight : ndarray of shape (n,), optional
            Inverse propensities; only their ratios count.
        """
        known = np.asarray(accepted, dtype=bool)
        share = np.ones(len(known)) if weight is None else np.asarray(weight, dtype=float)
        share = share / share.mean()
        numbers = _numbers(candidates)
        self.mean_ = np.average(numbers, axis=0, weights=share)
        spread = np.sqrt(np.average((numbers - self.mean_) ** 2, axis=0, weights=share))
        self.scale_ = np.where(spread > 1e-9, spread, 1.0)
        self.names_ = _frequent_names(candidates)
        inputs = self.inputs(candidates)
        free = (None, None)
        bounds = [{1: (0, None), -1: (None, 0), 0: free}[sign] for sign in DIRECTIONS.values()]
        bounds += [free] * (inputs.shape[1] - len(bounds) + 1)

        def cost(theta: FloatArray) -> tuple[float, FloatArray]:
            values = inputs @ theta[:-1] + theta[-1]
            surprise = np.logaddexp(0, np.where(known, -values, values))
            slope = share * (expit(values) - known)
            pull = np.append(self.penalty * theta[:-1], 0.0)
            return (
                float(share @ surprise + theta @ pull / 2),
                np.append(inputs.T @ slope, slope.sum()) + pull,
            )

        found = minimize(cost, np.zeros(inputs.shape[1] + 1), jac=True, bounds=bounds, method="L-BFGS-B")
        self.coefficients_, self.intercept_ = found.x[:-1], float(found.x[-1])
        self.trees_ = BoostedTrees(directions=list(DIRECTIONS.values())).fit(numbers, known, weight=share)
        return self

    def predict_score(self, candidates: pl.DataFrame) -> FloatArray:
        """Uncalibrated probability of acceptance of each row, 0..1."""
        check_is_fitted(self, "coefficients_")
        linear = self.inputs(candidates) @ self.coefficients_ + self.intercept_
        return expit((linear + self.trees_.decision_function(_numbers(candidates))) / 2)

    def inputs(self, candidates: pl.DataFrame) -> FloatArray:
        """What the coefficients are multiplied with, shape ``(n, n_inputs + len(names_))``: standardised numbers, then names."""
        numbers = _numbers(candidates)
        flags = [
            (candidates[column].cast(pl.String) == value).fill_null(value=False).to_numpy().astype(float)
            if column in candidates.columns
            else np.zeros(candidates.height)
            for column, value in self.names_
        ]
        return np.column_stack([(numbers - self.mean_) / self.scale_, *flags])


def _numbers(candidates: pl.DataFrame) -> FloatArray:
    derived = candidates.with_columns(
        pl.Series("pattern_refused", floats(candidates, "pattern_decided") - floats(candidates, "pattern_approved")),
        # Without a neighbour the acceptance is 0, which is not evidence against: similarity says how much it counts.
        pl.Series(
            "neighbour_approval",
            (floats(candidates, "neighbour_acceptance") - 0.5)
            * np.maximum(floats(candidates, "neighbour_similarity"), 0),
        ),
    )
    columns = {name: floats(derived, name) for name in DIRECTIONS}
    return np.column_stack([np.log1p(np.maximum(v, 0)) if n in _COUNTED else v for n, v in columns.items()])


def _frequent_names(candidates: pl.DataFrame) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for column in CATEGORICAL:
        if column not in candidates.columns:
            continue
        tally = candidates[column].drop_nulls().value_counts(name="rows").filter(pl.col("rows") >= _FEWEST_OF_A_NAME)
        # A column with one value says nothing; the intercept has it already.
        if candidates[column].n_unique() > 1:
            found += [(column, str(value)) for value in sorted(tally[column].cast(pl.String).to_list())]
    return found
