from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.correctors import Context
from engine.correctors.date import DateCorrector


@pytest.mark.parametrize(
    ("observed", "value"),
    [
        ("13/04/2024", "2024-04-13T00:00:00Z"),
        ("04/13/2024", "2024-04-13T00:00:00Z"),
        ("2024-03-04 10:00", "2024-03-04T10:00:00Z"),
        ("2024/3/4", "2024-03-04T00:00:00Z"),
        ("20240304", "2024-03-04T00:00:00Z"),
        ("4. März 2024 um 14:30 Uhr", "2024-03-04T14:30:00Z"),
        ("3 fév 2024", "2024-02-03T00:00:00Z"),
        ("12 dic. 2023", "2023-12-12T00:00:00Z"),
        ("Nov 1, 2026", "2026-11-01T00:00:00Z"),
        ("2024-03-04T10:00:00+02:00", "2024-03-04T08:00:00Z"),
        ("Tue, 4 Mar 2024 10:00:00 GMT", "2024-03-04T10:00:00Z"),
        ("1718000000", "2024-06-10T06:13:20Z"),
        ("25.12.69", "1969-12-25T00:00:00Z"),
        ("25.12.24", "2024-12-25T00:00:00Z"),
    ],
)
def test_dates_that_can_be_read_in_one_way(ask, observed: str, value: str) -> None:
    found = ask("date", "order", "ordered_at", [observed], check="datetime")[observed]
    expected = [] if value < "1990" else [value]
    assert [one[0] for one in found] == expected


@pytest.mark.parametrize(
    "observed", ["", "yesterday", "in 3 days", "2024-02-30", "March 2024", "31/31/2024", "12:30", "5"]
)
def test_what_is_no_whole_date_gets_no_answer(ask, observed: str) -> None:
    assert ask("date", "order", "ordered_at", [observed], check="datetime")[observed] == []


def test_without_evidence_both_orders_are_offered(ask) -> None:
    found = ask("date", "order", "ordered_at", ["03/04/2024"], check="datetime")["03/04/2024"]
    assert {one[0][:10] for one in found} == {"2024-04-03", "2024-03-04"}
    assert all(score < 0.5 for _, score, _ in found)


@pytest.mark.parametrize(("seen", "value"), [("25/12/2023", "2024-04-03"), ("12/25/2023", "2024-03-04")])
def test_the_column_decides_the_order(ask, seen: str, value: str) -> None:
    records = [{"ordered_at": seen}] * 30 + [{"ordered_at": "01/02/2023"}] * 10
    found = ask("date", "order", "ordered_at", ["03/04/2024"], check="datetime", records=records)["03/04/2024"]
    assert found[0][0][:10] == value
    assert found[0][1] > 0.9
    assert "30 dates" in found[0][2] or "30 with" in found[0][2]


def test_a_rule_may_want_the_day_only(ask) -> None:
    found = ask("date", "order", "ordered_at", ["13/04/2024"], check="datetime", params={"form": "date"})
    assert found["13/04/2024"][0][0] == "2024-04-13"


@given(
    instant=st.datetimes(min_value=datetime(1991, 1, 1), max_value=datetime(2090, 1, 1)),
    pattern=st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d %B %Y %H:%M:%S", "%B %d, %Y %H:%M:%S"]),
)
def test_unambiguous_dates_are_read_back(instant: datetime, pattern: str) -> None:
    found = list(DateCorrector()._read("ordered_at", instant.strftime(pattern), Context(records=None)))  # type: ignore[arg-type]
    assert [one[0].replace(tzinfo=None) for one in found] == [instant.replace(microsecond=0)]
