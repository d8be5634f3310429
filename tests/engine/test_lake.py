import resource
import subprocess
import sys
import textwrap

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.record import conform
from engine.errors import StoreError
from engine.lake import Lake


def products(**columns):
    return conform(pl.DataFrame(columns), "product")


def test_the_newest_row_of_a_key_wins(tmp_path):
    lake = Lake(tmp_path)
    lake.write("shop", "product", products(record_key=["1", "2"], title=["a", "b"]), run_id="r1")
    lake.write("shop", "product", products(record_key=["2"], title=["c"]), run_id="r2")
    assert dict(lake.current("shop", "product").select("record_key", "title").collect().iter_rows()) == {
        "1": "a",
        "2": "c",
    }


def test_unchanged_rows_are_not_written_again(tmp_path):
    lake = Lake(tmp_path)
    frame = products(
        record_key=["1", "2"], title=["a", "b"], attributes=[{"colour": "red"}, {}], images=[["https://a/1.jpg"], []]
    )
    assert lake.write("shop", "product", frame, run_id="r1").height == 2
    assert lake.write("shop", "product", frame, run_id="r2").height == 0
    assert len(lake.files("product")) == 1


def test_what_is_gone_stays_in_the_history(tmp_path):
    lake = Lake(tmp_path)
    frame = products(record_key=["1", "2"])
    lake.write("shop", "product", frame, run_id="r1")
    assert lake.mark_gone("shop", "product", pl.Series(["1"]), run_id="r2") == 1
    assert lake.current("shop", "product").collect()["record_key"].to_list() == ["1"]
    lake.write("shop", "product", frame, run_id="r3")
    assert lake.current("shop", "product").collect().height == 2


def test_named_records_are_found_as_last_seen(tmp_path):
    lake = Lake(tmp_path)
    lake.write("shop", "product", products(record_key=["1", "2", "3"], title=["a", "b", "c"]), run_id="r1")
    lake.write("shop", "product", products(record_key=["2"], title=["new"]), run_id="r2")
    lake.mark_gone("shop", "product", pl.Series(["1", "2"]), run_id="r3")
    whole = lake.current("shop", "product").collect().sort("record_key")
    assert lake.find("shop", "product", ["2", "1", "3", "2", "unknown"]).sort("record_key").equals(whole)
    assert lake.find("shop", "product", ["2", "3"], fields=["title"]).rows() == [("2", "new")]
    assert lake.find("other", "product", ["2"], fields=["title"]).is_empty()


def test_connections_are_apart_whatever_their_names(tmp_path):
    lake = Lake(tmp_path)
    for name in ("a/b", "a", "../x", "é"):
        lake.write(name, "product", products(record_key=[name]), run_id="r")
    for name in ("a/b", "a", "../x", "é"):
        assert lake.current(name, "product").collect()["record_key"].to_list() == [name]
    assert all(path.is_relative_to(tmp_path) for path in lake.files("product"))


def test_an_empty_lake_has_frames_without_rows(tmp_path):
    assert Lake(tmp_path / "new").current("shop", "order").collect().is_empty()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.tuples(st.sampled_from("abcd"), st.text(max_size=5)), max_size=6), max_size=5))
def test_the_lake_equals_a_dictionary(tmp_path_factory, batches):
    lake, expected = Lake(tmp_path_factory.mktemp("lake")), {}
    for number, batch in enumerate(batches):
        frame = (
            products(record_key=[key for key, _ in batch], title=[title for _, title in batch])
            if batch
            else products(record_key=[])
        )
        lake.write("shop", "product", frame, run_id=str(number))
        expected |= dict(batch)
    assert dict(lake.current("shop", "product").select("record_key", "title").collect().iter_rows()) == expected


def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path):
    """The system refuses the write itself: a limit on the size of files stands for a full disk."""
    script = textwrap.dedent(f"""
        import resource, signal, sys
        from pathlib import Path
        import polars as pl
        from connectors.record import conform
        from engine.errors import StoreError
        from engine.lake import Lake
        lake = Lake(Path({str(tmp_path)!r}))
        small = conform(pl.DataFrame({{"record_key": ["1"]}}), "product")
        lake.write("shop", "product", small, run_id="before")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        import random
        chance = random.Random(0)
        noise = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=200)) for _ in range(2000)]
        large = conform(pl.DataFrame({{"record_key": [str(i) for i in range(2000)], "title": noise}}), "product")
        try:
            lake.write("shop", "product", large, run_id="full")
        except StoreError as error:
            print(error)
            sys.exit(7)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert "2000 records could not be written" in done.stdout
    assert "free some space" in done.stdout
    lake = Lake(tmp_path)
    assert lake.current("shop", "product").collect()["record_key"].to_list() == ["1"]
    assert [path.suffix for path in (tmp_path / "product" / "shop").iterdir()] == [".parquet"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20_000


def test_a_lake_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "product").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="could not be written"):
        Lake(tmp_path).write("shop", "product", products(record_key=["1"]), run_id="r")
