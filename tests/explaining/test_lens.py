from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from firstread.backbones import NAMES, Network
from firstread.errors import UsageError
from firstread.explaining import Lens
from firstread.explaining.lens import frozen
from firstread.explaining.methods import gradcam, gradcam_plus_plus

Make = Callable[..., Network]


def test_the_twin_shares_weights_and_leaves_the_network_alone(
    make_network: Make, pixels: Tensor
) -> None:
    network = make_network()
    twin = frozen(network)
    pairs = list(zip(network.parameters(), twin.parameters(), strict=True))
    assert all(one.data_ptr() == other.data_ptr() for one, other in pairs)
    gradcam(Lens.of(network), pixels, torch.tensor([0, 1]))
    assert all(one.requires_grad and one.grad is None for one, _ in pairs)
    assert not any(other.requires_grad for _, other in pairs)
    assert not any(module._forward_hooks for module in network.modules())


def test_maps_are_those_of_the_layer(make_network: Make, pixels: Tensor) -> None:
    network = make_network()
    maps, logits = Lens.of(network, "layer3").trace(pixels)
    with torch.no_grad():
        walked = dict(network.backbone.walk(pixels))
        torch.testing.assert_close(maps, walked["layer3"])
        torch.testing.assert_close(logits, network(pixels))
    reached = Lens.of(network, "layer3").reach(pixels.clone().requires_grad_())
    torch.testing.assert_close(reached, maps)
    assert reached.requires_grad


def test_maps_are_taken_before_pooling_and_dense_layers(make_network: Make) -> None:
    assert Lens.of(make_network("alexnet")).path == "features.11"
    assert Lens.of(make_network(stage="stem")).path == "relu"
    assert Lens.of(make_network()).path == "layer4"


def test_an_unknown_layer_lists_those_there_are(make_network: Make) -> None:
    with pytest.raises(UsageError, match=r"'layer5' is not a layer of resnet18.*Close.*layer4"):
        Lens.of(make_network(), "layer5")


@pytest.mark.parametrize(
    "name", ["timm/resnet10t", "timm/convnext_atto", "timm/mobilenetv3_small_050"]
)
def test_timms_convolutional_networks(make_network: Make, pixels: Tensor, name: str) -> None:
    maps = gradcam(Lens.of(make_network(name)), pixels, torch.tensor([0, 1]))
    assert maps.shape == (2, 3, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("timm/vit_tiny_patch16_224", 14),
        ("timm/deit_tiny_distilled_patch16_224", 14),
        ("timm/swin_tiny_patch4_window7_224", 7),
        ("timm/mixer_s32_224", 7),
    ],
)
def test_timms_transformers(make_network: Make, name: str, side: int) -> None:
    images = torch.rand(2, 1, 224, 224, generator=torch.Generator().manual_seed(1))
    lens = Lens.of(make_network(name, size=224))
    maps = torch.stack([gradcam(lens, images, torch.full((2,), k)) for k in range(3)])
    assert maps.shape == (3, 2, side, side)
    assert float(maps.std()) > 0  # Behind the last block no gradient reaches these places.


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_backbone_can_be_looked_into(make_network: Make, name: str) -> None:
    size = 128
    images = torch.rand(2, 1, size, size, generator=torch.Generator().manual_seed(1))
    network = make_network(name, size=size)
    lens = Lens.of(network)
    with torch.no_grad():
        expected = network(images)
    torch.testing.assert_close(lens.trace(images)[1].detach(), expected, rtol=1e-3, atol=1e-4)
    for compute in (gradcam, gradcam_plus_plus):
        maps = torch.stack([compute(lens, images, torch.full((2,), k)) for k in range(3)])
        assert maps.shape[1] == 2
        assert min(maps.shape[2:]) >= 2
        assert torch.isfinite(maps).all()
        assert float(maps.max()) > 0
