"""Small networks to look into."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from firstread.backbones import Network, assemble, build


@pytest.fixture
def make_network() -> Callable[..., Network]:
    """Build a network of random weights, the same each time."""

    def make(
        name: str = "resnet18",
        size: int = 96,
        head: str = "linear",
        classes: int = 3,
        stage: str = "",
    ) -> Network:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            backbone, _ = build(name, "none", image_size=size, stage=stage)
            return assemble(backbone, head, classes).eval()

    return make


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.rand(2, 1, 96, 96, generator=torch.Generator().manual_seed(1))
