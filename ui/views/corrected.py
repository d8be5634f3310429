"""The tab of what was corrected, by the product itself and by people, with the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
import polars as pl
from markupsafe import Markup

from engine.errors import ChannelmendError
from ui.desk import Desk
from ui.views import QUIET
from ui.views.difference import difference
from ui.views.pieces import age, confidence_bar, empty_state, name_of, short_key, status_chip
from ui.views.summary import message

__all__ = ["corrected_tab", "correction_list"]

_SHOWN = 100
_ALL = ""
_UNDOABLE = ("written", "sent", "verified", "manual")
_STATES = ("verified", "written", "sent", "failed", "conflict", "undone", "manual")
_BY_WHOM = {"": None, "automatic": True, "people": False}

_ROW = Markup(
    '<tr data-correction="{}"><td class="cm-check">{}</td><td class="cm-record"><span class="cm-name">{}</span>'
    '<span class="cm-key">{} · {}</span></td><td class="cm-change">{}{}</td><td class="cm-sure">{}</td>'
    '<td class="cm-state">{}<span class="cm-key">{}, {}</span></td></tr>'
)
_TABLE = Markup(
    '<section class="cm-issues"><table class="cm-rows"><thead><tr><th class="cm-check"><input type="checkbox" data-all '
    'aria-label="select all"></th><th>Record</th><th>Before → after</th><th>Confidence</th><th>State</th></tr></thead>'
    "<tbody>{}</tbody></table>{}"
    '<div class="cm-bar"><div class="cm-usual"><button type="button" class="cm-button cm-primary" data-takeback disabled>'
    'Undo <span data-scope></span></button><span class="cm-quiet">The former value returns to the channel, and what was '
    "learned from it is unlearned.</span></div></div></section>"
)


def correction_list(found: pl.DataFrame, *, limit: int) -> Markup:
    """Corrections as a table; those that can be undone can be chosen.

    Parameters
    ----------
    found : polars.DataFrame
        Schema `engine.store.outbox.OUTBOX`, newest first.
    limit : int
        Rows asked for; when as many came, more are offered.
    """
    if found.is_empty():
        return empty_state(
            "Nothing here yet", "Corrections appear here once somebody approves one, or once one is automatic."
        )
    rows = Markup("").join(_row(row) for row in found.iter_rows(named=True))
    more = Markup('<button type="button" class="cm-button cm-wide" data-more>Show more</button>')
    return _TABLE.format(rows, more if found.height >= limit else Markup(""))


def corrected_tab(desk: Desk, *, tab: gr.Tab, name: gr.Textbox, spoken: gr.HTML, number: gr.State) -> None:
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
    with gr.Row(elem_classes="cm-filters"):
        connection = gr.Dropdown([("All connections", _ALL)], value=_ALL, label="Connection", container=False)
        by_whom = gr.Dropdown(
            [("By anybody", ""), ("Automatic", "automatic"), ("By people", "people")],
            value="",
            label="By whom",
            container=False,
        )
        status = gr.Dropdown(
            [("Any state", _ALL), *((one, one) for one in _STATES)], value=_ALL, label="State", container=False
        )
    limit = gr.State(_SHOWN)
    rows = gr.HTML(
        elem_id="corrections",
        js_on_load="channelmend.corrections(element, trigger, watch, ['undo', 'more'])",
        apply_default_css=False,
    )
    filters = [connection, by_whom, status]

    def drawn(connection: str, by_whom: str, status: str, limit: int) -> Markup:
        found = desk.queue.corrections(
            connection=connection, status=status, is_automatic=_BY_WHOM.get(by_whom), limit=limit
        )
        return correction_list(found, limit=limit)

    def opened(connection: str, by_whom: str, status: str) -> tuple[Any, ...]:
        names = desk.workspace.connections()["name"].to_list()
        choices = gr.Dropdown(choices=[("All connections", _ALL), *((one, one) for one in names)])
        return choices, drawn(connection, by_whom, status, _SHOWN), _SHOWN

    def filtered(connection: str, by_whom: str, status: str) -> tuple[Any, ...]:
        return drawn(connection, by_whom, status, _SHOWN), _SHOWN

    def longer(connection: str, by_whom: str, status: str, limit: int) -> tuple[Any, ...]:
        return drawn(connection, by_whom, status, limit + _SHOWN), limit + _SHOWN

    def undo(
        name: str, number: int, connection: str, by_whom: str, status: str, limit: int, event: gr.EventData
    ) -> tuple[Any, ...]:
        wanted = [str(one) for one in getattr(event, "corrections", [])]
        try:
            count = desk.undo(wanted, name=name)
            said = message(f"{count:,} undone; the former values are being sent.", number=number + 1)
        except ChannelmendError as error:
            said = message(str(error), number=number + 1, is_problem=True)
        return drawn(connection, by_whom, status, limit), said, number + 1

    tab.select(opened, filters, [connection, rows, limit], **QUIET)
    for one in filters:
        one.input(filtered, filters, [rows, limit], **QUIET)
    rows.more(longer, [*filters, limit], [rows, limit], **QUIET)
    rows.undo(undo, [name, number, *filters, limit], [rows, spoken, number], **QUIET)


def _row(row: Mapping[str, Any]) -> Markup:
    check = Markup("")
    if row["status"] in _UNDOABLE:
        check = Markup('<input type="checkbox" aria-label="select {}">').format(short_key(row["record_key"]))
    words = Markup('<p class="cm-reason">{}</p>').format(row["message"]) if row["message"] else Markup("")
    return _ROW.format(
        row["correction_id"],
        check,
        name_of(row["field"]),
        short_key(row["record_key"]),
        row["connection"],
        difference(row["before"], row["after"], short=True),
        words,
        confidence_bar(row["confidence"])
        if row["confidence"] is not None
        else Markup('<span class="cm-quiet">–</span>'),
        status_chip(row["status"]),
        "automatic" if row["is_automatic"] else row["written_by"],
        age(row["written_at"]),
    )
