from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from firstread.backbones import Network
from firstread.errors import DataError, UsageError
from firstread.explaining.filters import filters_figure, looking
from firstread.images import read
from firstread.progress import returned


@pytest.fixture
def files(write_image: Callable[..., Path]) -> list[Path]:
    return [write_image(f"{n}.png", 60 + 15 * n, n, side=96) for n in range(8)]


def test_the_strongest_responses_are_found(
    make_network: Callable[..., Network], files: list[Path]
) -> None:
    network = make_network()
    found = returned(looking(network, "layer1", files, count=3, crops=2))
    assert len(found) == 3
    images = np.stack([read(file).resized(96).as_float() for file in files])[:, None]
    with torch.no_grad():
        walked = dict(network.backbone.walk(torch.from_numpy(images)))["layer1"]
    strongest = walked.amax((2, 3)).numpy()
    for one in found:
        order = np.argsort(-strongest[:, one.number])[:2]
        assert [crop.path for crop in one.crops] == [files[n] for n in order]
        assert one.crops[0].response == pytest.approx(strongest[order[0], one.number], rel=1e-3)


def test_crops_are_what_the_response_depends_on(
    make_network: Callable[..., Network], files: list[Path]
) -> None:
    first, last = (
        returned(looking(make_network(), layer, files, count=1, crops=1))[0].crops[0]
        for layer in ("relu", "layer4")
    )
    # A 7 x 7 filter sees 7 pixels a side; crops are at least 16, and small parts of 96.
    assert first.pixels.shape == first.gradient.shape == (16, 16)
    seen = np.argwhere(np.abs(first.gradient) > 0)
    assert np.ptp(seen, axis=0).max() <= 6
    assert min(last.pixels.shape) > 40
    assert 0 <= last.pixels.min() < last.pixels.max() <= 1


def test_the_figure_has_two_rows_a_filter(
    make_network: Callable[..., Network], files: list[Path]
) -> None:
    found = returned(looking(make_network(), "layer1", files, count=2, crops=3))
    figure = filters_figure(found, "layer1", len(files))
    blocks = [block.axes for block in figure.subfigs]
    assert [sum(len(axes.images) for axes in block) for block in blocks] == [6, 6]


def test_bad_layers_and_files_are_named(
    make_network: Callable[..., Network], files: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="'layer9' is not a layer of resnet18"):
        returned(looking(make_network(), "layer9", files))
    with pytest.raises(DataError, match="none of 1 images can be read"):
        returned(looking(make_network(), "layer1", [tmp_path / "gone.png"]))
    with pytest.raises(UsageError, match="no feature map"):
        returned(looking(make_network("alexnet"), "dense", files))
