from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from engine import audit
from engine.errors import ConfigError, StoreError
from engine.store import Store
from engine.store.runs import cursor, last_runs, set_cursor, start_run
from engine.store.tables import audit_log, issue_patterns, metadata, runs


def test_the_migrations_make_what_the_tables_say(store):
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_guides_tables_keep_their_columns():
    wanted = {
        "marketplace_rules": "rule_id marketplace_name rule_type rule_description validation_logic auto_correction_logic is_active created_at",
        "issue_patterns": "pattern_id marketplace_name issue_type issue_description pattern_signature occurrence_count last_seen_at",
        "correction_decisions": "decision_id pattern_id issue_data ai_suggestion human_decision final_solution decided_by decided_at confidence_score",
        "auto_correction_rules": "auto_rule_id pattern_id correction_logic confidence_threshold success_rate application_count is_active created_at",
    }
    for table, columns in wanted.items():
        assert set(columns.split()) <= set(metadata.tables[table].columns.keys())


def test_opening_twice_changes_nothing(store, database_url):
    start_run(store, connection="shop", job="sync")
    again = Store(database_url)
    assert len(last_runs(again)) == 1
    again.close()


def test_times_come_back_aware_and_in_utc(store):
    moment = datetime(2026, 11, 23, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    set_cursor(store, "shop", "product", moment)
    found = cursor(store, "shop", "product")
    assert found == moment
    assert found.tzinfo == UTC


def test_a_time_without_zone_is_refused(store):
    with pytest.raises(sa.exc.StatementError, match="no time zone"):
        set_cursor(store, "shop", "product", datetime(2026, 11, 23))


def test_a_failed_transaction_leaves_nothing(store):
    with pytest.raises(RuntimeError), store.write() as transaction:
        values = {
            "run_id": "1",
            "connection": "a",
            "job": "sync",
            "status": "running",
            "started_at": datetime.now(UTC),
            "counts": {},
            "error": "",
        }
        transaction.execute(sa.insert(runs), values)
        raise RuntimeError
    assert last_runs(store) == []


def test_arrow_sees_what_was_just_written(store):
    for expected in (1, 2):
        start_run(store, connection="shop", job="sync")
        assert store.arrow("SELECT run_id FROM runs").height == expected


def test_json_columns_hold_structures(store):
    with store.write() as transaction:
        row = {
            "pattern_id": "p", "marketplace_name": "c", "issue_type": "r", "issue_description": "d", "pattern_signature": {"a": [1, None]},
            "occurrence_count": 1, "last_seen_at": datetime.now(UTC), "first_seen_at": datetime.now(UTC),
        }  # fmt: skip
        transaction.execute(sa.insert(issue_patterns), row)
    assert store.rows(sa.select(issue_patterns.c.pattern_signature)) == [{"pattern_signature": {"a": [1, None]}}]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "in-memory"),
        ("mysql://host/db", "mysql"),
        ("nonsense", "not a database address"),
        ("sqlite:////nowhere/at/all/x.db", "does not exist"),
    ],
)
def test_a_wrong_address_is_explained(url, words):
    with pytest.raises(ConfigError, match=words):
        Store(url)


def test_an_unreachable_server_is_explained_without_its_password():
    with pytest.raises(ConfigError) as caught:
        Store("postgresql://user:pa55word@127.0.0.1:9/name")
    assert "cannot be opened" in str(caught.value)
    assert "pa55word" not in str(caught.value)


def test_a_database_of_a_newer_version_is_left_alone(store, database_url):
    with store.write() as transaction:
        transaction.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer version"):
        Store(database_url)


def test_the_audit_log_notices_a_change(store):
    for number in range(3):
        with store.write() as transaction:
            audit.append(store, transaction, who="ana", action="test", subject=str(number), details={"n": number})
    assert audit.verify(store) is None
    with store.write() as transaction:
        transaction.execute(sa.update(audit_log).where(audit_log.c.sequence == 2).values(subject="other"))
    assert audit.verify(store) == 2


def test_the_audit_log_notices_a_removal(store):
    for number in range(3):
        with store.write() as transaction:
            audit.append(store, transaction, who="ana", action="test", subject=str(number))
    with store.write() as transaction:
        transaction.execute(sa.delete(audit_log).where(audit_log.c.sequence == 2))
    assert audit.verify(store) == 2


def test_a_frame_of_no_rows_has_its_columns(store):
    found = store.frame(sa.select(runs.c.run_id), {"run_id": pl.String})
    assert found.schema == {"run_id": pl.String}


def test_a_column_that_is_null_for_long_keeps_its_type(store):
    with store.write() as transaction:
        transaction.exec_driver_sql("CREATE TABLE sparse (place INTEGER, share DOUBLE PRECISION, word VARCHAR(9))")
        for start in (0, 1000):
            rows = ", ".join(f"({start + one}, NULL, NULL)" for one in range(1000))
            transaction.exec_driver_sql(f"INSERT INTO sparse VALUES {rows}")
        transaction.exec_driver_sql("INSERT INTO sparse VALUES (2000, 0.5, 'late')")
    found = store.arrow("SELECT * FROM sparse ORDER BY place")
    assert found.height == 2001
    assert found.row(-1) == (2000, 0.5, "late")
    assert found["share"].null_count() == 2000
