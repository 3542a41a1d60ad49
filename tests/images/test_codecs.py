"""Which package decodes what; what those without the GPL do is compared with dcmtk elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.pixels.decoders.base import Decoder

from firstread.errors import ImageError
from firstread.images import read
from firstread.images.codecs import plugin


@pytest.mark.parametrize(
    ("syntax", "bits", "expected"),
    [
        (uid.JPEGBaseline8Bit, 8, "gdcm"),
        (uid.JPEGExtended12Bit, 8, "gdcm"),
        (uid.JPEGExtended12Bit, 12, "pylibjpeg"),
        (uid.JPEGLossless, 16, "gdcm"),
        (uid.JPEGLosslessSV1, 16, "gdcm"),
        (uid.JPEGLSLossless, 16, "pyjpegls"),
        (uid.JPEGLSNearLossless, 8, "pyjpegls"),
        (uid.JPEG2000Lossless, 16, "pylibjpeg"),
        (uid.JPEG2000, 8, "pylibjpeg"),
        (uid.HTJ2K, 16, "pylibjpeg"),
        (uid.RLELossless, 16, "pylibjpeg"),
    ],
)
def test_the_decoder_of_each_syntax(syntax: uid.UID, bits: int, expected: str) -> None:
    assert plugin(syntax, bits) == expected


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("JPGExtended.dcm", "'firstread[jpeg12]'"),
        ("SC_rgb_jpeg_gdcm.dcm", "python-gdcm"),
        ("MR_small_jpeg_ls_lossless.dcm", "pyjpegls"),
        ("MR_small_jp2klossless.dcm", "pylibjpeg pylibjpeg-openjpeg"),
    ],
)
def test_what_is_missing_is_named(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Decoder, "available_plugins", ())
    path = Path(str(get_testdata_file(name, download=False)))
    with pytest.raises(ImageError) as raised:
        read(path)
    assert str(raised.value).endswith(f"which needs another package: pip install {package}")
