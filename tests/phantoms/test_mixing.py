from __future__ import annotations

import pytest
import torch

from firstread.errors import UsageError
from firstread.phantoms import DRAWS, FAMILIES, LABELS, SIGNS, TISSUES, Phantoms, mixed, stream


def same(one: Phantoms, other: Phantoms) -> bool:
    return (
        torch.equal(one.pixels, other.pixels)
        and all(torch.equal(one.labels[name], other.labels[name]) for name in LABELS)
        and torch.equal(one.signs.nan_to_num(-1), other.signs.nan_to_num(-1))
        and torch.equal(one.thickness.nan_to_num(-1), other.thickness.nan_to_num(-1))
    )


def test_every_family_is_drawn() -> None:
    assert tuple(sorted(DRAWS)) == tuple(sorted(FAMILIES))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_drawn_is_a_picture_with_its_truth(family: str) -> None:
    drawn = DRAWS[family](3, 64, torch.Generator().manual_seed(1))
    assert drawn.pixels.shape == (3, 1, 64, 64)
    assert drawn.pixels.dtype == torch.float32
    assert 0 <= float(drawn.pixels.min()) < float(drawn.pixels.max()) <= 1
    assert set(drawn.labels) == set(LABELS)
    assert drawn.labels["family"].tolist() == [FAMILIES.index(family)] * 3
    for name, answers in LABELS.items():
        assert bool(((drawn.labels[name] >= -1) & (drawn.labels[name] < len(answers))).all())
    assert drawn.signs.shape == (3, len(SIGNS))
    assert drawn.thickness.shape == (3, len(TISSUES), 8, 8)
    assert bool((drawn.signs.isnan() | (drawn.signs == 0) | (drawn.signs == 1)).all())


def test_a_batch_is_that_of_its_seed_and_number() -> None:
    one = mixed(1, 5, 12, 64)
    assert same(one, mixed(1, 5, 12, 64))
    assert not torch.equal(one.pixels, mixed(1, 6, 12, 64).pixels)
    assert not torch.equal(one.pixels, mixed(2, 5, 12, 64).pixels)


def test_the_stream_is_the_same_from_anywhere_and_with_any_number_of_processes() -> None:
    whole = list(stream(3, 0, 4, count=6, size=64))
    assert [len(batch) for batch in whole] == [6] * 4
    for alone, helped in zip(
        stream(3, 2, 4, count=6, size=64), stream(3, 2, 4, count=6, size=64, workers=2), strict=True
    ):
        assert same(alone, helped)
    assert same(whole[2], next(iter(stream(3, 2, 3, count=6, size=64))))


def test_families_are_left_out_by_name() -> None:
    few = mixed(0, 0, 40, 32, without=[name for name in FAMILIES if name not in ("hand", "foot")])
    assert {FAMILIES[k] for k in few.labels["family"].tolist()} == {"hand", "foot"}
    with pytest.raises(UsageError, match="feet"):
        mixed(0, 0, 4, 32, without=["feet"])
    with pytest.raises(UsageError, match="every family"):
        mixed(0, 0, 4, 32, without=FAMILIES)
