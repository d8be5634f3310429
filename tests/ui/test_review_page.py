"""The review page as people use it, in headless Chromium; one page serves all tests, each on records of its own."""

import re
import shutil
import time
from dataclasses import replace

import httpx
import polars as pl
import pytest

from connectors.platform import platform
from connectors.sandbox import make_catalogue, serve
from engine import Workspace
from engine.errors import ConfigError, StoreError
from engine.settings import load_settings
from tests.history import decided
from ui.page import open_page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
HOSTILE = (
    'evil  <img src=x onerror="window.hacked=1"> ${window.hacked=2} {{constructor}} <script>window.hacked=3</script>'
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: install the package `chromium`"),
]


def make_workspace(folder):
    settings = load_settings(
        database=f"sqlite:///{folder / 'knowledge.db'}",
        lake=folder / "lake",
        key_file=folder / "key",
        embedder="character",
        ai_monitoring={"enabled": False},
    )
    return Workspace(settings=settings)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, lamps_of):
    opened = make_workspace(tmp_path_factory.mktemp("page"))
    names = ("approve", "bulk", "choose", "modify", "reject", "undo", "conflict", "keys", "large", "phone")
    frames = [lamps_of(24 if name == "large" else 3, key=name) for name in names]
    frames.append(lamps_of(1, key="hostile", price="12.50").with_columns(title=pl.lit(HOSTILE)))
    opened.ingest(pl.concat(frames), channel="woocommerce")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def lamps_of():
    from tests.conftest import _lamps

    return _lamps


@pytest.fixture(scope="module")
def address(workspace):
    with open_page(workspace, port=0, grace_s=0.1) as found:
        yield found


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    opened = []

    def visit(search, *, name="ana", width=1280, place=address):
        page = chromium.new_context(viewport={"width": width, "height": 800}).new_page()
        opened.append(page)
        page.set_default_timeout(15_000)
        page.outside, page.problems = [], []
        page.on("request", lambda sent: None if is_own(sent.url) else page.outside.append(sent.url))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(place)
        page.wait_for_selector("#patterns .cm-pattern, #patterns .cm-empty")
        if name:
            page.locator("#reviewer input, #reviewer textarea").fill(name)
        if search:
            page.locator("#search input, #search textarea").fill(search)
            page.wait_for_function(
                "key => [...document.querySelectorAll('#issues tbody tr')].every(row => row.innerText.includes(key))",
                arg=search,
            )
            page.locator("#issues tbody tr").first.wait_for()
        return page

    yield visit
    for page in opened:
        assert page.outside == []
        assert page.problems == []
        page.context.close()


def is_own(url):
    return "//127.0.0.1" in url or url.startswith(("data:", "blob:"))


def rows(page):
    return page.locator("#issues tbody tr")


def button(page, text):
    return page.locator("#issues button", has_text=text)


def said(page, text):
    page.locator("#spoken", has_text=text).wait_for()


def statuses(workspace, key, rule="price-notation"):
    found = workspace.issues().filter(pl.col("record_key").str.starts_with(f"{key}-"), pl.col("rule_id") == rule)
    return found.sort("record_key")["status"].to_list()


def corrections(workspace, key):
    return workspace.corrections().filter(pl.col("record_key").str.starts_with(f"{key}-"))


def eventually(condition):
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def test_one_row_is_approved_and_pushed(visit, workspace):
    page = visit("approve-")
    assert rows(page).count() == 3
    assert page.locator("#issues tr.cm-active del").inner_text() == ","
    assert page.locator("#issues tr.cm-active ins").inner_text() == "."
    assert "decisions on this pattern" in page.locator("#evidence").inner_text()
    button(page, "Approve this row").click()
    said(page, "1 approved")
    assert statuses(workspace, "approve").count("approved") == 1
    assert rows(page).count() == 2
    eventually(lambda: corrections(workspace, "approve")["status"].to_list() == ["verified"])
    assert set(corrections(workspace, "approve")["written_by"]) == {"ana"}


def test_all_that_the_filter_shows_is_approved_at_once(visit, workspace):
    page = visit("bulk-")
    button(page, "Approve all 3").click()
    said(page, "3 approved")
    assert statuses(workspace, "bulk") == ["approved"] * 3
    assert statuses(workspace, "choose") == ["pending"] * 3
    page.locator("#patterns", has_text="Nothing matches").wait_for()


def test_many_at_once_are_asked_about_first(visit, workspace):
    page = visit("large-")
    button(page, "Approve all 24").click()
    page.get_by_text("Approve 24 corrections at once, 24 of them shown here?").wait_for()
    button(page, "Cancel").click()
    assert statuses(workspace, "large") == ["pending"] * 24
    button(page, "Approve all 24").click()
    button(page, "Yes, approve 24").click()
    said(page, "24 approved")
    assert statuses(workspace, "large") == ["approved"] * 24


def test_checked_rows_are_decided_and_no_others(visit, workspace):
    page = visit("choose-")
    for key in ("choose-0", "choose-2"):
        page.locator("#issues tbody tr", has_text=key).locator("input").check()
    button(page, "Approve 2 selected").wait_for()
    button(page, "Reject").click()
    said(page, "2 rejected")
    assert statuses(workspace, "choose") == ["rejected", "pending", "rejected"]
    assert corrections(workspace, "choose").is_empty()


def test_a_bad_value_is_explained_and_a_good_one_is_taken(visit, workspace):
    page = visit("modify-")
    button(page, "Modify").click()
    value = page.locator("#value input, #value textarea")
    value.wait_for()
    assert value.input_value() == "12.50"
    value.fill("11,00 <b>")
    page.locator("#save").click()
    page.locator("#refused", has_text="This value would be refused").wait_for()
    assert value.input_value() == "11,00 <b>"
    assert statuses(workspace, "modify") == ["pending"] * 3
    value.fill("11.00")
    page.locator("#save").click()
    said(page, "1 set to your value")
    assert statuses(workspace, "modify").count("modified") == 1
    assert corrections(workspace, "modify")["after"].to_list() == ["11.00"]
    assert value.count() == 0 or not value.is_visible()


def test_a_name_is_asked_for_and_kept_in_the_browser(visit, workspace, address):
    page = visit("reject-", name="")
    button(page, "Reject").click()
    said(page, "Enter your name")
    assert statuses(workspace, "reject") == ["pending"] * 3
    assert page.evaluate("document.activeElement.closest('#reviewer') !== null")
    page.locator("#reviewer input, #reviewer textarea").fill("bo")
    button(page, "Reject").click()
    said(page, "1 rejected")
    assert statuses(workspace, "reject").count("rejected") == 1
    assert "bo" in workspace.knowledge.refresh()["decided_by"].to_list()
    page.reload()
    page.wait_for_function("document.querySelector('#reviewer input, #reviewer textarea')?.value === 'bo'")


def test_the_last_decision_is_taken_back(visit, workspace):
    page = visit("undo-")
    button(page, "Approve this row").click()
    said(page, "1 approved")
    eventually(lambda: corrections(workspace, "undo")["status"].to_list() == ["verified"])
    page.locator("#spoken button", has_text="Undo").click()
    said(page, "1 issue back in the queue")
    assert statuses(workspace, "undo") == ["pending"] * 3
    assert rows(page).count() == 3
    eventually(lambda: sorted(corrections(workspace, "undo")["status"]) == ["undone", "verified"])
    button(page, "Reject").click()
    said(page, "1 rejected")
    page.locator("#spoken button", has_text="Undo").click()
    said(page, "1 issue back in the queue")
    assert statuses(workspace, "undo") == ["pending"] * 3


def test_two_people_at_one_issue(visit, workspace):
    ana, bo = visit("conflict-"), visit("conflict-", name="bo")
    for page in (ana, bo):
        page.locator("#issues tbody tr", has_text="conflict-1").click()
        page.locator("#evidence", has_text="conflict-1").wait_for()
    button(ana, "Reject").click()
    said(ana, "1 rejected")
    button(bo, "Approve this row").click()
    said(bo, "is rejected already")
    assert rows(bo).count() == 2
    assert statuses(workspace, "conflict") == ["pending", "rejected", "pending"]


def test_another_persons_decision_is_offered_and_steals_nothing(visit, workspace):
    page = visit("conflict-")
    page.locator("#issues tbody tr", has_text="conflict-2").locator("input").check()
    waiting = workspace.issues(status="pending").filter(pl.col("record_key") == "conflict-0")["issue_id"].to_list()
    workspace.decide(waiting, "rejected", by="cy")
    page.locator("#renew", has_text="1 decided elsewhere").wait_for()
    assert rows(page).count() == 2
    assert page.locator("#issues tbody tr", has_text="conflict-2").locator("input").is_checked()
    page.locator("#renew button").click()
    page.wait_for_function("document.querySelectorAll('#issues tbody tr').length === 1")
    assert page.locator("#issues tbody tr", has_text="conflict-2").locator("input").is_checked()


def test_keys_move_and_decide(visit, workspace):
    page = visit("keys-")
    keys = [rows(page).nth(place).locator(".cm-key").inner_text().split(" ")[0] for place in range(3)]
    page.locator("#issues .cm-head").click()
    page.keyboard.press("j")
    page.locator("#evidence", has_text=keys[1]).wait_for()
    page.keyboard.press("r")
    said(page, "1 rejected")
    page.locator("#evidence", has_text=keys[2]).wait_for()
    page.keyboard.press("k")
    page.locator("#evidence", has_text=keys[0]).wait_for()
    page.keyboard.press("a")
    said(page, "1 approved")
    left = workspace.issues(status="pending").filter(pl.col("record_key").str.starts_with("keys-"))
    assert left["record_key"].to_list() == [keys[2]]


def test_hostile_text_stays_text(visit, workspace):
    page = visit("evil")
    assert "onerror" in page.locator("#issues").inner_text()
    assert "${window.hacked=2} {{constructor}}" in page.locator("#evidence").inner_text()
    assert "onerror" in page.locator("#patterns").inner_text()
    button(page, "Modify").click()
    page.locator("#value input, #value textarea").fill("Desk lamp")
    page.locator("#save").click()
    said(page, "1 set to your value")
    page.get_by_role("tab", name="Corrected").click()
    page.locator("#corrections", has_text="onerror").wait_for()
    assert page.evaluate("window.hacked") is None
    assert page.locator("#issues img, #evidence img, #patterns img, #corrections img").count() == 0


def test_a_correction_is_undone_in_its_own_tab(visit, workspace):
    page = visit("phone-", width=390)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    button(page, "Approve this row").click()
    said(page, "1 approved")
    eventually(lambda: corrections(workspace, "phone")["status"].to_list() == ["verified"])
    page.get_by_role("tab", name="Corrected").click()
    row = page.locator("#corrections tbody tr", has_text="phone-").first
    row.locator("input").check()
    page.locator("#corrections button", has_text="Undo 1 selected").click()
    said(page, "1 undone")
    assert statuses(workspace, "phone").count("undone") == 1


def test_a_slider_tells_what_another_budget_would_have_done(visit, tmp_path):
    past = make_workspace(tmp_path)
    decided(past, 500, patterns=12)
    expected = {
        share: past.replay(policy=replace(past.policy, enabled=True, error_budget=share)) for share in (0.05, 0)
    }
    with open_page(past, port=0) as place:
        page = visit("", name="", place=place)
        page.get_by_role("tab", name="Replay").click()
        answer = page.locator("#replay .cm-answer")
        answer.get_by_text(f"{expected[0.05].automatic} of 500 past issues").wait_for()
        assert page.locator("#replay .cm-here", has_text="5 %").count() == 1
        assert "Price notation" in page.locator("#replay").inner_text()
        field = page.locator("#budget input[type=number]")
        field.fill("0")
        field.press("Enter")
        answer.get_by_text("0 of 500 past issues").wait_for()
        assert expected[0].automatic == 0 < expected[0.05].automatic
    past.close()


def test_rules_are_shown_and_searched(visit):
    page = visit("", name="")
    page.get_by_role("tab", name="Rules").click()
    page.locator("#rules", has_text="Price").first.wait_for()
    page.get_by_placeholder("Search rules").fill("gtin check digit")
    page.wait_for_function("document.querySelectorAll('#rules .cm-rule').length === 1")


def test_a_failed_push_is_told_and_its_words_stay_text(visit, lamps_of, tmp_path):
    def push(name):
        raise StoreError('the disk is full <img src=x onerror="window.hacked=4">')

    workspace = make_workspace(tmp_path)
    workspace.ingest(lamps_of(1, key="push"), channel="woocommerce")
    workspace.push = push
    with open_page(workspace, port=0, grace_s=0.0) as place:
        page = visit("push-", place=place)
        button(page, "Approve this row").click()
        page.get_by_text("the disk is full").wait_for()
        assert "<img" in page.get_by_text("the disk is full").inner_text()
        assert page.evaluate("window.hacked") is None
        assert workspace.corrections()["status"].to_list() == ["written"]
    workspace.close()


def test_the_page_is_told_to_load_nothing_from_outside(address):
    answer = httpx.get(address)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert httpx.get(address, headers={"host": "evil.example"}).status_code == 400


def test_a_taken_port_is_said(workspace, address):
    taken = int(address.rstrip("/").rpartition(":")[2])
    with pytest.raises(ConfigError, match="cannot listen"), open_page(workspace, port=taken):
        pass


def test_an_empty_queue_says_so(visit, tmp_path):
    workspace = make_workspace(tmp_path)
    with open_page(workspace, port=0) as place:
        page = visit("", name="", place=place)
        assert "Nothing waits for you" in page.locator("#patterns").inner_text()
        page.get_by_role("tab", name="Corrected").click()
        page.locator("#corrections", has_text="Nothing here yet").wait_for()
    workspace.close()


def test_an_account_is_added_tested_and_synced(visit, tmp_path):
    workspace = make_workspace(tmp_path)
    workspace.connector_options = {"sleep": lambda seconds: None}
    catalogue = make_catalogue(3, 12, orders=2, defects=0.2)
    with serve("prestashop", catalogue=catalogue) as twin, open_page(workspace, port=0, grace_s=0.0) as place:
        page = visit("", place=place)
        page.get_by_role("tab", name="Connections").click()
        page.locator("#connections", has_text="No account yet").wait_for()
        page.locator("#wizard-platform input").click()
        page.get_by_role("option", name=platform("prestashop").title).click()
        for name, value in twin.credentials.items():
            page.locator(f"#credential-{name} input, #credential-{name} textarea").fill(value)
        page.get_by_placeholder("Your name for it").fill("fr-shop")
        page.locator("#store-connection").click()
        page.locator("#connections", has_text="fr-shop").wait_for()
        page.get_by_text("Stored.").wait_for()
        page.locator("#sync-connection").click()
        page.locator("#connections", has_text=re.compile(r"[1-9]\d* products")).wait_for()
        shown = page.content()
        secrets = [twin.credentials[one.name] for one in platform("prestashop").credentials if one.secret]
        assert secrets
        assert not any(secret in shown for secret in secrets)
    assert workspace.connections()["name"].to_list() == ["fr-shop"]
    workspace.close()
