"""Where a network looked, and whether to believe it."""

from firstread.explaining.explain import Explainer
from firstread.explaining.explanation import Checks, Explanation
from firstread.explaining.lens import Lens
from firstread.explaining.methods import METHODS, Method, method

__all__ = ["METHODS", "Checks", "Explainer", "Explanation", "Lens", "Method", "method"]
