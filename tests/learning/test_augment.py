from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import torch

from firstread.errors import UsageError
from firstread.learning import AUGMENTATIONS, Augmentation, augmentation
from firstread.learning.augment import _grid, _warp


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth(side: int = 64) -> torch.Tensor:
    noise = np.random.default_rng(0).random((side, side))
    image = scipy.ndimage.gaussian_filter(noise, 3)
    return torch.tensor((image - image.min()) / np.ptp(image), dtype=torch.float32)[None, None]


def keras_warp(
    image: np.ndarray, theta: float, tx: float, ty: float, shear: float, zx: float, zy: float
) -> np.ndarray:
    """The warp of Keras' ImageDataGenerator, in (row, column) coordinates, from its description."""
    rotation = np.array(
        [[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]]
    )
    shift = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    slant = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    zoom = np.diag([zx, zy, 1])
    height, width = image.shape
    there, back = np.eye(3), np.eye(3)
    there[:2, 2] = (height - 1) / 2, (width - 1) / 2
    back[:2, 2] = -there[:2, 2]
    matrix = there @ rotation @ shift @ slant @ zoom @ back
    return scipy.ndimage.affine_transform(
        image, matrix[:2, :2], matrix[:2, 2], order=1, mode="nearest"
    )


@pytest.mark.parametrize(
    ("theta", "tx", "ty", "shear", "zx", "zy"),
    [
        (0.3, 0, 0, 0, 1, 1),
        (0, 6, -9, 0, 1, 1),
        (0, 0, 0, 0.2, 1, 1),
        (0, 0, 0, 0, 0.8, 1.15),
        (-0.25, 5, 3, 0.1, 1.1, 0.9),
    ],
)
def test_the_warp_is_keras(
    theta: float, tx: float, ty: float, shear: float, zx: float, zy: float
) -> None:
    image = smooth()

    def one(value: float) -> torch.Tensor:
        return torch.tensor([value], dtype=torch.float32)

    # Keras counts rows first; firstread, like torch, columns.
    matrix = _warp(one(theta), one(shear), (one(ty), one(tx)), (one(zy), one(zx)))
    ours = torch.nn.functional.grid_sample(
        image, _grid(matrix, 64, 64), padding_mode="border", align_corners=False
    )
    theirs = keras_warp(image[0, 0].numpy(), theta, tx, ty, shear, zx, zy)
    np.testing.assert_allclose(ours[0, 0].numpy(), theirs, atol=2e-3)


@pytest.mark.parametrize("name", ["mild", "tutorial"])
def test_same_generator_same_pixels(name: str) -> None:
    images = smooth().repeat(4, 1, 1, 1)
    one = augmentation(name)(images, seeded(3))
    torch.testing.assert_close(one, augmentation(name)(images, seeded(3)), rtol=0, atol=0)
    assert not torch.equal(one, augmentation(name)(images, seeded(4)))
    assert not torch.equal(one[0], one[1])
    assert one.min() >= 0
    assert one.max() <= 1


def test_none_changes_nothing() -> None:
    images = smooth()
    assert augmentation("none")(images, seeded()) is images


def test_flip_mirrors_about_half_of_the_images_and_changes_nothing_else() -> None:
    images = smooth().repeat(200, 1, 1, 1)
    out = Augmentation(flip=True)(images, seeded())
    mirrored = [torch.allclose(o, images[0].flip(-1), atol=1e-4) for o in out]
    same = [torch.allclose(o, images[0], atol=1e-4) for o in out]
    assert all(m != s for m, s in zip(mirrored, same, strict=True))
    assert 70 < sum(mirrored) < 130


def test_the_tutorials_reaches_are_those_of_the_tutorial() -> None:
    assert AUGMENTATIONS["tutorial"] == Augmentation(
        rotation=20, shift=0.2, zoom=0.2, shear=0.2, flip=True
    )


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="'heavy' is not a kind of augmentation"):
        augmentation("heavy")
