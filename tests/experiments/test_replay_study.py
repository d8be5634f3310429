"""The replay study: what its stream consists of, what its reviewer knows, and that its figures are those of the log."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from experiments.replay.faults import FAULTS, SHARES
from experiments.replay.reviewer import SLIPS, Reviewer, is_right
from experiments.replay.run import LOG, run
from experiments.replay.scores import KIND_METRICS, METRICS, best_share, by_kind, interval, score
from experiments.replay.stream import stream


@pytest.fixture(scope="module")
def data():
    folder = Path(os.environ.get("CHANNELMEND_SHARED", Path(__file__).parents[2].parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no public data sets at {folder}; set CHANNELMEND_SHARED")
    return folder


def _log(**columns):
    """A log of as many faults as the longest column says; what is left out is that of an approved suggestion."""
    count = max(len(one) for one in columns.values())
    usual = {
        "position": list(range(count)),
        "vendor": ["v"] * count,
        "record_key": [str(one) for one in range(count)],
        "field": ["price"] * count,
        "fault": ["price notation"] * count,
        "family": ["format"] * count,
        "is_recoverable": [True] * count,
        "issue_id": [str(one) for one in range(count)],
        "status": ["approved"] * count,
        "is_audit": [False] * count,
        "suggested": ["1.00"] * count,
        "corrector": ["price"] * count,
        "rule_id": ["r"] * count,
        "pattern_id": ["p"] * count,
        "verdict_at": list(range(count)),
        "is_right": [True] * count,
        "is_accepted": [True] * count,
        "confidence": [0.9] * count,
        "error_bound": [0.1] * count,
        "formula": [1.0] * count,
        "similarity": [0.5] * count,
        "decided_before": list(range(count)),
        "seconds": [45.0] * count,
    }
    return pl.DataFrame(usual | columns, schema=LOG)


def test_shares_and_precision_are_counted_on_the_last_two_thirds():
    status = ["approved"] * 900 + ["auto_corrected"] * 900
    right = [True] * 900 + [True] * 810 + [False] * 90
    found = score(_log(status=status, is_right=right, seconds=[45.0] * 900 + [0.0] * 900))
    assert set(found) == set(METRICS)
    assert found["automatic_share"] == pytest.approx(900 / 1200)
    assert found["precision"] == pytest.approx(0.9)
    assert found["minutes_saved_share"] == pytest.approx(1 - 300 / 1200)
    # Of the latest 300, 60 % were automatic at the 180th automatic one.
    assert found["decisions_until_60"] == 900 + 180 - 1


def test_calibration_is_measured_against_the_answer_and_against_the_truth():
    random = np.random.default_rng(0)
    confidence = random.choice([0.1, 0.5, 0.98], 3_000)
    right = random.random(3_000) < confidence
    accepted = right != (random.random(3_000) < 0.2)
    found = score(_log(confidence=confidence, is_right=right, is_accepted=accepted))
    assert found["calibration_error_of_truth"] < 0.02 < 0.1 < found["calibration_error"]
    assert found["noise_floor"] < 0.02


def test_the_dip_is_looked_for_right_after_the_drift():
    right = [True] * 1_500 + [False] * 300 + [True] * 1_200
    found = score(_log(status=["auto_corrected"] * 3_000, is_right=right))
    assert found["dip_precision"] == 0
    assert found["recovered_precision"] == pytest.approx(400 / 500)


def test_decoys_are_harmed_by_any_automatic_change():
    family = ["decoy"] * 300 + ["format"] * 2_700
    status = (["auto_corrected"] * 1 + ["rejected"] * 9) * 300
    log = _log(position=list(np.random.default_rng(1).permutation(3_000)), family=family, status=status)
    assert score(log)["decoys_harmed"] == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize(("precision", "share"), [(1.0, 0.25), (0.75, 0.5), (0.5, 0.75), (0.2, 1.0)])
def test_a_baseline_is_given_its_best_threshold(precision, share):
    # From the surest down: right, right; right, wrong ...
    log = _log(is_right=[True, True, True, False, False, False, False, False])
    sureness = pl.Series([0.9, 0.9, 0.8, 0.8, 0.7, 0.7, 0.6, 0.6])
    assert best_share(log, sureness, precision) == share


def test_every_kind_has_every_figure():
    fault = ["price notation", "phone notation"] * 600
    found = by_kind(_log(fault=fault, status=["auto_corrected", "approved"] * 600))
    assert dict(found.select("fault", "automatic_share").iter_rows()) == {"price notation": 1.0, "phone notation": 0.0}
    assert set(KIND_METRICS) <= set(found.columns)


def test_the_interval_over_seeds_is_students():
    assert interval([1.0]) == pytest.approx((1.0, float("nan"), float("nan")), nan_ok=True)
    mean, low, high = interval([0.4, 0.5, 0.6, float("nan")])
    assert (mean, high - mean) == pytest.approx((0.5, 2.92 * 0.1 / np.sqrt(3)), abs=1e-3)
    assert mean - low == pytest.approx(high - mean)


@pytest.mark.parametrize(
    ("field", "fault", "truth", "suggested", "is_so"),
    [
        ("price", "price notation", "1299.00", "1299", True),
        ("price", "price notation", "1299.00", "1.299", False),
        ("gtin", "GTIN without leading zero", "0012345678905", "012345678905", True),
        ("weight_g", "weight missing", "300", "400", True),
        ("weight_g", "weight missing", "300", "600", False),
        ("ordered_at", "date notation", "2026-03-04", "2026-03-04T00:00:00Z", True),
        ("ordered_at", "date notation", "2026-03-04", "2026-04-03", False),
        ("brand", "brand missing", "Black & Decker", "black decker", True),
        ("title", "title in capitals", "Oak Table", "OAK TABLE", False),
        ("title", "title too long", "Oak Table Round", "Oak Table", False),
        ("country", "country name", "DE", "DE", True),
    ],
)
def test_the_reviewer_knows_what_is_as_good_as_the_truth(field, fault, truth, suggested, is_so):
    row = {"field": field, "fault": fault, "family": "format", "truth": truth, "record": {}}
    assert is_right(suggested, row) == is_so
    assert not is_right(suggested, row | {"family": "decoy"})


def test_the_reviewer_slips_as_often_as_said_and_mends_what_can_be_mended():
    random = np.random.default_rng(3)
    row = {"field": "country", "fault": "country name", "family": "format", "truth": "DE", "is_recoverable": True}
    said = [Reviewer("ana", 0.9).verdict("DE", row, random)[0] for _ in range(5_000)]
    assert np.mean([one != "approved" for one in said]) == pytest.approx(SLIPS, abs=0.007)
    mended = [Reviewer("ana", 0.9).verdict("FR", row, random) for _ in range(2_000)]
    assert np.mean([one == ("modified", "DE") for one in mended]) == pytest.approx(0.9 * (1 - SLIPS), abs=0.03)
    lost = [Reviewer("ana", 0.9).verdict("FR", row | {"is_recoverable": False}, random)[0] for _ in range(500)]
    assert set(lost) <= {"rejected", "approved"}


def test_the_stream_is_made_of_what_was_agreed(data):
    batches = list(stream(data, faults=6_000, seed=1))
    faults = pl.concat([one.faults for one in batches])
    families = dict(faults.group_by("family").len().with_columns(pl.col("len") / faults.height).iter_rows())
    assert families == pytest.approx(dict(SHARES), abs=0.03)
    lost = faults.filter(pl.col("family") != "decoy").group_by("family").agg((~pl.col("is_recoverable")).mean())
    assert all(share == pytest.approx(0.10, abs=0.035) for _, share in lost.iter_rows())
    assert faults["fault"].n_unique() >= len(FAULTS) - 2
    sizes = pl.Series([one.vendor.name for one in batches]).value_counts()["count"]
    assert len(sizes) == 12
    assert sizes.max() >= 4 * sizes.min()


def test_until_something_is_automatic_the_same_seed_gives_the_same_decisions(data):
    first, again = (run(data, faults=200, seed=4) for _ in range(2))
    told = ["position", "vendor", "record_key", "fault", "status", "suggested", "is_right", "is_accepted", "confidence"]
    assert first.select(told).equals(again.select(told))
    assert first.schema == LOG
    assert (first["status"] != "unseen").mean() > 0.9
    judged = first.filter(pl.col("status").is_in(["approved", "rejected", "modified"]))
    assert (judged["is_accepted"] == (judged["status"] == "approved")).all()
