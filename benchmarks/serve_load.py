"""How many images a second `firstread serve` answers, beside `firstread predict`.

Trains MobileNetV2 on the phantoms for one epoch, serves it on a free port, and has 32 clients send
their images, one a request, for as long as asked. Printed are answers by status, p50 and p99 of
the time an answer took, and the throughput, beside that of `Classifier.predict` on the same
images in a process of its own before. Clients and service share the machine's cores; an answer
that differs from predict's for the same file ends the test.

    python benchmarks/serve_load.py
    python benchmarks/serve_load.py --seconds 10
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np

import firstread
from firstread.datasets.phantoms import write_hello_world

CLIENTS, SECONDS = 32, 60


def trained(folder: Path, size: int) -> Path:
    write_hello_world(folder / "data")
    options = {"backbone": "mobilenet_v2", "weights": "none", "epochs": 1, "image_size": size}
    return firstread.train(folder / "data", folder / "RUN", **options).folder


def predicted(run: Path, files: list[Path], seconds: float) -> float:
    """Return how many images a second `predict` labels."""
    classifier = firstread.load(run)
    classifier.predict(files[:2])
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        classifier.predict(files)
        done += len(files)
    return done / (time.perf_counter() - started)


def served(run: Path, files: list[Path], seconds: float) -> tuple[Counter[int], list[float]]:
    """Return answers by status, and the seconds that each good one took."""
    right = [firstread.load(run).predict([file]).iloc[0, 2] for file in files]
    command = [sys.executable, "-m", "firstread", "serve", str(run), "--port", "0"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stderr=log, env={**os.environ})
        try:
            while "serving" not in (text := _text(log)):
                assert process.poll() is None, text
                time.sleep(0.1)
            address = text.split(" at ")[1].split(",")[0]
            return _loaded(address, files, right, seconds)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _text(log) -> str:
    log.seek(0)
    return log.read()


def _loaded(
    address: str, files: list[Path], right: list[float], seconds: float
) -> tuple[Counter[int], list[float]]:
    data = [file.read_bytes() for file in files]
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    statuses, taken = Counter[int](), []
    with httpx.Client(base_url=address, timeout=120, limits=limits) as http:
        http.get("/healthz")
        end = time.perf_counter() + seconds

        def client(number: int) -> None:
            rng = np.random.default_rng(number)
            while time.perf_counter() < end:
                place = int(rng.integers(len(data)))
                started = time.perf_counter()
                answer = http.post("/v1/predict", files={"files": data[place]})
                statuses[answer.status_code] += 1
                if answer.status_code == 429:
                    time.sleep(float(answer.headers["retry-after"]))
                    continue
                answer.raise_for_status()
                taken.append(time.perf_counter() - started)
                first = next(iter(answer.json()["images"][0]["probabilities"].values()))
                assert first == float(right[place]), f"{files[place].name}: a wrong answer"

        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(client, range(CLIENTS)))
    return statuses, taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--image-size", type=int, default=224)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = trained(Path(name), asked.image_size)
        files = sorted((Path(name) / "data").rglob("*.png"))[:64]
        alone = predicted(run, files, asked.seconds)
        statuses, taken = served(run, files, asked.seconds)
    rate = len(taken) / asked.seconds
    p50, p99 = np.quantile(taken, (0.5, 0.99))
    print(
        f"{CLIENTS} clients, {asked.seconds:g} s, {asked.image_size} px; answers {dict(statuses)}"
    )
    print(f"served   {rate:8.1f} images/s   p50 {1000 * p50:.0f} ms   p99 {1000 * p99:.0f} ms")
    print(f"predict  {alone:8.1f} images/s")
    print(f"ratio    {rate / alone:8.2f}")


if __name__ == "__main__":
    main()
