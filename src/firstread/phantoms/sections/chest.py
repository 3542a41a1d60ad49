"""Axial sections through the chest, from its inlet (level 0) to the domes of the diaphragm (1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from firstread.phantoms.chances import Dice
from firstread.phantoms.sections.canvas import Canvas
from firstread.phantoms.sections.materials import Material as M  # noqa: N817
from firstread.phantoms.sections.outlines import DIRECTIONS, Outline, ellipse, pair, wobble
from firstread.phantoms.sections.section import Section, both, chain, couch, lump, posed
from firstread.phantoms.sections.trunk import (
    BONE,
    NOT_AIR,
    Trunk,
    paint_ribs,
    paint_vertebra,
    paint_wall,
    trunk,
)


def axial(
    dice: Dice, size: int, *, changes: float = 0.5, couches: bool = True, zoom: float = 1.0
) -> Section:
    """Paint axial sections through chests.

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
    inlet = 1 - 0.35 * ((0.22 - level).clamp(min=0) / 0.22) ** 1.5
    half = torch.stack(
        [
            126 * grown * inlet * dice.uniform(0.93, 1.07),
            84 * grown * inlet * dice.uniform(0.88, 1.15),
        ],
        1,
    )
    fat = 4 + 34 * dice.uniform(0, 1) ** 2
    body = trunk(dice, level, half, 20.0, fat)
    width = 2.25 * (body.wall.radii.amax(1) + fat)
    canvas = Canvas.blank(posed(torch.zeros(dice.n, 2), width * zoom, dice), size)
    back = body.wall.at(math.pi / 2)[:, 1] + fat * 0.4 + 4
    if couches:
        couch(canvas, back, 230.0, dice)
    _arms(canvas, body, dice)
    _breasts(canvas, body, dice)
    paint_wall(canvas, body, M.LUNG)
    _shoulders(canvas, body, dice)
    _lung(canvas, body, dice)
    signs = _lung_changes(canvas, body, changes, dice)
    _mediastinum(canvas, body, changes, signs, dice)
    spine = body.cavity.at(math.pi / 2)[:, 1] - 14 * body.scale[:, 1]
    signs["screws"] = dice.chance(0.12 * changes)
    paint_vertebra(canvas, body, spine, 0.8, dice, screws=signs["screws"])
    paint_ribs(canvas, body, 6, dice, present=level > -1)
    breastbone = ellipse(
        body.cavity.at(-math.pi / 2, depth=-4), 17 * grown, 5.5 * grown, power=2.6
    ).where(level < 0.85)
    canvas.paint(breastbone, *BONE, within=NOT_AIR)
    _abdomen_below(canvas, body, dice)
    return Section(canvas, signs)


def _arms(canvas: Canvas, body: Trunk, dice: Dice) -> None:
    """Paint upper arms at the sides of some: mostly they are held overhead."""
    down = dice.chance(0.2)
    reach = body.wall.radii[:, -1] + body.fat
    for side in (-1.0, 1.0):
        place = pair(side * (reach * 1.02 + 48), dice.uniform(-10, 40), dice.n)
        arm = ellipse(place, 36 + 0.5 * body.fat, 42 + 0.5 * body.fat).where(down)
        canvas.paint(arm, (0, M.SKIN), (2, M.FAT), (5 + 0.4 * body.fat, M.MUSCLE), (28, M.CORTICAL))
        canvas.paint(ellipse(place, 11, 11).where(down), (0, M.CORTICAL), (4, M.MARROW))


def _breasts(canvas: Canvas, body: Trunk, dice: Dice) -> None:
    present = dice.chance(0.45) & body.between(0.3, 0.9)
    deep = dice.uniform(22, 60)
    place = body.wall.at(-0.95) - pair(8.0, 0.0, dice.n)
    breast = ellipse(place, dice.uniform(40, 62), deep, turn=0.35, power=2.2).where(present)
    gland = deep * dice.uniform(0.3, 0.9)
    both(canvas, breast, (0, M.SKIN), (2, M.FAT), (gland, M.MUCOSA))


def _shoulders(canvas: Canvas, body: Trunk, dice: Dice) -> None:
    """Paint scapulae with their muscles, in the upper half, and the muscles of the front."""
    upper = body.level < 0.55
    place = body.wall.at(0.62, depth=dice.uniform(-12, 4))
    pad = ellipse(place, 46, 24, turn=-0.75).where(upper)
    both(canvas, pad, (0, M.FAT), (2, M.MUSCLE), within=NOT_AIR)
    blade = ellipse(place, dice.uniform(26, 42), 3.4, turn=dice.uniform(-0.95, -0.6)).where(upper)
    both(canvas, blade, (0, M.CORTICAL), (2.0, M.SPONGY), within=NOT_AIR)
    front = ellipse(body.wall.at(-1.0, depth=3), 42, 11, turn=0.45).where(body.level < 0.6)
    both(canvas, front, (0, M.FAT), (1.5, M.MUSCLE), within=NOT_AIR)
    collar = ellipse(body.cavity.at(-1.1, depth=-12), 22, 6.5, turn=0.3).where(body.level < 0.1)
    both(canvas, collar, *BONE, within=NOT_AIR)


def _lung(canvas: Canvas, body: Trunk, dice: Dice) -> None:
    """Paint the vessels and airways of the lungs: branches from the hila, smaller outwards."""
    for side in (-1.0, 1.0):
        hilum = body.place(side * 38, -2)
        branches, steps = 11, 26
        angle = dice.uniform(-1.35, 1.35, branches)
        reach = dice.uniform(25, 85, branches)
        end = torch.stack([side * reach * angle.cos(), 0.85 * reach * angle.sin()], 2)
        along = torch.linspace(0, 1, steps)
        bow = dice.normal(0, 6, branches, 1) * torch.sin(math.pi * along)
        path = hilum[:, None, None] + end[:, :, None] * along[:, None]
        path = path + torch.stack([bow * angle.sin()[..., None], bow * angle.cos()[..., None]], 3)
        thin = 3.6 - 2.8 * along.expand(dice.n, branches, -1)
        # A branch runs in the plane of the section for a part of its way only.
        shown = (along > dice.uniform(-0.6, 0.7, branches, 1)) & (
            along < dice.uniform(0.4, 1.4, branches, 1)
        )
        radii = torch.where(shown, thin, -1.0)
        canvas.dot(path.flatten(1, 2), radii.flatten(1), M.BLOOD, within=(M.LUNG,))
        away = torch.stack([dice.uniform(0, 85, 60), dice.uniform(-75, 75, 60)], 2)
        spots = hilum[:, None] + away * torch.tensor([side, 1.0])
        small = (3.4 - away.norm(dim=2) / 36).clamp(min=0.5) * dice.uniform(0.5, 1.2, 60)
        canvas.dot(spots, small, M.BLOOD, within=(M.LUNG,))
        airway = hilum[:, None] + torch.stack(
            [side * dice.uniform(-4, 32, 6), dice.uniform(-32, 32, 6)], 2
        )
        wide = dice.uniform(1.8, 4.2, 6)
        canvas.dot(airway, wide + 1.2, M.MUSCLE)
        canvas.dot(airway, wide, M.GAS)


def _crescent(outline: Outline, toward: Tensor, half: Tensor, deep: Tensor) -> Tensor:
    """Return the thickness (N, ANGLES) of a crescent inside an outline about a direction."""
    turn = torch.remainder(DIRECTIONS - toward[:, None] + math.pi, 2 * math.pi) - math.pi
    return (1 - (turn / half[:, None]) ** 2).clamp(min=0).sqrt() * deep[:, None]


def _lung_changes(canvas: Canvas, body: Trunk, changes: float, dice: Dice) -> dict[str, Tensor]:
    side = torch.where(dice.chance(0.5), 1.0, -1.0)
    in_lung = body.place(side * dice.uniform(48, 100), dice.uniform(-40, 45))
    kind = dice.uniform(0, 1)
    some = dice.chance(changes)
    nodule = some & (kind < 0.3)
    spot = lump(in_lung, dice.uniform(3.5, 14), dice, rough=0.1).where(nodule)
    canvas.paint(spot, (0, M.TUMOUR), within=(M.LUNG, M.BLOOD))
    mass = some & (kind >= 0.3) & (kind < 0.45)
    growth = lump(in_lung, dice.uniform(18, 36), dice, rough=0.16).where(mass)
    hollow = torch.where(dice.chance(0.3), 8.0, 99.0)
    canvas.paint(growth, (0, M.TUMOUR), (hollow, M.GAS), within=(M.LUNG, M.BLOOD, M.GAS, M.MUSCLE))
    opacity = some & (kind >= 0.4) & (kind < 0.7)
    patch = lump(in_lung, dice.uniform(22, 55), dice, rough=0.3).where(opacity)
    canvas.paint(patch, (0, M.CONSOLIDATION), within=(M.LUNG,))
    bubbles = in_lung[:, None] + dice.normal(0, 16, 30, 2)
    shown = torch.where(opacity[:, None], dice.uniform(0.6, 2.4, 30), -1.0)
    canvas.dot(bubbles, shown, M.GAS, within=(M.CONSOLIDATION,))
    lined = body.cavity.grown(-1.8)
    effusion = some & (kind >= 0.6) & (kind < 0.9)
    behind = torch.where(side > 0, dice.uniform(0.85, 1.15), math.pi - dice.uniform(0.85, 1.15))
    pool = _crescent(lined, behind, dice.uniform(0.5, 1.0), dice.uniform(10, 60))
    _lay(canvas, lined, pool * effusion[:, None], M.EFFUSION)
    pneumothorax = some & (kind >= 0.82)
    before = torch.where(side > 0, -dice.uniform(0.7, 1.1), math.pi + dice.uniform(0.7, 1.1))
    free = _crescent(lined, before, dice.uniform(0.6, 1.1), dice.uniform(15, 50))
    _lay(canvas, lined, free * pneumothorax[:, None], M.GAS)
    return {
        "nodule": nodule, "mass": mass, "opacity": opacity, "effusion": effusion,
        "pneumothorax": pneumothorax,
    }  # fmt: skip


def _lay(canvas: Canvas, outline: Outline, thick: Tensor, material: int) -> None:
    """Paint a layer of a varying thickness (N, ANGLES) on the lung inside an outline."""
    lung = (M.LUNG, M.BLOOD, M.GAS, M.MUSCLE, M.TUMOUR, M.CONSOLIDATION)
    ring = Outline(outline.centre, torch.where(thick > 0, outline.radii, -1.0))
    canvas.paint(ring, (0, material), within=lung, until=thick)


def _mediastinum(
    canvas: Canvas, body: Trunk, changes: float, signs: dict[str, Tensor], dice: Dice
) -> None:
    inlet, arch = body.level < 0.14, body.between(0.14, 0.3)
    hila, heart = body.between(0.3, 0.46), body.between(0.46, 0.93)
    large = dice.chance(0.2)
    swell = torch.where(large, dice.uniform(1.15, 1.35), dice.uniform(0.85, 1.05))
    signs["cardiomegaly"] = large & heart
    core = body.shape(
        0, 0, ((0, -88), (6, -82), (13, -55), (30, -20), (24, 20), (30, 55), (14, 85), (-14, 85),
               (-26, 55), (-22, 20), (-30, -20), (-16, -55), (-5, -82)), dice, rough=0.04,
    )  # fmt: skip
    canvas.paint(core, (0, M.FAT), within=tuple(m for m in NOT_AIR if m not in (M.MUSCLE, M.SKIN)))
    for x, y, r, present in (
        (-16, -22, 6.5, inlet), (-26, -30, 7.5, inlet), (4, -24, 5, inlet), (20, -18, 6, inlet),
        (26, -34, 7, inlet), (-24, -16, 9, arch), (-13, -32, 17, hila), (-30, -22, 8.5, hila),
        (20, -30, 14, hila), (20, 38, 12, hila), (20, 42, 11.5, heart), (-22, 6, 11, heart),
    ):  # fmt: skip
        canvas.paint(body.oval(x, y, r, r).where(present), (0, M.MUSCLE), (1.0, M.BLOOD))
    bow = body.oval(8, -4, 14, 38, turn=-0.45).where(arch)
    canvas.paint(bow, (0, M.MUSCLE), (1.2, M.BLOOD))
    trunk_ = body.oval(-8, -6, 32, 8, turn=0.1).where(hila)
    canvas.paint(trunk_, (0, M.BLOOD))
    for x, y, r, present in ((1, 4, 9, inlet | arch), (-17, 8, 7.5, hila), (17, 10, 7, hila)):
        canvas.paint(body.oval(x, y, r, r).where(present), (-1.2, M.MUSCLE), (0, M.GAS))
    gullet = body.oval(5, 28, 8, 5.5).where(body.level < 0.93)
    canvas.paint(gullet, (0, M.MUSCLE), (dice.uniform(2.5, 7), M.GAS))
    _heart(canvas, body, heart, swell, dice)
    wall = chain(body.place(10, 44), body.place(26, 44), 9, bow=9.0)
    stiff = dice.chance(0.3) & heart
    canvas.dot(wall, torch.where(stiff[:, None], dice.uniform(0.5, 2.0, 9), -1.0), M.CALCIUM)
    leads = dice.chance(0.25 * changes) & heart
    signs["leads"] = leads
    wires = body.place(-18, -18)[:, None] + dice.normal(0, 10, 2, 2)
    canvas.dot(wires, torch.where(leads, 2.2, -1.0)[:, None].expand(-1, 2), M.METAL)


def _heart(canvas: Canvas, body: Trunk, present: Tensor, swell: Tensor, dice: Dice) -> None:
    turn = dice.uniform(0.45, 0.85)
    x0, y0 = 18.0, -26.0
    # Chambers lie along the heart's own axes, which point to the apex.
    cos, sin = turn.cos(), turn.sin()

    def chamber(u: float, v: float, across: float, down: float, more: float = 0.0) -> Outline:
        x, y = x0 + swell * (cos * u - sin * v), y0 + swell * (sin * u * 0.6 + cos * v)
        return body.oval(x, y, swell * across, swell * down, turn=-turn * 0.4 + more)

    sac = body.oval(
        x0, y0, 62 * swell, 47 * swell, turn=0.5 * turn, ripple=0.04 * wobble(dice)
    ).where(present)
    canvas.paint(sac, (0, M.FAT), (4.5, M.MYOCARDIUM))
    for u, v, across, down, wall in (
        (-34, 4, 20, 24, 2.0), (-8, 26, 27, 14, 2.0), (-2, -20, 30, 13, 2.5), (26, 10, 26, 17, 0.0),
    ):  # fmt: skip
        canvas.paint(
            chamber(u, v, across, down, 0.5 if wall else 0.8).where(present), (wall, M.BLOOD)
        )


def _abdomen_below(canvas: Canvas, body: Trunk, dice: Dice) -> None:
    """Paint the domes of the diaphragm, with the liver and the stomach under them."""
    right = ((body.level - 0.7) / 0.3).clamp(min=0) ** 0.5
    left = ((body.level - 0.82) / 0.3).clamp(min=0) ** 0.5
    lungs = (M.LUNG, M.BLOOD, M.GAS, M.MUSCLE, M.TUMOUR, M.CONSOLIDATION)
    dome = body.oval(-62, 0, 64 * right, 70 * right, ripple=0.03 * wobble(dice)).where(right > 0.25)
    canvas.paint(dome, (0, M.MUSCLE), (2.0, M.FAT), (3.0, M.LIVER), within=lungs)
    other = body.oval(66, 14, 52 * left, 56 * left).where(left > 0.25)
    canvas.paint(other, (0, M.MUSCLE), (2.0, M.FAT), (4.0, M.SPLEEN), within=lungs)
    stomach = body.oval(60, 0, 34 * left, 30 * left).where(left > 0.3)
    canvas.paint(stomach, (0, M.BOWEL), (4.0, M.FLUID), (12.0, M.GAS), within=(M.SPLEEN,))
