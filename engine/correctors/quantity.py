"""Quantities written with decimals, grouping or a unit become whole numbers; an oversold stock becomes zero."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import polars as pl

from engine.correctors.base import Context, Corrector, Proposal, answered, fits, parameters

__all__ = ["CORRECTOR", "QuantityCorrector"]

_WHOLE = re.compile(r"([+-]?\d{1,9})(?:[.,]0{1,2})?")
_GROUPED = re.compile(r"\d{1,3}(?:([.,'’\s])\d{3})(?:\1\d{3})*")
_WITH_UNIT = re.compile(r"(\d{1,9})\s*[a-zäöüéèçñ.]{1,12}", re.IGNORECASE)


class QuantityCorrector(Corrector):
    """Answers with a count of units; ranges, fractions and words have no answer."""

    name = "quantity"
    handles = frozenset(("quantity",))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """One whole number, or the limit that the rule states as a doubtful way out."""
        return answered(
            self.asked(questions),
            self.name,
            keys={
                "kind": pl.col("kind"),
                "observed": pl.col("observed").fill_null(""),
                "check": pl.col("check").fill_null(""),
                "params": pl.col("params").fill_null(""),
            },
            reply=_reply,
        )


def _reply(kind: str, observed: str, check: str, params: str) -> Iterator[Proposal]:
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
            yield Proposal("0", 0.75, "More was sold than was there; nothing is left to sell.")
        return
    limit = parameters(params).get("value")
    if check == "maximum" and isinstance(limit, int | float) and count > limit >= 0:
        yield Proposal(str(int(limit)), 0.4, f"{int(limit)} is the most that the channel takes.")
        return
    yield Proposal(str(count), score, reason)


CORRECTOR = QuantityCorrector
