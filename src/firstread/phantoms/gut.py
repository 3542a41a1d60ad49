"""Organs of the belly, and the gas and stool in stomach and bowel."""

from __future__ import annotations

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import curve
from firstread.phantoms.solids import (
    FAT,
    MUSCLE,
    VISCERA,
    Cloud,
    Ellipsoids,
    Pose,
    ellipsoids,
    project,
    rotation,
)
from firstread.phantoms.trunk import Habitus, levels


def organs(body: Habitus, dice: Dice, n: int) -> Ellipsoids:
    """Return liver, spleen, kidneys, bladder and psoas muscles; at times a kidney is absent."""
    w, down, more = body.width, body.breath, 0.0013
    kidney, psoas = more * ~dice.chance(0.05), 1.1 * (MUSCLE - FAT)
    rows: list[tuple[Tensor | float, ...]] = [
        (-62 * w, 10, 283 + down, 78 * w, 80, 72 + dice.normal(0, 8), more, 0.35),
        (98 * w, -20, 283 + down, 34, 40, 52, more, 0.2),
        (-58, -30, 338 + 0.4 * down, 28, 30, 56, more, 0.22),
        (60, -30, 322 + 0.4 * down, 28, 30, 57, kidney, -0.22),
        (0, 40, 545, 44, 40, dice.uniform(18, 40), more),
        (-58, -34, 425, 25, 22, 150, psoas, 0.26),
        (58, -34, 425, 25, 22, 150, psoas, -0.26),
    ]
    return ellipsoids(*rows, n=n)


def stomach(body: Habitus, dice: Dice, upright: Tensor, stand: Pose, size: int) -> Tensor:
    """Return the thickness (mm) of gas in the stomach; standing, it ends at a fluid level."""
    level = 262 + body.breath + dice.normal(0, 5)
    size_x, size_z = dice.uniform(18, 42), dice.uniform(9, 20)
    full = dice.chance(0.7).float()
    row = (62 * body.width, 5, level, size_x, 26, size_z, full)
    gas = project(ellipsoids(row, n=dice.n), stand, size)
    flat = ((level + 0.3 * size_z)[:, None] - levels(stand, size)) / 1.5
    return gas * torch.where(upright[:, None], flat.clamp(0, 1), 1.0)[..., None]


def colon(body: Habitus, dice: Dice) -> Tensor:
    """Return points (N, 500, 3) along the large bowel, from the caecum to the rectum."""
    up = 285 + 0.7 * body.breath
    knots = torch.tensor([
        (-88, 10, 455), (-104, -5, 400), (-100, -10, 45), (-50, 50, 330), (20, 62, 342),
        (75, 40, 30), (108, -10, 0), (112, -20, 370), (104, -10, 430), (60, 10, 480), (15, 10, 470),
        (0, -20, 520), (0, -35, 555),
    ]).float()  # fmt: skip
    jitter = dice.normal(0, 8, 13, 3)
    # The transverse colon sags as it will.
    jitter[:, 3:5, 2] += dice.normal(0, 22)[:, None]
    knots = knots + jitter
    for bend in (2, 5, 6):
        knots[:, bend, 2] += up
    wide = torch.stack([body.width, torch.ones(dice.n), torch.ones(dice.n)], dim=-1)
    return curve(knots * wide[:, None], 500)


def pockets(
    path: Tensor,
    dice: Dice,
    loops: int,
    each: int,
    radius: Tensor,
    run: int,
    shown: Tensor,
    whole: Tensor,
) -> Ellipsoids:
    """Return gas pockets strung along a gut, one a haustrum, with gaps.

    Parameters
    ----------
    path : Tensor
        (N, P, 3) points along the gut, or (N, loops, P, 3), mm.
    radius : Tensor
        (N, loops) mm.
    run : int
        Points of the path from one pocket to the next.
    shown : Tensor
        (N, loops) bool.
    whole : Tensor
        (N,) bool: full of gas all along.
    """
    n, most = dice.n, path.shape[-2]
    first = dice.integers(most - run * 2, loops)
    index = first[..., None] + run * torch.arange(each)
    inside = index < most
    index = index.clamp(max=most - 1)
    if path.ndim == 3:
        path = path[:, None].expand(n, loops, most, 3)
    place = path.gather(2, index[..., None].expand(n, loops, each, 3))
    size = (
        radius[..., None, None]
        * dice.uniform(0.7, 1.2, loops, each, 3)
        * torch.tensor([1.0, 0.8, 1.0])
    )
    place = place + 0.12 * radius[..., None, None] * dice.normal(0, 1, loops, each, 3)
    # A loop holds gas over a stretch, and lacks some pockets.
    long = torch.arange(each) < (2 + dice.integers(each - 1, loops))[..., None]
    full = inside & (long | whole[:, None, None]) & dice.chance(0.9, loops, each) & shown[..., None]
    turn = rotation("y", dice.uniform(0, 3.1, loops * each))
    return Ellipsoids(place.flatten(1, 2), size.flatten(1, 2), turn, full.flatten(1).float())


def stool(path: Tensor, dice: Dice, stretches: int = 4, bubbles: int = 110) -> Cloud:
    """Return the bubbles in stool, as clouds of a few points each."""
    n = dice.n
    first = dice.integers(400, stretches)
    index = (first[..., None] + dice.integers(95, stretches, bubbles)).flatten(1)
    place = path.gather(1, index[..., None].expand(-1, -1, 3)) + dice.normal(
        0, 9, index.shape[1], 3
    )
    radius = dice.uniform(1.2, 4.4, index.shape[1])
    shown = dice.chance(0.55, stretches).float().repeat_interleave(bubbles, dim=1)
    points = place[:, :, None] + 0.7 * radius[..., None, None] * dice.normal(
        0, 0.6, index.shape[1], 4, 3
    )
    mass = -VISCERA * 4.19 / 4 * radius**3 * shown
    return Cloud(points.flatten(1, 2), mass[..., None].expand(n, -1, 4).flatten(1))


def bowel(
    body: Habitus, dice: Dice, dilated: Tensor, stand: Pose, size: int
) -> tuple[Tensor, Tensor]:
    """Return the thickness (mm) of gas in the bowel, and what stool changes, each (N, S, S).

    Where ``dilated`` (N,), loops of small bowel are wide, many and lie like a stack of tyres.
    """
    way = colon(body, dice)
    wide, narrow = dice.uniform(10, 20, 5), dice.uniform(5, 10, 6)
    narrow = torch.where(dilated[:, None], dice.uniform(14, 22, 6), narrow)
    shown = dice.chance(torch.where(dilated, 0.3, 0.65)[:, None], 5)
    large = project(pockets(way, dice, 5, 13, wide, 8, shown, dice.chance(0.1)), stand, size)
    middle = torch.stack(
        [dice.uniform(-70, 70, 6), dice.uniform(0, 60, 6), dice.uniform(330, 480, 6)], dim=-1
    )
    # A dilated loop runs across the belly; others are short and lie any way.
    reach = torch.where(
        dilated[:, None, None], torch.tensor([60.0, 5, 10]), torch.tensor([24.0, 8, 16])
    )
    swing = dice.normal(0, 1, 6, 3, 3) * reach[:, None]
    line = (
        torch.linspace(-1, 1, 3)[:, None]
        * torch.tensor([75.0, 0, 10])
        * dilated[:, None, None, None]
    )
    loops = curve(middle[:, :, None] + 0.7 * swing + line, 90)
    some = dice.chance(torch.where(dilated, 0.95, 0.5)[:, None], 6)
    small = project(pockets(loops, dice, 6, 9, narrow, 9, some, dilated), stand, size)
    # Loops lie beside each other in the depth of the belly: their gas doesn't pile up for ever.
    gas = 55 * torch.tanh(large / 55) + 45 * torch.tanh(small / 45)
    return 60 * torch.tanh(gas / 60), project(stool(way, dice), stand, size)


def stones(dice: Dice, present: Tensor) -> Ellipsoids:
    """Return one to three stones in a kidney, a ureter, the gall bladder or the bladder."""
    spots = torch.tensor([
        (-58.0, -30, 338), (60, -30, 322), (-42, -30, 400), (40, -30, 410),
        (-60, 40, 345), (0, 40, 548),
    ])  # fmt: skip
    place = spots[dice.integers(len(spots))][:, None] + dice.normal(0, 8, 3, 3)
    axes = dice.uniform(3.5, 9, 3)[..., None] * dice.uniform(0.7, 1.2, 3, 3)
    shown = present[:, None] & (torch.arange(3) <= dice.integers(3)[:, None])
    return Ellipsoids(
        place, axes, rotation("y", dice.normal(0, 1, 3)), shown * dice.uniform(0.04, 0.08, 3)
    )


def free_gas(body: Habitus, dice: Dice, present: Tensor, stand: Pose, size: int) -> Tensor:
    """Return the thickness (mm) of gas under the right dome, where it gathers as one stands."""
    w, top = body.width, 228 + body.breath
    row = (-58 * w, 10, top + 66, 81 * w, 102, 62, present.float())
    dome = project(ellipsoids(row, n=dice.n), stand, size)
    level = top + dice.uniform(16, 34)
    under = torch.sigmoid((level[:, None] - levels(stand, size)) / 1.5)[..., None]
    return dome.clamp(max=30) * under
