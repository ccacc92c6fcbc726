"""Vigie: the lookout of the reading worklist."""

__version__ = "0.1.0"
