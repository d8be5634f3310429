"""The jobs: fetch or take in records, judge them, suggest, correct what may be corrected, push with proof.

`sync` reads a platform, `ingest` takes a frame; from the lake on, both go the same way.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import sqlalchemy as sa

from connectors import platform as port
from connectors.errors import PlatformError
from connectors.record import KINDS, conform
from connectors.record import field as record_field
from engine import requirements
from engine.apply import LakeTarget, Outcome, Target, push
from engine.correctors.llm import LanguageModel
from engine.decide import apply_automatic
from engine.detect import Validator, duplicated
from engine.drift import alarm_texts, demotions, with_trust
from engine.error_bounds import slip_rate
from engine.errors import ChannelmendError, ConfigError
from engine.patterns import with_patterns
from engine.policy import judge
from engine.store.outbox import corrections_frame
from engine.store.queue import (
    close_issues,
    known_fingerprints,
    mark_audits,
    record_issues,
    replace_candidates,
    with_fingerprint,
)
from engine.store.runs import cursor, finish_run, put_in_quarantine, set_cursor, start_run
from engine.store.tables import auto_correction_rules, corrections, issues
from engine.suggest import Suggester
from engine.types import Severity, Status
from engine.vault import mask

if TYPE_CHECKING:
    from engine.workspace import Workspace

__all__ = [
    "Run",
    "ingest",
    "push_corrections",
    "review_again",
    "running",
    "sync",
    "take_changes",
    "take_records",
]

_BATCH_ROWS = 50_000
_REPORTED = {"product": ("product",), "order": ("order", "order_line"), "stock": ("stock",)}
PUSH_CONFLICT, PUSH_REFUSED = "push-conflict", "push-refused"
"""Identifiers of issues that no rule finds: the platform changed a value meanwhile, or refused ours."""


@dataclass
class Run:
    """What a job did.

    Attributes
    ----------
    run_id, connection : str
    counts : dict
        Records read per kind (``products``, ``orders``, ``order_lines``, ``stocks``), ``quarantined``, ``issues`` (new),
        ``resolved``, ``auto_corrected``, ``pending``, ``pushed``, ``verified``, ``failed``, ``conflicts``, ``requests``,
        ``retries``, ``throttled``, ``waited_s``, ``seconds``.
    notes : list of str
        What a person should know: kinds that the platform does not offer, words of a refusal.
    """

    run_id: str
    connection: str
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        done = ", ".join(f"{value:g} {name}" for name, value in self.counts.items() if value)
        return f"Run({self.connection}: {done or 'nothing to do'})"


def sync(
    workspace: Workspace,
    name: str,
    kinds: Sequence[str] = ("product", "order", "stock"),
    *,
    full: bool = False,
    send: bool = True,
) -> Run:
    """Read a connection, then judge, suggest, correct and push.

    Parameters
    ----------
    kinds : sequence of str
        Of ``product``, ``order`` (with its lines) and ``stock``.
    full : bool
        Read everything even where the platform can tell what changed; only a complete reading notices what is gone.
    send : bool
        Whether corrections are pushed.

    Raises
    ------
    connectors.errors.PlatformError
        When the platform cannot be read; what was read before is kept and judged with the next run.
    """
    if unknown := set(kinds) - set(_REPORTED):
        raise ConfigError(f"Unknown kinds {sorted(unknown)}; a sync knows {', '.join(_REPORTED)}.")
    connection, channel = workspace.connection(name)
    platform = port.platform(connection.platform)
    with (
        running(workspace, name, "sync") as run,
        closing(workspace.open_connector(connection)) as connector,
    ):
        touched: dict[str, pl.Series | None] = {}
        for kind in kinds:
            if not platform.readable.get(kind):
                run.notes.append(f"{platform.title} has no {kind} reading")
                continue
            started = datetime.now(UTC)
            since = None if full or kind not in platform.incremental else cursor(workspace.store, name, kind)
            touched |= _take_in(workspace, run, connector.fetch(kind, since=since), kind, complete=since is None)
            set_cursor(workspace.store, name, kind, started)
        if "product" in touched and port.Capability.REQUIREMENTS in platform.capabilities:
            _learn_requirements(workspace, run, name, connector)
        for kind, keys in touched.items():
            _judge(workspace, run, name, channel, kind, keys)
        if send:
            _push(workspace, run, name, channel, connector)
        traffic = connector.traffic
        run.counts.update(requests=traffic.requests, retries=traffic.retries, throttled=traffic.throttled)
        run.counts["waited_s"] += round(traffic.waited_s, 1)  # type: ignore[assignment]
    return run


def ingest(workspace: Workspace, frame: pl.DataFrame, *, channel: str, kind: str, connection: str) -> Run:
    """The same for a frame: no platform is behind it, corrections are written to the lake.

    Raises
    ------
    ConfigError
        For an unknown kind, or a connection of that name that has a platform.
    """
    if kind not in KINDS:
        raise ConfigError(f"Unknown kind {kind!r}; known are {', '.join(KINDS)}.")
    workspace.declare_feed(connection, channel)
    with running(workspace, connection, "ingest") as run:
        page = port.Page({kind: _keyed(conform(frame, kind), kind)})
        touched = _take_in(workspace, run, [page], kind, complete=False)
        for one, keys in touched.items():
            _judge(workspace, run, connection, channel, one, keys)
        _push(workspace, run, connection, channel, LakeTarget(workspace.lake, connection, run.run_id))
    return run


def take_changes(workspace: Workspace, run: Run, name: str, kind: str) -> None:
    """Read what changed of a kind, store and judge it, as a part of `run`."""
    connection, channel = workspace.connection(name)
    incremental = kind in port.platform(connection.platform).incremental
    since = cursor(workspace.store, name, kind) if incremental else None
    with closing(workspace.open_connector(connection)) as connector:
        started = datetime.now(UTC)
        touched = _take_in(workspace, run, connector.fetch(kind, since=since), kind, complete=since is None)
        set_cursor(workspace.store, name, kind, started)
    for one, keys in touched.items():
        _judge(workspace, run, name, channel, one, keys)


def take_records(workspace: Workspace, run: Run, name: str, kind: str, keys: Sequence[tuple[str, str]]) -> set[str]:
    """Read the named records, store and judge them, as a part of `run`; gives the keys of those that are new or different."""
    connection, channel = workspace.connection(name)
    with closing(workspace.open_connector(connection)) as connector:
        found = connector.read(kind, keys)
    changed = workspace.lake.write(name, kind, found, run_id=run.run_id)["record_key"]
    run.counts[f"{kind}s"] += found.height
    if changed.len():
        _judge(workspace, run, name, channel, kind, changed)
    return set(changed)


def push_corrections(workspace: Workspace, name: str) -> Run:
    """Push what waits in the outbox of a connection, without reading anything else."""
    channel = workspace.channel(name)
    with running(workspace, name, "push") as run, workspace.target(name, run.run_id) as target:
        _push(workspace, run, name, channel, target)
    return run


def review_again(workspace: Workspace, name: str) -> Run:
    """Weigh the pending issues of a connection anew, with what has been learned since; correct what has become safe."""
    channel = workspace.channel(name)
    with running(workspace, name, "suggest") as run:
        for kind in KINDS:
            _suggest(workspace, run, name, channel, kind)
    return run


@contextmanager
def running(workspace: Workspace, connection: str, job: str) -> Iterator[Run]:
    """A run for the length of a ``with`` block: noted when it begins and when it ends, well or not."""
    run = Run(start_run(workspace.store, connection=connection, job=job), connection)
    began = time.monotonic()
    try:
        yield run
    except (ChannelmendError, PlatformError) as error:
        finish_run(
            workspace.store, run.run_id, status="failed", counts=run.counts, error=f"{type(error).__name__}: {error}"
        )
        raise
    run.counts["pending"] = _pending(workspace, connection)
    run.counts["seconds"] = round(time.monotonic() - began, 2)  # type: ignore[assignment]
    finish_run(workspace.store, run.run_id, status="done", counts=run.counts)


def _take_in(
    workspace: Workspace, run: Run, pages: Iterable[port.Page], kind: str, *, complete: bool
) -> dict[str, pl.Series | None]:
    """Store pages; gives the kinds that arrived with the keys to judge, None for all."""
    seen: dict[str, list[pl.Series]] = {one: [] for one in _REPORTED.get(kind, (kind,))}
    for page in pages:
        for one, frame in page.records.items():
            workspace.lake.write(run.connection, one, frame, run_id=run.run_id)
            seen.setdefault(one, []).append(frame["record_key"])
            run.counts[f"{one}s"] += frame.height
        if page.quarantined.height:
            run.counts["quarantined"] += put_in_quarantine(
                workspace.store,
                workspace.vault,
                page.quarantined,
                run_id=run.run_id,
                connection=run.connection,
                kind=kind,
            )
    keys = {
        one: pl.concat(parts).unique() if parts else pl.Series("record_key", [], dtype=pl.String)
        for one, parts in seen.items()
    }
    if complete:
        for one, present in keys.items():
            workspace.lake.mark_gone(run.connection, one, present, run_id=run.run_id)
    return {one: None if complete else present for one, present in keys.items()}


def _learn_requirements(workspace: Workspace, run: Run, name: str, connector: port.Connector) -> None:
    """Ask the platform what it demands in the categories that the merchant sells in."""
    products = workspace.lake.current(name, "product")
    categories = products.select(pl.col("category").unique().sort()).collect()["category"].to_list()
    asked, problem = requirements.fetch(workspace.store, connector, name, categories)
    run.counts["categories"] += asked
    if problem:
        run.notes.append(problem)


def _judge(workspace: Workspace, run: Run, connection: str, channel: str, kind: str, keys: pl.Series | None) -> None:
    validator = workspace.validator(channel, kind, connection)
    records = workspace.lake.current(connection, kind)
    repeated = duplicated(records, validator.unique_fields, kind=kind)
    known = known_fingerprints(workspace.store, connection, kind)
    chosen = records if keys is None else records.filter(pl.col("record_key").is_in(keys.implode()))
    judged = [pl.Series("record_key", [], dtype=pl.String)]
    for batch in chosen.collect_batches(chunk_size=_BATCH_ROWS):
        judged.append(batch["record_key"])
        found = with_fingerprint(validator.detect(batch, duplicates=repeated), connection)
        ours = known.filter(
            pl.col("rule_id").is_in([rule.id for rule in validator.rules]), pl.col("status") == Status.PENDING
        )
        gone = ours.join(batch, on="record_key", how="semi").join(found, on="fingerprint", how="anti")
        _resolve(workspace, run, gone)
        new = found.join(known, on="fingerprint", how="anti")
        run.counts["issues"] += _open(workspace, run, new, validator, connection, channel)
    if keys is None:
        present = pl.concat(judged).alias("record_key").to_frame()
        _resolve(
            workspace, run, known.filter(pl.col("status") == Status.PENDING).join(present, on="record_key", how="anti")
        )
    _suggest(workspace, run, connection, channel, kind)


def _open(
    workspace: Workspace, run: Run, new: pl.DataFrame, validator: Validator, connection: str, channel: str
) -> int:
    if new.is_empty():
        return 0
    why = {rule.id: rule.why for rule in validator.rules}
    described = with_patterns(new.with_columns(pl.lit(channel).alias("channel"))).with_columns(
        pl.col("rule_id").replace_strict(why, default="").alias("description"), _masked(new)
    )
    return record_issues(workspace.store, described, connection=connection, channel=channel, run_id=run.run_id).height


def _masked(found: pl.DataFrame) -> pl.Series:
    hidden = [record_field(k, f).personal for k, f in found.select("kind", "field").iter_rows()]
    return pl.Series(
        "observed", [mask(v) if h else v for v, h in zip(found["observed"], hidden, strict=True)], dtype=pl.String
    )


def _resolve(workspace: Workspace, run: Run, gone: pl.DataFrame) -> None:
    if gone.height:
        with workspace.store.write() as transaction:
            run.counts["resolved"] += len(close_issues(transaction, gone["issue_id"].to_list(), Status.RESOLVED))


def _suggest(workspace: Workspace, run: Run, connection: str, channel: str, kind: str) -> None:
    """Weigh every pending issue of that kind anew and correct what the policy lets pass."""
    waiting = _waiting(workspace, connection, kind)
    validator = workspace.validator(channel, kind, connection)
    waiting = waiting.filter(pl.col("rule_id").is_in([rule.id for rule in validator.rules]))
    if waiting.is_empty():
        return
    workspace.watch.look()
    changes = workspace.watch.changes()
    trust = demotions(workspace.knowledge.refresh(), changes, workspace.policy)
    run.notes += alarm_texts(trust.filter(pl.col("rule_id").is_in(waiting["rule_id"].unique().implode())))
    language_model = LanguageModel.of(workspace.settings, workspace.store)
    suggester = Suggester(
        validator,
        workspace.lake.current(connection, kind),
        workspace.knowledge,
        workspace.model,
        workspace.settings,
        changes=changes,
        language_model=language_model,
        slips=slip_rate(workspace.store, certainty=workspace.policy.certainty),
    )
    for start in range(0, waiting.height, _BATCH_ROWS):
        part = waiting.slice(start, _BATCH_ROWS)
        records = workspace.lake.find(connection, kind, part["record_key"].to_list())
        weighed = suggester.suggest(suggester.questions(part, records))
        best = _with_pattern_rules(
            workspace, weighed.filter(pl.col("rank") == 1).join(part, on="issue_id", how="left"), connection
        )
        best = with_trust(best, trust, workspace.policy)
        judged = judge(best, workspace.policy)
        explained = dict(judged.filter(pl.col("action") == "review").select("issue_id", "explanation").iter_rows())
        explained |= dict.fromkeys(set(part["issue_id"]) - set(weighed["issue_id"]), "no corrector has a suggestion")
        replace_candidates(
            workspace.store, workspace.candidate_rows(weighed, part), part["issue_id"].to_list(), explained
        )
        mark_audits(workspace.store, judged.filter(pl.col("action") == "audit"))
        run.counts["auto_corrected"] += apply_automatic(
            workspace.store,
            workspace.vault,
            workspace.lake,
            judged.filter(pl.col("action") == "auto"),
            threshold=workspace.policy.floor,
            writable=workspace.is_writable,
        )
    run.notes += language_model.notes if language_model else []


def _waiting(workspace: Workspace, connection: str, kind: str) -> pl.DataFrame:
    names = ("issue_id", "pattern_id", "connection", "channel", "kind", "record_key", "field", "rule_id")
    query = sa.select(*(issues.c[name] for name in names)).where(
        issues.c.connection == connection, issues.c.kind == kind, issues.c.status == Status.PENDING
    )
    return workspace.store.frame(query, dict.fromkeys(names, pl.String))


def _with_pattern_rules(workspace: Workspace, best: pl.DataFrame, connection: str) -> pl.DataFrame:
    table = auto_correction_rules
    query = sa.select(
        table.c.pattern_id,
        table.c.confidence_threshold.label("pattern_threshold"),
        table.c.is_active.label("pattern_active"),
    )
    schema = {"pattern_id": pl.String, "pattern_threshold": pl.Float64, "pattern_active": pl.Boolean}
    fields = best.select("kind", "field").unique()
    allowed = [workspace.is_writable(connection, kind, name) for kind, name in fields.iter_rows()]
    return best.join(workspace.store.frame(query, schema), on="pattern_id", how="left").join(
        fields.with_columns(pl.Series("is_writable", allowed, dtype=pl.Boolean)), on=["kind", "field"], how="left"
    )


def _push(workspace: Workspace, run: Run, connection: str, channel: str, target: Target) -> None:
    outcome = push(
        workspace.store,
        workspace.vault,
        workspace.lake,
        target,
        connection=connection,
        run_id=run.run_id,
        rewritten=workspace.rewritten(connection),
        settles_s=workspace.settles_s(connection),
        sleep=workspace.connector_options.get("sleep", time.sleep),
    )
    run.counts.update(
        pushed=outcome.pushed,
        verified=len(outcome.verified),
        failed=len(outcome.failed),
        conflicts=len(outcome.conflicts),
    )
    _open_outcomes(workspace, run, connection, channel, outcome)


def _open_outcomes(workspace: Workspace, run: Run, connection: str, channel: str, outcome: Outcome) -> None:
    """A refusal or a conflict becomes an issue that a person sees, with the platform's own words."""
    words = outcome.failed | outcome.conflicts
    if not words:
        return
    rows = corrections_frame(workspace.store, corrections.c.correction_id.in_(list(words)))
    found = rows.select(
        "kind",
        "record_key",
        "parent_key",
        "field",
        pl.col("correction_id")
        .is_in(list(outcome.conflicts))
        .replace_strict({True: PUSH_CONFLICT, False: PUSH_REFUSED}, return_dtype=pl.String)
        .alias("rule_id"),
        pl.lit(Severity.ERROR.value).alias("severity"),
        pl.col("correction_id").replace_strict(outcome.current, default="").alias("observed"),
        pl.col("correction_id").replace_strict(words).alias("description"),
    )
    found = with_fingerprint(found, connection)
    known = known_fingerprints(workspace.store, connection)
    found = found.join(known, on="fingerprint", how="anti")
    described = with_patterns(found.with_columns(pl.lit(channel).alias("channel"))).with_columns(_masked(found))
    opened = record_issues(workspace.store, described, connection=connection, channel=channel, run_id=run.run_id)
    run.counts["issues"] += opened.height
    replace_candidates(workspace.store, [], [], dict(opened.select("issue_id", "description").iter_rows()))
    run.notes += sorted(set(words.values()))[:5]


def _pending(workspace: Workspace, connection: str) -> int:
    with workspace.store.read() as transaction:
        query = sa.select(sa.func.count()).where(issues.c.connection == connection, issues.c.status == Status.PENDING)
        return int(transaction.execute(query).scalar_one())


def _keyed(frame: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Records that came without a key get their SKU, or else their row number, as one."""
    fallback = pl.format("row-{}", pl.int_range(1, pl.len() + 1))
    if kind == "order_line":
        named = pl.when(pl.col("line_key") != "").then(pl.format("{}/{}", "order_key", "line_key"))
    elif "sku" in frame.columns:
        named = pl.when((pl.col("sku") != "") & (pl.col("sku").is_unique())).then(pl.col("sku"))
    else:
        named = pl.when(False).then(fallback)
    return frame.with_columns(
        pl.when(pl.col("record_key") != "").then("record_key").otherwise(named.otherwise(fallback)).alias("record_key")
    )
