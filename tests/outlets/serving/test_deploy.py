"""The container's and the service's files say what firstread and systemd understand."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from firstread.cli import app

DEPLOY = Path(__file__).parents[3] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
UNIT = DEPLOY / "firstread-serve.service"


def instruction(name: str) -> str:
    """Return what follows the last instruction of a kind."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.M)[-1]


def understood(words: list[str]) -> dict[str, object]:
    """Return the options of a command line that begins with `firstread serve`."""
    name, *rest = words
    assert Path(name).name == "firstread"
    assert rest[0] == "serve"
    command = typer.main.get_command(app).commands["serve"]
    return command.make_context("serve", rest[1:]).params


def test_the_container_serves_by_token_as_nobody_in_particular() -> None:
    given = understood(json.loads(instruction("ENTRYPOINT")))
    assert given["host"] == "0.0.0.0"
    assert given["port"] == int(instruction("EXPOSE"))
    assert str(given["token_file"]) == "/run/secrets/token"
    assert str(given["run"]) in json.loads(instruction("VOLUME"))
    user, group = instruction("USER").split(":")
    assert int(user) > 0
    assert int(group) > 0
    places = dict(word.split("=") for word in shlex.split(instruction("ENV")))
    assert all(place.startswith("/tmp/") for place in places.values() if "/" in place)


def check(address: str) -> int:
    """Run the container's health check against an address."""
    program, *words = json.loads(instruction("HEALTHCHECK").partition(" CMD ")[2])
    assert program == "python"
    words = [word.replace("http://127.0.0.1:8000", address) for word in words]
    assert any(address in word for word in words)
    return subprocess.run([sys.executable, *words], capture_output=True, check=False).returncode


def test_the_health_check_tells_a_service_from_none(served: str) -> None:
    assert check(served) == 0
    assert check("http://127.0.0.1:9") != 0


def test_the_service_of_systemd(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8")
    line = re.search(r"^ExecStart=(.*)$", text, re.M)[1]
    given = understood(shlex.split(line.replace("${RUN}", "RUN").replace("$OPTIONS", "--port 80")))
    assert (str(given["run"]), given["port"], given["host"]) == ("RUN", 80, None)
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze: apt-get install systemd")
    # The program is where the unit expects it on no machine that tests run on.
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace("/opt/firstread/bin/firstread", shutil.which("true")))
    verify = ["systemd-analyze", "verify", str(unit)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
