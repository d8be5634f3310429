"""Back Market: seller interface 0.1.1 (``/ws/``, read 2026-11-25).

What differs from other platforms:

- One opaque token, and a ``User-Agent`` of a fixed form without which a firewall answers in the platform's place.
- ``Accept-Language`` is no wish for a language: it chooses the country whose price, comment and warranty are read and
  written. A connection speaks for one country, the first of ``countries``: a price written for another one would change what
  was never shown.
- Title, pictures and identifiers belong to products that all merchants share; a listing has a grade, a price and a stock.
- An order waits to be accepted line by line and then leaves in one parcel. State 9 means "done", be it shipped, cancelled
  or refunded, so an order's status is taken from its lines.

Unconfirmed, and what is done about it: the columns of the catalogue file beyond ``sku``, ``quantity`` and ``price`` are
shown in the back office alone, so a file carries prices only, and only in the currency that needs no column; the report
of a task has no published form, so it is read in the two likely ones and what it does not name counts as unknown; which
option a numbered ``shipper_n`` replaces is not said, so delivery options are left alone; the meaning of
``publication_state`` other than 2 (online) is not published, so the number is shown as an attribute. A stock is never
lowered for an order: Back Market has done so itself.

The file is longer than those of other platforms because accepting and shipping have rules of their own, and what they
store (the IMEI of a device above all) can never be taken back: everything is looked at before it is sent.

References
----------
https://api.backmarket.dev, its description 0.1.1 and "Technical requirements" (read 2026-11-25): page-size up to 50; more
than 200 calls, or 20 of the catalogue, in 10 seconds are blocked for 10 seconds; 2,000 lines of SKUs an hour; a catalogue
file has at most 15,000 lines, ';' between fields and double quotes around them; a task takes about 5 minutes.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx
from stdnum import imei

from connectors.auth import HeaderKey
from connectors.changes import Acceptance, InvalidError, Outcome, Outcomes, Shipment
from connectors.errors import Action, CredentialError
from connectors.imports import LATE, poll
from connectors.limits import Limits, Rate
from connectors.manners import Manners
from connectors.mapping import Payload, at, plain_number, text
from connectors.paginate import Linked
from connectors.platform import Capability, CredentialField
from connectors.remote import Given
from connectors.rest import ADDRESS, Prepared, RestConnector, Site, Stream, Update, address_or

__all__ = ["PLATFORM"]

_HOSTS = {"EU": "backmarket.fr", "NA": "backmarket.com", "AP": "backmarket.co.jp"}
_COUNTRIES = {
    "EU": [
        "fr-fr",
        "fr-be",
        "es-es",
        "de-de",
        "de-at",
        "it-it",
        "en-gb",
        "nl-nl",
        "pt-pt",
        "en-ie",
        "el-gr",
        "sk-sk",
        "sv-se",
    ],
    "NA": ["en-us"],
    "AP": ["ja-jp", "en-au"],
}
_GRADES = {9: "PREMIUM", 0: "EXCELLENT", 1: "VERY_GOOD", 2: "GOOD", 3: "FAIR", 4: "STALLONE"}
_ONLINE = 2
_NEW, _ACCEPTED, _SHIPPED, _CANCELLED, _REFUNDED_BEFORE, _REFUNDED, _UNPAID = 1, 2, 3, 4, 5, 6, 7
_YES, _NO = (_ACCEPTED, _SHIPPED, _REFUNDED), (_CANCELLED, _REFUNDED_BEFORE)
_BLOCKED_S = 10.0
"""How long the firewall keeps somebody out who was too fast; it does not say so itself."""

_FEW = 20
"""Up to so many listings are read one by one, more by a walk through the list with 50 on a page."""

_REASONS = frozenset(["0", "1", "11", "12", "13", "21", "22", "23", "24", "25"])
_ORDER_STATES = {0: "payment under check", 10: "payment pending", 1: "to accept", 3: "to ship", 8: "unpaid"}
_LINE_STATES = {3: "shipped", 4: "cancelled", 5: "refunded before shipping", 6: "refunded after shipping", 7: "unpaid"}
_IN_FILE = ("EUR", "USD")
"""Currencies that a price means where none is named: those of Europe and of North America."""

# ---- how the platform is reached ---------------------------------------------------------------------------------


def _platform(given: Given) -> tuple[str, str]:
    found = re.fullmatch(r"(EU|NA|AP)(?:[ /_-]*(prod|preprod))?", given["platform"], re.IGNORECASE)
    if not found:
        raise CredentialError(
            f"platform is {given['platform']!r}; it must be EU, NA or AP (each has its own accounts), with 'preprod' after it "
            "for the test platform, such as 'EU preprod'."
        )
    return found[1].upper(), "preprod" if (found[2] or "").lower() == "preprod" else "www"


def _address(given: Given) -> str:
    region, stage = _platform(given)
    return address_or(given, f"https://{stage}.{_HOSTS[region]}")


def _countries(given: Given) -> list[str]:
    """The countries that were typed in, the connection's own first. The server would take France for an unknown one."""
    allowed = _COUNTRIES[_platform(given)[0]]
    named = re.findall(r"[^\s,;]+", given["countries"].lower()) or allowed[:1]
    if wrong := [one for one in named if one not in allowed]:
        raise CredentialError(f"countries names {', '.join(wrong)}; this platform knows {', '.join(allowed)}.")
    return list(dict.fromkeys(named))


def _headers(given: Given) -> dict[str, str]:
    company, _, mail = (one.strip() for one in given["user_agent"].partition(";"))
    if not company or not re.fullmatch(r"[^@\s;]+@[^@\s;]+", mail):
        raise CredentialError(
            f"user_agent is {given['user_agent']!r}; Back Market wants to know who calls: company and mail address, such as "
            "'Norvik;it@norvik.example'."
        )
    named = company if company.startswith("BM-") else f"BM-{re.sub(r'[^A-Za-z0-9]+', '', company)}-Channelmend"
    return {"User-Agent": f"{named};{mail}", "Accept-Language": _countries(given)[0]}


def _firewall(status: int, headers: httpx.Headers, body: bytes) -> Action | None:
    is_page = body.lstrip()[:1] == b"<" or "html" in headers.get("content-type", "")
    return Action.WAIT if status == 403 and (is_page or b"bot-need-challenge" in body) else None


def _words(body: Any) -> str:
    """The platform's words, which come in four forms, and as a web page."""
    if isinstance(body, str):
        return "a web page of the firewall" if body.lstrip().startswith("<") else body
    errors = body.get("errors") or [body.get("error")]
    return "; ".join(
        ": ".join(str(one[name]) for name in ("code", "message") if one.get(name))
        if isinstance(one, Mapping)
        else str(one)
        for one in errors
    )


# ---- what a listing and an order hold ------------------------------------------------------------------------------

_ATTRIBUTES = ("comment", "warranty_delay", "min_price", "max_price", "publication_state", "product_id", "new_battery")


def _attributes(listing: Payload) -> list[dict[str, str]]:
    found = {name: text(listing.get(name)) for name in _ATTRIBUTES}
    return [{"key": name, "value": value} for name, value in found.items() if value]


def _grade(listing: Payload) -> str:
    return text(listing.get("grade")) or _GRADES.get(listing.get("state"), text(listing.get("state")))  # type: ignore[arg-type]


def _either(*paths: str) -> Callable[[Payload], str]:
    """The first path that leads to something: addresses come in two spellings."""
    return lambda order: next((value for path in paths if (value := text(at(order, path)))), "")


def _joined(place: str, separator: str, *names: tuple[str, ...]) -> Callable[[Payload], str]:
    parts = [_either(*(f"{place}.{one}" for one in some)) for some in names]
    return lambda order: separator.join(value for part in parts if (value := part(order)))


def _order_status(order: Payload) -> str:
    if order["state"] in _ORDER_STATES:
        return _ORDER_STATES[order["state"]]
    states = {line["state"] for line in order.get("orderlines") or []}
    return ", ".join(sorted(_LINE_STATES.get(one, f"line state {one}") for one in states)) or text(order["state"])


def _total(order: Payload) -> str:
    """What is paid in all: the order's price is without the delivery."""
    price, delivery = text(order.get("price")), text(order.get("shipping_price"))
    goods, way = plain_number(price), plain_number(delivery or "0")
    return price if goods is None or way is None else text(goods + way)


_PLACE = "shipping_address"
_NAMES = (("first_name", "firstName"), ("last_name", "lastName"))
_LISTING: dict[str, Any] = {"record_key": "id", "sku": "sku", "quantity": "quantity"}
_PAGES = Linked(
    lambda answer: urlsplit(text(answer.value.get("next"))).query,
    size=50,
    limit="page-size",
    first={"page": "1"},
    total="count",
)

# ---- what is written -----------------------------------------------------------------------------------------------


def _amount(name: str, value: str) -> Decimal:
    number = plain_number(value)
    if number is None or number <= 0 or number != round(number, 2):
        raise InvalidError(
            f"{name} {value!r} is not a plain amount above 0 with a point and at most two places, such as 129.90."
        )
    return number


def _price(value: str, current: Payload) -> dict[str, Any]:
    number, together = _amount("price", value), current.get("together", {})
    lowest = plain_number(text(together.get("attributes.min_price", current.get("min_price"))))
    highest, before = plain_number(text(current.get("max_price"))), plain_number(text(current.get("price")))
    step = plain_number(text(current.get("largest_step")))
    if lowest and number < lowest:
        raise InvalidError(
            f"price {value} is below the listing's own min_price {lowest}; lower that first if it is meant."
        )
    if highest and number > highest:
        raise InvalidError(f"price {value} is above Back Market's max_price {highest}: the listing would go offline.")
    if step and before and abs(number - before) * 100 > step * before:
        raise InvalidError(f"price {value} is more than {step} % away from {before}, which largest_price_step forbids.")
    return {"price": f"{number:.2f}", "currency": current["currency"]}


def _min_price(value: str, current: Payload) -> dict[str, Any]:
    if not value:
        return {"min_price": None}
    price = plain_number(text(current.get("together", {}).get("price", current.get("price"))))
    if price is not None and _amount("min_price", value) > price:
        raise InvalidError(f"min_price {value} is above the price {price}; it is the lowest that the price may become.")
    return {"min_price": f"{_amount('min_price', value):.2f}"}


def _quantity(value: str, current: Payload) -> dict[str, Any]:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise InvalidError(
            f"quantity {value!r} is not a whole number of units, such as 7; 0 takes the listing offline."
        )
    return {"quantity": int(value)}


def _warranty(value: str, current: Payload) -> dict[str, Any]:
    if not re.fullmatch(r"[0-9]{1,3}", value) or int(value) < 12:
        raise InvalidError(f"warranty_delay {value!r} is not a whole number of months from 12 on, such as 24.")
    return {"warranty_delay": int(value)}


def _comment(value: str, current: Payload) -> dict[str, Any]:
    if len(value) > 500:
        raise InvalidError(f"comment has {len(value)} characters; Back Market takes at most 500.")
    return {"comment": value or None}


def _identifiers(values: Sequence[str]) -> dict[str, str]:
    """The members that hold these identifiers of one device; they can never be corrected once stored."""
    found: dict[str, str] = {}
    for value in values:
        is_imei = bool(re.fullmatch(r"[0-9]{14,17}", value))
        if is_imei and (len(value) != 15 or not imei.is_valid(value)):
            raise InvalidError("An identifier is no IMEI: that has 15 digits, of which the last checks the others.")
        name = "imei" if is_imei else "serial_number"
        if name in found or not 1 <= len(value) <= 50:
            raise InvalidError("Back Market keeps one IMEI and one serial number (1 to 50 characters) an order line.")
        found[name] = value
    return found


class BackMarket(RestConnector):
    """One account of Back Market, writing for one country."""

    site = Site(
        address=_address,
        auth=lambda opening: HeaderKey("Authorization", f"Basic {opening.given['token']}"),
        headers=_headers,
        manners=Manners(
            "backmarket",
            request_id=("x-request-id", "cf-ray"),
            words=_words,
            exceptions=_firewall,
            pause_s=lambda headers: _BLOCKED_S if "cf-ray" in headers else None,
            advice={
                Action.REAUTHENTICATE: "Check the token (back office > Options > Integrations; it ends with a change of the "
                "password) and the platform: EU, NA, AP and their test platforms have tokens of their own.",
                Action.WAIT: "Back Market's firewall stands in between: run fewer jobs at the same time, and check "
                "user_agent. If it stays so, give your contact there the value of the header cf-ray.",
            },
        ),
        limits=Limits(
            Rate(per_second=15, burst=50),
            operations={
                "listing": Rate(per_second=1400 / 3600, burst=600),
                "catalogue": Rate(per_second=1.5, burst=5),
            },
        ),
        account=lambda given: given["token"],
    )
    streams = {
        "product": Stream(
            path="ws/listings",
            rows="results",
            pages=_PAGES,
            item="ws/listings/{key}",
            fields={
                **_LISTING,
                "title": "title",
                "condition": _grade,
                "price": "price",
                "currency": "currency",
                "status": lambda listing: "active" if listing.get("publication_state") == _ONLINE else "offline",
                "attributes": _attributes,
            },
        ),
        "order": Stream(
            path="ws/orders",
            rows="results",
            pages=_PAGES,
            since=lambda moment: {"date_modification": moment.strftime("%Y-%m-%dT%H:%M:%SZ")},
            item="ws/orders/{key}",
            lines="orderlines",
            fields={
                "record_key": "order_id",
                "ordered_at": "date_creation",
                "status": _order_status,
                "currency": "currency",
                "total": _total,
                "buyer_name": _joined("billing_address", " ", *_NAMES),
                "email": _either(f"{_PLACE}.email", "billing_address.email"),
                "phone": _either(f"{_PLACE}.phone", f"{_PLACE}.phoneNumber"),
                "ship_name": _joined(_PLACE, " ", *_NAMES),
                "ship_street": _joined(_PLACE, ", ", ("street",), ("street2",)),
                "ship_city": f"{_PLACE}.city",
                "ship_region": f"{_PLACE}.state",
                "ship_postal_code": _either(f"{_PLACE}.postal_code", f"{_PLACE}.postalCode"),
                "ship_country": f"{_PLACE}.country",
                "shipped_at": "date_shipping",
                "updated_at": "date_modification",
            },
            line_fields={"line_key": "id", "sku": "listing", "quantity": "quantity", "unit_price": "price"},
        ),
        "stock": Stream(
            path="ws/listings",
            rows="results",
            pages=_PAGES,
            item="ws/listings/{key}",
            fields={**_LISTING, "parent_key": "id"},
        ),
    }
    updates = {
        "product": Update(
            path="ws/listings/{key}",
            method="POST",
            fields={
                "price": _price,
                "quantity": _quantity,
                "attributes.min_price": _min_price,
                "attributes.warranty_delay": _warranty,
                "attributes.comment": _comment,
            },
            needs_current=frozenset({"price", "attributes.min_price"}),
            together=(frozenset({"price", "attributes.min_price"}),),
            many=500,
            many_from=50,
            operation="listing",
        ),
        "stock": Update(path="ws/listings/{key}", method="POST", fields={"quantity": _quantity}, operation="listing"),
    }

    def examine(self) -> list[str]:
        """Ask each list for its first page."""
        own, *others = _countries(self._given)
        more = f" Connect the account once more for each of: {', '.join(others)}." if others else ""
        return [*super().examine(), f"Prices, comments and warranties are those of {own}.{more}"]

    def is_key(self, kind: str, key: str) -> bool:
        """Listings have a UUID, orders a number."""
        return bool(
            re.fullmatch(r"[0-9]{1,18}" if kind == "order" else r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4,12}){4}", key)
        )

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """One by one, or by a walk through the list where that takes fewer calls."""
        if kind == "order" or len(keys) <= _FEW:
            yield from super().payloads(kind, keys)
            return
        wanted = {key for key, _ in keys}
        for rows in self.batches(kind, None):
            yield from (row for row in rows if row.get("id") in wanted)

    def current(self, kind: str, keys: Sequence[tuple[str, str]]) -> dict[str, Payload]:
        """The listings, with the step that a price may make."""
        step = {"largest_step": self._given["largest_price_step"]}
        return {key: {**listing, **step} for key, listing in super().current(kind, keys).items()}

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Prices as one catalogue file, whose task is asked for its report; everything else listing by listing."""
        filed = [one for one in prepared if set(one.fragment) == {"price", "currency"}]
        filed = [one for one in filed if one.current["currency"] in _IN_FILE and text(one.current.get("sku"))]
        if len(filed) < self.updates[kind].many_from:
            filed = []
        outcomes = self._put_file(filed) if filed else {}
        for one in prepared:
            outcomes |= {} if one in filed else self._put_record(kind, one)
        return outcomes

    def send_acceptance(self, acceptance: Acceptance) -> Outcome:
        """Accept or cancel line by line: one call a SKU, and none for a line that is there already."""
        order = self._order(acceptance.order_key)
        wanted: dict[str, dict[str, Any]] = {}
        for line in order.get("orderlines") or []:
            said = acceptance.of(text(line["id"]))
            if said is None or line["state"] in (_YES if said.accepted else _NO):
                continue
            if line["state"] != _NEW:
                raise InvalidError(
                    f"Line {line['id']} is in state {line['state']} and cannot be {'accepted' if said.accepted else 'cancelled'}; "
                    "only a paid line (1) can.",
                    "conflict",
                )
            if said.reason and not said.accepted and said.reason not in _REASONS:
                raise InvalidError(
                    f"reason {said.reason!r} is none of Back Market's numbers: {', '.join(sorted(_REASONS))}."
                )
            body = {"new_state": _ACCEPTED if said.accepted else _CANCELLED}
            body |= {"return_reason": int(said.reason)} if said.reason and not said.accepted else {}
            if wanted.setdefault(line["listing"], body) != body:
                raise InvalidError(
                    f"Both lines of {line['listing']} get the same answer: Back Market tells them by SKU."
                )
        for sku, body in wanted.items():
            self._tell(acceptance.order_key, body | {"sku": sku})
        return Outcome()

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """The one parcel of an order, after the identifiers of its devices; told of twice, sent once."""
        order = self._order(shipment.order_key)
        lines = [line for line in order.get("orderlines") or [] if line["state"] not in (*_NO, _UNPAID)]
        if any(line["state"] in (_SHIPPED, _REFUNDED) for line in lines):
            told = text(order.get("tracking_number"))
            if told == shipment.tracking_number:
                return Outcome()
            raise InvalidError(f"The order has left already, with tracking number {told!r}.", "conflict")
        if order["state"] != 3 or not lines:
            raise InvalidError(
                f"The order is in state {order['state']} ({_order_status(order)}); only one whose lines are all accepted (3) is shipped.",
                "conflict",
            )
        body = _parcel(shipment)
        devices = _devices(shipment, lines)
        if len(lines) == 1 and lines[0]["quantity"] == 1:
            body |= devices.get(text(lines[0]["id"]), {})
        else:
            for key, members in devices.items():
                self.client.send("PATCH", f"ws/orderlines/{key}", body=members)
        self._tell(shipment.order_key, body)
        return Outcome()

    def _tell(self, key: str, body: Mapping[str, Any]) -> None:
        self.client.send("POST", f"ws/orders/{key}", body={"order_id": int(key), **body})

    def _order(self, key: str) -> Mapping[str, Any]:
        order = self.item(self.streams["order"], key) if self.is_key("order", key) else None
        if order is None:
            raise InvalidError(f"Back Market has no order {key!r}.", "missing")
        return order

    def _put_file(self, prepared: Sequence[Prepared]) -> Outcomes:
        rows = [{"sku": one.current["sku"], "price": one.fragment["price"]} for one in prepared]
        body = {"catalog": _file(rows), "quotechar": '"', "delimiter": ";", "encoding": "utf-8"}
        # A file sets prices and does no harm twice. It counts line by line in the hour's limit.
        sent = self.client.send(
            "POST", "ws/listings", body=body, idempotent=True, operation="listing", cost=float(len(rows))
        )
        number = int(sent.value["bodymessage"])
        task = poll(
            self.client,
            lambda: self.client.send("GET", f"ws/tasks/{number}", operation="catalogue").value,
            lambda state: state["action_status"] in (8, 9),
            first_s=20,
        )
        if task is None:
            return {key: one for some in prepared for key, one in some.all(LATE).items()}
        if task["action_status"] == 8:
            failed = Outcome(
                "task_failed", text(task.get("last_action_error")) or "The task failed; Back Market does not say why."
            )
            return {key: one for some in prepared for key, one in some.all(failed).items()}
        report = report_of(task["result"])
        outcomes: Outcomes = {}
        for one in prepared:
            said = report.get(text(one.current["sku"]).casefold())
            if said is not None:
                outcomes |= one.all(Outcome("refused", said) if said else Outcome())
        return outcomes


def _file(rows: Sequence[Mapping[str, str]]) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def report_of(result: Any) -> dict[str, str]:
    """SKU, without regard to case, to what is wrong with its line; empty where nothing is."""
    rows = (
        result if isinstance(result, list) else [{"sku": sku, "errors": said} for sku, said in (result or {}).items()]
    )
    found = {}
    for row in rows:
        said = row.get("errors") or row.get("error") or ""
        said = said.get("errors") or "" if isinstance(said, Mapping) else said
        found[text(row.get("sku")).casefold()] = "; ".join(map(str, said)) if isinstance(said, list) else str(said)
    return found


def _parcel(shipment: Shipment) -> dict[str, Any]:
    for name, longest in (("tracking_number", 200), ("tracking_url", 300), ("carrier", 200)):
        if len(getattr(shipment, name)) > longest:
            raise InvalidError(f"{name} is longer than the {longest} characters that Back Market takes.")
    if not shipment.tracking_number.strip():
        raise InvalidError("tracking_number is empty; Back Market takes no shipment without one.")
    left = shipment.shipped_at.strftime("%Y-%m-%dT%H:%M:%SZ") if shipment.shipped_at else ""
    optional = {"tracking_url": shipment.tracking_url, "shipper": shipment.carrier, "date_shipping": left}
    return {"new_state": _SHIPPED, "tracking_number": shipment.tracking_number} | {
        k: v for k, v in optional.items() if v
    }


def _devices(shipment: Shipment, lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Line to the identifiers that it does not hold yet; the parcel must be the whole order."""
    known = {text(line["id"]): line for line in lines}
    named = {one.line_key: one for one in shipment.lines}
    if named and (
        set(named) != set(known)
        or any(one.quantity not in (None, known[key]["quantity"]) for key, one in named.items())
    ):
        raise InvalidError(f"Back Market ships an order in one parcel: lines {', '.join(known)} with all their units.")
    if shipment.identifiers and len(lines) > 1:
        raise InvalidError("The order has several lines: name the line of each IMEI or serial number.")
    given = {key: one.identifiers for key, one in named.items()} or {next(iter(known)): shipment.identifiers}
    found: dict[str, dict[str, str]] = {}
    for key, values in given.items():
        for name, value in _identifiers(values).items():
            stored = text(known[key].get(name))
            if stored not in ("", value):
                raise InvalidError(
                    f"Line {key} holds the {name} {stored!r} for good; Back Market lets nobody correct it.", "conflict"
                )
            found.setdefault(key, {}).update({} if stored else {name: value})
    return {key: members for key, members in found.items() if members}


_NOT_USED = "Back Market wants one token and neither a secret nor a seller number; put the token into 'token'"

PLATFORM = BackMarket.describe(
    name="backmarket",
    title="Back Market",
    docs="https://api.backmarket.dev",
    credentials=(
        CredentialField("token", "Token", "Back office > Options > Integrations; copied whole, not encoded again"),
        CredentialField(
            "user_agent",
            "Company and mail address",
            "who calls, such as Norvik;it@norvik.example; without it the firewall refuses every call",
            secret=False,
        ),
        CredentialField(
            "platform",
            "Platform",
            "EU, NA or AP, where the account was opened; 'EU preprod' for the test platform",
            secret=False,
            required=False,
            default="EU",
        ),
        CredentialField(
            "countries",
            "Countries",
            "the code of the country whose prices, comments and warranties are read and written, such as de-de; connect the "
            "account once more for a further country. Empty: fr-fr, en-us or ja-jp",
            secret=False,
            required=False,
        ),
        CredentialField(
            "largest_price_step",
            "Largest step of a price",
            "in per cent; a correction that moves a price further is refused. Empty: no limit",
            secret=False,
            required=False,
        ),
        ADDRESS,
        CredentialField("api_key", "API key", required=False, replaced_by=_NOT_USED),
        CredentialField("api_secret", "API secret", required=False, replaced_by=_NOT_USED),
        CredentialField("seller_id", "Seller ID", required=False, replaced_by=_NOT_USED),
    ),
    setup=(
        "Open the back office of your platform (backmarket.fr, .com or .co.jp) and go to Options > Integrations.",
        "Add an integration and copy its token. Tokens of the test platform are others.",
        "Type company and mail address in, and the country whose prices this connection is for.",
    ),
    notes=(
        "Title, pictures, brand and identifiers belong to the shared product and are changed by Back Market's own staff.",
        "Listings do not tell when they were changed: every sync reads all of them. Orders are read by their changes.",
        "One connection writes prices, comments and warranties of one country; connect the account again for another.",
        "An order leaves in one parcel. IMEI and serial numbers can never be corrected once they are stored.",
        "Delivery options of a listing and invoices are not written.",
    ),
    extra=frozenset({Capability.ACCEPT_ORDERS, Capability.SHIP_ORDERS}),
)
