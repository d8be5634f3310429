"""What people of a connection chose before, where a value can be read in several ways.

A vendor that wrote 03/04/2024 for 3 April yesterday does so today. A corrector names the ways ("day first", "month
first") and says which of them a decided value was; the counts stand beside the evidence of the column.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection

import polars as pl

__all__ = ["Habits", "habits"]

Habits = dict[tuple[str, str], Counter[str]]
"""By connection and field: option to how often people chose it, less how often they refused it."""

_MOST = 2_000
"""Distinct decisions that are read, the newest; a habit shows in a handful."""


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
