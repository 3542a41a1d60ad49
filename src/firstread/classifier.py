"""The trained thing: a network, its class names and its preprocessing, in one value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from firstread.backbones import Network, Origin, folded, probabilities
from firstread.datasets import BETWEEN, fitted, images_in, parts, stack
from firstread.errors import DataError, ImageError
from firstread.images import Image, Preprocessing, is_directory
from firstread.progress import returned
from firstread.run import Run
from firstread.saving import read, write
from firstread.spreading import AHEAD, ahead
from firstread.threads import torch_workers

if TYPE_CHECKING:
    from firstread.explaining import Explanation

BATCH = 8
"""Images a pass: few stay in a processor's cache, and another core has others."""

Paths = str | Path | Sequence[str | Path]

_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Response:
    """What a network makes of one image.

    Parameters
    ----------
    image
        At the network's size.
    probabilities
        Of each class, float32, shape (classes,).
    features
        Pooled, float32, shape (C,): what the head sees.
    signature
        What every stage makes of it, float32, shape (D,), as of `Network.described`.
    """

    image: Image
    probabilities: npt.NDArray[np.float32]
    features: npt.NDArray[np.float32]
    signature: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Classifier:
    """A trained classifier; predicts like scikit-learn's, from image files.

    Parameters
    ----------
    network
        In inference mode, on the CPU.
    classes
        Class names, in the order of the columns of `predict_proba`.
    head
        The kind of top.
    origin
        Where the backbone's weights came from.
    multilabel
        Whether an image may have several labels, or none: each is given at a probability of one
        half or more.
    slices
        Which slices of volumes and frames of multi-frame files it was trained on, as of
        `images.chosen`; empty where nobody said.

    Examples
    --------
    ::

        classifier = firstread.load("RUN")
        classifier.predict(["film.png"])          # a pandas frame: path, label, p_abd, p_chst
        classifier.predict_proba(["film.png"])    # an array, shape (1, 2)
    """

    network: Network
    classes: tuple[str, ...]
    head: str
    origin: Origin
    multilabel: bool = False
    slices: str = ""

    @property
    def classes_(self) -> npt.NDArray[np.str_]:
        """Class names as scikit-learn gives them."""
        return np.array(self.classes)

    @property
    def preprocessing(self) -> Preprocessing:
        """What images are brought to before the network sees them."""
        return self.network.backbone.preprocessing

    def predict(
        self, paths: Paths, *, slices: str | None = None, skip_unreadable: bool = False
    ) -> pd.DataFrame:
        """Label images.

        Parameters
        ----------
        paths
            Image files; folders, which are searched for images; DICOMDIRs.
        slices
            Which slices of volumes and frames of multi-frame files, as of `used`.
        skip_unreadable
            Leave out files that can't be read, instead of raising.

        Returns
        -------
        frame
            One row an image, in the order given: `path` (`FILE#frame=n` or `FILE#slice=n` of a
            file with several), `label` (several with `;` between, where there may be several),
            and `p_CLASS` for each class, from 0 to 1. The names of files left out are in
            `frame.attrs["skipped"]`.

        Raises
        ------
        DataError
            Naming every file that can't be read, or that there is none.
        """
        return self.tabulated(self.responses(paths, slices), skip_unreadable)

    def used(self, paths: Paths, slices: str | None = None) -> pd.DataFrame:
        """Say which images in some files and folders it would label.

        Parameters
        ----------
        paths
            As of `predict`.
        slices
            As of `images.chosen`. If not given those that it was trained on, or 16 spread evenly
            over each file with several images; then files that were named one by one are used
            even where the training would have left them out of their series.

        Returns
        -------
        frame
            As of `datasets.parts`.

        Raises
        ------
        DataError
            If there is none.
        UsageError
            If `slices` can't be understood, or a volume has not so many.
        """
        named = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
        folders = {path for path in named if path.is_dir() or is_directory(path)}
        files = [f for path in named for f in (images_in(path) if path in folders else [path])]
        if not files:
            listed = ", ".join(map(str, named)) or "nothing"
            advice = "name image files or a folder of them"
            raise DataError([f"{listed}: there are no images; {advice}"])
        kept = () if slices else {*named} - folders
        return parts(files, slices=slices or self.slices or None, kept=kept)

    def tabulated(
        self, responses: Iterable[tuple[Path, Response | ImageError]], skip_unreadable: bool
    ) -> pd.DataFrame:
        """Return the frame of `predict` for what `responses` gave."""
        files, probabilities_, errors = [], [], []
        for path, outcome in responses:
            if isinstance(outcome, ImageError):
                errors.append(outcome)
            else:
                files.append(str(path))
                probabilities_.append(outcome.probabilities)
        if errors and not (skip_unreadable and files):
            raise DataError([str(error) for error in errors])
        table = np.array(probabilities_).reshape(-1, len(self.classes))
        columns = {f"p_{name}": column for name, column in zip(self.classes, table.T, strict=True)}
        frame = pd.DataFrame({"path": files, "label": self._labels(table), **columns})
        frame.attrs["skipped"] = [str(error) for error in errors]
        return frame

    def explain(
        self,
        image: str | Path | Image,
        method: str = "gradcam",
        target: str | None = None,
        *,
        checks: bool = False,
    ) -> Explanation:
        """Show where the network looked in an image.

        Parameters
        ----------
        image
            A file, or an image that was read.
        method
            `gradcam`, `gradcam++`, `evidence` (exact, for a linear head), `integrated` or
            `occlusion`.
        target
            The class to explain; the most probable by default.
        checks
            Whether to find out if the map is worth anything.

        Returns
        -------
        explanation
            Its `map` is of the image's own height and width.

        Raises
        ------
        ImageError
            If the file can't be read.
        UsageError
            If there is no such method or class, or the method can't explain this network.
        InstallError
            If the method needs captum, and that is missing.
        """
        from firstread.explaining import Explainer

        explainer = Explainer.of(self.network, self.classes, self.multilabel, method)
        return returned(explainer.explaining([image], target, checks))[0]

    def _labels(self, table: npt.NDArray[np.float32]) -> list[str]:
        if not self.multilabel:
            return [self.classes[place] for place in table.argmax(axis=1)]
        return [BETWEEN.join(self.classes_[row >= 0.5]) for row in table]

    def predict_proba(self, paths: Paths) -> npt.NDArray[np.float32]:
        """Return the probability of each class for each image, shape (n, classes)."""
        return self.predict(paths).iloc[:, 2:].to_numpy(dtype=np.float32)

    def responses(
        self, paths: Paths, slices: str | None = None
    ) -> Iterator[tuple[Path, Response | ImageError]]:
        """Yield each image with what the network makes of it in one pass, or why it can't be read.

        Parameters
        ----------
        paths, slices
            As of `predict`.
        """
        files = [Path(path) for path in self.used(paths, slices)["path"]]
        batches = list(batched(files, BATCH))
        with torch_workers() as pool:
            for some in ahead(pool, self.fast._read_through, batches, AHEAD):
                yield from some

    def _read_through(self, files: Sequence[Path]) -> list[tuple[Path, Response | ImageError]]:
        """Read one batch of files and run it through the network, as of `responses`."""
        outcomes = [fitted(file, self.preprocessing) for file in files]
        images = [one if isinstance(one, ImageError) else one[0] for one in outcomes]
        return self.answered(zip(files, images, strict=True))

    def answered(
        self, images: Iterable[tuple[_Key, Image | ImageError]]
    ) -> list[tuple[_Key, Response | ImageError]]:
        """Run one batch of images at the network's size through it, and pass errors on."""
        pairs = list(images)
        answers = iter(self.responded([one for _, one in pairs if isinstance(one, Image)]))
        return [(key, next(answers) if isinstance(one, Image) else one) for key, one in pairs]

    @cached_property
    def fast(self) -> Classifier:
        """The same with batch norms folded into their convolutions, which `responses` runs."""
        backbone = folded(self.network.backbone).to(memory_format=torch.channels_last)
        return replace(self, network=Network(backbone, self.network.head).eval())

    def responded(self, images: Sequence[Image]) -> list[Response]:
        """Run one batch of images at the network's size through it."""
        if not images:
            return []
        pixels = torch.from_numpy(stack(images, all(image.gray for image in images)))
        with torch.inference_mode():
            features, signatures = self.network.described(pixels)
            said = probabilities(self.network.head(features), self.multilabel)
        rows = zip(images, said.numpy(), features.numpy(), signatures.numpy(), strict=True)
        return [Response(*row) for row in rows]

    def save(self, folder: Path) -> None:
        """Write the model's two files, as of `saving.write`."""
        write(
            folder,
            self.network,
            {
                "head": self.head,
                "classes": list(self.classes),
                "multilabel": self.multilabel,
                "slices": self.slices,
                "origin": asdict(self.origin),
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        """Read what `save` wrote. Nothing in the files is ever run.

        Raises
        ------
        RunError
            If the files are missing, damaged, changed by hand, or of a newer firstread.
        """
        network, record = read(folder)
        return cls(
            network,
            tuple(record["classes"]),
            record["head"],
            Origin(**record["origin"]),
            record["multilabel"],
            record["slices"],
        )


def batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield items in lists of a size, the last one perhaps shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def load(run: str | Path) -> Classifier:
    """Load the classifier of a finished run.

    Parameters
    ----------
    run
        The run folder.

    Raises
    ------
    RunError
        If there is no finished run there, or its model is damaged.
    """
    return Classifier.load(Run.open(run).folder)
