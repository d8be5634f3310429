"""The notebooks are executed as an analyst would, on a small demo workspace beside them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from engine.demo import open_demo

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))

@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the notebooks, a demo of three days in one shop beside it."""
    root = tmp_path_factory.mktemp("analyst")
    with open_demo(root / "demo", names=["woocommerce"], error_budget={"audit_share": 0.2}) as demo:
        demo.run(days=3)
    (root / "notebooks").mkdir()
    return root / "notebooks"


def outputs(notebook: nbformat.NotebookNode, folder: Path) -> list[Any]:
    """Executes the notebook there; gives what its cells show."""
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def shown(found: list[Any], kind: str) -> list[str]:
    return [output["data"][kind] for output in found if kind in output.get("data", {})]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_kept_without_results(name: str) -> None:
    """Results would put a merchant's data into the repository."""
    cells = [cell for cell in read(name).cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


def test_the_confidence_is_held_against_decisions(folder: Path) -> None:
    found = outputs(read("03_is_the_confidence_honest"), folder)
    words = "\n".join(shown(found, "text/markdown"))
    assert len(shown(found, "image/png")) == 3
    error, floor, formula = (float(one) for one in re.findall(r"\*\*(0\.\d{3})\*\*", words))
    assert 0 < floor < 0.2
    assert error < formula
    assert re.search(r"of \d+ audits were refused", words)
    assert {"ana", "bo", "chris"} <= set(re.findall(r"\w+", words))


def test_a_budget_has_its_price(folder: Path) -> None:
    found = outputs(read("04_which_error_budget"), folder)
    words = "\n".join(shown(found, "text/markdown"))
    assert len(shown(found, "image/png")) == 4
    hours = re.search(r"spares people \*\*(\d+) hours a month\*\*", words)
    assert hours
    assert 0 < int(hours[1]) < 10_000 * 0.75 / 60
    assert re.search(r"share: 0\.\d+", words)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_workspace_is_told_what_is_missing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHANNELMEND_DATABASE", f"sqlite:///{tmp_path / 'own.db'}")
    notebook = read(name)
    first = next(cell for cell in notebook.cells if "OWN = False" in cell.source)
    first.source = first.source.replace("OWN = False", "OWN = True")
    with pytest.raises(CellExecutionError, match="There are 0 decisions; from about 100 on there is something to see"):
        outputs(notebook, tmp_path)
