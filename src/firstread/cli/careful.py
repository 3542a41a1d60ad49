"""What tells answers not to take, for `firstread predict --coverage`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firstread.classifier import Classifier
    from firstread.evidence.refusal import Refusal


def refusal_for(run: Path, classifier: Classifier, coverage: float) -> Refusal:
    """Load what a run refuses by, or make it once; say what it rests on.

    Parameters
    ----------
    run, classifier
        The run folder and what was loaded from it.
    coverage
        As of `refusing.predict`.

    Raises
    ------
    UsageError
        If the coverage needs more validation images than there are.
    """
    from firstread.cli.screen import notices, stepped
    from firstread.refusing import refusal_of

    refusal = stepped(refusal_of(run, classifier))
    for sentence in (refusal.sets(coverage).sentence(), refusal.sentence()):
        notices.print(sentence, markup=False)
    return refusal
