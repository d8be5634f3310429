"""Pictures of the review page for the README: ``python -m docs.screenshots``, on the demo's shops, in headless Chromium."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from engine.demo import open_demo
from ui.page import open_page

IMAGES = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]


def main() -> None:
    """Write review.png, review-dark.png and phone.png."""
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_demo(Path(folder) / "demo") as demo,
        sync_playwright() as playwright,
    ):
        demo.run()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with open_page(demo.workspace, port=0) as address:
            for name, width, height, scheme in (
                ("review", 1280, 800, "light"),
                ("review-dark", 1280, 800, "dark"),
                ("phone", 390, 844, "light"),
            ):
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                page.goto(f"{address}?__theme={scheme}")
                _choose(page)
                page.screenshot(path=IMAGES / f"{name}.png")
                page.close()
        browser.close()


def _choose(page: Page) -> None:
    page.locator("#reviewer input, #reviewer textarea").fill("Ana")
    page.wait_for_selector("[data-pattern]")
    page.locator("[data-pattern]", has_text="title in capitals").first.click()
    page.wait_for_timeout(2500)


if __name__ == "__main__":
    main()
