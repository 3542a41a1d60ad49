from __future__ import annotations

import math
import subprocess
import sys
from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from firstread.backbones import ZOO, entry, measure
from firstread.backbones.lessons import lessons
from firstread.backbones.measure import Architecture, StageMeasure
from firstread.report.architecture import (
    amount,
    field_text,
    lessons_figure,
    rows,
    shape_text,
    stages_figure,
)


def stage(name: str, parameters: int = 10, field: float = 3.0) -> StageMeasure:
    return StageMeasure(name, (8, 4, 4), parameters, 100, field, 1)


def architecture(*stages: StageMeasure) -> Architecture:
    top = StageMeasure("top", (1000,), 7, 7, math.inf, 2)
    return Architecture("net", 32, stages, top, 1, 1, 2, 3.0)


def texts(figure: Figure) -> list[Text]:
    """All that is written in a figure once it is drawn, empty words left out."""
    figure.draw(FigureCanvasAgg(figure).get_renderer())
    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Return the pairs of texts that run into each other, or one text that leaves the page."""
    boxes = {text: text.get_window_extent() for text in texts(figure)}
    page = figure.bbox
    outside = [
        (text.get_text(), "the page")
        for text, box in boxes.items()
        if not (page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1)
    ]
    return outside + [
        (one.get_text(), other.get_text())
        for one, other in combinations(boxes, 2)
        if boxes[one].overlaps(boxes[other])
    ]


NETWORKS = [
    *ZOO,
    "timm/vit_tiny_patch16_224",
    "timm/swin_tiny_patch4_window7_224",
    "timm/densenet121",
    "timm/coat_lite_tiny",
    "timm/efficientnet_b0",
]


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_written_in_a_drawing_overlaps(name: str) -> None:
    assert overlapping(stages_figure(measure(entry(name)))) == []


def test_nothing_written_in_the_lessons_overlaps() -> None:
    assert overlapping(lessons_figure(lessons())) == []


def test_a_drawing_names_every_stage_with_its_numbers() -> None:
    written = [text.get_text() for text in texts(stages_figure(measure(ZOO["vgg16"])))]
    assert {"input", "conv1", "conv2", "conv3", "conv4", "conv5", "dense", "top"} <= set(written)
    assert {"64 x 112 x 112", "512 x 7 x 7", "4096"} <= set(written)
    # 64 x (3 x 9 + 1) + 64 x (64 x 9 + 1) = 38,720 parameters; receptive fields of the blocks.
    assert {"38.7 k", "6 px", "212 px", "whole image"} <= set(written)
    assert any("16 layers" in text and "138 M parameters" in text for text in written)


def test_a_drawing_says_what_it_measures_and_in_which_unit() -> None:
    written = " ".join(text.get_text() for text in texts(stages_figure(measure(ZOO["alexnet"]))))
    for words in ("parameters", "multiply-adds", "receptive field", "channels", "square-root"):
        assert words in written


def test_the_lessons_are_drawn_with_both_rivals_and_both_costs() -> None:
    written = " ".join(text.get_text() for text in texts(lessons_figure(lessons())))
    for words in ("one 5x5", "two 3x3", "102 k", "73.7 k", "321 M", "AlexNet", "61.1 M", "1.50 G"):
        assert words in written
    assert "parameters (1.4 to 1)" in written
    assert "multiply-adds for one input (8.9 to 1)" in written


def test_neighbours_alike_share_a_row_with_their_sums() -> None:
    shown = rows(architecture(stage("a"), stage("b", field=5.0), stage("c", parameters=11)))
    assert [row.name for row in shown] == ["a to b", "c", "top"]
    assert [row.parameters for row in shown] == [20, 11, 7]
    assert [row.macs for row in shown] == [200, 100, 7]
    assert shown[0].receptive_field == 5.0


def test_a_network_without_known_stages_is_drawn_whole() -> None:
    assert [row.name for row in rows(architecture())] == ["all"]
    assert overlapping(stages_figure(architecture())) == []


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1.00 k"),
        (38_720, "38.7 k"),
        (138_357_544, "138 M"),
        (15_470_264_320, "15.5 G"),
        (2_000_000_000_000, "2.00 T"),
    ],
)
def test_counts_are_written_with_three_digits(number: int, written: str) -> None:
    assert amount(number) == written


def test_shapes_and_fields_are_written_in_words() -> None:
    assert shape_text((197, 192)) == "197 tokens x 192"
    assert shape_text((64, 27, 27)) == "64 x 27 x 27"
    assert (field_text(27), field_text(math.inf)) == ("27 px", "whole image")


def test_drawing_needs_no_network_library() -> None:
    check = "import sys, firstread.report.architecture; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
