"""Page, job and notebook open at the same time on one workspace: real processes, no lock error, nothing lost."""

import subprocess
import sys
import textwrap
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import polars as pl
import sqlalchemy as sa

from engine import audit
from engine.store.queue import replace_candidates
from engine.store.tables import audit_log, candidates, correction_decisions

ROUNDS = 6
OPEN = """
import sys, polars as pl
from engine import Workspace
from engine.settings import load_settings
workspace = Workspace(settings=load_settings(database={url!r}, lake={lake!r}, key_file={key!r}, embedder="character", ai_monitoring={{"enabled": False}}))
def lamps(number, price):
    return pl.DataFrame({{"record_key": [f"{{number}}-{{i}}" for i in range(8)], "sku": [f"S{{number}}-{{i}}" for i in range(8)],
        "title": ["Desk lamp"] * 8, "price": [price] * 8, "currency": ["EUR"] * 8}})
"""
JOB = """
for number in range({rounds}):
    workspace.ingest(lamps(number, "12,50"), channel="woocommerce")
"""
PAGE = """
import time
decided, patience = 0, time.monotonic() + 90
while decided < {wanted} and time.monotonic() < patience:
    waiting = workspace.issues(status="pending").filter(pl.col("rule_id") == "price-notation", pl.col("suggested").is_not_null()).head(2)
    for issue_id in waiting["issue_id"]:
        try:
            decided += workspace.decide([issue_id], "approved", by="page")
        except Exception as error:
            assert "already" in str(error) or "Somebody else" in str(error), error
    if waiting.height:
        workspace.push("feed")
    time.sleep(0.05)
print(decided)
"""
NOTEBOOK = """
for _ in range({rounds}):
    workspace.metrics(); workspace.issues(); workspace.sql("select count(*) from products"); workspace.knowledge.refresh()
"""


def test_page_job_and_notebook_work_at_the_same_time(database_url, tmp_path, open_workspace):
    workspace = open_workspace()
    places = {"url": database_url, "lake": str(tmp_path / "lake"), "key": str(tmp_path / "channelmend.key")}
    numbers = {"rounds": ROUNDS, "wanted": 10}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(OPEN.format(**places)) + part.format(**numbers)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for part in (JOB, JOB, PAGE, NOTEBOOK)
    ]
    outputs = [process.communicate(timeout=150) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0, 0], "\n".join(error for _, error in outputs)
    assert int(outputs[2][0]) >= 10
    sequences = [row["sequence"] for row in workspace.store.rows(sa.select(correction_decisions.c.sequence))]
    assert sorted(sequences) == list(range(1, len(sequences) + 1))
    assert audit.verify(workspace.store) is None
    assert len(workspace.store.rows(sa.select(audit_log))) > 10
    pending = workspace.issues(status="pending")
    keys = pending.select("record_key", "field", "rule_id")
    assert keys.n_unique() == keys.height


def test_two_runs_that_weigh_the_same_issues_leave_one_set_of_candidates(workspace):
    workspace.ingest(
        pl.DataFrame(
            {"record_key": ["a"], "sku": ["S-a"], "title": ["Desk lamp"], "price": ["12,50"], "currency": ["EUR"]}
        ),
        channel="woocommerce",
    )
    kept = workspace.store.rows(sa.select(candidates))
    ids = sorted({row["issue_id"] for row in kept})
    assert ids
    start = Barrier(2)

    def weigh(_: int) -> None:
        for _ in range(40):
            start.wait(timeout=60)
            rows = [row | {"candidate_id": str(uuid.uuid4())} for row in kept]
            replace_candidates(workspace.store, rows, ids, {})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(weigh, range(2)))
    assert len(workspace.store.rows(sa.select(candidates))) == len(kept)
