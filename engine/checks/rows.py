"""Checks that compare rows with each other. They see one batch; `engine.detect.duplicated` looks over a whole run."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from pydantic import Field

from engine.checks.registry import Subject, check

__all__ = ["group_size", "unique"]


@check(across_rows=True)
def unique(subject: Subject) -> pl.Expr:
    """No two rows may have the same value; every row that shares its value is broken."""
    value = pl.when(~subject.blank) if subject.judged is None else pl.when(~subject.blank & subject.judged)
    # Rows without a value are null and equal each other, but empty values are passed by the caller.
    return value.then(subject.text).is_duplicated()


@check(across_rows=True)
def group_size(subject: Subject, *, maximum: Annotated[int, Field(ge=1)]) -> pl.Expr:
    """At most so many variants may share the value (a parent product); the first variant too many is broken.

    One row is broken for a product however many it has too many, since it is one fault. Counted within a batch.

    Parameters
    ----------
    subject : Subject
    maximum : int
    """
    variant = pl.col("level") == "variant"
    return variant & (variant.cast(pl.Int64).cum_sum().over(subject.text) == maximum + 1)
