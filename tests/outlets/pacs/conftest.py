"""A real archive, and a listener as users start it, on ports of this machine that are free."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

import firstread
from firstread.outlets.pacs.node import Node

PATIENCE = 120
PLUGINS = Path("/usr/share/orthanc/plugins")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until(condition: Callable[[], Any], what: str) -> None:
    """Wait for something that happens elsewhere; it fails if it never does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)


def answers_on(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Orthanc:
    node: Node
    http: int

    @property
    def dicomweb(self) -> str:
        return f"http://127.0.0.1:{self.http}/dicom-web"

    def ask(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def instances(self) -> list[dict[str, Any]]:
        """The simplified tags of all that it holds."""
        return [self.ask(f"/instances/{name}/simplified-tags") for name in self.ask("/instances")]

    def empty(self) -> None:
        for patient in self.ask("/patients"):
            self.ask(f"/patients/{patient}", "DELETE")


@pytest.fixture(scope="session")
def running_orthanc(
    tmp_path_factory: pytest.TempPathFactory, installed: Callable[[str], str]
) -> Iterator[Orthanc]:
    program = installed("Orthanc")
    plugin = PLUGINS / "libOrthancDicomWeb.so"
    if not plugin.exists():
        pytest.skip("Orthanc's DICOMweb is not installed (apt install orthanc-dicomweb)")
    folder = tmp_path_factory.mktemp("orthanc")
    node, http = Node("ORTHANC", "127.0.0.1", free_port()), free_port()
    settings = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "Plugins": [str(plugin)],
        "HttpPort": http,
        "DicomPort": node.port,
        "DicomAet": node.ae,
        "DicomCheckCalledAet": True,
        "RemoteAccessAllowed": False,
        "DicomCheckModalityHost": True,
        "DicomAlwaysAllowStore": False,
        "DicomModalities": {
            name: [name, "127.0.0.1", 104] for name in ("FIRSTREAD", "STORESCU", "FINDSCU")
        },
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    log = (folder / "log").open("w")
    process = subprocess.Popen([program, folder / "orthanc.json"], stdout=log, stderr=log)
    try:
        until(lambda: answers_on(http) and answers_on(node.port), "Orthanc")
        yield Orthanc(node, http)
    finally:
        process.terminate()
        process.wait()
        log.close()


@pytest.fixture
def orthanc(running_orthanc: Orthanc) -> Orthanc:
    """Orthanc, holding nothing."""
    running_orthanc.empty()
    return running_orthanc


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained run."""
    root = tmp_path_factory.mktemp("pacs")
    for k in range(6):
        for name, level in [("dark", 40 + k), ("bright", 200 + k)]:
            path = root / "data" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.new("L", (40, 40), level).save(path)
    options = {"backbone": "mobilenet_v2", "weights": "none", "epochs": 1, "image_size": 32}
    return firstread.train(root / "data", root / "RUN", **options).folder


@pytest.fixture
def slices(tmp_path: Path) -> Callable[[int], Path]:
    """Write a folder of CT slices of three studies, no two alike, of a patient with a name."""

    def write(count: int, name: str = "slices") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        dataset = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
        studies = [(generate_uid(), generate_uid()) for _ in range(3)]
        for number in range(count):
            rng = np.random.default_rng(number)
            dataset.PixelData = rng.integers(0, 2000, (128, 128)).astype(np.int16).tobytes()
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID = studies[number % 3]
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            dataset.InstanceNumber = number + 1
            dataset.PatientName, dataset.PatientID = "Moriarty^James", "MRN-4711"
            dataset.PatientBirthDate = "19010203"
            dataset.save_as(folder / f"{number:05d}.dcm")
        return folder

    return write


@dataclass
class Service:
    """`firstread pacs listen` in a process of its own."""

    command: list[str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        until(self._ready, "the listener")

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        return answers_on(self.port)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)


@pytest.fixture
def service(run: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start a listener that sends to a node; ended with the test."""
    started: list[Service] = []

    def start(node: Node, *options: object) -> Service:
        port = free_port()
        words = ("listen", run, "--ae", "FIRSTREAD", "--port", port, "--send-to", node)
        command = [sys.executable, "-m", "firstread", "pacs", *map(str, (*words, *options))]
        made = Service([*command, "--queue", str(tmp_path / "queue")], port, tmp_path / "log")
        started.append(made)
        made.start()
        return made

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    yield start
    for made in started:
        if made.process is not None and made.process.poll() is None:
            made.kill()


@pytest.fixture(scope="session")
def wait() -> Callable[[Callable[[], Any], str], None]:
    return until
