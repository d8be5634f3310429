"""eBay by its Sell APIs: Inventory 1.18.4, Fulfillment 1.20.7, Account 1.9.3, Commerce Taxonomy 1.0.0 (read 2026-11-23).

What is different here, and why this is a package instead of one file:

- A product lies in up to three places: the inventory item (by SKU), its offer (price, category, policies) and, where it
  is sold in variations, the group. They are read together, and each field is written where it lives.
- Item, offer and group are replaced as a whole by what is sent, so each is read, merged and written. What is sold in
  between would come back with the old quantity: at most 25 records are read before they are written.
- Price and quantity of live listings go by ``bulk_update_price_quantity``. Its text says one SKU a call, its schema 25:
  one is sent, and ``skus_per_update`` raises that for accounts from which eBay takes more.
- A listing may be revised 250 times a calendar day, so the changes of a record go together and revisions are counted.
- Items have no time of change: every run reads all of them. Without a filter eBay lists the orders of 90 days; names
  and streets are hidden after 90 days, addresses for mail (eBay's own aliases) after 14.
- Accept-Language and Content-Language are always sent: what HTTP clients fill in by themselves is refused, and a record
  written in another language than its own is no longer found on its marketplace.

Unconfirmed and left out: the daily quotas of Inventory and Fulfillment (a used-up one is answered with 429), and
publishing or ending listings (a listing that is published anew has a new number and no history). Unconfirmed and taken
on the safe side: that pictures get an address of eBay's own, so that after a write only their number is compared.
"""

from __future__ import annotations

from connectors.platform import Capability, CredentialField
from connectors.platforms.ebay.connector import Ebay
from connectors.platforms.ebay.events import challenge, events
from connectors.rest import ADDRESS
from connectors.webhooks import Ecdsa, Webhook

__all__ = ["PLATFORM"]

PLATFORM = Ebay.describe(
    name="ebay",
    title="eBay",
    docs="https://developer.ebay.com/develop/api/sell",
    credentials=(
        CredentialField(
            "client_id", "App ID (Client ID)", "developer.ebay.com > Your Account > Application Keys", secret=False
        ),
        CredentialField(
            "client_secret", "Cert ID (Client Secret)", "developer.ebay.com > Your Account > Application Keys"
        ),
        CredentialField(
            "refresh_token",
            "Refresh token",
            "given with the first user token after the seller's consent; lives about 18 months; it begins with v^1.1",
        ),
        CredentialField(
            "environment", "Environment", "production or sandbox", secret=False, required=False, default="production"
        ),
        CredentialField(
            "marketplace_id",
            "Marketplace",
            "whose offers are read and written, such as EBAY_US, EBAY_GB or EBAY_DE",
            secret=False,
            required=False,
            default="EBAY_US",
        ),
        CredentialField(
            "language",
            "Language",
            "leave it empty; for the second language of a marketplace, such as fr-CA or fr-BE",
            secret=False,
            required=False,
        ),
        CredentialField(
            "skus_per_update",
            "SKUs in one call for prices and quantities",
            "1 is always right; up to 25 where eBay takes more from this account",
            secret=False,
            required=False,
            default="1",
        ),
        CredentialField(
            "verification_token",
            "Verification token",
            "yours, 32 to 80 letters and digits; the same as under Alerts and Notifications; only for events",
            required=False,
        ),
        ADDRESS,
        CredentialField(
            "auth_token",
            "Auth'n'Auth token",
            required=False,
            replaced_by="the Sell APIs take OAuth only: give client_id, client_secret and the refresh_token of a consent",
        ),
        CredentialField(
            "dev_id",
            "Dev ID",
            secret=False,
            required=False,
            replaced_by="only the Trading API asks for it; client_id and client_secret name the application",
        ),
        CredentialField(
            "access_token",
            "User access token",
            required=False,
            replaced_by="it ends after two hours; give the refresh_token, from which tokens are made as they are needed",
        ),
    ),
    setup=(
        "Join developer.ebay.com, make a keyset for production, and subscribe to (or opt out of) the notifications about "
        "deleted marketplace accounts: eBay disables a keyset without.",
        "Make a RuName (redirect URL name) under User Tokens.",
        "Open the consent page with the scopes api_scope, sell.inventory, sell.fulfillment and sell.account, and sign in as "
        "the seller.",
        "Exchange the code within five minutes for a user token and keep its refresh token.",
        "Opt the seller into business policies, and give each offer a return, a payment and a fulfillment policy.",
    ),
    notes=(
        "Only listings made by the Inventory API are seen; move others over by bulkMigrateListing, which needs a SKU, a fixed "
        "price and business policies.",
        "One connection is one marketplace and reads its fixed-price offers; auctions and offers elsewhere are left alone.",
        "eBay does not say when an item changed: products and stock are read whole, one call for the offer of each SKU.",
        "Orders of the last 90 days are read, or what changed since the run before; eBay hides names and streets of older ones.",
        "The price is what the buyer pays; a struck-through price is the attribute original_retail_price.",
        "Item specifics are read as attributes and cannot be written; the category, title and description of a product in "
        "variations are changed at the product, whose key begins with group:.",
        "A live listing of an item that eBay matched with its catalogue may take over the catalogue's details; the attribute "
        "include_catalog_product_details says so and can be set to false.",
        "Listings are neither published nor ended, and orders have no field that a seller may change.",
    ),
    extra=frozenset({Capability.SHIP_ORDERS, Capability.REQUIREMENTS}),
    rewritten={"product": frozenset({"images"})},
    webhook=Webhook(
        Ecdsa("x-ebay-signature", "commerce/notification/v1/public_key/{kid}"),
        events,
        challenge=challenge,
        topics=("MARKETPLACE_ACCOUNT_DELETION",),
    ),
)
