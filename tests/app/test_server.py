"""Who may call the page, and what of the machine it gives away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from firstread.app.server import application
from firstread.app.shelf import Shelf
from firstread.app.showing import problem, style


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, once: Path) -> Shelf:
    shelf = Shelf(tmp_path_factory.mktemp("served") / "runs")
    shutil.copytree(once, shelf.place("first"))
    return shelf


@pytest.fixture(scope="module")
def client(shelf: Shelf) -> Iterator[TestClient]:
    with TestClient(application(shelf), base_url="http://127.0.0.1:7860") as client:
        yield client


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
