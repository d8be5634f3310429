"""The merchant's own rules, kept in ``marketplace_rules`` in the form of the rulebook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from engine import audit
from engine.rules import Rule
from engine.store.database import Store
from engine.store.tables import marketplace_rules

__all__ = ["merchant_rules", "save_rule"]


def merchant_rules(store: Store, channel: str) -> list[dict[str, Any]]:
    """Tables in rulebook form, by identifier; `engine.rules.load_rules` takes them as ``extra``."""
    query = (
        sa.select(marketplace_rules)
        .where(marketplace_rules.c.marketplace_name == channel)
        .order_by(marketplace_rules.c.rule_id)
    )
    return [row["validation_logic"] | {"is_active": row["is_active"]} for row in store.rows(query)]


def save_rule(store: Store, rule: Rule, table: Mapping[str, Any], *, channel: str, by: str) -> None:
    """Add or replace a rule; `table` is its rulebook form."""
    values = {
        "rule_type": rule.type.value,
        "rule_description": rule.why,
        "validation_logic": dict(table),
        "auto_correction_logic": {"correction": list(rule.correction), "fix": rule.fix},
        "is_active": rule.is_active,
    }
    with store.write() as transaction:
        statement = store.upsert(marketplace_rules).values(
            rule_id=rule.id, marketplace_name=channel, created_at=datetime.now(UTC), **values
        )
        transaction.execute(
            statement.on_conflict_do_update(index_elements=["rule_id", "marketplace_name"], set_=values)
        )
        audit.append(store, transaction, who=by, action="rule.saved", subject=f"{channel}/{rule.id}")
