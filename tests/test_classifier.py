from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

import firstread
from firstread.errors import DataError, RunError
from firstread.images import neutralised, read
from firstread.seals import sealed


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on noise of three brightnesses."""
    import PIL.Image

    root = tmp_path_factory.mktemp("trained")
    rng = np.random.default_rng(0)
    for level, name in [(50, "dark"), (120, "mid"), (200, "bright")]:
        for k in range(5):
            path = root / "data" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = level + rng.integers(-20, 20, (40, 36))
            PIL.Image.fromarray(pixels.astype(np.uint8)).save(path)
    options = {"backbone": "resnet18", "weights": "none", "epochs": 2, "image_size": 32}
    return firstread.train(root / "data", root / "RUN", **options).folder


@pytest.fixture(scope="module")
def images(trained: Path) -> Path:
    return trained.parent / "data"


def test_it_follows_scikit_learn(trained: Path, images: Path) -> None:
    classifier = firstread.load(trained)
    assert classifier.classes_.tolist() == ["bright", "dark", "mid"]
    paths = sorted(images.rglob("*.png"))
    chances = classifier.predict_proba(paths)
    assert chances.shape == (15, 3)
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-5)
    frame = classifier.predict(paths)
    assert list(frame) == ["path", "label", "p_bright", "p_dark", "p_mid"]
    assert frame["label"].tolist() == classifier.classes_[chances.argmax(axis=1)].tolist()
    assert frame["path"].tolist() == [str(path) for path in paths]


def test_it_computes_what_the_network_does(trained: Path, images: Path) -> None:
    classifier = firstread.load(trained)
    path = images / "dark" / "0.png"
    pixels = torch.from_numpy(read(path).resized(32).as_float())[None, None]
    with torch.inference_mode():
        expected = classifier.network(pixels).softmax(1)[0].numpy()
    np.testing.assert_allclose(classifier.predict_proba(path)[0], expected, atol=1e-6)


def test_folders_and_single_files_are_taken(trained: Path, images: Path) -> None:
    classifier = firstread.load(trained)
    assert len(classifier.predict(images)) == 15
    assert len(classifier.predict(str(images / "mid"))) == 5
    mixed = classifier.predict([images / "mid", images / "dark" / "0.png"])
    assert len(mixed) == 6
    with pytest.raises(DataError, match="there are no images"):
        classifier.predict([])


def test_unreadable_files_are_all_named_or_left_out(
    trained: Path, images: Path, tmp_path: Path
) -> None:
    classifier = firstread.load(trained)
    (tmp_path / "text.png").write_text("hello")
    paths = [images / "mid" / "0.png", tmp_path / "text.png", tmp_path / "missing.png"]
    with pytest.raises(DataError, match=r"text\.png: is not an image.*\n.*missing\.png: does not"):
        classifier.predict(paths)
    frame = classifier.predict(paths, skip_unreadable=True)
    assert frame["path"].tolist() == [str(paths[0])]
    assert len(frame.attrs["skipped"]) == 2
    with pytest.raises(DataError):
        classifier.predict(paths[1:], skip_unreadable=True)


def rewritten(folder: Path, **changes: object) -> None:
    """Change the record, with a seal that fits."""
    path = folder / "model.json"
    record = json.loads(path.read_text())
    del record["sha256"]
    path.write_text(json.dumps(sealed({**record, **changes})))


def copied(trained: Path, tmp_path: Path) -> Path:
    for name in ("plan.json", "model.json", "model.safetensors"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    return tmp_path


def test_saved_and_loaded_is_the_same(trained: Path, images: Path, tmp_path: Path) -> None:
    classifier = firstread.load(trained)
    classifier.save(copied(trained, tmp_path))
    again = firstread.load(tmp_path)
    pd.testing.assert_frame_equal(again.predict(images), classifier.predict(images))


def test_what_is_neutralised_is_saved_and_done(trained: Path, images: Path, tmp_path: Path) -> None:
    classifier = firstread.load(trained)
    preprocessing = json.loads((trained / "model.json").read_text())["preprocessing"]
    assert preprocessing["neutralise"] == []
    preprocessing["neutralise"] = ["border", "size"]
    rewritten(copied(trained, tmp_path), preprocessing=preprocessing)
    neutral = firstread.load(tmp_path)
    assert neutral.preprocessing.neutralise == ("border", "size")
    neutral.save(tmp_path)
    again = firstread.load(tmp_path)
    assert again.preprocessing == neutral.preprocessing
    path = images / "dark" / "0.png"
    pixels = neutralised(read(path), ("border", "size")).resized(32).as_float()
    with torch.inference_mode():
        expected = classifier.network(torch.from_numpy(pixels)[None, None]).softmax(1)[0].numpy()
    np.testing.assert_allclose(again.predict_proba(path)[0], expected, atol=1e-6)
    assert np.abs(classifier.predict_proba(path)[0] - expected).max() > 1e-5


def test_models_of_another_format_say_what_to_do(trained: Path, tmp_path: Path) -> None:
    rewritten(copied(trained, tmp_path), format=1)
    with pytest.raises(RunError, match=r"format 1 .*, and this firstread reads 2; train it again"):
        firstread.load(tmp_path)


def test_a_model_of_a_newer_version_says_which(trained: Path, tmp_path: Path) -> None:
    rewritten(copied(trained, tmp_path), format=3, firstread="0.9.0")
    newer = r"format 3 \(of firstread 0\.9\.0\), and this firstread reads 2; upgrade firstread"
    with pytest.raises(RunError, match=newer):
        firstread.load(tmp_path)


def test_a_class_renamed_by_hand_is_found_out(trained: Path, tmp_path: Path) -> None:
    path = copied(trained, tmp_path) / "model.json"
    record = json.loads(path.read_text())
    record["classes"].reverse()
    path.write_text(json.dumps(record))
    with pytest.raises(RunError, match=r"model\.json was changed after it was saved"):
        firstread.load(tmp_path)


def test_a_weight_changed_by_hand_is_found_out(trained: Path, tmp_path: Path) -> None:
    path = copied(trained, tmp_path) / "model.safetensors"
    state = safetensors.torch.load(path.read_bytes())
    state["head.0.bias"] += 1
    safetensors.torch.save_file(state, path)
    with pytest.raises(RunError, match=r"model\.safetensors was changed after it was saved"):
        firstread.load(tmp_path)


@pytest.mark.parametrize("name", ["sha256", "weights", "slices"])
def test_a_record_without_an_entry_is_refused(trained: Path, tmp_path: Path, name: str) -> None:
    path = copied(trained, tmp_path) / "model.json"
    record = json.loads(path.read_text())
    del record["sha256"]
    if name == "sha256":
        path.write_text(json.dumps(record))
    else:
        del record[name]
        path.write_text(json.dumps(sealed(record)))
    with pytest.raises(RunError, match="the model's files are damaged"):
        firstread.load(tmp_path)


def test_an_unknown_neutraliser_is_refused(trained: Path, tmp_path: Path) -> None:
    preprocessing = json.loads((trained / "model.json").read_text())["preprocessing"]
    preprocessing["neutralise"] = ["collimation"]
    rewritten(copied(trained, tmp_path), preprocessing=preprocessing)
    with pytest.raises(RunError, match="'collimation' is not a way to neutralise"):
        firstread.load(tmp_path)


def test_damaged_models_are_refused(trained: Path, tmp_path: Path) -> None:
    folder = copied(trained, tmp_path)
    weights, record = folder / "model.safetensors", folder / "model.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(RunError, match="the model's files are damaged"):
        firstread.load(folder)
    state = safetensors.torch.load(whole)
    state.pop("head.0.bias")
    safetensors.torch.save_file(state, weights)
    with pytest.raises(RunError, match="the model's files are damaged"):
        firstread.load(folder)
    weights.write_bytes(whole)
    record.unlink()
    with pytest.raises(RunError, match=r"holds no model \(model\.json\)"):
        firstread.load(folder)
