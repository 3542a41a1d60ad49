"""A classifier that can say "I don't know": fitted on a run's images, used beside its answers."""

from firstread.refusing.advising import advised, predict
from firstread.refusing.fitting import fit_refusal, refusal_of
from firstread.refusing.views import TURNS

__all__ = ["TURNS", "advised", "fit_refusal", "predict", "refusal_of"]
