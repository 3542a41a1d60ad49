import math

import pytest
import torch

from firstread.phantoms.bones import SPONGE, broken, eaten, long_bones, short_bones
from firstread.phantoms.solids import BONE, Cloud, Pose, project, rotation

PIPE = ((0, 10, 10, 2, 0), (1, 10, 10, 2, 0))
AHEAD = torch.tensor([[0.0, 1, 0]])
STAND = Pose(torch.eye(3)[None], torch.zeros(1, 3), torch.tensor([140.0]))


def pipe(**look: object) -> Cloud:
    ends = torch.tensor([[[0.0, 0, -50]], [[0, 0, 50]]])
    return long_bones(PIPE, ends[0], ends[1], AHEAD, n=100, across=40, **look)


def test_a_pipe_stops_what_its_chords_say_and_its_walls_are_brighter() -> None:
    row = project(pipe(), STAND, 70)[0, 35]
    off = (torch.arange(70) - 34.5) * 2.0
    outer, inner = ((r * r - off * off).clamp(min=0).sqrt() for r in (10, 8))
    middle = off.abs() < 5
    assert torch.allclose(row[middle], (2 * BONE * (outer - inner))[middle], rtol=0.08)
    assert row[(off.abs() - 9).abs() < 1].mean() > 1.5 * row[middle].mean()


def test_a_pipe_weighs_the_same_from_the_side() -> None:
    oval = ((0, 6, 12, 1, 1), (1, 6, 12, 1, 1))
    ends = torch.zeros(1, 3), torch.tensor([[0.0, 0, 80]])
    views = [torch.tensor([[math.sin(a), math.cos(a), 0.0]]) for a in (0.0, 0.7, math.pi / 2)]
    masses = [long_bones(oval, *ends, beam, across=40).mass.sum().item() for beam in views]
    assert masses == pytest.approx([masses[0]] * 3, rel=0.04)


def test_a_growth_plate_is_a_gap() -> None:
    shut, open_ = (pipe(plates=(0.5,), gap=gap) for gap in (0.0, 6.0))
    shut, open_ = (project(c, STAND, 70)[0, :, 35] for c in (shut, open_))
    assert shut[35] > 0.1
    assert open_[35] == 0
    assert open_[20] == pytest.approx(shut[20].item())


def test_a_solid_ball_weighs_its_volume() -> None:
    centre, axes = torch.zeros(1, 1, 3), torch.tensor([[[10.0, 20, 15]]])
    ball = short_bones(centre, axes, torch.eye(3)[None], wall=0.0, square=2.0, points=4000)
    volume = 4 / 3 * math.pi * 3000
    assert ball.mass.sum().item() == pytest.approx(SPONGE * volume, rel=0.01)


def test_a_break_moves_and_empties_only_the_far_side() -> None:
    bone = pipe()
    still = torch.eye(3)[None]
    down, aside = torch.tensor([[0.0, 0, 1]]), torch.tensor([[12.0, 0, 0]])
    snap = broken(bone, torch.zeros(1, 3), down, aside, still, torch.tensor([4.0]))
    before, after = (project(c, STAND, 70)[0] for c in (bone, snap))
    assert torch.equal(before[:25], after[:25])
    assert after[34:36, 20:50].sum() < 0.7 * before[34:36, 20:50].sum()
    assert torch.allclose(after[45:55, 6:], before[45:55, :-6], atol=1e-3)


def test_a_bone_that_is_whole_stays_as_it_is() -> None:
    bone = pipe()
    spin = rotation("y", torch.tensor([1.0]))
    whole = broken(bone, torch.zeros(1, 3), AHEAD, torch.ones(1, 3), spin, torch.zeros(1))
    assert torch.equal(whole.points, bone.points)
    assert torch.equal(whole.mass, bone.mass)


def test_a_lytic_hole_lets_more_through_where_it_is() -> None:
    bone = pipe()
    spot = torch.tensor([[0.0, 0, 30]])
    before, after = (
        project(c, STAND, 70)[0] for c in (bone, eaten(bone, spot, torch.tensor([9.0])))
    )
    assert after[50, 35] < 0.3 * before[50, 35]
    assert torch.equal(before[:40], after[:40])
    none = eaten(bone, spot, torch.zeros(1))
    assert torch.allclose(none.mass, bone.mass)
