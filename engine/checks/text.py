"""Checks of text: length, form, words, characters, and the damage that systems do to text."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from engine.checks.registry import Subject, check, checked_pattern

__all__ = [
    "capitals",
    "forbidden_characters",
    "forbidden_words",
    "length",
    "markup",
    "mojibake",
    "none_of",
    "one_of",
    "pattern",
    "repeated_words",
    "white_space",
]

_TAG = r"</?[A-Za-z][^<>]*>|<!--|<![A-Za-z\[]|<\?"
_ACTIVE = (
    r"(?i)<\s*/?\s*(?:script|iframe|frame|object|embed|applet|form|input|button|meta|base)(?-u:\b)"
    r"|<[^<>]+\son[a-z]{3,}\s*=|<[^<>]+=\s*[\"']?\s*(?:javascript|vbscript)\s*:"
)

# UTF-8 read as Windows-1252: a lead byte shows as one of these letters, each following byte as one of `_FOLLOW`.
_FOLLOW = "\u0080-\u00bf€‚ƒ„†‡ˆ‰Š‹ŒŽ“•–—˜™š›œžŸ"
_FOLLOW_AMBIGUOUS = "”’‘…"
_MOJIBAKE = rf"[ÃÂÅÄ][{_FOLLOW}]|Ã[{_FOLLOW_AMBIGUOUS}]\p{{Ll}}|â(?:€|„|‚|†|ˆ|˜|™|œ|ž)|ï»¿|ï¿½|ðŸ|[ÐÑ][{_FOLLOW}][ÐÑ][{_FOLLOW}]|[\u{{80}}-\u{{9F}}]|\u{{FFFD}}"
_ENTITY = r"&(?:[A-Za-z]{2,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});"
_WHITE = r"\s{2,}|[\t\r\n\x0B\x0C\u{2028}\u{2029}]|[\x00-\x08\x0E-\x1F\x7F\u{200B}\u{2060}\u{FEFF}\u{00AD}]"
_INVISIBLE = r"[\x00-\x08\x0E-\x1F\x7F\u{200B}\u{2060}\u{FEFF}]"


@check()
def length(
    subject: Subject,
    *,
    minimum: Annotated[int, Field(ge=0)] = 0,
    maximum: Annotated[int, Field(ge=1)] | None = None,
    unit: Literal["characters", "bytes"] = "characters",
    visible: bool = False,
) -> pl.Expr:
    """The text must be as long as allowed.

    Parameters
    ----------
    subject : Subject
    minimum, maximum : int
    unit : {"characters", "bytes"}
        ``bytes`` counts UTF-8.
    visible : bool
        Whether HTML tags, blank entities and outer white space do not count.
    """
    if maximum is not None and maximum < minimum:
        raise ValueError(f"maximum {maximum} is below minimum {minimum}")
    text = subject.text
    if visible:
        text = _visible(text, minimum, maximum)
    size = text.str.len_bytes() if unit == "bytes" else text.str.len_chars()
    return size < minimum if maximum is None else (size < minimum) | (size > maximum)


@check()
def pattern(subject: Subject, *, matches: str | None = None, without: str | None = None) -> pl.Expr:
    """The text must match one pattern as a whole, or must not hold another one anywhere.

    Parameters
    ----------
    subject : Subject
    matches, without : str or None
        One of the two, in the syntax of Rust's ``regex``.
    """
    if (matches is None) == (without is None):
        raise ValueError("give 'matches' or 'without', one of the two")
    if matches is not None:
        whole = checked_pattern(f"^(?:{matches})$")
        return subject.any_item(lambda text: ~text.str.contains(whole))
    part = checked_pattern(without or "")
    return subject.any_item(lambda text: text.str.contains(part))


@check()
def one_of(
    subject: Subject, *, values: Annotated[list[str], Field(min_length=1)], ignore_case: bool = False
) -> pl.Expr:
    """The text must be one of the values.

    Parameters
    ----------
    subject : Subject
    values : list of str
    ignore_case : bool
    """
    return ~_among(subject.text, values, ignore_case)


@check()
def none_of(
    subject: Subject, *, values: Annotated[list[str], Field(min_length=1)], ignore_case: bool = False
) -> pl.Expr:
    """The text must be none of the values.

    Parameters
    ----------
    subject : Subject
    values : list of str
    ignore_case : bool
    """
    return _among(subject.text, values, ignore_case)


@check()
def forbidden_words(subject: Subject, *, words: Annotated[list[str], Field(min_length=1)]) -> pl.Expr:
    """The text must hold none of the words or phrases, as whole words, compared without case.

    Parameters
    ----------
    subject : Subject
    words : list of str
    """
    alternatives = "|".join(re.escape(word) for word in words)
    whole = rf"(?i)(?:^|[^\p{{L}}\p{{N}}])(?:{alternatives})(?:$|[^\p{{L}}\p{{N}}])"
    return subject.text.str.contains(checked_pattern(whole))


@check()
def forbidden_characters(subject: Subject, *, characters: Annotated[str, Field(min_length=1)]) -> pl.Expr:
    """The text must hold none of the characters.

    Parameters
    ----------
    subject : Subject
    characters : str
        Each character of this text is refused.
    """
    members = "".join(rf"\x{{{ord(one):X}}}" for one in characters)
    return subject.text.str.contains(checked_pattern(f"[{members}]"))


@check()
def capitals(
    subject: Subject,
    *,
    share: Annotated[float, Field(gt=0, le=1)] = 1.0,
    letters: Annotated[int, Field(ge=1)] = 12,
    words: Annotated[int, Field(ge=1)] = 3,
) -> pl.Expr:
    """The text must not be written in capitals.

    Parameters
    ----------
    subject : Subject
    share : float
        Broken from this share of capitals among the letters that have two cases, in 0..1.
    letters, words : int
        Shorter texts are not judged: model names are in capitals by right.
    """
    text = subject.text
    if share == 1:
        # The first small letter settles it; only what has none is counted.
        text = pl.when(~text.str.contains(r"\p{Ll}")).then(text)
    upper = text.str.count_matches(r"\p{Lu}")
    lower = text.str.count_matches(r"\p{Ll}")
    long = (upper + lower >= letters) & (text.str.count_matches(r"\p{L}{2,}") >= words)
    return long & (upper >= share * (upper + lower))


@check()
def repeated_words(
    subject: Subject, *, maximum: Annotated[int, Field(ge=1)] = 2, besides: list[str] | None = None
) -> pl.Expr:
    """No word may stand in the text more often than allowed; compared without case.

    Parameters
    ----------
    subject : Subject
    maximum : int
    besides : list of str or None
        Words that may be repeated (articles, prepositions, conjunctions), lower case.
    """
    words = subject.text.str.to_lowercase().str.extract_all(r"[\p{L}\p{N}]+")
    counted = pl.element().filter(~pl.element().is_in(besides)) if besides else pl.element()
    return words.list.eval(counted.unique_counts().max()).list.first() > maximum


@check()
def markup(
    subject: Subject, *, allow: Literal["nothing", "tags", "inactive"] = "nothing", tags: list[str] | None = None
) -> pl.Expr:
    """The text must hold no HTML; or only some tags; or nothing that runs (scripts, frames, forms, event handlers).

    Parameters
    ----------
    subject : Subject
    allow : {"nothing", "tags", "inactive"}
    tags : list of str or None
        The tags that are allowed, for ``allow="tags"``.
    """
    text = subject.text
    if allow == "inactive":
        return text.str.contains(_ACTIVE)
    if allow == "tags":
        if not tags:
            raise ValueError("allow 'tags' needs the parameter 'tags'")
        names = "|".join(re.escape(tag) for tag in tags)
        text = text.str.replace_all(checked_pattern(rf"(?i)</?(?:{names})(?:\s[^<>]*)?/?>"), "")
    return text.str.contains(_TAG)


@check()
def mojibake(subject: Subject, *, entities: bool = False) -> pl.Expr:
    """The text must not be damaged by a wrong encoding ("fÃ¼r"); on demand, must not hold HTML entities ("&amp;").

    Parameters
    ----------
    subject : Subject
    entities : bool
        Whether entities are judged in place of encoding damage: wrong where the field is plain text.
    """
    return subject.text.str.contains(_ENTITY if entities else _MOJIBAKE)


@check()
def white_space(subject: Subject, *, inner: bool = True) -> pl.Expr:
    """The text must have no white space outside, no double blanks, line breaks or invisible characters inside.

    Parameters
    ----------
    subject : Subject
    inner : bool
        Whether blanks and line breaks inside are judged; without, only outer white space and invisible characters.
    """
    raw = subject.raw
    outer = raw.str.len_bytes() != subject.text.str.len_bytes()
    return outer | raw.str.contains(_WHITE if inner else _INVISIBLE)


def _visible(text: pl.Expr, minimum: int, maximum: int | None) -> pl.Expr:
    """The text without tags where that can matter, null where the text is surely long or short enough with them."""
    # Taking tags out is dear, and most texts need not: tags only make longer, and one visible letter is soon seen.
    may_be_long = text.str.len_chars() > maximum if maximum is not None else pl.lit(False)
    may_be_short = pl.lit(minimum > 1)
    if minimum == 1:
        may_be_short = ~text.str.contains(r"(?:^|>)\s*[^<>\s&]")
    bare = pl.when(may_be_long | may_be_short).then(text)
    return bare.str.replace_all(r"<[^<>]*>|&nbsp;|&#160;", " ").str.strip_chars()


def _among(text: pl.Expr, values: list[str], ignore_case: bool) -> pl.Expr:
    return text.str.to_lowercase().is_in([v.lower() for v in values]) if ignore_case else text.is_in(values)
