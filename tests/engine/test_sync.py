"""A sync over real HTTP against offline twins: the whole way, and every way in which a platform can fail."""

import polars as pl
import pytest

from connectors.errors import CredentialError, PlatformError
from connectors.platform import platform, platforms
from connectors.sandbox import make_catalogue, serve, twins
from engine.types import Status

SMALL = {"products": 24, "orders": 8, "defects": 0.3}
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(params=sorted(twins()))
def twin(request):
    with serve(
        request.param, catalogue=make_catalogue(7, SMALL["products"], orders=SMALL["orders"], defects=SMALL["defects"])
    ) as running:
        yield running


@pytest.fixture
def shop(workspace, twin, skipping):
    workspace.connector_options = {"sleep": skipping(twin)}
    workspace.connect(twin.name, name="shop", credentials=twin.credentials)
    return workspace


def impatient(workspace):
    """Retries without waiting; the client's own tests prove how long it waits."""
    workspace.connector_options = {"sleep": lambda _: None}
    return workspace


EDITS = {
    "title": "Edited by the shop's owner",
    "description": "Edited by the shop's owner.",
    "gtin": "4006381333931",
    "weight_g": "4321",
    "brand": "",
}
"""Fields that a suggestion can be had for on most channels, and what somebody else writes into them."""


def correctable(shop):
    """Pending issues of products whose suggestion can be written; the test ends where the channel lets none be."""
    found = [
        row
        for row in shop.issues(status="pending").drop_nulls("suggested").iter_rows(named=True)
        if row["kind"] == "product" and row["field"] in EDITS and shop.is_writable("shop", row["kind"], row["field"])
    ]
    if not found:
        pytest.skip("this channel lets none of the fields be written that something is suggested for")
    return found


def test_the_whole_way(shop, twin):
    assert shop.check("shop").ok
    run = shop.sync("shop")
    assert run.counts["products"] >= SMALL["products"]
    assert run.counts["orders"] == SMALL["orders"]
    assert run.counts["issues"] == run.counts["pending"] > 0
    known = {(row["record"], row["field"]): row for row in twin.state.truth().iter_rows(named=True)}
    found = {(row["record_key"], row["field"]) for row in shop.issues().iter_rows(named=True)}
    assert len(set(known) & found) / len(known) > 0.8, sorted(set(known) - found)
    chosen = correctable(shop)[:6]
    before = twin.state.dump()
    shop.decide([row["issue_id"] for row in chosen], "approved", by="ana")
    pushed = shop.sync("shop")
    assert pushed.counts["failed"] == pushed.counts["conflicts"] == 0
    verified = shop.corrections(status="verified")
    assert verified.height == len(chosen) > 0
    assert twin.state.dump() != before
    shop.undo(verified["correction_id"].to_list(), by="ana")
    assert shop.push("shop").counts["verified"] >= 1
    assert set(shop.issues().filter(pl.col("issue_id").is_in([row["issue_id"] for row in chosen]))["status"]) == {
        Status.UNDONE
    }


def test_the_second_sync_finds_nothing_new(shop):
    shop.sync("shop")
    again = shop.sync("shop")
    assert again.counts["issues"] == 0
    full = shop.sync("shop", full=True)
    assert full.counts["issues"] == full.counts["resolved"] == 0


def test_a_foreign_edit_becomes_an_issue_and_is_kept(shop, twin):
    shop.sync("shop")
    rows = [one for one in correctable(shop) if one["field"] != "brand"]
    if not rows:
        pytest.skip("nothing but brands can be suggested here")
    row = rows[0]
    value = EDITS[row["field"]]
    shop.decide([row["issue_id"]], "approved", by="ana")
    twin.state.edit(row["record_key"], row["field"], value)
    run = shop.push("shop")
    assert run.counts["conflicts"] == 1
    conflict = shop.issues(status="pending").filter(pl.col("rule_id") == "push-conflict")
    assert conflict["observed"].to_list() == [value]
    assert "changed at the platform" in conflict["reason"].item()
    shop.sync("shop")
    assert shop.issues(status="pending").filter(pl.col("rule_id") == "push-conflict").height == 1


@pytest.mark.parametrize("fault", ["429", "429-no-advice", "500", "half-json", "truncated"])
def test_a_passing_fault_is_survived(shop, twin, fault):
    impatient(shop)
    twin.fault(fault, count=1)
    run = shop.sync("shop")
    assert run.counts["products"] >= SMALL["products"]
    assert run.counts["retries"] >= 1


@pytest.mark.parametrize("fault", ["500", "html", "401"])
def test_a_lasting_fault_fails_the_run_with_a_clear_word_and_loses_nothing(shop, twin, fault):
    impatient(shop).sync("shop", ["product"])
    issues, records = shop.issues().height, shop.lake.current("shop", "product").collect().height
    twin.fault(fault, count=10_000)
    with pytest.raises(PlatformError) as caught:
        shop.sync("shop", ["product"])
    text = str(caught.value)
    assert "shop" in text
    for secret in twin.credentials.values():
        assert len(secret) < 12 or secret not in text
    last = shop.runs()[0]
    assert (last["status"], bool(last["error"])) == ("failed", True)
    assert shop.issues().height == issues
    assert shop.lake.current("shop", "product").collect().height == records
    assert isinstance(caught.value, CredentialError) == (fault == "401")


def test_one_connection_that_fails_does_not_take_another_with_it(shop, twin, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from ui.cli import app

    feed = tmp_path / "feed.csv"
    feed.write_text("sku,title,price,currency\nA-1,Lamp,12.50,EUR\n", "utf-8")
    shop.connect("files", name="feed", channel="woocommerce", credentials={"path": str(feed)})
    credentials = dict(twin.credentials)
    secrets = {one.name for one in platform(twin.name).credentials if one.secret} & credentials.keys()
    wrong = {name: "wrong-" + credentials[name][6:] for name in secrets}
    shop.connect(twin.name, name="shop", credentials=credentials | wrong)
    monkeypatch.setenv("CHANNELMEND_LAKE", str(shop.settings.lake))
    monkeypatch.setenv("CHANNELMEND_KEY_FILE", str(shop.settings.key_file))
    monkeypatch.setenv("CHANNELMEND_EMBEDDER", "character")
    done = CliRunner().invoke(app, ["sync", "--json", "--database", shop.settings.database])
    assert done.exit_code == 1, done.output
    assert '"name": "feed", "run_id"' in done.output
    assert '"name": "shop", "error"' in done.output


def test_a_deleted_product_resolves_its_issues(workspace, tmp_path):
    feed = tmp_path / "feed.csv"
    feed.write_text('sku,title,price,currency\nA-1,Lamp,"12,50",EUR\nA-2,Table,"13,50",EUR\n', "utf-8")
    workspace.connect("files", name="feed", channel="woocommerce", credentials={"path": str(feed)})
    workspace.sync("feed", ["product"])
    feed.write_text('sku,title,price,currency\nA-1,Lamp,"12,50",EUR\n', "utf-8")
    run = workspace.sync("feed", ["product"])
    assert run.counts["resolved"] > 0
    assert set(workspace.issues(status="pending")["record_key"]) == {"A-1"}


def test_a_broken_row_is_set_aside_and_counted(workspace, tmp_path):
    feed = tmp_path / "feed.csv"
    feed.write_text(
        "sku,title,price,currency\nA-1,Lamp,12.50,EUR\nA-2,Table,1,2,3,4,5,6,EUR,x,y\nA-3,Chair,14.50,EUR\n", "utf-8"
    )
    workspace.connect("files", name="feed", channel="woocommerce", credentials={"path": str(feed)})
    run = workspace.sync("feed", ["product"])
    assert (run.counts["products"], run.counts["quarantined"]) == (2, 1)
    assert workspace.sql("select record_key, error from quarantine").height == 1
    sealed = workspace.store.arrow("SELECT sealed_raw FROM quarantine").item()
    assert "Table" not in sealed
    assert "Table" in workspace.vault.unseal(sealed)


def test_every_platform_has_a_rulebook_and_says_what_it_can_do(workspace):
    for name, known in platforms().items():
        assert known.capabilities
        assert all(one.label for one in known.credentials)
        if name != "files":
            assert workspace.rules(name)
