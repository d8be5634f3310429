"""Correct the wrong cells of public tables after twenty labelled rows, with the product's own model classes.

``python -m experiments.cleaning --data ../shared/data --seeds 5 [--json]``. Which cells are wrong is given, as in the
figures of Baran beside; what is right in them is known for the labelled rows only. See README.md in this folder.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from rapidfuzz.distance import OSA
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.programs import Example, ProgramLearner, shape_of, wilson_lower
from models.vicinity import DomainModel, VicinityModel

TABLES = ("hospital", "flights", "beers", "rayyan")
BARAN = {
    "hospital": (0.87, 0.85, 0.91),
    "flights": (1.0, 1.0, 1.0),
    "beers": (0.87, 0.89, 0.89),
    "rayyan": (0.41, 0.62, 0.64),
}
"""F1 of raha 1.26 with the same conditions on another machine of this kind, three seeds."""

FAMILIES = ("value", "program", "vicinity", "domain")
NUMBERS = [*FAMILIES, "agreement", "similarity", "frequency", "lead", *(f"{family}_rate" for family in FAMILIES)]
LABELLED, FOLDS, PRECISION = 20, 10, 0.95
ROUNDS = (5, 5, 5, 5)
KNOWN = 0.75
_PRIOR_CELLS = 4.0

Cell = tuple[int, str]
Candidates = dict[Cell, dict[str, dict[str, float]]]


class Table:
    """A table with its wrong cells."""

    def __init__(self, folder: Path, name: str) -> None:
        self.dirty = pl.read_parquet(folder / f"{name}_dirty.parquet")
        self.clean = pl.read_parquet(folder / f"{name}_clean.parquet")
        self.columns = self.dirty.columns
        wrong = {c: (self.dirty[c] != self.clean[c]).to_numpy() for c in self.columns}
        self.cells: list[Cell] = [(int(r), c) for c in self.columns for r in np.flatnonzero(wrong[c])]
        self.before = {(r, c): self.dirty[c][r] for r, c in self.cells}
        self.after = {(r, c): self.clean[c][r] for r, c in self.cells}
        # Cells known to be wrong are taken out: what is left is what the models may learn from.
        self.valid = self.dirty.with_columns(
            pl.when(pl.Series(~wrong[c])).then(pl.col(c)).alias(c) for c in self.columns
        )
        self.frequency = {c: Counter(self.valid[c].drop_nulls()) for c in self.columns}

    def put(self, cells: list[Cell]) -> pl.DataFrame:
        """The valid cells and the truth of those cells."""
        frame = self.valid.clone()
        for column, mine in _by_column(cells).items():
            at = [row for row, _ in mine]
            frame = frame.with_columns(frame[column].scatter(at, [self.after[c] for c in mine]))
        return frame


def candidates(table: Table, labels: list[Cell], asked: list[Cell]) -> Candidates:
    """Candidates of all families with their scores, after these labels."""
    # A cell that a person has put right is valid, and a witness for others.
    valid = table.put(labels)
    vicinity = VicinityModel().fit(valid)
    found: Candidates = {cell: {} for cell in asked}
    for column, cells in _by_column(asked).items():
        known = _by_column(labels).get(column, [])
        pairs = [(table.before[c], table.after[c]) for c in known]
        texts = [table.before[c] for c in cells]
        votes = vicinity.predict(column, table.valid[[row for row, _ in cells]])
        votes = votes.filter(pl.int_range(pl.len()).over("row") < 3)
        for at, value, score, agreement in votes.select("row", "value", "score", "agreement").iter_rows():
            found[cells[at]][value] = {"vicinity": score, "agreement": agreement}
        by_family: dict[str, Sequence[Sequence[Any]]] = {
            "value": _value_map(pairs, texts),
            "program": ProgramLearner().fit(Example(*pair) for pair in pairs).predict(texts, count=3),
            "domain": DomainModel(min_similarity=0.5).fit(valid[column]).predict(texts, count=3),
        }
        for family, answers in by_family.items():
            for cell, several in zip(cells, answers, strict=True):
                for one in several:
                    found[cell].setdefault(one.value, {})[family] = one.score
    for cell, values in found.items():
        values.pop(table.before[cell], None)
    return found


def labelled_rows(table: Table, seed: int, *, active: bool) -> list[int]:
    """Rows to label: at random, or in rounds those whose cells are of a frequent kind that no label explains yet.

    A kind is column and shape; a cell that has a likely candidate already counts for little.
    """
    random = np.random.default_rng(seed)
    groups: dict[int, list[tuple[Cell, tuple[str, str]]]] = defaultdict(list)
    for cell in table.cells:
        groups[cell[0]].append((cell, (cell[1], shape_of(table.before[cell]))))
    if not active:
        return [int(r) for r in random.choice(sorted(groups), LABELLED, replace=False)]
    chosen: list[int] = []
    seen: Counter[tuple[str, str]] = Counter()
    for size in ROUNDS:
        labels = [cell for cell in table.cells if cell[0] in set(chosen)]
        surest = {
            cell: max((max(s.get(f, 0.0) for f in FAMILIES) for s in values.values()), default=0.0)
            for cell, values in candidates(table, labels, table.cells).items()
        }
        open_ = {cell: 1.0 - KNOWN * surest[cell] for cell in table.cells}
        weights: dict[tuple[str, str], float] = defaultdict(float)
        for kinds in groups.values():
            for cell, kind in kinds:
                weights[kind] += open_[cell]
        noise = dict(zip(sorted(groups), random.random(len(groups)), strict=True))
        for _ in range(size):
            left = [row for row in sorted(groups) if row not in chosen]
            best = max(
                left,
                key=lambda r: (
                    (0.5 + noise[r]) * sum(open_[c] * weights[k] ** 0.5 / (1 + seen[k]) for c, k in groups[r])
                ),
            )
            chosen.append(best)
            seen.update(kind for _, kind in groups[best])
    return chosen


def _by_column(cells: list[Cell]) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[cell[1]].append(cell)
    return found


class Known(NamedTuple):
    value: str
    score: float


def _value_map(pairs: list[tuple[str, str]], texts: list[str]) -> list[list[Known]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for before, after in pairs:
        counts[before][after] += 1
    return [
        [Known(v, max(0.0, wilson_lower(float(n), float(counts[t].total())))) for v, n in counts[t].items()]
        if t in counts
        else []
        for t in texts
    ]


def described(
    table: Table, found: Candidates, tops: dict[tuple[str, str], list[tuple[int, bool]]]
) -> tuple[np.ndarray, list[tuple[Cell, str]]]:
    """Rows of the chooser: numbers of every candidate, with the cell and the value."""
    overall = {f: [hit for (_, family), hits in tops.items() if family == f for _, hit in hits] for f in FAMILIES}
    pooled = {f: (sum(hits) + 1) / (len(hits) + 2) for f, hits in overall.items()}
    numbers, keys = [], []
    for cell, values in found.items():
        best = {f: sorted((s.get(f, 0.0) for s in values.values()), reverse=True) for f in FAMILIES}
        for value, scores in values.items():
            rates = []
            for family in FAMILIES:
                hits = [hit for row, hit in tops.get((cell[1], family), ()) if row != cell[0]]
                rate = (sum(hits) + _PRIOR_CELLS * pooled[family]) / (len(hits) + _PRIOR_CELLS)
                speaks = scores.get(family, 0.0)
                is_top = bool(speaks) and speaks >= best[family][0]
                rates.append(float(logit(np.clip(rate, 0.02, 0.98))) if is_top else -2.0 if best[family][0] else 0.0)
            before = table.before[cell]
            lead = sum(bool(scores.get(f)) and scores[f] >= best[f][0] for f in FAMILIES)
            numbers.append(
                [
                    *(scores.get(f, 0.0) for f in FAMILIES),
                    scores.get("agreement", 0.0),
                    OSA.normalized_similarity(before, value) if before else 0.0,
                    np.log1p(table.frequency[cell[1]][value]),
                    lead,
                    *rates,
                ]
            )
            keys.append((cell, value))
    return np.array(numbers, dtype=float).reshape(-1, len(NUMBERS)), keys


def hits_of_tops(table: Table, found: Candidates) -> dict[tuple[str, str], list[tuple[int, bool]]]:
    """By column and family, of each labelled cell whether the family's best value was right."""
    tops: dict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
    for cell, values in found.items():
        for family in FAMILIES:
            speaking = {v: s[family] for v, s in values.items() if s.get(family)}
            if speaking:
                best = max(sorted(speaking), key=lambda v: speaking[v])
                tops[cell[1], family].append((cell[0], best == table.after[cell]))
    return tops


class Always:
    """Stands in where the labels know one class only."""

    def __init__(self, share: float) -> None:
        self.share = share

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        return np.tile([1 - self.share, self.share], (len(rows), 1))


def chooser(rows: np.ndarray, right: np.ndarray, weight: np.ndarray) -> Any:
    """What tells right candidates from wrong ones, fitted on the labelled cells."""
    if right.all() or not right.any():
        return Always((right.sum() + 1) / (len(right) + 2))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=500))
    return model.fit(rows, right, logisticregression__sample_weight=weight / weight.mean())


def best_of(probability: np.ndarray, keys: list[tuple[Cell, str]]) -> dict[Cell, tuple[float, str]]:
    """The likeliest candidate of every cell, with its probability."""
    best: dict[Cell, tuple[float, str]] = {}
    for chance, (cell, value) in zip(probability, keys, strict=True):
        if chance > best.get(cell, (-1.0, ""))[0]:
            best[cell] = (float(chance), value)
    return best


def repaired(table: Table, seed: int, *, active: bool) -> dict[str, float]:
    """How well the cells of the other rows are corrected after `LABELLED` rows."""
    rows = labelled_rows(table, seed, active=active)
    labels = [cell for cell in table.cells if cell[0] in set(rows)]
    folds = {row: n % FOLDS for n, row in enumerate(rows)}
    held: Candidates = {}
    for fold in range(FOLDS):
        inside = [cell for cell in labels if folds[cell[0]] != fold]
        held |= candidates(table, inside, [cell for cell in labels if folds[cell[0]] == fold])
    tops = hits_of_tops(table, held)
    numbers, keys = described(table, held, tops)
    right = np.array([table.after[cell] == value for cell, value in keys])
    stands_for = {
        column: len(_by_column(table.cells)[column]) / len(mine) for column, mine in _by_column(labels).items()
    }
    weight = np.array([stands_for[cell[1]] for cell, _ in keys])
    fold_of = np.array([folds[cell[0]] for cell, _ in keys])
    out_of_fold = np.zeros(len(keys))
    for fold in range(FOLDS):
        inside = fold_of != fold
        if (~inside).any():
            out_of_fold[~inside] = chooser(numbers[inside], right[inside], weight[inside]).predict_proba(
                numbers[~inside]
            )[:, 1]
    threshold = certain(best_of(out_of_fold, keys), table, stands_for)
    test = [cell for cell in table.cells if cell[0] not in set(rows)]
    found = candidates(table, labels, test)
    numbers_test, keys_test = described(table, found, tops)
    chances = chooser(numbers, right, weight).predict_proba(numbers_test)[:, 1]
    best = best_of(chances, keys_test)
    cut = best_cut(sorted((chance for chance, _ in best.values()), reverse=True), len(test))
    proposed = {cell: value for cell, (chance, value) in best.items() if chance >= cut}
    hits = sum(table.after[cell] == value for cell, value in proposed.items())
    sure = {cell: value for cell, (chance, value) in best.items() if chance >= threshold}
    sure_hits = sum(table.after[cell] == value for cell, value in sure.items())
    same = {cell: value for cell, values in found.items() for value, scores in values.items() if scores.get("value")}
    same_hits = sum(table.after[cell] == value for cell, value in same.items())
    return {
        "labelled_cells": len(labels),
        "precision": hits / max(len(proposed), 1),
        "recall": hits / len(test),
        "f1": 2 * hits / (len(proposed) + len(test)),
        "f1_same_value": 2 * same_hits / (len(same) + len(test)),
        "coverage_at_95": len(sure) / len(test),
        "precision_of_covered": sure_hits / max(len(sure), 1),
        "without_right_candidate": 1 - sum(table.after[cell] in found[cell] for cell in test) / len(test),
    }


def best_cut(chances: list[float], cells: int) -> float:
    """The threshold with the highest F1 that the chances themselves promise (Lipton et al., ECML 2014)."""
    promised = np.cumsum(chances)
    scores = 2 * promised / (np.arange(1, len(chances) + 1) + cells)
    return chances[int(np.argmax(scores))] if chances else 1.0


def certain(best: dict[Cell, tuple[float, str]], table: Table, stands_for: dict[str, float]) -> float:
    """The lowest threshold at which the cross-fitted choices of the labelled cells keep the precision.

    A labelled cell stands for the wrong cells of its column, since the rows are not chosen evenly.
    """
    ordered = sorted(
        ((chance, stands_for[cell[1]], table.after[cell] == value) for cell, (chance, value) in best.items()),
        reverse=True,
    )
    right = total = 0.0
    threshold = 1.1
    for chance, weight, hit in ordered:
        right, total = right + weight * hit, total + weight
        if right >= PRECISION * total:
            threshold = chance
    return threshold


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in arguments.tables:
        table = Table(arguments.data / "cleaning_benchmarks", name)
        for rows_chosen in ("active", "random"):
            for seed in range(arguments.seeds):
                found = repaired(table, seed, active=rows_chosen == "active")
                rows.append({"table": name, "rows": rows_chosen, "seed": seed} | found)
    print(json.dumps(rows, indent=1) if arguments.json else as_table(pl.DataFrame(rows)))


def as_table(rows: pl.DataFrame) -> str:
    """Means over the seeds, F1 with its lowest and highest."""
    lines = [
        "| table | labelled rows | labelled cells | F1 (lowest to highest) | precision | recall | F1, same value only | F1 of Baran "
        "| coverage at 95 % | precision of it |",
        "|---" * 10 + "|",
    ]
    for part in rows.partition_by("table", "rows", maintain_order=True):
        table, chosen = str(part["table"][0]), str(part["rows"][0])
        baran = " ".join(f"{one:.2f}" for one in BARAN[table])
        means = part.select(pl.exclude("table", "rows").mean()).row(0, named=True)
        lines.append(
            f"| {table} | {'chosen in rounds' if chosen == 'active' else 'at random'} | {means['labelled_cells']:.0f} "
            f"| {means['f1']:.3f} ({min(part['f1']):.3f} to {max(part['f1']):.3f}) | {means['precision']:.3f} "
            f"| {means['recall']:.3f} | {means['f1_same_value']:.3f} | {baran} "
            f"| {means['coverage_at_95']:.3f} | {means['precision_of_covered']:.3f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
