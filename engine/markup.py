"""Pure functions on one HTML text: take out all tags, all but some, what runs, or what a rule refuses."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection
from html.parser import HTMLParser

__all__ = ["has_markup", "without_markup", "without_tags"]

_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BLOCKS = _words("p div br li ul ol tr table h1 h2 h3 h4 h5 h6 section article blockquote hr dt dd")
_ACTIVE = _words(
    "script style iframe frame frameset object embed applet form input button select textarea link meta base noscript"
    " template svg math"
)
_VOID = _words("area br col hr img input link meta source track wbr")


_HIDES = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def has_markup(text: str) -> bool:
    """Whether HTML tags or comments stand in the text."""
    return _TAG.search(text) is not None


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


def without_tags(text: str, refused: Callable[[str], bool]) -> str:
    """The text without the tags that are refused, and without what stands inside a refused tag that hides it.

    Parameters
    ----------
    text : str
    refused : callable
        Called with each opening tag as it is written.
    """
    reader = _Sieve(refused)
    reader.feed(text)
    reader.close()
    return "".join(reader.parts)


class _Reader(HTMLParser):
    """Collects text and allowed tags; what stands inside a tag that runs something, or is not displayed, is dropped with it."""

    def __init__(self, tags: Collection[str] | None, line_end: str) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._tags, self._line_end = tags, line_end
        self._unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # The attribute that hides an element is dropped below: its text must not come to light by that.
        if tag not in _VOID and (self._unseen or tag in ("script", "style") or _is_hidden(attrs)):
            self._unseen.append(tag)
        elif self._unseen:
            return
        elif self._stays(tag):
            self.parts.append(f"<{tag}{''.join(_attribute(name, value) for name, value in attrs)}>")
        elif tag in _BLOCKS:
            self.parts.append(self._line_end)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            # An end without its start closes nothing; one further out closes all that was left open inside.
            if tag in self._unseen:
                del self._unseen[len(self._unseen) - 1 - self._unseen[::-1].index(tag) :]
        elif self._stays(tag):
            self.parts.append(f"</{tag}>")
        elif tag in _BLOCKS:
            self.parts.append(self._line_end)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};" if self._tags != () else html.unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};" if self._tags != () else html.unescape(f"&#{name};"))

    def _stays(self, tag: str) -> bool:
        return tag not in _ACTIVE if self._tags is None else tag in self._tags and tag not in _ACTIVE


def _is_hidden(attributes: list[tuple[str, str | None]]) -> bool:
    return any(
        name == "hidden" or (name == "style" and _HIDES.search(value or "") is not None) for name, value in attributes
    )


def _attribute(name: str, value: str | None) -> str:
    scheme = "".join((value or "").split()).casefold()
    if name.startswith("on") or name in ("style", "srcdoc") or scheme.startswith(("javascript:", "data:", "vbscript:")):
        return ""
    return f' {name}="{html.escape(value, quote=True)}"' if value is not None else f" {name}"


class _Sieve(HTMLParser):
    """Copies everything but refused tags with their ends; the text in an element that is not displayed goes too."""

    def __init__(self, refused: Callable[[str], bool]) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._refused = refused
        self._open: list[tuple[str, bool, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        written = self.get_starttag_text() or ""
        drop = self._refused(written)
        hides = drop and _HIDES.search(written) is not None
        if not drop:
            self._copy(written)
        if tag not in _VOID and not written.endswith("/>"):
            self._open.append((tag, drop, hides))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        places = [i for i, (name, _, _) in enumerate(self._open[-50:]) if name == tag]
        drop = False
        if places:
            _, drop, _ = self._open.pop(len(self._open) - len(self._open[-50:]) + places[-1])
        if not drop:
            self._copy(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self._copy(data)

    def handle_entityref(self, name: str) -> None:
        self._copy(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._copy(f"&#{name};")

    def _copy(self, text: str) -> None:
        if not any(hides for _, _, hides in self._open[-50:]):
            self.parts.append(text)
