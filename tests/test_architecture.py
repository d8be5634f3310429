"""The layers hold, and the engine knows no platform by name."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.platform import platforms

ROOT = Path(__file__).parents[1]


def test_imports_keep_to_the_layers():
    found = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("package", ["connectors", "models", "engine", "ui"])
def test_top_level_names_resolve_to_this_project(package):
    assert Path(importlib.import_module(package).__file__).is_relative_to(ROOT)


def test_no_platform_is_named_outside_its_place():
    names = "|".join(name for name in platforms() if name != "files")
    places = [p for folder in ("engine", "models", "ui") for p in (ROOT / folder).rglob("*.py")]
    # A doctest or docstring may name one as an example; code may not.
    offending = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in places
        for number, line in enumerate(_code(path.read_text("utf-8")).splitlines(), start=1)
        if re.search(rf"\b({names})\b", line)
    ]
    assert offending == []


def _code(text: str) -> str:
    """The text without docstrings and comments, line numbers kept."""
    blank = lambda match: "\n" * match.group().count("\n")  # noqa: E731
    text = re.sub(r'"""[\s\S]*?"""', blank, text)
    return re.sub(r"#.*", "", text)
