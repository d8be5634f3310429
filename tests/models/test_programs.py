from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.operators import rewritings, tokens
from models.programs import Example, ProgramLearner, shape_of, wilson_lower

TEXTS = st.text(max_size=24)


def learned(*pairs: tuple[str, str], refused: tuple[tuple[str, str], ...] = ()) -> ProgramLearner:
    examples = [Example(*pair) for pair in pairs] + [Example(*pair, wanted=False) for pair in refused]
    return ProgramLearner().fit(examples)


def best(model: ProgramLearner, text: str) -> str | None:
    found = model.predict([text])[0]
    return found[0].value if found else None


@pytest.mark.parametrize(
    ("pairs", "new", "value"),
    [
        ([("1.299,00 €", "1299.00"), ("12,5", "12.50")], "2.010,99 €", "2010.99"),
        ([("0.05%", "0.05"), ("0.077%", "0.077")], "0.052000000000000005%", "0.052"),
        ([("13/05/2024", "2024-05-13"), ("02/03/2024", "2024-03-02")], "03/04/2024", "2024-04-03"),
        ([("May 13, 2024", "2024-05-13")], "June 2, 2023", "2023-06-02"),
        ([("(702) 256-0286", "+17022560286")], "702-256-0300", "+17022560300"),
        ([("1.2 kg", "1200"), ("0.5 kg", "500")], "3 kg", "3000"),
        ([("2 lb", "907.18474"), ("1.5 lb", "680.388555")], "3 lb", "1360.77711"),
        ([("1.2", "1200"), ("0.45", "450")], "3.5", "3500"),
        ([("ACME TOOLS", "Acme Tools"), ("BOSCH", "Bosch")], "BLACK DECKER", "Black Decker"),
        ([("Portland OR", "Portland"), ("San Diego CA", "San Diego")], "Fort Worth TX", "Fort Worth"),
        ([("12.0 oz.", "12"), ("16.0 ounce", "16"), ("19.2 oz", "19.2")], "24.0 OZ.", "24"),
        ([("Rs 1,299", "1299"), ("Rs 99", "99")], "Rs 12,345", "12345"),
        ([("731021070", "0731021070"), ("12345678", "0012345678")], "987654321", "0987654321"),
        ([("AB-123", "SKU AB-123"), ("CD-7", "SKU CD-7")], "EF-99", "SKU EF-99"),
        ([("11/1/14", "1/14/11"), ("1/1/09", "1/9/01")], "12/1/06", "1/6/12"),
        ([("72-7", "Jul-72"), ("93-6", "Jun-93")], "84-12", "Dec-84"),
        ([("-3", "0"), ("-12", "0")], "-7", "0"),
        ([("fÃ¼r", "für"), ("KÃ¼che", "Küche")], "GrÃ¶ÃŸe", "Größe"),
    ],
)
def test_a_program_is_found_from_few_examples(pairs: list[tuple[str, str]], new: str, value: str) -> None:
    found = learned(*pairs).predict([new])[0]
    assert found[0].value == value
    assert found[0].agreed >= 1


def test_every_program_explains_what_it_was_found_from() -> None:
    for before, after in (("1.299,00 €", "1299.00"), ("Fort Worth TX", "Fort Worth"), ("05/05/2024", "2024-05-05")):
        found = list(rewritings(before, after))
        assert found
        assert {one.run(before) for one in found} == {after}


def test_two_readings_that_fit_equally_are_both_given_with_low_scores() -> None:
    ambiguous = learned(("05/05/2024", "2024-05-05"), ("07/07/2023", "2023-07-07"))
    found = ambiguous.predict(["03/04/2024"])[0]
    assert {one.value for one in found} == {"2024-04-03", "2024-03-04"}
    assert all(one.is_disputed and one.score < 0.4 for one in found)
    told = learned(("05/05/2024", "2024-05-05"), ("13/07/2023", "2023-07-13"), ("01/02/2023", "2023-02-01"))
    only = told.predict(["03/04/2024"])[0]
    assert only[0].value == "2024-04-03"
    assert not only[0].is_disputed
    assert only[0].score > 0.6


def test_more_agreement_scores_higher_and_states_its_support() -> None:
    few, many = (learned(*((f"{n}.5 kg", f"{n}500") for n in range(1, 1 + count))) for count in (3, 30))
    low, high = few.predict(["77.5 kg"])[0][0], many.predict(["77.5 kg"])[0][0]
    assert (low.agreed, low.decided) == (3, 3)
    assert (high.agreed, high.decided) == (30, 30)
    assert low.score == pytest.approx(wilson_lower(3.0, 3.0))
    assert high.score > 0.9 > low.score


def test_a_contradiction_ends_a_program_and_a_rare_slip_does_not() -> None:
    pairs = [(f"BRAND{letter}", f"Brand{letter.lower()}") for letter in "ABCDEFGH"]
    assert best(learned(*pairs), "NAME") == "Name"
    assert best(learned(*pairs, ("OTHER", "other shop")), "NAME") is None
    assert best(learned(*pairs[:3], refused=(("SONY", "Sony"),)), "NAME") is None
    many = [
        (f"BRAND{chr(65 + n % 26)}{chr(65 + n // 26)}", f"Brand{chr(97 + n % 26)}{chr(97 + n // 26)}")
        for n in range(40)
    ]
    found = learned(*many, ("OTHER", "other shop")).predict(["NAME"])[0][0]
    assert (found.value, found.agreed, found.decided) == ("Name", 40, 41)


def test_a_refused_value_is_not_offered_again() -> None:
    assert best(learned(("A1 B2", "a1 b2"), refused=(("C3 D4", "c3 d4"),)), "C3 D4") != "c3 d4"


def test_each_shape_has_its_own_programs() -> None:
    model = learned(("Rs 1,299", "1299"), ("Rs 2,450", "2450"), ("12,5 €", "12.50"), ("3,5 €", "3.50"))
    assert best(model, "Rs 3,000") == "3000"
    assert best(model, "7,5 €") == "7.50"


def test_a_new_shape_is_answered_only_by_what_explains_all() -> None:
    general = learned(("ACME", "acme"), ("A-1", "a-1"), ("B 2", "b 2"))
    found = general.predict(["X_Y_9"])[0][0]
    assert found.value == "x_y_9"
    assert found.decided == 3, "shapes, not texts, are the evidence for a new shape"
    assert best(learned(("ACME", "acme"), ("A-1", "1-A")), "X_Y_9") is None


def test_nothing_comes_from_nothing() -> None:
    assert ProgramLearner().fit([]).predict(["x", ""]) == [[], []]
    assert best(learned(("", "Acme"), ("n/a", "Acme")), "") is None
    assert best(learned(("abc", "abc")), "abd") is None
    assert best(learned(("x" * 5_000, "y")), "x" * 5_000) is None


def test_the_commonest_answer_to_a_text_counts() -> None:
    examples = [("RED", "Red"), ("RED", "Red"), ("RED", "rouge"), ("BLUE", "Blue")]
    assert best(learned(*examples), "GREEN") == "Green"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5), TEXTS)
def test_any_examples_give_a_score_in_its_range_or_nothing(pairs: list[tuple[str, str]], text: str) -> None:
    model = learned(*pairs)
    for one in model.predict([text])[0]:
        assert 0.0 <= one.score <= 1.0
        assert one.value != text
    assert model.predict([text]) == learned(*pairs).predict([text])


@given(st.text())
def test_tokens_lose_nothing(text: str) -> None:
    assert "".join(tokens(text)) == text
    assert len(shape_of(text)) <= len(text)


def test_further_examples_count_in_the_records_without_a_search() -> None:
    model = learned(("ACME", "Acme"), ("BOSCH", "Bosch"), ("SONY", "Sony"))
    more = model.counting([Example("BEKO", "Beko"), Example("MIELE", "Miele"), Example("SONY", "Sony")])
    assert [(one.value, one.agreed, one.decided) for one in more.predict(["SMEG"])[0]] == [("Smeg", 5, 5)]
    assert model.predict(["SMEG"])[0][0].decided == 3, "the learner that was asked stays as it was"
    assert more.predict(["SMEG"]) == learned(
        ("ACME", "Acme"), ("BOSCH", "Bosch"), ("BEKO", "Beko"), ("MIELE", "Miele"), ("SONY", "Sony")
    ).predict(["SMEG"])


def test_a_further_contradiction_or_refusal_ends_a_program_at_once() -> None:
    model = learned(("ACME", "Acme"), ("BOSCH", "Bosch"), ("SONY", "Sony"))
    assert best(model.counting([Example("BEKO", "beko")]), "SMEG") is None
    refused = model.counting([Example("BEKO", "Beko", wanted=False)])
    assert best(refused, "SMEG") is None
    assert best(refused.counting([Example("MIELE", "Miele")]), "SMEG") is None, "what was lost stays so until a search"


def test_a_further_shape_is_learned_by_what_explains_all() -> None:
    model = learned(("ACME", "acme"), ("A-1", "a-1"))
    more = model.counting([Example("B 2", "b 2")])
    assert more.predict(["C 3"])[0][0].value == "c 3"
    assert more.predict(["C 3"])[0][0].decided == 1
    assert best(model.counting([Example("B 2", "2 B")]), "C 3") is None
