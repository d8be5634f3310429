"""Language names and long codes become ISO 639-1 codes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import polars as pl
from babel import Locale, localedata
from babel.core import get_global

from engine.correctors.base import Context, Corrector, Proposal, answered, is_blank
from engine.correctors.country import LANGUAGES, folded

__all__ = ["CORRECTOR", "LanguageCorrector"]


class LanguageCorrector(Corrector):
    """Answers with the two-letter code of a language's name, its own name, or its three-letter code."""

    name = "language"
    handles = frozenset(("language",))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """One code an issue; for an empty one the language of the connection."""

        def reply(observed: str) -> Iterator[Proposal]:
            text = observed.strip()
            if is_blank(text):
                if context.language:
                    yield Proposal(context.language.lower()[:2], 0.75, "The language of the connection.")
                return
            if len(text) > 60:
                return
            code = _names().get(folded(text)) or _names().get(folded(text.replace("_", "-").split("-")[0]))
            if code:
                yield Proposal(code, 0.95, "The name or longer code of this language.")

        return answered(
            self.asked(questions), self.name, keys={"observed": pl.col("observed").fill_null("")}, reply=reply
        )


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
