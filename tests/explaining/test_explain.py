from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from firstread.backbones import Network, assemble, build
from firstread.errors import ImageError, UsageError
from firstread.explaining import Explainer
from firstread.images import Display, Image, read
from firstread.progress import returned

CLASSES = ("a", "b", "c")


@pytest.fixture
def explainer(make_network: Callable[..., Network]) -> Explainer:
    return Explainer.of(make_network(), CLASSES, False, "evidence")


def test_maps_have_the_images_own_size(
    explainer: Explainer, write_image: Callable[..., Path]
) -> None:
    files = [write_image(f"{side}.png", seed=side, side=side) for side in (40, 300)]
    made = returned(explainer.explaining(files))
    assert [one.map.shape for one in made] == [(40, 43), (300, 303)]
    assert all(one.map.dtype == np.float32 and one.grid.shape == (3, 3) for one in made)
    for file, one in zip(files, made, strict=True):
        pixels = torch.from_numpy(read(file).resized(96).as_float())[None, None]
        with torch.no_grad():
            logits = explainer.lens.network(pixels)[0]
        place = int(logits.argmax())
        assert one.target == CLASSES[place]
        assert one.logit == pytest.approx(float(logits[place]), abs=1e-4)
        assert one.probability == pytest.approx(float(logits.softmax(0)[place]), abs=1e-4)
        assert one.share == pytest.approx(1, abs=1e-3)
        assert one.grid.mean() == pytest.approx(one.logit, abs=1e-4)
        assert one.checks is None


def test_many_are_explained_as_each_by_itself(
    explainer: Explainer, write_image: Callable[..., Path]
) -> None:
    files = [write_image(f"{n}.png", seed=n) for n in range(18)]
    together = returned(explainer.explaining(files, "b"))
    for file, one in list(zip(files, together, strict=True))[::6]:
        (alone,) = returned(explainer.explaining([read(file)], "b"))
        np.testing.assert_allclose(one.map, alone.map, rtol=1e-3, atol=1e-4)
        assert one.target == alone.target == "b"


def test_resampled_images_are_explained_at_their_own_size(
    imagenet_free: Network, write_dicom: Callable[..., Path]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (100, 60)).astype(np.uint8)
    file = write_dicom(noise, PixelSpacing=[0.5, 0.5])
    explainer = Explainer.of(imagenet_free, CLASSES, False)
    (one,) = returned(explainer.explaining([file]))
    assert one.map.shape == (100, 60)


@pytest.fixture
def imagenet_free() -> Network:
    backbone, _ = build("resnet18", "none", image_size=64, display=Display(spacing=1.0))
    return assemble(backbone, "linear", 3).eval()


def test_what_can_not_be_explained_says_why(
    explainer: Explainer, make_network: Callable[..., Network], tmp_path: Path
) -> None:
    image = Image(np.full((40, 40), 90, np.uint8))
    with pytest.raises(UsageError, match=r"'d' is not a class of this model.*All: a, b, c"):
        returned(explainer.explaining([image], "d"))
    with pytest.raises(ImageError, match=r"none\.png: does not exist"):
        returned(explainer.explaining([tmp_path / "none.png"]))
    small = Explainer.of(make_network(size=32), CLASSES, False)
    with pytest.raises(UsageError, match=r"a single place of images of 32 px.*--image-size"):
        returned(small.explaining([image]))
    occluded = Explainer.of(make_network(size=32), CLASSES, False, "occlusion")
    assert returned(occluded.explaining([image]))[0].map.shape == (40, 40)


def test_several_labels_are_explained_one_by_one(make_network: Callable[..., Network]) -> None:
    explainer = Explainer.of(make_network(), CLASSES, True, "gradcam")
    image = Image(np.random.default_rng(0).integers(0, 255, (50, 50)).astype(np.uint8))
    (one,) = returned(explainer.explaining([image], "c", checks=True))
    assert one.probability == pytest.approx(1 / (1 + np.exp(-one.logit)), abs=1e-5)
    assert one.share is None
    assert one.checks is not None
    assert one.checks.deletion[0] == pytest.approx(one.logit, abs=1e-4)
