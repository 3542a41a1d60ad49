"""Vertebrae from the second cervical to the fifth lumbar, and how they stand on each other."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import GOLDEN, curve, tube, wire
from firstread.phantoms.solids import BONE, MARROW, METAL, Cloud, join, rotation
from firstread.phantoms.trunk import Habitus, climb, ladder, sway

# Pitch, half-width and half-depth of each, mm.
PITCH = np.r_[np.full(6, 16.5), np.linspace(18.5, 26.5, 12), np.linspace(31, 35, 5)]
TOPS = np.cumsum(PITCH) - PITCH - PITCH[:6].sum()
BROAD = np.r_[np.full(6, 12.0), np.full(4, 13.7), np.linspace(14, 20, 8), np.linspace(21, 26, 5)]
DEEP = np.r_[np.full(6, 8.5), np.linspace(9.5, 16, 12), np.linspace(16.5, 18.5, 5)]
CERVICAL, THORACIC, LUMBAR = range(3)
KIND = np.repeat([CERVICAL, THORACIC, LUMBAR], [6, 12, 5])
# How far forwards the middle of the spine lies, at each height.
FORWARDS = ladder(
    [-130, -16], [-100, -19], [-60, -19], [-25, -30], [0, -43], [40, -58], [90, -67], [140, -69],
    [200, -64], [260, -53], [310, -40], [360, -31], [400, -31], [425, -38], [450, -50],
)  # fmt: skip
_SIZE = {CERVICAL: (12.0, 8.5, 16.5), THORACIC: (16.0, 13.0, 23.0), LUMBAR: (24.0, 17.5, 33.0)}


def disc(radius: tuple[float, float], z: float, thick: float, points: int) -> Cloud:
    """Return an end plate of bone: semi-axes across and forwards, mm."""
    k = torch.arange(points) + 0.5
    angle, reach = 2 * math.pi * GOLDEN * k, (k / points).sqrt()
    flat = [radius[0] * reach * angle.cos(), radius[1] * reach * angle.sin(), torch.full_like(k, z)]
    mass = torch.full((1, points), math.pi * radius[0] * radius[1] * thick * BONE / points)
    return Cloud(torch.stack(flat, dim=-1)[None], mass)


def _rod(*knots: tuple[float, float, float], n: int) -> Tensor:
    return curve([knots if len(knots) > 2 else [knots[0], knots[1]]], n)


@cache
def vertebra(kind: int, fine: int) -> Cloud:
    """Return a vertebra of unit half-width, half-depth and pitch, centred on its body.

    Parameters
    ----------
    kind : int
        `CERVICAL`, `THORACIC` or `LUMBAR`.
    fine : int
        1 for a few hundred points, 2 for some thousand.
    """
    w, d, h = _SIZE[kind]
    n, around, arch, ring = 7 * fine, 12 * fine, 4 * fine + 1, 3 * fine
    t = torch.linspace(-1, 1, n)
    end, back = (0.37 if kind == CERVICAL else 0.4) * h, -d - (14 if kind == CERVICAL else 19)
    pinch = 0.88 + 0.12 * t**2
    axis = torch.stack([0 * t, 0 * t, end * t], dim=-1)[None]
    tip = {
        CERVICAL: (1.5 * w, -d + 2, 0.05 * h),
        THORACIC: (1.7 * w, back - 12, -0.22 * h),
        LUMBAR: (1.75 * w, back - 2, -0.12 * h),
    }[kind]
    drop, length = {CERVICAL: (0.55, 17), THORACIC: (0.95, 25), LUMBAR: (0.4, 27)}[kind]
    out = 1.25 if kind == CERVICAL else 0.72
    pedicle = _rod((min(out, 0.95) * w, -d + 1, -0.1 * h), (out * w, -d - 11, -0.1 * h), n=arch)
    facet = _rod((out * w, back + 4, -0.48 * h), (0.95 * out * w, back + 3, 0.1 * h),
                 (out * w, back, 0.6 * h), n=arch)  # fmt: skip
    lamina = _rod((0.6 * w, back, 0), (0.05, back - 6, 0.25 * h), n=arch)
    thorn = _rod((0, back - 4, 0.2 * h), (0, back - 4 - length, drop * h), n=2 * arch)
    thick = (0.26 if kind == LUMBAR else 0.17) * h
    across = {CERVICAL: 4.5, THORACIC: 0.16 * w, LUMBAR: 0.18 * w}[kind]
    level = (0.0, 0.0, 1.0)
    half = [
        tube(pedicle, 0.22 * h, 0.17 * w, 0.9, up=level, around=ring),
        tube(_rod((0.7 * w, -d - 9, 0), tip, n=arch), 0.11 * h, 3.5, 0.8, up=level, around=ring),
        tube(facet, 4.5, across, 1.1, around=ring),
        tube(lamina, 0.16 * h, 3.0, 1.0, up=level, around=ring),
    ]
    whole = join([
        tube(axis, d * pinch, w * pinch, 1.0, core=1.6 * MARROW, around=around),
        *(disc((w, d), z, 1.1, 24 * fine * fine) for z in (-end, end)),
        tube(thorn, 3.0, thick, 0.9, up=(1.0, 0.0, 0.0), around=ring),
        *half, *(part.mirrored() for part in half),
    ])  # fmt: skip
    return whole.scaled(1 / torch.tensor([w, d, h]))


def heights(first: int, last: int) -> Tensor:
    """Return z of the middles of vertebrae, mm."""
    return torch.tensor(TOPS[first:last] + PITCH[first:last] / 2).float()


def column(
    body: Habitus,
    dice: Dice,
    first: int,
    last: int,
    fine: int,
    squash: Tensor | None = None,
    worn: Tensor | None = None,
) -> Cloud:
    """Return vertebrae ``first`` to ``last`` - 1 of each body (0 the second cervical).

    Parameters
    ----------
    squash : Tensor, optional
        (N, last - first) what is left of the height of each, for broken ones below 1.
    worn : Tensor, optional
        (N,) bool: spurs at the end plates, which are dense and near each other.
    """
    z = heights(first, last).expand(dice.n, -1)
    count = last - first
    table = np.stack([BROAD, DEEP, PITCH], axis=-1)[first:last]
    size = torch.tensor(table).float() * (1 + 0.03 * dice.normal(0, 1, count, 3))
    plump = torch.where(body.age == 0, 0.86, 1.0)[:, None]
    size = size * torch.stack([plump, plump, plump], dim=-1)
    if squash is not None:
        # What a broken vertebra loses in height it gains, in part, in breadth.
        size = size * torch.stack([(2 - squash) ** 0.3, 1 + 0 * squash, squash], dim=-1)
    place = middle(body, z)
    slope = middle(body, z + 4) - middle(body, z - 4)
    turn = rotation("y", torch.atan2(slope[..., 0], slope[..., 2]))
    turn = turn @ rotation("x", -torch.atan2(slope[..., 1], slope[..., 2]))
    clouds = []
    for kind in range(3):
        here = np.flatnonzero(KIND[first:last] == kind)
        if not len(here):
            continue
        # One copy of the shape for each vertebra of its kind, all bodies at once.
        shape = vertebra(kind, fine)
        part = (turn * size[..., None, :])[:, here]
        own, mass = shape.points, shape.mass.expand(len(z), -1)
        if worn is not None:
            # Only the bodies have spurs: points within the unit cylinder, near its ends.
            flare = ((own[..., 2].abs() - 0.26) / 0.14).clamp(0, 1) * (own[..., 1] > -1.1)
            flare = flare * worn[:, None]
            spread = torch.stack([0.3 * flare, 0.34 * flare, 0.14 * flare], dim=-1)
            own, mass = own * (1 + spread), mass * (1 + 1.2 * flare)
        points = own[:, None] @ part.mT + place[:, here, None]
        mass = mass[:, None] * size[:, here].prod(dim=-1, keepdim=True)
        clouds.append(Cloud(points.flatten(1, 2), mass.flatten(1)))
    return join(clouds)


def middle(body: Habitus, z: Tensor) -> Tensor:
    """Return the middle of the spine at heights z (N, ...), (N, ..., 3), mm."""
    (y,) = climb(FORWARDS, z)
    hunch = body.hunch.reshape(-1, *(1,) * (z.ndim - 1))
    return torch.stack([sway(body, z), (y + 48) * hunch - 48, z], dim=-1)


def implants(body: Habitus, dice: Dice, first: int, last: int) -> Cloud:
    """Return screws through the pedicles of two or more neighbours among vertebrae, with rods."""
    count = last - first
    z = heights(first, last).expand(dice.n, -1)
    place = middle(body, z)
    begin = dice.integers(count - 1)
    end = begin + 1 + dice.integers(count - 1)
    rank = torch.arange(count)
    used = (rank >= begin[:, None]) & (rank <= end[:, None])
    broad, deep = (torch.tensor(t[first:last]).float() for t in (BROAD, DEEP))
    reach = torch.linspace(0, 1, 36)
    clouds = []
    for side in (-1.0, 1.0):
        back = torch.stack([side * 0.9 * broad, -deep - 30, torch.zeros(count)], dim=-1)
        tip = torch.stack([side * 0.45 * broad, 0.5 * deep, torch.full((count,), 1.0)], dim=-1)
        path = place[:, :, None] + back[:, None] + (tip - back)[:, None] * reach[:, None]
        screws = wire(path, 0.1 * broad[:, None], 0.6 * METAL, around=4)
        each = screws.mass.shape[1] // count
        clouds.append(screws.weighted(used.float().repeat_interleave(each, dim=1)))
        share = torch.linspace(0, 1, 90)
        along = begin[:, None] + (end - begin)[:, None] * share
        low = along.long().clamp(max=count - 2)
        part = (along - low)[..., None]
        heads = place + back
        rod = torch.stack([heads.gather(1, (low + k)[..., None].expand(-1, -1, 3)) for k in (0, 1)])
        rod = rod[0] * (1 - part) + rod[1] * part
        clouds.append(wire(rod, 2.6, 0.6 * METAL, around=4))
    return join(clouds)
