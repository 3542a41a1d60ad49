"""Libraries that only some outlets need."""

from __future__ import annotations

from firstread.errors import InstallError

_NEEDED = {"dicom": "DICOM results and networks need it", "serve": "firstread serve needs it"}


def missing(error: ModuleNotFoundError, extra: str = "dicom") -> InstallError:
    """Build the error for a library of an extra that isn't installed.

    Parameters
    ----------
    error
        What importing it raised.
    extra
        The extra's name, `dicom` or `serve`.

    Examples
    --------
    >>> print(missing(ModuleNotFoundError(name="highdicom.sr")))
    highdicom is not installed; DICOM results and networks need it: pip install 'firstread[dicom]'
    """
    library = (error.name or "a library").split(".")[0].replace("_", "-")
    return InstallError(
        f"{library} is not installed; {_NEEDED[extra]}: pip install 'firstread[{extra}]'"
    )
