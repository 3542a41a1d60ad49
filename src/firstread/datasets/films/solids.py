"""Simple solids, and their line integrals along a parallel beam.

Lengths are in mm. ``x`` runs to the patient's left (the right of the picture), ``y`` forwards and
``z`` down from the top of the first thoracic vertebra. The beam is parallel to ``y``, so a solid
is wholly described by its thickness along ``y`` at each (x, z). Soft parts and gas are ellipsoids
and barrels, with chords in closed form; bones are hollow tubes and plates, filled with points that
each carry their share of the line integral. Attenuation is in 1/mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

Array = npt.NDArray[np.floating]
Point = tuple[float, float, float]

# Linear attenuation near 65 keV: mass attenuation of the ICRU-44 tissues (NIST, Tables of X-Ray
# Mass Attenuation Coefficients, table 4) times density. Lung is inflated to 0.26 g/cm3; viscera
# are muscle with some fat between; spongy bone is marrow with 0.2 g/cm3 of mineral.
FAT, VISCERA, MUSCLE, LUNG, SPONGY, CORTICAL = 0.0183, 0.0199, 0.0208, 0.0052, 0.0260, 0.0547
MARROW = SPONGY - MUSCLE
UP = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class View:
    """Where the detector's pixels lie in the patient.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    scale : float
        Pixel width at the patient, mm.
    centre : tuple of float
        (x, z) of the middle of the detector, mm.
    tilt : float
        Rotation of the patient in the picture, radians.
    """

    shape: tuple[int, int]
    scale: float
    centre: tuple[float, float]
    tilt: float

    def grid(self) -> tuple[Array, Array]:
        """Return x and z (mm) of each pixel, each of the detector's shape."""
        rows, cols = np.indices(self.shape, dtype=float)
        u = (cols - (self.shape[1] - 1) / 2) * self.scale
        v = (rows - (self.shape[0] - 1) / 2) * self.scale
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        return self.centre[0] + c * u + s * v, self.centre[1] - s * u + c * v

    def span(self) -> tuple[float, float]:
        """Return the highest and lowest z that the detector sees (mm), with a margin."""
        reach = 0.55 * self.scale * self.shape[0]
        return self.centre[1] - reach, self.centre[1] + reach

    def locate(self, x: Array, z: Array) -> tuple[Array, Array]:
        """Return the row and column, in fractions of a pixel, of places in the patient."""
        dx, dz = x - self.centre[0], z - self.centre[1]
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        row = (s * dx + c * dz) / self.scale + (self.shape[0] - 1) / 2
        return row, (c * dx - s * dz) / self.scale + (self.shape[1] - 1) / 2

    def window(self, solid: Ellipsoid, margin: float = 2.0) -> tuple[slice, slice]:
        """Return the block of pixels that an ellipsoid can cover."""
        row, col = self.locate(np.array(solid.centre[0]), np.array(solid.centre[2]))
        reach = (max(solid.axes[0], solid.axes[2]) + margin) / self.scale
        low, high = np.array([row - reach, col - reach]), np.array([row + reach, col + reach]) + 2
        first, last = low.clip(0).astype(int), high.clip(0).astype(int)
        return slice(first[0], last[0]), slice(first[1], last[1])

    def splat(self, cloud: Cloud) -> Array:
        """Return the line integral of a cloud, each point shared among the four nearest pixels."""
        height, width = self.shape
        row, col = self.locate(cloud.points[:, 0], cloud.points[:, -1])
        seen = (col >= 0) & (row >= 0) & (col < width - 1) & (row < height - 1)
        col, row, mass = col[seen], row[seen], cloud.mass[seen] / self.scale**2
        i, j = row.astype(np.intp), col.astype(np.intp)
        fi, fj = row - i, col - j
        corner, size = i * width + j, height * width
        below, right = mass * fi, mass * fj
        both = below * fj
        total = np.zeros(size)
        total += np.bincount(corner, mass - below - right + both, size)
        total += np.bincount(corner + 1, right - both, size)
        total += np.bincount(corner + width, below - both, size)
        total += np.bincount(corner + width + 1, both, size)
        return total.reshape(self.shape)


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid, turned by ``tilt`` radians about the beam; centre and semi-axes in mm."""

    centre: Point
    axes: Point
    tilt: float = 0.0

    def half_chord(self, x: Array, z: Array) -> Array:
        """Return half the length (mm) of the chord along the beam, 0 outside."""
        c, s = np.cos(self.tilt), np.sin(self.tilt)
        dx, dz = x - self.centre[0], z - self.centre[2]
        u, v = (c * dx + s * dz) / self.axes[0], (c * dz - s * dx) / self.axes[2]
        return np.asarray(self.axes[1] * np.sqrt(np.maximum(0.0, 1 - u * u - v * v)))


@dataclass(frozen=True)
class Cloud:
    """A solid filled with points: x, y, z or x, z of each (mm), and attenuation x volume (mm2)."""

    points: Array
    mass: Array


def join(clouds: Sequence[Cloud]) -> Cloud:
    """Return one cloud with the points of all."""
    return Cloud(
        np.concatenate([c.points for c in clouds]), np.concatenate([c.mass for c in clouds])
    )


def moved(cloud: Cloud, by: Point) -> Cloud:
    """Return the cloud, moved by x, y, z (mm)."""
    return Cloud(cloud.points + np.array(by, dtype=cloud.points.dtype), cloud.mass)


def mirror(cloud: Cloud) -> Cloud:
    """Return the cloud and its mirror image across the midline."""
    flip = np.array([-1, 1, 1], dtype=cloud.points.dtype)
    return join([cloud, Cloud(cloud.points * flip, cloud.mass)])


def curve(*knots: Sequence[float], step: float = 1.0) -> Array:
    """Return points (n, 3) about ``step`` mm apart on a smooth curve through the knots."""
    table = np.array(knots, dtype=float)
    reach = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(table, axis=0), axis=1))]
    along = np.linspace(0, reach[-1], max(int(reach[-1] / step), 4))
    return np.asarray(CubicSpline(reach, table, bc_type="natural")(along))


def tube(
    path: Array,
    section: tuple[float | Array, float | Array],
    wall: float | Array = 1.0,
    core: float = MARROW,
    up: Point = (0.0, 1.0, 0.0),
    around: int = 14,
) -> Cloud:
    """Fill a hollow bone of elliptic section with points.

    Parameters
    ----------
    path : Array
        (n, 3) points on the axis, mm.
    section : tuple of float or Array
        Semi-axes of the section, mm: towards ``up``, and across it.
    wall : float or Array
        Thickness of the cortex, mm.
    core : float
        Attenuation of the marrow above soft tissue, 1/mm; 0 leaves it out.
    up : tuple of float
        A direction that the axis never runs along.
    around : int
        Points around the section.
    """
    path = path.astype(np.float32)
    tangent = np.gradient(path, axis=0)
    step = np.linalg.norm(tangent, axis=1)[:, None]
    tangent /= step
    rise = np.array(up, np.float32) - tangent @ np.array([up], np.float32).T * tangent
    rise /= np.linalg.norm(rise, axis=1)[:, None]
    across = np.cross(tangent, rise)
    a, b, wall = (np.broadcast_to(v, len(path))[:, None] for v in (*section, wall))
    # Each ring of points is turned by the golden angle, lest they line up into strands.
    turn, spoke = np.arange(len(path))[:, None], np.arange(around)
    angle = 2 * np.pi * (spoke / around + turn * 0.618034)
    chance = (spoke * 0.754878 + turn * 0.569840) % 1.0
    u, v = a * np.cos(angle), b * np.sin(angle)
    arc = np.hypot(a * np.sin(angle), b * np.cos(angle)) * 2 * np.pi / around
    layers = [(np.ones_like(chance), arc * step * wall * (CORTICAL - MUSCLE))]
    if core:
        layers.append((np.sqrt(chance), np.pi * a * b * step * core / around + 0 * chance))
    centre = path[:, None] + ((chance - 0.5) * step)[..., None] * tangent[:, None]
    points = [
        centre + (u * r)[..., None] * rise[:, None] + (v * r)[..., None] * across[:, None]
        for r, _ in layers
    ]
    return Cloud(
        np.stack(points, dtype=np.float32).reshape(-1, 3),
        np.stack([mass for _, mass in layers], dtype=np.float32).ravel(),
    )


def plate(edge: Array, rim: Array, bulge: float, thick: Sequence[float], rows: int) -> Cloud:
    """Fill a plate of bone, ruled between two curves (n, 3) and bowed by ``bulge`` mm in y.

    ``thick`` is the cortex across it (mm), at even steps from the first curve to the second.
    """
    t = np.linspace(0, 1, rows)[:, None, None]
    points = edge * (1 - t) + rim * t
    points[..., 1] += bulge * 4 * (t * (1 - t))[..., 0]
    patch = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
    girth = np.interp(t[..., 0], np.linspace(0, 1, len(thick)), thick)
    mass = np.linalg.norm(patch, axis=-1) * girth * (CORTICAL - MUSCLE)
    return Cloud(points.reshape(-1, 3).astype(np.float32), mass.ravel().astype(np.float32))


def ball(centre: Point, radius: float, wall: float) -> Cloud:
    """Return a round head of bone."""
    s = np.linspace(-0.99, 0.99, 60)
    girth = radius * np.sqrt(1 - s**2)
    return tube(np.array(centre) + s[:, None] * (0, 0, radius), (girth, girth), wall, around=50)
