"""Sections through the body as CT and MR show them: head, chest and abdomen.

Which window, sequence, plane and level is drawn for each picture, and so is how far it strays from
a plain one: field of view, burnt-in text, turns, inversion and enlargement (domain randomisation,
as in `beam`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from firstread.errors import unknown
from firstread.phantoms.chances import Dice
from firstread.phantoms.marks import LETTERS, write
from firstread.phantoms.sections import abdomen, chest, head, upright
from firstread.phantoms.sections.canvas import FINE
from firstread.phantoms.sections.materials import Material
from firstread.phantoms.sections.scanners import SEQUENCES, ct, mr, shares
from firstread.phantoms.sections.section import Section
from firstread.phantoms.truth import (
    FAMILIES,
    LABELS,
    SIGNS,
    Phantoms,
    answers,
    findings,
    gather,
)

Paint = Callable[..., Section]
HEAD = ("haemorrhage", "infarct", "mass", "clips", "drain", "text")
CHEST = (
    "nodule", "mass", "opacity", "effusion", "pneumothorax", "cardiomegaly", "leads", "screws",
    "text",
)  # fmt: skip
ABDOMEN = (
    "effusion", "dilated_bowel", "calculus", "mass", "cyst", "free_gas", "clips", "drain",
    "screws", "text",
)  # fmt: skip


# Signs that count only where enough of their material came into view.
MATERIALS = {
    "haemorrhage": Material.HAEMORRHAGE, "infarct": Material.INFARCT, "mass": Material.TUMOUR,
    "nodule": Material.TUMOUR, "opacity": Material.CONSOLIDATION, "effusion": Material.EFFUSION,
    "cyst": Material.CYST, "clips": Material.METAL, "leads": Material.METAL,
    "screws": Material.METAL, "calculus": Material.CALCIUM, "drain": Material.CALCIUM,
}  # fmt: skip
ENOUGH = 2 * FINE**2
# Signs that a window or sequence can't show: no one can tell, so no one is asked.
HIDDEN: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("head_ct", "bone"): ("haemorrhage", "infarct", "mass"),
    ("head_ct", "wide"): ("haemorrhage", "infarct", "mass"),
    ("chest_ct", "wide"): ("pneumothorax",),
    ("chest_ct", "mediastinum"): ("pneumothorax",),
    ("chest_ct", "lung"): ("leads", "screws"),
    ("abdomen_ct", "wide"): ("mass", "cyst"),
    **{("chest_mr", sequence): ("pneumothorax",) for sequence in SEQUENCES},
    **{("abdomen_mr", sequence): ("calculus",) for sequence in SEQUENCES},
}


@dataclass(frozen=True)
class Examination:
    """How one family of sections comes about.

    Parameters
    ----------
    planes : Mapping
        Plane (of `LABELS["view"]`) -> what paints it, and how often.
    shown : Mapping
        Window of a CT or sequence of an MR -> how often.
    signs : tuple of str
        What may be seen.
    """

    planes: Mapping[str, tuple[Paint, float]]
    shown: Mapping[str, float]
    signs: tuple[str, ...]

    @property
    def tomography(self) -> bool:
        """Whether it is a CT; else an MR."""
        return next(iter(self.shown)) in LABELS["window"]


HEADS = {"axial": (head.axial, 0.8), "sagittal": (upright.head, 0.2)}
CHESTS = {"axial": (chest.axial, 0.8), "coronal": (upright.chest, 0.2)}
ABDOMENS = {"axial": (abdomen.axial, 0.8), "coronal": (upright.abdomen, 0.2)}
EXAMINATIONS: Mapping[str, Examination] = {
    "head_ct": Examination(
        HEADS,
        {"brain": 0.65, "bone": 0.2, "wide": 0.15},
        HEAD,
    ),
    "head_mr": Examination(
        HEADS,
        {"t1": 0.3, "t2": 0.3, "flair": 0.3, "proton_density": 0.1},
        HEAD,
    ),
    "chest_ct": Examination(
        CHESTS,
        {"lung": 0.4, "mediastinum": 0.4, "wide": 0.2},
        CHEST,
    ),
    "chest_mr": Examination(
        CHESTS,
        {"t1": 0.5, "t2": 0.3, "proton_density": 0.2},
        CHEST,
    ),
    "abdomen_ct": Examination(
        ABDOMENS,
        {"abdomen": 0.75, "wide": 0.25},
        ABDOMEN,
    ),
    "abdomen_mr": Examination(
        ABDOMENS,
        {"t1": 0.35, "t2": 0.35, "fat_suppressed": 0.3},
        ABDOMEN,
    ),
    "spine_mr": Examination(
        {"sagittal": (upright.spine, 1.0)},
        {"t1": 0.4, "t2": 0.45, "fat_suppressed": 0.15},
        ("mass", "text"),
    ),
}


def draw(
    family: str,
    n: int,
    size: int,
    generator: torch.Generator,
    hard: float = 1.0,
    *,
    changes: float = 0.5,
) -> Phantoms:
    """Draw sections of one family.

    Parameters
    ----------
    family : str
        Of `EXAMINATIONS`.
    n, size : int
        How many pictures, and their side in pixels.
    generator : torch.Generator
        Where every random number comes from.
    hard : float
        How far pictures may stray from plain ones, 0 to 1.
    changes : float
        How often something is wrong with the body, 0 to 1. It moves no other random number: with
        0 and the same generator the same bodies come out, but healthy.

    Raises
    ------
    UsageError
        If the family is unknown.
    """
    if family not in EXAMINATIONS:
        raise unknown("family", family, EXAMINATIONS)
    examination = EXAMINATIONS[family]
    weights = torch.tensor([often for _, often in examination.planes.values()])
    chosen = torch.multinomial(weights, n, replacement=True, generator=generator)
    numbers = torch.bincount(chosen, minlength=len(weights)).tolist()
    parts = [
        _plane(family, plane, Dice(count, generator), size, hard, changes)
        for plane, count in zip(examination.planes, numbers, strict=True)
        if count
    ]
    return gather(parts)


def _plane(family: str, plane: str, dice: Dice, size: int, hard: float, changes: float) -> Phantoms:
    examination = EXAMINATIONS[family]
    paint, _ = examination.planes[plane]
    names = list(examination.shown)
    weights = torch.tensor(list(examination.shown.values()))
    picked = torch.multinomial(weights, dice.n, replacement=True, generator=dice.generator)
    shown = [names[k] for k in picked.tolist()]
    noise = 0.4 + 0.6 * hard * dice.uniform(0.3, 1.6)
    if examination.tomography:
        question = "window"
        section = paint(dice, size, changes=changes)
        enhanced = torch.where(dice.chance(0.5), dice.uniform(0.5, 1.3), 0.0)
        pixels = ct(section.canvas, shown, dice, enhanced=enhanced, noise=noise)
    else:
        question = "sequence"
        section = paint(dice, size, changes=changes, couches=False)
        pixels = mr(section.canvas, shown, dice, noise=noise)
    labels = answers(
        dice.n,
        family=FAMILIES.index(family),
        view=LABELS["view"].index(plane),
        **{question: torch.tensor([LABELS[question].index(name) for name in shown])},
    )
    drawn = _displayed(pixels, shares(section.canvas), labels, section, examination, dice, hard)
    for signs, name in zip(drawn.signs, shown, strict=True):
        signs[[SIGNS.index(sign) for sign in HIDDEN.get((family, name), ())]] = torch.nan
    return drawn


def _displayed(
    pixels: Tensor,
    thickness: Tensor,
    labels: dict[str, Tensor],
    section: Section,
    examination: Examination,
    dice: Dice,
    hard: float,
) -> Phantoms:
    """Do to the pictures what consoles, screenshots and archives do."""
    size = pixels.shape[-1]
    gamma = torch.exp(0.25 * hard * dice.normal()).view(-1, 1, 1, 1)
    pixels = pixels.clamp(min=1e-4) ** gamma
    soft = dice.chance(0.3 * hard).view(-1, 1, 1, 1)
    halved = functional.avg_pool2d(pixels, 2)
    enlarged = functional.interpolate(halved, size=(size, size), mode="bilinear")
    pixels = torch.where(soft, enlarged, pixels)
    if examination.tomography:
        place = (torch.arange(size) + 0.5) / size - 0.5
        away = place.square()[:, None] + place.square()
        radius = torch.where(dice.chance(0.15 * hard), dice.uniform(0.46, 0.5), 1.0)
        pixels = torch.where(away > radius.square().view(-1, 1, 1, 1), 0.0, pixels)
    inverted = dice.chance(0.04 * hard)
    pixels = torch.where(inverted.view(-1, 1, 1, 1), 1 - pixels, pixels)
    pixels, written = _annotated(pixels, dice, hard)
    quarter = torch.where(dice.chance(0.15 * hard), dice.integers(4), 0)
    for k in (1, 2, 3):
        turned = (quarter == k).view(-1, 1, 1, 1)
        pixels = torch.where(turned, pixels.rot90(-k, (2, 3)), pixels)
        thickness = torch.where(turned, thickness.rot90(-k, (2, 3)), thickness)
    known = _in_view(section)
    signs = findings(dice.n, examination.signs, text=written, **known)
    labels = {**labels, "inverted": inverted.long(), "quarter_turn": quarter}
    return Phantoms(pixels, labels, signs, thickness)


def _in_view(section: Section) -> dict[str, Tensor]:
    """Return the signs (N,) that the pictures show, of those that were painted."""
    seen = dict(section.signs)
    for name in seen.keys() & MATERIALS.keys():
        rows = seen[name].nonzero()[:, 0]
        area = (section.canvas.materials[rows] == MATERIALS[name]).flatten(1).sum(1)
        seen[name] = seen[name].index_put((rows,), area >= ENOUGH)
    return seen


def _annotated(pixels: Tensor, dice: Dice, hard: float) -> tuple[Tensor, Tensor]:
    """Write lines of letters into the corners, as consoles do; mostly there are none."""
    size = pixels.shape[-1]
    shown = dice.chance(0.25 * hard)
    height = dice.uniform(0.025, 0.05) * size
    pen = dice.uniform(0.5, 1.0) * size / 128 * shown
    ink = torch.zeros(dice.n, size, size)
    for x, y in ((0.02, 0.02), (0.02, 0.08), (0.68, 0.02), (0.02, 0.93)):
        place = torch.tensor([x, y]).expand(dice.n, 2) * size
        text = dice.integers(len(LETTERS), 6)
        lines = write(text, place, height, pen * dice.chance(0.7), torch.zeros(dice.n), size)
        ink = torch.maximum(ink, lines)
    shade = dice.uniform(0.6, 1.0).view(-1, 1, 1, 1)
    return pixels + ink[:, None] * (shade - pixels), shown
