"""Country names, misspellings and three-letter codes become ISO 3166-1 alpha-2 codes; a missing one has two witnesses."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache

import phonenumbers
import polars as pl
from babel import Locale
from babel.core import get_global
from rapidfuzz import fuzz, process

from engine.correctors.base import Context, Corrector, Proposal, answered, column, fits, is_blank, of_record
from engine.habits import Custom, custom

__all__ = ["CORRECTOR", "CountryCorrector", "folded", "territory"]

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "cs")
"""Languages whose country names are known."""

_SPOKEN = {
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "great britain": "GB",
    "britain": "GB",
    "holland": "NL",
    "america": "US",
    "united states of america": "US",
    "korea": "KR",
    "republic of korea": "KR",
    "czech republic": "CZ",
    "republic of ireland": "IE",
    "russian federation": "RU",
    "viet nam": "VN",
    "brd": "DE",
}
"""Names in daily use that CLDR does not list as territory names."""

_LEAST_SHARE = 0.5
"""Share of the orders that go to one country from which that is offered for a missing one; the score follows the share."""

_NO_COUNTRY = frozenset(("EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"))
_SURE, _NEAR = 92.0, 84.0
"""Similarity in percent from which a misspelling is taken; found on the misspellings of a store directory in 73 countries."""


class CountryCorrector(Corrector):
    """Answers with the alpha-2 code of a country's name in eleven languages, of its alpha-3 code, or of a near miss.

    A missing country is that of the telephone number where this has its country code, else the one to which nearly all
    orders of the connection go.

    Attributes
    ----------
    common_ : engine.habits.Custom or None
        The country of most orders.
    """

    name = "country"
    handles = frozenset(("ship_country", "country", "attributes"))

    def __init__(self) -> None:
        self.common_: Custom | None = None

    def fit(self, context: Context) -> None:
        """Find the country to which most orders go."""
        codes = column(context, "ship_country")["ship_country"].str.strip_chars()
        self.common_ = custom(codes.filter(codes.is_in(sorted(_english()))), least_share=_LEAST_SHARE)

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """One code for each name that is known or nearly known, and for what is missing."""
        about_country = pl.col("field").str.contains("country") | (pl.col("check") == "country")
        mine = self.asked(questions).filter(about_country)

        def reply(field: str, observed: str, phone: str) -> Iterator[Proposal]:
            if not is_blank(observed):
                yield from _reply(observed)
            elif field == "ship_country":
                yield from self._missing(phone)

        return answered(
            mine,
            self.name,
            keys={
                "field": pl.col("field"),
                "observed": pl.col("observed").fill_null(""),
                "phone": of_record(mine, "phone"),
            },
            reply=reply,
        )

    def _missing(self, phone: str) -> Iterator[Proposal]:
        code = _of_phone(phone) if len(phone) <= 40 else ""
        if code:
            yield Proposal(code, 0.8, f"The telephone number has the country code of {_english()[code]}.")
        if self.common_ is not None and self.common_.value != code:
            value, count, known = self.common_
            # Where the telephone says something else, the custom of the others counts little.
            score = (0.3 if code else 0.95) * self.common_.share
            yield Proposal(value, score, f"{count} of {known} orders of this connection go to {_english()[value]}.")


def _of_phone(text: str) -> str:
    """The country of a valid number that is written with its country code, or the empty string."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return ""
    code = phonenumbers.region_code_for_number(number) if phonenumbers.is_valid_number(number) else None
    return code if code in _english() else ""


def territory(text: str) -> str:
    """Alpha-2 code that a text names exactly (name, alpha-2 or alpha-3 code, any case), or the empty string."""
    found = _names().get(folded(text)) if len(text) <= 100 else None
    return found or ""


def folded(text: str) -> str:
    """The text without accents, case, dots and outer or double white space, for comparing names."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(plain.casefold().replace(".", "").replace(",", " ").replace("-", " ").split())


def _reply(observed: str) -> Iterator[Proposal]:
    if not fits(observed):
        return
    exact = territory(observed)
    if exact:
        is_code = len(folded(observed)) <= 3
        yield Proposal(exact, 0.98, f"{'The code' if is_code else 'The name'} stands for {_english()[exact]}.")
        return
    text = folded(observed)
    if len(text) < 5:
        return
    names = {name: code for name, code in _names().items() if len(name) > 3}
    best: dict[str, float] = {}
    for name, similarity, _ in process.extract(text, names.keys(), scorer=fuzz.ratio, score_cutoff=_NEAR, limit=12):
        best[names[name]] = max(best.get(names[name], 0.0), similarity)
    for code, similarity in sorted(best.items(), key=lambda pair: -pair[1])[:2]:
        score = 0.9 if similarity >= _SURE and len(best) == 1 else 0.75 if len(best) == 1 else 0.45
        yield Proposal(code, score, f"Spelt nearly like a name of {_english()[code]} ({similarity:.0f} % alike).")


@cache
def _english() -> dict[str, str]:
    return {
        code: str(name)
        for code, name in Locale("en").territories.items()
        if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRY
    }


@cache
def _names() -> dict[str, str]:
    codes = _english()
    names: dict[str, str] = {}
    for language in reversed(LANGUAGES):
        names |= {folded(str(n)): c for c, n in Locale(language).territories.items() if c in codes}
    for alias, targets in get_global("territory_aliases").items():
        if alias.isalpha() and len(targets) == 1 and targets[0] in codes:
            names[alias.casefold()] = targets[0]
    names |= _SPOKEN
    return names | {code.casefold(): code for code in codes}


CORRECTOR = CountryCorrector
