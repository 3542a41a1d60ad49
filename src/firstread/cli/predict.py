"""`firstread predict`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firstread.cli import options

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from firstread.classifier import Classifier
    from firstread.outlets.answer import Answer

_WORDS = ("path", "volume", "label", "set", "advice")


def predict(
    run: Annotated[Path, typer.Argument(help="Finished run folder.", show_default=False)],
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE…|FOLDER|-",
            help="Images, folders of them, or - for a list of paths on standard input. With "
            "--cluster also CSV or Parquet tables with a column path or url, tar shards "
            "({000..099}.tar), and URLs.",
            show_default=False,
        ),
    ],
    csv: Annotated[
        Path | None, typer.Option(help="Write the predictions to this CSV.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Draw the images with their scores (.png, .pdf, .svg).", show_default=False
        ),
    ] = None,
    dicom_sr: Annotated[
        Path | None,
        typer.Option(
            "--dicom-sr",
            metavar="FOLDER",
            help="Write a DICOM structured report for each file.",
            show_default=False,
        ),
    ] = None,
    dicom_sc: Annotated[
        Path | None,
        typer.Option(
            "--dicom-sc",
            metavar="FOLDER",
            help="Write a DICOM picture with label and score for each image.",
            show_default=False,
        ),
    ] = None,
    overlay: Annotated[
        bool,
        typer.Option("--overlay", help="Lay over the DICOM pictures where the network looked."),
    ] = False,
    codes: options.Codes = None,
    slices: options.Slices = None,
    volumes: Annotated[
        str | None,
        typer.Option(
            metavar="mean|top:K",
            help="One line a volume instead of one a slice: the mean of the slices' log-odds, or "
            "the mean of the K greatest probabilities.",
            show_default=False,
        ),
    ] = None,
    skip_unreadable: options.SkipUnreadable = False,
    coverage: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Add columns: the set of classes that holds the true one for this share of "
            "images, how far an image is from those of training (above 1: refused), and advice.",
            show_default=False,
        ),
    ] = None,
    cluster: options.Cluster = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|URL",
            help="With --cluster: write the predictions there as Parquet, a file for each part, "
            "instead of printing them; where it was stopped, the same command goes on.",
            show_default=False,
        ),
    ] = None,
    workers: options.Workers = None,
    shard: Annotated[
        int | None,
        typer.Option(
            metavar="IMAGES",
            help="With --out: images a part; 1024 if not given.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Label images with a trained classifier: path, label, probability of each class.

    Of volumes and multi-frame files those slices are labelled that the training used, unless
    --slices says otherwise.
    """
    from firstread.classifier import load
    from firstread.cli.careful import refusal_for
    from firstread.cli.screen import drawable, followed, notices, print_table
    from firstread.datasets import per_volume
    from firstread.errors import UsageError
    from firstread.images import located
    from firstread.refusing import predict as carefully

    if sheet is not None:
        drawable("--sheet", sheet)
    if coverage is not None and volumes is not None:
        raise UsageError("--coverage is for single images; leave --volumes out")
    if overlay and dicom_sc is None:
        raise UsageError("--overlay goes with --dicom-sc; name a folder for the pictures")
    if csv is not None and not csv.parent.is_dir():
        raise UsageError(f"{csv}: there is no folder {csv.parent} to write it to")
    if cluster is None and (out, workers, shard) != (None, None, None):
        raise UsageError("--out, --workers and --shard go with --cluster; write --cluster auto")
    printed = (csv, sheet, dicom_sr, dicom_sc, volumes) != (None,) * 5 or json
    if out is not None and printed:
        raise UsageError("--out writes Parquet and nothing else; leave the other outputs out")
    paths = [line for name in images for line in (_standard_input() if name == "-" else [name])]
    wanted = dicom_sr is not None or dicom_sc is not None
    if wanted:
        from firstread.outlets import writing
        from firstread.outlets.answer import answers
        from firstread.outlets.model import Model

        folders = writing.Folders(dicom_sr, dicom_sc)
        folders.check()
    elif codes is not None:
        raise UsageError("--codes goes with --dicom-sr; name a folder for the reports")
    classifier = load(run)
    predictions = None
    if cluster is not None:
        if coverage is not None:
            refusal_for(run, classifier, coverage)  # Workers read its file.
        from firstread.cli.clustered import predict_on

        predictions = predict_on(
            cluster,
            run,
            paths,
            out=out,
            slices=slices,
            workers=workers,
            size=shard,
            skip_unreadable=skip_unreadable,
            coverage=coverage,
        )
        if predictions is None:
            return
    if predictions is None or wanted or volumes is not None:
        used = classifier.used(paths, slices)
        named = used["path"].tolist()
    if wanted:
        model = Model.of(run, classifier, codes)
        files = [located(Path(path))[0] for path in named]
        known = writing.sources(files, skip=skip_unreadable)
    if predictions is None:
        if coverage is None:
            predictions = classifier.predict(named, skip_unreadable=skip_unreadable)
        else:
            refusal = refusal_for(run, classifier, coverage)
            predictions = carefully(
                classifier, refusal, named, coverage, skip_unreadable=skip_unreadable
            )
    for line in predictions.attrs["skipped"]:
        notices.print(f"left out: {line}", markup=False, style="yellow")
    slices_only = predictions
    if wanted:
        found = answers(predictions, classifier.classes, classifier.multilabel)
        display = classifier.preprocessing.display
        over = _looked(classifier) if overlay else None
        followed(writing.write(found, known, model, folders, display, over))
    if volumes is not None:
        belongs = dict(zip(used["path"], used["volume"], strict=True))
        predictions = per_volume(
            predictions,
            [belongs.get(path) for path in predictions["path"]],
            volumes,
            independent=classifier.multilabel,
        )
    if csv is not None:
        predictions.to_csv(csv, index=False)
    if sheet is not None:
        from firstread.report.figures import sheet as draw

        draw(slices_only, classifier.classes, classifier.preprocessing.display).savefig(
            sheet, dpi=120
        )
    if json:
        typer.echo(_as_json(predictions, classifier.classes))
        return
    heads = [name for name in map(str, predictions) if not name.startswith("p_")]
    columns = [*heads, *(f"p({name})" for name in classifier.classes)]
    rows = [
        [*map(str, row[: len(heads)]), *(f"{p:.5f}" for p in row[len(heads) :])]
        for row in predictions.itertuples(index=False)
    ]
    print_table(columns, rows, right=[name for name in columns if name not in _WORDS])


def _looked(classifier: Classifier) -> Callable[[Answer], npt.NDArray[np.floating]]:
    """Return what says where the network looked when it gave an answer, from 0 to 1."""
    import numpy as np

    from firstread.errors import UsageError

    def looked(answer: Answer) -> npt.NDArray[np.floating]:
        target = classifier.classes[int(np.argmax(answer.probabilities))]
        try:
            explanation = classifier.explain(answer.path, target=target)
        except UsageError:  # A feature map of a single place can't say where.
            explanation = classifier.explain(answer.path, "occlusion", target)
        marked = np.clip(explanation.map, 0, None)
        return np.asarray(marked / max(float(marked.max()), 1e-12))

    return looked


def _standard_input() -> list[str]:
    return [line.rstrip("\r\n") for line in sys.stdin if line.strip()]


def _as_json(predictions: pd.DataFrame, classes: tuple[str, ...]) -> str:
    import json

    heads = [name for name in map(str, predictions) if not name.startswith("p_")]
    scores = predictions[[f"p_{name}" for name in classes]].to_numpy(dtype=float)
    records = [
        {**head, "probabilities": dict(zip(classes, map(float, row), strict=True))}
        for head, row in zip(predictions[heads].to_dict("records"), scores, strict=True)
    ]
    return json.dumps(records, indent=2, ensure_ascii=False)
