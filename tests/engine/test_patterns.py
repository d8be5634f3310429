"""Shapes group what one decision can serve, keep apart what it cannot, and hold nothing of a person."""

from __future__ import annotations

import json
import uuid

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.patterns import NAMESPACE, pattern_id, shape, with_patterns


def shapes(*values: str) -> list[str]:
    return pl.DataFrame({"v": values}, schema={"v": pl.String}).select(shape(pl.col("v"))).to_series().to_list()


def issues(*observed: str, channel: str = "shopify") -> pl.DataFrame:
    return pl.DataFrame({"channel": channel, "rule_id": "r", "field": "f", "observed": list(observed)})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5,90", "15,90"),
        ("06 12 34 56 78", "07 98 76 54 32"),
        ("(702) 216-1900", "(415) 555-0123"),
        ("Lampe", "Grünes Haus"),
        ("036000291452", "123456789012"),
        ("ana@exmaple.com", "bob@exmaple.org"),
        ('["http://a.de/1.jpg"]', '["http://example.org/x.png"]'),
    ],
)
def test_values_of_one_form_share_a_shape(one: str, other: str) -> None:
    assert len(set(shapes(one, other))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.299", "1.29"),
        ("12,5", "12.5"),
        ("03/04/2026", "2026/04/03"),
        ("36000291452", "036000291452"),
        ("eur", "EUR"),
        ("", "0"),
        ("€ 5", "$ 5"),
        ("<p>a long text with a tag in it</p>", "a long text without a tag in it"),
        ('["http://a.de/1.jpg"]', '["https://a.de/1.jpg"]'),
    ],
)
def test_values_that_need_another_correction_differ(one: str, other: str) -> None:
    assert len(set(shapes(one, other))) == 2


def test_signature_is_canonical_and_the_identifier_follows_from_it() -> None:
    row = with_patterns(issues("12,50")).row(0, named=True)
    assert row["signature"] == '{"channel":"shopify","field":"f","rule_id":"r","shape":"9+,99"}'
    assert row["pattern_id"] == str(uuid.uuid5(NAMESPACE, row["signature"]))
    assert (row["pattern_id"], row["signature"]) == pattern_id("shopify", "r", "f", "9+,99")


def test_rows_keep_their_order_and_columns() -> None:
    frame = issues("12,50", "", "7,99", None).with_columns(extra=pl.int_range(4))  # type: ignore[arg-type]
    named = with_patterns(frame)
    assert named.select(frame.columns).equals(frame)
    ids = named["pattern_id"].to_list()
    assert ids[0] == ids[2] != ids[1] == ids[3]
    assert with_patterns(named).equals(named)
    assert with_patterns(frame.clear()).columns == [*frame.columns, "pattern_id", "signature"]


def test_channels_do_not_share_patterns() -> None:
    ids = {with_patterns(issues("12,50", channel=c))["pattern_id"].item() for c in ("shopify", "amazon")}
    assert len(ids) == 2


@given(st.text(st.characters(categories=["Ll", "Lu", "Nd"]), min_size=2, max_size=60))
def test_no_letter_or_number_of_a_value_survives(value: str) -> None:
    (found,) = shapes(value)
    assert set(found) <= set("aA+9{}0123456789text<=> capitalsencoding")
    assert value not in found


@given(st.text(max_size=200))
def test_any_text_has_a_short_shape(value: str) -> None:
    named = with_patterns(issues(value))
    assert len(json.loads(named["signature"].item())["shape"]) <= 80
