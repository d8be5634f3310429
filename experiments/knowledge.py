"""``python -m experiments.knowledge [--decisions 100000] [--database URL] [--json]``: what one more decision, or one undo, costs.

Beside a database full of decisions, made decisions are added and taken back one by one; after each, the knowledge of the
process is refreshed and asked for neighbours, as a job does.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from engine.knowledge import Knowledge
from engine.patterns import pattern_id
from engine.store import Store
from engine.store.decisions import add_decisions, take_back
from engine.store.tables import issue_patterns
from models.embed import embedder

FIELDS = (
    "price",
    "sale_price",
    "title",
    "brand",
    "category",
    "gtin",
    "weight_g",
    "quantity",
    "description",
    "condition",
)
CHANNELS = ("amazon", "ebay", "shopify", "cdiscount")
ROUNDS = 100


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.knowledge", description=__doc__)
    parser.add_argument("--decisions", type=int, default=100_000)
    parser.add_argument("--patterns", type=int, default=5_000)
    parser.add_argument("--undone", type=float, default=0.05, help="share of the decisions that was taken back before")
    parser.add_argument("--embedder", default="character")
    parser.add_argument("--database", default="", help="an empty database; a file of its own when left out")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(arguments.database or f"sqlite:///{folder}/knowledge.db")
        report = study(store, arguments)
        store.close()
    if arguments.json:
        print(json.dumps(report, indent=2))
        return
    print(
        f"{arguments.decisions:,} decisions, {arguments.patterns:,} patterns, load {os.getloadavg()[0]:.1f}\n\n| step | p50 ms | p99 ms |\n|---|---|---|"
    )
    for step, (p50, p99) in report.items():
        print(f"| {step} | {p50:.1f} | {p99:.1f} |")


def study(store: Store, arguments: argparse.Namespace) -> dict[str, tuple[float, float]]:
    random = np.random.default_rng(0)
    patterns = _patterns(store, arguments.patterns)
    issues = [
        issue
        for start in range(0, arguments.decisions, 5_000)
        for issue in _decide(
            store, [patterns[n] for n in random.integers(0, len(patterns), min(5_000, arguments.decisions - start))]
        )
    ]
    early = issues[: int(len(issues) * arguments.undone)]
    for start in range(0, len(early), 500):
        _undo(store, early[start : start + 500])
    # As a database does by itself within a minute or so: without statistics PostgreSQL reads the whole table.
    with store.write() as transaction:
        transaction.exec_driver_sql("ANALYZE")
    one = embedder(arguments.embedder)
    one.embed(["loaded"])
    took: dict[str, list[float]] = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = work()
        took.setdefault(step, []).append(1000 * (time.perf_counter() - began))
        return result

    timed("first knowledge of a process, texts new", lambda: Knowledge(store, one))
    knowledge = timed("first knowledge of a process, texts embedded before", lambda: Knowledge(store, one))
    for number in range(ROUNDS):
        name = patterns[number]
        timed("refresh, nothing new", knowledge.refresh)
        made = _decide(store, [name])
        timed("refresh after one decision", knowledge.refresh)
        timed("neighbours of one pattern", lambda name=name: knowledge.similar_patterns([name]))
        _undo(store, made)
        timed("refresh after one undo", knowledge.refresh)
    for start in range(0, 5_000, 1_000):
        timed(
            "neighbours of 1,000 patterns",
            lambda start=start: knowledge.similar_patterns(patterns[start : start + 1_000]),
        )
    return {step: (float(np.median(values)), float(np.quantile(values, 0.99))) for step, values in took.items()}


def _patterns(store: Store, count: int) -> list[str]:
    now, rows = datetime.now(UTC), []
    for number in range(count):
        channel, field = CHANNELS[number % len(CHANNELS)], FIELDS[number // len(CHANNELS) % len(FIELDS)]
        rule, shape = f"{field}-rule-{number % 7}", "9+.999,99 a+ A+ €?"[number % 5 :] + f" 9{{{number}}}"
        rows.append({
            "pattern_id": pattern_id(channel, rule, field, shape)[0], "marketplace_name": channel, "issue_type": rule, "issue_description": "",
            "pattern_signature": {"channel": channel, "rule_id": rule, "field": field, "shape": shape},
            "occurrence_count": 1, "first_seen_at": now, "last_seen_at": now,
        })  # fmt: skip
    with store.write() as transaction:
        store.insert(transaction, issue_patterns, rows)
    return [row["pattern_id"] for row in rows]


def _decide(store: Store, patterns: list[str]) -> list[str]:
    issues = [str(uuid.uuid4()) for _ in patterns]
    rows = [
        {
            "pattern_id": name, "issue_id": issue, "candidate_id": None, "human_decision": "approved",
            "issue_data": {"connection": "shop", "channel": "amazon", "kind": "product", "field": "price", "rule_id": "price-notation", "observed": "12,50"},
            "ai_suggestion": {"corrector": "price", "value": "12.50"}, "final_solution": {"value": "12.50"},
            "decided_by": "ana", "confidence_score": 0.9, "origin": "review",
        }
        for name, issue in zip(patterns, issues, strict=True)
    ]  # fmt: skip
    with store.write() as transaction:
        add_decisions(store, transaction, rows)
    return issues


def _undo(store: Store, issues: list[str]) -> None:
    with store.write() as transaction:
        take_back(transaction, issues)


if __name__ == "__main__":
    main()
