"""Quantities written with decimals, grouping or a unit become whole numbers; an oversold stock becomes zero."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

import polars as pl

from engine.correctors.base import Context, Corrector, Proposal, answered, fits, parameters
from engine.habits import Habits, habits

__all__ = ["CORRECTOR", "QuantityCorrector"]

_WHOLE = re.compile(r"([+-]?\d{1,9})(?:[.,]0{1,2})?")
_GROUPED = re.compile(r"\d{1,3}(?:([.,'’\s])\d{3})(?:\1\d{3})*")
_WITH_UNIT = re.compile(r"(\d{1,9})\s*[a-zäöüéèçñ.]{1,12}", re.IGNORECASE)


_NEGATIVE = {"zero": 3.0, "sign": 1.0}
"""What a negative stock stands for, with the decisions that the belief counts for: sold out, or a stray minus sign."""


class QuantityCorrector(Corrector):
    """Answers with a count of units; ranges, fractions and words have no answer.

    Attributes
    ----------
    habits_ : dict
        What people of each connection took a negative stock for, see `engine.habits`.
    """

    name = "quantity"
    handles = frozenset(("quantity",))

    def __init__(self) -> None:
        self.habits_: Habits = {}

    def fit(self, context: Context) -> None:
        """Learn what a negative stock stood for."""
        self.habits_ = habits(context.decisions, self.handles, _option_of, shape=r"^\s*-\s*[1-9]")

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """One whole number, or the limit that the rule states as a doubtful way out; two for a negative stock."""

        def reply(kind: str, observed: str, check: str, params: str, connection: str) -> Iterator[Proposal]:
            return _reply(kind, observed, check, params, self.habits_.get((connection, "quantity"), {}))

        return answered(
            self.asked(questions),
            self.name,
            keys={
                "kind": pl.col("kind"),
                "observed": pl.col("observed").fill_null(""),
                "check": pl.col("check").fill_null(""),
                "params": pl.col("params").fill_null(""),
                "connection": pl.col("connection").fill_null(""),
            },
            reply=reply,
        )


def _option_of(observed: str, value: str) -> str:
    before, after = _WHOLE.fullmatch(observed.strip()), _WHOLE.fullmatch(value.strip())
    if before is None or after is None:
        return ""
    return {0: "zero", -int(before[1]): "sign"}.get(int(after[1]), "")


def _reply(kind: str, observed: str, check: str, params: str, chosen: Mapping[str, int]) -> Iterator[Proposal]:
    if not fits(observed):
        return
    text = unicodedata.normalize("NFKC", observed).strip()
    plain, grouped, unit = (pattern.fullmatch(text) for pattern in (_WHOLE, _GROUPED, _WITH_UNIT))
    if plain is not None:
        count, score, reason = int(plain[1]), 0.97, "The same number without its decimals or sign."
    elif grouped is not None:
        count, score, reason = int(re.sub(r"\D", "", text)), 0.6, "Read as thousands with a separator."
        if re.fullmatch(r"\d{1,3}[.,]000", text):
            yield Proposal(str(int(text[:-4])), 0.3, "Read as a whole number with three decimals.")
    elif unit is not None:
        count, score, reason = int(unit[1]), 0.85, "The number without the word after it."
    else:
        return
    if count < 0:
        if kind != "order_line":
            mass = {option: max(belief + chosen.get(option, 0), 0.1) for option, belief in _NEGATIVE.items()}
            shares = {option: one / sum(mass.values()) for option, one in mass.items()}
            yield Proposal("0", shares["zero"], "More was sold than was there; nothing is left to sell.")
            yield Proposal(str(-count), shares["sign"], "The minus sign may be a stray one.")
        return
    limit = parameters(params).get("value")
    if check == "maximum" and isinstance(limit, int | float) and count > limit >= 0:
        yield Proposal(str(int(limit)), 0.4, f"{int(limit)} is the most that the channel takes.")
        return
    yield Proposal(str(count), score, reason)


CORRECTOR = QuantityCorrector
