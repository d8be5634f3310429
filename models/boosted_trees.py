"""Boosted decision trees as tables of numbers.

They are grown by scikit-learn and then written into three arrays, so that a saved model holds no code and a file from
elsewhere can at worst be wrong: a row finds its leaf by comparing, never by following an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

__all__ = ["BoostedTrees"]

FloatArray = NDArray[np.float64]

_DEPTH = 4
_INNER, _LEAVES = 2**_DEPTH - 1, 2**_DEPTH
_ROWS_AT_ONCE = 4_096


class BoostedTrees(BaseEstimator):
    """Gradient boosting of shallow trees for a yes or no, with inputs that may only raise or only lower the odds.

    Parameters
    ----------
    directions : sequence of int
        For each input 1, -1 or 0: it may only raise the odds, only lower them, or either.
    trees : int
    learning_rate : float
        Share of each tree's correction that is taken.
    fewest : int
        Rows in a leaf, at least.
    penalty : float
        Weight of the squared leaf values.

    Attributes
    ----------
    feature_ : ndarray of int, shape (trees, 15)
        Input that each question of a tree is about, top down and left to right.
    threshold_ : ndarray of shape (trees, 15)
        Rows at or below it go left.
    leaf_ : ndarray of shape (trees, 16)
        What each leaf adds to the log odds.
    intercept_ : float

    Notes
    -----
    Sums in several threads depend on how the rows were shared out; one thread makes equal data give equal trees to the bit.

    References
    ----------
    J. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 2001.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> inputs = random.random((1000, 2))
    >>> fitted = BoostedTrees(directions=[1, 0]).fit(inputs, (inputs[:, 0] > 0.5) & (inputs[:, 1] < 0.5))
    >>> (fitted.decision_function(np.array([[0.9, 0.1], [0.9, 0.9], [0.1, 0.1]])) > 0).tolist()
    [True, False, False]
    """

    feature_: NDArray[np.int64]
    threshold_: FloatArray
    leaf_: FloatArray
    intercept_: float

    def __init__(
        self,
        *,
        directions: Sequence[int],
        trees: int = 150,
        learning_rate: float = 0.06,
        fewest: int = 20,
        penalty: float = 5.0,
    ) -> None:
        self.directions = directions
        self.trees = trees
        self.learning_rate = learning_rate
        self.fewest = fewest
        self.penalty = penalty

    def fit(self, inputs: FloatArray, accepted: NDArray[np.bool_], *, weight: FloatArray | None = None) -> Self:
        """Learn from inputs of shape ``(n, n_inputs)``; of both outcomes at least one row is needed."""
        grower = HistGradientBoostingClassifier(
            max_iter=self.trees,
            learning_rate=self.learning_rate,
            max_depth=_DEPTH,
            max_leaf_nodes=_LEAVES,
            min_samples_leaf=self.fewest,
            l2_regularization=self.penalty,
            monotonic_cst=list(self.directions),
            early_stopping=False,
            random_state=0,
        )
        with threadpool_limits(limits=1):
            grower.fit(inputs, accepted, sample_weight=weight)
        self.feature_ = np.zeros((self.trees, _INNER), dtype=np.int64)
        self.threshold_ = np.zeros((self.trees, _INNER))
        self.leaf_ = np.zeros((self.trees, _LEAVES))
        self.intercept_ = float(np.ravel(grower._baseline_prediction)[0])
        # scikit-learn keeps its trees to itself; a test compares every answer with its own.
        for tree, (grown,) in enumerate(grower._predictors):
            self._write(tree, grown.nodes, node=0, place=0, depth=0)
        return self

    def decision_function(self, inputs: FloatArray) -> FloatArray:
        """Log odds of each row, shape ``(n,)``."""
        check_is_fitted(self, "leaf_")
        found = np.empty(len(inputs))
        every = np.arange(len(self.leaf_))
        for start in range(0, len(inputs), _ROWS_AT_ONCE):
            rows = np.asarray(inputs[start : start + _ROWS_AT_ONCE], dtype=float)
            place = np.zeros((len(rows), len(every)), dtype=np.int64)
            for _ in range(_DEPTH):
                asked = np.take_along_axis(rows, self.feature_[every, place], axis=1)
                place = 2 * place + 1 + (asked > self.threshold_[every, place])
            found[start : start + _ROWS_AT_ONCE] = self.leaf_[every, place - _INNER].sum(axis=1)
        return found + self.intercept_

    def _write(self, tree: int, nodes: np.ndarray, *, node: int, place: int, depth: int) -> None:
        """Write a node and those below it; a leaf above the last level fills every place below it."""
        one = nodes[node]
        if one["is_leaf"]:
            width = 2 ** (_DEPTH - depth)
            first = (place + 1) * width - 1 - _INNER
            self.leaf_[tree, first : first + width] = one["value"]
            return
        self.feature_[tree, place], self.threshold_[tree, place] = one["feature_idx"], one["num_threshold"]
        for side, below in (("left", 2 * place + 1), ("right", 2 * place + 2)):
            self._write(tree, nodes, node=int(one[side]), place=below, depth=depth + 1)
