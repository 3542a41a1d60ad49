"""A run on images whose names, folders and table name patients; a web server; a stand-in hub."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from huggingface_hub import constants

import firstread

PATIENTS = ("Doe^Jane", "Roe^Richard", "Miles^Mary", "Stiles^John")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of dark and bright images, each named after its patient."""
    root = tmp_path_factory.mktemp("clinic_of_dr_doe")
    rng = np.random.default_rng(0)
    rows = []
    for number, patient in enumerate(PATIENTS * 6):
        label = ("dark", "bright")[number % 2]
        path = root / f"{patient.replace('^', '_')}_{number}.png"
        pixels = (60, 190)[number % 2] + rng.integers(-20, 20, (40, 36))
        PIL.Image.fromarray(pixels.astype(np.uint8)).save(path)
        split = "train" if number < 12 else "val" if number < 16 else "test"
        rows.append((str(path), label, f"{patient}-{split}", split, patient))
    table = root / "patients.csv"
    columns = ["path", "label", "patient", "split", "called"]
    pd.DataFrame(rows, columns=columns).to_csv(table, index=False)
    options = {"backbone": "mobilenet_v2", "weights": "none", "image_size": 32, "augment": "none"}
    return firstread.train(table, root / "RUN", strategy="probe", **options).folder


@pytest.fixture(scope="session")
def images(trained: Path) -> list[Path]:
    return sorted(trained.parent.glob("*.png"))


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A file server on loopback, with its folder."""
    folder = tmp_path / "host"
    folder.mkdir()
    handler = partial(Quiet, directory=str(folder))
    with served(handler) as host:
        yield f"http://127.0.0.1:{host.server_port}", folder


class served:  # noqa: N801 - a context manager that reads as a word.
    """Run a server on a free port of loopback."""

    def __init__(self, handler: Any) -> None:
        self.host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> http.server.ThreadingHTTPServer:
        threading.Thread(target=self.host.serve_forever, daemon=True).start()
        return self.host

    def __exit__(self, *_: object) -> None:
        self.host.shutdown()
        self.host.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@dataclass
class Repository:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0


@dataclass
class StandIn:
    """What the hub holds, and what it was asked for."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A hub on loopback, as HF_ENDPOINT names one: creates, takes commits, and hands files out."""
    held = StandIn()
    with served(type("Handler", (HubHandler,), {"held": held})) as host:
        held.url = f"http://127.0.0.1:{host.server_port}"
        # The library reads these from the environment once, when it is imported.

        monkeypatch.setattr(constants, "ENDPOINT", held.url)
        template = held.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "not-a-token")
        yield held


class HubHandler(Quiet):
    """The hub's protocol, as far as one commit and one download need it."""

    held: StandIn

    def do_POST(self) -> None:
        text = (
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            if ("Content-Length" in self.headers)
            else self.chunks()
        )
        self.held.asked.append(f"POST {self.path}")
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        if self.path == "/api/repos/create":
            return self.create(lines[0])
        if self.path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for file in lines[0]["files"]
            ]
            return self.answer({"files": files})
        if self.path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{self.held.url}/upload/{one['oid']}"}}}
                for one in lines[0]["objects"]
            ]
            return self.answer({"transfer": "basic", "objects": objects})
        return self.commit(lines)

    def do_PUT(self) -> None:
        length = self.headers.get("Content-Length")
        content = self.rfile.read(int(length)) if length else self.chunks()
        self.held.objects[self.path.rsplit("/", 1)[-1]] = content
        self.answer({})

    def do_GET(self) -> None:
        self.held.asked.append(f"{self.command} {self.path}")
        if self.path.startswith("/api/models/"):
            name = "/".join(self.path.split("/")[3:5])
            repository = self.held.repositories.get(name)
            if repository is None:
                return self.refuse("RepoNotFound")
            return self.answer({"id": name, "private": repository.private, "siblings": []})
        if self.path.startswith("/api/"):
            return self.refuse("EntryNotFound")
        user, name, _, _, file = self.path.strip("/").split("/", 4)
        repository = self.held.repositories.get(f"{user}/{name}")
        if repository is None:
            return self.refuse("RepoNotFound")
        if file not in repository.files:
            return self.refuse("EntryNotFound")
        return self.answer(repository.files[file], ETag=f'"{hash(repository.files[file])}"')

    do_HEAD = do_GET  # noqa: N815

    def create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        known = name in self.held.repositories
        if not known:
            private = wanted.get("visibility") == "private" or wanted.get("private") is True
            self.held.repositories[name] = Repository(private)
        self.answer({"url": f"{self.held.url}/{name}"}, 409 if known else 200)

    def commit(self, lines: list[dict[str, Any]]) -> None:
        repository = self.held.repositories["/".join(self.path.split("/")[3:5])]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repository.files[value["path"]] = self.held.objects[value["oid"]]
        repository.commits += 1
        oid = f"{repository.commits:040x}"
        self.answer({"commitUrl": f"{self.held.url}/x/y/commit/{oid}", "commitOid": oid})

    def chunks(self) -> bytes:
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def refuse(self, code: str) -> None:
        self.answer({"error": code}, 404, **{"X-Error-Code": code})

    def answer(self, content: object, code: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", "0" * 39 + "1")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
