"""Slips put in on purpose are found among decisions whose chances are known."""

import numpy as np
import pytest

from models.suspects import suspects


def made(count=4_000, *, slips=0.03, seed=0):
    random = np.random.default_rng(seed)
    chance = random.beta(0.6, 0.3, count)
    right = random.random(count) < chance
    slipped = random.random(count) < slips
    return right != slipped, chance, slipped


def test_slips_are_far_commoner_among_suspects():
    said, chance, slipped = made()
    found = suspects(said, chance)
    assert 20 <= len(found) <= 400
    assert slipped[found].mean() > 8 * slipped.mean()
    # The first are the surest slips.
    assert slipped[found[:20]].mean() >= 0.8
    against = np.where(said, chance, 1 - chance)[found]
    assert np.all(np.diff(against) >= 0)
    assert against.max() < 0.5


def test_few_decisions_of_a_kind_and_decisions_as_expected_give_no_suspects():
    assert len(suspects([True] * 50 + [False] * 2, [0.9] * 52)) == 0
    assert len(suspects([True] * 50 + [False] * 50, [0.95] * 50 + [0.05] * 50)) == 0


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="one probability"):
        suspects([True, False], [0.5])
    with pytest.raises(ValueError, match="one probability"):
        suspects([True], [1.5])
