"""`firstread export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from firstread.outlets.export.checking import Check
    from firstread.outlets.export.files import Exported, File


def export(
    run: Annotated[Path, typer.Argument(help="Finished run folder.", show_default=False)],
    onnx: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.onnx",
            help="ONNX file to write, and a page of Python beside it that uses it by itself.",
            show_default=False,
        ),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Write FILE.int8.onnx too: layers in 8 bits, their ranges from training images; "
            "smaller and faster, a little less exact.",
        ),
    ] = False,
    torch: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.pt2",
            help="torch.export program to write, for C++ or PyTorch without firstread. (There is "
            "no TorchScript: PyTorch has given it up for this.)",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a trained classifier as one file for programs that don't have firstread.

    The file takes pixels as displayed, of any size, and holds the rest: resizing, normalising,
    network, temperature, softmax, class names and card. It is compared with PyTorch on 100 images
    before it is written.
    """
    from firstread.cli.screen import console, followed, print_table
    from firstread.outlets.export.exporting import exporting

    done: Exported = followed(exporting(run, onnx, int8=int8, torch_program=torch))
    if done.page is not None and onnx is not None:
        typer.echo(done.page)
        console.print(
            f"Above: {onnx.with_suffix('.py')}, which uses the file without firstread.",
            markup=False,
        )
    for file in done.files:
        if file.check is not None:
            console.print(f"{file.path}: {_compared(file.check)}", markup=False)
    for sentence in _notes(done):
        console.print(sentence, markup=False)
    columns = ["file", "MB", "ms an image", "accuracy (%)", "95 % interval"]
    rows = [_row(file) for file in done.files]
    first = next(file.check for file in done.files if file.check is not None)
    rows.insert(0, ["firstread predict", "", f"{first.own:.1f}", "", ""])
    print_table(columns, rows, right=columns[1:])


def _compared(check: Check) -> str:
    made = f", {check.made} of them made for it" if check.made else ""
    return (
        f"agrees with PyTorch on {check.images} images{made} ({check.dicom} DICOM): largest "
        f"difference of a probability {check.largest:.1g}"
    )


def _notes(done: Exported) -> list[str]:
    said = []
    bits, others = ("16", "8") if done.deep else ("8", "16")
    if done.other:
        said.append(
            f"Made for images of {bits} bits, as most of the run's are; {done.other} have {others} "
            "and were not checked."
        )
    for file in done.files:
        if file.unread:
            said.append(
                f"The page reads all but {len(file.unread)} of these images as firstread does; for "
                f"the others give it their pixels. The first: {file.unread[0]}"
            )
        if file.changed is not None and file.accuracy is not None:
            said.append(
                f"int8 changes the label of {file.changed} of the {file.accuracy.n} images that "
                "accuracy is measured on."
            )
    if done.files[-1].path.name.endswith(".int8.onnx") and done.files[-1].accuracy is None:
        said.append("Accuracy was not measured: none of the images held out is where it was.")
    return said


def _row(file: File) -> list[str]:
    share, interval = "", ""
    if file.accuracy is not None:
        share = f"{100 * file.accuracy.value:.1f}"
        interval = f"{100 * file.accuracy.low:.0f} to {100 * file.accuracy.high:.0f}"
    size = f"{len(file.data) / 1e6:.1f}"
    return [str(file.path), size, f"{file.milliseconds:.1f}", share, interval]
