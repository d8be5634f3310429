"""Secrets never leave in a message: every text that goes out passes through `Secrets.redact`.

A secret is hidden in each form in which a server or a library may echo it: as it is, percent-encoded in an address,
and in Base64 as HTTP Basic sends it.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

__all__ = ["HIDDEN", "Secrets"]

HIDDEN = "[hidden]"
"""What stands in a text where a secret stood."""

_SHORTEST = 4
"""Anything shorter occurs in ordinary words; hiding it would make messages unreadable and protect nothing."""


class Secrets:
    """The values that must never be shown. Safe to share between threads; its ``repr`` shows none of them.

    Parameters
    ----------
    values : iterable of str
        Secrets known from the start; more can be added with `add`.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._forms: tuple[str, ...] = ()
        self.add(*values)

    def add(self, *values: str) -> None:
        """Hide these values, too, from now on."""
        forms = {form for value in values if len(value) >= _SHORTEST for form in _forms(value)}
        with self._lock:
            # The longest first: a secret that contains another one must not leave its rest behind.
            self._forms = tuple(sorted({*self._forms, *forms}, key=len, reverse=True))

    def redact(self, text: str) -> str:
        """The text with every known secret replaced by `HIDDEN`."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    def __repr__(self) -> str:
        return f"Secrets({len(self._forms)} forms hidden)"


def basic(user: str, password: str) -> str:
    """The Base64 text that HTTP Basic makes of the two."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def _forms(value: str) -> set[str]:
    return {value, quote(value, safe=""), quote(value), quote_plus(value), base64.b64encode(value.encode()).decode()}
