"""Model files: what was saved comes back to the bit, and a file that asks for anything else is refused before it is built."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import skops.io

from models import model_file
from models.acceptance import AcceptanceClassifier
from models.confidence import ConfidenceModel
from models.errors import ModelFileError
from models.model_file import load_model_file, save_model_file
from tests.models.test_confidence import stream

MADE_FOR = {"features": ["a", "b"]}


@pytest.fixture
def folder(tmp_path):
    frame, accepted, _ = stream(600, 9)
    save_model_file(ConfidenceModel(seed=4).fit(frame, accepted), tmp_path, made_for=MADE_FOR)
    return tmp_path


def load(folder, kind=ConfidenceModel, made_for=MADE_FOR):
    return load_model_file(folder, kind, made_for=made_for)


def tampered(folder, change):
    """The same file with a changed description of what is to be built."""
    path = folder / "model.skops"
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["schema.json"] = json.dumps(change(json.loads(parts["schema.json"]))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_a_fitted_model_is_made_of_trusted_types_only(folder):
    assert set(skops.io.get_untrusted_types(file=folder / "model.skops")) == set(model_file.TRUSTED)
    assert load(folder).decisions_ == 600


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("subprocess", "Popen"), ("builtins", "eval"), ("models.registry", "Registry")],
)
def test_a_file_that_asks_for_another_type_is_refused_before_it_is_built(folder, module, name):
    def deep(part):
        if isinstance(part, dict):
            if part.get("__class__") == "AcceptanceClassifier":
                return part | {"__class__": name, "__module__": module}
            return {key: deep(value) for key, value in part.items()}
        return [deep(value) for value in part] if isinstance(part, list) else part

    tampered(folder, deep)
    with pytest.raises(ModelFileError, match="not trusted"):
        load(folder)


def test_a_pickle_is_not_loaded(folder):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(folder / "sprung"),)

    (folder / "model.skops").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ModelFileError, match="no usable model"):
        load(folder)
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize("made_for", [{"features": ["b", "a"]}, {"features": ["a"]}, {}])
def test_a_model_for_other_features_is_refused(folder, made_for):
    with pytest.raises(ModelFileError, match="other features"):
        load(folder, made_for=made_for)


def test_another_model_is_refused(folder):
    with pytest.raises(ModelFileError, match="not a AcceptanceClassifier"):
        load(folder, AcceptanceClassifier)


def test_a_number_that_is_none_is_refused(tmp_path):
    frame, accepted, _ = stream(600, 9)
    model = ConfidenceModel().fit(frame, accepted)
    model.classifier_.coefficients_[0] = np.nan
    save_model_file(model, tmp_path, made_for=MADE_FOR)
    with pytest.raises(ModelFileError, match="not finite"):
        load(tmp_path)


def test_half_a_file_and_no_file(folder, tmp_path):
    path = folder / "model.skops"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ModelFileError, match="no usable model"):
        load(folder)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        load(folder)


def test_a_part_that_could_not_be_read_again_is_not_saved(tmp_path):
    with pytest.raises(ModelFileError, match="Unlisted would not be read again"):
        save_model_file(ConfidenceModel(strength=Unlisted()), tmp_path, made_for=MADE_FOR)
    assert not list(tmp_path.iterdir())


class Unlisted:
    """A class that nobody has put on the list."""

    def __init__(self):
        self.value = 1
