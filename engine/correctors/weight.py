"""Weights with a unit or missing: what is written is converted, what is missing is estimated."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.correctors.base import Context, Corrector, Proposal, column, fits, is_blank, of_record, settled
from engine.measures import readings, written
from models.weight import BRACKETS_G, WeightEstimator, WeightInterval

__all__ = ["CORRECTOR", "WeightCorrector", "estimator", "estimates"]

_SIZES = ("length_mm", "width_mm", "height_mm")
_IMPERIAL_COUNTRIES = ("US", "LR", "MM")

_ACROSS = 0.6
"""What the chance counts for where the interval reaches into another bracket: such an estimate must not apply itself."""


class WeightCorrector(Corrector):
    """Converts a unit that is written out, and estimates a weight that is missing.

    An estimate scores what the chance is that it leads to the right bracket of parcel prices; it scores high only where
    the whole interval of likely weights lies in one bracket. Slips of the unit are left to the corrector `weight_unit`.

    Attributes
    ----------
    estimator_ : models.weight.WeightEstimator or None
        None before `fit`.
    """

    name = "weight"
    handles = frozenset(("weight_g",))

    def __init__(self) -> None:
        self.estimator_: WeightEstimator | None = None

    def fit(self, context: Context) -> None:
        """Learn how heavy the merchant's products are by size, category and title."""
        self.estimator_ = estimator(context)

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Grams as text: of the written unit, else an estimate."""
        mine = self.asked(questions)
        asked = mine.select("issue_id", pl.col("observed").fill_null("").alias("observed"))
        rows = [
            (issue, observed, *proposal)
            for (issue, observed), interval in zip(asked.iter_rows(), estimates(self.estimator_, mine), strict=True)
            for proposal in self._proposals(observed, interval)
        ]
        schema = {"issue_id": pl.String, "observed": pl.String, "value": pl.String}
        frame = pl.DataFrame(rows, schema=schema | {"score": pl.Float64, "reason": pl.String}, orient="row")
        return settled(frame.with_columns(corrector=pl.lit(self.name)))

    def _proposals(self, observed: str, interval: WeightInterval | None) -> Iterator[Proposal]:
        known = readings(observed, "gram") if fits(observed) else []
        for reading in known:
            # The notation alone would leave an implausible weight, and the next run would ask again.
            if interval is None or self.estimator_ is None or not self.estimator_.slips(reading.amount, interval):
                yield Proposal(reading.text, reading.score, reading.reason)
        if not known and interval is not None and (is_blank(observed) or _is_zero(observed)):
            yield self._estimate(interval)

    def _estimate(self, interval: WeightInterval) -> Proposal:
        low, middle, high = (
            int(np.searchsorted(BRACKETS_G, edge)) for edge in (interval.low, interval.middle, interval.high)
        )
        edges = (0.0, *BRACKETS_G, np.inf)
        chance = self.estimator_.chance(interval, edges[middle], edges[middle + 1]) if self.estimator_ else 0.0
        value, usual = written(interval.middle), f"products like this weigh {span(interval)}"
        if low != high:
            return Proposal(value, _ACROSS * chance, f"A rough estimate: {usual}, across parcel brackets.")
        limit = f"up to {BRACKETS_G[low]:.0f} g" if low < len(BRACKETS_G) else f"above {BRACKETS_G[-1]:.0f} g"
        return Proposal(value, chance, f"An estimate: {usual}, all in one parcel bracket ({limit}).")


_last: tuple[weakref.ref[Context], WeightEstimator] | None = None


def estimator(context: Context) -> WeightEstimator:
    """The estimator of the context's records; trained once for the correctors that ask one after the other."""
    global _last
    if _last is not None and _last[0]() is context:
        return _last[1]
    frame = column(context, "weight_g", *_SIZES, "category", "title")
    numbers = frame.select(
        pl.col(name).str.strip_chars().cast(pl.Float64, strict=False) for name in ("weight_g", *_SIZES)
    )
    is_imperial = context.country.upper() in _IMPERIAL_COUNTRIES or context.currency.upper() == "USD"
    trained = WeightEstimator(is_imperial=is_imperial, seed=context.seed).fit(
        numbers["weight_g"].fill_null(np.nan).to_numpy(),
        _sizes(numbers),
        frame["category"].to_list(),
        frame["title"].to_list(),
    )
    _last = weakref.ref(context), trained
    return trained


def estimates(trained: WeightEstimator | None, questions: pl.DataFrame) -> list[WeightInterval | None]:
    """The interval of likely weights of each question's record; None where nothing is known of it."""
    if trained is None or questions.is_empty():
        return [None] * questions.height
    asked = questions.select(
        *(of_record(questions, n).str.strip_chars().cast(pl.Float64, strict=False).alias(n) for n in _SIZES),
        category=of_record(questions, "category"),
        title=of_record(questions, "title"),
    )
    return trained.predict(_sizes(asked), asked["category"].to_list(), asked["title"].to_list())


def span(interval: WeightInterval) -> str:
    """The interval for a reviewer."""
    return f"{written(interval.low)} to {written(interval.high)} g"


def _is_zero(text: str) -> bool:
    return len(text) <= 20 and re.fullmatch(r"\s*0+(?:[.,]0*)?\s*", text) is not None


def _sizes(frame: pl.DataFrame) -> NDArray[np.float64]:
    return frame.select(pl.col(name).fill_null(np.nan) for name in _SIZES).to_numpy()


CORRECTOR = WeightCorrector
