"""Volumes: which of their slices are used, and one answer for a volume from those for slices."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from firstread.datasets.dataset import Dataset
from firstread.datasets.tags import Pseudonyms, read_facts
from firstread.errors import UsageError
from firstread.images import Facts, chosen, part_of

SLICES = "even:16"
"""Which images of a file with several are used where nobody says."""

_SMALLEST = 1e-7
_Rule = Callable[[npt.NDArray[np.float64], bool], npt.NDArray[np.float64]]


def expanded(dataset: Dataset, known: Mapping[Path, Facts], slices: str | None = None) -> Dataset:
    """Return the data set with one case for each slice or frame that is used.

    A file with several images becomes cases named `FILE#slice=n` or `FILE#frame=n`. Images of one
    series in files of their own stay as they are, unless `slices` is given. All cases of a volume
    carry its name in the column `volume`; it stands in for a patient who isn't known, so that no
    split divides a volume.

    Parameters
    ----------
    dataset
        Read from a folder or table.
    known
        The headers of its files.
    slices
        Which, as `images.chosen` says, in the order of their places in the body; None for 16
        spread evenly over each file with several images, and all files of a series.
    """
    table = parts(dataset.paths, known, slices)
    if table["volume"].isna().all():
        return dataset
    cases = dataset.cases.iloc[table["file"]].reset_index(drop=True)
    volume = table["volume"].reset_index(drop=True)
    patient = cases["patient"].where(cases["patient"].notna(), volume)
    cases = cases.assign(path=table["path"].tolist(), patient=patient, volume=volume)
    return replace(dataset, cases=cases)


def parts(
    paths: Sequence[Path],
    known: Mapping[Path, Facts] | None = None,
    slices: str | None = None,
    kept: Collection[Path] = (),
) -> pd.DataFrame:
    """Say which images in some files are used.

    Parameters
    ----------
    paths
        Image files of any kind.
    known
        Their headers; read here if not given.
    slices
        As of `expanded`.
    kept
        Those of the files that are used whatever `slices` makes of their series.

    Returns
    -------
    frame
        One row an image: `path` (str), `volume` (str, or missing where the image belongs to
        none) and `file` (the place of its file in `paths`).

    Raises
    ------
    UsageError
        If `slices` can't be understood, or a volume has not so many.
    """
    known = read_facts(paths) if known is None else known
    dropped = _dropped([path for path in paths if path not in kept], known, slices)
    series = _series(paths, known)
    rows: list[tuple[str, str | None, int]] = []
    for place, path in enumerate(paths):
        facts = known.get(path)
        if facts is None or len(facts.order) == 1:
            if path not in dropped:
                rows.append((str(path), series.get(path), place))
            continue
        word = "slice" if facts.kind == "nifti" else "frame"
        for rank in _chosen(path, slices or SLICES, len(facts.order)):
            rows.append((str(part_of(path, word, facts.order[rank - 1])), str(path), place))
    named, volumes, places = zip(*rows, strict=True) if rows else ((), (), ())
    return pd.DataFrame(
        {
            "path": np.array(named, object),
            "volume": np.array(volumes, object),
            "file": np.array(places, np.int64),
        }
    )


def _members(paths: Sequence[Path], known: Mapping[Path, Facts]) -> list[tuple[str, list[Path]]]:
    """Return each series of single images in several files, sorted by where they lie."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        facts = known.get(path)
        if facts is not None and len(facts.order) == 1 and "SeriesInstanceUID" in facts.keys:
            found[facts.keys["SeriesInstanceUID"]].append(path)

    def place(path: Path) -> tuple[float, str]:
        position = known[path].position
        return (np.inf if position is None else position), str(path)

    return [(uid, sorted(files, key=place)) for uid, files in found.items() if len(files) > 1]


def _series(paths: Sequence[Path], known: Mapping[Path, Facts]) -> dict[Path, str]:
    pseudonym = Pseudonyms("series")
    return {path: pseudonym(uid) for uid, files in _members(paths, known) for path in files}


def _dropped(paths: Sequence[Path], known: Mapping[Path, Facts], slices: str | None) -> set[Path]:
    if slices is None:
        return set()
    return {
        path
        for _, files in _members(paths, known)
        for path in {*files} - {files[rank - 1] for rank in _chosen(files[0], slices, len(files))}
    }


def _chosen(path: Path, choice: str, count: int) -> list[int]:
    """Choose, and name the file where it has not so many; of a series the first."""
    try:
        return chosen(choice, count)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def per_volume(
    predictions: pd.DataFrame,
    volumes: Sequence[str | None],
    rule: str = "mean",
    *,
    independent: bool = False,
) -> pd.DataFrame:
    """Give one prediction for each volume from those for its slices.

    Parameters
    ----------
    predictions
        One row a slice, with a column `p_CLASS` for each class, as `Classifier.predict` gives.
    volumes
        The volume of each row; a row without one is a volume of its own, named by its `path`.
    rule
        `mean`: the mean of the log-odds over the slices, as for findings that are all over the
        volume; for more than two classes the geometric mean of the probabilities, which is the
        same for two. `top:K`: the mean of each class's K greatest probabilities, as for findings
        in a few slices.
    independent
        Whether each class stands for itself, as where an image may have several labels;
        otherwise the probabilities of a volume sum to 1.

    Returns
    -------
    frame
        One row a volume, in order of appearance: `volume`, `images` (how many), `label` (not
        where classes are independent) and `p_CLASS`.

    Raises
    ------
    UsageError
        If the rule is another.

    Examples
    --------
    >>> slices = pd.DataFrame({"p_a": [0.5, 0.9], "p_b": [0.5, 0.1]})
    >>> per_volume(slices, ["v", "v"])[["volume", "images", "label", "p_a"]].round(2)
      volume  images label   p_a
    0      v       2     a  0.75
    """
    columns = [name for name in predictions if str(name).startswith("p_")]
    names = [
        path if volume is None or pd.isna(volume) else volume
        for volume, path in zip(
            volumes, predictions.get("path", [""] * len(predictions)), strict=True
        )
    ]
    pool = _pool(rule)
    rows = []
    for volume, group in predictions.groupby(pd.Series(names, index=predictions.index), sort=False):
        scores = pool(group[columns].to_numpy(np.float64), independent)
        rows.append((volume, len(group), *scores))
    frame = pd.DataFrame(rows, columns=["volume", "images", *columns])
    if not independent:
        best = frame[columns].to_numpy().argmax(axis=1)
        frame.insert(2, "label", [str(columns[place])[2:] for place in best])
    return frame


def _pool(rule: str) -> _Rule:
    if rule == "mean":
        return _mean_log_odds
    named = re.fullmatch(r"top:([1-9]\d{0,3})", rule)
    if named is None:
        raise UsageError(f"{rule!r} is no way to judge a volume; write mean, or top:K as top:3")
    count = int(named[1])

    def top(scores: npt.NDArray[np.float64], independent: bool) -> npt.NDArray[np.float64]:
        greatest = np.sort(scores, axis=0)[-count:].mean(axis=0)
        return greatest if independent else _shares(greatest)

    return top


def _mean_log_odds(scores: npt.NDArray[np.float64], independent: bool) -> npt.NDArray[np.float64]:
    inside = np.clip(scores, _SMALLEST, 1 - _SMALLEST)
    if independent:
        mean = np.log(inside / (1 - inside)).mean(axis=0)
        odds: npt.NDArray[np.float64] = 1 / (1 + np.exp(-mean))
        return odds
    return _shares(np.exp(np.log(inside).mean(axis=0)))


def _shares(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = values / values.sum()
    return shares
