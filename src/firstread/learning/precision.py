"""Which device and number format to compute in, by measurement."""

from __future__ import annotations

import math
import time

import torch
from torch import nn

from firstread.errors import UsageError

FASTER = 1.3
"""bfloat16 must win by this factor to be taken: it costs digits, and a choice by a hair would
not be the same twice."""

_IMAGES = 4
_TIMES = 2


def choose_device(asked: str) -> str:
    """Return the device to train on; the best there is for `auto`.

    Raises
    ------
    UsageError
        If this machine lacks the device asked for.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if asked == "auto":
        return next(name for name, present in there.items() if present)
    if not there.get(asked.split(":")[0], False):
        present = ", ".join(name for name, has in there.items() if has)
        raise UsageError(f"--device {asked}: this machine has no such device; it has {present}")
    return asked


def choose_precision(
    asked: str, device: str, network: nn.Module, size: int, *, training: bool
) -> str:
    """Return `float32`, `bfloat16`, or what else was asked for.

    For `auto`, bfloat16 is taken where the processor has instructions for it and a short
    measurement on the network itself shows that it is faster. Some layers are many times slower
    in it, depth-wise convolutions on CPUs for instance, so one layer can't stand for all; and on a
    processor without the instructions it is emulated, so there it isn't even tried.

    Parameters
    ----------
    asked
        `auto`, or a format.
    device
        As torch names it.
    network
        Takes images in [0, 1], shape (B, 3, S, S). Stays as it is, on its own device.
    size
        Of the images, in pixels.
    training
        Whether to measure a training step, forward and backward, or a forward pass in inference.
    """
    if asked != "auto":
        return asked
    if not has_bfloat16(device):
        return "float32"
    home = next(network.parameters()).device
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    plain = _seconds(network, size, device, False, training)
    half = _seconds(network, size, device, True, training, worst=plain)
    network.to(home)
    return "bfloat16" if plain > FASTER * half else "float32"


def has_bfloat16(device: str) -> bool:
    """Say whether a device has instructions for bfloat16."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device != "cpu":
        return False
    # Without a public name so far; an older torch that lacks one hasn't the kernels either.
    tests = ("_is_amx_tile_supported", "_is_avx512_bf16_supported", "_is_arm_sve_supported")
    return any(getattr(torch.cpu, test, lambda: False)() for test in tests)


def _seconds(
    network: nn.Module,
    size: int,
    device: str,
    bfloat16: bool,
    training: bool,
    worst: float = math.inf,
) -> float:
    """Time a pass; the best of two after a warm-up, or the warm-up's where that is hopeless."""
    state = network.training
    network.eval()  # No batch norm may learn from this.
    images = torch.full((_IMAGES, 3, size, size), 0.5, device=device)
    times: list[float] = []
    for _ in range(1 + _TIMES):
        start = time.perf_counter()
        with torch.set_grad_enabled(training):
            with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=bfloat16):
                answer = network(images).float().sum()
            if training:
                torch.autograd.backward(answer)
        float(answer.detach())  # Waits for a GPU.
        times.append(time.perf_counter() - start)
        if times[0] > 20 * worst:
            break
    network.zero_grad()
    network.train(state)
    return min(times[1:] or times)
