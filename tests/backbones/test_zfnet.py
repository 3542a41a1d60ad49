from __future__ import annotations

import pytest
import torch

from firstread.backbones import ZOO, measure
from firstread.backbones.zfnet import ZFNet

# Figure 3 of arXiv:1311.2901: filters in, filters out, side of the filter.
CONVOLUTIONS = [(3, 96, 7), (96, 256, 5), (256, 384, 3), (384, 384, 3), (384, 256, 3)]
DENSE = [(256 * 6 * 6, 4096), (4096, 4096), (4096, 1000)]


def test_the_parameters_follow_from_the_papers_layers() -> None:
    convolutions = sum(out * (into * side**2 + 1) for into, out, side in CONVOLUTIONS)
    dense = sum(out * (into + 1) for into, out in DENSE)
    assert convolutions + dense == 62_357_608
    assert sum(p.numel() for p in ZFNet().parameters()) == 62_357_608
    assert measure(ZOO["zfnet"]).parameters == 62_357_608


def test_the_maps_have_the_sides_of_the_papers_figure() -> None:
    with torch.device("meta"):
        network = ZFNet()
        features = torch.empty(1, 3, 224, 224)
    sides = []
    for layer in network.features:
        features = layer(features)
        if isinstance(layer, torch.nn.Conv2d | torch.nn.MaxPool2d):
            sides.append(features.shape[-1])
    assert sides == [110, 55, 26, 13, 13, 13, 13, 6]


@pytest.mark.parametrize("size", [160, 224])
def test_it_takes_images_of_other_sizes(size: int) -> None:
    with torch.device("meta"):
        logits = ZFNet(num_classes=2)(torch.empty(3, 3, size, size))
    assert logits.shape == (3, 2)


def test_it_starts_with_signals_that_neither_die_nor_explode() -> None:
    torch.manual_seed(0)
    logits = ZFNet(num_classes=10).eval()(torch.randn(4, 3, 224, 224))
    assert 0.05 < logits.std().item() < 50
