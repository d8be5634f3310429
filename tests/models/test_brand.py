from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from models.brand import BrandGazetteer

TITLES = ["Case Logic bag for Apple laptop", "Apple phone", "Apple Case", "Case for Apple phone", "Acme mug"] * 20
BRANDS = ["Case Logic", "Apple", "Apple", "Case", "Acme"] * 20


def real(name: str) -> tuple[list[str], list[str]]:
    folder = Path(os.environ.get("CHANNELMEND_SHARED", Path(__file__).parents[2].parent / "shared"))
    file = folder / f"data/{name}/products.parquet"
    if not file.exists():
        pytest.skip(f"no real catalogue at {file}; set CHANNELMEND_SHARED")
    frame = pl.read_parquet(file).filter(pl.col("brand").is_not_null() & (pl.col("brand") != ""))
    frame = frame.unique("title", maintain_order=True).sample(fraction=1.0, seed=3, shuffle=True)
    return frame["title"].to_list(), frame["brand"].to_list()


def test_longest_and_earliest_brand_wins() -> None:
    model = BrandGazetteer().fit(TITLES, BRANDS)
    found = model.predict(["Case Logic sleeve", "Apple Case", "acme pan", "nothing known"])
    assert [guesses[0].brand if guesses else "" for guesses in found] == ["Case Logic", "Apple", "Acme", ""]


def test_only_whole_words_count() -> None:
    model = BrandGazetteer().fit(TITLES, BRANDS)
    assert model.predict(["Pineapple showcase"]) == [[]]


def test_the_commonest_spelling_is_given() -> None:
    model = BrandGazetteer().fit(TITLES * 2, [*BRANDS, *[b.upper() for b in BRANDS[:50]], *BRANDS[50:]])
    assert model.spelling("ACME")[0] == "Acme"
    assert model.nearest("Acmee")[0] == "Acme"
    assert model.nearest("Acme") == ("", 0, 0.0)
    assert model.nearest("Zephyr") == ("", 0, 0.0)


def test_too_little_and_wrong_use() -> None:
    assert BrandGazetteer().fit(["Acme mug"], ["Acme"]).predict(["Acme pan"]) == [[]]
    with pytest.raises(NotFittedError, match="call fit"):
        BrandGazetteer().predict(["x"])
    with pytest.raises(ValueError, match="1 titles but 0 brands"):
        BrandGazetteer().fit(["x"], [])


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=12)), min_size=1, max_size=30))
def test_any_text_gives_known_brands_only(rows: list[tuple[str, str]]) -> None:
    titles, brands = [title for title, _ in rows], [brand for _, brand in rows]
    model = BrandGazetteer(min_records=1).fit(titles, brands)
    for guesses in model.predict(titles):
        for guess in guesses:
            assert guess.brand in model.brands_
            assert 0.0 <= guess.score <= 1.0


@pytest.mark.parametrize(
    ("name", "accuracy", "coverage"),
    [("bestbuy", 0.95, 0.95), ("amazon_us_electronics", 0.71, 0.55), ("flipkart", 0.62, 0.5)],
)
def test_real_catalogues(name: str, accuracy: float, coverage: float) -> None:
    titles, brands = real(name)
    cut = int(0.8 * len(titles))
    model = BrandGazetteer().fit(titles[:cut], brands[:cut])
    guesses = model.predict(titles[cut:])
    right = np.array(
        [
            bool(g) and g[0].brand.casefold() == " ".join(b.split()).casefold()
            for g, b in zip(guesses, brands[cut:], strict=True)
        ]
    )
    stated = np.array([g[0].score if g else 0.0 for g in guesses])
    first_word = np.mean(
        [
            t.split()[:1] == b.split()[:1] and len(b.split()) == 1
            for t, b in zip(titles[cut:], brands[cut:], strict=True)
        ]
    )
    assert right.mean() >= accuracy
    assert right.mean() > first_word
    assert abs(stated[stated > 0].mean() - right[stated > 0].mean()) < 0.05
    order = np.argsort(-stated, kind="stable")
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    assert np.flatnonzero(precision >= 0.95).max(initial=-1) + 1 >= coverage * len(order)


def test_the_words_beside_a_brand_tell_a_licence_from_a_maker() -> None:
    titles = [*(f"Disney brick castle set {n}" for n in range(60)), *(f"Disney plush bear {n}" for n in range(60))]
    brands = [*["Brickworks"] * 60, *["Disney"] * 60]
    model = BrandGazetteer().fit(
        [*titles, *(f"Brickworks brick set {n}" for n in range(60))], [*brands, *["Brickworks"] * 60]
    )
    plush, bricks = (found[0].score for found in model.predict(["Disney plush rabbit", "Disney brick tower"]))
    assert plush > 0.6
    assert bricks < 0.5 * plush


def test_a_brand_does_not_vouch_for_itself() -> None:
    # Every brand has one record: nothing is known of how far a find can be believed, and the score says so.
    words = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}word" for n in range(200)]
    model = BrandGazetteer().fit([f"{word} lamp" for word in words], words)
    assert model.judge_ is None
