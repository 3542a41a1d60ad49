"""Pixels at working size: decoded once and kept where they fit, read again where they don't."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firstread.errors import ImageError
from firstread.images import Image, Preprocessing, prepared, read
from firstread.progress import Step
from firstread.spreading import in_threads

PIXEL_BUDGET = 2 * 2**30
"""Bytes of decoded pixels that are kept in memory at most."""


@dataclass(frozen=True)
class PixelStore:
    """The images of some files at working size, gray as one channel where all are gray.

    Parameters
    ----------
    paths
        The files, in order.
    preprocessing
        The size and interpolation that they are read at.
    shapes
        Height and width of each file's own image, int, shape (n, 2).
    gray
        Whether every image is gray.
    kept
        Each image as uint8 or uint16, or None where the budget was too small for them.
    """

    paths: tuple[Path, ...]
    preprocessing: Preprocessing
    shapes: npt.NDArray[np.int64]
    gray: bool
    kept: tuple[Image, ...] | None

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels kept in memory."""
        return sum(image.pixels.nbytes for image in self.kept or ())

    def part(self, places: npt.NDArray[np.int64]) -> PixelStore:
        """Return the store of some of the files, by their places."""
        return replace(
            self,
            paths=tuple(self.paths[place] for place in places),
            shapes=self.shapes[places],
            kept=None if self.kept is None else tuple(self.kept[place] for place in places),
        )

    def batches(self, orders: Iterable[npt.NDArray[np.int64]]) -> Iterator[npt.NDArray[np.float32]]:
        """Yield one batch for each array of places: float32 in [0, 1], shape (b, 1 or 3, S, S)."""
        if self.kept is not None:
            kept = self.kept
            yield from (stack([kept[i] for i in order], self.gray) for order in orders)
            return
        listed = [list(order) for order in orders]
        images = stream([self.paths[i] for order in listed for i in order], self.preprocessing)
        for order in listed:
            yield stack([_or_raise(image) for image in islice(images, len(order))], self.gray)


def stack(images: Sequence[Image], gray: bool) -> npt.NDArray[np.float32]:
    """Join images of one size into float32 in [0, 1], shape (n, 1 or 3, H, W).

    Parameters
    ----------
    images
        Gray ones among colour ones are spread over three channels.
    gray
        Whether all of them are gray, and stay one channel.
    """
    height, width = images[0].shape
    batch = np.empty((len(images), 1 if gray else 3, height, width), np.float32)
    for place, image in enumerate(images):
        batch[place] = np.moveaxis(np.atleast_3d(image.as_float()), -1, 0)
    return batch


def stream(
    paths: Iterable[Path], preprocessing: Preprocessing
) -> Iterator[tuple[Image, tuple[int, int]] | ImageError]:
    """Read files in order, ahead of the reader, in one worker thread a core.

    Yields the image at working size with its original height and width, or the error of a file
    that can't be read. Threads do, because Pillow lets go of the interpreter while it decodes and
    resizes.
    """
    return in_threads(partial(fitted, preprocessing=preprocessing), paths)


def fitted(path: Path, preprocessing: Preprocessing) -> tuple[Image, tuple[int, int]] | ImageError:
    """Read a file; return the image at working size with its own height and width, or the error."""
    try:
        image = read(path, preprocessing.display)
    except ImageError as error:
        return error
    return prepared(image, preprocessing), image.shape


def decode(
    paths: Sequence[Path],
    preprocessing: Preprocessing,
    budget: int = PIXEL_BUDGET,
) -> Generator[Step, None, tuple[PixelStore, list[ImageError]]]:
    """Read every file once; return those that can be read, and the errors of those that can't.

    Yields a step a file.

    Parameters
    ----------
    paths
        Image files.
    preprocessing
        The size and interpolation to keep them at.
    budget
        Bytes of pixels to keep. Where they need more, none are kept, and `PixelStore.batches`
        reads files again with one worker thread a core.
    """
    readable, errors, shapes, gray = [], [], [], True
    kept: list[Image] | None = []
    used = 0
    outcomes = stream(paths, preprocessing)
    for number, (path, outcome) in enumerate(zip(paths, outcomes, strict=True), start=1):
        yield Step("reading images", number, len(paths))
        if isinstance(outcome, ImageError):
            errors.append(outcome)
            continue
        image, shape = outcome
        readable.append(path)
        shapes.append(shape)
        gray = gray and image.gray
        used += image.pixels.nbytes
        if used > budget:
            kept = None
        if kept is not None:
            kept.append(image)
    store = PixelStore(
        tuple(readable),
        preprocessing,
        np.array(shapes, dtype=np.int64).reshape(-1, 2),
        gray,
        None if kept is None else tuple(kept),
    )
    return store, errors


def _or_raise(outcome: tuple[Image, tuple[int, int]] | ImageError) -> Image:
    if isinstance(outcome, ImageError):
        raise outcome
    return outcome[0]
