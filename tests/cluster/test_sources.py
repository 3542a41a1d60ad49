from __future__ import annotations

import http.server
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("pyarrow", reason="no pyarrow: pip install 'firstread[cluster]'")

from firstread.cluster.manifest import Row, Stored
from firstread.cluster.reading import Reader, load
from firstread.cluster.sources import fingerprint, rows
from firstread.cluster.storage import Storage, fetched, filesystem
from firstread.errors import DataError, ImageError, RunError, UsageError
from firstread.images import Image, Preprocessing, prepared, read

SMALL = Preprocessing(size=16)


def test_tables_name_files_from_their_folder_on_and_urls_as_they_are(tmp_path: Path) -> None:
    names = ["a/1.png", "/films/2.png", "s3://films/3.png"]
    expected = [str(tmp_path / "a/1.png"), *names[1:]]
    table = pd.DataFrame({"n": range(3), "path": names})
    table.to_csv(tmp_path / "films.csv", index=False)
    table.rename(columns={"path": "url"}).to_csv(tmp_path / "films.tsv", index=False, sep="\t")
    table.to_parquet(tmp_path / "films.parquet")
    for name in ("films.csv", "films.tsv", "films.parquet"):
        assert [row.path for row in rows(str(tmp_path / name))] == expected


def test_a_table_without_paths_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("file,label\n1.png,a\n")
    with pytest.raises(
        DataError, match=r"films\.csv: has no column path or url; it has file, label"
    ):
        list(rows(str(tmp_path / "films.csv")))


@pytest.mark.parametrize("name", ["films.csv", "films.parquet", "films.tar"])
def test_a_missing_source_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name}: can't be read"):
        list(rows(str(tmp_path / name)))


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "films.tar").write_text("text " * 300)
    with pytest.raises(DataError, match=r"films\.tar: is no tar archive"):
        list(rows(str(tmp_path / "films.tar")))


def test_images_in_a_shard_are_read_where_they_lie(
    tmp_path: Path, write_image: Callable[..., Path]
) -> None:
    films = [write_image(f"{number}.png", seed=number) for number in range(3)]
    with tarfile.open(tmp_path / "films.tar", "w") as archive:
        for film in films:
            archive.add(film, f"set/{film.name}")
            archive.add(__file__, f"set/{film.stem}.txt")
    found = list(rows(str(tmp_path / "films.tar")))
    assert [row.path for row in found] == [
        f"tar://set/{number}.png::{tmp_path}/films.tar" for number in range(3)
    ]
    for row, film in zip(found, films, strict=True):
        assert fetched(row.file, row.offset, row.size) == film.read_bytes()
        image = load(row, SMALL)
        assert isinstance(image, Image)
        assert image.pixels.tobytes() == prepared(read(film), SMALL).pixels.tobytes()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server of the folder; its URL."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_images_on_a_web_server_are_read(web: str, write_image: Callable[..., Path]) -> None:
    pytest.importorskip("aiohttp")
    film = write_image("film.png")
    image = load(Row(f"{web}/film.png"), SMALL)
    assert isinstance(image, Image)
    assert image.pixels.tobytes() == prepared(read(film), SMALL).pixels.tobytes()
    missing = load(Row(f"{web}/other.png"), SMALL)
    assert isinstance(missing, ImageError)
    assert str(missing) == f"{web}/other.png: does not exist; check the path"


def test_a_url_that_nothing_can_open_is_told() -> None:
    with pytest.raises(UsageError, match=r"name a path, or a URL such as s3://BUCKET/"):
        filesystem("gopher://films/1.png")


def test_a_manifest_gives_each_part_its_rows(tmp_path: Path) -> None:
    given = [Row(f"{number}.png", "films.tar", number, 1) for number in range(601)]
    manifest = Stored.write(iter(given), Storage(str(tmp_path)), 2)
    assert (manifest.images, manifest.parts) == (601, 301)
    assert [row for part in range(301) for row in manifest.rows(part)] == given
    assert [manifest.length(part) for part in (0, 299, 300)] == [2, 2, 1]
    assert len(list((tmp_path / "manifest").iterdir())) == 2
    with pytest.raises(DataError, match="there are no images"):
        Stored.write(iter(()), Storage(str(tmp_path / "other")), 2)


def test_files_are_there_whole_or_not_at_all(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write("a/b.bin", b"one")
    storage.write("a/b.bin", b"two")
    (tmp_path / "a" / "c.bin.0.tmp").write_bytes(b"of a killed process")
    assert storage.names("a") == {"b.bin"}
    assert storage.names("nowhere") == set()
    assert storage.read("a/b.bin") == b"two"
    storage.tidy("a")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.bin"]
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(RunError, match=r"taken/x\.bin can't be written .* goes on where it"):
        storage.write("taken/x.bin", b"")


def test_storage_that_fails_for_once_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("firstread.cluster.storage.time.sleep", waited.append)
    (tmp_path / "film.png").write_bytes(b"pixels")
    local, path = filesystem(tmp_path / "film.png")
    fails = [OSError("SlowDown"), OSError("SlowDown")]

    class Flaky:
        def open_input_stream(self, name: str) -> object:
            if fails:
                raise fails.pop()
            return local.open_input_stream(name)

    monkeypatch.setattr("firstread.cluster.storage.filesystem", lambda name: (Flaky(), path))
    assert fetched("s3://films/film.png") == b"pixels"
    assert waited == [1.0, 2.0]
    fails += [OSError("SlowDown")] * 4
    with pytest.raises(OSError, match="SlowDown"):
        fetched("s3://films/film.png")


def test_another_table_has_another_fingerprint(tmp_path: Path) -> None:
    table = tmp_path / "films.csv"
    table.write_text("path\n1.png\n")
    before = fingerprint([str(table)])
    assert fingerprint([str(table)]) == before
    table.write_text("path\n1.png\n2.png\n")
    assert fingerprint([str(table)]) != before


def test_a_careful_reader_gives_what_any_reader_does(
    tmp_path: Path, write_image: Callable[..., Path]
) -> None:
    given = [Row(str(write_image("film.png"))), Row(str(tmp_path / "nowhere.png"))]
    quick, careful = (list(Reader(SMALL, careful=c).read(given)) for c in (False, True))
    for one, other in zip(quick, careful, strict=True):
        assert type(one) is type(other)
    first, second = quick[0], careful[0]
    assert isinstance(first, Image)
    assert isinstance(second, Image)
    assert first.pixels.tobytes() == second.pixels.tobytes()
    assert str(quick[1]) == str(careful[1]) == f"{given[1].path}: does not exist; check the path"
