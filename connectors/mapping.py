"""From a platform's own payload to canonical text, described as data: canonical field to where its value comes from.

A description is a mapping of canonical field names to sources. A source is a dotted path (``"billing.email"``) or
anything that can be called with the payload and gives text (or, for ``images`` and ``attributes``, a list). A value of
the wrong shape raises `ValueError`, and the caller puts that one record into quarantine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl
from babel.numbers import get_currency_precision

from connectors.record import conform, empty, schema

__all__ = [
    "LENGTH",
    "WEIGHT",
    "Amount",
    "Instant",
    "Joined",
    "Measure",
    "Source",
    "at",
    "canonical",
    "frame",
    "money",
    "plain_number",
    "raw_text",
    "text",
]

Payload = Mapping[str, Any]
Source = str | Callable[[Payload], Any]

_NOISE = Decimal("0.000001")
"""Shops keep at most six decimal places of a price; what lies beyond is an artefact of a float."""

_PLAIN = re.compile(r"-?\d{1,15}(?:\.\d{1,12})?")


def at(payload: Any, path: str) -> Any:
    """The value at a dotted path; None where a step is missing or empty.

    Raises
    ------
    ValueError
        When a step leads into something that has no members.
    """
    value = payload
    for step in path.split("."):
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise ValueError(f"{path}: expected an object before {step!r} and got {type(value).__name__}")
        value = value.get(step)
    return value


def text(value: Any) -> str:
    """A scalar as text: nothing is empty, numbers in their shortest form.

    Raises
    ------
    ValueError
        When the value is a list or an object.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        return _shortest(Decimal(repr(value)) if isinstance(value, float) else value)
    raise ValueError(f"expected text or a number and got {type(value).__name__}")


def canonical(payload: Payload, fields: Mapping[str, Source]) -> dict[str, Any]:
    """The canonical row of a payload, without ``raw``; ``record_key`` must not come out empty.

    Raises
    ------
    ValueError
        When a value has the wrong shape, naming the field.
    """
    if not isinstance(payload, Mapping):
        raise ValueError(f"expected an object and got {type(payload).__name__}")
    row: dict[str, Any] = {}
    for name, source in fields.items():
        try:
            value = at(payload, source) if isinstance(source, str) else source(payload)
            row[name] = value if isinstance(value, list) else text(value)
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, ArithmeticError) as error:
            raise ValueError(f"{name}: {error}") from error
    if not row.get("record_key"):
        raise ValueError("record_key: the platform gave no identifier")
    return row


def frame(rows: Sequence[Mapping[str, Any]], kind: str) -> pl.DataFrame:
    """Rows as a conformed frame of that kind."""
    return conform(pl.DataFrame(rows, schema=schema(kind)), kind) if rows else empty(kind)


def raw_text(payload: Any) -> str:
    """The payload as compact JSON text."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), default=str)


def plain_number(value: str) -> Decimal | None:
    """The number when the text is a plain decimal with a point, as ``12.50``; None for anything else."""
    return Decimal(value) if _PLAIN.fullmatch(value) else None


def money(value: Any, currency: str) -> str:
    """An amount that comes as a number, in the currency's own number of decimal places unless it really has more.

    Parameters
    ----------
    value : number or str
        What is no plain number stays as it came.
    currency : str
        ISO 4217 code; two decimal places where it is empty or unknown.

    Examples
    --------
    >>> money(29.9, "EUR"), money("12.3456", "EUR"), money(1200.0, "JPY")
    ('29.90', '12.3456', '1200')
    """
    number = plain_number(text(value))
    if number is None:
        return text(value)
    rounded = round(number, get_currency_precision(currency))
    return str(rounded) if abs(rounded - number) < _NOISE else text(number)


@dataclass(frozen=True)
class Amount:
    """A unit of weight or length.

    Parameters
    ----------
    factor : Decimal
        Canonical units (grams, millimetres) in one of it.

    Notes
    -----
    Weights and lengths of the international system are powers of ten apart, so the conversion is exact. An ounce, a
    pound, an inch and a yard are not: there the canonical value is rounded to a thousandth, and the way back takes the
    shortest number that is read as the same value again. So reading, writing and undoing meet each other exactly.

    References
    ----------
    NIST Handbook 44, appendix C: 1 lb = 453.59237 g, 1 oz = 28.349523125 g, 1 in = 25.4 mm, 1 yd = 914.4 mm, all exact
    (read 2026-11-23).
    """

    factor: Decimal

    def to_canonical(self, value: str) -> str:
        """Grams or millimetres; a text that is no plain number stays as it came, so that a rule can name it."""
        number = plain_number(value)
        return value if number is None else _shortest(self._forward(number))

    def from_canonical(self, value: str) -> str | None:
        """The shortest number in this unit that reads as `value`; None when `value` is no plain number."""
        number = plain_number(value)
        if number is None:
            return None
        exact = number / self.factor
        for places in range(13):
            candidate = round(exact, places)
            if self._forward(candidate) == self._forward(exact):
                return _shortest(candidate)
        return _shortest(round(exact, 12))

    def _forward(self, number: Decimal) -> Decimal:
        product = number * self.factor
        return product if self._is_power_of_ten else round(product, 3)

    @property
    def _is_power_of_ten(self) -> bool:
        return self.factor.normalize().as_tuple().digits == (1,)


WEIGHT = {
    "g": Amount(Decimal(1)),
    "kg": Amount(Decimal(1000)),
    "oz": Amount(Decimal("28.349523125")),
    "lb": Amount(Decimal("453.59237")),
}
"""Units of weight in grams."""

LENGTH = {
    "mm": Amount(Decimal(1)),
    "cm": Amount(Decimal(10)),
    "m": Amount(Decimal(1000)),
    "in": Amount(Decimal("25.4")),
    "yd": Amount(Decimal("914.4")),
}
"""Units of length in millimetres."""


@dataclass(frozen=True)
class Measure:
    """Source of a weight or length that comes as a bare number in a known unit."""

    path: str
    unit: Amount

    def __call__(self, payload: Payload) -> str:
        """In grams or millimetres."""
        return self.unit.to_canonical(text(at(payload, self.path)))


@dataclass(frozen=True)
class Instant:
    """Source of a time; one without an offset is UTC and is marked so."""

    path: str

    def __call__(self, payload: Payload) -> str:
        """ISO 8601 with an offset, or what came when it has another form."""
        value = text(at(payload, self.path))
        return f"{value}Z" if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", value) else value


@dataclass(frozen=True)
class Joined:
    """Source of a text made of several parts, such as first and last name; empty parts are left out."""

    paths: tuple[str, ...]
    separator: str = " "

    def __call__(self, payload: Payload) -> str:
        """The parts in order."""
        parts = (text(at(payload, path)) for path in self.paths)
        return self.separator.join(part for part in parts if part)


def _shortest(number: Decimal) -> str:
    plain = format(number, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in {"-0", ""} else plain
