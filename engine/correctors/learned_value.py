"""What people answered before: the same observed value in the same field gets the value that was decided then.

The score is the lower end of the Wilson score interval of the agreement (E. B. Wilson, "Probable inference, the law of
succession, and statistical inference", JASA 22, 1927), so three of three counts for less than thirty of thirty, and a
contradiction lowers it.
"""

from __future__ import annotations

import polars as pl

from connectors.record import FIELDS
from engine.correctors.base import ANY_FIELD, Context, Corrector, in_order, settled
from models.programs import wilson_lower

__all__ = ["CORRECTOR", "SCOPES", "LearnedValueCorrector", "is_personal", "wilson_lower"]

SCOPES = (("connection",), ("channel",), ())
"""Narrowest first: what this connection decided outweighs what others did."""

_FOLDED = 0.95
_LONGEST = 2_000


class LearnedValueCorrector(Corrector):
    """A map from observed to decided values for each kind and field, of the connection, the channel and everybody.

    The narrowest scope that knows the value answers. An empty value is answered too when people always filled it alike.
    Fields with personal data have no map, since their values are masked in the decisions.
    """

    name = "learned_value"
    handles = frozenset((ANY_FIELD,))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The values decided before for the same observed value, the most agreed first."""
        asked = (
            questions.drop("record", strict=False).filter(~is_personal()).with_columns(pl.col("observed").fill_null(""))
        )
        decisions = context.decisions.join(asked, on=["kind", "field"], how="semi", maintain_order="left").filter(
            ~is_personal() & (pl.col("observed").fill_null("").str.len_chars() <= _LONGEST)
        )
        found = []
        for folded in (False, True):
            told = decisions.with_columns(_key(folded=folded).alias("key"))
            keyed = asked.with_columns(_key(folded=folded).alias("key"))
            unknown = keyed.join(told, on=["kind", "field", "key"], how="anti", maintain_order="left")
            keyed = keyed.join(told, on=["kind", "field", "key"], how="semi", maintain_order="left")
            for scope in SCOPES:
                on = ["kind", "field", "key", *scope]
                if keyed.is_empty():
                    break
                known = _value_map(told, keyed.select(on).unique(), scope, folded=folded)
                hits = keyed.join(known, on=on, how="inner", maintain_order="left_right")
                found.append(
                    hits.select(
                        "issue_id",
                        "observed",
                        "value",
                        pl.lit(self.name).alias("corrector"),
                        pl.col("score") * (_FOLDED if folded else 1.0),
                        _reason(scope, folded=folded).alias("reason"),
                    )
                )
                keyed = keyed.join(known.select(on).unique(), on=on, how="anti", maintain_order="left")
            asked = pl.concat([keyed, unknown]).drop("key")
        empty = pl.DataFrame(schema=dict.fromkeys(("issue_id", "observed", "value", "corrector"), pl.String))
        rows = found or [empty.with_columns(score=pl.lit(0.0), reason=pl.lit(""))]
        return in_order(settled(pl.concat(rows).filter(pl.col("score") > 0.0)), questions)


def is_personal() -> pl.Expr:
    """Whether the columns ``kind`` and ``field`` name personal data, which no learner may see."""
    personal = [f"{kind} {one.name}" for kind, fields in FIELDS.items() for one in fields if one.personal]
    return pl.concat_str([pl.col("kind"), pl.col("field")], separator=" ").is_in(personal)


def _value_map(decisions: pl.DataFrame, asked: pl.DataFrame, scope: tuple[str, ...], *, folded: bool) -> pl.DataFrame:
    """Values decided in that scope for the keys asked about: kind, field, key, the scope, value, agreed, decided, score."""
    on = ["kind", "field", "key", *scope]
    keyed = decisions.join(asked, on=on, how="semi", maintain_order="left").with_columns(
        pl.col("final", "suggested").fill_null("")
    )
    accepted = keyed.filter(pl.col("verdict").is_in(["approved", "modified"]))
    # A modification also says that the suggestion was wrong.
    refused = keyed.filter(
        (pl.col("verdict") == "rejected")
        | ((pl.col("verdict") == "modified") & (pl.col("suggested") != pl.col("final")) & (pl.col("suggested") != ""))
    )
    agreed = accepted.group_by([*on, pl.col("final").alias("value")]).agg(pl.len().alias("agreed"))
    against = refused.group_by([*on, pl.col("suggested").alias("value")]).agg(pl.len().alias("refused"))
    totals = accepted.group_by(on).agg(pl.len().alias("accepted"))
    # A value that people corrected in turn is not a good value, and offering it would never come to rest.
    fields = [name for name in on if name != "key"]
    moved = decisions.filter(pl.col("verdict").is_in(["approved", "modified"])).select(
        *fields, pl.col("key").alias("moved")
    )
    value_key = _folded(pl.col("value")) if folded else pl.col("value")
    return (
        agreed.join(against, on=[*on, "value"], how="left")
        .join(totals, on=on, how="inner")
        .with_columns(pl.col("refused").fill_null(0), moved=value_key)
        .join(moved.unique().with_columns(corrected=pl.lit(True)), on=[*fields, "moved"], how="left")
        .filter(
            (pl.col("refused") <= pl.col("agreed"))
            & (pl.col("corrected").is_null() | (pl.col("moved") == pl.col("key")))
        )
        .filter((pl.col("key") != "") | (pl.col("agreed") >= 2))
        .with_columns(decided=pl.col("accepted") + pl.col("refused"))
        .with_columns(
            score=wilson_lower(pl.col("agreed").cast(pl.Float64), pl.col("decided").cast(pl.Float64)).clip(0.0, 1.0)
        )
        .select(*on, "value", "agreed", "decided", "score")
        .sort("agreed", "value", descending=[True, False])
    )


def _key(*, folded: bool) -> pl.Expr:
    observed = pl.col("observed").fill_null("")
    return _folded(observed) if folded else observed


def _folded(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def _reason(scope: tuple[str, ...], *, folded: bool) -> pl.Expr:
    who = {"connection": "here", "channel": "on this channel"}.get("".join(scope), "on all channels")
    what = "this value apart from case and blanks" if folded else "exactly this value"
    return pl.format(
        "People chose this {} of {} times {} for {}.", pl.col("agreed"), pl.col("decided"), pl.lit(who), pl.lit(what)
    )


CORRECTOR = LearnedValueCorrector
