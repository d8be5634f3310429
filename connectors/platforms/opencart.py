"""OpenCart: a REST extension for what its core cannot do, the core's own routes for what it can.

Read from OpenCart 3.0.5.1, 4.0.2.3 and 4.1.0.4 and seen on live shops of the latter two (2026-11-23). What differs:

- **No release of the core can list products or orders, or write products, prices or stock.** A REST extension does; each has
  its own paths, header and envelope, which are a `Profile`. The first is the REST Admin API of opencart-api.com, whose
  interface is known from public clients; details of its newest release are unconfirmed.
- The core tests credentials and adds lines to an order's history: by session in 3.0 and 4.0, signed call by call in 4.1.
- It stores an unknown order status, and status 0 (an abandoned order) when none is sent, and says success both times: a
  status is always sent, and only one of the known ones.
- It stores texts HTML-escaped: they are unescaped on reading and escaped once on writing. Of a product's texts all
  languages are sent, or the others would be lost.
- Prices are net, in the shop's default currency; an order's amounts are converted to the buyer's by the order's rate.
- Times are the shop's own, without a zone; the extension tells its offset from UTC.
- `model` is required and `sku` is not; which of them is the merchant's SKU is a setting.

Over 300 lines because it is two interfaces: the extension's, and the core's in three releases.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import quote_plus

import httpx

from connectors.address import site_address
from connectors.auth import HeaderKey
from connectors.changes import InvalidError, Outcome, Outcomes, Shipment
from connectors.client import Client
from connectors.errors import Action, CredentialError, PlatformError, ProtocolError, RefusedError
from connectors.manners import Answer, Manners
from connectors.mapping import LENGTH, WEIGHT, Amount, Joined, Payload, at, plain_number, text
from connectors.paginate import Counted
from connectors.platform import Capability, CredentialField
from connectors.rest import Given, Prepared, RestConnector, Site, Stream, Update

__all__ = ["PLATFORM", "PROFILES", "Profile", "signature_of"]


@dataclass(frozen=True)
class Profile:
    """A REST extension: where it is and how it wraps what it says.

    Parameters
    ----------
    prefix : str
        Path below the shop's address.
    header : str
        That carries the extension's key.
    products, orders, changed_orders, product, order, quantities, manufacturers, history, tracking, offset : str
        Paths; ``{limit}``, ``{page}``, ``{key}`` and ``{moment}`` are put in.
    """

    prefix: str
    header: str
    products: str
    orders: str
    changed_orders: str
    product: str
    order: str
    quantities: str
    manufacturers: str
    history: str
    tracking: str
    offset: str


PROFILES = {
    "rest_admin": Profile(
        prefix="api/rest_admin",
        header="X-Oc-Restadmin-Id",
        products="products/limit/{limit}/page/{page}",
        orders="orders/details/limit/{limit}/page/{page}",
        changed_orders="orders/details/modified_from/{moment}",
        product="products/{key}",
        order="orders/{key}",
        quantities="products/quantity",
        manufacturers="manufacturers/limit/{limit}/page/{page}",
        history="orderhistory/{key}",
        tracking="trackingnumber/{key}",
        offset="utc_offset",
    )
}
"""Known extensions by name: https://opencart-api.com (paths as public clients use them, read 2026-11-23)."""

_WEIGHTS = {"1": WEIGHT["kg"], "2": WEIGHT["g"], "5": WEIGHT["lb"], "6": WEIGHT["oz"]}
_LENGTHS = {"1": LENGTH["cm"], "2": LENGTH["mm"], "3": LENGTH["in"]}
"""Classes of a fresh installation; a shop may add others, whose values are then left as they are."""

_STATUSES = {
    1: "Pending", 2: "Processing", 3: "Shipped", 5: "Complete", 7: "Canceled", 8: "Denied", 9: "Canceled Reversal",
    10: "Failed", 11: "Refunded", 12: "Reversed", 13: "Chargeback", 14: "Expired", 15: "Processed", 16: "Voided",
}  # fmt: skip
"""Order statuses of a fresh installation."""

_SHIPPED = "3"
_CODES = ("ean", "upc", "jan", "isbn")
_CODE_LENGTHS = {8: "ean", 12: "upc", 13: "ean", 14: "ean"}
_FORMS = {"Content-Type": "application/x-www-form-urlencoded"}


def _words(body: Any) -> str:
    found = body.get("error", "") if isinstance(body, Mapping) else ""
    parts = found.values() if isinstance(found, Mapping) else found if isinstance(found, list) else [found]
    return "; ".join(text(one) for one in parts if isinstance(one, str))


def _judge(answer: Answer) -> None:
    """The extension says success 0, the core says error, both with status 200."""
    said = _words(answer.value)
    failed = isinstance(answer.value, Mapping) and str(answer.value.get("success", "1")) == "0"
    if said or failed:
        status = 404 if "not be found" in said.lower() or "not found" in said.lower() else answer.status
        kind = CredentialError if re.search(r"permission|api key|\bIP\b", said, re.IGNORECASE) else RefusedError
        advice = (
            " Check the key, and that this machine's address is on the list of the API user."
            if kind is CredentialError
            else ""
        )
        raise kind(f"OpenCart refuses: {said or 'no reason given'}.{advice}", status=status, words=said or "refused")


_MANNERS = Manners(
    platform="opencart",
    advice={
        Action.REAUTHENTICATE: "Check the key under System > Users > API (or in the extension's settings), that it is enabled, "
        "and that the address of this machine is on its list."
    },
    words=_words,
    judge=_judge,
)


def _json_after_noise(content: bytes) -> Any:
    """The JSON of an answer; notices that PHP printed before it are left out, and named by ``noise``."""
    starts = [place for place in (content.find(b"{"), content.find(b"[")) if place >= 0]
    found = json.loads(content[min(starts) :] if starts else content)
    if starts and content[: min(starts)].strip() and isinstance(found, dict):
        found["noise"] = content[: min(starts)].decode("utf-8", "replace").strip()[:200]
    return found


_json_after_noise.__name__ = "json"


def signature_of(key: str, *, host: str, path: str, query: Mapping[str, str], form: Mapping[str, str]) -> str:
    """The signature of a call to the core of 4.1.

    Parameters
    ----------
    key : str
        Of the API user.
    host, path : str
        As the server sees them: with the port where it is not the usual one; the folder of index.php, a slash at each end.
    query : mapping of str to str
        With route, call, username, store_id, language, currency and time.
    form : mapping of str to str
        The body's fields, in the order in which they are sent.

    References
    ----------
    OpenCart 4.1.0.4, catalog/controller/startup/api.php and system/library/request.php (read 2026-11-23); vectors that a
    live shop accepted are in the tests. The server hashes what it has cleaned: every value trimmed and HTML-escaped.
    """
    cleaned = {name: _escaped(value.strip()) for name, value in form.items()}
    # As PHP's http_build_query: blanks as plus signs, everything else that is not plain percent-encoded, the tilde too.
    body = "&".join(
        f"{quote_plus(n).replace('~', '%7E')}={quote_plus(v).replace('~', '%7E')}" for n, v in cleaned.items()
    )
    digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    shared = (query[name] for name in ("store_id", "language", "currency"))
    lines = [query["route"], query["call"], query["username"], host, path, *shared, digest, query["time"]]
    mac = hmac.new(key.encode(), "".join(f"{line}\n" for line in lines).encode(), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def _escaped(value: str) -> str:
    """A text as OpenCart stores it: an apostrophe stays (PHP's ENT_COMPAT, system/library/request.php of every release)."""
    return html.escape(value, quote=False).replace('"', "&quot;")


def _unescaped(name: str) -> Any:
    return lambda payload: html.unescape(text(payload.get(name)))


def _price(value: Any) -> str:
    """An amount without the zeros that the column's four places add, two places at least."""
    number = plain_number(text(value))
    if number is None:
        return text(value)
    short = number.quantize(Decimal("0.01"))
    return f"{short:f}" if short == number else text(number.normalize())


def _net(payload: Payload) -> str:
    """The price without tax, which is what the shop stores; ``price`` has tax in it where the shop shows it so."""
    net = payload.get("price_exclude_tax")
    return _price(payload.get("price") if net in (None, "") else net)


def _measured(name: str, kind: str, units: Mapping[str, Amount]) -> Any:
    def read(payload: Payload) -> str:
        value, unit = text(payload.get(name)), units.get(text(payload.get(kind)))
        if plain_number(value) == 0:
            return "0"
        return unit.to_canonical(value) if unit else value

    return read


def _converted(amount: Any, order: Payload) -> str:
    """An order's amount in the buyer's currency: it is stored in the shop's, with the rate beside it."""
    number, rate = plain_number(text(amount)), plain_number(text(order.get("currency_value")) or "1")
    return text(amount) if number is None or rate is None else f"{number * rate:.2f}"


def _texts(payload: Payload, language: str) -> Payload:
    """The product's texts in the chosen language, or else in the first that there is."""
    found = [one for one in payload.get("product_description") or [] if isinstance(one, Mapping)]
    return next((one for one in found if text(one.get("language_id")) == language), found[0] if found else {})


def _filled(name: str, longest: int) -> Any:
    def write(value: str, current: Payload) -> dict[str, Any]:
        stored = _escaped(value)
        if not 1 <= len(stored) <= longest:
            raise InvalidError(
                f"{name} has {len(stored)} characters as it is stored (& < > and quotes count as their names); OpenCart takes 1 "
                f"to {longest}."
            )
        return {name: stored}

    return write


def _number_of(name: str, canonical: str, *, whole: bool = False) -> Any:
    def write(value: str, current: Payload) -> dict[str, Any]:
        number = plain_number(value)
        # Columns int and decimal(15,4): the shop would cut a number that does not fit, and say nothing.
        most, places = (2**31 - 1, 0) if whole else (Decimal("99999999999.9999"), 4)
        if number is None or not 0 <= number <= most or number != round(number, places) or (whole and "." in value):
            wanted = "whole number, such as 7" if whole else "plain number of at most four places, such as 12.50"
            raise InvalidError(f"{canonical} {value!r} is not a {wanted}. The shop would store another one.")
        return {name: value}

    return write


def _measure(name: str, canonical: str, kind: str, units: Mapping[str, Amount]) -> Any:
    def write(value: str, current: Payload) -> dict[str, Any]:
        unit = units.get(text(current.get(kind)))
        if unit is None:
            raise InvalidError(
                f"{canonical} cannot be written: the product's {kind} {current.get(kind)!r} is not known here."
            )
        converted = unit.from_canonical(value)
        if converted is None or converted.startswith("-") or len(converted.partition(".")[2]) > 8:
            raise InvalidError(f"{canonical} {value!r} is not a plain number, such as 1300.")
        return {name: converted}

    return write


def _gtin(value: str, current: Payload) -> dict[str, Any]:
    if not value.isdigit() or len(value) not in _CODE_LENGTHS:
        raise InvalidError(f"gtin {value!r} has not 8, 12, 13 or 14 digits.")
    wanted = _CODE_LENGTHS[len(value)]
    present = next((one for one in _CODES if text(current.get(one))), wanted)
    return {wanted: value} | ({present: ""} if present != wanted else {})


def _status(value: str, current: Payload) -> dict[str, Any]:
    if value not in ("active", "draft"):
        raise InvalidError(f"status {value!r} is not active or draft.")
    return {"status": "1" if value == "active" else "0"}


class OpenCart(RestConnector):
    """One shop."""

    site = Site(
        address=lambda given: f"{_store(given)}/{_profile(given).prefix}",
        auth=lambda opening: HeaderKey(_profile(opening.given).header, opening.given["extension_key"] or "none"),
        manners=_MANNERS,
    )
    streams = {
        "product": Stream(
            path="products",
            rows="data",
            pages=Counted(size=100, position="page", first=1, by_page=True),
            item_at="data",
            item="products/{key}",
            computed=frozenset({"sku", "title", "description", "language"}),
            fields={
                "record_key": "id",
                "gtin": lambda payload: next((text(payload[one]) for one in _CODES if text(payload.get(one))), ""),
                "mpn": _unescaped("mpn"),
                "brand": _unescaped("manufacturer"),
                "price": _net,
                "sale_price": lambda payload: _price(at(payload, "special.price") if payload.get("special") else ""),
                "quantity": "quantity",
                "images": lambda payload: [one for one in payload.get("original_images") or [] if one],
                "weight_g": _measured("weight", "weight_class_id", _WEIGHTS),
                "length_mm": _measured("length", "length_class_id", _LENGTHS),
                "width_mm": _measured("width", "length_class_id", _LENGTHS),
                "height_mm": _measured("height", "length_class_id", _LENGTHS),
                "status": lambda payload: "active" if text(payload.get("status")) == "1" else "draft",
            },
        ),
        "order": Stream(
            path="orders",
            rows="data",
            pages=Counted(size=100, position="page", first=1, by_page=True),
            since=lambda moment: {"moment": moment.isoformat()},
            item="orders/{key}",
            item_at="data",
            lines="products",
            computed=frozenset({"ordered_at", "updated_at"}),
            fields={
                "record_key": "order_id",
                "status": lambda order: _STATUSES.get(
                    int(order.get("order_status_id") or 0), text(order.get("order_status"))
                ),
                "currency": "currency_code",
                "total": lambda order: _converted(order.get("total"), order),
                "buyer_name": Joined(("firstname", "lastname")),
                "email": "email",
                "phone": "telephone",
                "ship_name": Joined(("shipping_firstname", "shipping_lastname")),
                "ship_street": _unescaped("shipping_address_1"),
                "ship_city": _unescaped("shipping_city"),
                "ship_region": _unescaped("shipping_zone"),
                "ship_postal_code": "shipping_postcode",
                "ship_country": lambda order: (
                    text(order.get("shipping_iso_code_2")) or text(order.get("shipping_country"))
                ),
            },
            line_fields={
                "line_key": "order_product_id",
                "sku": lambda line: text(line.get("sku")) or text(line.get("model")),
                "quantity": "quantity",
                "unit_price": "price",
            },
        ),
        "stock": Stream(
            path="products",
            rows="data",
            pages=Counted(size=100, position="page", first=1, by_page=True),
            item="products/{key}",
            item_at="data",
            computed=frozenset({"sku"}),
            fields={"record_key": "id", "parent_key": "id", "quantity": "quantity"},
        ),
    }
    updates = {
        "product": Update(
            path="products/{key}",
            method="PUT",
            needs_current=frozenset({"title", "description", "gtin", "weight_g", "length_mm", "width_mm", "height_mm"}),
            fields={
                "title": _filled("name", 255),
                "description": lambda value, current: {"description": _escaped(value)},
                "brand": lambda value, current: {"manufacturer": value},
                "price": _number_of("price", "price"),
                "quantity": _number_of("quantity", "quantity", whole=True),
                "mpn": _filled("mpn", 64),
                "gtin": _gtin,
                "status": _status,
                "weight_g": _measure("weight", "weight_g", "weight_class_id", _WEIGHTS),
                "length_mm": _measure("length", "length_mm", "length_class_id", _LENGTHS),
                "width_mm": _measure("width", "width_mm", "length_class_id", _LENGTHS),
                "height_mm": _measure("height", "height_mm", "length_class_id", _LENGTHS),
            },
        ),
        "stock": Update(
            path="products/{key}",
            method="PUT",
            fields={"quantity": _number_of("quantity", "quantity", whole=True)},
            many=200,
            many_from=1,
        ),
    }

    # ---- reading ------------------------------------------------------------------------------------------------

    def examine(self) -> list[str]:
        """Ask the core with the API user's key, and the extension for a product: each says what it lacks."""
        found = []
        if self._given["api_key"]:
            found.append(self._core.examine())
        if self._given["extension_key"]:
            answer = self._ask(self._profile.products.format(limit=1, page=1))
            found.append("The REST extension lists products.")
            if isinstance(answer.value, Mapping) and answer.value.get("noise"):
                found.append(
                    f"PHP prints notices before the answers; switch display_errors off: {answer.value['noise']}"
                )
        else:
            found.append("Without extension_key nothing can be listed or written: OpenCart's core cannot.")
        if not self._given["api_key"] and not self._given["extension_key"]:
            raise self.credential_error("Give api_key, extension_key or both.")
        return found

    def ask(self, stream: Stream, params: Mapping[str, str], query: str = "") -> Answer:
        """A page; where it starts stands in the path."""
        paths = {"products": self._profile.products, "orders": self._profile.orders}
        if "moment" in params:
            # What changed comes whole: the extension knows no pages of it.
            first = params["page"] == "1"
            moment = datetime.fromisoformat(params["moment"]).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")
            path = self._profile.changed_orders.replace("{moment}", moment.replace(" ", "%20"))
            return self._ask(path) if first else Answer(200, httpx.Headers(), {"data": []})
        return self._ask(paths[stream.path].format(limit=params["limit"], page=params["page"]))

    def records(self, kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The row of a product, or of an order with its lines; carts that were never ordered are none."""
        if kind == "order" and not int(payload.get("order_status_id") or 0):
            return
        for of_kind, row in super().records(kind, payload):
            if of_kind == "order":
                row |= {
                    "ordered_at": self._moment(payload.get("date_added")),
                    "updated_at": self._moment(payload.get("date_modified")),
                }
            elif of_kind == "order_line":
                row["unit_price"] = _converted(row["unit_price"], payload)
            else:
                row["sku"] = html.unescape(text(payload.get(self._given["sku_from"])))
            if of_kind == "product":
                texts = _texts(payload, self._given["language_id"])
                row |= {
                    "title": html.unescape(text(texts.get("name"))),
                    "description": html.unescape(text(texts.get("description"))),
                    "language": "",
                }
            yield of_kind, row

    def item(self, stream: Stream, key: str, parent: str = "") -> Mapping[str, Any] | None:
        """One record by the profile's path."""
        path = self._profile.order if stream.path == "orders" else self._profile.product
        try:
            found: Any = at(self._ask(path.replace("{key}", key)).value, "data")
        except RefusedError as error:
            if self.is_gone(error):
                return None
            raise
        return found or None

    def is_key(self, kind: str, key: str) -> bool:
        """Products and orders are numbered."""
        return re.fullmatch(r"[0-9]{1,18}", key) is not None

    # ---- writing ------------------------------------------------------------------------------------------------

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """Send what changes; of the texts every language, or the shop would lose the others."""
        body = dict(prepared.fragment)
        changed = {name: body.pop(name) for name in ("name", "description") if name in body}
        if changed:
            mine = _texts(prepared.current, self._given["language_id"])
            body["product_description"] = [
                {**one, **(changed if one is mine else {})} for one in prepared.current.get("product_description") or []
            ]
        if "manufacturer" in body:
            body["manufacturer_id"] = self._manufacturer(body.pop("manufacturer"))
        self._ask(self._profile.product.replace("{key}", prepared.key), "PUT", body)
        return {}

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Quantities of many products in one call."""
        body = [{"product_id": one.key, "quantity": one.fragment["quantity"]} for one in prepared]
        self._ask(self._profile.quantities, "PUT", body)
        return {key: outcome for one in prepared for key, outcome in one.all(Outcome()).items()}

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """A line in the order's history, and the tracking number where the extension has a place for it."""
        key, number = shipment.order_key, shipment.tracking_number
        if not self.is_key("order", key):
            raise InvalidError(f"{key!r} is no order of this shop.", "missing")
        comment = " ".join(one for one in (shipment.carrier, number, shipment.tracking_url) if one)
        line = {"order_status_id": _SHIPPED, "notify": "0", "override": "0", "comment": comment}
        if not self._given["extension_key"]:
            self._core.add_history(key, line)
            return Outcome()
        order = self.item(self.streams["order"], key)
        if order is None:
            raise InvalidError(f"The shop has no order {key!r}.", "missing")
        told = " ".join(text(one.get("comment")) for one in order.get("histories") or [])
        if number and number in told:
            return Outcome()
        self._ask(self._profile.tracking.replace("{key}", key), "PUT", {"tracking": number})
        self._ask(self._profile.history.replace("{key}", key), "PUT", line)
        return Outcome()

    # ---- inside -------------------------------------------------------------------------------------------------

    @property
    def _profile(self) -> Profile:
        return _profile(self._given)

    @cached_property
    def _core(self) -> Core:
        return Core(self._given, self.client)

    @cached_property
    def _zone(self) -> timezone:
        """The shop's offset from UTC now; a shop that changes its clocks is off by an hour for half of the year."""
        found = self._ask(self._profile.offset).value
        seconds = text(at(found, "data.offset") if isinstance(at(found, "data"), Mapping) else at(found, "data"))
        return timezone(timedelta(seconds=int(seconds or 0)))

    def _moment(self, value: Any) -> str:
        try:
            moment = datetime.strptime(text(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=self._zone)
        except ValueError:
            return text(value)
        return moment.isoformat()

    def _manufacturer(self, name: str) -> str:
        if not name:
            return "0"
        stream = Stream(path="manufacturers", fields={}, rows="data", pages=self.streams["product"].pages)

        def ask(position: Mapping[str, str] | str) -> Answer:
            assert not isinstance(position, str), "the extension gives no links"
            return self._ask(self._profile.manufacturers.format_map(position))

        for page in stream.pages.pages(ask, stream.rows):
            for one in page:
                if html.unescape(text(one.get("name"))) == name:
                    return text(one["manufacturer_id"])
        raise InvalidError(
            f"The shop has no manufacturer {name!r}. Add it under Catalog > Manufacturers.", "unknown_value"
        )

    def _ask(self, path: str, method: str = "GET", body: Any = None) -> Answer:
        if not self._given["extension_key"]:
            raise self.credential_error(
                "OpenCart's core can neither list nor write products and orders. Install a REST extension (REST Admin API) "
                "and give its key as extension_key."
            )
        return self.client.send(method, path, body=body, decode=_json_after_noise, idempotent=True)


class Core:
    """The core's own routes, in the release that the shop has.

    Parameters
    ----------
    given : Given
    client : Client
        Of the same shop; sends what the core is asked.
    """

    def __init__(self, given: Given, client: Client) -> None:
        self._given = given
        self._client = client
        self._token = ""

    def examine(self) -> str:
        """Whether the API user's key is taken; the answer says which release it is."""
        release = self.release
        if release == "4.1":
            self._signed("cart", {})
        else:
            self._login(release)
        return f"OpenCart {release} takes the key of the API user {self._given['api_username']!r}."

    def add_history(self, order: str, line: Mapping[str, str]) -> None:
        """Add a line to an order's history; a status is always sent, for without one the order would be abandoned."""
        if int(line["order_status_id"]) not in _STATUSES:
            raise InvalidError(f"{line['order_status_id']} is no order status; the shop would store it all the same.")
        if self.release == "4.1":
            self._signed("history_add", {"order_id": order, **line})
        elif self.release == "4.0":
            self._in_session("api/sale/order.addHistory", {"order_id": order, **line})
        else:
            self._in_session("api/order/history", line, order_id=order)

    @cached_property
    def release(self) -> str:
        """3.0, 4.0 or 4.1: the one that knows its own way in."""
        if self._given["release"] != "auto":
            return self._given["release"]
        for release, route in (("4.1", "api/order"), ("4.0", "api/account/login"), ("3.0", "api/login")):
            try:
                self._send(route, {}, call="cart")
            except CredentialError:
                return release
            except (RefusedError, ProtocolError):
                continue
            return release
        raise CredentialError("The address answers like no OpenCart of 3.0, 4.0 or 4.1. Check store_url.")

    def _signed(self, call: str, form: Mapping[str, str]) -> Answer:
        url = httpx.URL(f"{_store(self._given)}/index.php")
        query = {
            "route": "api/order",
            "call": call,
            "username": self._given["api_username"],
            "store_id": "0",
            "language": "en-gb",
            "currency": "USD",
            "time": str(int(self._client.now())),
        }
        host = url.netloc.decode()
        path = f"{url.path.rpartition('/')[0]}/"
        signed = signature_of(self._given["api_key"], host=host, path=path, query=query, form=form)
        return self._send(query.pop("route"), form, **query, signature=signed)

    def _in_session(self, route: str, form: Mapping[str, str], **query: str) -> Answer:
        """A call with the session's token; a token that ended is answered like nothing at all, so once anew."""
        for fresh in (False, True):
            if fresh or not self._token:
                self._login(self.release)
            try:
                return self._send(route, form, **query, api_token=self._token)
            except CredentialError:
                raise
            except PlatformError as error:
                if fresh or error.status not in (404, 500) or not error.words.lstrip().startswith("<"):
                    raise
        raise AssertionError

    def _login(self, release: str) -> None:
        route = "api/account/login" if release == "4.0" else "api/login"
        form = {"username": self._given["api_username"], "key": self._given["api_key"]}
        found = self._send(route, form).value
        token = text(found.get("api_token")) if isinstance(found, Mapping) else ""
        if not token:
            raise CredentialError("OpenCart takes no such API user and key. Check them under System > Users > API.")
        self._token = token

    def _send(self, route: str, form: Mapping[str, str], **query: str) -> Answer:
        address = f"{_store(self._given)}/index.php"
        return self._client.send(
            "POST", address, params={"route": route, **query}, form=form, headers=_FORMS, decode=_json_after_noise
        )


def _store(given: Given) -> str:
    allowed = given["plain_http"].lower() in {"yes", "true", "1"}
    return site_address(given["store_url"], name="store_url", plain_http=allowed)


def _profile(given: Given) -> Profile:
    if given["profile"] not in PROFILES:
        raise CredentialError(f"profile is {given['profile']!r}; known extensions are {', '.join(PROFILES)}.")
    return PROFILES[given["profile"]]


def _setting(name: str, label: str, words: str, default: str = "") -> CredentialField:
    return CredentialField(name, label, words, secret=False, required=False, default=default)


PLATFORM = OpenCart.describe(
    name="opencart",
    title="OpenCart",
    docs="https://docs.opencart.com/",
    credentials=(
        CredentialField(
            "store_url", "Store address", "the address of the shop, such as https://mystore.com", secret=False
        ),
        CredentialField(
            "extension_key",
            "Key of the REST extension",
            "Extensions > REST Admin API > secret key; without it nothing can be listed or written",
            required=False,
        ),
        CredentialField(
            "api_key", "API key", "System > Users > API; tests the shop and adds order history", required=False
        ),
        _setting("api_username", "API user", "System > Users > API", "Default"),
        _setting("profile", "Extension", f"which REST extension it is: {', '.join(PROFILES)}", "rest_admin"),
        _setting("release", "Release", "3.0, 4.0 or 4.1; auto finds out", "auto"),
        _setting("sku_from", "SKU", "which field holds your SKU: sku or model", "sku"),
        _setting("language_id", "Language", "number of the language that is read and corrected", "1"),
        _setting(
            "plain_http",
            "Allow http",
            "'yes' for a shop of your own on an http address; the keys then travel unencrypted",
            "no",
        ),
    ),
    setup=(
        "Install the REST Admin API extension, enable it and copy its secret key.",
        "Open System > Users > API, add or edit a user, copy its key, and put this machine's address on its list.",
    ),
    notes=(
        "OpenCart's core lists neither products nor orders in any release: that needs a REST extension. With the core alone, "
        "credentials can be tested and parcels be noted in an order's history.",
        "Without the extension an order cannot be read, so a parcel that is told of twice stands twice in its history.",
        "Reduced prices need a customer group and dates and are read only; categories are not part of what the extension shows.",
        "Options are no items of their own: their stock is not read.",
    ),
    extra=frozenset({Capability.SHIP_ORDERS}),
)
