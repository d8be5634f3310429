"""Which version of the confidence model everybody loads, and which one scores in its shadow.

The registry holds the versions; a row of the database says which one is the champion, so that a process sees a promotion
with its next question and needs no registry for it.
"""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import sqlalchemy as sa

from engine import audit
from engine.errors import ModelError
from engine.store.database import Store
from engine.store.tables import model_pointers
from models.confidence import ConfidenceModel
from models.registry import Registry

if TYPE_CHECKING:
    from engine.workspace import Workspace

__all__ = [
    "champion",
    "code_version",
    "crown",
    "load_model",
    "name_of",
    "open_registry",
    "rollback",
    "shadow",
    "shadowed",
    "trained_until",
    "versions",
]

CHAMPION, SHADOW = "confidence", "confidence shadow"
LIBRARIES = ("numpy", "polars", "scikit-learn", "scipy")
"""Packages whose version is noted with each training, since the last bits of a fit depend on them."""


def champion(store: Store) -> tuple[int | None, str | None]:
    """Version and folder of the model that every process loads; None and None before the first promotion."""
    return _pointer(store, CHAMPION)


def shadowed(store: Store) -> tuple[int | None, str | None]:
    """Version and folder of the challenger that scores without acting; None and None when there is none."""
    return _pointer(store, SHADOW)


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
            f"The model in {folder} cannot be loaded: {error}. Run `channelmend models rollback` or train again."
        ) from error


def versions(workspace: Workspace) -> pl.DataFrame:
    """Every version with its measures, newest first; ``is_champion`` and ``is_shadow`` mark those in use."""
    current, watched = champion(workspace.store)[0], shadowed(workspace.store)[0]
    return (
        open_registry(workspace)
        .versions()
        .with_columns(
            (pl.col("version") == (current or -1)).alias("is_champion"),
            (pl.col("version") == (watched or -1)).alias("is_shadow"),
        )
    )


def rollback(workspace: Workspace, *, by: str) -> int:
    """Return to the champion before this one; gives its version.

    Raises
    ------
    RegistryError
        When there was none.
    """
    registry = open_registry(workspace)
    version = registry.rollback()
    crown(workspace, registry, version, by=by, note="rolled back")
    return version


def shadow(workspace: Workspace, version: int | None, *, by: str) -> None:
    """Let a challenger score every new candidate beside the champion, without acting; None ends it.

    Raises
    ------
    RegistryError
        When there is no such version.
    """
    folder = None if version is None else str(open_registry(workspace).folder(version))
    with workspace.store.write() as transaction:
        _point(workspace.store, transaction, SHADOW, version, folder)
        subject = "nothing" if version is None else f"version {version}"
        audit.append(workspace.store, transaction, who=by, action="model.shadowed", subject=subject)


def code_version() -> dict[str, str]:
    """Versions of the product, of its commit where it runs from a checkout, and of the libraries that fit."""
    found = {"code_version": installed_version("channelmend")}
    found |= {f"{name}_version": installed_version(name) for name in LIBRARIES}
    root, git = Path(__file__).parents[1], shutil.which("git")
    if git and (root / ".git").exists():
        command = [git, "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            found["git_commit"] = answer.stdout.strip()
    return found


def open_registry(workspace: Workspace) -> Registry:
    """The versions of the confidence model of a workspace."""
    folder = workspace.lake.folder.parent / "models_store"
    return Registry(workspace.settings.tracking or f"sqlite:///{folder}/mlflow.db", folder=folder, name="confidence")


def trained_until(registry: Registry, version: int | None) -> int:
    """Highest sequence number of a decision that a version was fitted on; 0 for the priors."""
    return 0 if version is None else int(registry.parameters(version).get("trained_until", 0))


def _pointer(store: Store, name: str) -> tuple[int | None, str | None]:
    rows = store.rows(sa.select(model_pointers.c.version, model_pointers.c.folder).where(model_pointers.c.name == name))
    return (rows[0]["version"], rows[0]["folder"]) if rows else (None, None)


def _point(store: Store, transaction: sa.Connection, name: str, version: int | None, folder: str | None) -> None:
    if version is None:
        transaction.execute(sa.delete(model_pointers).where(model_pointers.c.name == name))
        return
    values = {"version": version, "folder": folder, "changed_at": datetime.now(UTC)}
    statement = store.upsert(model_pointers).values(name=name, **values)
    transaction.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def crown(
    workspace: Workspace, registry: Registry, version: int, *, by: str, folder: str | None = None, note: str = ""
) -> None:
    """Make a version the champion, whatever it is worth; the audit log says who did so and why."""
    folder = folder or str(registry.folder(version))
    store, watched = workspace.store, shadowed(workspace.store)[0]
    registry.promote(version)
    with store.write() as transaction:
        _point(store, transaction, CHAMPION, version, folder)
        if watched == version:
            _point(store, transaction, SHADOW, None, None)
        details = {"reason": note} if note else {}
        audit.append(store, transaction, who=by, action="model.promoted", subject=f"version {version}", details=details)


def name_of(version: int | None) -> str:
    """A version in words; None is the priors."""
    return "the priors" if version is None else f"version {version}"
