"""Weights with a unit, in the wrong unit, or missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

import numpy as np
import pint
import polars as pl
from numpy.typing import NDArray

from engine.correctors.base import Context, Corrector, Proposal, answered, column, fits, is_blank, of_record, settled
from engine.types import CANDIDATES
from models.weight import BRACKETS_G, WeightEstimator, WeightInterval

__all__ = ["CORRECTOR", "WeightCorrector"]

_SIZES = ("length_mm", "width_mm", "height_mm")
_WITH_UNIT = re.compile(r"(\d{1,7}(?:[.,]\d{1,6})?)\s*([a-zA-Zµ]{1,12})\.?")
_PLAIN = re.compile(r"\d{1,9}(?:[.,]\d{1,6})?")
_UNITS = {
    "kgs": "kilogram",
    "kilo": "kilogram",
    "kilos": "kilogram",
    "gr": "gram",
    "gramm": "gram",
    "gramme": "gram",
    "grammes": "gram",
    "gramos": "gram",
    "grammi": "gram",
    "lbs": "pound",
    "ozs": "ounce",
    "pfund": "",
    "g": "gram",
    "t": "metric_ton",
}
"""Units as people write them beside what pint knows; a Pfund is half a kilogram or a pound, so it stays open."""

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
        written = answered(mine, self.name, keys={"observed": pl.col("observed").fill_null("")}, reply=_converted)
        rest = mine.join(written, on="issue_id", how="anti", maintain_order="left")
        estimated = self._estimated(rest)
        return pl.concat([written, estimated])

    def _estimated(self, questions: pl.DataFrame) -> pl.DataFrame:
        if questions.is_empty() or self.estimator_ is None or not self.estimator_.is_ready_:
            return pl.DataFrame(schema=CANDIDATES)
        asked = questions.select(
            "issue_id",
            pl.col("observed").fill_null(""),
            *(of_record(questions, n).str.strip_chars().cast(pl.Float64, strict=False).alias(n) for n in _SIZES),
            category=of_record(questions, "category"),
            title=of_record(questions, "title"),
        )
        intervals = self.estimator_.predict(_sizes(asked), asked["category"].to_list(), asked["title"].to_list())
        rows = [
            (issue, observed, *proposal)
            for issue, observed, interval in zip(asked["issue_id"], asked["observed"], intervals, strict=True)
            if interval is not None
            for proposal in self._proposals(observed, interval)
        ]
        schema = {
            "issue_id": pl.String,
            "observed": pl.String,
            "value": pl.String,
            "score": pl.Float64,
            "reason": pl.String,
        }
        return settled(pl.DataFrame(rows, schema=schema, orient="row").with_columns(corrector=pl.lit(self.name)))

    def _proposals(self, observed: str, interval: WeightInterval) -> Iterator[Proposal]:
        text = observed.strip()
        weight = float(text.replace(",", ".")) if len(text) <= 20 and _PLAIN.fullmatch(text) else 0.0
        usual = f"products like this weigh {_grams(interval.low)} to {_grams(interval.high)} g"
        if weight > 0 and self.estimator_ is not None:
            for slip in self.estimator_.slips(weight, interval):
                yield Proposal(_grams(slip.weight_g), slip.score, f"Probably {slip.meaning}: {usual}.")
        elif is_blank(observed) or weight == 0 and _PLAIN.fullmatch(text):
            low, high = (int(np.searchsorted(BRACKETS_G, edge)) for edge in (interval.low, interval.high))
            if low == high:
                limit = f"up to {BRACKETS_G[low]:.0f} g" if low < len(BRACKETS_G) else f"above {BRACKETS_G[-1]:.0f} g"
                yield Proposal(
                    _grams(interval.middle), 0.7, f"An estimate: {usual}, all in one parcel bracket ({limit})."
                )
            else:
                score = 0.35 if high - low == 1 else 0.2
                yield Proposal(_grams(interval.middle), score, f"A rough estimate: {usual}, across parcel brackets.")


def _converted(observed: str) -> Iterator[Proposal]:
    if not fits(observed):
        return
    text = observed.strip()
    if _PLAIN.fullmatch(text):
        if "," in text:
            yield Proposal(text.replace(",", "."), 0.75, "A decimal comma became a decimal point.")
        return
    found = _WITH_UNIT.fullmatch(text)
    factor = _factor(found[2]) if found is not None else 0.0
    if found is None or factor <= 0.0:
        return
    grams = float(found[1].replace(",", ".")) * factor
    group = re.fullmatch(r"\d{1,3}[.,]\d{3}", found[1]) is not None and factor == 1.0
    if 0.0 < grams < 1e8:
        score = 0.5 if group else 0.97
        yield Proposal(_grams(grams), score, f"Converted from the unit that is written, {found[2]}.")


@cache
def _registry() -> pint.UnitRegistry:
    return pint.UnitRegistry(cache_folder=None)


@lru_cache(maxsize=1_000)
def _factor(unit: str) -> float:
    """Grams in one such unit; 0 for a word that is no unit of mass."""
    name = _UNITS.get(unit.casefold(), unit.casefold())
    try:
        return float(_registry().Quantity(1.0, name).to("gram").magnitude) if name else 0.0
    except (pint.PintError, AttributeError, ValueError, TypeError):
        return 0.0


def _grams(weight: float) -> str:
    """Grams as plain text, whole above ten grams."""
    return f"{weight:.0f}" if weight >= 10 else f"{weight:.2f}".rstrip("0").rstrip(".")


def _sizes(frame: pl.DataFrame) -> NDArray[np.float64]:
    return frame.select(pl.col(name).fill_null(np.nan) for name in _SIZES).to_numpy()


CORRECTOR = WeightCorrector
