import os
from pathlib import Path

import pytest

from connectors.sandbox import make_catalogue

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of facts that are not part of the repository; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("CHANNELMEND_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"the shared facts are not at {folder}; set CHANNELMEND_SHARED")
    return folder


@pytest.fixture(scope="session")
def small():
    """A catalogue of 28 products (4 in variants) and 12 orders."""
    return make_catalogue(5, 28, orders=12)
