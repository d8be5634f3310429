"""The review page: what waits for a person, with the evidence; what was corrected, with the way back; the rules."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1")

import gradio as gr
import polars as pl

from engine import Workspace
from engine.errors import ChannelmendError
from engine.types import Status
from ui import render

__all__ = ["open_page"]

_SHOWN = 100
"""Issues of a pattern and corrections shown at once."""
_EVERYWHERE = "all connections"
_CLICK = "element.addEventListener('click', e => { const one = e.target.closest('[data-id]'); if (one) trigger('click', {id: one.dataset.id}); });"
_KEYS = """
<script>
document.addEventListener('keydown', e => {
  if (e.target.matches('input, textarea') || e.ctrlKey || e.metaKey || e.altKey) return;
  const rows = [...document.querySelectorAll('#issues .issue')], at = rows.findIndex(r => r.classList.contains('chosen'));
  if (e.key === 'j' && rows[at + 1]) rows[at + 1].click();
  if (e.key === 'k' && at > 0) rows[at - 1].click();
  if (e.key === 'a') document.querySelector('#approve')?.click();
  if (e.key === 'r') document.querySelector('#reject')?.click();
});
</script>
"""


class Pusher:
    """Pushes corrections in the background, one connection after the other; what fails stays in the outbox."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="push")
        self._lock = threading.Lock()
        self._waiting: set[str] = set()
        self.trouble = ""

    def ask(self, connections: set[str]) -> None:
        """Push these connections soon; one that waits already is not added again."""
        with self._lock:
            for name in connections - self._waiting:
                self._waiting.add(name)
                self._pool.submit(self._push, name)

    def close(self) -> None:
        """Finish what has begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _push(self, name: str) -> None:
        with self._lock:
            self._waiting.discard(name)
        try:
            self._workspace.push(name)
            self.trouble = ""
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the page must say it and go on
            self.trouble = f"Corrections of {name} wait in the outbox: {error}"


class Page:
    """What the page shows and does; one for all visitors, their choices are in the browser's session."""

    def __init__(self, workspace: Workspace, pusher: Pusher) -> None:
        self._workspace = workspace
        self._pusher = pusher

    def figures(self) -> str:
        """See `render.figures`."""
        counted = dict(self._workspace.count_issues().iter_rows())
        found = dict(self._workspace.metrics().select("metric", "value").iter_rows())
        return render.figures(
            found, counted.get(Status.PENDING, 0), counted.get(Status.AUTO_CORRECTED, 0), self._pusher.trouble
        )

    def patterns(self, connection: str, search: str, chosen: str | None) -> str:
        """See `render.patterns`."""
        found = self._workspace.patterns(connection=None if connection == _EVERYWHERE else connection)
        if words := search.casefold().split():
            text = pl.concat_str("field", "rule_id", "channel", "description", separator=" ").str.to_lowercase()
            found = found.filter(pl.all_horizontal(text.str.contains(word, literal=True) for word in words))
        # What a click can settle comes first.
        found = found.sort(pl.col("confidence").is_null(), -pl.col("count").cast(pl.Int64), "pattern_id")
        return render.patterns(found, chosen)

    def rows(self, connection: str, pattern: str | None, chosen: str | None) -> str:
        """See `render.rows`."""
        found = self._waiting(connection, pattern)
        described = self._workspace.patterns().filter(pl.col("pattern_id") == (pattern or ""))
        text = described["description"].first() if described.height else ""
        return render.rows(found.head(_SHOWN), chosen, total=found.height, description=str(text or ""))

    def evidence(self, issue_id: str | None) -> str:
        """See `render.evidence`."""
        if not issue_id:
            return "<div class=calm>Choose an issue to see why.</div>"
        workspace = self._workspace
        issue = workspace.issue(issue_id)
        rule = next((one for one in workspace.rules(issue["channel"]) if one.id == issue["rule_id"]), None)
        return render.evidence(
            issue,
            workspace.suggestions(issue_id),
            workspace.record(issue_id),
            workspace.similar_decisions(issue_id),
            rule,
        )

    def corrections(self) -> str:
        """See `render.corrections`."""
        return render.corrections(self._workspace.corrections(limit=_SHOWN))

    def decide(self, issue_ids: list[str], verdict: str, by: str, value: str | None = None) -> str:
        """Decide and have it pushed; gives what to tell the reviewer.

        Raises
        ------
        gradio.Error
            With the engine's own words when the decision cannot be made.
        """
        if not by.strip():
            raise gr.Error("Say who you are first: the name stands beside every decision.", title="Your name")
        if not issue_ids:
            raise gr.Error("Choose an issue first.", title="Nothing chosen")
        try:
            count = self._workspace.decide(issue_ids, verdict, by=by.strip(), value=value)
        except ChannelmendError as error:
            raise gr.Error(render.escaped(error), title="Not decided") from error
        if verdict != "rejected":
            self._pusher.ask({self._workspace.issue(one)["connection"] for one in issue_ids})
        return f"{count} {verdict}"

    def undo(self, correction_id: str, by: str) -> None:
        """Take one correction back."""
        if not by.strip():
            raise gr.Error("Say who you are first: the name stands beside every decision.", title="Your name")
        known = self._workspace.corrections().filter(pl.col("correction_id") == correction_id)
        try:
            self._workspace.undo([correction_id], by=by.strip())
        except ChannelmendError as error:
            raise gr.Error(render.escaped(error), title="Not undone") from error
        self._pusher.ask(set(known["connection"]))

    def suggested(self, connection: str, pattern: str | None) -> list[str]:
        """Pending issues of the pattern that have a suggestion."""
        return self._waiting(connection, pattern).drop_nulls("suggested")["issue_id"].to_list()

    def next_after(self, connection: str, pattern: str | None, decided: str | None) -> str | None:
        """The issue to look at when one is decided."""
        found = self._waiting(connection, pattern)["issue_id"].to_list()
        return next((one for one in found if one != decided), None)

    def _waiting(self, connection: str, pattern: str | None) -> pl.DataFrame:
        name = None if connection == _EVERYWHERE else connection
        return self._workspace.issues(status=Status.PENDING, connection=name, pattern_id=pattern or "none")


def build(workspace: Workspace, pusher: Pusher) -> gr.Blocks:
    """The page as Gradio blocks, not yet launched."""
    page = Page(workspace, pusher)
    names = [_EVERYWHERE, *workspace.connections()["name"]]
    channels = workspace.connections()["channel"].unique().sort().to_list()
    with gr.Blocks(title="Channelmend", analytics_enabled=False, fill_width=True) as blocks:
        pattern, issue, remembered = (
            gr.State(None),
            gr.State(None),
            gr.BrowserState("", storage_key="channelmend-reviewer"),
        )
        with gr.Row(equal_height=True, elem_classes="title"):
            gr.HTML("<h1>Channelmend</h1>", padding=False)
            reviewer = gr.Textbox(
                placeholder="Your name", show_label=False, container=False, elem_id="reviewer", max_lines=1
            )
        top = gr.HTML(elem_classes="panel", elem_id="figures")
        with gr.Tab("Waiting for you"):
            with gr.Row():
                connection = gr.Dropdown(
                    names, value=_EVERYWHERE, show_label=False, container=False, elem_id="connection"
                )
                search = gr.Textbox(
                    placeholder="Search field, rule or channel",
                    show_label=False,
                    container=False,
                    elem_id="search",
                    max_lines=1,
                )
            with gr.Row():
                with gr.Column(scale=3, min_width=280):
                    cards = gr.HTML(js_on_load=_CLICK, elem_classes="panel", elem_id="patterns")
                with gr.Column(scale=6, min_width=340):
                    with gr.Row():
                        approve_all = gr.Button("Approve all", variant="primary", size="sm", elem_id="approve-all")
                        reject_all = gr.Button("Reject all", size="sm", elem_id="reject-all")
                    lines = gr.HTML(js_on_load=_CLICK, elem_classes="panel", elem_id="issues")
                with gr.Column(scale=4, min_width=300):
                    with gr.Row():
                        approve = gr.Button("Approve", variant="primary", size="sm", elem_id="approve")
                        reject = gr.Button("Reject", size="sm", elem_id="reject")
                    with gr.Row():
                        value = gr.Textbox(
                            placeholder="The right value",
                            show_label=False,
                            container=False,
                            elem_id="value",
                            scale=3,
                            max_lines=4,
                        )
                        modify = gr.Button("Use this", size="sm", elem_id="modify", scale=1, min_width=80)
                    why = gr.HTML(elem_classes=["panel", "evidence"], elem_id="evidence")
        with gr.Tab("Corrected") as corrected:
            done = gr.HTML(js_on_load=_CLICK, elem_classes="panel", elem_id="corrections")
        with gr.Tab("Rules"):
            channel = gr.Dropdown(
                channels, value=channels[0] if channels else None, show_label=False, container=False, elem_id="channel"
            )
            gr.HTML(
                lambda name: render.rules(workspace.rules(name)) if name else "",
                inputs=channel,
                elem_classes="panel",
                elem_id="rules",
            )
        shown = [top, cards, lines, why, pattern, issue]

        def show(connection: str, search: str, pattern: str | None, issue: str | None) -> tuple[Any, ...]:
            return (
                page.figures(),
                page.patterns(connection, search, pattern),
                page.rows(connection, pattern, issue),
                page.evidence(issue),
                pattern,
                issue,
            )

        def choose_pattern(connection: str, search: str, event: gr.EventData) -> tuple[Any, ...]:
            chosen = str(event._data["id"])  # noqa: SLF001 - the only place where Gradio keeps it
            return show(connection, search, chosen, page.next_after(connection, chosen, None))

        def choose_issue(connection: str, search: str, pattern: str, event: gr.EventData) -> tuple[Any, ...]:
            return show(connection, search, pattern, str(event._data["id"]))  # noqa: SLF001

        def decided(verdict: str, everything: bool = False, own: bool = False) -> Any:
            def act(
                connection: str, search: str, pattern: str | None, issue: str | None, by: str, value: str
            ) -> tuple[Any, ...]:
                chosen = page.suggested(connection, pattern) if everything else [issue] if issue else []
                gr.Info(page.decide(chosen, verdict, by, value if own else None), duration=3)
                following = page.next_after(connection, pattern, None if everything else issue)
                return (*show(connection, search, pattern if following else None, following), "")

            return act

        def undo(by: str, event: gr.EventData) -> str:
            page.undo(str(event._data["id"]), by)  # noqa: SLF001
            gr.Info("Taken back; the former value returns to the platform.", duration=3)
            return page.corrections()

        where = [connection, search]
        blocks.load(show, [*where, pattern, issue], shown).then(lambda name: name, remembered, reviewer)
        reviewer.change(lambda name: name, reviewer, remembered)
        gr.on([connection.change, search.change], show, [*where, pattern, issue], shown)
        cards.click(choose_pattern, where, shown)
        lines.click(choose_issue, [*where, pattern], shown)
        acting = [*where, pattern, issue, reviewer, value]
        for button, act in (
            (approve, decided("approved")),
            (reject, decided("rejected")),
            (modify, decided("modified", own=True)),
            (approve_all, decided("approved", everything=True)),
            (reject_all, decided("rejected", everything=True)),
        ):
            button.click(act, acting, [*shown, value], show_progress="hidden")
        corrected.select(page.corrections, None, done)
        done.click(undo, reviewer, done)
        gr.Timer(10).tick(page.figures, None, top, show_progress="hidden")
    return blocks


@contextmanager
def open_page(workspace: Workspace, *, port: int = 7860, host: str = "127.0.0.1") -> Iterator[str]:
    """The running page; gives its address and closes it at the end.

    Raises
    ------
    OSError
        When the port is taken.
    """
    pusher = Pusher(workspace)
    blocks = build(workspace, pusher)
    theme = gr.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
        radius_size="md",
        spacing_size="sm",
    )
    _, address, _ = blocks.queue(default_concurrency_limit=8).launch(
        server_name=host,
        server_port=port or _free_port(host),
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        show_error=False,
        theme=theme,
        css_paths=Path(__file__).with_name("style.css"),
        head=_KEYS,
        footer_links=[],
        ssr_mode=False,
    )
    try:
        yield address
    finally:
        blocks.close(verbose=False)
        pusher.close()


def _free_port(host: str) -> int:
    import socket

    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])
