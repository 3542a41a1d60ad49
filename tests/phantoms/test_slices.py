"""Sections: same seed, same pixels; the truth agrees with them; contrasts are as in textbooks."""

import pytest
import torch

from firstread.errors import UsageError
from firstread.phantoms import slices
from firstread.phantoms.chances import Dice
from firstread.phantoms.sections import abdomen, head, scanners
from firstread.phantoms.sections.canvas import FINE, Canvas, Pose
from firstread.phantoms.sections.materials import Material
from firstread.phantoms.sections.outlines import ellipse, through
from firstread.phantoms.truth import LABELS, SIGNS, TISSUES

FAMILIES = sorted(slices.EXAMINATIONS)


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("family", FAMILIES)
def test_same_seed_same_pixels_and_another_seed_others(family: str) -> None:
    one, again = (slices.draw(family, 6, 64, seeded(3)) for _ in range(2))
    other = slices.draw(family, 6, 64, seeded(4))
    assert torch.equal(one.pixels, again.pixels)
    assert torch.equal(one.thickness, again.thickness)
    assert (one.pixels - other.pixels).abs().mean() > 0.02


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [48, 96])
def test_shapes_and_ranges_at_any_size(family: str, size: int) -> None:
    drawn = slices.draw(family, 5, size, seeded(0))
    assert drawn.pixels.shape == (5, 1, size, size)
    assert drawn.thickness.shape == (5, len(TISSUES), size // 8, size // 8)
    assert drawn.pixels.min() >= 0
    assert drawn.pixels.max() <= 1
    assert torch.allclose(drawn.thickness.sum(1), torch.ones(5, size // 8, size // 8), atol=1e-5)


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(UsageError, match="hed_ct"):
        slices.draw("hed_ct", 1, 32, seeded(0))


def test_windows_belong_to_ct_and_sequences_to_mr() -> None:
    ct, mr = (slices.draw(family, 8, 32, seeded(1)) for family in ("chest_ct", "head_mr"))
    assert (ct.labels["window"] >= 0).all()
    assert (ct.labels["sequence"] == -1).all()
    assert (mr.labels["window"] == -1).all()
    assert (mr.labels["sequence"] >= 0).all()


@pytest.mark.parametrize(
    ("family", "sign"),
    [
        ("head_mr", "infarct"),
        ("head_mr", "mass"),
        ("chest_ct", "nodule"),
        ("chest_ct", "effusion"),
        ("abdomen_ct", "free_gas"),
        ("abdomen_ct", "dilated_bowel"),
    ],
)
def test_a_change_alters_the_pixels_and_leaves_the_healthy_alone(family: str, sign: str) -> None:
    sick, sound = (
        slices.draw(family, 80, 64, seeded(5), 0.0, changes=often) for often in (1.0, 0.0)
    )
    present = sick.signs[:, SIGNS.index(sign)] == 1
    assert present.sum() >= 2
    apart = (sick.pixels - sound.pixels).abs().flatten(1)
    assert (apart[present].amax(1) > 0.05).all()
    nothing = sick.signs.nan_to_num().sum(1) == 0
    # The display of each MR depends on its own pixels alone, and that of a CT on the window.
    assert apart[nothing].numel() == 0 or apart[nothing].mean() < 0.02
    healthy = [s for s in slices.EXAMINATIONS[family].signs if s not in ("text", "cardiomegaly")]
    # Not a number is what the window or the sequence can't show.
    assert (sound.signs[:, [SIGNS.index(s) for s in healthy]].nan_to_num() == 0).all()


def test_what_a_window_hides_is_asked_of_no_picture() -> None:
    drawn = slices.draw("chest_ct", 200, 32, seeded(6), changes=1.0)
    air = drawn.signs[:, SIGNS.index("pneumothorax")]
    lung = drawn.labels["window"] == LABELS["window"].index("lung")
    # Air and lung are both black in the windows of the soft tissues.
    assert air[~lung].isnan().all()
    assert set(air[lung].tolist()) == {0.0, 1.0}


def test_a_bleeding_is_painted_where_the_healthy_brain_was() -> None:
    sick, sound = (
        head.axial(Dice(60, seeded(2)), 64, changes=often).canvas.materials for often in (1.0, 0.0)
    )
    blood = sick == Material.HAEMORRHAGE
    assert not (sound == Material.HAEMORRHAGE).any()
    brain = torch.tensor([Material.GREY, Material.WHITE, Material.CSF, Material.DURA])
    assert blood.sum() > 500
    assert torch.isin(sound[blood].int(), brain.int()).float().mean() > 0.9


def test_sequences_order_the_tissues_as_textbooks_do() -> None:
    t1, t2, flair, suppressed = (
        scanners.signal(scanners.SEQUENCES[name])
        for name in ("t1", "t2", "flair", "fat_suppressed")
    )
    fat, white, grey, csf = Material.FAT, Material.WHITE, Material.GREY, Material.CSF
    assert t1[fat] > t1[white] > t1[grey] > t1[csf]
    assert t2[csf] > t2[grey] > t2[white]
    assert flair[csf] < 0.1 * flair[grey]
    assert flair[Material.OEDEMA] > flair[white]
    assert suppressed[fat] < 0.2 * t2[fat]
    assert t1[Material.HAEMORRHAGE] > t1[grey]
    assert t2[Material.SPLEEN] > t2[Material.LIVER]
    assert t1[Material.LIVER] > t1[Material.SPLEEN]


@pytest.mark.parametrize(
    ("window", "darker", "brighter"),
    [
        ("brain", Material.CSF, Material.WHITE),
        ("brain", Material.WHITE, Material.GREY),
        ("brain", Material.GREY, Material.HAEMORRHAGE),
        ("bone", Material.SPONGY, Material.CORTICAL),
        ("lung", Material.AIR, Material.LUNG),
        ("lung", Material.LUNG, Material.BLOOD),
        ("mediastinum", Material.FAT, Material.MUSCLE),
        ("abdomen", Material.FAT, Material.EFFUSION),
        ("abdomen", Material.EFFUSION, Material.LIVER),
    ],
)
def test_windows_tell_tissues_apart(window: str, darker: Material, brighter: Material) -> None:
    pose = Pose(torch.zeros(40, 2), torch.full((40,), 64.0), torch.zeros(40))
    canvas = Canvas.blank(pose, 32)
    canvas.materials[:, :, :32] = darker
    canvas.materials[:, :, 32:] = brighter
    pixels = scanners.ct(canvas, [window] * 40, Dice(40, seeded(0)), enhanced=torch.zeros(40))
    assert pixels[..., 17:].mean() > pixels[..., :15].mean() + 0.02


def test_contrast_medium_brightens_the_aorta() -> None:
    section = abdomen.axial(Dice(30, seeded(1)), 64, changes=0.0)
    plain, full = (
        scanners.ct(section.canvas, ["abdomen"] * 30, Dice(30, seeded(7)), enhanced=dose)
        for dose in (torch.zeros(30), torch.ones(30))
    )
    blood = section.canvas.materials[:, None, ::FINE, ::FINE] == Material.BLOOD
    assert blood.sum() > 100
    assert full[blood].mean() > plain[blood].mean() + 0.2


def test_a_disc_covers_its_area() -> None:
    pose = Pose(torch.zeros(2, 2), torch.tensor([100.0, 200.0]), torch.tensor([0.0, 0.7]))
    canvas = Canvas.blank(pose, 64)
    disc = ellipse(torch.tensor([[10.0, -5.0], [10.0, -5.0]]), 20.0, 20.0)
    canvas.paint(disc, (0, Material.FAT), (10, Material.LIVER))
    area = canvas.step**2
    ring, core = (
        (canvas.materials == m).flatten(1).sum(1) * area for m in (Material.FAT, Material.LIVER)
    )
    assert torch.allclose(core, torch.full((2,), 100 * torch.pi), rtol=0.03)
    assert torch.allclose(ring, torch.full((2,), 300 * torch.pi), rtol=0.03)


def test_an_outline_passes_near_its_knots_and_mirrors() -> None:
    knots = [(0.0, -40.0), (30.0, -5.0), (10.0, 35.0), (-25.0, 12.0)]
    outline = through(torch.tensor([[5.0, 6.0]]), knots, smooth=0.02)
    for x, y in knots:
        point = outline.at(torch.atan2(torch.tensor([y]), torch.tensor([x])))
        assert (point - torch.tensor([[5.0 + x, 6.0 + y]])).norm() < 1.5
    twin = outline.mirrored()
    left, right = outline.at(0.5), twin.at(torch.pi - 0.5)
    assert (left * torch.tensor([-1.0, 1.0]) - right).norm() < 1.0


def test_every_shown_window_and_sequence_is_a_label() -> None:
    for examination in slices.EXAMINATIONS.values():
        known = LABELS["window"] if examination.tomography else LABELS["sequence"]
        assert set(examination.shown) <= set(known)
        assert set(examination.planes) <= set(LABELS["view"])
