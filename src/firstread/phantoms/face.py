"""The bones of face, base and neck, and the teeth, for `firstread.phantoms.skull` (its frame)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from firstread.phantoms import shapes
from firstread.phantoms.bones import at, bent_bones, long_bones, short_bones
from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import curve, wire
from firstread.phantoms.sitting import Sitter
from firstread.phantoms.solids import METAL, Cloud, join

# Of the petrous pyramid and the mastoid behind it, on the left: centre and semi-axes.
PYRAMID = (
    (52, -12, 40, 12, 10, 10), (36, -3, 40, 11, 8, 8),
    (22, 4, 41, 9, 7, 7), (57, -20, 54, 7, 9, 14),
)  # fmt: skip
TEETH = 14  # in each jaw
ROOT = 10.0  # z of the root of the nose


def face_bones(dice: Dice, who: Sitter, turn: Tensor, gape: Tensor) -> Cloud:
    """Return the bones of face and base, both sides alike."""
    n = dice.n
    looks: dict[str, Any] = {"wall": who.wall, "beam": turn[:, 1]}
    pair = {**looks, "wall": who.wall[:, None]}
    angle = torch.linspace(0, 2 * math.pi, 120)
    round_ = torch.stack([20 * angle.cos(), 4 * angle.cos() - 2, 17 * angle.sin()], dim=-1)
    tall = 1 + 0.05 * dice.normal(0, 1)[:, None, None]
    side = torch.tensor([1.0, -1])
    orbit = (
        torch.stack([round_ + torch.tensor([33.0, 66, 22])] * 2)
        * torch.stack([torch.stack([s, torch.ones(()), torch.ones(())]) for s in side])[:, None]
    )
    flip = torch.tensor([[1.0, 1, 1], [-1, 1, 1]])

    def both(*places: tuple[float, float, float]) -> Tensor:
        return (torch.tensor(places) * flip[:, None]).expand(n, 2, -1, 3)

    drop = at(0.0, -0.3 * gape, gape, n=n)[:, None]
    arc = torch.linspace(-1, 1, 160) * 1.12
    chin = torch.stack(
        [
            46 * arc.sin() / 0.9,
            12 + 78 * (arc * 1.35).cos().clamp(min=0),
            82 + 25 * (1.2 * arc).cos(),
        ],
        dim=-1,
    )
    chin = chin * tall + drop
    brow = both((13, 80, 4), (32, 77, -2), (52, 62, 14))
    cheek = both((48, 60, 42), (62, 38, 44), (66, 10, 40))
    ramus = both((48, 10, 92), (54, 2, 40)) + 0.6 * drop[:, None]
    bars = [
        bent_bones(
            shapes.RIM,
            (orbit * tall[..., None]).expand(n, 2, -1, 3),
            across=6,
            up=(0.0, 0.0, 1.0),
            **pair,
        ),
        bent_bones(shapes.RIM, curve(brow, 40), girth=1.5, across=8, up=(0.0, 0.0, 1.0), **pair),
        bent_bones(shapes.CHEEK_ARCH, curve(cheek, 56), across=9, up=(0.0, 0.0, 1.0), **pair),
        bent_bones(shapes.RAMUS, curve(ramus, 56), across=22, up=(0.0, 1.0, 0.0), **pair),
        bent_bones(shapes.JAW, chin, across=20, up=(0.0, 0.0, 1.0), **looks),
        long_bones(
            shapes.NOSE, at(0.0, 84.0, 14.0, n=n), at(0.0, 99.0, 38.0, n=n), n=24, across=6, **looks
        ),
    ]
    # Upper jaw, cheeks, clivus, floor of the front fossa, wings, septum, rear of the base.
    rows = torch.tensor(
        [
            (0, 63, 66, 26, 21, 11), (40, 58, 46, 11, 10, 13), (-40, 58, 46, 11, 10, 13),
            (0, 10, 44, 11, 8, 17), (0, 42, 17, 34, 34, 2.2), (0, 48, 46, 1.2, 26, 19),
            (33, 26, 22, 24, 4, 3), (-33, 26, 22, 24, 4, 3), (0, -28, 47, 36, 20, 4),
            *((s * x, *rest) for s in (1, -1) for x, *rest in PYRAMID),
        ],
        dtype=torch.float32,
    )  # fmt: skip
    wall = (
        torch.tensor([1.0, 2.2, 2.2, 1.4, 0.3, 0.5, 1.6, 1.6, 0.5, *(2.2,) * 8]) * who.wall[:, None]
    )
    fill = torch.tensor([0.6, 0.9, 0.9, 1.0, 0.5, 0.5, 0.9, 0.9, 0.5, *(1.2,) * 8])
    blocks = short_bones(
        rows[:, :3] + dice.normal(0, 0.8, 17, 3), (rows[:, 3:] @ turn.abs().mT).clamp(min=1.2)
        / turn.abs().sum(dim=-1)[:, None].clamp(min=1), turn, wall, fill, square=2.6, points=420,
    )  # fmt: skip
    # The saddle for the pituitary gland: a small cup in front of the clivus.
    cup = torch.tensor([[-1.0, 31, 14], [0, 24, 22], [0, 15, 21], [1, 9, 12]])
    saddle = bent_bones(
        shapes.RIM,
        curve(cup, 40).expand(n, -1, -1),
        girth=0.8,
        across=6,
        up=(1.0, 0.0, 0.0),
        **looks,
    )
    return join([*bars, blocks, saddle])


def teeth(
    dice: Dice, who: Sitter, turn: Tensor, gape: Tensor, toothless: Tensor
) -> tuple[Cloud, Tensor, Cloud]:
    """Return the teeth, who has metal in them, (N,) bool, and that metal."""
    n = dice.n
    angle = (torch.arange(TEETH) + 0.5 - TEETH / 2) / TEETH * 2.9
    crown = torch.stack([24 * angle.sin(), 46 + 34 * angle.cos(), 0 * angle + 83], dim=-1)
    up = torch.tensor([0.0, -4, -19]), torch.tensor([0.0, -2, 19])
    drop = at(0.0, -0.3 * gape, gape, n=n)[:, None]
    small = (0.75 + 0.25 * who.years)[:, None]
    top = torch.stack(
        [crown.expand(n, -1, -1), (crown + torch.tensor([0.0, -1, 0.6])) + drop], dim=1
    )
    root = top + torch.stack(up)[None, :, None]
    missing = dice.chance(0.03 + 0.2 * (who.age == 2).float()[:, None, None], 2, TEETH)
    here = ~(missing | toothless[:, None, None])
    row = long_bones(
        shapes.TOOTH, top, root, turn[:, 1], n=18, across=6, girth=small[..., None] * here,
        wall=who.wall[:, None, None],
    )  # fmt: skip
    filled = dice.chance(torch.where(who.child, 0.05, 0.5)) & here.flatten(1).any(dim=1)
    gold = dice.chance(0.3, 2, TEETH) & here & filled[:, None, None]
    # At least one: the metal of the tooth that is surely there.
    first = here.flatten(1).float().argmax(dim=1)
    gold = gold.flatten(1) | ((torch.arange(2 * TEETH) == first[:, None]) & filled[:, None])
    start = (top + 0.05 * (root - top)).flatten(1, 2)
    ends = (top + 0.25 * (root - top)).flatten(1, 2)
    t = torch.linspace(0, 1, 8)[:, None]
    path = start[..., None, :] * (1 - t) + ends[..., None, :] * t
    crowns = wire(path, gold[..., None] * 2.4, METAL, around=4)
    # Dentine and enamel stop more than compact bone.
    return Cloud(row.points, 1.9 * row.mass), filled, crowns


def neck(dice: Dice, who: Sitter, turn: Tensor) -> Cloud:
    """Return six cervical vertebrae, with their arches and spines."""
    n, lean = dice.n, dice.normal(0, 0.12)[:, None]
    level = torch.arange(6)
    z = 72.0 + 17.5 * level
    y = -8 + 3 * (level * 0.7).sin() + lean * (z - 72)
    zero = torch.zeros(n, 6)
    body = torch.stack([zero, y, zero + z], dim=-1)
    back = body + torch.tensor([0.0, -19, 2])
    tail = body + torch.stack([zero, -34 - 2.0 * level + zero, zero + 9], dim=-1)
    tooth = body[:, 1:2] + torch.tensor([0.0, 0, -16])
    centre = torch.cat([body[:, 1:], back, tail, tooth], dim=1)
    forms = [(11.5, 8, 6.8)] * 5 + [(22, 6, 6.0)] * 6 + [(2.8, 10, 3.2)] * 6 + [(4.5, 5, 11.0)]
    axes = torch.tensor(forms) * who.girth[:, None, None]
    spread = (axes @ turn.abs().mT) / turn.abs().sum(dim=-1)[:, None]
    return short_bones(centre, spread, turn, 1.1 * who.wall[:, None], 0.7, square=3.0, points=130)


def grown(z: Tensor, years: Tensor) -> Tensor:
    """Return heights of the face (N, ...): a child's is short below the root of the nose."""
    long = (0.82 + 0.28 * years).reshape(-1, *(1,) * (z.ndim - 1))
    return torch.where(z > ROOT, ROOT + long * (z - ROOT), z)
