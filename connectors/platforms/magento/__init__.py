"""Magento Open Source and Adobe Commerce, self-hosted or in Adobe's platform cloud: REST V1, read from 2.4.9 (and 2.4.6).

A package and not one file because neither values nor links come as words: `reading` looks up what the numbers mean,
`writing` what to send for a word, singly or as a bulk that is asked for.

What differs from other platforms:

- Since 2.4.4 the access token of an integration is no bearer token any more unless the merchant allows it: with the other
  three values of the integration every request is signed (OAuth 1.0a, HMAC-SHA256), which works over plain http, too.
- The key of a product is its SKU, which may hold anything. Signatures and web servers disagree about slashes, blanks and
  brackets in a path, so such a product is written by ``POST products`` (the same save, the SKU in the body alone).
- A PUT with an unknown SKU makes a product and an unknown attribute is dropped without a word, so both are looked up first.
- Brand, colour and the like are numbers of options, categories are links; variants are products of their own that only
  their configurable parent names. All of that is looked up.
- Stock lives in sources (multi-source inventory) with no time of change; a product shows the sum of its sources.
- Prices go as base prices, reduced prices as special prices where both dates are known (Adobe Commerce demands them); other
  fields of many products go as an asynchronous bulk, whose operations are asked for until a deadline; what is not done then,
  or may be tried again, goes as single calls, and so does everything after it.

Unconfirmed in the fact sheet and so a setting with a default: which attributes hold brand, GTIN and part number
(``brand_attribute``, ``gtin_attribute``, ``mpn_attribute``), the source that parcels leave from (``source_code``). Left out:
Adobe's SaaS edition (other addresses and keys), shops without multi-source inventory as far as stock goes, an order's state
(it follows from invoices and shipments), region (a number decides it) and e-mail, and pictures (files, not addresses).

References
----------
Adobe Commerce Web API, github AdobeDocs/commerce-webapi at e2275b5 (2026-08), read 2026-11-25: paging, bulk routes and their
statuses, 20 entities in the list of one call and pages of 300 where the merchant switched input limits on.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx

from connectors.address import site_address
from connectors.auth import HeaderKey, SignedOAuth
from connectors.errors import Action, CredentialError, RefusedError
from connectors.manners import Manners
from connectors.mapping import money, text
from connectors.platform import Capability, CredentialField
from connectors.platforms.magento.reading import (
    PAGES,
    STATES,
    any_of,
    buyer,
    customs,
    delivery,
    full_name,
    since,
    sorted_by,
    to,
    utc,
)
from connectors.platforms.magento.writing import ADDRESS_WRITERS, LIST_SIZE, PRODUCT_WRITERS, Writing, quantity, said
from connectors.remote import Given
from connectors.rest import Opening, Site, Stream, Update

__all__ = ["PLATFORM"]

_SIGNING = ("consumer_key", "consumer_secret", "access_token_secret")


def _signs(given: Given) -> bool:
    if given["access_token_secret"] and not (given["consumer_key"] and given["consumer_secret"]):
        raise CredentialError(
            "access_token_secret is given and consumer_key or consumer_secret is not. Check the integration's page: requests "
            "are signed with all four values, or sent with access_token alone."
        )
    return all(given[name] for name in _SIGNING)


def _address(given: Given) -> str:
    typed = re.sub(r"/rest(/.*)?$", "", given["store_url"].rstrip("/"))
    plain_http = _signs(given) or given["plain_http"].lower() == "yes"
    return f"{site_address(typed, name='store_url', plain_http=plain_http)}/rest/{quote(given['store_code'], safe='')}"


def _auth(opening: Opening) -> httpx.Auth:
    given = opening.given
    if not _signs(given):
        return HeaderKey("Authorization", f"Bearer {given['access_token']}")
    return SignedOAuth(
        given["consumer_key"],
        given["consumer_secret"],
        token=given["access_token"],
        token_secret=given["access_token_secret"],
        clock=opening.environment.clock,
    )


def _words(body: Any) -> str:
    return "; ".join(said(one) for one in (body, *(body.get("errors") or ())))


def _deadlock(status: int, headers: httpx.Headers, body: bytes) -> Action | None:
    return Action.RETRY if status == 400 and b"deadlock" in body.lower() else None


class Magento(Writing):
    """One shop, read and written in one scope: all store views, or one of them."""

    site = Site(
        address=_address,
        auth=_auth,
        manners=Manners(
            "magento",
            words=_words,
            exceptions=_deadlock,
            advice={
                Action.REAUTHENTICATE: "Check the integration's four values and the resources ticked for it (System > Extensions > "
                "Integrations). With access_token alone, Magento 2.4.4 and later answers this unless Stores > Configuration > Services "
                "> OAuth > 'Allow OAuth Access Tokens to be used as standalone Bearer tokens' is on; better give "
                "consumer_key, consumer_secret and access_token_secret, too, so that requests are signed."
            },
        ),
    )
    streams = {
        "product": Stream(
            path="V1/products",
            rows="items",
            pages=PAGES,
            params=sorted_by("entity_id"),
            since=since,
            many=lambda keys: any_of("sku", keys),
            fields={
                "record_key": "sku",
                "sku": "sku",
                "title": "name",
                "description": lambda payload: customs(payload).get("description", ""),
                "status": lambda payload: STATES.get(text(payload.get("status")), text(payload.get("status"))),
                "updated_at": utc("updated_at"),
            },
            computed=frozenset(
                [
                    "parent_key",
                    "level",
                    "gtin",
                    "mpn",
                    "brand",
                    "category",
                    "price",
                    "sale_price",
                    "currency",
                    "quantity",
                    "images",
                    "weight_g",
                    "language",
                    "attributes",
                ]
            ),
        ),
        "order": Stream(
            path="V1/orders",
            rows="items",
            pages=PAGES,
            params=sorted_by("entity_id"),
            since=since,
            item="V1/orders/{key}",
            lines="items",
            fields={
                "record_key": "entity_id",
                "ordered_at": utc("created_at"),
                "status": "status",
                "currency": "order_currency_code",
                "total": lambda payload: money(payload.get("grand_total"), text(payload.get("order_currency_code"))),
                "buyer_name": buyer,
                "email": "customer_email",
                "phone": to("telephone"),
                "ship_name": lambda payload: full_name(delivery(payload)),
                "ship_street": lambda payload: "\n".join(text(one) for one in delivery(payload).get("street") or ()),
                "ship_city": to("city"),
                "ship_region": to("region"),
                "ship_postal_code": to("postcode"),
                "ship_country": to("country_id"),
                "updated_at": utc("updated_at"),
            },
            line_fields={
                "line_key": "item_id",
                "sku": "sku",
                "quantity": "qty_ordered",
                "unit_price": lambda line: money(line.get("price_incl_tax", line.get("price")), ""),
            },
        ),
        "stock": Stream(
            path="V1/inventory/source-items",
            rows="items",
            pages=PAGES,
            params=sorted_by("source_item_id"),
            many=lambda keys: any_of("sku", list(dict.fromkeys(key.partition("/")[2] for key in keys))),
            fields={
                "record_key": lambda payload: f"{payload['source_code']}/{payload['sku']}",
                "parent_key": "sku",
                "sku": "sku",
                "location": "source_code",
                "quantity": "quantity",
            },
        ),
    }
    updates = {
        "product": Update(
            path="V1/products/{key}",
            method="PUT",
            fields=PRODUCT_WRITERS,
            needs_current=frozenset(PRODUCT_WRITERS),
            together=(frozenset({"price", "sale_price"}),),
            many=200,
        ),
        "order": Update(
            path="V1/orders/{key}", method="PUT", fields=ADDRESS_WRITERS, needs_current=frozenset(ADDRESS_WRITERS)
        ),
        "stock": Update(
            path="V1/inventory/source-items",
            method="POST",
            fields={"quantity": quantity},
            needs_current=frozenset({"quantity"}),
            many=LIST_SIZE,
        ),
    }

    def examine(self) -> list[str]:
        """Who the shop is, and whether each list may be read; what is not allowed is named."""
        try:
            found = [f"{self.shop['base_url']} answers: {self.currency}, weights in {self.shop['weight_unit']}"]
        except RefusedError as error:
            raise self.credential_error(
                f"There is no Magento interface at this address, or no store view of that code. Check store_url (a shop without "
                f"rewrites needs /index.php behind it) and store_code. {error}"
            ) from error
        refused = []
        for kind, stream in self.streams.items():
            try:
                self.ask(stream, {**stream.params, "searchCriteria[pageSize]": "1"})
                found.append(f"{kind} records can be read")
            except CredentialError as error:
                refused.append(error.words)
        if refused:
            raise self.credential_error(
                f"{'; '.join(refused)} Check the resources ticked for the integration under System > Extensions > "
                "Integrations > API, and activate it again."
            )
        return found


PLATFORM = Magento.describe(
    name="magento",
    title="Magento / Adobe Commerce",
    docs="https://developer.adobe.com/commerce/webapi/rest/",
    credentials=(
        CredentialField(
            "store_url",
            "Shop address",
            "as in the browser; a shop without rewrites: with /index.php behind it",
            secret=False,
        ),
        CredentialField(
            "access_token", "Access token", "System > Extensions > Integrations, shown when it is activated"
        ),
        CredentialField("consumer_key", "Consumer key", "same page; with it requests are signed", required=False),
        CredentialField("consumer_secret", "Consumer secret", "same page", required=False),
        CredentialField("access_token_secret", "Access token secret", "same page", required=False),
        CredentialField(
            "store_code",
            "Store view",
            "all: values of every store view; a code: the texts of that view (before 2.4.7 Magento then unticks 'Use Default Value' "
            "of fields that were not sent)",
            secret=False,
            required=False,
            default="all",
        ),
        CredentialField(
            "plain_http",
            "Unencrypted",
            "yes: send access_token over http although anybody on the way can read it; signed requests need no leave",
            secret=False,
            required=False,
            default="no",
        ),
        CredentialField(
            "brand_attribute", "Brand attribute", "its code", secret=False, required=False, default="manufacturer"
        ),
        CredentialField("gtin_attribute", "GTIN attribute", "its code", secret=False, required=False, default="gtin"),
        CredentialField(
            "mpn_attribute", "Part number attribute", "its code", secret=False, required=False, default="mpn"
        ),
        CredentialField(
            "source_code", "Source", "that parcels leave from", secret=False, required=False, default="default"
        ),
    ),
    setup=(
        "Open System > Extensions > Integrations and add one.",
        "Under API tick Catalog (Inventory: Products, Categories), Sales (Operations: Orders, Shipments), Stores (Attributes: "
        "Product; Inventory: Sources and Stocks; Settings: All Stores) and System (Bulk Operations).",
        "Activate it, and copy the four values that are then shown.",
    ),
    notes=(
        "Pictures are files in Magento, not addresses: they are read and judged, and changed in the shop's own pages.",
        "An order's recipient, street, city, postal code, country and phone can be corrected; its e-mail, region and state cannot.",
        "Stock has no time of change, so it is always read whole; a product's quantity is the sum of its sources.",
        "Stock needs multi-source inventory, which is part of Magento since 2.3 unless it was removed.",
        "A batch needs the consumer async.operations.all to run; where it does not, single calls are used after two minutes.",
        "Adobe Commerce as a Cloud Service (SaaS) has other addresses and keys and is not covered.",
    ),
    extra=frozenset({Capability.SHIP_ORDERS}),
)
