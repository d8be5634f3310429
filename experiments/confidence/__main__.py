"""Compare confidences on streams with known truth: each predicts a block, then learns from it.

Run ``python -m experiments.confidence`` for a table or ``--json`` for every number; see README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier

from experiments.confidence.stream import made_stream
from models.acceptance import DIRECTIONS, AcceptanceClassifier
from models.confidence import ConfidenceModel
from models.evaluate import evaluate
from models.priors import floats, priors
from models.risk import clopper_pearson

MEASURES = ("brier", "calibration_error", "calibration_noise", "auroc", "coverage_at_95", "distance")
FLOOR, BUDGET, FEWEST = 0.80, 0.05, 3
Predict = Callable[[ConfidenceModel, pl.DataFrame, pl.DataFrame], pl.DataFrame]


class Boosting(AcceptanceClassifier):
    """Gradient boosted trees in the place of the logistic regression, with the same inputs and signs."""

    def fit(self, candidates, accepted, *, weight=None):
        super().fit(candidates, accepted, weight=weight)
        self.trees_ = HistGradientBoostingClassifier(
            max_iter=120,
            learning_rate=0.06,
            max_leaf_nodes=8,
            min_samples_leaf=25,
            l2_regularization=5.0,
            monotonic_cst=[*DIRECTIONS.values()] + [0] * len(self.names_),
            random_state=0,
        ).fit(self.inputs(candidates), accepted, sample_weight=weight)
        return self

    def predict_score(self, candidates):
        return self.trees_.predict_proba(self.inputs(candidates))[:, 1]


def learned(model: ConfidenceModel, past: pl.DataFrame, block: pl.DataFrame) -> pl.DataFrame:
    return model.predict(block)


def boosted(model: ConfidenceModel, past: pl.DataFrame, block: pl.DataFrame) -> pl.DataFrame:
    with patch("models.confidence.AcceptanceClassifier", Boosting):
        return ConfidenceModel().fit(past, past["accepted"].to_numpy()).predict(block)


def uncalibrated(model: ConfidenceModel, past: pl.DataFrame, block: pl.DataFrame) -> pl.DataFrame:
    if model.classifier_ is None:
        return model.predict(block)
    return pl.DataFrame({"confidence": model.classifier_.predict_score(model.with_belief(block))})


def counted(model: ConfidenceModel, past: pl.DataFrame, block: pl.DataFrame) -> pl.DataFrame:
    return ConfidenceModel().predict(block)


def believed(model: ConfidenceModel, past: pl.DataFrame, block: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({"confidence": priors(block)[0]})


def formula(model: ConfidenceModel, past: pl.DataFrame, block: pl.DataFrame) -> pl.DataFrame:
    return block.select(pl.col("formula").alias("confidence"))


def always_ask(model: ConfidenceModel, past: pl.DataFrame, block: pl.DataFrame) -> pl.DataFrame:
    rate = past["accepted"].mean() if past.height else 0.8
    return pl.DataFrame({"confidence": np.full(block.height, rate)})


WAYS: dict[str, Predict] = {
    "model": learned,
    "classifier, not calibrated": uncalibrated,
    "counts only": counted,
    "beliefs only": believed,
    "the formula": formula,
    "always ask": always_ask,
}


SLOW_WAYS: dict[str, Predict] = {"model, boosted trees": boosted}
"""Left out unless asked for: several minutes on two cores."""

ACTING = ("model", "model, boosted trees", "counts only", "the formula")
"""Ways that decide by themselves what is corrected without asking."""


def one_seed(ways: dict[str, Predict], rows: int, block: int, seed: int) -> dict[str, dict[str, float]]:
    stream = made_stream(rows, seed=seed)
    predicted: dict[str, list[pl.DataFrame]] = {name: [] for name in ways}
    for start in range(0, rows, block):
        past, now = stream.head(start), stream.slice(start, block)
        model = ConfidenceModel().fit(past, past["accepted"].to_numpy())
        for name, predict in ways.items():
            predicted[name].append(predict(model, past, now))
    found = {}
    for name, parts in predicted.items():
        told = pl.concat(parts, how="diagonal")
        p = told["confidence"].to_numpy()
        found[name] = evaluate(stream["accepted"], p, seed=seed, resamples=0)
        found[name]["distance"] = float(np.abs(p - stream["truth"].to_numpy()).mean())
        if name in ACTING:
            found[name] |= _policy(stream, told, name)
    return found


def _policy(stream: pl.DataFrame, told: pl.DataFrame, name: str) -> dict[str, float]:
    """What would have been corrected without asking, and how much of it was right."""
    p = told["confidence"].to_numpy()
    if name == "the formula":
        automatic = p >= FLOOR
    else:
        automatic = (floats(told, "lower") >= FLOOR) & (floats(told, "error_bound") <= BUDGET)
    automatic &= floats(stream, "pattern_approved") >= FEWEST
    right = stream["is_right"].to_numpy()[automatic]
    wrong = int((~right).sum())
    low, high = clopper_pearson(wrong, len(right), certainty=0.9)
    return {
        "automatic": float(automatic.mean()),
        "automatic_wrong": wrong / max(len(right), 1),
        "automatic_wrong_low": low,
        "automatic_wrong_high": high,
    }


def study(rows: int, block: int, seeds: int, *, boosting: bool = False) -> dict:
    began, ways = time.perf_counter(), WAYS | (SLOW_WAYS if boosting else {})
    runs = [one_seed(ways, rows, block, seed) for seed in range(seeds)]
    table = {}
    for name in ways:
        table[name] = {}
        for measure in sorted(set().union(*(run[name] for run in runs))):
            values = np.array([run[name][measure] for run in runs if measure in run[name]])
            table[name][measure] = {"mean": values.mean(), "low": values.min(), "high": values.max()}
    seconds = round(time.perf_counter() - began, 1)
    return {"rows": rows, "block": block, "seeds": seeds, "seconds": seconds, "ways": table}


def as_text(found: dict) -> str:
    columns = (*MEASURES, "automatic", "automatic_wrong")
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, measures in found["ways"].items():
        cells = [
            f"{measures[c]['mean']:.3f} ({measures[c]['low']:.3f}..{measures[c]['high']:.3f})" if c in measures else ""
            for c in columns
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000, help="decisions in a stream")
    parser.add_argument("--block", type=int, default=500, help="decisions between two trainings")
    parser.add_argument("--seeds", type=int, default=5, help="streams")
    parser.add_argument("--boosting", action="store_true", help="also boosted trees in the place of the regression")
    parser.add_argument("--json", action="store_true", help="print every measure as JSON")
    arguments = parser.parse_args()
    outcome = study(arguments.rows, arguments.block, arguments.seeds, boosting=arguments.boosting)
    print(json.dumps(outcome, indent=2) if arguments.json else as_text(outcome))
