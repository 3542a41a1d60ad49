"""Tubes, lines, leads and other metal on or in a trunk, as clouds; plastic is a little metal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import curve, shell, tube, wire
from firstread.phantoms.solids import METAL, TITANIUM, Cloud, Pose, join, project, rotation

PLASTIC = 0.12  # with barium sulphate in it, or in a stripe


def _path(dice: Dice, knots: Sequence[Sequence[object]], n: int, wander: float) -> Tensor:
    """Return smooth paths (N, n, 3) near knots."""
    rows = [
        torch.stack([torch.as_tensor(v, dtype=torch.float32).expand(dice.n) for v in knot], dim=-1)
        for knot in knots
    ]
    table = torch.stack(rows, dim=1)
    return curve(table + dice.normal(0, wander, len(knots), 3), n)


def _flip(dice: Dice, path: Tensor, p: float = 0.5) -> Tensor:
    """Return paths of which some are on the other side."""
    sign = 1 - 2 * dice.chance(p).float()
    return path * torch.stack([sign, 1 + 0 * sign, 1 + 0 * sign], dim=-1)[:, None]


def fit(
    total: Tensor, worn: Tensor, make: Callable[[Dice, Tensor], Cloud], dice: Dice, stand: Pose
) -> None:
    """Add a device's line integral to those (N, S, S) of the bodies that wear it.

    ``make`` gets dice for the bodies where ``worn`` (N,) is true, and their numbers (M,); it is
    left alone if there are none.
    """
    some = worn.nonzero().flatten()
    if len(some):
        cloud = make(dice.fewer(len(some)), some)
        total[some] += project(cloud, stand.pick(some), total.shape[-1])


def wear(
    total: Tensor, worn: Tensor, make: Callable[[Dice], Cloud], dice: Dice, stand: Pose
) -> None:
    """Add a device's line integral where it is worn, as `fit`, whoever wears it."""
    fit(total, worn, lambda fewer, _: make(fewer), dice, stand)


def breathing_tube(dice: Dice) -> Cloud:
    """Return a tube in the windpipe, its tip above the fork."""
    tip = dice.uniform(40, 88)
    path = _path(dice, [(2, 25, -150), (1, 6, -70), (2, -10, 0), (3, -18, tip)], 240, 1.0)
    walls = tube(path, 4.6, wall=1.1, cortex=2.2 * PLASTIC, core=0.0, around=12)
    # A stripe that stops the beam runs along one side.
    return join([walls, wire(path + torch.tensor([4.0, 0.0, 0.0]), 0.9, 3 * PLASTIC)])


def feeding_tube(dice: Dice) -> Cloud:
    """Return a tube down the oesophagus to the stomach."""
    end = (dice.uniform(45, 100), 20, dice.uniform(255, 330))
    knots = [
        (-3, 10, -150),
        (-2, -24, -40),
        (2, -38, 60),
        (6, -36, 160),
        (14, -22, 232),
        (50, 5, 262),
        end,
    ]
    return wire(_path(dice, knots, 300, 2.5), 1.7, 3.2 * PLASTIC)


def central_line(dice: Dice) -> Cloud:
    """Return a line from the neck or an arm to the upper vena cava."""
    low = dice.uniform(85, 135)
    neck = _path(
        dice,
        [(-46, 20, -110), (-32, 16, -50), (-26, 16, 10), (-22, 8, 60), (-22, 4, low)],
        100,
        2.5,
    )
    arm = _path(
        dice,
        [(-175, 10, 110), (-118, 24, 44), (-60, 30, 28), (-24, 10, 62), (-22, 4, low)],
        100,
        3.5,
    )
    left = _path(
        dice, [(40, 20, -110), (36, 18, -20), (30, 18, 30), (-14, 12, 66), (-22, 4, low)], 100, 3.0
    )
    which = dice.integers(3)[:, None, None]
    path = torch.where(which == 0, neck, torch.where(which == 1, arm, left))
    return wire(path, 1.5, 0.7 * METAL)


def leads(dice: Dice) -> Cloud:
    """Return electrodes on the skin, and wires that wander off the picture."""
    spots = [(-105, 112, 15), (108, 112, 12), (-95, 116, 215), (100, 116, 205)]
    clouds = []
    for spot in spots:
        shown = dice.chance(0.75).float()
        start = torch.tensor(spot, dtype=torch.float32) + dice.normal(0, 14, 3) * torch.tensor(
            [1.0, 0.1, 1.0]
        )
        mid = start + torch.stack(
            [dice.normal(0, 35), dice.uniform(0, 8), dice.uniform(30, 90)], -1
        )
        low = mid + torch.stack([dice.normal(0, 45), dice.uniform(0, 8), dice.uniform(60, 140)], -1)
        end = low + torch.stack([dice.normal(0, 40), dice.uniform(0, 4), dice.uniform(80, 160)], -1)
        path = curve(torch.stack([start, mid, low, end], dim=1), 90)
        snap = shell(start, torch.tensor([[4.5, 1.0, 4.5]]).expand(dice.n, 3), 1.0, 60, METAL)
        clouds.append(join([wire(path, 0.9, 0.6 * METAL), snap]).weighted(shown))
    return join(clouds)


def clips(dice: Dice, low: tuple[float, float, float], high: tuple[float, float, float]) -> Cloud:
    """Return a cluster of surgical clips in a box of the body."""
    corner, span = torch.tensor(low), torch.tensor(high) - torch.tensor(low)
    middle = corner + dice.uniform(0, 1, 3) * span
    place = middle[:, None] + dice.normal(0, 14, 9, 3)
    way = dice.normal(0, 1, 9, 3)
    way = way / way.norm(dim=-1, keepdim=True).clamp(min=0.1) * dice.uniform(3, 5, 9, 1)
    t = torch.linspace(-1, 1, 6)[:, None]
    path = place[:, :, None] + way[:, :, None] * t
    shown = (torch.arange(9) < (3 + dice.integers(7))[:, None]).float()
    bits = wire(path, 1.4, METAL)
    return Cloud(bits.points, bits.mass * shown.repeat_interleave(bits.mass.shape[1] // 9, dim=1))


def sternal_wires(dice: Dice) -> Cloud:
    """Return wire loops that hold a breastbone together."""
    turn = torch.linspace(0, 2 * math.pi, 24)
    z = torch.linspace(55, 180, 6)
    path = torch.stack(
        [
            (11 * turn.sin()).expand(6, -1),
            60 + 0.22 * z[:, None] + 7 * turn.cos(),
            z[:, None] + 2.5 * (2 * turn).sin(),
        ],
        dim=-1,
    )
    twist = torch.stack(
        [dice.normal(0, 2, 6), 0 * dice.normal(0, 1, 6), dice.normal(0, 3, 6)], dim=-1
    )
    return wire(path + twist[:, :, None], 1.0, METAL)


def pacemaker(dice: Dice) -> Cloud:
    """Return a box under the collar bone, and its leads to the heart."""
    box = torch.stack(
        [dice.uniform(82, 108), torch.full((dice.n,), 84.0), dice.uniform(45, 75)], dim=-1
    )
    size = torch.stack([dice.uniform(19, 26), dice.uniform(3, 4), dice.uniform(17, 23)], dim=-1)
    can = shell(box, size, 0.8, 900, TITANIUM, core=0.7 * TITANIUM)
    can = can.turned(rotation("y", dice.normal(0, 0.3)), box)
    x, y, z = box.unbind(-1)
    start = [(x - 12, y, z - 14), (x - 30, y - 20, z - 32), (30, 20, 38), (-16, 8, 66)]
    ventricle = [
        *start,
        (-20, 4, 130),
        (0, 30, 185),
        (dice.uniform(38, 62), 52, dice.uniform(190, 215)),
    ]
    atrium = [*start, (-22, 6, 130), (-14, 30, 160), (-18, 46, 140)]
    two = dice.chance(0.6).float()
    return join([
        can,
        wire(_path(dice, ventricle, 150, 2), 1.1, METAL),
        wire(_path(dice, atrium, 120, 2), 1.1, METAL).weighted(two),
    ])  # fmt: skip


def chest_drain(dice: Dice) -> Cloud:
    """Return a wide tube through the chest wall."""
    knots = [(185, 30, 215), (140, 22, 185), (115, 5, 130), (80, -15, dice.uniform(30, 90))]
    path = _flip(dice, _path(dice, knots, 240, 5))
    return tube(path, 4.4, wall=1.3, cortex=3.0 * PLASTIC, core=0.0, around=10)


def belly_drain(dice: Dice) -> Cloud:
    """Return a curled drain in the abdomen."""
    knots = [
        (170, 60, 400),
        (120, 50, 410),
        (75, 30, 430),
        (60, 20, 452),
        (46, 20, 440),
        (58, 20, 424),
    ]
    return wire(_flip(dice, _path(dice, knots, 120, 10)), 2.2, 2.6 * PLASTIC)
