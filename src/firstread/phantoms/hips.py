"""Hip bones, sacrum and thigh bones, and the metal that replaces or mends them."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import curve, plate, profile, shell, tube, wire
from firstread.phantoms.solids import METAL, Cloud, join, rotation
from firstread.phantoms.trunk import Habitus

HEAD = (92.0, 5.0, 536.0)
_FLAT = (0.0, 0.0, 1.0)


@cache
def _hip() -> Cloud:
    """Return the left hip bone."""
    line = curve([[(50, -62, 440), (58, -45, 465), (72, -15, 500), (92, 10, 518)]], 64)
    rim = curve([[(40, -78, 424), (66, -62, 396), (100, -20, 384), (125, 22, 404), (130, 50, 438),
                  (120, 54, 474), (108, 38, 502), (112, 20, 520)]], 64)  # fmt: skip
    brim = curve([[(52, -50, 452), (66, -30, 490), (70, 0, 525), (52, 35, 556), (8, 52, 566)]], 60)
    turn = torch.linspace(2.2, 4.9, 40)
    arc = torch.stack([turn.cos(), 0.35 * turn.cos(), turn.sin()], dim=-1)
    ischium = curve(
        [[(82, -18, 556), (66, -30, 588), (52, -25, 606), (34, 5, 602), (9, 45, 588)]], 44
    )
    return join([
        plate(line, rim, -14, (7.0, 5.0, 3.0, 3.4, 5.5), 42),
        tube(rim, 3.0, wall=1.2, around=5),
        tube(brim, 5.0, 2.5, 1.5),
        tube((torch.tensor(HEAD) + 27 * arc)[None], 9.0, 2.4, 1.5),
        tube(curve([[(70, 5, 548), (44, 32, 556), (9, 48, 572)]], 34), 6.0, 7.0, 1.2),
        tube(ischium, 9.0, 8.5, 1.3, around=9),
        tube(curve([[(8, 48, 568), (8, 47, 580), (8, 46, 592)]], 14), 7.0, 6.0, 1.2, up=_FLAT),
    ])  # fmt: skip


@cache
def _femur() -> tuple[Cloud, Cloud]:
    """Return the head and neck of the left thigh bone, and its shaft with the trochanters."""
    path = curve(
        [[(124, -10, 533), (131, -8, 560), (133, -5, 620), (130, -2, 700), (126, 0, 800)]], 150
    )
    z = path[0, :, 2].contiguous()
    level, value = (
        torch.tensor([533.0, 538, 550, 575, 620, 800]),
        torch.tensor([3.0, 9, 15, 19, 15, 13.5]),
    )
    k = torch.searchsorted(level, z).clamp(1, 5)
    share = (z - level[k - 1]) / (level[k] - level[k - 1])
    girth = value[k - 1] + share * (value[k] - value[k - 1])
    wall = 0.8 + 3.4 * ((z - 560) / 60).clamp(0, 1)
    neck = curve([[HEAD, (112, 0, 548), (128, -5, 566)]], 24)
    small = curve([[(116, -22, 586), (112, -26, 596), (118, -20, 610)]], 12)
    upper = [
        shell(torch.tensor([HEAD]), torch.full((1, 3), 23.5), 0.8, 420, core=0.005),
        tube(neck, 14.0, 15.0, 1.0, around=14),
    ]
    lower = [
        tube(path, girth, wall=wall, core=0.0015, around=18),
        tube(small, 6.0, wall=0.8, up=_FLAT),
    ]
    return join(upper), join(lower)


@cache
def _sacrum() -> Cloud:
    """Return sacrum and tail bone."""
    t = torch.linspace(0, 1, 50)
    mid = torch.stack([0 * t, -66 - 26 * (math.pi * t).sin(), 436 + 98 * t], dim=-1)
    side = torch.stack([50 * (1 - t) ** 0.8 + 10, mid[:, 1], mid[:, 2] - 8 * (1 - t)], dim=-1)
    wing = plate(mid[None], side[None], 8, (3.0, 2.0, 2.6, 2.0, 2.6), 26)
    core = curve([[(0, -52, 440), (0, -74, 472), (0, -84, 506), (0, -70, 540), (0, -52, 562)]], 60)
    arc = torch.stack([(math.pi * t).cos(), 0 * t, -0.7 * (math.pi * t).sin()], dim=-1)[::3]
    holes = torch.stack(
        [6.5 * arc + torch.tensor([25 - 3.5 * k, -70, 454 + 20 * k]) for k in range(4)]
    )
    half = join([wing, tube(holes[None], 3.0, 1.2, 0.8, around=4)])
    body = tube(
        core, profile([15, 13, 10, 6, 4], 60), profile([24, 20, 15, 9, 5], 60), 0.9, around=10
    )
    return join([body, half, half.mirrored()])


def _shared(cloud: Cloud, n: int) -> Cloud:
    return Cloud(cloud.points.expand(n, -1, -1), cloud.mass.expand(n, -1))


def pelvis(
    body: Habitus, dice: Dice, broken: Tensor, worn: Tensor, replaced: Tensor, side: Tensor
) -> Cloud:
    """Return the bones about the pelvis.

    Parameters
    ----------
    broken, worn, replaced : Tensor
        (N,) bool: neck of a thigh bone broken, its joint worn, or its head replaced.
    side : Tensor
        (N,) which side that is: 1 left, -1 right.
    """
    n = dice.n
    child = torch.where(body.age == 0, 0.55, 1.0)
    upper, lower = (_shared(part, n) for part in _femur())
    clouds = [_shared(_sacrum(), n)]
    for way in (-1.0, 1.0):
        here = side == way
        hip = _shared(_hip(), n)
        step = here & broken
        gap = torch.stack([10.0 * step, 0.0 * step, -dice.uniform(10, 24) * step], dim=-1)
        shaft = lower.turned(
            rotation("y", -dice.normal(0, 0.05) + 0.12 * step), torch.tensor(HEAD)
        ).moved(gap)
        head = upper.weighted((~(here & replaced)).float() * child)
        # A worn joint loses its gap: the head moves up and out, and the bone is denser there.
        sink = (here & worn).float()
        head = head.moved(torch.stack([2.0 * sink, 0 * sink, -4.5 * sink], dim=-1))
        near = (hip.points - torch.tensor(HEAD)).norm(dim=-1) < 38
        hip = hip.weighted(1 + near * (1.3 * sink)[:, None])
        half = join([hip, head.weighted(1 + 0.5 * sink), shaft])
        clouds.append(half if way > 0 else half.mirrored())
    return _fitted(join(clouds), body, dice)


@cache
def _plain() -> Cloud:
    """Return the bones about a sound pelvis, down to the upper part of the thigh bones."""
    upper, lower = _femur()
    half = join([_hip(), upper, lower])
    kept = half.points[0, :, 2] < 660
    half = Cloud(half.points[:, kept], half.mass[:, kept])
    return join([_sacrum(), half, half.mirrored()])


def sound_pelvis(body: Habitus, dice: Dice) -> Cloud:
    """Return the bones about a sound pelvis of each body."""
    return _fitted(_plain(), body, dice)


def _fitted(whole: Cloud, body: Habitus, dice: Dice) -> Cloud:
    """Return a pelvis as wide as its body, its wings more or less flared."""
    x, y, z = whole.points.unbind(-1)
    high = ((520 - z) / 100).clamp(0, 1)
    x = x * (body.width[:, None] * (1 + dice.normal(0, 0.05)[:, None] * high))
    points = torch.stack([x, y.expand_as(x), z.expand_as(x)], dim=-1)
    return Cloud(points, whole.mass * body.density[:, None])


def prosthesis(body: Habitus, side: Tensor) -> Cloud:
    """Return an artificial hip: cup, ball, neck and stem."""
    stem = curve([[(112, 0, 548), (128, -5, 568), (132, -4, 620), (131, -2, 690)]], 100)
    parts = [
        wire(stem, profile([6, 11, 8, 4.5], 100), 0.5 * METAL, around=16),
        shell(
            torch.tensor([HEAD]), torch.full((1, 3), 14.0), 0.0, 700, cortex=0.1, core=0.4 * METAL
        ),
        wire(curve([[HEAD, (103, 3, 542), (114, 0, 550)]], 14), 6.0, 0.5 * METAL, around=6),
    ]
    cup = shell(torch.tensor([HEAD]), torch.full((1, 3), 26.0), 3.0, 1500, 0.4 * METAL)
    outward = (cup.points - torch.tensor(HEAD)) @ torch.tensor([0.55, 0.0, 0.83]) < 0
    return _sided(join([*parts, Cloud(cup.points, cup.mass * outward)]), body, side)


def hip_screws(body: Habitus, dice: Dice, side: Tensor) -> Cloud:
    """Return three screws through the neck of a thigh bone, or a plate with one thick screw."""
    lag = torch.tensor([[(146.0, -6, 584), (118, 0, 556), (90, 5, 530)]])
    three = torch.cat([lag, lag + torch.tensor([0.0, 0, 13]), lag + torch.tensor([-3.0, 8, -11])])
    screws = wire(curve(three, 60)[None], 3.0, 0.6 * METAL, around=4)
    thread = wire(curve(lag, 70), 4.5, 0.6 * METAL, around=5)
    plates = curve([[(149, -5, 578), (151, -5, 620), (148, -4, 700)]], 100)
    board = tube(plates, 7.0, 2.5, 2.0, cortex=0.6 * METAL, core=0.0, around=8)
    across = torch.stack(
        [torch.linspace(152, 116, 20), torch.full((20,), -4.0), torch.zeros(20)], dim=-1
    )
    cross = across + torch.tensor([[[0.0, 0, z]] for z in (608, 634, 660, 686)])
    pins = wire(cross[None], 2.0, 0.6 * METAL)
    one = dice.chance(0.5)
    clouds = [_shared(screws, dice.n).weighted(one.float())]
    clouds += [_shared(c, dice.n).weighted((~one).float()) for c in (thread, board, pins)]
    return _sided(join(clouds), body, side)


def _sided(cloud: Cloud, body: Habitus, side: Tensor) -> Cloud:
    way = torch.stack([side * body.width, torch.ones_like(side), torch.ones_like(side)], dim=-1)
    return Cloud(cloud.points * way[:, None], cloud.mass.expand(len(side), -1))
