from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from firstread.auditing.rivals import simple_rival
from firstread.auditing.traces import Trace, traces
from firstread.datasets import Dataset, load

Write = Callable[..., Path]


def looked_at(folder: Path) -> tuple[Dataset, tuple[Trace, ...]]:
    dataset = load(folder)
    *_, found = traces(dataset.paths)
    return dataset, found


@pytest.fixture
def sized(tmp_path: Path) -> Path:
    """Noise, whose classes differ in nothing but their size."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for label, side in (("wide", 60), ("square", 48)):
            for number in range(12):
                path = tmp_path / "data" / split / label / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                noise = rng.integers(0, 255, (48, side)).astype(np.uint8)
                PIL.Image.fromarray(noise).save(path)
    return tmp_path / "data"


def test_metadata_tell_what_pixels_do_not(sized: Path) -> None:
    dataset, found = looked_at(sized)
    targets = dataset.part("val").targets
    by_metadata = simple_rival("metadata", dataset, found, "val")
    by_pixels = simple_rival("pixels", dataset, found, "val")
    assert isinstance(by_metadata, np.ndarray)
    assert isinstance(by_pixels, np.ndarray)
    assert (by_metadata.argmax(axis=1) == targets).all()
    assert (by_pixels.argmax(axis=1) == targets).mean() < 0.85
    np.testing.assert_allclose(by_metadata.sum(axis=1), 1)


def test_bright_and_dark_are_told_by_pixels(tmp_path: Path, write_image: Write) -> None:
    for split in ("train", "val"):
        for seed in range(6):
            write_image(f"d/{split}/dark/{seed}.png", 60, seed)
            write_image(f"d/{split}/bright/{seed}.png", 190, seed)
    dataset, found = looked_at(tmp_path / "d")
    answers = simple_rival("pixels", dataset, found, "val")
    assert isinstance(answers, np.ndarray)
    assert (answers.argmax(axis=1) == dataset.part("val").targets).all()


def test_why_there_is_no_rival_is_said(sized: Path) -> None:
    dataset, found = looked_at(sized)
    assert simple_rival("pixels", dataset, found[:-1], "val") == (
        "some images could not be looked at"
    )
