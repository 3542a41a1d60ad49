"""Processes that train together do what one alone does, but for the order of additions."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from firstread.errors import UsageError
from firstread.learning import Epoch, Plan
from firstread.learning.augment import AUGMENTATIONS
from firstread.learning.batches import FeatureBatches, Order
from firstread.learning.loop import Loop
from firstread.learning.objective import Objective, class_weights
from firstread.learning.team import ALONE, Group, Team

PLAN = Plan(
    *("DATA", "firstread", "none", "none", "scratch"),
    **{"epochs": 2, "lr": 1e-2, "batch_size": 6, "precision": "float32", "clip": 1.0},
)
IMAGES = 22  # In batches of five and six, which halve unequally.


class Backwards(Order):
    """The same batches, the images of each the other way round."""

    def batches(self, epoch: int) -> list[np.ndarray]:
        return [places[::-1] for places in super().batches(epoch)]


class Small(nn.Module):
    """A convolution with a batch norm that learns, and a head."""

    def __init__(self) -> None:
        super().__init__()
        # A bias before a batch norm has no gradient but rounding, and Adam makes steps of that.
        convolution = nn.Conv2d(3, 8, 3, bias=False)
        self.below = nn.Sequential(convolution, nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.below(inputs).mean((2, 3)))

    def with_auxiliary(self, inputs: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self(inputs), []


def loop(kind: type[Order] = Order, plan: Plan = PLAN, weighted: bool = True) -> Loop:
    rng = np.random.default_rng(0)
    targets = np.arange(IMAGES) % 3 * (np.arange(IMAGES) % 2)  # Zeros are many.
    images = rng.normal(size=(1, IMAGES, 3, 6, 6)).astype(np.float32) + targets[:, None, None, None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Small()
    weights = class_weights(targets, 3) if weighted else None
    order = kind(IMAGES, plan.batch_size, 0, True)
    training = FeatureBatches(images.astype(np.float32), targets, order)
    validation = FeatureBatches(images.astype(np.float32), targets, Order(IMAGES, 5))
    known = (Objective(False, 0.1, weights), [[network.head], [network.below]], 0.0)
    return Loop(network, plan, *known, training, validation)


def trained(work: Loop, team: Team = ALONE) -> tuple[np.ndarray, list[list[float]]]:
    """All numbers of the network, and what the epochs said."""
    epochs = [event for event in work.run(None, team) if isinstance(event, Epoch)]
    numbers = [value.detach().double().reshape(-1) for value in work.network.state_dict().values()]
    said = [[e.loss, e.acc, e.val_loss, e.val_acc] for e in epochs]
    return torch.cat(numbers).numpy(), said


def _process(rank: int, size: int, folder: str, plan: Plan, answers: Any) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size
    )
    answers.put((rank, trained(loop(plan=plan), Group.joined("cpu"))))
    torch.distributed.destroy_process_group()


def together(folder: Path, size: int, plan: Plan = PLAN) -> list[Any]:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    processes = [
        context.Process(target=_process, args=(rank, size, str(folder), plan, answers))
        for rank in range(size)
    ]
    for process in processes:
        process.start()
    made = dict(answers.get(timeout=120) for _ in processes)
    for process in processes:
        process.join()
    return [made[rank] for rank in range(size)]


def test_two_train_as_one_does(tmp_path: Path) -> None:
    numbers, said = trained(loop())
    # What the order of additions alone can do: the same batches, each the other way round.
    turned, _ = trained(loop(Backwards))
    rounding = np.abs(turned - numbers).max()
    assert 0 < rounding < 1e-3
    (first, told), (second, _) = together(tmp_path, 2)
    assert np.array_equal(first, second)
    assert np.abs(first - numbers).max() <= 16 * rounding
    np.testing.assert_allclose(told, said, atol=1e-5)


def test_a_wrong_share_would_show() -> None:
    # Losses not weighted by what the parts weigh together, or batch norms of half a batch, are far
    # off: as far as another loss is.
    numbers, _ = trained(loop())
    turned, _ = trained(loop(Backwards))
    other, _ = trained(loop(weighted=False))
    assert np.abs(other - numbers).max() > 1000 * np.abs(turned - numbers).max()


def test_a_batch_in_parts_is_the_same_batch_where_norms_are_frozen() -> None:
    frozen = replace(PLAN, freeze_norm=True)
    numbers, said = trained(loop(plan=frozen))
    turned, _ = trained(loop(Backwards, plan=frozen))
    parts, told = trained(loop(plan=replace(frozen, accumulate=3)))
    assert np.abs(parts - numbers).max() <= 16 * np.abs(turned - numbers).max()
    np.testing.assert_allclose(told, said, atol=1e-5)


def test_images_are_distorted_in_parts_as_in_the_whole() -> None:
    images = torch.rand(5, 1, 8, 8)
    mild = AUGMENTATIONS["tutorial"]
    whole = mild(images, torch.Generator().manual_seed(3))
    for part in (slice(0, 2), slice(2, 5)):
        own = mild(images[part], torch.Generator().manual_seed(3), part.start, 5)
        torch.testing.assert_close(own, whole[part])


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_every_image_of_a_batch_is_somebodys(size: int) -> None:
    owned = [np.arange(17)[Team(rank, size).own(17)] for rank in range(size)]
    assert np.concatenate(owned).tolist() == list(range(17))
    assert max(map(len, owned)) - min(map(len, owned)) <= 1


def test_more_workers_than_images_in_a_batch_are_refused() -> None:
    with pytest.raises(UsageError, match=r"8 workers can't share batches of 5 images.*--workers 5"):
        loop().check(8)
    with pytest.raises(UsageError, match=r"in 3 parts each.*--workers 1"):
        loop(plan=replace(PLAN, accumulate=3)).check(2)
