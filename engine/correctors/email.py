"""E-mail addresses with a slip of the keyboard: commas for dots, stray spaces, doubled dots, domains misspelt by a letter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import polars as pl
from email_validator import EmailNotValidError, validate_email
from rapidfuzz.distance import OSA

from engine.correctors.base import Context, Corrector, Proposal, answered, column, fits
from engine.wording import tidied

__all__ = ["CORRECTOR", "EmailCorrector"]

PROVIDERS = (
    *("gmail.com", "googlemail.com", "yahoo.com", "yahoo.fr", "yahoo.de", "yahoo.es", "yahoo.it", "yahoo.co.uk"),
    *("ymail.com", "hotmail.com", "hotmail.fr", "hotmail.de", "hotmail.es", "hotmail.it", "hotmail.co.uk"),
    *("outlook.com", "outlook.fr", "outlook.de", "outlook.es", "live.com", "live.fr", "msn.com", "icloud.com"),
    *("me.com", "mac.com", "aol.com", "proton.me", "protonmail.com", "mail.com", "mail.ru", "gmx.de", "gmx.net"),
    *("gmx.at", "gmx.com", "web.de", "t-online.de", "freenet.de", "orange.fr", "wanadoo.fr", "free.fr", "sfr.fr"),
    *(
        "laposte.net",
        "libero.it",
        "virgilio.it",
        "comcast.net",
        "verizon.net",
        "att.net",
        "btinternet.com",
        "bol.com.br",
    ),
    *("uol.com.br", "qq.com", "163.com", "zoho.com", "fastmail.com"),
)
"""Large public mail providers; a domain in this list is never called a misspelling."""

_LOST = "?"
"""What encodings write in place of a character that they lack. RFC 5322 allows it before the at sign, but where it stands
something was lost, and nothing but the notation around it could be mended."""

_FREQUENT = 3
"""Addresses with the same domain from which it is known to be meant."""


class EmailCorrector(Corrector):
    """Mends the notation, then the domain where it is one slip away from a known one.

    Attributes
    ----------
    domains_ : dict of str to int
        Domains of the merchant's own orders with their count, where frequent.
    """

    name = "email"
    handles = frozenset(("email",))

    def __init__(self) -> None:
        self.domains_: dict[str, int] = {}

    def fit(self, context: Context) -> None:
        """Count the domains; nothing before the at sign is looked at."""
        domain = (
            column(context, "email")["email"]
            .str.strip_chars()
            .str.to_lowercase()
            .str.extract(r"@([a-z0-9.-]+\.[a-z]{2,})$")
        )
        counts = domain.drop_nulls().value_counts()
        self.domains_ = {d: n for d, n in counts.iter_rows() if n >= _FREQUENT}

    def suggest(self, questions: pl.DataFrame, context: Context) -> pl.DataFrame:
        """One valid address for each text that can be mended."""
        return answered(
            self.asked(questions), self.name, keys={"observed": pl.col("observed").fill_null("")}, reply=self._reply
        )

    def _reply(self, observed: str) -> Iterator[Proposal]:
        if not fits(observed):
            return
        text, notes = _mended(observed)
        local, at, domain = text.rpartition("@")
        score = 0.95 if notes != ["joined"] else 0.8
        if not at:
            split = self._without_at(text)
            if split is None:
                return
            (local, domain), score, notes = split, 0.7, ["at"]
        elif not self._known(domain):
            known, count = self._intended(domain)
            if known:
                score, notes = min(score, 0.85 if count != 1 else 0.7), ["domain"]
                domain = known
        valid = "" if _LOST in local else _valid(f"{local}@{domain}")
        if valid:
            yield Proposal(valid, score, _REASONS[notes[0]] if notes else _REASONS["notation"])

    def _known(self, domain: str) -> bool:
        return domain in PROVIDERS or domain in self.domains_

    def _intended(self, domain: str) -> tuple[str, int]:
        """The known domain one slip away and how many are equally near, or two empties."""
        if len(domain) < 5:
            return "", 0
        known = [*dict.fromkeys([*self.domains_, *PROVIDERS])]
        if "." not in domain:
            joined = [d for d in known if d.replace(".", "") == domain]
            if len(joined) == 1:
                return joined[0], 2
            whole = [d for d in known if d.split(".")[0] == domain]
            return (whole[0], 2) if len(whole) == 1 else (f"{domain}.com", 1) if f"{domain}.com" in whole else ("", 0)
        near = [d for d in known if OSA.distance(domain, d, score_cutoff=1) == 1]
        if len(near) > 1:
            near = sorted(
                near, key=lambda d: (d.rsplit(".", 1)[-1] != domain.rsplit(".", 1)[-1], -self.domains_.get(d, 0))
            )
            same_ending = near[0].rsplit(".", 1)[-1] == domain.rsplit(".", 1)[-1]
            return (near[0], 1) if same_ending else ("", 0)
        return (near[0], 2) if near else ("", 0)

    def _without_at(self, text: str) -> tuple[str, str] | None:
        for domain in [*self.domains_, *PROVIDERS]:
            local = text.removesuffix(domain)
            if local != text and len(local) >= 3 and local[-1].isalnum() and len(domain) >= 6:
                return local, domain
        return None


_REASONS = {
    "notation": "The notation was mended: capitals, spaces, commas or doubled dots.",
    "joined": "A word for the at sign, or a second one, was replaced.",
    "domain": "The domain is one slip away from one that occurs often.",
    "at": "The at sign was missing before a domain that occurs often.",
}


def _mended(observed: str) -> tuple[str, list[str]]:
    text = tidied(unicodedata.normalize("NFKC", observed))
    bracketed = re.search(r"<([^<>]+)>", text)
    text = (bracketed[1] if bracketed else text).removeprefix("mailto:").strip(" \t\r\n.,;:'\"<>()[]")
    spelt = re.sub(r"\s*[(\[{]\s*at\s*[)\]}]\s*|\s+at\s+", "@", text, flags=re.IGNORECASE)
    spelt = re.sub(r"\s*[(\[{]\s*dot\s*[)\]}]\s*", ".", spelt, flags=re.IGNORECASE)
    spelt = re.sub(r"@{2,}", "@", spelt)
    joined = ["joined"] if spelt != text else []
    text = re.sub(r"\s+", "", spelt)
    text = re.sub(r"\.{2,}", ".", text.replace(",", ".").replace(";", "."))
    local, at, domain = text.rpartition("@")
    return (f"{local.strip('.')}@{domain.strip('.-').lower()}", joined) if at else (text.lower(), joined)


def _valid(address: str) -> str:
    """The address in normal form, or the empty string when no mail could be sent to it."""
    try:
        return validate_email(address, check_deliverability=False, test_environment=False).normalized
    except EmailNotValidError:
        return ""


CORRECTOR = EmailCorrector
