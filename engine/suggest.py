"""From issues to ranked candidates with a measured confidence: ask the correctors, drop what breaks a rule, weigh the rest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from connectors.record import schema
from engine.correctors import ANY_FIELD, Context, Corrector, correctors
from engine.correctors.llm import LanguageModel
from engine.detect import Validator, observed_text
from engine.drift import CHANGES, standing_evidence
from engine.error_bounds import with_error_bounds
from engine.features import with_features
from engine.knowledge import Knowledge
from engine.rules import Rule
from engine.settings import Settings
from engine.types import CANDIDATES, QUESTIONS
from models.certificate import NO_SLIPS, SlipRate
from models.confidence import CATEGORICAL, FEATURES, ConfidenceModel

__all__ = ["Suggester", "build_questions", "replace_field"]

_MOST_IN_MEMORY = 50_000
"""Records; about 100 MB of them."""

WEIGHED = CANDIDATES | {
    "rank": pl.Int64,
    "confidence": pl.Float64,
    "lower": pl.Float64,
    "error_bound": pl.Float64,
    "evidence": pl.Int64,
    "features": pl.String,
    "pattern_decided": pl.Float64,
    "pattern_approved": pl.Float64,
}
"""Schema of `Suggester.suggest`: candidates, the best of an issue has rank 1; ``features`` is JSON text."""


def build_questions(issues: pl.DataFrame, records: pl.DataFrame, rules: Mapping[str, Rule]) -> pl.DataFrame:
    """Issues joined with their whole records: schema `engine.types.QUESTIONS` and the struct column ``record``.

    An issue whose record is not in `records`, or whose rule is no longer in force, gives no question.
    """
    if issues.is_empty():
        return pl.DataFrame(schema=QUESTIONS | {"record": pl.Struct({})})
    kind = _only(issues["kind"])
    names = [name for name in schema(kind) if name != "raw"]
    meaning = pl.DataFrame(
        [(rule.id, rule.check, json.dumps(dict(rule.params), default=str)) for rule in rules.values()],
        schema={"rule_id": pl.String, "check": pl.String, "params": pl.String},
        orient="row",
    )
    keyed = records.select(
        "record_key", pl.struct(names).alias("record"), *_observed_columns(kind, issues["field"].unique().to_list())
    )
    joined = (
        issues.drop("observed", strict=False)
        .join(meaning, on="rule_id", how="inner")
        .join(keyed, on="record_key", how="inner")
    )
    parts = [
        part.with_columns(pl.col(f"observed:{field}").alias("observed"))
        for (field,), part in joined.partition_by("field", as_dict=True, maintain_order=True).items()
    ]
    joined = pl.concat(parts) if parts else joined.with_columns(pl.lit("").alias("observed"))
    return joined.select([*QUESTIONS, "record"])


def replace_field(records: pl.DataFrame, field: str, values: pl.Series) -> pl.DataFrame:
    """The records with one field set to the given texts (``images``: JSON lists; ``attributes.<name>``: that attribute)."""
    root, _, attribute = field.partition(".")
    if attribute:
        lists = [
            [*(pair for pair in pairs if pair["key"] != attribute), {"key": attribute, "value": value}]
            for pairs, value in zip(records[root].to_list(), values, strict=True)
        ]
        return records.with_columns(pl.Series(root, lists, dtype=records.schema[root]))
    if records.schema[root] == pl.String:
        return records.with_columns(values.alias(root))
    return records.with_columns(values.str.json_decode(records.schema[root]).alias(root))


class Suggester:
    """Suggestions for the issues of one connection and kind.

    Parameters
    ----------
    validator : engine.detect.Validator
        Rules of the channel for this kind.
    records : polars.LazyFrame
        All records of that connection and kind.
    knowledge : Knowledge
    model : ConfidenceModel
    settings : Settings
    changes : polars.DataFrame, optional
        Changes of error rates, schema `engine.drift.CHANGES`: decisions from before them are no evidence.
    language_model : LanguageModel, optional
        Whom the corrector ``llm`` may ask.
    slips : SlipRate
        Of the reviewers, see `engine.error_bounds.slip_rate`.
    """

    def __init__(
        self,
        validator: Validator,
        records: pl.LazyFrame,
        knowledge: Knowledge,
        model: ConfidenceModel,
        settings: Settings,
        changes: pl.DataFrame | None = None,
        language_model: LanguageModel | None = None,
        slips: SlipRate = NO_SLIPS,
    ) -> None:
        self._slips = slips
        self._validator = validator
        self._rules = {rule.id: rule for rule in validator.rules}
        records = _at_hand(records)
        self._knowledge = knowledge
        self._model = model
        self._settings = settings
        self._context = Context(
            records=records,
            decisions=knowledge.refresh(),
            seed=settings.seed,
            language_model=language_model,
            **_home(records),
        )
        self._changes = pl.DataFrame(schema=CHANGES) if changes is None else changes
        self._fitted: dict[str, Corrector] = {}

    def questions(self, issues: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
        """See `build_questions`."""
        return build_questions(issues, records, self._rules)

    def suggest(self, questions: pl.DataFrame) -> pl.DataFrame:
        """At most ``max_suggestions`` candidates an issue, schema `WEIGHED`; issues without any are left out."""
        proposed = self._proposed(questions)
        if proposed.is_empty():
            return pl.DataFrame(schema=WEIGHED)
        decisions = standing_evidence(self._context.decisions, self._changes)
        proposed = proposed.join(questions.drop("record"), on="issue_id", how="inner", maintain_order="left")
        similar = self._knowledge.similar_patterns(proposed["pattern_id"].unique(maintain_order=True).to_list())
        safe = {rule.id: rule.fix == "safe" for rule in self._rules.values()}
        featured = with_features(proposed, decisions, similar, self._frequencies(proposed), safe)
        seen = featured.select([*FEATURES, *CATEGORICAL])
        predicted = self._model.predict(seen)
        weighed = featured.with_columns(
            *predicted.select("confidence", "lower", "error_bound", "evidence").iter_columns(),
            seen.select(pl.struct(pl.all()).struct.json_encode().alias("features")).to_series(),
        )
        certainty = self._settings.error_budget.certainty
        weighed = with_error_bounds(weighed, decisions, self._model.past, certainty=certainty, slips=self._slips)
        # Correctors that agree are one suggestion with more behind it; the surest of them speaks.
        return (
            weighed.sort("issue_id", "confidence", "score", "corrector", descending=[False, True, True, False])
            .unique(["issue_id", "value"], keep="first", maintain_order=True)
            .with_columns(pl.int_range(1, pl.len() + 1).over("issue_id").alias("rank"))
            .filter(pl.col("rank") <= self._settings.ai_monitoring.max_suggestions)
            .select(list(WEIGHED))
        )

    def _proposed(self, questions: pl.DataFrame) -> pl.DataFrame:
        """Valid candidates of all correctors; those that cost money are asked about what is left."""
        answered = self._valid(self._ask(questions, costly=False), questions)
        if self._settings.language_model.asks == "unanswered":
            questions = questions.join(answered, on="issue_id", how="anti", maintain_order="left")
        return pl.concat([answered, self._valid(self._ask(questions, costly=True), questions)])

    def _ask(self, questions: pl.DataFrame, *, costly: bool) -> pl.DataFrame:
        answers = [pl.DataFrame(schema=CANDIDATES)]
        for name, kind in correctors().items():
            if kind.is_costly != costly:
                continue
            asked = [r.id for r in self._rules.values() if ANY_FIELD in kind.handles or name in r.correction]
            mine = questions.filter(pl.col("rule_id").is_in(asked))
            if mine.height:
                answers.append(self._corrector(name).suggest(mine, self._context).cast(CANDIDATES))  # type: ignore[arg-type]
        return pl.concat(answers)

    def _corrector(self, name: str) -> Corrector:
        if name not in self._fitted:
            self._fitted[name] = correctors()[name]()
            self._fitted[name].fit(self._context)
        return self._fitted[name]

    def _valid(self, proposed: pl.DataFrame, questions: pl.DataFrame) -> pl.DataFrame:
        """Candidates that change something and break no rule of their field any more."""
        asked = proposed.join(questions.select("issue_id", "field", "observed", "record"), on="issue_id", how="inner")
        asked = asked.filter(pl.col("value") != pl.col("observed")).unique(
            ["issue_id", "corrector", "value"], maintain_order=True
        )
        kept = [asked.select(list(CANDIDATES)).clear()]
        for (field,), part in asked.partition_by("field", as_dict=True, maintain_order=True).items():
            changed = replace_field(part.select("record").unnest("record"), str(field), part["value"])
            broken = self._validator.broken(changed, field=str(field))
            rows = part.with_row_index("row_index").join(broken, on="row_index", how="anti", maintain_order="left")
            kept.append(rows.select(list(CANDIDATES)))
        return pl.concat(kept)

    def _frequencies(self, proposed: pl.DataFrame) -> pl.DataFrame:
        parts = [pl.DataFrame(schema={"field": pl.String, "value": pl.String, "value_frequency": pl.Float64})]
        columns = self._context.records.collect_schema()
        for (field,), part in proposed.select("field", "value").unique().partition_by("field", as_dict=True).items():
            if columns.get(str(field)) != pl.String:
                continue
            total = pl.len().cast(pl.Float64)
            counted = (
                self._context.records.select(pl.col(str(field)).alias("value"))
                .with_columns(total.alias("total"))
                .join(part.lazy().select("value"), on="value", how="semi")
                .group_by("value")
                .agg((pl.len() / pl.col("total").first()).alias("value_frequency"))
            )
            parts.append(
                counted.select(pl.lit(field).alias("field"), "value", "value_frequency").collect(engine="streaming")
            )
        return pl.concat(parts)


def _observed_columns(kind: str, fields: Sequence[str]) -> list[pl.Expr]:
    return [observed_text(kind, field).alias(f"observed:{field}") for field in fields]


def _only(kinds: pl.Series) -> str:
    found = Counter(kinds)
    if len(found) != 1:
        raise ValueError(f"questions are asked for one kind at a time, not {sorted(found)}")
    return next(iter(found))


def _at_hand(records: pl.LazyFrame) -> pl.LazyFrame:
    """The records in memory where they are few, since every corrector reads them; without the platform's own payload."""
    needed = records.drop("raw", strict=False)
    few = needed.head(_MOST_IN_MEMORY + 1).collect(engine="streaming")
    return few.lazy() if few.height <= _MOST_IN_MEMORY else needed


def _home(records: pl.LazyFrame) -> dict[str, str]:
    """Currency, country and language that most records have; empty where the kind has no such column."""
    sources = {"currency": "currency", "country": "ship_country", "language": "language"}
    present = {name: column for name, column in sources.items() if column in records.collect_schema()}
    modes = {
        name: pl.col(column).filter(pl.col(column) != "").mode().sort().first().alias(name)
        for name, column in present.items()
    }
    if not modes:
        return {}
    return {
        name: value or ""
        for name, value in records.select(**modes).collect(engine="streaming").row(0, named=True).items()
    }
