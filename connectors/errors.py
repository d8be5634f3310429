"""The error tree of talking to a platform. The class says who must act; ``action`` says what the run does.

::

    PlatformError             action
      CredentialError         REAUTHENTICATE: key, scope, address or allow-list is wrong; a person must act
      RateLimitError          WAIT: the platform asks to slow down; ``retry_after_s`` where it said how long
      UnavailableError        RETRY: network, time-out, 5xx
      ProtocolError           FAIL: the answer is not what the platform's description promises (HTML, half a JSON)
      RefusedError            FAIL: the platform understood and said no; its own words are kept
      ConflictError           FAIL: changed at the platform since it was read
    SourceError               a file or feed that cannot be read as a whole
"""

from __future__ import annotations

from enum import Enum

__all__ = [
    "Action",
    "ConflictError",
    "CredentialError",
    "PlatformError",
    "ProtocolError",
    "RateLimitError",
    "RefusedError",
    "SourceError",
    "UnavailableError",
]


class Action(Enum):
    """What a run does about an answer."""

    RETRY = "retry"
    WAIT = "wait"
    REAUTHENTICATE = "reauthenticate"
    SKIP = "skip"
    FAIL = "fail"


class PlatformError(Exception):
    """Something went wrong at or on the way to a platform.

    Parameters
    ----------
    message : str
        What happened, with what value, and what to do. Must hold no secret.
    platform, connection : str
        Where.
    status : int or None
        HTTP status, None when no answer came.
    request_id : str
        The platform's own identifier of the call, for its support.
    words : str
        The platform's own message, verbatim, at most 2,000 characters.
    """

    action: Action = Action.FAIL

    def __init__(
        self,
        message: str,
        *,
        platform: str = "",
        connection: str = "",
        status: int | None = None,
        request_id: str = "",
        words: str = "",
    ) -> None:
        super().__init__(message)
        self.platform = platform
        self.connection = connection
        self.status = status
        self.request_id = request_id
        self.words = words[:2000]


class CredentialError(PlatformError):
    """Key, scope, address or allow-list is wrong."""

    action = Action.REAUTHENTICATE


class RateLimitError(PlatformError):
    """The platform asks to slow down and the run's patience is used up."""

    action = Action.WAIT

    def __init__(self, message: str, *, retry_after_s: float | None = None, **where: object) -> None:
        super().__init__(message, **where)  # type: ignore[arg-type]
        self.retry_after_s = retry_after_s


class UnavailableError(PlatformError):
    """Network failure, time-out or 5xx, after all retries."""

    action = Action.RETRY


class ProtocolError(PlatformError):
    """The answer is not what the platform promises: HTML instead of JSON, half a document, a missing field."""


class RefusedError(PlatformError):
    """The platform understood the request and refused it."""


class ConflictError(PlatformError):
    """The value changed at the platform after it was read."""


class SourceError(PlatformError):
    """A file or feed cannot be read as a whole; nothing of it was taken."""
