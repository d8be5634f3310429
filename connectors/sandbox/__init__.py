"""Offline twins of the platforms, served over real HTTP on the loopback address, and the demo catalogue they sell."""

from connectors.sandbox.catalogue import Catalogue, make_catalogue
from connectors.sandbox.server import FAULTS, Twin, serve, twins

__all__ = ["FAULTS", "Catalogue", "Twin", "make_catalogue", "serve", "twins"]
