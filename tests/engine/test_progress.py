"""The four phases of a pattern, as the engine tells them, beside what it does."""

import polars as pl
import pytest

from engine.errors import ConfigError
from engine.policy import Policy
from engine.progress import PROGRESS, approvals_missing
from models.risk import pooled_error_bound


@pytest.fixture
def workspace(open_workspace):
    return open_workspace(error_budget={"audit_share": 0.0})


def test_a_pattern_goes_through_the_four_phases(workspace, lamps):
    def deliver(count, key):
        return workspace.ingest(lamps(count, key=key), channel="woocommerce", connection="north")

    deliver(4, "a")
    (pattern,) = workspace.patterns().to_dicts()
    assert (pattern["phase"], pattern["approved"], pattern["applied"]) == ("ask", 0, 0)
    assert pattern["needed"] >= 3
    assert pattern["error_bound"] > pattern["error_budget"] == 0.05
    assert pattern["explanation"] == workspace.issues()["reason"][0]
    first = pattern["confidence"]

    ids = workspace.issues(status="pending")["issue_id"].to_list()
    workspace.decide(ids[:2], "approved", by="ana")
    now = workspace.pattern_progress(pattern["pattern_id"])
    assert (now["phase"], now["approved"], now["decided"]) == ("ask with higher confidence", 2, 2)
    assert now["confidence"] > first
    assert now["error_bound"] < pattern["error_bound"]

    workspace.decide(ids[2:], "approved", by="ana")
    now = workspace.pattern_progress(pattern["pattern_id"])
    assert (now["phase"], now["explanation"]) == ("automatic", "")
    assert now["approved"] == now["needed"] == 4
    assert deliver(20, "b").counts["auto_corrected"] == 20

    made = workspace.corrections(status="verified").filter("is_automatic")["correction_id"].to_list()
    workspace.undo(made[:6], by="ana")
    now = workspace.pattern_progress(pattern["pattern_id"])
    assert (now["phase"], now["applied"]) == ("adjust", 20)
    assert now["explanation"]
    assert now["alarms"].is_empty()
    assert deliver(5, "c").counts["auto_corrected"] == 0


def test_an_alarm_stands_beside_its_pattern(workspace, lamps):
    workspace.ingest(lamps(52), channel="woocommerce", connection="north")
    ids = workspace.issues(status="pending")["issue_id"].sort().to_list()
    pattern = workspace.issues()["pattern_id"][0]
    workspace.decide(ids[:40], "approved", by="ana")
    workspace.decide(ids[40:], "rejected", by="ana")
    now = workspace.pattern_progress(pattern)
    assert now["is_demoted"]
    assert (now["approved"], now["decided"]) == (0, 12)
    assert now["alarms"]["since"].to_list() == [41]
    assert now["audit_share"] == pytest.approx(0.10)
    (text,) = workspace.demoted()
    assert text.startswith("price on price-notation is asked again")


def test_the_approvals_said_to_be_missing_are_enough_and_hardly_fewer_are():
    counts = {"corrector_decided": 30, "corrector_approved": 29, "rule_decided": 12, "rule_approved": 12}
    rows = pl.DataFrame(
        [
            counts | {"corrector": name, "safe": float(safe), "pattern_decided": done, "pattern_approved": done}
            for name, safe in (("price", True), ("brand", False), ("phone", True))
            for done in (0, 2, 9)
        ]
    ).cast({pl.Int64: pl.Float64})
    policy = Policy()
    missing = approvals_missing(rows, policy)
    assert missing.null_count() == 0
    names = [name for name in rows.columns if name.endswith(("decided", "approved"))]

    def bound(more):
        return pooled_error_bound(rows.with_columns(pl.col(name) + more for name in names), certainty=policy.certainty)

    assert (bound(missing) <= policy.error_budget).all()
    needs_more = (missing > 3) & (rows["pattern_approved"] + missing > policy.min_occurrences)
    fewer = bound((missing * 0.6).cast(pl.Int64))
    assert (fewer.filter(needs_more) > policy.error_budget).all()
    assert needs_more.any()


def test_a_pattern_nobody_knows_is_refused(workspace):
    assert dict(workspace.patterns().select("pattern_id", "phase").schema) == {
        "pattern_id": pl.String,
        "phase": pl.String,
    }
    assert set(PROGRESS) - {"confidence"} <= set(workspace.patterns().columns)
    with pytest.raises(ConfigError, match="never had a suggestion"):
        workspace.pattern_progress("none")
