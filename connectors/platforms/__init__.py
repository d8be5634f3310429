"""One file per platform; each defines the constant ``PLATFORM``, which is found by file name."""
