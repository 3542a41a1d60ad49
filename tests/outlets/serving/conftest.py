"""A small trained run, its service in this process, and one on a port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import uvicorn
from fastapi.testclient import TestClient

import firstread
from firstread.classifier import load
from firstread.outlets.serving.application import application
from firstread.outlets.serving.gate import Access
from firstread.outlets.serving.limits import Limits
from firstread.outlets.serving.running import configured
from firstread.outlets.serving.service import Answerer
from firstread.progress import returned
from firstread.refusing import refusal_of


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained run that can refuse."""
    root = tmp_path_factory.mktemp("serving")
    rng = np.random.default_rng(0)
    for k in range(12):
        for name, level in [("dark", 60), ("bright", 180)]:
            path = root / "data" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = (level + rng.integers(-50, 50, (48, 48))).astype(np.uint8)
            PIL.Image.fromarray(pixels).save(path)
    options = {"backbone": "mobilenet_v2", "weights": "none", "epochs": 1, "image_size": 64}
    folder = firstread.train(root / "data", root / "RUN", **options).folder
    returned(refusal_of(folder, load(folder)))
    return folder


@pytest.fixture(scope="session")
def answerer(run: Path) -> Answerer:
    return Answerer.of(run)


@pytest.fixture
def client(answerer: Answerer) -> Iterator[Callable[..., TestClient]]:
    """Start a service in this process, with limits by name."""
    with ExitStack() as stack:

        def started(access: Access | None = None, **limits: Any) -> TestClient:
            app = application(answerer, Limits(**limits), access)
            opened = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
            return stack.enter_context(opened)

        yield started


@pytest.fixture(scope="session")
def served(answerer: Answerer) -> Iterator[str]:
    """A service on a free port of this machine."""
    config = configured(application(answerer), Limits())
    config.port = 0
    server = uvicorn.Server(config)
    ready = threading.Event()
    startup = server.startup

    async def started(sockets: Any = None) -> None:
        await startup(sockets=sockets)
        ready.set()

    server.startup = started
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(120)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Images of every raster kind, gray and in colour, no two alike."""
    folder, rng = tmp_path_factory.mktemp("films"), np.random.default_rng(1)
    paths = []
    for number in range(12):
        colour = number % 4 == 3
        pixels = rng.integers(0, 256, (50, 60, 3) if colour else (50, 60), np.uint8)
        path = folder / f"Doe^Jane-{number}.{('png', 'jpg', 'tif', 'bmp')[number % 4]}"
        PIL.Image.fromarray(pixels).save(path)
        paths.append(path)
    return paths


def form(*files: Path | bytes) -> list[tuple[str, tuple[str, bytes]]]:
    """Files as a form's field."""
    read = [file if isinstance(file, bytes) else file.read_bytes() for file in files]
    return [("files", (f"Doe^Jane-{n}", data)) for n, data in enumerate(read)]
