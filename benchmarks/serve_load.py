"""How many images a second `firstread serve` answers, beside `firstread predict`.

Trains a probe on MobileNetV2's features of the phantoms, serves it on a free port, and has 32
clients send their images, one a request. Between the rounds of load `Classifier.predict` labels the
same images in a process of its own, so that a busy machine slows both. Printed are answers by
status, p50 and p99 of the time that an answer took, and both throughputs. Clients and service share
the machine's cores. An answer that differs from predict's for the same file ends the test.

    python benchmarks/serve_load.py
    python benchmarks/serve_load.py --seconds 12 --rounds 2
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import firstread
from firstread.datasets.films import write_hello_world

CLIENTS, SECONDS, ROUNDS = 32, 60, 6
BOUNDARY = "firstread-load"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def trained(folder: Path, size: int) -> Path:
    write_hello_world(folder / "data")
    options = {"backbone": "mobilenet_v2", "weights": "none", "strategy": "probe"}
    return firstread.train(
        folder / "data", folder / "RUN", **options, image_size=size, audit=False
    ).folder


def answers(run: Path, files: list[Path]) -> list[dict[str, float]]:
    """Return what `predict` says of each file alone."""
    classifier = firstread.load(run)
    names = [f"p_{name}" for name in classifier.classes]
    rows = [classifier.predict([file])[names].iloc[0] for file in files]
    return [{name[2:]: float(row[name]) for name in names} for row in rows]


def predicted(run: Path, files: list[Path], seconds: float) -> float:
    """Return how many images a second `predict` labels."""
    classifier = firstread.load(run)
    classifier.predict(files[:2])
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        classifier.predict(files)
        done += len(files)
    return done / (time.perf_counter() - started)


@contextmanager
def served(run: Path) -> Iterator[int]:
    """Serve a run, and yield the port."""
    command = [sys.executable, "-m", "firstread", "serve", str(run), "--port", "0"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stderr=log, env={**os.environ})
        try:
            while "serving" not in (text := _text(log)):
                assert process.poll() is None, text
                time.sleep(0.1)
            yield int(text.split(" at ")[1].split(",")[0].rpartition(":")[2])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _text(log) -> str:
    log.seek(0)
    return log.read()


def loaded(
    port: int, files: list[Path], right: list[dict[str, float]], seconds: float
) -> tuple[Counter[int], list[float]]:
    """Return answers by status, and the seconds that each good one took."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="film"\r\n\r\n'
    ).encode()
    bodies = [head + file.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode() for file in files]
    statuses, taken = Counter[int](), []
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        rng = np.random.default_rng(number)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while time.perf_counter() < end:
            place = int(rng.integers(len(bodies)))
            started = time.perf_counter()
            connection.request("POST", "/v1/predict", bodies[place], FORM)
            answer = connection.getresponse()
            text = answer.read()
            statuses[answer.status] += 1
            if answer.status == 429:
                time.sleep(float(answer.headers["retry-after"]))
                continue
            assert answer.status == 200, text
            taken.append(time.perf_counter() - started)
            said = json.loads(text)["images"][0]["probabilities"]
            assert said == right[place], f"{files[place].name}: {said}, not {right[place]}"
        connection.close()

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(client, range(CLIENTS)))
    return statuses, taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--image-size", type=int, default=224)
    asked = parser.parse_args()
    each = asked.seconds / asked.rounds
    statuses, taken, rates = Counter[int](), [], []
    with tempfile.TemporaryDirectory() as name:
        run = trained(Path(name), asked.image_size)
        files = sorted((Path(name) / "data").rglob("*.png"))[:64]
        right = answers(run, files)
        assert len({json.dumps(each) for each in right}) > len(files) // 2
        alone = get_context("spawn").Pool(1)
        with served(run) as port, alone:
            for _ in range(asked.rounds):
                found, times = loaded(port, files, right, each)
                statuses += found
                taken += times
                rates.append(alone.apply(predicted, (run, files, each)))
            model = f"http://127.0.0.1:{port}/v1/model"
            with urllib.request.urlopen(model) as answer:
                together = json.load(answer)["together"]
    rate, rival = len(taken) / asked.seconds, float(np.mean(rates))
    p50, p99 = np.quantile(taken, (0.5, 0.99))
    print(f"{CLIENTS} clients, {asked.seconds:g} s, {asked.image_size} px, {together} a pass")
    print(f"answers  {dict(statuses)}")
    print(f"served   {rate:8.1f} images/s   p50 {1000 * p50:.0f} ms   p99 {1000 * p99:.0f} ms")
    print(f"predict  {rival:8.1f} images/s   {', '.join(f'{r:.1f}' for r in rates)}")
    print(f"ratio    {rate / rival:8.2f}")


if __name__ == "__main__":
    main()
