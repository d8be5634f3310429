"""Errors of the models: what is missing and what to do about it."""

from __future__ import annotations

__all__ = ["RegistryError", "WeightsMissingError"]


class WeightsMissingError(Exception):
    """The package that carries the embedding weights is not installed."""


class RegistryError(Exception):
    """The model registry has no such version, or its files are gone."""
