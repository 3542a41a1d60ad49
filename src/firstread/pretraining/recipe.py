"""What a pretraining does, as one record that is read from a file and saved with the weights."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from firstread.errors import UsageError, unknown
from firstread.pretraining.lessons import TEACHERS

RECIPE = Path(__file__).parent / "phantom_s.toml"
"""The recipe of the weights that come with firstread."""


@dataclass(frozen=True)
class Recipe:
    """One pretraining, whole.

    Parameters
    ----------
    backbone
        A network of the zoo.
    seed
        Of the images, the weights' start and every distortion.
    steps
        Of the optimiser.
    batch
        Computed images a step; each is seen in two distorted views.
    size
        Of the images, pixels a side.
    lr
        Peak learning rate of AdamW, after a linear warm-up over the first 5 % of the steps and
        before a cosine down to 0.
    weight_decay
        Of matrices and filters.
    clip
        Largest norm of the gradient.
    teacher
        What is learned beside the truth that the generator knows: `contrastive` (two views of one
        image are nearer than those of two), `masked` (what a hidden patch shows) or `none`.
    teacher_weight
        Its share in the loss.
    sign_weight
        The share of the signs: devices and changes.
    map_weight
        The share of the tissue maps.
    held_out
        Families of images that are never shown, to measure the transfer to what is new.
    """

    backbone: str
    seed: int
    steps: int
    batch: int
    size: int
    lr: float
    weight_decay: float
    clip: float
    teacher: str
    teacher_weight: float
    sign_weight: float
    map_weight: float
    held_out: tuple[str, ...] = ()


def read_recipe(path: Path = RECIPE, **changes: Any) -> Recipe:
    """Read a recipe from a TOML file.

    Parameters
    ----------
    path
        The file; by default the recipe of the weights that come with firstread.
    changes
        Fields of `Recipe` to set otherwise.

    Raises
    ------
    UsageError
        If the file can't be read, a field is unknown or missing, or a value makes no sense.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8")) | changes
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: can't be read as a recipe ({error}); see {RECIPE}") from None
    known = [field.name for field in fields(Recipe)]
    for name in given:
        if name not in known:
            raise unknown("field", name, known, path.name)
    missing = [name for name in known if name not in given and name != "held_out"]
    if missing:
        raise UsageError(f"{path}: lacks {', '.join(missing)}; see {RECIPE}")
    if given["teacher"] not in TEACHERS:
        raise unknown("teacher", given["teacher"], TEACHERS)
    for name in ("steps", "batch", "size"):
        if not isinstance(given[name], int) or given[name] < 1:
            raise UsageError(
                f"{path}: {name} is {given[name]!r}; it must be a whole number above 0"
            )
    return Recipe(**{**given, "held_out": tuple(given.get("held_out", ()))})
