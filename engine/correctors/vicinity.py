"""What the other fields of the record foretell: in the merchant's records, products of this category are from there."""

from __future__ import annotations

import polars as pl

from connectors.record import FIELDS
from connectors.record import field as described
from engine.correctors.base import ANY_FIELD, Context, Corrector, in_order, of_record, settled
from engine.correctors.learned_value import is_personal
from engine.detect import observed_text
from models.vicinity import VicinityModel

__all__ = ["CORRECTOR", "VicinityCorrector"]

_PROSE = ("record_key", "title", "description", "updated_at")
"""Never a source: unique, or read by correctors of their own."""

_MOST_ROWS = 30_000
_FEWEST_WITNESSES = 3
_FEWEST_SCORE = 0.5
_BLANK = ("-", "--", "n/a", "na", "none", "null", "unknown", "?")


class VicinityCorrector(Corrector):
    """The value that the connection's valid records have beside the same value of another field.

    Fields with personal data are neither asked about nor looked at.

    Attributes
    ----------
    model_ : models.vicinity.VicinityModel or None
    rows_ : int
        Of how many records every one is looked at.
    """

    name = "vicinity"
    handles = frozenset((ANY_FIELD,))

    def __init__(self) -> None:
        self.model_: VicinityModel | None = None
        self._records: pl.LazyFrame | None = None

    def fit(self, context: Context) -> None:
        """Find the fields whose values repeat."""
        have = context.records.collect_schema()
        sources = _sources(set(have))
        if not sources:
            return
        total = context.records.select(pl.len()).collect(engine="streaming").item()
        self._records = context.records.gather_every(max(1, -(-total // _MOST_ROWS)))
        frame = self._records.select(_known(name) for name in sources).collect(engine="streaming")
        self.model_ = VicinityModel().fit(frame)

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The best foretold value of each issue; nothing where it stands there already or the records say too little."""
        asked = questions.filter(~is_personal() & (pl.col("observed").fill_null("").str.len_chars() <= 200))
        found = [self._about(part) for part in asked.partition_by("kind", "field", maintain_order=True)]
        rows = [one for one in found if one is not None]
        if not rows:
            return settled(pl.DataFrame(schema=_ROWS))
        return in_order(settled(pl.concat(rows)), questions)

    def _about(self, asked: pl.DataFrame) -> pl.DataFrame | None:
        kind, field = asked["kind"][0], asked["field"][0]
        if self.model_ is None or self._records is None or not self.model_.columns_:
            return None
        if field == "record_key" or ("." not in field and described(kind, field).dtype != pl.String):
            return None
        if field.partition(".")[0] not in self._records.collect_schema():
            return None
        # A cell that somebody asks about is wrong, and no witness.
        wrong = pl.col("record_key").is_in(asked["record_key"].unique().implode())
        text = observed_text(kind, field)
        values = self._records.select(
            pl.when(~wrong & ~text.str.to_lowercase().is_in(_BLANK)).then(text).alias("value")
        ).collect(engine="streaming")
        neighbours = asked.select(of_record(asked, name).alias(name) for name in self.model_.columns_)
        best = (
            self.model_.predict(field, neighbours, values=values["value"])
            .unique("row", keep="first", maintain_order=True)
            .with_columns(score=pl.col("score") * pl.col("agreement"))
            .filter((pl.col("score") >= _FEWEST_SCORE) & (pl.col("agreed") >= _FEWEST_WITNESSES))
        )
        reason = pl.format(
            "{} of {} records with the same {} have this value; the field foretells it in {} % of the records.",
            *("agreed", "rows", "source"),
            (pl.col("strength") * 100).round().cast(pl.Int64),
        )
        return (
            asked.select("issue_id", pl.col("observed").fill_null(""))
            .with_row_index("row")
            .join(best, on="row", how="inner", maintain_order="left")
            .select(
                "issue_id", "observed", "value", pl.lit(self.name).alias("corrector"), "score", reason.alias("reason")
            )
        )


_ROWS = dict.fromkeys(("issue_id", "observed", "value", "corrector", "reason"), pl.String) | {"score": pl.Float64}


def _sources(have: set[str]) -> list[str]:
    """Text columns of these without personal data, of whichever kind has them."""
    known = {one.name: one for fields in FIELDS.values() for one in fields}
    personal = {one.name for fields in FIELDS.values() for one in fields if one.personal}
    return [
        name
        for name, one in known.items()
        if name in have and name not in personal and name not in _PROSE and one.dtype == pl.String
    ]


def _known(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(~text.str.to_lowercase().is_in(_BLANK)).then(text).alias(name)


CORRECTOR = VicinityCorrector
