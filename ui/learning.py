"""Commands about what is learned: train, the life of a model's versions, replay, undo."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import polars as pl
import typer
from rich.markup import escape

from engine import Workspace
from engine.errors import ConfigError
from ui.options import AsJson, By, Database, open_workspace
from ui.printing import out, print_frame, print_json, spinner

__all__ = ["models", "replay", "train", "undo"]

_SHOWN = ("brier", "auroc", "automatic_share")
"""Measures that the terminal shows; ``--json`` has all."""


class Action(StrEnum):
    """What ``channelmend models`` can do."""

    LIST = "list"
    EVALUATE = "evaluate"
    COMPARE = "compare"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    SHADOW = "shadow"


def train(by: By = "command line", database: Database = None, as_json: AsJson = False) -> None:
    """Train the confidence model on earlier decisions; it is promoted if it beats the present one on later decisions."""
    with open_workspace(database) as workspace, spinner("training", quiet=as_json):
        result = workspace.train(by=by)
    if as_json:
        print_json(
            {
                "version": result.version,
                "decisions": result.decisions,
                "promoted": result.is_promoted,
                "explanation": result.explanation,
                "metrics": result.metrics,
            }
        )
        return
    out.print(
        f"Version [bold]{result.version}[/] on {result.decisions} decisions: {'promoted' if result.is_promoted else 'kept aside'}. {escape(result.explanation)}"
    )


def models(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    version: Annotated[
        int | None, typer.Argument(help="Which version; what is taken without one is said above.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Promote without proof; the audit log says so.")] = False,
    by: By = "command line",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Versions of the confidence model.

    [bold]list[/]: all of them.

    [bold]evaluate[/]: the measures of one, else of the champion, on decisions that it has not seen.

    [bold]compare[/]: one, else that in the shadow, else the newest, with the champion.

    [bold]promote[/]: make one the champion, if it is better on later decisions.

    [bold]rollback[/]: return to the champion before this one.

    [bold]shadow[/]: let one weigh every new suggestion without acting; without a version, none does.
    """
    with open_workspace(database) as workspace:
        match action:
            case Action.EVALUATE:
                _evaluate(workspace, version, as_json)
            case Action.COMPARE:
                _compare(workspace, version, as_json)
            case Action.PROMOTE:
                if version is None:
                    raise ConfigError("Name the version: channelmend models promote 3")
                reason = workspace.promote(version, by=by, force=force)
                _say({"promoted": version, "reason": reason}, f"Version {version} is promoted: {reason}.", as_json)
            case Action.ROLLBACK:
                version = workspace.rollback(by=by)
                _say({"champion": version}, f"Version {version} is the champion again.", as_json)
            case Action.SHADOW:
                workspace.shadow(version, by=by)
                name = "No version" if version is None else f"Version {version}"
                _say({"shadow": version}, f"{name} weighs new suggestions in the shadow.", as_json)
            case Action.LIST:
                _list(workspace.models(), as_json)


def replay(
    floor: Annotated[float | None, typer.Option(min=0, max=1, help="Confidence floor to try.")] = None,
    budget: Annotated[float | None, typer.Option(min=0, max=1, help="Error budget to try.")] = None,
    approvals: Annotated[int | None, typer.Option(min=0, help="Approvals that a pattern needs, to try.")] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", help="rule=0.95 or pattern=0.95: its threshold to try; rule=off: never automatic."),
    ] = None,
    version: Annotated[
        int | None, typer.Option("--model", help="Model version to try, on decisions it has not seen.")
    ] = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only issues closed since, UTC.")] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """What another policy, rule or model would have done to all past issues."""
    tried = {"floor": floor, "error_budget": budget, "min_occurrences": approvals}
    with open_workspace(database) as workspace:
        changes: dict[str, Any] = {name: value for name, value in tried.items() if value is not None}
        result = workspace.replay(
            policy=replace(workspace.policy, **changes),
            rules=dict(_switch(one) for one in rule or ()),
            version=version,
            since=since and since.replace(tzinfo=UTC),
        )
    if as_json:
        names = ("replayed", "automatic", "changed", "undone", "prevented", "judged", "wrong", "wrong_interval")
        print_json({name: getattr(result, name) for name in names} | {"rules": result.by_rule.to_dicts()})
        return
    percent = [(pl.col(name) * 100).round(2) for name in ("wrong_low", "wrong_high")]
    share = pl.when(pl.col("judged") > 0).then(pl.format("{} to {}", *percent)).alias("wrong, %")
    print_frame(result.by_rule.select("rule_id", "replayed", "automatic", "changed", "prevented", share))
    out.print(str(result))


def undo(
    names: Annotated[list[str], typer.Argument(help="Corrections to take back; with --decisions, issues.")],
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Take back what people decided on these issues; they are pending again.")
    ] = False,
    by: By = "command line",
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Take corrections or decisions back, at the platform and in what was learned."""
    with open_workspace(database) as workspace:
        known, key = (workspace.issues(), "issue_id") if decisions else (workspace.corrections(), "correction_id")
        count = (workspace.undo_decisions if decisions else workspace.undo)(names, by=by)
        touched = known.filter(pl.col(key).is_in(names))["connection"].unique().sort()
        counts = {name: dict(workspace.push(name).counts) for name in touched}
    what = "issues wait again" if decisions else "corrections taken back"
    _say({"undone": count, "connections": counts}, f"{count} {what}.", as_json)


def _list(found: pl.DataFrame, as_json: bool) -> None:
    if as_json:
        print_json(json.loads(found.write_json()))
        return
    measures = [f"challenger_{name}" for name in _SHOWN if f"challenger_{name}" in found.columns]
    role = (
        pl.when("is_champion").then(pl.lit("champion")).when("is_shadow").then(pl.lit("shadow")).otherwise(pl.lit(""))
    )
    made = pl.col("created_at").dt.strftime("%Y-%m-%d %H:%M")
    shown = found.select("version", role.alias("role"), made.alias("made at (UTC)"), "decisions", *measures)
    print_frame(shown.rename({name: name.removeprefix("challenger_") for name in measures}))


def _evaluate(workspace: Workspace, version: int | None, as_json: bool) -> None:
    found = workspace.evaluate(version)
    if as_json:
        print_json({"version": version, "metrics": found})
        return
    print_frame(pl.DataFrame({"measure": list(found), "value": list(found.values())}))


def _compare(workspace: Workspace, version: int | None, as_json: bool) -> None:
    found = workspace.compare(version)
    if as_json:
        names = ("challenger", "champion", "tested", "is_better", "explanation", "metrics")
        print_json({name: getattr(found, name) for name in names})
        return
    print_frame(found.measures.select("model", *(name for name in _SHOWN if name in found.measures.columns)))
    out.print(escape(f"Version {found.challenger}: {found.explanation}."))


def _switch(text: str) -> tuple[str, float | None]:
    """``rule=0.95`` or ``rule=off`` as a name and a threshold."""
    name, _, value = text.rpartition("=")
    if value == "off" and name:
        return name, None
    try:
        threshold = float(value)
    except ValueError:
        threshold = -1.0
    if not name or not 0 <= threshold <= 1:
        raise ConfigError(f"{text!r} is not rule=threshold with a threshold of 0..1, nor rule=off.")
    return name, threshold


def _say(value: object, text: str, as_json: bool) -> None:
    print_json(value) if as_json else out.print(escape(text))
