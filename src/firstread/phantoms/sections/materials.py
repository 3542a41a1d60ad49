"""What sections are made of: CT numbers, relaxation times, and the tissue each counts as.

CT numbers are those of textbooks without contrast medium (Hofer, CT Teaching Manual; Kalender,
Computed Tomography). Relaxation times hold at 1.5 T: Stanisz et al., Magn Reson Med 2005; de
Bazelaire et al., Radiology 2004; for the brain, BrainWeb (Kwan et al., IEEE TMI 1999). Lesions have
values of their own, rounded from the same sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

import torch
from torch import Tensor

from firstread.phantoms.truth import TISSUES


class Material(IntEnum):
    """A number for each material, as painted on a `Canvas`; air is 0."""

    AIR = 0
    SKIN = auto()
    FAT = auto()
    MUSCLE = auto()
    CORTICAL = auto()
    SPONGY = auto()
    MARROW = auto()
    DISC = auto()
    CARTILAGE = auto()
    LUNG = auto()
    GAS = auto()
    BLOOD = auto()
    VEIN = auto()
    MYOCARDIUM = auto()
    LIVER = auto()
    SPLEEN = auto()
    CORTEX = auto()
    MEDULLA = auto()
    PANCREAS = auto()
    BILE = auto()
    URINE = auto()
    BOWEL = auto()
    FLUID = auto()
    STOOL = auto()
    GREY = auto()
    WHITE = auto()
    CSF = auto()
    EYE = auto()
    LENS = auto()
    MUCOSA = auto()
    DURA = auto()
    EFFUSION = auto()
    CONSOLIDATION = auto()
    TUMOUR = auto()
    OEDEMA = auto()
    HAEMORRHAGE = auto()
    INFARCT = auto()
    CYST = auto()
    CALCIUM = auto()
    METAL = auto()
    FOAM = auto()


@dataclass(frozen=True)
class Substance:
    """What the scanners see of a material.

    Parameters
    ----------
    hu : float
        CT number without contrast medium.
    medium : float
        CT numbers more when contrast medium fills the veins (portal phase).
    grain : float
        How far its CT number (and, in percent, its MR signal) varies from place to place.
    t1, t2 : float
        Relaxation times at 1.5 T, ms.
    protons : float
        Density of mobile protons, relative to water.
    tissue : str
        What it counts as (`truth.TISSUES`).
    """

    hu: float
    medium: float
    grain: float
    t1: float
    t2: float
    protons: float
    tissue: str = "soft"


SUBSTANCES: dict[Material, Substance] = {
    Material.AIR: Substance(-1000, 0, 0, 1000, 10, 0.0, "gas"),
    Material.SKIN: Substance(20, 10, 5, 700, 35, 0.6),
    Material.FAT: Substance(-100, 0, 8, 260, 84, 0.95),
    Material.MUSCLE: Substance(55, 10, 6, 1000, 44, 0.8),
    Material.CORTICAL: Substance(1100, 0, 120, 1000, 5, 0.05, "bone"),
    Material.SPONGY: Substance(220, 20, 45, 420, 60, 0.65, "bone"),
    Material.MARROW: Substance(40, 10, 30, 300, 70, 0.85),
    Material.DISC: Substance(85, 0, 8, 1100, 75, 0.75),
    Material.CARTILAGE: Substance(110, 0, 10, 1000, 35, 0.6),
    Material.LUNG: Substance(-860, 15, 25, 1200, 30, 0.12, "gas"),
    Material.GAS: Substance(-990, 0, 0, 1000, 10, 0.0, "gas"),
    # Flowing blood leaves the slice between the pulses of a spin echo: dark on MR.
    Material.BLOOD: Substance(42, 140, 3, 1400, 40, 0.12),
    Material.VEIN: Substance(42, 115, 3, 1400, 40, 0.2),
    Material.MYOCARDIUM: Substance(48, 60, 4, 1030, 40, 0.8),
    Material.LIVER: Substance(60, 50, 5, 590, 46, 0.8),
    Material.SPLEEN: Substance(50, 70, 4, 1060, 79, 0.85),
    Material.CORTEX: Substance(36, 140, 4, 970, 87, 0.85),
    Material.MEDULLA: Substance(30, 90, 6, 1400, 95, 0.88),
    Material.PANCREAS: Substance(42, 50, 12, 580, 46, 0.8),
    Material.BILE: Substance(8, 0, 2, 2500, 500, 1.0),
    Material.URINE: Substance(4, 0, 2, 3200, 900, 1.0),
    Material.BOWEL: Substance(42, 45, 6, 900, 50, 0.8),
    Material.FLUID: Substance(15, 5, 6, 2200, 300, 0.95),
    Material.STOOL: Substance(25, 0, 130, 800, 60, 0.6),
    Material.GREY: Substance(39, 6, 1.5, 950, 100, 0.86),
    Material.WHITE: Substance(29, 3, 1.5, 600, 78, 0.73),
    Material.CSF: Substance(6, 0, 1, 4000, 1800, 1.0),
    Material.EYE: Substance(10, 0, 1, 3800, 900, 1.0),
    Material.LENS: Substance(80, 0, 3, 1000, 40, 0.6),
    Material.MUCOSA: Substance(40, 40, 6, 1100, 110, 0.85),
    Material.DURA: Substance(60, 60, 4, 900, 35, 0.5),
    Material.EFFUSION: Substance(10, 0, 3, 3000, 600, 0.98),
    Material.CONSOLIDATION: Substance(35, 40, 25, 1150, 85, 0.85),
    Material.TUMOUR: Substance(38, 45, 9, 1200, 120, 0.88),
    Material.OEDEMA: Substance(20, 0, 2, 1200, 150, 0.86),
    # Fresh blood clots are dense; some days later methaemoglobin makes them bright on T1.
    Material.HAEMORRHAGE: Substance(70, 0, 4, 380, 65, 0.85),
    Material.INFARCT: Substance(18, 0, 2, 1300, 170, 0.88),
    Material.CYST: Substance(6, 0, 1, 3500, 1200, 1.0),
    Material.CALCIUM: Substance(450, 0, 100, 1000, 8, 0.1, "bone"),
    Material.METAL: Substance(6000, 0, 0, 1000, 5, 0.0, "metal"),
    Material.FOAM: Substance(-880, 0, 5, 1000, 5, 0.0, "gas"),
}


def column(field: str) -> Tensor:
    """Return one number of `Substance` for all materials, (M,) in the order of `Material`."""
    return torch.tensor([float(getattr(SUBSTANCES[material], field)) for material in Material])


def tissues() -> Tensor:
    """Return the tissue of each material, (M,) numbers of `truth.TISSUES`."""
    return torch.tensor([TISSUES.index(SUBSTANCES[material].tissue) for material in Material])
