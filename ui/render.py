"""HTML of the page. Every value is hostile until it has gone through `escaped`; nothing else writes values into markup."""

from __future__ import annotations

import difflib
import html
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

__all__ = ["corrections", "difference", "escaped", "evidence", "figures", "patterns", "rows", "rules"]

_KEPT_CHARACTERS = 28
"""Unchanged text shown on each side of a change, so that a change in a long description can be seen."""
_WORD = re.compile(r"\s+|[\w.,%€$£-]+|.", re.DOTALL)


def escaped(value: object) -> str:
    """Any value as text that no browser takes for markup."""
    return html.escape("" if value is None else str(value), quote=True)


def difference(before: str, after: str) -> str:
    """Both texts as one: what goes is struck, what comes is underlined, white space that changes is made visible."""
    if not before.strip():
        return f"<span class=nothing>{escaped(before) or 'empty'}</span> <ins>{escaped(_short(after))}</ins>"
    if len(before) * len(after) > 4_000_000:
        return f"<del>{escaped(_short(before))}</del> <ins>{escaped(_short(after))}</ins>"
    one, other = _WORD.findall(before), _WORD.findall(after)
    parts = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        gone, come = "".join(one[a:b]), "".join(other[c:d])
        if kind == "equal":
            parts.append(escaped(_short(gone)))
            continue
        parts.append(f"<del>{escaped(_visible(gone))}</del>" if gone else "")
        parts.append(f"<ins>{escaped(_visible(come))}</ins>" if come else "")
    return "".join(parts)


def figures(found: Mapping[str, float | None], pending: int, automatic: int, note: str) -> str:
    """The line of key figures on top of the page."""
    share, right, minutes = (
        found.get(n) for n in ("auto_correction_rate", "correction_accuracy", "human_review_minutes")
    )
    cells = [
        ("waiting for you", f"{pending:,}"),
        ("corrected without asking", f"{automatic:,}"),
        ("automatic share", "–" if share is None else f"{share:.0%}"),
        ("corrections that held", "–" if right is None else f"{right:.1%}"),
        ("minutes to a decision", "–" if minutes is None else f"{minutes:.1f}"),
    ]
    shown = "".join(f"<div><b>{escaped(value)}</b><span>{escaped(name)}</span></div>" for name, value in cells)
    trouble = f"<p class=trouble role=alert>{escaped(note)}</p>" if note else ""
    return f"<div class=figures>{shown}</div>{trouble}"


def patterns(found: pl.DataFrame, chosen: str | None) -> str:
    """The list of patterns, most issues first; the one that is chosen is marked."""
    if found.is_empty():
        return "<div class=calm><b>Nothing waits for you.</b><p>New issues appear here after the next sync.</p></div>"
    cards = "".join(
        f"<button class='card{' chosen' if row['pattern_id'] == chosen else ''}' data-id='{escaped(row['pattern_id'])}'>"
        f"<span class=count>{row['count']:,}</span><span class=what><b>{escaped(_words(row['rule_id']))}</b>"
        f"<small>{escaped(_words(row['field']))} on {escaped(row['channel'])} · {escaped(row['shape'] or 'empty')}</small></span>{_bar(row['confidence'])}</button>"
        for row in found.iter_rows(named=True)
    )
    return f"<div class=cards>{cards}</div>"


def rows(found: pl.DataFrame, chosen: str | None, *, total: int, description: str) -> str:
    """The issues of one pattern with the change that is suggested."""
    if found.is_empty():
        return "<div class=calm><b>Choose a pattern on the left.</b><p>One decision can settle all of its issues.</p></div>"
    lines = "".join(
        f"<button class='issue{' chosen' if row['issue_id'] == chosen else ''}' data-id='{escaped(row['issue_id'])}'>"
        f"<span class=key>{escaped(_tail(row['record_key']))}<small>{escaped(row['connection'])}</small></span>"
        f"<span class=change>{_change(row)}</span>{_bar(row['confidence'])}<small class=why>{escaped(row['reason'])}</small></button>"
        for row in found.iter_rows(named=True)
    )
    more = f"<p class=more>{found.height:,} of {total:,} are shown.</p>" if total > found.height else ""
    return f"<p class=lead>{escaped(description)}</p><div class=issues>{lines}</div>{more}"


def evidence(
    issue: Mapping[str, Any], suggestions: pl.DataFrame, record: Mapping[str, Any], past: pl.DataFrame, rule: Any
) -> str:
    """Why something is suggested: candidates, the rule with its source, past decisions, the whole record."""
    candidates = "".join(
        f"<li><div class=value>{escaped(_short(row['value'] or 'empty', 160))}</div>{_bar(row['confidence'])}"
        f"<small>{escaped(row['corrector'])}: {escaped(row['reason'])}<br>at least {row['lower']:.0%} sure · at most {row['error_bound']:.0%} wrong · "
        f"{int(row['evidence'])} decisions on this pattern</small></li>"
        for row in suggestions.iter_rows(named=True)
    )
    decided = "".join(
        f"<li><span class='verdict {escaped(row['verdict'])}'>{escaped(row['verdict'])}</span> {difference(_short(row['observed'], 120), _short(row['final'] or row['suggested'], 120))}"
        f"<small>{escaped(row['decided_by'])}, {row['decided_at']:%d %b %Y} · {row['similarity']:.0%} alike</small></li>"
        for row in past.iter_rows(named=True)
    )
    fields = "".join(
        f"<tr{' class=here' if name == issue['field'] else ''}><th>{escaped(_words(name))}<td>{escaped(_short(_plain(value), 240))}"
        for name, value in record.items()
        if value not in ("", None, [])
    )
    source = (
        f"<p>{escaped(rule.why)}</p><small>{escaped(rule.source)}</small>"
        if rule
        else f"<p>{escaped(issue['reason'])}</p>"
    )
    return (
        f"<section><h3>Suggestions</h3><ol class=candidates>{candidates or '<li class=nothing>No corrector has one. Give the right value below, or reject.</li>'}</ol></section>"
        f"<section><h3>The rule</h3>{source}</section>"
        f"<section><h3>Decisions like this one</h3><ul class=past>{decided or '<li class=nothing>None yet: you are the first.</li>'}</ul></section>"
        f"<section><h3>The record</h3><table>{fields}</table></section>"
    )


def corrections(found: pl.DataFrame) -> str:
    """What was corrected lately, each with its way back."""
    if found.is_empty():
        return "<div class=calm><b>Nothing has been corrected yet.</b></div>"
    lines = "".join(
        f"<div class=issue><span class=key>{escaped(_tail(row['record_key']))}<small>{escaped(row['connection'])} · {escaped(_words(row['field']))}</small></span>"
        f"<span class=change>{difference(row['before'], row['after'])}<small>{escaped(row['message'])}</small></span>"
        f"<span class=who>{'automatic' if row['is_automatic'] else escaped(row['written_by'])}<small>{row['written_at']:%d %b, %H:%M}</small></span>"
        f"<span class='state {escaped(row['status'])}'>{'undo of an earlier one, ' if row['undoes'] else ''}{escaped(row['status'])}</span>{_undo(row)}</div>"
        for row in found.iter_rows(named=True)
    )
    return f"<div class='issues corrected'>{lines}</div>"


def rules(found: Iterable[Any]) -> str:
    """The rules of a channel, each with its source."""
    lines = "".join(
        f"<tr><td><span class='severity {escaped(rule.severity.value)}'>{escaped(rule.severity.value)}</span><td><b>{escaped(_words(rule.field))}</b><td>{escaped(rule.why)}"
        f"<small>{escaped(rule.id)} · {escaped(rule.source)}</small>"
        for rule in found
    )
    return f"<table class=rules>{lines}</table>"


def _change(row: Mapping[str, Any]) -> str:
    if row["suggested"] is None:
        return f"<span>{escaped(_short(row['observed'], 120)) or '<span class=nothing>empty</span>'}</span>"
    return difference(row["observed"], row["suggested"])


def _bar(confidence: float | None) -> str:
    if confidence is None:
        return "<small class=nothing>no suggestion</small>"
    percent = round(min(max(confidence, 0), 1) * 100)
    return f"<span class=bar title='confidence'><i style='width:{percent}%'></i><em>{percent}%</em></span>"


def _undo(row: Mapping[str, Any]) -> str:
    if row["undoes"] or row["status"] not in ("written", "sent", "verified", "manual"):
        return "<span></span>"
    return f"<button class=undo data-id='{escaped(row['correction_id'])}'>Undo</button>"


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").replace(".", " ")


def _tail(key: str) -> str:
    return key.rsplit("/", 1)[-1] if key.startswith("gid:") else key


def _plain(value: object) -> str:
    if isinstance(value, list):
        return (
            json.dumps({pair["key"]: pair["value"] for pair in value}, ensure_ascii=False)
            if value and isinstance(value[0], dict)
            else ", ".join(map(str, value))
        )
    return str(value)


def _visible(text: str) -> str:
    return re.sub(r"\s", "␣", text) if not text.strip() else text


def _short(text: str, limit: int = 3 * _KEPT_CHARACTERS) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 3 :]}"
