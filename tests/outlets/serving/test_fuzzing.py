"""What nobody should send: it is refused, in words that say nothing of the machine or a patient."""

from __future__ import annotations

import gzip
import io
import logging
import random
import resource
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel
import numpy as np
import PIL.Image
import pytest
from pydicom.uid import RLELossless

from tests.outlets.serving.conftest import form
from tests.outlets.serving.test_limits import png


def _zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("../../film.png", png())
    return made.getvalue()


def _bomb(width: int, height: int) -> bytes:
    """A PNG of many pixels, all black, in a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(min(height, 4000)))
    data = rows + packer.flush()
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def _gzip_bomb() -> bytes:
    """A NIfTI header, and a gibibyte of nothing behind it."""
    header = nibabel.Nifti1Header()
    header.set_data_shape((512, 512, 2048))
    header.set_data_dtype(np.int16)
    packer = zlib.compressobj(9, wbits=31)
    start = packer.compress(header.binaryblock + bytes(4))
    return start + b"".join(packer.compress(bytes(2**20)) for _ in range(1024)) + packer.flush()


def _deflated(size: int) -> bytes:
    """A deflated DICOM file whose data set is one long element."""
    meta = b"\x02\x00\x10\x00UI\x16\x001.2.840.10008.1.2.1.99"
    length = b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(meta))
    packer = zlib.compressobj(9, wbits=-15)
    head = packer.compress(b"\x09\x00\x10\x00OB\x00\x00" + struct.pack("<I", size))
    body = b"".join(packer.compress(bytes(2**20)) for _ in range(size // 2**20))
    return bytes(128) + b"DICM" + length + meta + head + body + packer.flush()


def _tiff() -> bytes:
    made = io.BytesIO()
    PIL.Image.new("L", (40, 40), 99).save(made, "TIFF")
    return made.getvalue()


def _tiff_of_directories() -> bytes:
    """A TIFF whose list of directories leads back to its start."""
    return b"II*\x00\x08\x00\x00\x00" + b"\x00\x00" + b"\x08\x00\x00\x00"


SERVICE = "firstread.serve"
"""Its log; of other libraries it shows warnings, as a program without settings does."""

REFUSED: dict[str, tuple[Callable[[], bytes], tuple[int, ...]]] = {
    "nothing": (lambda: b"", (422,)),
    "text": (lambda: b"hello", (415,)),
    "a zip archive": (_zip, (415,)),
    "an SVG with a script": (
        lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        (415,),
    ),
    "a page that ends in an image": (lambda: b"<html><script>1</script>" + png(), (415,)),
    "a PDF that ends in an image": (lambda: b"%PDF-1.7\n" + png(), (415,)),
    "a GIF and script at once": (lambda: b"GIF89a/*" + bytes(100) + b"*/=1;", (415,)),
    "a JPEG's start before an archive": (lambda: b"\xff\xd8\xff\xe0" + _zip(), (422,)),
    "a PNG's start before a page": (lambda: png()[:8] + b"<script>1</script>", (422,)),
    "a PNG before an archive": (lambda: png() + _zip(), (422,)),
    "a PNG before a page": (lambda: png() + b"<script>1</script>", (422,)),
    "a TIFF before an archive": (lambda: _tiff() + _zip(), (422,)),
    "a program": (lambda: b"\x7fELF" + bytes(200), (415,)),
    "a PNG of too many pixels": (lambda: _bomb(50_000, 50_000), (422,)),
    "a PNG of more than is taken": (lambda: _bomb(7000, 7000), (422,)),
    "a PNG without its rows": (lambda: _bomb(4000, 8000)[:300], (422,)),
    "a gzip bomb": (_gzip_bomb, (413,)),
    "a deflated bomb": (lambda: _deflated(2**30), (413,)),
    "gzip of text": (lambda: gzip.compress(b"text" * 100), (415,)),
    "a TIFF in a circle": (_tiff_of_directories, (422,)),
    "a DICOM preamble alone": (lambda: bytes(128) + b"DICM", (422,)),
    "DICOM of no pixels": (lambda: _deflated(2**20), (422,)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_image_is_refused(client, name: str) -> None:
    make, statuses = REFUSED[name]
    answer = client().post("/v1/predict", files=form(make()))
    assert answer.status_code in statuses, answer.text
    _tells_nothing(answer.text)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows doesn't tell the most memory used")
def test_bombs_take_no_memory(client) -> None:
    service = client()
    sent = form(*(REFUSED[name][0]() for name in ("a gzip bomb", "a deflated bomb")))
    many = form(_bomb(50_000, 50_000), _bomb(7000, 7000))
    service.post("/v1/predict", files=form(png()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for files in (sent, many) * 3:
        assert service.post("/v1/predict", files=files).status_code in (413, 422)
    unit = 2**10 if sys.platform == "linux" else 1
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 100 * 2**20


def _damaged(data: bytes, rng: random.Random) -> Iterator[bytes]:
    """Yield a file cut short, with bytes overwritten, and with some taken out."""
    yield data[: rng.randrange(1, len(data))]
    several = bytearray(data)
    for _ in range(rng.randrange(1, 20)):
        several[rng.randrange(len(data))] = rng.randrange(256)
    yield bytes(several)
    start = rng.randrange(len(data))
    yield data[:start] + data[start + rng.randrange(1, 64) :]


def test_damaged_files_are_answered_or_refused(
    client, tmp_path: Path, write_dicom, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, SERVICE)
    rng, noise = random.Random(0), np.random.default_rng(0)
    pixels = noise.integers(0, 255, (40, 44)).astype(np.uint8)
    sound = [write_dicom(pixels, syntax=syntax).read_bytes() for syntax in ("", RLELossless)]
    for ending in ("png", "jpg", "tif", "bmp"):
        path = tmp_path / f"film.{ending}"
        PIL.Image.fromarray(pixels).save(path)
        sound.append(path.read_bytes())
    volume = tmp_path / "volume.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((20, 20, 2), np.int16), np.eye(4)), volume)
    sound.append(volume.read_bytes())
    service = client()
    for data in sound:
        assert service.post("/v1/predict", files=form(data)).status_code == 200
        for _ in range(4):
            for damaged in _damaged(data, rng):
                answer = service.post("/v1/predict", files=form(damaged))
                assert answer.status_code in (200, 415, 422), answer.text
                _tells_nothing(answer.text)
    _tells_nothing("\n".join(caplog.messages))


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "..\\..\\x.png", "Doe^Jane.png", "a\x00b", "x" * 500],
)
def test_names_of_files_are_never_used(client, name: str, tmp_path: Path) -> None:
    answer = client().post("/v1/predict", files=[("files", (name, png()))])
    assert answer.status_code == 200, answer.text
    assert name not in answer.text


def test_nothing_of_a_patient_is_said_or_logged(
    client, write_dicom, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, SERVICE)
    sound = write_dicom(np.full((40, 40), 9, np.uint8)).read_bytes()
    rows = sound.index(b"\x28\x00\x10\x00US")
    wrong = sound[: rows + 8] + b"Doe^Jane" + sound[rows + 16 :]
    service = client()
    for data in (sound, wrong, sound[:-40], sound.replace(b"MONOCHROME2", b"MRN-4711   ")):
        answer = service.post("/v1/predict?patient=MRN-4711", files=form(data))
        assert answer.status_code in (200, 415, 422)
        _tells_nothing(answer.text)
    _tells_nothing("\n".join(caplog.messages) + "".join(capfd.readouterr()))


def test_a_fault_of_the_program_is_told_without_its_trace(
    client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*given: object) -> None:
        raise RuntimeError("/tmp/secret Doe^Jane")

    monkeypatch.setattr("firstread.outlets.serving.service.prepared", failing)
    answer = client().post("/v1/predict", files=form(png()))
    assert answer.status_code == 500
    assert answer.json() == {"error": "internal_error", "messages": ["something went wrong"]}
    assert "RuntimeError" in caplog.text
    _tells_nothing("\n".join(caplog.messages))


def _tells_nothing(text: str) -> None:
    for secret in ("Traceback", "/tmp", "firstread-serve", ".py", "Doe", "Jane", "MRN-4711"):
        assert secret not in text, text
