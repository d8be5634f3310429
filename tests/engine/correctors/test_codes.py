"""GTIN, currency, language, condition, quantity, measures, images."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import ean

from engine.correctors.gtin import _reply as gtin_reply
from engine.correctors.image import _reply as image_reply
from engine.types import DECISIONS


@pytest.mark.parametrize(
    ("observed", "value"),
    [
        ("400-6381-333931", "4006381333931"),
        ("4006381333931.0", "4006381333931"),
        ("'4006381333931", "4006381333931"),
        ("EAN: 4006381333931", "4006381333931"),
        ("36000291452", "036000291452"),
        ("0-306-40615-2", "9780306406157"),
        ("isbn 978-3-16-148410-0", "9783161484100"),
    ],
)
def test_gtins_whose_digits_are_all_there(ask, observed: str, value: str) -> None:
    found = ask("gtin", "product", "gtin", [observed], check="gtin")[observed]
    assert found[0][0] == value
    assert found[0][1] > 0.9


@pytest.mark.parametrize("observed", ["", "8,02E+12", "8.02E+12", "ABC", "0000000000000", "12345", "4006381333931"])
def test_gtins_that_are_lost_or_right(ask, observed: str) -> None:
    assert ask("gtin", "product", "gtin", [observed], check="gtin")[observed] == []


def test_a_wrong_check_digit_is_only_a_hint(ask) -> None:
    found = ask("gtin", "product", "gtin", ["4006381333932"], check="gtin")["4006381333932"]
    assert [one[0] for one in found] == ["4006381333931"]
    assert found[0][1] <= 0.2


def test_padding_goes_to_a_length_that_the_channel_takes(ask) -> None:
    found = ask("gtin", "product", "gtin", ["36000291452"], check="gtin", params={"lengths": [13]})
    assert found["36000291452"][0][0] == "0036000291452"


def test_real_codes_destroyed_by_a_spreadsheet_get_no_answer(ask, shared: Path) -> None:
    codes = pl.read_parquet(shared / "openfoodfacts/products.parquet")["code"]
    lost = codes.filter(codes.str.contains("E+", literal=True)).unique().to_list()
    assert len(lost) >= 10
    assert not any(ask("gtin", "product", "gtin", lost, check="gtin").values())


@given(st.integers(min_value=10**9, max_value=10**12 - 1))
def test_a_lost_zero_is_found_again(body: int) -> None:
    whole = f"0{body:011d}"[:12]
    code = whole + ean.calc_check_digit(whole)
    lost = code.lstrip("0")
    found = list(gtin_reply(lost, '{"lengths": [13]}'))
    if lost != code and len(lost) >= 9:
        assert [one.value for one in found] == [code]


@pytest.mark.parametrize(
    ("observed", "value"),
    [
        ("€", "EUR"),
        ("eur", "EUR"),
        ("Euro", "EUR"),
        ("Pounds", "GBP"),
        ("£", "GBP"),
        ("US-Dollar", "USD"),
        ("zł", "PLN"),
    ],
)
def test_currency_signs_and_names(ask, observed: str, value: str) -> None:
    assert ask("currency", "product", "currency", [observed], check="currency")[observed][0][0] == value


def test_a_shared_sign_is_settled_by_home_or_column(ask) -> None:
    open_question = ask("currency", "product", "currency", ["$"])["$"]
    assert len(open_question) == 3
    assert open_question[0][1] <= 0.5
    assert ask("currency", "product", "currency", ["$"], currency="CAD")["$"][0][:2] == ("CAD", 0.9)
    records = [{"currency": "AUD"}] * 40
    assert ask("currency", "product", "currency", ["$"], records=records)["$"][0][:2] == ("AUD", 0.94)


def test_a_missing_currency_comes_from_price_column_or_home(ask) -> None:
    assert ask("currency", "product", "currency", [""], record={"price": "12 €"})[""][0][0] == "EUR"
    assert ask("currency", "product", "currency", [""], records=[{"currency": "SEK"}] * 30)[""][0][0] == "SEK"
    assert ask("currency", "product", "currency", [""], currency="PLN")[""][0][0] == "PLN"
    assert ask("currency", "product", "currency", [""], records=[{"currency": "SEK"}] * 5)[""] == []


@pytest.mark.parametrize("observed", ["DEM", "bananas", "XXXX"])
def test_unknown_currencies_get_no_answer(ask, observed: str) -> None:
    assert ask("currency", "product", "currency", [observed], check="currency")[observed] == []


@pytest.mark.parametrize(
    ("observed", "value"), [("English", "en"), ("deutsch", "de"), ("deu", "de"), ("de_DE", "de"), ("Français", "fr")]
)
def test_languages(ask, observed: str, value: str) -> None:
    assert ask("language", "product", "language", [observed])[observed][0][0] == value


def test_conditions_are_those_of_the_rule(ask) -> None:
    params = {"values": ["NewItem", "UsedItem"]}
    own = ask("condition", "product", "condition", ["Neu", "gebraucht", "mint"], check="one_of", params=params)
    assert own == {"Neu": [], "gebraucht": [], "mint": []}
    params = {"values": ["New", "Used", "Refurbished"]}
    found = ask(
        "condition", "product", "condition", ["Neu", "occasion", "renewed", "NEW"], check="one_of", params=params
    )
    assert [found[key][0][0] for key in found] == ["New", "Used", "Refurbished", "New"]


@pytest.mark.parametrize(
    ("observed", "value"), [("5.0", "5"), ("5 pcs", "5"), ("-3", "0"), ("1,000", "1000"), ("+7", "7")]
)
def test_quantities(ask, observed: str, value: str) -> None:
    assert ask("quantity", "stock", "quantity", [observed], check="integer")[observed][0][0] == value


@pytest.mark.parametrize("observed", ["", "2.5", "in stock", "3-5", "12"])
def test_quantities_without_answer(ask, observed: str) -> None:
    assert ask("quantity", "stock", "quantity", [observed], check="integer")[observed] == []


@pytest.mark.parametrize(
    ("observed", "value"),
    [("20 cm", "200"), ("12,5", "12.5"), ("2 in", "50.8"), ('10"', "254"), ("1,2 m", "1200"), ("1.200,5", "1200.5")],
)
def test_lengths(ask, observed: str, value: str) -> None:
    assert ask("dimensions", "product", "length_mm", [observed])[observed][0][0] == value


@pytest.mark.parametrize("observed", ["", "200", "20 kg", "10 x 20 cm", "9**9**9 mm", "big"])
def test_lengths_without_answer(ask, observed: str) -> None:
    assert ask("dimensions", "product", "length_mm", [observed])[observed] == []


def test_images_are_mended_one_by_one_and_stay_in_order() -> None:
    given_list = [
        "http://a.example.com/x y.jpg",
        "//b.example.com/1.png",
        "ftp://c.example.com/1.jpg",
        "https://d.example.com/é.jpg",
    ]
    (found,) = image_reply(json.dumps(given_list), "url", "{}")
    assert json.loads(found.value) == [
        "https://a.example.com/x%20y.jpg",
        "https://b.example.com/1.png",
        "https://d.example.com/%C3%A9.jpg",
    ]


@pytest.mark.parametrize(
    "observed", ["[]", "", "nope", '["nothing"]', '["https://a.example.com/1.jpg"]', "[[[", '{"a": 1}']
)
def test_images_without_answer(observed: str) -> None:
    assert list(image_reply(observed, "url", "{}")) == []


def test_images_beyond_the_count_and_of_a_wrong_kind_are_left_out() -> None:
    many = json.dumps([f"https://a.example.com/{n}.jpg" for n in range(12)])
    (found,) = image_reply(many, "count", '{"maximum": 9}')
    assert len(json.loads(found.value)) == 9
    mixed = json.dumps(["https://a.example.com/1.svg", "https://a.example.com/2.jpg"])
    (found,) = image_reply(mixed, "url", '{"judge": "extension", "extensions": ["jpg", "png"]}')
    assert json.loads(found.value) == ["https://a.example.com/2.jpg"]


def test_a_missing_condition_is_told_by_the_title_or_by_nearly_all_records(ask) -> None:
    records = [{"condition": "Neu"}] * 40

    def filled(title: str, **more: object) -> list[str]:
        found = ask("condition", "product", "condition", ["", "N/A"], record={"title": title}, **more)
        assert [one[0] for one in found[""]] == [one[0] for one in found["N/A"]]
        return [value for value, _, _ in found[""]]

    assert filled("Acme phone", records=records) == ["new"]
    assert filled("Acme phone, refurbished", records=records) == ["refurbished"]
    assert filled("Handy generalüberholt 64 GB") == ["refurbished"]
    assert filled("Oil for used engines") == []
    graded = {"values": ["used_good", "used_fair", "new"]}
    assert filled("Acme phone", records=records, check="one_of", params=graded) == ["new"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Eine Lampe für das Zelt mit Haken", "de"),
        ("A lamp for the tent with two hooks", "en"),
        ("Une lampe pour la tente avec des crochets", "fr"),
        ("Una lámpara para el salón con dos ganchos y los cables", "es"),
        ("Una lampada per la tenda con gancio e gli accessori", "it"),
        ("Een lamp voor de tent met een haak", "nl"),
        ("Uma lâmpada para a tenda com os ganchos", "pt"),
    ],
)
def test_a_missing_language_is_read_off_the_text(ask, text: str, language: str) -> None:
    found = ask("language", "product", "language", [""], record={"title": "XK-7", "description": text})[""]
    assert found[0][0] == language
    silent = ask("language", "product", "language", [""], record={"title": "XK-7 Pro"}, language="fr")[""]
    assert [value for value, _, _ in silent] == ["fr"]


def test_italian_ingredients_are_read_as_italian(ask, shared: Path) -> None:
    food = pl.read_parquet(shared / "openfoodfacts/products.parquet")
    food = food.filter((pl.col("countries") == "Italia") & (pl.col("ingredients_text").str.len_chars() > 150))
    answers = [
        ask("language", "product", "language", [""], record={"description": text})[""]
        for text in food["ingredients_text"].head(120)
    ]
    given = [found[0][0] for found in answers if found]
    # Lists of ingredients have few articles; where there are too few, no answer is the right one.
    assert len(given) >= 0.4 * len(answers)
    assert set(given) == {"it"}


def test_a_negative_stock_is_what_the_connection_took_it_for(ask) -> None:
    row = dict.fromkeys(DECISIONS, "x") | {"connection": "shop", "field": "quantity", "decided_at": None}
    past = [row | {"observed": f"-{n}", "suggested": "0", "final": str(n), "verdict": "modified"} for n in range(1, 8)]
    decisions = pl.DataFrame(past, schema=DECISIONS)
    before = ask("quantity", "stock", "quantity", ["-3"], check="minimum")["-3"]
    after = ask("quantity", "stock", "quantity", ["-3"], check="minimum", decisions=decisions)["-3"]
    assert [value for value, _, _ in before] == ["0", "3"]
    assert [value for value, _, _ in after] == ["3", "0"]
    assert after[0][1] > 0.9
