"""Brand, category and weight: what the correctors make of their estimators."""

from __future__ import annotations

import polars as pl
import pytest

from engine.types import DECISIONS

COLOURS = ["blue", "red", "green", "white", "black", "grey"]
KINDS = {"Mug": ("Kitchen > Cups", 350), "Pan": ("Kitchen > Pans", 1_400), "Tent": ("Outdoor > Tents", 4_200)}


def catalogue(count: int = 240) -> list[dict[str, str]]:
    """Mugs, pans and tents of three brands."""
    names, brands = list(KINDS), ["Norvik", "Acme", "Case"]
    return [
        {
            "title": f"{brands[n % 3]} {names[n // 3 % 3]} {COLOURS[n % 6]} {n}",
            "brand": brands[n % 3],
            "category": KINDS[names[n // 3 % 3]][0],
            "weight_g": str(KINDS[names[n // 3 % 3]][1] + n % 40),
        }
        for n in range(count)
    ]


def test_a_missing_brand_comes_from_the_title(ask) -> None:
    for missing in ("", "n/a", "Unbranded"):
        found = ask("brand", "product", "brand", [missing], record={"title": "Norvik Mug white"}, records=catalogue())
        ((value, score, reason),) = found[missing]
        assert value == "Norvik"
        assert score > 0.9
        assert "80" in reason
    assert ask("brand", "product", "brand", [""], record={"title": "Mug white"}, records=catalogue())[""] == []
    assert ask("brand", "product", "brand", [""], record={"title": "Norvik Mug"}, records=[])[""] == []


@pytest.mark.parametrize(("observed", "value"), [("NORVIK", "Norvik"), ("norvik ", "Norvik"), ("Norvick", "Norvik")])
def test_a_brand_is_written_as_the_merchant_writes_it(ask, observed: str, value: str) -> None:
    assert ask("brand", "product", "brand", [observed], records=catalogue())[observed][0][0] == value


def test_known_and_unknown_brands_are_left_alone(ask) -> None:
    found = ask("brand", "product", "brand", ["Norvik", "Zephyr"], record={"title": "Lamp"}, records=catalogue())
    assert found == {"Norvik": [], "Zephyr": []}


def test_brands_stay_within_the_list_of_the_rule(ask) -> None:
    params = {"values": ["ACME", "Norvik"]}
    found = ask("brand", "product", "brand", ["Acme", "case"], check="one_of", params=params, records=catalogue())
    assert [one[0] for one in found["Acme"]] == ["ACME"]
    assert found["case"] == []


def test_a_missing_category_is_classified(ask) -> None:
    record = {"title": "Acme Tent green 7", "brand": "Acme"}
    found = ask("category", "product", "category", [""], check="required", record=record, records=catalogue())[""]
    assert found[0][0] == "Outdoor > Tents"
    assert found[0][1] > 0.8
    assert "records" in found[0][2]


@pytest.mark.parametrize(
    ("observed", "value"),
    [
        ("outdoor>tents", "Outdoor > Tents"),
        ("Tents", "Outdoor > Tents"),
        ("Outdoor > Tnets", "Outdoor > Tents"),
        ("kitchen / pans", "Kitchen > Pans"),
    ],
)
def test_a_category_that_is_nearly_right_is_recognised(ask, observed: str, value: str) -> None:
    record = {"title": "Norvik Mug blue 1"}
    assert (
        ask("category", "product", "category", [observed], record=record, records=catalogue())[observed][0][0] == value
    )


def test_a_known_category_and_too_few_records_give_no_answer(ask) -> None:
    assert ask("category", "product", "category", ["Outdoor > Tents"], records=catalogue())["Outdoor > Tents"] == []
    record = {"title": "Acme Tent"}
    assert ask("category", "product", "category", [""], record=record, records=catalogue(20))[""] == []


def test_categories_stay_within_the_list_of_the_rule(ask) -> None:
    record = {"title": "Acme Tent green 7", "brand": "Acme"}
    params = {"values": ["Kitchen > Cups", "Kitchen > Pans"]}
    found = ask(
        "category", "product", "category", ["Tents!"], check="one_of", params=params, record=record, records=catalogue()
    )
    assert {value for value, _, _ in found["Tents!"]} <= set(params["values"])


@pytest.mark.parametrize(
    ("observed", "value"),
    [("1.2 kg", "1200"), ("1,2 kg", "1200"), ("350g", "350"), ("2 lbs", "907.1847"), ("350,5", "350.5")],
)
def test_a_written_unit_is_converted(ask, observed: str, value: str) -> None:
    assert ask("weight", "product", "weight_g", [observed])[observed][0][0] == value


@pytest.mark.parametrize("observed", ["", "heavy", "-1", "12 Pfund", "3 m", "9**9**9 g", "350"])
def test_weights_without_answer(ask, observed: str) -> None:
    assert ask("weight", "product", "weight_g", [observed])[observed] == []


TENT = {"title": "Norvik Tent red 1", "category": "Outdoor > Tents"}


def test_a_slip_of_the_unit_is_found_against_products_like_it(ask) -> None:
    slipped = ["4.2", "4200000", "4200"]
    found = ask("weight_unit", "product", "weight_g", slipped, record=TENT, records=catalogue())
    assert found["4.2"][0][0] == "4200"
    assert found["4.2"][0][1] > 0.8
    assert "kilograms written as grams" in found["4.2"][0][2]
    assert found["4200000"][0][0] == "4200"
    assert found["4200"] == []
    # The estimator of missing weights leaves them alone, so that the two do not share a record.
    assert ask("weight", "product", "weight_g", slipped, record=TENT, records=catalogue()) == {
        one: [] for one in slipped
    }


def test_which_slip_it_was_is_learned_from_decisions(ask) -> None:
    row = dict.fromkeys(DECISIONS, "x") | {"field": "weight_g", "verdict": "modified", "decided_at": None}
    past = [
        row | {"connection": "shop", "observed": str(n), "suggested": str(n * 16), "final": str(n * 10)}
        for n in range(30, 42)
    ]
    decisions = pl.DataFrame(past, schema=DECISIONS)

    def best(**more: object) -> tuple[str, float, str]:
        found = ask("weight_unit", "product", "weight_g", ["265"], record=TENT, records=catalogue(900), **more)["265"]
        return found[0] if found else ("", 0.0, "")

    value, score, reason = best(decisions=decisions)
    assert value == "2650"
    assert "people chose this 12 times more" in reason
    assert score > 0.5
    # Nobody has decided yet: pounds and ounces are the likelier slip.
    assert best()[0] == "4240"
    assert best(decisions=decisions, connection="another") == best()


def test_without_a_catalogue_only_a_plain_slip_is_named(ask) -> None:
    limit = {"check": "maximum", "params": {"value": 68_000}}
    found = ask("weight_unit", "product", "weight_g", ["0.35", "350000", "350"], **limit)
    assert {observed: [one[0] for one in many] for observed, many in found.items()} == {
        "0.35": ["350"],
        "350000": ["350"],
        "350": [],
    }


def test_a_missing_weight_scores_high_only_within_one_bracket(ask) -> None:
    record = {"title": "Norvik Mug red 1", "category": "Kitchen > Cups"}
    ((value, score, reason),) = ask(
        "weight", "product", "weight_g", [""], check="required", record=record, records=catalogue()
    )[""]
    assert 250 < float(value) < 500
    assert score > 0.9
    assert reason.startswith("An estimate")
    assert "up to 2000 g" in reason
    # Tents of 1.2 to 3.6 kg straddle the bracket of 2 kg.
    wide = [one | {"weight_g": str(1_200 + 10 * n)} for n, one in enumerate(catalogue()) if "Tents" in one["category"]]
    ((_, unsure, rough),) = ask("weight", "product", "weight_g", [""], record=TENT, records=[*wide, *catalogue()[:3]])[
        ""
    ]
    assert unsure <= 0.6
    assert "across parcel brackets" in rough


def test_an_ancestor_is_offered_only_where_no_category_is_safe(ask) -> None:
    # Pots lie among cups and pans alike, and nothing of them says which.
    pots = [
        {"title": f"Acme Pot {n}", "category": ("Kitchen > Cups", "Kitchen > Pans")[n // 20 % 2]} for n in range(80)
    ]
    asked = {"check": "required", "records": [*catalogue(), *pots]}
    pot, tent = {"title": "Acme Pot"}, {"title": "Acme Tent green 7", "brand": "Acme"}
    ((value, score, reason),) = ask("category_ancestor", "product", "category", [""], record=pot, **asked)[""]
    assert value == "Kitchen"
    assert score >= 0.9
    assert "deepest level" in reason
    assert ask("category_ancestor", "product", "category", [""], record=tent, **asked)[""] == []
    leaves = ask("category", "product", "category", [""], record=pot, **asked)[""]
    assert {one for one, _, _ in leaves} >= {"Kitchen > Cups", "Kitchen > Pans"}
    assert all(chance < 0.9 for _, chance, _ in leaves)
