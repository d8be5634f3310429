"""How honest and how useful a confidence is: measures with intervals, and the picture of them.

Calibration errors are never zero, not even for a perfect model, because labels are few; the floor beside the error says
how much of it chance alone explains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from models.risk import lower_bound, upper_bound

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "adaptive_error",
    "area_under_roc",
    "brier",
    "coverage_at_precision",
    "noise_floor",
    "evaluate",
    "log_loss",
    "reliability_figure",
    "reliability_table",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_BINS = 15
_FEWEST_IN_BIN = 20


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


def evaluate(accepted: ArrayLike, confidence: ArrayLike, *, seed: int = 0, resamples: int = 200) -> dict[str, float]:
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
            pl.struct("hits", "rows")
            .map_batches(lambda s: _ends(s, upper=False), return_dtype=pl.Float64)
            .alias("low"),
            pl.struct("hits", "rows")
            .map_batches(lambda s: _ends(s, upper=True), return_dtype=pl.Float64)
            .alias("high"),
        )
        .select("rows", "confidence", "accepted", "low", "high")
    )


def reliability_figure(accepted: ArrayLike, confidences: Mapping[str, ArrayLike]) -> Figure:
    """Reliability diagram of several models over the same rows, with the spread of their confidences below.

    Parameters
    ----------
    accepted : array-like of bool, shape (n,)
    confidences : mapping of str to array-like of float
        Model to its confidences; the first is drawn with its intervals.

    Returns
    -------
    matplotlib.figure.Figure
        Bound to no window; save it with `savefig`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 7.2), layout="constrained", facecolor="white")
    above, below = figure.subplots(2, 1, height_ratios=[3.2, 1], sharex=True)
    above.plot([0, 1], [0, 1], color="#9aa3ad", linewidth=1, linestyle=(0, (4, 3)), label="as promised")
    colours = ["#0b6e8f", "#d1752a", "#7a8b3c", "#8e5aa8", "#5f6b76"]
    for place, (name, confidence) in enumerate(confidences.items()):
        table, colour = reliability_table(accepted, confidence), colours[place % len(colours)]
        x, y = table["confidence"].to_numpy(), table["accepted"].to_numpy()
        label = f"{name}: Brier {brier(accepted, confidence):.3f}, ECE {adaptive_error(accepted, confidence):.3f}"
        label += f" (floor {noise_floor(confidence):.3f})"
        above.plot(x, y, marker="o", markersize=4.5, linewidth=1.6, color=colour, label=label, zorder=9 - place)
        if place == 0:
            above.fill_between(x, table["low"].to_numpy(), table["high"].to_numpy(), color=colour, alpha=0.14, lw=0)
        below.hist(
            np.asarray(confidence, dtype=float),
            bins=np.linspace(0, 1, 41).tolist(),
            histtype="step",
            color=colour,
            lw=1.4,
        )
    above.set(ylabel="share accepted", xlim=(0, 1), ylim=(0, 1.005))
    above.set_title(f"Is the confidence honest?  {np.size(accepted):,} decisions", loc="left", fontsize=11)
    above.legend(frameon=False, fontsize=8.5, loc="upper left")
    below.set(xlabel="confidence", ylabel="candidates")
    for axes in (above, below):
        axes.grid(color="#e6e9ec", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _ends(pair: pl.Series, *, upper: bool) -> pl.Series:
    hits, rows = pair.struct.field("hits").to_numpy(), pair.struct.field("rows").to_numpy()
    bound = upper_bound if upper else lower_bound
    return pl.Series(bound(hits, rows, certainty=0.975))


def _bins(confidence: FloatArray, bins: int) -> NDArray[np.intp]:
    wanted = max(1, min(bins, len(confidence) // _FEWEST_IN_BIN))
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
