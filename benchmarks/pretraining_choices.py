"""What to learn from computed images: each way of pretraining, judged on images of new families.

Every variant is pretrained for the same number of steps without some families of computed images.
Then its features, fixed, are put to few-shot tasks on those families alone: which of them an image
is of, and within each of them its view, side, age and position. Logistic regression on 10 images
an answer, judged on the rest, mean over draws. Raw pixels and random weights stand beside. No
real image has a say in this.

    python benchmarks/pretraining_choices.py --steps 600
"""

from __future__ import annotations

import argparse
import os
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tutorial_vs_keras import processor

from firstread.backbones import build
from firstread.phantoms import DRAWS, FAMILIES, LABELS, Phantoms, stream
from firstread.pretraining import Pretrainer, pretraining, read_recipe

HELD_OUT = ("abdomen", "hand", "head_mr", "chest_ct", "contours")
SHOTS, DRAWN, IMAGES = 10, 10, 1500


def tasks(phantoms: Phantoms) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, places and answers of each task that has two answers with enough images."""
    family = phantoms.labels["family"].numpy()
    for name in LABELS:
        answers = phantoms.labels[name].numpy()
        within = [(name, answers >= 0)]
        if name != "family":
            within = [
                (f"{FAMILIES[k]} {name}", (family == k) & (answers >= 0)) for k in np.unique(family)
            ]
        for title, asked in within:
            kinds, counts = np.unique(answers[asked], return_counts=True)
            common = kinds[counts >= 2 * SHOTS]
            if len(common) > 1:
                places = np.flatnonzero(asked & np.isin(answers, common))
                yield title, places, answers[places]


def few_shot(features: np.ndarray, answers: np.ndarray) -> float:
    """Return the balanced accuracy of logistic regression on a few images, mean over draws."""
    found = []
    for draw in range(DRAWN):
        rng = np.random.default_rng(draw)
        order = rng.permutation(len(answers))
        known = np.concatenate([order[answers[order] == k][:SHOTS] for k in np.unique(answers)])
        rest = np.setdiff1d(order, known)
        scaler = StandardScaler().fit(features[known])
        model = LogisticRegression(C=0.01, max_iter=300)
        model.fit(scaler.transform(features[known]), answers[known])
        hit = model.predict(scaler.transform(features[rest])) == answers[rest]
        found.append(np.mean([hit[answers[rest] == k].mean() for k in np.unique(answers)]))
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument(
        "--variant",
        action="append",
        help="fields of the recipe as TOML, e.g. 'teacher = \"masked\"'; give it several times",
    )
    arguments = parser.parse_args()
    print(__doc__.split("\n\n")[1], flush=True)
    held = tuple(name for name in HELD_OUT if name in DRAWS)
    others = tuple(name for name in DRAWS if name not in held)
    unseen = next(stream(987_654_321, 0, 1, count=IMAGES, without=others))
    asked = list(tasks(unseen))
    print("tasks:", ", ".join(name for name, _, _ in asked), flush=True)

    def judge(name: str, features: np.ndarray, seconds: float) -> None:
        scores = {title: few_shot(features[p], a) for title, p, a in asked}
        rest = np.mean([value for title, value in scores.items() if title != "family"])
        print(
            f"{name:40} family {scores['family']:.4f}  within a family {rest:.4f}  "
            f"({seconds:.0f} s)", flush=True,
        )  # fmt: skip

    small = torch.nn.functional.adaptive_avg_pool2d(unseen.pixels, 28).flatten(1).numpy()
    judge("raw pixels, 28 x 28", small, 0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone, _ = build(read_recipe().backbone)
    judge("random weights", _features(backbone, unseen), 0)
    for variant in arguments.variant or ['teacher = "none"', 'teacher = "contrastive"']:
        changes = tomllib.loads(variant.replace(";", "\n"))
        recipe = replace(read_recipe(**changes), steps=arguments.steps, held_out=held)
        learner = Pretrainer(recipe, precision="auto")
        start = time.perf_counter()
        for _ in pretraining(learner, examine_every=None):
            pass
        judge(variant, _features(learner.backbone, unseen), time.perf_counter() - start)
    print(f"{processor()}, {os.cpu_count()} cores.")


def _features(backbone: torch.nn.Module, images: Phantoms) -> np.ndarray:
    backbone.eval()
    with torch.inference_mode():
        maps = [backbone(part).mean((2, 3)) for part in images.pixels.split(128)]
    return torch.cat(maps).numpy()


if __name__ == "__main__":
    main()
