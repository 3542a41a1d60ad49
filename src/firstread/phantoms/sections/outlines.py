"""Closed outlines on a section through the body, as tables of radii, one for each of N sections.

An outline is star-shaped: from its centre it is met once in every direction. ``x`` runs to the
right of the picture, which is the patient's left in axial and coronal sections, ``y`` down the
picture; lengths are in mm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice

ANGLES = 512
Number = float | Tensor


def directions() -> Tensor:
    """Return the angles (ANGLES,) of the tables, radians from ``x`` towards ``y``.

    They are evenly spaced along a square standing on its corner and not along a circle, so that
    a pixel's place in a table takes no arctangent (`Canvas`).
    """
    along = (torch.arange(ANGLES) + 0.5) * (4 / ANGLES) - 2
    side = 1 - along.abs()
    return torch.atan2(torch.sign(along) * (1 - side.abs()), side)


DIRECTIONS = directions()
COS, SIN = DIRECTIONS.cos(), DIRECTIONS.sin()


def column(value: Number, n: int) -> Tensor:
    """Return a number, or N of them, as a column (N, 1)."""
    return torch.as_tensor(value, dtype=torch.float32).reshape(-1, 1).expand(n, 1)


@dataclass(frozen=True)
class Outline:
    """One closed outline in each of N sections.

    Parameters
    ----------
    centre : Tensor
        (N, 2) x and y, mm.
    radii : Tensor
        (N, ANGLES) distance from the centre along `DIRECTIONS`, mm; -1 where there is none.
    """

    centre: Tensor
    radii: Tensor

    def where(self, present: Tensor) -> Outline:
        """Return the outline in those sections alone where ``present`` (N,) is true."""
        return Outline(self.centre, torch.where(present[:, None], self.radii, -1.0))

    def at(self, angle: Number, depth: Number = 0.0) -> Tensor:
        """Return the point (N, 2) of the outline at an angle (radians), ``depth`` mm inside."""
        n = len(self.radii)
        toward = column(angle, n)
        turn = torch.remainder(toward - DIRECTIONS + math.pi, 2 * math.pi) - math.pi
        radius = self.radii.gather(1, turn.abs().argmin(1, keepdim=True)) - column(depth, n)
        return self.centre + radius * torch.cat([toward.cos(), toward.sin()], 1)

    def grown(self, by: Number) -> Outline:
        """Return the outline, ``by`` mm wider all round (narrower where negative)."""
        return Outline(self.centre, self.radii + column(by, len(self.radii)))

    def mirrored(self) -> Outline:
        """Return the outline's mirror image across the midline (x = 0)."""
        half = ANGLES // 2
        radii = torch.cat([self.radii[:, :half].flip(1), self.radii[:, half:].flip(1)], 1)
        return Outline(self.centre * torch.tensor([-1.0, 1.0]), radii)


def pair(x: Number, y: Number, n: int) -> Tensor:
    """Return points (N, 2) of x and y, each a number or N of them."""
    return torch.cat([column(x, n), column(y, n)], 1)


def wobble(dice: Dice, highest: int = 6) -> Tensor:
    """Return a smooth random function (N, ANGLES) of direction, of unit variance.

    Its harmonics 2 to ``highest`` fall off as one over their order, as the outlines of organs do.
    """
    waves = _harmonics(highest)
    return dice.normal(0, 1, len(waves)) @ waves


@cache
def _harmonics(highest: int) -> Tensor:
    """Return the waves of a wobble, (2 * (highest - 1), ANGLES): cosines, then sines."""
    order = torch.arange(2, highest + 1, dtype=torch.float32)[:, None]
    waves = torch.cat([(order * DIRECTIONS).cos() / order, (order * DIRECTIONS).sin() / order])
    return waves / (1 / order**2).sum().sqrt()


def ellipse(
    centre: Tensor,
    across: Number,
    down: Number,
    *,
    turn: Number = 0.0,
    power: Number = 2.0,
    ripple: Tensor | None = None,
) -> Outline:
    """Return superellipses about centres (N, 2).

    Parameters
    ----------
    centre : Tensor
        (N, 2), mm.
    across, down : float or Tensor
        Half widths, mm.
    turn : float or Tensor
        Radians, clockwise in the picture.
    power : float or Tensor
        2 is an ellipse, more nears a rectangle.
    ripple : Tensor, optional
        (N, ANGLES) how far the outline departs, as a fraction of its radius.
    """
    n = len(centre)
    wide, high = column(across, n), column(down, n)
    cos, sin = _turned(turn)
    if isinstance(power, float) and power == 2.0:
        radii = torch.hypot(cos / wide, sin / high).reciprocal_()
    else:
        exponent = column(power, n)
        reach = (cos.abs() / wide) ** exponent
        reach += (sin.abs() / high) ** exponent
        radii = reach ** (-1 / exponent)
    return Outline(centre, radii if ripple is None else radii.addcmul_(radii, ripple))


def _turned(turn: Number) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of `DIRECTIONS` less a turn: (ANGLES,), or (N, ANGLES) for N turns."""
    if isinstance(turn, Tensor):
        cos, sin = turn.reshape(-1, 1).cos(), turn.reshape(-1, 1).sin()
        return cos * COS + sin * SIN, cos * SIN - sin * COS
    cosine, sine = math.cos(turn), math.sin(turn)
    return cosine * COS + sine * SIN, cosine * SIN - sine * COS


def through(
    centre: Tensor,
    knots: Sequence[tuple[float, float]],
    *,
    scale: Tensor | float = 1.0,
    smooth: float = 0.1,
    ripple: Tensor | None = None,
) -> Outline:
    """Return outlines through knots (x, y) mm from their centres, smoothed.

    Parameters
    ----------
    centre : Tensor
        (N, 2), mm.
    knots : sequence of tuple
        In any order; the centre sees each of them.
    scale : Tensor or float
        (N, 2) factors along x and y, or one for both.
    smooth : float
        Width of the smoothing along the direction, radians.
    ripple : Tensor, optional
        (N, ANGLES) how far the outline departs, as a fraction of its radius.
    """
    n = len(centre)
    factor = torch.as_tensor(scale, dtype=torch.float32)
    points = torch.tensor(knots) * (factor[:, None] if factor.ndim == 2 else factor)
    points = points.expand(n, len(knots), 2)
    angle, order = torch.atan2(points[..., 1], points[..., 0]).sort(1)
    radius = points.norm(dim=2).gather(1, order)
    # Once around, with the last knot before the first and the first after the last.
    angle = torch.cat([angle[:, -1:] - 2 * math.pi, angle, angle[:, :1] + 2 * math.pi], 1)
    radius = torch.cat([radius[:, -1:], radius, radius[:, :1]], 1)
    grid = DIRECTIONS.expand(n, -1).contiguous()
    after = torch.searchsorted(angle.contiguous(), grid).clamp(1, len(knots) + 1)
    left, right = angle.gather(1, after - 1), angle.gather(1, after)
    share = (grid - left) / (right - left).clamp(min=1e-6)
    radii = torch.lerp(radius.gather(1, after - 1), radius.gather(1, after), share)
    wave = torch.fft.rfftfreq(ANGLES, 1 / ANGLES)
    radii = torch.fft.irfft(torch.fft.rfft(radii) * torch.exp(-((wave * smooth) ** 2) / 2), ANGLES)
    return Outline(centre, radii if ripple is None else radii * (1 + ripple))
