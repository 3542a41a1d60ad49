from __future__ import annotations

import pytest

from firstread.errors import UsageError
from firstread.learning import choose_device, choose_precision, precision


def test_bfloat16_is_not_tried_where_the_processor_lacks_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "_has_bfloat16", lambda device: False)
    monkeypatch.setattr(precision, "_seconds", lambda device, bfloat16: 1 / 0)
    assert choose_precision("auto", "cpu") == "float32"


@pytest.mark.parametrize(
    ("half", "expected"), [(0.5, "bfloat16"), (0.98, "float32"), (2, "float32")]
)
def test_bfloat16_is_taken_where_it_measures_faster(
    monkeypatch: pytest.MonkeyPatch, half: float, expected: str
) -> None:
    monkeypatch.setattr(precision, "_has_bfloat16", lambda device: True)
    monkeypatch.setattr(precision, "_seconds", lambda device, bfloat16: half if bfloat16 else 1.0)
    assert choose_precision("auto", "cpu") == expected


def test_the_measurement_measures() -> None:
    assert precision._seconds("cpu", False) > 0


def test_what_is_asked_for_is_taken() -> None:
    assert choose_precision("bfloat16", "cpu") == "bfloat16"
    assert choose_device("cpu") == "cpu"
    with pytest.raises(UsageError, match="--device tpu: this machine has no such device"):
        choose_device("tpu")
