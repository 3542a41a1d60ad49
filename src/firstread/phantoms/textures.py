"""Textures of sixteen classes: dead leaves, spectral noise, gratings and warped noise.

Dead leaves and noise with the spectrum of photographs: Baradad et al., Learning to See by Looking
at Noise, NeurIPS 2021. Warped noise: Perlin, An Image Synthesizer, SIGGRAPH 1985; cells: Worley,
A Cellular Texture Basis Function, SIGGRAPH 1996.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from firstread.phantoms.chances import Dice


def _grid(size: int) -> tuple[Tensor, Tensor]:
    """Return x of the columns and y of the rows (1, size, size), 0 to 1."""
    along = (torch.arange(size) + 0.5) / size
    return along.view(1, 1, -1), along.view(1, -1, 1)


def _unit(field: Tensor, reach: float = 2.0) -> Tensor:
    """Return fields (N, S, S) with ``reach`` standard deviations about their mean as 0 to 1."""
    spread, mean = torch.std_mean(field, (1, 2), keepdim=True)
    return ((field - mean) / (2 * reach * spread.clamp(min=1e-6)) + 0.5).clamp(0, 1)


def _smooth(dice: Dice, size: int, cells: int) -> Tensor:
    """Return smooth noise (N, size, size) of about unit variance, ``cells`` a side."""
    coarse = 1.4 * dice.normal(0, 1, 1, cells + 1, cells + 1)
    wide = functional.interpolate(coarse, (size, size), mode="bicubic", align_corners=True)
    return wide[:, 0]


def leaves(dice: Dice, size: int, kind: float) -> Tensor:
    """Draw dead leaves: shapes of a power law of sizes that cover one another.

    ``kind`` is 0 for discs, 1 for boxes, 2 for straws, 3 for rings.
    """
    order = torch.zeros(dice.n, size * size, dtype=torch.int64)
    first = 1
    rows = torch.arange(dice.n).view(-1, 1, 1, 1)
    # Large ones first and small ones over them, in blocks of pixels that just hold them.
    for count, low, high in ((14, 0.13, 0.24), (40, 0.06, 0.13), (90, 0.025, 0.06)):
        radius = dice.uniform(low, high, count) * size
        block = 2 * math.ceil(high * size) + 1
        offset = torch.arange(block) - block // 2
        home = (dice.uniform(0, 1, count, 2) * size).floor()
        turn = dice.uniform(0, math.pi, count)[..., None, None]
        u, v = offset.view(1, 1, 1, -1), offset.view(1, 1, -1, 1)
        a, b = turn.cos() * u + turn.sin() * v, turn.cos() * v - turn.sin() * u
        r = radius[..., None, None]
        inside = (a * a + b * b) < r * r
        if kind == 1:
            inside = torch.maximum(a.abs(), b.abs() * 1.3) < 0.7 * r
        if kind == 2:
            inside = (a.abs() < r) & (b.abs() < 0.16 * r + 0.6)
        if kind == 3:
            inside &= (a * a + b * b) > (0.65 * r - 0.5) ** 2
        x, y = home[..., :1, None] + u, home[..., 1:, None] + v
        inside = inside & (x >= 0) & (x < size) & (y >= 0) & (y < size)
        number = (first + torch.arange(count)).view(1, -1, 1, 1).expand(inside.shape)
        index = ((rows * size + y) * size + x).long()
        order.view(-1).scatter_reduce_(0, index[inside], number[inside], "amax")
        first += count
    shade = dice.uniform(0, 1, first)
    return shade.gather(1, order).view(-1, size, size)


def spectral(dice: Dice, size: int, slope: float) -> Tensor:
    """Draw noise whose amplitude falls with frequency to the power of ``-slope``."""
    white = dice.normal(0, 1, size, size)
    fx, fy = torch.fft.rfftfreq(size), torch.fft.fftfreq(size)[:, None]
    stretch = dice.uniform(0.7, 1.4).view(-1, 1, 1)
    frequency = torch.hypot(fx * stretch, fy / stretch).clamp(min=1 / size)
    noise = torch.fft.irfft2(torch.fft.rfft2(white) * frequency**-slope, s=(size, size))
    return _unit(noise)


def gratings(dice: Dice, size: int, kind: float) -> Tensor:
    """Draw gratings: 0 broad, 1 fine, 2 plaid, 3 a mosaic of directions."""
    x, y = _grid(size)
    low, high = ((4, 8), (14, 26), (6, 14), (10, 22))[int(kind)]
    pitch = dice.uniform(low, high).view(-1, 1, 1) * 2 * math.pi
    turn = dice.uniform(0, math.pi).view(-1, 1, 1)
    if kind == 3:
        turn = turn + 0.9 * _nearest(dice, size, 12)[1]
    bend = 0.02 * _smooth(dice, size, 3)
    along = turn.cos() * x + turn.sin() * y + bend
    wave = torch.sin(pitch * along)
    if kind == 2:
        wave = 0.5 * wave + 0.5 * torch.sin(pitch * (turn.cos() * y - turn.sin() * x + bend))
    sharp = dice.uniform(0.8, 4.0).view(-1, 1, 1)
    return 0.5 + 0.5 * torch.tanh(sharp * wave) / torch.tanh(sharp)


def _nearest(dice: Dice, size: int, count: int) -> tuple[Tensor, Tensor]:
    """Return the distance to the nearest of ``count`` points, and its number, each (N, S, S)."""
    x, y = _grid(size)
    px, py = dice.uniform(0, 1, 2, count).unbind(1)
    best = torch.full((dice.n, size, size), torch.inf)
    owner = torch.zeros(dice.n, size, size)
    for k in range(count):
        away = (x - px[:, k].view(-1, 1, 1)) ** 2 + (y - py[:, k].view(-1, 1, 1)) ** 2
        closer = away < best
        best = torch.where(closer, away, best)
        owner = torch.where(closer, float(k), owner)
    return best.sqrt(), owner


def warped(dice: Dice, size: int, kind: float) -> Tensor:
    """Draw warped noise: 0 labyrinth, 1 marble, 2 ridges, 3 cells."""
    if kind == 3:
        return (_nearest(dice, size, 24)[0] * 5.5).clamp(max=1)
    cells = 20 if kind == 0 else 6
    noise = _smooth(dice, size, cells) + 0.4 * _smooth(dice, size, 2 * cells)
    if kind == 0:
        return torch.sigmoid(dice.uniform(4, 14).view(-1, 1, 1) * noise)
    if kind == 1:
        x, y = _grid(size)
        turn = dice.uniform(0, math.pi).view(-1, 1, 1)
        along = turn.cos() * x + turn.sin() * y
        return 0.5 + 0.5 * torch.sin(30 * along + 2.2 * noise)
    return (1 - noise.abs()).clamp(0, 1) ** 2


TEXTURES: tuple[tuple[Callable[[Dice, int, float], Tensor], float], ...] = (
    *((leaves, kind) for kind in range(4)),
    *((spectral, slope) for slope in (0.4, 0.9, 1.5, 2.3)),
    *((gratings, kind) for kind in range(4)),
    *((warped, kind) for kind in range(4)),
)
"""What draws each class, and its parameter."""


def weave(code: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return textures (N, size, size) in [0, 1] of the classes ``code`` (N,)."""
    woven = torch.empty(len(code), size, size)
    for number in sorted(set(code.tolist())):
        mine = code == number
        kind, parameter = TEXTURES[number]
        woven[mine] = kind(Dice(int(mine.sum()), generator), size, parameter)
    return woven
