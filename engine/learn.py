"""Training: from decisions to a new version of the confidence model, and which version everybody loads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import sqlalchemy as sa

from engine import audit
from engine.errors import ModelError
from engine.store.database import Store
from engine.store.decisions import decisions_frame
from engine.store.tables import model_pointers
from models.confidence import CATEGORICAL, FEATURES, ConfidenceModel
from models.evaluate import evaluate, reliability_figure
from models.registry import Registry

if TYPE_CHECKING:
    from engine.workspace import Workspace

__all__ = ["Training", "champion", "load_model", "promote", "rollback", "train", "training_frame", "versions"]

POINTER = "confidence"
HELD_OUT_SHARE = 0.25
FEWEST_DECISIONS = 20
"""Below this a training would only repeat the priors."""


@dataclass(frozen=True)
class Training:
    """Outcome of a training.

    Attributes
    ----------
    version : int
    decisions : int
        Labels it was fitted on.
    metrics : dict of str to float
        On later decisions about other records than it was fitted on; the champion's and the formula's beside its own.
    is_promoted : bool
    explanation : str
    """

    version: int
    decisions: int
    metrics: dict[str, float]
    is_promoted: bool
    explanation: str


def training_frame(store: Store) -> pl.DataFrame:
    """Decided candidates with the features that were known when they were asked, oldest first.

    Returns
    -------
    polars.DataFrame
        Every feature of `models.confidence.FEATURES`, the categorical ones, ``accepted`` (bool), ``weight`` (inverse
        propensity), ``record_key``, ``decided_at`` and ``sequence``. An approved or modified decision labels all
        candidates of its issue, a rejected one only the candidate that was shown.
    """
    names = [*FEATURES, *CATEGORICAL]
    shape = pl.Struct({name: pl.String if name in CATEGORICAL else pl.Float64 for name in names})
    asked = store.arrow(
        "SELECT c.candidate_id AS asked_id, c.issue_id, c.value, CAST(c.features AS TEXT) AS features, i.record_key "
        "FROM candidates c JOIN issues i ON i.issue_id = c.issue_id "
        "WHERE c.issue_id IN (SELECT issue_id FROM correction_decisions WHERE undone_at IS NULL)"
    )
    decisions = decisions_frame(store)
    if asked.is_empty() or decisions.is_empty():
        empty = {name: pl.String if name in CATEGORICAL else pl.Float64 for name in names}
        return pl.DataFrame(
            schema=empty
            | {
                "accepted": pl.Boolean,
                "weight": pl.Float64,
                "record_key": pl.String,
                "decided_at": pl.Datetime("us", "UTC"),
                "sequence": pl.Int64,
            }
        )
    was_shown = pl.col("asked_id") == pl.col("candidate_id")
    right = pl.when(was_shown).then(pl.col("verdict") == "approved").otherwise(pl.col("value") == pl.col("final"))
    return (
        decisions.join(asked, on="issue_id", how="inner")
        .filter(was_shown | (pl.col("verdict") != "rejected"))
        .with_columns(
            right.alias("accepted"),
            (1 / pl.col("propensity")).alias("weight"),
            pl.col("features").str.json_decode(shape),
        )
        .select("accepted", "weight", "record_key", "decided_at", "sequence", "features")
        .unnest("features")
        .sort("sequence")
    )


def train(workspace: Workspace, *, by: str) -> Training:
    """Fit a challenger, compare it with the champion on later decisions about other records, promote it if it is better.

    Raises
    ------
    ModelError
        While there are fewer than `FEWEST_DECISIONS` decisions.
    """
    rows = training_frame(workspace.store)
    if rows.height < FEWEST_DECISIONS:
        raise ModelError(
            f"There are {rows.height} decided suggestions; training needs {FEWEST_DECISIONS}. Review more issues, then train again."
        )
    cut = int(rows.height * (1 - HELD_OUT_SHARE))
    earlier, later = rows.head(cut), rows.tail(rows.height - cut)
    later = later.join(earlier.select("record_key").unique(), on="record_key", how="anti")
    challenger, seed = workspace.new_model(), workspace.settings.seed
    scores = {
        "challenger": _predict(_fit(challenger, earlier), later),
        "champion": _predict(workspace.model, later),
        "formula": later["formula"].to_numpy(),
    }
    truth = later["accepted"].to_numpy()
    metrics = (
        {f"{who}_{name}": value for who, p in scores.items() for name, value in evaluate(truth, p, seed=seed).items()}
        if len(truth)
        else {}
    )
    better, explanation = _is_better(metrics, len(truth), champion(workspace.store)[0] is None)
    final = _fit(workspace.new_model(), rows)
    registry = _registry(workspace)
    version, folder = registry.record(
        final,
        parameters={"decisions": rows.height, "held_out": len(truth), "seed": seed, "trained_by": by},
        metrics=metrics,
        data_fingerprint=_fingerprint(rows),
        figures={"reliability.png": reliability_figure(truth, scores)} if len(truth) else {},
    )
    if better:
        promote(workspace, version, by=by, folder=folder)
    return Training(version, rows.height, metrics, better, explanation)


def champion(store: Store) -> tuple[int | None, str | None]:
    """Version and folder of the model that every process loads; None and None before the first promotion."""
    rows = store.rows(
        sa.select(model_pointers.c.version, model_pointers.c.folder).where(model_pointers.c.name == POINTER)
    )
    return (rows[0]["version"], rows[0]["folder"]) if rows else (None, None)


def load_model(folder: str) -> ConfidenceModel:
    """The model in a folder that `train` wrote.

    Raises
    ------
    ModelError
        When the folder is gone or holds something else.
    """
    try:
        return ConfidenceModel.from_folder(Path(folder))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The champion model in {folder} cannot be loaded: {error}. Run `channelmend models rollback` or train again."
        ) from error


def versions(workspace: Workspace) -> pl.DataFrame:
    """Every version with its measures, newest first; ``is_champion`` marks the one in use."""
    current = champion(workspace.store)[0]
    return _registry(workspace).versions().with_columns((pl.col("version") == (current or -1)).alias("is_champion"))


def promote(workspace: Workspace, version: int, *, by: str, folder: str | None = None) -> None:
    """Make a version the champion. Every process loads it with its next question."""
    registry = _registry(workspace)
    folder = folder or str(registry.folder(version))
    registry.promote(version)
    values = {"version": version, "folder": folder, "changed_at": datetime.now(UTC)}
    with workspace.store.write() as transaction:
        statement = workspace.store.upsert(model_pointers).values(name=POINTER, **values)
        transaction.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
        audit.append(workspace.store, transaction, who=by, action="model.promoted", subject=f"version {version}")


def rollback(workspace: Workspace, *, by: str) -> int:
    """Return to the champion before this one; gives its version.

    Raises
    ------
    ModelError
        When there was none.
    """
    version = _registry(workspace).rollback()
    promote(workspace, version, by=by)
    return version


def _fit(model: ConfidenceModel, rows: pl.DataFrame) -> ConfidenceModel:
    return model.fit(
        rows, rows["accepted"].to_numpy(), weight=rows["weight"].to_numpy(), when=rows["sequence"].to_numpy()
    )


def _predict(model: ConfidenceModel, rows: pl.DataFrame) -> np.ndarray:
    return model.predict(rows)["confidence"].to_numpy()


def _is_better(metrics: dict[str, float], tested: int, is_first: bool) -> tuple[bool, str]:
    if not tested:
        return is_first, "no later decisions on other records to compare on" + (
            "; it is the first version" if is_first else ""
        )
    mine, theirs = metrics["challenger_brier"], metrics["champion_brier"]
    text = f"Brier score {mine:.4f} against {theirs:.4f} on {tested} later decisions"
    return mine <= theirs, text


def _registry(workspace: Workspace) -> Registry:
    folder = workspace.lake.folder.parent / "models_store"
    return Registry(workspace.settings.tracking or f"sqlite:///{folder}/mlflow.db", folder=folder, name=POINTER)


def _fingerprint(rows: pl.DataFrame) -> str:
    return hashlib.sha256(rows.write_csv().encode()).hexdigest()
