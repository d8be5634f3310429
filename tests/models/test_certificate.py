"""Bounds from past decisions: what they promise, and what they refuse."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.certificate import FIRST_STEP, SlipRate, certified_bounds, rate_without_slips, slip_rate_of, walk
from models.risk import upper_bound

GROUPS = (("corrector", "rule_id"), ("corrector", "rule_id", "connection"))


def _decisions(count, wrong, *, rule="r", confidence=0.95, connection="shop"):
    return pl.DataFrame(
        {
            "confidence": np.linspace(confidence, confidence - 0.04, count),
            "is_wrong": np.arange(count) % (count // wrong) == 1 if wrong else np.zeros(count, dtype=bool),
            "corrector": ["c"] * count,
            "rule_id": [rule] * count,
            "connection": [connection] * count,
        }
    )


def _asked(confidence, rule="r", connection="shop"):
    return pl.DataFrame(
        {"confidence": [confidence], "corrector": ["c"], "rule_id": [rule], "connection": [connection]},
    )


def _bound(asked, decisions, **more):
    return certified_bounds(asked, decisions, groups=GROUPS, **more).row(0)


def test_nothing_is_proven_without_decisions():
    assert _bound(_asked(0.99), _decisions(FIRST_STEP - 1, 0)) == (1.0, 0)
    assert _bound(_asked(0.5), _decisions(200, 0)) == (1.0, 0)


def test_clean_decisions_prove_what_is_as_sure_and_nothing_below():
    bound, evidence = _bound(_asked(0.96), _decisions(200, 0))
    assert bound == pytest.approx(float(upper_bound(0, 45, certainty=0.9)))
    assert evidence == FIRST_STEP
    deeper, more = _bound(_asked(0.91), _decisions(200, 0))
    assert (deeper, more) == (bound, 200)


def test_one_rule_that_is_worse_than_the_rest_is_held_to_its_own_record():
    decisions = pl.concat([_decisions(900, 0), _decisions(40, 8, rule="bad")])
    good, bad = _bound(_asked(0.92), decisions), _bound(_asked(0.92, "bad"), decisions)
    assert good[0] < 0.05 < bad[0]
    assert bad[0] < 8 / 40


def test_one_connection_that_is_worse_is_held_to_its_own_record():
    decisions = pl.concat([_decisions(900, 0), _decisions(30, 10, connection="odd")])
    assert _bound(_asked(0.92), decisions)[0] < 0.05 < _bound(_asked(0.92, connection="odd"), decisions)[0]


def test_a_walk_of_its_own_helps_a_sure_rule_among_unsure_ones():
    decisions = pl.concat([_decisions(300, 100, rule="bad"), _decisions(200, 0)])
    bound, evidence = _bound(_asked(0.92), decisions)
    assert bound < 0.06
    assert evidence <= 200


def test_slips_of_the_reviewers_are_taken_off():
    slips = SlipRate(0.02, 0.015, 0.03)
    decisions = _decisions(1000, 20)
    assert _bound(_asked(0.92), decisions, slips=slips)[0] < _bound(_asked(0.92), decisions)[0]
    sure = SlipRate(0.02, 0.02, 0.02)
    refused = 0.03 * (1 - 0.02) + (1 - 0.03) * 0.02
    low, high = rate_without_slips(refused * 1e8, 1e8, slips=sure)
    assert float(low) == pytest.approx(0.03, abs=1e-4)
    assert float(high) == pytest.approx(0.03, abs=1e-4)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400), st.integers(1, 400), st.floats(0, 0.5), st.floats(0, 1), st.floats(1, 3))
def test_no_slips_excuse_more_than_was_refused(wrong, more, slips, least, most):
    decided = wrong + more
    known = SlipRate(slips, slips * least, min(slips * most, 0.5))
    low, high = rate_without_slips(wrong, decided, slips=known)
    assert 0 <= low <= high <= upper_bound(wrong, decided, certainty=0.9) + 1e-12
    if wrong == 0:
        assert high == pytest.approx(upper_bound(0, decided, certainty=0.9))
    assert rate_without_slips(wrong + 1, decided + 1, slips=known)[1] >= high - 1e-12


@pytest.mark.parametrize("slips", [0.005, 0.02, 0.05])
@pytest.mark.parametrize("second_reviews", [10, 100])
def test_bounds_without_slips_hold_as_often_as_they_say(slips, second_reviews):
    random, held = np.random.default_rng(11), []
    for wrong in (0.005, 0.02, 0.05, 0.1):
        for decided in (60, 200, 800):
            refused = random.binomial(decided, wrong * (1 - slips) + (1 - wrong) * slips, 100)
            apart = random.binomial(second_reviews, 2 * slips * (1 - slips), 100)
            for one, other in zip(refused, apart, strict=True):
                known = slip_rate_of(other, second_reviews)
                held.append(float(rate_without_slips(one, decided, slips=known)[1]) >= wrong)
    assert np.mean(held) >= 0.90


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=300))
def test_the_less_sure_is_never_proven_better(rows):
    found = walk([one for one, _ in rows], [wrong for _, wrong in rows])
    assert (np.diff(found.bound) >= 0).all()
    assert (np.diff(found.threshold) < 0).all()
    assert (np.diff(found.decisions) > 0).all()
    assert len(found.bound) == 0 or found.decisions[-1] == len(rows)
    asked = np.sort(np.append(found.threshold, [0.0, 1.0]))[::-1]
    assert (np.diff(found.step_of(asked)) >= 0).all()


def test_a_budget_is_broken_no_more_often_than_the_certainty_admits():
    random = np.random.default_rng(5)
    broken = 0
    for _ in range(300):
        confidence = random.random(400)
        wrong = random.random(400) < 0.3 * (1 - confidence)
        found = walk(confidence, wrong, certainty=0.90)
        proven = found.threshold[found.bound <= 0.10]
        if len(proven):
            # Mean error rate above the threshold t is 0.3 (1 - t) / 2.
            broken += 0.15 * (1 - proven[-1]) > 0.10
    assert broken <= 300 * 0.10 + 3 * np.sqrt(300 * 0.1 * 0.9)
