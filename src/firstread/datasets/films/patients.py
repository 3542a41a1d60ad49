"""What differs from one patient to the next, and the measures of one of middling size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firstread.datasets.films.solids import Array

# One row a rib: half-width and half-depth of the cage there, fall of the arc if it went on to the
# midline in front (all mm), and how far round it goes, in half-turns.
RIBS = np.array(
    [
        [57, 42, 58, 0.78], [86, 58, 82, 0.80], [106, 70, 106, 0.80], [118, 80, 126, 0.80],
        [125, 88, 142, 0.80], [130, 94, 154, 0.79], [133, 98, 162, 0.77], [134, 100, 166, 0.74],
        [133, 100, 166, 0.70], [129, 96, 158, 0.65], [120, 90, 138, 0.52], [104, 84, 110, 0.36],
    ]
)  # fmt: skip
# Vertebrae from the second cervical to the fifth lumbar: pitch, half-width, half-depth, mm.
PITCH = np.r_[np.full(6, 15.0), np.linspace(18.5, 26.5, 12), np.linspace(31, 35, 5)]
TOPS = np.cumsum(PITCH) - PITCH - PITCH[:6].sum()
BROAD = np.r_[np.full(6, 12.0), np.full(4, 13.7), np.linspace(14, 20, 8), np.linspace(21, 26, 5)]
DEEP = np.r_[np.full(6, 8.0), np.linspace(9, 15, 12), np.linspace(16, 18, 5)]


@dataclass(frozen=True)
class Habitus:
    """What differs from one patient to the next.

    Parameters
    ----------
    width, depth, heart, density : float
        Size across, size along the beam, size of the heart and density of the bones: ratios
        about 1.
    fat, breast : float
        Thickness of the fat under the skin and of the breasts (0 for none), mm.
    breath : float
        How far the diaphragm has gone down, mm.
    bend : float
        Sideways curve of the spine, mm.
    arms : float
        Angle of the arms from the trunk, radians.
    """

    width: float
    depth: float
    heart: float
    density: float
    fat: float
    breast: float
    breath: float
    bend: float
    arms: float


def patient(region: str, rng: np.random.Generator) -> Habitus:
    """Draw a patient; breath is held in for a chest film and out for an abdomen."""
    girth = float(np.clip(rng.normal(), -2.5, 2.5))
    return Habitus(
        width=float(1 + 0.045 * np.clip(rng.normal(), -2.5, 2.5)),
        depth=1 + 0.07 * girth,
        heart=float(1 + 0.09 * np.clip(rng.normal(), -2, 3)),
        density=float(rng.uniform(0.8, 1.2)),
        fat=float(np.clip(16 + 8 * girth, 5, 40)),
        breast=float(rng.uniform(20, 50)) * (rng.random() < 0.5),
        breath=float(np.clip(rng.normal(), -2, 2) * 10 + (3 if region == "chst" else -18)),
        bend=float(rng.normal(0, 5)),
        arms=float(rng.uniform(0.05, 0.5)),
    )


def sway(z: Array | float, body: Habitus) -> Array:
    """Return how far the spine leaves the midline at height z, mm."""
    return np.asarray(body.bend * np.sin((np.asarray(z) - 60) / 110))
