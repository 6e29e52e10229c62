"""Layers and cells: they hold weights and call `ops`."""
