"""A look at everything the product needs, with what to do where something is wrong."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from engine import audit
from engine.correctors.llm import LanguageModel
from engine.errors import ChannelmendError
from models.embed import embedder
from models.errors import WeightsMissingError

if TYPE_CHECKING:
    from engine.workspace import Workspace

__all__ = ["Finding", "examine"]

_ROTATE_AFTER = timedelta(days=90)
_FREE_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    ok: bool
    text: str


def examine(workspace: Workspace) -> list[Finding]:
    """Findings on database, lake, embeddings, models, credentials and audit log, in that order."""
    found = [Finding("database", True, str(workspace.store))]
    folder = workspace.lake.folder
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    found.append(Finding("lake", free > _FREE_BYTES, f"{folder}, {free / 1e9:.1f} GB free"))
    try:
        found.append(Finding("embeddings", True, embedder(workspace.settings.embedder).name))
    except WeightsMissingError as error:
        found.append(Finding("embeddings", False, str(error)))
    try:
        found.append(Finding("confidence model", True, repr(workspace.model)))
    except ChannelmendError as error:
        found.append(Finding("confidence model", False, str(error)))
    if language_model := LanguageModel.of(workspace.settings, workspace.store):
        found.append(Finding("language model", *language_model.state()))
    for name, changed in workspace.connections().select("name", "credentials_changed_at").iter_rows():
        age = datetime.now(UTC) - changed
        advice = "" if age < _ROTATE_AFTER else "; rotate them: make new ones at the platform, then run connect again"
        found.append(Finding(f"credentials of {name}", age < _ROTATE_AFTER, f"{age.days} days old{advice}"))
    broken = audit.verify(workspace.store)
    found.append(
        Finding(
            "audit log",
            broken is None,
            "the chain is whole" if broken is None else f"entry {broken} does not fit its predecessor",
        )
    )
    return found
