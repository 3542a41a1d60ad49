"""The rule in words: one condition, or a few, under which images are mostly of one class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from firstread.auditing.traits import Trait

_PLAIN = 0.03
"""How much better a rule must be to be told instead of one that is easier to say."""
_PLURAL = {"is": "are", "has": "have"}

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rule:
    """A condition, and the class that most images under it belong to.

    Parameters
    ----------
    phrase
        What the images under it are or have: "is 512 x 512 px".
    target
        The class, as a number.
    under
        Which images it holds for, shape (n,).
    """

    phrase: str
    target: int
    under: Bools

    def informedness(self, targets: npt.NDArray[np.int64]) -> float:
        """Return sensitivity + specificity - 1 for the class: 0 says nothing, 1 says all."""
        own = targets == self.target
        return float(self.under[own].mean() - self.under[~own].mean())

    def sentence(self, classes: Sequence[str], targets: npt.NDArray[np.int64]) -> str:
        """Say the rule with its exceptions.

        Examples
        --------
        >>> rule = Rule("is 512 x 512 px", 1, np.array([True, False, True, True]))
        >>> print(rule.sentence(("abd", "chst"), np.array([0, 0, 1, 1])))
        Every `chst` image is 512 x 512 px, and so is 1 of 2 `abd` images.
        """
        own = targets == self.target
        verb, rest = self.phrase.split(" ", 1)
        right, count = int(self.under[own].sum()), int(own.sum())
        start = f"Every `{classes[self.target]}` image {verb}"
        if right < count:
            start = f"{_counted(right, count, verb, f' `{classes[self.target]}`')}"
        wrong = self.under & ~own
        if not wrong.any():
            return f"{start} {rest}, and no other image {verb}."
        found = np.unique(targets[wrong])
        if len(found) == 1:
            kind, others = f" `{classes[found[0]]}`", targets == found[0]
        else:
            kind, others = " other", ~own
        number, total = int(wrong.sum()), int(others.sum())
        word = verb if number == 1 else _PLURAL[verb]
        return f"{start} {rest}, and so {word} {number:,} of {total:,}{kind} images."


def _counted(number: int, count: int, verb: str, kind: str) -> str:
    word = verb if number == 1 else _PLURAL[verb]
    return f"{number:,} of {count:,}{kind} images {word}"


def best(traits: Sequence[Trait], targets: npt.NDArray[np.int64]) -> Rule | None:
    """Find the condition on one trait that says most about one class.

    A value by its name ("is 512 x 512 px") is preferred to a threshold that says little more.

    Parameters
    ----------
    traits
        Of n images.
    targets
        Classes as numbers, shape (n,).

    Returns
    -------
    rule
        None where every image has the same traits.
    """
    named = [rule for trait in traits if not trait.numeric for rule in _values(trait, targets)]
    ranges = [rule for trait in traits if trait.numeric for rule in _thresholds(trait, targets)]
    top = [
        max(some, key=lambda rule: rule.informedness(targets)) for some in (named, ranges) if some
    ]
    if not top:
        return None
    if len(top) == 2 and top[1].informedness(targets) > top[0].informedness(targets) + _PLAIN:
        return top[1]
    return top[0]


def _values(trait: Trait, targets: npt.NDArray[np.int64]) -> Iterator[Rule]:
    for level in trait.levels():
        under = trait.values == level
        if not level or under.all():
            continue
        for target in np.unique(targets[under]):
            yield Rule(trait.phrase.format(level), int(target), under)


def _thresholds(trait: Trait, targets: npt.NDArray[np.int64]) -> Iterator[Rule]:
    """Yield, for each class and direction, the threshold of the highest informedness."""
    known = ~np.isnan(trait.values)
    values = trait.values[known]
    distinct = np.unique(values)
    if len(distinct) < 2:
        return
    places = np.searchsorted(distinct, values)
    for target in np.unique(targets):
        own = targets == target
        at_own = np.bincount(places[own[known]], minlength=len(distinct))
        at_rest = np.bincount(places[~own[known]], minlength=len(distinct))
        gap = (np.cumsum(at_own) / own.sum() - np.cumsum(at_rest) / (~own).sum())[:-1]
        for sign, words in ((1, "at most"), (-1, "more than")):
            cut = int((sign * gap).argmax())
            limit, text = _between(float(distinct[cut]), float(distinct[cut + 1]))
            with np.errstate(invalid="ignore"):
                under = trait.values <= limit if sign > 0 else trait.values > limit
            least = sign > 0 and cut == 0  # "0" says it better than "at most 0".
            yield Rule(
                trait.phrase.format(text if least else f"{words} {text}"), int(target), under
            )


def _between(low: float, high: float) -> tuple[float, str]:
    """Return the shortest number from `low` to just below `high`, as a value and in words.

    Examples
    --------
    >>> _between(255.0, 512.0), _between(0.121, 0.129)
    ((255.0, '255'), (0.125, '0.125'))
    """
    if float(low).is_integer() and float(high).is_integer():
        return float(low), f"{low:,.0f}"
    middle = (low + high) / 2
    for digits in range(1, 9):
        rounded = float(np.round(middle, digits))
        if low <= rounded < high:
            return rounded, f"{rounded:,.{digits}f}"
    return float(low), repr(float(low))


def encoded(traits: Sequence[Trait]) -> npt.NDArray[np.float32]:
    """Return the traits as numbers: categories become one column of 0 and 1 for each value.

    Returns
    -------
    columns
        Shape (n, columns); without those that are the same for every image. What is unknown is
        NaN.
    """
    columns: list[Any] = []
    for trait in traits:
        if trait.numeric:
            columns.append(trait.values)
        else:
            columns += [trait.values == level for level in trait.levels()]
    if not columns:
        return np.empty((len(traits[0].values) if traits else 0, 0), np.float32)
    table = np.stack([np.asarray(column, np.float32) for column in columns], axis=1)
    constant = np.array([len(np.unique(column)) < 2 for column in table.T])
    return table[:, ~constant]
