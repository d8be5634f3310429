"""Rules are read whole or not at all, with every problem named; proofs run."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import ConfigError
from engine.rules import channels, load_rules, parse_rules, prove


def table(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": "title-too-short",
        "kinds": ["product"],
        "field": "title",
        "type": "business_rule",
        "check": "length",
        "params": {"minimum": 5},
        "severity": "warning",
        "why": "Nobody finds it.",
        "source": "our own list, 2026-11-23",
        "good": ["Lantern"],
        "bad": ["Lamp"],
    }
    return {key: value for key, value in (base | changes).items() if value is not None}


def problems(*tables: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_rules(tables, origin="merchant", channel="shopify")
    return caught.value.problems


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"good": None}, "good is missing"),
        ({"bad": []}, "bad must be a list with at least one entry"),
        ({"why": " "}, "why must be text"),
        ({"severity": "fatal"}, "allowed: error, warning"),
        ({"type": "rule"}, "allowed: required_field, format_validation"),
        ({"fix": "maybe"}, "allowed: safe, unsafe"),
        ({"id": "Title too short"}, "lower-case words"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"check": "lenght"}, "there is no check 'lenght'; known: "),
        ({"params": {"minimum": -1}}, "parameter 'minimum' of check 'length'"),
        ({"params": 5}, "params must be a table"),
        ({"kinds": ["products"]}, "kind 'products' is not one of product, order"),
        ({"kinds": "product"}, "kinds must be a list"),
        ({"field": "titel"}, "no field 'titel'"),
        ({"field": "attributes"}, "name an entry"),
        ({"when": {"field": "price"}}, "when needs a field and one of"),
        ({"when": {"field": "prize", "empty": True}}, "no field 'prize'"),
        ({"when": {"field": "price", "empty": "yes"}}, "empty must be bool"),
        ({"when": {"field": "price", "matches": "("}}, "not a valid pattern"),
        ({"when": [{"field": "price", "equals": "1"}]}, "equals must be list"),
        ({"good": [{"titel": "Lantern"}]}, "no field 'titel'"),
        ({"correction": "title"}, "correction must be a list"),
        ({"is_active": "no"}, "is_active must be true or false"),
    ],
)
def test_a_problem_is_named(changes: dict[str, Any], message: str) -> None:
    found = problems(table(**changes))
    assert any(message in one for one in found), found


def test_all_problems_are_gathered() -> None:
    found = problems(table(severity="fatal", check="lenght"), table(id="b", good=None), table(id="c", field="titel"))
    assert len(found) >= 3
    assert {one.split(":")[0] for one in found} == {"rule title-too-short", "rule b", "rule c"}


def test_two_rules_of_one_id_are_refused() -> None:
    assert problems(table(), table()) == ("rule title-too-short: there are two rules with this id",)


@pytest.mark.parametrize("text", ["[[rule]", "rule = 5", "[[rules]]\nid = 'x'"])
def test_wrong_toml_is_explained(text: str) -> None:
    with pytest.raises(ConfigError, match="rules of 'shopify'"):
        parse_rules(text, origin="merchant", channel="shopify")


def test_toml_and_mapping_are_the_same() -> None:
    toml = """
    [[rule]]
    id = "title-too-short"
    kinds = ["product"]
    field = "title"
    type = "business_rule"
    check = "length"
    params = { minimum = 5 }
    severity = "warning"
    why = "Nobody finds it."
    source = "our own list, 2026-11-23"
    good = ["Lantern"]
    bad = ["Lamp"]
    """
    assert parse_rules(toml, origin="merchant", channel="c") == parse_rules([table()], origin="merchant", channel="c")


def test_unknown_channel_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="amazon, .*, ebay, .*, woocommerce, files, generic"):
        load_rules("amazone")


def test_channel_gets_common_and_own_rules() -> None:
    common = {rule.id for rule in load_rules("files")}
    assert common == {rule.id for rule in load_rules("generic")}
    amazon = {rule.id: rule for rule in load_rules("amazon")}
    assert common < set(amazon)
    assert amazon["brand-missing"].origin == "channel" and amazon["gtin-notation"].origin == "built_in"
    assert set(channels()) >= {"shopify", "woocommerce", "amazon", "ebay", "mirakl"}


def test_a_channel_rule_replaces_the_common_one() -> None:
    severities = {c: next(r for r in load_rules(c) if r.id == "sku-missing").severity for c in ("files", "amazon")}
    assert severities == {"files": "warning", "amazon": "error"}


def test_the_merchant_adds_replaces_and_switches_off() -> None:
    extra = [
        table(),
        {"id": "title-in-capitals", "is_active": False},
        table(id="title-markup", params={"minimum": 3}),
        {"id": "shopify-identifier-missing", "is_active": True},
    ]
    rules = {rule.id: rule for rule in load_rules("shopify", extra=extra)}
    assert rules["title-too-short"].origin == "merchant"
    assert rules["title-markup"].check == "length"
    assert "title-in-capitals" not in rules
    assert "shopify-identifier-missing" in rules
    assert "shopify-identifier-missing" not in {rule.id for rule in load_rules("shopify")}


def test_an_inactive_rule_of_the_merchant_is_not_judged() -> None:
    rules = load_rules("shopify", extra=[table(is_active=False)])
    assert "title-too-short" not in {rule.id for rule in rules}


def test_a_switch_for_an_unknown_rule_is_a_problem() -> None:
    with pytest.raises(ConfigError, match="no-such-rule"):
        load_rules("shopify", extra=[{"id": "no-such-rule", "is_active": False}])


def test_prove_finds_examples_that_do_not_behave() -> None:
    (rule,) = parse_rules([table(good=["Lantern", "Lamp"], bad=["Cup", "Lantern"])], origin="merchant", channel="c")
    failures = prove(rule)
    assert len(failures) == 2
    assert "'Lamp' is refused, though it is a good example" in failures[0]
    assert "'Lantern' passes, though it is a bad example" in failures[1]


def test_examples_may_set_several_fields_repeat_and_rows() -> None:
    rules = parse_rules(
        [
            table(good=[{"title": "ab", "repeat": 3}], bad=[{"title": "ab", "repeat": 2}]),
            table(id="b", check="unique", params={}, field="sku", good=[{"sku": "A"}], bad=[{"sku": "A", "rows": 2}]),
            table(
                id="c",
                when={"field": "attributes.fragile", "equals": ["YES"]},
                good=["Cup"],
                bad=[{"title": "Cup", "attributes.fragile": "yes"}],
            ),
        ],
        origin="merchant",
        channel="c",
    )
    assert [prove(rule) for rule in rules] == [[], [], []]
