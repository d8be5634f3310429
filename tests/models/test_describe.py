from __future__ import annotations

import doctest
import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import describe as module
from models.describe import LANGUAGES, describe, trace

RECORD = {
    "title": "Camping lantern",
    "brand": "Norvik",
    "category": "Outdoor > Lighting",
    "mpn": "L-400",
    "condition": "new",
    "length_mm": "200",
    "width_mm": "100",
    "height_mm": "105",
    "weight_g": "1350",
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def test_the_examples_in_the_docstring_hold() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_tells_every_fact_in_its_own_words(language: str) -> None:
    made = describe(RECORD, [("Farbe", "grün")], language=language)
    assert made is not None
    assert made.facts == 6
    assert "Camping lantern" in made.text and "Norvik" in made.text and "L-400" in made.text and "grün" in made.text
    assert ("10.5" if language == "en" else "10,5") in made.text
    others = {describe(RECORD, language=other).text for other in LANGUAGES if other != language}  # type: ignore[union-attr]
    assert describe(RECORD, language=language).text not in others  # type: ignore[union-attr]


def test_what_is_internal_long_or_doubled_is_not_told() -> None:
    pairs = [
        ("return_policy_id", "7"),
        ("Colour", "red"),
        ("colour", "blue"),
        ("Notes", "x" * 200),
        ("Site", "https://a.de"),
    ]
    made = describe({"title": "Mug"}, pairs)
    assert made is not None
    assert made.text == "Mug. Colour: red."


def test_the_brand_is_named_once_and_the_category_not_again() -> None:
    made = describe({"title": "Norvik lighting", "brand": "Norvik", "category": "Outdoor > Lighting"})
    assert made is not None
    assert made.text == "Norvik lighting."


@pytest.mark.parametrize(
    ("record", "language"), [({"title": ""}, "en"), ({"title": " . "}, "en"), ({"title": "Mug"}, "ja")]
)
def test_no_title_or_no_grammar_gives_nothing(record: dict[str, str], language: str) -> None:
    assert describe(record, language=language) is None


@given(
    record=st.fixed_dictionaries(dict.fromkeys(("title", "brand", "category", "mpn", "weight_g", "length_mm"), TEXT)),
    pairs=st.lists(st.tuples(TEXT, TEXT), max_size=6),
    language=st.sampled_from(LANGUAGES),
    is_html=st.booleans(),
)
def test_every_word_comes_from_the_record_or_the_grammar(
    record: dict[str, str], pairs: list[tuple[str, str]], language: str, is_html: bool
) -> None:
    made = describe(record, pairs, language=language, is_html=is_html)
    if made is None:
        return
    for claim in made.claims:
        assert claim.fields
        for field in claim.fields:
            root, _, name = field.partition(".")
            source = "".join(v for k, v in pairs if k == name) if root == "attributes" else record[root]
            assert source.strip(), f"{field} is empty but was told"
    if is_html:
        assert not re.search(r"<(?!/?(?:p|ul|li)>)", made.text)
        assert html.unescape(re.sub(r"</?(?:p|ul|li)>", "", made.text)).startswith(made.claims[0].sentence[:5])
    else:
        assert made.text == " ".join(claim.sentence for claim in made.claims)


@given(
    title=st.text("abcdeé 12-", min_size=1, max_size=20),
    brand=st.sampled_from(["", "Norvik", "Bär & Söhne"]),
    pairs=st.lists(
        st.tuples(st.sampled_from(["color", "Füllung", "max_load"]), st.text("abc 12.5", max_size=8)), max_size=3
    ),
    language=st.sampled_from(LANGUAGES),
    is_html=st.booleans(),
)
def test_all_that_is_written_is_traced_back(
    title: str, brand: str, pairs: list[tuple[str, str]], language: str, is_html: bool
) -> None:
    record = RECORD | {"title": title, "brand": brand}
    made = describe(record, pairs, language=language, is_html=is_html)
    if made is None:
        return
    traced = trace(made.text, record, pairs, language=language)
    assert traced
    assert all(claim.fields for claim in traced)


@pytest.mark.parametrize(
    "invented",
    ["Waterproof.", "Weight: 9 kilograms.", "Colour: 10.5.", "Condition: used.", "Best lantern.", "Made by Acme."],
)
def test_what_no_field_bears_out_comes_back_without_fields(invented: str) -> None:
    text = f"{describe(RECORD, [('Colour', 'green')]).text} {invented}"  # type: ignore[union-attr]
    traced = trace(text, RECORD, [("Colour", "green")])
    assert traced[-1].sentence == invented
    assert traced[-1].fields == ()
    assert all(claim.fields for claim in traced[:-1])


def test_a_known_attribute_is_named_in_the_language_of_the_record() -> None:
    pairs = [("color", "anthrazit"), ("Füllung", "Daunen")]
    made = describe({"title": "Kissen"}, pairs, language="de")
    assert made is not None
    assert made.text == "Kissen. Farbe: anthrazit. Füllung: Daunen."
    assert [claim.fields for claim in trace(made.text, {"title": "Kissen"}, pairs, language="de")] == [
        ("title",),
        ("attributes.color",),
        ("attributes.Füllung",),
    ]
    assert trace("Kissen.", {"title": "Kissen"}, language="ja") == ()
