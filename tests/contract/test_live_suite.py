"""The live suite itself: without accounts it skips and says why; with one (a twin stands in) it runs and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.sandbox import Catalogue, serve
from tests.contract.conftest import PLATFORMS, changed, leaves

ROOT = Path(__file__).parents[2]
SELF_HOSTED = [name for name in ("woocommerce", "prestashop", "magento", "opencart") if name in PLATFORMS]


def run(platform: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-rs", "-m", "live", "-p", "no:cacheprovider", "-n", "0"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("CHANNELMEND_", "PYTEST_"))}
    return subprocess.run(
        [*command, "tests/contract/test_live.py", "-k", platform],
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


@pytest.mark.parametrize("name", SELF_HOSTED)
def test_a_shop_on_a_plain_address_is_tried_and_left_as_it_was(name: str, healthy: Catalogue) -> None:
    with serve(name, catalogue=healthy, seed=5) as twin:
        before = leaves(twin.state.dump())
        given = {f"CHANNELMEND_LIVE_{name}_{field}".upper(): value for field, value in twin.credentials.items()}
        done = run(name, given)
        assert done.returncode == 0, done.stdout
        assert "6 passed" in done.stdout or "5 passed" in done.stdout, done.stdout
        assert any(method != "GET" for method, _, _ in twin.requests)
        assert not changed(before, leaves(twin.state.dump()))
