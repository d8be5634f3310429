"""Events that a platform sends: who may send them, what they are about, and how a platform is answered.

An event is a hint, never the truth: it names records, and these are read from the platform before anything is believed.
So a lost event costs time only (polling finds the change), and a forged one nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from standardwebhooks import Webhook as StandardWebhook
from standardwebhooks import WebhookVerificationError

from connectors.errors import PlatformError
from connectors.mapping import text
from connectors.redaction import basic

__all__ = [
    "Delivery",
    "Ecdsa",
    "Event",
    "Hmac",
    "Password",
    "Reply",
    "Signature",
    "SignatureError",
    "Standard",
    "Webhook",
    "identified",
]

Given = Mapping[str, str]
Ask = Callable[[str], Any]
"""Asks the platform for a path and gives the decoded answer."""


class SignatureError(PlatformError):
    """An event that nobody knows the sender of: its signature is missing, wrong or too old. Nothing of it is used."""


@dataclass(frozen=True)
class Delivery:
    """One request of a platform to us.

    Parameters
    ----------
    method : str
    url : str
        Our public address, as it was given to the platform.
    query : mapping of str to str
    headers : mapping of str to str
        Names in lower case.
    body : bytes
        As it came: signatures are made over it letter by letter.
    """

    method: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The decoded body; an empty object where it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return {}


@dataclass(frozen=True)
class Event:
    """What a platform says has happened.

    Parameters
    ----------
    event_id : str
        The platform's own, or one made of the content: what comes twice has the same.
    topic : str
        As the platform calls it.
    kind : str
        ``product``, ``order`` or ``stock``; ``erasure`` where a customer's data must go; empty where no record of ours
        is concerned.
    keys : tuple of (record_key, parent_key)
        The records that must be read again; none: everything of that kind that changed.
    customers : tuple of str
        Of an erasure: what identifies the customer in the platform's orders.
    """

    event_id: str
    topic: str
    kind: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    customers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """What the platform is answered."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"


class Signature(Protocol):
    """How a platform proves that an event is its own."""

    @property
    def secret(self) -> str:
        """Name of the credential field that is needed; empty where none is."""

    def check(self, delivery: Delivery, given: Given, ask: Ask) -> None:
        """Nothing when the proof holds.

        Raises
        ------
        SignatureError
            When it does not.
        """
        ...


@dataclass(frozen=True)
class Webhook:
    """How a platform sends events.

    Parameters
    ----------
    signature : Signature
    events : callable
        ``events(delivery) -> iterable of Event``; called after the signature was checked.
    challenge : callable or None
        ``challenge(delivery, given) -> Reply or None``: the answer by which the platform tests our address.
    topics : tuple of str
        What to subscribe to, for the documentation.
    """

    signature: Signature
    events: Callable[[Delivery], Iterable[Event]]
    challenge: Callable[[Delivery, Given], Reply | None] | None = None
    topics: tuple[str, ...] = ()


def identified(delivery: Delivery, *headers: str) -> str:
    """The event's identifier: the first of the headers that is there, or else a digest of the body."""
    found = next((delivery.headers[name] for name in headers if delivery.headers.get(name)), "")
    return found or hashlib.sha256(delivery.body).hexdigest()


@dataclass(frozen=True)
class Hmac:
    """A keyed digest of the body in a header.

    Parameters
    ----------
    header : str
        In lower case.
    secret : str
        Credential field.
    digest : str
        Of `hashlib`.
    is_hex : bool
        Whether the header holds hexadecimal digits; otherwise Base64.
    is_escaped : bool
        Whether the platform resolves HTML entities in the secret before it signs.
    """

    header: str
    secret: str
    digest: str = "sha256"
    is_hex: bool = False
    is_escaped: bool = False

    def check(self, delivery: Delivery, given: Given, ask: Ask) -> None:
        """Compare in constant time."""
        key = _secret(given, self.secret)
        key = html.unescape(key) if self.is_escaped else key
        mac = hmac.new(key.encode(), delivery.body, self.digest)
        expected = mac.hexdigest() if self.is_hex else base64.b64encode(mac.digest()).decode()
        if not hmac.compare_digest(expected.encode(), delivery.headers.get(self.header, "").encode()):
            raise SignatureError(f"The signature in {self.header} is missing or wrong.")


@dataclass(frozen=True)
class Password:
    """HTTP Basic with a user and a password of the merchant's own, which the platform was given for our address.

    Parameters
    ----------
    user, secret : str
        Credential fields.
    """

    user: str
    secret: str

    def check(self, delivery: Delivery, given: Given, ask: Ask) -> None:
        """Compare in constant time."""
        expected = f"Basic {basic(_secret(given, self.user), _secret(given, self.secret))}"
        if not hmac.compare_digest(expected.encode(), delivery.headers.get("authorization", "").encode()):
            raise SignatureError("User and password of the event are missing or wrong.")


@dataclass(frozen=True)
class Standard:
    """A signature after the Standard Webhooks specification.

    Parameters
    ----------
    secret : str
        Credential field.
    is_plain : bool
        Whether the field's text itself is the key; otherwise it is Base64, as the specification has it.

    References
    ----------
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (read 2026-11-25): the
    identifier, the time and the body are signed; a time more than five minutes off is refused.
    """

    secret: str
    is_plain: bool = False

    def check(self, delivery: Delivery, given: Given, ask: Ask) -> None:
        """As the specification says."""
        key = _secret(given, self.secret)
        try:
            encoded = base64.b64encode(key.encode()).decode() if self.is_plain else key
            StandardWebhook(encoded).verify(delivery.body, dict(delivery.headers))
        except (WebhookVerificationError, binascii.Error, ValueError) as error:
            raise SignatureError(f"The signature in webhook-signature does not hold: {error}.") from None


@dataclass(frozen=True)
class Ecdsa:
    """A signature with a key of the platform's, which is asked for by its identifier and kept for an hour.

    Parameters
    ----------
    header : str
        In lower case; holds Base64 of JSON with ``kid`` and ``signature``.
    path : str
        Where the public key is, with ``{kid}``; the answer's member ``key`` is PEM.
    life_s : float
        How long a key is kept, seconds.

    References
    ----------
    eBay Notification API 1.6.2, getPublicKey (read 2026-11-25): ECDSA over the body, SHA-1; the key should be cached.
    """

    header: str
    path: str
    life_s: float = 3600.0
    secret: str = ""

    def check(self, delivery: Delivery, given: Given, ask: Ask) -> None:
        """Verify with the key that the header names."""
        try:
            stated = json.loads(base64.b64decode(delivery.headers.get(self.header, ""), validate=True))
            kid, signature = str(stated["kid"]), base64.b64decode(stated["signature"], validate=True)
        except (ValueError, KeyError, TypeError):
            raise SignatureError(f"The signature in {self.header} is missing or cannot be read.") from None
        if not kid.replace("-", "").isalnum():
            raise SignatureError(f"The signature in {self.header} names no key.")
        key = load_pem_public_key(_pem(self._key(kid, ask)))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise SignatureError("The platform's public key is of another kind than its signatures.")
        try:
            key.verify(signature, delivery.body, ec.ECDSA(hashes.SHA1()))  # noqa: S303
        except InvalidSignature:
            raise SignatureError(f"The signature in {self.header} is wrong.") from None

    def _key(self, kid: str, ask: Ask) -> str:
        path = self.path.replace("{kid}", kid)
        with _KEYS_LOCK:
            known, until = _KEYS.get(path, ("", 0.0))
        if known and time.monotonic() < until:
            return known
        found = text(ask(path)["key"])
        with _KEYS_LOCK:
            _KEYS[path] = (found, time.monotonic() + self.life_s)
        return found


_KEYS: dict[str, tuple[str, float]] = {}
_KEYS_LOCK = threading.Lock()


def _pem(key: str) -> bytes:
    """The key with the line breaks that PEM wants; it comes as one line."""
    head, tail = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
    bare = "".join(key.replace(head, "").replace(tail, "").split())
    return f"{head}\n{bare}\n{tail}\n".encode()


def _secret(given: Given, name: str) -> str:
    if not given.get(name):
        raise SignatureError(f"Events cannot be believed without the credential {name}: add it to the connection.")
    return given[name]
