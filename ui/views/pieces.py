"""Small pieces of markup that every view uses. Arguments are text and numbers; what comes back is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from markupsafe import Markup

__all__ = [
    "age",
    "chip",
    "confidence_bar",
    "counted",
    "empty_state",
    "name_of",
    "percent",
    "rule_title",
    "sentence",
    "short_key",
    "status_chip",
]

_TONES: Mapping[str, str] = {
    "verified": "good",
    "approved": "good",
    "modified": "good",
    "written": "quiet",
    "sent": "quiet",
    "manual": "warn",
    "conflict": "warn",
    "undone": "quiet",
    "failed": "bad",
    "rejected": "bad",
    "error": "bad",
    "warning": "warn",
}
_ACRONYMS = ("asin", "ean", "gtin", "hs", "html", "https", "id", "mpn", "sku", "upc", "url")
_STATUS_WORDS: Mapping[str, str] = {
    "written": "waits to be sent",
    "sent": "sent, not yet proven",
    "manual": "change by hand",
}


def percent(share: float | None, *, digits: int = 0) -> str:
    """A share as text, never rounded up to certainty: 0.9987 is ``> 99 %``; a dash for None.

    >>> percent(0.934), percent(0.9987), percent(None)
    ('93 %', '> 99 %', '–')
    """
    if share is None:
        return "–"
    if digits == 0 and 0.995 <= share < 1:
        return "> 99 %"
    return f"{share * 100:.{digits}f} %"


def confidence_bar(confidence: float | None, *, lower: float | None = None) -> Markup:
    """A probability as a bar with its percentage; `lower` is marked by a tick."""
    if confidence is None:
        return Markup('<span class="cm-quiet">no suggestion</span>')
    tone = "high" if confidence >= 0.9 else "middle" if confidence >= 0.6 else "low"
    tick = Markup("")
    spoken = percent(confidence)
    if lower is not None:
        tick = Markup('<i style="left:{}%"></i>').format(f"{lower * 100:.1f}")
        spoken += f", at least {percent(lower)}"
    return Markup(
        '<span class="cm-confidence cm-{}" title="confidence {}"><span class="cm-track"><b style="width:{}%"></b>{}</span>'
        '<span class="cm-number">{}</span></span>'
    ).format(tone, spoken, f"{confidence * 100:.1f}", tick, percent(confidence))


def chip(text: str, tone: str = "quiet") -> Markup:
    """A short word in a frame; `tone` is quiet, good, warn or bad."""
    return Markup('<span class="cm-chip cm-{}">{}</span>').format(tone, text)


def status_chip(status: str) -> Markup:
    """A state, a verdict or a severity as a chip in its colour."""
    return chip(_STATUS_WORDS.get(status, status), _TONES.get(status, "quiet"))


def counted(count: int, word: str) -> str:
    """A number with its noun.

    >>> counted(1, "issue"), counted(1200, "issue")
    ('1 issue', '1,200 issues')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def empty_state(title: str, text: str, *, tone: str = "quiet") -> Markup:
    """What is shown where there is nothing to show."""
    return Markup('<div class="cm-empty cm-{}"><strong>{}</strong><p>{}</p></div>').format(tone, title, text)


def rule_title(rule_id: str) -> str:
    """The identifier of a rule as words.

    >>> rule_title("title-white-space")
    'Title white space'
    """
    words = " ".join(word.upper() if word in _ACRONYMS else word for word in rule_id.split("-"))
    return sentence(words)


def sentence(words: str) -> str:
    """The words with a capital at the start; the rest stays.

    >>> sentence("weight of GTIN")
    'Weight of GTIN'
    """
    return words[:1].upper() + words[1:]


def name_of(field: str) -> str:
    """A canonical field as words; the unit stays.

    >>> name_of("ship_postal_code"), name_of("weight_g")
    ('ship postal code', 'weight (g)')
    """
    words = [word.upper() if word in _ACRONYMS else word for word in field.replace("attributes.", "").split("_")]
    if len(words) > 1 and words[-1] in ("g", "mm", "days"):
        return f"{' '.join(words[:-1])} ({words[-1]})"
    return " ".join(words)


def short_key(record_key: str) -> str:
    """The last part of an identifier that is an address, which is what a merchant knows it by.

    >>> short_key("gid://bazaar/Product/8100000000546"), short_key("1040/2")
    ('8100000000546', '1040/2')
    """
    return record_key.rstrip("/").rpartition("/")[2] if "://" in record_key else record_key


def age(moment: datetime | None, *, now: datetime | None = None) -> str:
    """How long ago something was, in the largest unit that fits; a dash for None.

    >>> from datetime import timedelta
    >>> age(datetime(2026, 5, 1, tzinfo=UTC), now=datetime(2026, 5, 1, tzinfo=UTC) + timedelta(hours=5))
    '5 h ago'
    """
    if moment is None:
        return "–"
    seconds = max(0.0, ((now or datetime.now(UTC)) - moment).total_seconds())
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"
