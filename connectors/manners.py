"""How a platform answers and how long we wait for it, as data: what the client needs to know of a platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from connectors.errors import Action

__all__ = ["ACTIONS", "ADVICE", "Answer", "Manners", "Patience"]

ACTIONS: Mapping[int, Action] = {
    401: Action.REAUTHENTICATE,
    402: Action.REAUTHENTICATE,
    403: Action.REAUTHENTICATE,
    407: Action.REAUTHENTICATE,
    408: Action.RETRY,
    425: Action.RETRY,
    429: Action.WAIT,
}
"""What an answer's status means unless the platform says otherwise; other 4xx: FAIL, other 5xx: RETRY."""

ADVICE: Mapping[Action, str] = {
    Action.REAUTHENTICATE: "Check the key, its permissions and the address.",
    Action.WAIT: "Wait, or run fewer jobs against this account at the same time.",
    Action.RETRY: "The platform has a problem of its own; try again later.",
}
"""What a person should do, unless the platform knows better."""


@dataclass(frozen=True)
class Patience:
    """How long a run waits for a platform.

    Parameters
    ----------
    attempts : int
        Tries of one request, the first included.
    first_s, longest_s : float
        Seconds before the first repetition, doubled for each further one up to the longest; half of it is random.
    longest_advice_s : float
        A platform that asks for a longer pause than this ends the run; seconds.
    budget_s : float
        Seconds that one connector may wait in all.
    requests : int
        Calls that one connector may make in all, repetitions included.
    connect_s, read_s, answer_s : float
        Limits on connecting, on silence, and on one whole answer; seconds.
    largest_answer : int
        Bytes, decompressed.
    """

    attempts: int = 6
    first_s: float = 1.0
    longest_s: float = 60.0
    longest_advice_s: float = 300.0
    budget_s: float = 1800.0
    requests: int = 1_000_000
    connect_s: float = 10.0
    read_s: float = 60.0
    answer_s: float = 300.0
    largest_answer: int = 64 * 1024 * 1024


@dataclass(frozen=True)
class Manners:
    """How one platform answers.

    Parameters
    ----------
    platform : str
        Its name, for messages.
    actions : mapping of int to Action
        Where a status means something else than in `ACTIONS`.
    advice : mapping of Action to str
        What a person should do; appended to the message of an error with that action.
    request_id : sequence of str
        Response headers that may hold the platform's identifier of the call; the first one found counts.
    words : callable
        Takes the platform's own message, code included, out of an error body: decoded JSON, or else its text.
    judge : callable
        Looks at every answer with a good status and raises a `PlatformError` when it is a failure all the same.
    exceptions : callable
        ``exceptions(status, headers, body) -> Action or None`` for answers whose status alone does not tell.
    pause_s : callable
        ``pause_s(headers) -> seconds or None`` that the platform asks for in headers of its own, where ``Retry-After`` is
        missing; figures that cannot be read raise ValueError and count as none.
    """

    platform: str
    actions: Mapping[int, Action] = field(default_factory=dict)
    advice: Mapping[Action, str] = field(default_factory=dict)
    request_id: Sequence[str] = ("x-request-id",)
    words: Callable[[Any], str] = lambda body: ""
    judge: Callable[[Answer], None] | None = None
    exceptions: Callable[[int, httpx.Headers, bytes], Action | None] = lambda status, headers, body: None
    pause_s: Callable[[httpx.Headers], float | None] = lambda headers: None

    def action(self, status: int) -> Action:
        """What that status, 300 or above, means here."""
        default = Action.RETRY if status >= 500 else Action.FAIL
        return self.actions.get(status, ACTIONS.get(status, default))


@dataclass(frozen=True)
class Answer:
    """A good answer: status below 300. ``value`` is the decoded body; None where there was none."""

    status: int
    headers: httpx.Headers
    value: Any
    request_id: str = ""
