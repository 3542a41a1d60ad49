"""The listener is killed again and again: no image is lost, and none is answered twice."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest


def deliver(port: int, folder: Path, over: threading.Event) -> None:
    """Send a folder as a modality does: again, until every image has been acknowledged.

    dcmtk's storescu renames what was taken to .done, and what was refused to .bad.
    """
    send = ["storescu", "-aec", "FIRSTREAD", "+sd", "+sp", "*.dcm", "+rn", "127.0.0.1", str(port)]
    while any(folder.glob("*.dcm")) and not over.is_set():
        subprocess.run([*send, folder], capture_output=True)
        for refused in folder.glob("*.bad"):
            refused.rename(refused.with_suffix(""))
        over.wait(0.5)  # As long as the listener starts, it needs the processor more.


@pytest.mark.parametrize(
    ("images", "kills"),
    [(60, 2), pytest.param(1000, 20, marks=pytest.mark.slow)],
)
def test_each_image_is_answered_once_however_often_the_listener_is_killed(
    images: int,
    kills: int,
    orthanc: Any,
    service: Callable[..., Any],
    slices: Callable[..., Path],
    installed: Callable[[str], str],
    tmp_path: Path,
    wait: Callable[..., None],
) -> None:
    installed("storescu")
    folder, rng = slices(images), np.random.default_rng(0)
    expected = {str(pydicom.dcmread(path).SOPInstanceUID) for path in folder.iterdir()}
    shares = [tmp_path / f"share-{number}" for number in range(4)]
    for number, path in enumerate(sorted(folder.iterdir())):
        shares[number % 4].mkdir(exist_ok=True)
        path.rename(shares[number % 4] / path.name)
    listener, over = service(orthanc.node), threading.Event()
    senders = [
        threading.Thread(target=deliver, args=(listener.port, share, over)) for share in shares
    ]
    for sender in senders:
        sender.start()
    try:
        for _ in range(kills):
            time.sleep(rng.uniform(0.05, 3.0))
            listener.kill()
            listener.start()
        for sender in senders:
            sender.join()
        done = [path for share in shares for path in share.glob("*.done")]
        assert len(done) == images
        wait(lambda: orthanc.ask("/statistics")["CountInstances"] == images, "reports")
        assert listener.end() == 0
    finally:
        over.set()
    reported = []
    for tags in orthanc.instances():
        (study,) = tags["CurrentRequestedProcedureEvidenceSequence"]
        (instance,) = study["ReferencedSeriesSequence"][0]["ReferencedSOPSequence"]
        reported.append(instance["ReferencedSOPInstanceUID"])
    assert sorted(reported) == sorted(expected)
    left = [
        path for name in ("images", "results") for path in (tmp_path / "queue" / name).iterdir()
    ]
    assert left == []
