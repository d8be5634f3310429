"""Partial writes never wipe: on every platform, whatever field of whatever record is updated, to whatever value.

The twin's whole state is compared before and after: one document may change, in the value that was sent and nowhere else,
and putting the old value back gives the very same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.platform import platform
from tests.contract.conftest import PLATFORMS, Shop, changed, leaves
from tests.contract.test_platforms import change

PLAIN = st.characters(codec="utf-8", categories=("Lu", "Ll", "Nd"))
WORD = st.text(PLAIN, min_size=2, max_size=12)
TEXTS = st.lists(WORD, min_size=2, max_size=5).map(" ".join)
CENTS = st.integers(100, 500_000).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")
WHOLE = st.integers(1, 900).map(str)
VALUES = {
    "title": TEXTS,
    "description": TEXTS,
    "price": CENTS,
    "quantity": WHOLE,
    "weight_g": st.integers(1, 90).map(lambda number: str(number * 100)),
    "length_mm": WHOLE.map(lambda number: f"{number}0"),
    "width_mm": WHOLE.map(lambda number: f"{number}0"),
    "height_mm": WHOLE.map(lambda number: f"{number}0"),
    "ship_city": TEXTS,
    "ship_street": TEXTS,
}
"""Fields that take a value of their own making; the others have closed lists and are tried by the contract."""

MOST_PATHS = 3
"""Values that one field may move in a platform's document: the value, its unit, and a figure made of it."""


@pytest.mark.parametrize("name", PLATFORMS)
def test_one_field_changes_and_nothing_else(name: str, shops: Callable[[str], Shop]) -> None:
    shop = shops(name)
    choices = [
        (kind, field, row)
        for kind, fields in sorted(platform(name).writable.items())
        if kind in shop.records
        for field in sorted(fields & VALUES.keys())
        for row in rows_for(shop.records[kind], kind, field)
    ]
    if not choices:
        pytest.skip(f"{name} lets nothing be written that is tried here")

    @settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def writes(data: st.DataObject) -> None:
        kind, field, row = data.draw(st.sampled_from(choices))
        value = data.draw(VALUES[field])
        before = leaves(shop.twin.state.dump())
        sent = change(kind, row, field, value)
        result = shop.connector.push(sent)
        after = leaves(shop.twin.state.dump())
        moved = changed(before, after)
        if result["status"][0] == "refused":
            assert not moved
            return
        assert len(moved) <= MOST_PATHS, moved
        assert len({tuple(path.split("/")[1:3]) for path in moved}) <= 1, "one document only"
        back = shop.connector.push(change(kind, row, field, sent["before"][0], before=value))
        assert back["status"][0] == "accepted", back["message"][0]
        assert not changed(before, leaves(shop.twin.state.dump())), "put back, and every byte as it was"

    writes()


def rows_for(records: pl.DataFrame, kind: str, field: str) -> list[dict[str, Any]]:
    """A few records whose present value of the field can be written back."""
    found = records.filter(pl.col(field) != "")
    if kind == "product":
        found = found.filter((pl.col("level") != "parent") & (pl.col("sale_price") == ""))
        found = pl.concat([part.head(2) for part in found.partition_by("level")]) if found.height else found
    return found.head(4).rows(named=True)
