"""What every offline twin shares: a real HTTP server on the loopback address, faults on demand, and a log.

A twin is stateful and answers as the platform would, so a connector talks to it over real sockets, with nothing
patched. The platform's own behaviour lives in a subclass, which turns one `Incoming` into one `Answer`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import pkgutil
import random
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Self, TypeVar, cast

import polars as pl
import uvicorn
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from connectors.sandbox.catalogue import Catalogue, make_catalogue

__all__ = ["FAULTS", "Answer", "Exchange", "Incoming", "State", "Twin", "serve", "twins"]

Row = TypeVar("Row")

FAULTS = (
    "429",
    "429-no-advice",
    "500",
    "hang",
    "html",
    "half-json",
    "401",
    "truncated",
    "expired-token",
    "duplicate-page",
    "missing-page",
)
"""What `Twin.fault` can cause. ``half-json`` and ``truncated`` do the work first and spoil only the answer, as a
proxy that dies would; ``expired-token`` forgets every access token that was given out; ``duplicate-page`` gives the rows
of the page before once more, ``missing-page`` gives a later page without its rows, as a list that is read from a cold
cache does; the others answer before anything is done. See also `Twin.skew`."""

_HANG_LIMIT_S = 120.0
_PAGES = ("duplicate-page", "missing-page")
_STATUS = {"429": 429, "429-no-advice": 429, "500": 500, "html": 200}
_PAGE = "<!DOCTYPE html><html><head><title>One moment, please</title></head><body><h1>Checking your browser</h1></body></html>"


@dataclass(frozen=True)
class Incoming:
    """One request: ``path`` as it came (percent-encoded), ``query`` keeps order and repeats, header names are lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """An answer of JSON text."""
        content = json.dumps(value, ensure_ascii=False, default=instant).encode()
        return cls(status, content, {"content-type": "application/json; charset=UTF-8", **(headers or {})})


@dataclass(frozen=True)
class Exchange:
    """A request and its answer as they went over the wire; ``fault`` names what spoilt it, empty for an honest one."""

    twin: str
    request: Incoming
    answer: Answer
    fault: str


class State(ABC):
    """Everything a twin stores. All methods may be called from any thread."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.lock = threading.RLock()
        self._clock = clock

    def now(self) -> datetime:
        """The twin's time, whole seconds, UTC."""
        return self._clock().astimezone(UTC).replace(microsecond=0)

    @abstractmethod
    def add(self, catalogue: Catalogue, *, at: datetime | None = None) -> None:
        """Let a delivery arrive in the shop, with everything changed at that time (None: now)."""

    @abstractmethod
    def edit(self, record_key: str, field: str, value: str) -> None:
        """A change made by somebody else in the shop's own admin pages.

        Parameters
        ----------
        record_key : str
            As the platform's connector names the record.
        field : str
            Canonical field.
        value : str
            In canonical form (grams, plain decimals; ``images`` as a JSON list).

        Raises
        ------
        KeyError
            When there is no such record or the shop has no such field.
        """

    @abstractmethod
    def dump(self) -> dict[str, Any]:
        """Everything stored, as plain JSON values; equal states give equal dumps."""

    def awaiting(self, step: str) -> list[str]:
        """Record keys of the orders that wait for a step: ``acceptance`` or ``shipment``."""
        return []

    def parcels(self) -> list[tuple[str, str]]:
        """Order and tracking number of every parcel that was told of, in their order."""
        return []

    @abstractmethod
    def truth(self) -> pl.DataFrame:
        """The faults that were put in and that this platform can hold: schema `connectors.sandbox.defects.TRUTH`, with ``record`` (the record key
        of the platform's connector) and the values as that platform shows them."""


class _PromptServer(uvicorn.Server):
    """A server that leaves when it is told to: uvicorn's own looks every tenth of a second, and rests as long before it goes."""

    _loop: asyncio.AbstractEventLoop | None = None
    _told: asyncio.Event

    def leave(self) -> None:
        """Stop answering; to be called from another thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        """Wait to be told, with uvicorn's care once a second."""
        self._told, self._loop = asyncio.Event(), asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), timeout=1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the port, let answers that are being written end for a second, and break off the others."""
        for listening in [*self.servers, *(sockets or ())]:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            _, late = await asyncio.wait(self.server_state.tasks, timeout=1)
            for task in late:
                task.cancel()


class Twin(ABC):
    """An offline platform. Subclasses set `name` and write `answer`.

    Parameters
    ----------
    catalogue : Catalogue or None
        What the shop sells at the start; None makes the demo catalogue from `seed`.
    seed : int
    port : int
        0 takes a free one.
    clock : callable
        ``clock() -> datetime``, aware.
    """

    name: ClassVar[str]
    state: State
    absent_key: ClassVar[str] = "999999999999"
    """A record key of the platform's form that nothing has."""

    carrier: ClassVar[str] = "DHL"
    """A carrier that the platform knows."""

    identifiers: ClassVar[list[str]] = []
    """Serial numbers of a parcel, where the platform wants them."""

    new_values: ClassVar[Mapping[str, str]] = {}
    """Canonical field to a value that the platform would take, where not every text will do."""

    watchers: ClassVar[list[Callable[[Exchange], None]]] = []
    """Told of every exchange of every twin: a test holds them against the platforms' own descriptions."""

    def __init__(
        self,
        *,
        catalogue: Catalogue | None = None,
        seed: int = 0,
        port: int = 0,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.skew = timedelta()
        """By how much the platform's clock is ahead; below zero when it is behind."""
        self._clock = clock or (lambda: datetime.now(UTC))
        self.catalogue = make_catalogue(seed) if catalogue is None else catalogue
        self.requests: list[tuple[str, str, int]] = []
        self._port = port
        self._faults: list[list[Any]] = []
        self._page_fault = ""
        self._page_faults = 0
        self._server: _PromptServer | None = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._secrets = random.Random(f"{type(self).__name__}/{seed}")

    def clock(self) -> datetime:
        """The platform's time."""
        return self._clock() + self.skew

    def forget_tokens(self) -> None:  # noqa: B027
        """Let every access token that was given out be refused from now on. Nothing where there are none."""

    def window(self, rows: Sequence[Row], start: int, size: int) -> list[Row]:
        """The rows of a page: every list of every twin is cut by this, so that its pages can be spoilt on demand."""
        kind = self._page_fault if start > 0 else ""
        if kind:
            self._page_faults -= 1
            self._page_fault = kind if self._page_faults > 0 else ""
        if kind == "missing-page":
            return []
        return list(rows[start - size if kind == "duplicate-page" and start >= size else start : start + size])

    @abstractmethod
    def answer(self, incoming: Incoming) -> Answer:
        """What the platform says to a request; called with the state's lock held."""

    @abstractmethod
    def unauthorised(self) -> Answer:
        """What the platform says when it does not know who is asking."""

    @abstractmethod
    def greeting(self) -> Incoming:
        """A harmless request of a caller whom the platform knows; it is answered with status 200."""

    @property
    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """What a merchant would type in to connect, in the platform's own field names."""

    @property
    def base_url(self) -> str:
        """Address of the running server.

        Raises
        ------
        RuntimeError
            When the twin is not running.
        """
        if self._server is None:
            raise RuntimeError(f"The {self.name} twin is not running; call start() or use serve({self.name!r})")
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Twin:
        """Bind the port and answer from now on; gives the twin itself.

        Raises
        ------
        OSError
            When the port is taken.
        """
        if self._server is not None:
            return self
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self._port))
        except OSError:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        self._closing.clear()
        logging.getLogger("uvicorn.error").addFilter(_unexpected)
        settings = uvicorn.Config(
            self._application,
            log_config=None,
            log_level="error",
            access_log=False,
            interface="asgi3",
            lifespan="off",
            http="h11",
            ws="none",
        )
        self._server = _PromptServer(settings)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name=f"{self.name} twin", daemon=True
        )
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                self._server = None
                raise OSError(f"The {self.name} twin could not listen on port {self._port}")
            self._closing.wait(0.005)
        return self

    def take_over(self, running: Twin) -> Self:
        """Answer at the address of a twin that runs, in its place, with a state of one's own; gives the twin itself.

        So a state can be made anew as often as wanted, and a server is started once. Faults set here spoil the answers
        there; those that were left over are gone.
        """
        self._server, self._port, self._closing = running._server, running._port, running._closing
        self.requests, self._faults = running.requests, running._faults
        self._faults.clear()
        running.answer = lambda incoming: self.answer(incoming)  # type: ignore[method-assign]
        running.unauthorised = lambda: self.unauthorised()  # type: ignore[method-assign]
        return self

    def stop(self) -> None:
        """Answer nothing any more and free the port. The state stays readable."""
        if self._server is None or self._thread is None:
            return
        self._closing.set()
        self._server.leave()
        self._thread.join(timeout=10)
        self._server = self._thread = None

    def fault(self, kind: str, *, count: int = 1, path: str = "") -> None:
        """Spoil the next requests.

        Parameters
        ----------
        kind : str
            One of `FAULTS`.
        count : int
            How many requests.
        path : str
            Only requests whose path holds this text. Page faults and expired tokens know no path.

        Raises
        ------
        ValueError
            When there is no such fault.
        """
        if kind not in FAULTS:
            raise ValueError(f"There is no fault {kind!r}; choose from {', '.join(FAULTS)}")
        with self.state.lock:
            if kind in _PAGES:
                self._page_fault, self._page_faults = kind, count
            elif kind == "expired-token":
                self.forget_tokens()
            else:
                self._faults.append([kind, count, path])

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        incoming = Incoming(
            request.method,
            scope.get("raw_path", request.url.path.encode()).decode("ascii"),
            tuple(request.query_params.multi_items()),
            dict(request.headers),
            await request.body(),
        )
        kind = self._next_fault(incoming.path)
        if kind == "hang":
            self.requests.append((incoming.method, incoming.path, 0))
            await self._hang()
            return
        answer = await asyncio.to_thread(self._faulty, incoming, kind)
        for watch in self.watchers:
            watch(Exchange(self.name, incoming, answer, kind))
        self.requests.append((incoming.method, incoming.path, answer.status))
        content = answer.body[: len(answer.body) // 2] if kind in ("half-json", "truncated") else answer.body
        length = len(answer.body) if kind == "truncated" else len(content)
        headers = {**answer.headers, "content-length": str(length)}
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        # A body that ends early without being closed makes the server cut the connection, as a dying proxy does.
        cut = kind == "truncated"
        await send(
            {"type": "http.response.body", "body": b"" if incoming.method == "HEAD" else content, "more_body": cut}
        )

    async def _hang(self) -> None:
        for _ in range(round(_HANG_LIMIT_S / 0.05)):
            if self._closing.is_set():
                return
            await asyncio.sleep(0.05)

    def _next_fault(self, path: str) -> str:
        with self.state.lock:
            for one in self._faults:
                if one[2] in path:
                    one[1] -= 1
                    if one[1] <= 0:
                        self._faults.remove(one)
                    return cast(str, one[0])
        return ""

    def _faulty(self, incoming: Incoming, kind: str) -> Answer:
        if kind in _STATUS:
            advice = {"retry-after": "1"} if kind == "429" else {}
            return Answer(_STATUS[kind], _PAGE.encode(), {"content-type": "text/html; charset=UTF-8", **advice})
        if kind == "401":
            return self.unauthorised()
        with self.state.lock:
            return self.answer(incoming)


def instant(value: object) -> str:
    """A time as most platforms write it; a twin whose platform writes it otherwise makes text of it before."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _unexpected(record: logging.LogRecord) -> bool:
    """Whether the server's complaint is news: an answer that a fault cut off is not."""
    return "ASGI callable returned without" not in record.getMessage()


@cache
def twins() -> dict[str, type[Twin]]:
    """Every twin by its platform's name, in alphabetical order: the modules of this package that define ``TWIN``."""
    package = importlib.import_module("connectors.sandbox")
    modules = (
        importlib.import_module(f"{package.__name__}.{one.name}") for one in pkgutil.iter_modules(package.__path__)
    )
    return {module.TWIN.name: module.TWIN for module in modules if hasattr(module, "TWIN")}


@contextlib.contextmanager
def serve(
    name: str, *, catalogue: Catalogue | None = None, seed: int = 0, port: int = 0, **options: Any
) -> Iterator[Twin]:
    """A running twin for the length of a ``with`` block.

    Parameters
    ----------
    name : str
        Platform.
    catalogue, seed, port, **options
        As for `Twin` and the platform's own.

    Raises
    ------
    KeyError
        When there is no twin of that name; the message lists those there are.
    """
    if name not in twins():
        raise KeyError(f"There is no twin of {name!r}; there are: {', '.join(twins())}")
    twin = twins()[name](catalogue=catalogue, seed=seed, port=port, **options)
    twin.start()
    try:
        yield twin
    finally:
        twin.stop()
