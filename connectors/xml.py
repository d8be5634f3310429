"""XML of platforms: read without trust, written without surprises."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

__all__ = ["Element", "xml"]


def xml(content: bytes) -> Element:
    """The root element of a document.

    Raises
    ------
    ValueError
        When it is no XML, or tries to reach outside (document types, entities), which no answer of a platform needs.
    """
    try:
        return ElementTree.fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException) as error:
        raise ValueError(str(error)) from None
