"""The table of shortcut kinds: what each looks at, with which classifier, and what to do then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from firstread.auditing import traits
from firstread.auditing.finding import Severity
from firstread.auditing.separation import Model
from firstread.auditing.traces import Trace
from firstread.auditing.traits import Trait

_SEES = (
    "A network can learn this instead of the anatomy: it then scores high on these data and "
    "fails on images from elsewhere."
)
_UNSEEN = (
    "A network doesn't see this itself, but it shows that the classes came by different ways, "
    "which may have left traces in the pixels."
)
_ANATOMY_TOO = (
    "The anatomy shows in this too, so that it is no fault in itself. It says how far one gets "
    "with almost nothing: a network that does no better adds nothing."
)


@dataclass(frozen=True)
class Kind:
    """One kind of shortcut.

    Parameters
    ----------
    code
        Of its finding.
    title
        What is looked at, as the start of a sentence.
    look
        Makes the traits of images, from their traces and their rows of the table.
    model
        What is fitted to them: a shallow tree, or a logistic regression.
    worst
        The severity it can have at most.
    why, advice
        As of `Finding`.
    firm
        Makes those of the traits that no anatomy has; where given, only what these tell can be
        severe.
    """

    code: str
    title: str
    look: Callable[[Sequence[Trace], pd.DataFrame], tuple[Trait, ...]]
    model: Model
    worst: Severity
    why: str
    advice: str
    firm: Callable[[Sequence[Trace], pd.DataFrame], tuple[Trait, ...]] | None = None


KINDS = (
    Kind(
        "SHORTCUT-NAME",
        "file names",
        traits.name,
        "tree",
        "note",
        "A network doesn't see file names. But whoever reads the images does, and names given "
        "class by class may mean that the classes were collected by different ways.",
        "Nothing to do for the training; hide the names where people label or read the images.",
    ),
    Kind(
        "SHORTCUT-FILESIZE",
        "file sizes",
        traits.file_size,
        "tree",
        "note",
        "A network doesn't see file sizes. They follow from dimensions, compression and how much "
        "there is in a picture, so that the anatomy shows in them too.",
        "Look at the findings on dimensions and storage.",
    ),
    Kind(
        "SHORTCUT-STORAGE",
        "format, compression and headers of the files",
        traits.storage,
        "tree",
        "severe",
        "Lossy compression leaves marks in the pixels that a network can learn instead of the "
        "anatomy; different formats and headers show that the classes came by different ways.",
        "Export all images from their source again, in one way, without loss (PNG).",
    ),
    Kind(
        "SHORTCUT-SIZE",
        "dimensions in pixels",
        traits.dimensions,
        "tree",
        "severe",
        _SEES + " Squashing to a square leaves the shape of the pixels and the sharpness to see.",
        "Train again with --neutralise size, which pads to a square instead of squashing, and "
        "with an --image-size no larger than the smallest image, as enlarged ones look blurred; "
        "compare. Better, collect all classes at the same dimensions.",
    ),
    Kind(
        "SHORTCUT-CHANNELS",
        "channels, bit depth and colour",
        traits.channels,
        "tree",
        "severe",
        _SEES,
        "Export all images from their source again, in one way; make them gray where colour "
        "means nothing.",
    ),
    Kind(
        "SHORTCUT-BORDER",
        "borders and corners",
        traits.border,
        "tree",
        "severe",
        _SEES + " Where the anatomy reaches the border, part of this is anatomy; where borders "
        "are plain black or white, it is not.",
        "Look at the borders of the images shown. Train again with --neutralise border, which "
        "cuts them off, and compare.",
        traits.frame,
    ),
    Kind(
        "SHORTCUT-MARKER",
        "burned-in text and markers",
        traits.burned_in,
        "tree",
        "severe",
        _SEES + " What was found are candidates: bones and metal can look like letters.",
        "Look at the images shown; export the images without text, or cut or blacken the places "
        "where it stands, in all classes alike. --neutralise border cuts off what stands at the "
        "border.",
    ),
    Kind(
        "SHORTCUT-METADATA",
        "further columns of the table",
        traits.metadata,
        "tree",
        "warning",
        _UNSEEN,
        "Where the column is a scanner, a hospital or a person's age, collect the classes alike in "
        "it, or judge the trained classifier within each of its values.",
    ),
    Kind(
        "SHORTCUT-THUMBNAIL",
        "pictures blurred to 7 x 7 px",
        traits.thumbnail,
        "logistic",
        "note",
        _ANATOMY_TOO,
        "Hold the network's figures against this one.",
    ),
    Kind(
        "SHORTCUT-HISTOGRAM",
        "gray-level histograms (how much of each gray, wherever it lies)",
        traits.histogram,
        "logistic",
        "note",
        _ANATOMY_TOO,
        "Hold the network's figures against this one; train again with --neutralise histogram, "
        "and compare.",
    ),
)
"""All that is tried."""
