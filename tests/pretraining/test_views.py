from __future__ import annotations

import torch

from firstread.pretraining.views import distorted, hidden


def blobs(n: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """A bright square somewhere in the middle of each image, and the same as a coarse map."""
    generator = torch.Generator().manual_seed(1)
    images = torch.zeros(n, 1, 128, 128)
    for k in range(n):
        y, x = (5 + torch.randint(5, (2,), generator=generator)).tolist()
        images[k, :, 8 * y : 8 * y + 16, 8 * x : 8 * x + 16] = 1.0
    return images, torch.nn.functional.avg_pool2d(images, 8)


def test_the_map_goes_where_the_image_goes() -> None:
    images, maps = blobs()
    views, moved = distorted(images, maps, torch.Generator().manual_seed(2))
    centre = torch.arange(16.0)
    for image, place in zip(torch.nn.functional.avg_pool2d(views, 8), moved, strict=True):
        # Gray may be shifted as a whole: the square is what stands out from it.
        bright = (image[0] - image[0].median()).clamp(min=0)
        for axis in (0, 1):
            seen, told = ((m.sum(axis) * centre).sum() / m.sum() for m in (bright, place[0]))
            assert abs(float(seen - told)) < 1.0


def test_views_are_those_of_their_generator() -> None:
    images, maps = blobs()
    one, again, other = (
        distorted(images, maps, torch.Generator().manual_seed(seed))[0] for seed in (3, 3, 4)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.shape == images.shape
    assert 0 <= float(one.min()) <= float(one.max()) <= 1


def test_what_is_not_known_of_an_image_stays_unknown() -> None:
    images, maps = blobs()
    maps[3] = torch.nan
    _, moved = distorted(images, maps, torch.Generator().manual_seed(0))
    assert bool(moved[3].isnan().all())
    assert not bool(moved[[0, 1, 2, 4]].isnan().any())


def test_half_of_the_patches_are_hidden() -> None:
    images = torch.full((64, 1, 128, 128), 0.9)
    shown, blank = hidden(images, torch.Generator().manual_seed(0))
    whole = blank.repeat_interleave(16, 2).repeat_interleave(16, 3)
    assert bool((shown[whole] == 0.5).all())
    assert bool((shown[~whole] == 0.9).all())
    assert 0.45 < float(blank.float().mean()) < 0.55
