"""What platforms publish, as rules: fetched once, kept a week, shared by categories, and never a reason for a run to fail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from connectors.errors import UnavailableError
from connectors.platform import REQUIREMENTS
from connectors.record import conform
from engine import Workspace, requirements
from engine.detect import Validator
from engine.rules import applicable, load_rules
from engine.store import Store, tables

SOURCE = "https://channel.example/categories"


def published(*rows: dict[str, Any]) -> pl.DataFrame:
    blank = {"category": "Shoes", "label": "", "level": "optional", "type": "text", "pattern": "", "source": SOURCE}
    return pl.DataFrame([blank | row for row in rows], schema=REQUIREMENTS)


class Platform:
    """Stands for a connector: publishes what it was given, and notes what it was asked."""

    def __init__(self, rows: pl.DataFrame | None = None) -> None:
        self.rows = rows
        self.asked: list[list[str]] = []

    def requirements(self, categories: Sequence[str]) -> pl.DataFrame:
        self.asked.append(list(categories))
        if self.rows is None:
            raise UnavailableError("the platform has a problem of its own")
        return self.rows.filter(pl.col("category").is_in([*categories, ""]))


SHOES = published(
    {"field": "attributes.colour", "label": "Colour", "level": "required", "type": "choice", "values": ["Red", "Blue"]},
    {"field": "title", "level": "required", "type": "text", "minimum": 5.0, "maximum": 20.0},
    {"field": "weight_g", "type": "number", "maximum": 5000.0},
    {"field": "attributes.article", "type": "text", "pattern": "[A-Z]{3}"},
    {"field": "images", "level": "required"},
    {"field": "nonsense", "level": "required"},
    {
        "category": "Boots",
        "field": "attributes.colour",
        "label": "Colour",
        "level": "required",
        "type": "choice",
        "values": ["Blue", "Red"],
    },
)


def broken(store: Store, **values: Any) -> set[str]:
    row = {"record_key": "1", "category": "Shoes", "title": "A fine shoe", "images": ["https://x.example/1.jpg"]}
    attributes = {"colour": "red", "article": "ABC"} | values.pop("attributes", {})
    frame = conform(pl.DataFrame([row | values | {"attributes": attributes}]), "product")
    rules = requirements.rules_of(store, "shop", "amazon")
    found = Validator(rules, "product").detect(frame)
    return set(found["field"])


def test_published_demands_are_judged(store: Store) -> None:
    assert requirements.fetch(store, Platform(SHOES), "shop", ["Shoes", "Boots"]) == (2, "")
    assert broken(store) == set()
    assert broken(store, title="Shoe") == {"title"}
    assert broken(store, title="A shoe that goes on and on") == {"title"}
    assert broken(store, title="") == {"title"}
    assert broken(store, weight_g="5001") == {"weight_g"}
    assert broken(store, images=[]) == {"images"}
    assert broken(store, attributes={"colour": "pink"}) == {"attributes.colour"}
    assert broken(store, attributes={"colour": ""}) == {"attributes.colour"}
    assert broken(store, attributes={"article": "abc"}) == {"attributes.article"}
    assert broken(store, category="Hats", title="", images=[]) == set()


def test_categories_with_the_same_demand_share_a_rule(store: Store) -> None:
    requirements.fetch(store, Platform(SHOES), "shop", ["Shoes", "Boots"])
    rules = requirements.rules_of(store, "shop", "amazon")
    choices = [rule for rule in rules if rule.check == "one_of"]
    assert len(choices) == 1
    assert choices[0].when == ({"field": "category", "equals": ["Boots", "Shoes"]},)
    assert SOURCE in choices[0].source
    assert len({rule.id for rule in rules}) == len(rules)
    again = requirements.rules_of(store, "shop", "amazon")
    assert [rule.id for rule in again] == [rule.id for rule in rules], (
        "the same from run to run, or issues would repeat"
    )


def test_a_category_is_asked_for_once_a_week(store: Store) -> None:
    platform = Platform(SHOES)
    requirements.fetch(store, platform, "shop", ["Shoes", "", "Hats"])
    before = requirements.mark(store, "shop")
    assert requirements.fetch(store, platform, "shop", ["Shoes", "Hats"]) == (0, "")
    assert platform.asked == [["Shoes", "Hats"]]
    old = datetime.now(UTC) - requirements.LIFE - timedelta(hours=1)
    with store.write() as transaction:
        transaction.execute(sa.update(tables.requirements).values(fetched_at=old))
    assert requirements.fetch(store, platform, "shop", ["Shoes", "Hats"]) == (2, "")
    assert requirements.mark(store, "shop") != before
    many = [f"Category {number}" for number in range(requirements.MOST + 10)]
    assert requirements.fetch(store, platform, "shop", many)[0] == requirements.MOST


def test_a_platform_that_is_down_is_a_note_and_no_more(store: Store) -> None:
    asked, problem = requirements.fetch(store, Platform(), "shop", ["Shoes"])
    assert asked == 0
    assert "could not be read" in problem
    assert requirements.rules_of(store, "shop", "amazon") == []


def test_rules_about_fields_that_a_platform_does_not_have_are_left_out() -> None:
    rules = load_rules("common")
    kept = {rule.id for rule in applicable(rules, "product", {"title", "price", "sku"})}
    assert "title-missing" in kept
    assert "description-missing" not in kept
    assert kept >= {rule.id for rule in rules if not rule.definition.absence}
    assert applicable(rules, "product", ()) == list(rules)


def test_a_changed_demand_reaches_the_next_judgement(workspace: Workspace) -> None:
    workspace.declare_feed("shop", "amazon")
    before = {rule.id for rule in workspace.validator("amazon", "product", "shop").rules}
    requirements.fetch(workspace.store, Platform(SHOES), "shop", ["Shoes"])
    after = {rule.id for rule in workspace.validator("amazon", "product", "shop").rules}
    assert {one for one in after - before if one.startswith("published-")}
