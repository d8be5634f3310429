"""Phone, e-mail, country, postal code: with real contacts of shops in 73 countries where they are at hand."""

from __future__ import annotations

from pathlib import Path

import phonenumbers
import polars as pl
import pytest

from engine.correctors.country import territory


@pytest.mark.parametrize(
    ("observed", "country", "value"),
    [
        ("702-256-0286", "US", "+17022560286"),
        ("030 901820", "Germany", "+4930901820"),
        ("01 42 68 53 00", "FR", "+33142685300"),
        ("+44 20 7946 0018", "DE", "+442079460018"),
        ("0044 20 7946 0018", "DE", "+442079460018"),
        ("4930901820", "DE", "+4930901820"),
    ],
)
def test_phones_by_the_country_of_the_order(ask, observed: str, country: str, value: str) -> None:
    found = ask("phone", "order", "phone", [observed], check="phone", record={"ship_country": country})
    assert found[observed][0][0] == value


@pytest.mark.parametrize("observed", ["", "abc", "12", "0000000000", "call me"])
def test_impossible_phones_get_no_answer(ask, observed: str) -> None:
    assert ask("phone", "order", "phone", [observed], record={"ship_country": "US"})[observed] == []


def test_an_extension_and_a_missing_trunk_prefix_lower_the_score(ask) -> None:
    record = {"ship_country": "DE"}
    found = ask("phone", "order", "phone", ["030 901820", "030 901820 ext. 12", "30 901820"], record=record)
    whole, extended, bare = (found[key][0][1] for key in found)
    assert whole > bare > extended


def test_real_phones_become_what_the_numbering_plan_says(ask, shared: Path) -> None:
    stores = pl.read_parquet(shared / "store_contacts/starbucks_directory.parquet").filter(pl.col("Phone_Number") != "")
    stores = stores.sample(1_500, seed=4)
    truth, values = [], []
    for phone, country in stores.select("Phone_Number", "Country").iter_rows():
        code = territory(country)
        try:
            number = phonenumbers.parse(phone, code or None)
        except phonenumbers.NumberParseException:
            continue
        if code and phonenumbers.is_valid_number(number) and phonenumbers.region_code_for_number(number) == code:
            truth.append((phone, country, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)))
    right = 0
    for country, group in pl.DataFrame(truth, schema=["phone", "country", "e164"], orient="row").group_by("country"):
        values = group["phone"].to_list()
        found = ask("phone", "order", "phone", values, record={"ship_country": country[0]})
        right += sum(
            bool(found[v]) and found[v][0][0] == e for v, e in group.select("phone", "e164").iter_rows() if v != e
        )
    changed = sum(phone != e164 for phone, _, e164 in truth)
    assert changed > 300
    assert right / changed > 0.99


@pytest.mark.parametrize(
    ("observed", "value"),
    [
        ("anna@gmial.com", "anna@gmail.com"),
        ("anna@gmail.con", "anna@gmail.com"),
        ("anna@gmail", "anna@gmail.com"),
        ("Anna@Web.DE ", "Anna@web.de"),
        ("anna,b@web.de", "anna.b@web.de"),
        ("a..b@web.de", "a.b@web.de"),
        ("anna@@web.de", "anna@web.de"),
        ("anna(at)web.de", "anna@web.de"),
        ("Anna B <anna@web.de>", "anna@web.de"),
        ("mailto:anna@web.de", "anna@web.de"),
        ("anna @ web . de", "anna@web.de"),
        ("annagmail.com", "anna@gmail.com"),
        ("\u200banna@web.de", "anna@web.de"),
        ("anna@gmailcom", "anna@gmail.com"),
        ("anna@gmxde", "anna@gmx.de"),
    ],
)
def test_emails_with_a_slip(ask, observed: str, value: str) -> None:
    assert ask("email", "order", "email", [observed], check="email")[observed][0][0] == value


@pytest.mark.parametrize(
    "observed",
    ["", "anna", "a@b.org; c@d.org", "@web.de", "anna@", "anna@mail.com", "anna@ymail.com", "anna5?@gmial.com"],
)
def test_emails_that_cannot_or_need_not_be_mended(ask, observed: str) -> None:
    assert ask("email", "order", "email", [observed], check="email")[observed] == []


def test_a_domain_that_occurs_often_is_no_slip(ask) -> None:
    records = [{"email": f"k{n}@gmeil.com"} for n in range(5)]
    assert ask("email", "order", "email", ["x@gmeil.com"], records=records)["x@gmeil.com"] == []
    assert ask("email", "order", "email", ["x@gmeil.com"])["x@gmeil.com"][0][0] == "x@gmail.com"
    own = [{"email": f"k{n}@northern-lamps.dk"} for n in range(5)]
    assert ask("email", "order", "email", ["x@northern-lmaps.dk"], records=own)["x@northern-lmaps.dk"][0][0] == (
        "x@northern-lamps.dk"
    )


@pytest.mark.parametrize(
    ("observed", "value"),
    [
        ("Germany", "DE"),
        ("DEUTSCHLAND", "DE"),
        ("Allemagne", "DE"),
        ("Österreich", "AT"),
        ("osterreich", "AT"),
        ("DEU", "DE"),
        ("uk", "GB"),
        ("U.S.A.", "US"),
        ("Great Britan", "GB"),
        ("Untied States", "US"),
        ("Pays-Bas", "NL"),
        ("España", "ES"),
        ("Côte d’Ivoire", "CI"),
    ],
)
def test_country_names(ask, observed: str, value: str) -> None:
    assert ask("country", "order", "ship_country", [observed], check="country")[observed][0][0] == value


@pytest.mark.parametrize("observed", ["", "EU", "Atlantis", "Europe", "XX", "DE"])
def test_what_is_no_country_gets_no_answer(ask, observed: str) -> None:
    assert ask("country", "order", "ship_country", [observed], check="country")[observed] == []


def test_attributes_are_judged_only_when_they_are_about_a_country(ask) -> None:
    assert ask("country", "product", "attributes.country_of_origin", ["Italien"])["Italien"][0][0] == "IT"
    assert ask("country", "product", "attributes.colour", ["Jordan"])["Jordan"] == []


@pytest.mark.parametrize(
    ("observed", "country", "region", "value"),
    [
        ("731021070", "US", "OK", "73102-1070"),
        ("2134", "US", "MA", "02134"),
        ("10115.0", "DE", "", "10115"),
        ("1067", "DE", "", "01067"),
        ("D-10115", "DE", "", "10115"),
        ("sw1a1aa", "United Kingdom", "", "SW1A 1AA"),
        ("1234ab", "NL", "", "1234 AB"),
        ("k1a0b1", "CA", "", "K1A 0B1"),
        ("00950", "PL", "", "00-950"),
        ("1000205", "PT", "", "1000-205"),
    ],
)
def test_postal_codes(ask, observed: str, country: str, region: str, value: str) -> None:
    record = {"ship_country": country, "ship_region": region}
    assert ask("postal_code", "order", "ship_postal_code", [observed], record=record)[observed][0][0] == value


@pytest.mark.parametrize(("observed", "country"), [("123", "DE"), ("75 01", "FR"), ("ABC", "US"), ("1067", "Atlantis")])
def test_postal_codes_that_nobody_can_tell(ask, observed: str, country: str) -> None:
    assert ask("postal_code", "order", "ship_postal_code", [observed], record={"ship_country": country})[observed] == []


def test_the_region_says_whether_a_zero_was_lost(ask) -> None:
    with_zero = ask(
        "postal_code", "order", "ship_postal_code", ["2134"], record={"ship_country": "US", "ship_region": "MA"}
    )
    without = ask(
        "postal_code", "order", "ship_postal_code", ["9021"], record={"ship_country": "US", "ship_region": "CA"}
    )
    assert with_zero["2134"][0][1] > 0.9
    # Californian codes start with 9: another digit was lost, and nobody can tell which.
    assert without["9021"] == []


def test_real_zip_plus_four_codes_get_their_hyphen(ask, shared: Path) -> None:
    codes = (
        pl.read_parquet(shared / "store_contacts/starbucks_directory.parquet")
        .filter((pl.col("Country") == "USA") & pl.col("Postcode").str.contains(r"^\d{9}$"))["Postcode"]
        .unique()
        .head(1_000)
        .to_list()
    )
    assert len(codes) == 1_000
    found = ask("postal_code", "order", "ship_postal_code", codes, record={"ship_country": "US"})
    assert all(found[code][0][0] == f"{code[:5]}-{code[5:]}" for code in codes)


def test_a_missing_country_is_that_of_the_telephone_or_of_nearly_all_orders(ask) -> None:
    records = [{"ship_country": "DE"}] * 39 + [{"ship_country": "AT"}]

    def filled(observed: str, phone: str = "", **more: object) -> list[str]:
        found = ask("country", "order", "ship_country", [observed], check="required", record={"phone": phone}, **more)
        return [value for value, _, _ in found[observed]]

    assert filled("", records=records) == ["DE"]
    assert filled("N/A", records=records) == ["DE"]
    assert filled("", "+43 1 5880010", records=records) == ["AT", "DE"]
    assert filled("", "01 5880010") == []
    assert filled("", records=records[:10]) == []
    assert filled("", records=[*records[:20], *[{"ship_country": "FR"}] * 25]) == ["FR"]
