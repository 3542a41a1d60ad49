"""What a training makes small: the loss, by the kind of labels; and the count of what is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from firstread.backbones import probabilities
from firstread.learning.team import Team

Targets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Objective:
    """Cross-entropy over classes that exclude each other, or over each label by itself.

    Parameters
    ----------
    multilabel
        Whether an image may have several labels, or none.
    smoothing
        Share of each label that is spread over all of them.
    weights
        A factor to the loss for each class, or for each label where it is present; float32.
    """

    multilabel: bool = False
    smoothing: float = 0.0
    weights: Tensor | None = None

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss in nats, in float32.

        Parameters
        ----------
        logits
            Shape (b, classes), or (b, 1) for one sigmoid output of two classes.
        targets
            int64, shape (b,), or 0 and 1 of shape (b, classes).
        """
        logits = logits.float()
        weights = None if self.weights is None else self.weights.to(logits.device)
        if self.multilabel:
            soft = targets.float() * (1 - self.smoothing) + self.smoothing / 2
            return nn.functional.binary_cross_entropy_with_logits(logits, soft, pos_weight=weights)
        if logits.shape[1] == 1:
            soft = targets.float() * (1 - self.smoothing) + self.smoothing / 2
            each = None if weights is None else weights[targets]
            return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], soft, each)
        return nn.functional.cross_entropy(logits, targets, weights, label_smoothing=self.smoothing)

    def mass(self, targets: Tensor, outputs: int) -> Tensor:
        """Return by what `loss` divides the sum over a batch: its images, or their weights.

        The loss of a batch is the mean of its parts' losses, each counted by its mass.

        Parameters
        ----------
        targets
            As of `loss`.
        outputs
            Columns of the logits.

        Returns
        -------
        mass
            float32, shape (), on the targets' device.
        """
        if self.multilabel or self.weights is None or outputs == 1:
            return torch.tensor(float(len(targets)), device=targets.device)
        return self.weights.to(targets.device)[targets].sum()

    def plain(self) -> Objective:
        """Return the objective that figures are told in: without smoothing and weights."""
        return Objective(self.multilabel)


def class_weights(targets: Targets, classes: int) -> Tensor:
    """Return weights that give every class the same say, whatever its number of images.

    For several labels an image: how many times rarer each label's presence is than its absence.

    Parameters
    ----------
    targets
        Shape (n,) or (n, classes).
    classes
        How many.
    """
    if targets.ndim == 2:
        present = targets.sum(axis=0).clip(1)
        return torch.tensor((len(targets) - present) / present, dtype=torch.float32).clamp(min=0.01)
    counts = np.bincount(targets, minlength=classes).clip(1)
    return torch.tensor(len(targets) / (classes * counts), dtype=torch.float32)


class Tally:
    """Running mean of loss and accuracy, weighted by images.

    Accuracy is the share of images labelled right, or where an image may have several labels the
    share of labels that are rightly given or not given, at a probability of one half.
    """

    def __init__(self, multilabel: bool = False) -> None:
        self.multilabel = multilabel
        self._count, self._loss, self._right = 0, 0.0, 0.0

    def add(self, loss: float, logits: Tensor, targets: Tensor) -> None:
        """Count a batch with its mean loss."""
        self._count += len(targets)
        self._loss += loss * len(targets)
        chances = probabilities(logits.float(), self.multilabel)
        if self.multilabel:
            self._right += float(((chances >= 0.5) == targets.bool()).float().mean(1).sum())
        else:
            self._right += int((chances.argmax(1) == targets).sum())

    @property
    def loss(self) -> float:
        """Mean loss in nats."""
        return self._loss / self._count

    @property
    def acc(self) -> float:
        """Accuracy from 0 to 1."""
        return self._right / self._count

    def of(self, team: Team) -> Tally:
        """Return the count over all processes of a team."""
        whole = Tally(self.multilabel)
        sums = torch.tensor(self.state(), dtype=torch.float64)
        team.sum([sums])
        whole.restore(sums.tolist())
        return whole

    def state(self) -> list[float]:
        """Return the sums, to go on from."""
        return [self._count, self._loss, self._right]

    def restore(self, state: list[float]) -> None:
        """Go on from the sums of another."""
        self._count, self._loss, self._right = int(state[0]), state[1], state[2]
