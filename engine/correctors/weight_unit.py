"""Weights in the wrong unit: kilograms in a field of grams, ounces for pounds, a zero too many.

A kind of its own beside `weight`, which estimates: a slip of the unit is found almost surely, so it earns its own record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import polars as pl

from engine.correctors.base import Context, Corrector, Proposal, fits, parameters, settled
from engine.correctors.weight import estimates, estimator, span
from engine.habits import Habits, habits
from engine.measures import readings, written
from models.weight import SLIPS, UnitSlip, WeightEstimator, WeightInterval

__all__ = ["CORRECTOR", "WeightUnitCorrector"]

_PLAIN = r"^\s*\d+(?:\.\d+)?\s*$"


class WeightUnitCorrector(Corrector):
    """Multiplies an implausible weight by the factor that brings it among products like it.

    Which slip is likely is believed at first (`models.weight`) and then known from what people of the connection decided.

    Attributes
    ----------
    estimator_ : models.weight.WeightEstimator or None
        None before `fit`.
    habits_ : dict
        Factors that people of each connection chose, see `engine.habits`.
    """

    name = "weight_unit"
    handles = frozenset(("weight_g",))

    def __init__(self) -> None:
        self.estimator_: WeightEstimator | None = None
        self.habits_: Habits = {}

    def fit(self, context: Context) -> None:
        """Learn how heavy the merchant's products are, and which slips the past knows."""
        self.estimator_ = estimator(context)
        self.habits_ = habits(context.decisions, self.handles, _factor_of, shape=_PLAIN)

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Grams as text, for weights that a factor puts among those of products like it."""
        mine = self.asked(questions)
        asked = mine.select("issue_id", pl.col("observed").fill_null(""), "connection", "check", "params")
        rows = [
            (issue, observed, *proposal)
            for (issue, observed, connection, check, params), interval in zip(
                asked.iter_rows(), estimates(self.estimator_, mine), strict=True
            )
            for proposal in self._proposals(observed, self._chosen(connection), _limit(check, params), interval)
        ]
        schema = {"issue_id": pl.String, "observed": pl.String, "value": pl.String}
        frame = pl.DataFrame(rows, schema=schema | {"score": pl.Float64, "reason": pl.String}, orient="row")
        return settled(frame.with_columns(corrector=pl.lit(self.name)))

    def _chosen(self, connection: str) -> Mapping[float, float]:
        return {float(factor): count for factor, count in self.habits_.get((connection, "weight_g"), {}).items()}

    def _proposals(
        self, observed: str, chosen: Mapping[float, float], limit: float | None, interval: WeightInterval | None
    ) -> Iterator[Proposal]:
        is_plain = re.match(_PLAIN, observed) is not None
        for reading in readings(observed, "gram") if fits(observed) else ():
            if interval is None or self.estimator_ is None:
                slips = _blind(reading.amount, limit)
            else:
                slips = self.estimator_.slips(reading.amount, interval, chosen)
            for slip in slips:
                usual = f": products like this weigh {span(interval)}" if interval is not None else ""
                past = f"; people chose this {chosen[slip.factor]:.0f} times more" if chosen.get(slip.factor) else ""
                reason = f"Probably {slip.meaning}{usual}{past}."
                doubt = 1.0 if is_plain else reading.score
                yield Proposal(written(slip.weight_g), slip.score * doubt, reason)


def _blind(weight_g: float, limit: float | None) -> list[UnitSlip]:
    """Slips that show without knowing the product: parcels weigh no less than a gram, and no more than the channel takes."""
    if 0.01 <= weight_g < 1.0:
        return [UnitSlip(weight_g * 1_000, 1_000.0, "kilograms written as grams", 0.7)]
    if limit is not None and limit < weight_g <= limit * 1_000 and weight_g / 1_000 >= 1.0:
        return [UnitSlip(weight_g / 1_000, 0.001, "grams multiplied by 1000 twice", 0.5)]
    return []


def _factor_of(observed: str, value: str) -> str:
    """The factor of a known slip between two weights, as text; empty when it is none."""
    try:
        before, after = float(observed), float(value)
    except ValueError:
        return ""
    # The slips nearest to each other, 10 and 16, differ by far more than rounding does.
    near = (factor for factor, _ in SLIPS if before > 0 and abs(after / before / factor - 1.0) < 0.05)
    return str(next(near, ""))


def _limit(check: str | None, params: str | None) -> float | None:
    value = parameters(params).get("value") if check == "maximum" else None
    return float(value) if isinstance(value, int | float) and value > 0 else None


CORRECTOR = WeightUnitCorrector
