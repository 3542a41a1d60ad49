"""Formula images: replayable, in range, and with categories that can be told apart."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from firstread.phantoms import formulas
from firstread.phantoms.truth import LABELS

DRAWS = [formulas.fractal, formulas.contours, formulas.texture]


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("draw", DRAWS)
def test_same_seed_same_pixels_and_another_seed_others(draw) -> None:
    one, again, other = draw(6, 64, seeded(1)), draw(6, 64, seeded(1)), draw(6, 64, seeded(2))
    assert torch.equal(one.pixels, again.pixels)
    assert (one.pixels - other.pixels).abs().mean() > 0.02


@pytest.mark.parametrize("draw", DRAWS)
def test_shapes_ranges_and_what_is_not_known(draw) -> None:
    drawn = draw(5, 96, seeded(0))
    assert drawn.pixels.shape == (5, 1, 96, 96)
    assert drawn.pixels.min() >= 0
    assert drawn.pixels.max() <= 1
    assert drawn.thickness.isnan().all()
    assert drawn.thickness.shape[-2:] == (12, 12)
    assert drawn.signs.isnan().all()
    assert (drawn.labels["view"] == -1).all()


@pytest.mark.parametrize("draw", DRAWS)
def test_the_label_names_a_category_of_the_family(draw) -> None:
    drawn = draw(40, 32, seeded(0))
    names = {LABELS["formula"][k] for k in drawn.labels["formula"].tolist()}
    assert len(names) > 8
    assert all(name.startswith(draw.__name__ + "_") for name in names)


def descriptors(pixels: torch.Tensor) -> torch.Tensor:
    """Return the radial spectrum, its turn, and quantiles of grey values and of steps between."""
    grey = pixels[:, 0] - pixels[:, 0].flatten(1).median(1).values.view(-1, 1, 1)
    grey = grey / grey.flatten(1).std(1).view(-1, 1, 1)
    power = torch.fft.fftshift(torch.fft.fft2(grey).abs().square(), dim=(1, 2))
    along = torch.arange(grey.shape[1]) - grey.shape[1] // 2
    ring = torch.hypot(along[:, None].float(), along.float()).long()
    rings = torch.stack([power[:, ring == k].mean(1) for k in range(1, 48)], 1).log()
    angle = torch.atan2(along[:, None].float(), along.float()) % torch.pi
    sectors = torch.stack(
        [power[:, (angle // (torch.pi / 12)).long() == k].mean(1) for k in range(12)], 1
    )
    levels = torch.tensor([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98])
    steps = (grey[:, 1:] - grey[:, :-1]).abs().flatten(1)
    return torch.cat(
        [
            rings,
            sectors.log().sort(1).values,
            grey.abs().flatten(1).quantile(levels, 1).T,
            steps.quantile(levels, 1).T,
        ],
        1,
    )


@pytest.mark.parametrize(
    ("draw", "least"), [(formulas.fractal, 0.12), (formulas.contours, 0.2), (formulas.texture, 0.9)]
)
def test_categories_are_told_apart_far_above_chance(draw, least: float) -> None:
    learn, judge = draw(1600, 128, seeded(10)), draw(300, 128, seeded(11))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=300))
    model.fit(descriptors(learn.pixels), learn.labels["formula"])
    assert model.score(descriptors(judge.pixels), judge.labels["formula"]) > least
