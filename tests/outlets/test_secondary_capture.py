from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from firstread.images import Image, read
from firstread.outlets.answer import Answer
from firstread.outlets.model import Model
from firstread.outlets.secondary_capture import caption, picture, secondary_capture
from firstread.outlets.source import Source
from firstread.outlets.writing import save

Ct = Callable[..., Path]


@pytest.fixture
def answer(ct: Ct) -> Answer:
    return Answer(ct(), ("chst",), (0.25, 0.75))


def test_dciodvfy_finds_no_error(
    answer: Answer, model: Model, dciodvfy: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    for overlay in (None, np.eye(7)):
        made = secondary_capture(Source.of(answer.path), answer, model, overlay=overlay)
        save(made, tmp_path / "sc.dcm")
        assert dciodvfy(tmp_path / "sc.dcm") == []


def test_it_says_what_and_that_it_is_not_for_diagnosis(answer: Answer, model: Model) -> None:
    made = secondary_capture(Source.of(answer.path), answer, model)
    assert made.BurnedInAnnotation == "YES"
    assert made.SeriesDescription == "firstread: not for diagnosis"
    assert made.ImageComments == "NOT FOR DIAGNOSIS. chst: 75.0 %"
    image = pydicom.dcmread(answer.path)
    (source,) = made.SourceImageSequence
    assert source.ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert made.StudyInstanceUID == image.StudyInstanceUID
    assert made.PatientID == image.PatientID
    assert made.SeriesInstanceUID != image.SeriesInstanceUID


def test_the_image_is_there_unchanged_with_words_below(answer: Answer, model: Model) -> None:
    made = secondary_capture(Source.of(answer.path), answer, model)
    seen = read(answer.path)
    expected = np.round(seen.as_float() * 255).astype(np.uint8)
    scale = made.Columns // seen.shape[1]
    above = made.pixel_array[: seen.shape[0] * scale]
    assert made.Columns >= 320
    np.testing.assert_array_equal(above[::scale, ::scale], np.stack([expected] * 3, axis=-1))
    below = made.pixel_array[seen.shape[0] * scale :]
    assert (below == 255).all(axis=-1).sum() > 200
    orange = (below[..., 0] > 200) & (below[..., 2] < 60)
    assert orange.sum() > 200


def test_the_overlay_colours_the_places_that_it_marks(model: Model) -> None:
    image = Image(np.full((400, 400), 100, np.uint8))
    strong = np.zeros((40, 40))
    strong[:20] = 1.0
    drawn = picture(image, Answer(Path("x"), ("abd",), (0.9, 0.1)), model, strong)
    assert (drawn[250:400] == 100).all()
    top = drawn[100, 100].astype(int)
    # Inferno ends in (252, 255, 164); 55 % of it over gray 100.
    np.testing.assert_allclose(top, 0.45 * 100 + 0.55 * np.array([252, 255, 164]), atol=2)


def test_no_label_and_long_ones(model: Model) -> None:
    assert caption(Answer(Path("x"), (), (0.1, 0.2)), model)[0] == "no label at one half or more"
    image = Image(np.zeros((64, 50), np.uint8))
    long = Model(*("R", "n" * 300, "1", "a" * 64), ("x" * 300,), False)
    drawn = picture(image, Answer(Path("x"), ("x" * 300,), (1.0,)), long)
    assert not drawn[:, -2:].any()


def test_one_picture_a_frame(model: Model, tmp_path: Path) -> None:
    path = Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))
    source = Source.of(path)
    uids = set()
    for number in (1, 2):
        answer = Answer(path.with_name(f"{path.name}#frame={number}"), ("abd",), (0.9, 0.1))
        made = secondary_capture(source, answer, model)
        uids.add(made.SOPInstanceUID)
        assert made.SourceImageSequence[0].ReferencedFrameNumber == number
    assert len(uids) == 2
