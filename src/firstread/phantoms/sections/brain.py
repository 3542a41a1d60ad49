"""Folded brain: grey matter, white matter, and the fissures between the gyri."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.sections.canvas import Canvas
from firstread.phantoms.sections.materials import Material as M  # noqa: N817
from firstread.phantoms.sections.outlines import DIRECTIONS, Outline
from firstread.phantoms.sections.scanners import field

RIBBON = 3.2  # Thickness of the cortex, mm: Fischl & Dale, PNAS 2000 (2.5) and its blurred edge.


def fissures(count: int, depth: tuple[float, float], dice: Dice) -> tuple[Tensor, Tensor]:
    """Return how deep fluid and how deep grey matter cut in, each (N, ANGLES) mm.

    Parameters
    ----------
    n : int
        Number of sections.
    count : int
        Fissures all round.
    depth : tuple of float
        The shallowest and the deepest, mm.
    dice : Dice
        Source of all that is random.
    """
    spacing = 2 * math.pi / count
    place = (torch.arange(count) + 0.3 * dice.normal(0, 1, count)) * spacing - math.pi
    place = place.clamp(-math.pi, math.pi).sort(1).values
    low, high = depth
    deep = low + (high - low) * dice.uniform(0, 1, count) ** 1.5
    # Only the fissures to either side can cut in at a direction; the first follows the last.
    grid = DIRECTIONS.expand(dice.n, -1).contiguous()
    after = torch.searchsorted(place, grid)
    fluid = grey = torch.zeros(dice.n, len(DIRECTIONS))
    for near in (after % count, (after - 1) % count):
        away = torch.remainder(grid - place.gather(1, near) + math.pi, 2 * math.pi) - math.pi
        square, reach = (away / spacing) ** 2, deep.gather(1, near)
        fluid = torch.maximum(fluid, reach * torch.exp(-400 * square))
        grey = torch.maximum(grey, reach * torch.exp(-11 * square))
    return fluid, grey


def fold(
    canvas: Canvas,
    outline: Outline,
    gap: Tensor,
    dice: Dice,
    *,
    count: int = 24,
    depth: tuple[float, float] = (4.0, 24.0),
    ribbon: float = RIBBON,
    within: Sequence[int] = (),
) -> None:
    """Paint brain inside an outline, with fluid around it and in its fissures.

    ``gap`` (N, 1) or (N, ANGLES) is how far the brain stays away from the outline, mm; ``within``
    the materials it may replace.
    """
    side = canvas.materials.shape[-1]
    fluid, grey = fissures(count, depth, dice)
    bend = 7 * field(dice, side, 9)[:, 0]
    canvas.paint(
        outline,
        (0, M.CSF),
        (gap + fluid, M.GREY),
        (gap + ribbon + grey, M.WHITE),
        within=within,
        shift=bend,
    )
