"""The product learns visibly: on a real catalogue with known faults, a simulated reviewer is asked less and less.

Best Buy's products are clean; faults of known truth are put in. The reviewer knows the truth and talks to the engine
through its public face only. The four phases of the guide are looked for in what the engine says and does.
"""

import random

import polars as pl
import pytest

DAYS, A_DAY = 6, 260
CONNECTION = "electronics"


def spoil(clean: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, dict[tuple[str, str], str]]:
    """The frame with faults, and what each spoilt field was: ``(record_key, field)`` to the right value."""
    chance, truth, rows = random.Random(seed), {}, clean.to_dicts()
    for row in rows:
        fault = chance.choices(["none", "comma", "blanks", "entity", "brand"], [0.70, 0.10, 0.08, 0.05, 0.07])[0]
        changes = {
            "comma": ("price", row["price"].replace(".", ",")),
            "blanks": ("title", row["title"].replace(" ", "  ", 1)),
            "entity": ("title", row["title"].replace(" ", "&nbsp;", 1)),
            "brand": ("brand", ""),
        }
        if fault in changes and changes[fault][1] != row[changes[fault][0]]:
            field, value = changes[fault]
            truth[row["record_key"], field] = row[field]
            row[field] = value
    return pl.DataFrame(rows, schema=clean.schema), truth


@pytest.fixture
def catalogue(shared):
    path = (
        shared / "bestbuy" / "products.parquet"
        if (shared / "bestbuy").is_dir()
        else shared / "data" / "bestbuy" / "products.parquet"
    )
    if not path.exists():
        pytest.skip(f"the Best Buy catalogue is not at {path}")
    products = pl.read_parquet(path).filter(pl.col("brand").str.len_chars() > 1).head(DAYS * A_DAY)
    return products.select(
        pl.format("bb-{}", pl.int_range(pl.len())).alias("record_key"),
        pl.format("bb-{}", pl.int_range(pl.len())).alias("sku"),
        pl.col("title").str.replace_all(r"\s+", " ").str.strip_chars(),
        "description",
        "brand",
        pl.col("category_path").cast(pl.String).alias("category"),
        pl.col("price_usd").round(2).cast(pl.Decimal(12, 2)).cast(pl.String).alias("price"),
        pl.lit("USD").alias("currency"),
        pl.lit("7").alias("quantity"),
        pl.lit("450").alias("weight_g"),
        pl.concat_list("image_url").alias("images"),
        pl.lit("active").alias("status"),
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_reviewer_is_asked_less_and_less(workspace, catalogue):
    asked, automatic, right, wrong, confidences = [], [], 0, 0, {}
    for day in range(DAYS):
        delivery, truth = spoil(catalogue.slice(day * A_DAY, A_DAY), seed=day)
        run = workspace.ingest(delivery, channel="woocommerce", connection=CONNECTION)
        assert run.counts["failed"] == 0
        mine = workspace.issues(connection=CONNECTION).filter(pl.col("run_id") == run.run_id)
        spoilt = pl.DataFrame(list(truth), schema={"record_key": pl.String, "field": pl.String}, orient="row")
        mine = mine.join(spoilt, on=["record_key", "field"], how="semi")
        done, waiting = mine.filter(pl.col("status") == "auto_corrected"), mine.filter(pl.col("status") == "pending")
        automatic.append(done.height)
        asked.append(waiting.height)
        for row in done.iter_rows(named=True):
            is_right = row["suggested"] == truth[row["record_key"], row["field"]]
            right, wrong = right + is_right, wrong + (not is_right)
        for row in waiting.filter(pl.col("suggested").is_not_null()).iter_rows(named=True):
            confidences.setdefault(row["rule_id"], []).append((day, row["confidence"]))
            answer = "approved" if row["suggested"] == truth[row["record_key"], row["field"]] else "rejected"
            workspace.decide([row["issue_id"]], answer, by="simulated reviewer")
        workspace.push(CONNECTION)

    # Phase 1: nothing is known, everything is asked.
    assert automatic[0] == 0
    assert asked[0] > 20
    # Phase 2: the same kind of issue is asked again with a higher confidence.
    repeated = {rule: seen for rule, seen in confidences.items() if seen[0][0] < seen[-1][0]}
    assert any(seen[-1][1] > seen[0][1] for seen in repeated.values()), confidences
    # Phase 3: it is corrected without asking, more and more.
    assert sum(automatic[-2:]) > sum(automatic[:2])
    assert sum(automatic[-2:]) / (sum(automatic[-2:]) + sum(asked[-2:])) > 0.6
    # What was done without asking was right, and it is in the records.
    assert right / (right + wrong) > 0.95
    stored = workspace.corrections(connection=CONNECTION, status="verified")
    assert stored["is_automatic"].sum() >= right
    # Phase 4: a run of rejections, and it is asked again.
    rule = (
        workspace.issues(status="auto_corrected")
        .group_by("pattern_id")
        .len()
        .sort("len", descending=True)["pattern_id"]
        .first()
    )
    bad = workspace.issues(status="auto_corrected", pattern_id=rule)["issue_id"].to_list()
    undone = (
        workspace.corrections(status="verified")
        .filter(pl.col("issue_id").is_in(bad))["correction_id"]
        .head(12)
        .to_list()
    )
    workspace.undo(undone, by="simulated reviewer")
    workspace.push(CONNECTION)
    again, _ = spoil(catalogue.head(A_DAY).with_columns(pl.col("record_key") + "-b", pl.col("sku") + "-b"), seed=99)
    run = workspace.ingest(again, channel="woocommerce", connection=CONNECTION)
    after = workspace.issues(pattern_id=rule).filter(pl.col("run_id") == run.run_id)
    assert after.height > 0
    assert set(after["status"]) == {"pending"}
