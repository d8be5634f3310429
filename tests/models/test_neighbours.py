"""The index against a plain matrix product, small (exact) and large (cells)."""

import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.neighbours import NeighbourIndex


def unit(rows, dimension=16, seed=0):
    found = np.random.default_rng(seed).normal(size=(rows, dimension)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def names(rows):
    return [f"n{row}" for row in range(rows)]


def test_it_finds_what_comparing_everything_finds():
    vectors, asked = unit(300), unit(20, seed=1)
    index = NeighbourIndex(16)
    index.add(names(300), vectors)
    found, similarity = index.search(asked, count=5)
    exact = asked @ vectors.T
    best = np.argsort(-exact, axis=1)[:, :5]
    assert found.tolist() == [[f"n{row}" for row in rows] for rows in best]
    np.testing.assert_allclose(similarity, np.take_along_axis(exact, best, 1), atol=1e-5)


def test_fewer_than_asked_are_padded():
    index = NeighbourIndex(16)
    found, similarity = index.search(unit(2), count=3)
    assert found.tolist() == [[None] * 3] * 2
    index.add(["a"], unit(1))
    found, similarity = index.search(unit(1), count=3)
    assert found.tolist() == [["a", None, None]]
    assert similarity[0, 0] == pytest.approx(1)
    assert np.isneginf(similarity[0, 1:]).all()
    assert similarity.max() <= 1
    assert index.search(np.empty((0, 16), np.float32), count=2)[0].shape == (0, 2)


NAMES = st.lists(st.sampled_from("abcdef"), max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), NAMES), max_size=12), st.booleans())
def test_adding_and_removing_is_what_a_dictionary_does(monkeypatch, steps, small):
    # Bulk loading divides into cells; so must these few, to be seen in both forms.
    monkeypatch.setattr("models.neighbours._BULK", 1)
    index, truth = NeighbourIndex(8, exact_below=1 if small else 100, cells_searched=1000), {}
    pool = unit(500, 8)
    taken = 0
    for is_addition, ids in steps:
        if is_addition:
            vectors = pool[taken : taken + len(ids)]
            taken += len(ids)
            index.add(ids, vectors)
            truth.update(zip(ids, vectors, strict=True))
        else:
            assert index.remove(ids) == len({i for i in ids if i in truth})
            for identifier in ids:
                truth.pop(identifier, None)
    assert len(index) == len(truth)
    assert all(identifier in index for identifier in truth)
    for identifier, vector in truth.items():
        found, similarity = index.search(vector[None, :], count=len(truth))
        assert sorted(found[0]) == sorted(truth)
        assert similarity[0, found[0].tolist().index(identifier)] == pytest.approx(1, abs=1e-5)


def test_a_large_index_is_cut_into_cells_and_misses_little():
    centres = unit(40, 32, seed=3)
    random = np.random.default_rng(4)
    vectors = centres[random.integers(0, 40, 6000)] + 0.25 * random.normal(size=(6000, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = NeighbourIndex(32, exact_below=1000, cells_searched=32)
    for start in range(0, 6000, 1500):
        index.add([f"n{row}" for row in range(start, start + 1500)], vectors[start : start + 1500])
    assert not index.is_exact
    assert len(index) == 6000
    asked = vectors[::60]
    found, _ = index.search(asked, count=10)
    best = np.argsort(-(asked @ vectors.T), axis=1)[:, :10]
    recall = np.mean(
        [len({f"n{b}" for b in b_row} & set(f_row)) / 10 for b_row, f_row in zip(best, found, strict=True)]
    )
    assert recall >= 0.95
    gone = found[:, 0].tolist()
    assert index.remove(gone) == len(set(gone))
    assert not set(index.search(asked, count=10)[0].ravel()) & set(gone)


def test_one_decision_never_waits_for_the_division_into_cells():
    index = NeighbourIndex(16, exact_below=100)
    vectors = unit(1300)
    for row in range(200):
        index.add([f"n{row}"], vectors[row : row + 1])
    assert index.is_exact
    index.add([f"n{row}" for row in range(200, 1300)], vectors[200:])
    assert not index.is_exact
    assert index.search(vectors[:1], count=1)[0].tolist() == [["n0"]]


@pytest.mark.parametrize(
    "vectors", [np.ones((1, 3), np.float32), np.ones((2, 16), np.float32), np.full((1, 16), np.nan, np.float32)]
)
def test_vectors_that_do_not_fit_are_refused_and_nothing_is_added(vectors):
    index = NeighbourIndex(16)
    with pytest.raises(ValueError, match="shape|finite"):
        index.add(["a"], vectors)
    assert len(index) == 0


@pytest.mark.parametrize("wrong", [{"exact_below": 0}, {"cells_searched": 0}, {"dimension": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        NeighbourIndex(**{"dimension": 4, **wrong})


def test_threads_do_not_disturb_each_other():
    index, vectors, faults = NeighbourIndex(16), unit(800), []

    def work(start):
        try:
            for row in range(start, 800, 4):
                index.add([f"n{row}"], vectors[row : row + 1])
                found, similarity = index.search(vectors[row : row + 1], count=1)
                assert similarity[0, 0] > 0
                if row % 3 == 0:
                    assert index.remove([f"n{row}"]) == 1
        except AssertionError as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(index) == sum(row % 3 != 0 for row in range(800))
