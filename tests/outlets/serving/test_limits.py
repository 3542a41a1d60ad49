from __future__ import annotations

import asyncio
import io
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import PIL.Image
import pytest
from uvicorn.server import ServerState

from firstread.errors import UsageError
from firstread.outlets.serving.application import application
from firstread.outlets.serving.batching import together
from firstread.outlets.serving.gate import LOOPBACK, Access
from firstread.outlets.serving.limits import Limits
from firstread.outlets.serving.running import Punctual, configured
from firstread.outlets.serving.service import Answerer
from tests.outlets.serving.conftest import form


def png(width: int = 40, height: int = 40) -> bytes:
    made = io.BytesIO()
    PIL.Image.new("L", (width, height), 99).save(made, "PNG")
    return made.getvalue()


@pytest.mark.parametrize(
    ("limits", "files", "status", "message"),
    [
        ({"file_bytes": 50}, (png(),), 413, "file 1 has more than"),
        ({"request_bytes": 100}, (png(),), 413, "the request has more than"),
        ({"files": 2}, (png(), png(), png()), 422, "more than 2 files"),
        ({"images": 1}, (png(), png()), 422, "the files hold 2 images, more than 1"),
        ({"pixels": 1599}, (png(),), 422, "file 1 has 0.0016 million pixels"),
        ({}, (png(), b"some text"), 415, "file 2 is no image"),
        ({}, (png(), b""), 422, "file 2 is empty"),
        ({}, (png(8, 8),), 422, "file 1 is 8 x 8 px; firstread takes 16 to 8,000 px a side"),
    ],
)
def test_each_limit_has_a_status_and_a_reason(client, limits, files, status, message) -> None:
    answer = client(**limits).post("/v1/predict", files=form(*files))
    assert answer.status_code == status, answer.text
    assert answer.json()["messages"][0].startswith(message)


def test_every_file_that_cannot_be_used_is_named(client) -> None:
    answer = client().post("/v1/predict", files=form(b"text", png(), b""))
    assert [text[:6] for text in answer.json()["messages"]] == ["file 1", "file 3"]


def test_what_is_declared_too_large_is_refused_before_it_is_sent(client) -> None:
    headers = {"content-length": str(2 * 10**9), "content-type": "multipart/form-data; boundary=x"}
    answer = client().post("/v1/predict", headers=headers, content=b"")
    assert answer.status_code == 413


def test_a_body_of_no_declared_length_ends_where_it_is_too_large(client) -> None:
    sent = []

    def body():
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        for _ in range(1000):
            sent.append(1)
            yield bytes(2**16)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = client(request_bytes=2**20).post("/v1/predict", headers=headers, content=body())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"content-type": "application/json"}, b"{}", 415),
        ({"content-type": "multipart/form-data"}, b"", 400),
        ({"content-type": "multipart/form-data; boundary=x"}, b"not a form", 400),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x--\r\n", 422),
    ],
)
def test_what_is_no_form(client, headers, content, status) -> None:
    assert client().post("/v1/predict", headers=headers, content=content).status_code == status


def test_other_fields_are_refused(client) -> None:
    answer = client().post("/v1/predict", files=form(png()), data={"patient": "Doe^Jane"})
    assert answer.status_code == 422
    assert "Doe" not in answer.text


class Held:
    """Keeps the network busy until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free, self.entered = threading.Event(), threading.Event()

        def held(classifier, groups):
            self.entered.set()
            self.free.wait()
            return together(classifier, groups)

        monkeypatch.setattr("firstread.outlets.serving.batching.together", held)


def test_beyond_the_queue_requests_are_told_when_to_come_again(client, monkeypatch) -> None:
    held, service = Held(monkeypatch), client(waiting=1)
    answers = []
    first = threading.Thread(
        target=lambda: answers.append(service.post("/v1/predict", files=form(png())))
    )
    first.start()
    assert held.entered.wait(60)
    turned_away = service.post("/v1/predict", files=form(png()))
    assert turned_away.status_code == 429
    assert int(turned_away.headers["retry-after"]) >= 1
    assert service.get("/healthz").status_code == 200
    held.free.set()
    first.join(60)
    assert answers[0].status_code == 200
    assert service.post("/v1/predict", files=form(png())).status_code == 200


def test_an_answer_that_takes_too_long(client, monkeypatch) -> None:
    held, service = Held(monkeypatch), client(seconds=0.3)
    late = service.post("/v1/predict", files=form(png()))
    held.free.set()
    assert late.status_code == 503
    assert int(late.headers["retry-after"]) >= 1


@pytest.mark.parametrize("head", [b"", b"GET /healthz HTTP/1.1\r\nHost: loc"])
def test_a_connection_without_a_whole_request_is_closed(
    served: str, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(Punctual, "seconds", 0.2)
    name, port = served.removeprefix("http://").split(":")
    with socket.create_connection((name, int(port)), timeout=60) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b""


def test_a_connection_is_timed_until_a_head_is_whole(answerer: Answerer) -> None:
    loop, transport = Mock(), Mock()
    loop.create_task = lambda work: (work.close(), Mock())[1]
    transport.get_extra_info.return_value = None
    config = configured(application(answerer), Limits())
    config.load()
    connection = Punctual(config, ServerState(), {}, _loop=loop)
    timer = loop.call_later.return_value
    connection.connection_made(transport)
    connection.data_received(b"GET /healthz HTTP/1.1\r\n")
    loop.call_later.assert_called_once_with(Punctual.seconds, transport.close)
    timer.cancel.assert_not_called()
    connection.data_received(b"Host: localhost\r\n\r\n")
    timer.cancel.assert_called_once_with()
    connection.data_received(b"more, before the answer")
    loop.call_later.assert_called_once()


def test_a_request_that_is_too_long_in_coming(answerer: Answerer) -> None:
    app = application(answerer, Limits(seconds=0.2))
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/predict",
        "query_string": b"",
        "headers": [(b"content-type", b"multipart/form-data; boundary=x")],
    }

    async def asked() -> None:
        parts = iter([b"--x\r\n", b'Content-Disposition: form-data; name="files"'])

        async def receive() -> dict[str, Any]:
            for part in parts:
                return {"type": "http.request", "body": part, "more_body": True}
            return await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    asyncio.run(asked())
    assert sent[0]["status"] == 408
    assert "more than 0.2 s to arrive" in sent[1]["body"].decode()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("0123456789abcdef-secret\n")
    return file


def test_the_token_is_asked_for(client: Callable, token: Path) -> None:
    service = client(Access.by_token(token))
    shown = {"authorization": "Bearer 0123456789abcdef-secret"}
    for path in ("/v1/model", "/metrics"):
        assert service.get(path).status_code == 401
        assert service.get(path).headers["www-authenticate"] == "Bearer"
        wrong = {"authorization": "Bearer 0123456789abcdef-secreT"}
        assert service.get(path, headers=wrong).status_code == 401
        basic = {"authorization": "Basic 0123456789abcdef-secret"}
        assert service.get(path, headers=basic).status_code == 401
        assert service.get(path, headers=shown).status_code == 200
    assert service.post("/v1/predict", files=form(png())).status_code == 401
    assert service.post("/v1/predict", files=form(png()), headers=shown).status_code == 200
    assert service.get("/healthz").status_code == 200
    security = service.get("/openapi.json").json()["paths"]["/v1/predict"]["post"]["security"]
    assert security == [{"HTTPBearer": []}]


@pytest.mark.parametrize("text", ["", "short", "two words that are long enough", "ü" * 20])
def test_a_token_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="holds no token"):
        Access.by_token(tmp_path / "token")


def test_on_loopback_only_names_of_this_machine_are_answered(client) -> None:
    service = client(Access(hosts=LOOPBACK))
    assert service.get("/healthz").status_code == 200
    for name in ("127.0.0.1:8000", "localhost", "[::1]:8000", "[::1]"):
        assert service.get("/healthz", headers={"host": name}).status_code == 200
    assert service.get("/v1/model", headers={"host": "evil.example:8000"}).status_code == 421
