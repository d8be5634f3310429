"""What is read from which column of one file: the layout, the guesses and the merchant's own mapping, put together."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from connectors.errors import SourceError
from connectors.files.delimited import RAW
from connectors.files.forms import FORMS, UNITS, unit_of
from connectors.files.guesses import guess
from connectors.files.layouts import ANY_UNIT, LAYOUTS, Layout, key_of, recognise, unit_in
from connectors.files.records import ROW
from connectors.record import FIELDS

__all__ = ["Entry", "Plan", "bind", "load_mapping"]

_MAPPING_KEYS = {"field", "unit", "constant", "form"}


@dataclass(frozen=True)
class Entry:
    """One column of a file and what it says.

    Parameters
    ----------
    column : str
        Name in the frame of cells.
    field : str
        Canonical field; ``line.<field>`` for an order's line; ``<name>`` for the layout's own use.
    form, unit : str
        See `connectors.files.forms`.
    why : str
        ``layout``, ``mapping`` or the reason of the guess.
    """

    column: str
    field: str
    form: str = "text"
    unit: str = ""
    why: str = "layout"


@dataclass(frozen=True)
class Plan:
    """How one file is read.

    Parameters
    ----------
    kind : str
    layout : str
        Name of the layout, ``guess`` where the columns were guessed by name, ``mapping`` where only a mapping counts.
    shape : str
        See `connectors.files.layouts.Layout`.
    entries : tuple of Entry
    pairs : tuple of (str, str)
        Columns that hold the name and the value of an attribute.
    constants : mapping of str to str
        Values of fields that no column or an empty cell leaves open.
    refused : tuple of str
        Guesses that the values spoke against, for the report.
    """

    kind: str
    layout: str
    shape: str
    entries: tuple[Entry, ...]
    pairs: tuple[tuple[str, str], ...]
    constants: Mapping[str, str]
    refused: tuple[str, ...] = ()

    def of(self, field: str) -> list[Entry]:
        """Entries of one field, the first that counts first."""
        return [e for e in self.entries if e.field == field]

    def left(self, columns: Sequence[str]) -> list[str]:
        """Columns that stay in the raw payload only."""
        known = {e.column for e in self.entries} | {c for pair in self.pairs for c in pair}
        return [c for c in columns if c not in known and c not in (ROW, RAW)]

    def report(self, columns: Sequence[str]) -> list[str]:
        """Lines for a person: what is read from where, what is guessed, what is not used."""
        lines = []
        for e in self.entries:
            target = {"<handle>": "record_key", "<compare>": "price and sale_price"}.get(e.field, e.field.strip("<>"))
            how = f", in {e.unit}" if e.unit else ""
            lines.append(f"{e.column} -> {target}{how}{'' if e.why == 'layout' else f' ({e.why})'}")
        lines += [f"{name}/{value} -> attributes" for name, value in self.pairs]
        lines += [f"{field} = {value!r} for every row that has none" for field, value in self.constants.items()]
        lines += self.refused
        if left := self.left(columns):
            lines.append(f"kept in the raw payload only: {', '.join(left)}")
        return lines


def bind(
    cells: pl.DataFrame,
    kind: str,
    *,
    layout: str = "auto",
    mapping: Mapping[str, Mapping[str, str]] | None = None,
    constants: Mapping[str, str] | None = None,
) -> Plan:
    """The plan for a table.

    Parameters
    ----------
    cells : polars.DataFrame
        The first rows, as text.
    kind : str
        ``product``, ``order`` or ``stock``.
    layout : str
        ``auto``, ``guess``, ``none`` (the mapping alone) or a name in `LAYOUTS`.
    mapping : mapping
        As `load_mapping` gives it; goes before the layout.
    constants : mapping of str to str
        Values for open fields, such as the currency of the connection.

    Raises
    ------
    SourceError
        When the layout is unknown or is one of another kind, or the mapping does not fit; all problems in one message.
    """
    columns = [c for c in cells.columns if c not in (ROW, RAW)]
    found = _layout(layout, columns, kind)
    given, fixed = _mapped(mapping or {}, columns, kind)
    claimed = {e.column for e in given}
    entries: list[Entry] = list(given)
    pairs: tuple[tuple[str, str], ...] = ()
    refused: tuple[str, ...] = ()
    fields = {e.field for e in given} | set(fixed)
    name, shape = layout, "flat"
    defaults: dict[str, str] = {}
    if found is not None:
        name, shape = found.name, found.shape
        bound = _canonical(columns, kind) if found.name == "canonical" else _bound(found, columns)
        entries += [e for e in bound if e.column not in claimed and e.field not in fields]
        pairs = tuple(_pairs(found, columns))
    elif layout in ("auto", "guess"):
        name = "guess"
        guesses = guess(cells.select(c for c in columns if c not in claimed), kind, taken=fields)
        for one in guesses:
            if one.refused:
                refused += (f"{one.column} is not read as {one.field}: {one.refused}",)
                continue
            home = unit_of(one.field)
            form = "images" if one.field == "images" else "measure" if home else "text"
            assumed = (
                f"{one.reason}, taken to be in {home} where a cell names no unit"
                if home and not one.unit
                else one.reason
            )
            entries.append(Entry(one.column, one.field, form, one.unit, assumed))
            if one.currency:
                defaults.setdefault("currency", one.currency)
    else:
        name = "mapping"
    if not entries:
        raise SourceError(
            f"No column means anything as {kind}: {', '.join(columns[:30])}. Give a mapping of columns to fields "
            f"({', '.join(f.name for f in FIELDS[kind])}).",
            platform="files",
        )
    for field, value in (constants or {}).items():
        if value:
            defaults[field] = value
    return Plan(kind, name, shape, tuple(entries), pairs, defaults | fixed, refused)


def load_mapping(text: str | Path | Mapping[str, object] | None) -> dict[str, dict[str, str]] | None:
    """A mapping from JSON text, from a TOML or JSON file, or from a dictionary.

    ``{"Preis": "price", "Gewicht": {"field": "weight_g", "unit": "kg"}, "-": {"field": "currency", "constant": "EUR"}}``:
    each source column names a canonical field, or a table with ``field`` and optional ``unit`` (of the numbers in the
    column), ``form`` (see `connectors.files.forms.FORMS`) and ``constant`` (for rows where the column is absent or
    empty). The text is data only, nothing in it is run.

    Raises
    ------
    SourceError
        When it cannot be read or is not of that form; all problems in one message.
    """
    if text is None or text == "":
        return None
    found: object = text
    if isinstance(text, Path) or (isinstance(text, str) and not text.lstrip().startswith("{")):
        path = Path(text).expanduser()
        try:
            content = path.read_text("utf-8")
            found = tomllib.loads(content) if path.suffix.lower() == ".toml" else json.loads(content)
        except OSError as error:
            raise SourceError(
                f"The mapping {path} cannot be read: {error.strerror or error}.", platform="files"
            ) from error
        except (ValueError, RecursionError) as error:
            raise SourceError(f"The mapping {path} is not TOML or JSON: {error}.", platform="files") from error
    elif isinstance(text, str):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SourceError(f"The mapping is not JSON: {error}.", platform="files") from error
    if not isinstance(found, Mapping):
        raise SourceError("The mapping must be a table of source columns to canonical fields.", platform="files")
    problems: list[str] = []
    result: dict[str, dict[str, str]] = {}
    for column, value in found.items():
        entry = {"field": value} if isinstance(value, str) else value
        if not isinstance(entry, Mapping) or "field" not in entry or not set(entry) <= _MAPPING_KEYS:
            problems.append(f"{column!r}: expected a field name or a table of {', '.join(sorted(_MAPPING_KEYS))}")
        elif not all(isinstance(v, str) for v in entry.values()):
            problems.append(f"{column!r}: field, unit, constant and form are text")
        else:
            result[str(column)] = {str(k): str(v) for k, v in entry.items()}
    _raise(problems)
    return result


def _layout(layout: str, columns: Sequence[str], kind: str) -> Layout | None:
    if layout == "auto":
        return recognise(columns, kind=kind)
    if layout in ("guess", "none"):
        return None
    if layout not in LAYOUTS:
        raise SourceError(
            f"There is no layout {layout!r}. Known: auto, guess, none, {', '.join(LAYOUTS)}.", platform="files"
        )
    if LAYOUTS[layout].kind not in ("", kind):
        raise SourceError(f"The layout {layout!r} holds {LAYOUTS[layout].kind}s, not {kind}s.", platform="files")
    return LAYOUTS[layout]


def _mapped(
    mapping: Mapping[str, Mapping[str, str]], columns: Sequence[str], kind: str
) -> tuple[list[Entry], dict[str, str]]:
    names = {f.name for f in FIELDS[kind]} - {"level"} | ({"level"} if kind == "product" else set())
    lines = {f.name for f in FIELDS["order_line"]} - {"order_key", "record_key"} if kind == "order" else set()
    entries: list[Entry] = []
    constants: dict[str, str] = {}
    problems: list[str] = []
    for column, entry in mapping.items():
        field, unit = entry["field"].removeprefix("order_line."), entry.get("unit", "").lower()
        if field in lines and (field not in names or entry["field"].startswith("order_line.")):
            field = f"line.{field}"
        elif field not in names and not (field.startswith("attributes.") and kind == "product"):
            problems.append(
                f"{column!r}: {kind} has no field {entry['field']!r}; it has {', '.join(sorted(names | lines))}"
            )
        form = entry.get("form") or ("images" if field == "images" else "measure" if unit else "text")
        if form not in FORMS:
            problems.append(f"{column!r}: there is no form {form!r}; known are {', '.join(FORMS)}")
        if unit and (unit not in UNITS or UNITS[unit][0] != unit_of(field)):
            fitting = [u for u, (home, _) in UNITS.items() if home == unit_of(field)]
            problems.append(f"{column!r}: {unit!r} is no unit of {field}; {', '.join(fitting) or 'it has none'}")
        if "constant" in entry:
            constants[field] = entry["constant"]
        if column in columns:
            entries.append(Entry(column, field, form, unit, "mapping"))
        elif "constant" not in entry:
            problems.append(f"{column!r}: the file has no such column; it has {', '.join(columns[:40])}")
    _raise(problems)
    return entries, constants


def _bound(layout: Layout, columns: Sequence[str]) -> list[Entry]:
    exact = {key_of(c): c for c in reversed(columns)}
    based = {unit_in(c)[0]: (c, unit_in(c)[1]) for c in reversed(columns)}
    entries = []
    for one in layout.columns:
        key = key_of(one.source)
        if one.unit == ANY_UNIT:
            if key in based:
                column, unit = based[key]
                entries.append(Entry(column, one.field, one.form, unit))
        elif key in exact:
            entries.append(Entry(exact[key], one.field, one.form, one.unit))
    return entries


def _pairs(layout: Layout, columns: Sequence[str]) -> list[tuple[str, str]]:
    keys = {key_of(c): c for c in reversed(columns)}
    found = []
    for name, value in layout.pairs:
        for key, column in sorted(keys.items()):
            if number := re.fullmatch(name.replace("#", r"(\d+)"), key):
                other = keys.get(value.replace("#", number.group(1)))
                if other is not None:
                    found.append((column, other))
    return found


def _canonical(columns: Sequence[str], kind: str) -> list[Entry]:
    names = {f.name for f in FIELDS[kind]}
    lines = {f.name for f in FIELDS["order_line"]} - names if kind == "order" else set()
    entries = []
    for column in columns:
        if column == "attributes":
            entries.append(Entry(column, "<attributes>"))
        elif column in names or column.startswith("attributes."):
            entries.append(Entry(column, column, "images" if column == "images" else "text"))
        elif column in lines:
            entries.append(Entry(column, f"line.{column}"))
    return entries


def extended(plan: Plan, following: Plan) -> Plan:
    """The plan with the entries that a later batch's new columns add (JSON objects need not all have the same keys)."""
    known = {e.column for e in plan.entries}
    fields = {e.field for e in plan.entries}
    new = tuple(
        e for e in following.entries if e.column not in known and (e.field not in fields or plan.layout != "guess")
    )
    return replace(plan, entries=plan.entries + new)


def _raise(problems: Sequence[str]) -> None:
    if problems:
        raise SourceError("The mapping of columns is wrong:\n  - " + "\n  - ".join(problems), platform="files")
