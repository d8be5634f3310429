"""Checks: named functions from a field and parameters to a polars expression that is true where the field is broken."""

from __future__ import annotations

from engine.checks import codes, contact, numeric, presence, relations, rows, text, times
from engine.checks.registry import CHECKS, Check, Subject, check

__all__ = [
    "CHECKS",
    "Check",
    "Subject",
    "check",
    "codes",
    "contact",
    "numeric",
    "presence",
    "relations",
    "rows",
    "text",
    "times",
]
