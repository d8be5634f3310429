"""Language names and long codes become ISO 639-1 codes; a missing language is read off the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import polars as pl
from babel import Locale, localedata
from babel.core import get_global

from engine.correctors.base import Context, Corrector, Proposal, answered, is_blank, of_record
from engine.correctors.country import LANGUAGES, folded

__all__ = ["CORRECTOR", "LanguageCorrector"]


_FUNCTION_WORDS = {
    "en": "the and with for of from your this is are or by",
    "de": "der die das und mit für von ist nicht ein eine auch auf im aus",
    "fr": "le les et avec pour des une est du dans sur au aux",
    "es": "el los las y con para del una por su es en",
    "it": "il gli e con per della di una che dei nel alla",
    "nl": "de het en met voor van een niet ook op uit bij",
    "pt": "o os as e com para uma do da não em ao",
}
"""Articles, prepositions and the like: frequent in any text of the language, whatever it is about."""

_FEWEST_WORDS = 2


class LanguageCorrector(Corrector):
    """Answers with the two-letter code of a language's name, its own name, or its three-letter code.

    For a missing one, with the language whose function words title and description use, else the connection's.
    """

    name = "language"
    handles = frozenset(("language",))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """One code an issue; two where text and connection differ."""
        home = context.language.lower()[:2]

        def reply(observed: str, prose: str) -> Iterator[Proposal]:
            text = observed.strip()
            if is_blank(text):
                spoken, words = _spoken(prose)
                if spoken:
                    score = 0.95 if spoken == home else 0.9 if words >= 2 * _FEWEST_WORDS else 0.7
                    yield Proposal(spoken, score, f"Title and description use {words} function words of this language.")
                if home and home != spoken:
                    yield Proposal(home, 0.2 if spoken else 0.75, "The language of the connection.")
                return
            if len(text) > 60:
                return
            code = _names().get(folded(text)) or _names().get(folded(text.replace("_", "-").split("-")[0]))
            if code:
                yield Proposal(code, 0.95, "The name or longer code of this language.")

        prose = pl.concat_str(
            [of_record(questions, name).str.slice(0, 2_000) for name in ("title", "description")], separator=" "
        )
        return answered(
            self.asked(questions),
            self.name,
            keys={"observed": pl.col("observed").fill_null(""), "prose": prose},
            reply=reply,
        )


def _spoken(text: str) -> tuple[str, int]:
    """The language of a text and how many of its function words occur; empty where none leads by two to one."""
    words = set(re.findall(r"[^\W\d_]+", re.sub(r"<[^<>]*>", " ", text).casefold()))
    counts = sorted(((len(words & set(known.split())), code) for code, known in _FUNCTION_WORDS.items()), reverse=True)
    (most, code), (second, _) = counts[0], counts[1]
    return (code, most) if most >= max(_FEWEST_WORDS, 2 * second) else ("", 0)


@cache
def _names() -> dict[str, str]:
    """Folded names and codes to two-letter codes of the languages that CLDR has data for."""
    codes = sorted({one for one in localedata.locale_identifiers() if len(one) == 2})
    names: dict[str, str] = {}
    for shown in LANGUAGES:
        languages = Locale(shown).languages
        names |= {folded(str(languages[code])): code for code in codes if code in languages}
    for code in codes:
        own = Locale(code).languages.get(code)
        if own:
            names[folded(str(own))] = code
    aliases = {
        alias: code for alias, code in get_global("language_aliases").items() if code in codes and len(alias) == 3
    }
    return names | aliases | {code: code for code in codes}


CORRECTOR = LanguageCorrector
