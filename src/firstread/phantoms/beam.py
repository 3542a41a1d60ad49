"""From line integrals to a displayed radiograph: what the tube, detector, console and staff do.

Beer-Lambert, scatter, quantum noise, then the log, detail enhancement and window that a clinic's
display applies; collimation, lead markers and burnt-in text. How far a picture strays from a plain
one is drawn for each (domain randomisation, as SyntheX: Gao et al., Nature Machine Intelligence,
2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import curve
from firstread.phantoms.marks import LETTERS, write
from firstread.phantoms.solids import BONE, METAL, MUSCLE
from firstread.phantoms.truth import SIGNS, Phantoms, coarse

LEAD = 8.0  # line integral through a marker 1.5 mm thick


@dataclass(frozen=True)
class Shadow:
    """What the beam meets.

    Parameters
    ----------
    line : Tensor
        (N, S, S) line integral of attenuation.
    paths : Tensor
        (N, `TISSUES`, S, S) path lengths, mm.
    field : Tensor
        (N,) side of the picture, mm.
    """

    line: Tensor
    paths: Tensor
    field: Tensor


def cast(
    field: Tensor, soft: Tensor, bone: Tensor, metal: Tensor, gas: Tensor | None = None,
    thick: Tensor | None = None,
) -> Shadow:  # fmt: skip
    """Put tissues together.

    Parameters
    ----------
    field : Tensor
        (N,) side of the picture, mm.
    soft : Tensor
        (N, S, S) line integral of all but bone and metal, with the gas left out.
    bone, metal : Tensor
        (N, S, S) line integral that bone adds to the soft tissue it lies in (`solids.BONE` a mm
        of compact bone), and that of metal.
    gas : Tensor, optional
        (N, S, S) path length through gas (or inflated lung, in full), mm; none if left out.
    thick : Tensor, optional
        (N, S, S) path length through soft tissue, mm; from ``soft`` if left out.
    """
    thick = soft / MUSCLE if thick is None else thick
    gas = torch.zeros_like(soft) if gas is None else gas
    paths = torch.stack([gas, thick, bone / BONE, metal / METAL], dim=1)
    return Shadow(soft + bone + metal, paths, field)


def blur(image: Tensor, sigma: Tensor | float) -> Tensor:
    """Return pictures (N, S, S) blurred by a Gaussian of sigma pixels, (N,) or a number.

    The blur along each axis is a product with a matrix, whose rows sum to 1 at the edges too.
    """
    place = torch.arange(image.shape[-1], dtype=torch.float32)
    gap = (place[:, None] - place).square()
    width = torch.as_tensor(sigma, dtype=torch.float32).reshape(-1, 1, 1).clamp(min=1e-2)
    matrix = (gap / (-2 * width.square())).exp()
    matrix = matrix / matrix.sum(dim=-1, keepdim=True)
    return matrix @ image @ matrix.mT


def sharp(bone: Tensor, field: Tensor) -> Tensor:
    """Return what points cast (N, S, S), blurred as little as hides the points: by 1.5 mm or so."""
    return blur(bone, (1.5 * bone.shape[-1] / field).clamp(min=0.5))


def haze(image: Tensor, sigma: Tensor | float) -> Tensor:
    """Return pictures (N, S, S) blurred by many pixels, by way of a coarse one."""
    size = image.shape[-1]
    k = 4 if size % 4 == 0 and size > 32 else 1
    small = blur(functional.avg_pool2d(image[:, None], k)[:, 0], torch.as_tensor(sigma) / k)
    return functional.interpolate(small[:, None], size=(size, size), mode="bilinear")[:, 0]


def ripple(dice: Dice, size: int, grain: float) -> Tensor:
    """Return smooth noise (N, size, size) of about unit variance, blobs ``grain`` pixels wide."""
    few = max(int(size / grain) + 3, 4)
    # Splines along rows, then along columns.
    across = curve(1.3 * dice.normal(0, 1, few, few), size)
    return curve(across.mT, size)


def develop(
    shadow: Shadow,
    labels: dict[str, Tensor],
    signs: Tensor,
    generator: torch.Generator,
    hard: float = 1.0,
) -> Phantoms:
    """Expose, process and display radiographs, and say what was done.

    Parameters
    ----------
    shadow : Shadow
        What the beam meets.
    labels : dict of Tensor
        Answers known so far (`truth.answers`); "inverted" and "quarter_turn" are filled in. Where
        "side" is known, a lead marker tells it.
    signs : Tensor
        Signs known so far (`truth.findings`); "marker" and "text" are filled in.
    generator : torch.Generator
        Where every random number comes from.
    hard : float
        How far pictures may stray from plain ones, 0 to 1.
    """
    n, size = shadow.line.shape[:2]
    dice = Dice(n, generator)
    stray = hard * dice.uniform()
    lead, marked = _marker(dice, labels["side"], size)
    grey = _display(_expose(shadow.line + LEAD * lead, shadow.field, dice, stray), dice, stray)
    ink, written = _text(dice, size, hard)
    shade = torch.where(dice.chance(0.8), 0.97, 0.1)[:, None, None]
    enlarged, reach = dice.chance(0.35 * hard), dice.uniform(0.5, 1.4) * size / 128
    grey[enlarged] = blur(grey[enlarged], reach[enlarged])
    turned_grey = dice.chance(0.1 * hard)
    grey = (grey - turned_grey[:, None, None].float()).abs_()
    _collimate(grey, dice, hard)
    grey = grey + ink * (shade - grey)
    signs = signs.clone()
    signs[:, SIGNS.index("marker")] = marked.float()
    signs[:, SIGNS.index("text")] = written.float()
    quarter = torch.where(dice.chance(0.15 * hard), dice.integers(4), 0)
    pixels, thickness = grey[:, None], coarse(shadow.paths) / 100
    for k in (1, 2, 3):
        some = quarter == k
        pixels[some] = pixels[some].rot90(-k, (-2, -1))
        thickness[some] = thickness[some].rot90(-k, (-2, -1))
    known = {**labels, "inverted": turned_grey.long(), "quarter_turn": quarter}
    return Phantoms(pixels.clamp(0, 1), known, signs, thickness)


def _marker(dice: Dice, side: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Draw a letter of lead near the side it names; often there is none."""
    shown = dice.chance(0.5)
    right = torch.where(side >= 0, side == 1, dice.chance(0.5))
    letter = torch.where(right, list(LETTERS).index("R"), list(LETTERS).index("L"))
    height = dice.uniform(0.04, 0.08) * size
    # On a frontal picture the patient's right is on the left.
    x = dice.uniform(0.02, 0.14)
    x = torch.where(right, x, 0.94 - x)
    y = dice.uniform(0.02, 0.3) + 0.55 * dice.chance(0.3)
    place = torch.stack([x, y], dim=-1) * size
    pen = dice.uniform(0.9, 1.6) * size / 128 * shown
    return write(letter[:, None], place, height, pen, dice.normal(0, 0.15), size), shown


def _text(dice: Dice, size: int, hard: float) -> tuple[Tensor, Tensor]:
    """Draw a line of letters in a corner, as burnt in by a scanner; mostly there is none."""
    shown = dice.chance(0.12 * hard)
    height = dice.uniform(0.03, 0.06) * size
    x = torch.where(dice.chance(0.5), dice.uniform(0.01, 0.06), dice.uniform(0.5, 0.7))
    y = torch.where(dice.chance(0.5), dice.uniform(0.01, 0.05), dice.uniform(0.87, 0.94))
    place = torch.stack([x, y], dim=-1) * size
    text = dice.integers(len(LETTERS), 8)
    pen = dice.uniform(0.7, 1.2) * size / 128 * shown
    ink = torch.zeros(dice.n, size, size)
    if shown.any():
        level = torch.zeros(int(shown.sum()))
        ink[shown] = write(text[shown], place[shown], height[shown], pen[shown], level, size)
    return ink, shown


def _expose(line: Tensor, field: Tensor, dice: Dice, stray: Tensor) -> Tensor:
    """Return minus the log of what the detector counts: Beer-Lambert, scatter, blur and noise."""
    size = line.shape[-1]
    primary = (-line).exp_()
    share = dice.uniform(0.08, 0.2) + 0.5 * stray * dice.uniform()
    # Scatter is a smooth share of what the body lets through about there.
    signal = primary + share[:, None, None] * (-haze(line, 25 * size / field)).exp_()
    signal = signal / (1 + share)[:, None, None]
    # The exposure control stops at a given count behind the dense parts of the body.
    thin = signal[:, ::4, ::4].reshape(dice.n, -1)
    behind = thin.quantile(0.3, dim=1).clamp(min=1e-6)
    dose = dice.uniform(1500, 8000) * 10 ** (-1.1 * stray * dice.uniform()) / behind
    counts = signal * dose[:, None, None]
    grain = dice.normal(0, 1, size, size)
    counts = counts + counts.sqrt() * grain
    return -(counts.clamp(min=1) / dose[:, None, None]).log_()


def _display(density: Tensor, dice: Dice, stray: Tensor) -> Tensor:
    """Return grey levels: detail enhanced, then a window between linear and sigmoid, then gamma."""
    n, size = density.shape[:2]
    thin = density[:, ::4, ::4].reshape(n, -1)
    floor = 0.2 * thin.quantile(0.9, dim=1, keepdim=True)
    inside = torch.where(thin > floor, thin, torch.nan)
    least = inside.nanquantile(0.003, dim=1) - 0.5
    density = torch.maximum(density, least[:, None, None])
    broad, fine = dice.uniform(0.2, 0.7), dice.uniform(0.1, 0.6) + 0.6 * stray * dice.uniform()
    reach = dice.uniform(0.05, 0.11) * size
    shade = density + broad[:, None, None] * (density - haze(density, reach))
    shade = shade + fine[:, None, None] * (density - blur(density, 0.008 * size))
    thin = torch.where(thin > floor, shade[:, ::4, ::4].reshape(n, -1), torch.nan)
    low, middle, high = thin.nanquantile(torch.tensor([0.01, 0.5, 0.99]), dim=1)
    span = high - low
    middle = middle + dice.uniform(0.0, 0.5) * (low + 0.5 * span - middle)
    middle = middle + 0.3 * stray * dice.normal(0, 0.6) * span
    width = dice.uniform(1.0, 1.4) * (1 + 0.5 * stray * dice.uniform(-1, 1)) * span
    slope = (4 / width.clamp(min=1e-3))[:, None, None]
    low, high, middle = (v[:, None, None] for v in (low, high, middle))
    dark, bright = (torch.sigmoid(slope * (v - middle)) for v in (low, high))
    grey = (torch.sigmoid(slope * (shade - middle)) - dark) / (bright - dark)
    grey = (0.04 + 0.92 * grey).clamp_(1e-4, 1)
    return grey ** (stray * dice.normal(0, 0.3)).exp()[:, None, None]


def _collimate(grey: Tensor, dice: Dice, hard: float) -> None:
    """Put a border where the collimator or a box lets no beam through, if there is one."""
    size = grey.shape[-1]
    strips = dice.chance(0.2 * hard, 4) * dice.uniform(0.0, 0.07, 4)
    boxed = (dice.chance(0.15 * hard) * dice.uniform(0.02, 0.16))[:, None]
    upright = dice.chance(0.5)[:, None]
    strips = strips + boxed * torch.cat([upright, upright, ~upright, ~upright], dim=1)
    tilt = dice.chance(0.15 * hard) * dice.normal(0, 0.05)
    border = torch.where(dice.chance(0.25), dice.uniform(0.8, 1.0), dice.uniform(0.0, 0.06))
    some = strips.sum(dim=1) > 0
    left, right, top, bottom = (strips[some] - 0.5)[..., None, None].unbind(1)
    tilt = tilt[some, None, None]
    place = (torch.arange(size, dtype=torch.float32) + 0.5) / size - 0.5
    u, v = place + tilt * place[:, None], place[:, None] - tilt * place
    inner = torch.minimum(
        -u.abs() - torch.where(u < 0, left, right), -v.abs() - torch.where(v < 0, top, bottom)
    )
    opening = (inner * size + 1.0).clamp_(0, 1)
    shade = border[some, None, None]
    grey[some] = shade + opening * (grey[some] - shade)
