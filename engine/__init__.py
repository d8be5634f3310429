"""The loop: detect, suggest, decide, learn, push, undo. `Workspace` is the one object that users of the library hold."""
