"""What lies about the upper spine: skull, jaw, first vertebra, throat and skin.

The spine's frame of `firstread.phantoms.trunk` goes on upwards: z is negative above the chest.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import curve, shell, tube, wire
from firstread.phantoms.solids import MUSCLE, Cloud, Pose, ellipsoids, join, project
from firstread.phantoms.trunk import Habitus


def _shared(cloud: Cloud, n: int) -> Cloud:
    return Cloud(cloud.points.expand(n, -1, -1), cloud.mass.expand(n, -1))


@cache
def _atlas() -> Cloud:
    """Return the first cervical vertebra and the dens of the second."""
    turn = torch.linspace(0, 2 * math.pi, 72)
    flat = 22 * turn.sin(), -34 + 25 * turn.cos(), -111 + 3 * turn.cos()
    ring = torch.stack(flat, dim=-1)
    side = curve([[(21, -24, -118), (21, -24, -111), (19, -24, -104)]], 14)
    mass = tube(side, 8.0, 7.0, 1.2, around=10)
    dens = curve([[(0, -17, -94), (0, -15, -104), (0, -14, -117)]], 24)
    return join([tube(ring[None], 4.0, 3.0, 1.4), mass, mass.mirrored(), tube(dens, 5.5, wall=1.3)])


def atlas(n: int) -> Cloud:
    """Return the first vertebra and the dens, for n bodies."""
    return _shared(_atlas(), n)


@cache
def _jaw() -> Cloud:
    """Return the lower jaw, the palate, teeth and the tongue bone."""
    body = curve([[(47, -4, -104), (42, 22, -95), (28, 54, -85), (0, 70, -80)]], 60)
    ramus = curve([[(46, -12, -146), (47, -10, -124), (46, -4, -100)]], 40)
    half = [
        tube(body, 12.0, 5.0, 2.4, up=(0.0, 0.0, 1.0), around=12),
        tube(ramus, 14.0, 4.0, 1.2, around=12),
    ]
    turn = torch.linspace(0.05, 1.45, 8)
    for top, tip, wide in ((-103.0, -92.0, 1.0), (-105.0, -117.0, 1.06)):
        spot = torch.stack([26 * wide * turn.sin(), 22 + 44 * wide * turn.cos()], dim=-1)
        ends = torch.stack(
            [torch.cat([spot, torch.full((8, 1), z)], dim=-1) for z in (top, tip)], dim=1
        )
        half.append(tube(curve(ends, 10)[None], 2.8, wall=0.9, core=0.012, around=5))
    palate = curve([[(0, -4, -128), (0, 30, -130), (0, 66, -128)]], 44)
    hyoid = curve([[(18, 8, -66), (14, 30, -60), (0, 38, -58)]], 24)
    half += [
        tube(palate, 2.0, 20.0, 1.0, around=8).weighted(torch.tensor([0.5])),
        tube(hyoid, 2.0, wall=1.2),
    ]
    whole = join(half)
    return join([whole, whole.mirrored()])


def jaw(dice: Dice) -> Cloud:
    """Return jaw, teeth, palate and tongue bone, a little higher or lower."""
    lift = torch.tensor([0.0, 3, 5]) * dice.normal(0, 1, 3)
    return _shared(_jaw(), dice.n).moved(lift)


def head(dice: Dice) -> Cloud:
    """Return the skull's vault and base."""
    n = dice.n
    vault = shell(torch.tensor([[0.0, -2, -212]]), torch.tensor([[70.0, 92, 82]]), 3.2, 5200)
    low = vault.points[0, :, 2] > -205
    vault = Cloud(vault.points[:, low], vault.mass[:, low])
    base = curve([[(0, -66, -140), (0, -34, -132), (0, 0, -146), (0, 30, -158)]], 50)
    mastoid = curve([[(52, -26, -140), (54, -26, -128), (52, -24, -116)]], 20)
    process = tube(mastoid, 10.0, 8.0, 1.4, around=10)
    return _shared(
        join([vault, tube(base, 4.0, 30.0, 1.0, around=20), process, process.mirrored()]), n
    )


def throat(dice: Dice) -> Cloud:
    """Return the gas behind nose and tongue, down to the voice box."""
    knots = torch.tensor([[6.0, -138], [2, -120], [2, -104], [8, -84], [6, -68], [4, -56]])
    y = knots[:, :1] + dice.normal(0, 1.5, 6, 1)
    path = torch.cat([torch.zeros(dice.n, 6, 1), y, knots[:, 1:].expand(dice.n, -1, -1)], dim=-1)
    return wire(curve(path, 80), dice.uniform(6.0, 9.0)[:, None], -MUSCLE, around=24)


def skin(body: Habitus, stand: Pose, size: int) -> Tensor:
    """Return the line integral of head and face as if there were no gas and no bone."""
    fat = body.fat - 16
    skull = ellipsoids((0, 0, -210, 77, 100, 92, MUSCLE), n=len(fat))
    face = ellipsoids((0, 22, -118, 56 + 0.3 * fat, 56 + 0.2 * fat, 52, MUSCLE), n=len(fat))
    return torch.maximum(project(skull, stand, size), project(face, stand, size))
