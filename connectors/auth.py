"""Ways to prove who is calling. Each is an `httpx.Auth`, so it can be tested without a network.

A platform picks one, or adds its own beside its description. Nothing here shows a secret in its ``repr``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx
from authlib.oauth1.rfc5849.signature import construct_base_string
from authlib.oauth1.rfc5849.util import escape

from connectors.errors import CredentialError, ProtocolError, RateLimitError, UnavailableError
from connectors.limits import retry_after_s
from connectors.redaction import Secrets, basic

__all__ = [
    "BearerToken",
    "ClientCredentials",
    "HeaderKey",
    "QueryKeys",
    "RefreshToken",
    "SignedOAuth",
    "TokenCache",
]


class HeaderKey(httpx.Auth):
    """A key in one header.

    Parameters
    ----------
    header, key : str
    """

    def __init__(self, header: str, key: str) -> None:
        self._header = header
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers[self._header] = self._key
        yield request


class QueryKeys(httpx.Auth):
    """Keys in the query, for servers that drop the header ``Authorization``. Over https only: they end up in logs.

    Parameters
    ----------
    keys : mapping of str to str
        Name of the parameter to its value.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = dict(keys)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the parameters."""
        request.url = request.url.copy_merge_params(self._keys)
        yield request


class SignedOAuth(httpx.Auth):
    """OAuth 1.0a: method, address and query are signed with the secrets, a JSON body is not.

    Parameters
    ----------
    consumer_key, consumer_secret : str
    token, token_secret : str
        Of the account; both empty for servers that know the consumer alone.
    method : {"HMAC-SHA256", "HMAC-SHA1"}
    in_query : bool
        Whether the parameters go into the query, for servers that drop the header ``Authorization``.
    clock : callable
        Seconds since 1970.
    nonce : callable
        A text never used before.

    References
    ----------
    RFC 5849, sections 3.1, 3.4 and 3.5 (read 2026-11-23), which knows HMAC-SHA1 only; HMAC-SHA256 differs in the digest.
    """

    def __init__(
        self,
        consumer_key: str,
        consumer_secret: str,
        *,
        token: str = "",
        token_secret: str = "",
        method: str = "HMAC-SHA256",
        in_query: bool = False,
        clock: Callable[[], float] = time.time,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._key = consumer_key
        self._secret = consumer_secret
        self._token = token
        self._token_secret = token_secret
        self._method = method
        self._digest = _DIGESTS[method]
        self._in_query = in_query
        self._clock = clock
        self._nonce = nonce

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the parameters and the signature."""
        stated = {
            "oauth_consumer_key": self._key,
            "oauth_nonce": self._nonce(),
            "oauth_signature_method": self._method,
            "oauth_timestamp": str(int(self._clock())),
        } | ({"oauth_token": self._token} if self._token else {})
        url = request.url.copy_merge_params(stated)
        signature = self.signature(request.method, url)
        if self._in_query:
            request.url = url.copy_merge_params({"oauth_signature": signature})
        else:
            named = stated | {"oauth_signature": signature}
            listed = ", ".join(f'{escape(name)}="{escape(value)}"' for name, value in sorted(named.items()))
            request.headers["Authorization"] = f"OAuth {listed}"
        yield request

    def signature(self, method: str, url: httpx.URL) -> str:
        """The signature of a call whose query holds every ``oauth_`` parameter but itself."""
        pairs = parse_qsl(url.query.decode("ascii"), keep_blank_values=True)
        base = construct_base_string(method.upper(), str(url.copy_with(query=None)), pairs)
        key = f"{escape(self._secret)}&{escape(self._token_secret)}"
        mac = hmac.new(key.encode(), base.encode(), self._digest)
        return base64.b64encode(mac.digest()).decode()


_DIGESTS = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}


@dataclass
class TokenCache:
    """Tokens of this process by account, so that two jobs on one account share one. Never written anywhere."""

    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def get(self, account: str, now: float) -> str:
        """The token, or the empty text when there is none that is valid at `now` (seconds since 1970)."""
        with self._lock:
            token, until = self._tokens.get(account, ("", 0.0))
        return token if now < until else ""

    def put(self, account: str, token: str, until: float) -> None:
        """Keep a token until then."""
        with self._lock:
            self._tokens[account] = (token, until)

    def drop(self, account: str, token: str) -> None:
        """Forget a token that was refused, unless another thread has a new one already."""
        with self._lock:
            if self._tokens.get(account, ("", 0.0))[0] == token:
                del self._tokens[account]


_PROCESS_CACHE = TokenCache()


class BearerToken(httpx.Auth, ABC):
    """A short-lived token, fetched when needed and renewed before it ends; once more when it is refused.

    Parameters
    ----------
    token_address : str
    client_id, client_secret : str
    basic : bool
        Whether the two go as HTTP Basic instead of form fields.
    form : mapping of str to str
        Further fields of the token request, such as a scope.
    token_headers : mapping of str to str
        Further headers of the token request.
    header : str
        Header that carries the token.
    scheme : str
        Word before the token, with its blank; empty where the platform wants none.
    known : Secrets
        Every token is hidden from messages.
    cache : TokenCache or None
        None: the one of this process.
    clock : callable
        Seconds since 1970.
    early_s : float
        A token is renewed so many seconds before its end, because a clock may be wrong and a call takes time.
    refused : frozenset of int
        Statuses by which the platform says that a token does not hold.
    """

    def __init__(
        self,
        token_address: str,
        client_id: str,
        client_secret: str,
        *,
        basic: bool = False,
        form: Mapping[str, str] | None = None,
        token_headers: Mapping[str, str] | None = None,
        header: str = "Authorization",
        scheme: str = "Bearer ",
        known: Secrets | None = None,
        cache: TokenCache | None = None,
        clock: Callable[[], float] = time.time,
        early_s: float = 300.0,
        refused: frozenset[int] = frozenset({401}),
    ) -> None:
        self._token_address = token_address
        self._client_id = client_id
        self._client_secret = client_secret
        self._basic = basic
        self._form = dict(form or {})
        self._token_headers = dict(token_headers or {})
        self._header = header
        self._scheme = scheme
        self._known = known or Secrets()
        self._cache = cache or _PROCESS_CACHE
        self._clock = clock
        self._early_s = early_s
        self._refused = refused
        # The secret is part of the account: after a rotation the old token must not be found.
        account = f"{type(self).__name__}\n{token_address}\n{client_id}\n{client_secret}\n{sorted(self._form.items())}"
        self._account = hashlib.sha256(account.encode()).hexdigest()

    @abstractmethod
    def grant(self) -> dict[str, str]:
        """The form fields that say what kind of token is wanted."""

    def granted(self, answer: Mapping[str, Any]) -> None:
        """Look at the token answer; most grants have nothing to keep of it."""

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Fetch a token where there is none, and once more when it is refused."""
        token = self._cache.get(self._account, self._clock())
        fresh = not token
        if fresh:
            token = self._accept((yield self._token_request(request)))
        request.headers[self._header] = self._scheme + token
        response = yield request
        if response.status_code in self._refused and not fresh:
            self._cache.drop(self._account, token)
            token = self._accept((yield self._token_request(request)))
            request.headers[self._header] = self._scheme + token
            yield request

    def _token_request(self, request: httpx.Request) -> httpx.Request:
        fields = self._form | self.grant()
        headers = {"Accept": "application/json", **self._token_headers}
        if self._basic:
            headers["Authorization"] = f"Basic {basic(self._client_id, self._client_secret)}"
        else:
            fields |= {"client_id": self._client_id} | (
                {"client_secret": self._client_secret} if self._client_secret else {}
            )
        # Without them, a silent token address would be waited for without end.
        timeouts = {name: value for name, value in request.extensions.items() if name == "timeout"}
        return httpx.Request("POST", self._token_address, data=fields, headers=headers, extensions=timeouts)

    def _accept(self, response: httpx.Response) -> str:
        status, body = response.status_code, _json_object(response)
        if status == 429:
            raise RateLimitError(
                "Too many tokens were asked for. Wait a minute.",
                status=status,
                retry_after_s=retry_after_s(response.headers, self._clock()),
            )
        if status < 300 and body is None:
            raise ProtocolError(
                "The token address answered with something that is no JSON: a web page of a proxy, or half an answer. "
                "Open the address in a browser.",
                status=status,
            )
        if status >= 500:
            raise UnavailableError(f"The token address answered with status {status}. Try again later.", status=status)
        body = body or {}
        token = body.get("access_token")
        if status >= 300 or not isinstance(token, str) or not token:
            said = body.get("error_description") or body.get("error") or ""
            raise CredentialError(
                f"No access token was given (status {status}{f': {self._known.redact(str(said))[:200]!r}' if said else ''}). "
                f"{self._advice}",
                status=status,
            )
        try:
            lives_s = float(body.get("expires_in", 3600))
        except (TypeError, ValueError):
            lives_s = 3600.0
        self._known.add(token)
        self.granted(body)
        self._cache.put(self._account, token, self._clock() + max(lives_s - self._early_s, lives_s / 2))
        return token

    _advice = "Check the key and the secret of the app, and that it is installed in this account."


class ClientCredentials(BearerToken):
    """OAuth 2.0 client credentials: the app speaks for itself.

    References
    ----------
    RFC 6749, section 4.4 (read 2026-11-23).
    """

    def grant(self) -> dict[str, str]:
        """Nothing but the kind."""
        return {"grant_type": "client_credentials"}


class RefreshToken(BearerToken):
    """OAuth 2.0 refresh token: the app speaks for a merchant who consented once.

    Parameters
    ----------
    refresh_token : str
    rotated : callable
        Called with the new refresh token where the platform gives one with every use and the old one dies: it must be
        kept before anything else happens.
    **options
        As for `BearerToken`.

    References
    ----------
    RFC 6749, section 6 (read 2026-11-25).
    """

    _advice = (
        "Check client id and secret. A refresh token ends when the merchant withdraws the consent, changes the password, or "
        "after its time: authorise the app again."
    )

    def __init__(
        self,
        token_address: str,
        client_id: str,
        client_secret: str,
        *,
        refresh_token: str,
        rotated: Callable[[str], None] = lambda token: None,
        **options: Any,
    ) -> None:
        options["form"] = dict(options.get("form") or {}) | {"refresh_token": refresh_token}
        super().__init__(token_address, client_id, client_secret, **options)
        self._refresh_token = refresh_token
        self._rotated = rotated

    def grant(self) -> dict[str, str]:
        """The kind and the newest refresh token that this process knows."""
        return {
            "grant_type": "refresh_token",
            "refresh_token": _NEWEST.get(self._account, self._refresh_token),
        }

    def granted(self, answer: Mapping[str, Any]) -> None:
        """Keep a new refresh token, first for the caller and then for the other connections of this process."""
        new = answer.get("refresh_token")
        if isinstance(new, str) and new and new != self.grant()["refresh_token"]:
            self._known.add(new)
            self._rotated(new)
            _NEWEST[self._account] = new


_NEWEST: dict[str, str] = {}
"""Account to its newest refresh token; a connection opened before the rotation still holds the one before."""


def _json_object(response: httpx.Response) -> dict[str, Any] | None:
    """The object that an answer holds, empty where it holds other JSON; None where it is no JSON at all."""
    # httpx reads every answer within an authentication flow whole, so it is read the same way here.
    try:
        body = json.loads(response.read())
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else {}
