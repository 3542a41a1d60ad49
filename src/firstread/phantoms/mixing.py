"""An endless stream of mixed pictures, each block of batches drawn from its own number."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial

import torch
from torch.utils.data import DataLoader, Dataset

from firstread.errors import UsageError, unknown
from firstread.phantoms import (
    abdomen,
    chest,
    foot,
    formulas,
    hand,
    knee,
    shoulder,
    skull,
    slices,
    spines,
)
from firstread.phantoms.truth import Phantoms, gather

Draw = Callable[[int, int, torch.Generator], Phantoms]
DRAWS: Mapping[str, Draw] = {
    "chest": chest.draw,
    "abdomen": abdomen.draw_abdomen,
    "pelvis": abdomen.draw_pelvis,
    "cervical_spine": spines.draw_cervical,
    "lumbar_spine": spines.draw_lumbar,
    "skull": skull.draw,
    "shoulder": shoulder.draw,
    "hand": hand.draw,
    "knee": knee.draw,
    "foot": foot.draw,
    **{name: partial(slices.draw, name) for name in slices.EXAMINATIONS},
    "fractal": formulas.fractal,
    "contours": formulas.contours,
    "texture": formulas.texture,
}
"""Each family with the function that draws n pictures of a size from a generator."""

TOGETHER, BLOCK = 8, 1024
"""How many batches a stream draws at once, if they are no more pictures than this."""


def mixed(
    seed: int, number: int, count: int, size: int = 128, without: Collection[str] = ()
) -> Phantoms:
    """Draw one batch of pictures of all families, mixed.

    Parameters
    ----------
    seed, number
        Of the stream, and of the batch in it; the same two give the same pixels.
    count
        How many pictures.
    size
        Their side in pixels.
    without
        Families to leave out.

    Raises
    ------
    UsageError
        If a family is unknown, or none is left.

    Examples
    --------
    >>> mixed(seed=0, number=3, count=4, size=64).pixels.shape
    torch.Size([4, 1, 64, 64])
    """
    for name in without:
        if name not in DRAWS:
            raise unknown("family", name, DRAWS)
    families = [name for name in DRAWS if name not in without]
    if not families:
        raise UsageError("every family is left out; leave one in")
    _keep_freed_memory()
    generator = torch.Generator().manual_seed(_mix(seed, number))
    chosen = torch.randint(len(families), (count,), generator=generator)
    numbers = torch.bincount(chosen, minlength=len(families)).tolist()
    parts = [
        DRAWS[name](n, size, generator) for name, n in zip(families, numbers, strict=True) if n
    ]
    return gather(parts).pick(torch.randperm(count, generator=generator))


def stream(
    seed: int,
    first: int,
    last: int,
    *,
    count: int,
    size: int = 128,
    without: Collection[str] = (),
    workers: int = 0,
) -> Iterator[Phantoms]:
    """Yield the batches of a stream by their numbers, from `first` up to but without `last`.

    Parameters
    ----------
    seed, count, size, without
        As `mixed` takes them.
    workers
        Processes that compute pictures ahead; the pictures are the same with any number of them.

    Notes
    -----
    Several batches are drawn at once and handed out one by one: a family costs half as much a
    picture where 50 are drawn as where 6 are. A batch is that of its number wherever the stream
    begins.
    """
    together = max(min(TOGETHER, BLOCK // count), 1)
    blocks = _Blocks(
        range(first // together, -(-last // together)),
        *(seed, count * together, size, tuple(without)),
    )
    drawn = DataLoader(
        blocks,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=1 if workers else None,
        generator=torch.Generator(),  # Else it would draw from torch's own, which is the caller's.
    )
    for number, block in zip(blocks.numbers, drawn, strict=True):
        for place in range(together):
            if first <= number * together + place < last:
                yield block.pick(slice(place * count, (place + 1) * count))


class _Blocks(Dataset[Phantoms]):
    """Blocks of batches by their place, so that processes can share them out."""

    def __init__(
        self, numbers: range, seed: int, count: int, size: int, without: tuple[str, ...]
    ) -> None:
        self.numbers = numbers
        self.given = count, size, without
        self.seed = seed

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> Phantoms:
        return mixed(self.seed, self.numbers[place], *self.given)


def _keep_freed_memory() -> None:
    """Have the C library keep up to 64 MB of what is freed, as it would after a while anyway.

    Drawing frees and asks for a few megabytes some hundred times. By default glibc gives them back
    to the system each time, and a fifth of the time goes into fresh pages. Once it has seen a
    block of just under 32 MB freed it keeps twice as much (`M_MMAP_THRESHOLD` in mallopt(3)).
    """
    torch.empty(31 << 20, dtype=torch.uint8)


def _mix(seed: int, number: int) -> int:
    """Return one seed for the two numbers, far from its neighbours'."""
    # Steps of the golden ratio: consecutive numbers fall far apart (Weyl's sequence).
    return (seed * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03 + 1) % 2**63
