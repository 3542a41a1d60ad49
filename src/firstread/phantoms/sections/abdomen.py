"""Axial sections through the abdomen, from the liver's dome (level 0) to the pelvis (1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.sections.canvas import Canvas
from firstread.phantoms.sections.materials import Material as M  # noqa: N817
from firstread.phantoms.sections.outlines import DIRECTIONS, Outline, ellipse, wobble
from firstread.phantoms.sections.section import Section, both, chain, couch, lump, posed, somewhere
from firstread.phantoms.sections.trunk import (
    BONE,
    NOT_AIR,
    Trunk,
    paint_ribs,
    paint_vertebra,
    paint_wall,
    trunk,
)

# Knots of the organs' outlines about a point within, mm, in a middling trunk.
LIVER = (
    (-52, -38), (-25, -60), (10, -66), (52, -58), (78, -44), (62, -34), (36, -26), (20, -10),
    (12, 10), (10, 36), (-10, 56), (-38, 50), (-56, 24), (-60, -8),
)  # fmt: skip
LOW_LIVER = ((-22, -34), (4, -38), (24, -24), (22, 0), (8, 26), (-12, 36), (-26, 14), (-28, -12))
SPLEEN = ((18, -34), (24, -8), (18, 22), (-2, 40), (-22, 38), (-8, 18), (-2, -4), (4, -26))
STOMACH = ((-26, -10), (-8, -30), (22, -32), (36, -10), (30, 16), (12, 30), (-4, 18), (-16, 8))
KIDNEY = ((-8, 0), (-16, -18), (-2, -28), (18, -22), (26, 0), (20, 20), (0, 28), (-15, 18))
ILIUM = ((-30, 30), (-22, 32), (-6, 14), (12, -8), (26, -32), (22, -36), (6, -18), (-12, 4))


def axial(
    dice: Dice, size: int, *, changes: float = 0.5, couches: bool = True, zoom: float = 1.0
) -> Section:
    """Paint axial sections through abdomens.

    Parameters
    ----------
    dice : Dice
        Source of all that is random.
    size : int
        Pixels a side.
    changes : float
        Probability that there is something wrong.
    couches : bool
        Whether the couch may be seen (CT).
    zoom : float
        Scales the field of view.
    """
    level = dice.uniform(0.0, 1.0)
    grown = dice.uniform(0.82, 1.12)
    across = 128 * grown * dice.uniform(0.93, 1.07)
    half = torch.stack([across, 84 * grown * dice.uniform(0.85, 1.2)], 1)
    fat = 4 + 42 * dice.uniform(0, 1) ** 1.7
    body = trunk(dice, level, half, 15.0, fat)
    width = 2.25 * (body.wall.radii.amax(1) + fat)
    canvas = Canvas.blank(posed(torch.zeros(dice.n, 2), width * zoom, dice), size)
    if couches:
        couch(canvas, body.wall.at(math.pi / 2)[:, 1] + fat * 0.4 + 4, 230.0, dice)
    paint_wall(canvas, body, M.FAT)
    signs = {"effusion": dice.chance(0.2 * changes)}
    canvas.paint(body.cavity.grown(-3.0).where(signs["effusion"]), (0, M.EFFUSION))
    _wall_muscles(canvas, body, dice)
    _pelvis(canvas, body, dice)
    _bowel(canvas, body, signs, changes, dice)
    _upper_organs(canvas, body, dice)
    _kidneys(canvas, body, signs, changes, dice)
    screws = dice.chance(0.12 * changes) & (level > 0.3) & (level < 0.85)
    spine = body.cavity.at(math.pi / 2)[:, 1] - 18 * body.scale[:, 1]
    _before_the_spine(canvas, body, spine, dice)
    paint_vertebra(canvas, body, spine, 0.95, dice, screws=screws)
    paint_ribs(canvas, body, 5, dice, present=level < 0.42, front=-0.75)
    _changes(canvas, body, signs, changes, dice)
    return Section(canvas, {**signs, "screws": screws})


def _wall_muscles(canvas: Canvas, body: Trunk, dice: Dice) -> None:
    """Paint the straight muscles of the front, and the fat between the flat ones of the flanks."""
    straight = ellipse(
        body.cavity.at(-1.25, depth=-7), 34 * body.scale[:, 0], dice.uniform(4.5, 8), turn=0.12
    )
    both(canvas, straight, (-2.0, M.FAT), (0, M.MUSCLE), within=(M.MUSCLE, M.FAT))
    flank = DIRECTIONS.cos().abs() > 0.55
    for deep in (4.0, 8.5):
        sheet = Outline(body.wall.centre, torch.where(flank, body.wall.radii - deep, -1.0))
        canvas.paint(sheet, (0, M.FAT), within=(M.MUSCLE,), until=torch.full_like(sheet.radii, 1.2))


def _pelvis(canvas: Canvas, body: Trunk, dice: Dice) -> None:
    """Paint the wings of the ilium with the muscles on both their faces, and the bladder."""
    low = body.level > 0.8
    gluteal = body.oval(78, 62, 52, 32, turn=-0.75).where(low)
    both(canvas, gluteal, (-3.0, M.FAT), (0, M.MUSCLE), within=(M.MUSCLE, M.FAT, M.EFFUSION))
    iliac = body.oval(74, 22, 34, 20, turn=-0.85).where(low)
    both(canvas, iliac, (0, M.MUSCLE), within=(M.FAT, M.EFFUSION))
    wing = body.shape(78, 42, ILIUM, dice, smooth=0.06).where(low)
    both(canvas, wing, *BONE)
    bladder = body.oval(
        0, dice.uniform(-35, -15), dice.uniform(28, 52), dice.uniform(20, 38),
        power=2.3, ripple=0.04 * wobble(dice),
    ).where(body.level > 0.88)  # fmt: skip
    canvas.paint(bladder, (-3.0, M.BOWEL), (0, M.URINE))


def _bowel(
    canvas: Canvas, body: Trunk, signs: dict[str, Tensor], changes: float, dice: Dice
) -> None:
    """Paint the colon at the flanks and across, and loops of small bowel between."""
    fat = (M.FAT, M.EFFUSION)
    inside = body.cavity.grown(-10.0)
    dilated = dice.chance(0.3 * changes) & (body.level > 0.35)
    signs["dilated_bowel"] = dilated
    swell = torch.where(dilated, 1.9, 1.0)
    contents = (M.FLUID, M.BOWEL, M.GAS, M.STOOL, M.FLUID, M.BOWEL)
    for k in range(18):
        angle = dice.uniform(-math.pi, 0.25) if k % 3 else dice.uniform(-0.6, 0.2)
        far = (0.1 + 0.8 * dice.uniform(0, 1).sqrt())[:, None]
        place = inside.at(angle) * far
        loop = lump(place, dice.uniform(9, 17) * swell, dice, rough=0.1)
        present = body.level > (0.42 if k < 15 else 0.25)
        content = contents[k % len(contents)]
        canvas.paint(loop.where(present), (0, M.BOWEL), (2.6, content), within=(*fat, M.BOWEL))
        if content == M.FLUID:
            _gas_above(canvas, loop.where(present & dilated), 0.2, M.FLUID)
    for x, y, r, low, high in (
        (-98, 4, 23, 0.38, 0.9), (97, 14, 18, 0.3, 0.9),
        (-40, -58, 19, 0.3, 0.66), (35, -60, 17, 0.25, 0.66),
    ):  # fmt: skip
        place = body.place(x + dice.normal(0, 5), y + dice.normal(0, 6))
        colon = lump(place, r * dice.uniform(0.8, 1.3), dice).where(body.between(low, high))
        canvas.paint(colon, (0, M.BOWEL), (2.4, M.STOOL), within=(*fat, M.BOWEL, M.STOOL))
        _gas_above(canvas, colon.where(dice.chance(0.7)), dice.uniform(-0.5, 0.6), M.STOOL)


def _gas_above(canvas: Canvas, hollow: Outline, share: float | Tensor, content: int) -> None:
    """Fill the front of a hollow organ with gas, over a level that the content makes.

    ``share`` is the height of the level above the middle, as a part of the radius.
    """
    rise = DIRECTIONS.sin().clamp(max=-1e-3)
    level = torch.as_tensor(share, dtype=torch.float32).reshape(-1, 1)
    # From a middle moved to the level, only the upper half of the outline is seen.
    reach = hollow.radii.amax(1, keepdim=True)
    middle = hollow.centre.clone()
    middle[:, 1:] -= level * reach
    radii = torch.where(rise < -1e-3, reach * 1.5, -1.0)
    canvas.paint(
        Outline(middle, torch.where(reach > 0, radii, -1.0)), (0, M.GAS), within=(content,)
    )


def _upper_organs(canvas: Canvas, body: Trunk, dice: Dice) -> None:
    soft = tuple(m for m in NOT_AIR if m not in (M.MUSCLE, M.SKIN, M.CORTICAL, M.SPONGY))
    inside = body.cavity.grown(-2.5)
    dome = body.between(0.0, 0.3)
    stomach = body.shape(44, -22, STOMACH, dice, size=dice.uniform(0.75, 1.25), rough=0.06)
    stomach = stomach.where(body.level < 0.46)
    canvas.paint(stomach, (0, M.BOWEL), (3.2, M.FLUID), within=soft)
    _gas_above(canvas, stomach.where(dice.chance(0.8)), dice.uniform(-0.4, 0.4), M.FLUID)
    spleen = body.shape(92, 22, SPLEEN, dice, size=dice.uniform(0.85, 1.35)).where(body.level < 0.4)
    canvas.paint(spleen, (0, M.SPLEEN), within=soft)
    size = dice.uniform(1.02, 1.2)
    liver = body.shape(-52, 4, LIVER, dice, size=size, smooth=0.08).where(body.level < 0.42)
    canvas.paint(liver, (0, M.LIVER), within=soft)
    lower = body.shape(-84, 0, LOW_LIVER, dice, size=size).where(body.between(0.42, 0.6))
    canvas.paint(lower, (0, M.LIVER), within=soft)
    cleft = body.oval(8, -48, 2.0, 15, turn=0.3).where(body.between(0.08, 0.42))
    canvas.paint(cleft, (0, M.FAT), within=(M.LIVER,))
    # The veins of the liver run to the spine near the dome; lower down the portal vein branches.
    root = body.place(-12, 22)
    for x, y, thick, present in (
        (-92, 8, 3.4, dome), (-62, -40, 3.2, dome), (10, -42, 2.8, dome),
        (-80, 22, 3.0, ~dome), (-70, -16, 4.2, ~dome), (-20, -46, 3.0, ~dome),
    ):  # fmt: skip
        path = chain(root, body.place(x, y), 50, bow=dice.normal(0, 7))
        radii = thick * torch.linspace(1.2, 0.4, 50) * present[:, None] - 1.0 * ~present[:, None]
        canvas.dot(path, radii, M.VEIN, within=(M.LIVER,))
    gall = body.oval(-42, -28, dice.uniform(10, 17), dice.uniform(12, 22), turn=0.4)
    canvas.paint(gall.where(body.between(0.28, 0.5)), (-1.5, M.BOWEL), (0, M.BILE), within=soft)
    gland = chain(body.place(-24, -2), body.place(58, 4), 40, bow=-18.0 + dice.normal(0, 5))
    wide = 8 + 3 * torch.cos(torch.linspace(0, 9, 40)) + dice.uniform(-2, 2, 1)
    canvas.dot(
        gland, torch.where(body.between(0.24, 0.46)[:, None], wide, -1.0), M.PANCREAS,
        within=(M.FAT, M.BOWEL, M.FLUID, M.EFFUSION, M.STOOL),
    )  # fmt: skip
    # Lung behind the domes.
    recess = inside.where((body.level < 0.14) & dice.chance(0.8))
    behind = ((DIRECTIONS.sin() - 0.2).clamp(min=0) * 30).expand(dice.n, -1)
    canvas.paint(recess, (0, M.LUNG), within=(M.FAT, M.LIVER, M.SPLEEN), until=behind)


def _kidneys(
    canvas: Canvas, body: Trunk, signs: dict[str, Tensor], changes: float, dice: Dice
) -> None:
    stone = dice.chance(0.4 * changes)
    spots = torch.zeros(dice.n, dtype=torch.bool)
    for side, low, high in ((1.0, 0.26, 0.62), (-1.0, 0.3, 0.68)):
        present = body.between(low, high)
        size = dice.uniform(0.85, 1.15) * (0.75 + 0.25 * body.between(low + 0.06, high - 0.06))
        kidney = body.shape(64, 40, KIDNEY, dice, size=size, smooth=0.15)
        kidney = (kidney if side > 0 else kidney.mirrored()).where(present)
        canvas.paint(kidney.grown(dice.uniform(4, 9)).where(present), (0, M.FAT))
        canvas.paint(kidney, (0, M.CORTEX), (7.5, M.MEDULLA))
        sinus = body.oval(side * 56, 40, 13, 9).where(body.between(low + 0.05, high - 0.05))
        canvas.paint(sinus, (0, M.FAT), (5.5, M.URINE))
        x = side * (56 + dice.uniform(0, 10))
        grain = lump(body.place(x, 40 + dice.uniform(-8, 8)), dice.uniform(3, 6.5), dice)
        here = stone & present & dice.chance(0.6)
        canvas.paint(grain.where(here), (0, M.CALCIUM))
        spots |= here
    signs["calculus"] = spots


def _before_the_spine(canvas: Canvas, body: Trunk, spine: Tensor, dice: Dice) -> None:
    size = body.scale.prod(1).sqrt()
    x = torch.zeros(dice.n)

    def tube(dx: float, dy: float, across: float | Tensor, down: float | Tensor) -> Outline:
        return ellipse(torch.stack([x + dx * size, spine + dy * size], 1), across, down)

    psoas = dice.uniform(13, 22) * (0.5 + body.level)
    muscle = tube(36, 2, psoas * size, 1.15 * psoas * size)
    both(canvas, muscle.where(body.level > 0.4), (-2.0, M.FAT), (0, M.MUSCLE))
    crus = tube(16, -14, 5.0, 14.0).where(body.level < 0.36)
    both(canvas, crus, (0, M.MUSCLE))
    wide = torch.where(dice.chance(0.08), dice.uniform(17, 28), dice.uniform(8.5, 12)) * size
    whole = body.level < 0.72
    aorta = tube(9, -31, wide, wide)
    canvas.paint(aorta.where(whole), (0, M.MUSCLE), (1.0, M.BLOOD))
    specks = aorta.centre[:, None] + 0.95 * wide[:, None, None] * torch.stack(
        [(a := dice.uniform(-3, 3, 6)).cos(), a.sin()], 2
    )
    old = (dice.chance(0.35) & whole)[:, None]
    canvas.dot(specks, torch.where(old, dice.uniform(0.5, 1.8, 6), -1.0), M.CALCIUM)
    cava = tube(-17, -27, dice.uniform(8, 13) * size, dice.uniform(6, 11) * size)
    canvas.paint(cava.where(whole), (0, M.VEIN))
    both(canvas, tube(19, -28, 7 * size, 7 * size).where(~whole), (0, M.BLOOD))
    for dx, dy, r in ((4, -52, 4.0), (-8, -54, 5.5)):
        branch = tube(dx, dy, r * size, r * size).where(body.between(0.3, 0.62))
        canvas.paint(branch, (-2.0, M.FAT), (0, M.VEIN))


def _changes(
    canvas: Canvas, body: Trunk, signs: dict[str, Tensor], changes: float, dice: Dice
) -> None:
    liver = body.between(0.0, 0.42)
    mass, cyst = dice.chance(0.3 * changes) & liver, dice.chance(0.3 * changes) & liver
    for k in range(3):
        more = dice.chance(1.0 if k == 0 else 0.4)
        place = body.place(dice.uniform(-90, -45), dice.uniform(-35, 35))
        growth = lump(place, dice.uniform(8, 24), dice, rough=0.12).where(mass & more)
        hollow = torch.where(dice.chance(0.3), 6.0, 99.0)
        canvas.paint(growth, (0, M.TUMOUR), (hollow, M.CYST), within=(M.LIVER, M.VEIN))
        place = body.place(dice.uniform(-90, -45), dice.uniform(-35, 35))
        bubble = lump(place, dice.uniform(7, 22), dice, rough=0.03).where(cyst & more)
        canvas.paint(bubble, (0, M.CYST), within=(M.LIVER, M.VEIN))
    renal = dice.chance(0.3 * changes) & body.between(0.34, 0.58)
    side = torch.where(dice.chance(0.5), 1.0, -1.0)
    place = body.place(side * dice.uniform(72, 92), dice.uniform(25, 55))
    bubble = lump(place, dice.uniform(6, 20), dice, rough=0.03).where(renal)
    canvas.paint(bubble, (0, M.CYST), within=(M.CORTEX, M.MEDULLA, M.FAT))
    gas = dice.chance(0.2 * changes)
    toward = -math.pi / 2 + dice.normal(0, 0.3)
    half = dice.uniform(0.25, 0.8)
    turn = torch.remainder(DIRECTIONS - toward[:, None] + math.pi, 2 * math.pi) - math.pi
    deep = dice.uniform(5, 26)[:, None] * (1 - (turn / half[:, None]) ** 2).clamp(min=0).sqrt()
    shed = body.cavity.grown(-1.0)
    shed = Outline(shed.centre, torch.where((deep > 0) & gas[:, None], shed.radii, -1.0))
    canvas.paint(shed, (0, M.GAS), within=tuple(m for m in NOT_AIR if m != M.MUSCLE), until=deep)
    clipped = dice.chance(0.12 * changes)
    place = somewhere(body.cavity, dice, 30.0)[:, None] + dice.normal(0, 6, 4, 2)
    canvas.dot(place, torch.where(clipped, 1.8, -1.0)[:, None].expand(-1, 4), M.METAL)
    drained = dice.chance(0.12 * changes)
    way = chain(body.wall.at(dice.uniform(-1.2, 0.3)), body.place(30, 0), 80, bow=12.0)
    canvas.dot(way, torch.where(drained, 2.4, -1.0)[:, None].expand(-1, 80), M.CALCIUM)
    signs.update(mass=mass, cyst=cyst | renal, free_gas=gas, clips=clipped, drain=drained)
