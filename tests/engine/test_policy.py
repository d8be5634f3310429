import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.policy import Policy, judge

SURE = {"issue_id": "i", "confidence": 0.99, "lower": 0.95, "error_bound": 0.01, "pattern_approved": 5.0}


def action(policy=None, **changes):
    row = judge(pl.DataFrame([SURE | changes]), policy or Policy(audit_share=0.0)).row(0, named=True)
    return row["action"], row["explanation"]


def test_what_has_earned_it_is_automatic():
    assert action() == ("auto", "")


@pytest.mark.parametrize(
    ("changes", "policy", "words"),
    [
        ({"pattern_approved": 2.0}, {}, "approved 2 of 3 times"),
        ({"lower": 0.79}, {}, "below the floor of 80 %"),
        ({"error_bound": 0.051}, {}, "the error budget is 5.0 %"),
        ({"pattern_threshold": 0.97}, {}, "below the floor of 97 %"),
        ({"pattern_threshold": 0.10, "lower": 0.5}, {}, "below the floor of 80 %"),
        ({"pattern_active": False}, {}, "switched off"),
        ({"is_writable": False}, {}, "does not let this field be written"),
        ({}, {"enabled": False}, "switched off in the settings"),
    ],
)
def test_every_obstacle_is_named(changes, policy, words):
    found, explanation = action(Policy(audit_share=0.0, **policy), **changes)
    assert found == "review"
    assert words in explanation


def test_audits_are_a_random_share_that_a_seed_repeats():
    frame = pl.DataFrame([SURE | {"issue_id": str(i)} for i in range(20_000)])
    first = judge(frame, Policy(audit_share=0.02, seed=1))["action"]
    assert first.equals(judge(frame, Policy(audit_share=0.02, seed=1))["action"])
    assert not first.equals(judge(frame, Policy(audit_share=0.02, seed=2))["action"])
    assert 0.015 < (first == "audit").mean() < 0.025


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 9), st.floats(0, 1), st.floats(0, 1))
def test_a_stricter_policy_never_automates_more(lower, bound, approved, floor, stricter):
    row = {"lower": lower, "error_bound": bound, "pattern_approved": float(approved)}
    loose, strict = Policy(floor=min(floor, stricter), audit_share=0), Policy(floor=max(floor, stricter), audit_share=0)
    if action(strict, **row)[0] == "auto":
        assert action(loose, **row)[0] == "auto"
