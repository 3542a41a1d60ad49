"""Synthetic chest and abdominal radiographs, made on the spot from a seed.

A randomised body (`torso`) is put in a parallel beam: Beer-Lambert, scatter, quantum noise, then
the log, detail enhancement and window that a clinic's display applies. Everything but the anatomy
(size, exposure, window, borders, marker) is drawn alike for both regions, so that a network has
nothing but the anatomy to tell them apart by.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter

from firstread.datasets.films.solids import Array, View
from firstread.datasets.films.textures import enlarge
from firstread.datasets.films.torso import line_integral
from firstread.errors import unknown

REGIONS: tuple[str, ...] = ("abd", "chst")

# Height at which the beam is centred, mm below the first thoracic vertebra.
_CENTRE = {"abd": 425.0, "chst": 136.0}
_HELLO_WORLD = (
    *(("train/abd", f"{k:03d}.png", "abd") for k in range(32)),
    *(("train/chst", f"{k:03d}.png", "chst") for k in range(33)),
    *(("val/abd", f"{k:03d}.png", "abd") for k in range(5)),
    *(("val/chst", f"{k:03d}.png", "chst") for k in range(5)),
    ("test", "abd_test.png", "abd"),
    ("test", "chest_test.png", "chst"),
)
# Strokes of the side markers, as x, y of both ends, in heights of the letter.
_LETTERS = {
    "L": ((0, 0, 0, 1), (0, 1, 0.55, 1)),
    "R": ((0, 0, 0, 1), (0, 0, 0.5, 0), (0.5, 0, 0.6, 0.25), (0.6, 0.25, 0.5, 0.5),
          (0.5, 0.5, 0, 0.5), (0.3, 0.5, 0.6, 1)),
}  # fmt: skip
_LEAD = 8.0  # line integral through a marker 1.5 mm thick


def radiograph(
    region: str, rng: np.random.Generator, shape: tuple[int, int] = (256, 256)
) -> npt.NDArray[np.uint8]:
    """Make one synthetic frontal radiograph, as a clinic displays it: bone bright, air dark.

    Parameters
    ----------
    region : str
        One of `REGIONS`: "abd" (abdomen) or "chst" (chest).
    rng : numpy.random.Generator
        Where every random choice is drawn from; the same state gives the same pixels.
    shape : tuple of int
        Rows and columns.

    Returns
    -------
    numpy.ndarray
        (rows, columns) of uint8.

    Raises
    ------
    firstread.errors.UsageError
        If the region isn't known.

    Examples
    --------
    >>> import numpy as np
    >>> radiograph("chst", np.random.default_rng(0), (64, 48)).shape
    (64, 48)
    """
    if region not in REGIONS:
        raise unknown("region", region, REGIONS)
    view = _aim(region, shape, rng)
    line = line_integral(region, view, rng) + _LEAD * _marker(shape, rng)
    return _display(_expose(line, view, rng), view, rng)


def write_hello_world(folder: Path, seed: int = 0) -> Path:
    """Write the tutorial's 77 images: 65 to train on, 10 to validate and 2 to test.

    Parameters
    ----------
    folder : pathlib.Path
        Where `train/{abd,chst}`, `val/{abd,chst}` and `test` go; made if absent.
    seed : int
        Image ``k`` of the set draws from child ``k`` of this seed's `numpy.random.SeedSequence`,
        so that each can be made again by itself.

    Returns
    -------
    pathlib.Path
        The folder.
    """
    seeds = np.random.SeedSequence(seed).spawn(len(_HELLO_WORLD))
    for (place, name, region), child in zip(_HELLO_WORLD, seeds, strict=True):
        rng = np.random.default_rng(child)
        image = radiograph(region, rng, _draw_shape(rng))
        (folder / place).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / place / name)
    return folder


def _draw_shape(rng: np.random.Generator) -> tuple[int, int]:
    """Draw rows and columns, portrait to square; the region has no say in it."""
    rows = int(rng.integers(224, 297))
    return rows, round(rows * rng.uniform(0.82, 1.0))


def _aim(region: str, shape: tuple[int, int], rng: np.random.Generator) -> View:
    """Draw where the beam is centred, how wide it is and how straight the patient lies."""
    side = rng.uniform(325, 378)
    centre = (rng.uniform(-10, 10), _CENTRE[region] + rng.uniform(-20, 20))
    tilt = np.clip(rng.normal(0, 0.025), -0.06, 0.06)
    return View(shape, side / np.sqrt(shape[0] * shape[1]), centre, float(tilt))


def _marker(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return how much of each pixel a letter of lead covers, 0 to 1; often there is none."""
    cover = np.zeros(shape)
    strokes = _LETTERS["LR"[rng.integers(2)]]
    size, turn = rng.uniform(0.035, 0.06) * shape[0], rng.normal(0, 0.12)
    x, y = rng.uniform(0.03, 0.10) * shape[1], rng.uniform(0.04, 0.3) * shape[0]
    right, low, shown = rng.random(3) < (0.5, 0.3, 0.65)
    if not shown:
        return cover
    x = shape[1] - x - 0.6 * size if right else x
    y = shape[0] - y - size if low else y
    top, left = max(0, int(y - 0.4 * size)), max(0, int(x - 0.4 * size))
    patch = cover[top : top + int(2 * size), left : left + int(2 * size)]
    rows, cols = np.indices(patch.shape)
    c, s = np.cos(turn) / size, np.sin(turn) / size
    u = c * (cols + left - x) + s * (rows + top - y)
    v = c * (rows + top - y) - s * (cols + left - x)
    for x0, y0, x1, y1 in strokes:
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((u - x0) * dx + (v - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        gap = np.hypot(u - x0 - t * dx, v - y0 - t * dy) * size
        np.maximum(patch, np.clip(1 + 0.03 * size - gap, 0, 1), out=patch)
    return cover


def _expose(line: Array, view: View, rng: np.random.Generator) -> Array:
    """Return minus the log of what the detector counts: Beer-Lambert, scatter, blur and noise."""
    primary = gaussian_filter(np.exp(-line), 0.5)
    signal = primary + rng.uniform(0.1, 0.3) * _blur(primary, 35 / view.scale)
    # The exposure control stops at a given count behind the dense parts of the body.
    dose = rng.uniform(1500, 8000) / np.quantile(signal, 0.3)
    grain = gaussian_filter(rng.normal(size=view.shape), 0.45)
    counts = signal * dose + np.sqrt(signal * dose) * grain
    return np.asarray(-np.log(np.maximum(counts, 1) / dose))


def _display(density: Array, view: View, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return grey levels: detail enhanced, then a sigmoid window, then the collimator's borders."""
    body = density[density > 0.7] if (density > 0.7).any() else density
    density = np.maximum(density, np.quantile(body, 0.002) - 0.5)
    broad, fine = rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.9)
    shade = density + broad * (density - _blur(density, rng.uniform(14, 25) / view.scale))
    shade += fine * (density - gaussian_filter(density, 2 / view.scale))
    inside = shade[density > 0.7] if (density > 0.7).any() else shade
    ends = (rng.uniform(0.005, 0.03), 0.5, rng.uniform(0.97, 0.998))
    low, middle, high = np.quantile(inside, ends)
    middle += rng.uniform(0.0, 0.5) * (low + 0.5 * (high - low) - middle)
    slope = 4 / (rng.uniform(1.0, 1.4) * (high - low))
    dark, bright, shade = (1 / (1 + np.exp(slope * (middle - v))) for v in (low, high, shade))
    grey = (0.06 + 0.9 * (shade - dark) / (bright - dark)).clip(0, 1)
    border = 1.0 if rng.random() < 0.12 else 0.0
    return np.round(255 * np.where(_opening(view.shape, rng), grey, border)).astype(np.uint8)


def _opening(shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return where the collimator lets the beam through: all, or all but strips at some sides."""
    strips = np.where(rng.random(4) < 0.25, rng.uniform(0, 0.045, 4), 0.0)
    top, bottom, left, right = (strips * np.repeat(shape, 2)).astype(int)
    opening = np.zeros(shape, dtype=bool)
    opening[top : shape[0] - bottom, left : shape[1] - right] = True
    return opening


def _blur(image: Array, sigma: float) -> Array:
    """Return the image blurred by many pixels, by way of a coarse one."""
    k = max(int(sigma / 2.5), 1)
    rows, cols = image.shape
    whole = np.pad(image, ((0, -rows % k), (0, -cols % k)), mode="edge")
    coarse = whole.reshape(-(-rows // k), k, -(-cols // k), k).mean(axis=(1, 3))
    return enlarge(gaussian_filter(coarse, sigma / k, mode="nearest"), k, (rows, cols))
