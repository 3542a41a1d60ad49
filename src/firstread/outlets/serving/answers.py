"""Answers as JSON: the figures of `firstread predict`, and what is said instead of them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from firstread.errors import DataError, FirstreadError, ImageError
from firstread.images import located
from firstread.outlets.extra import missing
from firstread.outlets.model import Model
from firstread.outlets.serving.limits import CODES, Refused

try:
    from fastapi import Response
    from pydantic import BaseModel, Field
except ModuleNotFoundError as error:
    raise missing(error, "serve", "firstread serve needs it") from None

NOTE = "not for diagnosis"


class Problem(BaseModel):
    """What is said where a request isn't answered."""

    error: str = Field(description="A short name of what is wrong.")
    messages: list[str] = Field(description="Each problem, and the way out.")


class Named(BaseModel):
    """Which model answers."""

    run: str
    network: str
    version: str = Field(description="Of firstread.")
    weights: str = Field(description="SHA-256 of the file of weights.")


class Labelled(BaseModel):
    """What the model says of one image."""

    file: int = Field(ge=1, description="The place of its file in the request.")
    part: int | None = Field(description="The number of its frame or slice, where it has several.")
    label: str = Field(description="Several with ; between, where there may be several.")
    set: str | None = Field(None, description="Classes that can't be ruled out, ; between.")
    outlier: float | None = Field(None, description="How unlike training; above 1: refused.")
    advice: str | None = Field(None, description="accept, unsure: ..., or refuse: ...")
    probabilities: dict[str, float] = Field(description="Of each class, from 0 to 1.")


class Predictions(BaseModel):
    """What the model says of a request's images."""

    model: Named
    note: str
    images: list[Labelled]


class Described(Named):
    """The model, and what may be asked of it."""

    classes: list[str]
    multilabel: bool = Field(description="Whether an image may have several labels, or none.")
    size: int = Field(description="The side, in pixels, that images are brought to.")
    coverage: bool = Field(description="Whether sets, outliers and advice can be asked for.")
    together: int = Field(description="Images of several requests that can share a pass.")
    limits: dict[str, float]
    note: str


class Health(BaseModel):
    """Whether the service answers."""

    status: str


def named(model: Model) -> dict[str, Any]:
    """Return what names a model in every answer."""
    return {
        "run": model.run,
        "network": model.network,
        "version": model.version,
        "weights": model.weights,
    }


def records(predictions: pd.DataFrame, classes: Iterable[str]) -> list[dict[str, Any]]:
    """Return each row of a table of predictions, under numbers instead of names of files.

    Parameters
    ----------
    predictions
        As of `Classifier.predict` or `refusing.predict`; files are named by their numbers.
    classes
        The model's.
    """
    names = list(classes)
    heads = [name for name in map(str, predictions) if not name.startswith("p_") and name != "path"]
    parts = [located(Path(path)) for path in predictions["path"]]
    # Column by column: a request has few rows, and pandas is slow at cutting such tables.
    said = zip(*(predictions[name].tolist() for name in heads), strict=True)
    scores = zip(*(predictions[f"p_{name}"].tolist() for name in names), strict=True)
    return [
        {
            "file": int(file.name),
            "part": part,
            **dict(zip(heads, head, strict=True)),
            "probabilities": dict(zip(names, row, strict=True)),
        }
        for (file, part), head, row in zip(parts, said, scores, strict=True)
    ]


def as_json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a value as JSON; numbers with as many digits as tell them from all others."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return Response(text.encode(), status, headers, "application/json")


def problem(refused: Refused) -> Response:
    """Return what is said to a request that isn't answered."""
    value = {"error": CODES[refused.status], "messages": list(refused.messages)}
    return as_json(value, refused.status, refused.headers())


def refusal(error: FirstreadError, folder: Path) -> Refused:
    """Return what a client is told of one of firstread's own errors: no path, no command line.

    Parameters
    ----------
    error
        About files that are named by their numbers.
    folder
        Where they lie.
    """

    def plain(text: str) -> str:
        return _ADVICE.sub("", _QUOTED.sub("", text.replace(f"{folder}{os.sep}", "file ")))

    if isinstance(error, ImageError):
        return Refused(422, f"file {located(Path(error.path))[0].name} {plain(error.reason)}")
    problems = error.problems if isinstance(error, DataError) else (str(error),)
    return Refused(422, *map(plain, problems))


# What libraries add in brackets may quote a file; what follows is advice for the command line.
_QUOTED = re.compile(r" \(.*\)")
_ADVICE = re.compile(r"; remove it.*|, or pass --skip-unreadable.*|--(?=coverage)")
