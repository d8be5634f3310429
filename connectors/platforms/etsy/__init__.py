"""Etsy: Open API v3, description of 2026-06-09 (read 2026-11-25).

A package and not one file because an inventory is a tree that is only written whole: `reading` takes it apart into rows,
`writing` puts changes back into it.

What differs from other platforms:

- The header ``x-api-key`` holds keystring and shared secret; the merchant's consent is a refresh token of which every use
  makes a new one and ends the old one, so the new one is kept before anything else happens.
- A listing has one category, weight and size; price, stock and SKU sit in its inventory, a tree of the combinations of
  its variations that is only ever written whole. So it is read, changed and written, once for all changes of a listing.
- Products and offerings get new numbers with every such write (etsy/open-api issues 432 and 523, read 2026-11-25), so a
  variant is known by its listing and its own values.
- There is no field for brand, GTIN or a reduced price, and no writing in bulk.

Unconfirmed, and what is done about it: ``legacy=false`` is sent wherever processing profiles are read or written, and a
profile that was not shown is not sent; rows that may be skipped are said to end near 12,000, so receipts are read on from
the time of the last one after 10,000; bounds of title (140), tags (13 of 20 characters) and quantity (999) are other
people's and live in the rulebook; the form of ``ship_date`` is not said, so it is left out; rights to write cannot be seen
before the first write. Properties of a category beside the variations cost a call a listing and are not read.

References
----------
https://developers.etsy.com/documentation (read 2026-11-25): 10 calls a second and 10,000 in 24 hours for a new app, told in
``x-limit-*`` and ``x-remaining-*``; 100 rows a page; tags and picture numbers as a list with commas (issues 330, 557).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import polars as pl

from connectors.auth import RefreshToken
from connectors.changes import Change, InvalidError, Outcome, Outcomes, Shipment, outcome_of
from connectors.errors import Action, CredentialError, PlatformError, RefusedError
from connectors.limits import Limits, Rate, Room
from connectors.manners import Answer, Manners
from connectors.mapping import Payload, canonical, raw_text, text
from connectors.paginate import Counted
from connectors.platform import REQUIREMENTS, Capability, CredentialField
from connectors.platforms.etsy.reading import LINE, LISTING, RECEIPT, item_of, key_of, moment, products_of
from connectors.platforms.etsy.writing import NEEDS_CURRENT, OFFERED, WRITERS, changed_tree, quantity
from connectors.remote import Given
from connectors.rest import ADDRESS, Opening, Prepared, RestConnector, Site, Stream, Update, address_or
from connectors.webhooks import Delivery, Event, Standard, Webhook, identified

__all__ = ["PLATFORM"]

_SCOPES = "shops_r listings_r listings_w transactions_r transactions_w"
_STATES = ("active", "inactive", "sold_out", "draft", "expired")
_FIRST_TIME = 946_684_800
"""The earliest time that Etsy takes in a question: 2000-01-01."""

_MOST_SKIPPED = 10_000
_LOOKED_UP = ("category", "images")
_PROFILES = {"legacy": "false"}
_PAGES = Counted(size=100, total="count")
_DOCS = "https://developers.etsy.com/documentation/reference"


def _address(given: Given) -> str:
    if not re.fullmatch(r"[0-9]{1,18}", given["shop_id"]):
        raise CredentialError(
            f"shop_id is {given['shop_id']!r}; it is a number, such as 12345678, and not the shop's name."
        )
    return f"{address_or(given, 'https://openapi.etsy.com')}/v3/application"


def _auth(opening: Opening) -> httpx.Auth:
    return RefreshToken(
        f"{opening.address.removesuffix('/application')}/public/oauth/token",
        opening.given["keystring"],
        "",
        refresh_token=opening.given["refresh_token"],
        rotated=lambda token: opening.environment.remember({"refresh_token": token}),
        known=opening.known,
        clock=opening.environment.clock,
    )


def _room(headers: Mapping[str, str]) -> Room:
    """The figures that came; a little below the speed that is allowed, because seconds are cut differently there."""
    found = {name: float(value) for name, value in headers.items() if re.match("x-(limit|remaining)-", name)}
    return Room(
        remaining=found.get("x-remaining-this-second"),
        resets_s=1.0,
        per_second=found.get("x-limit-per-second", 0.0) * 0.8 or None,
        remaining_today=found.get("x-remaining-today"),
        per_day=int(found.get("x-limit-per-day", 0)) or None,
    )


def _words(body: Any) -> str:
    return ": ".join(str(body[name]) for name in ("error", "error_description") if body.get(name))


class Etsy(RestConnector):
    """One shop on Etsy."""

    site = Site(
        address=_address,
        auth=_auth,
        headers=lambda given: {"x-api-key": f"{given['keystring']}:{given['shared_secret']}"},
        manners=Manners(
            "etsy",
            request_id=("x-etsy-request-uuid", "x-request-id"),
            words=_words,
            advice={
                Action.REAUTHENTICATE: "Check keystring and shared secret (Etsy > Your Apps), and that the merchant agreed "
                f"to: {_SCOPES}. A refresh token ends after some 90 days, or when it was used elsewhere.",
                Action.WAIT: "The quota counts every call of the app in the last 24 hours; ask Etsy for a higher one.",
            },
        ),
        limits=Limits(Rate(per_second=8, burst=10, per_day=10_000), room=_room),
        account=lambda given: given["keystring"],
    )
    streams = {
        "product": Stream(
            path="shops/{shop}/listings",
            rows="results",
            pages=_PAGES,
            params={"includes": "Images,Inventory", **_PROFILES},
            item="listings/{key}?includes=Images,Inventory&legacy=false",
            fields=LISTING,
            computed=frozenset({"parent_key", "level", "category", "sku", "price", "currency", "quantity"}),
        ),
        "order": Stream(
            path="shops/{shop}/receipts",
            rows="results",
            pages=_PAGES,
            # By creation, not by change: what changes during the walk must not move the others over a page's edge.
            params={"sort_on": "created", "sort_order": "asc", **_PROFILES},
            since=lambda moment: {"min_last_modified": str(max(_FIRST_TIME, int(moment.timestamp())))},
            item="shops/{shop}/receipts/{key}?legacy=false",
            lines="transactions",
            fields=RECEIPT,
            line_fields=LINE,
        ),
        "stock": Stream(
            path="shops/{shop}/listings",
            rows="results",
            pages=_PAGES,
            params={"includes": "Inventory", **_PROFILES},
            item="listings/{key}?includes=Inventory&legacy=false",
            fields={"updated_at": moment("updated_timestamp")},
            computed=frozenset({"record_key", "parent_key", "sku", "quantity"}),
        ),
    }
    updates = {
        "product": Update(path="shops/{shop}/listings/{key}", fields=WRITERS, needs_current=NEEDS_CURRENT),
        "stock": Update(path="listings/{key}/inventory", method="PUT", fields={"quantity": quantity}),
    }
    _known_paths: dict[str, str] | None = None

    # ---- reading ---------------------------------------------------------------------------------------------------

    def examine(self) -> list[str]:
        """Ask whether the key is known, whose shop it is, and which rights to read are missing."""
        self.client.send("GET", "openapi-ping")
        missing: list[str] = []
        me = self._allowed("shops_r", missing, lambda: self.client.send("GET", "users/me"))
        shop = self._given["shop_id"] if me is None else text(me.value.get("shop_id"))
        if shop != self._given["shop_id"]:
            raise self.credential_error(
                f"shop_id is {self._given['shop_id']}, and the merchant's consent is for shop {shop}. Check which is meant."
            )
        for scope, kind in (("listings_r", "product"), ("transactions_r", "order")):
            first = {**self.streams[kind].params, "limit": "1"}
            self._allowed(scope, missing, lambda kind=kind, first=first: self.ask(self.streams[kind], first))  # type: ignore[misc]
        if missing:
            raise self.credential_error(
                f"the merchant's consent lacks: {', '.join(missing)}. Check it, and authorise again with: {_SCOPES}."
            )
        return ["Etsy answers; listings, stock and receipts can be read.", "Rights to write show with the first write."]

    def ask(self, stream: Stream, params: Mapping[str, str], query: str = "") -> Answer:
        """One page of a list of the shop."""
        return super().ask(replace(stream, path=self._of_shop(stream.path)), params, query)

    def item(self, stream: Stream, key: str, parent: str = "") -> Mapping[str, Any] | None:
        """One record; a listing of another shop, which everybody may read, is none of ours."""
        found = super().item(replace(stream, item=self._of_shop(stream.item)), key, parent)
        return found if found and self._is_own(found) else None

    def is_key(self, kind: str, key: str) -> bool:
        """A number; a variant's values stand behind it."""
        return bool(re.fullmatch(r"[0-9]{1,18}" if kind == "order" else r"(?s)[0-9]{1,18}(/.+)?", key))

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of every state of listings; of receipts in the order in which they were made."""
        if kind == "order":
            yield from self._receipts(since)
            return
        stream = self.streams[kind]
        before = self._count(stream)
        for state in _STATES:
            yield from self.walk(stream, {"state": state})
        # A listing put on sale after that list's turn would be in none of those that were read.
        if self._count(stream) != before:
            yield from self.walk(stream, {"state": "active"})

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """A hundred listings at a time; those that such a call leaves out, one by one."""
        if kind == "order":
            yield from super().payloads(kind, keys)
            return
        stream = self.streams[kind]
        wanted = list(dict.fromkeys(key.partition("/")[0] for key, _ in keys if self.is_key(kind, key)))
        for start in range(0, len(wanted), 100):
            some = wanted[start : start + 100]
            found = {text(row.get("listing_id")): row for row in self._several(stream, some)}
            for key in some:
                row = found.get(key) or self.item(stream, key)
                if row is not None:
                    yield row

    def records(self, kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """A listing, and its variants where it has some; of its stock a row for each."""
        if kind == "order":
            yield from super().records(kind, payload)
            return
        listing, products = text(payload.get("listing_id")), products_of(payload)
        keyed = {key_of(listing, one): one for one in products}
        if len(keyed) < len(products):
            raise ValueError("two variants of the listing have the same values")
        if kind == "stock":
            for key, product in keyed.items():
                row = canonical({**payload, "key": key}, {"record_key": "key", **self.streams[kind].fields})
                counted = {name: item_of(product)[name] for name in ("sku", "quantity")}
                yield kind, row | counted | {"parent_key": key, "raw": raw_text(product)}
            return
        whole = canonical(payload, LISTING) | {"raw": raw_text(payload), "category": self._category(payload)}
        if set(keyed) <= {listing}:
            yield kind, whole | {"level": "single"} | (item_of(products[0]) if products else {})
            return
        yield kind, whole | {"level": "parent"}
        names = ("weight_g", "length_mm", "width_mm", "height_mm", "lead_time_days", "updated_at")
        shared = {name: whole[name] for name in names}
        for key, product in keyed.items():
            values = [
                {"key": one.get("property_name") or str(one["property_id"]), "value": ", ".join(one["values"])}
                for one in product["property_values"]
            ]
            own = {"record_key": key, "parent_key": listing, "level": "variant", "attributes": values}
            yield kind, shared | item_of(product) | own | {"raw": raw_text(product)}

    def requirements(self, categories: Sequence[str]) -> pl.DataFrame:
        """What a listing of these categories must have, and the properties that Etsy keeps for them."""
        numbers = {path: number for number, path in self._paths().items()}
        rows: list[dict[str, Any]] = []
        for category in dict.fromkeys(one for one in categories if one in numbers):
            rows += [{**one, "category": category} for one in _ALWAYS]
            answer = self.client.send("GET", f"seller-taxonomy/nodes/{numbers[category]}/properties")
            rows += [_property(category, one) for one in answer.value["results"] if one.get("supports_attributes")]
        return pl.DataFrame([{name: row.get(name) for name in REQUIREMENTS} for row in rows], schema=REQUIREMENTS)

    def _allowed(self, scope: str, missing: list[str], ask: Callable[[], Answer]) -> Answer | None:
        try:
            return ask()
        except CredentialError as error:
            if error.status != 403:
                raise
            missing.append(scope)
        return None

    def _of_shop(self, path: str) -> str:
        return path.replace("{shop}", self._given["shop_id"])

    def _is_own(self, row: Mapping[str, Any]) -> bool:
        return text(row.get("shop_id", self._given["shop_id"])) == self._given["shop_id"]

    def _count(self, stream: Stream) -> Any:
        return self.ask(stream, {**_PROFILES, "state": "active", "limit": "1"}).value.get("count")

    def _several(self, stream: Stream, listings: Sequence[str]) -> list[Mapping[str, Any]]:
        if len(listings) < 2:
            return []
        params = {"listing_ids": ",".join(listings), **stream.params}
        rows = self.client.send("GET", "listings/batch", params=params).value.get("results") or []
        return [row for row in rows if self._is_own(row) and products_of(row)]

    def _receipts(self, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        stream = self.streams["order"]
        changed = stream.since(since) if since is not None and stream.since is not None else {}
        start: dict[str, str] = {}
        taken = _MOST_SKIPPED
        while taken >= _MOST_SKIPPED:
            taken = 0
            for rows in self.walk(stream, {**changed, **start}):
                yield rows
                taken += len(rows)
                start = {"min_created": text(rows[-1].get("created_timestamp"))}
                if taken >= _MOST_SKIPPED:
                    break

    def _category(self, payload: Payload) -> str:
        number = text(payload.get("taxonomy_id"))
        return self._paths().get(number, number) if number else ""

    def _paths(self) -> dict[str, str]:
        """Number of a category to its path; asked for once."""
        if self._known_paths is None:
            found: dict[str, str] = {}
            waiting = [("", node) for node in self.client.send("GET", "seller-taxonomy/nodes").value["results"]]
            while waiting:
                above, node = waiting.pop()
                path = f"{above} > {node['name']}" if above else node["name"]
                found[text(node["id"])] = path
                waiting += [(path, one) for one in node.get("children") or []]
            self._known_paths = found
        return self._known_paths

    # ---- writing ---------------------------------------------------------------------------------------------------

    def write(self, changes: Sequence[Change]) -> Iterator[Outcomes]:
        """Fields of listings with one request a listing, then what is in inventories, with one a listing, too.

        What is looked up while it is sent goes apart, so that a category that does not exist holds up nothing else.
        """
        offered: dict[str, list[Change]] = {}
        for one in changes:
            if one.field in OFFERED:
                offered.setdefault(one.record_key.partition("/")[0], []).append(one)
        for name in _LOOKED_UP:
            yield from super().write([one for one in changes if one.field == name])
        yield from super().write([one for one in changes if one.field not in (*OFFERED, *_LOOKED_UP)])
        for listing, some in offered.items():
            yield self._put_inventory(listing, some)

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """The fields of a listing, as a form: Etsy keeps what is not in it."""
        listing, _, values = prepared.key.partition("/")
        if values:
            raise InvalidError(f"All variants of product {listing} share this field; change it on the product itself.")
        form = dict(prepared.fragment)
        if "category" in form:
            form["taxonomy_id"] = self._number(form.pop("category"))
        if "images" in form:
            form["image_ids"] = self._pictures(listing, form.pop("images"), prepared.current)
        path = self._of_shop(self.updates[kind].path).replace("{key}", listing)
        self.client.send("PATCH", path, params=_PROFILES, form=form, idempotent=True)
        return {}

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """A parcel of a receipt; every telling sends the buyer a mail, so what is known is not told again."""
        key = shipment.order_key
        receipt = self.item(self.streams["order"], key) if self.is_key("order", key) else None
        if receipt is None:
            raise InvalidError(f"Etsy has no receipt {key!r}.", "missing")
        known = [text(one.get("tracking_code")) for one in receipt.get("shipments") or []]
        if shipment.tracking_number in known or (receipt.get("is_shipped") and not shipment.tracking_number):
            return Outcome()
        status = text(receipt.get("status"))
        if not receipt.get("is_paid") or status.casefold() in ("canceled", "fully refunded"):
            raise InvalidError(
                f"The receipt ({status}) is not paid or no longer wanted; nothing must leave.", "conflict"
            )
        if not shipment.tracking_number and text(receipt.get("country_iso")) == "IN":
            raise InvalidError("Etsy wants tracking number and carrier of a parcel to India.")
        parcel = {"tracking_code": shipment.tracking_number, "carrier_name": shipment.carrier or "other"}
        try:
            self._tell(key, parcel if shipment.tracking_number else {})
        except RefusedError as error:
            if "carrier" not in error.words.casefold():
                raise
            self._tell(key, {**parcel, "carrier_name": "other"})
        return Outcome()

    def _tell(self, key: str, body: Mapping[str, str]) -> None:
        path = self._of_shop(f"shops/{{shop}}/receipts/{key}/tracking")
        self.client.send("POST", path, params=_PROFILES, body=body)

    def _number(self, path: str) -> str:
        for number, known in self._paths().items():
            if known == path:
                return number
        raise InvalidError(f"Etsy has no category {path!r}; a path is wanted, levels joined by ' > '.", "unknown_value")

    def _pictures(self, listing: str, wanted: Sequence[str], current: Payload) -> str:
        """The numbers of the pictures in their order; new ones are fetched and brought to Etsy."""
        if not 1 <= len(wanted) <= 20:
            raise InvalidError(f"A listing has 1 to 20 pictures; these are {len(wanted)}.")
        known = {one["url_fullxfull"]: text(one["listing_image_id"]) for one in current.get("images") or []}
        for rank, address in enumerate(wanted, 1):
            if address not in known:
                files = {"image": (address.rpartition("/")[2] or "image", self._picture(address))}
                path = self._of_shop(f"shops/{{shop}}/listings/{listing}/images")
                sent = self.client.send("POST", path, files=files, form={"rank": str(rank)})
                known[address] = text(sent.value["listing_image_id"])
        return ",".join(known[address] for address in wanted)

    def _picture(self, address: str) -> bytes:
        try:
            return self.client.transfer("GET", address)
        except PlatformError as error:
            # It is the merchant's own host that fails, not Etsy.
            raise InvalidError(f"The picture {address} cannot be fetched: {error}") from None

    def _put_inventory(self, listing: str, changes: Sequence[Change], *, again: bool = True) -> Outcomes:
        """All changes of one listing's inventory in one write."""
        if not self.is_key("product", listing):
            return InvalidError(f"Etsy has no listing {listing!r}.", "missing").outcomes(changes)
        outcomes: Outcomes = {}
        path = f"listings/{listing}/inventory"
        try:
            body, outcomes = changed_tree(listing, self.client.send("GET", path, params=_PROFILES).value, changes)
            if body is not None:
                third = any(len(one["property_values"]) > 2 for one in body["products"])
                more = {"max_variations_supported": "3"} if third else {}
                self.client.send("PUT", path, params={**_PROFILES, **more}, body=body)
        except PlatformError as error:
            left = [one for one in changes if one.correction_id not in outcomes]
            return outcomes | self._refused_inventory(listing, left, error, again=again)
        return {one.correction_id: Outcome() for one in changes} | outcomes

    def _refused_inventory(
        self, listing: str, changes: Sequence[Change], error: PlatformError, *, again: bool
    ) -> Outcomes:
        """A tree with one bad value is refused whole: what was changed meanwhile is read anew, the others go alone."""
        if self.is_gone(error):
            return InvalidError(str(error), "missing").outcomes(changes)
        if error.status == 409 and again:
            return self._put_inventory(listing, changes, again=False)
        if len(changes) == 1 or not isinstance(error, RefusedError):
            return {one.correction_id: outcome_of(error) for one in changes}
        return {key: said for one in changes for key, said in self._put_inventory(listing, [one]).items()}


def _property(category: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Recommended at most: whether a listing has it would cost a call a listing, so nothing is judged by it."""
    name = found.get("display_name") or found.get("name")
    return {
        "category": category,
        "field": f"attributes.{name}",
        "label": name,
        "level": "recommended" if found.get("is_required") else "optional",
        "type": "text",
        "values": [one["name"] for one in found.get("possible_values") or []],
        "source": f"{_DOCS}#operation/getPropertiesByTaxonomyId",
    }


_REQUIRED = {"level": "required", "source": f"{_DOCS}#operation/createDraftListing"}
_ALWAYS: tuple[dict[str, Any], ...] = (
    _REQUIRED
    | {"field": "attributes.who_made", "label": "Who made it", "type": "choice"}
    | {"values": ["i_did", "someone_else", "collective"]},
    _REQUIRED | {"field": "attributes.when_made", "label": "When it was made", "type": "text"},
    _REQUIRED | {"field": "description", "label": "Description", "type": "text"},
)


def _events(delivery: Delivery) -> Iterator[Event]:
    """One event a delivery; it says that an order was paid and not surely which, so what changed is read."""
    yield Event(identified(delivery, "webhook-id"), "ORDER_PAID", "order")


PLATFORM = Etsy.describe(
    name="etsy",
    title="Etsy",
    docs="https://developers.etsy.com/documentation",
    credentials=(
        CredentialField("keystring", "Keystring", "etsy.com/developers/your-apps; of the app"),
        CredentialField("shared_secret", "Shared secret", "beside the keystring; the interface wants both"),
        CredentialField(
            "refresh_token",
            "Refresh token",
            "what the merchant's consent gives at the end; every use makes a new one, which is kept here by itself",
        ),
        CredentialField("shop_id", "Shop number", "the call users/me tells it; not the shop's name", secret=False),
        CredentialField(
            "webhook_secret",
            "Signing secret of the webhooks",
            "of the endpoint in the developer portal (commercial apps); only for events",
            required=False,
        ),
        ADDRESS,
        CredentialField(
            "api_key",
            "API key",
            required=False,
            replaced_by="the interface wants keystring and shared secret together; put them into 'keystring' and 'shared_secret'",
        ),
        CredentialField(
            "access_token",
            "Access token",
            required=False,
            replaced_by="it lasts an hour; put the refresh token of the same consent into 'refresh_token'",
        ),
    ),
    setup=(
        "Register an app at etsy.com/developers and wait until Etsy has approved it; note keystring and shared secret.",
        f"Let the shop's owner authorise it (OAuth 2.0 with PKCE) with the scopes: {_SCOPES}.",
        "Copy the refresh token and the shop's number. Use the token nowhere else: the first use ends it.",
    ),
    notes=(
        "Etsy has no brand, no GTIN and no reduced price; a sale is made in the shop itself.",
        "Etsy does not tell which listings changed: every sync reads all of them, of every state. Receipts are read by changes.",
        "Price, stock and SKU can differ between variants only where the listing lets them; that is set at Etsy.",
        "Weight, size, title, category and pictures belong to the listing as a whole.",
        "Listings are never published or renewed, for that costs a fee; sold out is not turned into active.",
        "Addresses of buyers are withheld from some apps; that is no fault of an order.",
        "An inventory whose quantities are all 0 is refused by Etsy; take the listing off sale (inactive) instead.",
    ),
    rewritten={"product": frozenset({"images"})},
    # The recipe of the signature is unconfirmed (etsy/open-api issue 1509): an event that does not fit it is refused.
    webhook=Webhook(Standard("webhook_secret"), _events, topics=("ORDER_PAID",)),
    extra=frozenset({Capability.SHIP_ORDERS, Capability.REQUIREMENTS}),
)
