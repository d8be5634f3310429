"""Documents do not rot: what is written by a script is what the script would write, and every link leads somewhere."""

import re
import textwrap
from pathlib import Path

import pytest

from docs import platforms as platform_page
from docs import records
from engine.correctors import correctors
from engine.rules import parse_rules, prove
from engine.settings import describe_settings, load_settings

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/language_model.md",
    "experiments/README.md",
]


def test_the_page_of_records_is_what_the_schema_says():
    assert records.PAGE.read_text("utf-8") == records.page(), "run: make docs"


def test_the_page_of_platforms_is_what_the_descriptions_say():
    assert platform_page.PAGE.read_text("utf-8") == platform_page.page(), "run: make docs"


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file(name):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_named_module_is_there(name):
    named = re.findall(
        r"`((?:engine|connectors|models|ui|tests|docs|experiments)/[\w/.]+)`", (ROOT / name).read_text("utf-8")
    )
    assert [one for one in named if not (ROOT / one).exists()] == []


def test_every_setting_is_in_a_table():
    text = "".join((ROOT / name).read_text("utf-8") for name in PAGES)
    assert [key for key, _, _ in describe_settings(load_settings()) if f"| `{key}` |" not in text] == []


def test_the_recipe_for_a_rule_works_to_the_letter():
    written = re.search(r"```toml\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL).group(1)
    (rule,) = parse_rules(textwrap.dedent(written), origin="channel", channel="ebay")
    assert prove(rule) == []
    assert set(rule.correction) <= set(correctors())
