"""Settings: ``channelmend.yaml``, environment variables over it, every key documented here and shown by ``doctor``.

Environment names are ``CHANNELMEND_`` and the key, nested keys joined by two underscores:
``CHANNELMEND_AI_MONITORING__CONFIDENCE_THRESHOLD=0.9``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from engine.errors import ConfigError

__all__ = ["AiMonitoring", "ErrorBudget", "KnowledgeManagement", "Settings", "describe_settings", "load_settings"]

Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AiMonitoring(_Section):
    """When a correction may be made without asking."""

    enabled: bool = Field(True, description="Whether corrections may be applied without asking at all.")
    model: str = Field("", description="Language model for suggestions; empty: none is called.")
    confidence_threshold: Share = Field(0.80, description="Floor of the confidence for an automatic correction.")
    max_suggestions: Annotated[int, Field(ge=1, le=10)] = Field(3, description="Candidates kept for each issue.")


class KnowledgeManagement(_Section):
    """How decisions become knowledge."""

    enabled: bool = Field(True, description="Whether decisions are learned from.")
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        0.1, description="Share by which the first decision moves a confidence from its prior; 1/rate pseudo-decisions."
    )
    min_occurrences: Annotated[int, Field(ge=1)] = Field(
        3, description="Approvals a pattern needs before it may be automatic."
    )


class ErrorBudget(_Section):
    """How many automatic corrections may be wrong, and how sure of that we must be."""

    share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.05, description="Highest share of wrong automatic corrections."
    )
    certainty: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.90, description="How sure the error bound must be.")
    audit_share: Share = Field(0.02, description="Share of automatic corrections that a person sees blind instead.")


class Settings(BaseSettings):
    """All settings of a workspace."""

    model_config = SettingsConfigDict(env_prefix="CHANNELMEND_", env_nested_delimiter="__", extra="forbid", frozen=True)

    database: str = Field(
        "sqlite:///channelmend.db", description="Knowledge base: sqlite:///file or postgresql+psycopg://..."
    )
    lake: Path = Field(Path("lake"), description="Folder of record snapshots (Parquet).")
    tracking: str = Field("", description="MLflow tracking address; empty: SQLite beside the lake.")
    key_file: Path = Field(
        Path("channelmend.key"), description="Key of the credential vault; made with mode 0600 when absent."
    )
    embedder: str = Field(
        "sentence", description="sentence (MiniLM, installed weights) or character (no weights needed)."
    )
    seed: int = Field(0, description="Seed of every random choice.")
    public_address: str = Field(
        "", description="Where platforms reach the command `events`, such as https://hooks.example.com; they sign it."
    )
    ai_monitoring: AiMonitoring = AiMonitoring()
    knowledge_management: KnowledgeManagement = KnowledgeManagement()
    error_budget: ErrorBudget = ErrorBudget()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments over environment over file."""
        return (
            init_settings,
            env_settings,
            YamlConfigSettingsSource(settings_cls, yaml_file=_settings_file(), yaml_file_encoding="utf-8"),
        )


def _settings_file() -> Path:
    return Path(os.environ.get("CHANNELMEND_SETTINGS", "channelmend.yaml"))


def load_settings(**overrides: Any) -> Settings:
    """Settings from file, environment and `overrides`, the latter winning.

    Raises
    ------
    ConfigError
        With every wrong key at once.
    """
    try:
        return Settings(**{k: v for k, v in overrides.items() if v is not None})
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))} = {e.get('input')!r}: {e['msg']}" for e in error.errors()]
        raise ConfigError(
            f"Settings are wrong (file {_settings_file()}, then CHANNELMEND_* variables):", problems
        ) from None


def describe_settings(settings: Settings) -> list[tuple[str, Any, str]]:
    """Key, value and meaning of every setting, nested keys joined by a dot."""
    rows: list[tuple[str, Any, str]] = []
    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, _Section):
            rows += [
                (f"{name}.{key}", getattr(value, key), one.description or "")
                for key, one in type(value).model_fields.items()
            ]
        else:
            rows.append((name, value, info.description or ""))
    return rows
