"""How honest and how useful a confidence is: measures with intervals. Their pictures are in `models.figures`.

Calibration errors are never zero, not even for a perfect model, because labels are few; the floor beside the error says
how much of it chance alone explains.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from models.risk import lower_bound, upper_bound

__all__ = [
    "Gain",
    "adaptive_error",
    "area_under_roc",
    "brier",
    "coverage_at_precision",
    "noise_floor",
    "evaluate",
    "group_table",
    "log_loss",
    "paired_gain",
    "reliability_table",
    "risk_coverage_table",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_BINS = 15
FEWEST_IN_BIN = 20
"""Rows that a share is told of."""


def brier(accepted: ArrayLike, confidence: ArrayLike) -> float:
    """Mean squared distance between confidence and outcome: 0 is perfect, 0.25 is what 0.5 everywhere gets.

    G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78(1), 1950.
    """
    y, p = _checked(accepted, confidence)
    return float(np.mean((p - y) ** 2))


def log_loss(accepted: ArrayLike, confidence: ArrayLike) -> float:
    """Mean surprise in nats; confidences are cut to 0.0001..0.9999, so that one sure mistake does not cost infinity."""
    y, p = _checked(accepted, confidence)
    return float(-np.mean(np.log(np.clip(np.where(y, p, 1 - p), 1e-4, 1.0))))


def adaptive_error(accepted: ArrayLike, confidence: ArrayLike, *, bins: int = _BINS) -> float:
    """Mean distance between confidence and share of accepted over bins of equal size; equal confidences share a bin.

    K. Nguyen, B. O'Connor, "Posterior calibration and exploratory analysis for NLP models", EMNLP 2015. Bins hold at
    least 20 rows, so few rows make few bins.
    """
    y, p = _checked(accepted, confidence)
    return _ece(y.astype(float), p, _bins(p, bins))


def noise_floor(confidence: ArrayLike, *, bins: int = _BINS, draws: int = 100, seed: int = 0) -> float:
    """Mean `adaptive_error` of a model whose every confidence is exactly true, with as many rows and such confidences."""
    # Sorted, so that the order of the rows does not change the draws.
    p = np.sort(_checked(np.zeros(np.size(confidence)), confidence)[1])
    random, places = np.random.default_rng(seed), _bins(p, bins)
    return float(np.mean([_ece((random.random(len(p)) < p).astype(float), p, places) for _ in range(draws)]))


def area_under_roc(accepted: ArrayLike, confidence: ArrayLike) -> float:
    """Chance that an accepted candidate has a higher confidence than a refused one, ties counting half; NaN with one class."""
    y, p = _checked(accepted, confidence)
    positive = int(y.sum())
    negative = len(y) - positive
    if not positive or not negative:
        return float("nan")
    return float((rankdata(p)[y].sum() - positive * (positive + 1) / 2) / (positive * negative))


def coverage_at_precision(accepted: ArrayLike, confidence: ArrayLike, *, precision: float = 0.95) -> float:
    """Largest share of rows above one threshold of which at least `precision` were accepted, 0..1.

    The threshold is chosen on these very rows, so this is what a threshold *could* reach, not what it would have.
    """
    y, p = _checked(accepted, confidence)
    order = np.argsort(-p, kind="stable")
    taken = np.arange(1, len(p) + 1)
    is_threshold = np.append(np.diff(p[order]) != 0, True)
    good = is_threshold & (np.cumsum(y[order]) >= precision * taken)
    return float(taken[good].max() / len(p)) if good.any() else 0.0


_MEASURES: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "brier": brier,
    "log_loss": log_loss,
    "calibration_error": adaptive_error,
    "auroc": area_under_roc,
    "coverage_at_95": coverage_at_precision,
}


def evaluate(
    accepted: ArrayLike, confidence: ArrayLike, *, seed: int = 0, resamples: int = 200, budget: float | None = None
) -> dict[str, float]:
    """Every measure with its 90 % bootstrap interval.

    Parameters
    ----------
    accepted : array-like of bool, shape (n,)
    confidence : array-like of float, shape (n,)
        In 0..1.
    seed : int
        Of bootstrap and floor.
    resamples : int
        Bootstrap samples; 0 leaves the intervals out.
    budget : float, optional
        Error budget, 0..1, for ``coverage_at_budget`` beside ``coverage_at_95``.

    Returns
    -------
    dict of str to float
        ``rows``, ``base_rate``, ``calibration_noise`` (see `noise_floor`) and for each of brier, log_loss,
        calibration_error, auroc and coverage_at_95 the value,
        ``<measure>_low`` and ``<measure>_high``. A measure that is not defined (auroc with one class) is left out, so
        all values are finite.

    Raises
    ------
    ValueError
        When there are no rows, or a confidence is outside 0..1.

    Examples
    --------
    >>> found = evaluate([True, True, False, True], [0.9, 0.8, 0.3, 0.6])
    >>> round(found["brier"], 3), found["auroc"], found["coverage_at_95"]
    (0.075, 1.0, 0.75)
    """
    y, p = _checked(accepted, confidence)
    found = {"rows": float(len(y)), "base_rate": float(y.mean()), "calibration_noise": noise_floor(p, seed=seed)}
    found |= {name: measure(y, p) for name, measure in _MEASURES.items()}
    if budget is not None:
        found["coverage_at_budget"] = coverage_at_precision(y, p, precision=1 - budget)
    random = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in _MEASURES}
    for _ in range(resamples):
        rows = random.integers(0, len(y), len(y))
        for name, measure in _MEASURES.items():
            drawn[name].append(measure(y[rows], p[rows]))
    for name, values in drawn.items():
        if np.isfinite(values).any():
            low, high = np.nanquantile(values, [0.05, 0.95])
            found |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    return {name: value for name, value in found.items() if np.isfinite(value)}


class Gain(NamedTuple):
    """By how much one model's Brier score is better than another's.

    Attributes
    ----------
    mean : float
        Brier score of the other model without that of this one; above 0 this one is better.
    low, high : float
        90 % interval.
    """

    mean: float
    low: float
    high: float


def paired_gain(
    accepted: ArrayLike,
    confidence: ArrayLike,
    other: ArrayLike,
    *,
    groups: ArrayLike,
    seed: int = 0,
    resamples: int = 1000,
) -> Gain:
    """Difference of two models' Brier scores over the same rows, with its bootstrap interval.

    Whole groups are drawn, since rows of one group share their fate; both models are judged on the same draws.

    Parameters
    ----------
    groups : array-like, shape (n,)
        What belongs together, such as the record.

    References
    ----------
    B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13: paired data, percentile interval.

    Examples
    --------
    >>> gain = paired_gain([True, False] * 50, [0.9, 0.1] * 50, [0.6, 0.4] * 50, groups=range(100))
    >>> round(gain.mean, 3), gain.low > 0
    (0.15, True)
    """
    y, p = _checked(accepted, confidence)
    _, q = _checked(accepted, other)
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    gained = np.bincount(place, weights=(q - y) ** 2 - (p - y) ** 2)
    rows = np.bincount(place)
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    for one in range(resamples):
        drawn = random.integers(0, len(rows), len(rows))
        means[one] = gained[drawn].sum() / rows[drawn].sum()
    low, high = np.quantile(means, [0.05, 0.95])
    return Gain(float(gained.sum() / len(y)), float(low), float(high))


def reliability_table(accepted: ArrayLike, confidence: ArrayLike, *, bins: int = _BINS) -> pl.DataFrame:
    """What was promised beside what was kept.

    Returns
    -------
    polars.DataFrame
        One row a bin of about equal size, lowest confidence first: ``rows``, ``confidence`` (mean), ``accepted`` (share),
        ``low`` and ``high`` (95 % Clopper-Pearson interval of that share).
    """
    y, p = _checked(accepted, confidence)
    return (
        pl.DataFrame({"bin": _bins(p, bins), "confidence": p, "accepted": y})
        .group_by("bin")
        .agg(pl.len().cast(pl.Int64).alias("rows"), pl.col("confidence").mean(), pl.col("accepted").sum().alias("hits"))
        .sort("bin")
        .with_columns(
            (pl.col("hits") / pl.col("rows")).alias("accepted"),
            *_interval(),
        )
        .select("rows", "confidence", "accepted", "low", "high")
    )


def group_table(groups: ArrayLike, accepted: ArrayLike, confidence: ArrayLike, *, fewest: int = 20) -> pl.DataFrame:
    """The same for each group, of whatever kind: was what was promised of it kept?

    Parameters
    ----------
    groups : array-like of str, shape (n,)
        Rule, channel, reviewer.
    fewest : int
        Rows that a group needs to be told of.

    Returns
    -------
    polars.DataFrame
        One row a group, the largest first: ``group``, ``rows``, ``confidence`` (mean), ``accepted`` (share), ``low`` and ``high``
        (95 % Clopper-Pearson interval of that share), ``calibration_error``, ``calibration_noise`` (see `noise_floor`) and
        ``is_kept`` (whether the mean confidence lies in the interval).
    """
    y, p = _checked(accepted, confidence)
    names = np.asarray(groups).astype(str)
    told = [name for name, rows in zip(*np.unique(names, return_counts=True), strict=True) if rows >= fewest]
    found = [
        {
            "group": str(name),
            "rows": int(mine.sum()),
            "hits": int(y[mine].sum()),
            "confidence": float(p[mine].mean()),
            "calibration_error": adaptive_error(y[mine], p[mine]),
            "calibration_noise": noise_floor(p[mine]),
        }
        for name in told
        if (mine := names == name).any()
    ]
    schema = {"group": pl.String, "rows": pl.Int64, "hits": pl.Int64, "confidence": pl.Float64}
    schema |= {"calibration_error": pl.Float64, "calibration_noise": pl.Float64}
    return (
        pl.DataFrame(found, schema=schema)
        .with_columns((pl.col("hits") / pl.col("rows")).alias("accepted"), *_interval())
        .with_columns(pl.col("confidence").is_between("low", "high").alias("is_kept"))
        .sort("rows", "group", descending=[True, False])
        .select(
            "group",
            "rows",
            "confidence",
            "accepted",
            "low",
            "high",
            "calibration_error",
            "calibration_noise",
            "is_kept",
        )
    )


def risk_coverage_table(accepted: ArrayLike, confidence: ArrayLike) -> pl.DataFrame:
    """What every threshold would have done: one row a distinct confidence, the highest first.

    Returns
    -------
    polars.DataFrame
        ``threshold``, ``coverage`` (share of rows at or above it), ``wrong`` (share of those that were refused), and
        ``low`` and ``high``, the 95 % Clopper-Pearson interval of that share.

    References
    ----------
    Y. Geifman, R. El-Yaniv, "Selective classification for deep neural networks", NeurIPS 2017.
    """
    y, p = _checked(accepted, confidence)
    return (
        pl.DataFrame({"threshold": p, "refused": ~y})
        .group_by("threshold")
        .agg(pl.len().cast(pl.Int64).alias("rows"), pl.col("refused").sum().cast(pl.Int64).alias("hits"))
        .sort("threshold", descending=True)
        .with_columns(pl.col("rows").cum_sum(), pl.col("hits").cum_sum())
        .with_columns(
            (pl.col("rows") / len(y)).alias("coverage"),
            (pl.col("hits") / pl.col("rows")).alias("wrong"),
            *_interval(),
        )
        .select("threshold", "coverage", "wrong", "low", "high")
    )


def _interval() -> list[pl.Expr]:
    """95 % Clopper-Pearson interval of ``hits`` among ``rows`` as the columns ``low`` and ``high``."""
    pair = pl.struct("hits", "rows")
    return [
        pair.map_batches(partial(_ends, upper=upper), return_dtype=pl.Float64).alias(name)
        for name, upper in (("low", False), ("high", True))
    ]


def _ends(pair: pl.Series, *, upper: bool) -> pl.Series:
    hits, rows = pair.struct.field("hits").to_numpy(), pair.struct.field("rows").to_numpy()
    bound = upper_bound if upper else lower_bound
    return pl.Series(bound(hits, rows, certainty=0.975))


def _bins(confidence: FloatArray, bins: int) -> NDArray[np.intp]:
    wanted = max(1, min(bins, len(confidence) // FEWEST_IN_BIN))
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, wanted + 1)[1:-1])) if wanted > 1 else np.empty(0)
    return np.searchsorted(edges, confidence, side="left")


def _ece(accepted: FloatArray, confidence: FloatArray, places: NDArray[np.intp]) -> float:
    gap = np.bincount(places, weights=accepted - confidence)
    return float(np.abs(gap).sum() / len(confidence))


def _checked(accepted: ArrayLike, confidence: ArrayLike) -> tuple[BoolArray, FloatArray]:
    y, p = np.asarray(accepted).astype(bool).ravel(), np.asarray(confidence, dtype=float).ravel()
    if not len(y) or len(y) != len(p):
        raise ValueError(f"there must be as many outcomes as confidences, and at least one, not {len(y)} and {len(p)}")
    if not (np.isfinite(p).all() and p.min() >= 0 and p.max() <= 1):
        raise ValueError(f"confidences must be in 0..1, not {p.min():g}..{p.max():g}")
    return y, p
