"""``python -m experiments.index_scale --data ../shared/data [--vectors 1000000] [--json]``: which index, from which size, at what cost.

The vectors are real: texts that the engine embeds (titles, brands, categories, signatures) under one embedder, each
mixed with a second one and disturbed until there are enough (`disturbed`). Questions are made in the same way and are not
in the index.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from models.embed import embedder
from models.neighbours import NeighbourIndex

COUNT = 10
QUESTIONS = 1000
SINGLE = 300

SHAPES: dict[str, tuple[str, tuple[int, ...]]] = {
    "flat": ("Flat", (0,)),
    "cells": ("IVF{cells},Flat", (4, 8, 16, 32, 64, 128)),
    "cells, 8 bits": ("IVF{cells},SQ8", (16, 32, 64, 128)),
    "graph": ("HNSW32,Flat", (32, 64, 128, 256)),
}
"""Name to FAISS's own description and the efforts that are tried: cells searched, or breadth of the walk in the graph."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.index_scale", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vectors", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--embedder", default="sentence")
    parser.add_argument(
        "--texts", type=int, default=8000, help="real texts that are embedded; the rest are their disturbed copies"
    )
    parser.add_argument("--only", default="", help="kinds of index whose name holds this text")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(arguments.threads)
    base = _real_vectors(arguments.data, arguments.embedder, arguments.texts, arguments.seed)
    rows: list[dict[str, Any]] = []
    for size in arguments.vectors:
        vectors, asked = disturbed(base, size, arguments.seed), disturbed(base, QUESTIONS, arguments.seed + 1)
        exact, best = _exact(vectors, asked)
        for name in SHAPES:
            if arguments.only in name:
                rows += _measured(name, vectors, asked, best)
        if arguments.only in "product":
            rows.append(_product(vectors, asked, best))
        del vectors, exact
        gc.collect()
    report = {
        "embedder": arguments.embedder,
        "dimension": base.shape[1],
        "threads": arguments.threads,
        "load": os.getloadavg(),
        "rows": rows,
    }
    print(json.dumps(report, indent=2) if arguments.json else as_text(report))


def _real_vectors(data: Path, name: str, count: int, seed: int) -> np.ndarray:
    """Vectors of distinct real texts, drawn evenly from four catalogues."""
    parts = []
    for source, columns in {
        "amazon_us_electronics": ("title", "brand"),
        "flipkart": ("title", "category_path"),
        "amazon_uk_toys": ("title", "category_path"),
        "openfoodfacts": ("product_name", "categories"),
    }.items():
        frame = pl.read_parquet(data / source / "products.parquet")
        for column in columns:
            told = frame.select(
                pl.format(
                    "{}: {}-notation on shop: {}", pl.lit(column), pl.lit(column), pl.col(column).str.slice(0, 60)
                ).alias("text")
            )
            parts.append(
                told.drop_nulls()
                .unique(maintain_order=True)
                .sample(fraction=1, shuffle=True, seed=seed)
                .head(count // 8)
            )
    with threadpool_limits(limits=1):
        return embedder(name).embed(pl.concat(parts)["text"].to_list())


def disturbed(base: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`count` unit vectors between two of `base` each, with noise: mostly one text, in part another, as "price of a red lamp" is.

    Copies of single texts with noise alone would be clumps as many as the cells, and any index would look perfect.
    """
    random = np.random.default_rng(seed)
    found = np.empty((count, base.shape[1]), dtype=np.float32)
    for start in range(0, count, 50_000):
        size = min(50_000, count - start)
        noise = random.standard_normal((size, base.shape[1]), dtype=np.float32) / np.sqrt(
            base.shape[1], dtype=np.float32
        )
        share = random.uniform(0.5, 1, (size, 1)).astype(np.float32)
        first, second = base[random.integers(0, len(base), (2, size))]
        part = share * first + (1 - share) * second + random.uniform(0.05, 0.4, (size, 1)).astype(np.float32) * noise
        found[start : start + size] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return found


def _exact(vectors: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Similarity of the ten nearest by comparing everything; the lowest of the ten is what a found one must reach."""
    near = np.full((len(asked), COUNT), -2, np.float32)
    for start in range(0, len(vectors), 50_000):
        both = np.concatenate([near, asked @ vectors[start : start + 50_000].T], axis=1)
        near = -np.sort(np.partition(-both, COUNT - 1, axis=1)[:, :COUNT], axis=1)
    return near, near[:, -1]


def _recall(similarity: np.ndarray, best: np.ndarray) -> float:
    """Share of the ten that are as near as the tenth of the exact answer: equal distances are equally right."""
    return float((similarity >= best[:, None] - 1e-5).mean())


def _measured(name: str, vectors: np.ndarray, asked: np.ndarray, best: np.ndarray) -> list[dict[str, Any]]:
    written, efforts = SHAPES[name]
    cells = max(int(4 * np.sqrt(len(vectors))), 1)
    before = _memory()
    with _timed() as built:
        index = faiss.index_factory(vectors.shape[1], written.format(cells=cells), faiss.METRIC_INNER_PRODUCT)
        if name.startswith("cells"):
            index.cp.spherical = True
            index.train(vectors[np.random.default_rng(0).permutation(len(vectors))[: 40 * cells]])
        if name == "graph":
            index.hnsw.efConstruction = 80
        index.add(vectors)
    memory = _memory() - before
    rows = []
    for effort in efforts:
        if name.startswith("cells"):
            index.nprobe = effort
        elif name == "graph":
            index.hnsw.efSearch = effort
        rows.append(
            {"index": name, "size": len(vectors), "effort": effort, "build_s": built[0], "memory_mb": memory}
            | _speeds(lambda rows: index.search(rows, COUNT)[0], asked, best)
        )
        print(rows[-1], flush=True, file=__import__("sys").stderr)
    return rows


def _speeds(search: Callable[[np.ndarray], np.ndarray], asked: np.ndarray, best: np.ndarray) -> dict[str, float]:
    single = []
    for row in range(SINGLE):
        with _timed() as took:
            search(asked[row : row + 1])
        single.append(1000 * took[0])
    with _timed() as took:
        similarity = search(asked)
    return {
        "p50_ms": statistics.median(single),
        "p99_ms": float(np.quantile(single, 0.99)),
        "batch_s": took[0],
        "recall": _recall(similarity, best),
    }


def _product(vectors: np.ndarray, asked: np.ndarray, best: np.ndarray) -> dict[str, Any]:
    """The product's own index: filled as it is at the start of a process, then added to and taken from one by one."""
    names = [f"{number:036d}" for number in range(len(vectors))]
    before = _memory()
    index = NeighbourIndex(vectors.shape[1])
    with _timed() as built:
        for start in range(0, len(names), 10_000):
            index.add(names[start : start + 10_000], vectors[start : start + 10_000])
    memory = _memory() - before
    row = {"index": "product", "size": len(vectors), "effort": 0, "build_s": built[0], "memory_mb": memory}
    row |= _speeds(lambda rows: index.search(rows, count=COUNT)[1], asked, best)
    added, removed = [], []
    for number in range(200):
        with _timed() as took:
            index.add([f"new {number}"], asked[number : number + 1])
        added.append(1000 * took[0])
    for number in range(200):
        with _timed() as took:
            index.remove([names[number * 7]])
        removed.append(1000 * took[0])
    return row | {"add_one_ms": statistics.median(added), "remove_one_ms": statistics.median(removed)}


def _memory() -> float:
    """Resident megabytes of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


@contextmanager
def _timed() -> Iterator[list[float]]:
    took: list[float] = []
    began = time.perf_counter()
    yield took
    took.append(time.perf_counter() - began)


def as_text(report: dict[str, Any]) -> str:
    names = (
        "index",
        "size",
        "effort",
        "recall",
        "p50_ms",
        "p99_ms",
        "batch_s",
        "build_s",
        "memory_mb",
        "add_one_ms",
        "remove_one_ms",
    )
    lines = [
        f"{report['embedder']}, {report['dimension']} dimensions, {report['threads']} threads, load {report['load']}",
        "| " + " | ".join(names) + " |",
        "|---" * len(names) + "|",
    ]
    for row in report["rows"]:
        cells = [row.get(name, "") for name in names]
        lines.append(
            "| "
            + " | ".join(f"{c:,.3f}" if isinstance(c, float) else f"{c:,}" if isinstance(c, int) else c for c in cells)
            + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
