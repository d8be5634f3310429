"""Which texts and which embedder find the past decisions that tell what a person will say; see experiments/README.md."""
