from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from firstread.learning import Epoch, Plan
from firstread.learning.checkpoint import File
from firstread.learning.finetune import Learner
from firstread.learning.keeper import Keeper
from firstread.learning.objective import Objective
from firstread.progress import Step

PLAN = Plan("DATA", "firstread", "none", "none", "scratch", patience=2, keep_best=True)
LOSSES = [1.0, 0.5, 0.7, 0.6, 0.4, 0.3]


def setting(plan: Plan = PLAN, path: Path | None = None) -> tuple[Keeper, nn.Linear]:
    network = nn.Linear(1, 1, bias=False)
    return Keeper(Learner(network, plan, Objective(), 1), path and File(path)), network


def course(keeper: Keeper, network: nn.Linear) -> Iterator[Step | Epoch]:
    """A training whose weight is the epoch's number."""
    learner = keeper.learner
    for number, loss in enumerate(LOSSES, start=1):
        with torch.no_grad():
            network.weight.fill_(number)
        yield Step("training", number, len(LOSSES))
        learner.epoch = number + 1
        yield Epoch(number, loss, 0.5, loss, 0.5, 0.1, 0.0)


def test_it_stops_when_patience_runs_out_and_keeps_the_best_weights() -> None:
    keeper, network = setting()
    seen = [e for e in keeper.follow(course(keeper, network)) if isinstance(e, Epoch)]
    assert [epoch.epoch for epoch in seen] == [1, 2, 3, 4]
    keeper.finish()
    assert network.weight.item() == 2.0


def test_without_patience_it_goes_to_the_end_and_may_keep_the_last() -> None:
    keeper, network = setting(replace(PLAN, patience=0, keep_best=False))
    list(keeper.follow(course(keeper, network)))
    keeper.finish()
    assert network.weight.item() == 6.0
    assert keeper.best_epoch.epoch == 6


def test_patience_waits_for_the_last_layers_to_thaw() -> None:
    keeper, network = setting(replace(PLAN, thaw_epochs=5))
    seen = [e for e in keeper.follow(course(keeper, network)) if isinstance(e, Epoch)]
    assert len(seen) == 6


def test_another_goes_on_from_the_checkpoint(tmp_path: Path) -> None:
    keeper, network = setting(path=tmp_path / "c.pt")
    events = keeper.follow(course(keeper, network))
    while not (tmp_path / "c.pt").exists():
        next(events)
    for _ in range(2):
        next(events)  # The second epoch, the best of all.
    events.close()
    other, again = setting(path=tmp_path / "c.pt")
    other.restore()
    assert [epoch.epoch for epoch in other.history] == [1, 2]
    assert again.weight.item() == 2.0
    assert other.learner.epoch == 3
    other.finish()
    assert again.weight.item() == 2.0
    told = other.follow(iter(()))
    assert [event.epoch for event in told if isinstance(event, Epoch)] == [1, 2]


def test_without_a_file_nothing_is_restored() -> None:
    keeper, network = setting()
    before = network.weight.item()
    keeper.restore()
    assert network.weight.item() == pytest.approx(before)
