"""Puts the invented platform beside the real ones: ``pytest -p tests.bazaar.plugin``."""

from pathlib import Path

import connectors.platforms
import connectors.sandbox

_HERE = Path(__file__).parent

connectors.platforms.__path__.append(str(_HERE / "platforms"))
connectors.sandbox.__path__.append(str(_HERE / "sandbox"))
