"""From uploaded files to what the network makes of them, each step where it belongs."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import PIL.Image
from PIL.PngImagePlugin import PngInfo

from firstread.classifier import BATCH, Classifier, Response, batched, load
from firstread.errors import FirstreadError, UsageError
from firstread.evidence.refusal import REFUSAL_FILE, Refusal
from firstread.explaining.overlay import overlay
from firstread.images import Image, forget_volumes, kind_of, prepared, read
from firstread.outlets.model import Model
from firstread.outlets.serving.answers import NOTE, named, records, refusal
from firstread.outlets.serving.batching import Desk, steady
from firstread.outlets.serving.limits import Limits, Refused, check
from firstread.outlets.serving.metrics import Metrics
from firstread.refusing import advised
from firstread.run import WEIGHTS, Run
from firstread.spreading import WORKERS


@dataclass(frozen=True)
class Answerer:
    """A finished run that answers.

    Parameters
    ----------
    classifier, model
        Who answers, and its name.
    refusal
        What tells images unlike those of training; None where the run has none.
    together
        Images of several requests that can share a pass, as `steady` measures.
    """

    classifier: Classifier
    model: Model
    refusal: Refusal | None
    together: int

    @classmethod
    def of(cls, run: str | Path) -> Answerer:
        """Load a finished run.

        Raises
        ------
        RunError
            If there is none there, or its files are damaged.
        """
        classifier, folder = load(run), Run.open(run).folder
        has = (folder / REFUSAL_FILE).exists()
        known = Refusal.load(folder, folder / WEIGHTS) if has else None
        return cls(classifier, Model.of(run, classifier), known, steady(classifier))


class Service:
    """Threads that read files, and one that has the network.

    Parameters
    ----------
    answerer
        The run.
    limits
        What it takes on.
    metrics
        What it counts.
    """

    def __init__(self, answerer: Answerer, limits: Limits, metrics: Metrics) -> None:
        self.answerer = answerer
        self.limits = limits
        self.desk = Desk(answerer.classifier, answerer.together, metrics.passed)
        self._readers = ThreadPoolExecutor(WORKERS, "reader")

    def close(self) -> None:
        """Finish what was taken, then end."""
        self._readers.shutdown()
        self.desk.close()

    async def predicted(
        self, files: Sequence[Path], coverage: float | None, slices: str | None
    ) -> dict[str, Any]:
        """Return what the model says of files, as `firstread predict` says it of the same files.

        Raises
        ------
        Refused
            413, 415 or 422, naming every file that can't be answered; 503 where it takes too long.
        """
        classifier = self.answerer.classifier
        with self._refusing(files):
            async with asyncio.timeout(self.limits.seconds):
                paths = await self._used(files, slices)
                images = await self._read(paths)
                made = [self.desk.answer(batch) for batch in batched(images, BATCH)]
                answers = [one for batch in made for one in await asyncio.wrap_future(batch)]
                pairs = list(zip(paths, answers, strict=True))
                frame = await self._tabulated(pairs, coverage)
        return {
            "model": named(self.answerer.model),
            "note": NOTE,
            "images": records(frame, classifier.classes),
        }

    async def explained(
        self, files: Sequence[Path], method: str, target: str | None, slices: str | None
    ) -> bytes:
        """Return a PNG of the image's own size, coloured where the network looked.

        Raises
        ------
        Refused
            As of `predicted`; 422 for several images, or a class that the model hasn't.
        """
        with self._refusing(files):
            async with asyncio.timeout(self.limits.seconds):
                paths = await self._used(files, slices)
                if len(paths) != 1:
                    advice = "send one file, and name one of its parts as slices=3"
                    raise Refused(
                        422, f"one image is explained, and this is {len(paths)}; {advice}"
                    )
                subject, image = await self._in_reader(self._seen, paths[0])
                work = self.desk.do(lambda: self._drawn(subject, image, method, target))
                drawn: bytes = await asyncio.wrap_future(work)
                return drawn

    async def _used(self, files: Sequence[Path], slices: str | None) -> list[Path]:
        await self._in_reader(check, files, self.limits)
        frame = await self._in_reader(self.answerer.classifier.used, files, slices)
        if len(frame) > self.limits.images:
            most = f"more than {self.limits.images}; choose fewer by slices"
            raise Refused(422, f"the files hold {len(frame)} images, {most}")
        return [Path(path) for path in frame["path"]]

    async def _read(self, paths: Sequence[Path]) -> list[Image]:
        outcomes = await asyncio.gather(
            *(self._in_reader(self._fitted, path) for path in paths), return_exceptions=True
        )
        errors = [error for error in outcomes if isinstance(error, BaseException)]
        for error in errors:
            if not isinstance(error, FirstreadError):
                raise error
        if errors:
            told = [refusal(e, paths[0].parent) for e in errors if isinstance(e, FirstreadError)]
            raise Refused(422, *dict.fromkeys(text for one in told for text in one.messages))
        return [image for image in outcomes if isinstance(image, Image)]

    def _fitted(self, path: Path) -> Image:
        preprocessing = self.answerer.classifier.preprocessing
        return prepared(read(path, preprocessing.display), preprocessing)

    async def _tabulated(
        self, pairs: Sequence[tuple[Path, Response]], coverage: float | None
    ) -> pd.DataFrame:
        classifier, known = self.answerer.classifier, self.answerer.refusal
        if coverage is None:
            return classifier.tabulated(pairs, skip_unreadable=False)
        if known is None:
            way = "firstread predict RUN IMAGE --coverage 0.9 makes it"
            raise Refused(422, f"this run can't say what to refuse; {way}, then start this again")
        work = self.desk.do(lambda: advised(classifier, known, pairs, coverage, named=False))
        frame: pd.DataFrame = await asyncio.wrap_future(work)
        return frame

    def _seen(self, path: Path) -> tuple[Image | Path, Image]:
        """Return what is explained, and the image at its own size."""
        display = self.answerer.classifier.preprocessing.display
        image = read(path, display)
        if display.spacing is None:
            return image, image
        return path, read(path, type(display)(display.window))

    def _drawn(self, subject: Image | Path, image: Image, method: str, target: str | None) -> bytes:
        found = self.answerer.classifier.explain(subject, method, target)
        told = PngInfo()
        for key, value in (
            ("class", found.target),
            ("probability", repr(found.probability)),
            ("method", found.method),
            ("note", NOTE),
        ):
            told.add_itxt(key, value)
        picture = io.BytesIO()
        PIL.Image.fromarray(overlay(image, found)).save(picture, "PNG", pnginfo=told)
        return picture.getvalue()

    async def _in_reader(self, call: Any, *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._readers, call, *given)

    @contextmanager
    def _refusing(self, files: Sequence[Path]) -> Iterator[None]:
        """Turn firstread's errors into what a client is told; keep nothing of the files."""
        try:
            yield
        except TimeoutError:
            late = f"no answer within {self.limits.seconds:g} s; send fewer images at a time"
            raise Refused(503, late, retry=self.desk.delay()) from None
        except UsageError as error:
            if "--method" in str(error):
                reason = (
                    "the network's map of images of this size has a single place, and can't say "
                    "where; serve a run that was trained with a larger --image-size"
                )
                raise Refused(422, reason) from None
            raise refusal(error, files[0].parent) from None
        except FirstreadError as error:
            raise refusal(error, files[0].parent) from None
        finally:
            if any(kind_of(file) == "nifti" for file in files):
                self._readers.submit(forget_volumes)
