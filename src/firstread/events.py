"""What happens in a training, as it is told to whoever shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firstread.auditing import Audit
from firstread.backbones import Origin
from firstread.datasets import Dataset
from firstread.evidence import Ladder, Metrics
from firstread.evidence.crossvalidation import CrossValidation
from firstread.evidence.permutation import Control
from firstread.learning import Advice, Epoch, Plan, RangeTest, Trial
from firstread.progress import Notice, Step
from firstread.run import Run


@dataclass(frozen=True)
class Found:
    """What was found in the data, before training starts.

    Parameters
    ----------
    dataset
        Parted, without the files that can't be read.
    skipped
        Why each file that can't be read was left out.
    sizes
        Least and largest width, then least and largest height of the images, in pixels.
    gray
        Whether every image is gray.
    """

    dataset: Dataset
    skipped: tuple[str, ...]
    sizes: tuple[int, int, int, int]
    gray: bool


@dataclass(frozen=True)
class Ready:
    """What will be trained.

    Parameters
    ----------
    plan
        Complete.
    origin
        Where the weights came from.
    parameters
        How many numbers the network holds.
    """

    plan: Plan
    origin: Origin
    parameters: int


@dataclass(frozen=True)
class Result:
    """What came out.

    Parameters
    ----------
    run
        On disk.
    metrics
        By part: `val`, and `test` where there are labelled test images.
    ladder
        What the network adds to rivals without one; None where that wasn't asked.
    repeated
        What repeating the training in folds, and with shuffled labels, showed.
    """

    run: Run
    metrics: Mapping[str, Metrics]
    ladder: Ladder | None = None
    repeated: tuple[CrossValidation | Control, ...] = ()


Event = Audit | Found | Advice | Ready | Step | Notice | RangeTest | Trial | Epoch | Result
