"""Postal codes that lost a leading zero, a separator or their capitals in a spreadsheet or a form.

Formats: Universal Postal Union, "Postal addressing systems in member countries"
(https://www.upu.int/en/activities/addressing), as known on 2026-11-23; the patterns of some countries only.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import polars as pl

from engine.correctors.base import Context, Corrector, Proposal, answered, fits, of_record
from engine.correctors.country import folded, territory

__all__ = ["CORRECTOR", "PostalCodeCorrector"]

_FIVE = (
    "DE",
    "FR",
    "IT",
    "ES",
    "FI",
    "EE",
    "HR",
    "UA",
    "TR",
    "MX",
    "MA",
    "TH",
    "MY",
    "ID",
    "KR",
    "SM",
    "VA",
    "MC",
    "LT",
)
_FOUR = ("AT", "BE", "CH", "DK", "NO", "HU", "BG", "SI", "AU", "NZ", "LU", "CY", "LI", "PH", "ZA", "TN", "GE")
_SIX = ("RO", "IN", "CN", "SG", "RU", "KZ", "CO", "VN")
FORMATS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_FIVE, ("99999",)),
    **dict.fromkeys(_FOUR, ("9999",)),
    **dict.fromkeys(_SIX, ("999999",)),
    "US": ("99999", "99999-9999"),
    "GB": ("A9 9AA", "A99 9AA", "AA9 9AA", "AA99 9AA", "A9A 9AA", "AA9A 9AA"),
    "CA": ("A9A 9A9",),
    "NL": ("9999 AA",),
    "PL": ("99-999",),
    "PT": ("9999-999",),
    "SE": ("999 99",),
    "CZ": ("999 99",),
    "SK": ("999 99",),
    "GR": ("999 99",),
    "BR": ("99999-999",),
    "JP": ("999-9999",),
    "LV": ("AA-9999",),
}
"""Country to its formats: 9 a digit, A a letter, anything else itself."""

_ZERO_REGIONS = frozenset(
    ("ct", "ma", "me", "nh", "nj", "ri", "vt", "pr", "vi", "connecticut", "massachusetts", "maine")
    + ("new hampshire", "new jersey", "rhode island", "vermont", "puerto rico")
)
"""Regions of the United States whose ZIP codes start with 0 (USPS Publication 65, first digit by region)."""


class PostalCodeCorrector(Corrector):
    """Fits the letters and digits of a code into a format of the order's country; pads a lost zero."""

    name = "postal_code"
    handles = frozenset(("ship_postal_code",))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """At most one code an issue; nothing for countries whose format is not known here."""
        home = context.country.upper()

        def reply(observed: str, country: str, region: str) -> Iterator[Proposal]:
            code = territory(country) or ("" if country.strip() else home)
            if fits(observed) and code in FORMATS:
                yield from _reply(observed, code, folded(region[:60]))

        return answered(
            self.asked(questions),
            self.name,
            keys={
                "observed": pl.col("observed").fill_null(""),
                "country": of_record(questions, "ship_country"),
                "region": of_record(questions, "ship_region"),
            },
            reply=reply,
        )


def _reply(observed: str, country: str, region: str) -> Iterator[Proposal]:
    text = unicodedata.normalize("NFKC", observed).strip().upper().removesuffix(".0")
    bare = "".join(c for c in text if c.isascii() and c.isalnum())
    for prefix in (f"{country}", country[0]):
        rest = bare.removeprefix(prefix)
        if rest != bare and rest.isdecimal() and not any(_matches(bare, form) for form in FORMATS[country]):
            bare = rest
            break
    for form in FORMATS[country]:
        if _matches(bare, form):
            yield Proposal(_filled(bare, form), 0.97, f"The same letters and digits in the format of {country}.")
            return
    for form in FORMATS[country]:
        digits = form.replace("-", "").replace(" ", "")
        split_up = " " in text and "-" not in form
        if digits.strip("9") or not bare.isdecimal() or len(bare) != len(digits) - 1 or split_up:
            continue
        score, reason = 0.85, f"With the leading zero that number formatting drops, it has the format of {country}."
        if country == "US":
            fitting = region in _ZERO_REGIONS
            if region and not fitting:
                # Codes of that region do not start with 0: another digit was lost.
                return
            score = 0.95 if fitting else 0.75
            reason += " The order's region has codes that start with 0." if fitting else ""
        yield Proposal(_filled(bare.zfill(len(digits)), form), score, reason)
        return


def _matches(bare: str, form: str) -> bool:
    signs = [sign for sign in form if sign in "9A"]
    return len(bare) == len(signs) and all(
        c.isdecimal() if s == "9" else c.isalpha() for c, s in zip(bare, signs, strict=True)
    )


def _filled(bare: str, form: str) -> str:
    rest = iter(bare)
    return "".join(next(rest) if sign in "9A" else sign for sign in form)


CORRECTOR = PostalCodeCorrector
