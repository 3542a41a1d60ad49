"""Radiographs of hands and wrists.

Frame: x to the right of the picture, y along the beam, z down; a left hand seen from its back, the
fingers up, the thumb on the right. The origin is the middle of the wrist's bones. Lengths are in
mm, of a grown-up (Alexander and Viktor, Proportions of hand segments, Int. J. Morphol. 2010).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from firstread.phantoms import shapes
from firstread.phantoms.bones import broken, choose, eaten, long_bones, short_bones
from firstread.phantoms.chances import Dice
from firstread.phantoms.flesh import flesh
from firstread.phantoms.hardware import pins, plates, rings, screws
from firstread.phantoms.sitting import OLD, Sitter, crop, expose, sitter, view
from firstread.phantoms.solids import Cloud, Pose, join, rotation
from firstread.phantoms.truth import FAMILIES, Phantoms, answers, findings

# Of thumb to little finger: base of the metacarpal (x, y, z), and its direction (degrees from
# upwards, towards the thumb).
BASES = (
    (19.0, 9.0, -5.0), (12.0, 0.0, -15.0), (2.0, -2.0, -17.0), (-8.0, 0.0, -14.5),
    (-16.0, 4.0, -10.5),
)  # fmt: skip
FAN = (44.0, 7.0, 0.0, -8.0, -16.0)
# Metacarpal, proximal, middle and distal phalanx; the thumb's middle one is left out.
LENGTHS = ((45, 31, 0, 22), (67, 40, 23, 17), (64, 44, 28, 18), (57, 41, 26, 18), (53, 32, 19, 16))
GIRTHS = (
    (1.1, 1.05, 0, 1), (1.05, 1, 0.88, 0.85), (1.05, 1.05, 0.92, 0.9),
    (0.9, 0.95, 0.86, 0.85), (0.9, 0.87, 0.77, 0.77),
)  # fmt: skip
# Trapezium, trapezoid, capitate, hamate, scaphoid, lunate, triquetrum, pisiform:
# x, y, z, semi-axes, turn in the picture (degrees).
CARPALS = (
    (20, 6, -2, 7.0, 7, 7.5, 40), (12.5, 1, -8.5, 5.5, 7, 6.0, 10),
    (2.5, 0, -6.0, 6.5, 8, 11.0, -5), (-8.5, 1, -5.5, 7.5, 8, 8.5, 25),
    (13.5, 4, 6.5, 6.0, 7, 11.0, 40), (1.5, 0, 10.5, 8.0, 8, 6.5, 0),
    (-10.5, -1, 6.0, 7.5, 7, 6.0, -35), (-13.0, 9, 7.5, 4.5, 4, 5.0, 0),
)  # fmt: skip
# When bone appears in each of them, as a share of childhood.
SPROUT = (0.45, 0.5, 0.0, 0.05, 0.45, 0.35, 0.25, 0.8)
FORMS = (
    (shapes.METACARPAL, (0.9,)),
    (shapes.FINGER, (0.09,)),
    (shapes.FINGER, (0.12,)),
    (shapes.FINGER_TIP, (0.12,)),
)
FOREARM = 190.0  # mm of it that may be seen


def _rays(dice: Dice, who: Sitter, hard: float, gap: Tensor) -> tuple[Tensor, Tensor]:
    """Return start and end of the 20 long bones (N, 5, 4, 3), the joints bent and spread."""
    n = dice.n
    spread = dice.uniform(-0.25, 1.0)[:, None]
    fan = torch.tensor(FAN) * math.pi / 180
    angle = fan * (1 + 0.25 * spread) + dice.normal(0, 0.03, 5)
    angle[:, 0] += dice.normal(0, 0.12)
    step = dice.normal(0, 0.04 + 0.05 * hard, 5, 4)
    # Towards the tips fingers that were spread from the knuckles run nearly straight.
    step[..., 1] += fan * (0.75 * spread - 0.25)
    step[:, 0, 1] = 0.1 * spread[:, 0] - 0.25 + dice.normal(0, 0.08)
    deviated = (dice.chance(0.1 * hard) * dice.normal(0, 0.3))[:, None]
    step[:, 1:, 1] += deviated
    step[..., 0] = angle
    angle = step.cumsum(dim=-1)
    bent = dice.normal(0.08, 0.06 + 0.12 * hard, 5, 4).abs() * torch.tensor([0.2, 1, 1, 0.7])
    bent[:, 0, 0] += 0.3
    bent = bent.cumsum(dim=-1)
    way = torch.stack([angle.sin() * bent.cos(), bent.sin(), -angle.cos() * bent.cos()], dim=-1)
    length = torch.tensor(LENGTHS).float() * dice.normal(1, 0.03, 5, 4)
    space = torch.where(length > 0, gap[:, :, None].expand(n, 5, 4), 0.0)
    reach = ((length + space)[..., None] * way).cumsum(dim=2)
    base = torch.tensor(BASES)[:, None]
    end = base + reach - space[..., None] * way
    start = torch.cat([base.expand(n, 5, 1, 3), base + reach[:, :, :-1]], dim=2)
    start = torch.where((length > 0)[..., None], start, end)
    return start, end


def draw(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Draw radiographs of hands.

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
    who = sitter(dice, children=0.35, smallest=0.4)
    oblique, wrist = dice.chance(0.35), dice.chance(0.3)
    turn = rotation("z", oblique * dice.uniform(0.5, 0.9) + dice.normal(0, 0.04 + 0.06 * hard))
    turn = rotation("y", dice.normal(0, 0.04 + 0.18 * hard)) @ turn
    worn = (who.age == OLD) & dice.chance(0.5)
    narrow = worn[:, None] & dice.chance(0.5, 5)
    gap = torch.where(narrow, 0.3, 1.7 + 2.0 * (1 - who.years[:, None]))
    start, end = _rays(dice, who, hard, gap)
    hurt, distal = dice.chance(0.25), dice.chance(0.4)
    width = dice.uniform(1.8, 4.0) * hurt
    digits, start, end, spot = _digits(dice, who, turn, start, end, width * ~distal)
    forearm = _forearm(dice, who, turn, width * distal)
    lytic = dice.chance(0.08)
    digits = eaten(digits, spot, lytic * dice.uniform(5.5, 10))
    flecks = dice.chance(0.08 + 0.15 * worn)
    chalk = Cloud(
        dice.normal(0, 5, 40, 3) + torch.tensor([-16.0, 0, 16]),
        1.2 * flecks[:, None] * dice.uniform(0, 1, 40),
    )
    metal, held, ringed = _hardware(dice, start, end, distal)

    focus = torch.where(wrist, dice.uniform(5, 20), -48.0)[:, None] * torch.tensor([0.0, 0, 1])
    field = torch.where(wrist, dice.uniform(105, 150), dice.uniform(200, 235))
    stand = crop(dice, turn, focus, field, hard)
    ends, wide, thick = _skin(start, end)
    grow = who.bulk[:, None, None].sqrt()
    limb = flesh(ends, wide * grow, thick * grow, stand, size, blend=3.5)
    cast = dice.chance(0.06 + 0.15 * hurt)
    sheath = _plaster(dice, cast, stand, size)
    labels = answers(
        n, family=FAMILIES.index("hand"), side=who.right.long(), age=who.age,
        view=torch.where(oblique, view("oblique"), view("pa")),
    )  # fmt: skip
    signs = findings(
        n, fracture=hurt, arthrosis=narrow.any(dim=1), lytic=lytic, calcification=flecks,
        screws=held, ring=ringed, cast=cast,
    )  # fmt: skip
    # Worn joints: dense, and broader than the bones by their spurs.
    nodes = short_bones(
        start[:, :, 1:].flatten(1, 2),
        torch.tensor([7.5, 5.0, 3.0]) * narrow.repeat_interleave(3, dim=1)[..., None],
        turn, 0.0, 2.6, points=60,
    )  # fmt: skip
    bones = join([digits, forearm, _carpals(dice, who, turn), chalk, nodes])
    return expose(stand, limb, bones, metal, who, (labels, signs), dice, size, hard, sheath)


def _digits(
    dice: Dice, who: Sitter, turn: Tensor, start: Tensor, end: Tensor, gap: Tensor
) -> tuple[Cloud, Tensor, Tensor, Tensor]:
    """Return the bones of the fingers, both ends of each after a break, and where it is."""
    where, which = dice.integers(5), dice.integers(2)
    head, foot = (choose(choose(v, where), which) for v in (start, end))
    along = normalize(normalize(foot - head, dim=-1) + dice.normal(0, 0.3, 3), dim=-1)
    at = head + (foot - head) * dice.uniform(0.35, 0.8)[:, None]
    snap: dict[str, Any] = {"at": at, "along": along, "shift": dice.normal(0, 2.2, 3), "gap": gap}
    snap["bend"] = rotation("y", dice.normal(0, 0.28))
    hit = torch.arange(5) == where[:, None]
    after = hit[:, :, None] & (torch.arange(4) >= which[:, None])[:, None]
    # What hangs on the broken bone moves with it before it is laid out.
    joints = Cloud(torch.cat([start, end], dim=2).reshape(dice.n, -1, 3), torch.ones(dice.n, 40))
    moved = broken(joints, of=torch.cat([after, after], dim=2).flatten(1), **snap).points
    moved = moved.view(dice.n, 5, 8, 3)
    girth = torch.tensor(GIRTHS) * who.girth[:, None, None]
    plate = who.child * (0.8 + 2.2 * (1 - who.years))
    looks: dict[str, Any] = {"wall": who.wall[:, None], "gap": plate[:, None], "beam": turn[:, 1]}
    clouds = []
    for k, (form, physes) in enumerate(FORMS):
        here = which == k
        whole = (hit & here[:, None])[..., None]
        first = torch.where(whole, start[:, :, k], moved[:, :, k])
        last = torch.where(whole, end[:, :, k], moved[:, :, k + 4])
        bones = long_bones(
            form, first, last, n=52 if k == 0 else 36, girth=girth[:, :, k], plates=physes, **looks
        )
        if k < 2:
            of = hit.repeat_interleave(bones.mass.shape[1] // 5, dim=1) & here[:, None]
            bones = broken(bones, of=of, **snap)
        clouds.append(bones)
    return join(clouds), moved[:, :, :4], moved[:, :, 4:], at


def _carpals(dice: Dice, who: Sitter, turn: Tensor) -> Cloud:
    """Return the wrist's bones: in children small, and some still without bone."""
    table = torch.tensor(CARPALS)
    ripe = ((who.years[:, None] - torch.tensor(SPROUT)) / 0.35 + 0.35).clamp(0, 1)
    ripe = torch.where(who.child[:, None], ripe * (0.45 + 0.5 * who.years[:, None]), 1.0)
    axes = table[:, 3:6] * 0.94 * ripe[..., None] * who.girth[:, None, None]
    skew = turn[:, 0, 1].abs()[:, None]
    axes = torch.stack(
        [torch.lerp(axes[..., 0], axes[..., 1], skew), torch.lerp(axes[..., 1], axes[..., 0], skew),
         axes[..., 2]], dim=-1,
    )  # fmt: skip
    return short_bones(
        table[:, :3] + dice.normal(0, 0.5, 8, 3), axes, turn, 0.9 * who.wall[:, None],
        1.2 * ripe.sign(), table[:, 6] * math.pi / 180,
    )  # fmt: skip


def _forearm(dice: Dice, who: Sitter, turn: Tensor, gap: Tensor) -> Cloud:
    """Return radius and ulna, broken above the wrist where the gap (N,) isn't 0."""
    zero = torch.zeros(dice.n)
    tail = dice.normal(0, 5, 2)
    plate = who.child * (0.8 + 2.2 * (1 - who.years))
    looks: dict[str, Any] = {
        "wall": who.wall,
        "gap": plate,
        "n": 145,
        "across": 24,
        "beam": turn[:, 1],
    }
    radius = long_bones(
        shapes.RADIUS,
        torch.stack([zero + 8.5, zero, zero + 18.5], dim=-1),
        torch.stack([6 + tail[:, 0], zero + 2, zero + FOREARM], dim=-1),
        girth=who.girth, bow=torch.tensor([3.0, 0, 0]), plates=(0.055,), **looks,
    )  # fmt: skip
    ulna = long_bones(
        shapes.ULNA,
        torch.stack([zero - 14, zero - 3, 20.5 + dice.normal(0, 1.5)], dim=-1),
        torch.stack([-13 + tail[:, 0], zero, zero + FOREARM], dim=-1),
        girth=who.girth, plates=(0.049,), **looks,
    )  # fmt: skip
    grown = (1 - 0.95 * who.child.float())[:, None, None]
    styloids = short_bones(
        torch.tensor([[20.0, 0, 19.5], [-18.5, -4, 19.5]]).expand(dice.n, 2, 3),
        torch.tensor([[3.2, 4, 6.0], [1.8, 2, 4.5]]) * grown, turn, 0.7, points=60,
        roll=torch.tensor([-0.35, 0.1]),
    )  # fmt: skip
    at = torch.stack([zero + 8, zero, dice.uniform(36, 48)], dim=-1)
    along = normalize(torch.tensor([0.0, 0, 1]) + dice.normal(0, 0.18, 3), dim=-1)
    kink = rotation("x", dice.normal(0, 0.25)) @ rotation("y", dice.normal(0, 0.1))
    return broken(join([radius, ulna, styloids]), at, along, dice.normal(0, 3, 3), kink, gap)


def _plaster(dice: Dice, cast: Tensor, stand: Pose, size: int) -> Tensor:
    """Return the thickness (N, S, S) of a cast round forearm and palm, mm."""
    ends = torch.tensor(
        [[[2.0, 0, -45], [0, 0, 5]], [[0, 0, 5], [0, 0, 30]], [[0, 0, 30], [0, 0, 230]]]
    )
    wide = torch.tensor([[44.0, 42], [41, 34], [34, 52]]).expand(dice.n, 3, 2)
    deep = torch.tensor([[22.0, 24], [24, 27], [27, 44]]).expand(dice.n, 3, 2)
    shape = flesh(ends.expand(dice.n, 3, 2, 3), wide, deep, stand, size)
    top = (dice.uniform(-50, 0) - stand.centre[:, 2])[:, None]
    inside = torch.sigmoid((stand.grid(size) - top) / 1.2) * cast[:, None]
    return (shape.chord() - shape.chord(-dice.uniform(130, 260))) * inside[:, :, None]


def _hardware(
    dice: Dice, start: Tensor, end: Tensor, wrist: Tensor
) -> tuple[Cloud, Tensor, Tensor]:
    """Return the metal, and whose hand holds screws and whose wears a ring, (N,) bool."""
    held = dice.chance(0.14)
    where, which = dice.integers(5), dice.integers(2)
    plated = held & wrist
    pinned = held & ~wrist
    head, foot = (choose(choose(v, where), which)[:, None] for v in (start, end))
    aside = dice.normal(0, 2.5, 1, 3)
    nail = pins(head - 0.2 * (foot - head) + aside, foot + 0.1 * (foot - head) - aside, 0.8)
    low, high = torch.tensor([[[8.0, 4, 70]]]), torch.tensor([[[8.5, 4, 27]]])
    n = dice.n
    bar = plates(
        low.expand(n, 1, 3),
        high.expand(n, 1, 3),
        torch.tensor([[[1.0, 0, 0]]]).expand(n, 1, 3),
        9.0,
        2.0,
        6,
    )
    z = torch.tensor([28.0, 30.0, 33.0, 47.0, 56.0, 65.0])
    x = torch.tensor([3.0, 14.0, 8.5, 8.0, 8.0, 8.0]) + dice.normal(0, 0.6, 6)
    entry = torch.stack([x, torch.full((n, 6), 5.0), z.expand(n, 6)], dim=-1)
    exit_ = entry + torch.tensor([0.0, -16, 0]) + dice.normal(0, 1.5, 6, 3)
    bolts = screws(entry, exit_, 1.2)
    ringed = dice.chance(0.12)
    finger = 1 + dice.integers(4)
    first, last = choose(start, finger)[:, 1], choose(end, finger)[:, 1]
    along = normalize(last - first, dim=-1)
    band = rings(
        (0.6 * first + 0.4 * last)[:, None], along[:, None], 9.5, dice.uniform(0.7, 1.6, 1)
    )
    metal = join(
        [nail.weighted(pinned), join([bar, bolts]).weighted(plated), band.weighted(ringed)]
    )
    return metal, held, ringed


def _skin(start: Tensor, end: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the capsules of the hand: ends (N, 22, 2, 3), half widths and depths (N, 22, 2)."""
    n = len(start)
    ends = torch.stack([start, end], dim=3)
    # The flesh of a finger tip ends little beyond the bone.
    ends[:, :, 3, 1] = 0.7 * ends[:, :, 3, 1] + 0.3 * ends[:, :, 3, 0]
    girth = torch.tensor([1.12, 1.0, 1.0, 0.96, 0.86])[:, None, None]
    wide = torch.tensor([[13.0, 13], [10, 9.3], [9.2, 8.6], [8.4, 7.2]]) * girth
    thick = torch.tensor([[13.0, 12], [9, 8.5], [8.5, 7.5], [7.5, 6]]) * girth
    wrist = torch.tensor([[[1.0, 0, -8], [0, 0, 30]], [[0, 0, 30], [0, 0, 230]]])
    ends = torch.cat([ends.reshape(n, 20, 2, 3), wrist.expand(n, 2, 2, 3)], dim=1)
    cuff = torch.tensor([[29.0, 28], [28, 44]])
    wide = torch.cat([wide.reshape(20, 2), cuff]).expand(n, -1, -1)
    thick = torch.cat([thick.reshape(20, 2), cuff * 0.72]).expand(n, -1, -1)
    return ends, wide, thick
