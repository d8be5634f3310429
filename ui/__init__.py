"""The faces of the product: command line, review page. Everything here speaks to the engine only."""

import os

# Read by the web framework when it is imported: nothing is reported to anybody, and no newer version is asked for.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
