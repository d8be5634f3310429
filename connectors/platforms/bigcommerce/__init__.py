"""BigCommerce: V3 for catalogue and inventory, V2 for orders and the store; github bigcommerce/docs at 24f580c (2026-04-01).

A package and not one file because two versions of the interface are in use: `reading` puts products, variants and orders
together, `writing` sorts changes by the call that takes them.

What differs from other platforms:

- Every product has a base variant. A product without options is sold as it is and its base variant is not shown; one with
  options is a parent, and a variant's empty price, weight or size means the product's. Numbers of products and of variants
  overlap, so a variant's key is ``product/variant``.
- A PUT of V3 is partial, but a list in it (categories) replaces the whole list. Whether V2 keeps the members of an address
  that are not sent is not said, so addresses are sent whole. Fees and lines of orders are never sent.
- Stock is set by inventory adjustments, which show a little later (``settles_s``); catalogue writes of stock are clamped.
- V2 answers 204 without a body for an empty list, gives money as text with four decimals, and times as RFC 2822.
- The limit is counted for all apps of a store together; room and reset come with each answer.

Unconfirmed in the fact sheet: 250 rows a page of V2 (100 are asked for), and that status 0 is an abandoned checkout (left
out); that a change of a variant alone moves its product's time, so that an incremental reading finds it. An order's status
is named by its number, because merchants rename the words; its status is not written.

References
----------
developer.bigcommerce.com by its sources, read 2026-11-25: 150 calls in 30 seconds on the smaller plans; bulk writes of 10
products and 50 variants, adjustments of 2,000 items; product names of 250, SKU 255, GTIN and UPC 14, picture addresses of
255 characters; tracking numbers of 50, links of 500.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.auth import HeaderKey
from connectors.errors import Action, CredentialError, RefusedError
from connectors.limits import Limits, Rate, Room
from connectors.manners import Manners
from connectors.mapping import Instant, Joined, money, text
from connectors.paginate import Counted
from connectors.platform import Capability, CredentialField
from connectors.platforms.bigcommerce.reading import (
    MEASURES,
    STATUSES,
    V3,
    WHOLE_ORDER,
    iso,
    picture,
    pictures,
    rfc2822,
    to,
)
from connectors.platforms.bigcommerce.writing import ORDER_WRITERS, PRODUCT_WRITERS, Writing, quantity
from connectors.remote import Given
from connectors.rest import ADDRESS, Site, Stream, Update, address_or
from connectors.webhooks import Delivery, Event, Standard, Webhook, identified

__all__ = ["PLATFORM"]

_HASHES = (r"([a-z0-9]{3,20})", r".*stores/([a-z0-9]+)(?:/.*)?", r"(?:https://)?store-([a-z0-9]+)\..*")
"""The hash itself, the API path that it is part of, and the store's first address."""
_SCOPES = {"product": "store_v2_products", "order": "store_v2_orders", "stock": "store_inventory"}


def _address(given: Given) -> str:
    typed = given["store_hash"]
    found = next((one for form in _HASHES if (one := re.fullmatch(form, typed))), None)
    if not found:
        raise CredentialError(
            f"store_hash is {typed!r}; it is the part of the API path behind stores/, such as abc123."
        )
    return f"{address_or(given, 'https://api.bigcommerce.com')}/stores/{found[1]}"


def _words(body: Any) -> str:
    """What is wrong: V2 gives a list of messages, V3 a title and a text for each field, a batch a list of those."""
    if isinstance(body, list):
        return "; ".join(text(one.get("message")) for one in body)
    if isinstance(body.get("batch_errors"), list):
        return "; ".join(_words(one) for one in body["batch_errors"])
    errors = body.get("errors")
    fields = [f"{name} {reason}" for name, reason in errors.items()] if isinstance(errors, Mapping) else []
    return "; ".join(one for one in (text(body.get("title")), *fields) if one)


def _reset_s(headers: Mapping[str, str]) -> float | None:
    stated = headers.get("x-rate-limit-time-reset-ms")
    return float(stated) / 1000 if stated else None


def _room(headers: Mapping[str, str]) -> Room:
    window_s = float(headers["x-rate-limit-time-window-ms"]) / 1000
    return Room(
        remaining=float(headers["x-rate-limit-requests-left"]),
        resets_s=_reset_s(headers),
        per_second=float(headers["x-rate-limit-requests-quota"]) / window_s,
    )


class BigCommerce(Writing):
    """One store."""

    site = Site(
        address=_address,
        auth=lambda opening: HeaderKey("X-Auth-Token", opening.given["access_token"]),
        manners=Manners(
            "bigcommerce",
            words=_words,
            pause_s=_reset_s,
            actions={423: Action.RETRY, 501: Action.FAIL, 507: Action.FAIL},
            advice={
                Action.REAUTHENTICATE: "Check access_token (401: it is wrong, or its API account was deleted) and the scopes of "
                "the API account (403): Products, Orders and Inventory modify, Information & Settings read-only."
            },
        ),
        limits=Limits(Rate(per_second=5, burst=20), room=_room),
    )
    streams = {
        "product": Stream(
            path="v3/catalog/products",
            rows="data",
            pages=V3,
            params={"include": "variants,images,custom_fields", "sort": "id", "direction": "asc"},
            since=lambda moment: {"date_modified:min": iso(moment)},
            many=lambda keys: {"id:in": ",".join(dict.fromkeys(key.partition("/")[0] for key in keys))},
            fields={
                "record_key": "id",
                "title": "name",
                "description": "description",
                "condition": lambda payload: text(payload.get("condition")).lower(),
                "status": lambda payload: "active" if payload.get("is_visible") else "draft",
                "images": lambda payload: [picture(one) for one in pictures(payload)],
                "updated_at": Instant("date_modified"),
            },
            computed=frozenset(
                {"parent_key", "level", "sku", "gtin", "mpn", "brand", "category", "price", "sale_price", "currency"}
                | {"quantity", "language", "attributes", *MEASURES}
            ),
        ),
        "order": Stream(
            path="v2/orders",
            pages=Counted(100, "page", "limit", first=1, by_page=True),
            params={**WHOLE_ORDER, "sort": "id"},
            since=lambda moment: {"min_date_modified": iso(moment)},
            item="v2/orders/{key}?" + "&".join(f"{name}={value}" for name, value in WHOLE_ORDER.items()),
            lines="lines",
            fields={
                "record_key": "id",
                "ordered_at": rfc2822("date_created"),
                "status": lambda payload: STATUSES.get(payload.get("status_id", -1), text(payload.get("status"))),
                "currency": "currency_code",
                "total": lambda payload: money(payload.get("total_inc_tax"), text(payload.get("currency_code"))),
                "buyer_name": Joined(("billing_address.first_name", "billing_address.last_name")),
                "email": "billing_address.email",
                "phone": "billing_address.phone",
                "ship_name": to(Joined(("first_name", "last_name"))),
                "ship_street": to(Joined(("street_1", "street_2"), "\n")),
                "ship_city": to("city"),
                "ship_region": to("state"),
                "ship_postal_code": to("zip"),
                "ship_country": to("country_iso2"),
                "shipped_at": rfc2822("date_shipped"),
                "updated_at": rfc2822("date_modified"),
            },
            line_fields={
                "line_key": "id",
                "sku": "sku",
                "quantity": "quantity",
                "unit_price": lambda line: money(line.get("price_inc_tax"), ""),
            },
        ),
        "stock": Stream(
            path="v3/inventory/items",
            rows="data",
            pages=V3,
            many=lambda keys: {"variant_id:in": ",".join(dict.fromkeys(key.partition("/")[2] for key in keys))},
            fields={"record_key": "key", "parent_key": "counted", "sku": "sku", "location": "location_code"}
            | {"quantity": "total_inventory_onhand"},
        ),
    }
    updates = {
        "product": Update(
            path="v3/catalog/products/{key}",
            method="PUT",
            fields=PRODUCT_WRITERS,
            needs_current=frozenset(PRODUCT_WRITERS),
            together=(frozenset({"price", "sale_price"}),),
            once=frozenset({"images"}),
            many=50,
        ),
        "order": Update(
            path="v2/orders/{key}", method="PUT", fields=ORDER_WRITERS, needs_current=frozenset(ORDER_WRITERS)
        ),
        "stock": Update(
            path="v3/inventory/adjustments/absolute", method="PUT", fields={"quantity": quantity}, many=500
        ),
    }

    def examine(self) -> list[str]:
        """Which store answers, and whether each list may be read; scopes that lack are named together."""
        try:
            found = [f"{self.store['name']} ({self.store.get('domain', '')}) answers: {self.currency}"]
        except RefusedError as error:
            raise self.credential_error(
                f"There is no such store. Check store_hash: the part of the API path behind stores/. {error}"
            ) from error
        lacking = []
        for kind, stream in self.streams.items():
            try:
                self.ask(stream, {**stream.params, "limit": "1"})
                found.append(f"{kind} records can be read")
            except CredentialError as error:
                if error.status != 403:
                    raise
                lacking.append(_SCOPES[kind])
        if lacking:
            raise self.credential_error(
                f"The API account lacks the scope {', '.join(lacking)}. Check Settings > Store-level API accounts; scopes "
                "cannot be added to an account, so make a new one."
            )
        return found


def _events(delivery: Delivery) -> Iterator[Event]:
    """One event a delivery, named by its hash; an SKU names neither product nor variant, so what changed is read."""
    body = delivery.json if isinstance(delivery.json, Mapping) else {}
    scope, data = text(body.get("scope")), body.get("data")
    key = text(data.get("id")) if isinstance(data, Mapping) else ""
    kinds = {"product": "product", "sku": "product", "order": "order", "shipment": "order", "category": ""}
    family = scope.split("/")[1] if scope.count("/") >= 2 else ""
    kind = "stock" if "inventory" in scope else kinds.get(family, "")
    keys = ((key, ""),) if family == "order" and key else ()
    yield Event(text(body.get("hash")) or identified(delivery, "webhook-id"), scope, kind, keys)


PLATFORM = BigCommerce.describe(
    name="bigcommerce",
    title="BigCommerce",
    docs="https://developer.bigcommerce.com/docs/rest-catalog",
    credentials=(
        CredentialField(
            "store_hash", "Store hash", "the part of the API path behind stores/, such as abc123", secret=False
        ),
        CredentialField("access_token", "Access token", "Settings > Store-level API accounts, shown when it is made"),
        CredentialField("client_id", "Client ID", "same page; only to verify events", secret=False, required=False),
        CredentialField("client_secret", "Client secret", "same page; only to verify events", required=False),
        ADDRESS,
    ),
    setup=(
        "Open Settings > Store-level API accounts and create one with a V2/V3 API token.",
        "Give it: Products modify, Orders modify, Inventory modify, Information & Settings read-only.",
        "Copy the access token, and the store hash out of the API path.",
    ),
    notes=(
        "Pictures are downloaded from the address given and copied to BigCommerce's own.",
        "Stock is written as inventory on hand at a location and shows after some seconds; a product that does not track "
        "inventory shows none.",
        "Abandoned checkouts (status Incomplete) are left out; an order's status is not written, shipments move it.",
        "Of an order with several addresses the first one is shown and corrected; parcels go to the address of their lines.",
        "Texts of further languages and channels live in another interface and are not covered.",
    ),
    extra=frozenset({Capability.SHIP_ORDERS}),
    webhook=Webhook(
        Standard("client_secret", is_plain=True),
        _events,
        topics=("store/product/*", "store/sku/*", "store/order/*", "store/product/inventory/updated"),
    ),
    rewritten={"product": frozenset({"images"})},
    settles_s=30.0,
)
