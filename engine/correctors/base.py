"""The contract of a corrector: a frame of questions in, a frame of candidates out."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from engine.types import CANDIDATES, DECISIONS

if TYPE_CHECKING:
    from engine.correctors.llm.model import LanguageModel

__all__ = [
    "ANY_FIELD",
    "LONGEST_VALUE",
    "MOST_CANDIDATES",
    "Context",
    "Corrector",
    "Proposal",
    "answered",
    "candidates",
    "column",
    "fits",
    "in_order",
    "is_blank",
    "of_record",
    "parameters",
    "settled",
]

ANY_FIELD = "*"

MOST_CANDIDATES = 3
"""Rows an issue that a corrector may answer with."""

LONGEST_VALUE = 200
"""Characters of a value with a format (price, date, phone, ...) beyond which it is prose, and nobody's to read."""

_BLANK = ("", "-", "--", "n/a", "na", "n.a.", "nan", "none", "null", "nil", "unknown", "?", "tbd", "undefined")


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
    language_model : LanguageModel, optional
        Whom the corrector ``llm`` may ask; None where the settings name no provider.
    """

    records: pl.LazyFrame
    decisions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=DECISIONS))
    currency: str = ""
    country: str = ""
    language: str = ""
    seed: int = 0
    language_model: LanguageModel | None = None


class Corrector(ABC):
    """Base of every corrector.

    A rule names the correctors that may answer it (``correction = ["price"]``); correctors that handle `ANY_FIELD`
    are asked about every issue. "No row" means "not mine" and is a normal answer. A value that breaks a rule of the
    channel is dropped by the caller, so a corrector need not check. `fit` is called once a run and connection, before
    `suggest`; a corrector that was not fitted answers without the evidence of the column.

    Attributes
    ----------
    name : str
        File name without ending; used in rules, candidates and statistics.
    handles : frozenset of str
        Canonical fields it can write, or `ANY_FIELD`.
    is_costly : bool
        Whether an answer costs money: then it is asked last, and only what no other corrector could answer, unless the
        settings say otherwise.
    """

    name: str
    handles: frozenset[str]
    is_costly = False

    def fit(self, context: Context) -> None:
        """Learn from the merchant's own records and decisions. The default learns nothing."""
        return

    def asked(self, questions: pl.DataFrame) -> pl.DataFrame:
        """The questions about fields that this corrector handles; ``attributes`` covers every attribute."""
        if ANY_FIELD in self.handles:
            return questions
        name = pl.col("field")
        return questions.filter(
            name.is_in(list(self.handles)) | name.str.split(".").list.first().is_in(list(self.handles))
        )

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


class Proposal(NamedTuple):
    """One answer before it is laid beside its issue.

    Attributes
    ----------
    value : str
    score : float
        Raw, in 0..1.
    reason : str
        One short sentence for a reviewer, without personal data.
    """

    value: str
    score: float
    reason: str


def answered(
    questions: pl.DataFrame,
    name: str,
    *,
    keys: Mapping[str, pl.Expr],
    reply: Callable[..., Iterable[Proposal]],
) -> pl.DataFrame:
    """Candidates from a reply given once for each distinct combination of the keys.

    Parameters
    ----------
    questions : polars.DataFrame
        With the columns of `engine.types.QUESTIONS`.
    name : str
        Name of the corrector.
    keys : mapping of str to polars.Expr
        What the reply depends on, by the argument's name; text expressions over the questions.
    reply : callable
        Called with the keys as keyword arguments, gives any number of proposals.

    Returns
    -------
    polars.DataFrame
        Schema `engine.types.CANDIDATES`, settled.
    """
    keyed = questions.select("issue_id", pl.col("observed").fill_null(""), **{f"key_{k}": e for k, e in keys.items()})
    names = [f"key_{key}" for key in keys]
    distinct = keyed.select(names).unique(maintain_order=True)
    rows = [
        (*values, *proposal)
        for values in distinct.iter_rows()
        for proposal in reply(**dict(zip(keys, values, strict=True)))
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        **dict.fromkeys(names, pl.String),
        "value": pl.String,
        "score": pl.Float64,
        "reason": pl.String,
    }
    replies = pl.DataFrame(rows, schema=schema, orient="row")
    joined = keyed.join(replies, on=names, how="inner", nulls_equal=True, maintain_order="left_right")
    return settled(joined.with_columns(corrector=pl.lit(name)))


def settled(rows: pl.DataFrame) -> pl.DataFrame:
    """Candidates in good order: never the observed value, each value once, at most three an issue, best first.

    Parameters
    ----------
    rows : polars.DataFrame
        Columns of `engine.types.CANDIDATES` and ``observed``; the order of issues is kept.
    """
    return (
        rows.lazy()
        .with_row_index("place")
        .filter(pl.col("value").is_not_null() & (pl.col("value") != pl.col("observed").fill_null("")))
        .with_columns(pl.col("score").clip(0.0, 1.0).round(4), pl.col("place").min().over("issue_id"))
        .sort("place", "score", "value", descending=[False, True, False])
        .unique(["issue_id", "value"], keep="first", maintain_order=True)
        .filter(pl.int_range(pl.len()).over("issue_id") < MOST_CANDIDATES)
        .select(list(CANDIDATES))
        .collect()
    )


def in_order(found: pl.DataFrame, questions: pl.DataFrame) -> pl.DataFrame:
    """The candidates in the order of the questions; those of one issue keep theirs."""
    places = questions.select("issue_id").with_row_index("place")
    return found.join(places, on="issue_id", how="left").sort("place", maintain_order=True).select(list(CANDIDATES))


def of_record(questions: pl.DataFrame, name: str) -> pl.Expr:
    """A canonical text field of the record beside each question; empty where the record lacks it."""
    kind = questions.schema.get("record")
    if not isinstance(kind, pl.Struct) or name not in {one.name for one in kind.fields}:
        return pl.lit("")
    return pl.col("record").struct.field(name).cast(pl.String).fill_null("")


def column(context: Context, *names: str) -> pl.DataFrame:
    """Those columns of the connection's records as text, the missing ones empty.

    Lists and maps cannot be asked for. Records without any of the columns give no rows.
    """
    have = context.records.collect_schema()
    if not set(names) & set(have):
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return context.records.select(
        [(pl.col(n).cast(pl.String).fill_null("") if n in have else pl.lit("")).alias(n) for n in names]
    ).collect()


def parameters(params: str | None) -> dict[str, Any]:
    """The parameters of a rule as a dictionary; empty when there are none or they are not a JSON object."""
    try:
        value = json.loads(params or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def is_blank(text: str) -> bool:
    """Whether the text is empty or one of the words people write when they have no value ("n/a", "-", "unknown")."""
    return text.strip().casefold() in _BLANK


def fits(text: str) -> bool:
    """Whether the text is short enough, and not blank, to be a value with a format."""
    return len(text) <= LONGEST_VALUE and not is_blank(text)
