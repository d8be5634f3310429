"""The review page as a person uses it, in headless Chromium."""

import re
import shutil

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Workspace
from engine.settings import load_settings
from ui import render
from ui.app import open_page

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
HOSTILE = 'Lamp  <img src=x onerror="window.hacked=1"> &amp; <script>window.hacked=1</script>'
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium():
    if not CHROMIUM:
        pytest.skip("no Chromium: install Debian's package chromium, or run through `make test`, which does")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def workspace(tmp_path, lamps):
    opened = Workspace(
        settings=load_settings(
            database=f"sqlite:///{tmp_path / 'c.db'}",
            lake=tmp_path / "lake",
            key_file=tmp_path / "key",
            embedder="character",
            ai_monitoring={"enabled": False},
        )
    )
    opened.ingest(
        pl.concat([lamps(4), lamps(1, key="evil").with_columns(title=pl.lit(HOSTILE), price=pl.lit("12.50"))]),
        channel="woocommerce",
    )
    yield opened
    opened.close()


@pytest.fixture
def address(workspace):
    with open_page(workspace, port=0) as found:
        yield found


def visit(browser, address, name="ana"):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(15_000)
    page.outside = []
    page.on(
        "request",
        lambda request: (
            page.outside.append(request.url)
            if "//127.0.0.1" not in request.url and not request.url.startswith("data:")
            else None
        ),
    )
    page.goto(address)
    page.wait_for_selector("#patterns .card, #patterns .calm")
    if name:
        page.locator("#reviewer input, #reviewer textarea").fill(name)
        page.keyboard.press("Tab")
    return page


def choose(page, rule):
    page.locator("#patterns .card", has_text=rule).first.click()
    page.wait_for_selector("#issues .issue.chosen")


def statuses(workspace, rule):
    return workspace.issues().filter(pl.col("rule_id") == rule)["status"].sort().to_list()


def wait_until(page, condition):
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never happened")


def test_a_row_is_approved_pushed_and_undone(chromium, address, workspace):
    page = visit(chromium, address)
    choose(page, "price notation")
    assert page.locator("#issues .issue").count() == 4
    assert (
        "12.50" in page.locator("#issues ins").first.inner_text()
        or "." in page.locator("#issues ins").first.inner_text()
    )
    assert "decisions on this pattern" in page.locator("#evidence").inner_text()
    page.locator("#approve").click()
    wait_until(page, lambda: statuses(workspace, "price-notation").count("approved") == 1)
    wait_until(page, lambda: workspace.corrections()["status"].to_list() == ["verified"])
    assert workspace.knowledge.refresh()["decided_by"].to_list() == ["ana"]
    page.get_by_role("tab", name="Corrected").click()
    page.locator("#corrections .undo").click()
    wait_until(page, lambda: statuses(workspace, "price-notation").count("undone") == 1)
    wait_until(page, lambda: sorted(workspace.corrections()["status"]) == ["undone", "verified"])
    assert page.outside == []
    page.close()


def test_a_pattern_is_approved_at_once(chromium, address, workspace):
    page = visit(chromium, address)
    choose(page, "price notation")
    page.locator("#approve-all").click()
    wait_until(page, lambda: statuses(workspace, "price-notation") == ["approved"] * 4)
    page.close()


def test_a_bad_value_is_explained_and_a_good_one_taken(chromium, address, workspace):
    page = visit(chromium, address)
    choose(page, "price notation")
    page.locator("#value textarea, #value input").fill("11,00")
    page.locator("#modify").click()
    page.get_by_text("This value would be refused").wait_for()
    assert page.locator("#value textarea, #value input").input_value() == "11,00"
    assert statuses(workspace, "price-notation") == ["pending"] * 4
    page.locator("#value textarea, #value input").fill("11.00")
    page.locator("#modify").click()
    wait_until(page, lambda: statuses(workspace, "price-notation").count("modified") == 1)
    page.close()


def test_a_rejection_and_a_missing_name(chromium, address, workspace):
    page = visit(chromium, address, name="")
    choose(page, "price notation")
    page.locator("#reject").click()
    page.get_by_text("Say who you are first").first.wait_for()
    assert statuses(workspace, "price-notation") == ["pending"] * 4
    page.locator("#reviewer input, #reviewer textarea").fill("bo")
    page.keyboard.press("Tab")
    page.locator("#reject").click()
    wait_until(page, lambda: statuses(workspace, "price-notation").count("rejected") == 1)
    page.close()


def test_two_people_at_once(chromium, address, workspace):
    ana, bo = visit(chromium, address), visit(chromium, address, name="bo")
    for page in (ana, bo):
        choose(page, "price notation")
    ana.locator("#approve").click()
    wait_until(ana, lambda: statuses(workspace, "price-notation").count("approved") == 1)
    bo.locator("#approve").click()
    bo.get_by_text("is approved already").wait_for()
    assert statuses(workspace, "price-notation").count("approved") == 1
    ana.close()
    bo.close()


def test_hostile_text_stays_text(chromium, address, workspace):
    page = visit(chromium, address)
    choose(page, "title white space")
    assert "onerror" in page.locator("#issues").inner_text() + page.locator("#evidence").inner_text()
    page.locator("#value textarea, #value input").fill("Desk lamp model 0")
    page.locator("#modify").click()
    wait_until(page, lambda: "modified" in statuses(workspace, "title-white-space"))
    page.get_by_role("tab", name="Corrected").click()
    page.wait_for_selector("#corrections .issue")
    assert "onerror" in page.locator("#corrections").inner_text()
    assert page.evaluate("window.hacked") is None
    page.close()


def test_an_empty_queue_says_so(chromium, tmp_path):
    empty = Workspace(
        settings=load_settings(
            database=f"sqlite:///{tmp_path / 'e.db'}",
            lake=tmp_path / "l",
            key_file=tmp_path / "k",
            embedder="character",
        )
    )
    with open_page(empty, port=0) as address:
        page = visit(chromium, address)
        assert "Nothing waits for you" in page.locator("#patterns").inner_text()
        page.close()
    empty.close()


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_difference_holds_no_markup_of_the_values(before, after):
    shown = render.difference(before, after)
    assert re.sub(r"</?(?:ins|del|span)(?: class=nothing)?>", "", shown).count("<") == 0


@given(st.text(alphabet="ab <>&\"'", max_size=60), st.text(alphabet="ab <>&\"'", max_size=60))
def test_a_difference_shows_both_texts(before, after):
    if not before.strip():
        return
    import html

    shown = render.difference(before, after).replace("␣", " ")
    without = lambda tag: html.unescape(re.sub(r"</?(?:ins|del)>", "", re.sub(rf"<{tag}>.*?</{tag}>", "", shown)))  # noqa: E731
    assert without("ins").split() == before.split()
    assert without("del").split() == after.split()
