"""The address that platforms send their events to: ``/hooks/<connection>``, and nothing else.

It has a port of its own, apart from the review page, because it must be reachable from outside. What it takes is checked
and kept by `engine.hooks`; a thread works on it every few seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from engine import Workspace
from engine.hooks import LARGEST, Delivery, Reply
from ui.serving import serving

__all__ = ["application", "open_events"]

_EVERY_S = 5.0


def application(workspace: Workspace) -> Starlette:
    """The web application that takes events.

    Parameters
    ----------
    workspace : Workspace
        Its setting ``public_address`` is where the platforms find it.
    """

    async def take(request: Request) -> Response:
        body = b""
        try:
            async for part in request.stream():
                body += part
                if len(body) > LARGEST:
                    return Response("The event is too large.", 413)
        except ClientDisconnect:
            return Response(status_code=400)
        name = request.path_params["connection"]
        base = workspace.settings.public_address.rstrip("/") or str(request.base_url).rstrip("/")
        delivery = Delivery(
            request.method, f"{base}/hooks/{name}", dict(request.query_params), dict(request.headers), body
        )
        reply: Reply = await run_in_threadpool(workspace.receive, name, delivery)
        return Response(reply.body, reply.status, media_type=reply.content_type)

    return Starlette(routes=[Route("/hooks/{connection}", take, methods=["GET", "POST"])])


@contextmanager
def open_events(
    workspace: Workspace,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    every_s: float = _EVERY_S,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[str]:
    """The running address; gives it, and works on what arrives every few seconds.

    Raises
    ------
    ConfigError
        When the port is taken, or the server does not start.
    """
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(every_s):
            for name in workspace.waiting_events():
                say(workspace.handle_events_calmly(name))

    worker = threading.Thread(target=work, name="events", daemon=True)
    with serving(application(workspace), host=host, port=port, name="address for events") as address:
        worker.start()
        try:
            yield address
        finally:
            ended.set()
            worker.join(timeout=30)
