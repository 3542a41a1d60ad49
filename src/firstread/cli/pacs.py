"""`firstread pacs`: the hospital's network."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from firstread.cli import options

pacs = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Take images from a PACS and send results to it.",
)

Url = Annotated[
    str,
    typer.Option("--dicomweb", metavar="URL", help="The archive's DICOMweb root."),
]
Authority = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca",
        metavar="PEM",
        help="Certificates of the other side, or of those who issued them.",
        show_default=False,
    ),
]
Queue = Annotated[
    Path | None,
    typer.Option(help="Folder of what is unanswered; RUN-queue by default.", show_default=False),
]


@pacs.command()
def listen(
    run: Annotated[Path, typer.Argument(help="Finished run folder.", show_default=False)],
    ae: Annotated[str, typer.Option(help="This side's AE title.")],
    port: Annotated[int, typer.Option(help="Port to listen on.")],
    send_to: Annotated[
        str,
        typer.Option(metavar="AE@HOST:PORT", help="Where reports are sent."),
    ],
    bind: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for every one of this machine.")
    ] = "127.0.0.1",
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AE", help="AE title that is let in; may be repeated.", show_default="all"
        ),
    ] = None,
    associations: Annotated[int, typer.Option(min=1, max=100, help="Callers at a time.")] = 10,
    queue: Queue = None,
    most: Annotated[
        int, typer.Option(min=1, help="Unanswered images beyond which senders must wait.")
    ] = 10_000,
    largest: Annotated[
        int,
        typer.Option(metavar="MIB", min=1, max=4096, help="Size beyond which an image is refused."),
    ] = 512,
    codes: options.Codes = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(metavar="PEM", help="Secure connections by TLS.", show_default=False),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="PEM", help="Its key.", show_default=False)
    ] = None,
    tls_ca: Authority = None,
    send_tls: Annotated[bool, typer.Option("--send-tls", help="Send reports by TLS too.")] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Take up again what was put aside.")
    ] = False,
) -> None:
    """Answer every image that arrives by C-STORE with a structured report.

    Ends by Ctrl+C. What is unanswered then, or when the program is killed, is answered by the next
    run.
    """
    from firstread.classifier import load
    from firstread.cli.screen import notices
    from firstread.errors import UsageError
    from firstread.outlets.model import Model
    from firstread.outlets.pacs.answering import Listening, serve
    from firstread.outlets.pacs.listen import Address
    from firstread.outlets.pacs.node import Node, Tls, ae_title
    from firstread.outlets.pacs.send import Sender
    from firstread.progress import Notice

    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together; give both")
    if tls_cert is None and (tls_ca is not None or send_tls):
        raise UsageError("--tls-ca and --send-tls need --tls-cert and --tls-key")
    tls = None if tls_cert is None or tls_key is None else Tls(tls_cert, tls_key, tls_ca)
    address = Address(
        ae_title(ae),
        port,
        bind,
        associations,
        tuple(map(ae_title, accept or ())),
        None if tls is None else tls.accepting(),
        largest * 2**20,
    )
    sender = Sender(Node.parse(send_to), address.ae, tls.calling() if tls and send_tls else None)
    classifier = load(run)
    model = Model.of(run, classifier, codes)
    folder = queue or run.with_name(f"{run.resolve().name}-queue")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    for event in serve(
        classifier, model, address, sender, folder, most=most, stop=stop, retry=retry
    ):
        if isinstance(event, Listening):
            where = f"{address.ae} at {bind}:{event.port}, reports to {sender.node}"
            left = f"; {event.left} images are left from before" if event.left else ""
            notices.print(f"listening as {where}{left}", markup=False)
        elif isinstance(event, Notice):
            notices.print(event.text, markup=False, style="yellow")
        else:
            done = f"{event.arrived} arrived, {event.answered} answered, {event.sent} sent"
            failed = f", {event.failed} put aside" if event.failed else ""
            refused = f", {event.refused} refused" if event.refused else ""
            notices.print(done + failed + refused)


@pacs.command()
def aside(
    queue: Annotated[Path, typer.Argument(help="The listener's queue.", show_default=False)],
    drop: Annotated[bool, typer.Option("--drop", help="Remove them for good.")] = False,
) -> None:
    """List images that a listener has put aside, with the reasons.

    They can't be read, or the archive refused their reports for good. `listen --retry` takes them
    up again.
    """
    from contextlib import closing

    from firstread.cli.screen import console, print_table
    from firstread.errors import UsageError
    from firstread.outlets.pacs.queue import Queue

    if not (queue / "queue.sqlite").exists():
        raise UsageError(f"{queue}: is no queue of a listener")
    with closing(Queue(queue)) as opened:
        print_table(("file", "reason"), [(str(file), why) for file, why in opened.failures()])
        if drop:
            console.print(f"{opened.drop_failed()} removed")


@pacs.command()
def pull(
    url: Url,
    out: Annotated[Path, typer.Option(help="Folder for the images.")],
    study: Annotated[
        list[str] | None,
        typer.Option(metavar="UID", help="A study; may be repeated.", show_default=False),
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEYWORD=VALUE",
            help="A condition, as Modality=CR or StudyDate=20240101-20240131; all of several hold.",
            show_default=False,
        ),
    ] = None,
    tls_ca: Authority = None,
) -> None:
    """Fetch images from an archive by DICOMweb, to train on or to predict.

    Started again, it fetches what is still missing. A user and password are taken from the
    environment: DICOMWEB_USER and DICOMWEB_PASSWORD, or DICOMWEB_TOKEN.
    """
    from firstread.cli.screen import bar, console, notices
    from firstread.errors import UsageError
    from firstread.outlets.pacs import dicomweb
    from firstread.progress import Step

    if not out.absolute().parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent} to make it in")
    archive = dicomweb.Archive(url, tls_ca)
    conditions = dicomweb.parse_query(query or ())
    fetched = 0
    with bar() as drawn:
        task = drawn.add_task("asking the archive", total=None)
        for event in dicomweb.pull(archive, out, studies=study or (), query=conditions):
            if isinstance(event, Step):
                fetched = event.done
                drawn.update(task, description=event.phase, completed=event.done, total=event.of)
            else:
                notices.print(event.text, markup=False, style="yellow")
    console.print(f"{fetched} images in {out}", markup=False)


@pacs.command()
def push(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER|FILE…", help="DICOM files, or folders of them.", show_default=False
        ),
    ],
    url: Url,
    tls_ca: Authority = None,
) -> None:
    """Store DICOM files in an archive by DICOMweb, such as those of predict --dicom-sr.

    A user and password are taken from the environment: DICOMWEB_USER and DICOMWEB_PASSWORD, or
    DICOMWEB_TOKEN.
    """
    from firstread.cli.screen import console, followed
    from firstread.errors import DataError
    from firstread.images import kind_of
    from firstread.outlets.pacs import dicomweb

    listed = [
        file
        for path in files
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.is_file()
    ]
    found = [file for file in listed if kind_of(file) == "dicom"]
    missing = [str(path) for path in files if not path.exists()]
    if missing or not found:
        raise DataError(
            [f"{path}: does not exist; check the path" for path in missing]
            or [f"{', '.join(map(str, files))}: no DICOM files to store"]
        )
    followed(dicomweb.push(dicomweb.Archive(url, tls_ca), found))
    others = len(listed) - len(found)
    passed = f"; {others} other files passed over" if others else ""
    console.print(f"{len(found)} files stored{passed}")
