"""A randomised torso of simple solids, and its line integrals along the beam.

Lengths are in mm. ``x`` runs to the patient's left (the right of the picture), ``y`` forwards and
``z`` down from the top of the first thoracic vertebra. The beam is parallel to ``y``, so a solid
is wholly described by its thickness along ``y`` at each (x, z). Soft parts and gas are ellipsoids
and barrels, with chords in closed form; bones are hollow tubes and plates, filled with points that
each carry their share of the line integral. Attenuation is in 1/mm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.ndimage import gaussian_filter, uniform_filter

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


def sway(z: Array | float, body: Habitus) -> Array:
    """Return how far the spine leaves the midline at height z, mm."""
    return np.asarray(body.bend * np.sin((np.asarray(z) - 60) / 110))


@cache
def vertebra(lumbar: bool) -> Cloud:
    """Return a vertebra of unit half-width, half-depth and pitch, centred on its body."""
    w, d, h = (24.0, 17.0, 33.0) if lumbar else (16.0, 13.0, 23.0)
    t, end, back = np.linspace(-1, 1, 43), 0.39 * h, -d - 20
    pinch = 0.86 + 0.14 * t**2
    axis = np.stack([0 * t, 0 * t, t], axis=1)
    lid = tube(0.4 * axis[::21], (d, w), 0.4, 0.45 * (CORTICAL - MUSCLE), around=80)
    tip = (1.75 * w, back - 4, -0.12 * h) if lumbar else (1.7 * w, back - 14, -0.22 * h)
    pedicle = curve((0.72 * w, -d, -0.1 * h), (0.72 * w, -d - 11, -0.1 * h))
    facet = curve((0.75 * w, back, -0.42 * h), (0.55 * w, back, 0.1 * h), (0.7 * w, back, 0.62 * h))
    lamina = curve((0.6 * w, back, 0), (0.05, back - 8, 0.25 * h))
    thorn = curve((0, back - 6, 0.2 * h), (0, back - 28, (0.4 if lumbar else 0.9) * h))
    whole = join([
        tube(end * axis, (d * pinch, w * pinch), 0.6, around=24),
        *(moved(lid, (0, 0, z)) for z in (-end, end)),
        tube(thorn, (3.5, (0.22 if lumbar else 0.12) * h), 0.8, up=(1.0, 0.0, 0.0)),
        mirror(tube(pedicle, (0.22 * h, 0.16 * w), 0.8, up=UP)),
        mirror(tube(curve((0.7 * w, back + 4, 0), tip), (0.11 * h, 3.5), 0.8, up=UP, around=10)),
        mirror(tube(facet, (5, 0.16 * w), 0.9, around=10)),
        mirror(tube(lamina, (0.16 * h, 3), 0.9, up=UP, around=10)),
    ])  # fmt: skip
    size = np.array([w, d, h], np.float32)
    return Cloud(whole.points / size, whole.mass / np.prod(size))


def spine(body: Habitus, span: tuple[float, float], rng: np.random.Generator) -> Iterable[Cloud]:
    """Yield the vertebrae that lie within a span of heights."""
    for k, (top, pitch, broad, deep) in enumerate(zip(TOPS, PITCH, BROAD, DEEP, strict=True)):
        size = np.array([broad, deep, pitch]) * rng.normal(1, (0.03, 0.03, 0.0))
        z = top + pitch / 2
        if not span[0] - 40 < z < span[1] + 40:
            continue
        lean = float(sway(z + 5, body) - sway(z - 5, body)) / 10
        nod = np.interp(z, [-60, 40, 230, 330, 430], [-0.3, 0.25, -0.1, -0.05, 0.45])
        turn = size[:, None] * np.array([[1, 0, -lean], [0, 1, nod], [lean, 0, 1]])
        points = vertebra(k >= 18).points @ turn.astype(np.float32)
        mass = vertebra(k >= 18).mass * np.prod(size, dtype=np.float32)
        yield moved(Cloud(points, mass), (float(sway(z, body)), -62, z))


def ribs(body: Habitus, span: tuple[float, float], rng: np.random.Generator) -> Iterable[Cloud]:
    """Yield the ribs that reach into a span of heights."""
    steep = rng.normal(0, 0.06)
    for bone, top in zip(cage(), TOPS[6:18], strict=True):
        drop, skew = rng.normal((1, 0), (1, 1.2))
        points = bone.points * np.array([body.width, 1, 1], np.float32)
        points[:, 2] += np.float32(steep) * (points[:, 2] - np.float32(top))
        if points[:, 2].max() < span[0]:
            continue
        lean = float(sway(float(np.median(points[:, 2])), body))
        left = Cloud(points, bone.mass)
        right = Cloud(points * np.array([-1, 1, 1], np.float32), bone.mass)
        yield moved(left, (lean, 0, drop + skew))
        yield moved(right, (lean, 0, drop - skew))


@cache
def cage() -> tuple[Cloud, ...]:
    """Return the left ribs as flat curved tubes, from the first down."""
    bones = []
    for top, (half, depth, fall, reach) in zip(TOPS[6:18], RIBS, strict=True):
        t = np.linspace(0.055, reach, 200)
        z = top + 2 + fall * t**1.7 - 5 * np.sin(2 * np.pi * t)
        path = np.stack([half * np.sin(np.pi * t), -depth * np.cos(np.pi * t), z], axis=1)
        flat = (5.4 * (0.8 + 0.3 * t / reach), 3.3)
        bones.append(tube(path, flat, 2.4 - 1.8 * t, 0.0, UP, 9))
    return tuple(bones)


def shoulders(body: Habitus, rng: np.random.Generator) -> Cloud:
    """Return clavicles, scapulae and upper arms, the arms hanging at their angle."""
    girdle, shaft = shoulder()
    c, s = np.cos(body.arms), np.sin(body.arms)
    turn = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]], dtype=np.float32)
    hung = Cloud(shaft.points @ turn, shaft.mass)
    half = join([girdle, moved(hung, (160, -10, 50))])
    points = half.points * np.array([body.width, 1, 1], np.float32)
    points[:, 2] -= np.float32(rng.uniform(-12, 12)) * (points[:, 0] / 140).clip(0, 1)
    return mirror(Cloud(points, half.mass))


@cache
def shoulder() -> tuple[Cloud, Cloud]:
    """Return the left clavicle, scapula and head of the arm; and its shaft, from the origin."""
    clavicle = curve((14, 60, 56), (50, 62, 42), (100, 30, 24), (152, 5, 16))
    girth = 6.5 - 1.5 * np.sin(np.linspace(0, np.pi, len(clavicle)))
    tip, neck, top = (130, -85, 172), (146, -30, 52), (92, -70, 28)
    medial, lateral = np.linspace(top, tip, 120), np.linspace(neck, tip, 120)
    girdle = [
        tube(clavicle, (girth, girth), 2.0, 0.0),
        plate(medial, lateral, -10, (1.5, 0.8, 2.0), 80),
        tube(lateral, (4, 5), 1.3),
        tube(medial, (2.5, 2), 1.0),
        tube(curve((100, -80, 58), (135, -60, 30), (168, -20, 20)), (4, 7), 1.2),
        tube(curve((140, -10, 45), (128, 30, 42)), (6, 6), 1.2, up=UP),
        ball((160.0, -10.0, 50.0), 22, 1.0),
    ]
    return join(girdle), tube(curve((0, 0, 0), (0, 0, 300)), (11, 11), 3.0, 0.0)


def hips(body: Habitus, rng: np.random.Generator) -> Cloud:
    """Return hip bones, sacrum and the tops of the thigh bones, the wings more or less flared."""
    points = pelvis().points * np.array([body.width, 1, 1], np.float32)
    flare = np.float32(np.clip(rng.normal(0, 0.05), -0.12, 0.12))
    points[:, 0] *= 1 + flare * ((520 - points[:, 2]) / 100).clip(0, 1)
    return Cloud(points, pelvis().mass)


@cache
def pelvis() -> Cloud:
    """Return hip bones, sacrum and the tops of the thigh bones of a patient of middling size."""
    brim = curve((52, -50, 452), (66, -30, 490), (70, 0, 525), (52, 35, 556), (8, 52, 566))
    line = curve((50, -62, 440), (58, -45, 465), (72, -15, 500), (92, 10, 518))
    rim = curve((40, -78, 424), (66, -62, 396), (100, -20, 384), (125, 22, 404), (130, 50, 438),
                (120, 54, 474), (108, 38, 502), (112, 20, 520))  # fmt: skip
    wing = [c[np.linspace(0, len(c) - 1, 150).astype(int)] for c in (line, rim)]
    hip, turn = (92.0, 5.0, 536.0), np.linspace(2.2, 4.9, 60)
    cup = np.array(hip) + 27 * np.stack([np.cos(turn), 0.35 * np.cos(turn), np.sin(turn)], axis=1)
    ischium = curve((82, -18, 556), (66, -30, 588), (52, -25, 606), (34, 5, 602), (9, 45, 588))
    femur = curve((124, -10, 536), (131, -8, 560), (133, -5, 620), (128, 0, 740))
    girth = np.interp(femur[:, 2], [536, 540, 550, 575, 620, 740], [3, 9, 15, 19, 15, 14])
    shell = np.interp(femur[:, 2], [560, 620], [0.8, 4.0])
    half = [
        plate(wing[0], wing[1], -14, (6.0, 4.0, 2.2, 2.6, 4.5), 100),
        tube(rim, (3.0, 3.0), 1.0),
        tube(brim, (5, 2.5), 1.3),
        tube(cup, (9, 2.2), 1.4),
        tube(curve((70, 5, 548), (44, 32, 556), (9, 48, 572)), (6, 7), 1.1),
        tube(ischium, (9, 8.5), 1.2),
        tube(curve((8, 48, 568), (8, 46, 592)), (7, 6), 1.1),
        ball(hip, 23.5, 0.7),
        tube(curve(hip, (112, 0, 548), (128, -5, 566)), (14, 15), around=30),
        tube(femur, (girth, girth), shell, 0.0015, around=24),
    ]
    t = np.linspace(0, 1, 130)
    mid = np.stack([0 * t, -66 - 26 * np.sin(np.pi * t), 436 + 98 * t], axis=1)
    side = np.stack([50 * (1 - t) ** 0.8 + 10, mid[:, 1], mid[:, 2] - 8 * (1 - t)], axis=1)
    half.append(plate(mid, side, 8, (3.0, 2.0, 2.6, 2.0, 2.6), 70))
    arc = np.stack([np.cos(np.pi * t), 0 * t, -0.7 * np.sin(np.pi * t)], axis=1)
    for k in range(4):
        half.append(tube(6.5 * arc + (25 - 3.5 * k, -70, 454 + 20 * k), (3, 1.2), 0.7))
    return mirror(join(half))


def skeleton(view: View, body: Habitus, rng: np.random.Generator) -> Array:
    """Return the line integral of what bone attenuates above soft tissue."""
    span = view.span()
    parts = [*spine(body, span, rng), *ribs(body, span, rng)]
    parts += [shoulders(body, rng)] if span[0] < 150 else []
    parts += [hips(body, rng)] if span[1] > 370 else []
    if not parts:
        return np.zeros(view.shape)
    image = view.splat(join(parts))
    return np.asarray(body.density * gaussian_filter(image, max(0.4, 0.8 / view.scale)))


def enlarge(coarse: Array, k: int, shape: tuple[int, int]) -> Array:
    """Return a coarse image drawn ``k`` times larger, smooth, and cropped to a shape."""
    # Box filters, and no matrix product: its threads wait for one another on a busy machine.
    blocks = np.repeat(np.repeat(coarse, k, axis=0), k, axis=1)[: shape[0], : shape[1]]
    return np.asarray(uniform_filter(uniform_filter(blocks, k, mode="nearest"), k, mode="nearest"))


def ripple(rng: np.random.Generator, view: View, grain: float) -> Array:
    """Return smooth noise of unit variance with blobs about ``grain`` mm across."""
    k = max(round(grain / view.scale / 2), 1)
    fine = enlarge(rng.normal(size=[n // k + 1 for n in view.shape]), k, view.shape)
    return np.asarray(fine / fine.std())


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
