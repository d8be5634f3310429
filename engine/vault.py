"""Credentials and personal values at rest: AES-256-GCM, the key in a file that only its owner can read.

A sealed text carries a readable mask in front, so that a page or a log can show what it is without the key:
``sealed:+33*****78:<base64 of nonce and ciphertext>``.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.errors import ConfigError, StoreError

__all__ = ["Vault", "mask", "masked"]

KEY_VARIABLE = "CHANNELMEND_KEY"
_PREFIX = "sealed:"
_NONCE_BYTES = 12


class Vault:
    """Seals and opens small texts.

    Parameters
    ----------
    key : bytes
        32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ConfigError(f"The vault key has {len(key)} bytes; it must have 32 (AES-256).")
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return "Vault(key hidden)"

    @classmethod
    def open(cls, key_file: Path) -> Vault:
        """The vault whose key is in the environment (``CHANNELMEND_KEY``, base64) or in `key_file`, made when absent.

        Raises
        ------
        ConfigError
            When the key is malformed or the file can be read by others.
        """
        if value := os.environ.get(KEY_VARIABLE):
            return cls(_decode_key(value, f"variable {KEY_VARIABLE}"))
        try:
            descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return cls._from_file(key_file)
        except OSError as error:
            raise ConfigError(
                f"The key file {key_file} cannot be made: {error.strerror}. Set key_file to a folder that can be written."
            ) from None
        key = secrets.token_bytes(32)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(key))
        return cls(key)

    @classmethod
    def _from_file(cls, key_file: Path) -> Vault:
        if key_file.stat().st_mode & 0o077:
            raise ConfigError(f"The key file {key_file} can be read by other users. Run: chmod 600 {key_file}")
        text = key_file.read_text("ascii", errors="replace")
        return cls(_decode_key(text, f"file {key_file}"))

    def seal(self, text: str, *, shown: str = "") -> str:
        """The text encrypted, with `shown` readable in front (no colon in it)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        shown = shown.replace(":", "")
        body = self._cipher.encrypt(nonce, text.encode(), shown.encode())
        return f"{_PREFIX}{shown}:{base64.b64encode(nonce + body).decode()}"

    def unseal(self, text: str) -> str:
        """The text as it was; a text that is not sealed comes back unchanged.

        Raises
        ------
        StoreError
            When the key is not the one it was sealed with, or the text was altered.
        """
        if not text.startswith(_PREFIX):
            return text
        shown, _, body = text[len(_PREFIX) :].partition(":")
        try:
            packed = base64.b64decode(body, validate=True)
            return self._cipher.decrypt(packed[:_NONCE_BYTES], packed[_NONCE_BYTES:], shown.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise StoreError(
                "A sealed value cannot be opened: the key is not the one it was sealed with, or the value was altered. "
                "Restore the key file, or enter the credentials again with `channelmend connect`."
            ) from None

    def seal_mapping(self, values: Mapping[str, str]) -> str:
        """A mapping of text to text, sealed as one text."""
        return self.seal(json.dumps(dict(values), sort_keys=True))

    def unseal_mapping(self, text: str) -> dict[str, str]:
        """The mapping that `seal_mapping` was given."""
        return json.loads(self.unseal(text))


def mask(text: str) -> str:
    """A personal value with its middle hidden: enough to tell two apart, not enough to reach anybody.

    >>> mask("+33612345678"), mask("ana.silva@gmial.com"), mask("Ana")
    ('+3*******78', 'a***@gmial.com', 'A**')
    """
    text = text.strip()
    name, at, domain = text.rpartition("@")
    if at and name:
        return f"{name[:1]}***@{domain}"
    if len(text) < 6:
        return text[:1] + "*" * (len(text) - 1)
    return text[:2] + "*" * min(len(text) - 4, 7) + text[-2:]


def masked(text: str) -> str:
    """What may be shown of a stored text: the mask of a sealed one, any other as it is."""
    return text[len(_PREFIX) :].partition(":")[0] if text.startswith(_PREFIX) else text


def _decode_key(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"The vault key in {where} is not base64 of 32 bytes.") from None
