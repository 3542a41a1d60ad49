from __future__ import annotations

import numpy as np
import pytest
import torch

from firstread.images import Image
from firstread.outlets.export.resizing import resized

pytestmark = pytest.mark.usefixtures("eager")

SHAPES = [(500, 420), (40, 36), (16, 16), (224, 300), (300, 225), (900, 50), (50, 900), (61, 60)]


def in_graph(pixels: np.ndarray, size: int, interpolation: str) -> np.ndarray:
    planes = np.atleast_3d(pixels).transpose(2, 0, 1)[None].astype(np.float32)
    deep = pixels.dtype == np.uint16
    made = resized(torch.from_numpy(planes), size, interpolation, deep=deep)[0]
    return made.numpy().transpose(1, 2, 0)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [60, 224, 225])
def test_eight_bits_are_pillows_to_the_byte(size: int, interpolation: str) -> None:
    rng = np.random.default_rng(size)
    for height, width in SHAPES:
        for channels in ((), (3,)):
            pixels = rng.integers(0, 256, (height, width, *channels)).astype(np.uint8)
            expected = np.atleast_3d(Image(pixels).resized(size, interpolation).pixels)
            np.testing.assert_array_equal(in_graph(pixels, size, interpolation), expected)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_sixteen_bits_are_within_one_level(interpolation: str) -> None:
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        pixels = rng.integers(0, 65536, shape).astype(np.uint16)
        expected = np.atleast_3d(Image(pixels).resized(100, interpolation).pixels)
        difference = np.abs(in_graph(pixels, 100, interpolation) - expected)
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.01
