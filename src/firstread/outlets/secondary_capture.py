"""Results as pictures that any archive and viewer shows: Secondary Capture (PS3.3 A.8.1).

The image as firstread saw it, with the label and its probability under it, and `not for diagnosis`
burned in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from firstread.images import Display, Image, read
from firstread.outlets.answer import Answer
from firstread.outlets.extra import missing
from firstread.outlets.model import Code, Model
from firstread.outlets.source import Source, date, stand_in
from firstread.outlets.structured_report import NOT_FOR_DIAGNOSIS

try:
    from highdicom.sc import SCImage
except ModuleNotFoundError as error:
    raise missing(error) from None

SERIES_NUMBER = 9002
LEAST_WIDTH = 320
"""Pixels; smaller images are enlarged, so that the words can be read."""

_SOURCE_IMAGE = Code("121322", "DCM", "Source Image for Image Processing Operation")  # CID 7202
_OPACITY = 0.55
_LETTERS = 40
"""Of a name; more would be too small to read."""


def secondary_capture(
    source: Source,
    answer: Answer,
    model: Model,
    display: Display | None = None,
    overlay: npt.NDArray[np.floating] | None = None,
    now: datetime | None = None,
) -> Dataset:
    """Draw what a model says of an image, or of one frame of it.

    Parameters
    ----------
    source
        The image.
    answer
        What the model says.
    model
        Who answers.
    display
        The window that the model sees it through.
    overlay
        What speaks for the label and where: from 0 to 1, of any height and width; it is stretched
        over the image and shown in colour, the stronger the less transparent.
    now
        When; now, if not given.

    Returns
    -------
    dataset
        RGB, 8 bits. Its SOP instance UID is the same for the same frame and model at any time.

    Raises
    ------
    ImageError
        If the image can't be read.
    """
    shown = read(answer.path, display)
    pixels = picture(shown, answer, model, overlay)
    now = now or datetime.now()
    place = source.instance if answer.frame is None else f"{source.instance}|{answer.frame}"
    kind = "secondary capture" if overlay is None else "secondary capture with overlay"
    capture = SCImage.from_ref_dataset(
        ref_dataset=stand_in(),
        pixel_array=pixels,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),  # Of the image, below; here highdicom wants one.
        series_instance_uid=model.uid(f"series of {kind}", source.series),
        series_number=SERIES_NUMBER,
        sop_instance_uid=model.uid(kind, place),
        instance_number=source.number,
        manufacturer="firstread",
        manufacturer_model_name=model.network[:64],
        software_versions=model.version,
        device_serial_number=model.weights,
        series_description=f"firstread: {NOT_FOR_DIAGNOSIS.lower()}",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_date=now.date(),
        content_time=now.time(),
    )
    words = caption(answer, model)
    capture.ConversionType = "WSD"  # PS3.3 C.8.6.1: made by a workstation.
    date(capture, now)
    capture.BurnedInAnnotation = "YES"
    capture.ImageComments = ". ".join((words[-1], *words[:-3]))
    capture.DerivationDescription = f"firstread {model.version}, {model.network}"
    capture.SourceImageSequence = [_reference(source, answer)]
    capture.PatientOrientation = list(source.header.get("PatientOrientation") or [])
    capture.Laterality = source.header.get("Laterality") or ""
    for name in ("LossyImageCompression", "LossyImageCompressionRatio"):
        if source.header.get(name):
            setattr(capture, name, source.header.get(name))
    source.give_context(capture, "".join(words))
    return capture


def _reference(source: Source, answer: Answer) -> Dataset:
    """Refer to the image that the picture is made of (PS3.3 C.7.6.1, Source Image Sequence)."""
    purpose, reference = Dataset(), Dataset()
    purpose.CodeValue, purpose.CodeMeaning = _SOURCE_IMAGE.value, _SOURCE_IMAGE.meaning
    purpose.CodingSchemeDesignator = _SOURCE_IMAGE.scheme
    reference.ReferencedSOPClassUID = source.sop_class
    reference.ReferencedSOPInstanceUID = source.instance
    if source.frames > 1:
        reference.ReferencedFrameNumber = answer.frame or 1
    reference.PurposeOfReferenceCodeSequence = [purpose]
    return reference


def caption(answer: Answer, model: Model) -> tuple[str, ...]:
    """Return the lines under the picture; the last says that it is not for diagnosis.

    Examples
    --------
    >>> caption(
    ...     Answer(Path("film"), ("chest",), (0.97, 0.03)),
    ...     Model("RUN", "resnet18", "0.1.0", "ab12" * 16, ("chest", "abdomen"), False),
    ... )
    ('chest: 97.0 %', 'firstread 0.1.0, resnet18', 'weights ab12ab12', 'NOT FOR DIAGNOSIS')
    """
    scores = dict(zip(model.classes, answer.probabilities, strict=True))
    found = [f"{_short(label)}: {100 * scores[label]:.1f} %" for label in answer.labels]
    return (
        *(found or ["no label at one half or more"]),
        f"firstread {model.version}, {_short(model.network)}",
        f"weights {model.weights[:8]}",
        NOT_FOR_DIAGNOSIS.upper(),
    )


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"


def picture(
    image: Image,
    answer: Answer,
    model: Model,
    overlay: npt.NDArray[np.floating] | None = None,
) -> npt.NDArray[np.uint8]:
    """Draw the image with its caption, uint8, shape (H, W, 3)."""
    gray = (image.as_float() * 255).round().astype(np.uint8)
    shown = PIL.Image.fromarray(gray).convert("RGB")
    if overlay is not None:
        shown = _under(shown, overlay)
    scale = -(-LEAST_WIDTH // shown.width)  # Whole, so that every pixel stays one of equal ones.
    if scale > 1:
        shown = shown.resize(
            (shown.width * scale, shown.height * scale), PIL.Image.Resampling.NEAREST
        )
    lines = list(_fitted(caption(answer, model), shown.width))
    pad = max(4, shown.width // 60)
    heights = [pad + font.size * 1.25 for _, font in lines]
    page = PIL.Image.new("RGB", (shown.width, shown.height + int(sum(heights)) + pad))
    page.paste(shown)
    draw, top = PIL.ImageDraw.Draw(page), float(shown.height)
    for (line, font), height in zip(lines, heights, strict=True):
        last = line == lines[-1][0]
        draw.text((pad, top + pad / 2), line, fill="#ffb000" if last else "white", font=font)
        top += height
    return np.asarray(page)


def _fitted(lines: Sequence[str], width: int) -> Iterator[tuple[str, PIL.ImageFont.FreeTypeFont]]:
    """Yield lines with a font in which each fits the width."""
    import matplotlib

    # Pillow's own font lacks Greek and Cyrillic; this one comes with matplotlib.
    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    for line in lines:
        size = max(12.0, width / 22)
        font = PIL.ImageFont.truetype(file, size)
        room = 0.94 * width / max(1.0, font.getlength(line))
        yield line, font if room >= 1 else PIL.ImageFont.truetype(file, size * room)


def _under(shown: PIL.Image.Image, overlay: npt.NDArray[np.floating]) -> PIL.Image.Image:
    """Lay an overlay over a picture."""
    from matplotlib import colormaps

    strength = PIL.Image.fromarray(np.clip(overlay, 0, 1).astype(np.float32))
    stretched = np.asarray(strength.resize(shown.size, PIL.Image.Resampling.BILINEAR))
    colour = colormaps["inferno"](stretched)[..., :3] * 255
    share = _OPACITY * stretched[..., None]
    mixed = np.asarray(shown) * (1 - share) + colour * share
    return PIL.Image.fromarray(mixed.round().astype(np.uint8))
