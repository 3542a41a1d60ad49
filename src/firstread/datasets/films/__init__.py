"""Synthetic radiographs of chests and abdomens, for the demonstration and for tests.

They are made apart from `firstread.phantoms` on purpose: the weights that come with firstread have
seen those, and what they have learned is shown on bodies that were made another way.
"""

from firstread.datasets.films.radiographs import REGIONS, radiograph, write_hello_world

__all__ = ["REGIONS", "radiograph", "write_hello_world"]
