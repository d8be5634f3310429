"""Readings of a measure as people write it ("1,3 kg", "20 cm", "1.300,5") in the unit that the records use."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

import pint

__all__ = ["Reading", "plain_number", "readings", "written"]

_NUMBER = r"\d{1,9}(?:[.,]\d{1,6})?|\d{1,3}(?:\.\d{3})+,\d{1,6}|\d{1,3}(?:,\d{3})+\.\d{1,6}"
_PLAIN = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_ALONE = re.compile(_NUMBER)
_WITH_UNIT = re.compile(rf"({_NUMBER})\s*([a-zA-Zµ\"″]{{1,12}})\.?")
_UNITS = {
    **dict.fromkeys(("kgs", "kilo", "kilos"), "kilogram"),
    **dict.fromkeys(("g", "gr", "gramm", "gramme", "grammes", "gramos", "grammi"), "gram"),
    **dict.fromkeys(("lbs", "libras", "livres"), "pound"),
    **dict.fromkeys(("ozs", "unzen", "onces"), "ounce"),
    **dict.fromkeys(("zoll", "pouces", "pulgadas", "pollici", '"', "″", "in"), "inch"),
    **dict.fromkeys(("mètre", "metro", "metros", "metri"), "meter"),
    "t": "metric_ton",
    "pfund": "",
}
"""Units as people write them beside what pint knows; a Pfund is half a kilogram or a pound, so it stays open."""


class Reading(NamedTuple):
    """One way to read a text.

    Attributes
    ----------
    amount : float
        In the unit of the records, positive.
    text : str
        The amount as plain text; the text itself where that is plain already.
    score : float
        In 0..1.
    reason : str
    """

    amount: float
    text: str
    score: float
    reason: str


def readings(text: str, unit: str) -> list[Reading]:
    """Positive amounts that a text can stand for, the likeliest first; empty when it is no measure.

    Parameters
    ----------
    text : str
    unit : str
        Unit of the records by pint's name, ``gram`` or ``millimeter``; a number without a unit is in it.
    """
    stripped = text.strip()
    if _PLAIN.fullmatch(stripped):
        return _positive(float(stripped), stripped, 0.9, "Already a plain number.")
    with_unit = _WITH_UNIT.fullmatch(stripped)
    if with_unit is not None:
        factor = _factor(with_unit[2], unit)
        note, number = f"Converted from the unit that is written, {with_unit[2]}.", with_unit[1]
    elif _ALONE.fullmatch(stripped):
        factor, note, number = 1.0, "The separators became a decimal point.", stripped
    else:
        return []
    amount = plain_number(number) * factor
    if re.fullmatch(r"[1-9]\d{0,2},\d{3}", number) and factor == 1.0:
        grouped = float(number.replace(",", ""))
        whole = _positive(grouped, _exact(grouped), 0.6, "The comma groups thousands.")
        return whole + _positive(amount, _exact(amount), 0.3, note)
    return _positive(amount, _exact(amount), 0.97 if with_unit is not None else 0.85, note)


def plain_number(text: str) -> float:
    """The number of digits with a decimal point or comma; where both stand in it, the last is the decimal one."""
    last = max(text.rfind("."), text.rfind(","))
    return float(re.sub(r"[.,]", "", text[:last]) + "." + text[last + 1 :]) if last >= 0 else float(text)


def written(amount: float) -> str:
    """An estimated amount as plain text, whole from ten on."""
    return f"{amount:.0f}" if amount >= 10 else _exact(amount)


def _exact(amount: float) -> str:
    return f"{amount:.4f}".rstrip("0").rstrip(".")


def _positive(amount: float, text: str, score: float, reason: str) -> list[Reading]:
    return [Reading(amount, text, score, reason)] if 0.0 < amount < 1e9 and text not in ("0", "") else []


@cache
def _registry() -> pint.UnitRegistry:
    return pint.UnitRegistry()


@lru_cache(maxsize=1_000)
def _factor(name: str, unit: str) -> float:
    """How many of `unit` are in one of the named unit; 0 for a word that is no unit of that kind."""
    known = _UNITS.get(name.casefold(), name.casefold())
    try:
        return float(_registry().Quantity(1.0, known).to(unit).magnitude) if known else 0.0
    except (pint.PintError, AttributeError, ValueError, TypeError):
        return 0.0
