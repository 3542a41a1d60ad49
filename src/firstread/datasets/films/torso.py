"""A randomised torso, and its line integrals along the beam."""

from __future__ import annotations

import numpy as np

from firstread.datasets.films.belly import belly, stomach
from firstread.datasets.films.bones import skeleton
from firstread.datasets.films.chest import chest
from firstread.datasets.films.patients import patient, sway
from firstread.datasets.films.solids import VISCERA, Array, View
from firstread.datasets.films.textures import ripple
from firstread.datasets.films.trunk import trunk


def line_integral(region: str, view: View, rng: np.random.Generator) -> Array:
    """Return the line integral of attenuation through a new patient, in the view's shape."""
    body = patient(region, rng)
    x, z = view.grid()
    coarse, fine = ripple(rng, view, 60), ripple(rng, view, 22)
    total = trunk(x, z, body) * (1 + 0.015 * coarse + 0.012 * fine)
    # From here on, x is measured from the spine.
    x = x - sway(z, body)
    total += chest(view, x, z, body, coarse[::-1], rng)
    total -= VISCERA * stomach(x, z, body, region == "chst", rng)
    # The same ripple bends the outlines of the bowel, which no ellipsoid has.
    total += belly(view, x + 2.5 * fine, z + 2.5 * fine[::-1, ::-1], body, rng)
    return np.asarray(total + skeleton(view, body, rng))
