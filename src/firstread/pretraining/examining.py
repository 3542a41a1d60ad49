"""How well a backbone answers on computed images that it does not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from firstread.phantoms import LABELS, SIGNS, TISSUES, Phantoms, stream
from firstread.pretraining.lessons import Questions
from firstread.pretraining.recipe import Recipe

IMAGES = 2048
"""How many images an examination is about."""

_BATCH = 128
# Added to the recipe's seed: no image of an examination is ever learned from.
_APART = 500_000_000


@dataclass(frozen=True)
class Marks:
    """The answers' quality on unseen images, without distortion.

    Parameters
    ----------
    accuracy
        Of each question, over the images to which it applies; nan where there are none.
    auroc
        Of each sign that is both present and absent among the images.
    r2
        Of each tissue's map: the share of the variance between places that is explained.
    """

    accuracy: dict[str, float]
    auroc: dict[str, float]
    r2: dict[str, float]

    def kinds(self) -> list[tuple[str, dict[str, float]]]:
        """Return the figures by kind."""
        return [("accuracy", self.accuracy), ("auroc", self.auroc), ("r2", self.r2)]

    def summary(self) -> dict[str, float]:
        """Return one figure for each kind of question."""
        return {kind: float(np.nanmean([*found.values()])) for kind, found in self.kinds() if found}


def unseen(recipe: Recipe, workers: int = 0) -> list[Phantoms]:
    """Compute the `IMAGES` images of an examination, of which none is ever learned from.

    Parameters
    ----------
    recipe
        Of the pretraining; its held-out families are left out here too.
    workers
        Processes that compute them; this one does it itself where there are none.
    """
    batches = stream(
        *(recipe.seed + _APART, 0, -(-IMAGES // _BATCH)),
        count=_BATCH,
        size=recipe.size,
        without=recipe.held_out,
        workers=workers,
    )
    return [*batches]


def examine(backbone: nn.Module, questions: Questions, images: Sequence[Phantoms]) -> Marks:
    """Put the questions about images that were never learned from.

    Parameters
    ----------
    backbone, questions
        On any device; in training mode again afterwards if they were before.
    images
        As `unseen` computes them.
    """
    device = next(backbone.parameters()).device
    was = backbone.training
    backbone.eval()
    questions.eval()
    answered: list[tuple[dict[str, Tensor], Tensor, Tensor]] = []
    with torch.inference_mode():
        for phantoms in images:
            features = backbone(phantoms.pixels.to(device)).float()
            labels, signs, maps = questions.answers(features)
            answered.append(({k: v.cpu() for k, v in labels.items()}, signs.cpu(), maps.cpu()))
    backbone.train(was)
    questions.train(was)
    return Marks(
        {
            name: _accuracy(
                torch.cat([a[0][name] for a in answered]),
                torch.cat([t.labels[name] for t in images]),
            )
            for name in LABELS
        },
        _aurocs(torch.cat([a[1] for a in answered]), torch.cat([t.signs for t in images])),
        _explained(torch.cat([a[2] for a in answered]), torch.cat([t.thickness for t in images])),
    )


def _accuracy(logits: Tensor, truth: Tensor) -> float:
    asked = truth >= 0
    return float((logits.argmax(1) == truth)[asked].float().mean())


def _aurocs(scores: Tensor, truth: Tensor) -> dict[str, float]:
    found = {}
    for number, name in enumerate(SIGNS):
        known = ~truth[:, number].isnan()
        there = truth[known, number].numpy() > 0.5
        if 0 < there.sum() < len(there):
            found[name] = float(roc_auc_score(there, scores[known, number].numpy()))
    return found


def _explained(found: Tensor, truth: Tensor) -> dict[str, float]:
    result = {}
    for number, name in enumerate(TISSUES):
        wanted, got = truth[:, number], found[:, number]
        known = ~wanted.isnan()
        spread = (wanted[known] - wanted[known].mean()).square().sum()
        result[name] = float(1 - (got[known] - wanted[known]).square().sum() / spread)
    return result
