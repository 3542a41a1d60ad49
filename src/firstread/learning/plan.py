"""What will be trained, and how: one frozen record, saved with the run and enough to repeat it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from firstread.errors import UsageError, unknown
from firstread.images import check_choice

STRATEGIES = ("auto", "probe", "finetune", "scratch")
RECIPES = ("firstread", "tutorial")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
CLASSIFIERS = ("softmax", "svm")
BALANCES = ("none", "weights", "sampling")
SMALL = 1000
"""Training images a class below which data count as little; ImageNet itself has about 1,300."""

ALL = "all"
"""The stage's name that asks for a comparison of all stages."""


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
        `imagenet`, `phantom`, `none` or a file.
    strategy
        `probe` (a linear classifier on fixed features), `finetune` (pretrained weights, layers
        train), `scratch` (random weights, every layer trains), or until it has been measured
        which of them does best `auto`.
    stage
        The backbone's last stage to use; empty for all of it, `all` to compare them.
    classifier
        Of a probe: `softmax` (regression) or `svm` (linear support vector machine).
    head
        `linear`, or `tutorial` for its dense 256 with dropout.
    normalise
        Whether images get the mean and standard deviation that the weights expect.
    image_size
        Side in pixels; 0 stands for the size that the weights were trained at.
    neutralise
        Names of `images.NEUTRALISERS` with commas between: what is taken away from images so that
        the network can't learn it.
    window, spacing
        Of DICOM and NIfTI images, as of `images.Display`; a spacing of 0 leaves them as they are.
    slices
        Which slices of volumes and frames of multi-frame files are used, as of `images.chosen`;
        empty for what `datasets.load` does where nobody says.
    augment
        A kind of augmentation: `none`, `mild` or `tutorial`.
    epochs, batch_size
        Passes over the training images, and images a step.
    accumulate
        In how many parts each batch is computed, one after another, where it doesn't fit into
        memory at once. Batch norms that learn see one part at a time.
    lr, weight_decay
        Of AdamW; without decay it is Adam.
    find_lr
        Whether a range test chooses the learning rate first.
    schedule
        `constant`, or `cosine` with a warm-up over the first tenth.
    depth_decay
        Factor to the learning rate from each stage to the one below.
    clip
        Largest norm of a step's gradient; 0 for any.
    label_smoothing
        Share of each label that is spread over all classes.
    balance
        Against classes of unequal size: `weights` to the loss, `sampling` of the images, `none`.
    head_first
        Whether the head starts from a probe's solution, so that its first, large gradients don't
        spoil pretrained layers (A. Kumar et al., "Fine-Tuning can Distort Pretrained Features and
        Underperform Out-of-Distribution", ICLR 2022).
    thaw_epochs
        Epochs from one stage's thawing to the next, from the top down; 0 thaws all at once.
    frozen
        The stage up to which layers never train; what it makes of the images is computed once.
    freeze_norm
        Whether batch norms keep the statistics of the pretrained weights. Statistics of small
        batches are poor ones, and the network is judged on the running ones.
    patience
        Epochs without a lower validation loss after which a training ends; 0 for never.
    keep_best
        Whether the weights of the epoch with the lowest validation loss are kept, not the last.
    auxiliary
        Whether auxiliary classifiers (GoogLeNet, Inception V3) train along.
    views
        Views of each training image that fixed layers see: itself and distorted ones.
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
    classifier: str = "softmax"
    head: str = "linear"
    normalise: bool = True
    neutralise: str = ""
    window: str = "first"
    spacing: float = 0.0
    slices: str = ""
    augment: str = "mild"
    epochs: int = 30
    batch_size: int = 16
    accumulate: int = 1
    lr: float = 1e-3
    find_lr: bool = False
    weight_decay: float = 0.05
    schedule: str = "cosine"
    depth_decay: float = 1.0
    clip: float = 0.0
    label_smoothing: float = 0.0
    balance: str = "none"
    head_first: bool = False
    thaw_epochs: int = 0
    frozen: str = ""
    freeze_norm: bool = False
    patience: int = 0
    keep_best: bool = False
    auxiliary: bool = True
    views: int = 4
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
            plan = cls(**json.loads(path.read_text(encoding="utf-8")))
            # Zero stands for "not settled yet" or "of no use" there.
            unset = {"epochs": 0, "image_size": 0}
            _check_values({k: v for k, v in asdict(plan).items() if unset.get(k) != v})
        except (OSError, ValueError, TypeError, UsageError) as error:
            raise UsageError(f"{path}: is no plan of firstread ({error})") from None
        return plan


DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "auto": {},
    "probe": {"epochs": 0},
    "finetune": {
        **{"epochs": 12, "batch_size": 16, "lr": 3e-4, "depth_decay": 0.7, "clip": 1.0},
        **{"head_first": True, "thaw_epochs": 1, "freeze_norm": True},
        **{"patience": 5, "keep_best": True},
    },
    "scratch": {"epochs": 30, "batch_size": 16, "lr": 1e-3, "label_smoothing": 0.1},
}
"""What each strategy takes where the user gave nothing else."""

_TRAINED = (
    *("epochs", "batch_size", "accumulate", "lr", "find_lr", "schedule", "depth_decay", "clip"),
    *("label_smoothing", "thaw_epochs", "frozen", "patience"),
)
"""Choices that only a training by gradients listens to."""

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
    "head_first": False,
    "thaw_epochs": 0,
    "depth_decay": 1.0,
    "clip": 0.0,
    "patience": 0,
    "keep_best": False,
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
    *,
    at_hand: str,
    last_map: str,
    given: Mapping[str, Any],
) -> Plan:
    """Make a plan of what the user gave and firstread's defaults for the rest.

    Parameters
    ----------
    data
        Folder or table.
    at_hand
        The pretrained weights of the backbone that this machine has, or `none`.
    last_map
        The backbone's last stage before dense layers, which the tutorial's top sits on.
    given
        The user's own choices, by the names of `Plan`.

    Raises
    ------
    UsageError
        If a choice is unknown or out of range, or two contradict each other.
    """
    recipe = given.get("recipe", "firstread")
    asked = given.get("strategy", "")
    weights = given.get("weights") or ("none" if asked == "scratch" else at_hand)
    _check_values(given)
    strategy = asked or _strategy(weights, recipe, given)
    _check(given, weights, strategy)
    small = weights == "none" and recipe != "tutorial"
    defaults = {
        **DEFAULTS[strategy],
        **({**_TUTORIAL, "stage": last_map} if recipe == "tutorial" else {}),
        "image_size": SCRATCH_SIZE if small else 0,
    }
    settled = {"data": data, "recipe": recipe, "weights": weights, "strategy": strategy}
    return Plan(**{**defaults, **given, **settled})


def settled(plan: Plan, choices: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> Plan:
    """Return a plan with a strategy that was found, and that strategy's defaults.

    Parameters
    ----------
    plan
        Its strategy is `auto`, or its stage `all`.
    choices
        What was found best, by the names of `Plan`.
    given
        The user's own choices, which go before the strategy's defaults.
    """
    stage = "" if plan.stage == ALL else plan.stage
    strategy = choices.get("strategy", plan.strategy)
    fresh = strategy == "scratch" and plan.weights != "none"
    weights = {"weights": "none"} if fresh else {}
    fields_ = {**{"stage": stage}, **DEFAULTS[strategy], **(given or {}), **weights, **choices}
    return replace(plan, **{**fields_, "stage": choices.get("stage", stage)})


def _strategy(weights: str, recipe: str, given: Mapping[str, Any]) -> str:
    """Return the strategy where the user named none: measured, unless other choices settle it."""
    if recipe == "tutorial" or any(name in given for name in _TRAINED):
        return "scratch" if weights == "none" else "finetune"
    if "classifier" in given or given.get("stage") == ALL:
        return "probe"
    return "auto"


_RANGES: Mapping[str, tuple[float, float]] = {
    "epochs": (1, 100_000),
    "batch_size": (1, 100_000),
    "accumulate": (1, 100_000),
    "clip": (0, 1e6),
    "depth_decay": (0.01, 1),
    "label_smoothing": (0, 0.99),
    "patience": (0, 100_000),
    "thaw_epochs": (0, 100_000),
    "views": (1, 1000),
    "weight_decay": (0, 10),
    "lr": (1e-12, 100.0),
    "image_size": (16, 8000),
    "seed": (0, 2**31 - 1),
    "spacing": (0, 1000),
}
_CHOICES = {
    "strategy": STRATEGIES,
    "recipe": RECIPES,
    "precision": PRECISIONS,
    "classifier": CLASSIFIERS,
    "balance": BALANCES,
    "schedule": ("constant", "cosine"),
}


def _check_values(given: Mapping[str, Any]) -> None:
    """Refuse names that aren't known and values out of range."""
    known = {field.name for field in fields(Plan)}
    for name, value in given.items():
        if name not in known:
            raise unknown("option", name, sorted(known))
        if name in _CHOICES and value not in _CHOICES[name]:
            raise unknown(name, value, _CHOICES[name])
        if name == "slices" and value:
            check_choice(value)
        low, high = _RANGES.get(name, (None, None))
        if low is not None and high is not None and not low <= value <= high:
            raise UsageError(f"{name} is {value}; it must be from {low:g} to {high:g}")


def _check(given: Mapping[str, Any], weights: str, strategy: str) -> None:
    """Refuse choices that contradict each other."""
    if strategy == "finetune" and weights == "none":
        raise UsageError(
            "--strategy finetune goes on from pretrained weights, and there are none; "
            "add --weights imagenet or --weights FILE, take --backbone phantom_s, whose weights "
            "come with firstread, or take --strategy scratch"
        )
    if strategy == "scratch" and weights != "none":
        raise UsageError(
            f"--strategy scratch starts from random weights, and --weights {weights} was given; "
            "drop one of the two"
        )
    if strategy == "probe" and given.get("recipe") == "tutorial":
        raise UsageError("--recipe tutorial trains the whole network; drop --strategy probe")
    unheard = [name for name in _TRAINED if name in given]
    if strategy in ("probe", "auto") and unheard:
        raise UsageError(
            f"--strategy {strategy}: {unheard[0]} has no say in it, since a linear classifier on "
            "fixed features is solved, not trained step by step; drop it, or take --strategy "
            "finetune or scratch"
        )
    if strategy not in ("probe", "auto") and given.get("stage") == ALL:
        raise UsageError("--stage all compares the stages' fixed features: take --strategy probe")
