"""Who may call the page, and what of the machine it gives away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from firstread.app.guard import doorway
from firstread.app.page import built
from firstread.app.server import application
from firstread.app.shelf import Shelf
from firstread.app.showing import problem, style
from firstread.errors import UsageError

ADDRESS = "http://127.0.0.1:7860"
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, once: Path) -> Shelf:
    shelf = Shelf(tmp_path_factory.mktemp("served") / "runs")
    shutil.copytree(once, shelf.place("first"))
    return shelf


@pytest.fixture(scope="module")
def stranger(shelf: Shelf) -> Iterator[TestClient]:
    """Somebody else on this machine."""
    page = application(shelf, TOKEN)
    with TestClient(page, base_url=ADDRESS, follow_redirects=False) as stranger:
        yield stranger


@pytest.fixture(scope="module")
def client(stranger: TestClient) -> TestClient:
    """The user, who came in by the address that was printed."""
    client = TestClient(stranger.app, base_url=ADDRESS)
    assert client.get(f"/?token={TOKEN}").status_code == 200
    return client


@pytest.mark.parametrize(
    "path",
    ["/", "/config", "/style.css", "/runs/first/report.html", "/compare", "/gradio_api/info"],
)
@pytest.mark.parametrize("shown", ["", "0" * 32, TOKEN[:-1], TOKEN + "0", "\N{SNOWMAN}"])
def test_a_stranger_is_refused_in_plain_words(stranger: TestClient, path: str, shown: str) -> None:
    cookie = {} if not shown.isascii() else {"cookie": f"firstread-7860={shown}"}
    answers = (
        stranger.get(path, params={"token": shown} if shown else {}),
        stranger.get(path, headers=cookie),
        stranger.post("/gradio_api/upload", files={"files": b"x"}, headers=cookie),
    )
    for answer in answers:
        assert answer.status_code == 403
        assert "Open the address that firstread app printed" in answer.text
        assert "set-cookie" not in answer.headers


def test_the_token_leaves_the_address_and_becomes_a_cookie(stranger: TestClient) -> None:
    answer = stranger.get(f"/?run=first&token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{ADDRESS}/?run=first"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"firstread-7860={TOKEN};")
    assert {"httponly", "samesite=lax"} <= set(cookie.lower().split("; "))
    stranger.cookies.clear()
    # Of another page on this machine, by another port.
    other = stranger.get("/", headers={"cookie": f"firstread-7861={TOKEN}"})
    assert other.status_code == 403


def test_what_is_open_to_strangers_says_nothing_of_the_user(
    stranger: TestClient, shelf: Shelf
) -> None:
    answer = stranger.get("/manifest.json")
    assert "first" not in answer.text.replace("firstread", "")
    assert str(shelf.folder.parent) not in answer.text


def test_a_web_socket_is_refused(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/gradio_api/queue/join"):
        pass


def test_the_door_is_the_user_s_alone_and_goes_with_the_page(tmp_path: Path) -> None:
    address = f"{ADDRESS}/?token={TOKEN}"
    with doorway(tmp_path / "runs", address) as door:
        assert f"url={address}" in door.read_text(encoding="utf-8")
        assert TOKEN not in door.as_uri()
        assert door.stat().st_mode & 0o077 == 0
    assert not door.exists()
    with pytest.raises(UsageError, match="--runs"), doorway(Path("/proc/none"), address):
        pass


def test_the_page_forbids_its_browser_to_call_anybody_else(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "fonts.googleapis" not in answer.text
    assert "cdnjs" not in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:7860"}, 200),
        ({"host": "localhost:7860"}, 200),
        ({"host": "evil.example"}, 421),
        ({"origin": "http://127.0.0.1:7860"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:8000"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_only_this_machine_s_own_pages_are_answered(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert client.get("/", headers=headers).status_code == status


@pytest.mark.parametrize(
    "path",
    [
        "/runs/first/plan.json",
        "/runs/first/..%2f..%2fsecret.txt",
        "/runs/..%2ffirst/report.html",
        "/runs/%2e%2e/report.html",
        "/runs/none/report.html",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../etc/passwd",
        "/docs",
    ],
)
def test_nothing_else_of_the_machine_is_given_away(
    client: TestClient, shelf: Shelf, path: str
) -> None:
    (shelf.folder.parent / "secret.txt").write_text("secret")
    answer = client.get(path)
    assert answer.status_code in (403, 404)
    assert "root:" not in answer.text
    assert str(shelf.folder) not in answer.text


def test_files_of_a_run_are_given_out(client: TestClient) -> None:
    answer = client.get("/runs/first/report.html")
    assert answer.status_code == 200
    assert "<h1>" in answer.text


def test_comparing_what_is_not_there_is_told(client: TestClient) -> None:
    for query in ("run=first", "run=first&run=none", "run=../x&run=first", ""):
        answer = client.get(f"/compare?{query}")
        assert answer.status_code == 400
        assert "Traceback" not in answer.text


def test_an_error_that_is_not_ours_shows_its_kind_alone() -> None:
    shown = problem(ValueError("PatientName Doe^Jane in /home/me"))
    assert "ValueError" in shown
    assert "Doe" not in shown
    assert "/home" not in shown


def test_the_style_is_the_report_s_within_pieces() -> None:
    text = style()
    assert text.count("{") == text.count("}")
    assert text.index(":root") < text.index(".fr {") < text.index(".verdict")


def test_only_what_tells_its_progress_takes_a_stream(shelf: Shelf) -> None:
    streamed = {handler.name for handler in built(shelf).fns.values() if handler.queue}
    assert streamed == {"look", "advise", "read", "read_example", "export"}
