"""Chest radiographs: upright and lying, frontal, lateral and oblique."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from firstread.phantoms import devices
from firstread.phantoms.beam import Shadow, cast, develop, sharp
from firstread.phantoms.cage import breastbone, ribs, shoulders
from firstread.phantoms.chances import Dice
from firstread.phantoms.devices import wear
from firstread.phantoms.gut import stomach
from firstread.phantoms.lungs import breathe
from firstread.phantoms.solids import VISCERA, pose, project
from firstread.phantoms.spine import column
from firstread.phantoms.trunk import Habitus, arms, flesh, patients
from firstread.phantoms.truth import FAMILIES, LABELS, Phantoms, answers, findings

# How often each is seen.
CHANGES = {
    "opacity": 0.2, "nodule": 0.14, "effusion": 0.14, "pneumothorax": 0.1, "free_gas": 0.12,
    "fracture": 0.06, "cardiomegaly": 0.14,
}  # fmt: skip
DEVICES = {
    "tube": (0.1, devices.breathing_tube),
    "feeding_tube": (0.1, devices.feeding_tube),
    "line": (0.15, devices.central_line),
    "leads": (0.18, devices.leads),
    "clips": (0.06, lambda dice: devices.clips(dice, (-90, -20, 60), (90, 60, 200))),
    "sternal_wires": (0.07, devices.sternal_wires),
    "pacemaker": (0.08, devices.pacemaker),
    "drain": (0.06, devices.chest_drain),
}
PA, AP, LATERAL, OBLIQUE = (LABELS["view"].index(v) for v in ("pa", "ap", "lateral", "oblique"))


def draw(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Return n chest radiographs; ``hard`` says how far they may stray from plain ones, 0 to 1."""
    dice = Dice(n, generator)
    shadow, labels, signs = expose(dice, size, hard)
    return develop(shadow, labels, signs, generator, hard)


def expose(dice: Dice, size: int, hard: float) -> tuple[Shadow, dict[str, Tensor], Tensor]:
    """Return what the beam meets, and what is known of it."""
    n = dice.n
    lot = dice.uniform()
    view = (lot > 0.4).long() + (lot > 0.7).long() + (lot > 0.9).long()
    view = torch.tensor([PA, AP, LATERAL, OBLIQUE])[view]
    lying = (view == AP) & dice.chance(0.7)
    signs = {name: dice.chance(p) for name, p in CHANGES.items()}
    signs["free_gas"] &= ~lying & ~signs["effusion"]
    held = {name: dice.chance(p) for name, (p, _) in DEVICES.items()}
    body = _stand(patients(dice), view, signs["cardiomegaly"], dice)
    side = 1.0 - 2 * dice.integers(2)
    yaw = dice.normal(0, 0.05 + 0.05 * hard)
    yaw = yaw + torch.where(view == LATERAL, side * math.pi / 2, 0.0)
    yaw = yaw + torch.where(view == OBLIQUE, side * dice.uniform(0.45, 0.95), 0.0)
    field = dice.uniform(345, 400) * (0.16 * hard * dice.normal()).exp()
    low = 132 + dice.normal(0, 10 + 14 * hard)
    centre = torch.stack([dice.normal(0, 6 + 14 * hard), dice.normal(0, 8), low], dim=-1)
    stand = pose(yaw, dice.normal(0, 0.06), dice.normal(0, 0.02 + 0.04 * hard), centre, field)

    air = breathe(body, stand, size, dice, signs, ~lying)
    hang = (view != LATERAL) & dice.chance(0.8)
    soft = torch.maximum(flesh(body, stand, size), arms(body, hang, stand, size)) + air.change
    bubble = stomach(body, dice, ~lying, stand, size)
    bone = project(
        [
            ribs(body, dice, signs["fracture"]),
            column(body, dice, 3, 19, 1).weighted(0.6 * body.density),
            shoulders(body, dice, hang),
            breastbone(),
        ],
        stand,
        size,
    )
    metal = torch.zeros_like(soft)
    for name, (_, make) in DEVICES.items():
        wear(metal, held[name], make, dice, stand)
    scale = body.scale[:, None, None]
    soft = (soft - VISCERA * bubble).clamp(min=0)
    gas = air.gas + bubble
    shadow = cast(field * body.scale, scale * soft, scale * sharp(bone, field), metal, scale * gas)
    labels = answers(
        n, family=FAMILIES.index("chest"), view=view, age=body.age, upright=(~lying).long()
    )
    return shadow, labels, findings(n, **signs, **held)


def _stand(body: Habitus, view: Tensor, large: Tensor, dice: Dice) -> Habitus:
    """Return bodies with breath held in, and the heart as large as the view and disease make it."""
    ap = view == AP
    heart = (
        body.heart * torch.where(ap, 1.08, 1.0) * torch.where(large, dice.uniform(1.28, 1.5), 1.0)
    )
    breath = body.breath + torch.where(ap, -10.0, 4.0)
    reach = body.arms + torch.where(view == PA, 0.25, 0.0)
    return Habitus(**{**vars(body), "heart": heart, "breath": breath, "arms": reach})
