from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest

import firstread
from firstread.cluster import connected, pipeline
from firstread.cluster.labelling import ERROR, SHARDS
from firstread.cluster.predicting import Predicted, predicting
from firstread.errors import DataError, RunError, UsageError
from firstread.progress import Step, returned
from firstread.refusing import predict as careful
from firstread.refusing import refusal_of

pytestmark = [
    pytest.mark.slow,
    # Of what Ray itself leaves to Python to close, and of what it tells its own callers.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]


def run_through(events: Iterator[Step | Predicted]) -> Predicted:
    *_, last = events
    assert isinstance(last, Predicted)
    return last


def manifest(folder: Path, films: Path, copies: int) -> Path:
    """A CSV of so many names of each film."""
    (folder / "named").mkdir()
    names = []
    for copy in range(copies):
        for film in sorted(films.iterdir()):
            names.append(f"named/{copy}-{film.name}")
            os.link(film, folder / names[-1])
    table = folder / "films.csv"
    pd.DataFrame({"n": range(len(names)), "path": names}).to_csv(table, index=False)
    return table


def counted(out: Path) -> Counter[str]:
    return Counter(pd.read_parquet(out / SHARDS)["path"])


def wanted(table: Path) -> Counter[str]:
    return Counter(str(table.parent / name) for name in pd.read_csv(table)["path"])


def same_probabilities(found: pd.DataFrame, plain: pd.DataFrame) -> bool:
    columns = [name for name in plain if name.startswith("p_")]
    first, second = (frame[columns].to_numpy(np.float32) for frame in (found, plain))
    return first.tobytes() == second.tobytes()


def test_answers_are_those_of_one_process_to_the_bit(
    machines: Any, small_run: Path, films: Path, tmp_path: Path
) -> None:
    plain = firstread.load(small_run).predict(films, skip_unreadable=True)
    with tarfile.open(tmp_path / "films.tar", "w") as archive:
        for film in sorted(films.iterdir()):
            archive.add(film, f"a/{film.name}")
            archive.add(small_run / "plan.json", f"a/{film.stem}.json")
    out = tmp_path / "out"
    with connected("auto") as cluster:
        handed = run_through(predicting(cluster, small_run, [str(films)]))
        names = [str(tmp_path / "films.tar")]
        filed = run_through(predicting(cluster, small_run, names, out=str(out), size=32))
    answers = handed.answers()
    pd.testing.assert_frame_equal(
        answers.drop(columns=["p_bright", "p_dark"]), plain[["path", "label"]]
    )
    assert same_probabilities(answers, plain)
    assert handed.reasons == tuple(plain.attrs["skipped"])
    assert (filed.images, filed.errors, filed.before) == (150, 1, 0)
    table = pd.read_parquet(out / SHARDS)
    good = table[table[ERROR] == ""]
    assert same_probabilities(good, plain)
    assert good["label"].tolist() == plain["label"].tolist()
    assert table["path"].tolist() == [
        f"tar://a/{film.name}::{tmp_path}/films.tar" for film in sorted(films.iterdir())
    ]
    assert len(list((out / SHARDS).iterdir())) == 5


def test_sets_and_refusals_are_those_of_one_process(
    machines: Any, films: Path, tmp_path: Path
) -> None:
    known = tmp_path / "known"
    for name, level in (("dark", 90), ("bright", 160)):
        (known / name).mkdir(parents=True)
        for seed in range(40):
            noise = np.random.default_rng(level + seed).integers(-60, 60, (40, 40))
            pixels = (level + noise).astype(np.uint8)
            PIL.Image.fromarray(pixels).save(known / name / f"{seed}.png")
    choices = {"backbone": "phantom_s", "weights": "phantom", "image_size": 32}
    run = firstread.train(known, tmp_path / "run", strategy="probe", audit=False, **choices).folder
    classifier, names = firstread.load(run), [str(known), str(films)]
    refusal = returned(refusal_of(run, classifier))
    plain = careful(classifier, refusal, names, 0.8, skip_unreadable=True)
    assert {"accept", "refuse"} <= {text.split(":")[0] for text in plain["advice"]}
    out = str(tmp_path / "out")
    with connected("auto") as cluster:
        handed = run_through(predicting(cluster, run, names, coverage=0.8))
        filed = run_through(predicting(cluster, run, names, coverage=0.8, out=out, size=64))
        with pytest.raises(UsageError, match="was begun with other coverage"):
            run_through(predicting(cluster, run, names, out=out, size=64))
    pd.testing.assert_frame_equal(handed.answers(), plain)
    table = pd.read_parquet(Path(out) / SHARDS)
    assert (filed.images, filed.errors) == (len(table), 1)
    good = table[table[ERROR] == ""].drop(columns=ERROR).reset_index(drop=True)
    pd.testing.assert_frame_equal(good, plain, check_dtype=False)


def test_an_image_that_kills_its_reader_costs_itself_alone(
    machines: Any, small_run: Path, films: Path, tmp_path: Path
) -> None:
    names = []
    for number, film in enumerate(sorted(films.iterdir())):
        names.append(tmp_path / f"{'deadly' if number == 40 else 'film'}-{film.name}")
        os.link(film, names[-1])
    plain = firstread.load(small_run).predict(
        [name for name in names if "deadly" not in name.name], skip_unreadable=True
    )
    with connected("auto") as cluster:
        found = run_through(predicting(cluster, small_run, [str(tmp_path)]))
    assert found.tally.retries >= 1
    deadly, damaged = sorted(found.reasons)
    assert deadly.startswith(f"{names[40]}: kills the process that reads it")
    assert damaged.startswith(str(names[70]))
    # Those that went through the network in the same batch differ by rounding at most.
    assert found.answers()["path"].tolist() == plain["path"].tolist()
    np.testing.assert_allclose(found.answers()["p_dark"], plain["p_dark"], atol=1e-5)


def test_what_all_workers_ask_lives_where_the_command_runs(
    machines: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    class Noting(pipeline.Ledger):
        def __init__(self) -> None:
            super().__init__()
            with (tmp_path / "nodes").open("a") as file:
                file.write(ray.get_runtime_context().get_node_id() + "\n")

    class Doubling:
        def ready(self, again: bool) -> Callable[[int], int]:
            return lambda number: 2 * number

    monkeypatch.setattr(pipeline, "Ledger", Noting)
    with connected("auto") as cluster:
        # Ray chooses at random where an actor that needs no core lives, unless it is told.
        for number in range(6):
            (done,) = pipeline.streamed(cluster, Doubling(), [number], workers=1)
            assert done.made == 2 * number
    assert len(machines.list_all_nodes()) == 2
    here = ray.get_runtime_context().get_node_id()
    assert (tmp_path / "nodes").read_text().split() == [here] * 6


def test_a_machine_that_dies_costs_its_part_alone_and_what_is_missing_is_done_later(
    machines: Any, small_run: Path, films: Path, tmp_path: Path
) -> None:
    table, out = manifest(tmp_path, films, copies=12), tmp_path / "out"
    node = machines.add_node(num_cpus=1, object_store_memory=2**27)
    try:
        with connected("auto") as cluster:
            assert cluster.cpus == 3
            work = predicting(cluster, small_run, [str(table)], out=str(out), size=32)
            first = next(work)
            assert isinstance(first, Step)
            machines.remove_node(node, allow_graceful=False)
            node = None
            found = run_through(work)
            assert (found.images, found.errors, found.before) == (1800, 12, 0)
            assert counted(out) == wanted(table)
            for number in (3, 30):
                (out / SHARDS / f"part-{number:08d}.parquet").unlink()
            again = run_through(predicting(cluster, small_run, [str(table)], out=str(out), size=32))
            assert (again.before, again.tally.images, again.errors) == (1800 - 64, 64, 12)
            assert len(again.reasons) == 10 == len(set(again.reasons))
            assert counted(out) == wanted(table)
            with pytest.raises(UsageError, match="was begun with other images"):
                run_through(predicting(cluster, small_run, [str(films)], out=str(out)))
    finally:
        if node is not None:
            machines.remove_node(node)


def test_a_command_that_is_killed_goes_on_when_it_is_started_again(
    machines: Any, small_run: Path, films: Path, tmp_path: Path
) -> None:
    table, out = manifest(tmp_path, films, copies=20), tmp_path / "out"
    words = ["predict", small_run, table, "--cluster", machines.address, "--out", out]
    command = [sys.executable, "-m", "firstread", *map(str, words), "--shard", "32"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as first:
        # Until some answers are there.
        while not ((out / SHARDS).is_dir() and any((out / SHARDS).glob("*.parquet"))):
            assert first.poll() is None, first.stderr
        first.send_signal(signal.SIGKILL)
    there = counted(out)
    assert 0 < there.total() < 3000
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert counted(out) == wanted(table)
    assert "3,000 images, 20 of which can't be read" in second.stdout
    assert "of them were there already" in second.stdout
    assert "0 retries" in second.stderr


def test_a_disk_that_fills_up_stops_the_work_which_then_goes_on(
    machines: Any, small_run: Path, films: Path, tmp_path: Path, disk: Callable[[int], Path]
) -> None:
    small_disk = disk(256)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(240 * 1024))
    with connected("auto") as cluster:
        work = (cluster, small_run, [str(films)])
        with pytest.raises(RunError, match=r"can't be written .*No space left.* make room"):
            run_through(predicting(*work, out=str(small_disk), size=32))
        filler.unlink()
        run_through(predicting(*work, out=str(small_disk), size=32))
    found = counted(small_disk)
    assert found == Counter(str(film) for film in films.iterdir())
    assert not list(small_disk.rglob("*.tmp"))


def test_a_run_that_workers_do_not_see_is_told_before_the_work_starts(
    machines: Any, small_run: Path, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_run)
    with (
        connected("auto") as cluster,
        pytest.raises(DataError, match="does not see it"),
    ):
        run_through(predicting(cluster, Path("/proc/self/cwd"), [str(films)]))
