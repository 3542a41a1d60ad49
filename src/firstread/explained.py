"""A finished run's predictions explained: pictures, and a table of what the checks found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from firstread.classifier import Classifier, load
from firstread.errors import UsageError
from firstread.explaining import Explainer, Explanation
from firstread.explaining.filters import filters_figure, looking
from firstread.explaining.overlay import save_overlay, sheet
from firstread.images import Image, read
from firstread.progress import Step
from firstread.run import CASES, Run

TABLE = "explanations.json"
_BATCH = 16


@dataclass(frozen=True)
class Explained:
    """One image's explanation and where it was written.

    Parameters
    ----------
    path
        The image.
    explanation
        Its map, without the pixels of others.
    overlay, sheet
        The picture of the image's own size, and the sheet with scale, curves and words.
    """

    path: Path
    explanation: Explanation
    overlay: Path
    sheet: Path

    def worth(self) -> str:
        """Say in two words what the checks made of the map; nothing where there were none."""
        checks = self.explanation.checks
        return "" if checks is None else "passes its checks" if checks.passed else "doubtful"


@dataclass(frozen=True)
class Looked:
    """What a layer's filters respond to, and where it was drawn."""

    layer: str
    filters: int
    figure: Path


def explaining(
    run: str | Path,
    images: Sequence[str | Path],
    out: str | Path,
    *,
    method: str = "gradcam",
    target: str | None = None,
    layer: str | None = None,
    checks: bool = True,
) -> Iterator[Step | Explained | Looked]:
    """Explain a run's predictions, and yield what happens as it happens.

    Parameters
    ----------
    run
        A finished run folder.
    images
        Files, or folders of them. With a layer, the data to look through; the run's own training
        images where none are named.
    out
        The folder to write pictures to; made if absent. Of each image: `NAME_METHOD.png`, of its
        own size, and `NAME_METHOD_sheet.png`; and `explanations.json` of them all.
    method, target, checks
        As of `Explainer.explaining`.
    layer
        A stage or module of the network: draw what its filters respond to, as `layer_NAME.png`,
        instead of explaining images.

    Raises
    ------
    FirstreadError
        Naming the file or value, what is wrong with it and the way out.
    """
    classifier = load(run)
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --out takes the name of a folder")
    if layer is not None:
        files = _used(classifier, images) if images else _trained_on(Run.open(run))
        filters = yield from looking(classifier.network, layer, files)
        figure = filters_figure(filters, layer, len(files))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"layer_{_plain(layer)}.png"
        figure.savefig(path, dpi=150)
        yield Looked(layer, len(filters), path)
        return
    files = _used(classifier, images)
    explainer = Explainer.of(classifier.network, classifier.classes, classifier.multilabel, method)
    own = replace(classifier.preprocessing.display, spacing=None)
    records, taken = [], set[str]()
    for first in range(0, len(files), _BATCH):
        batch = files[first : first + _BATCH]
        made = yield from explainer.explaining(batch, target, checks)
        folder.mkdir(parents=True, exist_ok=True)
        for file, explanation in zip(batch, made, strict=True):
            name = _free(f"{_plain(file.name)}_{_plain(method)}", taken)
            done = _written(file, read(file, own), explanation, folder, name)
            records.append({"path": str(file), "picture": name + ".png", **explanation.record()})
            yield done
    text = json.dumps(records, indent=2, ensure_ascii=False)
    (folder / TABLE).write_text(text + "\n", encoding="utf-8")


def _written(
    file: Path, image: Image, explanation: Explanation, folder: Path, name: str
) -> Explained:
    done = Explained(file, explanation, folder / f"{name}.png", folder / f"{name}_sheet.png")
    save_overlay(image, explanation, done.overlay)
    sheet(image, explanation, file.name).savefig(done.sheet, dpi=110)
    return done


def _used(classifier: Classifier, images: Sequence[str | Path]) -> list[Path]:
    return [Path(path) for path in classifier.used(images)["path"]]


def _trained_on(run: Run) -> list[Path]:
    cases = pd.read_csv(run.kept(CASES), dtype=str, keep_default_na=False)
    return [Path(path) for path in cases.loc[cases["split"] == "train", "path"]]


def _plain(name: str) -> str:
    """Return a name without what a file's name can't have, and without its ending."""
    stem = re.sub(r"\.(png|jpe?g|tiff?|bmp|dcm|nii|nii\.gz)(?=$|#)", "", name, flags=re.IGNORECASE)
    return re.sub(r"[^\w.+-]+", "_", stem)


def _free(name: str, taken: set[str]) -> str:
    """Return a name that no other picture has yet, and take it."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free
