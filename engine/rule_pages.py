"""The page of rules in the documentation, written from the rulebooks: ``python -m engine.rule_pages``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from engine.checks import CHECKS
from engine.rules import COMMON, RULEBOOK, Rule, channels, parse_rules

__all__ = ["page"]

_PAGE = Path(__file__).parents[1] / "docs" / "rules.md"

_HEAD = """# Rules

Written by `python -m engine.rule_pages` from `engine/rulebook/*.toml`; do not edit. Every example below is run as a test.

`error`: the channel refuses the offer, or it cannot be sold or delivered as it is. `warning`: it sells worse. A rule of a channel
replaces the common rule with the same name. A rule marked *off* is judged only where a merchant switches it on
(`id` and `is_active = true` in the merchant's rules).
"""


def page() -> str:
    """The page as Markdown: the rules of each rulebook, then the checks they are made of."""
    parts = [_HEAD]
    for channel in (COMMON, *channels()):
        text = (RULEBOOK / f"{channel}.toml").read_text(encoding="utf-8")
        rules = parse_rules(text, origin="built_in", channel=channel)
        parts.append(f"## {channel} ({len(rules)} rules)\n")
        parts.extend(_rule(rule) for rule in rules)
    parts.append("## Checks\n\nWhat a rule may ask for, in `check`; parameters in `params`.\n")
    parts.append("\n".join(_check_lines()))
    return "\n".join(parts) + "\n"


def _rule(rule: Rule) -> str:
    off = "" if rule.is_active else ", *off*"
    params = f" `{_json(rule.params)}`" if rule.params else ""
    lines = [
        f"### {rule.id}\n",
        f"{rule.severity}, {rule.type}{off}; field `{rule.field}` of {', '.join(rule.kinds)}; check `{rule.check}`{params}\n",
        f"{rule.why}\n",
    ]
    if rule.when:
        lines.append(f"- only when: {'; '.join(f'`{_json(one)}`' for one in rule.when)}")
    lines.append(f"- good: {_examples(rule.good)}")
    lines.append(f"- bad: {_examples(rule.bad)}")
    if rule.correction:
        lines.append(f"- corrected by: {', '.join(rule.correction)} ({rule.fix})")
    lines.append(f"- source: {rule.source}\n")
    return "\n".join(lines)


def _examples(examples: Iterable[object]) -> str:
    return ", ".join(f"`` {_json(one)} ``" for one in examples)


def _check_lines() -> Iterable[str]:
    for name in sorted(CHECKS):
        fields = CHECKS[name].parameters.model_fields
        names = ", ".join(f"`{key}`" + (" (needed)" if one.is_required() else "") for key, one in fields.items())
        yield f"- `{name}`: {CHECKS[name].summary}" + (f" Parameters: {names}." if names else "")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=dict)


if __name__ == "__main__":
    _PAGE.parent.mkdir(exist_ok=True)
    _PAGE.write_text(page(), encoding="utf-8")
