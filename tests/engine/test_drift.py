"""Trust that is lost at once: alarms follow from the decisions that stand, cut the evidence, and demote until it is earned anew."""

import polars as pl
import pytest

from engine import drift
from engine.drift import CHANGES, Watch, demotions, standing_evidence, with_trust
from engine.learn import training_frame
from engine.policy import Policy, judge
from engine.store.decisions import decisions_frame

PATTERN = {"corrector": "price", "rule_id": "price-notation", "pattern_id": "p"}


def change(*, since=51, rang_at=60, pattern_id="p", before=0.0, after=0.9, stream="human"):
    row = {"change_id": f"{since}{rang_at}{pattern_id}", "stream": stream, **PATTERN, "pattern_id": pattern_id}
    row |= {"rang_at": rang_at, "since": since, "error_before": before, "error_after": after}
    return pl.DataFrame([row | {"noticed_at": None}], schema=CHANGES)


def decisions(verdicts, *, origin="review", first=1, confidence=0.9, **group):
    rows = [
        {**PATTERN, **group, "sequence": first + place, "verdict": verdict, "origin": origin, "confidence": confidence}
        for place, verdict in enumerate(verdicts)
    ]
    return pl.DataFrame(rows)


def trust_of(past, changes, policy=None, **best):
    policy = policy or Policy()
    found = with_trust(pl.DataFrame([PATTERN | best]), demotions(past, changes, policy), policy)
    return found.row(0, named=True)


@pytest.fixture
def decided(open_workspace, lamps):
    """A workspace in which a pattern was approved 40 times and then refused 12 times, and the names of the refused."""
    workspace = open_workspace(ai_monitoring={"enabled": False})
    workspace.ingest(lamps(52), channel="woocommerce", connection="north")
    ids = workspace.issues(status="pending")["issue_id"].sort().to_list()
    workspace.decide(ids[:40], "approved", by="ana")
    workspace.decide(ids[40:], "rejected", by="ana")
    return workspace, ids[40:]


def test_a_rise_is_noted_once_and_seen_by_every_process(decided, open_workspace):
    workspace, _ = decided
    (alarm,) = workspace.alarms().to_dicts()
    assert (alarm["stream"], alarm["corrector"], alarm["since"]) == ("human", "price", 41)
    assert (alarm["error_before"], alarm["error_after"]) == (0.0, 1.0)
    assert Watch(workspace.store).look().is_empty()
    other = open_workspace()
    assert other.alarms().equals(workspace.alarms())
    logged = workspace.sql("select who, action from audit_log where action = 'trust.demoted'")
    assert logged.rows() == [("channelmend", "trust.demoted")]


def test_a_decision_taken_back_takes_its_alarm_along(decided, open_workspace):
    workspace, refused = decided
    other = open_workspace()
    assert other.alarms().height == 1
    workspace.undo_decisions(refused, by="ana")
    assert workspace.alarms().is_empty()
    assert other.alarms().is_empty()
    workspace.decide(refused, "rejected", by="bo")
    assert other.alarms().height == 1


def test_evidence_from_before_the_change_is_not_counted(decided):
    workspace, _ = decided
    past = decisions_frame(workspace.store)
    kept = standing_evidence(past, workspace.watch.changes())
    assert kept["sequence"].to_list() == list(range(41, 53))
    assert standing_evidence(past, workspace.watch.changes().clear()).equals(past)


def test_audits_that_are_refused_demote_the_pattern_at_once(open_workspace, lamps):
    workspace = open_workspace(error_budget={"audit_share": 0.5})

    def deliver(count, key, verdict):
        run = workspace.ingest(lamps(count, key=key), channel="woocommerce", connection="north")
        waiting = workspace.issues(status="pending")["issue_id"].to_list()
        if verdict:
            workspace.decide(waiting, verdict, by="ana")
        return run, len(waiting)

    deliver(10, "first", "approved")
    run, audits = deliver(80, "second", "approved")
    assert run.counts["auto_corrected"] == 80 - audits
    assert 20 <= audits <= 60
    assert run.notes == []
    deliver(40, "third", "rejected")
    assert {"automatic"} == set(workspace.alarms()["stream"])
    run, waiting = deliver(10, "fourth", "")
    assert waiting == 10
    trust = demotions(decisions_frame(workspace.store), workspace.watch.changes(), workspace.policy)
    assert trust["is_demoted"].to_list() == [True, True]
    (note,) = run.notes
    assert note.startswith("price on price-notation is asked again")


def test_streams_are_watched_apart(workspace, monkeypatch):
    rows = {"human": ["approved"] * 60, "automatic": ["approved"] * 60 + ["rejected"] * 12}
    past = pl.concat(
        [decisions(rows["human"], origin="review"), decisions(rows["automatic"], origin="audit", first=61)]
    )
    monkeypatch.setattr(drift, "decision_state", lambda store: (132, 0))
    monkeypatch.setattr(drift, "decisions_frame", lambda store, after: past)
    found = workspace.watch.look().sort("pattern_id")
    assert found["pattern_id"].to_list() == ["", "p"]
    assert set(found["stream"]) == {"automatic"}
    assert set(found["since"]) == {121}


def test_doubtful_suggestions_that_are_refused_neither_ring_nor_keep_a_pattern_demoted(workspace, monkeypatch):
    easy = decisions(["approved"] * 60)
    hard = decisions(["rejected"] * 20, first=61, confidence=0.6)
    monkeypatch.setattr(drift, "decision_state", lambda store: (80, 0))
    monkeypatch.setattr(drift, "decisions_frame", lambda store, after: pl.concat([easy, hard]))
    assert workspace.watch.look().is_empty()
    better = decisions(["approved"] * 45, first=81)
    past = pl.concat([easy, hard, better])
    assert not trust_of(past, change(since=81, rang_at=90))["is_demoted"]
    assert not trust_of(past, change(since=61, rang_at=90))["is_demoted"]
    refused = decisions(["rejected"] * 20, first=126)
    assert trust_of(pl.concat([past, refused]), change(since=61, rang_at=90))["is_demoted"]


def test_demotion_ends_when_the_decisions_after_the_change_prove_it():
    past = decisions(["approved"] * 50 + ["rejected"] * 10)
    assert trust_of(past, change())["is_demoted"]
    better = decisions(["approved"] * 44, first=61)
    fallen = pl.concat([change(), change(since=61, rang_at=75, before=0.9, after=0.0)])
    assert trust_of(pl.concat([past, better]), fallen)["is_demoted"]
    enough = decisions(["approved"], first=105)
    assert not trust_of(pl.concat([past, better, enough]), fallen)["is_demoted"]
    assert trust_of(pl.concat([past, better, enough]), change())["is_demoted"]


def test_an_alarm_of_one_pattern_leaves_others_alone_and_one_of_a_rule_does_not():
    past = decisions(["approved"] * 50 + ["rejected"] * 10)
    assert not trust_of(past, change(), pattern_id="q")["is_demoted"]
    assert trust_of(past, change(pattern_id=""), pattern_id="q")["is_demoted"]
    assert not trust_of(past, change(pattern_id=""), corrector="text")["is_demoted"]


def test_the_audit_share_is_raised_for_a_while():
    past = decisions(["rejected"] * 10, first=51)
    policy = Policy(audit_share=0.02)
    assert trust_of(past, change(), policy)["audit_share"] == drift.RAISED_AUDIT_SHARE
    audited = decisions(["approved"] * drift.AUDITS_AFTER_ALARM, origin="audit", first=61)
    assert trust_of(pl.concat([past, audited]), change(), policy)["audit_share"] == 0.02
    assert trust_of(past, change().clear(), policy)["audit_share"] == 0.02


def test_a_demoted_pattern_is_reviewed_and_a_raised_share_is_drawn_more_often():
    sure = {"confidence": 0.99, "lower": 0.95, "error_bound": 0.01, "pattern_approved": 5.0}
    frame = pl.DataFrame(
        [sure | {"issue_id": str(i), "is_demoted": i % 2 == 0, "audit_share": 0.10} for i in range(8_000)]
    )
    judged = judge(frame, Policy())
    demoted, others = judged.filter("is_demoted"), judged.filter(~pl.col("is_demoted"))
    assert set(demoted["action"]) == {"review"}
    assert "earned trust anew" in demoted["explanation"][0]
    assert 0.08 < (others["action"] == "audit").mean() < 0.12


def test_an_audit_keeps_the_probability_it_was_drawn_with(open_workspace, lamps):
    workspace = open_workspace(error_budget={"audit_share": 0.5})
    workspace.ingest(lamps(60), channel="woocommerce", connection="north")
    ids = workspace.issues(status="pending")["issue_id"].sort().to_list()
    workspace.decide(ids[:10], "approved", by="ana")
    workspace.suggest("north")
    drawn = workspace.issues(status="pending")["issue_id"].to_list()
    assert 10 <= len(drawn) <= 40
    workspace.decide(drawn, "approved", by="ana")
    past = decisions_frame(workspace.store)
    assert dict(past.group_by("origin").agg(pl.col("propensity").unique().first()).iter_rows()) == {
        "review": 1.0,
        "audit": 0.5,
    }
    rows = training_frame(workspace.store)
    assert sorted(rows["weight"].unique()) == [1.0, 2.0]
    assert (rows["weight"] == 2.0).sum() == len(drawn)
