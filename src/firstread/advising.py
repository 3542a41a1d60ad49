"""`advise` for a folder of images: read, part, compare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from firstread.datasets import load, with_validation
from firstread.events import Event
from firstread.learning import (
    HERE,
    Advice,
    Executor,
    FeatureCache,
    Material,
    advise,
    choose_device,
    network_of,
    settle_precision,
)
from firstread.training import make_plan, read


def advising(
    data: str | Path,
    *,
    skip_unreadable: bool = False,
    device: str = "auto",
    budget: float | None = None,
    cache: FeatureCache | None = None,
    executor: Executor = HERE,
    **choices: Any,
) -> Iterator[Event]:
    """Compare the ways to learn a data set; yield what happens, last the `Advice`.

    Parameters
    ----------
    data
        As of `train`; held-out parts have no say.
    skip_unreadable, device, budget, cache, executor
        As of `training`.
    **choices
        Fields of `Plan`: `backbone`, `weights`, `image_size`, `seed`, ... None stands for "not
        given".

    Raises
    ------
    FirstreadError
        As of `train`.
    """
    given = {name: value for name, value in choices.items() if value is not None}
    dataset = with_validation(load(data, slices=given.get("slices")), given.get("seed", 0))
    executor.check(dataset.paths)
    plan = replace(make_plan(str(data), given), strategy="auto", device=choose_device(device))
    network, _ = network_of(plan, len(dataset.classes))
    plan = replace(plan, image_size=network.backbone.preprocessing.size)
    precision = settle_precision(replace(plan, strategy="probe"), network).precision
    material = Material(
        dataset, cache or FeatureCache(), plan.device, precision, each=executor.each
    )
    found, material = yield from read(network, plan, material, skip_unreadable)
    yield found
    options: dict[str, Any] = {"budget": budget, "share": executor.share}
    advice: Advice = yield from advise(plan, network, material, **options)
    yield advice
