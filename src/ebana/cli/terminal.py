"""What goes where: results to standard output, everything else to standard error.

With ``--json`` standard output carries one line and nothing else, whatever the libraries below say.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any


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
        console = Console(file=sys.stderr if self.only_json else sys.stdout, markup=False, highlight=False)
        console.print(table)

    @contextmanager
    def bar(self, what: str) -> Iterator[Callable[[int, int, str], None]]:
        """A progress bar on standard error; yields ``advance(done, total, now)``."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.fields[now]}"), console=Console(file=sys.stderr)) as bar:
            task = bar.add_task(what, total=None, now="")
            yield lambda done, total, now: bar.update(task, completed=done, total=total, now=now)

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


def to_json(value: object, indent: int | None = None) -> str:
    """Strict JSON: null where a number is not finite."""
    return json.dumps(strict(value), allow_nan=False, indent=indent)


def strict(value: Any) -> Any:
    """The value made of what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return strict(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
