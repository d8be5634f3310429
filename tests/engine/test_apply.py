"""The outbox: proof by reading back, conflicts, refusals, and a process that dies between sending and reading back."""

import json
import subprocess
import sys
import textwrap

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import UnavailableError
from engine.apply import LakeTarget, push, same_value


class Shop:
    """A platform in memory; knows how to misbehave."""

    def __init__(self, records: pl.DataFrame) -> None:
        self.rows = {row["record_key"]: row for row in records.iter_rows(named=True)}
        self.schema = records.schema
        self.sent: list[tuple[str, str, str]] = []
        self.refuse: dict[str, str] = {}
        self.mangle = lambda value: value
        self.down = False

    def read(self, kind, keys):
        if self.down:
            raise UnavailableError("the shop does not answer")
        return pl.DataFrame([self.rows[key] for key, _ in keys if key in self.rows], schema=self.schema)

    def push(self, changes):
        answers = []
        for row in changes.iter_rows(named=True):
            self.sent.append((row["record_key"], row["field"], row["value"]))
            words = self.refuse.get(row["record_key"])
            if words is None:
                self.rows[row["record_key"]][row["field"]] = self.mangle(row["value"])
            answers.append(
                (row["correction_id"], "refused" if words else "accepted", "E1" if words else "", words or "")
            )
        return pl.DataFrame(answers, schema=["correction_id", "status", "code", "message"], orient="row")


@pytest.fixture
def decided(workspace, lamps):
    """Three approved corrections that no target has seen yet, and the shop they belong to."""
    workspace.ingest(lamps(6), channel="woocommerce")
    shop = Shop(workspace.lake.find("feed", "product", [f"lamp-{i}" for i in range(6)]))
    chosen = workspace.issues().filter(
        pl.col("rule_id") == "price-notation", pl.col("record_key").is_in(["lamp-0", "lamp-1", "lamp-2"])
    )
    workspace.decide(chosen["issue_id"].to_list(), "approved", by="ana")
    return workspace, shop


def run_push(workspace, shop, **options):
    return push(workspace.store, workspace.vault, workspace.lake, shop, connection="feed", run_id="run", **options)


def states(workspace):
    return dict(workspace.corrections().select("record_key", "status").iter_rows())


def test_what_is_read_back_is_verified(decided):
    workspace, shop = decided
    outcome = run_push(workspace, shop)
    assert len(outcome.verified) == outcome.pushed == 3
    assert states(workspace) == {"lamp-0": "verified", "lamp-1": "verified", "lamp-2": "verified"}
    assert {shop.rows[f"lamp-{i}"]["price"] for i in range(3)} == {"12.50"}
    assert set(
        workspace.lake.current("feed", "product").collect().filter(pl.col("price") == "12.50")["record_key"]
    ) == {"lamp-0", "lamp-1", "lamp-2"}


def test_pushing_again_sends_nothing(decided):
    workspace, shop = decided
    run_push(workspace, shop)
    sent = len(shop.sent)
    assert run_push(workspace, shop).pushed == 0
    assert len(shop.sent) == sent


def test_a_foreign_edit_is_never_overwritten(decided):
    workspace, shop = decided
    shop.rows["lamp-1"]["price"] = "99.00"
    outcome = run_push(workspace, shop)
    assert list(outcome.conflicts.values()) == [
        "the value was changed at the platform after it was read; nothing was written over it"
    ]
    assert shop.rows["lamp-1"]["price"] == "99.00"
    assert states(workspace)["lamp-1"] == "conflict"
    assert workspace.issues(status="failed")["record_key"].to_list() == ["lamp-1"]


def test_a_refusal_keeps_the_platforms_words(decided):
    workspace, shop = decided
    shop.refuse["lamp-2"] = "Price is locked by campaign"
    outcome = run_push(workspace, shop)
    assert len(outcome.verified) == 2
    assert "Price is locked by campaign" in workspace.issues(status="failed")["reason"].item()


def test_accepted_is_not_applied(decided):
    workspace, shop = decided
    shop.mangle = lambda value: value.replace(".", "")
    outcome = run_push(workspace, shop)
    assert outcome.verified == []
    assert set(outcome.current.values()) == {"1250"}
    assert "reading it back shows another value" in next(iter(outcome.failed.values()))


def test_a_record_that_is_gone_fails_alone(decided):
    workspace, shop = decided
    del shop.rows["lamp-0"]
    outcome = run_push(workspace, shop)
    assert len(outcome.verified) == 2
    assert "no longer at the platform" in next(iter(outcome.failed.values()))


def test_a_shop_that_is_down_loses_nothing(decided):
    workspace, shop = decided
    shop.down = True
    with pytest.raises(UnavailableError):
        run_push(workspace, shop)
    assert set(states(workspace).values()) == {"written"}
    shop.down = False
    assert len(run_push(workspace, shop).verified) == 3


def test_a_shop_that_goes_down_before_the_read_back_is_resumed_without_sending_twice(decided):
    workspace, shop = decided

    def go_down():
        shop.down = True

    with pytest.raises(UnavailableError):
        run_push(workspace, shop, after_send=go_down)
    assert set(states(workspace).values()) == {"sent"}
    shop.down, sent = False, len(shop.sent)
    assert len(run_push(workspace, shop).verified) == 3
    assert len(shop.sent) == sent


def test_a_process_killed_between_push_and_read_back_is_resumed(decided, database_url, tmp_path):
    workspace, _ = decided
    script = textwrap.dedent(f"""
        import os, signal
        from engine import Workspace
        from engine.apply import LakeTarget, push
        from engine.settings import load_settings
        workspace = Workspace(settings=load_settings(database={database_url!r}, lake={str(tmp_path / "lake")!r},
                              key_file={str(tmp_path / "channelmend.key")!r}, embedder="character"))
        target = LakeTarget(workspace.lake, "feed", "run")
        push(workspace.store, workspace.vault, workspace.lake, target, connection="feed", run_id="run",
             after_send=lambda: os.kill(os.getpid(), signal.SIGKILL))
    """)
    died = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert died.returncode == -9, died.stderr
    assert set(states(workspace).values()) == {"sent"}
    run = workspace.push("feed")
    assert run.counts["pushed"] == 0
    assert run.counts["verified"] == 3
    assert set(states(workspace).values()) == {"verified"}


def test_undo_restores_the_exact_former_value_and_unlearns(decided):
    workspace, shop = decided
    before = {key: dict(row) for key, row in shop.rows.items()}
    run_push(workspace, shop)
    learned = workspace.knowledge.refresh().height
    assert workspace.undo(workspace.corrections()["correction_id"].to_list(), by="ana") == 3
    assert len(run_push(workspace, shop).verified) == 3
    assert shop.rows == before
    assert learned == 3
    assert workspace.knowledge.refresh().is_empty()
    assert set(workspace.issues(status="undone")["record_key"]) == {"lamp-0", "lamp-1", "lamp-2"}


def test_undo_before_the_push_sends_nothing(decided):
    workspace, shop = decided
    workspace.undo(workspace.corrections()["correction_id"].to_list(), by="ana")
    assert run_push(workspace, shop).pushed == 0
    assert shop.sent == []


def test_what_is_undone_while_a_push_is_under_way_does_not_stay_at_the_platform(decided):
    workspace, shop = decided
    before = {key: dict(row) for key, row in shop.rows.items()}
    first, second, _ = workspace.corrections()["correction_id"].to_list()
    ask = shop.read

    def undone_before_sending(kind, keys):
        shop.read = ask
        workspace.undo([first], by="ana")
        return ask(kind, keys)

    def undone_after_sending():
        if len(shop.sent) == 2:
            workspace.undo([second], by="ana")

    shop.read = undone_before_sending
    outcome = run_push(workspace, shop, after_send=undone_after_sending)
    assert outcome.pushed == 3  # two corrections, and the way back of the second
    assert len(outcome.verified) == 2
    run_push(workspace, shop)
    assert dict(
        workspace.corrections()
        .filter(pl.col("correction_id").is_in([first, second]))
        .select("correction_id", "status")
        .iter_rows()
    ) == {first: "undone", second: "undone"}
    changed = [key for key, row in shop.rows.items() if row != before[key]]
    assert len(changed) == 1


def test_an_undo_never_overwrites_a_foreign_edit(decided):
    workspace, shop = decided
    run_push(workspace, shop)
    workspace.undo(workspace.corrections()["correction_id"].to_list(), by="ana")
    shop.rows["lamp-0"]["price"] = "7.77"
    outcome = run_push(workspace, shop)
    assert len(outcome.conflicts) == 1
    assert shop.rows["lamp-0"]["price"] == "7.77"


def test_two_corrections_of_one_field_build_on_each_other(workspace, lamps):
    frame = lamps(1).with_columns(title=pl.lit("Desk  lamp &amp; shade"))
    workspace.ingest(frame, channel="woocommerce")
    rows = workspace.issues().filter(pl.col("field") == "title")
    assert rows.height >= 2
    for issue_id in rows["issue_id"]:
        workspace.decide([issue_id], "approved", by="ana")
    workspace.push("feed")
    assert set(workspace.corrections()["status"]) == {"verified"}
    assert workspace.lake.current("feed", "product").collect()["title"].to_list() == ["Desk lamp & shade"]


def test_a_push_writes_every_field_of_every_kind_to_the_lake(workspace, lamps):
    workspace.ingest(lamps(2), channel="woocommerce")
    target = LakeTarget(workspace.lake, "feed", "run")
    images = json.dumps(["https://images.example.com/new.jpg"])
    rows = [
        ("1", "lamp-0", "images", images),
        ("2", "lamp-0", "attributes.colour", "red"),
        ("3", "lamp-1", "title", "New"),
    ]
    changes = pl.DataFrame(
        [
            {
                "correction_id": c,
                "kind": "product",
                "record_key": k,
                "parent_key": "",
                "field": f,
                "before": "",
                "value": v,
            }
            for c, k, f, v in rows
        ]
    )
    target.push(changes)
    found = {
        row["record_key"]: row for row in target.read("product", [("lamp-0", ""), ("lamp-1", "")]).iter_rows(named=True)
    }
    assert found["lamp-0"]["images"] == ["https://images.example.com/new.jpg"]
    assert found["lamp-0"]["attributes"] == [{"key": "colour", "value": "red"}]
    assert found["lamp-1"]["title"] == "New"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-10_000, max_value=10_000))
def test_a_number_equals_itself_in_other_digits(number):
    assert same_value(str(number), f" {number}00 ")
    assert not same_value(str(number), str(number + 1))
