"""Each check against examples of both sorts, against the library it re-states, and against arbitrary text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import ean

from connectors import record
from engine.checks import CHECKS, Subject
from engine.checks.codes import countries, currencies, currency_places, languages, long_countries
from engine.checks.contact import countries_requiring, mistyped_domains
from engine.checks.times import instant


def broken(check: str, cells: list[Any], /, *, field: str = "title", kind: str = "product", **params: Any) -> list[Any]:
    column = field.partition(".")[0]
    frame = pl.DataFrame({column: pl.Series(cells, dtype=record.schema(kind)[column])})
    return frame.select(CHECKS[check].expression(Subject(kind, field), params)).to_series().to_list()


def broken_beside(
    check: str, rows: list[dict[str, str]], judged: str, /, *, kind: str = "product", **params: Any
) -> list[Any]:
    frame = pl.DataFrame(rows)
    return frame.select(CHECKS[check].expression(Subject(kind, judged), params)).to_series().to_list()


@pytest.mark.parametrize(
    ("check", "params", "good", "bad"),
    [
        ("required", {}, ["x lamp", "0", "Does not apply"], ["", "  ", "N/A", "n.a.", "-", "NULL", "unknown", "#REF!"]),
        ("required", {"zero": True}, ["1", "0.001"], ["0", "0.000", ""]),
        ("required", {"placeholders": ["egal"]}, ["N/A"], ["EGAL", ""]),
        ("placeholder", {}, ["", "Norvik"], ["N/A", "Unbekannt"]),
        ("length", {"maximum": 5}, ["12345", "äöüßé"], ["123456"]),
        ("length", {"maximum": 5, "unit": "bytes"}, ["12345"], ["äöüß"]),
        ("length", {"minimum": 2, "visible": True}, ["<b>ab</b>"], ["<b>a</b>", "<p>&nbsp;</p>"]),
        ("pattern", {"matches": "[a-z]+|[0-9]"}, ["abc", "7"], ["abc7", "77", "x y"]),
        ("pattern", {"without": "(?i)sale"}, ["lamp"], ["SALE lamp"]),
        ("one_of", {"values": ["new", "used"]}, ["new"], ["New", "broken"]),
        ("one_of", {"values": ["new"], "ignore_case": True}, ["NEW"], ["news"]),
        ("none_of", {"values": ["KP"]}, ["DE"], ["KP"]),
        ("forbidden_words", {"words": ["free shipping", "c++"]}, ["carefree shipping"], ["FREE shipping!", "learn c++"]),
        ("forbidden_characters", {"characters": "!$?_{}^¬¦]\\-"}, ["lamp (400 lm)"], ["a!", "a]", "a\\b", "a-b", "a^"]),
        ("capitals", {}, ["USB HDMI", "LED Camping Lantern", "12 X 14"], ["CAMPING LANTERN WITH HOOK"]),
        ("capitals", {"share": 0.5}, ["LED camping lantern here"], ["CAMPING LANTERN with HOOK"]),
        ("repeated_words", {}, ["a b a b", ""], ["Lamp, lamp - LAMP"]),
        ("repeated_words", {"maximum": 1, "besides": ["for"]}, ["for you for me"], ["lamp for lamp"]),
        ("markup", {}, ["5 < 6 > 4", "a <3 b"], ["<b>x</b>", "a<br/>b", "<!-- x -->", "<?php", "</p>"]),
        ("markup", {"allow": "tags", "tags": ["p", "br"]}, ["<p class='x'>a<br/></p>"], ["<pre>a</pre>", "<p><b>x</b></p>"]),
        ("markup", {"allow": "inactive"}, ["<p>script</p>"], ["<SCRIPT>", "<p onclick = 'x'>", "<a href=javascript:x>"]),
        ("mojibake", {}, ["für", "MAÇÃ doce", "“IRMÔ", "naïve", "Ñandú", "Ä €"], ["fÃ¼r", "Itâ€™s", "GroÃŸ", "20Â°", "a\x96b", "�"]),
        ("mojibake", {"entities": True}, ["a & b; c", "AT&T"], ["a &amp; b", "&#39;", "&#xe9;"]),
        ("white_space", {}, ["a b", "a\u00a0b"], [" a", "a ", "a  b", "a\tb", "a\nb", "a\u200bb"]),
        ("white_space", {"inner": False}, ["a  b", "a\nb"], ["a ", "\ufeffa"]),
        ("decimal", {}, ["12.50", "12", "0", "-3.5"], ["12,5", "1,299.00", "12.", ".5", "1e3", "nan", "+5", "٣"]),
        ("decimal", {"exactly": 2}, ["12.50", "12,5"], ["12", "12.5", "12.500"]),
        ("decimal", {"at_most": 2}, ["12", "12.5", "12.5000"], ["12.505"]),
        ("integer", {}, ["12", "-3", "007"], ["12.0", "1e3", "twelve", "1,000"]),
        ("minimum", {"value": 0.5}, ["0.5", "abc", "inf"], ["0.49", "-1"]),
        ("minimum", {"value": 0, "exclusive": True}, ["0.01"], ["0", "0.00"]),
        ("maximum", {"value": 10}, ["10", "nan"], ["10.01"]),
        ("currency", {}, ["EUR", "USD", "CHF"], ["eur", "€", "DEM", "XXX"]),
        ("country", {}, ["DE", "US", "XK"], ["de", "UK", "DEU", "EU", "ZZ", "Germany"]),
        ("country", {"long": True}, ["DE", "DEU", "USA", "XKK"], ["deu", "DDR", "UK", "EUE", "Germany"]),
        ("language", {}, ["de", "pt_BR", "zh-Hant-TW", "es-419"], ["deu", "DE", "xx", "german"]),
    ],
)  # fmt: skip
def test_check_tells_good_from_bad(check: str, params: dict[str, Any], good: list[str], bad: list[str]) -> None:
    assert [v for v, b in zip(good, broken(check, good, **params), strict=True) if b] == []
    assert [v for v, b in zip(bad, broken(check, bad, **params), strict=True) if not b] == []


@pytest.mark.parametrize(
    ("check", "field", "good", "bad"),
    [
        ("email", "email", ["a@b.de", "a.b+c@x-y.co.uk", "ü@müller.de"], ["a..b@c.de", "@b.de", "a@b", "a b@c.de", ".a@b.de", "a@-b.de", f"{'a' * 65}@b.de", f"a@{'b' * 250}.de"]),
        ("email_domain", "email", ["a@gmail.com", "a@mail.com", "a@gail.com"], ["a@gmial.com", "A@GMAIL.CON", "a@hotmaill.com"]),
        ("phone", "phone", ["+493012345678", "+12025550123", "+390612345678"], ["493012345678", "+49 30 1234", "+1202555012", "+999123456", "0301234"]),
        ("datetime", "ordered_at", ["2026-01-02", "2026-01-02T03:04", "2026-01-02 03:04:05.678+0200", "2024-02-29T00:00:00z"], ["2026-02-29", "2026-13-01", "2026-01-02T25:00", "02.01.2026", "2026-1-2"]),
    ],
)  # fmt: skip
def test_check_of_orders_tells_good_from_bad(check: str, field: str, good: list[str], bad: list[str]) -> None:
    assert [v for v, b in zip(good, broken(check, good, field=field, kind="order"), strict=True) if b] == []
    assert [v for v, b in zip(bad, broken(check, bad, field=field, kind="order"), strict=True) if not b] == []


def test_lists_are_judged_item_by_item() -> None:
    images = [["https://a.de/1.jpg"], ["https://a.de/1.jpg", "no address"], ["http://a.de/1.svg?x=1"], []]
    assert broken("url", images, field="images") == [False, True, False, False]
    assert broken("url", images, field="images", judge="secure") == [False, False, True, False]
    assert broken("url", images, field="images", judge="extension", extensions=["jpg"]) == [False, False, True, False]
    assert broken("count", images, field="images", minimum=1, maximum=1) == [False, True, False, True]
    assert broken("required", [["x"], [" "], []], field="images") == [False, True, True]


def test_attributes_are_found_without_case() -> None:
    rows = [[{"key": "Return_Policy_ID", "value": "7"}], [{"key": "other", "value": "7"}], []]
    assert broken("required", rows, field="attributes.return_policy_id") == [False, True, True]


def test_comparison_with_another_field() -> None:
    rows = [
        {"sale_price": a, "price": b}
        for a, b in (("9.9", "10"), ("10.0", "10"), ("10.01", "10"), ("x", "1"), ("2", ""))
    ]
    assert broken_beside("at_most_field", rows, "sale_price", field="price") == [False, False, True, None, None]
    assert broken_beside("at_most_field", rows, "sale_price", field="price", strict=True)[:3] == [False, True, True]
    assert broken_beside("at_least_field", rows, "price", field="sale_price")[:3] == [False, False, True]
    names = [{"title": "LAN-1", "sku": "lan-1"}, {"title": "Lantern", "sku": "lan-1"}]
    assert broken_beside("differs_from_field", names, "title", field="sku") == [True, False]


def test_a_weight_must_suit_the_size_of_its_package() -> None:
    # One litre: 0.003 to 12 g/cm3 are 3 g to 12 kg.
    rows = [
        {"weight_g": weight, "length_mm": "100", "width_mm": "100", "height_mm": height}
        for weight, height in (
            ("2.9", "100"),
            ("3", "100"),
            ("12000", "100"),
            ("12001", "100"),
            ("0", "100"),
            ("1", "0"),
        )
    ]
    limits = {"lightest": 0.003, "heaviest": 12.0}
    assert broken_beside("density", rows, "weight_g", **limits) == [True, False, False, True, False, False]
    assert broken_beside("density", [rows[0] | {"height_mm": ""}], "weight_g", **limits) == [None]


def test_decimal_places_follow_the_currency() -> None:
    rows = [
        {"price": p, "currency": c}
        for p, c in (("1.234", "KWD"), ("1.234", "EUR"), ("100.5", "JPY"), ("100.00", "JPY"))
    ]
    assert broken_beside("decimal", rows, "price", at_most=2, currency_field="currency") == [False, True, True, False]
    assert broken_beside("decimal", rows, "price", exactly=2, currency_field="currency") == [False, True, True, True]
    assert "JPY" in currency_places()[0]


def test_any_of_fields_needs_one_whole_alternative() -> None:
    rows = [
        {"gtin": "1", "brand": "", "mpn": ""},
        {"gtin": "", "brand": "B", "mpn": "M"},
        {"gtin": "N/A", "brand": "B", "mpn": ""},
        {"gtin": "", "brand": "", "mpn": ""},
    ]
    assert broken_beside("any_of_fields", rows, "gtin", fields=["brand+mpn"]) == [False, False, True, True]


def test_address_follows_the_country() -> None:
    rows = [
        {"ship_postal_code": code, "ship_country": country}
        for code, country in (
            ("94105", "US"),
            ("731021070", "US"),
            ("sw1a 1aa", "GB"),
            ("1067", "DE"),
            ("", "HK"),
            ("x", "??"),
        )
    ]
    assert broken_beside("postal_code", rows, "ship_postal_code", kind="order") == [
        False,
        True,
        False,
        True,
        False,
        False,
    ]
    needed = broken_beside("required_by_country", rows, "ship_postal_code", kind="order", part="postal_code")
    assert needed == [False] * 6
    assert broken_beside(
        "required_by_country",
        [{"ship_postal_code": "", "ship_country": "de"}],
        "ship_postal_code",
        kind="order",
        part="postal_code",
    ) == [True]
    assert "US" in countries_requiring("region") and "DE" not in countries_requiring("region")


def test_an_address_is_judged_by_either_code_of_its_country() -> None:
    rows = [
        {"ship_postal_code": code, "ship_country": country}
        for code, country in (("94105", "USA"), ("1067", "DEU"), ("SW1A 1AA", "gbr"), ("1", "HKG"))
    ]
    assert broken_beside("postal_code", rows, "ship_postal_code", kind="order") == [False, True, False, False]
    rows = [{"ship_postal_code": "", "ship_country": country} for country in ("FRA", "HKG", "FR")]
    needed = broken_beside("required_by_country", rows, "ship_postal_code", kind="order", part="postal_code")
    assert needed == [True, False, True]
    assert set(long_countries().values()) >= set(countries()) - {"CQ", "EA", "IC"}


def test_dates_without_time_count_as_the_whole_day() -> None:
    rows = [
        {"shipped_at": a, "ordered_at": b}
        for a, b in (
            ("2026-01-02", "2026-01-02T23:00:00Z"),
            ("2026-01-01", "2026-01-02T00:00:00Z"),
            ("2026-01-02T10:00:00+02:00", "2026-01-02T09:00:00Z"),
            ("soon", "2026-01-02"),
        )
    ]
    assert broken_beside("not_before_field", rows, "shipped_at", kind="order", field="ordered_at") == [
        False,
        True,
        True,
        None,
    ]


def test_unique_looks_at_sellable_rows_with_a_value() -> None:
    frame = pl.DataFrame({"sku": ["A", "A", "", "", "B", "B"], "level": ["", "variant", "", "", "parent", "single"]})
    mask = CHECKS["unique"].expression(Subject("product", "sku"), {})
    sellable = frame.filter(mask & (pl.col("sku") != "") & (pl.col("level") != "parent"))
    assert sellable["sku"].to_list() == ["A", "A"]


def test_group_size_names_one_row_for_a_product() -> None:
    frame = pl.DataFrame({"parent_key": ["p"] * 5 + ["q"] * 2, "level": ["parent"] + ["variant"] * 4 + ["variant"] * 2})
    mask = frame.select(CHECKS["group_size"].expression(Subject("product", "parent_key"), {"maximum": 2})).to_series()
    assert mask.arg_true().to_list() == [3]


@given(st.text("0123456789", min_size=1, max_size=15))
def test_gtin_agrees_with_stdnum(digits: str) -> None:
    notation = broken("gtin", [digits], field="gtin")[0]
    wrong = broken("gtin", [digits], field="gtin", judge="check_digit")[0]
    usable = len(digits) in (8, 12, 13, 14) and set(digits) != {"0"}
    assert notation is not usable
    assert wrong is (usable and not ean.is_valid(digits))


@pytest.mark.parametrize(
    ("gtin", "reserved"), [("2012345678900", True), ("4006381333931", False), ("9800000000007", False)]
)
def test_gtin_prefixes_for_internal_use(gtin: str, reserved: bool) -> None:
    complete = gtin[:-1] + ean.calc_check_digit(gtin[:-1])
    assert broken("gtin", [complete], field="gtin", judge="reserved") == [reserved]


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
def test_phone_takes_the_example_number_of_every_country(region: str) -> None:
    example = phonenumbers.example_number(region)
    written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    assert broken("phone", [written, written.removeprefix("+")], field="phone", kind="order") == [False, True]


@given(st.datetimes(min_value=datetime(1900, 1, 1)))
def test_instant_reads_what_python_writes(moment: datetime) -> None:
    text = moment.isoformat(timespec="microseconds") + "Z"
    frame = pl.DataFrame({"ordered_at": [text]}).select(instant(Subject("order", "ordered_at")))
    assert frame.item().replace(tzinfo=None) == moment


_ANY = {
    "any_of_fields": {"fields": ["brand"]},
    "at_least_field": {"field": "brand"},
    "at_most_field": {"field": "brand"},
    "density": {"lightest": 0.003, "heaviest": 12.0, "length": "brand", "width": "brand", "height": "brand"},
    "differs_from_field": {"field": "brand"},
    "forbidden_characters": {"characters": "!"},
    "forbidden_words": {"words": ["x"]},
    "group_size": {"maximum": 1},
    "maximum": {"value": 1},
    "minimum": {"value": 1},
    "none_of": {"values": ["x"]},
    "not_before_field": {"field": "brand"},
    "one_of": {"values": ["x"]},
    "pattern": {"without": "x"},
    "postal_code": {"country_field": "brand"},
    "required_by_country": {"part": "city", "country_field": "brand"},
}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=12)), min_size=1, max_size=5))
def test_no_text_makes_a_check_fail(rows: list[tuple[str, str]]) -> None:
    frame = pl.DataFrame(rows, schema=["title", "brand"], orient="row").with_columns(pl.lit("").alias("level"))
    for name, check in CHECKS.items():
        if name == "count":
            continue
        mask = frame.select(check.expression(Subject("product", "title"), _ANY.get(name, {}))).to_series()
        assert mask.dtype == pl.Boolean and len(mask) == len(rows), name


@pytest.mark.parametrize(
    ("check", "params", "message"),
    [
        ("length", {"maximum": "80"}, "maximum"),
        ("length", {"longest": 80}, "its parameters: minimum, maximum"),
        ("length", {"minimum": 5, "maximum": 2}, "below minimum"),
        ("one_of", {}, "needs the parameter 'values'"),
        ("pattern", {"matches": "("}, "not a valid pattern"),
        ("pattern", {}, "one of the two"),
        ("pattern", {"matches": "a", "without": "b"}, "one of the two"),
        ("decimal", {"exactly": 2, "at_most": 2}, "not both"),
        ("gtin", {"lengths": [10]}, "not those of a GTIN"),
        ("url", {"judge": "extension"}, "extensions"),
        ("markup", {"allow": "tags"}, "tags"),
        ("count", {}, "list field"),
        ("at_most_field", {"field": "weight"}, "no field 'weight'"),
        ("required_by_country", {"part": "house", "country_field": "title"}, "street, city, region, postal_code"),
    ],
)
def test_senseless_parameters_are_explained(check: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CHECKS[check].expression(Subject("product", "title"), params)


def test_every_check_says_what_it_wants() -> None:
    assert [name for name, check in CHECKS.items() if not check.summary.endswith(".")] == []


def test_code_lists_are_those_of_today() -> None:
    assert {"DE", "US", "GB"} <= set(countries()) and "EU" not in countries()
    assert {"EUR", "USD", "INR"} <= set(currencies()) and not {"DEM", "FRF"} & set(currencies())
    assert {"de", "en", "fr"} <= set(languages())
    assert not {"gmail.com", "yahoo.com"} & set(mistyped_domains())
