"""What a person takes back leaves no trace in what is learned: the workspace is compared with one where it never happened."""

import shutil

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engine import Workspace
from engine.errors import ConfigError
from engine.learn import training_frame
from engine.progress import progress
from engine.settings import load_settings
from tests.conftest import _lamps

ISSUES = 8
VERDICTS = ("approved", "rejected", "modified")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(VERDICTS), st.integers(0, ISSUES - 1)),
        st.tuples(st.sampled_from(("undo_decisions", "undo")), st.integers(0, ISSUES - 1)),
        st.tuples(st.just("push"), st.just(0)),
    ),
    min_size=7,
    max_size=14,
)
SEEN = ["value", "corrector", "confidence", "lower", "error_bound", "evidence"]


def opened(folder):
    return Workspace(
        settings=load_settings(
            database=f"sqlite:///{folder / 'knowledge.db'}",
            lake=folder / "lake",
            key_file=folder / "key",
            embedder="character",
            ai_monitoring={"enabled": False},
        )
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A workspace in which nothing has been decided: prices with a comma, and titles with too many blanks."""
    folder = tmp_path_factory.mktemp("template")
    workspace = opened(folder)
    prices = _lamps(ISSUES // 2)
    titles = _lamps(ISSUES // 2, key="shade", price="7.00").with_columns(pl.col("title").str.replace(" ", "  "))
    workspace.ingest(pl.concat([prices, titles]), channel="woocommerce")
    assert workspace.issues().height == ISSUES
    workspace.close()
    return folder


def copied(template, folder):
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(template, folder)
    return opened(folder)


def places(workspace):
    """The issues in an order that both workspaces share."""
    return workspace.issues().sort("record_key", "rule_id")["issue_id"].to_list()


def decide(workspace, issue_id, verdict):
    field = workspace.issues().filter(pl.col("issue_id") == issue_id)["field"].item()
    value = {"price": "99.90", "title": "A lamp of my own"}[field] if verdict == "modified" else None
    workspace.decide([issue_id], verdict, by="ana", value=value)


def played(workspace, steps):
    """Do the steps that are possible; gives the decisions that were not taken back, in their order."""
    names, standing = places(workspace), []
    for action, place in steps:
        issue_id = names[place]
        status = dict(workspace.issues().select("issue_id", "status").iter_rows())[issue_id]
        if action == "push":
            workspace.push("feed")
        elif action in VERDICTS and status == "pending":
            decide(workspace, issue_id, action)
            standing.append((action, place))
        elif action == "undo_decisions" and status in VERDICTS:
            assert workspace.undo_decisions([issue_id], by="ana") == 1
            standing = [one for one in standing if one[1] != place]
        elif action == "undo" and status in ("approved", "modified"):
            open_ = workspace.corrections().filter(
                pl.col("issue_id") == issue_id, pl.col("undoes").is_null(), pl.col("status") != "undone"
            )
            workspace.undo(open_["correction_id"].to_list(), by="ana")
            standing = [one for one in standing if one[1] != place]
    return standing


def settled(workspace):
    """Everything pushed and weighed anew with what is known."""
    workspace.push("feed")
    workspace.suggest("feed")
    return workspace


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_what_is_taken_back_has_never_been(template, tmp_path, steps):
    with_undo, without = copied(template, tmp_path / "with"), copied(template, tmp_path / "without")
    for verdict, place in played(with_undo, steps):
        decide(without, places(without)[place], verdict)
    knowledge = [
        one.knowledge.refresh().drop("decision_id", "issue_id", "candidate_id", "decided_at", "sequence")
        for one in (with_undo, without)
    ]
    assert_frame_equal(*knowledge)
    learned = [training_frame(one.store).drop("decided_at", "sequence", "candidate_id") for one in (with_undo, without)]
    assert_frame_equal(*learned)
    replayed = [
        one.history.look().select("record_key", "rule_id", "is_judged", "is_wrong") for one in (with_undo, without)
    ]
    assert_frame_equal(*replayed)
    for one in (with_undo, without):
        settled(one)
    counted = [progress(one).drop("applied", "audit_share") for one in (with_undo, without)]
    assert_frame_equal(*counted)
    patterns = with_undo.issues()["pattern_id"].unique().sort().to_list()
    similar = [
        one.knowledge.similar_patterns(patterns).sort("pattern_id", "neighbour_id") for one in (with_undo, without)
    ]
    assert_frame_equal(*similar)
    records = [one.lake.current("feed", "product").sort("record_key").collect() for one in (with_undo, without)]
    assert_frame_equal(*(frame.drop("updated_at", "raw") for frame in records))
    waiting = set(with_undo.issues(status="pending")["issue_id"])
    for mine, theirs in zip(places(with_undo), places(without), strict=True):
        if mine in waiting:
            assert_frame_equal(with_undo.suggestions(mine).select(SEEN), without.suggestions(theirs).select(SEEN))
    for one in (with_undo, without):
        one.close()


@pytest.fixture
def workspace(template, tmp_path):
    one = copied(template, tmp_path / "one")
    yield one
    one.close()


def test_what_was_taken_back_can_be_decided_again_before_the_way_back_is_pushed(workspace):
    first = places(workspace)[0]
    workspace.decide([first], "approved", by="ana")
    workspace.push("feed")
    workspace.undo_decisions([first], by="ana")
    workspace.decide([first], "approved", by="bo")
    assert workspace.knowledge.refresh().select("observed", "final").rows() == [("12,50", "12.50")]
    workspace.push("feed")
    assert workspace.corrections().filter(pl.col("status") == "conflict").is_empty()
    assert workspace.lake.find("feed", "product", ["lamp-0"])["price"].to_list() == ["12.50"]


def test_a_rejection_is_taken_back_and_its_issue_waits_again(workspace):
    first, second, *_ = places(workspace)
    workspace.decide([first, second], "rejected", by="ana")
    assert workspace.undo_decisions([first], by="ana") == 1
    assert workspace.undo_decisions([first], by="ana") == 0
    assert workspace.knowledge.refresh()["issue_id"].to_list() == [second]
    assert workspace.issues(status="rejected")["issue_id"].to_list() == [second]
    assert (
        workspace.sql("select action, subject from audit_log order by sequence desc limit 2")["action"].to_list()
        == ["issue.reopened"] * 2
    )


def test_an_issue_that_nobody_decided_has_no_decision_to_take_back(workspace):
    assert workspace.undo_decisions([*places(workspace), "nowhere"], by="ana") == 0
    assert workspace.issues()["status"].unique().to_list() == ["pending"]


def test_nothing_is_undone_when_one_of_several_cannot_be(workspace):
    first, second, *_ = places(workspace)
    workspace.decide([first, second], "approved", by="ana")
    one, other = workspace.corrections()["correction_id"].to_list()
    workspace.undo([one], by="ana")
    with pytest.raises(ConfigError, match="it is undone"):
        workspace.undo([other, one], by="ana")
    assert workspace.knowledge.refresh().height == 1
