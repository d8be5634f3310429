"""``python -m experiments.throughput --rows 1000000 --json``: every method in its own process, on one file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from experiments.throughput.methods import METHODS
from experiments.throughput.products import write_products


def main() -> None:
    arguments = _arguments()
    if arguments.method:
        print(json.dumps(_run_here(arguments.method, Path(arguments.path), arguments.batch_rows)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "products.parquet"
        write_products(path, arguments.rows, batch_rows=arguments.batch_rows)
        results = _study(path, arguments)
    report = {
        "rows": arguments.rows,
        "batch_rows": arguments.batch_rows,
        "repeats": arguments.repeats,
        "processors": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "methods": results,
        "ratios": _ratios(results),
    }
    print(json.dumps(report, indent=2) if arguments.json else _table(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m experiments.throughput", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch-rows", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each method; the median counts")
    parser.add_argument("--only", default="", help="methods whose name holds this text")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--method", default="", help=argparse.SUPPRESS)
    parser.add_argument("--path", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run_here(method: str, path: Path, batch_rows: int) -> dict[str, Any]:
    outcome = METHODS[method](path, batch_rows).as_dict()
    # Linux counts in KiB; the peak holds the interpreter and all imports.
    return outcome | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _study(path: Path, arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    chosen = [name for name in METHODS if arguments.only in name]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen}
    # Round by round and not method by method, so that a busy moment of the machine does not hit one method only.
    for _ in range(arguments.repeats):
        for name in chosen:
            command = [sys.executable, "-m", "experiments.throughput", "--method", name, "--path", str(path)]
            command += ["--batch-rows", str(arguments.batch_rows)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
            runs[name].append(json.loads(done.stdout.splitlines()[-1]))
    _same_findings(runs)
    return {name: _summary(results) for name, results in runs.items()}


def _summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    judged = [one["judged_s"] for one in results]
    first = results[0]
    return {
        "judged_s": statistics.median(judged),
        "judged_s_all": sorted(judged),
        "seconds": statistics.median(one["seconds"] for one in results),
        "prepared_s": statistics.median(one["prepared_s"] for one in results),
        "rows": first["rows"],
        "checks": first["checks"],
        "rows_per_second": first["rows"] / statistics.median(judged),
        "peak_mb": max(one["peak_mb"] for one in results),
        "broken": sum(first["broken"].values()),
    }


def _same_findings(runs: dict[str, list[dict[str, Any]]]) -> None:
    """Stop when two methods with the same checks found different things: then their times say nothing."""
    shared = {name: one[0]["broken"] for name, one in runs.items() if name.endswith("shared checks")}
    for name, broken in shared.items():
        # The bare expressions lack only the silence after a missing value, which none of these checks needs.
        other = next(iter(shared.values()))
        if broken != other:
            raise SystemExit(f"{name} found {broken}, another method {other}")


def _ratios(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    pairs = {
        "detect / bare expressions, full rulebook": ("detect, full rulebook", "bare expressions, full rulebook"),
        "detect / bare expressions, shared checks": ("detect, shared checks", "bare expressions, shared checks"),
        "detect / pandera, shared checks": ("detect, shared checks", "pandera, shared checks"),
        "great expectations (counts only) / detect, shared checks": (
            "great expectations (counts only), shared checks",
            "detect, shared checks",
        ),
        "great expectations / detect, shared checks": ("great expectations, shared checks", "detect, shared checks"),
    }
    return {
        label: results[one]["judged_s"] / results[other]["judged_s"]
        for label, (one, other) in pairs.items()
        if one in results and other in results
    }


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"{report['rows']:,} products, batches of {report['batch_rows']:,}, {report['processors']} processors, "
        f"median of {report['repeats']} runs\n",
        "| method | checks | judging, s (all runs) | with reading, s | rows judged a second | peak MB | broken cells |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in report["methods"].items():
        runs = ", ".join(f"{value:.1f}" for value in one["judged_s_all"])
        lines.append(
            f"| {name} | {one['checks']} | {one['judged_s']:.1f} ({runs}) | {one['seconds']:.1f} | {one['rows_per_second']:,.0f} "
            f"| {one['peak_mb']:,.0f} | {one['broken']:,} |"
        )
    lines += [""] + [f"- {label}: {ratio:.2f}" for label, ratio in report["ratios"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
