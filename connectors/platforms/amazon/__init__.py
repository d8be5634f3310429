"""Amazon, Selling Partner API: Listings Items 2021-08-01, Orders 2026-01-01, Feeds 2021-06-30, Definitions 2020-09-01.

What is different here, and why this is a package instead of one file:

- Since October 2023 calls carry an access token of Login with Amazon and no AWS signature any more.
- Every listing is a record of its own under the merchant's SKU; a variation parent is a listing without an offer.
- A patch names one whole attribute. Price and stock are merged into theirs (operation ``merge``, June 2025), so that a
  lead time, a lowest price or a business offer beside them stays; of any other attribute the stored value is read,
  changed and given back. Where a stock must go along, it is the live one, never the one that was submitted once.
- "Accepted" is not "applied", and Amazon accepts a patch of a SKU that does not exist: every listing is read first, and
  afterwards its live title, price and stock are compared, not the submitted attributes.
- A search shows 1,000 listings at most: a longer list is read in windows of time.
- A feed that hangs holds up every later one: after its deadline its changes, and all later ones, go one by one.
- A patch is judged before it is accepted, so the mode VALIDATION_PREVIEW would only cost a call more.

Unconfirmed and taken on the safe side: whether the live price is the reduced one (while there is a reduction, the submitted
price is shown); which carriers have a code of their own (any other is "Other" with its name); how far back orders can be
asked for (setting ``order_days``); how long a new reduction should hold (setting ``sale_days``). Brand, identifier and
condition are left out of writing: product type definitions mark them as not editable, Amazon takes them and ignores them,
and the submitted value would look like proof. Events (SQS, EventBridge) are left out: they need a queue, not an address.

References
----------
Model files of amzn/selling-partner-api-models (state of 2026-08-05), rates and bursts included, and
developer-docs.amazon.com/sp-api (read 2026-11-25); issues 4402, 4406, 4554, 4841, 5327 there and 2167, 2633 of
amzn/selling-partner-api-docs.
"""

from __future__ import annotations

from connectors.platform import Capability, CredentialField
from connectors.platforms.amazon.connector import Amazon
from connectors.rest import ADDRESS

__all__ = ["PLATFORM"]

_NO_AWS = (
    "Amazon needs neither an AWS account nor a signature since October 2023; client_id, client_secret and refresh_token are "
    "enough"
)

PLATFORM = Amazon.describe(
    name="amazon",
    title="Amazon",
    docs="https://developer-docs.amazon.com/sp-api",
    credentials=(
        CredentialField("client_id", "Client ID", "LWA credentials of your app: Seller Central > Develop Apps > View"),
        CredentialField("client_secret", "Client secret", "beside the client ID; it has to be renewed every 180 days"),
        CredentialField(
            "refresh_token",
            "Refresh token",
            "Develop Apps > Authorize app; begins with Atzr|, shown once when authorised",
        ),
        CredentialField(
            "marketplace_id",
            "Marketplace ID",
            "such as A1PA6795UKMFR9 for Germany or ATVPDKIKX0DER for the US; one connection is one marketplace",
            secret=False,
        ),
        CredentialField(
            "seller_id",
            "Seller ID",
            "Seller Central > Account Info > Merchant token, such as A2EXAMPLE1234",
            secret=False,
        ),
        CredentialField(
            "personal_data",
            "Names and addresses",
            "yes reads buyers' names and addresses with the orders; the app needs the role Direct-to-Consumer Shipping",
            secret=False,
            required=False,
            default="no",
        ),
        CredentialField(
            "order_days",
            "Days of orders",
            "how far back the first reading goes; above 2,000 orders Amazon gives 100 in three minutes",
            secret=False,
            required=False,
            default="60",
        ),
        CredentialField(
            "sale_days",
            "Days of a reduction",
            "how long a new reduced price holds; a stored one keeps its dates",
            secret=False,
            required=False,
            default="30",
        ),
        CredentialField(
            "region",
            "Region",
            "na, eu or fe; only for a marketplace that is newer than this program",
            secret=False,
            required=False,
        ),
        ADDRESS,
        CredentialField("aws_access_key", "AWS access key", required=False, replaced_by=_NO_AWS),
        CredentialField("aws_secret_key", "AWS secret key", required=False, replaced_by=_NO_AWS),
        CredentialField("role_arn", "Role ARN", required=False, replaced_by=_NO_AWS),
    ),
    setup=(
        "Open Seller Central > Apps and Services > Develop Apps and register as a developer (private app).",
        "Add an app client with the roles Product Listing, Inventory and Order Tracking, Selling Partner Insights; for "
        "buyers' addresses also Direct-to-Consumer Shipping.",
        "Choose View under LWA credentials and copy client ID and client secret.",
        "Choose Authorize, then Authorize app, and copy the refresh token.",
        "Copy the merchant token from Settings > Account Info.",
    ),
    notes=(
        "Brand, GTIN, condition and product type of a listing cannot be changed; Amazon's support does that.",
        "Orders cannot be changed, only shipments can be confirmed; stock and shipments of FBA are Amazon's.",
        "Many changes go by a feed, which takes minutes; single ones show within minutes, too.",
        "What Amazon itself reports of a listing is in the attributes amazon_issues and amazon_enforcements.",
        "Buyers' names and addresses are read only when personal_data says so; the mail address is Amazon's relay.",
        "Orders are listed at most once in three minutes after a burst of twenty calls.",
        "Amazon has no place for serial numbers of a parcel here; they are not sent.",
    ),
    # Images are copied to Amazon's own addresses.
    rewritten={"product": frozenset({"images"})},
    settles_s=300.0,
    extra=frozenset({Capability.SHIP_ORDERS, Capability.REQUIREMENTS}),
)
