"""One radiograph of a limb from beginning to end: who comes, how they lie, and the exposure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from firstread.phantoms.beam import blur, cast, develop, ripple
from firstread.phantoms.chances import Dice
from firstread.phantoms.flesh import Flesh
from firstread.phantoms.solids import LUNG, MUSCLE, Cloud, Parts, Pose, project
from firstread.phantoms.truth import LABELS, Phantoms

CHILD, ADULT, OLD = range(3)
# Attenuation of plaster or of a resin cast, 1/mm.
PLASTER = 0.03


@dataclass(frozen=True)
class Sitter:
    """Who comes to be X-rayed; every field is (N,).

    Parameters
    ----------
    age : Tensor
        Class number of the label "age".
    years : Tensor
        Growth from 0 (a toddler) to 1 (grown up).
    stature : Tensor
        Times all lengths of the skeleton.
    girth : Tensor
        Times the width of the bones.
    wall : Tensor
        Times the compact bone: thin in old age.
    bulk : Tensor
        Times the thickness of the soft tissue.
    right : Tensor
        Bool: the right limb.
    """

    age: Tensor
    years: Tensor
    stature: Tensor
    girth: Tensor
    wall: Tensor
    bulk: Tensor
    right: Tensor

    @property
    def child(self) -> Tensor:
        """Return who has open growth plates, (N,) bool."""
        return self.age == CHILD


def sitter(dice: Dice, children: float = 0.3, smallest: float = 0.45) -> Sitter:
    """Draw people; ``smallest`` is the stature of a toddler as a share of a grown-up's."""
    child = dice.chance(children)
    old = ~child & dice.chance(0.4)
    years = torch.where(child, dice.uniform(0.1, 0.95), 1.0)
    stature = (smallest + (1 - smallest) * years) * dice.normal(1, 0.06)
    wall = torch.where(old, dice.uniform(0.55, 0.9), dice.uniform(0.85, 1.25))
    bulk = dice.normal(0, 0.14).exp()
    age = torch.where(child, CHILD, torch.where(old, OLD, ADULT))
    return Sitter(age, years, stature, dice.normal(1, 0.07), wall, bulk, dice.chance(0.5))


def crop(
    dice: Dice, turn: Tensor, middle: Tensor, field: Tensor, hard: float, stray: float = 0.07
) -> Pose:
    """Lay limbs before the detector.

    ``turn`` is (N, 3, 3) from the patient's frame; ``middle`` (N, 3) and ``field`` (N,) are in mm
    of the grown-up skeleton, which `expose` scales to its stature.
    """
    zoom = (hard * dice.normal(0, 0.16)).exp()
    field = field * zoom * dice.uniform(0.97, 1.1)
    off = dice.normal(0, 1, 3) * (field * (0.012 + stray * hard))[:, None]
    return Pose(turn, middle + off, field)


def mirror(image: Tensor, right: Tensor) -> Tensor:
    """Return pictures (N, S, S) of left limbs as those of right ones where ``right`` (N,)."""
    return torch.where(right[:, None, None], image.flip(-1), image)


def expose(
    stand: Pose,
    limb: Flesh,
    bones: Cloud | Parts,
    metal: Cloud,
    who: Sitter,
    known: tuple[dict[str, Tensor], Tensor],
    dice: Dice,
    size: int,
    hard: float,
    sheath: Tensor | None = None,
    gas: Tensor | None = None,
    mirrored: Tensor | None = None,
    soft_beam: float = 1.8,
    grit: float = 0.6,
) -> Phantoms:
    """Expose radiographs of limbs that are built as left ones.

    Parameters
    ----------
    stand, limb, bones, metal
        The left limb and how it lies.
    who : Sitter
        Whose limb.
    known : tuple
        Labels and signs, see `develop`.
    dice, size, hard
        Random numbers, side of the picture, and how far from plain.
    sheath : Tensor, optional
        (N, S, S) thickness of a cast, mm.
    gas : Tensor, optional
        (N, S, S) path length through inflated lung inside the soft tissue, mm.
    mirrored : Tensor, optional
        (N,) bool which pictures to turn over; the right limbs if left out.
    soft_beam : float
        How much more bone stops of the beam than near 65 keV, relative to soft tissue: thin limbs
        are taken at 50 kV.
    grit : float
        Half the distance of the points of bone, mm.
    """
    side = who.right if mirrored is None else mirrored
    tall = who.stature[:, None, None]
    fat = dice.uniform(0.05, 0.3) * limb.depth.amax(dim=(1, 2))
    soft = limb.line(fat) * tall
    if sheath is not None:
        weave = 1 + 0.07 * ripple(dice, size, max(size / 12, 2.0))
        soft = soft + PLASTER * sheath * tall * weave
    if gas is not None:
        air = torch.minimum(gas, 0.9 * limb.chord()) * tall
        soft = soft - (MUSCLE - LUNG) * air
    grain = (1 + 0.06 * ripple(dice, size, max(size / 50, 1.5))).clamp(min=0.5)
    # Wide enough that no single point shows.
    spread = (grit * size / stand.field).clamp(min=0.5)
    bone = blur(project(bones, stand, size), spread).clamp(min=0) * grain * tall
    # Most limbs bear no metal.
    shod = metal.mass.amax(dim=1) > 0
    steel = torch.zeros_like(bone)
    some = Cloud(metal.points[shod], metal.mass[shod])
    bed = Pose(stand.turn[shod], stand.centre[shod], stand.field[shod])
    steel[shod] = blur(project(some, bed, size), 0.35) * tall[shod]
    soft, bone, steel = (mirror(image, side) for image in (soft, bone, steel))
    lung = None if gas is None else mirror(air, side)
    thick = None if lung is None else ((soft - LUNG * lung) / MUSCLE).clamp(min=0)
    shadow = cast(stand.field * who.stature, soft, bone, steel, lung, thick)
    hardness = dice.uniform(soft_beam - 0.35, soft_beam + 0.35)[:, None, None]
    # Behind metal the detector counts little but scatter: what is thicker looks no whiter.
    line = shadow.line + (hardness - 1) * bone - (steel - 3.0).clamp(min=0)
    return develop(replace(shadow, line=line), *known, dice.generator, hard)


def view(name: str) -> int:
    """Return the class number of a view."""
    return LABELS["view"].index(name)
