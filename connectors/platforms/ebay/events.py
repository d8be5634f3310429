"""eBay's notifications: the test of our address, and what a delivery speaks of.

Every production keyset must take (or be exempted from) the deletion of marketplace accounts: the buyer's data is then
erased (developer.ebay.com, marketplace account deletion, read 2026-11-23). Other topics are hints about orders and items.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

from connectors.mapping import at, text
from connectors.webhooks import Delivery, Event, Reply, identified

__all__ = ["challenge", "events"]

DELETION = "MARKETPLACE_ACCOUNT_DELETION"


def challenge(delivery: Delivery, given: Mapping[str, str]) -> Reply | None:
    """The answer to eBay's question at our address: a digest of its code, our token and the address itself."""
    code = delivery.query.get("challenge_code", "")
    if delivery.method != "GET" or not code:
        return None
    token = given.get("verification_token", "")
    if not token:
        return Reply(404, b"This connection has no verification_token.")
    digest = hashlib.sha256(f"{code}{token}{delivery.url}".encode()).hexdigest()
    return Reply(200, json.dumps({"challengeResponse": digest}).encode(), "application/json")


def events(delivery: Delivery) -> Iterator[Event]:
    """One event a delivery, named by its notification."""
    body = delivery.json if isinstance(delivery.json, Mapping) else {}
    topic = text(at(body, "metadata.topic"))
    name = text(at(body, "notification.notificationId")) or identified(delivery)
    if topic == DELETION:
        who = at(body, "notification.data") or {}
        found = (text(who.get(field)) for field in ("username", "userId", "eiasToken"))
        yield Event(name, topic, "erasure", customers=tuple(one for one in found if one))
    elif "ORDER" in topic:
        yield Event(name, topic, "order")
    else:
        yield Event(name, topic, "product" if "ITEM" in topic or "LISTING" in topic else "")
