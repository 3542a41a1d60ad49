import math

import pytest
import torch

from firstread.phantoms.chances import Dice
from firstread.phantoms.fillings import curve, shell, tube, wire
from firstread.phantoms.solids import Cloud, Pose, ellipsoids, pose, project, rotation, shadows


def poses(n: int, seed: int, field: float = 200.0) -> Pose:
    dice = Dice(n, torch.Generator().manual_seed(seed))
    angles = [dice.normal(0, 1) for _ in range(3)]
    return pose(*angles, dice.normal(0, 10, 3), torch.full((n,), field))


def blob(n: int) -> torch.Tensor:
    return torch.tensor([[5.0, -8.0, 12.0]]).expand(n, 3)


def test_ellipsoid_agrees_with_integration_along_rays() -> None:
    stand = poses(2, 0)
    part = ellipsoids((5, -8, 12, 40, 25, 60, 0.02, 0.4, -0.7, 0.3), n=2)
    size, step = 24, 0.25
    depth = torch.arange(-150, 150, step)
    u, d, v = torch.meshgrid(stand.grid(size)[0], depth, stand.grid(size)[0], indexing="ij")
    ray = torch.stack([u, d, v], dim=-1)
    for k in range(2):
        # Undo the pose, then the turn of the ellipsoid: back to its own frame.
        patient = ray @ stand.turn[k] + stand.centre[k]
        own = (patient - part.centre[k, 0]) @ part.turn[k, 0] / part.axes[k, 0]
        line = ((own.square().sum(dim=-1) < 1).float().sum(dim=1) * step * 0.02).T
        assert torch.allclose(project(part, stand, size)[k], line, atol=0.02 * 2 * step)


def test_shadow_gives_where_the_ray_enters() -> None:
    stand = poses(1, 1)
    part = ellipsoids((5, -8, 12, 40, 25, 60, 1.0, 0.4), n=1)
    ((middle, half),) = ((m.clone(), h.clone()) for m, h in shadows(part, stand, 32))
    row, col = divmod(int(half.argmax()), 32)
    u, v = stand.grid(32)[0, col], stand.grid(32)[0, row]
    for sign in (-1, 1):
        surface = torch.stack([u, middle[0, row, col] + sign * half[0, row, col], v])
        patient = surface @ stand.turn[0] + stand.centre[0]
        own = (patient - part.centre[0, 0]) @ part.turn[0, 0] / part.axes[0, 0]
        assert own.norm().item() == pytest.approx(1, abs=1e-3)


def test_an_ellipsoid_switched_off_casts_no_shadow() -> None:
    assert project(ellipsoids((0, 0, 0, 9, 9, 9, 0.0), n=1), poses(1, 2), 16).abs().max() == 0


def test_the_patients_left_is_on_the_right_of_the_picture() -> None:
    still = torch.zeros(1)
    stand = pose(still, still, still, torch.zeros(1, 3), torch.tensor([100.0]))
    image = project(Cloud(torch.tensor([[[30.0, 0, -20.0]]]), torch.ones(1, 1)), stand, 10)[0]
    row, col = divmod(int(image.argmax()), 10)
    assert (row < 5, col > 5) == (True, True)


@pytest.mark.parametrize("size", [32, 128])
def test_mass_of_a_cloud_is_conserved(size: int) -> None:
    stand = poses(3, 3)
    dice = Dice(3, torch.Generator().manual_seed(4))
    cloud = Cloud(dice.normal(0, 15, 500, 3), dice.uniform(0, 2, 500))
    pixel = (stand.field / size) ** 2
    total = project(cloud, stand, size).sum(dim=(1, 2)) * pixel
    assert torch.allclose(total, cloud.mass.sum(dim=1), rtol=1e-4)


def test_points_outside_the_picture_leave_it_empty() -> None:
    far = Cloud(torch.tensor([[[500.0, 0, 0], [0, 0, -900.0], [0, 0, 900.0]]]), torch.ones(1, 3))
    still = torch.zeros(1)
    stand = pose(still, still, still, torch.zeros(1, 3), torch.tensor([100.0]))
    assert project(far, stand, 16).abs().max() == 0


def test_a_wire_weighs_as_much_as_a_cylinder() -> None:
    path = curve([[[0.0, 0, 0], [0, 0, 50.0], [0, 0, 100.0]]], 101)
    assert wire(path, 2.0, 0.5).mass.sum().item() == pytest.approx(
        0.5 * math.pi * 4 * 101, rel=1e-3
    )


def test_a_tubes_wall_weighs_circumference_times_wall() -> None:
    path = curve([[[0.0, 0, 0], [0, 0, 50.0], [0, 0, 100.0]]], 101)
    bone = tube(path, 10.0, wall=2.0, cortex=0.1, core=0.0, around=8)
    assert bone.mass.sum().item() == pytest.approx(0.1 * 2 * 2 * math.pi * 10 * 101, rel=1e-2)


def test_a_shell_weighs_area_times_wall() -> None:
    ball = shell(blob(1), torch.full((1, 3), 20.0), 1.5, 400, cortex=0.1)
    assert ball.mass.sum().item() == pytest.approx(0.1 * 1.5 * 4 * math.pi * 400, rel=1e-2)


def test_a_filled_shell_adds_its_volume() -> None:
    axes = torch.tensor([[20.0, 10.0, 5.0]])
    full = shell(blob(1), axes, 0.0, 400, cortex=0.1, core=0.03)
    assert full.mass.sum().item() == pytest.approx(0.03 * 4 / 3 * math.pi * 1000, rel=1e-3)


def test_turning_keeps_distances_and_scaling_weighs_by_volume() -> None:
    cloud = Cloud(torch.tensor([[[1.0, 2, 3], [4, -5, 6]]]), torch.ones(1, 2))
    about = torch.tensor([[3.0, 3, 3]])
    turned = cloud.turned(rotation("x", torch.tensor([0.7])), about)
    before, after = ((c.points - about).norm(dim=-1) for c in (cloud, turned))
    assert torch.allclose(before, after, atol=1e-5)
    assert cloud.scaled(torch.tensor([2.0, 3.0, 0.5])).mass.tolist() == [[3.0, 3.0]]


def test_small_ellipsoids_are_drawn_as_large_ones_are() -> None:
    stand = poses(2, 5)
    rows = [(20, 5, -30, 12, 6, 9, 0.02, 0.4, 0.2), (-95, 0, 60, 10, 14, 5, -0.01)]
    small = ellipsoids(*rows, n=2)
    # One large one that is switched off takes the others along the other way.
    other = ellipsoids(*rows, (0, 0, 0, 90, 90, 90, 0.0), n=2)
    assert torch.allclose(project(small, stand, 64), project(other, stand, 64), atol=1e-4)
