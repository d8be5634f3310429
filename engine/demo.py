"""The demo: invented shops on offline twins, two days of business, and a reviewer who knows the truth of day one.

Day one arrives, nothing has been learned, so every suggestion waits for a person; a simulated reviewer answers most of
them. Day two brings other products with the same kinds of faults, and now the product corrects what it has earned the
right to correct. Nothing here is scripted beyond the reviewer: the counts are what the loop came to.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from connectors.sandbox import Catalogue, Twin, make_catalogue, serve, twins
from engine.errors import ConfigError, ModelError
from engine.settings import load_settings
from engine.types import Status, Verdict
from engine.workspace import Workspace

__all__ = ["Demo", "open_demo", "sandbox"]

REVIEWER = "demo reviewer"
_REVIEWED_SHARE = 0.8
"""The rest of day one stays in the queue, for the visitor to decide."""

_PRODUCTS, _ORDERS = 600, 140
"""Products and orders of a day, over all shops together."""


class SimulatedTime:
    """Time that runs as the clock does, and jumps ahead where somebody would wait: a platform that asks for a pause, or
    that works on an import for a minute, costs the demo nothing and still gets its pause."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def sleep(self, seconds: float) -> None:
        """Jump."""
        self._ahead_s += seconds

    def seconds(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead_s

    def now(self) -> datetime:
        """The same as an instant."""
        return datetime.fromtimestamp(self.seconds(), UTC)


@contextmanager
def sandbox(
    names: list[str] | None = None, *, seed: int = 0, port: int = 0, **options: Any
) -> Iterator[dict[str, Twin]]:
    """Running twins by platform; all of them when no names are given.

    Parameters
    ----------
    names : list of str or None
    seed, port : int
        Of the first twin; each further one gets the next.
    **options
        ``catalogue`` as a function of the seed, and ``clock``, for each twin.

    Raises
    ------
    ConfigError
        For a platform without a twin.
    """
    wanted = names or list(twins())
    if unknown := [name for name in wanted if name not in twins()]:
        raise ConfigError(f"There is no twin of {', '.join(unknown)}. Twins: {', '.join(twins())}.")
    make = options.pop("catalogue", make_catalogue)
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                serve(name, seed=seed + i, port=port + i if port else 0, catalogue=make(seed + i), **options)
            )
            for i, name in enumerate(wanted)
        }


class Demo:
    """A running demo.

    Attributes
    ----------
    workspace : Workspace
    twins : dict of str to Twin
        Connection name to the twin behind it.
    """

    def __init__(self, workspace: Workspace, running: dict[str, Twin], seed: int) -> None:
        self.workspace = workspace
        self.twins = running
        self._seed = seed
        self._totals: dict[str, dict[str, Any]] = {
            name: {"name": name, "channel": twin.name} | dict.fromkeys(_COUNTED, 0) for name, twin in running.items()
        }

    def run(self, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
        """Both days; gives ``{"connections": [...], "metrics": {...}}``."""
        for name, twin in self.twins.items():
            self.workspace.connect(twin.name, name=name, credentials=twin.credentials, by="demo")
            check = self.workspace.check(name)
            say(f"{name}: {'; '.join(check.messages)}")
        for name in self.twins:
            say(f"day 1  {self._sync(name)}")
        say(f"day 1  the simulated reviewer decided {self._review()} issues")
        try:
            training = self.workspace.train(by="demo")
            say(f"night  trained version {training.version} on {training.decisions} decisions; {training.explanation}")
        except ModelError as error:
            say(f"night  {error}")
        for number, (name, twin) in enumerate(self.twins.items()):
            self._sync(name, kinds=())
            twin.state.add(_catalogue(self._seed + number, len(self.twins), day=2))
            say(f"day 2  {self._sync(name)}")
        figures = self.workspace.metrics()
        return {
            "connections": list(self._totals.values()),
            "metrics": dict(figures.select("metric", "value").iter_rows()),
        }

    def _sync(self, name: str, kinds: tuple[str, ...] = ("product", "order", "stock")) -> str:
        run = self.workspace.sync(name, kinds)
        total = self._totals[name]
        for counted in _COUNTED:
            total[counted] = run.counts[counted] if counted == "pending" else total[counted] + run.counts[counted]
        shown = ", ".join(f"{run.counts[one]} {one.replace('_', '-')}" for one in _COUNTED if run.counts[one])
        return f"{name}: {shown or 'nothing new'}"

    def _review(self) -> int:
        """Answer most of the queue as somebody who knows the truth would."""
        decided = 0
        for name, twin in self.twins.items():
            waiting = self.workspace.issues(status=Status.PENDING, connection=name)
            waiting = waiting.sample(fraction=_REVIEWED_SHARE, seed=self._seed)
            for verdict, rows in _verdicts(self.workspace, waiting, twin.state.truth()).items():
                if rows:
                    decided += self.workspace.decide(rows, verdict, by=REVIEWER)
        return decided


def _catalogue(seed: int, shops: int, day: int = 1) -> Catalogue:
    """One shop's part of a day."""
    return make_catalogue(seed, -(-_PRODUCTS // shops), orders=-(-_ORDERS // shops), day=day)


_COUNTED = ("products", "orders", "issues", "auto_corrected", "pending", "pushed", "verified", "failed")


def _verdicts(workspace: Workspace, waiting: pl.DataFrame, truth: pl.DataFrame) -> dict[Verdict, list[str]]:
    """Approve what is true, reject what is false, leave what nobody can know."""
    known = {(row["record"], row["field"]): row["right"] for row in truth.iter_rows(named=True)}
    found: dict[Verdict, list[str]] = {Verdict.APPROVED: [], Verdict.REJECTED: []}
    for row in waiting.filter(pl.col("suggested").is_not_null()).iter_rows(named=True):
        right = known.get((row["record_key"], row["field"]))
        if right is None:
            continue
        value = workspace.suggested_value(row["issue_id"])
        found[Verdict.APPROVED if agrees(value, right) else Verdict.REJECTED].append(row["issue_id"])
    return found


def agrees(value: str, right: str) -> bool:
    """Whether a reviewer would take a value for the true one: equal as a browser shows it, but for letter case."""
    return html.unescape(value).casefold().split() == html.unescape(right).casefold().split()


@contextmanager
def open_demo(folder: Path, *, seed: int = 0, names: list[str] | None = None) -> Iterator[Demo]:
    """A demo in a folder of its own, its twins running until the block ends.

    Raises
    ------
    ConfigError
        When the folder holds an earlier demo.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "channelmend.db"
    if database.exists():
        raise ConfigError(f"{folder} holds an earlier demo; remove it or choose another folder with --folder.")
    settings = load_settings(
        database=f"sqlite:///{database}", lake=folder / "lake", key_file=folder / "channelmend.key", seed=seed
    )
    simulated, shops = SimulatedTime(), len(names or twins())
    with sandbox(names, seed=seed, catalogue=lambda number: _catalogue(number, shops), clock=simulated.now) as running:
        workspace = Workspace(settings=settings)
        workspace.connector_options = {"sleep": simulated.sleep, "clock": simulated.seconds}
        try:
            yield Demo(workspace, {f"{name}-shop": twin for name, twin in running.items()}, seed)
        finally:
            workspace.close()
