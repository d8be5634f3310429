"""GTINs that lost their leading zeros, carry separators or are old ISBNs; a wrong check digit is at most a hint.

The check digit is that of the GS1 General Specifications, section 7.9 (mod 10, weights 3 and 1), as implemented by
python-stdnum. A number in a spreadsheet's scientific notation ("8,02E+12") has lost digits for good: no answer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import polars as pl
from stdnum import ean, isbn

from engine.correctors.base import Context, Corrector, Proposal, answered, fits, parameters

__all__ = ["CORRECTOR", "GtinCorrector"]

_LENGTHS = (8, 12, 13, 14)
_LEADS = ("gtin", "ean", "upc", "isbn")


class GtinCorrector(Corrector):
    """Restores GTINs whose digits are all there; recomputes a check digit only as a doubtful last resort."""

    name = "gtin"
    handles = frozenset(("gtin",))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """At most one GTIN an issue; nothing where digits were lost."""
        return answered(
            self.asked(questions),
            self.name,
            keys={"observed": pl.col("observed").fill_null(""), "params": pl.col("params").fill_null("")},
            reply=_reply,
        )


def _reply(observed: str, params: str) -> Iterator[Proposal]:
    if not fits(observed):
        return
    given = parameters(params).get("lengths")
    lengths = sorted(n for n in given if n in _LENGTHS) if isinstance(given, list) else list(_LENGTHS)
    text = _bare(observed)
    if text.isdecimal() and len(text) in lengths and ean.is_valid(text):
        yield Proposal(text, 0.97, "The digits and the check digit are right once the other characters are gone.")
        return
    if len(text) == 10 and isbn.is_valid(text):
        yield Proposal(isbn.to_isbn13(text), 0.97, "A valid ISBN-10, written as the EAN that stands for it.")
        return
    if not text.isdecimal() or not text.strip("0"):
        return
    padded = _padded(text, lengths)
    if padded:
        lost = len(padded) - len(text)
        # One number in ten passes the check by chance, and longer losses are rarer than shorter ones.
        score = {1: 0.92, 2: 0.8, 3: 0.65}.get(lost, 0.4)
        yield Proposal(
            padded,
            score,
            f"With {lost} leading zero{'s' * (lost > 1)}, lost by number formatting, the check digit fits.",
        )
    elif len(text) in lengths:
        yield Proposal(
            text[:-1] + ean.calc_check_digit(text[:-1]),
            0.2,
            "Only the check digit was recomputed; any other digit may be the wrong one, so look at the package.",
        )


def _bare(observed: str) -> str:
    text = unicodedata.normalize("NFKC", observed).strip().strip("'\"=").casefold()
    for lead in _LEADS:
        text = text.removeprefix(lead).lstrip(" -:.#0" if text.startswith("isbn-1") else " -:.#")
    text = text.removesuffix(".0")
    return "".join(c for c in text if c not in " -\t\u00a0'‐‑–").upper()


def _padded(text: str, lengths: Sequence[int]) -> str:
    for length in lengths:
        # A GTIN-8 starts with a nonzero digit or with one zero only; more zeros would make any short number one.
        longest = 1 if length == 8 else 4
        candidate = text.zfill(length)
        if 0 < length - len(text) <= longest and ean.is_valid(candidate):
            return candidate
    return ""


CORRECTOR = GtinCorrector
