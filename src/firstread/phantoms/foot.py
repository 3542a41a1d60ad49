"""Radiographs of feet.

Frame: x to the inner side of a left foot (the great toe), y from the heel to the toes, z down; the
origin is on the floor under the heel. Lengths are in mm, of a grown-up.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from firstread.phantoms import shapes
from firstread.phantoms.bones import at, broken, choose, eaten, long_bones, short_bones
from firstread.phantoms.chances import Dice
from firstread.phantoms.flesh import Flesh, flesh
from firstread.phantoms.hardware import pins, plates, screws
from firstread.phantoms.sitting import OLD, Sitter, crop, expose, sitter, view
from firstread.phantoms.solids import Cloud, Pose, join, rotation
from firstread.phantoms.truth import FAMILIES, Phantoms, answers, findings

AP, OBLIQUE, LATERAL = range(3)
# From the great toe outwards: base of the metatarsal, and its head.
BASES = (
    (16.0, 138.0, -33.0), (5.0, 136.0, -39.0), (-6.0, 133.0, -35.0), (-16.0, 128.0, -28.0),
    (-26.0, 121.0, -18.0),
)  # fmt: skip
HEADS = (
    (22.0, 199.0, -13.0), (5.0, 208.0, -12.0), (-11.0, 201.0, -11.0), (-25.0, 190.0, -10.0),
    (-38.0, 178.0, -9.0),
)  # fmt: skip
# Proximal, middle and distal phalanx.
TOES = ((31, 0, 23), (26, 13, 9), (24, 11, 9), (22, 9, 9), (20, 7, 9))
GIRTHS = (
    (1.5, 1.5, 1.0, 1.6), (0.95, 0.95, 0.85, 0.9), (0.92, 0.92, 0.85, 0.9), (0.92, 0.9, 0.85, 0.9),
    (0.95, 0.9, 0.85, 0.9),
)  # fmt: skip
# Navicular, cuboid, medial, middle and lateral cuneiform, talar body, two sesamoids:
# centre, semi-axes along x, y, z.
TARSALS = (
    (9, 110, -47, 18, 7.5, 13), (-19, 106, -27, 12.5, 16, 13), (16, 127, -37, 9, 11.5, 14),
    (5, 126, -44, 7.5, 8.5, 10), (-6, 123, -39, 8, 11.5, 11), (0, 68, -60, 19, 25, 16),
    (16, 194, -4, 4, 5, 3.5), (27, 194, -4, 4, 5, 3.5),
)  # fmt: skip
FORWARDS = (0.0, 0.0, 1.0)


def draw(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Draw radiographs of feet.

    Parameters
    ----------
    n, size : int
        How many, and their side in pixels.
    generator : torch.Generator
        Where every random number comes from.
    hard : float
        How far pictures may stray from plain ones, 0 to 1.
    """
    dice = Dice(n, generator)
    who = sitter(dice, children=0.25, smallest=0.42)
    seen = torch.tensor([AP, AP, OBLIQUE, LATERAL, LATERAL])[dice.integers(5)]
    profile = seen == LATERAL
    turn = _turn(dice, seen, hard)
    worn = (who.age == OLD) & dice.chance(0.5)
    bunion = dice.chance(torch.where(who.age == OLD, 0.35, 0.08)) * dice.uniform(0.15, 0.5)
    start, end = _rays(dice, who, worn, bunion, hard)
    hurt, heel = dice.chance(0.25), profile & dice.chance(0.5)
    gap = hurt * dice.uniform(1.8, 4.0)
    toes, start, end, spot = _toes(dice, who, turn, start, end, gap * ~heel)
    lytic = dice.chance(0.08)
    back = _hindfoot(dice, who, turn, profile, gap * heel)
    back = eaten(back, at(0.0, 30.0, -28.0, n=n), lytic * profile * dice.uniform(9, 15))
    toes = eaten(toes, spot, lytic * ~profile * dice.uniform(6, 11))
    flecks = dice.chance(0.08 + 0.15 * worn)
    chalk = Cloud(
        dice.normal(0, 1, 40, 3) * torch.tensor([4.0, 5, 5]) + torch.tensor([0.0, 2, -42]),
        1.6 * flecks[:, None] * dice.uniform(0, 1, 40),
    )
    metal, held = _hardware(dice, start, end, profile)

    ankle = profile & dice.chance(0.3)
    focus = torch.where(profile, 118.0, 176.0)
    focus = at(0.0, torch.where(ankle, 75.0, focus), torch.where(ankle, -62.0, -72.0), n=n)
    focus[:, 0] = torch.where(profile, 0.0, -4.0)
    field = torch.where(profile, dice.uniform(250, 285), dice.uniform(165, 200))
    field = torch.where(ankle, dice.uniform(150, 200), field)
    stand = crop(dice, turn, focus, field, hard)
    limb = _skin(who, start, end, profile, stand, size)
    cast = dice.chance(0.05 + 0.1 * hurt)
    sheath = (limb.chord(dice.uniform(150, 260)) - limb.chord()) * cast[:, None, None]
    names = torch.tensor([view("ap"), view("oblique"), view("lateral")])
    labels = answers(
        n, family=FAMILIES.index("foot"), side=who.right.long(), age=who.age, view=names[seen]
    )
    signs = findings(
        n, fracture=hurt, arthrosis=worn, lytic=lytic, calcification=flecks, screws=held, cast=cast
    )
    # Worn joints: dense, and broader than the bones by their spurs.
    joints = start[:, :, 1]
    broad = torch.tensor([11.0, 8.0, 8, 8, 8])[:, None] * torch.tensor([1.0, 1.0, 0.5])
    nodes = short_bones(joints, broad * worn[:, None, None], turn, 0.0, 2.4, points=80)
    bones = join([toes, back, _tarsals(dice, who, turn), chalk, nodes])
    return expose(
        stand, limb, bones, metal, who, (labels, signs), dice, size, hard, sheath, grit=0.8
    )


def _turn(dice: Dice, seen: Tensor, hard: float) -> Tensor:
    """Return the turns into the detector's frame: from above with the toes up, or from the side."""
    above = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    aside = torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    roll = (seen == OBLIQUE) * dice.uniform(0.45, 0.8) + dice.normal(0, 0.05)
    own = rotation("y", roll)
    turn = torch.where((seen == LATERAL)[:, None, None], aside @ own, above @ own)
    return rotation("y", dice.normal(0, 0.06 + 0.16 * hard)) @ turn


def _rays(
    dice: Dice, who: Sitter, worn: Tensor, bunion: Tensor, hard: float
) -> tuple[Tensor, Tensor]:
    """Return both ends of metatarsals and phalanges, (N, 5, 4, 3)."""
    n = dice.n
    base = torch.tensor(BASES) + dice.normal(0, 0.6, 5, 3)
    head = torch.tensor(HEADS) + dice.normal(0, 1.5, 5, 3)
    head[:, 0, 0] += 26 * bunion
    gap = torch.where(worn[:, None], 0.4, 1.6) + 2 * (1 - who.years[:, None]) + torch.zeros(n, 5)
    spread = dice.normal(0.1, 0.25)[:, None] * torch.tensor([0.2, 0.1, 0, -0.15, -0.3])
    angle = torch.tensor([0.05, -0.02, -0.06, -0.1, -0.14]) + spread + dice.normal(0, 0.05, 5)
    angle[:, 0] -= 1.1 * bunion
    curl = dice.uniform(0, 0.5 + 0.4 * hard)[:, None] * torch.tensor([0.3, 1, 1, 1, 1])
    start, end = [base], [head]
    for k in range(3):
        length = torch.tensor(TOES)[:, k] * dice.normal(1, 0.05, 5)
        # Toes rise at the first joint, and bend down at the others.
        dip = curl * (k - 0.7)
        way = torch.stack([angle.sin() * dip.cos(), angle.cos() * dip.cos(), dip.sin()], dim=-1)
        bone = torch.tensor(TOES)[:, k] > 0
        first = end[-1] + way * (gap * bone)[..., None]
        start.append(first)
        end.append(first + way * length[..., None])
    return torch.stack(start, dim=2), torch.stack(end, dim=2)


def _toes(
    dice: Dice, who: Sitter, turn: Tensor, start: Tensor, end: Tensor, gap: Tensor
) -> tuple[Cloud, Tensor, Tensor, Tensor]:
    """Return the long bones, both ends of each after a break of a metatarsal, and where it is."""
    where = dice.integers(5)
    head, foot = choose(start, where)[:, 0], choose(end, where)[:, 0]
    along = normalize(normalize(foot - head, dim=-1) + dice.normal(0, 0.3, 3), dim=-1)
    place = head + (foot - head) * dice.uniform(0.15, 0.85)[:, None]
    snap: dict[str, Any] = {
        "at": place,
        "along": along,
        "shift": dice.normal(0, 2.2, 3),
        "gap": gap,
    }
    snap["bend"] = rotation("z", dice.normal(0, 0.22))
    hit = torch.arange(5) == where[:, None]
    # The toe on the broken bone moves with it before it is laid out.
    joints = Cloud(torch.cat([start, end], dim=2).reshape(dice.n, -1, 3), torch.ones(dice.n, 40))
    after = (torch.arange(8) > 0).repeat(5)
    moved = broken(joints, of=hit.repeat_interleave(8, dim=1) & after, **snap).points
    moved = moved.view(dice.n, 5, 8, 3)
    girth = torch.tensor(GIRTHS) * who.girth[:, None, None]
    girth = torch.where(end.sub(start).norm(dim=-1) > 1, girth, 0.0)
    plate = (who.child * (0.7 + 2.0 * (1 - who.years)))[:, None]
    looks: dict[str, Any] = {
        "wall": who.wall[:, None],
        "gap": plate,
        "beam": turn[:, 1],
        "up": FORWARDS,
    }
    metatarsals = long_bones(
        shapes.METATARSAL,
        start[:, :, 0],
        end[:, :, 0],
        n=52,
        girth=girth[:, :, 0],
        plates=(0.9,),
        **looks,
    )
    of = hit.repeat_interleave(metatarsals.mass.shape[1] // 5, dim=1)
    clouds = [broken(metatarsals, of=of, **snap)]
    clouds += [
        long_bones(
            shapes.TOE, moved[:, :, k], moved[:, :, k + 4], n=30, girth=girth[:, :, k],
            plates=(0.12,), **looks,
        )
        for k in (1, 2, 3)
    ]  # fmt: skip
    return join(clouds), moved[:, :, :4], moved[:, :, 4:], place


def _seen(axes: Tensor, turn: Tensor) -> Tensor:
    """Return semi-axes along the picture's horizontal, the beam and its vertical."""
    return ((axes @ turn.abs().mT) / turn.abs().sum(dim=-1)[:, None]).contiguous()


def _tarsals(dice: Dice, who: Sitter, turn: Tensor) -> Cloud:
    """Return the tarsus before the heel, and the sesamoids."""
    table = torch.tensor(TARSALS, dtype=torch.float32)
    sprout = torch.tensor([0.2, 0.0, 0.15, 0.2, 0.05, 0.0, 0.8, 0.8])
    ripe = ((who.years[:, None] - sprout) / 0.3 + 0.4).clamp(0, 1)
    ripe = torch.where(who.child[:, None], ripe * (0.55 + 0.42 * who.years[:, None]), 1.0)
    axes = table[:, 3:] * ripe[..., None] * who.girth[:, None, None]
    centre = table[:, :3] + dice.normal(0, 0.6, 8, 3)
    seen, wall = _seen(axes, turn), who.wall[:, None]
    talus = torch.arange(8) == 5
    kinds = ((~talus, 330, 1.1), (talus, 900, 0.9))
    return join([
        short_bones(centre[:, k], seen[:, k], turn, wall, full * ripe[:, k].sign(), points=points)
        for k, points, full in kinds
    ])  # fmt: skip


def _hindfoot(dice: Dice, who: Sitter, turn: Tensor, profile: Tensor, gap: Tensor) -> Cloud:
    """Return heel and ankle bone, and from the side the lower leg."""
    n = dice.n
    looks: dict[str, Any] = {"girth": who.girth, "wall": who.wall, "beam": turn[:, 1]}
    plate = who.child * (0.7 + 2.0 * (1 - who.years))
    heel = long_bones(
        shapes.CALCANEUS, at(-3.0, 7.0, -25.0 + dice.normal(0, 1.5), n=n),
        at(-12.0, 88.0, -36.0, n=n), n=60, across=34, plates=(0.12,), gap=plate * 0.8,
        up=FORWARDS, **looks,
    )  # fmt: skip
    along = normalize(torch.tensor([0.0, 1, 0.4]) + dice.normal(0, 0.3, 3), dim=-1)
    place = at(0.0, dice.uniform(25, 60), -30.0, n=n)
    kink = rotation("x", dice.normal(0, 0.12))
    heel = broken(heel, place, along, dice.normal(0, 2, 3), kink, gap)
    neck = long_bones(
        shapes.TALAR_NECK, at(2.0, 76.0, -58.0, n=n), at(10.0, 103.0, -48.0, n=n), n=24, across=22,
        up=FORWARDS, **looks,
    )  # fmt: skip
    lean = dice.normal(0, 8)
    tibia = long_bones(
        shapes.TIBIA_BELOW, at(2.0, 67.0, -79.0, n=n), at(2.0, 60.0 + lean, -330.0, n=n), n=150,
        across=30, plates=(0.058,), gap=plate, **looks,
    )  # fmt: skip
    fibula = long_bones(
        shapes.FIBULA_BELOW, at(-24.0, 60.0, -57.0, n=n), at(-20.0, 56.0 + lean, -330.0, n=n),
        n=160, across=12, plates=(0.134,), gap=plate, **looks,
    )  # fmt: skip
    ankle = short_bones(
        at(20.0, 68.0, -72.0, n=n)[:, None], _seen(torch.tensor([[5.0, 11, 12]]), turn), turn,
        0.8, points=120,
    )  # fmt: skip
    return join([heel, neck, join([tibia, fibula, ankle]).weighted(profile)])


def _skin(
    who: Sitter, start: Tensor, end: Tensor, profile: Tensor, stand: Pose, size: int
) -> Flesh:
    """Return the soft tissue: five rays, sole, heel and leg."""
    n = len(start)
    ends = torch.stack([start, end], dim=3)
    ends[:, :, 3, 1] = 0.7 * ends[:, :, 3, 1] + 0.3 * ends[:, :, 3, 0]
    thumb = torch.tensor([1.35, 0.95, 0.92, 0.92, 0.95])[:, None, None]
    wide = torch.tensor([[14.0, 13.5], [9.5, 8.8], [8.8, 8.5], [8.5, 7]]) * thumb
    deep = torch.tensor([[17.0, 13], [9, 8.5], [8.5, 8], [8, 6.5]]) * thumb
    rest = torch.tensor(
        [
            [[-4.0, 22, -24], [-2, 96, -32]],
            [[4, 80, -45], [0, 150, -24]],
            [[0, 58, -70], [0, 56, -350]],
        ]
    ).repeat(n, 1, 1, 1)
    # From above the tube leans so that the leg is thrown behind the foot.
    rest[:, 2, 1, 2] = torch.where(profile, -350.0, -90.0)
    ends = torch.cat([ends.reshape(n, 20, 2, 3), rest], dim=1)
    above = torch.tensor([[30.0, 34], [36, 38], [34, 40]])
    aside = torch.tensor([[25.0, 33], [34, 23], [38, 50]])
    side = profile[:, None, None]
    wide = torch.where(
        side, torch.cat([deep.reshape(20, 2), aside]), torch.cat([wide.reshape(20, 2), above])
    )
    deep = torch.where(
        side, torch.cat([wide[0, :20] * 1.1, above]), torch.cat([deep.reshape(20, 2), aside])
    )
    grow = who.bulk[:, None, None].sqrt()
    return flesh(ends, wide * grow, deep * grow, stand, size, blend=5.0)


def _hardware(dice: Dice, start: Tensor, end: Tensor, profile: Tensor) -> tuple[Cloud, Tensor]:
    """Return screws, plates and wires, and who has them, (N,) bool."""
    n, held, kind = dice.n, dice.chance(0.14), dice.integers(3)
    where = dice.integers(5)
    first, last = choose(start, where), choose(end, where)
    nail = pins(first[:, :1] * 0.6 + last[:, :1] * 0.4, last[:, 3:], 0.8)
    head, foot = start[:, :1, 0], end[:, :1, 0]
    rise = torch.tensor([0.0, 0, -7])
    side = torch.tensor([[[1.0, 0, 0]]]).expand(n, 1, 3)
    bar = plates(head * 0.8 + foot * 0.2 + rise, head * 0.2 + foot * 0.8 + rise, side, 7.0, 1.8, 5)
    t = torch.linspace(0.26, 0.74, 5)[:, None]
    entry = head * (1 - t) + foot * t + rise
    bolts = screws(entry, entry + torch.tensor([0.0, 0, 14]) + dice.normal(0, 1, 5, 3), 1.1)
    heel = screws(
        torch.tensor([[-6.0, 4, -20], [4, 5, -30]]) + dice.normal(0, 2, 2, 3),
        torch.tensor([[-6.0, 72, -40], [4, 60, -62]]) + dice.normal(0, 3, 2, 3), 2.6,
    )  # fmt: skip
    tops = [nail.weighted(held & (kind == 0)), join([bar, bolts]).weighted(held & (kind == 1))]
    return join([*tops, heel.weighted(held & (kind == 2))]), held
