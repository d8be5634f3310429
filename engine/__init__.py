"""The loop: detect, suggest, decide, learn, push, undo. `Workspace` is the one object that users of the library hold."""

from engine.workspace import Workspace

__all__ = ["Workspace"]
