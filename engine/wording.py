"""Pure functions on one text: mend its encoding, strip markup, calm capitals, drop words, shorten it.

Every function gives the same text again when applied to its own result, except where said.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from html.parser import HTMLParser

import ftfy

__all__ = [
    "LONGEST_TEXT",
    "SMALL_WORDS",
    "calmed",
    "capital_share",
    "decoded",
    "has_markup",
    "repaired",
    "settle",
    "shortened",
    "tidied",
    "without_characters",
    "without_markup",
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
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_WORD = re.compile(r"[^\W_]+(?:['’.&/+-][^\W_]+)*", re.UNICODE)
_UNITS = {u.casefold(): u for u in _words("ml cl dl mm cm km mg kg kW kWh mAh Ah Hz kHz MHz GHz GB TB MB KB Mbps dB")}
_ACRONYMS = _words(
    "usb led lcd oled qled hdmi dvd cd tv pc ssd hdd ram rom gps nfc hd uhd fhd wifi vga dvi aa aaa diy uk us usa eu uv xl"
    " xxl xxxl xs ii iii iv vi vii viii ix bpa pvc abs dna cpu gpu ac dc ip rgb sd sdhc sdxc bmx suv"
)
_BLOCKS = _words("p div br li ul ol tr table h1 h2 h3 h4 h5 h6 section article blockquote hr dt dd")
_ACTIVE = _words(
    "script style iframe frame frameset object embed applet form input button select textarea link meta base noscript"
    " template svg math"
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


def has_markup(text: str) -> bool:
    """Whether HTML tags or comments stand in the text."""
    return _TAG.search(text) is not None


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


def without_markup(text: str, *, tags: Collection[str] | None = (), lines: bool = False) -> str:
    """The text without HTML.

    Parameters
    ----------
    text : str
    tags : collection of str or None
        Tags that stay, lower case; None keeps every tag that runs nothing. Event handlers never stay.
    lines : bool
        Whether the end of a paragraph becomes a line break rather than a blank.
    """
    reader = _Reader(tags, "\n" if lines else " ")
    reader.feed(text)
    reader.close()
    return "".join(reader.parts)


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
    pattern = re.compile(rf"(?<![^\W_])(?:{alternatives})(?![^\W_])", re.IGNORECASE)
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


class _Reader(HTMLParser):
    """Collects text and allowed tags; what stands inside a tag that runs something is dropped with it."""

    def __init__(self, tags: Collection[str] | None, line_end: str) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._tags, self._line_end, self._hidden = tags, line_end, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._hidden += 1
        elif self._stays(tag):
            self.parts.append(f"<{tag}{''.join(_attribute(name, value) for name, value in attrs)}>")
        elif tag in _BLOCKS:
            self.parts.append(self._line_end)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._hidden = max(self._hidden - 1, 0)
        elif self._stays(tag):
            self.parts.append(f"</{tag}>")
        elif tag in _BLOCKS:
            self.parts.append(self._line_end)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};" if self._tags != () else html.unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};" if self._tags != () else html.unescape(f"&#{name};"))

    def _stays(self, tag: str) -> bool:
        return tag not in _ACTIVE if self._tags is None else tag in self._tags and tag not in _ACTIVE


def _attribute(name: str, value: str | None) -> str:
    scheme = "".join((value or "").split()).casefold()
    if name.startswith("on") or name in ("style", "srcdoc") or scheme.startswith(("javascript:", "data:", "vbscript:")):
        return ""
    return f' {name}="{html.escape(value, quote=True)}"' if value is not None else f" {name}"


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
