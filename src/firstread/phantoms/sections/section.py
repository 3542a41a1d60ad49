"""A painted section with what is known of it, before it is scanned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.sections.canvas import Canvas, Pose
from firstread.phantoms.sections.materials import Material
from firstread.phantoms.sections.outlines import (
    DIRECTIONS,
    Outline,
    ellipse,
    pair,
    wobble,
)


@dataclass(frozen=True)
class Section:
    """Painted sections, and the signs that were painted into them.

    Parameters
    ----------
    canvas : Canvas
        The materials.
    signs : dict of Tensor
        Name of `truth.SIGNS` -> (N,) whether it is present.
    """

    canvas: Canvas
    signs: dict[str, Tensor] = field(default_factory=dict)


def posed(centre: Tensor, width: float | Tensor, dice: Dice, *, turn: float = 0.08) -> Pose:
    """Return a pose about a centre (N, 2): nearly all in view, or zoomed in, or off centre."""
    zoom = torch.where(dice.chance(0.2), dice.uniform(0.6, 0.9), dice.uniform(0.95, 1.3))
    wide = width * zoom
    away = 0.05 * dice.normal(0, 1, 2) * wide[:, None]
    return Pose(centre + away, wide, turn * dice.normal())


def both(
    canvas: Canvas,
    outline: Outline,
    *layers: tuple[float | Tensor, int],
    within: Sequence[int] = (),
) -> None:
    """Paint a part and its mirror image across the midline."""
    canvas.paint(outline, *layers, within=within)
    canvas.paint(outline.mirrored(), *layers, within=within)


def chain(start: Tensor, end: Tensor, count: int, *, bow: float | Tensor = 0.0) -> Tensor:
    """Return points (N, count, 2) from start to end (N, 2), bowed sideways by ``bow`` mm."""
    along = torch.linspace(0, 1, count).view(1, -1, 1)
    straight = torch.lerp(start[:, None], end[:, None], along)
    away = end - start
    normal = torch.stack([-away[:, 1], away[:, 0]], 1) / away.norm(dim=1, keepdim=True).clamp(1e-3)
    swing = torch.as_tensor(bow, dtype=torch.float32).reshape(-1, 1, 1)
    bowed: Tensor = straight + swing * normal[:, None] * torch.sin(math.pi * along)
    return bowed


def lump(centre: Tensor, radius: Tensor, dice: Dice, *, rough: float = 0.15) -> Outline:
    """Return a roundish outline of a random shape: a lesion, a piece of bowel."""
    squeeze = dice.uniform(0.65, 1.0)
    return ellipse(
        centre,
        radius,
        radius * squeeze,
        turn=dice.uniform(0, math.pi),
        ripple=rough * wobble(dice, 8),
    )


def somewhere(outline: Outline, dice: Dice, depth: float = 0.0) -> Tensor:
    """Return a point (N, 2) inside an outline, at least ``depth`` mm from it along its ray."""
    n = len(outline.radii)
    entry = dice.integers(len(DIRECTIONS), 1)
    reach = (outline.radii.gather(1, entry) - depth).clamp(min=0)
    reach = reach * dice.uniform(0, 1).sqrt()[:, None]
    angle = DIRECTIONS[entry[:, 0]]
    return outline.centre + reach * pair(angle.cos(), angle.sin(), n)


def couch(canvas: Canvas, below: Tensor, half: float, dice: Dice) -> None:
    """Paint the scanner's couch (a shell filled with foam) into half of the sections.

    Parameters
    ----------
    canvas : Canvas
        Painted before the body that lies on it.
    below : Tensor
        (N,) y of the body's lowest point, mm.
    half : float
        Half its width, mm.
    dice : Dice
        Source of all that is random.
    """
    n = len(below)
    present = dice.chance(0.5)
    dip = dice.uniform(0.35, 0.8) * half
    hollow = ellipse(pair(0.0, below - dip + 3, n), half * 1.02, dip, power=2.3)
    shell = Outline(hollow.centre, hollow.radii + dice.uniform(10, 22)[:, None])
    lower = DIRECTIONS.sin() > 0.25
    shell = Outline(shell.centre, torch.where(lower & present[:, None], shell.radii, -1.0))
    thick = (shell.radii - hollow.radii).clamp(min=0)
    canvas.paint(shell, (0, Material.SKIN), (2.0, Material.FOAM), (thick, Material.AIR))
