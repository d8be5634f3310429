"""How fast a platform may be called: the server's own figures first, a local bucket where it gives none.

A limiter belongs to an account, not to a connector object: two jobs of one process that talk to the same shop share
one, by `shared`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

__all__ = ["CostBucket", "Limit", "TokenBucket", "shared"]

Clock = Callable[[], float]


class Limit(Protocol):
    """Decides how long to wait before a call."""

    def take(self, cost: float = 1.0) -> float:
        """Reserve a call of that cost; gives the seconds to wait before it is sent, 0 when it may go at once."""
        ...


class TokenBucket:
    """A bucket that refills steadily; a call takes tokens out of it.

    Parameters
    ----------
    per_second : float
        Tokens that come back each second, above 0.
    burst : float
        Tokens in the full bucket, at least 1.
    clock : callable
        Seconds, as `time.monotonic`.

    Notes
    -----
    The level may fall below zero: each waiting call has its place in the queue already, so that threads that wait at
    the same time do not all wake up for the same token.
    """

    def __init__(self, *, per_second: float, burst: float, clock: Clock = time.monotonic) -> None:
        if per_second <= 0 or burst < 1:
            raise ValueError(f"per_second must be above 0 and burst at least 1; got {per_second} and {burst}")
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._level = burst
        self._seen = clock()
        self._lock = threading.Lock()

    def take(self, cost: float = 1.0) -> float:
        """Reserve tokens; gives the seconds until they are there."""
        with self._lock:
            now = self._clock()
            # A clock that was set back must not empty the bucket.
            self._level = min(self._burst, self._level + max(0.0, now - self._seen) * self._per_second)
            self._seen = now
            self._level -= cost
            return max(0.0, -self._level / self._per_second)

    def remaining(self, tokens: float) -> None:
        """Take over the server's own count, when it is lower than ours."""
        with self._lock:
            self._level = min(self._level, tokens)


class CostBucket:
    """A leaky bucket of calculated query cost, whose size and speed the server tells with every answer.

    Parameters
    ----------
    maximum, restore_per_second : float
        Assumed until the first answer tells the true ones.
    clock : callable
        Seconds, as `time.monotonic`.
    """

    def __init__(self, *, maximum: float, restore_per_second: float, clock: Clock = time.monotonic) -> None:
        if maximum <= 0 or restore_per_second <= 0:
            raise ValueError(f"maximum and restore_per_second must be above 0; got {maximum} and {restore_per_second}")
        self._maximum = maximum
        self._restore = restore_per_second
        self._clock = clock
        self._level = maximum
        self._seen = clock()
        self._lock = threading.Lock()

    def take(self, cost: float = 1.0) -> float:
        """Reserve points; gives the seconds until they are there. A cost above the bucket waits for a full one."""
        with self._lock:
            self._refill()
            self._level -= min(cost, self._maximum)
            return max(0.0, -self._level / self._restore)

    def observe(self, *, available: float, maximum: float, restore_per_second: float) -> None:
        """Take over what the server says after a call; zero or negative figures are ignored."""
        with self._lock:
            self._refill()
            if maximum > 0:
                self._maximum = maximum
            if restore_per_second > 0:
                self._restore = restore_per_second
            # Calls of others may be reserved and not yet sent: the server cannot know them, so the lower level holds,
            # unless nobody waits, when the server's figure is simply the truth.
            self._level = min(self._level, available) if self._level < 0 else min(available, self._maximum)

    def throttled(self, *, requested: float, available: float) -> float:
        """Seconds until a call of `requested` points may be sent again, after the server refused it."""
        with self._lock:
            self._level = min(available, self._level)
            self._seen = self._clock()
            return max(0.0, (min(requested, self._maximum) - available) / self._restore)

    @property
    def maximum(self) -> float:
        """Points in the full bucket."""
        return self._maximum

    def _refill(self) -> None:
        now = self._clock()
        self._level = min(self._maximum, self._level + max(0.0, now - self._seen) * self._restore)
        self._seen = now


_Any = TypeVar("_Any")
_SHARED: dict[tuple[str, str], object] = {}
_SHARED_LOCK = threading.Lock()


def shared(platform: str, account: str, make: Callable[[], _Any]) -> _Any:
    """The one limiter of an account in this process; made at the first call.

    Parameters
    ----------
    platform, account : str
        Name of the platform, and what its limit is counted on: the shop, or the key.
    make : callable
        Makes the limiter.
    """
    with _SHARED_LOCK:
        if (platform, account) not in _SHARED:
            _SHARED[platform, account] = make()
        return _SHARED[platform, account]  # type: ignore[return-value]
