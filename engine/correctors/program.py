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
_MOST_DECISIONS = 400
"""Decisions of one rule and scope that are looked at, the last ones."""

_TENTH = 10
"""Programs are searched anew when the decisions that are looked at have grown, or moved on, by this part of them."""

_LONGEST_DOES = 120
_WHOSE = {("connection",): "here", ("channel",): "on this channel", (): "on all channels"}


class ProgramCorrector(Corrector):
    """Applies the programs that explain what was decided about the same rule before.

    A value is offered only if the programs leave it alone in turn: one that turns month and day around would turn them
    back, and cannot tell a corrected value from a broken one. Fields with personal data have no programs, since their
    values are masked in the decisions.
    """

    name = "program"
    handles = frozenset((ANY_FIELD,))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The value that the programs give; two with low scores where they disagree."""
        names = (*_ABOUT, "connection", "channel")
        asked = questions.filter(~is_personal()).with_columns(pl.col(*names, "observed").fill_null(""))
        evidence = _evidence(context.decisions, asked)
        learners = lru_cache(maxsize=None)(lambda *about: _learner(*evidence[about]) if about in evidence else None)

        def reply(observed: str, **about: str) -> Iterator[Proposal]:
            if not fits(observed) or not _is_text(about["kind"], about["field"]):
                return
            for scope in SCOPES:
                learner = learners(scope, *(about[name] for name in (*_ABOUT, *scope)))
                found = learner.predict([observed])[0] if learner is not None else []
                if learner is not None and found:
                    for one in found:
                        if not learner.predict([one.value])[0]:
                            yield Proposal(one.value, one.score, _reason(one, _WHOSE[scope]))
                    return

        return answered(asked, self.name, keys={name: pl.col(name) for name in (*names, "observed")}, reply=reply)


def _evidence(
    decisions: pl.DataFrame, asked: pl.DataFrame
) -> dict[tuple[object, ...], tuple[int, list[str], list[str], list[bool]]]:
    """By scope, its values and what the decisions are about: how many there are, and the last of them."""
    told = _told(decisions.join(asked.select(_ABOUT).unique(), on=_ABOUT, how="semi", maintain_order="left"))
    found = {}
    for scope in SCOPES:
        about = [*_ABOUT, *scope]
        grouped = (
            told.join(asked.select(about).unique(), on=about, how="semi", maintain_order="left")
            .group_by(about, maintain_order=True)
            .agg(pl.len(), pl.col("before", "after", "wanted").tail(_MOST_DECISIONS + _MOST_DECISIONS // _TENTH))
        )
        for row in grouped.iter_rows():
            found[scope, *row[: len(about)]] = row[len(about) :]
    return found


def _learner(count: int, befores: list[str], afters: list[str], wanted: list[bool]) -> ProgramLearner:
    """Searched on the decisions up to the last step, those since counted in the records of what was found.

    The step follows from the number of decisions alone, so the same decisions give the same answers whenever one asks.
    """
    examples = tuple(map(Example, befores, afters, wanted))
    since = count % max(1, min(count, _MOST_DECISIONS) // _TENTH)
    learner = _searched(examples[: len(examples) - since][-_MOST_DECISIONS:])
    return learner.counting(examples[len(examples) - since :]) if since else learner


@lru_cache(maxsize=1_024)
def _searched(evidence: tuple[Example, ...]) -> ProgramLearner:
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
