"""A web application served from a thread, for the length of a ``with`` block: the review page and the address for events."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from engine.errors import ConfigError

__all__ = ["LOOPBACK", "serving"]

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
"""Names of this machine itself, as they stand in a request."""

_START_S = 30.0


@contextmanager
def serving(application: ASGIApp, *, host: str, port: int, name: str) -> Iterator[str]:
    """The running application; gives its address and stops it at the end.

    Parameters
    ----------
    application : ASGI application
    host : str
        Address to listen on.
    port : int
        0 takes a free one.
    name : str
        What it is, for messages.

    Raises
    ------
    ConfigError
        When the port is taken, or the application does not start.
    """
    listener = _listen(host, port, name)
    address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/"
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name=name, daemon=True)
    thread.start()
    try:
        started = time.monotonic()
        while not server.started:
            if not thread.is_alive() or time.monotonic() - started > _START_S:
                raise ConfigError(f"The {name} did not start at {address} within {_START_S:.0f} s; see the log.")
            time.sleep(0.02)
        yield address
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def _listen(host: str, port: int, name: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"The {name} cannot listen on {host}:{port}: {error.strerror}. Choose another port; 0 takes a free one."
        ) from None
    listener.listen(128)
    return listener
