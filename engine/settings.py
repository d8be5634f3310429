"""Settings: ``channelmend.yaml``, environment variables over it, every key documented here and shown by ``doctor``.

Environment names are ``CHANNELMEND_`` and the key, nested keys joined by two underscores:
``CHANNELMEND_AI_MONITORING__CONFIDENCE_THRESHOLD=0.9``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from engine.errors import ConfigError
from engine.privacy import SENDABLE, may_leave

__all__ = [
    "AiMonitoring",
    "ErrorBudget",
    "KnowledgeManagement",
    "LanguageModelSettings",
    "Settings",
    "describe_settings",
    "load_settings",
]

Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AiMonitoring(_Section):
    """When a correction may be made without asking."""

    enabled: bool = Field(True, description="Whether corrections may be applied without asking at all.")
    model: str = Field("", description="Language model for suggestions, once language_model.provider is set.")
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
    second_review_share: Share = Field(
        0.02, description="Share of decisions that another person is asked about again, without being told the first."
    )


class ErrorBudget(_Section):
    """How many automatic corrections may be wrong, and how sure of that we must be."""

    share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.05, description="Highest share of wrong automatic corrections."
    )
    certainty: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.90, description="How sure the error bound must be.")
    audit_share: Share = Field(0.02, description="Share of automatic corrections that a person sees blind instead.")


class LanguageModelSettings(_Section):
    """Who is asked for suggestions outside the house; the model's name is ``ai_monitoring.model``."""

    provider: Literal["", "openai", "anthropic"] = Field(
        "", description="openai (or a server with its interface), anthropic; empty: no language model is called."
    )
    base_url: str = Field("", description="Address of a server of your own; empty: the provider's.")
    key_file: Path | None = Field(
        None, description="File with the provider's key, mode 0600; or CHANNELMEND_LANGUAGE_MODEL_KEY."
    )
    asks: Literal["unanswered", "every"] = Field(
        "unanswered", description="unanswered: only what no other corrector could answer; or every."
    )
    fields: tuple[str, ...] = Field(
        ("title", "description", "brand", "category", "condition", "language", "attributes"),
        description="Fields of a product that may leave the house; attributes.<name> allows a single one.",
    )
    timeout_s: Annotated[float, Field(gt=0, le=600)] = Field(20.0, description="Longest wait for one answer.")
    run_timeout_s: Annotated[float, Field(gt=0)] = Field(
        120.0, description="Time in a run after which nothing more is asked."
    )
    requests_per_minute: Annotated[int, Field(ge=1)] = Field(
        30, description="Requests a minute, all processes together."
    )
    requests_per_day: Annotated[int, Field(ge=0)] = Field(
        500, description="Requests a day (UTC), all processes together."
    )
    tokens_per_day: Annotated[int, Field(ge=0)] = Field(
        1_000_000, description="Tokens of questions and answers a day (UTC), all processes together."
    )
    questions_per_request: Annotated[int, Field(ge=1, le=50)] = Field(10, description="Issues put into one request.")
    concurrency: Annotated[int, Field(ge=1, le=16)] = Field(2, description="Requests at the same time.")

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must begin with https:// or http:// and name a host")
        if parts.username or parts.password or parts.query:
            raise ValueError("must not hold a password or a key")
        return value

    @field_validator("fields")
    @classmethod
    def _may_leave(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if refused := [name for name in value if not may_leave("product", name, value)]:
            raise ValueError(f"{', '.join(refused)} may never leave the house; what may: {', '.join(SENDABLE)}")
        return value


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
        "character",
        description="character (n-grams, no weights), sentence (MiniLM) or multilingual (USE); both come with installed weights.",
    )
    seed: int = Field(0, description="Seed of every random choice.")
    public_address: str = Field(
        "", description="Where platforms reach the command `events`, such as https://hooks.example.com; they sign it."
    )
    ai_monitoring: AiMonitoring = AiMonitoring()
    knowledge_management: KnowledgeManagement = KnowledgeManagement()
    error_budget: ErrorBudget = ErrorBudget()
    language_model: LanguageModelSettings = LanguageModelSettings()

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
        problems = [f"{'.'.join(map(str, e['loc']))}{_shown(e)}: {e['msg']}" for e in error.errors()]
        raise ConfigError(
            f"Settings are wrong (file {_settings_file()}, then CHANNELMEND_* variables):", problems
        ) from None


def _shown(error: Mapping[str, Any]) -> str:
    # A key in the wrong place, or a password in an address, must not come to light by being refused.
    return "" if error["type"] in ("extra_forbidden", "value_error") else f" = {error.get('input')!r}"


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
