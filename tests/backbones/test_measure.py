from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import pytest
import torch
import torchvision.models as tv
from torch import Tensor, nn

from firstread.backbones import ZOO, Architecture, entry, measure
from firstread.backbones.measure import weigh

TORCHVISION = {
    "alexnet": tv.AlexNet_Weights,
    "vgg16": tv.VGG16_Weights,
    "vgg19": tv.VGG19_Weights,
    "googlenet": tv.GoogLeNet_Weights,
    "inception_v3": tv.Inception_V3_Weights,
    "resnet18": tv.ResNet18_Weights,
    "resnet34": tv.ResNet34_Weights,
    "resnet50": tv.ResNet50_Weights,
    "resnet101": tv.ResNet101_Weights,
    "resnet152": tv.ResNet152_Weights,
    "mobilenet_v2": tv.MobileNet_V2_Weights,
}
# Two convolutions with normalisation (768 to 128 channels, 128 to 768 with a 5x5 kernel) and a
# dense layer for 1,000 classes: what torchvision counts and an image never meets.
INCEPTION_V3_AUXILIARY = (768 * 128 + 2 * 128) + (128 * 768 * 25 + 2 * 768) + (768 + 1) * 1000


@cache
def measured(name: str) -> Architecture:
    return measure(entry(name))


@pytest.mark.parametrize("name", TORCHVISION)
def test_the_parameters_are_those_that_torchvision_publishes(name: str) -> None:
    published = TORCHVISION[name].IMAGENET1K_V1.meta["num_params"]
    auxiliary = INCEPTION_V3_AUXILIARY if name == "inception_v3" else 0
    assert measured(name).parameters == published - auxiliary


@pytest.mark.parametrize("name", TORCHVISION)
def test_the_multiply_adds_are_those_that_torchvision_publishes(name: str) -> None:
    published = TORCHVISION[name].IMAGENET1K_V1.meta["_ops"]
    assert measured(name).macs / 1e9 == pytest.approx(published, abs=0.0006)


def test_xception_has_the_parameters_of_its_paper() -> None:
    assert measured("xception").parameters == 22_855_952  # Table 3 of arXiv:1610.02357.


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("alexnet", 8),
        ("zfnet", 8),
        ("vgg16", 16),
        ("vgg19", 19),
        ("googlenet", 22),
        ("resnet18", 18),
        ("resnet50", 50),
        ("resnet152", 152),
    ],
)
def test_a_network_has_the_layers_that_it_is_known_for(name: str, layers: int) -> None:
    assert measured(name).layers == layers


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("alexnet", 195),
        ("vgg16", 212),
        ("inception_v3", 1311),
        ("timm/inception_v4", 2071),
        ("timm/inception_resnet_v2", 3039),
        ("timm/mobilenetv1_100", 315),
    ],
)
def test_receptive_fields_are_the_published_ones(name: str, field: int) -> None:
    # Araujo, Norris and Sim, Distill 2019, and the table of their receptive_field library.
    assert measured(name).receptive_field == field


def test_the_receptive_field_of_resnet50_follows_from_its_layers() -> None:
    # Each layer adds (kernel - 1) times the stride so far: the stem's 7x7 and 3x3 pooling, then
    # in every block one 3x3, which strides itself in the first block of layers 2 to 4.
    stem = 1 + 6 * 1 + 2 * 2
    ends = [stem, stem + 3 * 2 * 4]
    for blocks, stride in ((4, 4), (6, 8), (3, 16)):
        ends.append(ends[-1] + 2 * stride + (blocks - 1) * 2 * 2 * stride)
    assert [stage.receptive_field for stage in measured("resnet50").stages] == ends


def test_the_receptive_field_of_alexnet_grows_as_published() -> None:
    # Behind pool1, pool2, conv3, conv4 and pool5; pool2 adds two strides of 8 to conv2's 51.
    published = [19, 51 + 2 * 8, 99, 131, 195, math.inf]
    assert [stage.receptive_field for stage in measured("alexnet").stages] == published


@pytest.mark.parametrize("name", [*ZOO, "timm/vit_tiny_patch16_224", "timm/efficientnet_b0"])
def test_the_stages_and_the_top_add_up_to_the_network(name: str) -> None:
    network = measured(name)
    parts = [*network.stages, network.top]
    assert sum(stage.parameters for stage in parts) == network.parameters
    assert sum(stage.macs for stage in parts) == network.macs
    assert network.top.shape == (1000,)


def test_the_top_of_resnet50_is_its_dense_layer() -> None:
    top = measured("resnet50").top
    assert (top.parameters, top.macs) == (2048 * 1000 + 1000, 2048 * 1000)


def test_shapes_follow_the_size_of_the_input() -> None:
    assert [stage.shape for stage in measured("vgg16").stages] == [
        (64, 112, 112),
        (128, 56, 56),
        (256, 28, 28),
        (512, 14, 14),
        (512, 7, 7),
        (4096,),
    ]
    assert measure(ZOO["vgg16"], 448).stages[4].shape == (512, 14, 14)


def test_four_times_the_pixels_take_four_times_the_work() -> None:
    small, large = measure(ZOO["resnet18"], 224), measure(ZOO["resnet18"], 448)
    maps = [sum(stage.macs for stage in network.stages) for network in (small, large)]
    assert maps[1] == 4 * maps[0]
    assert large.parameters == small.parameters


def test_a_transformer_has_tokens_and_sees_the_whole_image() -> None:
    network = measured("timm/vit_tiny_patch16_224")
    stem, first = network.stages[:2]
    assert stem.shape == first.shape == (14 * 14 + 1, 192)
    assert stem.receptive_field == 16
    assert first.receptive_field == network.receptive_field == math.inf


def test_channels_come_first_whatever_the_network_does() -> None:
    shapes = [stage.shape for stage in measured("timm/swin_tiny_patch4_window7_224").stages]
    assert shapes[-1] == (768, 7, 7)


def test_a_dense_layer_on_every_place_alone_is_a_1x1_convolution() -> None:
    # ConvNeXt: a 4x4 stem, then 3 blocks, each a 7x7 convolution and two such dense layers.
    stem, first = measured("timm/convnext_tiny").stages[:2]
    assert (stem.receptive_field, first.receptive_field) == (4, 4 + 3 * 6 * 4)


@pytest.mark.parametrize(
    "name", ["timm/hrnet_w18_small", "timm/selecsls42", "timm/coat_lite_tiny", "timm/vgg11"]
)
def test_networks_with_unusual_stages_are_measured(name: str) -> None:
    network = measured(name)
    assert network.parameters > 1_000_000
    assert all(stage.parameters >= 0 for stage in (*network.stages, network.top))


def test_an_upsampled_map_has_its_neighbours_closer_together() -> None:
    def build() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=4),  # sees 3, one value every 4 px
            nn.Upsample(scale_factor=2),  # one every 2 px
            nn.Conv2d(4, 4, 3),  # 3 + 2 x 2
        )

    assert weigh(build, (3, 64, 64)).receptive_field == 7


class Branches(nn.Module):
    """A 5x5 beside a dilated 3x3 and a shortcut, after a stride-2 stem; then a pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 2, 3, stride=2, padding=1)
        self.wide = nn.Conv2d(2, 2, 5, padding=2)
        self.dilated = nn.Conv2d(2, 2, 3, padding=4, dilation=4)
        self.pool = nn.AvgPool2d(2)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        return self.pool(self.wide(features) + self.dilated(features) + features)


def test_a_small_network_worked_by_hand() -> None:
    stack = weigh(Branches, (1, 64, 64))
    # The stem sees 3 px, one value every 2. The 5x5 adds 4 x 2, the dilated 3x3 reaches
    # 2 x 4 places and adds 8 x 2, which wins; pooling 2 values adds 1 x 2.
    assert stack.receptive_field == 3 + 16 + 2
    assert stack.shape == (2, 16, 16)
    weights = [2 * 1 * 9, 2 * 2 * 25, 2 * 2 * 9]
    assert stack.parameters == sum(weights) + 3 * 2
    assert stack.macs == sum(weights) * 32 * 32
    assert stack.layers == 2


def _plain() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 5, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(2, 2, 3, dilation=2),
        nn.Conv2d(2, 2, (3, 1)),
        nn.Conv2d(2, 2, (1, 3)),
    )


@pytest.mark.parametrize("build", [_plain, Branches])
def test_the_receptive_field_is_what_a_gradient_reaches(build: Callable[[], nn.Module]) -> None:
    network = build().eval()
    for parameter in network.parameters():
        nn.init.ones_(parameter)
    # On equal pixels maximum pooling has one winner alone; falling ones move it to a corner,
    # so that the pooling is averaged here to let every pixel speak.
    network = _averaging(network)
    images = torch.ones(1, 1, 96, 96, requires_grad=True)
    out = network(images)
    middle = out.shape[-1] // 2
    out[0, :, middle, middle].sum().backward()
    assert images.grad is not None
    reached = images.grad[0, 0].nonzero()
    extents = reached.max(0).values - reached.min(0).values + 1
    assert extents.tolist() == [weigh(build, (1, 96, 96)).receptive_field] * 2


def _averaging(network: nn.Module) -> nn.Module:
    if isinstance(network, nn.Sequential):
        return nn.Sequential(
            *(nn.AvgPool2d(3, stride=2) if isinstance(m, nn.MaxPool2d) else m for m in network)
        )
    return network


def test_pooling_over_the_whole_map_sees_the_whole_image() -> None:
    pooled = weigh(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1)), (3, 9, 9))
    dense = weigh(lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 81, 2)), (3, 9, 9))
    assert pooled.receptive_field == dense.receptive_field == math.inf
    assert dense.shape == (2,)
