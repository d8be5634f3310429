"""The simulated reviewer: knows the truth, has a style, is slow, and slips now and then."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

__all__ = ["BRACKETS_G", "Reviewer", "is_right"]

BRACKETS_G = (100, 250, 500, 1000, 2000, 5000, 10_000, 20_000, 31_500, 70_000)
"""Upper ends of a carrier's classes of weight, in grams (DHL Paket and UPS standard tariffs, rounded)."""

DELAY = 50
"""Mean of the geometric delay of a decision, in issues that arrive meanwhile."""

SLIPS = 0.02


@dataclass(frozen=True)
class Reviewer:
    """One of two people.

    Parameters
    ----------
    name : str
    mends : float
        Share of wrong suggestions that are replaced by the right value; the others are just refused.
    """

    name: str
    mends: float

    def verdict(self, suggested: str | None, truth: Mapping[str, Any], random: np.random.Generator) -> tuple[str, str]:
        """``approved``, ``rejected`` or ``modified``, and with the last the value."""
        right = bool(suggested) and is_right(str(suggested), truth)
        if random.random() < SLIPS:
            right = bool(suggested) and not right
        if right:
            return "approved", ""
        if truth["family"] == "decoy" or not truth["is_recoverable"] or random.random() > self.mends:
            return "rejected", ""
        return "modified", str(truth["truth"])


def is_right(suggested: str, truth: Mapping[str, Any]) -> bool:
    """Whether a suggestion is what stood there, or as good: equality after each field's own notation is taken away.

    Parameters
    ----------
    truth : mapping
        ``field, fault, family, truth`` of the fault and the clean ``record``.
    """
    if truth["family"] == "decoy":
        return False
    field, wanted = str(truth["field"]), str(truth["truth"])
    if field in ("price", "sale_price", "quantity"):
        return _number(suggested) is not None and _number(suggested) == _number(wanted)
    if field == "weight_g":
        if truth["fault"] == "weight missing":
            return _bracket(suggested) == _bracket(wanted)
        found, right = _number(suggested), _number(wanted)
        return found is not None and right is not None and abs(found - right) <= max(Decimal(1), right / 100)
    if field == "gtin":
        return suggested.isdigit() and suggested.zfill(14) == wanted.zfill(14)
    if field in ("ordered_at", "shipped_at"):
        return suggested[:10] == wanted[:10]
    if field == "description":
        return _is_traceable(suggested, truth["record"])
    if field == "title" and truth["fault"] == "title too long":
        return _is_shortened(suggested, wanted)
    if field == "title":
        return _folded(suggested) == _folded(wanted) and suggested != suggested.upper()
    if field.startswith("attributes.") and _number(wanted) is not None:
        return _number(suggested) == _number(wanted)
    if field in ("brand", "category") or field.startswith("attributes."):
        return _folded(suggested) == _folded(wanted)
    return suggested.strip() == wanted.strip()


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


def _bracket(text: str) -> int | None:
    grams = _number(text)
    return None if grams is None else int(np.searchsorted(BRACKETS_G, float(grams)))


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _words(text: str) -> list[str]:
    return [one.casefold() for one in re.findall(r"[\w'-]+", text)]


def _is_shortened(suggested: str, title: str) -> bool:
    """The words are the title's own beginning, in their order; a few of the padding may follow, none may be missing."""
    mine, theirs = _words(suggested), _words(title)
    return mine[: len(theirs)] == theirs


def _is_traceable(description: str, record: Mapping[str, Any]) -> bool:
    """Every number and every name in the text stands in the record, and the text speaks of the product."""
    known = " ".join(str(value) for value in record.values()).casefold()
    claims = re.findall(r"\d+(?:[.,]\d+)*|(?<=[a-z,] )[A-Z]\w+", description)
    return len(_words(description)) >= 4 and all(one.casefold() in known for one in claims)
