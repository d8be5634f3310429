"""A missing description is composed of the record's own fields in its own language; one that is too long is cut."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from engine.correctors.base import Context, Corrector, Proposal, column, is_blank, parameters, settled
from engine.markup import has_markup, without_markup
from engine.types import CANDIDATES
from engine.wording import LONGEST_TEXT, tidied
from models.describe import LANGUAGES, describe

__all__ = ["CORRECTOR", "DescriptionCorrector"]

_FIELDS = (
    "title",
    "brand",
    "category",
    "mpn",
    "condition",
    "length_mm",
    "width_mm",
    "height_mm",
    "weight_g",
    "language",
)
_LEAST_FACTS = 2
"""Facts beside title and brand below which a description would only say the title again."""

_HTML_SHARE = 0.5
_SAMPLE = 5_000


class DescriptionCorrector(Corrector):
    """Answers questions about an empty or too short description; the score grows with the facts that the record has.

    Attributes
    ----------
    is_html_ : bool
        Whether most of the merchant's own descriptions are HTML.
    """

    name = "description"
    handles = frozenset(("description",))

    def __init__(self) -> None:
        self.is_html_ = False

    def fit(self, context: Context) -> None:
        """See whether the merchant's descriptions are HTML."""
        texts = column(context, "description")["description"]
        texts = texts.filter(texts.str.len_bytes() > 20).head(_SAMPLE)
        share = texts.str.contains(r"</?(?:p|br|ul|li|div|strong|b)\b").mean()
        self.is_html_ = isinstance(share, float) and share > _HTML_SHARE

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """At most one text an issue; nothing where the record says too little or speaks a language without a grammar."""
        mine = self.asked(questions)
        rows = []
        for question in mine.iter_rows(named=True) if "record" in mine.columns else ():
            proposal = _cut(question) or self._composed(question, context)
            if proposal is not None:
                rows.append((question["issue_id"], question["observed"] or "", self.name, *proposal))
        schema = {"issue_id": pl.String, "observed": pl.String, "corrector": pl.String}
        return settled(
            pl.DataFrame(
                rows, schema=schema | {"value": pl.String, "score": pl.Float64, "reason": pl.String}, orient="row"
            )
        ).select(list(CANDIDATES))

    def _composed(self, question: dict[str, Any], context: Context) -> Proposal | None:
        observed, record = question["observed"] or "", question["record"] or {}
        given = parameters(question["params"])
        least = given.get("minimum")
        said_aloud = _plain(observed) if len(observed) < 2_000 else observed
        is_short = question["check"] == "length" and isinstance(least, int) and len(said_aloud) < least
        title = record.get("title") or ""
        if not (is_blank(said_aloud) or is_short or observed.strip() == title.strip()):
            return None
        language = (record.get("language") or context.language or "en").lower()[:2]
        if language not in LANGUAGES or is_blank(title):
            return None
        fields = {name: record.get(name) or "" for name in _FIELDS}
        pairs = [
            (pair["key"], pair["value"]) for pair in record.get("attributes") or () if pair["key"] and pair["value"]
        ]
        made = describe(fields, pairs, language=language, is_html=self.is_html_)
        if made is None or made.facts < _LEAST_FACTS:
            return None
        most = given.get("maximum")
        if isinstance(most, int) and len(made.text) > most:
            return None
        # A text that people wrote themselves is not thrown away for ours.
        said = set(re.findall(r"[^\W_]{4,}", said_aloud.casefold()))
        if len(said - set(re.findall(r"[^\W_]{4,}", made.text.casefold()))) > 2:
            return None
        used = [name for claim in made.claims for name in claim.fields]
        reason = f"Composed of {len(used)} fields of the record and nothing else: {', '.join(used[:6])}{', …' * (len(used) > 6)}."
        return Proposal(made.text, min(0.45 + 0.06 * made.facts, 0.85), reason)


def _cut(question: dict[str, Any]) -> Proposal | None:
    """The longest run of whole sentences from the start that the rule's limit allows."""
    observed, given = question["observed"] or "", parameters(question["params"])
    limit = given.get("maximum")
    is_length = question["check"] == "length" and isinstance(limit, int)
    if not is_length or not isinstance(limit, int) or len(observed) > LONGEST_TEXT:
        return None
    is_bytes = given.get("unit") == "bytes"
    text = _plain(observed) if has_markup(observed) else tidied(observed, lines=True)
    judged = text if given.get("visible") else observed
    whole = len(judged.encode()) if is_bytes else len(judged)
    if whole <= limit:
        return None
    ends = [found.end() for found in re.finditer(r"[.!?…](?=\s|$)", text)]
    sizes = [len(text[:end].encode()) if is_bytes else end for end in ends]
    fitting = [end for end, size in zip(ends, sizes, strict=True) if size <= limit]
    if not fitting or fitting[-1] < 0.5 * min(len(text), limit):
        return None
    short = text[: fitting[-1]].strip()
    note = " The HTML had to go with it." if has_markup(observed) else ""
    score = 0.45 if note else 0.7
    return Proposal(
        short, score, f"Cut after the last whole sentence that fits: {len(short)} of {limit} allowed.{note}"
    )


def _plain(text: str) -> str:
    return tidied(without_markup(text, lines=True), lines=True)


CORRECTOR = DescriptionCorrector
