"""The offline twin of eBay's Sell APIs: inventory, account, fulfillment and taxonomy, as one German seller sees them.

Written from eBay's own descriptions (Sell Inventory 1.18.4, Sell Fulfillment 1.20.7, Sell Account 1.9.3, Commerce
Taxonomy 1.0.0) and pages, read 2026-11-23. Its traps: items are listed by pages and orders by rows; a PUT replaces the
whole record; an SKU without an offer is answered with 404; one call carries the prices of one SKU, whatever its schema
says; a listing may be revised 250 times a day; what lacks a header for the language is refused.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.sandbox.ebay_check import error, refuse
from connectors.sandbox.ebay_inventory import InventoryInterface
from connectors.sandbox.ebay_orders import OrderInterface
from connectors.sandbox.ebay_store import CATEGORIES, CURRENCY, MARKETPLACE, POLICIES, Inventory
from connectors.sandbox.routes import Call, Desk, basic_of, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document

__all__ = ["SCOPES", "TWIN", "EbayTwin"]

SCOPES = tuple(
    f"https://api.ebay.com/oauth/api_scope{name}"
    for name in ("", "/sell.inventory", "/sell.fulfillment", "/sell.account")
)
"""What the seller consented to unless told otherwise; the first is the application's own."""

_ACCOUNT, _TAXONOMY = "/sell/account/v1", "/commerce/taxonomy/v1"
_TREE = "77"
_ASPECTS: tuple[tuple[str, Document, tuple[str, ...]], ...] = (
    ("Marke", {"aspectRequired": True, "aspectMaxLength": 65}, ()),
    ("Herstellernummer", {"aspectMaxLength": 65}, ()),
    ("Material", {"aspectUsage": "RECOMMENDED", "itemToAspectCardinality": "MULTI"}, ()),
    ("Farbe", {"aspectUsage": "RECOMMENDED", "aspectEnabledForVariations": True}, ("Rot", "Blau", "Grün")),
    ("Angebotspaket", {"aspectMode": "SELECTION_ONLY"}, ("Ja", "Nein")),
    ("Anzahl der Teile", {"aspectDataType": "NUMBER", "aspectFormat": "int32"}, ()),
    ("Breite in Metern", {"aspectDataType": "NUMBER", "aspectFormat": "double"}, ()),
    ("Herstellungsjahr", {"aspectDataType": "DATE", "aspectFormat": "YYYY"}, ()),
)


class EbayTwin(InventoryInterface, OrderInterface):
    """One seller on the German marketplace.

    Parameters
    ----------
    scopes : tuple of str
        What the seller consented to.
    one_sku_per_update : bool
        Whether a call of ``bulk_update_price_quantity`` takes one SKU, as its text says, or 25, as its schema does.
    **options
        As for `connectors.sandbox.server.Twin`.

    Attributes
    ----------
    quotas : dict of str to int
        API to the calls that the application may make in a day; an API that is not there is not counted.
    tree_version : str
        Of the category tree.
    """

    name = "ebay"
    state: Inventory
    absent_key = "99-99999-99999"
    new_values: ClassVar[Mapping[str, str]] = {
        "condition": "USED_EXCELLENT",
        "brand": "Nordlicht",
        "attributes.subtitle": "With a lid of glass",
        "attributes.original_retail_price": "99999.00",
        "attributes.return_policy_id": POLICIES["return"][1]["returnPolicyId"],
        "attributes.payment_policy_id": POLICIES["payment"][1]["paymentPolicyId"],
        "attributes.fulfillment_policy_id": POLICIES["fulfillment"][1]["fulfillmentPolicyId"],
        "attributes.merchant_location_key": "lager-hamburg",
        "attributes.include_catalog_product_details": "true",
    }

    def __init__(self, *, scopes: tuple[str, ...] = SCOPES, one_sku_per_update: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.state = Inventory(self.clock)
        self.state.load(self.catalogue)
        self.scopes = scopes
        self.one_sku_per_update = one_sku_per_update
        self.quotas: dict[str, int] = {"account": 25_000}
        self.tree_version = "133"
        self.revisions: Counter[tuple[str, str]] = Counter()
        self._spent: Counter[tuple[str, str]] = Counter()
        self._users = Desk(self._secrets, self.clock, lives_s=7200)
        self._applications = Desk(self._secrets, self.clock, lives_s=7200)
        self._client = (
            f"Channelm-shop-PRD-{self._secrets.randbytes(5).hex()}",
            f"PRD-{self._secrets.randbytes(12).hex()}",
        )
        self._refresh = f"v^1.1#i^1#r^1#f^0#p^3#t^{self._secrets.randbytes(20).hex()}"
        self.key_id = self._secrets.randbytes(8).hex()
        self.verification_token = self._secrets.randbytes(24).hex()
        self._signer = ec.derive_private_key(int.from_bytes(self._secrets.randbytes(31), "big") + 1, ec.SECP256R1())

    @property
    def credentials(self) -> dict[str, str]:
        """What a merchant types in."""
        return {
            "client_id": self._client[0],
            "client_secret": self._client[1],
            "refresh_token": self._refresh,
            "environment": "production",
            "marketplace_id": MARKETPLACE,
            "verification_token": self.verification_token,
            "api_address": self.base_url,
        }

    def greeting(self) -> Incoming:
        """What the seller may sell."""
        headers = {"authorization": f"Bearer {self._users.issue()}"}
        return Incoming("GET", f"{_ACCOUNT}/privilege", (), headers, b"")

    def unauthorised(self) -> Answer:
        """Error 1001."""
        return error(
            401, 1001, "Invalid access token. Check the value of the Authorization HTTP request header.", "OAuth"
        )

    def forget_tokens(self) -> None:
        """Refuse the tokens of the seller and of the application."""
        self._users.forget()
        self._applications.forget()

    def identify(self, call: Call) -> Answer | None:
        """Whether the token is one, and whether it has the scope of the API that is called."""
        token = call.incoming.headers.get("authorization", "").removeprefix("Bearer ")
        is_user, is_application = self._users.holds(token), self._applications.holds(token)
        if not is_user and not is_application:
            return self.unauthorised()
        api = call.incoming.path.split("/")[2]
        needed = f"https://api.ebay.com/oauth/api_scope/sell.{api}"
        if is_application if api in ("taxonomy", "notification") else is_user and needed in self.scopes:
            return None
        return error(403, 1100, "Insufficient permissions to fulfill the request.", "ACCESS")

    def meter(self, call: Call, operation: str) -> Answer | None:
        """Count the call for its API; refuse what an HTTP client put in for the language."""
        path = call.incoming.path.split("/")
        api = path[2] if len(path) > 2 else ""
        self._spent[api, self.day()] += 1
        if api in self.quotas and self._spent[api, self.day()] > self.quotas[api]:
            return error(429, 2001, "The request limit has been reached for the resource.", "ACCESS")
        if call.incoming.headers.get("accept-language", "de-DE") == "*":
            return error(400, 25709, "Invalid value for header Accept-Language.")
        return None

    def headers(self, call: Call, operation: str) -> Mapping[str, str]:
        """The number of the call."""
        return {"x-ebay-c-request-id": f"ri={len(self.requests):08d}"}

    def not_found(self, call: Call) -> Answer:
        """Error 2002."""
        return error(404, 2002, "Resource not found", "ACCESS")

    def unreadable(self, call: Call, problem: ValueError) -> Answer:
        """Error 2001."""
        return error(400, 2001, f"Invalid request. {problem}", "ACCESS")

    # ---- tokens ------------------------------------------------------------------------------------------------

    @route("POST", "/identity/v1/oauth2/token", public=True)
    def _token(self, call: Call) -> Answer:
        if basic_of(call.incoming.headers) != self._client:
            return _oauth(401, "invalid_client", "client authentication failed")
        form = call.form
        wanted = form.get("scope", "").split()
        if form.get("grant_type") == "client_credentials":
            if wanted != [SCOPES[0]]:
                return _oauth(400, "invalid_scope", "The requested scope is invalid, unknown, malformed")
            token, kind = self._applications.issue("v^1.1#a"), "Application Access Token"
        elif form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") != self._refresh:
                return _oauth(400, "invalid_grant", "the provided authorization refresh token is invalid")
            if not set(wanted) <= set(self.scopes):
                return _oauth(400, "invalid_scope", "exceeds the scope granted to the client")
            token, kind = self._users.issue("v^1.1#i"), "User Access Token"
        else:
            return _oauth(400, "unsupported_grant_type", "grant type in request is not supported")
        return Answer.json(200, {"access_token": token, "expires_in": 7200, "token_type": kind})

    # ---- account -----------------------------------------------------------------------------------------------

    @route("GET", f"{_ACCOUNT}/privilege")
    def _privilege(self, call: Call) -> Answer:
        limit = {"quantity": 5000, "amount": {"value": "100000.00", "currency": CURRENCY}}
        return Answer.json(200, {"sellerRegistrationCompleted": True, "sellingLimit": limit})

    @route("GET", f"{_ACCOUNT}/(return|payment|fulfillment)_policy")
    def _policies(self, call: Call) -> Answer:
        if "marketplace_id" not in call.query:
            raise refuse(20401, "Missing field marketplace_id.", "API_ACCOUNT")
        found = [one for one in POLICIES[call.args[0]] if one["marketplaceId"] == call.query["marketplace_id"]]
        return Answer.json(200, {"total": len(found), f"{call.args[0]}Policies": found})

    # ---- notifications -----------------------------------------------------------------------------------------

    @route("GET", r"/commerce/notification/v1/public_key/([\w-]+)")
    def _public_key(self, call: Call) -> Answer:
        """The key that notifications are signed with, in one line as eBay gives it."""
        if call.args[0] != self.key_id:
            return error(404, 195008, "The specified public key does not exist.", "REQUEST")
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = self._signer.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
        return Answer.json(200, {"algorithm": "ECDSA", "digest": "SHA1", "key": pem.replace("\n", "")})

    def notification(self, topic: str, data: Mapping[str, Any]) -> tuple[bytes, str]:
        """A notification as it would be sent: its body, and the header ``x-ebay-signature``."""
        notice = {
            "notificationId": f"n-{len(self.requests)}",
            "eventDate": self.clock().isoformat(),
            "data": dict(data),
        }
        metadata = {"topic": topic, "schemaVersion": "1.0", "deprecated": False}
        body = json.dumps({"metadata": metadata, "notification": notice | {"publishAttemptCount": 1}}).encode()
        signature = base64.b64encode(self._signer.sign(body, ec.ECDSA(hashes.SHA1()))).decode()  # noqa: S303
        stated = {"alg": "ecdsa", "kid": self.key_id, "signature": signature, "digest": "SHA1"}
        return body, base64.b64encode(json.dumps(stated).encode()).decode()

    # ---- taxonomy ----------------------------------------------------------------------------------------------

    @route("GET", f"{_TAXONOMY}/get_default_category_tree_id")
    def _tree_id(self, call: Call) -> Answer:
        if call.query.get("marketplace_id") != MARKETPLACE:
            raise refuse(62003, "The specified marketplace ID was not found.", "API_TAXONOMY")
        return Answer.json(200, {"categoryTreeId": _TREE, "categoryTreeVersion": self.tree_version})

    @route("GET", f"{_TAXONOMY}/category_tree/([^/]+)")
    def _tree(self, call: Call) -> Answer:
        self._is_tree(call)
        root: Document = {"category": {"categoryId": "0", "categoryName": "Root"}, "categoryTreeNodeLevel": 0}
        for path, number in CATEGORIES.items():
            _grow(root, path.split(" > "), number)
        version = {
            "categoryTreeId": _TREE,
            "categoryTreeVersion": self.tree_version,
            "applicableMarketplaceIds": [MARKETPLACE],
        }
        return Answer.json(200, version | {"rootCategoryNode": root})

    @route("GET", f"{_TAXONOMY}/category_tree/([^/]+)/get_item_aspects_for_category")
    def _aspects(self, call: Call) -> Answer:
        self._is_tree(call)
        if call.query.get("category_id") not in CATEGORIES.values():
            raise refuse(62005, "The specified category ID does not belong to specified category tree.", "API_TAXONOMY")
        return Answer.json(200, {"aspects": [_aspect(*one) for one in _ASPECTS]})

    def _is_tree(self, call: Call) -> None:
        if call.args[0] != _TREE:
            raise refuse(62004, "The specified category tree ID was not found.", "API_TAXONOMY")


def _oauth(status: int, name: str, text: str) -> Answer:
    return Answer.json(status, {"error": name, "error_description": text})


def _grow(node: Document, names: list[str], number: str) -> None:
    """Add a leaf and the branches to it."""
    children = node.setdefault("childCategoryTreeNodes", [])
    known = next((one for one in children if one["category"]["categoryName"] == names[0]), None)
    if known is None:
        level = node["categoryTreeNodeLevel"] + 1
        key = number if len(names) == 1 else f"{level}{len(children):03d}{node['category']['categoryId']}"
        known = {"category": {"categoryId": key, "categoryName": names[0]}, "categoryTreeNodeLevel": level}
        children.append(known)
    if len(names) == 1:
        known["leafCategoryTreeNode"] = True
    else:
        _grow(known, names[1:], number)


def _aspect(name: str, constraint: Document, values: tuple[str, ...]) -> Document:
    usual = {
        "aspectDataType": "STRING",
        "aspectMode": "FREE_TEXT",
        "aspectRequired": False,
        "aspectUsage": "RECOMMENDED" if constraint.get("aspectRequired") else "OPTIONAL",
        "aspectEnabledForVariations": False,
        "aspectApplicableTo": ["PRODUCT"],
        "itemToAspectCardinality": "SINGLE",
    }
    found: Document = {"localizedAspectName": name, "aspectConstraint": usual | constraint}
    return found | ({"aspectValues": [{"localizedValue": one} for one in values]} if values else {})


TWIN = EbayTwin
