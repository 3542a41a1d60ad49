"""Metal in and on limbs: screws, wires, plates, rings; all as clouds of points.

Lengths are in mm. Every function takes (N, K, 3) places, K pieces a body.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from firstread.phantoms.bones import short_bones
from firstread.phantoms.fillings import curve, wire
from firstread.phantoms.solids import METAL, TITANIUM, Cloud

Size = Tensor | float


def _line(start: Tensor, end: Tensor, n: int) -> Tensor:
    t = torch.linspace(0, 1, n)[:, None]
    return start[..., None, :] * (1 - t) + end[..., None, :] * t


def screws(start: Tensor, end: Tensor, radius: Size, n: int = 60) -> Cloud:
    """Drive screws from start (the head) to end; radius of the core, mm, (N, K) or a number."""
    t = torch.arange(n) / n
    thread = 1 + 0.25 * (t * n * math.pi / 2).sin() * (t > 0.12) * (t < 0.97)
    form = torch.where(t < 0.1, 1.8, torch.where(t > 0.95, 0.6, thread))
    girth = torch.as_tensor(radius, dtype=torch.float32)[..., None] * form
    return wire(_line(start, end, n), girth, attenuation=TITANIUM, around=4)


def pins(start: Tensor, end: Tensor, radius: Size, n: int = 70, around: int = 3) -> Cloud:
    """Drive smooth steel wires from start to end."""
    girth = torch.as_tensor(radius, dtype=torch.float32)[..., None]
    return wire(_line(start, end, n), girth, attenuation=METAL, around=around)


def plates(start: Tensor, end: Tensor, side: Tensor, width: Size, thick: Size, holes: int) -> Cloud:
    """Lay flat plates from start to end with a row of holes.

    ``side`` (N, K, 3) is the unit direction across the flat of the plate; ``width`` and ``thick``
    are in mm, numbers or (N, K).
    """
    n, across = 12 * holes, 7
    path = _line(start, end, n)
    width, thick = (torch.as_tensor(v, dtype=torch.float32) for v in (width, thick))
    t, s = (torch.arange(n) + 0.5) / n, (torch.arange(across) + 0.5) / across * 2 - 1
    length = (end - start).norm(dim=-1)
    points = (
        path[..., None, :]
        + (s[:, None] * (width / 2)[..., None, None, None]) * side[..., None, None, :]
    )
    along = ((t * holes) % 1 - 0.5)[:, None] * (length / holes)[..., None, None]
    hole = along.square() + (s * (width / 2)[..., None, None]).square()
    open_ = hole < (0.3 * width).square()[..., None, None]
    each = length * width * thick * TITANIUM / (n * across)
    mass = each[..., None, None] * ~open_
    return Cloud(points.reshape(len(start), -1, 3), mass.reshape(len(start), -1))


def rings(centre: Tensor, along: Tensor, radius: Size, band: Size, n: int = 90) -> Cloud:
    """Put rings round an axis of unit direction ``along``; radius and half width, mm."""
    towards = torch.tensor([0.0, 1.0, 0.0])
    rise = towards - (along @ towards)[..., None] * along
    rise = rise / rise.norm(dim=-1, keepdim=True).clamp(min=1e-3)
    side = torch.linalg.cross(along, rise)
    angle = torch.linspace(0, 2 * math.pi, n)[:, None]
    radius = torch.as_tensor(radius, dtype=torch.float32)[..., None, None]
    path = centre[..., None, :] + radius * (
        angle.cos() * rise[..., None, :] + angle.sin() * side[..., None, :]
    )
    girth = torch.as_tensor(band, dtype=torch.float32)[..., None]
    return wire(path, girth, attenuation=METAL, around=4)


def pacemaker(place: Tensor, midline: Tensor, turn: Tensor) -> Cloud:
    """Put a pacemaker at a place (N, 3) of the chest, and a lead into the vein at the midline.

    ``turn`` (N, 3, 3) is that of the pose; ``midline`` (N, 3) is at the height of the shoulder.
    """
    n, area = 700, 22.0 * 19.0
    axes = torch.tensor([[[22.0, 4.0, 19.0]]]).expand(len(place), 1, 3)
    box = short_bones(place[:, None], axes, turn, square=3.0, points=n)
    mass = torch.full_like(box.mass, TITANIUM * 12.0 * area / n)
    vein = midline + torch.tensor([25.0, 50, 10]), midline + torch.tensor([5.0, 30, 160])
    loop = place + torch.tensor([8.0, 0, -16]), place + torch.tensor([-10.0, 0, -34])
    lead = wire(curve(torch.stack([*loop, *vein], dim=1), 150), 0.9)
    return Cloud(torch.cat([box.points, lead.points], 1), torch.cat([mass, lead.mass], 1))
