"""Shipping weight as an interval, and slips of the unit that put a weight far outside it.

Weights cannot be guessed well: on the public tables of sellers' products half of the best point estimates are off by more
than a quarter. So the estimate is an interval with a stated coverage, useful where the whole of it leads to the same
postage; and what can be told almost surely, a weight in the wrong unit, is told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from threadpoolctl import threadpool_limits

__all__ = ["BRACKETS_G", "SLIPS", "UnitSlip", "WeightEstimator", "WeightInterval"]

BRACKETS_G = (2_000.0, 5_000.0, 10_000.0, 20_000.0, 31_500.0)
"""Upper ends of parcel price brackets in grams: DHL Paket within Germany, 2, 5, 10, 20 and 31.5 kg
(https://www.dhl.de/en/paket/pakete-versenden/deutschlandweit-versenden/paket.html, a copy read 2026-11-24, without the
20 kg step; that step as at frankieren.de/dhl-paket-frankieren, read the same day). Other carriers differ: pass their own."""

SLIPS = (
    (1_000.0, "kilograms written as grams"),
    (1 / 1_000.0, "grams multiplied by 1000 twice"),
    (453.59237, "pounds written as grams"),
    (1 / 453.59237, "grams taken for pounds"),
    (28.349523125, "ounces written as grams"),
    (1 / 28.349523125, "grams taken for ounces"),
    (16.0, "pounds taken for ounces"),
    (1 / 16.0, "ounces taken for pounds"),
    (10.0, "a lost zero"),
    (1 / 10.0, "a zero too many"),
)
"""Factors that put a wrong weight right, with what went wrong; one pound is 453.59237 g (NIST Handbook 44, appendix C)."""

_MAX_G = 2_000_000.0
_PLAUSIBLE = 2.0
"""Half widths from the middle of an interval within which a weight is not called a slip."""

_PRIOR_STRENGTH = 4.0
"""Decisions that the beliefs about slips count for; a merchant's own slips outweigh them soon."""

_TITLE_PARTS = 16


@dataclass(frozen=True)
class WeightInterval:
    """Estimate of one weight in grams.

    Attributes
    ----------
    low, middle, high : float
        Grams; the interval from low to high covers the truth with the nominal share.
    """

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class UnitSlip:
    """A weight that a change of unit puts right.

    Attributes
    ----------
    weight_g : float
        The observed weight times the factor.
    factor : float
    meaning : str
        What went wrong.
    score : float
        In 0..1: how much more plausible the new weight is, shared with other factors that fit as well.
    """

    weight_g: float
    factor: float
    meaning: str
    score: float


class WeightEstimator(BaseEstimator):
    """Quantile regression (gradient boosting) of the log weight on size, category and title, made honest by conformity.

    Parameters
    ----------
    coverage : float
        Share of weights that lie inside the interval, in 0..1.
    min_records : int
        Records with a weight below which nothing is learned.
    max_records : int
        Records that are looked at; more are sampled.
    is_imperial : bool
        Whether the merchant weighs in pounds and ounces, which makes slips between those and grams likely.
    seed : int

    Attributes
    ----------
    is_ready_ : bool
    widening_ : float
        By how much (natural logarithm) the raw interval was widened on held-out records (conformalised quantile
        regression: Romano, Patterson, Candes, NeurIPS 2019, https://arxiv.org/abs/1905.03222).
    misses_ : ndarray, shape (n_held_out,)
        Sorted: how far each held-out weight lies from the middle of its interval, -1 at the lower edge, 1 at the upper.
        With a new interval they give its whole distribution (split conformal predictive systems: Vovk, Petej,
        Nouretdinov, Manokhin, Gammerman, COPA 2018, https://arxiv.org/abs/1911.00941).
    """

    def __init__(
        self,
        *,
        coverage: float = 0.9,
        min_records: int = 80,
        max_records: int = 15_000,
        is_imperial: bool = False,
        seed: int = 0,
    ) -> None:
        self.coverage = coverage
        self.min_records = min_records
        self.max_records = max_records
        self.is_imperial = is_imperial
        self.seed = seed

    def fit(
        self,
        weights_g: NDArray[np.float64],
        sizes_mm: NDArray[np.float64],
        categories: Sequence[str],
        titles: Sequence[str],
    ) -> Self:
        """Learn from records with a known weight.

        Parameters
        ----------
        weights_g : ndarray, shape (n_records,)
            Grams; rows that are nan, not positive or beyond two tonnes are left out.
        sizes_mm : ndarray, shape (n_records, 3)
            Length, width and height; nan where unknown.
        categories, titles : sequence of str, shape (n_records,)
            Empty where unknown.
        """
        generator = np.random.default_rng(self.seed)
        rows = np.flatnonzero(np.isfinite(weights_g) & (weights_g > 0) & (weights_g < _MAX_G))
        self.is_ready_ = len(rows) >= self.min_records
        self.widening_ = 0.0
        if not self.is_ready_:
            return self
        if len(rows) > self.max_records:
            rows = np.sort(generator.choice(rows, self.max_records, replace=False))
        target = np.log(weights_g[rows])
        picked = [categories[row] for row in rows.tolist()], [titles[row] for row in rows.tolist()]
        held = np.zeros(len(rows), dtype=bool)
        held[generator.permutation(len(rows))[: max(len(rows) // 4, 20)]] = True
        self._learn_categories([c for c, out in zip(picked[0], held.tolist(), strict=True) if not out], target[~held])
        self._learn_titles(picked[1])
        features = self._all_features(sizes_mm[rows], *picked)
        # Columns that are empty or constant in the training rows say nothing, and binning them fails.
        training = features[~held]
        self._columns = [
            i for i in range(features.shape[1]) if len(np.unique(training[np.isfinite(training[:, i]), i])) >= 2
        ]
        if not self._columns:
            self.is_ready_ = False
            return self
        features = features[:, self._columns]
        # Boosting shares out tiny pieces of work; on a busy machine its threads wait for each other ten times longer.
        with threadpool_limits(limits=1, user_api="openmp"):
            self._models = self._boosted(features[~held], target[~held])
            predicted = np.column_stack([model.predict(features[held]) for model in self._models])
        outside = np.maximum(predicted[:, 0] - target[held], target[held] - predicted[:, 2])
        rank = min(1.0, np.ceil((held.sum() + 1) * self.coverage) / held.sum())
        self.widening_ = float(np.quantile(outside, rank, method="higher"))
        self.misses_ = np.sort(_distance(target[held], self._edges(predicted)))
        return self

    def predict(
        self, sizes_mm: NDArray[np.float64], categories: Sequence[str], titles: Sequence[str]
    ) -> list[WeightInterval | None]:
        """An interval for each record; None where nothing of the record is known, or nothing was learned.

        Parameters
        ----------
        sizes_mm : ndarray, shape (n_records, 3)
        categories, titles : sequence of str, shape (n_records,)

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        if not hasattr(self, "is_ready_"):
            raise NotFittedError("WeightEstimator is not fitted; call fit with weights first")
        if not self.is_ready_ or not len(titles):
            return [None for _ in titles]
        features = self._features(sizes_mm, categories, titles)
        with threadpool_limits(limits=1, user_api="openmp"):
            edges = self._edges(np.column_stack([model.predict(features) for model in self._models]))
        has_size = np.asarray(np.isfinite(sizes_mm).any(axis=1))
        return [
            WeightInterval(*(float(np.exp(edge)) for edge in edges[row]))
            if has_size.item(row) or titles[row].strip() or categories[row] in self._category_middle
            else None
            for row in range(len(titles))
        ]

    def chance(self, interval: WeightInterval, low_g: float, high_g: float) -> float:
        """Probability that the true weight lies between two weights, 0..1.

        Parameters
        ----------
        interval : WeightInterval
            As `predict` gave it.
        low_g, high_g : float
            Grams, the lower one excluded; 0 and infinity leave that side open.

        Notes
        -----
        The share of held-out weights that lie there when their distances are laid on this interval; one more is
        counted outside, so the chance is never 1.
        """
        edges = np.log([[interval.low, interval.middle, interval.high]])
        below, above = (
            np.searchsorted(self.misses_, _distance(np.array([np.log(max(edge, 1e-9))]), edges)[0], side="right")
            for edge in (low_g, high_g)
        )
        return float((above - below) / (len(self.misses_) + 1))

    def slips(
        self, weight_g: float, interval: WeightInterval, habits: Mapping[float, float] | None = None
    ) -> list[UnitSlip]:
        """Changes of unit that bring an implausible weight into the middle of its interval, the likeliest first.

        Parameters
        ----------
        weight_g : float
            The observed weight.
        interval : WeightInterval
            As `predict` gave it.
        habits : mapping of float to float, or None
            Factor to how often it put a weight of this merchant right, less how often it was refused.

        Returns
        -------
        list of UnitSlip
            Empty when the weight is plausible, or no factor helps.
        """
        if not 0.0 < weight_g < _MAX_G * 1_000:
            return []
        edges = np.log([[interval.low, interval.middle, interval.high]])

        def distance(weight: float) -> float:
            return float(np.abs(_distance(np.array([np.log(weight)]), edges))[0])

        observed = distance(weight_g)
        if observed < _PLAUSIBLE:
            return []
        priors = _IMPERIAL_PRIORS if self.is_imperial else _PRIORS
        mass = {
            factor: max(
                priors[round(max(factor, 1 / factor))] * _PRIOR_STRENGTH + (habits or {}).get(factor, 0.0), 0.01
            )
            for factor, _ in SLIPS
        }
        scale = sum(priors[round(max(factor, 1 / factor))] for factor, _ in SLIPS) / sum(mass.values())
        likely = [
            (factor, meaning, mass[factor] * scale * _density(distance(weight_g * factor))) for factor, meaning in SLIPS
        ]
        # The observed weight itself stays in the race: an odd product is rare, not impossible.
        total = sum(chance for _, _, chance in likely) + _density(observed)
        found = [
            UnitSlip(weight_g * factor, factor, meaning, chance / total)
            for factor, meaning, chance in likely
            if distance(weight_g * factor) <= 1.5 and chance / total >= 0.1
        ]
        return sorted(found, key=lambda one: (-one.score, one.factor))

    def _edges(self, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lower edge, middle and upper edge (natural logarithm) of the raw quantiles, shape (n_records, 3)."""
        # Three separate regressions may cross where data is thin.
        return np.sort(predicted + np.array([-self.widening_, 0.0, self.widening_]), axis=1)

    def _boosted(
        self, features: NDArray[np.float64], target: NDArray[np.float64]
    ) -> list[HistGradientBoostingRegressor]:
        """One regression for each of the lower, middle and upper quantile."""
        tail = (1.0 - self.coverage) / 2.0
        return [
            HistGradientBoostingRegressor(
                loss="quantile",
                quantile=quantile,
                max_iter=120,
                learning_rate=0.1,
                max_leaf_nodes=15,
                min_samples_leaf=max(5, min(20, len(target) // 30)),
                early_stopping=False,
                random_state=self.seed,
            ).fit(features, target)
            for quantile in (tail, 0.5, 1.0 - tail)
        ]

    def _learn_categories(self, categories: Sequence[str], target: NDArray[np.float64]) -> None:
        self._overall = float(np.median(target))
        rows: dict[str, list[int]] = {}
        for row, category in enumerate(categories):
            rows.setdefault(category, []).append(row)
        self._category_middle = {
            # Shrunk to the median of all, so that a category of two products does not speak too loudly.
            name: (float(np.median(target[found])) * len(found) + self._overall * 5.0) / (len(found) + 5.0)
            for name, found in rows.items()
            if name.strip() and len(found) >= 3
        }

    def _learn_titles(self, titles: Sequence[str]) -> None:
        self._weighting: TfidfTransformer | None = None
        counted = self._counted(titles)
        if counted.nnz == 0 or len(set(titles)) < 50:
            return
        self._weighting = TfidfTransformer(sublinear_tf=True)
        self._title_space = TruncatedSVD(_TITLE_PARTS, n_iter=3, random_state=self.seed)
        self._title_space.fit(self._weighting.fit_transform(counted))

    def _counted(self, titles: Sequence[str]) -> sparse.csr_matrix:
        space = HashingVectorizer(n_features=2**14, alternate_sign=False, norm=None)
        return space.transform([title[:300] for title in titles])

    def _features(
        self, sizes_mm: NDArray[np.float64], categories: Sequence[str], titles: Sequence[str]
    ) -> NDArray[np.float64]:
        return self._all_features(sizes_mm, categories, titles)[:, self._columns]

    def _all_features(
        self, sizes_mm: NDArray[np.float64], categories: Sequence[str], titles: Sequence[str]
    ) -> NDArray[np.float64]:
        positive = np.where(sizes_mm > 0, sizes_mm, np.nan)
        ordered = np.sort(np.log(positive), axis=1)
        volume = ordered.sum(axis=1, keepdims=True)
        middles = np.array([[self._category_middle.get(name, np.nan)] for name in categories])
        parts = [ordered, volume, middles]
        if self._weighting is not None:
            parts.append(self._title_space.transform(self._weighting.transform(self._counted(titles))))
        return np.hstack(parts)


_PRIORS = {1_000: 0.6, 454: 0.1, 28: 0.05, 16: 0.05, 10: 0.1}
_IMPERIAL_PRIORS = {1_000: 0.15, 454: 0.4, 28: 0.15, 16: 0.15, 10: 0.05}
"""How common each slip is before looking at the product; where weights are metric a factor of 1000 leads by far."""


def _distance(target: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of log weights from the middle of their intervals, in half widths of the side on which they lie."""
    low, middle, high = edges.T
    offset = target - middle
    return np.asarray(
        np.where(offset < 0, offset / np.maximum(middle - low, 0.1), offset / np.maximum(high - middle, 0.1))
    )


def _density(distance: float) -> float:
    """Student's t density with 4 degrees of freedom, up to a factor; 90 % of a normal lie within distance 1."""
    return (1.0 + (1.645 * distance) ** 2 / 4.0) ** -2.5
