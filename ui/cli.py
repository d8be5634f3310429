"""The command line: ``channelmend``. Every command has ``--json`` for machines.

Exit codes: 0 done, 1 found problems where that is the question asked, 2 wrong use or wrong settings.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.markup import escape

from engine import Workspace
from engine.errors import ChannelmendError, ConfigError
from engine.settings import describe_settings
from engine.types import Status
from ui.learning import models, replay, train, undo
from ui.options import AsJson, By, Database, open_workspace
from ui.printing import (
    described,
    err,
    fail,
    new_table,
    out,
    print_demo,
    print_frame,
    print_json,
    print_platform,
    print_report,
    print_sync,
    spinner,
)

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Sync every sales channel, find what a channel will refuse, and correct it with a confidence that is measured.",
)

Name = Annotated[str, typer.Argument(help="Name of the connection.")]


def main() -> None:
    """Run the command line; errors of the product become one clear message and exit code 2."""
    try:
        app()
    except (ChannelmendError, OSError) as error:
        fail(error)
    except Exception as error:
        # The trees of connectors and models are not this layer's to import, but their messages are written for people.
        if type(error).__module__ not in ("connectors.errors", "models.errors"):
            raise
        fail(error)


@app.command()
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Without the page.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where the demo keeps its data; default: a temporary folder.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 7860,
    seed: Annotated[int, typer.Option(help="Another seed, other shops.")] = 0,
    days: Annotated[int, typer.Option(min=1, help="Days of business; more days, more that is learned.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Run the main job on invented shops: sync, validate, suggest, correct, push, verify, and open the page."""
    from engine.demo import open_demo

    with (
        tempfile.TemporaryDirectory(prefix="channelmend-demo-") as temporary,
        open_demo(folder or Path(temporary) / "demo", seed=seed) as running,
    ):
        say = (lambda text: None) if as_json else (lambda text: out.print(f"  {escape(text)}"))
        if not as_json:
            out.print("[bold]Channelmend demo[/]: invented shops on offline twins, nothing leaves this machine\n")
        result = running.run(say, days=days)
        if as_json:
            print_json(result)
        else:
            print_demo(result)
        if not headless:
            _serve(running.workspace, port=port)


@app.command()
def connect(
    platform: Annotated[str, typer.Argument(help="A platform; a wrong name is answered with the list.")],
    name: Annotated[str, typer.Option("--name", help="Your name for this account.")],
    credential: Annotated[
        list[str] | None,
        typer.Option(
            "--credential", "-c", help="field=value; @file reads the value from a file. Missing ones are asked for."
        ),
    ] = None,
    channel: Annotated[str | None, typer.Option(help="Whose rules apply; default: the platform's own.")] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Store an account; its secrets are encrypted."""
    with open_workspace(database) as workspace:
        given = _credentials(workspace, platform, credential or [], ask=sys.stdin.isatty() and not as_json)
        warnings = workspace.connect(platform, name=name, credentials=given, channel=channel, by="command line")
        if as_json:
            print_json({"name": name, "platform": platform, "warnings": warnings})
            return
        for warning in warnings:
            out.print(f"[yellow]note[/] {escape(warning)}")
        out.print(f"Connection [bold]{escape(name)}[/] is stored. Test it: channelmend check {escape(name)}")


@app.command()
def check(name: Name, database: Database = None, as_json: AsJson = False) -> None:
    """Test an account: key, scopes, address."""
    with open_workspace(database) as workspace:
        answer = workspace.check(name)
    if as_json:
        print_json({"name": name, "ok": answer.ok, "messages": list(answer.messages)})
    else:
        for message in answer.messages:
            out.print(f"{'[green]ok[/]' if answer.ok else '[red]failed[/]'}  {escape(message)}")
    raise typer.Exit(0 if answer.ok else 1)


@app.command()
def sync(
    names: Annotated[list[str] | None, typer.Argument(help="Connections; all when left out.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="product, order, stock; all when left out.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything, not only what changed.")] = False,
    push: Annotated[bool, typer.Option(help="Push corrections.")] = True,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Fetch, validate, suggest, correct what may be corrected, push and verify."""
    with open_workspace(database) as workspace:
        known = workspace.connections().filter(pl.col("platform") != "feed")["name"].to_list()
        if not (wanted := names or known):
            raise ConfigError("There is no connection to sync; add one with `channelmend connect`.")
        results, failed = [], False
        for name in wanted:
            try:
                with spinner(f"syncing {name}", quiet=as_json):
                    run = workspace.sync(name, kind or ("product", "order", "stock"), full=full, push=push)
                results.append({"name": name, "run_id": run.run_id, "counts": dict(run.counts), "notes": run.notes})
            except Exception as error:
                if isinstance(error, ChannelmendError) or type(error).__module__.split(".")[0] != "connectors":
                    raise
                # One shop that is down must not keep the others from being synced.
                failed = True
                results.append({"name": name, "error": str(error)})
        if as_json:
            print_json({"connections": results})
        else:
            print_sync(results)
    raise typer.Exit(1 if failed else 0)


@app.command()
def validate(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON Lines, Parquet or XLSX.")],
    channel: Annotated[str, typer.Option("--channel", help="Whose rules apply.")],
    kind: Annotated[str, typer.Option(help="product, order or stock.")] = "product",
    layout: Annotated[str, typer.Option(help="auto, guess, or the name of a known layout.")] = "auto",
    mapping: Annotated[
        str | None, typer.Option(help="JSON text, or a JSON or TOML file: column to canonical field.")
    ] = None,
    currency: Annotated[str, typer.Option(help="Currency of prices that name none.")] = "",
    language: Annotated[str, typer.Option(help="Language of texts that name none.")] = "",
    target: Annotated[Path | None, typer.Option("--out", help="Write all issues: .parquet, .csv or .html.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge a file by a channel's rules; no account needed. Exit code 1 when issues were found."""
    from engine.validate import validate_file, write_report

    with spinner(f"reading {file.name}", quiet=as_json) as progress:
        report = validate_file(
            file,
            channel=channel,
            kind=kind,
            layout=layout,
            mapping=mapping,
            currency=currency,
            language=language,
            progress=progress,
        )
    if target:
        write_report(report, target)
    if as_json:
        rules = report.by_rule().to_dicts()
        print_json(
            {
                "file": str(file),
                "channel": channel,
                "records": report.records,
                "issues": report.issues.height,
                "quarantined": report.quarantined.height,
                "rules": rules,
                "notes": report.notes,
            }
        )
    else:
        print_report(report, target)
    raise typer.Exit(1 if report.issues.height or report.quarantined.height else 0)


@app.command()
def review(
    connection: Annotated[str | None, typer.Option(help="Only this connection.")] = None,
    by: By = "command line",
    limit: Annotated[int, typer.Option(help="At most so many patterns.")] = 50,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Decide pending issues here in the terminal, pattern by pattern."""
    with open_workspace(database) as workspace:
        if as_json:
            print_json(json.loads(workspace.issues(status=Status.PENDING, connection=connection).write_json()))
            return
        decided = _review(workspace, connection, by, limit)
        out.print(f"\n{decided} issues decided. Push the corrections: channelmend sync")


@app.command()
def rules(
    channel: Annotated[str, typer.Argument(help="A channel with a rulebook.")],
    add: Annotated[Path | None, typer.Option("--add", help="Add the rules of a TOML file as your own.")] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List the rules of a channel, or add your own."""
    with open_workspace(database) as workspace:
        if add:
            workspace.add_rule(_text(add), channel=channel, by="command line")
        found = workspace.rules(channel)
    if as_json:
        print_json(
            [
                {
                    n: getattr(r, n)
                    for n in (
                        "id",
                        "type",
                        "field",
                        "severity",
                        "check",
                        "why",
                        "source",
                        "fix",
                        "correction",
                        "origin",
                    )
                }
                for r in found
            ]
        )
        return
    table = new_table("Field", "Rule")
    for rule in found:
        colour = "red" if rule.severity == "error" else "yellow"
        text = f"[{colour}]{escape(rule.id)}[/]\n{escape(rule.why)}\n[dim]{escape(rule.source)}[/]"
        table.add_row(escape(rule.field), text)
    out.print(table)
    out.print(f"{len(found)} rules for {channel}")


for _command in (train, models, replay, undo):
    app.command()(_command)


@app.command()
def metrics(database: Database = None, as_json: AsJson = False) -> None:
    """The six key figures."""
    with open_workspace(database) as workspace:
        found = workspace.metrics()
    print_json(dict(found.select("metric", "value").iter_rows())) if as_json else print_frame(found)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 7860,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than loopback only behind a proxy with authentication.")
    ] = "127.0.0.1",
    database: Database = None,
) -> None:
    """Open the review page."""
    with open_workspace(database) as workspace:
        _serve(workspace, port=port, host=host)


@app.command()
def sandbox(
    platforms: Annotated[list[str] | None, typer.Argument(help="Platforms; all twins when left out.")] = None,
    port: Annotated[int, typer.Option(help="First port; 0 takes free ones.")] = 0,
    seed: Annotated[int, typer.Option(help="Another seed, other shops.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Serve offline twins of the platforms to try connections on, until Ctrl-C."""
    from engine.demo import sandbox as open_sandbox

    with open_sandbox(platforms, seed=seed, port=port) as running:
        twins: dict[str, dict[str, Any]] = {
            name: {"address": twin.base_url, "credentials": twin.credentials} for name, twin in running.items()
        }
        if as_json:
            print_json(twins)
        else:
            for name, twin in twins.items():
                typed = " ".join(f"-c {field}={value}" for field, value in twin["credentials"].items())
                out.print(
                    f"[bold]{name}[/] at {twin['address']}\n  channelmend connect {name} --name {name}-sandbox {escape(typed)}",
                    soft_wrap=True,
                )
            out.print("\nCtrl-C stops them.")
        _wait()


@app.command()
def events(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 behind a proxy that ends TLS.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 7870,
    database: Database = None,
) -> None:
    """Take the events that platforms send (/hooks/<connection>), check who sent them, and read what they speak of."""
    from ui.events import open_events

    with (
        open_workspace(database) as workspace,
        open_events(workspace, host=host, port=port, say=lambda text: out.print(escape(text))) as address,
    ):
        for name, platform in workspace.connections().select("name", "platform").iter_rows():
            known = workspace.platforms().get(platform)
            if known is not None and known.webhook is not None:
                base = workspace.settings.public_address.rstrip("/") or address.rstrip("/")
                out.print(f"[bold]{escape(name)}[/]  {base}/hooks/{escape(name)}  {', '.join(known.webhook.topics)}")
        out.print("\nCtrl-C stops it.")
        _wait()


@app.command()
def ship(
    name: Name,
    file: Annotated[Path, typer.Argument(help="CSV or JSON Lines with the columns of docs/records.md, Parcels.")],
    database: Database = None,
    by: By = "command line",
    as_json: AsJson = False,
) -> None:
    """Tell a platform of parcels that left. Exit code 1 when one was refused."""
    with open_workspace(database) as workspace:
        _tell(workspace.ship(name, _table_of(file), by=by), "parcel", as_json)


@app.command()
def accept(
    name: Name,
    orders: Annotated[list[str], typer.Argument(help="Keys of the orders.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse them instead.")] = False,
    reason: Annotated[str, typer.Option(help="Why, where the platform asks.")] = "",
    database: Database = None,
    by: By = "command line",
    as_json: AsJson = False,
) -> None:
    """Accept new orders where a channel waits for it. Exit code 1 when one could not be accepted."""
    rows = pl.DataFrame({"order_key": orders, "accepted": [not refuse] * len(orders), "reason": [reason] * len(orders)})
    with open_workspace(database) as workspace:
        _tell(workspace.accept(name, rows, by=by), "order", as_json)


@app.command()
def platforms(
    name: Annotated[str | None, typer.Argument(help="One platform, with its credentials; all when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """What each platform can do, and what is needed to connect one."""
    known = Workspace.platforms()
    if name is not None and name not in known:
        raise ConfigError(f"There is no platform {name!r}. Platforms: {', '.join(known)}.")
    if as_json:
        print_json([described(one) for one in known.values() if name in (None, one.name)])
    elif name is None:
        table = new_table("Platform", "", "Can do")
        for one in known.values():
            can = ", ".join(sorted(capability.value for capability in one.capabilities))
            table.add_row(one.name, one.title, f"[dim]{can}[/]")
        out.print(table)
    else:
        print_platform(known[name])


@app.command()
def doctor(database: Database = None, as_json: AsJson = False) -> None:
    """Show every setting and look at what the product needs: database, key, lake, weights, audit log."""
    from engine.doctor import examine

    with open_workspace(database) as workspace:
        settings = [(name, str(value), meaning) for name, value, meaning in describe_settings(workspace.settings)]
        found = examine(workspace)
    if as_json:
        print_json(
            {
                "settings": {n: v for n, v, _ in settings},
                "findings": [{"subject": f.subject, "ok": f.ok, "text": f.text} for f in found],
            }
        )
    else:
        table = new_table("Setting", "Value", "Meaning")
        for name, value, meaning in settings:
            table.add_row(name, escape(value), f"[dim]{escape(meaning)}[/]")
        out.print(table)
        for one in found:
            out.print(
                f"{'[green]ok[/]     ' if one.ok else '[red]problem[/]'} {escape(one.subject)}: {escape(one.text)}"
            )
    raise typer.Exit(0 if all(one.ok for one in found) else 1)


def _table_of(file: Path) -> pl.DataFrame:
    """A small table as text columns; lists in JSON Lines stay lists."""
    try:
        if file.suffix in (".jsonl", ".ndjson"):
            return pl.read_ndjson(file)
        return pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise ConfigError(f"{file} cannot be read: {error}.") from None


def _tell(results: pl.DataFrame, what: str, as_json: bool) -> None:
    refused = results.filter(pl.col("status") == "refused")
    if as_json:
        print_json({"results": results.rename({"correction_id": "key"}).to_dicts()})
    else:
        for row in results.iter_rows(named=True):
            is_good = row["status"] == "accepted"
            words = "" if is_good else f": {row['code']} {row['message']}"
            out.print(
                f"{'[green]told[/]' if is_good else '[red]refused[/]'}  {what} {escape(row['correction_id'] + words)}"
            )
    raise typer.Exit(1 if refused.height else 0)


def _serve(workspace: Workspace, *, port: int, host: str = "127.0.0.1") -> None:
    from ui.page import open_page

    with open_page(workspace, port=port, host=host) as address:
        out.print(f"\nReview page: [bold]{address}[/]   (Ctrl-C stops everything)")
        _wait()


def _wait() -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()


def _credentials(workspace: Workspace, platform: str, given: list[str], *, ask: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise ConfigError(f"{name!r} is not field=value.")
        found[name] = _text(Path(value[1:])).strip() if value.startswith("@") else value
    if ask and platform in workspace.platforms():
        for field in workspace.platforms()[platform].credentials:
            if field.name not in found and field.required and not field.replaced_by:
                err.print(f"[dim]{escape(field.help)}[/]")
                found[field.name] = typer.prompt(field.label, default=field.default or None, hide_input=field.secret)
    return found


def _review(workspace: Workspace, connection: str | None, by: str, limit: int) -> int:
    decided = 0
    for pattern in workspace.patterns().head(limit).iter_rows(named=True):
        rows = workspace.issues(status=Status.PENDING, connection=connection, pattern_id=pattern["pattern_id"])
        rows = rows.filter(pl.col("suggested").is_not_null())
        if rows.is_empty():
            continue
        out.print(
            f"\n[bold]{escape(pattern['field'])}[/] on {escape(pattern['channel'])}: {escape(pattern['description'])}"
        )
        table = new_table("Record", "Observed", "Suggested", "Confidence", "Waits because")
        for row in rows.head(8).iter_rows(named=True):
            table.add_row(
                *(escape(str(row[n])[:60]) for n in ("record_key", "observed", "suggested")),
                f"{row['confidence']:.0%}",
                escape(row["reason"]),
            )
        out.print(table)
        answer = typer.prompt(
            f"{rows.height} issues: [a]pprove all, [r]eject all, [o]ne by one, [s]kip, [q]uit", default="s"
        ).lower()[:1]
        if answer == "q":
            break
        if answer in ("a", "r"):
            decided += workspace.decide(rows["issue_id"].to_list(), "approved" if answer == "a" else "rejected", by=by)
        if answer == "o":
            decided += _review_rows(workspace, rows, by)
    return decided


def _review_rows(workspace: Workspace, rows: pl.DataFrame, by: str) -> int:
    decided = 0
    for row in rows.iter_rows(named=True):
        out.print(
            f"{escape(row['record_key'])}: {escape(row['observed'][:200])!s} [dim]->[/] [bold]{escape(row['suggested'][:200])}[/]  ({row['confidence']:.0%})"
        )
        answer = typer.prompt("[a]pprove, [r]eject, [m]odify, [s]kip, [q]uit", default="s").lower()[:1]
        if answer == "q":
            break
        try:
            if answer == "m":
                decided += workspace.decide([row["issue_id"]], "modified", by=by, value=typer.prompt("value"))
            elif answer in ("a", "r"):
                decided += workspace.decide([row["issue_id"]], "approved" if answer == "a" else "rejected", by=by)
        except ConfigError as error:
            err.print(f"[red]{escape(str(error))}[/]")
    return decided


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
