"""``python -m experiments.latency [--decisions 30000] [--json]``: what a batch of new issues, a decision, a training
and a replay cost.

A catalogue with faults goes through the engine, everything suggested is decided, and these decisions are repeated in the
database until there are as many as asked for. Then new products come. See README.md in this folder.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa

from engine import Workspace
from engine.correctors import brand, program
from engine.settings import load_settings
from engine.store.tables import candidates, correction_decisions, issues, text_embeddings
from engine.suggest import Suggester
from experiments.throughput.products import write_products

CHANNEL, SHOP = "ebay", "shop"
PRODUCTS, FAULTS, BATCH = 20_000, 0.3, 1_000
"""Products known, share with a fault, and new issues that are asked about at once."""
REFUSED = 0.1
ROUNDS = 50
LIMITS_S = {
    "suggest for 1,000 new issues, texts new": 5.0,
    "suggest for 1,000 new issues, everything known": 1.0,
    "one decision, and its place in the knowledge": 0.05,
    "training": 60.0,
    "replay of all past issues, first in a process": 2.0,
    "replay with another budget": 0.5,
    "replay after one more decision": 0.5,
}
"""What the product promises on 2 processors."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.latency", description=__doc__)
    parser.add_argument("--decisions", type=int, default=30_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = study(Path(folder), arguments.decisions)
    if arguments.json:
        print(json.dumps(report, indent=2))
        return
    print(f"load {os.getloadavg()[0]:.1f}\n\n| step | limit s | p50 s | worst s |\n|---|---|---|---|")
    for step, took in report.items():
        limit = LIMITS_S.get(step, "")
        print(f"| {step} | {limit} | {np.median(took):.3f} | {max(took):.3f} |")


def study(folder: Path, count: int) -> dict[str, list[float]]:
    """Seconds of every step, each time it was done."""
    workspace = Workspace(
        settings=load_settings(
            database=f"sqlite:///{folder / 'knowledge.db'}", lake=folder / "lake", key_file=folder / "key"
        )
    )
    took: dict[str, list[float]] = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = work()
        took.setdefault(step, []).append(time.perf_counter() - began)
        return result

    _deliver(workspace, folder / "first.parquet", PRODUCTS, faults=FAULTS, seed=1)
    _decide_all(workspace)
    _repeat(workspace, count)
    workspace.knowledge.refresh()
    timed("training", workspace.train)
    _deliver(workspace, folder / "second.parquet", 3 * BATCH, faults=1.0, seed=2)
    waiting = workspace.issues(status="pending").filter(pl.col("suggested").is_not_null()).head(BATCH)
    for _ in range(3):
        _forget(workspace, waiting)
        timed("suggest for 1,000 new issues, texts new", lambda: _suggested(workspace, waiting))
        timed("suggest for 1,000 new issues, everything known", lambda: _suggested(workspace, waiting))
    for issue in waiting["issue_id"].head(ROUNDS):
        timed("one decision, and its place in the knowledge", partial(_decide, workspace, issue))
    for _ in range(3):
        workspace.__dict__.pop("history", None)
        timed("replay of all past issues, first in a process", workspace.replay)
    for share in np.linspace(0.0, 0.2, ROUNDS):
        policy = replace(workspace.policy, error_budget=float(share))
        timed("replay with another budget", partial(workspace.replay, policy=policy))
    for issue in waiting["issue_id"].slice(ROUNDS, ROUNDS):
        workspace.decide([issue], "approved", by="ana")
        timed("replay after one more decision", workspace.replay)
    (newest,) = workspace.models()["version"].to_list()
    timed("replay with a model, on what it has not seen", partial(workspace.replay, version=newest))
    workspace.close()
    return took


def _deliver(workspace: Workspace, path: Path, rows: int, *, faults: float, seed: int) -> None:
    write_products(path, rows, faults=faults, seed=seed)
    # The keys of every delivery are its own.
    frame = pl.read_parquet(path).with_columns(pl.format("{}-{}", pl.lit(seed), "record_key").alias("record_key"))
    workspace.ingest(frame, channel=CHANNEL, kind="product", connection=SHOP)


def _decide_all(workspace: Workspace) -> None:
    known = workspace.issues(status="pending").filter(pl.col("suggested").is_not_null())["issue_id"].to_list()
    refused = np.random.default_rng(0).random(len(known)) < REFUSED
    for verdict, is_refused in (("approved", False), ("rejected", True)):
        mine = [one for one, other in zip(known, refused, strict=True) if other == is_refused]
        for start in range(0, len(mine), 500):
            workspace.decide(mine[start : start + 500], verdict, by="ana")


def _repeat(workspace: Workspace, count: int) -> None:
    """The decided issues again and again, each time about other records, until there are so many decisions."""
    store = workspace.store
    decided = store.rows(correction_decisions.select().order_by(correction_decisions.c.sequence))
    of_issue = {row["issue_id"]: row for row in store.rows(issues.select())}
    asked: dict[str, list[dict[str, Any]]] = {}
    for row in store.rows(candidates.select()):
        asked.setdefault(row["issue_id"], []).append(row)
    total, lap = len(decided), 0
    while total < count:
        lap += 1
        mine = decided[: count - total]
        total += len(mine)
        with store.write() as transaction:
            first = store.next_number(transaction, correction_decisions.c.sequence)
            store.insert(transaction, issues, list(_renamed((of_issue[row["issue_id"]] for row in mine), lap)))
            store.insert(
                transaction, candidates, list(_renamed((one for row in mine for one in asked[row["issue_id"]]), lap))
            )
            rows = [row | {"sequence": first + place} for place, row in enumerate(_renamed(mine, lap))]
            store.insert(transaction, correction_decisions, rows)


def _renamed(rows: Any, lap: int) -> Iterator[dict[str, Any]]:
    for row in rows:
        names = {name: row[name] for name in ("issue_id", "candidate_id", "decision_id") if row.get(name)}
        changed = {name: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{value} {lap}")) for name, value in names.items()}
        if "record_key" in row:
            changed |= {"record_key": f"{lap}-{row['record_key']}", "fingerprint": changed["issue_id"]}
        yield dict(row) | changed


def _forget(workspace: Workspace, waiting: pl.DataFrame) -> None:
    """What is only known since these issues were asked about before."""
    program._searched.cache_clear()
    brand._fitted.cache_clear()
    with workspace.store.write() as transaction:
        transaction.execute(sa.delete(text_embeddings))


def _suggested(workspace: Workspace, waiting: pl.DataFrame) -> pl.DataFrame:
    suggester = Suggester(
        workspace.validator(CHANNEL, "product", SHOP),
        workspace.lake.current(SHOP, "product"),
        workspace.knowledge,
        workspace.model,
        workspace.settings,
    )
    records = workspace.lake.find(SHOP, "product", waiting["record_key"].to_list())
    return suggester.suggest(suggester.questions(waiting, records))


def _decide(workspace: Workspace, issue: str) -> None:
    workspace.decide([issue], "approved", by="ana")
    workspace.knowledge.refresh()


if __name__ == "__main__":
    main()
