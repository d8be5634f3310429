"""What the writing halves of all platforms share: a change, its outcome, and values taken apart for sending."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from connectors.errors import ConflictError, PlatformError, ProtocolError, RefusedError

__all__ = ["Change", "InvalidError", "Outcome", "Outcomes", "image_addresses", "outcome_of", "split_name"]


@dataclass(frozen=True)
class Change:
    """One row of a push: schema `connectors.platform.CHANGES`."""

    correction_id: str
    kind: str
    record_key: str
    parent_key: str
    field: str
    before: str
    value: str


@dataclass(frozen=True)
class Outcome:
    """The answer to one change. An empty `code` means accepted."""

    code: str = ""
    message: str = ""


Outcomes = dict[str, Outcome]
"""Correction id to outcome."""


class InvalidError(ValueError):
    """A change that must not be sent: the platform would refuse it, or store something else without saying so.

    Parameters
    ----------
    message : str
        What is wrong, and what would be right.
    code : str
        Code of the outcome.
    """

    def __init__(self, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.code = code

    def outcomes(self, changes: Iterable[Change]) -> Outcomes:
        """The outcome of these changes."""
        return {one.correction_id: Outcome(self.code, str(self)) for one in changes}


def outcome_of(error: PlatformError) -> Outcome:
    """The outcome of a request that failed for these changes alone; anything that concerns the account is raised again.

    Raises
    ------
    CredentialError, RateLimitError, UnavailableError
        When going on makes no sense.
    """
    if isinstance(error, ConflictError):
        return Outcome("conflict", str(error))
    if isinstance(error, RefusedError):
        code = error.words.partition(": ")[0]
        return Outcome(code if re.fullmatch(r"[A-Za-z0-9_]{1,80}", code) else "refused", error.words or str(error))
    if isinstance(error, ProtocolError):
        return Outcome("unknown", f"{error} The change may have arrived: read it back.")
    raise error


def split_name(whole: str, first: str, last: str) -> tuple[str, str]:
    """First and last name whose join by a blank is `whole`, cut where the present ones were cut.

    Where the number of words changed, the last word is the last name, unless one of the two was empty.
    """
    words = whole.split(" ")
    if not last or len(words) == 1:
        return (whole, "") if first or not last else ("", whole)
    if not first:
        return "", whole
    cut = first.count(" ") + 1
    if len(words) != cut + last.count(" ") + 1:
        cut = len(words) - 1
    return " ".join(words[:cut]), " ".join(words[cut:])


def image_addresses(value: str) -> list[str]:
    """The addresses of a change of ``images``, each once.

    Raises
    ------
    InvalidError
        When it is not a JSON list of http or https addresses.
    """
    try:
        wanted = json.loads(value or "[]")
    except ValueError:
        wanted = None
    if not isinstance(wanted, list) or not all(
        isinstance(one, str) and re.fullmatch(r"https?://\S+", one) for one in wanted
    ):
        raise InvalidError("images must be a JSON list of http or https addresses.")
    return list(dict.fromkeys(wanted))
