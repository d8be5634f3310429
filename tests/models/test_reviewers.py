"""Error rates of reviewers whose true rates are known."""

import numpy as np
import polars as pl
import pytest

from models.reviewers import reviewer_errors

TRUE = {"ana": 0.01, "bo": 0.03, "cem": 0.10, "dia": 0.20}


def judged(rates, items, random, *, right=0.8):
    """Two of the reviewers judge each item."""
    names = list(rates)
    truth = random.random(items) < right
    rows = []
    for item in range(items):
        for name in random.choice(names, 2, replace=False):
            rows.append((str(item), str(name), truth[item] != (random.random() < rates[name])))
    return pl.DataFrame(rows, schema=["item", "reviewer", "accepted"], orient="row")


def errors_of(frame, **options):
    return reviewer_errors(
        frame["item"].to_list(), frame["reviewer"].to_list(), frame["accepted"].to_numpy(), **options
    )


def test_rates_are_found_and_their_intervals_hold():
    held, off = [], []
    for seed in range(12):
        found = errors_of(judged(TRUE, 400, np.random.default_rng(seed)), seed=seed)
        for row in found.iter_rows(named=True):
            held.append(row["low"] <= TRUE[row["reviewer"]] <= row["high"])
            off.append(abs(row["error"] - TRUE[row["reviewer"]]))
        assert found.sort("error")["reviewer"].to_list()[2:] == ["cem", "dia"]
    # 48 intervals at 90 %: fewer than 38 that hold would happen once in a hundred times.
    assert np.sum(held) >= 38
    assert np.mean(off) < 0.02


def test_two_reviewers_cannot_be_told_apart_and_the_interval_says_so():
    frame = judged({"ana": 0.0, "bo": 0.12}, 300, np.random.default_rng(3), right=0.5)
    found = {row["reviewer"]: row for row in errors_of(frame).iter_rows(named=True)}
    assert found["bo"]["low"] <= 0.12 <= found["bo"]["high"]
    assert found["ana"]["low"] <= 0.01
    assert found["ana"]["high"] > 0.05


def test_single_judgements_say_nothing():
    found = reviewer_errors(["1", "2", "3", "3"], ["ana", "ana", "bo", "cem"], [True, False, True, False])
    assert found["reviewer"].to_list() == ["bo", "cem"]
    assert found["double_reviewed"].to_list() == [1, 1]
    assert found["disagreements"].to_list() == [1, 1]
    assert errors_of(pl.DataFrame(schema={"item": pl.String, "reviewer": pl.String, "accepted": pl.Boolean})).is_empty()


def test_a_seed_repeats_it():
    frame = judged(TRUE, 100, np.random.default_rng(5))
    assert errors_of(frame, seed=1).equals(errors_of(frame, seed=1))
    assert errors_of(frame, seed=1)["error"].to_numpy() == pytest.approx(errors_of(frame, seed=2)["error"], abs=0.02)
