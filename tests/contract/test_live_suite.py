"""The live suite itself: without accounts it skips and says why; with one (a twin stands in) it runs and leaves nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from connectors.sandbox import Catalogue, serve
from tests.contract.conftest import PLATFORMS, changed, leaves

ROOT = Path(__file__).parents[2]
SELF_HOSTED = [name for name in ("woocommerce", "prestashop", "magento", "opencart") if name in PLATFORMS]


def run(platforms: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-rs", "-m", "live", "-p", "no:cacheprovider", "-n", "0"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("CHANNELMEND_", "PYTEST_"))}
    return subprocess.run(
        [*command, "tests/contract/test_live.py", "-k", platforms],
        cwd=ROOT,
        env=plain | environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_without_an_account_it_says_what_is_missing() -> None:
    done = run("shopify", {})
    assert done.returncode == 0, done.stdout
    assert "CHANNELMEND_LIVE_SHOPIFY_<FIELD>" in done.stdout
    assert "passed" not in done.stdout.splitlines()[-1]


def test_shops_on_a_plain_address_are_tried_and_left_as_they_were(healthy: Catalogue) -> None:
    with ExitStack() as open_twins:
        twins = {name: open_twins.enter_context(serve(name, catalogue=healthy, seed=5)) for name in SELF_HOSTED}
        before = {name: leaves(twin.state.dump()) for name, twin in twins.items()}
        given = {
            f"CHANNELMEND_LIVE_{name}_{field}".upper(): value
            for name, twin in twins.items()
            for field, value in twin.credentials.items()
        }
        done = run(" or ".join(SELF_HOSTED), given)
        assert done.returncode == 0, done.stdout
        passed = re.search(r"(\d+) passed", done.stdout)
        assert passed and int(passed[1]) >= 5 * len(SELF_HOSTED), done.stdout
        for name, twin in twins.items():
            assert any(method != "GET" for method, _, _ in twin.requests), name
            assert not changed(before[name], leaves(twin.state.dump())), name
