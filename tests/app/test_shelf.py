"""The folder of runs: what is listed, and that no name leads out of it."""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path

import pytest

import firstread
from firstread.app.shelf import IMAGES, Shelf
from firstread.errors import RunError, UsageError
from firstread.run import UNFINISHED


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "runs")


@pytest.fixture
def trained(shelf: Shelf, once: Path) -> str:
    shutil.copytree(once, shelf.place("first"))
    return "first"


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "a/b", "/etc", "a\\b", ".hidden", "a\x00", "x" * 61, "ä", "a.", "~"]
)
def test_names_that_lead_out_or_are_hard_to_type_are_refused(name: str, shelf: Shelf) -> None:
    for ask in (shelf.place, shelf.job, shelf.state, shelf.delete):
        with pytest.raises(UsageError, match="is no name for a run"):
            ask(name)


def test_the_folder_of_images_is_no_run(shelf: Shelf) -> None:
    (shelf.folder / IMAGES / "films").mkdir(parents=True)
    assert shelf.entries() == []
    with pytest.raises(UsageError, match="folder of the images"):
        shelf.delete(IMAGES)
    assert (shelf.folder / IMAGES / "films").exists()


def test_a_finished_run_is_listed_with_its_figure(shelf: Shelf, trained: str) -> None:
    (entry,) = shelf.entries()
    assert (entry.name, entry.state, entry.backbone, entry.strategy) == (
        "first",
        "finished",
        "phantom_s",
        "probe",
    )
    figures = json.loads((shelf.place(trained) / "metrics.json").read_text())["val"]
    low = 100 * figures["accuracy_interval_95"][0]
    assert entry.accuracy.startswith(f"{100 * figures['accuracy']:.0f} % ({low:.0f} %")


def test_states_follow_the_folder(shelf: Shelf, trained: str) -> None:
    place = shelf.place(trained)
    (place / UNFINISHED).write_text("This run was stopped.")
    assert shelf.state(trained) == "stopped"
    with (place / UNFINISHED).open("rb") as held:  # As a training from a terminal does.
        fcntl.flock(held, fcntl.LOCK_EX)
        assert shelf.state(trained) == "training"
        with pytest.raises(RunError, match="is being trained"):
            shelf.delete(trained)
        with pytest.raises(RunError, match="another process is training it"):
            firstread.resume(place)
    (place / "cases.csv").unlink()
    assert shelf.state(trained) == "failed"
    assert shelf.state("never") is None


def test_only_runs_are_deleted(shelf: Shelf, trained: str, once: Path) -> None:
    (shelf.folder / "holiday").mkdir()
    (shelf.folder / "holiday" / "beach.jpg").write_bytes(b"sand")
    with pytest.raises(RunError, match="there is no such run"):
        shelf.delete("holiday")
    shelf.delete(trained)
    assert shelf.entries() == []
    assert [p.name for p in shelf.folder.iterdir()] == ["holiday"]
    assert len(list((once.parent / "data").rglob("*.png"))) == 60, "its images stay"


def test_a_link_is_deleted_and_what_it_leads_to_stays(
    shelf: Shelf, trained: str, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shelf.place(trained).rename(elsewhere)
    shelf.place(trained).symlink_to(elsewhere)
    assert shelf.state(trained) == "finished"
    shelf.delete(trained)
    assert (elsewhere / "model.json").exists()


def test_free_names_are_near_the_wish(shelf: Shelf, trained: str) -> None:
    assert shelf.free("first") == "first-2"
    assert shelf.free("Hände & Füße/../x") == "H-nde-F-e-..-x"
    assert shelf.free("...") == "run"
    assert shelf.free(IMAGES) == f"{IMAGES}-2"
    for wish in ("first", "Hände/../", 90 * "y"):
        assert shelf.place(shelf.free(wish)).parent == shelf.folder
