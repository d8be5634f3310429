"""How Walmart is reached: tokens, headers, its words when something is wrong, and its limits."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import httpx

from connectors.auth import ClientCredentials
from connectors.errors import Action, RefusedError
from connectors.limits import Limits, Rate, Room
from connectors.manners import Answer, Manners
from connectors.mapping import text
from connectors.rest import Opening, Site, address_or

__all__ = ["SITE"]

_KEYS = "Seller Center > Settings > API key management; sandbox and production have keys and addresses of their own"


def _stamp(request: httpx.Request) -> None:
    request.headers["WM_QOS.CORRELATION_ID"] = str(uuid.uuid4())


class _Token(ClientCredentials):
    """The grant of client credentials, with a correlation identifier of its own for each token."""

    _advice = f"Check client_id and client_secret ({_KEYS})."

    def _token_request(self, request: httpx.Request) -> httpx.Request:
        asked = super()._token_request(request)
        _stamp(asked)
        return asked


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    channel = given.get("channel_type", "")
    return {"WM_SVC.NAME": "Walmart Marketplace"} | ({"WM_CONSUMER.CHANNEL.TYPE": channel} if channel else {})


def _auth(opening: Opening) -> httpx.Auth:
    return _Token(
        f"{opening.address}/v3/token",
        opening.given["client_id"],
        opening.given["client_secret"],
        basic=True,
        token_headers=_headers(opening.given),
        header="WM_SEC.ACCESS_TOKEN",
        scheme="",
        known=opening.known,
        clock=opening.environment.clock,
    )


def _errors(body: Any) -> list[Mapping[str, Any]]:
    """The errors of a body, which come in three forms: a gateway and two generations of interfaces."""
    found = (body.get("errors") or body.get("error") or []) if isinstance(body, Mapping) else []
    found = found.get("error") or [] if isinstance(found, Mapping) else found
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _words(body: Any) -> str:
    parts = [
        (text(one.get("code")).partition(".")[0], text(one.get("description") or one.get("message")))
        for one in _errors(body)
    ]
    return "; ".join(": ".join(part for part in some if part) for some in parts)


def _judge(answer: Answer) -> None:
    """An answer with status 200 may hold errors, too."""
    if any(one.get("severity", "ERROR") == "ERROR" for one in _errors(answer.value)):
        words = _words(answer.value)
        raise RefusedError(
            f"Walmart answered with status {answer.status} and yet refused: {words}",
            status=answer.status,
            request_id=answer.request_id,
            words=words,
        )


def _room(headers: Mapping[str, str]) -> Room:
    if "x-current-token-count" not in headers:
        return Room()
    resets = headers.get("x-next-replenishment-time") or headers.get("x-next-replenish-time")
    resets_at = float(resets) / 1000 if resets else None
    return Room(remaining=float(headers["x-current-token-count"]), resets_at=resets_at)


def _per_minute(calls: float, burst: float = 0) -> Rate:
    return Rate(per_second=calls / 60, burst=burst or calls)


SITE = Site(
    address=lambda given: address_or(given, "https://marketplace.walmartapis.com"),
    auth=_auth,
    headers=_headers,
    stamp=_stamp,
    manners=Manners(
        "walmart",
        request_id=("wm_qos.correlation_id",),
        words=_words,
        judge=_judge,
        advice={Action.REAUTHENTICATE: f"Check client_id, client_secret and what the key may do ({_KEYS})."},
    ),
    # Walmart tells with every answer what is left. Of feeds it takes ten an hour, the sandbox thirty.
    limits=Limits(
        _per_minute(3000, 200),
        operations={
            "items": _per_minute(60),
            "item": _per_minute(60),
            "order": _per_minute(60),
            "inventory": _per_minute(200),
            "price": _per_minute(100 / 60, 100),
            "spec": _per_minute(3),
            **{f"feed {name}": _per_minute(10 / 60, 30) for name in ("price", "inventory", "MP_MAINTENANCE")},
        },
        room=_room,
    ),
    account=lambda given: given["client_id"],
)
"""Limits: developer.walmart.com "Rate limiting" in the fact sheet of 2026-11-25, calls of a minute unless said otherwise."""
