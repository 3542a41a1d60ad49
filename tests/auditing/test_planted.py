"""Faults planted in clean data are found, and the clean data raise no alarm.

Each fault is a row of `FAULTS`: its name, the code of the finding that must tell of it, and what
plants it. A finding tells of a fault where it lists all the files that the planter returns. Kinds
that other finders look for (shortcuts, wrong labels) get their rows in the same table.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import PIL.ImageOps
import pytest

from firstread import Audit, audit
from firstread.auditing import FINDERS, auditing

TRAINING, VALIDATION = 24, 70
REGIONS = ("abd", "chst")
Film = Callable[..., np.ndarray]
LEAST_FOUND = 0.95


@dataclass(frozen=True)
class Plot:
    """A data set of films to plant faults in: by folders, each film in a file of its own."""

    root: Path
    film: Film

    def path(self, split: str, region: str, number: int) -> Path:
        return self.root / split / region / f"{number:03d}.png"

    def new(self, name: str) -> Path:
        return self.root / name

    def pixels(self, split: str, region: str, number: int) -> np.ndarray:
        return self.film(number + (0 if split == "train" else 1000), region)

    def sow(self) -> Plot:
        for split, count in (("train", TRAINING), ("val", VALIDATION)):
            for region in REGIONS:
                for number in range(count):
                    path = self.path(split, region, number)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    PIL.Image.fromarray(self.pixels(split, region, number)).save(path)
        return self


Plant = Callable[[Plot], list[Path]]


@dataclass(frozen=True)
class Fault:
    name: str
    code: str
    plant: Plant


def bytes_in(name: str, content: bytes) -> Plant:
    def plant(plot: Plot) -> list[Path]:
        plot.new(name).write_bytes(content)
        return [plot.new(name)]

    return plant


def cut_short(name: str, format_: str, share: float) -> Plant:
    def plant(plot: Plot) -> list[Path]:
        whole = io.BytesIO()
        PIL.Image.fromarray(plot.film(2001)).save(whole, format_)
        plot.new(name).write_bytes(whole.getvalue()[: int(share * whole.tell())])
        return [plot.new(name)]

    return plant


def image(name: str, draw: Callable[[Plot], np.ndarray], mode: str = "", **how: object) -> Plant:
    def plant(plot: Plot) -> list[Path]:
        picture = PIL.Image.fromarray(draw(plot))
        path = plot.new(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        (picture.convert(mode) if mode else picture).save(path, **how)
        return [path]

    return plant


def pages(plot: Plot) -> list[Path]:
    first, second = (PIL.Image.fromarray(plot.film(k)) for k in (2002, 2003))
    first.save(plot.new("train/abd/pages.tif"), save_all=True, append_images=[second])
    return [plot.new("train/abd/pages.tif")]


def copy(
    source: tuple[str, str, int],
    name: str,
    change: Callable[[np.ndarray], np.ndarray] = np.asarray,
    **how: object,
) -> Plant:
    """Plant a changed copy of a film that is there; the finding must list both."""

    def plant(plot: Plot) -> list[Path]:
        pixels = np.ascontiguousarray(change(plot.pixels(*source)))
        PIL.Image.fromarray(pixels).save(plot.new(name), **how)
        return [plot.path(*source), plot.new(name)]

    return plant


def resized(pixels: np.ndarray, factor: float) -> np.ndarray:
    height, width = (round(factor * side) for side in pixels.shape)
    return np.asarray(PIL.Image.fromarray(pixels).resize((width, height)))


def recompressed(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(PIL.Image.open(file))


def brightened(pixels: np.ndarray, gain: float = 1.0, offset: float = 0.0) -> np.ndarray:
    return np.clip(gain * pixels.astype(float) + offset, 0, 255).astype(np.uint8)


def gamma(pixels: np.ndarray, power: float) -> np.ndarray:
    return np.rint(255 * (pixels / 255) ** power).astype(np.uint8)


def cropped(pixels: np.ndarray, top: float, bottom: float, left: float, right: float) -> np.ndarray:
    height, width = pixels.shape
    return pixels[
        round(top * height) : height - round(bottom * height),
        round(left * width) : width - round(right * width),
    ]


def marked(pixels: np.ndarray, letter: str, corner: tuple[float, float]) -> np.ndarray:
    picture = PIL.Image.fromarray(pixels)
    size = round(0.12 * pixels.shape[0])
    at = (corner[0] * pixels.shape[1], corner[1] * pixels.shape[0])
    font = PIL.ImageFont.load_default(size=size)
    PIL.ImageDraw.Draw(picture).text(at, letter, fill=255, font=font)
    return np.asarray(picture)


def patched(pixels: np.ndarray) -> np.ndarray:
    changed = pixels.copy()
    changed[4:19, -19:-4] = 255
    return changed


def speck(plot: Plot) -> np.ndarray:
    pixels = np.zeros((128, 128), np.uint8)
    pixels[60:65, 60:65] = 255
    return pixels


def nearly_even(plot: Plot) -> np.ndarray:
    return np.random.default_rng(0).integers(127, 130, (128, 128)).astype(np.uint8)


def coloured(plot: Plot) -> np.ndarray:
    gray = plot.film(2006)
    return np.stack([gray, 255 - gray, gray // 2], axis=-1)


FAULTS = (
    Fault("an empty file", "UNREADABLE", bytes_in("train/abd/empty.png", b"")),
    Fault("a note named like an image", "UNREADABLE", bytes_in("train/abd/note.png", b"see PACS")),
    Fault("a PDF named like an image", "UNREADABLE", bytes_in("val/abd/a.jpg", b"%PDF-1.7 ...")),
    Fault("a PNG cut short", "UNREADABLE", cut_short("train/chst/cut.png", "PNG", 0.6)),
    Fault("a JPEG cut short", "UNREADABLE", cut_short("train/chst/cut.jpg", "JPEG", 0.5)),
    Fault("a BMP cut short", "UNREADABLE", cut_short("val/chst/cut.bmp", "BMP", 0.7)),
    Fault("a file of two pages", "UNREADABLE", pages),
    Fault("a black image", "BLANK", image("train/abd/b.png", lambda _: np.zeros((128, 128), "u1"))),
    Fault(
        "a white image",
        "BLANK",
        image("val/chst/w.png", lambda _: np.full((128, 128), 255, "u1")),
    ),
    Fault("noise about one level", "BLANK", image("train/chst/e.png", nearly_even)),
    Fault("black but for a speck", "BLANK", image("train/chst/s.png", speck)),
    Fault(
        "a strip",
        "ASPECT-EXTREME",
        image("train/abd/strip.png", lambda plot: resized(plot.film(2004), 3)[:64]),
    ),
    Fault(
        "a thumbnail",
        "SIZE-SMALL",
        image("train/abd/tiny.png", lambda plot: resized(plot.film(2005), 0.25)),
    ),
    Fault(
        "another size",
        "SIZE-MIXED",
        image("train/chst/big.png", lambda plot: resized(plot.film(2010), 2)),
    ),
    Fault(
        "a JPEG among PNGs",
        "FORMAT-MIXED",
        image("train/abd/other.jpg", lambda plot: plot.film(2007)),
    ),
    Fault(
        "16 bits among 8",
        "DEPTH-MIXED",
        image("train/chst/deep.png", lambda plot: plot.film(2008).astype(np.uint16) * 16),
    ),
    Fault("colour among gray", "MODE-MIXED", image("train/chst/colour.png", coloured)),
    Fault(
        "a palette among gray",
        "MODE-MIXED",
        image("train/abd/palette.png", lambda plot: plot.film(2009), mode="P"),
    ),
    Fault(
        "a name of the other class",
        "NAME-CONTRADICTS",
        image("train/abd/chst_7.png", lambda plot: plot.film(2011)),
    ),
    Fault(
        "a folder of the other class",
        "NAME-CONTRADICTS",
        image("val/chst/abd/x.png", lambda plot: plot.film(2012)),
    ),
    Fault("a copy", "DUPLICATE", copy(("train", "abd", 0), "train/abd/c0.png")),
    Fault("a copy in validation", "DUPLICATE", copy(("val", "chst", 1), "val/chst/c1.png")),
    Fault("a copy as BMP", "DUPLICATE", copy(("train", "chst", 2), "train/chst/c2.bmp")),
    Fault("a copy across parts", "DUPLICATE-LEAK", copy(("train", "abd", 3), "val/abd/c3.png")),
    Fault(
        "a copy across classes",
        "DUPLICATE-CONTRADICTION",
        copy(("train", "abd", 4), "train/chst/c4.png"),
    ),
    Fault(
        "half the size",
        "DUPLICATE-NEAR-LEAK",
        copy(("train", "abd", 5), "val/abd/n5.png", lambda p: resized(p, 0.5)),
    ),
    Fault(
        "a third larger",
        "DUPLICATE-NEAR",
        copy(("train", "abd", 6), "train/abd/n6.png", lambda p: resized(p, 1.33)),
    ),
    Fault(
        "recompressed",
        "DUPLICATE-NEAR-LEAK",
        copy(("val", "chst", 7), "train/chst/n7.png", lambda p: recompressed(p, 40)),
    ),
    Fault(
        "contrast raised",
        "DUPLICATE-NEAR",
        copy(("val", "chst", 8), "val/chst/n8.png", lambda p: brightened(p, gain=1.3)),
    ),
    Fault(
        "brightened",
        "DUPLICATE-NEAR-LEAK",
        copy(("train", "abd", 9), "val/abd/n9.png", lambda p: brightened(p, offset=40)),
    ),
    Fault(
        "gamma changed",
        "DUPLICATE-NEAR-LEAK",
        copy(("train", "chst", 10), "val/chst/n10.png", lambda p: gamma(p, 0.6)),
    ),
    Fault(
        "cropped by 5 % all round",
        "DUPLICATE-NEAR-LEAK",
        copy(("train", "abd", 11), "val/abd/n11.png", lambda p: cropped(p, 0.05, 0.05, 0.05, 0.05)),
    ),
    Fault(
        "cropped by 10 % at the left",
        "DUPLICATE-NEAR-LEAK",
        copy(("train", "chst", 12), "val/chst/n12.png", lambda p: cropped(p, 0, 0, 0.1, 0)),
    ),
    Fault(
        "cropped by 10 % at a corner",
        "DUPLICATE-NEAR",
        copy(("train", "chst", 13), "train/chst/n13.png", lambda p: cropped(p, 0.1, 0, 0, 0.1)),
    ),
    Fault(
        "cropped by 10 % all round",
        "DUPLICATE-NEAR-LEAK",
        copy(("val", "abd", 14), "train/abd/n14.png", lambda p: cropped(p, 0.1, 0.1, 0.1, 0.1)),
    ),
    Fault(
        "cropped unevenly",
        "DUPLICATE-NEAR-LEAK",
        copy(("val", "abd", 15), "train/abd/n15.png", lambda p: cropped(p, 0.03, 0.08, 0.06, 0.01)),
    ),
    Fault(
        "mirrored",
        "DUPLICATE-NEAR-LEAK",
        copy(("train", "abd", 16), "val/abd/n16.png", np.fliplr),
    ),
    Fault(
        "upside down",
        "DUPLICATE-NEAR",
        copy(("train", "chst", 17), "train/chst/n17.png", np.flipud),
    ),
    Fault(
        "turned by 90 degrees",
        "DUPLICATE-NEAR-LEAK",
        copy(("train", "chst", 18), "val/chst/n18.png", np.rot90),
    ),
    Fault(
        "turned by 180 degrees",
        "DUPLICATE-NEAR-LEAK",
        copy(("train", "chst", 19), "val/chst/n19.png", lambda p: np.rot90(p, 2)),
    ),
    Fault(
        "turned by 270 degrees",
        "DUPLICATE-NEAR",
        copy(("val", "abd", 20), "val/abd/n20.png", lambda p: np.rot90(p, 3)),
    ),
    Fault(
        "a marker burned in",
        "DUPLICATE-NEAR-LEAK",
        copy(("train", "abd", 21), "val/abd/n21.png", lambda p: marked(p, "R", (0.05, 0.05))),
    ),
    Fault(
        "a patch burned in",
        "DUPLICATE-NEAR-LEAK",
        copy(("train", "chst", 22), "val/chst/n22.png", patched),
    ),
    Fault(
        "cropped, brightened, resized and recompressed",
        "DUPLICATE-NEAR-LEAK",
        copy(
            ("train", "chst", 23),
            "val/chst/n23.png",
            lambda p: recompressed(
                resized(brightened(cropped(p, 0.04, 0.03, 0.02, 0.05), 1.2), 0.8), 60
            ),
        ),
    ),
    Fault(
        "mirrored, in the other class",
        "DUPLICATE-NEAR-CONTRADICTION",
        copy(("train", "abd", 23), "train/chst/n24.png", np.fliplr),
    ),
)


def alarms(result: Audit) -> list[str]:
    return [f.message for f in result.findings if f.severity in ("severe", "warning")]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, film: Film) -> Path:
    return Plot(tmp_path_factory.mktemp("clean"), film).sow().root


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, film: Film) -> tuple[Audit, dict[str, bool]]:
    plot = Plot(tmp_path_factory.mktemp("planted"), film).sow()
    files = {fault.name: {str(path) for path in fault.plant(plot)} for fault in FAULTS}
    result = audit(plot.root)
    listed = {finding.code: set(finding.files) for finding in result.findings}
    return result, {
        fault.name: files[fault.name] <= listed.get(fault.code, set()) for fault in FAULTS
    }


def test_faults_are_found(planted: tuple[Audit, dict[str, bool]]) -> None:
    found = planted[1]
    missed = [name for name, told in found.items() if not told]
    assert len(found) >= 40
    assert len(missed) <= (1 - LEAST_FOUND) * len(found), missed


def test_clean_data_raise_no_alarm(clean: Path) -> None:
    assert len(alarms(audit(clean))) <= 2, alarms(audit(clean))


def test_only_what_was_planted_is_accused_of_being_a_copy(
    planted: tuple[Audit, dict[str, bool]],
) -> None:
    sources = {
        fault.name
        for fault in FAULTS
        if fault.code.startswith("DUPLICATE") and planted[1][fault.name]
    }
    pictures = sum(
        dict(finding.figures)["pictures"]
        for finding in planted[0].findings
        if finding.code.startswith("DUPLICATE") and finding.groups
    )
    assert pictures <= len(sources) + 1


@dataclass(frozen=True)
class Row:
    """An image of a table."""

    path: str
    label: str
    patient: str
    split: str


Rows = list[Row]
WIDE: dict[str, tuple[str, Callable[[Rows], Rows]]] = {
    "a patient in two parts": (
        "PATIENT-LEAK",
        lambda rows: [*rows[:-1], replace(rows[-1], patient=rows[0].patient)],
    ),
    "an image without a patient": (
        "PATIENT-MISSING",
        lambda rows: [replace(rows[0], patient=""), *rows[1:]],
    ),
    "few patients with many images": (
        "PATIENT-COUNT",
        lambda rows: [
            replace(row, patient=f"{row.split} {row.label} {k % 5}") for k, row in enumerate(rows)
        ],
    ),
    "a file that isn't there": (
        "LAYOUT",
        lambda rows: [*rows, Row("gone.png", "abd", "Q", "val")],
    ),
    "a label with a space too many": (
        "LAYOUT",
        lambda rows: [*rows[:20], *(replace(row, label="abd ") for row in rows[20:24]), *rows[24:]],
    ),
    "a class of a few images": (
        "CLASS-SMALL",
        lambda rows: [row for k, row in enumerate(rows) if row.split == "val" or k % 5 == 0],
    ),
    "a class ten times as large": (
        "CLASS-BALANCE",
        lambda rows: [
            row
            for k, row in enumerate(rows)
            if (row.split, row.label) != ("train", "abd") or k % 12 == 0
        ],
    ),
    "few validation images": (
        "VALIDATION-SIZE",
        lambda rows: [row for k, row in enumerate(rows) if row.split == "train" or k % 14 == 0],
    ),
    "labels that are wrong": (
        "LABEL-ERROR",
        lambda rows: [
            replace(row, label="chst" if row.label == "abd" else "abd") if k % 60 == 7 else row
            for k, row in enumerate(rows)
        ],
    ),
    "another mix in validation": (
        "SPLIT-MIX",
        lambda rows: [
            row
            for k, row in enumerate(rows)
            if (row.split, row.label) != ("val", "abd") or k % 8 == 0
        ],
    ),
}


def table_of(folder: Path, rows: Rows) -> Path:
    table = folder / "cases.csv"
    lines = ["path,label,patient,split"]
    lines += [f"{row.path},{row.label},{row.patient},{row.split}" for row in rows]
    table.write_text("\n".join(lines))
    return table


@pytest.fixture(scope="module")
def rows(clean: Path) -> Rows:
    files = [path.relative_to(clean) for path in sorted(clean.rglob("*.png"))]
    return [
        Row(str(file), file.parts[1], f"patient {number}", file.parts[0])
        for number, file in enumerate(files)
    ]


def alarm_codes(table: Path) -> set[str]:
    quick = [finder for finder in FINDERS if finder.name != "near copies"]
    *_, result = auditing(table, quick)
    assert isinstance(result, Audit)
    return {f.code for f in result.findings if f.severity in ("severe", "warning")}


@pytest.mark.parametrize("name", WIDE)
def test_faults_of_the_whole_are_found(clean: Path, rows: Rows, name: str) -> None:
    code, plant = WIDE[name]
    assert code in alarm_codes(table_of(clean, plant(rows)))


def test_a_clean_table_raises_next_to_no_alarm(clean: Path, rows: Rows) -> None:
    # Chest and abdomen do differ where they reach the border.
    assert len(alarm_codes(table_of(clean, rows))) <= 1


def framed(picture: PIL.Image.Image) -> PIL.Image.Image:
    bordered = picture.copy()
    bordered.paste(0, (0, 0, picture.width, 10))
    return bordered


def lettered(picture: PIL.Image.Image) -> PIL.Image.Image:
    drawn = picture.copy()
    font = PIL.ImageFont.load_default(14)
    PIL.ImageDraw.Draw(drawn).text((100, 4), "L", fill=255, font=font)
    return drawn


def tinted(picture: PIL.Image.Image) -> PIL.Image.Image:
    return PIL.ImageOps.colorize(picture, "black", "yellow")


SHORTCUTS: dict[str, tuple[str, Callable[[PIL.Image.Image], PIL.Image.Image], dict[str, int]]] = {
    "one class at another size": ("SHORTCUT-SIZE", lambda p: p.resize((120, 128)), {}),
    "one class framed": ("SHORTCUT-BORDER", framed, {}),
    "one class in colour": ("SHORTCUT-CHANNELS", tinted, {}),
    "one class with a marker": ("SHORTCUT-MARKER", lettered, {}),
    "one class at another resolution in its header": (
        "SHORTCUT-STORAGE", lambda p: p, {"dpi": (72, 72)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHORTCUTS)
def test_shortcuts_of_a_class_are_found(clean: Path, rows: Rows, tmp_path: Path, name: str) -> None:
    code, change, how = SHORTCUTS[name]
    made = []
    for row in rows[::3]:
        path = tmp_path / row.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with PIL.Image.open(clean / row.path) as picture:
            if row.label == "chst":
                change(picture).save(path, **how)
            else:
                picture.save(path)
        made.append(row)
    assert code in alarm_codes(table_of(tmp_path, made))
