"""Model files: written and read with skops, under a list of the types that may be in one.

A pickle runs whatever code is in it. A skops file says which types it wants to build before anything is built, so a file
that asks for a type not in `TRUSTED` is refused; of numpy arrays, numbers and texts it may always be made.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import skops.io

from models.errors import ModelFileError

__all__ = ["TRUSTED", "load_model_file", "save_model_file"]

TRUSTED = (
    "models.acceptance.AcceptanceClassifier",
    "models.boosted_trees.BoostedTrees",
    "models.calibration.Calibration",
    "models.confidence.ConfidenceModel",
)
"""Every type of ours that a saved model consists of. A class that becomes part of a model is named here."""

_FILE = "model.skops"
_DAMAGED = (zipfile.BadZipFile, ValueError, TypeError, LookupError, AttributeError, ImportError, EOFError, OSError)
"""What skops lets through when a file is not what it should be."""


def save_model_file(model: Any, folder: Path, *, made_for: Mapping[str, Sequence[str]]) -> None:
    """Write a model into a folder, which is made where it is missing.

    Parameters
    ----------
    model : estimator
        Its class, and those of its parts, must be in `TRUSTED`.
    made_for : mapping of str to sequence of str
        What the model's numbers refer to, such as the names of its inputs in their order.

    Raises
    ------
    ModelFileError
        When a part of it has a type that could not be read again.
    """
    content = skops.io.dumps({"made_for": json.dumps(_plain(made_for), sort_keys=True), "model": model})
    if foreign := _foreign(content):
        raise ModelFileError(f"The model cannot be saved: {', '.join(foreign)} would not be read again.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILE).write_bytes(content)


def load_model_file(folder: Path, kind: type, *, made_for: Mapping[str, Sequence[str]]) -> Any:
    """The model that `save_model_file` wrote; its predictions are the same to the bit.

    Parameters
    ----------
    kind : type
        Class that the model must have.
    made_for : mapping of str to sequence of str
        As the code of today has it; a model that was made for something else is refused.

    Raises
    ------
    OSError
        When the folder holds no model.
    ModelFileError
        When the file is damaged, holds a type that is not trusted, or was made for something else.
    """
    path = Path(folder) / _FILE
    content = path.read_bytes()
    try:
        return _read(content, kind, _plain(made_for))
    except (*_DAMAGED, ModelFileError) as error:
        raise ModelFileError(f"{path} is no usable model: {error}. Train again, or roll back.") from error


def _read(content: bytes, kind: type, made_for: dict[str, list[str]]) -> Any:
    if foreign := _foreign(content):
        raise ModelFileError(f"it holds {', '.join(foreign)}, which is not trusted")
    # The list is given again: skops looks for itself, and builds nothing that is not in it.
    state = skops.io.loads(content, trusted=list(TRUSTED))
    if json.loads(state["made_for"]) != made_for:
        raise ModelFileError("it was made for other features, or by another version")
    model = state["model"]
    if type(model) is not kind:
        raise ModelFileError(f"it holds a {type(model).__name__}, not a {kind.__name__}")
    if not all(np.isfinite(one).all() for one in _arrays(model)):
        raise ModelFileError("one of its numbers is not finite")
    return model


def _arrays(part: Any) -> list[np.ndarray]:
    """Every array and number of a model and its parts."""
    if isinstance(part, np.ndarray | float):
        return [np.asarray(part, dtype=float)] if np.asarray(part).dtype.kind == "f" else []
    if isinstance(part, list | tuple):
        return [one for each in part for one in _arrays(each)]
    inner = part if isinstance(part, dict) else getattr(part, "__dict__", {})
    return [one for each in inner.values() for one in _arrays(each)]


def _foreign(content: bytes) -> list[str]:
    return [name for name in skops.io.get_untrusted_types(data=content) if name not in TRUSTED]


def _plain(made_for: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {name: list(values) for name, values in made_for.items()}
