"""The one object that users of the library hold: notebooks, the page, jobs and scripts all work through it."""

from __future__ import annotations

import json
import tomllib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors import platform as port
from connectors.errors import PlatformError
from connectors.platform import Connection, CredentialField, Platform
from connectors.record import field as record_field
from connectors.webhooks import Delivery, Reply
from engine import decide as deciding
from engine import fulfilment, hooks, jobs, learn, metrics, progress, replay, requirements, second_opinion, versions
from engine.apply import LakeTarget, Target
from engine.detect import Validator
from engine.drift import Watch
from engine.errors import ChannelmendError, ConfigError
from engine.knowledge import Knowledge
from engine.lake import Lake
from engine.policy import Policy
from engine.rules import applicable, load_rules, parse_rules, prove
from engine.settings import Settings, load_settings
from engine.store import Store
from engine.store.connections import (
    channel_of,
    list_connections,
    load_connection,
    replace_credentials,
    save_connection,
)
from engine.store.outbox import OUTBOX, corrections_frame
from engine.store.queue import best_candidate, issues_frame
from engine.store.rules import merchant_rules, save_rule
from engine.store.runs import last_runs
from engine.store.tables import candidates, corrections, issue_patterns, issues
from engine.suggest import replace_field
from engine.types import Status, Verdict
from engine.vault import Vault, mask, masked
from models.confidence import ConfidenceModel
from models.embed import embedder

__all__ = ["CredentialField", "Platform", "Workspace", "is_expected"]

FEED = "feed"
"""Platform of a connection that has none: its records come through `Workspace.ingest`."""


class Workspace:
    """Everything of one merchant or team: connections, knowledge, records, models.

    Several processes may hold the same workspace at the same time.

    Parameters
    ----------
    database : str, optional
        ``sqlite:///file.db`` or ``postgresql+psycopg://...``; from the settings when left out.
    settings : Settings, optional
        Read from ``channelmend.yaml`` and the environment when left out.
    **overrides
        Single settings, by name.

    Raises
    ------
    ConfigError
        When settings, database address or key file are wrong.

    Examples
    --------
    >>> workspace = Workspace("sqlite:///channelmend.db")            # doctest: +SKIP
    >>> run = workspace.ingest(frame, channel="amazon", kind="product", connection="feed")   # doctest: +SKIP
    >>> workspace.issues(status="pending")                           # doctest: +SKIP
    """

    def __init__(self, database: str | None = None, *, settings: Settings | None = None, **overrides: Any) -> None:
        self.settings = settings or load_settings(database=database, **overrides)
        self.store = Store(self.settings.database)
        self.vault = Vault.open(self.settings.key_file)
        self.lake = Lake(self.settings.lake)
        self.policy = Policy.of(self.settings)
        self.connector_options: dict[str, Any] = {}
        self.refusals_noted: dict[str, datetime] = {}
        self._validators: dict[tuple[str, str, str], tuple[str, Validator]] = {}
        self._model: tuple[int | None, ConfidenceModel] = (None, self.new_model())
        self._shadow: tuple[int | None, ConfidenceModel] = self._model

    def __repr__(self) -> str:
        return f"Workspace({self.store.url.render_as_string(hide_password=True)!r})"

    def close(self) -> None:
        """Release the database."""
        self.store.close()

    # Connections

    def connect(
        self, platform: str, *, name: str, credentials: Mapping[str, str], channel: str | None = None, by: str = "local"
    ) -> list[str]:
        """Store a connection, secrets encrypted; gives warnings about credentials that are no longer used.

        Parameters
        ----------
        platform : str
            One of `Workspace.platforms`.
        name : str
            Yours; the same name again replaces the credentials.
        channel : str, optional
            Whose rules its records must obey; the platform's own when left out.

        Raises
        ------
        ConfigError
            When credentials are missing or unknown, all of them named.
        """
        if platform not in port.platforms():
            raise ConfigError(f"There is no platform {platform!r}. Platforms: {', '.join(port.platforms())}.")
        kept, warnings = _checked_credentials(port.platform(platform), credentials)
        load_rules(channel or platform)
        save_connection(
            self.store, self.vault, name=name, platform=platform, channel=channel or platform, credentials=kept, by=by
        )
        return warnings

    def check(self, name: str) -> port.Check:
        """Whether the account can be used, and if not, what is wrong."""
        connection, _ = self.connection(name)
        connector = self.open_connector(connection)
        try:
            return connector.check()
        finally:
            connector.close()

    def connections(self) -> pl.DataFrame:
        """Every connection, without its credentials."""
        rows = list_connections(self.store)
        schema: dict[str, Any] = {
            "name": pl.String,
            "platform": pl.String,
            "channel": pl.String,
            "is_enabled": pl.Boolean,
        }
        schema |= {"created_at": pl.Datetime("us", "UTC"), "credentials_changed_at": pl.Datetime("us", "UTC")}
        return pl.DataFrame(rows, schema=schema)

    @staticmethod
    def platforms() -> dict[str, port.Platform]:
        """Every platform that can be connected, by name."""
        return port.platforms()

    # Jobs

    def sync(
        self, name: str, kinds: Sequence[str] = ("product", "order", "stock"), *, full: bool = False, push: bool = True
    ) -> jobs.Run:
        """Fetch, validate, suggest, auto-correct and push; see `engine.jobs.sync`."""
        return jobs.sync(self, name, kinds, full=full, send=push)

    def ingest(self, frame: pl.DataFrame, *, channel: str, kind: str = "product", connection: str = "feed") -> jobs.Run:
        """The same for a polars frame, no platform; see `engine.jobs.ingest`."""
        return jobs.ingest(self, frame, channel=channel, kind=kind, connection=connection)

    def push(self, name: str) -> jobs.Run:
        """Push what waits in the outbox of a connection, and read it back."""
        return jobs.push_corrections(self, name)

    def ship(self, name: str, shipments: pl.DataFrame, *, by: str = "local") -> pl.DataFrame:
        """Tell a platform of parcels that left; see `engine.fulfilment.ship`."""
        return fulfilment.ship(self, name, shipments, by=by)

    def accept(self, name: str, acceptances: pl.DataFrame, *, by: str = "local") -> pl.DataFrame:
        """Accept or refuse new orders; see `engine.fulfilment.accept`."""
        return fulfilment.accept(self, name, acceptances, by=by)

    def receive(self, name: str, delivery: Delivery) -> Reply:
        """Check and keep an event that a platform sent; see `engine.hooks.receive`."""
        return hooks.receive(self, name, delivery)

    def handle_events(self, name: str) -> jobs.Run:
        """Read what the kept events of a connection speak of; see `engine.hooks.handle`."""
        return hooks.handle(self, name)

    def waiting_events(self) -> list[str]:
        """The connections of which events wait to be worked on."""
        return hooks.waiting(self)

    def handle_events_calmly(self, name: str) -> str:
        """As `handle_events`, in words: what cannot be worked on now waits on, and the events of other connections do not."""
        try:
            return f"{name}: {self.handle_events(name)}"
        except (ChannelmendError, PlatformError) as error:
            return f"{name}: the events wait on. {error}"

    def suggest(self, name: str) -> jobs.Run:
        """Weigh the pending issues of a connection anew with what has been learned since."""
        return jobs.review_again(self, name)

    def runs(self, *, count: int = 50) -> list[dict[str, Any]]:
        """The newest runs, newest first."""
        return last_runs(self.store, count=count)

    # Issues and decisions

    def issues(
        self,
        *,
        status: str | None = None,
        connection: str | None = None,
        pattern_id: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """One row an issue, best candidate and confidence beside it, schema `engine.types.ISSUES`; personal values are masked."""
        if status is not None and status not in set(Status):
            raise ConfigError(f"Unknown status {status!r}; known are {', '.join(Status)}.")
        wanted = {"status": status, "connection": connection, "pattern_id": pattern_id, "run_id": run_id}
        conditions = [issues.c[name] == value for name, value in wanted.items() if value is not None]
        frame = issues_frame(self.store, *conditions, limit=limit)
        return frame.with_columns(_unsealed_names(frame, "suggested"))

    def suggestions(self, issue_id: str) -> pl.DataFrame:
        """Up to ``max_suggestions`` candidates, the best first: value, corrector, confidence and its bounds, evidence, reason."""
        names = ("rank", "value", "corrector", "score", "confidence", "lower", "error_bound", "evidence", "reason")
        query = (
            sa.select(*(candidates.c[n] for n in names))
            .where(candidates.c.issue_id == issue_id)
            .order_by(candidates.c.rank)
        )
        schema: dict[str, Any] = dict.fromkeys(names, pl.Float64) | dict.fromkeys(
            ("value", "corrector", "reason"), pl.String
        )
        frame = self.store.frame(query, schema | {"rank": pl.Int64, "evidence": pl.Int64})
        return frame.with_columns(_unsealed_names(frame, "value"))

    def suggested_value(self, issue_id: str) -> str:
        """The best candidate's value, not masked even where it is personal; empty when there is none."""
        query = sa.select(candidates.c.value).where(candidates.c.issue_id == issue_id, candidates.c.rank == 1)
        rows = self.store.rows(query)
        return self.vault.unseal(rows[0]["value"]) if rows else ""

    def record(self, issue_id: str) -> dict[str, Any]:
        """The whole record of an issue as last read, personal values masked."""
        row = self._issue(issue_id)
        found = self.lake.find(row["connection"], row["kind"], [row["record_key"]]).drop("raw")
        if found.is_empty():
            return {}
        record = found.row(0, named=True)
        return {k: mask(v) if record_field(row["kind"], k).personal and v else v for k, v in record.items()}

    def similar_decisions(self, issue_id: str, *, count: int = 5) -> pl.DataFrame:
        """Past decisions on this pattern and the nearest ones: what was seen, what was suggested, what a person said."""
        row = self._issue(issue_id)
        near = self.knowledge.similar_patterns([row["pattern_id"]])
        same = pl.DataFrame({"neighbour_id": [row["pattern_id"]], "similarity": [1.0]})
        ranked = pl.concat([same, near.select("neighbour_id", "similarity")]).rename({"neighbour_id": "pattern_id"})
        names = ("observed", "suggested", "final", "verdict", "decided_by", "decided_at", "similarity")
        joined = (
            self.knowledge.refresh().join(ranked, on="pattern_id", how="inner").filter(pl.col("field") == row["field"])
        )
        return joined.sort("similarity", "sequence", descending=True).head(count).select(names)

    def decide(
        self,
        issue_ids: Sequence[str],
        verdict: str,
        *,
        by: str,
        value: str | Sequence[str] | None = None,
        note: str = "",
    ) -> int:
        """Record ``approved``, ``rejected`` or ``modified``; gives the number of issues decided.

        Parameters
        ----------
        value : str or sequence of str, optional
            With ``modified``: one value for all issues, or one for each in their order.

        Raises
        ------
        ConfigError
            When the verdict is unknown, an issue is not pending, or the value still breaks a rule. Nothing is changed then.
        """
        if verdict not in set(Verdict):
            raise ConfigError(f"Unknown verdict {verdict!r}; say {', '.join(Verdict)}.")
        if not issue_ids:
            return 0
        values = None
        if value is not None:
            each = [value] * len(issue_ids) if isinstance(value, str) else list(value)
            if len(each) != len(issue_ids):
                raise ConfigError(f"There are {len(issue_ids)} issues and {len(each)} values; give one for each.")
            values = dict(zip(issue_ids, each, strict=True))
            self._check_values(values)
        count = deciding.decide(
            self.store,
            self.vault,
            self.lake,
            list(issue_ids),
            Verdict(verdict),
            by=by,
            writable=self.is_writable,
            values=values,
            note=note,
        )
        self.watch.look()
        return count

    def decide_pattern(self, pattern_id: str, verdict: str, *, by: str, note: str = "") -> int:
        """The same verdict for every pending issue of a pattern that has a suggestion; gives their number."""
        waiting = self.issues(status=Status.PENDING, pattern_id=pattern_id)
        if verdict == Verdict.APPROVED:
            waiting = waiting.filter(pl.col("suggested").is_not_null())
        if waiting.is_empty():
            raise ConfigError(f"Pattern {pattern_id!r} has no pending issue with a suggestion.")
        return self.decide(waiting["issue_id"].to_list(), verdict, by=by, note=note)

    def patterns(self, *, status: str = Status.PENDING, connection: str | None = None) -> pl.DataFrame:
        """Patterns that have issues of that status: ``pattern_id, channel, kind, field, rule_id, description, shape, count, confidence``.

        Beside them stands how far each has come (`engine.progress.PROGRESS`): ``phase``, ``approved`` of ``needed``,
        ``error_bound``, ``evidence``, ``explanation`` and so on; null where it has no suggestion.
        """
        best = best_candidate.c
        counted = (
            sa.select(
                issues.c.pattern_id,
                *(sa.func.min(issues.c[name]).label(name) for name in ("channel", "kind", "field", "rule_id")),
                sa.func.count().label("count"),
                sa.func.avg(best.confidence).label("confidence"),
            )
            .select_from(issues.outerjoin(best_candidate, best.issue_id == issues.c.issue_id))
            .where(issues.c.status == status, issues.c.connection == connection if connection else sa.true())
            .group_by(issues.c.pattern_id)
        )
        schema = dict.fromkeys(("pattern_id", "channel", "kind", "field", "rule_id"), pl.String)
        grouped = self.store.frame(counted, schema | {"count": pl.Int64, "confidence": pl.Float64})
        table = issue_patterns.c
        query = sa.select(table.pattern_id, table.issue_description, table.pattern_signature).where(
            table.pattern_id.in_(grouped["pattern_id"].to_list())
        )
        known = self.store.rows(query)
        described = pl.DataFrame(
            [(row["pattern_id"], row["issue_description"], row["pattern_signature"].get("shape", "")) for row in known],
            schema={"pattern_id": pl.String, "description": pl.String, "shape": pl.String},
            orient="row",
        )
        found = progress.progress(self, grouped["pattern_id"].to_list()).drop("confidence")
        joined = grouped.join(described, on="pattern_id", how="left").join(found, on="pattern_id", how="left")
        return joined.with_columns(pl.col("phase").fill_null("ask")).sort(
            "count", "pattern_id", descending=[True, False]
        )

    def corrections(
        self, *, connection: str | None = None, status: str | None = None, limit: int | None = None
    ) -> pl.DataFrame:
        """Corrections, newest first, personal values masked."""
        wanted = {"status": status, "connection": connection}
        frame = corrections_frame(
            self.store, *(corrections.c[k] == v for k, v in wanted.items() if v is not None), limit=limit
        )
        return frame.with_columns(_unsealed_names(frame, "before"), _unsealed_names(frame, "after")).select(
            list(OUTBOX)
        )

    def undo(self, correction_ids: Sequence[str], *, by: str) -> int:
        """Take corrections back, at the platform (with the next push) and in what was learned; gives their number."""
        count = deciding.undo(self.store, list(correction_ids), by=by)
        self.watch.look()
        return count

    def undo_decisions(self, issue_ids: Sequence[str], *, by: str) -> int:
        """Take a person's decisions on issues back, as if they had not been made; gives the number of issues that wait again."""
        return deciding.undo_decisions(self.store, list(issue_ids), by=by)

    # Learning

    @cached_property
    def knowledge(self) -> Knowledge:
        """Decisions that stand, with the index over their patterns."""
        return Knowledge(self.store, embedder(self.settings.embedder))

    @cached_property
    def watch(self) -> Watch:
        """Looks out for groups of corrections whose error rate rises; see `engine.drift`."""
        return Watch(self.store)

    def alarms(self) -> pl.DataFrame:
        """Rises of an error rate, newest first: what was demoted, when, and the error rates before and after; schema `engine.drift.CHANGES`."""
        self.watch.look()
        rises = self.watch.changes().filter(pl.col("error_after") > pl.col("error_before"))
        return rises.sort("rang_at", descending=True)

    def pattern_progress(self, pattern_id: str) -> dict[str, Any]:
        """How far one pattern has come, as a row of `engine.progress.PROGRESS`, and ``alarms``, its share of `alarms`.

        Raises
        ------
        ConfigError
            When no issue of that pattern has ever had a suggestion.
        """
        found = progress.progress(self, [pattern_id])
        if found.is_empty():
            raise ConfigError(f"Pattern {pattern_id!r} has never had a suggestion.")
        row = found.row(0, named=True)
        rules = dict(self.store.rows(sa.select(issue_patterns).where(issue_patterns.c.pattern_id == pattern_id))[0])
        mine = pl.col("pattern_id").is_in(["", pattern_id]) & (pl.col("rule_id") == rules["issue_type"])
        return row | {"alarms": self.alarms().filter(mine, pl.col("corrector") == row["corrector"])}

    def demoted(self) -> list[str]:
        """What is asked again at present because its error rate has risen, in words."""
        return progress.demoted(self)

    def suspects(self) -> pl.DataFrame:
        """Past decisions that are probably slips; `confirm` or `undo_decisions` settles one. See `engine.second_opinion.doubtful`."""
        return second_opinion.doubtful(self)

    def confirm(self, decision_id: str, *, by: str) -> None:
        """Say that a past decision was right, so that it is no longer suspect."""
        second_opinion.confirm(self, decision_id, by=by)

    def second_reviews(self, *, by: str) -> pl.DataFrame:
        """Decisions drawn at random that this person is asked about again; see `engine.second_opinion.open_reviews`."""
        return second_opinion.open_reviews(self, by=by)

    def second_review(self, decision_id: str, verdict: str, *, by: str, value: str = "") -> bool:
        """Note what a second person says of a decision; gives whether both agree."""
        if verdict not in set(Verdict):
            raise ConfigError(f"Unknown verdict {verdict!r}; say {', '.join(Verdict)}.")
        return second_opinion.answer(self, decision_id, Verdict(verdict), by=by, value=value)

    def reviewers(self) -> pl.DataFrame:
        """Each reviewer's decisions and estimated error rate, with its interval; see `engine.second_opinion.reviewers`."""
        return second_opinion.reviewers(self)

    @property
    def model(self) -> ConfidenceModel:
        """The champion, reloaded when another process has promoted a new one; before the first training, the priors."""
        version, folder = versions.champion(self.store)
        if version != self._model[0]:
            self._model = (version, versions.load_model(folder) if folder else self.new_model())
        return self._model[1]

    def _shadow_scores(self, weighed: pl.DataFrame) -> tuple[int | None, list[float | None]]:
        """Version in the shadow, and what it says of each candidate."""
        version, folder = versions.shadowed(self.store)
        if version is None or folder is None:
            return None, [None] * weighed.height
        if version != self._shadow[0]:
            self._shadow = (version, versions.load_model(folder))
        return version, learn.shadow_confidence(self._shadow[1], weighed["features"]).to_list()

    def new_model(self) -> ConfidenceModel:
        """A confidence model that knows nothing but the priors, as the settings want it."""
        strength = 1 / self.settings.knowledge_management.learning_rate
        return ConfidenceModel(
            strength=strength, certainty=self.settings.error_budget.certainty, seed=self.settings.seed
        )

    def train(self, *, by: str = "local") -> learn.Training:
        """Fit a challenger on the earlier decisions and promote it if it beats the champion on the later ones."""
        return learn.train(self, by=by)

    def evaluate(self, version: int | None = None) -> dict[str, float]:
        """Every measure of a version (the champion when left out) on decisions it has not seen; see `engine.learn.evaluate_version`."""
        return learn.evaluate_version(self, version)

    def compare(self, version: int | None = None) -> learn.Comparison:
        """A version (the one in the shadow when left out, else the newest) beside the champion; see `engine.learn.compare`."""
        return learn.compare(self, version)

    def models(self) -> pl.DataFrame:
        """Every trained version with its measures, newest first, the champion and the one in the shadow marked."""
        return versions.versions(self)

    def shadow(self, version: int | None, *, by: str = "local") -> None:
        """Let a version score every new candidate beside the champion, without acting; None ends it."""
        versions.shadow(self, version, by=by)

    def promote(self, version: int, *, by: str = "local", force: bool = False) -> str:
        """Make a version the champion that every process loads, if it beats the present one; see `engine.learn.promote`."""
        return learn.promote(self, version, by=by, force=force)

    def rollback(self, *, by: str = "local") -> int:
        """Return to the champion before this one; gives its version."""
        return versions.rollback(self, by=by)

    @cached_property
    def history(self) -> replay.History:
        """Past issues as they were weighed; see `engine.replay.History`."""
        return replay.History(self.store)

    def replay(
        self,
        *,
        policy: Policy | None = None,
        version: int | None = None,
        rules: Mapping[str, float | None] | None = None,
        since: datetime | None = None,
    ) -> replay.Replay:
        """What another policy, model version or automatic rule would have done to past issues; see `engine.replay.replay`."""
        return replay.replay(self, policy or self.policy, version=version, rules=rules, since=since)

    # Rules

    def rules(self, channel: str) -> tuple[Any, ...]:
        """All rules in force for a channel, the merchant's own included."""
        return load_rules(channel, extra=merchant_rules(self.store, channel))

    def add_rule(self, rule: Mapping[str, Any] | str, *, channel: str, by: str = "local") -> None:
        """Add or replace a merchant's rule, in the same form as the rulebook (a mapping or TOML text).

        Raises
        ------
        ConfigError
            When the rule is not well formed or its own examples contradict it.
        """
        load_rules(channel)
        parsed = parse_rules(rule if isinstance(rule, str) else [rule], origin="merchant", channel=channel)
        if problems := [problem for one in parsed for problem in prove(one)]:
            raise ConfigError("The rule's own examples contradict it:", problems)
        for one, table in zip(parsed, _tables(rule), strict=True):
            save_rule(self.store, one, table, channel=channel, by=by)

    def validator(self, channel: str, kind: str, connection: str = "") -> Validator:
        """The compiled rules of a channel for a kind; compiled again only when something of them changed.

        With a connection, those that its platform publishes are among them, and those that demand a field which the
        platform does not have are not.
        """
        extra = merchant_rules(self.store, channel)
        published = requirements.mark(self.store, connection) if connection and kind == "product" else ""
        mark = json.dumps([extra, published], sort_keys=True, default=str)
        known = self._validators.get((channel, kind, connection))
        if known is None or known[0] != mark:
            fields = self._fields_of(channel, kind, connection)
            rules = applicable(load_rules(channel, extra=extra), kind, fields)
            if published:
                rules += applicable(
                    requirements.rules_of(self.store, connection, channel), kind, fields, published=True
                )
            known = (mark, Validator(rules, kind))
            self._validators[channel, kind, connection] = known
        return known[1]

    # Figures

    def metrics(self, *, since: datetime | None = None) -> pl.DataFrame:
        """The six key figures: ``metric, value, target, meaning``."""
        return metrics.key_figures(self.store, self.lake, since=since)

    def sql(self, query: str) -> pl.DataFrame:
        """Answer of a DuckDB query over lake and knowledge base, read only."""
        return metrics.query(self.store, self.lake, query)

    # For jobs

    def connection(self, name: str) -> tuple[Connection, str]:
        """A connection with its credentials, and its channel."""
        connection, channel = load_connection(self.store, self.vault, name)
        if connection.platform == FEED:
            raise ConfigError(f"Connection {name!r} has no platform to read from: its records come through ingest.")
        return connection, channel

    def open_connector(self, connection: Connection) -> port.Connector:
        """An open connector; credentials that the platform replaces meanwhile are stored at once, sealed."""

        def remember(new: Mapping[str, str]) -> None:
            replace_credentials(self.store, self.vault, connection.name, new)

        return port.connector(connection, **{"remember": remember, **self.connector_options})

    def channel(self, name: str) -> str:
        """The channel of a connection."""
        return channel_of(self.store, name) or load_connection(self.store, self.vault, name)[1]

    def declare_feed(self, name: str, channel: str) -> None:
        """Make sure that a connection without platform exists under that name."""
        load_rules(channel)
        if (known := channel_of(self.store, name)) and known != channel:
            raise ConfigError(f"Connection {name!r} belongs to channel {known!r}; use another name for {channel!r}.")
        if not known:
            save_connection(
                self.store, self.vault, name=name, platform=FEED, channel=channel, credentials={}, by="local"
            )

    @contextmanager
    def target(self, name: str, run_id: str) -> Iterator[Target]:
        """Where corrections of a connection are written to."""
        connection, _ = load_connection(self.store, self.vault, name)
        if connection.platform == FEED:
            yield LakeTarget(self.lake, name, run_id)
            return
        connector = self.open_connector(connection)
        try:
            yield connector
        finally:
            connector.close()

    def is_writable(self, connection: str, kind: str, field: str) -> bool:
        """Whether the platform behind a connection lets a field be written."""
        name = self._platform_of(connection)
        if name == FEED:
            return True
        writable = port.platform(name).writable.get(kind, frozenset())
        return field in writable or field.partition(".")[0] in writable

    def settles_s(self, connection: str) -> float:
        """Seconds within which the platform behind a connection shows an accepted change."""
        name = self._platform_of(connection)
        return 0.0 if name == FEED else port.platform(name).settles_s

    def rewritten(self, connection: str) -> Mapping[str, frozenset[str]]:
        """Kind to the fields whose values the platform replaces by its own; see `connectors.platform.Platform`."""
        name = self._platform_of(connection)
        return {} if name == FEED else port.platform(name).rewritten

    def candidate_rows(self, weighed: pl.DataFrame, asked: pl.DataFrame) -> list[dict[str, Any]]:
        """Rows of the table ``candidates`` from `engine.suggest.Suggester.suggest`; personal values are sealed."""
        where = {
            row["issue_id"]: (row["kind"], row["field"])
            for row in asked.select("issue_id", "kind", "field").iter_rows(named=True)
        }
        version = versions.champion(self.store)[0]
        shadow, said = self._shadow_scores(weighed)
        rows = []
        weighed = weighed.drop("pattern_decided", "pattern_approved").with_columns(
            pl.Series("shadow_confidence", said, dtype=pl.Float64)
        )
        for row in weighed.iter_rows(named=True):
            kind, name = where[row["issue_id"]]
            value = (
                self.vault.seal(row["value"], shown=mask(row["value"]))
                if record_field(kind, name).personal
                else row["value"]
            )
            made = {
                "candidate_id": str(uuid.uuid4()),
                "value": value,
                "features": json.loads(row["features"]),
                "model_version": version,
                "shadow_version": shadow,
            }
            rows.append(row | made)
        return rows

    def _issue(self, issue_id: str) -> dict[str, Any]:
        rows = self.store.rows(sa.select(issues).where(issues.c.issue_id == issue_id))
        if not rows:
            raise ConfigError(f"There is no issue {issue_id!r}.")
        return rows[0]

    def _fields_of(self, channel: str, kind: str, connection: str) -> frozenset[str]:
        """The fields that records of a connection can have; empty where everything is possible."""
        name = self._platform_of(connection) if connection else channel
        known = port.platforms().get(channel if name == FEED else name)
        return known.readable.get(kind, frozenset()) if known else frozenset()

    def _platform_of(self, connection: str) -> str:
        names = dict(self.connections().select("name", "platform").iter_rows())
        return names.get(connection, FEED)

    def _check_values(self, values: Mapping[str, str]) -> None:
        names = ("issue_id", "connection", "channel", "kind", "record_key", "field")
        query = sa.select(*(issues.c[name] for name in names)).where(issues.c.issue_id.in_(list(values)))
        asked = self.store.frame(query, dict.fromkeys(names, pl.String)).with_columns(
            pl.col("issue_id").replace_strict(values, return_dtype=pl.String).alias("value")
        )
        problems = set()
        for (connection, channel, kind, name), part in asked.partition_by(*names[1:4], "field", as_dict=True).items():
            validator = self.validator(channel, kind, connection)
            mine = {rule.id: rule for rule in validator.rules if rule.field == name}
            records = self.lake.find(connection, kind, part["record_key"].to_list())
            found = records.join(part.select("record_key", "value"), on="record_key", maintain_order="left")
            broken = validator.broken(replace_field(found.drop("value"), name, found["value"]))
            for row, rule in broken.filter(pl.col("rule_id").is_in(list(mine))).iter_rows():
                problems.add(f"{found['value'][row]!r} breaks {rule}: {mine[rule].why}")
        if problems:
            raise ConfigError("This value would be refused:", sorted(problems))


def is_expected(error: BaseException) -> bool:
    """Whether an error is one of the product's own, whose message is written for people."""
    return isinstance(error, ChannelmendError | PlatformError)


def _checked_credentials(platform: port.Platform, given: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    fields = {one.name: one for one in platform.credentials}
    problems = [f"{name}: unknown; known are {', '.join(fields)}" for name in sorted(set(given) - set(fields))]
    problems += [
        f"{one.name}: missing ({one.label}. {one.help})"
        for one in fields.values()
        if one.required and not one.replaced_by and not given.get(one.name)
    ]
    if problems:
        raise ConfigError(f"The credentials for {platform.title} are not complete:", problems)
    warnings = [
        f"{name} is no longer used by {platform.title}: {fields[name].replaced_by}"
        for name in given
        if fields[name].replaced_by
    ]
    kept = {one.name: given.get(one.name) or one.default for one in fields.values() if not one.replaced_by}
    return {name: str(value) for name, value in kept.items() if value}, warnings


def _unsealed_names(frame: pl.DataFrame, column: str) -> pl.Series:
    return pl.Series(column, [None if value is None else masked(value) for value in frame[column]], dtype=pl.String)


def _tables(rule: Mapping[str, Any] | str) -> list[Mapping[str, Any]]:
    return [rule] if isinstance(rule, Mapping) else tomllib.loads(rule)["rule"]
