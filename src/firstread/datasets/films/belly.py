"""Organs of the abdomen, and gas in stomach and bowel."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from firstread.datasets.films.patients import Habitus
from firstread.datasets.films.solids import (
    FAT,
    MUSCLE,
    VISCERA,
    Array,
    Cloud,
    Ellipsoid,
    View,
    curve,
)


def pockets(path: Array, radius: float, rng: np.random.Generator) -> list[Ellipsoid]:
    """Return gas pockets strung along a gut, one a haustrum, with gaps."""
    blobs = []
    for x, _, z in path[:: max(int(radius * 0.9), 1)]:
        a, b, c = radius * rng.uniform(0.65, 1.15, 3)
        dx, dz = rng.normal(0, 0.12 * radius, 2)
        blobs.append(Ellipsoid((x + dx, 0, z + dz), (a, 0.7 * b, c), float(rng.uniform(0, 3))))
    return [blob for blob in blobs if rng.random() > 0.15]


def bowel(body: Habitus, rng: np.random.Generator) -> tuple[list[list[Ellipsoid]], Cloud]:
    """Return loops of gut that hold gas, and the bubbles in stool."""
    w, sag, j = body.width * 1.02, rng.normal(330, 22), rng.normal(0, 8, 7)
    up = 285 + 0.7 * body.breath
    colon = curve((-88 * w, 0, 455), (-104 * w + j[0], 0, 400), (-100 * w, 0, up + 45),
                  (-50 * w, 0, sag + j[1]), (20, 0, sag + 12), (75 * w, 0, up + 30),
                  (108 * w, 0, up + j[2]), (112 * w + j[3], 0, 370), (104 * w, 0, 430),
                  (60 * w + j[4], 0, 480), (15 + j[5], 0, 470), (j[6], 0, 520),
                  (0, 0, 555))  # fmt: skip
    loops = []
    for _ in range(rng.integers(3, 8)):
        first, n = rng.integers(0, len(colon) - 30), rng.integers(25, 160)
        loops.append(pockets(colon[first : first + n], rng.uniform(11, 22), rng))
    for _ in range(rng.integers(1, 7)):
        middle = np.array([rng.uniform(-65, 65), 0, rng.uniform(335, 470)])
        bow = curve(*(middle + rng.normal(0, 1, (3, 3)) * (22, 0, 14)))
        loops.append(pockets(bow, rng.uniform(6, 11), rng))
    begin = rng.integers(0, len(colon) - 80, rng.integers(2, 5))
    place = np.repeat(colon[(begin[:, None] + np.arange(0, 80, 2)).ravel()], 2, axis=0)
    place = place + rng.normal(0, 9, place.shape)
    radius = rng.uniform(1.2, 4.2, len(place))
    unit = rng.normal(size=(60, 3))
    unit *= (rng.random(60) ** (1 / 3) / np.linalg.norm(unit, axis=1))[:, None]
    points = place[:, None] + radius[:, None, None] * unit
    return loops, Cloud(
        points.reshape(-1, 3), np.repeat(-VISCERA * 4 / 3 * np.pi * radius**3 / 60, 60)
    )


def stomach(x: Array, z: Array, body: Habitus, erect: bool, rng: np.random.Generator) -> Array:
    """Return the thickness (mm) of gas in the stomach; standing, it ends at a fluid level."""
    a, c, drop, full = rng.uniform(18, 42), rng.uniform(9, 20), rng.normal(34, 5), rng.random()
    level = 228 + body.breath + drop
    bubble = Ellipsoid((58 * body.width, 0, level), (a, 30, c), 0.0 if erect else -0.2)
    gas = 2 * bubble.half_chord(x, z) * (full < 0.8)
    return gas * np.clip((level + 0.3 * c - z) / 1.5, 0, 1) if erect else gas


def belly(view: View, x: Array, z: Array, body: Habitus, rng: np.random.Generator) -> Array:
    """Return what organs, psoas and bowel gas change in the line integral of the trunk."""
    w, down = body.width, body.breath
    organs = [
        Ellipsoid((-62 * w, 0, 283 + down), (78 * w, 80, 72 + rng.normal(0, 8)), 0.35),  # liver
        Ellipsoid((98 * w, 0, 283 + down), (34, 40, 52), 0.2),  # spleen
        Ellipsoid((-58, 0, 338 + 0.4 * down), (28, 32, 56), 0.22),  # kidneys
        Ellipsoid((60, 0, 322 + 0.4 * down), (28, 32, 57), -0.22),
        Ellipsoid((0, 0, 545), (44, 40, rng.uniform(18, 40))),  # bladder
    ]
    change, gas = np.zeros(view.shape), np.zeros(view.shape)
    for organ in organs:
        at = view.window(organ, margin=16)
        change[at] += 2 * 0.0011 * organ.half_chord(x[at], z[at])
    girth = np.interp(z, [280, 300, 430, 560], [0, 12, 27, 18])
    for side in (-1, 1):
        axis = side * np.interp(z, [285, 430, 560], [26, 54, 96])
        change += 2.2 * (MUSCLE - FAT) * np.sqrt(np.maximum(0, girth**2 - (x - axis) ** 2))
    loops, stool = bowel(body, rng)
    for loop in loops:
        inside = np.zeros(view.shape)
        for pocket in loop:
            at = view.window(pocket, margin=16)
            inside[at] = np.maximum(inside[at], 2 * pocket.half_chord(x[at], z[at]))
        gas += inside
    # Loops lie beside each other in the depth of the belly, so their gas doesn't pile up for ever.
    change -= VISCERA * 60 * np.tanh(gas / 60)
    return np.asarray(change + gaussian_filter(view.splat(stool), 0.7))
