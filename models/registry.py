"""Versions of a model in MLflow: every training is a run, the alias ``champion`` names the version in use.

MLflow takes seconds to import, so it is imported by the functions that need it; who only predicts reads the model's
folder and never comes here.
"""

from __future__ import annotations

import logging
import math
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from models.confidence import ConfidenceModel
from models.errors import RegistryError

__all__ = ["Registry"]

os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", GIT_PYTHON_REFRESH="quiet", MLFLOW_LOGGING_LEVEL="ERROR"
)

_CHAMPION, _PREVIOUS, _REIGNS = "champion", "previous", "promotions"
_LONGEST_MEMORY = 200
"""Promotions that are remembered: MLflow takes tags of at most 5,000 characters."""


class Registry:
    """The versions of one model.

    Parameters
    ----------
    uri : str
        MLflow tracking address: ``sqlite:///file`` or a server.
    folder : pathlib.Path
        Where the model files of a local store are kept; each version has a folder of its own.
    name : str
        Name of the registered model.
    """

    def __init__(self, uri: str, *, folder: Path, name: str = "confidence") -> None:
        self._uri = uri
        self._folder = folder
        self._name = name

    def record(
        self,
        model: ConfidenceModel,
        *,
        parameters: Mapping[str, object],
        metrics: Mapping[str, float],
        data_fingerprint: str,
        tags: Mapping[str, str] | None = None,
        figures: Mapping[str, Any] | None = None,
    ) -> tuple[int, str]:
        """Keep a fitted model as a new version; gives its number and the folder that holds it.

        Parameters
        ----------
        parameters : mapping
            Everything that the training depended on beside code and data.
        metrics : mapping of str to float
            Those that are not finite are left out.
        data_fingerprint : str
            Equal for equal data.
        tags : mapping of str to str, optional
            Such as the version of the code.
        figures : mapping, optional
            File name to matplotlib figure.
        """
        from mlflow.entities import Metric, Param, RunTag

        client = self._client()
        experiment = client.get_experiment_by_name(self._name)
        identifier = (
            experiment.experiment_id
            if experiment
            else client.create_experiment(self._name, (self._folder / "artifacts").as_uri())
        )
        run = client.create_run(identifier)
        run_id = run.info.run_id
        now = time.time_ns() // 1_000_000
        client.log_batch(
            run_id,
            metrics=[Metric(key, number, now, 0) for key, number in metrics.items() if math.isfinite(number)],
            params=[Param(key, str(value)) for key, value in parameters.items()],
            tags=[RunTag(key, value) for key, value in {"data_fingerprint": data_fingerprint, **(tags or {})}.items()],
        )
        with tempfile.TemporaryDirectory() as temporary:
            model.save(Path(temporary) / "model")
            client.log_artifacts(run_id, temporary)
        for file, figure in (figures or {}).items():
            client.log_figure(run_id, figure, file)
        client.set_terminated(run_id)
        made = client.create_model_version(self._name, f"{run.info.artifact_uri}/model", run_id)
        return int(made.version), str(self.folder(int(made.version)))

    def folder(self, version: int) -> Path:
        """The local folder of a version, fetched when the store is remote.

        Raises
        ------
        RegistryError
            When there is no such version or its files are gone.
        """
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        client = self._client()
        try:
            source = client.get_model_version(self._name, str(version)).source
            return Path(download_artifacts(artifact_uri=source, tracking_uri=self._uri)).resolve()
        except (MlflowException, OSError) as error:
            raise RegistryError(
                f"Model version {version} cannot be read: {error}. `channelmend models` lists those there are."
            ) from error

    def load(self, version: int) -> ConfidenceModel:
        """The model of a version.

        Raises
        ------
        RegistryError
            When there is no such version or its files are gone.
        ModelFileError
            When its file is damaged or of another format.
        """
        folder = self.folder(version)
        try:
            return ConfidenceModel.from_folder(folder)
        except OSError as error:
            raise RegistryError(f"Model version {version} has no readable file in {folder}: {error}.") from error

    def parameters(self, version: int) -> dict[str, str]:
        """What a version was trained with, as text.

        Raises
        ------
        RegistryError
            When there is no such version.
        """
        from mlflow.exceptions import MlflowException

        client = self._client()
        try:
            run = client.get_run(client.get_model_version(self._name, str(version)).run_id)
        except MlflowException as error:
            raise RegistryError(f"There is no model version {version}: {error}.") from error
        return dict(run.data.params)

    def champion(self) -> int | None:
        """The version in use; None before the first promotion."""
        current = self._aliases(self._client()).get(_CHAMPION)
        return None if current is None else int(current)

    def promote(self, version: int) -> None:
        """Make a version the champion; the present one becomes the one that `rollback` returns to.

        Raises
        ------
        RegistryError
            When there is no such version or its files are gone; the champion then stays.
        """
        self.folder(version)
        client = self._client()
        reigns = self._reigns(client)
        if reigns[-1:] != [version]:
            self._crown(client, [*reigns, version])

    def rollback(self) -> int:
        """The champion before this one, made the champion again; repeated, it goes back further.

        Raises
        ------
        RegistryError
            When there was none, or its files are gone; the champion then stays.
        """
        client = self._client()
        reigns = self._reigns(client)
        if len(reigns) < 2:
            raise RegistryError(
                f"There is no earlier champion of {self._name!r} to return to"
                + (f"; version {reigns[0]} is the first." if reigns else ": none was ever promoted.")
            )
        self.folder(reigns[-2])
        self._crown(client, reigns[:-1])
        return reigns[-2]

    def versions(self) -> pl.DataFrame:
        """Every version, newest first: ``version, run_id, created_at, decisions``, then its measures in alphabetical order."""
        client = self._client()
        rows = []
        for one in client.search_model_versions(f"name = '{self._name}'"):
            run = client.get_run(one.run_id)
            head = {
                "version": int(one.version),
                "run_id": one.run_id,
                "created_at": one.creation_timestamp,
                "decisions": int(run.data.params.get("decisions", 0)),
            }
            rows.append(head | {key: float(value) for key, value in sorted(run.data.metrics.items())})
        schema = {"version": pl.Int64, "run_id": pl.String, "created_at": pl.Int64, "decisions": pl.Int64}
        frame = pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame(schema=schema)
        return frame.with_columns(pl.from_epoch("created_at", time_unit="ms").dt.replace_time_zone("UTC")).sort(
            "version", descending=True
        )

    def _reigns(self, client: Any) -> list[int]:
        """Champions in the order of their promotion, those that were rolled back left out."""
        written = client.get_registered_model(self._name).tags.get(_REIGNS, "")
        return [int(version) for version in written.split()]

    def _crown(self, client: Any, reigns: list[int]) -> None:
        client.set_registered_model_alias(self._name, _CHAMPION, str(reigns[-1]))
        if len(reigns) > 1:
            client.set_registered_model_alias(self._name, _PREVIOUS, str(reigns[-2]))
        elif _PREVIOUS in self._aliases(client):
            client.delete_registered_model_alias(self._name, _PREVIOUS)
        client.set_registered_model_tag(self._name, _REIGNS, " ".join(map(str, reigns[-_LONGEST_MEMORY:])))

    def _aliases(self, client: Any) -> dict[str, str]:
        return dict(client.get_registered_model(self._name).aliases)

    def _client(self) -> Any:
        # The store's migrations announce every step; that is no news for whoever trains a model.
        logging.getLogger("alembic").setLevel(logging.ERROR)
        self._folder.mkdir(parents=True, exist_ok=True)
        from mlflow import MlflowClient

        client = MlflowClient(self._uri, self._uri)
        if not any(one.name == self._name for one in client.search_registered_models(f"name = '{self._name}'")):
            client.create_registered_model(self._name)
        return client
