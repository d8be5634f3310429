"""Versions in a local MLflow store: nothing leaves, nothing but the model's numbers is loaded."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.confidence import ConfidenceModel
from models.errors import ModelFileError, RegistryError
from models.figures import reliability_figure
from models.registry import Registry


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A store that has made its tables already: that is what takes seconds."""
    folder = tmp_path_factory.mktemp("store")
    Registry(f"sqlite:///{folder}/mlflow.db", folder=folder).champion()
    return folder


@pytest.fixture
def registry(template, tmp_path) -> Registry:
    (tmp_path / "mlflow.db").write_bytes((template / "mlflow.db").read_bytes())
    return Registry(f"sqlite:///{tmp_path}/mlflow.db", folder=tmp_path, name="trial")


def recorded(registry: Registry, *, strength: float = 10.0, **metrics: float) -> int:
    return registry.record(
        ConfidenceModel(strength=strength),
        parameters={"decisions": 12, "strength": strength},
        metrics=metrics,
        data_fingerprint="abc",
    )[0]


def test_a_version_comes_back_as_it_was_recorded(registry):
    model = ConfidenceModel(strength=7.0, seed=3)
    truth = np.array([True, False] * 20)
    figure = reliability_figure(truth, {"model": np.where(truth, 0.8, 0.3)})
    version, folder = registry.record(
        model,
        parameters={"decisions": 40},
        metrics={"brier": 0.1, "auroc": float("nan")},
        data_fingerprint="f" * 64,
        figures={"reliability.png": figure},
    )
    assert version == 1
    assert registry.load(1).get_params() == model.get_params()
    assert ConfidenceModel.from_folder(Path(folder)).get_params() == model.get_params()
    assert (Path(folder).parent / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert [path.suffix for path in Path(folder).iterdir()] == [".skops"]


def test_versions_are_listed_newest_first_with_their_measures(registry):
    empty = registry.versions()
    assert empty.is_empty()
    recorded(registry, brier=0.2)
    recorded(registry, brier=0.1, auroc=0.9)
    found = registry.versions()
    assert found["version"].to_list() == [2, 1]
    assert found["brier"].to_list() == [0.1, 0.2]
    assert found["auroc"].to_list() == [0.9, None]
    assert found["decisions"].to_list() == [12, 12]
    assert found.schema["created_at"] == empty.schema["created_at"] == pl.Datetime("us", "UTC")


def test_rolling_back_goes_back_step_by_step_and_stops_at_the_first(registry):
    assert registry.champion() is None
    with pytest.raises(RegistryError, match="none was ever promoted"):
        registry.rollback()
    for version in (recorded(registry), recorded(registry), recorded(registry)):
        registry.promote(version)
    assert registry.champion() == 3
    assert (registry.rollback(), registry.champion()) == (2, 2)
    registry.promote(2)  # the caller tells every process; that is no new promotion
    assert (registry.rollback(), registry.champion()) == (1, 1)
    with pytest.raises(RegistryError, match="version 1 is the first"):
        registry.rollback()
    assert registry.champion() == 1


def test_a_promotion_after_a_roll_back_returns_to_the_version_before_it(registry):
    for version in (recorded(registry), recorded(registry), recorded(registry)):
        registry.promote(version)
    registry.rollback()
    registry.rollback()
    registry.promote(3)
    assert registry.rollback() == 1


def test_a_version_that_is_not_there_is_refused_and_the_champion_stays(registry):
    registry.promote(recorded(registry))
    for ask in (registry.load, registry.promote, registry.folder):
        with pytest.raises(RegistryError, match="version 9"):
            ask(9)
    assert registry.champion() == 1


def test_a_version_whose_files_are_gone_is_not_promoted(registry):
    registry.promote(recorded(registry))
    second = recorded(registry)
    folder = registry.folder(second)
    (folder / "model.skops").unlink()
    with pytest.raises(RegistryError, match="no readable file"):
        registry.load(second)
    folder.rmdir()
    with pytest.raises(RegistryError, match="version 2"):
        registry.promote(second)
    assert registry.champion() == 1


def test_a_changed_file_is_refused(registry):
    version = recorded(registry)
    path = registry.folder(version) / "model.skops"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelFileError, match="no usable model"):
        registry.load(version)


def test_two_handles_see_one_champion(registry, tmp_path):
    other = Registry(f"sqlite:///{tmp_path}/mlflow.db", folder=tmp_path, name="trial")
    registry.promote(recorded(registry))
    other.promote(recorded(other))
    assert registry.champion() == other.champion() == 2
    assert registry.rollback() == 1
    assert other.champion() == 1
