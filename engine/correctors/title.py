"""Titles and other short texts that say too much: promotional words, repetitions, and more characters than allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import polars as pl

from engine.correctors.base import Context, Corrector, Proposal, answered, is_blank, of_record, parameters
from engine.markup import has_markup
from engine.wording import (
    LONGEST_TEXT,
    SMALL_WORDS,
    settle,
    shortened,
    tidied,
    without_repeats,
    without_words,
)

__all__ = ["CORRECTOR", "PROMOTIONAL", "TitleCorrector"]

PROMOTIONAL = (
    *("free shipping", "free delivery", "best seller", "bestseller", "best price", "hot sale", "hot item", "on sale"),
    *("limited offer", "limited time offer", "special offer", "big discount", "money back guarantee", "100% quality"),
    *("brand new", "top quality", "high quality", "new arrival", "must have", "buy now", "l@@k", "wow", "sale"),
    *("versandkostenfrei", "kostenloser versand", "gratis versand", "sonderangebot", "angebot", "top angebot"),
    *("livraison gratuite", "meilleure vente", "promotion", "soldes", "envío gratis", "oferta", "spedizione gratuita"),
    *("gratis verzending", "portes grátis", "aanbieding", "offerta"),
)
"""Phrases that advertise rather than describe, in seven languages; the first to go when a text is too long."""

_LEAST_SHARE = 0.5
"""Share of the words that must stay; a text that would lose more is left to a person."""


class TitleCorrector(Corrector):
    """Leaves out what a title does not need, in this order: promotion, repetition, trailing parts, trailing words.

    Brand, part number and model names (words with letters and digits) stay. A missing title is composed of brand,
    category and part number where these are there, with a low score.
    """

    name = "title"
    handles = frozenset(("title", "description", "brand", "attributes"))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """At most one shorter text an issue."""
        record = {name: of_record(questions, name) for name in ("brand", "mpn", "category")}
        return answered(
            self.asked(questions),
            self.name,
            keys={
                "field": pl.col("field"),
                "observed": pl.col("observed").fill_null(""),
                "check": pl.col("check").fill_null(""),
                "params": pl.col("params").fill_null(""),
                **record,
            },
            reply=_reply,
        )


def _reply(
    field: str, observed: str, check: str, params: str, brand: str, mpn: str, category: str
) -> Iterator[Proposal]:
    given = parameters(params)
    if field == "title" and is_blank(observed):
        yield from _composed(brand, mpn, category)
        return
    if len(observed) > LONGEST_TEXT:
        return
    if check == "forbidden_words" and isinstance(given.get("words"), list):
        words = [str(word) for word in given["words"]]
        yield from _fewer(observed, lambda text: without_words(text, words), 0.85, "Without the refused words.")
    elif check == "repeated_words":
        most = given.get("maximum", 2)
        besides = given.get("besides")
        spared = {str(word) for word in besides} if isinstance(besides, list) else frozenset()
        if isinstance(most, int):
            yield from _fewer(
                observed,
                lambda text: without_repeats(text, most=most, besides=spared),
                0.85,
                f"Each word at most {most} times; the later ones are left out.",
            )
    elif (
        check == "length"
        and field != "description"
        and isinstance(given.get("maximum"), int)
        and not has_markup(observed)
    ):
        size: Callable[[str], int] = (lambda t: len(t.encode())) if given.get("unit") == "bytes" else len
        yield from _within(observed, given["maximum"], size, _kept_words(observed, brand, mpn))


def _fewer(observed: str, step: Callable[[str], str], score: float, reason: str) -> Iterator[Proposal]:
    text = settle(lambda t: tidied(step(t), lines=True), observed)
    if text and len(text.split()) >= 0.3 * len(observed.split()):
        yield Proposal(text, score, reason)


def _within(observed: str, limit: int, size: Callable[[str], int], keep: frozenset[str]) -> Iterator[Proposal]:
    if size(observed) <= limit:
        return
    text, left_out = tidied(observed), []
    steps: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("promotional words", lambda t: without_words(t, PROMOTIONAL)),
        ("repeated words", lambda t: without_repeats(t)),
        ("trailing parts", lambda t: _without_trailing_parts(t, limit, size, keep)),
        ("trailing words", lambda t: shortened(t, limit, keep=keep, size=size)),
    )
    for what, step in steps:
        if size(text) <= limit:
            break
        before, text = text, step(text)
        left_out += [what] if text != before else []
    share = len(text.split()) / len(observed.split())
    if not text or size(text) > limit or share < _LEAST_SHARE:
        return
    note = f"left out: {', '.join(left_out)}" if left_out else "only white space was left out"
    yield Proposal(text, 0.6 + 0.3 * share, f"{size(text)} of {limit} allowed; {note}; brand and model stay.")


def _without_trailing_parts(text: str, limit: int, size: Callable[[str], int], keep: frozenset[str]) -> str:
    """The text without parts set off by brackets, bars, dashes or commas at its end, while it is too long."""
    while size(text) > limit:
        found = re.search(r"\s*(?:\([^()]*\)|\[[^\[\]]*\]|\s[|–—-]\s[^|–—]*?|,\s[^,]*)\s*$", text)
        if found is None:
            return text
        lost = {word.casefold() for word in re.findall(r"[^\W_]+", found[0])}
        rest = text[: found.start()].rstrip(" ,|–—-")
        if lost & keep or len(rest.split()) < _LEAST_SHARE * len(text.split()) or not rest:
            return text
        text = rest
    return text


def _kept_words(observed: str, brand: str, mpn: str) -> frozenset[str]:
    words = {word.casefold() for text in (brand[:100], mpn[:100]) for word in re.findall(r"[^\s]+", text)}
    words |= {word.casefold() for word in re.findall(r"[^\W_]+", f"{brand[:100]} {mpn[:100]}")}
    models = re.findall(r"(?<![^\W_])(?=[^\W\d_]*\d)(?=\d*[^\W\d_])[^\W_]+(?:-[^\W_]+)*", observed[:1_000])
    return frozenset(words | {model.casefold() for model in models[:3]}) - SMALL_WORDS


def _composed(brand: str, mpn: str, category: str) -> Iterator[Proposal]:
    leaf = category.rpartition(" > ")[2].strip()
    parts = [part.strip() for part in (brand, leaf, mpn) if not is_blank(part)]
    if len(parts) == 3 and len(" ".join(parts)) <= 150:
        yield Proposal(" ".join(parts), 0.35, "Composed of brand, category and part number; nothing else is known.")


CORRECTOR = TitleCorrector
