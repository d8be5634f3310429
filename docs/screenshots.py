"""Pictures for the README: ``python -m docs.screenshots``, of the review page on the demo's shops, in headless Chromium, and
of what the notebooks show.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from playwright.sync_api import Page, sync_playwright

from engine.demo import open_demo
from ui.page import open_page

IMAGES = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]


NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PLOTS = {
    "reliability": ("03_is_the_confidence_honest", 0),
    "promises": ("03_is_the_confidence_honest", 1),
    "cost": ("04_which_error_budget", 2),
}
"""Picture to its notebook and which one it is there."""


def main() -> None:
    """Write them all."""
    IMAGES.mkdir(exist_ok=True)
    _plots()
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


def _plots() -> None:
    seen: dict[str, list[str]] = {}
    for name, (notebook, number) in PLOTS.items():
        if notebook not in seen:
            read = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4)
            NotebookClient(read, timeout=600, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
            shown = [output for cell in read.cells for output in cell.get("outputs", [])]
            seen[notebook] = [one["data"]["image/png"] for one in shown if "image/png" in one.get("data", {})]
        (IMAGES / f"{name}.png").write_bytes(base64.b64decode(seen[notebook][number]))


def _choose(page: Page) -> None:
    page.locator("#reviewer input, #reviewer textarea").fill("Ana")
    page.wait_for_selector("[data-pattern]")
    page.locator("[data-pattern]", has_text="title in capitals").filter(has_text="woocommerce").first.click()
    page.wait_for_timeout(2500)


if __name__ == "__main__":
    main()
