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

    def pick(self, index: Tensor) -> Pose:
        """Return how some of the bodies stand: ``index`` is (M,) int64."""
        return Pose(self.turn[index], self.centre[index], self.field[index])

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


@dataclass(frozen=True)
class _Shade:
    """Ellipsoids as the beam sees them: the half chord at offset d is sqrt((1 - d S d) / M_yy).

    M is the form of the ellipsoid in the detector's frame and S the Schur complement of its depth
    (S / M_yy is a, b, c here). Each is (N, K); ``place`` is (N, K, 3), ``reach`` half the size of
    the shadow's box, (N, K, 2), mm.
    """

    a: Tensor
    b: Tensor
    c: Tensor
    peak: Tensor
    mu: Tensor
    mv: Tensor
    place: Tensor
    reach: Tensor


def _shade(parts: Ellipsoids, pose: Pose) -> _Shade:
    turn = pose.turn[:, None] @ parts.turn
    squares = parts.axes.square()[:, :, None]
    form = (turn / squares) @ turn.mT
    depth = form[..., 1, 1]
    mu, mv = form[..., 0, 1] / depth, form[..., 1, 2] / depth
    return _Shade(
        a=form[..., 0, 0] / depth - mu * mu,
        b=form[..., 0, 2] / depth - mu * mv,
        c=form[..., 2, 2] / depth - mv * mv,
        peak=1 / depth,
        mu=mu,
        mv=mv,
        place=(parts.centre - pose.centre[:, None]) @ pose.turn.mT,
        reach=(turn.square() * squares).sum(dim=-1)[..., ::2].sqrt(),
    )


Window = tuple[slice, slice, slice]


def windows(parts: Ellipsoids, pose: Pose, size: int) -> Iterator[tuple[Window, Tensor, Tensor]]:
    """Yield for each of the K ellipsoids a window of the pictures, and within it depth and chord.

    Outside the window (the same for all N) the ellipsoid casts no shadow. Depth is that of the
    chord's middle, from the pose's centre, and means something only where there is a chord; both
    it and half the chord are (N, rows, columns), mm.
    """
    shade, grid = _shade(parts, pose), pose.grid(size)
    pitch = (pose.field / size)[:, None, None]
    middle = shade.place[..., ::2] / pitch + (size - 1) / 2
    low = ((middle - shade.reach / pitch).amin(dim=0)).floor().clamp(0, size).int().tolist()
    high = ((middle + shade.reach / pitch).amax(dim=0) + 1).ceil().clamp(0, size).int().tolist()
    for k, ((left, top), (right, bottom)) in enumerate(zip(low, high, strict=True)):
        at = (slice(None), slice(top, max(bottom, top)), slice(left, max(right, left)))
        du = grid[:, at[2]] - shade.place[:, k, :1]
        dv = grid[:, at[1]] - shade.place[:, k, 2:]
        row = shade.peak[:, k, None] - shade.c[:, k, None] * dv * dv
        chord = row[:, :, None] - (shade.a[:, k, None] * du * du)[:, None]
        chord.addcmul_((-2 * shade.b[:, k, None] * dv)[:, :, None], du[:, None])
        chord.clamp_(min=0).sqrt_()
        level = shade.place[:, k, 1:2] - shade.mv[:, k, None] * dv
        yield at, level[:, :, None] - (shade.mu[:, k, None] * du)[:, None], chord


def shadows(parts: Ellipsoids, pose: Pose, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield for each of the K ellipsoids the depth of its middle and half its chord along the beam.

    Both are (N, size, size), mm, as of `windows`, which is faster where a part will do.
    """
    for at, depth, chord in windows(parts, pose, size):
        whole = torch.zeros(2, len(depth), size, size)
        whole[0][at], whole[1][at] = depth, chord
        yield whole[0], whole[1]


def project(parts: Ellipsoids | Cloud | Parts, pose: Pose, size: int) -> Tensor:
    """Return line integrals of attenuation along the beam, (N, size, size)."""
    total = torch.zeros(len(pose.field), size, size)
    for part in [parts] if isinstance(parts, Ellipsoids | Cloud) else parts:
        if isinstance(part, Cloud):
            _add_cloud(total, part, pose)
        elif (2 * part.axes.amax(dim=(1, 2)) < pose.field / 2.5).all():
            _add_patches(total, part, pose)
        else:
            for k, (at, _, chord) in enumerate(windows(part, pose, size)):
                total[at].addcmul_(chord, 2 * part.attenuation[:, k, None, None])
    return total


def _add_patches(total: Tensor, parts: Ellipsoids, pose: Pose) -> None:
    """Add small ellipsoids, each within a patch of the picture that is just large enough."""
    n, size = total.shape[:2]
    shade = _shade(parts, pose)
    pitch = (pose.field / size)[:, None, None]
    side = int((2 * shade.reach / pitch).max()) + 3
    middle = shade.place[..., ::2] / pitch + (size - 1) / 2
    corner = (middle - side / 2).round().clamp(-side, size)
    offset = (corner[..., None] + torch.arange(side) - middle[..., None]) * pitch[..., None]
    du, dv = offset[:, :, 0, None], offset[:, :, 1, :, None]
    a, b, c, peak = (v[..., None, None] for v in (shade.a, shade.b, shade.c, shade.peak))
    chord = ((peak - c * dv * dv) - a * du * du - 2 * b * dv * du).clamp_(min=0).sqrt_()
    mass = chord * (2 * parts.attenuation)[..., None, None]
    wide = size + 2 * side
    first = (corner[..., 1] + side) * wide + corner[..., 0] + side
    step = torch.arange(side)
    index = first.long()[..., None, None] + step[:, None] * wide + step
    image = torch.zeros(n, wide * wide)
    image.scatter_add_(1, index.flatten(1), mass.flatten(1))
    total += image.view(n, wide, wide)[:, side : side + size, side : side + size]


def _add_cloud(total: Tensor, cloud: Cloud, pose: Pose) -> None:
    n, size = total.shape[:2]
    pitch = pose.field / size
    flat = pose.turn[:, ::2] / pitch[:, None, None]
    shift = (size - 1) / 2 - (flat @ pose.centre[..., None])
    u, v = (flat @ cloud.points.expand(n, -1, -1).mT + shift).unbind(1)
    total += splat(u, v, cloud.mass.expand(n, -1) / pitch.square()[:, None], size)


def splat(u: Tensor, v: Tensor, mass: Tensor, size: int) -> Tensor:
    """Return what points leave on pictures (N, size, size), each shared by the four pixels nearest.

    Parameters
    ----------
    u, v, mass : Tensor
        (N, P) column and row in pixels, and what is shared; what falls over the edge is lost.
    size : int
        Pixels a side.
    """
    # A margin of one pixel all round takes in what falls over the edge.
    wide = size + 2
    u, v = (u + 1).clamp_(0, size + 1), (v + 1).clamp_(0, size + 1)
    col, row = u.floor(), v.floor()
    right, low = (u - col) * mass, v - row
    corner = (row * wide + col).long()
    image = torch.zeros(len(u), wide * wide + wide + 2)
    both = right * low
    below = low * mass
    image.scatter_add_(1, corner, mass - right - below + both)
    for skip, part in ((1, right - both), (wide, below - both), (wide + 1, both)):
        image[:, skip:].scatter_add_(1, corner, part)
    return image[:, : wide * wide].view(-1, wide, wide)[:, 1:-1, 1:-1]
