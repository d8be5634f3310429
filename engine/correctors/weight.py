"""Weights with a unit, in the wrong unit, or missing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.correctors.base import Context, Corrector, Proposal, column, fits, is_blank, of_record, parameters, settled
from engine.measures import readings, written
from models.weight import BRACKETS_G, UnitSlip, WeightEstimator, WeightInterval

__all__ = ["CORRECTOR", "WeightCorrector"]

_SIZES = ("length_mm", "width_mm", "height_mm")
_IMPERIAL_COUNTRIES = ("US", "LR", "MM")


class WeightCorrector(Corrector):
    """Converts a unit that is written out, mends a slip of the unit, and estimates a weight that is missing.

    An estimate scores well only where the whole interval of likely weights lies in one bracket of parcel prices.

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
        frame = column(context, "weight_g", *_SIZES, "category", "title")
        numbers = frame.select(
            pl.col(name).str.strip_chars().cast(pl.Float64, strict=False) for name in ("weight_g", *_SIZES)
        )
        is_imperial = context.country.upper() in _IMPERIAL_COUNTRIES or context.currency.upper() == "USD"
        self.estimator_ = WeightEstimator(is_imperial=is_imperial, seed=context.seed).fit(
            numbers["weight_g"].fill_null(np.nan).to_numpy(),
            _sizes(numbers),
            frame["category"].to_list(),
            frame["title"].to_list(),
        )

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Grams as text: of the written unit, else of the likeliest slip, else an estimate."""
        mine = self.asked(questions)
        asked = mine.select(
            "issue_id",
            "check",
            "params",
            pl.col("observed").fill_null(""),
            *(of_record(mine, n).str.strip_chars().cast(pl.Float64, strict=False).alias(n) for n in _SIZES),
            category=of_record(mine, "category"),
            title=of_record(mine, "title"),
        )
        intervals: list[WeightInterval | None] = [None] * asked.height
        if self.estimator_ is not None and asked.height:
            intervals = self.estimator_.predict(_sizes(asked), asked["category"].to_list(), asked["title"].to_list())
        rows = [
            (issue, observed, *proposal)
            for issue, observed, check, params, interval in zip(
                asked["issue_id"], asked["observed"], asked["check"], asked["params"], intervals, strict=True
            )
            for proposal in self._proposals(observed, _limit(check, params), interval)
        ]
        schema = {
            "issue_id": pl.String,
            "observed": pl.String,
            "value": pl.String,
            "score": pl.Float64,
            "reason": pl.String,
        }
        return settled(pl.DataFrame(rows, schema=schema, orient="row").with_columns(corrector=pl.lit(self.name)))

    def _proposals(self, observed: str, limit: float | None, interval: WeightInterval | None) -> Iterator[Proposal]:
        known = readings(observed, "gram") if fits(observed) else []
        if not known:
            if interval is not None and (is_blank(observed) or _is_zero(observed)):
                yield _estimate(interval)
            return
        for reading in known:
            slips = self.estimator_.slips(reading.amount, interval) if self.estimator_ and interval else []
            if interval is None:
                slips = _blind_slips(reading.amount, limit)
            # The notation alone would leave an implausible weight, and the next run would ask again.
            if not slips:
                yield Proposal(reading.text, reading.score, reading.reason)
            for slip in slips:
                usual = f": products like this weigh {_span(interval)}" if interval is not None else ""
                reason = f"Probably {slip.meaning}{usual}."
                yield Proposal(written(slip.weight_g), slip.score * max(reading.score, 0.5), reason)


def _blind_slips(weight_g: float, limit: float | None) -> list[UnitSlip]:
    """Slips that show without knowing the product: parcels weigh no less than a gram, and no more than the channel takes."""
    if 0.01 <= weight_g < 1.0:
        return [UnitSlip(weight_g * 1_000, 1_000.0, "kilograms written as grams", 0.7)]
    if limit is not None and limit < weight_g <= limit * 1_000 and weight_g / 1_000 >= 1.0:
        return [UnitSlip(weight_g / 1_000, 0.001, "grams multiplied by 1000 twice", 0.5)]
    return []


def _estimate(interval: WeightInterval) -> Proposal:
    low, high = (int(np.searchsorted(BRACKETS_G, edge)) for edge in (interval.low, interval.high))
    middle, usual = written(interval.middle), f"products like this weigh {_span(interval)}"
    if low != high:
        score = 0.35 if high - low == 1 else 0.2
        return Proposal(middle, score, f"A rough estimate: {usual}, across parcel brackets.")
    limit = f"up to {BRACKETS_G[low]:.0f} g" if low < len(BRACKETS_G) else f"above {BRACKETS_G[-1]:.0f} g"
    return Proposal(middle, 0.7, f"An estimate: {usual}, all in one parcel bracket ({limit}).")


def _span(interval: WeightInterval) -> str:
    return f"{written(interval.low)} to {written(interval.high)} g"


def _is_zero(text: str) -> bool:
    return len(text) <= 20 and re.fullmatch(r"\s*0+(?:[.,]0*)?\s*", text) is not None


def _limit(check: str | None, params: str | None) -> float | None:
    value = parameters(params).get("value") if check == "maximum" else None
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _sizes(frame: pl.DataFrame) -> NDArray[np.float64]:
    return frame.select(pl.col(name).fill_null(np.nan) for name in _SIZES).to_numpy()


CORRECTOR = WeightCorrector
