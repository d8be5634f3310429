"""Titles and other short texts that say too much: promotional words, repetitions, and more characters than allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

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
"""Share of the words that must stay, padding aside; a text that would lose more is left to a person."""

_MOST_ROWS = 30_000
_TAIL_TITLES, _TAIL_WORDS, _LONGEST_TAIL = 5, 4, 100
"""On how many different titles an end of so many words must stand before it is padding, and its most words."""


class TitleCorrector(Corrector):
    """Leaves out what a title does not need, from its end, so that the product's own words stay whole.

    In this order: an end that stands on many titles of the connection, an end that repeats what was said, promotion,
    trailing parts, trailing words. Brand, part number and model names (words with letters and digits) stay. A missing
    title is composed of brand, category and part number where these are there, with a low score.

    Attributes
    ----------
    tails_ : list of str
        Ends that are padding, the longest first.
    """

    name = "title"
    handles = frozenset(("title", "description", "brand", "attributes"))

    def __init__(self) -> None:
        self.tails_: list[str] = []

    def fit(self, context: Context) -> None:
        """Find the ends that many titles share."""
        if "title" not in context.records.collect_schema():
            return
        total = context.records.select(pl.len()).collect(engine="streaming").item()
        some = context.records.select("title").gather_every(max(1, -(-total // _MOST_ROWS)))
        self.tails_ = _recurring_tails(some.collect(engine="streaming")["title"])

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
            reply=partial(_reply, tails=self.tails_),
        )


def _reply(
    field: str, observed: str, check: str, params: str, brand: str, mpn: str, category: str, *, tails: Sequence[str]
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
        yield from _within(observed, given["maximum"], size, _kept_words(observed, brand, mpn), tails)


def _fewer(observed: str, step: Callable[[str], str], score: float, reason: str) -> Iterator[Proposal]:
    text = settle(lambda t: tidied(step(t), lines=True), observed)
    if text and len(text.split()) >= 0.3 * len(observed.split()):
        yield Proposal(text, score, reason)


def _within(
    observed: str, limit: int, size: Callable[[str], int], keep: frozenset[str], tails: Sequence[str]
) -> Iterator[Proposal]:
    if size(observed) <= limit:
        return
    text, left_out = tidied(observed), []
    promotional = [phrase for phrase in PROMOTIONAL if not keep & set(phrase.split())]
    steps: tuple[tuple[str, Callable[[str], str], bool], ...] = (
        ("an end that other titles have too", lambda t: _without_tail(t, tails, keep), True),
        ("a repeated end", lambda t: _without_repeated_end(t), True),
        ("promotional words", lambda t: without_words(t, promotional), False),
        ("trailing parts", lambda t: _without_trailing_parts(t, limit, size, keep), False),
        ("trailing words", lambda t: shortened(t, limit, keep=keep, size=size), False),
    )
    words = len(text.split())
    for what, step, is_padding in steps:
        if size(text) <= limit:
            break
        before, text = text, step(text)
        left_out += [what] if text != before else []
        words = len(text.split()) if is_padding else words
    share = len(text.split()) / max(words, 1)
    if not text or size(text) > limit or share < _LEAST_SHARE:
        return
    note = f"left out: {', '.join(left_out)}" if left_out else "only white space was left out"
    yield Proposal(text, 0.6 + 0.3 * share, f"{size(text)} of {limit} allowed; {note}; brand and model stay.")


def _recurring_tails(titles: pl.Series) -> list[str]:
    """Ends that stand on several titles behind different words, the longest first.

    An end grows to the left while one word precedes it in at least half of the titles; where none does, there the
    products' own words begin.
    """
    tidy = titles.drop_nulls().str.replace_all(r"\s+", " ").str.strip_chars().unique().sort()
    words = tidy.str.split(" ")
    rows = words.to_frame("words").with_columns(pl.lit("").alias("tail"), pl.len().alias("count"))
    found: list[str] = []
    for length in range(_TAIL_WORDS, _LONGEST_TAIL + 1):
        grown = (
            rows.filter(pl.col("words").list.len() > length)
            .with_columns(longer=pl.col("words").list.tail(length).list.join(" "))
            .with_columns(pl.len().over("longer").alias("times"))
            .filter(
                (pl.col("times") >= _TAIL_TITLES) & ((length == _TAIL_WORDS) | (2 * pl.col("times") >= pl.col("count")))
            )
        )
        if length > _TAIL_WORDS:
            ended = rows.join(grown.select("tail").unique(), on="tail", how="anti")
            found += ended["tail"].unique().to_list()
        rows = grown.select("words", pl.col("longer").alias("tail"), pl.col("times").alias("count"))
        if rows.is_empty():
            break
    found += rows["tail"].unique().to_list()
    return sorted(found, key=lambda tail: (-len(tail), tail))


def _without_tail(text: str, tails: Sequence[str], keep: frozenset[str]) -> str:
    """The text without the longest such end, unless brand or model would go with it."""
    for tail in tails:
        if text.endswith(f" {tail}"):
            rest = text[: -len(tail)].rstrip(" ,;|–—-")
            if rest and not keep & (_folded_words(tail) - _folded_words(rest)):
                return rest
    return text


def _without_repeated_end(text: str) -> str:
    """The text up to the last word that had not been said before."""
    seen: set[str] = set()
    end = 0
    for found in re.finditer(r"[^\W_]+", text):
        if found[0].casefold() not in seen:
            seen.add(found[0].casefold())
            end = found.end()
    closing = re.match(r"[^\s\w,;|–—-]*", text[end:])
    return text[: end + len(closing[0] if closing else "")]


def _folded_words(text: str) -> set[str]:
    return {word.casefold() for word in re.findall(r"[^\W_]+", text)}


def _without_trailing_parts(text: str, limit: int, size: Callable[[str], int], keep: frozenset[str]) -> str:
    """The text without parts set off by brackets, bars, dashes or commas at its end, while it is too long."""
    while size(text) > limit:
        found = re.search(r"\s*(?:\([^()]*\)|\[[^\[\]]*\]|\s[|–—-]\s[^|–—]*?|,\s[^,]*)\s*$", text)
        if found is None:
            return text
        lost = _folded_words(found[0])
        rest = text[: found.start()].rstrip(" ,|–—-")
        if lost & keep or len(rest.split()) < _LEAST_SHARE * len(text.split()) or not rest:
            return text
        text = rest
    return text


def _kept_words(observed: str, brand: str, mpn: str) -> frozenset[str]:
    words = {word.casefold() for text in (brand[:100], mpn[:100]) for word in re.findall(r"[^\s]+", text)}
    words |= _folded_words(f"{brand[:100]} {mpn[:100]}")
    models = re.findall(r"(?<![^\W_])(?=[^\W\d_]*\d)(?=\d*[^\W\d_])[^\W_]+(?:-[^\W_]+)*", observed[:1_000])
    return frozenset(words | {model.casefold() for model in models[:3]}) - SMALL_WORDS


def _composed(brand: str, mpn: str, category: str) -> Iterator[Proposal]:
    leaf = category.rpartition(" > ")[2].strip()
    parts = [part.strip() for part in (brand, leaf, mpn) if not is_blank(part)]
    if len(parts) == 3 and len(" ".join(parts)) <= 150:
        yield Proposal(" ".join(parts), 0.35, "Composed of brand, category and part number; nothing else is known.")


CORRECTOR = TitleCorrector
