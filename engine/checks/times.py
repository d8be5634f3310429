"""Checks of dates and times."""

from __future__ import annotations

import polars as pl

from engine.checks.registry import Subject, check

__all__ = ["datetime", "instant", "not_before_field"]

_FORM = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"


@check()
def datetime(subject: Subject) -> pl.Expr:
    """The value must be a date or a time in ISO 8601 that exists ("2026-02-30" does not)."""
    return instant(subject).is_null()


@check()
def not_before_field(subject: Subject, *, field: str) -> pl.Expr:
    """The time must not lie before that of another field; a date without time counts as the whole day.

    Parameters
    ----------
    subject : Subject
    field : str
        The other field. Values that are no ISO 8601 are left to `datetime`.
    """
    other = subject.other(field)
    by_day = (subject.text.str.len_chars() == 10) | (other.text.str.len_chars() == 10)
    mine, theirs = instant(subject), instant(other)
    return pl.when(by_day).then(mine.dt.date() < theirs.dt.date()).otherwise(mine < theirs)


def instant(subject: Subject) -> pl.Expr:
    """The instant in UTC that an ISO 8601 text names, null where it names none; without zone it is UTC."""
    text = subject.text.str.to_uppercase()
    form = text.str.contains(_FORM)
    full = (
        text.str.replace(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})$", "${1}T00:00:00Z")
        .str.replace(" ", "T", literal=True)
        .str.replace(",", ".", literal=True)
        .str.replace(r"T([0-9]{2}:[0-9]{2})(Z|[+-]|$)", "T${1}:00${2}")
        .str.replace(r"([+-][0-9]{2}):?([0-9]{2})$", "${1}:${2}")
        .str.replace(r"(T.*[+-][0-9]{2})$", "${1}:00")
        .str.replace(r"(T[0-9:.]+)$", "${1}Z")
    )
    return pl.when(form).then(full).str.to_datetime("%+", time_zone="UTC", time_unit="us", strict=False)
