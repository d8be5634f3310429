"""Lengths with a unit or a decimal comma become plain millimetres."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from engine.correctors.base import Context, Corrector, Proposal, answered, fits
from engine.measures import readings

__all__ = ["CORRECTOR", "DimensionsCorrector"]


class DimensionsCorrector(Corrector):
    """Reads what is written; a missing length has no answer, since nothing in a record tells it."""

    name = "dimensions"
    handles = frozenset(("length_mm", "width_mm", "height_mm"))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Millimetres as plain text."""
        return answered(
            self.asked(questions), self.name, keys={"observed": pl.col("observed").fill_null("")}, reply=_reply
        )


def _reply(observed: str) -> Iterator[Proposal]:
    if fits(observed):
        for reading in readings(observed, "millimeter"):
            if reading.text != observed:
                yield Proposal(reading.text, reading.score, reading.reason)


CORRECTOR = DimensionsCorrector
