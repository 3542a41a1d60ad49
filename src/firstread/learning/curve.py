"""Accuracy against the number of training images, and what more of them would bring."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import nnls

from firstread.learning.probe import Floats, Ints, fit, folds, hits
from firstread.progress import Step

DRAWS = 20
SHARES = (0.1, 0.2, 0.35, 0.6, 1.0)
HELD_OUT = 5
"""One part in so many is judged at each draw."""

_RESAMPLED = 200
_POINT = 0.01
_POWERS = np.linspace(0.05, 2, 40)
_FAR = 100.0


@dataclass(frozen=True)
class LearningCurve:
    """How accuracy grows with the number of training images, and how it may go on.

    Parameters
    ----------
    sizes
        Training images, growing, shape (s,).
    accuracies
        On held-out images, shape (draws, s); each draw's subsets are nested.
    held_out
        Images judged at each draw.
    unit
        What the images are counted in: `images` or `patients`.
    """

    sizes: npt.NDArray[np.int64]
    accuracies: Floats
    held_out: int
    unit: str = "images"

    def frame(self) -> pd.DataFrame:
        """Return one row a size: images, accuracy and its 95 % interval over the draws.

        The interval's width allows for the draws' overlap (C. Nadeau and Y. Bengio, "Inference
        for the Generalization Error", Machine Learning 52, 2003).
        """
        count = len(self.accuracies)
        mean = self.accuracies.mean(axis=0)
        spread = self.accuracies.std(axis=0, ddof=1) if count > 1 else np.zeros(len(self.sizes))
        wide = 1.96 * spread * np.sqrt(1 / count + self.held_out / self.sizes)
        return pd.DataFrame(
            {
                "images": self.sizes,
                "accuracy": mean,
                "low": np.clip(mean - wide, 0, 1),
                "high": np.clip(mean + wide, 0, 1),
                "draws": count,
            }
        )

    def beyond(self) -> pd.DataFrame:
        """Return the fitted course to four times the images: accuracy and 95 % interval."""
        sizes = np.geomspace(self.sizes[0], 4 * self.sizes[-1], 40)
        made = np.stack([1 - _error(law, sizes) for law in self._laws])
        middle, low, high = np.clip(np.quantile(made, [0.5, 0.025, 0.975], axis=0), 0, 1)
        return pd.DataFrame({"images": sizes, "accuracy": middle, "low": low, "high": high})

    def sentence(self) -> str:
        """Say what more data would bring."""
        now = float(self.sizes[-1])
        laws = self._laws
        errors = np.array([float(_error(law, np.array([now]))[0]) for law in laws])
        if np.median(errors) < _POINT:
            return (
                f"With {now:.0f} {self.unit} to learn from the held-out images are nearly all "
                "right: more data of this kind can't show here as higher accuracy."
            )
        factors = np.array([_needed(law, now) for law in laws])
        low, middle, high = np.quantile(factors, [0.025, 0.5, 0.975])
        if middle >= _FAR:
            return (
                "More data of this kind will not help much: the curve is flat "
                f"({100 * (1 - np.median(errors)):.0f} % at {now:.0f} {self.unit})."
            )
        end = "more than 100" if high >= _FAR else f"{high:.1f}"
        return (
            f"About {middle:.1f} times the {self.unit} would be needed for one point more "
            f"(95 % interval {low:.1f} to {end} times)."
        )

    @cached_property
    def _laws(self) -> list[Floats]:
        """The laws that fit the draws, each resampled."""
        rng = np.random.default_rng(0)
        count = len(self.accuracies)
        picks = [np.arange(count), *(rng.integers(0, count, count) for _ in range(_RESAMPLED))]
        return [_law(self.sizes, 1 - self.accuracies[pick].mean(axis=0)) for pick in picks]


def learning_curve(
    features: Floats,
    targets: Ints,
    groups: npt.NDArray[np.object_],
    *,
    c: float,
    classes: int,
    classifier: str = "softmax",
    seed: int = 0,
    draws: int = DRAWS,
) -> Generator[Step, None, LearningCurve | None]:
    """Train on nested subsets, several times, and judge on what was held out.

    Parameters
    ----------
    features, targets, groups, classifier, classes
        As of `fit`.
    c
        The inverse of the regularisation's strength.
    seed
        Of the draws.
    draws
        How many.

    Returns
    -------
    curve
        None where a class has too few images to hold any out.
    """
    made: list[list[float]] = []
    sizes: list[list[int]] = []
    held: list[int] = []
    names = pd.factorize(np.asarray(groups, dtype=object))[0]
    for draw in range(draws):
        parted = folds(targets, groups, HELD_OUT, seed * 1000 + draw)
        if not parted:
            return None
        learned, left = parted[0]
        order = _nested(names[learned], targets[learned], np.random.default_rng([seed, draw]))
        made.append([])
        sizes.append([])
        held.append(len(left))
        for share in SHARES:
            some = learned[order[: max(2, round(share * len(order)))]]
            linear = yield from fit(
                features[:, some],
                targets[some],
                groups[some],
                classifier=classifier,
                classes=classes,
                grid=(c,),
                seed=seed,
            )
            made[-1].append(float(hits(linear.logits(features[0, left]), targets[left]).mean()))
            sizes[-1].append(len(some))
        yield Step("drawing the learning curve", draw + 1, draws)
    patients = len(set(names)) < len(names)
    return LearningCurve(
        np.mean(sizes, axis=0).round().astype(np.int64),
        np.array(made),
        round(float(np.mean(held))),
        "images (and patients)" if patients else "images",
    )


def _nested(groups: Ints, targets: Ints, rng: np.random.Generator) -> Ints:
    """Return an order whose every beginning holds whole groups, and the classes in proportion."""
    strata = targets if targets.ndim == 1 else np.unique(targets, axis=0, return_inverse=True)[1]
    strata = np.asarray(strata).reshape(-1)
    first = {group: strata[np.flatnonzero(groups == group)[0]] for group in np.unique(groups)}
    ranks: dict[int, float] = {}
    for stratum in np.unique(list(first.values())):
        members = rng.permutation([group for group, its in first.items() if its == stratum])
        # Spread evenly: the k-th of m stands at (k + a bit) / m of the whole.
        places = (np.arange(len(members)) + rng.uniform(0, 1)) / len(members)
        ranks.update(zip(members.tolist(), places.tolist(), strict=True))
    return np.argsort([ranks[group] for group in groups], kind="stable")


def _error(law: Floats, sizes: npt.NDArray[np.float64]) -> Floats:
    floor, scale, power = law
    return np.asarray(floor + scale * sizes**-power)


def _law(sizes: npt.NDArray[np.int64], errors: Floats) -> Floats:
    """Fit error = floor + scale * n ** -power (C. Cortes et al., "Learning Curves", NIPS 1993).

    For a given power the rest is least squares without negative numbers, so that the best power
    is found by trying all.
    """
    n = sizes.astype(np.float64)
    tried = []
    for power in _POWERS:
        design = np.stack([np.ones_like(n), n**-power], axis=1)
        (floor, scale), residual = nnls(design, errors)
        tried.append((residual, floor, scale, power))
    return np.array(min(tried)[1:])


def _needed(law: Floats, now: float) -> float:
    """Return how many times the images would bring one point more, at most a hundred."""
    floor, scale, power = law
    wanted = float(_error(law, np.array([now]))[0]) - _POINT - floor
    if wanted <= 0 or scale <= 0:
        return _FAR
    return float(min(_FAR, (scale / wanted) ** (1 / power) / now))
