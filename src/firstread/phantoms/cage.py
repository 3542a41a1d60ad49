"""Ribs, breastbone and the bones of the shoulders around a chest."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import curve, plate, profile, shell, tube
from firstread.phantoms.solids import Cloud, join, rotation
from firstread.phantoms.spine import TOPS
from firstread.phantoms.trunk import Habitus, sway

# One row a rib: half-width and half-depth of the cage there, fall of the arc if it went on to the
# midline in front (all mm), and how far round it goes, in half-turns.
RIBS = torch.tensor(
    [
        [57, 42, 58, 0.78], [86, 58, 82, 0.80], [106, 70, 106, 0.80], [118, 80, 126, 0.80],
        [125, 88, 142, 0.80], [130, 94, 154, 0.79], [133, 98, 162, 0.77], [134, 100, 166, 0.74],
        [133, 100, 166, 0.70], [129, 96, 158, 0.65], [120, 90, 138, 0.52], [104, 84, 110, 0.36],
    ]
)  # fmt: skip
BACK = torch.tensor(TOPS[6:18]).float()


def ribs(
    body: Habitus, dice: Dice, broken: Tensor, n: int = 96, first: int = 0, last: int = 12
) -> Cloud:
    """Return both sides' ribs as flat curved tubes; where broken (N,), three have a step.

    ``first`` to ``last`` - 1 are drawn, of n points along each; 0 is the uppermost.
    """
    half, deep, fall, reach = (column[None, :, None] for column in RIBS.unbind(-1))
    t = torch.linspace(0, 1, n)
    t = 0.055 + t * (reach - 0.055)
    child = (body.age == 0)[:, None, None]
    steep = 1 + dice.normal(0, 0.06, 1, 1) - 0.22 * child
    z = BACK[None, :, None] + 2 + steep * fall * t**1.7 - 5 * (2 * math.pi * t).sin()
    x = half * body.width[:, None, None] * (math.pi * t).sin()
    y = (-deep * (math.pi * t).cos()) * (0.9 + 0.1 * body.depth[:, None, None])
    y = y.expand(x.shape) * torch.ones_like(z)
    left = torch.stack([x + 0 * z, y, z], dim=-1)
    both = torch.stack([left, left * torch.tensor([-1.0, 1.0, 1.0])], dim=1)
    both = both + torch.stack(
        [sway(body, z)[:, None].expand(-1, 2, -1, -1), *(0 * both[..., 0],) * 2], dim=-1
    )
    # Broken ribs, neighbours: all of each beyond some place is shifted, and turned down a little.
    which, side = dice.integers(5) + 3, dice.integers(2)
    beyond = torch.arange(n) > (dice.uniform(0.35, 0.7)[:, None] * n)
    hit = torch.zeros(dice.n, 2, 12, n)
    for more in range(3):
        hit[torch.arange(dice.n), side, which + more] = (beyond & broken[:, None]).float()
    step = (
        hit[..., None]
        * (dice.uniform(7, 13) * (2 * dice.integers(2) - 1))[:, None, None, None, None]
    )
    both = both + step * torch.tensor([0.4, 0.0, 1.0])
    both = both + dice.normal(0, 1.2, 2, 12, 1, 1) * torch.tensor([0.0, 0.0, 1.0])
    share = torch.linspace(0, 1, n)
    thin = body.density[:, None, None, None]
    wall = (3.8 - 1.9 * share) * thin * torch.ones(2, last - first, 1)
    flat = 5.2 * (0.85 + 0.3 * share)
    some = both[:, :, first:last]
    return tube(some, flat, 3.2, wall, core=0.0, up=(0.0, 0.0, 1.0), around=4)


@cache
def breastbone() -> Cloud:
    """Return the breastbone."""
    path = curve([[(0, 58, 44), (0, 76, 90), (0, 90, 140), (0, 97, 190)]], 40)
    return tube(path, 5.0, profile([24, 15, 17, 13], 40), 0.9, around=10)


@cache
def _girdle() -> Cloud:
    """Return the left clavicle, shoulder blade and head of the arm."""
    clavicle = curve([[(14, 60, 52), (50, 62, 40), (100, 30, 24), (152, 5, 16)]], 50)
    girth = 6.5 - 1.5 * (math.pi * torch.linspace(0, 1, 50)).sin()
    tip, neck, top = (
        torch.tensor(p) for p in ((130.0, -85, 172), (146.0, -30, 52), (92.0, -70, 28))
    )
    t = torch.linspace(0, 1, 40)[None, :, None]
    medial, lateral = top * (1 - t) + tip * t, neck * (1 - t) + tip * t
    spine = curve([[(100, -80, 58), (135, -60, 30), (168, -20, 20)]], 24)
    return join([
        tube(clavicle, girth, wall=3.0, core=0.003),
        plate(medial, lateral, -10, (1.5, 0.8, 2.0), 30),
        tube(lateral, 4.0, 5.0, 1.3),
        tube(medial, 2.5, 2.0, 1.0, around=4),
        tube(spine, 4.0, 7.0, 1.2),
        tube(curve([[(140, -10, 45), (128, 30, 42)]], 12), 6.0, wall=1.2, up=(0.0, 0.0, 1.0)),
        shell(torch.tensor([[160.0, -10, 50]]), torch.full((1, 3), 22.0), 1.0, 260, core=0.004),
    ])  # fmt: skip


@cache
def _shaft() -> Cloud:
    """Return the shaft of the arm bone, hanging from the origin."""
    path = curve([[(0, 0, 0), (0, 0, 100), (0, 0, 300)]], 110)
    return tube(path, profile([16, 11, 11, 12], 110), wall=3.0, core=0.0, around=10)


def shoulders(body: Habitus, dice: Dice, hang: Tensor) -> Cloud:
    """Return clavicles, shoulder blades and upper arms; the shafts only where arms hang (N,)."""
    girdle = Cloud(_girdle().points.expand(dice.n, -1, -1), _girdle().mass.expand(dice.n, -1))
    shaft = Cloud(_shaft().points.expand(dice.n, -1, -1), _shaft().mass.expand(dice.n, -1))
    hung = shaft.turned(rotation("y", body.arms)).moved(torch.tensor([160.0, -10, 50]))
    half = join([girdle, hung.weighted(hang.float())])
    # Shoulders are drawn up or let down, and forwards, more the farther they lie from the middle.
    share = (half.points[..., 0] / 140).clamp(0, 1.2)
    lift = torch.stack([0 * share, dice.uniform(-15, 25)[:, None] * share,
                        dice.uniform(-14, 14)[:, None] * share], dim=-1)  # fmt: skip
    wide = torch.stack([body.width, torch.ones(dice.n), torch.ones(dice.n)], dim=-1)
    half = Cloud((half.points + lift) * wide[:, None], half.mass * body.density[:, None])
    return join([half, half.mirrored()])
