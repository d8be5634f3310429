"""The methods that are compared, each as ``run(path, batch_rows) -> Outcome``; one process runs one method once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from engine.detect import Validator, duplicated
from engine.rules import Rule, channels, load_rules, parse_rules

__all__ = ["METHODS", "SHARED", "Outcome", "largest_channel"]


@dataclass
class Outcome:
    """What one run of a method took and found.

    Parameters
    ----------
    judged_s : float
        Judging of all batches; what a library needs before it can judge (nulls, numbers, pandas) belongs to it.
    seconds : float
        From the first batch to the last, reading of whole records included; compiling and importing left out.
    prepared_s : float
        Compiling of rules or schemas.
    rows, checks : int
    broken : dict of str to int
        Number of broken rows by rule, to see that all methods find the same.
    """

    judged_s: float = 0.0
    seconds: float = 0.0
    prepared_s: float = 0.0
    rows: int = 0
    checks: int = 0
    broken: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def _rule(id: str, column: str, check: str, /, **params: Any) -> dict[str, Any]:
    return {
        "id": id, "kinds": ["product"], "field": column, "type": "business_rule", "check": check, "params": params,
        "severity": "error", "why": "study", "source": "study, 2026-11-23", "good": ["x"], "bad": ["y"],
    }  # fmt: skip


SHARED = (
    _rule("title-missing", "title", "required", placeholders=[]),
    _rule("title-long", "title", "length", maximum=100),
    _rule("title-outer-space", "title", "pattern", without="  "),
    _rule("description-missing", "description", "required", placeholders=[]),
    _rule("price-notation", "price", "pattern", matches=r"[0-9]+(?:\.[0-9]+)?"),
    _rule("price-positive", "price", "minimum", value=0, exclusive=True),
    _rule("sale-price-above", "sale_price", "at_most_field", field="price"),
    _rule("currency-known", "currency", "one_of", values=["EUR", "USD", "GBP"]),
    _rule("gtin-digits", "gtin", "pattern", matches="[0-9]{13}"),
    _rule("quantity-whole", "quantity", "pattern", matches="-?[0-9]+"),
    _rule("quantity-negative", "quantity", "minimum", value=0),
    _rule("condition-missing", "condition", "required", placeholders=[]),
    _rule("condition-known", "condition", "one_of", values=["new", "used"]),
)
"""Checks that all three libraries have."""

_TEXTS = ("title", "description", "price", "sale_price", "currency", "gtin", "quantity", "condition")
_NUMBERS = ("price", "sale_price", "quantity")


def largest_channel() -> str:
    """The channel whose rules for products are most."""
    return max(channels(), key=lambda channel: len(Validator(load_rules(channel), "product").rules))


def _judge(
    outcome: Outcome, path: Path, batch_rows: int, judge: Callable[[pl.DataFrame], Mapping[str, int]]
) -> Outcome:
    """Read the file batch by batch as whole records, which any run has to do, and judge each batch."""
    found: Counter[str] = Counter()
    start = time.perf_counter()
    for frame in pl.scan_parquet(path).collect_batches(chunk_size=batch_rows):
        before = time.perf_counter()
        found.update(judge(frame))
        outcome.judged_s += time.perf_counter() - before
        outcome.rows += frame.height
    outcome.seconds = time.perf_counter() - start
    outcome.broken = {name: n for name, n in found.items() if n}
    return outcome


def _detect(rules: tuple[Rule, ...], path: Path, batch_rows: int, *, whole_run: bool = False) -> Outcome:
    start = time.perf_counter()
    validator = Validator(rules, "product")
    outcome = Outcome(checks=len(validator.rules), prepared_s=time.perf_counter() - start)
    start = time.perf_counter()
    repeated = duplicated(pl.scan_parquet(path), validator.unique_fields) if whole_run else None
    compared_s = time.perf_counter() - start

    def judge(frame: pl.DataFrame) -> Mapping[str, int]:
        return dict(validator.detect(frame, duplicates=repeated).group_by("rule_id").len().iter_rows())

    _judge(outcome, path, batch_rows, judge)
    outcome.judged_s += compared_s
    outcome.seconds += compared_s
    return outcome


def _bare(rules: tuple[Rule, ...], path: Path, batch_rows: int) -> Outcome:
    start = time.perf_counter()
    judged = [rule for rule in rules if rule.is_active and "product" in rule.kinds]
    expressions = [rule.expression("product").alias(rule.id) for rule in judged]
    outcome = Outcome(checks=len(judged), prepared_s=time.perf_counter() - start)
    return _judge(
        outcome, path, batch_rows, lambda frame: frame.lazy().select(expressions).collect().sum().row(0, named=True)
    )


def detect_full(path: Path, batch_rows: int) -> Outcome:
    """The largest rulebook through `Validator.detect`, issues made."""
    return _detect(load_rules(largest_channel()), path, batch_rows)


def detect_whole_run(path: Path, batch_rows: int) -> Outcome:
    """The same, with SKUs and GTINs compared over the whole run first."""
    return _detect(load_rules(largest_channel()), path, batch_rows, whole_run=True)


def bare_full(path: Path, batch_rows: int) -> Outcome:
    """The expressions of the largest rulebook in one select a batch, only counted."""
    return _bare(load_rules(largest_channel()), path, batch_rows)


def detect_shared(path: Path, batch_rows: int) -> Outcome:
    """The shared checks through `Validator.detect`, issues made."""
    return _detect(parse_rules(SHARED, origin="merchant", channel="study"), path, batch_rows)


def bare_shared(path: Path, batch_rows: int) -> Outcome:
    """The expressions of the shared checks, only counted."""
    return _bare(parse_rules(SHARED, origin="merchant", channel="study"), path, batch_rows)


def pandera_shared(path: Path, batch_rows: int) -> Outcome:
    """The shared checks as a pandera schema for polars, lazy validation, failure cases gathered."""
    import pandera.polars as pa
    from pandera.errors import SchemaErrors

    def above(data: Any) -> pl.LazyFrame:
        ok = (pl.col("sale_price_number") <= pl.col("price_number")).fill_null(True)
        return data.lazyframe.select(ok.alias("sale-price-above"))

    def text(*checks: Any, missing: bool = True) -> pa.Column:
        return pa.Column(pl.String, list(checks), nullable=missing)

    start = time.perf_counter()
    schema = pa.DataFrameSchema(
        {
            "title": text(
                pa.Check.str_length(max_value=100, error="title-long"),
                pa.Check.str_matches("^(?:[^ ]| [^ ]| $)*$", error="title-outer-space"),
                missing=False,
            ),
            "description": text(missing=False),
            "price": text(pa.Check.str_matches(r"^[0-9]+(?:\.[0-9]+)?$", error="price-notation")),
            "currency": text(pa.Check.isin(["EUR", "USD", "GBP"], error="currency-known")),
            "gtin": text(pa.Check.str_matches("^[0-9]{13}$", error="gtin-digits")),
            "quantity": text(pa.Check.str_matches("^-?[0-9]+$", error="quantity-whole")),
            "condition": text(pa.Check.isin(["new", "used"], error="condition-known"), missing=False),
            "price_number": pa.Column(pl.Float64, pa.Check.gt(0, error="price-positive"), nullable=True),
            "quantity_number": pa.Column(pl.Float64, pa.Check.ge(0, error="quantity-negative"), nullable=True),
        },
        checks=pa.Check(above, error="sale-price-above"),
    )
    outcome = Outcome(checks=len(SHARED), prepared_s=time.perf_counter() - start)

    def judge(frame: pl.DataFrame) -> Mapping[str, int]:
        try:
            schema.validate(_prepared(frame), lazy=True)
        except SchemaErrors as error:
            cases = error.failure_cases.group_by("column", "check").len()
            return {_pandera_name(column, check): n for column, check, n in cases.iter_rows()}
        return {}

    return _judge(outcome, path, batch_rows, judge)


def great_expectations_counts(path: Path, batch_rows: int) -> Outcome:
    """The shared checks as a Great Expectations suite on pandas, counts only (its cheapest result)."""
    return _great_expectations(path, batch_rows, {"result_format": "BASIC"})


def great_expectations_rows(path: Path, batch_rows: int) -> Outcome:
    """The same with the broken rows named, as the other methods do."""
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": ["record_key"]}
    return _great_expectations(path, batch_rows, wanted)


def _great_expectations(path: Path, batch_rows: int, result_format: dict[str, Any]) -> Outcome:
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    start = time.perf_counter()
    expectations = {
        "title-missing": gxe.ExpectColumnValuesToNotBeNull(column="title"),
        "title-long": gxe.ExpectColumnValueLengthsToBeBetween(column="title", max_value=100),
        "title-outer-space": gxe.ExpectColumnValuesToNotMatchRegex(column="title", regex="  "),
        "description-missing": gxe.ExpectColumnValuesToNotBeNull(column="description"),
        "price-notation": gxe.ExpectColumnValuesToMatchRegex(column="price", regex=r"^[0-9]+(?:\.[0-9]+)?$"),
        "price-positive": gxe.ExpectColumnValuesToBeBetween(column="price_number", min_value=0, strict_min=True),
        "sale-price-above": gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="price_number",
            column_B="sale_price_number",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
        ),
        "currency-known": gxe.ExpectColumnValuesToBeInSet(column="currency", value_set=["EUR", "USD", "GBP"]),
        "gtin-digits": gxe.ExpectColumnValuesToMatchRegex(column="gtin", regex="^[0-9]{13}$"),
        "quantity-whole": gxe.ExpectColumnValuesToMatchRegex(column="quantity", regex="^-?[0-9]+$"),
        "quantity-negative": gxe.ExpectColumnValuesToBeBetween(column="quantity_number", min_value=0),
        "condition-missing": gxe.ExpectColumnValuesToNotBeNull(column="condition"),
        "condition-known": gxe.ExpectColumnValuesToBeInSet(column="condition", value_set=["new", "used"]),
    }
    for id, expectation in expectations.items():
        expectation.meta = {"rule": id}
    suite = context.suites.add(gx.ExpectationSuite("shared", expectations=list(expectations.values())))
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("products")
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name="shared", data=asset.add_batch_definition_whole_dataframe("batch"), suite=suite)
    )
    outcome = Outcome(checks=len(expectations), prepared_s=time.perf_counter() - start)

    def judge(frame: pl.DataFrame) -> Mapping[str, int]:
        result = definition.run(
            batch_parameters={"dataframe": _prepared(frame).to_pandas()}, result_format=result_format
        )
        if failed := [one.exception_info for one in result.results if one.exception_info.get("raised_exception")]:
            raise RuntimeError(f"an expectation could not be judged: {failed[0]}")
        return {one.expectation_config.meta["rule"]: one.result["unexpected_count"] for one in result.results}

    return _judge(outcome, path, batch_rows, judge)


METHODS: dict[str, Callable[[Path, int], Outcome]] = {
    "bare expressions, full rulebook": bare_full,
    "detect, full rulebook": detect_full,
    "detect, full rulebook, duplicates over the run": detect_whole_run,
    "bare expressions, shared checks": bare_shared,
    "detect, shared checks": detect_shared,
    "pandera, shared checks": pandera_shared,
    "great expectations (counts only), shared checks": great_expectations_counts,
    "great expectations, shared checks": great_expectations_rows,
}


def _prepared(frame: pl.DataFrame) -> pl.DataFrame:
    """Empty text as null and numbers parsed: what the other libraries need before they can judge."""
    texts = [pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in _TEXTS]
    numbers = [pl.col(name).cast(pl.Float64, strict=False).alias(f"{name}_number") for name in _NUMBERS]
    return frame.lazy().select("record_key", *texts).with_columns(numbers).collect()


def _pandera_name(column: str, check: str) -> str:
    return f"{column}-missing" if check == "not_nullable" else check
