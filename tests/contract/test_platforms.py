"""The port `connectors.platform.Connector`, checked on every platform that has an offline twin, over real HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from connectors.errors import CredentialError, PlatformError, ProtocolError, RateLimitError, UnavailableError
from connectors.manners import Patience
from connectors.platform import (
    ACCEPTANCES,
    CHANGES,
    REQUIREMENTS,
    RESULTS,
    SHIPMENTS,
    Capability,
    Connection,
    Connector,
    connector,
    platform,
)
from connectors.record import schema
from connectors.sandbox import Catalogue, Twin, make_catalogue, serve
from tests.contract.conftest import PLATFORMS, Open, Shop, changed, leaves

Shops = Callable[[str], Shop]

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

NEW_VALUES = {
    "title": "Kettle & cup, 2 pieces",
    "description": "<p>Another description.</p>",
    "price": "1234.50",
    "sale_price": "0.50",
    "sku": "NEW-SKU-1",
    "gtin": "4006381333931",
    "quantity": "7",
    "weight_g": "1234.5",
    "length_mm": "321",
    "width_mm": "54",
    "height_mm": "9",
    "attributes.product_type": "Kettles",
    "mpn": "NEW-MPN-1",
    "condition": "used",
    "lead_time_days": "3",
    "status": "draft",
    "buyer_name": "Ann Mary Lee",
    "email": "ann.lee@example.org",
    "phone": "+493012345678",
    "ship_name": "Ann Mary Lee",
    "ship_street": "Hauptstraße 1",
    "ship_city": "Bremen",
    "ship_region": "HB",
    "ship_postal_code": "28195",
    "ship_country": "DE",
}


def fetch(one: Connector, kind: str, since: datetime | None = None, of: str = "") -> pl.DataFrame:
    """All records of that kind; a later row of one key replaces the earlier."""
    pages = list(one.fetch(kind, since=since))
    for page in pages:
        assert page.quarantined.is_empty(), page.quarantined["error"].to_list()
        for name, frame in page.records.items():
            assert frame.schema == pl.Schema(schema(name))
    assert pages[-1].cursor
    return pl.concat([page.records[of or kind] for page in pages]).unique(
        "record_key", keep="last", maintain_order=True
    )


def change(kind: str, row: dict[str, Any], field: str, value: str, before: str | None = None) -> pl.DataFrame:
    """A push of one field."""
    attributes = {one["key"]: one["value"] for one in row.get("attributes") or []}
    now = attributes.get(field.partition(".")[2], "") if field.startswith("attributes.") else row.get(field, "")
    shown = json.dumps(now) if isinstance(now, list) else str(now)
    values = (
        "c1",
        kind,
        row["record_key"],
        row.get("parent_key", ""),
        field,
        shown if before is None else before,
        value,
    )
    return pl.DataFrame([values], schema=CHANGES, orient="row")


def code(results: pl.DataFrame) -> tuple[str, str, str]:
    assert results.schema == pl.Schema(RESULTS)
    assert results.height == 1
    return results["status"][0], results["code"][0], results["message"][0]


def row_of(one: Connector, kind: str, level: str = "single") -> dict[str, Any]:
    """A healthy record of that kind, fetched."""
    found = pick(fetch(one, kind), kind, level)
    if found is None:
        pytest.skip(f"the platform has no {kind} of level {level}")
    return found


def fields(name: str, kind: str) -> list[str]:
    """Fields of a kind that can be written, those first that are easiest to read back."""
    first = ["title", "price", "quantity", "gtin", "email", "ship_city"]
    known = platform(name).writable.get(kind, frozenset())
    return [one for one in first if one in known] + sorted(known - {*first, "images"})


def needs(name: str, *capabilities: Capability) -> None:
    """Skip where the platform cannot do it; the page of capabilities says so, too."""
    if lacking := [one.value for one in capabilities if one not in platform(name).capabilities]:
        pytest.skip(f"{name} cannot {', '.join(lacking)}")


def settled(one: Connector, name: str, kind: str, row: dict[str, Any], field: str, value: str) -> str:
    """The value of a field as it is read back, asked again while the platform is still at it."""
    keys = [(str(row["record_key"]), str(row.get("parent_key", "")))]
    for _ in range(20 if platform(name).settles_s else 1):
        read = one.read(kind, keys)
        assert read.height == 1
        found = str(read[field][0])
        if same_value(found, value):
            break
        time.sleep(0.05)
    return found


def pick(records: pl.DataFrame, kind: str, level: str) -> dict[str, Any] | None:
    """A healthy record of that kind; None where the platform has none of that level."""
    if kind == "product":
        records = records.filter(pl.col("level").replace("", "single") == level)
        if level != "parent":
            records = records.filter(pl.col("price").str.contains(r"^\d+(\.\d+)?$") & (pl.col("sale_price") == ""))
    return records.row(0, named=True) if records.height else None


WRITABLE = [
    (name, kind, field, level)
    for name in PLATFORMS
    for kind, fields in sorted(platform(name).writable.items())
    for field in sorted(fields)
    for level in (["single", "variant"] if kind == "product" else [""])
]


class TestCheck:
    def test_a_good_account_is_ok(self, twin: Twin, open_: Open) -> None:
        answer = open_(twin).check()
        assert answer.ok, answer.messages
        assert answer.messages

    def test_wrong_keys_are_named_and_not_shown(self, twin: Twin, open_: Open) -> None:
        secrets = {one.name for one in platform(twin.name).credentials if one.secret}
        wrong = {name: "wrong-0123456789" for name in secrets if twin.credentials.get(name)}
        answer = open_(twin, credentials=wrong).check()
        assert not answer.ok
        text = " ".join(answer.messages)
        assert "Check" in text
        assert "wrong-0123456789" not in text

    def test_missing_credentials_are_all_named(self, twin: Twin) -> None:
        required = [one.name for one in platform(twin.name).credentials if one.required]
        with pytest.raises(CredentialError) as caught:
            connector(Connection("shop", twin.name, {}))
        assert all(name in str(caught.value) for name in required)

    def test_an_address_where_nobody_answers(self, twin: Twin, open_: Open) -> None:
        one = open_(twin, patience=Patience(attempts=2, connect_s=0.5, read_s=0.5))
        twin.stop()
        answer = one.check()
        assert not answer.ok
        assert "address" in " ".join(answer.messages)


class TestFetch:
    @pytest.mark.parametrize("name", PLATFORMS)
    def test_everything_the_merchant_sells_arrives(self, name: str, healthy: Catalogue, open_: Open) -> None:
        expected, readable = healthy.records("product"), platform(name).readable["product"]
        with serve(name, catalogue=healthy, seed=5) as twin:
            got = fetch(open_(twin), "product")
        items, wanted = (one.filter(pl.col("level") != "parent") for one in (got, expected))
        both = wanted.join(items, on="sku", how="inner", suffix="_got", validate="1:1")
        assert both.height == wanted.height == items.height
        for field in sorted({"price", "weight_g", "gtin", "quantity", "currency"} & readable):
            same = [same_value(a, b) for a, b in both.select(field, f"{field}_got").iter_rows()]
            assert all(same), field
        singles = both.filter(pl.col("level") == "single")
        assert singles.height > 5
        for field in sorted({"title", "brand", "category"} & readable):
            assert singles[field].to_list() == singles[f"{field}_got"].to_list(), field
        parents = got.filter(pl.col("level") == "parent")
        variants = got.filter(pl.col("level") == "variant")
        assert set(variants["parent_key"]) == set(parents["record_key"])

    def test_every_fault_arrives_as_it_is(self, twin: Twin, open_: Open) -> None:
        one = open_(twin)
        truth = twin.state.truth()
        assert truth.height > 5
        for kind in ("product", "order"):
            records = fetch(one, kind)
            faults = truth.filter((pl.col("kind") == kind) & (pl.col("field") != "images"))
            for fault in faults.iter_rows(named=True):
                row = records.row(by_predicate=pl.col("record_key") == fault["record"], named=True)
                # A platform without a field for reduced prices shows what the buyer pays as the price.
                fields = ["sale_price", "price"] if fault["field"] == "sale_price" else [fault["field"]]
                assert any(same_value(row[field], fault["dirty"]) for field in fields), fault

    def test_orders_come_with_their_lines(self, twin: Twin, open_: Open, catalogue: Catalogue) -> None:
        one = open_(twin)
        orders, lines = fetch(one, "order"), fetch(one, "order", of="order_line")
        assert orders.height == len(catalogue.orders)
        assert lines.height == sum(len(order["lines"]) for order in catalogue.orders)
        assert set(lines["order_key"]) == set(orders["record_key"])
        assert orders["ordered_at"].str.to_datetime("%+", time_zone="UTC").null_count() == 0

    def test_stock_counts_product_rows(self, twin: Twin, open_: Open) -> None:
        one = open_(twin)
        needs(twin.name, Capability.READ_STOCK)
        stock, products = fetch(one, "stock"), fetch(one, "product")
        assert stock.height > 0
        assert set(stock["parent_key"]) <= set(products["record_key"])
        total = stock.group_by("parent_key").agg(pl.col("quantity").cast(pl.Int64).sum())
        both = total.join(products, left_on="parent_key", right_on="record_key", how="inner", suffix="_shown")
        if "quantity" not in platform(twin.name).readable["product"]:
            return
        assert both["quantity"].cast(pl.String).to_list() == both["quantity_shown"].to_list()

    def test_only_what_changed_since_then(self, twin: Twin, open_: Open) -> None:
        one = open_(twin)
        incremental = platform(twin.name).incremental
        title, value = (
            ("title", "Edited in the shop") if "title" in fields(twin.name, "product") else ("price", "77.70")
        )
        row = row_of(one, "product")
        now = twin.clock()
        if "product" in incremental:
            assert fetch(one, "product", since=now).is_empty()
        twin.state.edit(str(row["record_key"]), title, value)
        twin.state.add(make_catalogue(5, products=4, orders=2, day=2), at=now)
        products, orders = fetch(one, "product", since=now), fetch(one, "order", since=now)
        assert any(same_value(found, value) for found in products[title])
        whole = fetch(one, "product")
        assert 4 < products.filter(pl.col("level") != "parent").height <= whole.height
        if "product" in incremental:
            assert products.height < whole.height
        assert orders.height == 2 if "order" in incremental else orders.height >= 2
        assert fetch(one, "product", since=LONG_AGO).height == whole.height

    def test_a_change_is_found_although_the_clocks_differ(self, twin: Twin, open_: Open) -> None:
        """The platform's clock is behind ours: what changes after our reading carries a time from before it."""
        twin.skew = -timedelta(minutes=4)
        one = open_(twin)
        row = row_of(one, "product")
        cursor = list(one.fetch("product"))[-1].cursor
        title, value = (
            ("title", "Edited in the shop") if "title" in fields(twin.name, "product") else ("price", "77.70")
        )
        twin.state.edit(str(row["record_key"]), title, value)
        found = fetch(one, "product", since=datetime.fromisoformat(cursor))
        assert any(same_value(shown, value) for shown in found[title])

    @pytest.mark.parametrize("kind", ["product", "order"])
    def test_rows_that_come_twice_are_given_once(self, twin: Twin, open_: Open, kind: str) -> None:
        one = open_(twin)
        twin.state.add(make_catalogue(5, products=150, orders=130, day=2, defects=0.0))
        expected = fetch(one, kind)
        twin.fault("duplicate-page", count=2)
        pages = [page.records[kind] for page in one.fetch(kind)]
        assert pl.concat(pages)["record_key"].is_unique().all()
        assert set(pl.concat(pages)["record_key"]) == set(expected["record_key"])

    @pytest.mark.parametrize("kind", ["product", "order"])
    def test_a_page_without_its_rows_is_never_taken_for_the_end(
        self, twin: Twin, open_: Open, kind: str, skipping: Callable[[Twin], Callable[[float], None]]
    ) -> None:
        """A complete reading tells what is gone: a list that seems to end early must not make records vanish."""
        one = open_(twin, sleep=skipping(twin))
        twin.state.add(make_catalogue(5, products=150, orders=130, day=2, defects=0.0))
        expected = set(fetch(one, kind)["record_key"])
        twin.fault("missing-page", count=1)
        try:
            found = set(fetch(one, kind)["record_key"])
        except ProtocolError as error:
            assert "again" in str(error)
        else:
            assert found == expected

    def test_a_token_that_ended_is_replaced(self, twin: Twin, open_: Open) -> None:
        one = open_(twin)
        expected = fetch(one, "order")
        twin.fault("expired-token")
        assert fetch(one, "order").drop("raw").equals(expected.drop("raw"))

    def test_a_kind_that_does_not_exist(self, twin: Twin, open_: Open) -> None:
        with pytest.raises(PlatformError, match="product, order, stock"):
            list(open_(twin).fetch("customer"))


class TestPush:
    @pytest.mark.parametrize(("name", "kind", "field", "level"), WRITABLE, ids=[" ".join(one) for one in WRITABLE])
    def test_one_field_changes_and_comes_back(self, name: str, kind: str, field: str, level: str, shops: Shops) -> None:
        shop = shops(name)
        twin, one = shop.twin, shop.connector
        row = pick(shop.records[kind], kind, level)
        if row is None:
            pytest.skip(f"{name} has no {kind} of level {level}")
        value = shop.twin.new_values.get(field) or NEW_VALUES.get(field) or another(shop.records["product"], field, row)
        before = leaves(twin.state.dump())
        sent = change(kind, row, field, value)
        status, reason, message = code(one.push(sent))
        after = leaves(twin.state.dump())
        if status == "refused":
            # A product's field cannot be changed on a variant; nothing may have happened then.
            assert (level, reason) == ("variant", "invalid")
            assert "product" in message
            assert not changed(before, after)
            return
        moved = changed(before, after)
        assert moved, "the platform holds nothing new"
        if field == "images":
            assert all("image" in path or "media" in path for path in moved)
            return
        assert len(moved) <= 2, moved
        assert len({tuple(path.split("/")[1:3]) for path in moved}) == 1, "one record only"
        if field in platform(name).readable[kind]:
            assert same_value(settled(one, name, kind, row, field, value), value)
        undo = change(kind, row, field, sent["before"][0], before=value)
        assert code(one.push(undo))[0] == "accepted"
        assert not changed(before, leaves(twin.state.dump())), "undone, and every other field as it was"

    def test_several_fields_of_several_records_in_one_push(self, twin: Twin, open_: Open) -> None:
        one = open_(twin)
        needs(twin.name, Capability.UPDATE_PRODUCTS)
        single = row_of(one, "product")
        chosen = [(name, NEW_VALUES[name]) for name in fields(twin.name, "product")[:2] if name in NEW_VALUES]
        wanted = [change("product", single, name, value) for name, value in chosen]
        if order_fields := fields(twin.name, "order"):
            wanted.append(change("order", row_of(one, "order"), order_fields[0], NEW_VALUES[order_fields[0]]))
        absent = {"record_key": twin.absent_key, "parent_key": ""}
        refused = [change("product", absent, *chosen[0]), change("product", single, "language", "de")]
        changes = pl.concat(wanted + refused).with_columns(
            pl.int_range(pl.len()).cast(pl.String).alias("correction_id")
        )
        results = one.push(changes)
        assert results["correction_id"].to_list() == changes["correction_id"].to_list()
        assert results["status"].to_list() == ["accepted"] * len(wanted) + ["refused"] * 2, results
        assert results["code"].to_list()[-2:] == ["missing", "not_writable"]
        for name, value in chosen:
            assert same_value(settled(one, twin.name, "product", single, name, value), value)

    def test_many_records_in_one_push(self, twin: Twin, open_: Open) -> None:
        """Enough for a batch or a feed: each record has its own answer, and a bad one spoils none of the others."""
        one = open_(twin)
        needs(twin.name, Capability.UPDATE_PRODUCTS)
        field = next(name for name in fields(twin.name, "product") if name in ("price", "title", "quantity"))
        items = fetch(one, "product").filter(
            (pl.col("level").replace("", "single") == "single")
            & (pl.col("sale_price") == "")
            & pl.col("price").str.contains(r"^\d+(\.\d+)?$")
        )
        rows = list(items.head(12).iter_rows(named=True))
        values = {"price": "{}.50", "title": "Numbered thing {}", "quantity": "{}"}
        new = [values[field].format(100 + number) for number in range(len(rows))]
        gone = change("product", {"record_key": twin.absent_key, "parent_key": ""}, field, new[0])
        changes = pl.concat(
            [change("product", row, field, value) for row, value in zip(rows, new, strict=True)] + [gone]
        ).with_columns(pl.int_range(pl.len()).cast(pl.String).alias("correction_id"))
        results = one.push(changes)
        assert results["status"].to_list() == ["accepted"] * len(rows) + ["refused"], results
        for row, value in zip(rows, new, strict=True):
            assert same_value(settled(one, twin.name, "product", row, field, value), value)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("price", "12,50"),
            ("price", "abc"),
            ("price", "1,234.56"),
            ("price", "-5"),
            ("sale_price", "99999.00"),
            ("weight_g", "1,3 kg"),
            ("weight_g", "-1"),
            ("category", "No > Such > Category"),
            ("images", "https://example.com/a.jpg"),
            ("images", '["javascript:alert(1)"]'),
        ],
    )
    def test_what_would_be_stored_otherwise_is_refused_unsent(
        self, twin: Twin, open_: Open, field: str, value: str
    ) -> None:
        if field not in platform(twin.name).writable.get("product", ()):
            pytest.skip(f"{twin.name} does not let {field} be written")
        one = open_(twin)
        row = row_of(one, "product")
        before = leaves(twin.state.dump())
        status, reason, message = code(one.push(change("product", row, field, value)))
        assert status == "refused"
        assert reason in {"invalid", "unknown_value"}
        assert len(message) > 20
        assert not changed(before, leaves(twin.state.dump()))

    def test_a_bad_field_does_not_hold_up_its_neighbours(self, twin: Twin, open_: Open) -> None:
        one = open_(twin)
        kind = "order" if {"email", "ship_city"} <= set(fields(twin.name, "order")) else "product"
        row = row_of(one, kind)
        if kind == "order":
            bad, good = ("email", "not-an-address"), ("ship_city", "Bremen")
        else:
            others = [name for name in fields(twin.name, "product") if name != "price" and name in NEW_VALUES]
            if not others or "price" not in fields(twin.name, "product"):
                pytest.skip(f"{twin.name} has one field that can be written")
            bad, good = ("price", "abc"), (others[0], NEW_VALUES[others[0]])
        changes = pl.concat([change(kind, row, *bad), change(kind, row, *good)])
        results = one.push(changes.with_columns(pl.Series("correction_id", ["bad", "good"])))
        assert results["status"].to_list() == ["refused", "accepted"]
        assert same_value(settled(one, twin.name, kind, row, *good), good[1])

    def test_nothing_to_push(self, twin: Twin, open_: Open) -> None:
        one = open_(twin)
        assert one.push(pl.DataFrame(schema=CHANGES)).schema == pl.Schema(RESULTS)
        assert one.traffic.requests == 0

    def test_records_that_are_gone_are_left_out_of_reading(self, twin: Twin, open_: Open) -> None:
        one = open_(twin)
        row = row_of(one, "product")
        keys = [(str(row["record_key"]), str(row["parent_key"])), (twin.absent_key, ""), ("../orders", "..")]
        assert one.read("product", keys)["record_key"].to_list() == [row["record_key"]]


class TestFaults:
    @pytest.mark.parametrize("kind", ["429", "429-no-advice", "500", "hang", "html", "half-json", "truncated"])
    def test_a_passing_fault_costs_time_only(self, twin: Twin, open_: Open, pauses: list[float], kind: str) -> None:
        expected = fetch(open_(twin), "product").drop("raw")
        pauses.clear()
        one = open_(twin)
        twin.fault(kind, count=2)
        assert fetch(one, "product").drop("raw").equals(expected)
        assert one.traffic.retries >= 2
        assert one.traffic.throttled == (2 if kind.startswith("429") else 0)
        if kind == "429":
            assert pauses[:2] == [1.0, 1.0], "as long as the platform asks"
        assert one.traffic.waited_s == pytest.approx(sum(pauses))

    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            ("429", RateLimitError),
            ("429-no-advice", RateLimitError),
            ("500", UnavailableError),
            ("hang", UnavailableError),
            ("html", ProtocolError),
            ("half-json", ProtocolError),
            ("truncated", UnavailableError),
            ("401", CredentialError),
        ],
    )
    def test_a_lasting_fault_ends_in_a_message(
        self, twin: Twin, open_: Open, kind: str, error: type[PlatformError]
    ) -> None:
        one = open_(twin, patience=Patience(attempts=3, read_s=0.2))
        twin.fault(kind, count=1000)
        with pytest.raises(error) as caught:
            list(one.fetch("order"))
        text = str(caught.value)
        assert "'shop'" in text
        assert len(text) > 40
        secrets = [twin.credentials.get(field.name) for field in platform(twin.name).credentials if field.secret]
        assert not any(secret and secret in text + repr(caught.value) for secret in secrets)

    def test_an_answer_lost_on_the_way_back_is_not_carried_out_twice(self, twin: Twin, open_: Open) -> None:
        needs(twin.name, Capability.UPDATE_STOCK)
        one = open_(twin)
        row = row_of(one, "stock")
        twin.fault("truncated", count=1)
        assert code(one.push(change("stock", row, "quantity", "31")))[0] == "accepted"
        assert settled(one, twin.name, "stock", row, "quantity", "31") == "31"

    def test_a_push_that_cannot_start_raises(self, twin: Twin, open_: Open) -> None:
        needs(twin.name, Capability.UPDATE_PRODUCTS)
        one = open_(twin, patience=Patience(attempts=2, read_s=0.2))
        row = row_of(one, "product")
        twin.fault("401", count=1000)
        field = next(name for name in fields(twin.name, "product") if name in NEW_VALUES)
        with pytest.raises(CredentialError):
            one.push(change("product", row, field, NEW_VALUES[field]))

    def test_no_credential_shows_in_a_representation(self, twin: Twin, open_: Open) -> None:
        one = open_(twin)
        shown = repr(one) + repr(one.__dict__)
        secrets = [twin.credentials.get(field.name) for field in platform(twin.name).credentials if field.secret]
        assert not any(secret and secret in shown for secret in secrets)


def test_an_incremental_run_may_start_where_the_last_one_began(twin: Twin, open_: Open) -> None:
    one = open_(twin)
    cursor = list(one.fetch("order"))[-1].cursor
    moment = datetime.fromisoformat(cursor)
    assert moment.tzinfo is not None
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=1)
    if "order" in platform(twin.name).incremental:
        assert fetch(one, "order", since=moment).is_empty()


class TestOrders:
    def test_a_new_order_is_accepted_once(self, twin: Twin, open_: Open) -> None:
        needs(twin.name, Capability.ACCEPT_ORDERS)
        one = open_(twin)
        first, second = twin.state.awaiting("acceptance")[:2]
        answers = pl.DataFrame(
            {"order_key": [first, second], "line_key": ["", ""], "accepted": [True, True], "reason": ["", ""]},
            schema=ACCEPTANCES,
        )
        results = one.accept(answers)
        assert results["correction_id"].to_list() == [first, second]
        assert results["status"].to_list() == ["accepted", "accepted"], results
        assert not {first, second} & set(twin.state.awaiting("acceptance"))
        before = leaves(twin.state.dump())
        again = one.accept(answers.head(1))
        assert again.height == 1
        assert not changed(before, leaves(twin.state.dump())), "said twice, done once"

    def test_a_parcel_is_told_of_once(self, twin: Twin, open_: Open) -> None:
        needs(twin.name, Capability.SHIP_ORDERS)
        one = open_(twin)
        self.accept_all(twin, one)
        key = twin.state.awaiting("shipment")[0]
        parcel = self.parcel(twin, key)
        assert code(one.ship(parcel))[0] == "accepted", one.ship(parcel)
        assert (key, parcel["tracking_number"][0]) in twin.state.parcels()
        assert key not in twin.state.awaiting("shipment")
        read = one.read("order", [(key, "")])
        if "shipped_at" in platform(twin.name).readable["order"]:
            assert read["shipped_at"][0]
        count = len(twin.state.parcels())
        one.ship(parcel)
        assert len(twin.state.parcels()) == count, "told of twice, sent once"

    def test_an_order_that_does_not_exist_cannot_be_shipped(self, twin: Twin, open_: Open) -> None:
        needs(twin.name, Capability.SHIP_ORDERS)
        one = open_(twin)
        status, reason, message = code(one.ship(self.parcel(twin, twin.absent_key)))
        assert status == "refused"
        assert reason
        assert message
        assert not twin.state.parcels()

    @staticmethod
    def accept_all(twin: Twin, one: Connector) -> None:
        waiting = twin.state.awaiting("acceptance")
        if waiting:
            one.accept(pl.DataFrame([(key, "", True, "") for key in waiting], schema=ACCEPTANCES, orient="row"))

    @staticmethod
    def parcel(twin: Twin, key: str) -> pl.DataFrame:
        row = ("s1", key, "", "", twin.carrier, "003404341234567890", "https://track.example.com/003404341234567890")
        return pl.DataFrame([(*row, "2026-11-24T10:00:00Z", twin.identifiers)], schema=SHIPMENTS, orient="row")


class TestRequirements:
    def test_what_the_platform_publishes_is_read(self, twin: Twin, open_: Open) -> None:
        needs(twin.name, Capability.REQUIREMENTS)
        one = open_(twin)
        categories = sorted({name for name in fetch(one, "product")["category"] if name})[:3]
        found = one.requirements(categories)
        assert found.schema == pl.Schema(REQUIREMENTS)
        assert set(found["category"]) <= {*categories, ""}
        assert set(found["level"]) <= {"required", "recommended", "optional"}
        assert "required" in set(found["level"])
        assert set(found["type"]) <= {"text", "number", "integer", "boolean", "date", "choice"}
        assert found["source"].str.len_chars().min() > 10


def another(products: pl.DataFrame, field: str, row: dict[str, Any]) -> str:
    """A value that some other product of the shop has."""
    if field == "images":
        return json.dumps(["https://images.example.com/new-front.jpg", "https://images.example.com/new-back.jpg"])
    return next(one for one in products[field].to_list() if one and one != row[field])


def same_value(one: str, other: str) -> bool:
    """Whether two texts are equal, or equal as numbers: platforms add zeros to prices."""
    try:
        return one == other or Decimal(one) == Decimal(other)
    except ArithmeticError:
        return False
