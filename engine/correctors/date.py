"""Dates in any common notation become ISO 8601 in UTC.

Whether 03/04/2024 is in March or in April is decided by evidence: a first number above 12 anywhere in the column, what
people of this connection decided before, and the other dates of the record (nothing is dispatched before it was ordered,
and rarely a month after). Where all are silent both readings are offered, with low scores.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import dateparser
import polars as pl
from dateutil import parser as dateutil_parser

from engine.correctors.base import Context, Corrector, Proposal, answered, column, fits, of_record, parameters
from engine.habits import Habits, habits

__all__ = ["CORRECTOR", "DateCorrector", "Surroundings"]

_FIELDS = ("ordered_at", "shipped_at", "updated_at")
"""In the order in which they happen."""

_LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "pt"]
_PARTS = r"^\s*(\d{1,2})\s*[./-]\s*(\d{1,2})\s*[./-]\s*(\d{4}|\d{2})(?:\D|$)"
_ISO = r"^\d{4}-\d{2}-\d{2}"
_MONTH_FIRST_COUNTRIES = ("US", "PH", "FM", "PW")
"""Countries whose short dates start with the month (CLDR date formats, short pattern "M/d/")."""

_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Dates of trade; a reading outside is a misreading."""

_FEWEST_PAIRS = 10
"""Orders with both dates from which the usual time to dispatch is known."""

_ODD = 0.02
"""What a reading is worth that contradicts the other dates of its record: those may be wrong themselves, rarely."""


class _Century(dateutil_parser.parserinfo):
    """Two-digit years as POSIX reads them (strptime, %y): 69 to 99 are 1969 to 1999, the others 2000 to 2068."""

    def convertyear(self, year: int, century_specified: bool = False) -> int:
        if century_specified or year >= 100:
            return year
        return year + (1900 if year >= 69 else 2000)


class Surroundings(NamedTuple):
    """One date with what is known of its surroundings."""

    field: str
    text: str
    connection: str
    others: Mapping[str, str]


class DateCorrector(Corrector):
    """Writes instants as ``YYYY-MM-DDTHH:MM:SSZ``, or as ``YYYY-MM-DD`` where the rule's ``form`` is "date".

    Attributes
    ----------
    first_ : dict of str to dict of str to int
        By field, how many values of the column can only start with the day, with the month.
    habits_ : dict
        What people of each connection chose for dates that can be read both ways, see `engine.habits`.
    longest_ : int or None
        Days within which nearly every order of the column (99 %) was dispatched; None where too few are known.
    span_ : tuple of datetime, or None
        First and last date of the column that is ISO 8601 already.
    """

    name = "date"
    handles = frozenset((*_FIELDS, "attributes"))

    def __init__(self) -> None:
        self.first_: dict[str, dict[str, int]] = {}
        self.habits_: Habits = {}
        self.longest_: int | None = None
        self.span_: tuple[datetime, datetime] | None = None

    def fit(self, context: Context) -> None:
        """Count by column the dates that can be read in one order only, and learn how the dates of a record lie."""
        frame = column(context, *_FIELDS)
        for name in _FIELDS:
            parts = frame.select(pl.col(name).str.extract_groups(_PARTS).alias("p")).unnest("p")
            first, second = (pl.col(n).cast(pl.Int32, strict=False) for n in ("1", "2"))
            day, month = parts.select(
                day=((first > 12) & (second <= 12)).sum(), month=((second > 12) & (first <= 12)).sum()
            ).row(0)
            self.first_[name] = {"day": day, "month": month}
        known = frame.select(
            pl.when(pl.col(name).str.contains(_ISO)).then(pl.col(name).str.slice(0, 10)).str.to_date(strict=False)
            for name in _FIELDS
        )
        lag = known.select((pl.col("shipped_at") - pl.col("ordered_at")).dt.total_days().alias("lag")).drop_nulls()
        lag = lag.filter(pl.col("lag") >= 0)
        self.longest_ = int(lag["lag"].quantile(0.99) or 0) + 1 if lag.height >= _FEWEST_PAIRS else None
        days = known.select(pl.concat([pl.col("ordered_at"), pl.col("shipped_at")]).alias("day")).drop_nulls()["day"]
        edges = [datetime.fromisoformat(str(edge)).replace(tzinfo=UTC) for edge in (days.min(), days.max()) if edge]
        self.span_ = (edges[0], edges[1]) if days.len() >= _FEWEST_PAIRS else None
        self.habits_ = habits(context.decisions, _FIELDS, _order_of, shape=_PARTS)

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The instant in ISO 8601; two where the order of day and month is open."""
        mine = self.asked(questions).filter(
            ~pl.col("field").str.starts_with("attributes") | pl.col("check").is_in(["datetime", "date"])
        )

        def reply(
            field: str, observed: str, check: str, params: str, connection: str, **others: str
        ) -> Iterator[Proposal]:
            text = unicodedata.normalize("NFKC", observed).strip()
            if not fits(text) or not any(c.isdigit() for c in text):
                return
            form = str(parameters(params).get("form", parameters(params).get("format", "")))
            pattern = "%Y-%m-%d" if form == "date" else "%Y-%m-%dT%H:%M:%SZ"
            asked = Surroundings(field, text, connection, {n: t for n, t in others.items() if n != field})
            read = self._moved(asked) if check == "not_before_field" else self._read(asked, context)
            for instant, score, reason in read:
                if _EARLIEST <= instant < _LATEST:
                    yield Proposal(instant.strftime(pattern), score, reason)

        return answered(
            mine,
            self.name,
            keys={
                **{name: pl.col(name).fill_null("") for name in ("field", "observed", "check", "params", "connection")},
                **{name: of_record(mine, name) for name in _FIELDS},
            },
            reply=reply,
        )

    def _read(self, asked: Surroundings, context: Context) -> Iterator[tuple[datetime, float, str]]:
        text = asked.text
        if text.isdecimal() and len(text) in (10, 13):
            seconds = int(text) / (1000 if len(text) == 13 else 1)
            unit = "milliseconds" if len(text) == 13 else "seconds"
            yield datetime.fromtimestamp(int(seconds), tz=UTC), 0.85, f"Read as {unit} since 1970-01-01 UTC."
            return
        parts = re.match(_PARTS, text)
        if parts is None:
            found = _plain(text, year_first=text[:4].isdecimal()) or _worded(text, context.language)
            if found is not None:
                yield found, 0.95 if _has_zone(text) else 0.93, f"Only one reading is possible{_zone_note(text)}."
            return
        readings = _readings(text, parts)
        if not readings:
            return
        belief, why = self._belief(asked, context, parts)
        weights = {order: belief[order] * self._likelihood(asked, order, found) for order, found in readings.items()}
        total = sum(weights.values())
        is_short = len(parts[3]) == 2
        is_known = self.span_ is not None and any(self._lies_in_span(found) for found in readings.values())
        best = 0.95 if not is_short else 0.9 if is_known else 0.8
        note = ("" if not is_short or is_known else "; the century of the year is a guess") + _zone_note(text)
        # Readings of the same day are one.
        shares: dict[datetime, float] = {}
        for order, found in readings.items():
            shares[found] = shares.get(found, 0.0) + weights[order] / total
        for found, share in shares.items():
            if share >= 0.05:
                reason = "only one order of day and month is possible" if len(shares) == 1 else why
                yield found, share * best, f"{reason[0].upper()}{reason[1:]}{note}."

    def _belief(self, asked: Surroundings, context: Context, parts: re.Match[str]) -> tuple[dict[str, float], str]:
        """How likely a date of this column starts with the day, the month, the year, and the evidence for it."""
        seen = self.first_.get(asked.field, {"day": 0, "month": 0})
        chosen = self.habits_.get((asked.connection, asked.field), Counter())
        counts = {order: seen[order] + chosen.get(order, 0) for order in ("day", "month")}
        mass = {order: max(count + 0.5, 0.1) for order, count in counts.items()}
        day = mass["day"] / sum(mass.values())
        if any(counts.values()):
            why = f"in the column {seen['day']} dates start with the day and {seen['month']} with the month"
            if chosen:
                why += (
                    f"; people chose the day {chosen.get('day', 0)} and the month {chosen.get('month', 0)} times more"
                )
        elif "." in parts[0]:
            # A full stop between day and month is written in day-first countries only (CLDR short date patterns).
            day, why = 0.9, "dates with full stops start with the day"
        elif context.country:
            is_month = context.country.upper() in _MONTH_FIRST_COUNTRIES
            day, why = (0.25 if is_month else 0.75), f"the home writes the {'month' if is_month else 'day'} first"
        else:
            why = "the column does not say whether day or month comes first"
        if self.longest_ is not None and any(asked.others.values()):
            why += "; weighed by the record's other dates"
        # A two-digit year in front is rare, and then the whole column shows it by the span of its dates.
        return {"day": day, "month": 1.0 - day, "year": 0.02}, why

    def _likelihood(self, asked: Surroundings, order: str, found: datetime) -> float:
        """How well a reading suits the other dates of the record and the span of the column, in 0..1."""
        likely = 1.0 if self._lies_in_span(found) else _ODD
        for name, text in asked.others.items():
            # Another date of the same record in the same notation was written in the same order.
            parts = re.match(_PARTS, text)
            other = _readings(text, parts).get(order) if parts else _plain(text, year_first=True) if text else None
            if other is None or asked.field not in _FIELDS:
                continue
            lag = other - found if _FIELDS.index(name) > _FIELDS.index(asked.field) else found - other
            # Orders are dispatched within days; how long afterwards a record is changed says nothing.
            longest = self.longest_ if "updated_at" not in (name, asked.field) else None
            if lag.days < -1 or (longest is not None and lag.days > longest):
                likely *= _ODD
        return likely

    def _lies_in_span(self, found: datetime) -> bool:
        return self.span_ is None or self.span_[0] - timedelta(days=366) <= found <= self.span_[1] + timedelta(days=366)

    def _moved(self, asked: Surroundings) -> Iterator[tuple[datetime, float, str]]:
        """Readings of a date that is too early: day and month taken for each other, or last year's number at New Year."""
        found, ordered = (_plain(text, year_first=True) for text in (asked.text, asked.others.get("ordered_at", "")))
        if found is None or ordered is None or not re.match(_ISO, asked.text):
            return
        longest = self.longest_ if self.longest_ is not None else 30
        ways = [("Day and month changed places", 0.85, lambda: found.replace(month=found.day, day=found.month))]
        ways.append(("The year is one too low", 0.75, lambda: found.replace(year=found.year + 1)))
        for what, score, move in ways:
            try:
                moved = move()
            except ValueError:
                continue
            if 0 <= (moved.date() - ordered.date()).days <= longest:
                yield moved, score, f"{what}: the other reading lies within the {longest} days after the order."


def _readings(text: str, parts: re.Match[str]) -> dict[str, datetime]:
    """The possible readings of a numeric date by what it starts with."""
    ways: dict[str, dict[str, bool]] = {"day": {"day_first": True}, "month": {}}
    if len(parts[3]) == 2 and int(parts[1]) > 12:
        ways["year"] = {"year_first": True}
    readings = {}
    for order, way in ways.items():
        # The parser turns an impossible order round in silence; here it is no reading.
        impossible = int(parts[2 if order == "day" else 1]) > 12
        found = None if impossible and order != "year" else _plain(text, **way)
        if found is not None:
            readings[order] = found
    return readings


def _order_of(observed: str, value: str) -> str:
    """What an ambiguous date starts with when it stands for that value; empty when it is not ambiguous, or neither."""
    parts = re.match(_PARTS, observed)
    readings = _readings(observed.strip(), parts) if parts else {}
    if len(set(readings.values())) < 2:
        return ""
    return next((order for order, found in readings.items() if value.startswith(found.strftime("%Y-%m-%d"))), "")


def _plain(text: str, *, day_first: bool = False, year_first: bool = False) -> datetime | None:
    """The instant of a numeric or English date, or None when a part of the day is missing or impossible."""
    readings = []
    for default in (datetime(2000, 1, 1), datetime(2001, 2, 2)):
        # Two different defaults: a part that the text lacks shows as a difference and is not made up.
        try:
            found = dateutil_parser.parse(
                text, parserinfo=_Century(dayfirst=day_first, yearfirst=year_first), default=default
            )
        except (ValueError, OverflowError, TypeError):
            return None
        readings.append(found)
    return _in_utc(readings[0]) if readings[0] == readings[1] else None


def _worded(text: str, language: str) -> datetime | None:
    """The instant of a date with a month's name in one of seven languages, the home's language first."""
    settings: dict[str, Any] = {
        "STRICT_PARSING": True,
        "PARSERS": ["absolute-time"],
        "RETURN_AS_TIMEZONE_AWARE": False,
        "DATE_ORDER": "DMY",
        "RELATIVE_BASE": datetime(2020, 1, 1),
    }
    if len(text) > 60 or not re.search(r"\d{4}", text):
        return None
    ordered = sorted(_LANGUAGES, key=lambda one: one != language.lower()[:2])
    try:
        found = dateparser.parse(text, languages=ordered, settings=settings)
    except (ValueError, OverflowError):
        return None
    return None if found is None else _in_utc(found)


def _in_utc(found: datetime) -> datetime | None:
    try:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _has_zone(text: str) -> bool:
    return re.search(r"(Z|UTC|GMT|[+-]\d{2}:?\d{2})\s*$", text) is not None


def _zone_note(text: str) -> str:
    return "" if _has_zone(text) else "; no time zone is given, so UTC is taken"


CORRECTOR = DateCorrector
