"""A further platform is one file and one twin: the invented one of CONTRIBUTING.md passes the whole contract as it is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


SUITES = ("tests/contract/test_platforms.py", "tests/connectors/sandbox/test_twins.py")


def test_an_invented_platform_passes_the_contract() -> None:
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "tests.bazaar.plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *SUITES, "-k", "bazaar"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) > 20, done.stdout[-4000:]
    assert " failed" not in done.stdout


def test_it_is_two_files() -> None:
    here = ROOT / "tests" / "bazaar"
    assert sorted(path.name for path in here.rglob("*.py")) == ["bazaar.py", "bazaar.py", "plugin.py"]
    code = [line for line in (here / "platforms" / "bazaar.py").read_text("utf-8").splitlines() if line.strip()]
    assert len(code) < 250
