from __future__ import annotations

import pickle

import pytest

from firstread.errors import DataError, FirstreadError, ImageError, RunError


@pytest.mark.parametrize(
    "error",
    [
        ImageError("film.png", "is empty"),
        DataError(["one is missing", "so is the other"], "Look for them."),
        RunError("run: is unfinished"),
    ],
)
def test_errors_arrive_whole_from_another_process(error: FirstreadError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)
