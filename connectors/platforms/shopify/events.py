"""Shopify's webhooks: what a delivery speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.mapping import text
from connectors.webhooks import Delivery, Event, identified

__all__ = ["events"]


def events(delivery: Delivery) -> Iterator[Event]:
    """One event a delivery, named by the event and not by the delivery, which is another one at each repetition.

    A product's payload names its variants too: the rows that are sold. A stock level names neither its own identifier
    nor the variant's, so everything that changed in stock is read.
    """
    topic = delivery.headers.get("x-shopify-topic", "")
    name = identified(delivery, "x-shopify-event-id", "x-shopify-webhook-id")
    body = delivery.json if isinstance(delivery.json, Mapping) else {}
    family, _, _ = topic.partition("/")
    if family == "products":
        yield Event(name, topic, "product", tuple(_product_keys(body)))
    elif family == "orders":
        yield Event(name, topic, "order", ((_gid("Order", body.get("id")), ""),))
    elif family == "inventory_levels":
        yield Event(name, topic, "stock")
    elif topic == "customers/redact":
        orders = body.get("orders_to_redact") or []
        yield Event(name, topic, "erasure", tuple((_gid("Order", one), "") for one in orders))
    else:
        yield Event(name, topic)


def _product_keys(body: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    product = _gid("Product", body.get("id"))
    yield product, ""
    variants = body.get("variants")
    for one in variants if isinstance(variants, list) else []:
        yield _gid("ProductVariant", one.get("id")), product


def _gid(kind: str, number: object) -> str:
    return f"gid://shopify/{kind}/{text(number)}"
