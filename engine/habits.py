"""What people of a connection chose before, where a value can be read in several ways.

A vendor that wrote 03/04/2024 for 3 April yesterday does so today. A corrector names the ways ("day first", "month
first") and says which of them a decided value was; the counts stand beside the evidence of the column.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from typing import NamedTuple

import polars as pl

__all__ = ["Custom", "Habits", "custom", "habits"]

Habits = dict[tuple[str, str], Counter[str]]
"""By connection and field: option to how often people chose it, less how often they refused it."""

_MOST = 2_000
"""Distinct decisions that are read, the newest; a habit shows in a handful."""


class Custom(NamedTuple):
    """The commonest value of a column.

    Attributes
    ----------
    value : str
    records : int
        Records that have it.
    known : int
        Records that have any value.
    """

    value: str
    records: int
    known: int

    @property
    def share(self) -> float:
        """Share of the records with a value that have this one, 0..1."""
        return self.records / self.known


_FEWEST = 20


def custom(values: pl.Series, *, least_share: float) -> Custom | None:
    """The commonest value of a column where it may fill a gap; None where too few records have one, or too many another.

    Parameters
    ----------
    values : polars.Series
        Text, without the empty ones.
    least_share : float
        In 0..1; at least 20 records are needed besides.

    Examples
    --------
    >>> custom(pl.Series(["DE"] * 39 + ["AT"]), least_share=0.95)
    Custom(value='DE', records=39, known=40)
    """
    if values.len() < _FEWEST:
        return None
    value, count = values.value_counts().sort("count", values.name, descending=[True, False]).row(0)
    found = Custom(value, count, values.len())
    return found if found.share >= least_share else None


def habits(
    decisions: pl.DataFrame,
    fields: Collection[str],
    option_of: Callable[[str, str], str],
    *,
    shape: str = "",
) -> Habits:
    """Count the options that people chose.

    Parameters
    ----------
    decisions : polars.DataFrame
        Schema `engine.types.DECISIONS`, oldest first.
    fields : collection of str
        Canonical fields that are looked at.
    option_of : callable
        Of the observed and the decided value: the option that was chosen, empty where it is none of them.
    shape : str
        Pattern that an observed value must match to be ambiguous at all.

    Returns
    -------
    dict of (str, str) to Counter
        A refused suggestion counts minus one. Options never named count 0.
    """
    counted: Habits = defaultdict(Counter)
    observed = pl.col("observed").fill_null("")
    asked = decisions.filter(pl.col("field").is_in(list(fields)) & observed.str.contains(shape))
    refused = (pl.col("verdict") != "approved") & (pl.col("suggested") != pl.col("final").fill_null("\0"))
    told = pl.concat(
        [
            asked.filter(pl.col("verdict") != "rejected").with_columns(value=pl.col("final"), step=pl.lit(1)),
            asked.filter(refused).with_columns(value=pl.col("suggested"), step=pl.lit(-1)),
        ]
    )
    steps = (
        told.drop_nulls("value")
        .group_by("connection", "field", observed.alias("observed"), "value", maintain_order=True)
        .agg(pl.col("step").sum())
        .tail(_MOST)
    )
    for connection, field, text, value, step in steps.iter_rows():
        option = option_of(text, value)
        if option:
            counted[connection, field][option] += step
    return counted
