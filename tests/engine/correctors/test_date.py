from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.correctors import Context
from engine.correctors.date import DateCorrector, Surroundings
from engine.types import DECISIONS


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


ORDERS = [
    {"ordered_at": f"2024-0{1 + n % 9}-{1 + n % 27:02d}", "shipped_at": f"2024-0{1 + n % 9}-{2 + n % 27:02d}"}
    for n in range(40)
]


@pytest.mark.parametrize(
    ("shipped", "value"),
    [
        ("2024-04-05T08:00:00Z", "2024-04-03"),
        ("2024-03-06", "2024-03-04"),
        # Written in the same order as the other date: only one order gives a usual time to dispatch.
        ("05/04/2024", "2024-04-03"),
        ("03/06/2024", "2024-03-04"),
    ],
)
def test_the_other_dates_of_the_record_decide_where_the_column_is_silent(ask, shipped: str, value: str) -> None:
    record = {"shipped_at": shipped}
    found = ask("date", "order", "ordered_at", ["03/04/2024"], check="datetime", record=record, records=ORDERS)
    ((day, score, reason),) = found["03/04/2024"]
    assert day[:10] == value
    assert score > 0.9
    assert "other dates" in reason


def decided(*answers: tuple[str, str, str], connection: str = "shop") -> pl.DataFrame:
    """Decisions of (observed, suggested, final)."""
    row = dict.fromkeys(DECISIONS, "x") | {"connection": connection, "field": "ordered_at", "decided_at": None}
    return pl.DataFrame(
        [
            row | {"observed": o, "suggested": s, "final": f, "verdict": "approved" if s == f else "modified"}
            for o, s, f in answers
        ],
        schema=DECISIONS,
    )


def test_what_people_of_the_connection_chose_decides_where_the_column_is_silent(ask) -> None:
    past = [(f"0{n}/05/2024", f"2024-05-0{n}T00:00:00Z", f"2024-05-0{n}T00:00:00Z") for n in range(1, 5)]
    found = ask("date", "order", "ordered_at", ["03/04/2024"], check="datetime", decisions=decided(*past))
    assert found["03/04/2024"][0][0][:10] == "2024-04-03"
    assert found["03/04/2024"][0][1] > 0.8
    assert "people chose the day 4" in found["03/04/2024"][0][2]
    elsewhere = decided(*past, connection="another")
    silent = ask("date", "order", "ordered_at", ["03/04/2024"], check="datetime", decisions=elsewhere)
    assert all(score < 0.5 for _, score, _ in silent["03/04/2024"])
    # A suggestion that people changed speaks against its own order.
    changed = decided(*((o, s, f"2024-0{o[1]}-05T00:00:00Z") for o, s, _ in past if o[1] != "5"))
    assert (
        ask("date", "order", "ordered_at", ["03/04/2024"], decisions=changed)["03/04/2024"][0][0][:10] == "2024-03-04"
    )


def test_two_digit_years_are_read_by_the_span_of_the_column(ask) -> None:
    found = ask("date", "order", "ordered_at", ["24/04/03", "03/04/24"], check="datetime", records=ORDERS)
    assert found["24/04/03"][0][0][:10] == "2024-04-03"
    assert {day[:4] for day, _, _ in found["03/04/24"]} == {"2024"}


def test_a_dispatch_before_the_order_is_read_the_other_way_round_or_left(ask) -> None:
    def moved(shipped: str, ordered: str) -> list[str]:
        given = {"check": "not_before_field", "params": {"field": "ordered_at"}, "record": {"ordered_at": ordered}}
        found = ask("date", "order", "shipped_at", [shipped], records=ORDERS, **given)
        return [value for value, _, _ in found[shipped]]

    assert moved("2024-04-05T08:00:00Z", "2024-05-03T10:00:00Z") == ["2024-05-04T08:00:00Z"]
    assert moved("2024-01-02T08:00:00Z", "2024-12-31T10:00:00Z") == ["2025-01-02T08:00:00Z"]
    assert moved("2024-04-05T08:00:00Z", "2024-07-20T10:00:00Z") == []


@given(
    instant=st.datetimes(min_value=datetime(1991, 1, 1), max_value=datetime(2090, 1, 1)),
    pattern=st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d %B %Y %H:%M:%S", "%B %d, %Y %H:%M:%S"]),
)
def test_unambiguous_dates_are_read_back(instant: datetime, pattern: str) -> None:
    asked = Surroundings("ordered_at", instant.strftime(pattern), "shop", {})
    found = list(DateCorrector()._read(asked, Context(records=pl.LazyFrame())))
    assert [one[0].replace(tzinfo=None) for one in found] == [instant.replace(microsecond=0)]
