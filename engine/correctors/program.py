"""What people's corrections have in common: programs learned from decisions, applied to values that nobody decided on.

Learned for each rule, kind and field, from the decisions of the connection, else of the channel, else of everybody. What
a program is and when it is kept is told in `models.programs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import polars as pl

from connectors.record import field as described
from engine.correctors.base import ANY_FIELD, Context, Corrector, Proposal, answered, fits
from engine.correctors.learned_value import SCOPES, is_personal
from models.programs import Example, ProgramLearner, Rewrite

__all__ = ["CORRECTOR", "ProgramCorrector"]

_ABOUT = ("kind", "field", "rule_id")
_MOST_DECISIONS = 1_000
"""Decisions of one rule and scope that are looked at, the last ones."""

_LONGEST_DOES = 120
_WHOSE = {("connection",): "here", ("channel",): "on this channel", (): "on all channels"}


class ProgramCorrector(Corrector):
    """Applies the programs that explain what was decided about the same rule before.

    A value is offered only if the programs leave it alone in turn: one that turns month and day around would turn them
    back, and cannot tell a corrected value from a broken one. Fields with personal data have no programs, since their
    values are masked in the decisions.

    Attributes
    ----------
    evidence_ : dict of tuple to tuple of Example
        By scope, its values and what the decisions are about: what was wanted, and what was refused.
    """

    name = "program"
    handles = frozenset((ANY_FIELD,))

    def __init__(self) -> None:
        self.evidence_: dict[tuple[object, ...], tuple[Example, ...]] = {}

    def fit(self, context: Context) -> None:
        """Gather the decisions by what they are about; programs are searched when a value is asked about."""
        told = _told(context.decisions)
        self.evidence_ = {}
        for scope in SCOPES:
            grouped = told.group_by(*_ABOUT, *scope, maintain_order=True).agg(
                pl.col("before", "after", "wanted").tail(_MOST_DECISIONS)
            )
            for *about, befores, afters, wanted in grouped.iter_rows():
                self.evidence_[scope, *about] = tuple(map(Example, befores, afters, wanted))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The value that the programs give; two with low scores where they disagree."""
        asked = questions.filter(~is_personal())

        def reply(observed: str, **about: str) -> Iterator[Proposal]:
            if not fits(observed) or not _is_text(about["kind"], about["field"]):
                return
            for scope in SCOPES:
                evidence = self.evidence_.get((scope, *(about[name] for name in (*_ABOUT, *scope))))
                learner = _learned(evidence) if evidence else None
                found = learner.predict([observed])[0] if learner is not None else []
                if learner is not None and found:
                    for one in found:
                        if not learner.predict([one.value])[0]:
                            yield Proposal(one.value, one.score, _reason(one, _WHOSE[scope]))
                    return

        names = (*_ABOUT, "connection", "channel")
        keys = {name: pl.col(name).fill_null("") for name in names} | {"observed": pl.col("observed").fill_null("")}
        return answered(asked, self.name, keys=keys, reply=reply)


@lru_cache(maxsize=256)
def _learned(evidence: tuple[Example, ...]) -> ProgramLearner:
    """Searched once for the same decisions, whichever run asks."""
    return ProgramLearner().fit(evidence)


def _told(decisions: pl.DataFrame) -> pl.DataFrame:
    """What decisions say, oldest first: `after` was wanted for `before`, or refused."""
    known = decisions.filter(~is_personal()).with_columns(
        pl.col("observed", "suggested", "final").fill_null(""), pl.col("kind", *_ABOUT[1:], "connection", "channel")
    )
    verdict, suggested = pl.col("verdict"), pl.col("suggested")
    # A modification says two things: what is wanted, and that the suggestion was not.
    said = known.with_columns(
        said=pl.when(verdict == "rejected")
        .then(pl.concat_list(suggested))
        .when((verdict == "modified") & (suggested != pl.col("final")) & (suggested != ""))
        .then(pl.concat_list("final", suggested))
        .otherwise(pl.concat_list("final"))
    )
    return (
        said.with_row_index("place")
        .explode("said")
        .with_columns(wanted=(verdict != "rejected") & (pl.int_range(pl.len()).over("place") == 0))
        .select(
            *_ABOUT,
            "connection",
            "channel",
            pl.col("observed").alias("before"),
            pl.col("said").alias("after"),
            "wanted",
        )
    )


def _is_text(kind: str, field: str) -> bool:
    return "." in field or described(kind, field).dtype == pl.String


def _reason(found: Rewrite, whose: str) -> str:
    does = found.does if len(found.does) <= _LONGEST_DOES else f"{found.does[:_LONGEST_DOES]}..."
    if found.is_disputed:
        return f"One of several readings that explain the decisions {whose}: {does}."
    return f"Explains {found.agreed} of {found.decided} different values decided {whose}: {does}."


CORRECTOR = ProgramCorrector
