"""The contract against real accounts: ``pytest -m live``. `docs/platforms.md` lists what to put into the environment.

Everything it changes it puts back: one field of one product. It never accepts, refuses or ships an order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from connectors.platform import CHANGES, Connection, Connector, Platform, connector, platforms
from connectors.record import schema

pytestmark = pytest.mark.live

ACCOUNTS = sorted(set(platforms()) - {"files"})
_PREFIX = "CHANNELMEND_LIVE"


def credentials_of(platform: Platform) -> dict[str, str]:
    """What the environment holds for a platform."""
    names = {one.name: f"{_PREFIX}_{platform.name}_{one.name}".upper() for one in platform.credentials}
    return {name: os.environ[variable] for name, variable in names.items() if os.environ.get(variable)}


@pytest.fixture(params=ACCOUNTS)
def account(request: pytest.FixtureRequest) -> Iterator[tuple[Platform, Connector]]:
    platform = platforms()[request.param]
    given = credentials_of(platform)
    required = [one.name for one in platform.credentials if one.required and not one.replaced_by and not one.default]
    if missing := [name for name in required if name not in given]:
        pytest.skip(
            f"no account of {platform.title}: set {_PREFIX}_{platform.name.upper()}_<FIELD> for {', '.join(missing)}"
        )
    opened = connector(Connection("live", platform.name, given))
    yield platform, opened
    opened.close()


@pytest.fixture(autouse=True)
def only_loopback() -> None:
    """The one suite that may leave this machine."""


def some(one: Connector, kind: str, since: datetime | None = None) -> pl.DataFrame:
    """The first page of that kind that holds anything."""
    for page in one.fetch(kind, since=since):
        assert page.quarantined.is_empty(), page.quarantined["error"].to_list()
        assert page.records[kind].schema == pl.Schema(schema(kind))
        if page.records[kind].height:
            return page.records[kind]
    return pl.DataFrame(schema=schema(kind))


def test_the_account_answers(account: tuple[Platform, Connector]) -> None:
    answer = account[1].check()
    assert answer.ok, answer.messages


@pytest.mark.parametrize("kind", ["product", "order", "stock"])
def test_records_are_read_and_found_again(account: tuple[Platform, Connector], kind: str) -> None:
    platform, one = account
    if not platform.readable.get(kind):
        pytest.skip(f"{platform.title} has no {kind}")
    found = some(one, kind)
    if found.is_empty():
        pytest.skip("the account is empty")
    row = found.row(0, named=True)
    again = one.read(kind, [(row["record_key"], row.get("parent_key", ""))])
    assert again["record_key"].to_list() == [row["record_key"]]
    assert again.drop("raw").row(0) == found.drop("raw").row(0)


def test_an_incremental_reading_holds_what_is_new_only(account: tuple[Platform, Connector]) -> None:
    platform, one = account
    if "order" not in platform.incremental:
        pytest.skip(f"{platform.title} cannot tell which orders changed")
    assert some(one, "order", since=datetime.now(UTC) + timedelta(minutes=10)).height <= some(one, "order").height


def test_one_field_is_changed_and_put_back(account: tuple[Platform, Connector]) -> None:
    platform, one = account
    field = next((name for name in ("title", "quantity", "price") if name in platform.writable.get("product", ())), "")
    if not field:
        pytest.skip(f"{platform.title} does not let a product be changed in one field")
    items = some(one, "product").filter((pl.col("level") != "variant") & (pl.col(field) != ""))
    if items.is_empty():
        pytest.skip("there is no product to try it on")
    before = items.row(0, named=True)
    new = {
        "title": f"{before['title']} (test)",
        "quantity": "3" if before["quantity"] != "3" else "4",
        "price": "123.45",
    }[field]
    key = (before["record_key"], before["parent_key"])
    try:
        sent = one.push(change(before, field, before[field], new))
        assert sent["status"].to_list() == ["accepted"], sent["message"].to_list()
    finally:
        back = one.push(change(before, field, new, before[field]))
    assert back["status"].to_list() == ["accepted"], back["message"].to_list()
    if not platform.settles_s:
        now = one.read("product", [key]).row(0, named=True)
        ignored = {"raw", "updated_at"}
        assert {name: now[name] for name in now if name not in ignored} == {
            name: before[name] for name in before if name not in ignored
        }


def change(row: dict[str, str], field: str, before: str, value: str) -> pl.DataFrame:
    values = ("live", "product", row["record_key"], row["parent_key"], field, before, value)
    return pl.DataFrame([values], schema=CHANGES, orient="row")
