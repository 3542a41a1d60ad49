"""Traits: what kinds of shortcut look at, as columns that can be named in a sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firstread.auditing.markers import ZONES
from firstread.auditing.traces import BINS, BORDER, SMALL, Trace

THUMBNAIL = 7
"""Side of the heavily blurred picture."""
MOST_VALUES = 24
FEWEST = 3
"""Files that a name or value must stand for to be looked at, so that it is nobody's own."""

_FEW = 0.001
_OWN_COLUMNS = ("path", "label", "patient", "split")
# Values of columns about one person or one image are kept out of every message.
_PERSONAL = frozenset(
    [
        "address",
        "accession",
        "birth",
        "birthday",
        "birthdate",
        "comment",
        "comments",
        "dob",
        "email",
        "id",
        "mrn",
        "phone",
        "ssn",
        "uid",
        "caseid",
        "imageid",
        "patientid",
        "personid",
        "recordid",
        "seriesid",
        "studyid",
        "subjectid",
        "patientname",
        "firstname",
        "lastname",
        "surname",
        "fullname",
        "physician",
        "operator",
    ]
)
_PEOPLE = frozenset(
    ["patient", "first", "last", "family", "given", "full", "physician", "operator"]
)


@dataclass(frozen=True, eq=False)
class Trait:
    """One column of what is known of the images.

    Parameters
    ----------
    phrase
        What an image is or has, with {} for the value: "is {} px", "has JPEG quality {}". The
        first word is "is" or "has".
    values
        float64 for numbers (NaN where unknown), objects for categories, shape (n,).
    """

    phrase: str
    values: npt.NDArray[Any]

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers on a scale, rather than categories."""
        return self.values.dtype.kind == "f"

    def levels(self) -> list[str]:
        """Return the categories that stand for several images each, the most frequent first."""
        counts = Counter(self.values.tolist())
        kept = [str(value) for value, count in counts.most_common() if count >= FEWEST]
        return kept[:MOST_VALUES]


Traits = tuple[Trait, ...]


def name(found: Sequence[Trace], table: pd.DataFrame) -> Traits:
    """Return what a file's name looks like: its form, its first number, its length."""
    stems = [trace.path.stem.lower() for trace in found]
    forms = [re.sub(r"\d+", "#", stem) for stem in stems]
    numbers = [re.search(r"\d+", stem) for stem in stems]
    return (
        _category('has a name of the form "{}"', forms),
        _number("has a number of {} in the name", [float(n[0]) if n else np.nan for n in numbers]),
        _number("has a name of {} characters", [len(stem) for stem in stems]),
    )


def file_size(found: Sequence[Trace], table: pd.DataFrame) -> Traits:
    """Return the sizes of the files."""
    return (_number("has a file of {} KiB", [trace.stored.size / 1024 for trace in found]),)


def storage(found: Sequence[Trace], table: pd.DataFrame) -> Traits:
    """Return format, compression, and what else stands in the headers."""
    formats = [trace.stored for trace in found]
    fields = sorted({field for stored in formats for field in stored.fields})
    return (
        _category("is a {} file", [stored.format for stored in formats]),
        _category("has the suffix {}", [trace.path.suffix.lower() for trace in found]),
        _category(
            "has JPEG quality {}",
            [str(stored.quality) if stored.quality else "" for stored in formats],
        ),
        _category("has {} compression", [stored.compression for stored in formats]),
        _category(
            "is stored {}", ["in passes" if stored.progressive else "" for stored in formats]
        ),
        _category("has a header that names {}", [stored.device for stored in formats]),
        *(
            _category(
                "has {} in the header",
                [field if field in stored.fields else "" for stored in formats],
            )
            for field in fields
        ),
    )


def dimensions(found: Sequence[Trace], table: pd.DataFrame) -> Traits:
    """Return width, height, their product and their ratio."""
    heights, widths = np.array([trace.shape for trace in found], np.float64).reshape(-1, 2).T
    return (
        _category("is {} px", [f"{w:.0f} x {h:.0f}" for w, h in zip(widths, heights, strict=True)]),
        _number("is {} px wide", widths),
        _number("is {} px high", heights),
        _number("has a width of {} times the height", widths / heights),
        _number("has {} million pixels", widths * heights / 1e6),
    )


def channels(found: Sequence[Trace], table: pd.DataFrame) -> Traits:
    """Return the mode, channels, bit depth, and whether there is colour in the pixels."""
    formats = [trace.stored for trace in found]
    return (
        _category("is stored as {}", [stored.mode for stored in formats]),
        _category(
            "has {} channels in the file", [str(stored.channels or "") for stored in formats]
        ),
        _category("has {} bits a channel", [str(stored.bits or "") for stored in formats]),
        _category("is {}", [_tint(trace) for trace in found]),
        _number("has {} % of its pixels in colour", [100 * trace.colour for trace in found]),
    )


def _tint(trace: Trace) -> str:
    if trace.gray:
        return "gray"
    return "in colour" if trace.colour > _FEW else "gray but for a tint too slight to see"


def border(found: Sequence[Trace], table: pd.DataFrame) -> Traits:
    """Return brightness, its variation, black and white, at the four sides and corners."""
    columns = np.array([trace.border for trace in found]).reshape(-1, len(BORDER)).T
    return tuple(
        _number(f"has a {words} of {{}} %", 100 * column)
        for words, column in zip(BORDER, columns, strict=True)
    )


def frame(found: Sequence[Trace], table: pd.DataFrame) -> Traits:
    """Return shares of black and white at the four sides: what a frame or a caption leaves."""
    return tuple(trait for trait in border(found, table) if "share of" in trait.phrase)


def thumbnail(found: Sequence[Trace], table: pd.DataFrame) -> Traits:
    """Return a picture of 7 x 7 px."""
    step = SMALL // THUMBNAIL
    small = np.array([trace.small for trace in found])
    blurred = small.reshape(-1, THUMBNAIL, step, THUMBNAIL, step).mean(axis=(2, 4))
    columns = blurred.reshape(len(found), -1).T
    return tuple(_number("has a brightness of {} in one place", column) for column in columns)


def histogram(found: Sequence[Trace], table: pd.DataFrame) -> Traits:
    """Return shares of gray levels, as square roots, which keeps rare levels in view."""
    columns = np.sqrt(np.array([trace.histogram for trace in found]).reshape(-1, BINS)).T
    return tuple(_number("has a share of {} of one gray level", column) for column in columns)


def burned_in(found: Sequence[Trace], table: pd.DataFrame) -> Traits:
    """Return in which ninths of the image candidates of burned-in text or markers lie."""
    zones = [{marker.zone for marker in trace.markers} for trace in found]
    return tuple(
        _category(
            f"has something like {{}} at the {zone}",
            ["burned-in text or a marker" if zone in some else "" for some in zones],
        )
        for zone in ZONES
    )


def metadata(found: Sequence[Trace], table: pd.DataFrame) -> Traits:
    """Return the table's further columns, without those that identify a person or an image."""
    names = [name for name in table.columns if name not in _OWN_COLUMNS]
    columns = (_column(str(name), table) for name in names if not is_identifier(str(name)))
    return tuple(column for column in columns if column is not None)


def is_identifier(column: str) -> bool:
    """Say whether a column is, by its name, about one person or one image.

    Examples
    --------
    >>> [is_identifier(name) for name in ("PatientName", "study_id", "PatientBirthDate", "name")]
    [True, True, True, True]
    >>> [is_identifier(name) for name in ("PatientSex", "ManufacturerModelName", "covid")]
    [False, False, False]
    """
    words = _words(column)
    return (
        bool(words & _PERSONAL)
        or words == {"name"}
        or ("name" in words and words & _PEOPLE != set())
    )


def _words(column: str) -> set[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower()
    return set(re.findall(r"[a-z]+", spaced))


def _column(name: str, table: pd.DataFrame) -> Trait | None:
    text = table[name].fillna("").astype(str).str.strip()
    if "date" in name.lower():
        # The day may tell who it was; the year tells whether the classes are of one time.
        years = text.str.extract(r"((?:19|20)\d\d)", expand=False).fillna("")
        return _shared(f"has {name} in {{}}", years, table)
    filled = text[text != ""]
    numbers = pd.to_numeric(filled, errors="coerce")
    if len(filled) and numbers.notna().all() and filled.nunique() > MOST_VALUES // 3:
        return _number(f"has {name} of {{}}", pd.to_numeric(text, errors="coerce"))
    return _shared(f"has {name} {{}}", text, table)


def _shared(phrase: str, values: pd.Series, table: pd.DataFrame) -> Trait | None:
    """Return a trait of those values that several patients share, if there are any."""
    people = table["patient"].fillna(table["path"]).groupby(values).nunique()
    kept = values.where(values.map(people) >= FEWEST, "")
    return _category(phrase, kept) if (kept != "").any() else None


def _number(phrase: str, values: Any) -> Trait:
    return Trait(phrase, np.asarray(values, np.float64))


def _category(phrase: str, values: Any) -> Trait:
    return Trait(phrase, np.asarray(values, object))
