"""Every rule that is shipped: proven, sourced, silent on healthy records, and written down in the docs."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from connectors import record
from engine.correctors import correctors
from engine.detect import Validator, duplicated
from engine.rule_pages import page
from engine.rules import COMMON, RULEBOOK, Rule, channels, load_rules, parse_rules, prove
from engine.types import RuleType


def _all() -> list[Rule]:
    books = [COMMON, *channels()]
    return [
        rule
        for book in books
        for rule in parse_rules((RULEBOOK / f"{book}.toml").read_text(encoding="utf-8"), origin="channel", channel=book)
    ]


RULES = _all()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.channel}:{rule.id}")
def test_examples_prove_the_rule(rule: Rule) -> None:
    assert prove(rule) == []


def test_there_are_rules_of_every_family_and_channel() -> None:
    assert len(RULES) >= 80
    assert {rule.type for rule in RULES} == set(RuleType)
    assert {rule.channel for rule in RULES} >= {"common", "shopify", "woocommerce", "amazon", "ebay", "mirakl"}
    assert {rule.field for rule in RULES} >= {
        "title", "description", "price", "sku", "gtin", "category", "images", "length_mm", "weight_g",
        "ordered_at", "phone", "email", "ship_postal_code", "quantity",
    }  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.channel}:{rule.id}")
def test_source_and_correctors_are_named(rule: Rule) -> None:
    assert re.search(r"2026-11-\d\d", rule.source), "say when the source was read"
    assert set(rule.correction) <= set(correctors()), "only correctors that exist can be asked"


def test_limits_are_those_of_today() -> None:
    rules = {(rule.channel, rule.id): rule for rule in RULES}
    assert rules["shopify", "shopify-too-many-variants"].params == {"maximum": 2048}
    assert rules["ebay", "ebay-title-too-long"].params == {"maximum": 80}
    assert rules["amazon", "amazon-title-too-long"].params == {"maximum": 200}
    assert {"ebay-return-policy-missing", "ebay-payment-policy-missing", "ebay-fulfillment-policy-missing"} <= {
        rule.id for rule in RULES
    }


PECULIAR: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "backmarket": ({"condition": "VERY_GOOD"}, {"warranty_delay": "12"}),
    "etsy": ({"description": "A lantern for tents and gardens."}, {"who_made": "i_did", "when_made": "made_to_order"}),
    "prestashop": ({}, {"link_rewrite": "camping-lantern"}),
    "refurbed": ({"condition": "A"}, {}),
}
"""Channel to the values and attributes that a healthy product has there and nowhere else."""


def _healthy(rows: int = 200, channel: str = "") -> pl.DataFrame:
    number = pl.int_range(rows).cast(pl.String)
    body = number.str.zfill(9)
    frame = pl.select(
        record_key=number,
        sku=pl.format("LAN-{}", number),
        gtin=pl.concat_str(pl.lit("400"), body),
        mpn=pl.format("L{}", number),
        title=pl.format("Camping lantern no. {}, 400 lumens", number),
        description=pl.lit("<p>A lantern for tents &amp; gardens, with a hook.</p>"),
        brand=pl.lit("Norvik"),
        category=pl.lit("Outdoor > Camping > Lanterns"),
        condition=pl.lit("new"),
        price=pl.lit("24.90"),
        sale_price=pl.lit("19.90"),
        currency=pl.lit("EUR"),
        quantity=pl.lit("5"),
        weight_g=pl.lit("350"),
        lead_time_days=pl.lit("2"),
        language=pl.lit("en"),
        images=pl.concat_list(pl.format("https://cdn.example.com/{}.jpg", number)),
        attributes=pl.lit(
            [{"key": f"{name}_policy_id", "value": "1"} for name in ("return", "payment", "fulfillment")]
            + [{"key": name, "value": value} for name, value in PECULIAR.get(channel, ({}, {}))[1].items()],
            dtype=record.ATTRIBUTES,
        ),
    ).with_columns(pl.lit(value).alias(name) for name, value in PECULIAR.get(channel, ({}, {}))[0].items())
    digits = [pl.col("gtin").str.slice(i, 1).cast(pl.Int64) * (3 if i % 2 else 1) for i in range(12)]
    check = (10 - pl.sum_horizontal(digits) % 10) % 10
    return record.conform(frame.with_columns(pl.concat_str("gtin", check.cast(pl.String))), "product")


@pytest.mark.parametrize("channel", [*channels(), "files"])
def test_healthy_products_raise_no_issue(channel: str) -> None:
    validator = Validator(load_rules(channel), "product")
    frame = _healthy(channel=channel)
    found = validator.detect(frame, duplicates=duplicated(frame, validator.unique_fields))
    assert found.select("rule_id", "observed").unique().rows() == []


@pytest.mark.parametrize("channel", [*channels(), "files"])
def test_healthy_orders_raise_no_issue(channel: str) -> None:
    orders = [
        ("DE", "Hauptstr. 5", "Köln", "", "50667", "+4922112345678"),
        ("US", "1 Main St", "Springfield", "IL", "62701-1234", "+12175550123"),
        ("GB", "The Old Rectory", "Bath", "", "BA1 1AA", "+441225123456"),
        ("FR", "12 rue des Lilas", "Paris", "", "75011", "+33612345678"),
        ("ES", "Calle Mayor 3", "Madrid", "", "28013", "+34910123456"),
        ("HK", "1 Queen's Road", "Hong Kong", "", "", "+85221234567"),
        ("", "", "", "", "", ""),
    ]
    names = ["ship_country", "ship_street", "ship_city", "ship_region", "ship_postal_code", "phone"]
    frame = pl.DataFrame(orders, schema=names, orient="row").with_columns(
        record_key=pl.int_range(len(orders)).cast(pl.String),
        ordered_at=pl.lit("2026-11-01T10:15:00Z"),
        shipped_at=pl.lit("2026-11-02"),
        email=pl.lit("ana.roe@example.org"),
        currency=pl.lit("EUR"),
        total=pl.lit("49.90"),
        ship_name=pl.lit("Ana Röe"),
    )
    rules = load_rules(channel)
    assert Validator(rules, "order").detect(record.conform(frame, "order")).rows() == []
    line = {"record_key": ["1/1"], "order_key": ["1"], "sku": ["LAN-1"], "quantity": ["2"], "unit_price": ["24.95"]}
    assert Validator(rules, "order_line").detect(record.conform(pl.DataFrame(line), "order_line")).rows() == []
    stock = {"record_key": ["1"], "sku": ["LAN-1"], "quantity": ["0"]}
    assert Validator(rules, "stock").detect(record.conform(pl.DataFrame(stock), "stock")).rows() == []


def test_the_page_of_rules_is_up_to_date() -> None:
    written = Path(__file__).parents[2] / "docs" / "rules.md"
    assert written.read_text(encoding="utf-8") == page(), "run: python -m engine.rule_pages"
