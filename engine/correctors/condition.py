"""The merchant's word for an item's condition becomes the one the channel's list has; a missing one may be told elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from engine.correctors.base import (
    Context,
    Corrector,
    Proposal,
    answered,
    column,
    fits,
    is_blank,
    of_record,
    parameters,
)
from engine.correctors.country import folded
from engine.habits import Custom, custom

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


_TOLD = ("second hand", "secondhand", "pre owned", "preowned", "gebraucht", *_MEANINGS["refurbished"])
"""Words that mean the condition wherever they stand in a title."""

_LEAST_SHARE = 0.95
"""Share of one condition in the column from which it may fill a gap."""


class ConditionCorrector(Corrector):
    """Answers only with a value that the rule lists, or with new, refurbished or used where it lists none.

    A missing condition is the one that the title names, else the one of nearly all other records.

    Attributes
    ----------
    common_ : engine.habits.Custom or None
        The condition that rules the column, as the merchant writes it.
    """

    name = "condition"
    handles = frozenset(("condition",))

    def __init__(self) -> None:
        self.common_: Custom | None = None

    def fit(self, context: Context) -> None:
        """Find the condition that nearly all records have."""
        values = column(context, "condition")["condition"].str.strip_chars()
        self.common_ = custom(values.filter((values != "") & (values.str.len_chars() <= 60)), least_share=_LEAST_SHARE)

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """One condition an issue, or two where the channel grades further than the word says."""

        def reply(observed: str, check: str, params: str, title: str) -> Iterator[Proposal]:
            listed = parameters(params).get("values") if check == "one_of" else None
            allowed = [str(v) for v in listed] if isinstance(listed, list) else list(_MEANINGS)
            if not is_blank(observed):
                yield from _meant(observed, allowed) if fits(observed) else ()
                return
            words = f" {_spaced(title[:400])} "
            told = next((word for word in _TOLD if f" {_spaced(word)} " in words), "")
            if told:
                yield from _weighed(_meant(told, allowed), 0.9, "The title says so.")
            elif self.common_ is not None and not is_blank(self.common_.value):
                reason = f"{self.common_.records} of {self.common_.known} records have this condition."
                yield from _weighed(_meant(self.common_.value, allowed), self.common_.share, reason)

        return answered(
            self.asked(questions),
            self.name,
            keys={
                "observed": pl.col("observed").fill_null(""),
                "check": pl.col("check").fill_null(""),
                "params": pl.col("params").fill_null(""),
                "title": of_record(questions, "title"),
            },
            reply=reply,
        )


def _weighed(proposals: Iterable[Proposal], share: float, reason: str) -> Iterator[Proposal]:
    return (Proposal(one.value, one.score * share, reason) for one in proposals)


def _meant(observed: str, allowed: Sequence[str]) -> Iterator[Proposal]:
    """Allowed values that a word stands for."""
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
