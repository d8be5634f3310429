"""Everything that touches the database: tables, migrations and queries."""

from engine.store.database import Store

__all__ = ["Store"]
