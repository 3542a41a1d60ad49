from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from firstread.images import Image
from firstread.outlets.serving.batching import Desk, steady, together
from firstread.outlets.serving.service import Answerer


def noise(answerer: Answerer, count: int) -> list[Image]:
    side, rng = answerer.classifier.preprocessing.size, np.random.default_rng(5)
    return [Image(rng.integers(0, 256, (side, side), np.uint8)) for _ in range(count)]


@pytest.fixture
def one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_groups_that_share_a_pass_get_the_digits_they_get_alone(
    answerer: Answerer, one_core: None
) -> None:
    classifier, most = answerer.classifier.fast, steady(answerer.classifier)
    images = noise(answerer, most)
    groups = [images[: most // 2], images[most // 2 :]] if most > 1 else [images]
    for group, answers in zip(groups, together(classifier, groups), strict=True):
        alone = classifier.responded(group)
        for one, other in zip(answers, alone, strict=True):
            np.testing.assert_array_equal(one.probabilities, other.probabilities)
            np.testing.assert_array_equal(one.features, other.features)


def test_a_network_that_minds_its_company_runs_alone(
    answerer: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def minding(classifier, groups):
        made = together(classifier, groups)
        if len(groups) > 3:
            made[0][0].features[:] += 1e-6
        return made

    monkeypatch.setattr("firstread.outlets.serving.batching.together", minding)
    assert steady(answerer.classifier, 6) <= 3


def test_what_waits_shares_a_pass_and_is_finished_before_the_end(
    answerer: Answerer, one_core: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    started, free = threading.Event(), threading.Event()

    def held(classifier, groups):
        started.set()
        free.wait()
        return together(classifier, groups)

    monkeypatch.setattr("firstread.outlets.serving.batching.together", held)
    desk = Desk(answerer.classifier, 4, passes.append)
    waiting = [desk.answer(noise(answerer, 1))]
    assert started.wait(60)
    waiting += [desk.answer([image]) for image in noise(answerer, 5)]
    dropped = desk.answer(noise(answerer, 1))
    assert desk.do(lambda: "done").result(60) == "done"  # It doesn't wait for answers.
    assert dropped.cancel()
    free.set()
    desk.close()
    assert all(len(one.result(0)) == 1 for one in waiting)
    assert passes == [1, 4, 1]
    with pytest.raises(RuntimeError, match="closed"):
        desk.answer(noise(answerer, 1))
    with pytest.raises(RuntimeError, match="closed"):
        desk.do(lambda: "late")


def test_each_core_has_a_pass_of_its_own_at_the_digits_of_one(answerer: Answerer) -> None:
    images, meeting = noise(answerer, 2), threading.Barrier(2)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)

    def met(count: int) -> None:
        meeting.wait(60)  # Two passes end at the same time, or this breaks.

    desk = Desk(answerer.classifier, passed=met)
    answers = [desk.answer([image]) for image in images]
    found = [answer.result(60)[0] for answer in answers]
    desk.close()
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    for image, one in zip(images, found, strict=True):
        alone = answerer.classifier.fast.responded([image])[0]
        np.testing.assert_array_equal(one.probabilities, alone.probabilities)
    torch.set_num_threads(threads)


def test_an_error_is_its_askers_alone(answerer: Answerer) -> None:
    desk = Desk(answerer.classifier)
    failed = desk.do(lambda: 1 / 0)
    answered = desk.answer(noise(answerer, 1))
    with pytest.raises(ZeroDivisionError):
        failed.result(60)
    assert len(answered.result(60)) == 1
    desk.close()
    assert not desk.alive
