from __future__ import annotations

import pytest

from firstread.backbones import measure
from firstread.backbones.catalogue import ZOO
from firstread.backbones.lessons import Lesson, lessons


@pytest.fixture(scope="module")
def taught() -> tuple[Lesson, ...]:
    return lessons()


def test_there_is_a_lesson_for_every_comparison_of_the_tutorial(
    taught: tuple[Lesson, ...],
) -> None:
    assert [lesson.title for lesson in taught] == [
        "Two 3x3 convolutions against one 5x5",
        "The naive Inception module against the one with 1x1 bottlenecks",
        "A plain convolution against a depthwise separable one",
        "AlexNet against GoogLeNet",
    ]


def test_two_3x3_see_what_one_5x5_sees_for_18_parts_in_25(taught: tuple[Lesson, ...]) -> None:
    large, small = taught[0].rivals
    assert large.receptive_field == small.receptive_field == 5
    # Two times 9 C^2 against 25 C^2, as section 2.3 of arXiv:1409.1556 counts.
    assert (large.parameters, small.parameters) == (25 * 64**2, 2 * 9 * 64**2)
    assert small.macs / large.macs == pytest.approx(18 / 25)
    assert "28% fewer parameters" in taught[0].sentence


def test_bottlenecks_make_the_inception_module_what_the_paper_prints(
    taught: tuple[Lesson, ...],
) -> None:
    naive, reduced = taught[1].rivals
    # Table 1 of arXiv:1409.4842, inception (3a): 159K parameters (of 1,024), 128M operations.
    assert reduced.parameters // 1024 == 159
    assert reduced.macs // 10**6 == 128
    assert reduced.channels == 256
    # 1x1 to 64, 3x3 to 128, 5x5 to 32 straight from 192 channels, which pooling passes on.
    assert naive.parameters == 192 * (64 + 9 * 128 + 25 * 32)
    assert naive.macs == naive.parameters * 28 * 28
    assert naive.channels == 64 + 128 + 32 + 192
    assert naive.receptive_field == reduced.receptive_field == 5
    assert "2.4 times" in taught[1].sentence
    assert "256 channels instead of 416" in taught[1].sentence


def test_a_separable_convolution_saves_what_the_formula_says(taught: tuple[Lesson, ...]) -> None:
    plain, separable = taught[2].rivals
    # Section 3.1 of arXiv:1704.04861: the cost is 1/N + 1/k^2 of the plain one.
    assert separable.macs / plain.macs == pytest.approx(1 / 728 + 1 / 9)
    assert separable.parameters / plain.parameters == pytest.approx(1 / 728 + 1 / 9)
    assert plain.receptive_field == separable.receptive_field == 3
    assert "8.9 times fewer" in taught[2].sentence


def test_googlenet_is_smaller_than_alexnet_and_works_more(taught: tuple[Lesson, ...]) -> None:
    alexnet, googlenet = taught[3].rivals
    assert (alexnet.parameters, googlenet.parameters) == (61_100_840, 6_624_904)
    assert alexnet.macs == measure(ZOO["alexnet"]).macs
    # AlexNet's three dense layers: 9216 to 4096 to 4096 to 1000.
    dense = 9217 * 4096 + 4097 * 4096 + 4097 * 1000
    assert f"{dense / 61_100_840:.0%} of AlexNet's sit in its dense layers" in taught[3].sentence
    assert "22 layers against 8" in taught[3].sentence
    assert "9.2 times fewer parameters" in taught[3].sentence
    assert "2.1 times as many multiply-adds" in taught[3].sentence


def test_a_lesson_is_a_table(taught: tuple[Lesson, ...]) -> None:
    frame = taught[0].frame()
    assert list(frame.columns) == [
        "lesson",
        "name",
        "parameters",
        "macs",
        "receptive_field",
        "channels",
    ]
    assert list(frame["name"]) == ["one 5x5", "two 3x3"]
    assert frame["parameters"].tolist() == [102_400, 73_728]


def test_every_lesson_names_its_paper(taught: tuple[Lesson, ...]) -> None:
    assert all("arXiv:" in lesson.source for lesson in taught)
