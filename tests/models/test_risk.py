"""Bounds of error rates: known values, order, and that they hold on simulated groups."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.priors import DEFAULT_PRIOR, PRIORS, counts
from models.risk import (
    approvals_needed,
    clopper_pearson,
    error_bound,
    lower_bound,
    pooled_bound,
    pooled_error_bound,
    upper_bound,
)

COUNTS = st.integers(0, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
SHARE = st.floats(0, 1)


@pytest.mark.parametrize(("errors", "needed"), [(0, 59), (1, 93), (2, 124), (3, 153), (5, 208), (10, 336), (20, 577)])
def test_decisions_that_certify_five_in_a_hundred_at_95_percent(errors, needed):
    assert upper_bound(errors, needed, certainty=0.95) <= 0.05 < upper_bound(errors, needed - 1, certainty=0.95)


def test_nothing_decided_says_nothing():
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert clopper_pearson(0, 10)[0] == 0.0
    assert clopper_pearson(10, 10)[1] == 1.0


@given(COUNTS, st.floats(0.5, 0.999))
def test_the_interval_holds_the_observed_share(pair, certainty):
    errors, decisions = pair
    low, high = clopper_pearson(errors, decisions, certainty=certainty)
    assert 0 <= low <= (errors / decisions if decisions else 0.5) <= high <= 1


@pytest.mark.parametrize("truth", [0.01, 0.05, 0.3])
def test_the_upper_bound_is_below_the_truth_no_more_often_than_stated(truth):
    errors = np.random.default_rng(1).binomial(60, truth, size=20_000)
    assert (upper_bound(errors, np.full(20_000, 60), certainty=0.9) < truth).mean() <= 0.1 + 0.01
    assert (lower_bound(errors, np.full(20_000, 60), certainty=0.9) > truth).mean() <= 0.1 + 0.01


@given(COUNTS, SHARE, st.floats(0, 100), st.floats(0.5, 0.99))
def test_one_more_error_never_lowers_and_one_more_success_never_raises_the_bound(pair, share, strength, certainty):
    errors, decisions = pair
    prior = {"prior_error": share, "prior_strength": strength, "certainty": certainty}
    now = error_bound(errors, decisions, **prior)
    assert 0 <= now <= 1
    assert error_bound(errors + 1, decisions + 1, **prior) >= now - 1e-9
    assert error_bound(errors, decisions + 1, **prior) <= now + 1e-9


@given(COUNTS, st.floats(0.5, 0.99))
def test_without_a_prior_the_bound_is_clopper_pearson(pair, certainty):
    errors, decisions = pair
    bound = error_bound(errors, decisions, prior_error=0.3, prior_strength=0, certainty=certainty)
    assert bound == pytest.approx(upper_bound(errors, decisions, certainty=certainty))


@pytest.mark.parametrize(
    "wrong",
    [
        {"errors": 2, "decisions": 1},
        {"errors": -1, "decisions": 1},
        {"errors": 0, "decisions": np.inf},
        {"errors": 0, "decisions": 1, "prior_error": 1.5},
        {"errors": 0, "decisions": 1, "prior_strength": -1},
        {"errors": 0, "decisions": 1, "certainty": 1.0},
        {"errors": 0, "decisions": 1, "certainty": np.nan},
    ],
)
def test_impossible_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        error_bound(
            wrong.pop("errors"), wrong.pop("decisions"), **{"prior_error": 0.1, "prior_strength": 10.0, **wrong}
        )


def test_a_firm_belief_needs_a_few_approvals_and_a_loose_one_dozens():
    price, description = PRIORS["price"], PRIORS["description"]
    assert 3 <= approvals_needed(price.acceptance, price.strength) <= 5
    assert 48 <= approvals_needed(description.acceptance, description.strength) <= 120
    assert approvals_needed(0.5, 1000.0, most=10) is None


def frame(**columns):
    return pl.DataFrame({name: [value] for name, value in columns.items()})


def bound(**columns):
    return pooled_error_bound(frame(**columns))[0]


def test_decisions_elsewhere_help_but_count_less_than_the_patterns_own():
    own = bound(corrector="brand", pattern_decided=50, pattern_approved=50)
    rule = bound(corrector="brand", rule_decided=50, rule_approved=50)
    corrector = bound(corrector="brand", corrector_decided=50, corrector_approved=50)
    nothing = bound(corrector="brand")
    assert own < rule < corrector < nothing


def test_no_success_elsewhere_outweighs_a_patterns_own_refusals():
    refused = {"pattern_decided": 4, "pattern_approved": 2}
    elsewhere = {
        "rule_decided": 100_004,
        "rule_approved": 100_002,
        "corrector_decided": 100_004,
        "corrector_approved": 100_002,
    }
    assert bound(corrector="price", safe=1.0, **refused, **elsewhere) > 0.05


def test_an_unreliable_corrector_makes_its_new_patterns_wait():
    failures = {"corrector_decided": 200, "corrector_approved": 120}
    assert bound(corrector="price", pattern_decided=0, pattern_approved=0, **failures) > 0.2


def test_a_reading_that_its_own_corrector_doubts_is_not_safe_by_the_reputation_of_the_corrector():
    known = {
        "corrector": "price",
        "pattern_decided": 5,
        "pattern_approved": 5,
        "rule_decided": 500,
        "rule_approved": 500,
    }
    assert bound(**known, agreement=1.0, corrector_score=0.5) <= 0.05
    assert bound(**known, agreement=0.5, corrector_score=0.5) > 0.4


def test_only_a_change_of_notation_shares_the_belief_about_prices():
    assert bound(corrector="phone", safe=1.0) == bound(corrector="price")
    assert bound(corrector="date", safe=0.0) == bound(corrector="unheard_of")
    assert bound(corrector="unheard_of") == bound(rule_decided=0.0) > bound(corrector="price")
    assert DEFAULT_PRIOR.acceptance == 0.80


NESTED = st.lists(st.integers(0, 40), min_size=6, max_size=6)


@given(NESTED, st.sampled_from([*PRIORS, "other"]))
def test_the_frame_gives_what_the_groups_give(numbers, corrector):
    refused, approved = np.array(numbers[:3]), np.array(numbers[3:])
    decided = np.cumsum((refused + approved)[::-1])[::-1]
    right = np.cumsum(approved[::-1])[::-1]
    columns = {}
    for level, n, a in zip(("corrector", "rule", "pattern"), decided, right, strict=True):
        columns |= {f"{level}_decided": float(n), f"{level}_approved": float(a)}
    held = counts(frame(**columns))
    assert [float(held[level].refused[0]) for level in held] == refused.tolist()
    prior = PRIORS.get(corrector, DEFAULT_PRIOR)
    expected = pooled_bound(
        list(zip(refused, refused + approved, strict=True)),
        prior_error=1 - prior.acceptance,
        prior_strength=prior.strength,
    )
    assert bound(corrector=corrector, **columns) == pytest.approx(float(expected))
    more = {name: value + 1 for name, value in columns.items()}
    assert bound(corrector=corrector, **more) <= bound(corrector=corrector, **columns) + 1e-9
    fewer = {name: value + name.endswith("_decided") for name, value in columns.items()}
    assert bound(corrector=corrector, **fewer) >= bound(corrector=corrector, **columns) - 1e-9


def test_nulls_and_an_empty_frame_are_no_error():
    assert pooled_error_bound(frame(corrector=None, pattern_decided=None, safe=float("nan")))[0] == bound(corrector="")
    assert pooled_error_bound(pl.DataFrame({"corrector": []}, schema={"corrector": pl.String})).len() == 0


def test_groups_that_are_admitted_keep_the_budget():
    """Patterns of one corrector whose own error rates differ: those within the budget by the bound are so in truth."""
    random = np.random.default_rng(7)
    patterns, decisions = 4000, 120
    truth = random.beta(0.4, 3.6, patterns)
    errors = random.binomial(decisions, truth)
    all_errors, all_decisions = errors.sum(), patterns * decisions
    found = pooled_bound(
        [
            (0, 0),
            (all_errors - errors, np.full(patterns, all_decisions - decisions)),
            (errors, np.full(patterns, decisions)),
        ],
        prior_error=0.2,
        prior_strength=10.0,
    )
    admitted = found <= 0.05
    assert admitted.mean() > 0.1
    assert truth[admitted].mean() <= 0.05
    assert (truth[admitted] > 0.05).mean() <= 0.1
