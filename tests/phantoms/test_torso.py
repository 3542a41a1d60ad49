import pytest
import torch

from firstread.phantoms import abdomen, chest, spines
from firstread.phantoms.beam import cast, develop
from firstread.phantoms.chances import Dice
from firstread.phantoms.solids import MUSCLE
from firstread.phantoms.truth import FAMILIES, LABELS, SIGNS, TISSUES, answers, findings

DRAWS = {
    "chest": chest.draw,
    "abdomen": abdomen.draw_abdomen,
    "pelvis": abdomen.draw_pelvis,
    "cervical_spine": spines.draw_cervical,
    "lumbar_spine": spines.draw_lumbar,
}
DEVICES = (
    "tube", "line", "leads", "clips", "pacemaker", "feeding_tube", "drain", "screws", "prosthesis",
    "sternal_wires",
)  # fmt: skip


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("family", DRAWS)
def test_pictures_come_with_their_truth(family: str) -> None:
    pictures = DRAWS[family](5, 64, seeded(0))
    assert pictures.pixels.shape == (5, 1, 64, 64)
    assert (pictures.pixels.min() >= 0, pictures.pixels.max() <= 1) == (True, True)
    assert (pictures.labels["family"] == FAMILIES.index(family)).all()
    assert set(pictures.labels) == set(LABELS)
    assert pictures.signs.shape == (5, len(SIGNS))
    assert pictures.thickness.shape == (5, len(TISSUES), 8, 8)
    assert torch.isfinite(pictures.pixels).all()
    assert torch.isfinite(pictures.thickness).all()


@pytest.mark.parametrize("family", DRAWS)
def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(family: str) -> None:
    first, again, other = (DRAWS[family](3, 48, seeded(s)).pixels for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("family", DRAWS)
def test_there_is_metal_where_there_is_a_device_and_nowhere_else(family: str) -> None:
    pictures = DRAWS[family](24, 64, seeded(3), hard=0.0)
    held = pictures.signs[:, [SIGNS.index(d) for d in DEVICES]].nansum(dim=1) > 0
    metal = pictures.thickness[:, TISSUES.index("metal")].amax(dim=(1, 2))
    assert (0 < held.sum() < 24).item()
    assert metal[~held].max() < 1e-6
    # Now and then a device lies outside the picture.
    assert (metal[held] > 1e-4).float().mean() > 0.8


@pytest.mark.parametrize(
    ("name", "row", "sign"), [("opacity", "gas", -1), ("effusion", "gas", -1), ("nodule", None, 1)]
)
def test_a_change_of_the_lung_changes_what_the_beam_meets(
    name: str, row: str | None, sign: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it, without = [], []
    for p, shadows in ((1.0, with_it), (0.0, without)):
        monkeypatch.setattr(chest, "CHANGES", dict.fromkeys(chest.CHANGES, 0.0) | {name: p})
        shadow, _, signs = chest.expose(Dice(6, seeded(4)), 64, 0.0)
        assert (signs[:, SIGNS.index(name)] == p).all()
        shadows.append(shadow)
    change = with_it[0].line - without[0].line
    assert (change.amax(dim=(1, 2)) > 0.03).all()
    assert change.min() > -1e-3
    # It is a place, and not the whole picture.
    assert ((change > 0.03).float().mean(dim=(1, 2)) < 0.5).all()
    if row:
        gas = [s[0].paths[:, TISSUES.index(row)].sum(dim=(1, 2)) for s in (with_it, without)]
        assert (sign * (gas[0] - gas[1]) > 0).all()


def test_gas_makes_the_line_integral_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    shadows = []
    for p in (1.0, 0.0):
        monkeypatch.setattr(
            chest, "CHANGES", dict.fromkeys(chest.CHANGES, 0.0) | {"pneumothorax": p}
        )
        shadows.append(chest.expose(Dice(6, seeded(5)), 64, 0.0)[0])
    assert ((shadows[0].line - shadows[1].line).amin(dim=(1, 2)) < -0.02).all()


def test_a_slab_is_displayed_in_the_order_of_its_thickness_by_beer_and_lambert() -> None:
    # Steps of soft tissue, with nothing else: each darker on the film, so brighter as displayed.
    steps = torch.linspace(0, 200, 8).repeat_interleave(8) * MUSCLE
    soft = steps.expand(4, 64, 64).clone()
    field = torch.full((4,), 300.0)
    none = torch.zeros_like(soft)
    shadow = cast(field, soft, none, none)
    assert torch.allclose(shadow.paths[0, TISSUES.index("soft"), 0], steps / MUSCLE)
    pictures = develop(shadow, answers(4), findings(4), seeded(6), hard=0.0)
    thick = pictures.thickness[:, TISSUES.index("soft")]
    assert torch.allclose(thick[0, 0] * 100, torch.linspace(0, 200, 8), atol=1e-3)
    unmarked = pictures.signs[:, SIGNS.index("marker")] == 0
    assert unmarked.any()
    row = pictures.pixels[unmarked, 0].mean(dim=1).view(-1, 8, 8).mean(dim=-1)
    assert (row.diff(dim=1)[:, 1:] > 0).all()


def test_a_quarter_turn_turns_pixels_and_truth_alike() -> None:
    soft = torch.zeros(200, 64, 64)
    soft[:, :32, :32] = 4.0
    none = torch.zeros_like(soft)
    shadow = cast(torch.full((200,), 300.0), soft, none, none)
    pictures = develop(shadow, answers(200), findings(200), seeded(7))
    quarter = pictures.labels["quarter_turn"]
    thick = pictures.thickness[:, TISSUES.index("soft")]
    corner = {0: (0, 0), 1: (0, -1), 2: (-1, -1), 3: (-1, 0)}
    for k, (row, column) in corner.items():
        assert (quarter == k).any()
        assert (thick[quarter == k][:, row, column] > 1).all()
    upright = (pictures.labels["inverted"] == 0) & (quarter == 1)
    right, left = pictures.pixels[upright, 0, 8:28, 36:56], pictures.pixels[upright, 0, 8:28, 8:28]
    assert (right.mean(dim=(1, 2)) > left.mean(dim=(1, 2))).float().mean() > 0.8
