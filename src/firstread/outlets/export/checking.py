"""An exported file against PyTorch, from the image file on disk to the probability."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.classifier import Classifier
from firstread.errors import ExportError
from firstread.evidence import Temperature
from firstread.images import Image, prepared
from firstread.outlets.export import standalone
from firstread.outlets.export.making import INPUT, OUTPUTS
from firstread.outlets.export.samples import Sample
from firstread.progress import Step

LIMIT = 1e-4
"""Largest difference of a probability that a float32 file may have."""

Pixels = npt.NDArray[Any]
Running = Callable[[Pixels], tuple[Pixels, Pixels]]
"""Takes displayed pixels (1, H, W, C) to both outputs."""


@dataclass(frozen=True)
class Check:
    """What a comparison with PyTorch showed.

    Parameters
    ----------
    images, made, dicom
        How many were compared; how many of them were made for it; and how many are DICOM files.
    largest
        The largest difference of a probability, as it is or calibrated.
    own, theirs
        Milliseconds an image, from its displayed pixels on, one after the other: `firstread
        predict` and the file; medians.
    """

    images: int
    made: int
    dicom: int
    largest: float
    own: float
    theirs: float


def onnx_run(session: Any) -> Running:
    """Return what runs an ONNX file on pixels."""

    def run(pixels: Pixels) -> tuple[Pixels, Pixels]:
        plain, calibrated = session.run(list(OUTPUTS), {INPUT: pixels})
        return plain, calibrated

    return run


def batch_of(image: Image) -> Pixels:
    """Return an image as a graph takes it, shape (1, H, W, C)."""
    return np.atleast_3d(image.pixels)[None]


def checking(
    what: str,
    run: Running,
    classifier: Classifier,
    temperature: Temperature,
    samples: Sequence[Sample],
) -> Generator[Step, None, Check]:
    """Compare a file with the classifier that it was made of; yield steps.

    Parameters
    ----------
    what
        The file, for messages.
    run
        Runs it.
    classifier, temperature
        What it was made of.
    samples
        Images to compare on.

    Raises
    ------
    ExportError
        If a probability differs by more than `LIMIT`; it names the image and the difference.
    """
    differences, own, theirs = [], [], []
    for number, sample in enumerate(samples, start=1):
        start = time.perf_counter()
        image = prepared(sample.image, classifier.preprocessing)
        expected = classifier.fast.responded([image])[0].probabilities
        between = time.perf_counter()
        plain, calibrated = run(batch_of(sample.image))
        end = time.perf_counter()
        own.append(between - start)
        theirs.append(end - between)
        tempered = temperature.apply(expected[None], classifier.multilabel)
        both = np.stack([plain[0], calibrated[0]]), np.stack([expected, tempered[0]])
        differences.append(float(np.abs(both[0] - both[1]).max()))
        yield Step(f"checking {what}", number, len(samples))
    place = int(np.argmax(differences))  # The first that is not a number, if there is one.
    worst = differences[place]
    if not worst <= LIMIT:
        raise ExportError(
            f"{what}: differs from PyTorch by {worst:.2g} in a probability of "
            f"{samples[place].path}, and {LIMIT:g} is the most allowed; nothing was written. "
            "Please report this with the versions of torch, onnx and onnxruntime"
        )
    return Check(
        len(samples),
        sum(sample.kind != "own" for sample in samples),
        sum(sample.path.suffix == ".dcm" for sample in samples),
        worst,
        1000 * median(own),
        1000 * median(theirs),
    )


def unread(session: Any, samples: Sequence[Sample]) -> list[str]:
    """Return which files the printed page doesn't read as firstread does, each with the reason."""
    found = []
    for sample in samples:
        try:
            theirs = np.atleast_3d(standalone.read(sample.path, session))
        except Exception as error:  # Whatever stops the page, it does not read this file.
            found.append(f"{sample.path}: {str(error) or type(error).__name__}")
            continue
        ours = np.atleast_3d(sample.image.pixels)
        same = theirs.shape[:2] == ours.shape[:2] and theirs.dtype == ours.dtype
        if not (same and np.abs(theirs.astype(int) - ours.astype(int)).max() <= sample.deep):
            found.append(f"{sample.path}: its pixels come out otherwise")
    return found
