"""The study's command: streams of faults with known truth through the engine, and the tables."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from experiments.replay.run import run
from experiments.replay.scores import KIND_METRICS, METRICS, by_kind, interval, score

Figure = dict[str, float | None]
"""``mean``, ``low`` and ``high`` over the seeds; None where nothing can be said."""

QUICK = {"faults": 2_500, "seeds": 1}
VARIANTS: dict[str, dict[str, Any]] = {
    "product": {},
    "no audits": {"error_budget": {"audit_share": 0.0}},
    "always ask": {"ai_monitoring": {"enabled": False}},
}


def main() -> None:
    """Run the streams that are not there yet, then print what they say."""
    given = argparse.ArgumentParser(prog="python -m experiments.replay", description=__doc__)
    given.add_argument("--data", type=Path, default=Path(os.environ.get("CHANNELMEND_SHARED", "../shared")) / "data")
    given.add_argument("--seeds", type=int, default=10)
    given.add_argument("--first-seed", type=int, default=100)
    given.add_argument("--faults", type=int, default=30_000)
    given.add_argument("--processes", type=int, default=1)
    given.add_argument("--budget", type=float, default=0.05, help="error budget of the policy, 0..1")
    given.add_argument("--variants", nargs="*", default=["product"], choices=list(VARIANTS))
    given.add_argument("--out", type=Path, help="folder for the logs; a log that is there is not made again")
    given.add_argument("--json", action="store_true")
    given.add_argument("--quick", action="store_true", help=f"{QUICK['faults']} faults, one seed")
    asked = given.parse_args()
    if asked.quick:
        asked.faults, asked.seeds = QUICK["faults"], QUICK["seeds"]
    if not asked.data.is_dir():
        sys.exit(f"There is no folder {asked.data}; say with --data where the public data sets lie.")
    jobs = [
        (variant, seed)
        for variant in asked.variants
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds)
    ]
    make = partial(make_log, data=asked.data, faults=asked.faults, budget=asked.budget, out=asked.out)
    if asked.processes > 1:
        with ProcessPoolExecutor(asked.processes) as pool:
            logs = list(pool.map(make, jobs))
    else:
        logs = [make(job) for job in jobs]
    told = {
        variant: [log for (name, _), log in zip(jobs, logs, strict=True) if name == variant]
        for variant in asked.variants
    }
    figures = {variant: _figures(mine) for variant, mine in told.items()}
    kinds = {variant: _kinds(mine) for variant, mine in told.items()}
    if asked.json:
        print(json.dumps({"metrics": figures, "kinds": kinds}, indent=1))
    else:
        for variant in asked.variants:
            print(_table(variant, figures[variant], kinds[variant]))


def make_log(job: tuple[str, int], *, data: Path, faults: int, budget: float, out: Path | None) -> pl.DataFrame:
    """The log of one variant and seed, with the features; read where it is there, else made and kept."""
    variant, seed = job
    path = out / f"{variant.replace(' ', '-')}-{faults}-{budget}-{seed}.parquet" if out else None
    if path and path.exists():
        return pl.read_parquet(path)
    began = time.monotonic()
    settings = {"error_budget": {"share": budget}}
    for name, values in VARIANTS[variant].items():
        settings[name] = settings.get(name, {}) | values
    log = run(
        data, faults=faults, seed=seed, progress=partial(_tell, variant, seed, faults), keep_features=True, **settings
    )
    print(f"\r{variant}, seed {seed}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        log.write_parquet(path)
    return log


def _tell(variant: str, seed: int, faults: int, done: int) -> None:
    print(f"\r{variant}, seed {seed}: {done:,} of {faults:,} faults", end="", file=sys.stderr, flush=True)


def _figures(logs: list[pl.DataFrame]) -> dict[str, Figure]:
    scored = [score(log) for log in logs]
    return {name: _told([one[name] for one in scored]) for name in METRICS}


def _kinds(logs: list[pl.DataFrame]) -> list[dict[str, Any]]:
    kinds = pl.concat([by_kind(log) for log in logs]).group_by("family", "fault").agg("faults", *KIND_METRICS)
    return [
        row | {"faults": sum(row["faults"])} | {name: _told(row[name]) for name in KIND_METRICS}
        for row in kinds.sort("family", pl.col("faults").list.sum(), descending=[False, True]).iter_rows(named=True)
    ]


def _told(values: list[float]) -> Figure:
    ends = zip(("mean", "low", "high"), interval(values), strict=True)
    return {end: value if math.isfinite(value) else None for end, value in ends}


def _table(variant: str, figures: dict[str, Figure], kinds: list[dict[str, Any]]) -> str:
    lines = [f"\n{variant}\n", "| metric | mean | 90 % interval over seeds | meaning |", "|---|---|---|---|"]
    for name, one in figures.items():
        mean, low, high = (_figure(one[end], "{:.4g}") for end in ("mean", "low", "high"))
        lines.append(f"| {name} | {mean} | {low} to {high} | {METRICS[name]} |")
    titles = {
        "automatic_share": "automatic",
        "calibration_error": "ECE",
        "noise_floor": "its floor",
        "area_under_roc": "AUROC",
    }
    shown = [name for name in KIND_METRICS if name not in ("seen", "calibration_error_of_truth", "brier_skill")]
    named = [titles.get(name, name.replace("_", " ")) for name in shown]
    lines += ["", f"| family | fault | faults | {' | '.join(named)} |", "|" + "---|" * (3 + len(shown))]
    for row in kinds:
        told = " | ".join(_figure(row[name]["mean"], "{:.3f}") for name in shown)
        lines.append(f"| {row['family']} | {row['fault']} | {row['faults']} | {told} |")
    return "\n".join(lines)


def _figure(value: float | None, shape: str) -> str:
    return "-" if value is None else shape.format(value)


if __name__ == "__main__":
    main()
