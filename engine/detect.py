"""Detection: which record breaks which rule, in one query for a batch.

All rules of a kind are compiled once to expressions over the canonical columns. For a batch they run in one lazy
query, in which polars shares common parts (the trimmed text, the parsed number), and only the rows that break
something are touched again to build the table of issues. No Python runs for a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from connectors import record
from engine.checks import Subject
from engine.errors import ConfigError
from engine.rules import Rule
from engine.types import DETECTED

__all__ = ["BROKEN", "Validator", "duplicated", "observed_text"]

BROKEN = {"row_index": pl.UInt32, "rule_id": pl.String}
"""Schema of `Validator.broken`."""

Duplicates = Mapping[str, pl.Series]


class Validator:
    """The rules of one kind of record, compiled.

    Parameters
    ----------
    rules : iterable of Rule
        Inactive rules, and those of other kinds, are left out.
    kind : str
        One of `connectors.record.KINDS`.

    Attributes
    ----------
    kind : str
    rules : tuple of Rule
        Those that are judged, in the given order.

    Raises
    ------
    ConfigError
        When the kind is unknown or two rules have one id.
    """

    def __init__(self, rules: Iterable[Rule], kind: str) -> None:
        if kind not in record.KINDS:
            raise ConfigError(f"There is no kind of record {kind!r}. Known kinds: {', '.join(record.KINDS)}.")
        self.kind = kind
        self.rules = tuple(rule for rule in rules if rule.is_active and kind in rule.kinds)
        ids = [rule.id for rule in self.rules]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ConfigError(f"Two rules have the id {', '.join(twice)}; an id names one rule.")
        self._expressions = {rule.id: rule.expression(kind) for rule in self.rules}
        self._silenced_by = _silences(self.rules)

    @property
    def across_rows(self) -> tuple[Rule, ...]:
        """The rules that compare rows with each other."""
        return tuple(rule for rule in self.rules if rule.definition.across_rows)

    @property
    def unique_fields(self) -> tuple[str, ...]:
        """Fields whose values may occur once only: what `duplicated` should be asked for."""
        return tuple(dict.fromkeys(rule.field for rule in self.rules if rule.check == "unique"))

    def detect(self, frame: pl.DataFrame, *, duplicates: Duplicates | None = None) -> pl.DataFrame:
        """What is wrong with a batch.

        Parameters
        ----------
        frame : polars.DataFrame
            Canonical records of this kind (`connectors.record.schema`); missing columns count as empty.
        duplicates : mapping of str to polars.Series, optional
            Field to the values that occur more than once in the whole run (see `duplicated`). A field that is not
            named is compared within the batch.

        Returns
        -------
        polars.DataFrame
            Schema `engine.types.DETECTED`: one row for each rule that a record breaks, in the order of the records and
            then of the rules. Where a value is missing, only that is said, not what else is wrong with an empty value.
        """
        frame = _canonical(frame, self.kind)
        masks = self.masks(frame, duplicates=duplicates)
        hits = _positions(masks)
        if hits.is_empty():
            return pl.DataFrame(schema=DETECTED)
        parent = pl.col("parent_key") if "parent_key" in frame.columns else pl.lit("")
        keys = frame.select(pl.lit(self.kind).alias("kind"), "record_key", parent.alias("parent_key"))[hits["row"]]
        facts = self._facts()[hits["rule"]]
        observed = self._observed(frame, hits)
        return pl.concat([keys, facts, observed], how="horizontal").select(list(DETECTED)).cast(DETECTED)  # type: ignore[arg-type]

    def masks(self, frame: pl.DataFrame, *, duplicates: Duplicates | None = None) -> pl.DataFrame:
        """Whether each row breaks each rule: one Boolean column a rule, same rows in the same order."""
        return self._query(_canonical(frame, self.kind).lazy(), duplicates).collect()

    def violations(self, frame: pl.DataFrame, rule_id: str, *, duplicates: Duplicates | None = None) -> pl.Series:
        """Whether each row breaks one rule.

        Raises
        ------
        KeyError
            When no rule of that id is judged.
        """
        if rule_id not in self._expressions:
            raise KeyError(f"no rule {rule_id!r} is judged; there are {', '.join(self._expressions)}")
        # The other rules of the field have their say too: a missing value is not also a badly written one.
        return self.masks(frame, duplicates=duplicates)[rule_id]

    def broken(
        self, frame: pl.DataFrame, *, field: str | None = None, duplicates: Duplicates | None = None
    ) -> pl.DataFrame:
        """Which rows break which rule, for trying out corrections.

        The rows are judged one by one: several may be versions of one record, so rules that compare rows with each
        other are judged only by the given `duplicates`.

        Parameters
        ----------
        frame : polars.DataFrame
        field : str, optional
            Whose rules are asked; all when left out.
        duplicates : mapping of str to polars.Series, optional

        Returns
        -------
        polars.DataFrame
            Schema `BROKEN`, in the order of rows and rules; ``row_index`` counts from 0.
        """
        frame = _canonical(frame, self.kind)
        alone = {rule.id for rule in self.across_rows if rule.check != "unique" or rule.field not in (duplicates or {})}
        others = {rule.id for rule in self.rules if field is not None and rule.field != field}
        masks = self._query(frame.lazy(), duplicates, leave_out=alone | others).collect()
        hits = _positions(masks)
        ids = pl.Series("rule_id", masks.columns, dtype=pl.String)
        return pl.DataFrame({"row_index": hits["row"], "rule_id": ids[hits["rule"]]}, schema=BROKEN)

    def _query(self, rows: pl.LazyFrame, duplicates: Duplicates | None, leave_out: Iterable[str] = ()) -> pl.LazyFrame:
        skipped = set(leave_out)
        masks = []
        for rule in self.rules:
            if rule.id in skipped:
                continue
            expression = self._expressions[rule.id]
            if rule.check == "unique" and duplicates is not None and rule.field in duplicates:
                expression = _seen_elsewhere(rule, self.kind, duplicates[rule.field])
            masks.append(expression.alias(rule.id))
        silenced = []
        for rule_id, others in self._silenced_by.items():
            louder = [pl.col(one) for one in others if one not in skipped]
            if rule_id not in skipped and louder:
                silenced.append(pl.col(rule_id) & ~pl.any_horizontal(louder))
        return rows.select(masks).with_columns(silenced)

    def _facts(self) -> pl.DataFrame:
        rows = [(rule.field, rule.id, rule.severity.value) for rule in self.rules]
        return pl.DataFrame(rows, schema=["field", "rule_id", "severity"], orient="row")

    def _observed(self, frame: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
        """The values of the fields at the hits, in the order of the hits."""
        parts = []
        fields = [rule.field for rule in self.rules]
        named = hits.with_columns(
            pl.Series(fields, dtype=pl.String)[hits["rule"]].alias("field"), pl.int_range(pl.len()).alias("place")
        )
        for (name,), part in named.group_by("field"):
            subject = Subject(self.kind, str(name))
            values = frame[part["row"]].select(_as_text(subject).alias("observed"))
            parts.append(values.with_columns(part["place"]))
        return pl.concat(parts).sort("place").select("observed")


def duplicated(
    frames: pl.LazyFrame | pl.DataFrame | Iterable[pl.DataFrame | pl.LazyFrame],
    fields: Iterable[str],
    *,
    kind: str = "product",
) -> dict[str, pl.Series]:
    """Values that occur more than once across a whole run.

    Parameters
    ----------
    frames : frame or iterable of frames
        All records of the run. A lazy frame (a scan of a file) is read twice for a field and takes eight bytes a row;
        batches are read once, and the distinct values are kept meanwhile.
    fields : iterable of str
        See `Validator.unique_fields`.
    kind : str

    Returns
    -------
    dict of str to polars.Series
        Field to its values, sorted. Only rows that the field belongs to are counted; empty values are not.
    """
    names = tuple(fields)
    if isinstance(frames, pl.DataFrame | pl.LazyFrame):
        return {name: _repeated(frames.lazy(), Subject(kind, name)) for name in names}
    counts: dict[str, list[pl.DataFrame]] = {name: [] for name in names}
    for batch in frames:
        queries = [_values(batch.lazy(), Subject(kind, name)).group_by("value").len() for name in names]
        for name, counted in zip(names, pl.collect_all(queries), strict=True):
            counts[name].append(counted)
    return {name: _more_than_once(parts) for name, parts in counts.items()}


def observed_text(kind: str, field: str) -> pl.Expr:
    """A field of canonical records as the text that `Validator.detect` calls observed: lists as JSON."""
    return _as_text(Subject(kind, field))


def _values(rows: pl.LazyFrame, subject: Subject) -> pl.LazyFrame:
    if subject.judged is not None:
        rows = rows.filter(subject.judged)
    return rows.select(subject.text.alias("value")).filter(pl.col("value") != "")


def _repeated(rows: pl.LazyFrame, subject: Subject) -> pl.Series:
    """Values that occur more than once, in two passes with eight bytes a row in memory in place of the values."""
    values = _values(rows, subject)
    hashes = values.select(pl.col("value").hash()).collect(engine="streaming").to_series().sort()
    suspects = hashes.filter(hashes == hashes.shift(1)).unique()
    if suspects.is_empty():
        return pl.Series("value", [], dtype=pl.String)
    # Different values may share a hash, so the suspects are counted by value.
    counted = values.filter(pl.col("value").hash().is_in(suspects.implode())).group_by("value").len()
    return _more_than_once([counted.collect(engine="streaming")])


def _more_than_once(parts: list[pl.DataFrame]) -> pl.Series:
    if not parts:
        return pl.Series("value", [], dtype=pl.String)
    total = pl.concat(parts).group_by("value").agg(pl.col("len").sum())
    return total.filter(pl.col("len") > 1)["value"].sort()


def _seen_elsewhere(rule: Rule, kind: str, values: pl.Series) -> pl.Expr:
    subject = Subject(kind, rule.field)
    broken = ~subject.blank & subject.text.is_in(values.cast(pl.String).implode())
    return broken if subject.judged is None else subject.judged & broken


def _silences(rules: tuple[Rule, ...]) -> dict[str, tuple[str, ...]]:
    """Rule to the rules of the same field that say, in its place, that the value is missing."""
    silenced: dict[str, tuple[str, ...]] = {}
    for field in dict.fromkeys(rule.field for rule in rules):
        mine = [rule for rule in rules if rule.field == field]
        absence = [rule for rule in mine if rule.definition.absence]
        # "Required" says more than "a placeholder": it comes first.
        absence.sort(key=lambda rule: rule.check == "placeholder")
        for rule in mine:
            louder = absence[: absence.index(rule)] if rule in absence else absence
            if louder:
                silenced[rule.id] = tuple(one.id for one in louder)
    return silenced


def _positions(masks: pl.DataFrame) -> pl.DataFrame:
    """Row and column number of every true cell, by row and then by column."""
    parts = []
    for number, column in enumerate(masks.iter_columns()):
        if column.any():
            row = column.arg_true()
            parts.append(pl.DataFrame({"row": row, "rule": pl.repeat(number, len(row), dtype=pl.UInt32, eager=True)}))
    if not parts:
        return pl.DataFrame(schema={"row": pl.UInt32, "rule": pl.UInt32})
    return pl.concat(parts).sort("row", "rule")


def _as_text(subject: Subject) -> pl.Expr:
    if not subject.is_list:
        return subject.raw
    # The encoder writes {"images":[...]}; the list between is what is wanted.
    encoded = pl.struct(subject.items.alias("v")).struct.json_encode()
    return encoded.str.strip_prefix('{"v":').str.strip_suffix("}")


def _canonical(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    wanted = record.schema(kind)
    have = frame.schema
    needed = [name for name in wanted if name != "raw"]
    if all(have.get(name) == wanted[name] for name in needed):
        return frame
    return record.conform(frame.select([name for name in frame.columns if name in wanted]), kind)
