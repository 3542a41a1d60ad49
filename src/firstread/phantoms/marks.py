"""Letters on pictures: lead markers that the beam can't pass, and text burnt into the pixels."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from firstread.phantoms.solids import Cloud, Pose, project

# Strokes of each letter, as x, y of both ends, in heights of the letter.
LETTERS = {
    "L": ((0, 0, 0, 1), (0, 1, 0.55, 1)),
    "R": ((0, 0, 0, 1), (0, 0, 0.5, 0), (0.5, 0, 0.6, 0.25), (0.6, 0.25, 0.5, 0.5),
          (0.5, 0.5, 0, 0.5), (0.3, 0.5, 0.6, 1)),
    "A": ((0, 1, 0.3, 0), (0.3, 0, 0.6, 1), (0.12, 0.6, 0.48, 0.6)),
    "E": ((0, 0, 0, 1), (0, 0, 0.55, 0), (0, 0.5, 0.45, 0.5), (0, 1, 0.55, 1)),
    "P": ((0, 0, 0, 1), (0, 0, 0.6, 0), (0.6, 0, 0.6, 0.5), (0.6, 0.5, 0, 0.5)),
    "T": ((0, 0, 0.6, 0), (0.3, 0, 0.3, 1)),
    "U": ((0, 0, 0, 1), (0, 1, 0.55, 1), (0.55, 1, 0.55, 0)),
    "0": ((0, 0, 0.5, 0), (0.5, 0, 0.5, 1), (0.5, 1, 0, 1), (0, 1, 0, 0)),
    "1": ((0.3, 0, 0.3, 1), (0.1, 0.2, 0.3, 0)),
    "2": ((0, 0, 0.5, 0), (0.5, 0, 0.5, 0.5), (0.5, 0.5, 0, 0.5), (0, 0.5, 0, 1),
          (0, 1, 0.5, 1)),
    "4": ((0, 0, 0, 0.5), (0, 0.5, 0.55, 0.5), (0.45, 0, 0.45, 1)),
    "7": ((0, 0, 0.55, 0), (0.55, 0, 0.2, 1)),
}  # fmt: skip


@cache
def _ink(points: int = 56) -> tuple[Tensor, Tensor]:
    """Return points (letters, points, 2) along the strokes, and the length of each letter."""
    ink, length = [], []
    for strokes in LETTERS.values():
        ends = np.array(strokes, dtype=float).reshape(-1, 2, 2)
        reach = np.r_[0, np.cumsum(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1))]
        along = (np.arange(points) + 0.5) / points * reach[-1]
        k = np.minimum(np.searchsorted(reach, along, side="right") - 1, len(ends) - 1)
        t = ((along - reach[k]) / (reach[k + 1] - reach[k]))[:, None]
        ink.append(ends[k, 0] * (1 - t) + ends[k, 1] * t)
        length.append(reach[-1])
    return torch.tensor(np.array(ink)).float(), torch.tensor(length).float()


def write(
    text: Tensor, place: Tensor, height: Tensor, pen: Tensor, tilt: Tensor, size: int
) -> Tensor:
    """Return how much of each pixel is covered by text, (N, size, size) in [0, 1].

    Parameters
    ----------
    text : Tensor
        (N, L) int64: numbers of `LETTERS`.
    place : Tensor
        (N, 2) column and row of the upper left corner, pixels.
    height, pen, tilt : Tensor
        (N,) height of the letters and width of the strokes, pixels (0: no text), and the turn of
        the line, radians, clockwise.
    size : int
        Side of the picture, pixels.
    """
    n, count = text.shape
    ink, length = _ink()
    points = ink[text]
    points = points + torch.stack([0.8 * torch.arange(count), torch.zeros(count)], dim=-1)[:, None]
    points = points.reshape(n, -1, 2) * height[:, None, None]
    c, s = tilt.cos()[:, None], tilt.sin()[:, None]
    x = c * points[..., 0] - s * points[..., 1] + place[:, :1] - size / 2
    z = s * points[..., 0] + c * points[..., 1] + place[:, 1:] - size / 2
    mass = (length[text] * (height * pen)[:, None])[..., None] / ink.shape[1]
    mass = mass.expand(n, count, ink.shape[1]).reshape(n, -1)
    page = Pose(torch.eye(3).expand(n, 3, 3), torch.zeros(n, 3), torch.full((n,), float(size)))
    cloud = Cloud(torch.stack([x, torch.zeros_like(x), z], dim=-1), mass)
    return project(cloud, page, size).clamp_(0, 1)
