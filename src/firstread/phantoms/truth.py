"""What is known of a computed picture: the tables of questions, and the pictures with answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

FAMILIES: tuple[str, ...] = (
    "chest", "abdomen", "pelvis", "cervical_spine", "lumbar_spine",
    "skull", "shoulder", "hand", "knee", "foot",
    "head_ct", "chest_ct", "abdomen_ct", "head_mr", "chest_mr", "abdomen_mr",
    "fractal", "contours", "texture", "spine_mr",
)  # fmt: skip

# Questions with one answer each: name -> its answers in the order of the class numbers.
LABELS: dict[str, tuple[str, ...]] = {
    "family": FAMILIES,
    "view": ("pa", "ap", "lateral", "oblique", "axial", "coronal", "sagittal"),
    "side": ("left", "right"),
    "age": ("child", "adult", "old"),
    "upright": ("no", "yes"),
    "inverted": ("no", "yes"),
    "quarter_turn": ("0", "90", "180", "270"),
    "window": ("brain", "bone", "wide", "lung", "mediastinum", "abdomen"),
    "sequence": ("t1", "t2", "flair", "fat_suppressed", "proton_density"),
    # Of a formula image: which code of its family drew it (`formulas`).
    "formula": tuple(
        f"{name}_{k}"
        for name, count in {"fractal": 64, "contours": 32, "texture": 16}.items()
        for k in range(count)
    ),
}

# What may be seen in a picture or not: devices, marks, then changes of the body.
SIGNS: tuple[str, ...] = (
    "tube", "line", "leads", "clips", "pacemaker", "feeding_tube", "drain", "screws", "prosthesis",
    "sternal_wires", "marker", "text",
    "opacity", "nodule", "effusion", "pneumothorax", "free_gas", "calculus", "fracture",
    "cardiomegaly", "dilated_bowel", "arthrosis", "mass", "haemorrhage", "infarct", "cyst",
    "lytic", "calcification", "cast", "ring", "dislocation", "dental",
)  # fmt: skip

# Radiographs: path length along the beam, dm. Slices: share of each tissue. Bone is counted as
# compact bone that attenuates alike.
TISSUES: tuple[str, ...] = ("gas", "soft", "bone", "metal")
# Their standard deviations over the places of 400 mixed pictures.
SPREADS: tuple[float, ...] = (0.40, 0.72, 0.12, 0.0035)

# Pixels of the picture to one place of the map of tissues, each way.
COARSE = 8


@dataclass(frozen=True)
class Phantoms:
    """Pictures, and what is known of them.

    Parameters
    ----------
    pixels : Tensor
        (N, 1, S, S) float32 in [0, 1], as displayed.
    labels : dict of Tensor
        For each question of `LABELS` the class number, (N,) int64; -1 where it doesn't apply.
    signs : Tensor
        (N, `SIGNS`) float32: 1 present, 0 absent, nan where it can't be in this family.
    thickness : Tensor
        (N, `TISSUES`, S // 8, S // 8) float32: path lengths, dm, or shares of each tissue,
        averaged over area; nan for formula images.
    """

    pixels: Tensor
    labels: dict[str, Tensor]
    signs: Tensor
    thickness: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def pick(self, index: Tensor | slice) -> Phantoms:
        """Return some of the pictures, or all in another order: by (M,) int64 or a slice."""
        return Phantoms(
            self.pixels[index],
            {name: answer[index] for name, answer in self.labels.items()},
            self.signs[index],
            self.thickness[index],
        )

    def to(self, device: str) -> Phantoms:
        """Return the same on a device, as torch names it."""
        return Phantoms(
            self.pixels.to(device),
            {name: answer.to(device) for name, answer in self.labels.items()},
            self.signs.to(device),
            self.thickness.to(device),
        )


def gather(parts: Sequence[Phantoms]) -> Phantoms:
    """Return the pictures of all parts, in order; their sizes must be alike."""
    return Phantoms(
        torch.cat([p.pixels for p in parts]),
        {name: torch.cat([p.labels[name] for p in parts]) for name in LABELS},
        torch.cat([p.signs for p in parts]),
        torch.cat([p.thickness for p in parts]),
    )


def answers(n: int, **known: int | Tensor) -> dict[str, Tensor]:
    """Return the answers to all questions for n pictures: those known, and -1 for the others."""
    unasked = set(known) - set(LABELS)
    if unasked:
        raise KeyError(f"no such label: {', '.join(sorted(unasked))}; see LABELS")
    return {
        name: torch.as_tensor(known.get(name, -1), dtype=torch.int64).expand(n).clone()
        for name in LABELS
    }


def findings(n: int, possible: Iterable[str] = (), **known: Tensor) -> Tensor:
    """Return the signs (n, `SIGNS`): those known, 0 for the possible, nan for all others."""
    signs = torch.full((n, len(SIGNS)), torch.nan)
    for name in possible:
        signs[:, SIGNS.index(name)] = 0.0
    for name, present in known.items():
        signs[:, SIGNS.index(name)] = present.float()
    return signs


def coarse(paths: Tensor) -> Tensor:
    """Average a map of tissues (N, T, S, S) over squares of `COARSE` pixels."""
    side = paths.shape[-1] // COARSE
    if paths.shape[-1] % COARSE == 0:
        return functional.avg_pool2d(paths, COARSE)
    return functional.adaptive_avg_pool2d(paths, side)
