"""Processes that train one network together, each on its part of every batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed
from torch import Tensor, nn

from firstread.learning.norms import SharedNorms


@dataclass(frozen=True)
class Team:
    """Who trains a network; by itself one process, to which the others are nothing.

    A batch is the same whoever trains: it is cut into as many parts as there are processes, and
    what each makes of its part is summed. So any number of them does the same training, but for
    the order in which floating-point numbers are added.

    Parameters
    ----------
    rank
        This process's number, from 0.
    size
        How many there are.
    """

    rank: int = 0
    size: int = 1

    def own(self, count: int) -> slice:
        """Return this process's part of a batch of some images; parts differ by one at most."""
        least, more = divmod(count, self.size)
        first = self.rank * least + min(self.rank, more)
        return slice(first, first + least + (self.rank < more))

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over the processes into tensors of one device and format."""

    def take_over(self, network: nn.Module) -> None:
        """Take the numbers of the first process's network over."""

    def together(self) -> AbstractContextManager[object]:
        """Return the context of a forward pass: its batch norms see the whole batch."""
        return nullcontext()

    def any(self, said: bool) -> bool:
        """Say whether any process says so."""
        return said


ALONE = Team()


@dataclass(frozen=True)
class Group(Team):
    """The processes of torch's default process group.

    Parameters
    ----------
    device
        That messages are sent from.
    """

    device: str = "cpu"

    @classmethod
    def joined(cls, device: str) -> Team:
        """Return the group that this process has joined; `ALONE` where it is the only one."""
        size = torch.distributed.get_world_size()
        return cls(torch.distributed.get_rank(), size, device) if size > 1 else ALONE

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over the processes into tensors of one device and format.

        In one message: layers thaw from epoch to epoch, so that what is sent differs, and many
        small messages would each wait for the slowest process.
        """
        joined = torch.cat([tensor.reshape(-1) for tensor in tensors]).to(self.device)
        torch.distributed.all_reduce(joined)
        _put(tensors, joined)

    def take_over(self, network: nn.Module) -> None:
        """Take the numbers of the first process's network over.

        They are equal where the machines are; processors of two kinds may round differently.
        """
        kinds: dict[torch.dtype, list[Tensor]] = {}
        for tensor in (*network.parameters(), *network.buffers()):
            kinds.setdefault(tensor.dtype, []).append(tensor.detach())
        for tensors in kinds.values():
            joined = torch.cat([tensor.reshape(-1) for tensor in tensors]).to(self.device)
            torch.distributed.broadcast(joined, 0)
            _put(tensors, joined)

    def together(self) -> AbstractContextManager[object]:
        """Return the context of a forward pass: its batch norms see the whole batch."""
        return SharedNorms()

    def any(self, said: bool) -> bool:
        """Say whether any process says so."""
        count = torch.tensor(float(said))
        self.sum([count])
        return bool(count > 0)


def _put(tensors: Iterable[Tensor], joined: Tensor) -> None:
    """Take one long tensor apart, into others."""
    first = 0
    for tensor in tensors:
        tensor.copy_(joined[first : first + tensor.numel()].view_as(tensor))
        first += tensor.numel()
