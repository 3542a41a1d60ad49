"""How images that carry measured values are to be shown: the choice of window and of scale."""

from __future__ import annotations

from dataclasses import dataclass

from firstread.errors import UsageError

FIRST, FULL, PERCENTILE = "first", "full", "percentile"

_WINDOW_ADVICE = (
    "write first, full, percentile, a centre and width as 40,400, or the name of a window"
)


@dataclass(frozen=True)
class Display:
    """What the user wants to see of an image whose values are measurements.

    Parameters
    ----------
    window
        `first`: the first VOI LUT or window of the file; where it has none, 8 bits are shown as
        they are, and more from the least to the greatest value in the image. `full`: all values
        that the bits of the file can hold. `percentile`: from the 1st to the 99th percentile of
        the image. `C,W`: from C - W/2 to C + W/2 in the units of the file (Hounsfield units for
        CT). Any other text is the name of a window in the file, or of a customary window for CT.
    spacing
        Millimetres a pixel that images are resampled to, or None to leave them.

    Raises
    ------
    UsageError
        If the window is empty or its width isn't above 0, or the spacing isn't from 0.01 to 100.

    Examples
    --------
    >>> Display("40,400").typed
    (40.0, 400.0)
    """

    window: str = FIRST
    spacing: float | None = None

    def __post_init__(self) -> None:
        typed = self.typed
        if not self.window.strip():
            raise UsageError(f"--window is empty; {_WINDOW_ADVICE}")
        if typed is not None and not (0 < typed[1] < 1e9 and abs(typed[0]) < 1e9):
            raise UsageError(f"--window {self.window}: the width must be above 0; {_WINDOW_ADVICE}")
        if self.spacing is not None and not 0.01 <= self.spacing <= 100:
            raise UsageError(f"--spacing {self.spacing}: write millimetres a pixel, 0.01 to 100")

    @property
    def typed(self) -> tuple[float, float] | None:
        """Centre and width, where the window is two numbers."""
        try:
            centre, width = map(float, self.window.split(","))
        except ValueError:
            return None
        return centre, width
