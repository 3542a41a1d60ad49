"""Label images with the ONNX file of the same name: python NAME.py IMAGE...

Needs numpy, onnxruntime and Pillow, and pydicom for DICOM; nothing else. The graph takes pixels as
displayed, at the image's own size, and does the rest: resizing, normalising, network, softmax.

    import model
    session = model.session("model.onnx")    # or model.int8.onnx, where there is one
    model.probabilities(session, model.read("film.png", session))   # one a class
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps

SHA256 = ()
"""Of the files that this page was written for."""


def session(path: Any) -> Any:
    """Open a model, if it is one that this page was written for."""
    import onnxruntime

    data = Path(path).read_bytes()
    if SHA256 and hashlib.sha256(data).hexdigest() not in SHA256:
        raise SystemExit(f"{path}: was changed after it was exported (its SHA-256 is another)")
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


def about(session: Any) -> dict[str, Any]:
    """Return what the file says of itself: classes, card, figures, window, and more."""
    held = session.get_modelmeta().custom_metadata_map
    return {name: json.loads(value) for name, value in held.items()}


def probabilities(session: Any, image: Any) -> Any:
    """Return the probability of each class of one image, as `firstread predict` gives it.

    Ask for "calibrated" instead, and they are tempered as the validation images would have it.
    """
    image = image[..., None] if image.ndim == 2 else image
    deep = "16" in session.get_inputs()[0].type
    if image.dtype == np.uint16 and not deep:
        raise ValueError("the image has 16 bits, and this file was exported for 8")
    if image.dtype == np.uint8 and deep:
        image = image.astype(np.uint16) * 257
    return session.run(["probabilities"], {"pixels": image[None]})[0][0]


def read(path: Any, session: Any) -> Any:
    """Return an image as displayed: uint8 or uint16, shape (H, W) or (H, W, 3)."""
    display = about(session)["display"]
    with Path(path).open("rb") as file:
        start = file.read(132)
    if start[128:] == b"DICM":
        return read_dicom(path, display["window"], display["spacing"])
    if display["spacing"]:
        raise ValueError(f"{path}: says nothing of its pixels' size in millimetres")
    return read_picture(path)


def read_picture(path: Any) -> Any:
    """Read PNG, JPEG, TIFF or BMP."""
    with PIL.Image.open(path) as opened:
        picture = PIL.ImageOps.exif_transpose(opened)
    if picture.mode == "F" or picture.mode.startswith("I"):
        values = np.asarray(picture).astype(float)
        span = (values.max() - values.min()) or 1.0
        return np.rint((values - values.min()) / span * 65535).astype(np.uint16)
    if picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))
    if picture.has_transparency_data:
        black = PIL.Image.new("RGBA", picture.size, "black")
        picture = PIL.Image.alpha_composite(black, picture.convert("RGBA"))
    return np.asarray(picture.convert("RGB"))


def read_dicom(path: Any, window: str, spacing: Any) -> Any:
    """Read a single gray or RGB frame through a window (DICOM PS3.4 N.2)."""
    import pydicom
    from pydicom.pixels.processing import apply_modality_lut
    from pydicom.pixels.utils import pixel_array

    header = pydicom.dcmread(path)
    if int(header.get("NumberOfFrames") or 1) > 1 or "ModalityLUTSequence" in header:
        raise ValueError(f"{path}: this page reads one frame, without a modality LUT")
    if header.SamplesPerPixel == 3:
        image = pixel_array(header)
    else:
        stored = pixel_array(header)
        values = apply_modality_lut(stored, header).astype(float)
        gray = windowed(values, stored, header, window)
        shape = header.get("PresentationLUTShape") or header.PhotometricInterpretation
        gray = 1 - gray if shape in ("INVERSE", "MONOCHROME1") else gray
        if header.get("PixelPaddingValue") is not None:
            gray[padding(stored, header)] = 0
        deep = header.BitsStored > 8
        image = np.rint(gray * (65535 if deep else 255)).astype(np.uint16 if deep else np.uint8)
    return resampled(image, header, spacing) if spacing else image


def windowed(values: Any, stored: Any, header: Any, window: str) -> Any:
    """Return gray from 0 to 1 of values in the units of the image."""
    own = "WindowCenter" in header and "WindowWidth" in header
    if window == "first" and "VOILUTSequence" in header:
        raise ValueError("this page applies windows, not VOI LUTs")
    if "," in window or (window == "first" and own):
        if header.get("VOILUTFunction", "LINEAR") != "LINEAR":
            raise ValueError("this page knows linear windows")
        center, width = (
            map(float, window.split(","))
            if "," in window
            else (float(np.atleast_1d(header[n].value)[0]) for n in ("WindowCenter", "WindowWidth"))
        )
        if width <= 1:
            raise ValueError("this page knows windows wider than 1")
        return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    if window == "full" or (window == "first" and header.BitsStored <= 8):
        signed = header.PixelRepresentation
        ends = np.array([0, 2**header.BitsStored - 1]) - signed * 2 ** (header.BitsStored - 1)
        slope, shift = header.get("RescaleSlope", 1), header.get("RescaleIntercept", 0)
        low, high = sorted(ends * float(slope) + float(shift))
    elif window in ("first", "percentile"):
        inside = values
        if header.get("PixelPaddingValue") is not None:
            inside = values[~padding(stored, header)]
        shares = (0.01, 0.99) if window == "percentile" else (0, 1)
        low, high = np.quantile(inside, shares, method="inverted_cdf")
    else:
        raise ValueError(f"this page doesn't know the window {window}")
    return np.clip((values - low) / ((high - low) or 1.0), 0, 1)


def padding(stored: Any, header: Any) -> Any:
    """Return where there is no pixel (DICOM PS3.3 C.7.5.1.1.2)."""
    ends = [header.PixelPaddingValue, header.get("PixelPaddingRangeLimit")]
    low, high = sorted(end for end in (ends[0], ends[0] if ends[1] is None else ends[1]))
    return (stored >= low) & (stored <= high)


def resampled(image: Any, header: Any, spacing: float) -> Any:
    """Scale to so many millimetres a pixel."""
    own = header.get("PixelSpacing") or header.ImagerPixelSpacing
    height, width = (
        max(1, round(side * float(mm) / spacing))
        for side, mm in zip(image.shape[:2], own, strict=True)
    )
    if image.dtype == np.uint8:
        return np.asarray(PIL.Image.fromarray(image).resize((width, height), 2))
    planes = np.atleast_3d(image).astype(np.float32)
    made = [
        np.asarray(PIL.Image.fromarray(planes[..., c]).resize((width, height), 2))
        for c in range(planes.shape[2])
    ]
    return np.rint(np.stack(made, axis=-1)).clip(0, 65535).astype(np.uint16)


def main() -> None:
    """Print the path, the label and the probability of each class, for each image."""
    opened = session(Path(__file__).with_suffix(".onnx"))
    held = about(opened)
    print("path", "label", *held["classes"], sep="\t")
    for path in sys.argv[1:]:
        said = probabilities(opened, read(path, opened))
        called = said >= 0.5 if held["multilabel"] else said == said.max()
        label = ";".join(n for n, yes in zip(held["classes"], called, strict=True) if yes)
        print(path, label, *(f"{p:.5f}" for p in said), sep="\t")


if __name__ == "__main__":
    main()
