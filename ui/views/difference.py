"""Two values side by side in one line: what goes is struck, what comes is underlaid, blanks that matter are seen.

Values come from platforms and are hostile. Every text passes through `markupsafe`, and characters that would be
invisible or would turn the direction of the line are written out by their code point.
"""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import groupby
from typing import Literal, NamedTuple

from markupsafe import Markup, escape
from rapidfuzz.distance import Indel

__all__ = ["LONGEST_COMPARED", "Segment", "difference", "plain", "readable", "segments"]

LONGEST_COMPARED = 4000
"""Characters of a value that are compared and shown; comparing whole product pages would hold up the screen."""

_TOKEN = re.compile(r"\w+|\s|[^\w\s]", re.UNICODE)
_ALIKE = 0.55
"""Similarity, 0..1, from which two words are compared letter by letter; below it the marks would be confetti."""

_KEPT_AROUND = 28
"""Unchanged characters kept on either side of a change where the line is shortened."""

Change = Literal["same", "gone", "new"]

_BLANKS = re.compile(r"(\s{2,}|^\s|\s$)")
_UNUSUAL = re.compile(r"([^\w.,:;/&<>\"'()+-])")
_INVISIBLE = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
"""Unicode categories of controls, format characters, private and broken code points, line and paragraph separators."""

_WHITE_SPACE = {" ": "·", "\t": "⇥", "\n": "↵\n", "\r": "␍", "\u00a0": "⍽", "\u202f": "⍽", "\u2009": "⍽"}


class Segment(NamedTuple):
    """A run of characters with one fate: in both values, only in the old one, only in the new one."""

    change: Change
    text: str


def segments(before: str, after: str) -> list[Segment]:
    """How the new value comes from the old one.

    Returns
    -------
    list of Segment
        The texts that are ``same`` or ``gone``, joined, are `before`; those ``same`` or ``new`` are `after`. Of
        neighbours, what goes stands before what comes. No text is empty.
    """
    found: list[Segment] = []
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    gone = come = ""
    for step in Indel.opcodes(old, new):
        if step.tag == "equal":
            found += _replaced(gone, come)
            gone = come = ""
            found.append(Segment("same", "".join(old[step.src_start : step.src_end])))
        else:
            gone += "".join(old[step.src_start : step.src_end])
            come += "".join(new[step.dest_start : step.dest_end])
    return _joined(found + _replaced(gone, come))


def difference(before: str, after: str | None, *, short: bool = False) -> Markup:
    """The change as one run of markup.

    Parameters
    ----------
    before : str
    after : str or None
        None where there is no suggestion.
    short : bool
        Leave out unchanged text far from a change, for a row of a table.
    """
    old = readable(before)
    if after is None:
        return _whole(old, short)
    new = readable(after)
    if old == new:
        note = "the part that changes is hidden" if before == after else "only the notation changes"
        return Markup('{} <em class="cm-quiet">{}</em>').format(_whole(old, short), note)
    if not old:
        return Markup('<em class="cm-quiet">empty</em> <ins>{}</ins>').format(_seen(_cut(new, short), marks=False))
    parts = segments(old[:LONGEST_COMPARED], new[:LONGEST_COMPARED])
    shown = Markup("").join(
        _drawn(part, first=place == 0, last=place == len(parts) - 1, short=short) for place, part in enumerate(parts)
    )
    tail = Markup('<span class="cm-quiet">…</span>') if max(len(old), len(new)) > LONGEST_COMPARED else Markup("")
    return shown + tail


def plain(text: str, *, most: int = 400) -> Markup:
    """A value without any comparison, cut to `most` characters, nothing in it invisible."""
    text = readable(text)
    return _seen(text[:most] + ("…" if len(text) > most else ""), marks=False)


def readable(text: str) -> str:
    """A list in JSON text as one line an entry, any other text as it is."""
    if text.startswith("[") and text.endswith("]"):
        try:
            entries = json.loads(text)
        except ValueError:
            return text
        if all(isinstance(one, str) for one in entries):
            return "\n".join(entries)
    return text


def _replaced(gone: str, come: str) -> list[Segment]:
    if gone and come and Indel.normalized_similarity(gone, come) >= _ALIKE and len(gone) + len(come) < 200:
        found = []
        for step in Indel.opcodes(gone, come):
            if step.tag == "equal":
                found.append(Segment("same", gone[step.src_start : step.src_end]))
            elif step.tag == "delete":
                found.append(Segment("gone", gone[step.src_start : step.src_end]))
            else:
                found.append(Segment("new", come[step.dest_start : step.dest_end]))
        return found
    return [Segment("gone", gone), Segment("new", come)]


def _joined(found: list[Segment]) -> list[Segment]:
    """Neighbours of one fate as one segment; between two unchanged ones, first all that goes, then all that comes."""
    joined: list[Segment] = []
    gone = come = ""
    for change, text in found:
        if change == "gone":
            gone += text
        elif change == "new":
            come += text
        elif text:
            joined += [Segment("gone", gone), Segment("new", come)]
            gone = come = ""
            joined.append(Segment("same", text))
    joined += [Segment("gone", gone), Segment("new", come)]
    found = [one for one in joined if one.text]
    return [
        Segment(change, "".join(one.text for one in run)) for change, run in groupby(found, key=lambda one: one.change)
    ]


def _drawn(part: Segment, *, first: bool, last: bool, short: bool) -> Markup:
    if part.change == "gone":
        return Markup("<del>{}</del>").format(_seen(_cut(part.text, short), marks=True))
    if part.change == "new":
        return Markup("<ins>{}</ins>").format(_seen(_cut(part.text, short), marks=True))
    text = part.text
    if short and len(text) > 2 * _KEPT_AROUND + 10:
        head = "" if first else text[:_KEPT_AROUND]
        tail = "" if last else text[-_KEPT_AROUND:]
        return Markup('{}<span class="cm-quiet"> … </span>{}').format(
            _seen(head, marks=False), _seen(tail, marks=False)
        )
    return _seen(text, marks=False)


def _whole(text: str, short: bool) -> Markup:
    return _seen(_cut(text, short), marks=False) if text else Markup('<em class="cm-quiet">empty</em>')


def _cut(text: str, short: bool) -> str:
    most = 160 if short else LONGEST_COMPARED
    return text[:most] + "…" if len(text) > most else text


def _seen(text: str, *, marks: bool) -> Markup:
    """Escaped text; characters that cannot be seen by their code point; where asked, blanks at an edge or in a run by a mark."""
    drawn = []
    for place, run in enumerate(_BLANKS.split(text)):
        marked = marks and place % 2 == 1
        drawn += [_character(one, marks=marked) for one in _UNUSUAL.split(run) if one]
    return Markup("").join(drawn)


def _character(text: str, *, marks: bool) -> Markup:
    if text in _WHITE_SPACE and (marks or text not in " \n"):
        return Markup('<span class="cm-blank">{}</span>').format(_WHITE_SPACE[text])
    if len(text) == 1 and unicodedata.category(text) in _INVISIBLE and text != "\n":
        return Markup('<span class="cm-code">U+{}</span>').format(f"{ord(text):04X}")
    return escape(text)
