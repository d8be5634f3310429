"""Image addresses: a missing or plain scheme becomes https, spaces are encoded, broken and doubled ones are dropped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import polars as pl

from engine.correctors.base import Context, Corrector, Proposal, answered, parameters

__all__ = ["CORRECTOR", "ImageCorrector"]

_LONGEST_ADDRESS = 2_048
_MOST_ADDRESSES = 500
_LONGEST_LIST = 200_000


class ImageCorrector(Corrector):
    """Answers with the whole list of addresses as JSON text, in the order of the record, the main image first."""

    name = "image"
    handles = frozenset(("images",))

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """One list an issue, unless no usable address is left."""
        return answered(
            self.asked(questions),
            self.name,
            keys={
                "observed": pl.col("observed").fill_null(""),
                "check": pl.col("check").fill_null(""),
                "params": pl.col("params").fill_null(""),
            },
            reply=_reply,
        )


def _reply(observed: str, check: str, params: str) -> Iterator[Proposal]:
    addresses = _listed(observed)
    if not addresses or len(addresses) > _MOST_ADDRESSES:
        return
    given = parameters(params)
    # The check of one address calls its longest length "maximum" too; only a count limits the list.
    most = given.get("maximum") if check == "count" else None
    kept: list[str] = []
    upgraded = 0
    for address in addresses:
        mended = _mended(address)
        upgraded += mended.startswith("https:") and address.strip().lower().startswith("http:")
        if mended and mended not in kept and _has_extension(mended, given):
            kept.append(mended)
    dropped = len(addresses) - len(kept)
    if isinstance(most, int) and len(kept) > most > 0:
        dropped, kept = dropped + len(kept) - most, kept[:most]
    if not kept or kept == addresses:
        return
    parts = []
    if upgraded:
        parts.append(f"{upgraded} of {len(addresses)} addresses moved from http to https, which nobody has fetched yet")
    if dropped:
        parts.append(f"{dropped} broken, doubled or surplus addresses left out")
    # Dropping takes a picture away from the offer; a scheme or an encoded space does not.
    score = 0.7 if dropped else 0.85 if upgraded else 0.93
    text = "; ".join(parts) if parts else "the addresses were written as the standard asks"
    yield Proposal(json.dumps(kept, ensure_ascii=False), score, f"{text[0].upper()}{text[1:]}.")


def _has_extension(address: str, given: Mapping[str, Any]) -> bool:
    """Whether the address ends as the rule asks; one without any ending may be anything and stays."""
    wanted = given.get("extensions")
    name = urlsplit(address).path.rpartition("/")[2]
    if given.get("judge") != "extension" or not isinstance(wanted, list) or "." not in name:
        return True
    return name.rpartition(".")[2].lower() in {str(one).lower().lstrip(".") for one in wanted}


def _listed(observed: str) -> Sequence[str]:
    if len(observed) > _LONGEST_LIST:
        return ()
    try:
        value = json.loads(observed)
    except (ValueError, RecursionError):
        return ()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else ()


def _mended(address: str) -> str:
    """The address with https and a proper path, or the empty string when it names no host on the public web."""
    text = address.strip().replace("\\", "/")
    if text.startswith("//"):
        text = f"https:{text}"
    elif "://" not in text and "." in text.split("/")[0] and "/" in text:
        text = f"https://{text}"
    if len(text) > _LONGEST_ADDRESS or any(ord(c) < 32 for c in text):
        return ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or "." not in host or " " in host or parts.username is not None:
        return ""
    network = parts.netloc if port not in (80, 443) else host
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return urlunsplit(("https", network.lower(), path, query, ""))


CORRECTOR = ImageCorrector
