"""How far long work is: a live bar on a terminal and in a notebook, a line now and then elsewhere.

Standard output stays clean, so that a program's own output can be piped on: bars and lines are on standard
error, in a notebook in a display of their own.

A terminal's line holds the bar, the count, the time that has passed and the time left, whatever its width; of the texts
beside them as many as fit, the first ones first.
"""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import IO, Any, ClassVar, Protocol

Count = Callable[[float, float | None], str]
"""Makes text of what is done and of all there is, if that is known."""

PULSE = 0.2
"""Seconds between two drawings."""

SECONDS_BETWEEN_LINES = 10.0
"""Seconds between two lines where nothing can be drawn over."""

NARROWEST, WIDEST = 8, 24
"""Cells of a bar up to 80 columns, and on a wide terminal."""


class Bar(AbstractContextManager["Bar"], Protocol):
    """Shows how far work is while its ``with`` block lasts."""

    live: ClassVar[bool]
    """Whether it is drawn over itself, so that it may be shown as often as one likes."""

    def note(self, text: str) -> None:
        """Say what is going on."""
        ...

    def show(self, done: float, left: float | None = None, texts: Sequence[str] = ()) -> None:
        """Draw it anew.

        Args:
            done: how much is done, of the total.
            left: seconds that the rest will take, None where that is not known.
            texts: what else there is to say, the most important first.
        """
        ...


def whole(done: float, total: float | None) -> str:
    """Whole numbers, ``3/12``.

    Example:
        >>> whole(3.7, 12), whole(3, None)
        ('3/12', '3')
    """
    return f"{done:.0f}" if total is None else f"{int(done):{len(f'{total:.0f}')}d}/{total:.0f}".strip()


def duration(seconds: float | None) -> str:
    """Hours, minutes and seconds.

    Example:
        >>> duration(3725.4), duration(None)
        ('1:02:05', '-:--:--')
    """
    if seconds is None or not 0 <= seconds < 1e9:
        return "-:--:--"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def time_left(passed: float, done: float, total: float | None) -> float | None:
    """Seconds that the rest will take at the pace of what is done; None where that is not known.

    Args:
        passed: seconds that it has taken so far.
        done, total: how much of how much.

    Example:
        >>> time_left(6.0, 2, 10), time_left(6.0, 0, 10)
        (24.0, None)
    """
    return passed / done * (total - done) if done > 0 and total is not None else None


def fitting(texts: Sequence[str], width: int) -> str:
    """As many of the texts, from the first on, as a line of that width holds; some of the first at least.

    Example:
        >>> fitting(["loss 0.25", "accuracy 97.5%"], 30), fitting(["loss 0.25", "accuracy 97.5%"], 20)
        ('loss 0.25, accuracy 97.5%', 'loss 0.25')
    """
    shown = ""
    for text in texts:
        longer = f"{shown}, {text}" if shown else text
        if len(longer) > width:
            break
        shown = longer
    return shown or "".join(texts[:1])[: max(width, 0)]


def bar(
    what: str,
    total: float | None,
    verbose: bool | None = None,
    file: IO[str] | None = None,
    count: Count = whole,
    clock: Callable[[], float] = time.monotonic,
) -> Bar:
    """The right bar for where the program runs.

    Args:
        what: what is counted, a word.
        total: how many there are, None where that is not known.
        verbose: True to show, False for silence, None to show where somebody watches: standard error is a
            terminal, or the program a notebook.
        file: where to, standard error if not given.
        count: how the count is written.
        clock: source of seconds.

    Example:
        >>> with bar("circuit", 3, verbose=False) as progress:
        ...     progress.show(1, 12.0, ["a divider"])
    """
    if verbose is False:
        return Silent()
    if file is None and (display := _notebook()) is not None:
        return NotebookBar(what, total, display, count, clock)
    from rich.console import Console

    stream = sys.stderr if file is None else file
    console = Console(file=stream, force_jupyter=False)
    if console.is_terminal:
        return TerminalBar(what, total, console, count, clock)
    return Lines(what, total, stream, count, clock) if verbose else Silent()


class Silent:
    """No bar."""

    live: ClassVar[bool] = True

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""

    def note(self, text: str) -> None:
        """See :meth:`Bar.note`."""

    def show(self, done: float, left: float | None = None, texts: Sequence[str] = ()) -> None:
        """See :meth:`Bar.show`."""


class Lines:
    """A line now and then, and one at the end.

    Args:
        what, total, file, count, clock: see :func:`bar`.
    """

    live: ClassVar[bool] = False

    def __init__(self, what: str, total: float | None, file: IO[str], count: Count, clock: Any) -> None:
        self._what, self._total, self._file = what, total, file
        self._count, self._clock, self._last = count, clock, clock()

    def __enter__(self) -> Lines:
        self._last = self._clock()
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""

    def note(self, text: str) -> None:
        """See :meth:`Bar.note`."""
        print(f"{text} ...", file=self._file, flush=True)

    def show(self, done: float, left: float | None = None, texts: Sequence[str] = ()) -> None:
        """See :meth:`Bar.show`."""
        now, ended = self._clock(), self._total is not None and done >= self._total
        if not ended and now - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = now
        tail = [f"{left:.0f} s left"] if left and not ended else []
        print(
            f"{self._what} {self._count(done, self._total)}: {', '.join([*texts, *tail])}",
            file=self._file,
            flush=True,
        )


class TerminalBar:
    """A bar on a terminal.

    Args:
        what, total, count, clock: see :func:`bar`.
        console: Rich's console of the terminal.
    """

    live: ClassVar[bool] = True

    def __init__(self, what: str, total: float | None, console: Any, count: Count, clock: Any) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        self._what, self._total, self._count = what, total, count
        width = min(WIDEST, max(NARROWEST, NARROWEST + (console.width - 80) // 2))
        self._progress = Progress(
            TextColumn("{task.description} {task.fields[count]}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=width),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[left]} left", table_column=Column(no_wrap=True)),
            _texts_column(Column(ratio=1, no_wrap=True, overflow="crop")),
            console=console,
            expand=True,
            refresh_per_second=1 / PULSE,
            get_time=clock,
        )
        self._task: Any = None
        self._done = 0.0

    def __enter__(self) -> TerminalBar:
        self._progress.start()
        self._task = self._progress.add_task(self._what, total=self._total, **self._fields(0.0, None, ()))
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        """See :meth:`Bar.note`."""
        self.show(self._done, texts=[text])

    @property
    def is_shown(self) -> bool:
        """Whether the bar is being drawn."""
        return self._progress.live.is_started

    def show(self, done: float, left: float | None = None, texts: Sequence[str] = ()) -> None:
        """See :meth:`Bar.show`."""
        self._done = done
        if self._task is not None:
            self._progress.update(self._task, completed=done, **self._fields(done, left, texts))

    def _fields(self, done: float, left: float | None, texts: Sequence[str]) -> dict[str, Any]:
        return {
            "count": self._count(done, self._total),
            "left": duration(left),
            "texts": tuple(texts),
        }


def _texts_column(column: Any) -> Any:
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Fitting:
        def __init__(self, texts: Sequence[str]) -> None:
            self.texts = texts

        def __rich_console__(self, console: Any, options: Any) -> Any:
            yield Text(fitting(self.texts, options.max_width), no_wrap=True, overflow="crop")

    class Texts(ProgressColumn):
        def render(self, task: Any) -> Any:
            return Fitting(task.fields["texts"])

    return Texts(table_column=column)


class NotebookBar:
    """A bar in a notebook, a display that is updated.

    Args:
        what, total, count, clock: see :func:`bar`.
        display: IPython's function of that name.
    """

    live: ClassVar[bool] = True

    def __init__(self, what: str, total: float | None, display: Any, count: Count, clock: Any) -> None:
        self._what, self._total, self._display = what, total, display
        self._count, self._clock = count, clock
        self._handle: Any = None
        self._began = self._drawn = clock()
        self._latest: tuple[float, float | None, Sequence[str]] = (0.0, None, ())

    def __enter__(self) -> NotebookBar:
        self._began = self._drawn = self._clock()
        self._handle = self._display(self._drawing(), raw=True, display_id=True)
        return self

    def __exit__(self, *error: object) -> None:
        self._draw()

    def note(self, text: str) -> None:
        """See :meth:`Bar.note`."""
        self._latest = (self._latest[0], None, [text])
        self._draw()

    def show(self, done: float, left: float | None = None, texts: Sequence[str] = ()) -> None:
        """See :meth:`Bar.show`."""
        self._latest = (done, left, texts)
        if self._clock() - self._drawn >= PULSE:
            self._draw()

    def _draw(self) -> None:
        self._drawn = self._clock()
        if self._handle is not None:
            self._handle.update(self._drawing(), raw=True)

    def _drawing(self) -> dict[str, str]:
        done, left, texts = self._latest
        passed = duration(self._clock() - self._began)
        words = f"{self._what} {self._count(done, self._total)}"
        times = ", ".join([passed, f"{duration(left)} left", *texts])
        share = None if not self._total else min(max(done / self._total, 0.0), 1.0)
        filled = 0 if share is None else round(share * WIDEST)
        value = "" if share is None else f' value="{share:.4f}"'
        return {
            "text/plain": f"{words} [{'#' * filled}{'.' * (WIDEST - filled)}] {times}",
            "text/html": f"<span>{html.escape(words)} <progress{value} max='1'></progress> "
            f"{html.escape(times)}</span>",
        }


def _notebook() -> Any:
    """IPython's ``display`` where its shell is a kernel's, as in Jupyter; else None."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython  # type: ignore[import-not-found]
    from IPython.display import display  # type: ignore[import-not-found]

    return display if getattr(get_ipython(), "kernel", None) is not None else None
