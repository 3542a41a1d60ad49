"""Radiographs of knees.

Frame: x to the outer side of a left knee, y forwards, z down; the origin is the middle of the
joint. Lengths are in mm, of a grown-up.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from firstread.phantoms import shapes
from firstread.phantoms.bones import at, broken, eaten, long_bones, short_bones
from firstread.phantoms.chances import Dice
from firstread.phantoms.flesh import Flesh, flesh
from firstread.phantoms.hardware import plates, screws
from firstread.phantoms.sitting import OLD, Sitter, crop, expose, sitter, view
from firstread.phantoms.solids import METAL, Cloud, Pose, join, rotation
from firstread.phantoms.truth import FAMILIES, Phantoms, answers, findings

THIGH, SHIN = 270.0, 280.0  # mm of femur and tibia that may be seen


def draw(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Draw radiographs of knees.

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
    who = sitter(dice, children=0.2, smallest=0.5)
    profile = dice.chance(0.45)
    # From the side the knee is bent, the front to the right of the picture.
    bent = torch.where(profile, dice.uniform(0.15, 1.0), dice.normal(0.04, 0.04).abs())
    yaw = profile * -math.pi / 2 + dice.normal(0, 0.06 + 0.1 * hard)
    turn = rotation("y", dice.normal(0, 0.05 + 0.15 * hard)) @ rotation("z", yaw)
    worn = torch.where(who.age == OLD, dice.chance(0.55), dice.chance(0.05)) & ~who.child
    replaced = dice.chance(torch.where(who.age == OLD, 0.2, 0.03)) & ~who.child
    worn = worn & ~replaced
    space = torch.where(worn, dice.uniform(0.3, 1.5), dice.uniform(3.5, 5.0)) + 3 * (1 - who.years)
    hinge = torch.stack([0 * bent, 0 * bent - 2, -space / 2 - 16], dim=-1)
    flex = rotation("x", bent)
    hurt, high = dice.chance(0.22) & ~replaced, dice.chance(0.4)
    gap = hurt * dice.uniform(2.2, 5.0)

    thigh = _thigh(dice, who, turn, space, worn, replaced, gap * high)
    shin = _shin(dice, who, turn, space, worn, replaced, gap * ~high)
    cap = _patella(dice, who, turn, bent, space)
    lytic = dice.chance(0.08) & ~replaced
    side = dice.normal(0, 12, 3) + torch.tensor([0.0, 0, 40])
    shin = eaten(shin, side, lytic * dice.uniform(10, 18))
    flecks = dice.chance(0.07 + 0.25 * worn)
    chalk = Cloud(
        dice.normal(0, 1, 70, 3) * torch.tensor([32.0, 22, 3.0]) + torch.tensor([0.0, -4, 0]),
        2.4 * flecks[:, None] * dice.uniform(0, 1, 70),
    )
    upper, lower, held = _hardware(dice, turn, hurt, high, replaced, space)
    bones = join([thigh.turned(flex, hinge), shin, cap, chalk])
    metal = join([upper.turned(flex, hinge), lower])

    focus = torch.stack([0 * bent, profile * bent * 12.0, 0 * bent - 2], dim=-1)
    stand = crop(dice, turn, focus, dice.uniform(190, 290), hard)
    limb = _skin(dice, who, profile, flex, hinge, stand, size)
    cast = dice.chance(0.04 + 0.08 * hurt)
    sheath = (limb.chord(dice.uniform(450, 700)) - limb.chord()) * cast[:, None, None]
    labels = answers(
        n, family=FAMILIES.index("knee"), side=who.right.long(), age=who.age,
        view=torch.where(profile, view("lateral"), view("ap")),
    )  # fmt: skip
    signs = findings(
        n, fracture=hurt, arthrosis=worn, lytic=lytic, calcification=flecks, screws=held,
        prosthesis=replaced, cast=cast,
    )  # fmt: skip
    return expose(
        stand,
        limb,
        bones,
        metal,
        who,
        (labels, signs),
        dice,
        size,
        hard,
        sheath,
        soft_beam=1.5,
        grit=0.9,
    )


def _thigh(
    dice: Dice,
    who: Sitter,
    turn: Tensor,
    space: Tensor,
    worn: Tensor,
    replaced: Tensor,
    gap: Tensor,
) -> Cloud:
    """Return the femur, unbent: a shaft that flares into two condyles, set backwards."""
    n, foot = dice.n, -space / 2
    plate = who.child * (1.0 + 2.5 * (1 - who.years))
    shaft = long_bones(
        shapes.FEMUR_BELOW,
        at(0.0, -2.0, foot - 3 - 6 * replaced, n=n), at(6 + dice.normal(0, 4), 6.0, -THIGH, n=n),
        turn[:, 1], girth=who.girth, bow=torch.tensor([0.0, 5, 0]), wall=who.wall,
        plates=(0.109,), gap=plate, n=165, across=44,
    )  # fmt: skip
    young = (0.72 + 0.28 * who.years) * who.girth
    deep = turn[:, 0, 0].abs()[:, None]  # 1 frontal, 0 from the side
    centre = torch.stack([at(-20.5, -9.0, foot - 18, n=n), at(20.5, -8.0, foot - 17.5, n=n)], dim=1)
    wide, thick = torch.tensor([18.5, 18.0]), torch.tensor([28.0, 27.0])
    axes = torch.stack(
        [thick + deep * (wide - thick), wide + deep * (thick - wide), torch.full((n, 2), 18.0)],
        dim=-1,
    )
    axes = axes * young[:, None, None] * (1 - 0.25 * replaced.float())[:, None, None]
    knobs = short_bones(centre, axes, turn, 0.6 * who.wall[:, None], 0.3, square=2.5, points=900)
    spur = _spurs(dice, turn, worn, foot - 4)
    place = at(0.0, 0.0, dice.uniform(-95, -45), n=n)
    along = normalize(torch.tensor([0.0, 0, -1]) + dice.normal(0, 0.35, 3), dim=-1)
    kink = rotation("x", dice.normal(0, 0.12)) @ rotation("y", dice.normal(0, 0.1))
    return broken(join([shaft, knobs, spur]), place, along, dice.normal(0, 4, 3), kink, gap)


def _spurs(dice: Dice, turn: Tensor, worn: Tensor, height: Tensor) -> Cloud:
    """Return spikes of bone at the rims of the joint, (N,) at height z."""
    n = dice.n
    rim = [at(x, y, height, n=n) for x, y in ((-38, -4), (38, -4), (0, 24), (0, -34))]
    grown = dice.uniform(3.0, 8.0, 4, 1) * torch.tensor([1.2, 1.2, 0.7]) * worn[:, None, None]
    return short_bones(torch.stack(rim, dim=1), grown, turn, 1.0 * worn[:, None], points=50)


def _shin(
    dice: Dice,
    who: Sitter,
    turn: Tensor,
    space: Tensor,
    worn: Tensor,
    replaced: Tensor,
    gap: Tensor,
) -> Cloud:
    """Return tibia and fibula: a plateau with two spines, and the tubercle in front."""
    n, head = dice.n, space / 2 + 6 * replaced
    plate = who.child * (1.0 + 2.0 * (1 - who.years))
    looks: dict[str, Any] = {"wall": who.wall, "gap": plate, "girth": who.girth, "beam": turn[:, 1]}
    tibia = long_bones(
        shapes.TIBIA_ABOVE, at(0.0, -5.0, head, n=n), at(dice.normal(-2, 4), -6.0, SHIN, n=n),
        bow=torch.tensor([0.0, 4, 0]), plates=(0.061,), n=165, across=44, **looks,
    )  # fmt: skip
    fibula = long_bones(
        shapes.FIBULA_ABOVE, at(33.0, -22.0, head + 11, n=n),
        at(29 + dice.normal(0, 3), -16.0, SHIN, n=n),
        plates=(0.063,), n=165, across=12, **looks,
    )  # fmt: skip
    grown = (0.4 + 0.6 * who.years)[:, None, None]
    knobs = short_bones(
        torch.stack(
            [at(x, y, head + z, n=n) for x, y, z in ((-5, -6, -1.5), (5.5, -6, -1), (3, 19, 38))],
            dim=1,
        ),
        torch.tensor([[3.2, 5, 5.5], [3.2, 5, 5.0], [6.0, 6, 16]]) * grown,
        turn, 0.8 * who.wall[:, None], square=2.0, points=110,
    )  # fmt: skip
    hard_rim = worn[:, None] * torch.tensor([2.6, 2.6])
    sclerosis = short_bones(
        torch.stack([at(-20.0, -5.0, head + 3, n=n), at(20.0, -5.0, head + 3, n=n)], dim=1),
        torch.tensor([[15.0, 17, 3.0], [15, 17, 3]]).expand(n, 2, 3) * worn[:, None, None],
        turn, 0.0, hard_rim, points=130,
    )  # fmt: skip
    spur = _spurs(dice, turn, worn, head + 4)
    place = at(0.0, 0.0, dice.uniform(18, 90), n=n)
    along = normalize(torch.tensor([0.0, 0, 1]) + dice.normal(0, 0.4, 3), dim=-1)
    kink = rotation("x", dice.normal(0, 0.1)) @ rotation("y", dice.normal(0, 0.1))
    return broken(
        join([tibia, fibula, knobs, sclerosis, spur]),
        place,
        along,
        dice.normal(0, 3.5, 3),
        kink,
        gap,
    )


def _patella(dice: Dice, who: Sitter, turn: Tensor, bent: Tensor, space: Tensor) -> Cloud:
    """Return the kneecap: it glides down before the femur as the knee bends."""
    grown = ((who.years - 0.15) / 0.6).clamp(0, 1)
    slide = rotation("x", 0.55 * bent)
    rest = at(2.0, 34.5, -30.0 - space / 2 + dice.normal(0, 4), n=dice.n)
    about = torch.tensor([0.0, 0, -16])
    centre = ((rest - about)[:, None] @ slide.mT)[:, 0] + about
    side = turn[:, 0, 1].abs()[:, None]
    axes = torch.tensor([21.0, 9.5, 22]) + side * torch.tensor([-11.5, 11.5, 0.0])
    axes = axes * (grown * who.girth)[:, None]
    # From the side the patella leans with the thigh, seen with the front on the right.
    roll = (-0.55 * bent * side[:, 0])[:, None]
    return short_bones(
        centre[:, None], axes[:, None], turn, 1.1 * (who.wall * grown.sign())[:, None], 0.9,
        roll, square=2.5, points=420,
    )  # fmt: skip


def _skin(
    dice: Dice, who: Sitter, profile: Tensor, flex: Tensor, hinge: Tensor, stand: Pose, size: int
) -> Flesh:
    """Return thigh, knee and calf."""
    n = dice.n
    thigh = torch.stack([at(0.0, 4.0, -350.0, n=n), at(0.0, 4.0, -30.0, n=n)], dim=1)
    front = torch.stack([at(0.0, 12.0, -60.0, n=n), at(0.0, 11.0, -22.0, n=n)], dim=1)
    thigh, front = ((v - hinge[:, None]) @ flex.mT + hinge[:, None] for v in (thigh, front))
    calf = torch.stack([at(2.0, -8.0, 0.0, n=n), at(2.0, -14.0, 110.0, n=n)], dim=1)
    below = torch.stack([at(2.0, -14.0, 110.0, n=n), at(2.0, -8.0, 350.0, n=n)], dim=1)
    ends = torch.stack([thigh, front, calf, below], dim=1)
    bulk = who.bulk[:, None, None]
    wide = torch.tensor([[80.0, 54], [40, 36], [50, 57], [57, 40]]) * bulk

    return flesh(ends, wide, 0.95 * wide, stand, size, blend=10.0 * float(bulk.max().sqrt()))


def _hardware(
    dice: Dice, turn: Tensor, hurt: Tensor, high: Tensor, replaced: Tensor, space: Tensor
) -> tuple[Cloud, Cloud, Tensor]:
    """Return metal in the thigh and in the shin, and whose knee holds screws, (N,) bool."""
    n = dice.n
    held = dice.chance(0.08 + 0.4 * hurt.float()) & ~replaced
    foot, head = -space / 2, space / 2
    z = torch.tensor([16.0, 24, 32, 62, 78, 94, 110])
    entry = torch.stack([33.0 - (z / 9), 0 * z, z], dim=-1) + dice.normal(0, 1.5, 7, 3)
    reach = torch.tensor([62.0, 60, 56, 34, 30, 30, 30]) * dice.uniform(0.9, 1.05, 7)
    exit_ = entry - torch.stack([reach, 0 * reach, 0.05 * reach], dim=-1)
    ahead = torch.tensor([[[0.0, 1, 0]]]).expand(n, 1, 3)
    bar = plates(
        at(35.0, 0.0, 10.0, n=n)[:, None], at(18.0, 0.0, 118.0, n=n)[:, None], ahead, 15.0, 3.5, 8
    )
    shin = join([screws(entry, exit_, 2.0), bar])
    thigh = Cloud(shin.points * torch.tensor([1.0, 1, -1]) + torch.tensor([4.0, 0, -8]), shin.mass)
    # A prosthesis: two runners on the femur, a tray with a stem in the tibia.
    deep = turn[:, 0, 0].abs()[:, None]
    runner = torch.stack([at(-20.0, -7.0, foot - 15, n=n), at(20.0, -7.0, foot - 15, n=n)], dim=1)
    tilt = torch.stack([28 - 10 * deep, 18 + 10 * deep, 18 + 0 * deep], dim=-1)
    skid = short_bones(runner, tilt.expand(n, 2, 3), turn, 0.0, 0.0, points=1200)
    # Only its lower and hinder wall is metal.
    low = (skid.points[..., 2] - (foot - 15)[:, None]) / 18
    edge = (low + 0.25 * (skid.points[..., 1].abs() > 20)) > 0.1
    spot = METAL * 12 * 18 * 24 * 3.14 / 1200
    skid = Cloud(skid.points, edge * spot * 0.6)
    tray = short_bones(
        at(0.0, -4.0, head + 3.5, n=n)[:, None], at(25 + 13 * deep[:, 0], 30.0, 2.4, n=n)[:, None],
        turn, 0.0, 1.0, square=6.0, points=700,
    )  # fmt: skip
    tray = Cloud(tray.points, torch.full_like(tray.mass, METAL * 20 * 76 * 4.8 / 700))
    stem = screws(
        at(0.0, -4.0, head + 5, n=n)[:, None], at(0.0, -5.0, head + 52, n=n)[:, None], 4.5
    )
    up = join([thigh.weighted(held & high), skid.weighted(replaced)])
    down = join([shin.weighted(held & ~high), tray.weighted(replaced), stem.weighted(replaced)])
    return up, down, held
