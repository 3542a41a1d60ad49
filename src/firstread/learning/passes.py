"""Forward passes of a fixed network over image files, one single-threaded pass a core."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from firstread.backbones import Backbone, folded
from firstread.datasets import stack
from firstread.errors import ImageError
from firstread.images import prepared, read
from firstread.learning.augment import Augmentation
from firstread.learning.sheet import FloatArray
from firstread.spreading import ahead
from firstread.threads import torch_workers

BATCH = {"cpu": 8}
"""Views a pass on a device; a small batch stays in a processor's cache, a GPU wants more."""

_OTHERWISE = 64
_WORKERS = 8
_PASSES_ON_A_GPU = 2


@dataclass(frozen=True)
class Job:
    """What to compute of one image.

    Parameters
    ----------
    path
        Its file.
    digest
        SHA-256 of the file's bytes.
    views
        The numbers of the views.
    """

    path: Path
    digest: bytes
    views: tuple[int, ...]


@dataclass(frozen=True)
class Made:
    """What came out of one pass.

    Parameters
    ----------
    views
        Digest of the image and number of the view, for each of b rows.
    shapes, gray
        Of the images themselves, shapes (b, 2) and (b,).
    features
        By stage, b rows each.
    errors
        By digest, why images can't be read.
    asked
        How many views were to be computed.
    """

    views: tuple[tuple[bytes, int], ...]
    shapes: npt.NDArray[np.int64]
    gray: npt.NDArray[np.bool_]
    features: dict[str, FloatArray]
    errors: tuple[tuple[bytes, ImageError], ...]
    asked: int


class Extractor:
    """A fixed network that computes features of image files.

    Each worker reads, decodes, distorts and computes batches of its own, on one thread. So no
    core waits for another, neither within a layer nor for pixels to be decoded: on two cores that
    is measurably more than one pass at a time on both.

    Parameters
    ----------
    backbone
        Stays as it is.
    stages
        Whose features to keep.
    pooled, augmentation, seed, device, precision
        As of `extract`.
    """

    def __init__(
        self,
        backbone: Backbone,
        stages: Sequence[str],
        pooled: bool,
        augmentation: Augmentation,
        seed: int,
        device: str,
        precision: str,
    ) -> None:
        self._settings = (backbone, stages, pooled, augmentation, seed, device, precision)
        self._ready: Future[Backbone] | None = None
        self._backbone = backbone
        self._ends = {backbone.end(stage): stage for stage in stages}
        self._pooled = pooled
        self._augmentation = augmentation
        self._seed = seed
        self._device = device
        self._precision = precision
        self._on_cpu = device == "cpu"
        self._gate = threading.Semaphore(_WORKERS if self._on_cpu else _PASSES_ON_A_GPU)

    def __reduce__(self) -> tuple[Any, ...]:
        return Extractor, self._settings

    def __call__(self, jobs: Sequence[Job]) -> Made:
        """Make one pass, in this thread; the network is made ready at the first."""
        if self._ready is None:
            self._ready = Future()
            self._ready.set_result(self._prepared())
        return self._pass(self._ready, jobs)

    def run(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """Yield what comes out of each batch, in the order of the jobs."""
        if not jobs:
            return
        cores = torch.get_num_threads() if self._on_cpu else os.cpu_count() or 1
        workers = min(_WORKERS, cores)
        with torch_workers(workers) as pool:
            # The first pixels are decoded while the network is made ready.
            network = pool.submit(self._prepared)
            work = partial(self._pass, network)
            yield from ahead(pool, work, batches(jobs, self._device), 2 * workers)

    def _prepared(self) -> Backbone:
        fast = folded(self._backbone)
        return fast.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def _pass(self, network: Future[Backbone], jobs: Sequence[Job]) -> Made:
        pixels: list[Tensor] = []
        views: list[tuple[bytes, int]] = []
        shapes, gray, errors = [], [], []
        preprocessing = self._backbone.preprocessing
        for job in jobs:
            try:
                image = read(job.path, preprocessing.display)
            except ImageError as error:
                errors.append((job.digest, error))
                continue
            plain = torch.from_numpy(stack([prepared(image, preprocessing)], image.gray))
            pixels.extend(self._view(plain, job.digest, number) for number in job.views)
            views.extend((job.digest, number) for number in job.views)
            shapes.extend([image.shape] * len(job.views))
            gray.extend([image.gray] * len(job.views))
        features = self._features(network.result(), _joined(pixels)) if pixels else {}
        return Made(
            tuple(views),
            np.array(shapes, np.int64).reshape(-1, 2),
            np.array(gray, np.bool_),
            features,
            tuple(errors),
            sum(len(job.views) for job in jobs),
        )

    def _view(self, image: Tensor, digest: bytes, number: int) -> Tensor:
        if number == 0:
            return image
        words = [self._seed, number, *np.frombuffer(digest, np.uint32).tolist()]
        state = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)
        return self._augmentation(image, torch.Generator().manual_seed(state))

    def _features(self, network: Backbone, images: Tensor) -> dict[str, FloatArray]:
        kept = {}
        bfloat16 = self._precision == "bfloat16"
        with (
            self._gate,
            torch.inference_mode(),
            torch.autocast(self._device.split(":")[0], torch.bfloat16, enabled=bfloat16),
        ):
            for path, output in network.walk(images.to(self._device)):
                if path not in self._ends:
                    continue
                # Copied at once: the next layer may write over it.
                values = output.float()
                means = self._pooled and values.ndim == 4
                values = values.mean((2, 3)) if means else values.clone()
                kept[self._ends[path]] = values.cpu().contiguous().numpy()
                if len(kept) == len(self._ends):
                    break
        return kept


def _joined(images: Sequence[Tensor]) -> Tensor:
    channels = max(image.shape[1] for image in images)
    return torch.cat([image.expand(-1, channels, -1, -1) for image in images])


def batches(jobs: Iterable[Job], device: str) -> list[tuple[Job, ...]]:
    """Return jobs together as they go through a network: as many views as suit a device."""
    size = BATCH.get(device, _OTHERWISE)
    made: list[tuple[Job, ...]] = []
    together: list[Job] = []
    count = 0
    for job in jobs:
        if together and count + len(job.views) > size:
            made.append(tuple(together))
            together, count = [], 0
        together.append(job)
        count += len(job.views)
    return [*made, tuple(together)] if together else made
