"""Offers, prices and stock are written by imports: sent, worked on for a while, and reported line by line.

Each of the three replaces what it is about, so each is given all of it: OF24 the whole offer, PRI01 all prices of the
offer, STO01 the stock in all its warehouses.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.changes import Change, InvalidError, Outcome, Outcomes, outcome_of
from connectors.errors import PlatformError
from connectors.imports import LATE, poll
from connectors.mapping import Payload, at, plain_number, text
from connectors.platforms.mirakl.instance import Instance
from connectors.platforms.mirakl.reading import context_of, default_price, full_price
from connectors.rest import Prepared

__all__ = ["write"]

Rows = list[dict[str, Any]]


# ---- the whole offer: OF24 -----------------------------------------------------------------------------------------

_KEPT = {
    "shop_sku": "shop_sku",
    "product_id": "product_sku",
    "state_code": "state_code",
    "quantity": "quantity",
    "description": "description",
    "internal_description": "internal_description",
    "leadtime_to_ship": "leadtime_to_ship",
    "logistic_class": "logistic_class.code",
    "min_order_quantity": "min_order_quantity",
    "max_order_quantity": "max_order_quantity",
    "package_quantity": "package_quantity",
    "min_quantity_alert": "min_quantity_alert",
    "allow_quote_requests": "allow_quote_requests",
    "available_started": "available_start_date",
    "available_ended": "available_end_date",
    "price_additional_info": "price_additional_info",
    "product_tax_code": "product_tax_code",
    "msrp": "msrp",
    "eco_contributions": "eco_contributions",
    "offer_additional_fields": "offer_additional_fields",
}
"""Member of an offer in OF24 to its place in OF21."""

_PRICED = ("unit_origin_price", "unit_discount_price", "discount_start_date", "discount_end_date")


def _offer(offer: Payload, values: Mapping[str, Any]) -> Rows:
    """The whole offer with the changes in it: what is not sent goes back to its default, quantity to 0."""
    if offer.get("warehouses"):
        raise InvalidError(
            "OF24 has no stock by warehouse, and what it would do to that of this offer is not documented. Change the offer "
            "in the marketplace's back office."
        )
    prices = offer.get("all_prices") or []
    body: dict[str, Any] = {name: at(offer, path) for name, path in _KEPT.items()} | {
        "product_id_type": "SKU",
        "update_delete": "update",
        "price": full_price(offer),
        "discount": _discount(offer),
        "retail_prices": [_only(one, *_PRICED) for one in offer.get("retail_prices") or ()] or None,
    }
    if len(prices) > 1 or any(one["quantity_threshold"] > 1 for price in prices for one in price["volume_prices"]):
        body["all_prices"] = [_restated(one) for one in prices]
    if offer["features"].get("lead_time_to_ship_by_sellers_enabled") == "NO":
        body["leadtime_to_ship"] = None
    return [_known({**body, **values})]


def _discount(offer: Payload) -> dict[str, Any] | None:
    default, ranges = default_price(offer), at(offer, "discount.ranges")
    if default.get("unit_discount_price") is None and not ranges:
        return None
    # "price" is not to be used beside ranges; they begin with the one for a single unit.
    sized = {"ranges": ranges} if ranges else {"price": default["unit_discount_price"]}
    return _known(
        sized | {"start_date": default.get("discount_start_date"), "end_date": default.get("discount_end_date")}
    )


def _restated(price: Payload) -> dict[str, Any]:
    context = context_of(price)
    channels = context.pop("channel_codes", [])
    if context or len(channels) > 1:
        raise InvalidError(
            "This offer has prices for some customers, some time or several channels. OF24 cannot say them again and would "
            "delete them. Change the offer in the marketplace's back office."
        )
    volumes = [_only(one, "quantity_threshold", *_PRICED[:2]) for one in price["volume_prices"]]
    channel = {"channel_code": channels[0]} if channels else {}
    return channel | _only(price, *_PRICED) | {"volume_prices": volumes}


def _only(value: Payload, *names: str) -> dict[str, Any]:
    return _known({name: value.get(name) for name in names})


def _known(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


# ---- all prices of an offer: PRI01 ---------------------------------------------------------------------------------

_PRICE_COLUMNS = ("price", "discount-price", "discount-start-date", "discount-end-date")
_CONTEXT_COLUMNS = {
    "channel_codes": "channels",
    "start_date": "start-date",
    "end_date": "end-date",
    "customer_organization_ids": "customer-organization-ids",
    "customer_group_ids": "customer-group-ids",
}


def _prices(offer: Payload, values: Mapping[str, str]) -> Rows:
    """All prices, the default one with the changes in it: what is not in the file is deleted."""
    if offer.get("retail_prices"):
        raise InvalidError("This is a dropship offer with retail prices; change its prices in the back office.")
    others = [_price(offer, one) for one in offer.get("all_prices") or () if context_of(one)]
    changed = _price(offer, default_price(offer) or {"unit_origin_price": full_price(offer)}) | dict(values)
    price, reduced = plain_number(changed["price"]), plain_number(changed["discount-price"])
    if price is not None and reduced is not None and reduced >= price:
        raise InvalidError(
            f"The reduced price {changed['discount-price']} must be below the price {changed['price']}; send both together."
        )
    is_dated = changed["discount-start-date"] and changed["discount-end-date"]
    if reduced is not None and not is_dated and at(offer["features"], "pricing.discount_period_required"):
        raise InvalidError(
            "This marketplace takes a reduced price only with the first and the last moment of the discount; begin the "
            "discount in the back office, then its price can be changed."
        )
    return [changed, *others]


def _price(offer: Payload, price: Payload) -> dict[str, str]:
    context = context_of(price)
    if any(len(value) > 1 for value in context.values() if isinstance(value, list)):
        raise InvalidError(
            "This offer has a price for several channels or customers at once, and PRI01 deletes every price that is not in "
            "its file; how several are written there is not documented. Change the price in the back office."
        )
    volumes = [one for one in price.get("volume_prices") or () if one["quantity_threshold"] > 1]
    row = {"offer-sku": offer["shop_sku"]}
    row |= {column: text(price.get(member)) for column, member in zip(_PRICE_COLUMNS, _PRICED, strict=True)}
    ranges = {"price-ranges": _ranges(volumes, _PRICED[0]), "discount-ranges": _ranges(volumes, _PRICED[1])}
    row |= {column: value for column, value in ranges.items() if value}
    return row | {
        _CONTEXT_COLUMNS[name]: value[0] if isinstance(value, list) else value for name, value in context.items()
    }


def _ranges(volumes: Iterable[Payload], member: str) -> str:
    """Volume prices as ``5|6.80,10|6.20``.

    References
    ----------
    https://support.astoreprocurement.com/hc/en-gb/articles/7566559423004, columns C and E (read 2026-11-25).
    """
    return ",".join(
        f"{one['quantity_threshold']}|{text(one[member])}" for one in volumes if one.get(member) is not None
    )


# ---- the stock of an offer: STO01 ----------------------------------------------------------------------------------


def _stock(offer: Payload, values: Mapping[str, str]) -> Rows:
    """The stock in all warehouses: whether one that is not named keeps its own is not documented."""
    stored = {one["code"]: text(one["quantity"]) for one in offer.get("warehouses") or ()}
    return [
        {"offer-sku": offer["shop_sku"], "quantity": count, "warehouse-code": name, "update-delete": "update"}
        for name, count in {**stored, **values}.items()
    ]


# ---- sending and reporting -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Way:
    """A way of writing: the call, its file if it takes one, and the pace at which it may be asked after (seconds)."""

    operation: str
    path: str
    status: str
    every_s: float
    rows: Callable[[Payload, Mapping[str, Any]], Rows]
    columns: tuple[str, ...] = ()


@dataclass
class _Job:
    """What is changed of one offer in one import."""

    offer: Payload
    changes: list[Change] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


_WAYS = {
    "offer": _Way("OF24", "api/offers", "api/offers/imports/{id}", 60, _offer),
    "price": _Way(
        "PRI01", "api/offers/pricing/imports", "api/offers/pricing/imports", 60, _prices, ("offer-sku", *_PRICE_COLUMNS)
    ),
    "quantity": _Way(
        "STO01", "api/offers/stock/imports", "api/offers/stock/imports/{id}/status", 15, _stock,
        ("offer-sku", "quantity", "warehouse-code", "update-delete"),
    ),
}  # fmt: skip
"""Part of a change to the call that writes it; paces as OF02, PRI02 and STO02 state them (read 2026-11-23)."""


def write(instance: Instance, prepared: Sequence[Prepared]) -> Outcomes:
    """One import for each way of writing that is needed; a change that its report leaves open is left out."""
    outcomes: Outcomes = {}
    for member, way in _WAYS.items():
        jobs, lines = _jobs(prepared, member), {}
        for sku, job in jobs.items():
            try:
                lines[sku] = way.rows(job.offer, job.values)
            except InvalidError as error:
                outcomes |= error.outcomes(job.changes)
        for sku, outcome in _imported(instance, way, lines).items() if lines else ():
            outcomes |= {one.correction_id: outcome for one in jobs[sku].changes}
    return outcomes


def _jobs(prepared: Iterable[Prepared], member: str) -> dict[str, _Job]:
    """The changes that go one way, by offer: several records may be about one."""
    jobs: dict[str, _Job] = {}
    for one in prepared:
        for changes, fragment in one.parts:
            if member in fragment:
                job = jobs.setdefault(one.current["shop_sku"], _Job(one.current))
                job.changes += changes
                job.values |= fragment[member]
    return jobs


def _imported(instance: Instance, way: _Way, lines: Mapping[str, Rows]) -> dict[str, Outcome]:
    """SKU to what became of it; left out where the platform does not say."""
    rows = [row for some in lines.values() for row in some]
    try:
        state, failures = _carried_out(instance, way, rows)
    except PlatformError as error:
        return dict.fromkeys(lines, outcome_of(error))
    if state is None:
        return dict.fromkeys(lines, LATE)
    if state["status"] == "FAILED":
        return dict.fromkeys(lines, Outcome("refused", text(state.get("reason_status")) or "The import failed."))
    told, wrong = state.get("lines_in_success"), state.get("lines_in_error") or 0
    good = {sku: Outcome() for sku in lines} if told is None or told + wrong >= len(rows) else {}
    return good | {sku: Outcome("refused", reason) for sku, reason in failures.items() if sku in lines}


def _carried_out(instance: Instance, way: _Way, rows: Rows) -> tuple[Mapping[str, Any] | None, dict[str, str]]:
    """The final state of an import, None when it takes too long, and its failures by SKU."""
    client, delimiter = instance.client, instance.delimiter
    content: dict[str, Any] = {"body": {"offers": rows}}
    if way.columns:
        content = {"files": {"file": ("import.csv", _csv(rows, way.columns, delimiter), "text/csv")}}
    # All of it sets values: sent twice, it is the same.
    answer = client.send("POST", way.path, idempotent=True, operation=way.operation, **content).value
    number = text(answer["import_id"])

    def ask() -> Mapping[str, Any]:
        if "{id}" in way.status:
            return dict(client.send("GET", way.status.replace("{id}", number)).value)
        return next(iter(client.send("GET", way.status, params={"import_id": number}).value["data"]), {})

    state = poll(client, ask, lambda found: found.get("status") in ("COMPLETE", "FAILED"), first_s=way.every_s)
    if state is None or not state["has_error_report"]:
        return state, {}
    path = f"{way.path.removesuffix('/imports')}/imports/{number}/error_report"
    report = client.send("GET", path, headers={"Accept": "*/*"}, decode=_failures(delimiter)).value
    return state, report or {}


def _csv(rows: Rows, columns: Sequence[str], delimiter: str) -> bytes:
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    target = io.StringIO()
    writer = csv.DictWriter(target, names, restval="", delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue().encode()


def _failures(delimiter: str) -> Callable[[bytes], dict[str, str]]:
    """Reader of an error report: SKU of the offer to what is wrong with it."""

    def report(content: bytes) -> dict[str, str]:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=delimiter))
        names = [name.strip().lower().replace("_", "-") for name in lines[0]]
        sku = next((names.index(name) for name in ("offer-sku", "shop-sku", "sku") if name in names), None)
        if sku is None:
            raise ValueError("the report has no column for the offer's SKU")
        # PRI03 and STO03 give the reason in the second column; OF03 does not say where.
        reason = next((n for n, name in enumerate(names) if "error" in name and "line" not in name), 1)
        found: dict[str, list[str]] = {}
        for line in lines[1:]:
            if len(line) > max(sku, reason):
                found.setdefault(line[sku], []).append(line[reason])
        return {name: "; ".join(dict.fromkeys(reasons)) for name, reasons in found.items()}

    return report
