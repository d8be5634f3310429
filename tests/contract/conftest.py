"""What the contract of the connectors is run against: the offline twin of each platform that has one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from connectors.manners import Patience
from connectors.platform import Connection, Connector, connector, platform, platforms
from connectors.sandbox import Catalogue, Twin, make_catalogue, serve, twins

PLATFORMS = sorted(set(platforms()) & set(twins()))

Open = Callable[..., Connector]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """A small delivery, a third of it with faults."""
    return make_catalogue(5, products=16, orders=8, defects=0.3)


@pytest.fixture(scope="session")
def healthy() -> Catalogue:
    """A small delivery without any fault."""
    return make_catalogue(6, products=16, orders=6, defects=0.0)


@pytest.fixture(params=PLATFORMS)
def twin(request: pytest.FixtureRequest, catalogue: Catalogue) -> Iterator[Twin]:
    """A running twin with the small delivery."""
    with serve(request.param, catalogue=catalogue, seed=5) as running:
        yield running


@dataclass
class Shop:
    """A running twin without faults, a connector, and what it fetched at the start."""

    twin: Twin
    connector: Connector
    records: dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def shops(healthy: Catalogue, skipping: Callable[[Twin], Callable[[float], None]]) -> Iterator[Callable[[str], Shop]]:
    """One shop for each platform, shared by tests that undo what they do."""
    running: dict[str, Shop] = {}

    def shop(name: str) -> Shop:
        if name not in running:
            twin = twins()[name](catalogue=healthy, seed=5).start()
            one = connector(Connection("shop", name, twin.credentials), sleep=skipping(twin))
            kinds = [kind for kind in ("product", "order", "stock") if platform(name).readable.get(kind)]
            records = {kind: pl.concat([page.records[kind] for page in one.fetch(kind)]) for kind in kinds}
            running[name] = Shop(twin, one, records)
        return running[name]

    yield shop
    for one in running.values():
        one.connector.close()
        one.twin.stop()


@pytest.fixture
def pauses() -> list[float]:
    """The seconds that a connector would have slept."""
    return []


@pytest.fixture
def open_(pauses: list[float]) -> Iterator[Open]:
    """Open a connector of a twin. Its pauses are noted instead of slept, its patience with silence is short."""
    opened: list[Connector] = []

    def open_one(twin: Twin, **changed: Any) -> Connector:
        options = {"sleep": pauses.append, "random": lambda: 0.5, "patience": Patience(read_s=0.4)}
        credentials = {**twin.credentials, **changed.pop("credentials", {})}
        one = connector(Connection("shop", twin.name, credentials), **(options | changed))
        opened.append(one)
        return one

    yield open_one
    for one in opened:
        one.close()


_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")


def leaves(state: Any, path: str = "") -> dict[str, str]:
    """Every stored value by its path, without times, which each change moves."""
    if isinstance(state, dict):
        return {key: value for name, one in state.items() for key, value in leaves(one, f"{path}/{name}").items()}
    if isinstance(state, list):
        return {key: value for index, one in enumerate(state) for key, value in leaves(one, f"{path}/{index}").items()}
    return {} if isinstance(state, str) and _TIME.match(state) else {path: json.dumps(state)}


def changed(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """The paths whose value differs, with both values."""
    return {
        path: (before.get(path), after.get(path))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    }
