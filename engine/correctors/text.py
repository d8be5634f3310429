"""Notation of texts: encoding damage, entities, tags, white space, capitals, forbidden characters.

What a text says is left to the corrector `title`; this one only changes how it is written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl

from engine.correctors.base import Context, Corrector, Proposal, answered, column, parameters
from engine.markup import has_markup, without_markup, without_tags
from engine.wording import (
    LONGEST_TEXT,
    SMALL_WORDS,
    calmed,
    capital_share,
    decoded,
    repaired,
    settle,
    tidied,
    without_characters,
)

__all__ = ["CORRECTOR", "TextCorrector", "vocabulary"]

_PERSONAL = ("buyer_name", "ship_name", "ship_street", "ship_city", "ship_region")
_FIELDS = ("title", "description", "brand", "category", "sku", "mpn", "condition", "status", "language", "location")
_LINES = frozenset(("description", "attributes"))
_UNKNOWN_CASE = 0.93
"""Chance that a word which the merchant does not write elsewhere starts with a capital and goes on without."""

_SAMPLE = 50_000
"""Titles from which the usual case of words is learned."""


class TextCorrector(Corrector):
    """One text an issue: the observed one, written as the rule asks and otherwise unchanged.

    Attributes
    ----------
    vocabulary_ : dict of str to str
        Case-folded word to the way the merchant's own titles and brands write it.
    shares_ : dict of str to float
        Case-folded word to how often it is written that way, 0..1.
    """

    name = "text"
    handles = frozenset((*_FIELDS, *_PERSONAL, "attributes"))

    def __init__(self) -> None:
        self.vocabulary_: dict[str, str] = {}
        self.shares_: dict[str, float] = {}

    def fit(self, context: Context) -> None:
        """Learn how words are written from titles that do not shout."""
        known = vocabulary(context)
        self.vocabulary_ = {word: habit.form for word, habit in known.items()}
        self.shares_ = {word: habit.share for word, habit in known.items()}

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """The mended text; nothing where there is nothing to mend or the text is too long to do it now."""
        return answered(
            self.asked(questions),
            self.name,
            keys={
                "field": pl.col("field"),
                "observed": pl.col("observed").fill_null(""),
                "check": pl.col("check").fill_null(""),
                "params": pl.col("params").fill_null(""),
            },
            reply=self._reply,
        )

    def _reply(self, field: str, observed: str, check: str, params: str) -> Iterator[Proposal]:
        if not observed.strip() or len(observed) > LONGEST_TEXT:
            return
        root = field.partition(".")[0]
        done: dict[str, float] = {}
        given = parameters(params)

        def step(text: str) -> str:
            return self._mended(text, root, check, given, done)

        text = settle(step, observed)
        if text and text != observed:
            notes = list(done)
            reason = f"Only the notation changes: {', '.join(notes)}."
            yield Proposal(text, min(done.values(), default=0.9), reason)

    def _mended(self, text: str, root: str, check: str, given: Mapping[str, Any], done: dict[str, float]) -> str:
        lines = root in _LINES

        def note(before: str, after: str, what: str, score: float) -> str:
            if before != after:
                done[what] = min(score, done.get(what, 1.0))
            return after

        text = note(text, repaired(text), "wrongly decoded characters restored", 0.97)
        if check == "mojibake" or (root != "description" and not has_markup(text)):
            text = note(text, decoded(text), "entities decoded", 0.96)
        if check == "markup":
            text = note(text, _stripped(text, given, lines), "tags removed", 0.9)
        if check == "pattern" and isinstance(given.get("without"), str) and root in ("title", "description"):
            text = note(text, _without_pattern(text, given["without"]), "the refused part removed", 0.75)
        if check == "forbidden_characters" and isinstance(given.get("characters"), str):
            text = note(text, without_characters(text, given["characters"]), "refused characters removed", 0.88)
        if check == "capitals" and capital_share(text) > 0.5:
            calm = calmed(text, self.vocabulary_, sentences=root == "description")
            text = note(text, calm, "capitals only where words start", self._certainty(text))
        # A list of values or HTML is laid out on purpose; only what the rule names is changed there.
        inner = check == "white_space" or not (lines and has_markup(text))
        keep_lines = lines and not (check == "white_space" and given.get("inner", True))
        return note(text, tidied(text, lines=keep_lines) if inner else text.strip(), "white space tidied", 0.98)

    def _certainty(self, text: str) -> float:
        """Chance that every word of a text in capitals gets the case that its author would give it."""
        words = {word.casefold() for word in re.findall(r"[^\W_]+", text[:1_000])}
        return math.prod(
            self.shares_.get(word, _UNKNOWN_CASE) for word in sorted(words - SMALL_WORDS) if not word.isdecimal()
        )


class Habit(NamedTuple):
    """How the merchant writes a word.

    Attributes
    ----------
    form : str
        The commonest one.
    share : float
        How often it is that form, 0..1, as if one more had it and one had not.
    """

    form: str
    share: float


def vocabulary(context: Context) -> dict[str, Habit]:
    """How the merchant writes each word, by the titles and brands that are not all capitals; case-folded words as keys."""
    frame = column(context, "title", "brand").head(_SAMPLE)
    title, brand = pl.col("title"), pl.col("brand").str.strip_chars()
    calm = (title.str.count_matches(r"\p{Lu}") < 0.5 * title.str.count_matches(r"\p{L}")) & (
        title.str.len_chars() < 500
    )
    words = pl.concat(
        [
            frame.filter(calm).select(title.str.extract_all(r"[\p{L}\p{N}]+").alias("word")).explode("word"),
            frame.filter((brand != "") & (brand.str.len_chars() < 60))
            .select(brand.str.extract_all(r"[\p{L}\p{N}]+").alias("word"))
            .explode("word"),
        ]
    ).drop_nulls()
    counted = (
        words.group_by("word")
        .len()
        .with_columns(folded=pl.col("word").str.to_lowercase())
        .sort("len", "word", descending=[True, False])
        .group_by("folded", maintain_order=True)
        .agg(
            pl.col("word").first(),
            share=(pl.col("len").first() + 1) / (pl.col("len").sum() + 2),
            len=pl.col("len").sum(),
        )
        .filter(pl.col("len") >= 2)
    )
    return {folded.casefold(): Habit(*rest) for folded, *rest in counted.select("folded", "word", "share").iter_rows()}


def _without_pattern(text: str, pattern: str) -> str:
    """The text without what matches: whole tags in HTML, else the match. Polars' patterns cannot run away."""
    try:
        if not has_markup(text):
            return str(pl.Series([text]).str.replace_all(pattern, " ").item())
        return without_tags(text, lambda tag: bool(pl.Series([tag]).str.contains(pattern).item()))
    except pl.exceptions.PolarsError:
        return text


def _stripped(text: str, given: Mapping[str, Any], lines: bool) -> str:
    allow = given.get("allow", "nothing")
    if allow == "inactive":
        return without_markup(text, tags=None)
    if allow == "tags" and isinstance(given.get("tags"), list):
        return without_markup(text, tags=tuple(str(tag).lower() for tag in given["tags"]))
    bare = decoded(without_markup(text, lines=lines)) if has_markup(text) or "&" in text else text
    return re.sub(r"<(?=[A-Za-z/!])", "", bare) if "<" in bare and not has_markup(bare) else bare


CORRECTOR = TextCorrector
