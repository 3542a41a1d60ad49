"""Axial sections through the head.

``x`` to the patient's left, ``y`` backwards; the origin lies mid-way between the ears. The level
runs from 0 (orbits and cerebellum) over 0.5 (basal ganglia and ventricles) to 1 (vertex).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.sections.brain import fold
from firstread.phantoms.sections.canvas import Canvas
from firstread.phantoms.sections.materials import Material as M  # noqa: N817
from firstread.phantoms.sections.outlines import (
    DIRECTIONS,
    Outline,
    ellipse,
    pair,
    through,
    wobble,
)
from firstread.phantoms.sections.section import (
    Section,
    both,
    chain,
    couch,
    lump,
    posed,
    somewhere,
)

BRAIN = (M.GREY, M.WHITE)
# Half of the skull's outline from the forehead to the occiput, mm.
SKULL = ((0, -93), (30, -88), (52, -70), (66, -35), (74, 5), (72, 42), (56, 72), (28, 90), (0, 95))


@dataclass(frozen=True)
class Frame:
    """What the parts of one batch of heads hang on: level, size, age and the skull, (N,) each."""

    level: Tensor
    scale: Tensor  # (N, 2) of the section against the largest section of a middling head
    shrunk: Tensor  # 0 young .. 1 old: wide fissures and ventricles
    skull: Outline

    def __len__(self) -> int:
        return len(self.level)

    def between(self, low: float, high: float) -> Tensor:
        """Return in which sections (N,) the level lies between."""
        return (self.level >= low) & (self.level < high)

    def place(self, x: float | Tensor, y: float | Tensor) -> Tensor:
        """Return points (N, 2) of a middling head, moved and stretched with the section."""
        return pair(x, y, len(self)) * self.scale

    def oval(
        self, x: float, y: float, across: float, down: float, turn: float = 0.0, power: float = 2.0
    ) -> Outline:
        """Return superellipses, placed and stretched likewise; turned by ``turn`` radians."""
        size = self.scale.mean(1)
        return ellipse(self.place(x, y), across * size, down * size, turn=turn, power=power)


def mirrored(knots: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Return the knots of a half outline with those of the other half."""
    return [*knots, *((-x, y) for x, y in knots if x)]


def axial(dice: Dice, size: int, *, changes: float = 0.5, couches: bool = True) -> Section:
    """Paint axial sections through heads.

    Parameters
    ----------
    n, size : int
        Sections, and pixels a side.
    dice : Dice
        Source of all that is random.
    changes : float
        Probability that there is something wrong.
    couches : bool
        Whether the head may lie in a holder that is seen (CT).
    """
    level = dice.uniform(0, 0.97)
    grown = dice.uniform(0.88, 1.08)
    taper = (1 - ((level - 0.4).clamp(min=0) / 0.72) ** 2).sqrt()
    stretch = dice.uniform(0.93, 1.07)
    scale = torch.stack([grown * taper * stretch, grown * taper / stretch], 1)
    skull = through(
        torch.zeros(dice.n, 2), mirrored(SKULL), scale=scale, ripple=0.008 * wobble(dice)
    )
    frame = Frame(level, scale, dice.uniform(0, 1) ** 1.5, skull)
    pose = posed(torch.zeros(dice.n, 2), 228 * grown, dice, turn=0.1)
    canvas = Canvas.blank(pose, size)
    if couches:
        couch(canvas, 104 * scale[:, 1], 115.0, dice)
    _scalp_and_skull(canvas, frame, dice)
    over = _brain(canvas, frame, changes, dice)
    _depths(canvas, frame, dice)
    _base(canvas, frame, dice)
    signs = _changes(canvas, frame, changes, dice)
    signs["haemorrhage"] |= over
    return Section(canvas, signs)


def _scalp_and_skull(canvas: Canvas, frame: Frame, dice: Dice) -> None:
    face = frame.level < 0.14
    nose = through(
        frame.place(0, -96), mirrored(((0, -22), (7, -14), (16, 2), (24, 14), (0, 20)))
    ).where(face & dice.chance(0.7))
    canvas.paint(nose, (0, M.SKIN), (1.5, M.FAT), (4.0, M.CARTILAGE))
    ear = frame.oval(86, 12, 7, 17, turn=-0.25).where(frame.level < 0.2)
    both(canvas, ear, (0, M.SKIN), (1.5, M.CARTILAGE))
    fat = dice.uniform(3.5, 8.0)
    low = (0.35 - frame.level).clamp(min=0)
    scalp = frame.skull.grown(fat)
    # Low sections have the muscles of chewing at the temples and of the neck behind.
    temples = 26 * torch.exp(-(((DIRECTIONS.cos().abs() - 0.93) / 0.1) ** 2))
    neck = 16 * (DIRECTIONS.sin() - 0.55).clamp(min=0)
    scalp = Outline(scalp.centre, scalp.radii + low[:, None] * (temples + neck))
    thick = dice.uniform(4.5, 8.5)[:, None] * (
        1 + 0.12 * wobble(dice) + 0.35 * DIRECTIONS.sin().abs() ** 8
    ).clamp(min=0.5)
    bone = scalp.radii - frame.skull.radii
    canvas.paint(
        scalp,
        (0, M.SKIN),
        (1.6, M.FAT),
        (1.6 + fat * 0.6, M.MUSCLE),
        (bone, M.CORTICAL),
        (bone + 0.28 * thick, M.SPONGY),
        (bone + 0.72 * thick, M.CORTICAL),
        (bone + thick, M.DURA),
        (bone + thick + 0.8, M.CSF),
    )


def _brain(canvas: Canvas, frame: Frame, changes: float, dice: Dice) -> Tensor:
    """Paint the hemispheres, and return where blood lies over them (N,)."""
    brain = frame.skull.grown(-8.0)
    # Blood over the brain: a crescent (subdural) or a lens (epidural), which pushes it away.
    bleeding = dice.chance(0.12 * changes)
    toward = dice.uniform(-math.pi, math.pi)[:, None]
    half = dice.uniform(0.5, 1.3)[:, None]
    turn = torch.remainder(DIRECTIONS - toward + math.pi, 2 * math.pi) - math.pi
    lens = (1 - (turn / half) ** 2).clamp(min=0).sqrt() * dice.uniform(5, 16)[:, None]
    lens = lens * bleeding[:, None]
    gap = 0.6 + 3.0 * frame.shrunk[:, None] + lens
    fold(canvas, brain, gap, dice, within=(M.CSF,))
    shed = Outline(brain.centre, torch.where(lens > 0, brain.radii, -1.0))
    canvas.paint(shed, (0, M.HAEMORRHAGE), within=(M.CSF,), until=lens)
    # The fissure between the hemispheres: whole near the vertex, split by the ventricles below.
    whole = frame.between(0.72, 1.1)
    split = frame.between(0.3, 0.72)
    width = 1.0 + 1.2 * frame.shrunk
    for y, reach, present in ((0.0, 88.0, whole), (-62.0, 27.0, split), (62.0, 28.0, split)):
        cleft = ellipse(frame.place(0, y), 5.0, reach * frame.scale[:, 1], power=3.5).where(present)
        canvas.paint(cleft, (0, M.GREY), within=BRAIN)
        canvas.paint(
            ellipse(cleft.centre, width, (reach - 2) * frame.scale[:, 1], power=3).where(present),
            (0, M.CSF),
        )
        canvas.paint(
            ellipse(cleft.centre, 0.7, (reach - 2) * frame.scale[:, 1], power=4).where(present),
            (0, M.DURA),
        )
    return bleeding


def _depths(canvas: Canvas, frame: Frame, dice: Dice) -> None:
    """Paint what lies deep in the brain: nuclei, insula and ventricles."""
    nuclei, bodies = frame.between(0.36, 0.56), frame.between(0.56, 0.76)
    wide = 0.75 + 0.9 * frame.shrunk + 0.25 * dice.uniform(0, 1)
    for x, y, across, down, turn in (
        (14, -20, 5.5, 10, -0.35), (25, -4, 7.5, 16, -0.35), (11, 10, 9.5, 13, 0.4),
    ):  # fmt: skip
        both(canvas, frame.oval(x, y, across, down, turn).where(nuclei), (0, M.GREY))
    # The lateral fissure with the insula at its floor, open towards the temple.
    sylvian = frame.between(0.3, 0.6)
    both(canvas, frame.oval(43, -8, 4.5, 17, -0.1).where(sylvian), (0, M.GREY), within=BRAIN)
    both(canvas, frame.oval(54, -16, 16, 4.5, 0.15).where(sylvian), (0, M.GREY), within=BRAIN)
    open_ = 0.7 + 1.6 * frame.shrunk
    floor = ellipse(frame.place(44, -8), 0.9 * open_, 14.0, turn=-0.1)
    slit = ellipse(frame.place(55, -16), 15.0, open_, turn=0.15)
    both(canvas, floor.where(sylvian), (0, M.CSF), within=BRAIN)
    both(canvas, slit.where(sylvian), (0, M.CSF), within=BRAIN)
    fluid = (0, M.CSF)
    size = frame.scale.mean(1)
    long = 0.6 + 0.4 * wide

    def horn(x: float, y: float, across: float, down: float, turn: float) -> Outline:
        place = frame.place(x, y)
        return ellipse(place, across * wide * size, down * long * size, turn=turn)

    both(canvas, horn(8, -27, 3.2, 13, -0.4).where(nuclei), fluid)
    both(canvas, horn(24, 34, 4.5, 16, -0.25).where(nuclei), fluid)
    canvas.paint(horn(0, 2, 1.6, 13, 0).where(nuclei), fluid)
    body = through(
        frame.place(13, 2),
        ((-6, -40), (2, -36), (3.5, -15), (4, 5), (9, 25), (14, 42), (6, 40), (-3, 22), (-6, 0),
         (-8, -20)),
        scale=torch.stack([wide * size, long * size], 1) * 0.9,
        smooth=0.05,
    )  # fmt: skip
    both(canvas, body.where(bodies), fluid)
    plexus = dice.chance(0.45) & frame.between(0.36, 0.7)
    calcium = lump(frame.place(24, 30), dice.uniform(1.5, 4), dice, rough=0.3)
    both(canvas, calcium.where(plexus), (0, M.CALCIUM))
    pineal = frame.oval(0, 23, 2.2, 1.8).where(frame.between(0.36, 0.46) & (frame.shrunk > 0.1))
    canvas.paint(pineal, (0, M.CALCIUM))


def _base(canvas: Canvas, frame: Frame, dice: Dice) -> None:
    """Paint low sections: posterior fossa, petrous bones, nose and orbits."""
    low, base, face = frame.level < 0.34, frame.level < 0.22, frame.level < 0.26
    cerebellum = ellipse(
        frame.place(0, 46), 54 * frame.scale[:, 0], 36 * frame.scale[:, 1], power=2.3
    ).where(low)
    fold(
        canvas,
        cerebellum,
        torch.full((dice.n, 1), 1.5),
        dice,
        count=44,
        depth=(8.0, 20.0),
        ribbon=2.0,
        within=(*BRAIN, M.CSF),
    )
    canvas.paint(frame.oval(0, 12, 25, 19, power=1.6).where(low), (0, M.CSF))
    canvas.paint(frame.oval(0, 14, 14.5, 15, power=2.4).where(low), (0, M.WHITE))
    canvas.paint(frame.oval(0, 32, 7, 4.5, power=1.7).where(base), (0, M.CSF))
    canvas.paint(frame.oval(0, -8, 9, 5).where(frame.between(0.22, 0.34)), (0, M.CSF))
    # Petrous bones point forwards and inwards; their air cells lie behind the ears.
    petrous = frame.oval(44, 14, 30, 8.5, turn=0.55, power=2.4).where(base)
    bone = ((0, M.CORTICAL), (2.5, M.SPONGY))
    both(canvas, petrous, *bone)
    both(canvas, frame.oval(64, 28, 13, 15).where(base), *bone)
    cells = frame.place(64, 27)[:, None] + 8 * dice.normal(0, 1, 40, 2)
    radii = torch.where(base[:, None], 0.8 + 1.6 * dice.uniform(0, 1, 40), -1.0)
    for side in (1.0, -1.0):
        canvas.dot(cells * torch.tensor([side, 1.0]), radii, M.GAS, within=(M.SPONGY, M.CORTICAL))
    # The wings of the sphenoid part the orbits from the temporal lobes.
    wings = frame.oval(44, -30, 28, 4.5, turn=-0.35).where(face)
    both(canvas, wings, *bone)
    orbit = through(
        frame.place(33, -62), ((-19, -26), (20, -26), (19, -12), (2, 14), (-12, 32), (-18, 10))
    ).where(face)
    both(canvas, orbit, (-3.0, M.CORTICAL), (0, M.FAT), within=tuple(set(M) - {M.AIR}))
    lids = frame.oval(33, -90, 17, 6).where(face)
    both(canvas, lids, (0, M.SKIN), (1.5, M.FAT))
    for x0, y0, x1, y1, radius in (
        (33, -66, 21, -34, 2.2), (21, -68, 18, -36, 2.0), (47, -66, 26, -36, 2.0),
    ):  # fmt: skip
        for side in (1, -1):
            points = chain(frame.place(side * x0, y0), frame.place(side * x1, y1), 24)
            thick = torch.where(face, radius, -1.0)[:, None].expand(len(frame), 24)
            canvas.dot(points, thick, M.MUSCLE, within=(M.FAT,))
    globe = frame.oval(33, -76, 12, 12.5).where(face)
    both(canvas, globe, (0, M.MUCOSA), (1.3, M.EYE))
    both(canvas, frame.oval(33, -84.5, 4.8, 2.1).where(face), (0, M.LENS))
    nose = through(
        frame.place(0, -62), mirrored(((0, -34), (9, -30), (14, -8), (15, 14), (8, 26), (0, 27)))
    ).where(face)
    canvas.paint(nose, (-1.5, M.CORTICAL), (0, M.MUCOSA), (1.5, M.GAS))
    for x in (-9.5, -5, 0, 5, 9.5):
        wall = chain(frame.place(x, -88), frame.place(x * 1.15, -40), 40, bow=1.0)
        thick = torch.where(face, 0.8 if x else 1.1, -1.0)[:, None].expand(len(frame), 40)
        canvas.dot(wall, thick, M.CORTICAL if x == 0 else M.MUCOSA, within=(M.GAS,))
    sphenoid = frame.oval(0, -24, 15, 10.5, power=2.6).where(base)
    canvas.paint(sphenoid, (-2.0, M.CORTICAL), (0, M.GAS))
    middle = chain(frame.place(1, -34), frame.place(-2, -15), 20)
    canvas.dot(middle, torch.where(base, 0.8, -1.0)[:, None].expand(len(frame), 20), M.CORTICAL)
    frontal = frame.between(0.26, 0.4) & dice.chance(0.7)
    both(canvas, frame.oval(10, -87, 10, 4.0, turn=0.12).where(frontal), (0, M.GAS))


def _changes(canvas: Canvas, frame: Frame, changes: float, dice: Dice) -> dict[str, Tensor]:
    inside = frame.skull.grown(-16.0)
    upper = frame.level > 0.3
    infarct = dice.chance(0.2 * changes) & upper
    side = torch.where(dice.chance(0.5), 1.0, -1.0)
    territory = ellipse(
        pair(side * 46, dice.uniform(-25, 40), dice.n) * frame.scale,
        dice.uniform(10, 26),
        dice.uniform(12, 34),
        turn=dice.uniform(-0.5, 0.5),
        ripple=0.12 * wobble(dice, 8),
    )
    canvas.paint(territory.where(infarct), (0, M.INFARCT), within=BRAIN)
    bleeding = dice.chance(0.22 * changes) & ~infarct & upper
    clot = lump(somewhere(inside, dice, 14.0), dice.uniform(5, 22), dice, rough=0.2).where(bleeding)
    canvas.paint(clot.grown(dice.uniform(2, 7)).where(bleeding), (0, M.OEDEMA), within=BRAIN)
    canvas.paint(clot, (0, M.HAEMORRHAGE), within=(*BRAIN, M.OEDEMA, M.CSF))
    mass = dice.chance(0.22 * changes) & ~infarct & ~bleeding & upper
    tumour = lump(somewhere(inside, dice, 14.0), dice.uniform(6, 22), dice)
    tumour = tumour.where(mass)
    hollow = dice.uniform(2.5, 12)
    halo = tumour.grown(dice.uniform(0, 14)).where(mass)
    canvas.paint(halo, (0, M.OEDEMA), within=(M.WHITE,))
    canvas.paint(tumour, (0, M.TUMOUR), (hollow, M.CYST), within=(*BRAIN, M.OEDEMA, M.CSF))
    clipped = dice.chance(0.14 * changes)
    clip = somewhere(inside, dice, 10.0)
    spot = clip[:, None] + 1.6 * dice.normal(0, 1, 4, 2)
    canvas.dot(spot, torch.where(clipped, 2.0, -1.0)[:, None].expand(len(frame), 4), M.METAL)
    drained = dice.chance(0.2 * changes) & frame.between(0.36, 0.9)
    tip = frame.place(8, -20)
    path = chain(tip, frame.place(34, -78), 60)
    canvas.dot(path, torch.where(drained, 2.0, -1.0)[:, None].expand(len(frame), 60), M.CALCIUM)
    return {
        "haemorrhage": bleeding, "infarct": infarct, "mass": mass, "clips": clipped,
        "drain": drained,
    }  # fmt: skip
