"""Radiographs of skulls, from the front and from the side.

Frame: x to the patient's left, y forwards, z down; the origin lies in the middle of the brain.
Lengths are in mm, of a grown-up.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from firstread.phantoms.bones import at, bent_bones, choose, long_bones, short_bones
from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import curve, wire
from firstread.phantoms.flesh import Flesh, flesh
from firstread.phantoms.hardware import plates, rings, screws
from firstread.phantoms.sitting import Sitter, crop, expose, sitter, view
from firstread.phantoms.solids import BONE, METAL, Cloud, Ellipsoids, Pose, ellipsoids, join, rotation
from firstread.phantoms.truth import FAMILIES, Phantoms, answers, findings

VAULT = (73.0, 91.0, 67.0)  # outer semi-axes
RIM = ((0, 2.6, 3, 1.6, 1), (1, 2.6, 3, 1.6, 1))
JAW = ((0, 5, 11, 2.2, 0.6), (0.25, 5, 12, 2.4, 0.7), (0.5, 6, 14, 2.8, 0.8), (0.75, 5, 12, 2.4, 0.7), (1, 5, 11, 2.2, 0.6))
RAMUS = ((0, 4.5, 15, 1.6, 0.6), (0.5, 4, 17, 1.5, 0.4), (0.8, 4, 13, 1.5, 0.4), (0.9, 6, 6, 1.5, 0.7), (1, 6, 4, 1.2, 0.8))
PETROUS = ((0, 15, 14, 3.5, 1.4), (0.5, 10, 11, 4.5, 1.8), (1, 5, 6, 3, 1.5))
ARCH = ((0, 4.5, 5, 1.6, 0.7), (0.5, 2.6, 4.5, 1.6, 0.5), (1, 4, 5, 1.6, 0.7))
TOOTH = ((0, 2.6, 2.6, 1.5, 2), (0.35, 3.6, 3.6, 2.4, 3), (0.6, 3.0, 3.2, 1.8, 2), (1, 1.2, 1.2, 1, 2))
NOSE = ((0, 5, 3, 1.2, 0.5), (1, 4, 1.2, 0.6, 0.5))
TEETH = 14  # in each jaw


def draw(n: int, size: int, generator: torch.Generator, hard: float = 1.0) -> Phantoms:
    """Draw radiographs of skulls.

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
    who = sitter(dice, children=0.25, smallest=0.72)
    profile, towards = dice.chance(0.5), dice.chance(0.5)
    yaw = profile * torch.where(towards, math.pi / 2, -math.pi / 2)
    yaw = yaw + dice.normal(0, 0.04 + 0.12 * hard)
    # The face to the detector, the chin drawn in; or the back of the head to it.
    posterior = ~profile & dice.chance(0.5)
    nod = posterior * dice.normal(0.22, 0.08) + dice.normal(0, 0.05 + 0.05 * hard)
    turn = rotation("x", nod) @ rotation("z", yaw)
    turn = rotation("y", dice.normal(0, 0.04 + 0.14 * hard)) @ turn
    vault, shape = _vault(dice, who)
    hurt, lytic, mass = dice.chance(0.15), dice.chance(0.08), dice.chance(0.08)
    flecks = dice.chance(torch.where(who.child, 0.02, 0.25))
    gape = dice.chance(0.3) * dice.uniform(0, 12)
    toothless = (who.age == 2) & dice.chance(0.35)
    teeth, filled, gold = _teeth(dice, who, turn, gape, toothless)
    face = _face(dice, who, turn, gape)
    bones = join(
        [face, teeth, _neck(dice, who, turn), _seams(dice, who, shape, hurt),
         _spots(dice, shape, turn, lytic, mass, flecks)]
    )  # fmt: skip
    metal, held, ringed, tubed = _hardware(dice, shape, turn)

    close = dice.chance(0.15)
    focus = at(
        0.0, torch.where(profile, 6.0, 0.0) + close * profile * 30,
        torch.where(close, 55.0, dice.uniform(15, 35)), n=n,
    )  # fmt: skip
    field = torch.where(close, dice.uniform(140, 180), dice.uniform(225, 275))
    stand = crop(dice, turn, focus, field, hard)
    limb = _skin(who, profile, stand, size, gape)
    labels = answers(
        n, family=FAMILIES.index("skull"), age=who.age,
        view=torch.where(profile, view("lateral"), torch.where(posterior, view("pa"), view("ap"))),
    )  # fmt: skip
    signs = findings(
        n, fracture=hurt, lytic=lytic, mass=mass, calcification=flecks, screws=held, ring=ringed,
        tube=tubed, dental=filled,
    )  # fmt: skip
    return expose(
        stand, limb, [vault, _air(dice, who), bones], join([metal, gold]), who, (labels, signs), dice,
        size, hard, mirrored=torch.zeros(n, dtype=torch.bool), soft_beam=1.3, grit=0.8,
    )  # fmt: skip


def _vault(dice: Dice, who: Sitter) -> tuple[Ellipsoids, Tensor]:
    """Return the vault, thick above and open below, and its outer semi-axes (N, 3)."""
    n = dice.n
    shape = torch.tensor(VAULT) * dice.normal(1, 0.035, 3)
    thick = (6.0 * who.wall.clamp(0.8, 1.3) * (0.5 + 0.5 * who.years)) * dice.normal(1, 0.12)
    a, b, c = shape.unbind(-1)
    share = 0.8 * BONE  # two tables with spongy bone between
    tilt = dice.normal(-0.1, 0.04)
    outer = (0.0, -8.0, -8.0, a, b, c, share, 0.0, 0.0, tilt)
    inner = (0.0, -8 + 0.12 * thick, -8 + 0.45 * thick, a - thick, b - thick, c - 0.6 * thick)
    return ellipsoids(outer, (*inner, -share, 0.0, 0.0, tilt), n=n), shape


def _air(dice: Dice, who: Sitter) -> Ellipsoids:
    """Return what air in nose and sinuses takes from the shadow of the bones and flesh around."""
    n, big = dice.n, (who.years * dice.uniform(0.75, 1.1))
    less = -0.021
    front = big * (who.years > 0.5) * dice.uniform(0.3, 1.2)
    pairs = [
        (27.0, 58.0, 52.0, 14 * big, 17 * big, 16 * big, less, 0.15),
        (11.0, 83.0, 3.0, 11 * front + 1, 6 * front + 1, 11 * front + 1, less, 0.2),
        (7.5, 55.0, 46.0, 6.5, 27, 19, less, 0.0),
        (9.0, 50.0, 27.0, 5, 18, 10, less, 0.0),
        (58.0, -22.0, 46.0, 9 * big, 11 * big, 13 * big, 0.6 * less, 0.0),
    ]
    rows = [(s * x, *rest, s * roll) for x, *rest, roll in pairs for s in (1, -1)]
    rows += [(0.0, 27.0, 30.0, 13 * big, 12 * big, 9 * big, less), (0.0, 8.0, 92.0, 9, 8, 34, less)]
    return ellipsoids(*rows, n=n)


def _face(dice: Dice, who: Sitter, turn: Tensor, gape: Tensor) -> Cloud:
    """Return the bones of face and base, both sides alike."""
    n = dice.n
    looks: dict[str, Any] = {"wall": who.wall, "beam": turn[:, 1]}
    angle = torch.linspace(0, 2 * math.pi, 120)
    round_ = torch.stack([20 * angle.cos(), 4 * angle.cos() - 2, 17 * angle.sin()], dim=-1)
    tall = 1 + 0.05 * dice.normal(0, 1)[:, None, None]
    side = torch.tensor([1.0, -1])
    orbit = torch.stack([round_ + torch.tensor([33.0, 66, 22])] * 2) * torch.stack(
        [torch.stack([s, torch.ones(()), torch.ones(())]) for s in side]
    )[:, None]
    flip = torch.tensor([[1.0, 1, 1], [-1, 1, 1]])

    def both(*places: tuple[float, float, float]) -> Tensor:
        return (torch.tensor(places) * flip[:, None]).expand(n, 2, -1, 3)

    drop = at(0.0, -0.3 * gape, gape, n=n)[:, None]
    arc = torch.linspace(-1, 1, 120) * 1.12
    chin = torch.stack([46 * arc.sin() / 0.9, 12 + 78 * (arc * 1.35).cos().clamp(min=0), 100 + 6 * arc.cos()], dim=-1)
    chin = chin * tall + drop
    brow = both((13, 80, 4), (32, 77, -2), (52, 62, 14))
    cheek = both((48, 60, 42), (62, 38, 44), (66, 10, 40))
    pyramid = both((62, -18, 40), (12, 10, 40))
    ramus = both((48, 10, 92), (54, 2, 40)) + 0.6 * drop[:, None]
    bars = [
        bent_bones(RIM, (orbit * tall[..., None]).expand(n, 2, -1, 3), across=6, up=(0.0, 0.0, 1.0), **looks1(looks)),
        bent_bones(RIM, curve(brow, 40), girth=1.5, across=8, up=(0.0, 0.0, 1.0), **looks1(looks)),
        bent_bones(ARCH, curve(cheek, 56), across=9, up=(0.0, 0.0, 1.0), **looks1(looks)),
        bent_bones(PETROUS, curve(pyramid, 50), across=22, **looks1(looks)),
        bent_bones(RAMUS, curve(ramus, 56), across=22, up=(0.0, 1.0, 0.0), **looks1(looks)),
        bent_bones(JAW, chin, across=20, up=(0.0, 0.0, 1.0), **looks),
        long_bones(NOSE, at(0.0, 84.0, 14.0, n=n), at(0.0, 99.0, 38.0, n=n), n=24, across=6, **looks),
    ]
    # Upper jaw, cheeks, clivus, floor of the front fossa, wings, septum, rear of the base.
    rows = torch.tensor(
        [
            (0, 64, 69, 27, 22, 9), (40, 58, 46, 11, 10, 13), (-40, 58, 46, 11, 10, 13),
            (0, 10, 44, 11, 8, 17), (0, 42, 17, 34, 34, 2.2), (0, 48, 46, 1.2, 26, 19),
            (33, 26, 22, 24, 4, 3), (-33, 26, 22, 24, 4, 3), (0, -28, 52, 34, 30, 5),
        ],
        dtype=torch.float32,
    )  # fmt: skip
    wall = torch.tensor([1.4, 1.3, 1.3, 1.4, 1.0, 0.5, 1.4, 1.4, 1.8]) * who.wall[:, None]
    fill = torch.tensor([0.9, 0.5, 0.5, 1.0, 0.3, 0.5, 0.8, 0.8, 0.8])
    blocks = short_bones(
        rows[:, :3] + dice.normal(0, 0.8, 9, 3), (rows[:, 3:] @ turn.abs().mT).clamp(min=1.2)
        / turn.abs().sum(dim=-1)[:, None].clamp(min=1), turn, wall, fill, square=2.6, points=420,
    )  # fmt: skip
    # The saddle for the pituitary gland: a small cup in front of the clivus.
    cup = torch.tensor([[-1.0, 31, 14], [0, 24, 22], [0, 15, 21], [1, 9, 12]])
    saddle = bent_bones(RIM, curve(cup, 40).expand(n, -1, -1), girth=0.8, across=6, up=(1.0, 0.0, 0.0), **looks)
    return join([*bars, blocks, saddle])


def looks1(looks: dict[str, Any]) -> dict[str, Any]:
    """Return the looks for two bones a body instead of one."""
    return {**looks, "wall": looks["wall"][:, None]}


def _teeth(
    dice: Dice, who: Sitter, turn: Tensor, gape: Tensor, toothless: Tensor
) -> tuple[Cloud, Tensor, Cloud]:
    """Return the teeth, who has metal in them, (N,) bool, and that metal."""
    n = dice.n
    angle = (torch.arange(TEETH) + 0.5 - TEETH / 2) / TEETH * 2.9
    crown = torch.stack([24 * angle.sin(), 46 + 34 * angle.cos(), 0 * angle + 83], dim=-1)
    up = torch.tensor([0.0, -4, -19]), torch.tensor([0.0, -2, 19])
    drop = at(0.0, -0.3 * gape, gape, n=n)[:, None]
    small = (0.75 + 0.25 * who.years)[:, None]
    top = torch.stack([crown.expand(n, -1, -1), (crown + torch.tensor([0.0, -1, 0.6])) + drop], dim=1)
    root = top + torch.stack(up)[None, :, None]
    missing = dice.chance(0.03 + 0.2 * (who.age == 2).float()[:, None, None], 2, TEETH)
    here = ~(missing | toothless[:, None, None])
    teeth = long_bones(
        TOOTH, top, root, turn[:, 1], n=18, girth=small[..., None] * here, wall=who.wall[:, None, None],
        across=6,
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
    return teeth, filled, crowns


def _neck(dice: Dice, who: Sitter, turn: Tensor) -> Cloud:
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
    return short_bones(
        centre, spread, turn, 1.1 * who.wall[:, None], 0.7, square=3.0, points=130
    )


def _surface(shape: Tensor, lon: Tensor, lat: Tensor) -> Tensor:
    """Return places on the vault: lon from the front to the left, lat upwards, radians."""
    unit = torch.stack(
        [lat.cos() * lon.sin(), lat.cos() * lon.cos(), -lat.sin()], dim=-1
    ) + torch.zeros(len(shape), 1, 1)
    return unit * shape[:, None] + torch.tensor([0.0, -8, -8])


def _seams(dice: Dice, who: Sitter, shape: Tensor, hurt: Tensor) -> Cloud:
    """Return sutures and cracks: thin lines that lack bone."""
    n, m = dice.n, 170
    t = torch.linspace(-1, 1, m)
    jag = 0.012 * (t * 90).sin() + 0.008 * (t * 173).sin()
    crown = torch.tensor([0.0, 0.25, 0.97])
    def band(tilt: float, reach: float) -> Tensor:
        """An arc over the top from ear to ear, leaning forwards or back."""
        lift = t * reach
        unit = torch.stack(
            [lift.sin(), lift.cos() * math.sin(tilt) + jag, -lift.cos() * math.cos(tilt) + 0 * t], dim=-1
        )
        return normalize(unit, dim=-1) * shape[:, None] + torch.tensor([0.0, -8, -8])

    along = torch.stack([jag, -(t * 0.62 + 0.3).sin(), -(t * 0.62 + 0.3).cos()], dim=-1)
    sagittal = normalize(along, dim=-1) * shape[:, None] + torch.tensor([0.0, -8, -8])
    lines = torch.stack([band(0.32, 1.25), band(-0.95, 1.1), sagittal], dim=1)
    width = (0.7 + 0.9 * (1 - who.years))[:, None, None].expand(n, 3, 1)
    seams = wire(lines, width * who.wall[:, None, None].clamp(0.5, 1) ** -1, -0.9 * BONE)
    # A crack runs straight, and is sharper and darker than a suture.
    start, way = dice.normal(0, 1, 2), dice.uniform(0, 2 * math.pi)[:, None]
    run = torch.linspace(0, 1, m) * dice.uniform(0.6, 1.2)[:, None]
    bend = 0.05 * (run * 14).sin()
    lon = start[:, :1] + run * way.cos() + bend
    lat = (0.5 + 0.2 * start[:, 1:] + run * way.sin() - bend).clamp(-0.1, 1.5)
    crack = wire(_surface(shape, lon, lat)[:, None], 1.3, -1.3 * BONE)
    return join([seams, crack.weighted(hurt)])


def _spots(
    dice: Dice, shape: Tensor, turn: Tensor, lytic: Tensor, mass: Tensor, flecks: Tensor
) -> Cloud:
    """Return holes in the vault, a dense tumour in the brain, and chalk in gland and plexus."""
    n = dice.n
    lon, lat = dice.uniform(-3.1, 3.1, 5), dice.uniform(0.1, 1.2, 5)
    holes = short_bones(
        _surface(shape, lon, lat), dice.uniform(3, 9, 5, 1) * torch.ones(3), turn, 0.0, square=2.0,
        points=110,
    )  # fmt: skip
    several = (torch.arange(5) < 1 + 4 * dice.uniform()[:, None]) & lytic[:, None]
    deep = holes.mass / holes.mass.abs().clamp(min=1e-9)
    area = math.pi * 6.0**2 / 110
    holes = Cloud(holes.points, -deep * area * 4.0 * BONE * several.repeat_interleave(110, dim=1))
    lump = short_bones(
        dice.normal(0, 22, 1, 3) + torch.tensor([0.0, -8, -12]), dice.uniform(9, 18, 1, 1) * torch.ones(3),
        turn, 0.4, 1.6, square=2.0, points=260,
    ).weighted(mass)  # fmt: skip
    glands = torch.tensor([[0.0, -8, 2], [24, -34, 6], [-24, -34, 6]])[:, None]
    grains = glands + dice.normal(0, 2.0, 3, 9, 3)
    chalk = 2.2 * flecks[:, None] * dice.uniform(0, 1, 27)
    return join([holes, lump, Cloud(grains.reshape(n, -1, 3), chalk)])


def _skin(who: Sitter, profile: Tensor, stand: Pose, size: int, gape: Tensor) -> Flesh:
    """Return head, face, nose and neck."""
    n = len(gape)
    ends = torch.tensor(
        [
            [[0.0, -26, -8], [0, 10, -8]], [[0, 50, 22], [0, 54, 88]], [[0, 0, 60], [0, -14, 230]],
            [[0, 88, 22], [0, 101, 48]], [[0, 64, 74], [0, 72, 104]],
        ]
    ).repeat(n, 1, 1, 1)  # fmt: skip
    ends[:, 4, 1, 2] += gape
    front = torch.tensor([[78.0, 78], [62, 48], [58, 60], [8, 13], [26, 20]])
    side = torch.tensor([[75.0, 75], [42, 36], [58, 58], [7, 9], [22, 15]])
    wide = torch.where(profile[:, None, None], side, front)
    deep = torch.where(profile[:, None, None], front, torch.tensor([[88.0, 88], [50, 45], [58, 58], [12, 14], [20, 18]]))
    fat = torch.stack([torch.ones(n), *[who.bulk.sqrt()] * 2, torch.ones(n), torch.ones(n)], dim=1)
    return flesh(ends, wide * fat[..., None], deep * fat[..., None], stand, size, blend=10.0)


def _hardware(dice: Dice, shape: Tensor, turn: Tensor) -> tuple[Cloud, Tensor, Tensor, Tensor]:
    """Return metal, and who has plates with screws, who rings in the ears and who a tube."""
    n = dice.n
    held, ringed, tubed = dice.chance(0.1), dice.chance(0.12), dice.chance(0.06)
    lon, lat = dice.uniform(-2.5, 2.5, 3), dice.uniform(0.2, 1.1, 3)
    first, last = _surface(shape, lon, lat), _surface(shape, lon + 0.25, lat + 0.1)
    outwards = normalize(first, dim=-1)
    side = normalize(torch.linalg.cross(outwards, last - first), dim=-1)
    bars = plates(first, last, side, 4.0, 1.2, 4)
    bolts = screws(torch.cat([first, last], dim=1), torch.cat([first * 0.93, last * 0.93], dim=1), 1.0, 24)
    ears = torch.tensor([[80.0, -12, 66], [-80, -12, 66]]).expand(n, 2, 3)
    loops = rings(ears, torch.tensor([[1.0, 0.0, 0], [1, 0, 0]]).expand(n, 2, 3), 6.0, dice.uniform(0.6, 1.2, 1))
    path = curve([[(4, 96, 86), (2, 60, 80), (0, 16, 88), (0, 6, 130), (0, -2, 240)]], 150)
    pipe = wire(path.expand(n, -1, -1), 3.0, 0.02)
    return join([join([bars, bolts]).weighted(held), loops.weighted(ringed), pipe.weighted(tubed)]), held, ringed, tubed
