"""Checks that compare a field with another field of the same record."""

from __future__ import annotations

import polars as pl

from engine.checks.registry import Subject, check

__all__ = ["at_least_field", "at_most_field", "differs_from_field"]


@check()
def at_most_field(subject: Subject, *, field: str, strict: bool = False) -> pl.Expr:
    """The number must not be above that of another field; judged where both are numbers.

    Parameters
    ----------
    subject : Subject
    field : str
    strict : bool
        Whether it must be below.
    """
    other = subject.other(field).number
    return subject.number >= other if strict else subject.number > other


@check()
def at_least_field(subject: Subject, *, field: str, strict: bool = False) -> pl.Expr:
    """The number must not be below that of another field; judged where both are numbers.

    Parameters
    ----------
    subject : Subject
    field : str
    strict : bool
        Whether it must be above.
    """
    other = subject.other(field).number
    return subject.number <= other if strict else subject.number < other


@check()
def differs_from_field(subject: Subject, *, field: str) -> pl.Expr:
    """The text must not be the same as that of another field (a SKU in place of a title); compared without case.

    Parameters
    ----------
    subject : Subject
    field : str
    """
    return subject.text.str.to_lowercase() == subject.other(field).text.str.to_lowercase()
