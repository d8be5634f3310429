"""The connector that is made from a description: paths, merging, writing record by record, parcels and acceptances."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.changes import Acceptance, Shipment
from connectors.client import Client
from connectors.errors import ProtocolError
from connectors.imports import poll
from connectors.manners import Manners, Patience
from connectors.platform import ACCEPTANCES, SHIPMENTS
from connectors.rest import filled, merged
from connectors.xml import xml

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=3), JSON, max_size=4)


@given(OBJECTS, OBJECTS)
def test_merging_keeps_what_is_not_named_and_changes_neither(whole: dict[str, Any], part: dict[str, Any]) -> None:
    before = repr((whole, part))
    found = merged(whole, part)
    assert repr((whole, part)) == before
    assert found.keys() == whole.keys() | part.keys()
    assert all(found[name] == whole[name] for name in whole.keys() - part.keys())
    assert merged(found, part) == found


@given(st.text(min_size=1, max_size=20))
def test_no_key_leads_to_another_address(key: str) -> None:
    try:
        path = filled("offers/{key}/stock", key)
    except UnicodeEncodeError:
        return
    assert path.count("/") == 2
    assert not set(path) & set("?# \\")


def client(answer: Any, pauses: list[float]) -> Client:
    transport = httpx.MockTransport(answer)
    return Client(
        "https://api.example.com/v1",
        Manners("shop"),
        headers={"X-Key": "secret"},
        transport=transport,
        sleep=pauses.append,
        patience=Patience(attempts=2),
    )


def test_an_import_is_asked_for_at_the_pace_of_the_platform_until_the_deadline() -> None:
    pauses: list[float] = []
    one = client(lambda request: httpx.Response(200, json={}), pauses)
    states = iter(["waiting", "waiting", "done"])
    assert poll(one, lambda: next(states), lambda state: state == "done", first_s=5) == "done"
    assert pauses == [5, 10]
    assert one.traffic.waited_s == 15
    assert poll(one, lambda: "waiting", lambda state: False, first_s=10, longest_s=20, deadline_s=60) is None
    assert sum(pauses[2:]) >= 60


def test_a_signed_document_gets_no_key_and_is_fetched_by_https_only() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"a,b\n1,2\n")

    one = client(answer, [])
    assert one.transfer("GET", "https://storage.example.net/x?signature=1") == b"a,b\n1,2\n"
    assert "x-key" not in seen[0].headers
    with pytest.raises(ProtocolError, match="only https"):
        one.transfer("GET", "http://storage.example.net/x")


def test_a_link_to_another_host_is_not_followed() -> None:
    one = client(lambda request: httpx.Response(200, json={}), [])
    one.send("GET", "https://api.example.com/v1/next")
    with pytest.raises(ProtocolError, match="No key is sent there"):
        one.send("GET", "https://evil.example.org/v1/next")


def test_forms_parts_and_bytes_are_sent_as_they_are() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"<a><b>1</b></a>")

    one = client(answer, [])
    found = one.send("POST", "a", form={"x": "ü&"}, decode=xml).value
    assert found.findtext("b") == "1"
    one.send("POST", "a", files={"file": ("prices.csv", b"1;2", "text/csv")}, form={"mode": "NORMAL"}, decode=xml)
    one.send("PUT", "a", content=b"<x/>", headers={"Content-Type": "text/xml"}, decode=xml)
    assert seen[0].content == b"x=%C3%BC%26"
    assert b"prices.csv" in seen[1].content
    assert b"NORMAL" in seen[1].content
    assert seen[2].content == b"<x/>"


@pytest.mark.parametrize(
    "document",
    [
        b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        b"<!DOCTYPE a [<!ENTITY x 'xxxxxxxxxx'><!ENTITY y '&x;&x;&x;&x;'>]><a>&y;</a>",
        b"<a>",
        b"not xml",
    ],
)
def test_xml_that_reaches_out_or_blows_up_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        xml(document)


def parcels(*rows: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SHIPMENTS, orient="row")


def test_rows_of_a_parcel_are_one_shipment() -> None:
    shared_columns = ("DHL", "123", "https://t.example.com/123", "2026-11-25T10:00:00+01:00")
    (one,) = Shipment.gathered(
        parcels(("s1", "o1", "l1", "2", *shared_columns, ["imei"]), ("s1", "o1", "l2", "", *shared_columns, []))
    )
    assert [(line.line_key, line.quantity, line.identifiers) for line in one.lines] == [
        ("l1", 2, ("imei",)),
        ("l2", None, ()),
    ]
    assert one.shipped_at == datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
    (bare,) = Shipment.gathered(pl.DataFrame({"shipment_id": ["s2"], "order_key": ["o2"]}))
    assert (bare.lines, bare.carrier, bare.shipped_at) == ((), "", None)


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (("s1", "o1", "l1", "0", "", "", "", "", []), "quantity '0'"),
        (("s1", "o1", "l1", "two", "", "", "", "", []), "quantity 'two'"),
        (("s1", "o1", "", "", "", "", "", "yesterday", []), "ISO 8601"),
    ],
)
def test_a_parcel_that_cannot_be_read_is_said(row: tuple[Any, ...], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Shipment.gathered(parcels(row))


def test_rows_of_a_parcel_that_disagree_are_refused() -> None:
    with pytest.raises(ValueError, match="disagree on tracking_number"):
        Shipment.gathered(
            parcels(("s1", "o1", "l1", "", "DHL", "1", "", "", []), ("s1", "o1", "l2", "", "DHL", "2", "", "", []))
        )
    with pytest.raises(ValueError, match="unknown columns"):
        Shipment.gathered(pl.DataFrame({"shipment_id": ["s"], "order": ["o"]}))


def test_an_acceptance_speaks_for_a_line_or_for_all() -> None:
    rows = pl.DataFrame([("o1", "", True, ""), ("o1", "l2", False, "sold out")], schema=ACCEPTANCES, orient="row")
    (one,) = Acceptance.gathered(rows)
    first, second = one.of("l1"), one.of("l2")
    assert first is not None
    assert second is not None
    assert (first.accepted, second.accepted, second.reason) == (True, False, "sold out")
