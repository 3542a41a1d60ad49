"""Features of fixed networks: computed once a view, all stages in one pass, kept on disk."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firstread.backbones import Backbone
from firstread.errors import ImageError, UsageError, unknown
from firstread.images import located, read
from firstread.learning.augment import PLAIN, Augmentation
from firstread.learning.cache import FeatureCache, Rows, Shelf
from firstread.learning.passes import Extractor, Job, Made, batches
from firstread.learning.sheet import FloatArray, Sheet, Table, View
from firstread.progress import Notice, Step
from firstread.spreading import Each

SHARD_BYTES = 32 * 2**20
SHARD_S = 15.0
"""Features wait in memory for one of these two, then go to the cache."""

_HASHED = 512
_READERS = 4


@dataclass(frozen=True)
class Features:
    """What a fixed network makes of some images.

    Parameters
    ----------
    paths
        The n files that could be read, in the order given.
    stages
        For each stage asked for, float32 of shape (views, n, C), or (views, n, C, h, w) for
        feature maps; large ones are mapped from a file that goes when they do.
    shapes
        Height and width of each file's own image, int, shape (n, 2).
    gray
        Whether each image is gray, bool, shape (n,).
    errors
        Why each of the other files can't be read.
    computed
        How many views of images were computed now; the others were in the cache.
    """

    paths: tuple[Path, ...]
    stages: Mapping[str, FloatArray]
    shapes: npt.NDArray[np.int64]
    gray: npt.NDArray[np.bool_]
    errors: tuple[ImageError, ...]
    computed: int


def extract(
    backbone: Backbone,
    paths: Sequence[Path],
    *,
    stages: Sequence[str] = (),
    pooled: bool = True,
    views: int = 1,
    augmentation: Augmentation = PLAIN,
    seed: int = 0,
    device: str = "cpu",
    precision: str = "float32",
    cache: FeatureCache | None = None,
    each: Each | None = None,
) -> Iterator[Step | Notice | Features]:
    """Compute features of image files, and yield steps, notices, and last the `Features`.

    What was computed before comes from the cache: for the same bytes of a file, whatever its
    name, under the same weights up to the stage, preprocessing and precision. Files of the same
    bytes are computed once. A kill loses the last seconds of work.

    Parameters
    ----------
    backbone
        Stays as it is; a copy computes, in inference mode.
    paths
        Image files.
    stages
        Names of stages, all of which come from one pass; the backbone's last if empty.
    pooled
        Average feature maps over their area.
    views
        View 0 is the image itself, each further one a distorted version, which depends on
        nothing but the image's content, the view's number and the seed.
    augmentation
        How further views are distorted; where it is `PLAIN` there is one view.
    seed
        Of the augmentation.
    device, precision
        As of `Plan`; precision not `auto`.
    cache
        Where features are looked up and kept, if anywhere.
    each
        Who reads, hashes and computes, where it isn't this process.

    Raises
    ------
    UsageError
        If the network lacks a stage, the message listing those it has; or if there is no room
        for the features.
    """
    wanted = _checked(backbone, stages)
    views = 1 if augmentation == PLAIN else views
    places: dict[bytes, list[int]] = defaultdict(list)
    errors: dict[int, ImageError] = {}
    for place, outcome in enumerate(each(_digest, paths) if each else _digests(paths)):
        if isinstance(outcome, ImageError):
            errors[place] = outcome
        else:
            places[outcome].append(place)
        if (place + 1) % _HASHED == 0 or place + 1 == len(paths):
            yield Step("looking up features", place + 1, len(paths))
    keys = {
        (digest, view): _key(digest, view, augmentation, seed)
        for digest in places
        for view in range(views)
    }
    folder = cache.folder if cache and cache.usable else None
    table = Table(places, len(paths), views, {name: Sheet(folder) for name in wanted})
    shelves = _shelves(cache, backbone, wanted, pooled, precision)
    with closing(table):
        stored = table.fill(shelves, {key: view for view, key in keys.items()})
        jobs = _jobs(paths, places, keys, stored)
        steps, done, computed = sum(len(job.views) for job in jobs), 0, 0
        extractor = Extractor(backbone, wanted, pooled, augmentation, seed, device, precision)
        waiting = _Waiting(shelves, stored, keys)
        try:
            for made in each(extractor, batches(jobs, device)) if each else extractor.run(jobs):
                for digest, error in made.errors:
                    errors.update((i, ImageError(paths[i], error.reason)) for i in places[digest])
                table.put(made.views, made.shapes, made.gray, made.features)
                waiting.add(made)
                done += made.asked
                computed += len(made.views)
                yield Step("computing features", done, steps)
                yield from cache.notices() if cache else ()
        finally:
            waiting.flush()
        yield from cache.notices() if cache else ()
        kept = np.array([i for i in range(len(paths)) if i not in errors], dtype=np.int64)
        arrays = {
            name: sheet.finished(views, len(paths), kept) for name, sheet in table.sheets.items()
        }
    yield Features(
        tuple(paths[place] for place in kept),
        arrays,
        table.shapes[kept],
        table.gray[kept],
        tuple(errors[place] for place in sorted(errors)),
        computed,
    )


@dataclass
class _Waiting:
    """Features on their way to the cache, gathered so that shards are few."""

    shelves: Mapping[str, Shelf]
    stored: Mapping[str, set[bytes]]
    keys: Mapping[View, bytes]
    batches: list[Made] = field(default_factory=list)
    nbytes: int = 0
    since: float = field(default_factory=time.monotonic)

    def add(self, made: Made) -> None:
        """Take a batch, and write a shard of each stage when it is time.

        Only between batches: what a killed process left to do is then computed in the same
        batches as it would have been, to the same bits.
        """
        if not self.shelves:
            return
        self.batches.append(made)
        self.nbytes += sum(values.nbytes for values in made.features.values())
        if self.nbytes > SHARD_BYTES or time.monotonic() > self.since + SHARD_S:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        full = [made for made in self.batches if made.views]
        for name, shelf in self.shelves.items() if full else ():
            keys = [self.keys[view] for made in full for view in made.views]
            new = [row for row, key in enumerate(keys) if key not in self.stored[name]]
            shelf.put(
                Rows(
                    tuple(keys[row] for row in new),
                    np.concatenate([made.shapes for made in full])[new],
                    np.concatenate([made.gray for made in full])[new],
                    np.concatenate([made.features[name] for made in full])[new],
                )
            )
        self.batches, self.nbytes, self.since = [], 0, time.monotonic()


def _checked(backbone: Backbone, stages: Sequence[str]) -> tuple[str, ...]:
    for stage in stages:
        if stage not in (*backbone.stages, backbone.stage):
            if not backbone.stages:
                raise UsageError(
                    f"stage {stage!r}: {backbone.entry.name} is run by timm and has no stages "
                    "here, only its last features; leave the stage out"
                )
            raise unknown("stage", stage, backbone.stages, backbone.entry.name)
    return tuple(dict.fromkeys(stages)) or (backbone.stage,)


def _digests(paths: Sequence[Path]) -> Iterator[bytes | ImageError]:
    """Yield the SHA-256 of each file, or why it can't be read."""
    with ThreadPoolExecutor(_READERS) as readers:
        for start in range(0, len(paths), _HASHED):
            yield from readers.map(_digest, paths[start : start + _HASHED])


def _digest(path: Path) -> bytes | ImageError:
    try:
        place, number = located(Path(path))
        with place.open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").digest()
        return whole if number is None else hashlib.sha256(whole + b"%d" % number).digest()
    except OSError:
        try:
            read(path)  # Says in our own words what is wrong.
        except ImageError as error:
            return error
        raise


def _key(digest: bytes, view: int, augmentation: Augmentation, seed: int) -> bytes:
    if view == 0:
        return digest
    distortion = f"{view} {seed} {sorted(asdict(augmentation).items())}"
    return hashlib.sha256(digest + distortion.encode()).digest()


def _shelves(
    cache: FeatureCache | None,
    backbone: Backbone,
    stages: Sequence[str],
    pooled: bool,
    precision: str,
) -> dict[str, Shelf]:
    if cache is None or not cache.usable:
        return {}
    fingerprints = backbone.fingerprints()
    description = {
        # Another version may read files, or distort them, in another way.
        "firstread": metadata.version("firstread"),
        "backbone": backbone.entry.name,
        "pooled": pooled,
        "precision": precision,
        "preprocessing": asdict(backbone.preprocessing),
    }
    return {
        name: cache.shelf({**description, "stage": name, "weights": fingerprints[name]})
        for name in stages
    }


def _jobs(
    paths: Sequence[Path],
    places: Mapping[bytes, list[int]],
    keys: Mapping[View, bytes],
    stored: Mapping[str, set[bytes]],
) -> list[Job]:
    """Return the views that some stage lacks, by image, in the order of the files."""
    known = set.intersection(*stored.values()) if stored else set()
    lacking: dict[bytes, list[int]] = defaultdict(list)
    for (digest, number), key in keys.items():
        if key not in known:
            lacking[digest].append(number)
    return [
        Job(Path(paths[places[digest][0]]), digest, tuple(numbers))
        for digest, numbers in lacking.items()
    ]
