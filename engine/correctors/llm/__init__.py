"""The corrector that asks a language model, off until the settings name a provider."""

from engine.correctors.llm.corrector import CORRECTOR
from engine.correctors.llm.model import LanguageModel

__all__ = ["CORRECTOR", "LanguageModel"]
