"""Second reviews and suspect decisions, through the public face: who is asked, what is told, and what is counted."""

import polars as pl
import pytest

from engine.errors import ConfigError


@pytest.fixture
def workspace(open_workspace, lamps):
    opened = open_workspace(ai_monitoring={"enabled": False}, knowledge_management={"second_review_share": 0.5}, seed=3)
    opened.ingest(lamps(40), channel="woocommerce", connection="north")
    return opened


@pytest.fixture
def decided(workspace):
    """Forty decisions of Ana."""
    workspace.decide(workspace.issues(status="pending")["issue_id"].to_list(), "approved", by="ana")
    return workspace


def test_a_random_share_is_asked_of_somebody_else_and_the_first_verdict_is_not_told(decided):
    asked = decided.second_reviews(by="bo")
    assert 10 <= asked.height <= 30
    assert not {"verdict", "final", "decided_by"} & set(asked.columns)
    assert decided.second_reviews(by="bo").equals(asked)
    assert decided.second_reviews(by="ana").is_empty()


def test_an_answer_is_counted_and_not_asked_again(decided):
    asked = decided.second_reviews(by="bo")["decision_id"].to_list()
    for name in asked[:-1]:
        decided.second_review(name, "approved", by="bo")
    assert decided.second_review(asked[-1], "modified", by="bo", value="13.00") is False
    assert decided.second_reviews(by="bo").is_empty()
    found = {row["reviewer"]: row for row in decided.reviewers().iter_rows(named=True)}
    assert found["ana"]["decisions"] == 40
    assert found["ana"]["double_reviewed"] == found["bo"]["double_reviewed"] == len(asked)
    assert found["ana"]["disagreements"] == 1
    assert 0 < found["ana"]["low"] < found["ana"]["error"] < found["ana"]["high"] < 0.5
    # The disagreement waits for a person.
    doubts = dict(decided.suspects().select("decision_id", "reason").iter_rows())
    assert doubts[asked[-1]] == "bo says otherwise"
    decided.confirm(asked[-1], by="cem")
    assert asked[-1] not in decided.suspects()["decision_id"]


def test_nobody_reviews_their_own_and_what_was_taken_back_is_not_asked(decided):
    first = decided.second_reviews(by="bo")
    with pytest.raises(ConfigError, match="somebody else"):
        decided.second_review(first["decision_id"][0], "approved", by="ana")
    decided.undo_decisions([first["issue_id"][0]], by="ana")
    assert decided.second_reviews(by="bo").height == first.height - 1
    with pytest.raises(ConfigError, match="no standing decision"):
        decided.second_review(first["decision_id"][0], "approved", by="bo")
    with pytest.raises(ConfigError, match="Unknown verdict"):
        decided.second_review(first["decision_id"][1], "yes", by="bo")


def test_slips_are_suspect_until_a_person_settles_them(open_workspace, lamps):
    workspace = open_workspace(ai_monitoring={"enabled": False}, knowledge_management={"second_review_share": 0.0})
    workspace.ingest(lamps(70), channel="woocommerce", connection="north")
    ids = workspace.issues(status="pending")["issue_id"].sort().to_list()
    spoilt = lamps(12, key="shade", price="").with_columns(brand=pl.lit(""), title=pl.lit("  Shade   of glass "))
    workspace.ingest(spoilt, channel="woocommerce", connection="south")
    titles = workspace.issues(status="pending", connection="south").filter(pl.col("suggested").is_not_null())
    workspace.decide(titles["issue_id"].to_list(), "rejected", by="ana")
    slips = ids[:2]
    workspace.decide(ids[2:], "approved", by="ana")
    workspace.decide(slips, "rejected", by="ana")
    found = workspace.suspects()
    assert set(found["issue_id"]) == set(slips)
    assert set(found["reason"]) == {"decisions like this one went the other way"}
    assert found["chance"].min() > 0.9
    by_issue = dict(found.select("issue_id", "decision_id").iter_rows())
    workspace.confirm(by_issue[slips[0]], by="bo")
    workspace.undo_decisions([slips[1]], by="bo")
    assert workspace.suspects().is_empty()
    assert workspace.issues(status="pending", connection="north")["issue_id"].to_list() == [slips[1]]


def test_an_empty_knowledge_base_has_no_suspects_and_no_reviewers(open_workspace):
    workspace = open_workspace()
    assert workspace.suspects().is_empty()
    assert workspace.reviewers().is_empty()
    assert workspace.second_reviews(by="bo").is_empty()
