"""Corrections go out behind the reviewer's back: one push at a time for each connection, and its troubles are told.

A push begins a few seconds after the decision, so that a slip of the finger can be taken back before anything leaves.
Nothing depends on this process to live on: the outbox is in the database, and the next push of anybody sends the rest.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from engine.errors import ChannelmendError
from engine.jobs import Run

__all__ = ["GRACE_S", "Notice", "Pusher"]

GRACE_S = 4.0
"""Seconds between a decision and its push."""

_KEPT_NOTICES = 200
_MOST_AT_ONCE = 4

logger = logging.getLogger(__name__)


class Notice(NamedTuple):
    """Something that went wrong with a push; `number` rises by one from notice to notice."""

    number: int
    text: str


class Pusher:
    """Pushes the outbox of connections in worker threads.

    Parameters
    ----------
    push : callable
        Pushes one connection, `Workspace.push`.
    grace_s : float
        Seconds to wait before a push; decisions made meanwhile go with it.
    """

    def __init__(self, push: Callable[[str], Run], *, grace_s: float = GRACE_S) -> None:
        self._push = push
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._waiting: set[str] = set()
        self._running: set[str] = set()
        self._notices: deque[Notice] = deque(maxlen=_KEPT_NOTICES)
        self._number = 0
        self._workers = ThreadPoolExecutor(max_workers=_MOST_AT_ONCE, thread_name_prefix="push")

    def request(self, connection: str) -> None:
        """Push that connection soon; nothing is added when a push of it waits already."""
        with self._lock:
            self._waiting.add(connection)
            if connection in self._running or self._closing.is_set():
                return
            self._running.add(connection)
        self._workers.submit(self._work, connection)

    @property
    def newest(self) -> int:
        """Number of the newest notice; 0 before the first."""
        with self._lock:
            return self._number

    def notices(self, *, after: int) -> list[Notice]:
        """Troubles with a number above `after`, oldest first."""
        with self._lock:
            return [notice for notice in self._notices if notice.number > after]

    def close(self) -> None:
        """Push at once what still waits, and return when that is done."""
        self._closing.set()
        self._workers.shutdown(wait=True)

    def _work(self, connection: str) -> None:
        while True:
            self._closing.wait(self._grace_s)
            with self._lock:
                if connection not in self._waiting:
                    self._running.discard(connection)
                    return
                self._waiting.discard(connection)
            self._push_once(connection)

    def _push_once(self, connection: str) -> None:
        try:
            run = self._push(connection)
        except ChannelmendError as error:
            self._note(f"{connection}: the corrections could not be sent and stay in the outbox. {error}")
        except Exception as error:
            # Errors of platforms have a tree of their own, which this layer does not know; none may end the worker.
            logger.exception("push of %s failed", connection)
            self._note(f"{connection}: the corrections could not be sent and stay in the outbox. {error}")
        else:
            counts = run.counts
            troubled = counts.get("failed", 0) + counts.get("conflicts", 0)
            if troubled:
                words = f" {run.notes[0]}." if run.notes else ""
                self._note(f"{connection}: {troubled} corrections were not taken over.{words} They wait in the queue.")

    def _note(self, text: str) -> None:
        with self._lock:
            self._number += 1
            self._notices.append(Notice(self._number, text))
