"""Radiographs of shoulders, from the front.

Frame: x to the outer side of a left shoulder, y forwards, z down; the origin is the middle of the
head of the arm bone. Lengths are in mm, of a grown-up.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from firstread.phantoms import shapes
from firstread.phantoms.bones import at, bent_bones, broken, eaten, long_bones, short_bones
from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import curve, plate
from firstread.phantoms.flesh import Flesh, flesh
from firstread.phantoms.hardware import pacemaker, pins, plates, screws
from firstread.phantoms.sitting import OLD, Sitter, crop, expose, sitter, view
from firstread.phantoms.solids import (
    METAL,
    Cloud,
    Pose,
    ellipsoids,
    join,
    project,
    rotation,
)
from firstread.phantoms.truth import FAMILIES, Phantoms, answers, findings

MIDLINE = -178.0  # x of the patient's midline


def draw(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Draw radiographs of shoulders.

    Parameters
    ----------
    n, size : int
        How many, and their side in pixels.
    generator : torch.Generator
        Where every random number comes from.
    hard : float
        How far pictures may stray from plain ones, 0 to 1.
    """
    dice = Dice(n, generator)
    who = sitter(dice, children=0.15, smallest=0.5)
    turn = rotation("x", dice.normal(0, 0.08)) @ rotation("z", dice.normal(0.0, 0.1 + 0.1 * hard))
    turn = rotation("y", dice.normal(0, 0.04 + 0.14 * hard)) @ turn
    worn = (who.age == OLD) & dice.chance(0.45)
    replaced = dice.chance(torch.where(who.age == OLD, 0.15, 0.03)) & ~who.child
    worn = worn & ~replaced
    lifted = dice.uniform(0.02, 0.35) + dice.chance(0.15) * dice.uniform(0.2, 0.9)
    swing = rotation("y", -lifted)
    hurt, of_arm = dice.chance(0.22) & ~replaced, dice.chance(0.6)
    gap = hurt * dice.uniform(2.2, 5.0)
    apart = dice.chance(0.06) & ~replaced & ~hurt

    arm = _arm(dice, who, turn, worn, replaced, gap * of_arm)
    lytic = dice.chance(0.08) & ~replaced
    arm = eaten(arm, at(8.0, 0.0, dice.uniform(10, 60), n=n), lytic * dice.uniform(8, 15))
    held, inside, outside = _hardware(dice, hurt & of_arm, hurt & ~of_arm, replaced)
    slip = apart[:, None] * torch.tensor([-22.0, 15, 26]) + at(
        torch.where(worn, -3.5, 0.0), 0.0, dice.normal(0, 1.2), n=n
    )
    arm, inside = (part.turned(swing).moved(slip) for part in (arm, inside))
    flecks = dice.chance(0.08 + 0.1 * worn)
    chalk = Cloud(
        dice.normal(0, 1, 60, 3) * torch.tensor([7.0, 4, 2.5]) + torch.tensor([13.0, 0, -27]),
        3.0 * flecks[:, None] * dice.uniform(0, 1, 60),
    )
    place = at(-88 + dice.normal(0, 8), 70.0, 22 + dice.normal(0, 8), n=n)
    midline = at(MIDLINE, 0.0, 0.0, n=n)
    paced = dice.chance(torch.where(who.age == OLD, 0.12, 0.02))
    bones = join([arm, _blade(dice, who, turn), _collarbone(dice, who, turn, gap * ~of_arm)])
    bones = join([bones, _cage(dice, who, turn), chalk])
    metal = join([inside, outside, pacemaker(place, midline, turn).weighted(paced)])

    focus = at(dice.uniform(-42, -18), 0.0, dice.uniform(20, 45), n=n)
    stand = crop(dice, turn, focus, dice.uniform(205, 270), hard)
    limb = _skin(dice, who, swing, slip, stand, size)
    lung = ellipsoids(
        (MIDLINE + 62, 0, 128 + dice.normal(0, 8), 50, 62, dice.uniform(138, 156), 1.0, 0.06), n=n
    )
    gas = project(lung, stand, size)
    labels = answers(
        n, family=FAMILIES.index("shoulder"), side=who.right.long(), age=who.age, view=view("ap")
    )
    signs = findings(
        n, fracture=hurt, arthrosis=worn, lytic=lytic, calcification=flecks, screws=held,
        prosthesis=replaced, pacemaker=paced, dislocation=apart,
    )  # fmt: skip
    return expose(
        stand, limb, bones, metal, who, (labels, signs), dice, size, hard, gas=gas, soft_beam=1.35,
        grit=0.8,
    )  # fmt: skip


def _arm(
    dice: Dice, who: Sitter, turn: Tensor, worn: Tensor, replaced: Tensor, gap: Tensor
) -> Cloud:
    """Return the arm bone, hanging: a ball that looks inwards, two tubercles, and the shaft."""
    n = dice.n
    plate_ = who.child * (1.0 + 2.5 * (1 - who.years))
    looks: dict[str, Any] = {"girth": who.girth, "wall": who.wall, "beam": turn[:, 1]}
    shaft = long_bones(
        shapes.HUMERUS, at(5.0, 0.0, 4.0, n=n), at(14.0, 0.0, 340.0, n=n), n=200, across=26,
        plates=(0.051,), gap=plate_, **looks,
    )  # fmt: skip
    intern = dice.uniform()[:, None, None]
    small = torch.tensor([[16.0, 0, -4], [6, 16, 2]]) + intern * torch.tensor(
        [[-5.0, 8, 0], [-10.0, 0, 2]]
    )
    ball = short_bones(
        at(-2.0, 0.0, 0.0, n=n)[:, None],
        (torch.tensor([23.0, 23, 23]) * (who.girth * (1 - replaced.float()))[:, None])[:, None],
        turn, (0.9 * who.wall * ~replaced)[:, None], 0.55, square=2.0, points=900,
    )  # fmt: skip
    # Where the ball sits on the shaft it has no wall of its own.
    seat = ball.points @ torch.tensor([0.45, 0.0, 0.9])
    ball = ball.weighted(0.25 + 0.75 * torch.sigmoid((9 - seat) / 3))
    grown = (0.5 + 0.5 * who.years) * who.girth
    knobs = short_bones(
        small, torch.tensor([[10.5, 12, 15], [7, 8, 10]]) * grown[:, None, None], turn,
        0.7 * who.wall[:, None], 0.5, square=2.2, points=300,
    )  # fmt: skip
    spur = short_bones(
        at(-18.0, 0.0, 22.0, n=n)[:, None],
        torch.tensor([[[7.0, 6, 4.5]]]) * (worn * dice.uniform(0.9, 1.7))[:, None, None],
        turn, 1.2 * worn[:, None], points=110,
    )  # fmt: skip
    place = at(0.0, 0.0, 22 + dice.chance(0.35) * dice.uniform(20, 90), n=n)
    along = normalize(torch.tensor([0.0, 0, 1]) + dice.normal(0, 0.3, 3), dim=-1)
    kink = rotation("x", dice.normal(0, 0.15)) @ rotation("y", dice.normal(0, 0.18))
    return broken(join([shaft, ball, knobs, spur]), place, along, dice.normal(0, 4, 3), kink, gap)


def _blade(dice: Dice, who: Sitter, turn: Tensor) -> Cloud:
    """Return the shoulder blade: thin between thick borders, with spine, acromion and coracoid."""
    n = dice.n
    looks: dict[str, Any] = {"wall": who.wall, "beam": turn[:, 1]}
    tip = torch.tensor([-72.0, -48, 116]) + dice.normal(0, 6, 3)
    top = torch.tensor([-84.0, -38, -26]) + dice.normal(0, 4, 3)
    neck = torch.tensor([-32.0, -8, 20]).expand(n, 3)
    notch = torch.tensor([-44.0, -14, -18]).expand(n, 3)
    back = torch.tensor([-97.0, -48, 16]) + dice.normal(0, 4, 3)
    medial = curve(torch.stack([top, back, tip], dim=1), 90)
    lateral = curve(torch.stack([notch, neck + torch.tensor([-4.0, 0, 2]), tip], dim=1), 90)
    sheet = plate(medial, lateral, -8.0, (1.8, 1.4, 1.1, 1.4, 2.6), 34).weighted(who.wall)
    border = curve(
        torch.stack([tip, 0.5 * (tip + neck) + torch.tensor([4.0, 0, 4]), neck], dim=1), 80
    )
    rims = [
        bent_bones(shapes.BORDER, border, across=9, **looks),
        bent_bones(shapes.THIN_BORDER, medial, across=5, **looks),
        bent_bones(
            shapes.THIN_BORDER, curve(torch.stack([top, notch], dim=1), 34), across=5, **looks
        ),
    ]
    ridge = torch.stack(
        [
            back,
            at(-52.0, -46.0, -4.0, n=n),
            at(-10.0, -42.0, -32.0, n=n),
            at(14.0, -14.0, -38.0, n=n),
        ],
        dim=1,
    )
    hook = torch.stack(
        [at(-40.0, -4.0, -12.0, n=n), at(-36.0, 16.0, -24.0, n=n), at(-20.0, 32.0, -14.0, n=n)],
        dim=1,
    )
    rims += [
        bent_bones(shapes.SCAPULAR_SPINE, curve(ridge, 90), across=14, **looks),
        bent_bones(shapes.CORACOID, curve(hook, 40), across=16, up=(0.0, 0.6, 0.8), **looks),
    ]
    socket = short_bones(
        at(-31.0, -4.0, 2.0, n=n)[:, None], torch.tensor([[[5.5, 13, 19.0]]]).expand(n, 1, 3), turn,
        1.3 * who.wall[:, None], 0.7, 0.12, square=2.4, points=420,
    )  # fmt: skip
    whole = join([sheet, *rims, socket])
    return whole.turned(rotation("y", dice.normal(0, 0.08)), at(-30.0, 0.0, 0.0, n=n))


def _collarbone(dice: Dice, who: Sitter, turn: Tensor, gap: Tensor) -> Cloud:
    """Return the clavicle, an S from the breastbone to the acromion."""
    n, lift = dice.n, dice.normal(0, 9)
    knots = torch.stack(
        [
            at(MIDLINE + 14, 62.0, 4 + lift, n=n), at(-122.0, 72.0, -10 + 0.8 * lift, n=n),
            at(-62.0, 40.0, -35 + 0.4 * lift, n=n), at(-6.0, -4.0, -42.0, n=n),
        ],
        dim=1,
    )  # fmt: skip
    bone = bent_bones(
        shapes.CLAVICLE,
        curve(knots, 120),
        turn[:, 1],
        who.girth,
        who.wall,
        across=14,
        up=(0.0, 0.0, 1.0),
    )
    place = at(dice.uniform(-110, -35), 0.0, 0.0, n=n)
    along = normalize(torch.tensor([-1.0, 0, 0]) + dice.normal(0, 0.35, 3), dim=-1)
    shift = dice.normal(0, 3, 3) + torch.tensor([4.0, 0, -8])
    return broken(bone, place, along, shift, rotation("y", dice.normal(0, 0.12)), gap)


def _cage(dice: Dice, who: Sitter, turn: Tensor) -> Cloud:
    """Return the upper ribs of this side, and the edge of the thoracic spine."""
    n, k = dice.n, torch.arange(7)[:, None]
    half = torch.tensor([56.0, 82, 100, 110, 116, 120, 123])[:, None]
    deep = torch.tensor([44.0, 58, 70, 80, 86, 92, 96])[:, None]
    fall = torch.tensor([52.0, 74, 94, 110, 124, 136, 146])[:, None]
    t = torch.linspace(0.06, 0.82, 170)
    x = MIDLINE + half * (math.pi * t).sin()
    y = -deep * (math.pi * t).cos()
    z = -22.0 + 23 * k + fall * t**1.7 - 5 * (2 * math.pi * t).sin()
    path = torch.stack([x, y, z], dim=-1)[None] + dice.normal(0, 1.2, 7, 1, 1) * torch.tensor(
        [0.0, 0, 1]
    )
    path = path + dice.normal(0, 5, 1, 1, 3) * torch.tensor([1.0, 0, 1])
    ribs = bent_bones(
        shapes.RIB, path, turn[:, 1], wall=who.wall[:, None], across=4, up=(0.0, 0.0, 1.0)
    )
    levels = torch.arange(11) * 22.0 - 60
    row = torch.stack([torch.full((11,), MIDLINE), torch.full((11,), -50.0), levels], dim=-1)
    spine = short_bones(
        row.expand(n, 11, 3), torch.tensor([17.0, 15, 9.5]).expand(n, 11, 3), turn,
        1.2 * who.wall[:, None], 0.8, square=3.5, points=150,
    )  # fmt: skip
    return join([ribs, spine])


def _skin(dice: Dice, who: Sitter, swing: Tensor, slip: Tensor, stand: Pose, size: int) -> Flesh:
    """Return neck, trunk, shoulder and arm."""
    n = dice.n
    arm = torch.stack([at(6.0, 0.0, 6.0, n=n), at(16.0, 0.0, 130.0, n=n)], dim=1)
    lower = torch.stack([at(16.0, 0.0, 130.0, n=n), at(18.0, 0.0, 390.0, n=n)], dim=1)
    arm, lower = (v @ swing.mT + 0.4 * slip[:, None] for v in (arm, lower))
    fixed = torch.tensor(
        [
            [[MIDLINE, 0, 70], [MIDLINE, 0, 330]], [[MIDLINE + 40, 0, 12], [-6, 0, -4]],
            [[MIDLINE, 0, -10], [MIDLINE, 0, -180]], [[MIDLINE + 20, 0, -24], [-20, 0, -6]],
        ]
    ).expand(n, 4, 2, 3)  # fmt: skip
    ends = torch.cat([torch.stack([arm, lower], dim=1), fixed], dim=1)
    wide = torch.tensor([[48.0, 46], [46, 40], [143, 158], [66, 50], [60, 58], [52, 44]])
    deep = torch.tensor([[48.0, 46], [46, 40], [80, 95], [62, 50], [60, 58], [50, 46]])
    bulk = who.bulk[:, None, None]
    return flesh(ends, wide * (0.5 + 0.5 * bulk), deep * bulk, stand, size, blend=16.0)


def _hardware(
    dice: Dice, arm: Tensor, collar: Tensor, replaced: Tensor
) -> tuple[Tensor, Cloud, Cloud]:
    """Return who has screws, (N,) bool, then the metal of the arm and that of the trunk."""
    n = dice.n
    held = dice.chance(0.05 + 0.45 * (arm | collar).float()) & ~replaced
    high = held & (arm | (~collar & dice.chance(0.5)))
    ahead = torch.tensor([[[0.0, 1, 0]]]).expand(n, 1, 3)
    bar = plates(
        at(21.0, 2.0, -8.0, n=n)[:, None], at(23.0, 2.0, 92.0, n=n)[:, None], ahead, 13.0, 3.0, 8
    )
    z = torch.tensor([-6.0, 3, 12, 22, 56, 68, 80])
    entry = torch.stack([0.02 * z + 22, 0 * z, z], dim=-1) + dice.normal(0, 1.2, 7, 3)
    reach = torch.tensor([36.0, 40, 38, 34, 28, 28, 28])
    exit_ = entry - torch.stack([reach, 0 * reach, 0.35 * reach * (z < 30)], dim=-1)
    fixed = join([bar, screws(entry, exit_, 1.8)])
    stem = pins(at(6.0, 0.0, 4.0, n=n)[:, None], at(12.5, 0.0, 120.0, n=n)[:, None], 5.5, 160, 12)
    ball = short_bones(
        at(-4.0, 0.0, -1.0, n=n)[:, None], torch.tensor([[[23.0, 23, 23]]]).expand(n, 1, 3),
        torch.eye(3).expand(n, 3, 3), 0.0, square=2.0, points=1500,
    )  # fmt: skip
    flat = (ball.points[..., 0] + 0.6 * ball.points[..., 2] < 6).float()
    cup = Cloud(ball.points, flat * METAL * 18 * math.pi * 23 * 23 / 1500)
    joint = join([stem, cup]).weighted(replaced)
    across = torch.tensor([[[0.0, 0.5, 0.86]]]).expand(n, 1, 3)
    t = torch.linspace(0.1, 0.9, 6)[:, None]
    start, end = at(-118.0, 76.0, -12.0, n=n)[:, None], at(-44.0, 34.0, -40.0, n=n)[:, None]
    bolt = start * (1 - t) + end * t
    collarbone = join(
        [
            plates(start, end, across, 9.0, 2.5, 6),
            screws(bolt, bolt + torch.tensor([0.0, -4, 14]), 1.4),
        ]
    )
    return held, join([fixed.weighted(high), joint]), collarbone.weighted(held & ~high)
