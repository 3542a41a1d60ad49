"""Computed pictures that look like medical images, with their truth: pretraining without a patient.

Every family (a region of the body seen one way, or a kind of formula image) has a function
``draw(n, size, generator)`` that returns `firstread.phantoms.truth.Phantoms`. Bodies are made of
simple solids (`solids`), put in a beam (`beam`) and displayed as a clinic displays them.
"""

from firstread.phantoms.mixing import DRAWS, mixed, stream
from firstread.phantoms.truth import FAMILIES, LABELS, SIGNS, SPREADS, TISSUES, Phantoms

__all__ = [
    "DRAWS",
    "FAMILIES",
    "LABELS",
    "SIGNS",
    "SPREADS",
    "TISSUES",
    "Phantoms",
    "mixed",
    "stream",
]
