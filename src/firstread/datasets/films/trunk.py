"""A torso from skin to skin, as if there were no gas and no bone."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from firstread.datasets.films.patients import Habitus
from firstread.datasets.films.solids import FAT, MUSCLE, VISCERA, Array, Ellipsoid

# Height, then half-width and half-depth of the trunk there, mm.
TRUNK = np.array(
    [
        [-130, 60, 56], [-60, 58, 54], [-32, 66, 58], [-8, 98, 66], [14, 146, 78],
        [38, 176, 90], [66, 182, 99], [100, 173, 108], [140, 165, 112], [200, 160, 114],
        [260, 157, 112], [320, 152, 108], [360, 153, 106], [410, 163, 108], [470, 174, 110],
        [540, 182, 106], [620, 184, 98], [760, 178, 92],
    ]
)  # fmt: skip
LEVELS = np.arange(-140.0, 770.0, 2.0)
GIRTHS = PchipInterpolator(TRUNK[:, 0], TRUNK[:, 1:])(LEVELS.clip(-130, 760))


def barrel(x: Array, half: Array, depth: Array) -> Array:
    """Return half the chord of a trunk whose sections lie between an ellipse and its box."""
    ratio = (x / np.maximum(half, 1e-3)) ** 2
    return np.asarray(depth * np.sqrt(np.maximum(0, 1 - ratio * (0.7 + 0.3 * ratio))))


def trunk(x: Array, z: Array, body: Habitus) -> Array:
    """Return the line integral from skin to skin, as if there were no gas and no bone."""
    w, b = body.width, body.breast
    fat = (body.fat - 16) * np.interp(LEVELS, [-40, 80], [0.1, 1])
    half = np.interp(z, LEVELS, GIRTHS[:, 0] * body.width + fat)
    depth = np.interp(z, LEVELS, GIRTHS[:, 1] * body.depth + 0.6 * fat)
    skin, muscle, stripe, gut = (
        barrel(x, half - inset, depth - 0.6 * inset)
        for inset in (0.0, body.fat, body.fat + 14, body.fat + 18)
    )
    deep = np.clip((z - 200) / 90, 0, 1)
    stripe, gut = (stripe - gut) * deep, gut * deep
    total = 2 * (FAT * skin + (MUSCLE - FAT) * (muscle - stripe) + (VISCERA - MUSCLE) * gut)
    for side in (-1, 1):
        total = np.maximum(total, arm(x, z, side, body))
        bust = Ellipsoid((side * 86 * w, 0, 148 + 0.6 * b), (40 + 0.6 * b, b, 34 + 0.7 * b))
        total += FAT * bust.half_chord(x, z) if b else 0.0
    return np.asarray(total)


def arm(x: Array, z: Array, side: int, body: Habitus) -> Array:
    """Return the line integral of an upper arm hanging from the shoulder."""
    start, c, s = 160 * body.width * side, np.cos(body.arms), np.sin(body.arms) * side
    along = (x - start) * s + (z - 50) * c
    off = (x - start) * c - (z - 50) * s
    girth = (44 - 0.02 * np.abs(along)) * (1 + body.fat / 80)
    end = np.minimum(along, 0.0)
    return np.asarray(2 * MUSCLE * np.sqrt(np.maximum(0, girth**2 - off**2 - end**2)))
