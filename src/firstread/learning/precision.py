"""Which device and number format to train in, by measurement."""

from __future__ import annotations

import time

import torch

from firstread.errors import UsageError

FASTER = 1.1
"""bfloat16 must win by this factor to be taken: it costs digits."""


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


def choose_precision(asked: str, device: str) -> str:
    """Return `float32` or `bfloat16`.

    For `auto`, bfloat16 is taken where the processor has instructions for it and a short
    measurement on a convolution, forward and backward, shows that it is faster. On a processor
    without them bfloat16 is emulated and many times slower, so there it isn't even tried.

    Parameters
    ----------
    asked
        `auto`, `float32` or `bfloat16`.
    device
        As torch names it.
    """
    if asked != "auto":
        return asked
    if not _has_bfloat16(device):
        return "float32"
    return "bfloat16" if _seconds(device, False) > FASTER * _seconds(device, True) else "float32"


def _has_bfloat16(device: str) -> bool:
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device != "cpu":
        return False
    # Without a public name so far; an older torch that lacks one hasn't the kernels either.
    tests = ("_is_amx_tile_supported", "_is_avx512_bf16_supported", "_is_arm_sve_supported")
    return any(getattr(torch.cpu, test, lambda: False)() for test in tests)


def _seconds(device: str, bfloat16: bool) -> float:
    """Time a convolution's training step; the best of three after a warm-up."""
    with torch.random.fork_rng():
        layer = torch.nn.Conv2d(64, 64, 3, padding=1).to(device)
    layer = layer.to(memory_format=torch.channels_last)
    images = torch.ones(4, 64, 32, 32, device=device).to(memory_format=torch.channels_last)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=bfloat16):
            loss = layer(images).float().sum()
        torch.autograd.backward(loss)
        float(loss.detach())  # Waits for a GPU.
        times.append(time.perf_counter() - start)
    return min(times[1:])
