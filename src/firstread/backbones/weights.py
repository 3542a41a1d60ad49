"""Where a backbone's weights come from: nowhere, an official download, or a file."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import huggingface_hub
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from firstread.backbones.backbone import Backbone
from firstread.backbones.catalogue import ZOO, Checkpoint, Entry, entry
from firstread.errors import WeightsError, first_line
from firstread.images import Display, Preprocessing
from firstread.seals import file_hash

TIMEOUT_S = 20.0
SHIPPED = Path(__file__).parent / "shipped"
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.")
_HUB_FILE = "model.safetensors"


@dataclass(frozen=True)
class Origin:
    """Where weights came from; saved with every model.

    Parameters
    ----------
    kind
        `none` (random), `imagenet` (official), `phantom` (came with firstread) or `file`.
    name
        The file's name, without its folder.
    sha256
        Of the file.
    licence
        As published; empty where the file doesn't say.
    """

    kind: str
    name: str = ""
    sha256: str = ""
    licence: str = ""


def build(
    name: str,
    weights: str = "none",
    *,
    stage: str = "",
    image_size: int | None = None,
    normalise: bool = True,
    neutralise: tuple[str, ...] = (),
    display: Display | None = None,
) -> tuple[Backbone, Origin]:
    """Make a backbone with its weights, and the preprocessing that these were trained under.

    Parameters
    ----------
    name
        A network of the zoo, or `timm/NAME`.
    weights
        `none` for random ones; `imagenet` for the official ones, downloaded once; `phantom` for
        those that come with firstread, learned from computed patients; else a `.safetensors`,
        `.pth` or `.pt` file in the network's published names and shapes. A JSON file of the same
        name beside it may give `mean`, `std` and `input_size`.
    stage
        The last stage to keep.
    image_size
        Side of the images in pixels, instead of the weights' own.
    normalise
        Whether to apply the weights' mean and standard deviation.
    neutralise
        Names of `NEUTRALISERS`, which are applied to every image.
    display
        The window and spacing that DICOM and NIfTI images are read at.

    Raises
    ------
    UsageError
        If the network or stage is unknown.
    WeightsError
        If the weights can't be had, are damaged, or don't fit. Nothing in a file is ever run:
        only safetensors and torch's weights-only format are read.
    """
    row = entry(name)
    path, preprocessing, origin = _resolve(row, weights)
    if image_size is not None:
        preprocessing = replace(preprocessing, size=image_size)
    if not normalise:
        preprocessing = replace(preprocessing, mean=(0.0,) * 3, std=(1.0,) * 3)
    preprocessing = replace(
        preprocessing, neutralise=neutralise, display=display or preprocessing.display
    )
    backbone = Backbone(row, preprocessing, stage)
    if path is not None:
        _load_into(backbone, _read(path), path)
    return backbone, origin


def at_hand(name: str) -> str:
    """Return the pretrained weights of a network that are on this machine, as `build` takes them.

    `imagenet` for official ones that were downloaded before, else `phantom` for those that came
    with firstread, else `none`.
    """
    row = entry(name)
    if row.checkpoint is not None and _cached(row.checkpoint) is not None:
        return "imagenet"
    return "phantom" if row.shipped else "none"


def shipped(row: Entry) -> Path:
    """Return the file of the weights that come with firstread; its record lies beside it (.json).

    Raises
    ------
    WeightsError
        If none come with it for this network.
    """
    if not row.shipped:
        some = ", ".join(other.name for other in ZOO.values() if other.shipped)
        raise WeightsError(
            f"{row.name}: no weights of computed patients come with firstread for it; take "
            f"--backbone {some}, or --weights imagenet, none or a file"
        )
    return SHIPPED / f"{row.shipped}.safetensors"


def _resolve(row: Entry, weights: str) -> tuple[Path | None, Preprocessing, Origin]:
    if weights == "none":
        return None, row.preprocessing, Origin("none")
    if weights == "imagenet":
        if row.checkpoint is None:
            raise WeightsError(
                f"{row.name}: nobody has published ImageNet weights that firstread can fetch; "
                "use --weights none or --weights FILE, or another --backbone (firstread zoo)"
            )
        path = _cached(row.checkpoint) or _download(row.checkpoint)
        licence = row.checkpoint.licence
        origin = Origin("imagenet", path.name, file_hash(path), licence)
        return path, row.checkpoint.preprocessing, origin
    if weights == "phantom":
        path = shipped(row)
        return path, _beside(path, row.preprocessing), origin_of(path)
    path = Path(weights)
    if not path.is_file():
        raise WeightsError(
            f"{weights}: no such file; --weights takes imagenet, phantom, none or a file"
        )
    return path, _beside(path, row.preprocessing), Origin("file", path.name, file_hash(path))


def origin_of(path: Path) -> Origin:
    """Check weights that came with firstread against their card's hash; say what the card says.

    Raises
    ------
    WeightsError
        If the file isn't the one of the card, as after a damaged installation.
    """
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    found = file_hash(path)
    if found != record["sha256"]:
        raise WeightsError(
            f"{path}: not the file that came with firstread (its hash is {found[:12]}..., and "
            f"{record['sha256'][:12]}... is on its card); install firstread again"
        )
    return Origin("phantom", path.name, found, record["licence"])


def _beside(path: Path, default: Preprocessing) -> Preprocessing:
    """Read the preprocessing from the JSON file beside a checkpoint, where there is one."""
    record = path.with_suffix(".json")
    if not record.is_file():
        return default
    try:
        fields: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        mean, std = fields.get("mean", default.mean), fields.get("std", default.std)
        # Written as a number, a list, or a sentence with numbers: the one nearest to the
        # network's usual size is meant.
        numbers = re.findall(r"\d+", json.dumps(fields.get("input_size", default.size)))
        sizes = [int(number) for number in numbers if int(number) >= 16]
        size = min(sizes or [default.size], key=lambda s: abs(s - default.size))
        red, green, blue = map(float, mean)
        spread = tuple(map(float, std))
        if len(spread) != 3 or min(spread) <= 0:
            raise ValueError("std must be three positive numbers")
    except (ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{record}: can't be read as the record of {path.name} ({error}); "
            'it should hold {"mean": [r, g, b], "std": [r, g, b], "input_size": 224}'
        ) from None
    return Preprocessing(size, (red, green, blue), (spread[0], spread[1], spread[2]))


def _cached(checkpoint: Checkpoint) -> Path | None:
    if checkpoint.hub:
        found = huggingface_hub.try_to_load_from_cache(checkpoint.hub, _HUB_FILE)
        return Path(found) if isinstance(found, str) else None
    path = _cache_path(checkpoint.url)
    return path if path.is_file() else None


def _cache_path(url: str) -> Path:
    """Return torch's own place for a checkpoint, so that what torchvision fetched serves too."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]


def _download(checkpoint: Checkpoint) -> Path:
    """Fetch official weights with a progress bar, and check their hash."""
    source = checkpoint.url or f"https://huggingface.co/{checkpoint.hub}/{_HUB_FILE}"
    try:
        with _impatient():
            return _from_hub(checkpoint.hub) if checkpoint.hub else _from_url(checkpoint.url)
    except RuntimeError as error:
        raise WeightsError(f"{source}: the download is damaged ({error}); try again") from None
    except Exception as error:  # Each library has its own tree of network errors.
        raise WeightsError(
            f"{source}: can't be downloaded ({first_line(error)}). On a machine with a network, "
            "fetch that file and bring it here: --weights FILE takes it. --weights none needs no "
            "file"
        ) from None


@contextmanager
def _impatient() -> Iterator[None]:
    """Give up on a silent network: torch.hub itself would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _from_url(url: str) -> Path:
    path = _cache_path(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    digits = _HASH_IN_NAME.search(path.name)
    torch.hub.download_url_to_file(
        url, str(path), digits.group(1) if digits else None, progress=sys.stderr.isatty()
    )
    return path


def _from_hub(repository: str) -> Path:
    location = huggingface_hub.hf_hub_url(repository, _HUB_FILE)
    published = huggingface_hub.get_hf_file_metadata(location, timeout=TIMEOUT_S).etag
    path = Path(huggingface_hub.hf_hub_download(repository, _HUB_FILE))
    # The hub's tag of a large file is its SHA-256.
    if published and len(published) == 64 and published != file_hash(path):
        path.unlink()
        raise RuntimeError(f"its hash is not the published {published}")
    return path


def _read(path: Path) -> Mapping[str, Tensor]:
    """Read a state dict; nothing that the file holds is run."""
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"{path}: damaged or no safetensors file ({error})") from None
    except Exception as error:  # Zip, pickle and torch errors of every kind.
        raise WeightsError(
            f"{path}: can't be read as weights alone ({first_line(error)}); firstread takes "
            ".safetensors, and .pth or .pt files that hold a state dict and no code"
        ) from None
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{path}: holds no state dict; save model.state_dict() and take that")
    return state


def _load_into(backbone: Backbone, state: Mapping[str, Tensor], path: Path) -> None:
    """Copy a published state dict into a backbone; its top, which was dropped, is passed over."""
    wanted = backbone.network.state_dict()
    aux = tuple(f"{name}." for name in backbone.entry.aux.values())
    for key, tensor in wanted.items():
        if key not in state:
            # Some publishers leave the auxiliary classifiers out; theirs are made new anyway.
            if key.startswith(aux) or key.endswith("num_batches_tracked"):
                continue
            raise WeightsError(
                f"{path}: these are not weights of {backbone.entry.name}: "
                f"{key} is missing (the file begins with {next(iter(state), 'nothing')})"
            )
        if state[key].shape != tensor.shape:
            raise WeightsError(
                f"{path}: these weights don't fit {backbone.entry.name}: {key} has the shape "
                f"{tuple(state[key].shape)} there and {tuple(tensor.shape)} in the network"
            )
    backbone.network.load_state_dict(
        {key: state.get(key, tensor) for key, tensor in wanted.items()}
    )
