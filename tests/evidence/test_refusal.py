from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from firstread.errors import RunError
from firstread.evidence.familiarity import fit_familiar
from firstread.evidence.refusal import Refusal, neighbours, normalised


def refusal(limit: float = 0.5, turns: bool = True) -> Refusal:
    rng = np.random.default_rng(0)
    rows = 3 if turns else 0
    return Refusal(
        bank=normalised(rng.random((12, 8))),
        paths=tuple(f"{n}.png" for n in range(12)),
        labels=("a", "b") * 6,
        familiar=fit_familiar(rng.random((12, 20)), np.tile([0, 1], 6)),
        limit=limit,
        weight=rng.normal(size=(rows, 8)).astype(np.float32),
        bias=rng.normal(size=rows).astype(np.float32),
        turns=("upside down", "to the left"),
        turn_limit=1.5,
        turned=0.9,
        rate=0.05,
        calibrated=30,
        probabilities=np.full((4, 2), 0.5, np.float32),
        targets=np.array([0, 1, 0, 1]),
        classes=("a", "b"),
        colour=0.0,
    )


def test_neighbours_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    bank, points = normalised(rng.normal(size=(40, 16))), normalised(rng.normal(size=(7, 16)))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-6)
    theirs = NearestNeighbors(n_neighbors=3).fit(bank).kneighbors(points, return_distance=False)
    np.testing.assert_array_equal(neighbours(points, bank), theirs)
    assert neighbours(points, bank[:2]).shape == (7, 2)


def test_the_nearest_training_images_are_named() -> None:
    made = refusal()
    assert made.nearest(made.bank[3] ** 2)[0] == ("3.png", "b")
    assert len(made.nearest(made.bank[3])) == 3


def test_roots_keep_their_signs() -> None:
    np.testing.assert_allclose(normalised(np.array([[9.0, -16.0]])), [[0.6, -0.8]])
    assert np.isfinite(normalised(np.zeros((1, 4)))).all()


def test_an_image_is_judged_by_the_worse_of_both() -> None:
    made = refusal()
    rng = np.random.default_rng(1)
    features, signatures = rng.random((5, 8)), rng.random((5, 20))
    judged = made.judge(features, signatures)
    points = normalised(features)
    np.testing.assert_allclose(judged.distance, made.familiar.distance(signatures) / 0.5)
    logits = points @ made.weight.T + made.bias
    odds = (logits[:, 1:] - logits[:, :1]).max(axis=1)
    np.testing.assert_allclose(judged.turned, np.exp(odds - 1.5), rtol=1e-5)
    assert (judged.turned > 1).tolist() == (odds > 1.5).tolist()
    np.testing.assert_array_equal(judged.outlier, np.maximum(judged.distance, judged.turned))
    assert (refusal(turns=False).judge(features, signatures).turned == 0).all()
    assert (refusal(limit=float("inf"), turns=False).judge(features, signatures).outlier == 0).all()


def saved(folder: Path, made: Refusal) -> Path:
    model = folder / "model.safetensors"
    model.write_bytes(b"weights")
    made.save(folder, model)
    return model


@pytest.mark.parametrize("made", [refusal(), refusal(float("inf"), turns=False)])
def test_saved_and_loaded_is_the_same(made: Refusal, tmp_path: Path) -> None:
    model = saved(tmp_path, made)
    again = Refusal.load(tmp_path, model)
    for field in fields(Refusal):
        one, other = getattr(made, field.name), getattr(again, field.name)
        if field.name == "familiar":
            points = np.random.default_rng(3).random((4, 20))
            np.testing.assert_array_equal(one.distance(points), other.distance(points))
            continue
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["model.safetensors", "refusal.json", "refusal.safetensors"]
    json.loads((tmp_path / "refusal.json").read_text(), parse_constant=pytest.fail)


def test_the_refusal_of_another_model_is_refused(tmp_path: Path) -> None:
    model = saved(tmp_path, refusal())
    model.write_bytes(b"other weights")
    with pytest.raises(RunError, match=r"belongs to another model than model\.safetensors"):
        Refusal.load(tmp_path, model)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    model = saved(tmp_path, refusal())
    whole, record = (tmp_path / name for name in ("refusal.safetensors", "refusal.json"))
    fields_ = json.loads(record.read_text())
    record.write_text(json.dumps({**fields_, "format": 4}))
    with pytest.raises(RunError, match=r"is of format 4, and this firstread reads 3"):
        Refusal.load(tmp_path, model)
    record.write_text(json.dumps({**fields_, "paths": ["x.png"]}))
    with pytest.raises(RunError, match=r"is damaged \(paths doesn't fit the rest\)"):
        Refusal.load(tmp_path, model)
    record.write_text(json.dumps(fields_))
    whole.write_bytes(whole.read_bytes()[:100])
    with pytest.raises(RunError, match=r"refusal\.safetensors: is damaged"):
        Refusal.load(tmp_path, model)
    record.unlink()
    with pytest.raises(RunError, match=r"has no refusal\.json"):
        Refusal.load(tmp_path, model)


def test_what_is_refused_is_said() -> None:
    assert "at most 5 % of images like them, as calibrated on 30 images" in refusal().sentence()
    assert "90 % are refused" in refusal().sentence()
    assert "can't be told" in refusal(turns=False).sentence()
    few = replace(refusal(float("inf"), turns=False), calibrated=9).sentence()
    assert "9 images" in few
    assert "19 are needed" in few
