"""Boosted trees as tables: they say what their grower says, keep their directions, and can hold nothing but numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from models.boosted_trees import BoostedTrees

DIRECTIONS = [1, -1, 0, 0]


def made(count=1_500, seed=0):
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(count, len(DIRECTIONS)))
    odds = inputs[:, 0] - inputs[:, 1] + 2 * (inputs[:, 2] > 0) * (inputs[:, 3] > 0)
    return inputs, random.random(count) < 1 / (1 + np.exp(-odds))


FITTED = BoostedTrees(directions=DIRECTIONS).fit(*made())


@pytest.mark.parametrize("rows", [60, 1_500])
def test_the_tables_say_what_the_grower_says(monkeypatch, rows):
    grown = []
    fit = HistGradientBoostingClassifier.fit
    monkeypatch.setattr(
        HistGradientBoostingClassifier, "fit", lambda self, *a, **k: grown.append(fit(self, *a, **k)) or grown[-1]
    )
    inputs, accepted = made(rows)
    fitted = BoostedTrees(directions=DIRECTIONS).fit(inputs, accepted)
    asked = np.vstack([made(5_000, seed=1)[0], inputs])
    np.testing.assert_allclose(fitted.decision_function(asked), grown[0].decision_function(asked), atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=4, max_size=4), st.floats(0, 5))
def test_directions_are_kept(row, step):
    raised, lowered = np.array(row), np.array(row)
    raised[0] += step
    lowered[1] += step
    before, up, down = FITTED.decision_function(np.array([row, raised, lowered]))
    assert up >= before - 1e-12
    assert down <= before + 1e-12


def test_equal_data_give_equal_trees_and_a_row_alone_what_it_gets_among_others():
    again = BoostedTrees(directions=DIRECTIONS).fit(*made())
    np.testing.assert_array_equal(again.threshold_, FITTED.threshold_)
    np.testing.assert_array_equal(again.leaf_, FITTED.leaf_)
    asked = made(300, seed=2)[0]
    alone = [float(FITTED.decision_function(row[None])[0]) for row in asked]
    np.testing.assert_array_equal(FITTED.decision_function(asked), alone)


def test_it_knows_what_only_holds_together():
    asked = np.array([[0, 0, 1, 1], [0, 0, 1, -1], [0, 0, -1, 1]], dtype=float)
    both, *one = FITTED.decision_function(asked)
    assert both > max(one) + 1


def test_weights_count():
    inputs, accepted = made()
    heavy = BoostedTrees(directions=DIRECTIONS).fit(inputs, accepted, weight=np.where(accepted, 9.0, 1.0))
    assert heavy.decision_function(inputs).mean() > FITTED.decision_function(inputs).mean() + 1
