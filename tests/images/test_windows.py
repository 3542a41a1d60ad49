from __future__ import annotations

import numpy as np
import pytest

from firstread.images.windows import (
    Pipeline,
    Range,
    Rescale,
    Samples,
    Table,
    Window,
    quantised,
    table,
)


def linear(x: float, center: float, width: float) -> float:
    """PS3.3 C.11.2.1.2.1, word for word, with y from 0 to 1."""
    if x <= center - 0.5 - (width - 1) / 2:
        return 0.0
    if x > center - 0.5 + (width - 1) / 2:
        return 1.0
    return (x - (center - 0.5)) / (width - 1) + 0.5


def linear_exact(x: float, center: float, width: float) -> float:
    """PS3.3 C.11.2.1.3.2."""
    if x <= center - width / 2:
        return 0.0
    if x > center + width / 2:
        return 1.0
    return (x - center) / width + 0.5


def sigmoid(x: float, center: float, width: float) -> float:
    """PS3.3 C.11.2.1.3.1."""
    return 1 / (1 + float(np.exp(-4 * (x - center) / width)))


@pytest.mark.parametrize(
    ("function", "formula"),
    [("LINEAR", linear), ("LINEAR_EXACT", linear_exact), ("SIGMOID", sigmoid)],
)
@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600.5, 1500), (2048, 4096), (100, 20)])
def test_windows_follow_the_standards_formulas(
    function: str, formula: object, center: float, width: float
) -> None:
    values = np.arange(-1500, 4200, dtype=float)
    expected = [formula(value, center, width) for value in values]  # type: ignore[operator]
    np.testing.assert_allclose(Window(center, width, function)(values), expected, atol=1e-12)


def test_the_examples_of_the_standard() -> None:
    # PS3.3 C.11.2.1.2.1: c=2048, w=4096 is black to 0 and white above 4095; c=0, w=100 becomes
    # black to -50 and white above 49; c=2048, w=1 becomes white above 2047.5.
    assert Window(2048, 4096)(np.array([0.0, 4095.0])).tolist() == [0, 1]
    assert Window(0, 100)(np.array([-50.0, 49.0])).tolist() == [0, 1]
    assert Window(2048, 1)(np.array([2047.0, 2048.0])).tolist() == [0, 1]


def test_sigmoid_far_from_its_centre_neither_overflows_nor_warns() -> None:
    gray = Window(0, 0.001, "SIGMOID")(np.array([-1e9, 0.0, 1e9]))
    np.testing.assert_allclose(gray, [0, 0.5, 1], atol=1e-12)


def test_a_range_of_one_value_is_black() -> None:
    assert Range(7, 7)(np.array([7.0])).tolist() == [0]


def test_tables_hold_their_ends() -> None:
    lut = Table(-2, np.array([10, 20, 40], np.int64).tobytes(), 8)
    values = np.array([-9.0, -2.0, -1.0, 0.0, 9.0])
    assert lut.look_up(values).tolist() == [10, 10, 20, 40, 40]
    np.testing.assert_allclose(lut(values), np.array([10, 10, 20, 40, 40]) / 255)


def test_samples_leave_out_what_else_lies_in_the_cell() -> None:
    # Twelve bits up to bit 13, an overlay in bit 15, rubbish in the two lowest bits.
    cells = np.array([0b1000000000000111, 0b0011111111111100, 0b0010000000000001], np.uint16)
    assert Samples(16, 12, 13, False).values(cells).tolist() == [1, 4095, 2048]
    assert Samples(16, 12, 13, True).values(cells).tolist() == [1, -1, -2048]
    assert Samples(16, 12, 13, True).limits == (-2048, 2047)
    assert Samples(8, 8, 7, False).limits == (0, 255)


def test_inversion_comes_after_the_window_and_padding_after_all() -> None:
    stored = np.array([-2000, -1000, 40, 3000])
    plain = Pipeline(Rescale(1, 0), Window(40, 400, "LINEAR_EXACT"))
    np.testing.assert_allclose(plain.gray(stored), [0, 0, 0.5, 1])
    turned = Pipeline(plain.modality, plain.voi, inverted=True, padding=(-2000, -2000))
    np.testing.assert_allclose(turned.gray(stored), [0, 1, 0.5, 0])


def test_the_table_is_the_pipeline_of_every_cell() -> None:
    pipeline = Pipeline(Rescale(0.5, -100), Window(0, 300), inverted=True, padding=(-8, -4))
    samples = Samples(16, 12, 11, True)
    looked_up = table(pipeline, samples)
    cells = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(
        looked_up, quantised(pipeline.gray(samples.values(cells)), deep=True)
    )
    assert looked_up.dtype == np.uint16
    assert table(pipeline, Samples(8, 8, 7, False)).dtype == np.uint8
