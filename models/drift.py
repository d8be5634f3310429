"""When a stream of errors has risen: ADWIN says that it has, a likelihood split says since when.

ADWIN keeps a window whose mean has not changed and rings where two parts of it differ by more than chance allows. It
forgets the old part piece by piece, so right after it rings its window is still mostly the past: where the change
happened is therefore looked for apart, as the split of the stream under which the errors are likeliest.

References
----------
A. Bifet, R. Gavaldà, "Learning from Time-Changing Data with Adaptive Windowing", SIAM SDM 2007: the bound (Theorem 3.1).
D. V. Hinkley, "Inference about the change-point in a sequence of random variables", Biometrika 57(1), 1970.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

__all__ = ["Change", "ErrorStream", "change_point"]

FALSE_ALARM_BOUND = 0.05
"""ADWIN's delta. The bound is loose: 0.0 to 0.7 % of streams of 1,000 decisions with a constant error rang falsely
(300 streams each at rates of 2, 10 and 30 %), while a rise from 2 to 50 % after 100 decisions rang after 16 (median)."""


@dataclass(frozen=True)
class Change:
    """A change of a stream's error rate.

    Attributes
    ----------
    rang_at : int
        Number of errors taken in when it was noticed, 1-based.
    since : int
        Number of the first one after the change, 1-based.
    before, after : float
        Error rates on both sides, 0..1.
    """

    rang_at: int
    since: int
    before: float
    after: float

    @property
    def is_rise(self) -> bool:
        """Whether more is wrong than before."""
        return self.after > self.before


def change_point(errors: ArrayLike) -> int:
    """Length of the first part in the split of a 0/1 sequence that makes it likeliest; at least 1.

    Examples
    --------
    >>> change_point([0] * 30 + [1, 1, 0, 1, 1])
    30

    Raises
    ------
    ValueError
        With fewer than two values.
    """
    values = np.asarray(errors, dtype=float)
    if len(values) < 2:
        raise ValueError("a change needs at least two values")
    size = np.arange(1, len(values))
    wrong = np.cumsum(values)[:-1]
    likelihood = _log_likelihood(wrong, size) + _log_likelihood(values.sum() - wrong, len(values) - size)
    return int(size[np.argmax(likelihood)])


class ErrorStream:
    """One stream of 0/1 errors, watched as it grows.

    A change makes a new beginning: what came before it no longer takes part. A fall is told of only after a rise, as the
    sign that the group has got better again.

    Parameters
    ----------
    delta : float
        ADWIN's bound of a false alarm, 0..1.

    Attributes
    ----------
    taken : int
        Errors taken in so far.

    Examples
    --------
    >>> stream = ErrorStream()
    >>> changes = stream.extend([0] * 100 + [1] * 20)
    >>> [(one.since, one.is_rise) for one in changes]
    [(101, True)]
    """

    def __init__(self, *, delta: float = FALSE_ALARM_BOUND) -> None:
        self.delta = delta
        self.taken = 0
        self._has_risen = False
        self._window: list[bool] = []
        self._detector = self._new_detector()

    def extend(self, errors: Iterable[bool]) -> list[Change]:
        """Take in errors, oldest first; gives the changes noticed meanwhile."""
        found = [self._take(bool(error)) for error in errors]
        return [change for change in found if change is not None]

    def _take(self, error: bool) -> Change | None:
        self.taken += 1
        self._window.append(error)
        before = self._detector.estimation
        self._detector.update(error)
        if not self._detector.drift_detected or self._detector.estimation == before:
            return None
        is_rise = self._detector.estimation > before
        if not is_rise and not self._has_risen:
            return None
        split = change_point(self._window)
        old, new = self._window[:split], self._window[split:]
        change = Change(self.taken, self.taken - len(new) + 1, float(np.mean(old)), float(np.mean(new)))
        if change.is_rise != is_rise:
            return None
        self._has_risen = is_rise
        self._window, self._detector = new, self._new_detector()
        for one in new:
            self._detector.update(one)
        return change

    def _new_detector(self) -> Any:
        # The import takes a second: only who watches a stream pays for it.
        from river.drift import ADWIN

        # Every decision is looked at, and a part may be as short as the bound admits: people decide few things, slowly.
        return ADWIN(delta=self.delta, clock=1, grace_period=1, min_window_length=1)


def _log_likelihood(wrong: NDArray[np.float64], size: NDArray[np.int_]) -> NDArray[np.float64]:
    rate = wrong / size
    return np.asarray(xlogy(wrong, rate) + xlogy(size - wrong, 1 - rate))
