"""What all pages share: pushes in the background, figures that are never waited for, names that are required."""

import threading
import time

import polars as pl
import pytest

from engine import Workspace
from engine.errors import ConfigError, StoreError
from engine.jobs import Run
from engine.settings import load_settings
from tests.history import decided
from ui.desk import Desk, Figures, reviewer_name
from ui.pushing import Pusher
from ui.views.pieces import percent
from ui.views.queue import renewal
from ui.views.replay import replay_view


def eventually(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def test_decisions_within_the_grace_go_with_one_push():
    pushed = []
    pusher = Pusher(lambda name: pushed.append(name) or Run("r", name), grace_s=0.15)
    for _ in range(5):
        pusher.request("shop")
    assert pushed == []
    eventually(lambda: pushed == ["shop"])
    pusher.request("shop")
    eventually(lambda: pushed == ["shop", "shop"])
    pusher.close()


def test_one_push_at_a_time_for_a_connection_and_others_beside_it():
    gate, entered, running, most = threading.Event(), [], [], []

    def push(name):
        entered.append(name)
        running.append(name)
        most.append(running.count("slow"))
        if name == "slow":
            gate.wait(5)
        running.remove(name)
        return Run("r", name)

    pusher = Pusher(push, grace_s=0.0)
    pusher.request("slow")
    eventually(lambda: entered == ["slow"])
    pusher.request("slow")
    pusher.request("other")
    eventually(lambda: "other" in entered)
    assert entered.count("slow") == 1
    gate.set()
    pusher.close()
    assert entered.count("slow") == 2
    assert max(most) == 1


def test_closing_sends_at_once_what_waits():
    pushed = []
    pusher = Pusher(lambda name: pushed.append(name) or Run("r", name), grace_s=60)
    pusher.request("shop")
    began = time.monotonic()
    pusher.close()
    assert pushed == ["shop"]
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("error", [StoreError("the disk is full"), RuntimeError("the shop is down")])
def test_a_failure_is_told_and_the_next_push_runs(error):
    answers = iter([error, None])

    def push(name):
        if failure := next(answers):
            raise failure
        return Run("r", name)

    pusher = Pusher(push, grace_s=0.0)
    pusher.request("shop")
    eventually(lambda: pusher.newest == 1)
    (notice,) = pusher.notices(after=0)
    assert str(error) in notice.text
    assert "outbox" in notice.text
    assert pusher.notices(after=1) == []
    pusher.request("shop")
    pusher.close()
    assert pusher.newest == 1


def test_a_refusal_is_told_in_the_platforms_words():
    def push(name):
        run = Run("r", name, notes=["the platform refused: 422 price is too low"])
        run.counts.update(pushed=3, verified=1, failed=1, conflicts=1)
        return run

    pusher = Pusher(push, grace_s=0.0)
    pusher.request("shop")
    pusher.close()
    (notice,) = pusher.notices(after=0)
    assert "2 corrections were not taken over" in notice.text
    assert "422 price is too low" in notice.text


def test_figures_are_there_at_once_and_renewed_when_old():
    now, computed, gate = [0.0], [], threading.Event()

    def compute():
        gate.wait(5)
        computed.append(len(computed))
        return pl.DataFrame({"metric": ["correction_accuracy"], "value": [float(len(computed))]})

    figures = Figures(compute, every_s=10, clock=lambda: now[0])
    assert figures.latest() == {}
    assert figures.latest() == {}
    gate.set()
    eventually(lambda: figures.latest() == {"correction_accuracy": 1.0})
    now[0] = 9.0
    figures.latest()
    assert len(computed) == 1
    gate.clear()
    now[0] = 10.0
    assert figures.latest() == {"correction_accuracy": 1.0}
    gate.set()
    eventually(lambda: figures.latest() == {"correction_accuracy": 2.0})


def test_figures_outlive_a_failure():
    answers = iter([StoreError("locked"), pl.DataFrame({"metric": ["a"], "value": [1.0]})])
    now = [0.0]

    def compute():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    figures = Figures(compute, every_s=1, clock=lambda: now[0])
    figures.latest()
    eventually(lambda: figures._computed_at is not None)
    now[0] = 2.0
    eventually(lambda: figures.latest() == {"a": 1.0})


@pytest.mark.parametrize("name", ["", "   ", None, "x" * 101])
def test_a_decision_needs_a_name(name):
    with pytest.raises(ConfigError):
        reviewer_name(name)


def test_a_name_is_kept_without_stray_blanks():
    assert reviewer_name("  Ana   Roe ") == "Ana Roe"


def test_a_share_is_never_rounded_up_to_certainty():
    assert [percent(one) for one in (0.0, 0.934, 0.996, 1.0, None)] == ["0 %", "93 %", "> 99 %", "100 %", "–"]


def test_a_changed_queue_is_offered_in_words():
    assert renewal((5, 1), (5, 1)) == ""
    assert "2 new" in renewal((5, 1), (7, 1))
    assert "3 decided elsewhere" in renewal((5, 1), (2, 4))
    assert "changed" in renewal((5, 1), (5, 2))


def test_a_replay_is_told_in_sentences_and_tables(tmp_path):
    settings = load_settings(
        database=f"sqlite:///{tmp_path / 'knowledge.db'}", lake=tmp_path / "lake", key_file=tmp_path / "key", embedder="character",
        ai_monitoring={"enabled": False},
    )  # fmt: skip
    workspace = Workspace(settings=settings)
    desk = Desk(workspace)
    tried = {share: desk.replay(error_budget=share / 100, floor=0.8) for share in (1.0, 5.0)}
    assert "Nothing to replay yet" in replay_view(5.0, tried)
    decided(workspace, 300, patterns=12)
    tried = {share: desk.replay(error_budget=share / 100, floor=0.8) for share in (1.0, 5.0)}
    assert tried[5.0].automatic > tried[1.0].automatic
    shown = str(replay_view(5.0, tried))
    assert str(tried[5.0]) in shown
    assert shown.count("<tr") == 2 + 2 + tried[5.0].by_rule.height
    assert shown.count('<tr class="cm-here"><td>5 %</td>') == 1
    desk.close()
    workspace.close()
