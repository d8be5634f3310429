"""How eBay is reached: hosts, tokens, languages, what its errors say, and what an account may do in a day."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from connectors.auth import BearerToken, ClientCredentials, RefreshToken
from connectors.changes import InvalidError
from connectors.errors import Action, CredentialError
from connectors.limits import Limits, Rate
from connectors.manners import Manners
from connectors.mapping import text
from connectors.remote import Given
from connectors.rest import Opening, Site, address_or

__all__ = [
    "ACCOUNT",
    "FULFILLMENT",
    "HOSTS",
    "INVENTORY",
    "LANGUAGES",
    "REVISIONS",
    "SCOPE",
    "SITE",
    "TAXONOMY",
    "Revisions",
    "words",
]

HOSTS = {"production": "https://api.ebay.com", "sandbox": "https://api.sandbox.ebay.com"}
INVENTORY, FULFILLMENT, ACCOUNT, TAXONOMY = (
    "sell/inventory/v1",
    "sell/fulfillment/v1",
    "sell/account/v1",
    "commerce/taxonomy/v1",
)
SCOPE = "https://api.ebay.com/oauth/api_scope"
"""The application's own scope, and the beginning of the seller's."""

LANGUAGES = {
    "EBAY_US": "en-US", "EBAY_MOTORS_US": "en-US", "EBAY_CA": "en-CA", "EBAY_GB": "en-GB", "EBAY_IE": "en-IE",
    "EBAY_AU": "en-AU", "EBAY_DE": "de-DE", "EBAY_AT": "de-AT", "EBAY_CH": "de-CH", "EBAY_FR": "fr-FR",
    "EBAY_BE": "nl-BE", "EBAY_NL": "nl-NL", "EBAY_IT": "it-IT", "EBAY_ES": "es-ES", "EBAY_PL": "pl-PL",
    "EBAY_HK": "zh-HK", "EBAY_SG": "en-SG", "EBAY_MY": "en-MY", "EBAY_PH": "en-PH", "EBAY_TW": "zh-TW",
}  # fmt: skip
"""Marketplace to its usual language.

References
----------
developer.ebay.com, types MarketplaceIdEnum and LocaleEnum (read 2026-11-25).
"""

REVISIONS = 250
"""Revisions of a listing in a calendar day: Sell Inventory API 1.18.4, note of every writing call (read 2026-11-23)."""


class Revisions:
    """Counts how often each listing was revised today. The day is that of Pacific time, by which eBay counts calls;
    that it counts revisions so, too, is unconfirmed."""

    def __init__(self) -> None:
        self._day = ""
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, listing: str, now: float) -> None:
        """Count one revision.

        Parameters
        ----------
        listing : str
        now : float
            Seconds since 1970.

        Raises
        ------
        InvalidError
            When the day's revisions of the listing are used up.
        """
        day = datetime.fromtimestamp(now, ZoneInfo("America/Los_Angeles")).date().isoformat()
        with self._lock:
            if day != self._day:
                self._day, self._counts = day, {}
            if self._counts.get(listing, 0) >= REVISIONS:
                raise InvalidError(
                    f"Listing {listing} was revised {REVISIONS} times today, and eBay allows no more. Push again tomorrow.",
                    "revision_limit",
                )
            self._counts[listing] = self._counts.get(listing, 0) + 1


class _Tokens(httpx.Auth):
    """The application's token for what is the same for every seller, the seller's token for everything else."""

    def __init__(self, seller: BearerToken, application: BearerToken) -> None:
        self._seller = seller
        self._application = application

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token that the call needs."""
        chosen = self._application if "/commerce/" in request.url.path else self._seller
        yield from chosen.sync_auth_flow(request)


def words(body: Any) -> str:
    """The first error with its number and what it is about, as ``25709: Invalid value for title (field=title)``; empty
    where there is none."""
    first = (body.get("errors") or [{}])[0]
    said = text(first.get("longMessage")) or text(first.get("message"))
    named = ", ".join(f"{one.get('name')}={one.get('value')}" for one in first.get("parameters") or [])
    return f"{text(first.get('errorId'))}: {said}{f' ({named})' if named else ''}" if first else ""


def _address(given: Given) -> str:
    if given["environment"] not in HOSTS:
        raise CredentialError(f"environment is {given['environment']!r}; choose one of {', '.join(HOSTS)}.")
    return address_or(given, HOSTS[given["environment"]])


def _auth(opening: Opening) -> _Tokens:
    given, place = opening.given, f"{opening.address}/identity/v1/oauth2/token"
    keys = (given["client_id"], given["client_secret"])
    options: dict[str, Any] = {"basic": True, "known": opening.known, "clock": opening.environment.clock}
    return _Tokens(
        # Without a scope the token has those that the seller consented to; asking for one too many is refused whole.
        RefreshToken(place, *keys, refresh_token=given["refresh_token"], **options),
        ClientCredentials(place, *keys, form={"scope": SCOPE}, **options),
    )


def _headers(given: Given) -> dict[str, str]:
    language = given["language"] or LANGUAGES.get(given["marketplace_id"], "")
    if not re.fullmatch(r"[a-z]{2}-[A-Z]{2}", language):
        raise CredentialError(
            f"marketplace_id is {given['marketplace_id']!r} and language {given['language']!r}. Choose one of "
            f"{', '.join(LANGUAGES)}; another marketplace needs a language, such as de-DE, beside it."
        )
    spoken = {"Accept-Language": language, "Content-Language": language}
    return {**spoken, "X-EBAY-C-MARKETPLACE-ID": given["marketplace_id"]}


SITE = Site(
    address=_address,
    auth=_auth,
    headers=_headers,
    account=lambda given: given["client_id"],
    manners=Manners(
        "ebay",
        words=words,
        request_id=("x-ebay-c-request-id", "rlogid"),
        advice={
            Action.REAUTHENTICATE: "Check the keys, that environment says where they belong, and that the seller "
            "consented to the scopes sell.inventory, sell.fulfillment and sell.account.",
            Action.WAIT: "eBay counts the calls of an application by the day, Pacific time. Run again tomorrow, or ask "
            "eBay for more by its Application Growth Check.",
        },
    ),
    # eBay counts days and not seconds; the Account API has 25,000 calls a day:
    # https://developer.ebay.com/develop/api/sell/api_call_limits (read 2026-11-23).
    limits=Limits(Rate(per_second=50, burst=200), {"account": Rate(per_second=50, burst=50, per_day=25_000)}),
)
