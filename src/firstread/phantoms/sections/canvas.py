"""Sections painted as maps of materials: part by part, a later one over the earlier."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from firstread.phantoms.sections.outlines import ANGLES, COS, SIN, Outline

# Fine pixels a side of one pixel of the picture: edges are hard on the map and soft once averaged.
FINE = 2

CACHED = 2**17  # fine pixels that are painted at a time


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


class Window(NamedTuple):
    """Rows (R, h) and columns (R, w) of R blocks of pixels, and their places in the flat map."""

    top: Tensor
    left: Tensor
    flat: Tensor


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

    @cached_property
    def step(self) -> Tensor:
        """Width (N,) of a fine pixel, mm."""
        return self.pose.width / self.materials.shape[-1]

    @cached_property
    def _directions(self) -> tuple[Tensor, Tensor]:
        """Columns and rows, each (N, ANGLES), that a mm along `outlines.DIRECTIONS` makes."""
        cos, sin = (f(self.pose.turn)[:, None] / self.step[:, None] for f in (torch.cos, torch.sin))
        return cos * COS - sin * SIN, sin * COS + cos * SIN

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
        for rows, window in self._windows(outline):
            self._paint(rows, window, outline, layers, within, shift, until)

    def _paint(
        self,
        rows: Tensor,
        window: Window,
        outline: Outline,
        layers: Sequence[tuple[float | Tensor, int]],
        within: Sequence[int],
        shift: Tensor | None,
        until: Tensor | None,
    ) -> None:
        """Paint into some sections (R,), each within its window."""
        top, left, flat = window
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
            bend = _looked_up(shift, flat)
            entry = torch.remainder(entry.add_(bend), ANGLES - 0.05)
        entry += (torch.arange(len(rows), dtype=torch.float32) * ANGLES)[:, None, None]
        index = entry.int()
        distance = x.mul_(x).addcmul_(y, y).sqrt_()
        margin = _looked_up(outline.radii[rows], index).sub_(distance)
        after = _looked_up(self.materials, flat)
        free = _any_of(after, within) if within else None
        if until is not None:
            shell = margin <= _looked_up(until[rows], index)
            free = shell if free is None else free.logical_and_(shell)
        for depth, material in layers:
            if not isinstance(depth, Tensor):
                inside = margin > depth
            elif depth.ndim == 2 and depth.shape[1] == ANGLES:
                inside = margin > _looked_up(depth[rows], index)
            else:
                inside = margin > depth.expand(len(outline.radii))[rows].view(-1, 1, 1)
            if free is not None:
                inside.logical_and_(free)
            # Four operations on bytes, each many times as fast as a choice for every pixel.
            after ^= (after ^ material).bitwise_and_(inside.view(torch.uint8).neg_())
        self.materials.view(-1).scatter_(0, flat.view(-1), after.view(-1))

    def _windows(self, outline: Outline) -> Iterator[tuple[Tensor, Window]]:
        """Yield the sections (R,) that have an outline in view, some at a time, with its window.

        Sections are taken together whose windows are of about one size, and as many as leave what
        is computed of their pixels in the processor's cache.
        """
        side = self.materials.shape[-1]
        turned = self._directions
        place = self.locate(outline.centre[:, None])
        first, last = [], []
        for axis in (0, 1):
            away = outline.radii * turned[axis]
            first.append(away.amin(1) + place[:, 0, axis])
            last.append(away.amax(1) + place[:, 0, axis])
        low, high = torch.stack(first, 1).sub_(1).floor_(), torch.stack(last, 1).add_(1).ceil_()
        seen = (outline.radii.amax(1) > 0) & (high > 0).all(1) & (low < side - 1).all(1)
        low, high = low.clamp_(min=0).int(), high.clamp_(max=side - 1).int()
        area = (high - low + 1).prod(1)
        order = area.argsort(descending=True)
        order = order[seen[order]]
        sizes, begin = area[order].tolist(), 0
        while begin < len(sizes):
            rows = order[begin : begin + max(CACHED // sizes[begin], 1)]
            begin += len(rows)
            yield rows, self._window(rows, low[rows], high[rows])

    def _window(self, rows: Tensor, low: Tensor, high: Tensor) -> Window:
        side = self.materials.shape[-1]
        width, height = ((high - low).amax(0) + 1).tolist()
        left = low[:, :1].clamp(max=side - width) + torch.arange(width)
        top = low[:, 1:].clamp(max=side - height) + torch.arange(height)
        flat = (top * side + (rows * side * side)[:, None])[:, :, None] + left[:, None, :]
        return Window(top, left, flat)

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
        places, extents = self.locate(points), radii / self.step[:, None]
        reach = extents[..., None] + 1
        shown = (extents > 0) & ((places > -reach) & (places < side + reach)).all(2)
        row, _ = shown.nonzero(as_tuple=True)
        if len(row) == 0:
            return
        # The nearest pixel at least, however thin.
        place, extent = places[shown], extents[shown].clamp_(min=0.5)
        block = 2 * math.ceil(float(extent.max())) + 1
        offsets = torch.arange(block) - block // 2
        middle = place.round()
        u, v = middle[:, :1] + offsets, middle[:, 1:] + offsets
        du, dv = (u - place[:, :1]).square_(), (v - place[:, 1:]).square_()
        limit = (extent * extent)[:, None]
        # Beyond the edge nothing is inside.
        du.masked_fill_((u < 0) | (u >= side), torch.inf)
        dv.masked_fill_((v < 0) | (v >= side), torch.inf)
        inside = du[:, None, :] <= (limit - dv)[:, :, None]
        begin = ((row * side + v[:, 0].long()) * side + u[:, 0].long())[:, None, None]
        step = torch.arange(block)
        flat = (begin + (step[:, None] * side + step)).masked_select(inside)
        painted = self.materials.view(-1)
        if within:
            flat = flat.masked_select(_any_of(painted.index_select(0, flat), within))
        painted.index_fill_(0, flat, material)


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
