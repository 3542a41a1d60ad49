"""Radiographs of the abdomen, lying and upright, and of the pelvis."""

from __future__ import annotations

import torch
from torch import Tensor

from firstread.phantoms import devices
from firstread.phantoms.beam import Shadow, cast, develop, ripple, sharp
from firstread.phantoms.cage import ribs
from firstread.phantoms.chances import Dice
from firstread.phantoms.devices import fit, wear
from firstread.phantoms.gut import bowel, free_gas, organs, stomach, stones
from firstread.phantoms.hips import hip_screws, pelvis, prosthesis, sound_pelvis
from firstread.phantoms.lungs import AERATED, aerated
from firstread.phantoms.solids import VISCERA, Cloud, Pose, pose, project
from firstread.phantoms.spine import column
from firstread.phantoms.trunk import Habitus, flesh, legs, patients
from firstread.phantoms.truth import FAMILIES, LABELS, Phantoms, answers, findings

AP, OBLIQUE = (LABELS["view"].index(v) for v in ("ap", "oblique"))
# How often each is seen.
BELLY = {"free_gas": 0.24, "calculus": 0.16, "dilated_bowel": 0.2}
BELLY_DEVICES = {
    "feeding_tube": (0.12, devices.feeding_tube),
    "clips": (0.12, lambda dice: devices.clips(dice, (-90, 0, 320), (90, 60, 470))),
    "drain": (0.1, devices.belly_drain),
}
HIP = {"fracture": 0.14, "arthrosis": 0.16, "prosthesis": 0.16, "screws": 0.12}


def draw_abdomen(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Return n radiographs of the abdomen; ``hard`` says how far they may stray, 0 to 1."""
    shadow, labels, signs = expose_abdomen(Dice(n, generator), size, hard)
    return develop(shadow, labels, signs, generator, hard)


def draw_pelvis(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Return n radiographs of the pelvis; ``hard`` says how far they may stray, 0 to 1."""
    shadow, labels, signs = expose_pelvis(Dice(n, generator), size, hard)
    return develop(shadow, labels, signs, generator, hard)


def contents(
    body: Habitus, dice: Dice, dilated: Tensor, stand: Pose, size: int
) -> tuple[Tensor, Tensor]:
    """Return the line integral of flesh and organs with bowel gas in it, and that gas (mm)."""
    soft = flesh(body, stand, size)
    soft = soft * (1 + 0.015 * ripple(dice, size, 16) + 0.012 * ripple(dice, size, 7))
    soft = soft + project(organs(body, dice, dice.n), stand, size)
    gas, bubbles = bowel(body, dice, dilated, stand, size)
    return soft - VISCERA * gas + bubbles, gas - bubbles / VISCERA


def expose_abdomen(dice: Dice, size: int, hard: float) -> tuple[Shadow, dict[str, Tensor], Tensor]:
    """Return what the beam meets, and what is known of it."""
    n = dice.n
    upright = dice.chance(0.35)
    signs = {name: dice.chance(p) for name, p in BELLY.items()}
    signs["free_gas"] &= upright
    held = {name: dice.chance(p) for name, (p, _) in BELLY_DEVICES.items()}
    body = patients(dice)
    body = Habitus(**{**vars(body), "breath": body.breath - 18})
    # Where free gas is looked for the domes of the diaphragm are taken with it.
    low = (
        torch.where(upright, 390.0, 428.0) - 25 * signs["free_gas"] + dice.normal(0, 12 + 16 * hard)
    )
    centre = torch.stack([dice.normal(0, 6 + 14 * hard), 0 * low, low], dim=-1)
    field = dice.uniform(340, 410) * (0.14 * hard * dice.normal()).exp()
    roll = dice.normal(0, 0.02 + 0.03 * hard)
    stand = pose(dice.normal(0, 0.06), dice.normal(0, 0.05), roll, centre, field)

    soft, gas = contents(body, dice, signs["dilated_bowel"], stand, size)
    lung = aerated(body, stand, size)
    air = stomach(body, dice, upright, stand, size)
    air = air + free_gas(body, dice, signs["free_gas"], stand, size)
    soft = soft - AERATED * lung - VISCERA * air
    none = torch.zeros(n, dtype=torch.bool)
    bones = [
        ribs(body, dice, none),
        column(body, dice, 15, 23, 2).weighted(body.density),
        sound_pelvis(body, dice),
    ]
    bone = sharp(project(bones, stand, size), field)
    bone = bone + project(stones(dice, signs["calculus"]), stand, size)
    metal = torch.zeros_like(soft)
    for name, (_, make) in BELLY_DEVICES.items():
        wear(metal, held[name], make, dice, stand)
    known = answers(
        n, family=FAMILIES.index("abdomen"), view=AP, age=body.age, upright=upright.long()
    )
    shadow = present(body, field, soft, gas + lung + air, bone, metal)
    return shadow, known, findings(n, **signs, **held)


def expose_pelvis(dice: Dice, size: int, hard: float) -> tuple[Shadow, dict[str, Tensor], Tensor]:
    """Return what the beam meets, and what is known of it."""
    n = dice.n
    signs = {name: dice.chance(p) for name, p in HIP.items()}
    signs["screws"] &= ~signs["prosthesis"]
    signs["arthrosis"] &= ~signs["prosthesis"] & ~signs["fracture"]
    signs["fracture"] &= ~signs["prosthesis"]
    side = 1.0 - 2 * dice.integers(2)
    body = patients(dice)
    turned = dice.chance(0.12)
    yaw = torch.where(turned, side * dice.uniform(0.4, 0.8), dice.normal(0, 0.05))
    low = 532 + dice.normal(0, 12 + 14 * hard)
    # Some show one hip alone.
    half = dice.chance(0.25)
    x = torch.where(half, side * 92.0, 0.0) + dice.normal(0, 5 + 10 * hard)
    field = torch.where(half, dice.uniform(170, 240), dice.uniform(330, 400))
    field = field * (0.12 * hard * dice.normal()).exp()
    low = torch.where(half, low + 18, low)
    roll = dice.normal(0, 0.02 + 0.04 * hard)
    centre = torch.stack([x, 0 * x, low], dim=-1)
    stand = pose(yaw, dice.normal(0, 0.08), roll, centre, field)

    soft, gas = contents(body, dice, torch.zeros(n, dtype=torch.bool), stand, size)
    soft, gas = legs(body, soft, stand, size), gas
    bones = [
        column(body, dice, 20, 23, 2).weighted(body.density),
        pelvis(body, dice, signs["fracture"], signs["arthrosis"], signs["prosthesis"], side),
    ]
    metal = torch.zeros_like(soft)

    def joint(_: Dice, some: Tensor) -> Cloud:
        return prosthesis(body.pick(some), side[some])

    def screws(fewer: Dice, some: Tensor) -> Cloud:
        return hip_screws(body.pick(some), fewer, side[some])

    fit(metal, signs["prosthesis"], joint, dice, stand)
    fit(metal, signs["screws"], screws, dice, stand)
    metal = sharp(metal, 2 * field)
    view = torch.where(turned, OBLIQUE, AP)
    where = torch.where(half, (side < 0).long(), -1)
    known = answers(n, family=FAMILIES.index("pelvis"), view=view, age=body.age, side=where)
    bone = sharp(project(bones, stand, size), field)
    return present(body, field, soft, gas, bone, metal), known, findings(n, **signs)


def present(
    body: Habitus, field: Tensor, soft: Tensor, gas: Tensor, bone: Tensor, metal: Tensor
) -> Shadow:
    """Return what the beam meets in bodies of their true size."""
    scale = body.scale[:, None, None]
    return cast(
        field * body.scale, scale * soft.clamp(min=0), scale * bone, metal, scale * gas.clamp(min=0)
    )
