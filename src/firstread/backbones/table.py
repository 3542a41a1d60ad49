"""The zoo as one table: what each network costs, sees and stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstread.backbones.catalogue import ZOO, Entry
from firstread.backbones.measure import measure
from firstread.backbones.weights import origin_of, shipped

if TYPE_CHECKING:
    import pandas as pd


def zoo_table() -> pd.DataFrame:
    """Measure every network of the zoo, with its official top for 1,000 classes.

    Returns
    -------
    frame
        One row a network, in the order of the years: `network`, `year`, `size` (side of the input
        in pixels), `layers`, `parameters`, `macs` (multiply-adds for one image), `receptive_field`
        (pixels, at the last feature map), `top1` (ImageNet accuracy in percent, as published),
        `weights` (`imagenet`, `phantom` or `none`), `licence` (of the weights), `idea`.
    """
    import pandas as pd

    rows = []
    for row in ZOO.values():
        measured, checkpoint = measure(row), row.checkpoint
        rows.append(
            {
                "network": row.name,
                "year": row.year,
                "size": measured.size,
                "layers": measured.layers,
                "parameters": measured.parameters,
                "macs": measured.macs,
                "receptive_field": measured.receptive_field,
                "top1": row.published_top1,
                "weights": "imagenet" if checkpoint else "phantom" if row.shipped else "none",
                "licence": checkpoint.licence
                if checkpoint
                else "Apache-2.0"
                if row.shipped
                else "",
                "idea": row.idea,
            }
        )
    return pd.DataFrame(rows)


def _shipped_licence(row: Entry) -> str:
    return origin_of(shipped(row)).licence if row.shipped else ""
