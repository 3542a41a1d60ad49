"""Classifiers with random weights, and a graph's arithmetic without a compiler in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from firstread.backbones import Origin, assemble, build
from firstread.classifier import Classifier
from firstread.images import Display


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take branches as Python does; torch would compile both first."""
    monkeypatch.setattr(
        torch, "cond", lambda tall, one, other, values: (one if tall else other)(*values)
    )


@pytest.fixture
def classifier() -> Callable[..., Classifier]:
    def make(
        classes: tuple[str, ...] = ("a", "b", "c"),
        head: str = "linear",
        multilabel: bool = False,
        name: str = "resnet18",
        **options: Any,
    ) -> Classifier:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            options = {"image_size": 40, "display": Display(), **options}
            backbone, _ = build(name, **options)
            network = assemble(backbone, head, len(classes)).eval()
        return Classifier(network, classes, head, Origin("none"), multilabel)

    return make
