"""Bones, tubes, wires, plates and shells as clouds of points, for any number of bodies at once.

Lengths are in mm, attenuation in 1/mm; see `firstread.phantoms.solids`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from firstread.phantoms.solids import BONE, MARROW, METAL, Cloud

GOLDEN = 0.618034
Size = Tensor | float


@cache
def _spline(k: int, n: int) -> Tensor:
    """Return the matrix (n, k) from k knots to n points of a natural cubic spline."""
    # The second derivatives solve a tridiagonal system, and are 0 at both ends.
    system, right = np.eye(k), np.zeros((k, k))
    for i in range(1, k - 1):
        system[i, i - 1 : i + 2] = 1, 4, 1
        right[i, i - 1 : i + 2] = 6, -12, 6
    curvature = np.linalg.solve(system, right)
    t = np.linspace(0, k - 1, n)
    i = np.minimum(t.astype(int), k - 2)
    s = (t - i)[:, None]
    here, there = np.eye(k)[i], np.eye(k)[i + 1]
    bent = ((1 - s) ** 3 - (1 - s)) * curvature[i] + (s**3 - s) * curvature[i + 1]
    return torch.tensor((1 - s) * here + s * there + bent / 6, dtype=torch.float32)


def curve(knots: Tensor | Sequence[object], n: int) -> Tensor:
    """Return n points (..., n, C) on a natural cubic spline through knots (..., k, C)."""
    table = torch.as_tensor(knots, dtype=torch.float32)
    return _spline(table.shape[-2], n) @ table


def profile(values: Sequence[float], n: int) -> Tensor:
    """Return n values (n,) that run straight between given ones, evenly spaced."""
    even = np.linspace(0, len(values) - 1, n)
    return torch.tensor(np.interp(even, range(len(values)), values), dtype=torch.float32)


def tube(
    path: Tensor,
    radius: Size,
    across: Size | None = None,
    wall: Size = 1.0,
    cortex: float = BONE,
    core: float = MARROW,
    up: tuple[float, float, float] = (0.0, 1.0, 0.0),
    around: int = 6,
) -> Cloud:
    """Fill tubes of elliptic section with points: a wall, and what is inside.

    Parameters
    ----------
    path : Tensor
        (N, ..., n, 3) points on the axes, mm; all tubes of a body go into one cloud.
    radius, across : Tensor or float
        Semi-axes of the section towards ``up`` and across it, mm; broadcast to (N, ..., n).
    wall : Tensor or float
        Thickness of the wall, mm; broadcast likewise.
    cortex, core : float
        Attenuation of the wall and of the inside, 1/mm; 0 leaves it out.
    up : tuple of float
        A direction that the axis never runs along.
    around : int
        Points around the section.
    """
    shape = path.shape[:-1]
    tangent = torch.gradient(path, dim=-2)[0]
    step = tangent.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    tangent = tangent / step
    towards = torch.tensor(up)
    rise = towards - (tangent @ towards)[..., None] * tangent
    rise = rise / rise.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    side = torch.linalg.cross(tangent, rise)
    across = radius if across is None else across
    a, b, thick = (
        torch.as_tensor(v, dtype=torch.float32).expand(shape)[..., None]
        for v in (radius, across, wall)
    )
    # Each ring of points is turned by the golden angle, lest they line up into strands.
    ring, spoke = torch.arange(shape[-1])[:, None], torch.arange(around)
    angle = 2 * math.pi * (spoke / around + ring * GOLDEN)
    chance = (spoke * 0.754878 + ring * 0.569840) % 1.0
    cos, sin = angle.cos(), angle.sin()
    axis = path[..., None, :] + ((chance - 0.5) * step)[..., None] * tangent[..., None, :]
    layers = []
    if cortex:
        arc = torch.hypot(a * sin, b * cos) * (2 * math.pi / around)
        layers.append((torch.ones_like(chance), arc * step * thick * cortex))
    if core:
        inside = (a * b * step) * (math.pi * core / around)
        layers.append((chance.sqrt(), inside.expand(*shape, around)))
    points = [
        axis
        + (a * cos * reach)[..., None] * rise[..., None, :]
        + (b * sin * reach)[..., None] * side[..., None, :]
        for reach, _ in layers
    ]
    flat = torch.stack([p.reshape(shape[0], -1, 3) for p in points], dim=1)
    mass = torch.stack([m.reshape(shape[0], -1) for _, m in layers], dim=1)
    return Cloud(flat.reshape(shape[0], -1, 3), mass.reshape(shape[0], -1))


def wire(path: Tensor, radius: Size, attenuation: float = METAL, around: int = 3) -> Cloud:
    """Fill solid wires along paths (N, ..., n, 3) with points."""
    return tube(path, radius, cortex=0.0, core=attenuation, around=around, up=(0.3, 0.9, 0.2))


def plate(edge: Tensor, rim: Tensor, bulge: float, thick: Sequence[float], rows: int) -> Cloud:
    """Fill a plate of bone ruled between two curves (N, n, 3), bowed by ``bulge`` mm in y.

    ``thick`` is the compact bone across it (mm), at even steps from the first curve to the second.
    """
    t = torch.linspace(0, 1, rows)[:, None, None]
    points = edge[:, None] * (1 - t) + rim[:, None] * t
    points = points + bulge * 4 * t * (1 - t) * torch.tensor([0.0, 1.0, 0.0])
    down, along = torch.gradient(points, dim=(1, 2))
    girth = profile(thick, rows)[:, None]
    mass = torch.linalg.cross(down, along).norm(dim=-1) * girth * BONE
    return Cloud(points.reshape(len(edge), -1, 3), mass.reshape(len(edge), -1))


def shell(
    centre: Tensor, axes: Tensor, wall: Size, points: int, cortex: float = BONE, core: float = 0.0
) -> Cloud:
    """Fill hollow ellipsoids with points.

    Parameters
    ----------
    centre, axes : Tensor
        (N, 3) mm; the axes lie along x, y and z (see `Cloud.turned`).
    wall : Tensor or float
        Thickness of the wall, mm; a number, (N,) or (N, points).
    points : int
        How many points; the same again fill the inside if ``core`` isn't 0.
    cortex, core : float
        Attenuation of wall and inside, 1/mm.
    """
    k = torch.arange(points) + 0.5
    height, angle = 1 - 2 * k / points, 2 * math.pi * GOLDEN * k
    girth = (1 - height * height).sqrt()
    unit = torch.stack([girth * angle.cos(), girth * angle.sin(), height], dim=-1)
    volume = axes.prod(dim=-1, keepdim=True)
    # An ellipsoid's element of area is that of the unit sphere times |volume * (n / axes)|.
    area = volume * (unit / axes[:, None]).norm(dim=-1) * (4 * math.pi / points)
    thick = torch.as_tensor(wall, dtype=torch.float32)
    surface = centre[:, None] + axes[:, None] * unit
    mass = area * cortex * (thick[:, None] if thick.ndim == 1 else thick)
    if not core:
        return Cloud(surface, mass)
    reach = ((k * 0.754878) % 1.0) ** (1 / 3)
    inside = centre[:, None] + axes[:, None] * unit * reach[:, None]
    filling = (volume * core * 4 / 3 * math.pi / points).expand(-1, points)
    return Cloud(torch.cat([surface, inside], dim=1), torch.cat([mass, filling], dim=1))
