"""Trainings on a cluster are those of one process, also where workers and machines die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import torch
from safetensors.numpy import load_file

from firstread.advising import advising
from firstread.cluster import Cluster, Node, connected
from firstread.cluster.checkpoints import place_of
from firstread.cluster.executor import executor, sums
from firstread.cluster.tasks import Tasks
from firstread.cluster.training import Together
from firstread.errors import DataError, FirstreadError, NetworkError, RunError, UsageError
from firstread.learning import Epoch, Executor
from firstread.learning.batches import Batches, Order
from firstread.learning.team import Team
from firstread.progress import Notice, Step, returned
from firstread.run import CLUSTER, WEIGHTS
from firstread.training import resuming, training

# Ray leaves files and sockets to Python to close, and warns of what it sets itself.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")

EPOCHS = 4
CHOICES: dict[str, Any] = {
    **{"strategy": "finetune", "backbone": "phantom_s", "weights": "phantom", "image_size": 32},
    **{"batch_size": 5, "precision": "float32", "lr": 1e-3, "augment": "none", "patience": 0},
}


@pytest.fixture(scope="module", autouse=True)
def hurry() -> Iterator[None]:
    """Ray Train looks for a lost machine for so long before it goes on without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "30")
        yield


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """A machine of the tests' cluster has one core: the plain process adds in the same order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve darker and twelve brighter images of noise in class folders."""
    folder = tmp_path_factory.mktemp("images")
    for name, level in (("dark", 110), ("bright", 140)):
        (folder / name).mkdir()
        for seed in range(12):
            noise = np.random.default_rng(level + seed).integers(-60, 60, (40, 40))
            PIL.Image.fromarray((level + noise).astype(np.uint8)).save(
                folder / name / f"{seed}.png"
            )
    return folder


@pytest.fixture
def cluster(machines: Any) -> Iterator[Cluster]:
    with connected("auto") as found:
        yield found


def events(data: Path, out: Path, worker: Executor | None = None, **others: Any) -> Iterator[Any]:
    options: dict[str, Any] = {} if worker is None else {"executor": worker}
    choices = {**CHOICES, "epochs": EPOCHS, **others}
    return training(data, out, audit=False, **choices, **options)


def weights(run: Path) -> np.ndarray:
    numbers = load_file(run / WEIGHTS)
    return np.concatenate([numbers[name].astype(float).ravel() for name in sorted(numbers)])


@pytest.fixture(scope="module")
def plain(images: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """The weights that one process comes to."""
    run = tmp_path_factory.mktemp("plain") / "run"
    list(events(images, run))
    return weights(run)


@dataclass(frozen=True)
class Disturbed:
    """Batches at whose third epoch something happens to whoever asks for it first.

    Parameters
    ----------
    batches
        The real ones.
    reached, over
        Files: the one is made when the third epoch begins; then nothing goes on until there is the
        other.
    deadly
        Whether the process dies instead, for the first time.
    """

    batches: Batches
    reached: Path
    over: Path
    deadly: bool = False

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def order(self) -> Order:
        return self.batches.order

    def of(self, team: Team) -> Disturbed:
        return replace(self, batches=self.batches.of(team))

    def epoch(self, number: int, skip: int = 0) -> Iterator[Any]:
        if number == 3 and not self.over.exists():
            self.reached.touch()
            if self.deadly:
                self.over.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            appears(self.over)
        return self.batches.epoch(number, skip)


def appears(file: Path) -> None:
    while not file.exists():
        time.sleep(0.02)


def disturbing(worker: Executor, folder: Path, *, deadly: bool = False) -> Executor:
    files = (folder / "reached", folder / "over", deadly)
    return replace(
        worker,
        train=lambda loop, saved: worker.train(
            replace(loop, training=Disturbed(loop.training, *files)), saved
        ),
    )


def followed(work: Iterator[Any]) -> tuple[list[int], list[str]]:
    found = list(work)
    epochs = [event.epoch for event in found if isinstance(event, Epoch)]
    return epochs, [event.text for event in found if isinstance(event, Notice)]


@pytest.mark.slow
def test_one_worker_killed_ends_at_the_weights_of_the_plain_process(
    images: Path, plain: np.ndarray, tmp_path: Path, cluster: Cluster
) -> None:
    run, made = tmp_path / "run", executor(cluster, workers=1)
    worker = disturbing(made, tmp_path, deadly=True)
    epochs, notices = followed(events(images, run, worker))
    assert notices == ["worker 0 died; going on from the last checkpoint"]
    assert epochs == list(range(1, EPOCHS + 1))
    assert np.array_equal(weights(run), plain)
    assert not (run / CLUSTER).exists()
    assert not list(run.glob("firstread-*"))
    learned = len(pd.read_csv(run / "cases.csv").query("split == 'train'"))
    _, said = sums(made)
    assert said.startswith(f"The cluster trained on {EPOCHS * learned} images in ")
    assert "1 worker busy" in said
    assert said.endswith("1 retry.")


@pytest.mark.slow
def test_two_workers_go_on_where_a_machine_is_lost_and_come_to_the_same(
    images: Path,
    plain: np.ndarray,
    tmp_path: Path,
    machines: Any,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lose_a_machine() -> None:
        appears(tmp_path / "reached")
        machines.remove_node(next(iter(machines.worker_nodes)), allow_graceful=False)
        (tmp_path / "over").touch()

    run = tmp_path / "run"
    thread = threading.Thread(target=lose_a_machine, daemon=True)
    thread.start()
    worker = disturbing(executor(cluster, workers=2), tmp_path)
    epochs, notices = followed(events(images, run, worker))
    thread.join()
    machines.add_node(num_cpus=1)
    assert len(notices) == 1
    assert "going on from the last checkpoint" in notices[0]
    assert epochs == list(range(1, EPOCHS + 1))
    # What the order of additions alone can do: one process, each batch the other way round.
    whole = Order.batches
    monkeypatch.setattr(Order, "batches", lambda self, epoch: turned(whole(self, epoch)))
    list(events(images, tmp_path / "turned"))
    tolerance = 16 * np.abs(weights(tmp_path / "turned") - plain).max()
    assert 0 < tolerance < 1e-3
    assert np.abs(weights(run) - plain).max() <= tolerance
    list(events(images, tmp_path / "other", epochs=EPOCHS - 1))
    assert np.abs(weights(tmp_path / "other") - plain).max() > 10 * tolerance


def turned(batches: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [places[::-1] for places in batches]


@pytest.mark.slow
def test_folds_shuffles_and_candidates_are_those_of_one_process(
    images: Path, tmp_path: Path, cluster: Cluster
) -> None:
    others: dict[str, Any] = {"epochs": 1, "folds": 2, "permute": 1, "batch_size": 8}
    list(events(images, tmp_path / "here", **others))
    list(events(images, tmp_path / "there", Executor(share=Tasks(1)), **others))
    for name in ("crossvalidation.json", "out_of_fold.csv"):
        assert (tmp_path / "here" / name).read_text() == (tmp_path / "there" / name).read_text()
    choices = {"backbone": "phantom_s", "image_size": 32, "budget": 600, "precision": "float32"}
    *_, one = advising(images, **choices)
    *_, other = advising(images, executor=Executor(share=Tasks(1)), **choices)
    assert one.frame().drop(columns="seconds").equals(other.frame().drop(columns="seconds"))
    assert one.candidates[-1].measured
    assert np.array_equal(one.held_out.probabilities, other.held_out.probabilities)


def drive(address: str, images: str, folder: str) -> None:
    """Train until somebody kills this process."""
    place = Path(folder)
    with connected(address) as found:
        storage = f"file://{place}/storage"
        worker = disturbing(executor(found, workers=1, storage=storage), place)
        list(events(Path(images), place / "run", worker))


@pytest.mark.slow
def test_a_driver_killed_goes_on_to_the_same_weights(
    images: Path, plain: np.ndarray, tmp_path: Path, machines: Any, cluster: Cluster
) -> None:
    run = tmp_path / "run"
    code = (
        f"import {__name__} as t; t.drive({machines.address!r}, {str(images)!r}, {str(tmp_path)!r})"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    known = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen([sys.executable, "-c", code], env=known) as driver:
        appears(tmp_path / "reached")
        driver.kill()
    with pytest.raises(RunError, match=r"was begun on a cluster.*add --cluster"):
        list(resuming(run, audit=False))
    work = resuming(run, audit=False, executor=executor(cluster, workers=1))
    epochs, notices = followed(work)
    assert epochs == list(range(1, EPOCHS + 1))
    assert not notices
    assert np.array_equal(weights(run), plain)
    assert not list((tmp_path / "storage").iterdir())


@pytest.mark.slow
def test_a_storage_that_fills_up_stops_a_training_which_then_goes_on_to_the_same_weights(
    images: Path, plain: np.ndarray, tmp_path: Path, cluster: Cluster, disk: Callable[[int], Path]
) -> None:
    run, storage = tmp_path / "run", disk(400 * 1024)
    filler = storage / "filler"
    filler.write_bytes(bytes(390 * 2**20))
    worker = executor(cluster, workers=1, storage=str(storage))
    with pytest.raises(RunError, match=r"can't be written .*make room there, then go on with"):
        list(events(images, run, worker))
    filler.unlink()
    list(resuming(run, audit=False, executor=worker))
    assert np.array_equal(weights(run), plain)
    assert not list(storage.iterdir())


def piece(first: Path, outcome: Any) -> Iterator[Step]:
    """End its own process when it is first begun; then return, or raise."""
    if not first.exists():
        first.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    yield Step("working", 1, 1)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


@pytest.mark.slow
def test_a_piece_whose_worker_dies_is_done_anew_and_errors_come_home(
    tmp_path: Path, cluster: Cluster
) -> None:
    pieces = [partial(piece, tmp_path / str(number), number) for number in range(3)]
    assert returned(Tasks(1)(pieces, "working")) == [0, 1, 2]
    wrong = DataError(["a.png: is broken", "b.png: too"], "Mend them.")
    with pytest.raises(DataError, match=r"a.png: is broken") as caught:
        returned(Tasks(1)([partial(piece, tmp_path / "0", wrong)], "working"))
    assert caught.value.problems == wrong.problems


def waiting_piece(folder: Path, doomed: str, number: int) -> Iterator[Step]:
    """Wait until the doomed machine has died; the first that is begun there is done at once."""
    import ray

    here = folder / ray.get_runtime_context().get_node_id()
    first = not here.exists() and here.name == doomed
    with here.open("a") as file:
        file.write(f"{number}\n")
    if not first:
        appears(folder / "over")
    yield Step("working", 1, 1)
    return np.full(2**20, number)


@pytest.mark.slow
def test_pieces_of_a_machine_that_dies_are_done_on_others(
    tmp_path: Path, machines: Any, cluster: Cluster
) -> None:
    node = machines.add_node(num_cpus=1)
    begun = tmp_path / node.node_id
    pieces = [partial(waiting_piece, tmp_path, node.node_id, number) for number in range(6)]
    try:
        working = Tasks(1)(pieces, "working")
        assert next(working).done == 1
        while len(begun.read_text().split()) < 2:
            time.sleep(0.1)
        machines.remove_node(node, allow_graceful=False)
        (tmp_path / "over").touch()
        made = returned(working)
    finally:
        if node in machines.list_all_nodes():
            machines.remove_node(node)
    assert [one.tolist() for one in made] == [[number] * 2**20 for number in range(6)]
    others = [file for file in tmp_path.iterdir() if file.name not in (node.node_id, "over")]
    redone = set(begun.read_text().split()) & {
        number for file in others for number in file.read_text().split()
    }
    assert redone


@pytest.mark.slow
def test_a_piece_that_ends_every_worker_is_given_up(cluster: Cluster) -> None:
    with pytest.raises(NetworkError, match=r"working: Ray gave up one task \(.*`ray status`"):
        returned(Tasks(1)([partial(os._exit, 1)], "working"))


def node(cpus: float, gpus: float = 0) -> Node:
    return Node("1", "here", cpus, gpus)


@pytest.mark.parametrize(
    ("nodes", "workers", "device", "made"),
    [
        ([node(8), node(4)], 0, "auto", (2, 4, False)),  # One a machine, all its cores.
        ([node(8), node(8)], 4, "auto", (4, 4, False)),
        ([node(8, 4), node(8, 4), node(2)], 0, "auto", (8, 2, True)),  # One a GPU.
        ([node(8, 4)], 0, "cpu", (1, 8, False)),
    ],
)
def test_workers_are_as_many_as_there_are_gpus_or_machines(
    nodes: list[Node], workers: int, device: str, made: tuple[int, int, bool]
) -> None:
    found = Cluster("auto", "", tuple(nodes), True)
    together = Together.of(found, workers=workers, device=device)
    assert (together.workers, together.cpus, together.gpu) == made


def test_more_workers_than_cores_are_refused() -> None:
    with pytest.raises(UsageError, match=r"--workers 3: the cluster has 2 cores; give at most 2"):
        Together.of(Cluster("auto", "", (node(2),), True), workers=3)


def test_a_storage_that_nothing_can_open_is_named() -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(FirstreadError, match="nowhere://bucket"):
        place_of("nowhere://bucket/folder", "name")
