"""Replay before trust: the counts are held against a plain loop, and the history in memory against one that is read anew."""

from dataclasses import replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from engine.policy import Policy
from engine.replay import HISTORY, History
from engine.versions import open_registry
from models.risk import clopper_pearson
from tests.history import decided


@pytest.fixture
def filled(workspace):
    decided(workspace, 400, patterns=12)
    return workspace


def automatic(workspace):
    found = workspace.corrections().filter(pl.col("is_automatic"), pl.col("status") != "undone")
    return found.sort("correction_id")["correction_id"].to_list()


def same_as_read_anew(workspace):
    mine, fresh = (one.look().sort("issue_id") for one in (workspace.history, History(workspace.store)))
    assert_frame_equal(mine, fresh)
    assert mine.schema == HISTORY
    return mine


@pytest.mark.parametrize("policy", [Policy(), Policy(error_budget=0.02), Policy(floor=0.95, min_occurrences=20)])
def test_the_counts_are_those_of_a_plain_loop(filled, policy):
    found = filled.replay(policy=policy)
    counts = dict.fromkeys(("automatic", "changed", "judged", "wrong"), 0)
    for row in filled.history.look().iter_rows(named=True):
        passes = row["pattern_approved"] >= policy.min_occurrences and row["lower"] >= policy.floor
        passes = passes and row["error_bound"] <= policy.error_budget
        counts["automatic"] += passes
        counts["changed"] += passes != row["was_automatic"]
        counts["judged"] += passes and row["is_judged"]
        counts["wrong"] += passes and row["is_judged"] and row["is_wrong"]
    assert {name: getattr(found, name) for name in counts} == counts
    assert found.replayed == 400
    assert found.wrong_interval == clopper_pearson(counts["wrong"], counts["judged"])
    names = [*counts, "replayed", "undone", "prevented"]
    assert found.by_rule.select(names).sum().row(0, named=True) == {name: getattr(found, name) for name in names}
    for row in found.by_rule.iter_rows(named=True):
        assert (row["wrong_low"], row["wrong_high"]) == pytest.approx(clopper_pearson(row["wrong"], row["judged"]))


def test_a_wrong_automatic_correction_is_prevented_by_a_stricter_policy(filled):
    before = filled.replay()
    assert before.undone == 0
    filled.undo(automatic(filled)[:3], by="ana")
    after = filled.replay()
    assert (after.undone, after.prevented) == (3, 0)
    # What was undone is known to be wrong, but nobody was asked about the others: it says nothing of their share.
    assert (after.automatic, after.judged, after.wrong) == (before.automatic, before.judged, before.wrong)
    strict = filled.replay(policy=replace(filled.policy, floor=1.0))
    assert (strict.automatic, strict.undone, strict.prevented) == (0, 3, 3)
    assert strict.changed == filled.history.look()["was_automatic"].sum()
    assert "3 of the 3 wrong automatic corrections would have been prevented" in str(strict)


def test_the_history_takes_in_what_is_new_and_lets_go_what_was_taken_back(filled):
    assert same_as_read_anew(filled).height == 400
    decided(filled, 50, patterns=12, first=400, seed=1)
    assert same_as_read_anew(filled).height == 450
    filled.undo(automatic(filled)[-4:], by="ana")
    assert same_as_read_anew(filled).height == 450
    approved = filled.issues(status="approved")["issue_id"].sort().to_list()[:5]
    filled.undo_decisions(approved, by="ana")
    assert same_as_read_anew(filled).height == 445


def test_a_decision_taken_back_and_made_anew_counts_as_made_anew(workspace, lamps):
    workspace.ingest(lamps(4), channel="woocommerce")
    first, second = workspace.issues()["issue_id"].to_list()[:2]
    workspace.decide([first, second], "approved", by="ana")
    assert same_as_read_anew(workspace)["is_wrong"].to_list() == [False, False]
    workspace.undo_decisions([first], by="ana")
    assert same_as_read_anew(workspace)["issue_id"].to_list() == [second]
    workspace.decide([first], "rejected", by="bo")
    assert dict(same_as_read_anew(workspace).select("issue_id", "is_wrong").iter_rows()) == {first: True, second: False}


def test_another_processes_decisions_are_seen(open_workspace):
    one, other = open_workspace(), open_workspace()
    assert str(one.replay()) == "There are no past issues to replay yet."
    decided(other, 60, patterns=4)
    assert one.replay().replayed == 60


def test_one_rule_or_one_pattern_is_tried(filled):
    usual = filled.replay()
    rows = filled.history.look()
    without = filled.replay(rules={"price-notation": None})
    by_rule = [dict(one.by_rule.select("rule_id", "automatic").iter_rows()) for one in (usual, without)]
    assert by_rule[0].pop("price-notation") > 0
    assert by_rule[1].pop("price-notation") == 0
    assert by_rule[0] == by_rule[1]
    pattern = rows.filter(pl.col("rule_id") == "price-notation", pl.col("was_automatic"))["pattern_id"][0]
    one_less = filled.replay(rules={pattern: 1.0})
    assert without.automatic < one_less.automatic < usual.automatic


def test_a_switch_that_is_off_today_is_off_in_the_replay(filled):
    with filled.store.write() as transaction:
        pattern = filled.history.look().filter("was_automatic")["pattern_id"][0]
        transaction.exec_driver_sql(
            "INSERT INTO auto_correction_rules (auto_rule_id, pattern_id, correction_logic, confidence_threshold, application_count, "
            f"is_active, created_at) VALUES ('a', '{pattern}', '{{}}', 0.8, 0, FALSE, '2026-01-05 08:00:00')"
        )
    mine = filled.history.look().filter(pl.col("pattern_id") == pattern)
    usual = filled.replay(rules={pattern: 0.8})
    assert usual.automatic - filled.replay().automatic >= mine["was_automatic"].sum() > 0


def test_a_model_is_replayed_on_what_it_has_not_seen(filled):
    rows = filled.history.look().filter(pl.col("sequence").is_not_null()).sort("sequence")
    seen = 150
    version, _ = open_registry(filled).record(
        filled.new_model(), parameters={"decisions": seen, "trained_until": seen}, metrics={}, data_fingerprint="x"
    )
    later = filled.history.look().filter(pl.col("closed_at") > rows["closed_at"][seen - 1])
    found = filled.replay(version=version)
    assert found.replayed == later.height < 400
    # The history was weighed with the priors, which this version holds: the same is said of the same.
    assert found.automatic == filled.replay(since=later["closed_at"].min()).automatic
