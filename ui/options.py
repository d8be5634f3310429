"""Options that several commands of the command line share, and the workspace they open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from engine import Workspace

__all__ = ["AsJson", "By", "Database", "open_workspace"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Database = Annotated[
    str | None,
    typer.Option("--database", help="sqlite:///file.db or postgresql+psycopg://...; default from the settings."),
]
By = Annotated[str, typer.Option("--by", help="Who decides.", envvar="CHANNELMEND_USER")]


@contextmanager
def open_workspace(database: str | None) -> Iterator[Workspace]:
    """The workspace of that database, closed at the end."""
    workspace = Workspace(database)
    try:
        yield workspace
    finally:
        workspace.close()
