"""What each part of the confidence is worth: the same questions, all answered by people, weighed with the part and without it.

Streams in which nothing is corrected without asking, so that every variant sees the same decisions. At each step a variant
knows only what was decided until then, is fitted anew whenever a quarter more is known, and is scored on what comes next.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from experiments.replay.__main__ import make_log
from experiments.replay.run import FIRST_TRAINING, GROWTH
from experiments.replay.scores import best_share, honesty, interval
from models.confidence import CATEGORICAL, FEATURES, ConfidenceModel

__all__ = ["VARIANTS", "measure", "prequential"]

FloatArray = NDArray[np.float64]
Change = Callable[[pl.DataFrame], pl.DataFrame]

_STEP = 100
_NEIGHBOURS = ("neighbour_acceptance", "neighbour_similarity", "rejection_similarity")
_WIDER = tuple(f"{level}_{of}" for level in ("rule", "corrector", "connection") for of in ("decided", "approved"))


def _as_it_is(rows: pl.DataFrame) -> pl.DataFrame:
    return rows


def _without(*names: str) -> Change:
    return lambda rows: rows.with_columns(pl.lit(0.0).alias(name) for name in names)


def _of_one_kind(rows: pl.DataFrame) -> pl.DataFrame:
    """All corrections as one: no names, no counts of rule or corrector; the pattern's own record stays."""
    return _without(*_WIDER)(rows).with_columns(pl.lit("any").alias(name) for name in CATEGORICAL)


VARIANTS: dict[str, tuple[Change, bool]] = {
    "everything": (_as_it_is, True),
    "no retrieval": (_without(*_NEIGHBOURS), True),
    "no calibration": (_as_it_is, False),
    "no pooling over rules": (_without(*_WIDER), True),
    "one model for all kinds": (_of_one_kind, True),
}
"""What is done to the features, and whether the score is calibrated and blended with belief."""

MEASURES = ("area_under_roc", "brier_skill", "calibration_error", "noise_floor", "share_at_98")


def prequential(log: pl.DataFrame, change: Change, *, is_calibrated: bool = True) -> FloatArray:
    """Confidence of each suggestion before its own decision, shape ``(log.height,)``, 0..1.

    Parameters
    ----------
    log : polars.DataFrame
        As `questions` gives it, in the order of arrival.
    change : callable
        From features to features.
    """
    rows, accepted = change(log), (log["status"] == "approved").to_numpy()
    decided = log["verdict_at"].fill_null(np.iinfo(np.int64).max).to_numpy()
    position = log["position"].to_numpy()
    said, model, known_before = np.empty(log.height), ConfidenceModel(), 0
    for start in range(0, int(position[-1]) + 1, _STEP):
        known = np.flatnonzero(decided <= start)
        if len(known) >= max(FIRST_TRAINING, known_before * GROWTH):
            known_before = len(known)
            model = ConfidenceModel().fit(rows[known], accepted[known], when=decided[known])
        here = np.flatnonzero((position >= start) & (position < start + _STEP))
        if not len(here):
            continue
        if not is_calibrated and model.classifier_ is not None:
            said[here] = model.classifier_.predict_score(model.with_belief(rows[here]))
        else:
            said[here] = model.predict(rows[here])["confidence"].to_numpy()
    return said


def questions(log: pl.DataFrame) -> pl.DataFrame:
    """The suggestions that people answered, with their features as columns."""
    shape = pl.Struct({name: pl.String if name in CATEGORICAL else pl.Float64 for name in (*FEATURES, *CATEGORICAL)})
    return (
        log.filter(
            pl.col("suggested").is_not_null(),
            pl.col("features").is_not_null(),
            pl.col("status").is_in(["approved", "rejected", "modified"]),
        )
        .with_columns(pl.col("features").str.json_decode(shape))
        .drop(*CATEGORICAL, *FEATURES, strict=False)
        .unnest("features")
        .sort("position")
    )


def measure(log: pl.DataFrame) -> dict[str, dict[str, float]]:
    """`MEASURES` of each variant on the last two thirds of one stream, and of the mission's formula."""
    asked = questions(log)
    is_late = (asked["position"] >= log.height / 3).to_numpy()
    late = asked.filter(is_late)
    told = {name: prequential(asked, change, is_calibrated=fair) for name, (change, fair) in VARIANTS.items()}
    told["the mission's formula"] = asked["formula"].fill_null(0.0).to_numpy()
    found = {}
    for name, said in told.items():
        measured = dict(honesty(late.with_columns(pl.Series("confidence", said[is_late]))))
        measured["share_at_98"] = best_share(late, pl.Series("sureness", said[is_late]), 0.98)
        found[name] = measured
    return found


def main() -> None:
    """Make the streams that are not there yet, then print the table."""
    given = argparse.ArgumentParser(prog="python -m experiments.replay.ablations", description=__doc__)
    given.add_argument("--data", type=Path, default=Path(os.environ.get("CHANNELMEND_SHARED", "../shared")) / "data")
    given.add_argument("--seeds", type=int, default=3)
    given.add_argument("--first-seed", type=int, default=200)
    given.add_argument("--faults", type=int, default=10_000)
    given.add_argument("--out", type=Path, help="folder for the logs; a log that is there is not made again")
    asked = given.parse_args()
    if not asked.data.is_dir():
        sys.exit(f"There is no folder {asked.data}; say with --data where the public data sets lie.")
    measured = [
        measure(make_log(("always ask", seed), data=asked.data, faults=asked.faults, budget=0.0, out=asked.out))
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds)
    ]
    print("| variant | " + " | ".join(MEASURES) + " |\n|" + "---|" * (len(MEASURES) + 1))
    for name in measured[0]:
        cells = []
        for what in MEASURES:
            mean, low, high = interval([one[name][what] for one in measured])
            cells.append(f"{mean:.4f}" + (f" ({low:.4f} to {high:.4f})" if np.isfinite(low) else ""))
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
