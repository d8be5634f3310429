"""How fast a platform may be called: the server's own figures first, a local bucket where it gives none.

A limiter belongs to an account, not to a connector object: two jobs of one process that talk to the same shop share
one, by `shared`. So when the platform asks one of them to wait, all of them wait, and they start again one after the
other and not at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar

from connectors.errors import RateLimitError

__all__ = ["CostBucket", "Limit", "Limiter", "Limits", "Rate", "Room", "TokenBucket", "retry_after_s", "shared"]

Clock = Callable[[], float]


class Limit(Protocol):
    """Decides how long to wait before a call."""

    def take(self, cost: float = 1.0, operation: str = "") -> float:
        """Reserve a call of that cost; gives the seconds to wait before it is sent, 0 when it may go at once."""
        ...

    def answered(self, headers: Mapping[str, str], operation: str = "") -> None:
        """Take over what the server says in the headers of an answer, good or bad."""
        ...

    def pause(self, seconds: float, operation: str = "") -> None:
        """The server asked for silence: nobody is let through before these seconds are over."""
        ...

    def interval_s(self, operation: str = "") -> float:
        """Seconds in which one more call of that operation becomes possible."""
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
        Seconds since 1970.

    Notes
    -----
    The level may fall below zero: each waiting call has its place in the queue already, so that threads that wait at
    the same time do not all wake up for the same token.
    """

    def __init__(self, *, per_second: float, burst: float, clock: Clock = time.time) -> None:
        if per_second <= 0 or burst < 1:
            raise ValueError(f"per_second must be above 0 and burst at least 1; got {per_second} and {burst}")
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._level = burst
        self._seen = clock()
        self._lock = threading.Lock()

    def take(self, cost: float = 1.0, operation: str = "") -> float:
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

    def answered(self, headers: Mapping[str, str], operation: str = "") -> None:
        """Nothing: a bare bucket knows no headers."""

    def pause(self, seconds: float, operation: str = "") -> None:
        """Empty the bucket so far that the next token comes in that many seconds."""
        with self._lock:
            self._level = min(self._level, 1.0 - seconds * self._per_second)
            self._seen = self._clock()

    def interval_s(self, operation: str = "") -> float:
        """Seconds until an empty bucket has one token."""
        return 1.0 / self._per_second

    @property
    def per_second(self) -> float:
        """Tokens that come back each second."""
        return self._per_second

    def retune(self, per_second: float) -> None:
        """Take over the server's own speed."""
        with self._lock:
            if per_second > 0:
                self._per_second = per_second


class CostBucket:
    """A leaky bucket of calculated query cost, whose size and speed the server tells with every answer.

    Parameters
    ----------
    maximum, restore_per_second : float
        Assumed until the first answer tells the true ones.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, *, maximum: float, restore_per_second: float, clock: Clock = time.time) -> None:
        if maximum <= 0 or restore_per_second <= 0:
            raise ValueError(f"maximum and restore_per_second must be above 0; got {maximum} and {restore_per_second}")
        self._maximum = maximum
        self._restore = restore_per_second
        self._clock = clock
        self._level = maximum
        self._seen = clock()
        self._lock = threading.Lock()

    def take(self, cost: float = 1.0, operation: str = "") -> float:
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

    def answered(self, headers: Mapping[str, str], operation: str = "") -> None:
        """Nothing: the figures come in the body; see `observe`."""

    def pause(self, seconds: float, operation: str = "") -> None:
        """Empty the bucket so far that it is above zero again in that many seconds."""
        with self._lock:
            self._level = min(self._level, -seconds * self._restore)
            self._seen = self._clock()

    def interval_s(self, operation: str = "") -> float:
        """0: what a call costs is not known beforehand."""
        return 0.0

    @property
    def maximum(self) -> float:
        """Points in the full bucket."""
        return self._maximum

    def _refill(self) -> None:
        now = self._clock()
        self._level = min(self._maximum, self._level + max(0.0, now - self._seen) * self._restore)
        self._seen = now


@dataclass(frozen=True)
class Rate:
    """How often something may be called.

    Parameters
    ----------
    per_second : float
    burst : float
        Calls that may go at once after a silence.
    per_day : int
        Calls of any 24 hours; 0: not counted.
    """

    per_second: float
    burst: float = 1.0
    per_day: int = 0


@dataclass(frozen=True)
class Room:
    """What a server says of the room that is left, as far as it says it.

    Parameters
    ----------
    remaining : float or None
        Calls that are left in the present window.
    resets_s : float or None
        Seconds until the window ends; without it an exhausted window is waited for by the local rate.
    per_second : float or None
        The server's own rate.
    remaining_today : float or None
        Calls that are left of a daily quota.
    per_day : int or None
        The server's own daily quota.
    resets_at : float or None
        ``resets_s`` as an instant, seconds since 1970, from platforms that tell it so. One that is further ahead than
        `longest_s` is left alone: one of both clocks is wrong.
    longest_s : float
        How long a window of this platform can be.
    """

    remaining: float | None = None
    resets_s: float | None = None
    per_second: float | None = None
    remaining_today: float | None = None
    per_day: int | None = None
    resets_at: float | None = None
    longest_s: float = 3600.0

    def wait_s(self, now: float) -> float:
        """Seconds from now until the window ends, 0 where nothing is known of it."""
        if self.resets_at is None:
            return self.resets_s or 0.0
        wait = self.resets_at - now
        return wait if 0 < wait <= self.longest_s else 0.0


@dataclass(frozen=True)
class Limits:
    """What a platform allows one account, as its documentation says it.

    Parameters
    ----------
    default : Rate
        For calls that have no rate of their own.
    operations : mapping of str to Rate
        Name of an operation to its own rate, counted apart.
    room : callable
        ``room(headers) -> Room``: the server's own figures; header names in lower case.
    """

    default: Rate
    operations: Mapping[str, Rate] = field(default_factory=dict)
    room: Callable[[Mapping[str, str]], Room] = lambda headers: Room()


class Limiter:
    """Keeps the `Limits` of one account.

    Parameters
    ----------
    limits : Limits
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, limits: Limits, clock: Clock = time.time) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}
        self._days: dict[str, list[float]] = {}
        self._quotas: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, cost: float = 1.0, operation: str = "") -> float:
        """Reserve a call; gives the seconds to wait before it is sent.

        Raises
        ------
        RateLimitError
            When the calls of the day are used up.
        """
        name, rate = self._which(operation)
        if rate.per_day:
            self._count_day(name, self._quotas.get(name, rate.per_day))
        return self._bucket(name, rate).take(cost)

    def answered(self, headers: Mapping[str, str], operation: str = "") -> None:
        """Take over the server's figures; what cannot be read is ignored, for figures about limits are advice."""
        try:
            room = self._limits.room({key.lower(): value for key, value in headers.items()})
        except (ValueError, TypeError, KeyError):
            return
        name, rate = self._which(operation)
        bucket = self._bucket(name, rate)
        if room.per_second:
            bucket.retune(room.per_second)
        if room.remaining is not None:
            if room.remaining < 1 and (wait := room.wait_s(self._clock())):
                bucket.pause(wait)
            else:
                bucket.remaining(room.remaining)
        if room.per_day:
            self._quotas[name] = room.per_day
        if room.remaining_today is not None and rate.per_day:
            with self._lock:
                spent = max(0, self._quotas.get(name, rate.per_day) - int(room.remaining_today))
                known = self._days.setdefault(name, [])
                known.extend([self._clock()] * (spent - len(known)))

    def pause(self, seconds: float, operation: str = "") -> None:
        """Nobody calls this operation before these seconds are over."""
        self._bucket(*self._which(operation)).pause(seconds)

    def interval_s(self, operation: str = "") -> float:
        """Seconds in which one more call of that operation becomes possible."""
        return self._bucket(*self._which(operation)).interval_s()

    def _which(self, operation: str) -> tuple[str, Rate]:
        own = self._limits.operations.get(operation)
        return (operation, own) if own else ("", self._limits.default)

    def _bucket(self, name: str, rate: Rate) -> TokenBucket:
        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = TokenBucket(per_second=rate.per_second, burst=rate.burst, clock=self._clock)
            return self._buckets[name]

    def _count_day(self, name: str, per_day: int) -> None:
        with self._lock:
            now = self._clock()
            calls = self._days[name] = [one for one in self._days.get(name, []) if now - one < _DAY_S]
            if len(calls) >= per_day:
                raise RateLimitError(
                    f"The {per_day} calls a day that this account may make{f' ({name})' if name else ''} are used up. "
                    "Run again tomorrow, or ask the platform for a higher quota.",
                    retry_after_s=_DAY_S - (now - calls[0]),
                )
            calls.append(now)


_DAY_S = 86_400.0

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


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a server asks for in ``Retry-After``, by number or by date; None where it gives none.

    Parameters
    ----------
    headers : mapping
        Names compared without case, as httpx does.
    now : float
        Seconds since 1970.

    References
    ----------
    RFC 9110, section 10.2.3 (read 2026-11-23).
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text)) if float(text) < float("inf") else None
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)
