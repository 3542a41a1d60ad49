"""How the weights that come with firstread are made: from computed images alone."""

from firstread.pretraining.examining import Marks, examine
from firstread.pretraining.journal import LOG, logged, seconds
from firstread.pretraining.pretrain import Line, Pretrainer, pretraining
from firstread.pretraining.recipe import RECIPE, Recipe, read_recipe
from firstread.pretraining.shipping import ship

__all__ = [
    "LOG",
    "RECIPE",
    "Line",
    "Marks",
    "Pretrainer",
    "Recipe",
    "examine",
    "logged",
    "pretraining",
    "read_recipe",
    "seconds",
    "ship",
]
