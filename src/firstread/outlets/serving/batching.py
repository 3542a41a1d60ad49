"""Requests that arrive together share a pass of the network, and no digit of an answer changes.

A library of linear algebra chooses how it adds by the size of a batch, so that an image's
probabilities may differ in their last digits by the company it is in. How many images can share a
pass before that happens is a matter of the network and the machine; it is measured when the
service starts. Up to so many share a pass; more are only put together where they came together,
as `firstread predict` does. As there each core has a pass of its own.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from firstread.backbones import probabilities
from firstread.classifier import Classifier, Response
from firstread.datasets import stack
from firstread.images import Image
from firstread.threads import torch_workers

MOST = 8
"""Images that share a pass at most: measuring more takes long, and gains little on a processor."""

_KEPT = 0.9
"""Weight of the past in the seconds an image takes."""


def together(classifier: Classifier, groups: Sequence[Sequence[Image]]) -> list[list[Response]]:
    """Run groups of images through the network in one pass; the head sees each group alone.

    Parameters
    ----------
    classifier
        Folded, on the CPU.
    groups
        Images at the network's size, all gray or all of them in colour.
    """
    images = [image for group in groups for image in group]
    pixels = torch.from_numpy(stack(images, all(image.gray for image in images)))
    answers, first = [], 0
    with torch.inference_mode():
        features, signatures = classifier.network.described(pixels)
        for group in groups:
            place = slice(first, first + len(group))
            own, signed = features[place].clone(), signatures[place].clone()
            said = probabilities(classifier.network.head(own), classifier.multilabel)
            rows = zip(group, said.numpy(), own.numpy(), signed.numpy(), strict=True)
            answers.append([Response(*row) for row in rows])
            first += len(group)
    return answers


def steady(classifier: Classifier, most: int = MOST) -> int:
    """Measure how many images can share a pass without changing a digit of any answer.

    Parameters
    ----------
    classifier
        On the CPU.
    most
        Where to stop.

    Returns
    -------
    count
        From 1, where no two can, to `most`.
    """
    with torch_workers() as pool:
        work = partial(_steady, classifier.fast, most)
        return min(pool.map(work, ((), (3,))))


def _steady(fast: Classifier, most: int, channels: tuple[int, ...]) -> int:
    side, rng = fast.preprocessing.size, np.random.default_rng(0)
    noise = rng.integers(0, 256, (most, side, side, *channels), np.uint8)
    images = [Image(pixels) for pixels in noise]
    alone = [fast.responded([image])[0] for image in images]
    for count in range(2, most + 1):
        found = together(fast, [[image] for image in images[:count]])
        if not all(_same(one, row[0]) for one, row in zip(alone, found, strict=False)):
            return count - 1
    return most


def _same(one: Response, other: Response) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("features", "signature", "probabilities")
    )


@dataclass(frozen=True, eq=False)
class _Job:
    """Images to answer."""

    images: tuple[Image, ...]
    future: Future[list[Response]] = field(default_factory=Future)

    @property
    def gray(self) -> bool:
        return all(image.gray for image in self.images)


class Desk:
    """The queue before the network, and a thread a core that answers from it.

    Parameters
    ----------
    classifier
        Who answers.
    together
        Images that can share a pass, as `steady` measures.
    passed
        Is told how many images shared each pass.
    """

    def __init__(
        self,
        classifier: Classifier,
        together: int = 1,
        passed: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.together = together
        self._fast = classifier.fast
        self._passed = passed
        self._jobs: deque[_Job] = deque()
        self._calls = 0
        self._changed = threading.Condition()
        self._open = True
        self._pace = 0.05
        threads = torch.get_num_threads()
        self._caller = ThreadPoolExecutor(1, "caller")
        self._cores = ExitStack()
        pool = self._cores.enter_context(torch_workers(threads))
        self._working = [pool.submit(self._work) for _ in range(threads)]

    def answer(self, images: Sequence[Image]) -> Future[list[Response]]:
        """Queue images, which are answered as `Classifier.responses` answers a batch of them."""
        job = _Job(tuple(images))
        with self._changed:
            self._check()
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def do(self, call: Callable[[], Any]) -> Future[Any]:
        """Queue anything else; one after the other, the future has what the call returns.

        It may run the classifier and hook into its network, which those that answer never touch.
        """
        with self._changed:
            self._check()
            self._calls += 1
            future = self._caller.submit(call)
        future.add_done_callback(self._called)
        return future

    def delay(self) -> int:
        """Return the seconds that what waits now will take, at least 1."""
        with self._changed:
            waiting = sum(len(job.images) for job in self._jobs) + self._calls
        return max(1, math.ceil(self._pace * waiting))

    @property
    def alive(self) -> bool:
        """Whether questions are still answered."""
        return self._open and not any(work.done() for work in self._working)

    def close(self) -> None:
        """Finish what is queued, then end."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        wait(self._working)
        self._caller.shutdown()
        self._cores.close()

    def _check(self) -> None:
        if not self._open:
            raise RuntimeError("the desk is closed")

    def _called(self, _: Future[Any]) -> None:
        with self._changed:
            self._calls -= 1

    def _work(self) -> None:
        while jobs := self._next():
            running = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if running:
                self._run(running)

    def _next(self) -> list[_Job]:
        """Wait for work, and take with the first job all that can share its pass."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or not self._open)
            if not self._jobs:
                return []
            first = self._jobs.popleft()
            taken, room = [first], self.together - len(first.images)
            for job in list(self._jobs) if room > 0 else ():
                if job.gray == first.gray and len(job.images) <= room:
                    self._jobs.remove(job)
                    taken.append(job)
                    room -= len(job.images)
            return taken

    def _run(self, jobs: Sequence[_Job]) -> None:
        started = time.perf_counter()
        # MKL has one number for the whole process, which anybody may have set.
        torch.set_num_threads(1)
        try:
            made = together(self._fast, [job.images for job in jobs])
        except BaseException as error:  # Whoever asked is told; the thread goes on.
            for job in jobs:
                job.future.set_exception(error)
            return
        count = sum(len(job.images) for job in jobs)
        self._passed(count)
        taken = (time.perf_counter() - started) / count / len(self._working)
        with self._changed:
            self._pace = _KEPT * self._pace + (1 - _KEPT) * taken
        for job, answer in zip(jobs, made, strict=True):
            job.future.set_result(answer)
