"""Country names, misspellings and three-letter codes become ISO 3166-1 alpha-2 codes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache

import polars as pl
from babel import Locale
from babel.core import get_global
from rapidfuzz import fuzz, process

from engine.correctors.base import Context, Corrector, Proposal, answered, fits

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

_NO_COUNTRY = frozenset(("EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"))
_SURE, _NEAR = 92.0, 84.0
"""Similarity in percent from which a misspelling is taken; found on the misspellings of a store directory in 73 countries."""


class CountryCorrector(Corrector):
    """Answers with the alpha-2 code of a country's name in eleven languages, of its alpha-3 code, or of a near miss."""

    name = "country"
    handles = frozenset(("ship_country", "country", "attributes"))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """One code for each name that is known or nearly known."""
        about_country = pl.col("field").str.contains("country") | (pl.col("check") == "country")
        mine = self.asked(questions).filter(about_country)
        return answered(mine, self.name, keys={"observed": pl.col("observed").fill_null("")}, reply=_reply)


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
