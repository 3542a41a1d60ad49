"""Radiographs of the cervical and the lumbar spine, from the front and from the side."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from firstread.phantoms.abdomen import contents, present
from firstread.phantoms.beam import Shadow, develop, ripple, sharp
from firstread.phantoms.cage import ribs, shoulders
from firstread.phantoms.chances import Dice
from firstread.phantoms.devices import breathing_tube, clips, feeding_tube, fit, wear
from firstread.phantoms.gut import stones
from firstread.phantoms.hips import sound_pelvis
from firstread.phantoms.lungs import AERATED, aerated, airways
from firstread.phantoms.neck import atlas, head, jaw, skin, throat
from firstread.phantoms.solids import MUSCLE, Cloud, Pose, pose, project
from firstread.phantoms.spine import column, implants
from firstread.phantoms.trunk import Habitus, flesh, patients
from firstread.phantoms.truth import FAMILIES, LABELS, Phantoms, answers, findings

AP, LATERAL, OBLIQUE = (LABELS["view"].index(v) for v in ("ap", "lateral", "oblique"))
SIGNS = {"fracture": 0.16, "screws": 0.14, "arthrosis": 0.2}


def draw_cervical(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Return n radiographs of the neck; ``hard`` says how far they may stray, 0 to 1."""
    shadow, labels, signs = expose_cervical(Dice(n, generator), size, hard)
    return develop(shadow, labels, signs, generator, hard)


def draw_lumbar(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Return n radiographs of the lower back; ``hard`` says how far they may stray, 0 to 1."""
    shadow, labels, signs = expose_lumbar(Dice(n, generator), size, hard)
    return develop(shadow, labels, signs, generator, hard)


def _stand(dice: Dice, hard: float, field: Tensor, middle: Tensor) -> tuple[Tensor, Pose]:
    """Draw views, and stand the patients before the beam."""
    lot = dice.uniform()
    view = torch.tensor([AP, LATERAL, OBLIQUE])[(lot > 0.45).long() + (lot > 0.9).long()]
    side = 1.0 - 2 * dice.integers(2)
    yaw = dice.normal(0, 0.05 + 0.03 * hard)
    yaw = yaw + torch.where(view == LATERAL, side * math.pi / 2, 0.0)
    yaw = yaw + torch.where(view == OBLIQUE, side * dice.uniform(0.5, 0.9), 0.0)
    field = field * (0.14 * hard * dice.normal()).exp()
    middle = middle + dice.normal(0, 5 + 7 * hard, 3)
    roll = dice.normal(0, 0.03 + 0.05 * hard)
    return view, pose(yaw, dice.normal(0, 0.04), roll, middle, field)


def _changes(dice: Dice, body: Habitus, count: int) -> tuple[dict[str, Tensor], Tensor]:
    """Draw signs, and what is left of each vertebra's height (N, count)."""
    signs = {name: dice.chance(p) for name, p in SIGNS.items()}
    signs["arthrosis"] &= body.age > 0
    which = dice.integers(count - 2)[:, None] + 1
    hit = (torch.arange(count) == which) & signs["fracture"][:, None]
    return signs, torch.where(hit, dice.uniform(0.35, 0.6)[:, None], 1.0)


def expose_lumbar(dice: Dice, size: int, hard: float) -> tuple[Shadow, dict[str, Tensor], Tensor]:
    """Return what the beam meets, and what is known of it."""
    n = dice.n
    body = patients(dice)
    body = Habitus(**{**vars(body), "breath": body.breath - 10})
    view, stand = _stand(dice, hard, dice.uniform(215, 290), torch.tensor([0.0, -45, 365]))
    signs, left = _changes(dice, body, 8)
    signs["calculus"] = dice.chance(0.1)
    clipped = dice.chance(0.08)

    none = torch.zeros(n, dtype=torch.bool)
    soft, gas = contents(body, dice, none, stand, size)
    lung = aerated(body, stand, size)
    vertebrae = column(body, dice, 15, 23, 2, left, signs["arthrosis"])
    bones = [
        vertebrae.weighted(1.15 * body.density),
        ribs(body, dice, none, first=8),
        sound_pelvis(body, dice),
    ]
    bone = sharp(project(bones, stand, size), stand.field)
    bone = bone + project(stones(dice, signs["calculus"]), stand, size)
    metal = _screwed(body, dice, signs["screws"], 18, 23, stand, size)
    low, high = (-60, 0, 330), (60, 40, 420)
    wear(metal, clipped, lambda fewer: clips(fewer, low, high), dice, stand)
    metal = sharp(metal, 2 * stand.field)
    known = answers(n, family=FAMILIES.index("lumbar_spine"), view=view, age=body.age)
    soft = soft - AERATED * lung
    shadow = present(body, stand.field, soft, gas + lung, bone, metal)
    return shadow, known, findings(n, clips=clipped, **signs)


def expose_cervical(dice: Dice, size: int, hard: float) -> tuple[Shadow, dict[str, Tensor], Tensor]:
    """Return what the beam meets, and what is known of it."""
    n = dice.n
    body = patients(dice)
    view, stand = _stand(dice, hard, dice.uniform(165, 225), torch.tensor([0.0, -12, -62]))
    signs, left = _changes(dice, body, 8)
    held = {"tube": dice.chance(0.08), "feeding_tube": dice.chance(0.08)}

    soft = torch.maximum(flesh(body, stand, size), skin(body, stand, size))
    soft = soft * (1 + 0.02 * ripple(dice, size, 24))
    lung = aerated(body, stand, size)
    pipes = project([airways(dice, 30), throat(dice)], stand, size)
    pipes = -sharp(pipes, stand.field) / MUSCLE
    none = torch.zeros(n, dtype=torch.bool)
    left = torch.cat([left, torch.ones(n, 1)], dim=1)
    vertebrae = column(body, dice, 0, 9, 2, left, signs["arthrosis"])
    bones = [
        vertebrae.weighted(torch.full((n,), 1.7)),
        atlas(n),
        jaw(dice),
        head(dice),
        ribs(body, dice, none, last=4),
        shoulders(body, dice, none).moved(torch.tensor([0.0, 0, 18])),
    ]
    bone = sharp(project(bones, stand, size), stand.field) * body.density[:, None, None]
    metal = _screwed(body, dice, signs["screws"], 2, 6, stand, size)
    for name, make in (("tube", breathing_tube), ("feeding_tube", feeding_tube)):
        wear(metal, held[name], make, dice, stand)
    metal = sharp(metal, 2 * stand.field)
    known = answers(n, family=FAMILIES.index("cervical_spine"), view=view, age=body.age)
    soft = soft - AERATED * lung - MUSCLE * pipes
    shadow = present(body, stand.field, soft, lung + pipes, bone, metal)
    return shadow, known, findings(n, **signs, **held)


def _screwed(
    body: Habitus, dice: Dice, screws: Tensor, first: int, last: int, stand: Pose, size: int
) -> Tensor:
    """Return the line integral of screws and rods in the bodies that have them."""
    metal = torch.zeros(dice.n, size, size)

    def make(fewer: Dice, some: Tensor) -> Cloud:
        return implants(body.pick(some), fewer, first, last)

    fit(metal, screws, make, dice, stand)
    return metal
