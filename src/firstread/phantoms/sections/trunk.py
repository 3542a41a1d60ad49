"""What axial sections through chest and abdomen share: wall, spine and ribs.

``x`` to the patient's left, ``y`` backwards; the origin is the middle of the trunk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.sections.canvas import Canvas
from firstread.phantoms.sections.materials import Material as M  # noqa: N817
from firstread.phantoms.sections.outlines import (
    DIRECTIONS,
    Outline,
    column,
    ellipse,
    pair,
    through,
    wobble,
)
from firstread.phantoms.sections.section import both, chain

BONE = ((0, M.CORTICAL), (1.6, M.SPONGY))
NOT_AIR = tuple(m for m in M if m != M.AIR)


@dataclass(frozen=True)
class Trunk:
    """What the parts of one batch of trunks hang on.

    Parameters
    ----------
    level : Tensor
        (N,) from 0, the top of the region, to 1, its lower end.
    scale : Tensor
        (N, 2) against a middling cavity, across and front to back.
    wall, cavity : Outline
        Outside of the muscles; inside of the wall.
    fat : Tensor
        (N,) mm under the skin at the sides.
    """

    level: Tensor
    scale: Tensor
    wall: Outline
    cavity: Outline
    fat: Tensor

    def between(self, low: float, high: float) -> Tensor:
        """Return in which sections (N,) the level lies between."""
        return (self.level >= low) & (self.level < high)

    def place(self, x: float | Tensor, y: float | Tensor) -> Tensor:
        """Return points (N, 2) of a middling trunk, moved and stretched with the section."""
        return pair(x, y, len(self.level)) * self.scale

    def oval(
        self,
        x: float | Tensor,
        y: float | Tensor,
        across: float | Tensor,
        down: float | Tensor,
        turn: float | Tensor = 0.0,
        power: float = 2.0,
        ripple: Tensor | None = None,
    ) -> Outline:
        """Return superellipses, placed and sized likewise; turned by ``turn`` radians."""
        size = self.scale.prod(1).sqrt()
        return ellipse(
            self.place(x, y), across * size, down * size, turn=turn, power=power, ripple=ripple
        )

    def shape(
        self,
        x: float | Tensor,
        y: float | Tensor,
        knots: tuple[tuple[float, float], ...],
        dice: Dice,
        *,
        size: Tensor | float = 1.0,
        smooth: float = 0.12,
        rough: float = 0.03,
    ) -> Outline:
        """Return outlines through knots about a point, stretched with the section, roughened."""
        scale = self.scale * column(size, dice.n)
        return through(
            self.place(x, y), knots, scale=scale, smooth=smooth, ripple=rough * wobble(dice)
        )


def trunk(dice: Dice, level: Tensor, half: Tensor, thick: float, fat: Tensor) -> Trunk:
    """Return trunks whose cavity has half widths ``half`` (N, 2), in walls ``thick`` mm thick."""
    middling = torch.tensor([125.0, 85.0])
    cavity = ellipse(
        torch.zeros(dice.n, 2), half[:, 0], half[:, 1], power=2.35, ripple=0.012 * wobble(dice)
    )
    # Muscle is thickest beside the spine and thin over the front.
    back = torch.exp(-(((DIRECTIONS.cos().abs() - 0.28) / 0.35) ** 2)) * (DIRECTIONS.sin() > 0)
    grow = thick * (0.7 + 0.3 * DIRECTIONS.cos().abs() + 1.1 * back)
    wall = Outline(cavity.centre, cavity.radii + grow)
    return Trunk(level, half / middling, wall, cavity, fat)


def paint_wall(canvas: Canvas, body: Trunk, inner: int, lining: float = 2.0) -> None:
    """Paint skin, fat, muscle, and a cavity full of one material behind its lining."""
    # Fat gathers at the flanks and the belly, less over the spine.
    shape = 0.7 + 0.45 * DIRECTIONS.cos().abs() - 0.3 * (DIRECTIONS.sin().clamp(min=0) ** 6)
    under = body.fat[:, None] * shape
    skin = Outline(body.wall.centre, body.wall.radii + under + 2.0)
    cavity = skin.radii - body.cavity.radii
    canvas.paint(
        skin,
        (0, M.SKIN),
        (2.0, M.FAT),
        (under + 2.0, M.MUSCLE),
        (cavity, M.FAT),
        (cavity + lining, inner),
    )


def paint_vertebra(
    canvas: Canvas, body: Trunk, y: Tensor, size: float, dice: Dice, *, screws: Tensor
) -> None:
    """Paint a vertebra whose body's middle is at y (N,), and the muscles beside it.

    ``size`` is 1 for a lumbar vertebra; ``screws`` (N,) says where pedicle screws are.
    """
    s = body.scale.prod(1).sqrt() * size
    spine = torch.zeros(dice.n)

    def at(x: float, dy: float) -> Tensor:
        return pair(spine + x * s, y + dy * s, dice.n)

    back = ellipse(at(34, 44), 27 * s, 19 * s, turn=-0.25, power=2.3)
    both(canvas, back, (0, M.FAT), (1.5, M.MUSCLE), within=(M.MUSCLE, M.FAT))
    arms = ellipse(at(27, 27), 24 * s, 4.5 * s, turn=0.2)
    both(canvas, arms, *BONE)
    both(canvas, ellipse(at(12, 36), 14 * s, 4 * s, turn=1.1), *BONE)
    canvas.paint(ellipse(at(0, 56), 4 * s, 17 * s, power=2.5), *BONE)
    both(canvas, ellipse(at(17, 20), 6 * s, 12 * s), *BONE)
    vertebra = through(
        at(0, 0),
        ((0, -17), (15, -14), (23, -2), (21, 10), (12, 15), (0, 12.5), (-12, 15), (-21, 10),
         (-23, -2), (-15, -14)),
        scale=s[:, None].expand(-1, 2), smooth=0.15, ripple=0.015 * wobble(dice),
    )  # fmt: skip
    disc = dice.chance(0.25)
    canvas.paint(vertebra.where(~disc), *BONE)
    canvas.paint(vertebra.where(disc), (0, M.DISC))
    canal = ellipse(at(0, 23), 10.5 * s, 8.5 * s, power=2.3)
    canvas.paint(canal, (0, M.FAT), (1.2, M.CSF))
    canvas.paint(ellipse(at(0, 23), 5 * s, 3.6 * s), (0, M.WHITE))
    for side in (-1.0, 1.0):
        rod = chain(at(side * 21, 34), at(side * 11, -6), 30)
        canvas.dot(rod, torch.where(screws, 2.6, -1.0)[:, None].expand(-1, 30), M.METAL)


def paint_ribs(
    canvas: Canvas, body: Trunk, count: int, dice: Dice, *, present: Tensor, front: float = -1.05
) -> None:
    """Paint ribs, cut obliquely, ``count`` a side; ``front`` is the angle of the foremost."""
    spacing = (1.35 - front) / max(count - 1, 1)
    phase = dice.uniform(-0.45, 0.45, 2)
    for k in range(count):
        for side in (0, 1):
            toward = front + (k + phase[:, side]) * spacing
            angle = toward if side == 0 else math.pi - toward
            centre = body.cavity.at(angle, depth=-5.0)
            # Along the wall: a quarter turn from the direction, slanted by the ellipse's shape.
            along = torch.atan2(
                -angle.cos() * body.scale[:, 1] * 85, angle.sin() * body.scale[:, 0] * 125
            )
            rib = ellipse(centre, dice.uniform(7, 19), dice.uniform(3.5, 5.0), turn=along)
            canvas.paint(rib.where(present), *BONE, within=NOT_AIR)
