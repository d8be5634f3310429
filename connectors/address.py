"""Addresses that merchants type in, made into the one form that requests are built on."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from connectors.errors import CredentialError

__all__ = ["is_loopback", "site_address"]


def site_address(typed: str, *, name: str, plain_http: bool = False) -> str:
    """The address with scheme, without a trailing slash.

    Without a scheme it becomes ``https``, except on this machine's own loopback address, where the offline twins are
    served without encryption.

    Parameters
    ----------
    typed : str
        A host or an address: ``shop.example.com``, ``https://example.com/shop/``, ``127.0.0.1:8123``.
    name : str
        Name of the credential field, for the message.
    plain_http : bool
        Whether ``http://`` is allowed beyond the loopback address (the platform signs its requests).

    Raises
    ------
    CredentialError
        When it is no address, holds a user name, or would send keys unencrypted.
    """
    text = typed.strip()
    if "://" not in text:
        text = f"{'http' if is_loopback(text) else 'https'}://{text}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not host or parts.scheme not in {"http", "https"} or any(sign.isspace() for sign in text):
        raise CredentialError(
            f"{name} is {typed!r}, which is no address. Give a host or an https address, such as https://shop.example.com."
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise CredentialError(
            f"{name} must hold the address only: no user name, no '?' and no '#'. Keys have fields of their own."
        )
    if parts.scheme == "http" and not plain_http and not is_loopback(host):
        raise CredentialError(
            f"{name} is {typed!r}: over http everybody on the way could read the keys. Use https://{host}."
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether the host (with or without a port) is this machine itself."""
    bare = host.strip().strip("[]")
    try:
        # A bare IPv6 address would be taken for a host with a port.
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        pass
    try:
        name = urlsplit(f"//{host.strip()}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
