from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import PIL.Image

from firstread.images import Display
from firstread.report.thumbnails import SIDE, Album


def opened(src: str) -> PIL.Image.Image:
    kind, content = src.split(",")
    assert kind == "data:image/jpeg;base64"
    return PIL.Image.open(io.BytesIO(base64.b64decode(content)))


def test_a_thumbnail_keeps_the_proportion_and_the_grays(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 800).astype(np.uint16), (400, 1))
    PIL.Image.fromarray(ramp).save(tmp_path / "ramp.png")
    album = Album(Display(), {str(tmp_path / "ramp.png"): "val, ill"})
    thumbnail = album.thumbnail(str(tmp_path / "ramp.png"))
    assert thumbnail is not None
    assert (thumbnail.name, thumbnail.note) == ("ramp.png", "val, ill")
    picture = opened(thumbnail.src)
    assert picture.size == (thumbnail.width, thumbnail.height) == (SIDE, SIDE // 2)
    middle = np.asarray(picture)[SIDE // 4]
    assert np.abs(middle - np.linspace(0, 255, SIDE)).max() < 6


def test_a_picture_that_has_gone_is_counted_and_not_drawn(tmp_path: Path) -> None:
    album = Album(Display(), {})
    thumbnail = album.thumbnail(str(tmp_path / "gone.png"))
    assert thumbnail is not None
    assert (thumbnail.name, thumbnail.src) == ("gone.png", "")
    assert album.missing == 1


def test_an_album_has_an_end(tmp_path: Path) -> None:
    PIL.Image.new("L", (30, 30)).save(tmp_path / "a.png")
    album = Album(Display(), {}, left=2)
    made = [album.thumbnail(str(tmp_path / "a.png")) for _ in range(3)]
    assert [picture is None for picture in made] == [False, False, True]
