"""What the twin of Walmart answers with in more than one place: errors in both forms, and item specifications."""

from __future__ import annotations

import email
import email.policy

from connectors.sandbox.routes import Refusal
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document

__all__ = ["file_of", "gateway", "refused", "specification"]


def refused(status: int, code: str, description: str, field: str = "") -> Answer:
    """What an interface of Walmart's says to a bad request."""
    return Answer.json(status, {"errors": {"error": [_error(code, description, field)]}})


def gateway(status: int, code: str, description: str) -> Answer:
    """What the gateway in front of the interfaces says; its errors have another form."""
    return Answer.json(status, {"error": [_error(code, description, "")]})


def specification(kinds: list[str], version: str) -> Document:
    """The item specification of these product types, as JSON Schema; a small part of the true one."""

    def text(title: str, longest: int) -> Document:
        return {"type": "string", "title": title, "minLength": 1, "maxLength": longest}

    visible = {
        "type": "object",
        "required": ["productName", "brand", "shortDescription", "mainImageUrl", "condition"],
        "properties": {
            "productName": text("Product Name", 199),
            "brand": text("Brand", 60),
            "shortDescription": text("Site Description", 4000),
            "mainImageUrl": text("Main Image URL", 2500),
            "condition": {"type": "string", "title": "Condition", "enum": ["New", "Open Box", "Restored"]},
            "keyFeatures": {"type": "array", "title": "Key Features", "items": text("Key Features", 4000)},
            "pieceCount": {"type": "integer", "title": "Piece Count", "minimum": 0, "maximum": 100_000},
        },
    }
    identifiers = {
        "type": "object",
        "title": "Product Identifiers",
        "properties": {"productId": text("Product ID", 14)},
    }
    orderable = {
        "type": "object",
        "required": ["sku", "productIdentifiers", "price", "ShippingWeight"],
        "properties": {
            "sku": text("SKU", 50),
            "productIdentifiers": identifiers,
            "price": {"type": "number", "title": "Selling Price", "minimum": 0, "multipleOf": 0.01},
            "ShippingWeight": {"type": "number", "title": "Shipping Weight (lbs)", "minimum": 0, "multipleOf": 0.001},
        },
    }
    parts = {"Orderable": orderable, "Visible": {"type": "object", "properties": dict.fromkeys(kinds, visible)}}
    header = {"type": "object", "properties": {"version": {"type": "string", "enum": [version]}}}
    items = {"type": "array", "items": {"type": "object", "properties": parts}}
    return {"type": "object", "properties": {"MPItemFeedHeader": header, "MPItem": items}}


def file_of(incoming: Incoming) -> bytes:
    """The one file of a multipart message."""
    head = f"Content-Type: {incoming.headers.get('content-type', '')}\r\n\r\n".encode()
    message = email.message_from_bytes(head + incoming.body, policy=email.policy.HTTP)
    for part in message.iter_parts() if message.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "file":
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else b""
    raise Refusal(refused(400, "INVALID_REQUEST_CONTENT", "The part 'file' is missing."))


def _error(code: str, description: str, field: str) -> Document:
    return {
        "code": code,
        "field": field,
        "description": description,
        "info": description,
        "severity": "ERROR",
        "category": "DATA",
        "causes": [],
        "errorIdentifiers": {},
    }
