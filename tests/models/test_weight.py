from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.exceptions import NotFittedError

from models.weight import BRACKETS_G, WeightEstimator

CATEGORIES = ["Mugs", "Tents"] * 150
GENERATOR = np.random.default_rng(5)
WEIGHTS = np.array([350.0, 4_200.0] * 150) * np.exp(GENERATOR.normal(0, 0.15, 300))
SIZES = np.full((300, 3), np.nan)
TITLES = ["Mug", "Tent"] * 150


@pytest.fixture(scope="module")
def small() -> WeightEstimator:
    return WeightEstimator().fit(WEIGHTS, SIZES, CATEGORIES, TITLES)


@pytest.fixture(scope="module")
def olist() -> tuple[np.ndarray, np.ndarray, list[str]]:
    folder = Path(os.environ.get("CHANNELMEND_SHARED", Path(__file__).parents[2].parent / "shared"))
    file = folder / "data/olist/products.parquet"
    if not file.exists():
        pytest.skip(f"no real catalogue at {file}; set CHANNELMEND_SHARED")
    frame = pl.read_parquet(file).filter(pl.col("product_weight_g") > 0).sample(12_000, seed=2, shuffle=True)
    sizes = frame.select(pl.col("product_length_cm", "product_width_cm", "product_height_cm").cast(pl.Float64) * 10)
    return (
        frame["product_weight_g"].cast(pl.Float64).to_numpy(),
        sizes.to_numpy(),
        frame["product_category_name"].fill_null("").to_list(),
    )


def test_the_interval_holds_what_the_category_weighs(small: WeightEstimator) -> None:
    mug, tent = small.predict(np.full((2, 3), np.nan), ["Mugs", "Tents"], ["", ""])
    assert mug is not None and tent is not None
    assert mug.low < 350 < mug.high < 1_000
    assert tent.low < 4_200 < tent.high
    assert mug.low <= mug.middle <= mug.high


def test_nothing_known_gives_no_interval(small: WeightEstimator) -> None:
    assert small.predict(np.full((1, 3), np.nan), ["Unheard of"], [""]) == [None]


@pytest.mark.parametrize(("factor", "weight"), [(1_000.0, 4.2), (1 / 1_000.0, 4_200_000.0)])
def test_slips_of_a_thousand_are_found(small: WeightEstimator, factor: float, weight: float) -> None:
    interval = small.predict(np.full((1, 3), np.nan), ["Tents"], [""])[0]
    assert interval is not None
    best = small.slips(weight, interval)[0]
    assert best.factor == pytest.approx(factor)
    assert best.weight_g == pytest.approx(4_200)
    assert best.score > 0.8


def test_pounds_and_ounces_are_likelier_where_they_are_used() -> None:
    metric = WeightEstimator().fit(WEIGHTS, SIZES, CATEGORIES, TITLES)
    imperial = WeightEstimator(is_imperial=True).fit(WEIGHTS, SIZES, CATEGORIES, TITLES)
    interval = metric.predict(np.full((1, 3), np.nan), ["Tents"], [""])[0]
    assert interval is not None

    def score(model: WeightEstimator) -> float:
        return next((s.score for s in model.slips(9.26, interval) if abs(s.factor - 453.59) < 1), 0.0)

    assert score(imperial) > score(metric)
    assert score(imperial) > 0.8


@pytest.mark.parametrize("weight", [0.0, -5.0, 300.0, 500.0, float("nan"), float("inf")])
def test_plausible_and_impossible_weights_have_no_slip(small: WeightEstimator, weight: float) -> None:
    interval = small.predict(np.full((1, 3), np.nan), ["Mugs"], [""])[0]
    assert interval is not None
    assert small.slips(weight, interval) == []


def test_too_little_wrong_and_constant_input() -> None:
    few = WeightEstimator().fit(WEIGHTS[:20], SIZES[:20], CATEGORIES[:20], TITLES[:20])
    assert few.predict(SIZES[:2], ["Mugs", ""], ["", ""]) == [None, None]
    with pytest.raises(NotFittedError, match="call fit"):
        WeightEstimator().predict(SIZES[:1], [""], [""])
    same = WeightEstimator().fit(np.full(300, 500.0), SIZES, [""] * 300, [""] * 300)
    assert same.predict(SIZES[:1], [""], ["x"]) == [None]
    odd = np.where(np.arange(300) % 7 == 0, np.nan, WEIGHTS)
    odd[1], odd[2] = -3.0, 1e12
    assert WeightEstimator().fit(odd, SIZES, CATEGORIES, TITLES).is_ready_


def test_same_seed_same_interval(small: WeightEstimator) -> None:
    again = WeightEstimator().fit(WEIGHTS, SIZES, CATEGORIES, TITLES)
    question = (np.full((2, 3), np.nan), ["Mugs", "Tents"], ["", ""])
    assert again.predict(*question) == small.predict(*question)


def test_real_weights_are_covered_as_stated(olist: tuple[np.ndarray, np.ndarray, list[str]]) -> None:
    weights, sizes, categories = olist
    cut = int(0.8 * len(weights))
    model = WeightEstimator(coverage=0.9).fit(weights[:cut], sizes[:cut], categories[:cut], [""] * cut)
    rest = len(weights) - cut
    found = model.predict(sizes[cut:], categories[cut:], [""] * rest)
    low, middle, high = (np.array([getattr(one, name) for one in found]) for name in ("low", "middle", "high"))
    truth = weights[cut:]
    assert 0.87 <= np.mean((truth >= low) & (truth <= high)) <= 0.94
    typical = np.exp(np.median(np.log(weights[:cut])))
    error, baseline = (np.median(np.abs(np.log(truth / guess))) for guess in (middle, typical))
    assert error < 0.55 * baseline
    one = np.searchsorted(BRACKETS_G, low) == np.searchsorted(BRACKETS_G, high)
    right = np.searchsorted(BRACKETS_G, truth) == np.searchsorted(BRACKETS_G, middle)
    assert one.mean() > 0.3
    assert right[one].mean() >= 0.96


def test_real_slips_of_a_thousand_are_found_and_few_others_alarm(
    olist: tuple[np.ndarray, np.ndarray, list[str]],
) -> None:
    weights, sizes, categories = olist
    cut = int(0.8 * len(weights))
    model = WeightEstimator().fit(weights[:cut], sizes[:cut], categories[:cut], [""] * cut)
    found = model.predict(sizes[cut:], categories[cut:], [""] * (len(weights) - cut))
    pairs = [(truth, one) for truth, one in zip(weights[cut:].tolist(), found, strict=True) if one is not None]
    slipped = [model.slips(truth / 1_000, one) for truth, one in pairs]
    hits = [bool(s) and abs(s[0].weight_g / truth - 1) < 0.01 for s, (truth, _) in zip(slipped, pairs, strict=True)]
    sure = [hit for hit, s in zip(hits, slipped, strict=True) if s and s[0].score > 0.9]
    assert np.mean(hits) >= 0.94
    assert len(sure) > 0.4 * len(pairs)
    assert np.mean(sure) >= 0.99
    assert np.mean([bool(model.slips(truth, one)) for truth, one in pairs]) <= 0.02
