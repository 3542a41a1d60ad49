"""Sections painted as maps of materials: part by part, a later one over the earlier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from firstread.phantoms.sections.outlines import ANGLES, DIRECTIONS, Outline

# Fine pixels a side of one pixel of the picture: edges are hard on the map and soft once averaged.
FINE = 2


@dataclass(frozen=True)
class Pose:
    """Where the picture lies in each of N sections.

    Parameters
    ----------
    centre : Tensor
        (N, 2) the middle of the picture, mm.
    width : Tensor
        (N,) width of the picture, mm.
    turn : Tensor
        (N,) radians by which the body lies turned.
    """

    centre: Tensor
    width: Tensor
    turn: Tensor


@dataclass(frozen=True)
class Canvas:
    """N maps of materials that parts are painted on, in place.

    Parameters
    ----------
    pose : Pose
        Where the pictures lie in the body.
    materials : Tensor
        (N, FINE * S, FINE * S) uint8, numbers of `materials.Material`.
    """

    pose: Pose
    materials: Tensor

    @classmethod
    def blank(cls, pose: Pose, size: int) -> Canvas:
        """Return a canvas of air (material 0) for pictures of ``size`` pixels."""
        side = FINE * size
        return cls(pose, torch.zeros(len(pose.width), side, side, dtype=torch.uint8))

    @property
    def step(self) -> Tensor:
        """Width (N,) of a fine pixel, mm."""
        return self.pose.width / self.materials.shape[-1]

    def locate(self, points: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        """Return column and row (R, K, 2), in fine pixels, of points (R, K, 2) in some sections."""
        turn, step = self.pose.turn[rows, None], self.step[rows, None, None]
        away = points - self.pose.centre[rows, None]
        cos, sin = turn.cos(), turn.sin()
        column = cos * away[..., 0] - sin * away[..., 1]
        row = sin * away[..., 0] + cos * away[..., 1]
        return torch.stack([column, row], -1) / step + (self.materials.shape[-1] - 1) / 2

    def paint(
        self,
        outline: Outline,
        *layers: tuple[float | Tensor, int],
        within: Sequence[int] = (),
        shift: Tensor | None = None,
        until: Tensor | None = None,
    ) -> None:
        """Paint one part into the sections that have it.

        Parameters
        ----------
        outline : Outline
            Of the part.
        *layers : tuple
            Depth below the outline (mm) from which on a material holds, and the material; from
            the outermost in. A depth is a number, N of them, or a table (N, ANGLES).
        within : sequence of int
            The materials that the part may replace; any when empty.
        shift : Tensor, optional
            (N, side, side) table entries by which directions are bent (folds that wind).
        until : Tensor, optional
            (N, ANGLES) depth below the outline (mm) down to which the part reaches: a shell.
        """
        box = self._box(outline)
        if box is None:
            return
        rows, top, left, flat = box
        place = self.locate(outline.centre[rows, None], rows)
        # Off the centre by a hair, where no direction is defined.
        u, v = left - place[..., 0] + 1e-3, top - place[..., 1] + 1e-3
        cos, sin = (
            (f(self.pose.turn[rows]) * self.step[rows])[:, None] for f in (torch.cos, torch.sin)
        )
        x = (cos * u)[:, None, :] + (sin * v)[:, :, None]
        y = (cos * v)[:, :, None] - (sin * u)[:, None, :]
        entry = directions_of(x, y)
        if shift is not None:
            bend = shift[rows] if flat is None else _looked_up(shift, flat)
            entry = torch.remainder(entry.add_(bend), ANGLES - 0.05)
        entry += (torch.arange(len(rows), dtype=torch.float32) * ANGLES)[:, None, None]
        index = entry.int()
        distance = x.mul_(x).addcmul_(y, y).sqrt_()
        radii = outline.radii[rows]
        margin = _looked_up(radii, index).sub_(distance)
        after = self.materials[rows] if flat is None else _looked_up(self.materials, flat)
        free = _any_of(after, within) if within else None
        if until is not None:
            shell = margin <= _looked_up(until[rows], index)
            free = shell if free is None else free & shell
        for depth, material in layers:
            deep = depth[rows] if isinstance(depth, Tensor) else torch.tensor(depth)
            if deep.ndim == 2 and deep.shape[1] == ANGLES:
                inside = margin > _looked_up(deep, index)
            else:
                inside = margin > deep.reshape(-1, 1, 1)
            if free is not None:
                inside &= free
            after = torch.where(inside, torch.tensor(material, dtype=torch.uint8), after)
        if flat is None:
            self.materials[rows] = after
        else:
            self.materials.view(-1).scatter_(0, flat.view(-1), after.view(-1))

    def _box(self, outline: Outline) -> tuple[Tensor, Tensor, Tensor, Tensor | None] | None:
        """Return the block of pixels that an outline needs, alike in all sections that have it.

        These are the sections (R,), the block's rows (R, h) and columns (R, w), and the places
        of its pixels in the flattened map (R, h, w), None where it is the whole map; or None
        where no section has the outline in view.
        """
        side = self.materials.shape[-1]
        turned = DIRECTIONS + self.pose.turn[:, None]
        reach = outline.radii / self.step[:, None]
        place = self.locate(outline.centre[:, None])
        spread = torch.stack([reach * turned.cos(), reach * turned.sin()], 2)
        first = (place + spread).amin(1).sub_(1).floor_()
        last = (place + spread).amax(1).add_(1).ceil_()
        seen = (reach.amax(1) > 0) & (last > 0).all(1) & (first < side - 1).all(1)
        rows = seen.nonzero()[:, 0]
        if len(rows) == 0:
            return None
        low, high = first[rows].clamp(min=0), last[rows].clamp(max=side - 1)
        width, height = ((high - low).amax(0) + 1).int().tolist()
        left = low[:, :1].clamp(max=side - width).long() + torch.arange(width)
        top = low[:, 1:].clamp(max=side - height).long() + torch.arange(height)
        if width == height == side:
            return rows, top, left, None
        flat = top[:, :, None] * side + left[:, None, :]
        return rows, top, left, flat + (rows * side * side)[:, None, None]

    def dot(
        self, points: Tensor, radii: Tensor, material: int, *, within: Sequence[int] = ()
    ) -> None:
        """Paint discs: vessels, airways, beads, and lines as chains of them.

        Parameters
        ----------
        points : Tensor
            (N, K, 2) centres, mm.
        radii : Tensor
            (N, K) mm; below 0 for none.
        material : int
            Of all the discs.
        within : sequence of int
            The materials that they may replace; any when empty.
        """
        side = self.materials.shape[-1]
        n = len(points)
        place, extent = self.locate(points), radii / self.step[:, None]
        block = 2 * math.ceil(max(float(extent.max()), 0.0)) + 1
        offsets = torch.arange(block) - block // 2
        middle = place.round()
        u = (middle[..., 0, None] + offsets)[:, :, None, :]
        v = (middle[..., 1, None] + offsets)[:, :, :, None]
        away = (u - place[..., 0, None, None]) ** 2 + (v - place[..., 1, None, None]) ** 2
        # The nearest pixel at least, however thin.
        edge = torch.where(extent > 0, extent.clamp(min=0.5), -1.0)
        inside = (away <= (edge * edge.abs())[..., None, None]) & (u >= 0) & (v >= 0)
        inside &= (u < side) & (v < side)
        flat = (v * side + u).long() + (torch.arange(n) * side * side).view(-1, 1, 1, 1)
        flat = flat[inside]
        painted = self.materials.view(-1)
        if within:
            flat = flat[_any_of(painted[flat], within)]
        painted[flat] = material


def _looked_up(table: Tensor, index: Tensor) -> Tensor:
    """Return the entries of a flattened table at an index of any shape."""
    # Several times as fast as indexing by a tensor, above all for one of int32.
    return table.reshape(-1).index_select(0, index.view(-1)).view(index.shape)


def _any_of(found: Tensor, materials: Sequence[int]) -> Tensor:
    """Return where one of the materials was found."""
    if len(materials) > 6:
        allowed = torch.zeros(256, dtype=torch.bool)
        allowed[list(materials)] = True
        return _looked_up(allowed, found.int())
    hit = found == materials[0]
    for material in materials[1:]:
        hit |= found == material
    return hit


def directions_of(x: Tensor, y: Tensor) -> Tensor:
    """Return the place (fractional) in a table of `outlines.DIRECTIONS` of offsets x and y."""
    total = x.abs().add_(y.abs())
    # 0 at +x, then on to 2 at -x, with the sign of y; never quite the end of the table.
    quarter = torch.tensor(-0.2499 * ANGLES)
    around = torch.addcdiv(quarter, x, total, value=0.2499 * ANGLES)
    return around.copysign_(y).add_(0.5 * ANGLES)
