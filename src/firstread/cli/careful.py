"""Predictions that can be refused, for `firstread predict --coverage`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from firstread.classifier import Classifier


def predict_carefully(
    run: Path,
    classifier: Classifier,
    named: Sequence[str],
    coverage: float,
    skip_unreadable: bool,
) -> pd.DataFrame:
    """Predict with the columns `set`, `outlier` and `advice`; say what they rest on.

    Parameters
    ----------
    run, classifier
        The run folder and what was loaded from it.
    named, coverage, skip_unreadable
        As of `refusing.predict`.
    """
    from firstread.cli.screen import notices, stepped
    from firstread.refusing import predict, refusal_of

    refusal = stepped(refusal_of(run, classifier))
    predictions = predict(classifier, refusal, named, coverage, skip_unreadable=skip_unreadable)
    for sentence in (refusal.sets(coverage).sentence(), refusal.sentence()):
        notices.print(sentence, markup=False)
    return predictions
