"""The noun of this room: where a network looked, and whether to believe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

UNMOVED = 0.5
"""A map of a network with random weights that agrees this well with the true one says little."""
STEADY = 0.7
"""A map that agrees less than this with that of the same image moved by a few pixels is shaky."""

BEATEN = 0.85
"""Share of random orders that a map's order must beat: 8 of 9."""


@dataclass(frozen=True)
class Checks:
    """What tells a map of the network's reasons from a drawing of the image's edges.

    Parameters
    ----------
    randomised
        For each part of the network from the top down, how well the map agrees with the one
        after the weights of that part and of all above it were shuffled: the absolute rank
        correlation (Spearman), mean over draws, 0 to 1.
    deletion, insertion
        The class's log-odds after each step of covering the image in the map's order, most
        important first, and of uncovering it; the first is before any step. Probabilities would
        stay at 1 for long where a network is sure.
    random_deletion, random_insertion
        The same in random orders, shape (draws, steps + 1).
    stability
        Rank correlation with the maps of the image moved by a few pixels, moved back; mean.

    References
    ----------
    J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, arXiv:1810.03292;
    V. Petsiuk et al., "RISE", BMVC 2018, arXiv:1806.07421 (deletion and insertion).
    """

    randomised: tuple[tuple[str, float], ...]
    deletion: Floats
    insertion: Floats
    random_deletion: Floats
    random_insertion: Floats
    stability: float

    @property
    def agreement(self) -> float:
        """Agreement with the map of a network whose weights are all random, 0 to 1."""
        return self.randomised[-1][1]

    @property
    def areas(self) -> dict[str, tuple[float, float]]:
        """Mean log-odds while covering and uncovering, in the map's order and in random ones."""
        return {
            "covered": (_area(self.deletion), float(np.mean(_areas(self.random_deletion)))),
            "uncovered": (_area(self.insertion), float(np.mean(_areas(self.random_insertion)))),
        }

    @property
    def beaten(self) -> tuple[float, float]:
        """Shares of the random orders that the map's beats, by covering and by uncovering."""
        covered = _areas(self.random_deletion) > _area(self.deletion)
        uncovered = _areas(self.random_insertion) < _area(self.insertion)
        return float(covered.mean()), float(uncovered.mean())

    @property
    def passed(self) -> bool:
        """Whether none of the checks speaks against the map."""
        return self.agreement < UNMOVED and self.stability >= STEADY and min(self.beaten) >= BEATEN

    def sentences(self) -> list[str]:
        """Say in plain words what the checks found."""
        return [self._weights(), self._curves(), self._shifts()]

    def _weights(self) -> str:
        shown = f"rank correlation {self.agreement:.2f}"
        if self.agreement >= UNMOVED:
            return (
                "This map hardly changes when the network's weights are made random "
                f"({shown}): don't trust it."
            )
        return f"The map changes when the network's weights are made random ({shown}): good."

    def _curves(self) -> str:
        (deleted, by_chance), (inserted, brought) = self.areas.values()
        worse, better = (share >= BEATEN for share in self.beaten)
        shown = (
            f"mean log-odds {deleted:.1f} against {by_chance:.1f} covered, {inserted:.1f} against "
            f"{brought:.1f} uncovered"
        )
        if worse and better:
            return (
                "Covering what the map marks costs the class more than covering other places, and "
                f"uncovering it brings more ({shown})."
            )
        if worse or better:
            one, other = ("Covering", "uncovering") if worse else ("Uncovering", "covering")
            return (
                f"{one} what the map marks matters more to the class than other places, but "
                f"{other} it does not ({shown}): the map shows a part of what the network uses."
            )
        return (
            "What the map marks matters no more to the class than other places "
            f"({shown}): don't take it for what the network uses."
        )

    def _shifts(self) -> str:
        shown = f"rank correlation {self.stability:.2f}"
        if self.stability < STEADY:
            return f"The map jumps when the image is moved by a few pixels ({shown})."
        return f"The map stays when the image is moved by a few pixels ({shown})."

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        areas = self.areas
        return {
            "randomised": [{"down_to": n, "rank_correlation": r} for n, r in self.randomised],
            "mean_log_odds": {
                name: {"map": own, "at_random": chance} for name, (own, chance) in areas.items()
            },
            "random_orders_beaten": dict(zip(areas, self.beaten, strict=True)),
            "stability": self.stability,
            "passed": self.passed,
            "sentences": self.sentences(),
        }


@dataclass(frozen=True)
class Explanation:
    """Where a network looked when it gave one image one class.

    Parameters
    ----------
    map
        float32, of the image's own height and width. At least 0 where the method only marks what
        speaks for the class; else what is below 0 speaks against it.
    grid
        The same as the method gave it, over the square that the network saw.
    method
        A name of `METHODS`.
    target
        The class that is explained.
    probability
        Of that class, 0 to 1.
    logit
        Of that class; of two classes with one sigmoid, its sign is that of the class.
    share
        What part of the logit the map adds up to: 1 for exact evidence; about 1 for integrated
        gradients, of the difference to an image of one gray level; None where a map has no unit.
    checks
        Whether to believe it; None where nobody asked.
    """

    map: Floats
    grid: Floats
    method: str
    target: str
    probability: float
    logit: float
    share: float | None
    checks: Checks | None = None

    def record(self) -> dict[str, Any]:
        """Return everything but the maps as plain values for JSON."""
        return {
            "method": self.method,
            "class": self.target,
            "probability": self.probability,
            "logit": self.logit,
            "share": self.share,
            "checks": None if self.checks is None else self.checks.record(),
        }


def _areas(curves: Floats) -> npt.NDArray[np.float64]:
    """Return the mean height of curves over steps, shape (...,)."""
    return np.asarray(np.trapezoid(curves, axis=-1) / (curves.shape[-1] - 1), np.float64)


def _area(curve: Floats) -> float:
    return float(_areas(curve))
