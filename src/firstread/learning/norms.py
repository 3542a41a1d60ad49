"""Batch norm over a batch whose parts are in several processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.distributed
from torch import Tensor
from torch.overrides import TorchFunctionMode


class SharedNorms(TorchFunctionMode):
    """Within it, batch norms that learn take mean and variance over the parts in all processes.

    As torch's `SyncBatchNorm` does on GPUs alone and for its own class of layers; here on any
    device, and for every layer that calls `torch.nn.functional.batch_norm`, timm's among them.
    """

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Stand in for `batch_norm` in training mode."""
        if func is not torch.nn.functional.batch_norm:
            return func(*args, **(kwargs or {}))
        return _batch_norm(*args, **(kwargs or {}))


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Do as `torch.nn.functional.batch_norm`, over all parts of the batch."""
    known = (running_mean, running_var, weight, bias)
    if not training:
        return torch.nn.functional.batch_norm(input, *known, False, momentum, eps)
    x = input.float()
    axes = [axis for axis in range(x.ndim) if axis != 1]
    one = [1, -1, *[1] * (x.ndim - 2)]
    here = x.new_tensor([x.numel() / x.shape[1]])
    sums = _sum(torch.cat([x.sum(axes), here]))
    count = sums[-1].detach()
    mean = sums[:-1] / count
    centred = x - mean.view(one)
    # Not the mean of squares less the square of the mean: that cancels digits.
    squares = _sum(centred.square().sum(axes))
    variance = squares / count
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean.detach().to(running_mean.dtype), momentum)
            unbiased = variance.detach() * (count / (count - 1))
            running_var.lerp_(unbiased.to(running_var.dtype), momentum)
    y = centred * torch.rsqrt(variance + eps).view(one)
    if weight is not None:
        y = y * weight.view(one)
    if bias is not None:
        y = y + bias.view(one)
    return y.to(input.dtype)


class _Sum(torch.autograd.Function):
    """The sum over the processes; on the way back, that of the gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return _summed(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _summed(gradients[0])


def _sum(values: Tensor) -> Tensor:
    summed: Tensor = _Sum.apply(values)
    return summed


def _summed(values: Tensor) -> Tensor:
    summed = values.clone()
    torch.distributed.all_reduce(summed)
    return summed
