"""Measures of a confidence: known values, agreement with scikit-learn, and what chance alone gives."""

import io

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
    log_loss,
    noise_floor,
    reliability_figure,
    reliability_table,
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


def test_the_figure_is_drawn_without_a_window():
    y, p = honest(400)
    figure = reliability_figure(y, {"model": p, "formula": np.round(p, 1)})
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    assert drawn.getvalue().startswith(b"\x89PNG")
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [label.partition(":")[0] for label in labels] == ["as promised", "model", "formula"]
