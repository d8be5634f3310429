"""The queue a screen at a time: filtered and counted in the database, taken back without a trace in what is learned."""

import polars as pl
import pytest

from engine.review import PATTERNS, Filter, ReviewQueue, is_personal
from engine.types import ISSUES


@pytest.fixture
def workspace(open_workspace, lamps):
    opened = open_workspace(ai_monitoring={"enabled": False})
    opened.ingest(lamps(6), channel="woocommerce", connection="north")
    opened.ingest(lamps(2, key="shade", price="7,00"), channel="woocommerce", connection="south")
    return opened


@pytest.fixture
def queue(workspace):
    return ReviewQueue(workspace)


def only(frame, name):
    (row,) = [one for one in frame.iter_rows(named=True) if one["rule_id"] == name]
    return row


def test_patterns_are_those_of_the_workspace_counted_once(queue, workspace):
    found = queue.patterns()
    assert dict(found.schema) == PATTERNS
    whole = workspace.issues(status="pending")
    assert found["count"].sum() == whole.height
    counted = dict(whole.group_by("pattern_id").len().iter_rows())
    assert dict(found.select("pattern_id", "count").iter_rows()) == counted
    assert found["suggested_count"].sum() == whole["suggested"].is_not_null().sum()
    assert found["suggested_count"].is_sorted(descending=True)
    means = dict(whole.group_by("pattern_id").agg(pl.col("confidence").mean()).iter_rows())
    for row in found.filter(pl.col("suggested_count") > 0).iter_rows(named=True):
        assert row["confidence"] == pytest.approx(means[row["pattern_id"]])


def test_the_most_patterns_asked_for_come(queue):
    assert queue.patterns(limit=1).height == 1


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Filter(), 8),
        (Filter(connection="south"), 2),
        (Filter(field="price"), 8),
        (Filter(field="title"), 0),
        (Filter(search="SHADE"), 2),
        (Filter(search="price shade-1"), 1),
        (Filter(search="lamp-_"), 0),
        (Filter(search="100%"), 0),
        (Filter(rule_id="price-notation", connection="north"), 6),
    ],
)
def test_filters_narrow_patterns_and_issues_alike(queue, wanted, count):
    row = [one for one in queue.patterns(wanted).iter_rows(named=True) if one["rule_id"] == "price-notation"]
    assert sum(one["count"] for one in row) == count
    for one in row:
        assert queue.issues(one["pattern_id"], wanted).height == one["count"]
        assert len(queue.issue_ids(one["pattern_id"], wanted)) == one["suggested_count"]


def test_issues_are_cut_and_have_the_known_schema(queue):
    pattern = only(queue.patterns(Filter(connection="north")), "price-notation")["pattern_id"]
    found = queue.issues(pattern, Filter(connection="north"), limit=4)
    assert found.height == 4
    assert dict(found.schema) == ISSUES
    assert queue.issue(found["issue_id"][0])["record_key"] == found["record_key"][0]
    assert queue.issue("none") is None
    assert set(queue.titles(found).values()) <= {f"Desk lamp model {i}" for i in range(6)}
    assert queue.connections_of(found["issue_id"].to_list()) == ["north"]


def test_choices_and_counts(queue):
    assert queue.choices() == {"connection": ["north", "south"], "field": ["price"]}
    assert queue.counts() == {"pending": 8}


def test_an_approval_is_taken_back_before_and_after_its_push(queue, workspace):
    first, second = workspace.issues(connection="north")["issue_id"].to_list()[:2]
    workspace.decide([first], "approved", by="ana")
    workspace.push("north")
    workspace.decide([second], "approved", by="ana")
    before = queue.revision()
    assert queue.take_back([first, second], by="ana") == 2
    assert queue.revision() != before
    assert workspace.issues(connection="north")["status"].to_list() == ["pending"] * 6
    assert workspace.knowledge.refresh().is_empty()
    workspace.push("north")
    states = workspace.corrections().sort("written_at")["status"].to_list()
    assert sorted(states) == ["undone", "undone", "verified"]
    key = queue.issue(first)["record_key"]
    assert workspace.lake.find("north", "product", [key])["price"].to_list() == ["12,50"]
    assert workspace.decide([first, second], "approved", by="bo") == 2


def test_a_rejection_is_taken_back_and_unlearned(queue, workspace):
    chosen = workspace.issues(connection="south")["issue_id"].to_list()
    workspace.decide(chosen, "rejected", by="ana")
    assert queue.counts() == {"pending": 6, "rejected": 2}
    assert queue.take_back(chosen, by="ana") == 2
    assert queue.counts() == {"pending": 8}
    assert workspace.knowledge.refresh().is_empty()
    assert queue.issue(chosen[0])["reason"] == "taken back by ana"
    assert queue.take_back(chosen, by="ana") == 0


def test_what_was_found_anew_is_not_opened_twice(queue, workspace, lamps):
    chosen = workspace.issues(connection="south")["issue_id"].to_list()
    workspace.decide(chosen, "approved", by="ana")
    workspace.push("south")
    workspace.ingest(lamps(2, key="shade", price="7,00"), channel="woocommerce", connection="south")
    assert workspace.issues(status="pending", connection="south").height == 2
    assert queue.take_back(chosen, by="ana") == 0
    assert workspace.issues(status="pending", connection="south").height == 2


def test_corrections_are_filtered_and_their_ways_back_left_out(queue, workspace):
    north, south = (workspace.issues(connection=name)["issue_id"].to_list() for name in ("north", "south"))
    workspace.decide([*north, *south], "approved", by="ana")
    for name in ("north", "south"):
        workspace.push(name)
    assert queue.corrections().height == 8
    assert queue.corrections(connection="south").height == 2
    assert queue.corrections(is_automatic=True).is_empty()
    assert queue.corrections(limit=3).height == 3
    some = queue.corrections(connection="south")["correction_id"].to_list()
    assert queue.connections_of_corrections(some) == ["south"]
    workspace.undo(some, by="ana")
    assert queue.corrections(status="undone").height == 2
    assert queue.corrections().height == 8


def test_personal_values_are_masked_and_not_searched(queue, workspace):
    workspace.ingest(
        pl.DataFrame(
            {"record_key": ["9"], "email": ["ana.roe@gmial.com"], "ship_country": ["FR"], "currency": ["EUR"]}
        ),
        channel="woocommerce",
        kind="order",
        connection="south",
    )
    found = queue.patterns(Filter(field="email"))
    assert found.height >= 1
    assert "ana.roe" not in str(found.to_dicts())
    assert queue.patterns(Filter(field="email", search="sealed")).is_empty()
    assert is_personal("order", "email")
    assert not is_personal("product", "title")
