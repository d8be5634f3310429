from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from engine.correctors.price import PriceCorrector
from engine.types import DECISIONS


@pytest.mark.parametrize(
    ("observed", "value"),
    [
        ("1.299,00 €", "1299.00"),
        ("€ 1,299.00", "1299.00"),
        ("12,5", "12.50"),
        ("10", "10.00"),
        ("1'299.00", "1299.00"),
        ("1 299,00", "1299.00"),
        ("1,299,000", "1299000.00"),
        ("0,99", "0.99"),
        ("0.299 EUR", "0.30"),
        ("12.", "12.00"),
        ("２３,５０", "23.50"),
    ],
)
def test_prices_that_can_be_read_in_one_way(ask, observed: str, value: str) -> None:
    found = ask("price", "product", "price", [observed], check="decimal", params={"exactly": 2})[observed]
    assert [one[0] for one in found] == [value]


@pytest.mark.parametrize(
    "observed", ["", "free", "0", "0,00 €", "-5", "(12.00)", "10-20", "from 10 to 12", "10 %", "x"]
)
def test_what_is_no_price_gets_no_answer(ask, observed: str) -> None:
    assert ask("price", "product", "price", [observed], check="decimal")[observed] == []


def test_an_ambiguous_separator_without_evidence_gives_two_doubtful_readings(ask) -> None:
    found = ask("price", "product", "price", ["1.299"], check="decimal", params={"exactly": 2})["1.299"]
    assert [one[0] for one in found] == ["1299.00", "1.30"]
    assert all(score < 0.85 for _, score, _ in found)


def test_the_column_decides_an_ambiguous_separator(ask) -> None:
    commas = [{"price": f"{n + 3},{n % 90 + 10}"} for n in range(40)]
    points = [{"price": f"{n + 3}.{n % 90 + 10}"} for n in range(40)]
    german = ask(
        "price", "product", "price", ["1.299"], check="decimal", records=[*commas, *[{"price": "1.150,00"}] * 8]
    )
    english = ask("price", "product", "price", ["1.299"], check="decimal", records=points)
    assert german["1.299"][0][0] == "1299.00"
    assert "48 times for a decimal comma" in german["1.299"][0][2]
    assert english["1.299"][0][0] == "1.30"


def test_the_currency_decides_where_the_column_is_silent(ask) -> None:
    rupees = ask("price", "product", "price", ["Rs 1,299"], check="decimal")["Rs 1,299"]
    kroner = ask("price", "product", "price", ["1.299"], check="decimal", record={"currency": "DKK"})["1.299"]
    assert rupees[0][0] == "1299.00"
    assert kroner[0][0] == "1299.00"
    assert rupees[0][1] > 0.9
    assert kroner[0][1] > 0.9


def test_places_follow_rule_then_currency(ask) -> None:
    assert (
        ask("price", "product", "price", ["1200,5"], record={"currency": "JPY"}, check="decimal")["1200,5"][0][0]
        == "1201"
    )
    three = ask("price", "product", "price", ["1200,5"], params={"exactly": 3}, check="decimal")
    assert three["1200,5"][0][0] == "1200.500"
    one = ask("price", "product", "price", ["9.905"], params={"at_most": 1}, check="decimal")
    assert {value for value, _, _ in one["9.905"]} == {"9905.0", "9.9"}


def test_rounding_scores_lower_than_notation(ask) -> None:
    found = ask("price", "product", "price", ["12,50", "12,5049"], check="decimal")
    assert found["12,50"][0][1] > found["12,5049"][0][1]
    assert "changes the amount" in found["12,5049"][0][2]


def test_a_sale_price_above_the_price_has_only_doubtful_ways_out(ask) -> None:
    found = ask(
        "price",
        "product",
        "sale_price",
        ["1999", "35.00", "12.00"],
        check="at_most_field",
        params={"field": "price"},
        record={"price": "29.99"},
    )
    assert [one[0] for one in found["1999"]] == ["19.99", ""]
    assert [one[0] for one in found["35.00"]] == [""]
    assert found["12.00"] == []
    assert all(score <= 0.5 for many in found.values() for _, score, _ in many)


def test_without_evidence_no_reading_scores_high_and_the_other_price_is_evidence(ask) -> None:
    silent = ask("price", "product", "price", ["1.299"], check="decimal")["1.299"]
    assert [value for value, _, _ in silent] == ["1299.00", "1.30"]
    assert all(score <= 0.6 for _, score, _ in silent)
    beside = ask("price", "product", "price", ["1.299"], check="decimal", record={"sale_price": "1.10"})["1.299"]
    assert beside[0][0] == "1.30"
    above = ask("price", "product", "price", ["1.299"], check="decimal", record={"sale_price": "999.00"})["1.299"]
    assert above[0][0] == "1299.00"
    assert above[0][1] > 0.9


def test_what_people_of_the_connection_chose_is_evidence(ask) -> None:
    row = dict.fromkeys(DECISIONS, "x") | {"connection": "shop", "field": "price", "decided_at": None}
    past = [row | {"observed": f"2.{n}00", "suggested": f"2{n}00.00", "final": f"2.{n}0"} for n in range(1, 9)]
    decisions = pl.DataFrame([one | {"verdict": "modified"} for one in past], schema=DECISIONS)
    found = ask("price", "product", "price", ["1.290"], check="decimal", decisions=decisions)["1.290"]
    assert found[0][0] == "1.29"
    assert "people chose" in found[0][2]
    other = ask("price", "product", "price", ["1.290"], check="decimal", decisions=decisions, connection="another")
    assert other["1.290"][0][0] == "1290.00"


def test_a_sale_above_the_price_is_put_right_as_people_did_before(ask) -> None:
    row = dict.fromkeys(DECISIONS, "x") | {"connection": "shop", "field": "sale_price", "decided_at": None}
    row |= {"rule_id": "sale-price-above-price", "verdict": "modified", "suggested": "9.99"}
    decisions = pl.DataFrame([row | {"observed": f"{n}99", "final": ""} for n in range(20, 30)], schema=DECISIONS)
    asked = {"check": "at_most_field", "params": {"field": "price"}, "record": {"price": "29.99"}}
    found = ask("price", "product", "sale_price", ["1999"], decisions=decisions, **asked)["1999"]
    assert found[0][0] == ""
    assert found[0][1] > 0.6


@given(
    amount=st.decimals(min_value=Decimal("0.01"), max_value=Decimal("999999.99"), places=2),
    locale=st.sampled_from(["de_DE", "en_US", "fr_FR", "it_IT", "nl_NL", "en_GB", "es_ES"]),
    with_sign=st.booleans(),
)
def test_what_babel_writes_is_read_back(amount: Decimal, locale: str, with_sign: bool) -> None:
    text = (
        format_currency(amount, "EUR", locale=locale)
        if with_sign
        else format_decimal(amount, "#,##0.00", locale=locale)
    )
    found = list(PriceCorrector()._read("price", text, "EUR", 2))
    assert [one.value for one in found] == [f"{amount:.2f}"]
