"""Shared fixtures: a store on both databases, a workspace in a temporary folder, and no network but loopback."""

from __future__ import annotations

import os
import socket
import ssl
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from connectors.sandbox.server import Twin
from engine import Workspace
from engine.settings import load_settings
from engine.store import Store
from tests.contract.specification import Watch

SHARED = Path(os.environ.get("CHANNELMEND_SHARED", Path(__file__).parents[2] / "shared"))
POSTGRESQL = os.environ.get("CHANNELMEND_TEST_POSTGRESQL", "")
SPECIFICATION = Watch(SHARED / "specs")
if (SHARED / "specs").is_dir():
    Twin.watchers.append(SPECIFICATION)
# Thousands of plain requests to twins would each read the list of authorities, 40 ms every time.
ssl.create_default_context = cache(ssl.create_default_context)
LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0"}


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that opens a socket to anything but loopback fails."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and str(address[0]) not in LOOPBACK:  # type: ignore[index]
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def skipping() -> Callable[[Twin], Callable[[float], None]]:
    """A sleep for the connector of a twin: it moves the twin's clock ahead instead of waiting."""

    def of(twin: Twin) -> Callable[[float], None]:
        def skip(seconds: float) -> None:
            twin.skew += timedelta(seconds=seconds)

        return skip

    return of


@pytest.fixture(autouse=True)
def platforms_own_descriptions() -> Iterator[None]:
    """No exchange with a twin may break the platform's own description; see `tests.contract.specification`."""
    SPECIFICATION.violations.clear()
    yield
    found, SPECIFICATION.violations[:] = list(SPECIFICATION.violations), []
    assert not found, "\n".join(found[:20])


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine reach a test."""
    for name in [
        n
        for n in os.environ
        if n.startswith("CHANNELMEND_")
        and not n.startswith("CHANNELMEND_LIVE_")
        and n not in ("CHANNELMEND_SHARED", "CHANNELMEND_TEST_POSTGRESQL")
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CHANNELMEND_SETTINGS", str(tmp_path / "absent.yaml"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'channelmend.db'}"
        return
    if not POSTGRESQL:
        pytest.skip("no PostgreSQL: set CHANNELMEND_TEST_POSTGRESQL, or run through `make test`, which starts one")
    name = f"test_{uuid.uuid4().hex}"
    server = sa.create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield sa.make_url(POSTGRESQL).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty knowledge base on each database."""
    opened = Store(database_url)
    yield opened
    opened.close()


OpenWorkspace = Callable[..., Workspace]


@pytest.fixture
def open_workspace(database_url: str, tmp_path: Path) -> Iterator[OpenWorkspace]:
    """Opens the same workspace as often as called, on each database."""
    opened: list[Workspace] = []

    def open_one(**overrides: object) -> Workspace:
        settings = load_settings(
            **{
                "database": database_url,
                "lake": tmp_path / "lake",
                "key_file": tmp_path / "channelmend.key",
                "embedder": "character",
            }
            | overrides
        )
        opened.append(Workspace(settings=settings))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def workspace(open_workspace: OpenWorkspace) -> Workspace:
    """An empty workspace on each database."""
    return open_workspace()


@pytest.fixture
def shared() -> Path:
    """The folder of real data; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"real data are not here: {SHARED} (set CHANNELMEND_SHARED)")
    return SHARED


@pytest.fixture
def lamps() -> Callable[..., pl.DataFrame]:
    """Makes products that are right but for the notation of the price."""
    return _lamps


def _lamps(count: int = 24, *, price: str = "12,50", key: str = "lamp") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "record_key": [f"{key}-{i}" for i in range(count)],
            "sku": [f"{key.upper()}-{i}" for i in range(count)],
            "title": [f"Desk lamp model {i}" for i in range(count)],
            "description": [f"A desk lamp with a steel foot, model {i}, for quiet evenings." for i in range(count)],
            "brand": ["Northlight"] * count,
            "category": ["Home > Lighting > Lamps"] * count,
            "price": [price] * count,
            "currency": ["EUR"] * count,
            "quantity": ["5"] * count,
            "weight_g": ["900"] * count,
            "images": [[f"https://images.example.com/{key}/{i}.jpg"] for i in range(count)],
            "status": ["active"] * count,
        }
    )
