"""What the tests of all connectors share: opened connections that are closed again, and what went over the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from connectors.platform import Connection, Connector, connector
from connectors.sandbox import Twin
from connectors.sandbox.server import Exchange

Opening = Callable[..., Connector]


@pytest.fixture
def opening() -> Iterator[Opening]:
    """Opens connections to twins that sleep for nothing: ``opening(twin, credentials, **options)``; closed at the end."""
    with ExitStack() as stack:

        def one(twin: Twin, credentials: dict[str, str] | None = None, **options: Any) -> Connector:
            given = Connection("shop", twin.name, twin.credentials | (credentials or {}))
            opened = connector(given, **({"sleep": lambda seconds: None, "random": lambda: 0.5} | options))
            stack.callback(opened.close)
            return opened

        yield one


@pytest.fixture
def exchanges() -> Iterator[list[Exchange]]:
    """Everything that goes over the wire."""
    seen: list[Exchange] = []
    Twin.watchers.append(seen.append)
    yield seen
    Twin.watchers.remove(seen.append)
