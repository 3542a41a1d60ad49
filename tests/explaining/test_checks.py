from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from firstread.backbones import Network, assemble, build
from firstread.explaining import METHODS, Checks, Explainer, Lens
from firstread.explaining.checks import checking, parts_of, rank_correlation
from firstread.explaining.explanation import Explanation
from firstread.progress import Step, returned

Make = Callable[..., Network]
PLACES = torch.tensor([1, 1])


def test_rank_correlation_is_scipys() -> None:
    rng = np.random.default_rng(0)
    one, other = (torch.from_numpy(rng.integers(0, 5, (3, 6, 6)).astype(np.float32)) for _ in "ab")
    found = rank_correlation(one, other)
    expected = [
        spearmanr(a.flatten(), b.flatten()).statistic for a, b in zip(one, other, strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert rank_correlation(one, torch.zeros_like(one)).tolist() == [0, 0, 0]


def edges(lens: Lens, images: Tensor, places: Tensor) -> Tensor:
    """A map that doesn't ask the network anything."""
    return images.diff(dim=2)[..., 1:].abs().sum(1)


def test_a_map_that_never_asks_the_network_is_found_out(make_network: Make, pixels: Tensor) -> None:
    drawing = replace(METHODS["gradcam"], compute=edges)
    lens = Lens.of(make_network())
    (checks, _) = returned(checking(lens, drawing, pixels, PLACES, edges(lens, pixels, PLACES)))
    assert checks.agreement == pytest.approx(1)
    assert not checks.passed
    assert "hardly changes when the network's weights are made random" in checks.sentences()[0]
    assert checks.sentences()[0].endswith("don't trust it.")


def test_checks_leave_the_network_alone_and_can_be_repeated(make_network: Make) -> None:
    pixels = torch.rand(2, 1, 160, 160, generator=torch.Generator().manual_seed(1))
    network = make_network(size=160)
    before = [weight.clone() for weight in network.parameters()]
    lens, method = Lens.of(network), METHODS["evidence"]
    maps = method.compute(lens, pixels, PLACES)
    work = checking(lens, method, pixels, PLACES, maps)
    steps = []
    while True:
        try:
            steps.append(next(work))
        except StopIteration as end:
            found = end.value
            break
    assert all(isinstance(step, Step) for step in steps)
    assert steps[-1].done == steps[-1].of == len(steps)
    for checks in found:
        names = [name for name, _ in checks.randomised]
        assert names == ["head", "layer4", "layer3", "layer2", "layer1", "stem"]
        # Nothing and everything covered are the same in any order.
        np.testing.assert_allclose(checks.random_deletion[:, 0], checks.deletion[0], rtol=1e-4)
        np.testing.assert_allclose(
            checks.random_deletion[:, -1], checks.deletion[-1], rtol=1e-3, atol=1e-3
        )
        np.testing.assert_allclose(checks.insertion[-1], checks.deletion[0], rtol=1e-3, atol=1e-3)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    again = returned(checking(lens, method, pixels, PLACES, maps))
    assert again[0].record() == found[0].record()


def test_a_true_map_changes_with_the_weights(hello_world: Path, imagenet_file: Path) -> None:
    backbone, _ = build("mobilenet_v2", str(imagenet_file), image_size=160)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = assemble(backbone, "linear", 2).eval()
    explainer = Explainer.of(network, ("abd", "chst"), False, "evidence")
    film = hello_world / "test" / "chest_test.png"
    (explanation,) = returned(explainer.explaining([film], checks=True))
    assert explanation.checks is not None
    assert explanation.checks.agreement < 0.5
    assert explanation.checks.stability > 0.7
    assert explanation.checks.sentences()[0].endswith("good.")


def test_timms_networks_are_made_random_in_parts(make_network: Make) -> None:
    network = make_network("timm/resnet10t")
    parts = parts_of(network)
    assert next(iter(parts)) == "head"
    assert 3 <= len(parts) <= 7
    inner = {id(w) for modules in parts.values() for m in modules for w in m.parameters()}
    assert inner == {id(w) for w in network.parameters()}


class Corner(torch.nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        side = images.shape[-1] // 2
        bright = 10 * images[:, :, :side, :side].mean((1, 2, 3)) - 2
        return torch.stack([-bright, bright], dim=1)


@pytest.mark.parametrize("right", [True, False])
def test_covering_tells_a_right_map_from_a_wrong_one(
    make_network: Make, monkeypatch: pytest.MonkeyPatch, right: bool
) -> None:
    images = 0.05 * torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    images[:, :, :14, :14] += 0.9
    images[:, :, 14:, 14:] += 0.9
    marks = torch.zeros(1, 28, 28)
    corner = slice(0, 14) if right else slice(14, 28)
    marks[:, corner, corner] = 1.0
    fixed = replace(METHODS["gradcam"], compute=lambda lens, x, k: marks)
    lens = Lens.of(make_network(size=28))
    monkeypatch.setattr(Network, "forward", lambda self, x: Corner()(x))
    (checks,) = returned(checking(lens, fixed, images, torch.tensor([1]), marks))
    assert (min(checks.beaten) >= 0.75) is right
    (own, chance) = checks.areas["covered"]
    assert (own < chance) is right
    assert ("matters no more" in checks.sentences()[1]) is not right


def made(agreement: float, stability: float, deletion: list[float]) -> Checks:
    chance = np.tile(np.linspace(4, -4, 5, dtype=np.float32), (9, 1))
    return Checks(
        (("head", 0.9), ("stem", agreement)),
        np.array(deletion, np.float32),
        np.array(deletion[::-1], np.float32) + 9,
        chance,
        chance[:, ::-1],
        stability,
    )


def test_verdicts_are_plain_words() -> None:
    good = made(0.1, 0.9, [4, -4, -4, -4, -4])
    assert good.passed
    assert good.areas["covered"] == (pytest.approx(-3), pytest.approx(0))
    assert good.beaten == (1.0, 1.0)
    assert "costs the class more" in good.sentences()[1]
    mixed = made(0.1, 0.9, [4, 4, 4, 4, -4])
    assert not mixed.passed
    assert mixed.sentences()[1].startswith("Uncovering what the map marks matters more")
    jumpy = made(0.1, 0.3, [4, -4, -4, -4, -4])
    assert not jumpy.passed
    assert "jumps" in jumpy.sentences()[2]
    record = Explanation(
        *(np.zeros((2, 2), np.float32),) * 2, "gradcam", "a", 0.5, 0.0, None, good
    ).record()
    assert record["checks"]["passed"] is True
    assert record["class"] == "a"
