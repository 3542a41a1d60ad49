"""What can go wrong with an archive's DICOMweb; a server that answers as told stands in for one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from firstread.errors import DataError, NetworkError, UsageError
from firstread.outlets.pacs.dicomweb import ATTEMPTS, Archive, parse_query, pull, push
from firstread.progress import Notice

SECRET = "1.2.3.4711"


class Answers(BaseHTTPRequestHandler):
    """Gives the statuses it is told to, one after the other, and then an empty list."""

    statuses: list[int]
    seen: list[str]
    body: object

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization", ""))
        status = self.statuses.pop(0) if self.statuses else 200
        data = json.dumps(self.body).encode() if status == 200 else SECRET.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/dicom+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Callable[..., tuple[str, type[Answers]]]]:
    made = []

    def serve(*statuses: int, body: object = ()) -> tuple[str, type[Answers]]:
        kind = type("Told", (Answers,), {"statuses": [*statuses], "seen": [], "body": body})
        running = ThreadingHTTPServer(("127.0.0.1", 0), kind)
        threading.Thread(target=running.serve_forever, daemon=True).start()
        made.append(running)
        return f"http://127.0.0.1:{running.server_address[1]}/dicom-web", kind

    yield serve
    for running in made:
        running.shutdown()
        running.server_close()


def asked(url: str, out: Path, waits: list[float]) -> list[object]:
    archive = Archive(url, wait=waits.append)
    return list(pull(archive, out, studies=[SECRET], query={"PatientName": "Moriarty"}))


def test_a_busy_archive_is_asked_again_later_and_later(
    server: Callable[..., tuple[str, type[Answers]]], tmp_path: Path
) -> None:
    url, kind = server(503, 429, 500)
    waits: list[float] = []
    assert asked(url, tmp_path / "out", waits) == [Notice("the archive has no images like that")]
    assert len(kind.seen) == 4
    assert waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("status", "message", "times"),
    [
        (503, r"refuses \(status 503\) \(5 attempts\)", ATTEMPTS),
        (404, "no such address or object", 1),
        (401, "set DICOMWEB_USER and DICOMWEB_PASSWORD", 1),
        (400, r"refuses \(status 400\)", 1),
    ],
)
def test_what_fails_for_good_is_told_without_names_or_uids(
    server: Callable[..., tuple[str, type[Answers]]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    status: int,
    message: str,
    times: int,
) -> None:
    url, kind = server(*[status] * 9)
    caplog.set_level("DEBUG")
    with pytest.raises(NetworkError, match=message) as raised:
        asked(url, tmp_path / "out", [])
    assert len(kind.seen) == times
    told = str(raised.value) + caplog.text
    assert SECRET not in told
    assert "Moriarty" not in told
    assert not (tmp_path / "out").exists()


def test_an_archive_that_is_away_or_none(
    server: Callable[..., tuple[str, type[Answers]]], tmp_path: Path
) -> None:
    waits: list[float] = []
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:1 can't be reached"):
        asked("http://127.0.0.1:1/dicom-web", tmp_path / "out", waits)
    assert len(waits) == ATTEMPTS - 1
    url, _ = server(body={"no": "list"})
    with pytest.raises(NetworkError, match="is no DICOMweb"):
        asked(url, tmp_path / "out", [])


def test_who_asks_is_taken_from_the_environment(
    server: Callable[..., tuple[str, type[Answers]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, kind = server()
    monkeypatch.setenv("DICOMWEB_TOKEN", "t0ken")
    asked(url, tmp_path / "out", [])
    monkeypatch.setenv("DICOMWEB_USER", "Aladdin")
    monkeypatch.setenv("DICOMWEB_PASSWORD", "open sesame")
    asked(url, tmp_path / "out", [])
    # The example of RFC 2617, section 2.
    assert kind.seen == ["Bearer t0ken", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]


def test_files_that_are_no_dicom_or_refused_are_all_named(
    server: Callable[..., tuple[str, type[Answers]]], ct: Callable[..., Path], tmp_path: Path
) -> None:
    failed = {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [0xA900]}}]}}
    url, _ = server(body=failed)
    (tmp_path / "text").write_text("no image")
    with pytest.raises(DataError) as raised:
        list(push(Archive(url), [ct("good"), tmp_path / "text"]))
    assert len(raised.value.problems) == 2
    assert "good: the archive refuses it (reason A900)" in str(raised.value)
    assert "text: can't be read as DICOM" in str(raised.value)
    assert "0 of 2 files are stored" in str(raised.value)


@pytest.mark.parametrize("url", ["", "localhost:8042", "ftp://host/x", "http://"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(UsageError, match="is no address"):
        Archive(url)


def test_passwords_in_addresses_are_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="holds a password") as raised:
        Archive("https://user:hunter2@archive/dicom-web")
    assert "hunter2" not in str(raised.value)


def test_conditions() -> None:
    assert parse_query(["StudyDescription=a=b"]) == {"StudyDescription": "a=b"}
    for words, message in [
        (["Modality"], "--query 1: is no condition"),
        (["Modality=CR", "Modalty=CR"], "--query 2: 'Modalty' is no keyword"),
    ]:
        with pytest.raises(UsageError, match=message):
            parse_query(words)
    with pytest.raises(UsageError, match="--study 1 is no UID"):
        list(pull(Archive("http://h"), Path("x"), studies=["a"], query={}))
    with pytest.raises(UsageError, match="name what to fetch"):
        list(pull(Archive("http://h"), Path("x"), query={}))
