from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from models.vicinity import DomainModel, VicinityModel


def addresses(count: int = 300, *, noise: float = 0.0) -> pl.DataFrame:
    """Ten zip codes in five cities, a street that is unique, a colour that says nothing, a country that never varies."""
    random = np.random.default_rng(4)
    codes = random.integers(0, 10, count)
    cities = np.where(random.random(count) < noise, random.integers(0, 5, count), codes // 2)
    return pl.DataFrame(
        {
            "zip": [f"1000{n}" for n in codes],
            "city": [f"City {n}" for n in cities],
            "street": [f"Street {n}" for n in range(count)],
            "colour": [("red", "blue", "green")[n] for n in random.integers(0, 3, count)],
            "country": ["DE"] * count,
        }
    )


def asked(**values: str) -> pl.DataFrame:
    return pl.DataFrame({name: [value] for name, value in values.items()})


def test_a_dependency_foretells_the_missing_value() -> None:
    model = VicinityModel().fit(addresses())
    row = model.predict("city", asked(zip="10007", street="Street 1", colour="red", country="DE")).row(0, named=True)
    assert (row["value"], row["source"]) == ("City 3", "zip")
    assert row["agreed"] == row["rows"]
    assert row["score"] > 0.97
    assert row["agreement"] == 1.0


def test_keys_chance_and_columns_that_never_vary_say_nothing() -> None:
    model = VicinityModel().fit(addresses())
    assert "street" not in model.columns_
    for field in ("street", "colour", "country"):
        assert model.predict(field, asked(zip="10007", city="City 3")).is_empty()
    assert model.predict("city", asked(colour="red", country="DE")).is_empty()
    assert model.predict("city", asked(zip="99999")).is_empty()
    assert model.predict("nothing", asked(zip="10007")).is_empty()


def test_a_weaker_dependency_scores_lower_and_a_weak_one_is_silent() -> None:
    scores = []
    for noise in (0.0, 0.2, 0.9):
        found = VicinityModel().fit(addresses(noise=noise)).predict("city", asked(zip="10007"))
        scores.append(found["score"].max() if found.height else None)
    assert scores[0] > scores[1] + 0.05
    assert scores[2] is None


def test_strength_is_the_share_that_the_other_rows_foretell() -> None:
    frame = pl.DataFrame({"a": ["x"] * 40 + ["y"] * 10, "b": ["1"] * 39 + ["2"] * 11})
    strength = VicinityModel(min_gain=0.0).fit(frame).predict("b", asked(a="x"))["strength"][0]
    # 49 of 50 rows are foretold; one-sided 90 % Wilson bound.
    assert strength == pytest.approx(0.9341, abs=0.002)


def test_wrong_cells_are_no_witnesses() -> None:
    frame = addresses(40)
    wrong = frame["city"].set(pl.Series([True] * 39 + [False]), "WRONG")
    model = VicinityModel().fit(frame)
    known = frame["city"].set(pl.Series([True] * 20 + [False] * 20), None)
    found = model.predict("city", asked(zip=frame["zip"][0]), values=known)
    assert found["rows"].max() <= 20
    assert model.predict("city", asked(zip="10007"), values=wrong.set(wrong == "WRONG", None)).is_empty()


def test_no_rows_give_no_answer() -> None:
    empty = pl.DataFrame(schema={"a": pl.String, "b": pl.String})
    assert VicinityModel().fit(empty).predict("a", asked(b="x")).is_empty()
    assert VicinityModel().fit(pl.DataFrame()).predict("a", asked(b="x")).is_empty()


def test_a_slip_goes_to_the_frequent_near_value() -> None:
    model = DomainModel().fit(pl.Series(["acute care"] * 50 + ["acute cure"] * 2 + ["heart attack"] * 30))
    near = model.predict(["acxte care"])[0]
    assert near[0].value == "acute care"
    assert near[0].rows == 50
    assert near[0].score > 0.8
    assert model.predict(["zebra crossing", "", "acute care"]) == [[], [], model.predict(["acute care"])[0]]
    assert model.predict(["acute care"])[0][0].value == "acute cure"


def test_equally_near_values_share_the_score() -> None:
    alone = DomainModel().fit(pl.Series(["85%"] * 10)).predict(["x5%"])[0][0]
    shared = DomainModel().fit(pl.Series(["85%"] * 10 + ["95%"] * 10)).predict(["x5%"])[0]
    assert [one.value for one in shared] == ["85%", "95%"]
    assert shared[0].score == pytest.approx(alone.score / 2)


def test_case_counts_as_no_edit() -> None:
    assert DomainModel().fit(pl.Series(["Kitchen"] * 9)).predict(["KITCHEN"])[0][0].similarity == 1.0


def test_a_column_without_values_has_no_neighbours() -> None:
    assert DomainModel().fit(pl.Series([None, ""], dtype=pl.String)).predict(["a"]) == [[]]
