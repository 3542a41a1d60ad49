"""Repeated cross-validation in whole patients, with intervals that know that folds overlap."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from firstread.errors import UsageError
from firstread.evidence.answers import called, marks, surprise
from firstread.evidence.estimate import Estimate
from firstread.evidence.intervals import NOTHING, repeated_folds
from firstread.evidence.ranking import auroc
from firstread.evidence.scoring import coded
from firstread.progress import Share, Step, in_turn

Array = npt.NDArray[Any]

FitPredict = Callable[[Array, Array, Array], Array]
"""Trains on cases and labels others: (training places, their targets, test places) to their
probabilities, shape (test places, k). Everything that is chosen must be chosen in here."""

FIGURES = ("accuracy", "balanced_accuracy", "auroc", "log_loss")


class Fold(NamedTuple):
    """One parting of the cases.

    Parameters
    ----------
    repeat, number
        Both from 0.
    train, test
        Places of the cases, int.
    """

    repeat: int
    number: int
    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def folds(
    targets: Array,
    groups: Sequence[str] | Array | None = None,
    *,
    count: int = 5,
    repeats: int = 1,
    seed: int = 0,
) -> tuple[Fold, ...]:
    """Part cases into folds, classes in proportion, a patient's images always together.

    Parameters
    ----------
    targets
        As of `scoring.evaluate`; images with several labels are kept in proportion by the rarest
        label that they have.
    groups
        The patient of each case, shape (n,); None where each has one.
    count, repeats
        Folds, and how often the cases are parted anew.
    seed
        Decides the parting.

    Raises
    ------
    UsageError
        If there are fewer than two folds, or a class has fewer patients than there are folds.
    """
    truth = np.asarray(targets)
    codes, patients = coded(groups, len(truth))
    units = np.arange(len(truth)) if codes is None else codes
    strata = truth if truth.ndim == 1 else _rarest(truth, count)
    if count < 2 or repeats < 1:
        raise UsageError(f"folds is {count} and repeats {repeats}; at least 2 and 1 are needed")
    held = [len(np.unique(units[strata == k])) for k in np.unique(strata)]
    least = min(held) if truth.ndim == 1 else patients
    if least < count:
        raise UsageError(
            f"{count} folds need as many patients of every class (images, where patients aren't "
            f"known), and one class has {least}; use up to {least} folds or add images"
        )
    parted = []
    for repeat in range(repeats):
        # Without patients to keep together the plain splitter does the same, far faster.
        kind = StratifiedKFold if codes is None else StratifiedGroupKFold
        splitter = kind(count, shuffle=True, random_state=seed + repeat)
        for number, (train, test) in enumerate(splitter.split(strata, strata, codes)):
            parted.append(Fold(repeat, number, train, test))
    return tuple(parted)


@dataclass(frozen=True)
class CrossValidation:
    """What models trained on the other folds said of each fold.

    Parameters
    ----------
    classes
        Class names in order.
    targets
        As of `scoring.evaluate`.
    folds
        In order.
    probabilities
        Of each fold's test cases, in order, each of shape (tested, k).
    """

    classes: tuple[str, ...]
    targets: Array
    folds: tuple[Fold, ...]
    probabilities: tuple[Array, ...]

    def predictions(self) -> pd.DataFrame:
        """Return one row a case and repeat: repeat, fold, case and `p_CLASS`, all out of fold."""
        frames = []
        for fold, p in zip(self.folds, self.probabilities, strict=True):
            frame = pd.DataFrame(p, columns=[f"p_{name}" for name in self.classes])
            frame.insert(0, "case", fold.test)
            frame.insert(0, "fold", fold.number)
            frame.insert(0, "repeat", fold.repeat)
            frames.append(frame.sort_values("case"))
        return pd.concat(frames, ignore_index=True)

    def scores(self) -> pd.DataFrame:
        """Return one row a fold: repeat, fold, n and its figures."""
        rows = [
            {
                "repeat": fold.repeat,
                "fold": fold.number,
                "n": len(fold.test),
                **_figures(self.targets[fold.test], p),
            }
            for fold, p in zip(self.folds, self.probabilities, strict=True)
        ]
        return pd.DataFrame(rows)

    def estimates(self) -> list[Estimate]:
        """Return each figure's mean over folds, with Nadeau and Bengio's corrected interval."""
        scores, n = self.scores(), len(self.targets)
        tested = float(np.mean([len(fold.test) for fold in self.folds]))
        trained = float(np.mean([len(fold.train) for fold in self.folds]))
        estimates = []
        for figure in FIGURES:
            values = scores[figure].dropna().to_numpy()
            limits = repeated_folds(values, tested, trained) if len(values) > 1 else NOTHING
            value = float(values.mean()) if len(values) else float("nan")
            limits = _within(limits, figure)
            estimates.append(Estimate.of(figure, "", value, limits, "Nadeau-Bengio", n))
        return estimates

    def record(self) -> dict[str, Any]:
        """Return the figures as plain values, for JSON."""
        scores = self.scores()
        return {
            "folds": int(scores["fold"].nunique()),
            "repeats": int(scores["repeat"].nunique()),
            "figures": [estimate.record() for estimate in self.estimates()],
            "scores": scores.astype(object).where(scores.notna(), None).to_dict("records"),
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Say how well models like this one do on images left out of their training."""
        scores = self.scores()
        accuracy, area = (e for e in self.estimates() if e.figure in ("accuracy", "auroc"))
        parted = f"{scores['fold'].nunique()} folds, {scores['repeat'].nunique()} times"
        return (
            f"Models trained like this one get {accuracy.text()} of the images right that were "
            f"left out of their training ({parted}); AUROC {area.text()}."
        )


def cross_validate(
    classes: Sequence[str],
    targets: Array,
    parted: Sequence[Fold],
    fit_predict: FitPredict,
    phase: str = "cross-validating",
    share: Share = in_turn,
) -> Generator[Step, None, CrossValidation]:
    """Train and judge once a fold; yields a step a fold and returns a `CrossValidation`.

    Parameters
    ----------
    classes, targets
        As of `scoring.evaluate`.
    parted
        Of `folds`.
    fit_predict
        As of `FitPredict`. It never sees the targets of the test cases.
    phase
        What the steps are called.
    share
        Does the folds.
    """
    truth = np.asarray(targets)

    def held_out(number: int) -> Generator[Step, None, Array]:
        fold = parted[number]
        p = np.asarray(fit_predict(fold.train, truth[fold.train], fold.test), float)
        if p.shape != (len(fold.test), len(classes)):
            raise ValueError(f"fit_predict gave {p.shape} for {len(fold.test)} cases")
        yield Step(phase, number + 1, len(parted))
        return p

    pieces = [partial(held_out, number) for number in range(len(parted))]
    probabilities = yield from share(pieces, phase)
    return CrossValidation(tuple(classes), truth, tuple(parted), tuple(probabilities))


def _figures(truth: Array, p: Array) -> dict[str, float]:
    multilabel = truth.ndim == 2
    yes, answer = marks(truth, p.shape[1]), called(p, multilabel)
    present = yes.any(axis=0)
    found = (yes & answer).sum(axis=0)[present] / yes.sum(axis=0)[present]
    areas = [auroc(yes[:, k], p[:, k]).value for k in range(p.shape[1])]
    known = [area for area in areas if not np.isnan(area)]
    return {
        "accuracy": float((yes == answer).all(axis=1).mean()),
        "balanced_accuracy": float(found.mean()) if len(found) else float("nan"),
        "auroc": float(np.mean(known)) if known else float("nan"),
        "log_loss": float(surprise(yes, p, multilabel).mean()),
    }


def _within(limits: Any, figure: str) -> Any:
    """Cut an interval to what the figure can be."""
    low, high = limits
    most = float("inf") if figure == "log_loss" else 1.0
    return type(limits)(float(np.clip(low, 0, most)), float(np.clip(high, 0, most)))


def _rarest(targets: Array, least: int) -> Array:
    """Return the rarest label of each case that `least` cases have as theirs, or -1."""
    frequent = targets.sum(axis=0)
    rank = np.where(targets.astype(bool), frequent, frequent.max() + 1)
    none = ~targets.astype(bool).any(axis=1)
    rarest: Array = np.where(none, -1, rank.argmin(axis=1))
    few = [k for k in np.unique(rarest) if (rarest == k).sum() < least]
    rarest[np.isin(rarest, few)] = -1
    # What is left over may be few as well; it goes with the most frequent ones then.
    if 0 < (rarest == -1).sum() < least:
        kept = rarest[rarest >= 0]
        rarest[rarest == -1] = np.bincount(kept).argmax() if len(kept) else -1
    return rarest
