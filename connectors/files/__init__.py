"""Files as a source of records: CSV, TSV, JSON Lines, Parquet and XLSX, in the merchant's own columns."""

from connectors.files.layouts import LAYOUTS, Layout, recognise
from connectors.files.reading import Reading, read_file

__all__ = ["LAYOUTS", "Layout", "Reading", "read_file", "recognise"]
