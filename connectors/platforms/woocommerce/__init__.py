"""WooCommerce through its REST interface wc/v3.

A package and not one file because a value that the shop would mangle must never be sent: `writing` has a check for each
field, `reading` the records, `events` what is sent to us.

Read from WooCommerce 11.0.1 and seen on a live shop of that version on 2026-11-23. What differs from other shops:

- Over plain http every call is signed (OAuth 1.0a); over https the keys go as HTTP Basic.
- The shop stores some values otherwise than sent and says 200: see `writing`.
- A variation without an SKU shows its parent's: such an SKU is given as empty.
- Names come with ``&`` escaped as ``&amp;``, always: they are given unescaped. Category and brand names are unescaped
  whole. Descriptions are HTML and stay as they are.
"""

from __future__ import annotations

import httpx

from connectors.address import site_address
from connectors.auth import QueryKeys, SignedOAuth
from connectors.client import Client
from connectors.errors import Action, CredentialError
from connectors.limits import TokenBucket, shared
from connectors.manners import Manners
from connectors.platform import Capability, Connection, Connector, CredentialField, Platform
from connectors.platforms.woocommerce.events import events, ping
from connectors.platforms.woocommerce.reading import words
from connectors.platforms.woocommerce.writing import WooCommerceConnector
from connectors.record import FIELDS
from connectors.redaction import basic
from connectors.remote import Environment, credentials
from connectors.webhooks import Hmac, Webhook

__all__ = ["PLATFORM"]

_MANNERS = Manners(
    platform="woocommerce",
    # Firewalls and hosts answer these in front of the shop; 520 to 524 are Cloudflare's.
    actions=dict.fromkeys((520, 521, 522, 523, 524), Action.RETRY) | {501: Action.FAIL},
    advice={
        Action.REAUTHENTICATE: "Check in WooCommerce > Settings > Advanced > REST API that the key exists, has the permission "
        "'Read/Write' and belongs to an administrator or shop manager. If it does, the server may drop the Authorization "
        "header: set key_in_query to 'yes' (https only). Behind a proxy that ends TLS, WordPress must know that the address is https."
    },
    request_id=("x-request-id", "cf-ray"),
    words=words,
)


def _open(connection: Connection, **options: object) -> Connector:
    environment = Environment(**options)  # type: ignore[arg-type]
    given, known = credentials(connection, PLATFORM)
    address = site_address(given["store_url"], name="store_url", plain_http=True)
    key, secret = given["consumer_key"], given["consumer_secret"]
    known.add(basic(key, secret))
    in_query = given["key_in_query"].lower() in {"yes", "true", "1"}
    auth: httpx.Auth
    if address.startswith("http://"):
        if in_query:
            raise CredentialError(
                "key_in_query works over https only: over http everybody on the way could read the keys."
            )
        auth = SignedOAuth(key, secret, in_query=True, clock=environment.clock)
    elif in_query:
        auth = QueryKeys({"consumer_key": key, "consumer_secret": secret})
    else:
        auth = httpx.BasicAuth(key, secret)
    # The shop itself has no limit; this is politeness towards a small host.
    limit = environment.limit or shared(
        "woocommerce", address, lambda: TokenBucket(per_second=20, burst=40, clock=environment.clock)
    )
    client = Client(
        f"{address}/wp-json/wc/v3",
        _MANNERS,
        connection=connection.name,
        auth=auth,
        limit=limit,
        secrets=known,
        patience=environment.patience,
        transport=environment.transport,
        sleep=environment.sleep,
        clock=environment.clock,
        random=environment.random,
    )
    return WooCommerceConnector(PLATFORM, connection, client, environment)


_ABSENT = frozenset({"mpn", "condition", "lead_time_days", "language"})


PLATFORM = Platform(
    name="woocommerce",
    title="WooCommerce",
    docs="https://woocommerce.github.io/woocommerce-rest-api-docs/",
    credentials=(
        CredentialField(
            "store_url", "Store address", "the address of the shop, such as https://mystore.com", secret=False
        ),
        CredentialField(
            "consumer_key", "Consumer key", "WooCommerce > Settings > Advanced > REST API; begins with ck_"
        ),
        CredentialField("consumer_secret", "Consumer secret", "shown once when the key is made; begins with cs_"),
        CredentialField(
            "key_in_query",
            "Send the keys in the query",
            "'yes' where the server drops the Authorization header; the keys then appear in its logs",
            secret=False,
            required=False,
            default="no",
        ),
        CredentialField(
            "webhook_secret",
            "Secret of the webhooks",
            "WooCommerce > Settings > Advanced > Webhooks; the same for every webhook of the shop; only for events",
            required=False,
        ),
    ),
    setup=(
        "Open WooCommerce > Settings > Advanced > REST API and choose 'Add key'.",
        "Choose an administrator or shop manager as its user, and the permission 'Read/Write'.",
        "Copy consumer key and consumer secret; the secret is shown once.",
        "For events: WooCommerce > Settings > Advanced > Webhooks, one for each topic, all with the same secret.",
    ),
    notes=(
        "WooCommerce's core has no tracking numbers, and orders do not wait for an acceptance: parcels are not told of.",
        "Brands need WooCommerce 9.6; lead times and conditions are not part of the core.",
        "On a plain http address every call is signed (OAuth 1.0a), so that no key travels.",
    ),
    webhook=Webhook(
        Hmac("x-wc-webhook-signature", "webhook_secret", is_escaped=True),
        events,
        challenge=ping,
        topics=("product.created", "product.updated", "product.deleted", "order.created", "order.updated"),
    ),
    readable={kind: frozenset(one.name for one in FIELDS[kind]) - _ABSENT for kind in FIELDS},
    incremental=frozenset({"product", "order", "stock"}),
    extra=frozenset({Capability.BATCH}),
    rewritten={"product": frozenset({"images"})},
    writable={
        "product": frozenset(
            [
                "title",
                "description",
                "brand",
                "category",
                "images",
                "price",
                "sale_price",
                "sku",
                "gtin",
                "quantity",
                "weight_g",
                "length_mm",
                "width_mm",
                "height_mm",
            ]
        ),
        "order": frozenset(
            [
                "buyer_name",
                "email",
                "phone",
                "ship_name",
                "ship_street",
                "ship_city",
                "ship_region",
                "ship_postal_code",
                "ship_country",
            ]
        ),
        "stock": frozenset({"quantity"}),
    },
    open=_open,
)
