"""Rules: what a channel wants of a field, as data with its proof.

A rule is a table in TOML (`engine/rulebook/*.toml`) or the same as a mapping (a merchant's own rule). It names a check
(`engine.checks`) and its parameters, says why and from which source, and carries examples that must pass and must
fail; `prove` runs them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from connectors import record
from engine.checks import CHECKS, Check, Subject
from engine.errors import ConfigError
from engine.types import RuleType, Severity

__all__ = ["COMMON", "RULEBOOK", "Rule", "applicable", "channels", "load_rules", "parse_rules", "prove"]

RULEBOOK = Path(__file__).parent / "rulebook"
COMMON = "common"

_GENERIC = ("files", "generic")
"""Channels without rules of their own: only what is wrong everywhere is judged."""

_ORIGINS = ("built_in", "channel", "merchant", "learned")
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NEEDED = ("id", "kinds", "field", "type", "check", "severity", "why", "source", "good", "bad")
_KEYS = (*_NEEDED, "params", "fix", "correction", "when", "is_active")
_CONDITIONS = ("equals", "not_equals", "empty", "matches")


@dataclass(frozen=True)
class Rule:
    """One demand of a channel.

    Parameters
    ----------
    id : str
        Lower-case words joined by hyphens; names the fault.
    kinds : tuple of str
        Kinds of record it judges.
    field : str
        Canonical column, or ``attributes.<name>``.
    type : RuleType
    check : str
        Name in `engine.checks.CHECKS`.
    params : mapping
        Parameters of the check.
    severity : Severity
    why : str
        What happens when it is broken, for the reviewer.
    source : str
        Title or address of the document it comes from, and the date it was read.
    fix : str
        ``safe``: a correction cannot change the meaning; ``unsafe``: it can.
    correction : tuple of str
        Correctors that may answer (file names in `engine.correctors`); those that answer every field are always asked.
    when : tuple of mapping
        Conditions on other fields of the record; all must hold. Each names a ``field`` and one of ``equals`` (list),
        ``not_equals`` (list), ``empty`` (bool), ``matches`` (pattern, anywhere in the text).
    good, bad : tuple
        Examples: a value of the field, or a mapping of several fields. In a mapping ``rows`` repeats the record, and
        ``repeat`` the rule's own field (text or list) within it.
    channel : str
        ``common`` or the channel it belongs to.
    origin : str
        built_in (common), channel, merchant or learned.
    is_active : bool
    """

    id: str
    kinds: tuple[str, ...]
    field: str
    type: RuleType
    check: str
    params: Mapping[str, Any]
    severity: Severity
    why: str
    source: str
    fix: str
    correction: tuple[str, ...]
    when: tuple[Mapping[str, Any], ...]
    good: tuple[Any, ...]
    bad: tuple[Any, ...]
    channel: str
    origin: str
    is_active: bool = True

    @property
    def definition(self) -> Check:
        """The check it uses."""
        return CHECKS[self.check]

    def expression(self, kind: str) -> pl.Expr:
        """Expression over canonical columns that is true for the rows of `kind` that break the rule; never null.

        Raises
        ------
        ValueError
            When the parameters do not suit the check, or a field is not one of that kind.
        """
        subject = Subject(kind, self.field)
        broken = self.definition.expression(subject, self.params)
        masks = [_condition(kind, one) for one in self.when]
        if subject.judged is not None:
            masks.append(subject.judged)
        if not self.definition.absence:
            masks.append(~subject.blank)
        for mask in masks:
            broken = mask & broken
        return broken.fill_null(False)


@cache
def channels() -> tuple[str, ...]:
    """Names of the channels that have a rulebook, in alphabetical order."""
    return tuple(sorted(one.stem for one in RULEBOOK.glob("*.toml") if one.stem != COMMON))


def load_rules(channel: str, *, extra: Sequence[Mapping[str, Any]] = ()) -> tuple[Rule, ...]:
    """The active rules of a channel: those of every channel, its own, and the merchant's.

    Parameters
    ----------
    channel : str
        One of `channels`; ``common``, ``files`` and ``generic`` have the common rules only.
    extra : sequence of mapping
        The merchant's rules in the form of the rulebook. One with the id of another replaces it;
        ``is_active = false`` switches it off, for which ``{id, is_active}`` is enough.

    Returns
    -------
    tuple of Rule
        In the order of the rulebooks, common ones first.

    Raises
    ------
    ConfigError
        When the channel is unknown, or a rule cannot be used; lists all problems.
    """
    if channel not in (*channels(), COMMON, *_GENERIC):
        known = ", ".join((*channels(), *_GENERIC))
        raise ConfigError(f"There is no rulebook for channel {channel!r}. Known channels: {known}.")
    rules = {rule.id: rule for rule in _book(COMMON)}
    if channel in channels():
        rules |= {rule.id: rule for rule in _book(channel)}
    switched = [one for one in extra if set(one) == {"id", "is_active"} and one["id"] in rules]
    own = [one for one in extra if one not in switched]
    rules |= {rule.id: rule for rule in parse_rules(own, origin="merchant", channel=channel)}
    off = {one["id"] for one in switched if not one["is_active"]}
    on = {one["id"] for one in switched if one["is_active"]}
    return tuple(rule for rule in rules.values() if rule.id in on or (rule.is_active and rule.id not in off))


def applicable(rules: Iterable[Rule], kind: str, fields: Collection[str], *, published: bool = False) -> list[Rule]:
    """The rules that can say something where records of `kind` have these fields alone.

    A rule that demands a field which a platform does not have would name every record; every other rule is silent where
    nothing is given. An empty collection of fields leaves all rules in. A rulebook's own demands are taken at their word;
    what a platform publishes is not (`published`), for it may speak of fields that it does not show.
    """
    return [
        rule
        for rule in rules
        if not fields
        or (rule.origin != "built_in" and not published)
        or not rule.definition.absence
        or kind not in rule.kinds
        or rule.field.partition(".")[0] in fields
    ]


def parse_rules(source: str | Iterable[Mapping[str, Any]], *, origin: str, channel: str) -> tuple[Rule, ...]:
    """Rules from TOML text or from mappings in the same form.

    Parameters
    ----------
    source : str or iterable of mapping
        TOML with ``[[rule]]`` tables, or the tables.
    origin : {"built_in", "channel", "merchant", "learned"}
    channel : str

    Raises
    ------
    ConfigError
        With every problem of every rule, each with the rule's id, what is wrong and what is allowed.
    """
    if origin not in _ORIGINS:
        raise ConfigError(f"Origin {origin!r} of rules is not one of {', '.join(_ORIGINS)}.")
    tables = _tables(source, channel) if isinstance(source, str) else list(source)
    problems: list[str] = []
    rules: list[Rule] = []
    seen: set[str] = set()
    for number, table in enumerate(tables, 1):
        name = f"rule {table.get('id') or number}" if isinstance(table, Mapping) else f"rule {number}"
        found = _shape_problems(table)
        if not found and table["id"] in seen:
            found = ["there are two rules with this id"]
        if not found:
            rule = _rule(table, origin, channel)
            seen.add(rule.id)
            found = _meaning_problems(rule)
            rules.append(rule)
        problems += [f"{name}: {one}" for one in found]
    if problems:
        raise ConfigError(f"{len(problems)} problems in the rules of {channel!r} ({origin}):", problems)
    return tuple(rules)


def prove(rule: Rule) -> list[str]:
    """Run the examples of a rule; the list of those that do not behave, empty when the rule is proven."""
    failures = []
    for kind in rule.kinds:
        expression = rule.expression(kind)
        for wanted, examples in ((False, rule.good), (True, rule.bad)):
            for example in examples:
                frame = _example_frame(kind, rule.field, example)
                if bool(frame.select(expression.any()).item()) != wanted:
                    verb = "passes, though it is a bad example" if wanted else "is refused, though it is a good example"
                    failures.append(f"rule {rule.id} ({kind}): {example!r} {verb}")
    return failures


@cache
def _book(name: str) -> tuple[Rule, ...]:
    text = (RULEBOOK / f"{name}.toml").read_text(encoding="utf-8")
    return parse_rules(text, origin="built_in" if name == COMMON else "channel", channel=name)


def _tables(text: str, channel: str) -> list[Any]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The rules of {channel!r} are not valid TOML: {error}.") from None
    if unknown := set(document) - {"rule"}:
        raise ConfigError(f"The rules of {channel!r} hold {sorted(unknown)}; only [[rule]] tables are allowed.")
    tables = document.get("rule", [])
    if not isinstance(tables, list):
        raise ConfigError(f"The rules of {channel!r}: write [[rule]] with double brackets for each rule.")
    return tables


def _shape_problems(table: Any) -> list[str]:
    if not isinstance(table, Mapping):
        return [f"is {type(table).__name__}, a table is needed"]
    problems = [f"{key} is missing" for key in _NEEDED if key not in table]
    problems += [f"unknown key {key!r} (known: {', '.join(_KEYS)})" for key in table if key not in _KEYS]
    for key in ("id", "field", "check", "why", "source"):
        if key in table and not (isinstance(table[key], str) and table[key].strip()):
            problems.append(f"{key} must be text, got {table[key]!r}")
    for key in ("kinds", "good", "bad"):
        if key in table and not (isinstance(table[key], list | tuple) and table[key]):
            problems.append(f"{key} must be a list with at least one entry, got {table[key]!r}")
    correction = table.get("correction", [])
    if not isinstance(correction, list | tuple) or not all(isinstance(one, str) for one in correction):
        problems.append(f"correction must be a list of names of correctors, got {correction!r}")
    if not isinstance(table.get("params", {}), Mapping):
        problems.append(f"params must be a table, got {table['params']!r}")
    if not isinstance(table.get("is_active", True), bool):
        problems.append(f"is_active must be true or false, got {table['is_active']!r}")
    for key, allowed in (("type", RuleType), ("severity", Severity)):
        if key in table and table[key] not in [one.value for one in allowed]:
            problems.append(f"{key} is {table[key]!r}, allowed: {', '.join(allowed)}")
    if table.get("fix", "unsafe") not in ("safe", "unsafe"):
        problems.append(f"fix is {table['fix']!r}, allowed: safe, unsafe")
    if isinstance(table.get("id"), str) and not _ID.fullmatch(table["id"]):
        problems.append(f"id {table['id']!r} must be lower-case words joined by hyphens")
    return problems + _when_problems(table.get("when", []))


def _when_problems(when: Any) -> list[str]:
    problems = []
    for one in when if isinstance(when, list | tuple) else [when]:
        if not isinstance(one, Mapping) or not isinstance(one.get("field"), str):
            problems.append(f"when must name a field, got {one!r}")
        elif len(one) != 2 or not set(one) <= {"field", *_CONDITIONS}:
            problems.append(f"when needs a field and one of {', '.join(_CONDITIONS)}, got {one!r}")
        else:
            name, value = next((key, value) for key, value in one.items() if key != "field")
            wanted = {"empty": bool, "matches": str}.get(name, list)
            if not isinstance(value, wanted):
                problems.append(f"when: {name} must be {wanted.__name__}, got {value!r}")
    return problems


def _meaning_problems(rule: Rule) -> list[str]:
    problems = []
    if rule.check not in CHECKS:
        return [f"there is no check {rule.check!r}; known: {', '.join(sorted(CHECKS))}"]
    for kind in rule.kinds:
        if kind not in record.KINDS:
            problems.append(f"kind {kind!r} is not one of {', '.join(record.KINDS)}")
            continue
        try:
            if "." not in rule.field and record.field(kind, rule.field).dtype == record.ATTRIBUTES:
                problems.append(f"field {rule.field!r} is a map; name an entry, such as attributes.colour")
                continue
            rule.expression(kind)
            for example in (*rule.good, *rule.bad):
                _example_frame(kind, rule.field, example)
        except KeyError as error:
            problems.append(str(error.args[0]))
        except (ValueError, TypeError, pl.exceptions.PolarsError) as error:
            problems.append(str(error))
    return problems


def _rule(table: Mapping[str, Any], origin: str, channel: str) -> Rule:
    when = table.get("when", [])
    return Rule(
        id=table["id"],
        kinds=tuple(table["kinds"]),
        field=table["field"],
        type=RuleType(table["type"]),
        check=table["check"],
        params=dict(table.get("params", {})),
        severity=Severity(table["severity"]),
        why=table["why"],
        source=table["source"],
        fix=table.get("fix", "unsafe"),
        correction=tuple(table.get("correction", ())),
        when=tuple(when) if isinstance(when, list | tuple) else (when,),
        good=tuple(table["good"]),
        bad=tuple(table["bad"]),
        channel=channel,
        origin=origin,
        is_active=table.get("is_active", True),
    )


def _condition(kind: str, when: Mapping[str, Any]) -> pl.Expr:
    subject = Subject(kind, when["field"])
    record.field(kind, when["field"])
    if "empty" in when:
        return subject.blank if when["empty"] else ~subject.blank
    if "matches" in when:
        return CHECKS["pattern"].expression(subject, {"without": when["matches"]})
    among = CHECKS["none_of"].expression(
        subject, {"values": list(when.get("equals", when.get("not_equals"))), "ignore_case": True}
    )
    return among if "equals" in when else ~among


def _example_frame(kind: str, name: str, example: Any) -> pl.DataFrame:
    """One record (or ``rows`` equal ones) with the fields of an example, everything else empty."""
    values = dict(example) if isinstance(example, Mapping) else {name: example}
    rows, repeat = values.pop("rows", 1), values.pop("repeat", 1)
    if repeat != 1:
        values[name] = values[name] * repeat
    cells: dict[str, Any] = {}
    attributes: list[dict[str, str]] = []
    for key, value in values.items():
        column, _, entry = key.partition(".")
        one = record.field(kind, column)
        if entry:
            attributes.append({"key": entry, "value": str(value)})
        elif one.dtype == pl.List(pl.String):
            cells[column] = list(value) if isinstance(value, list | tuple) else [str(value)]
        else:
            cells[column] = str(value)
    schema = record.schema(kind)
    if "attributes" in schema:
        cells["attributes"] = attributes
    empty = {
        column: [] if dtype == pl.List(pl.String) else "" for column, dtype in schema.items() if column not in cells
    }
    frame = pl.DataFrame([cells | empty], schema=schema)
    return pl.concat([frame] * rows) if rows > 1 else frame
