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
        The class's probability after each step of covering the image in the map's order, most
        important first, and of uncovering it; the first is before any step.
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
    def areas(self) -> tuple[float, float, float, float]:
        """Mean probability under deletion, random deletion, insertion, and random insertion."""
        curves = (self.deletion, self.random_deletion, self.insertion, self.random_insertion)
        ends = (np.trapezoid(curve, axis=-1).mean() / (curve.shape[-1] - 1) for curve in curves)
        deleted, deleted_at_random, inserted, inserted_at_random = map(float, ends)
        return deleted, deleted_at_random, inserted, inserted_at_random

    @property
    def passed(self) -> bool:
        """Whether none of the checks speaks against the map."""
        deleted, deleted_at_random, inserted, inserted_at_random = self.areas
        return (
            self.agreement < UNMOVED
            and self.stability >= STEADY
            and (deleted < deleted_at_random or inserted > inserted_at_random)
        )

    def sentences(self) -> list[str]:
        """Say in plain words what the checks found, the most serious first."""
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
        deleted, deleted_at_random, inserted, inserted_at_random = self.areas
        worse, better = deleted < deleted_at_random, inserted > inserted_at_random
        shown = (
            f"mean probability {deleted:.2f} against {deleted_at_random:.2f} when covered, "
            f"{inserted:.2f} against {inserted_at_random:.2f} when uncovered"
        )
        if worse and better:
            return (
                "Covering what the map marks costs the class more than covering at random, and "
                f"uncovering it brings more ({shown})."
            )
        if worse or better:
            return f"Covering and uncovering what the map marks don't agree ({shown})."
        return (
            "Covering what the map marks matters no more to the class than covering at random "
            f"({shown}): the map doesn't show what the network uses."
        )

    def _shifts(self) -> str:
        shown = f"rank correlation {self.stability:.2f}"
        if self.stability < STEADY:
            return f"The map jumps when the image is moved by a few pixels ({shown})."
        return f"The map stays when the image is moved by a few pixels ({shown})."

    def record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        deleted, deleted_at_random, inserted, inserted_at_random = self.areas
        return {
            "randomised": [{"down_to": n, "rank_correlation": r} for n, r in self.randomised],
            "deletion": {"area": deleted, "at_random": deleted_at_random},
            "insertion": {"area": inserted, "at_random": inserted_at_random},
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
