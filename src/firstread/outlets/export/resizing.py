"""Pillow's resize as matrix products: what makes an exported graph see the pixels firstread sees.

Other resizers of the same name round elsewhere, or don't smooth, and a network notices. This one
gives Pillow's own bytes for 8 bits, on any runtime that multiplies matrices.
"""

from __future__ import annotations

from collections.abc import Callable

import PIL
import torch
from torch import Tensor

from firstread.images import Interpolation

DOWN_FIRST = int(PIL.__version__.split(".")[0]) >= 13
"""Whether Pillow resizes down before across what loses much more height than width (#9549)."""

_PRECISION = 22
"""Bits behind the point of Pillow's weights for 8-bit pixels (32 - 8 - 2)."""
_LOW = 11
"""Bits of a weight's lower half."""
_BLOCK = 16
"""Neighbouring pixels that are made in one product; each needs but a few of a long line."""


def _triangle(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp(min=0)


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution with a = -0.5, in the order of Pillow's own operations."""
    a, x = -0.5, x.abs()
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


_FILTERS: dict[Interpolation, tuple[Callable[[Tensor], Tensor], int]] = {
    "bilinear": (_triangle, 1),
    "bicubic": (_cubic, 2),
}
"""Each with how many pixels it reaches to either side."""


def resized(values: Tensor, size: int, interpolation: Interpolation, *, deep: bool) -> Tensor:
    """Resize to a square as `Image.resized` does: across, then down, with antialiasing.

    Parameters
    ----------
    values
        float32 with whole numbers, shape (N, C, H, W).
    size
        Side of the square.
    interpolation
        The filter.
    deep
        Whether they are numbers of 16 bits; else of 8.

    Returns
    -------
    values
        float32 with whole numbers of the same range, shape (N, C, size, size). Of 8 bits they are
        Pillow's exactly; of 16 they differ by one level of 65,535 where a value lies between two.
    """
    height, width = values.shape[2:]
    across = _weights(width, size, interpolation)
    down = _weights(height, size, interpolation)
    if deep:
        return _fine(_fine(values.mT, *across, size).mT, *down, size).round().clamp(0, 65535)

    def across_first(values: Tensor) -> Tensor:
        return _coarse(_coarse(values.mT, *across, size).mT, *down, size).contiguous()

    def down_first(values: Tensor) -> Tensor:
        return _coarse(_coarse(values, *down, size).mT, *across, size).mT.contiguous()

    if not DOWN_FIRST:
        return across_first(values)
    lost, narrowed = torch.full((), height) - size, torch.full((), width) - size
    tall = (lost > 0) & (lost > 2 * narrowed)
    made: Tensor = torch.cond(tall, down_first, across_first, (values,))
    return made


def _weights(side: int, wanted: int, interpolation: Interpolation) -> tuple[Tensor, Tensor]:
    """Return what each resized pixel of a line takes from which pixels of the line.

    As Pillow's `precompute_coeffs`, in blocks of neighbouring resized pixels.

    Returns
    -------
    weights, places
        float64, shape (blocks, `_BLOCK`, n), and int64, shape (blocks, n). The last block repeats
        the last pixel.
    """
    function, radius = _FILTERS[interpolation]
    blocks = -(-wanted // _BLOCK)
    scale = torch.full((), side, dtype=torch.float64) / wanted
    reach = radius * (side // wanted + 1) + 1
    made = torch.arange(blocks * _BLOCK, dtype=torch.float64).clamp(max=wanted - 1)
    centres = ((made + 0.5) * scale).reshape(blocks, _BLOCK, 1)
    starts = (torch.arange(blocks, dtype=torch.float64) * _BLOCK * scale).floor() - reach
    taken = torch.arange(_BLOCK * side // wanted + 2 * reach + 2, dtype=torch.float64)
    places = starts[:, None] + taken
    raw = function((places[:, None] - centres + 0.5) * (1 / scale.clamp(min=1)))
    inside = (places >= 0) & (places < side)
    raw = torch.where(inside[:, None], raw, torch.zeros_like(raw))
    weights = raw / raw.sum(dim=2, keepdim=True)
    return weights, places.clamp(0, side - 1).to(torch.int64)


def _fine(values: Tensor, weights: Tensor, places: Tensor, size: int) -> Tensor:
    """Resize along the third axis in float32."""
    made = weights.to(torch.float32) @ values[:, :, places]
    return made.flatten(2, 3)[:, :, :size]


def _coarse(values: Tensor, weights: Tensor, places: Tensor, size: int) -> Tensor:
    """Resize 8-bit values along the third axis, in whole numbers as Pillow does.

    Weights are whole numbers of 2^-22. Each is split in two halves, whose products with pixels,
    and the sums of these, float32 holds exactly.
    """
    fixed = weights * 2**_PRECISION
    whole = torch.where(fixed < 0, torch.ceil(fixed - 0.5), torch.floor(fixed + 0.5))
    high = torch.floor(whole / 2**_LOW + 0.5)
    halves = torch.cat([high, whole - high * 2**_LOW], dim=1).to(torch.float32)
    made = (halves @ values[:, :, places]).to(torch.float64)
    total = made[..., :_BLOCK, :] * 2**_LOW + made[..., _BLOCK:, :]
    # Half up, as `clip8` rounds.
    levels = torch.floor((total + 2 ** (_PRECISION - 1)) / 2**_PRECISION).clamp(0, 255)
    return levels.to(torch.float32).flatten(2, 3)[:, :, :size]
