from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard, constants

import firstread
from firstread.errors import NetworkError, RunError, UsageError
from firstread.outlets.sharing.manifest import MANIFEST
from firstread.outlets.sharing.transfer import Passed, pulling, pushing
from firstread.progress import returned
from firstread.run import Run

from .conftest import PATIENTS, StandIn

# Of the hub's library, about its own way to upload.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

FILES = {
    "README.md",
    "calibration.json",
    "data.json",
    "ladder.json",
    "manifest.json",
    "metrics.json",
    "model.json",
    "model.safetensors",
    "plan.json",
    "versions.json",
}


def push(run: Path, to: object, **options: object) -> Passed:
    return returned(pushing(run, str(to), **options))


def pull(source: object, out: Path, **options: object) -> Passed:
    return returned(pulling(str(source), out, **options))


@pytest.fixture
def pushed(trained: Path, tmp_path: Path) -> Path:
    push(trained, tmp_path / "pushed")
    return tmp_path / "pushed"


def empty(folder: Path, *known: str) -> bool:
    """Whether nothing but what was known before lies in a folder, hidden things included."""
    return {path.name for path in folder.iterdir()} == set(known)


def resealed(folder: Path, name: str) -> None:
    """List a file as it is now, as whoever pushed it would have."""
    manifest = json.loads((folder / MANIFEST).read_text())
    content = (folder / name).read_bytes()
    found = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest["files"][name] = found
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_a_pulled_model_says_the_same_to_the_bit(
    trained: Path, pushed: Path, images: list[Path], tmp_path: Path
) -> None:
    pull(pushed, tmp_path / "MODEL")
    ours, theirs = (
        firstread.load(run).predict_proba(images) for run in (trained, tmp_path / "MODEL")
    )
    assert ours.tobytes() == theirs.tobytes()


def test_nothing_of_patients_images_or_the_machine_goes_along(pushed: Path, trained: Path) -> None:
    assert {path.name for path in pushed.iterdir()} == FILES
    names = [part for patient in PATIENTS for part in patient.split("^")]
    secret = [*names, "/tmp", trained.parent.name, "patients.csv", "PNG", "JFIF"]
    for path in pushed.iterdir():
        content = path.read_bytes()
        if path.suffix == ".safetensors":  # In its numbers any three letters may stand by chance.
            content = content[: 8 + int.from_bytes(content[:8], "little")]
        assert [word for word in secret if word.encode() in content] == [], path.name
    assert "image.png" in (pushed / "README.md").read_text()


def test_every_hash_is_what_sha256sum_says(pushed: Path) -> None:
    listed = json.loads((pushed / MANIFEST).read_text())["files"]
    assert {*listed, MANIFEST} == FILES
    for name, item in listed.items():
        content = (pushed / name).read_bytes()
        assert item == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_the_card_is_one_that_the_hub_takes(pushed: Path, trained: Path) -> None:
    card = ModelCard.load(pushed / "README.md")
    assert card.data.pipeline_tag == "image-classification"
    assert card.data.library_name == "firstread"
    assert card.data.license == "other"
    results = {result.metric_type: result.metric_value for result in card.data.eval_results}
    accuracy = Run.open(trained).metrics()["test"]["accuracy"]
    assert results["accuracy"] == pytest.approx(accuracy, abs=1e-4)


def test_the_cards_python_runs(
    pushed: Path,
    images: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: object,
) -> None:
    pull(pushed, tmp_path / "MODEL")
    (code,) = re.findall(r"```python\n(.*?)```", (pushed / "README.md").read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    shutil.copy(images[0], "image.png")
    exec(code, {})
    assert "p_bright" in capsys.readouterr().out  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "README.md"])
def test_what_was_changed_is_refused_and_leaves_nothing(
    pushed: Path, tmp_path: Path, name: str
) -> None:
    content = bytearray((pushed / name).read_bytes())
    content[-20] ^= 1
    (pushed / name).write_bytes(content)
    with pytest.raises(
        RunError, match=rf"{name} is not the file that was pushed.*changed or damag"
    ):
        pull(pushed, tmp_path / "deep" / "MODEL")
    assert empty(tmp_path / "deep")


def test_more_than_was_promised_is_not_read_to_its_end(pushed: Path, tmp_path: Path) -> None:
    with (pushed / "model.safetensors").open("ab") as file:
        file.write(b"more")
    with pytest.raises(RunError, match=r"model\.safetensors is longer than the .* bytes that were"):
        pull(pushed, tmp_path / "MODEL")
    assert empty(tmp_path, "pushed")


def test_another_model_than_the_one_asked_for_is_refused(trained: Path, tmp_path: Path) -> None:
    passed = push(trained, tmp_path / "pushed")
    pull(tmp_path / "pushed", tmp_path / "MODEL", sha256=passed.sha256.upper())
    shutil.rmtree(tmp_path / "MODEL")
    with pytest.raises(RunError, match="is not the model that you ask for"):
        pull(tmp_path / "pushed", tmp_path / "MODEL", sha256="ab12" * 16)
    assert empty(tmp_path, "pushed")


def test_a_newer_manifest_says_which(pushed: Path, tmp_path: Path) -> None:
    record = {"format": 2, "firstread": "0.9.0", "files": []}
    (pushed / MANIFEST).write_text(json.dumps(record))
    with pytest.raises(
        RunError, match=r"pushed by firstread 0\.9\.0 .* format 2, .* reads 1; upgr"
    ):
        pull(pushed, tmp_path / "MODEL")


def test_a_newer_model_says_which_and_leaves_nothing(pushed: Path, tmp_path: Path) -> None:
    record = json.loads((pushed / "model.json").read_text())
    (pushed / "model.json").write_text(json.dumps({**record, "format": 99}))
    resealed(pushed, "model.json")
    with pytest.raises(RunError, match=r"pushed: the model is of format 99.*upgrade firstread"):
        pull(pushed, tmp_path / "MODEL")
    assert empty(tmp_path, "pushed")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 1}',
        '{"format": 1, "firstread": "1", "files": {"model.json": {"bytes": -1, "sha256": "x"}}}',
    ],
)
def test_a_manifest_that_is_none_is_refused(pushed: Path, tmp_path: Path, text: str) -> None:
    (pushed / MANIFEST).write_text(text)
    with pytest.raises(RunError, match=r"its manifest\.json is none of firstread's"):
        pull(pushed, tmp_path / "MODEL")


def test_places_that_hold_no_model_say_so(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(RunError, match=r"photos: holds no manifest\.json, .* `firstread push`"):
        pull(tmp_path / "photos", tmp_path / "MODEL")
    with pytest.raises(RunError, match="there is no such folder to pull from"):
        pull(tmp_path / "none", tmp_path / "MODEL")
    with pytest.raises(RunError, match="is no run of firstread"):
        push(tmp_path / "photos", tmp_path / "pushed")


def test_what_is_there_already_is_kept(pushed: Path, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "MODEL").mkdir()
    (tmp_path / "MODEL" / "thesis.txt").write_text("words")
    for attempt in (
        lambda: pull(pushed, tmp_path / "MODEL"),
        lambda: push(trained, tmp_path / "MODEL"),
    ):
        with pytest.raises(RunError, match="holds something already"):
            attempt()
    assert empty(tmp_path / "MODEL", "thesis.txt")


def test_a_pulled_model_is_passed_on_as_it_came(pushed: Path, tmp_path: Path) -> None:
    first = pull(pushed, tmp_path / "MODEL")
    assert push(tmp_path / "MODEL", tmp_path / "again").sha256 == first.sha256
    (tmp_path / "MODEL" / "README.md").write_text("The best model of all.")
    with pytest.raises(RunError, match=r"README\.md is not the file that was pushed"):
        push(tmp_path / "MODEL", tmp_path / "third")


def test_a_web_servers_folder_can_be_pulled(
    web: tuple[str, Path], trained: Path, images: list[Path], tmp_path: Path
) -> None:
    url, folder = web
    push(trained, folder / "model v1")
    (folder / "model v1" / "evil.py").write_text("raise SystemExit")
    pull(f"{url}/model%20v1/", tmp_path / "MODEL")
    assert {path.name for path in (tmp_path / "MODEL").iterdir()} == FILES
    with pytest.raises(RunError, match=r"holds no manifest\.json"):
        pull(f"{url}/other", tmp_path / "OTHER")
    with pytest.raises(UsageError, match="nothing can be pushed to a web address"):
        push(trained, url)


def test_without_a_network_it_says_what_to_do(
    trained: Path, tmp_path: Path, hub: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = "http://127.0.0.1:9"
    monkeypatch.setattr(constants, "ENDPOINT", nobody)
    template = nobody + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    for source in (f"{nobody}/model", "hf://clinic/chest"):
        with pytest.raises(NetworkError, match=r"can't be reached.*Try again with a network"):
            pull(source, tmp_path / "MODEL")
    with pytest.raises(NetworkError, match="can't be reached"):
        push(trained, "hf://clinic/chest")
    assert empty(tmp_path)


def test_a_hub_takes_and_gives_the_model(
    hub: StandIn, trained: Path, images: list[Path], tmp_path: Path
) -> None:
    passed = push(trained, "hf://clinic/chest", license="cc-by-4.0")
    repository = hub.repositories["clinic/chest"]
    assert repository.private
    assert repository.commits == 1
    assert set(repository.files) == FILES
    card = repository.files["README.md"].decode()
    assert "license: cc-by-4.0" in card
    assert "firstread pull hf://clinic/chest MODEL" in card
    repository.files |= {"pytorch_model.bin": b"code", "modeling.py": b"raise SystemExit"}
    hub.asked.clear()
    pull("hf://clinic/chest", tmp_path / "MODEL", sha256=passed.sha256)
    assert {path.name for path in (tmp_path / "MODEL").iterdir()} == FILES
    assert not [line for line in hub.asked if "pytorch_model" in line or ".py" in line]
    ours, theirs = (
        firstread.load(run).predict_proba(images) for run in (trained, tmp_path / "MODEL")
    )
    np.testing.assert_array_equal(ours, theirs)


def test_a_damaged_download_from_a_hub_is_refused(
    hub: StandIn, trained: Path, tmp_path: Path
) -> None:
    push(trained, "hf://clinic/chest")
    files = hub.repositories["clinic/chest"].files
    files["model.safetensors"] = files["model.safetensors"][:-1] + b"!"
    with pytest.raises(RunError, match=r"model\.safetensors is not the file that was pushed"):
        pull("hf://clinic/chest", tmp_path / "MODEL")
    assert empty(tmp_path)


def test_a_public_repository_needs_to_be_meant(hub: StandIn, trained: Path) -> None:
    push(trained, "hf://clinic/chest", public=True)
    assert not hub.repositories["clinic/chest"].private
    with pytest.raises(UsageError, match="everybody can see this repository; --public"):
        push(trained, "hf://clinic/chest")
    assert hub.repositories["clinic/chest"].commits == 1


def test_a_repository_that_is_not_there_is_named(hub: StandIn, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="hf://clinic/none: the hub knows no such repository"):
        pull("hf://clinic/none", tmp_path / "MODEL")


@pytest.mark.parametrize("text", ["hf://chest", "s3://bucket/model", "hf://a/b/c", "https://"])
def test_what_is_no_place_is_refused(trained: Path, text: str) -> None:
    with pytest.raises(UsageError):
        push(trained, text)
