"""`firstread cache`."""

from __future__ import annotations

from typing import Annotated

import typer

_COLUMNS = ("backbone", "stage", "size (px)", "views", "MiB", "last used (days ago)")


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete all of it.")] = False,
    older_than: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS",
            min=0,
            help="Delete what was not used for so many days.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        float | None,
        typer.Option(
            metavar="GB",
            min=0,
            help="Delete what was used longest ago, until the rest takes no more than this.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show where features of images are kept, how large they are, and clean up.

    Features are only ever kept to save time: what is deleted is computed again when needed.
    """
    from firstread.cli.screen import console, notices
    from firstread.errors import UsageError
    from firstread.learning.cache import ENVIRONMENT, default_folder
    from firstread.learning.upkeep import clean

    folder = default_folder()
    if clear and (older_than is not None or limit is not None):
        raise UsageError("--clear deletes everything: drop --older-than and --limit")
    if clear or older_than is not None or limit is not None:
        try:
            files, nbytes = clean(
                folder,
                older_than_days=0.0 if clear else older_than,
                limit_bytes=None if limit is None else limit * 1e9,
            )
        except OSError as error:
            raise UsageError(
                f"{error.filename or folder}: can't be deleted ({error.strerror}); delete it by "
                f"hand, or name another folder in {ENVIRONMENT}"
            ) from None
        console.print(f"deleted: {files} {'file' if files == 1 else 'files'}, {_size(nbytes)}")
    notices.print(f"The cache is {folder}; {ENVIRONMENT} names another.", markup=False)
    _show()


def _show() -> None:
    import time

    from firstread.cli.screen import notices, print_table
    from firstread.learning.cache import default_folder
    from firstread.learning.upkeep import holdings

    held = holdings(default_folder())
    if not held:
        notices.print("It is empty.")
        return
    now = time.time()
    rows = [
        [
            str(holding.description.get("backbone", "")),
            str(holding.description.get("stage", "")),
            str(holding.description.get("preprocessing", {}).get("size", "")),
            str(holding.views),
            f"{holding.nbytes / 2**20:.1f}",
            f"{max(0.0, now - holding.used) / 86400:.1f}",
        ]
        for holding in sorted(held, key=lambda holding: str(sorted(holding.description.items())))
    ]
    print_table(_COLUMNS, rows, right=_COLUMNS[2:])
    notices.print(f"{_size(sum(holding.nbytes for holding in held))} in all.")


def _size(nbytes: int) -> str:
    return f"{nbytes / 2**20:.1f} MiB" if nbytes < 1e9 else f"{nbytes / 1e9:.2f} GB"
