"""Pictures of a confidence: is it honest, and what does an error budget cost? Bound to no window; save them with `savefig`.

Colours are those of Okabe and Ito's palette or darker, which people with any kind of colour vision tell apart. Numbers come
from `models.evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from models.evaluate import (
    FEWEST_IN_BIN,
    adaptive_error,
    brier,
    noise_floor,
    reliability_table,
    risk_coverage_table,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "budget_figure",
    "cost_figure",
    "promise_figure",
    "reliability_figure",
    "risk_coverage_figure",
    "share_figure",
]

_COLOURS = ("#0b6e8f", "#d1752a", "#7a8b3c", "#8e5aa8", "#5f6b76")
_QUIET, _TEXT = "#9aa3ad", "#3c464f"
_SAFE, _SAFE_TEXT = "#e9f2ec", "#3f7a56"


def reliability_figure(accepted: ArrayLike, confidences: Mapping[str, ArrayLike]) -> Figure:
    """Reliability diagram of several models over the same rows, with the spread of their confidences below.

    Parameters
    ----------
    accepted : array-like of bool, shape (n,)
    confidences : mapping of str to array-like of float
        Model to its confidences; the first is drawn with its intervals.

    Returns
    -------
    matplotlib.figure.Figure
        Bound to no window; save it with `savefig`.
    """
    figure = _figure(6.4, 7.2)
    above, below = figure.subplots(2, 1, height_ratios=[3.2, 1], sharex=True)
    above.plot([0, 1], [0, 1], color=_QUIET, linewidth=1, linestyle=(0, (4, 3)), label="as promised")
    for place, (name, confidence) in enumerate(confidences.items()):
        table, colour = reliability_table(accepted, confidence), _COLOURS[place % len(_COLOURS)]
        x, y = table["confidence"].to_numpy(), table["accepted"].to_numpy()
        label = f"{name}: Brier {brier(accepted, confidence):.3f}, ECE {adaptive_error(accepted, confidence):.3f}"
        label += f" (floor {noise_floor(confidence):.3f})"
        above.plot(x, y, marker="o", markersize=4.5, linewidth=1.6, color=colour, label=label, zorder=9 - place)
        if place == 0:
            above.fill_between(x, table["low"].to_numpy(), table["high"].to_numpy(), color=colour, alpha=0.14, lw=0)
        below.hist(
            np.asarray(confidence, dtype=float),
            bins=np.linspace(0, 1, 41).tolist(),
            histtype="step",
            color=colour,
            lw=1.4,
        )
    above.set(ylabel="share accepted", xlim=(0, 1), ylim=(0, 1.005))
    above.set_title(f"Is the confidence honest?  {np.size(accepted):,} decisions", loc="left", fontsize=11)
    above.legend(frameon=False, fontsize=8.5, loc="upper left")
    below.set(xlabel="confidence", ylabel="candidates")
    for axes in (above, below):
        _plain(axes)
    return figure


def risk_coverage_figure(accepted: ArrayLike, confidences: Mapping[str, ArrayLike], *, budget: float = 0.05) -> Figure:
    """How much could be done without asking, and how much of that would be wrong, for every threshold.

    Parameters
    ----------
    accepted : array-like of bool, shape (n,)
    confidences : mapping of str to array-like of float
        Model to its confidences; the first is drawn with its intervals.
    budget : float
        Error budget, drawn as a line, 0..1.

    Returns
    -------
    matplotlib.figure.Figure
        Bound to no window; save it with `savefig`.
    """
    figure = _figure(6.4, 4.6)
    axes = figure.subplots()
    most = max(2.5 * budget, 1.15 * float(1 - np.mean(np.asarray(accepted, dtype=float))))
    axes.axhspan(0, budget, color=_SAFE, zorder=0)
    axes.text(0.99, budget * 0.5, "within the error budget", ha="right", va="center", color=_SAFE_TEXT, fontsize=8.5)
    for place, (name, confidence) in enumerate(confidences.items()):
        table, colour = risk_coverage_table(accepted, confidence), _COLOURS[place % len(_COLOURS)]
        x, y = table["coverage"].to_numpy(), table["wrong"].to_numpy()
        within = table.filter(pl.col("wrong") <= budget).tail(1)
        reached = within["coverage"].sum()
        axes.step(
            x,
            y,
            where="post",
            color=colour,
            linewidth=1.6,
            zorder=9 - place,
            label=f"{name}: {reached:.0%} within the budget",
        )
        if place == 0:
            told = x >= FEWEST_IN_BIN / np.size(accepted)
            low, high = table["low"].to_numpy()[told], table["high"].to_numpy()[told]
            axes.fill_between(x[told], low, high, step="post", color=colour, alpha=0.14, lw=0)
        axes.plot(
            within["coverage"].to_numpy(), within["wrong"].to_numpy(), marker="o", markersize=5, color=colour, zorder=10
        )
    axes.set(
        xlabel="corrected without asking",
        ylabel="of these, refused by people",
        xlim=(0, 1.005),
        ylim=(0, min(most, 1.0)),
    )
    axes.set_title(f"What would each threshold cost?  {np.size(accepted):,} decisions", loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=8.5, loc="upper left")
    _plain(axes, percent="xy")
    return figure


def promise_figure(tables: Mapping[str, pl.DataFrame], *, title: str) -> Figure:
    """What was promised and what was kept, one line a group.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Name of a panel to what `models.evaluate.group_table` gives.
    title : str
    """
    heights = [max(1, table.height) for table in tables.values()]
    figure = _figure(8.2, 1.1 + 0.27 * sum(heights) + 0.45 * len(heights))
    panels = figure.subplots(len(tables), 1, height_ratios=heights, sharex=True, squeeze=False)[:, 0]
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        for place, row in enumerate(table.iter_rows(named=True)):
            colour = _COLOURS[0] if row["is_kept"] else _COLOURS[1]
            axes.plot(
                [row["low"], row["high"]], [place, place], color=colour, linewidth=5, alpha=0.3, solid_capstyle="butt"
            )
            axes.plot(row["accepted"], place, marker="o", markersize=5.5, color=colour, linestyle="none")
            axes.plot(
                row["confidence"], place, marker="D", markersize=5, mfc="white", mec=_TEXT, mew=1.2, linestyle="none"
            )
            said = f"{row['rows']:,}   ECE {row['calibration_error']:.3f}  floor {row['calibration_noise']:.3f}"
            axes.text(1.02, place, said, transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=_TEXT)
        axes.set_yticks(range(table.height), table["group"].to_list(), fontsize=8.5)
        axes.set(xlim=(0, 1.01), ylim=(table.height - 0.4, -0.6))
        axes.set_title(name, loc="left", fontsize=9.5, color=_TEXT)
        _plain(axes, percent="x")
    panels[-1].set_xlabel(
        "◇ mean confidence before the decision   ● share that people accepted, with its 95 % interval"
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def budget_figure(table: pl.DataFrame, *, budget: float, title: str) -> Figure:
    """What each error budget lets through, and whether it is kept to.

    Parameters
    ----------
    table : polars.DataFrame
        ``budget``, ``automatic_share``, ``wrong`` (measured share, null where nothing was judged), ``low`` and ``high`` (its interval).
    budget : float
        The one in force, marked.
    title : str
    """
    figure = _figure(9.6, 4.2)
    left, right = figure.subplots(1, 2)
    x = table["budget"].to_numpy()
    left.step(x, table["automatic_share"].to_numpy(), where="post", color=_COLOURS[0], linewidth=1.8)
    left.set(xlabel="error budget", ylabel="corrected without asking", xlim=(0, x.max()), ylim=(0, 1.005))
    right.fill_between([0, x.max()], [0, x.max()], color=_SAFE, zorder=0, lw=0)
    right.plot([0, x.max()], [0, x.max()], color=_QUIET, linewidth=1, linestyle=(0, (4, 3)))
    right.text(x.max() * 0.97, x.max() * 0.12, "within the budget", ha="right", color=_SAFE_TEXT, fontsize=8.5)
    known = table.drop_nulls("wrong")
    measured = known["budget"].to_numpy()
    right.fill_between(measured, known["low"].to_numpy(), known["high"].to_numpy(), color=_COLOURS[0], alpha=0.15, lw=0)
    right.plot(measured, known["wrong"].to_numpy(), color=_COLOURS[0], linewidth=1.8, marker="o", markersize=3.5)
    right.set(xlabel="error budget", ylabel="measured as wrong, 95 % interval", xlim=(0, x.max()), ylim=(0, x.max()))
    for axes in (left, right):
        axes.axvline(budget, color=_COLOURS[1], linewidth=1.2)
        axes.annotate(
            "in force", (budget, 0.97), xycoords=("data", "axes fraction"), xytext=(4, 0), textcoords="offset points",
            color=_COLOURS[1], fontsize=8.5, va="top",
        )  # fmt: skip
        _plain(axes, percent="xy")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure


def cost_figure(table: pl.DataFrame, *, budget: float, unit: str, title: str) -> Figure:
    """What asking and being wrong cost together, over the error budget; the cheapest and the one in force are marked.

    Parameters
    ----------
    table : polars.DataFrame
        ``budget``, ``asking`` and ``wrong`` (costs), ``low`` and ``high`` (ends of their sum).
    budget : float
        The one in force.
    unit : str
        Of the costs.
    title : str
    """
    figure = _figure(8.2, 4.4)
    axes = figure.subplots()
    x, asking, wrong = (table[name].to_numpy() for name in ("budget", "asking", "wrong"))
    total = asking + wrong
    axes.stackplot(x, asking, wrong, colors=["#cfe1e8", "#f3d9c5"], lw=0)
    axes.fill_between(x, table["low"].to_numpy(), table["high"].to_numpy(), color=_COLOURS[0], alpha=0.15, lw=0)
    axes.plot(x, total, color=_COLOURS[0], linewidth=1.8)
    top = 1.25 * float(max(total.max(), np.quantile(table["high"].to_numpy(), 0.8)))
    for said, below, height, colour in (("people's time", 0 * x, asking, 0), ("wrong changes", asking, wrong, 1)):
        if height[-1] > 0.05 * top:
            axes.text(
                x[-1] * 0.985,
                below[-1] + height[-1] / 2,
                said,
                ha="right",
                va="center",
                color=_COLOURS[colour],
                fontsize=9,
            )
    best = int(np.argmin(total))
    force = int(np.argmin(np.abs(x - budget)))
    for place, said in {best: "cheapest", force: "in force"}.items():
        said = "cheapest, and in force" if best == force else said
        axes.plot(x[place], total[place], marker="o", markersize=7, color=_COLOURS[0 if place == best else 1], zorder=9)
        axes.annotate(
            f"{said}: {total[place]:,.0f} {unit} at {x[place]:.1%}", (x[place], total[place]), xytext=(6, 14 if place == best else 30),
            textcoords="offset points", fontsize=9, color=_TEXT,
        )  # fmt: skip
    axes.set(xlabel="error budget", ylabel=unit, xlim=(x[0], x[-1]), ylim=(0, top))
    axes.set_title(title, loc="left", fontsize=11)
    _plain(axes, percent="x")
    return figure


def share_figure(table: pl.DataFrame, *, budget: float, floor: float, title: str) -> Figure:
    """Share that is corrected without asking for every floor and error budget, as a map.

    Parameters
    ----------
    table : polars.DataFrame
        ``floor``, ``budget``, ``automatic_share``, each pair once.
    budget, floor : float
        Those in force, framed where the map has them.
    title : str
    """
    wide = table.sort("floor", "budget").pivot("budget", index="floor", values="automatic_share").sort("floor")
    floors, shares = wide["floor"].to_list(), wide.drop("floor")
    budgets = sorted(table["budget"].unique().to_list())
    figure = _figure(1.6 + 0.75 * len(budgets), 1.5 + 0.42 * len(floors))
    axes = figure.subplots()
    axes.imshow(shares.to_numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for down, line in enumerate(shares.iter_rows()):
        for across, share in enumerate(line):
            colour = "white" if share > 0.55 else _TEXT
            axes.text(across, down, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=9)
            if np.isclose(budgets[across], budget) and np.isclose(floors[down], floor):
                frame = [across - 0.48, across + 0.48, across + 0.48, across - 0.48, across - 0.48]
                axes.plot(
                    frame,
                    [down - 0.46, down - 0.46, down + 0.46, down + 0.46, down - 0.46],
                    color=_COLOURS[1],
                    linewidth=2,
                )
    axes.set_xticks(range(len(budgets)), [f"{one:.1%}" for one in budgets])
    axes.set_yticks(range(len(floors)), [f"{one:.0%}" for one in floors])
    axes.set(xlabel="error budget", ylabel="floor of the confidence")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(title, loc="left", fontsize=11)
    return figure


def _figure(width: float, height: float) -> Figure:
    # The import takes most of a second: only who draws pays for it.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _plain(axes: Axes, *, percent: str = "") -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.grid(color="#e6e9ec", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for name in percent:
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_major_locator(MaxNLocator(6))
        axis.set_major_formatter(PercentFormatter(1))
