"""Checks of codes that a standard lists: currencies, countries, languages."""

from __future__ import annotations

from functools import cache

import polars as pl
from babel import Locale
from babel.core import get_global
from babel.numbers import get_currency_precision, get_territory_currencies

from engine.checks.registry import Subject, check

__all__ = [
    "countries",
    "country",
    "currencies",
    "currency",
    "currency_places",
    "language",
    "languages",
    "long_countries",
    "short_country",
]

_NOT_COUNTRIES = {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"}
"""Alpha-2 codes of groups and of pseudo-regions in the Unicode locale data."""

_FORMER = {"BUR", "DDR", "FXX", "TMP", "YMD", "ZAR"}
"""Alpha-3 codes that ISO has withdrawn."""


@cache
def countries() -> tuple[str, ...]:
    """ISO 3166-1 alpha-2 codes in alphabetical order, from the Unicode CLDR that Babel carries."""
    codes = map(str, Locale("en").territories)
    return tuple(sorted(code for code in codes if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES))


@cache
def long_countries() -> dict[str, str]:
    """ISO 3166-1 alpha-3 codes to the alpha-2 codes of the same countries, from the Unicode CLDR."""
    known, aliases = set(countries()), get_global("territory_aliases")
    found = {long: short[0] for long, short in aliases.items() if len(long) == 3 and long.isalpha() and len(short) == 1}
    return {long: short for long, short in sorted(found.items()) if short in known and long not in _FORMER}


def short_country(subject: Subject) -> pl.Expr:
    """The alpha-2 code of a country that is given by either of its codes, in capitals; anything else as it came."""
    return subject.text.str.to_uppercase().replace(long_countries())


@cache
def currencies() -> tuple[str, ...]:
    """ISO 4217 codes that are legal tender somewhere today, in alphabetical order, from the Unicode CLDR."""
    return tuple(sorted({code for country in countries() for code in get_territory_currencies(country)}))


@cache
def languages() -> tuple[str, ...]:
    """ISO 639-1 codes in alphabetical order, from the Unicode CLDR."""
    return tuple(sorted(code for code in map(str, Locale("en").languages) if len(code) == 2))


@cache
def currency_places() -> dict[int, tuple[str, ...]]:
    """Number of decimal places to the currencies that have it, except the usual 2."""
    places: dict[int, list[str]] = {}
    for code in currencies():
        digits = get_currency_precision(code)
        if digits != 2:
            places.setdefault(digits, []).append(code)
    return {digits: tuple(codes) for digits, codes in sorted(places.items())}


@check()
def currency(subject: Subject) -> pl.Expr:
    """The value must be an ISO 4217 code of a currency in use, in capitals."""
    return ~subject.text.is_in(currencies())


@check()
def country(subject: Subject, *, long: bool = False) -> pl.Expr:
    """The value must be an ISO 3166-1 alpha-2 code, in capitals.

    Parameters
    ----------
    subject : Subject
    long : bool
        Whether an alpha-3 code will do as well.
    """
    return ~subject.text.is_in((*countries(), *long_countries()) if long else countries())


@check()
def language(subject: Subject) -> pl.Expr:
    """The value must begin with an ISO 639-1 code; a region may follow ("de", "de-AT", "pt_BR")."""
    text = subject.text
    known = text.str.slice(0, 2).is_in(languages())
    return ~(known & text.str.contains(r"^[a-z]{2}(?:[-_][A-Za-z]{4})?(?:[-_](?:[A-Z]{2}|\d{3}))?$"))
