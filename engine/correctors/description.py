"""A missing description, composed of the record's own title and attributes in its own language."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from engine.correctors.base import Context, Corrector, column, is_blank, parameters, settled
from engine.types import CANDIDATES
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
            proposal = self._composed(question, context)
            if proposal is not None:
                rows.append((question["issue_id"], question["observed"] or "", self.name, *proposal))
        schema = {"issue_id": pl.String, "observed": pl.String, "corrector": pl.String}
        return settled(
            pl.DataFrame(
                rows, schema=schema | {"value": pl.String, "score": pl.Float64, "reason": pl.String}, orient="row"
            )
        ).select(list(CANDIDATES))

    def _composed(self, question: dict[str, Any], context: Context) -> tuple[str, float, str] | None:
        observed, record = question["observed"] or "", question["record"] or {}
        given = parameters(question["params"])
        least = given.get("minimum")
        is_short = question["check"] == "length" and isinstance(least, int) and len(observed.strip()) < least
        title = record.get("title") or ""
        if not (is_blank(observed) or is_short or observed.strip() == title.strip()):
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
        # A text that people wrote themselves is not thrown away for ours.
        said = set(re.findall(r"[^\W_]{4,}", observed.casefold()))
        if len(said - set(re.findall(r"[^\W_]{4,}", made.text.casefold()))) > 2:
            return None
        used = [name for claim in made.claims for name in claim.fields]
        reason = f"Composed of {len(used)} fields of the record and nothing else: {', '.join(used[:6])}{', …' * (len(used) > 6)}."
        return made.text, min(0.45 + 0.06 * made.facts, 0.85), reason


CORRECTOR = DescriptionCorrector
