"""The queue as markup: patterns on the left, the issues of the chosen one in the middle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from markupsafe import Markup

from ui.views.difference import difference
from ui.views.pieces import chip, confidence_bar, counted, empty_state, name_of, rule_title, short_key, status_chip

__all__ = ["NOTHING_CHOSEN", "issue_list", "pattern_list", "renewal"]

NOTHING_CHOSEN = empty_state("Choose a pattern", "Its issues are shown here, with what would change.")

_PATTERN = Markup(
    '<li><button type="button" class="cm-pattern{}" data-pattern="{}" aria-pressed="{}">'
    '<span class="cm-count">{}</span><span class="cm-body">'
    '<span class="cm-title">{}</span><span class="cm-where"><span>{} · {}</span>{}</span>'
    '<span class="cm-example">{}</span></span></button></li>'
)
_ROW = Markup(
    '<tr data-issue="{}" class="{}" tabindex="-1" aria-selected="{}">'
    '<td class="cm-check"><input type="checkbox" aria-label="select {}"></td>'
    '<td class="cm-record"><span class="cm-name">{}</span><span class="cm-key">{}</span></td>'
    '<td class="cm-change">{}</td><td class="cm-sure">{}</td><td class="cm-reason">{}</td></tr>'
)
_TABLE = Markup(
    '<table class="cm-rows"><thead><tr><th class="cm-check"><input type="checkbox" data-all aria-label="select all"></th>'
    "<th>Record</th><th>Observed → suggested</th><th>Confidence</th><th>Why it waits</th></tr></thead><tbody>{}</tbody></table>{}"
)
_HEAD = Markup('<header class="cm-head"><div><h2>{}</h2>{}{}{}</div><p>{}</p><p class="cm-quiet">{}{}</p></header>')
_BAR = Markup(
    '<div class="cm-bar" data-count="{}"><div class="cm-usual">'
    '<button type="button" class="cm-button cm-primary" data-verdict="approved">Approve <span data-scope></span></button>'
    '<button type="button" class="cm-button" data-verdict="rejected">Reject</button>'
    '<button type="button" class="cm-button" data-modify>Modify…</button>'
    '<span class="cm-space"></span>{}</div>'
    '<div class="cm-sure-question" hidden><span>Approve {} corrections at once, {} of them shown here?</span>'
    '<button type="button" class="cm-button cm-primary" data-really>Yes, approve {}</button>'
    '<button type="button" class="cm-button" data-no>Cancel</button></div></div>'
)


def pattern_list(found: pl.DataFrame, *, chosen: str, limit: int, is_filtered: bool) -> Markup:
    """The patterns as a list of buttons.

    Parameters
    ----------
    found : polars.DataFrame
        Schema `engine.review.PATTERNS`.
    chosen : str
        Identifier of the pattern that is open.
    limit : int
        Patterns asked for; when as many came, more are offered.
    is_filtered : bool
        Whether the reviewer has narrowed the queue, for the words of an empty list.
    """
    if found.is_empty():
        if is_filtered:
            return empty_state(
                "Nothing matches", "No pending issue fits the filters. Clear them to see the whole queue."
            )
        return empty_state("Nothing waits for you", "Every issue is decided. New ones appear here after the next sync.")
    entries = Markup("").join(_pattern(row, chosen) for row in found.iter_rows(named=True))
    more = (
        Markup('<button type="button" class="cm-button cm-wide" data-more>More patterns</button>')
        if found.height >= limit
        else Markup("")
    )
    return Markup('<ul class="cm-patterns">{}</ul>{}').format(entries, more)


def issue_list(
    found: pl.DataFrame,
    titles: Mapping[tuple[str, str, str], str],
    pattern: Mapping[str, Any] | None,
    *,
    active: str,
) -> Markup:
    """The issues of one pattern as a table, with the bar of decisions below.

    Parameters
    ----------
    found : polars.DataFrame
        Schema `engine.types.ISSUES`, the part that is shown.
    titles : mapping
        ``(connection, kind, record_key)`` to the product's title.
    pattern : mapping or None
        Its row of `engine.review.PATTERNS`.
    active : str
        Identifier of the issue whose evidence is shown.
    """
    if pattern is None or found.is_empty():
        return NOTHING_CHOSEN
    rows = Markup("").join(_row(row, titles, active) for row in found.iter_rows(named=True))
    more = Markup("")
    if found.height < pattern["count"]:
        more = Markup('<button type="button" class="cm-button cm-wide" data-more>Show more ({} of {} shown)</button>')
        more = more.format(found.height, f"{pattern['count']:,}")
    lacking = pattern["count"] - pattern["suggested_count"]
    without = f", {lacking:,} of them without a suggestion" if lacking else ""
    head = _HEAD.format(
        rule_title(pattern["rule_id"]),
        status_chip(pattern["severity"]),
        chip(pattern["channel"]),
        chip(name_of(pattern["field"])),
        pattern["description"],
        f"{counted(pattern['count'], 'issue')} {'waits' if pattern['count'] == 1 else 'wait'}",
        without,
    )
    count = pattern["suggested_count"]
    everything = Markup("")
    if count > 1:
        everything = Markup(
            '<button type="button" class="cm-button cm-all" data-everything>Approve all {}</button>'
        ).format(f"{count:,}")
    shown = found["suggested"].is_not_null().sum()
    bar = _BAR.format(count, everything, f"{count:,}", f"{shown:,}", f"{count:,}")
    return Markup('<section class="cm-issues">{}{}{}</section>').format(head, _TABLE.format(rows, more), bar)


def renewal(drawn: tuple[int, int], now: tuple[int, int]) -> Markup:
    """A button that redraws the queue, when it has changed since it was drawn; empty otherwise."""
    if drawn == now:
        return Markup("")
    difference = now[0] - drawn[0]
    words = (
        f"{difference:,} new" if difference > 0 else f"{-difference:,} decided elsewhere" if difference else "changed"
    )
    return Markup(
        '<button type="button" class="cm-button cm-renew" data-renew>The queue has changed ({}) · show</button>'
    ).format(words)


def _pattern(row: Mapping[str, Any], chosen: str) -> Markup:
    is_chosen = row["pattern_id"] == chosen
    return _PATTERN.format(
        " cm-chosen" if is_chosen else "",
        row["pattern_id"],
        "true" if is_chosen else "false",
        f"{row['count']:,}",
        rule_title(row["rule_id"]),
        row["channel"],
        name_of(row["field"]),
        confidence_bar(row["confidence"]),
        difference(row["observed"], row["suggested"], short=True),
    )


def _row(row: Mapping[str, Any], titles: Mapping[tuple[str, str, str], str], active: str) -> Markup:
    key = short_key(row["record_key"])
    title = titles.get((row["connection"], row["kind"], row["record_key"]), "")
    is_active = row["issue_id"] == active
    return _ROW.format(
        row["issue_id"],
        "cm-active" if is_active else "",
        "true" if is_active else "false",
        key,
        title if title and row["field"] != "title" else key,
        f"{key} · {row['connection']}" if title and row["field"] != "title" else row["connection"],
        difference(row["observed"], row["suggested"], short=True),
        confidence_bar(row["confidence"]),
        row["reason"],
    )
