"""Mirakl marketplaces: the seller interface of the Marketplace Platform, one instance for each operator (August 2026).

The names of the calls (OR11, OF24, ...) are Mirakl's own and appear in its logs, issues and help pages.

- A product is an offer on a product of the operator's catalogue: condition, price, stock, lead time and offer fields are
  the seller's; title, brand, category, pictures and GTIN are the operator's and cannot be written here. (P41 proposes
  whole product sheets, whose present content no call shows to a seller; the operator decides about them.)
- OF24 resets whatever is not sent, so it is given the whole offer. Price and stock go through PRI01 and STO01, which
  touch nothing else. All three are imports that report the lines that failed (`imports`).
- OF21 is the only list with title, brand and category; it knows no time of change. What changed is told by the
  asynchronous export OF52, which also gives the stock.
- What the operator has switched on (PC01) decides how an order is shipped, how many decimal places a price has, which
  fields a seller may set, and what separates the columns of a file.

Left out because it is unconfirmed: OAuth instead of the key (only on some instances); prices for several channels or
customers in one line, and what OF24 does to stock in warehouses: such offers are left alone, and the merchant is told
why. Discount periods are kept and not written: without a reduced price they mean nothing.

Unlike most platforms this is a package: three ways of writing, two of shipping and two of reading do not fit into one
module.

References
----------
https://developer.mirakl.com/content/product/mmp/rest/seller/openapi3 (calls, frequencies, limits; read 2026-11-23)
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import httpx
import polars as pl

from connectors.address import site_address
from connectors.auth import HeaderKey
from connectors.changes import Acceptance, InvalidError, Outcome, Outcomes, Shipment
from connectors.errors import Action, CredentialError, ProtocolError, RateLimitError, UnavailableError
from connectors.imports import poll
from connectors.limits import Limits, Rate, shared
from connectors.manners import Manners
from connectors.mapping import Payload, at, text
from connectors.paginate import Counted
from connectors.platform import Capability, CredentialField
from connectors.platforms.mirakl import imports, orders
from connectors.platforms.mirakl.fields import FIELDS, quantity
from connectors.platforms.mirakl.instance import DOCS, Instance
from connectors.platforms.mirakl.published import published
from connectors.platforms.mirakl.reading import LINE, OFFER, ORDER, category_paths
from connectors.remote import Given
from connectors.rest import Opening, Prepared, RestConnector, Site, Stream, Update

__all__ = ["PLATFORM"]

_PAGES = Counted(size=100, position="offset", limit="max", total="total_count")
"""Offset paging: 10 rows unless asked otherwise, 100 at most (general notes, read 2026-11-23)."""

_BY_TITLE = {"sort": "productTitle"}
"""OF21 is sorted by price unless asked otherwise, and prices change while it is read."""


class _ShopKey(HeaderKey):
    """The key without a scheme word, and the shop for users of several shops."""

    def __init__(self, key: str, shop: str) -> None:
        super().__init__("Authorization", key)
        self._shop = shop

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add both."""
        if self._shop:
            request.url = request.url.copy_merge_params({"shop_id": self._shop})
        yield from super().auth_flow(request)


def _auth(opening: Opening) -> httpx.Auth:
    shop = opening.given["shop_id"]
    if shop and not shop.isdigit():
        raise CredentialError(f"shop_id is {shop!r}; it is a number, such as 2000, or empty for the user's own shop.")
    return _ShopKey(opening.given["api_key"], shop)


def _address(given: Given) -> str:
    return site_address(given["api_url"], name="api_url").removesuffix("/api")


def _words(body: Any) -> str:
    first = next(iter(body.get("errors") or ()), body)
    return ": ".join(one for one in (text(first.get("code")), text(first.get("message"))) if one)


def _pace(seconds: float) -> Rate:
    """One call in so many seconds over an hour or so; how much of a burst it takes, the server says itself (429)."""
    return Rate(per_second=1 / seconds, burst=60)


class Mirakl(RestConnector):
    """One shop on one marketplace."""

    site = Site(
        address=_address,
        auth=_auth,
        manners=Manners(
            "mirakl",
            words=_words,
            advice={
                Action.REAUTHENTICATE: (
                    "Check api_key (My user settings > API key in the shop's back office): a key belongs to one instance, so "
                    "that of a test instance is refused in production; check the address, the shop_id, and the user's role."
                )
            },
        ),
        limits=Limits(
            Rate(per_second=10, burst=40),
            operations={one: _pace(60) for one in ("OF24", "PRI01", "STO01", "OF52")}
            | {"OF52 full": Rate(per_second=1, per_day=1)},
        ),
        account=lambda given: given["shop_id"],
    )
    streams = {
        "product": Stream(
            path="api/offers",
            rows="offers",
            pages=_PAGES,
            params=_BY_TITLE,
            since=lambda moment: {},
            fields=OFFER,
            computed=frozenset({"category"}),
        ),
        "order": Stream(
            path="api/orders",
            rows="orders",
            pages=_PAGES,
            since=lambda moment: {"start_update_date": f"{moment:%Y-%m-%dT%H:%M:%SZ}"},
            many=lambda keys: {"order_ids": ",".join(keys)},
            many_size=100,
            fields=ORDER,
            lines="order_lines",
            line_fields=LINE,
        ),
        "stock": Stream(
            path="api/offers",
            rows="offers",
            pages=_PAGES,
            params=_BY_TITLE,
            since=lambda moment: {},
            fields={
                "record_key": "shop_sku",
                "parent_key": "shop_sku",
                "sku": "shop_sku",
                "quantity": "quantity",
                "updated_at": "last_updated",
            },
            computed=frozenset({"location"}),
        ),
    }
    updates = {
        "product": Update(
            path="",
            replaces=True,
            many=1000,
            many_from=1,
            together=(frozenset({"price", "sale_price"}),),
            fields=FIELDS,
        ),
        "stock": Update(path="", replaces=True, many=1000, many_from=1, fields={"quantity": quantity}),
    }

    @cached_property
    def instance(self) -> Instance:
        """The marketplace."""
        return Instance(self.client)

    def examine(self) -> list[str]:
        """Who the key belongs to (A01), what the operator demands (PC01), and whether orders may be read (OR11)."""
        shop = self.instance.get("account")
        self.ask(self.streams["order"], {"max": "1"})
        is_manual = self.instance.says("order_workflows.order_acceptance") != "AUTOMATIC"
        found = [
            f"Shop {shop['shop_id']} ({shop['shop_name']}), currency {shop['currency_iso_code']}: offers and orders can be "
            f"read. Prices have up to {self.instance.decimals} decimal places; orders are accepted "
            f"{'by the seller' if is_manual else 'automatically'}."
        ]
        if shop["shop_state"] != "OPEN":
            found.append(
                f"The shop is {shop['shop_state']}: buyers see none of its offers until the operator opens it."
            )
        return found

    # ---- reading ---------------------------------------------------------------------------------------------------

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Orders by OR11; products by OF21, of which an export names those that changed; stock by an export."""
        if kind == "order":
            yield from super().batches(kind, since)
        elif kind == "stock":
            try:
                yield from self._exported(since)
            except RateLimitError:
                # A whole export may be made once a day; OF21 shows the stock too.
                yield from self.walk(self.streams[kind])
        elif since is None:
            yield from self.walk(self.streams[kind])
        else:
            yield from self._named({text(row.get("shop_sku")) for rows in self._exported(since) for row in rows})

    def _named(self, keys: set[str]) -> Iterator[list[Mapping[str, Any]]]:
        """These offers, one by one or by reading the whole list, whichever takes fewer calls."""
        stream = self.streams["product"]
        pages = self.ask(stream, {"max": "1"}).value["total_count"] / _PAGES.size if keys else 0
        if len(keys) <= pages:
            yield from ([one] for one in self.payloads("product", [(key, "") for key in sorted(keys)]))
        else:
            yield from ([row for row in rows if row.get("shop_sku") in keys] for rows in self.walk(stream))

    def _exported(self, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Offers as OF52 exports them: all, or those changed since then; deleted ones are left out."""
        wanted = {"last_request_date": f"{since:%Y-%m-%dT%H:%M:%SZ}"} if since else {"include_inactive_offers": True}
        started = self.client.send(
            "POST",
            "api/offers/export/async",
            # Half of what an answer may have.
            body={"export_type": "application/json", "megabytes_per_chunk": 32, **wanted},
            idempotent=True,
            operation="OF52" if since else "OF52 full",
        ).value
        state = poll(
            self.client,
            lambda: self.instance.get(f"offers/export/async/status/{started['tracking_id']}"),
            lambda found: found["status"] in ("COMPLETED", "FAILED"),
            first_s=10,
        )
        if state is None or state["status"] == "FAILED":
            reason = "it is not finished" if state is None else text(at(state, "error.detail")) or "no reason was given"
            raise UnavailableError(
                f"Connection {self.connection.name!r} (mirakl): offers could not be exported (OF52): {reason}. Try again later.",
                platform=self.platform.name,
                connection=self.connection.name,
            )
        for address in state.get("urls") or ():
            yield [row for row in self._file(httpx.URL(address)) if not row.get("deleted")]

    def _file(self, address: httpx.URL) -> list[Mapping[str, Any]]:
        """A file of an export (OF54): at the instance itself with the key, or at a signed address without it."""
        if address.host == httpx.URL(_address(self._given)).host:
            # The instance may name itself with http; its own address is the one to call.
            return self.client.send("GET", address.path, query=address.query.decode(), operation="OF54").value or []
        try:
            return json.loads(self.client.transfer("GET", str(address)) or b"[]")
        except ValueError:
            raise ProtocolError(
                f"Connection {self.connection.name!r} (mirakl): the export at {address.host} is no JSON. Try again later.",
                platform=self.platform.name,
                connection=self.connection.name,
            ) from None

    def records(self, kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """An offer with the path of its category; an order with its lines; a stock record for every warehouse."""
        for of_kind, row in super().records(kind, payload):
            if of_kind == "product":
                yield of_kind, row | {"category": self._category(payload)}
            elif of_kind == "stock" and payload.get("warehouses"):
                for one in payload["warehouses"]:
                    known = {"record_key": f"{row['sku']}@{one['code']}", "location": one["code"]}
                    yield of_kind, row | known | {"quantity": text(one["quantity"])}
            else:
                yield of_kind, row

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """Orders a hundred at a time; offers by their SKU."""
        if kind == "order":
            yield from super().payloads(kind, keys)
            return
        for sku in dict.fromkeys(parent or key for key, parent in keys if self.is_key(kind, key)):
            for rows in self.walk(self.streams[kind], {"sku": sku}):
                yield from (row for row in rows if row.get("shop_sku") == sku)

    def is_key(self, kind: str, key: str) -> bool:
        """Whether a key can be one; a comma would make two orders of one."""
        return super().is_key(kind, key) and not (kind == "order" and "," in key)

    def _category(self, offer: Payload) -> str:
        """The path of an offer's category; H11 is read once a process, and again when a new category comes up."""
        code = offer["category_code"]
        if code not in self._paths and not self._is_fresh:
            self._paths.update(category_paths(self.instance.get("hierarchies")["hierarchies"]))
            self._is_fresh = True
        return self._paths.get(code) or text(offer["category_label"])

    _is_fresh = False

    @cached_property
    def _paths(self) -> dict[str, str]:
        """Code of a category to its labels from the root."""
        return shared(self.platform.name, f"{_address(self._given)} H11", dict)

    # ---- writing ---------------------------------------------------------------------------------------------------

    def current(self, kind: str, keys: Sequence[tuple[str, str]]) -> dict[str, Payload]:
        """The offers, with what the operator allows and the warehouse that a stock record speaks of."""
        features = self.instance.features if keys else {}
        return {
            key: {**offer, "features": features, "warehouse": key.removeprefix(offer["shop_sku"]).removeprefix("@")}
            for key, offer in super().current(kind, keys).items()
        }

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """One import for each way of writing."""
        return imports.write(self.instance, prepared)

    def send_acceptance(self, acceptance: Acceptance) -> Outcome:
        """Decide about an order; see `orders.accept`."""
        return orders.accept(self.instance, self._order(acceptance.order_key), acceptance)

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """Tell of a parcel; see `orders.ship`."""
        return orders.ship(self.instance, self._order(shipment.order_key), shipment)

    def _order(self, key: str) -> Payload:
        for found in self.payloads("order", [(key, "")]):
            return found
        raise InvalidError(f"There is no order {key!r}.", "missing")

    def requirements(self, categories: Sequence[str]) -> pl.DataFrame:
        """Attributes of these categories, and what the operator demands of every offer."""
        self._paths.update(category_paths(self.instance.get("hierarchies")["hierarchies"]))
        return published(self.instance, {path: code for code, path in self._paths.items()}, categories)


PLATFORM = Mirakl.describe(
    name="mirakl",
    title="Mirakl",
    docs=DOCS,
    credentials=(
        CredentialField(
            "api_url",
            "Address of the marketplace",
            "where you log in as a seller, such as https://example-prod.mirakl.net; every operator has its own",
            secret=False,
        ),
        CredentialField(
            "api_key", "API key", "My user settings > API key in the seller back office; each marketplace has its own"
        ),
        CredentialField(
            "shop_id",
            "Shop ID",
            "a number; only when your user belongs to several shops, else leave it empty",
            secret=False,
            required=False,
        ),
    ),
    setup=(
        "Log in to the seller back office of the marketplace.",
        "Open the menu of your user > My user settings > API key and generate a key.",
        "Connect each marketplace on its own: address, key and reference data differ from instance to instance.",
    ),
    notes=(
        "Title, brand, category, GTIN and pictures belong to the operator's catalogue: they are checked, not written.",
        "An offer is written whole (OF24): all that is stored goes along with a change, also the stock as it was a moment "
        "before. A lead time or logistic class that came from a default becomes the offer's own.",
        "Where the operator approves prices, a changed price shows when it has been approved.",
        "Of offers with stock in warehouses, prices and stock can be changed, and nothing else.",
        "Buyers' e-mail addresses are made anonymous, and their addresses are mostly hidden until they have paid.",
        "Countries are ISO 3166-1 alpha-3 codes.",
        "Sellers get no events; what is new is asked for.",
    ),
    extra=frozenset({Capability.ACCEPT_ORDERS, Capability.SHIP_ORDERS, Capability.REQUIREMENTS}),
)
