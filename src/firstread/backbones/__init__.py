"""The zoo: networks without their tops, with named stages, and the weights they start from."""

from importlib import metadata

from firstread.errors import InstallError, first_line

try:
    import torch
    import torchvision
except (ImportError, RuntimeError, OSError, AttributeError) as error:
    # A torchvision built for another torch fails in ways that don't say so ("operator
    # torchvision::nms does not exist"): this is the first place that would meet it.
    found = {}
    for package in ("torch", "torchvision"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "missing"
    raise InstallError(
        f"torch {found['torch']} and torchvision {found['torchvision']} don't work together "
        f"({first_line(error)}). Install a matching pair: "
        "pip install --upgrade --force-reinstall torch torchvision timm"
    ) from error

from firstread.backbones.backbone import Backbone
from firstread.backbones.catalogue import NAMES, ZOO, Entry, entry
from firstread.backbones.folding import folded
from firstread.backbones.measure import Architecture, measure
from firstread.backbones.network import HEADS, Network, assemble, probabilities
from firstread.backbones.table import zoo_table
from firstread.backbones.weights import Origin, at_hand, build

__all__ = [
    "HEADS",
    "NAMES",
    "ZOO",
    "Architecture",
    "Backbone",
    "Entry",
    "Network",
    "Origin",
    "assemble",
    "at_hand",
    "build",
    "entry",
    "folded",
    "measure",
    "probabilities",
    "torch",
    "torchvision",
    "zoo_table",
]
