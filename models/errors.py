"""What can be wrong with a model, in one tree.

::

    ModelError
      WeightsMissingError   the package with the weights of an embedder is not installed; also an ImportError
      ModelFileError        a saved model is absent, damaged or of another format; also a ValueError
      RegistryError         the registry has no such version, or its files are gone; also a LookupError
"""

from __future__ import annotations

__all__ = ["ModelError", "ModelFileError", "RegistryError", "WeightsMissingError"]


class ModelError(Exception):
    """A model cannot be used. The message says what happened, with what value, and what to do."""


class WeightsMissingError(ModelError, ImportError):
    """The weights of an embedder are not installed; the message names the command that installs them."""


class ModelFileError(ModelError, ValueError):
    """A saved model is absent, damaged, or holds a type that is not on the list of allowed ones."""


class RegistryError(ModelError, LookupError):
    """The model registry has no such version, none before the champion, or its files are gone."""
