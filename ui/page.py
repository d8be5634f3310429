"""The review page as a running server: it loads nothing from outside, and its browser is told to refuse what would.

The page is served by its own ASGI server in a thread of this process, so that one command can serve the page and run
the demo. Who may reach it is the business of the proxy in front of it; by default it listens on loopback only.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastapi
import gradio as gr
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine import Workspace
from ui.desk import Desk
from ui.pushing import GRACE_S
from ui.serving import LOOPBACK, serving
from ui.views import QUIET
from ui.views.connections import connections_tab
from ui.views.corrected import corrected_tab
from ui.views.replay import replay_tab
from ui.views.review import Place, changed, review_tab
from ui.views.rulebook import rules_tab
from ui.views.summary import figure_line

__all__ = ["build", "open_page"]

_HERE = Path(__file__).parent
_REFRESH_S = 5.0
_SYSTEM_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif")

# Gradio compiles its templates in the browser, hence the two 'unsafe' words; every value of ours is escaped before.
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Headers:
    """Adds the security headers to every answer without touching its body, so that event streams stay streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in _HEADERS.items()),
                ]
            await send(message)

        await self._app(scope, receive, add if scope["type"] == "http" else send)


def build(desk: Desk) -> gr.Blocks:
    """The page as Gradio blocks, not yet served."""
    with gr.Blocks(title="Channelmend", analytics_enabled=False, fill_width=True) as blocks:
        # The secret only scrambles a name in the reviewer's own browser; it is fixed so that a restart does not lose it.
        kept = gr.BrowserState("", storage_key="channelmend-reviewer", secret="channelmend")
        number, told = gr.State(0), gr.State(-1)
        with gr.Row(elem_id="top"):
            figures = gr.HTML(elem_id="figures", apply_default_css=False)
            name = gr.Textbox(
                placeholder="Your name", show_label=False, container=False, max_lines=1, elem_id="reviewer"
            )
        spoken = gr.HTML(
            elem_id="spoken", apply_default_css=False, js_on_load="channelmend.spoken(element, trigger, ['undo'])"
        )
        with gr.Tab("Review"):
            review = review_tab(desk, name=name, spoken=spoken, number=number)
        with gr.Tab("Corrected") as corrected:
            corrected_tab(desk, tab=corrected, name=name, spoken=spoken, number=number)
        with gr.Tab("Replay") as past:
            replay_tab(desk, tab=past)
        with gr.Tab("Rules") as rules:
            rules_tab(desk, tab=rules)
        with gr.Tab("Connections") as connections:
            connections_tab(desk, tab=connections, name=name, spoken=spoken, number=number)

        def tick(place: Place, told: int, shown: str) -> tuple[Any, ...]:
            notices = desk.pusher.notices(after=told) if told >= 0 else []
            for notice in notices:
                gr.Warning(html.escape(notice.text), duration=12, title="Not sent")
            newest = notices[-1].number if notices else max(told, desk.pusher.newest)
            line = figure_line(desk.queue.counts(), desk.figures.latest())
            return gr.skip() if line == shown else line, changed(desk, place), newest

        ticking: dict[str, Any] = {
            "fn": tick,
            "inputs": [review.place, told, figures],
            "outputs": [figures, review.renew, told],
        }
        blocks.load(review.draw, review.inputs, review.outputs, **QUIET).then(**ticking, **QUIET)
        blocks.load(lambda stored: stored, kept, name, **QUIET)
        name.change(lambda typed: typed, name, kept, **QUIET)
        gr.Timer(_REFRESH_S).tick(**ticking, **QUIET)
    return blocks.queue(default_concurrency_limit=8)


@contextmanager
def open_page(
    workspace: Workspace, *, port: int = 7860, host: str = "127.0.0.1", grace_s: float = GRACE_S
) -> Iterator[str]:
    """The running page; gives its address and closes it at the end, after what was decided has been sent.

    Parameters
    ----------
    workspace : Workspace
    port : int
        0 takes a free one.
    host : str
        Address to listen on. Only on loopback is the name in a request checked; elsewhere a proxy must do so.
    grace_s : float
        Seconds between a decision and its push, in which a slip can be taken back.

    Raises
    ------
    ConfigError
        When the port is taken, or the page does not start.
    """
    desk = Desk(workspace, grace_s=grace_s)
    try:
        with serving(_application(desk, host), host=host, port=port, name="review page") as address:
            desk.warm_up()
            yield address
    finally:
        desk.close()


def _application(desk: Desk, host: str) -> ASGIApp:
    application = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    if host in LOOPBACK:
        # A foreign page that has its own name resolve to loopback must not be able to decide here.
        application.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK))
    theme = gr.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        spacing_size="sm",
        radius_size="md",
        font=_SYSTEM_FONTS,
        font_mono=("ui-monospace", "DejaVu Sans Mono", "monospace"),
    )
    # Through `css=` Gradio would rewrite the rules and lose those about containers.
    style, script = ((_HERE / name).read_text("utf-8") for name in ("theme.css", "page.js"))
    mounted = gr.mount_gradio_app(
        application,
        build(desk),
        path="",
        theme=theme,
        head=f"<style>{style}</style><script>{script}</script>",
        footer_links=[],
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
    )
    return Headers(mounted)
