from __future__ import annotations

import pytest
import torch
from torch import nn

from firstread.errors import UsageError
from firstread.learning import choose_device, choose_precision, precision

SIZE = 16


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


def chosen(asked: str = "auto", training: bool = True) -> str:
    return choose_precision(asked, "cpu", network(), SIZE, training=training)


def test_bfloat16_is_not_tried_where_the_processor_lacks_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: False)
    monkeypatch.setattr(precision, "_seconds", lambda *_, **__: 1 / 0)
    assert chosen() == "float32"


@pytest.mark.parametrize(
    ("half", "expected"), [(0.5, "bfloat16"), (0.85, "float32"), (2, "float32")]
)
def test_bfloat16_is_taken_where_it_measures_faster(
    monkeypatch: pytest.MonkeyPatch, half: float, expected: str
) -> None:
    def seconds(network: object, size: int, device: str, bfloat16: bool, *_: object, **__: object):
        return half if bfloat16 else 1.0

    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(precision, "_seconds", seconds)
    assert chosen() == expected


@pytest.mark.parametrize("training", [True, False])
def test_the_measurement_measures_and_leaves_the_network_as_it_was(
    monkeypatch: pytest.MonkeyPatch, training: bool
) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    made = network().train()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    answer = choose_precision("auto", "cpu", made, SIZE, training=training)
    assert answer in ("float32", "bfloat16")
    assert all(torch.equal(before[name], value) for name, value in made.state_dict().items())
    assert made.training
    assert all(p.grad is None for p in made.parameters())


def test_what_is_asked_for_is_taken() -> None:
    assert chosen("bfloat16") == "bfloat16"
    assert choose_device("cpu") == "cpu"
    with pytest.raises(UsageError, match="--device tpu: this machine has no such device"):
        choose_device("tpu")
