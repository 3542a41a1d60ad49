"""Films to audit: synthetic radiographs, all different, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from firstread.datasets.films import radiograph

Pixels = npt.NDArray[np.uint8]
Film = Callable[..., Pixels]
Save = Callable[..., Path]

SIDE = 128


@pytest.fixture(scope="session")
def film() -> Film:
    """`film(number, region)` returns one of endlessly many films, always the same."""
    made: dict[tuple[int, str], Pixels] = {}

    def one(number: int, region: str = "chst") -> Pixels:
        if (number, region) not in made:
            rng = np.random.default_rng([number, region == "chst"])
            made[number, region] = radiograph(region, rng, (SIDE, SIDE))
        return made[number, region].copy()

    return one


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """`save(name, pixels)` writes an image below a folder `data` of this test."""

    def write(name: str, pixels: Pixels, **how: object) -> Path:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(pixels).save(path, **how)
        return path

    return write
