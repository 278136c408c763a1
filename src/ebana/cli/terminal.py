"""What goes where: results to standard output, everything else to standard error.

With ``--json`` standard output carries one line and nothing else, whatever the libraries below say.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TYPE_CHECKING, Any

from ebana.storage.strict_json import to_json

if TYPE_CHECKING:
    from ebana.progress import Bar


class Terminal:
    """The way out of a command.

    Args:
        only_json: whether standard output is kept for one line of JSON.
    """

    def __init__(self, only_json: bool) -> None:
        self.only_json = only_json

    def say(self, text: str = "") -> None:
        """Text for a person."""
        print(text, file=sys.stderr if self.only_json else sys.stdout, flush=True)

    def note(self, text: str) -> None:
        """A remark beside the result, always on standard error."""
        print(text, file=sys.stderr, flush=True)

    def table(self, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows with the same keys, as a table for a person."""
        from rich.console import Console
        from rich.table import Table

        table = Table(title=title, title_justify="left")
        for i, key in enumerate(rows[0]):
            table.add_column(key, overflow="fold", no_wrap=i == 0)
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        file = sys.stderr if self.only_json else sys.stdout
        console = Console(file=file, markup=False, highlight=False, force_jupyter=False)
        console.print(table)

    def bar(self, what: str) -> Advance:
        """Progress on standard error."""
        return Advance(what)

    def result(self, result: Mapping[str, Any]) -> None:
        """The result as one line of JSON, if that was asked for."""
        if self.only_json:
            with suppress(AttributeError):
                sys.stdout.flush()
            print(to_json(result), flush=True)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """While this lasts, whatever is printed by others goes to standard error."""
        if not self.only_json:
            yield
            return
        with _quiet_handle(), redirect_stdout(sys.stderr):
            yield


class Advance:
    """A bar whose total is told with the first thing that is begun: ``with Advance(what) as advance``."""

    def __init__(self, what: str) -> None:
        self._what, self._began = what, time.monotonic()
        self._bar: Bar | None = None
        self._total = 0

    def __enter__(self) -> Advance:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            if error == (None, None, None):
                self._bar.show(self._total)
            self._bar.__exit__(*error)  # type: ignore[arg-type]

    def __call__(self, done: int, total: int, now: str) -> None:
        """So many of all are done, and this one is begun."""
        from ebana.progress import bar, time_left

        if self._bar is None:
            self._bar = bar(self._what, total, verbose=True).__enter__()
        self._total = total
        self._bar.show(done, time_left(time.monotonic() - self._began, done, total), [now])


@contextmanager
def _quiet_handle() -> Iterator[None]:
    """The same for C libraries, which write to the file descriptor itself."""
    try:
        ours = sys.stdout.fileno() == 1
    except (OSError, ValueError, AttributeError):  # a test's stand-in
        ours = False
    if not ours:
        yield
        return
    sys.stdout.flush()
    saved = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
