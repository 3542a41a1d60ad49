from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import nibabel
import numpy as np
import PIL.Image
import pytest
from typer.testing import CliRunner

from firstread.cli import app
from firstread.outlets.serving.service import Answerer
from firstread.refusing import predict
from tests.outlets.serving.conftest import form


def figures(answer: Any) -> list[tuple[str, dict[str, float]]]:
    assert answer.status_code == 200, answer.text
    return [(one["label"], one["probabilities"]) for one in answer.json()["images"]]


def by_command(run: Path, *given: str) -> list[tuple[str, dict[str, float]]]:
    done = CliRunner().invoke(app, ["predict", str(run), *given, "--json"])
    assert done.exit_code == 0, done.output
    return [(one["label"], one["probabilities"]) for one in json.loads(done.stdout)]


def test_figures_are_those_of_predict_to_the_last_digit(client, run, films, write_dicom) -> None:
    pixels = np.random.default_rng(2).integers(0, 4000, (64, 70)).astype(np.uint16)
    files = [*films, write_dicom(pixels, WindowCenter=2000, WindowWidth=3000)]
    answer = client().post("/v1/predict", files=form(*files))
    assert figures(answer) == by_command(run, *map(str, files))
    assert [one["file"] for one in answer.json()["images"]] == list(range(1, 14))


def test_more_files_than_a_pass_takes(client, run, films) -> None:
    files = (films * 4)[:40]
    assert figures(client().post("/v1/predict", files=form(*files))) == by_command(
        run, *map(str, files)
    )


def test_frames_and_slices_are_chosen_as_predict_does(
    client, run, tmp_path: Path, write_dicom
) -> None:
    rng = np.random.default_rng(3)
    frames = write_dicom(rng.integers(0, 255, (20, 40, 40)).astype(np.uint8))
    volume = tmp_path / "volume.nii.gz"
    values = rng.integers(0, 900, (40, 44, 5)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), volume)
    service = client()
    for more in ([], ["--slices", "25%,75%"]):
        asked = dict(zip(["slices"], more[1:], strict=False))
        answer = service.post("/v1/predict", files=form(frames, volume), params=asked)
        assert figures(answer) == by_command(run, str(frames), str(volume), *more)
    assert [(one["file"], one["part"]) for one in answer.json()["images"]] == [
        *((1, part) for part in (6, 15)),
        *((2, part) for part in (2, 4)),
    ]


def test_sets_outliers_and_advice(client, answerer: Answerer, films) -> None:
    answer = client().post("/v1/predict", files=form(*films), params={"coverage": 0.5})
    assert answer.status_code == 200, answer.text
    table = predict(answerer.classifier, answerer.refusal, films, 0.5)
    images = answer.json()["images"]
    for name in ("set", "outlier", "label"):
        assert [one[name] for one in images] == table[name].tolist()
    # Names of training images may be those of patients.
    told = [text.split("; nearest")[0] for text in table["advice"]]
    assert [one["advice"] for one in images] == told
    assert any(text.startswith("refuse") for text in told)


def test_a_coverage_that_needs_more_images(client, films) -> None:
    answer = client().post("/v1/predict", files=form(films[0]), params={"coverage": 0.999})
    assert answer.status_code == 422
    assert "needs at least 999" in answer.json()["messages"][0]
    assert "--" not in answer.text


def test_requests_that_arrive_together_get_the_figures_they_would_get_alone(
    served: str, run, films
) -> None:
    alone = [by_command(run, str(film)) for film in films]

    with ThreadPoolExecutor(16) as clients, httpx.Client(base_url=served, timeout=60) as http:

        def ask(place: int) -> bool:
            return figures(http.post("/v1/predict", files=form(films[place]))) == alone[place]

        assert all(clients.map(ask, list(range(len(films))) * 3))
        passes = http.get("/metrics").text
    sums = dict(
        line.split(" ") for line in passes.splitlines() if line.startswith("firstread_pass")
    )
    assert float(sums["firstread_pass_images_count"]) < float(sums["firstread_pass_images_sum"])


@pytest.mark.parametrize("method", ["gradcam", "gradcam++"])
def test_an_explanation_is_a_picture_of_the_images_own_size(client, films, method: str) -> None:
    asked = {"method": method, "class": "dark"}
    answer = client().post("/v1/explain", files=form(films[0]), params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    with PIL.Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == (60, 50)
        assert picture.mode == "RGB"
        assert picture.text["class"] == "dark"
        assert 0 <= float(picture.text["probability"]) <= 1


def test_what_cannot_be_explained(client, films) -> None:
    service = client()
    two = service.post("/v1/explain", files=form(*films[:2]))
    assert two.status_code == 422
    assert two.json()["messages"][0].startswith("one image is explained, and this is 2")
    other = service.post("/v1/explain", files=form(films[0]), params={"class": "knee"})
    assert other.status_code == 422
    assert "knee" in other.json()["messages"][0]


def test_the_model_and_the_pages(client: Callable[..., Any], run: Path) -> None:
    service = client()
    model = service.get("/v1/model").json()
    assert model["classes"] == ["bright", "dark"]
    assert model["run"] == run.name
    assert model["coverage"] is True
    assert service.get("/healthz").json() == {"status": "ok"}
    page = service.get("/docs")
    assert "POST /v1/predict" in page.text
    assert "<script" not in page.text
    assert service.get("/openapi.json").json()["paths"].keys() >= {"/v1/predict", "/v1/explain"}
    counts = service.get("/metrics").text
    assert 'firstread_requests_total{route="/v1/model",status="200"} 1.0' in counts
