"""The tab of connections: which accounts there are and how their last run went; test one, sync one, add one.

The form is the platform's own description: its fields, where to find them, and what older guides name in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from markupsafe import Markup

from engine.workspace import CredentialField, Platform, is_expected
from ui.desk import Desk
from ui.views import QUIET
from ui.views.pieces import age, chip, counted, empty_state
from ui.views.summary import message

__all__ = ["connection_list", "connections_tab", "instructions"]

_ROW = Markup("<tr><th><b>{}</b><span>{}</span></th><td>{}<span>{}</span></td><td>{}{}</td></tr>")
_TABLE = Markup(
    '<table class="cm-connections"><thead><tr><th>Connection</th><th>Last run</th><th>What it did</th></tr></thead>'
    "<tbody>{}</tbody></table>"
)
_SHOWN = {
    "products": "product",
    "orders": "order",
    "issues": "new issue",
    "auto_corrected": "automatic correction",
    "verified": "verified correction",
    "failed": "failed correction",
    "requests": "request",
}
_TONES = {"done": "good", "running": "quiet", "failed": "bad"}


def connection_list(
    connections: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]], titles: Mapping[str, str]
) -> Markup:
    """Connections with their last run, by name.

    Parameters
    ----------
    connections, runs : sequence of mapping
        Rows of `Workspace.connections` and `Workspace.runs` (newest first).
    titles : mapping of str to str
        Platform to its title.
    """
    if not connections:
        return empty_state("No account yet", "Choose a platform below; its form says where to find what it needs.")
    last: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        last.setdefault(run["connection"], run)
    rows = Markup("").join(
        _row(one, last.get(one["name"]), titles.get(one["platform"], one["platform"])) for one in connections
    )
    return _TABLE.format(rows)


def instructions(platform: Platform) -> Markup:
    """What a merchant does at the platform, step by step, and what older guides name that is no longer used."""
    steps = Markup("").join(Markup("<li>{}</li>").format(step) for step in platform.setup)
    old = Markup("").join(
        Markup("<li><s>{}</s> {}</li>").format(one.label, one.replaced_by)
        for one in platform.credentials
        if one.replaced_by
    )
    notes = Markup("").join(Markup("<li>{}</li>").format(note) for note in platform.notes)
    parts = [
        Markup('<p><a href="{}" target="_blank" rel="noreferrer">{}</a></p>').format(platform.docs, platform.docs),
        Markup("<h4>Where to find it</h4><ol>{}</ol>").format(steps) if steps else Markup(""),
        Markup("<h4>No longer used</h4><ul>{}</ul>").format(old) if old else Markup(""),
        Markup("<h4>Good to know</h4><ul>{}</ul>").format(notes) if notes else Markup(""),
    ]
    return Markup('<div class="cm-wizard">{}</div>').format(Markup("").join(parts))


def connections_tab(desk: Desk, *, tab: gr.Tab, name: gr.Textbox, spoken: gr.HTML, number: gr.State) -> None:
    """Fill the tab and connect it; to be called within it.

    Parameters
    ----------
    name : gradio.Textbox
        The user's name.
    spoken : gradio.HTML
        Where messages are shown.
    number : gradio.State
        Number of the last message.
    """
    known = {one.title: one for one in desk.workspace.platforms().values()}
    with gr.Row(elem_classes="cm-filters"):
        chosen = gr.Dropdown([], label="Connection", container=False)
        test = gr.Button("Test", elem_id="test-connection")
        sync = gr.Button("Sync now", variant="primary", elem_id="sync-connection")
    rows = gr.HTML(elem_id="connections", apply_default_css=False)
    gr.HTML(
        Markup('<h3 class="cm-section">Add an account, or replace the credentials of one</h3>'), apply_default_css=False
    )
    with gr.Row(elem_classes="cm-filters"):
        platform = gr.Dropdown(list(known), label="Platform", container=False, elem_id="wizard-platform")
        account = gr.Textbox(
            placeholder="Your name for it, such as fr-shop", show_label=False, container=False, max_lines=1
        )

    def drawn() -> Markup:
        titles = {one.name: title for title, one in known.items()}
        return connection_list(desk.workspace.connections().to_dicts(), desk.workspace.runs(count=500), titles)

    def opened() -> tuple[Any, ...]:
        names = desk.workspace.connections().to_series(0).to_list()
        return gr.Dropdown(choices=names, value=names[0] if names else None), drawn()

    def told(number: int, work: Callable[[], str]) -> tuple[Any, ...]:
        try:
            return message(work(), number=number + 1), number + 1
        except Exception as error:
            if not is_expected(error):
                raise
            return message(str(error), number=number + 1, is_problem=True), number + 1

    def tested(chosen: str | None, number: int) -> tuple[Any, ...]:
        def work() -> str:
            answer = desk.workspace.check(chosen or "")
            words = " ".join(answer.messages)
            return f"{chosen}: {'' if answer.ok else 'not usable. '}{words}"

        return told(number, work)

    def synced(chosen: str | None, number: int) -> tuple[Any, ...]:
        def work() -> str:
            run = desk.workspace.sync(chosen or "")
            return f"{chosen}: {_did(run.counts)}"

        return (*told(number, work), drawn())

    tab.select(opened, None, [chosen, rows], **QUIET)
    test.click(tested, [chosen, number], [spoken, number], **QUIET)
    sync.click(synced, [chosen, number], [spoken, number, rows], **QUIET)

    @gr.render(inputs=[platform], triggers=[platform.change], show_progress="hidden")
    def form(title: str | None) -> None:
        if title not in known:
            return
        described = known[title]
        fields = [one for one in described.credentials if not one.replaced_by]
        with gr.Row(elem_classes="cm-form"):
            with gr.Column():
                boxes = [_box(one) for one in fields]
                store = gr.Button("Store and test", variant="primary", elem_id="store-connection")
            gr.HTML(instructions(described), apply_default_css=False)

        def stored(account: str, by: str, number: int, *typed: str) -> tuple[Any, ...]:
            def work() -> str:
                given = {one.name: value.strip() for one, value in zip(fields, typed, strict=True) if value.strip()}
                warnings = desk.workspace.connect(
                    described.name, name=account.strip() or described.name, credentials=given, by=by or "page"
                )
                answer = desk.workspace.check(account.strip() or described.name)
                return " ".join([*warnings, "Stored." if answer.ok else "Stored, but not usable.", *answer.messages])

            said, following = told(number, work)
            choice, table = opened()
            return said, following, choice, table

        store.click(stored, [account, name, number, *boxes], [spoken, number, chosen, rows], **QUIET)


def _box(one: CredentialField) -> gr.Textbox:
    label = one.label if one.required else f"{one.label} (optional)"
    return gr.Textbox(
        label=label,
        info=one.help,
        value=one.default,
        type="password" if one.secret else "text",
        max_lines=1,
        elem_id=f"credential-{one.name}",
    )


def _row(one: Mapping[str, Any], run: Mapping[str, Any] | None, title: str) -> Markup:
    if run is None:
        return _ROW.format(one["name"], title, chip("not yet"), "", Markup(""), Markup(""))
    problem = Markup('<p class="cm-reason">{}</p>').format(run["error"]) if run["error"] else Markup("")
    return _ROW.format(
        one["name"],
        title,
        chip(run["status"], _TONES.get(run["status"], "quiet")),
        f"{run['job']}, {age(run['started_at'])}",
        _did(run["counts"]),
        problem,
    )


def _did(counts: Mapping[str, Any]) -> str:
    found = [counted(int(counts[name]), word) for name, word in _SHOWN.items() if counts.get(name)]
    return ", ".join(found) or "nothing new"
