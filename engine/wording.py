"""Pure functions on one text: mend its encoding, calm capitals, drop words, shorten it.

Every function gives the same text again when applied to its own result, except where said.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping

import ftfy

__all__ = [
    "LONGEST_TEXT",
    "SMALL_WORDS",
    "calmed",
    "capital_share",
    "decoded",
    "repaired",
    "settle",
    "shortened",
    "tidied",
    "without_characters",
    "without_repeats",
    "without_words",
]

LONGEST_TEXT = 100_000
"""Characters beyond which a text is left to a person: repairing it would hold up the whole run."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SMALL_WORDS = _words(
    "a an and as at by for from in of on or per the to with aus das dem den der des die ein eine für im mit oder und von"
    " zum zur à au aux avec d' dans de des du en et la le les ou par pour sur un une con del e el i il las lo los para per"
    " por sin su un una y da di do dos em na no para com van met het een voor"
)
"""Articles, prepositions and conjunctions of seven languages, lower case; they stay small and may be repeated."""

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_WORD = re.compile(r"[^\W_]+(?:['’.&/+-][^\W_]+)*", re.UNICODE)
_UNITS = {u.casefold(): u for u in _words("ml cl dl mm cm km mg kg kW kWh mAh Ah Hz kHz MHz GHz GB TB MB KB Mbps dB")}
_ACRONYMS = _words(
    "usb led lcd oled qled hdmi dvd cd tv pc ssd hdd ram rom gps nfc hd uhd fhd wifi vga dvi aa aaa diy uk us usa eu uv xl"
    " xxl xxxl xs ii iii iv vi vii viii ix bpa pvc abs dna cpu gpu ac dc ip rgb sd sdhc sdxc bmx suv"
)


def settle(step: Callable[[str], str], text: str, *, most: int = 5) -> str | None:
    """The text after applying the step until nothing changes any more; None when it never settles."""
    for _ in range(most):
        changed = step(text)
        if changed == text:
            return text
        text = changed
    return None


def repaired(text: str) -> str:
    """The text with wrongly decoded characters put right ("fÃ¼r" -> "für"), in Unicode form NFC; quotes stay."""
    configuration = ftfy.TextFixerConfig(
        unescape_html=False,
        uncurl_quotes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        remove_terminal_escapes=True,
        normalization="NFC",
        explain=False,
    )
    return ftfy.fix_text(text, configuration)


def decoded(text: str) -> str:
    """The text with complete HTML entities ("&amp;", "&#233;") as the characters that they stand for."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text)


def tidied(text: str, *, lines: bool = False) -> str:
    """The text without outer, double or invisible white space.

    Parameters
    ----------
    text : str
    lines : bool
        Whether single line breaks, and one empty line between paragraphs, stay.
    """
    text = _INVISIBLE.sub("", text)
    text = "".join(" " if unicodedata.category(c) in ("Zs", "Cc") and c != "\n" else c for c in text)
    if not lines:
        return " ".join(text.split())
    rows = [" ".join(row.split()) for row in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(rows)).strip()


def capital_share(text: str) -> float:
    """Share of capitals among the letters that have two cases, in 0..1; 0 for a text without such letters."""
    upper = sum(c.isupper() for c in text)
    return upper / max(upper + sum(c.islower() for c in text), 1)


def calmed(text: str, vocabulary: Mapping[str, str], *, sentences: bool = False) -> str:
    """A text in capitals in the usual case: words as the vocabulary writes them, models and units as they are.

    Parameters
    ----------
    text : str
    vocabulary : mapping of str to str
        Case-folded word to the way it is written.
    sentences : bool
        Whether only the first word of a sentence starts with a capital (a description) or every word (a title).
    """
    start = True
    parts: list[str] = []
    end = 0
    for found in _WORD.finditer(text):
        between = text[end : found.start()]
        start = start or re.search(r"[.!?]\s|\n", between) is not None
        parts += [between, _cased(found[0], vocabulary, start=start, sentences=sentences)]
        start, end = False, found.end()
    return "".join([*parts, text[end:]])


def without_words(text: str, words: Iterable[str]) -> str:
    """The text without those words or phrases (whole words, any case), and without the punctuation that they leave."""
    alternatives = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True) if word)
    if not alternatives:
        return text
    # The exclamation marks behind a shout belong to it.
    pattern = re.compile(rf"(?<![^\W_])(?:{alternatives})(?![^\W_])!*", re.IGNORECASE)
    return _closed_up(pattern.sub(" ", text)) if pattern.search(text) else text


def without_characters(text: str, characters: str) -> str:
    """The text without those characters; one between two words becomes a blank."""
    removed = "".join(" " if c in characters else c for c in text)
    return " ".join(removed.split(" ")) if removed == text else tidied(removed, lines=True)


def without_repeats(text: str, *, most: int = 1, besides: Collection[str] = SMALL_WORDS) -> str:
    """The text in which each word stands at most so often, the later ones dropped."""
    counts: dict[str, int] = {}
    parts: list[str] = []
    end = 0
    for found in re.finditer(r"[^\W_]+", text):
        word = found[0].casefold()
        counts[word] = counts.get(word, 0) + (word not in besides)
        parts += [text[end : found.start()], "" if counts[word] > most else found[0]]
        end = found.end()
    result = "".join([*parts, text[end:]])
    return _closed_up(result) if result != text else text


def shortened(text: str, limit: int, *, keep: Collection[str] = (), size: Callable[[str], int] = len) -> str:
    """The text cut to the limit between words, from the end, but with the words to keep; empty when that is impossible.

    Parameters
    ----------
    text : str
    limit : int
        Most characters, or whatever `size` counts.
    keep : collection of str
        Case-folded words (brand, model) that stay wherever they stand.
    size : callable
        Length of a text.
    """
    words = text.split()
    kept = [_folded_word(word) in keep for word in words]
    rest = sum(size(word) + 1 for word in words) - 1
    place = len(words)
    while rest > limit and place > 0:
        place -= 1
        if not kept[place]:
            rest -= size(words[place]) + 1
            words[place] = ""
    left = [word for word in words if word]
    while left and (_folded_word(left[-1]) in SMALL_WORDS or not _WORD.search(left[-1])):
        left.pop()
    result = _closed_up(" ".join(left))
    return result if 0 < size(result) <= limit else ""


def _cased(word: str, vocabulary: Mapping[str, str], *, start: bool, sentences: bool) -> str:
    folded = word.casefold()
    if folded in vocabulary:
        written = vocabulary[folded]
        return written[0].upper() + written[1:] if start else written
    if any(c.isdigit() for c in word) or folded in _ACRONYMS or len(word) == 1:
        return word
    if folded in _UNITS:
        return _UNITS[folded]
    if not start and (sentences or folded in SMALL_WORDS):
        return word.lower()
    # Not str.title: it writes "O'neill" as "O'Neill" but also "children's" as "Children'S".
    return re.sub(r"(^|[-/&+])([^\W_])", lambda m: m[1] + m[2].upper(), word.lower())


def _closed_up(text: str) -> str:
    """The text without the blanks, brackets and commas that removed words left behind."""
    text = re.sub(r"\(\s*\)|\[\s*\]|\{\s*\}", " ", text)
    text = re.sub(r"([,;|/–—-])(?:\s+[,;|/–—-])+(?=\s|$)", r"\1", text)
    text = re.sub(r"[^\S\n]{2,}", " ", text)
    text = re.sub(r"\s+([,;.!?:)])", r"\1", text)
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    text = re.sub(r"\s+[|/&–—-]+\s*[!?.]*\s*$", "", text).strip().strip(",;|/–—-& ").strip()
    return text + ")" if text.count("(") == text.count(")") + 1 else text


def _folded_word(word: str) -> str:
    return word.strip(".,;:!?()[]{}|\"'").casefold()
