"""A connector from a description: which lists a platform has, what their fields mean, and how a field is written.

A platform's file holds a class derived from `RestConnector` with three constants (`Site`, `Stream` by kind, `Update` by
kind) and ends with ``PLATFORM = TheClass.describe(...)``. Where data cannot say what a platform does, the class
overrides the one method that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

import httpx

from connectors.address import site_address
from connectors.changes import Change, InvalidError, Outcome, Outcomes, outcome_of
from connectors.client import Client
from connectors.errors import PlatformError, RefusedError
from connectors.limits import Limiter, Limits, Rate, shared
from connectors.manners import Answer, Manners
from connectors.mapping import Source, at, canonical, raw_text, text
from connectors.paginate import Once, Pager
from connectors.platform import Capability, Connection, Connector, CredentialField, Platform
from connectors.redaction import Secrets
from connectors.remote import Environment, Given, RemoteConnector, credentials

__all__ = ["ADDRESS", "Opening", "Prepared", "RestConnector", "Site", "Stream", "Update", "address_or", "merged"]

Payload = Mapping[str, Any]

Writer = Callable[[str, Payload], Mapping[str, Any]]
"""``writer(value, current)`` gives the part of a body that sets a field; `InvalidError` where the value must not be sent.
``current`` is the record as it is stored, empty unless the `Update` reads it."""

ADDRESS = CredentialField(
    "api_address",
    "Address of the interface",
    "leave it empty; only a proxy of your own or an offline twin has another one",
    secret=False,
    required=False,
)
"""For platforms whose address is the same for everybody."""


@dataclass(frozen=True)
class Opening:
    """What a connection is opened with: credentials without blanks, the address, and what must be hidden."""

    connection: Connection
    given: Given
    address: str
    known: Secrets
    environment: Environment


@dataclass(frozen=True)
class Site:
    """How a platform is reached.

    Parameters
    ----------
    address : callable
        ``address(given) -> str``: scheme, host and path that every path is appended to.
    auth : callable
        ``auth(opening) -> httpx.Auth or None``.
    manners : Manners
    limits : Limits
        The default is politeness towards a small host.
    headers : callable
        ``headers(given) -> mapping``, sent with every request.
    stamp : callable or None
        Adds what every single request carries anew.
    account : callable
        ``account(given) -> str``: what the platform counts its limit on; connections of one account share a limiter.
        The address, unless several accounts live there.
    """

    address: Callable[[Given], str]
    auth: Callable[[Opening], httpx.Auth | None]
    manners: Manners
    limits: Limits = field(default_factory=lambda: Limits(Rate(per_second=20, burst=40)))
    headers: Callable[[Given], Mapping[str, str]] = lambda given: {}
    stamp: Callable[[httpx.Request], None] | None = None
    account: Callable[[Given], str] = lambda given: ""


@dataclass(frozen=True)
class Stream:
    """A list of records.

    Parameters
    ----------
    path : str
    rows : str
        Dotted path of the rows in an answer; empty where the answer is the list.
    pages : Pager
    fields : mapping of str to source
        Canonical field to where its value comes from; ``record_key`` must be among them.
    computed : frozenset of str
        Fields that the connector's own `records` adds.
    params : mapping of str to str
        Sent with every page.
    since : callable or None
        ``since(moment) -> params`` that ask for what changed since then; None where the platform cannot be asked.
        Records that carry ``updated_at`` are then compared here.
    item : str
        Path of one record with ``{key}`` and ``{parent}``; empty where there is none.
    item_at : str
        Dotted path of the record in the answer to `item`.
    many : callable or None
        ``many(keys) -> params`` that ask the list for these records.
    many_size : int
        Keys at a time.
    lines : str
        Dotted path of an order's lines.
    line_fields : mapping of str to source
        For lines: canonical fields of ``order_line`` without ``record_key`` and ``order_key``.
    operation, item_operation : str
        Names of the calls in the platform's limits.
    """

    path: str
    fields: Mapping[str, Source]
    rows: str = ""
    pages: Pager = Once()  # noqa: RUF009
    computed: frozenset[str] = frozenset()
    params: Mapping[str, str] = field(default_factory=dict)
    since: Callable[[datetime], Mapping[str, str]] | None = None
    item: str = ""
    item_at: str = ""
    many: Callable[[Sequence[str]], Mapping[str, str]] | None = None
    many_size: int = 50
    lines: str = ""
    line_fields: Mapping[str, Source] = field(default_factory=dict)
    operation: str = ""
    item_operation: str = ""


@dataclass(frozen=True)
class Update:
    """How records of a kind are written.

    Parameters
    ----------
    path : str
        With ``{key}`` and ``{parent}``.
    fields : mapping of str to writer
        Canonical field to what sets it.
    method : str
    needs_current : frozenset of str
        Fields whose writer must know the record as it is stored.
    replaces : bool
        Whether the platform replaces the whole record by what is sent: then it is read, merged and written.
    leave_out : frozenset of str
        Members of a record that the platform gives and does not take back.
    wrap : str
        Member that the record sits in, in a body; empty: the body is the record.
    together : tuple of frozenset of str
        Fields that make sense only in one request; their writers get the values of the others in ``current``.
    many : int
        Records of one batch or feed (`RestConnector.put_many`); 0 where there is none.
    many_from : int
        From how many records on the batch is used.
    once : frozenset of str
        Fields whose request must not be sent again when no answer came (pictures are downloaded during the call). Any
        other request sets values and does no harm twice.
    operation : str
        Name of the call in the platform's limits.
    """

    path: str
    fields: Mapping[str, Writer]
    method: str = "PATCH"
    needs_current: frozenset[str] = frozenset()
    replaces: bool = False
    leave_out: frozenset[str] = frozenset()
    wrap: str = ""
    together: tuple[frozenset[str], ...] = ()
    many: int = 0
    many_from: int = 2
    once: frozenset[str] = frozenset()
    operation: str = ""


@dataclass(frozen=True)
class Prepared:
    """Changes of one record, ready to be sent.

    Parameters
    ----------
    key, parent : str
    parts : tuple of (changes, fragment)
        What belongs together, with the part of the body that sets it.
    current : mapping
        The record as it is stored; empty where nobody needed it.
    """

    key: str
    parent: str
    parts: tuple[tuple[tuple[Change, ...], Mapping[str, Any]], ...]
    current: Payload = field(default_factory=dict)

    @property
    def changes(self) -> list[Change]:
        """All changes."""
        return [one for some, _ in self.parts for one in some]

    @property
    def fragment(self) -> dict[str, Any]:
        """The part of the body that sets all of them."""
        whole: dict[str, Any] = {}
        for _, fragment in self.parts:
            whole = merged(whole, fragment)
        return whole

    def all(self, outcome: Outcome) -> Outcomes:
        """The same outcome for every change."""
        return {one.correction_id: outcome for one in self.changes}


class RestConnector(RemoteConnector):
    """One account of a platform with a REST interface.

    Parameters
    ----------
    platform, connection, client, environment
        As for `RemoteConnector`.
    given : mapping of str to str
        The credentials, defaults filled in.
    """

    site: ClassVar[Site]
    streams: ClassVar[Mapping[str, Stream]] = {}
    updates: ClassVar[Mapping[str, Update]] = {}

    def __init__(
        self, platform: Platform, connection: Connection, client: Client, environment: Environment, given: Given
    ) -> None:
        super().__init__(platform, connection, client, environment)
        self._given = given

    # ---- the description ---------------------------------------------------------------------------------------

    @classmethod
    def describe(
        cls,
        *,
        name: str,
        title: str,
        docs: str,
        credentials: tuple[CredentialField, ...],
        extra: frozenset[Capability] = frozenset(),
        **facts: Any,
    ) -> Platform:
        """The platform whose connections this class opens; what it reads and writes follows from the description."""

        def open_(connection: Connection, **options: object) -> Connector:
            return cls._opened(platform, connection, Environment(**options))  # type: ignore[arg-type]

        batch = {Capability.BATCH} if any(one.many for one in cls.updates.values()) else set()
        platform = Platform(
            name=name,
            title=title,
            docs=docs,
            credentials=credentials,
            readable=cls._readable(),
            writable={kind: frozenset(update.fields) for kind, update in cls.updates.items()},
            incremental=frozenset(kind for kind, one in cls.streams.items() if one.since is not None),
            extra=extra | batch,
            open=open_,
            **facts,
        )
        return platform

    @classmethod
    def _readable(cls) -> dict[str, frozenset[str]]:
        found = {kind: frozenset(one.fields) | one.computed for kind, one in cls.streams.items()}
        orders = cls.streams.get("order")
        return found | ({"order_line": frozenset(orders.line_fields)} if orders else {})

    @classmethod
    def _opened(cls, platform: Platform, connection: Connection, environment: Environment) -> RestConnector:
        given, known = credentials(connection, platform)
        address = cls.site.address(given)
        opening = Opening(connection, given, address, known, environment)
        account = f"{address} {cls.site.account(given)}"
        client = Client(
            address,
            cls.site.manners,
            connection=connection.name,
            auth=cls.site.auth(opening),
            headers=cls.site.headers(given),
            limit=environment.limit
            or shared(platform.name, account, lambda: Limiter(cls.site.limits, environment.clock)),
            secrets=known,
            patience=environment.patience,
            stamp=cls.site.stamp,
            transport=environment.transport,
            sleep=environment.sleep,
            clock=environment.clock,
            random=environment.random,
        )
        return cls(platform, connection, client, environment, given)

    # ---- reading -----------------------------------------------------------------------------------------------

    def examine(self) -> list[str]:
        """Ask each list for its first page."""
        found = []
        for kind, stream in self.streams.items():
            self.ask(stream, dict(stream.params))
            found.append(f"{kind} records can be read")
        return [f"{self.platform.title} answers; {', '.join(found)}."]

    def ask(self, stream: Stream, params: Mapping[str, str], query: str = "") -> Answer:
        """One page of a list; `query` is the platform's own link to it and replaces the parameters."""
        if "://" in query:
            return self.client.send("GET", query, operation=stream.operation)
        if query:
            return self.client.send("GET", stream.path, query=query, operation=stream.operation)
        return self.client.send("GET", stream.path, params=params, operation=stream.operation)

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of the list of that kind."""
        if kind not in self.streams:
            return
        stream = self.streams[kind]
        changed = stream.since(since) if since is not None and stream.since is not None else {}
        yield from self.walk(stream, changed)

    def walk(self, stream: Stream, params: Mapping[str, str] | None = None) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of a list, asked with further parameters."""
        shared_params = {**stream.params, **(params or {})}

        def ask(position: Mapping[str, str] | str) -> Answer:
            if isinstance(position, str):
                return self.ask(stream, {}, position)
            return self.ask(stream, {**shared_params, **position})

        yield from stream.pages.pages(ask, stream.rows)

    def records(self, kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The row of a payload, and of an order its lines."""
        stream = self.streams[kind]
        row = canonical(payload, stream.fields) | {"raw": raw_text(payload)}
        yield kind, row
        for line in (at(payload, stream.lines) or []) if stream.lines else []:
            found = canonical(line, {"record_key": stream.line_fields["line_key"], **stream.line_fields})
            yield (
                "order_line",
                found
                | {"record_key": f"{row['record_key']}/{found['line_key']}", "order_key": row["record_key"]}
                | {"raw": raw_text(line)},
            )

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """The named records: several at a time where the list can be asked so, else one by one."""
        stream = self.streams[kind]
        wanted = [(key, parent) for key, parent in keys if self.is_key(kind, key)]
        if stream.many is not None:
            for start in range(0, len(wanted), stream.many_size):
                some = [key for key, _ in wanted[start : start + stream.many_size]]
                for rows in self.walk(stream, stream.many(some)):
                    yield from rows
            return
        for key, parent in wanted:
            found = self.item(stream, key, parent)
            if found is not None:
                yield found

    def item(self, stream: Stream, key: str, parent: str = "") -> Mapping[str, Any] | None:
        """One record; None when there is none of that key."""
        try:
            answer = self.client.send("GET", filled(stream.item, key, parent), operation=stream.item_operation)
        except RefusedError as error:
            if self.is_gone(error):
                return None
            raise
        found = at(answer.value, stream.item_at) if stream.item_at else answer.value
        return found or None

    def is_key(self, kind: str, key: str) -> bool:
        """Whether a key can be one of this platform's; others never become part of an address."""
        return bool(key.strip()) and not set(key.split("/")) & {".", "..", ""}

    def is_gone(self, error: PlatformError) -> bool:
        """Whether a refusal means that there is no such record."""
        return error.status in (404, 410)

    # ---- writing -----------------------------------------------------------------------------------------------

    def write(self, changes: Sequence[Change]) -> Iterator[Outcomes]:
        """One request a record, or a batch where the platform has one."""
        records: dict[str, dict[tuple[str, str], list[Change]]] = {}
        for one in changes:
            records.setdefault(one.kind, {}).setdefault((one.record_key, one.parent_key), []).append(one)
        for kind, groups in records.items():
            update = self.updates[kind]
            ready: list[Prepared] = []
            for outcomes, prepared in self._prepared(kind, groups):
                if outcomes:
                    yield outcomes
                if prepared is not None:
                    ready.append(prepared)
            if update.many and len(ready) >= update.many_from:
                for start in range(0, len(ready), update.many):
                    yield self.put_many(kind, ready[start : start + update.many])
            else:
                for one_record in ready:
                    yield self._put_record(kind, one_record)

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """Send the changes of one record; an empty mapping means that all were accepted.

        Raises
        ------
        RefusedError
            When the platform refuses; the changes are then tried one by one.
        """
        update = self.updates[kind]
        path = filled(update.path, prepared.key, prepared.parent)
        self.client.send(
            update.method,
            path,
            body=self.body(kind, prepared),
            idempotent=not any(one.field in update.once for one in prepared.changes),
            operation=update.operation,
        )
        return {}

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Send the changes of several records in one batch or feed, and read the platform's report on each."""
        raise NotImplementedError(f"{type(self).__name__} has Update.many and no put_many")

    def body(self, kind: str, prepared: Prepared) -> Any:
        """What is sent for one record: the changes alone, or the whole record with the changes in it."""
        update = self.updates[kind]
        whole: Mapping[str, Any] = prepared.fragment
        if update.replaces:
            kept = {name: value for name, value in prepared.current.items() if name not in update.leave_out}
            whole = merged(kept, prepared.fragment)
        return {update.wrap: whole} if update.wrap else whole

    def current(self, kind: str, keys: Sequence[tuple[str, str]]) -> dict[str, Payload]:
        """Record key to the record as it is stored, in the form that the writers and `body` work on."""
        found: dict[str, Payload] = {}
        for payload in self.payloads(kind, keys):
            for of_kind, row in self._rows(kind, payload):
                if of_kind == kind:
                    found.setdefault(row["record_key"], payload)
        return found

    def _prepared(
        self, kind: str, groups: Mapping[tuple[str, str], list[Change]]
    ) -> Iterator[tuple[Outcomes, Prepared | None]]:
        update = self.updates[kind]
        stored = self.current(kind, list(groups)) if self._needs_current(update, groups) else None
        for (key, parent), some in groups.items():
            if not self.is_key(kind, key) or (stored is not None and key not in stored):
                gone = Outcome("missing", f"{self.platform.title} has no {kind} {key!r} any more.")
                yield {one.correction_id: gone for one in some}, None
                continue
            current = stored[key] if stored is not None else {}
            outcomes: Outcomes = {}
            parts = []
            for together in _together(update, some):
                try:
                    fragment: dict[str, Any] = {}
                    for one in together:
                        values = {other.field: other.value for other in together if other is not one}
                        seen = {**current, "together": values} if values else current
                        fragment = merged(fragment, update.fields[one.field](one.value, seen))
                    parts.append((tuple(together), fragment))
                except InvalidError as error:
                    outcomes |= error.outcomes(together)
            yield outcomes, Prepared(key, parent, tuple(parts), current) if parts else None

    def _needs_current(self, update: Update, groups: Mapping[tuple[str, str], list[Change]]) -> bool:
        fields = {one.field for some in groups.values() for one in some}
        return update.replaces or bool(fields & update.needs_current)

    def _put_record(self, kind: str, prepared: Prepared) -> Outcomes:
        try:
            return prepared.all(Outcome()) | self.put(kind, prepared)
        except InvalidError as error:
            return error.outcomes(prepared.changes)
        except RefusedError as error:
            if self.is_gone(error):
                return prepared.all(Outcome("missing", error.words or str(error)))
            if len(prepared.parts) == 1:
                return prepared.all(outcome_of(error))
        except PlatformError as error:
            return prepared.all(outcome_of(error))
        # A platform stores nothing of a request with one bad field: the good ones go alone.
        outcomes: Outcomes = {}
        for part in prepared.parts:
            outcomes |= self._put_record(kind, Prepared(prepared.key, prepared.parent, (part,), prepared.current))
        return outcomes


def filled(path: str, key: str, parent: str = "") -> str:
    """A path with its keys put in, percent-encoded whole: no key leads to another address."""
    return path.replace("{key}", quote(key, safe="")).replace("{parent}", quote(parent, safe=""))


def merged(whole: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """The one with the members of the other put in, object by object; lists and plain values are replaced."""
    result = dict(whole)
    for name, value in part.items():
        known = result.get(name)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        result[name] = merged(known, value) if both else value  # type: ignore[arg-type]
    return result


def address_or(given: Given, default: str) -> str:
    """The platform's own address, unless the merchant typed another one into `ADDRESS`."""
    typed = text(given.get(ADDRESS.name))
    return site_address(typed, name=ADDRESS.name) if typed else default


def _together(update: Update, changes: Sequence[Change]) -> list[list[Change]]:
    """Changes that make sense only together in one list, every other one alone."""
    rest = list(changes)
    found = []
    for names in update.together:
        some = [one for one in rest if one.field in names]
        if some:
            found.append(some)
            rest = [one for one in rest if one.field not in names]
    return found + [[one] for one in rest]
