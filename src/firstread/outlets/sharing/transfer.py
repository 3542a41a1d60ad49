"""Passing a run's model on, and taking one in."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from firstread.classifier import Classifier
from firstread.errors import RunError
from firstread.outlets.sharing.manifest import MANIFEST, MOST_BYTES, Manifest
from firstread.outlets.sharing.parcel import NAMES, NEEDED, pack
from firstread.outlets.sharing.places import place
from firstread.progress import Step
from firstread.run import Run, arriving
from firstread.seals import file_hash


@dataclass(frozen=True)
class Passed:
    """What was pushed or pulled.

    Parameters
    ----------
    manifest
        Its files.
    sha256
        Of the manifest: whoever knows it can tell that all files are the ones that were pushed.
    """

    manifest: Manifest
    sha256: str

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(item.bytes for item in self.manifest.files.values())


def pushing(
    run: str | Path, to: str, *, license: str = "", public: bool = False
) -> Generator[Step, None, Passed]:
    """Put a run's model, its figures and its card somewhere; yield steps.

    Parameters
    ----------
    run
        A finished run folder.
    to
        `hf://user/name` or a folder to make.
    license
        Of the model, as the hub names licences: `apache-2.0`, `cc-by-4.0`, ...
    public
        Whether everybody may see a hub's repository.

    Raises
    ------
    FirstreadError
        If the run has no sound model, or the place can't be had.
    """
    opened, there = Run.open(run), place(to)
    yield Step("packing", 0, 2)
    with tempfile.TemporaryDirectory() as folder:
        manifest = pack(opened, Path(folder), license, to if to.startswith("hf://") else "")
        sha256 = file_hash(Path(folder) / MANIFEST)
        yield Step("sending", 1, 2)
        there.publish(Path(folder), public=public)
    yield Step("sending", 2, 2)
    return Passed(manifest, sha256)


def pulling(source: str, out: str | Path, *, sha256: str = "") -> Generator[Step, None, Passed]:
    """Bring a model here, check it, and only then put it in its place; yield steps.

    Of all that lies there, the files of `parcel.NAMES` alone are fetched: weights as safetensors,
    JSON, and the card. Nothing of them is run.

    Parameters
    ----------
    source
        `hf://user/name`, `hf://user/name@revision`, http(s)://host/folder or a folder.
    out
        A run folder to make.
    sha256
        What `firstread push` printed, where that is known.

    Raises
    ------
    FirstreadError
        If it can't be had, isn't what was pushed, or is of a newer firstread; `out` isn't there
        then.
    """
    there = place(source)
    with arriving(Path(out)) as made:
        there.fetch(MANIFEST, made, MOST_BYTES)
        found = file_hash(made / MANIFEST)
        if sha256 and found != sha256.lower():
            raise RunError(
                f"{source}: is not the model that you ask for (the SHA-256 of its {MANIFEST} is "
                f"{found[:12]}…, not {sha256[:12]}…). Nothing was kept; ask who pushed it"
            )
        manifest = Manifest.parse((made / MANIFEST).read_bytes(), source)
        missing = [name for name in NEEDED if name not in manifest.files]
        if missing:
            raise RunError(
                f"{source}: its {MANIFEST} lists no {missing[0]}, so that it is no model"
            )
        wanted = [name for name in NAMES if name in manifest.files]
        for done, name in enumerate(wanted):
            yield Step(f"fetching {name}", done, len(wanted))
            there.fetch(name, made, manifest.files[name].bytes)
            manifest.check(made, name, source)
        yield Step("checking", len(wanted), len(wanted))
        try:
            Classifier.load(made)
        except RunError as error:
            raise RunError(str(error).replace(str(made), source)) from None
    return Passed(manifest, found)
