"""A trained network as two files: weights as safetensors, everything else as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from firstread.backbones import Backbone, Network, assemble, entry
from firstread.errors import RunError, UsageError, first_line
from firstread.images import Preprocessing, check_choice, neutralisers
from firstread.run import MODEL, WEIGHTS
from firstread.seals import file_hash, is_whole, sealed

FORMAT = 2
"""Of the two files; a change that older programs can't read raises it."""

_SAID = ("head", "classes", "multilabel", "slices", "origin")
"""What a record holds besides the network."""

_CHANGED = "was changed after it was saved: its SHA-256 is another"


def write(folder: Path, network: Network, said: Mapping[str, Any]) -> None:
    """Write a network, and what is said of it.

    The JSON holds the SHA-256 of the weights and of itself, so that nobody can change a weight
    or the order of the classes unnoticed.

    Parameters
    ----------
    folder
        Where to; files of the same names are replaced.
    network
        On any device.
    said
        As JSON can hold it: head, classes, multilabel, slices and origin.
    """
    backbone = network.backbone
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    safetensors.torch.save_file(state, folder / WEIGHTS)
    record = {
        "format": FORMAT,
        "firstread": metadata.version("firstread"),
        "backbone": backbone.entry.name,
        "stage": backbone.stage,
        **said,
        "preprocessing": asdict(backbone.preprocessing),
        "weights": file_hash(folder / WEIGHTS),
    }
    text = json.dumps(sealed(record), indent=2, ensure_ascii=False) + "\n"
    (folder / MODEL).write_text(text, encoding="utf-8")


def read(folder: Path) -> tuple[Network, dict[str, Any]]:
    """Read what `write` wrote: the network in inference mode, and what is said of it.

    Nothing in the files is ever run.

    Raises
    ------
    RunError
        If the files are missing, damaged, changed by hand, or of a newer firstread.
    """
    try:
        record = json.loads((folder / MODEL).read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            way = "upgrade firstread" if record["format"] > FORMAT else "train it again"
            by = f" (of firstread {record['firstread']})" if "firstread" in record else ""
            raise RunError(
                f"{folder}: the model is of format {record['format']}{by}, and this firstread "
                f"reads {FORMAT}; {way}"
            )
        if not is_whole(record):
            raise ValueError(f"{MODEL} {_CHANGED}")
        if record["weights"] != file_hash(folder / WEIGHTS):
            raise ValueError(f"{WEIGHTS} {_CHANGED}")
        if record["slices"]:
            check_choice(record["slices"])
        network = _rebuilt(record)
        network.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
        return network.eval(), {name: record[name] for name in _SAID}
    except FileNotFoundError as error:
        raise RunError(f"{folder}: holds no model ({Path(error.filename).name})") from None
    except (
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        UsageError,
        safetensors.SafetensorError,
    ) as e:
        raise RunError(
            f"{folder}: the model's files are damaged ({first_line(e)}); copy them again from "
            "where they were trained, or train again"
        ) from None


def _rebuilt(record: Mapping[str, Any]) -> Network:
    """Make the network of a record, with weights still to come."""
    preprocessing = Preprocessing.of(record["preprocessing"])
    neutralisers(",".join(preprocessing.neutralise))  # Refuses those that aren't known.
    with torch.random.fork_rng(devices=[]):
        backbone = Backbone(entry(record["backbone"]), preprocessing, record["stage"])
        network = assemble(backbone, record["head"], len(record["classes"]))
    return network.to(memory_format=torch.channels_last)
