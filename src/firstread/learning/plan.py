"""What will be trained, and how: one frozen record, saved with the run and enough to repeat it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from firstread.errors import UsageError, unknown

STRATEGIES = ("probe", "finetune", "scratch")
RECIPES = ("firstread", "tutorial")
PRECISIONS = ("auto", "float32", "bfloat16")
SMALL = 1000
"""Training images a class below which pretrained features are kept fixed.

Rule 1 of the tutorial (little data: a linear classifier on fixed features) against rule 2 (much
data: fine-tune); a thousand a class is what ImageNet itself has.
"""


@dataclass(frozen=True)
class Plan:
    """What will be trained, and how.

    Parameters
    ----------
    data
        Folder or table of the labelled images.
    recipe
        `firstread`, or `tutorial` for the tutorial's own training.
    backbone
        A network of the zoo.
    weights
        `imagenet`, `none` or a file.
    strategy
        `probe` (a head on fixed features), `finetune` (pretrained weights, every layer trains)
        or `scratch` (random weights, every layer trains).
    stage
        The backbone's last stage to use; empty for all of it.
    head
        `linear`, or `tutorial` for its dense 256 with dropout.
    normalise
        Whether images get the mean and standard deviation that the weights expect.
    image_size
        Side in pixels; 0 stands for the size that the weights were trained at.
    augment
        A kind of augmentation: `none`, `mild` or `tutorial`.
    epochs, batch_size
        Passes over the training images, and images a step.
    lr, weight_decay
        Of AdamW; without decay it is Adam.
    schedule
        `constant`, or `cosine` with a warm-up over the first tenth.
    label_smoothing
        Share of each label that is spread over all classes.
    freeze_norm
        Whether batch norms keep the statistics of the pretrained weights. Statistics of small
        batches are poor ones, and the network is judged on the running ones.
    auxiliary
        Whether auxiliary classifiers (GoogLeNet, Inception V3) train along.
    seed
        Decides the split, the random weights, the order and the augmentation.
    device
        As torch names it: `cpu`, `cuda`, `mps`.
    precision
        `auto` measures whether bfloat16 is faster here.
    """

    data: str
    recipe: str
    backbone: str
    weights: str
    strategy: str
    image_size: int = 0
    stage: str = ""
    head: str = "linear"
    normalise: bool = True
    augment: str = "mild"
    epochs: int = 30
    batch_size: int = 16
    lr: float = 1e-3
    weight_decay: float = 0.05
    schedule: str = "cosine"
    label_smoothing: float = 0.0
    freeze_norm: bool = False
    auxiliary: bool = True
    seed: int = 0
    device: str = "cpu"
    precision: str = "auto"

    def save(self, path: Path) -> None:
        """Write the plan as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a plan that `save` wrote.

        Raises
        ------
        UsageError
            If the file isn't one.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(f"{path}: is no plan of firstread ({error})") from None


_STRATEGY_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "probe": {"epochs": 40, "batch_size": 32, "lr": 1e-2, "weight_decay": 1e-2},
    "finetune": {"epochs": 12, "batch_size": 16, "lr": 1e-4, "freeze_norm": True},
    "scratch": {"epochs": 30, "batch_size": 16, "lr": 1e-3, "label_smoothing": 0.1},
}
_TUTORIAL: Mapping[str, Any] = {
    "recipe": "tutorial",
    "head": "tutorial",
    "normalise": False,
    "augment": "tutorial",
    "epochs": 20,
    "batch_size": 5,
    "lr": 1e-4,
    "weight_decay": 0.0,
    "schedule": "constant",
    "label_smoothing": 0.0,
    "freeze_norm": False,
    "auxiliary": False,
}
# A network from scratch sees enough of a film at this size, and is done in a quarter of the time.
SCRATCH_SIZE = 128

TUTORIAL_NOTES = (
    "Images are scaled by 1/255 alone. The weights were trained on images with their mean "
    "subtracted and divided by their standard deviation; firstread's own recipe does that.",
    "The published notebook augments its validation images too, so that its validation figures "
    "are of distorted images. Here, as always in firstread, validation images are left alone.",
    "The published notebook takes its two test images from the training folder, where the "
    "network has seen them. firstread predicts images outside the training part.",
)
"""The three places where the tutorial is not what its weights or good practice ask for."""


def propose(
    data: str,
    per_class: int,
    *,
    cached: bool,
    last_map: str,
    given: Mapping[str, Any],
) -> Plan:
    """Make a plan of what the user gave and firstread's defaults for the rest.

    Parameters
    ----------
    data
        Folder or table.
    per_class
        Training images in the smallest class.
    cached
        Whether the official weights of the backbone are on this machine.
    last_map
        The backbone's last stage before dense layers, which the tutorial's top sits on.
    given
        The user's own choices, by the names of `Plan`.

    Raises
    ------
    UsageError
        If a choice is unknown or out of range, or two contradict each other.
    """
    weights = given.get("weights") or ("imagenet" if cached else "none")
    recipe = given.get("recipe", "firstread")
    _check(given, weights, recipe)
    strategy = given.get("strategy") or _strategy(weights, recipe, per_class)
    small = weights == "none" and recipe != "tutorial"
    defaults = {
        **_STRATEGY_DEFAULTS[strategy],
        **({**_TUTORIAL, "stage": last_map} if recipe == "tutorial" else {}),
        "image_size": SCRATCH_SIZE if small else 0,
    }
    settled = {"data": data, "recipe": recipe, "weights": weights, "strategy": strategy}
    return Plan(**{**defaults, **given, **settled})


def _strategy(weights: str, recipe: str, per_class: int) -> str:
    if weights == "none":
        return "scratch"
    return "probe" if per_class < SMALL and recipe != "tutorial" else "finetune"


_RANGES: Mapping[str, tuple[float, float]] = {
    "epochs": (1, 100_000),
    "batch_size": (1, 100_000),
    "lr": (1e-12, 100.0),
    "image_size": (16, 8000),
    "seed": (0, 2**31 - 1),
}
_CHOICES = {"strategy": STRATEGIES, "recipe": RECIPES, "precision": PRECISIONS}


def _check(given: Mapping[str, Any], weights: str, recipe: str) -> None:
    known = {field.name for field in fields(Plan)}
    for name, value in given.items():
        if name not in known:
            raise unknown("option", name, sorted(known))
        if name in _CHOICES and value not in _CHOICES[name]:
            raise unknown(name, value, _CHOICES[name])
        low, high = _RANGES.get(name, (None, None))
        if low is not None and high is not None and not low <= value <= high:
            raise UsageError(f"{name} is {value}; it must be from {low:g} to {high:g}")
    strategy = given.get("strategy")
    if strategy == "finetune" and weights == "none":
        raise UsageError(
            "--strategy finetune goes on from pretrained weights, and there are none; "
            "add --weights imagenet or --weights FILE, or take --strategy scratch"
        )
    if strategy == "scratch" and weights != "none":
        raise UsageError(
            f"--strategy scratch starts from random weights, and --weights {weights} was given; "
            "drop one of the two"
        )
    if strategy == "probe" and recipe == "tutorial":
        raise UsageError("--recipe tutorial trains the whole network; drop --strategy probe")
