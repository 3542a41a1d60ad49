from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from firstread.backbones import Network
from firstread.explaining.geometry import Spots, spots
from firstread.explaining.lens import Lens

Make = Callable[..., Network]


@pytest.mark.parametrize(
    ("name", "size", "count", "expected"),
    [
        # Five paddings of one at stride 2: every place is centred on a multiple of 32.
        ("resnet18", 224, 7, Spots(0.0, 32.0)),
        ("mobilenet_v2", 160, 5, Spots(0.0, 32.0)),
        # 11 x 11 at stride 4 padded by 2, two poolings of 3 at 2: 3 + 4 + 8 from the first pixel.
        ("alexnet", 224, 13, Spots(15.0, 16.0)),
        # 2 x 2 poolings lie between pixels: 0.5 + 1 + 2 + 4.
        ("vgg16", 64, 4, Spots(7.5, 16.0)),
        ("timm/vit_tiny_patch16_224", 224, 14, Spots(7.5, 16.0)),
        # Swin merges patches without a convolution: equal tiles.
        ("timm/swin_tiny_patch4_window7_224", 224, 7, Spots(15.5, 32.0)),
    ],
)
def test_centres_follow_from_the_layers(
    make_network: Make, name: str, size: int, count: int, expected: Spots
) -> None:
    assert spots(make_network(name, size=size), size, count) == expected


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "inception_v3"])
def test_a_place_depends_on_the_pixels_around_its_centre(make_network: Make, name: str) -> None:
    """In the first layers, where what a place sees is small, against the gradient itself."""
    network = make_network(name, size=128)
    lens = Lens.of(network, "maxpool" if name == "resnet18" else "maxpool1")
    pixels = torch.rand(1, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    pixels.requires_grad_()
    maps = lens.layout(lens.reach(pixels))
    found = spots(network, 128, maps.shape[-1])
    weights = torch.zeros(128)
    for place in range(8, 12):
        (gradient,) = torch.autograd.grad(maps[0, :, place, place].sum(), pixels, retain_graph=True)
        seen = torch.nonzero(gradient[0, 0].abs().sum(1)).flatten()
        weights[place] = (seen.min() + seen.max()) / 2 - found.first - found.step * place
    assert float(weights[8:12].mean().abs()) < 1.5


def test_spreading_puts_values_at_their_centres() -> None:
    maps = torch.zeros(1, 4, 4)
    maps[0, 1, 2] = 1.0
    whole = Spots(0.0, 8.0).spread(maps, 32)
    assert whole.shape == (1, 32, 32)
    assert divmod(int(whole.argmax()), 32) == (8, 16)
    assert float(whole[0, 8, 16]) == 1.0
    assert float(whole[0, 8, 20]) == pytest.approx(0.5)
    assert float(whole[0, 4, 12]) == pytest.approx(0.25)
    torch.testing.assert_close(
        Spots(3.5, 8.0).spread(torch.ones(2, 4, 4), 32), torch.ones(2, 32, 32)
    )
