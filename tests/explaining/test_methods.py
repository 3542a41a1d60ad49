from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from firstread.backbones import Network
from firstread.errors import InstallError, UsageError
from firstread.explaining import METHODS, Lens, method
from firstread.explaining.methods import evidence, gradcam, gradcam_plus_plus, integrated, occlusion

Make = Callable[..., Network]
PLACES = torch.tensor([2, 0])


class Corner(nn.Module):
    """Its second logit is ten times the mean brightness of the upper left quarter."""

    def forward(self, images: Tensor) -> Tensor:
        side = images.shape[-1] // 2
        bright = 10 * images[:, :, :side, :side].mean((1, 2, 3))
        return torch.stack([torch.zeros_like(bright), bright], dim=1)


def corner() -> Lens:
    return Lens(Corner(), "")  # type: ignore[arg-type]


@pytest.mark.parametrize("stage", ["", "layer2"])
def test_evidence_averages_to_the_logit(make_network: Make, pixels: Tensor, stage: str) -> None:
    network = make_network(stage=stage)
    maps = evidence(Lens.of(network), pixels, PLACES)
    with torch.no_grad():
        logits = network(pixels)
    assert maps.shape == ((2, 3, 3) if not stage else (2, 12, 12))
    torch.testing.assert_close(maps.mean((1, 2)), logits[[0, 1], PLACES], rtol=1e-5, atol=1e-5)


def test_evidence_is_exact_for_timm_too(make_network: Make, pixels: Tensor) -> None:
    network = make_network("timm/resnet10t")
    maps = evidence(Lens.of(network), pixels, PLACES)
    with torch.no_grad():
        expected = network(pixels)[[0, 1], PLACES]
    torch.testing.assert_close(maps.mean((1, 2)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"head": "tutorial"}, {"name": "alexnet"}, {"name": "timm/convnext_atto"}],
    ids=["dense head", "dense stage", "norm behind the pooling"],
)
def test_evidence_is_refused_where_it_would_not_be_exact(
    make_network: Make, pixels: Tensor, options: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match=r"exact evidence needs a linear head.*--method gradcam"):
        evidence(Lens.of(make_network(**options)), pixels, PLACES)


def test_gradcam_is_captums(make_network: Make, pixels: Tensor) -> None:
    network = make_network()
    maps = gradcam(Lens.of(network), pixels, PLACES)
    theirs = LayerGradCam(network, network.backbone.network.layer4)
    expected = theirs.attribute(pixels, target=PLACES, relu_attributions=True).detach()[:, 0]
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-7)


def test_cams_of_a_linear_head_follow_the_formula(make_network: Make, pixels: Tensor) -> None:
    network = make_network()
    with torch.no_grad():
        activations = network.backbone(pixels)
    weight = network.head[0].weight.detach()[PLACES]  # The gradient is this over the places.
    gradient = (weight / 9)[..., None, None]
    expected = (gradient * activations).sum(1).relu()
    torch.testing.assert_close(gradcam(Lens.of(network), pixels, PLACES), expected)
    total = activations.sum((2, 3), keepdim=True)
    alpha = gradient**2 / (2 * gradient**2 + total * gradient**3)
    weights = 9 * alpha * gradient.clamp(min=0)
    expected = (weights * activations).sum(1).relu()
    made = gradcam_plus_plus(Lens.of(network), pixels, PLACES)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-7)


def test_one_sigmoid_has_two_sides(make_network: Make, pixels: Tensor) -> None:
    lens = Lens.of(make_network(head="tutorial", classes=2))
    _, logits = lens.trace(pixels)
    assert logits.shape == (2, 1)
    one, other = (gradcam(lens, pixels, torch.full((2,), k)) for k in (0, 1))
    assert ((one > 0) & (other > 0)).sum() == 0
    assert float((one + other).max()) > 0


def test_occlusion_finds_what_the_answer_rests_on() -> None:
    images = torch.zeros(2, 1, 24, 24)
    images[:, :, 2:10, 2:10] = 1.0
    maps = occlusion(corner(), images, torch.tensor([1, 1]))
    assert maps.shape == (2, 24, 24)
    assert float(maps[0, 4:8, 4:8].min()) > float(maps[0, 14:, 14:].abs().max())
    mean = images.mean()
    # A window of 4 x 4 wholly inside the bright square takes 16 of 144 pixels from 1 to the mean.
    assert float(maps[0, 6, 6]) == pytest.approx(float(10 * 16 * (1 - mean) / 144), rel=1e-4)


def test_integrated_gradients_of_a_linear_answer_add_up() -> None:
    images = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    images[:, :, :12, :12] *= 0.2
    maps = integrated(corner(), images, torch.tensor([1, 1]))
    assert maps.shape == (2, 6, 6)
    gray = images.mean((2, 3), keepdim=True).expand_as(images)
    change = (Corner()(images) - Corner()(gray))[:, 1]
    torch.testing.assert_close(maps.sum((1, 2)), change, rtol=0.02, atol=0.02)
    assert float(maps[:, 3:, 3:].abs().max()) == 0.0


def test_integrated_gradients_can_be_repeated(make_network: Make) -> None:
    lens = Lens.of(make_network("timm/resnet10t", size=32))
    images = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    state = torch.get_rng_state()
    one, other = (integrated(lens, images, torch.tensor([0])) for _ in range(2))
    assert torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("compute", [integrated, occlusion])
def test_without_captum_the_way_out_is_named(
    compute: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(InstallError, match=r"pip install 'firstread\[explain\]'"):
        compute(corner(), torch.rand(1, 1, 24, 24), torch.tensor([1]))


def test_an_unknown_method_lists_the_close_ones() -> None:
    with pytest.raises(UsageError, match="Close to it: gradcam"):
        method("grad-cam")
    assert list(METHODS) == ["gradcam", "gradcam++", "evidence", "integrated", "occlusion"]
