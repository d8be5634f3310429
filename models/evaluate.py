"""How good a confidence is: calibration with its noise floor, ranking, and what it lets one automate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["adaptive_error", "coverage_at_precision", "evaluate", "noise_floor", "reliability", "reliability_figure"]

BINS = 15
_RESAMPLES = 200


def evaluate(accepted: np.ndarray, confidence: np.ndarray, *, seed: int = 0) -> dict[str, float]:
    """Every measure of one confidence on one test part.

    Parameters
    ----------
    accepted : numpy.ndarray of bool, shape (n,)
    confidence : numpy.ndarray, shape (n,)
        0..1; values outside (the mission's formula) are clipped.

    Returns
    -------
    dict
        ``brier`` with its 95 % bootstrap interval ``brier_low``, ``brier_high``; ``log_loss``; ``calibration_error``
        (adaptive, `BINS` bins of equal mass) and ``calibration_noise``, what a perfect model would show on so few rows;
        ``auroc`` (nan when all outcomes are equal); ``coverage_at_95``, the largest share of the surest rows of which
        95 % were accepted.
    """
    truth = np.asarray(accepted, dtype=float)
    p = np.clip(np.asarray(confidence, dtype=float), 0, 1)
    chance = np.random.default_rng(seed)
    squares = (p - truth) ** 2
    means = squares[chance.integers(0, len(p), (_RESAMPLES, len(p)))].mean(axis=1)
    safe = np.clip(p, 1e-6, 1 - 1e-6)
    return {
        "brier": float(squares.mean()),
        "brier_low": float(np.quantile(means, 0.025)),
        "brier_high": float(np.quantile(means, 0.975)),
        "log_loss": float(-(truth * np.log(safe) + (1 - truth) * np.log(1 - safe)).mean()),
        "calibration_error": adaptive_error(truth, p),
        "calibration_noise": noise_floor(p, seed=seed),
        "auroc": _auroc(truth, p),
        "coverage_at_95": coverage_at_precision(truth, p, 0.95),
    }


def reliability(accepted: np.ndarray, confidence: np.ndarray, *, bins: int = BINS) -> list[tuple[float, float, int]]:
    """Mean confidence, share accepted and number of rows of each bin; bins hold equally many rows, surest last."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    truth, p = np.asarray(accepted, dtype=float), np.asarray(confidence, dtype=float)
    return [(float(p[part].mean()), float(truth[part].mean()), len(part)) for part in parts]


def adaptive_error(accepted: np.ndarray, confidence: np.ndarray, *, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal mass, 0..1.

    References
    ----------
    Nixon et al.: Measuring calibration in deep learning, CVPR workshops 2019.
    """
    rows = reliability(accepted, confidence, bins=bins)
    total = sum(count for _, _, count in rows)
    return sum(count * abs(mean - share) for mean, share, count in rows) / total if total else 0.0


def noise_floor(confidence: np.ndarray, *, seed: int = 0, draws: int = 100) -> float:
    """Mean calibration error that a perfect model with these confidences would show; an error below it means nothing."""
    chance = np.random.default_rng(seed)
    p = np.asarray(confidence, dtype=float)
    return float(np.mean([adaptive_error(chance.random(len(p)) < p, p) for _ in range(draws)])) if len(p) else 0.0


def coverage_at_precision(accepted: np.ndarray, confidence: np.ndarray, precision: float) -> float:
    """Largest share of rows, surest first, whose accepted share is at least `precision`; rows of equal confidence go together."""
    order = np.argsort(-np.asarray(confidence, dtype=float), kind="stable")
    truth, p = np.asarray(accepted, dtype=float)[order], np.asarray(confidence, dtype=float)[order]
    shares = np.cumsum(truth) / np.arange(1, len(truth) + 1)
    ends = np.append(p[1:] != p[:-1], True)
    passing = np.flatnonzero((shares >= precision) & ends)
    return float((passing[-1] + 1) / len(truth)) if len(passing) else 0.0


def reliability_figure(accepted: np.ndarray, confidences: Mapping[str, np.ndarray]) -> Any:
    """A figure: reliability diagram on the left, accepted share against automated share on the right."""
    from matplotlib.figure import Figure

    colours = ("#0f6fde", "#0b9e73", "#b0554a", "#7d5bd0")
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="#9aa7b4", linewidth=1, linestyle=(0, (4, 4)))
    for colour, (name, confidence) in zip(colours, confidences.items(), strict=False):
        rows = reliability(accepted, confidence, bins=10)
        left.plot([r[0] for r in rows], [r[1] for r in rows], marker="o", markersize=4, color=colour, label=name)
        order = np.argsort(-np.asarray(confidence), kind="stable")
        shares = np.cumsum(np.asarray(accepted, dtype=float)[order]) / np.arange(1, len(order) + 1)
        right.plot(np.arange(1, len(order) + 1) / len(order), shares, color=colour, label=name)
    right.axhline(0.95, color="#9aa7b4", linewidth=1, linestyle=(0, (4, 4)))
    left.set(
        xlabel="confidence", ylabel="share accepted", title="Is the confidence honest?", xlim=(0, 1), ylim=(0, 1.02)
    )
    right.set(
        xlabel="share automated, surest first",
        ylabel="share accepted",
        title="What can be automated?",
        xlim=(0, 1),
        ylim=(min(0.5, right.get_ylim()[0]), 1.01),
    )
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e8edf2", linewidth=0.8)
        axes.set_axisbelow(True)
    left.legend(frameon=False, loc="upper left")
    return figure


def _auroc(truth: np.ndarray, p: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, p)) if 0 < truth.sum() < len(truth) else float("nan")
