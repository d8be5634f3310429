"""WooCommerce's webhooks: what a delivery speaks of, and the ping that comes when one is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.mapping import text
from connectors.webhooks import Delivery, Event, Reply, identified

__all__ = ["events", "ping"]

_KINDS = {"product": "product", "order": "order"}


def ping(delivery: Delivery, given: Mapping[str, str]) -> Reply | None:
    """The answer to the unsigned form that the shop sends when a webhook is saved; None for everything else."""
    is_form = delivery.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return Reply() if is_form and delivery.body.startswith(b"webhook_id=") else None


def events(delivery: Delivery) -> Iterator[Event]:
    """One event a delivery; a variation comes as ``product.updated`` with its own identifier and its product's."""
    topic = delivery.headers.get("x-wc-webhook-topic", "")
    kind = _KINDS.get(topic.partition(".")[0], "")
    body = delivery.json if isinstance(delivery.json, Mapping) else {}
    key, parent = text(body.get("id")), text(body.get("parent_id") or "")
    keys = ((key, parent if kind == "product" and parent != "0" else ""),) if key and kind else ()
    yield Event(identified(delivery, "x-wc-webhook-delivery-id"), topic, kind, keys)
