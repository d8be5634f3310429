"""Checks that a value is there: not empty, not a word that only stands for "nothing", not too few images."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from pydantic import Field

from engine.checks.codes import short_country
from engine.checks.contact import countries_requiring
from engine.checks.registry import Subject, check

__all__ = ["PLACEHOLDERS", "any_of_fields", "count", "placeholder", "required", "required_by_country"]

PLACEHOLDERS = (
    "-", "--", "---", ".", "..", "...", "?", "??", "???", "_", "/", "xxx",
    "n/a", "n.a.", "n.a", "n\\a", "na", "#n/a", "#value!", "#ref!", "nan", "nil", "none", "null", "(null)", "<null>",
    "undefined", "unknown", "not available", "not applicable", "not specified", "missing", "empty",
    "tbd", "tba", "tbc", "todo", "unbekannt", "k.a.", "k. a.", "keine angabe", "inconnu", "sin datos", "sconosciuto",
)  # fmt: skip
"""Words, in lower case, that people and programs write where they have no value (disguised missing values)."""


@check(absence=True)
def required(subject: Subject, *, zero: bool = False, placeholders: list[str] | None = None) -> pl.Expr:
    """The value must be there: not empty and not a placeholder such as "N/A" or "-".

    Parameters
    ----------
    subject : Subject
    zero : bool
        Whether a number equal to zero counts as missing too (a weight, a price).
    placeholders : list of str or None
        Words that count as missing, compared without case; None takes `PLACEHOLDERS`.
    """
    if subject.is_list:
        return subject.blank
    missing = subject.blank | _stands_for_nothing(subject, placeholders)
    return missing | (subject.number == 0).fill_null(False) if zero else missing


@check(absence=True)
def placeholder(subject: Subject, *, words: list[str] | None = None) -> pl.Expr:
    """A value that is given must not be a placeholder such as "N/A" or "-".

    Parameters
    ----------
    subject : Subject
    words : list of str or None
        Words that are refused, compared without case; None takes `PLACEHOLDERS`.
    """
    return ~subject.blank & _stands_for_nothing(subject, words)


@check(absence=True)
def any_of_fields(subject: Subject, *, fields: Annotated[list[str], Field(min_length=1)]) -> pl.Expr:
    """The field or one of the others must be there.

    Parameters
    ----------
    subject : Subject
    fields : list of str
        The others. An entry joined by ``+`` needs all its parts (``"brand+mpn"``).
    """
    absent = required(subject)
    for alternative in fields:
        parts = [required(subject.other(name)) for name in alternative.split("+")]
        absent = absent & pl.any_horizontal(parts)
    return absent


@check(absence=True)
def required_by_country(subject: Subject, *, part: str, country_field: str = "ship_country") -> pl.Expr:
    """The part of an address must be there where the post of that country needs it.

    Parameters
    ----------
    subject : Subject
    part : str
        ``street``, ``city``, ``region`` or ``postal_code``.
    country_field : str
        Field with the ISO 3166-1 code, alpha-2 or alpha-3; other values are not judged.
    """
    country = short_country(subject.other(country_field))
    return country.is_in(countries_requiring(part)) & required(subject)


@check()
def count(
    subject: Subject, *, minimum: Annotated[int, Field(ge=0)] = 0, maximum: Annotated[int, Field(ge=1)] | None = None
) -> pl.Expr:
    """The list must have as many items as allowed; an empty list is left to `required`.

    Parameters
    ----------
    subject : Subject
        A list field.
    minimum, maximum : int
    """
    if not subject.is_list:
        raise ValueError(f"check 'count' needs a list field such as images, {subject.field!r} is text")
    if maximum is not None and maximum < minimum:
        raise ValueError(f"maximum {maximum} is below minimum {minimum}")
    items = subject.items.list.len()
    return items < minimum if maximum is None else (items < minimum) | (items > maximum)


def _stands_for_nothing(subject: Subject, words: list[str] | None) -> pl.Expr:
    folded = [word.lower() for word in words] if words is not None else list(PLACEHOLDERS)
    longest = max(map(len, folded), default=0)
    # One character more than the longest word is enough to tell, and keeps descriptions of any length cheap.
    return subject.text.str.slice(0, longest + 1).str.to_lowercase().is_in(folded)
