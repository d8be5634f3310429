"""Drift on streams whose truth is known: rare false alarms, quick true ones, the change found where it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.drift import ErrorStream, change_point


def streams(random, before, after, *, old=100, new=100, count=60):
    for _ in range(count):
        yield np.concatenate([random.random(old) < before, random.random(new) < after])


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.1, 0.4])
def test_a_constant_error_hardly_ever_rings(rate):
    random = np.random.default_rng(0)
    rang = [bool(ErrorStream().extend(random.random(1_000) < rate)) for _ in range(100)]
    assert np.mean(rang) <= 0.03


@pytest.mark.parametrize(("before", "after", "within"), [(0.02, 1.0, 10), (0.02, 0.5, 40), (0.1, 0.6, 60)])
def test_a_rise_rings_soon_and_is_found_where_it_was(before, after, within):
    random = np.random.default_rng(1)
    delays, offsets = [], []
    for errors in streams(random, before, after):
        changes = ErrorStream().extend(errors)
        rises = [one for one in changes if one.is_rise and one.rang_at > 100]
        delays.append(rises[0].rang_at - 100 if rises else 1_000)
        if rises:
            offsets.append(rises[0].since - 101)
            assert rises[0].after > rises[0].before
    assert np.quantile(delays, 0.9) <= within
    assert abs(np.median(offsets)) <= 2


def test_a_fall_is_told_of_after_a_rise_only():
    assert ErrorStream().extend([1] * 40 + [0] * 100) == []
    changes = ErrorStream().extend([0] * 100 + [1] * 40 + [0] * 100)
    assert [one.is_rise for one in changes] == [True, False]
    assert [one.since for one in changes] == [101, 141]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), max_size=120), st.integers(0, 120))
def test_taken_in_parts_or_at_once_is_the_same(errors, cut):
    whole, parts = ErrorStream(), ErrorStream()
    assert whole.extend(errors) == parts.extend(errors[:cut]) + parts.extend(errors[cut:])
    assert whole.taken == parts.taken == len(errors)


@given(st.lists(st.booleans(), min_size=2, max_size=60))
def test_no_split_is_likelier_than_the_one_found(errors):
    values = np.array(errors, dtype=float)

    def likelihood(part):
        rate = part.mean()
        return len(part) * (0.0 if rate in (0, 1) else rate * np.log(rate) + (1 - rate) * np.log(1 - rate))

    scores = [likelihood(values[:k]) + likelihood(values[k:]) for k in range(1, len(values))]
    assert scores[change_point(errors) - 1] == pytest.approx(max(scores))


def test_one_value_has_no_change_point():
    with pytest.raises(ValueError, match="two values"):
        change_point([1])
