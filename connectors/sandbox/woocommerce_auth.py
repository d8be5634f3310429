"""Who is asking a WooCommerce shop: Basic and query keys over https, OAuth 1.0a one-legged over plain http.

Source: WooCommerce 11.0.1, class-wc-rest-authentication.php, and a live shop of that version (2026-11-23).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

__all__ = ["AuthenticationError", "Gate", "Key", "base_string"]

_REQUIRED = ("oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method")
_WINDOW_S = 15 * 60
_DIGESTS = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}


@dataclass(frozen=True)
class Key:
    """A key pair: ``permission`` is read, write or read_write; ``capable`` whether its user may manage the shop."""

    key: str
    secret: str
    permission: str = "read_write"
    capable: bool = True


class AuthenticationError(Exception):
    """The shop knows what is wrong with the credentials; carries its code and words."""

    def __init__(self, message: str, code: str = "woocommerce_rest_authentication_error") -> None:
        super().__init__(message)
        self.code = code


class Gate:
    """Checks requests against the shop's keys; remembers nonces."""

    def __init__(self, keys: Mapping[str, Key]) -> None:
        self._keys = keys
        self._nonces: dict[tuple[str, str], int] = {}

    def identify(
        self,
        method: str,
        url: str,
        query: tuple[tuple[str, str], ...],
        authorization: str,
        *,
        secure: bool,
        now_s: int,
    ) -> Key | None:
        """The key of the request, None where the shop sees an anonymous visitor.

        Parameters
        ----------
        method, url : str
            ``url`` without query, as the shop believes its own address to be.
        query : tuple of (str, str)
        authorization : str
            The header, empty where there is none.
        secure : bool
            Whether the shop believes that it is asked over https.
        now_s : int
            Seconds since 1970.

        Raises
        ------
        AuthenticationError
            Wrong secret, signature, time, nonce, or a method the key has no permission for.
        """
        key = self._by_secret(query, authorization) if secure else None
        if key is None:
            key = self._by_signature(method, url, query, authorization, now_s)
        if key is not None:
            _permitted(key, method)
        return key

    def _by_secret(self, query: tuple[tuple[str, str], ...], authorization: str) -> Key | None:
        values = dict(query)
        name, secret = values.get("consumer_key", ""), values.get("consumer_secret", "")
        if not (name and secret) and authorization.lower().startswith("basic "):
            try:
                name, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None
        if not (name and secret) or name not in self._keys:
            return None
        if not hmac.compare_digest(self._keys[name].secret.encode(), secret.encode()):
            raise AuthenticationError("Consumer secret is invalid.")
        return self._keys[name]

    def _by_signature(
        self, method: str, url: str, query: tuple[tuple[str, str], ...], authorization: str, now_s: int
    ) -> Key | None:
        oauth = {name: value for name, value in query if name in _REQUIRED}
        header = _header(authorization)
        if header:
            oauth = header
        if not oauth:
            return None
        if missing := [name for name in _REQUIRED if not oauth.get(name)]:
            code = "woocommerce_rest_authentication_missing_parameter"
            raise AuthenticationError(f"Missing OAuth parameters {', '.join(missing)}", code)
        key = self._keys.get(oauth["oauth_consumer_key"])
        if key is None:
            raise AuthenticationError("Consumer key is invalid.")
        digest = _DIGESTS.get(oauth["oauth_signature_method"])
        if digest is None:
            raise AuthenticationError("Invalid signature - signature method is invalid.")
        signed = [(name, value) for name, value in query if name not in oauth] + list(oauth.items())
        text = base_string(method, url, signed)
        expected = base64.b64encode(hmac.new(f"{key.secret}&".encode(), text.encode(), digest).digest())
        if not hmac.compare_digest(expected, oauth["oauth_signature"].encode()):
            raise AuthenticationError("Invalid signature - provided signature does not match.")
        self._fresh(key, oauth["oauth_timestamp"], oauth["oauth_nonce"], now_s)
        return key

    def _fresh(self, key: Key, timestamp: str, nonce: str, now_s: int) -> None:
        when = int(timestamp) if timestamp.isdigit() else 0
        if abs(now_s - when) > _WINDOW_S:
            raise AuthenticationError("Invalid timestamp.")
        self._nonces = {one: seen for one, seen in self._nonces.items() if now_s - seen <= _WINDOW_S}
        if (key.key, nonce) in self._nonces:
            raise AuthenticationError("Invalid nonce - nonce has already been used.")
        self._nonces[key.key, nonce] = now_s


def base_string(method: str, url: str, parameters: list[tuple[str, str]]) -> str:
    """The text that is signed.

    References
    ----------
    RFC 5849, section 3.4.1; the shop encodes names and values twice, as the RFC's normalisation does.
    """
    pairs = sorted(
        (quote(name, safe=""), quote(value, safe="")) for name, value in parameters if name != "oauth_signature"
    )
    joined = "&".join(f"{name}={value}" for name, value in pairs)
    return "&".join((method.upper(), quote(url, safe=""), quote(joined, safe="")))


def _header(authorization: str) -> dict[str, str]:
    if not authorization.lower().startswith("oauth "):
        return {}
    pairs = (part.strip().partition("=") for part in authorization[6:].split(","))
    return {name: unquote(value.strip('"')) for name, _, value in pairs if name.startswith("oauth_")}


def _permitted(key: Key, method: str) -> None:
    reading = method in ("GET", "HEAD", "OPTIONS")
    if reading and key.permission == "write":
        raise AuthenticationError("The API key provided does not have read permissions.")
    if not reading and key.permission == "read":
        raise AuthenticationError("The API key provided does not have write permissions.")
