"""The offline twin of Bazaar, written from its (invented) documentation and not from the connector."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.sandbox.routes import Call, Desk, Refusal, RoutedTwin, route
from connectors.sandbox.server import Answer, Incoming
from connectors.sandbox.shelf import Document, Shelf, moment_of

__all__ = ["TWIN"]

_OFFER = {"sku": "", "ean": "", "name": "", "text": "", "maker": "", "shelf": "", "price": {}, "stock": 0}
_FIELDS = {"title": "name", "description": "text", "brand": "maker", "category": "shelf", "gtin": "ean", "sku": "sku"}


class Shop(Shelf):
    """Offers and orders. A variant is an offer of its own, as on most marketplaces."""

    impossible = frozenset(
        {"images-http", "images-missing", "weight-zero", "weight-missing", "weight-unit-slip", "sale-price-above-price"}
    )

    def put_product(self, product: Document, at: datetime | None) -> dict[str, str]:
        keys = {}
        for item in product["variants"] or [product]:
            key = str(self.next_number("offer", 1001))
            self.products[key] = {
                "id": key,
                "sku": item["sku"],
                "ean": item["gtin"],
                "name": product["title"],
                "text": product["description"],
                "maker": product["brand"],
                "shelf": product["category"],
                "price": {"amount": item["price"], "currency": item["currency"]},
                "stock": int(item["quantity"] or 0),
                "changed": at or moment_of(product["updated_at"]),
            }
            keys[item["key"]] = key
        return keys

    def put_order(self, order: Document, at: datetime | None) -> str:
        key = str(self.next_number("order", 501))
        states = {"paid": "new", "pending": "unpaid", "fulfilled": "sent", "cancelled": "cancelled"}
        self.orders[key] = {
            "id": key,
            "placed": at or moment_of(order["ordered_at"]),
            "state": states[order["status"]],
            "currency": order["currency"],
            "sum": order["total"],
            "buyer": {"name": order["buyer_name"], "mail": order["email"], "phone": order["phone"]},
            "to": {
                "name": order["ship_name"],
                "street": order["ship_street"],
                "city": order["ship_city"],
                "zip": order["ship_postal_code"],
                "country": order["ship_country"],
            },
            "lines": [
                {"id": n, "sku": one["sku"], "count": int(one["quantity"]), "each": one["unit_price"]}
                for n, one in enumerate(order["lines"], 1)
            ],
            "parcel": None,
            "changed": at or moment_of(order["updated_at"]),
        }
        return key

    def change(self, record_key: str, field: str, value: str) -> None:
        row = self.products.get(record_key)
        if row is None:
            raise KeyError(f"There is no record {record_key!r}")
        if field == "price":
            row["price"]["amount"] = value
        elif field == "quantity":
            row["stock"] = int(value)
        elif field in _FIELDS:
            row[_FIELDS[field]] = value
        else:
            raise KeyError(f"An offer has no field {field!r}")
        row["changed"] = self.later(row["changed"])

    def awaiting(self, step: str) -> list[str]:
        wanted = {"acceptance": "new", "shipment": "accepted"}[step]
        return [key for key, row in self.orders.items() if row["state"] == wanted]

    def parcels(self) -> list[tuple[str, str]]:
        return [(key, row["parcel"]["number"]) for key, row in self.orders.items() if row["parcel"]]


class BazaarTwin(RoutedTwin):
    """A marketplace that speaks JSON."""

    name = "bazaar"
    state: Shop

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.state = Shop(self.clock)
        self.state.load(self.catalogue)
        self.desk = Desk(self._secrets, self.clock, lives_s=3600)
        self._client = (self._secrets.randbytes(8).hex(), self._secrets.randbytes(16).hex())
        self._imports: dict[str, Document] = {}

    @property
    def credentials(self) -> dict[str, str]:
        return {"address": self.base_url, "client_id": self._client[0], "client_secret": self._client[1]}

    def greeting(self) -> Incoming:
        return Incoming("GET", "/offers", (), {"authorization": f"Bearer {self.desk.issue()}"}, b"")

    def unauthorised(self) -> Answer:
        return Answer.json(401, {"error": "who are you?"})

    def forget_tokens(self) -> None:
        self.desk.forget()

    def identify(self, call: Call) -> Answer | None:
        token = call.incoming.headers.get("authorization", "").removeprefix("Bearer ")
        return None if self.desk.holds(token) else self.unauthorised()

    def headers(self, call: Call, operation: str) -> Mapping[str, str]:
        return {"x-calls-left": "99"}

    @route("POST", "/token", public=True)
    def _token(self, call: Call) -> Answer:
        form = call.form
        if (form.get("client_id"), form.get("client_secret")) != self._client:
            return Answer.json(401, {"error": "unknown client"})
        return Answer.json(200, {"access_token": self.desk.issue(), "expires_in": 3600, "token_type": "Bearer"})

    @route("GET", "/offers")
    def _offers(self, call: Call) -> Answer:
        rows = self._changed(self.state.products, call)
        page, size = int(call.query.get("page", 1)), int(call.query.get("size", 20))
        return _json({"offers": self.window(rows, (page - 1) * size, size), "total": len(rows)})

    @route("GET PUT", r"/offers/(\d+)")
    def _one_offer(self, call: Call) -> Answer:
        row = self.state.products.get(call.args[0])
        if row is None:
            return self.not_found(call)
        if call.incoming.method == "PUT":
            self._replace(row, call.json)
        return _json(row)

    @route("POST", "/imports")
    def _import(self, call: Call) -> Answer:
        number, report = str(len(self._imports) + 1), []
        for body in call.json["offers"]:
            try:
                row = self.state.products.get(str(body.pop("id", "")))
                if row is None:
                    raise Refusal(Answer.json(404, {"error": "no such offer"}))
                self._replace(row, body)
                report.append({"id": row["id"], "ok": True, "error": ""})
            except Refusal as refusal:
                report.append({"id": row and row["id"], "ok": False, "error": refusal.answer.body.decode()})
        self._imports[number] = {"state": "running", "report": report, "asked": 0}
        return _json({"import": number}, 202)

    @route("GET", r"/imports/(\d+)")
    def _import_state(self, call: Call) -> Answer:
        job = self._imports[call.args[0]]
        job["asked"] += 1
        return _json({"state": "running"} if job["asked"] < 2 else job | {"state": "done"})

    @route("GET", "/orders")
    def _orders(self, call: Call) -> Answer:
        rows = self._changed(self.state.orders, call)
        start, size = int(call.query.get("cursor", 0)), int(call.query.get("size", 20))
        following = str(start + size) if start + size < len(rows) else ""
        return _json({"orders": self.window(rows, start, size), "next": following, "total": len(rows)})

    @route("GET", r"/orders/(\d+)")
    def _one_order(self, call: Call) -> Answer:
        return _json(self._order(call))

    @route("PUT", r"/orders/(\d+)/answer")
    def _answer(self, call: Call) -> Answer:
        row = self._order(call)
        if row["state"] != "new":
            return Answer.json(409, {"error": f"the order is {row['state']}"})
        row |= {
            "state": "accepted" if call.json["accepted"] else "refused",
            "changed": self.state.later(row["changed"]),
        }
        return _json(row)

    @route("PUT", r"/orders/(\d+)/parcel")
    def _parcel(self, call: Call) -> Answer:
        row = self._order(call)
        if row["state"] not in ("accepted", "sent"):
            return Answer.json(409, {"error": f"the order is {row['state']}"})
        row |= {"state": "sent", "parcel": call.json, "changed": self.state.later(row["changed"])}
        return _json(row)

    def _order(self, call: Call) -> Document:
        row = self.state.orders.get(call.args[0])
        if row is None:
            raise Refusal(self.not_found(call))
        return row

    def _replace(self, row: Document, body: Document) -> None:
        if not body.get("name", "").strip():
            raise Refusal(Answer.json(400, {"error": "an offer needs a name"}))
        row |= {**_OFFER, **{name: body[name] for name in _OFFER if name in body}}
        row["changed"] = self.state.later(row["changed"])

    def _changed(self, rows: Mapping[str, Document], call: Call) -> list[Document]:
        since = call.query.get("changed_since")
        moment = datetime.fromisoformat(since) if since else datetime(1970, 1, 1, tzinfo=UTC)
        return [row for row in rows.values() if row["changed"] >= moment]


def _json(value: Any, status: int = 200) -> Answer:
    return Answer.json(status, value)


TWIN = BazaarTwin
