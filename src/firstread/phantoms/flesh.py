"""Soft tissue of limbs: capsules that melt into each other, with fat under the skin.

Lengths are in mm. Seen along the beam a limb is a union of tapering capsules; its thickness comes
from a smooth function that is positive inside, so that a coarse grid gives a sharp outline.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from firstread.phantoms.solids import FAT, MUSCLE, Pose


@dataclass(frozen=True)
class Flesh:
    """The soft tissue of N limbs.

    Parameters
    ----------
    depth : Tensor
        (N, S, S) square of half the thickness, mm^2; negative outside, falling away from the skin.
    """

    depth: Tensor

    def chord(self, deeper: Tensor | float = 0.0) -> Tensor:
        """Return the thickness (N, S, S), mm, with (N,) mm^2 added to its half's square."""
        more = torch.as_tensor(deeper, dtype=torch.float32).reshape(-1, 1, 1)
        return 2 * (self.depth + more).clamp_(min=0).sqrt_()

    def line(self, rim: Tensor) -> Tensor:
        """Return the line integral, with a rim of fat: (N,) mm^2 of half the thickness' square."""
        return FAT * self.chord() + (MUSCLE - FAT) * self.chord(-rim)


def flesh(
    ends: Tensor, width: Tensor, depth: Tensor, pose: Pose, size: int, blend: float = 4.0
) -> Flesh:
    """Join tapering capsules.

    Parameters
    ----------
    ends : Tensor
        (N, K, 2, 3) both ends of the axes, mm.
    width, depth : Tensor
        (N, K, 2) half the width across the beam and half the thickness along it at both ends, mm.
    pose : Pose
        How the limbs lie before the detector.
    size : int
        Side of the picture, pixels.
    blend : float
        How far capsules melt into each other, mm.
    """
    few = (size + 1) // 2
    grid = pose.grid(few)
    place = (ends - pose.centre[:, None, None]) @ pose.turn[:, None].mT
    u, v = place[..., 0], place[..., 2]
    run, fall = u[..., 1] - u[..., 0], v[..., 1] - v[..., 0]
    square = (run * run + fall * fall).clamp(min=1e-3)
    total = torch.zeros(len(grid), few, few)

    def of(part: Tensor) -> Tensor:
        return part[:, None, None]

    for k in range(ends.shape[1]):
        du, dv = grid - u[:, k, :1], grid - v[:, k, :1]
        right, low = du * (run / square)[:, k, None], dv * (fall / square)[:, k, None]
        along = (low[:, :, None] + right[:, None]).clamp_(0, 1)
        off = (du[:, None] - of(run[:, k]) * along).square_()
        off += (dv[:, :, None] - of(fall[:, k]) * along).square_()
        wide = torch.addcmul(of(width[:, k, 0]), along, of(width[:, k, 1] - width[:, k, 0]))
        thick = torch.addcmul(of(depth[:, k, 0]), along, of(depth[:, k, 1] - depth[:, k, 0]))
        off /= wide.square_()
        total += (1 - off).mul_(thick.square_()).div_(blend**2).clamp_(-60, 80).exp_()
    smooth = total.clamp_(min=1e-26).log_().mul_(blend**2)
    wide_open = functional.interpolate(
        smooth[:, None], size=(size, size), mode="bilinear", align_corners=False
    )
    return Flesh(wide_open[:, 0])
