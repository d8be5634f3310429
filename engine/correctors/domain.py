"""A slip of typing goes back to the frequent value of the column that it is near to."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from connectors.record import field as described
from engine.correctors.base import ANY_FIELD, Context, Corrector, Proposal, answered, fits, is_blank
from engine.correctors.learned_value import is_personal
from engine.detect import observed_text
from models.vicinity import DomainModel, Near

__all__ = ["CORRECTOR", "DomainCorrector"]

_FEWEST_ROWS = 5
_MUCH_MORE = 5
"""How many times more records the near value must have before the observed one counts as a slip of it."""

_FEWEST_LETTERS = 4
_FEWEST_SCORE = 0.6
_MOST_DISTINCT = 0.5
"""Share of different values above which a column holds names of single things and not a vocabulary."""


class DomainCorrector(Corrector):
    """Values of the same field in the connection's records, weighed by nearness and frequency.

    Numbers are left alone, since a near number is another number; so are fields with personal data, and fields in which
    most values occur once.
    """

    name = "domain"
    handles = frozenset((ANY_FIELD,))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The frequent value nearest to each observed one, if it is far ahead of the others."""
        asked = questions.filter(~is_personal())
        words = asked.filter(pl.col("observed").fill_null("").str.count_matches(r"\p{L}") >= _FEWEST_LETTERS)
        models = {
            (kind, field): _model(context, kind, field, part["record_key"])
            for (kind, field), part in words.partition_by("kind", "field", as_dict=True, maintain_order=True).items()
        }

        def reply(kind: str, field: str, observed: str) -> Iterator[Proposal]:
            model = models.get((kind, field))
            near = None if model is None else _slip_of(model, observed)
            # A value that is a slip of another one itself is none to go back to.
            if model is not None and near is not None and _slip_of(model, near.value) is None:
                text = f"{near.similarity * 100:.0f} % alike to a value of {near.rows} records of this field."
                yield Proposal(near.value, near.score, text)

        keys = {name: pl.col(name).fill_null("") for name in ("kind", "field", "observed")}
        return answered(words, self.name, keys=keys, reply=reply)


def _model(context: Context, kind: str, field: str, asked: pl.Series) -> DomainModel | None:
    have = context.records.collect_schema()
    if not {"record_key", field.partition(".")[0]} <= set(have):
        return None
    if field == "record_key" or ("." not in field and described(kind, field).dtype != pl.String):
        return None
    # A cell that somebody asks about is wrong, and no witness.
    others = context.records.filter(~pl.col("record_key").is_in(asked.unique().implode()))
    counts = (
        others.select(observed_text(kind, field).alias("value"))
        .filter(pl.col("value") != "")
        .group_by("value")
        .len("rows")
        .collect(engine="streaming")
    )
    if counts.is_empty() or counts.height > _MOST_DISTINCT * int(counts["rows"].sum()):
        return None
    return DomainModel(min_similarity=0.75).fit_counts(counts)


def _slip_of(model: DomainModel, observed: str) -> Near | None:
    if not fits(observed):
        return None
    most = _MUCH_MORE * model.counts_.get(observed, 1)
    for near in model.predict([observed], count=1)[0]:
        if near.rows >= max(_FEWEST_ROWS, most) and near.score >= _FEWEST_SCORE and not is_blank(near.value):
            return near
    return None


CORRECTOR = DomainCorrector
