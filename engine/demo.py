"""The demo: invented shops on offline twins, days of business, and reviewers who know the truth and slip now and then.

Day one arrives, nothing has been learned, so every suggestion waits for a person; simulated reviewers answer most of
them. Every later day brings other products with the same kinds of faults, and now the product corrects what it has earned
the right to correct. Nothing here is scripted beyond the reviewers: the counts are what the loop came to.
"""

from __future__ import annotations

import html
import random
import time
from collections.abc import Callable, Iterator, Sequence
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

__all__ = ["Demo", "demo_workspace", "open_demo", "sandbox"]

REVIEWERS = {"ana": 0.0, "bo": 0.01, "chris": 0.04}
"""Simulated reviewers and the share of answers in which each says the opposite of what is true."""

_PAGE = 40
"""Issues that are answered in one go. They come in any order: approvals first would be a change of times to the training."""

_REVIEWED_SHARE = 0.8
"""The rest stays in the queue, for the visitor to decide."""

_PRODUCTS, _ORDERS = 600, 140
"""Products and orders of a day, over all shops together."""

_SHOPS_TO_LEARN_FROM, _DAYS_TO_LEARN_FROM, _AUDIT_SHARE_TO_LEARN_FROM = 3, 5, 0.10
"""Of `demo_workspace`. More is audited than usual, so that a minute's history has something to say of automatic corrections."""


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
    names: Sequence[str] | None = None, *, seed: int = 0, port: int = 0, **options: Any
) -> Iterator[dict[str, Twin]]:
    """Running twins by platform; all of them when no names are given.

    Parameters
    ----------
    names : sequence of str or None
    seed, port : int
        Of the first twin; each further one gets the next.
    **options
        ``catalogue`` as a function of the seed, and ``clock``, for each twin.

    Raises
    ------
    ConfigError
        For a platform without a twin.
    """
    wanted = list(names or twins())
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
        self._chance = random.Random(seed)
        self._truth: dict[str, bool] = {}
        self._totals: dict[str, dict[str, Any]] = {
            name: {"name": name, "channel": twin.name} | dict.fromkeys(_COUNTED, 0) for name, twin in running.items()
        }

    def run(self, say: Callable[[str], None] = lambda _: None, *, days: int = 3) -> dict[str, Any]:
        """So many days, 1 or more; the reviewers leave the last one to the visitor. Gives ``{"connections": [...], "metrics": {...}}``."""
        for name, twin in self.twins.items():
            self.workspace.connect(twin.name, name=name, credentials=twin.credentials, by="demo")
            check = self.workspace.check(name)
            say(f"{name}: {'; '.join(check.messages)}")
        for day in range(1, days + 1):
            for number, (name, twin) in enumerate(self.twins.items()):
                if day > 1:
                    self._sync(name, kinds=())
                    twin.state.add(_catalogue(self._seed + number, len(self.twins), day=day))
                say(f"day {day}  {self._sync(name)}")
            if day < days:
                say(f"day {day}  the simulated reviewers decided {self._review()} issues")
                say(f"night  {self._train()}")
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

    def _train(self) -> str:
        try:
            training = self.workspace.train(by="demo")
        except ModelError as error:
            return str(error)
        return f"trained version {training.version} on {training.decisions} decisions; {training.explanation}"

    def _review(self) -> int:
        """Answer most of the queue as people who know the truth would, then look at what a second person is asked about."""
        asked: list[str] = []
        for name, twin in self.twins.items():
            waiting = self.workspace.issues(status=Status.PENDING, connection=name)
            waiting = waiting.sample(fraction=_REVIEWED_SHARE, seed=self._seed)
            found = _judged(self.workspace, waiting, twin.state.truth())
            self._truth |= found
            asked += found
        self._chance.shuffle(asked)
        for first in range(0, len(asked), _PAGE):
            answers: dict[tuple[str, Verdict], list[str]] = {}
            for issue_id in asked[first : first + _PAGE]:
                reviewer = self._chance.choice(list(REVIEWERS))
                answers.setdefault((reviewer, self._verdict(reviewer, issue_id)), []).append(issue_id)
            for (reviewer, verdict), issue_ids in answers.items():
                self.workspace.decide(issue_ids, verdict, by=reviewer)
        for reviewer in REVIEWERS:
            again = self.workspace.second_reviews(by=reviewer)
            for decision_id, issue_id in again.select("decision_id", "issue_id").iter_rows():
                self.workspace.second_review(decision_id, self._verdict(reviewer, issue_id), by=reviewer)
        return len(asked)

    def _verdict(self, reviewer: str, issue_id: str) -> Verdict:
        slips = self._chance.random() < REVIEWERS[reviewer]
        return Verdict.APPROVED if self._truth[issue_id] != slips else Verdict.REJECTED


def _catalogue(seed: int, shops: int, day: int = 1) -> Catalogue:
    """One shop's part of a day."""
    return make_catalogue(seed, -(-_PRODUCTS // shops), orders=-(-_ORDERS // shops), day=day)


_COUNTED = ("products", "orders", "issues", "auto_corrected", "pending", "pushed", "verified", "failed")


def _judged(workspace: Workspace, waiting: pl.DataFrame, truth: pl.DataFrame) -> dict[str, bool]:
    """Issue to whether its suggestion is true; what nobody can know is left out."""
    known = {(row["record"], row["field"]): row["right"] for row in truth.iter_rows(named=True)}
    found: dict[str, bool] = {}
    for row in waiting.filter(pl.col("suggested").is_not_null()).iter_rows(named=True):
        right = known.get((row["record_key"], row["field"]))
        if right is not None:
            found[row["issue_id"]] = agrees(workspace.suggested_value(row["issue_id"]), right)
    return found


def agrees(value: str, right: str) -> bool:
    """Whether a reviewer would take a value for the true one: equal as a browser shows it, but for letter case."""
    return html.unescape(value).casefold().split() == html.unescape(right).casefold().split()


@contextmanager
def open_demo(folder: Path, *, seed: int = 0, names: Sequence[str] | None = None, **overrides: Any) -> Iterator[Demo]:
    """A demo in a folder of its own, its twins running until the block ends; `overrides` are settings of its workspace.

    Raises
    ------
    ConfigError
        When the folder holds an earlier demo.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if _database(folder).exists():
        raise ConfigError(f"{folder} holds an earlier demo; remove it or choose another folder with --folder.")
    simulated, shops = SimulatedTime(), len(names or twins())
    with sandbox(names, seed=seed, catalogue=lambda number: _catalogue(number, shops), clock=simulated.now) as running:
        workspace = _workspace(folder, seed, **overrides)
        workspace.connector_options = {"sleep": simulated.sleep, "clock": simulated.seconds}
        try:
            yield Demo(workspace, {f"{name}-shop": twin for name, twin in running.items()}, seed)
        finally:
            workspace.close()


def demo_workspace(folder: str | Path, *, seed: int = 0, say: Callable[[str], None] = lambda _: None) -> Workspace:
    """The workspace of a demo, without its shops: that of the folder or, where there is none, of days and shops to learn from.

    The notebooks look at it. Making it takes a minute or two.
    """
    if not _database(Path(folder)).exists():
        audited = {"audit_share": _AUDIT_SHARE_TO_LEARN_FROM}
        names = list(twins())[-_SHOPS_TO_LEARN_FROM:]
        with open_demo(Path(folder), seed=seed, names=names, error_budget=audited) as demo:
            demo.run(say, days=_DAYS_TO_LEARN_FROM)
    return _workspace(Path(folder), seed)


def _database(folder: Path) -> Path:
    return folder / "channelmend.db"


def _workspace(folder: Path, seed: int, **overrides: Any) -> Workspace:
    paths = {
        "database": f"sqlite:///{_database(folder)}",
        "lake": folder / "lake",
        "key_file": folder / "channelmend.key",
    }
    settings = load_settings(**paths, seed=seed, **overrides)
    return Workspace(settings=settings)
