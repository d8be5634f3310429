"""One batch in, one row an issue out: levels, silence after a missing value, uniqueness, and agreement of all views."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import record
from engine.detect import BROKEN, Validator, duplicated
from engine.errors import ConfigError
from engine.rules import load_rules
from engine.types import DETECTED


def products(*rows: dict[str, Any]) -> pl.DataFrame:
    columns: dict[str, Any] = {name: None for row in rows for name in row}
    data = {name: [row.get(name) for row in rows] for name in columns}
    frame = pl.DataFrame(data, strict=False)
    if "record_key" not in columns:
        frame = frame.with_columns(record_key=pl.int_range(pl.len()).cast(pl.String))
    return record.conform(frame, "product")


def found(validator: Validator, frame: pl.DataFrame, **options: Any) -> set[tuple[str, str]]:
    return set(validator.detect(frame, **options).select("record_key", "rule_id").iter_rows())


@pytest.fixture(scope="module")
def common() -> Validator:
    return Validator(load_rules("files"), "product")


FULL = {
    "title": "Lantern", "description": "A lantern.", "sku": "L1", "price": "12.50", "category": "Outdoor",
    "brand": "Norvik", "images": ["https://a.de/1.jpg"],
}  # fmt: skip


def test_one_row_for_each_broken_rule(common: Validator) -> None:
    frame = products(FULL, FULL | {"sku": "L2", "price": "12,50", "images": ["http://a.de/1.jpg", "x"]})
    issues = common.detect(frame)
    assert issues.schema == DETECTED
    assert issues.rows() == [
        ("product", "1", "", "price", "price-notation", "error", "12,50"),
        ("product", "1", "", "images", "image-not-an-address", "error", '["http://a.de/1.jpg","x"]'),
        ("product", "1", "", "images", "image-not-https", "warning", '["http://a.de/1.jpg","x"]'),
    ]


def test_observed_is_the_value_as_it_came(common: Validator) -> None:
    images = ['http://a.de/"1".jpg', "ü"]
    issues = common.detect(products(FULL | {"title": " Lantern ", "images": images}))
    observed = dict(issues.select("rule_id", "observed").iter_rows())
    assert observed["title-white-space"] == " Lantern "
    assert json.loads(observed["image-not-an-address"]) == images


def test_a_missing_value_is_only_missing() -> None:
    validator = Validator(load_rules("amazon"), "product")
    frame = products(FULL | {"gtin": "N/A", "weight_g": "0", "brand": "-", "price": "TBD", "title": ""})
    rules = [rule for rule in validator.detect(frame)["rule_id"] if rule.partition("-")[0] in ("gtin", "amazon", "weight", "brand", "price", "title")]  # fmt: skip
    assert sorted(rules) == ["amazon-gtin-missing", "brand-missing", "price-missing", "title-missing", "weight-missing"]


def test_fields_are_judged_where_they_belong(common: Validator) -> None:
    frame = products(
        {"record_key": "p", "level": "parent", "title": "", "price": "", "sku": ""},
        {"record_key": "v", "level": "variant", "parent_key": "p", "title": "", "price": "", "sku": ""},
    )
    issues = found(common, frame)
    assert {("p", "title-missing"), ("v", "price-missing"), ("v", "sku-missing")} <= issues
    assert not {("v", "title-missing"), ("p", "price-missing"), ("p", "sku-missing"), ("v", "images-missing")} & issues


def test_parent_key_is_handed_on(common: Validator) -> None:
    frame = products({"record_key": "v", "level": "variant", "parent_key": "p", "price": "", "sku": "S"})
    assert common.detect(frame)["parent_key"].unique().to_list() == ["p"]


def test_sku_twice_in_a_batch(common: Validator) -> None:
    frame = products(FULL, FULL, FULL | {"sku": "L2"}, FULL | {"sku": ""}, FULL | {"sku": ""})
    assert {key for key, rule in found(common, frame) if rule == "sku-duplicated"} == {"0", "1"}


def test_sku_twice_across_batches(common: Validator) -> None:
    batches = [products(FULL | {"record_key": str(i), "sku": sku}) for i, sku in enumerate(["L1", "L2", " L1"])]
    repeated = duplicated(iter(batches), common.unique_fields)
    assert repeated["sku"].to_list() == ["L1"]
    hits = [found(common, batch, duplicates=repeated) for batch in batches]
    assert [any(rule == "sku-duplicated" for _, rule in one) for one in hits] == [True, False, True]
    assert duplicated(pl.concat(batches).lazy(), ["sku"])["sku"].to_list() == ["L1"]
    assert duplicated([], ["sku"])["sku"].to_list() == []


def test_broken_judges_versions_of_one_record_one_by_one(common: Validator) -> None:
    frame = products(FULL, FULL | {"price": "12,50"}, FULL | {"price": "0"})
    assert common.broken(frame).schema == BROKEN
    assert common.broken(frame).rows() == [(1, "price-notation"), (2, "price-not-positive")]
    assert common.broken(frame, field="price").rows() == common.broken(frame).rows()
    assert common.broken(frame, field="title").is_empty()
    with_duplicates = common.broken(frame, duplicates={"sku": pl.Series(["L1"])})
    assert with_duplicates.filter(pl.col("rule_id") == "sku-duplicated")["row_index"].to_list() == [0, 1, 2]


def test_all_views_agree(common: Validator) -> None:
    frame = products(FULL | {"title": "  "}, FULL | {"sku": "L2", "price": "1.299,00 €"}, FULL | {"sku": "L3"})
    masks = common.masks(frame)
    assert masks.columns == [rule.id for rule in common.rules]
    assert masks.select(pl.all().sum()).transpose().sum().item() == common.detect(frame).height
    assert common.violations(frame, "price-notation").to_list() == [False, True, False]
    with pytest.raises(KeyError, match="no-such-rule"):
        common.violations(frame, "no-such-rule")


def test_rules_with_a_condition(common: Validator) -> None:
    validator = Validator(load_rules("ebay"), "product")
    frame = products(
        {"record_key": "p", "level": "parent", "attributes": {"Return_Policy_Id": "7"}},
        {"record_key": "v", "level": "variant", "parent_key": "p"},
        {"record_key": "s"},
    )
    policies = {key for key, rule in found(validator, frame) if rule == "ebay-return-policy-missing"}
    assert policies == {"s"}


def test_frames_with_missing_more_or_typed_columns_are_taken(common: Validator) -> None:
    frame = pl.DataFrame({"record_key": ["1"], "title": ["Lantern"], "price": [12.505], "colour": ["red"]})
    assert ("1", "price-decimal-places") in found(common, frame)
    assert common.detect(record.empty("product")).rows() == []


def test_nulls_are_missing_values(common: Validator) -> None:
    frame = products(FULL).with_columns(pl.lit(None, dtype=pl.String).alias("title"), pl.lit(None, dtype=pl.List(pl.String)).alias("images"))  # fmt: skip
    assert {rule for _, rule in found(common, frame)} == {"title-missing", "images-missing"}


def test_ten_megabytes_in_a_cell(common: Validator) -> None:
    huge = "<p>" + "lamp für " * 1_200_000
    issues = common.detect(products(FULL | {"description": huge, "title": huge}))
    observed = issues.filter(pl.col("rule_id") == "title-markup")["observed"]
    assert observed.to_list() == [huge]


def test_unknown_kind_and_doubled_rules_are_refused() -> None:
    rules = load_rules("files")
    with pytest.raises(ConfigError, match="Known kinds: product, order"):
        Validator(rules, "invoice")
    with pytest.raises(ConfigError, match="title-missing"):
        Validator([*rules, rules[0]], "product")


_CELLS = st.one_of(
    st.text(max_size=12), st.sampled_from(["", "N/A", "12,50", "12.5", "4006381333931", "0", "L1", "<b>"])
)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(("title", "sku", "price", "gtin", "weight_g", "brand"), _CELLS)), min_size=1, max_size=6))  # fmt: skip
def test_a_row_is_judged_alike_alone_and_in_a_batch(rows: list[dict[str, str]]) -> None:
    validator = Validator(load_rules("amazon"), "product")
    frame = products(*rows)
    repeated = duplicated(frame, validator.unique_fields)
    whole = validator.detect(frame, duplicates=repeated)
    parts = [validator.detect(frame[i : i + 1], duplicates=repeated) for i in range(frame.height)]
    assert whole.equals(pl.concat(parts))
    absent = {rule.id for rule in validator.rules if rule.definition.absence}
    for _, issues in whole.group_by("record_key", "field"):
        rules = issues["rule_id"].to_list()
        assert len(rules) == 1 or not set(rules) & absent
