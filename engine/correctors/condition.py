"""The merchant's word for an item's condition becomes the one the channel's list has."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from engine.correctors.base import Context, Corrector, Proposal, answered, fits, parameters
from engine.correctors.country import folded

__all__ = ["CORRECTOR", "ConditionCorrector"]

_MEANINGS = {
    "new": (
        *(
            "new",
            "brand new",
            "new other",
            "new in box",
            "factory new",
            "nib",
            "bnib",
            "neu",
            "neuware",
            "neuf",
            "neuve",
        ),
        *("nuevo", "nueva", "nuovo", "nuova", "nieuw", "novo", "nova"),
    ),
    "refurbished": (
        *("refurbished", "refurb", "renewed", "reconditioned", "certified refurbished", "manufacturer refurbished"),
        *("seller refurbished", "generalüberholt", "überholt", "erneuert", "reconditionné", "reacondicionado"),
        *("ricondizionato", "gereviseerd", "recondicionado"),
    ),
    "used": (
        *("used", "like new", "very good", "second hand", "secondhand", "pre owned", "preowned", "used like new"),
        *("used good", "used very good", "used acceptable", "gebraucht", "occasion", "d'occasion", "usado", "usada"),
        *("usato", "gebruikt"),
    ),
}
"""What the words of seven languages mean; a grade within "used" is not told apart from another one."""


class ConditionCorrector(Corrector):
    """Answers only with a value that the rule lists, or with new, refurbished or used where it lists none."""

    name = "condition"
    handles = frozenset(("condition",))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """One condition an issue; nothing for an empty one, since nobody but the merchant can know."""
        return answered(
            self.asked(questions),
            self.name,
            keys={
                "observed": pl.col("observed").fill_null(""),
                "check": pl.col("check").fill_null(""),
                "params": pl.col("params").fill_null(""),
            },
            reply=_reply,
        )


def _reply(observed: str, check: str, params: str) -> Iterator[Proposal]:
    if not fits(observed):
        return
    listed = parameters(params).get("values") if check == "one_of" else None
    allowed = [str(v) for v in listed] if isinstance(listed, list) else list(_MEANINGS)
    text = _spaced(observed)
    same = [value for value in allowed if _spaced(value) == text]
    if same:
        yield Proposal(same[0], 0.97, "The same word in the channel's notation.")
        return
    meaning = _meaning(text)
    fitting = [value for value in allowed if meaning and _meaning(_spaced(value)) == meaning]
    exact = [value for value in fitting if _spaced(value) == meaning]
    if exact or len(fitting) == 1:
        yield Proposal((exact or fitting)[0], 0.9, f"The word means {meaning}.")
    elif len(fitting) > 1:
        for value in fitting[:2]:
            yield Proposal(value, 0.3, f"The word means {meaning}, and the channel grades that further.")


def _meaning(text: str) -> str:
    return next((m for m, words in _MEANINGS.items() if text in {_spaced(word) for word in words}), "")


def _spaced(text: str) -> str:
    return " ".join(folded(text.replace("_", " ")).split())


CORRECTOR = ConditionCorrector
