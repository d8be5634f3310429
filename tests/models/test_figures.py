"""Pictures: drawn without a window, of few rows and of many, and what they say is in the tables."""

import io

import numpy as np
import polars as pl
import pytest

from models.evaluate import group_table
from models.figures import (
    budget_figure,
    cost_figure,
    promise_figure,
    reliability_figure,
    risk_coverage_figure,
    share_figure,
)


def honest(rows, seed=0):
    random = np.random.default_rng(seed)
    p = random.random(rows)
    return random.random(rows) < p, p


def words(figure):
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    return found + [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]


def png(figure):
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    assert drawn.getvalue().startswith(b"\x89PNG")
    return drawn.getvalue()


@pytest.mark.parametrize("draw", [reliability_figure, risk_coverage_figure])
def test_figures_are_drawn_of_few_rows_of_one_kind(draw):
    png(draw([True] * 3, {"model": [0.9, 0.9, 0.8]}))


def test_a_reliability_diagram_names_its_models():
    y, p = honest(400)
    figure = reliability_figure(y, {"model": p, "formula": np.round(p, 1)})
    png(figure)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert [label.partition(":")[0] for label in labels] == ["as promised", "model", "formula"]


def test_every_group_has_a_line_with_its_error_and_floor():
    y, p = honest(600)
    rules, people = np.repeat(["brand-missing", "gtin-notation"], 300), np.repeat(["ana", "bo", "chris"], 200)
    figure = promise_figure({"rule": group_table(rules, y, p), "reviewer": group_table(people, y, p)}, title="kept?")
    png(figure)
    assert {"brand-missing", "gtin-notation", "ana", "bo", "chris"} <= set(words(figure))
    assert sum("floor" in one for one in words(figure)) == 5
    empty = group_table(["few"], [True], [0.5])
    png(promise_figure({"rule": empty}, title="nothing yet"))


def test_budgets_of_which_nothing_was_measured_are_drawn_as_a_gap():
    table = pl.DataFrame(
        {
            "budget": [0.0, 0.05, 0.1],
            "automatic_share": [0.0, 0.6, 0.7],
            "wrong": [None, 0.02, 0.04],
            "low": [None, 0.01, 0.02],
            "high": [None, 0.03, 0.06],
        }
    )
    figure = budget_figure(table, budget=0.05, title="kept to")
    png(figure)
    assert [len(line.get_xdata()) for line in figure.axes[1].lines if line.get_marker() == "o"] == [2]


def test_the_cheapest_budget_is_marked():
    table = pl.DataFrame({"budget": [0.0, 0.05, 0.1], "asking": [900.0, 300.0, 250.0], "wrong": [0.0, 100.0, 400.0]})
    table = table.with_columns(low=pl.col("asking"), high=pl.col("asking") + 2 * pl.col("wrong"))
    told = words(cost_figure(table, budget=0.1, unit="EUR", title="cost"))
    assert "cheapest: 400 EUR at 5.0%" in told
    assert "in force: 650 EUR at 10.0%" in told
    png(cost_figure(table, budget=0.05, unit="EUR", title="cost"))
    assert "cheapest, and in force: 400 EUR at 5.0%" in words(cost_figure(table, budget=0.05, unit="EUR", title="cost"))


def test_the_map_says_every_share():
    table = pl.DataFrame(
        {"floor": [0.8, 0.8, 0.9, 0.9], "budget": [0.02, 0.05] * 2, "automatic_share": [0.4, 0.6, 0.3, 0.5]}
    )
    figure = share_figure(table, budget=0.05, floor=0.8, title="map")
    png(figure)
    assert {"40%", "60%", "30%", "50%"} <= set(words(figure))
