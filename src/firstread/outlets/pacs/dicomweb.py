"""An archive's DICOMweb (PS3.18): QIDO-RS finds, WADO-RS fetches, STOW-RS stores.

What goes wrong is told without addresses, which hold UIDs, and without answers, which hold values.
"""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.uid import UID

from firstread.errors import DataError, NetworkError, UsageError
from firstread.images import holds_image
from firstread.outlets.extra import missing
from firstread.outlets.pacs.quiet import quiet
from firstread.outlets.writing import save
from firstread.progress import Notice, Step

try:
    import requests
    from dicomweb_client.web import DICOMwebClient
except ModuleNotFoundError as error:
    raise missing(error) from None

PAGE = 500
"""Instances that are asked for at a time."""

ATTEMPTS = 5
_FIRST_WAIT = 0.5
_CONNECT_SECONDS, _ANSWER_SECONDS = 10, 120
_UIDS = {"study": "0020000D", "series": "0020000E", "instance": "00080018", "class": "00080016"}

Value = TypeVar("Value")


@dataclass(frozen=True)
class Archive:
    """Where an archive speaks DICOMweb.

    A user and password, or a token, are taken from the environment, where no list of processes
    shows them: `DICOMWEB_USER` and `DICOMWEB_PASSWORD`, or `DICOMWEB_TOKEN`.

    Parameters
    ----------
    url
        The root, as `http://localhost:8042/dicom-web`.
    authority
        PEM file with the archive's certificate or its issuer's, where the system doesn't know it.
    wait
        Called with the seconds to wait before another attempt.
    """

    url: str
    authority: Path | None = None
    wait: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"--dicomweb {self.url}: is no address; write as http://localhost:8042/dicom-web"
            )
        if parts.username or parts.password:
            raise UsageError(
                "--dicomweb: holds a password, which everybody on this machine can read; set "
                "DICOMWEB_USER and DICOMWEB_PASSWORD instead"
            )

    def client(self) -> DICOMwebClient:
        """Return a client; nothing is sent yet."""
        session = requests.Session()
        user, token = os.environ.get("DICOMWEB_USER"), os.environ.get("DICOMWEB_TOKEN")
        if user is not None:
            session.auth = (user, os.environ.get("DICOMWEB_PASSWORD", ""))
        elif token is not None:
            session.headers["Authorization"] = f"Bearer {token}"
        if self.authority is not None:
            session.verify = str(self.authority)
        client = DICOMwebClient(
            self.url.rstrip("/"), session, timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS)
        )
        client.set_http_retry_params(retry=False)  # Attempts are counted here.
        return client

    def attempt(self, call: Callable[[], Value]) -> Value:
        """Do what may fail for a while, several times over, longer and longer apart.

        Raises
        ------
        NetworkError
            If it fails for good, or every time.
        """
        for number in range(1, ATTEMPTS + 1):
            try:
                return call()
            except (requests.RequestException, OSError) as error:
                reason, passing = _reason(error)
            except (ValueError, KeyError, TypeError):
                reason, passing = "answers with what is no DICOMweb", False
            if not passing or number == ATTEMPTS:
                break
            self.wait(_FIRST_WAIT * 2 ** (number - 1))
        times = f" ({ATTEMPTS} attempts)" if passing else ""
        raise NetworkError(f"{self._host} {reason}{times}")

    @property
    def _host(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _reason(error: Exception) -> tuple[str, bool]:
    """Say what went wrong without quoting anything, and whether it may pass."""
    response = getattr(error, "response", None)
    if response is not None:
        code = int(response.status_code)
        if code in (401, 403):
            reason = f"lets nobody in without the right user and password (status {code}); set "
            return reason + "DICOMWEB_USER and DICOMWEB_PASSWORD, or DICOMWEB_TOKEN", False
        if code == 404:
            return "has no such address or object (status 404); check --dicomweb", False
        return f"refuses (status {code})", code in (408, 425, 429) or code >= 500
    if isinstance(error, requests.exceptions.SSLError):
        return "has no certificate that is known here; name it with --tls-ca", False
    if isinstance(error, requests.Timeout):
        return "doesn't answer in time", True
    return "can't be reached; is it running, and is the address right?", True


def parse_query(words: Sequence[str]) -> dict[str, str]:
    """Read `KEYWORD=VALUE` conditions on studies, series and instances.

    Raises
    ------
    UsageError
        If one isn't, or names no DICOM element.

    Examples
    --------
    >>> parse_query(["Modality=CR", "StudyDate=20240101-20241231"])
    {'Modality': 'CR', 'StudyDate': '20240101-20241231'}
    """
    found = {}
    for place, word in enumerate(words, start=1):
        name, is_, value = word.partition("=")
        if not is_ or not value:
            raise UsageError(f"--query {place}: is no condition; write it as Modality=CR")
        if tag_for_keyword(name) is None:
            raise UsageError(
                f"--query {place}: {name!r} is no keyword of DICOM, as Modality or BodyPartExamined"
            )
        found[name] = value
    return found


@dataclass(frozen=True)
class _Found:
    """An image in an archive, by its UIDs."""

    study: str
    series: str
    instance: str

    @property
    def file(self) -> Path:
        """Where it is kept: under hashes, so that no message which names a file names a patient."""
        names = (hashlib.sha256(uid.encode()).hexdigest()[:16] for uid in (self.study, self.series))
        name = hashlib.sha256(self.instance.encode()).hexdigest()[:16]
        return Path(*names) / f"{name}.dcm"


def pull(
    archive: Archive, out: Path, *, studies: Sequence[str] = (), query: Mapping[str, str]
) -> Iterator[Step | Notice]:
    """Fetch images; those that are there already are not fetched again.

    Yields a step an image, and a notice where there is none.

    Parameters
    ----------
    archive
        From where.
    out
        The folder for them; made where it is missing. A folder a study, and in it one a series,
        named by hashes of their UIDs.
    studies
        UIDs of studies; where there are none, `query` alone decides.
    query
        Conditions on study, series and image, as `parse_query` gives them.

    Raises
    ------
    NetworkError
        If the archive can't be reached, or refuses.
    UsageError
        If a UID is none, or there is neither a study nor a condition.
    """
    if not studies and not query:
        raise UsageError("name what to fetch, by --study UID or --query KEYWORD=VALUE")
    for place, study in enumerate(studies, start=1):
        if not UID(study).is_valid:
            raise UsageError(f"--study {place} is no UID; it has digits and dots only")
    with quiet():
        client = archive.client()
        found = [
            image
            for study in studies or (None,)
            for image in _search(archive, client, study, query)
        ]
        if not found:
            yield Notice("the archive has no images like that")
        for done, image in enumerate(found, start=1):
            path = out / image.file
            if not path.exists():
                dataset = archive.attempt(
                    lambda image=image: client.retrieve_instance(  # type: ignore[misc]
                        image.study,
                        image.series,
                        image.instance,
                        media_types=(("application/dicom", "*"),),
                    )
                )
                path.parent.mkdir(parents=True, exist_ok=True)
                save(dataset, path)
            yield Step("fetching images", done, len(found))


def _search(
    archive: Archive, client: DICOMwebClient, study: str | None, query: Mapping[str, str]
) -> Iterator[_Found]:
    offset = 0
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # That there are more, which is asked for here.
            rows = archive.attempt(
                lambda offset=offset: client.search_for_instances(  # type: ignore[misc]
                    study_instance_uid=study,
                    search_filters=dict(query),
                    limit=PAGE,
                    offset=offset,
                )
            )
        for row in rows:
            named = {name: _first(row, tag) for name, tag in _UIDS.items()}
            if holds_image(named.pop("class")):
                named["study"] = named["study"] or study or ""
                yield _Found(**named)
        offset += len(rows)
        if len(rows) < PAGE:
            return


def _first(row: Mapping[str, Mapping[str, Sequence[str]]], tag: str) -> str:
    values = row.get(tag, {}).get("Value", [])
    return str(values[0]) if values else ""


def push(archive: Archive, files: Sequence[Path]) -> Iterator[Step]:
    """Store DICOM files in an archive; yields a step a file.

    Parameters
    ----------
    archive
        Where to.
    files
        Stored one by one; one that is there already stays as it is.

    Raises
    ------
    DataError
        Naming every file that was not stored, once all have been tried.
    NetworkError
        If the archive can't be reached, or lets nobody in.
    """
    problems: list[str] = []
    with quiet():
        client = archive.client()
        for done, path in enumerate(files, start=1):
            try:
                _store(archive, client, path)
            except DataError as error:
                problems += error.problems
            yield Step("storing", done, len(files))
    if problems:
        raise DataError(problems, f"{len(files) - len(problems)} of {len(files)} files are stored.")


def _store(archive: Archive, client: DICOMwebClient, path: Path) -> None:
    try:
        dataset = dcmread(path)
    except Exception as error:  # pydicom's texts may quote values.
        raise DataError([f"{path}: can't be read as DICOM ({type(error).__name__})"]) from None
    answer = archive.attempt(lambda: client.store_instances([dataset]))
    # PS3.18 table 10.5.3-1: why it wasn't stored.
    for failed in answer.get("FailedSOPSequence") or ():
        code = int(failed.get("FailureReason", 0))
        raise DataError([f"{path}: the archive refuses it (reason {code:04X})"])
