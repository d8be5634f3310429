"""The stream: batches of records as vendors deliver them, most of them with one fault, and the truth beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from connectors.record import schema
from experiments.replay.catalogue import ALIASES, ATTRIBUTES, VENDORS, Row, Vendor, canonical_values, catalogue
from experiments.replay.faults import FAULTS, SHARES, make

__all__ = ["ABRUPT", "Batch", "GRADUAL", "merchant_rules", "stream"]

ABRUPT, GRADUAL = 0.50, (0.70, 0.85)
"""Shares of the stream at which half of the vendors change their habits at once, and between which the others do bit by bit."""

_FAULTS_A_BATCH, _CLEAN_A_BATCH, _CLEAN_AT_FIRST = 100, 30, 150
_OTHER_PRICE = {"comma": "thousands", "thousands": "comma", "symbol": "comma", "rupees": "symbol", "whole": "symbol"}
_OTHER_DATE = {
    "m/d/Y": "d/m/Y",
    "d/m/Y": "m/d/Y",
    "m/d/y": "d.m.Y",
    "d/m/y": "m/d/y",
    "d.m.Y": "d/m/Y",
    "Y/m/d": "d/m/Y",
}


@dataclass(frozen=True)
class Batch:
    """What one vendor delivers at one time.

    Attributes
    ----------
    vendor : Vendor
    kind : str
    records : polars.DataFrame
        Canonical columns.
    faults : polars.DataFrame
        ``record_key, field, fault, family, value, truth, is_recoverable`` of every fault in them.
    record : dict
        Record key to the clean record.
    """

    vendor: Vendor
    kind: str
    records: pl.DataFrame
    faults: pl.DataFrame
    clean: dict[str, Row]


def merchant_rules(data: Path, *, is_after: bool = False) -> list[dict[str, Any]]:
    """What the merchant asks for beyond the channels' rules: no advertising in titles, real categories, agreed attribute values.

    After the abrupt drift some of the agreed values are others.
    """
    why = {"type": "business_rule", "severity": "warning", "source": "The merchant's own rule."}
    rules: list[dict[str, Any]] = [
        {
            "id": "merchant-title-advertising",
            "kinds": ["product"],
            "field": "title",
            "check": "forbidden_words",
            "params": {"words": ["best price", "free shipping", "100% genuine", "limited offer"]},
            "why": "Advertising does not belong into a title.",
            "correction": ["title", "text"],
            "good": ["Desk lamp"],
            "bad": ["Desk lamp free shipping"],
            **why,
        },
        {
            "id": "merchant-title-length",
            "kinds": ["product"],
            "field": "title",
            "check": "length",
            "params": {"maximum": 250},
            "why": "Longer titles are cut off.",
            "correction": ["title"],
            "good": ["Desk lamp"],
            "bad": ["x" * 251],
            **why,
        },
        {
            "id": "merchant-category-unknown",
            "kinds": ["product"],
            "field": "category",
            "check": "none_of",
            "params": {"values": ["Uncategorized"], "ignore_case": True},
            "why": "Nobody finds what has no category.",
            "correction": ["category"],
            "good": ["Lamps"],
            "bad": ["Uncategorized"],
            **why,
        },
    ]
    known = canonical_values(data)
    for name in ATTRIBUTES:
        values = sorted(
            {ALIASES.get(one, one) for one in known[name]} if is_after else set(known[name]) - set(ALIASES.values())
        )
        slug = "".join(one if one.isalnum() else "-" for one in name.lower()).strip("-")
        rules.append(
            {
                "id": f"merchant-attribute-{slug}",
                "kinds": ["product"],
                "field": f"attributes.{name.lower()}",
                "check": "one_of",
                "params": {"values": values},
                "why": f"{name} takes one of the agreed values.",
                "correction": [],
                "good": [values[0]],
                "bad": ["no such value"],
                **why,
            }
        )
    return rules


def stream(data: Path, *, faults: int, seed: int) -> Iterator[Batch]:
    """Batches until that many faults were made; equal arguments give equal batches."""
    random = np.random.default_rng(seed)
    sources = {
        vendor.name: catalogue(vendor, data, np.random.default_rng([seed, place]))
        for place, vendor in enumerate(VENDORS)
    }
    seen: set[tuple[str, str]] = set()
    made, families = 0, dict.fromkeys(SHARES, 0)
    while made < faults:
        progress = made / faults
        present = [vendor for vendor in VENDORS if progress >= vendor.joins_at]
        weights = np.array([1 / (VENDORS.index(vendor) + 1) for vendor in present])
        vendor = present[int(random.choice(len(present), p=weights / weights.sum()))]
        kind = str(random.choice(["product", "order"], p=_kinds()))
        wanted = min(_FAULTS_A_BATCH, faults - made)
        fresh = 0 if (vendor.name, kind) in seen else _CLEAN_AT_FIRST
        seen.add((vendor.name, kind))
        # Not every vendor's records lend themselves to every fault, so what lags behind its share is preferred.
        lags = {
            name: max(share * (made + wanted) - families[name], 0.1 * share * wanted) for name, share in SHARES.items()
        }
        batch = _batch(vendor, kind, sources[vendor.name], lags, wanted, _CLEAN_A_BATCH + fresh, progress, random)
        made += batch.faults.height
        for (name,), part in batch.faults.partition_by("family", as_dict=True).items():
            families[str(name)] += part.height
        yield batch


def _batch(
    vendor: Vendor,
    kind: str,
    sources: tuple[Iterator[Row], Iterator[Row]],
    shares: Mapping[str, float],
    wanted: int,
    clean: int,
    progress: float,
    random: np.random.Generator,
) -> Batch:
    rows = sources[0] if kind == "product" else sources[1]
    kinds = [fault for fault in FAULTS if fault.kind == kind]
    weights = np.array([fault.share * shares[fault.family] for fault in kinds])
    found, written, originals = [], [], {}
    tried = 0
    while len(found) < wanted and tried < 20 * wanted:
        tried += 1
        fault = kinds[int(random.choice(len(kinds), p=weights / weights.sum()))]
        row = next(rows)
        is_after = _is_after(vendor, progress, random)
        made = make(fault, row, vendor, _habits(vendor, is_after), random)
        if made is None or made.value == row.get(made.field, ""):
            continue
        truth = ALIASES.get(made.truth, made.truth) if progress >= ABRUPT else made.truth
        found.append((row["record_key"], made.field, fault.name, fault.family, made.value, truth, made.is_recoverable))
        originals[row["record_key"]] = row
        for name, value in {made.field: made.value, **made.lost}.items():
            row = _with(row, name, value)
        written.append(row)
    written += [next(rows) for _ in range(clean)]
    random.shuffle(written)
    columns = ("record_key", "field", "fault", "family", "value", "truth", "is_recoverable")
    types = dict.fromkeys(columns, pl.String) | {"is_recoverable": pl.Boolean}
    return Batch(vendor, kind, _frame(written, kind), pl.DataFrame(found, schema=types, orient="row"), originals)


def _with(row: Row, field: str, value: str) -> Row:
    root, _, name = field.partition(".")
    return row | {root: row[root] | {name: value} if name else value}


def _frame(rows: list[Row], kind: str) -> pl.DataFrame:
    types = {name: dtype for name, dtype in schema(kind).items() if name in rows[0]}
    plain = [
        {
            name: [{"key": k, "value": v} for k, v in row[name].items()] if name == "attributes" else row[name]
            for name in types
        }
        for row in rows
    ]
    return pl.DataFrame(plain, schema=types)


def _is_after(vendor: Vendor, progress: float, random: np.random.Generator) -> bool:
    if VENDORS.index(vendor) % 2 == 0:
        return progress >= ABRUPT
    start, end = GRADUAL
    return random.random() < (progress - start) / (end - start)


def _habits(vendor: Vendor, is_after: bool) -> dict[str, str]:
    late = {"late": "yes"} if vendor.joins_at else {}
    if not is_after:
        return vendor.habits | late
    return (
        vendor.habits
        | late
        | {"price": _OTHER_PRICE[vendor.habits["price"]], "date": _OTHER_DATE[vendor.habits["date"]]}
    )


def _kinds() -> list[float]:
    products = sum(one.share * SHARES[one.family] for one in FAULTS if one.kind == "product")
    total = sum(one.share * SHARES[one.family] for one in FAULTS)
    return [products / total, 1 - products / total]
