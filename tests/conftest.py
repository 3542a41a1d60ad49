"""Images to test on: small ones made here, and the real ones where they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

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


def dicom_dataset(pixels: np.ndarray, **elements: Any) -> Dataset:
    """Build a CT slice around pixels of shape (rows, columns[, 3]) or (frames, rows, columns)."""
    colour = pixels.ndim >= 3 and pixels.shape[-1] == 3
    frames = pixels.shape[0] if pixels.ndim - colour == 3 else None
    rows, columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    bits = 8 * pixels.dtype.itemsize
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.Modality = "CT"
    dataset.PatientName = "Doe^Jane"
    dataset.PatientID = "MRN-4711"
    dataset.Rows, dataset.Columns = rows, columns
    if frames:
        dataset.NumberOfFrames = frames
    dataset.SamplesPerPixel = 3 if colour else 1
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    data = pixels.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    return dataset


@pytest.fixture
def write_dicom(tmp_path: Path) -> Callable[..., Path]:
    """Write pixels and elements by keyword to a file; `syntax` compresses or deflates them."""

    def write(
        pixels: np.ndarray, name: str = "image.dcm", syntax: str = "", **elements: Any
    ) -> Path:
        dataset = dicom_dataset(pixels, **elements)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if syntax and pydicom.uid.UID(syntax).is_compressed:
            dataset.compress(syntax, generate_instance_uid=False)
        elif syntax:
            dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium without a window, which asks for nothing by itself."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    driver, program = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or program is None:
        pytest.skip("no chromium and chromedriver: apt-get install chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = program
    for flag in (*CHROMIUM, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()
