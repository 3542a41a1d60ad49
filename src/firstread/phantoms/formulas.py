"""Pictures drawn by formulas: fractals, radial contours and textures, each with its category.

Networks that learn to tell the categories apart come close to those that have seen photographs,
without one: fractals of iterated function systems (FractalDB: Kataoka et al., ACCV 2020; several
an image: Anderson & Farrell, WACV 2022), radial contours (RCDB: Kataoka et al., CVPR 2022), dead
leaves and spectral noise (Baradad et al., Learning to See by Looking at Noise, NeurIPS 2021).
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.solids import splat
from firstread.phantoms.textures import TEXTURES, weave
from firstread.phantoms.truth import COARSE, FAMILIES, LABELS, TISSUES, Phantoms, answers, findings

CODES, CONTOURS = 64, 32
COPIES = 3  # instances in a picture, at most
MAPS = 4  # affine maps of a code; some have fewer, the others are never chosen
WALKERS, STEPS, BURN_IN = 420, 36, 14


@cache
def codes() -> tuple[Tensor, Tensor, Tensor]:
    """Return the fixed table of iterated function systems.

    Returns
    -------
    tuple of Tensor
        (64, 4, 2, 3) affine maps; (64, 4) cumulative probabilities, in proportion to the maps'
        areas; (64, 3) middle (x, y) and spread of each attractor.

    Notes
    -----
    The maps are drawn by their singular values, whose weighted sum decides whether a fractal is a
    dust or a blob: within (5 + k) / 2 and (6 + k) / 2 for k maps (Anderson & Farrell, WACV 2022).
    """
    dice = Dice(CODES, torch.Generator().manual_seed(2020))
    count = 2 + dice.integers(MAPS - 1)[:, None]
    used = torch.arange(MAPS) < count
    long = dice.uniform(0.35, 0.9, MAPS)
    short = long * dice.uniform(0.25, 1.0, MAPS)
    total = ((long + 2 * short) * used).sum(1, keepdim=True)
    factor = dice.uniform(2.5, 3.0, 1) + 0.5 * count
    long, short = ((side * factor / total).clamp(max=0.92) for side in (long, short))
    turn, lean = dice.uniform(-math.pi, math.pi, 2, MAPS).unbind(1)
    flip = torch.where(dice.chance(0.5, MAPS), 1.0, -1.0)
    scale = torch.zeros(CODES, MAPS, 2, 2)
    scale[..., 0, 0], scale[..., 1, 1] = long, short * flip
    shift = dice.uniform(-1, 1, MAPS, 2, 1)
    maps = torch.cat([_rotation(turn) @ scale @ _rotation(lean), shift], -1)
    area = (long * short * used).clamp(min=0)
    chances = (area / area.sum(1, keepdim=True)).cumsum(1)
    points = _walk(maps, chances, Dice(CODES, torch.Generator().manual_seed(2021)), 400)
    middle = points.mean(1)
    spread = (points - middle[:, None]).norm(dim=2).quantile(0.95, dim=1).clamp(min=1e-3)
    return maps, chances, torch.cat([middle, spread[:, None]], 1)


def _rotation(angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)


def _walk(maps: Tensor, chances: Tensor, dice: Dice, walkers: int) -> Tensor:
    """Play the chaos game: return (N, walkers * STEPS, 2) points of the attractors."""
    n = len(maps)
    flat = maps.reshape(n, MAPS, 6)
    point = torch.zeros(n, walkers, 2)
    x, y = point.unbind(2)
    found = []
    for step in range(BURN_IN + STEPS):
        draw = dice.uniform(0, 1, walkers)
        chosen = (draw[..., None] > chances[:, None, :-1]).sum(2)
        a = flat.gather(1, chosen[..., None].expand(-1, -1, 6)).unbind(2)
        x, y = a[0] * x + a[1] * y + a[2], a[3] * x + a[4] * y + a[5]
        if step >= BURN_IN:
            found.append(torch.stack([x, y], 2))
    return torch.cat(found, 1)


def _instances(dice: Dice) -> tuple[Tensor, Tensor]:
    """Return how many instances a picture shows, (N,), and the middles of all that might be.

    The middles are (N, COPIES, 2), as shares of the picture: one alone lies in its middle.
    """
    copies = 1 + dice.integers(COPIES)
    spread = torch.where(copies == 1, 0.04, 0.21)[:, None, None]
    return copies, 0.5 + spread * dice.normal(0, 1, COPIES, 2)


def fractal(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Draw fractals of one code each, as one to three instances.

    Parameters
    ----------
    n, size : int
        How many pictures, and their side in pixels.
    generator : torch.Generator
        Where every random number comes from.
    hard : float
        How far instances stray from their code, 0 to 1.
    """
    dice = Dice(n, generator)
    code = dice.integers(CODES)
    maps, chances, frame = (table[code] for table in codes())
    # FractalDB makes instances of a category by changing single weights a little.
    maps = maps * (1 + 0.08 * hard * dice.normal(0, 1, MAPS, 2, 3))
    points = _walk(maps, chances, dice, WALKERS)
    spread = frame[:, 2, None, None]
    points = (points - frame[:, None, :2]) / spread
    copies, home = _instances(dice)
    owner = torch.arange(points.shape[1]) * COPIES // points.shape[1]
    owner = torch.remainder(owner, copies[:, None])
    turn = _rotation(dice.uniform(-math.pi, math.pi, COPIES) * hard)
    large = torch.where(
        copies[:, None] == 1, dice.uniform(0.3, 0.48, COPIES), dice.uniform(0.15, 0.3, COPIES)
    )
    pick = owner[..., None]
    cell = turn.flatten(2).gather(1, pick.expand(-1, -1, 4)).unbind(2)
    x, y = points.unbind(2)
    turned = torch.stack([cell[0] * x + cell[1] * y, cell[2] * x + cell[3] * y], 2)
    points = home.gather(1, pick.expand(-1, -1, 2)) + turned * large.gather(1, owner)[..., None]
    u, v = (points * size).unbind(2)
    ink = splat(u, v, torch.ones_like(u), size)
    top = ink.flatten(1).amax(1).clamp(min=1.0).view(-1, 1, 1)
    strength = torch.log1p(ink) / torch.log1p(top)
    return _finished("fractal", strength**0.8, code, dice)


@cache
def shapes() -> Tensor:
    """Return the fixed table of contours, (32, 4).

    Vertices of the polygon, lines from its middle outwards, waves of the noise along a line and
    its height.
    """
    rows = [
        (vertices, lines, waves, height)
        for vertices in (3, 4, 5, 6, 8, 11, 15, 24)
        for lines, waves, height in ((4, 3, 0.04), (16, 3, 0.1), (5, 17, 0.12), (20, 11, 0.03))
    ]
    return torch.tensor(rows, dtype=torch.float32)


def contours(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Draw radial contours of one class each, as one to three instances.

    Parameters
    ----------
    n, size : int
        How many pictures, and their side in pixels.
    generator : torch.Generator
        Where every random number comes from.
    hard : float
        How far the lines shift and stretch, 0 to 1.
    """
    dice = Dice(n, generator)
    code = dice.integers(CONTOURS)
    vertices, lines, waves, height = (v.view(-1, 1, 1, 1) for v in shapes()[code].unbind(1))
    count, around, most = COPIES, 320, 20
    angle = torch.arange(around) * (2 * math.pi / around)
    # The side of a regular polygon, seen from its middle.
    sector = torch.remainder(angle, 2 * math.pi / vertices) - math.pi / vertices
    side = torch.cos(math.pi / vertices) / torch.cos(sector)
    phase = dice.uniform(0, 2 * math.pi, count, most, 1)
    noise = torch.sin(waves * angle + phase) + 0.6 * torch.sin((waves + 2) * angle - 2 * phase)
    order = torch.arange(most).view(1, 1, -1, 1)
    grow = 1 - order / lines * dice.uniform(0.5, 0.9, count, 1, 1)
    radius = side * grow * (1 + height * noise)
    copies, home = _instances(dice)
    copies = copies.view(-1, 1, 1, 1)
    large = dice.uniform(0.3, 0.46, count, 1, 1) / copies.sqrt() * size
    twist = dice.uniform(0, 2 * math.pi, count, 1, 1) + angle
    squeeze = 1 - 0.35 * hard * dice.uniform(0, 1, count, 1, 1)
    x, y = (size * home)[:, :, None, None].unbind(-1)
    u = radius * twist.cos() * large + x
    v = radius * twist.sin() * squeeze * large + y
    step = (order < lines) & (torch.arange(count).view(1, -1, 1, 1) < copies)
    weight = step * large * radius * (2 * math.pi / around) * dice.uniform(0.5, 1.0, count, 1, 1)
    ink = splat(u.flatten(1), v.flatten(1), weight.flatten(1), size)
    pen = dice.uniform(0.7, 1.6).view(-1, 1, 1)
    return _finished("contours", (ink * pen).clamp(max=1), code, dice)


def texture(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Draw textures of one class each (`textures.TEXTURES`).

    Parameters
    ----------
    n, size : int
        How many pictures, and their side in pixels.
    generator : torch.Generator
        Where every random number comes from.
    hard : float
        Unused by textures, whose every number is drawn: there is no plain one.
    """
    dice = Dice(n, generator)
    code = dice.integers(len(TEXTURES))
    return _finished("texture", weave(code, size, generator), code, dice)


def _finished(family: str, strength: Tensor, code: Tensor, dice: Dice) -> Phantoms:
    """Give a picture (N, S, S) in [0, 1] its greys, and say what it is."""
    n, size = strength.shape[:2]
    low, high = dice.uniform(0.0, 0.3), dice.uniform(0.7, 1.0)
    swapped = dice.chance(0.3)
    low, high = torch.where(swapped, high, low), torch.where(swapped, low, high)
    pixels = torch.lerp(low.view(-1, 1, 1), high.view(-1, 1, 1), strength)
    noise = torch.rand(n, size, size, generator=dice.generator) - 0.5
    pixels = pixels + dice.uniform(0.0, 0.12).view(-1, 1, 1) * noise
    number = code + LABELS["formula"].index(f"{family}_0")
    side = size // COARSE
    return Phantoms(
        pixels.clamp(0, 1)[:, None],
        answers(n, family=FAMILIES.index(family), formula=number),
        findings(n),
        torch.full((n, len(TISSUES), side, side), torch.nan),
    )
