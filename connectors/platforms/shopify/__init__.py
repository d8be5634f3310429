"""Shopify through its GraphQL Admin API.

A package and not one file because it speaks GraphQL: `documents` has what is asked, `bulk` the operation that reads a whole
catalogue, `events` what is sent to us, `reading` and `writing` the two directions.

Version 2026-07, supported until July 2027 (shopify.dev, API versioning, read 2026-11-23). What differs from other shops:

- The unit that is sold is the variant; every product has one at least. A product with the default variant only is one
  row (level single) with the variant's identifier and the product as its parent. Others are a parent row and a row for
  each variant.
- ``price`` and ``compareAtPrice`` are turned into regular and reduced price: see `reading.prices`.
- Dimensions and lead time do not exist in Shopify's core and stay empty.
- Stock is kept per location; it is written only if it is still what it was.
"""

from __future__ import annotations

import httpx

from connectors.address import is_loopback, site_address
from connectors.auth import ClientCredentials, HeaderKey
from connectors.client import Client
from connectors.errors import Action, CredentialError
from connectors.graphql import GraphQL
from connectors.limits import CostBucket, shared
from connectors.manners import Manners
from connectors.mapping import text
from connectors.platform import Capability, Connection, Connector, CredentialField, Platform
from connectors.platforms.shopify.events import events
from connectors.platforms.shopify.writing import ShopifyConnector
from connectors.record import FIELDS
from connectors.remote import Environment, credentials
from connectors.webhooks import Hmac, Webhook

__all__ = ["PLATFORM"]

API_VERSION = "2026-07"

_TOKEN_HEADER = "X-Shopify-Access-Token"  # noqa: S105
_OWN_DOMAIN = ".myshopify.com"


def _words(body: object) -> str:
    errors = body.get("errors", body.get("error_description", "")) if isinstance(body, dict) else body
    return errors if isinstance(errors, str) else str(errors)


_MANNERS = Manners(
    platform="shopify",
    # 402: the shop is frozen; 404: no such shop or version; 423: locked; 430: taken for an attack.
    actions={402: Action.REAUTHENTICATE, 404: Action.REAUTHENTICATE, 423: Action.REAUTHENTICATE, 430: Action.WAIT},
    advice={
        Action.REAUTHENTICATE: "Check that shop_domain is the shop's own .myshopify.com address, that the app is installed there "
        "with the scopes it needs, and that the token or the key and secret are those of this app."
    },
    request_id=("x-request-id",),
    words=_words,
)


def _open(connection: Connection, **options: object) -> Connector:
    environment = Environment(**options)  # type: ignore[arg-type]
    given, known = credentials(connection, PLATFORM)
    address = _address(given["shop_domain"])
    auth: httpx.Auth
    if given["access_token"]:
        auth = HeaderKey(_TOKEN_HEADER, given["access_token"])
    elif given["api_key"] and given["api_secret"]:
        auth = ClientCredentials(
            f"{address}/admin/oauth/access_token",
            given["api_key"],
            given["api_secret"],
            header=_TOKEN_HEADER,
            scheme="",
            known=known,
            clock=environment.clock,
        )
    else:
        raise CredentialError(
            f"Connection {connection.name!r} (shopify) needs either access_token (apps made before 2026) or api_key and "
            "api_secret (client ID and secret of the app in the Dev Dashboard).",
            platform="shopify",
            connection=connection.name,
        )
    # The figures of the Standard plan until the first answer tells the shop's own.
    bucket = shared(
        "shopify", address, lambda: CostBucket(maximum=2000, restore_per_second=100, clock=environment.clock)
    )
    client = Client(
        address,
        _MANNERS,
        connection=connection.name,
        auth=auth,
        limit=environment.limit or bucket,
        secrets=known,
        patience=environment.patience,
        transport=environment.transport,
        sleep=environment.sleep,
        clock=environment.clock,
        random=environment.random,
    )
    path = f"admin/api/{API_VERSION}/graphql.json"
    graphql = GraphQL(client, path, bucket, platform="shopify", connection=connection.name)
    return ShopifyConnector(PLATFORM, connection, client, environment, graphql, int(given["bulk_from"]))


def _address(typed: str) -> str:
    """The shop's address; only Shopify's own domain (or this machine) may ever see the token."""
    host = text(typed)
    if "." not in host and ":" not in host and not is_loopback(host):
        host += _OWN_DOMAIN
    address = site_address(host, name="shop_domain")
    name = httpx.URL(address).host
    if not name.endswith(_OWN_DOMAIN) and not is_loopback(name):
        raise CredentialError(
            f"shop_domain is {typed!r}. Give the shop's own address, such as mystore.myshopify.com (Settings > Domains shows "
            "it): the token is sent to no other."
        )
    return address


_ABSENT = frozenset({"mpn", "condition", "lead_time_days", "language", "length_mm", "width_mm", "height_mm"})


PLATFORM = Platform(
    name="shopify",
    title="Shopify",
    docs="https://shopify.dev/docs/api/admin-graphql",
    credentials=(
        CredentialField(
            "shop_domain", "Shop domain", "the shop's own address, such as mystore.myshopify.com", secret=False
        ),
        CredentialField(
            "access_token",
            "Admin API access token",
            "begins with shpat_; apps made before 2026 have one",
            required=False,
        ),
        CredentialField("api_key", "Client ID", "of the app in the Dev Dashboard", required=False),
        CredentialField(
            "api_secret", "Client secret", "of the app in the Dev Dashboard; also signs the events", required=False
        ),
        CredentialField(
            "bulk_from",
            "Bulk operation from",
            "products from which a whole reading goes by Shopify's bulk operation instead of pages",
            secret=False,
            required=False,
            default="2000",
        ),
    ),
    setup=(
        "Open the Dev Dashboard (dev.shopify.com) and create an app for your shop.",
        "Give it the scopes read_products, write_products, read_orders, write_orders, read_inventory, write_inventory, "
        "write_files and write_merchant_managed_fulfillment_orders; read_all_orders for orders older than 60 days.",
        "Install it in the shop, then copy client ID and client secret. An access token that begins with shpat_, from an app "
        "made before 2026, still works.",
    ),
    notes=(
        "Dimensions, manufacturer's part number and lead time do not exist in Shopify's core.",
        "Orders do not wait for an acceptance.",
        "Stock is written per location, and only if it is still what it was.",
        "Names, addresses and e-mails of buyers are empty until the app has access to protected customer data.",
    ),
    extra=frozenset({Capability.SHIP_ORDERS, Capability.BATCH}),
    readable={kind: frozenset(one.name for one in FIELDS[kind]) - _ABSENT for kind in FIELDS},
    incremental=frozenset({"product", "order", "stock"}),
    webhook=Webhook(
        Hmac("x-shopify-hmac-sha256", "api_secret"),
        events,
        topics=(
            "products/create",
            "products/update",
            "products/delete",
            "orders/create",
            "orders/updated",
            "inventory_levels/update",
            "customers/redact",
        ),
    ),
    rewritten={"product": frozenset({"images"})},
    writable={
        "product": frozenset(
            {
                "title",
                "description",
                "brand",
                "category",
                "images",
                "price",
                "sale_price",
                "gtin",
                "sku",
                "weight_g",
                "attributes.product_type",
            }
        ),
        "order": frozenset(
            {
                "email",
                "phone",
                "ship_name",
                "ship_street",
                "ship_city",
                "ship_region",
                "ship_postal_code",
                "ship_country",
            }
        ),
        "stock": frozenset({"quantity"}),
    },
    open=_open,
)
