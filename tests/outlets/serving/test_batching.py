from __future__ import annotations

import threading

import numpy as np
import pytest

from firstread.images import Image
from firstread.outlets.serving.batching import Desk, steady, together
from firstread.outlets.serving.service import Answerer


def noise(answerer: Answerer, count: int) -> list[Image]:
    side, rng = answerer.classifier.preprocessing.size, np.random.default_rng(5)
    return [Image(rng.integers(0, 256, (side, side), np.uint8)) for _ in range(count)]


def test_groups_that_share_a_pass_get_the_digits_they_get_alone(answerer: Answerer) -> None:
    classifier, most = answerer.classifier, steady(answerer.classifier)
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


def test_what_waits_shares_a_pass_and_is_finished_before_the_end(answerer: Answerer) -> None:
    passes: list[int] = []
    desk = Desk(answerer.classifier, 4, passes.append)
    started, free = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        free.wait()

    desk.do(hold)
    assert started.wait(60)
    waiting = [desk.answer([image]) for image in noise(answerer, 3)]
    other = desk.do(lambda: "done")  # Those behind it may pass it.
    waiting += [desk.answer([image]) for image in noise(answerer, 2)]
    dropped = desk.answer(noise(answerer, 1))
    assert dropped.cancel()
    free.set()
    desk.close()
    assert other.result(0) == "done"
    assert all(len(one.result(0)) == 1 for one in waiting)
    assert sum(passes) == 5
    assert max(passes) == 4
    with pytest.raises(RuntimeError, match="closed"):
        desk.answer(noise(answerer, 1))


def test_an_error_is_its_askers_alone(answerer: Answerer) -> None:
    desk = Desk(answerer.classifier)
    failed = desk.do(lambda: 1 / 0)
    answered = desk.answer(noise(answerer, 1))
    with pytest.raises(ZeroDivisionError):
        failed.result(60)
    assert len(answered.result(60)) == 1
    desk.close()
    assert not desk.alive
