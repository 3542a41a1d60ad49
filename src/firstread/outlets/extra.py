"""Libraries that only some outlets need."""

from __future__ import annotations

from firstread.errors import InstallError


def missing(error: ModuleNotFoundError) -> InstallError:
    """Build the error for a library of the extra `dicom` that isn't installed.

    Examples
    --------
    >>> print(missing(ModuleNotFoundError(name="highdicom.sr")))
    highdicom is not installed; DICOM results and networks need it: pip install 'firstread[dicom]'
    """
    library = (error.name or "a library").split(".")[0].replace("_", "-")
    return InstallError(
        f"{library} is not installed; DICOM results and networks need it: "
        "pip install 'firstread[dicom]'"
    )
