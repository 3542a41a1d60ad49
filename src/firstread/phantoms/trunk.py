"""Whose body it is, and the soft tissue of a trunk from skin to skin.

Lengths are in mm of a grown body of middling size, ``z`` down from the top of the first thoracic
vertebra, ``y`` forwards from the middle of the chest. A child's body is drawn in the same lengths
with a child's proportions, and made small last (`Habitus.scale`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.solids import (
    FAT,
    MUSCLE,
    VISCERA,
    Ellipsoids,
    Pose,
    ellipsoids,
    project,
    windows,
)

CHILD, ADULT, OLD = range(3)
LOW, STEP, COUNT = -260.0, 2.0, 560


@dataclass(frozen=True)
class Habitus:
    """What differs from one patient to the next; each is (N,).

    Parameters
    ----------
    age : Tensor
        int64, see `truth.LABELS`.
    scale : Tensor
        Size of the body, 1 for a grown one.
    width, depth, heart, density : Tensor
        Size across, size forwards, size of the heart and density of the bones: ratios about 1.
    fat, breast : Tensor
        Thickness of the fat under the skin and of the breasts (0 for none), mm.
    breath : Tensor
        How far the diaphragm has gone down, mm.
    bend, hunch : Tensor
        Sideways curve of the spine, mm, and its curves forwards and back, a ratio about 1.
    arms : Tensor
        Angle of the arms from the trunk, radians.
    """

    age: Tensor
    scale: Tensor
    width: Tensor
    depth: Tensor
    heart: Tensor
    density: Tensor
    fat: Tensor
    breast: Tensor
    breath: Tensor
    bend: Tensor
    hunch: Tensor
    arms: Tensor

    def pick(self, index: Tensor) -> Habitus:
        """Return some of the patients: ``index`` is (M,) int64."""
        return Habitus(**{name: value[index] for name, value in vars(self).items()})


def patients(dice: Dice) -> Habitus:
    """Draw patients."""
    age = torch.where(dice.chance(0.22), CHILD, torch.where(dice.chance(0.4), OLD, ADULT))
    child, old = age == CHILD, age == OLD
    girth = torch.where(child, dice.normal(-0.6, 0.5), dice.normal())
    woman = dice.chance(0.5) & ~child
    return Habitus(
        age=age,
        scale=torch.where(child, dice.uniform(0.35, 0.85), dice.uniform(0.92, 1.06)),
        width=1 + 0.05 * dice.normal(),
        depth=1 + 0.07 * girth + 0.12 * child + 0.04 * old,
        heart=1 + 0.07 * dice.normal() + 0.08 * child,
        density=torch.where(child, dice.uniform(0.6, 0.95), dice.uniform(0.85, 1.25))
        * torch.where(old, dice.uniform(0.6, 1.0), 1.0),
        fat=(16 + 9 * girth).clamp(4, 44),
        breast=woman * dice.uniform(15, 50),
        breath=10 * dice.normal() - 8 * child,
        bend=dice.normal(0, 5) * (1 + 2.5 * dice.chance(0.15)),
        hunch=1 + 0.25 * dice.normal() + 0.35 * old,
        arms=dice.uniform(0.05, 0.6),
    )


def ladder(*rows: Sequence[float]) -> Tensor:
    """Return rows of (z, value, ...) as a table (`COUNT`, values) at even heights."""
    table = np.array(rows, dtype=float)
    levels = LOW + STEP * np.arange(COUNT)
    columns = [np.interp(levels, table[:, 0], column) for column in table[:, 1:].T]
    smooth = np.ones(9) / 9
    padded = [np.pad(c, 4, mode="edge") for c in columns]
    return torch.tensor(np.stack([np.convolve(c, smooth, "valid") for c in padded], -1)).float()


def climb(table: Tensor, z: Tensor) -> tuple[Tensor, ...]:
    """Return the values of a ladder at heights z, each of z's shape."""
    place = ((z - LOW) / STEP).clamp(0, COUNT - 1.001)
    k = place.long()
    share = (place - k)[..., None]
    return (table[k] * (1 - share) + table[k + 1] * share).unbind(-1)


# Height, then half-width, half-depth and the middle's y of the trunk there.
TRUNK = ladder(
    [-130, 60, 62, -14], [-60, 56, 60, -16], [-32, 66, 64, -18], [-8, 98, 72, -18],
    [14, 146, 84, -16], [38, 172, 96, -13], [66, 178, 106, -11], [100, 172, 113, -9],
    [140, 165, 117, -7], [200, 160, 119, -6], [260, 157, 116, -4], [320, 152, 110, 0],
    [360, 153, 106, 4], [410, 163, 108, 4], [470, 174, 112, -4], [540, 182, 112, -14],
    [600, 186, 102, -14], [680, 184, 92, -8], [800, 176, 84, 0],
)  # fmt: skip


def barrel(
    pose: Pose, size: int, half: Tensor, deep: Tensor, x: Tensor, y: Tensor, box: float = 0.3
) -> tuple[Tensor, Tensor]:
    """Return where the beam's middle and half chord lie in a stack of sections, (N, size, size).

    Sections are level; a nod of the body is left out and a roll shears them, which is true for
    small angles.

    Parameters
    ----------
    half, deep, x, y : Tensor
        (N, size) semi-axes of the section at each row of the picture and its middle, mm
        (`levels`).
    box : float
        0 for ellipses, towards 1 for boxes.
    """
    to_u, to_depth = pose.turn[:, 0, :, None], pose.turn[:, 1, :, None]
    lean = torch.stack([x, y, levels(pose, size)], dim=1) - pose.centre[..., None]
    middle, depth = (to_u * lean).sum(dim=1), (to_depth * lean)[:, :2].sum(dim=1)
    reach = torch.hypot(to_u[:, 0] * half, to_u[:, 1] * deep).clamp(min=1e-3)
    skew = (to_u[:, 0] * to_depth[:, 0] * half**2 + to_u[:, 1] * to_depth[:, 1] * deep**2) / reach
    t = (pose.grid(size)[:, None] - middle[..., None]) / reach[..., None]
    t2 = t * t
    chord = (1 - t2 * (1 - box + box * t2)).clamp_(min=0).sqrt_()
    return depth[..., None] + t * skew[..., None], chord * (half * deep / reach)[..., None]


def levels(pose: Pose, size: int) -> Tensor:
    """Return z in the patient of each row of the picture, (N, size), mm."""
    return pose.centre[:, 2:] + pose.grid(size) / pose.turn[:, 2, 2, None]


def flesh(body: Habitus, pose: Pose, size: int) -> Tensor:
    """Return the line integral of trunk and breasts as if there were no gas and no bone."""
    z = levels(pose, size)
    half, deep, y = climb(TRUNK, z)
    fat = body.fat[:, None]
    extra = (fat - 16) * ((z + 40) / 120).clamp(0.1, 1)
    belly = 1 + 0.12 * (body.fat[:, None] - 16) / 28 * ((z - 150) / 150).clamp(0, 1)
    half = half * body.width[:, None] + extra
    deep = deep * body.depth[:, None] * belly + 0.6 * extra
    x = sway(body, z)
    skin = barrel(pose, size, half, deep, x, y)[1]
    inner = barrel(pose, size, half - fat, deep - 0.6 * fat, x, y)[1]
    total = 2 * FAT * skin + 2 * (MUSCLE - FAT) * inner
    inside = ((z - 200) / 90).clamp(0, 1)[..., None]
    gut = barrel(pose, size, half - fat - 18, deep - 0.6 * fat - 14, x, y)[1]
    total += 2 * (VISCERA - MUSCLE) * gut * inside
    return total + project(breasts(body), pose, size)


def breasts(body: Habitus) -> Ellipsoids:
    """Return both breasts."""
    b, front = body.breast, 96 * body.depth + 0.5 * body.fat
    size = (44 + 0.7 * b, 1.4 * b + 1, 34 + 0.7 * b, 0.45 * FAT * (b > 0))
    rows = [(s * 80 * body.width, front - 0.75 * b, 150 + 0.5 * b, *size) for s in (-1, 1)]
    return ellipsoids(*rows, n=len(b))


def arms(body: Habitus, shown: Tensor, pose: Pose, size: int) -> Tensor:
    """Return the line integral of both upper arms, hanging from the shoulders where shown (N,)."""
    girth = 44 * (1 + (body.fat - 16) / 80)
    rows = []
    for side in (-1, 1):
        x = side * (160 * body.width + 120 * body.arms.sin())
        rows.append((x, -12, 50 + 120 * body.arms.cos(), girth, girth, 185, 1.0, -side * body.arms))
    total = torch.zeros(len(shown), size, size)
    for at, _, half in windows(ellipsoids(*rows, n=len(shown)), pose, size):
        total[at] = torch.maximum(total[at], half)
    return total * (2 * MUSCLE * shown)[:, None, None]


def sway(body: Habitus, z: Tensor) -> Tensor:
    """Return how far the spine leaves the midline at heights z (N, ...), mm."""
    bend = body.bend.reshape(-1, *(1,) * (z.ndim - 1))
    return bend * ((z - 60) / 110).sin()


def legs(body: Habitus, soft: Tensor, pose: Pose, size: int) -> Tensor:
    """Return a trunk's line integral with its lower end parted into two thighs."""
    z = levels(pose, size)
    girth = (86 * body.width + 0.6 * (body.fat - 16))[:, None] * ((z - 540) / 60).clamp(0, 1).sqrt()
    thighs = torch.zeros_like(soft)
    for side in (-1, 1):
        x = side * (96 * body.width[:, None] + 0.03 * (z - 600))
        half = barrel(pose, size, girth, 1.08 * girth, x, -10 + 0 * z, 0.1)[1]
        thighs += 1.9 * MUSCLE * half
    parted = ((z - 585) / 60).clamp(0, 1)[..., None]
    return soft + (thighs - soft) * parted
