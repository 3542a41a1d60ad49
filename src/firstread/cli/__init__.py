"""The command line: parses arguments and prints, nothing else."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated

import typer

from firstread import __version__
from firstread.cli.advise import advise
from firstread.cli.app import app as app_
from firstread.cli.audit import audit
from firstread.cli.cache import cache
from firstread.cli.card import card
from firstread.cli.compare import compare
from firstread.cli.demo import demo
from firstread.cli.evaluate import evaluate
from firstread.cli.explain import explain
from firstread.cli.export import export
from firstread.cli.inspect import inspect
from firstread.cli.pacs import pacs
from firstread.cli.predict import predict
from firstread.cli.pretrain import pretrain
from firstread.cli.report import report
from firstread.cli.screen import notices
from firstread.cli.serve import serve
from firstread.cli.share import pull, push
from firstread.cli.show import show
from firstread.cli.train import train
from firstread.cli.zoo import zoo
from firstread.errors import FirstreadError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (
    audit,
    advise,
    train,
    show,
    report,
    evaluate,
    predict,
    explain,
    compare,
    card,
    push,
    pull,
    export,
    serve,
    inspect,
    demo,
    zoo,
    cache,
    pretrain,
)
for command in COMMANDS:
    app.command()(command)
app.command("app")(app_)
app.add_typer(pacs, name="pacs")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"firstread {__version__}")
        raise typer.Exit


@app.callback()
def _firstread(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it and end."),
    ] = False,
) -> None:
    """Tell whether a network can tell your medical images apart, and whether to believe it.

    Start with: firstread demo
    """


def main() -> None:
    """Run the command line; firstread's own errors end it with exit code 2 and no traceback."""
    # Torch then asks Linux for large pages: a training step touches memory that is new to it all
    # the time, and takes about 6 % longer in small ones.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    # pydicom's warnings may quote values of a header, and those name patients.
    warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")
    try:
        app()
    except FirstreadError as error:
        notices.print(f"error: {error}", markup=False, style="red")
        sys.exit(2)
    except KeyboardInterrupt:
        notices.print("stopped")
        sys.exit(130)
    except BrokenPipeError:  # The reader of a pipe has gone; what it didn't read is not missed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
