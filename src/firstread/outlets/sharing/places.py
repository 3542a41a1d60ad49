"""Where models are pushed to and pulled from: a hub's repository, a folder, a web server."""

from __future__ import annotations

import http.client
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from firstread.errors import FirstreadError, NetworkError, RunError, UsageError
from firstread.run import arriving

TIMEOUT_S = 20.0
_REPOSITORY = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_PIECE = 1 << 20


class Place(Protocol):
    """Somewhere that holds the files of one model."""

    @property
    def name(self) -> str:
        """As the user wrote it."""
        ...

    def fetch(self, name: str, folder: Path, most: int) -> None:
        """Bring one file into a folder, of no more than so many bytes."""
        ...

    def publish(self, folder: Path, *, public: bool = False) -> None:
        """Put all files of a folder there, or none."""
        ...


@dataclass(frozen=True)
class Folder:
    """A folder of this machine, or of a share that it has mounted.

    Parameters
    ----------
    path
        Of the folder.
    """

    path: Path

    @property
    def name(self) -> str:
        """As the user wrote it."""
        return str(self.path)

    def fetch(self, name: str, folder: Path, most: int) -> None:
        """Copy a file."""
        if not self.path.is_dir():
            raise RunError(f"{self.path}: there is no such folder to pull from; check the path")
        try:
            if (self.path / name).stat().st_size > most:
                raise _too_long(self.name, name, most)
            shutil.copyfile(self.path / name, folder / name)
        except FileNotFoundError:
            raise _absent(self.name, name) from None
        except OSError as error:
            raise RunError(f"{self.path / name}: can't be read ({error.strerror})") from None

    def publish(self, folder: Path, *, public: bool = False) -> None:
        """Copy into a new folder, all or nothing."""
        with arriving(self.path) as made:
            shutil.copytree(folder, made, dirs_exist_ok=True)


@dataclass(frozen=True)
class Web:
    """A folder of a web server, whose files can be fetched by their names.

    Parameters
    ----------
    url
        http or https.
    """

    url: str

    @property
    def name(self) -> str:
        """As the user wrote it."""
        return self.url

    def fetch(self, name: str, folder: Path, most: int) -> None:
        """Download a file, and stop where it is longer than it should be."""
        address = f"{self.url.rstrip('/')}/{quote(name)}"
        try:
            with (
                urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer,
                (folder / name).open("wb") as file,
            ):
                while piece := answer.read(_PIECE):
                    file.write(piece)
                    if file.tell() > most:
                        raise _too_long(self.url, name, most)
        except urllib.error.HTTPError as error:
            code, reason = error.code, error.reason
            error.close()
            if code in (404, 410):
                raise _absent(self.url, name) from None
            raise NetworkError(f"{address}: the server refuses ({code} {reason})") from None
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self.url, error) from None

    def publish(self, folder: Path, *, public: bool = False) -> None:
        """Refuse: the web's own ways of storing need a server made for it."""
        raise UsageError(
            f"{self.url}: nothing can be pushed to a web address; push to a folder, and put that "
            "folder on the server"
        )


@dataclass(frozen=True)
class Hub:
    """A repository of the Hugging Face hub, or of one that speaks like it (HF_ENDPOINT).

    Parameters
    ----------
    repository
        As `user/name`.
    revision
        Branch, tag or commit to pull; the main branch where empty.
    """

    repository: str
    revision: str = ""

    @property
    def name(self) -> str:
        """As the user wrote it."""
        return f"hf://{self.repository}{'@' if self.revision else ''}{self.revision}"

    def fetch(self, name: str, folder: Path, most: int) -> None:
        """Download a file, without a copy in the hub's own cache."""
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
        from huggingface_hub.errors import EntryNotFoundError

        revision = self.revision or None
        try:
            # Asked by itself: a download would try for half a minute to reach a silent hub.
            url = hf_hub_url(self.repository, name, revision=revision)
            if (get_hf_file_metadata(url, timeout=TIMEOUT_S).size or 0) > most:
                raise _too_long(self.name, name, most)
            with tempfile.TemporaryDirectory(dir=folder) as aside:
                path = hf_hub_download(self.repository, name, revision=revision, local_dir=aside)
                Path(path).replace(folder / name)
        except FirstreadError:
            raise
        except EntryNotFoundError:
            raise _absent(self.name, name) from None
        except Exception as error:  # The library's network errors have several trees.
            raise self._refused(error) from None

    def publish(self, folder: Path, *, public: bool = False) -> None:
        """Make one commit of all files, in a repository that is made private where it is new."""
        from huggingface_hub import CommitOperationAdd, HfApi

        if self.revision:
            raise UsageError(f"{self.name}: is pushed to its main branch; leave @ out")
        api = HfApi()
        try:
            api.create_repo(self.repository, private=not public, exist_ok=True)
            if not public and not api.model_info(self.repository).private:
                raise UsageError(
                    f"{self.name}: everybody can see this repository; --public says that they may"
                )
            files = [CommitOperationAdd(path.name, path) for path in sorted(folder.iterdir())]
            api.create_commit(self.repository, files, commit_message="Model pushed by firstread")
        except FirstreadError:
            raise
        except Exception as error:  # The library's network errors have several trees.
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> Exception:
        """Return what to raise for one of the hub's many errors."""
        from huggingface_hub.errors import HfHubHTTPError

        if not isinstance(error, HfHubHTTPError):
            return _unreachable(self.name, error)
        code = error.response.status_code
        if code in (401, 403, 404):
            return NetworkError(
                f"{self.name}: the hub knows no such repository, or not for you ({code}); check "
                "the name, and log in with `hf auth login` or set HF_TOKEN"
            )
        return NetworkError(f"{self.name}: the hub refuses ({_first(error)})")


def place(text: str) -> Place:
    """Return the place that a user names.

    Raises
    ------
    UsageError
        If it is none.

    Examples
    --------
    >>> place("hf://clinic/chest@v2"), place("https://example.org/chest")
    (Hub(repository='clinic/chest', revision='v2'), Web(url='https://example.org/chest'))
    """
    if text.startswith(("http://", "https://")):
        parts = urlsplit(text)
        if not parts.hostname or parts.query or parts.fragment or parts.password:
            raise UsageError(
                f"{parts.scheme}://{parts.hostname or ''}: name the folder that holds the files, "
                "as https://host/folder, without password, ? or #"
            )
        return Web(text)
    if "://" not in text:
        return Folder(Path(text))
    found = _REPOSITORY.fullmatch(text)
    if not found:
        raise UsageError(
            f"{text}: is no place for a model; write hf://user/name, https://host/folder or the "
            "name of a folder"
        )
    return Hub(found[1], found[2] or "")


def _absent(source: str, name: str) -> RunError:
    return RunError(
        f"{source}: holds no {name}, so that it is no model that `firstread push` wrote; check the "
        "name"
    )


def _too_long(source: str, name: str, most: int) -> RunError:
    return RunError(
        f"{source}: {name} is longer than the {most:,} bytes that were promised. Nothing was kept; "
        "ask who pushed it to push it again"
    )


def _unreachable(source: str, error: BaseException) -> NetworkError:
    return NetworkError(
        f"{source}: can't be reached ({_first(error)}). Try again with a network, or fetch the "
        "files elsewhere and pull from the folder that they are in"
    )


def _first(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or error
    return (str(reason) or type(error).__name__).strip().splitlines()[0]
