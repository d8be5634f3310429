"""Dates in any common notation become ISO 8601 in UTC.

Whether 03/04/2024 is in March or in April is decided by the column: a first number above 12 anywhere says that the
day stands first. Where the column is silent both readings are offered, with low scores.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dateparser
import polars as pl
from dateutil import parser as dateutil_parser

from engine.correctors.base import Context, Corrector, Proposal, answered, column, fits, parameters

__all__ = ["CORRECTOR", "DateCorrector"]

_FIELDS = ("ordered_at", "shipped_at", "updated_at")
_LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "pt"]
_PARTS = r"^\s*(\d{1,2})\s*[./-]\s*(\d{1,2})\s*[./-]\s*(\d{4}|\d{2})(?:\D|$)"
_MONTH_FIRST_COUNTRIES = ("US", "PH", "FM", "PW")
"""Countries whose short dates start with the month (CLDR date formats, short pattern "M/d/")."""

_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Dates of trade; a reading outside is a misreading."""


class _Century(dateutil_parser.parserinfo):
    """Two-digit years as POSIX reads them (strptime, %y): 69 to 99 are 1969 to 1999, the others 2000 to 2068."""

    def convertyear(self, year: int, century_specified: bool = False) -> int:
        if century_specified or year >= 100:
            return year
        return year + (1900 if year >= 69 else 2000)


class DateCorrector(Corrector):
    """Writes instants as ``YYYY-MM-DDTHH:MM:SSZ``, or as ``YYYY-MM-DD`` where the rule's ``form`` is "date".

    Attributes
    ----------
    day_first_, month_first_ : dict of str to int
        By field, how many values of the column can only start with the day, with the month.
    """

    name = "date"
    handles = frozenset((*_FIELDS, "attributes"))

    def __init__(self) -> None:
        self.day_first_: dict[str, int] = {}
        self.month_first_: dict[str, int] = {}

    def fit(self, context: Context) -> None:
        """Count by column the dates that can be read in one order only."""
        frame = column(context, *_FIELDS)
        for name in _FIELDS:
            parts = frame.select(pl.col(name).str.extract_groups(_PARTS).alias("p")).unnest("p")
            first, second = (pl.col(n).cast(pl.Int32, strict=False) for n in ("1", "2"))
            self.day_first_[name], self.month_first_[name] = parts.select(
                day=((first > 12) & (second <= 12)).sum(), month=((second > 12) & (first <= 12)).sum()
            ).row(0)

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The instant in ISO 8601; two where the order of day and month is open."""
        mine = self.asked(questions).filter(
            ~pl.col("field").str.starts_with("attributes") | pl.col("check").is_in(["datetime", "date"])
        )

        def reply(field: str, observed: str, params: str) -> Iterator[Proposal]:
            text = unicodedata.normalize("NFKC", observed).strip()
            if not fits(text) or not any(c.isdigit() for c in text):
                return
            form = str(parameters(params).get("form", parameters(params).get("format", "")))
            for instant, score, reason in self._read(field, text, context):
                if _EARLIEST <= instant < _LATEST:
                    pattern = "%Y-%m-%d" if form == "date" else "%Y-%m-%dT%H:%M:%SZ"
                    yield Proposal(instant.strftime(pattern), score, reason)

        return answered(
            mine,
            self.name,
            keys={
                "field": pl.col("field"),
                "observed": pl.col("observed").fill_null(""),
                "params": pl.col("params").fill_null(""),
            },
            reply=reply,
        )

    def _read(self, field: str, text: str, context: Context) -> Iterator[tuple[datetime, float, str]]:
        if text.isdecimal() and len(text) in (10, 13):
            seconds = int(text) / (1000 if len(text) == 13 else 1)
            unit = "milliseconds" if len(text) == 13 else "seconds"
            yield datetime.fromtimestamp(int(seconds), tz=UTC), 0.85, f"Read as {unit} since 1970-01-01 UTC."
            return
        parts = re.match(_PARTS, text)
        if parts is None:
            found = _plain(text, day_first=False, year_first=text[:4].isdecimal()) or _worded(text, context.language)
            if found is not None:
                yield found, 0.95 if _has_zone(text) else 0.93, f"Only one reading is possible{_zone_note(text)}."
            return
        first, second, short = int(parts[1]), int(parts[2]), len(parts[3]) == 2
        penalty = 0.15 if short else 0.0
        note = ("; the century of the year is a guess" if short else "") + _zone_note(text)
        if first == second or max(first, second) > 12:
            found = _plain(text, day_first=first > 12)
            if found is not None:
                yield found, 0.95 - penalty, f"Only one order of day and month is possible{note}."
            return
        day, month = self.day_first_.get(field, 0), self.month_first_.get(field, 0)
        if "." in parts[0] and not day and not month:
            # A full stop between day and month is written in day-first countries only (CLDR short date patterns).
            day_share, why = 0.9, "dates with full stops start with the day"
        elif day + month:
            day_share, why = (
                (day + 0.5) / (day + month + 1),
                f"in the column {day} dates start with the day and {month} with the month",
            )
        elif context.country:
            month_home = context.country.upper() in _MONTH_FIRST_COUNTRIES
            day_share, why = (
                (0.25, "the home writes the month first") if month_home else (0.75, "the home writes the day first")
            )
        else:
            day_share, why = 0.5, "the column does not say whether day or month comes first"
        for day_first, share in ((True, day_share), (False, 1.0 - day_share)):
            found = _plain(text, day_first=day_first)
            if found is not None and share >= 0.05:
                yield found, share * (0.95 - penalty), f"{why[0].upper()}{why[1:]}{note}."


def _plain(text: str, *, day_first: bool, year_first: bool = False) -> datetime | None:
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
