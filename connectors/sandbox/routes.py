"""The outer shape of a twin with a REST interface: routes, access tokens and limits on calls.

A handler is a method with the decorator `route`; it gets a `Call` and gives an `Answer`. What a platform says to a
stranger, to an unknown address and to somebody who is too fast is for the subclass to write.
"""

from __future__ import annotations

import json
import random
import re
from abc import abstractmethod
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl, unquote

from connectors.sandbox.server import Answer, Incoming, Twin

__all__ = ["Call", "Desk", "Meter", "Refusal", "RoutedTwin", "basic_of", "route"]


@dataclass(frozen=True)
class Call:
    """One request on its way through a handler.

    Parameters
    ----------
    incoming : Incoming
    args : tuple of str
        The groups of the route's pattern, percent-decoded.
    """

    incoming: Incoming
    args: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, str]:
        """The query; of repeats the last one counts."""
        return dict(self.incoming.query)

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form body."""
        return dict(parse_qsl(self.incoming.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def json(self) -> Any:
        """The JSON body; None where there is none.

        Raises
        ------
        ValueError
            When the body is no JSON.
        """
        return json.loads(self.incoming.body) if self.incoming.body.strip() else None


class Refusal(Exception):
    """Ends a handler with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"refused with status {answer.status}")
        self.answer = answer


Handler = Callable[[Any, Call], Answer]
_Method = TypeVar("_Method", bound=Callable[..., Answer])


def route(methods: str, pattern: str, *, public: bool = False, operation: str = "") -> Callable[[_Method], _Method]:
    """Mark a method as the handler of a route.

    Parameters
    ----------
    methods : str
        HTTP methods, separated by blanks.
    pattern : str
        Regular expression of the whole path, as it came (still percent-encoded).
    public : bool
        Whether strangers may call it, as they may ask for a token.
    operation : str
        Name of the call in the twin's `Meter`.
    """

    def mark(method: _Method) -> _Method:
        method.__dict__["routes"] = (
            *method.__dict__.get("routes", ()),
            (methods.split(), re.compile(pattern), public, operation),
        )
        return method

    return mark


class RoutedTwin(Twin):
    """A twin whose handlers are found by their routes."""

    _table: ClassVar[list[tuple[list[str], re.Pattern[str], bool, str, str]]] = []

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._table = [
            (*one, name)
            for kind in reversed(cls.__mro__)
            for name, method in vars(kind).items()
            for one in getattr(method, "routes", ())
        ]

    @abstractmethod
    def identify(self, call: Call) -> Answer | None:
        """None when the caller is known; else what a stranger is told."""

    def meter(self, call: Call, operation: str) -> Answer | None:
        """None when the call may pass; else what somebody who is too fast is told."""
        return None

    def headers(self, call: Call, operation: str) -> Mapping[str, str]:
        """What every answer carries, such as the room that is left."""
        return {}

    def not_found(self, call: Call) -> Answer:
        """What is said to an unknown address."""
        return Answer.json(404, {"error": "not found"})

    def wrong_method(self, call: Call) -> Answer:
        """What is said when the address is right and the method is not."""
        return Answer.json(405, {"error": "method not allowed"})

    def unreadable(self, call: Call, error: ValueError) -> Answer:
        """What is said to a body or a parameter that cannot be read."""
        return Answer.json(400, {"error": str(error)})

    def answer(self, incoming: Incoming) -> Answer:
        """Find the handler, ask who is calling and whether the call may pass, do it."""
        found = [(match, one) for one in self._table if (match := one[1].fullmatch(incoming.path))]
        bare = Call(incoming)
        if not found:
            return self.not_found(bare)
        fitting = [(match, one) for match, one in found if incoming.method in one[0]]
        if not fitting:
            return self.wrong_method(bare)
        match, (_, _, public, operation, name) = fitting[0]
        call = Call(incoming, tuple(unquote(one or "") for one in match.groups()))
        answer = (None if public else self.identify(call)) or self.meter(call, operation)
        if answer is None:
            try:
                answer = getattr(self, name)(call)
            except Refusal as refusal:
                answer = refusal.answer
            except ValueError as error:
                answer = self.unreadable(call, error)
        return Answer(answer.status, answer.body, {**answer.headers, **self.headers(call, operation)})


class Desk:
    """Gives out access tokens and knows which of them still hold.

    Parameters
    ----------
    secrets : random.Random
        The twin's own.
    clock : callable
    lives_s : float
        Seconds that a token holds.
    """

    def __init__(self, secrets: random.Random, clock: Callable[[], datetime], lives_s: float) -> None:
        self._secrets = secrets
        self._clock = clock
        self.lives_s = lives_s
        self._until: dict[str, datetime] = {}

    def issue(self, prefix: str = "") -> str:
        """A new token."""
        token = f"{prefix}{self._secrets.randbytes(24).hex()}"
        self._until[token] = self._clock() + timedelta(seconds=self.lives_s)
        return token

    def holds(self, token: str) -> bool:
        """Whether that token was given out and has not run out."""
        return token in self._until and self._clock() < self._until[token]

    def forget(self) -> None:
        """Refuse every token that was given out."""
        self._until.clear()


class Meter:
    """A bucket of calls that refills with the twin's clock.

    Parameters
    ----------
    per_second, burst : float
    clock : callable
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], datetime]) -> None:
        self.per_second = per_second
        self.burst = burst
        self._clock = clock
        self.level = burst
        self._seen = clock()

    def take(self) -> float:
        """0 when the call passes; else the seconds until one would."""
        now = self._clock()
        self.level = min(self.burst, self.level + max(0.0, (now - self._seen).total_seconds()) * self.per_second)
        self._seen = now
        if self.level < 1:
            return (1 - self.level) / self.per_second
        self.level -= 1
        return 0.0


def basic_of(headers: Mapping[str, str]) -> tuple[str, str]:
    """User and password of HTTP Basic; both empty where there are none."""
    scheme, _, code = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = b64decode(code, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password
