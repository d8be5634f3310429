"""PrestaShop: the Webservice of 1.6, 1.7, 8 and 9, read from the classes of 9.1.4, 1.7.7.2 and 1.6.1.25.

A folder and not one file because no record comes whole: `wire` has the calls, `reading` puts records together, `writing`
takes changes apart. What differs from other platforms:

- Answers are read as JSON, whose shape is not regular (nothing is ``[]``; one language is a text, several are a list);
  writes are XML in every release. From 8.0 on a PATCH changes single fields. Before, a PUT replaces the whole record
  (PrestaShop issue 33783: a price alone emptied products and switched them off), so the XML is read, changed, freed of
  what the shop shows and does not take back (prestapyt issue 90, PrestaShop issue 37362), and written.
- Several records in one body are a batch that stops at the first error with what came before already saved: it is read
  back, and what is not there goes alone.
- A price is kept without tax. A combination's price and weight are added to the product's. What is really paid the shop
  works out itself (``price[...]``); the reductions behind it are records of their own (``specific_prices``).
- Stock counts in ``stock_availables``, which tell no time of change. A product's own row is the sum of its combinations.
- Times are local and do not say so: they are brought to UTC by the shop's PS_TIMEZONE.
- The filter on ``date_upd`` looks at a time that covers all shops of a multi-shop, the answer shows this shop's
  (PrestaShop issue 42263): what the answer calls older is dropped here.

Settings with a safe default: language, shop of a multi-shop, prices with tax, mail to buyers, the key in the query (for
servers that lose the header, PrestaShop issue 19290). Left out: the OAuth2 "Admin API" of 9 (no orders; token details
unconfirmed in the fact sheet), pictures (uploaded as files, not by address), an order's country, region and state (chosen
from the shop's lists; a state moves stock and sends mail).

References
----------
PrestaShop 9.1.4, classes/webservice (WebserviceRequest, SQLUtils, WebserviceOutputJSON) and classes/Product.php;
PrestaShop docs 8.x, webservice; issues as numbered (all read 2026-11-25).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
import polars as pl

from connectors.address import site_address
from connectors.auth import QueryKeys
from connectors.changes import Change, InvalidError, Outcome, Outcomes, Shipment
from connectors.errors import Action, ProtocolError, RefusedError
from connectors.limits import Limits, Rate
from connectors.manners import Manners
from connectors.mapping import canonical, raw_text, text
from connectors.platform import REQUIREMENTS, Capability, CredentialField
from connectors.platforms.prestashop.reading import COMPUTED, ORDER, ORDER_LINE, PRODUCT, STOCK, TEXTS, Item, Reader
from connectors.platforms.prestashop.wire import FULL, Wire, exception, words
from connectors.platforms.prestashop.writing import REDUCTION, UPDATES, checked, holds, key_of, reduce
from connectors.redaction import basic
from connectors.remote import Given
from connectors.rest import Opening, Prepared, RestConnector, Site, Stream
from connectors.xml import xml

__all__ = ["PLATFORM"]

_READ = (
    "addresses", "categories", "combinations", "configurations", "countries", "currencies", "customers", "languages",
    "manufacturers", "order_carriers", "order_details", "order_histories", "order_states", "orders", "product_features",
    "product_feature_values", "product_option_values", "product_options", "products", "specific_prices", "states",
    "stock_availables",
)  # fmt: skip
_WRITTEN = (
    "addresses", "combinations", "customers", "order_carriers", "products", "specific_prices", "stock_availables",
)  # fmt: skip
_TRACKING = r"[~:#,%&_=()\[\]. ?+@/a-zA-Z0-9-]{1,64}"
_FORMS = {"isPrice": "number", "isUnsignedFloat": "number"}
_DEMANDED_OF = {
    "name": "title",
    "description": "description",
    "reference": "sku",
    "ean13": "gtin",
    "mpn": "mpn",
    "price": "price",
    **{node: f"attributes.{name}" for name, node in TEXTS.items()},
}


def _address(given: Given) -> str:
    typed = re.sub(r"/api/?$", "", given["store_url"].rstrip("/"))
    return site_address(typed, name="store_url", plain_http=given["plain_http"].lower() == "yes") + "/api"


def _auth(opening: Opening) -> httpx.Auth:
    key = opening.given["webservice_key"]
    opening.known.add(basic(key, ""))
    in_query = opening.given["key_in_query"].lower() == "yes"
    return QueryKeys({"ws_key": key}) if in_query else httpx.BasicAuth(key, "")


def _changed(local: datetime) -> dict[str, str]:
    """What changed since a time of the shop; a list must be told that dates are meant (PrestaShop issue 25334)."""
    return {"date": "1", "filter[date_upd]": f"[{local:%Y-%m-%d %H:%M:%S},2099-12-31 23:59:59]"}


class PrestaShop(RestConnector):
    """One shop."""

    site = Site(
        address=_address,
        auth=_auth,
        manners=Manners(
            "prestashop",
            advice={
                Action.REAUTHENTICATE: "Check the key at Advanced Parameters > Webservice (32 letters and digits, enabled, with "
                "rights for this resource), and that the webservice is on. If all that is right, the server loses the header "
                "Authorization: switch on 'CGI mode' there, or set key_in_query to yes."
            },
            words=words,
            exceptions=exception,
        ),
        # There is no limit to keep (fact sheet, "Limits and errors"); the requests of a run go one after the other.
        limits=Limits(Rate(per_second=50, burst=100)),
    )
    streams = {
        "product": Stream("products", PRODUCT, computed=COMPUTED, since=_changed),
        "order": Stream("orders", ORDER, since=_changed, lines="details", line_fields=ORDER_LINE),
        "stock": Stream("stock_availables", STOCK),
    }
    updates = UPDATES

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._wire = Wire(self.client, self._given["id_shop"])
        folder = httpx.URL(_address(self._given)).path.removesuffix("/api")
        self._reader = Reader(self._wire, self._given, folder)

    def examine(self) -> list[str]:
        """What the key may do, and how the shop is read."""
        try:
            root = self._wire.call("GET", "", decode=xml).value
        except RefusedError as error:
            if error.status != 404:
                raise
            raise self.credential_error(
                f"there is no webservice at {_address(self._given)}. Check store_url, and that friendly URL is on in the shop."
            ) from error
        api = None if root is None else root.find("api")
        rights: dict[str, Mapping[str, str]] = {} if api is None else {one.tag: one.attrib for one in api}
        if unread := [name for name in _READ if rights.get(name, {}).get("get") != "true"]:
            raise self.credential_error(
                f"the key may not view {', '.join(unread)}. Check View (GET) there at Advanced Parameters > Webservice."
            )
        fixed = [name for name in _WRITTEN if rights[name].get("put") != "true"]
        shop = self._reader.shop
        return [
            f"PrestaShop answers; the key may view all that is needed, texts in language {shop.language_code!r}.",
            f"It may not modify {', '.join(fixed)}." if fixed else "It may modify what corrections need.",
        ]

    # ---- reading -----------------------------------------------------------------------------------------------------

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Item]]:
        """Pages of records put together."""
        yield from super().batches(kind, None if since is None else self._reader.shop.local(since))

    def walk(self, stream: Stream, params: Mapping[str, str] | None = None) -> Iterator[list[Item]]:
        """Pages of a list."""
        asked = {**FULL, **self._reader.prices(stream.path), **(params or {})}
        for rows in self._wire.pages(stream.path, asked):
            yield self._reader.items(stream.path, rows)

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Item]:
        """The named records; a combination comes with its product."""
        resource = self.streams[kind].path
        wanted = list(dict.fromkeys(key.partition("-")[0] for key, _ in keys if self.is_key(kind, key)))
        asked = {**FULL, **self._reader.prices(resource)}
        yield from self._reader.items(resource, self._wire.of(resource, "id", wanted, asked))

    def is_key(self, kind: str, key: str) -> bool:
        """A number; a combination's is the product's and its own."""
        return bool(re.fullmatch(r"\d{1,18}(-\d{1,18})?" if kind == "product" else r"\d{1,18}", key))

    def records(self, kind: str, payload: Item) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows of an item: a product and its combinations, an order and its lines."""
        if kind != "product":
            raw = {"raw": raw_text(payload["order" if kind == "order" else "own"])}
            yield from ((name, row | raw if name == kind else row) for name, row in super().records(kind, payload))
            return
        for item in (payload, *payload["variants"]):
            yield kind, canonical(item, PRODUCT) | self._reader.product(item) | {"raw": raw_text(item["own"])}

    def current(self, kind: str, keys: Sequence[tuple[str, str]]) -> dict[str, Item]:
        """Record key to the item, with what a writer looks things up by."""
        help_ = {"shop": self._reader.shop, "find": self._reader.find}
        items = [one for whole in self.payloads(kind, keys) for one in (whole, *whole.get("variants", ()))]
        return {item["id"]: {**item, **help_} for item in items}

    def requirements(self, categories: Sequence[str]) -> pl.DataFrame:
        """What this very shop demands of a product, whatever its category: releases and modules differ."""
        root = self._wire.call("GET", "products", {"schema": "synopsis"}, decode=xml).value
        rows = [
            {
                "category": "",
                "field": _DEMANDED_OF[node.tag],
                "label": node.tag,
                "level": "required" if node.get("required") == "true" else "optional",
                "type": _FORMS.get(node.get("format", ""), "text"),
                "maximum": float(node.get("maxSize") or 0) or None,
                "values": [],
                "source": f"{_address(self._given)}/products?schema=synopsis",
            }
            for node in root.iterfind("product/*")
            if node.tag in _DEMANDED_OF and (node.get("maxSize") or node.get("required"))
        ]
        return pl.DataFrame(rows, schema=REQUIREMENTS)

    # ---- writing -----------------------------------------------------------------------------------------------------

    def write(self, changes: Sequence[Change]) -> Iterator[Outcomes]:
        """Products before combinations: what a combination adds depends on its product."""
        yield from super().write([one for one in changes if "-" not in one.record_key])
        yield from super().write([one for one in changes if "-" in one.record_key])

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """Write every record that holds a part of the item."""
        for resource, values in prepared.fragment.items():
            if resource == REDUCTION:
                reduce(self._wire, prepared.current, values, now=self._environment.clock())
            else:
                self._wire.save(resource, {key_of(resource, prepared.current): values})
        return {}

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Records of one resource in one body; after an error those that were not saved go alone."""
        outcomes: Outcomes = {}
        bodies: dict[str, list[Prepared]] = {}
        for one in prepared:
            if list(one.fragment) in (["products"], ["combinations"], ["stock_availables"]):
                bodies.setdefault(next(iter(one.fragment)), []).append(one)
            else:
                outcomes |= self._put_record(kind, one)
        for resource, some in bodies.items():
            saved = self._saved(kind, resource, some)
            for one in some:
                outcomes |= one.all(Outcome()) if one.key in saved else self._put_record(kind, one)
        return outcomes

    def _saved(self, kind: str, resource: str, prepared: Sequence[Prepared]) -> set[str]:
        try:
            self._wire.save(resource, {key_of(resource, one.current): one.fragment[resource] for one in prepared})
        except (RefusedError, ProtocolError):
            read = self.read(kind, [(one.key, one.parent) for one in prepared])
            rows = {row["record_key"]: row for row in read.iter_rows(named=True)}
            return {
                one.key for one in prepared if one.key in rows and all(holds(rows[one.key], c) for c in one.changes)
            }
        return {one.key for one in prepared}

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """The tracking number, then the state "shipped"; what the shop knows already it is not told again."""
        key, settings = shipment.order_key, self._reader.shop.settings
        found = list(self.payloads("order", [(key, "")]))
        if not found:
            raise InvalidError(f"PrestaShop has no order {key!r}.", "missing")
        _must_be_whole(shipment, found[0]["details"])
        ended = {settings["PS_OS_CANCELED"], settings["PS_OS_REFUND"], settings["PS_OS_ERROR"]}
        if text(found[0]["order"].get("current_state")) in ended:
            raise InvalidError(f"The order is {found[0]['status']!r}; it is not sent.")
        carriers = self._wire.of("order_carriers", "id_order", [key])
        if not carriers:
            raise InvalidError("The order has no carrier, as orders of virtual goods have none: nothing is sent.")
        last, number = max(carriers, key=lambda row: int(row["id"])), shipment.tracking_number
        known = text(last.get("tracking_number"))
        if known not in ("", number):
            raise InvalidError(
                f"The order has the tracking number {known!r}; PrestaShop keeps one an order.", "conflict"
            )
        if not known:
            checked("tracking_number", number, _TRACKING, "1 to 64 plain letters, digits and signs")
            self._wire.save("order_carriers", {text(last["id"]): {"tracking_number": number}})
        if not found[0]["shipped_at"]:
            mail = {"sendemail": "1"} if self._given["buyer_mail"].lower() == "yes" else {}
            self._wire.add("order_histories", {"id_order": key, "id_order_state": settings["PS_OS_SHIPPING"]}, **mail)
        return Outcome()


def _must_be_whole(shipment: Shipment, details: Sequence[Item]) -> None:
    ordered = {text(one["id"]): int(one["product_quantity"]) for one in details}
    sent = {one.line_key: one.quantity or ordered.get(one.line_key, 0) for one in shipment.lines}
    if sent and sent != ordered:
        raise InvalidError(
            "PrestaShop sends an order as a whole and this parcel holds a part of it: tell of it with the last one."
        )


def _setting(name: str, label: str, help_: str) -> CredentialField:
    return CredentialField(name, label, help_, secret=False, required=False)


PLATFORM = PrestaShop.describe(
    name="prestashop",
    title="PrestaShop",
    docs="https://devdocs.prestashop-project.org/9/webservice/",
    credentials=(
        CredentialField("store_url", "Shop address", "as buyers open it, such as https://shop.example.com", secret=False),
        CredentialField("webservice_key", "Webservice key", "Advanced Parameters > Webservice: 32 letters and digits"),
        _setting("language", "Language", "ISO code or number of the language of texts; empty: the shop's default"),
        _setting("id_shop", "Shop number", "of a multi-shop; empty: its default shop"),
        _setting("tax", "Tax", "'included' to read and set prices with tax; empty: without, as the shop keeps them"),
        _setting("buyer_mail", "Mail to buyers", "'yes' lets the shop write to the buyer when a parcel leaves"),
        _setting("key_in_query", "Key in the address", "'yes' where the server loses the header Authorization; its logs then hold the key"),
        _setting("plain_http", "Unencrypted", "'yes' allows an http address; everybody on the way can then read the key"),
    ),
    setup=(
        "Open Advanced Parameters > Webservice and enable the webservice.",
        "Add a key and let the page make it.",
        f"Tick View (GET) for {', '.join(_READ)}.",
        f"Tick Modify (PUT) and, from 8.0 on, PATCH for {', '.join(_WRITTEN)}.",
        "Tick Add (POST) for specific_prices and order_histories, and Delete for specific_prices.",
    ),
    notes=(
        "Prices are those of the default currency, without tax unless the setting 'tax' says otherwise.",
        "A change of stock or of a combination alone moves no time that can be asked for: stock is read whole each time, and "
        "such a combination shows in the next full run.",
        "Quantities belong to stock records, not to products.",
        "Changing a product's price or weight moves its combinations by as much, and a reduction by an amount or a percentage.",
        "Names and addresses belong to the customer, whose other orders show the change, too.",
        "Pictures are uploaded as files and cannot be set by address.",
        "A brand or category must exist before a product can be given it.",
        "An order has one tracking number; a parcel with a part of an order cannot be told of.",
        "The core of PrestaShop sends no events; changes are asked for.",
    ),
    extra=frozenset({Capability.SHIP_ORDERS, Capability.REQUIREMENTS}),
)  # fmt: skip
