"""Walking through lists: every row once at least, whatever the list does meanwhile, and no end that is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ProtocolError
from connectors.manners import Answer
from connectors.paginate import After, Counted, Cursor, Linked, Once, rows_at

Ask = Callable[[Mapping[str, str] | str], Answer]


def answer(value: Any, **headers: str) -> Answer:
    return Answer(200, httpx.Headers(headers), value)


def rows(count: int) -> list[dict[str, int]]:
    return [{"id": number} for number in range(count)]


def ids(pages: Any) -> list[int]:
    return [row["id"] for page in pages for row in page]


class Server:
    """A list that is cut into pages as asked; `spoil` sees every page before it goes."""

    def __init__(
        self, held: list[dict[str, int]], spoil: Callable[[int, list], list] = lambda call, page: page
    ) -> None:
        self.held = held
        self.spoil = spoil
        self.calls = 0

    def cut(self, start: int, size: int) -> list[dict[str, int]]:
        self.calls += 1
        return self.spoil(self.calls, self.held[start : start + size])

    def offset(self, position: Mapping[str, str] | str) -> Answer:
        assert isinstance(position, Mapping)
        start = int(position["offset"])
        return answer({"rows": self.cut(start, int(position["limit"])), "total": len(self.held)})

    def page(self, position: Mapping[str, str] | str) -> Answer:
        assert isinstance(position, Mapping)
        size = int(position["limit"])
        return answer(self.cut((int(position["page"]) - 1) * size, size))

    def cursor(self, position: Mapping[str, str] | str) -> Answer:
        assert isinstance(position, Mapping)
        start = int(position.get("token", 0))
        following = str(start + 10) if start + 10 < len(self.held) else None
        return answer({"rows": self.cut(start, 10), "next": following, "total": len(self.held)})


@given(st.integers(0, 57), st.integers(1, 20))
def test_every_row_of_any_list_comes_once(count: int, size: int) -> None:
    server = Server(rows(count))
    assert ids(Counted(size, total="total").pages(server.offset, "rows")) == list(range(count))
    assert ids(Counted(size, position="page", first=1, by_page=True).pages(server.page, "")) == list(range(count))
    assert ids(Cursor("token", "next", total="total").pages(server.cursor, "rows")) == list(range(count))


def test_a_page_that_comes_without_its_rows_is_asked_for_again() -> None:
    server = Server(rows(30), lambda call, page: [] if call == 2 else page)
    assert ids(Counted(10, total="total").pages(server.offset, "rows")) == list(range(30))
    server = Server(rows(30), lambda call, page: [] if call == 2 else page)
    assert ids(Counted(10, position="page", first=1, by_page=True).pages(server.page, "")) == list(range(30))


def test_a_list_that_stays_short_of_its_total_is_an_error() -> None:
    server = Server(rows(30), lambda call, page: [] if call > 1 else page)
    with pytest.raises(ProtocolError, match="10 of 30"):
        ids(Counted(10, total="total").pages(server.offset, "rows"))
    assert server.calls == 4

    def broken(position: Mapping[str, str] | str) -> Answer:
        return answer({"rows": rows(10), "next": "", "total": 30})

    with pytest.raises(ProtocolError, match="broke off after 10 of 30"):
        ids(Cursor("token", "next", total="total").pages(broken, "rows"))


def test_rows_that_come_twice_do_not_end_the_walk_early() -> None:
    held = rows(30)
    server = Server(held, lambda call, page: held[0:10] + page if call == 2 else page)
    assert set(ids(Counted(10, total="total").pages(server.offset, "rows"))) == set(range(30))


def test_a_row_that_is_deleted_meanwhile_hides_no_other() -> None:
    held = rows(30)

    def shrink(call: int, page: list) -> list:
        if call == 2:
            del held[3]
        return page

    found = ids(Counted(10, total="total").pages(Server(held, shrink).offset, "rows"))
    assert set(found) >= {row["id"] for row in held}


def test_a_short_page_in_the_middle_is_not_the_end() -> None:
    server = Server(rows(30), lambda call, page: page[:4] if call == 1 else page)
    assert set(ids(Counted(10, total="total").pages(server.offset, "rows"))) == set(range(30))


def test_links_are_followed_letter_by_letter() -> None:
    asked: list[object] = []

    def ask(position: Mapping[str, str] | str) -> Answer:
        asked.append(position)
        return answer({"rows": rows(2), "next": "?a=%2F&b=" if len(asked) == 1 else ""})

    pager = Linked(lambda one: one.value["next"], size=2, first={"nextCursor": "*"})
    assert len(ids(pager.pages(ask, "rows"))) == 4
    assert asked == [{"nextCursor": "*", "limit": "2"}, "?a=%2F&b="]


def test_a_link_that_leads_to_itself_ends_in_an_error() -> None:
    with pytest.raises(ProtocolError):
        ids(Linked(lambda one: "?same").pages(lambda position: answer({"rows": rows(1)}), "rows"))


def test_pages_behind_the_last_row() -> None:
    held = rows(25)

    def ask(position: Mapping[str, str] | str) -> Answer:
        assert isinstance(position, Mapping)
        start = int(position["after"]) + 1 if "after" in position else 0
        return answer({"rows": held[start : start + 10], "more": start + 10 < 25})

    assert ids(After("id", "after", "more", size=10).pages(ask, "rows")) == list(range(25))
    with pytest.raises(ProtocolError):
        ids(After("id", "after", "more").pages(lambda position: answer({"rows": [], "more": True}), "rows"))


def test_what_is_no_list_is_said() -> None:
    assert rows_at(answer(None), "rows") == []
    assert ids(Once().pages(lambda position: answer({"rows": rows(2)}), "rows")) == [0, 1]
    with pytest.raises(ProtocolError, match="got dict"):
        rows_at(answer({"rows": {}}), "rows")
    with pytest.raises(ProtocolError):
        rows_at(answer({"a": 3}), "a.rows")
