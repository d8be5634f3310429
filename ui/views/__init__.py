"""The parts of the review page: functions from frames to safe markup, and the tabs that show them."""

from __future__ import annotations

from typing import Any

__all__ = ["QUIET"]

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Options of every event: no overlay that flickers, and no way in beside the page."""
