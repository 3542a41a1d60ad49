"""Compressed frames are decoded in a process of their own, which can be ended.

The decoders are written in C and C++, and damaged data makes some of them run for minutes, take
gigabytes, or crash. A child process that takes too long is killed, and the next frame gets a new
one; on Linux the system also holds it to `MAX_MEMORY`. A child serves one thread at a time, stays
for the next frame, and ends when its standard input does.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

MAX_MEMORY = 4 * 2**30
"""Bytes of address space of a decoding process, where the system can limit it."""

SECONDS, SECONDS_A_MEGAPIXEL = 10.0, 1.0
"""What a frame may take, some hundred times what a sound one does."""

_LIMIT = "seconds"
_COMMAND = "from firstread.images.decoding import serve; serve()"


class DecodingError(Exception):
    """A frame can't be decoded; the text says why, as the end of a sentence."""


def decode(
    frame: bytes, options: Mapping[str, Any], megapixels: float
) -> tuple[npt.NDArray[np.generic], str]:
    """Decode one frame.

    Parameters
    ----------
    frame
        The codestream, without its encapsulation.
    options
        Of pydicom's decoders, with `transfer_syntax_uid`, `decoding_plugin` and `raw`.
    megapixels
        The frame's size, which decides how long it may take.

    Returns
    -------
    array, photometric
        Samples as integers, shape (rows, columns) or (rows, columns, 3), and what they are.

    Raises
    ------
    DecodingError
        If the decoder gives up, crashes, takes too long, or too much memory.
    """
    child = _borrowed()
    limit = SECONDS + SECONDS_A_MEGAPIXEL * megapixels
    late = threading.Event()

    def end() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(limit, end)
    timer.start()
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        _send(child.stdin, {**options, _LIMIT: limit}, frame)
        answer, data = _receive(child.stdout)
    except (OSError, EOFError):
        _end(child)
        how = f"takes more than {limit:.0f} s to decode" if late.is_set() else "crashes its decoder"
        raise DecodingError(how) from None
    except BaseException:  # Stopped by the user: the child is in the middle of something.
        _end(child)
        raise
    finally:
        timer.cancel()
    _return(child)
    if "error" in answer:
        raise DecodingError(f"can't be decoded ({answer['error']})")
    array = np.frombuffer(data, answer["dtype"]).reshape(answer["shape"])
    return array, answer["photometric"]


_idle: list[subprocess.Popen[bytes]] = []


def _borrowed() -> subprocess.Popen[bytes]:
    while True:
        try:
            child = _idle.pop()
        except IndexError:
            return _started()
        if child.poll() is None:
            return child
        _end(child)


def _return(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        _idle.append(child)
    else:
        _end(child)


def _started() -> subprocess.Popen[bytes]:
    path = os.pathsep.join(place or os.getcwd() for place in sys.path)  # noqa: PTH109
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _COMMAND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # What was still to be written finds no reader.
                continue


@atexit.register
def _end_all() -> None:
    while _idle:
        _end(_idle.pop())


def _send(pipe: IO[bytes], record: Mapping[str, Any], data: bytes | memoryview) -> None:
    head = json.dumps(record).encode()
    pipe.write(len(head).to_bytes(8, "little") + len(data).to_bytes(8, "little") + head)
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    sizes = _read(pipe, 16)
    head = _read(pipe, int.from_bytes(sizes[:8], "little"))
    return json.loads(head), _read(pipe, int.from_bytes(sizes[8:], "little"))


def _read(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data


def serve() -> None:
    """Decode what comes on standard input until it ends: what the child process runs."""
    import logging
    import warnings

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Decoders that print must not print into the answers.
    while True:
        try:
            options, frame = _receive(sys.stdin.buffer)
        except EOFError:
            return
        _limit_time(options.pop(_LIMIT) + 1)  # For when nobody is left to end this process.
        try:
            answer, data = _decoded(frame, options)
        except BaseException as error:
            answer, data = {"error": type(error).__name__}, b""
        _limit_time(0)
        _send(answers, answer, data)


def _decoded(frame: bytes, options: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    decoder = get_decoder(UID(options.pop("transfer_syntax_uid")))
    options["number_of_frames"] = 1
    array, properties = decoder.as_array(encapsulate([frame], has_bot=False), index=0, **options)
    answer = {
        "dtype": array.dtype.str,
        "shape": array.shape,
        "photometric": str(properties["photometric_interpretation"]),
    }
    return answer, np.ascontiguousarray(array).tobytes()


def _limit_time(seconds: float) -> None:
    if hasattr(signal, "setitimer"):  # Not on Windows.
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
