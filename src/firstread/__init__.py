"""Tells whether a network can tell your medical images apart, and whether to believe it.

The public API, imported when first used, so that `import firstread` loads neither torch nor
matplotlib::

    firstread.audit("DATA").frame()                 # what is wrong with the data
    run = firstread.train("DATA", "RUN")            # a finished run folder
    firstread.LearningCurves.of("RUN").plot()       # its learning curves, as a figure
    classifier = firstread.load("RUN")              # the classifier in it
    classifier.predict(["film.png"])                # a pandas frame
    firstread.evaluate("RUN", "OTHER").sentences()  # what it is worth on other images
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firstread.auditing import Audit as Audit
    from firstread.auditing import audit as audit
    from firstread.classifier import Classifier as Classifier
    from firstread.classifier import load as load
    from firstread.errors import FirstreadError as FirstreadError
    from firstread.evaluating import evaluate as evaluate
    from firstread.report.figures import LearningCurves as LearningCurves
    from firstread.run import Run as Run
    from firstread.training import resume as resume
    from firstread.training import train as train

__version__ = "0.1.0"

_HOMES = {
    "Audit": "firstread.auditing",
    "Classifier": "firstread.classifier",
    "FirstreadError": "firstread.errors",
    "LearningCurves": "firstread.report.figures",
    "Run": "firstread.run",
    "audit": "firstread.auditing",
    "evaluate": "firstread.evaluating",
    "load": "firstread.classifier",
    "resume": "firstread.training",
    "train": "firstread.training",
}
__all__ = [
    "Audit",
    "Classifier",
    "FirstreadError",
    "LearningCurves",
    "Run",
    "audit",
    "evaluate",
    "load",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'firstread' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
