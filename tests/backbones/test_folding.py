from __future__ import annotations

import pytest
import torch
from torch import nn

from firstread.backbones import Backbone, build, folded


def upset(backbone: Backbone) -> Backbone:
    """Give batch norms numbers as after a training: fresh ones change nothing."""
    generator = torch.Generator().manual_seed(1)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return backbone.eval()


def norms(backbone: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in backbone.modules())


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "googlenet", "timm/resnet10t"])
def test_folded_features_are_those_of_the_network(name: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbone = upset(build(name, image_size=64)[0])
    before = norms(backbone)
    fast = folded(backbone)
    # What is left in GoogLeNet are its two auxiliary classifiers, which inference doesn't run.
    assert norms(fast) == (2 if name == "googlenet" else 0)
    assert norms(backbone) == before > 0
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        own, other = backbone(images), fast(images)
    torch.testing.assert_close(other, own, rtol=1e-4, atol=1e-5 * float(own.abs().max()))


class Used(nn.Module):
    """A network in which a batch norm's input is used a second time, beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        raw = self.convolution(images)
        return self.norm(raw) + raw


def test_a_network_that_folding_would_change_is_left_alone() -> None:
    backbone = build("resnet18", image_size=64)[0]
    backbone.network.layer1 = nn.Sequential(Used(), nn.Conv2d(4, 64, 1))
    backbone.network.layer1[0].convolution = nn.Conv2d(64, 4, 3)
    upset(backbone)
    fast = folded(backbone)
    assert norms(fast) == norms(backbone)
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(fast(images), backbone(images))


def test_a_network_in_training_mode_is_folded_for_inference_and_stays_in_training() -> None:
    backbone = build("resnet18", image_size=64)[0].train()
    fast = folded(backbone)
    assert backbone.training
    assert not fast.training
    assert int(backbone.network.bn1.num_batches_tracked) == 0
