"""A missing or misspelt brand, from the brands that the merchant's valid records carry."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import polars as pl

from engine.correctors.base import Context, Corrector, Proposal, answered, column, is_blank, of_record, parameters
from engine.correctors.country import folded
from models.brand import BrandGazetteer

__all__ = ["CORRECTOR", "BrandCorrector"]

_NO_BRANDS = (
    "no brand",
    "no name",
    "noname",
    "unbranded",
    "generic",
    "does not apply",
    "ohne marke",
    "sans marque",
    "other",
)
_MUCH_MORE = 5
"""How many times more records the known brand must have before another spelling counts as a slip."""


class BrandCorrector(Corrector):
    """Spelling of a known brand, a near miss of one, or the known brand that stands in the title.

    Attributes
    ----------
    gazetteer_ : models.brand.BrandGazetteer or None
    """

    name = "brand"
    handles = frozenset(("brand",))

    def __init__(self) -> None:
        self.gazetteer_: BrandGazetteer | None = None

    def fit(self, context: Context) -> None:
        """Learn the brands and how reliably a title names them."""
        frame = column(context, "title", "brand").with_columns(pl.col("brand").str.strip_chars())
        valid = frame.filter((pl.col("brand") != "") & (pl.col("brand").str.len_chars() <= 80))
        distinct = valid["brand"].unique().to_list()
        refused = [brand for brand in distinct if _is_none(brand)]
        valid = valid.filter(~pl.col("brand").is_in(refused))
        self.gazetteer_ = _fitted(tuple(valid["title"]), tuple(valid["brand"]), context.seed)

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Up to three brands an issue, all of them known; nothing where no known brand is near or in the title."""
        return answered(
            self.asked(questions),
            self.name,
            keys={
                "observed": pl.col("observed").fill_null(""),
                "title": of_record(questions, "title"),
                "check": pl.col("check").fill_null(""),
                "params": pl.col("params").fill_null(""),
            },
            reply=self._reply,
        )

    def _reply(self, observed: str, title: str, check: str, params: str) -> Iterator[Proposal]:
        gazetteer = self.gazetteer_
        if gazetteer is None or len(observed) > 200:
            return
        listed = parameters(params).get("values") if check == "one_of" else None
        allowed = {str(value) for value in listed} if isinstance(listed, list) else None
        proposals = [p for p in self._all(gazetteer, observed, title) if allowed is None or p.value in allowed]
        if allowed and not proposals and not _is_none(observed):
            proposals = [
                Proposal(value, 0.9, "The same name in the channel's notation.")
                for value in sorted(allowed)
                if folded(value) == folded(observed)
            ]
        yield from proposals

    def _all(self, gazetteer: BrandGazetteer, observed: str, title: str) -> Iterator[Proposal]:
        empty = _is_none(observed)
        if not empty:
            known, records = gazetteer.spelling(observed)
            if known and known == " ".join(observed.split()) and records >= 2:
                # The merchant writes it so; a rule that refuses it knows something that the catalogue does not.
                return
            if known and known != observed:
                yield Proposal(known, 0.92, f"{records} records write this brand so.")
                return
            near, count, similarity = gazetteer.nearest(observed)
            if near and count >= _MUCH_MORE * max(records, 1):
                score = 0.85 if similarity >= 92 else 0.7
                yield Proposal(near, score, f"{similarity:.0f} % alike to the brand of {count} records.")
                return
        for guess in gazetteer.predict([title])[0] if gazetteer.is_ready_ else ():
            place = "starts with" if guess.first else "names"
            score = guess.score if empty else 0.5 * guess.score
            yield Proposal(
                guess.brand, score, f"The title {place} a brand of {guess.records} of the merchant's records."
            )


def _is_none(brand: str) -> bool:
    return is_blank(brand) or brand.strip().casefold() in _NO_BRANDS


@lru_cache(maxsize=8)
def _fitted(titles: tuple[str, ...], brands: tuple[str, ...], seed: int) -> BrandGazetteer:
    """Learned once for the same records, whichever run asks."""
    return BrandGazetteer(seed=seed).fit(titles, brands)


CORRECTOR = BrandCorrector
