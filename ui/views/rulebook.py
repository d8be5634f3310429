"""The tab of rules: what a channel demands, why, and where that is written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import gradio as gr
from markupsafe import Markup

from engine.rules import Rule, channels
from ui.desk import Desk
from ui.views import QUIET
from ui.views.pieces import chip, empty_state, name_of, rule_title, sentence, status_chip

__all__ = ["rule_list", "rules_tab"]

_RULE = Markup('<article class="cm-rule"><h4>{} {}{}</h4><p>{}</p><p class="cm-quiet">{}</p></article>')


def rule_list(rules: Sequence[Rule], search: str = "") -> Markup:
    """Rules under the name of their field, narrowed to those that hold every word of the search."""
    words = search.casefold().split()
    found = [rule for rule in rules if all(word in _searched(rule) for word in words)]
    if not found:
        return empty_state("No rule matches", "Clear the search to see all rules of the channel.")
    found.sort(key=lambda rule: (rule.kinds[0], rule.field))
    sections = []
    for (kind, field), group in groupby(found, key=lambda rule: (rule.kinds[0], rule.field)):
        entries = Markup("").join(_rule(rule) for rule in group)
        sections.append(
            Markup('<section class="cm-field"><h3>{} <span class="cm-quiet">{}</span></h3>{}</section>').format(
                sentence(name_of(field)), kind.replace("_", " "), entries
            )
        )
    return Markup('<p class="cm-quiet">{} rules</p><div class="cm-rulebook">{}</div>').format(
        len(found), Markup("").join(sections)
    )


def rules_tab(desk: Desk, *, tab: gr.Tab) -> None:
    """Fill the tab and connect it; to be called within it."""
    with gr.Row(elem_classes="cm-filters"):
        channel = gr.Dropdown(list(channels()), value=channels()[0], label="Channel", container=False)
        search = gr.Textbox(placeholder="Search rules", show_label=False, container=False, max_lines=1)
    rows = gr.HTML(elem_id="rules", apply_default_css=False)

    def drawn(channel: str, search: str) -> Markup:
        return rule_list(desk.workspace.rules(channel), search)

    def opened(channel: str, search: str) -> tuple[Any, ...]:
        own = desk.workspace.connections()["channel"].unique().sort().to_list()
        offered = list(dict.fromkeys([*own, *channels()]))
        chosen = channel if channel in own or not own or search else own[0]
        return gr.Dropdown(choices=offered, value=chosen), drawn(chosen, search)

    tab.select(opened, [channel, search], [channel, rows], **QUIET)
    channel.input(drawn, [channel, search], rows, **QUIET)
    # `input` is not heard when text is pasted; `change` is.
    search.change(drawn, [channel, search], rows, trigger_mode="always_last", **QUIET)


def _rule(rule: Rule) -> Markup:
    own = chip("your own") if rule.origin == "merchant" else Markup("")
    return _RULE.format(rule_title(rule.id), status_chip(rule.severity.value), own, rule.why, rule.source)


def _searched(rule: Rule) -> str:
    return f"{rule.id} {rule_title(rule.id)} {rule.field} {rule.why} {rule.severity.value}".casefold()
