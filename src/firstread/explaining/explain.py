"""Explains a batch of images: from a network and images to explanations."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from firstread.backbones import Network, probabilities
from firstread.datasets import stack
from firstread.errors import UsageError, unknown
from firstread.explaining.checks import checking
from firstread.explaining.explanation import Checks, Explanation
from firstread.explaining.geometry import spots
from firstread.explaining.lens import Lens, scores
from firstread.explaining.methods import Method, gray_logits, method
from firstread.images import Image, laid_back, prepared, read, scaled
from firstread.progress import Step

BATCH = 16


@dataclass(frozen=True)
class Explainer:
    """Explains images by one method.

    Parameters
    ----------
    lens
        The network, opened at its feature map.
    classes
        Their names, in the network's order.
    multilabel
        Whether an image may be of several of them.
    method
        The way.
    name
        The method's, as of `METHODS`.
    """

    lens: Lens
    classes: tuple[str, ...]
    multilabel: bool
    method: Method
    name: str

    @classmethod
    def of(
        cls, network: Network, classes: tuple[str, ...], multilabel: bool, name: str = "gradcam"
    ) -> Explainer:
        """Make one of a network and the name of a method.

        Raises
        ------
        UsageError
            If there is no such method.
        """
        return cls(Lens.of(network), classes, multilabel, method(name), name)

    def explaining(
        self, images: Sequence[str | Path | Image], target: str | None = None, checks: bool = False
    ) -> Generator[Step, None, list[Explanation]]:
        """Explain images, one batch after the other; yield steps.

        Parameters
        ----------
        images
            Files, or images as they were read.
        target
            The class to explain; by default each image's most probable.
        checks
            Whether to find out if the maps are worth anything, which costs some fifty passes.

        Raises
        ------
        ImageError
            If a file can't be read.
        UsageError
            If the class isn't one of the network's, or the method can't explain this network.
        """
        if target is not None and target not in self.classes:
            raise unknown("class", target, self.classes, "this model")
        done: list[Explanation] = []
        for first in range(0, len(images), BATCH):
            batch = [self._read(image) for image in images[first : first + BATCH]]
            done += yield from self._batch(batch, target, checks)
            yield Step("explaining", len(done), len(images))
        return done

    def _read(self, image: str | Path | Image) -> tuple[Image, tuple[int, int]]:
        """Return an image as the network takes it but for its size, and its own shape."""
        if isinstance(image, Image):
            return image, image.shape
        display = self.lens.network.backbone.preprocessing.display
        seen = read(image, display)
        own = seen if display.spacing is None else read(image, replace(display, spacing=None))
        return seen, own.shape

    def _batch(
        self, images: Sequence[tuple[Image, tuple[int, int]]], target: str | None, checks: bool
    ) -> Generator[Step, None, list[Explanation]]:
        network, preprocessing = self.lens.network, self.lens.network.backbone.preprocessing
        fitted = [prepared(image, preprocessing) for image, _ in images]
        pixels = torch.from_numpy(stack(fitted, all(image.gray for image in fitted)))
        with torch.no_grad():
            logits = network(pixels)
        said = probabilities(logits, self.multilabel)
        places = said.argmax(1)
        if target is not None:
            places = torch.full_like(places, self.classes.index(target))
        maps = self.maps(pixels, places)
        size, whole = pixels.shape[-1], maps
        if self.method.cheap:  # The others' maps are of tiles of the image, or of its pixels.
            whole = spots(network, size, maps.shape[-1]).spread(maps, size)
        told = scores(logits, places)
        shares = self._shares(maps, pixels, places, told)
        checked: list[Checks | None] = [None] * len(images)
        if checks:
            work = checking(self.lens, self.method, pixels, places, maps, whole, self.multilabel)
            checked = list((yield from work))
        return [
            Explanation(
                scaled(laid_back(whole[n].numpy(), image, preprocessing), shape),
                maps[n].numpy().astype(np.float32),
                self.name,
                self.classes[int(places[n])],
                float(said[n, places[n]]),
                float(told[n]),
                shares[n],
                checked[n],
            )
            for n, (image, shape) in enumerate(images)
        ]

    def maps(self, pixels: Tensor, places: Tensor) -> Tensor:
        """Return the method's maps, shape (B, h, w), of prepared images and classes as numbers.

        Raises
        ------
        UsageError
            If the network's feature map has one place, which says nothing of where.
        """
        maps = self.method.compute(self.lens, pixels, places).detach()
        if min(maps.shape[1:]) < 2:
            name, size = self.lens.network.backbone.entry.name, pixels.shape[-1]
            raise UsageError(
                f"{name} makes a feature map of a single place of images of {size} px, which "
                "can't say where; use --method occlusion, or train with a larger --image-size"
            )
        return maps

    def _shares(
        self, maps: Tensor, pixels: Tensor, places: Tensor, told: Tensor
    ) -> list[float | None]:
        if self.method.adds_up == "mean":
            parts = maps.mean((1, 2)) / told
        elif self.method.adds_up == "sum":
            gray = gray_logits(self.lens.network, pixels, places)
            parts = maps.sum((1, 2)) / (told - gray)
        else:
            return [None] * len(maps)
        return [float(part) if torch.isfinite(part) else None for part in parts]
