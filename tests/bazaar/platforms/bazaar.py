"""Bazaar, an invented marketplace: the example that CONTRIBUTING.md follows.

- An offer is replaced as a whole by what is sent (PUT), so it is read, merged and written.
- Many offers at once go as an import that is worked on for a while and reports offer by offer.
- An order waits until the merchant has accepted it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from connectors.address import site_address
from connectors.auth import ClientCredentials
from connectors.changes import Acceptance, InvalidError, Outcome, Outcomes, Shipment
from connectors.errors import Action
from connectors.imports import LATE, poll
from connectors.limits import Limits, Rate, Room
from connectors.manners import Manners
from connectors.mapping import Payload, plain_number, text
from connectors.paginate import Counted, Cursor
from connectors.platform import Capability, CredentialField
from connectors.rest import Opening, Prepared, RestConnector, Site, Stream, Update

__all__ = ["PLATFORM"]


def _price(value: str, current: Payload) -> dict[str, Any]:
    number = plain_number(value)
    if number is None or number <= 0:
        raise InvalidError(f"price {value!r} is not a plain number above 0 with a point, such as 12.50.")
    return {"price": {"amount": f"{number:.2f}", "currency": current["price"]["currency"]}}


def _whole(name: str) -> Any:
    def write(value: str, current: Payload) -> dict[str, Any]:
        if not value.isdigit():
            raise InvalidError(f"{name} {value!r} is not a whole number, such as 7.")
        return {name: int(value)}

    return write


def _title(value: str, current: Payload) -> dict[str, Any]:
    if not value.strip():
        raise InvalidError("title must not be empty.")
    return {"name": value}


def _auth(opening: Opening) -> ClientCredentials:
    return ClientCredentials(
        f"{opening.address}/token",
        opening.given["client_id"],
        opening.given["client_secret"],
        known=opening.known,
        clock=opening.environment.clock,
    )


def _room(headers: Any) -> Room:
    return Room(remaining=float(headers["x-calls-left"])) if "x-calls-left" in headers else Room()


def _since(moment: datetime) -> dict[str, str]:
    return {"changed_since": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}


class Bazaar(RestConnector):
    """One seller account."""

    site = Site(
        address=lambda given: site_address(given["address"], name="address"),
        auth=_auth,
        manners=Manners("bazaar", actions={423: Action.REAUTHENTICATE}, words=lambda body: text(body.get("error"))),
        limits=Limits(Rate(per_second=50, burst=100), room=_room),
    )
    streams = {
        "product": Stream(
            path="offers",
            rows="offers",
            pages=Counted(size=20, position="page", limit="size", first=1, by_page=True, total="total"),
            since=_since,
            item="offers/{key}",
            fields={
                "record_key": "id",
                "sku": "sku",
                "gtin": "ean",
                "title": "name",
                "description": "text",
                "brand": "maker",
                "category": "shelf",
                "price": "price.amount",
                "currency": "price.currency",
                "quantity": "stock",
                "updated_at": "changed",
            },
        ),
        "order": Stream(
            path="orders",
            rows="orders",
            pages=Cursor("cursor", next="next", size=20, limit="size", total="total"),
            since=_since,
            item="orders/{key}",
            lines="lines",
            fields={
                "record_key": "id",
                "ordered_at": "placed",
                "status": "state",
                "currency": "currency",
                "total": "sum",
                "buyer_name": "buyer.name",
                "email": "buyer.mail",
                "phone": "buyer.phone",
                "ship_name": "to.name",
                "ship_street": "to.street",
                "ship_city": "to.city",
                "ship_postal_code": "to.zip",
                "ship_country": "to.country",
                "updated_at": "changed",
            },
            line_fields={"line_key": "id", "sku": "sku", "quantity": "count", "unit_price": "each"},
        ),
        "stock": Stream(
            path="offers",
            rows="offers",
            pages=Counted(size=20, position="page", limit="size", first=1, by_page=True, total="total"),
            since=_since,
            item="offers/{key}",
            fields={"record_key": "id", "parent_key": "id", "sku": "sku", "quantity": "stock", "updated_at": "changed"},
        ),
    }
    updates = {
        "product": Update(
            path="offers/{key}",
            method="PUT",
            replaces=True,
            leave_out=frozenset({"id", "changed"}),
            many=100,
            many_from=5,
            fields={
                "title": _title,
                "description": lambda value, current: {"text": value},
                "brand": lambda value, current: {"maker": value},
                "price": _price,
                "quantity": _whole("stock"),
            },
        ),
        "stock": Update(
            path="offers/{key}",
            method="PUT",
            replaces=True,
            leave_out=frozenset({"id", "changed"}),
            fields={"quantity": _whole("stock")},
        ),
    }

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """One import; what its report does not name is unknown."""
        offers = [{"id": one.key, **self.body(kind, one)} for one in prepared]
        number = self.client.send("POST", "imports", body={"offers": offers}, idempotent=True).value["import"]
        state = poll(
            self.client,
            lambda: self.client.send("GET", f"imports/{number}").value,
            lambda found: found["state"] != "running",
            first_s=0.05,
        )
        if state is None:
            return {key: value for one in prepared for key, value in one.all(LATE).items()}
        report = {row["id"]: row for row in state["report"]}
        outcomes: Outcomes = {}
        for one in prepared:
            row = report.get(one.key)
            if row is not None:
                outcomes |= one.all(Outcome() if row["ok"] else Outcome("refused", row["error"]))
        return outcomes

    def send_acceptance(self, acceptance: Acceptance) -> Outcome:
        """The whole order, yes or no."""
        answers = {one.accepted for one in acceptance.lines}
        if len(answers) != 1:
            raise InvalidError("Bazaar accepts or refuses an order as a whole; these lines disagree.")
        body = {"accepted": answers.pop()}
        self.client.send("PUT", f"orders/{int(acceptance.order_key)}/answer", body=body)
        return Outcome()

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """One parcel; told of twice, the marketplace keeps one."""
        body = {"carrier": shipment.carrier, "number": shipment.tracking_number}
        self.client.send("PUT", f"orders/{int(shipment.order_key)}/parcel", body=body)
        return Outcome()


PLATFORM = Bazaar.describe(
    name="bazaar",
    title="Bazaar",
    docs="https://bazaar.example/docs",
    credentials=(
        CredentialField("address", "Address", "of your instance, such as https://eu.bazaar.example", secret=False),
        CredentialField("client_id", "Client ID", "Bazaar > Settings > Interface"),
        CredentialField("client_secret", "Client secret", "shown once when the client is made"),
        CredentialField(
            "password",
            "Password",
            required=False,
            replaced_by="accounts are opened by client_id and client_secret since 2025",
        ),
    ),
    setup=("Open Bazaar > Settings > Interface.", "Make a client with the rights 'offers' and 'orders'."),
    notes=("Bazaar has no pictures, weights or sizes: they belong to its own catalogue.",),
    extra=frozenset({Capability.ACCEPT_ORDERS, Capability.SHIP_ORDERS}),
)
