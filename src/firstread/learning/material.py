"""What a training takes of a data set: features and pixels, each computed when first asked for."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.backbones import Backbone
from firstread.datasets import PIXEL_BUDGET, Dataset, PixelStore, decode
from firstread.errors import ImageError
from firstread.images import Preprocessing
from firstread.learning.augment import PLAIN, Augmentation
from firstread.learning.cache import FeatureCache
from firstread.learning.features import Features, extract
from firstread.progress import Notice, Step
from firstread.spreading import Each

Made = Generator[Step | Notice, None, Any]


@dataclass
class Material:
    """The images of a data set, as features of fixed networks and as pixels.

    Parameters
    ----------
    dataset
        The cases.
    cache
        Where features are kept between runs, if anywhere.
    device, precision
        As of `Plan`, precision not `auto`.
    budget
        Bytes of pixels to keep in memory.
    each
        Who computes features on processors, as of `extract`.
    """

    dataset: Dataset
    cache: FeatureCache | None = None
    device: str = "cpu"
    precision: str = "float32"
    budget: int = PIXEL_BUDGET
    each: Each | None = None
    _features: dict[tuple[object, ...], Features] = field(default_factory=dict)
    _stores: dict[Preprocessing, tuple[PixelStore, list[ImageError]]] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        # A piece of work that was sent elsewhere does all of it there.
        return {**self.__dict__, "each": None}

    def without(self, paths: Sequence[Path]) -> Material:
        """Return the material less some files; what was computed of the others stays."""
        if not paths:
            return self
        return replace(self, dataset=self.dataset.without(paths))

    def over(self, dataset: Dataset) -> Material:
        """Return the material of other cases of the same files."""
        return replace(self, dataset=dataset)

    def features(
        self,
        backbone: Backbone,
        stages: Sequence[str],
        *,
        split: str = "",
        pooled: bool = True,
        views: int = 1,
        augmentation: Augmentation = PLAIN,
        seed: int = 0,
    ) -> Made:
        """Yield steps; return features of the cases, or of those of one split, as `Features`.

        Parameters
        ----------
        backbone, stages, pooled, views, augmentation, seed
            As of `extract`.
        split
            Empty for all.
        """
        paths = (self.dataset.part(split) if split else self.dataset).paths
        prints = backbone.fingerprints()
        asked = tuple((stage, prints[stage]) for stage in stages)
        views = 1 if augmentation == PLAIN else views
        kind = (asked, backbone.preprocessing, pooled, self.precision)
        key = (*kind, views, augmentation, seed, paths)
        found = self._features.get(key) or (views == 1 and self._part(key, paths))
        if found:
            return found
        made: Features | None = None
        for event in extract(
            backbone,
            paths,
            stages=stages,
            pooled=pooled,
            views=views,
            augmentation=augmentation,
            seed=seed,
            device=self.device,
            precision=self.precision,
            cache=self.cache,
            each=self.each if self.device == "cpu" else None,
        ):
            if isinstance(event, Features):
                made = event
            else:
                yield event
        assert made is not None
        self._features[key] = made
        return made

    def _part(self, key: tuple[object, ...], paths: tuple[Path, ...]) -> Features | None:
        """Return features of some files, where those of more files are at hand."""
        for other, features in self._features.items():
            if other[:-1] != key[:-1]:
                continue
            place = {path: number for number, path in enumerate(features.paths)}
            if all(path in place for path in paths):
                rows = np.array([place[path] for path in paths], np.int64)
                return replace(
                    features,
                    paths=paths,
                    stages={name: values[:, rows] for name, values in features.stages.items()},
                    shapes=features.shapes[rows],
                    gray=features.gray[rows],
                )
        return None

    @property
    def stores(self) -> Mapping[Preprocessing, PixelStore]:
        """The pixels that are at hand."""
        return {preprocessing: store for preprocessing, (store, _) in self._stores.items()}

    def pixels(self, preprocessing: Preprocessing) -> Made:
        """Yield steps; return the pixel store of the cases, and the errors of the other files."""
        store, errors = self._stores.get(preprocessing, (None, []))
        known = {*(store.paths if store else ()), *(Path(error.path) for error in errors)}
        if store is None or not known.issuperset(self.dataset.paths):
            store, errors = yield from decode(self.dataset.paths, preprocessing, self.budget)
            self._stores[preprocessing] = store, errors
        place = {path: number for number, path in enumerate(store.paths)}
        rows = [place[path] for path in self.dataset.paths if path in place]
        return store.part(np.array(rows, np.int64)), errors


def places(dataset: Dataset, split: str) -> npt.NDArray[np.int64]:
    """Return the places of a split's cases."""
    return np.flatnonzero(dataset.cases["split"] == split)
