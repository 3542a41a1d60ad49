"""Libraries that only some outlets need."""

from __future__ import annotations

from firstread.errors import InstallError


def missing(
    error: ModuleNotFoundError,
    extra: str = "dicom",
    need: str = "DICOM results and networks need it",
) -> InstallError:
    """Build the error for a library of an extra that isn't installed.

    Parameters
    ----------
    error
        What importing it raised.
    extra
        The extra that brings it.
    need
        Who needs it, for the message.

    Examples
    --------
    >>> print(missing(ModuleNotFoundError(name="highdicom.sr")))
    highdicom is not installed; DICOM results and networks need it: pip install 'firstread[dicom]'
    """
    library = (error.name or "a library").split(".")[0].replace("_", "-")
    return InstallError(f"{library} is not installed; {need}: pip install 'firstread[{extra}]'")
