"""The contract of a corrector: a frame of questions in, a frame of candidates out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from engine.types import CANDIDATES, DECISIONS

__all__ = ["ANY_FIELD", "Context", "Corrector", "candidates"]

ANY_FIELD = "*"


@dataclass(frozen=True)
class Context:
    """What a corrector may look at beside the questions.

    Parameters
    ----------
    records : polars.LazyFrame
        Records of the same kind and connection, canonical columns, as they stand; includes the broken ones.
    decisions : polars.DataFrame
        Human decisions that stand, schema `engine.types.DECISIONS`, oldest first; none newer than the questions.
    currency, country, language : str
        Home of the connection where known: ISO 4217, ISO 3166-1 alpha-2, ISO 639-1; empty where not.
    seed : int
        For every random choice.
    """

    records: pl.LazyFrame
    decisions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DECISIONS))
    currency: str = ""
    country: str = ""
    language: str = ""
    seed: int = 0


class Corrector(ABC):
    """Base of every corrector.

    A rule names the correctors that may answer it (``correction = ["price"]``); correctors that handle `ANY_FIELD`
    are asked about every issue. "No row" means "not mine" and is a normal answer. A value that breaks a rule of the
    channel is dropped by the caller, so a corrector need not check.

    Attributes
    ----------
    name : str
        File name without ending; used in rules, candidates and statistics.
    handles : frozenset of str
        Canonical fields it can write, or `ANY_FIELD`.
    safe : bool
        Whether its values never change the meaning (white space, notation).
    """

    name: str
    handles: frozenset[str]
    safe: bool = False

    def fit(self, context: Context) -> None:
        """Learn from the merchant's own records and decisions. The default learns nothing."""
        return

    @abstractmethod
    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Candidates for the questions.

        Parameters
        ----------
        questions : polars.DataFrame
            Schema `engine.types.QUESTIONS` and the struct column ``record``. Never changed.
        context : Context

        Returns
        -------
        polars.DataFrame
            Schema `engine.types.CANDIDATES`; at most three rows an issue, best first. Never the observed value.
        """


def candidates(rows: Iterable[tuple[str, str, str, float, str]]) -> pl.DataFrame:
    """A frame of candidates from ``(issue_id, value, corrector, score, reason)``."""
    return pl.DataFrame(list(rows), schema=CANDIDATES, orient="row")
