"""What a command that takes long keeps until it is done, and how it is gone on with."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import typer

from ebana.cli.clock import process_seconds
from ebana.cli.failures import stopped_code
from ebana.cli.terminal import Terminal
from ebana.interruption import Terminated
from ebana.storage.parts import Parts

NAME = "unfinished"
"""Name of the folder within that of the command."""


class Unfinished:
    """The folder ``unfinished`` of a command that takes long: there while it lasts, gone when it is done.

    Args:
        folder: the command's own folder, which may come to be.
        resume: whether to go on with what is there.
        terminal: where to tell.
        words: the command's own words.
    """

    def __init__(self, folder: Path, resume: bool, terminal: Terminal, words: list[str]) -> None:
        from ebana.reports.run_folder import RunFolder

        RunFolder(folder).check("Choose another folder with --out.")
        self.folder, self.terminal, self.words = folder, terminal, words
        self.parts = Parts(folder / NAME, resume=resume, clock=process_seconds)
        if resume and not (folder / NAME).is_dir():
            terminal.note(f"nothing unfinished in {folder}: the run starts from its beginning")
        elif resume and self.parts.finished:
            terminal.note(f"finished already: {', '.join(self.parts.finished)}")

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say how to go on where a signal stops what is done within."""
        try:
            yield
        except (KeyboardInterrupt, Terminated) as signal:
            if (self.folder / NAME).is_dir():
                self.terminal.note(f"stopped; go on with: {self._command()}")
            self.parts.close()
            raise typer.Exit(stopped_code(signal)) from None
        except BaseException:
            self.parts.close()
            raise

    def remove(self) -> None:
        """All is done; folders that only this needed go too."""
        self.parts.remove()
        with suppress(OSError):  # there are other things in it
            self.folder.rmdir()
            if not self.folder.is_absolute():
                self.folder.parent.rmdir()

    def _command(self) -> str:
        """The command that goes on, made of the one that was given."""
        words = [word for word in self.words if word != "--resume"]
        return shlex.join(["ebana", *words, "--resume"])
