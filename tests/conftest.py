"""Images to test on: small ones made here, and the real ones where they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

SHARED = Path(os.environ.get("FIRSTREAD_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and weights; tests that need it are skipped where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"no real images at {SHARED}; name their folder in FIRSTREAD_SHARED")
    return SHARED


@pytest.fixture(scope="session")
def hello_world(shared: Path) -> Path:
    return shared / "data" / "hello_world"


@pytest.fixture(scope="session")
def imagenet_file(shared: Path) -> Path:
    return shared / "weights" / "mobilenet_v2_imagenet.safetensors"


@pytest.fixture
def write_image(tmp_path: Path) -> Callable[..., Path]:
    """Write a gray image of noise about a level; different for every seed."""

    def write(name: str, level: int = 128, seed: int = 0, side: int = 40) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).integers(-20, 20, (side, side + 3))
        PIL.Image.fromarray((level + noise).astype(np.uint8)).save(path)
        return path

    return write


@pytest.fixture
def two_classes(tmp_path: Path, write_image: Callable[..., Path]) -> Path:
    """Eight dark and eight bright images in class folders."""
    for seed in range(8):
        write_image(f"data/dark/{seed}.png", 60, seed)
        write_image(f"data/bright/{seed}.png", 190, seed + 100)
    return tmp_path / "data"
