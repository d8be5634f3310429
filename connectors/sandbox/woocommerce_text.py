"""How WordPress and WooCommerce treat text on its way in and out: the silent changes that a connector must survive.

Each rule was seen on a live WooCommerce 11.0.1 (2026-11-23); the values in the tests are from there.
"""

from __future__ import annotations

import re

__all__ = ["autop", "cleaned", "decimal_text", "global_unique_id", "is_email", "sanitised", "whole_number"]

_ENTITY = re.compile(r"&(?!(?:[A-Za-z][A-Za-z0-9]{1,30}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});)")
_UNSAFE_TAG = re.compile(r"</?(?:script|style|iframe|object|embed|form|input)\b[^>]*>", re.IGNORECASE)
_EVENT = re.compile(r"""(<[^<>]*?)\s+on\w+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)""", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_BLOCK = re.compile(r"^<(?:p|div|ul|ol|table|h[1-6]|blockquote|pre|script|img)\b", re.IGNORECASE)


def sanitised(text: str) -> str:
    """Names and descriptions: tags that could run are cut (their content stays), a bare ``&`` becomes ``&amp;``."""
    text = _UNSAFE_TAG.sub("", text)
    while (without := _EVENT.sub(r"\1", text)) != text:
        text = without
    return _ENTITY.sub("&amp;", text)


def cleaned(text: str) -> str:
    """Short fields such as SKUs: no tags, no line breaks, no outer blanks."""
    return re.sub(r"[\r\n\t ]+", " ", _TAG.sub("", text)).strip()


def decimal_text(value: object, separator: str) -> str:
    """A price or weight as it is stored: the shop's separator becomes a dot, everything that is no digit, dot or minus goes.

    This is why ``12,50`` is stored as ``1250`` in a shop that writes a decimal point.
    """
    text = cleaned(_plain(value)).replace(separator, ".")
    return re.sub(r"\.(?![^.]+$)|[^0-9.\-]", "", text)


def global_unique_id(value: str) -> str:
    """GTIN, UPC, EAN or ISBN: digits, hyphens and a last X stay; check digits are not looked at."""
    text = cleaned(value)
    kept = re.sub(r"[^0-9\-]", "", text)
    return kept + "X" if kept and text[-1:] in "xX" else kept


def whole_number(value: object) -> int:
    """An amount of stock the way PHP reads it: leading digits, 0 where there are none."""
    found = re.match(r"\s*[+-]?\d+", _plain(value))
    return int(found.group()) if found else 0


def is_email(text: str) -> bool:
    """Whether WordPress takes the text as an e-mail address: lenient about dots before the @, strict after it."""
    if len(text) < 6 or text.count("@") != 1:
        return False
    name, domain = text.split("@")
    labels = domain.split(".")
    return bool(re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]+", name)) and (
        len(labels) > 1 and all(re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?", label) for label in labels)
    )


def autop(text: str) -> str:
    """A description as it is shown: paragraphs end with a line break, bare text becomes a paragraph.

    Only the view context does this; ``context=edit`` and the answer to a write give the text as stored.
    """
    if not text.strip():
        return ""
    if not _BLOCK.match(text.lstrip()):
        parts = [part.replace("\n", "<br />\n") for part in re.split(r"\n\s*\n", text.strip())]
        return "".join(f"<p>{part}</p>\n" for part in parts)
    shown = re.sub(r"</(p|div|ul|ol|table|h[1-6]|blockquote|pre)>\s*", r"</\1>\n", text)
    return shown if shown.endswith("\n") else shown + "\n"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    return "" if value is None else str(value)
