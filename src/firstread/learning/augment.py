"""Random distortions of whole batches, as tensors, on one channel where images are gray."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from firstread.errors import unknown


@dataclass(frozen=True)
class Augmentation:
    """How far training images are distorted at random; one warp does all of it.

    Parameters
    ----------
    rotation
        Degrees to either side.
    shift
        Share of the side, to either side, along each axis.
    zoom
        Factor from 1 - zoom to 1 + zoom, drawn for each axis.
    shear
        Degrees, to either side.
    flip
        Whether half the images are mirrored left to right.
    brightness
        Added to pixels in [0, 1], to either side.
    contrast
        Factor about the image's mean, from 1 - contrast to 1 + contrast.

    Notes
    -----
    The warp is that of Keras' ImageDataGenerator: rotation, shift, shear and zoom multiplied in
    this order about the centre; its shear, like the tutorial's 0.2, is in degrees; pixels outside
    are filled with the nearest inside.
    """

    rotation: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0

    def __call__(
        self, images: Tensor, generator: torch.Generator, first: int = 0, of: int = 0
    ) -> Tensor:
        """Distort each image of a batch in its own way.

        Parameters
        ----------
        images
            float32 in [0, 1], shape (B, C, H, W).
        generator
            Where the randomness comes from; the same state gives the same pixels.
        first, of
            Where these are part of a larger batch: the place of the first one in it, and its
            size. They are distorted as they would be among the others.
        """
        if self == PLAIN:
            return images
        draws = _Draws(generator, of or len(images), slice(first, first + len(images)))
        warped = self._warped(images, draws)
        gain = 1 + draws.spread(self.contrast, images)
        offset = draws.spread(self.brightness, images)
        if not (self.contrast or self.brightness):
            return warped
        gain, offset = gain.view(-1, 1, 1, 1), offset.view(-1, 1, 1, 1)
        mean = warped.mean((1, 2, 3), keepdim=True)
        return ((warped - mean) * gain + mean + offset).clamp_(0, 1)

    def _warped(self, images: Tensor, draws: _Draws) -> Tensor:
        height, width = images.shape[2:]
        matrix = _warp(
            torch.deg2rad(draws.spread(self.rotation, images)),
            torch.deg2rad(draws.spread(self.shear, images)),
            (draws.spread(self.shift * width, images), draws.spread(self.shift * height, images)),
            (1 + draws.spread(self.zoom, images), 1 + draws.spread(self.zoom, images)),
        )
        if self.flip:
            coin = draws.uniform().to(images.device)
            matrix[:, :, 0] *= torch.where(coin < 0.5, -1.0, 1.0)[:, None]
        return torch.nn.functional.grid_sample(
            images, _grid(matrix, height, width), padding_mode="border", align_corners=False
        )


PLAIN = Augmentation()
"""Leaves images as they are."""

AUGMENTATIONS = {
    "none": PLAIN,
    # What differs between two films of one patient. No flip: left and right are anatomy.
    "mild": Augmentation(rotation=7, shift=0.05, zoom=0.1, brightness=0.1, contrast=0.2),
    "tutorial": Augmentation(rotation=20, shift=0.2, zoom=0.2, shear=0.2, flip=True),
}


def augmentation(name: str) -> Augmentation:
    """Look up a kind of augmentation.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if name not in AUGMENTATIONS:
        raise unknown("kind of augmentation", name, AUGMENTATIONS)
    return AUGMENTATIONS[name]


@dataclass(frozen=True)
class _Draws:
    """Random numbers for the images of a batch, of which some are kept."""

    generator: torch.Generator
    count: int
    kept: slice

    def uniform(self) -> Tensor:
        """Draw one number an image, from 0 to 1."""
        return torch.rand(self.count, generator=self.generator)[self.kept]

    def spread(self, reach: float, images: Tensor) -> Tensor:
        """Draw one number an image, from -reach to reach."""
        return ((self.uniform() * 2 - 1) * reach).to(images.device)


def _warp(
    angle: Tensor, shear: Tensor, shift: tuple[Tensor, Tensor], zoom: tuple[Tensor, Tensor]
) -> Tensor:
    """Return output-to-input matrices about the centre, in pixels (x, y, 1), shape (B, 3, 3)."""
    one, zero = torch.ones_like(angle), torch.zeros_like(angle)

    def matrices(*rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        return torch.stack([torch.stack(row, -1) for row in (*rows, (zero, zero, one))], -2)

    cos, sin = angle.cos(), angle.sin()
    rotate = matrices((cos, sin, zero), (-sin, cos, zero))
    move = matrices((one, zero, shift[0]), (zero, one, shift[1]))
    slant = matrices((shear.cos(), zero, zero), (-shear.sin(), one, zero))
    scale = matrices((zoom[0], zero, zero), (zero, zoom[1], zero))
    return rotate @ move @ slant @ scale


def _grid(matrix: Tensor, height: int, width: int) -> Tensor:
    """Return where each output pixel is read, in grid_sample's coordinates, (B, H, W, 2)."""
    half = torch.tensor([width / 2, height / 2], device=matrix.device)
    theta = matrix[:, :2].clone()
    theta[:, :, :2] *= half  # From [-1, 1] to pixels ...
    theta /= half[:, None]  # ... and back.
    return torch.nn.functional.affine_grid(theta, [len(matrix), 1, height, width], False)
