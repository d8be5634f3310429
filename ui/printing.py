"""How the command line shows what was done: tables and lines for people, one JSON value for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = [
    "described",
    "err",
    "fail",
    "new_table",
    "out",
    "print_demo",
    "print_frame",
    "print_json",
    "print_metrics",
    "print_platform",
    "print_report",
    "print_sync",
    "spinner",
]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def described(one: Any) -> dict[str, Any]:
    """A platform as plain JSON values."""
    fields = ("name", "label", "help", "secret", "required", "default", "replaced_by")
    return {
        "name": one.name,
        "title": one.title,
        "docs": one.docs,
        "capabilities": sorted(capability.value for capability in one.capabilities),
        "incremental": sorted(one.incremental),
        "readable": {kind: sorted(names) for kind, names in one.readable.items()},
        "writable": {kind: sorted(names) for kind, names in one.writable.items()},
        "credentials": [{name: getattr(field, name) for name in fields} for field in one.credentials],
        "setup": list(one.setup),
        "notes": list(one.notes),
    }


def print_platform(one: Any) -> None:
    """What a platform needs and what it cannot do."""
    out.print(f"[bold]{escape(one.title)}[/]  [dim]{one.docs}[/]\n")
    for number, step in enumerate(one.setup, 1):
        out.print(f"  {number}. {escape(step)}")
    table = new_table("Credential", "", "Meaning")
    for field in one.credentials:
        kind = "no longer used" if field.replaced_by else "required" if field.required else "optional"
        table.add_row(field.name, kind, f"[dim]{escape(field.replaced_by or f'{field.label}: {field.help}')}[/]")
    out.print(table)
    for note in one.notes:
        out.print(f"  [dim]-[/] {escape(note)}")


@contextmanager
def spinner(text: str, *, quiet: bool) -> Iterator[Any]:
    """A running clock on the terminal; the value it gives is told how many records there are by now."""
    if quiet or not err.is_terminal:
        yield lambda _: None
        return
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=err, transient=True
    ) as progress:
        task = progress.add_task(text)
        yield lambda count: progress.update(task, description=f"{text}: {count:,} records")


def print_demo(result: dict[str, Any]) -> None:
    """What the demo came to."""
    out.print()
    names = ("name", "products", "orders", "issues", "auto_corrected", "pending", "verified", "failed")
    shown = {"auto_corrected": "Auto"}
    table = new_table(*(shown.get(n, n.capitalize()) for n in names), numbers=set(range(1, len(names))))
    for row in result["connections"]:
        table.add_row(*(str(row[n]) for n in names))
    out.print(table)
    print_metrics(result["metrics"])


def print_metrics(found: dict[str, float | None]) -> None:
    """The key figures."""
    for name, value in found.items():
        out.print(f"  [dim]{name.replace('_', ' '):<24}[/] {'not yet' if value is None else f'{value:,.3g}'}")


def print_sync(results: list[dict[str, Any]]) -> None:
    """What each connection did."""
    shown = (
        "products",
        "orders",
        "issues",
        "resolved",
        "auto_corrected",
        "pending",
        "pushed",
        "verified",
        "failed",
        "conflicts",
        "quarantined",
        "seconds",
    )
    table = new_table(
        "Connection", *(n.replace("_", " ").capitalize() for n in shown), numbers=set(range(1, len(shown) + 1))
    )
    for one in results:
        if "error" not in one:
            table.add_row(escape(one["name"]), *(f"{one['counts'].get(n, 0):g}" for n in shown))
    if table.row_count:
        out.print(table)
    for one in results:
        if "error" in one:
            err.print(f"[red]{escape(one['name'])}[/]: {escape(one['error'])}")
        for note in one.get("notes", []):
            out.print(f"[yellow]note[/] {escape(one['name'])}: {escape(note)}")


def print_report(report: Any, target: Path | None) -> None:
    """What is wrong with a file, by rule."""
    out.print("\n".join(f"[dim]{escape(note)}[/]" for note in report.notes[:2]))
    columns = [note.partition(" (")[0] for note in report.notes[2:] if " -> " in note]
    out.print(f"[dim]columns: {escape(', '.join(columns))}[/]")
    for note in report.notes[2:]:
        if " -> " not in note:
            out.print(f"[dim]{escape(note)}[/]")
    table = new_table("Count", "Share", "What is wrong", numbers={0, 1})
    for row in report.by_rule().iter_rows(named=True):
        colour = "red" if row["severity"] == "error" else "yellow"
        example = f"\n[dim]for example[/] {escape(row['example'])}" if row["example"] else ""
        wrong = f"[bold]{row['field']}[/] [{colour}]{row['rule_id']}[/]\n[dim]{escape(row['why'])}[/]{example}"
        table.add_row(f"{row['count']:,}", f"{row['share']:.1%}", wrong)
    if table.row_count:
        out.print(table)
    for row in report.quarantined.head(5).iter_rows(named=True):
        out.print(f"[yellow]set aside[/] {escape(row['record_key'])}: {escape(row['error'])}")
    touched = report.issues["record_key"].n_unique()
    out.print(
        f"[bold]{report.records:,}[/] records, [bold]{report.issues.height:,}[/] issues on {touched:,} of them, {report.quarantined.height:,} rows set aside"
    )
    if target:
        out.print(f"All issues are in {escape(str(target))}")


def new_table(*titles: str, numbers: set[int] | None = None) -> Table:
    """An empty table in the house style; `numbers` are the columns that are aligned to the right."""
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, collapse_padding=True)
    for place, title in enumerate(titles):
        table.add_column(title, justify="right" if place in (numbers or set()) else "left", overflow="fold")
    return table


def print_frame(frame: pl.DataFrame) -> None:
    """A frame as a table."""
    numeric = {place for place, dtype in enumerate(frame.dtypes) if dtype.is_numeric()}
    table = new_table(*(name.replace("_", " ") for name in frame.columns), numbers=numeric)
    for row in frame.iter_rows():
        table.add_row(*("" if v is None else escape(f"{v:.4g}" if isinstance(v, float) else str(v)) for v in row))
    out.print(table)


def print_json(value: object) -> None:
    """One JSON value on a line of its own."""
    typer.echo(json.dumps(value, default=str, ensure_ascii=False))


def fail(error: BaseException) -> None:
    """Say what went wrong, and end with exit code 2."""
    err.print(f"[red]error[/] {escape(str(error))}", soft_wrap=True)
    raise SystemExit(2)
