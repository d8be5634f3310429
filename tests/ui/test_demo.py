"""The demo as its command runs it: every platform's twin, two days, one JSON object."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from connectors.sandbox import twins
from ui.cli import app


def test_two_days_in_all_shops(tmp_path: Path) -> None:
    asked = ["demo", "--headless", "--json", "--days", "2", "--folder", str(tmp_path / "demo")]
    ran = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert ran.exit_code == 0
    said = json.loads(ran.stdout)
    shops = said["connections"]
    assert {shop["channel"] for shop in shops} == set(twins())
    assert sum(shop["products"] for shop in shops) >= 1_000
    assert sum(shop["orders"] for shop in shops) >= 200
    assert sum(shop["failed"] for shop in shops) == 0
    # What reviewers approved on the first day was sent and read back on the second.
    assert sum(shop["verified"] for shop in shops) > 100
    assert all(shop["pending"] for shop in shops)
    assert {"issue_detection_rate", "auto_correction_rate", "correction_accuracy"} <= set(said["metrics"])
