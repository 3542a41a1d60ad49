"""The weights as they ship: half the digits, a hash, and a card that says how they were made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from firstread.backbones import Backbone, entry
from firstread.phantoms import FAMILIES
from firstread.pretraining.examining import Marks, examine, unseen
from firstread.pretraining.pretrain import Pretrainer

LICENCE = "Apache-2.0"
NEVER_SEEN = (
    "No image of a patient, an animal or anything else that was ever photographed or scanned: "
    "all images were computed by firstread.phantoms."
)


def ship(learner: Pretrainer, folder: Path, seconds: float, workers: int = 0) -> tuple[Path, Marks]:
    """Write a pretrained backbone's weights and their card.

    Filters and matrices are written as float16, the rest (biases, norms) as float32. The figures
    on the card are those of the weights as written.

    Parameters
    ----------
    learner
        At its last step. Its backbone has the written weights afterwards.
    folder
        Where NAME.safetensors and NAME.json go; NAME is the backbone's.
    seconds
        The pretraining's time on the clock.
    workers
        Processes that compute the images of the last examination.

    Returns
    -------
    pathlib.Path, Marks
        Of the weights, and how they answer.
    """
    recipe, backbone = learner.recipe, learner.backbone
    state = _rounded(backbone)
    backbone.network.load_state_dict(state, strict=False)
    marks = examine(backbone, learner.questions, unseen(recipe, workers))
    path = folder / f"{recipe.backbone}.safetensors"
    # One entry alone: safetensors writes several in an order of its own, and the hash would differ.
    content = safetensors.torch.save(state, {"licence": LICENCE})
    card = _card(learner, marks, hashlib.sha256(content).hexdigest(), seconds)
    path.write_bytes(content)
    path.with_suffix(".json").write_text(
        json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return path, marks


def _rounded(backbone: Backbone) -> dict[str, Tensor]:
    return {
        name: (tensor.half() if tensor.ndim > 1 else tensor).cpu().contiguous()
        for name, tensor in backbone.network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def _card(learner: Pretrainer, marks: Marks, sha256: str, seconds: float) -> dict[str, Any]:
    recipe, preprocessing = learner.recipe, entry(learner.recipe.backbone).preprocessing
    return {
        "name": recipe.backbone,
        "what": "A backbone for gray medical images, pretrained on computed images alone.",
        "never_seen": NEVER_SEEN,
        "parameters": sum(p.numel() for p in learner.backbone.parameters()),
        "input_size": recipe.size,
        "mean": list(preprocessing.mean),
        "std": list(preprocessing.std),
        "licence": LICENCE,
        "sha256": sha256,
        "recipe": asdict(recipe),
        "families": [name for name in FAMILIES if name not in recipe.held_out],
        "images": recipe.steps * recipe.batch,
        "views": 2 * recipe.steps * recipe.batch,
        "seconds": round(seconds),
        "steps_on": learner.steps_on,
        "precision": learner.precision,
        "firstread": metadata.version("firstread"),
        "torch": torch.__version__,
        "on_unseen_computed_images": {
            kind: {name: round(value, 4) for name, value in values.items()}
            for kind, values in marks.kinds()
        },
    }
