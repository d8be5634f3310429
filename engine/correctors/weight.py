"""Weights with a unit, in the wrong unit, or missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

import numpy as np
import pint
import polars as pl
from numpy.typing import NDArray

from engine.correctors.base import Context, Corrector, Proposal, column, fits, is_blank, of_record, settled
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
        asked = mine.select(
            "issue_id",
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
            for issue, observed, interval in zip(asked["issue_id"], asked["observed"], intervals, strict=True)
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

    def _proposals(self, observed: str, interval: WeightInterval | None) -> Iterator[Proposal]:
        written = _read(observed) if fits(observed) else []
        if interval is None or self.estimator_ is None:
            yield from written
            return
        usual = f"products like this weigh {_grams(interval.low)} to {_grams(interval.high)} g"
        if not written:
            text = observed.strip()
            if is_blank(text) or (_PLAIN.fullmatch(text) and float(text.replace(",", ".")) == 0):
                yield _estimate(interval, usual)
            return
        for proposal in written:
            slips = self.estimator_.slips(float(proposal.value), interval)
            # The notation alone would leave an implausible weight, and the next run would ask again.
            if not slips:
                yield proposal
            for slip in slips:
                reason = f"Probably {slip.meaning}: {usual}."
                yield Proposal(_grams(slip.weight_g), slip.score * max(proposal.score, 0.5), reason)


def _estimate(interval: WeightInterval, usual: str) -> Proposal:
    low, high = (int(np.searchsorted(BRACKETS_G, edge)) for edge in (interval.low, interval.high))
    if low != high:
        score = 0.35 if high - low == 1 else 0.2
        return Proposal(_grams(interval.middle), score, f"A rough estimate: {usual}, across parcel brackets.")
    limit = f"up to {BRACKETS_G[low]:.0f} g" if low < len(BRACKETS_G) else f"above {BRACKETS_G[-1]:.0f} g"
    return Proposal(_grams(interval.middle), 0.7, f"An estimate: {usual}, all in one parcel bracket ({limit}).")


def _read(observed: str) -> list[Proposal]:
    """Readings of the text as positive grams; a plain number is one reading, which equals the text."""
    text = observed.strip()
    plain, with_unit = _PLAIN.fullmatch(text), _WITH_UNIT.fullmatch(text)
    if plain is not None:
        number, factor, note = text, 1.0, "A decimal comma became a decimal point."
    elif with_unit is not None:
        number, factor = with_unit[1], _factor(with_unit[2])
        note = f"Converted from the unit that is written, {with_unit[2]}."
    else:
        return []
    grams = float(number.replace(",", ".")) * factor
    if not 0.0 < grams < 1e8:
        return []
    if re.fullmatch(r"[1-9]\d{0,2},\d{3}", number) and factor == 1.0:
        grouped = f"{int(number.replace(',', ''))}"
        return [Proposal(grouped, 0.6, "The comma groups thousands."), Proposal(_grams(grams), 0.3, note)]
    exact = text if plain is not None and "," not in text else _grams(grams)
    return [Proposal(exact, 0.85 if plain is not None else 0.97, note)]


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
    return f"{weight:.0f}" if weight >= 10 else f"{weight:.4f}".rstrip("0").rstrip(".")


def _sizes(frame: pl.DataFrame) -> NDArray[np.float64]:
    return frame.select(pl.col(name).fill_null(np.nan) for name in _SIZES).to_numpy()


CORRECTOR = WeightCorrector
