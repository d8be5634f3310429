"""The small bricks: addresses, redaction, limits, paging, mapping, changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.address import is_loopback, site_address
from connectors.changes import InvalidError, image_addresses, split_name
from connectors.errors import CredentialError, ProtocolError
from connectors.limits import CostBucket, TokenBucket, shared
from connectors.mapping import LENGTH, WEIGHT, Instant, Joined, at, canonical, frame, plain_number, text
from connectors.paginate import Anchored, Relay, RelayPage
from connectors.redaction import HIDDEN, Secrets


class TestAddress:
    @pytest.mark.parametrize(
        ("typed", "expected"),
        [
            ("shop.example.com", "https://shop.example.com"),
            (" https://shop.example.com/ ", "https://shop.example.com"),
            ("https://shop.example.com:8443/sub/", "https://shop.example.com:8443/sub"),
            ("127.0.0.1:8123", "http://127.0.0.1:8123"),
            ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
            ("localhost:80", "http://localhost:80"),
            ("http://[::1]:9", "http://[::1]:9"),
        ],
    )
    def test_what_people_type(self, typed: str, expected: str) -> None:
        assert site_address(typed, name="store_url") == expected

    @pytest.mark.parametrize(
        "typed",
        [
            "",
            "http://",
            "ftp://x.example",
            "https://user:pw@x.example",
            "https://x.example/?key=1",
            "https://x.example/#a",
            "https://x.example:port",
            "https://x.exam ple",
            "http://x.example",
            "http://127.0.0.1.example.com",
        ],
    )
    def test_what_is_refused(self, typed: str) -> None:
        with pytest.raises(CredentialError, match="store_url"):
            site_address(typed, name="store_url")

    def test_plain_http_where_calls_are_signed(self) -> None:
        assert site_address("http://x.example", name="store_url", plain_http=True) == "http://x.example"

    def test_loopback(self) -> None:
        assert is_loopback("127.8.8.8:1")
        assert not is_loopback("127.0.0.1.example.com")


class TestRedaction:
    @given(st.text(min_size=4, max_size=40), st.text(max_size=20), st.text(max_size=20))
    def test_no_secret_is_left(self, secret: str, before: str, after: str) -> None:
        assert secret not in Secrets([secret]).redact(before + secret + after).replace(HIDDEN, "\0")

    def test_one_secret_inside_another_leaves_no_rest(self) -> None:
        assert Secrets(["abcd", "abcd-and-more"]).redact("abcd-and-more") == HIDDEN

    def test_nothing_shows_in_its_representation(self) -> None:
        assert "hunter22" not in repr(Secrets(["hunter22"]))


class TestLimits:
    def test_a_burst_and_then_the_pace(self) -> None:
        now = [0.0]
        bucket = TokenBucket(per_second=2, burst=3, clock=lambda: now[0])
        assert [bucket.take() for _ in range(5)] == pytest.approx([0, 0, 0, 0.5, 1.0])
        now[0] = 10
        assert bucket.take() == 0

    def test_a_clock_set_back_does_no_harm(self) -> None:
        now = [100.0]
        bucket = TokenBucket(per_second=1, burst=1, clock=lambda: now[0])
        now[0] = 0
        assert bucket.take() == 0
        assert bucket.take() == pytest.approx(1)

    @given(st.lists(st.floats(0.1, 20), min_size=1, max_size=30), st.floats(0.5, 50), st.integers(20, 40))
    def test_never_faster_than_promised(self, costs: list[float], pace: float, burst: int) -> None:
        now = [0.0]
        bucket = TokenBucket(per_second=pace, burst=burst, clock=lambda: now[0])
        for cost in costs:
            now[0] += bucket.take(cost)
        assert sum(costs) <= burst + now[0] * pace + 1e-6

    def test_the_servers_figures_replace_ours(self) -> None:
        now = [0.0]
        bucket = CostBucket(maximum=1000, restore_per_second=50, clock=lambda: now[0])
        assert bucket.take(400) == 0
        bucket.observe(available=100, maximum=2000, restore_per_second=100)
        assert bucket.maximum == 2000
        assert bucket.take(300) == pytest.approx(2.0)

    def test_what_others_reserved_is_not_given_away_again(self) -> None:
        bucket = CostBucket(maximum=100, restore_per_second=10, clock=lambda: 0.0)
        assert bucket.take(150) == 0, "more than the bucket holds costs a full bucket"
        assert bucket.take(50) == pytest.approx(5)
        bucket.observe(available=90, maximum=100, restore_per_second=10)
        assert bucket.take(10) == pytest.approx(6)

    def test_after_a_refusal_the_wait_is_what_is_lacking(self) -> None:
        bucket = CostBucket(maximum=1000, restore_per_second=50, clock=lambda: 0.0)
        assert bucket.throttled(requested=600, available=100) == pytest.approx(10)

    def test_one_account_has_one_limiter(self) -> None:
        make = lambda: TokenBucket(per_second=1, burst=1)  # noqa: E731
        assert shared("bazaar", "a", make) is shared("bazaar", "a", make)
        assert shared("bazaar", "a", make) is not shared("bazaar", "b", make)

    @pytest.mark.parametrize("figures", [(0, 1), (1, 0), (-1, 5)])
    def test_senseless_figures(self, figures: tuple[float, float]) -> None:
        with pytest.raises(ValueError, match="above 0"):
            TokenBucket(per_second=figures[0], burst=figures[1])
        with pytest.raises(ValueError, match="above 0"):
            CostBucket(maximum=figures[0], restore_per_second=figures[1])


def ident(row: Any) -> int | None:
    key = row.get("id")
    return key if isinstance(key, int) else None


class TestAnchored:
    @given(
        st.sets(st.integers(1, 200), max_size=60),
        st.integers(2, 9),
        st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.integers(1, 400)), max_size=12),
        st.integers(2, 9),
    )
    def test_no_row_is_lost_while_others_come_and_go(
        self, start: set[int], size: int, events: list[tuple[int, bool, int]], cap: int
    ) -> None:
        """Rows that are there all the time arrive, whatever is deleted or added between two pages."""
        there = set(start)
        removed: set[int] = set()
        plan: dict[int, list[tuple[bool, int]]] = {}
        for when, adds, key in events:
            plan.setdefault(when, []).append((adds, key))
        calls = [0]

        def ask(offset: int, count: int) -> list[Any]:
            for adds, key in plan.get(calls[0], []):
                if adds:
                    there.add(key)
                else:
                    removed.add(key)
                    there.discard(key)
            calls[0] += 1
            assert calls[0] < 2000
            return [{"id": key} for key in sorted(there)][offset : offset + min(count, cap)]

        got = [row["id"] for page in Anchored(size).pages(ask, ident) for row in page]
        assert start - removed <= set(got)
        assert len(got) == len(set(got))

    def test_a_row_without_identifier_is_passed_on(self) -> None:
        rows: list[Any] = [{"id": 1}, {"name": "broken"}, {"id": 2}]
        pages = Anchored(3).pages(lambda offset, size: rows[offset : offset + size], ident)
        assert [row for page in pages for row in page][:3] == rows


class TestRelay:
    def test_follows_cursors_to_the_end(self) -> None:
        pages = {"": RelayPage([{"id": 1}], "a"), "a": RelayPage([], "b"), "b": RelayPage([{"id": 2}])}
        got = list(Relay().pages(lambda cursor, behind: pages[cursor], lambda row: str(row["id"])))
        assert got == [[{"id": 1}], [{"id": 2}]]

    def test_starts_again_behind_the_last_row_before_the_platform_stops(self) -> None:
        asked = []

        def ask(cursor: str, behind: str) -> RelayPage:
            asked.append((cursor, behind))
            first = int(behind or 0) + int(cursor or 0) + 1
            return RelayPage([{"id": first}, {"id": first + 1}], str(int(cursor or 0) + 2) if first < 9 else "")

        got = [row["id"] for page in Relay(most=4).pages(ask, lambda row: str(row["id"])) for row in page]
        assert got == list(range(1, 11))
        assert asked == [("", ""), ("2", ""), ("", "4"), ("2", "4"), ("", "8")]

    def test_a_cursor_that_does_not_move(self) -> None:
        with pytest.raises(ProtocolError, match="twice"):
            list(Relay().pages(lambda cursor, behind: RelayPage([{"id": 1}], "same"), lambda row: "1"))


class TestMapping:
    @given(
        st.sampled_from([*WEIGHT.values(), *LENGTH.values()]),
        st.decimals(0, 100_000, places=3, allow_nan=False, allow_infinity=False),
    )
    def test_a_measure_that_was_read_is_written_back_as_the_same(self, unit: Any, number: Decimal) -> None:
        canonical_text = unit.to_canonical(format(number, "f"))
        back = unit.from_canonical(canonical_text)
        assert unit.to_canonical(back) == canonical_text

    @given(st.sampled_from(list(WEIGHT.values())), st.decimals(0, 10_000, places=1, allow_nan=False))
    def test_a_corrected_measure_reads_back(self, unit: Any, grams: Decimal) -> None:
        assert Decimal(unit.to_canonical(unit.from_canonical(format(grams, "f")))) == grams

    @pytest.mark.parametrize(
        ("unit", "came", "shown"),
        [
            ("kg", "1.30", "1300"),
            ("kg", "0.25", "250"),
            ("g", "2541.0", "2541"),
            ("lb", "0.25", "113.398"),
            ("oz", "1", "28.35"),
            ("kg", "1,3 kg", "1,3 kg"),
            ("kg", "", ""),
            ("kg", "1e3", "1e3"),
            ("kg", " 5", " 5"),
        ],
    )
    def test_units(self, unit: str, came: str, shown: str) -> None:
        assert WEIGHT[unit].to_canonical(came) == shown

    @pytest.mark.parametrize(
        ("grams", "pounds"), [("500", "1.1023"), ("113.398", "0.25"), ("453.592", "1"), ("x", None)]
    )
    def test_the_shortest_way_back(self, grams: str, pounds: str | None) -> None:
        got = WEIGHT["lb"].from_canonical(grams)
        assert got is None if pounds is None else got is not None and got.startswith(pounds)

    @given(st.text(max_size=30))
    def test_any_text_survives_as_it_is(self, value: str) -> None:
        assert text(value) == value
        assert plain_number(value) is None or str(Decimal(value)) is not None

    @pytest.mark.parametrize(
        ("value", "expected"), [(None, ""), (True, "true"), (5, "5"), (2.50, "2.5"), (1e-7, "0.0000001"), (12.0, "12")]
    )
    def test_scalars(self, value: Any, expected: str) -> None:
        assert text(value) == expected

    def test_shapes_that_are_not_understood(self) -> None:
        with pytest.raises(ValueError, match="list"):
            text([1])
        with pytest.raises(ValueError, match="before 'b'"):
            at({"a": [1]}, "a.b")
        with pytest.raises(ValueError, match="title: expected"):
            canonical({"id": 1, "name": {"x": 1}}, {"record_key": "id", "title": "name"})
        with pytest.raises(ValueError, match="no identifier"):
            canonical({"id": None}, {"record_key": "id"})
        assert at({"a": None}, "a.b.c") is None

    def test_sources(self) -> None:
        payload = {"first": "Ann", "middle": None, "last": "Lee", "when": "2026-11-23T12:00:00", "then": "yesterday"}
        assert Joined(("first", "middle", "last"))(payload) == "Ann Lee"
        assert Instant("when")(payload) == "2026-11-23T12:00:00Z"
        assert Instant("then")(payload) == "yesterday"

    def test_a_frame_of_nothing_has_the_columns(self) -> None:
        assert frame([], "order").columns[0] == "record_key"


class TestChanges:
    @given(
        st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=5).map(" ".join),
        st.sampled_from(["", "Ann", "Ann Mary"]),
        st.sampled_from(["", "Lee", "van der Lee"]),
    )
    def test_a_name_taken_apart_joins_to_itself(self, whole: str, first: str, last: str) -> None:
        assert " ".join(part for part in split_name(whole, first, last) if part) == whole

    def test_a_name_is_cut_where_it_was_cut(self) -> None:
        assert split_name("Jan van der Berg", "Piet", "van der Lee") == ("Jan", "van der Berg")
        assert split_name("Ann Mary Lee", "Ursula", "Quill") == ("Ann Mary", "Lee")

    @pytest.mark.parametrize("value", ["x", '"https://a.example/1.jpg"', "[1]", '["ftp://a"]', '["https://a b"]', "{}"])
    def test_images_that_are_none(self, value: str) -> None:
        with pytest.raises(InvalidError):
            image_addresses(value)
