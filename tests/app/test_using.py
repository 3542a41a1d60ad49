"""What the page says of an image is what the commands say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from firstread.app.using import COVERAGE, Reader, held_out
from firstread.classifier import load
from firstread.errors import FirstreadError, RunError
from firstread.progress import returned
from firstread.refusing import predict, refusal_of


@pytest.fixture(scope="module")
def run(once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("using") / "run"
    shutil.copytree(once, folder)
    return folder


def test_label_probabilities_set_and_advice_are_those_of_predict(run: Path) -> None:
    film = held_out(run)[0]
    said = Reader.of(run).says(film, film.name)
    classifier = load(run)
    row = classifier.predict(film).iloc[0]
    assert said.label == row["label"]
    assert {name: share for name, share, _ in said.chances} == {
        name: row[f"p_{name}"] for name in classifier.classes
    }
    refusal = returned(refusal_of(run, classifier))
    careful = predict(classifier, refusal, [film], COVERAGE).iloc[0]
    assert said.advice == careful["advice"]
    assert ";".join(said.names or ()) == careful["set"]
    assert said.target == said.chances[0][0]
    for picture in (said.film, said.marked):
        assert picture.startswith("data:image/jpeg;base64,")
    assert said.film != said.marked
    assert said.tone == {"a": "good", "u": "careful", "r": "bad"}[careful["advice"][0]]


def test_what_is_no_image_is_told(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "note.png"
    path.write_text("no image at all")
    with pytest.raises(FirstreadError, match="its first bytes are text"):
        Reader.of(run).says(path, path.name)


def test_images_that_it_was_judged_on_were_not_learned_from(run: Path) -> None:
    films = held_out(run)
    assert len(films) == 12
    assert all(film.is_file() for film in films)


def test_an_unfinished_run_reads_nothing(run: Path, tmp_path: Path) -> None:
    (tmp_path / "stopped").mkdir()
    (tmp_path / "stopped" / "UNFINISHED.txt").write_text("This run was stopped.")
    with pytest.raises(RunError, match="is unfinished"):
        Reader.of(tmp_path / "stopped")
