"""Lungs with their vessels and airways."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter

from firstread.datasets.films.patients import RIBS, TOPS, Habitus
from firstread.datasets.films.solids import LUNG, MUSCLE, Array, Cloud, Ellipsoid, View, join
from firstread.datasets.films.textures import ripple
from firstread.datasets.films.trunk import LEVELS, barrel


def lungs(view: View, x: Array, z: Array, body: Habitus) -> Array:
    """Return the thickness (mm) of aerated lung: the rib cage less heart, vessels and domes."""
    w, h, top = body.width, body.heart, 228 + body.breath
    level = np.r_[-9, -7, -2, 8, TOPS[6:18] + 3 + RIBS[:, 2] * 0.5**1.7]
    half = np.r_[0, 14, 28, 44, RIBS[:, 0] - 4] * w
    depth = np.r_[0, 12, 24, 34, RIBS[:, 1] - 2]
    size = PchipInterpolator(level, np.stack([half, depth]), axis=1)(LEVELS.clip(-9, level[-1]))
    cage = barrel(x, *(np.interp(z, LEVELS, row) for row in size)) * (z > -9)
    front = [
        Ellipsoid((26 * h, 18, top - 40), (44 * h, 62, 68 * h), -0.85),  # left ventricle
        Ellipsoid((-8 * h, 18, top - 44), (34 * h, 56, 62 * h), 0.2),  # right atrium
        Ellipsoid((20, 15, top - 92), (29, 50, 60), -0.25),  # left atrial appendage
        Ellipsoid((14, 10, 0.45 * top), (28, 46, 0.26 * top), -0.1),  # pulmonary trunk
        Ellipsoid((20, -10, 72), (19, 36, 20)),  # arch of the aorta
        Ellipsoid((0, 5, 70), (31, 50, 110)),  # great veins, trachea
        Ellipsoid((4, 10, top + 20), (34, 70, 60)),  # oesophagus, vena cava
        Ellipsoid((-58 * w, 0, top + 66), (85 * w, 112, 66)),  # domes of the diaphragm
        Ellipsoid((60 * w, 0, top + 77), (83 * w, 112, 66)),
    ]
    start, end = np.full(x.shape, 999.0), np.full(x.shape, -999.0)
    for solid in front:
        at = view.window(solid, margin=abs(body.bend) + 2)
        chord = solid.half_chord(x[at], z[at])
        start[at] = np.where(chord > 0, np.minimum(start[at], solid.centre[1] - chord), start[at])
        end[at] = np.where(chord > 0, np.maximum(end[at], solid.centre[1] + chord), end[at])
    groove = 46 * np.maximum(0, 1 - (x / 37) ** 2)
    a, b, c, d = (v.clip(-cage, cage) for v in (start, end, -78 - groove, -78 + groove))
    shared = np.maximum(0, np.minimum(b, d) - np.maximum(a, c))
    solid_part = np.maximum(0, b - a) + d - c - shared
    # Below the equator of a dome no lung is left between it and the wall.
    return np.asarray((2 * cage - solid_part) * np.clip((top + 72 - z) / 6, 0, 1))


def vessels(rng: np.random.Generator) -> Cloud:
    """Return the pulmonary vessels: from each hilum, trunks that fork six times as they thin."""
    parts = []
    for side in (-1, 1):
        heading = np.linspace(-1.25, 1.5, 9) + rng.normal(0, 0.12, 9)
        start = np.stack([np.full(9, side * 32.0), np.linspace(100, 140, 9)], axis=1)
        radius, length = rng.uniform(3.4, 6.4, 9), rng.uniform(21, 36, 9)
        for fork, lanes in enumerate((8, 6, 4, 3, 2, 2)):
            t = np.linspace(0, 1, 22 - 2 * fork)
            turn = heading[:, None] + rng.normal(0, 0.3, (len(start), 1)) * t
            along = np.stack([side * np.cos(turn), np.sin(turn)], axis=-1)
            step = length[:, None] / len(t)
            path = start[:, None] + np.cumsum(along * step[..., None], axis=1)
            girth = radius[:, None] * (1 - 0.15 * t)
            across = np.stack([-along[..., 1], along[..., 0]], axis=-1) * girth[..., None]
            u = np.arange(lanes)[:, None, None] + rng.random((lanes, *girth.shape))
            u = u * 2 / lanes - 1
            mass = (MUSCLE - LUNG) * girth**2 * 4 / lanes * np.sqrt(1 - u * u) * step
            parts.append(Cloud((path + u[..., None] * across).reshape(-1, 2), mass.ravel()))
            start, girth = np.repeat(path[:, -1], 2, axis=0), np.repeat(girth[:, -1], 2)
            heading = (turn[:, -1:] + rng.uniform(0.1, 0.5, (len(path), 2)) * (-1, 1)).ravel()
            radius = girth * rng.uniform(0.6, 0.92, len(girth))
            length = np.repeat(length, 2) * rng.uniform(0.6, 0.95, len(girth))
    return join(parts)


def chest(
    view: View, x: Array, z: Array, body: Habitus, haze: Array, rng: np.random.Generator
) -> Array:
    """Return what lungs and airways change in the line integral of the trunk."""
    change = np.zeros(view.shape)
    rows = int(np.searchsorted(z.min(axis=1), 300 + body.breath))
    if rows == 0:
        return change
    x, z = x[:rows], z[:rows]
    air = lungs(view, x, z, body)
    grain = 0.011 * ripple(rng, view, 5) + 0.02 * haze
    blur = max(0.4, 0.7 / view.scale)
    tree = gaussian_filter(view.splat(vessels(rng)), blur)[:rows] if z.min() < 160 else 0.0
    lean = x - 4
    pipe = np.sqrt(np.maximum(0, 81 - lean**2)) * np.clip((98 - z) / 8, 0, 1)
    for side in (-1, 1):
        along, off = 0.66 * (z - 96) + 0.75 * side * lean, 0.75 * (z - 96) - 0.66 * side * lean
        bronchus = np.sqrt(np.maximum(0, 36 - off**2)) * ((along > 0) & (along < 45))
        pipe = np.maximum(pipe, bronchus)
    change[:rows] = 2.2 * tree * np.clip(air / 110, 0, 1) - 2 * MUSCLE * pipe
    change[:rows] -= (MUSCLE - LUNG) * air * (1 + grain[:rows] * np.clip(air / 60, 0, 1))
    return change
