"""The offline twin of Octopia's Seller API v2, as Cdiscount's sellers use it.

Written from the fact sheet and the description of the API, not from the connector. It keeps what surprises there: a
page size that only ``pageSize`` sets, cursors in the header ``Link``, packages that do nothing until they are closed
and report offer by offer, the same offer twice in a package rejected twice, prices refused without their taxes,
addresses that show from the state InPreparation on, one parcel an order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.sandbox.cdiscount_store import ADDRESS_SHOWN, CHANNEL, SELLER, Shop
from connectors.sandbox.routes import Call, Desk, Meter, Refusal, RoutedTwin, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document

__all__ = ["TWIN"]

_TOKENS = "/auth/realms/maas/protocol/openid-connect/token"
_CONDITIONS = {
    "new",
    "usedlikenew",
    "usedverygoodstate",
    "usedaveragestate",
    "refurbishedlikenew",
    "refurbishedverygoodstate",
    "refurbishedcorrectstate",
}
_CARRIERS = (
    ("colissimo", "Colissimo"),
    ("chronopost", "Chronopost"),
    ("dhl", "DHL"),
    ("dpd", "DPD"),
    ("gls", "GLS"),
    ("mondialrelay", "Mondial Relay"),
    ("ups", "UPS"),
    ("pcc", "Colis Privé"),
    ("pcc", "Colis Privé Point Relais"),
    ("pcc", "Colis Privé Express"),
    ("pcc", "Colis Privé International"),
)
_REPORTS_KEPT = timedelta(days=3)
_LARGEST_PACKAGE = 50_000


class CdiscountTwin(RoutedTwin):
    """One seller at Octopia.

    Parameters
    ----------
    largest_page : int
        Offers on one page, at most; fewer than asked for are given without a word.
    questions : int
        How often a closed package answers that it is being worked on.
    **options
        As for `Twin`.
    """

    name = "cdiscount"
    state: Shop
    absent_key = f"{SELLER}_AUC9999999_New_{CHANNEL}"
    carrier = "Colissimo"

    def __init__(self, *, largest_page: int = 1000, questions: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.state = Shop(self.clock)
        self.state.load(self.catalogue)
        self.desk = Desk(self._secrets, self.clock, lives_s=7200)
        self.unreported: set[str] = set()
        """References that the reports leave out, as happens in life."""
        self.packages: dict[str, Document] = {}
        self._largest_page = largest_page
        self._questions = questions
        self._client = (self._secrets.randbytes(8).hex(), self._secrets.randbytes(16).hex())
        self._tokens = Meter(500 / 3600, 500, self.clock)
        self._calls = Meter(50, 400, self.clock)

    @property
    def credentials(self) -> dict[str, str]:
        return {
            "client_id": self._client[0],
            "client_secret": self._client[1],
            "seller_id": SELLER,
            "api_address": f"{self.base_url}/seller/v2",
            "token_address": f"{self.base_url}{_TOKENS}",
        }

    def greeting(self) -> Incoming:
        headers = {"authorization": f"Bearer {self.desk.issue()}", "sellerid": SELLER}
        return Incoming("GET", "/seller/v2/sellers", (), headers, b"")

    def unauthorised(self) -> Answer:
        return _problem(401, "Unauthorized", "The access token is missing, expired or invalid.")

    def not_found(self, call: Call) -> Answer:
        return _problem(404, "Not Found", f"Nothing is found at {call.incoming.path}.")

    def wrong_method(self, call: Call) -> Answer:
        return _problem(405, "Method Not Allowed", f"{call.incoming.method} is not possible here.")

    def unreadable(self, call: Call, error: ValueError) -> Answer:
        return _problem(400, "Bad Request", str(error))

    def forget_tokens(self) -> None:
        self.desk.forget()

    def identify(self, call: Call) -> Answer | None:
        headers = call.incoming.headers
        if not self.desk.holds(headers.get("authorization", "").removeprefix("Bearer ")):
            return self.unauthorised()
        if not headers.get("sellerid"):
            return _invalid("SellerId", "The SellerId field is required.")
        if headers["sellerid"] != SELLER:
            return _problem(403, "Forbidden", "These credentials may not act for that seller.")
        return None

    def meter(self, call: Call, operation: str) -> Answer | None:
        seconds = (self._tokens if operation == "token" else self._calls).take()
        if not seconds:
            return None
        answer = _problem(429, "Too Many Requests", "The quota of this route is used up.")
        return Answer(429, answer.body, {**answer.headers, "retry-after": str(int(seconds) + 1)})

    @route("POST", _TOKENS, public=True, operation="token")
    def _token(self, call: Call) -> Answer:
        form = call.form
        if form.get("grant_type") != "client_credentials":
            return Answer.json(400, {"error": "unsupported_grant_type", "error_description": "Unsupported grant_type"})
        if (form.get("client_id"), form.get("client_secret")) != self._client:
            said = {"error": "unauthorized_client", "error_description": "Invalid client or Invalid client credentials"}
            return Answer.json(401, said)
        return Answer.json(
            200,
            {
                "access_token": self.desk.issue(),
                "expires_in": 7200,
                "refresh_expires_in": 0,
                "token_type": "Bearer",
            },
        )

    # ---- the account -------------------------------------------------------------------------------------------

    @route("GET", "/seller/v2/sellers")
    def _seller(self, call: Call) -> Answer:
        return Answer.json(200, {"sellerId": SELLER, "shopName": "Norvik"})

    @route("GET", "/seller/v2/sellers/delivery-modes")
    def _delivery_modes(self, call: Call) -> Answer:
        modes = [("TRK", "Envoi suivi"), ("REG", "Recommandé")]
        items = [
            {
                "code": code,
                "name": name,
                "delivery_delay": 0,
                "is_express_delivery": False,
                "more_than30_kg_product": False,
            }
            for code, name in modes
        ]
        return Answer.json(200, {"count": len(items), "items": items})

    @route("GET", "/seller/v2/carriers")
    def _carriers(self, call: Call) -> Answer:
        return Answer.json(200, [{"code": code, "label": label} for code, label in _CARRIERS])

    # ---- offers ------------------------------------------------------------------------------------------------

    @route("GET", "/seller/v2/offers")
    def _offers(self, call: Call) -> Answer:
        query = call.query
        if not query.get("salesChannelId"):
            return _invalid("salesChannelId", "The salesChannelId field is required.")
        since = _moment(query, "updatedAtMin")
        wanted = {
            name: set(query[name].split(","))
            for name in ("offerIds", "sellerExternalReferences", "gtins", "offerStates")
            if query.get(name)
        }
        rows = [
            shown
            for row in self.state.products.values()
            if row["salesChannelId"] == query["salesChannelId"] and (since is None or row["updatedAt"] >= since)
            for shown in [_shown_offer(row)]
            if all(_member(shown, name) in values for name, values in wanted.items())
        ]
        return self._cursor_page(call, rows)

    def _cursor_page(self, call: Call, rows: Sequence[Document]) -> Answer:
        asked = int(call.query.get("limit", 100))
        if not 1 <= asked <= 1000:
            return _invalid("limit", "The field limit must be between 1 and 1000.")
        start, size = int(call.query.get("cursor", "0"), 16), min(asked, self._largest_page)
        page = self.window(rows, start, size)
        headers = {}
        if start + size < len(rows):
            kept = "&".join(f"{name}={value}" for name, value in call.incoming.query if name != "cursor")
            headers["link"] = f'<{call.incoming.path}?{kept}&cursor={start + size:x}>; rel="next"'
        return Answer.json(200, {"itemsPerPage": len(page), "items": page}, headers)

    @route("POST", "/seller/v2/offer-packages")
    def _open_package(self, call: Call) -> Answer:
        body = call.json or {}
        if body.get("packageType") not in ("Upsert", "Update", "Delete"):
            return _invalid("packageType", "The value is not one of Upsert, Update, Delete.")
        if call.incoming.headers.get("saleschannelid", "") != CHANNEL:
            return _invalid("SalesChannelId", "The SalesChannelId field is required, or not subscribed to.")
        number = str(self.state.next_number("package", 400_001))
        self.packages[number] = {
            "packageId": number,
            "state": "WaitingForCompletion",
            "packageType": body["packageType"],
            "requests": [],
            "results": [],
            "asked": 0,
            "closed": None,
        }
        return Answer(201, b"", {"content-location": f"/offer-packages/{number}"})

    @route("POST", r"/seller/v2/offer-packages/(\d+)/offer-requests")
    def _upload(self, call: Call) -> Answer:
        package = self._package(call)
        requests = call.json
        if not isinstance(requests, list) or not 1 <= len(requests) <= 100:
            return _invalid("offerRequests", "Between 1 and 100 offer requests are accepted.")
        if package["state"] != "WaitingForCompletion":
            return _problem(409, "Conflict", f"The package is {package['state']}; nothing can be added.")
        if len(package["requests"]) + len(requests) > _LARGEST_PACKAGE:
            return _invalid("offerRequests", "A package holds at most 50000 offer requests.")
        for request in requests:
            reference = request.get("sellerExternalReference")
            if not isinstance(reference, str) or not 1 <= len(reference) <= 50:
                return _invalid("sellerExternalReference", "Between 1 and 50 characters are required.")
        package["requests"] += requests
        return Answer(200)

    @route("GET PATCH", r"/seller/v2/offer-packages/(\d+)")
    def _one_package(self, call: Call) -> Answer:
        package = self._package(call)
        if call.incoming.method == "PATCH":
            return self._close(package, call.json)
        if package["state"] in ("Ready", "IntegrationPending"):
            package["asked"] += 1
            package["state"] = "IntegrationPending"
            if package["asked"] > self._questions:
                self._integrate(package)
        shown = {name: package[name] for name in ("packageId", "state", "packageType")}
        return Answer.json(200, shown)

    @route("GET", r"/seller/v2/offer-packages/(\d+)/offer-requests-results")
    def _results(self, call: Call) -> Answer:
        package = self._package(call)
        if package["state"] != "Integrated" or self.clock() - package["closed"] > _REPORTS_KEPT:
            return _problem(404, "Not Found", "There are no results of this package, or not any more.")
        rows = [row for row in package["results"] if row["sellerExternalReference"] not in self.unreported]
        return self._cursor_page(call, rows)

    def _package(self, call: Call) -> Document:
        package = self.packages.get(call.args[0])
        if package is None:
            raise Refusal(self.not_found(call))
        return package

    def _close(self, package: Document, body: Any) -> Answer:
        if not isinstance(body, dict) or body.get("state") != "Ready":
            return _invalid("state", "The only state that can be set is Ready.")
        if package["state"] != "WaitingForCompletion" or not package["requests"]:
            return _problem(409, "Conflict", "The package is closed already, or empty.")
        package |= {"state": "Ready", "closed": self.clock()}
        return Answer(204)

    def _integrate(self, package: Document) -> None:
        references = [one["sellerExternalReference"] for one in package["requests"]]
        handle = {"Upsert": self._upsert, "Update": self._update, "Delete": self._delete}[package["packageType"]]
        for request, reference in zip(package["requests"], references, strict=True):
            if references.count(reference) > 1:
                status, code, message = "Duplicated", "28", "The reference stands twice in the package."
            else:
                status, code, message = handle(request)
            package["results"].append(
                {
                    "sellerExternalReference": reference,
                    "integrationStatus": status,
                    "results": [{"resultCode": code, "message": message}],
                }
            )
        package["state"] = "Integrated"

    def _offer(self, reference: str) -> Document | None:
        rows = self.state.products.values()
        return next((row for row in rows if row["sellerExternalReference"] == reference), None)

    def _update(self, request: Document) -> tuple[str, str, str]:
        offer = self._offer(request["sellerExternalReference"])
        if offer is None:
            return "Rejected", "36", "This offer does not exist and cannot be updated. Create it first."
        if "product" in request or "condition" in request:
            return "Rejected", "25", "Product and condition of an offer cannot be modified."
        if fault := _fault(request):
            return "Rejected", *fault
        self._store(offer, request)
        return "Integrated", "90", "Offer updated"

    def _upsert(self, request: Document) -> tuple[str, str, str]:
        lacking = [name for name in ("product", "condition", "price", "quantity") if name not in request]
        if lacking:
            return "Rejected", "10", f"Required fields: {', '.join(lacking)}"
        if str(request["condition"]).lower() not in _CONDITIONS:
            return "Rejected", "11", "Incorrect condition"
        if fault := _fault(request):
            return "Rejected", *fault
        known = self._offer(request["sellerExternalReference"])
        if known is not None:
            self._store(known, {"preparationTime": 0, "deliveryModes": []} | request)
            return "Integrated", "90", "Offer updated"
        gtin = request["product"].get("gtin", "")
        product = f"AUC{self.state.next_number('product', 1_000_001)}"
        key = f"{SELLER}_{product}_{request['condition']}_{CHANNEL}"
        offer: Document = {
            "offerId": key,
            "salesChannelId": CHANNEL,
            "sellerId": SELLER,
            "sellerExternalReference": request["sellerExternalReference"],
            "product": {"gtin": gtin, "reference": product},
            "condition": request["condition"],
            "preparationTime": 0,
            "deliveryModes": [],
            "createdAt": self.state.now(),
            "updatedAt": self.state.now(),
        }
        self.state.products[key] = offer
        self._store(offer, request)
        return "Integrated", "8000", "Offer created"

    def _delete(self, request: Document) -> tuple[str, str, str]:
        offer = self._offer(request["sellerExternalReference"])
        if offer is None:
            return "Rejected", "36", "This offer does not exist."
        del self.state.products[offer["offerId"]]
        return "Integrated", "90", "Offer deleted"

    def _store(self, offer: Document, request: Document) -> None:
        if "price" in request:
            offer["integrationPrice"] = {"currencyCode": "EUR"} | request["price"]
        for name in ("quantity", "preparationTime", "deliveryModes"):
            if name in request:
                offer[name] = request[name]
        offer["updatedAt"] = self.state.later(offer["updatedAt"])

    # ---- orders ------------------------------------------------------------------------------------------------

    @route("GET", "/seller/v2/orders")
    def _orders(self, call: Call) -> Answer:
        query = call.query
        page, size = int(query.get("pageIndex", 1)), min(int(query.get("pageSize", 10)), 100)
        if page < 1 or size < 1:
            return _invalid("pageIndex", "Pages are counted from 1.")
        rows = self._found_orders(query)
        shown = self.window(rows, (page - 1) * size, size)
        headers = {}
        if page * size < len(rows):
            kept = "".join(f"&{name}={value}" for name, value in call.incoming.query if name != "pageIndex")
            headers["link"] = f'<{call.incoming.path}?pageIndex={page + 1}{kept}>; rel="next"'
        return Answer.json(200, {"itemsPerPage": len(shown), "items": shown}, headers)

    @route("GET", "/seller/v2/orders/count")
    def _count(self, call: Call) -> Answer:
        return Answer.json(200, len(self._found_orders(call.query)))

    @route("GET", "/seller/v2/orders/([^/]+)")
    def _one_order(self, call: Call) -> Answer:
        return Answer.json(200, _shown_order(self._order(call)))

    @route("POST", "/seller/v2/orders/([^/]+)/approval-status")
    def _approve(self, call: Call) -> Answer:
        order, body = self._order(call), call.json or {}
        answer = body.get("approval_status")
        if answer not in ("Accepted", "Refused"):
            return _invalid("approval_status", "The value is not one of Accepted, Refused.")
        if order["status"] != "WaitingAcceptance":
            return _problem(409, "Conflict", f"The order is {order['status']} and does not wait for acceptance.")
        # Cdiscount takes the money of an accepted order at once, which brings it into preparation.
        self._move(order, answer)
        if answer == "Accepted":
            self._move(order, "InPreparation")
        return Answer(201)

    @route("POST", "/seller/v2/orders/([^/]+)/shipments")
    def _ship(self, call: Call) -> Answer:
        order, parcels = self._order(call), call.json
        if not isinstance(parcels, list) or not parcels:
            return _invalid("parcels", "At least one parcel is required.")
        if len(parcels) > 1:
            return _invalid("parcels", "Only one parcel per order is accepted on this sales channel.")
        if order["status"] != "InPreparation" or order["supplyMode"] != "Seller":
            return _problem(409, "Conflict", f"The order is {order['status']}, supply mode {order['supplyMode']}.")
        (parcel,) = parcels
        if not parcel.get("parcelNumber"):
            return _invalid("parcelNumber", "The parcelNumber field is required.")
        if parcel.get("carrierName") not in {label for _, label in _CARRIERS}:
            return _invalid("carrierName", "The carrier is not known.")
        named = set(parcel.get("orderLineIds") or [line["orderLineId"] for line in order["lines"]])
        if named != {line["orderLineId"] for line in order["lines"]}:
            return _invalid("orderLineIds", "The order must be shipped as a whole.")
        for line in order["lines"]:
            line["parcels"] = [{"parcelNumber": parcel["parcelNumber"]}]
        self._move(order, "Shipped", parcelNumber=parcel["parcelNumber"])
        return Answer(201)

    def _order(self, call: Call) -> Document:
        order = self.state.orders.get(call.args[0])
        if order is None:
            raise Refusal(self.not_found(call))
        return order

    def _move(self, order: Document, status: str, **facts: str) -> None:
        order["updatedAt"] = self.state.later(order["updatedAt"])
        order["statusEvents"].append({"status": status, "createdAt": order["updatedAt"], **facts})
        order["status"] = status

    def _found_orders(self, query: Mapping[str, str]) -> list[Document]:
        return [_shown_order(row) for row in self.state.orders.values() if _fits(row, query)]


def _fits(order: Document, query: Mapping[str, str]) -> bool:
    """Whether an order is asked for."""
    told = {"salesChannelId": order["salesChannel"]["id"]} | {name: order[name] for name in ("supplyMode", "reference")}
    if any(query.get(name) not in (None, "", value) for name, value in told.items()):
        return False
    if query.get("status") and order["status"] not in query["status"].split(","):
        return False
    for name in ("updatedAt", "createdAt"):
        first, last = _moment(query, f"{name}Min"), _moment(query, f"{name}Max")
        if (first and order[name] < first) or (last and order[name] > last):
            return False
    return True


def _shown_offer(row: Document) -> Document:
    price = row["integrationPrice"]
    is_whole = row["quantity"] > 0 and price["price"] > 0 and price.get("taxes") and row["deliveryModes"]
    return row | {"facialPrice": {"price": price["price"]}, "offerState": "Active" if is_whole else "Inactive"}


def _shown_order(row: Document) -> Document:
    address: Document = {} if row["status"] in ADDRESS_SHOWN else {"shippingAddress": {}}
    return row | {"lines": [line | address | {"status": row["status"]} for line in row["lines"]]}


def _member(offer: Document, filter_name: str) -> str:
    names = {"offerIds": "offerId", "sellerExternalReferences": "sellerExternalReference", "offerStates": "offerState"}
    return str(offer["product"]["gtin"] if filter_name == "gtins" else offer[names[filter_name]])


def _fault(request: Document) -> tuple[str, str] | None:
    """Code and words of what is wrong with the values of a request."""
    price = request.get("price")
    if price is not None:
        codes = {str(one.get("code", "")).lower() for one in price.get("taxes") or []}
        if not {"vat", "ecotax"} <= codes:
            return "10", "The full list of taxes is required with a price."
        if not _is_number(price.get("price")) or price["price"] <= 0:
            return "19", "Incorrect value, price lower than or equal to 0 EUR"
        origin = price.get("originPrice", price["price"])
        if not _is_number(origin) or origin < price["price"]:
            return "23", "Incorrect value, reference price lower than the sale price"
        eco = sum(one["value"] for one in price["taxes"] if str(one["code"]).lower() in ("ecotax", "deatax"))
        if price["price"] < eco:
            return "29", "The price is lower than the sum of eco tax and DEA tax"
    for name in ("quantity", "preparationTime"):
        if name in request and (not isinstance(request[name], int) or not 0 <= request[name] <= 10_000_000_000):
            return "11", f"{name}: Wrong format"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    return datetime.fromisoformat(query[name]) if query.get(name) else None


def _problem(status: int, title: str, detail: str, errors: Mapping[str, list[str]] | None = None) -> Answer:
    body: Document = {"title": title, "detail": detail, "status": status, "traceId": "00-4bf92f3577b34da6-00"}
    answer = Answer.json(status, body | ({"errors": errors} if errors else {}))
    return Answer(status, answer.body, {"content-type": "application/problem+json; charset=utf-8"})


def _invalid(name: str, message: str) -> Answer:
    return _problem(400, "Bad Request", "One or more validation errors occurred.", {name: [message]})


TWIN = CdiscountTwin
