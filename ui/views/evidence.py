"""Why a correction is suggested: the candidates with their numbers, the rule, decisions like this one, the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from markupsafe import Markup

from engine.review import is_personal
from engine.rules import Rule
from ui.desk import Evidence
from ui.views.difference import difference, plain
from ui.views.pieces import (
    age,
    confidence_bar,
    empty_state,
    name_of,
    percent,
    rule_title,
    sentence,
    short_key,
    status_chip,
)

__all__ = ["NO_ISSUE", "evidence_of"]

NO_ISSUE = empty_state("No issue chosen", "Choose a row to see why its correction is suggested.")

_SECTION = Markup("<section><h3>{}</h3>{}</section>")
_CANDIDATE = Markup(
    '<li class="cm-candidate"><div class="cm-value">{}</div>{}<p class="cm-quiet">{}</p><p class="cm-quiet">{}</p>{}</li>'
)
_PAST = Markup("<li>{} <span>{}</span><small>{}</small></li>")


def evidence_of(found: Evidence | None) -> Markup:
    """The whole panel for one issue; words instead where there is none."""
    if found is None:
        return NO_ISSUE
    issue = found.issue
    head = Markup(
        '<header class="cm-head"><div><h2>{} of {}</h2></div><p class="cm-quiet">{} · {} · found {}</p></header>'
    ).format(
        sentence(name_of(issue["field"])),
        short_key(issue["record_key"]),
        issue["connection"],
        issue["kind"],
        age(issue["detected_at"]),
    )
    sections = [
        _SECTION.format("Suggested", _suggestions(found)),
        _SECTION.format("The rule", _rule(issue, found.rule)),
        _SECTION.format("Decisions like this one", _past(found.similar)),
        _SECTION.format("The whole record", _record(issue, found.record)),
    ]
    return Markup('<div class="cm-evidence" data-issue="{}">{}{}</div>').format(
        issue["issue_id"], head, Markup("").join(sections)
    )


def _suggestions(found: Evidence) -> Markup:
    if found.suggestions.is_empty():
        return Markup(
            '<p>{}</p><p class="cm-quiet">Nothing is suggested: no corrector knows an answer that obeys the rules. '
            "Use Modify to enter the right value, or Reject to leave it as it is.</p>"
        ).format(difference(found.issue["observed"], None))
    usable = not is_personal(found.issue["kind"], found.issue["field"])
    rows = [_candidate(row, found.issue, usable) for row in found.suggestions.iter_rows(named=True)]
    return Markup("<ol>{}</ol>").format(Markup("").join(rows))


def _candidate(row: Mapping[str, Any], issue: Mapping[str, Any], usable: bool) -> Markup:
    numbers = (
        f"{row['corrector'].replace('_', ' ')} · at least {percent(row['lower'])} sure · "
        f"up to {percent(row['error_bound'])} may be wrong · {row['evidence']:,} decisions on this pattern"
    )
    use = Markup("")
    if row["rank"] > 1 and usable:
        use = Markup('<button type="button" class="cm-button cm-small" data-use="{}">Take this one instead</button>')
        use = use.format(row["rank"])
    return _CANDIDATE.format(
        difference(issue["observed"], row["value"]),
        confidence_bar(row["confidence"], lower=row["lower"]),
        row["reason"],
        numbers,
        use,
    )


def _rule(issue: Mapping[str, Any], rule: Rule | None) -> Markup:
    if rule is None:
        # Issues that no rule found are the platform's own words: a refusal, or a foreign edit met by a push.
        return Markup("<p><b>{}</b> {}</p><p>{}</p>").format(
            rule_title(issue["rule_id"]), status_chip(issue["severity"]), issue["reason"]
        )
    return Markup('<p><b>{}</b> {}</p><p>{}</p><p class="cm-quiet">Source: {}</p>').format(
        rule_title(rule.id), status_chip(rule.severity.value), rule.why, rule.source
    )


def _past(similar: pl.DataFrame | None) -> Markup:
    if similar is None:
        return Markup(
            '<p class="cm-quiet">Past decisions are still being loaded; choose the row again in a moment.</p>'
        )
    if similar.is_empty():
        return Markup('<p class="cm-quiet">Nobody has decided anything like this yet.</p>')
    rows = []
    for row in similar.iter_rows(named=True):
        near = "the same pattern" if row["similarity"] >= 0.999 else f"{percent(row['similarity'])} alike"
        after = row["final"] if row["verdict"] == "modified" else row["suggested"]
        said = f"{row['decided_by']}, {age(row['decided_at'])}, {near}"
        rows.append(_PAST.format(status_chip(row["verdict"]), difference(row["observed"], after, short=True), said))
    return Markup('<ul class="cm-past">{}</ul>').format(Markup("").join(rows))


def _record(issue: Mapping[str, Any], record: Mapping[str, Any]) -> Markup:
    if not record:
        return Markup('<p class="cm-quiet">The record is not in the lake any more; sync the connection.</p>')
    rows = []
    for name, value in record.items():
        shown = _text(value)
        if not shown and name != issue["field"]:
            continue
        mark = Markup(' class="cm-here"') if name == issue["field"].partition(".")[0] else Markup("")
        cell = plain(shown) if shown else Markup('<em class="cm-quiet">empty</em>')
        rows.append(Markup("<tr{}><th>{}</th><td>{}</td></tr>").format(mark, name_of(name), cell))
    return Markup('<table class="cm-facts">{}</table>').format(Markup("").join(rows))


def _text(value: object) -> str:
    if isinstance(value, list):
        entries = [f"{one['key']}: {one['value']}" if isinstance(one, dict) else str(one) for one in value]
        return "\n".join(entries)
    return "" if value is None else str(value)
