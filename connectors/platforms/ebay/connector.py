"""The connection to one seller's account on one marketplace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from connectors.changes import Change, InvalidError, Outcome, Outcomes, Shipment, outcome_of
from connectors.errors import CredentialError, PlatformError, ProtocolError, RefusedError
from connectors.limits import shared
from connectors.manners import Answer
from connectors.mapping import Payload, at, canonical, raw_text, text
from connectors.paginate import Counted
from connectors.platform import REQUIREMENTS
from connectors.platforms.ebay.account import (
    ACCOUNT,
    FULFILLMENT,
    HOSTS,
    INVENTORY,
    SCOPE,
    SITE,
    TAXONOMY,
    Revisions,
    words,
)
from connectors.platforms.ebay.reading import (
    GROUP,
    GROUP_FIELDS,
    ITEM_FIELDS,
    LINE_FIELDS,
    ORDER_FIELDS,
    SIDES,
    STOCK_FIELDS,
    group_key,
)
from connectors.platforms.ebay.taxonomy import TREES, leaves, requirement
from connectors.platforms.ebay.writing import (
    WRITERS,
    live_request,
    parcel,
    quantity,
    whole_group,
    whole_item,
    whole_offer,
)
from connectors.rest import ADDRESS, Prepared, RestConnector, Stream, Update, filled

__all__ = ["Ebay"]

_ITEMS, _GROUPS, _OFFERS, _ORDERS = (
    f"{INVENTORY}/inventory_item",
    f"{INVENTORY}/inventory_item_group/{{key}}",
    f"{INVENTORY}/offer",
    f"{FULFILLMENT}/order",
)
_AT_ONCE = 25
"""Items of a bulk call (Sell Inventory API 1.18.4, read 2026-11-23), and records that are read before they are written."""

_OLDEST = timedelta(days=729)
"""eBay refuses to look back further than two years (Sell Fulfillment API 1.20.7, getOrders, read 2026-11-23)."""

_GONE = re.compile(r"(?:25702|25705|25710|25713|32100): ")
"""Errors of Sell Inventory and Sell Fulfillment that say that there is no such record (read 2026-11-23)."""


class Ebay(RestConnector):
    """One seller on one marketplace."""

    site = SITE
    streams = {
        "product": Stream(
            path=_ITEMS,
            rows="inventoryItems",
            # The parameter is called offset and counts pages.
            pages=Counted(size=100, by_page=True, total="total"),
            fields=ITEM_FIELDS,
        ),
        "stock": Stream(
            path=_ITEMS,
            rows="inventoryItems",
            pages=Counted(size=200, by_page=True, total="total"),
            fields=STOCK_FIELDS,
        ),
        "order": Stream(
            path=_ORDERS,
            rows="orders",
            pages=Counted(size=100, total="total"),
            since=lambda moment: {"filter": f"lastmodifieddate:[{moment:%Y-%m-%dT%H:%M:%S}.000Z..]"},
            item=f"{_ORDERS}/{{key}}",
            lines="lineItems",
            fields=ORDER_FIELDS,
            line_fields=LINE_FIELDS,
        ),
    }
    updates = {
        "product": Update(
            path=f"{_ITEMS}/{{key}}",
            replaces=True,
            together=(frozenset(f"{side}_mm" for side in SIDES),),
            many=_AT_ONCE,
            fields=WRITERS,
        ),
        "stock": Update(path=f"{_ITEMS}/{{key}}", replaces=True, many=_AT_ONCE, fields={"quantity": quantity}),
    }

    def __init__(self, *opened: Any) -> None:
        super().__init__(*opened)
        given = self._given
        if not re.fullmatch(r"[1-9]|1\d|2[0-5]", given["skus_per_update"]):
            raise self.credential_error(f"skus_per_update is {given['skus_per_update']!r}; give a number from 1 to 25.")
        self._skus_per_update = int(given["skus_per_update"])
        self._marketplace = {"marketplace_id": given["marketplace_id"]}
        self._revisions = shared("ebay revisions", f"{given[ADDRESS.name]} {given['client_id']}", Revisions)

    # ---- the account -------------------------------------------------------------------------------------------

    def examine(self) -> list[str]:
        """Use every scope that is needed, and the marketplace."""
        calls: dict[str, tuple[str, dict[str, str]]] = {
            "sell.inventory": (_ITEMS, {"limit": "1", "offset": "0"}),
            "sell.fulfillment": (_ORDERS, {"limit": "1"}),
            "sell.account": (f"{ACCOUNT}/privilege", {}),
        }
        answers: dict[str, Answer] = {}
        for scope, (path, params) in calls.items():
            try:
                answers[scope] = self.client.send("GET", path, params=params)
            except CredentialError as error:
                if error.status != 403:
                    raise
        if lacking := [scope for scope in calls if scope not in answers]:
            raise self.credential_error(
                f"the refresh token lacks the scope {' and '.join(lacking)}. Check the consent: let the seller give it "
                f"again for {', '.join(f'{SCOPE}/{scope}' for scope in calls)}, and put the new refresh token in."
            )
        if not at(answers["sell.account"].value, "sellerRegistrationCompleted"):
            raise self.credential_error("the seller's registration at eBay is not complete. Finish it in My eBay.")
        place = f"{self._given['marketplace_id']} ({self._given['environment']}, category tree {self._tree})"
        items, orders = (text(at(answers[scope].value, "total")) or "0" for scope in list(calls)[:2])
        return [f"eBay answers for {place}: {items} inventory items, {orders} orders of the last 90 days."]

    @cached_property
    def _tree_version(self) -> Payload:
        name = self._marketplace["marketplace_id"]
        try:
            answer = self.client.send("GET", f"{TAXONOMY}/get_default_category_tree_id", params=self._marketplace)
        except RefusedError as error:
            raise self.credential_error(
                f"eBay knows no marketplace {name!r} ({error.words}). Check marketplace_id."
            ) from error
        if not at(answer.value, "categoryTreeId"):
            raise self.credential_error(f"eBay has no category tree for marketplace {name!r}. Check marketplace_id.")
        found: Payload = answer.value
        return found

    @property
    def _tree(self) -> str:
        """The marketplace's category tree."""
        return text(self._tree_version["categoryTreeId"])

    @cached_property
    def _categories(self) -> Mapping[str, str]:
        """Number of a leaf category to its path. A tree has megabytes: each version is fetched once in a process."""
        given = self._given
        version = text(self._tree_version.get("categoryTreeVersion"))
        place = (given[ADDRESS.name], given["environment"], given["language"], self._tree, version)
        if place not in TREES:
            answer = self.client.send("GET", f"{TAXONOMY}/category_tree/{self._tree}")
            TREES[place] = dict(leaves(at(answer.value, "rootCategoryNode.childCategoryTreeNodes") or []))
        return TREES[place]

    def _category_number(self, path: str) -> str:
        for number, known in self._categories.items():
            if known == path:
                return number
        raise InvalidError(f"category {path!r} is no leaf of eBay's category tree {self._tree}.", "unknown_value")

    @cached_property
    def _terms(self) -> dict[str, dict[str, str]]:
        """Number of a return or fulfillment policy to what it promises the buyer."""
        found = {}
        for one in self._policies("return", "returnPolicies"):
            accepted = text(one.get("returnsAccepted"))
            terms = {"return_policy": text(one.get("name")), "returns_accepted": accepted}
            found[text(one.get("returnPolicyId"))] = terms | {"return_days": _days(one.get("returnPeriod"))}
        for one in self._policies("fulfillment", "fulfillmentPolicies"):
            found[text(one.get("fulfillmentPolicyId"))] = {"lead_time_days": _days(one.get("handlingTime"))}
        return found

    def _policies(self, kind: str, rows: str) -> list[Payload]:
        try:
            answer = self.client.send("GET", f"{ACCOUNT}/{kind}_policy", params=self._marketplace, operation="account")
        except RefusedError:
            # A seller without business policies is refused; the rules then name the offers that lack one.
            return []
        return at(answer.value, rows) or []

    # ---- reading -----------------------------------------------------------------------------------------------

    def batches(self, kind: str, since: datetime | None) -> Iterator[list[Mapping[str, Any]]]:
        """Pages of items, each with its offer and followed by the groups that it is the first to name; pages of orders."""
        if kind == "order":
            oldest = datetime.fromtimestamp(self._environment.clock(), UTC) - _OLDEST
            yield from super().batches(kind, since and max(since, oldest))
        elif kind == "stock":
            for rows in self.walk(self.streams[kind]):
                yield [{"item": row} for row in rows]
        else:
            seen: set[str] = set()
            for rows in self.walk(self.streams[kind]):
                items = [self._with_offer(row) for row in rows]
                keys = dict.fromkeys(group_key(row) for row in rows if isinstance(row, Mapping))
                fresh = [key for key in keys if key and key not in seen]
                seen.update(fresh)
                yield [*items, *self._groups(fresh, items, most=1)]

    def records(self, kind: str, payload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The row of an item or of a group; an item whose offer eBay refuses to give cannot be read."""
        if payload.get("refusal"):
            raise ValueError(f"eBay does not give the offer of this SKU: {payload['refusal']}")
        if "group" in payload:
            yield kind, canonical(payload, GROUP_FIELDS) | {"raw": raw_text(payload)}
            return
        yield from super().records(kind, payload)

    def payloads(self, kind: str, keys: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """The named records; items 25 at a time, groups with all their items."""
        if kind == "order":
            yield from super().payloads(kind, keys)
            return
        names = [key for key, _ in keys if self.is_key(kind, key)]
        yield from self._items([one for one in names if not one.startswith(GROUP)])
        yield from self._groups([one.removeprefix(GROUP) for one in names if one.startswith(GROUP)])

    def key_of(self, kind: str, payload: Any) -> str:
        """The SKU or the number of the order."""
        found = payload if isinstance(payload, Mapping) else {}
        item = found.get("item")
        return str((item.get("sku") if isinstance(item, Mapping) else found.get("orderId")) or "")

    def is_gone(self, error: PlatformError) -> bool:
        """Whether there is no such record; eBay also says so with status 400 and an error of its own."""
        return super().is_gone(error) or bool(_GONE.match(error.words))

    def _items(self, skus: Sequence[str]) -> Iterator[Payload]:
        for start in range(0, len(skus), _AT_ONCE):
            body = {"requests": [{"sku": sku} for sku in skus[start : start + _AT_ONCE]]}
            answer = self.client.send("POST", f"{INVENTORY}/bulk_get_inventory_item", body=body, idempotent=True)
            for entry in at(answer.value, "responses") or []:
                if "inventoryItem" in entry:
                    yield self._with_offer(entry["inventoryItem"])
                elif not 400 <= int(entry.get("statusCode") or 0) < 500:
                    raise ProtocolError(
                        f"eBay does not give SKU {entry.get('sku')!r} ({words(entry)}). Try again later."
                    )

    def _with_offer(self, item: Payload) -> Payload:
        """An item with its offer on this marketplace; eBay gives the offers of one SKU at a time."""
        sku = text(item.get("sku")) if isinstance(item, Mapping) else ""
        if not sku:
            return {"item": item}
        try:
            answer = self.client.send("GET", _OFFERS, params={"sku": sku, **self._marketplace, "format": "FIXED_PRICE"})
        except RefusedError as error:
            # An SKU without an offer is answered with 404.
            return {"item": item} if self.is_gone(error) else {"item": item, "refusal": error.words or str(error)}
        offer: Payload = next(iter(at(answer.value, "offers") or []), {})
        number, policies = text(offer.get("categoryId")), at(offer, "listingPolicies") or {}
        terms: dict[str, str] = {}
        for name in ("returnPolicyId", "fulfillmentPolicyId"):
            terms |= self._terms.get(text(policies.get(name)), {})
        category = self._categories.get(number, number) if number else ""
        return {"item": item, "offer": offer, "category": category, "terms": terms}

    def _groups(
        self, keys: Sequence[str], known: Sequence[Payload] = (), *, most: int | None = None
    ) -> Iterator[Payload]:
        """Groups with their items, or with the first of them; a group that is gone is left out."""
        by_sku = {sku: one for one in known if (sku := self.key_of("product", one))}
        for key in keys:
            try:
                group = self.client.send("GET", filled(_GROUPS, key)).value or {}
            except RefusedError as error:
                if self.is_gone(error):
                    continue
                raise
            skus = [text(one) for one in (group.get("variantSKUs") or [])[:most]]
            found = {
                self.key_of("product", one): one for one in self._items([one for one in skus if one not in by_sku])
            }
            members = [one for sku in skus if (one := by_sku.get(sku) or found.get(sku))]
            yield {"group": {**group, "inventoryItemGroupKey": key}, "members": members}

    # ---- writing -----------------------------------------------------------------------------------------------

    def write(self, changes: Sequence[Change]) -> Iterator[Outcomes]:
        """A few records at a time, so that little can be sold between reading and writing."""
        records: dict[tuple[str, str], list[Change]] = {}
        for one in changes:
            records.setdefault((one.kind, one.record_key), []).append(one)
        groups = list(records.values())
        for start in range(0, len(groups), _AT_ONCE):
            yield from super().write([one for some in groups[start : start + _AT_ONCE] for one in some])

    def current(self, kind: str, keys: Sequence[tuple[str, str]]) -> dict[str, Payload]:
        """The records, with the function that knows the numbers of categories."""
        found = super().current(kind, keys)
        return {key: {**one, "category_number": self._category_number} for key, one in found.items()}

    def put(self, kind: str, prepared: Prepared) -> Outcomes:
        """Replace what holds the changed fields: group, items and offers; price and quantity have a call of their own."""
        current, fragment = prepared.current, prepared.fragment
        if "group" not in current:
            self._put_item(current, fragment)
            return {}
        if "group" in fragment:
            first: Payload = next(iter(current["members"]), {"item": {}})
            self._revise(first)
            body = whole_group(current["group"], fragment["group"])
            path = filled(_GROUPS, prepared.key.removeprefix(GROUP))
            self.client.send("PUT", path, body=body, headers=_spoken(first["item"]))
        for member in current["members"]:
            self._put_item(member, fragment.get("members", {}))
        return {}

    def put_many(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        """Items alone go together, prices and quantities as many as eBay takes, everything else one by one."""
        alone: list[Prepared] = []
        items: dict[str, list[Prepared]] = {}
        live: list[Prepared] = []
        for one in prepared:
            parts = set(one.fragment) if "group" not in one.current else set()
            if parts == {"item"}:
                items.setdefault(text(at(one.current, "item.locale")), []).append(one)
            elif parts == {"live"} and self._skus_per_update > 1:
                live.append(one)
            else:
                alone.append(one)
        outcomes = self._one_by_one(kind, alone)
        for some in items.values():
            outcomes |= self._bulk(kind, some, "bulk_create_or_replace_inventory_item", _item_request)
        for start in range(0, len(live), self._skus_per_update):
            some = live[start : start + self._skus_per_update]
            outcomes |= self._bulk(kind, some, "bulk_update_price_quantity", _live_request)
        return outcomes

    def _one_by_one(self, kind: str, prepared: Sequence[Prepared]) -> Outcomes:
        outcomes: Outcomes = {}
        for one in prepared:
            outcomes |= self._put_record(kind, one)
        return outcomes

    def _bulk(
        self, kind: str, prepared: Sequence[Prepared], call: str, request: Callable[[Prepared], dict[str, Any]]
    ) -> Outcomes:
        """One bulk call; a record that it refuses is tried alone, so that its good fields are not held up."""
        outcomes: Outcomes = {}
        ready = []
        for one in prepared:
            try:
                self._revise(one.current)
                ready.append(one)
            except InvalidError as error:
                outcomes |= error.outcomes(one.changes)
        if not ready:
            return outcomes
        body, headers = {"requests": [request(one) for one in ready]}, _spoken(ready[0].current["item"])
        try:
            answer = self.client.send("POST", f"{INVENTORY}/{call}", body=body, headers=headers, idempotent=True)
        except RefusedError:
            return outcomes | self._one_by_one(kind, ready)
        except ProtocolError as error:
            return outcomes | {key: value for one in ready for key, value in one.all(outcome_of(error)).items()}
        report: dict[str, list[Payload]] = {}
        for entry in at(answer.value, "responses") or []:
            report.setdefault(text(entry.get("sku")), []).append(entry)
        refused = [one for one in ready if any(_is_refused(entry) for entry in report.get(one.key, ()))]
        for one in ready:
            # What the report does not name stays unknown.
            if one.key in report and one not in refused:
                outcomes |= one.all(Outcome())
        return outcomes | self._one_by_one(kind, refused)

    def _put_item(self, payload: Payload, fragment: Payload) -> None:
        item, offer = payload["item"], payload.get("offer")
        headers = _spoken(item)
        if "item" in fragment:
            self._revise(payload)
            body = whole_item(item, fragment["item"])
            self.client.send("PUT", filled(f"{_ITEMS}/{{key}}", item["sku"]), body=body, headers=headers)
        # A variant that is not offered has nothing to change.
        if "offer" in fragment and offer:
            self._revise(payload)
            body = whole_offer(offer, fragment["offer"])
            self.client.send("PUT", filled(f"{_OFFERS}/{{key}}", offer["offerId"]), body=body, headers=headers)
        if "live" in fragment:
            self._revise(payload)
            body = {"requests": [live_request(payload, fragment["live"])]}
            answer = self.client.send("POST", f"{INVENTORY}/bulk_update_price_quantity", body=body, idempotent=True)
            for entry in at(answer.value, "responses") or []:
                if _is_refused(entry):
                    raise RefusedError(f"eBay refuses SKU {item['sku']!r}: {words(entry)}", words=words(entry))

    def _revise(self, payload: Payload) -> None:
        listing = text(at(payload, "offer.listing.listingId"))
        if listing:
            self._revisions.take(listing, self._environment.clock())

    def send_shipment(self, shipment: Shipment) -> Outcome:
        """One parcel; what eBay knows already is not told again."""
        order = (
            self.item(self.streams["order"], shipment.order_key) if self.is_key("order", shipment.order_key) else None
        )
        if order is None:
            raise InvalidError(f"eBay has no order {shipment.order_key!r}.", "missing")
        path = filled(f"{_ORDERS}/{{key}}/shipping_fulfillment", shipment.order_key)
        parcels = at(self.client.send("GET", path).value, "fulfillments") or []
        body = parcel(shipment, order, parcels)
        if body is not None:
            self.client.send("POST", path, body=body, idempotent=False)
        return Outcome()

    # ---- what eBay publishes -----------------------------------------------------------------------------------

    def requirements(self, categories: Sequence[str]) -> pl.DataFrame:
        """The item specifics of these categories."""
        numbers = {path: number for number, path in self._categories.items()}
        address = f"{TAXONOMY}/category_tree/{self._tree}/get_item_aspects_for_category"
        host, rows = HOSTS[self._given["environment"]], []
        for path in [one for one in categories if one in numbers]:
            answer = self.client.send("GET", address, params={"category_id": numbers[path]})
            source = f"{host}/{address}?category_id={numbers[path]}"
            rows += [requirement(path, one, source) for one in at(answer.value, "aspects") or []]
        return pl.DataFrame(rows, schema=REQUIREMENTS)


def _days(period: Payload | None) -> str:
    """Days of a period; empty where it is not counted in days."""
    return text((period or {}).get("value")) if "DAY" in text((period or {}).get("unit")) else ""


def _spoken(item: Payload) -> dict[str, str]:
    """The header that keeps a record in its own language."""
    locale = text(item.get("locale"))
    return {"Content-Language": locale.replace("_", "-")} if locale else {}


def _item_request(one: Prepared) -> dict[str, Any]:
    item = one.current["item"]
    return {"sku": one.key, "locale": text(item.get("locale")), **whole_item(item, one.fragment["item"])}


def _live_request(one: Prepared) -> dict[str, Any]:
    return live_request(one.current, one.fragment["live"])


def _is_refused(entry: Payload) -> bool:
    return int(entry.get("statusCode") or 0) >= 300
