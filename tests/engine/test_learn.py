"""The life of a model: trained, judged on later decisions, promoted only with proof, watched in the shadow, rolled back."""

import shutil

import polars as pl
import pytest
from mlflow import MlflowClient

from engine import Workspace
from engine.errors import ModelError
from engine.learn import training_frame
from engine.settings import load_settings
from engine.versions import champion, code_version, open_registry
from models.confidence import CATEGORICAL, FEATURES
from tests.conftest import _lamps
from tests.history import decided


def opened(folder):
    places = {"database": f"sqlite:///{folder / 'knowledge.db'}", "lake": folder / "lake", "key_file": folder / "key"}
    return Workspace(settings=load_settings(**places, embedder="character"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A workspace with 600 issues, most of them decided by people, after its first training."""
    workspace = opened(tmp_path_factory.mktemp("parent"))
    decided(workspace, 600)
    made = workspace.train(by="ana")
    yield workspace, made
    workspace.close()


def test_a_model_is_judged_on_later_decisions_about_other_records(trained):
    workspace, made = trained
    rows = training_frame(workspace.store)
    known = open_registry(workspace).parameters(1)
    until = int(known["trained_until"])
    earlier, later = rows.filter(pl.col("sequence") <= until), rows.filter(pl.col("sequence") > until)
    assert made.decisions == int(known["decisions"]) == earlier.height == workspace.model.decisions_
    unseen = later.join(earlier, on="record_key", how="anti")
    assert made.metrics["challenger_rows"] == int(known["held_out"]) == unseen.height > 100
    gap = workspace.model.predict(unseen)["confidence"] - unseen["accepted"].cast(pl.Float64)
    assert made.metrics["challenger_brier"] == pytest.approx((gap**2).mean())


def test_a_clear_gain_is_promoted_and_said(trained):
    workspace, made = trained
    assert made.is_promoted
    assert made.metrics["gain_brier_low"] > 0
    assert "of the priors" in made.explanation
    assert champion(workspace.store)[0] == 1
    assert workspace.models().select("is_champion", "is_shadow").rows() == [(True, False)]


def test_a_run_holds_everything(trained):
    workspace, _ = trained
    registry = open_registry(workspace)
    client = MlflowClient(registry._uri, registry._uri)
    run = client.get_run(client.get_model_version_by_alias("confidence", "champion").run_id)
    assert {"model_strength", "model_seed", "policy_floor", "policy_error_budget", "decisions", "trained_until"} <= set(
        run.data.params
    )
    assert run.data.tags["code_version"] == code_version()["code_version"]
    assert len(run.data.tags["data_fingerprint"]) == 64
    assert ("git_commit" in run.data.tags) == ("git_commit" in code_version())
    measures = (
        "brier",
        "log_loss",
        "calibration_error",
        "calibration_noise",
        "auroc",
        "coverage_at_budget",
        "automatic_share",
    )
    assert {f"{who}_{name}" for who in ("challenger", "champion", "formula") for name in measures} <= set(
        run.data.metrics
    )
    assert {one.path for one in client.list_artifacts(run.info.run_id)} == {
        "model",
        "reliability.png",
        "risk_coverage.png",
    }


def test_a_promotion_reaches_every_open_workspace(open_workspace):
    workspace, watching = open_workspace(), open_workspace()
    decided(workspace, 120)
    assert watching.model.decisions_ == 0
    registry = open_registry(workspace)
    for count in (60, 80):
        fitted = workspace.new_model().fit(*_some(workspace, count))
        known = {"decisions": count, "trained_until": count}
        version, _ = registry.record(fitted, parameters=known, metrics={}, data_fingerprint="x")
        workspace.promote(version, by="ana", force=True)
        assert watching.model.decisions_ == count
    assert watching.rollback(by="bo") == 1
    assert (workspace.model.decisions_, watching.model.decisions_) == (60, 60)
    said = workspace.sql("select details from audit_log where action = 'model.promoted' order by sequence")
    assert ["forced" in text for text in said["details"]] == [True, True, False]


def _some(workspace, count):
    rows = training_frame(workspace.store).head(count)
    return rows, rows["accepted"].to_numpy()


def test_a_version_without_a_proven_gain_stays_where_it_is(trained):
    workspace, made = trained
    worse = workspace.new_model().fit(*_some(workspace, 60))
    version, _ = open_registry(workspace).record(
        worse, parameters={"decisions": 60, "trained_until": 60}, metrics={}, data_fingerprint="y"
    )
    found = workspace.compare(version)
    assert not found.is_better
    assert found.gain.mean < 0
    assert found.tested == made.metrics["challenger_rows"]
    assert found.measures["model"].to_list() == ["challenger", "champion", "formula"]
    with pytest.raises(ModelError, match="no proven gain.*by force"):
        workspace.promote(version)
    assert champion(workspace.store)[0] == made.version
    assert workspace.evaluate(version)["brier"] > workspace.evaluate()["brier"]


def test_a_second_training_at_once_proves_nothing(trained):
    workspace, made = trained
    again = workspace.train(by="ana")
    assert not again.is_promoted
    assert again.metrics["gain_brier"] == 0
    assert champion(workspace.store)[0] == made.version


def test_a_challenger_in_the_shadow_scores_without_acting(trained, tmp_path):
    source, made = trained
    shutil.copytree(source.lake.folder.parent, tmp_path / "copy")
    workspace = opened(tmp_path / "copy")
    challenger = workspace.new_model().fit(*_some(workspace, 400))
    newest = training_frame(workspace.store)["sequence"].max()
    version, _ = open_registry(workspace).record(
        challenger, parameters={"decisions": 400, "trained_until": newest}, metrics={}, data_fingerprint="z"
    )
    workspace.shadow(version, by="ana")
    assert workspace.models().filter(pl.col("is_shadow"))["version"].to_list() == [version]
    workspace.ingest(_lamps(8, key="shadow"), channel="woocommerce")
    stored = workspace.sql("select * from candidates where shadow_version is not null")
    assert stored.height >= 8
    assert stored["shadow_version"].unique().to_list() == [version]
    seen = (
        stored["features"]
        .str.json_decode(
            pl.Struct({name: pl.String if name in CATEGORICAL else pl.Float64 for name in (*FEATURES, *CATEGORICAL)})
        )
        .struct.unnest()
    )
    assert stored["shadow_confidence"].to_list() == challenger.predict(seen)["confidence"].to_list()
    assert stored["confidence"].to_list() == workspace.model.predict(seen)["confidence"].to_list()
    waiting = workspace.issues(status="pending").filter(pl.col("suggested").is_not_null())
    workspace.decide(waiting["issue_id"].to_list(), "approved", by="ana")
    found = workspace.compare()
    assert (found.challenger, found.champion, found.tested) == (version, made.version, waiting.height)
    # What is compared is what was said then, even were the model another one today.
    with workspace.store.write() as transaction:
        transaction.exec_driver_sql("update candidates set shadow_confidence = 1.0 where shadow_version is not null")
    assert workspace.compare().measures["brier"][0] == 0
    workspace.shadow(None, by="ana")
    assert workspace.models()["is_shadow"].sum() == 0
    workspace.close()


def test_without_later_decisions_nothing_is_compared(trained):
    workspace, _ = trained
    version, _ = open_registry(workspace).record(
        workspace.new_model(), parameters={"decisions": 0, "trained_until": 10**6}, metrics={}, data_fingerprint="w"
    )
    with pytest.raises(ModelError, match="no later decisions"):
        workspace.promote(version)
    with pytest.raises(ModelError, match="Nothing has been decided since"):
        workspace.evaluate(version)


def test_too_few_decisions_are_said(workspace):
    with pytest.raises(ModelError, match="training needs 20"):
        workspace.train()
    with pytest.raises(ModelError, match="no version beside the champion"):
        workspace.compare()
