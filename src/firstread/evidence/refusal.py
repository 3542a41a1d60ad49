"""When to say "I don't know": how far an image lies from all that was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
from safetensors.numpy import load_file, save_file

from firstread.errors import RunError, first_line
from firstread.evidence.conformal import Sets, calibrate, needed
from firstread.evidence.familiarity import Familiar
from firstread.evidence.turning import turn_odds
from firstread.seals import file_hash
from firstread.threads import single_threaded

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

FORMAT = 3
REFUSAL_FILE = "refusal.safetensors"
RECORD_FILE = "refusal.json"
NEAREST = 3
"""Training images that are named, where an image is refused."""

RATE = 0.05
"""Share of images like those of training that are refused, at most."""


@dataclass(frozen=True)
class Judged:
    """What is known of how images differ from those of training.

    Parameters
    ----------
    distance
        How far each lies from training images, 1 where refusals begin, shape (n,).
    turned
        The same for how much it looks turned; 0 where that can't be told.
    odds
        The log-odds of each of `Refusal.turns` against upright, shape (n, turns), or (n, 0).
    """

    distance: Array
    turned: Array
    odds: Array

    @property
    def outlier(self) -> Array:
        """The greater of both, shape (n,): more than 1 is refused."""
        return np.maximum(self.distance, self.turned)


@dataclass(frozen=True)
class Refusal:
    """Tells images that are like those of training from others, and rules classes out.

    Parameters
    ----------
    bank
        Features of training images as `normalised` gives them, float32, shape (n, d).
    paths, labels
        Of those images.
    familiar
        What training images look like to all stages of the network.
    limit
        The largest distance from these that is not refused, above 0; infinite where the images
        were too few to tell.
    weight, bias
        Of a linear classifier of turned images, shapes (turns, d) and (turns,), upright first;
        without rows where it can't tell, as of images without an up.
    turns
        Names of how images were turned, in its order, without the upright.
    turn_limit
        The largest log-odds of any turn that is not refused.
    turned
        Share of turned images that are refused, measured on images held out.
    rate
        False alarms that the limits were chosen for.
    calibrated
        Images that they rest on.
    probabilities, targets
        Of the validation images, for prediction sets of any coverage.
    classes
        Their names.
    colour
        How far the channels of the most colourful training image are apart, mean over its pixels,
        0 (gray) to 1.
    """

    bank: Floats
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    familiar: Familiar
    limit: float
    weight: Floats
    bias: Floats
    turns: tuple[str, ...]
    turn_limit: float
    turned: float
    rate: float
    calibrated: int
    probabilities: Floats
    targets: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    colour: float

    def judge(self, features: Array, signatures: Array) -> Judged:
        """Judge images by what the network makes of them.

        Parameters
        ----------
        features
            Pooled, shape (n, d).
        signatures
            Of all stages, as of `Network.described`; shape (n, e).
        """
        points = normalised(features)
        with single_threaded():
            far = self.familiar.distance(signatures) / self.limit
            odds = turn_odds(points, self.weight, self.bias)
        if not len(self.weight):
            return Judged(far, np.zeros(len(points)), odds)
        # As distances, 1 at the limit and more above it; log-odds have no zero of their own.
        turned = np.exp(np.clip(odds.max(axis=1) - self.turn_limit, -20, 3))
        return Judged(far, turned, odds)

    def nearest(self, features: Array) -> list[tuple[str, str]]:
        """Return path and label of the training images nearest to one, the nearest first.

        Parameters
        ----------
        features
            Pooled, shape (d,).
        """
        with single_threaded():
            places = neighbours(normalised(features[None]), self.bank)[0]
        return [(self.paths[place], self.labels[place]) for place in places]

    def sets(self, coverage: float) -> Sets:
        """Return prediction sets of a coverage.

        Raises
        ------
        UsageError
            If the validation images are too few for it.
        """
        return calibrate(self.targets, self.probabilities, coverage, self.classes)

    def sentence(self) -> str:
        """Say what is refused, and what that rests on."""
        if not np.isfinite(self.limit):
            return (
                f"The run has {self.calibrated} images to learn from what is unlike them; "
                f"{needed(1 - self.rate)} are needed: no image is refused for being far off."
            )
        told = (
            f" Of images turned, flipped or inverted on purpose {100 * self.turned:.0f} % are "
            "refused."
            if len(self.weight)
            else " Images that lie the wrong way up, or are inverted, can't be told."
        )
        return (
            f"Images unlike those of training are refused, and at most {100 * self.rate:g} % of "
            f"images like them, as calibrated on {self.calibrated} images.{told}"
        )

    def save(self, folder: Path, model: Path) -> None:
        """Write `refusal.safetensors` and `refusal.json`, tied to the model's weights file."""
        record = {
            "format": FORMAT,
            "model_sha256": file_hash(model),
            **{name: getattr(self, name) for name in _NUMBERS},
            **{name: list(getattr(self, name)) for name in _NAMES},
        }
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in _TENSORS}
        tensors |= {name: np.ascontiguousarray(getattr(self.familiar, name)) for name in _CLOUDS}
        drafts = [folder / f"{name}.part" for name in (REFUSAL_FILE, RECORD_FILE)]
        save_file(tensors, drafts[0])
        record["rest"] = self.familiar.rest
        record["limit"] = self.limit if np.isfinite(self.limit) else None
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        drafts[1].write_text(text + "\n", encoding="utf-8")
        for draft in drafts:
            draft.replace(draft.with_suffix(""))

    @classmethod
    def load(cls, folder: Path, model: Path) -> Refusal:
        """Read what `save` wrote. Nothing in the files is ever run.

        Raises
        ------
        RunError
            If the files are missing, damaged, of a newer firstread, or of another model.
        """
        try:
            record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
            tensors = load_file(folder / REFUSAL_FILE)
            if record["format"] != FORMAT:
                raise RunError(
                    f"{folder / RECORD_FILE}: is of format {record['format']}, and this firstread "
                    f"reads {FORMAT}; upgrade firstread, or delete {REFUSAL_FILE} and have it made "
                    "again"
                )
            refusal = cls._of(record, tensors)
        except FileNotFoundError as error:
            raise RunError(f"{folder}: has no {Path(error.filename).name}") from None
        except (ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
            raise RunError(f"{folder / REFUSAL_FILE}: is damaged ({first_line(error)})") from None
        if record["model_sha256"] != file_hash(model):
            raise RunError(
                f"{folder}: {REFUSAL_FILE} belongs to another model than {model.name}; delete it "
                "to have it made again"
            )
        return refusal

    @classmethod
    def _of(cls, record: Mapping[str, Any], tensors: Mapping[str, Array]) -> Refusal:
        fields: dict[str, Any] = {name: tensors[name] for name in _TENSORS}
        fields.update({name: tuple(map(str, record[name])) for name in _NAMES})
        fields.update({name: record[name] for name in _NUMBERS})
        clouds = Familiar(**{name: tensors[name] for name in _CLOUDS}, rest=float(record["rest"]))
        fields["familiar"] = clouds
        fields["limit"] = float("inf") if fields["limit"] is None else float(fields["limit"])
        made = cls(**fields)
        rows, width = made.bank.shape
        shapes = {
            "paths": len(made.paths) == len(made.labels) == rows,
            "axes": clouds.axes.shape == (len(clouds.variances), clouds.means.shape[1]),
            "weight": made.weight.shape in ((0, width), (len(made.turns) + 1, width)),
            "probabilities": made.probabilities.shape == (len(made.targets), len(made.classes)),
        }
        wrong = [name for name, right in shapes.items() if not right]
        if wrong:
            raise ValueError(f"{wrong[0]} doesn't fit the rest")
        return made


_CLOUDS = ("means", "axes", "variances")
_TENSORS = ("bank", "weight", "bias", "probabilities", "targets")
_NAMES = ("paths", "labels", "turns", "classes")
_NUMBERS = ("limit", "turn_limit", "turned", "rate", "calibrated", "colour")


def normalised(features: Array) -> Floats:
    """Return features at length 1 after a signed square root, which tames the few large ones.

    Parameters
    ----------
    features
        Pooled, shape (n, d).

    References
    ----------
    F. Perronnin, J. Sánchez and T. Mensink, "Improving the Fisher kernel", ECCV 2010, section 3.
    """
    tamed = np.sign(features) * np.sqrt(np.abs(features))
    lengths = np.linalg.norm(tamed, axis=1, keepdims=True)
    return np.asarray(tamed / np.maximum(lengths, 1e-12), np.float32)


def neighbours(points: Floats, bank: Floats) -> npt.NDArray[np.int64]:
    """Return places of each point's nearest few in a bank, the nearest first, (n, `NEAREST`)."""
    count = min(NEAREST, len(bank))
    squared = 2 - 2 * (points @ bank.T)
    nearest = np.argpartition(squared, count - 1, axis=1)[:, :count]
    order = np.take_along_axis(squared, nearest, axis=1).argsort(axis=1, kind="stable")
    return np.take_along_axis(nearest, order, axis=1)
