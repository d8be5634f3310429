"""What all open pages share: the workspace, its queue, the pushes on their way, and figures that are dear to compute."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from engine import Workspace
from engine.errors import ChannelmendError, ConfigError
from engine.replay import Replay
from engine.review import ReviewQueue
from engine.rules import Rule
from ui.pushing import GRACE_S, Pusher

__all__ = ["Desk", "Evidence", "Figures", "reviewer_name"]

_LONGEST_NAME = 100
_PATIENCE_S = 0.5
"""Seconds a page waits for the index of past decisions; at the first start its weights are still being loaded."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evidence:
    """Everything a reviewer may want to know about one issue; `similar` is None while the index is being loaded."""

    issue: Mapping[str, Any]
    suggestions: pl.DataFrame
    record: Mapping[str, Any]
    rule: Rule | None
    similar: pl.DataFrame | None


class Figures:
    """The key figures, computed in the background and never older than they need to be.

    Parameters
    ----------
    compute : callable
        Gives a frame with ``metric`` and ``value``, `Workspace.metrics`.
    every_s : float
        Age in seconds from which they are computed anew.
    clock : callable
        Seconds, rising.
    """

    def __init__(
        self, compute: Callable[[], pl.DataFrame], *, every_s: float = 20.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._compute, self._every_s, self._clock = compute, every_s, clock
        self._values: dict[str, float | None] = {}
        self._computed_at: float | None = None
        self._busy = threading.Lock()

    def latest(self) -> dict[str, float | None]:
        """The last figures known, at once; empty before the first are there."""
        stale = self._computed_at is None or self._clock() - self._computed_at >= self._every_s
        if stale and self._busy.acquire(blocking=False):
            threading.Thread(target=self._refresh, name="figures", daemon=True).start()
        return dict(self._values)

    def _refresh(self) -> None:
        values = self._values
        try:
            values = dict(self._compute().select("metric", "value").iter_rows())
        except ChannelmendError:
            logger.exception("the key figures could not be computed")
        finally:
            # The age comes first: whoever sees new figures must not find them stale.
            self._computed_at, self._values = self._clock(), values
            self._busy.release()


class Desk:
    """One per process, used by every session and by the workers.

    Parameters
    ----------
    workspace : Workspace
    grace_s : float
        Seconds between a decision and its push.
    """

    def __init__(self, workspace: Workspace, *, grace_s: float = GRACE_S) -> None:
        self.workspace = workspace
        self.queue = ReviewQueue(workspace)
        self.pusher = Pusher(workspace.push, grace_s=grace_s)
        self.figures = Figures(workspace.metrics)
        self._index = threading.Lock()

    def warm_up(self) -> None:
        """Load the index of past decisions and the key figures in the background, before the first reviewer asks."""
        self.figures.latest()
        threading.Thread(target=self._load_index, name="index", daemon=True).start()

    def close(self) -> None:
        """Send what waits."""
        self.pusher.close()

    def decide(self, issue_ids: list[str], verdict: str, *, name: str, value: str | None = None) -> int:
        """Record a verdict and have what follows from it pushed; gives the number of issues decided.

        Raises
        ------
        ConfigError
            When the name is missing, or the engine refuses; nothing is changed then.
        """
        by = reviewer_name(name)
        if not issue_ids:
            raise ConfigError("No issue is chosen.")
        count = self.workspace.decide(issue_ids, verdict, by=by, value=value)
        if verdict != "rejected":
            self.push_for(issue_ids)
        return count

    def take_back(self, issue_ids: list[str], *, name: str) -> int:
        """Undo decisions and put the issues back into the queue; gives their number."""
        by = reviewer_name(name)
        count = self.queue.take_back(issue_ids, by=by)
        self.push_for(issue_ids)
        return count

    def undo(self, correction_ids: list[str], *, name: str) -> int:
        """Take corrections back; gives their number."""
        by = reviewer_name(name)
        if not correction_ids:
            raise ConfigError("No correction is chosen.")
        connections = self.queue.connections_of_corrections(correction_ids)
        count = self.workspace.undo(correction_ids, by=by)
        for connection in connections:
            self.pusher.request(connection)
        return count

    def replay(self, *, error_budget: float, floor: float) -> Replay:
        """What another budget and floor would have done to past issues, were automatic correction switched on."""
        policy = replace(self.workspace.policy, enabled=True, error_budget=error_budget, floor=floor)
        return self.workspace.replay(policy=policy)

    def push_for(self, issue_ids: list[str]) -> None:
        """Have the connections of these issues pushed."""
        for connection in self.queue.connections_of(issue_ids):
            self.pusher.request(connection)

    def evidence(self, issue_id: str) -> Evidence | None:
        """What is known about an issue; None when there is no such issue."""
        issue = self.queue.issue(issue_id)
        if issue is None:
            return None
        rules = {rule.id: rule for rule in self.workspace.rules(issue["channel"])}
        similar = None
        if self._index.acquire(timeout=_PATIENCE_S):
            try:
                similar = self.workspace.similar_decisions(issue_id)
            finally:
                self._index.release()
        return Evidence(
            issue=issue,
            suggestions=self.workspace.suggestions(issue_id),
            record=self.workspace.record(issue_id),
            rule=rules.get(issue["rule_id"]),
            similar=similar,
        )

    def _load_index(self) -> None:
        with self._index:
            try:
                first = self.queue.patterns(limit=1)["pattern_id"].to_list()
                for row in self.queue.issues(first[0], limit=1).iter_rows(named=True) if first else ():
                    self.workspace.similar_decisions(row["issue_id"])
            except ChannelmendError:
                logger.exception("the index of past decisions could not be loaded")


def reviewer_name(name: str | None) -> str:
    """The name as it is kept with a decision.

    Raises
    ------
    ConfigError
        When it is empty or longer than 100 characters.
    """
    shown = " ".join((name or "").split())
    if not shown:
        raise ConfigError(
            "Enter your name at the top right first: every decision is kept with the name of who made it."
        )
    if len(shown) > _LONGEST_NAME:
        raise ConfigError(f"The name has {len(shown)} characters; {_LONGEST_NAME} are allowed.")
    return shown
