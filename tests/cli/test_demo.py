from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import firstread as api


@pytest.mark.slow
def test_the_demo_does_the_whole_job_offline(
    firstread: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = firstread("demo")
    assert done.code == 0
    assert "abd_test.png: abd" in done.out
    assert "chest_test.png: chst" in done.out
    folder = tmp_path / "firstread-demo"
    assert (folder / "test.png").stat().st_size > 20_000
    run = api.Run.open(folder / "run")
    assert run.metrics()["val"]["right"] >= 9
    assert len(pd.read_csv(folder / "run" / "predictions.csv")) == 10
    again = firstread("demo")
    assert again.code == 2
    assert "firstread-demo: holds something already" in again.err
