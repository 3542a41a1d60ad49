"""`firstread app`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def app(
    runs: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Where runs and dropped images are kept."),
    ] = Path("~/firstread"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 7860,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Open the whole way in the browser, from a folder of images to a judged model.

    For you alone, by the token in its address, and without any request to another machine. Ends
    by Ctrl+C; a training goes on, and is found again.
    """
    import webbrowser
    from contextlib import ExitStack

    from firstread.app.guard import doorway
    from firstread.app.server import serving
    from firstread.app.shelf import Shelf
    from firstread.cli.screen import notices

    shelf = Shelf(runs.expanduser().absolute())
    with ExitStack() as stack:
        for address in serving(shelf, port):
            notices.print(f"the page: {address}", markup=False)
            notices.print(f"the runs: {shelf.folder}. Ctrl+C ends this.", markup=False)
            if browser:
                door = stack.enter_context(doorway(shelf.folder, address))
                webbrowser.open(door.as_uri())
    going = [entry.name for entry in shelf.entries() if entry.state == "training"]
    for name in going:
        notices.print(f"{name} goes on training; firstread app finds it again", markup=False)
    notices.print("ended")
