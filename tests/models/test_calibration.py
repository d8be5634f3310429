"""Calibration: the method follows from the labels, the map is monotone, and it mends scores that promise too much."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from models.calibration import Calibration


def labelled(rows, seed=0):
    random = np.random.default_rng(seed)
    truth = random.beta(3, 1, rows)
    return truth, random.random(rows) < truth


@pytest.mark.parametrize(
    ("rows", "method"), [(60, "temperature"), (199, "temperature"), (200, "beta"), (999, "beta"), (1000, "venn-abers")]
)
def test_more_labels_afford_more_parameters(rows, method):
    truth, accepted = labelled(rows)
    assert Calibration().fit(truth, accepted).method_ == method


def test_uneven_weights_count_as_fewer_labels():
    truth, accepted = labelled(1000)
    weight = np.where(np.arange(1000) % 20 == 0, 50.0, 1.0)
    assert Calibration().fit(truth, accepted, weight=weight).method_ == "temperature"


def test_the_interval_says_something_with_few_labels_too():
    truth, accepted = labelled(150)
    few = Calibration().fit(truth, accepted).predict(np.array([0.05, 0.95]))
    assert few.lower[1] > 0.6
    assert few.upper[0] < 0.4
    assert (few.upper - few.lower).min() > 0.01


@pytest.mark.parametrize("rows", [150, 600, 4000])
def test_bold_scores_become_true_ones(rows):
    truth, accepted = labelled(rows)
    bold = expit(3 * logit(truth) + (0.0 if rows < 200 else 0.7))
    after = Calibration().fit(bold, accepted).predict(bold).probability
    assert np.abs(after - truth).mean() < np.abs(bold - truth).mean() / 2


def test_weights_stand_for_rows_that_were_not_asked():
    random = np.random.default_rng(2)
    score = np.full(4000, 0.9)
    accepted = random.random(4000) < np.where(np.arange(4000) < 2000, 0.9, 0.5)
    weight = np.where(np.arange(4000) < 2000, 3.0, 1.0)
    found = Calibration().fit(score, accepted, weight=weight).predict(np.array([0.9])).probability
    assert found[0] == pytest.approx(0.8, abs=0.02)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([30, 250, 1200]),
    st.integers(0, 10_000),
    st.lists(st.floats(0, 1), min_size=2, max_size=30),
)
def test_a_higher_score_is_never_less_probable(rows, seed, asked):
    truth, accepted = labelled(rows, seed)
    accepted[:2] = [True, False]
    found = Calibration().fit(np.round(truth, 2), accepted).predict(np.sort(asked))
    for line in found:
        assert (np.diff(line) >= -1e-12).all()
        assert line.min() >= 0
        assert line.max() <= 1
    assert (found.lower <= found.probability).all()
    assert (found.probability <= found.upper).all()


def test_the_interval_narrows_with_labels():
    few = Calibration().fit(*labelled(250)).predict(np.array([0.7]))
    many = Calibration().fit(*labelled(5000)).predict(np.array([0.7]))
    assert (many.upper - many.lower)[0] < (few.upper - few.lower)[0] / 2


def test_one_outcome_cannot_be_calibrated_on():
    with pytest.raises(ValueError, match="accepted and refused"):
        Calibration().fit(np.array([0.2, 0.8]), np.array([True, True]))
