"""Measures of a confidence: known values, agreement with scikit-learn, and what chance alone gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from models.evaluate import (
    adaptive_error,
    area_under_roc,
    brier,
    coverage_at_precision,
    evaluate,
    group_table,
    log_loss,
    noise_floor,
    paired_gain,
    reliability_table,
    risk_coverage_table,
)

ROWS = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=80)


def honest(rows, seed=0):
    random = np.random.default_rng(seed)
    p = random.beta(4, 1, rows)
    return random.random(rows) < p, p


@given(ROWS)
def test_it_agrees_with_scikit_learn(rows):
    y, p = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    assert brier(y, p) == pytest.approx(brier_score_loss(y, p, labels=[False, True]))
    if 0 < y.sum() < len(y):
        assert area_under_roc(y, p) == pytest.approx(roc_auc_score(y, p))
    else:
        assert np.isnan(area_under_roc(y, p))


@given(ROWS)
def test_coverage_is_the_best_single_threshold(rows):
    y, p = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    best = max([(p >= t).mean() for t in set(p) if y[p >= t].mean() >= 0.95], default=0.0)
    assert coverage_at_precision(y, p) == pytest.approx(best)


@given(ROWS, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, random):
    shuffled = rows[:]
    random.shuffle(shuffled)
    assert evaluate(*zip(*rows, strict=True), resamples=0) == pytest.approx(
        evaluate(*zip(*shuffled, strict=True), resamples=0)
    )


def test_an_honest_confidence_is_at_the_floor_and_a_bold_one_above():
    y, p = honest(3000)
    floor = noise_floor(p)
    # The floor of 15 bins over Beta(4, 1) was computed apart from this code: 0.020 at 3,000 rows.
    assert floor == pytest.approx(0.020, abs=0.003)
    assert adaptive_error(y, p) < 1.6 * floor
    assert adaptive_error(y, p**0.3) > 4 * floor


def test_few_rows_make_few_bins():
    assert reliability_table(*honest(30)).height == 1
    table = reliability_table(*honest(2000))
    assert table.height == 15
    assert table["rows"].sum() == 2000
    assert table["confidence"].is_sorted()
    assert (table["low"] <= table["accepted"]).all()
    assert (table["accepted"] <= table["high"]).all()


def test_equal_confidences_share_a_bin():
    p = np.repeat([0.9, 0.5], [900, 100])
    assert reliability_table(p > 0.6, p)["rows"].to_list() == [100, 900]


def test_intervals_hold_the_value_and_every_number_is_finite():
    found = evaluate(*honest(500))
    for name in ("brier", "log_loss", "auroc", "coverage_at_95"):
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    assert all(np.isfinite(value) for value in found.values())
    assert found == evaluate(*honest(500))
    assert "auroc" not in evaluate([True, True], [0.5, 0.6])


def test_one_sure_mistake_does_not_cost_infinity():
    assert log_loss([False], [1.0]) == pytest.approx(-np.log(1e-4))


@pytest.mark.parametrize(("y", "p"), [([], []), ([True], [0.5, 0.6]), ([True], [1.1]), ([True], [float("nan")])])
def test_what_cannot_be_measured_is_refused(y, p):
    with pytest.raises(ValueError, match="must be"):
        evaluate(y, p)


@pytest.mark.parametrize("seed", range(4))
def test_a_gain_is_seen_where_there_is_one_and_not_where_there_is_none(seed):
    y, p = honest(3000, seed)
    noise = np.random.default_rng(seed).normal(0, 0.2, 3000)
    better = paired_gain(y, p, np.clip(p + noise, 0, 1), groups=np.arange(3000))
    assert 0 < better.low < better.mean < better.high
    assert better.mean == pytest.approx(brier(y, np.clip(p + noise, 0, 1)) - brier(y, p))
    assert paired_gain(y, p, p, groups=np.arange(3000)) == (0, 0, 0)


def test_rows_of_one_group_count_as_one_observation():
    y, p = honest(600)
    q = np.clip(p + np.random.default_rng(0).normal(0, 0.2, 600), 0, 1)
    alone = paired_gain(y, p, q, groups=np.arange(600))
    repeated = paired_gain(np.tile(y, 5), np.tile(p, 5), np.tile(q, 5), groups=np.tile(np.arange(600), 5))
    assert repeated.mean == pytest.approx(alone.mean)
    assert repeated.high - repeated.low == pytest.approx(alone.high - alone.low)


@given(ROWS)
def test_every_threshold_is_told_with_what_it_would_have_done(rows):
    y, p = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    for row in risk_coverage_table(y, p).iter_rows(named=True):
        taken = p >= row["threshold"]
        assert row["coverage"] == pytest.approx(taken.mean())
        assert row["wrong"] == pytest.approx((~y[taken]).mean())
        assert row["low"] <= row["wrong"] + 1e-12
        assert row["wrong"] <= row["high"] + 1e-12


def test_each_group_is_told_of_apart_and_small_ones_are_left_out():
    y, p = honest(3000)
    groups = np.array(["kept", "broken", "few"])[np.r_[np.zeros(2000), np.ones(990), np.full(10, 2)].astype(int)]
    promised = np.where(groups == "broken", 1 - (1 - p) / 4, p)
    table = group_table(groups, y, promised)
    assert table["group"].to_list() == ["kept", "broken"]
    assert table["rows"].to_list() == [2000, 990]
    assert table["is_kept"].to_list() == [True, False]
    kept, broken = table.rows(named=True)
    assert kept["accepted"] == pytest.approx(y[:2000].mean())
    assert kept["low"] < kept["accepted"] < kept["high"]
    assert kept["calibration_error"] < 2 * kept["calibration_noise"]
    assert broken["calibration_error"] > 3 * broken["calibration_noise"]
    assert group_table(["few"], [True], [0.5]).is_empty()
