"""Batches of bodies made of ellipsoids and of points, and their line integrals along a beam.

Lengths are in mm: ``x`` runs to the patient's left, ``y`` forwards, ``z`` down. A pose turns the
body into the detector's frame: ``u`` to the right of the picture, depth along the beam, ``v`` down
the picture. Without a turn the two frames agree: the patient's left is on the right of the picture.
The beam is parallel. Attenuation is in 1/mm near 65 keV.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Linear attenuation near 65 keV: mass attenuation of the ICRU-44 tissues (NIST, Tables of X-Ray
# Mass Attenuation Coefficients, table 4) times density. Lung is inflated to 0.26 g/cm3; viscera
# are muscle with some fat between; spongy bone is marrow with 0.2 g/cm3 of mineral.
FAT, VISCERA, MUSCLE, LUNG, SPONGY, CORTICAL = 0.0183, 0.0199, 0.0208, 0.0052, 0.0260, 0.0547
# Steel and titanium stop nearly all of the beam; 1 mm of either hides what is behind.
METAL, TITANIUM = 0.7, 0.3
# Clouds of bone lie in soft tissue, which is counted already.
BONE, MARROW = CORTICAL - MUSCLE, SPONGY - MUSCLE


@dataclass(frozen=True)
class Pose:
    """How N bodies stand before the detector.

    Parameters
    ----------
    turn : Tensor
        (N, 3, 3) from the patient's frame into the detector's.
    centre : Tensor
        (N, 3) the place in the patient that falls on the middle of the picture, mm.
    field : Tensor
        (N,) side of the square that the picture shows, mm.
    """

    turn: Tensor
    centre: Tensor
    field: Tensor

    def grid(self, size: int) -> Tensor:
        """Return u of the columns, which is also v of the rows, (N, size), mm."""
        steps = (torch.arange(size, dtype=torch.float32) + 0.5) / size - 0.5
        return self.field[:, None] * steps


@dataclass(frozen=True)
class Ellipsoids:
    """K ellipsoids in each of N bodies; their attenuation adds up where they overlap.

    Parameters
    ----------
    centre : Tensor
        (N, K, 3) mm.
    axes : Tensor
        (N, K, 3) semi-axes, mm.
    turn : Tensor
        (N, K, 3, 3) from the ellipsoid's own frame into the patient's.
    attenuation : Tensor
        (N, K) 1/mm, a difference to what surrounds it; 0 switches one off.
    """

    centre: Tensor
    axes: Tensor
    turn: Tensor
    attenuation: Tensor


@dataclass(frozen=True)
class Cloud:
    """Points that carry attenuation times volume.

    Parameters
    ----------
    points : Tensor
        (N, P, 3) mm.
    mass : Tensor
        (N, P) mm^2.
    """

    points: Tensor
    mass: Tensor

    def moved(self, by: Tensor) -> Cloud:
        """Return the cloud, moved by (N, 3) or (3,) mm."""
        return Cloud(self.points + by.reshape(-1, 1, 3), self.mass)

    def turned(self, turn: Tensor, about: Tensor | None = None) -> Cloud:
        """Return the cloud, turned by (N, 3, 3) or (3, 3) about a place (N, 3) or the origin."""
        if about is None:
            return Cloud(self.points @ turn.mT, self.mass)
        place = about.reshape(-1, 1, 3)
        return Cloud((self.points - place) @ turn.mT + place, self.mass)

    def scaled(self, by: Tensor) -> Cloud:
        """Return the cloud, stretched by (N, 3) or (3,); its mass grows with its volume."""
        by = by.reshape(-1, 1, 3)
        return Cloud(self.points * by, self.mass * by.prod(dim=-1))

    def mirrored(self) -> Cloud:
        """Return the cloud on the other side of the midline."""
        return Cloud(self.points * torch.tensor([-1.0, 1.0, 1.0]), self.mass)

    def weighted(self, by: Tensor) -> Cloud:
        """Return the cloud with its mass times (N,) or (N, P)."""
        return Cloud(self.points, self.mass * (by[:, None] if by.ndim == 1 else by))


Parts = Iterable[Ellipsoids | Cloud]


def join(clouds: Sequence[Cloud]) -> Cloud:
    """Return one cloud with the points of all; one body's cloud is shared by all N."""
    n = max(len(c.points) for c in clouds)
    n = max(n, *(len(c.mass) for c in clouds))
    points = [c.points.expand(n, -1, -1) for c in clouds]
    return Cloud(torch.cat(points, dim=1), torch.cat([c.mass.expand(n, -1) for c in clouds], dim=1))


def rotation(axis: str, angle: Tensor) -> Tensor:
    """Return matrices (..., 3, 3) that turn by angles (radians) about "x", "y" or "z"."""
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turn = torch.eye(3).expand(*angle.shape, 3, 3).clone()
    turn[..., i, i] = turn[..., j, j] = angle.cos()
    turn[..., j, i] = angle.sin()
    turn[..., i, j] = -angle.sin()
    return turn


def pose(yaw: Tensor, nod: Tensor, roll: Tensor, centre: Tensor, field: Tensor) -> Pose:
    """Return how the bodies stand.

    Parameters
    ----------
    yaw : Tensor
        (N,) turn about the long axis, radians: 0 frontal; pi / 2 the patient looks to the left of
        the picture, -pi / 2 to its right.
    nod : Tensor
        (N,) turn about the picture's horizontal, radians: positive brings the top forwards.
    roll : Tensor
        (N,) turn in the plane of the picture, radians, clockwise.
    centre, field : Tensor
        (N, 3) and (N,), see `Pose`.
    """
    turn = rotation("y", -roll) @ rotation("x", nod) @ rotation("z", yaw)
    return Pose(turn, centre, field)


def ellipsoids(*rows: Sequence[Tensor | float], n: int) -> Ellipsoids:
    """Make ellipsoids from rows of x, y, z, three semi-axes, attenuation [, roll [, yaw [, nod]]].

    Each entry is a number or (N,). Roll turns clockwise in the frontal plane, yaw about z and nod
    about x, radians.
    """
    table = torch.stack(
        [
            torch.stack(
                [
                    torch.as_tensor(v, dtype=torch.float32).expand(n)
                    for v in (*row, *(0.0,) * (10 - len(row)))
                ],
                dim=-1,
            )
            for row in rows
        ],
        dim=1,
    )
    turn = rotation("y", -table[..., 7]) @ rotation("x", table[..., 9])
    turn = turn @ rotation("z", table[..., 8])
    return Ellipsoids(table[..., :3], table[..., 3:6], turn, table[..., 6])


def shadows(parts: Ellipsoids, pose: Pose, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield for each of the K ellipsoids the depth of its middle and half its chord along the beam.

    Both are (N, size, size), mm; the depth is from the pose's centre, and means something only
    where the half chord isn't 0. The buffers are used again for the next one: copy what you keep.
    An ellipsoid's shadow is an ellipse: with M the form of the ellipsoid in the detector's frame
    and S the Schur complement of its depth, the half chord at offset d is
    sqrt((1 - d S d) / M_yy).
    """
    turn = pose.turn[:, None] @ parts.turn
    form = (turn / parts.axes.square()[:, :, None]) @ turn.mT
    place = ((parts.centre - pose.centre[:, None]) @ pose.turn.mT).unbind(-1)
    depth = form[..., 1, 1]
    mu, mv = form[..., 0, 1] / depth, form[..., 1, 2] / depth
    a = form[..., 0, 0] / depth - mu * mu
    b = form[..., 0, 2] / depth - mu * mv
    c = form[..., 2, 2] / depth - mv * mv
    grid = pose.grid(size)
    middle = torch.empty(len(grid), size, size)
    chord = torch.empty_like(middle)
    for k in range(parts.centre.shape[1]):
        du, dv = grid - place[0][:, k, None], grid - place[2][:, k, None]
        row = 1 / depth[:, k, None] - c[:, k, None] * dv * dv
        col = a[:, k, None] * du * du
        torch.sub(row[:, :, None], col[:, None], out=chord)
        chord.addcmul_((-2 * b[:, k, None] * dv)[:, :, None], du[:, None])
        chord.clamp_(min=0).sqrt_()
        torch.sub(
            (place[1][:, k, None] - mv[:, k, None] * dv)[:, :, None],
            (mu[:, k, None] * du)[:, None],
            out=middle,
        )
        yield middle, chord


def project(parts: Ellipsoids | Cloud | Parts, pose: Pose, size: int) -> Tensor:
    """Return line integrals of attenuation along the beam, (N, size, size)."""
    total = torch.zeros(len(pose.field), size, size)
    for part in [parts] if isinstance(parts, Ellipsoids | Cloud) else parts:
        if isinstance(part, Ellipsoids):
            _add_ellipsoids(total, part, pose)
        else:
            _add_cloud(total, part, pose)
    return total


def _add_ellipsoids(total: Tensor, parts: Ellipsoids, pose: Pose) -> None:
    for k, (_, chord) in enumerate(shadows(parts, pose, total.shape[-1])):
        total.addcmul_(chord, 2 * parts.attenuation[:, k, None, None])


def _add_cloud(total: Tensor, cloud: Cloud, pose: Pose) -> None:
    n, size = total.shape[:2]
    pitch = pose.field / size
    flat = pose.turn[:, ::2] / pitch[:, None, None]
    shift = (size - 1) / 2 - (flat @ pose.centre[..., None])
    u, v = (flat @ cloud.points.expand(n, -1, -1).mT + shift).unbind(1)
    mass = cloud.mass.expand(n, -1) / pitch.square()[:, None]
    # A margin of one pixel all round takes in what falls over the edge.
    wide = size + 2
    u, v = (u + 1).clamp_(0, size + 1), (v + 1).clamp_(0, size + 1)
    col, row = u.floor(), v.floor()
    right, low = (u - col) * mass, v - row
    corner = (row * wide + col).long()
    image = torch.zeros(n, wide * wide + wide + 2)
    both = right * low
    below = low * mass
    image.scatter_add_(1, corner, mass - right - below + both)
    image.scatter_add_(1, corner + 1, right - both)
    image.scatter_add_(1, corner + wide, below - both)
    image.scatter_add_(1, corner + wide + 1, both)
    total += image[:, : wide * wide].view(n, wide, wide)[:, 1:-1, 1:-1]
