"""Figures of a stream from its log: what was done by itself, how right it was, how honest the confidence was, what it saved.

Everything is told for the last two thirds of the stream, but the way there (decisions until 60 % automatic). Baselines are
given the threshold that suits them best *with hindsight*, which the product is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression

from experiments.replay.stream import ABRUPT
from models.evaluate import adaptive_error, area_under_roc, brier, noise_floor

__all__ = ["KIND_METRICS", "METRICS", "best_share", "by_kind", "honesty", "interval", "score"]

METRICS = {
    "automatic_share": "corrected without asking, of all faults",
    "precision": "right, of what was corrected without asking",
    "decoys_harmed": "changed without asking, of the odd but true",
    "calibration_error": "adaptive ECE of the confidence before each decision, of what the reviewer then says or would say",
    "calibration_error_of_truth": "the same of what is right, which the reviewer's slips keep from being learned",
    "noise_floor": "adaptive ECE that a perfect confidence would have here",
    "brier_skill": "Brier score against always saying the mean",
    "area_under_roc": "right before wrong suggestions",
    "decisions_until_60": "people's decisions until 60 % of the latest 300 were automatic",
    "minutes_saved_share": "of the time of reviewing everything",
    "dip_precision": "precision in the 300 faults after the abrupt drift",
    "recovered_precision": "precision in the 500 faults after those, or 200 faults after the drift",
    "formula_share": "share of the mission's formula at the product's precision, best threshold",
    "similarity_share": "share of Platt's method on retrieval similarity, same precision, best threshold",
    "gain_over_formula": "points of automatic share above the formula",
}

KIND_METRICS = (
    "seen",
    "suggested",
    "right",
    "automatic_share",
    "precision",
    "formula_share",
    "calibration_error",
    "calibration_error_of_truth",
    "noise_floor",
    "brier_skill",
    "area_under_roc",
)
"""Of each kind of fault: a rule fired, a value was suggested, it was right; then as in `METRICS`, the formula at 98 % precision."""

_WINDOW, _REVIEW_S, _BATCH_S = 300, 45.0, 20.0
_REFIT = 1_000


def score(log: pl.DataFrame) -> dict[str, float]:
    """Every metric of `METRICS`, shares in 0..1; NaN where nothing can be said.

    Parameters
    ----------
    log : polars.DataFrame
        Schema `experiments.replay.run.LOG`.
    """
    log = log.sort("position").with_columns(
        is_automatic=pl.col("status") == "auto_corrected", is_right=pl.col("is_right").fill_null(False)
    )
    late = log.filter(pl.col("position") >= log.height / 3)
    automatic, decoys = late.filter("is_automatic"), late.filter(pl.col("family") == "decoy")
    precision = _mean(automatic["is_right"])
    found = {
        "automatic_share": automatic.height / late.height,
        "precision": precision,
        "decoys_harmed": _mean(decoys["is_automatic"]),
    }
    found |= honesty(_judged(late))
    found["decisions_until_60"] = _until(log, 0.6)
    found["minutes_saved_share"] = 1 - late["seconds"].sum() / max(_seconds_of_everything(late), 1.0)
    drift = ABRUPT * log.height
    found["dip_precision"] = _precision_between(log, drift, drift + _WINDOW)
    found["recovered_precision"] = _precision_between(log, drift + 200, drift + 700)
    target = precision if automatic.height else 0.98
    for name, sureness in (("formula", late["formula"]), ("similarity", _platt(log, late))):
        found[f"{name}_share"] = best_share(late, sureness, target)
    found["gain_over_formula"] = 100 * (found["automatic_share"] - found["formula_share"])
    return found


def by_kind(log: pl.DataFrame) -> pl.DataFrame:
    """For each kind of fault in the last two thirds: ``family, fault, faults`` and `KIND_METRICS`, NaN where nothing can be said."""
    late = log.filter(pl.col("position") >= log.height / 3).with_columns(
        is_automatic=pl.col("status") == "auto_corrected", is_right=pl.col("is_right").fill_null(False)
    )
    found = []
    for (family, fault), mine in late.group_by("family", "fault"):
        suggested = mine.filter(pl.col("suggested").is_not_null())
        automatic = mine.filter("is_automatic")
        found.append(
            {
                "family": family,
                "fault": fault,
                "faults": mine.height,
                "seen": _mean(mine["status"] != "unseen"),
                "suggested": suggested.height / mine.height,
                "right": _mean(suggested["is_right"]),
                "automatic_share": automatic.height / mine.height,
                "precision": _mean(automatic["is_right"]),
                "formula_share": best_share(mine, mine["formula"], 0.98),
                **honesty(_judged(mine)),
            }
        )
    return pl.DataFrame(found).sort("family", "faults", descending=[False, True])


def _judged(log: pl.DataFrame) -> pl.DataFrame:
    return log.filter(
        pl.col("suggested").is_not_null(), pl.col("confidence").is_not_null(), pl.col("is_accepted").is_not_null()
    )


def interval(values: Sequence[float], *, certainty: float = 0.90) -> tuple[float, float, float]:
    """Mean of the seeds and its two-sided Student interval; both ends are NaN with one seed."""
    known = np.array([one for one in values if np.isfinite(one)])
    if len(known) < 2:
        return (float(known.mean()) if len(known) else float("nan"), float("nan"), float("nan"))
    half = student.ppf((1 + certainty) / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known))
    return float(known.mean()), float(known.mean() - half), float(known.mean() + half)


def honesty(asked: pl.DataFrame) -> Mapping[str, float]:
    """How honest ``confidence`` is of what then ``is_accepted``, and how sharply it tells what ``is_right``.

    NaN with fewer than 50 rows or one outcome.
    """
    names = ("calibration_error", "calibration_error_of_truth", "noise_floor", "brier_skill", "area_under_roc")
    truth, said = asked["is_right"].to_numpy(), asked["confidence"].to_numpy()
    accepted = asked["is_accepted"].to_numpy()
    if len(truth) < 50 or truth.all() or not truth.any():
        return dict.fromkeys(names, float("nan"))
    naive = brier(truth, np.full(len(truth), truth.mean()))
    told = (
        adaptive_error(accepted, said),
        adaptive_error(truth, said),
        noise_floor(said),
        1 - brier(truth, said) / naive,
        area_under_roc(truth, said),
    )
    return dict(zip(names, map(float, told), strict=True))


def _until(log: pl.DataFrame, share: float) -> float:
    rolled = log.with_columns(pl.col("is_automatic").cast(pl.Float64).rolling_mean(_WINDOW).alias("rolled"))
    reached = rolled.filter(pl.col("rolled") >= share)
    return float(reached["decided_before"].drop_nulls()[0]) if reached.height else float("nan")


def _seconds_of_everything(late: pl.DataFrame) -> float:
    """What reviewing every fault that was found would take, with batches as often as in the log."""
    decided = late.filter(pl.col("seconds").is_in([_REVIEW_S, _BATCH_S]))
    each = decided["seconds"].mean() if decided.height else _REVIEW_S
    return float(each or _REVIEW_S) * late.filter(pl.col("status") != "unseen").height  # type: ignore[arg-type]


def _precision_between(log: pl.DataFrame, start: float, end: float) -> float:
    part = log.filter(pl.col("position").is_between(start, end, closed="left"), "is_automatic")
    return _mean(part["is_right"])


def best_share(late: pl.DataFrame, sureness: pl.Series, precision: float) -> float:
    """Largest share of all faults that a threshold on `sureness` passes at that precision, chosen with hindsight."""
    known = late.with_columns(sureness.fill_null(-1.0).alias("sureness")).filter(pl.col("suggested").is_not_null())
    steps = (
        known.group_by("sureness")
        .agg(pl.len().alias("passed"), pl.col("is_right").sum().alias("right"))
        .sort("sureness", descending=True)
        .with_columns(pl.col("passed", "right").cum_sum())
    )
    good = steps.filter(pl.col("right") / pl.col("passed") >= precision)
    return float(good["passed"].max() or 0) / late.height  # type: ignore[arg-type]


def _platt(log: pl.DataFrame, late: pl.DataFrame) -> pl.Series:
    """Platt's sigmoid on the acceptance among similar patterns, fitted anew on what people said until then."""
    said = pl.Series("said", np.full(log.height, np.nan))
    decided = log.filter(
        pl.col("status").is_in(["approved", "rejected", "modified"]), pl.col("similarity").is_not_null()
    )
    for start in range(0, log.height, _REFIT):
        known = decided.filter(pl.col("verdict_at") <= start)
        accepted = (known["status"] == "approved").to_numpy()
        here = log["similarity"].fill_null(0.0).to_numpy()[start : start + _REFIT]
        if len(accepted) > 20 and accepted.any() and not accepted.all():
            fitted = LogisticRegression().fit(known.select("similarity").to_numpy(), accepted)
            said[list(range(start, start + len(here)))] = fitted.predict_proba(here[:, None])[:, 1]
    return said.fill_nan(None).gather(late["position"].cast(pl.UInt32))


def _mean(values: pl.Series) -> float:
    return float(values.mean()) if len(values) else float("nan")  # type: ignore[arg-type]
