"""The ``ebana`` command: its subcommands, and what becomes of errors.

Exit codes: 0 done; 1 a check failed, or a run could not be brought to its end; 2 wrong usage or
input; 130 stopped by Ctrl-C, 143 by SIGTERM. Errors are one line on standard error; ``--debug`` (or
EBANA_DEBUG=1) shows the whole traceback instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ebana.cli import (
    check,
    doctor,
    evaluate,
    info,
    netlist,
    onchip,
    onchip_parity,
    onchip_study,
    onchip_twin,
    op,
    parity,
    reproduce,
    train,
    transfer,
    vary,
)
from ebana.cli.failures import describe, exit_code, stopped_code
from ebana.interruption import Terminated, watched

DEBUG = "EBANA_DEBUG"

app = typer.Typer(
    name="ebana",
    help="Design, train and validate analog neural networks.",
    epilog="Results go to standard output, progress and errors to standard error.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from ebana import __version__

        typer.echo(f"ebana {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Design, train and validate analog neural networks."""
    if debug:
        os.environ[DEBUG] = "1"


for command in (
    train,
    evaluate,
    netlist,
    op,
    check,
    doctor,
    parity,
    vary,
    transfer,
    reproduce,
    onchip,
    onchip_parity,
    onchip_study,
    onchip_twin,
    info,
):
    app.command(command.NAME)(command.run)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: the words after ``ebana``; those of this process if not given.
    """
    before = os.environ.get(DEBUG)
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        with watched():
            return int(app(args=words, prog_name="ebana", standalone_mode=False, obj=words) or 0)
    except (KeyboardInterrupt, Terminated) as signal:
        print("ebana: stopped", file=sys.stderr)
        return stopped_code(signal)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - whoever read our output has gone
        return 1
    except Exception as error:
        if os.environ.get(DEBUG, "0") not in ("", "0"):
            raise
        print(f"ebana: {describe(error)}", file=sys.stderr)
        return exit_code(error)
    finally:
        _restore(before)


def _restore(debug: str | None) -> None:
    """``--debug`` holds for one call."""
    if debug is None:
        os.environ.pop(DEBUG, None)
    else:
        os.environ[DEBUG] = debug
