"""The log of a pretraining: a table on the disk with one row a log line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from firstread.pretraining.pretrain import Line, Pretrainer
from firstread.progress import Step

LOG = "log.csv"


def logged(
    events: Iterator[Step | Line], learner: Pretrainer, folder: Path
) -> Iterator[Step | Line]:
    """Pass a pretraining's events on, and write its lines as they come.

    Parameters
    ----------
    events
        Of `pretraining`.
    learner
        Whose lines behind its present step, of a pretraining that was cut off after them, are
        dropped: they come again.
    folder
        Where `log.csv` is.
    """
    path = folder / LOG
    rows: list[Any] | None = None
    for event in events:
        if rows is None:  # The state has been read by now.
            rows = _rows(path, before=learner.step)
        if isinstance(event, Line):
            rows.append(_row(event))
            written = path.with_suffix(".tmp")
            pd.DataFrame(rows).to_csv(written, index=False)
            written.replace(path)
        yield event


def seconds(folder: Path) -> float:
    """Return the time on the clock of all lines in a log."""
    return float(pd.read_csv(folder / LOG)["seconds"].sum())


def _rows(path: Path, before: int) -> list[Any]:
    if not path.exists():
        return []
    frame = pd.read_csv(path)
    return frame[frame["step"] < before].to_dict("records")


def _row(line: Line) -> dict[str, object]:
    row: dict[str, object] = {
        "step": line.step,
        "images": line.images,
        "lr": line.lr,
        "seconds": line.seconds,
        "loss": line.loss,
        **{f"loss_{name}": value for name, value in line.losses.items()},
    }
    if line.marks is not None:
        row |= {
            f"{kind}_{name}": value
            for kind, values in line.marks.kinds()
            for name, value in values.items()
        }
    return row
