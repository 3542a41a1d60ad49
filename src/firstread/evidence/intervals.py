"""Intervals around figures."""

from __future__ import annotations

from typing import NamedTuple

from scipy.stats import beta

LEVEL = 0.95


class Interval(NamedTuple):
    """A 95 % interval; both ends belong to it."""

    low: float
    high: float


def proportion(right: int, count: int) -> Interval:
    """Return the exact 95 % interval of a proportion.

    Parameters
    ----------
    right, count
        Successes among trials; `count` is at least 1.

    References
    ----------
    C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
    case of the binomial", Biometrika 26 (1934).

    Examples
    --------
    >>> low, high = proportion(10, 10)
    >>> round(low, 3), high
    (0.692, 1.0)
    """
    tail = (1 - LEVEL) / 2
    low = 0.0 if right == 0 else float(beta.ppf(tail, right, count - right + 1))
    high = 1.0 if right == count else float(beta.ppf(1 - tail, right + 1, count - right))
    return Interval(low, high)
