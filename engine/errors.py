"""One error root of the engine, in families by who must act.

::

    ChannelmendError
      ConfigError     the merchant or operator edits settings, rules or a command line; all problems in one message
      DataError       one record or file is bad; it is quarantined and never stops a run
      ModelError      a model is not fitted, not calibrated, of the wrong version or not trusted
      StoreError      the database or the lake cannot be written or read

Errors of talking to a platform have their own tree in `connectors.errors`.
"""

from __future__ import annotations

__all__ = ["ChannelmendError", "ConfigError", "DataError", "ModelError", "StoreError"]


class ChannelmendError(Exception):
    """Root of the engine's errors. The message says what happened, with what value, and what to do."""


class ConfigError(ChannelmendError):
    """Settings, rules or arguments are wrong; somebody must edit them.

    Parameters
    ----------
    message : str
    problems : sequence of str
        Every problem found, so that all can be mended at once; listed below the message.
    """

    def __init__(self, message: str, problems: list[str] | tuple[str, ...] = ()) -> None:
        super().__init__("\n  - ".join([message, *problems]))
        self.problems = tuple(problems)


class DataError(ChannelmendError):
    """A record or file is bad."""


class ModelError(ChannelmendError):
    """A model cannot be used."""


class StoreError(ChannelmendError):
    """The database or the lake cannot be written or read; nothing half-written is left behind."""
