"""The tab that asks before it acts: what another error budget or floor would have done to the past."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr
from markupsafe import Markup

from engine.replay import Replay
from ui.desk import Desk
from ui.views import QUIET
from ui.views.pieces import empty_state, percent, rule_title

__all__ = ["replay_tab", "replay_view"]

_BUDGETS = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Budgets in percent that stand beside the chosen one."""

_VIEW = Markup(
    '<section class="cm-replay"><p class="cm-answer" role="status">{}</p><div class="cm-tables">{}{}</div>'
    '<p class="cm-quiet">Wrong is counted on what people were asked about; of corrections made without asking only the undone ones are '
    "known to be wrong. Nothing here changes a setting: the budget is error_budget.share, the floor ai_monitoring.confidence_threshold."
    "</p></section>"
)
_TABLE = Markup(
    '<table class="cm-tried"><thead><tr><th>{}</th><th>Without asking</th><th>Changed</th><th>Prevented</th><th>Wrong (95 % interval)</th>'
    "</tr></thead><tbody>{}</tbody></table>"
)
_ROW = Markup(
    '<tr{}><td>{}</td><td><span class="cm-confidence cm-high"><span class="cm-track"><b style="width:{}%"></b></span>'
    '<span class="cm-number">{}</span></span></td><td>{}</td><td>{}</td><td>{}</td></tr>'
)


def replay_view(chosen: float, found: Mapping[float, Replay]) -> Markup:
    """The answer as sentences, and two tables: by budget and, for the chosen one, by rule.

    Parameters
    ----------
    chosen : float
        Budget in percent, one of `found`.
    found : mapping of float to Replay
        Budget in percent to its outcome.
    """
    answer = found[chosen]
    if not answer.replayed:
        return empty_state(
            "Nothing to replay yet", "Once issues have been decided, you can try other limits on them here."
        )
    budgets = Markup("").join(
        _row(
            f"{budget:g} %",
            replayed=one.replayed,
            automatic=one.automatic,
            changed=one.changed,
            prevented=f"{one.prevented:,} of {one.undone:,}",
            wrong=_wrong(one.wrong, one.judged, *one.wrong_interval),
            is_chosen=budget == chosen,
        )
        for budget, one in sorted(found.items())
    )
    rules = Markup("").join(
        _row(
            rule_title(row["rule_id"]),
            replayed=row["replayed"],
            automatic=row["automatic"],
            changed=row["changed"],
            prevented=f"{row['prevented']:,} of {row['undone']:,}",
            wrong=_wrong(row["wrong"], row["judged"], row["wrong_low"], row["wrong_high"]),
        )
        for row in answer.by_rule.iter_rows(named=True)
    )
    return _VIEW.format(str(answer), _TABLE.format("Error budget", budgets), _TABLE.format("Rule", rules))


def replay_tab(desk: Desk, *, tab: gr.Tab) -> None:
    """Fill the tab and connect it; to be called within it."""
    policy = desk.workspace.policy
    with gr.Row(elem_id="limits"):
        budget = gr.Slider(
            0,
            20,
            policy.error_budget * 100,
            step=0.5,
            label="Error budget: at most so many wrong in 100",
            elem_id="budget",
        )
        floor = gr.Slider(
            50, 100, policy.floor * 100, step=1, label="Floor: at least so sure, in percent", elem_id="floor"
        )
    view = gr.HTML(elem_id="replay", apply_default_css=False)

    def drawn(budget: float, floor: float) -> Markup:
        chosen = round(float(budget), 2)
        tried = {chosen, *_BUDGETS}
        return replay_view(chosen, {one: desk.replay(error_budget=one / 100, floor=floor / 100) for one in tried})

    tab.select(drawn, [budget, floor], view, **QUIET)
    for slider in (budget, floor):
        slider.change(drawn, [budget, floor], view, trigger_mode="always_last", **QUIET)


def _row(
    name: str, *, replayed: int, automatic: int, changed: int, prevented: str, wrong: str, is_chosen: bool = False
) -> Markup:
    share = automatic / replayed if replayed else 0.0
    mark = Markup(' class="cm-here"') if is_chosen else Markup("")
    return _ROW.format(mark, name, f"{share * 100:.1f}", f"{automatic:,}", f"{changed:,}", prevented, wrong)


def _wrong(wrong: int, judged: int, low: float, high: float) -> str:
    if not judged:
        return "–"
    return f"{wrong:,} of {judged:,}: {low * 100:.2f} to {percent(high, digits=2)}"
