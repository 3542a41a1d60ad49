"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SkipUnreadable = Annotated[
    bool,
    typer.Option("--skip-unreadable", help="Leave out files that can't be read, and list them."),
]
Backbone = Annotated[
    str | None,
    typer.Option(help="A network of `firstread zoo`, or timm/NAME.", show_default=False),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="imagenet|phantom|none|FILE",
        help="What the network starts from. By default the official weights where this machine "
        "has them, else those that come with firstread; `imagenet` downloads them.",
        show_default=False,
    ),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        metavar="auto|probe|finetune|scratch",
        help="auto compares the cheap ones and takes the best (the default); a linear classifier "
        "on fixed features; layers train from pretrained weights; all train from random weights.",
        show_default=False,
    ),
]
Stage = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|all",
        help="The network's last stage to use (`firstread zoo NETWORK` lists them); all compares "
        "their features.",
        show_default=False,
    ),
]
Classifier = Annotated[
    str | None,
    typer.Option(
        metavar="softmax|svm", help="What a probe puts on the features.", show_default=False
    ),
]
Balance = Annotated[
    str | None,
    typer.Option(
        metavar="none|weights|sampling",
        help="Against classes of unequal size: weights to the loss, or rare classes drawn more "
        "often.",
        show_default=False,
    ),
]
Frozen = Annotated[
    str | None,
    typer.Option(
        metavar="STAGE",
        help="Fine-tuning: layers up to this stage never train, and run once, not every epoch.",
        show_default=False,
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        help="Stop after so many epochs without a lower validation loss; 0 never.",
        show_default=False,
    ),
]
LabelSmoothing = Annotated[
    float | None,
    typer.Option(help="Share of each label spread over all classes.", show_default=False),
]


def seconds(text: str) -> float:
    """Read a time such as `90`, `45s`, `2m` or `1h` as seconds.

    Examples
    --------
    >>> seconds("2m")
    120.0
    """
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1:]) if text[-1:] in units else (text, "s")
    try:
        value = float(number) * units[unit]
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{text!r} is no time; write for instance 45s, 2m or 1h")
    return value


Budget = Annotated[
    float | None,
    typer.Option(
        metavar="TIME",
        parser=seconds,
        help="How long comparing strategies may take: 45s, 2m, 1h. 15s by default, 2m for advise.",
        show_default=False,
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the images.", show_default=False)]
Neutralise = Annotated[
    str | None,
    typer.Option(
        metavar="size,border,histogram",
        help="Take away from images what a network could tell classes by without the anatomy: "
        "pad instead of squash, crop borders, equalise histograms.",
        show_default=False,
    ),
]
BatchSize = Annotated[int | None, typer.Option(help="Images a step.", show_default=False)]
LearningRate = Annotated[
    str | None,
    typer.Option(
        "--lr",
        metavar="RATE|auto",
        help="Learning rate; auto finds one by a range test.",
        show_default=False,
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(help="Side that images are squashed to, in pixels.", show_default=False),
]
Augment = Annotated[
    str | None,
    typer.Option(
        metavar="none|mild|tutorial", help="Random distortions in training.", show_default=False
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        help="Decides split, weights, order and distortions; 0 by default.", show_default=False
    ),
]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to compute.")]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="auto|float32|bfloat16|float16",
        help="Number format; auto measures which is faster.",
        show_default=False,
    ),
]

Window = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|C,W|full|percentile|first",
        help="The window that DICOM and NIfTI images are seen through: the first of the file; one "
        "named in it, or lung, bone, brain, ... for CT; a centre and width as 40,400; all values; "
        "or the middle 98 % of the pixels. The first by default.",
        show_default=False,
    ),
]
Spacing = Annotated[
    float | None,
    typer.Option(
        metavar="MM",
        help="Resample images to so many millimetres a pixel; cut or pad instead of squash.",
        show_default=False,
    ),
]
Column = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TAG",
        help="DICOM element to keep as a column, by keyword or number; may be repeated.",
        show_default=False,
    ),
]
Slices = Annotated[
    str | None,
    typer.Option(
        metavar="each|middle|even:N|3,7|50%",
        help="Which slices of volumes and frames of multi-frame files. By default those that the "
        "run was trained on; for a training even:16 of each file, and all files of a series.",
        show_default=False,
    ),
]
Codes = Annotated[
    Path | None,
    typer.Option(
        metavar="CSV",
        help="Codes of the labels for DICOM reports: columns label, value, scheme, meaning.",
        show_default=False,
    ),
]
License = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Licence of the model, as the hub names it: apache-2.0, cc-by-4.0, ...",
        show_default=False,
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="auto|HOST:PORT",
        help="Do the work on the machines of a Ray cluster; auto takes that of RAY_ADDRESS, or "
        "starts Ray here. The results stay the same.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="With --cluster: how many workers, of one thread each; one for each core if not "
        "given.",
        show_default=False,
    ),
]
