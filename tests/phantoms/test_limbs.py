"""What holds for the radiographs of every limb."""

from types import ModuleType

import pytest
import torch
from torch import Tensor

from firstread.phantoms import foot, hand, knee, shoulder, skull
from firstread.phantoms.truth import FAMILIES, LABELS, SIGNS, TISSUES, Phantoms

LIMBS = (hand, knee, foot, shoulder, skull)
METAL = ("screws", "prosthesis", "ring", "marker", "pacemaker", "leads", "tube", "dental")
every_limb = pytest.mark.parametrize("limb", LIMBS, ids=lambda m: m.__name__.rpartition(".")[2])


def draw(limb: ModuleType, n: int, seed: int = 0, hard: float = 0.0, size: int = 64) -> Phantoms:
    return limb.draw(n, size, torch.Generator().manual_seed(seed), hard)


def sign(pictures: Phantoms, *names: str) -> Tensor:
    """Return which pictures have any of the signs."""
    return (pictures.signs[:, [SIGNS.index(n) for n in names if n in SIGNS]] == 1).any(dim=1)


@every_limb
def test_same_seed_same_pixels(limb: ModuleType) -> None:
    first, second = (draw(limb, 3, seed=5, hard=1.0, size=48) for _ in range(2))
    assert torch.equal(first.pixels, second.pixels)
    assert torch.equal(first.thickness, second.thickness)
    assert not torch.equal(first.pixels, draw(limb, 3, seed=6, hard=1.0, size=48).pixels)


@every_limb
def test_shapes_and_family(limb: ModuleType) -> None:
    pictures = draw(limb, 8, hard=1.0)
    assert pictures.pixels.shape == (8, 1, 64, 64)
    assert pictures.thickness.shape == (8, len(TISSUES), 8, 8)
    assert torch.isfinite(pictures.thickness).all()
    assert (pictures.pixels.min() >= 0, pictures.pixels.max() <= 1) == (True, True)
    name = limb.__name__.rpartition(".")[2]
    assert pictures.labels["family"].unique().tolist() == [FAMILIES.index(name)]


@every_limb
def test_metal_only_where_a_device_is_known(limb: ModuleType) -> None:
    pictures = draw(limb, 60)
    metal = pictures.thickness[:, TISSUES.index("metal")].amax(dim=(1, 2))
    assert metal[~sign(pictures, *METAL)].max() == 0
    assert metal[sign(pictures, "screws")].min() >= 0
    assert (metal[sign(pictures, "screws")] > 0).float().mean() > 0.8


@every_limb
def test_bone_lies_within_the_soft_tissue(limb: ModuleType) -> None:
    tissue = draw(limb, 30).thickness
    bare = tissue[:, TISSUES.index("soft")] == 0
    bone = tissue[:, TISSUES.index("bone")]
    assert bone[bare].sum() < 0.01 * bone.sum()


def balance(pictures: Phantoms, view: str, rows: slice, tissue: str) -> Tensor:
    """Return how much more of a tissue lies in the right half than in the left, by side."""
    seen = pictures.labels["view"] == LABELS["view"].index(view)
    depth = pictures.thickness[:, TISSUES.index(tissue), rows]
    more = depth[..., 4:].sum(dim=(1, 2)) - depth[..., :4].sum(dim=(1, 2))
    side = pictures.labels["side"]
    return torch.stack([more[seen & (side == k)].mean() for k in (0, 1)])


@pytest.mark.parametrize(
    ("limb", "view", "rows", "tissue"),
    [
        (foot, "ap", slice(0, 5), "bone"),  # the great toe is the thickest
        (foot, "lateral", slice(0, 3), "soft"),  # the leg stands on the heel
        (knee, "lateral", slice(0, 3), "bone"),  # the bent thigh rises to the front
        (shoulder, "ap", slice(3, 8), "gas"),  # the lung is on the inner side
    ],
)
def test_left_and_right_mirror_each_other(
    limb: ModuleType, view: str, rows: slice, tissue: str
) -> None:
    left, right = balance(draw(limb, 120), view, rows, tissue).tolist()
    assert left * right < 0


def test_the_thumb_is_on_the_right_of_a_left_hand() -> None:
    left, right = balance(draw(hand, 150), "pa", slice(2, 5), "soft").tolist()
    assert left > 0 > right
