from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from firstread.auditing import Audit, auditing
from firstread.cluster import connected
from firstread.cluster.each import Spread
from firstread.cluster.pipeline import Tally
from firstread.cluster.predicting import label_on
from firstread.evaluating import evaluate
from firstread.learning import Executor, FeatureCache, Features, extract, network_of
from firstread.learning.augment import AUGMENTATIONS
from firstread.training import make_plan, train

pytestmark = [
    pytest.mark.slow,
    # Of what Ray itself leaves to Python to close, and of what it tells its own callers.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def labelled(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The films in two class folders, one of them twice."""
    folder = tmp_path_factory.mktemp("labelled")
    for number, film in enumerate(sorted(films.iterdir())):
        home = folder / ("dark" if number % 2 else "bright")
        home.mkdir(exist_ok=True)
        shutil.copy(film, home)
    shutil.copy(folder / "dark" / "001.png", folder / "bright" / "copy.png")
    return folder


def audited(data: Path | str, **options: Any) -> Audit:
    *_, last = auditing(data, **options)
    assert isinstance(last, Audit)
    return last


def test_an_audit_finds_what_one_process_finds(
    machines: Any, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(labelled.parent)  # A relative name means the same to workers.
    plain = audited(labelled.name)
    told = {f.code for f in plain.findings if f.severity in ("severe", "warning")}
    assert {"DUPLICATE-CONTRADICTION", "UNREADABLE"} <= told
    with connected("auto") as cluster:
        each = Spread.over(cluster)
        found = audited(labelled.name, each=each)
    assert found.records() == plain.records()
    assert each.tally.images == plain.images == 151
    assert 0 < each.tally.utilisation <= 1


def test_an_audit_names_an_image_that_kills_its_reader(
    machines: Any, labelled: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(labelled, data)
    deadly = (data / "dark" / "003.png").rename(data / "dark" / "deadly.png")
    with connected("auto") as cluster:
        each = Spread.over(cluster)
        found = audited(data, each=each)
    (unreadable,) = [finding for finding in found.findings if finding.code == "UNREADABLE"]
    assert sorted(unreadable.files) == [str(data / "bright" / "070.png"), str(deadly)]
    assert each.tally.retries >= 1


def test_features_are_those_of_one_process_to_the_bit(machines: Any, films: Path) -> None:
    choices = {"backbone": "phantom_s", "weights": "none", "strategy": "probe", "image_size": 32}
    network, _ = network_of(make_plan("nowhere", choices), 2)
    paths = sorted(films.iterdir())
    options: dict[str, Any] = {
        "stages": list(network.backbone.stages)[-2:],
        "views": 2,
        "augmentation": AUGMENTATIONS["mild"],
    }
    *_, plain = extract(network.backbone, paths, **options)
    with connected("auto") as cluster:
        *_, found = extract(network.backbone, paths, each=Spread.over(cluster), **options)
    assert isinstance(plain, Features)
    assert isinstance(found, Features)
    assert found.paths == plain.paths
    assert [str(error) for error in found.errors] == [str(error) for error in plain.errors]
    assert (len(plain.paths), len(plain.errors), plain.computed) == (149, 1, 2 * 149)
    for stage, values in plain.stages.items():
        assert found.stages[stage].tobytes() == values.tobytes()
    np.testing.assert_array_equal(found.shapes, plain.shapes)


def test_figures_are_those_of_one_process_exactly(
    machines: Any, small_run: Path, labelled: Path
) -> None:
    (small_run / "cases.csv").write_text("path,label,patient,split\n")
    choices: dict[str, Any] = {"skip_unreadable": True, "samples": 200}
    plain = evaluate(small_run, labelled, **choices)
    with connected("auto") as cluster:
        tally = Tally(cluster.cpus)
        label = label_on(cluster, small_run, tally)
        found = evaluate(small_run, labelled, label=label, **choices)
    pd.testing.assert_frame_equal(
        found.evaluation.frame(), plain.evaluation.frame(), check_exact=True
    )
    assert found.skipped == plain.skipped
    assert found.probabilities.tobytes() == plain.probabilities.tobytes()
    assert tally.images == 151


def test_a_training_on_features_comes_to_the_weights_of_one_process(
    machines: Any, labelled: Path, tmp_path: Path
) -> None:
    choices: dict[str, Any] = {
        **{"backbone": "phantom_s", "weights": "none", "strategy": "probe", "image_size": 32},
        "precision": "float32",  # What is fastest is measured, and may differ on a busy machine.
        **{"audit": False, "skip_unreadable": True, "device": "cpu"},
    }
    train(labelled, tmp_path / "plain", cache=FeatureCache(tmp_path / "a"), **choices)
    with connected("auto") as cluster:
        each = Spread.over(cluster)
        executor, cache = Executor(each=each), FeatureCache(tmp_path / "b")
        train(labelled, tmp_path / "spread", executor=executor, cache=cache, **choices)
    assert each.tally.images > 151  # Files are hashed, and batches of them computed.
    for name in ("model.safetensors", "predictions.csv", "metrics.json"):
        assert (tmp_path / "spread" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
