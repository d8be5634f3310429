"""The page of platforms: ``python -m docs.platforms`` writes ``docs/platforms.md``; a test keeps both alike."""

from __future__ import annotations

from pathlib import Path

from connectors.platform import Capability, CredentialField, Platform, platforms

PAGE = Path(__file__).with_suffix(".md")
_COLUMNS = (
    ("Read products", Capability.READ_PRODUCTS),
    ("Read orders", Capability.READ_ORDERS),
    ("Read stock", Capability.READ_STOCK),
    ("Update products", Capability.UPDATE_PRODUCTS),
    ("Update orders", Capability.UPDATE_ORDERS),
    ("Update stock", Capability.UPDATE_STOCK),
    ("Batch, feed", Capability.BATCH),
    ("Accept orders", Capability.ACCEPT_ORDERS),
    ("Ship", Capability.SHIP_ORDERS),
    ("Requirements", Capability.REQUIREMENTS),
    ("Events", Capability.WEBHOOKS),
)
_KINDS = {"product": "Products", "order": "Orders", "order_line": "Order lines", "stock": "Stock"}


def page() -> str:
    """The whole page as Markdown."""
    known = list(platforms().values())
    parts = [
        "# Platforms",
        "Written by `python -m docs.platforms` from the descriptions in `connectors/platforms`; do not edit.",
        "What each platform can do through its interface. A dash means that the platform cannot do it, or not in a way that "
        "keeps every other value as it is; the notes below say which.",
        _table(known),
        "*Since* names the kinds of which the platform tells what changed; every other kind is read whole each time, and what "
        "did not change is not stored again.",
        "## The live suite",
        "`pytest -m live` runs the contract of `tests/contract/test_live.py` against real accounts: it reads, changes one field of "
        "one product and puts it back. An account takes part when its required credentials are in the environment, each as "
        "`CHANNELMEND_LIVE_<PLATFORM>_<FIELD>`, as listed below. Without any, the suite skips and says so. Use a test shop: a "
        "run that is killed between the change and its undo leaves the change.",
        *(_section(one) for one in known),
    ]
    return "\n\n".join(parts) + "\n"


def _table(known: list[Platform]) -> str:
    head = ["Platform", *(name for name, _ in _COLUMNS), "Since"]
    rows = [
        [
            f"[{one.title}](#{_anchor(one.title)})",
            *("✓" if capability in one.capabilities else "–" for _, capability in _COLUMNS),
            ", ".join(kind for kind in ("product", "order", "stock") if kind in one.incremental) or "–",
        ]
        for one in known
    ]
    lines = [head, ["---", *[":-:"] * len(_COLUMNS), "---"], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _section(one: Platform) -> str:
    parts = [f"## {one.title}", f"`{one.name}` · <{one.docs}>"]
    if one.setup:
        parts.append("\n".join(f"{number}. {step}" for number, step in enumerate(one.setup, 1)))
    parts.append(
        "\n".join(
            ["| Credential | | Meaning | Live suite |", "|---|---|---|---|", *(_field(one, f) for f in one.credentials)]
        )
    )
    for kind, title in _KINDS.items():
        if shown := one.readable.get(kind):
            written = one.writable.get(kind, frozenset())
            names = [f"**{name}**" if name in written else name for name in sorted(shown | written) if name != "raw"]
            parts.append(f"{title}: {', '.join(names)}")
    parts.append("Bold fields can be written.")
    if one.settles_s:
        parts.append(f"An accepted change shows within {one.settles_s:g} seconds; it is read back until then.")
    if one.notes:
        parts.append("\n".join(f"- {note}" for note in one.notes))
    return "\n\n".join(parts)


def _field(one: Platform, field: CredentialField) -> str:
    variable = f"`CHANNELMEND_LIVE_{one.name.upper()}_{field.name.upper()}`"
    if field.replaced_by:
        return f"| `{field.name}` | no longer used | {field.replaced_by} | |"
    kinds = ["required" if field.required else "optional", *(["secret"] if field.secret else [])]
    default = f" Default: `{field.default}`." if field.default else ""
    return f"| `{field.name}` | {', '.join(kinds)} | {field.label}: {field.help}.{default} | {variable} |"


def _anchor(title: str) -> str:
    return "".join(sign for sign in title.lower().replace(" ", "-") if sign.isalnum() or sign == "-")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
