"""Validating a file against a channel's rules: no account, no database."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from connectors.files import read_file
from connectors.platform import QUARANTINE, platforms
from connectors.record import field as record_field
from engine.detect import Validator, duplicated
from engine.errors import ConfigError, DataError
from engine.rules import Rule, applicable, load_rules
from engine.types import DETECTED
from engine.vault import mask

__all__ = ["FileReport", "validate_file", "write_report"]

_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class FileReport:
    """What is wrong with a file.

    Attributes
    ----------
    path, channel, kind : str
    records : int
        Records that could be read.
    issues : polars.DataFrame
        Schema `engine.types.DETECTED`, in the order of the file; personal values are masked.
    quarantined : polars.DataFrame
        Schema `connectors.platform.QUARANTINE`: rows that could not be read, with their line.
    notes : list of str
        How the file was read: layout, encoding, columns.
    rules : dict of str to Rule
        The rules it was judged by.
    """

    path: str
    channel: str
    kind: str
    records: int
    issues: pl.DataFrame
    quarantined: pl.DataFrame
    notes: list[str]
    rules: Mapping[str, Rule]

    def by_rule(self) -> pl.DataFrame:
        """``rule_id, field, severity, count, share, example, why``, most frequent first; share is of the records."""
        grouped = self.issues.group_by("rule_id", "field", "severity", maintain_order=True).agg(
            pl.len().alias("count"),
            pl.col("observed").filter(pl.col("observed") != "").first().fill_null("").str.slice(0, 60).alias("example"),
        )
        why = {name: rule.why for name, rule in self.rules.items()}
        return grouped.with_columns(
            (pl.col("count") / max(self.records, 1)).alias("share"),
            pl.col("rule_id").replace_strict(why, default="").alias("why"),
        ).sort("severity", "count", "rule_id", descending=[False, True, False])


def validate_file(
    path: str | Path,
    *,
    channel: str,
    kind: str = "product",
    layout: str = "auto",
    mapping: str | Path | None = None,
    currency: str = "",
    language: str = "",
    extra: tuple[Mapping[str, object], ...] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> FileReport:
    """Judge every record of a file by the rules of a channel; the file is read twice, in bounded batches.

    Parameters
    ----------
    progress : callable
        Gets the number of records read so far.

    Raises
    ------
    ConfigError
        For an unknown channel.
    connectors.errors.SourceError
        When the file cannot be read as a whole.
    """
    rules = load_rules(channel, extra=extra)
    options: dict[str, Any] = {"layout": layout, "mapping": mapping, "currency": currency, "language": language}
    known = platforms()[channel].readable if channel in platforms() else {}
    validators = {
        one: Validator(applicable(rules, one, known.get(one, frozenset())), one)
        for one in ({"order": ("order", "order_line")}.get(kind, (kind,)))
    }
    repeated = {
        one: duplicated(
            (page.records[one] for page in read_file(path, kind=kind, **options) if one in page.records),
            judge.unique_fields,
            kind=one,
        )
        for one, judge in validators.items()
        if judge.unique_fields
    }
    reading = read_file(path, kind=kind, **options)
    found, broken, records = [pl.DataFrame(schema=DETECTED)], [pl.DataFrame(schema=QUARANTINE)], 0
    for page in reading:
        for one, frame in page.records.items():
            found.append(validators[one].detect(frame, duplicates=repeated.get(one)))
            records += frame.height
        broken.append(page.quarantined)
        progress(records)
    judged = {rule.id: rule for judge in validators.values() for rule in judge.rules}
    issues = _masked(pl.concat(found))
    return FileReport(str(path), channel, kind, records, issues, pl.concat(broken), reading.report(), judged)


def write_report(report: FileReport, target: Path) -> None:
    """Write the issues as ``.parquet``, ``.csv`` or ``.html``.

    Raises
    ------
    ConfigError
        For another ending.
    DataError
        When the file cannot be written.
    """
    writers: dict[str, Callable[[], object]] = {
        ".parquet": lambda: report.issues.write_parquet(target),
        ".csv": lambda: report.issues.with_columns(
            _harmless(name) for name in ("record_key", "parent_key", "observed")
        ).write_csv(target),
        ".html": lambda: target.write_text(_page(report), "utf-8"),
    }
    if target.suffix not in writers:
        raise ConfigError(
            f"{target} ends in {target.suffix or 'nothing'!r}; a report is written as {', '.join(writers)}."
        )
    try:
        writers[target.suffix]()
    except OSError as error:
        raise DataError(f"The report could not be written to {target}: {error}") from error


def _masked(issues: pl.DataFrame) -> pl.DataFrame:
    hidden = [(k, f) for k, f in issues.select("kind", "field").unique().iter_rows() if record_field(k, f).personal]
    if not hidden:
        return issues
    texts = {text: mask(text) for text in issues["observed"].unique()}
    is_personal = pl.any_horizontal((pl.col("kind") == k) & (pl.col("field") == f) for k, f in hidden)
    return issues.with_columns(
        pl.when(is_personal).then(pl.col("observed").replace(texts)).otherwise("observed").alias("observed")
    )


def _harmless(name: str) -> pl.Expr:
    # A cell that begins like a formula would be run by a spreadsheet program (OWASP, CSV injection, read 2026-11-23).
    return (
        pl.when(pl.col(name).str.contains(r"^[=+\-@\t\r]"))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
    )


def _page(report: FileReport) -> str:
    summary = report.by_rule()
    rows = "".join(
        f"<tr class={r['severity']}><td>{_e(r['severity'])}</td><td>{_e(r['field'])}</td><td><code>{_e(r['rule_id'])}</code><br><small>{_e(r['why'])}</small></td>"
        f"<td class=number>{r['count']:,}</td><td class=number>{r['share']:.1%}</td><td><code>{_e(r['example'])}</code></td></tr>"
        for r in summary.iter_rows(named=True)
    )
    details = "".join(
        f"<tr><td>{_e(r['record_key'])}</td><td>{_e(r['field'])}</td><td><code>{_e(r['rule_id'])}</code></td><td>{_e(r['observed'][:_SHOWN_CHARACTERS])}</td></tr>"
        for r in report.issues.head(2000).iter_rows(named=True)
    )
    notes = "".join(f"<li>{_e(note)}</li>" for note in report.notes)
    more = (
        f"<p>The first 2,000 of {report.issues.height:,} issues are listed.</p>" if report.issues.height > 2000 else ""
    )
    return f"""<!doctype html><html lang=en><meta charset=utf-8><title>{_e(Path(report.path).name)} for {_e(report.channel)}</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c2733}}table{{border-collapse:collapse;width:100%}}
th{{text-align:left;color:#5b6b7b;font-weight:600}}td,th{{padding:.45rem .6rem;border-bottom:1px solid #e4e9ee;vertical-align:top}}.number{{text-align:right;font-variant-numeric:tabular-nums}}
code{{font-size:.88em}}small{{color:#5b6b7b}}tr.error td:first-child{{color:#b3261e;font-weight:600}}tr.warning td:first-child{{color:#8a5a00}}h1{{font-size:1.5rem}}h2{{font-size:1.1rem;margin-top:2rem}}</style>
<h1>{_e(Path(report.path).name)} judged by the rules of {_e(report.channel)}</h1>
<p><b>{report.records:,}</b> records, <b>{report.issues.height:,}</b> issues on <b>{report.issues["record_key"].n_unique():,}</b> of them, <b>{report.quarantined.height:,}</b> rows set aside.</p>
<table><tr><th>Severity<th>Field<th>Rule<th class=number>Count<th class=number>Share<th>Example</tr>{rows}</table>
<h2>How the file was read</h2><ul>{notes}</ul><h2>Issues</h2>{more}<table><tr><th>Record<th>Field<th>Rule<th>Observed</tr>{details}</table></html>"""


def _e(text: object) -> str:
    return html.escape(str(text))
