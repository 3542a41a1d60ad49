"""Lungs between rib cage, heart and diaphragm, their vessels, and what goes wrong there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from firstread.phantoms.beam import blur, haze, ripple
from firstread.phantoms.cage import BACK, RIBS
from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import curve, wire
from firstread.phantoms.gut import free_gas
from firstread.phantoms.solids import (
    LUNG,
    MUSCLE,
    Cloud,
    Ellipsoids,
    Pose,
    ellipsoids,
    join,
    project,
    rotation,
    windows,
)
from firstread.phantoms.trunk import Habitus, barrel, climb, ladder, levels, sway

AERATED = MUSCLE - LUNG
_BULGE = BACK + 3 + RIBS[:, 2] * 0.5**1.7
# Height, half-width and half-depth of the inside of the rib cage.
CAVITY = ladder(
    [-10, 0, 0], [-8, 12, 12], [-2, 28, 24], [8, 44, 34],
    *zip(_BULGE.tolist(), (RIBS[:, 0] - 4).tolist(), (RIBS[:, 1] - 2).tolist(), strict=True),
)  # fmt: skip


@dataclass(frozen=True)
class Chest:
    """Lungs and airways as the beam meets them; each is (N, S, S).

    Parameters
    ----------
    change : Tensor
        What they change in the line integral of a trunk without gas.
    gas : Tensor
        Path length through lung and free air, mm.
    """

    change: Tensor
    gas: Tensor


def mediastinum(body: Habitus) -> Ellipsoids:
    """Return what lies between the lungs, as ellipsoids of attenuation 1."""
    h, top = body.heart, 228 + body.breath
    rows: list[tuple[Tensor | float, ...]] = [
        (26 * h, 22, top - 40, 44 * h, 56, 68 * h, 1, -0.85),  # left ventricle
        (-8 * h, 20, top - 44, 34 * h, 50, 62 * h, 1, 0.2),  # right atrium
        (20, 12, top - 92, 29, 46, 60, 1, -0.25),  # left atrial appendage
        (14, 8, 0.45 * top, 28, 40, 0.26 * top, 1, -0.1),  # pulmonary trunk
        (20, -14, 72, 19, 36, 20, 1),  # arch of the aorta
        (0, -6, 66, 31, 40, 104, 1),  # great veins, trachea
        (4, 0, top + 20, 34, 66, 60, 1),  # oesophagus, vena cava
    ]
    return ellipsoids(*rows, n=len(h))


def domes(body: Habitus) -> Ellipsoids:
    """Return both domes of the diaphragm, as ellipsoids of attenuation 1."""
    w, top = body.width, 228 + body.breath
    right = (-58 * w, 10, top + 66, 85 * w, 106, 66, 1)
    return ellipsoids(right, (60 * w, 10, top + 77, 83 * w, 106, 66, 1), n=len(w))


def aerated(body: Habitus, pose: Pose, size: int) -> Tensor:
    """Return the thickness (mm) of inflated lung: the cage less all that is solid within."""
    z = levels(pose, size)
    half, deep = climb(CAVITY, z)
    x = sway(body, z)
    middle, cage = barrel(pose, size, half * body.width[:, None], deep, x, 0 * z)
    start, end = torch.full_like(cage, 999.0), torch.full_like(cage, -999.0)
    for at, depth, chord in windows(mediastinum(body), pose, size):
        # Where there is no chord the place goes far away, to the wrong side.
        nowhere = (chord == 0) * 2000.0
        start[at] = torch.minimum(start[at], depth - chord + nowhere)
        end[at] = torch.maximum(end[at], depth + chord - nowhere)
    near, far = middle - cage, middle + cage
    between = (torch.minimum(end, far) - torch.maximum(start, near)).clamp_(min=0)
    # The spine and its muscles fill the groove at the back; seen from the side, both grooves.
    facing = pose.turn[:, 0, 0].abs()[:, None, None]
    off = pose.grid(size)[:, None] - pose.turn[:, 0, :1, None] * (x - pose.centre[:, :1])[..., None]
    groove = 78 * (1 - (off / 34) ** 2).clamp(min=0)
    groove = torch.minimum(groove, cage) * facing**4
    top = (228 + body.breath)[:, None]
    open_below = ((top + 74 - z) / 6).clamp(0, 1)[..., None]
    below = project(domes(body), pose, size)
    return (2 * cage - between - groove - below).clamp_(min=0) * open_below


def tree(dice: Dice) -> Cloud:
    """Return the pulmonary vessels: from each hilum, trunks that fork five times as they thin."""
    n, trunks = dice.n, 20
    side = torch.tensor([-1.0, 1.0]).repeat_interleave(trunks // 2)
    rank = torch.linspace(0, 1, trunks // 2).repeat(2)
    angle = -1.3 + 2.9 * rank + dice.normal(0, 0.14, trunks)
    pitch = dice.normal(0, 0.55, trunks)
    heading = torch.stack(
        [side * angle.cos() * pitch.cos(), pitch.sin(), angle.sin() * pitch.cos()], -1
    )
    start = torch.stack([side * 30, 0 * side - 12, 98 + 42 * rank], dim=-1).expand(n, -1, -1)
    radius, length = dice.uniform(3.2, 6.0, trunks), dice.uniform(20, 34, trunks)
    parts = []
    for fork, (steps, lanes) in enumerate(((8, 4), (7, 3), (6, 2), (5, 1), (4, 1), (4, 1))):
        count = start.shape[1]
        t = torch.linspace(0, 1, steps)[:, None]
        bow = dice.normal(0, 0.22, count, 1, 3)
        path = start[:, :, None] + (heading[:, :, None] + bow * t) * (length[..., None, None] * t)
        girth = radius[..., None] * (1 - 0.15 * t[:, 0])
        scatter = dice.uniform(-0.8, 0.8, count, steps, lanes, 3) * girth[..., None, None]
        mass = 3.1416 * AERATED / lanes * girth**2 * length[..., None] / steps
        points = path[..., None, :] + scatter
        parts.append((points.flatten(1, 3), mass[..., None].expand(-1, -1, -1, lanes).flatten(1)))
        if fork == 5:
            break
        twist = dice.normal(0, 0.42, 2 * count, 3)
        start = path[:, :, -1].repeat_interleave(2, dim=1)
        heading = heading.repeat_interleave(2, dim=1) + twist
        heading = heading / heading.norm(dim=-1, keepdim=True)
        radius = girth[..., -1].repeat_interleave(2, dim=1) * dice.uniform(0.6, 0.9, 2 * count)
        length = length.repeat_interleave(2, dim=1) * dice.uniform(0.6, 0.95, 2 * count)
    return Cloud(torch.cat([p for p, _ in parts], dim=1), torch.cat([m for _, m in parts], dim=1))


def airways(dice: Dice, around: int = 9) -> Cloud:
    """Return windpipe and main bronchi as gas within soft tissue."""
    lean = dice.normal(3, 2)
    top = [torch.stack([lean * k, torch.full_like(lean, b), torch.full_like(lean, z)], dim=-1)
           for k, b, z in ((0, 2, -90), (0.6, -12, 0), (1, -24, 96))]  # fmt: skip
    pipe = curve(torch.stack(top, dim=1), 90)
    right, left = ([0, 0, 0], [-16, 0, 14], [-34, -2, 34]), ([0, 0, 0], [16, 0, 14], [40, -4, 32])
    ways = torch.tensor([right, left])
    branches = curve(pipe[:, None, -1:] + ways, 16)
    wide = dice.uniform(7.5, 9.5)[:, None]
    thin = wire(branches, 0.72 * wide[..., None], -MUSCLE, around=8)
    return join([wire(pipe, wide, -MUSCLE, around=around), thin])


def _spread(dice: Dice, side: Tensor, count: int, present: Tensor) -> Ellipsoids:
    """Return a cluster of clouds of fluid in one lung, of attenuation 1."""
    middle = torch.stack(
        [side * dice.uniform(62, 92), dice.uniform(-45, 40), dice.uniform(70, 190)], -1
    )
    reach = dice.uniform(12, 40)[:, None, None]
    place = middle[:, None] + dice.normal(0, 0.6, count, 3) * reach
    axes = reach * dice.uniform(0.4, 0.9, count, 3)
    return Ellipsoids(
        place,
        axes,
        rotation("y", dice.normal(0, 1, count)),
        present[:, None].expand(-1, count) * 1.0,
    )


def nodules(dice: Dice, side: Tensor, present: Tensor) -> Ellipsoids:
    """Return one round shadow in a lung, at times a second."""
    x = torch.stack([side, -side], dim=-1) * dice.uniform(58, 98, 2)
    place = torch.stack([x, dice.uniform(-40, 40, 2), dice.uniform(45, 170, 2)], dim=-1)
    axes = dice.uniform(7, 16, 2)[..., None] * dice.uniform(0.85, 1.15, 2, 3)
    shown = torch.stack([present, present & dice.chance(0.3)], dim=-1)
    return Ellipsoids(place, axes, rotation("y", dice.normal(0, 1, 2)), 1.6 * AERATED * shown)


def breathe(
    body: Habitus, pose: Pose, size: int, dice: Dice, signs: dict[str, Tensor], upright: Tensor
) -> Chest:
    """Return the lungs of each body, with the changes in ``signs`` (name -> (N,) bool)."""
    air = aerated(body, pose, size)
    side = 1.0 - 2 * dice.integers(2)
    z = levels(pose, size)[..., None]
    u = pose.grid(size)[:, None]
    # How much of the lung met at each column is that of the diseased side.
    share = torch.sigmoid((side * pose.turn[:, 0, 0])[:, None, None] * u / 4)
    vessels = blur(project(tree(dice), pose, size), 0.6) * (air / 110).clamp(0, 1)
    grain = 0.05 * ripple(dice, size, 10) + 0.035 * ripple(dice, size, 4)
    dull = dice.uniform(0, 0.10) + 0.12 * dice.uniform() * dice.chance(0.2)

    # Air outside a lung that has shrunk towards its hilum.
    shrunk = dice.uniform(0.45, 0.8)
    lung = ellipsoids((side * 50, -5, 118, 72 * shrunk, 95 * shrunk, 122 * shrunk, 1.0), n=dice.n)
    kept = torch.minimum(air, project(lung, pose, size))
    loose = (air - kept) * share * signs["pneumothorax"][:, None, None]
    vessels = vessels * (1 - loose / air.clamp(min=1))
    # What is left of the lung holds the same tissue in less room: its edge stands out.
    denser = (1 / shrunk - 1)[:, None, None] * kept * share * signs["pneumothorax"][:, None, None]
    change = LUNG * (denser - loose)

    cover = haze(project(_spread(dice, side, 6, signs["opacity"]), pose, size), 0.03 * size)
    filled = air * (1 - (-cover / dice.uniform(10, 30)[:, None, None]).exp())
    top = 228 + body.breath
    level = (top - dice.uniform(-35, 70))[:, None, None]
    rim = torch.where(upright, 45.0, 5.0)[:, None, None] * (u / 125).abs() ** 4
    fluid = torch.sigmoid((z - level + rim) / torch.where(upright, 4.0, 25.0)[:, None, None])
    fluid = fluid * signs["effusion"][:, None, None] * share * air
    filled = torch.maximum(filled * (1 + 2.5 * grain).clamp(0, 1.2), fluid)
    left = (air - filled).clamp(min=0)
    density = 1 - dull[:, None, None] + grain
    change = change - AERATED * left * density + 2.2 * vessels * (left / air.clamp(min=1))
    change = change + project(nodules(dice, side, signs["nodule"]), pose, size) * (left > 8)

    bubble = free_gas(body, dice, signs["free_gas"], pose, size)
    pipes = project(airways(dice), pose, size)
    return Chest(change - MUSCLE * bubble + pipes, left + loose + bubble - pipes / MUSCLE)
