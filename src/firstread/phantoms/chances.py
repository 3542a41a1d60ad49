"""Random numbers for a batch, from one generator that is handed in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Dice:
    """Draws for N bodies at once.

    Parameters
    ----------
    n : int
        Number of bodies.
    generator : torch.Generator
        Where every number comes from: the same state gives the same numbers.
    """

    n: int
    generator: torch.Generator

    def fewer(self, n: int) -> Dice:
        """Return dice for n bodies, on the same generator."""
        return Dice(n, self.generator)

    def uniform(self, low: float = 0.0, high: float = 1.0, *shape: int) -> Tensor:
        """Return (N, *shape) evenly spread between two numbers."""
        return torch.rand(self.n, *shape, generator=self.generator) * (high - low) + low

    def normal(self, mean: float = 0.0, spread: float = 1.0, *shape: int) -> Tensor:
        """Return (N, *shape) from a normal distribution cut off at 2.5 standard deviations."""
        draw = torch.randn(self.n, *shape, generator=self.generator)
        return draw.clamp_(-2.5, 2.5) * spread + mean

    def chance(self, p: float | Tensor, *shape: int) -> Tensor:
        """Return (N, *shape) of bool, true with probability p (a number, or one a body)."""
        return torch.rand(self.n, *shape, generator=self.generator) < p

    def integers(self, count: int, *shape: int) -> Tensor:
        """Return (N, *shape) int64 from 0 to count - 1."""
        return torch.randint(count, (self.n, *shape), generator=self.generator)
