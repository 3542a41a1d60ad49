"""Maps of materials scanned by CT and by MR, and displayed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from firstread.phantoms.chances import Dice
from firstread.phantoms.sections import materials
from firstread.phantoms.sections.canvas import FINE, Canvas
from firstread.phantoms.sections.materials import Material
from firstread.phantoms.truth import COARSE, TISSUES

# Middle and width in CT numbers: the presets of the workstations.
WINDOWS: dict[str, tuple[float, float]] = {
    "brain": (38.0, 90.0),
    "bone": (450.0, 2000.0),
    "wide": (40.0, 1200.0),
    "lung": (-550.0, 1500.0),
    "mediastinum": (45.0, 400.0),
    "abdomen": (50.0, 380.0),
}


@dataclass(frozen=True)
class Sequence:
    """A spin-echo sequence: times in ms; without inversion where ``ti`` is 0."""

    tr: float
    te: float
    ti: float = 0.0
    fat: float = 1.0  # what fat suppression leaves of the signal of fat


SEQUENCES: dict[str, Sequence] = {
    "t1": Sequence(tr=500, te=12),
    "t2": Sequence(tr=4500, te=100),
    "flair": Sequence(tr=9000, te=110, ti=2350),
    "fat_suppressed": Sequence(tr=4000, te=80, fat=0.12),
    "proton_density": Sequence(tr=3000, te=25),
}


def signal(sequence: Sequence) -> Tensor:
    """Return the signal of each material, (M,), water fully relaxed = 1.

    The textbook equations of the spin echo and of inversion recovery, as magnitudes.
    """
    t1, t2, protons = (materials.column(field) for field in ("t1", "t2", "protons"))
    recovery = 1 - torch.exp(-sequence.tr / t1)
    if sequence.ti:
        recovery = (1 - 2 * torch.exp(-sequence.ti / t1) + torch.exp(-sequence.tr / t1)).abs()
    strength = protons * recovery * torch.exp(-sequence.te / t2)
    # Echo trains keep fat bright on T2 (J-coupling): as bright as its T1 makes it, not its T2.
    fatty = torch.tensor([Material.FAT, Material.MARROW, Material.SPONGY])
    share = torch.tensor([1.0, 0.8, 0.6])
    if sequence.te > 50:
        strength[fatty] *= 1.5
    strength[fatty] *= 1 - share * (1 - sequence.fat)
    return strength


def field(dice: Dice, size: int, cells: int) -> Tensor:
    """Return smooth random maps (N, 1, size, size) of about unit variance, ``cells`` a side."""
    coarse = 1.5 * dice.normal(0, 1, 1, cells + 1, cells + 1)
    return functional.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=True)


def blurred(pixels: Tensor, share: float | Tensor) -> Tensor:
    """Return pictures (N, 1, S, S) with a share of each pixel spread to its neighbours."""
    for axis in (2, 3):
        size = pixels.shape[axis]
        before = torch.cat([pixels.narrow(axis, 0, 1), pixels.narrow(axis, 0, size - 1)], axis)
        after = torch.cat([pixels.narrow(axis, 1, size - 1), pixels.narrow(axis, -1, 1)], axis)
        pixels = torch.lerp(pixels, before.add_(after).mul_(0.5), share)
    return pixels


def averaged(canvas: Canvas, values: Tensor) -> Tensor:
    """Return values (N, M) of the materials where they lie, averaged over the pixels."""
    side = canvas.materials.shape[-1]
    found = torch.empty(len(values), 1, side // FINE, side // FINE)
    # One by one, lest a whole batch of fine pixels goes through memory.
    for one, table, out in zip(canvas.materials, values, found[:, 0], strict=True):
        fine = table.index_select(0, one.view(-1).int()).view(side, side)
        rows = sum((fine[k::FINE] for k in range(1, FINE)), fine[::FINE])
        out[:] = sum((rows[:, k::FINE] for k in range(1, FINE)), rows[:, ::FINE])
    return found.div_(FINE**2)


def at_pixels(canvas: Canvas, values: Tensor) -> Tensor:
    """Return values (M,) of the materials at one place of each pixel, (N, 1, S, S)."""
    there = canvas.materials[:, None, ::FINE, ::FINE].int()
    return values.index_select(0, there.view(-1)).view(there.shape)


def shares(canvas: Canvas) -> Tensor:
    """Return the share of each tissue, (N, T, S // 8, S // 8)."""
    kind = at_pixels(canvas, materials.tissues())[:, 0]
    side = kind.shape[-1] // COARSE
    return torch.stack(
        [functional.adaptive_avg_pool2d((kind == t).float(), side) for t in range(len(TISSUES))], 1
    )


def ct(
    canvas: Canvas,
    window: list[str],
    dice: Dice,
    *,
    enhanced: Tensor,
    noise: float | Tensor = 1.0,
) -> Tensor:
    """Return CT pictures (N, 1, S, S) in [0, 1].

    Parameters
    ----------
    canvas : Canvas
        What is scanned.
    window : list of str
        N names of `WINDOWS`.
    dice : Dice
        Source of all that is random.
    enhanced : Tensor
        (N,) how much contrast medium the veins carry, 1 for the portal phase.
    noise : float or Tensor
        Scales the noise, (N,) or one for all; 1 is an everyday dose.
    """
    size = canvas.materials.shape[-1] // FINE
    count = len(Material)
    hu = materials.column("hu") + enhanced[:, None] * materials.column("medium")
    spread = materials.column("grain")
    hu = hu + 0.6 * spread * dice.normal(0, 1, count)
    numbers = averaged(canvas, hu)
    texture = field(dice, size, size // 4)
    numbers.addcmul_(at_pixels(canvas, spread), texture, value=0.8)
    numbers += _streaks(canvas, size, dice)
    sigma = dice.uniform(2.0, 10.0) * noise
    sharp = dice.chance(0.4).float()
    speckle = dice.normal(0, 1, 1, size, size)
    # Soft kernels leave grains of two pixels; sharp ones single pixels, and three times the noise.
    soft = blurred(speckle, 2 / 3) * 2.2
    speckle = torch.lerp(soft, speckle * 1.6, sharp.view(-1, 1, 1, 1))
    # At the detector's limits noise grows with what the beam has to pass.
    numbers.addcmul_(speckle, sigma.view(-1, 1, 1, 1))
    middle, width = torch.tensor([WINDOWS[name] for name in window]).unbind(1)
    middle = middle + width * dice.uniform(-0.08, 0.08)
    width = width * dice.uniform(0.8, 1.25)
    low = (middle - width / 2).view(-1, 1, 1, 1)
    return ((numbers - low) / width.view(-1, 1, 1, 1)).clamp_(0, 1)


def _streaks(canvas: Canvas, size: int, dice: Dice) -> Tensor:
    """Return CT numbers (N, 1, S, S) of streaks: rays from metal, bands between dense bones."""
    n = len(canvas.materials)
    total = torch.zeros(n, 1, size, size)
    metal = (canvas.materials == Material.METAL).flatten(1)
    struck = metal.any(1).nonzero()[:, 0]
    rays = dice.normal(0, 1, 256)
    bands = dice.normal(0, 1, 1, size, 1)
    banded = dice.chance(0.12).nonzero()[:, 0]
    if len(struck):
        some = metal[struck].view(-1, size, FINE, size, FINE).float().mean((2, 4))
        weight = some / some.sum((1, 2), keepdim=True)
        along = torch.arange(size, dtype=torch.float32)
        row = (weight.sum(2) * along).sum(1).view(-1, 1, 1)
        col = (weight.sum(1) * along).sum(1).view(-1, 1, 1)
        v, u = along.view(1, -1, 1) - row, along.view(1, 1, -1) - col
        # A ray and its opposite are the same beam: directions over half a turn.
        angle = torch.remainder(torch.atan2(v, u), math.pi) * (256 / math.pi)
        strength = rays[struck].gather(1, angle.long().clamp(max=255).flatten(1)).view_as(angle)
        fall = 300 * some.sum((1, 2)).clamp(max=40).view(-1, 1, 1) ** 0.5
        total[struck, 0] = strength * fall / (3 + (u * u + v * v).sqrt())
    if len(banded):
        rows = blurred(bands[banded], 0.6)
        total[banded] += 22 * rows
    return total


def mr(canvas: Canvas, sequence: list[str], dice: Dice, *, noise: float | Tensor = 1.0) -> Tensor:
    """Return MR pictures (N, 1, S, S) in [0, 1].

    Parameters
    ----------
    canvas : Canvas
        What is scanned.
    sequence : list of str
        N names of `SEQUENCES`.
    dice : Dice
        Source of all that is random.
    noise : float or Tensor
        Scales the noise, (N,) or one for all.
    """
    size = canvas.materials.shape[-1] // FINE
    count = len(Material)
    strength = torch.stack([signal(SEQUENCES[name]) for name in sequence])
    strength = strength * (1 + 0.06 * dice.normal(0, 1, count)).clamp(min=0.5)
    pixels = averaged(canvas, strength)
    grain = materials.column("grain").clamp(max=25) / 100
    texture = field(dice, size, size // 4)
    pixels.addcmul_(pixels, at_pixels(canvas, grain).mul_(texture))
    # Surface coils: what lies near them is brighter (Sled et al., IEEE TMI 1998, on its removal).
    bias = 0.22 * dice.uniform(0.2, 1.3).view(-1, 1, 1, 1)
    pixels *= torch.exp(bias * field(dice, size, 2))
    ghosted = dice.chance(0.15).nonzero()[:, 0]
    offset = size // 4 + int(dice.integers(size // 12)[0])
    if len(ghosted):
        # Motion repeats the body along the phase encoding (here down the picture).
        ghost = pixels[ghosted].roll(offset, 2) + pixels[ghosted].roll(-offset, 2)
        pixels[ghosted] += 0.07 * ghost
    pixels = blurred(pixels, 0.35)
    bright = pixels[:, :, ::2, ::2].flatten(1)
    top = bright.kthvalue(int(0.985 * bright.shape[1]), 1).values.clamp(min=0.02)
    pixels /= (top * dice.uniform(0.85, 1.25)).view(-1, 1, 1, 1)
    # The magnitude of a complex signal with noise in both parts (Gudbjartsson & Patz 1995).
    sigma = (dice.uniform(0.01, 0.05) * noise).view(-1, 1, 1, 1)
    real, imaginary = dice.normal(0, 1, 2, 1, size, size).unbind(1)
    pixels = torch.hypot(pixels + sigma * real, sigma * imaginary)
    return pixels.clamp_(0, 1)
