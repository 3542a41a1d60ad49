"""Two distorted views of one image, with its maps distorted alike."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_TURN = math.radians(12)
_ZOOM = (0.55, 1.1)
_PATCH = 16
_HIDDEN = 0.5


def distorted(images: Tensor, maps: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return one distorted view of each image.

    Geometry: turned by up to 12 degrees, a window of 0.55 to 1.1 times the side somewhere in it.
    Gray: gamma, contrast, brightness, softness and grain. Never mirrored, turned over or inverted:
    side, position and inversion are among what is to be learned.

    Parameters
    ----------
    images
        (B, 1, S, S) in [0, 1].
    maps
        (B, T, s, s), of the same places; nan where not known.
    generator
        On the CPU, whatever the images' device, so that a GPU sees the same windows and grays;
        the grain is drawn where the images are.

    Returns
    -------
    images, maps
        Of the shapes given.
    """
    n, device = len(images), images.device

    def draw(low: float, high: float) -> Tensor:
        return (low + (high - low) * torch.rand(n, generator=generator)).to(device)

    turn, zoom, aspect = draw(-_TURN, _TURN), draw(*_ZOOM), draw(0.87, 1.15)
    room = (1 - zoom).clamp(min=0.1)
    x, y = draw(-1, 1) * room, draw(-1, 1) * room
    c, s = torch.cos(turn) * zoom, torch.sin(turn) * zoom
    rows = (torch.stack([c * aspect, -s, x], 1), torch.stack([s, c / aspect, y], 1))
    place = torch.stack(rows, 1)
    images = _warped(images, place)
    unknown = maps.isnan().flatten(2).any(2)
    maps = _warped(maps.nan_to_num(), place).masked_fill(unknown[..., None, None], torch.nan)
    # Some are softened, as images are that come small and are enlarged.
    soft = functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
    small = functional.interpolate(
        functional.avg_pool2d(images, 2), size=images.shape[-2:], mode="bilinear"
    )
    kind = torch.rand(n, generator=generator).to(device).view(-1, 1, 1, 1)
    images = torch.where(kind < 0.2, soft, torch.where(kind < 0.4, small, images))
    gamma, contrast, shift = draw(-0.4, 0.4).exp(), draw(0.6, 1.4), draw(-0.15, 0.15)
    images = images.clamp(0, 1) ** gamma.view(-1, 1, 1, 1)
    images = (images - 0.5) * contrast.view(-1, 1, 1, 1) + 0.5 + shift.view(-1, 1, 1, 1)
    seed = int(torch.randint(2**62, (1,), generator=generator))
    here = torch.Generator(device).manual_seed(seed)
    grain = torch.randn(images.shape, generator=here, device=device)
    images = images + draw(-0.03, 0.06).clamp(min=0).view(-1, 1, 1, 1) * grain
    return images.clamp(0, 1), maps


def hidden(images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return images with half of their 16 x 16 patches blanked, and where (B, 1, S/16, S/16)."""
    side = images.shape[-1] // _PATCH
    blank = torch.rand(len(images), 1, side, side, generator=generator) < _HIDDEN
    blank = blank.to(images.device)
    whole = functional.interpolate(blank.float(), size=images.shape[-2:], mode="nearest")
    return images * (1 - whole) + 0.5 * whole, blank


def _warped(images: Tensor, place: Tensor) -> Tensor:
    """Return images seen through windows; what lies outside an image is 0."""
    grid = functional.affine_grid(place, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)
