"""The list of what was passed on: every file with its size and hash."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from firstread.errors import RunError
from firstread.seals import file_hash

MANIFEST = "manifest.json"
FORMAT = 1
"""Of the manifest; a change that older programs can't read raises it."""

MOST_BYTES = 1 << 20
"""That a manifest can have; it lists about ten files."""

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Item:
    """A file that was passed on.

    Parameters
    ----------
    bytes
        Its size.
    sha256
        64 hexadecimal digits, as `sha256sum` gives them.
    """

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What was passed on.

    Parameters
    ----------
    files
        By name.
    firstread
        The version that wrote it.
    """

    files: Mapping[str, Item]
    firstread: str

    @classmethod
    def of(cls, folder: Path, names: Iterable[str]) -> Manifest:
        """List files of a folder."""
        files = {
            name: Item((folder / name).stat().st_size, file_hash(folder / name)) for name in names
        }
        return cls(files, metadata.version("firstread"))

    def text(self) -> str:
        """Return it as JSON."""
        listed = {name: asdict(item) for name, item in self.files.items()}
        record = {"format": FORMAT, "firstread": self.firstread, "files": listed}
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, text: bytes, source: str) -> Manifest:
        """Read a manifest that came from somewhere.

        Parameters
        ----------
        text
            JSON.
        source
            Where it came from, for messages.

        Raises
        ------
        RunError
            If it is none, or of a newer firstread.
        """
        try:
            record = json.loads(text)
            form, version = record["format"], record["firstread"]
            if form == FORMAT:
                files = {str(name): Item(**item) for name, item in record["files"].items()}
                if not all(map(_plausible, files.values())):
                    raise ValueError
                return cls(files, str(version))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RunError(
                f"{source}: its {MANIFEST} is none of firstread's; name what `firstread push` wrote"
            ) from None
        raise RunError(
            f"{source}: was pushed by firstread {version} with a manifest of format {form}, and "
            f"this firstread reads {FORMAT}; upgrade firstread"
        )

    def check(self, folder: Path, name: str, source: str) -> None:
        """Compare a file that was fetched with what is listed.

        Raises
        ------
        RunError
            If it is another one.
        """
        item, found = self.files[name], file_hash(folder / name)
        if found != item.sha256:
            raise RunError(
                f"{source}: {name} is not the file that was pushed (its SHA-256 is {found[:12]}…, "
                f"and {item.sha256[:12]}… was promised): it was changed or damaged. Nothing was "
                "kept; ask who pushed it to push it again"
            )


def _plausible(item: Item) -> bool:
    return isinstance(item.bytes, int) and item.bytes >= 0 and bool(_HASH.fullmatch(item.sha256))
