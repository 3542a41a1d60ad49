"""Spine, ribs, shoulders and hips of a torso."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter

from firstread.datasets.films.patients import BROAD, DEEP, PITCH, RIBS, TOPS, Habitus, sway
from firstread.datasets.films.solids import (
    CORTICAL,
    MUSCLE,
    UP,
    Array,
    Cloud,
    View,
    ball,
    curve,
    join,
    mirror,
    moved,
    plate,
    tube,
)


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
