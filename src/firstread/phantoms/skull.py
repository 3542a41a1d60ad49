"""Radiographs of skulls, from the front and from the side.

Frame: x to the patient's left, y forwards, z down; the origin lies in the middle of the brain.
Lengths are in mm, of a grown-up.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import normalize

from firstread.phantoms.bones import at, short_bones
from firstread.phantoms.chances import Dice
from firstread.phantoms.face import face_bones, grown, neck, teeth
from firstread.phantoms.fillings import curve, tube, wire
from firstread.phantoms.flesh import Flesh, flesh
from firstread.phantoms.hardware import plates, rings, screws
from firstread.phantoms.sitting import Sitter, crop, expose, sitter, view
from firstread.phantoms.solids import (
    BONE,
    Cloud,
    Ellipsoids,
    Pose,
    ellipsoids,
    join,
    project,
    rotation,
)
from firstread.phantoms.truth import FAMILIES, Phantoms, answers, findings

Size = Tensor | float
VAULT = (73.0, 92.0, 70.0)  # semi-axes
MIDDLE = torch.tensor([0.0, -8.0, -7.0])


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
    vault, shape = _vault(dice, who, turn)
    hurt, lytic, mass = dice.chance(0.15), dice.chance(0.08), dice.chance(0.08)
    flecks = dice.chance(torch.where(who.child, 0.02, 0.25))
    gape = dice.chance(0.3) * dice.uniform(0, 12)
    toothless = (who.age == 2) & dice.chance(0.35)
    row, filled, gold = teeth(dice, who, turn, gape, toothless)
    low = join([face_bones(dice, who, turn, gape), row, neck(dice, who, turn)])
    bones = join(
        [vault, _lengthened(low, who), _seams(dice, who, shape, hurt),
         _spots(dice, shape, turn, lytic, mass, flecks)]
    )  # fmt: skip
    metal, held, ringed, tubed = _hardware(dice, shape, turn)

    close = dice.chance(0.15)
    focus = at(
        0.0, torch.where(profile, 6.0, 0.0) + close * profile * 30,
        torch.where(close, 55.0, dice.uniform(22, 36)), n=n,
    )  # fmt: skip
    field = torch.where(close, dice.uniform(140, 180), dice.uniform(212, 250))
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
        stand, limb, [_orbits(who), bones], join([metal, _lengthened(gold, who)]), who,
        (labels, signs), dice, size, hard, gas=project(_air(dice, who), stand, size),
        mirrored=torch.zeros(n, dtype=torch.bool), soft_beam=1.3, grit=1.0,
    )  # fmt: skip


def _vault(dice: Dice, who: Sitter, turn: Tensor) -> tuple[Cloud, Tensor]:
    """Return the vault, which thins out towards base and face, and its semi-axes (N, 3)."""
    n = dice.n
    shape = torch.tensor(VAULT) * dice.normal(1, 0.035, 3)
    thick = 6.0 * who.wall.clamp(0.75, 1.25) * (0.5 + 0.5 * who.years) * dice.normal(1, 0.12)
    axes = _across(shape, turn)
    # From the side the long axis falls towards the back.
    lean = (dice.normal(0.16, 0.04) * turn[:, 0, 1])[:, None]
    dome = short_bones(
        MIDDLE.expand(n, 1, 3), axes[:, None], turn, thick[:, None], 0.0, lean, square=2.15,
        points=8500,
    )  # fmt: skip
    away = dome.points - MIDDLE
    floor = 46.0 - 34.0 * torch.sigmoid((away[..., 1] - 25) / 14)
    return dome.weighted(0.12 + 0.88 * torch.sigmoid((floor - away[..., 2]) / 4.5)), shape


def _lengthened(part: Cloud, who: Sitter) -> Cloud:
    x, y, z = part.points.unbind(-1)
    return Cloud(torch.stack([x, y, grown(z, who.years)], dim=-1), part.mass)


def _across(axes: Tensor, turn: Tensor) -> Tensor:
    """Return semi-axes (N, 3) along the picture's horizontal, the beam and its vertical."""
    return (turn * axes[:, None]).square().sum(dim=-1).sqrt()


def _air(dice: Dice, who: Sitter) -> Ellipsoids:
    """Return the air in nose, sinuses and throat; attenuation 1, for its path length."""
    n, big = dice.n, who.years * dice.uniform(0.75, 1.1)
    front = big * (who.years > 0.5) * dice.uniform(0.3, 1.2)
    pairs: list[tuple[Size, ...]] = [
        (27.0, 57.0, 50.0, 13 * big, 18 * big, 15 * big, 0.8, 0.15),
        (11.0, 83.0, 3.0, 11 * front + 1, 6 * front + 1, 11 * front + 1, 1.0, 0.2),
        (7.5, 55.0, 46.0, 6.5, 27, 19, 1.0, 0.0),
        (9.0, 50.0, 27.0, 5, 18, 10, 1.0, 0.0),
        (58.0, -22.0, 46.0, 9 * big, 11 * big, 13 * big, 0.6, 0.0),
    ]
    rows = [(s * x, *rest, s * roll) for x, *rest, roll in pairs for s in (1, -1)]
    rows += [(0.0, 27.0, 30.0, 13 * big, 12 * big, 9 * big, 1.0), (0.0, 8.0, 92.0, 9, 8, 34, 1.0)]
    return _lowered(ellipsoids(*rows, n=n), who)


def _orbits(who: Sitter) -> Ellipsoids:
    """Return what of bone the orbits lack."""
    rows = [(s * 33.0, 68.0, 22.0, 18, 11, 15, -0.01, s * 0.15) for s in (1, -1)]
    return _lowered(ellipsoids(*rows, n=len(who.years)), who)


def _lowered(part: Ellipsoids, who: Sitter) -> Ellipsoids:
    x, y, z = part.centre.unbind(-1)
    return replace(part, centre=torch.stack([x, y, grown(z, who.years)], dim=-1))


def _surface(shape: Tensor, lon: Tensor, lat: Tensor) -> Tensor:
    """Return places on the vault: lon from the front to the left, lat upwards, radians."""
    unit = torch.stack(
        [lat.cos() * lon.sin(), lat.cos() * lon.cos(), -lat.sin()], dim=-1
    ) + torch.zeros(len(shape), 1, 1)
    return unit * shape[:, None] + MIDDLE


def _seams(dice: Dice, who: Sitter, shape: Tensor, hurt: Tensor) -> Cloud:
    """Return sutures and cracks: thin lines that lack bone."""
    n, m = dice.n, 170
    t = torch.linspace(-1, 1, m)
    jag = 0.012 * (t * 90).sin() + 0.008 * (t * 173).sin()

    def band(tilt: float, reach: float) -> Tensor:
        # An arc over the top from ear to ear, leaning forwards or back.
        lift = t * reach
        unit = torch.stack(
            [lift.sin(), lift.cos() * math.sin(tilt) + jag, -lift.cos() * math.cos(tilt) + 0 * t],
            dim=-1,
        )
        return normalize(unit, dim=-1) * shape[:, None] + MIDDLE

    along = torch.stack([jag, -(t * 0.62 + 0.3).sin(), -(t * 0.62 + 0.3).cos()], dim=-1)
    sagittal = normalize(along, dim=-1) * shape[:, None] + MIDDLE
    lines = torch.stack([band(0.32, 1.25), band(-0.95, 1.1), sagittal], dim=1)
    width = (0.7 + 0.9 * (1 - who.years))[:, None, None].expand(n, 3, 1)
    seams = wire(lines, width * who.wall[:, None, None].clamp(0.5, 1) ** -1, -0.9 * BONE)
    # A crack runs straight, and is sharper and darker than a suture.
    start, way = dice.normal(0, 1, 2), dice.uniform(0, 2 * math.pi)[:, None]
    run = torch.linspace(0, 1, m) * dice.uniform(0.6, 1.2)[:, None]
    bend = 0.05 * (run * 14).sin()
    lon = start[:, :1] + run * way.cos() + bend
    lat = (0.5 + 0.2 * start[:, 1:] + run * way.sin() - bend).clamp(-0.1, 1.5)
    crack = wire(_surface(shape, lon, lat)[:, None], 2.2, -1.4 * BONE)
    return join([seams, crack.weighted(hurt)])


def _spots(
    dice: Dice, shape: Tensor, turn: Tensor, lytic: Tensor, mass: Tensor, flecks: Tensor
) -> Cloud:
    """Return holes in the vault, a dense tumour in the brain, and chalk in gland and plexus."""
    n = dice.n
    lon, lat = dice.uniform(-3.1, 3.1, 5), dice.uniform(0.1, 1.2, 5)
    holes = short_bones(
        _surface(shape, lon, lat), dice.uniform(5, 11, 5, 1) * torch.ones(3), turn, 0.0, square=2.0,
        points=110,
    )  # fmt: skip
    several = (torch.arange(5) < 1 + 4 * dice.uniform()[:, None]) & lytic[:, None]
    deep = holes.mass / holes.mass.abs().clamp(min=1e-9)
    area = math.pi * 6.0**2 / 110
    holes = Cloud(holes.points, -deep * area * 13.0 * BONE * several.repeat_interleave(110, dim=1))
    lump = short_bones(
        dice.normal(0, 22, 1, 3) + MIDDLE, dice.uniform(9, 18, 1, 1) * torch.ones(3),
        turn, 0.4, 1.6, square=2.0, points=260,
    ).weighted(mass)  # fmt: skip
    glands = torch.tensor([[0.0, -8, 2], [24, -34, 6], [-24, -34, 6]])[:, None]
    grains = glands + dice.normal(0, 2.0, 3, 9, 3)
    chalk = 4.0 * flecks[:, None] * dice.uniform(0, 1, 27)
    return join([holes, lump, Cloud(grains.reshape(n, -1, 3), chalk)])


def _skin(who: Sitter, profile: Tensor, stand: Pose, size: int, gape: Tensor) -> Flesh:
    """Return head, face, nose and neck."""
    n = len(gape)
    ends = torch.tensor(
        [
            [[0.0, -26, -8], [0, 10, -8]], [[0, 50, 22], [0, 54, 88]], [[0, 0, 60], [0, -14, 230]],
            [[0, 88, 22], [0, 101, 48]], [[0, 66, 74], [0, 78, 106]],
        ]
    ).repeat(n, 1, 1, 1)  # fmt: skip
    ends[:, 4, 1, 2] += gape
    ends[..., 2] = grown(ends[..., 2], who.years)
    front = torch.tensor([[79.0, 79], [63, 48], [52, 56], [8, 13], [26, 20]])
    side = torch.tensor([[77.0, 77], [42, 36], [58, 58], [7, 9], [22, 15]])
    wide = torch.where(profile[:, None, None], side, front)
    deep = torch.where(
        profile[:, None, None],
        front,
        torch.tensor([[88.0, 88], [50, 45], [58, 58], [12, 14], [20, 18]]),
    )
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
    bolts = screws(
        torch.cat([first, last], dim=1), torch.cat([first * 0.93, last * 0.93], dim=1), 1.0, 24
    )
    ears = torch.tensor([[80.0, -12, 66], [-80, -12, 66]]).expand(n, 2, 3)
    loops = rings(
        ears,
        torch.tensor([[1.0, 0.0, 0], [1, 0, 0]]).expand(n, 2, 3),
        6.0,
        dice.uniform(0.6, 1.2, 1),
    )
    path = curve([[(4, 96, 86), (2, 60, 80), (0, 16, 88), (0, 6, 130), (0, -2, 240)]], 260)
    pipe = tube(path.expand(n, -1, -1), 4.2, wall=1.2, cortex=0.3, core=0.0, around=14)
    return (
        join([join([bars, bolts]).weighted(held), loops.weighted(ringed), pipe.weighted(tubed)]),
        held,
        ringed,
        tubed,
    )
