"""Step 5: what a model says of an image, where it looked, and the model as a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import PIL.Image

from firstread.classifier import Classifier, load
from firstread.datasets import BETWEEN
from firstread.errors import FirstreadError, UsageError
from firstread.evidence.refusal import Refusal
from firstread.explaining.explanation import Explanation
from firstread.explaining.methods import METHODS
from firstread.explaining.overlay import overlay
from firstread.images import read
from firstread.outlets.export.exporting import exporting
from firstread.outlets.export.files import Exported
from firstread.progress import Step, returned
from firstread.refusing import predict, refusal_of
from firstread.report.thumbnails import encoded
from firstread.report.wording import percent
from firstread.run import CASES, Run

COVERAGE = 0.9
"""Share of images whose true class is in the set of classes."""

ONNX = "model.onnx"
"""The file of an exported model, in its run folder."""

_SIDE = 420


@dataclass(frozen=True)
class Said:
    """What a model says of one image.

    Parameters
    ----------
    name
        Of the image.
    label
        In words.
    chances
        Classes with their probability as a share and in words, the likeliest first.
    names
        Of the classes that can't be ruled out; None where the run has too few images to say.
    advice
        `accept`, `unsure: ...` or `refuse: ...`; empty where that can't be said.
    film, marked
        The image, and the image under its saliency map, as data URIs; the map empty where none
        can be drawn.
    target, signed
        The class that the map speaks for; whether it also shows what speaks against it.
    note
        What was left out, and why.
    """

    name: str
    label: str
    chances: tuple[tuple[str, float, str], ...]
    names: tuple[str, ...] | None
    advice: str
    film: str
    marked: str
    target: str
    signed: bool
    note: str

    @property
    def tone(self) -> str:
        """`good`, `careful` or `bad`, for its colour."""
        tones = {"accept": "good", "unsure": "careful", "refuse": "bad"}
        return tones.get(self.advice.partition(":")[0], "careful")


@dataclass(frozen=True)
class Reader:
    """A finished run, ready to read images.

    Parameters
    ----------
    run, classifier
        The folder, and what was loaded from it.
    refusal
        Of the same; None where the run can't have one.
    doubt
        Why it has none.
    """

    run: Path
    classifier: Classifier
    refusal: Refusal | None
    doubt: str = ""

    @classmethod
    def of(cls, run: Path) -> Reader:
        """Load a run.

        Raises
        ------
        RunError
            If it is not finished, or damaged.
        """
        classifier = load(run)
        try:
            refusal = returned(refusal_of(run, classifier))
            refusal.sets(COVERAGE)
        except FirstreadError as error:
            return cls(run, classifier, None, str(error))
        return cls(run, classifier, refusal)

    def says(self, path: Path, name: str) -> Said:
        """Read one image.

        Parameters
        ----------
        path
            Of the file; of one with several images the first is read that the model would use.
        name
            What it is called.

        Raises
        ------
        FirstreadError
            If it can't be read.
        """
        classifier = self.classifier
        first = str(classifier.used([path])["path"].iloc[0])
        if self.refusal is None:
            row = classifier.predict([first]).iloc[0]
            names, advice = None, ""
        else:
            row = predict(classifier, self.refusal, [first], COVERAGE).iloc[0]
            names = tuple(n for n in str(row["set"]).split(BETWEEN) if n)
            advice = str(row["advice"])
        shares = sorted(((float(row[f"p_{c}"]), c) for c in classifier.classes), reverse=True)
        chances = tuple((c, share, percent(share)) for share, c in shares)
        film, marked, signed, note = self._pictures(first, shares[0][1])
        label = str(row["label"]).replace(BETWEEN, ", ") or "none of them"
        doubts = " ".join(text for text in (self.doubt, note) if text)
        return Said(name, label, chances, names, advice, film, marked, shares[0][1], signed, doubts)

    def _pictures(self, path: str, target: str) -> tuple[str, str, bool, str]:
        own = replace(self.classifier.preprocessing.display, spacing=None)
        image = read(path, own)
        film = PIL.Image.fromarray((255 * image.as_float()).round().astype("uint8"))
        film.thumbnail((_SIDE, _SIDE), PIL.Image.Resampling.LANCZOS)
        try:
            found = self._map(path, target)
        except FirstreadError as error:
            return encoded(film), "", False, str(error)
        marked = PIL.Image.fromarray(overlay(image, found))
        marked.thumbnail((_SIDE, _SIDE), PIL.Image.Resampling.LANCZOS)
        return encoded(film), encoded(marked), METHODS[found.method].signed, ""

    def _map(self, path: str, target: str) -> Explanation:
        try:
            return self.classifier.explain(path, target=target)
        except UsageError:  # A feature map of a single place can't say where.
            return self.classifier.explain(path, "occlusion", target)


def held_out(run: Path) -> list[Path]:
    """Return the images that a run was judged on and that are still there."""
    cases = pd.read_csv(Run.open(run).kept(CASES), dtype=str, keep_default_na=False)
    found = cases.loc[cases["split"] != "train", "path"]
    return [Path(path) for path in found if Path(path).is_file()]


def exported(run: Path) -> Iterator[Step | Exported]:
    """Write a run's model as ONNX into its folder, as `firstread export` does."""
    return exporting(run, run / ONNX)
