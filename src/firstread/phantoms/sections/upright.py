"""Sections along the body: the head from the side, the trunk from the front, the lumbar spine.

``y`` runs down the picture, from head to foot. In sagittal sections ``x`` runs backwards: the face
looks to the left. In coronal ones ``x`` runs to the patient's left.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.sections.brain import fold
from firstread.phantoms.sections.canvas import Canvas
from firstread.phantoms.sections.materials import Material as M  # noqa: N817
from firstread.phantoms.sections.outlines import Number, Outline, ellipse, pair, through, wobble
from firstread.phantoms.sections.section import Section, both, chain, lump, posed
from firstread.phantoms.sections.trunk import BONE, NOT_AIR

Knots = tuple[tuple[float, float], ...]
SKULL: Knots = (
    (-90, 0), (-82, -48), (-42, -82), (10, -90), (60, -72), (90, -25), (90, 18), (66, 46),
    (28, 54), (-20, 42), (-72, 34),
)  # fmt: skip
CEREBRUM: Knots = (
    (-80, 2), (-73, -42), (-36, -72), (12, -79), (56, -62), (80, -18), (74, 14), (34, 14), (4, 26),
    (-40, 28), (-72, 22),
)  # fmt: skip
FACE: Knots = (
    (-38, -42), (-43, -22), (-58, 6), (-42, 16), (-48, 34), (-40, 52), (-30, 62), (20, 56),
    (60, 20), (50, -40),
)  # fmt: skip
TRUNK: Knots = (
    (0, -320), (52, -310), (62, -246), (168, -216), (172, -120), (158, 0), (150, 90), (174, 210),
    (180, 400), (0, 430),
)  # fmt: skip
LUNG: Knots = (
    (-8, -118), (22, -104), (48, -50), (60, 30), (62, 88), (40, 62), (6, 48), (-34, 62), (-38, 20),
    (-34, -60),
)  # fmt: skip
LIVER: Knots = (
    (-72, 20), (-70, -30), (-34, -52), (10, -50), (72, -34), (92, -20), (40, 12), (-4, 40),
    (-44, 84), (-66, 76),
)  # fmt: skip
SACRUM: Knots = ((-18, -22), (16, -24), (40, 10), (62, 60), (52, 66), (14, 36), (-10, 4))


class Scale:
    """Places and sizes of a middling body, stretched for each of N bodies."""

    def __init__(self, dice: Dice, low: float, high: float) -> None:
        grown = dice.uniform(low, high)
        squeeze = dice.uniform(0.95, 1.05)
        self.factors = torch.stack([grown * squeeze, grown / squeeze], 1)
        self.dice = dice

    def place(self, x: Number, y: Number) -> Tensor:
        """Return points (N, 2)."""
        return pair(x, y, self.dice.n) * self.factors

    def oval(
        self,
        x: Number,
        y: Number,
        across: float,
        down: float,
        turn: float = 0.0,
        power: float = 2.0,
    ) -> Outline:
        """Return superellipses."""
        u, v = self.factors.unbind(1)
        return ellipse(self.place(x, y), across * u, down * v, turn=turn, power=power)

    def shape(self, x: Number, y: Number, knots: Knots, smooth: float = 0.08) -> Outline:
        """Return outlines through knots about a point."""
        return through(
            self.place(x, y), knots, scale=self.factors, smooth=smooth,
            ripple=0.012 * wobble(self.dice),
        )  # fmt: skip

    def line(
        self,
        canvas: Canvas,
        start: tuple[Number, Number],
        end: tuple[Number, Number],
        radius: float,
        material: int,
        *,
        bow: float = 0.0,
        present: Tensor | None = None,
    ) -> None:
        """Paint a line between two places, ``radius`` mm thick, bowed sideways by ``bow`` mm."""
        first, last = self.place(*start), self.place(*end)
        # Discs half a radius apart: the line's edge is smooth to a thirtieth of its width.
        count = 2 + math.ceil(2 * float((last - first).norm(dim=1).max()) / radius)
        points = chain(first, last, count, bow=bow)
        thick = (radius * self.factors[:, :1]).expand(-1, count)
        if present is not None:
            thick = torch.where(present[:, None], thick, -1.0)
        canvas.dot(points, thick, material)


def head(dice: Dice, size: int, *, changes: float = 0.5, couches: bool = True) -> Section:
    """Paint sagittal sections through the middle of heads; see `head.axial` for the parameters."""
    del couches  # The holder lies beside the middle.
    at = Scale(dice, 0.88, 1.06)
    pose = posed(at.place(-4, 18), 250 * at.factors[:, 0], dice, turn=0.12)
    canvas = Canvas.blank(pose, size)
    fat = dice.uniform(3.5, 8.0)
    neck = at.oval(26, 130, 56, 100, turn=0.08, power=3.5)
    canvas.paint(neck, (0, M.SKIN), (2, M.FAT), (fat + 2, M.MUSCLE))
    face = at.shape(-52, 56, FACE, smooth=0.05)
    canvas.paint(face, (0, M.SKIN), (2, M.FAT), (7, M.MUSCLE))
    skull = at.shape(0, 0, SKULL)
    canvas.paint(
        skull.grown(fat), (0, M.SKIN), (1.6, M.FAT), (fat, M.CORTICAL), (fat + 2, M.SPONGY),
        (fat + 5, M.CORTICAL), (fat + 6.8, M.DURA), (fat + 7.6, M.CSF),
    )  # fmt: skip
    shrunk = dice.uniform(0, 1)[:, None] ** 1.5
    cerebrum = at.shape(0, 0, CEREBRUM)
    fold(canvas, cerebrum, 0.5 + 2.5 * shrunk, dice, count=22, depth=(6, 30), within=(M.CSF,))
    at.line(canvas, (-30, 8), (32, 6), 5.5, M.CSF, bow=-13)
    at.line(canvas, (-34, 10), (36, 8), 3.6, M.WHITE, bow=-24)
    canvas.paint(at.oval(2, 12, 14, 9), (0, M.GREY))
    canvas.paint(
        at.oval(14, 44, 26, 30),
        (0, M.CSF),
        within=(M.CSF, M.CORTICAL, M.SPONGY, M.DURA, M.MUSCLE),
    )
    fold(
        canvas, at.oval(46, 36, 29, 24, turn=-0.3), torch.full((dice.n, 1), 0.8), dice,
        count=34, depth=(7, 18), ribbon=1.8, within=(M.CSF, M.GREY, M.WHITE),
    )  # fmt: skip
    at.line(canvas, (10, 70), (30, 215), 8.5, M.CSF, bow=5)
    at.line(canvas, (8, 20), (14, 62), 8.5, M.WHITE)
    canvas.paint(at.oval(7, 42, 12, 14), (0, M.WHITE))
    at.line(canvas, (12, 56), (30, 215), 4.6, M.WHITE, bow=5)
    canvas.paint(at.oval(24, 42, 3.2, 10, turn=-0.1), (0, M.CSF))
    at.line(canvas, (-14, 30), (4, 66), 4.0, M.SPONGY)
    for k in range(7):
        x, y = 2 + 2.2 * k, 84 + 19.0 * k
        canvas.paint(at.oval(x, y, 9, 7.5, power=4), (0, M.CORTICAL), (1.2, M.SPONGY))
        canvas.paint(at.oval(x + 1, y + 9.5, 8.5, 2.4, power=3), (0, M.DISC))
        canvas.paint(at.oval(x + 36, y + 8, 12, 4, turn=0.35), *BONE)
    canvas.paint(at.oval(-26, 37, 12, 8), (-1.5, M.CORTICAL), (0, M.GAS))
    canvas.paint(at.oval(-66, 52, 24, 15), (-1.2, M.CORTICAL), (0, M.MUCOSA), (1.5, M.GAS))
    for y in (48.0, 57.0):
        at.line(canvas, (-84, y), (-52, y - 2), 2.6, M.MUCOSA, bow=3)
    at.line(canvas, (-92, 72), (-36, 71), 2.2, M.CORTICAL)
    at.line(canvas, (-30, 58), (-16, 190), 5.5, M.GAS, bow=-4)
    canvas.paint(at.oval(-60, 92, 30, 17), (-1.5, M.GAS), (0, M.MUSCLE), within=(M.MUSCLE, M.FAT))
    canvas.paint(at.oval(-88, 112, 7, 11, turn=0.3), *BONE)
    canvas.paint(at.oval(-84, -4, 5, 13, turn=0.1).where(dice.chance(0.7)), (0, M.GAS))
    mass = dice.chance(0.3 * changes)
    spot = at.place(dice.uniform(-50, 55), dice.uniform(-60, -15))
    growth = lump(spot, dice.uniform(7, 20), dice).where(mass)
    canvas.paint(growth, (0, M.TUMOUR), (dice.uniform(3, 12), M.CYST), within=(M.GREY, M.WHITE))
    return Section(canvas, {"mass": mass})


def chest(dice: Dice, size: int, *, changes: float = 0.5, couches: bool = True) -> Section:
    """Paint coronal sections through chests; see `chest.axial` for the parameters."""
    del couches
    return _trunk(dice, size, -105.0, 405.0, changes)


def abdomen(dice: Dice, size: int, *, changes: float = 0.5, couches: bool = True) -> Section:
    """Paint coronal sections through abdomens; see `abdomen.axial` for the parameters."""
    del couches
    return _trunk(dice, size, 140.0, 430.0, changes)


def _trunk(dice: Dice, size: int, middle: float, width: float, changes: float) -> Section:
    at = Scale(dice, 0.85, 1.1)
    canvas = Canvas.blank(posed(at.place(0, middle), width * at.factors[:, 0], dice), size)
    front = dice.chance(0.55)
    back = ~front
    fat = 3 + 30 * dice.uniform(0, 1) ** 2
    half = [*TRUNK, *((-x, y) for x, y in TRUNK if x)]
    body = at.shape(0, 0, tuple(half), smooth=0.04)
    canvas.paint(body.grown(fat), (0, M.SKIN), (2, M.FAT), (fat + 2, M.MUSCLE))
    belly = at.oval(0, 140, 132, 185, power=2.8)
    canvas.paint(belly, (0, M.FAT))
    canvas.paint(at.oval(0, -62, 134, 138, power=2.1), (0, M.FAT))
    lung = at.shape(72, -72, LUNG)
    both(canvas, lung, (0, M.LUNG))
    for side in (-1.0, 1.0):
        for _ in range(9):
            end = at.place(side * dice.uniform(50, 125), dice.uniform(-180, 10))
            path = chain(at.place(side * 34, -75), end, 60, bow=dice.normal(0, 6))
            canvas.dot(path, torch.full((dice.n, 60), 1.5), M.BLOOD, within=(M.LUNG,))
    for k in range(11):
        y = -178 + 25.0 * k
        x = 138 - 46 * max(0.0, (-90 - y) / 100) ** 2
        both(canvas, at.oval(x, y, 4.6, 8.5, turn=0.25), *BONE, within=NOT_AIR)
    spleen = at.oval(106, 52, 23, 42, turn=0.25)
    canvas.paint(spleen, (0, M.SPLEEN), within=(M.FAT,))
    canvas.paint(at.shape(-58, 50, LIVER), (0, M.MUSCLE), (1.5, M.LIVER), within=(M.FAT, M.LUNG))
    _bowel(canvas, at, front, dice)
    heart = at.oval(26, -42, 58, 50, turn=0.4).where(front)
    canvas.paint(heart, (-3, M.FAT), (0, M.MYOCARDIUM), (9, M.BLOOD))
    at.line(canvas, (6, -80), (2, -128), 14, M.BLOOD, bow=8, present=front)
    at.line(canvas, (-26, -60), (-24, -140), 8, M.BLOOD, present=front)
    at.line(canvas, (0, -230), (0, -105), 8.0, M.GAS, present=back)
    for side in (-1, 1):
        at.line(canvas, (0, -106), (side * 36, -78), 5.5, M.GAS, present=back)
    for k in range(20):
        y = -230 + 26.5 * k
        wide = 14 + 0.5 * k
        vertebra = at.oval(0, y, wide, 10.5, power=4).where(back)
        canvas.paint(vertebra, (0, M.CORTICAL), (1.5, M.SPONGY))
        canvas.paint(at.oval(0, y + 13.2, wide - 1, 3.0, power=3).where(back), (0, M.DISC))
    both(canvas, at.oval(46, 175, 21, 88, turn=-0.14).where(back), (-2, M.FAT), (0, M.MUSCLE))
    kidney = at.oval(68, 92, 26, 52, turn=-0.2).where(back)
    both(canvas, kidney, (-6, M.FAT), (0, M.CORTEX), (8, M.MEDULLA))
    both(canvas, at.oval(60, 92, 10, 22, turn=-0.2).where(back), (0, M.FAT), (5, M.URINE))
    both(canvas, at.oval(104, 232, 15, 52, turn=-0.45, power=2.4), *BONE)
    both(canvas, at.oval(92, 312, 24, 24), *BONE)
    canvas.paint(at.oval(0, 285, 42, 30, power=2.4).where(front), (-3, M.BOWEL), (0, M.URINE))
    some, kind = dice.chance(changes), dice.uniform(0, 1)
    nodule, mass = some & (kind < 0.3), some & (kind > 0.75)
    either = torch.where(dice.chance(0.5), 1.0, -1.0)
    spot = at.place(either * dice.uniform(60, 100), dice.uniform(-150, -40))
    canvas.paint(
        lump(spot, dice.uniform(4, 15), dice).where(nodule), (0, M.TUMOUR), within=(M.LUNG, M.BLOOD)
    )
    spot = at.place(dice.uniform(-110, -60), dice.uniform(20, 70))
    growth = lump(spot, dice.uniform(8, 24), dice).where(mass)
    canvas.paint(growth, (0, M.TUMOUR), within=(M.LIVER,))
    return Section(canvas, {"nodule": nodule} if middle < 0 else {"mass": mass})


def _bowel(canvas: Canvas, at: Scale, front: Tensor, dice: Dice) -> None:
    stomach = at.oval(58, 40, 34, 44, turn=0.5).where(front)
    canvas.paint(stomach, (0, M.BOWEL), (3, M.FLUID), (16, M.GAS), within=(M.FAT, M.SPLEEN))
    contents = (M.FLUID, M.BOWEL, M.GAS)
    for k in range(16):
        place = at.place(dice.uniform(-88, 88), dice.uniform(95, 262))
        loop = lump(place, dice.uniform(11, 21), dice, rough=0.12).where(front)
        canvas.paint(loop, (0, M.BOWEL), (2.6, contents[k % 3]), within=(M.FAT, M.BOWEL))
    for x, y in ((-108, 130), (-110, 175), (-104, 215), (110, 120), (112, 165), (106, 210)):
        colon = lump(at.place(x, y), dice.uniform(17, 25), dice)
        canvas.paint(colon, (0, M.BOWEL), (2.4, M.STOOL), within=(M.FAT, M.BOWEL))


def spine(dice: Dice, size: int, *, changes: float = 0.5, couches: bool = True) -> Section:
    """Paint sagittal sections through the middle of lumbar spines."""
    del couches
    at = Scale(dice, 0.85, 1.1)
    canvas = Canvas.blank(posed(at.place(6, 0), 270 * at.factors[:, 0], dice), size)
    fat = dice.uniform(6, 34)
    body = at.oval(-8, 0, 104, 420, power=4)
    canvas.paint(body.grown(fat), (0, M.SKIN), (2, M.FAT), (fat + 2, M.MUSCLE), (fat + 8, M.FAT))
    for _ in range(9):
        loop = lump(
            at.place(dice.uniform(-100, -48), dice.uniform(-130, 130)), dice.uniform(8, 17), dice
        )
        canvas.paint(loop, (0, M.BOWEL), (2.6, M.FLUID), within=(M.FAT, M.BOWEL))
    canvas.paint(at.oval(74, -10, 18, 260, power=3), (0, M.MUSCLE))
    lordosis = dice.uniform(8, 22)
    aorta = dice.chance(0.7)
    at.line(canvas, (-26, -170), (-32 - lordosis, 70), 8.5, M.BLOOD, bow=6, present=aorta)
    worn = dice.chance(0.4, 8)
    slipped = dice.chance(0.35 * changes, 8)
    where: list[tuple[Tensor, float]] = []
    for k in range(8):
        y = -148 + 37.0 * k
        where.append((6 - lordosis * math.sin(math.pi * (k - 1) / 6.5), y))
    for (x0, y0), (x1, y1) in pairwise(where):
        at.line(canvas, (x0 + 29, y0), (x1 + 29, y1), 9.5, M.FAT)
    for (x0, y0), (x1, y1) in pairwise(where):
        at.line(canvas, (x0 + 27, y0), (x1 + 27, y1), 7.0, M.CSF)
    for (x0, y0), (x1, y1) in pairwise(where[:4]):
        at.line(canvas, (x0 + 28, y0), (x1 + 28, y1), 3.6 if y0 < -90 else 2.2, M.WHITE)
    for k, (x, y) in enumerate(where):
        if k < 7:
            u, v = (x + where[k + 1][0]) / 2, y + 18.5
            # A healthy disc holds a watery nucleus; a worn one has dried up, and may bulge.
            canvas.paint(at.oval(u, v, 19, 5.0, power=3), (0, M.CARTILAGE))
            canvas.paint(at.oval(u, v, 12, 3.2).where(~worn[:, k]), (0, M.EYE))
            bulge = at.oval(u + 20, v, 6, 4.5).where(slipped[:, k] & worn[:, k])
            canvas.paint(bulge, (0, M.CARTILAGE))
            canvas.paint(at.oval(x, y, 18.5, 13.5, power=4), (0, M.CORTICAL), (1.2, M.SPONGY))
            canvas.paint(at.oval(x + 58, y + 13, 19, 8.5, turn=0.3, power=2.6), *BONE)
    x, y = where[7]
    canvas.paint(at.shape(x + 2, y + 4, SACRUM), (0, M.CORTICAL), (1.2, M.SPONGY))
    mass = dice.chance(0.25 * changes)
    chosen = dice.integers(6)
    across = torch.stack([x for x, _ in where], 1).gather(1, chosen[:, None])[:, 0]
    down = torch.tensor([y for _, y in where])[chosen]
    growth = lump(at.place(across, down), dice.uniform(5, 11), dice).where(mass)
    canvas.paint(growth, (0, M.TUMOUR), within=(M.SPONGY,))
    return Section(canvas, {"mass": mass})
