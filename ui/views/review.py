"""The tab of what waits for a person: choose a pattern, look at its issues and their evidence, decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from markupsafe import Markup

from engine.errors import ChannelmendError
from engine.review import Filter, is_personal
from ui.desk import Desk
from ui.views import QUIET
from ui.views.evidence import evidence_of
from ui.views.pieces import counted, empty_state
from ui.views.queue import issue_list, pattern_list, renewal
from ui.views.summary import message

__all__ = ["Place", "Tab", "changed", "review_tab"]

_PATTERNS_SHOWN = 50
_ISSUES_SHOWN = 100
_DONE = {
    "approved": "approved",
    "rejected": "rejected; nothing is changed at the channel",
    "modified": "set to your value",
}


@dataclass(frozen=True)
class Place:
    """Where one reviewer is; kept for each session."""

    pattern: str = ""
    issue: str = ""
    patterns_shown: int = _PATTERNS_SHOWN
    issues_shown: int = _ISSUES_SHOWN
    to_modify: tuple[str, ...] = ()
    last_decided: tuple[str, ...] = ()
    drawn: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Tab:
    """What the rest of the page needs of the tab.

    Attributes
    ----------
    place : gradio.State
    renew : gradio.HTML
        Where "the queue has changed" is shown.
    draw : callable
        ``(place, connection, field, search)`` to values of `outputs`.
    inputs, outputs : list
        Components to call it with.
    """

    place: gr.State
    renew: gr.HTML
    draw: Any
    inputs: list[Any]
    outputs: list[Any]


class _Screen:
    """Draws the three panes for one session's place and filters."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def draw(self, place: Place, connection: str, field: str, search: str) -> tuple[Any, ...]:
        """New place, patterns, issues, evidence, renewal; another pattern is opened where the present one is done."""
        queue = self._desk.queue
        wanted = Filter(connection=connection or "", field=field or "", search=search or "")
        place = replace(place, drawn=queue.revision())
        patterns = queue.patterns(wanted, limit=place.patterns_shown)
        place, rows, evidence = self._middle(place, wanted, patterns["pattern_id"].to_list())
        cards = pattern_list(patterns, chosen=place.pattern, limit=place.patterns_shown, is_filtered=wanted != Filter())
        return place, cards, rows, evidence, ""

    def middle(self, place: Place, connection: str, field: str, search: str) -> tuple[Any, ...]:
        """New place, issues, evidence: the list of patterns stays as it is."""
        wanted = Filter(connection=connection or "", field=field or "", search=search or "")
        return self._middle(place, wanted, [])

    def _middle(self, place: Place, wanted: Filter, others: list[str]) -> tuple[Place, Markup, Markup]:
        queue = self._desk.queue
        for name in dict.fromkeys([place.pattern, *others[:1]]):
            issues = queue.issues(name, wanted, limit=place.issues_shown) if name else None
            if issues is not None and issues.height:
                break
        else:
            shown = "" if others else empty_state("All clear", "No issue is open under these filters.")
            return replace(place, pattern="", issue=""), Markup(shown), evidence_of(None)
        pattern = queue.patterns(replace(wanted, pattern_id=name), limit=1)
        ids = issues["issue_id"].to_list()
        issue = place.issue if place.issue in ids else ids[0]
        rows = issue_list(
            issues, queue.titles(issues), pattern.row(0, named=True) if pattern.height else None, active=issue
        )
        return replace(place, pattern=name, issue=issue), rows, evidence_of(self._desk.evidence(issue))


def review_tab(desk: Desk, *, name: gr.Textbox, spoken: gr.HTML, number: gr.State) -> Tab:
    """Fill the tab and connect it; to be called within it.

    Parameters
    ----------
    name : gradio.Textbox
        The reviewer's name.
    spoken : gradio.HTML
        Where messages are shown.
    number : gradio.State
        Number of the last message.
    """
    screen = _Screen(desk)
    place = gr.State(Place())
    with gr.Row(elem_classes="cm-filters"):
        connection = gr.Dropdown(
            [("All connections", "")], value="", label="Connection", container=False, elem_id="connection"
        )
        field = gr.Dropdown([("All fields", "")], value="", label="Field", container=False, elem_id="field")
        search = gr.Textbox(
            placeholder="Search records, values, rules",
            show_label=False,
            container=False,
            max_lines=1,
            elem_id="search",
        )
        renew = gr.HTML(
            elem_id="renew", apply_default_css=False, js_on_load="channelmend.buttons(element, trigger, ['renew'])"
        )
    with gr.Row(elem_id="review"):
        with gr.Column(elem_id="patterns-pane", min_width=0):
            patterns = gr.HTML(
                elem_id="patterns",
                apply_default_css=False,
                js_on_load="channelmend.patterns(element, trigger, ['choose', 'more'])",
            )
        with gr.Column(elem_id="issues-pane", min_width=0):
            rows = gr.HTML(
                elem_id="issues",
                apply_default_css=False,
                js_on_load="channelmend.issues(element, trigger, watch, ['decide', 'inspect', 'modify', 'more'])",
            )
            with gr.Group(visible=False, elem_id="modify") as panel:
                asked = gr.HTML(apply_default_css=False)
                value = gr.Textbox(
                    label="The right value", lines=1, max_lines=8, elem_id="value", container=False, show_label=False
                )
                refused = gr.HTML(elem_id="refused", apply_default_css=False)
                with gr.Row():
                    save = gr.Button("Save this value", variant="primary", size="sm", elem_id="save")
                    cancel = gr.Button("Cancel", size="sm", elem_id="cancel")
        with gr.Column(elem_id="evidence-pane", min_width=0):
            evidence = gr.HTML(
                elem_id="evidence", apply_default_css=False, js_on_load="channelmend.buttons(element, trigger, ['use'])"
            )

    where = [place, connection, field, search]
    screens = [place, patterns, rows, evidence, renew]
    telling = [spoken, number]

    def choose(place: Place, connection: str, field: str, search: str, event: gr.EventData) -> tuple[Any, ...]:
        chosen = replace(place, pattern=str(getattr(event, "pattern", "")), issue="", issues_shown=_ISSUES_SHOWN)
        return screen.middle(chosen, connection, field, search)

    def inspect(place: Place, event: gr.EventData) -> tuple[Any, ...]:
        issue = str(getattr(event, "issue", ""))
        return replace(place, issue=issue), evidence_of(desk.evidence(issue))

    def more_patterns(place: Place, connection: str, field: str, search: str) -> tuple[Any, ...]:
        return screen.draw(
            replace(place, patterns_shown=place.patterns_shown + _PATTERNS_SHOWN), connection, field, search
        )

    def more_issues(place: Place, connection: str, field: str, search: str) -> tuple[Any, ...]:
        return screen.middle(replace(place, issues_shown=place.issues_shown + _ISSUES_SHOWN), connection, field, search)

    def decide(
        place: Place, connection: str, field: str, search: str, name: str, number: int, event: gr.EventData
    ) -> tuple[Any, ...]:
        verdict = str(getattr(event, "verdict", ""))
        try:
            if getattr(event, "everything", False):
                wanted = Filter(connection=connection or "", field=field or "", search=search or "")
                ids = _everything(desk, place.pattern, wanted, expected=int(getattr(event, "count", 0)))
            else:
                ids = [str(one) for one in getattr(event, "issues", [])]
            count = desk.decide(ids, verdict, name=name)
        except ChannelmendError as error:
            said = message(str(error), number=number + 1, is_problem=True)
            return (*screen.draw(place, connection, field, search), said, number + 1)
        place = replace(place, last_decided=tuple(ids), issue=_following(place.issue, ids, event))
        said = message(f"{count:,} {_DONE[verdict]}.", number=number + 1, can_undo=True)
        return (*screen.draw(place, connection, field, search), said, number + 1)

    def undo(place: Place, connection: str, field: str, search: str, name: str, number: int) -> tuple[Any, ...]:
        try:
            count = desk.take_back(list(place.last_decided), name=name)
            rest = len(place.last_decided) - count
            words = f"{counted(count, 'issue')} back in the queue."
            words += f" {rest:,} could not be taken back: see Corrected." if rest else ""
            said = message(words, number=number + 1, is_problem=bool(rest))
            place = replace(place, last_decided=())
        except ChannelmendError as error:
            said = message(str(error), number=number + 1, is_problem=True)
        return (*screen.draw(place, connection, field, search), said, number + 1)

    def open_panel(place: Place, event: gr.EventData) -> tuple[Any, ...]:
        ids = [str(one) for one in getattr(event, "issues", [])] or [place.issue]
        rank = int(getattr(event, "rank", 0) or 0)
        return _panel(desk, place, ids if not rank else [place.issue], rank)

    def save_value(
        place: Place, connection: str, field: str, search: str, name: str, number: int, value: str
    ) -> tuple[Any, ...]:
        ids = list(place.to_modify)
        try:
            count = desk.decide(ids, "modified", name=name, value=value)
        except ChannelmendError as error:
            # The value stays in its field: nothing that was typed is lost.
            words = Markup('<p class="cm-refused" role="alert">{}</p>').format(str(error))
            return (*(gr.skip() for _ in screens), gr.skip(), gr.skip(), gr.skip(), words)
        place = replace(place, last_decided=tuple(ids), to_modify=())
        said = message(f"{count:,} {_DONE['modified']}.", number=number + 1, can_undo=True)
        return (*screen.draw(place, connection, field, search), said, number + 1, gr.Group(visible=False), "")

    for one in (connection, field):
        one.input(screen.draw, where, screens, **QUIET)
    search.change(screen.draw, where, screens, trigger_mode="always_last", **QUIET)
    patterns.choose(choose, where, [place, rows, evidence], trigger_mode="always_last", **QUIET)
    patterns.more(more_patterns, where, screens, **QUIET)
    rows.inspect(inspect, place, [place, evidence], trigger_mode="always_last", **QUIET)
    rows.more(more_issues, where, [place, rows, evidence], **QUIET)
    rows.decide(decide, [*where, name, number], [*screens, *telling], **QUIET)
    for opening in (rows.modify, evidence.use):
        opening(open_panel, place, [place, panel, asked, value, refused], **QUIET)
    saving: dict[str, Any] = {
        "fn": save_value,
        "inputs": [*where, name, number, value],
        "outputs": [*screens, *telling, panel, refused],
    }
    save.click(**saving, **QUIET)
    value.submit(**saving, **QUIET)
    cancel.click(lambda: gr.Group(visible=False), None, panel, **QUIET)
    spoken.undo(undo, [*where, name, number], [*screens, *telling], **QUIET)
    renew.renew(screen.draw, where, screens, **QUIET)

    def opened(place: Place, connection: str, field: str, search: str) -> tuple[Any, ...]:
        choices = desk.queue.choices()
        return (
            gr.Dropdown(choices=[("All connections", ""), *((one, one) for one in choices["connection"])]),
            gr.Dropdown(choices=[("All fields", ""), *((one.replace("_", " "), one) for one in choices["field"])]),
            *screen.draw(place, connection, field, search),
        )

    return Tab(place=place, renew=renew, draw=opened, inputs=where, outputs=[connection, field, *screens])


def changed(desk: Desk, place: Place) -> Markup:
    """What to show where the queue differs from what this session has drawn."""
    return renewal(place.drawn, desk.queue.revision())


def _everything(desk: Desk, pattern: str, wanted: Filter, *, expected: int) -> list[str]:
    ids = desk.queue.issue_ids(pattern, wanted)
    if len(ids) != expected:
        raise ChannelmendError(
            f"The pattern has {len(ids):,} suggestions now, not {expected:,}; nothing was decided. Look at it and decide again."
        )
    return ids


def _following(issue: str, decided: list[str], event: gr.EventData) -> str:
    """The issue to look at next: the one after the last decided row, as the reviewer saw the list."""
    if issue not in decided:
        return issue
    order = [str(one) for one in getattr(event, "order", [])]
    place = order.index(issue) if issue in order else -1
    return next((one for one in order[place + 1 :] if one not in decided), "")


def _panel(desk: Desk, place: Place, ids: list[str], rank: int) -> tuple[Any, ...]:
    """Open the field for an own value, filled with the suggestion to start from where it may be shown."""
    issue = desk.queue.issue(ids[0]) if ids else None
    if issue is None:
        return place, gr.skip(), gr.skip(), gr.skip(), gr.skip()
    start = "" if is_personal(issue["kind"], issue["field"]) else (issue["suggested"] or issue["observed"])
    if rank:
        found = desk.workspace.suggestions(ids[0])
        start = next((row["value"] for row in found.iter_rows(named=True) if row["rank"] == rank), start)
    many = counted(len(ids), "issue") if len(ids) > 1 else "this issue"
    words = Markup("<p><b>Your own value for {}</b></p>").format(many)
    return replace(place, to_modify=tuple(ids)), gr.Group(visible=True), words, start, ""
