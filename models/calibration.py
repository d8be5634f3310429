"""From a classifier's score to a probability that holds: how many parameters are fitted depends on how many labels there are.

Scores must be out of fold: a calibration on rows that the classifier was fitted to believes it.

==================  ===========  ======================================================================
labels              method       why
==================  ===========  ======================================================================
below 200           temperature  one parameter: only how bold the scores are
200 to 999          beta         three parameters; contains the identity, unlike Platt's sigmoid
1,000 and more      Venn-Abers   isotonic, with a lower and an upper probability for every score
==================  ===========  ======================================================================

The interval is Venn-Abers' with every method: its width says how much the labels decide.

References
----------
C. Guo et al., "On calibration of modern neural networks", ICML 2017 (temperature).
M. Kull, T. Silva Filho, P. Flach, "Beta calibration", AISTATS 2017.
V. Vovk, I. Petej, "Venn-Abers predictors", UAI 2014; V. Vovk, I. Petej, V. Fedorova, NeurIPS 2015 (merging p0 and p1).
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, logit

__all__ = ["FEWEST_FOR_BETA", "FEWEST_FOR_VENN_ABERS", "Calibrated", "Calibration", "logits"]

FloatArray = NDArray[np.float64]

FEWEST_FOR_BETA = 200
FEWEST_FOR_VENN_ABERS = 1000
_MOST_STEPS = 200
"""Distinct scores of the Venn-Abers table; more labels are gathered into as many steps of equal weight."""

_EDGE = 1e-6


class Calibrated(NamedTuple):
    """Probabilities of acceptance, each an array of shape (n,) in 0..1 with ``lower <= probability <= upper``."""

    probability: FloatArray
    lower: FloatArray
    upper: FloatArray


class Calibration:
    """Monotone map from score to probability with an interval; the method follows from the number of labels.

    Attributes
    ----------
    method_ : str
        ``temperature``, ``beta`` or ``venn-abers``.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> truth = random.beta(4, 1, 3000)
    >>> bold = expit(2 * logit(truth))                     # too sure of itself
    >>> fitted = Calibration().fit(bold, random.random(3000) < truth)
    >>> fitted.method_, bool(abs(fitted.predict(bold).probability - truth).mean() < abs(bold - truth).mean() / 3)
    ('venn-abers', True)
    """

    method_: str
    _parameters: FloatArray
    _steps: FloatArray

    def fit(self, scores: FloatArray, accepted: NDArray[np.bool_], *, weight: FloatArray | None = None) -> Self:
        """Learn from out-of-fold scores.

        Parameters
        ----------
        scores : ndarray of shape (n,)
            In 0..1.
        accepted : ndarray of bool, shape (n,)
        weight : ndarray of shape (n,), optional
            Inverse propensities; only their ratios count.

        Raises
        ------
        ValueError
            When there are no labels or only one class.
        """
        known = np.asarray(accepted, dtype=bool)
        if not known.any() or known.all():
            raise ValueError(f"calibration needs accepted and refused labels; all {len(known)} are the same")
        share = np.ones(len(known)) if weight is None else np.asarray(weight, dtype=float)
        share = share / share.mean()
        # What weights cost in certainty: Kish's effective number of labels.
        labels = share.sum() ** 2 / (share**2).sum()
        values = logits(scores)
        self._steps = _venn_abers(values, known, share)
        if labels < FEWEST_FOR_BETA:
            self.method_, self._parameters = "temperature", _temperature(values, known, share)
        elif labels < FEWEST_FOR_VENN_ABERS:
            self.method_, self._parameters = "beta", _beta(values, known, share)
        else:
            self.method_, self._parameters = "venn-abers", np.empty(0)
        return self

    def predict(self, scores: FloatArray) -> Calibrated:
        """Probabilities of the scores; a higher score never has a lower probability or end of the interval."""
        values = logits(scores)
        at, low, high, merged = self._steps.T
        lower, upper = np.interp(values, at, low), np.interp(values, at, high)
        if self.method_ == "temperature":
            found = expit(values / self._parameters[0])
        elif self.method_ == "beta":
            found = expit(_beta_logit(values, self._parameters))
        else:
            found = np.interp(values, at, merged)
        return Calibrated(found, np.minimum(lower, found), np.maximum(upper, found))


def logits(scores: FloatArray) -> FloatArray:
    """Log odds of scores in 0..1, cut at one in a million."""
    return logit(np.clip(np.asarray(scores, dtype=float), _EDGE, 1 - _EDGE))


def _temperature(values: FloatArray, accepted: NDArray[np.bool_], share: FloatArray) -> FloatArray:
    found = minimize(
        lambda t: _loss(values / np.exp(t[0]), accepted, share), [0.0], bounds=[(-3, 3)], method="L-BFGS-B"
    )
    return np.exp(found.x)


def _beta(values: FloatArray, accepted: NDArray[np.bool_], share: FloatArray) -> FloatArray:
    def cost(parameters: FloatArray) -> float:
        # A weak pull to the identity, worth about one label, keeps separable scores finite.
        pull = np.sum((parameters - [1.0, 1.0, 0.0]) ** 2) / len(values)
        return _loss(_beta_logit(values, parameters), accepted, share) + float(pull)

    return minimize(cost, [1.0, 1.0, 0.0], bounds=[(0, None), (0, None), (None, None)], method="L-BFGS-B").x


def _beta_logit(values: FloatArray, parameters: FloatArray) -> FloatArray:
    a, b, c = parameters
    return a * -np.logaddexp(0, -values) + b * np.logaddexp(0, values) + c


def _loss(values: FloatArray, accepted: NDArray[np.bool_], share: FloatArray) -> float:
    return float(np.average(np.logaddexp(0, np.where(accepted, -values, values)), weights=share))


def _venn_abers(values: FloatArray, accepted: NDArray[np.bool_], share: FloatArray) -> FloatArray:
    """Table of step, p0, p1 and merged probability: isotonic fits with the asked score in each step, once as refused and
    once as accepted."""
    order = np.argsort(values, kind="stable")
    ranks = np.cumsum(share[order]) / share.sum()
    group = np.minimum((ranks * _MOST_STEPS).astype(int), _MOST_STEPS - 1)
    # Equal scores must share a step: they cannot be told apart later.
    _, first, place = np.unique(values[order], return_index=True, return_inverse=True)
    _, step = np.unique(group[first][place], return_inverse=True)
    mass = np.bincount(step, weights=share[order])
    hits = np.bincount(step, weights=share[order] * accepted[order])
    at = np.bincount(step, weights=share[order] * values[order]) / mass
    low, high = np.empty(len(at)), np.empty(len(at))
    for one in range(len(at)):
        more = mass.copy()
        more[one] += 1
        rate = hits / more
        low[one] = isotonic_regression(rate, weights=more).x[one]
        rate[one] = (hits[one] + 1) / more[one]
        high[one] = isotonic_regression(rate, weights=more).x[one]
    low, high = np.maximum.accumulate(low), np.maximum.accumulate(high)
    return np.column_stack([at, low, high, high / (1 - low + high)])
