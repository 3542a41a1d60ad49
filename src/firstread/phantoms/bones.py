"""Shapes that the bones of limbs share: long bones, short ones, breaks, holes and growth plates.

Lengths are in mm. A long bone is a hollow tube whose girth and wall change along it: thick walls
about the middle, thin ones over spongy ends, closed by domes. Each bone is laid out for one beam:
its points lie in a ribbon across the beam and carry the length of the chords, so that few of them
give a smooth shadow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from firstread.phantoms.fillings import GOLDEN
from firstread.phantoms.solids import BONE, Cloud

# Attenuation that spongy bone adds to soft tissue, 1/mm: a fifth of compact bone.
SPONGE = 0.2 * BONE

# How a long bone looks along its length: share of the length, semi-axis across and semi-axis
# deep (mm, or shares of a girth), wall (mm), and how full of spongy bone it is (1: `SPONGE`).
Shape = tuple[tuple[float, float, float, float, float], ...]


@cache
def _stations(shape: Shape, n: int) -> Tensor:
    """Return share, across, deep, wall and fullness (5, n) at stations, closer at both ends."""
    even = (np.arange(n) + 0.5) / n
    share = 0.8 * even + 0.1 * (1 - np.cos(math.pi * even))
    rows = np.array(shape).T
    table = [share, *(np.interp(share, rows[0], row) for row in rows[1:])]
    return torch.tensor(np.array(table), dtype=torch.float32)


def _unit(v: Tensor) -> Tensor:
    return normalize(v, dim=-1, eps=1e-6)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return scalar products (..., 1)."""
    return (a * b).sum(dim=-1, keepdim=True)


def _walled(off: Tensor, half: Tensor, deep: Tensor, wall: Tensor, full: Tensor) -> Tensor:
    """Return line integrals through hollow ellipses at offsets (shares of half the width)."""
    outer = deep * (1 - off.square()).clamp(min=0).sqrt()
    hole = (half - wall).clamp(min=1e-3)
    inner = (deep - wall).clamp(min=0) * (1 - (off * half / hole).square()).clamp(min=0).sqrt()
    inner = torch.minimum(inner, outer)
    return 2 * BONE * (outer - inner) + 2 * SPONGE * inner * full


def long_bones(
    shape: Shape,
    start: Tensor,
    end: Tensor,
    beam: Tensor,
    bow: Tensor | None = None,
    n: int = 40,
    **look: Any,
) -> Cloud:
    """Lay out long bones of one shape.

    Parameters
    ----------
    shape : Shape
        See `Shape`.
    start, end : Tensor
        (N, ..., 3) both ends, mm; all bones of a body go into one cloud, in order, each of
        ``n * across`` points.
    beam : Tensor
        (N, 3) direction of the beam.
    bow : Tensor, optional
        (N, ..., 3) how far the middle stands out from the straight line, mm.
    n : int
        Stations along a bone.
    **look
        See `bent_bones`.
    """
    share = _stations(shape, n)[0]
    path = start[..., None, :] + (end - start)[..., None, :] * share[:, None]
    if bow is not None:
        path = path + bow[..., None, :] * (4 * share * (1 - share))[:, None]
    return bent_bones(shape, path, beam, **look)


def bent_bones(
    shape: Shape,
    path: Tensor,
    beam: Tensor,
    girth: Tensor | float = 1.0,
    wall: Tensor | float = 1.0,
    plates: Sequence[float] = (),
    gap: Tensor | float = 0.0,
    across: int = 12,
    up: tuple[float, float, float] = (0.0, 1.0, 0.0),
) -> Cloud:
    """Lay out bones of one shape along curves.

    Parameters
    ----------
    shape : Shape
        See `Shape`.
    path : Tensor
        (N, ..., n, 3) points about evenly along the bones, mm.
    beam : Tensor
        (N, 3) direction of the beam.
    girth : Tensor or float
        Times both semi-axes and the wall, (N, ...).
    wall : Tensor or float
        Times the wall and the spongy bone: thin in old age, (N, ...).
    plates : sequence of float
        Shares of the length where the growth plates lie.
    gap : Tensor or float
        Width of the growth plates, mm, (N, ...); 0 closes them.
    across : int
        Points across a bone.
    up : tuple of float
        Direction of the semi-axis "deep".
    """
    lead, n = path.shape[:-2], path.shape[-2]
    share, broad, deep, thick, full = _stations(shape, n)
    girth, wall, gap = (
        torch.as_tensor(v, dtype=torch.float32).expand(lead)[..., None] for v in (girth, wall, gap)
    )
    step = torch.gradient(path, dim=-2)[0]
    length = step.norm(dim=-1).sum(dim=-1, keepdim=True).clamp(min=1e-3)
    solid, rim = torch.ones(()), torch.zeros(())
    for place in plates:
        away = (share - place).abs() * length
        solid = solid * (away >= gap / 2)
        # Both sides of a growth plate are lined with dense bone.
        rim = rim + (gap > 0) * (away < gap / 2 + 0.03 * length)
    # The wall of a dome is longer than its height: count its slope.
    slope = torch.gradient(0.5 * (broad + deep))[0] / torch.gradient(share)[0]
    steep = torch.hypot(torch.ones(()), slope * girth / length)

    tangent = _unit(step)
    towards = torch.tensor(up)
    rise = _unit(towards - (tangent @ towards)[..., None] * tangent)
    aside = torch.linalg.cross(tangent, rise)
    ray = beam.reshape(-1, *(1,) * len(lead), 3).expand_as(tangent)
    side = _unit(torch.linalg.cross(tangent, ray))
    # Semi-axes of the section as the beam meets it; their product is that of the true ones.
    half = torch.hypot(
        (broad * girth)[..., None] * _dot(aside, side), (deep * girth)[..., None] * _dot(rise, side)
    ).clamp(min=1e-3)
    depth = (broad * deep * girth * girth)[..., None] / half

    # Rows are shifted against each other, lest the points line up into strands.
    off = (torch.arange(across) + (torch.arange(n)[:, None] * GOLDEN) % 1.0) / across * 2 - 1
    bark = (thick * girth * wall * steep)[..., None]
    line = _walled(off, half, depth, bark, (full * wall * (1 + rim))[..., None])
    cell = half * (2 / across) * step.norm(dim=-1, keepdim=True)
    mass = line * cell * solid[..., None]
    points = path[..., None, :] + (half * off)[..., None] * side[..., None, :]
    return Cloud(points.reshape(len(path), -1, 3), mass.reshape(len(path), -1))


def short_bones(
    centre: Tensor,
    axes: Tensor,
    turn: Tensor,
    wall: Tensor | float = 0.8,
    full: Tensor | float = 1.0,
    roll: Tensor | float = 0.0,
    square: float = 2.6,
    points: int = 150,
) -> Cloud:
    """Lay out short bones: hollow, between an ellipsoid and a box, spongy inside.

    Parameters
    ----------
    centre, axes : Tensor
        (N, K, 3) mm; all bones of a body go into one cloud, each of ``points`` points.
        The semi-axes lie along the picture's horizontal, the beam and the picture's vertical.
    turn : Tensor
        (N, 3, 3) from the patient's frame into the detector's.
    wall : Tensor or float
        Thickness of the shell, mm, (N, K).
    full : Tensor or float
        Attenuation of the inside in units of `SPONGE`, (N, K).
    roll : Tensor or float
        Turn in the picture, radians, clockwise, (N, K).
    square : float
        2 for an ellipse, more towards a rectangle.
    points : int
        Points of each bone.
    """
    lead = axes.shape[:-1]
    k = torch.arange(points) + 0.5
    radius, angle = (k / points).sqrt(), 2 * math.pi * GOLDEN * k
    disc = torch.stack([angle.cos(), angle.sin()], dim=-1)
    reach = 1 / disc.abs().pow(square).sum(dim=-1).pow(1 / square)
    disc = disc * (radius * reach)[:, None]
    wall, full, roll = (
        torch.as_tensor(v, dtype=torch.float32).expand(lead)[..., None] for v in (wall, full, roll)
    )
    mean = (axes[..., 0] * axes[..., 2]).clamp(min=0).sqrt()[..., None]
    line = _walled(radius, mean, axes[..., 1, None], wall, full)
    mass = line * reach.square() * (axes[..., 0] * axes[..., 2])[..., None] * (math.pi / points)
    u, v = disc[:, 0] * axes[..., 0, None], disc[:, 1] * axes[..., 2, None]
    right = (roll.cos() * u - roll.sin() * v)[..., None]
    low = (roll.sin() * u + roll.cos() * v)[..., None]
    across, down = turn[:, None, None, 0], turn[:, None, None, 2]
    where = centre[..., None, :] + right * across + low * down
    return Cloud(where.reshape(len(where), -1, 3), mass.reshape(len(where), -1))


def broken(
    cloud: Cloud, at: Tensor, along: Tensor, shift: Tensor, bend: Tensor, gap: Tensor,
    of: Tensor | None = None,
) -> Cloud:  # fmt: skip
    """Break bones: what lies beyond a jagged plane moves, and the gap is empty.

    Parameters
    ----------
    cloud : Cloud
        Bones.
    at, along : Tensor
        (N, 3) a place on the plane, and its normal, which points to the part that moves.
    shift : Tensor
        (N, 3) how far that part moves, mm.
    bend : Tensor
        (N, 3, 3) how it turns about the place.
    gap : Tensor
        (N,) width of the gap, mm; 0 where the bone is whole (shift and bend then do nothing).
    of : Tensor, optional
        (N, P) bool: which points belong to the bone and all that hangs on it.
    """
    arm = cloud.points - at[:, None]
    height = (arm @ along[:, :, None])[..., 0]
    height = height + 0.6 * gap[:, None] * (arm @ torch.tensor([0.9, 0.6, 0.9])).sin()
    hit = (gap > 0)[:, None].expand_as(height)
    if of is not None:
        hit = hit & of
    moved = arm @ bend.mT + (at + shift)[:, None]
    points = torch.where((hit & (height > 0))[..., None], moved, cloud.points)
    return Cloud(points, cloud.mass * ~(hit & (height.abs() < gap[:, None] / 2)))


def eaten(cloud: Cloud, at: Tensor, radius: Tensor, left: float = 0.15) -> Cloud:
    """Take bone out of a ball (N, 3), (N,) mm, as a lytic lesion does; radius 0 takes none."""
    away = (cloud.points - at[:, None]).square() @ torch.ones(3)
    away = away / radius.clamp(min=1e-3).square()[:, None]
    return cloud.weighted(left + (1 - left) * away.square().clamp(max=1))


def at(*place: Tensor | float, n: int) -> Tensor:
    """Return one place in each body, (N, 3), from numbers or (N,)."""
    return torch.stack([torch.as_tensor(v, dtype=torch.float32).expand(n) for v in place], dim=-1)


def choose(part: Tensor, chosen: Tensor) -> Tensor:
    """Return of each body the chosen (N,) of its K parts (N, K, ...)."""
    return part[torch.arange(len(part)), chosen]
