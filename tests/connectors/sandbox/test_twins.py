"""What every twin promises, whatever its platform."""

import json
import socket
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.platform import platform, platforms
from connectors.sandbox import make_catalogue, serve, twins
from connectors.sandbox.defects import TRUTH

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def probe(twin, **options):
    """A harmless request that the twin's platform answers with 200."""
    asked = twin.greeting()
    headers = {name: value for name, value in asked.headers.items() if name != "host"}
    url = f"{twin.base_url}{asked.path}"
    return httpx.request(
        asked.method, url, params=asked.query, headers=headers, content=asked.body, verify=False, **options
    )


def editable(twin, kind, *fields):
    """Those of the fields that the platform lets a merchant change."""
    known = platform(twin.name).writable.get(kind, frozenset())
    return [one for one in fields if one in known]


@pytest.fixture(params=sorted(twins()))
def twin(request, small):
    with serve(request.param, catalogue=small, clock=lambda: NOW) as running:
        yield running


def test_every_platform_but_files_has_a_twin():
    assert set(platforms()) - {"files"} == set(twins())
    assert all(name == kind.name for name, kind in twins().items())


def test_an_unknown_platform_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match="woocommerce"), serve("nowhere"):
        pass


def test_a_twin_answers_and_keeps_a_log(twin):
    assert probe(twin).status_code == 200
    ((method, path, status),) = twin.requests
    assert (method, status) == (twin.greeting().method, 200)
    assert path.startswith("/")


@pytest.mark.parametrize("kind", ["429", "429-no-advice", "500", "html", "half-json", "401", "truncated"])
def test_faults_come_once_and_go(twin, kind):
    twin.fault(kind)
    expected = {"429": 429, "429-no-advice": 429, "500": 500, "html": 200, "half-json": 200, "401": 401}
    if kind == "truncated":
        with pytest.raises(httpx.RemoteProtocolError):
            probe(twin)
    else:
        answer = probe(twin)
        assert answer.status_code == (twin.unauthorised().status if kind == "401" else expected[kind])
        assert ("retry-after" in answer.headers) == (kind == "429")
        if kind in ("html", "half-json"):
            # Cut in the middle, it is no JSON, and maybe not even text.
            with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
                answer.json()
    assert probe(twin).status_code == 200


def test_a_hanging_twin_lets_go_when_it_is_stopped(twin):
    twin.fault("hang")
    with pytest.raises(httpx.ReadTimeout):
        probe(twin, timeout=0.2)
    assert probe(twin).status_code == 200


def test_faults_can_be_bound_to_a_path_and_a_number(twin):
    twin.fault("500", count=2, path="/nowhere")
    twin.fault("500", count=2, path="/")
    assert [probe(twin).status_code for _ in range(3)] == [500, 500, 200]


def test_a_twin_takes_over_from_a_running_one(twin, small):
    twin.fault("500", count=9)
    fresh = type(twin)(catalogue=small, seed=77).take_over(twin)
    assert fresh.base_url == twin.base_url
    assert probe(fresh).status_code == 200
    fresh.fault("429")
    assert [probe(fresh).status_code, probe(fresh).status_code] == [429, 200]
    assert fresh.requests == twin.requests


def test_an_unknown_fault_is_answered_with_the_known_ones(twin):
    with pytest.raises(ValueError, match="half-json"):
        twin.fault("flood")


def test_the_port_is_free_again_after_stop(small):
    kind = twins()["woocommerce"]
    first = kind(catalogue=small).start()
    port = int(first.base_url.rpartition(":")[2])
    first.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = first.base_url
    with serve("shopify", catalogue=small, port=port) as second:
        assert second.base_url.endswith(str(port))
        assert probe(second).status_code == 200


def test_a_taken_port_is_an_error(small):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError):
            twins()["shopify"](catalogue=small, port=taken.getsockname()[1]).start()


def test_several_twins_run_side_by_side(small):
    running = [twins()[name](catalogue=small).start() for name in sorted(twins())]
    try:
        assert len({one.base_url for one in running}) == len(running)
        assert all(probe(one).status_code == 200 for one in running)
    finally:
        for one in running:
            one.stop()


def test_requests_from_several_threads_are_all_answered(twin):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(probe(twin).status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 8


def test_dumps_are_plain_and_equal_for_equal_shops(twin, small):
    again = twins()[twin.name](catalogue=small, clock=lambda: NOW)
    assert json.loads(json.dumps(twin.state.dump())) == again.state.dump()


def test_credentials_differ_by_seed_and_not_by_run(small):
    with serve("shopify", catalogue=small, seed=1) as first, serve("shopify", catalogue=small, seed=1) as second:
        assert first.credentials["access_token"] == second.credentials["access_token"]
    with serve("shopify", catalogue=small, seed=2) as third:
        assert third.credentials["access_token"] != first.token


def rows_of(dump):
    """Every stored document by its path."""
    return {(name, key): row for name, rows in dump.items() if isinstance(rows, dict) for key, row in rows.items()}


def a_record(twin, kind):
    found = twin.state.truth().filter(kind=kind)["record"]
    assert found.len()
    return found[0]


@pytest.mark.parametrize("field", ["title", "price", "quantity"])
def test_a_foreign_edit_changes_one_document(twin, field):
    if not editable(twin, "product", field):
        pytest.skip(f"{twin.name} does not let {field} be changed")
    before = rows_of(twin.state.dump())
    twin.state.edit(a_record(twin, "product"), field, {"title": "A plain title", "price": "99.90"}.get(field, "41"))
    after = rows_of(twin.state.dump())
    changed = [key for key in before if before[key] != after[key]]
    # A variant's change moves the time of its product too.
    assert 1 <= len(changed) <= 2
    assert before.keys() == after.keys()


@pytest.mark.parametrize(
    "field",
    [
        "price",
        "sale_price",
        "gtin",
        "sku",
        "quantity",
        "weight_g",
        "brand",
        "category",
        "description",
        "status",
        "images",
    ],
)
def test_every_product_field_can_be_edited(twin, field):
    if not editable(twin, "product", field):
        pytest.skip(f"{twin.name} does not let {field} be changed")
    values = {
        "price": "99.90",
        "sale_price": "0.50",
        "quantity": "41",
        "weight_g": "1250",
        "status": "draft",
        "images": '["https://images.example.com/new.jpg"]',
    }
    if field in ("category", "brand"):
        values[field] = "" if field == "category" else "Nordlicht"
    before = twin.state.dump()
    value = {**values, **twin.new_values}.get(field, "4006381333931")
    twin.state.edit(a_record(twin, "product"), field, value)
    assert twin.state.dump() != before


@pytest.mark.parametrize("field", ["email", "phone", "ship_name", "ship_street", "ship_city", "ship_postal_code"])
def test_every_order_field_can_be_edited(twin, field):
    if not editable(twin, "order", field):
        pytest.skip(f"{twin.name} does not let {field} be changed")
    before = twin.state.dump()
    twin.state.edit(a_record(twin, "order"), field, "new@example.org")
    assert twin.state.dump() != before


def test_edits_of_nothing_are_refused(twin):
    record = a_record(twin, "product")
    with pytest.raises(KeyError, match="no record"):
        twin.state.edit("nonsense", "title", "x")
    with pytest.raises(KeyError, match="no field"):
        twin.state.edit(record, "colour", "x")


def test_a_delivery_arrives_now(twin):
    before = twin.state.dump()
    faults = twin.state.truth().height
    twin.state.add(make_catalogue(5, 14, orders=4, day=2))
    after = twin.state.dump()
    assert len(after["orders"]) == len(before["orders"]) + 4
    assert len(after["products"]) >= len(before["products"]) + 14
    assert all(after[kind][key] == value for kind in ("products", "orders") for key, value in before[kind].items())
    assert twin.state.truth().height > faults


def test_an_edit_is_always_later_than_what_was_there(small):
    early = twins()["shopify"](catalogue=small, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    record = early.state.truth().filter(defect="title-capitals")["record"][0]
    before = early.state.dump()["products"]
    early.state.edit(record, "title", "x")
    after = early.state.dump()["products"]
    (key,) = [one for one in before if before[one] != after[one]]
    moved = datetime.fromisoformat(after[key]["updated"]) - datetime.fromisoformat(before[key]["updated"])
    assert moved == timedelta(seconds=1)


def test_the_truth_names_records_and_no_impossible_defect(twin):
    truth = twin.state.truth()
    assert dict(truth.schema) == TRUTH
    assert not getattr(twin.state, "impossible", frozenset()) & set(truth["defect"])
    assert truth.height > 5
