"""Real files, damaged at random: only firstread's own errors come out, and nothing hangs."""

from __future__ import annotations

import gzip
import os
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from firstread.errors import FirstreadError
from firstread.images import Display, decoding, facts, is_image, nifti, read
from firstread.images.inspection import inspect

LARGEST = 600_000
FEW = 400
SECONDS = float(os.environ.get("FIRSTREAD_FUZZ_SECONDS", "60"))
WINDOWS = ("first", "full", "percentile", "40,400", "lung")

# Lengths and counts that go wrong most: none, all, the greatest, and undefined.
TELLING = (b"\x00\x00", b"\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80", b"\xfe\xff\xdd\xe0")

SECRETS = ("CompressedSamples", "Anonymized", "Lestrade", "Doe^")


def seeds() -> list[bytes]:
    """What pydicom ships for its tests, and a few NIfTI volumes."""
    roots = [Path(pydicom.__file__).parent / "data"]
    more = find_spec("data_store")
    if more is not None:
        roots.append(Path(str(more.origin)).parent / "data")
    files = [path for root in roots for path in sorted(root.rglob("*.dcm"))]
    found = [path.read_bytes() for path in files if path.stat().st_size < LARGEST]
    for dtype in (np.int16, np.float32, np.uint8):
        values = np.random.default_rng(0).integers(0, 200, (20, 24, 6)).astype(dtype)
        plain = nibabel.Nifti1Image(values, np.diag([1, 2, 3, 1])).to_bytes()
        found += [plain, gzip.compress(plain), nibabel.Nifti2Image(values, np.eye(4)).to_bytes()]
    return found


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file: bits, bytes, telling numbers, pieces cut out, doubled, moved, or cut off."""
    damaged = bytearray(data)
    for _ in range(int(rng.choice([1, 2, 4, 16]))):
        if len(damaged) < 8:
            break
        # Headers come first, and are where a change does most.
        reach = int(rng.choice([200, 2000, len(damaged)]))
        place = int(rng.integers(0, min(reach, len(damaged) - 4)))
        size = int(rng.choice([1, 4, 64, 1024]))
        match rng.choice(["byte", "bit", "telling", "cut", "double", "end", "noise"]):
            case "byte":
                damaged[place] = int(rng.integers(256))
            case "bit":
                damaged[place] ^= 1 << int(rng.integers(8))
            case "telling":
                word = TELLING[int(rng.integers(len(TELLING)))]
                damaged[place : place + len(word)] = word
            case "cut":
                del damaged[place : place + size]
            case "double":
                damaged[place:place] = damaged[place : place + size]
            case "end":
                del damaged[int(rng.integers(len(damaged) // 2, len(damaged))) :]
            case "noise":
                damaged[place : place + size] = rng.bytes(size)
    return bytes(damaged)


def attempts(rng: np.random.Generator) -> Iterator[Callable[[Path], object]]:
    """What the program does with a file, in one order or another."""
    window = WINDOWS[int(rng.integers(len(WINDOWS)))]
    spacing = None if rng.random() < 0.8 else 1.0
    number = int(rng.choice([1, 1, 2, 7]))
    yield is_image
    yield lambda path: facts(path, ["Manufacturer", "PatientAge"])
    yield lambda path: read(path, Display(window, spacing))
    yield lambda path: read(f"{path}#frame={number}", Display(window, spacing))
    yield lambda path: inspect(f"{path}#frame=1")


def fuzz(path: Path, files: list[bytes], rng: np.random.Generator) -> int:
    """Damage one file and do everything with it; return how many things ended in an error."""
    path.write_bytes(mutated(files[int(rng.integers(len(files)))], rng))
    messages = []
    for attempt in attempts(rng):
        try:
            attempt(path)
        except FirstreadError as error:
            messages.append(str(error))
    for message in messages:
        assert message.startswith(str(path))
        assert not any(secret in message for secret in SECRETS)
    return len(messages)


@pytest.fixture(autouse=True)
def short_of_time_and_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Decoders get two seconds: a sound frame of these takes a tenth of one at most."""
    monkeypatch.setattr(decoding, "SECONDS", 2.0)
    with warnings.catch_warnings():
        # Numbers that are no numbers any more overflow, in headers as in pixels.
        warnings.simplefilter("ignore")
        yield
    nifti._volume.cache_clear()


def test_damaged_files_end_in_firstread_s_own_errors(tmp_path: Path) -> None:
    files, rng = seeds(), np.random.default_rng(0)
    refused = sum(fuzz(tmp_path / "file.dcm", files, rng) for _ in range(FEW))
    assert refused > FEW  # The damage is real: on average more than one attempt of five fails.


@pytest.mark.slow
def test_damaged_files_for_a_minute(tmp_path: Path) -> None:
    seed = int(time.time())
    files, rng = seeds(), np.random.default_rng(seed)
    end = time.monotonic() + SECONDS
    count = 0
    while time.monotonic() < end:
        try:
            fuzz(tmp_path / "file.dcm", files, rng)
        except Exception as error:
            kept = tmp_path / "file.dcm"
            raise AssertionError(f"seed {seed}, file {count}: {error!r}; kept as {kept}") from error
        count += 1
    assert count
