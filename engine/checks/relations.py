"""Checks that compare a field with another field of the same record."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from pydantic import Field

from engine.checks.registry import Subject, check

__all__ = ["at_least_field", "at_most_field", "density", "differs_from_field"]


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
def density(
    subject: Subject,
    *,
    lightest: Annotated[float, Field(ge=0)],
    heaviest: Annotated[float, Field(gt=0)],
    length: str = "length_mm",
    width: str = "width_mm",
    height: str = "height_mm",
) -> pl.Expr:
    """A weight in grams must suit the volume of the package; judged where all three sides are above zero.

    Parameters
    ----------
    subject : Subject
    lightest, heaviest : float
        Grams per cubic centimetre.
    length, width, height : str
        Fields with the sides in millimetres.
    """
    sides = [subject.other(name).number for name in (length, width, height)]
    volume = sides[0] * sides[1] * sides[2] / 1_000.0
    weight = subject.number
    return (volume > 0) & (weight > 0) & ((weight < lightest * volume) | (weight > heaviest * volume))


@check()
def differs_from_field(subject: Subject, *, field: str) -> pl.Expr:
    """The text must not be the same as that of another field (a SKU in place of a title); compared without case.

    Parameters
    ----------
    subject : Subject
    field : str
    """
    return subject.text.str.to_lowercase() == subject.other(field).text.str.to_lowercase()
