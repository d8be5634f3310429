"""Feeds and imports: a platform takes a document, works on it for a while, and reports item by item.

"Accepted" is not "applied": what a report does not mention is unknown, never well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying

from connectors.changes import Outcome
from connectors.client import Client

__all__ = ["LATE", "poll"]

LATE = Outcome(
    "unknown", "The platform has not finished with the import yet. The change is compared again with the next run."
)
"""Outcome of every change in an import that did not end in time."""

_State = TypeVar("_State")


def poll(
    client: Client,
    ask: Callable[[], _State],
    done: Callable[[_State], bool],
    *,
    first_s: float = 2.0,
    longest_s: float = 60.0,
    deadline_s: float = 900.0,
) -> _State | None:
    """The state of a job once it is done; None when it is not done by the deadline.

    Parameters
    ----------
    client : Client
        Whose clock is waited on; the pauses count as its waiting.
    ask : callable
        Gives the present state.
    done : callable
        Whether a state is final, good or bad.
    first_s, longest_s : float
        Seconds before the second question, doubled for each further one up to the longest: the pace that the platform
        asks for.
    deadline_s : float
        Seconds of waiting in all.
    """

    def pause(state: RetryCallState) -> float:
        return min(longest_s, first_s * 2 ** (state.attempt_number - 1))

    asking = Retrying(
        retry=lambda state: not done(state.outcome.result()) if state.outcome else True,
        wait=pause,
        sleep=client.wait,
        stop=lambda state: state.idle_for >= deadline_s,
        retry_error_callback=lambda state: None,
    )
    return asking(ask)
