"""Ask the correctors about broken cells with known truth; print how often they answer, and how often they are right.

Run ``python -m experiments.estimators --data ../shared/data --seeds 5`` for a table, ``--json`` for every number.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from scipy import stats
from sklearn.metrics import roc_auc_score

from connectors.record import conform, schema
from engine.correctors import Context, correctors
from engine.types import QUESTIONS
from experiments.estimators.cases import KINDS, Case

MEASURES = ("coverage", "precision", "auroc", "coverage_at_95", "precision_at_95", "right", "baseline")
TARGET = 0.95


def answers(case: Case, seed: int) -> pl.DataFrame:
    """The rows with the best scored answer beside each: columns ``value`` (empty: none) and ``score``."""
    rows = case.rows.with_columns(record_key=pl.int_range(pl.len()).cast(pl.String))
    shop = pl.col("connection") if "connection" in rows.columns else pl.lit("shop")
    names = [name for name in schema(case.kind) if name != "raw"]
    known = [name for name in rows.columns if name in names and name not in ("observed",)]
    records = conform(rows.select(known), case.kind).select(names)
    fixed = {"channel": "market", "kind": case.kind, "field": case.field, "rule_id": "rule"}
    fixed |= {"check": case.check, "params": json.dumps(dict(case.params)), "pattern_id": "pattern"}
    questions = rows.select(
        issue_id="record_key", record_key="record_key", observed="observed", connection=shop
    ).with_columns(**{name: pl.lit(value) for name, value in fixed.items()}, record=records.to_struct("record"))
    context = Context(records=case.records.lazy(), decisions=case.decisions, seed=seed, **case.home)
    found = []
    for name in case.correctors:
        corrector = correctors()[name]()
        corrector.fit(context)
        found.append(corrector.suggest(questions.select([*QUESTIONS, "record"]), context))
    best = (
        pl.concat(found)
        .sort("score", "value", descending=[True, False])
        .unique("issue_id", keep="first", maintain_order=True)
        .select(record_key="issue_id", value="value", score="score")
    )
    return rows.join(best, on="record_key", how="left").with_columns(pl.col("value").fill_null(""))


def measured(cases: Sequence[Case], seed: int) -> dict[str, float]:
    """Every measure over the questions of the test fold, the threshold from the validation fold."""
    asked = []
    for case in cases:
        if case.rows.height:
            frame = answers(case, seed).select("fold", "observed", "truth", "baseline", "value", "score")
            good = [case.right(v, t) and t != "" for v, t in frame.select("value", "truth").iter_rows()]
            naive = [case.right(v or "", t) and t != "" for v, t in frame.select("baseline", "truth").iter_rows()]
            asked.append(frame.with_columns(right=pl.Series(good), naive=pl.Series(naive)))
    whole = pl.concat(asked)
    threshold = cut(*_split(whole, "validation"))
    right, score = _split(whole, "test")
    answered = np.isfinite(score)
    above = answered & (np.nan_to_num(score, nan=-1.0) >= threshold)
    mixed = len(set(right[answered].tolist())) == 2
    return {
        "questions": float(len(right)),
        "coverage": answered.mean(),
        "precision": right[answered].mean(),
        "auroc": roc_auc_score(right[answered], score[answered]) if mixed else float("nan"),
        "coverage_at_95": above.mean(),
        "precision_at_95": right[above].mean() if above.any() else float("nan"),
        "right": right.mean(),
        "baseline": whole.filter(pl.col("fold") == "test")["naive"].to_numpy().mean(),
    }


def cut(right: np.ndarray, score: np.ndarray) -> float:
    """The lowest score from which 95 % of the answers are right; above every score where there is none."""
    known = np.isfinite(score)
    order = np.argsort(-score[known], kind="stable")
    right, score = right[known][order], score[known][order]
    share = np.cumsum(right) / np.arange(1, len(right) + 1)
    # A threshold can only lie between two different scores.
    last = np.append(score[1:] < score[:-1], True) if len(score) else np.array([], dtype=bool)
    good = np.flatnonzero(last & (share >= TARGET))
    return float(score[good[-1]]) if len(good) else float("inf")


def _split(whole: pl.DataFrame, fold: str) -> tuple[np.ndarray, np.ndarray]:
    part = whole.filter(pl.col("fold") == fold)
    return part["right"].to_numpy(), part["score"].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half width of the 95 % interval of the mean over the seeds (Student's t)."""
    known = np.array([value for value in values if np.isfinite(value)])
    if not len(known):
        return float("nan"), float("nan")
    half = (
        stats.t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else float("nan")
    )
    return float(known.mean()), float(half)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="kinds whose name contains this")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    table: dict[str, list[dict[str, float]]] = {}
    for name, (make, arguments) in KINDS.items():
        if given.only in name:
            table[name] = [
                measured(list(make(given.data, np.random.default_rng(seed), *arguments)), seed)
                for seed in range(given.seeds)
            ]
    if given.json:
        print(json.dumps(table, indent=1))
        return
    print(f"| kind | questions | {' | '.join(MEASURES)} |\n|{'---|' * (len(MEASURES) + 2)}")
    for name, runs in table.items():
        cells = [interval([run[measure] for run in runs]) for measure in MEASURES]
        shown = " | ".join("-" if np.isnan(mean) else f"{mean:.3f} ± {half:.3f}" for mean, half in cells)
        print(f"| {name} | {runs[0]['questions']:.0f} | {shown} |")


if __name__ == "__main__":
    main()
