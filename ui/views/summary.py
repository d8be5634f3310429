"""The line of key figures at the top, and the message about what was just done."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from ui.views.pieces import percent

__all__ = ["figure_line", "message"]

_FIGURE = Markup('<div class="cm-figure" title="{}"><b>{}</b><span>{}</span></div>')


def figure_line(counts: Mapping[str, int], figures: Mapping[str, float | None]) -> Markup:
    """Pending and corrected counts, and the shares that tell whether the automatic corrections deserve trust.

    Parameters
    ----------
    counts : mapping of str to int
        Issues by status.
    figures : mapping of str to float or None
        `engine.metrics.KEY_FIGURES` by name; a figure that is not measured yet is a dash.
    """
    minutes = figures.get("human_review_minutes")
    shown = (
        (f"{counts.get('pending', 0):,}", "waiting", "Issues that wait for a person"),
        (f"{counts.get('auto_corrected', 0):,}", "auto-corrected", "Issues corrected without asking"),
        (
            percent(figures.get("auto_correction_rate")),
            "auto-correction rate",
            "Target: more than 60 % of acted-on issues",
        ),
        (
            percent(figures.get("correction_accuracy"), digits=1),
            "accuracy",
            "Pushed corrections that held; target: above 95 %",
        ),
        (
            "–" if minutes is None else _duration(minutes),
            "median review",
            "From detection to decision; target: below 5 min",
        ),
    )
    entries = Markup("").join(_FIGURE.format(meaning, value, name) for value, name, meaning in shown)
    return Markup('<div class="cm-top"><h1>Channelmend</h1><div class="cm-figures">{}</div></div>').format(entries)


def message(text: str, *, number: int, is_problem: bool = False, can_undo: bool = False) -> Markup:
    """What to tell the reviewer, at the foot of the screen.

    Parameters
    ----------
    number : int
        Different for every message, so that the same words said twice are seen twice.
    is_problem : bool
        It stays until it is closed, and is read out at once.
    can_undo : bool
        Whether the way back is offered.
    """
    undo = (
        Markup('<button type="button" class="cm-button cm-small" data-undo>Undo</button>') if can_undo else Markup("")
    )
    return Markup(
        '<div class="cm-message {}" role="{}" data-number="{}"><span>{}</span>{}'
        '<button type="button" class="cm-close" data-close aria-label="close">×</button></div>'
    ).format("cm-problem" if is_problem else "cm-done", "alert" if is_problem else "status", number, text, undo)


def _duration(minutes: float) -> str:
    if minutes < 1:
        return f"{minutes * 60:.0f} s"
    return f"{minutes:.1f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
