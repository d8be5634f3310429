"""Correctors, one file each; each file defines the constant ``CORRECTOR``, its class, and is found by file name."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from engine.correctors.base import ANY_FIELD, Context, Corrector

__all__ = ["ANY_FIELD", "Context", "Corrector", "correctors"]


@cache
def correctors() -> dict[str, type[Corrector]]:
    """Every corrector class by name, in alphabetical order."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "base")
    return {name: importlib.import_module(f"{__name__}.{name}").CORRECTOR for name in names}
