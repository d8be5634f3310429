"""The same decisions and the same seed give the same model, to the bit of what it says, in whatever workspace and process."""

import hashlib
import subprocess
import sys
from pathlib import Path

from mlflow import MlflowClient

from engine import Workspace
from engine.learn import training_frame
from engine.settings import load_settings
from engine.versions import open_registry
from tests.history import decided

ROOT = Path(__file__).parents[2]


def trained(folder, *, naming):
    """Fingerprint of the data that a model was trained on, and a digest of the bits of what it says of all decisions."""
    places = {"database": f"sqlite:///{folder / 'knowledge.db'}", "lake": folder / "lake", "key_file": folder / "key"}
    workspace = Workspace(settings=load_settings(**places, embedder="character"))
    decided(workspace, 500, naming=naming)
    version = workspace.train(by="ana").version
    registry = open_registry(workspace)
    said = registry.load(version).predict(training_frame(workspace.store)).to_numpy()
    run = registry.versions()["run_id"].item()
    tags = MlflowClient(registry._uri).get_run(run).data.tags
    workspace.close()
    return tags["data_fingerprint"], hashlib.sha256(said.tobytes()).hexdigest()


def test_equal_decisions_give_the_same_model_to_the_bit_in_another_process(tmp_path):
    command = [sys.executable, "-m", "tests.engine.test_reproducible", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        (tmp_path / "mine").mkdir()
        mine = trained(tmp_path / "mine", naming=0)
        answer, _ = other.communicate(timeout=120)
    assert tuple(answer.split()) == mine


if __name__ == "__main__":
    sys.stdout.write(" ".join(trained(Path(sys.argv[1]), naming=1)))
