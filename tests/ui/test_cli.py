"""The command line as a person and as a machine use it."""

import json
import re
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from engine import Workspace
from tests.history import decided
from ui.cli import app, main

ROOT = Path(__file__).parents[2]
runner = CliRunner()


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHANNELMEND_EMBEDDER", "character")


@pytest.fixture
def feed(tmp_path):
    path = tmp_path / "feed.csv"
    path.write_text('sku,title,price,currency\nA-1,Desk lamp,"12,50",EUR\nA-2,Desk  lamp,13.50,EUR\n', "utf-8")
    return path


def run(*arguments, code=0):
    result = runner.invoke(app, list(map(str, arguments)))
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.output


def call_main(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["channelmend", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code, re.sub(r"\s+", " ", capsys.readouterr().err)


def test_validate_shows_a_table_and_exits_with_1(feed):
    output = run("validate", feed, "--channel", "woocommerce", code=1)
    assert "price-notation" in output
    assert "2 records" in output


def test_validate_of_a_clean_file_exits_with_0(tmp_path):
    path = tmp_path / "clean.csv"
    path.write_text("sku,quantity\nA-1,5\n", "utf-8")
    run("validate", path, "--channel", "generic", "--kind", "stock")


def test_validate_for_machines_is_one_json_object(feed):
    found = json.loads(run("validate", feed, "--channel", "amazon", "--json", code=1))
    assert found["records"] == 2
    assert {"rule_id", "count", "why"} <= set(found["rules"][0])


@pytest.mark.parametrize("ending", ["parquet", "csv", "html"])
def test_validate_writes_reports(feed, tmp_path, ending):
    target = tmp_path / f"issues.{ending}"
    run("validate", feed, "--channel", "woocommerce", "--out", target, code=1)
    text = target.read_bytes() if ending != "parquet" else pl.read_parquet(target).write_csv().encode()
    assert b"price-notation" in text


def test_a_report_runs_no_formula_and_no_script(tmp_path):
    path = tmp_path / "hostile.csv"
    path.write_text("sku,title,price,currency\n=cmd|' /C calc'!A0,<script>alert(1)</script>,\"1,5\",EUR\n", "utf-8")
    run("validate", path, "--channel", "woocommerce", "--out", tmp_path / "x.csv", code=1)
    run("validate", path, "--channel", "woocommerce", "--out", tmp_path / "x.html", code=1)
    assert "<script>alert" not in (tmp_path / "x.html").read_text("utf-8")
    keys = pl.read_csv(tmp_path / "x.csv")["record_key"]
    assert not any(key.startswith("=") for key in keys)


def test_a_wrong_ending_of_a_report_is_explained(feed, tmp_path, monkeypatch, capsys):
    code, text = call_main(monkeypatch, capsys, "validate", feed, "--channel", "amazon", "--out", tmp_path / "x.doc")
    assert code == 2
    assert ".parquet, .csv, .html" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("validate", "feed.csv", "--channel", "ebuy"), "ebuy"),
        (("validate", "absent.csv", "--channel", "amazon"), "absent.csv"),
        (("check", "nowhere"), "no connection 'nowhere'"),
        (("sync",), "no connection to sync"),
        (("connect", "ebuy", "--name", "x"), "no platform 'ebuy'"),
        (("connect", "woocommerce", "--name", "x", "-c", "nonsense"), "not field=value"),
        (("models", "dance"), "is not one of"),
        (("metrics", "--database", "mysql://x"), "not supported"),
    ],
)
def test_wrong_use_is_one_clear_message_and_exit_code_2(feed, monkeypatch, capsys, arguments, words):
    code, text = call_main(monkeypatch, capsys, *arguments)
    assert code == 2
    assert words in text
    assert "Traceback" not in text


def test_a_file_is_connected_synced_reviewed_and_corrected(feed):
    run("connect", "files", "--name", "my-feed", "--channel", "woocommerce", "-c", f"path={feed}")
    assert "price-notation" in json.dumps(json.loads(run("rules", "woocommerce", "--json")))
    done = json.loads(run("sync", "my-feed", "--kind", "product", "--json"))["connections"][0]
    assert done["counts"]["products"] == 2
    waiting = json.loads(run("review", "--json"))
    assert "12.50" in {one["suggested"] for one in waiting}
    reviewed = runner.invoke(app, ["review", "--by", "ana"], input="a\n" * 20)
    assert reviewed.exit_code == 0, reviewed.output
    run("sync", "my-feed", "--kind", "product")
    corrected = feed.with_name("feed.corrected.csv").read_text("utf-8")
    assert "12.50" in corrected
    assert feed.read_text("utf-8").count("12,50") == 1


@pytest.fixture
def history(tmp_path):
    """700 past issues in the database that the commands find."""
    workspace = Workspace()
    decided(workspace, 700, patterns=12)
    workspace.close()


def test_a_model_goes_through_its_life(history, monkeypatch, capsys):
    assert call_main(monkeypatch, capsys, "models", "compare") == (2, "error There is no version beside the champion to compare. Train one with `channelmend train`. ")  # fmt: skip
    made = json.loads(run("train", "--by", "ana", "--json"))
    assert made["promoted"]
    assert made["metrics"]["gain_brier_low"] > 0
    (first,) = json.loads(run("models", "--json"))
    assert (first["version"], first["is_champion"], first["is_shadow"]) == (1, True, False)
    assert json.loads(run("models", "evaluate", "--json"))["metrics"]["brier"] == made["metrics"]["challenger_brier"]
    assert "auroc" in run("models", "evaluate", 1)

    assert not json.loads(run("train", "--json"))["promoted"]
    found = json.loads(run("models", "compare", "--json"))
    assert (found["challenger"], found["champion"], found["is_better"]) == (2, 1, False)
    assert found["metrics"]["gain_brier"] == 0
    text = " ".join(run("models", "compare", 2).split())
    assert "formula" in text
    assert "that is no proven gain" in text
    assert json.loads(run("models", "shadow", 2, "--json")) == {"shadow": 2}
    text = run("models")
    assert re.search(r"2 +shadow", text)
    assert re.search(r"1 +champion", text)
    assert "No version" in run("models", "shadow")

    code, text = call_main(monkeypatch, capsys, "models", "promote", 2)
    assert (code, "no proven gain" in text) == (2, True)
    assert "forced" in run("models", "promote", 2, "--force")
    assert "1 is the champion again" in run("models", "rollback")
    code, text = call_main(monkeypatch, capsys, "models", "rollback")
    assert (code, "no earlier champion" in text) == (2, True)
    code, text = call_main(monkeypatch, capsys, "models", "promote")
    assert (code, "Name the version" in text) == (2, True)


def test_the_past_is_replayed(history, monkeypatch, capsys):
    usual = json.loads(run("replay", "--json"))
    assert usual["replayed"] == 700
    assert usual["automatic"] > usual["judged"] > 0
    assert json.loads(run("replay", "--floor", 1, "--json"))["automatic"] == 0
    assert json.loads(run("replay", "--budget", 0.5, "--approvals", 0, "--json"))["automatic"] > usual["automatic"]
    assert json.loads(run("replay", "--since", "2026-01-06", "--json"))["replayed"] == 0
    off = json.loads(run("replay", "--rule", "price-notation=off", "--rule", "title-white-space=1.0", "--json"))
    assert off["automatic"] == 0
    text = run("replay")
    assert f"{usual['automatic']} of 700 past issues" in text
    assert "price-notation" in re.sub(r"\s", "", text)
    for wrong in ("price-notation", "price-notation=2", "=off"):
        code, text = call_main(monkeypatch, capsys, "replay", "--rule", wrong)
        assert (code, "is not rule=threshold" in text) == (2, True)


def test_decisions_are_taken_back(feed):
    run("connect", "files", "--name", "stall", "-c", f"path={feed}", "--channel", "woocommerce")
    run("sync", "stall")
    first = json.loads(run("review", "--json"))[0]["issue_id"]
    workspace = Workspace()
    workspace.decide([first], "approved", by="ana")
    workspace.close()
    answer = json.loads(run("undo", "--decisions", first, "--json"))
    assert answer["undone"] == 1
    assert list(answer["connections"]) == ["stall"]
    assert first in {one["issue_id"] for one in json.loads(run("review", "--json"))}
    assert "0 issues wait again" in run("undo", "--decisions", first)


def test_doctor_shows_every_setting_and_finds_nothing_wrong():
    output = json.loads(run("doctor", "--json"))
    assert output["settings"]["ai_monitoring.confidence_threshold"] == "0.8"
    assert all(one["ok"] for one in output["findings"]), output["findings"]


def test_settings_come_from_file_and_environment(tmp_path, monkeypatch, capsys):
    path = tmp_path / "channelmend.yaml"
    path.write_text("ai_monitoring:\n  confidence_threshold: 0.9\n  max_suggestions: 2\n", "utf-8")
    monkeypatch.setenv("CHANNELMEND_SETTINGS", str(path))
    monkeypatch.setenv("CHANNELMEND_AI_MONITORING__MAX_SUGGESTIONS", "1")
    found = json.loads(run("doctor", "--json"))["settings"]
    assert found["ai_monitoring.confidence_threshold"] == "0.9"
    assert found["ai_monitoring.max_suggestions"] == "1"
    path.write_text("ai_monitoring:\n  confidence_threshold: 9\n  colour: red\n", "utf-8")
    code, text = call_main(monkeypatch, capsys, "doctor")
    assert code == 2
    assert "confidence_threshold" in text
    assert "colour" in text


def test_the_readme_names_every_command():
    text = (ROOT / "README.md").read_text("utf-8")
    for command in app.registered_commands:
        assert f"channelmend {command.callback.__name__}" in text


def test_readme_and_the_page_on_language_models_name_every_setting():
    from engine.settings import describe_settings, load_settings

    text = "".join((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/language_model.md"))
    for name, _, _ in describe_settings(load_settings()):
        assert name.split(".")[-1] in text
